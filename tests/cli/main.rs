//! The `wick` command as a shell sees it: exit codes, what goes to standard output and what to standard
//! error, and the keys of its JSON.
#![cfg(all(feature = "cli", feature = "testing"))]

#[path = "../support/mod.rs"]
mod support;

mod chat;
mod folders;
mod info;
mod serve;

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{TensorType, ValueType};

/// Runs `wick` with `arguments` and `input`.
fn wick(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wick"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wick runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
    child.wait_with_output().expect("wick ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Exit 1, a message with `part` on standard error, and nothing on standard output.
fn fails(arguments: &[&str], part: &str) {
    exits(1, arguments, part);
}

/// As [`fails`], with another code: 2 says that a value is wrong.
fn exits(code: i32, arguments: &[&str], part: &str) {
    let output = wick(arguments, "");
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(
        message.starts_with("wick: ") && message.contains(part),
        "{arguments:?}: {message:?} lacks {part:?}"
    );
    assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
}

/// A small model with random weights and a chat template, which answers with letters and words of its own.
fn small(folder: &Path, more: &[(&str, MetaValue)]) -> String {
    let mut tiny = support::tiny::Tiny::new("llama").speaking();
    let template = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}\
        {% if tools %}{{ tools | length }} tools;{% endif %}{% if mood %}{{ mood }};{% endif %}\
        {% if add_generation_prompt %}assistant:{% endif %}";
    tiny.keys.push(("tokenizer.chat_template".to_owned(), template.into()));
    tiny.keys.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    let path = folder.join("small.gguf");
    fs::write(&path, tiny.writer().to_bytes()).expect("written");
    shown(&path).to_owned()
}

/// What `wick run` says of an answer, on standard error.
fn figures(output: &Output) -> &str {
    text(&output.stderr).trim().lines().last().unwrap_or_default()
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// The default model, if it is there.
fn model(what: &str) -> Option<String> {
    let folder = std::env::var_os("WICK_MODELS").map_or_else(|| PathBuf::from("models"), PathBuf::from);
    let path = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    if !path.is_file() {
        println!("left out: {what} with a real model (there is no {})", path.display());
        return None;
    }
    Some(shown(&path).to_owned())
}

#[test]
fn what_is_no_model_is_an_error_with_a_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        path
    };
    let missing = folder.path().join("missing.gguf");
    let cases = [
        (missing, "missing.gguf"),
        (file("text.gguf", b"Dear diary, today I was renamed.\n"), "text.gguf"),
        (file("empty.gguf", b""), "empty.gguf"),
        (folder.path().to_owned(), shown(folder.path())),
    ];
    for (path, part) in &cases {
        fails(&["run", shown(path), "Hello"], part);
        fails(&["info", shown(path)], part);
    }
    for command in [&["bench", "--runs", "1"][..], &["selftest"], &["tokenize"], &["render"]] {
        let arguments = [command, &[shown(&cases[0].0)]].concat();
        fails(&arguments, "missing.gguf");
        let said = wick(&arguments, "");
        assert_eq!(text(&said.stderr).lines().count(), 1, "{command:?}: {}", text(&said.stderr));
    }
}

/// A file that is whole, and whose architecture nobody knows.
fn martian() -> Vec<u8> {
    let strings = |words: &[&str]| {
        MetaValue::Array(
            ValueType::Str,
            words.iter().map(|word| MetaValue::Str((*word).to_owned())).collect(),
        )
    };
    Writer::new()
        .meta("general.architecture", "martian")
        .meta("tokenizer.ggml.model", "gpt2")
        .meta("tokenizer.ggml.tokens", strings(&["a", "b", "ab"]))
        .meta("tokenizer.ggml.merges", strings(&["a b"]))
        .tensor("token_embd.weight", TensorType::F32, &[4, 3], vec![0; 48])
        .to_bytes()
}

#[test]
fn an_unknown_architecture_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("martian.gguf");
    fs::write(&path, martian()).expect("written");
    fails(&["run", shown(&path), "Hello"], "martian\"");
    fails(&["run", shown(&path), "Hello"], "martian.gguf");
    // The header alone can be shown.
    let info = wick(&["info", "--json", shown(&path)], "");
    assert_eq!(info.status.code(), Some(1), "{}", text(&info.stderr));
    let facts: Value = serde_json::from_slice(&info.stdout).expect("JSON");
    assert_eq!(facts["runs_here"], false);
    assert!(facts["why_not"].as_str().is_some_and(|why| why.contains("martian")), "{facts:#}");
    let table = wick(&["info", shown(&path)], "");
    assert_eq!(table.status.code(), Some(1));
    assert!(text(&table.stdout).contains("runs here       no: ") && table.stderr.is_empty());
    assert_eq!((facts["architecture"].as_str(), facts["parameters"].as_u64()), (Some("martian"), Some(12)));
    assert_eq!(facts["chat_template"], false);
}

#[test]
fn what_cannot_run_for_another_reason_is_said_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[("llama.attention.head_count", 0u32.into())]);
    let info = wick(&["info", "--json", &model], "");
    let facts: Value = serde_json::from_slice(&info.stdout).expect("JSON");
    assert_eq!((info.status.code(), &facts["runs_here"]), (Some(1), &Value::Bool(false)));
    assert!(facts["why_not"].as_str().is_some_and(|why| why.contains("head_count")), "{facts:#}");
}

#[test]
fn what_runs_is_said_with_what_computes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let info = wick(&["info", "--json", &model], "");
    assert_eq!(info.status.code(), Some(0), "{}", text(&info.stderr));
    let facts: Value = serde_json::from_slice(&info.stdout).expect("JSON");
    assert_eq!((&facts["runs_here"], facts["backend"].as_str()), (&Value::Bool(true), Some("native")));
    let kernels = facts["kernels"].as_str().expect("a name");
    let table = wick(&["info", &model], "");
    assert!(text(&table.stdout).contains(&format!("runs here       yes, native, {kernels}")));
}

#[test]
fn a_wrong_use_exits_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let empty = folder.path().join("empty.txt");
    fs::write(&empty, "\n").expect("written");
    let cases: &[&[&str]] = &[
        &[],
        &["run"],
        &["run", "m.gguf", "p", "--top-k", "many"],
        &["run", "m.gguf", "p", "--top-k", "-1"],
        &["run", "m.gguf", "p", "--top-p", "3"],
        &["run", "m.gguf", "p", "--min-p", "-0.1"],
        &["run", "m.gguf", "p", "--temp", "-1"],
        &["run", "m.gguf", "p", "--temp", "NaN"],
        &["run", "m.gguf", "p", "--repeat-penalty", "inf"],
        &["run", "m.gguf", "p", "--seed", "-1"],
        &["run", "m.gguf", "p", "--threads", "abc"],
        &["run", "m.gguf", "p", "-t", "1025"],
        &["run", "m.gguf", "p", "-n", "-2"],
        &["run", "m.gguf", "p", "--stop", ""],
        &["run", "m.gguf", "p", "-f", "prompt.txt"],
        &["run", "m.gguf", "p", "--raw", "--system", "s"],
        &["run", &model, ""],
        &["run", &model, " \n"],
        &["run", &model, "--raw", ""],
        &["run", &model],
        &["run", &model, "-f", shown(&empty)],
        &["render", &model, "a", "--variables", "[]"],
        &["bench", "m.gguf", "--runs", "0"],
    ];
    for arguments in cases {
        let output = wick(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn run_draws_unless_told_and_shows_the_seed_where_it_mattered() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let run = |more: &[&str]| wick(&[&["run", &model, "abc", "-n", "16", "-t", "1"], more].concat(), "");
    let seed = |output: &Output| figures(output).rsplit_once("seed ").map(|(_, seed)| seed.to_owned());
    let drawn = run(&[]);
    assert_eq!(drawn.status.code(), Some(0), "{}", text(&drawn.stderr));
    let drawn_seed = seed(&drawn).expect("a seed");
    assert_eq!(text(&run(&["--seed", &drawn_seed]).stdout), text(&drawn.stdout), "the seed gives the same");
    assert_eq!(
        text(&run(&["-s", "7", "--temperature", "0.8", "--min-p", "0.05"]).stdout),
        text(&run(&["-s", "7"]).stdout)
    );
    for greedy in [&["--temp", "0"][..], &["--top-k", "1"]] {
        let output = run(greedy);
        assert_eq!(seed(&output), None, "{greedy:?}: {}", figures(&output));
        assert_eq!(text(&output.stdout), text(&run(&["--temp", "0"]).stdout));
    }
}

#[test]
fn run_draws_as_the_file_recommends() {
    let folder = tempfile::tempdir().expect("a folder");
    let greedy = small(folder.path(), &[("general.sampling.temp", 0.0f32.into())]);
    let run = |more: &[&str]| wick(&[&["run", &greedy, "abc", "-n", "8"], more].concat(), "");
    assert!(!figures(&run(&[])).contains("seed"), "{}", figures(&run(&[])));
    assert!(figures(&run(&["--temp", "0.7"])).contains("seed"), "{}", figures(&run(&["--temp", "0.7"])));
    let nonsense = small(folder.path(), &[("general.sampling.top_p", 7.0f32.into())]);
    let refused = wick(&["run", &nonsense, "abc"], "");
    assert!(text(&refused.stderr).contains("general.sampling: top_p is 7"), "{}", text(&refused.stderr));
    assert_eq!(wick(&["run", &nonsense, "abc", "-n", "2", "--top-p", "0.9"], "").status.code(), Some(0));
}

#[test]
fn a_template_that_fails_names_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let model =
        small(folder.path(), &[("tokenizer.chat_template", "{{ raise_exception('no turns') }}".into())]);
    for command in ["run", "render"] {
        fails(&[command, &model, "abc"], "small.gguf: ");
        fails(&[command, &model, "abc"], "no turns");
    }
}

#[test]
fn run_says_why_an_answer_ended_in_plain_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let run = |more: &[&str]| {
        let output = wick(&[&["run", &model, "abc", "--temp", "0"], more].concat(), "");
        assert_eq!(output.status.code(), Some(0), "{more:?}: {}", text(&output.stderr));
        (text(&output.stdout).trim_end().to_owned(), figures(&output).to_owned())
    };
    let (answer, said) = run(&["-n", "6"]);
    assert!(said.starts_with("cut at --max-tokens: ") && said.contains(" 6 out"), "{said}");
    let letters: String = answer.chars().skip(2).take(2).collect();
    let (before, said) = run(&["-n", "6", "--stop", &letters]);
    assert!(answer.starts_with(&before) && said.starts_with(&format!("stop string {letters:?}: ")), "{said}");
    let (_, said) = run(&["-n", "-1", "-c", "40"]);
    assert!(said.starts_with("the context is full: ") || said.starts_with("ended: "), "{said}");
}

#[test]
fn a_prompt_comes_from_an_argument_a_file_or_standard_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let file = folder.path().join("prompt.txt");
    fs::write(&file, "abc\n").expect("written");
    let options = ["--temp", "0", "-n", "8"];
    let answer = |arguments: &[&str], input: &str| {
        let output = wick(&[&["run", &model], arguments, &options].concat(), input);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let wanted = answer(&["abc"], "");
    assert!(!wanted.trim().is_empty());
    for (arguments, input) in
        [(&["-f", shown(&file)][..], ""), (&["-f", "-"], "abc\n"), (&["-"], "abc"), (&[], "abc\r\n")]
    {
        assert_eq!(answer(arguments, input), wanted, "{arguments:?}");
    }
    assert_ne!(answer(&["--raw", "abc"], ""), wanted, "the template is left out");
}

#[test]
fn a_conversation_goes_on_line_by_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let options = ["run", &model, "-i", "--temp", "0", "-n", "4"];
    let talk = |input: &str| {
        let output = wick(&options, input);
        assert_eq!(output.status.code(), Some(0), "{input:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let (one, two) = (talk("abc\n"), talk("abc\n\nabc\n"));
    assert_eq!(one.lines().count(), 1, "{one:?}");
    assert!(two.starts_with(&one) && two.lines().count() == 2, "{one:?}, then {two:?}");
    assert_eq!(talk("abc\n/clear\nabc"), one.repeat(2), "what was forgotten changes nothing");
    assert_eq!(talk(""), "");
    let first = wick(&[&options[..], &["abc"]].concat(), "abc\n");
    assert_eq!(text(&first.stdout), two, "a prompt is the first turn");
}

/// A terminal: the end that a person types into, and the one that a program reads.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the standard library opens no terminal")]
fn terminal() -> (fs::File, fs::File) {
    use std::os::fd::FromRawFd;
    let (mut person, mut program) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: both ends are written on success; name, settings and size may be null.
    let opened = unsafe { libc::openpty(&mut person, &mut program, null, null.cast(), null.cast()) };
    assert_eq!(opened, 0, "openpty: {}", std::io::Error::last_os_error());
    // SAFETY: two descriptors that nobody else has.
    unsafe { (fs::File::from_raw_fd(person), fs::File::from_raw_fd(program)) }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the standard library sends no signals")]
#[test]
fn on_a_terminal_run_is_a_conversation_that_ends_with_its_input_or_ctrl_c() {
    use std::io::Read;
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    for interrupted in [false, true] {
        let (mut person, program) = terminal();
        let mut child = Command::new(env!("CARGO_BIN_EXE_wick"))
            .args(["run", &model, "-n", "4", "--temp", "0"])
            .stdin(program)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wick runs");
        let mut stderr = child.stderr.take().expect("a pipe");
        let (mut said, mut byte) = (String::new(), [0]);
        let mut until = |mark: &str| {
            while !said.ends_with(mark) {
                assert_eq!(stderr.read(&mut byte).expect("read"), 1, "it ended after {said:?}");
                said.push(char::from(byte[0]));
            }
            said.clear();
        };
        until("> ");
        person.write_all(b"abc\n").expect("typed");
        until("> ");
        if interrupted {
            // SAFETY: the process is ours and has not been waited for.
            unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
        } else {
            person.write_all(&[4]).expect("Ctrl-D");
        }
        let output = child.wait_with_output().expect("wick ends");
        assert_eq!(output.status.code(), Some(if interrupted { 130 } else { 0 }));
        assert_eq!(text(&output.stdout).lines().count(), 1, "{}", text(&output.stdout));
    }
}

#[test]
fn a_full_conversation_can_be_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let long = "abc ".repeat(100);
    let output = wick(&["run", &model, "-i", "-c", "64", "-n", "2"], &format!("{long}\nabc\n"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("/clear forget"), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 1, "the second turn is answered");
}

#[test]
fn tokens_are_shown_in_four_ways() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("martian.gguf");
    fs::write(&path, martian()).expect("written");
    let tokenize = |more: &[&str], input: &str| {
        let output = wick(&[&["tokenize", shown(&path)], more].concat(), input);
        assert_eq!(output.status.code(), Some(0), "{more:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    assert_eq!(tokenize(&["abba"], ""), "      2 ab\n      1 b\n      0 a\n");
    assert_eq!(tokenize(&["--ids", "abba"], ""), "2 1 0\n");
    assert_eq!(tokenize(&["--count"], "abba"), "3\n");
    let json: Value = serde_json::from_str(&tokenize(&["--json", "ab"], "")).expect("JSON");
    assert_eq!(json, serde_json::json!([{ "id": 2, "piece": "ab" }]));
}

#[test]
fn a_conversation_is_rendered_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        shown(&path).to_owned()
    };
    let messages =
        file("messages.json", r#"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]"#);
    let tools = file("tools.json", r#"[{"type": "function"}]"#);
    let chatml = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n";
    let absent = file("absent.json", r#"[{"role": "assistant", "n": 12345678901234567890123}]"#);
    let shown = file("absent.jinja", "{{ 'content' in messages[0] }} {{ messages[0].n }}");
    let cases: [(&[&str], &str); 7] = [
        (&["a"], "user:a;assistant:"),
        (&["a", "--system", "s", "--no-generation-prompt"], "system:s;user:a;"),
        (&["--messages", &messages], "user:a;assistant:b;assistant:"),
        (&["a", "--tools", &tools, "--variables", r#"{"mood": "glad"}"#], "user:a;1 tools;glad;assistant:"),
        (&["a", "--chat-template", "chatml"], chatml),
        (&["--messages", &absent, "--chat-template", &shown], "False 12345678901234567890123"),
        (&["a", "--chat-template", &file("own.jinja", "{{ messages[0].content }}!")], "a!"),
    ];
    for (arguments, wanted) in cases {
        let output = wick(&[&["render", &model], arguments].concat(), "");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), wanted, "{arguments:?}");
    }
    assert!(text(&wick(&["render", &model, "a", "--count"], "").stdout).trim().parse::<u32>().is_ok());
    let wrong = file("wrong.json", r#"[{"content": "a"}]"#);
    let output = wick(&["render", &model, "--messages", &wrong], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("messages[0] has no role"), "{}", text(&output.stderr));
}

#[test]
fn the_fake_model_passes_the_selftest() {
    let output = wick(&["selftest", "--timeout", "120"], "");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.contains("ok ") && !said.contains("FAILED"), "{said}");
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn a_hanging_selftest_is_ended_by_its_watchdog() {
    let output = wick(&["selftest", "--hang", "--timeout", "1"], "");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("still at"), "{}", text(&output.stderr));
}

#[test]
fn run_answers_from_an_argument_and_from_standard_input() {
    let Some(model) = model("wick run") else { return };
    let options = ["--max-tokens", "12", "--threads", "1", "--temp", "0"];
    let argument = wick(&[&["run", &model, "Say hello."], &options[..]].concat(), "");
    assert_eq!(argument.status.code(), Some(0), "{}", text(&argument.stderr));
    assert!(!text(&argument.stdout).trim().is_empty());
    assert!(figures(&argument).contains("12 out") || figures(&argument).starts_with("ended"));
    let input = wick(&[&["run", &model], &options[..]].concat(), "Say hello.");
    assert_eq!(text(&input.stdout), text(&argument.stdout));
}

#[test]
fn run_stops_quietly_when_nobody_reads() {
    let Some(model) = model("wick run into a closed pipe") else { return };
    let mut child = Command::new(env!("CARGO_BIN_EXE_wick"))
        .args(["run", &model, "Count to two hundred.", "--max-tokens", "200"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wick runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("wick ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn bench_has_every_figure() {
    let Some(model) = model("wick bench") else { return };
    let output = wick(&["bench", "--json", "--runs", "1", &model], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let keys: Vec<&str> = figures.as_object().expect("an object").keys().map(String::as_str).collect();
    let wanted =
        ["load_ms", "ttft_cold_ms", "ttft_warm_ms", "pp32", "pp128", "pp512", "tg", "peak_mib", "event_ns"];
    assert_eq!(keys, wanted);
    for key in wanted.iter().filter(|key| cfg!(target_os = "linux") || **key != "peak_mib") {
        assert!(figures[key].as_f64().is_some_and(|figure| figure > 0.0), "{key} is {}", figures[key]);
    }
}
