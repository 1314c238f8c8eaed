//! A session's own system message, tools and variables, what it does when it is full, and a runtime's pace,
//! as C gives them.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;

/// It says what it was given, from the first token on.
const PARROT: &str = r#"{"echo":true,"rewinds":false}"#;

fn session(model: wick_model, options: &wick_session_options) -> wick_session {
    let (mut session, mut error) = (wick_session::default(), sized::<wick_error>());
    // SAFETY: all pointers are good.
    let status = unsafe { wick_session_create(model, options, &mut session, &mut error) };
    assert_eq!(status, WICK_OK, "{}", message(&error));
    session
}

/// The first tokens of the prompt that a user's "Hi" makes with `options`.
fn prompted(session: wick_session, options: wick_generate_options) -> String {
    let hi = wick_message { role: text("user"), content: text("Hi"), ..zeroed() };
    let options =
        wick_generate_options { messages: &hi, message_count: 1, max_tokens: 80, ignore_eos: 1, ..options };
    let mut events = read_all(generate(session, &options));
    let end = events.pop().expect("an END");
    assert_eq!(end.end, WICK_END_LENGTH, "{}", end.text);
    all_text(&events)
}

#[test]
fn what_belongs_to_a_session_is_in_every_prompt_until_it_is_changed() {
    let runtime = runtime();
    let model = model(runtime, PARROT);
    let options = wick_session_options {
        system: text("a cat"),
        tools_json: text(r#"[{"name":"purr"}]"#),
        template_json: text(r#"{"mood":1}"#),
        ..sized()
    };
    let cat = session(model, &options);
    let own = "tools [{\"name\":\"purr\"}]\nvariables {\"mood\":1}\nsystem\na cat\nuser\nHi\n";
    assert!(prompted(cat, sized()).starts_with(own));
    is(wick_session_clear(cat), WICK_OK);
    let other = wick_generate_options { tools_json: text("[]"), template_json: text("{}"), ..sized() };
    assert!(prompted(cat, other).starts_with("system\na cat\nuser\nHi\n"));
    is(wick_session_clear(cat), WICK_OK);
    let mut error = sized::<wick_error>();
    // SAFETY: all pointers are good.
    unsafe {
        is(wick_session_set_system(cat, text("a dog"), &mut error), WICK_OK);
        assert!(prompted(cat, sized()).contains("system\na dog\n"));
        is(wick_session_clear(cat), WICK_OK);
        is(wick_session_set_system(cat, zeroed(), &mut error), WICK_OK);
        assert!(!prompted(cat, sized()).contains("system"));
    }
    shut(runtime);
}

#[test]
fn a_session_with_a_system_message_refuses_raw_input_and_one_with_raw_input_a_system_message() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let with = session(model, &wick_session_options { system: text("a cat"), ..sized() });
    let raw = session(model, &sized());
    let mut error = sized::<wick_error>();
    let (mut stream, first) = (wick_stream::default(), prompt("raw"));
    let system = wick_message { role: text("system"), content: text("another"), ..zeroed() };
    let second = wick_generate_options { messages: &system, message_count: 1, ..sized() };
    // SAFETY: all pointers are good.
    unsafe {
        for options in [&first, &second] {
            is(wick_generate(with, options, &mut stream, &mut error), WICK_E_INVALID_ARGUMENT);
            assert!(message(&error).contains("system message"), "{}", message(&error));
        }
        read_all(generate(raw, &first));
        is(wick_session_set_system(raw, text("late"), &mut error), WICK_E_INVALID_ARGUMENT);
        assert!(message(&error).contains("raw input"), "{}", message(&error));
        is(wick_session_clear(raw), WICK_OK);
        is(wick_session_set_system(raw, text("late"), &mut error), WICK_OK);
    }
    shut(runtime);
}

#[test]
fn a_context_beyond_the_models_is_refused_with_both_numbers() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x","context_length":64}"#);
    let (mut out, mut error) = (wick_session::default(), sized::<wick_error>());
    let options = wick_session_options { context_length: 65, ..sized() };
    // SAFETY: all pointers are good.
    let status = unsafe { wick_session_create(model, &options, &mut out, &mut error) };
    is(status, WICK_E_INVALID_ARGUMENT);
    assert!(message(&error).contains("65") && message(&error).contains("64"), "{}", message(&error));
    session(model, &wick_session_options { context_length: 64, ..sized() });
    shut(runtime);
}

#[test]
fn paces_are_kept_or_refused() {
    let mut error = sized::<wick_error>();
    for (mode, percent, status) in [
        (WICK_MODE_THREADS, 30, WICK_OK),
        (WICK_MODE_THREADS, 100, WICK_OK),
        (WICK_MODE_THREADS, 101, WICK_E_INVALID_ARGUMENT),
        (WICK_MODE_HOST_STEP, 30, WICK_E_UNSUPPORTED),
    ] {
        let options =
            wick_runtime_options { abi_version: WICK_ABI_VERSION, mode, pace_percent: percent, ..sized() };
        let mut runtime = wick_runtime::default();
        // SAFETY: all pointers are good.
        is(unsafe { wick_runtime_create(&options, &mut runtime, &mut error) }, status);
        if status == WICK_OK {
            let session = session(model(runtime, r#"{"reply":"x"}"#), &sized());
            is(wick_runtime_set_pace(runtime, 101), WICK_E_INVALID_ARGUMENT);
            is(wick_runtime_set_pace(runtime, 1), WICK_OK);
            assert_eq!(all_text(&read_all(generate(session, &prompt("p")))), "x");
            shut(runtime);
        }
    }
    let runtime = runtime_in(WICK_MODE_HOST_STEP);
    is(wick_runtime_set_pace(runtime, 50), WICK_E_UNSUPPORTED);
    shut(runtime);
}

#[test]
fn s45_a_session_that_rolls_says_what_went() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"a long answer, as long as it can be"}"#);
    let (mut buffer, mut needed) = ([0u8; 512], 0);
    let options = wick_session_options {
        system: text("a cat"),
        context_length: 200,
        overflow: WICK_OVERFLOW_ROLL,
        ..sized()
    };
    let cat = session(model, &options);
    let (mut messages, mut tokens) = (0, 0);
    for turn in 0..8 {
        let hi = wick_message { role: text("user"), content: text("Hello, and again"), ..zeroed() };
        let options = wick_generate_options { messages: &hi, message_count: 1, max_tokens: 9, ..sized() };
        let events = read_all(generate(cat, &options));
        for note in events.iter().filter(|event| event.kind == WICK_EVENT_NOTE) {
            assert_eq!(note.channel, WICK_NOTE_LIBRARY);
            let note: serde_json::Value = serde_json::from_str(&note.text).expect("JSON");
            assert_eq!(note["event"], "rolled");
            messages += note["messages"].as_u64().expect("a number");
            tokens += note["tokens"].as_u64().expect("a number");
        }
        assert_eq!(events.last().map(|end| end.end), Some(WICK_END_LENGTH), "turn {turn}");
    }
    assert!(messages > 0);
    // SAFETY: a buffer of that size.
    let status = unsafe { wick_session_info(cat, buffer.as_mut_ptr().cast(), buffer.len(), &mut needed) };
    is(status, WICK_OK);
    let info: serde_json::Value = serde_json::from_slice(&buffer[..needed]).expect("JSON");
    assert_eq!((&info["rolled_messages"], &info["rolled_tokens"]), (&messages.into(), &tokens.into()));
    shut(runtime);
}
