//! What a shared past saves: the first token of a second session with the same long system prompt, beside
//! computing all of it, and beside a past that the session computed itself. By turns in one run, as ratios.
//!
//!     cargo bench --no-default-features --features native,testing,text --bench share
#![allow(clippy::print_stdout, reason = "a program prints")]

mod real_model;

use std::time::Duration;
use wick::{
    EndReason, EventKind, Input, Model, ModelOptions, Reading, Request, Runtime, RuntimeOptions, Session,
};

/// Tokens that all sessions begin with.
const SHARED: usize = 1500;
/// Tokens that each has for itself.
const OWN: usize = 16;
const ROUNDS: usize = 9;

fn main() {
    let Some(path) = real_model::path("a second session with the same beginning") else { return };
    let runtime = Runtime::new(RuntimeOptions::default()).expect("a runtime");
    let sharing = loaded(&runtime, ModelOptions::path(&path));
    let apart = loaded(&runtime, real_model::options(&path));
    let words = sharing.tokenize(TEXT, false, false).expect("ids");
    let shared: Vec<u32> = words.iter().copied().cycle().take(SHARED).collect();

    let own = |round: usize| words.iter().copied().cycle().skip(round + 1).take(OWN).collect::<Vec<u32>>();
    let whole = |round: usize| [shared.clone(), own(round)].concat();
    // The first session of each: pages come in, and its past is what others find.
    for model in [&sharing, &apart] {
        first(&session(model), whole(ROUNDS), 1);
    }
    let (mut all, mut itself) = (Vec::new(), Vec::new());
    let mut times = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        let computed = first(&session(&apart), whole(round), 1).0;
        let (hit, cached) = first(&session(&sharing), whole(round), 1);
        assert!(cached as usize >= SHARED, "{cached} tokens were known");
        let warm = session(&apart);
        first(&warm, shared.clone(), 0);
        let continued = first(&warm, own(round), 1).0;
        all.push(hit.as_secs_f64() / computed.as_secs_f64());
        itself.push(hit.as_secs_f64() / continued.as_secs_f64());
        for (times, time) in times.iter_mut().zip([computed, hit, continued]) {
            times.push(time.as_secs_f64() * 1e3);
        }
    }
    let [computed, hit, continued] = times.map(median);
    println!("first token behind {SHARED} shared and {OWN} own tokens, medians of {ROUNDS}:");
    println!("  all computed {computed:.1} ms; shared past {hit:.2} ms; own past {continued:.2} ms");
    println!("  shared to computed {:.3}; shared to own {:.2}", median(all), median(itself));
    runtime.shutdown(None).expect("a shutdown");
}

const TEXT: &str = "The village lies between two rivers. Its smith is called Brand, its baker Oda, and the miller's \
    daughter keeps bees behind the chapel. Nobody speaks of the winter in which the bridge fell. ";

fn loaded(runtime: &Runtime, options: ModelOptions) -> Model {
    let (model, mut load) = runtime.load(options, Reading::default()).expect("a load");
    load.collect_text().expect("a loaded model");
    model
}

fn session(model: &Model) -> Session {
    model.session(None).expect("a session")
}

/// From the request to the first token, or with none to the end of the prompt; and how much of it was known.
fn first(session: &Session, tokens: Vec<u32>, max_tokens: u32) -> (Duration, u32) {
    let request = Request {
        input: Input::Tokens(tokens),
        max_tokens,
        prefill_only: max_tokens == 0,
        ignore_eos: true,
        ..Request::default()
    };
    let mut stream = session.generate(request, Reading::default()).expect("a stream");
    let mut time = Duration::ZERO;
    loop {
        let event = stream.next_blocking().expect("an end");
        match event.kind {
            EventKind::Text(_) => time = event.time,
            EventKind::End(end) => {
                assert!(matches!(end.reason, EndReason::Length | EndReason::Ready), "{end:?}");
                return (if time.is_zero() { event.time } else { time }, end.stats.cached_tokens);
            }
            _ => {}
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
