//! A conversation of `wick run` and `wick chat`: a line is a turn or a command; knows neither arguments nor
//! how an answer is shown.

use super::commands::{Typed, help, typed};
use super::lines::{Line, Lines};
use super::output::{self, Tone};
use super::show::{Interrupts, reason};
use super::turns::{INTERRUPTED, Turns};
use std::process::ExitCode;
use wick::{End, EndReason, ErrorKind, Result};

/// A conversation, as it goes on.
struct Talk<'a> {
    turns: &'a mut Turns,
    /// The session's length in tokens before each turn that can be undone.
    lengths: Vec<usize>,
    /// Its length now.
    length: usize,
}

/// Answers `first`, if there is one, and every line, until they end or Ctrl-C comes between answers (in the
/// editor: twice).
///
/// # Errors
/// An answer's that leaves no way to go on; `Io` of standard input and output.
pub async fn converse(
    turns: &mut Turns,
    first: Option<String>,
    lines: Lines,
    interrupts: &mut Interrupts,
) -> Result<ExitCode> {
    let on_terminal = lines.on_terminal;
    if on_terminal {
        output::tell("wick: Ctrl-C stops an answer, /help shows the commands, Ctrl-D ends");
    }
    let length = turns.session.info().tokens;
    let mut talk = Talk { turns, lengths: Vec::new(), length };
    let (mut first, mut was_interrupted) = (first, false);
    loop {
        let line = match first.take() {
            Some(line) => line,
            None => match interrupts.before(lines.next()).await {
                Some(line) => match line? {
                    Some(Line::Text(line)) => line,
                    Some(Line::Interrupted) if !was_interrupted => {
                        output::tell("(Ctrl-C again, or Ctrl-D, ends)");
                        was_interrupted = true;
                        continue;
                    }
                    Some(Line::Interrupted) => return Ok(ExitCode::from(INTERRUPTED)),
                    None => return end(on_terminal, ExitCode::SUCCESS),
                },
                None => return end(on_terminal, ExitCode::from(INTERRUPTED)),
            },
        };
        was_interrupted = false;
        match typed(line) {
            Typed::Quit => return Ok(ExitCode::SUCCESS),
            Typed::Turn(said) => {
                if !talk.turn(said, interrupts).await? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            // What is wrong with a command is no reason to end a conversation.
            command => {
                if let Err(error) = talk.command(command, interrupts).await {
                    output::tell(&format!("wick: {error}"));
                }
            }
        }
    }
}

impl Talk<'_> {
    async fn command(&mut self, command: Typed, interrupts: &mut Interrupts) -> Result<()> {
        match command {
            Typed::Help => output::tell(&help()),
            Typed::Clear => {
                self.turns.session.clear()?;
                self.lengths.clear();
                self.length = 0;
            }
            Typed::Undo => self.undo()?,
            Typed::System(text) => self.turns.session.set_system(text)?,
            Typed::Save(path) => {
                self.turns.save(&path, interrupts).await?;
                aside(&format!("saved in {}", path.display()));
            }
            Typed::Load(path) => {
                self.turns.load(&path, interrupts).await?;
                self.lengths.clear();
                self.length = self.turns.session.info().tokens;
                aside(&format!("{} messages", self.turns.session.messages()?.len()));
            }
            Typed::History => {
                for message in self.turns.session.messages()? {
                    aside(&format!("{}: {}", message.role, output::plain_lines(&message.content)));
                }
            }
            Typed::Wrong(why) => output::tell(&format!("wick: {why}")),
            Typed::Empty | Typed::Turn(_) | Typed::Quit => {}
        }
        Ok(())
    }

    fn undo(&mut self) -> Result<()> {
        let Some(&before) = self.lengths.last() else {
            output::tell("wick: there is no turn to undo");
            return Ok(());
        };
        self.turns.session.rewind(before)?;
        self.lengths.pop();
        self.length = before;
        Ok(())
    }

    /// One turn; whether somebody still reads.
    async fn turn(&mut self, said: String, interrupts: &mut Interrupts) -> Result<bool> {
        match self.turns.answer(said, interrupts).await {
            Ok(Some(end)) => {
                self.count(&end);
                if !matches!(end.reason, EndReason::Stop | EndReason::StopString) {
                    aside(&format!("({})", reason(&end)));
                }
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) if error.kind() == ErrorKind::ContextFull => {
                output::tell(&format!("wick: {error}; /undo and /clear forget"));
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// A turn that came to nothing is none: the session is as it was.
    fn count(&mut self, end: &End) {
        if end.stats.output_tokens > 0 {
            self.lengths.push(self.length);
            self.length = end.stats.session_tokens as usize;
        }
    }
}

/// What is no answer, on standard error.
fn aside(text: &str) {
    output::tell(&output::painted(text, Tone::Aside, output::colours(&std::io::stderr())));
}

fn end(on_terminal: bool, code: ExitCode) -> Result<ExitCode> {
    if on_terminal {
        output::tell("");
    }
    Ok(code)
}
