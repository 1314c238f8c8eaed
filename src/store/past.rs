//! What a save says of the keys, values and states in it: what they are, of which past, in which order. Knows
//! no contents.

use super::checksum::CHECKSUM;
use super::faults::damaged;
use super::fields::{Field, Fields, Writer};
use crate::error::Result;
use crate::kv::{CacheSpec, Group, Image, Keeps, Part};

const LAYOUT: u32 = 1;
const BLOCK: u32 = 2;
const LENGTH: u32 = 3;
const GROUP: u32 = 4;
const PLACES: u32 = 5;

/// Groups of layers that keep the same.
const MAX_GROUPS: usize = 64;
/// Tokens of a block.
const MAX_BLOCK: usize = 1 << 16;

/// A past in a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// What the bytes mean ([`crate::kv::Storage::layout`]).
    pub layout: String,
    /// Tokens of a block.
    pub block: usize,
    /// What layers keep.
    pub groups: Vec<PastGroup>,
    /// Which blocks and states there are.
    pub image: Image,
}

/// Layers that keep the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastGroup {
    /// What they keep.
    pub keeps: Keeps,
    /// Bytes of a block, or of a state.
    pub bytes: usize,
}

impl Past {
    /// Bytes of a record: of the block or state that `part` is.
    pub fn bytes(&self, part: Part) -> usize {
        self.groups.get(part.group).map_or(0, |group| group.bytes)
    }

    /// Bytes of all records with their checksums; `None`: more than can be counted.
    pub(super) fn total(&self) -> Option<u64> {
        let mut total = 0u64;
        for (index, group) in self.groups.iter().enumerate() {
            let each = group.bytes as u64 + CHECKSUM as u64;
            total = total.checked_add(each.checked_mul(self.image.count(index) as u64)?)?;
        }
        Some(total)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        writer.put(LAYOUT, self.layout.as_bytes())?;
        writer.put(BLOCK, &(self.block as u64).to_le_bytes())?;
        writer.put(LENGTH, &(self.image.length() as u64).to_le_bytes())?;
        for (index, group) in self.groups.iter().enumerate() {
            let (kind, window) = match group.keeps {
                Keeps::All => (0, 0),
                Keeps::Window(window) => (1, window),
                Keeps::State => (2, 0),
            };
            let first = self.image.blocks(index).map_or(0, |blocks| blocks.start);
            let numbers = [kind, window as u64, group.bytes as u64, first as u64];
            let mut bytes = [0; 32];
            for (to, number) in bytes.chunks_exact_mut(8).zip(numbers) {
                to.copy_from_slice(&number.to_le_bytes());
            }
            writer.put(GROUP, &bytes)?;
        }
        let places = self.image.places().iter().flat_map(|place| (*place as u64).to_le_bytes());
        writer.put(PLACES, &places.collect::<Vec<u8>>())?;
        Ok(writer.into_bytes())
    }

    /// `tokens`: how many the session has; the section lies at `offset`.
    pub(super) fn decode(mut fields: Fields<'_>, tokens: usize, offset: u64) -> Result<Self> {
        let (mut layout, mut block, mut length, mut places) = (None, 0, 0, Vec::new());
        let (mut groups, mut firsts) = (Vec::new(), Vec::new());
        while let Some(field) = fields.next()? {
            match field.number {
                LAYOUT => field.once(&mut layout, field.text()?)?,
                BLOCK => block = field.size()?,
                LENGTH => length = field.size()?,
                GROUP if groups.len() < MAX_GROUPS => {
                    let (group, first) = group(&field)?;
                    groups.push(group);
                    firsts.push(first);
                }
                GROUP => return Err(field.fault("too many groups")),
                PLACES => {
                    let parts = field.parts::<8>()?;
                    places.try_reserve_exact(parts.len())?;
                    places.extend(parts.iter().map(|part| u64::from_le_bytes(*part) as usize));
                }
                _ => field.unknown()?,
            }
        }
        let fault = |what: &str| damaged("keys and values", offset, what);
        if groups.is_empty() || !(1..=MAX_BLOCK).contains(&block) || !(1..=tokens).contains(&length) {
            return Err(fault("no past of this session is like that"));
        }
        let spec_groups = groups.iter().map(|group| Group { keeps: group.keeps, bytes: 0 }).collect();
        let spec = CacheSpec { block, groups: spec_groups, shares: true, rewinds: true };
        let ascending = places.windows(2).all(|pair| pair[0] < pair[1]) && places.first() != Some(&0);
        if places.last().copied() != spec.has_state().then_some(length) || !ascending {
            return Err(fault("no states of such a past are at these places"));
        }
        let mut image = Image::new(&spec, length, places);
        for (index, first) in firsts.into_iter().enumerate() {
            let seen = image.blocks(index).map_or(0, |blocks| blocks.start);
            if first > seen || first + 1 < seen {
                return Err(fault("a group's blocks begin elsewhere"));
            }
            image = image.beginning_at(index, first);
        }
        let layout = layout.ok_or_else(|| fault("what they are is not said"))?;
        Ok(Self { layout, block, groups, image })
    }
}

/// A group, and its first block.
fn group(field: &Field<'_>) -> Result<(PastGroup, usize)> {
    let [kind, window, bytes, first] = field.parts::<8>()? else {
        return Err(field.fault("it has another size"));
    };
    let number = |bytes: &[u8; 8]| {
        usize::try_from(u64::from_le_bytes(*bytes)).map_err(|_| field.fault("a number is too great"))
    };
    let keeps = match (number(kind)?, number(window)?) {
        (0, 0) => Keeps::All,
        (1, window @ 1..) => Keeps::Window(window),
        (2, 0) => Keeps::State,
        _ => return Err(field.fault("layers keep nothing of the kind")),
    };
    match number(bytes)? {
        0 => Err(field.fault("blocks of no bytes")),
        bytes => Ok((PastGroup { keeps, bytes }, number(first)?)),
    }
}
