//! A folder as transformers writes it (`config.json`, safetensors) to what the description of a GGUF reads:
//! keys and names of tensors, by one row for each family. Knows both vocabularies; reads no weight.
//!
//! Source: the configuration classes of transformers, and the files that models are published with.

mod config;
mod encoders;
mod families;
mod keys;
mod model;
mod names;
mod rope;
mod row;
mod vectors;

pub use model::{FolderModel, FolderNames};
