//! What a host wants an answer to be. Knows neither tokens nor how it is compiled.

/// How a grammar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrammarKind {
    /// Any JSON value; there is no text.
    Json,
    /// A JSON schema (2020-12, and what earlier drafts wrote otherwise).
    JsonSchema,
    /// A regular expression in Rust's dialect, which the whole answer matches.
    Regex,
    /// A Lark grammar, in llguidance's dialect; it begins at the rule `start`.
    Lark,
    /// A grammar as llama.cpp writes them; it begins at the rule `root`.
    Gbnf,
}

/// What of a generation its grammar binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum GrammarScope {
    /// Everything generated, from the first token: there is no thinking and no call.
    #[default]
    All,
    /// The answer: thinking before it is free, and it holds no calls.
    Answer,
}

/// A grammar that what is generated follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grammar {
    /// How it is written.
    pub kind: GrammarKind,
    /// The grammar; empty for [`GrammarKind::Json`].
    pub text: String,
}
