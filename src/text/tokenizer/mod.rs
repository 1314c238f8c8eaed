//! The vocabulary of a model file as a tokenizer. Knows text and ids, no tensors.

mod bpe;
mod compose;
mod data;
mod from_gguf;
#[cfg(feature = "folders")]
mod from_json;
#[cfg(feature = "folders")]
mod hub;
mod pieces;
mod pre;
mod prompt;
mod specials;
mod spm;

#[cfg(test)]
mod tests;

use bpe::{Bpe, BpeScratch};
pub use data::{TokenKind, VocabularyData, VocabularyModel};
pub use from_gguf::chat_template;
#[cfg(feature = "folders")]
use hub::Hub;
use pieces::{Pieces, SPACE_MARK};
use pre::PreTokenizer;
use prompt::Chat;
use specials::Finder;
use spm::{Spm, SpmScratch};

use super::vocab::{InPieces, Piece, RenderInput, Rendered, Vocab};
use crate::error::{Error, ErrorKind, Result};
use crate::pause::{Pauses, at_once};

/// A vocabulary out of a model file: byte-level BPE or SentencePiece, with its chat template.
///
/// The merging is our own, not the `tokenizers` crate's: it starts from ids instead of strings, so it is
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
    end_ids: Vec<u32>,
    chat: Option<Chat>,
    notes: Vec<String>,
}

#[derive(Debug)]
enum Model {
    Bpe {
        bpe: Bpe,
        pre: PreTokenizer,
    },
    Spm {
        spm: Spm,
        space_prefix: bool,
    },
    #[cfg(feature = "folders")]
    Hub(Box<Hub>),
}

/// Buffers and state of one encoding.
#[derive(Default)]
struct Encoding {
    bpe: BpeScratch,
    spm: SpmScratch,
    text: String,
    /// Whether a token that is not text, or nothing, comes before the next text.
    after_special: bool,
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
        let (model, default_bos) = match data.model {
            VocabularyModel::Bpe => {
                let pre = PreTokenizer::new(data.pre)?;
                let adds_bos = pre.adds_bos;
                let bpe = Bpe::new(&pieces, &data.merges, pre.ignore_merges, pauses).await?;
                if bpe.strangers() > 0 {
                    notes.push(format!("merges are of {} texts that are no tokens", bpe.strangers()));
                }
                (Model::Bpe { bpe, pre }, adds_bos)
            }
            VocabularyModel::Spm => {
                let scores = data.scores.clone();
                let unknown = data.within(data.unk).filter(|id| pieces.kind(*id) == Some(TokenKind::Unknown));
                let unknown = unknown.filter(|id| !end_ids.contains(id));
                let spm = Spm::new(scores, byte_tokens(data, pauses).await?, unknown);
                (Model::Spm { spm, space_prefix: data.add_space_prefix.unwrap_or(true) }, true)
            }
        };
        let finders = Finder::both(&pieces, data, pauses).await?;
        Ok(Self { notes, ..Self::assemble(data, pieces, end_ids, model, finders, default_bos) })
    }

    /// What is odd about the vocabulary, though it can be used: for the log.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Puts together what has been checked; `default_bos`: texts get BOS if `data` does not say.
    fn assemble(
        data: &VocabularyData<'_>,
        pieces: Pieces,
        end_ids: Vec<u32>,
        model: Model,
        [user_defined, special]: [Finder; 2],
        default_bos: bool,
    ) -> Self {
        let (bos, eos) = (data.within(data.bos), data.within(data.eos));
        Self {
            user_defined,
            special,
            adds_bos: data.add_bos.unwrap_or(default_bos) && bos.is_some(),
            adds_eos: data.add_eos.unwrap_or(false) && eos.is_some(),
            bos,
            eos,
            strip_after_special: data.strip_after_special,
            pieces,
            model,
            end_ids,
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
            self.encode_text(&text[done..found.start], encoding, out, pauses).await?;
            done = found.end + self.push_special(found.id, &text[found.end..], encoding, out);
        }
        self.encode_text(&text[done..], encoding, out, pauses).await
    }

    /// Appends a token that is not text; returns how many bytes of what follows belong to it.
    fn push_special(&self, id: u32, after: &str, encoding: &mut Encoding, out: &mut Vec<u32>) -> usize {
        out.push(id);
        encoding.after_special = true;
        if self.strips_after(id) { after.len() - after.trim_ascii_start().len() } else { 0 }
    }

    /// Appends the ids of text without special tokens.
    async fn encode_text(
        &self,
        text: &str,
        encoding: &mut Encoding,
        out: &mut Vec<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        match &self.model {
            Model::Bpe { bpe, pre } => {
                let mut composed = std::mem::take(&mut encoding.text);
                let differs =
                    pre.composes && !text.is_ascii() && compose::compose(text, &mut composed, pauses).await?;
                for word in pre.split(if differs { &composed } else { text }) {
                    let (word, scratch) = (word.as_bytes(), &mut encoding.bpe);
                    if !bpe.encode_short(&self.pieces, word, scratch, out)? {
                        bpe.encode(word, scratch, out, pauses).await?;
                    } else if pauses.is_due(word.len()) {
                        pauses.look_up().await?;
                    }
                }
                encoding.text = composed;
            }
            Model::Spm { spm, space_prefix } => {
                encoding.text.clear();
                encoding.text.try_reserve(text.len() + 1)?;
                if *space_prefix && encoding.after_special {
                    encoding.text.push(' ');
                }
                // SentencePiece does not tell its mark from a space.
                for (number, part) in text.split(SPACE_MARK).enumerate() {
                    if number > 0 {
                        encoding.text.push(' ');
                    }
                    encoding.text.push_str(part);
                }
                spm.encode(&self.pieces, &encoding.text, &mut encoding.spm, out, pauses).await?;
            }
            #[cfg(feature = "folders")]
            Model::Hub(_) => {}
        }
        encoding.after_special = false;
        Ok(())
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
        let mut encoding = Encoding { after_special: true, ..Encoding::default() };
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
        let mut encoding = Encoding { after_special, ..Encoding::default() };
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

    /// [`Vocab::encode_rendered`], with pauses.
    async fn encode_conversation(
        &self,
        rendered: &Rendered,
        at_start: bool,
        out: &mut Vec<u32>,
        pauses: &mut Pauses<'_>,
    ) -> Result<()> {
        check_length(&rendered.text)?;
        let written =
            rendered.control.first().is_some_and(|span| span.start == 0 && Some(span.id) == self.bos);
        if at_start && self.adds_bos && !written {
            out.extend(self.bos);
        }
        let mut encoding = Encoding { after_special: true, ..Encoding::default() };
        let mut done = 0;
        for span in &rendered.control {
            let plain = rendered.text.get(done..span.start).unwrap_or_default();
            self.encode_part(plain, false, &mut encoding, out, pauses).await?;
            let after = rendered.text.get(span.end..).unwrap_or_default();
            done = span.end + self.push_special(span.id, after, &mut encoding, out);
        }
        let rest = rendered.text.get(done..).unwrap_or_default();
        self.encode_part(rest, false, &mut encoding, out, pauses).await
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

impl Vocab for Tokenizer {
    fn len(&self) -> usize {
        self.pieces.len()
    }

    fn encode(&self, text: &str, add_special: bool, parse_special: bool, out: &mut Vec<u32>) -> Result<()> {
        at_once(self.encode_all(text, add_special, parse_special, out, &mut Pauses::none()))
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

    fn bos(&self) -> Option<u32> {
        self.bos
    }

    fn adds_bos(&self) -> bool {
        self.adds_bos
    }

    fn end_ids(&self) -> &[u32] {
        &self.end_ids
    }

    fn longest_token(&self) -> usize {
        self.pieces.longest()
    }

    fn render(&self, input: &RenderInput<'_>) -> Result<Rendered> {
        at_once(self.render_conversation(input, &mut Pauses::none()))
    }

    fn render_in_pieces<'a>(
        &'a self,
        input: &'a RenderInput<'_>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        Box::pin(self.render_conversation(input, pauses))
    }

    fn encode_rendered(&self, rendered: &Rendered, at_start: bool, out: &mut Vec<u32>) -> Result<()> {
        at_once(self.encode_conversation(rendered, at_start, out, &mut Pauses::none()))
    }

    fn encode_rendered_in_pieces<'a>(
        &'a self,
        rendered: &'a Rendered,
        at_start: bool,
        out: &'a mut Vec<u32>,
        pauses: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        Box::pin(self.encode_conversation(rendered, at_start, out, pauses))
    }
}
