//! What Python takes letters for: white space, line ends, digits, what can be printed. Knows no strings.

/// What Python takes for white space (`str.isspace`).
pub(super) fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

/// Whether a line ends at this letter.
pub(super) fn ends_line(letter: char) -> bool {
    matches!(
        letter,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// `str.isprintable` of one letter.
pub(super) fn is_printable(letter: char) -> bool {
    match letter as u32 {
        0x20..=0x7e | 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0x3041..=0x3096 | 0x30a0..=0x30ff => true,
        0..=0xa0 | 0xad => false,
        // Behind another letter, combining ones are shown as they are.
        _ => "a".chars().chain([letter]).collect::<String>().escape_debug().nth(1) == Some(letter),
    }
}

/// The ASCII digit that a letter of any script's digits stands for; only some scripts' are known.
pub(super) fn decimal(letter: char) -> Option<char> {
    const ZEROS: [u32; 13] =
        [0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xe50, 0xff10];
    let number = letter as u32;
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&number))?;
    char::from_digit(number - zero, 10)
}
