//! `wick tokenize`: the tokens of a text, from the model's vocabulary alone; knows no weights.

use super::input::TextInput;
use super::model::{Computing, named, vocabulary};
use super::output;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use wick::{Result, Vocab};

#[derive(Args)]
#[command(after_help = "A line a token: its id and its bytes as text, bytes that are no text as \\xNN.")]
pub struct Tokenize {
    /// A .gguf file, or a folder with config.json, tokenizer.json and safetensors
    model: PathBuf,
    #[command(flatten)]
    text: TextInput,
    /// Without the tokens that the model's file wants around a text (BOS, EOS)
    #[arg(long)]
    no_bos: bool,
    /// The text of control tokens is text like any other
    #[arg(long)]
    no_parse_special: bool,
    /// Only how many there are
    #[arg(long, conflicts_with_all = ["ids", "json"])]
    count: bool,
    /// Only the ids, in one line
    #[arg(long, conflicts_with = "json")]
    ids: bool,
    /// As JSON: a list of ids and pieces
    #[arg(long)]
    json: bool,
}

impl Tokenize {
    pub fn run(self) -> Result<ExitCode> {
        let text = self.text.read(true)?;
        let runtime = Computing::default().runtime()?;
        let model = vocabulary(&runtime, &self.model, None)?;
        let ids = model.tokenize(&text, !self.no_bos, !self.no_parse_special);
        let ids = ids.map_err(|error| named(error, &self.model))?;
        let vocab = model.vocab()?;
        let shown = if self.count {
            ids.len().to_string()
        } else if self.ids {
            ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
        } else if self.json {
            let pieces = ids.iter().map(|id| json!({ "id": id, "piece": piece(&*vocab, *id) }));
            format!("{:#}", pieces.collect::<serde_json::Value>())
        } else {
            ids.iter().map(|id| format!("{id:>7} {}", piece(&*vocab, *id))).collect::<Vec<_>>().join("\n")
        };
        output::line(&shown)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn piece(vocab: &dyn Vocab, id: u32) -> String {
    shown(vocab.piece(id).map_or(&[][..], |piece| piece.bytes))
}

/// A token's bytes as text; what is no text, or would change a terminal, is escaped.
fn shown(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        shown += &output::plain(chunk.valid());
        for byte in chunk.invalid() {
            shown += &format!("\\x{byte:02X}");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_piece_that_is_no_text_is_shown_as_its_bytes() {
        assert_eq!(shown("\u{2581}é".as_bytes()), "\u{2581}é");
        assert_eq!(shown(b"a\xF0\x9Fb"), "a\\xF0\\x9Fb");
        assert_eq!(shown(b"\n\x1b"), "\\n\\u{1b}");
    }
}
