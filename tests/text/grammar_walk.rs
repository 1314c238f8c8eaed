//! A made-up vocabulary, and random ways through grammars over it.
#![cfg(feature = "text")]

use crate::schemas::FAMILIES;
use crate::support::fuzz::Random;
use std::collections::BTreeSet;
use std::sync::Arc;
use wick::pause::Pauses;
use wick::text::grammar::{Bound, Grammar, GrammarKind};
use wick::text::{InPieces, Piece, RenderInput, Rendered, Vocab, done};

/// Tokens after which an answer counts as one that does not end.
pub const MOST: usize = 2_000;

/// A vocabulary of all bytes, what stands in the schemas, and an end: the longest token first, as tokenizers
/// that only join do.
pub struct Words {
    pieces: Vec<Vec<u8>>,
    end: [u32; 1],
}

impl Words {
    pub fn new() -> Arc<Self> {
        let mut pieces: BTreeSet<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
        for (_, text) in FAMILIES {
            for window in [2, 3, 5] {
                pieces.extend(text.as_bytes().windows(window).step_by(window + 2).map(<[u8]>::to_vec));
            }
        }
        for text in [
            "{\"", "\":", "\": \"", "\",", "\"}", "}", "]}", "}}", "null", "true", "false", " \"", "12",
            "2024",
        ] {
            pieces.insert(text.as_bytes().to_vec());
        }
        let mut pieces: Vec<Vec<u8>> = pieces.into_iter().collect();
        let end = pieces.len() as u32;
        pieces.push(b"<end>".to_vec());
        Arc::new(Self { pieces, end: [end] })
    }
}

impl Vocab for Words {
    fn len(&self) -> usize {
        self.pieces.len()
    }

    fn encode_in_pieces<'a>(
        &'a self,
        text: &'a str,
        _: bool,
        _: bool,
        out: &'a mut Vec<u32>,
        _: &'a mut Pauses<'_>,
    ) -> InPieces<'a> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let found = (1..=rest.len().min(8)).rev().find_map(|length| {
                let id = self.pieces[..self.end[0] as usize]
                    .binary_search_by(|piece| piece[..].cmp(&rest[..length]));
                id.ok().map(|id| (id as u32, length))
            });
            let (id, length) = found.expect("every byte is a token");
            out.push(id);
            rest = &rest[length..];
        }
        done(Ok(()))
    }

    fn piece(&self, id: u32) -> Option<Piece<'_>> {
        let bytes = self.pieces.get(id as usize)?;
        Some(Piece { bytes, special: id == self.end[0] })
    }

    fn bos(&self) -> Option<u32> {
        None
    }

    fn adds_bos(&self) -> bool {
        false
    }

    fn end_ids(&self) -> &[u32] {
        &self.end
    }

    fn longest_token(&self) -> usize {
        8
    }

    fn render_in_pieces<'a>(
        &'a self,
        _: &'a RenderInput<'_>,
        _: &'a mut Pauses<'_>,
    ) -> InPieces<'a, Rendered> {
        done(Ok(Rendered::default()))
    }
}

/// What a walk came to.
#[derive(Debug, PartialEq)]
pub enum Walk {
    Finished(Vec<u8>),
    Failed(String),
    Unfinished,
}

/// Follows `bound` with random choices that lean more and more to what ends and closes.
pub fn walk(bound: &mut Bound, vocab: &dyn Vocab, seed: u64) -> Walk {
    let (mut random, mut text) = (Random::new(seed), Vec::new());
    for step in 0..MOST {
        let mask = match bound.mask() {
            Ok(mask) => mask,
            Err(error) => return Walk::Failed(error.message().to_owned()),
        };
        let lean = step as f64 / 60.0;
        let score = |id: u32, noise: f64| {
            let bytes = vocab.piece(id).map_or(&[][..], |piece| piece.bytes);
            let closes = vocab.is_end(id) || bytes.first().is_some_and(|byte| b"\"]}".contains(byte));
            noise + if closes { lean } else { -lean * 0.2 * bytes.len() as f64 }
        };
        let set = mask.iter().enumerate().flat_map(|(word, bits)| {
            (0..32).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word as u32 * 32 + bit)
        });
        let scored = set.map(|id| (id, score(id, 4.0 * (random.next() >> 11) as f64 / (1u64 << 53) as f64)));
        let Some((token, _)) = scored.max_by(|one, other| one.1.total_cmp(&other.1)) else {
            return Walk::Failed("an empty mask".into());
        };
        if let Err(error) = bound.accept(token) {
            return Walk::Failed(error.message().to_owned());
        }
        if vocab.is_end(token) {
            return finished(bound, text);
        }
        text.extend_from_slice(vocab.piece(token).expect("a token").bytes);
        if bound.is_finished() {
            return finished(bound, text);
        }
    }
    Walk::Unfinished
}

fn finished(bound: &Bound, text: Vec<u8>) -> Walk {
    match bound.check_finished() {
        Ok(()) => Walk::Finished(text),
        Err(error) => Walk::Failed(error.message().to_owned()),
    }
}

/// A grammar as a host gives it.
pub fn grammar(kind: GrammarKind, text: &str) -> Grammar {
    Grammar { kind, text: text.to_owned() }
}
