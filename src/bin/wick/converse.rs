//! A conversation of `wick run`: a line of standard input is a turn; knows neither arguments nor how an
//! answer is shown.

use super::output;
use super::show::{Interrupts, reason};
use super::turns::{INTERRUPTED, Turns};
use smol::channel::{Receiver, bounded};
use std::io::IsTerminal;
use std::process::ExitCode;
use wick::{EndReason, Error, ErrorKind, Result};

/// Bytes of the reading thread's stack.
const READER_STACK: usize = 256 << 10;

/// Answers `first`, if there is one, and every line of standard input, until that ends or Ctrl-C comes
/// between answers.
///
/// # Errors
/// An answer's that leaves no way to go on; `Io` of standard input and output.
pub async fn converse(turns: &Turns, first: Option<String>, interrupts: &mut Interrupts) -> Result<ExitCode> {
    let lines = lines()?;
    let on_terminal = std::io::stdin().is_terminal();
    if on_terminal {
        output::tell("wick: Ctrl-C stops an answer, /clear forgets the conversation, Ctrl-D ends it");
    }
    let mut first = first;
    loop {
        let line = match first.take() {
            Some(line) => line,
            None => {
                if on_terminal {
                    output::ask("> ");
                }
                match interrupts.before(lines.recv()).await {
                    Some(Ok(line)) => line?,
                    // The end of standard input.
                    Some(Err(_)) => return end(on_terminal, ExitCode::SUCCESS),
                    None => return end(on_terminal, ExitCode::from(INTERRUPTED)),
                }
            }
        };
        match line.trim() {
            "" => {}
            "/clear" => turns.session.clear()?,
            _ => {
                if !turn(turns, line, interrupts).await? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
    }
}

/// One turn; whether somebody still reads.
async fn turn(turns: &Turns, line: String, interrupts: &mut Interrupts) -> Result<bool> {
    match turns.answer(line, interrupts).await {
        Ok(Some(end)) => {
            if !matches!(end.reason, EndReason::Stop | EndReason::StopString) {
                output::tell(&format!("({})", reason(&end)));
            }
            Ok(true)
        }
        Ok(None) => Ok(false),
        Err(error) if error.kind() == ErrorKind::ContextFull => {
            output::tell(&format!("wick: {error}; /clear forgets the conversation"));
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

fn end(on_terminal: bool, code: ExitCode) -> Result<ExitCode> {
    if on_terminal {
        output::tell("");
    }
    Ok(code)
}

/// The lines of standard input, read by a thread: a read that waits knows no Ctrl-C. It ends with the process
/// at the latest.
fn lines() -> Result<Receiver<Result<String>>> {
    let (sender, receiver) = bounded(1);
    let read = move || {
        for line in std::io::stdin().lines() {
            let line = line.map_err(|error| Error::new(ErrorKind::Io, format!("standard input: {error}")));
            if sender.send_blocking(line).is_err() {
                return;
            }
        }
    };
    let builder = std::thread::Builder::new().name("lines".to_owned()).stack_size(READER_STACK);
    let refused = |error| Error::new(ErrorKind::OutOfMemory, format!("no thread to read lines: {error}"));
    builder.spawn(read).map_err(refused)?;
    Ok(receiver)
}
