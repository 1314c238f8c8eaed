//! What is known of a runtime, a model and a session, as JSON: each key that the header names, and no other.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ffi::c_char;
use std::ptr;

/// What `call` writes.
fn read(call: impl Fn(*mut c_char, usize, *mut usize) -> wick_status) -> Value {
    let (mut text, mut needed) = ([0u8; 2048], 0);
    is(call(text.as_mut_ptr().cast(), text.len(), &mut needed), WICK_OK);
    serde_json::from_slice(&text[..needed]).expect("JSON")
}

fn of_runtime(runtime: wick_runtime) -> Value {
    // SAFETY: a good buffer; so below.
    read(|json, cap, needed| unsafe { wick_runtime_info(runtime, json, cap, needed) })
}

fn of_model(model: wick_model) -> Value {
    // SAFETY: as above.
    read(|json, cap, needed| unsafe { wick_model_info(model, json, cap, needed) })
}

fn of_session(session: wick_session) -> Value {
    // SAFETY: as above.
    read(|json, cap, needed| unsafe { wick_session_info(session, json, cap, needed) })
}

#[test]
fn a_runtime_says_what_it_does_and_holds() {
    let runtime = runtime_in(WICK_MODE_HOST_STEP);
    let session = session(runtime, r#"{"reply":"x"}"#);
    let queue = queue(runtime);
    let stream = generate(session, &wick_generate_options { queue, ..prompt("p") });
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "mode": "host_step",
        "state": "running",
        "threads": [],
        "generations": { "live": 1, "running": 0, "waiting": 1 },
        "limits": { "max_sequences": 16, "max_waiting": 1024 },
        "passes": 0,
        "memory": { "weights": 0, "kv_and_scratch": 0, "budget": null },
        "queues": { "count": 1, "streams": [1] },
    });
    let mut info = of_runtime(runtime);
    assert!(info["memory"]["weights"].is_u64() && info["memory"]["kv_and_scratch"].is_u64(), "{info}");
    info["memory"]["weights"] = json!(0);
    info["memory"]["kv_and_scratch"] = json!(0);
    assert_eq!(info, expected);
    is(wick_stream_close(stream), WICK_OK);
    is(wick_queue_close(queue), WICK_OK);
    shut(runtime);
}

#[test]
fn a_model_says_that_it_loads_and_then_what_it_is() {
    let runtime = runtime_in(WICK_MODE_HOST_STEP);
    let (mut model, mut load) = (wick_model::default(), wick_stream::default());
    let script = text(r#"{"reply":"x","context_length":64}"#);
    // SAFETY: all pointers are good.
    unsafe {
        let error = ptr::null_mut();
        is(wick_testing_model_load(runtime, script, ptr::null(), &mut model, &mut load, error), WICK_OK);
    }
    assert_eq!(of_model(model), json!({ "state": "loading" }));
    join(load).unwrap();
    let info = of_model(model);
    let found: BTreeSet<&str> = info.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = BTreeSet::from([
        "state",
        "name",
        "architecture",
        "backend",
        "parameters",
        "quantisation",
        "context_length",
        "embedding_length",
        "vocab_size",
        "bos_id",
        "adds_bos",
        "eos_ids",
        "weight_bytes",
        "weights",
        "mapped_bytes",
        "huge_bytes",
        "kv_bytes_per_token",
        "chat_template",
        "suppressed_ids",
        "encodes",
        "prefix_cache",
        "drafts",
        "adapters",
        "vector_length",
        "ranks",
        "sampling",
    ]);
    assert_eq!(found, expected);
    let known = [("state", json!("ready")), ("backend", json!("fake")), ("context_length", json!(64))];
    assert!(known.iter().all(|(key, value)| info[key] == *value), "{info}");
    // Of a fake model nothing is kept by its tokens, drafted or adapted.
    assert!(["prefix_cache", "drafts", "adapters"].iter().all(|key| info[key] == json!(false)), "{info}");
    shut(runtime);
}

#[test]
fn a_session_says_what_it_does() {
    let runtime = runtime_in(WICK_MODE_HOST_STEP);
    let session = session(runtime, r#"{"reply":"x","context_length":64}"#);
    let expected = |state: &str, tokens: u64| {
        let left = 64 - tokens;
        json!({
            "state": state,
            "tokens": tokens,
            "messages": 0,
            "rolled_messages": 0,
            "rolled_tokens": 0,
            "context_length": 64,
            "context_left": left,
        })
    };
    assert_eq!(of_session(session), expected("idle", 0));
    let stream = generate(session, &prompt("p"));
    assert_eq!(of_session(session), expected("generating", 0));
    is(wick_stream_cancel(stream), WICK_OK);
    assert_eq!(of_session(session), expected("stopping", 0));
    read_all(stream);
    read_all(generate(session, &prompt("p")));
    assert_eq!(of_session(session)["state"], "idle");
    assert_eq!(of_session(session)["tokens"], 2);
    shut(runtime);
}
