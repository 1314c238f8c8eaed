//! What an answer has to look like: OpenAI's `response_format`, and a grammar of any other kind.

use crate::failure::Failure;
use crate::fields::{Fields, wrong};
use serde_json::Value;
use wick::{Grammar, GrammarKind};

type Result<T> = std::result::Result<T, Failure>;

/// The grammar that is asked for, if one is. What is wrong with the grammar itself is the generation's end.
///
/// # Errors
/// 400 that names the field.
pub fn grammar(fields: &mut Fields) -> Result<Option<Grammar>> {
    let format = match fields.take("response_format") {
        None => None,
        Some(value) => response_format(Fields::of(value, "response_format")?)?,
    };
    let own = fields.take("grammar").map(written).transpose()?;
    if format.is_some() && own.is_some() {
        let why = "grammar and response_format both bind the answer; leave one of them out";
        return Err(Failure::field("grammar", why));
    }
    Ok(format.or(own))
}

fn response_format(mut format: Fields) -> Result<Option<Grammar>> {
    let grammar = match format.text("type")?.unwrap_or_default().as_str() {
        "text" => None,
        "json_object" => Some(Grammar { kind: GrammarKind::Json, text: String::new() }),
        "json_schema" => {
            let given = format.take("json_schema").unwrap_or_default();
            let mut named = Fields::of(given, "response_format.json_schema")?;
            // With or without `strict` the answer is held to it.
            named.ignore(&["name", "description", "strict"]);
            let name = named.name("schema");
            let Some(schema) = named.take("schema") else {
                return Err(Failure::field(&name, format!("{name} is missing; send a JSON schema")));
            };
            named.finish()?;
            Some(Grammar { kind: GrammarKind::JsonSchema, text: schema.to_string() })
        }
        other => {
            let wanted = "\"text\", \"json_object\" or \"json_schema\"";
            return Err(wrong("response_format.type", &Value::from(other), wanted));
        }
    };
    format.finish()?;
    Ok(grammar)
}

/// A text is a GBNF, as with llama.cpp's server; `{"regex": "…"}` and the like say what they are.
fn written(value: Value) -> Result<Grammar> {
    let wanted = "a GBNF, or an object with one text: \"gbnf\", \"lark\" or \"regex\"";
    let (kind, text) = match &value {
        Value::String(text) => ("gbnf", text),
        Value::Object(object) => match object.iter().next() {
            Some((kind, Value::String(text))) if object.len() == 1 => (kind.as_str(), text),
            _ => return Err(wrong("grammar", &value, wanted)),
        },
        _ => return Err(wrong("grammar", &value, wanted)),
    };
    let kind = match kind {
        "gbnf" => GrammarKind::Gbnf,
        "lark" => GrammarKind::Lark,
        "regex" => GrammarKind::Regex,
        _ => return Err(wrong("grammar", &value, wanted)),
    };
    Ok(Grammar { kind, text: text.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Option<Grammar>> {
        let mut fields = Fields::parse(value.to_string().as_bytes())?;
        let grammar = grammar(&mut fields)?;
        fields.finish().map(|()| grammar)
    }

    #[test]
    fn a_format_and_a_grammar_are_read() {
        let kind = |value: Value| read(value).expect("valid").map(|grammar| (grammar.kind, grammar.text));
        assert_eq!(kind(json!({})), None);
        assert_eq!(kind(json!({"response_format": {"type": "text"}})), None);
        let object = json!({"response_format": {"type": "json_object"}});
        assert_eq!(kind(object), Some((GrammarKind::Json, String::new())));
        let schema =
            json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": {"a": 1}}});
        let schema = json!({"response_format": schema});
        assert_eq!(kind(schema), Some((GrammarKind::JsonSchema, "{\"a\":1}".to_owned())));
        assert_eq!(kind(json!({"grammar": "root ::= \"a\""})).expect("one").0, GrammarKind::Gbnf);
        assert_eq!(kind(json!({"grammar": {"regex": "a"}})), Some((GrammarKind::Regex, "a".to_owned())));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, name) in [
            (json!({"response_format": {"type": "xml"}}), "response_format.type"),
            (json!({"response_format": {}}), "response_format.type"),
            (json!({"response_format": {"type": "json_schema"}}), "response_format.json_schema"),
            (
                json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}),
                "response_format.json_schema.schema",
            ),
            (json!({"response_format": {"type": "text", "mood": 1}}), "response_format.mood"),
            (json!({"grammar": {"regex": "a", "lark": "b"}}), "grammar"),
            (json!({"grammar": {"peg": "a"}}), "grammar"),
            (json!({"grammar": "a", "response_format": {"type": "json_object"}}), "grammar"),
        ] {
            assert_eq!(read(value.clone()).expect_err(name).param.as_deref(), Some(name), "{value}");
        }
    }
}
