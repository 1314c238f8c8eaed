//! The vocabulary of a model file as a tokenizer. Knows text and ids, no tensors.

mod bpe;
mod charsmap;
mod compose;
mod data;
mod from_gguf;
#[cfg(feature = "folders")]
mod from_json;
mod hash;
#[cfg(feature = "folders")]
mod hub;
mod merges;
mod model;
mod names;
mod pieces;
mod pre;
mod prompt;
mod specials;
mod spm;
mod trie;
mod unigram;
mod wordpiece;

#[cfg(test)]
mod tests;

pub use data::{TokenKind, VocabularyData, VocabularyModel};
pub use from_gguf::chat_template;
#[cfg(feature = "folders")]
pub use from_json::VocabularyFiles;
use model::{Encoding, Model};
use pieces::Pieces;
use prompt::Chat;
use specials::Finder;

use super::vocab::{InPieces, Piece, RenderInput, Rendered, Vocab};
use crate::error::{Error, ErrorKind, Result};
use crate::pause::{Pauses, at_once};

/// A vocabulary out of a model file, with its chat template: byte-level BPE, BPE of characters, WordPiece,
/// SentencePiece's BPE or its unigram model.
///
/// The code is our own, not the `tokenizers` crate's: it starts from ids instead of strings, so it is
/// there as soon as the file is read, and it cannot panic on a hostile one. Text becomes the ids that the
/// model's own tokenizer gives, which are llama.cpp's but for text that is not composed (NFC) and what
/// llama.cpp does otherwise than the original. Plain text never becomes a control token, nor an end of a
/// generation, unless a file names a token of text as one.
#[derive(Debug)]
pub struct Tokenizer {
    pieces: Pieces,
    model: Model,
    /// Finds what is one token in any text.
    user_defined: Finder,
    /// Finds control tokens too.
    special: Finder,
    bos: Option<u32>,
    eos: Option<u32>,
    adds_bos: bool,
    adds_eos: bool,
    strip_after_special: bool,
    /// White space before this one belongs to it.
    strip_before: Option<u32>,
    end_ids: Vec<u32>,
    /// Ids that no generation may say, ascending.
    suppressed: Vec<u32>,
    chat: Option<Chat>,
    notes: Vec<String>,
}

impl Tokenizer {
    /// Checks `data` and builds the tokenizer of it.
    ///
    /// # Errors
    /// `ModelInvalid` if the data is malformed, saying what and where; `Unsupported` for an unknown
    /// pre-tokenizer.
    pub fn new(data: &VocabularyData<'_>) -> Result<Self> {
        at_once(Self::new_in_pieces(data, &mut Pauses::none()))
    }

    /// As [`new`](Self::new), for those who have other things to do meanwhile. The patterns that cut text
    /// into words and that find special tokens are compiled in one piece each.
    ///
    /// # Errors
    /// As [`new`](Self::new)'s; what stops `pauses`.
    pub async fn new_in_pieces(data: &VocabularyData<'_>, pauses: &mut Pauses<'_>) -> Result<Self> {
        data.check()?;
        let mut notes = data.notes.clone();
        let mut pieces = Pieces::new(data, pauses).await?;
        let end_ids = specials::end_ids(data, &mut pieces, pauses).await?;
        let model = Model::new(data, &pieces, &end_ids, &mut notes, pauses).await?;
        let finders = Finder::both(&pieces, data, pauses).await?;
        Ok(Self { notes, ..Self::assemble(data, pieces, end_ids, model, finders) })
    }

    /// What is odd about the vocabulary, though it can be used: for the log.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Puts together what has been checked.
    fn assemble(
        data: &VocabularyData<'_>,
        pieces: Pieces,
        end_ids: Vec<u32>,
        model: Model,
        [user_defined, special]: [Finder; 2],
    ) -> Self {
        let (bos, eos) = (data.within(data.bos), data.within(data.eos));
        let strip_before = special.id_of(data.strip_before, &pieces);
        Self {
            user_defined,
            special,
            adds_bos: data.add_bos.unwrap_or(model.adds_bos()) && bos.is_some(),
            adds_eos: data.add_eos.unwrap_or(false) && eos.is_some(),
            bos,
            eos,
            strip_after_special: data.strip_after_special,
            strip_before,
            pieces,
            model,
            end_ids,
            suppressed: data.suppressed.clone(),
            chat: None,
            notes: Vec::new(),
        }
    }

    /// The same with this chat template: Jinja text, or the name of a built-in one ("chatml", "llama3", …).
    ///
    /// # Errors
    /// `Template` if it is malformed or over its limits.
    pub fn with_template(self, source: &str) -> Result<Self> {
        at_once(self.with_template_in_pieces(source, &mut Pauses::none()))
    }

    /// As [`with_template`](Self::with_template), for those who have other things to do meanwhile.
    ///
    /// # Errors
    /// As [`with_template`](Self::with_template)'s; what stops `pauses`.
    pub async fn with_template_in_pieces(mut self, source: &str, pauses: &mut Pauses<'_>) -> Result<Self> {
        self.chat = Some(Chat::new(source, &self.pieces, [self.bos, self.eos], pauses).await?);
        Ok(self)
    }

    /// Whether spaces after `id` belong to it (Phi-3: all control tokens but these three,
    /// `llama_vocab::impl::load`).
    fn strips_after(&self, id: u32) -> bool {
        let kept = || matches!(self.pieces.text(Some(id)), "<unk>" | "<s>" | "<|endoftext|>");
        self.strip_after_special && self.pieces.kind(id) != Some(TokenKind::Normal) && !kept()
    }

    /// Appends the ids of `text`; the texts of control tokens count as such if `parse_special`.
    async fn encode_part(
        &self,
        text: &str,
        parse_special: bool,
        encoding: &mut Encoding,
        out: &mut Vec<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        #[cfg(feature = "folders")]
        if let Model::Hub(hub) = &self.model {
            return hub.encode(text, parse_special, out);
        }
        let finder = if parse_special { &self.special } else { &self.user_defined };
        let (mut done, mut from) = (0, 0);
        while let Some(found) = finder.find_from(text, from, pauses).await? {
            from = found.end;
            if found.start < done {
                continue;
            }
            let before = &text[done..found.start];
            let before = if Some(found.id) == self.strip_before { before.trim_end() } else { before };
            self.model.encode(&self.pieces, before, encoding, out, pauses).await?;
            done = found.end + self.push_special(found.id, &text[found.end..], encoding, out);
        }
        self.model.encode(&self.pieces, &text[done..], encoding, out, pauses).await
    }

    /// Appends a token that is not text; returns how many bytes of what follows belong to it.
    fn push_special(&self, id: u32, after: &str, encoding: &mut Encoding, out: &mut Vec<u32>) -> usize {
        out.push(id);
        encoding.after_special = true;
        if self.strips_after(id) { after.len() - after.trim_ascii_start().len() } else { 0 }
    }

    /// [`Vocab::encode`], with pauses.
    async fn encode_all(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
        out: &mut Vec<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        check_length(text)?;
        let begins_with_bos =
            parse_special && self.special.at_start(text).is_some_and(|found| Some(found.id) == self.bos);
        if add_special && self.adds_bos && !begins_with_bos {
            out.extend(self.bos);
        }
        let mut encoding = Encoding::new(true);
        self.encode_part(text, parse_special, &mut encoding, out, pauses).await?;
        if add_special && self.adds_eos {
            out.extend(self.eos);
        }
        Ok(())
    }

    /// [`Vocab::append_in_pieces`].
    async fn append(
        &self,
        text: &str,
        parse_special: bool,
        out: &mut Vec<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        check_length(text)?;
        let special = out.last().copied().filter(|id| !self.is_running_text(*id));
        let after_special = out.is_empty() || special.is_some();
        let text = match special {
            Some(id) if self.strips_after(id) => text.trim_ascii_start(),
            _ => text,
        };
        let mut encoding = Encoding::new(after_special);
        self.encode_part(text, parse_special, &mut encoding, out, pauses).await
    }

    /// Whether text goes on behind this token. The kinds alone do not tell: old files have none.
    fn is_running_text(&self, id: u32) -> bool {
        use TokenKind::{Byte, Normal, Unknown, Unused};
        matches!(self.pieces.kind(id), Some(Normal | Unused | Byte | Unknown))
            && Some(id) != self.bos
            && self.end_ids.binary_search(&id).is_err()
    }

    /// [`Vocab::render`], with pauses.
    async fn render_conversation(
        &self,
        input: &RenderInput<'_>,
        pauses: &mut Pauses<'_>,
    ) -> Result<Rendered> {
        match &self.chat {
            Some(chat) => chat.render(input, &self.pieces, &self.special, pauses).await,
            None => {
                let message = "the model has no chat template; give one, or the name of a built-in one such as \"chatml\"";
                Err(Error::new(ErrorKind::Template, message))
            }
        }
    }
}

/// Symbols and positions are 32 bits wide; a space may come before the text.
fn check_length(text: &str) -> Result<()> {
    if text.len() < (u32::MAX / 4) as usize {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Tokenizer,
        format!("a text of {} bytes; at most 1 GiB can be tokenized at once", text.len()),
    ))
}

impl Vocab for Tokenizer {
    fn len(&self) -> usize {
        self.pieces.len()
    }

    fn encode_in_pieces<'a>(
        &'a self,
        text: &'a str,
        add_special: bool,
        parse_special: bool,
        out: &'a mut Vec<u32>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        Box::pin(self.encode_all(text, add_special, parse_special, out, pauses))
    }

    fn append_in_pieces<'a>(
        &'a self,
        text: &'a str,
        parse_special: bool,
        out: &'a mut Vec<u32>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        Box::pin(self.append(text, parse_special, out, pauses))
    }

    fn piece(&self, id: u32) -> Option<Piece<'_>> {
        let special = self.pieces.kind(id)?.is_special();
        Some(Piece { bytes: self.pieces.get(id)?, special })
    }

    fn is_atom(&self, id: u32) -> bool {
        self.pieces.kind(id).is_some_and(|kind| kind.is_special() || kind == TokenKind::UserDefined)
    }

    fn bos(&self) -> Option<u32> {
        self.bos
    }

    fn adds_bos(&self) -> bool {
        self.adds_bos
    }

    fn end_ids(&self) -> &[u32] {
        &self.end_ids
    }

    fn suppressed(&self) -> &[u32] {
        &self.suppressed
    }

    fn longest_token(&self) -> usize {
        self.pieces.longest()
    }

    fn render_in_pieces<'a>(
        &'a self,
        input: &'a RenderInput<'_>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        Box::pin(self.render_conversation(input, pauses))
    }
}
