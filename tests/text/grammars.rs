//! Answers under a grammar: regular expressions, Lark and GBNF on random logits, what is refused and how, and
//! what llguidance is kept from.
#![cfg(feature = "text")]
#![allow(clippy::print_stdout)]

use crate::grammar_walk::{Walk, Words, grammar, walk};
use crate::schemas::{FAMILIES, cases};
use crate::support::fuzz::{Random, grammar as fuzzed};
use serde_json::Value;
use std::sync::Arc;
use wick::error::ErrorKind;
use wick::text::Vocab;
use wick::text::grammar::{GrammarKind, Grammars};

fn follow(kind: GrammarKind, text: &str, seed: u64) -> Walk {
    let vocab: Arc<dyn Vocab> = Words::new();
    let mut bound = Grammars::default().bind(&grammar(kind, text), &vocab).unwrap();
    bound.begin("", None).unwrap();
    walk(&mut bound, &*vocab, seed)
}

fn refused(kind: GrammarKind, text: &str) -> String {
    let vocab: Arc<dyn Vocab> = Words::new();
    match Grammars::default().bind(&grammar(kind, text), &vocab) {
        Ok(_) => panic!("{text:?} compiles"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Grammar, "{error}");
            error.message().to_owned()
        }
    }
}

fn text(walk: Walk) -> String {
    match walk {
        Walk::Finished(text) => String::from_utf8(text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_json_is_json() {
    for seed in 0..40 {
        let text = text(follow(GrammarKind::Json, "", seed));
        serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn a_regular_expression_is_matched_whole() {
    for expression in ["(yes|no)", "^[a-c]{2,4}-\\d+$", "a*", "x(y|z)?", "[^/]{3}/[\"é]"] {
        let whole = regex_automata::meta::Regex::new(&format!("^(?:{expression})$")).unwrap();
        for seed in 0..10 {
            let text = text(follow(GrammarKind::Regex, expression, seed));
            assert!(whole.is_match(&text), "{expression}: {text:?}");
        }
    }
    for (expression, why) in [("", "empty"), ("(", "regex"), ("(?=a)b", "look-around")] {
        let said = refused(GrammarKind::Regex, expression);
        assert!(said.contains(why), "{expression:?}: {said}");
    }
    refused(GrammarKind::Regex, &"(".repeat(10_000));
}

#[test]
fn lark_and_gbnf_make_the_same_sums() {
    let lark = "start: sum\nsum: item (\"+\" item)*\nitem: NUMBER | \"(\" sum \")\"\nNUMBER: /[0-9]{1,3}/";
    let gbnf = "root ::= sum\nsum ::= item (\"+\" item)*\nitem ::= [0-9]{1,3} | \"(\" sum \")\"\n";
    for seed in 0..20 {
        for (kind, grammar) in [(GrammarKind::Lark, lark), (GrammarKind::Gbnf, gbnf)] {
            let text = text(follow(kind, grammar, seed));
            let depth = text.chars().fold(0i32, |depth, next| match next {
                '(' => depth + 1,
                ')' => depth - 1,
                _ => depth,
            });
            assert!(depth == 0 && !text.is_empty(), "{text}");
            assert!(text.chars().all(|next| "0123456789+()".contains(next)), "{text}");
        }
    }
}

/// The grammar of JSON that llama.cpp's users know, in own words.
#[test]
fn gbnf_that_recurs_makes_json() {
    let gbnf = r#"
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"#;
    for seed in 0..20 {
        let text = text(follow(GrammarKind::Gbnf, gbnf, seed));
        let value: Result<Value, _> = serde_json::from_str(&text);
        // A lone half of a surrogate pair is no JSON to Rust.
        assert!(value.is_ok_and(|value| value.is_object()) || text.contains("\\u"), "{text}");
    }
}

#[test]
fn what_llguidance_must_not_be_given_is_refused() {
    for (text, why) in [
        ("start: %json {\"type\": \"integer\"}", "\"%json\" in line 1"),
        ("start: /a/\n%llguidance {\"allow_invalid_utf8\": true}", "\"%llguidance\" in line 2"),
        ("start: missing", "missing"),
        ("start: \"a", "compile"),
        ("", "compile"),
    ] {
        let said = refused(GrammarKind::Lark, text);
        assert!(said.contains(why), "{text:?}: {said}");
    }
    refused(GrammarKind::Lark, &format!("start: {}\"a\"{}", "(".repeat(100_000), ")".repeat(100_000)));
    refused(GrammarKind::JsonSchema, &"[".repeat(1_000));
    refused(GrammarKind::JsonSchema, &format!("{{\"description\": \"{}\"}}", "a".repeat(300_000)));
}

/// What may take seconds or hundreds of megabytes without limits: it compiles and is followed, or is an
/// error.
#[test]
fn hostile_grammars_end() {
    let many: String = (0..600).map(|n| format!("\"p{n}\":{{\"type\":\"integer\"}},")).collect();
    let schemas = [
        format!("{{\"type\":\"object\",\"properties\":{{{many}\"z\":{{}}}}}}"),
        format!("{{\"type\":\"object\",\"properties\":{{{many}\"z\":{{}}}},\"additionalProperties\":true}}"),
        r#"{"type":"integer","multipleOf":9973,"minimum":-1000000000000,"maximum":999999999999}"#.to_owned(),
        r#"{"type":"number","multipleOf":0.0007}"#.to_owned(),
        r#"{"type":"string","pattern":"^(a{1,500}){1,500}$"}"#.to_owned(),
        r#"{"type":"string","pattern":"(.*a){20}.{20}"}"#.to_owned(),
        r#"{"type":"array","minItems":100000,"items":{"type":"integer"}}"#.to_owned(),
        format!("{{\"allOf\":[{}{{}}]}}", "{\"pattern\":\"a.{30}b\"},".repeat(30)),
        (0..900).fold(String::from("{\"$ref\":\"#/$defs/d0\",\"$defs\":{"), |text, n| {
            text + &format!("\"d{n}\":{{\"type\":\"array\",\"items\":{{\"$ref\":\"#/$defs/d{}\"}}}},", n + 1)
        }) + "\"d900\":{\"type\":\"null\"}}}",
    ];
    let vocab: Arc<dyn Vocab> = Words::new();
    let grammars = Grammars::default();
    let expressions = ["(a{1,1000}){1,1000}", "((a|b)*c){50}.{200}", "(\\w+\\s){1,300}"];
    let all = schemas.iter().map(|text| (GrammarKind::JsonSchema, text.as_str()));
    for (kind, text) in all.chain(expressions.map(|text| (GrammarKind::Regex, text))) {
        let begun = std::time::Instant::now();
        let outcome = match grammars.bind(&grammar(kind, text), &vocab) {
            Ok(mut bound) => format!("{:?}", walk(&mut bound, &*vocab, 1)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Grammar, "{error}");
                error.message().to_owned()
            }
        };
        let shown = |text: &str| text.chars().take(90).collect::<String>();
        println!("{} ms: {} -> {}", begun.elapsed().as_millis(), shown(text), shown(&outcome));
    }
}

#[test]
fn an_answer_prefix_is_the_grammar_s_too() {
    let vocab: Arc<dyn Vocab> = Words::new();
    let asked = grammar(
        GrammarKind::JsonSchema,
        r#"{"type":"object","properties":{"ab":{"type":"null"}},"required":["ab"]}"#,
    );
    let bind = || Grammars::default().bind(&asked, &vocab).unwrap();
    let mut bound = bind();
    bound.begin("{\"a", None).unwrap();
    assert_eq!(text(walk(&mut bound, &*vocab, 1)).replace([' ', '\n', '\r', '\t'], ""), "b\":null}");
    let error = bind().begin("{\"x", None).unwrap_err();
    assert!(error.message().contains("does not allow byte 2"), "{error}");
    let mut whole = bind();
    whole.begin("{\"ab\":null}", None).unwrap();
    assert!(whole.is_finished() && whole.check_finished().is_ok());
}

#[test]
fn what_comes_before_the_beginning_is_free() {
    let vocab: Arc<dyn Vocab> = Words::new();
    let mut bound = Grammars::default().bind(&grammar(GrammarKind::Regex, "abc"), &vocab).unwrap();
    let token = |text: &str| {
        (0..vocab.len() as u32).find(|id| vocab.piece(*id).unwrap().bytes == text.as_bytes()).unwrap()
    };
    for text in ["x", "}", "1"] {
        let (id, mask) = (token(text) as usize, bound.mask().unwrap());
        assert!(mask[id / 32] >> (id % 32) & 1 == 1, "{text}");
        assert!(bound.forced().is_empty());
        bound.accept(id as u32).unwrap();
    }
    assert!(!bound.has_begun() && !bound.is_finished());
    assert!(bound.check_finished().unwrap_err().message().contains("before"));
    // The thought's end came together with the answer's first letter.
    bound.begin("a", Some(token("1"))).unwrap();
    assert!(bound.has_begun());
    assert_eq!(text(walk(&mut bound, &*vocab, 1)), "bc");
}

#[test]
fn forced_tokens_are_the_tokenizer_s_own() {
    let vocab: Arc<dyn Vocab> = Words::new();
    let mut bound = Grammars::default()
        .bind(&grammar(GrammarKind::Regex, "properties are (required|optional)"), &vocab)
        .unwrap();
    bound.begin("", None).unwrap();
    bound.mask().unwrap();
    let mut alone = Vec::new();
    vocab.encode("properties are ", false, false, &mut alone).unwrap();
    let forced = bound.forced().to_vec();
    assert!(!forced.is_empty() && alone.starts_with(&forced), "{forced:?} and {alone:?}");
    for token in forced {
        let mask = bound.mask().unwrap();
        assert_eq!(mask.iter().map(|word| word.count_ones()).sum::<u32>(), 1);
        assert_eq!(mask[token as usize / 32] >> (token % 32) & 1, 1);
        bound.accept(token).unwrap();
    }
}

/// Texts of schemas and grammars with a few of their bytes changed, doubled or left out.
#[test]
fn changed_grammars_are_followed_or_refused() {
    let mut texts: Vec<(u8, String)> = vec![
        (1, "^([a-z]{2,9}|\\d+(\\.\\d*)?)$".into()),
        (2, "start: item (\",\" item)*\nitem: WORD | \"(\" start \")\"\nWORD: /[a-z]+/ & /.{2,4}/".into()),
        (3, "root ::= item (\",\" item)*\nitem ::= [a-z]+ | \"(\" root \")\"".into()),
    ];
    for (_, json) in FAMILIES {
        texts.extend(cases(json).into_iter().map(|case| (0, case.schema.to_string())));
    }
    let (mut random, mut followed) = (Random::new(1), 0);
    let pieces = [
        "{", "}", "[", "]", "\"", ",", ":", "null", "true", "-1", "1e9", "\\", "(", ")", "*", "{0,9}",
        "$ref", "#",
    ];
    for round in 0..600 {
        let (kind, text) = &texts[if round % 4 == 0 { random.below(3) } else { random.below(texts.len()) }];
        let mut bytes = text.clone().into_bytes();
        for _ in 0..1 + random.below(3) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => drop(bytes.splice(at..at, random.pick(&pieces).bytes())),
                1 => drop(bytes.drain(at..(at + 1 + random.below(6)).min(bytes.len()))),
                _ => {
                    let end = (at + random.below(30)).min(bytes.len());
                    let doubled = bytes[at..end].to_vec();
                    bytes.splice(at..at, doubled);
                }
            }
        }
        bytes.insert(0, *kind);
        followed += usize::from(fuzzed::judge(&bytes));
    }
    println!("{followed} of 600 were followed");
    assert!(followed > 20, "only {followed} were followed");
}
