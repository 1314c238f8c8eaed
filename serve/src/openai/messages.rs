//! A conversation as clients send it, and as the library's templates take it.

use crate::failure::Failure;
use crate::fields::{Fields, wrong};
use serde_json::{Map, Value};
use wick::Message;

type Result<T> = std::result::Result<T, Failure>;

/// What a message may have besides its role and content; templates see it.
const EXTRA: [&str; 4] = ["name", "tool_call_id", "reasoning_content", "reasoning"];

/// What answers have that are sent back, and templates have no use for.
const ECHOES: [&str; 4] = ["refusal", "annotations", "audio", "function_call"];

/// The request's messages.
///
/// # Errors
/// 400 that names the message and the field.
pub fn messages(fields: &mut Fields) -> Result<Vec<Message>> {
    match fields.list("messages")? {
        Some(list) if !list.is_empty() => {
            list.into_iter().enumerate().map(|(index, value)| message(index, value)).collect()
        }
        _ => Err(Failure::field("messages", "messages is empty; send at least one")),
    }
}

fn message(index: usize, value: Value) -> Result<Message> {
    let mut fields = Fields::of(value, format!("messages[{index}]"))?;
    let role = role(&mut fields)?;
    let content = content(&mut fields)?;
    let mut extra = Map::new();
    for name in EXTRA {
        if let Some(text) = fields.text(name)? {
            // Templates know the one name.
            let name = if name == "reasoning" { "reasoning_content" } else { name };
            extra.insert(name.to_owned(), text.into());
        }
    }
    if let Some(calls) = fields.list("tool_calls")? {
        let calls: Vec<Value> = calls.into_iter().map(call).collect();
        extra.insert("tool_calls".to_owned(), calls.into());
    }
    fields.ignore(&ECHOES);
    if content.is_none() && !extra.contains_key("tool_calls") {
        let name = fields.name("content");
        return Err(Failure::field(&name, format!("{name} is missing; send a text")));
    }
    fields.finish()?;
    let extra = (!extra.is_empty()).then_some(extra);
    Ok(Message { role, content: content.unwrap_or_default(), extra })
}

fn role(fields: &mut Fields) -> Result<String> {
    let name = fields.name("role");
    match fields.text("role")?.as_deref() {
        // What OpenAI's newer models call the same.
        Some("developer" | "system") => Ok("system".to_owned()),
        Some(role @ ("user" | "assistant" | "tool")) => Ok(role.to_owned()),
        Some(other) => Err(wrong(
            &name,
            &Value::from(other),
            "\"system\", \"developer\", \"user\", \"assistant\" or \"tool\"",
        )),
        None => Err(Failure::field(&name, format!("{name} is missing"))),
    }
}

/// A text, or a list of parts that are texts.
fn content(fields: &mut Fields) -> Result<Option<String>> {
    let name = fields.name("content");
    match fields.take("content") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Array(parts)) => {
            let parts = parts.into_iter().enumerate();
            parts
                .map(|(index, part)| text_of(part, &format!("{name}[{index}]")))
                .collect::<Result<_>>()
                .map(Some)
        }
        Some(other) => Err(wrong(&name, &other, "a text, or a list of parts")),
    }
}

fn text_of(part: Value, name: &str) -> Result<String> {
    let mut part = Fields::of(part, name)?;
    let kind = part.text("type")?.unwrap_or_default();
    match part.text("text")? {
        Some(text) if kind == "text" => part.finish().map(|()| text),
        _ => {
            let message = format!("{name} is a part of the type {kind:?}; only texts are understood here");
            Err(Failure::field(name, message).with_code("unsupported"))
        }
    }
}

/// A call as templates want it: arguments are an object, where OpenAI sends them as text.
fn call(mut call: Value) -> Value {
    let arguments = call.get_mut("function").and_then(|function| function.get_mut("arguments"));
    if let Some(arguments) = arguments
        && let Value::String(text) = arguments
        && let Ok(object @ Value::Object(_)) = serde_json::from_str(text)
    {
        *arguments = object;
    }
    call
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(list: Value) -> Result<Vec<Message>> {
        messages(&mut Fields::parse(json!({"messages": list}).to_string().as_bytes())?)
    }

    #[test]
    fn parts_are_put_together_and_a_developer_is_the_system() {
        let parts = json!([{"type": "text", "text": "Hello, "}, {"type": "text", "text": "world"}]);
        let read = read(json!([
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": parts, "name": "Ada"},
        ]))
        .expect("valid");
        assert_eq!((read[0].role.as_str(), read[0].content.as_str()), ("system", "Be brief."));
        assert_eq!(read[1].content, "Hello, world");
        assert_eq!(read[1].extra.as_ref().expect("more")["name"], "Ada");
    }

    #[test]
    fn an_answer_can_be_sent_back_as_it_came() {
        let call =
            json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
        let read = read(json!([
            {"role": "assistant", "content": null, "tool_calls": [call], "refusal": null, "annotations": []},
            {"role": "tool", "tool_call_id": "1", "content": "2"},
        ]))
        .expect("valid");
        let extra = read[0].extra.as_ref().expect("the call");
        assert_eq!(extra["tool_calls"][0]["function"]["arguments"], json!({"a": 1}));
        assert_eq!(read[1].extra.as_ref().expect("its id")["tool_call_id"], "1");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (list, name) in [
            (json!([]), "messages"),
            (json!([{"role": "user"}]), "messages[0].content"),
            (json!([{"content": "a"}]), "messages[0].role"),
            (json!([{"role": "robot", "content": "a"}]), "messages[0].role"),
            (json!([{"role": "user", "content": "a"}, 4]), "messages[1]"),
            (json!([{"role": "user", "content": "a", "mood": 1}]), "messages[0].mood"),
            (
                json!([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]),
                "messages[0].content[0]",
            ),
        ] {
            assert_eq!(read(list.clone()).expect_err(name).param.as_deref(), Some(name), "{list}");
        }
    }
}
