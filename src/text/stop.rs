//! Stop strings over a stream of text; knows neither tokens nor why the text is wanted.

use crate::error::Result;

/// What [`StopMatcher::push`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopScan {
    /// No stop string is complete: go on.
    Open,
    /// The stop string of this index (as given to [`StopMatcher::new`]) is complete; the text before it is out.
    Matched(usize),
}

/// Cuts a stream of text at the first stop string.
///
/// The match that is complete first wins: as soon as the last byte of any stop string is there, the stream is cut before
/// it. Of several that are complete with the same byte, the one that begins first (the longest) wins; of equal ones, the
/// one given first. Held back is only what may still become a match, always whole code points.
#[derive(Debug, Clone, Default)]
pub struct StopMatcher {
    patterns: Vec<Pattern>,
    /// Text that is the beginning of some stop string.
    held: String,
    matched: Option<usize>,
}

/// A stop string as a Knuth-Morris-Pratt automaton.
#[derive(Debug, Clone)]
struct Pattern {
    bytes: Box<[u8]>,
    /// `fallback[n]`: length of the longest proper border of the first `n` bytes. `(bytes.len() + 1)`
    fallback: Box<[usize]>,
    /// Bytes matched so far.
    state: usize,
}

impl Pattern {
    fn new(text: &str) -> Result<Self> {
        let (mut bytes, mut fallback) = (Vec::new(), Vec::new());
        bytes.try_reserve_exact(text.len())?;
        bytes.extend_from_slice(text.as_bytes());
        fallback.try_reserve_exact(text.len() + 1)?;
        fallback.resize(text.len() + 1, 0);
        let mut border = 0;
        for end in 1..bytes.len() {
            while border > 0 && bytes[border] != bytes[end] {
                border = fallback[border];
            }
            border += usize::from(bytes[border] == bytes[end]);
            fallback[end + 1] = border;
        }
        Ok(Self { bytes: bytes.into(), fallback: fallback.into(), state: 0 })
    }

    /// Takes one byte; true: the whole stop string is there.
    fn step(&mut self, byte: u8) -> bool {
        while self.state > 0 && self.bytes[self.state] != byte {
            self.state = self.fallback[self.state];
        }
        self.state += usize::from(self.bytes[self.state] == byte);
        self.state == self.bytes.len()
    }
}

impl StopMatcher {
    /// Looks for any of `stops`; an empty one is never found.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn new<S: AsRef<str>>(stops: &[S]) -> Result<Self> {
        let mut patterns = Vec::new();
        patterns.try_reserve_exact(stops.len())?;
        for stop in stops {
            patterns.push(Pattern::new(stop.as_ref())?);
        }
        Ok(Self { patterns, ..Self::default() })
    }

    /// Takes the next `text` of the stream and appends to `out` what is certain to be no part of a stop string. After a
    /// match everything further is dropped, and the match is returned again.
    pub fn push(&mut self, text: &str, out: &mut String) -> StopScan {
        if let Some(index) = self.matched {
            return StopScan::Matched(index);
        }
        if self.patterns.is_empty() {
            out.push_str(text);
            return StopScan::Open;
        }
        let before = self.held.len();
        self.held.push_str(text);
        for (at, &byte) in text.as_bytes().iter().enumerate() {
            if let Some((index, length)) = self.step(byte) {
                out.push_str(&self.held[..before + at + 1 - length]);
                self.held.clear();
                self.matched = Some(index);
                return StopScan::Matched(index);
            }
        }
        let held_back = self.patterns.iter().map(|pattern| pattern.state).max().unwrap_or(0);
        let certain = self.held.len() - held_back;
        out.push_str(&self.held[..certain]);
        self.held.drain(..certain);
        StopScan::Open
    }

    /// Ends the stream: releases a beginning that never became a match.
    pub fn finish(&mut self, out: &mut String) {
        out.push_str(&self.held);
        self.held.clear();
        for pattern in &mut self.patterns {
            pattern.state = 0;
        }
    }

    /// Bytes held back because they may still become a match.
    pub fn held_back(&self) -> usize {
        self.held.len()
    }

    /// Feeds one byte to all patterns: index and length of the longest that is complete with it.
    fn step(&mut self, byte: u8) -> Option<(usize, usize)> {
        let mut best: Option<(usize, usize)> = None;
        for (index, pattern) in self.patterns.iter_mut().enumerate().filter(|(_, p)| !p.bytes.is_empty()) {
            if pattern.step(byte) && best.is_none_or(|(_, length)| pattern.bytes.len() > length) {
                best = Some((index, pattern.bytes.len()));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds the parts, checks that what is out plus what is held is always the text so far.
    fn run(stops: &[&str], parts: &[&str]) -> (String, StopScan) {
        let mut matcher = StopMatcher::new(stops).unwrap();
        let (mut out, mut seen, mut scan) = (String::new(), String::new(), StopScan::Open);
        for part in parts {
            scan = matcher.push(part, &mut out);
            seen.push_str(part);
            if scan == StopScan::Open {
                assert!(seen.starts_with(&out));
                assert_eq!(out.len() + matcher.held_back(), seen.len());
            }
        }
        matcher.finish(&mut out);
        (out, scan)
    }

    #[test]
    fn s29_a_stop_string_across_tokens_is_cut_exactly() {
        assert_eq!(
            run(&["STOP"], &["ab S", "T", "O", "P rest", "more"]),
            ("ab ".into(), StopScan::Matched(0))
        );
    }

    #[test]
    fn s29_a_near_miss_is_released() {
        assert_eq!(run(&["STOP"], &["a STO", "RM"]), ("a STORM".into(), StopScan::Open));
        assert_eq!(run(&["STOP"], &["a STO"]), ("a STO".into(), StopScan::Open));
        assert_eq!(run(&["aab"], &["aa", "ab"]), ("a".into(), StopScan::Matched(0)));
    }

    #[test]
    fn s29_of_two_stop_strings_the_first_to_complete_wins_and_is_named() {
        assert_eq!(run(&["\n\n", "END"], &["x E", "ND\n\n"]), ("x ".into(), StopScan::Matched(1)));
        assert_eq!(run(&["lo", "hello"], &["say hello"]), ("say ".into(), StopScan::Matched(1)));
        assert_eq!(run(&["abcd", "bc"], &["ab", "cd"]), ("a".into(), StopScan::Matched(1)));
    }

    #[test]
    fn only_a_possible_beginning_is_held_back() {
        let mut matcher = StopMatcher::new(&["世界"]).unwrap();
        let mut out = String::new();
        matcher.push("a世", &mut out);
        assert_eq!((out.as_str(), matcher.held_back()), ("a", 3));
        matcher.push("丗", &mut out);
        assert_eq!((out.as_str(), matcher.held_back()), ("a世丗", 0));
    }

    #[test]
    fn no_stop_string_and_an_empty_one_pass_everything() {
        assert_eq!(run(&[], &["abc"]), ("abc".into(), StopScan::Open));
        assert_eq!(run(&[""], &["abc"]), ("abc".into(), StopScan::Open));
    }

    proptest! {
        #[test]
        fn cuts_where_a_search_over_the_whole_text_would(
            stops in prop::collection::vec("[ab世]{1,4}", 1..4),
            parts in prop::collection::vec("[ab世]{0,4}", 0..8),
        ) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let borrowed: Vec<&str> = parts.iter().map(String::as_str).collect();
            let text = parts.concat();
            let first = stops
                .iter()
                .enumerate()
                .filter_map(|(index, stop)| text.find(stop).map(|at| (at + stop.len(), at, index)))
                .min();
            let expected = match first {
                Some((_, at, index)) => (text[..at].to_owned(), StopScan::Matched(index)),
                None => (text.clone(), StopScan::Open),
            };
            prop_assert_eq!(run(&stops, &borrowed), expected);
        }
    }
}
