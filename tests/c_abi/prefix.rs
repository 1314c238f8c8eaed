//! An answer that the host begins, as C gives it and reads it back.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use serde_json::{Value, json};

const PREFIX: &str = r#"{"name": ""#;

fn messages(session: wick_session) -> Value {
    let (mut buf, mut needed) = (vec![0u8; 4096], 0);
    // SAFETY: the buffer is good.
    is(unsafe { wick_session_messages(session, buf.as_mut_ptr().cast(), buf.len(), &mut needed) }, WICK_OK);
    serde_json::from_slice(&buf[..needed]).unwrap()
}

fn output_tokens(stream: wick_stream) -> u32 {
    let mut stats: wick_stats = zeroed();
    // SAFETY: the place is good.
    is(unsafe { wick_stream_stats(stream, &mut stats) }, WICK_OK);
    stats.output_tokens
}

#[test]
fn s36_text_comes_once_whole_and_is_the_messages() {
    let hi = wick_message { role: text("user"), content: text("Hi"), extra_json: zeroed() };
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let model = model(runtime, r#"{"reply":"Ada\"}"}"#);
        let long = "x".repeat(700);
        for prefix in [PREFIX, "", &long] {
            let session = session_of(model);
            let options = wick_generate_options {
                messages: &hi,
                message_count: 1,
                answer_prefix: text(prefix),
                ..sized()
            };
            let stream = generate(session, &options);
            let (mut said, mut ids, mut texts) = (String::new(), 0, 0);
            // Cut to the smallest buffer, it comes in pieces.
            while let Ok(event) = read_with(stream, 256, 0, LONG) {
                if event.kind == WICK_EVENT_TEXT {
                    (said, ids, texts) =
                        (said + &event.text, ids + event.tokens.len(), texts + usize::from(!event.more));
                }
            }
            let whole = format!("{prefix}Ada\"}}");
            assert_eq!((&said, ids, texts), (&whole, prefix.len() + 2, 2));
            assert_eq!(output_tokens(stream), 2);
            is(wick_stream_close(stream), WICK_OK);
            let all = json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": whole}]);
            assert_eq!(messages(session), all);
        }
        shut(runtime);
    }
}

#[test]
fn s36_what_cannot_begin_an_answer_is_refused_by_its_name() {
    let runtime = runtime();
    let session = session(runtime, r#"{"reply":"x"}"#);
    let hi = wick_message { role: text("user"), content: text("Hi"), extra_json: zeroed() };
    let (id, prefix) = (1, text(PREFIX));
    let good = wick_generate_options { answer_prefix: prefix, ..sized() };
    let chat = wick_generate_options { messages: &hi, message_count: 1, ..good };
    let latin = [b'"', 0xE9];
    let latin = wick_str { ptr: latin.as_ptr().cast(), len: 2 };
    for (options, way_out) in [
        (wick_generate_options { prompt: text("p"), ..good }, "append it to the prompt"),
        (wick_generate_options { prompt_tokens: &id, prompt_token_count: 1, ..good }, "prompt_tokens"),
        (wick_generate_options { prefill_only: 1, ..chat }, "prefill_only"),
        (wick_generate_options { answer_prefix: latin, ..chat }, "not UTF-8 from byte 1 on"),
        (wick_generate_options { answer_prefix: wick_str { ptr: std::ptr::null(), len: 2 }, ..chat }, "NULL"),
    ] {
        let (status, message) = try_generate(session, &options).expect_err(way_out);
        is(status, WICK_E_INVALID_ARGUMENT);
        assert!(message.contains("answer_prefix") && message.contains(way_out), "{message}");
    }
    // Raw input leaves no answer to begin.
    read_all(generate(session, &prompt("p")));
    let (status, message) = try_generate(session, &good).expect_err("raw");
    is(status, WICK_E_INVALID_ARGUMENT);
    assert!(message.contains("answer_prefix"), "{message}");
    shut(runtime);
}
