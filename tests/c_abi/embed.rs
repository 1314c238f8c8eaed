//! Vectors of texts as C asks for them: waited for, or as a stream, whose vectors may be longer than the
//! caller's buffer.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "tests the C ABI")]

use crate::support::c_abi::*;
use std::ptr;

/// The status, and what was written of a buffer of `cap` floats.
fn embed(model: wick_model, texts: &[wick_str], cap: usize, timeout: u64) -> (wick_status, Vec<f32>, usize) {
    let (mut out, mut needed) = (vec![f32::NAN; cap], usize::MAX);
    let at = if cap == 0 { ptr::null_mut() } else { out.as_mut_ptr() };
    let error = ptr::null_mut();
    // SAFETY: all pointers are good.
    let status =
        unsafe { wick_embed(model, texts.as_ptr(), texts.len(), at, cap, &mut needed, timeout, error) };
    (status, out, needed)
}

fn start(model: wick_model, texts: &[wick_str], options: Option<&wick_embed_options>) -> wick_stream {
    let (mut stream, mut error) = (wick_stream::default(), sized::<wick_error>());
    let options = options.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: all pointers are good.
    let status =
        unsafe { wick_embed_start(model, texts.as_ptr(), texts.len(), options, &mut stream, &mut error) };
    assert_eq!(status, WICK_OK, "{}", message(&error));
    stream
}

/// What a stream's events come to: each text's vector, put together.
fn vectors(events: &[Seen]) -> Vec<Vec<f32>> {
    let mut all: Vec<Vec<f32>> = Vec::new();
    let mut goes_on = false;
    for event in events.iter().filter(|event| event.kind == WICK_EVENT_VECTOR) {
        if !goes_on {
            all.push(Vec::new());
        }
        assert_eq!((event.done as usize, event.text.as_str()), (all.len() - 1, ""));
        all.last_mut().unwrap().extend_from_slice(&event.values);
        goes_on = event.more;
    }
    assert!(!goes_on);
    all
}

#[test]
fn vectors_are_waited_for_or_come_as_a_stream_and_are_the_same() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let model = model(runtime, r#"{"reply":"x","vector_length":5}"#);
        let texts = [text("one"), text("two"), text("one")];
        // How many there are: nothing is computed.
        let (status, _, needed) = embed(model, &texts, 0, LONG);
        is(status, WICK_E_BUFFER_TOO_SMALL);
        assert_eq!(needed, 15);
        let (status, out, needed) = embed(model, &texts, 14, LONG);
        is(status, WICK_E_BUFFER_TOO_SMALL);
        assert!(needed == 15 && out.iter().all(|value| value.is_nan()));
        let (status, out, needed) = embed(model, &texts, 16, LONG);
        is(status, WICK_OK);
        assert!(needed == 15 && out[15].is_nan() && out[..5] == out[10..15] && out[..5] != out[5..10]);
        let square: f32 = out[..5].iter().map(|value| value * value).sum();
        assert!((square - 1.0).abs() < 1e-6);
        let stream = start(model, &texts, None);
        let events = read_all(stream);
        assert_eq!(events[0].kind, WICK_EVENT_STARTED);
        assert_eq!(vectors(&events).concat(), out[..15]);
        assert!(events.iter().all(|event| event.kind != WICK_EVENT_VECTOR || event.total == 3));
        let end = events.last().unwrap();
        assert_eq!((end.kind, end.end, end.status), (WICK_EVENT_END, WICK_END_READY, WICK_OK));
        is(wick_stream_close(stream), WICK_OK);
        // None of none.
        let (status, _, needed) = embed(model, &[], 0, LONG);
        is(status, WICK_OK);
        assert_eq!(needed, 0);
        shut(runtime);
    }
}

#[test]
fn a_vector_that_does_not_fit_the_buffer_comes_in_parts_every_float_once() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x","vector_length":1000}"#);
    let texts = [text("one"), text("two")];
    let whole = read_all(start(model, &texts, None));
    let expected = vectors(&whole);
    for (cap, shift) in [(256, 0), (259, 3), (1000, 1), (4096, 2)] {
        let stream = start(model, &texts, None);
        let mut events = Vec::new();
        while let Ok(event) = read_with(stream, cap, shift, LONG) {
            assert_eq!(event.seq, events.len() as u64);
            events.push(event);
        }
        assert_eq!(vectors(&events), expected, "{cap} bytes");
        let parts = events.iter().filter(|event| event.kind == WICK_EVENT_VECTOR).count();
        assert!(parts >= 2 * 4000usize.div_ceil(cap), "{parts} parts of {cap} bytes");
        is(wick_stream_close(stream), WICK_OK);
    }
    shut(runtime);
}

/// Keeps the vectors that it is called with.
unsafe extern "C" fn keep(user: *mut std::ffi::c_void, event: *const wick_event) {
    // SAFETY: `user` is the test's list, the event is the library's.
    unsafe { (*user.cast::<std::sync::Mutex<Vec<Seen>>>()).lock().unwrap().push(Seen::new(&*event)) };
}

#[test]
fn a_callback_gets_vectors_whole_and_the_stream_closes_itself() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x","vector_length":1000}"#);
    let seen = for_ever(std::sync::Mutex::new(Vec::<Seen>::new()));
    let user = ptr::from_ref(seen).cast_mut().cast();
    let options = wick_embed_options { on_event: Some(keep), user, ..sized() };
    let texts = [text("one"), text("two"), text("three")];
    // SAFETY: all pointers are good.
    let status =
        unsafe { wick_embed_start(model, texts.as_ptr(), 3, &options, ptr::null_mut(), ptr::null_mut()) };
    is(status, WICK_OK);
    until(|| seen.lock().unwrap().last().is_some_and(|event| event.kind == WICK_EVENT_END));
    let events = seen.lock().unwrap().clone();
    assert_eq!(vectors(&events), vectors(&read_all(start(model, &texts, None))));
    shut(runtime);
}

#[test]
fn scores_for_a_query_are_waited_for_or_come_as_a_stream_and_are_the_same() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        let ranking = model(runtime, r#"{"reply":"x","ranks":true}"#);
        let texts = [text("one"), text("two"), text("one")];
        let (mut error, mut needed) = (sized::<wick_error>(), usize::MAX);
        let mut scores = [f32::NAN; 4];
        let query = text("what?");
        let mut rerank = |model, texts: &[wick_str], cap, error: &mut wick_error| {
            let (at, needed) = (if cap == 0 { ptr::null_mut() } else { scores.as_mut_ptr() }, &mut needed);
            // SAFETY: all pointers are good.
            let status = unsafe {
                wick_rerank(model, query, texts.as_ptr(), texts.len(), at, cap, needed, LONG, error)
            };
            (status, scores, *needed)
        };
        for cap in [0, 2] {
            let (status, scores, needed) = rerank(ranking, &texts, cap, &mut error);
            is(status, WICK_E_BUFFER_TOO_SMALL);
            assert!(needed == 3 && scores.iter().all(|score| score.is_nan()));
        }
        let (status, scores, needed) = rerank(ranking, &texts, 4, &mut error);
        is(status, WICK_OK);
        assert!(needed == 3 && scores[0] == scores[2] && scores[0] != scores[1] && scores[3].is_nan());
        // A score is no vector of length 1.
        assert!(scores[..3].iter().all(|score| score.abs() != 1.0), "{scores:?}");
        let (status, _, needed) = rerank(ranking, &[], 0, &mut error);
        assert_eq!((status, needed), (WICK_OK, 0));
        let begin = |model, query: &str, options: Option<&wick_embed_options>| {
            let (mut stream, options) = (wick_stream::default(), options.map_or(ptr::null(), ptr::from_ref));
            let error = ptr::null_mut();
            // SAFETY: all pointers are good.
            is(
                unsafe {
                    wick_rerank_start(model, text(query), texts.as_ptr(), 3, options, &mut stream, error)
                },
                WICK_OK,
            );
            stream
        };
        let user = Counter::new();
        let options = wick_embed_options { user: user.user(), drop: Some(count), ..sized() };
        let stream = begin(ranking, "what?", Some(&options));
        let events = read_all(stream);
        assert_eq!(vectors(&events).concat(), scores[..3]);
        assert!(events.iter().all(|event| event.kind != WICK_EVENT_VECTOR || event.values.len() == 1));
        assert_eq!(events.last().unwrap().end, WICK_END_READY);
        is(wick_stream_close(stream), WICK_OK);
        assert_eq!(user.count(), 1);
        // Of another query.
        assert_ne!(vectors(&read_all(begin(ranking, "why?", None))).concat(), scores[..3]);
        // A model of vectors says what it is for, and a cross-encoder too.
        let plain = model(runtime, r#"{"reply":"x"}"#);
        is(rerank(plain, &texts, 3, &mut error).0, WICK_E_UNSUPPORTED);
        assert!(message(&error).contains("wick_embed"), "{}", message(&error));
        let end = read_all(begin(plain, "what?", None)).pop().unwrap();
        assert_eq!((end.end, end.status), (WICK_END_ERROR, WICK_E_UNSUPPORTED));
        is(embed(ranking, &texts, 24, LONG).0, WICK_E_UNSUPPORTED);
        let end = read_all(start(ranking, &texts, None)).pop().unwrap();
        assert_eq!((end.end, end.status), (WICK_END_ERROR, WICK_E_UNSUPPORTED));
        assert!(end.text.contains("wick_rerank"), "{}", end.text);
        shut(runtime);
    }
}

#[test]
fn errors_name_the_text_and_time_is_kept() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x","context_length":8}"#);
    let mut error = sized::<wick_error>();
    let refused = |texts: &[wick_str], status: wick_status, part: &str, error: &mut wick_error| {
        let (mut needed, mut out) = (0, [0.0; 64]);
        // SAFETY: all pointers are good.
        let got = unsafe {
            wick_embed(model, texts.as_ptr(), texts.len(), out.as_mut_ptr(), 64, &mut needed, LONG, error)
        };
        is(got, status);
        assert!(message(error).contains(part), "{}", message(error));
        assert!(out.iter().all(|value| *value == 0.0));
    };
    refused(&[text("a"), text("123456789")], WICK_E_CONTEXT_FULL, "texts[1] has 9 tokens", &mut error);
    refused(&[text("a"), text("")], WICK_E_INVALID_ARGUMENT, "texts[1]", &mut error);
    refused(&[text("a"), zeroed()], WICK_E_INVALID_ARGUMENT, "texts[1]", &mut error);
    let end = read_all(start(model, &[text("a"), text("123456789")], None)).pop().unwrap();
    assert_eq!((end.end, end.status), (WICK_END_ERROR, WICK_E_CONTEXT_FULL));
    assert!(end.text.contains("texts[1]"), "{}", end.text);
    let slow = self::model(runtime, r#"{"reply":"x","gated":true}"#);
    is(embed(slow, &[text("a")], 8, 1_000_000).0, WICK_E_TIMEOUT);
    is(embed(slow, &[text("a")], 8, 0).0, WICK_E_TIMEOUT);
    // What was given up keeps no place.
    let options = wick_embed_options { deadline_ns: 1_000_000, ..sized() };
    let end = read_all(start(slow, &[text("a")], Some(&options))).pop().unwrap();
    assert_eq!(end.end, WICK_END_DEADLINE);
    let stream = start(slow, &[text("a")], None);
    is(wick_stream_cancel(stream), WICK_OK);
    assert_eq!(join(stream).unwrap().end, WICK_END_CANCELLED);
    let options = wick_embed_options { reserved: 1, ..sized() };
    let mut stream = wick_stream::default();
    // SAFETY: all pointers are good.
    let status =
        unsafe { wick_embed_start(model, [text("a")].as_ptr(), 1, &options, &mut stream, &mut error) };
    is(status, WICK_E_UNSUPPORTED);
    assert!(message(&error).contains("reserved"));
    shut(runtime);
}

#[test]
fn a_closed_model_is_kept_until_its_vectors_are_there() {
    let runtime = runtime();
    let model = model(runtime, r#"{"reply":"x","gated":true}"#);
    let (user, texts) = (Counter::new(), [text("a"), text("b")]);
    let options = wick_embed_options { user: user.user(), drop: Some(count), ..sized() };
    let stream = start(model, &texts, Some(&options));
    is(wick_testing_release(model, 2), WICK_OK);
    is(wick_model_close(model), WICK_OK);
    assert_eq!(vectors(&read_all(stream)).len(), 2);
    assert_eq!(user.count(), 0);
    is(wick_stream_close(stream), WICK_OK);
    assert_eq!(user.count(), 1);
    shut(runtime);
}
