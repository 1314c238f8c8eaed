//! A past leaves a cache, or comes into one, piece by piece while others compute. Knows no pass and no
//! format.

use super::cache::{Cache, stale};
use super::image::{At, Cursor, Image};
use super::store::{NO_BLOCK, Storage};
use super::table::Sequence;
use super::tree::Ids;
use crate::error::{Error, ErrorKind, Result};
use smallvec::SmallVec;

/// A past on its way elsewhere.
#[derive(Debug)]
pub struct Export {
    sequence: Sequence,
    image: Image,
    /// The states at the image's places, held for the time of the export.
    states: Vec<Ids>,
    cursor: Cursor,
    /// Pieces that are read of the part at the cursor.
    piece: usize,
}

/// A past on its way into a cache.
#[derive(Debug)]
pub struct Import {
    sequence: Sequence,
    image: Image,
    cursor: Cursor,
    /// Pieces that are written of the part at the cursor.
    piece: usize,
    /// The states of the place at the cursor that are taken, by group.
    states: Ids,
}

impl Export {
    /// What is copied.
    pub fn image(&self) -> &Image {
        &self.image
    }
}

impl Import {
    /// The sequence that it becomes.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Whether all of it is there.
    pub fn is_done(&self) -> bool {
        self.image.find(self.cursor).is_none()
    }
}

impl Cache {
    /// What is known of the first `length` of `tokens`, of which the sequence holds a beginning, to be copied
    /// elsewhere piece by piece ([`Cache::read`]); `None`: nothing. It stays as it is until
    /// [`Cache::end_export`], whatever becomes of the sequence.
    ///
    /// # Errors
    /// `StaleHandle` for a sequence that is closed; `OutOfMemory`.
    pub fn export(
        &mut self,
        from: Sequence,
        length: usize,
        tokens: &[u32],
        storage: &mut dyn Storage,
    ) -> Result<Option<Export>> {
        let sequence = self.fork(from, length, storage)?;
        let length = self.seek(sequence, tokens, tokens.len(), storage);
        if length == 0 {
            self.close(sequence, storage);
            return Ok(None);
        }
        let (table, mut all) = self.parts(sequence, storage);
        let (places, states) = table.map(|table| table.hold_states(&mut all)).unwrap_or_default();
        let mut image = Image::new(&self.spec, length, places);
        for group in 0..self.pools.len() {
            let before = image.blocks(group).and_then(|blocks| blocks.start.checked_sub(1));
            if let Some(first) = before.filter(|first| {
                self.table(sequence).is_some_and(|table| table.row(*first)[group] != NO_BLOCK)
            }) {
                image = image.beginning_at(group, first);
            }
        }
        Ok(Some(Export { sequence, image, states, cursor: Cursor::default(), piece: 0 }))
    }

    /// Appends the next piece of an export to `out`; false: there is none left.
    ///
    /// # Errors
    /// `Internal`: a part is not there.
    pub fn read(&self, export: &mut Export, storage: &dyn Storage, out: &mut Vec<u8>) -> Result<bool> {
        let Some((cursor, part)) = export.image.find(export.cursor) else { return Ok(false) };
        let place = match part.at {
            At::Place(place) => export.image.places().iter().position(|at| *at == place),
            At::Block(_) => None,
        };
        let states = place.and_then(|index| export.states.get(index));
        let located =
            self.table(export.sequence).and_then(|table| table.locate(part, states, self.spec.block));
        let (id, tokens) = located.ok_or_else(|| Error::new(ErrorKind::Internal, "a block went astray"))?;
        storage.read(part.group, id, tokens, export.piece, out);
        (export.cursor, export.piece) = behind(cursor, export.piece, storage.pieces(part.group).count);
        Ok(true)
    }

    /// Lets go of what an export has held.
    pub fn end_export(&mut self, export: Export, storage: &mut dyn Storage) {
        let mut all = self.all(storage);
        for ids in &export.states {
            ids.iter().enumerate().for_each(|(group, id)| all.release(group, Some(*id)));
        }
        self.close(export.sequence, storage);
    }

    /// A new sequence that is to hold what `image` is of: the beginning of `tokens`. What is there already is
    /// not taken again ([`Import::is_done`]). `context` and `key` as in [`Cache::open`].
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn import(
        &mut self,
        image: Image,
        tokens: &[u32],
        context: usize,
        key: Option<u64>,
        storage: &mut dyn Storage,
    ) -> Result<Import> {
        let sequence = self.open(context, key)?;
        let mut import =
            Import { sequence, image, cursor: Cursor::default(), piece: 0, states: Ids::default() };
        let length = import.image.length();
        if self.seek(sequence, tokens, length, storage) == length {
            import.cursor = Cursor::END;
        } else {
            self.truncate(sequence, 0, storage);
        }
        Ok(import)
    }

    /// Bytes of the import's next piece; `None`: it is done.
    pub fn wants(&self, import: &Import, storage: &dyn Storage) -> Option<usize> {
        import.image.find(import.cursor).map(|(_, part)| storage.pieces(part.group).bytes)
    }

    /// Takes the next piece of an import. Prefixes that nobody uses give way.
    ///
    /// # Errors
    /// `OutOfMemory`: try again, or end it.
    pub fn write(
        &mut self,
        import: &mut Import,
        tokens: &[u32],
        bytes: &[u8],
        storage: &mut dyn Storage,
    ) -> Result<()> {
        let Some((cursor, part)) = import.image.find(import.cursor) else { return Ok(()) };
        self.take_over(import, import.image.rows_before(cursor), tokens, storage)?;
        let sequence = import.sequence;
        if import.piece == 0 {
            let mut wanted: SmallVec<[usize; 2]> = SmallVec::from_elem(0, self.pools.len());
            wanted[part.group] = 1;
            self.make_room(&wanted, storage)?;
            let (length, block) = (import.image.length(), self.spec.block);
            let (table, mut all) = self.parts(sequence, storage);
            let table = table.ok_or_else(|| stale(sequence))?;
            match part.at {
                At::Block(index) => {
                    table.take_block(part.group, index, block.min(length - index * block), &mut all)?;
                }
                At::Place(_) => {
                    let id = all.pools[part.group].take(all.storage)?;
                    import.states.resize(part.group, NO_BLOCK);
                    import.states.push(id);
                }
            }
        }
        let table = self.table(sequence);
        let located = table.and_then(|table| table.newest(part, &import.states));
        let id = located.ok_or_else(|| Error::new(ErrorKind::Internal, "a block went astray"))?;
        storage.write(part.group, id, import.piece, bytes);
        (import.cursor, import.piece) = behind(cursor, import.piece, storage.pieces(part.group).count);
        self.take_over_states(import, part.at, storage);
        Ok(())
    }

    /// The sequence of an import that is done.
    ///
    /// # Errors
    /// `OutOfMemory`: try again, or end it.
    pub fn finish_import(
        &mut self,
        import: &mut Import,
        tokens: &[u32],
        storage: &mut dyn Storage,
    ) -> Result<Sequence> {
        self.take_over(import, import.image.rows_before(Cursor::END), tokens, storage)?;
        self.evict_to_limit(storage);
        Ok(import.sequence)
    }

    /// Forgets an import that is not to be finished.
    pub fn end_import(&mut self, import: Import, storage: &mut dyn Storage) {
        let mut all = self.all(storage);
        import.states.iter().enumerate().for_each(|(group, id)| all.release(group, Some(*id)));
        self.close(import.sequence, storage);
    }

    /// Makes the first `rows` blocks of an import part of its sequence's past.
    fn take_over(
        &mut self,
        import: &Import,
        rows: usize,
        tokens: &[u32],
        storage: &mut dyn Storage,
    ) -> Result<()> {
        let (held, block) = (self.length(import.sequence), self.spec.block);
        let end = (rows * block).min(import.image.length());
        let Some(tokens) = tokens.get(held..end).filter(|tokens| !tokens.is_empty()) else { return Ok(()) };
        self.tree.reserve(tokens.len().div_ceil(block) + 1)?;
        let (table, mut all) = self.parts(import.sequence, storage);
        table.into_iter().for_each(|table| table.take_over(tokens, &mut all));
        Ok(())
    }

    /// Makes the states of a place part of the past, if the next part is none of them.
    fn take_over_states(&mut self, import: &mut Import, at: At, storage: &mut dyn Storage) {
        let At::Place(place) = at else { return };
        if import.piece > 0 || import.image.find(import.cursor).is_some_and(|(_, next)| next.at == at) {
            return;
        }
        let mut ids = std::mem::take(&mut import.states);
        ids.resize(self.pools.len(), NO_BLOCK);
        let (table, mut all) = self.parts(import.sequence, storage);
        table.into_iter().for_each(|table| table.take_over_states(place, &ids, &mut all));
    }
}

/// The place of the next piece behind one of `count`.
fn behind(cursor: Cursor, piece: usize, count: usize) -> (Cursor, usize) {
    if piece + 1 < count { (cursor, piece + 1) } else { (cursor.behind(), 0) }
}
