//! Where a conversation's lines come from: an editor with a history on a terminal, else standard input as it
//! is; knows no model.

use super::commands::{COMMANDS, goes_on, joined};
use super::output::{self, Tone};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, Helper};
use smol::channel::{Receiver, Sender, bounded};
use std::borrow::Cow;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use wick::{Error, ErrorKind, Result};

/// Bytes of the reading thread's stack.
const READER_STACK: usize = 1 << 20;
const PROMPT: &str = "> ";
/// Lines that are remembered.
const HISTORY: usize = 1000;

/// What was read.
pub enum Line {
    /// A line, or several that are one turn.
    Text(String),
    /// Ctrl-C, in the editor.
    Interrupted,
}

/// The lines, read by a thread: a read that waits knows no signal. It ends with the process at the latest.
pub struct Lines {
    ask: Sender<()>,
    given: Receiver<Result<Line>>,
    /// Whether somebody types.
    pub on_terminal: bool,
    _terminal: Terminal,
}

impl Lines {
    /// Starts the thread; `remembers`: what is typed is kept for the next time.
    ///
    /// # Errors
    /// `OutOfMemory` where there is no thread.
    pub fn start(remembers: bool) -> Result<Self> {
        let on_terminal = std::io::stdin().is_terminal();
        let edits = on_terminal && std::io::stdout().is_terminal() && output::knows_escapes();
        let (ask, asked) = bounded(1);
        let (give, given) = bounded(1);
        let terminal = Terminal::now(edits);
        let read = move || match edits.then(|| Edited::new(remembers)).and_then(std::result::Result::ok) {
            Some(mut edited) => serve(&asked, &give, || edited.next()),
            None => serve(&asked, &give, || plain(on_terminal)),
        };
        let builder = std::thread::Builder::new().name("lines".to_owned()).stack_size(READER_STACK);
        let refused = |error| Error::new(ErrorKind::OutOfMemory, format!("no thread to read lines: {error}"));
        builder.spawn(read).map_err(refused)?;
        Ok(Self { ask, given, on_terminal, _terminal: terminal })
    }

    /// The next line; `None`: there is no more.
    ///
    /// # Errors
    /// `Io` of standard input.
    pub async fn next(&self) -> Result<Option<Line>> {
        if self.ask.send(()).await.is_err() {
            return Ok(None);
        }
        self.given.recv().await.ok().transpose()
    }
}

/// Reads a line each time that one is asked for: none before, since what is typed beside an answer is not
/// edited.
fn serve(asked: &Receiver<()>, give: &Sender<Result<Line>>, mut next: impl FnMut() -> Option<Result<Line>>) {
    while asked.recv_blocking().is_ok() {
        let Some(line) = next() else { return };
        if give.send_blocking(line).is_err() {
            return;
        }
    }
}

fn plain(on_terminal: bool) -> Option<Result<Line>> {
    if on_terminal {
        output::ask(PROMPT);
    }
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(0) => None,
        Ok(_) => Some(Ok(Line::Text(line.trim_end_matches(['\n', '\r']).to_owned()))),
        Err(error) => Some(Err(failed(&error))),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Io, format!("standard input: {error}"))
}

/// The editor, with what was typed before.
struct Edited {
    editor: Editor<Manner, FileHistory>,
    history: Option<PathBuf>,
}

impl Edited {
    fn new(remembers: bool) -> rustyline::Result<Self> {
        let config = Config::builder().max_history_size(HISTORY)?.auto_add_history(false).build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Manner));
        let history = if remembers { history() } else { None };
        if let Some(path) = &history {
            // The first time there is none.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    fn next(&mut self) -> Option<Result<Line>> {
        loop {
            return match self.editor.readline(PROMPT) {
                Ok(typed) => {
                    self.remember(&typed);
                    Some(Ok(Line::Text(joined(&typed))))
                }
                Err(ReadlineError::Interrupted) => Some(Ok(Line::Interrupted)),
                // The same from elsewhere: the editor takes the signal while it reads.
                #[cfg(unix)]
                Err(ReadlineError::Signal(rustyline::error::Signal::Interrupt)) => {
                    Some(Ok(Line::Interrupted))
                }
                Err(ReadlineError::Eof) => None,
                // A window that was resized, or a process that was stopped and goes on.
                Err(ReadlineError::Signal(_)) => continue,
                Err(error) => Some(Err(failed(&error))),
            };
        }
    }

    /// A history that cannot be written is no reason to end a conversation.
    fn remember(&mut self, typed: &str) {
        if typed.trim().is_empty() || !self.editor.add_history_entry(typed).unwrap_or(false) {
            return;
        }
        if let Some(path) = &self.history {
            let _ = path.parent().map(std::fs::create_dir_all);
            let _ = self.editor.append_history(path);
        }
    }
}

/// Where what is typed is kept: of the user's state, as the XDG base directories have it.
fn history() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else {
        folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))
    };
    Some(state?.join("wick").join(Path::new("history")))
}

/// How the editor behaves: several lines, commands that are completed, a prompt in colour.
struct Manner;

impl Helper for Manner {}

impl Hinter for Manner {
    type Hint = String;
}

impl Completer for Manner {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let begun = line.get(..pos).unwrap_or_default();
        let fitting = COMMANDS.iter().filter(|(name, ..)| begun.starts_with('/') && name.starts_with(begun));
        Ok((
            0,
            fitting
                .map(|(name, given, _)| format!("{name}{}", if given.is_empty() { "" } else { " " }))
                .collect(),
        ))
    }
}

impl Validator for Manner {
    fn validate(&self, typed: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match goes_on(typed.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Highlighter for Manner {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(output::painted(prompt, Tone::Prompt, output::colours(&std::io::stdout())))
    }
}

/// The terminal's settings, put back at the end: an editor that waits on another thread is not asked.
struct Terminal {
    #[cfg(unix)]
    was: Option<rustix::termios::Termios>,
}

impl Terminal {
    #[cfg(unix)]
    fn now(edits: bool) -> Self {
        Self { was: edits.then(|| rustix::termios::tcgetattr(std::io::stdin()).ok()).flatten() }
    }

    #[cfg(not(unix))]
    fn now(_: bool) -> Self {
        Self {}
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(was) = &self.was {
            let now = rustix::termios::OptionalActions::Now;
            let _ = rustix::termios::tcsetattr(std::io::stdin(), now, was);
        }
    }
}
