//! A scriptable model for tests and overhead benchmarks: it says what its script says, slowly, wrongly or not
//! at all if told so.

mod decoder;
mod gate;
mod place;
mod script;
mod special;
mod storage;
mod vocab;

pub use decoder::FakeDecoder;
pub use gate::Gate;
pub use script::{Part, Script};
pub use special::{BOS, CONTROL, END, OTHER_END};
pub use vocab::FakeVocab;

use crate::error::{Error, ErrorKind, Result};
use crate::model::Decoder;
use crate::text::Vocab;
use std::sync::Arc;
use std::time::Duration;

/// A decoder and its vocabulary.
pub type Fake = (Box<dyn Decoder>, Arc<dyn Vocab>);

/// Makes the model of `script` at once.
pub fn model(script: &Script) -> (Fake, Gate) {
    let gate = Gate::default();
    let vocab = Arc::new(FakeVocab::new(script));
    let decoder = FakeDecoder::new(script.clone(), vocab.clone(), gate.clone());
    ((Box::new(decoder), vocab), gate)
}

/// What loads a fake model: given what takes its progress, `(done, total)`, and stops the load by an error.
pub type Load = Box<dyn FnOnce(&mut dyn FnMut(u64, u64) -> Result<()>) -> Result<Fake> + Send>;

/// What loads the model of `script` as a file would be: in steps, with progress, cancellable, failing if the
/// script says so.
pub fn loader(script: Script) -> (Load, Gate) {
    let (fake, gate) = model(&script);
    (Box::new(move |progress| load(script, fake, progress)), gate)
}

fn load(script: Script, fake: Fake, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<Fake> {
    let steps = script.load_steps.max(1);
    for step in 0..=steps {
        progress(step, steps)?;
        if step < steps {
            std::thread::sleep(Duration::from_micros(script.load_delay_us / steps));
        }
    }
    assert!(!script.load_panics, "the script says that the load panics");
    match script.load_error {
        Some(message) => Err(Error::new(ErrorKind::ModelInvalid, message)),
        None => Ok(fake),
    }
}
