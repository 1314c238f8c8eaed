//! What a vocabulary in front of another leaves to it; knows no text.
#![cfg(feature = "testing")]

/// All but how texts begin, become tokens and are rendered: as `self.$inner` has it.
macro_rules! pieces_of {
    ($inner:tt) => {
        fn len(&self) -> usize {
            self.$inner.len()
        }

        fn piece(&self, id: u32) -> Option<wick::text::Piece<'_>> {
            self.$inner.piece(id)
        }

        fn end_ids(&self) -> &[u32] {
            self.$inner.end_ids()
        }

        fn longest_token(&self) -> usize {
            self.$inner.longest_token()
        }
    };
}

/// How texts begin: as `self.$inner` has it.
macro_rules! beginning_of {
    ($inner:tt) => {
        fn bos(&self) -> Option<u32> {
            self.$inner.bos()
        }

        fn adds_bos(&self) -> bool {
            self.$inner.adds_bos()
        }
    };
}

pub(crate) use {beginning_of, pieces_of};
