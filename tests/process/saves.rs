//! Saves across processes: what one has saved another goes on with, bit for bit; one that is killed while it
//! saves leaves the old or the new file. The test starts itself as the other process.
#![cfg(feature = "testing")]
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::scenario::*;
use support::tiny::{Random, Tiny};
use wick::Source;
use wick::runtime::{
    EndReason, Input, Mode, Model, ModelOptions, ModelSource, Reading, Request, Runtime, SavePlace, Session,
};
use wick::testing::Script;

/// What the other process is to do, and with which file.
const TASK: &str = "WICK_SAVE_TASK";
const FILE: &str = "WICK_SAVE_FILE";

/// There are models out of files.
const NATIVE: bool = cfg!(all(feature = "native", feature = "text"));

/// Tokens between two saves.
const STEP: u32 = 40;

/// The models of every kind of memory, by name. Files: native ones; the real one if it is there.
fn load(runtime: &Runtime, name: &str) -> Model {
    let script = Script { random: Some(3), context_length: 1 << 16, ..Script::default() };
    let source = match name {
        "fake" => ModelSource::Custom(wick::testing::loader(script).0),
        "window" => ModelSource::Custom(wick::testing::loader(Script { window: Some(50), ..script }).0),
        "recurrent" => ModelSource::Custom(wick::testing::loader(Script { recurrent: true, ..script }).0),
        "llama" | "gemma3" | "gemma4" => {
            let known = ["llama", "gemma3", "gemma4"];
            let architecture = known.into_iter().find(|known| *known == name).unwrap_or("llama");
            let file = Tiny { context: 4096, ..Tiny::new(architecture) }.speaking().writer().to_bytes();
            ModelSource::Gguf(Source::Memory(Box::new(file)))
        }
        path => ModelSource::Gguf(Source::path(path)),
    };
    let (model, mut stream) = runtime.load(ModelOptions::from_source(source), Reading::default()).unwrap();
    assert_eq!(read(&mut stream).end.reason, EndReason::Ready);
    model
}

fn say(session: &Session, input: Input, max_tokens: u32) -> Told {
    let request = Request { input, max_tokens, ignore_eos: true, ..Request::default() };
    let told = read(&mut session.generate(request, Reading::default()).unwrap());
    assert_eq!(told.end.reason, EndReason::Length, "{:?}", told.end);
    told
}

fn prompt() -> Input {
    Input::Text("once upon a time there was".to_owned())
}

fn save(session: &Session, path: &Path) {
    let place = SavePlace::File(path.to_owned());
    assert_eq!(
        read(&mut session.save(place, true, Reading::default()).unwrap()).end.reason,
        EndReason::Ready
    );
}

fn restore(model: &Model, path: &Path) -> Session {
    let (session, mut stream) = model.restore(Source::path(path), Reading::default()).unwrap();
    let end = read(&mut stream).end;
    assert_eq!(end.reason, EndReason::Ready, "{end:?}");
    session
}

/// This test as another process.
fn other(task: &str, file: &Path) -> Child {
    let own = std::env::current_exe().unwrap();
    Command::new(own)
        .args(["the_other_process", "--exact", "--nocapture"])
        .env(TASK, task)
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// No test by itself: what the other process does.
#[test]
fn the_other_process() {
    let (Ok(task), Ok(file)) = (std::env::var(TASK), std::env::var(FILE)) else { return };
    let (file, runtime) = (PathBuf::from(file), Runtime::new(options(Mode::Threads)).unwrap());
    if task == "for ever" {
        let model = load(&runtime, "fake");
        let session = if file.exists() { restore(&model, &file) } else { model.session(None).unwrap() };
        let mut input = if file.exists() { Input::Continue } else { prompt() };
        println!("\nhere");
        loop {
            say(&session, std::mem::replace(&mut input, Input::Continue), STEP);
            save(&session, &file);
        }
    }
    let model = load(&runtime, &task);
    let session = model.session(None).unwrap();
    say(&session, prompt(), 100);
    save(&session, &file);
    println!("\nsaid {:?}", say(&session, Input::Continue, 40).tokens);
}

/// The real model's file, if it is there.
fn real() -> Option<String> {
    let folder = std::env::var("WICK_MODELS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("models"));
    let path = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    path.is_file().then(|| path.display().to_string())
}

#[test]
fn s51_another_process_goes_on_bit_for_bit() {
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.wick");
    let natives: &[&str] = if NATIVE { &["llama", "gemma3", "gemma4"] } else { &[] };
    let names = ["fake", "window", "recurrent"].iter().chain(natives).map(|name| (*name).to_owned());
    let real = real().filter(|_| NATIVE);
    if real.is_none() {
        println!("left out: a save of a real model (SmolLM2 is missing in WICK_MODELS)");
    }
    for name in names.chain(real) {
        let out = other(&name, &path).wait_with_output().unwrap();
        assert!(out.status.success(), "{name}");
        let out = String::from_utf8(out.stdout).unwrap();
        let said = out.lines().find_map(|line| line.strip_prefix("said ")).expect("what it said");
        let runtime = Runtime::new(options(Mode::HostStep)).unwrap();
        let model = load(&runtime, &name);
        let session = restore(&model, &path);
        let length = session.tokens().unwrap().len();
        let told = say(&session, Input::Continue, 40);
        assert_eq!(format!("{:?}", told.tokens), said, "{name}");
        assert_eq!(told.end.stats.cached_tokens as usize, length - 1, "{name}: its past was computed again");
        runtime.shutdown(None).unwrap();
    }
}

#[test]
fn s51_a_process_that_is_killed_while_it_saves_leaves_the_old_or_the_new_file() {
    let kills = std::env::var("WICK_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(8);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.wick");
    let runtime = Runtime::new(options(Mode::Threads)).unwrap();
    let model = load(&runtime, "fake");
    let (mut last, mut random) = (0, Random(u64::from(std::process::id()) | 1));
    // What one process says alone.
    let session = model.session(None).unwrap();
    say(&session, prompt(), STEP);
    for _ in 0..kills {
        let _watchdog = watchdog();
        let mut child = other("for ever", &path);
        let out = BufReader::new(child.stdout.take().unwrap());
        assert!(out.lines().any(|line| line.unwrap() == "here"), "it has begun");
        std::thread::sleep(Duration::from_micros(random.next() % 40_000));
        child.kill().unwrap();
        child.wait().unwrap();
        if !path.exists() {
            assert_eq!(last, 0, "the file is gone");
            continue;
        }
        let back = restore(&model, &path);
        let tokens = back.tokens().unwrap();
        assert!(tokens.len() >= last, "{} tokens, and {last} before", tokens.len());
        last = tokens.len();
        while session.tokens().unwrap().len() < last {
            say(&session, Input::Continue, STEP);
        }
        assert_eq!(tokens, session.tokens().unwrap()[..last]);
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "saving") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
    runtime.shutdown(None).unwrap();
}
