//! A save taken apart and put together again with fitting checksums, whatever its sections hold: for tests.
//! Knows no field.

use super::checksum::{self, CHECKSUM};
use super::header::{ENTRY, FIXED, Kind, header_checksum};

/// A section: its number, its flags, its bytes.
pub type Section = (u32, u32, Vec<u8>);

/// The sections of a save, if its table can be read.
pub fn take_apart(save: &[u8]) -> Option<Vec<Section>> {
    let number = |at: usize, size: usize| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(save.get(at..at + size)?);
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
    let section = |index: usize| {
        let at = FIXED + index * ENTRY;
        let (offset, length) = (number(at + 8, 8)?, number(at + 16, 8)?);
        let bytes = save.get(offset..offset.checked_add(length)?)?;
        Some((number(at, 4)? as u32, number(at + 4, 4)? as u32, bytes.to_vec()))
    };
    (0..number(12, 4)?.min(64)).map(section).collect()
}

/// A save of these sections, of a format's `version`.
pub fn put_together(version: u32, sections: &[Section]) -> Vec<u8> {
    let behind = |kind: u32| if kind == Kind::Records as u32 { 0 } else { CHECKSUM };
    let table = FIXED + sections.len() * ENTRY;
    let size = sections.iter().fold(table, |size, (kind, _, bytes)| size + bytes.len() + behind(*kind));
    let mut save = b"wicksave".to_vec();
    save.extend(version.to_le_bytes());
    save.extend((sections.len() as u32).to_le_bytes());
    save.extend((size as u64).to_le_bytes());
    save.extend([0; CHECKSUM]);
    let mut offset = table;
    for (kind, flags, bytes) in sections {
        save.extend(kind.to_le_bytes());
        save.extend(flags.to_le_bytes());
        save.extend((offset as u64).to_le_bytes());
        save.extend((bytes.len() as u64).to_le_bytes());
        offset += bytes.len() + behind(*kind);
    }
    let sum = header_checksum(&save);
    save[FIXED - CHECKSUM..FIXED].copy_from_slice(&sum);
    for (kind, _, bytes) in sections {
        save.extend(bytes);
        if *kind != Kind::Records as u32 {
            save.extend(checksum::of(u64::from(*kind), bytes));
        }
    }
    save
}
