//! Canonical composition of text (NFC, Unicode Standard Annex #15), with rests. Knows no tokens.

use std::iter::once;

use unicode_normalization::char::{canonical_combining_class, decompose_canonical};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::error::Result;
use crate::pause::Pauses;

/// Bytes that are composed at once.
const PIECE: usize = 1 << 10;

/// Bytes of letters in a row that may all belong together; more stay as they are. A letter with 30 marks is
/// more than any language has (Annex #15, "Stream-Safe Text Format"), and a mebibyte of marks would have to
/// be put in order in one go.
const LONGEST: usize = 4 << 10;

/// Composed text grows at most by this much in UTF-8 (Annex #15, "Maximum Expansion").
const GROWTH: usize = 3;

/// Composes `text` into `out`, which it empties; false: it is composed as it is, and `out` holds nothing of
/// use.
///
/// # Errors
/// `OutOfMemory`; what stops `pauses`.
pub(super) async fn compose(text: &str, out: &mut String, pauses: &mut Pauses<'_>) -> Result<bool> {
    out.clear();
    let mut cutter = Cutter { text, out, from: 0, changed: false };
    // The last place where a cut changes nothing, and whether all letters since `from` are ones that nothing
    // changes.
    let (mut cut, mut plain) = (0, true);
    for (at, letter) in text.char_indices() {
        let stays = is_composed(letter);
        if stays || begins_anew(letter) {
            if at - cut > LONGEST {
                cutter.piece(cut, plain)?;
                cutter.piece(at, true)?;
                plain = true;
            } else if at - cutter.from >= PIECE {
                cutter.piece(at, plain)?;
                plain = true;
            }
            cut = at;
        }
        plain &= stays;
        if pauses.is_due(1) {
            pauses.look_up().await?;
        }
    }
    if text.len() - cut > LONGEST {
        cutter.piece(cut, plain)?;
        plain = true;
    }
    cutter.piece(text.len(), plain)?;
    Ok(cutter.changed)
}

/// A text that is composed piece by piece.
struct Cutter<'a> {
    text: &'a str,
    /// All before `from`, once anything has changed.
    out: &'a mut String,
    from: usize,
    changed: bool,
}

impl Cutter<'_> {
    /// Composes the text up to `end`; `stays`: it is known to stay as it is.
    fn piece(&mut self, end: usize, stays: bool) -> Result<()> {
        let piece = &self.text[self.from..end];
        let stays = stays || is_nfc_quick(piece.chars()) == IsNormalized::Yes;
        if !stays && !self.changed {
            self.out.try_reserve(self.text.len())?;
            self.out.push_str(&self.text[..self.from]);
            self.changed = true;
        }
        if stays && self.changed {
            self.out.try_reserve(piece.len())?;
            self.out.push_str(piece);
        } else if !stays {
            self.out.try_reserve(piece.len() * GROWTH)?;
            self.out.extend(piece.nfc());
        }
        self.from = end;
        Ok(())
    }
}

/// Whether a letter stays as it is, whatever stands before it.
fn is_composed(letter: char) -> bool {
    letter.is_ascii()
        || (is_nfc_quick(once(letter)) == IsNormalized::Yes && canonical_combining_class(letter) == 0)
}

/// Whether a letter that is to be changed has nothing to do with what stands before it.
fn begins_anew(letter: char) -> bool {
    let mut first = None;
    decompose_canonical(letter, |part| first = first.or(Some(part)));
    first.is_some_and(|first| first != letter && is_composed(first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pause::at_once;

    fn composed(text: &str) -> String {
        let mut out = String::from("left over");
        match at_once(compose(text, &mut out, &mut Pauses::none())).unwrap() {
            true => out,
            false => text.to_owned(),
        }
    }

    #[test]
    fn letters_and_their_marks_become_one() {
        assert_eq!(composed("e\u{301}"), "é");
        assert_eq!(composed("re\u{301}sume\u{301}"), "résumé");
        assert_eq!(composed("a\u{323}\u{302} a\u{302}\u{323}"), "ậ ậ", "marks have an order");
        assert_eq!(composed("\u{1112}\u{1161}\u{11AB}\u{1100}\u{116E}\u{11A8}"), "한국");
        assert_eq!(composed("\u{F90B}\u{2126}\u{212B}"), "\u{5587}ΩÅ", "letters that are other letters");
        assert_eq!(composed("\u{958}"), "\u{915}\u{93C}", "what composition leaves out");
        assert_eq!(composed("\u{301}a"), "\u{301}a");
    }

    #[test]
    fn composed_text_is_not_copied() {
        let mut out = String::new();
        for text in ["", "plain", "résumé 世界 한국 👩‍👩‍👧 ก็", &"é".repeat(5000)] {
            assert!(!at_once(compose(text, &mut out, &mut Pauses::none())).unwrap());
            assert_eq!(out.capacity(), 0);
        }
    }

    #[test]
    fn long_text_is_composed_throughout() {
        for part in
            ["e\u{301}", "\u{1112}\u{1161}\u{11AB}", "\u{F90B}", "a\u{323}\u{302}bc ", "plain e\u{301} 世"]
        {
            let text = part.repeat(20_000 / part.len());
            assert_eq!(composed(&text), text.nfc().collect::<String>(), "{part:?}");
        }
    }

    #[test]
    fn t2_a_mebibyte_of_marks_stays_and_what_is_around_it_is_composed() {
        for marks in ["\u{301}", "\u{302}\u{323}", "\u{11AB}"] {
            let run = marks.repeat((1 << 20) / marks.len());
            let text = format!("e\u{301} x{run}e\u{301}");
            let whole = composed(&text);
            assert!(whole.starts_with("é ") && whole.ends_with('é'), "{marks:?}");
            assert!(whole.len() + 2 == text.len() && whole.contains(&run));
        }
        let most = format!("a{}", "\u{323}".repeat(LONGEST / 2 - 1));
        assert_eq!(composed(&most), most.nfc().collect::<String>());
    }

    #[test]
    fn long_text_rests() {
        let mut looks = 0;
        let mut look = || {
            looks += 1;
            Ok(())
        };
        let text = "e\u{301}\u{323}".repeat(50_000);
        let mut out = String::new();
        let mut pauses = Pauses::new(&mut look, None);
        assert!(at_once(compose(&text, &mut out, &mut pauses)).unwrap());
        assert!(looks >= 10, "{looks}");
    }

    proptest! {
        #[test]
        fn pieces_are_composed_as_the_whole_is(parts in prop::collection::vec(prop_oneof![
            Just("a"), Just(" "), Just("e\u{301}"), Just("\u{301}"), Just("\u{323}"), Just("\u{1112}"), Just("\u{1161}"),
            Just("\u{11A8}"), Just("한"), Just("\u{F90B}"), Just("\u{344}"), Just("\u{958}"), Just("\u{915}"), Just("\u{93C}"),
            Just("\u{9C7}"), Just("\u{9BE}"), Just("世界"), Just("\u{1D15E}"), Just("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ], 0..300)) {
            let text = parts.concat();
            prop_assert_eq!(composed(&text), text.nfc().collect::<String>());
        }
    }
}
