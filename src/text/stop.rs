//! Stop strings over a stream of text; knows neither tokens nor why the text is wanted.

use crate::error::Result;
use std::ops::Range;

/// What [`StopMatcher::push`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopScan {
    /// No stop string is complete: go on.
    Open,
    /// The stop string of this index (as given to [`StopMatcher::new`]) is complete; the text before it is
    /// out.
    Matched(usize),
}

/// Cuts a stream of text at the first stop string.
///
/// The match that is complete first wins: as soon as the last byte of any stop string is there, the stream is
/// cut before it. Of several that are complete with the same byte, the one that begins first (the longest)
/// wins; of equal ones, the one given first. Held back is only what may still become a match, always whole
/// code points.
///
/// Parts of the stream may be hidden: they match, whole or not at all, and never come out.
#[derive(Debug, Clone, Default)]
pub struct StopMatcher {
    patterns: Vec<Pattern>,
    /// Text that is the beginning of some stop string, from the begin of a hidden part on if it would begin
    /// inside.
    held: String,
    /// What of it is hidden, ascending.
    hidden: Vec<Range<usize>>,
    matched: Option<usize>,
    /// How many hidden parts the match has.
    hidden_in_match: usize,
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

    /// Takes the next `text` of the stream and appends to `out` what is certain to be no part of a stop
    /// string. After a match everything further is dropped, and the match is returned again.
    pub fn push(&mut self, text: &str, out: &mut String) -> StopScan {
        if self.patterns.is_empty() {
            out.push_str(text);
        }
        self.take(text, out)
    }

    /// As [`push`](Self::push), for a part that is not shown: the text of a control token.
    pub fn push_hidden(&mut self, text: &str, out: &mut String) -> StopScan {
        if !self.patterns.is_empty() && self.matched.is_none() && !text.is_empty() {
            let start = self.held.len();
            self.hidden.push(start..start + text.len());
        }
        self.take(text, out)
    }

    fn take(&mut self, text: &str, out: &mut String) -> StopScan {
        if let Some(index) = self.matched {
            return StopScan::Matched(index);
        }
        if self.patterns.is_empty() {
            return StopScan::Open;
        }
        let before = self.held.len();
        self.held.push_str(text);
        for (end, &byte) in (before + 1..).zip(text.as_bytes()) {
            if let Some((index, length)) = self.step(byte, end) {
                let start = end - length;
                self.show(start, out);
                self.hidden_in_match =
                    self.hidden.iter().filter(|part| part.start >= start && part.end <= end).count();
                self.held.clear();
                self.hidden.clear();
                self.matched = Some(index);
                return StopScan::Matched(index);
            }
        }
        let held_back = self.patterns.iter().map(|pattern| pattern.state).max().unwrap_or(0);
        let certain = self.held.len() - held_back;
        let cut = self.hidden.iter().find(|part| part.start < certain && certain < part.end);
        self.release(cut.map_or(certain, |part| part.start), out);
        StopScan::Open
    }

    /// Ends the stream: releases a beginning that never became a match.
    pub fn finish(&mut self, out: &mut String) {
        self.release(self.held.len(), out);
        for pattern in &mut self.patterns {
            pattern.state = 0;
        }
    }

    /// Bytes held back because they may still become a match.
    pub fn held_back(&self) -> usize {
        self.held.len()
    }

    /// How many hidden parts of the stream belong to the match.
    pub fn hidden_in_match(&self) -> usize {
        self.hidden_in_match
    }

    /// Appends what is shown of the first `end` bytes held.
    fn show(&self, end: usize, out: &mut String) {
        let mut done = 0;
        for part in self.hidden.iter().take_while(|part| part.start < end) {
            out.push_str(&self.held[done..part.start]);
            done = part.end;
        }
        out.push_str(self.held.get(done..end).unwrap_or_default());
    }

    /// Lets go of the first `end` bytes held, which split no hidden part.
    fn release(&mut self, end: usize, out: &mut String) {
        self.show(end, out);
        self.held.drain(..end);
        self.hidden.retain(|part| part.start >= end);
        self.hidden.iter_mut().for_each(|part| *part = part.start - end..part.end - end);
    }

    /// Feeds the byte before `end` to all patterns: index and length of the longest that is complete with it.
    fn step(&mut self, byte: u8, end: usize) -> Option<(usize, usize)> {
        let hidden = &self.hidden;
        let splits = |at: usize| hidden.iter().any(|part| part.start < at && at < part.end);
        let mut best: Option<(usize, usize)> = None;
        for (index, pattern) in self.patterns.iter_mut().enumerate().filter(|(_, p)| !p.bytes.is_empty()) {
            let length = pattern.bytes.len();
            if !pattern.step(byte) {
                continue;
            }
            if splits(end) || splits(end - length) {
                pattern.state = pattern.fallback[length];
            } else if best.is_none_or(|(_, longest)| length > longest) {
                best = Some((index, length));
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

    /// Feeds the parts, of which those after `!` are hidden.
    fn run_hidden(stops: &[&str], parts: &[&str]) -> (String, StopScan, usize) {
        let mut matcher = StopMatcher::new(stops).unwrap();
        let (mut out, mut scan) = (String::new(), StopScan::Open);
        for part in parts {
            scan = match part.strip_prefix('!') {
                Some(hidden) => matcher.push_hidden(hidden, &mut out),
                None => matcher.push(part, &mut out),
            };
        }
        matcher.finish(&mut out);
        (out, scan, matcher.hidden_in_match())
    }

    #[test]
    fn s29_a_hidden_part_matches_whole_or_not_at_all_and_is_never_shown() {
        let matched = |text: &str, hidden| (text.to_owned(), StopScan::Matched(0), hidden);
        let open = |text: &str| (text.to_owned(), StopScan::Open, 0);
        assert_eq!(run_hidden(&["<end>"], &["a", "!<end>", "b"]), matched("a", 1));
        assert_eq!(run_hidden(&["<end>"], &["a", "!<x>", "b<", "!end>", "c"]), matched("ab", 1));
        assert_eq!(run_hidden(&["b<end>\n"], &["ab", "!<end>", "\n c"]), matched("a", 1));
        assert_eq!(run_hidden(&["<a><b>"], &["x", "!<a>", "!<a>", "!<b>"]), matched("x", 2));
        assert_eq!(run_hidden(&["<"], &["a", "!<end>", "b", "<c"]), matched("ab", 0));
        assert_eq!(run_hidden(&["end>"], &["a", "!<end>", "end", "d"]), open("aendd"));
        assert_eq!(run_hidden(&["d>x"], &["a", "!<end>", "x", "!<end>", "y"]), open("axy"));
        assert_eq!(run_hidden(&["a<e"], &["a", "!<end>", "b"]), open("ab"));
        assert_eq!(run_hidden(&[], &["a", "!<end>", "b"]), open("ab"));
    }

    #[test]
    fn no_stop_string_and_an_empty_one_pass_everything() {
        assert_eq!(run(&[], &["abc"]), ("abc".into(), StopScan::Open));
        assert_eq!(run(&[""], &["abc"]), ("abc".into(), StopScan::Open));
    }

    /// The end of the first place where a stop string lies that splits no hidden part, and what is shown
    /// before it.
    fn search(stops: &[&str], parts: &[&str]) -> (String, StopScan) {
        let (mut text, mut hidden) = (String::new(), Vec::new());
        for part in parts {
            let start = text.len();
            text.push_str(part.trim_start_matches('!'));
            if part.starts_with('!') {
                hidden.push(start..text.len());
            }
        }
        let text = text.as_str();
        let splits = |at: usize| hidden.iter().any(|part| part.start < at && at < part.end);
        let places = stops.iter().enumerate().flat_map(|(index, stop)| {
            (0..text.len())
                .filter(move |at| text[*at..].starts_with(*stop))
                .map(move |at| (at + stop.len(), at, index))
        });
        let first = places.filter(|(end, at, _)| !splits(*end) && !splits(*at)).min();
        let (end, scan) =
            first.map_or((text.len(), StopScan::Open), |(_, at, index)| (at, StopScan::Matched(index)));
        let shown = (0..end).filter(|at| !hidden.iter().any(|part| part.contains(at)));
        (shown.map(|at| char::from(text.as_bytes()[at])).collect(), scan)
    }

    proptest! {
        #[test]
        fn hidden_parts_are_cut_as_by_a_search_over_the_whole_text(
            stops in prop::collection::vec("[ab<>]{1,4}", 1..4),
            parts in prop::collection::vec("!?[ab<>]{0,3}", 0..10),
        ) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let (out, scan, _) = run_hidden(&stops, &parts);
            prop_assert_eq!((out, scan), search(&stops, &parts));
        }

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
