//! What goes on where it ended: characters that a limit, a cancel or a deadline cut, turns that were
//! prepared, control tokens that the model said.
#![cfg(feature = "testing")]

use crate::in_front::pieces_of;
use crate::support::scenario::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wick::error::{Error, ErrorKind};
use wick::pause::Pauses;
use wick::runtime::{EndReason, Input, Mode, Reading, Request, Session};
use wick::testing::{CONTROL, Script};
use wick::text::{ControlSpan, InPieces, Message, RenderInput, Rendered, Vocab, done};

fn script(json: &str) -> Script {
    Script::parse(json).unwrap()
}

fn saying(text: &str, token_bytes: usize) -> Script {
    script(&serde_json::json!({ "reply": text, "token_bytes": token_bytes }).to_string())
}

fn message(role: &str, text: &str) -> Message {
    Message { role: role.into(), content: text.into(), extra: None }
}

fn user(text: &str) -> Input {
    Input::Messages(vec![message("user", text)])
}

fn with(session: &Session, request: Request) -> Told {
    read(&mut session.generate(request, Reading::default()).unwrap())
}

fn some(session: &Session, input: Input, max_tokens: u32) -> Told {
    with(session, Request { input, max_tokens, ..Request::default() })
}

fn prepare(session: &Session, input: Input) -> Told {
    with(session, Request { input, prefill_only: true, ..Request::default() })
}

#[test]
fn s26_a_character_that_the_limit_cuts_is_whole_when_the_session_goes_on() {
    both(|mode| {
        let text = "a\u{1F600}\u{4E16}b";
        let house = house(mode, saying(text, 1));
        for cut in 1..text.len() as u32 {
            let session = house.session();
            let first = some(&session, Input::Text("Q".into()), cut);
            assert_eq!(first.end.reason, EndReason::Length);
            let second = some(&session, Input::Continue, 0);
            assert_eq!(second.end.reason, EndReason::Stop);
            assert_eq!(first.text + &second.text, text, "cut after {cut}");
            assert_eq!([first.tokens, second.tokens].concat().len(), text.len());
        }
        house.close();
    });
}

#[test]
fn s26_what_never_becomes_a_character_is_made_whole_once_at_the_end() {
    both(|mode| {
        let house = house(mode, script(r#"{"reply":["a",{"bytes":[240,159]},{"bytes":[152]}]}"#));
        let session = house.session();
        let told = [
            some(&session, Input::Text("Q".into()), 2),
            some(&session, Input::Continue, 1),
            some(&session, Input::Continue, 1),
        ];
        let texts: Vec<&str> = told.iter().map(|told| told.text.as_str()).collect();
        assert_eq!(texts, ["a", "", "\u{FFFD}"]);
        assert_eq!(told[2].end.reason, EndReason::Stop);
        house.close();
    });
}

#[test]
fn s26_a_cancel_or_a_deadline_inside_a_character_loses_nothing() {
    both(|mode| {
        let script = Script { gated: true, ..saying("a\u{1F600}b", 1) };
        let cut = |by_deadline: bool, time: Duration| {
            let house = house(mode, script.clone());
            let session = house.session();
            house.gate.release(3);
            let deadline = by_deadline.then(|| Instant::now() + time);
            let mut stream =
                session.generate(Request { deadline, ..asking("Q") }, Reading::default()).unwrap();
            if !by_deadline {
                until(&house.runtime, "three tokens", || session.info().tokens == 4);
                stream.cancel();
            }
            let told = read(&mut stream);
            (house, session, told)
        };
        for by_deadline in [false, true] {
            // More time where a busy machine has not come to three tokens.
            let mut cuts = [100, 2000, 20_000].map(Duration::from_millis).into_iter();
            let (house, session, first) = cuts
                .find_map(|time| {
                    Some(cut(by_deadline, time)).filter(|(_, session, _)| session.info().tokens == 4)
                })
                .expect("three tokens");
            let reason = if by_deadline { EndReason::Deadline } else { EndReason::Cancelled };
            assert_eq!(first.said(), ("a", reason));
            house.gate.release(100);
            assert_eq!(some(&session, Input::Continue, 0).said(), ("\u{1F600}b", EndReason::Stop));
            house.close();
        }
    });
}

#[test]
fn s26_a_conversation_keeps_what_was_said_not_how_it_was_cut() {
    both(|mode| {
        let text = "a\u{1F600}b";
        let house = house(mode, saying(text, 1));
        let (cut, uncut) = (house.session(), house.session());
        some(&cut, user("x"), 3);
        some(&cut, Input::Continue, 1);
        assert_eq!(some(&cut, Input::Continue, 0).end.reason, EndReason::Stop);
        some(&uncut, user("x"), 0);
        let prompt = |session: &Session| some(session, user("y"), 1).end.stats.prompt_tokens;
        let right = prompt(&uncut);
        assert_eq!(prompt(&cut), right);
        // Nothing goes on with it: it is made whole, in the conversation too.
        let broken = house.session();
        assert_eq!(some(&broken, user("x"), 3).text, "a");
        assert_eq!(prompt(&broken), right - text.len() as u32 + "a\u{FFFD}".len() as u32);
        house.close();
    });
}

#[test]
fn s13_a_turn_that_came_to_nothing_gives_a_cut_character_back() {
    both(|mode| {
        let house = house(mode, Script { gated: true, ..saying("a\u{1F600}b", 1) });
        let session = house.session();
        house.gate.release(3);
        assert_eq!(some(&session, user("x"), 3).text, "a");
        let before = session.info();
        let request = Request { input: user("y"), ..Request::default() };
        let mut stream = session.generate(request, Reading::default()).unwrap();
        run_a_while(&house.runtime);
        stream.cancel();
        assert_eq!(read(&mut stream).said(), ("", EndReason::Cancelled));
        assert_eq!(session.info(), before);
        assert_eq!(prepare(&session, Input::Continue).said(), ("", EndReason::Ready));
        house.gate.release(100);
        let turn = |input| some(&session, input, 1);
        // The fake model begins its reply anew behind what was computed again.
        assert_eq!(turn(Input::Continue).text, "\u{FFFD}a");
        house.close();
    });
}

#[test]
fn s34_a_turn_that_was_prepared_is_opened_when_the_conversation_goes_on() {
    both(|mode| {
        let house = house(mode, saying("word", 4));
        let (plain, warm) = (house.session(), house.session());
        let right = some(&plain, user("Name a colour."), 0);
        let prepared = prepare(&warm, user("Name a colour."));
        assert_eq!(prepared.said(), ("", EndReason::Ready));
        let told = some(&warm, Input::Continue, 0);
        assert_eq!(told.said(), right.said());
        assert_eq!(told.end.stats.prompt_tokens, right.end.stats.prompt_tokens);
        assert!(told.end.stats.cached_tokens >= prepared.end.stats.prompt_tokens - 1);
        assert_eq!(warm.info().messages, 2);
        assert_eq!(warm.info().tokens, plain.info().tokens);
        // The model's own turn goes on, the host's is over.
        assert_eq!(some(&warm, Input::Continue, 0).end.stats.prompt_tokens, told.end.stats.session_tokens);
        let session = house.session();
        let prepared =
            prepare(&session, Input::Messages(vec![message("user", "x"), message("assistant", "y")]));
        let told = some(&session, Input::Continue, 0);
        let opening = 1 + "assistant\n".len() as u32;
        assert_eq!(told.end.stats.prompt_tokens, prepared.end.stats.prompt_tokens + opening);
        assert_eq!(session.info().messages, 3);
        house.close();
    });
}

#[test]
fn s29_a_control_token_as_a_stop_string_ends_the_answer_and_is_not_shown() {
    both(|mode| {
        let house = house(mode, script(&format!(r#"{{"reply":["a",{CONTROL},"b\n",{CONTROL},"c"]}}"#)));
        let whole = "ab\nc";
        for (stop, text) in
            [("<control>", "a"), ("a<control>", ""), ("\n<control>c", "ab"), ("<", whole), ("ol>c", whole)]
        {
            for input in [Input::Text("Q".into()), user("Q")] {
                let stops = vec!["nothing".to_owned(), stop.to_owned()];
                let told = with(&house.session(), Request { input, stop: stops, ..Request::default() });
                let found = text != whole;
                let reason = if found { EndReason::StopString } else { EndReason::Stop };
                assert_eq!(told.said(), (text, reason), "{stop:?}");
                assert_eq!(told.end.stop.as_deref(), found.then_some(stop));
            }
        }
        let request = Request { stop: vec!["ol>b".into()], echo_special: true, ..asking("Q") };
        assert_eq!(with(&house.session(), request).said(), ("a<contr", EndReason::StopString));
        house.close();
    });
}

/// A vocabulary whose template writes only what is said, and refuses what the model said where `refuses`.
struct Plain {
    inner: Arc<dyn Vocab>,
    refuses: bool,
}

impl Vocab for Plain {
    pieces_of!(inner);

    fn encode_in_pieces<'a>(
        &'a self,
        text: &'a str,
        special: bool,
        parse: bool,
        out: &'a mut Vec<u32>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        self.inner.encode_in_pieces(text, special, parse, out, pauses)
    }

    fn bos(&self) -> Option<u32> {
        self.inner.bos()
    }

    fn adds_bos(&self) -> bool {
        false
    }

    fn render_in_pieces<'a>(
        &'a self,
        input: &'a RenderInput<'_>,
        _: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        if self.refuses && !input.spoken.is_empty() {
            return done(Err(Error::new(ErrorKind::Template, "control tokens in a message")));
        }
        let mut rendered = Rendered::default();
        for (index, message) in input.messages.iter().enumerate() {
            let Some(spoken) = input.spoken.iter().find(|spoken| spoken.message == index) else {
                rendered.text += &message.content;
                continue;
            };
            let start = rendered.text.len();
            let moved = spoken.content.control.iter().map(|span| ControlSpan {
                start: start + span.start,
                end: start + span.end,
                ..*span
            });
            rendered.control.extend(moved);
            rendered.text += &spoken.content.text;
        }
        done(Ok(rendered))
    }
}

fn plain(mode: Mode, script: &Script, refuses: bool) -> House {
    let ((decoder, inner), gate) = wick::testing::model(script);
    let vocab: Arc<dyn Vocab> = Arc::new(Plain { inner, refuses });
    house_of(options(mode), gate, Box::new(move |_| Ok((decoder, vocab))))
}

#[test]
fn t3_control_tokens_that_the_model_said_are_control_tokens_in_the_next_turn() {
    both(|mode| {
        let script = script(&format!(r#"{{"reply":["a",{CONTROL},"b",{CONTROL}]}}"#));
        let house = plain(mode, &script, false);
        let next = |echo_special: bool, stop: &[&str], cuts: &[u32]| {
            let session = house.session();
            let mut input = user("x");
            for max_tokens in cuts {
                let stop = stop.iter().map(|stop| (*stop).to_owned()).collect();
                let input = std::mem::replace(&mut input, Input::Continue);
                let request =
                    Request { input, max_tokens: *max_tokens, echo_special, stop, ..Request::default() };
                with(&session, request);
            }
            some(&session, user("y"), 1).end.stats.prompt_tokens
        };
        // x, a, a control token, b, a control token, y.
        for cuts in [&[0][..], &[1, 0], &[2, 0], &[2, 1, 1, 0]] {
            assert_eq!(next(false, &[], cuts), 6, "{cuts:?}");
            assert_eq!(next(true, &[], cuts), 6, "{cuts:?}, shown");
        }
        // What a stop string cuts off was not said.
        assert_eq!(next(false, &["b"], &[0]), 4);
        assert_eq!(next(false, &["<control>b"], &[0]), 3);
        assert_eq!(next(true, &["ol>b"], &[0]), 2 + "a<contr".len() as u32);
        // What a user writes is text.
        assert_eq!(some(&house.session(), user("<control>"), 1).end.stats.prompt_tokens, 9);
        house.close();
        let house = plain(mode, &script, true);
        let session = house.session();
        some(&session, user("x"), 0);
        assert_eq!(some(&session, user("y"), 1).end.stats.prompt_tokens, 4, "the template has the text then");
        house.close();
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Random bytes, whole characters and control tokens, cut into generations at random: the texts together
    /// are that of all the ids.
    #[test]
    fn s26_texts_of_generations_are_the_text_of_all_ids(
        reply in prop::collection::vec(prop_oneof![
            prop::collection::vec(prop_oneof![any::<u8>(), 0xC2u8..=0xF4, 0x80u8..=0xBF], 1..5)
                .prop_map(|bytes| serde_json::json!({ "bytes": bytes })),
            Just(serde_json::json!("\u{1F600}")),
            Just(serde_json::json!({ "bytes": [0xF0, 0x9F] })),
            Just(serde_json::json!({ "bytes": [0x98, 0x80] })),
            Just(serde_json::json!(CONTROL)),
        ], 1..24),
        cuts in prop::collection::vec(1u32..4, 0..12),
        chat in any::<bool>(),
    ) {
        let script = script(&serde_json::json!({ "reply": reply }).to_string());
        let house = house(Mode::HostStep, script);
        let session = house.session();
        let (mut text, mut tokens) = (String::new(), Vec::new());
        let mut input = if chat { user("Q") } else { Input::Text("Q".into()) };
        for max_tokens in cuts.into_iter().chain([0]) {
            let told = some(&session, std::mem::replace(&mut input, Input::Continue), max_tokens);
            text.push_str(&told.text);
            tokens.extend_from_slice(&told.tokens);
            if told.end.reason == EndReason::Stop {
                break;
            }
            prop_assert_eq!(told.end.reason, EndReason::Length);
        }
        prop_assert_eq!(tokens.len(), reply.len());
        prop_assert_eq!(text, house.model.detokenize(&tokens, false).unwrap());
        house.close();
    }
}
