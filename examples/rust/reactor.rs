//! Reads an answer through its OS handle in an event loop that knows nothing of wick: here async-io's
//! reactor. Unix.
//!
//! cargo run --release --example reactor -- models/SmolLM2-135M-Instruct.Q4_1.gguf "Hello, who are you?"
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program prints")]

use std::path::Path;
use std::process::ExitCode;

#[cfg(unix)]
fn read(path: &Path, prompt: &str) -> wick::Result<()> {
    use async_io::Async;
    use std::io::Write;
    use wick::{
        Error, ErrorKind, EventKind, Input, Message, ModelOptions, Next, OsHandle, Reading, Request, Runtime,
        RuntimeOptions,
    };

    let io = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string());
    let runtime = Runtime::new(RuntimeOptions::default())?;
    let (model, _loading) = runtime.load(ModelOptions::path(path), Reading::default())?;
    let message = Message { role: "user".into(), content: prompt.into(), extra: None };
    let request = Request { input: Input::Messages(vec![message]), max_tokens: 256, ..Request::default() };
    let session = model.session(None)?;
    let answer = session.generate(request, Reading::default())?;

    let handle = OsHandle::new()?;
    answer.show_on(handle.clone());
    let handle = Async::new_nonblocking(handle).map_err(io)?;
    smol::future::block_on(async {
        let mut wakes = 0;
        loop {
            // Readable exactly while an event waits; reading the events is what makes it unreadable.
            handle.readable().await.map_err(io)?;
            wakes += 1;
            while let Next::Event(event) = answer.try_next() {
                match event.kind {
                    EventKind::Text(part) => {
                        let mut out = std::io::stdout();
                        write!(out, "{}", part.text).and_then(|()| out.flush()).map_err(io)?;
                    }
                    EventKind::End(end) => {
                        eprintln!("\n\n{:?}, {} events, {wakes} wakes", end.reason, event.seq + 1);
                        return end.error.map_or(Ok(()), Err);
                    }
                    _ => {}
                }
            }
        }
    })?;
    runtime.shutdown(None)
}

#[cfg(not(unix))]
fn read(_: &Path, _: &str) -> wick::Result<()> {
    Err(wick::Error::new(wick::ErrorKind::Unsupported, "this example waits on a file descriptor"))
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let given = match &arguments[..] {
        [path] => Some((path, "Hello, who are you?")),
        [path, prompt] => prompt.to_str().map(|prompt| (path, prompt)),
        _ => None,
    };
    let Some((path, prompt)) = given else {
        eprintln!("usage: reactor MODEL [PROMPT], the prompt in UTF-8");
        return ExitCode::from(2);
    };
    match read(path.as_ref(), prompt) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
