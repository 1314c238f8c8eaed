//! The vocabulary in a GGUF file's metadata. Knows the keys; not how text becomes tokens.

use super::data::{TokenKind, VocabularyData, VocabularyModel, gather, invalid};
use super::names;
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Array, Metadata, Strs};
use crate::pause::{Pauses, at_once};

impl<'a> VocabularyData<'a> {
    /// The vocabulary that `metadata` holds (keys `tokenizer.ggml.…`).
    ///
    /// # Errors
    /// `Unsupported` for a tokenizer that is not known, naming it; `ModelInvalid` if a key is missing or of
    /// the wrong type.
    pub fn from_gguf(metadata: &'a Metadata) -> Result<Self> {
        at_once(Self::from_gguf_in_pieces(metadata, &mut Pauses::none()))
    }

    /// As [`from_gguf`](Self::from_gguf), for those who have other things to do meanwhile.
    ///
    /// # Errors
    /// As [`from_gguf`](Self::from_gguf)'s; what stops `pauses`.
    pub async fn from_gguf_in_pieces(metadata: &'a Metadata, pauses: &mut Pauses<'_>) -> Result<Self> {
        let pre = metadata.find::<&str>("tokenizer.ggml.pre")?.unwrap_or_default();
        let model = model(metadata.require::<&str>("tokenizer.ggml.model")?, pre)?;
        let mut data = Self::new(model);
        data.tokens = gather(metadata.require::<Strs>("tokenizer.ggml.tokens")?, pauses).await?;
        let kinds = integers(metadata, "tokenizer.ggml.token_type", pauses).await?;
        data.kinds = gather(kinds.into_iter().map(TokenKind::from_gguf), pauses).await?;
        data.add_bos = metadata.find("tokenizer.ggml.add_bos_token")?;
        data.add_eos = metadata.find("tokenizer.ggml.add_eos_token")?;
        data.add_space_prefix = metadata.find("tokenizer.ggml.add_space_prefix")?;
        match model {
            VocabularyModel::Bpe | VocabularyModel::Characters => {
                data.read_merges(metadata, pre, pauses).await?
            }
            VocabularyModel::Spm | VocabularyModel::Unigram => data.read_scores(metadata, pauses).await?,
            VocabularyModel::WordPiece => {
                (data.bos, data.eos, data.unk) = (Some(101), Some(102), Some(100));
                (data.add_bos, data.add_eos) = (Some(true), Some(true));
                data.lowercase = metadata.find("tokenizer.ggml.normalizer.lowercase")?.unwrap_or(true);
                data.strip_accents = metadata.find("tokenizer.ggml.normalizer.strip_accents")?;
            }
        }
        data.read_ids(metadata)?;
        data.read_suppressed(metadata, pauses).await?;
        data.compare_size(metadata)?;
        data.strip_before = stripped(pre, metadata.find("general.architecture")?.unwrap_or_default());
        let name = metadata.find::<&str>("general.name")?.unwrap_or_default().to_ascii_lowercase();
        data.strip_after_special = name.contains("phi-3") || name.contains("phi3");
        Ok(data)
    }

    /// The merges, and the pre-tokenizer's name.
    async fn read_merges(
        &mut self,
        metadata: &'a Metadata,
        pre: &'a str,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        self.pre = pre;
        if metadata.require::<&str>("tokenizer.ggml.model")? == "gemma4" {
            // Files say false, and are meant to have it.
            (self.pre, self.add_bos) = ("gemma4", Some(true));
        }
        self.merges = match metadata.find::<Strs>("tokenizer.ggml.merges")? {
            // Its original has ranks of tokens, from which merges are made for most files.
            None if pre == "kimi-k2" => Vec::new(),
            None => gather(metadata.require::<Strs>("tokenizer.ggml.merges")?, pauses).await?,
            Some(merges) => gather(merges, pauses).await?,
        };
        Ok(())
    }

    /// The scores, and what else SentencePiece's models have.
    async fn read_scores(&mut self, metadata: &'a Metadata, pauses: &mut Pauses<'_>) -> Result<()> {
        self.scores = scores(metadata, pauses).await?;
        if self.scores.is_empty() {
            self.notes.push(format!("metadata key {SCORES:?} is missing: all scores are 0"));
        }
        if self.model == VocabularyModel::Spm {
            (self.bos, self.eos, self.unk) = (Some(1), Some(2), Some(0));
            return Ok(());
        }
        (self.eos, self.unk) = (Some(1), Some(2));
        self.add_eos = self.add_eos.or(Some(true));
        self.fewer_spaces = metadata.find("tokenizer.ggml.remove_extra_whitespaces")?.unwrap_or(false);
        let map = integers(metadata, "tokenizer.ggml.precompiled_charsmap", pauses).await?;
        self.charsmap = gather(map.into_iter().map(|byte| byte as u8), pauses).await?;
        Ok(())
    }

    /// Takes the ids that the file names; those beyond the vocabulary count as not named.
    fn read_ids(&mut self, metadata: &Metadata) -> Result<()> {
        let count = self.tokens.len();
        let is_wordpiece = self.model == VocabularyModel::WordPiece;
        let (mut first, mut last) = (None, None);
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
            ("cls_token_id", &mut first),
            // Spelled so by those who write files.
            ("seperator_token_id", &mut last),
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
        if is_wordpiece {
            // BERT's texts begin and end with these, whatever else the file calls so.
            (self.bos, self.eos) = (first.or(self.bos), last.or(Some(102)));
        }
        Ok(())
    }

    /// The tokens that are not to be generated.
    async fn read_suppressed(&mut self, metadata: &Metadata, pauses: &mut Pauses<'_>) -> Result<()> {
        const KEY: &str = "tokenizer.ggml.suppress_tokens";
        let (count, ids) = (self.tokens.len(), integers(metadata, KEY, pauses).await?);
        let all = ids.len();
        let mut known: Vec<u32> = Vec::new();
        known.try_reserve_exact(all)?;
        known.extend(
            ids.into_iter().filter_map(|id| u32::try_from(id).ok().filter(|id| (*id as usize) < count)),
        );
        if known.len() < all {
            let beyond = all - known.len();
            self.notes.push(format!(
                "metadata key {KEY:?} has {beyond} ids beyond the {count} tokens of the vocabulary"
            ));
        }
        known.sort_unstable();
        known.dedup();
        self.suppressed = known;
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

/// The model of these names.
fn model(model: &str, pre: &str) -> Result<VocabularyModel> {
    Ok(match model {
        "gemma4" => VocabularyModel::Characters,
        "gpt2" if names::OF_CHARACTERS.contains(&pre) => VocabularyModel::Characters,
        "gpt2" => VocabularyModel::Bpe,
        "llama" => VocabularyModel::Spm,
        "bert" => VocabularyModel::WordPiece,
        "t5" => VocabularyModel::Unigram,
        other => {
            let message = match other {
                "rwkv" | "plamo2" | "whitespace" | "hybriddna" => "has not been built yet",
                "none" | "no_vocab" => "means that the file has no vocabulary",
                _ => "is not supported",
            };
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the tokenizer {other:.64?} {message}; known are gpt2 (BPE), llama (SentencePiece), gemma4 (BPE of characters), bert (WordPiece) and t5 (unigram)"
                ),
            ));
        }
    })
}

/// The special token that white space before it belongs to (`"lstrip": true` in the tokenizer.json).
fn stripped(pre: &str, architecture: &str) -> &'static str {
    match (pre, architecture) {
        ("jina-v2-es" | "jina-v2-de" | "jina-v2-code" | "roberta-bpe", _)
        | (_, "nomic-bert-moe" | "jina-bert-v3") => "<mask>",
        ("modern-bert", _) => "[MASK]",
        _ => "",
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
