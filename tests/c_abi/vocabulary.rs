//! Counts of tokens, and the nearest of many vectors, as C asks for them.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;
use std::ptr;

fn said<'a>(role: &'a str, content: &'a str) -> wick_message {
    wick_message { role: text(role), content: text(content), extra_json: zeroed() }
}

#[test]
fn a_count_is_what_the_other_call_gives() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let (mut needed, mut count) = (0, 0);
    let mut error: wick_error = sized();
    // SAFETY: all pointers are good, or what is tested.
    unsafe {
        for given in ["", "a", "Once upon a time, é"] {
            for (add, parse) in [(0, 0), (1, 0), (1, 1)] {
                let given = text(given);
                wick_model_tokenize(model, given, add, parse, ptr::null_mut(), 0, &mut needed, &mut error);
                is(wick_model_count_tokens(model, given, add, parse, &mut count, &mut error), WICK_OK);
                assert_eq!(count, needed);
            }
        }
        count = 7;
        is(
            wick_model_count_tokens(model, text("a"), 0, 0, ptr::null_mut(), &mut error),
            WICK_E_INVALID_ARGUMENT,
        );
        is(wick_model_count_tokens(model, text("a"), 2, 0, &mut count, &mut error), WICK_E_INVALID_ARGUMENT);
        is(wick_model_count_tokens(model, zeroed(), 0, 0, &mut count, &mut error), WICK_E_INVALID_ARGUMENT);
        assert_eq!(count, 7, "written on success only");
    }
    shut(runtime);
}

#[test]
fn messages_count_as_the_prompt_tokens_of_their_generation() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let messages = [said("system", "Be short."), said("user", "Hello there")];
    let (mut tokens, mut error) = (0, sized::<wick_error>());
    // SAFETY: all pointers are good.
    unsafe {
        let status = wick_model_count_messages(
            model,
            messages.as_ptr(),
            2,
            zeroed(),
            zeroed(),
            1,
            &mut tokens,
            &mut error,
        );
        is(status, WICK_OK);
    }
    let options = wick_generate_options { messages: messages.as_ptr(), message_count: 2, ..sized() };
    let stream = generate(session_of(model), &options);
    join(stream).unwrap();
    let mut stats: wick_stats = zeroed();
    // SAFETY: all pointers are good.
    unsafe {
        is(wick_stream_stats(stream, &mut stats), WICK_OK);
        assert_eq!(stats.prompt_tokens as usize, tokens);
        let (one, absent) = (messages.as_ptr(), zeroed());
        let count = |model, tools: wick_str, template: wick_str, to: *mut usize| {
            let mut error: wick_error = sized();
            let status = wick_model_count_messages(model, one, 1, tools, template, 0, to, &mut error);
            (name(status), message(&error))
        };
        let refused = count(model, text("["), absent, &mut tokens);
        assert!(refused.0 == "WICK_E_INVALID_ARGUMENT" && refused.1.contains("tools_json"), "{refused:?}");
        let refused = count(model, absent, text("[]"), &mut tokens);
        assert!(refused.0 == "WICK_E_INVALID_ARGUMENT" && refused.1.contains("template_json"), "{refused:?}");
        let refused = count(model, absent, absent, ptr::null_mut());
        assert!(refused.0 == "WICK_E_INVALID_ARGUMENT" && refused.1.contains("tokens"), "{refused:?}");
        assert_eq!(count(wick_model { id: 0 }, absent, absent, &mut tokens).0, "WICK_E_STALE_HANDLE");
    }
    shut(runtime);
}

#[test]
fn the_nearest_vectors_come_first() {
    let query = [1.0f32, 0.5];
    let vectors = [1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0];
    let (mut indices, mut scores, mut found) = ([9u32; 5], [9f32; 5], 9);
    let (query, vectors) = (query.as_ptr(), vectors.as_ptr());
    // SAFETY: all pointers are good, or what is tested.
    unsafe {
        let (to, score_to) = (indices.as_mut_ptr(), scores.as_mut_ptr());
        is(wick_nearest(query, vectors, 4, 2, 3, to, score_to, &mut found), WICK_OK);
        assert_eq!((found, indices, scores), (3, [2, 0, 3, 9, 9], [1.5, 1.0, 1.0, 9.0, 9.0]));
        is(wick_nearest(query, vectors, 4, 2, 9, indices.as_mut_ptr(), ptr::null_mut(), &mut found), WICK_OK);
        assert_eq!((found, indices), (4, [2, 0, 3, 1, 9]));
        let (no_indices, no_scores) = (ptr::null_mut(), ptr::null_mut());
        is(wick_nearest(query, ptr::null(), 0, 2, 9, no_indices, no_scores, &mut found), WICK_OK);
        assert_eq!(found, 0);
        found = 7;
        let to = indices.as_mut_ptr();
        let bad = |query, vectors, count, dim, to, found: *mut usize| {
            is(
                wick_nearest(query, vectors, count, dim, 1, to, ptr::null_mut(), found),
                WICK_E_INVALID_ARGUMENT,
            );
        };
        bad(query, vectors, 4, 0, to, &mut found);
        bad(query, vectors, 1 << 32, 2, to, &mut found);
        bad(query, vectors, 1 << 31, 1 << 33, to, &mut found);
        bad(query, vectors, 1 << 20, 1 << 50, to, &mut found);
        bad(ptr::null(), vectors, 4, 2, to, &mut found);
        bad(query, ptr::null(), 4, 2, to, &mut found);
        bad(query, vectors, 4, 2, no_indices, &mut found);
        bad(query, vectors, 4, 2, to, ptr::null_mut());
        assert_eq!(found, 7, "written on success only");
    }
}

#[test]
fn a_session_without_options_has_the_defaults() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x"}"#);
    let mut session = wick_session::default();
    // SAFETY: NULL is what is tested; all other pointers are good.
    is(unsafe { wick_session_create(model, ptr::null(), &mut session, ptr::null_mut()) }, WICK_OK);
    assert_eq!(all_text(&read_all(generate(session, &prompt("p")))), "x");
    shut(runtime);
}

#[test]
fn biases_and_typical_p_change_what_is_drawn() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":["a","b","c"]}"#);
    let mut first = [0u32; 8];
    let mut needed = 0;
    // SAFETY: all pointers are good.
    unsafe {
        let ids = first.as_mut_ptr();
        is(wick_model_tokenize(model, text("abc"), 0, 0, ids, 8, &mut needed, ptr::null_mut()), WICK_OK);
    }
    let forbidden = [wick_logit_bias { token: first[0], bias: f32::NEG_INFINITY }];
    let biased = |biases: &[wick_logit_bias]| wick_generate_options {
        logit_bias: biases.as_ptr(),
        logit_bias_count: biases.len(),
        max_tokens: 1,
        ..prompt("p")
    };
    assert_eq!(all_text(&read_all(generate(session_of(model), &biased(&[])))), "a");
    assert_ne!(all_text(&read_all(generate(session_of(model), &biased(&forbidden)))), "a");
    let beyond = [wick_logit_bias { token: 1_000_000, bias: 1.0 }];
    let end = join(generate(session_of(model), &biased(&beyond))).unwrap();
    assert_eq!((end.end, end.status), (WICK_END_ERROR, WICK_E_INVALID_ARGUMENT));
    assert!(end.text.contains("logit_bias"), "{}", end.text);
    let nan = [wick_logit_bias { token: 1, bias: f32::NAN }];
    let (status, message) = try_generate(session_of(model), &biased(&nan)).unwrap_err();
    is(status, WICK_E_INVALID_ARGUMENT);
    assert!(message.contains("logit_bias"), "{message}");
    let null = wick_generate_options { logit_bias_count: 1, ..prompt("p") };
    is(try_generate(session_of(model), &null).unwrap_err().0, WICK_E_INVALID_ARGUMENT);
    let mut typical = prompt("p");
    (typical.sampling.typical_p, typical.sampling.temperature, typical.sampling.seed) = (0.5, 1.0, 7);
    assert_eq!(all_text(&read_all(generate(session_of(model), &typical))), "abc");
    shut(runtime);
}

#[test]
fn each_sampler_changes_what_is_drawn() {
    type Case = (&'static str, fn(&mut wick_sampling));
    let runtime = runtime();
    // The fake model's logits are 0 but for the token that it says.
    let model = model(runtime, r#"{"reply":["a","b","a","b","a","b","a","b","a","b","a","b"]}"#);
    let said = |change: fn(&mut wick_sampling)| {
        let mut options = wick_generate_options { max_tokens: 12, ..prompt("p") };
        change(&mut options.sampling);
        all_text(&read_all(generate(session_of(model), &options)))
    };
    assert_eq!(said(|_| {}), "abababababab");
    assert_eq!(said(|s| (s.temperature, s.seed, s.top_n_sigma) = (20.0, 5, 1.0)), "abababababab");
    assert_eq!(
        said(|s| (s.temperature, s.seed, s.mirostat_tau, s.mirostat_eta) = (1.0, 5, 0.01, 0.1)),
        "abababababab"
    );
    let changed: [Case; 4] = [
        ("DRY", |s| (s.dry_multiplier, s.dry_base, s.dry_allowed_length, s.dry_last_n) = (50.0, 2.0, 1, 10)),
        ("XTC", |s| (s.temperature, s.seed, s.xtc_probability, s.xtc_threshold) = (1.0, 5, 1.0, 1e-30)),
        ("mirostat", |s| (s.temperature, s.seed, s.mirostat_tau) = (20.0, 5, 7.0)),
        ("dynatemp", |s| {
            (s.temperature, s.seed, s.dynatemp_range, s.dynatemp_exponent) = (5.0, 5, 4000.0, 0.01)
        }),
    ];
    for (name, change) in changed {
        assert_ne!(said(change), "abababababab", "{name}");
        assert_eq!(said(change), said(change), "{name}: the seed decides");
    }
    shut(runtime);
}
