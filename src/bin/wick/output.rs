//! Standard output and standard error, where a reader that went away is no error; knows no command.

use std::io::{ErrorKind as IoKind, IsTerminal, Write};
use wick::{Error, ErrorKind, Result};

/// Writes `text` at once; whether somebody still reads.
///
/// # Errors
/// `Io` for everything but a broken pipe.
pub fn write(text: &str) -> Result<bool> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == IoKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::new(ErrorKind::Io, format!("standard output: {error}"))),
    }
}

/// Writes `text` and a new line; a broken pipe is nobody's concern.
///
/// # Errors
/// As [`write`].
pub fn line(text: &str) -> Result<()> {
    write(&format!("{text}\n")).map(drop)
}

/// Writes `text` and a new line to standard error, if somebody reads it.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes `text` to standard error, without a new line.
pub fn ask(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// A file may say anything, also to a terminal.
pub fn plain(text: &str) -> String {
    let escaped = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// As [`plain`], and lines stay lines.
pub fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// What a text is, where colours tell.
#[derive(Clone, Copy)]
pub enum Tone {
    /// Where something is asked.
    Prompt,
    /// What is no answer: thinking, remarks.
    Aside,
}

/// Whether colours are wanted on `stream`: a terminal that knows them, and nobody says no
/// (<https://no-color.org>).
pub fn colours(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && knows_escapes() && !refused
}

/// Whether the terminal moves its cursor when it is told to.
pub fn knows_escapes() -> bool {
    std::env::var_os("TERM").is_some_and(|name| name != "dumb") || cfg!(windows)
}

/// `text` in its tone, if `coloured`.
pub fn painted(text: &str, tone: Tone, coloured: bool) -> String {
    if !coloured {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Prompt => "1;32",
        Tone::Aside => "2",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
