//! A marker as the vocabulary has it: tokens where it has tokens of such a text, else letters. Knows no
//! format.

use crate::error::Result;
use crate::text::vocab::Vocab;

/// What a model's text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Letter(char),
    /// A token that stands for itself wherever its text is.
    Token(u32),
}

/// A text that means something where the model says it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Marker {
    units: Vec<Unit>,
}

impl Marker {
    /// `text` as `vocab` has it. Where it has a token for a part of it, only that token counts: what spells
    /// the same letter by letter is text.
    ///
    /// # Errors
    /// As [`Vocab::encode`].
    pub(crate) fn new(text: &str, vocab: &dyn Vocab) -> Result<Self> {
        let mut ids = Vec::new();
        vocab.encode(text, false, true, &mut ids)?;
        let mut units = Vec::new();
        let mut rest = text;
        for id in ids.into_iter().filter(|id| vocab.is_atom(*id)) {
            // Letters are taken from the text itself: a vocabulary may put a space in front of its ids'.
            let Some(piece) = std::str::from_utf8(vocab.bytes(id)).ok().filter(|piece| !piece.is_empty())
            else {
                continue;
            };
            let Some((before, behind)) = rest.split_once(piece) else { continue };
            units.extend(before.chars().map(Unit::Letter));
            units.push(Unit::Token(id));
            rest = behind;
        }
        units.extend(rest.chars().map(Unit::Letter));
        Ok(Self { units })
    }

    pub(crate) fn units(&self) -> &[Unit] {
        &self.units
    }

    pub(super) fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// It begins with a token, so that no text can be taken for it.
    pub(super) fn is_token(&self) -> bool {
        matches!(self.units.first(), Some(Unit::Token(_)))
    }

    /// The tokens in it.
    pub(super) fn tokens(&self) -> impl Iterator<Item = u32> {
        self.units.iter().filter_map(|unit| match unit {
            Unit::Token(id) => Some(*id),
            Unit::Letter(_) => None,
        })
    }
}
