//! Standard output and standard error, where a reader that went away is no error; knows no command.

use std::io::{ErrorKind as IoKind, Write};
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
