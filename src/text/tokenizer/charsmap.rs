//! SentencePiece's table of characters that become others (`precompiled_charsmap`). Knows no tokens.
//!
//! The blob: the bytes of a double-array trie (u32, little-endian), its units (u32 each), then texts that end
//! with NUL. A unit's bits: 0 to 7 the byte that leads to it, 8 whether a key ends below it, 9 whether its
//! offset is in units of 256, 10 to 30 the offset, 31 whether it is a value (Darts-clone).

use super::data::invalid;
use crate::error::Result;

/// Bytes of a key, and of the text that it becomes, at most (published tables: 18 and 33).
const LONGEST: usize = 64;

/// What texts become; empty: they stay.
#[derive(Debug, Clone, Default)]
pub(super) struct CharsMap {
    units: Vec<u32>,
    texts: String,
}

impl CharsMap {
    /// Checks a blob; an empty one changes nothing.
    ///
    /// # Errors
    /// `ModelInvalid`, saying what is wrong with it.
    pub(super) fn new(blob: &[u8]) -> Result<Self> {
        if blob.is_empty() {
            return Ok(Self::default());
        }
        let wrong = |what: String| invalid(format!("tokenizer.ggml.precompiled_charsmap: {what}"));
        let size = blob.first_chunk().map_or(0, |size| u32::from_le_bytes(*size) as usize);
        let trie =
            blob.get(4..).and_then(|rest| rest.get(..size)).filter(|_| size > 0 && size.is_multiple_of(4));
        let Some(trie) = trie else {
            return Err(wrong(format!("a trie of {size} bytes in {}", blob.len())));
        };
        let texts = std::str::from_utf8(&blob[4 + size..]).map_err(|e| wrong(format!("its texts: {e}")))?;
        let Some(inner) = texts.strip_suffix('\0') else {
            return Err(wrong("its texts do not end with NUL".to_owned()));
        };
        if let Some(text) = inner.split('\0').find(|text| text.len() > LONGEST) {
            return Err(wrong(format!("a text of {} bytes; at most {LONGEST} are possible", text.len())));
        }
        let mut units = Vec::new();
        units.try_reserve_exact(size / 4)?;
        units.extend(
            trie.chunks_exact(4).map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]])),
        );
        Ok(Self { units, texts: texts.to_owned() })
    }

    /// The longest key that `text` begins with: its bytes, and what they become.
    pub(super) fn find(&self, text: &str) -> Option<(usize, &str)> {
        let mut at = offset(*self.units.first()?);
        let mut found = None;
        for (&byte, length) in text.as_bytes().iter().zip(1..=LONGEST) {
            at ^= usize::from(byte);
            let Some(&unit) = self.units.get(at) else { break };
            if unit & (1 << 31 | 0xFF) != u32::from(byte) {
                break;
            }
            at ^= offset(unit);
            let value = self.units.get(at).filter(|_| unit & 1 << 8 != 0).map(|unit| unit & !(1 << 31));
            let becomes = value.and_then(|value| self.texts.get(value as usize..)?.split('\0').next());
            if let Some(becomes) = becomes.filter(|_| text.is_char_boundary(length)) {
                found = Some((length, becomes));
            }
        }
        found
    }
}

/// How far a unit's children are from it.
fn offset(unit: u32) -> usize {
    ((unit >> 10) as usize) << ((unit & 1 << 9) >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trie of the keys "a" and "é", which become "bb" and nothing.
    fn blob() -> Vec<u8> {
        let mut units = vec![0u32; 1024];
        let base = |offset: u32| offset << 10;
        units[0] = base(256);
        let child = |at: usize, byte: u8| at ^ usize::from(byte);
        units[child(256, b'a')] = u32::from(b'a') | 1 << 8 | base(child(256, b'a') as u32 ^ 700);
        units[700] = 1 << 31;
        units[child(256, 0xC3)] = 0xC3 | base(child(256, 0xC3) as u32 ^ 512);
        units[child(512, 0xA9)] = 0xA9 | 1 << 8 | base(child(512, 0xA9) as u32 ^ 701);
        units[701] = 1 << 31 | 3;
        let mut blob = (4 * units.len() as u32).to_le_bytes().to_vec();
        blob.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        blob.extend_from_slice(b"bb\0\0");
        blob
    }

    #[test]
    fn keys_become_their_texts() {
        let map = CharsMap::new(&blob()).unwrap();
        assert_eq!(map.find("abc"), Some((1, "bb")));
        assert_eq!(map.find("é"), Some((2, "")));
        assert_eq!((map.find("ê"), map.find("b"), map.find("")), (None, None, None));
        assert_eq!(CharsMap::new(&[]).unwrap().find("a"), None);
    }

    #[test]
    fn f6_hostile_tables_are_refused_and_lead_nowhere() {
        let refused = |blob: &[u8]| CharsMap::new(blob).unwrap_err().message().to_owned();
        assert!(refused(&[1]).contains("a trie of 0 bytes in 1"));
        assert!(refused(&[255, 255, 255, 255, 0]).contains("a trie of 4294967295 bytes in 5"));
        assert!(refused(&[3, 0, 0, 0, 1, 2, 3, 0]).contains("a trie of 3 bytes"));
        assert!(refused(&blob()[..4100]).contains("NUL"));
        let ending = |texts: &[u8]| [&blob()[..4100], texts].concat();
        assert!(refused(&ending(&[0xFF, 0])).contains("utf-8"));
        assert!(refused(&ending(&[[b'x'; 65].as_slice(), &[0]].concat())).contains("65 bytes"));
        // Values beyond the texts, and a trie without an end.
        assert_eq!(CharsMap::new(&ending(&[0])).unwrap().find("é"), None);
        let mut endless = 4u32.to_le_bytes().to_vec();
        endless.extend_from_slice(&[0, 0, 0, 0, 0]);
        assert_eq!(CharsMap::new(&endless).unwrap().find(&"\0".repeat(100)), None);
    }
}
