//! `wick info`: what a model file says of itself, and whether it runs here, which is tried; knows no request.

use super::model::Computing;
use super::output;
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use wick::Result;
use wick::gguf::{Array, Gguf, Header, Limits, Source};
use wick::kernel::{InstructionSet, Kernels};

/// Metadata keys of special tokens: `tokenizer.ggml.NAME_token_id`.
const SPECIAL: [&str; 9] = ["bos", "eos", "eot", "eom", "unknown", "padding", "seperator", "cls", "mask"];

#[derive(Args)]
pub struct Info {
    /// A .gguf file
    model: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Info {
    pub fn run(self) -> Result<ExitCode> {
        let header = Gguf::open_header(Source::path(&self.model), &Limits::default())?;
        let mut facts = facts(&header).map_err(|error| error.within(self.model.display()))?;
        let runs = self.backend();
        let runs_here = runs.is_ok();
        facts.insert("runs_here".to_owned(), runs_here.into());
        match runs {
            Ok(backend) => {
                facts.insert("kernels".to_owned(), (backend == "native").then(kernels).into());
                facts.insert("backend".to_owned(), backend.into());
            }
            Err(error) => drop(facts.insert("why_not".to_owned(), error.message().into())),
        }
        let text = if self.json { format!("{:#}", Value::from(facts)) } else { table(&facts) };
        output::line(text.trim_end())?;
        Ok(if runs_here { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// What would compute the model: it is loaded, which maps its weights and reads none of them.
    fn backend(&self) -> Result<String> {
        let runtime = Computing { threads: 1, ..Computing::default() }.runtime()?;
        let model = Computing::default().open(&runtime, &self.model)?;
        Ok(model.spec()?.backend.to_owned())
    }
}

/// The name of the instruction set that the native backend's kernels are compiled for here.
fn kernels() -> &'static str {
    match Kernels::best().set() {
        InstructionSet::Scalar => "scalar",
        InstructionSet::Avx2 => "avx2",
        InstructionSet::AvxVnni => "avx-vnni",
        InstructionSet::Avx512 => "avx512",
        InstructionSet::Neon => "neon",
        InstructionSet::NeonI8mm => "neon-i8mm",
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
    let (tensors, most) = tensors(header);
    let facts = json!({
        "name": metadata.find::<&str>("general.name")?,
        "architecture": architecture,
        "quantisation": most,
        "parameters": header.tensors().iter().fold(0u64, |sum, tensor| sum.saturating_add(tensor.elements())),
        "context_length": context,
        "vocab_size": vocabulary.map(|tokens| tokens.len()),
        "special_ids": special,
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
    let on_one_line = ["runs_here", "kernels", "backend", "why_not"];
    for (key, value) in facts.iter().filter(|(key, _)| !on_one_line.contains(&key.as_str())) {
        let shown = match value {
            Value::Null => "-".to_owned(),
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            Value::String(text) => plain(text),
            Value::Object(entries) => entries.iter().map(entry).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        text += &format!("{:15} {shown}\n", key.replace('_', " "));
    }
    let said = |key: &str| facts.get(key).and_then(Value::as_str);
    let runs = match said("why_not") {
        Some(why) => format!("no: {}", plain(why)),
        None => {
            ["yes"].into_iter().chain(said("backend")).chain(said("kernels")).collect::<Vec<_>>().join(", ")
        }
    };
    text + &format!("{:15} {runs}\n", "runs here")
}

/// A file may say anything, also to a terminal.
fn plain(text: &str) -> String {
    let escaped = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(escaped).collect()
}

fn entry((name, value): (&String, &Value)) -> String {
    match (value.get("count"), value.get("bytes").and_then(Value::as_u64)) {
        (Some(count), Some(bytes)) => {
            format!("{count} {name} ({:.1} MiB)", bytes as f64 / f64::from(1 << 20))
        }
        _ => format!("{name} {value}"),
    }
}
