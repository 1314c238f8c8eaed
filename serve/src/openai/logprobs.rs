//! Tokens with their logprobs, in the two forms that OpenAI has.

use serde_json::{Map, Value, json};
use wick::{Text, Vocab};

/// What stands for a probability of 0, which JSON has no logarithm of.
const LEAST: f32 = -9999.0;

fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { LEAST }
}

/// A token's bytes; none for an id that the vocabulary lacks.
fn bytes(vocab: &dyn Vocab, id: u32) -> &[u8] {
    vocab.piece(id).map_or(&[], |piece| piece.bytes)
}

/// A token as text; what is no whole character shows as U+FFFD.
fn name(vocab: &dyn Vocab, id: u32) -> String {
    String::from_utf8_lossy(bytes(vocab, id)).into_owned()
}

fn one(vocab: &dyn Vocab, id: u32, logprob: f32) -> Map<String, Value> {
    let mut token = Map::new();
    token.insert("token".to_owned(), name(vocab, id).into());
    token.insert("logprob".to_owned(), finite(logprob).into());
    token.insert("bytes".to_owned(), bytes(vocab, id).into());
    token
}

/// A chat completion's element of `content` for each text that has an id.
pub fn chat(vocab: &dyn Vocab, text: &Text) -> Option<Value> {
    let id = *text.tokens.last()?;
    let mut token = one(vocab, id, text.logprob);
    let likeliest = text.alternatives.iter().map(|other| one(vocab, other.token, other.logprob).into());
    token.insert("top_logprobs".to_owned(), likeliest.collect::<Vec<Value>>().into());
    Some(token.into())
}

/// A completion's `logprobs`: four lists, as long as there are tokens.
#[derive(Default)]
pub struct Lists {
    tokens: Vec<Value>,
    logprobs: Vec<Value>,
    likeliest: Vec<Value>,
    offsets: Vec<Value>,
    /// Characters of the text so far.
    offset: usize,
}

impl Lists {
    /// Behind those of `offset` characters.
    pub fn at(offset: usize) -> Self {
        Self { offset, ..Self::default() }
    }

    /// One more text.
    pub fn push(&mut self, vocab: &dyn Vocab, text: &Text) {
        if let Some(id) = text.tokens.last() {
            self.tokens.push(name(vocab, *id).into());
            self.logprobs.push(finite(text.logprob).into());
            let likeliest = text.alternatives.iter();
            let likeliest: Map<String, Value> =
                likeliest.map(|other| (name(vocab, other.token), finite(other.logprob).into())).collect();
            self.likeliest.push(likeliest.into());
            self.offsets.push(self.offset.into());
        }
        self.offset += text.text.chars().count();
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "tokens": self.tokens,
            "token_logprobs": self.logprobs,
            "top_logprobs": self.likeliest,
            "text_offset": self.offsets,
        })
    }
}
