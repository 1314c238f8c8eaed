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
}
