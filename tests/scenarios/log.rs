//! What the log says: every line can be parsed, the levels hold, and what a host wants to know is there.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wick::error::ErrorKind;
use wick::runtime::{EndReason, Input, Level, Mode, ModelOptions, Reading, Request, Runtime, RuntimeOptions};
use wick::testing::Script;

type Line = BTreeMap<String, String>;
type Lines = Arc<Mutex<Vec<(Level, String)>>>;

/// A line by the rules of docs/embedding.md.
fn parse(line: &str) -> Option<Line> {
    let mut values = Line::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(' ').unwrap_or(after.len());
                let bare = &after[..end];
                let special = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '=' | '"' | '\\');
                if bare.is_empty() || bare.contains(special) {
                    return None;
                }
                (bare.to_owned(), &after[end..])
            }
        };
        if !plain || values.insert(key.to_owned(), value).is_some() {
            return None;
        }
        rest = match after.strip_prefix(' ') {
            Some(more) if !more.is_empty() => more,
            None if after.is_empty() => after,
            _ => return None,
        };
    }
    values.contains_key("event").then_some(values)
}

/// The text up to the closing quote, and what follows.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                c @ ('"' | '\\') => value.push(c),
                'u' => {
                    let (open, _) = chars.next().filter(|(_, c)| *c == '{')?;
                    let (close, _) = chars.find(|(_, c)| *c == '}')?;
                    value.push(char::from_u32(u32::from_str_radix(&quoted[open + 1..close], 16).ok()?)?);
                }
                _ => return None,
            },
            c if c.is_control() => return None,
            c => value.push(c),
        }
    }
    None
}

fn logged(mode: Mode, level: Level) -> (RuntimeOptions, Lines) {
    let lines = Lines::default();
    let kept = lines.clone();
    let log = move |level, line: &str| kept.lock().unwrap().push((level, line.to_owned()));
    (RuntimeOptions { log: Some(Arc::new(log)), log_level: level, ..options(mode) }, lines)
}

/// The lines so far, all parsed.
fn parsed(lines: &Lines) -> Vec<(Level, Line)> {
    let lines = lines.lock().unwrap().clone();
    lines
        .into_iter()
        .map(|(level, line)| match parse(&line) {
            Some(values) => (level, values),
            None => panic!("cannot be parsed: {line}"),
        })
        .collect()
}

fn find<'a>(lines: &'a [(Level, Line)], event: &str) -> &'a (Level, Line) {
    let found = lines.iter().find(|(_, line)| line["event"] == event);
    found.unwrap_or_else(|| panic!("no line about {event}: {lines:?}"))
}

#[test]
fn s38_what_a_runtime_goes_through_is_in_its_log_and_every_line_can_be_parsed() {
    both(|mode| {
        let (options, lines) = logged(mode, Level::Trace);
        let house =
            house_with(options, Script { context_length: 64, max_batch: 4, ..Script::saying("word") });
        assert_eq!(house.answer("Hi").said(), ("word", EndReason::Stop));
        assert_eq!(house.answer(&"long".repeat(50)).error().kind(), ErrorKind::ContextFull);
        // So that the answer is not there first.
        house.runtime.pause();
        let (_session, mut stream) = house.ask("Hi");
        stream.cancel();
        read(&mut stream);
        house.runtime.resume();
        house.close();
        let lines = parsed(&lines);
        let (level, started) = find(&lines, "runtime_started");
        assert_eq!((*level, &*started["version"]), (Level::Info, env!("CARGO_PKG_VERSION")));
        assert_eq!(started["mode"], if mode == Mode::Threads { "threads" } else { "host_step" });
        assert_eq!(started["threads"], if mode == Mode::Threads { "1" } else { "0" });
        assert_eq!(started.get("chosen"), None, "they were given");
        let (level, ready) = find(&lines, "load_ready");
        assert_eq!((*level, &*ready["backend"], &*ready["context_length"]), (Level::Info, "fake", "64"));
        assert_eq!(find(&lines, "load_started").1["source"], "custom");
        let (level, clamped) = find(&lines, "clamped");
        assert_eq!((*level, &*clamped["what"], &*clamped["used"]), (Level::Info, "max_sequences", "4"));
        let ends: Vec<_> = lines.iter().filter(|(_, line)| line["event"] == "generation_ended").collect();
        let reasons: Vec<&str> = ends.iter().map(|(_, line)| &*line["reason"]).collect();
        assert_eq!(reasons, ["Stop", "Error", "Cancelled"]);
        assert!(ends.iter().all(|(level, _)| *level == Level::Debug));
        assert_eq!((&*ends[0].1["prompt_tokens"], &*ends[0].1["output_tokens"]), ("2", "1"));
        assert_eq!(ends[1].1["kind"], "ContextFull");
        assert!(ends[1].1["message"].contains(' '), "{ends:?}");
        assert_eq!(find(&lines, "pass").0, Level::Trace);
        assert_eq!(find(&lines, "shutdown_started").0, Level::Info);
    });
}

#[test]
fn s38_how_many_threads_were_chosen_is_said_and_by_what() {
    let _watchdog = watchdog();
    let (options, lines) = logged(Mode::Threads, Level::Info);
    let house = house_with(RuntimeOptions { threads: 0, ..options }, Script::saying("word"));
    house.close();
    let lines = parsed(&lines);
    let (_, started) = find(&lines, "runtime_started");
    assert_eq!(started["threads"], wick::compute::default_threads().to_string());
    let words = ["physical_cores", "performance_cores", "quota", "processors"];
    assert!(words.contains(&started["chosen"].as_str()), "{started:?}");
}

#[test]
fn s38_a_level_holds_back_what_is_less_grave() {
    both(|mode| {
        for (level, least) in [(Level::Error, 1), (Level::Warning, 1), (Level::Info, 5), (Level::Debug, 6)] {
            let (options, lines) = logged(mode, level);
            let house = house_with(options, Script::saying("word"));
            house.answer("Hi");
            let failing = Script { load_error: Some("no such \"file\"\nat all".into()), ..Script::default() };
            let (_model, mut load) = begin_load(&house.runtime, wick::testing::loader(failing).0);
            read(&mut load);
            drop(_model);
            house.close();
            let lines = parsed(&lines);
            assert!(lines.iter().all(|(of, _)| *of <= level), "{lines:?}");
            assert!(lines.len() >= least, "{lines:?}");
            let (level, failed) = find(&lines, "load_failed");
            assert_eq!(*level, Level::Error);
            assert!(failed["message"].contains("no such \"file\"\nat all"), "{failed:?}");
        }
    });
}

#[test]
fn s38_an_idle_session_that_gave_way_is_named() {
    both(|mode| {
        let (options, lines) = logged(mode, Level::Info);
        let house = house_with(options, Script::saying("word"));
        let session = house.session();
        read(&mut session.generate(asking("Hi"), Reading::default()).unwrap());
        house.runtime.trim();
        run_a_while(&house.runtime);
        until(&house.runtime, "the trim", || house.runtime.info().kv_and_scratch_bytes == 0);
        let lines = parsed(&lines);
        assert_eq!(find(&lines, "evicted").1["tokens"], "3");
        house.close();
    });
}

/// Lines come under no lock: the host may ask the runtime whatever it likes.
#[test]
fn s38_a_log_callback_may_call_back() {
    both(|mode| {
        let runtime: Arc<Mutex<Option<Runtime>>> = Arc::default();
        let asked = runtime.clone();
        let log = move |_, _: &str| {
            let runtime = asked.lock().unwrap().clone();
            if let Some(runtime) = runtime {
                runtime.info();
                runtime.trim();
                runtime.queue().expect("a queue");
            }
        };
        let options = RuntimeOptions { log: Some(Arc::new(log)), log_level: Level::Trace, ..options(mode) };
        let house = house_with(options, Script::saying("word"));
        *runtime.lock().unwrap() = Some(house.runtime.clone());
        assert_eq!(house.answer("Hi").said(), ("word", EndReason::Stop));
        let path = ModelOptions::path("there/is/no such model.gguf");
        let (_model, mut load) = house.runtime.load(path, Reading::default()).unwrap();
        assert_eq!(read(&mut load).error().kind(), ErrorKind::Io);
        let request = Request { input: Input::Continue, ..Request::default() };
        assert!(house.session().generate(request, Reading::default()).is_err());
        runtime.lock().unwrap().take();
        drop(_model);
        house.close();
    });
}
