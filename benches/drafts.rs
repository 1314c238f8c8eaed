//! How much quicker drafts write a text that repeats its prompt, and what they cost where they bring nothing:
//! the same answers with and without them by turns in one run, as ratios of the tokens per second. Each round
//! has models of its own, which no answer was asked of before: what a model's sessions have said, the others
//! draft from.
//!
//!     cargo bench --no-default-features --features native,testing,text --bench drafts [-- MODEL.gguf] [--threads N] [--shape 1.1b] [--show]
#![allow(clippy::print_stdout, reason = "a program prints")]

#[path = "real_model/mod.rs"]
mod real_model;
#[path = "../tests/support/tiny/mod.rs"]
mod tiny;

use std::time::Duration;
use tiny::Tiny;
use wick::gguf::TensorType;
use wick::runtime::{Input, Model, ModelOptions, Reading, Request, Runtime, RuntimeOptions, Stats};
use wick::sample::SamplerOptions;
use wick::text::Message;

/// Rounds of each comparison; medians are printed.
const ROUNDS: usize = 5;

const LIST: &str = "Rewrite this list as JSON, an array of objects with the keys name, colour, price and origin:\n\
    - apple, red, 1.20, Austria\n- banana, yellow, 0.50, Ecuador\n- cherry, dark red, 4.80, Turkey\n\
    - grape, green, 2.90, Italy\n- lemon, yellow, 0.70, Spain\n- orange, orange, 0.90, Morocco\n\
    - pear, green, 1.10, Belgium\n- plum, purple, 2.40, Serbia";
const PASSAGE: &str = "Repeat this passage word for word:\n\nThe harbour was quiet that morning. Two boats lay at \
    the pier, and an old man was mending a net. Behind him the road climbed between low white houses to the \
    church, whose bell had not rung since the storm. Nobody had asked why, and nobody would have known.";
const CODE: &str = "Complete this Python class with methods for multiplication and division, and write it whole:\n\n```python\n\
    class Vector:\n    def __init__(self, x, y, z):\n        self.x = x\n        self.y = y\n        self.z = z\n\n\
    \x20   def add(self, other):\n        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)\n\n\
    \x20   def subtract(self, other):\n        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)\n```";

/// Texts that repeat their question: a name, the question, how the answer begins, how many tokens at most.
const REPEATING: [(&str, &str, &str, u32); 3] = [
    ("rewrite this list as JSON", LIST, "```json\n[\n  {\"name\": \"apple\",", 240),
    ("quote this passage", PASSAGE, "", 100),
    ("complete this code", CODE, "```python\nclass Vector:\n", 240),
];

/// Free text: a question for each round.
const FREE: [&str; ROUNDS] = [
    "Tell a story about a lighthouse keeper who finds a letter.",
    "Why do people move from villages to towns?",
    "Describe a market in the morning, before anybody has come.",
    "What should a young cook learn first, and why?",
    "Write a letter to a friend who has moved to an island.",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let after = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)
    };
    let threads = after("--threads").and_then(|count| count.parse().ok()).unwrap_or(2);
    let shows = arguments.iter().any(|argument| argument == "--show");
    let runtime = Runtime::new(RuntimeOptions { threads, ..RuntimeOptions::default() }).expect("a runtime");
    let given = arguments.first().filter(|model| model.ends_with(".gguf")).cloned();
    if let Some(path) = given.or_else(|| real_model::path("drafts of a real model")) {
        println!("{path}, {threads} threads");
        compare(&runtime, &path, shows, &asked);
    }
    if after("--shape").is_some_and(|shape| shape == "1.1b") {
        println!("1.1B Q4_0, random weights, {threads} threads");
        let path = std::env::temp_dir().join(format!("wick-drafts-{}.gguf", std::process::id()));
        let file = Tiny::billion().of(TensorType::Q4_0).speaking().writer().to_bytes();
        std::fs::write(&path, file).expect("room for a model");
        compare(&runtime, &path.to_string_lossy(), shows, &asked_at_random);
        std::fs::remove_file(&path).expect("the file");
    }
    runtime.shutdown(None).expect("a shutdown");
}

/// What is asked in a round: a name, and the request.
fn asked(round: usize) -> Vec<(&'static str, Request)> {
    let message = |content: &str| {
        Input::Messages(vec![Message { role: "user".into(), content: content.into(), ..Message::default() }])
    };
    let mut asked: Vec<_> = REPEATING
        .iter()
        .map(|&(name, question, begin, most)| {
            let answer_prefix = begin.to_owned();
            (name, Request { answer_prefix, ..request(message(question), most, 0.0) })
        })
        .collect();
    asked.push(("free text, greedy", request(message(FREE[round]), 200, 0.0)));
    asked.push(("free text, temperature 0.8", request(message(FREE[round]), 200, 0.8)));
    asked
}

/// The same of a model with random weights: greedy, it soon says the same again and again; at a high
/// temperature never.
fn asked_at_random(round: usize) -> Vec<(&'static str, Request)> {
    let prompt: Vec<u32> = (0..200).map(|i| 30 + ((i + round as u32 * 1000) * 7919 % 31_000)).collect();
    vec![
        ("repeats itself", request(Input::Tokens(prompt.clone()), 100, 0.0)),
        ("repeats nothing", request(Input::Tokens(prompt), 100, 2.0)),
    ]
}

fn request(input: Input, max_tokens: u32, temperature: f32) -> Request {
    let sampling = SamplerOptions { temperature, seed: 1, ..SamplerOptions::default() };
    Request { input, max_tokens, sampling, ignore_eos: temperature > 0.0, ..Request::default() }
}

/// The model, after an answer that has nothing in common with what is asked: its pages are in memory, and
/// what passes cost is known.
fn load(runtime: &Runtime, path: &str, drafts: bool) -> Model {
    let options = ModelOptions { drafts, ..real_model::options(path) };
    let (model, mut load) = runtime.load(options, Reading::default()).expect("a load");
    load.collect_text().expect("a loaded model");
    let prompt = model.tokenize("One two three, and so on", false, false).expect("ids");
    let first = Request { ignore_eos: true, ..request(Input::Tokens(prompt), 24, 1.0) };
    answer(&model, &first);
    model
}

/// A text and its figures, in a session of its own.
fn answer(model: &Model, request: &Request) -> (String, Stats) {
    let session = model.session(None).expect("a session");
    let mut stream = session.generate(request.clone(), Reading::default()).expect("a stream");
    let (text, end) = stream.collect_text().expect("an answer");
    (text, end.stats)
}

/// Tokens per second, without the first.
fn rate(stats: &Stats) -> f64 {
    f64::from(stats.output_tokens - 1) / (stats.decode_ns as f64 / 1e9)
}

/// What one task came to, by round.
#[derive(Default)]
struct Found {
    with: Vec<f64>,
    without: Vec<f64>,
    tokens: u32,
    drafted: u64,
    right: u64,
}

fn compare(
    runtime: &Runtime,
    path: &str,
    shows: bool,
    asked: &dyn Fn(usize) -> Vec<(&'static str, Request)>,
) {
    let names: Vec<_> = asked(0).into_iter().map(|(name, _)| name).collect();
    let mut found: Vec<Found> = names.iter().map(|_| Found::default()).collect();
    for round in 0..ROUNDS {
        let models = [true, false].map(|drafts| load(runtime, path, drafts));
        // Weights are moved to huge pages where nobody asks for anything.
        std::thread::sleep(Duration::from_millis(1500));
        for ((name, request), found) in asked(round).iter().zip(&mut found) {
            // Who comes second finds the machine as the first has left it.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            let mut answers = [(String::new(), Stats::default()), (String::new(), Stats::default())];
            for which in order {
                answers[which] = answer(&models[which], request);
            }
            let [(text, stats), (plain, without)] = answers;
            assert_eq!(text, plain, "{name}");
            if shows && round == 0 {
                println!("--- {name}\n{text}\n---");
            }
            found.with.push(rate(&stats));
            found.without.push(rate(&without));
            found.tokens += stats.output_tokens;
            found.drafted += stats.draft_tokens;
            found.right += stats.draft_accepted;
        }
    }
    for (name, found) in names.into_iter().zip(found) {
        found.print(name);
    }
}

impl Found {
    fn print(self, name: &str) {
        let mut ratios: Vec<f64> =
            self.with.iter().zip(&self.without).map(|(with, without)| with / without).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        println!(
            "{name}: {:.0} tokens/s; without drafts {:.0}; ratio {:.2} ({:.2} to {:.2}); of {} tokens {} drafted, {} right",
            median(self.with),
            median(self.without),
            ratios[ROUNDS / 2],
            ratios[0],
            ratios[ROUNDS - 1],
            self.tokens,
            self.drafted,
            self.right
        );
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
