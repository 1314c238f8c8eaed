use super::Rewritten;

/// What the schema is rewritten to, but for llguidance's options.
fn rewritten(schema: &str) -> String {
    let mut made = Rewritten::new(schema).unwrap_or_else(|error| panic!("{schema}: {error}")).schema;
    made["allOf"][0].take().to_string()
}

fn check(schema: &str, value: &str) -> Result<(), String> {
    let checked = Rewritten::new(schema).unwrap().checked;
    checked.check(value.as_bytes()).map_err(|error| error.message().to_owned())
}

#[test]
fn what_names_properties_has_these_and_no_others_unless_others_hold_too() {
    let closed = rewritten(r#"{"properties":{"a":{"type":"null"}}}"#);
    assert!(closed.contains(r#""additionalProperties":false"#), "{closed}");
    let open = rewritten(r#"{"allOf":[{"properties":{"a":true}},{"properties":{"b":true}}]}"#);
    assert!(!open.contains(r#""additionalProperties":false"#), "{open}");
    let said = rewritten(r#"{"properties":{"a":true},"additionalProperties":true}"#);
    assert!(!said.contains(r#""additionalProperties":false"#), "{said}");
}

#[test]
fn values_that_other_keywords_forbid_are_not_listed() {
    let made = rewritten(r#"{"type":["string","null"],"maxLength":1,"enum":["a","bc",null,3]}"#);
    assert_eq!(made, r#"{"enum":["a",null]}"#);
}

#[test]
fn bounds_are_those_that_a_float_keeps() {
    let made = rewritten(r#"{"type":"integer","minimum":-9223372036854775808,"maximum":9007199254740993}"#);
    assert!(made.contains(r#""minimum":-1000000000000000000"#), "{made}");
    // 2^53 + 1 is no float: the next one below 2^53 is.
    assert!(made.contains(r#""maximum":9007199254740991"#), "{made}");
}

#[test]
fn a_finished_value_is_held_to_every_keyword() {
    let wrong = [
        (r#"{"type":"array","uniqueItems":true}"#, "[1,2,1.0]", "\"uniqueItems\" at #"),
        (r#"{"properties":{"a":{"maximum":3}}}"#, r#"{"a":4}"#, "\"maximum\" at #/a"),
        (r#"{"items":{"exclusiveMinimum":0}}"#, "[1,0]", "\"exclusiveMinimum\" at #/1"),
        (r#"{"type":"string","minLength":2}"#, "\"é\"", "\"minLength\" at #"),
        (r#"{"type":"string","pattern":"^\\d+$"}"#, "\"1a\"", "\"pattern\" at #"),
        (r#"{"type":"string","format":"date"}"#, "\"2023-02-29\"", "\"format\" at #"),
        (r#"{"type":"string","format":"date"}"#, "\"0000-01-01\"", "\"format\" at #"),
        (r#"{"type":"object","required":["a"]}"#, "{}", "\"required\" at #"),
        (
            r#"{"properties":{"a":true},"additionalProperties":false}"#,
            r#"{"b":1}"#,
            "\"additionalProperties\" at #/b",
        ),
        (r#"{"type":"integer"}"#, "1.5", "\"type\" at #"),
        (r#"{"enum":[1,"a"]}"#, "2", "\"enum\" at #"),
        (r#"{"multipleOf":0.1,"type":"number"}"#, "0.25", "\"multipleOf\" at #"),
        (r#"{"anyOf":[{"type":"null"},{"type":"boolean"}]}"#, "1", "\"anyOf\" at #"),
        (r##"{"items":{"$ref":"#/$defs/a"},"$defs":{"a":{"type":"null"}}}"##, "[1]", "\"type\" at #/0"),
        ("{}", "{\"a\":1e999}", "no JSON"),
        ("{}", "{\"a\":", "no JSON"),
    ];
    for (schema, value, why) in wrong {
        let said = check(schema, value).unwrap_err();
        assert!(said.contains(why), "{schema} of {value}: {said}");
    }
    let right = [
        (r#"{"type":"integer"}"#, "1.0"),
        (r#"{"type":"string","format":"date"}"#, "\"2024-02-29\""),
        (r#"{"multipleOf":0.1,"type":"number"}"#, "0.3"),
        (r#"{"const":1}"#, "1.0"),
        (r#"{"type":"string","nullable":true}"#, "null"),
    ];
    for (schema, value) in right {
        assert_eq!(check(schema, value), Ok(()), "{schema} of {value}");
    }
}
