//! Scenario S14: input of the wrong shape is refused with the field's name; what only the model can know is
//! an error END.
#![cfg(feature = "testing")]

use crate::in_front::{beginning_of, pieces_of};
use crate::support::scenario::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use wick::error::{Error, ErrorKind};
use wick::pause::Pauses;
use wick::runtime::{EndReason, Input, Mode, Reading, Request, Runtime, RuntimeOptions};
use wick::sample::SamplerOptions;
use wick::testing::{BOS, END, Script};
use wick::text::{InPieces, Message, RenderInput, Rendered, Vocab, done};

fn user(text: &str) -> Message {
    Message { role: "user".into(), content: text.into(), extra: None }
}

#[test]
fn s14_a_request_of_the_wrong_shape_is_refused_and_names_the_field() {
    both(|mode| {
        let house = house(mode, Script::saying("word"));
        let session = house.session();
        let nan = SamplerOptions { temperature: f32::NAN, ..SamplerOptions::default() };
        let beyond = SamplerOptions { top_p: 1.5, ..SamplerOptions::default() };
        for (request, field) in [
            (Request { sampling: nan, ..asking("Hi") }, "temperature"),
            (Request { sampling: beyond, ..asking("Hi") }, "top_p"),
            (Request { stop: vec!["ok".into(), String::new()], ..asking("Hi") }, "stop[1]"),
            (Request { input: Input::Continue, ..Request::default() }, "prompt"),
        ] {
            let error = session.generate(request, Reading::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains(field), "{error}");
        }
        assert_eq!(house.runtime.info().live, 0);
        let told = read(&mut session.generate(asking("Hi"), Reading::default()).unwrap());
        assert_eq!(told.said(), ("word", EndReason::Stop));
        house.close();
    });
}

#[test]
fn s14_a_runtime_of_the_wrong_shape_is_refused_and_names_the_field() {
    both(|mode| {
        for (options, field) in [
            (RuntimeOptions { threads: 5000, ..options(mode) }, "threads is 5000"),
            (RuntimeOptions { max_sequences: 0, ..options(mode) }, "max_sequences is 0"),
            (RuntimeOptions { thread_name: "a\0b".into(), ..options(mode) }, "thread_name"),
        ] {
            let error = Runtime::new(options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains(field), "{error}");
        }
    });
}

#[test]
fn s14_what_the_model_refuses_is_an_error_end_and_touches_nothing() {
    both(|mode| {
        let house = house(mode, Script { context_length: 64, ..Script::saying("word") });
        let session = house.session();
        let vocabulary = house.model.vocab().unwrap().len() as u32;
        let said = |input: Input| {
            let request = Request { input, ..Request::default() };
            read(&mut session.generate(request, Reading::default()).unwrap())
        };
        for (input, kind, message) in [
            (Input::Text("x".repeat(65)), ErrorKind::ContextFull, "65"),
            (Input::Text("x".repeat(100_000)), ErrorKind::ContextFull, "100000 bytes"),
            (Input::Tokens(vec![1; 65]), ErrorKind::ContextFull, "65 tokens"),
            (Input::Tokens(vec![1, vocabulary]), ErrorKind::InvalidArgument, "prompt_tokens[1]"),
            (Input::Text(String::new()), ErrorKind::InvalidArgument, "no tokens"),
            (Input::Messages(vec![user(&"x".repeat(64))]), ErrorKind::ContextFull, "tokens"),
        ] {
            let told = said(input);
            assert_eq!((told.text.as_str(), told.error().kind()), ("", kind));
            assert!(told.error().message().contains(message), "{}", told.error());
            assert_eq!(session.info().tokens, 0);
        }
        assert_eq!(said(Input::Text("Hi".into())).said(), ("word", EndReason::Stop));
        house.close();
    });
}

/// A vocabulary whose text work fails or panics, or never ends where it may rest.
struct Hostile {
    inner: Arc<dyn Vocab>,
    /// Texts that are being worked on for ever.
    endless: Arc<AtomicUsize>,
}

/// Counts itself as long as it is there.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Vocab for Hostile {
    pieces_of!(inner);
    beginning_of!(inner);

    fn encode_in_pieces<'a>(
        &'a self,
        text: &'a str,
        special: bool,
        parse: bool,
        out: &'a mut Vec<u32>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        Box::pin(async move {
            if text.contains("endless") {
                self.endless.fetch_add(1, Ordering::SeqCst);
                let _counted = Counted(self.endless.clone());
                loop {
                    pauses.after(100).await?;
                }
            }
            assert!(!text.contains("panic"), "the text says that this panics");
            if text.contains("fail") {
                return Err(Error::new(ErrorKind::Tokenizer, "the text says that this fails"));
            }
            self.inner.encode(text, special, parse, out)
        })
    }

    fn render_in_pieces<'a>(
        &'a self,
        _: &'a RenderInput<'_>,
        _: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        done(Err(Error::new(ErrorKind::Template, "the template fails")))
    }
}

#[test]
fn s14_text_work_that_fails_or_panics_short_or_long_is_an_error_end() {
    both(|mode| {
        let ((decoder, inner), gate) =
            wick::testing::model(&Script { context_length: 20_000, ..Script::saying("word") });
        let vocab: Arc<dyn Vocab> = Arc::new(Hostile { inner, endless: Arc::default() });
        let house = house_of(options(mode), gate, Box::new(move |_| Ok((decoder, vocab))));
        for long in [0, 10_000] {
            for (word, kind) in [("panic", ErrorKind::Internal), ("fail", ErrorKind::Tokenizer)] {
                let told = house.answer(&format!("{}{word}", "x".repeat(long)));
                assert_eq!(told.error().kind(), kind, "{told:?}");
            }
            assert_eq!(house.answer(&"x".repeat(long + 1)).said(), ("word", EndReason::Stop));
        }
        let session = house.session();
        let request = Request { input: Input::Messages(vec![user("Hi")]), ..Request::default() };
        let told = read(&mut session.generate(request, Reading::default()).unwrap());
        assert_eq!(told.error().kind(), ErrorKind::Template);
        house.close();
    });
}

#[test]
fn s9_text_work_that_takes_long_ends_with_a_cancel_a_deadline_or_the_shutdown_and_others_go_on() {
    both(|mode| {
        let script = Script { context_length: 20_000, ..Script::saying("word") };
        let ((decoder, inner), gate) = wick::testing::model(&script);
        let endless = Arc::<AtomicUsize>::default();
        let vocab: Arc<dyn Vocab> = Arc::new(Hostile { inner, endless: endless.clone() });
        let house = house_of(options(mode), gate, Box::new(move |_| Ok((decoder, vocab))));
        let text = format!("{}endless", "x".repeat(10_000));
        let begun = || endless.load(Ordering::SeqCst) == 1;

        let (_session, mut stream) = house.ask(&text);
        until(&house.runtime, "the text work", begun);
        assert_eq!(house.answer("Hi").said(), ("word", EndReason::Stop), "others go on meanwhile");
        stream.cancel();
        assert_eq!(read(&mut stream).said(), ("", EndReason::Cancelled));
        until(&house.runtime, "the end of the text work", || endless.load(Ordering::SeqCst) == 0);

        let session = house.session();
        let deadline = Some(std::time::Instant::now() + std::time::Duration::from_millis(20));
        let request = Request { deadline, ..asking(&text) };
        let mut stream = session.generate(request, Reading::default()).unwrap();
        assert_eq!(read(&mut stream).said(), ("", EndReason::Deadline));

        let (_session, mut stream) = house.ask(&text);
        until(&house.runtime, "the text work", begun);
        house.runtime.shutdown(None).unwrap();
        assert_eq!(read(&mut stream).said(), ("", EndReason::Shutdown));
        assert_eq!(endless.load(Ordering::SeqCst), 0, "nothing is left");
    });
}

/// A vocabulary whose texts begin and end with a token, and that tells on which thread it renders.
struct Telling {
    inner: Arc<dyn Vocab>,
    rendered_on: Arc<Mutex<Vec<String>>>,
}

impl Vocab for Telling {
    pieces_of!(inner);

    fn encode_in_pieces<'a>(
        &'a self,
        text: &'a str,
        special: bool,
        parse: bool,
        out: &'a mut Vec<u32>,
        _: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        out.extend(special.then_some(BOS));
        let inner = self.inner.encode(text, special, parse, out);
        out.extend(special.then_some(END));
        done(inner)
    }

    fn bos(&self) -> Option<u32> {
        Some(BOS)
    }

    fn adds_bos(&self) -> bool {
        true
    }

    fn render_in_pieces<'a>(
        &'a self,
        input: &'a RenderInput<'_>,
        _: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        self.rendered_on.lock().unwrap().push(name);
        done(self.inner.render(input))
    }
}

fn telling(mode: Mode) -> (House, Arc<Mutex<Vec<String>>>) {
    let script = Script { context_length: 20_000, ..Script::saying("word") };
    let ((decoder, inner), gate) = wick::testing::model(&script);
    let rendered_on = Arc::<Mutex<Vec<String>>>::default();
    let vocab: Arc<dyn Vocab> = Arc::new(Telling { inner, rendered_on: rendered_on.clone() });
    (house_of(options(mode), gate, Box::new(move |_| Ok((decoder, vocab)))), rendered_on)
}

#[test]
fn the_first_prompt_of_a_session_gets_bos_and_none_gets_eos() {
    both(|mode| {
        let (house, _) = telling(mode);
        assert_eq!(house.model.tokenize("Hi", true, false).unwrap(), [BOS, 72, 105, END]);
        assert_eq!(house.model.tokenize("Hi", false, false).unwrap(), [72, 105]);
        let session = house.session();
        let mut held = 0;
        for prompt in ["Hi", "Ho", ""] {
            let bos = usize::from(held == 0);
            let input = if prompt.is_empty() { Input::Continue } else { Input::Text(prompt.into()) };
            let request = Request { input, ..Request::default() };
            let told = read(&mut session.generate(request, Reading::default()).unwrap());
            assert_eq!(told.end.stats.prompt_tokens as usize, held + bos + prompt.len());
            held = session.info().tokens;
        }
        house.close();
    });
}

#[test]
fn conversations_are_rendered_on_the_thread_of_texts_however_short_they_are() {
    let _watchdog = watchdog();
    let (house, rendered_on) = telling(Mode::Threads);
    for messages in [vec![user("Hi")], vec![user(&"x".repeat(10_000))], vec![user(""); 200]] {
        let request = Request { input: Input::Messages(messages), ..Request::default() };
        let told = read(&mut house.session().generate(request, Reading::default()).unwrap());
        assert_eq!(told.said(), ("word", EndReason::Stop));
        assert_eq!(rendered_on.lock().unwrap().pop().as_deref(), Some("wick-text"), "{told:?}");
    }
    house.close();
}
