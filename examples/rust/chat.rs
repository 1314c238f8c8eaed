//! Loads a model, asks it once and streams the answer.
//!
//! cargo run --release --example chat -- models/SmolLM2-135M-Instruct.Q4_1.gguf "Hello, who are you?"
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program prints")]

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use wick::{
    Error, ErrorKind, EventKind, Input, Message, ModelOptions, Reading, Request, Result, Runtime,
    RuntimeOptions,
};

fn chat(path: &Path, prompt: &str) -> Result<()> {
    let runtime = Runtime::new(RuntimeOptions::default())?;
    // Loading goes on while we go on; the answer waits for it, and tells how it went.
    let (model, _loading) = runtime.load(ModelOptions::path(path), Reading::default())?;
    let session = model.session(None)?;
    let message = Message { role: "user".into(), content: prompt.into(), extra: None };
    let request = Request { input: Input::Messages(vec![message]), max_tokens: 256, ..Request::default() };
    let mut answer = session.generate(request, Reading::default())?;

    while let Some(event) = answer.next_blocking() {
        match event.kind {
            EventKind::Text(part) => {
                let mut out = std::io::stdout();
                let shown = write!(out, "{}", part.text).and_then(|()| out.flush());
                shown.map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
            }
            EventKind::End(end) => {
                if let Some(error) = end.error {
                    return Err(error);
                }
                eprintln!("\n\n{:?} after {} tokens", end.reason, end.stats.output_tokens);
            }
            _ => {}
        }
    }
    runtime.shutdown(None)
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let given = match &arguments[..] {
        [path] => Some((path, "Hello, who are you?")),
        [path, prompt] => prompt.to_str().map(|prompt| (path, prompt)),
        _ => None,
    };
    let Some((path, prompt)) = given else {
        eprintln!("usage: chat MODEL [PROMPT], the prompt in UTF-8");
        return ExitCode::from(2);
    };
    match chat(path.as_ref(), prompt) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
