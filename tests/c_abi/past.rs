//! What a session holds, read back: its messages and its ids; and what C says of persona, tools and
//! variables.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use serde_json::{Value, json};
use std::ptr;

fn messages(session: wick_session) -> Value {
    let (mut buf, mut needed) = (vec![0u8; 4096], 0);
    // SAFETY: the buffer is good.
    is(unsafe { wick_session_messages(session, buf.as_mut_ptr().cast(), buf.len(), &mut needed) }, WICK_OK);
    serde_json::from_slice(&buf[..needed]).unwrap()
}

fn tokens(session: wick_session) -> Vec<u32> {
    let (mut ids, mut needed) = (vec![0u32; 1024], 0);
    // SAFETY: the buffer is good.
    is(unsafe { wick_session_tokens(session, ids.as_mut_ptr(), ids.len(), &mut needed) }, WICK_OK);
    ids.truncate(needed);
    ids
}

fn said<'a>(role: &'a str, content: &'a str, extra: &'a str) -> wick_message {
    let extra_json = if extra.is_empty() { zeroed() } else { text(extra) };
    wick_message { role: text(role), content: text(content), extra_json }
}

fn say(message: &wick_message) -> wick_generate_options {
    wick_generate_options { messages: message, message_count: 1, ..sized() }
}

fn one(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

/// The text of `ids`, control tokens and all.
fn spelled(model: wick_model, ids: &[u32]) -> String {
    let (mut buf, mut needed) = (vec![0u8; 4096], 0);
    let (to, error) = (buf.as_mut_ptr().cast(), ptr::null_mut());
    // SAFETY: the buffer is good.
    let status = unsafe {
        wick_model_detokenize(model, ids.as_ptr(), ids.len(), 1, to, buf.len(), &mut needed, error)
    };
    is(status, WICK_OK);
    buf.truncate(needed);
    String::from_utf8(buf).unwrap()
}

#[test]
fn a_conversation_is_read_back_with_the_systems_message_first() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"yes"}"#);
    let options = wick_session_options { system: text("Be short."), ..sized() };
    let mut session = wick_session::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_session_create(model, &options, &mut session, ptr::null_mut()) }, WICK_OK);
    let system = one("system", "Be short.");
    assert_eq!(messages(session), json!([system]));
    assert_eq!(tokens(session), [0u32; 0]);
    let hello = said("user", "Hello", r#"{"name":"Ann"}"#);
    let stream = generate(session, &say(&hello));
    join(stream).unwrap();
    let user = json!({"role": "user", "content": "Hello", "name": "Ann"});
    assert_eq!(messages(session), json!([system, user, one("assistant", "yes")]));
    let mut stats: wick_stats = zeroed();
    // SAFETY: all pointers are good.
    is(unsafe { wick_stream_stats(stream, &mut stats) }, WICK_OK);
    let ids = tokens(session);
    assert_eq!(ids.len(), stats.session_tokens as usize);
    assert!(spelled(model, &ids).starts_with("<control>system\nBe short.<end>"));
    is(wick_session_clear(session), WICK_OK);
    assert_eq!((messages(session), tokens(session)), (json!([system]), vec![]));
    shut(runtime);
}

#[test]
fn a_live_generation_shows_when_its_end_can_be_read_and_a_cancelled_one_when_it_has_stopped() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":["a","b","c"],"gated":true}"#);
    let session = session_of(model);
    let hello = said("user", "Hello", "");
    let stream = generate(session, &say(&hello));
    is(wick_testing_release(model, 1), WICK_OK);
    while read(stream, LONG).unwrap().kind != WICK_EVENT_TEXT {}
    assert_eq!((messages(session), tokens(session)), (json!([]), vec![]));
    is(wick_stream_cancel(stream), WICK_OK);
    join(stream).unwrap();
    let both = json!([one("user", "Hello"), one("assistant", "a")]);
    assert_eq!(messages(session), both);
    let held = tokens(session);
    // One that comes to nothing leaves it as it was.
    let again = generate(session, &say(&hello));
    is(wick_stream_cancel(again), WICK_OK);
    join(again).unwrap();
    assert_eq!((messages(session), tokens(session)), (both, held));
    shut(runtime);
}

#[test]
fn what_was_cleared_does_not_come_back_with_the_next_generation() {
    let runtime = runtime_in(WICK_MODE_HOST_STEP);
    let session = session(runtime, r#"{"reply":"yes"}"#);
    let hello = said("user", "Hello", "");
    join(generate(session, &say(&hello))).unwrap();
    is(wick_session_clear(session), WICK_OK);
    // Nothing is done before a step, the clear included.
    let next = generate(session, &say(&hello));
    assert_eq!((messages(session), tokens(session)), (json!([]), vec![]));
    join(next).unwrap();
    assert_eq!(messages(session), json!([one("user", "Hello"), one("assistant", "yes")]));
    shut(runtime);
}

#[test]
fn raw_input_has_ids_and_no_messages() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"yes"}"#);
    let session = session_of(model);
    join(generate(session, &prompt("ab"))).unwrap();
    assert_eq!((messages(session), spelled(model, &tokens(session))), (json!([]), "abyes".to_owned()));
    let (mut ids, mut needed) = ([9u32; 2], 0);
    // SAFETY: the buffer is good.
    is(unsafe { wick_session_tokens(session, ids.as_mut_ptr(), 2, &mut needed) }, WICK_E_BUFFER_TOO_SMALL);
    assert_eq!((ids, needed), ([9, 9], tokens(session).len()));
    shut(runtime);
}

#[test]
fn another_system_message_holds_from_the_next_turn_on() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"yes"}"#);
    let session = session_of(model);
    let (hello, more) = (said("user", "Hello", ""), said("user", "More", ""));
    join(generate(session, &say(&hello))).unwrap();
    let mut error: wick_error = sized();
    // SAFETY: all pointers are good.
    is(unsafe { wick_session_set_system(session, text("Be kind."), &mut error) }, WICK_OK);
    join(generate(session, &say(&more))).unwrap();
    assert!(spelled(model, &tokens(session)).starts_with("<control>system\nBe kind.<end>"));
    assert_eq!(messages(session)[0], one("system", "Be kind."));
    let raw = session_of(model);
    join(generate(raw, &prompt("ab"))).unwrap();
    // SAFETY: all pointers are good.
    is(unsafe { wick_session_set_system(raw, text("s"), &mut error) }, WICK_E_INVALID_ARGUMENT);
    assert!(message(&error).contains("raw input"), "{}", message(&error));
    shut(runtime);
}

#[test]
fn tools_and_variables_are_the_sessions_until_a_generation_brings_its_own() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"yes"}"#);
    let options =
        wick_session_options { tools_json: text("[1]"), template_json: text(r#"{"a":2}"#), ..sized() };
    let mut session = wick_session::default();
    // SAFETY: all pointers are good.
    is(unsafe { wick_session_create(model, &options, &mut session, ptr::null_mut()) }, WICK_OK);
    let hello = said("user", "Hello", "");
    join(generate(session, &say(&hello))).unwrap();
    assert!(spelled(model, &tokens(session)).starts_with("tools [1]\nvariables {\"a\":2}\n"));
    let own = wick_generate_options { tools_json: text("[3]"), template_json: text("{}"), ..say(&hello) };
    join(generate(session, &own)).unwrap();
    assert!(spelled(model, &tokens(session)).starts_with("tools [3]\n<control>"));
    join(generate(session, &say(&hello))).unwrap();
    assert!(spelled(model, &tokens(session)).starts_with("tools [3]\n<control>"));
    is(wick_session_clear(session), WICK_OK);
    join(generate(session, &say(&hello))).unwrap();
    assert!(spelled(model, &tokens(session)).starts_with("tools [1]\nvariables"));
    shut(runtime);
}

#[test]
fn s47_a_fork_is_a_session_of_its_own_with_the_same_past() {
    let runtime = runtime();
    let model = model(runtime, r#"{"random":1,"max_tokens":8}"#);
    let session = session_of(model);
    let hello = said("user", "Hello", "");
    let options = wick_generate_options { max_tokens: 5, ..say(&hello) };
    let stream = generate(session, &options);
    let mut twin = wick_session::default();
    let error = &mut sized::<wick_error>();
    // SAFETY: all pointers are good.
    unsafe {
        join(stream).unwrap();
        is(wick_session_fork(session, &mut twin, error), WICK_OK);
        assert_ne!(twin.id, session.id);
        assert_eq!((messages(twin), tokens(twin)), (messages(session), tokens(session)));
        for one in [session, twin] {
            join(generate(one, &options)).unwrap();
        }
        assert_eq!(tokens(twin), tokens(session));
        is(wick_session_clear(session), WICK_OK);
        assert_eq!(messages(twin).as_array().unwrap().len(), 4);
        is(wick_session_close(session), WICK_OK);
        is(wick_session_fork(session, &mut wick_session::default(), error), WICK_E_STALE_HANDLE);
        is(wick_session_fork(twin, &mut wick_session::default(), error), WICK_OK);
    }
    shut(runtime);
}

#[test]
fn s55_a_session_goes_back_and_keeps_what_was_said_of_an_answer() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"a word or two"}"#);
    let session = session_of(model);
    let bad = WICK_E_INVALID_ARGUMENT;
    is(wick_session_keep(session, 1), bad);
    is(wick_session_rewind(session, 7), WICK_OK);
    let hello = said("user", "Hello", "");
    join(generate(session, &say(&hello))).unwrap();
    let place = tokens(session).len();
    join(generate(session, &say(&hello))).unwrap();
    is(wick_session_rewind(session, u32::MAX), WICK_OK);
    is(wick_session_rewind(session, place as u32), WICK_OK);
    until(|| tokens(session).len() == place);
    is(wick_session_keep(session, 6), WICK_OK);
    let left = json!([one("user", "Hello"), one("assistant", "a word")]);
    until(|| messages(session) == left);
    is(wick_session_keep(session, 0), WICK_OK);
    until(|| messages(session) == json!([one("user", "Hello")]));
    is(wick_session_keep(session, 0), bad);
    is(wick_session_rewind(session, 0), WICK_OK);
    until(|| tokens(session).is_empty());
    is(wick_session_close(session), WICK_OK);
    is(wick_session_keep(session, 0), WICK_E_STALE_HANDLE);
    is(wick_session_rewind(session, 0), WICK_E_STALE_HANDLE);
    shut(runtime);
}
