//! What is asked of sessions beside the engine that does it: every stream has one end, all is done in its
//! order, and no block stays behind.
#![allow(clippy::disallowed_methods)]

use crate::support::shuttle::engine::*;
use crate::support::shuttle::*;

engine_scenarios! {
    fn a_cancel_beside_the_engine_is_one_end_and_the_session_holds_what_was_said(house) {
        let session = house.session();
        let mut stream = session.generate(raw("Hi", 3), Reading::default()).expect("a stream");
        let control = stream.control();
        let canceller = thread::spawn(move || control.cancel());
        let told = read(&mut stream);
        canceller.join().expect("no panic");
        assert!(matches!(told.end.reason, EndReason::Length | EndReason::Cancelled), "{:?}", told.end);
        house.rest();
        let right = [bytes("Hi"), told.tokens].concat();
        let held = session.tokens().expect("what it holds");
        // One that came to nothing is not there.
        assert!(held == right || held.is_empty() && right.len() == 2, "{held:?}, not {right:?}");
        assert_eq!(session.info().state, SessionState::Idle);
    }

    fn what_is_asked_behind_a_cancel_is_done_in_its_order(house) {
        let session = house.session();
        house.hold(&session, "abcdef");
        let mut stream = session.generate(raw("gh", 3), Reading::default()).expect("a stream");
        let asker = { let (session, control) = (session.clone(), stream.control()); thread::spawn(move || {
            control.cancel();
            session.rewind(4).expect("it goes back");
            session.generate(raw("xy", 2), Reading::default()).expect("a stream")
        }) };
        read(&mut stream);
        let told = read(&mut asker.join().expect("no panic"));
        assert_eq!((told.end.reason, told.tokens.len()), (EndReason::Length, 2));
        assert_eq!(session.tokens().expect("what it holds"), [bytes("abcdxy"), told.tokens].concat());
    }

    fn a_fork_beside_a_cancel_begins_as_its_source_is_then(house) {
        let session = house.session();
        house.hold(&session, "abcdef");
        let mut stream = session.generate(raw("gh", 3), Reading::default()).expect("a stream");
        let forker = { let (session, control) = (session.clone(), stream.control()); thread::spawn(move || {
            control.cancel();
            let twin = session.fork().expect("a fork");
            let stream = twin.generate(raw("z", 2), Reading::default()).expect("a stream");
            (twin, stream)
        }) };
        read(&mut stream);
        let (twin, mut stream) = forker.join().expect("no panic");
        let told = read(&mut stream);
        house.rest();
        let source = session.tokens().expect("what it holds");
        assert_eq!(twin.tokens().expect("what it holds"), [source, bytes("z"), told.tokens].concat());
    }

    fn whoever_closes_first_a_fork_and_its_source_leave_nothing(house) {
        let session = house.session();
        house.hold(&session, "abcdef");
        let stream = session.generate(raw("gh", 2), Reading::default()).expect("a stream");
        let forker = { let (session, control) = (session.clone(), stream.control()); thread::spawn(move || {
            control.cancel();
            let twin = session.fork().expect("a fork");
            drop(session);
            twin.generate(raw("z", 1), Reading::default()).expect("a stream")
        }) };
        let closer = thread::spawn(move || {
            drop(session);
            drop(stream);
        });
        let mut stream = forker.join().expect("no panic");
        // Its session is gone: what it had to say may be cut off, its end is not.
        let told = read(&mut stream);
        assert!(matches!(told.end.reason, EndReason::Length | EndReason::Cancelled), "{:?}", told.end);
        closer.join().expect("no panic");
    }

    fn a_save_beside_a_cancel_and_a_close_is_of_what_the_session_was(house) {
        let session = house.session();
        house.hold(&session, "abcdef");
        let mut stream = session.generate(raw("gh", 2), Reading::default()).expect("a stream");
        let storage = Storage::default();
        let saver = { let (control, storage) = (stream.control(), storage.clone()); thread::spawn(move || {
            control.cancel();
            // The session is closed behind it.
            session.save(storage.place(), true, Reading::default()).expect("a save")
        }) };
        let said = read(&mut stream).tokens;
        assert_eq!(read(&mut saver.join().expect("no panic")).end.reason, EndReason::Ready);
        let again = house.restored(&storage);
        let held = again.tokens().expect("what it holds");
        assert!(held == bytes("abcdef") && said.is_empty() || held == [bytes("abcdefgh"), said].concat());
    }

    fn a_save_that_nobody_wants_any_more_lets_go_of_what_it_held(house) {
        let session = house.session();
        house.hold(&session, "abcdef");
        let save = session.save(Storage::default().place(), true, Reading::default()).expect("a save");
        let closer = thread::spawn(move || drop(save));
        let mut stream = session.generate(raw("gh", 2), Reading::default()).expect("a stream");
        drop(session);
        read(&mut stream);
        closer.join().expect("no panic");
    }
}
