//! Large conversations that are valid: a rendering may cost what its conversation explains.
#![cfg(feature = "text")]

use serde_json::{Value, json};
use wick::text::template::Template;
use wick::text::{Message, RenderInput};

fn message(role: &str, content: String) -> Message {
    Message { role: role.into(), content, extra: None }
}

fn render(source: &str, messages: &[Message], tools: Option<&Value>) -> String {
    let input = RenderInput { messages, tools, add_generation_prompt: true, ..RenderInput::default() };
    Template::new(source, "<s>", "</s>").unwrap().render(&input).unwrap()
}

/// `count` tools of `arguments` arguments each.
fn tools(count: usize, arguments: usize) -> Value {
    let tool = |number: usize| {
        let properties: serde_json::Map<String, Value> = (0..arguments)
            .map(|argument| {
                let kind = ["string", "number", "array", "object"][argument % 4];
                let mut schema =
                    json!({"type": kind, "description": format!("Argument {argument} of tool {number}.")});
                if kind == "array" {
                    schema["items"] = json!({"type": "string", "enum": ["a", "b", "c"]});
                }
                if kind == "object" {
                    schema["properties"] = json!({"inner": {"type": "integer", "default": 3}});
                }
                (format!("argument_{argument}"), schema)
            })
            .collect();
        json!({"type": "function", "function": {
            "name": format!("tool_{number}"), "description": "Does something useful.",
            "parameters": {"type": "object", "properties": properties, "required": ["argument_0"]}}})
    };
    Value::Array((0..count).map(tool).collect())
}

/// Writes each schema out as a type, by macros that call each other and go over names letter by letter.
const TYPES: &str = "\
    {%- macro camel(name) -%}{%- set ns = namespace(out='', up=true) -%}{%- for c in name -%}\
        {%- if c == '_' -%}{%- set ns.up = true -%}{%- elif ns.up -%}{%- set ns.out = ns.out ~ c|upper -%}{%- set ns.up = false -%}\
        {%- else -%}{%- set ns.out = ns.out ~ c -%}{%- endif -%}{%- endfor -%}{{ ns.out }}{%- endmacro -%}\
    {%- macro kind(p, depth) -%}{%- if p.enum is defined -%}{{ p.enum|map('tojson')|join(' | ') }}\
        {%- elif p.type == 'array' -%}{{ kind(p['items'], depth) }}[]\
        {%- elif p.type == 'object' and p.properties is defined -%}{{ fields(p, depth + 1) }}\
        {%- elif p.type in ['integer', 'number', 'float'] -%}number{%- else -%}{{ p.type }}{%- endif -%}{%- endmacro -%}\
    {%- macro fields(p, depth) -%}{ {%- for name, field in p.properties|dictsort -%}\n{{ '  ' * depth }}\
        {%- if field.description -%}// {% for word in field.description.split() %}{{ word }}{{ ' ' if not loop.last }}{% endfor %}\n{{ '  ' * depth }}{%- endif -%}\
        {{ camel(name) }}{{ '?' if name not in p.required|default([]) }}: {{ kind(field, depth) }}\
        {%- if field.default is defined %} = {{ field.default|tojson }}{% endif -%},{%- endfor -%} }{%- endmacro -%}\
    {%- for tool in tools -%}{%- set f = tool.function -%}type {{ camel(f.name) }} = {{ fields(f.parameters, 1) }};\n{%- endfor -%}\
    {%- for m in messages -%}{{ m.role }}: {{ m.content }}\n{%- endfor -%}";

#[test]
fn many_tools_are_written_out_by_macros() {
    let messages = [message("user", "Hi".into())];
    for (count, arguments) in [(35, 7), (183, 1), (48, 9), (200, 12)] {
        let text = render(TYPES, &messages, Some(&tools(count, arguments)));
        assert_eq!(text.matches("type Tool").count(), count);
        assert!(text.contains(&format!("type Tool{} = {{", count - 1)), "{text}");
        assert_eq!(text.matches("Argument0?: ").count() + text.matches("Argument0: ").count(), count);
    }
}

#[test]
fn many_tools_are_shown_again_in_every_turn() {
    let source = "{% for m in messages %}{% if m.role == 'user' %}{% for t in tools %}{{ t.function.name }}\
        {% for name, p in t.function.parameters.properties.items() %} {{ name }}:{{ p.type }}{% endfor %}\n{% endfor %}{% endif %}\
        {{ m.content }}{% endfor %}";
    let messages: Vec<Message> = (0..60).map(|_| message("user", "Hi".into())).collect();
    let text = render(source, &messages, Some(&tools(98, 4)));
    assert_eq!(text.matches("tool_97").count(), 60);
}

/// Looks back from each message for the last one of a user, and over all of them for tools' results.
const LOOKING_BACK: &str = "\
    {%- for m in messages -%}{%- set ns = namespace(last=-1, open=false) -%}\
    {%- for other in messages[:loop.index0] -%}{%- if other.role == 'user' -%}{%- set ns.last = loop.index0 -%}\
        {%- elif other.role == 'tool' and other.tool_call_id == m.tool_call_id -%}{%- set ns.open = true -%}{%- endif -%}{%- endfor -%}\
    {{ m.role ~ ' ' ~ ns.last ~ ': ' ~ m.content ~ '\n' }}{%- endfor -%}";

#[test]
fn many_turns_look_back_at_all_before_them() {
    for count in [256usize, 1000] {
        let roles = ["user", "assistant"];
        let messages: Vec<Message> =
            (0..count).map(|at| message(roles[at % 2], format!("turn {at}"))).collect();
        let text = render(LOOKING_BACK, &messages, None);
        assert_eq!(text.lines().count(), count);
        assert!(text.ends_with(&format!("assistant {}: turn {}\n", count - 2, count - 1)), "{text}");
    }
}

#[test]
fn a_long_content_is_gone_over_letter_by_letter() {
    let source = "{% for m in messages %}{% for c in m.content %}{% if c is mapping and c.type == 'image' %}<image>\
        {% elif c is mapping %}{{ c.text }}{% elif c == '\\n' or c in ['\\r', '\\t'] %} {% else %}{{ c }}{% endif %}{% endfor %}{% endfor %}";
    for letters in [11_590, 60_000] {
        let content: String = "abcdé fg\n".chars().cycle().take(letters).collect();
        let text = render(source, &[message("user", content.clone())], None);
        assert_eq!(text, content.replace('\n', " "));
    }
}

#[test]
fn a_text_grows_letter_by_letter() {
    let source = "{% set ns = namespace(s='') %}{% for c in messages[0].content %}{% set ns.s = ns.s + c %}{% endfor %}{{ ns.s|length }}";
    assert_eq!(render(source, &[message("user", "x".repeat(12_000))], None), "12000");
}

#[test]
fn a_conversation_far_beyond_any_context_is_still_rendered() {
    let content = "hello world ".repeat(20_000_000 / 12);
    let text = render("chatml", &[message("user", content.clone())], None);
    assert!(text.len() > content.len());
    let trimmed =
        "{% for m in messages %}{{ m.role }}{{ m.content | trim | replace('\\r', '') }}{% endfor %}";
    assert_eq!(render(trimmed, &[message("user", content.clone())], None).len(), content.len() + 3);
}

#[test]
fn every_message_chooses_among_all() {
    let messages: Vec<Message> =
        (0..300).map(|at| message(["user", "assistant"][at % 2], format!("turn {at}"))).collect();
    // What is chosen is not kept: together these would take more than the rendering may hold.
    for (chosen, wanted) in [
        ("((messages * 40) | reverse | list | length)", "12000"),
        ("((messages * 40) | reverse | first).content", "turn 299"),
        ("(messages | selectattr('role', 'equalto', 'user') | list | length)", "150"),
        ("(messages | rejectattr('role', 'equalto', 'user') | map(attribute='content') | first)", "turn 1"),
    ] {
        let source = format!("{{% for m in messages %}}{{{{ {chosen} }}}}\n{{% endfor %}}");
        let text = render(&source, &messages, None);
        assert!(text.lines().count() == 300 && text.lines().all(|line| line == wanted), "{chosen}");
    }
}

/// Loops, iterators and others that are named by nothing any more have nothing that counts.
#[test]
fn what_was_passed_on_is_given_back_once_nothing_names_it() {
    // 100 times 800 KB, of which a rendering holds 48 MiB at most.
    let begin = "{% set big = messages[0].content * 40 %}{% macro m(it) %}{{ it.index }}{% endmacro %}\
        {% set ns = namespace() %}{% for i in range(100) %}{% set long = big ~ i %}";
    for (uses, each) in [
        ("{% for c in long %}{{ m(loop) }}{% break %}{% endfor %}", "1"),
        ("{% for c in long %}{{ loop.cycle('a', c) }}{% break %}{% endfor %}", "a"),
        ("{% for c in long %}{% set ns.it = loop %}{% break %}{% endfor %}", ""),
        ("{% for c in long recursive %}{{ loop.first }}{% break %}{% endfor %}", "True"),
        ("{% set some = [1, long] | map('string') %}{{ some | first }}", "1"),
        ("{% set ns.it = [1, long] | map('string') %}{{ 1 in ns.it }}{{ ns.it | first }}", "False"),
        ("{% for c in [1, long] | map('string') %}{{ c }}{% break %}{% endfor %}", "1"),
        (
            "{% set ns.it = namespace(long=long) %}{% set ns.it = cycler(long, i) %}{{ ns.it.next() | length > 9 }}",
            "True",
        ),
    ] {
        let messages = [message("user", "x".repeat(20_000))];
        let rendered = render(&format!("{begin}{uses}{{% endfor %}}"), &messages, None);
        assert_eq!(rendered, each.repeat(100), "{uses}");
    }
}

/// Many small ones are no more than are named at a time.
#[test]
fn the_places_of_objects_are_used_again() {
    // 300,000 times 256 bytes are 73 MiB.
    let messages = [message("user", "x".repeat(40_000))];
    for each in [
        "{% for c in [i] %}{{ m(loop) }}{% endfor %}",
        "{% set some = [i] | map('string') | list %}",
        "{% set some = namespace(i=i) %}",
    ] {
        let source = format!(
            "{{% macro m(it) %}}{{% endmacro %}}{{% for j in range(3) %}}{{% for i in range(100000) %}}{each}\
             {{% endfor %}}{{% endfor %}}done"
        );
        assert_eq!(render(&source, &messages, None), "done", "{each}");
    }
}

/// A loop that is called after its end goes on where it stood; those who were in the way meanwhile are not
/// taken for it.
#[test]
fn a_recursive_loop_that_outlives_its_end_keeps_its_variables() {
    let source = "{% set ns = namespace() %}{% for i in [1] %}{% set v = 'V' %}\
        {% for x in [1] recursive %}{{ v }}{{ x }}{% set ns.it = loop %}{% endfor %}{% endfor %}\
        {% for i in [1, 2] %}{% set v = 'W' %}{{ ns.it([2, 3]) }}{{ v }}{% endfor %}";
    assert_eq!(render(source, &[], None), "V1V2V3WV2V3W");
}
