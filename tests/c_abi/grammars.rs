//! Grammars as C gives them.
#![cfg(all(feature = "testing", feature = "text"))]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;

/// The text and the END of a generation.
fn told(session: wick_session, options: &wick_generate_options) -> (String, Seen) {
    let stream = generate(session, options);
    let mut said = String::new();
    let end = loop {
        match read_with(stream, 4096, 0, LONG) {
            Ok(event) if event.kind == WICK_EVENT_END => break event,
            Ok(event) if event.kind == WICK_EVENT_TEXT => said += &event.text,
            Ok(_) => {}
            Err(status) => panic!("{status}"),
        }
    };
    is(wick_stream_close(stream), WICK_OK);
    (said, end)
}

#[test]
fn each_kind_binds_what_is_said() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let session = session_of(model(runtime, r#"{"random":5}"#));
        for (kind, grammar, said) in [
            (WICK_GRAMMAR_JSON_SCHEMA, r#"{"const":[1,"a"]}"#, None),
            (WICK_GRAMMAR_REGEX, "ab?c", None),
            (WICK_GRAMMAR_LARK, "start: \"abc\"", Some("abc")),
            (WICK_GRAMMAR_GBNF, "root ::= \"a\" \"bc\"", Some("abc")),
        ] {
            let options = wick_generate_options { grammar_kind: kind, grammar: text(grammar), ..prompt("p") };
            let (text, end) = told(session, &options);
            is(i32::from(end.end), i32::from(WICK_END_STOP));
            if let Some(said) = said {
                assert_eq!(text, said);
            }
            if kind == WICK_GRAMMAR_JSON_SCHEMA {
                assert_eq!(
                    serde_json::from_str::<serde_json::Value>(&text).unwrap(),
                    serde_json::json!([1, "a"])
                );
            }
        }
        let options =
            wick_generate_options { grammar_kind: WICK_GRAMMAR_JSON, max_tokens: 40, ..prompt("p") };
        let (_, end) = told(session, &options);
        assert_ne!(end.end, WICK_END_ERROR, "{}", end.text);
        let wrong = r#"{"items":{"contains":{}}}"#;
        let options = wick_generate_options {
            grammar_kind: WICK_GRAMMAR_JSON_SCHEMA,
            grammar: text(wrong),
            ..prompt("p")
        };
        let (_, end) = told(session, &options);
        is(end.status, WICK_E_GRAMMAR);
        assert!(end.text.contains("\"contains\" at #/items"), "{}", end.text);
        shut(runtime);
    }
}

#[test]
fn what_has_no_shape_is_refused_at_once() {
    let runtime = runtime();
    let session = session(runtime, r#"{"reply":"x"}"#);
    let deep = "[".repeat(60);
    for (kind, grammar, why) in [
        (WICK_GRAMMAR_NONE, Some("a"), "say which kind"),
        (WICK_GRAMMAR_JSON, Some("{}"), "which has none"),
        (WICK_GRAMMAR_REGEX, None, "absent or empty"),
        (WICK_GRAMMAR_LARK, Some(""), "absent or empty"),
        (WICK_GRAMMAR_JSON_SCHEMA, Some("{"), "grammar is not JSON"),
        (WICK_GRAMMAR_JSON_SCHEMA, Some(&deep), "nested 60 deep"),
        (6, Some("a"), "grammar_kind"),
    ] {
        let mut options = wick_generate_options { grammar_kind: kind, ..prompt("p") };
        if let Some(grammar) = grammar {
            options.grammar = text(grammar);
        }
        let (status, message) = try_generate(session, &options).expect_err(why);
        is(status, WICK_E_INVALID_ARGUMENT);
        assert!(message.contains(why), "{message}");
    }
    shut(runtime);
}
