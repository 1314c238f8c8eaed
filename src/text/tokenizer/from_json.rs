//! The vocabulary of a folder: tokenizer.json (Hugging Face), through the `tokenizers` crate, and what the
//! files beside it say of its tokens. Knows these formats; no GGUF.

use super::Tokenizer;
use super::data::{TokenKind, VocabularyData, VocabularyModel, invalid};
use super::hub::{Hub, guarded};
use super::model::Model;
use super::pieces::Pieces;
use super::specials::Finder;
use crate::compute::on_own_stack;
use crate::error::Result;
use crate::pause::Pauses;
use serde_json::Value;
use tokenizers::Tokenizer as HubTokenizer;

/// The most ids: a sparse vocabulary must not make a huge table.
const MAX_IDS: u32 = 1 << 24;

/// Stack for JSON whose values lie in each other: serde_json goes 128 deep, `tokenizers` copies on its way.
const STACK: usize = 8 << 20;

/// What a folder's files say of its vocabulary, as they are; an empty file is none.
#[derive(Default)]
pub struct VocabularyFiles {
    /// `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// `tokenizer_config.json`: which tokens begin and end a text, and a chat template.
    pub config: Vec<u8>,
    /// `config.json`, and `generation_config.json`: what ends a generation.
    pub model: [Vec<u8>; 2],
    /// `chat_template.jinja`, which goes before the other one.
    pub template: Vec<u8>,
}

impl VocabularyFiles {
    /// The chat template, where there is one.
    ///
    /// # Errors
    /// `ModelInvalid`, naming the file, for one that is malformed.
    pub fn chat_template(&self) -> Result<Option<String>> {
        if !self.template.is_empty() {
            let text = String::from_utf8(self.template.clone());
            return text.map(Some).map_err(|e| invalid(format!("chat_template.jinja is no UTF-8: {e}")));
        }
        Ok(match parse(&self.config, "tokenizer_config.json")?["chat_template"].take() {
            Value::String(template) => Some(template),
            // Several, by name.
            Value::Array(mut list) => {
                let default = list.iter().position(|entry| entry["name"] == "default").unwrap_or(0);
                let entry = list.get_mut(default).map(|entry| entry["template"].take());
                entry.and_then(|template| template.as_str().map(str::to_owned))
            }
            _ => None,
        })
    }
}

impl Tokenizer {
    /// The tokenizer of a folder, of `rows` tokens where that is known: as many as the embedding has. Ids
    /// that the files lack are tokens without text; added tokens beyond are none (Gemma 3's stand for
    /// images).
    ///
    /// BOS and EOS are what the post-processor puts around a text, else what the configuration names. What
    /// ends a generation is what the files name, and what is known by its text.
    ///
    /// # Errors
    /// `ModelInvalid`, naming the file, if one is malformed, or an id is beyond the vocabulary; what stops
    /// `pauses`.
    pub async fn from_folder_in_pieces(
        files: &VocabularyFiles,
        rows: Option<usize>,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        let malformed = |e: &dyn std::fmt::Display| invalid(format!("tokenizer.json: {e}"));
        let json = &files.tokenizer;
        let mut parsing =
            on_own_stack(STACK, || guarded(|| HubTokenizer::from_bytes(json)).map_err(|e| malformed(&e)))?;
        // Nothing is cut or filled up: a text has the tokens that it has.
        parsing.with_padding(None);
        parsing.with_truncation(None).map_err(|e| malformed(&e))?;
        pauses.look_up().await?;
        let mut plain = parsing.clone();
        plain.set_encode_special_tokens(true);
        pauses.look_up().await?;
        // Of what was parsed: the file may have 256 MiB.
        let decoder = serde_json::to_value(parsing.get_decoder()).map_err(|e| malformed(&e))?;
        let around = guarded(|| parsing.encode_fast("", true)).map_err(|e| malformed(&e))?.get_ids().to_vec();
        let texts = texts(&parsing, rows)?;
        pauses.look_up().await?;
        let mut data = VocabularyData::new(model_of(&decoder));
        data.tokens = texts.iter().map(String::as_str).collect();
        data.kinds = kinds(&parsing, &data);
        let config = parse(&files.config, "tokenizer_config.json")?;
        let named = |field: &str| token(&parsing, &config[field]);
        data.bos = around.first().copied().or(named("bos_token"));
        let last = around.get(1..).and_then(|rest| rest.last()).copied();
        data.eos = last.or(named("eos_token"));
        (data.add_bos, data.add_eos) = (Some(!around.is_empty()), Some(last.is_some()));
        let mut ends: Vec<u32> = named("eos_token").into_iter().collect();
        for (json, name) in files.model.iter().zip(["config.json", "generation_config.json"]) {
            let model = parse(json, name)?;
            ends.extend(ids(&model["eos_token_id"], name)?);
            ends.extend(ids(&model["text_config"]["eos_token_id"], name)?);
            data.suppressed.extend(ids(&model["suppress_tokens"], name)?);
        }
        let count = data.tokens.len();
        let mut all = ends.iter().chain(&around).chain(&data.suppressed);
        if let Some(id) = all.find(|id| **id as usize >= count) {
            return Err(invalid(format!(
                "tokenizer.json: token {id} is named, but the vocabulary has {count} tokens"
            )));
        }
        data.suppressed.sort_unstable();
        data.suppressed.dedup();
        let mut pieces = Pieces::new(&data, pauses).await?;
        let mut end_ids = super::specials::end_ids(&data, &mut pieces, pauses).await?;
        end_ids.extend_from_slice(&ends);
        end_ids.sort_unstable();
        end_ids.dedup();
        let model = Model::Hub(Box::new(Hub { parsing, plain, count }));
        let finders = Finder::both(&pieces, &data, pauses).await?;
        Ok(Self::assemble(&data, pieces, end_ids, model, finders))
    }
}

/// The JSON of the file `name`; null of an empty one.
fn parse(json: &[u8], name: &str) -> Result<Value> {
    if json.is_empty() {
        return Ok(Value::Null);
    }
    on_own_stack(STACK, || Ok(serde_json::from_slice(json)))?
        .map_err(|e| invalid(format!("{name} is no JSON: {e}")))
}

/// The token that a configuration names: by its text, or by an object with it.
fn token(hub: &HubTokenizer, named: &Value) -> Option<u32> {
    hub.token_to_id(named.as_str().or(named["content"].as_str())?)
}

/// One id, a list of them, or null.
fn ids(named: &Value, file: &str) -> Result<Vec<u32>> {
    let list = match named {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let ids: Option<Vec<u32>> = list.iter().map(id).collect();
    ids.ok_or_else(|| {
        let shown: String = named.to_string().chars().take(64).collect();
        invalid(format!("{file}: {shown} is no token's id, nor a list of them"))
    })
}

/// The texts of all ids; those that are not there are empty.
fn texts(hub: &HubTokenizer, rows: Option<usize>) -> Result<Vec<String>> {
    let vocabulary = hub.get_vocab(true);
    let highest = vocabulary.values().copied().max().unwrap_or(0);
    if vocabulary.is_empty() || highest >= MAX_IDS {
        let message = format!("tokenizer.json: {} tokens, the highest id is {highest}", vocabulary.len());
        return Err(invalid(message));
    }
    let count = rows.unwrap_or(highest as usize + 1);
    let added = hub.get_added_tokens_decoder();
    let beyond = vocabulary.values().find(|id| **id as usize >= count && !added.contains_key(id));
    if let Some(id) = beyond {
        return Err(invalid(format!(
            "tokenizer.json: token {id} is beyond the embedding, which has {count} rows"
        )));
    }
    let mut texts = Vec::new();
    texts.try_reserve_exact(count)?;
    texts.resize(count, String::new());
    for (text, id) in vocabulary {
        if let Some(place) = texts.get_mut(id as usize) {
            *place = text;
        }
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
