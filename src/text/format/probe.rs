//! Short conversations whose words are found again in what a template makes of them. Knows no form.

use crate::error::{ErrorKind, Result};
use crate::pause::Pauses;
use crate::text::vocab::{Message, RenderInput, Vocab};
use serde_json::{Map, Value, json};

pub(super) const SYSTEM: &str = "wicksystem";
pub(super) const QUESTION: &str = "wickquestion";
pub(super) const ANSWER: &str = "wickanswer";
pub(super) const THOUGHT: &str = "wickthought";
pub(super) const TOOL: &str = "wick_tool";
pub(super) const OTHER: &str = "wick_other";
pub(super) const KEY: &str = "wick_key";
pub(super) const VALUE: &str = "wick_value";
pub(super) const SECOND_KEY: &str = "wick_second";
pub(super) const NUMBER: u32 = 4711;
pub(super) const RESULT: &str = "wick_result";
/// Nine letters and digits: Mistral's templates take no other.
pub(super) const ID: &str = "wickid001";
const OTHER_ID: &str = "wickid002";
/// As Kimi's models write them.
pub(super) const NAMED_ID: &str = "functions.wick_tool:0";
const OTHER_NAMED_ID: &str = "functions.wick_other:1";

/// How calls are given to a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    /// Arguments are JSON text.
    pub(super) as_text: bool,
    /// Ids hold the name.
    pub(super) named_ids: bool,
}

/// What is rendered to learn how a template writes it.
pub(super) struct Probe<'a> {
    vocab: &'a dyn Vocab,
}

pub(super) fn message(role: &str, content: &str) -> Message {
    Message { role: role.into(), content: content.into(), extra: None }
}

fn with(message: Message, extra: Value) -> Message {
    Message { extra: extra.as_object().cloned(), ..message }
}

/// The probes' tools.
pub(super) fn tools() -> Value {
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "description": "a", "parameters": {
            "type": "object", "required": [KEY], "properties": {
                KEY: {"type": "string", "description": "b"}, SECOND_KEY: {"type": "integer", "description": "c"},
            },
        }}})
    };
    json!([tool(TOOL), tool(OTHER)])
}

/// The arguments of the probes' first call.
pub(super) fn arguments() -> Value {
    json!({KEY: VALUE, SECOND_KEY: NUMBER})
}

impl<'a> Probe<'a> {
    pub(super) fn new(vocab: &'a dyn Vocab) -> Self {
        Self { vocab }
    }

    /// What the template makes of `messages`, behind a question if there is one; `None`: it refuses them.
    ///
    /// # Errors
    /// What stops `pauses`.
    pub(super) async fn render(
        &self,
        messages: &[Message],
        tools: Option<&Value>,
        variables: Option<&Map<String, Value>>,
        opens: bool,
        pauses: &mut Pauses<'_>,
    ) -> Result<Option<String>> {
        let input = RenderInput {
            messages,
            tools,
            variables,
            add_generation_prompt: opens,
            ..RenderInput::default()
        };
        match self.vocab.render_in_pieces(&input, pauses).await {
            Ok(rendered) => Ok(Some(rendered.text)),
            Err(error) if error.kind() == ErrorKind::Template => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What comes behind the question in a conversation of it and these messages.
    pub(super) async fn behind(
        &self,
        answer: &[Message],
        tools: Option<&Value>,
        pauses: &mut Pauses<'_>,
    ) -> Result<Option<String>> {
        let mut messages = vec![message("user", QUESTION)];
        messages.extend_from_slice(answer);
        let text = self.render(&messages, tools, None, false, pauses).await?;
        Ok(text.and_then(|text| text.rsplit_once(QUESTION).map(|(_, behind)| behind.to_owned())))
    }
}

/// An answer.
pub(super) fn answer() -> Message {
    message("assistant", ANSWER)
}

/// The same, with a thought before it.
pub(super) fn thoughtful() -> Message {
    with(answer(), json!({"reasoning_content": THOUGHT}))
}

/// Calls: of the first tool, and of the other one if there are to be two.
pub(super) fn calls(given: Given, two: bool) -> Message {
    let arguments = |arguments: Value| match given.as_text {
        true => Value::String(arguments.to_string()),
        false => arguments,
    };
    let call = |id: &str, name: &str, of: Value| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments(of)}});
    let [first, second] = match given.named_ids {
        true => [NAMED_ID, OTHER_NAMED_ID],
        false => [ID, OTHER_ID],
    };
    let mut calls = vec![call(first, TOOL, self::arguments())];
    if two {
        calls.push(call(second, OTHER, json!({KEY: VALUE})));
    }
    with(message("assistant", ""), json!({"tool_calls": calls}))
}

/// The result of the first call.
pub(super) fn result(given: Given) -> Message {
    let id = if given.named_ids { NAMED_ID } else { ID };
    with(message("tool", RESULT), json!({"tool_call_id": id, "name": TOOL}))
}
