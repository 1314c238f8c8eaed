//! Full stops that end no sentence: abbreviations, initials, list numbers. Knows no stream.

/// Words behind whose full stop more comes, whatever it is; in lower case.
const ALWAYS: &[&str] = &[
    "abs", "adm", "apt", "approx", "av", "avv", "bijv", "brig", "bzw", "ca", "capt", "cf", "cmdr", "col",
    "cpl", "dept", "dhr", "dipl", "dott", "dr", "dra", "dr.-ing", "dña", "evtl", "exmo", "fr", "frl", "ft",
    "gen", "ggf", "gov", "hon", "hr", "hrn", "ing", "inkl", "lt", "lic", "mag", "maj", "messrs", "mevr",
    "mgr", "mme", "mlle", "mr", "mrs", "ms", "mt", "mx", "np", "ph", "pres", "prof", "pvt", "rep", "rev",
    "sen", "sgt", "sig", "sog", "sr", "sra", "srta", "st", "supt", "tj", "ud", "uds", "ul", "vgl", "viz",
    "vs", "zzgl", "г", "им", "напр", "св", "см", "стр", "ул",
];

/// Words that are abbreviations before a number; in lower case.
const BEFORE_NUMBERS: &[&str] = &[
    "abb", "apr", "art", "aug", "bd", "ch", "chap", "cl", "dec", "eq", "feb", "fig", "figs", "jan", "jul",
    "jun", "kap", "mar", "no", "nos", "nov", "nr", "num", "núm", "oct", "p", "par", "pg", "pp", "sec", "sep",
    "sept", "tab", "vol", "nº",
];

/// Dotted words that may well be a sentence's last.
const MAY_END: &[&str] = &["a.m", "p.m"];

/// Whether the full stop behind `text` ends no sentence, although `next`, no small letter, comes behind a
/// space.
pub(super) fn is_abbreviation(text: &str, next: char) -> bool {
    let is_part =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '’' | '\'') || super::letters::joins("", c);
    let start =
        text.char_indices().rev().take_while(|(_, c)| is_part(*c)).last().map_or(text.len(), |(at, _)| at);
    let word = text[start..].trim_start_matches(['-', '’', '\'']);
    let first =
        text[..start].chars().all(|c| c.is_whitespace() || matches!(c, '*' | '#' | '>' | '-' | '(' | '_'));
    let letters = word.chars().count();
    let is_number = letters > 0 && word.chars().all(|c| c.is_ascii_digit());
    // "1. First", "a. First".
    if first && letters <= 3 && (is_number || letters == 1) {
        return true;
    }
    // J. K. Rowling.
    if letters == 1 && word.chars().all(char::is_uppercase) && word != "I" {
        return true;
    }
    let lower = word.to_lowercase();
    let dotted = || {
        let short = |part: &str| {
            !part.is_empty() && part.chars().count() <= 2 && part.chars().all(char::is_alphabetic)
        };
        lower.contains('.') && lower.split('.').all(short) && !MAY_END.contains(&lower.as_str())
    };
    ALWAYS.contains(&lower.as_str())
        || (next.is_numeric() && BEFORE_NUMBERS.contains(&lower.as_str()))
        || dotted()
}
