//! What a vocabulary is made of, as plain data out of a model file, and the checks it has to pass. Knows no
//! file format.

use crate::error::{Error, ErrorKind, Result};
use crate::pause::Pauses;

/// Tokens that are gone through between two pauses.
pub(super) const AT_ONCE: usize = 256;

/// How text becomes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VocabularyModel {
    /// Byte-level byte-pair encoding (GPT-2): tokens are written in GPT-2's alphabet of bytes, merges are
    /// ranked.
    Bpe,
    /// SentencePiece's BPE: spaces are written as U+2581, merges are scored by their result.
    Spm,
    /// Byte-pair encoding of characters (Gemma 4): spaces are written as U+2581, merges are ranked, and what
    /// is no token becomes the tokens of its bytes.
    Characters,
    /// WordPiece (BERT): the longest tokens of each word, from left to right. Tokens that begin a word are
    /// written with U+2581, those inside of one without.
    WordPiece,
    /// SentencePiece's unigram model (T5): the tokens whose scores are the most in all. Spaces are written as
    /// U+2581.
    Unigram,
}

/// What a token is for; the numbers are GGUF's `tokenizer.ggml.token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TokenKind {
    /// Part of running text.
    Normal = 1,
    /// Stands for what the vocabulary lacks.
    Unknown = 2,
    /// Structure (begin, end, roles); never comes out of plain text.
    Control = 3,
    /// Text that is always one token.
    UserDefined = 4,
    /// Reserved.
    Unused = 5,
    /// One byte, written as `<0x0A>`.
    Byte = 6,
}

impl TokenKind {
    /// GGUF's number; an unknown one counts as a normal token.
    pub fn from_gguf(number: i64) -> Self {
        match number {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Normal,
        }
    }

    /// Gives no text unless special tokens are echoed, and is found in text only where control tokens are
    /// parsed.
    pub(super) fn is_special(self) -> bool {
        matches!(self, Self::Unknown | Self::Control)
    }
}

/// A vocabulary as plain data. Not checked until a tokenizer is built of it.
#[derive(Debug, Clone)]
pub struct VocabularyData<'a> {
    /// How text becomes tokens.
    pub model: VocabularyModel,
    /// The texts of ids `0..n`, as the file writes them.
    pub tokens: Vec<&'a str>,
    /// `(n)`; empty: all normal.
    pub kinds: Vec<TokenKind>,
    /// `(n)`; SPM: the higher, the earlier a merge; unigram: logarithms of probabilities. Empty: all 0.
    pub scores: Vec<f32>,
    /// BPE, of bytes or of characters: "left right", first is merged first.
    pub merges: Vec<&'a str>,
    /// BPE, of bytes or of characters: the name of the pre-tokenizer (`tokenizer.ggml.pre`); empty:
    /// "default".
    pub pre: &'a str,
    /// Begins a text. This id, and those that follow, count as absent where they are beyond the vocabulary.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Ends a turn.
    pub eot: Option<u32>,
    /// Ends a message that waits for a tool.
    pub eom: Option<u32>,
    /// Stand between, or pad, the files of a repository: they end a generation too.
    pub fim: [Option<u32>; 3],
    /// SPM, WordPiece, unigram: stands for what the vocabulary lacks.
    pub unk: Option<u32>,
    /// Whether texts get BOS; `None`: what the model or the pre-tokenizer does by default.
    pub add_bos: Option<bool>,
    /// Whether texts get EOS; `None`: no.
    pub add_eos: Option<bool>,
    /// SPM and unigram: whether a text gets a space before it; `None`: with SPM.
    pub add_space_prefix: Option<bool>,
    /// Unigram: of spaces in a row one is left, and none at the ends of a text.
    pub fewer_spaces: bool,
    /// Unigram: what characters become first (SentencePiece's `precompiled_charsmap`); empty: they stay.
    pub charsmap: Vec<u8>,
    /// WordPiece: whether text becomes lower case.
    pub lowercase: bool,
    /// WordPiece: whether accents are left out; `None`: where text becomes lower case.
    pub strip_accents: Option<bool>,
    /// The text of a special token that white space before it belongs to; empty: none.
    pub strip_before: &'static str,
    /// Whether spaces after a control token belong to it (Phi-3; the file does not say, its name does).
    pub strip_after_special: bool,
    /// Tokens that no generation may say, ascending; all are of the vocabulary.
    pub suppressed: Vec<u32>,
    /// What is odd about the file, though it can be used: for the log.
    pub notes: Vec<String>,
}

impl<'a> VocabularyData<'a> {
    /// A vocabulary with nothing in it.
    pub fn new(model: VocabularyModel) -> Self {
        Self {
            model,
            tokens: Vec::new(),
            kinds: Vec::new(),
            scores: Vec::new(),
            merges: Vec::new(),
            pre: "",
            bos: None,
            eos: None,
            eot: None,
            eom: None,
            fim: [None; 3],
            unk: None,
            add_bos: None,
            add_eos: None,
            add_space_prefix: None,
            fewer_spaces: false,
            charsmap: Vec::new(),
            lowercase: true,
            strip_accents: None,
            strip_before: "",
            strip_after_special: false,
            suppressed: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A special id, unless it is beyond the vocabulary.
    pub(super) fn within(&self, id: Option<u32>) -> Option<u32> {
        id.filter(|id| (*id as usize) < self.tokens.len())
    }

    /// The kind of token `id`.
    pub(super) fn kind(&self, id: usize) -> TokenKind {
        self.kinds.get(id).copied().unwrap_or(TokenKind::Normal)
    }

    /// Checks lengths and scores; texts are checked where they are indexed.
    pub(super) fn check(&self) -> Result<()> {
        let count = self.tokens.len();
        if count == 0 || count > 1 << 24 {
            return Err(invalid(format!("the vocabulary has {count} tokens; 1 to 16777216 are possible")));
        }
        if !self.kinds.is_empty() && self.kinds.len() < count {
            return Err(invalid(format!("{} token types for {count} tokens", self.kinds.len())));
        }
        if matches!(self.model, VocabularyModel::Spm | VocabularyModel::Unigram) {
            if !self.scores.is_empty() && self.scores.len() < count {
                return Err(invalid(format!("{} token scores for {count} tokens", self.scores.len())));
            }
            if let Some(id) = self.scores.iter().position(|score| score.is_nan()) {
                return Err(invalid(format!("the score of token {id} is NaN")));
            }
        }
        if self.merges.len() > u32::MAX as usize {
            return Err(invalid(format!("{} merges", self.merges.len())));
        }
        Ok(())
    }
}

/// All of `items`, as many as a file says there are.
///
/// # Errors
/// `OutOfMemory`.
pub(super) async fn gather<T>(
    items: impl ExactSizeIterator<Item = T>,
    pauses: &mut Pauses<'_>,
) -> Result<Vec<T>> {
    let (mut items, mut all) = (items.fuse(), Vec::new());
    all.try_reserve_exact(items.len())?;
    loop {
        let before = all.len();
        all.extend(items.by_ref().take(AT_ONCE));
        if all.len() == before {
            return Ok(all);
        }
        pauses.after(all.len() - before).await?;
    }
}

/// A malformed vocabulary.
pub(super) fn invalid(message: String) -> Error {
    Error::new(ErrorKind::ModelInvalid, message)
}
