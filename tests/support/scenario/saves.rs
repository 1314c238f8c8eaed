//! What tests of saves share: a storage in memory, a save and a restore through it.

use super::{House, read};
use std::sync::{Arc, Mutex};
use wick::error::{Error, ErrorKind, Result};
use wick::runtime::{EndReason, EventKind, Reading, SavePlace, Session, WriteAt};
use wick::{ReadAt, Source};

/// A host's storage.
#[derive(Clone, Default)]
pub struct Storage(Arc<Mutex<Vec<u8>>>);

impl Storage {
    pub fn place(&self) -> SavePlace {
        SavePlace::Storage(Box::new(self.clone()))
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl WriteAt for Storage {
    fn write_at(&mut self, offset: u64, src: &[u8]) -> Result<()> {
        let mut bytes = self.0.lock().unwrap();
        assert_eq!(offset, bytes.len() as u64, "ascending and without gaps");
        bytes.extend_from_slice(src);
        Ok(())
    }
}

/// What saves are read from.
struct Bytes(Vec<u8>);

impl ReadAt for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, dst: &mut [u8]) -> Result<()> {
        let at = offset as usize;
        dst.copy_from_slice(
            self.0.get(at..at + dst.len()).ok_or_else(|| Error::new(ErrorKind::Io, "short"))?,
        );
        Ok(())
    }
}

/// Somewhere that is not looked at.
pub fn nowhere() -> SavePlace {
    Storage::default().place()
}

/// The session's save.
#[track_caller]
pub fn saved(session: &Session, with_kv: bool) -> Vec<u8> {
    let storage = Storage::default();
    let told = read(&mut session.save(storage.place(), with_kv, Reading::default()).expect("a save begins"));
    assert_eq!(told.end.reason, EndReason::Ready, "{:?}", told.end);
    let bytes = storage.bytes();
    let progress = told.events.iter().rev().find_map(|event| match event.kind {
        EventKind::Progress { done, total } => Some((done, total)),
        _ => None,
    });
    assert_eq!(progress, Some((bytes.len() as u64, bytes.len() as u64)));
    bytes
}

/// What a save is read from.
pub fn of(bytes: &[u8]) -> Source {
    Source::Reader(Box::new(Bytes(bytes.to_vec())))
}

/// The session of a save.
#[track_caller]
pub fn restored(house: &House, bytes: &[u8]) -> Session {
    let (session, mut stream) = house.model.restore(of(bytes), Reading::default()).expect("a restore begins");
    let told = read(&mut stream);
    assert_eq!(told.end.reason, EndReason::Ready, "{:?}", told.end);
    session
}

/// Why a save is not restored.
#[track_caller]
pub fn refused(house: &House, source: Source) -> Error {
    let (_session, mut stream) = house.model.restore(source, Reading::default()).expect("a restore begins");
    read(&mut stream).error().clone()
}
