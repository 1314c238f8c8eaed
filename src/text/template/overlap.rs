//! Which strings of a template can have no part in a control token's text. Knows strings only.
//!
//! A hostile file has many of both, so no string is compared with every control token: hashes that grow a byte at a time meet in tables. Where two
//! hashes are equal by chance a string is given up that need not be: the safe side.

use std::collections::{BTreeSet, HashMap, HashSet};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::error::{Error, ErrorKind, Result};
use crate::pause::Pauses;

/// Looks into a table at most, about 200 ms; real vocabularies and templates need some 200,000. Beyond it every string is given up.
const MAX_STEPS: usize = 1 << 24;

/// Of `texts` those that overlap with no control token's text: neither contains the other, and neither ends as the other begins. Nothing is
/// empty.
///
/// # Errors
/// `OutOfMemory`; what stops `pauses`.
pub(super) async fn apart<'a>(
    texts: Vec<&'a str>,
    controls: &[&str],
    pauses: &mut Pauses<'_>,
) -> Result<Vec<&'a str>> {
    if texts.is_empty() || controls.is_empty() {
        return Ok(texts);
    }
    let mut tables = Tables::new(&texts, controls, pauses).await?;
    for control in controls {
        let steps = tables.meet(control)?;
        tables.steps += steps;
        if tables.steps > MAX_STEPS {
            return Ok(Vec::new());
        }
        if pauses.is_due(steps) {
            pauses.look_up().await?;
        }
    }
    let mut apart = Vec::new();
    apart.try_reserve_exact(texts.len())?;
    for (number, text) in texts.into_iter().enumerate() {
        let mut overlaps = tables.inside[number] || tables.ends_meet(text);
        for length in &tables.lengths {
            if overlaps || *length > text.len() {
                break;
            }
            tables.steps += text.len();
            if tables.steps > MAX_STEPS {
                return Ok(Vec::new());
            }
            overlaps = windows(text, *length).any(|hash| tables.controls.contains(&hash));
            if pauses.is_due(text.len()) {
                pauses.look_up().await?;
            }
        }
        if !overlaps {
            apart.push(text);
        }
        if pauses.is_due(1) {
            pauses.look_up().await?;
        }
    }
    Ok(apart)
}

/// What is known of the strings and of the control tokens' texts, by hash.
struct Tables {
    /// How the strings begin, themselves left out; true: a control token ends so.
    beginnings: HashMap<u64, bool>,
    /// How the strings end; true: a control token begins so.
    ends: HashMap<u64, bool>,
    /// Finds the strings inside of a control token's text.
    texts: AhoCorasick,
    /// Whether a control token's text contains the string. `(texts)`
    inside: Vec<bool>,
    controls: HashSet<u64>,
    /// The lengths of the control tokens' texts.
    lengths: BTreeSet<usize>,
    /// Bytes of the longest control token's text: longer beginnings and ends meet nothing.
    longest: usize,
    steps: usize,
}

impl Tables {
    async fn new(texts: &[&str], controls: &[&str], pauses: &mut Pauses<'_>) -> Result<Self> {
        pauses.look_up().await?;
        let mut tables = Self {
            beginnings: HashMap::new(),
            ends: HashMap::new(),
            texts: find_any(texts, MatchKind::Standard)?,
            inside: Vec::new(),
            controls: HashSet::new(),
            lengths: BTreeSet::new(),
            longest: controls.iter().map(|control| control.len()).max().unwrap_or(0),
            steps: 0,
        };
        tables.inside.try_reserve_exact(texts.len())?;
        tables.inside.resize(texts.len(), false);
        for text in texts {
            let most = tables.longest.min(text.len());
            tables.beginnings.try_reserve(most)?;
            tables.ends.try_reserve(most)?;
            tables
                .beginnings
                .extend(beginnings(text).take(most.min(text.len() - 1)).map(|hash| (hash, false)));
            tables.ends.extend(ends(text).take(most).map(|hash| (hash, false)));
            if pauses.is_due(2 * most) {
                pauses.look_up().await?;
            }
        }
        Ok(tables)
    }

    /// Takes note of a control token's text; how many steps that took.
    fn meet(&mut self, control: &str) -> Result<usize> {
        for hash in beginnings(control) {
            if let Some(met) = self.ends.get_mut(&hash) {
                *met = true;
            }
        }
        for hash in ends(control) {
            if let Some(met) = self.beginnings.get_mut(&hash) {
                *met = true;
            }
        }
        let mut found = 0;
        for text in self.texts.find_overlapping_iter(control) {
            self.inside[text.pattern().as_usize()] = true;
            found += 1;
        }
        self.controls.try_reserve(1)?;
        self.controls.extend(beginnings(control).last());
        self.lengths.insert(control.len());
        Ok(2 * control.len() + found)
    }

    /// Whether a control token begins as `text` ends, or ends as it begins.
    fn ends_meet(&self, text: &str) -> bool {
        let proper = self.longest.min(text.len() - 1);
        let met = |table: &HashMap<u64, bool>, hash| table.get(&hash) == Some(&true);
        beginnings(text).take(proper).any(|hash| met(&self.beginnings, hash))
            || ends(text).take(self.longest).any(|hash| met(&self.ends, hash))
    }
}

/// Finds `texts`; of those that begin at one place as `kind` says.
pub(super) fn find_any(texts: &[&str], kind: MatchKind) -> Result<AhoCorasick> {
    AhoCorasick::builder()
        .match_kind(kind)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(texts)
        .map_err(|e| Error::new(ErrorKind::Template, format!("the template's strings: {e}")))
}

/// A text's hash is a polynomial: its first byte has the highest power.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

fn digit(byte: u8) -> u64 {
    u64::from(byte) + 1
}

/// The hashes of how `text` begins, the shortest first.
fn beginnings(text: &str) -> impl Iterator<Item = u64> {
    text.bytes().scan(0u64, |hash, byte| {
        *hash = hash.wrapping_mul(BASE).wrapping_add(digit(byte));
        Some(*hash)
    })
}

/// The hashes of how `text` ends, the shortest first.
fn ends(text: &str) -> impl Iterator<Item = u64> {
    text.bytes().rev().scan((0u64, 1u64), |(hash, power), byte| {
        *hash = hash.wrapping_add(digit(byte).wrapping_mul(*power));
        *power = power.wrapping_mul(BASE);
        Some(*hash)
    })
}

/// The hashes of all parts of `text` with `length` bytes.
fn windows(text: &str, length: usize) -> impl Iterator<Item = u64> {
    let power = (0..length).fold(1u64, |power, _| power.wrapping_mul(BASE));
    let bytes = text.as_bytes();
    (0..bytes.len())
        .scan(0u64, move |hash, at| {
            *hash = hash.wrapping_mul(BASE).wrapping_add(digit(bytes[at]));
            if let Some(before) = at.checked_sub(length) {
                *hash = hash.wrapping_sub(digit(bytes[before]).wrapping_mul(power));
            }
            Some((at + 1 >= length).then_some(*hash))
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pause::at_once;

    fn overlap(a: &str, b: &str) -> bool {
        let meets = |a: &str, b: &str| b.char_indices().skip(1).any(|(cut, _)| a.ends_with(&b[..cut]));
        a.contains(b) || b.contains(a) || meets(a, b) || meets(b, a)
    }

    proptest! {
        #[test]
        fn those_are_left_that_overlap_with_none(
            texts in prop::collection::vec("[abc<é世]{1,6}", 0..12),
            controls in prop::collection::vec("[abcd<é世]{1,6}", 0..6),
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let controls: Vec<&str> = controls.iter().map(String::as_str).collect();
            let expected: Vec<&str> = texts
                .iter()
                .filter(|text| !controls.iter().any(|control| overlap(text, control)))
                .copied()
                .collect();
            prop_assert_eq!(at_once(apart(texts, &controls, &mut Pauses::none())).unwrap(), expected);
        }
    }

    #[test]
    fn what_takes_too_many_steps_leaves_none() {
        let texts: Vec<String> = (1..250).map(|length| "<".repeat(length)).chain(["~".into()]).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let control = "<".repeat(256);
        let left = |controls| {
            at_once(apart(texts.clone(), &vec![control.as_str(); controls], &mut Pauses::none())).unwrap()
        };
        assert_eq!(left(10), ["~"]);
        assert!(left(2000).is_empty());
    }
}
