//! A session that is saved comes back as it was, in another runtime, and says the same; what cannot be saved
//! or restored says why, and leaves what was there.
#![cfg(feature = "testing")]

use crate::support::scenario::saves::{Storage, nowhere, of, restored, saved};
use crate::support::scenario::*;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use wick::Source;
use wick::error::{Error, ErrorKind, Result};
use wick::runtime::{
    EndReason, Input, Mode, Overflow, Reading, Request, Runtime, SavePlace, Session, SessionOptions,
    SessionState, WriteAt,
};
use wick::store::parts::{put_together, take_apart};
use wick::testing::Script;
use wick::text::Message;

/// A model whose words depend on all that it sees, bit for bit.
fn script() -> Script {
    Script { random: Some(5), context_length: 4096, ..Script::default() }
}

fn message(role: &str, content: &str) -> Message {
    Message { role: role.into(), content: content.into(), extra: None }
}

fn user(text: &str) -> Request {
    let input = Input::Messages(vec![message("user", text)]);
    Request { input, max_tokens: 20, ignore_eos: true, ..Request::default() }
}

fn raw(text: &str) -> Request {
    Request { max_tokens: 20, ignore_eos: true, ..asking(text) }
}

fn told(session: &Session, request: Request) -> Told {
    read(&mut session.generate(request, Reading::default()).expect("a stream"))
}

/// Why it is not restored; the session says it too.
fn refused(house: &House, source: Source) -> Error {
    let (session, mut stream) = house.model.restore(source, Reading::default()).expect("a restore begins");
    let error = read(&mut stream).error().clone();
    assert_eq!(session.generate(raw("x"), Reading::default()).err().as_ref(), Some(&error));
    assert_eq!(session.messages().err().as_ref(), Some(&error));
    assert_eq!(session.clear().err().as_ref(), Some(&error));
    assert_eq!(session.rewind(0).err().as_ref(), Some(&error));
    assert_eq!(session.keep(0).err().as_ref(), Some(&error));
    assert_eq!(session.save(nowhere(), false, Reading::default()).err().as_ref(), Some(&error));
    error
}

/// What the session is, and what it says next.
fn all(session: &Session, request: Request) -> (Vec<Message>, Vec<u32>, String, Vec<u32>) {
    let (messages, tokens) = (session.messages().unwrap(), session.tokens().unwrap());
    let told = told(session, request);
    (messages, tokens, told.text, told.tokens)
}

#[test]
fn s48_a_conversation_comes_back_with_all_that_belongs_to_it() {
    both(|mode| {
        let first = house(mode, script());
        let options = SessionOptions {
            context_length: Some(2000),
            system: Some("You are a pirate. é".into()),
            tools: Some(json!([{"name": "add"}])),
            template: json!({"enable_thinking": false}).as_object().cloned(),
            overflow: Overflow::Roll { pinned_messages: 1 },
            adapter: None,
        };
        let session = first.model.session_with(options).unwrap();
        told(&session, user("Hi"));
        told(&session, Request { tools: Some(Arc::new(json!([]))), ..user("Who are you?") });
        let bytes = saved(&session, false);
        let second = house(mode, script());
        let back = restored(&second, &bytes);
        assert_eq!(back.info().context_length, Some(2000));
        assert_eq!(back.info().messages, 4);
        assert_eq!(saved(&back, false), bytes, "the same again");
        assert_eq!(all(&back, user("And now?")), all(&session, user("And now?")));
        // Its own tools come back with a clear.
        back.clear().unwrap();
        session.clear().unwrap();
        assert_eq!(all(&back, user("Hi")), all(&session, user("Hi")));
        let kind = back.generate(raw("x"), Reading::default()).err().map(|error| error.kind());
        assert_eq!(kind, Some(ErrorKind::InvalidArgument), "it has a system message");
        first.close();
        second.close();
    });
}

#[test]
fn s48_raw_text_and_an_empty_session_come_back() {
    both(|mode| {
        let (first, second) = (house(mode, script()), house(mode, script()));
        let session = first.session();
        let empty = restored(&second, &saved(&session, false));
        assert_eq!(all(&empty, raw("Once")), all(&session, raw("Once")));
        let back = restored(&second, &saved(&session, false));
        let going_on = || Request { input: Input::Continue, ..raw("") };
        assert_eq!(all(&back, going_on()), all(&session, going_on()));
        let kind = back.set_system(Some("s".into())).err().map(|error| error.kind());
        assert_eq!(kind, Some(ErrorKind::InvalidArgument), "it holds raw input");
        first.close();
        second.close();
    });
}

#[test]
fn s48_a_save_is_what_the_session_was_at_the_call() {
    both(|mode| {
        let first = house(mode, script());
        let session = first.session();
        told(&session, raw("Once upon a time"));
        let tokens = session.tokens().unwrap();
        let storage = Storage::default();
        let mut save = session.save(storage.place(), false, Reading::default()).unwrap();
        // It goes on at once, and is gone before its save is over.
        let mut more = session.generate(raw("there was"), Reading::default()).unwrap();
        read(&mut more);
        drop((session, more));
        assert_eq!(read(&mut save).end.reason, EndReason::Ready);
        assert_eq!(restored(&first, &storage.bytes()).tokens().unwrap(), tokens);
        first.close();
    });
}

#[test]
fn s48_a_session_is_busy_until_its_generation_ends_or_is_cancelled() {
    both(|mode| {
        let house = house(mode, Script { gated: true, ..script() });
        let session = house.session();
        let mut stream = session.generate(raw("Hi"), Reading::default()).unwrap();
        let kind = session.save(nowhere(), false, Reading::default()).err().map(|error| error.kind());
        assert_eq!(kind, Some(ErrorKind::Busy));
        stream.cancel();
        let mut save =
            session.save(nowhere(), false, Reading::default()).expect("it takes effect behind the cancel");
        assert_eq!(read(&mut save).end.reason, EndReason::Ready);
        assert_eq!(read(&mut stream).end.reason, EndReason::Cancelled);
        house.close();
    });
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn s48_a_file_is_the_old_or_the_new_save() {
    both(|mode| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tom.wick");
        let house = house(mode, script());
        let session = house.session();
        for text in ["Once", "upon a time"] {
            told(&session, raw(text));
            let mut save = session.save(SavePlace::File(path.clone()), false, Reading::default()).unwrap();
            assert_eq!(read(&mut save).end.reason, EndReason::Ready);
            let (back, mut stream) = house.model.restore(Source::path(&path), Reading::default()).unwrap();
            assert_eq!(read(&mut stream).end.reason, EndReason::Ready);
            assert_eq!(back.tokens().unwrap(), session.tokens().unwrap());
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let about = std::fs::metadata(&path).unwrap().permissions();
                assert!(text == "Once" || about.mode() & 0o777 == 0o600, "as private as before: {about:?}");
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        let before = std::fs::read(&path).unwrap();
        // One that waits for its model with threads; without, nothing is done before somebody reads.
        let (load, _go) = held(script());
        let (model, _loading) = match mode {
            Mode::Threads => begin_load(&house.runtime, load),
            Mode::HostStep => begin_load(&house.runtime, wick::testing::loader(script()).0),
        };
        let empty = model.session(None).unwrap();
        let mut save = empty.save(SavePlace::File(path.clone()), false, Reading::default()).unwrap();
        save.cancel();
        assert_eq!(read(&mut save).end.reason, EndReason::Cancelled);
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(names(folder.path()), ["tom.wick"], "nothing is left beside it");
        for (nowhere, what) in [
            (folder.path().join("none").join("tom.wick"), "cannot be made"),
            (folder.path().to_path_buf(), "is a folder"),
        ] {
            let mut save = session.save(SavePlace::File(nowhere), false, Reading::default()).unwrap();
            let told = read(&mut save);
            assert_eq!(told.error().kind(), ErrorKind::Io);
            assert!(told.error().message().contains(what), "{}", told.error());
        }
        house.close();
    });
}

/// A storage that fails, or panics, after so many bytes.
struct Failing(usize, bool);

impl WriteAt for Failing {
    fn write_at(&mut self, _offset: u64, src: &[u8]) -> Result<()> {
        self.0 = self.0.saturating_sub(src.len());
        assert!(self.0 > 0 || !self.1, "the storage panics");
        match self.0 {
            0 => Err(Error::new(ErrorKind::Io, "the card is full")),
            _ => Ok(()),
        }
    }
}

#[test]
fn s48_what_a_storage_fails_with_is_the_end_of_the_save() {
    both(|mode| {
        let house = house(mode, script());
        let session = house.session();
        told(&session, raw("Once"));
        for panics in [false, true] {
            let place = SavePlace::Storage(Box::new(Failing(10, panics)));
            let told = read(&mut session.save(place, false, Reading::default()).unwrap());
            let expected = if panics { ErrorKind::Internal } else { ErrorKind::Io };
            assert_eq!(told.error().kind(), expected, "{}", told.error());
        }
        told(&session, raw("upon"));
        house.close();
    });
}

#[test]
fn s48_what_is_no_save_of_this_model_is_refused_with_the_reason() {
    both(|mode| {
        let first = house(mode, script());
        let session = first.session();
        told(&session, raw("Once upon a time"));
        let bytes = saved(&session, false);
        let other = house(mode, Script { reply: Script::saying("other").reply, ..script() });
        let error = refused(&other, of(&bytes));
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("another model's"), "{error}");
        let error = refused(&first, of(b"GGUF and whatever else there is in a file of its kind"));
        assert_eq!(error.kind(), ErrorKind::Io);
        let sections = take_apart(&bytes).unwrap();
        let error = refused(&first, of(&put_together(2, &sections)));
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("later release"), "{error}");
        let nowhere = Source::path("/nowhere/tom.wick");
        let error = refused(&first, nowhere);
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.message().contains("tom.wick"), "{error}");
        // In each section.
        let mut end = 32 + 24 * sections.len();
        let mut places = vec![("header", 20)];
        for ((.., bytes), name) in sections.iter().zip(["model", "session", "tokens"]) {
            places.push((name, end + bytes.len() / 2));
            end += bytes.len() + 8;
        }
        for (name, at) in places {
            let mut changed = bytes.clone();
            changed[at] ^= 16;
            let error = refused(&first, of(&changed));
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            assert!(error.message().contains(&format!("{name}, at byte ")), "{error}");
            assert_eq!(refused(&first, of(&bytes[..at])).kind(), ErrorKind::Io);
        }
        let short = house(mode, Script { context_length: 30, ..script() });
        assert_eq!(refused(&short, of(&bytes)).kind(), ErrorKind::ContextFull);
        for house in [first, other, short] {
            house.close();
        }
    });
}

#[test]
fn s49_a_session_can_be_used_while_it_is_restored() {
    both(|mode| {
        let first = house(mode, script());
        let session = first.session();
        told(&session, user("Hi"));
        let bytes = saved(&session, false);
        let expected = all(&session, user("Who are you?"));
        let runtime = Runtime::new(options(mode)).unwrap();
        let (load, go) = held(script());
        let (model, mut loading) = begin_load(&runtime, load);
        let (back, mut restore) = model.restore(of(&bytes), Reading::default()).unwrap();
        assert_eq!(back.info().state, SessionState::Restoring);
        assert_eq!(back.messages().err().map(|error| error.kind()), Some(ErrorKind::Busy));
        assert_eq!(back.keep(1).err().map(|error| error.kind()), Some(ErrorKind::Busy));
        assert_eq!(back.set_system(None).err().map(|error| error.kind()), Some(ErrorKind::Busy));
        let fork = back.fork().unwrap();
        let (gone, mut cancelled) = model.restore(of(&bytes), Reading::default()).unwrap();
        let mut waits = gone.generate(user("Hi"), Reading::default()).unwrap();
        cancelled.cancel();
        if mode == Mode::Threads {
            // In HOST_STEP the load keeps the thread.
            assert_eq!(read(&mut cancelled).end.reason, EndReason::Cancelled);
            assert_eq!(read(&mut waits).error().kind(), ErrorKind::StaleHandle);
        }
        let mut stream = back.generate(user("Who are you?"), Reading::default()).unwrap();
        let busy = back.save(nowhere(), false, Reading::default());
        assert_eq!(busy.err().map(|error| error.kind()), Some(ErrorKind::Busy));
        go.store(true, std::sync::atomic::Ordering::SeqCst);
        // Nobody has read the restore's stream yet.
        let told = read(&mut stream);
        assert_eq!((&told.text, &told.tokens), (&expected.2, &expected.3));
        assert_eq!(read(&mut loading).end.reason, EndReason::Ready);
        // Another thread says it, and may be later than the answer.
        assert_eq!(read(&mut restore).end.reason, EndReason::Ready);
        assert_eq!(back.messages().unwrap().len(), 4);
        assert_eq!(all(&fork, user("Who are you?")), expected);
        runtime.shutdown(None).unwrap();
        first.close();
    });
}

#[test]
fn s49_a_failed_load_and_a_shutdown_end_what_waits() {
    both(|mode| {
        let first = house(mode, script());
        let session = first.session();
        told(&session, raw("Hi"));
        let bytes = saved(&session, false);
        let runtime = Runtime::new(options(mode)).unwrap();
        let failing = Script { load_error: Some("broken".into()), ..script() };
        let (model, _loading) = begin_load(&runtime, wick::testing::loader(failing).0);
        if let Ok((_session, mut stream)) = model.restore(of(&bytes), Reading::default()) {
            assert_eq!(read(&mut stream).error().message(), "broken");
        }
        let (held, _go) = held(script());
        let (model, _loading) = begin_load(&runtime, held);
        let (back, mut restore) = model.restore(of(&bytes), Reading::default()).unwrap();
        let mut stream = back.generate(raw("x"), Reading::default()).unwrap();
        let empty = model.session(None).unwrap();
        let mut save = empty.save(nowhere(), false, Reading::default()).unwrap();
        runtime.shutdown(None).unwrap();
        for stream in [&mut restore, &mut stream, &mut save] {
            assert_eq!(read(stream).end.reason, EndReason::Shutdown);
        }
        first.close();
    });
}
