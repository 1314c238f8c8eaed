//! Tools that a conversation has, and the calls of an answer, as OpenAI's clients write and read them.

use crate::failure::Failure;
use crate::fields::{Fields, wrong};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wick::ToolChoice;

type Result<T> = std::result::Result<T, Failure>;

/// Tools of a request at most, as OpenAI has it.
const TOOLS: usize = 128;

/// The request's tools, as templates are given them, and whether they may be called.
///
/// # Errors
/// 400 that names the field.
pub fn tools(fields: &mut Fields) -> Result<(Option<Value>, ToolChoice)> {
    let given = fields.list("tools")?.filter(|tools| !tools.is_empty());
    if let Some(tools) = &given {
        if tools.len() > TOOLS {
            return Err(Failure::field(
                "tools",
                format!("there are {} tools; send at most {TOOLS}", tools.len()),
            ));
        }
        tools.iter().enumerate().try_for_each(|(index, tool)| check(index, tool))?;
    }
    let choice = match fields.take("tool_choice") {
        None => ToolChoice::Auto,
        Some(choice) => match (choice.as_str(), name_of(&choice)) {
            (Some("auto"), _) => ToolChoice::Auto,
            (Some("none"), _) => ToolChoice::None,
            (Some("required"), _) => ToolChoice::Required,
            (None, Some(name)) => ToolChoice::Named(name.into()),
            _ => {
                let wanted = "\"auto\", \"none\", \"required\" or \
                    {\"type\": \"function\", \"function\": {\"name\": …}}";
                return Err(wrong("tool_choice", &choice, wanted));
            }
        },
    };
    if choice.wants_call() && given.is_none() {
        return Err(Failure::field(
            "tool_choice",
            "it wants a call, and there are no tools: send tools, too",
        ));
    }
    // Calls come as the model makes them; one that has to come is one.
    let one = given.is_none() || choice.wants_call();
    let several = |value: &Value| one || *value == Value::Bool(true);
    fields.refuse("parallel_tool_calls", several, "how many calls come is the model's choice")?;
    let nothing = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    fields.refuse("functions", nothing, "that is the old form; send tools")?;
    let off = |value: &Value| matches!(value.as_str(), Some("none" | "auto"));
    fields.refuse("function_call", off, "that is the old form; send tool_choice")?;
    Ok((given.map(Value::from), choice))
}

/// The name of the function that `tool` is, or that is chosen.
fn name_of(tool: &Value) -> Option<&str> {
    let is_function = tool.get("type")?.as_str() == Some("function");
    tool.get("function")?.get("name")?.as_str().filter(|name| is_function && !name.is_empty())
}

fn check(index: usize, tool: &Value) -> Result<()> {
    if name_of(tool).is_some() {
        return Ok(());
    }
    let wanted = "{\"type\": \"function\", \"function\": {\"name\": …}}";
    Err(wrong(&format!("tools[{index}]"), tool, wanted))
}

/// A call of the library's, `{"id", "name", "arguments"}`, as an answer has it; in a stream with its index.
/// `None` for what is no such object.
///
/// The arguments' text is the library's own: numbers of any length stay as they are.
pub fn call(text: &str, index: Option<usize>) -> Option<Value> {
    let parts: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
    let string = |name: &str| serde_json::from_str::<String>(parts.get(name)?.get()).ok();
    let function = json!({"name": string("name")?, "arguments": parts.get("arguments")?.get()});
    let mut call = json!({"id": string("id")?, "type": "function", "function": function});
    if let (Some(index), Value::Object(call)) = (index, &mut call) {
        call.insert("index".to_owned(), index.into());
    }
    Some(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<(Option<Value>, ToolChoice)> {
        let mut fields = Fields::parse(value.to_string().as_bytes())?;
        let tools = tools(&mut fields)?;
        fields.finish().map(|()| tools)
    }

    #[test]
    fn tools_that_are_none_are_no_tools() {
        for nothing in [
            json!({}),
            json!({"tools": [], "tool_choice": "auto", "parallel_tool_calls": false}),
            json!({"tools": null, "functions": [], "function_call": "none"}),
        ] {
            assert_eq!(read(nothing).expect("nothing is asked for"), (None, ToolChoice::Auto));
        }
        let one = json!([{"type": "function", "function": {"name": "add"}}]);
        let asked = json!({"tools": one, "tool_choice": "none", "parallel_tool_calls": true});
        assert_eq!(read(asked).expect("valid"), (Some(one.clone()), ToolChoice::None));
        for (choice, read_as) in [
            (json!("required"), ToolChoice::Required),
            (json!({"type": "function", "function": {"name": "add"}}), ToolChoice::Named("add".into())),
        ] {
            let asked = json!({"tools": one, "tool_choice": choice, "parallel_tool_calls": false});
            assert_eq!(read(asked).expect("valid"), (Some(one.clone()), read_as));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let one = json!([{"type": "function", "function": {"name": "add"}}]);
        for (value, name) in [
            (json!({"tools": [{"type": "search"}]}), "tools[0]"),
            (json!({"tools": [{"type": "function", "function": {}}]}), "tools[0]"),
            (json!({"tools": 4}), "tools"),
            (json!({"tools": vec![one[0].clone(); TOOLS + 1]}), "tools"),
            (json!({"tools": one, "tool_choice": "any"}), "tool_choice"),
            (json!({"tools": one, "tool_choice": {"function": {"name": "add"}}}), "tool_choice"),
            (json!({"tool_choice": "required"}), "tool_choice"),
            (json!({"tools": one, "parallel_tool_calls": false}), "parallel_tool_calls"),
            (json!({"functions": [{"name": "add"}]}), "functions"),
        ] {
            assert_eq!(read(value.clone()).expect_err(name).param.as_deref(), Some(name), "{value}");
        }
    }

    #[test]
    fn a_calls_arguments_keep_their_numbers() {
        let call =
            call("{\"id\":\"c1\",\"name\":\"add\",\"arguments\":{\"a\":18446744073709551616}}", Some(2));
        let call = call.expect("a call");
        assert_eq!((call["id"].as_str(), call["index"].as_u64()), (Some("c1"), Some(2)));
        assert_eq!(call["function"], json!({"name": "add", "arguments": "{\"a\":18446744073709551616}"}));
        assert_eq!(super::call("[]", None), None);
    }
}
