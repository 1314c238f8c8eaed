<<<<<<< HEAD
//! Streams an answer of a model. Build and run:
//!
//!     cargo run --release --example chat -- models/SmolLM2-135M-Instruct.Q4_1.gguf "Write a haiku about the sea."

use std::io::Write;
use wick::error::Result;
use wick::runtime::{
    EventKind, Input, ModelOptions, Reading, Request, Runtime, RuntimeOptions, Text,
};
use wick::text::Message;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), prompt) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: chat MODEL.gguf [PROMPT]");
        return Ok(());
    };
    let content = prompt.unwrap_or_else(|| "Hello, who are you?".to_owned());

    let runtime = Runtime::new(RuntimeOptions::default())?;
    // The generation waits for the load; a failed load comes as its end.
    let (model, _load) = runtime.load(ModelOptions::path(path), Reading::default())?;
    let session = model.session(None)?;
    let message = Message { role: "user".to_owned(), content, extra: None };
    let request = Request { input: Input::Messages(vec![message]), ..Request::default() };
    let mut stream = session.generate(request, Reading::default())?;

    while let Some(event) = stream.next_blocking() {
        match event.kind {
            EventKind::Text(Text { text, .. }) => {
                print!("{text}");
                let _ = std::io::stdout().flush();
            }
            EventKind::End(end) => match end.error {
                Some(error) => return Err(error),
                None => {
                    let stats = end.stats;
                    println!();
                    eprintln!(
                        "{:?}: {} tokens, first after {:.0} ms, {:.0} tokens/s",
                        end.reason,
                        stats.output_tokens,
                        stats.ttft_ns as f64 / 1e6,
                        f64::from(stats.output_tokens.saturating_sub(1)) * 1e9 / stats.decode_ns as f64,
                    );
                }
            },
            _ => {}
        }
    }
    Ok(())
=======
//! Loads a model, asks it once and streams the answer.
//!
//! cargo run --release --example chat -- models/SmolLM2-135M-Instruct.Q4_1.gguf "Write a haiku about the sea."
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
        [_, path] => (path, "Write a haiku about the sea."),
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
>>>>>>> 0ba5652 (A Rust example: chat)
}
