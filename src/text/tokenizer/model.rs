//! How text without special tokens becomes ids, by the vocabulary's model. Knows no file.

use super::bpe::{Bpe, BpeScratch};
use super::charsmap::CharsMap;
use super::compose;
use super::data::{TokenKind, VocabularyData, VocabularyModel};
#[cfg(feature = "folders")]
use super::hub::Hub;
use super::pieces::{self, Pieces, SPACE_MARK};
use super::pre::PreTokenizer;
use super::spm::{Spm, SpmScratch};
use super::trie::Trie;
use super::unigram::{Unigram, UnigramScratch};
use super::wordpiece::WordPiece;
use crate::error::Result;
use crate::pause::Pauses;

/// One of the models, with what it knows of the vocabulary.
#[derive(Debug)]
pub(super) enum Model {
    Bpe {
        bpe: Bpe,
        pre: PreTokenizer,
    },
    Spm {
        spm: Spm,
        space_prefix: bool,
    },
    WordPiece(WordPiece),
    Unigram(Unigram),
    #[cfg(feature = "folders")]
    Hub(Box<Hub>),
}

/// Buffers and state of one encoding.
#[derive(Default)]
pub(super) struct Encoding {
    bpe: BpeScratch,
    spm: SpmScratch,
    unigram: UnigramScratch,
    text: String,
    /// Whether a token that is not text, or nothing, comes before the next text.
    pub(super) after_special: bool,
}

impl Encoding {
    /// `after_special`: a token that is not text, or nothing, comes before the text.
    pub(super) fn new(after_special: bool) -> Self {
        Self { after_special, ..Self::default() }
    }
}

impl Model {
    /// The model that `data` names; `ends` are the ids that end a generation. What is odd goes into `notes`.
    ///
    /// # Errors
    /// `ModelInvalid`, `Unsupported`, saying what and where; `OutOfMemory`; what stops `pauses`.
    pub(super) async fn new(
        data: &VocabularyData<'_>,
        pieces: &Pieces,
        ends: &[u32],
        notes: &mut Vec<String>,
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        Ok(match data.model {
            VocabularyModel::Bpe | VocabularyModel::Characters => {
                let pre = PreTokenizer::new(data.pre)?;
                let bpe = if data.model == VocabularyModel::Bpe {
                    Bpe::new(pieces, &data.merges, pre.whole, pauses).await?
                } else {
                    let bytes = byte_tokens(data, pauses).await?;
                    Bpe::of_characters(pieces, &data.merges, pre.whole, bytes, pauses).await?
                };
                if bpe.strangers() > 0 {
                    notes.push(format!("merges are of {} texts that are no tokens", bpe.strangers()));
                }
                Self::Bpe { bpe, pre }
            }
            VocabularyModel::Spm => {
                let is_unknown =
                    |id: &u32| pieces.kind(*id) == Some(TokenKind::Unknown) && !ends.contains(id);
                let unknown = data.within(data.unk).filter(is_unknown);
                let spm = Spm::new(data.scores.clone(), byte_tokens(data, pauses).await?, unknown);
                Self::Spm { spm, space_prefix: data.add_space_prefix.unwrap_or(true) }
            }
            VocabularyModel::WordPiece => {
                let (trie, unknown) = (Trie::new(pieces, pauses).await?, unknown(data, pieces, ends));
                Self::WordPiece(WordPiece::new(trie, unknown, data.lowercase, data.strip_accents)?)
            }
            VocabularyModel::Unigram => Self::Unigram(Unigram {
                trie: Trie::new(pieces, pauses).await?,
                unknown: unknown(data, pieces, ends),
                lowest: lowest(data, pieces, pauses).await?,
                scores: scores(data, pauses).await?,
                map: CharsMap::new(&data.charsmap)?,
                space_prefix: data.add_space_prefix.unwrap_or(false),
                fewer_spaces: data.fewer_spaces,
            }),
        })
    }

    /// Whether texts get BOS where the file does not say.
    pub(super) fn adds_bos(&self) -> bool {
        match self {
            Self::Bpe { pre, .. } => pre.adds_bos,
            Self::Spm { .. } => true,
            _ => false,
        }
    }

    /// Appends the ids of text without special tokens.
    ///
    /// # Errors
    /// `Tokenizer` for a text that cannot be tokenized; `OutOfMemory`; what stops `pauses`.
    pub(super) async fn encode(
        &self,
        pieces: &Pieces,
        text: &str,
        encoding: &mut Encoding,
        out: &mut Vec<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let at_start = std::mem::take(&mut encoding.after_special);
        match self {
            Self::Bpe { bpe, pre } => {
                let mut composed = std::mem::take(&mut encoding.text);
                let differs =
                    pre.composes && !text.is_ascii() && compose::compose(text, &mut composed, pauses).await?;
                for word in pre.split(if differs { &composed } else { text }) {
                    let scratch = &mut encoding.bpe;
                    if !bpe.encode_short(pieces, word, scratch, out)? {
                        bpe.encode(pieces, word, scratch, out, pauses).await?;
                    } else if pauses.is_due(word.len()) {
                        pauses.look_up().await?;
                    }
                }
                encoding.text = composed;
                Ok(())
            }
            Self::Spm { spm, space_prefix } => {
                encoding.text.clear();
                encoding.text.try_reserve(text.len() + 1)?;
                encoding.text.extend((*space_prefix && at_start).then_some(' '));
                // SentencePiece does not tell its mark from a space.
                for (number, part) in text.split(SPACE_MARK).enumerate() {
                    if number > 0 {
                        encoding.text.push(' ');
                    }
                    encoding.text.push_str(part);
                }
                spm.encode(pieces, &encoding.text, &mut encoding.spm, out, pauses).await
            }
            Self::WordPiece(words) => words.encode(text, out, pauses).await,
            Self::Unigram(unigram) => {
                unigram.encode(text, at_start, &mut encoding.unigram, out, pauses).await
            }
            #[cfg(feature = "folders")]
            Self::Hub(_) => Ok(()),
        }
    }
}

/// The token of what a WordPiece or unigram vocabulary lacks, unless plain text must not become it. BERT's is
/// a control token.
fn unknown(data: &VocabularyData<'_>, pieces: &Pieces, ends: &[u32]) -> Option<u32> {
    let is_fit = |id: &u32| {
        let id = Some(*id);
        id.is_some_and(|id| pieces.kind(id).is_some_and(TokenKind::is_special) && !ends.contains(&id))
            && id != data.bos
            && id != data.eos
    };
    data.within(data.unk).filter(is_fit)
}

/// The scores of a unigram vocabulary; a user-defined token costs nothing.
async fn scores(data: &VocabularyData<'_>, pauses: &mut Pauses<'_>) -> Result<Vec<f32>> {
    let mut scores = data.scores.clone();
    for (id, score) in scores.iter_mut().enumerate() {
        if data.kind(id) == TokenKind::UserDefined {
            *score = 0.0;
        }
        pauses.after(1).await?;
    }
    Ok(scores)
}

/// The lowest score of a normal token.
async fn lowest(data: &VocabularyData<'_>, pieces: &Pieces, pauses: &mut Pauses<'_>) -> Result<f32> {
    let mut lowest = f32::INFINITY;
    for (id, &score) in (0..pieces.len() as u32).zip(&data.scores) {
        if data.kind(id as usize) == TokenKind::Normal {
            lowest = lowest.min(score);
        }
        pauses.after(1).await?;
    }
    Ok(if lowest.is_finite() { lowest } else { 0.0 })
}

/// The token of each byte: `<0x0A>`, else the byte as it is (as `llama_vocab::byte_to_token`).
async fn byte_tokens(data: &VocabularyData<'_>, pauses: &mut Pauses<'_>) -> Result<Box<[Option<u32>; 256]>> {
    let mut bytes = Box::new([None; 256]);
    let mut plain = [None; 256];
    for (id, token) in (0u32..).zip(&data.tokens) {
        if let (TokenKind::Byte, Some(byte)) = (data.kind(id as usize), pieces::parse_byte(token)) {
            bytes[usize::from(byte)] = Some(id);
        } else if let [byte] = token.as_bytes() {
            plain[usize::from(*byte)] = Some(id);
        }
        if pauses.is_due(1) {
            pauses.look_up().await?;
        }
    }
    for (byte, plain) in bytes.iter_mut().zip(plain) {
        *byte = byte.or(plain);
    }
    Ok(bytes)
}
