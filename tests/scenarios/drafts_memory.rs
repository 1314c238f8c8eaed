//! What sessions have said is kept for the others to draft from: within the memory budget, and only as long
//! as nobody else needs the memory.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use wick::runtime::{
    Input, Mode, Model, ModelOptions, ModelSource, Reading, Request, Runtime, RuntimeOptions, Session,
};
use wick::testing::{Part, Script, model};

/// Room for up to 1,024 tokens: each with its place, and as many lists.
const FIRST: u64 = 12 << 10;

/// 120 tokens, no two of which stand twice.
fn script() -> Script {
    let reply = (0..120).map(|token| Part::Id(token * 2)).collect();
    Script { reply, drafts: true, delay_us: 200, ..Script::default() }
}

fn loaded(mode: Mode, memory_budget: Option<u64>, drafts: bool) -> (Runtime, Model) {
    let runtime = Runtime::new(RuntimeOptions { memory_budget, ..options(mode) }).expect("a runtime");
    let (fake, _) = model(&script());
    let source = ModelSource::Custom(Box::new(move |_| Ok(fake)));
    let options = ModelOptions { drafts, ..ModelOptions::from_source(source) };
    let (model, mut loading) = runtime.load(options, Reading::default()).expect("a load");
    read(&mut loading);
    (runtime, model)
}

fn answer(session: &Session, prompt: &str) -> Told {
    let input = Input::Text(prompt.to_owned());
    let request = Request { input, ..Request::default() };
    read(&mut session.generate(request, Reading::default()).expect("a stream"))
}

#[test]
fn f11_what_is_drafted_from_counts_and_is_given_back() {
    both(|mode| {
        let held = |runtime: &Runtime| runtime.info().kv_and_scratch_bytes;
        let [(with, first), (without, second)] = [true, false].map(|drafts| loaded(mode, None, drafts));
        let sessions = [&first, &second].map(|model| model.session(None).expect("a session"));
        let told = sessions.each_ref().map(|session| answer(session, "Hi"));
        assert_eq!(told[0].tokens, told[1].tokens);
        assert_eq!(held(&with), held(&without) + FIRST);
        // Another one has it, as soon as what passes took says that drafts pay.
        let other = || first.session(None).expect("a session");
        while answer(&other(), "Hi").end.stats.draft_accepted <= 90 {}
        with.trim();
        until(&with, "all is given back", || held(&with) == 0);
        let later = first.session(None).expect("a session");
        assert_eq!(answer(&later, "Hi").end.stats.draft_tokens, 0);
        drop((first, later, sessions));
        until(&with, "the model is gone", || held(&with) == 0);
        for runtime in [with, without] {
            runtime.shutdown(None).expect("a shutdown");
        }
    });
}

#[test]
fn f11_what_is_drafted_from_gives_way_before_anybody_else_does() {
    both(|mode| {
        // A short past takes half a kilobyte, a long one eight.
        let (runtime, model) = loaded(mode, Some(FIRST + 1000), true);
        let [short, long] = [(); 2].map(|()| model.session(None).expect("a session"));
        answer(&short, "Hi");
        let held = runtime.info().kv_and_scratch_bytes;
        assert!((FIRST..FIRST + 1000).contains(&held), "{held}");
        let told = answer(&long, &"x".repeat(2000));
        assert_eq!(told.end.stats.output_tokens, 120, "{:?}", told.end);
        let held = runtime.info().kv_and_scratch_bytes;
        assert!((8000..FIRST).contains(&held), "{held}");
        // And there is no room for it now.
        let again = answer(&short, "Hi");
        assert!(again.end.stats.cached_tokens > 100, "{:?}", again.end.stats);
        let third = model.session(None).expect("a session");
        assert_eq!(answer(&third, "Hi").end.stats.draft_tokens, 0);
        runtime.shutdown(None).expect("a shutdown");
    });
}
