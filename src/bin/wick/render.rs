//! `wick render`: a conversation as the model's chat template writes it, from the model's file without its
//! weights.

use super::input::{TextInput, read, wrong};
use super::model::{Computing, Template, named, vocabulary};
use super::output;
use clap::Args;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::process::ExitCode;
use wick::text::{json::keeping_integers, unix_time};
use wick::{Message, RenderInput, Result};

#[derive(Args)]
#[command(after_help = "The text is shown as it is, without an end of line after it.")]
pub struct Render {
    /// A .gguf file, or a folder with config.json, tokenizer.json and safetensors
    model: PathBuf,
    #[command(flatten)]
    text: TextInput,
    /// A system message before the text
    #[arg(long, value_name = "TEXT", conflicts_with = "messages")]
    system: Option<String>,
    /// A whole conversation in place of the text: a file with a JSON list of {"role", "content", ...}; "-":
    /// standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "file"])]
    messages: Option<PathBuf>,
    /// A file with a JSON list of tools for the template
    #[arg(long, value_name = "FILE")]
    tools: Option<PathBuf>,
    /// More variables for the template, a JSON object
    #[arg(long, value_name = "JSON")]
    variables: Option<String>,
    /// Do not open the assistant's turn at the end
    #[arg(long)]
    no_generation_prompt: bool,
    /// Only how many tokens it comes to
    #[arg(long)]
    count: bool,
    #[command(flatten)]
    template: Template,
}

impl Render {
    pub fn run(self) -> Result<ExitCode> {
        let messages = self.conversation()?;
        let tools = self.tools.as_ref().map(|path| json(&read(path)?, &path.display())).transpose()?;
        let variables = self
            .variables
            .as_ref()
            .map(|text| object(json(text, &"--variables")?, &"--variables"))
            .transpose()?;
        let runtime = Computing::default().runtime()?;
        let model = vocabulary(&runtime, &self.model, Some(&self.template))?;
        let input = RenderInput {
            messages: &messages,
            tools: tools.as_ref(),
            variables: variables.as_ref(),
            add_generation_prompt: !self.no_generation_prompt,
            unix_time: unix_time(),
            ..RenderInput::default()
        };
        let rendered = model.render(&input).map_err(|error| named(error, &self.model))?;
        if self.count {
            let mut ids = Vec::new();
            let counted = model.vocab()?.encode_rendered(&rendered, true, &mut ids);
            counted.map_err(|error| named(error, &self.model))?;
            output::line(&ids.len().to_string())?;
        } else {
            output::write(&rendered.text)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn conversation(&self) -> Result<Vec<Message>> {
        if let Some(path) = &self.messages {
            let Value::Array(list) = json(&read(path)?, &path.display())? else {
                return Err(wrong(format!("{}: not a JSON list of messages", path.display())));
            };
            return list.into_iter().enumerate().map(message).collect();
        }
        let plain = |role: &str, content: String| Message { role: role.to_owned(), content, extra: None };
        let system = self.system.iter().map(|text| plain("system", text.clone()));
        Ok(system.chain([plain("user", self.text.read(false)?)]).collect())
    }
}

fn json(text: &str, place: &dyn std::fmt::Display) -> Result<Value> {
    serde_json::from_str(&keeping_integers(text)).map_err(|error| wrong(format!("{place}: {error}")))
}

fn object(value: Value, place: &dyn std::fmt::Display) -> Result<Map<String, Value>> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(wrong(format!("{place}: {other} is no JSON object"))),
    }
}

fn message((index, value): (usize, Value)) -> Result<Message> {
    let place = format!("messages[{index}]");
    let mut fields = object(value, &place)?;
    let Some(Value::String(role)) = fields.shift_remove("role") else {
        return Err(wrong(format!(
            "{place} has no role; give \"system\", \"user\", \"assistant\" or \"tool\""
        )));
    };
    // Else null, or a list of parts: the template is given it as it is.
    let content = match fields.get_mut("content") {
        Some(Value::String(content)) => std::mem::take(content),
        _ => String::new(),
    };
    if fields.get("content").is_some_and(Value::is_string) {
        fields.shift_remove("content");
    } else {
        // Templates do not see what is null: a message without content has none.
        fields.entry("content").or_insert(Value::Null);
    }
    let extra = (!fields.is_empty()).then_some(fields);
    Ok(Message { role, content, extra })
}
