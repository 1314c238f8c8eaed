//! An answer that the host begins: in the stream, in the message, in the next turn, and where there can be
//! none.
#![cfg(feature = "testing")]

use crate::in_front::{beginning_of, pieces_of};
use crate::support::scenario::*;
use proptest::prelude::*;
use std::sync::Arc;
use wick::error::ErrorKind;
use wick::pause::Pauses;
use wick::runtime::{EndReason, Event, EventKind, Input, Mode, Reading, Request, Session};
use wick::sample::SamplerOptions;
use wick::testing::{CONTROL, END, Script};
use wick::text::{InPieces, Message, RenderInput, Rendered, Vocab};

const PREFIX: &str = r#"{"name": ""#;

fn script(json: &str) -> Script {
    Script::parse(json).unwrap()
}

/// It says `text` in tokens of one byte, which are what a prompt's are.
fn saying(text: &str) -> Script {
    script(&serde_json::json!({ "reply": text, "token_bytes": 1 }).to_string())
}

fn user(text: &str) -> Input {
    Input::Messages(vec![Message { role: "user".into(), content: text.into(), extra: None }])
}

fn begun(input: Input, prefix: &str) -> Request {
    Request { input, answer_prefix: prefix.into(), ..Request::default() }
}

/// Reads to the end an answer that begins with as many ids as the prefix has bytes.
fn told(session: &Session, request: Request) -> Told {
    let prefix = request.answer_prefix.len();
    let mut stream = session.generate(request, Reading::default()).unwrap();
    read_behind(&mut stream, prefix)
}

fn bytes(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

/// The tokens of the fake model's template.
fn rendered(messages: &[(&str, &str)], opens: bool) -> Vec<u32> {
    let message = |(role, text): &(&str, &str)| {
        [vec![CONTROL], bytes(role), bytes("\n"), bytes(text), vec![END], bytes("\n")].concat()
    };
    let mut tokens: Vec<u32> = messages.iter().flat_map(message).collect();
    if opens {
        tokens.push(CONTROL);
        tokens.extend(bytes("assistant\n"));
    }
    tokens
}

fn contents(session: &Session) -> Vec<String> {
    session.messages().unwrap().into_iter().map(|message| message.content).collect()
}

fn texts(events: &[Event]) -> Vec<(String, Vec<u32>, f32)> {
    let text = |event: &Event| match &event.kind {
        EventKind::Text(text) => Some((text.text.to_string(), text.tokens.to_vec(), text.logprob)),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[test]
fn s36_a_prefix_is_streamed_with_the_first_token_and_belongs_to_the_message() {
    both(|mode| {
        let house = house(mode, saying("Ada\"}"));
        let session = house.session();
        let first = told(&session, begun(user("Who?"), PREFIX));
        let whole = format!("{PREFIX}Ada\"}}");
        assert_eq!(first.said(), (whole.as_str(), EndReason::Stop));
        let begin = &texts(&first.events)[0];
        assert_eq!((begin.0.as_str(), &begin.1), (&*format!("{PREFIX}A"), &bytes(&format!("{PREFIX}A"))));
        let prompt = [rendered(&[("user", "Who?")], true), bytes(PREFIX)].concat();
        assert_eq!(first.end.stats.prompt_tokens as usize, prompt.len());
        assert_eq!(first.end.stats.output_tokens, 5);
        assert_eq!(session.tokens().unwrap(), [prompt, bytes("Ada\"}")].concat());
        assert_eq!(contents(&session), ["Who?", &whole]);

        let held = first.end.stats.session_tokens;
        let second = told(&session, begun(user("And?"), "Bo"));
        assert_eq!(second.text, "BoAda\"}");
        assert_eq!(second.end.stats.cached_tokens, held, "nothing is computed again");
        let all = [("user", "Who?"), ("assistant", whole.as_str()), ("user", "And?")];
        let expected = [rendered(&all, true), bytes("BoAda\"}")].concat();
        assert_eq!(session.tokens().unwrap(), expected);
        house.close();
    });
}

#[test]
fn s36_max_tokens_and_the_limit_of_events_count_what_the_model_makes() {
    both(|mode| {
        let house = house(mode, saying("abcdef"));
        let request = Request { max_tokens: 2, buffer_events: 1, ..begun(user("x"), PREFIX) };
        let told = told(&house.session(), request);
        assert_eq!(told.said(), (&*format!("{PREFIX}ab"), EndReason::Length));
        assert_eq!(told.end.stats.output_tokens, 2);
        house.close();
    });
}

#[test]
fn s36_what_ends_before_the_first_token_leaves_no_prefix() {
    both(|mode| {
        let quiet = house(mode, saying(""));
        let session = quiet.session();
        let request = Request { sampling: logprobs(), ..begun(user("x"), PREFIX) };
        for request in [begun(user("x"), PREFIX), request] {
            let mut stream = session.generate(request, Reading::default()).unwrap();
            assert_eq!(read(&mut stream).said(), ("", EndReason::Stop));
            assert_eq!((contents(&session), session.tokens().unwrap()), (vec![], vec![]));
        }
        quiet.close();

        let house = house(mode, Script { gated: true, ..saying("ab") });
        let session = house.session();
        let mut stream = session.generate(begun(user("x"), PREFIX), Reading::default()).unwrap();
        run_a_while(&house.runtime);
        stream.cancel();
        assert_eq!(read(&mut stream).said(), ("", EndReason::Cancelled));
        assert_eq!((contents(&session), session.tokens().unwrap()), (vec![], vec![]));
        house.gate.release(100);
        assert_eq!(told(&session, begun(user("y"), "-")).text, "-ab");
        house.close();
    });
}

#[test]
fn s36_a_cancel_keeps_the_prefix_and_what_was_shown() {
    both(|mode| {
        let house = house(mode, Script { gated: true, ..saying("abcdef") });
        let session = house.session();
        house.gate.release(3);
        let mut stream = session.generate(begun(user("x"), PREFIX), Reading::default()).unwrap();
        let before = read_tokens(&mut stream, PREFIX.len() + 3);
        stream.cancel();
        let told = read_on_behind(before, &mut stream, PREFIX.len());
        assert_eq!(told.said(), (&*format!("{PREFIX}abc"), EndReason::Cancelled));
        assert_eq!(contents(&session), ["x", &told.text]);
        house.gate.release(100);
        // It goes on, and is one message.
        let more = self::told(&session, Request::default());
        assert_eq!(contents(&session), ["x", &*(told.text + &more.text)]);
        house.close();
    });
}

#[test]
fn s36_stop_strings_are_looked_for_behind_the_prefix() {
    both(|mode| {
        let house = house(mode, saying("Ada\"}"));
        for (stop, answer) in [("\"", "Ada"), ("name", "Ada\"}"), ("\"Ad", "Ada\"}"), ("A", "")] {
            let session = house.session();
            let request = Request { stop: vec![stop.into()], ..begun(user("x"), PREFIX) };
            let told = told(&session, request);
            let reason = if answer == "Ada\"}" { EndReason::Stop } else { EndReason::StopString };
            assert_eq!(told.said(), (&*format!("{PREFIX}{answer}"), reason), "{stop:?}");
            assert_eq!(contents(&session), ["x", &told.text], "{stop:?}");
        }
        house.close();
    });
}

#[test]
fn s36_a_conversation_that_goes_on_without_input_takes_a_prefix() {
    both(|mode| {
        let house = house(mode, saying("ab"));
        // What was prepared opens the assistant's turn.
        let session = house.session();
        told(&session, Request { prefill_only: true, ..begun(user("x"), "") });
        assert_eq!(told(&session, begun(Input::Continue, PREFIX)).text, format!("{PREFIX}ab"));
        let opened = [rendered(&[("user", "x")], true), bytes(PREFIX), bytes("ab")].concat();
        assert_eq!(session.tokens().unwrap(), opened);
        // The model's own message goes on with it.
        assert_eq!(told(&session, begun(Input::Continue, ", ")).text, ", ab");
        assert_eq!(session.tokens().unwrap(), [opened, bytes(", ab")].concat());
        assert_eq!(contents(&session), ["x", &*format!("{PREFIX}ab, ab")]);
        house.close();
    });
}

#[test]
fn s36_a_prefix_behind_a_cut_character_leaves_that_broken() {
    both(|mode| {
        let house = house(mode, saying("a\u{1F600}b"));
        let session = house.session();
        assert_eq!(told(&session, Request { max_tokens: 3, ..begun(user("x"), "") }).text, "a");
        let told = told(&session, begun(Input::Continue, "-"));
        assert_eq!(told.said(), ("\u{FFFD}-a\u{1F600}b", EndReason::Stop));
        assert_eq!(contents(&session), ["x", "a\u{FFFD}-a\u{1F600}b"]);
        house.close();
    });
}

#[test]
fn s36_a_prefix_where_no_answer_can_begin_with_it_is_refused_by_its_name() {
    both(|mode| {
        let house = house(mode, saying("ab"));
        let raw = house.session();
        assert_eq!(told(&raw, asking("Q")).text, "ab");
        let refused = |session: &Session, request: Request, way_out: &str| {
            let error = session.generate(request, Reading::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            let message = error.message();
            assert!(message.contains("answer_prefix") && message.contains(way_out), "{message}");
        };
        let session = house.session();
        refused(&session, begun(Input::Text("Q".into()), "x"), "append it to the prompt");
        refused(&session, begun(Input::Tokens(vec![1]), "x"), "append its ids");
        refused(&session, Request { prefill_only: true, ..begun(user("Q"), "x") }, "prefill_only");
        refused(&raw, begun(Input::Continue, "x"), "give it as the prompt");
        // No prefix is none.
        assert_eq!(told(&raw, begun(Input::Continue, "")).end.reason, EndReason::Stop);

        // The engine is who knows where a cancelled generation has left the session, unless it is over by
        // now.
        let stream = session.generate(asking("Q"), Reading::default()).unwrap();
        stream.cancel();
        let error = match session.generate(begun(Input::Continue, "x"), Reading::default()) {
            Ok(mut late) => read(&mut late).error().clone(),
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains("answer_prefix") || error.message().contains("no input"), "{error}");
        house.close();
    });
}

#[test]
fn t3_a_prefix_writes_no_control_tokens() {
    both(|mode| {
        let house = house(mode, saying("a"));
        for parse_special in [false, true] {
            let session = house.session();
            let prefix = "<control>system\n<end>";
            told(&session, Request { parse_special, ..begun(user("x"), prefix) });
            let expected = [rendered(&[("user", "x")], true), bytes(prefix), bytes("a")].concat();
            assert_eq!(session.tokens().unwrap(), expected);
            // Nor in the next turn.
            told(&session, Request { parse_special, ..begun(user("y"), "") });
            let said = format!("{prefix}a");
            let all = [("user", "x"), ("assistant", said.as_str()), ("user", "y")];
            assert_eq!(session.tokens().unwrap(), [rendered(&all, true), bytes("a")].concat());
        }
        house.close();
    });
}

fn logprobs() -> SamplerOptions {
    SamplerOptions { logprobs: true, ..SamplerOptions::default() }
}

#[test]
fn s36_with_logprobs_each_id_of_the_prefix_has_a_text_of_its_own() {
    both(|mode| {
        let house = house(mode, saying("ab"));
        let prefix = "{\u{e9}<";
        // What may be a stop string's beginning comes with the id that tells.
        for (stop, after) in [(vec![], ["a", "b"]), (vec!["ax".to_owned()], ["", "ab"])] {
            let request = Request { sampling: logprobs(), stop, ..begun(user("x"), prefix) };
            let told = told(&house.session(), request);
            let texts = texts(&told.events);
            let parts: Vec<&str> = texts.iter().map(|(text, ..)| text.as_str()).collect();
            assert_eq!(parts, ["{", "", "\u{e9}", "<", after[0], after[1]]);
            assert_eq!(told.tokens, bytes(&told.text));
            let known: Vec<bool> = texts.iter().map(|(.., logprob)| !logprob.is_nan()).collect();
            assert_eq!(known, [false, false, false, false, true, true]);
        }
        house.close();
    });
}

#[test]
fn s36_a_prefix_that_does_not_fit_is_an_end_with_a_code() {
    both(|mode| {
        let house = house(mode, Script { context_length: 64, ..saying("ab") });
        let prompt = rendered(&[("user", "x")], true).len();
        for (prefix, kind) in [
            (1 << 20, Some(ErrorKind::ContextFull)),
            (64 - prompt + 1, Some(ErrorKind::ContextFull)),
            (64 - prompt, None),
        ] {
            let session = house.session();
            let request = begun(user("x"), &"-".repeat(prefix));
            let told = read(&mut session.generate(request, Reading::default()).unwrap());
            assert_eq!(told.end.error.as_ref().map(|error| error.kind()), kind);
            let reason = if kind.is_some() { EndReason::Error } else { EndReason::ContextFull };
            assert_eq!(told.said(), ("", reason));
            assert_eq!((contents(&session), session.tokens().unwrap()), (vec![], vec![]));
        }
        let session = house.session();
        let prefix = "-".repeat(64 - prompt - 1);
        let told = told(&session, begun(user("x"), &prefix));
        assert_eq!(told.said(), (&*(prefix + "a"), EndReason::ContextFull));
        house.close();
    });
}

/// A vocabulary whose template lets the model think first.
struct Thinks(Arc<dyn Vocab>);

impl Vocab for Thinks {
    pieces_of!(0);
    beginning_of!(0);

    fn encode_in_pieces<'a>(
        &'a self,
        text: &'a str,
        special: bool,
        parse: bool,
        out: &'a mut Vec<u32>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        self.0.encode_in_pieces(text, special, parse, out, pauses)
    }

    fn render_in_pieces<'a>(
        &'a self,
        input: &'a RenderInput<'_>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        Box::pin(async move {
            let mut rendered = self.0.render_in_pieces(input, pauses).await?;
            if input.add_generation_prompt {
                rendered.text.push_str("<think>\n");
            }
            Ok(rendered)
        })
    }
}

#[test]
fn s36_no_reasoning_comes_before_a_prefix() {
    both(|mode| {
        let ((decoder, inner), gate) = wick::testing::model(&saying("ab"));
        let vocab: Arc<dyn Vocab> = Arc::new(Thinks(inner));
        let house = house_of(options(mode), gate, Box::new(move |_| Ok((decoder, vocab))));
        for (prefix, before) in [("", "<think>\n"), ("{", "<think>\n\n</think>\n\n{")] {
            let session = house.session();
            assert_eq!(told(&session, begun(user("x"), prefix)).text, format!("{prefix}ab"));
            let expected = [rendered(&[("user", "x")], true), bytes(before), bytes("ab")].concat();
            assert_eq!(session.tokens().unwrap(), expected);
            // Without a prefix it is all thinking.
            let content = if prefix.is_empty() { "" } else { "{ab" };
            assert_eq!(contents(&session), ["x", content]);
        }
        house.close();
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is begun with, cut, stopped and gone on with: the texts together are the assistant's message.
    #[test]
    fn s36_texts_of_generations_are_the_message(
        reply in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 1..5).prop_map(|bytes| serde_json::json!({ "bytes": bytes })),
            Just(serde_json::json!("\u{1F600}")),
            Just(serde_json::json!({ "bytes": [0xF0, 0x9F] })),
            Just(serde_json::json!(CONTROL)),
        ], 1..12),
        turns in prop::collection::vec(("[a<\u{e9}\u{1F600}]{0,3}", 1u32..4, any::<bool>()), 1..6),
        stop in prop_oneof![Just(vec![]), Just(vec!["a<".to_owned(), "\u{1F600}\u{1F600}".to_owned()])],
    ) {
        let script = script(&serde_json::json!({ "reply": reply }).to_string());
        let house = house(Mode::HostStep, script);
        let session = house.session();
        let (mut text, mut input) = (String::new(), user("Q"));
        for (answer_prefix, max_tokens, with) in turns {
            let input = std::mem::replace(&mut input, Input::Continue);
            let sampling = if with { logprobs() } else { SamplerOptions::default() };
            let request = Request { input, answer_prefix, max_tokens, sampling, stop: stop.clone(), ..Request::default() };
            let prefix = request.answer_prefix.len();
            let mut stream = session.generate(request, Reading::default()).unwrap();
            let mut events = Vec::new();
            while let Some(event) = stream.next_blocking() {
                events.push(event);
            }
            let Some(EventKind::End(end)) = events.last().map(|event| event.kind.clone()) else { unreachable!() };
            let told = Told::behind(events, if end.stats.output_tokens == 0 { 0 } else { prefix });
            text.push_str(&told.text);
            prop_assert!(told.end.error.is_none());
            if told.end.reason != EndReason::Length {
                break;
            }
        }
        if let Some(answer) = contents(&session).get(1) {
            prop_assert_eq!(&text, answer);
        }
        house.close();
    }
}
