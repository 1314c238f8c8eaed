//! A saved session as bytes (docs/saves.md): the format, written and read. Knows no file, no thread and no
//! engine; whoever opens a save says how its bytes are read.
//!
//! Saves are as hostile as model files: every size is checked against the file and the limits here before
//! anything is allocated.

mod checksum;
mod faults;
mod fields;
mod head;
mod header;
mod json;
mod model;
mod opened;
#[cfg(any(test, feature = "testing"))]
pub mod parts;
mod past;
mod places;
mod records;
mod session;

pub use head::{Head, head};
pub use model::Model;
pub use opened::{Opened, ReadAt};
pub use past::{Past, PastGroup};
pub use places::{LastAnswer, Place, Places};
pub use records::Records;
pub use session::{Adapter, Control, Gone, Mode, Said, Session, Variables};
