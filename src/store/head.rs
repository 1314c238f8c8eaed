//! A save on its way out: all of it up to the records of keys and values, which follow one by one. Knows not
//! where it goes.

use super::checksum;
use super::faults::too_much;
use super::header::{Header, Kind};
use super::model::Model;
use super::past::Past;
use super::places::{Of, Places};
use super::session::{MAX_TOKENS, Session};
use crate::error::Result;

/// The beginning of a save.
pub struct Head {
    /// Its bytes, from the first one on.
    pub bytes: Vec<u8>,
    /// Bytes of the whole save.
    pub size: u64,
}

/// The beginning of a save of this session, with the newest of its places. With `past` its records follow
/// ([`Records`](super::Records)).
///
/// # Errors
/// `Unsupported`: the session has more than a save holds; `OutOfMemory`.
pub fn head(
    model: &Model,
    session: &Session,
    tokens: &[u32],
    places: Option<&Places>,
    past: Option<&Past>,
) -> Result<Head> {
    if tokens.len() > MAX_TOKENS {
        return Err(too_much(format_args!("it has {} tokens, a save at most {MAX_TOKENS}", tokens.len())));
    }
    let mut ids = Vec::new();
    ids.try_reserve_exact(tokens.len() * 4)?;
    tokens.iter().for_each(|id| ids.extend_from_slice(&id.to_le_bytes()));
    let mut contents =
        vec![(Kind::Model, model.encode()?), (Kind::Session, session.encode()?), (Kind::Tokens, ids)];
    if let Some(places) = places {
        // The model's own tokens are of its vocabulary.
        let of = Of { session, tokens: tokens.len(), vocab_size: usize::MAX };
        contents.push((Kind::Places, places.encode(of)?));
    }
    if let Some(past) = past {
        contents.push((Kind::Past, past.encode()?));
    }
    let mut lengths: Vec<_> = contents.iter().map(|(kind, bytes)| (*kind, bytes.len() as u64)).collect();
    if let Some(past) = past {
        let total = past.total().ok_or_else(|| too_much("its keys and values are too large"))?;
        lengths.push((Kind::Records, total));
    }
    let header = Header::of(&lengths)?;
    let mut bytes = header.encode();
    let end = header.sections.last().map_or(0, |section| match section.kind {
        Kind::Records => section.offset,
        _ => header.size,
    });
    bytes.try_reserve_exact((end as usize).saturating_sub(bytes.len()))?;
    for (kind, content) in &contents {
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(&checksum::of(kind.seed(), content));
    }
    Ok(Head { bytes, size: header.size })
}
