//! A chat template that fails, as C sees it: an END with WICK_E_TEMPLATE, a status of wick_model_render, and
//! nothing else harmed.
#![cfg(all(feature = "native", feature = "text", feature = "testing"))]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use crate::support::tiny;
use std::ptr;

/// A small model with `template`, loaded.
fn model(runtime: wick_runtime, bytes: &[u8], template: &str) -> wick_model {
    let options = wick_model_options {
        data: bytes.as_ptr().cast(),
        data_len: bytes.len(),
        chat_template: if template.is_empty() { zeroed() } else { text(template) },
        ..sized()
    };
    let (mut model, mut load) = (wick_model::default(), wick_stream::default());
    // SAFETY: all pointers are good, the bytes until the runtime is shut down.
    is(unsafe { wick_model_load(runtime, &options, &mut model, &mut load, ptr::null_mut()) }, WICK_OK);
    let end = join(load).unwrap();
    assert_eq!(end.end, WICK_END_READY, "{}", end.text);
    is(wick_stream_close(load), WICK_OK);
    model
}

#[test]
fn a_template_that_is_none_or_fails_is_an_error_of_what_needs_it() {
    let bytes = tiny::Tiny::new("llama").speaking().writer().to_bytes();
    let message = wick_message { role: text("user"), content: text("a"), ..zeroed() };
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        for template in ["", "{{ raise_exception('a fault') }}", "{{ messages[0].nothing.more }}"] {
            let runtime = runtime_in(mode);
            let model = model(runtime, &bytes, template);
            let session = session_of(model);
            let chat =
                wick_generate_options { messages: &message, message_count: 1, max_tokens: 2, ..sized() };
            let mut events = read_all(generate(session, &chat));
            let end = events.pop().unwrap();
            assert_eq!((name(end.status), end.end), ("WICK_E_TEMPLATE", WICK_END_ERROR), "{}", end.text);
            assert!(!end.text.is_empty() && all_text(&events).is_empty());
            if template.contains("a fault") {
                assert!(end.text.contains("a fault"), "{}", end.text);
            }
            let (mut error, mut needed) = (sized::<wick_error>(), 0);
            let none = zeroed::<wick_str>();
            // SAFETY: all pointers are good.
            let status = unsafe {
                wick_model_render(
                    model,
                    &message,
                    1,
                    none,
                    none,
                    1,
                    ptr::null_mut(),
                    0,
                    &mut needed,
                    &mut error,
                )
            };
            is(status, WICK_E_TEMPLATE);
            assert_eq!(crate::support::c_abi::message(&error), end.text);
            // The session is as it was.
            let raw = wick_generate_options { max_tokens: 2, ignore_eos: 1, ..prompt("aa") };
            assert_eq!(read_all(generate(session, &raw)).pop().unwrap().end, WICK_END_LENGTH);
            shut(runtime);
        }
    }
}

/// What C leaves out is not there for the template, and numbers keep their digits.
#[test]
fn a_template_sees_what_c_gives_and_no_more() {
    let bytes = tiny::Tiny::new("llama").speaking().writer().to_bytes();
    let runtime = runtime_in(WICK_MODE_HOST_STEP);
    let template = "{% for m in messages %}{{ m.content is defined }} {{ m.content }},{% endfor %}{{ tools|tojson }}{{ x }}";
    let model = model(runtime, &bytes, template);
    let role = text("user");
    let messages = [
        wick_message { role, content: text("a"), ..zeroed() },
        wick_message { role, content: text(""), ..zeroed() },
        wick_message { role, ..zeroed() },
        wick_message { role, extra_json: text(r#"{"content": ["part"]}"#), ..zeroed() },
        wick_message { role, content: text("b"), extra_json: text(r#"{"content": null}"#) },
    ];
    let (mut error, mut needed, mut out) = (sized::<wick_error>(), 0, [0u8; 256]);
    // SAFETY: all pointers are good.
    let status = unsafe {
        wick_model_render(
            model,
            messages.as_ptr(),
            messages.len(),
            text("[18446744073709551616, 1e-05, 1e16, -0]"),
            text(r#"{"x": -9223372036854775809}"#),
            0,
            out.as_mut_ptr().cast(),
            out.len(),
            &mut needed,
            &mut error,
        )
    };
    is(status, WICK_OK);
    let rendered = std::str::from_utf8(&out[..needed]).unwrap().trim_end_matches('\0');
    let wanted = "True a,True ,False ,True ['part'],False ,[18446744073709551616, 1e-05, 1e+16, 0]-9223372036854775809";
    assert_eq!(rendered, wanted);
    shut(runtime);
}
