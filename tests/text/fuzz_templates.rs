//! Random templates, made of the words of templates and of the mutations of good ones: each is a text or an
//! error, soon, in little memory and little stack; none panics.
#![cfg(feature = "text")]

use crate::support::counting::peak_of;

use wick::error::ErrorKind;
use wick::text::template::Template;
use wick::text::{Message, RenderInput};

/// What templates are made of.
const WORDS: [&str; 121] = [
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{%- ",
    " -%}",
    "{# ",
    " #}",
    "if ",
    "elif ",
    "else",
    "endif",
    "for x in ",
    "for k, v in ",
    "endfor",
    "set x = ",
    "set ns.x = ",
    "set x",
    "endset",
    "macro m(a, b=1)",
    "endmacro",
    "call m()",
    "endcall",
    "with a=1",
    "endwith",
    "filter upper",
    "endfilter",
    "generation",
    "endgeneration",
    "break",
    "continue",
    " recursive",
    "raw",
    "endraw",
    "messages",
    "messages[0]",
    ".content",
    ".role",
    "[0]",
    "[-1]",
    "[1:]",
    "[::-1]",
    "[::0]",
    "x",
    "ns",
    "namespace(x=1)",
    "loop",
    ".index",
    ".last",
    ".nextitem",
    ".cycle(1)",
    "loop(x)",
    "m(1)",
    "caller()",
    "varargs",
    "kwargs",
    "range(5)",
    "range(-1, 9, 3)",
    "dict(a=1)",
    "cycler(1, 2)",
    ".next()",
    "joiner()",
    "()",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "[]",
    "{}",
    "(1,)",
    "{'a': 1}",
    "'text'",
    "'é世'",
    "''",
    "1",
    "-1",
    "1.5",
    "9223372036854775807",
    "1e308",
    "none",
    "true",
    " + ",
    " - ",
    " * ",
    " / ",
    " // ",
    " % ",
    " ** ",
    " ~ ",
    " == ",
    " < ",
    " in ",
    " not in ",
    " and ",
    " or ",
    "not ",
    " is ",
    "defined",
    "odd",
    "divisibleby 0",
    "mapping",
    "|",
    "upper",
    "tojson(indent=2)",
    "join(',')",
    "map('upper')",
    "list",
    "sort",
    "groupby('role')",
    "batch(0)",
    "slice(3)",
    "indent(3, true)",
    "format(1)",
    "wordwrap(3)",
    "replace('', 'ab')",
    ".split('')",
    ".format(1)",
    ".zfill(9)",
    ".find('e', -3)",
];

/// A generator of numbers (xorshift64*), so that a failure can be seen again.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }
}

fn try_one(source: &str) {
    let messages = [
        Message { role: "user".into(), content: "héllo <s> wörld\n".into(), extra: None },
        Message { role: "assistant".into(), content: String::new(), extra: None },
    ];
    let input = RenderInput { messages: &messages, ..RenderInput::default() };
    let (result, peak) =
        peak_of(|| Template::new(source, "<s>", "</s>").and_then(|template| template.render(&input)));
    if let Err(error) = result {
        assert_eq!(error.kind(), ErrorKind::Template, "{source}");
    }
    assert!(peak < 64 << 20, "{peak} bytes: {source}");
}

#[test]
fn no_random_template_panics() {
    let work = || {
        let corpus: serde_json::Value = serde_json::from_str(include_str!("corpus.json")).unwrap();
        let good: Vec<&str> =
            corpus["cases"].as_array().unwrap().iter().map(|case| case[0].as_str().unwrap()).collect();
        let mut random = Random(0x5eed);
        for _ in 0..4000 {
            let words = 1 + random.next(24);
            let source: String = (0..words).map(|_| WORDS[random.next(WORDS.len())]).collect();
            try_one(&source);
            // Words in an expression are one more often.
            try_one(&format!("{{{{ {} }}}}", source.replace(['{', '}', '%'], "")));
        }
        for _ in 0..6000 {
            let mut letters: Vec<char> = good[random.next(good.len())].chars().collect();
            let other: Vec<char> = good[random.next(good.len())].chars().collect();
            for _ in 0..1 + random.next(3) {
                let (at, length) = (random.next(letters.len() + 1), random.next(4));
                match random.next(3) {
                    0 => drop(letters.drain(at..(at + length).min(letters.len()))),
                    1 => drop(letters.splice(at..at, WORDS[random.next(WORDS.len())].chars())),
                    _ => {
                        let from = random.next(other.len() + 1);
                        let part = &other[from..(from + 8 * length).min(other.len())];
                        drop(letters.splice(at..at, part.iter().copied()));
                    }
                }
            }
            try_one(&letters.into_iter().collect::<String>());
        }
    };
    // As little stack as a host's thread may have.
    std::thread::Builder::new().stack_size(64 << 10).spawn(work).unwrap().join().unwrap();
}
