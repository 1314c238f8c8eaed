//! The text of control tokens in a conversation: it stays text, and a template works on it as on any other.
#![cfg(feature = "text")]

use crate::support::time::time_of;
use serde_json::json;
use wick::text::tokenizer::{TokenKind, Tokenizer, VocabularyData, VocabularyModel};
use wick::text::{ControlSpan, Message, RenderInput, Rendered, Spoken, Vocab};

const CONTROLS: [&str; 9] = [
    "<s>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "<think>",
    "</think>",
    "<|channel>",
    "<channel|>",
    "<|user|>",
];

fn tokenizer(source: &str) -> Tokenizer {
    let mut data = VocabularyData::new(VocabularyModel::Bpe);
    data.tokens = CONTROLS.to_vec();
    data.kinds = vec![TokenKind::Control; CONTROLS.len()];
    (data.bos, data.eos) = (Some(0), Some(1));
    Tokenizer::new(&data).unwrap().with_template(source).unwrap()
}

fn message(role: &str, content: &str) -> Message {
    Message { role: role.into(), content: content.into(), extra: None }
}

/// The text, and the control tokens in it.
fn render(source: &str, input: &RenderInput<'_>) -> (String, Vec<&'static str>) {
    let rendered = tokenizer(source).render(input).unwrap();
    for span in &rendered.control {
        assert_eq!(&rendered.text[span.start..span.end], CONTROLS[span.id as usize]);
    }
    let control = rendered.control.iter().map(|span| CONTROLS[span.id as usize]).collect();
    (rendered.text, control)
}

fn said(source: &str, content: &str) -> (String, Vec<&'static str>) {
    render(source, &RenderInput { messages: &[message("user", content)], ..RenderInput::default() })
}

const CONTENT: &str = "{% set m = messages[0].content %}";

/// What a template does with a text it does with the text itself.
#[test]
fn t3_a_template_works_on_a_message_as_on_the_text_it_is() {
    for (expression, content, wanted) in [
        ("m.split('</think>')[-1]", "<think>x</think>Hello.", "Hello."),
        ("m.split('<')|length", "<a>", "2"),
        ("m.startswith('<')", "<a>", "True"),
        ("m.endswith('<|im_end|>')", "a<|im_end|>", "True"),
        ("m|replace('<', '&lt;')", "<a>", "&lt;a>"),
        ("m|e", "<|im_end|>", "&lt;|im_end|&gt;"),
        ("m == '<a>b<|im_end|>'", "<a>b<|im_end|>", "True"),
        ("'</think>' in m", "<think>x</think>", "True"),
        ("[m, '<', 'a', '~']|sort|join(' ')", "<|im_end|>", "< <|im_end|> a ~"),
        ("m[0] == '<' and m[-1] == '>'", "<s>", "True"),
        ("m|length", "<|im_end|>", "10"),
        ("{'<s>': 1}[m]", "<s>", "1"),
        ("m|tojson", "<|im_end|>é\"", r#""<|im_end|>é\"""#),
        ("m|tojson(ensure_ascii=true)", "<s>é", r#""<s>\u00e9""#),
        ("m.index('|')", "<|x", "1"),
        ("m|upper", "<s>x", "<S>X"),
    ] {
        let (text, control) = said(&format!("{CONTENT}{{{{ {expression} }}}}"), content);
        assert_eq!((text.as_str(), control.len()), (wanted, 0), "{expression}");
    }
}

/// Whatever a template does with what a message spells, it is no control token afterwards.
#[test]
fn t3_no_work_on_a_text_makes_it_the_template_s() {
    for expression in [
        "m",
        "m ~ ''",
        "'' ~ m ~ ''",
        "m + ''",
        "m * 2",
        "m[:]",
        "m[::1]",
        "m|trim",
        "m|string",
        "m|list|join",
        "m|reverse|reverse",
        "m|lower",
        "m.lower()",
        "m.upper().lower()",
        "m.swapcase().swapcase()",
        "m.replace('q', '')",
        "m|replace('x', '')",
        "m.split('q')|join('')",
        "m.splitlines()[0]",
        "m.partition('q')[0]",
        "m.strip()",
        "m.ljust(40)",
        "m.center(60)",
        "m.zfill(30)",
        "m.expandtabs()",
        "m.removeprefix('q')",
        "'%s' % m",
        "'%s'|format(m)",
        "'{}'.format(m)",
        "'{:>40}'.format(m)",
        "[m]",
        "{m: m}",
        "[m]|tojson",
        "m|tojson",
        "[m]|join",
        "[m]|first",
        "{'a': m}.a",
        "namespace(a=m).a",
        "m|indent",
        "m|truncate(99)",
        "m|wordwrap(90)",
        "m|center",
        "m|safe",
        "(m|e)|replace('&lt;', '<')|replace('&gt;', '>') if false else m",
        "m|d('')",
        "messages[0]",
        "messages|map(attribute='content')|join",
        "messages|tojson",
        "m.split('|')|join('|')",
        "m.format() if '{' in m else m",
        "m % ()",
        "m|title|lower",
    ] {
        let (text, control) = said(&format!("{CONTENT}{{{{ {expression} }}}}"), "<|im_end|>");
        assert!(text.contains("<|im_end|>"), "{expression}: {text}");
        assert_eq!(control, Vec::<&str>::new(), "{expression}: {text}");
    }
    for source in [
        "{% for c in messages[0].content %}{{ c }}{% endfor %}",
        "{% set x %}{{ messages[0].content }}{% endset %}{{ x }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(messages[0].content) }}",
        "{% filter trim %}{{ messages[0].content }}{% endfilter %}",
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
        "{{ messages[0].content.split('x')|join('') }}",
    ] {
        let (text, control) = said(source, "<|im_xend|>".replace('x', "").as_str());
        assert!(text.contains("<|im_end|>") && control.is_empty(), "{source}: {text} {control:?}");
    }
}

/// Names of arguments, formats and fills that a message brings stay the message's.
#[test]
fn t3_what_a_message_gives_to_a_call_stays_the_message_s() {
    let extra = json!({"d": {"<|im_end|>": 1, "x": "<"}, "n": 60, "l": [60, 124]});
    let messages = [Message { extra: extra.as_object().cloned(), ..message("user", "<") }];
    let input = RenderInput { messages: &messages, ..RenderInput::default() };
    for source in [
        "{{ dict(**messages[0].d)|tojson }}",
        "{{ dict(**messages[0].d) }}",
        "{{ dict({}, **messages[0].d)|list|first }}",
        "{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(**messages[0].d) }}",
        "{% macro m(x) %}{{ kwargs|list|join }}{% endmacro %}{{ m(**messages[0].d) }}",
        "{{ dict(dict(**messages[0].d), a=1).items()|list }}",
    ] {
        let (text, control) = render(source, &input);
        assert!(text.contains("<|im_end|>") && control.is_empty(), "{source}: {text} {control:?}");
    }
    for (expression, wanted) in [
        ("'|im_end|>'.rjust(11, m)", "<|im_end|>"),
        ("''.ljust(1, m) ~ '|im_end|>'", "<|im_end|>"),
        ("''.center(1, m) ~ '|im_end|>'", "<|im_end|>"),
        ("('{:' ~ m ~ '>1}').format('') ~ '|im_end|>'", "<|im_end|>"),
        ("'{:{}>1}'.format('', m) ~ '|im_end|>'", "<|im_end|>"),
        ("('{:' ~ m ~ '>2}').format(1)[0] ~ 's>'", "<s>"),
        ("('{:' ~ m ~ '=2}').format(1)[0] ~ 's>'", "<s>"),
        ("'{x:{y}>1}'.format(x='', y=m) ~ 's>'", "<s>"),
        ("'%c' % messages[0].n ~ 's>'", "<s>"),
        ("'%c%cim_end|>' % (messages[0].l[0], messages[0].l[1])", "<|im_end|>"),
        ("'%c'|format(messages[0].n) ~ 's>'", "<s>"),
        ("strftime_now(m) ~ 's>'", "<s>"),
        ("strftime_now(m ~ 's>')", "<s>"),
    ] {
        let (text, control) = render(&format!("{CONTENT}{{{{ {expression} }}}}"), &input);
        assert!(text.ends_with(wanted) && control.is_empty(), "{expression}: {text} {control:?}");
    }
    // The template's own are its own.
    for expression in ["'|im_end|>'.rjust(10, '<')", "'{:<>3}'.format('s>')", "strftime_now('<s>')"] {
        let (text, control) = render(&format!("{{{{ {expression} }}}}"), &input);
        assert_eq!(control, [text.as_str()], "{expression}");
    }
}

#[test]
fn t3_parts_of_several_texts_make_no_control_token_together() {
    let (text, control) = said("{{ '<|im_' ~ messages[0].content ~ '<s>' }}", "end|>");
    assert_eq!((text.as_str(), control), ("<|im_end|><s>", vec!["<s>"]));
    let (text, control) = said("{{ messages[0].content }}im_end|>", "<|");
    assert_eq!((text.as_str(), control.len()), ("<|im_end|>", 0));
    let (text, control) = said("{{ messages[0].content|replace('q', '') }}", "<|imq_end|>");
    assert_eq!((text.as_str(), control.len()), ("<|im_end|>", 0));
    // A role's name is a word; the template writes the rest.
    let messages = [message("user", "x"), message("user|><s", "y")];
    let source = "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}";
    let (text, control) = render(source, &RenderInput { messages: &messages, ..RenderInput::default() });
    assert_eq!((text.as_str(), control), ("<|user|>x<|user|><s|>y", vec!["<|user|>"]));
}

/// What stands before or behind a control token of the template cannot make another of it.
#[test]
fn t3_a_message_cannot_hide_a_control_token_of_the_template() {
    let mut data = VocabularyData::new(VocabularyModel::Bpe);
    data.tokens = vec!["<s>", "<s>>", "<<s>", "<s><"];
    data.kinds = vec![TokenKind::Control; 4];
    let tokenizer = Tokenizer::new(&data).unwrap();
    let tokenizer = tokenizer.with_template("{{ messages[0].content }}<s>{{ messages[1].content }}").unwrap();
    for (before, behind) in [("", ""), ("<", ""), ("", ">"), ("<", ">"), ("<s>", "<s>"), ("é<", "<é")] {
        let messages = [message("user", before), message("user", behind)];
        let input = RenderInput { messages: &messages, ..RenderInput::default() };
        let rendered = tokenizer.render(&input).unwrap();
        let start = before.len();
        assert_eq!(rendered.control, [ControlSpan { start, end: start + 3, id: 0 }], "{before} {behind}");
    }
}

/// However many tokens begin where a message's text does, looking for the template's is no more work.
#[test]
fn t3_tokens_that_begin_alike_do_not_multiply_the_work() {
    let texts: Vec<String> = (1..=250).map(|length| format!("<{}", "<".repeat(length))).collect();
    let mut data = VocabularyData::new(VocabularyModel::Bpe);
    data.tokens = texts.iter().map(String::as_str).collect();
    data.kinds = vec![TokenKind::Control; texts.len()];
    let tokenizer = Tokenizer::new(&data).unwrap();
    // One letter of the template in every few of the message's.
    let tokenizer = tokenizer
        .with_template(
            "{% for c in messages[0].content %}{{ c }}{% if loop.index % 200 == 0 %}-{% endif %}{% endfor %}",
        )
        .unwrap();
    let messages = [message("user", &"<".repeat(200_000))];
    let input = RenderInput { messages: &messages, ..RenderInput::default() };
    let (rendered, took) = time_of(|| tokenizer.render(&input).unwrap());
    assert_eq!(rendered.control, []);
    assert!(took.as_secs() < 20, "{took:?}");
}

#[test]
fn t3_tools_and_variables_stay_text() {
    let tools = json!([{"name": "<|im_end|>", "<s>": "</s>"}]);
    let variables = json!({"extra": "<|im_start|>", "<s>": 1});
    let input =
        RenderInput { tools: Some(&tools), variables: variables.as_object(), ..RenderInput::default() };
    let (text, control) = render(
        "<s>{{ tools }}{{ tools|tojson }}{{ extra }}{% for k in tools[0] %}{{ k }}{% endfor %}",
        &input,
    );
    assert!(text.matches("<|im_end|>").count() == 2 && text.contains("<|im_start|>"), "{text}");
    assert_eq!(control, ["<s>"]);
}

/// What the model itself said may hold control tokens: the template finds them, and writes them as such.
#[test]
fn control_tokens_that_the_model_said_are_the_model_s() {
    let text = "<|channel>thought\nsecret<channel|>Hello <s>.";
    let control = vec![ControlSpan { start: 0, end: 10, id: 6 }, ControlSpan { start: 24, end: 34, id: 7 }];
    let spoken = [Spoken { message: 1, content: Rendered { text: text.into(), control } }];
    let messages = [message("user", "<|channel>"), message("assistant", "thought\nsecretHello <s>.")];
    let input = RenderInput { messages: &messages, spoken: &spoken, ..RenderInput::default() };
    let dropped = "{% for m in messages %}{{ m.content.split('<channel|>')[-1] }}|{% endfor %}";
    assert_eq!(render(dropped, &input), ("<|channel>|Hello <s>.|".into(), vec![]));
    let kept = "{% for m in messages %}{{ m.content }}{% endfor %}";
    assert_eq!(render(kept, &input), (format!("<|channel>{text}"), vec!["<|channel>", "<channel|>"]));
}

#[test]
fn an_exception_shows_a_message_as_it_is() {
    let tokenizer = tokenizer("{{ raise_exception('no ' ~ messages[0].content) }}");
    let messages = [message("user", "a<|im_end|>é")];
    let error = tokenizer.render(&RenderInput { messages: &messages, ..RenderInput::default() }).unwrap_err();
    assert!(error.message().contains("no a<|im_end|>é"), "{error}");
}
