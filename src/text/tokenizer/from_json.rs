//! The vocabulary of a tokenizer.json (Hugging Face), through the `tokenizers` crate. Knows that format; no
//! GGUF.

use super::Tokenizer;
use super::data::{TokenKind, VocabularyData, VocabularyModel, invalid};
use super::hub::{Hub, guarded};
use super::model::Model;
use super::pieces::Pieces;
use super::specials::Finder;
use crate::error::Result;
use crate::pause::{Pauses, at_once};
use serde_json::Value;
use tokenizers::Tokenizer as HubTokenizer;

/// The most ids: a sparse vocabulary must not make a huge table.
const MAX_IDS: u32 = 1 << 24;

impl Tokenizer {
    /// The tokenizer of a tokenizer.json. `ends` are the end-of-generation ids that the model's configuration
    /// names (`eos_token_id`); those known by their text are added.
    ///
    /// BOS and EOS are what the file's post-processor puts around a text.
    ///
    /// # Errors
    /// `ModelInvalid` if the file is malformed, or an id is beyond the vocabulary.
    pub fn from_tokenizer_json(json: &[u8], ends: &[u32]) -> Result<Self> {
        let malformed = |e: &dyn std::fmt::Display| invalid(format!("tokenizer.json: {e}"));
        let parsing = guarded(|| HubTokenizer::from_bytes(json)).map_err(|e| malformed(&e))?;
        let raw: Value = serde_json::from_slice(json).map_err(|e| malformed(&e))?;
        let mut plain = parsing.clone();
        plain.set_encode_special_tokens(true);
        let around = guarded(|| parsing.encode_fast("", true)).map_err(|e| malformed(&e))?.get_ids().to_vec();
        let texts = texts(&parsing)?;
        let mut data = VocabularyData::new(model_of(&raw["decoder"]));
        data.tokens = texts.iter().map(String::as_str).collect();
        data.kinds = kinds(&parsing, &data);
        (data.bos, data.add_bos) = (around.first().copied(), Some(!around.is_empty()));
        data.eos = around.get(1..).and_then(|rest| rest.last()).copied();
        data.add_eos = Some(data.eos.is_some());
        let count = data.tokens.len();
        if let Some(id) = ends.iter().chain(&around).find(|id| **id as usize >= count) {
            return Err(invalid(format!(
                "tokenizer.json: token {id} is named, but the vocabulary has {count} tokens"
            )));
        }
        let mut pieces = at_once(Pieces::new(&data, &mut Pauses::none()))?;
        let mut end_ids = at_once(super::specials::end_ids(&data, &mut pieces, &mut Pauses::none()))?;
        end_ids.extend_from_slice(ends);
        end_ids.sort_unstable();
        end_ids.dedup();
        let model = Model::Hub(Box::new(Hub { parsing, plain }));
        let finders = at_once(Finder::both(&pieces, &data, &mut Pauses::none()))?;
        Ok(Self::assemble(&data, pieces, end_ids, model, finders))
    }
}

/// The texts of all ids; those that are not there are empty.
fn texts(hub: &HubTokenizer) -> Result<Vec<String>> {
    let vocabulary = hub.get_vocab(true);
    let highest = vocabulary.values().copied().max().unwrap_or(0);
    if vocabulary.is_empty() || highest >= MAX_IDS {
        let message = format!("tokenizer.json: {} tokens, the highest id is {highest}", vocabulary.len());
        return Err(invalid(message));
    }
    let mut texts = vec![String::new(); highest as usize + 1];
    for (text, id) in vocabulary {
        texts[id as usize] = text;
    }
    Ok(texts)
}

fn kinds(hub: &HubTokenizer, data: &VocabularyData<'_>) -> Vec<TokenKind> {
    let byte = |text: &str| data.model == VocabularyModel::Spm && super::pieces::parse_byte(text).is_some();
    let normal = |text: &&str| if byte(text) { TokenKind::Byte } else { TokenKind::Normal };
    let mut kinds: Vec<TokenKind> = data.tokens.iter().map(normal).collect();
    for (id, token) in hub.get_added_tokens_decoder() {
        if let Some(kind) = kinds.get_mut(id as usize) {
            *kind = if token.special { TokenKind::Control } else { TokenKind::UserDefined };
        }
    }
    kinds
}

/// How tokens are written: in GPT-2's alphabet of bytes, or with U+2581 for spaces.
fn model_of(decoder: &Value) -> VocabularyModel {
    let named = |decoder: &Value| decoder["type"] == "ByteLevel";
    let steps = decoder["decoders"].as_array().map(Vec::as_slice).unwrap_or_default();
    if named(decoder) || steps.iter().any(named) { VocabularyModel::Bpe } else { VocabularyModel::Spm }
}
