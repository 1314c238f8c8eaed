//! Kinds of characters, as far as pieces of text depend on them (UAX 29's Sentence_Break and Word_Break, and
//! Unicode's scripts). Knows no rule.

/// What may end a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terminator {
    /// `!`, `?` and their like, which need a space or another script behind them.
    Strong,
    /// Full-width ones, behind which no space comes.
    Full,
    /// A full stop, which may be a decimal point or an abbreviation's.
    Dot,
    /// Three dots.
    Ellipsis,
}

/// What `c` ends, if anything.
pub(super) fn terminator(c: char) -> Option<Terminator> {
    match c {
        '.' | '．' | '․' | '﹒' => Some(Terminator::Dot),
        '…' | '⋯' => Some(Terminator::Ellipsis),
        '。' | '｡' | '︒' | '！' | '？' | '﹖' | '﹗' => Some(Terminator::Full),
        '!' | '?' | '‼' | '‽' | '⁇' | '⁈' | '⁉' => Some(Terminator::Strong),
        // Armenian, Arabic and Urdu, Syriac, Devanagari, Burmese, Ethiopic, Khmer, Mongolian.
        '։' | '؟' | '۔' | '܀' | '।' | '॥' | '၊' | '။' | '።' | '፧' | '፨' | '។' | '៕' | '᠃' | '᠉' => {
            Some(Terminator::Strong)
        }
        _ => None,
    }
}

/// Ends a line; a CR does with what comes behind it.
pub(super) fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Closes what a sentence is in: quotes, brackets, and the marks of Markdown.
pub(super) fn closes(c: char) -> bool {
    matches!(
        c,
        '"' | '\''
            | '”'
            | '“'
            | '’'
            | '‘'
            | '»'
            | '«'
            | '›'
            | '‹'
            | ')'
            | ']'
            | '}'
            | '*'
            | '_'
            | '~'
            | '`'
    ) || matches!(c, '」' | '』' | '）' | '】' | '》' | '〉' | '〕' | '］' | '｝' | '＂' | '＇' | '｣')
}

/// Opens what a word is in.
pub(super) fn opens(c: char) -> bool {
    matches!(
        c,
        '(' | '['
            | '{'
            | '“'
            | '‘'
            | '„'
            | '«'
            | '‹'
            | '¿'
            | '¡'
            | '「'
            | '『'
            | '（'
            | '【'
            | '《'
            | '〈'
    ) || matches!(c, '〔' | '［' | '｛' | '｢')
}

/// Says that the sentence goes on (SContinue).
pub(super) fn continues(c: char) -> bool {
    matches!(c, ',' | ';' | ':' | '-' | '–' | '—' | '、' | '，' | '：' | '；' | '،' | '؛' | '﹐' | '､')
}

/// Letters of scripts that write sentences without full stops, with spaces between them: Thai and Lao. Not
/// the marks that belong to the word before them.
pub(super) fn is_thai(c: char) -> bool {
    matches!(c, '\u{e01}'..='\u{e2e}' | '\u{e30}'..='\u{e45}' | '\u{e47}'..='\u{e4e}' | '\u{e81}'..='\u{ec5}' | '\u{ec8}'..='\u{ece}' | '\u{edc}'..='\u{edf}')
}

/// A word of its own: Han and Hiragana.
pub(super) fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{3096}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '々' | '〇')
}

/// Words of several characters among those.
pub(super) fn is_katakana(c: char) -> bool {
    matches!(c, '\u{30a1}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9f}')
}

/// Whether `c` belongs to the character that `text` ends with: marks, joiners, what they join, variants.
pub(super) fn joins(text: &str, c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{200c}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}' | 'ー')
        || text.ends_with('\u{200d}')
        || is_mark(c)
}

#[cfg(feature = "text")]
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

// No model can be loaded without texts.
#[cfg(not(feature = "text"))]
fn is_mark(_: char) -> bool {
    false
}
