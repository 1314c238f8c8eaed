//! Hostile chat templates against the limits: what would take for ever, all memory or the whole stack is an
//! error instead.
#![cfg(feature = "text")]

use crate::support::counting::{bytes, peak_of};
use crate::support::time::time_of;

use wick::error::ErrorKind;
use wick::text::template::Template;
use wick::text::{Message, RenderInput};

/// Bytes of stack that parsing, rendering and dropping have to fit into.
const STACK: usize = 64 << 10;

/// Bytes that a rendering may have in use.
const MEMORY: usize = 64 << 20;

/// Runs on a thread with little stack.
fn on_a_small_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap()
}

/// Parses and renders `source` with one message on a small thread; how long it took is printed, and asserted
/// generously.
#[allow(clippy::print_stdout)]
fn run(name: &'static str, source: String) -> Result<String, String> {
    on_a_small_thread(move || {
        let messages = [Message { role: "user".into(), content: "hello world".into(), extra: None }];
        let input = RenderInput { messages: &messages, ..Default::default() };
        let render = || Template::new(&source, "<s>", "</s>").and_then(|template| template.render(&input));
        let ((result, peak), took) = time_of(|| peak_of(render));
        let result = result.map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Template);
            error.message().to_owned()
        });
        let shown = result
            .as_ref()
            .map_or_else(|error| error.chars().take(120).collect(), |text| format!("{} bytes", text.len()));
        println!("{name}: {shown} in {took:?}");
        assert!(took.as_secs() < 20, "{name} took {took:?}");
        assert!(peak < MEMORY, "{name} had {peak} bytes in use");
        result
    })
}

fn nested(open: &str, middle: &str, close: &str, count: usize) -> String {
    format!("{{{{ {}{middle}{} }}}}", open.repeat(count), close.repeat(count))
}

/// What would take for ever, all memory or the whole stack is an error instead.
#[test]
fn t1_hostile_templates_fail_with_an_error() {
    let doubling = format!("{{% set x = 'aaaaaaaaaa' %}}{}", "{% set x = x ~ x %}".repeat(40));
    let captures = format!(
        "{{% set x %}}aaaaaaaaaa{{% endset %}}{}",
        "{% set x %}{{ x }}{{ x }}{% endset %}".repeat(40)
    );
    let plus = "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}";
    let raw_loop = format!(
        "{{% set x %}}{{% for i in range(90000) %}}{}{{% endfor %}}{{% endset %}}",
        "x".repeat(100_000)
    );
    let cases: Vec<(&str, String)> = vec![
        ("a huge range", "{% for i in range(10**9) %}x{% endfor %}".into()),
        (
            "a loop in a loop",
            "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}".into(),
        ),
        ("~ doubling", doubling),
        ("capture doubling", captures),
        ("+ doubling", plus.into()),
        ("raw text in a capture in a loop", raw_loop),
        ("* on a string", "{{ 'abc' * 10**10 }}".into()),
        ("* on a list", "{{ [1] * 10**10 }}".into()),
        ("nested parentheses", nested("(", "1", ")", 10_000)),
        ("nested lists", nested("[", "", "]", 10_000)),
        ("a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".into()),
        ("not, 100,000 times", nested("not ", "1", "", 100_000)),
        ("-, 100,000 times", nested("-", "1", "", 100_000)),
        ("1+1+…", nested("", "1", "+1", 100_000)),
        ("1~1~…", nested("", "1", "~1", 100_000)),
        ("1**1**…", nested("", "1", "**1", 100_000)),
        ("200,000 filters", nested("", "1", "|abs", 50_000)),
        ("200,000 attributes", nested("", "a", ".a", 100_000)),
        ("20,000 elif", format!("{{% if 0 %}}{}{{% endif %}}", "{%elif 0%}".repeat(20_000))),
        ("20,000 if in if", format!("{}{}", "{%if 1%}".repeat(10_000), "{%endif%}".repeat(10_000))),
        ("a wide format", "{{ '%1000000000s' | format('a') }}".into()),
        ("a wide str.format", "{{ '{:1000000000}'.format('a') }}".into()),
        ("a precise format", "{{ '%.1000000000f' | format(1.5) }}".into()),
        ("replace that multiplies", "{% set x = 'a' * 100000 %}{{ x | replace('a', x) }}".into()),
        ("str.replace that multiplies", "{% set x = 'a' * 100000 %}{{ x.replace('a', x) }}".into()),
        ("str.replace of nothing", "{% set x = 'a' * 100000 %}{{ x.replace('', x) }}".into()),
        ("join that multiplies", "{% set x = 'a' * 100000 %}{{ x | list | join(x) }}".into()),
        ("str.join that multiplies", "{% set x = 'a' * 100000 %}{{ x.join(x | list) }}".into()),
        ("indent that multiplies", "{{ ('a\n' * 10000) | indent(1000000) }}".into()),
        ("center that multiplies", "{{ 'a' | center(1000000000) }}".into()),
        ("tojson with a wide indent", "{{ [1] | tojson(indent=1000000000) }}".into()),
        ("a source of 257 KiB", "x".repeat(257 << 10)),
        ("an include of itself", "{% include 'chat template' %}".into()),
        ("no template at all", "{% if".into()),
    ];
    for (name, source) in cases {
        let result = run(name, source);
        assert!(result.is_err(), "{name}: {} bytes", result.unwrap().len());
    }
}

/// Forty times `[a, a]` is forty lists, and a trillion to whoever compares or prints it.
#[test]
fn t1_values_that_share_their_parts_are_paid_for_before_they_are_compared_or_printed() {
    let twice = "{% set a = [1] %}{% set b = [1] %}".to_owned()
        + &"{% set a = [a, a] %}{% set b = [b, b] %}".repeat(40);
    let uses = [
        "{{ a == b }}",
        "{{ a != b }}",
        "{{ a < b }}",
        "{{ a >= b }}",
        "{{ 1 if [] < a < b < [3] else 2 }}",
        "{{ a is eq b }}",
        "{{ a is lt(b) }}",
        "{{ a in [b] }}",
        "{{ a in [b] in [1] }}",
        "{{ a is in [b] }}",
        "{{ [a] | select('in', [b]) | list }}",
        "{{ [a] | select('==', b) | list }}",
        "{{ [a] | reject('ne', b) | list }}",
        "{{ [{'x': a}] | selectattr('x', 'equalto', b) | list }}",
        "{{ [a].count(b) }}",
        "{{ [a, b] | unique | list }}",
        "{{ [a, b] | sort }}",
        "{{ [a, b] | max }}",
        "{{ [{'x': a}, {'x': b}] | groupby('x') | list }}",
        "{{ {'x': a, 'y': b} | dictsort(by='value') }}",
        "{{ {a: 1} }}",
        "{{ {'x': 1}.get(a) }}",
        "{{ a in {'x': 1} }}",
        "{% for x in [1, 2] %}{{ loop.changed(a if x == 1 else b) }}{% endfor %}",
        "{{ a }}",
        "{{ {'x': a} }}",
        "{{ (a | string) | length }}",
        "{{ '' ~ a }}",
        "{{ a ~ '' }}",
        "{{ a in 'x' }}",
        "{{ a | lower }}",
        "{{ a | upper | length }}",
        "{{ a | title | length }}",
        "{{ a | replace('1', '2') | length }}",
        "{{ 'x' | replace(a, '') }}",
        "{{ '%s' | format(a) | length }}",
        "{{ '%(x)s' | format(x=a) | length }}",
        "{{ [a] | join | length }}",
        "{{ [1, 2] | join(a) | length }}",
        "{{ [a] | map('string') | list | length }}",
        "{{ [1] | map('replace', a, '') | list | length }}",
        "{{ a | pprint | length }}",
        "{{ a | tojson | length }}",
        "{{ a | tojson(indent=1) | length }}",
        "{{ 1 | tojson(indent=a) }}",
        "{{ 1 | tojson(separators=[a, a]) }}",
        "{{ a | trim | length }}",
        "{{ a | escape | length }}",
        "{{ a is startingwith 'x' }}",
        "{% set b %}{{ a }}{% endset %}",
        "{% autoescape true %}{{ a ~ 'x' | safe }}{% endautoescape %}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(a) | length }}",
        "{% filter upper %}{{ a }}{% endfilter %}",
    ];
    let went_through = uses.iter().filter(|usage| run(usage, format!("{twice}{usage}")).is_ok());
    assert_eq!(went_through.collect::<Vec<_>>(), Vec::<&&str>::new());
}

/// Lists that hold each other, and lists of many items.
#[test]
fn t1_lists_made_of_lists_are_paid_for_when_they_are_made() {
    let repeated = |first: &str, step: &str, then: &str| format!("{first}{}{then}", step.repeat(45));
    let cases: Vec<(&str, String)> = vec![
        ("+ of lists", repeated("{% set a = [1] %}", "{% set a = a + a %}", "")),
        (
            "slices of repetitions",
            "{% set a = [1] * 100000000 %}{% set a = a[99999999:] * 100000000 %}{{ a[99999999:] | first }}".into(),
        ),
        ("a constant text of a list", "{{ ([1] * 100000000 ~ '') | length }}".into()),
        ("a constant comparison", "{{ [1] * 100000000 == [1] * 100000000 }}".into()),
        ("a constant search", "{{ 2 in (1 and [1]) * 100000000 }}".into()),
        ("an unpacked repetition", "{% set a, b = [1] * 100000000 %}".into()),
        ("join of a lazy list", "{{ ''.join([''] * 4000000) }}".into()),
        ("startswith of a lazy list", "{{ 'a'.startswith(['b'] * 4000000) }}".into()),
        ("endswith of many", "{{ 'a'.endswith(range(100000) | map('string') | list) }}".into()),
        (
            "a long list of templates",
            "{% for i in range(90000) %}{% include ['x'] * 100000 ignore missing %}{% endfor %}".into(),
        ),
        ("cycle of nothing", "{% for i in [1] %}{{ loop.cycle() }}{% endfor %}".into()),
        ("a namespace in itself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}".into()),
        (
            "a long path",
            "{% set n = namespace() %}{% set n.a = n %}{{ ([n] * 50000) | map(attribute='a.' * 1000000 ~ 'a') | list | length }}"
                .into(),
        ),
    ];
    for (name, source) in cases {
        let result = run(name, source);
        assert!(result.is_err(), "{name}: {} bytes", result.unwrap().len());
    }
    // These may succeed, with little.
    for step in [
        "{% set a = a[0:] %}",
        "{% set a = a[::-1] %}",
        "{% set a = a * 1 %}",
        "{% set a = a | reverse | list %}",
        "{% set a = a + e %}{% set e = e + e %}",
    ] {
        assert_eq!(
            run(step, repeated("{% set a = [1, 2] %}{% set e = [] %}", step, "{{ a | length }}")).unwrap(),
            "2"
        );
    }
}

/// What holds itself is given back all the same.
#[test]
fn t1_values_that_hold_themselves_do_not_outlive_the_rendering() {
    let long = "{% set n = namespace(s='x' * 2000000) %}";
    for end in [
        "{% set n.a = n %}",
        "{% set n.a = [{'x': n}] %}{{ raise_exception('') }}",
        "{% for i in [n] %}{% set n.a = loop %}{% endfor %}",
        "{% for i in [1] %}{{ loop.changed(loop, n.s) }}{% endfor %}",
        "{% for i in [1] %}{{ loop.changed([loop], n.s) }}{% endfor %}",
    ] {
        let render = |times| {
            let template = Template::new(&format!("{long}{end}"), "", "").unwrap();
            (0..times).for_each(|_| drop(template.render(&RenderInput::default())));
        };
        render(5);
        let before = bytes();
        render(200);
        // 400 MB would have been kept.
        assert!(bytes() < before + (1 << 20), "{end}: {} bytes more", bytes() - before);
    }
}

/// Long strings are read again and again.
#[test]
fn t1_long_strings_are_paid_for_at_every_use() {
    let uses = [
        "a == b",
        "a < b",
        "a is sameas b",
        "a in [b, b, b]",
        "a.strip(a) == 1",
        "a.lstrip(chars) == 1",
        "a.rstrip(chars) == 1",
        "(a | trim(chars)) == 1",
        "a[-1] == 1",
        "a[5:6] == 1",
        "a is lower",
        "a is iterable and a is iterable and a is iterable and a[0] == 'x'",
        "range(100000)[-1] == 1",
        "a[0:1] == 'x'",
        "(a | split('b') | length) == 1",
        "(a | lines | length) == 5",
        "a is startingwith b",
        "a.startswith(b)",
    ];
    for usage in uses {
        let source = format!(
            "{{% set a = 'ab' * 1000000 %}}{{% set b = 'ab' * 1000000 %}}{{% set chars = 'ba' * 1000 %}}\
             {{% for i in range(100000) %}}{{% if {usage} %}}{{% endif %}}{{% endfor %}}"
        );
        assert!(run(usage, source).is_err(), "{usage}");
    }
    let broken = "{% set a = 'ab' * 2000000 %}{% for i in range(100000) %}{% for c in a %}{% break %}{% endfor %}{% endfor %}";
    assert!(run("a loop that ends at once", broken.into()).is_err());
    let again = "{% set a = 'ab' * 2000000 %}{% for c in [1] * 20000 recursive %}{% if c is number %}{{ loop(a) }}{% else %}{% break %}{% endif %}{% endfor %}";
    assert!(run("a loop that calls itself", again.into()).is_err());
    assert!(run("many parts", "{{ ('a' * 3000000) | split('a') | length }}".into()).is_err());
    assert!(run("a long format", "{{ strftime_now('%A' * 1000000) }}".into()).is_err());
}

/// Nothing is worked out while a template is parsed.
#[test]
fn t1_long_expressions_are_parsed_in_no_time() {
    let sums = format!("{{{{ x{} }}}}", "+1".repeat(2000)).repeat(60);
    let texts = format!("{{{{ x{} }}}}", "~'aaaa'".repeat(2000)).repeat(15);
    let lists = format!("{{{{ x{} }}}}", "~([1,2]+[3])".repeat(350)).repeat(30);
    for (name, source) in [("sums", sums), ("texts", texts), ("lists", lists)] {
        let _ = run(name, source);
    }
}

/// Values nested as deep as the fuel allows are made, printed, compared and dropped without overflowing the
/// stack.
#[test]
fn t1_deeply_nested_values_do_not_overflow_the_stack() {
    let nest = |step: &str, then: &str| {
        format!("{{% set ns = namespace(a=[]) %}}{{% for i in range(100000) %}}{step}{{% endfor %}}{then}")
    };
    let steps = [
        ("namespace", "{% set ns.a = namespace(a=ns.a) %}"),
        ("list", "{% set ns.a = [ns.a] %}"),
        ("dict", "{% set ns.a = {'a': ns.a} %}"),
        ("list + list", "{% set ns.a = ns.a + [1] %}"),
        ("many lists", "{% set ns.a = [[[[[[[[[[[[[[[[ns.a]]]]]]]]]]]]]]]] %}"),
    ];
    for (name, step) in steps {
        let _ = run(name, nest(step, ""));
        for then in [
            "{{ ns.a }}",
            "{{ ns.a == ns.a }}",
            "{{ ns.a | tojson }}",
            "{{ [ns.a, ns.a] | unique | list }}",
            "{{ ns.a | length }}",
        ] {
            let few = step.to_owned();
            let source = nest(&few, then).replace("range(100000)", "range(3000)");
            let _ = run(name, source);
        }
    }
}

/// A long conversation has more fuel; what it makes is no deeper.
#[test]
fn t1_deeply_nested_values_of_a_long_conversation_do_not_overflow_the_stack() {
    let source = "{% set ns = namespace(a=[]) %}{% for i in range(90000) %}\
        {% set ns.a = [[[[[[[[[[[[[[[[ns.a]]]]]]]]]]]]]]]] %}{% endfor %}";
    let error = on_a_small_thread(move || {
        let messages = vec![Message { role: "user".into(), content: "x".into(), extra: None }; 2000];
        let input = RenderInput { messages: &messages, ..Default::default() };
        Template::new(source, "", "").unwrap().render(&input).unwrap_err()
    });
    assert!(error.message().contains("nested deeper"), "{error}");
}

/// What memory is taken for is counted, and a rendering has no more of it.
#[test]
fn t1_many_long_texts_at_a_time_are_too_much_memory() {
    let source = "{% set ns = namespace(all=[]) %}{% for i in range(1000) %}{% set ns.all = ns.all + ['x' * 100000] %}{% endfor %}";
    let error = run("many texts", source.into()).unwrap_err();
    assert!(error.contains("MiB") || error.contains("fuel"), "{error}");
    // Texts that are given back are not counted for ever.
    let source = "{% for i in range(100) %}{% set x = 'x' * 100000 %}{% endfor %}{{ 1 }}";
    assert_eq!(run("texts that go", source.into()).unwrap(), "1");
}

/// What an instruction does over and over is paid for each time.
#[test]
fn t1_work_that_grows_with_its_values_is_paid_for() {
    let d = "{% set d = dict(range(4000) | map('string') | map('center', 6) | batch(2)) %}";
    let parameters: String = (0..300).map(|number| format!("p{number}, ")).collect();
    let cases: Vec<(&str, String)> = vec![
        ("wordwrap of white space", "{{ (' ' * 400000) | wordwrap(1) }}".into()),
        (
            "an order of equal lists",
            "{% set l = [0] * 100000 %}{% set m = [0] * 100000 %}{% for i in range(100000) %}\
             {% if l < m %}{% endif %}{% endfor %}"
                .into(),
        ),
        (
            "copies of a finely mixed text",
            "{% set x = ((messages[0].content | list) * 2000) | join('-') %}{% for i in range(100) %}\
             {% set y = x ~ '' %}{% endfor %}"
                .into(),
        ),
        ("fields among many names", format!("{d}{{{{ ('{{ 3998 }}' * 10000).format(**d) }}}}")),
        (
            "parameters among many names",
            format!(
                "{d}{{% macro m({parameters}z) %}}{{{{ kwargs | length }}}}{{% endmacro %}}{}",
                "{{ m(**d) }}".repeat(5)
            ),
        ),
    ];
    for (name, source) in cases {
        let error = run(name, source).unwrap_err();
        assert!(error.contains("fuel"), "{name}: {error}");
    }
    let same = "{% set l = [0] * 100000 %}{% for i in range(10000) %}{% if l < l %}{% endif %}{% endfor %}";
    assert_eq!(run("an order of a list and itself", same.into()).unwrap(), "");
}

/// Nothing is collected before it is paid for, nor in more memory than is counted.
#[test]
fn t1_what_goes_over_a_long_text_takes_no_memory_on_the_way() {
    for (name, source) in [
        ("a slice with steps", "{{ ('é' * 3000000)[::2] | length }}"),
        ("a slice backwards", "{{ ('é' * 3000000)[::-1] | length }}"),
        ("lines", "{{ ('\\n' * 3000000).splitlines() | length }}"),
        ("indented lines", "{{ ('\\n' * 3000000) | indent | length }}"),
        ("wrapped lines", "{{ ('a b\\n' * 1000000) | wordwrap | length }}"),
        ("letters to strip", "{{ 'a'.strip('xy' * 8000000) }}"),
        ("letters to trim", "{{ 'a' | trim('xy' * 8000000) }}"),
    ] {
        let _ = run(name, source.into());
    }
}

/// A conversation with fuel for a gigabyte of lists has no memory for it.
#[test]
fn t1_what_objects_hold_is_counted() {
    let many = "{% set ns = namespace(all=[]) %}{% set l = [1] * 100000 %}{% for i in range(400) %}";
    let nested = "{% for i in [1] %}{% if loop.changed(*l) %}{% endif %}".repeat(60);
    for (name, source) in [
        ("cyclers", format!("{many}{{% set ns.all = ns.all + [cycler(*l)] %}}{{% endfor %}}")),
        ("iterators", format!("{many}{{% set ns.all = ns.all + [l | reverse] %}}{{% endfor %}}")),
        (
            "iterators in the places of loops",
            format!(
                "{many}{{% for j in [1] %}}{{% endfor %}}{{% set ns.all = ns.all + [l | reverse] %}}{{% endfor %}}"
            ),
        ),
        (
            "what loops were asked",
            format!("{{% set l = [1] * 200000 %}}{nested}{}", "{% endfor %}".repeat(60)),
        ),
    ] {
        let content = "x".repeat(1 << 20);
        let messages = [Message { role: "user".into(), content, extra: None }];
        let input = RenderInput { messages: &messages, ..Default::default() };
        let template = Template::new(&source, "", "").unwrap();
        let (result, peak) = peak_of(|| template.render(&input));
        let error = result.unwrap_err();
        assert!(error.message().contains("MiB"), "{name}: {error}");
        assert!(peak < 2 * MEMORY, "{name} had {peak} bytes in use");
    }
    // What is asked again and again is let go.
    let again = "{% set l = [1] * 10000 %}{% for i in range(100) %}{% if loop.changed(i, *l) %}x{% endif %}{% endfor %}";
    assert_eq!(run("asked again", again.into()).unwrap().len(), 100);
}

/// Filters that apply filters that apply filters need stack for each.
#[test]
fn t1_filters_in_filters_do_not_overflow_the_stack() {
    let error = run("map in map", "{{ 'a' | map(*(['map'] * 600)) | list }}".into()).unwrap_err();
    assert!(error.contains("nested deeper"), "{error}");
    let few = "{% for x in [[['a']]] | map('map', 'map', 'upper') %}{% for y in x %}{{ y | list }}{% endfor %}{% endfor %}";
    assert_eq!(run("a few of them", few.into()).unwrap(), "['A']");
}

/// A comparison, and a drop, takes its items one by one.
#[test]
fn t1_long_lists_are_compared_and_dropped_without_a_copy() {
    let lists = "{% set a = [1] * 20000 %}{% set b = [1] * 20000 %}{% set c = {'x': a, 'y': [a, b]} %}";
    for usage in ["a == b", "c == {'x': b, 'y': [b, a]}", "[[a]] == [[b]]", "a < b or a == b", "a in [b]"] {
        let rendered = |usage: &str| {
            let source = format!("{lists}{{{{ {usage} }}}}");
            peak_of(move || Template::new(&source, "", "").unwrap().render(&RenderInput::default()))
        };
        let ((same, peak), (_, without)) = (rendered(usage), rendered("a is c"));
        assert_eq!(same.unwrap(), "True", "{usage}");
        assert!(without < 700 << 10, "{without} bytes for two lists of 320,000");
        assert!(peak < without + (100 << 10), "{usage}: {peak} bytes, {without} without it");
    }
}
