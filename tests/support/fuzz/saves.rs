//! Saves: mutations of what their sections hold, under checksums that fit, and the judge of what is read.

use super::{Random, bytes};
use wick::error::{Error, ErrorKind, Result};
use wick::store::parts::{put_together, take_apart};
use wick::store::{Opened, Records, head};

/// Tokens of the vocabulary that saves are read for.
pub const VOCABULARY: usize = 1000;

/// A save with a few things in its sections, or its bytes, changed for the worse; `None`: it is no save.
pub fn mutant(random: &mut Random, save: &[u8]) -> Option<Vec<u8>> {
    let sections = Some(save).filter(|save| save.starts_with(b"wicksave")).and_then(take_apart);
    let mut sections = sections.filter(|sections| !sections.is_empty())?;
    let mut version = 1;
    for _ in 0..random.pick(&[1, 1, 2, 4]) {
        let at = random.below(sections.len());
        match random.below(16) {
            0 => sections[at].0 = random.below(9) as u32,
            1 => sections[at].1 = random.below(3) as u32,
            2 => sections.push(sections[at].clone()),
            3 if sections.len() > 1 => drop(sections.remove(at)),
            4 => {
                let other = random.below(sections.len());
                sections.swap(at, other);
            }
            5 => version = random.pick(&[0, 1, 2, u32::MAX]),
            _ => bytes::mutate(random, &mut sections[at].2),
        }
    }
    let mut save = put_together(version, &sections);
    if random.below(8) == 0 {
        bytes::mutate(random, &mut save);
    }
    Some(save)
}

/// Reads all of a save, as a restore does; whether it is one. Panics where a promise is broken.
pub fn judge(save: &[u8]) -> bool {
    match read(save) {
        Ok(()) => true,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Io | ErrorKind::Unsupported), "{error}");
            assert!(error.message().len() < 1000, "{error}");
            false
        }
    }
}

fn read(save: &[u8]) -> Result<()> {
    let mut at = |offset: u64, to: &mut [u8]| {
        let start = usize::try_from(offset).ok();
        let from = start.and_then(|start| save.get(start..start.checked_add(to.len())?));
        to.copy_from_slice(from.ok_or_else(|| Error::new(ErrorKind::Io, "beyond the end"))?);
        Ok(())
    };
    let opened = Opened::read(save.len() as u64, &mut at)?;
    let (model, session) = (opened.model(&mut at)?, opened.session(&mut at)?);
    let tokens = opened.tokens(VOCABULARY, &mut at)?;
    let places = opened.places(&session, tokens.len(), VOCABULARY, &mut at)?;
    let past = opened.past(tokens.len(), &mut at)?;
    if let Some((past, mut offset)) = past.clone() {
        let mut records = Records::new(past);
        while let Some(left) = records.left() {
            // No more than there is: the length of all records was compared with the section's.
            let mut contents = vec![0; left];
            at(offset, &mut contents)?;
            offset += left as u64;
            records.take(&contents);
            let mut sum = [0; Records::CHECKSUM];
            at(offset, &mut sum)?;
            records.check(sum, offset)?;
            offset += sum.len() as u64;
        }
    }
    // What was read can be written, and is then read as the same.
    let past = past.map(|(past, _)| past);
    let written = match head(&model, &session, &tokens, places.as_ref(), past.as_ref()) {
        Ok(written) => written,
        Err(error) => panic!("what was read cannot be written: {error}"),
    };
    let mut again = |offset: u64, to: &mut [u8]| {
        to.copy_from_slice(&written.bytes[offset as usize..][..to.len()]);
        Ok(())
    };
    let opened = Opened::read(written.size, &mut again)?;
    assert_eq!(opened.model(&mut again)?, model);
    assert_eq!(opened.session(&mut again)?, session);
    assert_eq!(opened.tokens(VOCABULARY, &mut again)?, tokens);
    assert_eq!(opened.places(&session, tokens.len(), VOCABULARY, &mut again)?, places);
    assert_eq!(opened.past(tokens.len(), &mut again)?.map(|(past, _)| past), past);
    Ok(())
}
