//! What a step under a grammar costs beside the model's, over 150,000 tokens: the mask, its application to
//! the logits, and the token's way into the grammar; beside llguidance alone, which does the same below. Then
//! the tokens per second of a real model that answers under a schema, beside the same without one.
//!
//!     cargo bench --features bench --bench grammars
#![allow(clippy::print_stdout, reason = "a program prints")]

#[path = "real_model/mod.rs"]
mod real_model;

use criterion::{Criterion, Throughput};
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wick::pause::Pauses;
use wick::runtime::{Input, Model, ModelOptions, Reading, Request, Runtime, RuntimeOptions};
use wick::sample::SamplerOptions;
use wick::text::grammar::{Grammar, GrammarKind, Grammars};
use wick::text::{InPieces, Message, Piece, RenderInput, Rendered, Vocab, done};

const VOCAB: usize = 150_000;

/// The longest token has so many bytes.
const LONGEST: usize = 12;

/// A schema, and a value of it.
const CASES: [(&str, &str, &str); 3] = [
    (
        "tool call",
        r#"{"type":"object","properties":{"city":{"type":"string","maxLength":40},"unit":{"enum":["celsius","fahrenheit"]},"days":{"type":"integer","minimum":1,"maximum":14}},"required":["city","unit","days"],"additionalProperties":false}"#,
        r#"{"city": "Santiago de Compostela", "unit": "celsius", "days": 10}"#,
    ),
    (
        "list of records",
        r##"{"$defs":{"p":{"type":"object","properties":{"name":{"type":"string"},"born":{"type":"string","format":"date"},"tags":{"type":"array","items":{"type":"string"}},"score":{"type":"number"}},"required":["name","born","tags","score"],"additionalProperties":false}},"type":"array","items":{"$ref":"#/$defs/p"}}"##,
        r#"[{"name": "Ada the miller", "born": "1815-12-10", "tags": ["bread", "mathematics"], "score": 0.75}, {"name": "Tom of the bridge", "born": "1790-01-31", "tags": [], "score": -12.5}]"#,
    ),
    (
        "free text",
        r#"{"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false}"#,
        r#"{"text": "The innkeeper wipes the counter and says nothing for a while; then he tells of the road over the pass, of the snow that came early, and of those who did not come back."}"#,
    ),
];

/// Bytes, what JSON is made of, numbers, and made-up words with and without a space.
struct Words {
    pieces: Vec<Vec<u8>>,
    ids: HashMap<Vec<u8>, u32>,
}

impl Words {
    fn new() -> Self {
        let mut words = Self { pieces: Vec::new(), ids: HashMap::new() };
        (0..=u8::MAX).for_each(|byte| words.add(vec![byte]));
        for text in [
            "{\"", "\":", "\": \"", "\": ", "\",", "\", \"", "\"}", "}]", "}, {\"", "[\"", " \"", "true",
            "null",
        ] {
            words.add(text.into());
        }
        (0..1000).for_each(|number| words.add(number.to_string().into()));
        let parts = [
            "a", "e", "i", "o", "u", "th", "st", "er", "in", "on", "ra", "le", "mo", "si", "ck", "ng", "br",
            "wh",
        ];
        for width in 1.. {
            for index in 0..parts.len().pow(width) {
                let spell = |place: u32| parts[index / parts.len().pow(place) % parts.len()];
                let word: String = (0..width).map(spell).collect();
                if words.pieces.len() >= VOCAB {
                    return words;
                }
                words.add(format!(" {word}").into());
                words.add(word.into());
            }
        }
        words
    }

    fn add(&mut self, bytes: Vec<u8>) {
        if bytes.len() <= LONGEST && self.pieces.len() < VOCAB && !self.ids.contains_key(&bytes) {
            self.ids.insert(bytes.clone(), self.pieces.len() as u32);
            self.pieces.push(bytes);
        }
    }

    /// The longest token of those that `is_allowed` which `text` begins with.
    fn next(&self, text: &[u8], is_allowed: impl Fn(u32) -> bool) -> Option<u32> {
        let lengths = (1..=text.len().min(LONGEST)).rev();
        lengths.filter_map(|length| self.ids.get(&text[..length]).copied()).find(|id| is_allowed(*id))
    }
}

impl Vocab for Words {
    fn len(&self) -> usize {
        self.pieces.len()
    }

    fn encode_in_pieces<'a>(
        &'a self,
        text: &'a str,
        _: bool,
        _: bool,
        out: &'a mut Vec<u32>,
        _: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        let mut rest = text.as_bytes();
        while let Some(id) = self.next(rest, |_| true) {
            out.push(id);
            rest = &rest[self.pieces[id as usize].len()..];
        }
        done(Ok(()))
    }

    fn piece(&self, id: u32) -> Option<Piece<'_>> {
        self.pieces.get(id as usize).map(|bytes| Piece { bytes, special: false })
    }

    fn bos(&self) -> Option<u32> {
        None
    }

    fn adds_bos(&self) -> bool {
        false
    }

    fn end_ids(&self) -> &[u32] {
        // A byte that no text has.
        &[0xfe]
    }

    fn longest_token(&self) -> usize {
        LONGEST
    }

    fn render_in_pieces<'a>(
        &'a self,
        _: &'a RenderInput<'_>,
        _: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        done(Ok(Rendered::default()))
    }
}

/// Forbids what `mask` does not name. `(VOCAB)`
fn apply(mask: &[u32], logits: &mut [f32]) {
    for (logits, word) in logits.chunks_mut(32).zip(mask) {
        match word {
            &u32::MAX => {}
            0 => logits.fill(f32::NEG_INFINITY),
            _ => {
                for (bit, logit) in logits.iter_mut().enumerate() {
                    if word >> bit & 1 == 0 {
                        *logit = f32::NEG_INFINITY;
                    }
                }
            }
        }
    }
}

/// Follows `text`: `mask` gives what may come into the logits and the bits, `accept` takes the token. How
/// long each step took.
fn follow(
    words: &Words,
    text: &str,
    logits: &mut [f32],
    mut mask: impl FnMut(&mut [f32]) -> Vec<u32>,
    mut accept: impl FnMut(u32),
) -> Vec<Duration> {
    let (mut rest, mut took) = (text.as_bytes(), Vec::new());
    while !rest.is_empty() {
        logits.fill(0.0);
        let begun = Instant::now();
        let bits = black_box(mask(logits));
        let masked = begun.elapsed();
        let id = words.next(rest, |id| bits[id as usize / 32] >> (id % 32) & 1 == 1);
        let id = id.expect("the text is of the schema");
        let begun = Instant::now();
        accept(id);
        took.push(masked + begun.elapsed());
        rest = &rest[words.pieces[id as usize].len()..];
    }
    took
}

/// Steps of wick's and of llguidance's alone.
struct Sides {
    words: Arc<Words>,
    vocab: Arc<dyn Vocab>,
    grammars: Grammars,
    factory: ParserFactory,
    logits: Vec<f32>,
}

impl Sides {
    fn new() -> Self {
        let words = Arc::new(Words::new());
        let trie = TokTrie::from(&TokRxInfo::new(VOCAB as u32, 0xfe), &words.pieces);
        let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&env).expect("a factory");
        factory.quiet();
        let (vocab, logits): (Arc<dyn Vocab>, _) = (words.clone(), vec![0.0; VOCAB]);
        Self { words, vocab, grammars: Grammars::default(), factory, logits }
    }

    fn wick(&mut self, schema: &str, text: &str) -> Vec<Duration> {
        let grammar = Grammar { kind: GrammarKind::JsonSchema, text: schema.to_owned() };
        let mut bound = self.grammars.bind(&grammar, &self.vocab).expect("it compiles");
        bound.begin("", None).expect("nothing is in front");
        let bound = std::cell::RefCell::new(bound);
        let mask = |logits: &mut [f32]| {
            let mut bound = bound.borrow_mut();
            let mask = bound.mask().expect("it goes on");
            apply(mask, logits);
            mask.to_vec()
        };
        follow(&self.words, text, &mut self.logits, mask, |id| {
            bound.borrow_mut().accept(id).expect("allowed")
        })
    }

    fn bare(&mut self, schema: &str, text: &str) -> Vec<Duration> {
        let schema = serde_json::from_str(schema).expect("JSON");
        let parser = self.factory.create_parser(TopLevelGrammar::from_json_schema(schema));
        let matcher = std::cell::RefCell::new(Matcher::new(parser));
        let mask = |logits: &mut [f32]| {
            let mask = matcher.borrow_mut().compute_mask().expect("it goes on");
            apply(mask.as_slice(), logits);
            mask.as_slice().to_vec()
        };
        follow(&self.words, text, &mut self.logits, mask, |id| {
            matcher.borrow_mut().consume_token(id).expect("allowed");
        })
    }
}

fn main() {
    let mut sides = Sides::new();
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    let mut group = criterion.benchmark_group("grammars");
    type Side = fn(&mut Sides, &str, &str) -> Vec<Duration>;
    let all: [(&str, Side); 2] = [("wick", Sides::wick), ("llguidance", Sides::bare)];
    let mut steps: [Vec<Duration>; 2] = Default::default();
    for (name, schema, text) in CASES {
        for ((side, follow), steps) in all.iter().zip(&mut steps) {
            let count = follow(&mut sides, schema, text).len();
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(format!("{name}, {side}"), |bench| {
                bench.iter_custom(|times| {
                    let took = (0..times).map(|_| {
                        let took = follow(&mut sides, schema, text);
                        steps.extend_from_slice(&took);
                        took.iter().sum::<Duration>()
                    });
                    took.sum()
                });
            });
        }
    }
    group.finish();
    for ((side, _), mut steps) in all.iter().zip(steps) {
        if steps.is_empty() {
            continue;
        }
        steps.sort_unstable();
        let at = |share: f64| steps.get((steps.len() as f64 * share) as usize).copied().unwrap_or_default();
        let longest = steps.last().copied().unwrap_or_default();
        println!("{side}: a step takes {:?} (median), {:?} (p99), {longest:?} (longest)", at(0.5), at(0.99));
    }
    criterion.final_summary();
    bind(&sides.vocab);
    if let Some(path) = real_model::path("answers of a real model under a schema") {
        answers(&path);
    }
}

/// What comes in one piece where no thread of wick's can take it: the tree of the vocabulary with a model's
/// first grammar, and each grammar's way through the compiler.
fn bind(vocab: &Arc<dyn Vocab>) {
    let grammars = Grammars::default();
    let warm = Grammar { kind: GrammarKind::Regex, text: "a".to_owned() };
    let begun = Instant::now();
    grammars.bind(&warm, vocab).expect("it compiles");
    println!("the first grammar of a model, with the tree of {VOCAB} tokens: {:?}", begun.elapsed());
    for (name, schema, _) in CASES {
        let grammar = Grammar { kind: GrammarKind::JsonSchema, text: schema.to_owned() };
        let begun = Instant::now();
        let mut bound = grammars.bind(&grammar, vocab).expect("it compiles");
        let compiled = begun.elapsed();
        bound.begin("", None).expect("nothing is in front");
        bound.mask().expect("it goes on");
        println!("{name}: compiled in {compiled:?}, the first mask {:?} later", begun.elapsed() - compiled);
    }
}

/// Rounds of the comparison; medians are printed.
const ROUNDS: usize = 9;

/// Answers of a real model with and without a grammar by turns, neither with drafts: tokens per second. Each
/// round asks for a text that is long enough for all its tokens.
fn answers(path: &str) {
    let runtime =
        Runtime::new(RuntimeOptions { threads: 2, ..RuntimeOptions::default() }).expect("a runtime");
    let options = ModelOptions { drafts: false, ..real_model::options(path) };
    let (model, mut load) = runtime.load(options, Reading::default()).expect("a load");
    load.collect_text().expect("a loaded model");
    // One string, in which nothing is forced; and records, whose keys and marks are.
    let grammars = [
        ("one string", GrammarKind::Regex, r#"(?s:"[^"\\]*")"#),
        ("list of records", GrammarKind::JsonSchema, CASES[1].1),
    ];
    for (name, kind, text) in grammars {
        let grammar = Arc::new(Grammar { kind, text: text.to_owned() });
        // The grammar is compiled, the tokens' tree is built, and the weights lie where they stay.
        rate(&model, 0, Some(&grammar));
        std::thread::sleep(Duration::from_millis(1500));
        let mut rounds: Vec<[f64; 2]> = (1..=ROUNDS as u64)
            .map(|round| {
                // Who comes second finds the machine as the first has left it.
                if round % 2 == 0 {
                    let with = rate(&model, round, Some(&grammar));
                    [with, rate(&model, round, None)]
                } else {
                    let without = rate(&model, round, None);
                    [rate(&model, round, Some(&grammar)), without]
                }
            })
            .collect();
        rounds.sort_unstable_by(|[a, b], [c, d]| (a / b).total_cmp(&(c / d)));
        let ratio = |round: usize| rounds[round][0] / rounds[round][1];
        let [with, without] = rounds[ROUNDS / 2];
        println!(
            "{path}, {name}: {with:.0} tokens/s; without a grammar {without:.0}; ratio {:.2} ({:.2} to {:.2})",
            ratio(ROUNDS / 2),
            ratio(0),
            ratio(ROUNDS - 1)
        );
    }
    runtime.shutdown(None).expect("a shutdown");
}

/// Tokens per second of an answer of a session of its own, without the first.
fn rate(model: &Model, seed: u64, grammar: Option<&Arc<Grammar>>) -> f64 {
    let content = "Tell of the people of a mountain village, one after the other, at length.".to_owned();
    let request = Request {
        input: Input::Messages(vec![Message { role: "user".into(), content, ..Message::default() }]),
        max_tokens: 160,
        sampling: SamplerOptions { temperature: 0.8, seed, ..SamplerOptions::default() },
        ignore_eos: grammar.is_none(),
        grammar: grammar.cloned(),
        ..Request::default()
    };
    let session = model.session(None).expect("a session");
    let (_, end) =
        session.generate(request, Reading::default()).expect("a stream").collect_text().expect("an answer");
    f64::from(end.stats.output_tokens - 1) / (end.stats.decode_ns as f64 / 1e9)
}
