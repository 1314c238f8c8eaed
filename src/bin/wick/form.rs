//! The form that an answer is given on the command line; knows no model.

use super::input::read;
use clap::Args;
use std::path::PathBuf;
use wick::{Grammar, GrammarKind, Result};

/// At most one of them.
#[derive(Args)]
#[group(multiple = false)]
pub struct Form {
    /// The answer follows this grammar: GBNF, as llama.cpp has it, which begins at `root`
    #[arg(long, value_name = "GBNF")]
    grammar: Option<String>,
    /// The answer follows the GBNF grammar in this file
    #[arg(long, value_name = "FILE")]
    grammar_file: Option<PathBuf>,
    /// The answer is JSON of this schema; "{}": any JSON
    #[arg(short, long, value_name = "SCHEMA")]
    json_schema: Option<String>,
    /// The answer matches this regular expression, whole
    #[arg(long, value_name = "EXPRESSION")]
    regex: Option<String>,
}

impl Form {
    /// The grammar, if one is given. What is wrong with it shows when it is used.
    ///
    /// # Errors
    /// `Io` for a file that cannot be read.
    pub fn grammar(&self) -> Result<Option<Grammar>> {
        let (kind, text) = match self {
            Self { grammar: Some(text), .. } => (GrammarKind::Gbnf, text.clone()),
            Self { grammar_file: Some(path), .. } => (GrammarKind::Gbnf, read(path)?),
            Self { json_schema: Some(text), .. } => (GrammarKind::JsonSchema, text.clone()),
            Self { regex: Some(text), .. } => (GrammarKind::Regex, text.clone()),
            _ => return Ok(None),
        };
        Ok(Some(Grammar { kind, text }))
    }
}
