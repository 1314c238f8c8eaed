//! The judge of fuzzed grammars: whatever a text says, it is followed to an end, to an error that says why,
//! or for a while; or it is refused.

use super::Random;
use std::sync::Arc;
use wick::error::{Error, ErrorKind};
use wick::testing::{Script, model};
use wick::text::Vocab;
use wick::text::grammar::{Grammar, GrammarKind, Grammars};

/// Tokens that are followed.
const STEPS: usize = 200;

const KINDS: [GrammarKind; 4] =
    [GrammarKind::JsonSchema, GrammarKind::Regex, GrammarKind::Lark, GrammarKind::Gbnf];

/// Compiles what `bytes` say, of the kind that their first says, and follows it; whether that could be done.
/// Panics where a promise is broken.
pub fn judge(bytes: &[u8]) -> bool {
    let Some((kind, text)) = bytes.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let vocab: Arc<dyn Vocab> = model(&Script::default()).0.1;
    let grammar = Grammar { kind: KINDS[usize::from(*kind) % KINDS.len()], text: text.to_owned() };
    let mut bound = match Grammars::default().bind(&grammar, &vocab) {
        Ok(bound) => bound,
        Err(error) => return fits(&error),
    };
    if let Err(error) = bound.begin("", None) {
        return fits(&error);
    }
    let mut random = Random::new(bytes.len() as u64);
    let mut said = Vec::new();
    for _ in 0..STEPS {
        if bound.is_finished() {
            break;
        }
        let mask = match bound.mask() {
            Ok(mask) => mask,
            Err(error) => return fits(&error),
        };
        let allowed: Vec<u32> =
            (0..vocab.len() as u32).filter(|id| mask[*id as usize / 32] >> (id % 32) & 1 == 1).collect();
        assert!(!allowed.is_empty(), "a mask without a token");
        let token = random.pick(&allowed);
        if let Err(error) = bound.accept(token) {
            return fits(&error);
        }
        if vocab.is_end(token) {
            break;
        }
        said.extend_from_slice(vocab.piece(token).expect("a token").bytes);
    }
    if bound.is_finished() && grammar.kind == GrammarKind::JsonSchema {
        match bound.check_finished() {
            Ok(()) => assert!(serde_json::from_slice::<serde_json::Value>(&said).is_ok()),
            Err(error) => return fits(&error),
        }
    }
    true
}

fn fits(error: &Error) -> bool {
    assert_eq!(error.kind(), ErrorKind::Grammar, "{error}");
    assert!(error.message().len() > 10, "{error}");
    false
}
