//! What is typed in a conversation: a turn, or a command that begins with a slash; knows no session.

use std::path::PathBuf;

/// Every command, what is given to it, and what it does.
pub const COMMANDS: [(&str, &str, &str); 8] = [
    ("/help", "", "shows this"),
    ("/clear", "", "forgets the conversation"),
    ("/undo", "", "forgets the last turn: what was said, and its answer"),
    ("/system", "[TEXT]", "another system message from the next turn on; without TEXT: none"),
    ("/save", "FILE", "saves the conversation"),
    ("/load", "FILE", "goes on with a conversation that was saved"),
    ("/history", "", "shows the conversation"),
    ("/quit", "", "ends; so does Ctrl-D"),
];

/// What a line is.
#[derive(Debug, PartialEq)]
pub enum Typed {
    /// Nothing.
    Empty,
    /// What is said to the model.
    Turn(String),
    Help,
    Clear,
    Undo,
    System(Option<String>),
    Save(PathBuf),
    Load(PathBuf),
    History,
    Quit,
    /// What is wrong with it.
    Wrong(String),
}

/// What `line` is. A slash begins a command where a name of letters follows it and nothing but blanks that:
/// `/etc/passwd` is a turn. Two slashes are one, and no command.
pub fn typed(line: String) -> Typed {
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return Typed::Empty;
    }
    if let Some(said) = trimmed.strip_prefix("//") {
        return Typed::Turn(format!("/{said}"));
    }
    let (name, given) = match trimmed.split_once(char::is_whitespace) {
        Some((name, given)) => (name, given.trim()),
        None => (trimmed, ""),
    };
    let is_command = name.strip_prefix('/').is_some_and(|name| name.chars().all(char::is_alphabetic));
    if !is_command {
        return Typed::Turn(line);
    }
    match (name, given) {
        ("/help" | "/", _) => Typed::Help,
        ("/clear", "") => Typed::Clear,
        ("/undo", "") => Typed::Undo,
        ("/history", "") => Typed::History,
        ("/quit" | "/exit" | "/bye", "") => Typed::Quit,
        ("/system", "") => Typed::System(None),
        ("/system", text) => Typed::System(Some(text.to_owned())),
        ("/save" | "/load", "") => Typed::Wrong(format!("{name} takes the name of a file")),
        ("/save", path) => Typed::Save(path.into()),
        ("/load", path) => Typed::Load(path.into()),
        ("/clear" | "/undo" | "/history" | "/quit" | "/exit" | "/bye", _) => {
            Typed::Wrong(format!("{name} takes nothing, but \"{given}\" follows it"))
        }
        _ => Typed::Wrong(format!(
            "there is no command {name}; /help shows them, and //… says /… to the model"
        )),
    }
}

/// The table of /help.
pub fn help() -> String {
    let line =
        |(name, given, what): (&str, &str, &str)| format!("  {:<16} {what}", format!("{name} {given}"));
    let commands: Vec<String> = COMMANDS.into_iter().map(line).collect();
    format!(
        "{}\n  A line that ends with \\ goes on in the next; so does what stands between \"\"\".",
        commands.join("\n")
    )
}

/// Whether more lines belong to what was typed: a backslash at its end, or an opened `"""`.
pub fn goes_on(typed: &str) -> bool {
    typed.ends_with('\\') || typed.matches("\"\"\"").count() % 2 == 1
}

/// What several lines say: without the backslashes at their ends and the `"""` around them.
pub fn joined(typed: &str) -> String {
    let text = typed.replace("\\\n", "\n");
    let bare = text.trim();
    match bare.strip_prefix("\"\"\"").and_then(|inner| inner.strip_suffix("\"\"\"")) {
        Some(inner) => inner.trim_matches('\n').to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_turns_are_told_apart() {
        let turn = |text: &str| Typed::Turn(text.to_owned());
        let cases = [
            ("  ", Typed::Empty),
            ("Hello /clear", turn("Hello /clear")),
            ("/etc/passwd is what?", turn("/etc/passwd is what?")),
            ("/2", turn("/2")),
            ("//shrug well", turn("/shrug well")),
            (" /clear ", Typed::Clear),
            ("/undo", Typed::Undo),
            ("/system You are  brief.", Typed::System(Some("You are  brief.".to_owned()))),
            ("/system", Typed::System(None)),
            ("/save my talk.wick", Typed::Save("my talk.wick".into())),
            ("/bye", Typed::Quit),
        ];
        for (line, wanted) in cases {
            assert_eq!(typed(line.to_owned()), wanted, "{line:?}");
        }
        for (line, part) in [("/shrug", "/shrug"), ("/save", "name of a file"), ("/undo twice", "\"twice\"")]
        {
            match typed(line.to_owned()) {
                Typed::Wrong(why) => assert!(why.contains(part), "{why}"),
                other => panic!("{line:?} is {other:?}"),
            }
        }
    }

    #[test]
    fn every_command_of_the_help_is_one() {
        for (name, given, _) in COMMANDS {
            let line = format!("{name} {}", if given == "FILE" { "x" } else { "" });
            assert!(!matches!(typed(line.clone()), Typed::Wrong(_) | Typed::Turn(_)), "{line}");
        }
    }

    #[test]
    fn several_lines_are_one_turn() {
        for (typed, more, said) in [
            ("one", false, "one"),
            ("one\\", true, "one\\"),
            ("one\\\ntwo", false, "one\ntwo"),
            ("\"\"\"one", true, "\"\"\"one"),
            ("\"\"\"\none\n two\n\"\"\"", false, "one\n two"),
        ] {
            assert_eq!((goes_on(typed), joined(typed).as_str()), (more, said), "{typed:?}");
        }
    }
}
