//! A model's vocabulary as grammars see it: a trie over the bytes of its tokens, made once a model. Knows no
//! grammar.

use super::ledger::{Ledger, Part};
use super::limits::said;
use crate::error::{Error, ErrorKind, Result};
use crate::pause::Pauses;
use crate::pause::at_once;
use crate::text::Vocab;
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};
use std::sync::Arc;

/// Bytes of a token at most: longer ones are not allowed by any grammar.
const LONGEST: usize = 512;

/// Tries that are made of a vocabulary: one of all tokens, and for its slices 14; as many whole ones are
/// about as large.
const TRIES: usize = 15;
const WHOLE: usize = 6;

/// Tokens at most: the trie has 24 bits for an id.
const MOST: usize = 0xff_fffe;

/// A vocabulary for grammars.
pub(super) struct Lexicon {
    vocab: Arc<dyn Vocab>,
    env: TokEnv,
    slicer: Arc<SlicedBiasComputer>,
    _memory: Part,
}

/// What llguidance is shown of it.
struct Env(TokTrie);

impl TokenizerEnv for Env {
    fn tok_trie(&self) -> &TokTrie {
        &self.0
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.0.greedy_tokenize(bytes)
    }

    fn tokenize_is_canonical(&self) -> bool {
        false
    }
}

impl Lexicon {
    /// Of `vocab`, in one piece.
    ///
    /// # Errors
    /// `Unsupported` for a vocabulary without tokens, or with too many; `OutOfMemory`.
    pub(super) fn new(vocab: Arc<dyn Vocab>, ledger: &Ledger) -> Result<Self> {
        let count = vocab.len();
        if count == 0 || count > MOST {
            let why = format!("grammars take a vocabulary of 1 to {MOST} tokens; this one has {count}");
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let mut words = Vec::new();
        words.try_reserve_exact(count)?;
        words.extend((0..count as u32).map(|id| word(&*vocab, id)));
        let text: usize = words.iter().map(Vec::len).sum();
        // A node is a byte of a token at most.
        let mut memory = ledger.take("the vocabulary for grammars", bytes(count, text, text))?;
        let end = vocab.end_ids().first().copied().unwrap_or(0);
        let env: TokEnv = Arc::new(Env(TokTrie::from(&TokRxInfo::new(count as u32, end), &words)));
        let slicer = SlicedBiasComputer::new(&env, &SlicedBiasComputer::json_slices()).map_err(said)?;
        memory.resize(bytes(count, text, env.tok_trie().root().subtree_size()))?;
        Ok(Self { vocab, env, slicer: Arc::new(slicer), _memory: memory })
    }

    pub(super) fn env(&self) -> &TokEnv {
        &self.env
    }

    pub(super) fn trie(&self) -> &TokTrie {
        self.env.tok_trie()
    }

    pub(super) fn slicer(&self) -> &SlicedBiasComputer {
        &self.slicer
    }

    /// The tokens that end a generation.
    pub(super) fn ends(&self) -> &[u32] {
        self.vocab.end_ids()
    }

    /// The tokens of `bytes` behind the token `last`, as the model's own tokenizer writes them; `None` where
    /// it would write other bytes.
    pub(super) fn tokens(&self, last: Option<u32>, bytes: &[u8]) -> Option<Vec<u32>> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut tokens = Vec::from_iter(last);
        at_once(self.vocab.append_in_pieces(text, false, &mut tokens, &mut Pauses::none())).ok()?;
        let tokens = tokens.split_off(usize::from(last.is_some()));
        let trie = self.trie();
        let same = tokens.iter().flat_map(|id| trie.token(*id)).eq(bytes);
        same.then_some(tokens)
    }
}

/// Bytes that the tries over so many tokens take, that have `text` bytes together and `nodes` nodes in one
/// trie: 12 a token, and 8 a node, in a vector that may have grown to twice that.
fn bytes(tokens: usize, text: usize, nodes: usize) -> u64 {
    (TRIES * 12 * tokens + WHOLE * (text + 16 * nodes)) as u64
}

/// The bytes under which `id` is found; none: by nothing. What is no text has llguidance's mark in front.
fn word(vocab: &dyn Vocab, id: u32) -> Vec<u8> {
    let Some(piece) = vocab.piece(id) else { return Vec::new() };
    let mark = TokTrie::SPECIAL_TOKEN_MARKER;
    let never = piece.bytes.is_empty()
        || piece.bytes.len() > LONGEST
        || piece.bytes.contains(&mark)
        || vocab.suppressed().binary_search(&id).is_ok();
    if never {
        return Vec::new();
    }
    let special = piece.special || vocab.is_end(id);
    Vec::from_iter(special.then_some(mark).into_iter().chain(piece.bytes.iter().copied()))
}
