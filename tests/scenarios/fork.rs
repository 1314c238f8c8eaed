//! A session that begins as another is: it goes on as that would, and shares what was computed.
#![cfg(feature = "testing")]

use crate::support::scenario::{held as held_back, *};
use std::sync::atomic::Ordering;
use std::time::Duration;
use wick::error::ErrorKind;
use wick::runtime::{EndReason, Input, Mode, Reading, Request, Runtime, Session, SessionOptions};
use wick::testing::Script;

/// All that can be read back of a session.
fn held(session: &Session) -> (Vec<wick::text::Message>, Vec<u32>) {
    (session.messages().unwrap(), session.tokens().unwrap())
}

#[test]
fn s47_a_fork_goes_on_as_its_source_would_and_computes_only_what_is_new() {
    both(|mode| {
        for script in kinds() {
            let house = apart(mode, &script);
            let options = SessionOptions { system: Some("Be brief.".into()), ..SessionOptions::default() };
            let source = house.model.session_with(options).unwrap();
            ask(&source, user(&"A long question? ".repeat(40)), 9);
            ask(&source, user("And?"), 40);
            let twins: Vec<Session> = (0..3).map(|_| source.fork().unwrap()).collect();
            let (before, computed) = (held(&source), house.gate.prefilled());
            for twin in &twins {
                assert_eq!(held(twin), before);
                assert_eq!(twin.info(), source.info());
            }
            for (index, session) in [&source].into_iter().chain(&twins).enumerate() {
                let question = format!("Question {index}?");
                let told = ask(session, user(&question), 70);
                let all = [&before.0[..], &[said("user", &question)]].concat();
                assert_eq!(told.tokens, alone(&script, &all, 70).tokens, "{index}");
                assert!(told.end.stats.cached_tokens as usize >= before.1.len() - 1, "{:?}", told.end.stats);
                assert_eq!(session.messages().unwrap().len(), all.len() + 1);
            }
            let new = house.gate.prefilled() - computed;
            assert!(new < 4 * 40, "{new}");
            // Each has grown on its own.
            let lasts: Vec<_> = twins.iter().map(|twin| twin.messages().unwrap().pop()).collect();
            assert!(lasts[0] != lasts[1] && lasts[1] != lasts[2]);
            house.close();
        }
    });
}

#[test]
fn s47_raw_text_goes_on_in_a_fork_and_in_a_fork_of_it() {
    both(|mode| {
        for script in kinds() {
            let house = apart(mode, &script);
            let source = house.session();
            ask(&source, Input::Text("Once".into()), 33);
            let twin = source.fork().unwrap();
            let third = twin.fork().unwrap();
            drop(twin);
            let right = ask(&source, Input::Continue, 40);
            drop(source);
            let told = ask(&third, Input::Continue, 40);
            assert_eq!(told.tokens, right.tokens);
            assert_eq!(third.info().tokens, 4 + 33 + 40);
            house.close();
        }
    });
}

#[test]
fn s47_a_fork_takes_no_memory_and_gives_back_what_it_has_grown() {
    both(|mode| {
        let house = apart(mode, &kinds()[3]);
        let bytes = |runtime: &Runtime| runtime.info().kv_and_scratch_bytes;
        let source = house.session();
        ask(&source, Input::Text("word ".repeat(200)), 9);
        let before = bytes(&house.runtime);
        let twins: Vec<Session> = (0..20).map(|_| source.fork().unwrap()).collect();
        // The engine has done it when it has done what came behind.
        assert_eq!(ask(&house.session(), Input::Text("x".into()), 1).end.reason, EndReason::Length);
        let own = bytes(&house.runtime) - before;
        assert!(own < 2 * 32 * 4 + 64, "{own}");
        for twin in &twins {
            ask(twin, Input::Text("More.".into()), 3);
        }
        assert!(bytes(&house.runtime) > before + own);
        drop((source, twins));
        house.runtime.trim();
        until(&house.runtime, "its memory to be free", || bytes(&house.runtime) == 0);
        house.close();
    });
}

#[test]
fn s47_a_fork_behind_a_cancel_begins_as_that_leaves_the_session() {
    both(|mode| {
        let house = apart(mode, &Script { gated: true, ..kinds()[2].clone() });
        let source = house.session();
        house.gate.release(4);
        let mut stream = source.generate(for_ascii(user("Hello"), 0), Reading::default()).unwrap();
        let events = read_tokens(&mut stream, 3);
        assert_eq!(source.fork().unwrap_err().kind(), ErrorKind::Busy);
        stream.cancel();
        let twin = source.fork().unwrap();
        let third = twin.fork().unwrap();
        // It waits, and so may what was asked of it.
        let asked = third.generate(for_ascii(user("And?"), 5), Reading::default());
        drop(twin);
        assert_eq!(read_on(events, &mut stream).end.reason, EndReason::Cancelled);
        house.gate.release(1000);
        let told = read(&mut asked.unwrap());
        let (all, past) = (third.messages().unwrap(), source.messages().unwrap());
        assert_eq!(all[..2], past);
        let script = Script { gated: false, ..kinds()[2].clone() };
        assert_eq!(told.tokens, alone(&script, &all[..3], 5).tokens);
        house.close();
    });
}

#[test]
fn s47_what_is_in_force_goes_along_and_a_clear_brings_back_what_was_there_first() {
    both(|mode| {
        let house = house(mode, Script::saying("word"));
        let own = serde_json::json!([{"name": "own"}]);
        let options = SessionOptions {
            system: Some("Be Tom".into()),
            tools: Some(own.clone()),
            context_length: Some(600),
            ..SessionOptions::default()
        };
        let source = house.model.session_with(options).unwrap();
        let first = |session: &Session| ask(session, user("Hi"), 1).end.stats.prompt_tokens;
        let right = first(&source);
        source.clear().unwrap();
        let tools = Some(std::sync::Arc::new(serde_json::json!([{"name": "another, much longer"}])));
        let request = Request { tools, ..for_ascii(user("Hi"), 1) };
        read(&mut source.generate(request, Reading::default()).unwrap());
        source.set_system(Some("Be Ann, who is kind".into())).unwrap();
        let twin = source.fork().unwrap();
        assert_eq!(twin.info().context_length, Some(600));
        let (of_source, of_twin) = (first(&source), first(&twin));
        assert_eq!(of_source, of_twin);
        assert_eq!(twin.messages().unwrap()[0].content, "Be Ann, who is kind");
        let refused = twin.generate(asking("raw"), Reading::default());
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
        for session in [source, twin] {
            session.clear().unwrap();
            session.set_system(Some("Be Tom".into())).unwrap();
            assert_eq!(first(&session), right);
        }
        house.close();
    });
}

#[test]
fn s47_a_fork_of_what_is_cleared_empty_or_loading_is_that() {
    both(|mode| {
        let house = house(mode, Script::saying("word"));
        let source = house.session();
        ask(&source, user("Hi"), 9);
        source.clear().unwrap();
        let twin = source.fork().unwrap();
        assert_eq!(held(&twin), (vec![], vec![]));
        let nothing = twin.generate(Request::default(), Reading::default());
        assert_eq!(nothing.unwrap_err().kind(), ErrorKind::InvalidArgument);
        let mut raw = twin.generate(asking("raw"), Reading::default()).unwrap();
        assert_eq!(read(&mut raw).said(), ("word", EndReason::Stop));
        house.close();

        let runtime = Runtime::new(options(mode)).unwrap();
        let (load, go) = held_back(Script::saying("word"));
        let (model, mut loading) = begin_load(&runtime, load);
        let twin = model.session(None).unwrap().fork().unwrap();
        let asked = twin.generate(asking("Hi"), Reading::default());
        go.store(true, Ordering::SeqCst);
        read(&mut loading);
        assert_eq!(read(&mut asked.unwrap()).said(), ("word", EndReason::Stop));
        runtime.shutdown(Some(Duration::from_secs(300))).unwrap();
        assert_eq!(twin.fork().unwrap_err().kind(), ErrorKind::Shutdown);
    });
}

#[test]
fn s47_a_turn_that_rolls_in_a_fork_leaves_its_source_alone() {
    let _watchdog = watchdog();
    let house = apart(Mode::HostStep, &kinds()[1]);
    let overflow = wick::runtime::Overflow::Roll { pinned_messages: 0 };
    let options = SessionOptions { context_length: Some(300), overflow, ..SessionOptions::default() };
    let source = house.model.session_with(options).unwrap();
    ask(&source, user(&"long ".repeat(20)), 30);
    ask(&source, user("Short?"), 30);
    let (twin, before) = (source.fork().unwrap(), held(&source));
    let told = ask(&twin, user(&"also long ".repeat(9)), 9);
    let all = twin.messages().unwrap();
    assert_eq!((twin.info().rolled_messages, all.len()), (2, 4), "{all:?}");
    assert_eq!(told.tokens, alone(&kinds()[1], &all[..3], 9).tokens);
    assert_eq!((held(&source), source.info().rolled_messages), (before, 0));
    // A fork of that knows what has gone.
    assert_eq!(twin.fork().unwrap().info().rolled_messages, 2);
    house.close();
}
