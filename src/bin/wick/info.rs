//! `wick info`: what a model file says of itself, and whether it runs here, which is tried; knows no request.

use super::header::header;
use super::model::{Computing, KvName};
use super::output;
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use wick::gguf::{Array, Header};
use wick::kernel::Kernels;
use wick::{ErrorKind, ModelInfo, ModelOptions, Recommended, Result, Runtime};

/// Metadata keys of special tokens: `tokenizer.ggml.NAME_token_id`.
const SPECIAL: [&str; 9] = ["bos", "eos", "eot", "eom", "unknown", "padding", "seperator", "cls", "mask"];

/// What a backend may do without.
const MAY_LACK: [&str; 3] = ["prefix_cache", "drafts", "adapters"];

#[derive(Args)]
pub struct Info {
    /// A .gguf file, or a folder with config.json, tokenizer.json and safetensors
    model: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// The memory of so many sessions, each full
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sessions: u32,
    /// Tokens of each of them; left out: the model's context
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    context: Option<u32>,
    /// What their keys and values are kept as
    #[arg(long, value_enum, default_value_t)]
    kv_type: KvName,
}

impl Info {
    pub fn run(self) -> Result<ExitCode> {
        let header = header(&self.model)?;
        let mut facts = facts(&header).map_err(|error| error.within(self.model.display()))?;
        let runtime = Computing { threads: 1, ..Computing::default() }.runtime()?;
        // It is loaded, which maps its weights and reads none of them.
        let runs = Computing::default().open(&runtime, &self.model).and_then(|model| model.info());
        let runs_here = runs.is_ok();
        facts.insert("runs_here".to_owned(), runs_here.into());
        match runs {
            Ok(info) => {
                let backend = info.spec.backend;
                if facts.get("vocab_size").is_none_or(Value::is_null) {
                    facts.extend(words(&info));
                }
                facts.insert("memory".to_owned(), self.memory(&runtime, info.spec.context_length)?);
                facts.insert(
                    "kernels".to_owned(),
                    (backend == "native").then(|| Kernels::best().set().name()).into(),
                );
                facts.insert("backend".to_owned(), backend.into());
                facts.insert("encodes".to_owned(), info.spec.encodes.into());
                let has = [info.prefix_cache, info.drafts, info.adapters];
                facts.extend(MAY_LACK.into_iter().map(str::to_owned).zip(has.map(Value::from)));
            }
            Err(error) => drop(facts.insert("why_not".to_owned(), error.message().into())),
        }
        let text = if self.json { format!("{:#}", Value::from(facts)) } else { table(&facts) };
        output::line(text.trim_end())?;
        Ok(if runs_here { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The memory that the model would take; null: nobody can tell.
    fn memory(&self, runtime: &Runtime, most: usize) -> Result<Value> {
        let context = self.context.map(|tokens| tokens as usize);
        let options =
            ModelOptions { kv_type: self.kv_type.kv_type(), ..Computing::default().model(&self.model) };
        match runtime.estimate(options, self.sessions as usize, context, None) {
            Ok(said) => Ok(json!({
                "sessions": self.sessions,
                "context": context.unwrap_or(most),
                "weight_bytes": said.weight_bytes,
                "kv_bytes": said.kv_bytes,
                "state_bytes": said.state_bytes,
                "scratch_bytes": said.scratch_bytes,
                "total_bytes": said.total_bytes(),
            })),
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(Value::Null),
            Err(error) => Err(error),
        }
    }
}

fn facts(header: &Header) -> Result<Map<String, Value>> {
    let metadata = header.metadata();
    let architecture: Option<&str> = metadata.find("general.architecture")?;
    let context: Option<u64> = match architecture {
        Some(name) => metadata.find(&format!("{name}.context_length"))?,
        None => None,
    };
    let vocabulary: Option<Array> = metadata.find("tokenizer.ggml.tokens")?;
    let mut special = Map::new();
    for name in SPECIAL {
        if let Some(id) = metadata.find::<u32>(&format!("tokenizer.ggml.{name}_token_id"))? {
            special.insert(name.to_owned(), id.into());
        }
    }
    let suppressed = metadata.find::<Array>("tokenizer.ggml.suppress_tokens")?.and_then(|ids| {
        let ids = ids.integers()?.filter_map(|id| u32::try_from(id).ok());
        Some(ids.collect::<Vec<_>>())
    });
    let number = |(name, value): (&str, String)| Some((name.to_owned(), value.parse::<Value>().ok()?));
    let sampling: Map<_, _> = Recommended::from_gguf(metadata)?.said().filter_map(number).collect();
    let (tensors, most) = tensors(header);
    let facts = json!({
        "name": metadata.find::<&str>("general.name")?,
        "architecture": architecture,
        "quantisation": most,
        "parameters": header.tensors().iter().fold(0u64, |sum, tensor| sum.saturating_add(tensor.elements())),
        "context_length": context,
        "vocab_size": vocabulary.map(|tokens| tokens.len()),
        "special_ids": special,
        "suppressed_ids": suppressed,
        "sampling": sampling,
        "tensors": tensors,
        "chat_template": metadata.find::<&str>("tokenizer.chat_template")?.is_some(),
        "file_bytes": header.file_bytes(),
        "files": header.parts(),
    });
    match facts {
        Value::Object(facts) => Ok(facts),
        _ => Ok(Map::new()),
    }
}

/// What a header does not say of a folder's vocabulary.
fn words(info: &ModelInfo) -> [(String, Value); 3] {
    let ids = info.bos.map(|id| ("bos".to_owned(), Value::from(id)));
    let special: Map<String, Value> =
        ids.into_iter().chain([("ends".to_owned(), info.end_ids.as_slice().into())]).collect();
    [
        ("vocab_size".to_owned(), info.vocab_len.into()),
        ("special_ids".to_owned(), special.into()),
        ("chat_template".to_owned(), info.has_template.into()),
    ]
}

/// Count and bytes of each tensor type, in order of appearance, and the type that holds most bytes.
fn tensors(header: &Header) -> (Map<String, Value>, Option<&'static str>) {
    let mut types: Vec<(&'static str, u64, u64)> = Vec::new();
    for tensor in header.tensors() {
        let (name, bytes) = (tensor.kind().name(), tensor.byte_len());
        match types.iter_mut().find(|entry| entry.0 == name) {
            Some(entry) => (entry.1, entry.2) = (entry.1 + 1, entry.2.saturating_add(bytes)),
            None => types.push((name, 1, bytes)),
        }
    }
    let most = types.iter().max_by_key(|entry| entry.2).map(|entry| entry.0);
    let shown = types
        .iter()
        .map(|(name, count, bytes)| ((*name).to_owned(), json!({ "count": count, "bytes": bytes })));
    (shown.collect(), most)
}

/// One fact in a line; what is not in the file is "-".
fn table(facts: &Map<String, Value>) -> String {
    let mut text = String::new();
    let on_one_line = ["runs_here", "kernels", "backend", "encodes", "why_not", "memory"];
    let elsewhere = |key: &str| on_one_line.contains(&key) || MAY_LACK.contains(&key);
    for (key, value) in facts.iter().filter(|(key, _)| !elsewhere(key)) {
        let shown = match value {
            Value::Null => "-".to_owned(),
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            Value::String(text) => output::plain(text),
            Value::Object(entries) if entries.is_empty() => "-".to_owned(),
            Value::Array(items) => items.iter().map(Value::to_string).collect::<Vec<_>>().join(", "),
            Value::Object(entries) => entries.iter().map(entry).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        text += &format!("{:15} {shown}\n", key.replace('_', " "));
    }
    if let Some(memory) = facts.get("memory").filter(|memory| !memory.is_null()) {
        text += &format!("{:15} {}\n", "memory", shown(memory));
    }
    let said = |key: &str| facts.get(key).and_then(Value::as_str);
    let runs = match said("why_not") {
        Some(why) => format!("no: {}", output::plain(why)),
        None => {
            let encodes = facts.get("encodes") == Some(&Value::Bool(true));
            let lacks = MAY_LACK.iter().filter(|key| facts.get(**key) == Some(&Value::Bool(false)));
            let lacks: Vec<String> = lacks.map(|key| format!("no {}", key.replace('_', " "))).collect();
            let last = match encodes {
                true => vec!["an encoder: it makes vectors of texts, and generates none".to_owned()],
                false => lacks,
            };
            let all = ["yes"].into_iter().chain(said("backend")).chain(said("kernels"));
            all.chain(last.iter().map(String::as_str)).collect::<Vec<_>>().join(", ")
        }
    };
    text + &format!("{:15} {runs}\n", "runs here")
}

/// What a model would take, in a line.
fn shown(memory: &Value) -> String {
    let number = |key: &str| memory.get(key).and_then(Value::as_u64).unwrap_or_default();
    let mib = |key: &str| format!("{:.1} MiB", number(key) as f64 / f64::from(1 << 20));
    let mut parts =
        vec![format!("weights {}", mib("weight_bytes")), format!("keys and values {}", mib("kv_bytes"))];
    if number("state_bytes") > 0 {
        parts.push(format!("states {}", mib("state_bytes")));
    }
    parts.push(format!("scratch {}", mib("scratch_bytes")));
    let sessions = match number("sessions") {
        1 => "1 session".to_owned(),
        count => format!("{count} sessions"),
    };
    let (total, context) = (mib("total_bytes"), number("context"));
    format!("{total} for {sessions} of {context} tokens: {}", parts.join(", "))
}

fn entry((name, value): (&String, &Value)) -> String {
    match (value.get("count"), value.get("bytes").and_then(Value::as_u64)) {
        (Some(count), Some(bytes)) => {
            format!("{count} {name} ({:.1} MiB)", bytes as f64 / f64::from(1 << 20))
        }
        _ => format!("{name} {value}"),
    }
}
