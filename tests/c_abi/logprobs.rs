//! With logprobs each TEXT has exactly one id and its logprob, whatever is held back, and the texts are the
//! same; control tokens in prompts.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use std::ffi::c_void;
use std::sync::Mutex;

/// The TEXTs of a generation with and without logprobs: text, ids, and the logprob of the last one.
fn texts(session: wick_session, options: wick_generate_options) -> Vec<(String, Vec<u32>, f32)> {
    let stream = generate(session, &options);
    let mut found = Vec::new();
    let (mut buf, mut event) = ([0u8; 4096], sized::<wick_event>());
    loop {
        // SAFETY: the buffer is good.
        let seen = unsafe {
            match wick_stream_next(stream, &mut event, buf.as_mut_ptr().cast(), buf.len(), LONG) {
                WICK_OK => Seen::new(&event),
                status => break is(status, WICK_ENDED),
            }
        };
        if seen.kind == WICK_EVENT_TEXT {
            found.push((seen.text, seen.tokens, event.logprob));
        } else {
            assert!(event.logprob.is_nan());
        }
        assert!(event.alternatives.is_null() && event.values.is_null());
    }
    is(wick_stream_close(stream), WICK_OK);
    found
}

fn joined(texts: &[(String, Vec<u32>, f32)]) -> (String, Vec<u32>) {
    let ids = texts.iter().flat_map(|(_, ids, _)| ids.clone()).collect();
    (texts.iter().map(|(text, ..)| text.as_str()).collect(), ids)
}

#[test]
fn each_text_has_one_id_and_all_is_as_without() {
    // Halves of a character, control tokens, and beginnings of stop strings that become none, or one.
    let replies = [
        r#"{"reply":["a","b",{"bytes":[195]},{"bytes":[169]},"c"]}"#,
        r#"{"reply":["x",259,259,"y",{"bytes":[240]}]}"#,
        r#"{"reply":["a","<","s","t","b","<"]}"#,
        r#"{"reply":["foo<","st","op>","never"]}"#,
        r#"{"reply":["ab<s","<stop>"]}"#,
    ];
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        for reply in replies {
            let model = model(runtime, reply);
            let stop = text("<stop>");
            let plain = wick_generate_options { stop: &stop, stop_count: 1, ..prompt("p") };
            let without = texts(session_of(model), plain);
            let with = texts(session_of(model), wick_generate_options { logprobs: 1, ..plain });
            assert_eq!(joined(&with), joined(&without), "{reply}");
            assert!(without.iter().all(|(.., logprob)| logprob.is_nan()));
            for (text, ids, logprob) in &with {
                assert_eq!(ids.len(), 1, "{reply}: {text:?}");
                assert!(*logprob <= 0.0 && *logprob > -1.0, "the fake model is sure: {logprob}");
            }
        }
        shut(runtime);
    }
}

#[test]
fn a_logprob_is_the_models_own_whatever_is_forbidden() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":["a","b"]}"#);
    let forbidden = [wick_logit_bias { token: u32::from(b'a'), bias: f32::NEG_INFINITY }];
    let options = wick_generate_options {
        logit_bias: forbidden.as_ptr(),
        logit_bias_count: 1,
        logprobs: 1,
        max_tokens: 1,
        ..prompt("p")
    };
    let with = texts(session_of(model), options);
    assert_eq!(with.len(), 1);
    assert!(with[0].1[0] != u32::from(b'a') && with[0].2 < -1.0, "{with:?}");
    shut(runtime);
}

/// Ids and their logprobs.
type Alternatives = Vec<(u32, f32)>;

/// An id's alternatives, as they lie in the event.
fn alternatives(event: &wick_event) -> Alternatives {
    assert!(event.alternatives.is_aligned(), "{:?}", event.alternatives);
    (0..event.alternative_count as usize)
        // SAFETY: the library says that there are so many.
        .map(|index| unsafe { *event.alternatives.add(index) })
        .map(|one| (one.token, one.logprob))
        .collect()
}

/// What is read of a generation with buffers of `cap` bytes that begin `shift` bytes into their memory: for
/// each id its alternatives, and all text.
fn read_alternatives(stream: wick_stream, cap: usize, shift: usize) -> (Vec<(u32, Alternatives)>, String) {
    let (mut buf, mut event) = (vec![0u64; 1024], sized::<wick_event>());
    let (mut ids, mut text) = (Vec::new(), String::new());
    let buf = buf.as_mut_ptr().cast::<u8>().wrapping_add(shift);
    loop {
        // SAFETY: the buffer is good.
        let seen = unsafe {
            match wick_stream_next(stream, &mut event, buf.cast(), cap, LONG) {
                WICK_OK => Seen::new(&event),
                status => break is(status, WICK_ENDED),
            }
        };
        let inside = (buf as usize..buf as usize + cap).contains(&(event.alternatives as usize));
        assert!(event.alternatives.is_null() || inside);
        text.push_str(&seen.text);
        match seen.tokens[..] {
            [id] => ids.push((id, alternatives(&event))),
            _ => assert!(seen.tokens.is_empty() && event.alternatives.is_null()),
        }
    }
    is(wick_stream_close(stream), WICK_OK);
    (ids, text)
}

#[test]
fn alternatives_come_whole_with_their_id() {
    let runtime = runtime();
    let long = "a".repeat(200);
    let script = serde_json::json!({ "reply": ["x", long, "b".repeat(251), "y", wick::testing::CONTROL] });
    let model = model(runtime, &script.to_string());
    let options = wick_generate_options { top_logprobs: 20, ..prompt("p") };
    let whole = read_alternatives(generate(session_of(model), &options), 4096, 0);
    let plain = texts(session_of(model), prompt("p"));
    assert_eq!((whole.1.clone(), whole.0.iter().map(|(id, _)| *id).collect()), joined(&plain));
    for (id, alternatives) in &whole.0 {
        assert_eq!((alternatives.len(), alternatives[0].0), (20, *id), "the fake model says its likeliest");
        assert!(alternatives.is_sorted_by(|a, b| (-a.1, a.0) < (-b.1, b.0)), "{alternatives:?}");
    }
    for (cap, shift) in [(256, 0), (256, 1), (257, 3), (300, 2), (381, 5), (4096, 7)] {
        let parts = read_alternatives(generate(session_of(model), &options), cap, shift);
        assert_eq!(parts, whole, "cap {cap}, shift {shift}");
    }
    // Three of them, and logprobs without: none.
    let three = wick_generate_options { top_logprobs: 3, logprobs: 1, ..prompt("p") };
    let (ids, _) = read_alternatives(generate(session_of(model), &three), 4096, 0);
    assert!(ids.iter().zip(&whole.0).all(|(few, all)| few.1 == all.1[..3]));
    shut(runtime);
}

#[test]
fn a_callback_gets_alternatives_too() {
    static SEEN: Mutex<Vec<(u32, Alternatives)>> = Mutex::new(Vec::new());
    unsafe extern "C" fn take(_: *mut c_void, event: *const wick_event) {
        // SAFETY: the library's event.
        let event = unsafe { &*event };
        if event.kind == WICK_EVENT_TEXT {
            assert_eq!(event.token_count, 1);
            // SAFETY: there is one.
            SEEN.lock().unwrap().push((unsafe { *event.tokens }, alternatives(event)));
        }
    }
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":["a","b","c"]}"#);
    let counter = Counter::new();
    let asked = wick_generate_options { top_logprobs: 5, ..prompt("p") };
    let options =
        wick_generate_options { on_event: Some(take), user: counter.user(), drop: Some(count), ..asked };
    let stream = generate(session_of(model), &options);
    until(|| counter.count() == 1);
    is(wick_stream_close(stream), WICK_OK);
    let whole = read_alternatives(generate(session_of(model), &asked), 4096, 0).0;
    assert_eq!((SEEN.lock().unwrap().clone(), whole.len()), (whole.clone(), 3));
    shut(runtime);
}

#[test]
fn a_rendered_text_is_a_prompt_with_parse_special_and_plain_text_without() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let said = wick_message { role: text("user"), content: text("Hello"), extra_json: zeroed() };
    let (mut buf, mut needed) = ([0u8; 256], 0);
    // SAFETY: all pointers are good.
    unsafe {
        let to = buf.as_mut_ptr().cast();
        let status = wick_model_render(
            model,
            &said,
            1,
            zeroed(),
            zeroed(),
            1,
            to,
            256,
            &mut needed,
            std::ptr::null_mut(),
        );
        is(status, WICK_OK);
    }
    let rendered = std::str::from_utf8(&buf[..needed]).unwrap();
    let tokens = |options: wick_generate_options| {
        let stream = generate(session_of(model), &options);
        join(stream).unwrap();
        let mut stats: wick_stats = zeroed();
        // SAFETY: all pointers are good.
        is(unsafe { wick_stream_stats(stream, &mut stats) }, WICK_OK);
        stats.prompt_tokens
    };
    let messages = tokens(wick_generate_options { messages: &said, message_count: 1, ..sized() });
    let plain = wick_generate_options { prompt: text(rendered), ..sized() };
    assert_eq!(tokens(wick_generate_options { parse_special: 1, ..plain }), messages);
    assert!(tokens(plain) > messages);
    shut(runtime);
}
