//! Texts in whole words, lines and sentences: the same however the model's tokens split the text, with all
//! ids, in each way of reading.
#![cfg(feature = "testing")]
#![allow(unsafe_code, reason = "this is the C ABI, as C calls it")]

use crate::support::c_abi::*;

const TEXT: &str = "Dr. Smith said: \"Stop!\" Then he left.\nNobody came... Why? 你好。再见。 The end";

const SENTENCES: [&str; 7] = [
    "Dr. Smith said: \"Stop!\" ",
    "Then he left.\n",
    "Nobody came... ",
    "Why? ",
    "你好。",
    "再见。 ",
    "The end",
];

/// The texts of a generation, whole, and all of its ids.
fn texts(model: wick_model, cut: u32, options: wick_generate_options) -> (Vec<String>, Vec<u32>) {
    let events = read_all(generate(session_of(model), &wick_generate_options { cut, ..options }));
    let (mut texts, mut ids, mut goes_on) = (Vec::<String>::new(), Vec::new(), false);
    for event in events.iter().filter(|event| event.kind == WICK_EVENT_TEXT) {
        match texts.last_mut().filter(|_| goes_on) {
            Some(text) => text.push_str(&event.text),
            None => texts.push(event.text.clone()),
        }
        ids.extend(&event.tokens);
        goes_on = event.more;
    }
    (texts, ids)
}

/// Parts of `TEXT` of so many characters.
fn parts(characters: usize) -> Vec<String> {
    TEXT.chars().collect::<Vec<_>>().chunks(characters).map(|part| part.iter().collect()).collect()
}

#[test]
fn the_pieces_are_the_same_whatever_the_tokens_are() {
    for mode in [WICK_MODE_THREADS, WICK_MODE_HOST_STEP] {
        let runtime = runtime_in(mode);
        for characters in [1, 2, 3, 7, 30, 200] {
            let script = serde_json::json!({ "reply": parts(characters) }).to_string();
            let model = model(runtime, &script);
            let (plain, ids) = texts(model, WICK_CUT_TOKEN, prompt("p"));
            assert_eq!(plain.concat(), TEXT);
            let (sentences, of_sentences) = texts(model, WICK_CUT_SENTENCE, prompt("p"));
            assert_eq!((sentences, of_sentences), (SENTENCES.map(String::from).to_vec(), ids.clone()));
            let (lines, of_lines) = texts(model, WICK_CUT_LINE, prompt("p"));
            assert_eq!((lines.len(), lines.concat().as_str(), of_lines), (2, TEXT, ids.clone()));
            let (words, of_words) = texts(model, WICK_CUT_WORD, prompt("p"));
            assert_eq!((words[..3].concat(), of_words), ("Dr. Smith said: ".to_owned(), ids));
            assert_eq!((words[0].as_str(), words.concat().as_str()), ("Dr. ", TEXT));
        }
        shut(runtime);
    }
}

#[test]
fn what_is_left_comes_before_every_end() {
    let runtime = runtime();
    let script = serde_json::json!({ "reply": ["One. Tw", "o <st", "op> x"] }).to_string();
    let model = model(runtime, &script);
    let stop = text("<stop>");
    let stopped = wick_generate_options { stop: &stop, stop_count: 1, ..prompt("p") };
    let (found, ids) = texts(model, WICK_CUT_SENTENCE, stopped);
    assert_eq!((found, ids.len()), (vec!["One. ".to_owned(), "Two ".to_owned()], 3));
    let (found, ids) =
        texts(model, WICK_CUT_SENTENCE, wick_generate_options { max_tokens: 2, ..prompt("p") });
    assert_eq!((found, ids.len()), (vec!["One. ".to_owned(), "Two <st".to_owned()], 2));
    shut(runtime);
}

#[test]
fn a_piece_comes_as_soon_as_it_is_whole_and_at_the_latest_after_400_characters() {
    let runtime = runtime();
    let long = "word ".repeat(300);
    let model = model(runtime, &serde_json::json!({ "reply": [long] }).to_string());
    let (found, _) = texts(model, WICK_CUT_SENTENCE, prompt("p"));
    assert_eq!(found.concat(), long);
    assert_eq!(found.iter().map(String::len).collect::<Vec<_>>(), [400, 400, 400, 300]);
    // The third token waits for its gate: the first sentence is there before.
    let gated = crate::support::c_abi::model(runtime, r#"{"reply":["One."," Two"," three."],"gated":true}"#);
    is(wick_testing_release(gated, 2), WICK_OK);
    let stream =
        generate(session_of(gated), &wick_generate_options { cut: WICK_CUT_SENTENCE, ..prompt("p") });
    let first = loop {
        let event = read(stream, LONG).unwrap();
        if event.kind == WICK_EVENT_TEXT {
            break event;
        }
    };
    assert_eq!((first.text.as_str(), first.tokens.len()), ("One. ", 2));
    is(wick_stream_cancel(stream), WICK_OK);
    is(wick_testing_release(gated, 100), WICK_OK);
    let rest = read_all(stream);
    assert!("Two three.".starts_with(&all_text(&rest)) && all_text(&rest).starts_with("Two"), "{rest:?}");
    shut(runtime);
}
