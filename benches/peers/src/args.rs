//! A command line: words, `--name value` pairs and `--flag`s; knows no program's meaning of them.

use crate::Result;
use std::str::FromStr;

/// The words of a command line that nobody has taken yet.
pub struct Args(Vec<String>);

impl Args {
    /// This process' own, without its name.
    pub fn of_process() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Takes `--name value`.
    pub fn value<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(at) = self.0.iter().position(|word| word == name) else { return Ok(None) };
        if at + 1 == self.0.len() {
            return Err(format!("{name} takes a value").into());
        }
        let value = self.0.remove(at + 1);
        self.0.remove(at);
        let parsed = value.parse().map_err(|_| format!("{name} cannot be {value:?}"))?;
        Ok(Some(parsed))
    }

    /// Takes `--name`; whether it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let at = self.0.iter().position(|word| word == name);
        at.map(|at| self.0.remove(at)).is_some()
    }

    /// Takes the next word, which is `what`.
    pub fn word(&mut self, what: &str) -> Result<String> {
        match self.0.first() {
            Some(word) if !word.starts_with("--") => Ok(self.0.remove(0)),
            Some(word) => Err(format!("{word} is no option of this program, or stands before {what}").into()),
            None => Err(format!("{what} is missing").into()),
        }
    }

    /// Takes all words that are left.
    pub fn words(&mut self) -> Result<Vec<String>> {
        match self.0.iter().find(|word| word.starts_with("--")) {
            Some(word) => Err(format!("{word} is no option of this program").into()),
            None => Ok(std::mem::take(&mut self.0)),
        }
    }
}
