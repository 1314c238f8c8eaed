//! Keeps the text of control tokens in messages apart from the template's own. Knows neither ids nor templates.
//!
//! A template writes roles as control tokens; a message must not. Marking each message's text with sentinels would change
//! what the template sees (lengths, prefixes, `trim`), and looking for control tokens in each message alone would miss
//! those that two of them make together, or that are left when the template cuts something out. So single letters are
//! marked: of every control token's text at least one, its *guards* (first and last letter if they are brackets or the
//! like: `<`, `>`, `[`, `|`), are replaced in all input strings by private-use letters, one for one. A control token in
//! the rendered text is the template's if it is there with its true guards. Afterwards the letters are put back.
//!
//! Lengths, trimming and case stay as they were. Comparisons that name a guard would not: `'</think>' in content`. So
//! the template's own string literals are left alone where they occur in the input, if they do not overlap with any
//! control token's text; then no part of them can become one.
//!
//! A control token without a guard (a plain word) never counts as one in a rendered prompt.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};

use super::overlap;
use crate::error::{Error, ErrorKind, Result};
use crate::pause::Pauses;

/// Private-use planes 15 and 16, in blocks: a rendering takes the first block that its input does not use.
const FIRST_BLOCK: u32 = 0xF_0000;
const LAST_BLOCK: u32 = 0x10_FF00;
const BLOCK: u32 = 64;

/// Bytes of one of their letters.
const MARK_LEN: usize = 4;

/// What has to be marked for one vocabulary and one template.
#[derive(Debug)]
pub(crate) struct Shield {
    guards: Vec<char>,
    /// The template's literals that are left alone.
    literals: Option<AhoCorasick>,
}

/// The marks of one rendering.
#[derive(Debug)]
pub(crate) struct Marks<'a> {
    shield: &'a Shield,
    /// The first mark; the others follow.
    block: u32,
}

impl Shield {
    /// For these control tokens, none of them empty, and a template with these literals.
    ///
    /// # Errors
    /// `OutOfMemory`; what stops `pauses`.
    pub(crate) async fn new(controls: &[&str], literals: &[String], pauses: &mut Pauses<'_>) -> Result<Self> {
        let mut guards = BTreeSet::new();
        for control in controls {
            guards.extend(guards_of(control).into_iter().flatten());
            while guards.len() > BLOCK as usize {
                guards.pop_last();
            }
            if pauses.is_due(control.len()) {
                pauses.look_up().await?;
            }
        }
        let mut named = Vec::new();
        for literal in literals {
            if literal.chars().any(|letter| guards.contains(&letter)) {
                named.try_reserve(1)?;
                named.push(literal.as_str());
            }
            if pauses.is_due(literal.len()) {
                pauses.look_up().await?;
            }
        }
        let kept = overlap::apart(named, controls, pauses).await?;
        let literals =
            if kept.is_empty() { None } else { Some(overlap::find_any(&kept, MatchKind::LeftmostLongest)?) };
        Ok(Self { guards: guards.into_iter().collect(), literals })
    }

    /// Whether a control token with this text can be told from a message's.
    pub(crate) fn guarded(&self, control: &str) -> bool {
        guards_of(control).iter().flatten().any(|guard| self.guards.contains(guard))
    }

    /// Marks that occur in none of the strings that `for_each` gives to its visitor.
    ///
    /// # Errors
    /// `Template` if the inputs use every private-use block there is.
    pub(crate) fn marks(&self, for_each: impl FnOnce(&mut dyn FnMut(&str))) -> Result<Marks<'_>> {
        let mut used = vec![false; ((LAST_BLOCK - FIRST_BLOCK) / BLOCK) as usize];
        for_each(&mut |text| {
            for letter in text.chars().filter(|letter| *letter as u32 >= FIRST_BLOCK) {
                if let Some(used) = used.get_mut(((letter as u32 - FIRST_BLOCK) / BLOCK) as usize) {
                    *used = true;
                }
            }
        });
        match (0u32..).zip(used).find(|(_, used)| !used) {
            Some((block, _)) => Ok(Marks { shield: self, block: FIRST_BLOCK + block * BLOCK }),
            None => Err(Error::new(
                ErrorKind::Template,
                "the messages use every private-use letter of Unicode; leave some out",
            )),
        }
    }
}

impl Marks<'_> {
    /// `text` with its guards marked.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn mark(&self, text: &str) -> Result<String> {
        let marked = text.chars().filter(|letter| self.shield.guards.binary_search(letter).is_ok()).count();
        let mut out = String::new();
        out.try_reserve_exact(text.len().saturating_add(marked.saturating_mul(MARK_LEN)))?;
        let mut done = 0;
        for kept in self.shield.literals.iter().flat_map(|literals| literals.find_iter(text)) {
            self.mark_part(&text[done..kept.start()], &mut out);
            out.push_str(&text[kept.range()]);
            done = kept.end();
        }
        self.mark_part(&text[done..], &mut out);
        Ok(out)
    }

    /// Appends `text` with the marks taken away.
    pub(crate) fn unmark(&self, text: &str, out: &mut String) {
        out.extend(text.chars().map(|letter| self.guard(letter).unwrap_or(letter)));
    }

    /// `error` as its reader knows the messages: its text with the marks taken away.
    pub(crate) fn unmark_error(&self, error: Error) -> Error {
        let mut text = String::new();
        self.unmark(error.message(), &mut text);
        Error::new(error.kind(), text)
    }

    fn mark_part(&self, text: &str, out: &mut String) {
        out.extend(text.chars().map(|letter| match self.shield.guards.binary_search(&letter) {
            Ok(at) => char::from_u32(self.block + at as u32).unwrap_or(letter),
            Err(_) => letter,
        }));
    }

    fn guard(&self, mark: char) -> Option<char> {
        let at = (mark as u32).checked_sub(self.block)?;
        self.shield.guards.get(at as usize).copied()
    }
}

/// The letters of a control token that have to be the template's: first and last, or else any one.
fn guards_of(control: &str) -> [Option<char>; 2] {
    let first = control.chars().next().filter(|letter| can_guard(*letter));
    let last = control.chars().next_back().filter(|letter| can_guard(*letter));
    match (first, last) {
        (None, None) => [control.chars().find(|letter| can_guard(*letter)), None],
        ends => ends.into(),
    }
}

/// Letters that names, roles and numbers do not have.
fn can_guard(letter: char) -> bool {
    "<>[]{}()|#@$&*+=~^\\".contains(letter)
        || (!letter.is_ascii() && !letter.is_alphanumeric() && !letter.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pause::at_once;

    fn shield(literals: &[&str]) -> Shield {
        let literals: Vec<String> = literals.iter().map(|text| (*text).to_owned()).collect();
        let controls = ["<|im_start|>", "<|im_end|>", "[INST]", "plain"];
        at_once(Shield::new(&controls, &literals, &mut Pauses::none())).unwrap()
    }

    #[test]
    fn t3_marked_text_holds_no_control_token_and_comes_back() {
        let shield = shield(&[]);
        let marks = shield.marks(|_| {}).unwrap();
        let text = "a<|im_end|>b[INST] < > 世界";
        let marked = marks.mark(text).unwrap();
        assert!(!marked.contains(['<', '>', '[', ']']));
        assert_eq!(marked.chars().count(), text.chars().count());
        let mut back = String::new();
        marks.unmark(&marked, &mut back);
        assert_eq!(back, text);
    }

    #[test]
    fn the_template_s_own_literals_stay_readable_unless_they_could_forge() {
        let shield = shield(&["</think>", "<", "<|im_", "]x"]);
        let marks = shield.marks(|_| {}).unwrap();
        assert!(marks.mark("a</think>b").unwrap().contains("</think>"));
        assert!(!marks.mark("<|im_start|>").unwrap().contains('<'));
        assert!(!marks.mark("[INST]x").unwrap().contains(']'));
    }

    #[test]
    fn input_with_private_use_letters_keeps_them() {
        let shield = shield(&[]);
        let text = "<\u{F0000}\u{F0001}>";
        let marks = shield.marks(|visit| visit(text)).unwrap();
        let mut back = String::new();
        marks.unmark(&marks.mark(text).unwrap(), &mut back);
        assert_eq!(back, text);
    }

    #[test]
    fn a_control_token_that_is_a_plain_word_is_not_guarded() {
        assert!(!shield(&[]).guarded("plain"));
        assert!(shield(&[]).guarded("[INST]"));
    }
}
