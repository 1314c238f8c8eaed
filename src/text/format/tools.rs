//! The tools of a conversation: their names and what their arguments are. Knows no form of a call.

use serde_json::Value;

/// The tools in force, as the host gave them.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a>(Option<&'a Value>);

impl<'a> Tools<'a> {
    /// Of a host's list: `{"type": "function", "function": {"name", "parameters"}}`, or what is in
    /// `function` alone. Whatever else it is, it has no tools.
    pub fn new(tools: Option<&'a Value>) -> Self {
        Self(tools)
    }

    fn all(self) -> impl Iterator<Item = &'a Value> {
        let list = self.0.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().map(|tool| tool.get("function").filter(|inner| inner.is_object()).unwrap_or(tool))
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'a str> {
        self.all().filter_map(|tool| tool.get("name")?.as_str())
    }

    /// Whether there is one of this name.
    pub fn has(self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// The JSON schema of a tool's arguments.
    pub fn parameters(self, name: &str) -> Option<&'a Value> {
        let tool = self.all().find(|tool| tool.get("name").and_then(Value::as_str) == Some(name))?;
        ["parameters", "input_schema", "inputSchema"].iter().find_map(|key| tool.get(key))
    }

    /// Whether the argument `key` of a tool is a text by its schema; `None`: it does not say.
    pub(super) fn is_text(self, name: &str, key: &str) -> Option<bool> {
        let kind = self.parameters(name)?.get("properties")?.get(key)?.get("type")?;
        match kind {
            Value::String(kind) => Some(kind == "string"),
            Value::Array(kinds) => {
                let text = |kind: &Value| matches!(kind.as_str(), Some("string" | "null"));
                kinds.iter().all(text).then_some(true)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tools_are_found_in_both_forms() {
        let properties = json!({"a": {"type": "string"}, "b": {"type": ["integer", "null"]}});
        let given = json!([
            {"type": "function", "function": {"name": "x", "parameters": {"properties": properties}}},
            {"name": "y", "input_schema": {}},
            7,
        ]);
        let tools = Tools::new(Some(&given));
        assert_eq!(tools.names().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(tools.is_text("x", "a"), Some(true));
        assert_eq!((tools.is_text("x", "b"), tools.is_text("y", "a")), (None, None));
        assert!(tools.parameters("y").is_some() && !tools.has("z"));
        assert_eq!(Tools::new(Some(&json!({"name": "x"}))).names().count(), 0);
    }
}
