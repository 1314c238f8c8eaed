//! A conversation in the words that a template knows: without a system message where it takes none, with
//! tools as text where it shows none. Knows no tokens.

use super::form::Format;
use crate::text::json::written;
use crate::text::vocab::Message;
use serde_json::{Map, Value, json};

/// A conversation for a template, where that is another than the host's.
#[derive(Debug, Default)]
pub struct Adapted {
    /// The messages; `None`: the host's own.
    pub messages: Option<Vec<Message>>,
    /// Tools are in the system message's text: the template is given none.
    pub told_tools: bool,
}

impl Adapted {
    /// Of `messages`, which the template of `format` is given with `tools`.
    pub fn new(format: &Format, messages: &[Message], tools: Option<&Value>) -> Self {
        let mut adapted = Self { messages: None, told_tools: tells(format, tools) };
        let has_calls = |message: &Message| message.role == "tool" || calls_of(message).is_some();
        let calls = messages.iter().any(has_calls);
        if format.calls.is_none() && (tools.is_some() || calls) {
            let mut all: Vec<Message> = messages.iter().map(as_text).collect();
            tools.into_iter().for_each(|tools| tell(&mut all, tools));
            adapted.messages = Some(all);
        } else if format.arguments_as_text && calls {
            adapted.messages = Some(messages.iter().map(with_arguments_as_text).collect());
        }
        let first = adapted.messages.as_deref().unwrap_or(messages).first();
        if !format.takes_system && first.is_some_and(|first| first.role == "system") {
            let mut all = adapted.messages.take().unwrap_or_else(|| messages.to_vec());
            let system = all.remove(0);
            fold(&mut all, &system.content);
            adapted.messages = Some(all);
        }
        adapted
    }

    /// How many messages in front of the host's others are missing (−1), or were added (1).
    pub fn shift(&self, host: &[Message]) -> isize {
        self.messages.as_ref().map_or(0, |all| all.len() as isize - host.len() as isize)
    }

    /// What the library has to say of how `messages` and `tools` are adapted to `format`, as NOTEs.
    pub fn notes(
        format: &Format,
        messages: &[Message],
        tools: Option<&Value>,
    ) -> impl Iterator<Item = String> {
        let lacks = |what: &str, instead: &str| {
            json!({"event": "template_lacks", "what": what, "instead": instead}).to_string()
        };
        let told = tells(format, tools);
        let tools = told.then(|| lacks("tools", "they are described in the system message"));
        // Where the host has no system message, that of the tools is alone, and is told of already.
        let folds = !format.takes_system && messages.first().is_some_and(|first| first.role == "system");
        let system = folds.then(|| lacks("system", "it comes before the first user message"));
        tools.into_iter().chain(system)
    }
}

/// Whether tools are told in words.
fn tells(format: &Format, tools: Option<&Value>) -> bool {
    format.calls.is_none() && tools.is_some()
}

/// The calls of an assistant's message.
fn calls_of(message: &Message) -> Option<&Vec<Value>> {
    message.extra.as_ref()?.get("tool_calls")?.as_array().filter(|calls| !calls.is_empty())
}

/// A message whose calls, or whose result, are its text.
fn as_text(message: &Message) -> Message {
    if message.role == "tool" {
        let content = format!("<tool_response>\n{}\n</tool_response>", text_of(message));
        return Message { role: "user".into(), content, extra: None };
    }
    let Some(calls) = calls_of(message) else { return message.clone() };
    let mut changed = message.clone();
    for call in calls {
        let function = call.get("function").unwrap_or(call);
        let arguments = match function.get("arguments") {
            Some(Value::String(text)) => text.clone(),
            Some(arguments) => written(arguments),
            None => "{}".into(),
        };
        let name = Value::from(function.get("name").and_then(Value::as_str).unwrap_or_default());
        if !changed.content.is_empty() {
            changed.content.push('\n');
        }
        let call = format!("<tool_call>\n{{\"name\": {name}, \"arguments\": {arguments}}}\n</tool_call>");
        changed.content.push_str(&call);
    }
    if let Some(extra) = &mut changed.extra {
        extra.shift_remove("tool_calls");
        extra.shift_remove("content");
    }
    changed
}

/// What a message says, of parts the texts.
fn text_of(message: &Message) -> String {
    let parts = message.extra.as_ref().and_then(|extra| extra.get("content")?.as_array());
    match parts {
        Some(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        None => message.content.clone(),
    }
}

/// A message whose calls have their arguments as JSON text.
fn with_arguments_as_text(message: &Message) -> Message {
    let mut changed = message.clone();
    let calls = changed.extra.as_mut().and_then(|extra| extra.get_mut("tool_calls")?.as_array_mut());
    for call in calls.into_iter().flatten() {
        let function = match call.get("function").is_some_and(Value::is_object) {
            true => call.get_mut("function"),
            false => Some(call),
        };
        if let Some(arguments) = function.and_then(|function| function.get_mut("arguments"))
            && !arguments.is_string()
        {
            *arguments = Value::String(written(arguments));
        }
    }
    changed
}

/// Describes the tools in the system message, or in one of its own.
fn tell(messages: &mut Vec<Message>, tools: &Value) {
    let one = [tools.clone()];
    let list = tools.as_array().map_or(&one[..], Vec::as_slice);
    let schemas: Vec<String> = list.iter().map(written).collect();
    let told = format!(
        "You can call tools. These are their JSON schemas:\n<tools>\n{}\n</tools>\nTo call one, write its name \
         and its arguments as a JSON object between tags, and nothing behind them:\n<tool_call>\n{{\"name\": \
         \"…\", \"arguments\": {{…}}}}\n</tool_call>\nIts result comes between <tool_response> and \
         </tool_response>.",
        schemas.join("\n")
    );
    match messages.first_mut().filter(|first| first.role == "system") {
        Some(system) => {
            let before = text_of(system);
            let content = if before.is_empty() { told } else { format!("{before}\n\n{told}") };
            *system = Message { role: "system".into(), content, extra: None };
        }
        None => messages.insert(0, Message { role: "system".into(), content: told, extra: None }),
    }
}

/// Puts a system message's text in front of the first of the user's.
fn fold(messages: &mut Vec<Message>, system: &str) {
    let Some(user) = messages.iter_mut().find(|message| message.role == "user") else {
        messages.insert(0, Message { role: "user".into(), content: system.to_owned(), extra: None });
        return;
    };
    let parts = user
        .extra
        .as_mut()
        .and_then(|extra: &mut Map<String, Value>| extra.get_mut("content")?.as_array_mut());
    match parts {
        Some(parts) => parts.insert(0, json!({"type": "text", "text": format!("{system}\n\n")})),
        None => user.content.insert_str(0, &format!("{system}\n\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Calls;
    use super::*;

    fn said(role: &str, content: &str) -> Message {
        Message { role: role.into(), content: content.into(), extra: None }
    }

    fn called() -> Message {
        let extra = json!({"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}]});
        Message { extra: extra.as_object().cloned(), ..said("assistant", "So:") }
    }

    #[test]
    fn what_a_template_knows_is_left_alone() {
        let format = Format { calls: Some(Calls::fallback()), takes_system: true, ..Format::default() };
        let messages = [said("system", "s"), said("user", "u"), called(), said("tool", "r")];
        let adapted = Adapted::new(&format, &messages, Some(&json!([{}])));
        assert!(adapted.messages.is_none());
        assert!(Adapted::notes(&format, &messages, Some(&json!([{}]))).next().is_none());
        let as_text = Format { arguments_as_text: true, ..format };
        let adapted = Adapted::new(&as_text, &messages, None).messages.unwrap();
        assert_eq!(calls_of(&adapted[2]).unwrap()[0]["function"]["arguments"], json!("{\"a\":1}"));
    }

    #[test]
    fn tools_results_and_calls_become_text_where_a_template_shows_none() {
        let format = Format { takes_system: true, ..Format::default() };
        let messages = [said("user", "u"), called(), said("tool", "r")];
        let tools = json!([{"name": "f"}]);
        let adapted = Adapted::new(&format, &messages, Some(&tools));
        let notes = Adapted::notes(&format, &messages, Some(&tools)).count();
        assert_eq!((adapted.shift(&messages), notes), (1, 1));
        let all = adapted.messages.unwrap();
        assert!(all[0].role == "system" && all[0].content.contains("{\"name\":\"f\"}"));
        let call = "So:\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\":1}}\n</tool_call>";
        assert_eq!((all[2].content.as_str(), all[3].role.as_str()), (call, "user"));
        assert_eq!(all[3].content, "<tool_response>\nr\n</tool_response>");
    }

    #[test]
    fn a_system_message_comes_before_the_first_question_where_there_is_no_place_for_it() {
        let parts = json!({"content": [{"type": "text", "text": "u"}]});
        let in_parts = Message { extra: parts.as_object().cloned(), ..said("user", "") };
        for user in [said("user", "u"), in_parts] {
            let messages = [said("system", "s"), user, said("assistant", "a")];
            let adapted = Adapted::new(&Format::default(), &messages, None);
            let notes = Adapted::notes(&Format::default(), &messages, None).count();
            assert_eq!((adapted.shift(&messages), notes), (-1, 1));
            assert_eq!(text_of(&adapted.messages.unwrap()[0]), "s\n\nu");
        }
        let alone = Adapted::new(&Format::default(), &[said("system", "s")], None).messages.unwrap();
        assert_eq!(alone, [said("user", "s")]);
    }
}
