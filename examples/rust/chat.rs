//! Loads a model, asks it once and streams the answer.
//!
//! cargo run --release --example chat -- models/SmolLM2-135M-Instruct.Q4_1.gguf "Hello, who are you?"
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program prints")]

use std::io::Write;
use std::process::ExitCode;
use wick::error::{Error, ErrorKind, Result};
use wick::runtime::{EventKind, Input, ModelOptions, Reading, Request, Runtime, RuntimeOptions};
use wick::text::Message;

fn chat(path: &str, prompt: &str) -> Result<()> {
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
                print!("{}", part.text);
                std::io::stdout().flush().map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
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
    let arguments: Vec<String> = std::env::args().collect();
    let (path, prompt) = match &arguments[..] {
        [_, path] => (path, "Hello, who are you?"),
        [_, path, prompt] => (path, prompt.as_str()),
        _ => {
            eprintln!("usage: chat MODEL [PROMPT]");
            return ExitCode::from(2);
        }
    };
    match chat(path, prompt) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
