//! The vocabulary in a GGUF file's metadata. Knows the keys; not how text becomes tokens.

use super::data::{TokenKind, VocabularyData, VocabularyModel, gather, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Array, Metadata, Strs};
use crate::pause::{Pauses, at_once};

impl<'a> VocabularyData<'a> {
    /// The vocabulary that `metadata` holds (keys `tokenizer.ggml.…`).
    ///
    /// # Errors
    /// `Unsupported` for a tokenizer that is neither byte-level BPE nor SentencePiece; `ModelInvalid` if a
    /// key is missing or of the wrong type.
    pub fn from_gguf(metadata: &'a Metadata) -> Result<Self> {
        at_once(Self::from_gguf_in_pieces(metadata, &mut Pauses::none()))
    }

    /// As [`from_gguf`](Self::from_gguf), for those who have other things to do meanwhile.
    ///
    /// # Errors
    /// As [`from_gguf`](Self::from_gguf)'s; what stops `pauses`.
    pub async fn from_gguf_in_pieces(metadata: &'a Metadata, pauses: &mut Pauses<'_>) -> Result<Self> {
        let model = match metadata.require::<&str>("tokenizer.ggml.model")? {
            "gpt2" => VocabularyModel::Bpe,
            "llama" => VocabularyModel::Spm,
            other => {
                let message = format!(
                    "the tokenizer {other:.64?} is not supported; known are gpt2 (BPE) and llama (SentencePiece)"
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        };
        let mut data = Self::new(model);
        data.tokens = gather(metadata.require::<Strs>("tokenizer.ggml.tokens")?, pauses).await?;
        let kinds = integers(metadata, "tokenizer.ggml.token_type", pauses).await?;
        data.kinds = gather(kinds.into_iter().map(TokenKind::from_gguf), pauses).await?;
        match model {
            VocabularyModel::Bpe => {
                data.merges = gather(metadata.require::<Strs>("tokenizer.ggml.merges")?, pauses).await?;
                data.pre = metadata.find("tokenizer.ggml.pre")?.unwrap_or_default();
            }
            VocabularyModel::Spm => {
                data.scores = scores(metadata, pauses).await?;
                if data.scores.is_empty() {
                    data.notes.push(format!("metadata key {SCORES:?} is missing: all scores are 0"));
                }
                (data.bos, data.eos, data.unk) = (Some(1), Some(2), Some(0));
            }
        }
        data.read_ids(metadata)?;
        data.compare_size(metadata)?;
        data.add_bos = metadata.find("tokenizer.ggml.add_bos_token")?;
        data.add_eos = metadata.find("tokenizer.ggml.add_eos_token")?;
        data.add_space_prefix = metadata.find("tokenizer.ggml.add_space_prefix")?;
        let name = metadata.find::<&str>("general.name")?.unwrap_or_default().to_ascii_lowercase();
        data.strip_after_special = name.contains("phi-3") || name.contains("phi3");
        Ok(data)
    }

    /// Takes the ids that the file names; those beyond the vocabulary count as not named.
    fn read_ids(&mut self, metadata: &Metadata) -> Result<()> {
        let count = self.tokens.len();
        let [pad, repository, file] = &mut self.fim;
        let mut ids = [
            ("bos_token_id", &mut self.bos),
            ("eos_token_id", &mut self.eos),
            ("eot_token_id", &mut self.eot),
            ("eom_token_id", &mut self.eom),
            ("unknown_token_id", &mut self.unk),
            ("fim_pad_token_id", pad),
            ("fim_rep_token_id", repository),
            ("fim_sep_token_id", file),
        ];
        for (key, value) in metadata.iter() {
            let Some(name) = key.strip_prefix("tokenizer.ggml.").filter(|name| name.ends_with("_token_id"))
            else {
                continue;
            };
            let Some(number) = value.as_integer() else {
                return Err(invalid(format!("metadata key {key:.64?} is {value}, not a token's id")));
            };
            match u32::try_from(number).ok().filter(|id| (*id as usize) < count) {
                Some(id) => {
                    if let Some((_, slot)) = ids.iter_mut().find(|(known, _)| *known == name) {
                        **slot = Some(id);
                    }
                }
                None => self.notes.push(format!(
                    "metadata key {key:.64?} is {number}, the vocabulary has {count} tokens: it counts as not there"
                )),
            }
        }
        Ok(())
    }

    /// Notes a number of tokens that is not the vocabulary's.
    fn compare_size(&mut self, metadata: &Metadata) -> Result<()> {
        let Some(architecture) = metadata.find::<&str>("general.architecture")? else { return Ok(()) };
        let (key, count) = (format!("{architecture}.vocab_size"), self.tokens.len());
        if let Some(value) = metadata.get(&key).filter(|value| value.as_integer() != Some(count as i128)) {
            self.notes.push(format!("metadata key {key:.64?} is {value}, the vocabulary has {count} tokens"));
        }
        Ok(())
    }
}

const SCORES: &str = "tokenizer.ggml.scores";

/// The model's own chat template, if its file has one.
///
/// # Errors
/// `ModelInvalid` if it is not a string.
pub fn chat_template(metadata: &Metadata) -> Result<Option<&str>> {
    metadata.find("tokenizer.chat_template")
}

async fn integers(metadata: &Metadata, key: &str, pauses: &mut Pauses<'_>) -> Result<Vec<i64>> {
    let Some(array) = metadata.find::<Array>(key)? else { return Ok(Vec::new()) };
    let Some(numbers) = array.integers() else {
        return Err(invalid(format!(
            "metadata key {key} is an array of {:?}, not of integers",
            array.kind()
        )));
    };
    gather(numbers.map(|number| i64::try_from(number).unwrap_or(0)), pauses).await
}

async fn scores(metadata: &Metadata, pauses: &mut Pauses<'_>) -> Result<Vec<f32>> {
    let Some(array) = metadata.find::<Array>(SCORES)? else { return Ok(Vec::new()) };
    if let Some(scores) = array.floats() {
        return gather(scores.map(|score| score as f32), pauses).await;
    }
    let scores = integers(metadata, SCORES, pauses).await?;
    gather(scores.into_iter().map(|score| score as f32), pauses).await
}
