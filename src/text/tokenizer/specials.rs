//! Which tokens are special: what ends a generation, and where special texts are found in a prompt. Knows no
//! merging.

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Input, Match, MatchKind};

use super::data::{TokenKind, VocabularyData, invalid};
use super::pieces::{Pieces, TOKEN_UNITS};
use crate::error::{Error, ErrorKind, Result};
use crate::pause::Pauses;

/// Texts that end a turn or a generation in some model family, or stand between the files of a repository,
/// where no answer goes on (`special_eog_ids` in `llama_vocab::impl::load`, llama.cpp).
const END_TEXTS: [&str; 33] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
];

/// Whether a text is no language's: files of Phi-3's time have such tokens as normal ones.
fn is_markup(text: &str) -> bool {
    text.starts_with("<|") || text.ends_with("|>")
}

/// The end-of-generation ids, ascending: those that the file names, and tokens of certain texts where the
/// file says that they are structure. `</s>` is an HTML tag in Gemma's vocabularies, and text in Qwen's. Ends
/// become control tokens, but for a normal token that only the file names: it may be text as well, such as a
/// newline.
pub(super) async fn end_ids(
    data: &VocabularyData<'_>,
    pieces: &mut Pieces,
    pauses: &mut Pauses<'_>,
) -> Result<Vec<u32>> {
    let named = [data.eos, data.eot, data.eom].into_iter().chain(data.fim).flatten();
    let mut ids: Vec<u32> = named.filter(|id| pieces.kind(*id).is_some()).collect();
    for &id in &ids {
        if pieces.kind(id) == Some(TokenKind::UserDefined) {
            pieces.set_kind(id, TokenKind::Control);
        }
    }
    let mut found = [None; END_TEXTS.len()];
    for (id, token) in (0u32..).zip(&data.tokens) {
        if pauses.is_due(TOKEN_UNITS) {
            pauses.look_up().await?;
        }
        let Some(at) = END_TEXTS.iter().position(|text| text == token) else { continue };
        let is_structure = pieces.kind(id).is_some_and(TokenKind::is_special);
        if is_structure || is_markup(token) || ids.contains(&id) {
            found[at] = Some(id);
            ids.push(id);
            pieces.set_kind(id, TokenKind::Control);
        }
    }
    let id_of = |text: &str| END_TEXTS.iter().position(|end| *end == text).and_then(|at| found[at]);
    let calls = id_of("<|call|>").or(id_of("<|calls|>")).is_some();
    if calls && (id_of("<|return|>").is_some() || id_of("<|flush|>").is_some()) {
        // gpt-oss and Solar end a message with <|end|>, not the generation.
        ids.retain(|id| Some(*id) != id_of("<|end|>"));
    }
    if id_of("<|tool_response>").is_some() {
        // Gemma 4 has </s> as a token of text (HTML).
        ids.retain(|id| Some(*id) != id_of("</s>"));
        if let Some(id) = id_of("</s>") {
            pieces.set_kind(id, TokenKind::Normal);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Bytes of a special token at most (real ones: 31), and of all of them (a speech model's 65,536 sounds: 750
/// KiB). An automaton takes some 60 times as much while it is made, and its memory is neither counted nor
/// refused.
const MAX_BYTES: usize = 256;
const MAX_BYTES_IN_ALL: usize = 2 << 20;

/// Bytes that are searched at least between two pauses.
const WINDOW: usize = 16 << 10;

/// Searching is that much quicker than a unit of work a byte.
const BYTES_IN_A_UNIT: usize = 8;

/// Finds the texts of special tokens: leftmost, of those the longest.
#[derive(Debug, Clone)]
pub(super) struct Finder {
    automaton: Option<NFA>,
    /// By the automaton's pattern.
    ids: Vec<u32>,
}

/// A special token's text in a prompt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) id: u32,
}

impl Finder {
    /// One for what is one token in any text, and one for control tokens too.
    ///
    /// # Errors
    /// `ModelInvalid` if a special token, or all of them, are longer than any model's.
    pub(super) async fn both(
        pieces: &Pieces,
        data: &VocabularyData<'_>,
        pauses: &mut Pauses<'_>,
    ) -> Result<[Self; 2]> {
        check_lengths(pieces, data, pauses).await?;
        pauses.look_up().await?;
        let user_defined = Self::new(pieces, |kind| kind == TokenKind::UserDefined)?;
        pauses.look_up().await?;
        Ok([user_defined, Self::new(pieces, is_found)?])
    }

    /// Finds the tokens of the kinds that `wanted` names.
    fn new(pieces: &Pieces, wanted: impl Fn(TokenKind) -> bool) -> Result<Self> {
        let ids: Vec<u32> =
            pieces.of_kinds(wanted).filter(|id| pieces.get(*id).is_some_and(|p| !p.is_empty())).collect();
        if ids.is_empty() {
            return Ok(Self { automaton: None, ids });
        }
        let automaton = NFA::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(ids.iter().map(|id| pieces.get(*id).unwrap_or_default()))
            .map_err(|e| Error::new(ErrorKind::Tokenizer, format!("the special tokens: {e}")))?;
        Ok(Self { automaton: Some(automaton), ids })
    }

    /// Bytes of the longest text.
    pub(super) fn longest(&self) -> usize {
        self.automaton.as_ref().map_or(0, Automaton::max_pattern_len)
    }

    /// The first place at or behind `from`.
    pub(super) async fn find_from(
        &self,
        text: &str,
        mut from: usize,
        pauses: &mut Pauses<'_>,
    ) -> Result<Option<Found>> {
        let Some(automaton) = &self.automaton else { return Ok(None) };
        let longest = automaton.max_pattern_len();
        while from < text.len() {
            // What begins in these bytes is found whole.
            let until = from + WINDOW.min(text.len() - from);
            let end = until + longest.min(text.len() - until);
            let found = find(automaton, text, from..end).filter(|found| found.start() < until);
            // A match is looked at for a longer one behind its end.
            let seen = found.map_or(until, |found| end.min(found.end() + longest));
            if pauses.is_due(1 + (seen - from) / BYTES_IN_A_UNIT) {
                pauses.look_up().await?;
            }
            if let Some(found) = found.and_then(|found| self.found(found)) {
                return Ok(Some(found));
            }
            from = until;
        }
        Ok(None)
    }

    /// The token that has this text.
    pub(super) fn id_of(&self, text: &str, pieces: &Pieces) -> Option<u32> {
        self.ids.iter().copied().find(|id| pieces.get(*id) == Some(text.as_bytes()))
    }

    /// What `text` begins with.
    pub(super) fn at_start(&self, text: &str) -> Option<Found> {
        let automaton = self.automaton.as_ref()?;
        let end = automaton.max_pattern_len().min(text.len());
        self.found(find(automaton, text, 0..end)?).filter(|found| found.start == 0)
    }

    fn found(&self, found: Match) -> Option<Found> {
        let id = *self.ids.get(found.pattern().as_usize())?;
        Some(Found { start: found.start(), end: found.end(), id })
    }
}

/// The first of the automaton's texts within `range`.
fn find(automaton: &NFA, text: &str, range: std::ops::Range<usize>) -> Option<Match> {
    // It fails only where a search is anchored, which this one is not.
    automaton.try_find(&Input::new(text).range(range)).ok().flatten()
}

/// Whether `kind` is found by its text, in any text or where control tokens are parsed.
fn is_found(kind: TokenKind) -> bool {
    kind == TokenKind::UserDefined || kind.is_special()
}

async fn check_lengths(pieces: &Pieces, data: &VocabularyData<'_>, pauses: &mut Pauses<'_>) -> Result<()> {
    let mut total = 0;
    // Templates are given BOS and EOS whatever their kinds.
    for id in pieces.of_kinds(is_found).chain(data.bos).chain(data.eos) {
        let bytes = pieces.get(id).map_or(0, <[u8]>::len);
        if bytes > MAX_BYTES {
            return Err(invalid(format!(
                "token {id} is a special one of {bytes} bytes; at most {MAX_BYTES} are possible"
            )));
        }
        total += bytes;
        if total > MAX_BYTES_IN_ALL {
            return Err(invalid(format!(
                "the special tokens up to token {id} take {total} bytes; at most {MAX_BYTES_IN_ALL} are possible"
            )));
        }
        if pauses.is_due(1) {
            pauses.look_up().await?;
        }
    }
    Ok(())
}
