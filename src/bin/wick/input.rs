//! Where the commands' texts come from: an argument, a file, or standard input; knows no model.

use super::output;
use clap::Args;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use wick::{Error, ErrorKind, Result};

/// A text that a command works on.
#[derive(Args)]
pub struct TextInput {
    /// The text; from standard input if left out or "-"
    text: Option<String>,
    /// The text is in this file; "-": standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
}

impl TextInput {
    /// Whether it is given: else it is whatever standard input holds.
    pub fn is_given(&self) -> bool {
        self.text.is_some() || self.file.is_some()
    }

    /// The text. Of a file or standard input it lacks the last end of line, unless `whole`.
    ///
    /// # Errors
    /// `Io`, naming the file.
    pub fn read(&self, whole: bool) -> Result<String> {
        match (&self.text, &self.file) {
            (Some(text), _) if text != "-" => Ok(text.clone()),
            (_, Some(path)) => read(path).map(|text| if whole { text } else { without_end_of_line(text) }),
            _ => read(Path::new("-")).map(|text| if whole { text } else { without_end_of_line(text) }),
        }
    }
}

/// The text in the file at `path`; "-": in standard input.
///
/// # Errors
/// `Io`, naming the file.
pub fn read(path: &Path) -> Result<String> {
    let failed = |what: &dyn std::fmt::Display, error: std::io::Error| {
        Error::new(ErrorKind::Io, format!("{what}: {error}"))
    };
    if path != Path::new("-") {
        return std::fs::read_to_string(path).map_err(|error| failed(&path.display(), error));
    }
    if std::io::stdin().is_terminal() {
        output::tell("wick: type the text; Ctrl-D on a line of its own ends it");
    }
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| failed(&"standard input", error))?;
    Ok(text)
}

fn without_end_of_line(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// An error that exits as a wrong use does.
pub fn wrong(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
