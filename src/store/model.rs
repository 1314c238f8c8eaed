//! Which model a save is of: what is compared, and what a message can say. Knows not how it is found out.

use super::fields::{Fields, Writer};
use crate::error::{Error, ErrorKind, Result};
use std::fmt;

const ARCHITECTURE: u32 = 1;
const NAME: u32 = 2;
const QUANTISATION: u32 = 3;
const PARAMETERS: u32 = 4;
const VOCAB_SIZE: u32 = 5;
const VOCABULARY: u32 = 6;
const WEIGHTS: u32 = 7;

/// A model, as its saves know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// As `general.architecture`.
    pub architecture: String,
    /// Its own name, for messages only.
    pub name: String,
    /// The tensor type of most weights, for messages only.
    pub quantisation: String,
    /// Weights in all.
    pub parameters: u64,
    /// Tokens of its vocabulary.
    pub vocab_size: u64,
    /// A hash of them.
    pub vocabulary: u128,
    /// A hash of its hyper-parameters, of its tensors' names, types and shapes, and of a sample of each.
    pub weights: u128,
}

impl Model {
    /// Whether a save of this model is one of the model that is `here`.
    ///
    /// # Errors
    /// `Unsupported` that says what differs.
    pub fn check(&self, here: &Self) -> Result<()> {
        let differs = [
            (self.architecture != here.architecture, "architecture"),
            (self.parameters != here.parameters, "number of parameters"),
            ((self.vocab_size, self.vocabulary) != (here.vocab_size, here.vocabulary), "vocabulary"),
            (self.weights != here.weights, "weights or hyper-parameters"),
        ];
        match differs.into_iter().find(|(differs, _)| *differs) {
            None => Ok(()),
            Some((_, what)) => {
                let message = format!(
                    "the save is another model's ({self}; this one is {here}): its {what} differ; load the model that it was saved with"
                );
                Err(Error::new(ErrorKind::Unsupported, message))
            }
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        writer.put(ARCHITECTURE, self.architecture.as_bytes())?;
        writer.put(NAME, self.name.as_bytes())?;
        writer.put(QUANTISATION, self.quantisation.as_bytes())?;
        writer.put(PARAMETERS, &self.parameters.to_le_bytes())?;
        writer.put(VOCAB_SIZE, &self.vocab_size.to_le_bytes())?;
        writer.put(VOCABULARY, &self.vocabulary.to_le_bytes())?;
        writer.put(WEIGHTS, &self.weights.to_le_bytes())?;
        Ok(writer.into_bytes())
    }

    pub(super) fn decode(mut fields: Fields<'_>) -> Result<Self> {
        let mut model = Self::default();
        while let Some(field) = fields.next()? {
            match field.number {
                ARCHITECTURE => model.architecture = field.text()?,
                NAME => model.name = field.text()?,
                QUANTISATION => model.quantisation = field.text()?,
                PARAMETERS => model.parameters = field.u64()?,
                VOCAB_SIZE => model.vocab_size = field.u64()?,
                VOCABULARY => model.vocabulary = u128::from_le_bytes(field.array()?),
                WEIGHTS => model.weights = u128::from_le_bytes(field.array()?),
                _ => field.unknown()?,
            }
        }
        Ok(model)
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Out of a file: whatever is in there.
        let short = |text: &str| text.chars().take(64).collect::<String>().escape_debug().to_string();
        let (name, architecture) = (short(&self.name), short(&self.architecture));
        write!(f, "\"{name}\", {architecture}, {}, {} parameters", short(&self.quantisation), self.parameters)
    }
}
