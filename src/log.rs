//! Log lines, `key=value` by `key=value`, on their way to the host's function; knows no engine, holds no
//! lock.

use std::fmt::{Display, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How grave a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something that a host should look at.
    #[default]
    Warning = 2,
    /// What happens once in a while: loads, sizes, what was clamped, evicted, slowed.
    Info = 3,
    /// What happens per request: ends, and why a call was refused.
    Debug = 4,
    /// What happens per pass.
    Trace = 5,
}

/// Takes log lines; any thread, also at once.
pub type LogFn = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// Where log lines go. Cheap to clone; the default one goes nowhere.
#[derive(Clone, Default)]
pub struct Log {
    sink: Option<LogFn>,
    level: Level,
}

impl Log {
    /// A log that gives `sink` the lines up to `level`.
    pub fn new(sink: Option<LogFn>, level: Level) -> Self {
        Self { sink, level }
    }

    /// Whether lines of this level go anywhere.
    #[inline]
    pub fn wants(&self, level: Level) -> bool {
        self.sink.is_some() && level <= self.level
    }

    /// Begins a line about `event`, which is its first value. Of a level that nobody wants it costs nothing.
    pub fn line(&self, level: Level, event: &str) -> Line<'_> {
        let sink = self.sink.as_ref().filter(|_| self.wants(level));
        Line { sink, level, text: String::new() }.with("event", event)
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("level", &self.level).finish_non_exhaustive()
    }
}

/// A line that is being written. It goes to the host by [`Line::send`]: never call that under a lock.
#[must_use = "a line is sent by `send`"]
pub struct Line<'a> {
    sink: Option<&'a LogFn>,
    level: Level,
    text: String,
}

impl Line<'_> {
    /// Adds `key=value`. A value that is empty, or holds a blank, a control character, `=`, `"` or `\`, is
    /// put in quotes, with `\"`, `\\`, `\n`, `\r`, `\t` and `\u{…}` as in Rust.
    pub fn with(mut self, key: &str, value: impl Display) -> Self {
        if self.sink.is_none() {
            return self;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(key);
        self.text.push('=');
        let begin = self.text.len();
        // Writing to a String fails only where the value itself does.
        let _ = write!(self.text, "{value}");
        let special = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '=' | '"' | '\\');
        if self.text[begin..].is_empty() || self.text[begin..].contains(special) {
            let plain = self.text.split_off(begin);
            quote(&plain, &mut self.text);
        }
        self
    }

    /// Adds `key=value` if there is a value.
    pub fn with_some(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Whether somebody wants it; if not, its values need not be found.
    pub fn is_wanted(&self) -> bool {
        self.sink.is_some()
    }

    /// Hands the line to the host, if it wants it. A panic of the host's function is nobody else's.
    pub fn send(self) {
        if let Some(sink) = self.sink {
            let _ = catch_unwind(AssertUnwindSafe(|| sink(self.level, &self.text)));
        }
    }
}

fn quote(plain: &str, out: &mut String) {
    out.push('"');
    for c in plain.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn written(write: impl FnOnce(&Log)) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        let sink: LogFn = Arc::new(move |_, line| kept.lock().unwrap().push(line.to_owned()));
        write(&Log::new(Some(sink), Level::Info));
        std::mem::take(&mut *lines.lock().unwrap())
    }

    #[test]
    fn values_are_bare_or_in_quotes() {
        let lines = written(|log| {
            log.line(Level::Info, "load_ready").with("model", 1).with("path", "/a/b.gguf").send();
            log.line(Level::Warning, "odd").with("name", "two words").with("empty", "").with("é", "ü").send();
            log.line(Level::Error, "bad").with("why", "a=\"b\\c\"\n\t\u{1}\u{2028}").send();
            log.line(Level::Info, "some").with_some("a", Some(1)).with_some("b", None::<u8>).send();
        });
        assert_eq!(
            lines,
            [
                "event=load_ready model=1 path=/a/b.gguf",
                "event=odd name=\"two words\" empty=\"\" é=ü",
                "event=bad why=\"a=\\\"b\\\\c\\\"\\n\\t\\u{1}\\u{2028}\"",
                "event=some a=1",
            ]
        );
    }

    #[test]
    fn a_line_that_nobody_wants_is_not_written() {
        struct Never;
        impl Display for Never {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                panic!("written for nobody");
            }
        }
        let lines = written(|log| log.line(Level::Debug, "quiet").with("value", Never).send());
        assert_eq!(lines, [""; 0]);
        Log::default().line(Level::Error, "nobody").with("value", Never).send();
    }

    #[test]
    fn a_panic_of_the_hosts_function_is_kept_in() {
        let log = Log::new(Some(Arc::new(|_, _| panic!("the host's"))), Level::Info);
        log.line(Level::Info, "one").send();
    }
}
