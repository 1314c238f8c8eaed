//! The runtime's own cost of an event: a fake model's answer, from its engine to a waiting reader; knows no
//! real model.

use std::time::Instant;
use wick::testing::{Script, loader};
use wick::{Input, ModelOptions, ModelSource, Reading, Request, Result, Runtime, RuntimeOptions};

/// Few enough that the fake's own book-keeping does not count.
const TOKENS: u32 = 256;
const ROUNDS: usize = 31;

/// Nanoseconds per event, begin and end of the generation included: the median of some rounds.
pub fn nanoseconds() -> Result<f64> {
    let runtime = Runtime::new(RuntimeOptions { threads: 1, ..RuntimeOptions::default() })?;
    let (load, _gate) = loader(Script { endless: true, ..Script::saying("word") });
    let options = ModelOptions::from_source(ModelSource::Custom(load));
    let (model, mut loading) = runtime.load(options, Reading::default())?;
    while loading.next_blocking().is_some() {}
    let mut costs = Vec::new();
    for _ in 0..ROUNDS {
        let session = model.session(None)?;
        let input = Input::Text("go".to_owned());
        let request = Request { input, max_tokens: TOKENS, ..Request::default() };
        let begun = Instant::now();
        let mut stream = session.generate(request, Reading::default())?;
        let mut events = 0u32;
        while stream.next_blocking().is_some() {
            events += 1;
        }
        costs.push(begun.elapsed().as_nanos() as f64 / f64::from(events.max(1)));
    }
    runtime.shutdown(None)?;
    costs.sort_by(f64::total_cmp);
    Ok(costs.get(ROUNDS / 2).copied().unwrap_or_default())
}
