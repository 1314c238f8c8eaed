//! A restored session knows the places that the saved one knew: it goes back, and keeps what was said, as
//! that one does.
#![cfg(feature = "testing")]

use crate::support::scenario::saves::{of, refused, restored, saved};
use crate::support::scenario::*;
use serde_json::json;
use wick::error::{Error, ErrorKind};
use wick::runtime::{Input, Mode, Reading, Request, Session, SessionInfo, SessionOptions};
use wick::store::parts::{put_together, take_apart};
use wick::testing::Script;
use wick::text::Message;

type Held = (Vec<Message>, Vec<u32>);

/// All that can be read back of a session.
fn held(session: &Session) -> Held {
    (session.messages().unwrap(), session.tokens().unwrap())
}

/// Waits until the engine has done what it was asked.
fn done(house: &House) {
    let nothing = Request { prefill_only: true, ..asking("x") };
    read(&mut house.session().generate(nothing, Reading::default()).unwrap());
}

/// What a fork of `session` holds and says after a change; or why there is none.
fn changed(
    house: &House,
    session: &Session,
    change: impl Fn(&Session) -> Result<(), Error>,
) -> Result<(Held, Vec<u32>), String> {
    let twin = session.fork().unwrap();
    change(&twin).map_err(|error| error.to_string())?;
    done(house);
    let held = held(&twin);
    // A later cut depends on where the answer begins, and what comes next on what is in force.
    if twin.keep(3).is_ok() {
        done(house);
    }
    let cut = twin.tokens().unwrap();
    let told = if cut.is_empty() { Vec::new() } else { ask(&twin, Input::Continue, 20).tokens };
    Ok((held, [cut, told].concat()))
}

/// Whatever is asked of the session out of a save, it does as the one that was saved.
fn assert_same(house: &House, other: &House, session: &Session, what: &str) {
    let bytes = saved(session, false);
    let back = restored(other, &bytes);
    assert_eq!(held(&back), held(session), "{what}");
    let SessionInfo { tokens, .. } = session.info();
    for count in (0..=tokens + 3).chain([10_000]) {
        let [then, now] = [(house, session), (other, &back)]
            .map(|(house, session)| changed(house, session, |session| session.rewind(count)));
        assert_eq!(now, then, "{what}: back to {count} of {tokens}");
    }
    for bytes in [0, 1, 2, 5, 9, 30, 1000] {
        let [then, now] = [(house, session), (other, &back)]
            .map(|(house, session)| changed(house, session, |session| session.keep(bytes)));
        assert_eq!(now, then, "{what}: {bytes} bytes are kept");
    }
    // And so does one out of its save.
    assert_eq!(saved(&back, false), bytes, "{what}");
}

#[test]
fn s55_a_restored_session_goes_back_and_keeps_as_the_saved_one_does() {
    let _watchdog = watchdog();
    for script in kinds() {
        let [house, other] = [(); 2].map(|()| apart(Mode::HostStep, &script));
        let options = SessionOptions { system: Some("Be brief.".into()), ..SessionOptions::default() };
        let session = house.model.session_with(options).unwrap();
        assert_same(&house, &other, &session, "nothing");
        ask(&session, user("One?"), 6);
        let tools = Request { tools: Some(json!([{"name": "add"}]).into()), ..for_ascii(user("Two?"), 12) };
        read(&mut session.generate(tools.clone(), Reading::default()).unwrap());
        ask(&session, Input::Continue, 5);
        assert_same(&house, &other, &session, "two turns");
        // All tokens are others from here on.
        session.set_system(Some("Be long.".into())).unwrap();
        ask(&session, user("Three?"), 7);
        read(&mut session.generate(tools, Reading::default()).unwrap());
        assert_same(&house, &other, &session, "another rendering");
        session.keep(4).unwrap();
        assert_same(&house, &other, &session, "a cut answer");
        // A generation that comes to nothing.
        let mut nothing = session.generate(for_ascii(user("Four?"), 5), Reading::default()).unwrap();
        nothing.cancel();
        read(&mut nothing);
        assert_same(&house, &other, &session, "a turn that came to nothing");
        house.close();
        other.close();
    }
}

#[test]
fn s56_of_restored_raw_text_an_answer_is_kept_as_of_what_was_saved() {
    let _watchdog = watchdog();
    let script = Script { ..kinds()[0].clone() };
    let [house, other] = [(); 2].map(|()| apart(Mode::HostStep, &script));
    let session = house.session();
    ask(&session, Input::Text("Once upon".into()), 9);
    ask(&session, Input::Text(" a time".into()), 14);
    assert_same(&house, &other, &session, "raw text");
    ask(&session, Input::Continue, 6);
    assert_same(&house, &other, &session, "an answer that went on");
    house.close();
    other.close();
}

#[test]
fn s55_a_save_without_places_knows_its_end_alone_and_a_damaged_one_says_where() {
    let _watchdog = watchdog();
    let house = apart(Mode::HostStep, &kinds()[0]);
    let session = house.session();
    ask(&session, Input::Text("Once upon".into()), 9);
    let mut sections = take_apart(&saved(&session, false)).expect("a save");
    let index = sections.iter().position(|(kind, ..)| *kind == 6).expect("places");
    let mut damaged = sections.clone();
    // The answer begins behind all tokens.
    damaged[index].2[8] = 200;
    let error = refused(&house, of(&put_together(1, &damaged)));
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.message().contains("the save is damaged: places, at byte"), "{error}");
    sections.remove(index);
    let back = restored(&house, &put_together(1, &sections));
    assert_eq!(held(&back), held(&session));
    assert_eq!(back.keep(3).expect_err("nothing says where").kind(), ErrorKind::InvalidArgument);
    assert!(session.keep(3).is_ok());
    house.close();
}
