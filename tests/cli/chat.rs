//! `wick chat` as a person at a terminal meets it, and as a pipe does; and what `run` gives in a form.
#![allow(clippy::disallowed_methods)]

use super::{exits, shown, small, text, wick};
use serde_json::Value;
use std::fs;

#[test]
fn a_conversation_is_saved_and_gone_on_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let file = folder.path().join("talk.wick");
    let talk = |arguments: &[&str], input: &str| {
        let all = [&["chat", &model, "--temp", "0", "-n", "4"], arguments].concat();
        let output = wick(&all, input);
        assert_eq!(output.status.code(), Some(0), "{input:?}: {}", text(&output.stderr));
        (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    let two = talk(&[], "abc\nabc\n").0;
    assert_eq!(two.lines().count(), 2, "{two:?}");
    let (again, said) = talk(&[], &format!("abc\n/save {0}\n/clear\n/load {0}\nabc\n", shown(&file)));
    assert_eq!(again, two, "{said}");
    assert!(said.contains("saved in") && said.contains("2 messages"), "{said}");
    // In a process of its own, too.
    let second = talk(&["--load", shown(&file)], "abc\n").0;
    assert_eq!(two.lines().nth(1), second.lines().next());
}

#[test]
fn a_turn_is_undone_and_another_system_message_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let talk = |arguments: &[&str], input: &str| {
        let all = [&["run", &model, "-i", "--temp", "0", "-n", "4"], arguments].concat();
        let output = wick(&all, input);
        assert_eq!(output.status.code(), Some(0), "{input:?}: {}", text(&output.stderr));
        (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let two = lines(talk(&[], "abc\nabc\n").0);
    let undone = lines(talk(&[], "abc\nabc\n/undo\nabc\n/undo\n/undo\nabc\n").0);
    let wanted = [&two[0], &two[1], &two[1], &two[0]];
    assert!(undone.iter().eq(wanted), "{undone:?} is not {wanted:?}: each turn is answered as where it was");
    assert!(talk(&[], "/undo\n").1.contains("no turn to undo"));
    let told = talk(&["--system", "bca"], "abc\n").0;
    assert_eq!(talk(&[], "/system bca\nabc\n").0, told);
    let (history, said) = talk(&[], "/system bca\nabc\n/history\n");
    assert_eq!(history, told, "what is shown beside is on standard error");
    assert!(
        said.contains("system: bca") && said.contains("user: abc") && said.contains("assistant: "),
        "{said}"
    );
    // What is wrong with a command ends nothing.
    let (answer, said) = talk(&[], "/nonsense\n/save\n/load /no/such/file\n/help\nabc\n");
    assert_eq!(lines(answer), [two[0].clone()]);
    for part in ["no command /nonsense", "/save takes the name", "/no/such/file", "/undo"] {
        assert!(said.contains(part), "{part:?} is missing: {said}");
    }
}

#[test]
fn an_answer_has_a_form() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = small(folder.path(), &[]);
    let grammar = folder.path().join("abc.gbnf");
    fs::write(&grammar, "root ::= \"a\" \"b\" \"c\"\n").expect("written");
    for form in
        [&["--regex", "abc"][..], &["--grammar", "root ::= \"abc\""], &["--grammar-file", shown(&grammar)]]
    {
        let output = wick(&[&["run", &model, "abc", "--json"], form].concat(), "");
        assert_eq!(output.status.code(), Some(0), "{form:?}: {}", text(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&told["text"], &told["end"]), (&"abc".into(), &"stop".into()), "{form:?}: {told:#}");
        assert!(
            told["output_tokens"].as_u64() > Some(0) && told["prompt_tokens"].as_u64() > Some(0),
            "{told:#}"
        );
        assert!(told["ttft_ms"].as_f64() > Some(0.0) && told["seed"].is_u64(), "{told:#}");
    }
    let length = wick(&["run", &model, "abc", "--json", "-n", "2"], "");
    let told: Value = serde_json::from_slice(&length.stdout).expect("JSON");
    assert_eq!((&told["end"], &told["output_tokens"]), (&"length".into(), &2.into()), "{told:#}");
    let broken = wick(&["run", &model, "abc", "--regex", "("], "");
    assert_eq!(broken.status.code(), Some(1));
    assert!(broken.stdout.is_empty() && !broken.stderr.is_empty());
    let both = wick(&["run", &model, "abc", "--regex", "a", "--grammar", "root ::= \"a\""], "");
    assert_eq!(both.status.code(), Some(2), "{}", text(&both.stderr));
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = wick(&["completions", shell], "");
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = text(&output.stdout);
        for word in ["chat", "tokenize", "max-tokens", "json-schema"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let page = wick(&["man"], "");
    let page = text(&page.stdout);
    assert!(page.contains(".TH wick 1") && page.contains("wick\\-chat(1)"), "{page}");
    let run = wick(&["man", "run"], "");
    let run = text(&run.stdout);
    assert!(run.contains(".TH wick-run 1") && run.contains("\\-\\-temperature"), "{run}");
    exits(2, &["man", "dance"], "dance");
}

#[cfg(target_os = "linux")]
mod terminal {
    use super::super::{small, terminal};
    use std::fs::{self, File};
    use std::io::{Read, Write};
    use std::path::Path;
    use std::process::{Child, Command};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// A person at a terminal, and all that it has shown so far.
    struct Person {
        keys: File,
        seen: Arc<Mutex<String>>,
        child: Child,
    }

    impl Person {
        fn sits_down(folder: &Path, no_color: &str) -> Self {
            let model = small(folder, &[]);
            let (keys, program) = terminal();
            let same = || program.try_clone().expect("a descriptor");
            let child = Command::new(env!("CARGO_BIN_EXE_wick"))
                .args(["chat", &model, "--temp", "0", "-n", "4"])
                .env("TERM", "xterm")
                .env("NO_COLOR", no_color)
                .env("XDG_STATE_HOME", folder)
                .stdin(same())
                .stdout(same())
                .stderr(same())
                .spawn()
                .expect("wick runs");
            drop(program);
            let seen = Arc::new(Mutex::new(String::new()));
            let (shown, mut screen) = (Arc::clone(&seen), keys.try_clone().expect("a descriptor"));
            std::thread::spawn(move || {
                let mut part = [0; 512];
                while let Ok(read @ 1..) = screen.read(&mut part) {
                    shown.lock().expect("shown").push_str(&String::from_utf8_lossy(&part[..read]));
                }
            });
            Self { keys, seen, child }
        }

        /// Waits until the screen has shown `part` `times` times; all of it.
        fn sees(&self, part: &str, times: usize) -> String {
            for _ in 0..6000 {
                let seen = self.seen.lock().expect("seen").clone();
                if seen.matches(part).count() >= times {
                    return seen;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            panic!("{part:?} is not {times} times in {:?}", self.seen.lock().expect("seen"));
        }

        fn types(&mut self, keys: &str) {
            self.keys.write_all(keys.as_bytes()).expect("typed");
        }

        /// How the program ends, and all that was shown.
        fn leaves(mut self) -> (Option<i32>, String) {
            let code = self.child.wait().expect("it ends").code();
            let seen = self.seen.lock().expect("seen").clone();
            (code, seen)
        }
    }

    #[test]
    fn a_line_is_edited_kept_and_brought_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut person = Person::sits_down(folder.path(), "");
        person.sees("\x1b[1;32m> \x1b[0m", 1);
        // A letter too many, taken back.
        person.types("abcx\x7f\r");
        person.sees("(cut at --max-tokens)", 1);
        // The line before, again.
        person.types("\x1b[A\r");
        person.sees("(cut at --max-tokens)", 2);
        // Two lines are one turn.
        person.types("ab\\\rca\r");
        person.sees("(cut at --max-tokens)", 3);
        person.types("/hist\t\r");
        let seen = person.sees("user: ab\r\nca", 1);
        assert_eq!(seen.matches("user: abc").count(), 2, "{seen:?}");
        person.types("\x04");
        assert_eq!(person.leaves().0, Some(0));
        let kept = fs::read_to_string(folder.path().join("wick/history")).expect("a history");
        assert!(kept.contains("abc\n") && kept.contains("/history"), "{kept:?}");
        // The next conversation has it.
        let mut person = Person::sits_down(folder.path(), "1");
        let seen = person.sees("> ", 1);
        assert!(!seen.contains("\x1b[1;32m"), "colours, though NO_COLOR is set: {seen:?}");
        person.types("\x1b[A");
        person.sees("/history", 1);
        person.types("\x15\x04");
        assert_eq!(person.leaves().0, Some(0));
    }

    #[test]
    fn ctrl_c_twice_ends_and_the_terminal_is_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut person = Person::sits_down(folder.path(), "");
        let ends = person.keys.try_clone().expect("a descriptor");
        person.sees("> ", 1);
        person.types("half a li\x03");
        person.sees("Ctrl-C again", 1);
        person.types("\x03");
        assert_eq!(person.leaves().0, Some(130));
        let settings = rustix::termios::tcgetattr(&ends).expect("settings");
        assert!(
            settings
                .local_modes
                .contains(rustix::termios::LocalModes::ICANON | rustix::termios::LocalModes::ECHO)
        );
    }
}
