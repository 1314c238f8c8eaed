//! WordPiece, as BERT does it: text is cleaned and cut into words, and each word into the longest tokens from
//! left to right. Knows text, not special tokens.

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};
use unicode_normalization::char::decompose_canonical;

use super::trie::{ROOT, Trie};
use crate::error::{Error, ErrorKind, Result};
use crate::pause::Pauses;

/// Characters of a word at most; a longer one is unknown.
const LONGEST: usize = 100;

/// What a character counts for, and a byte of a word that is looked up.
const LETTER_UNITS: usize = 4;

/// A vocabulary of words' beginnings, which begin with a space, and of what goes on inside of words.
#[derive(Debug, Clone)]
pub(super) struct WordPiece {
    trie: Trie,
    /// Stands for a word that tokens do not make up; `None`: it is left out.
    unknown: Option<u32>,
    lowercase: bool,
    strip_accents: bool,
    classes: Classes,
}

/// What matters of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// It is left out.
    Control,
    /// Categories Mn: it is left out where accents are.
    Mark,
    /// It is a word of its own.
    Punctuation,
    Blank,
    /// An ideograph, which is a word of its own.
    Ideograph,
    Letter,
}

#[derive(Debug, Clone)]
struct Classes {
    /// Control characters, marks, punctuation.
    regex: Regex,
}

impl Classes {
    fn new() -> Result<Self> {
        let regex = Regex::new_many(&[r"[\p{Cc}\p{Cf}\p{Co}\x{FFFD}]", r"\p{Mn}", r"\p{P}"])
            .map_err(|e| Error::new(ErrorKind::Internal, format!("classes of characters: {e}")))?;
        Ok(Self { regex })
    }

    fn of(&self, letter: char) -> Class {
        match letter {
            '\t' | '\n' | '\r' | ' ' => return Class::Blank,
            '\0'..='\x1F' | '\x7F' => return Class::Control,
            _ if letter.is_ascii_punctuation() => return Class::Punctuation,
            _ if letter.is_ascii() => return Class::Letter,
            _ if is_ideograph(letter) => return Class::Ideograph,
            _ => {}
        }
        let mut bytes = [0; 4];
        let input = Input::new(letter.encode_utf8(&mut bytes).as_bytes()).anchored(Anchored::Yes);
        match self.regex.search_half(&input).map(|found| found.pattern().as_usize()) {
            Some(0) => Class::Control,
            Some(1) => Class::Mark,
            Some(_) => Class::Punctuation,
            None if letter.is_whitespace() => Class::Blank,
            None => Class::Letter,
        }
    }
}

/// Whether BERT's original counts a character as Chinese (`_is_chinese_char`; the gap in extension E is its
/// own).
fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{2A6DF}' | '\u{2A700}'..='\u{2B73F}' | '\u{2B740}'..='\u{2B81F}'
        | '\u{2B920}'..='\u{2CEAF}' | '\u{2F800}'..='\u{2FA1F}')
}

/// Tokens that one more character may lead to: a word's, and those of what it is made of.
const TOKENS: usize = LONGEST + 16;

/// The word that is being put together, and what comes out.
struct Words<'a> {
    /// A space, and what there is of the word: up to [`LONGEST`] characters.
    text: String,
    letters: usize,
    out: &'a mut Vec<u32>,
    /// Bytes that were looked up.
    units: usize,
}

impl WordPiece {
    pub(super) fn new(
        trie: Trie,
        unknown: Option<u32>,
        lowercase: bool,
        strip_accents: Option<bool>,
    ) -> Result<Self> {
        let strip_accents = strip_accents.unwrap_or(lowercase);
        Ok(Self { trie, unknown, lowercase, strip_accents, classes: Classes::new()? })
    }

    /// Appends the tokens of `text`. Time: linear in the text.
    ///
    /// # Errors
    /// `OutOfMemory`; what stops `pauses`.
    pub(super) async fn encode(&self, text: &str, out: &mut Vec<u32>, pauses: &mut Pauses<'_>) -> Result<()> {
        let mut words = Words { text: String::from(" "), letters: 0, out, units: 0 };
        for letter in text.chars() {
            words.out.try_reserve(TOKENS)?;
            match self.classes.of(letter) {
                Class::Control => {}
                Class::Blank => self.finish(&mut words),
                Class::Ideograph => {
                    self.finish(&mut words);
                    self.add(letter, &mut words);
                    self.finish(&mut words);
                }
                _ => self.add(letter, &mut words),
            }
            pauses.after(LETTER_UNITS + std::mem::take(&mut words.units)).await?;
        }
        words.out.try_reserve(TOKENS)?;
        self.finish(&mut words);
        Ok(())
    }

    /// A character of the text, without its accents where the model has it so.
    fn add(&self, letter: char, words: &mut Words<'_>) {
        if !self.strip_accents || letter.is_ascii() {
            return self.add_bare(letter, words);
        }
        decompose_canonical(letter, |part| {
            if self.classes.of(part) != Class::Mark {
                self.add_bare(part, words);
            }
        });
    }

    /// A character, in lower case where the model has it so.
    fn add_bare(&self, letter: char, words: &mut Words<'_>) {
        if self.lowercase {
            letter.to_lowercase().for_each(|letter| self.push(letter, words));
        } else {
            self.push(letter, words);
        }
    }

    fn push(&self, letter: char, words: &mut Words<'_>) {
        let is_alone = self.classes.of(letter) == Class::Punctuation;
        if is_alone {
            self.finish(words);
        }
        if words.letters < LONGEST {
            words.text.push(letter);
        }
        words.letters += 1;
        if is_alone {
            self.finish(words);
        }
    }

    /// Appends the tokens of a word, and begins the next.
    fn finish(&self, words: &mut Words<'_>) {
        if words.letters == 0 {
            return;
        }
        let start = words.out.len();
        let mut rest = words.text.as_bytes();
        // The space alone is no beginning.
        let mut shortest = 2;
        while !rest.is_empty() && words.letters <= LONGEST {
            let Some((id, length)) = self.longest(rest, shortest, &mut words.units) else { break };
            words.out.push(id);
            (rest, shortest) = (&rest[length..], 1);
        }
        if !rest.is_empty() {
            words.out.truncate(start);
            words.out.extend(self.unknown);
        }
        words.text.truncate(1);
        words.letters = 0;
    }

    /// The longest token that `text` begins with, and its bytes.
    fn longest(&self, text: &[u8], shortest: usize, units: &mut usize) -> Option<(u32, usize)> {
        let (mut node, mut found) = (ROOT, None);
        for (&byte, length) in text.iter().zip(1..) {
            *units += 1;
            let Some(next) = self.trie.step(node, byte) else { break };
            node = next;
            if let Some(id) = self.trie.id(node).filter(|_| length >= shortest) {
                found = Some((id, length));
            }
        }
        found
    }
}
