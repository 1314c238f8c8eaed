//! A folder's model with a header like a GGUF's: which files are read, in which order. Knows no family.

use super::config::{Config, invalid, object, unsupported};
use super::families::{EMBEDDING_GEMMA, ROWS};
use super::keys::Keys;
use super::rope;
use super::row::Row;
use super::vectors;
use crate::error::{Error, Result};
use crate::gguf::{Described, Entry, Folder, Limits};
use crate::model::closest::closest;
use crate::pause::Pauses;
use serde_json::{Map, Value};

/// The longest `config.json` and `generation_config.json`: real ones have a few KB.
const MAX_CONFIG: u64 = 1 << 20;

/// A folder's model, described: its files are open, no weight is read.
pub struct FolderModel {
    /// What of it a GGUF would be.
    pub described: Described,
    /// What its tensors are called.
    pub names: FolderNames,
}

/// What a folder calls its tensors.
#[derive(Clone, Copy)]
pub struct FolderNames(&'static Row);

impl FolderNames {
    /// `error` with the folder's name of the tensor that it names as GGUF does.
    pub fn explain(&self, error: Error) -> Error {
        self.0.explain(error)
    }
}

impl FolderModel {
    /// Reads what `folder` says of its model, and the headers of its weights.
    ///
    /// # Errors
    /// `Unsupported`, by name, for a family, a scaling or a type of weights that wick lacks; `ModelInvalid`,
    /// naming the file and what in it, for what is malformed; `Io` for a file that is missing;
    /// `OutOfMemory`; what stops `pauses`.
    pub async fn read(folder: &Folder, limits: &Limits, pauses: &mut Pauses<'_>) -> Result<Self> {
        let within = |e: Error| e.within(folder.path().display());
        let json = folder.require("config.json", MAX_CONFIG, pauses).await?;
        let outer = object(&json, "config.json").map_err(within)?;
        let text = outer.get("text_config").and_then(Value::as_object).unwrap_or(&outer);
        let row = row(&outer, text).map_err(within)?;
        let config = Config::new(text).with(row.defaults, row.fields);
        let name = folder.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let mut keys = Keys::new(row.architecture, name);
        put_keys(&config, row, &mut keys).map_err(within)?;
        if let Some(json) = folder.read("generation_config.json", MAX_CONFIG, pauses).await? {
            let fields = object(&json, "generation_config.json").map_err(within)?;
            put_sampling(&Config::new(&fields), &mut keys).map_err(within)?;
        }
        let ranks = row.encodes && ranks(&config).map_err(within)?;
        let mut dense = Vec::new();
        if ranks {
            keys.put_count("pooling_type", Some(4));
        } else if row.encodes {
            dense = vectors::put(folder, &mut keys, pauses).await.map_err(within)?;
        }
        let tied = tied(&outer, text).map_err(within)?;
        let mut outputs = false;
        let mut named = |entry: &Entry| {
            outputs |= entry.name.ends_with("lm_head.weight");
            let of = |part: &String| entry.name.strip_prefix(part.as_str()) == Some(".linear.weight");
            if let Some((_, gguf)) = dense.iter().zip(vectors::DENSE).find(|(part, _)| of(part)) {
                return Ok(Some(gguf.to_owned()));
            }
            if !ranks && entry.name.contains("pooler.dense.") {
                // What no vector is made with.
                return Ok(None);
            }
            row.gguf_name(&entry.name, tied == Some(true))
        };
        let described =
            Described::read(folder, &dense, keys.into_bytes(), &mut named, limits, pauses).await?;
        if tied == Some(false) && !outputs {
            let why = "tensor \"lm_head.weight\" is missing, and \"tie_word_embeddings\" is false";
            return Err(within(invalid(why.to_owned())));
        }
        Ok(Self { described, names: FolderNames(row) })
    }
}

/// The family that the configuration names.
fn row(outer: &Map<String, Value>, text: &Map<String, Value>) -> Result<&'static Row> {
    let outer = Config::new(outer);
    for config in [outer, Config::new(text)] {
        if let Some(quantised) = config.inner("quantization_config")? {
            let method: String =
                quantised.text("quant_method")?.unwrap_or("quantised").chars().take(64).collect();
            return Err(unsupported(format!(
                "config.json: \"quantization_config\": weights are {method}; F32, F16 and BF16 are read from \
                 folders: take the model in one of them, or as GGUF"
            )));
        }
    }
    let own = Config::new(text).text("model_type")?;
    let Some(mut name) = own.or(outer.text("model_type")?) else {
        return Err(invalid("config.json: \"model_type\" is missing".to_owned()));
    };
    if name == "gemma3_text" && Config::new(text).flag("use_bidirectional_attention")? == Some(true) {
        name = EMBEDDING_GEMMA;
    }
    ROWS.iter().find(|row| row.names.contains(&name)).ok_or_else(|| {
        let names = || ROWS.iter().flat_map(|row| row.names).copied();
        let shown: String = name.chars().take(64).collect();
        unsupported(format!(
            "config.json: \"model_type\" {shown:?} is not read from folders, though a GGUF of it may be; the \
             nearest known is {}, of {}",
            closest(names(), &shown).unwrap_or_default(),
            names().collect::<Vec<_>>().join(", ")
        ))
    })
}

/// Whether it is a cross-encoder.
fn ranks(config: &Config<'_>) -> Result<bool> {
    let classes = config.list("architectures")?.unwrap_or_default();
    Ok(classes.iter().filter_map(Value::as_str).any(|name| name.ends_with("ForSequenceClassification")))
}

/// Whether the output's matrix is the embedding's, where the file says.
fn tied(outer: &Map<String, Value>, text: &Map<String, Value>) -> Result<Option<bool>> {
    for fields in [text, outer] {
        for field in ["tie_word_embeddings", "tie_embedding"] {
            if let Some(tied) = Config::new(fields).flag(field)? {
                return Ok(Some(tied));
            }
        }
    }
    Ok(None)
}

fn put_keys(config: &Config<'_>, row: &Row, keys: &mut Keys) -> Result<()> {
    for field in ["hidden_activation", "hidden_act"] {
        if let Some(gate) = config.text(field)? {
            if !row.gates.contains(&gate) {
                return Err(config.refuse(field, &format!("the gate is {} here", row.gates[0])));
            }
            break;
        }
    }
    let width = config.require("hidden_size")?;
    keys.put_count("embedding_length", Some(width));
    keys.put_count("block_count", Some(config.layers()?));
    keys.put_count("context_length", Some(config.require("max_position_embeddings")?));
    if !config.has("block_ff_dim") {
        keys.put_count("feed_forward_length", Some(config.require("intermediate_size")?));
    }
    let heads = config.require("num_attention_heads")?;
    keys.put_count("attention.head_count", Some(heads));
    keys.put_count("attention.head_count_kv", Some(config.count("num_key_value_heads")?.unwrap_or(heads)));
    let head_dim = config.head_dim()?;
    keys.put_count("attention.key_length", Some(head_dim));
    keys.put_count("attention.value_length", Some(head_dim));
    let epsilon = config.number(row.epsilon)?;
    let key = if row.epsilon.contains("layer_norm") {
        "attention.layer_norm_epsilon"
    } else {
        "attention.layer_norm_rms_epsilon"
    };
    keys.put_number(key, Some(epsilon.unwrap_or(1e-6)));
    if row.rotate_half {
        keys.put("rope.rotate_half", true);
    }
    if row.norms_from_one {
        keys.put_number("norm_offset", Some(1.0));
    }
    rope::put(config, keys)?;
    (row.own)(config, keys)
}

/// What `generation_config.json` says of sampling, unless it says that nothing is sampled.
fn put_sampling(config: &Config<'_>, keys: &mut Keys) -> Result<()> {
    if config.flag("do_sample")? == Some(false) {
        return Ok(());
    }
    let mut put = |field: &str, key: &str| -> Result<()> {
        if let Some(number) = config.number(field)? {
            keys.put_whole(&format!("general.sampling.{key}"), number as f32);
        }
        Ok(())
    };
    put("temperature", "temp")?;
    put("top_p", "top_p")?;
    put("min_p", "min_p")?;
    put("repetition_penalty", "penalty_repeat")?;
    if let Some(top_k) = config.count("top_k")? {
        keys.put_whole("general.sampling.top_k", top_k.min(i32::MAX as u64) as u32);
    }
    if config.has("repetition_penalty") {
        // Of all tokens.
        keys.put_whole("general.sampling.penalty_last_n", crate::gguf::write::MetaValue::I32(-1));
    }
    Ok(())
}
