//! What two texts have in common, and the tags that texts begin and end with. Knows nothing of templates.

/// How many bytes both begin with, down to a whole character.
pub(super) fn common_start(a: &str, b: &str) -> usize {
    let letters = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    letters.map(|(letter, _)| letter.len_utf8()).sum()
}

/// How many bytes both end with, down to a whole character.
pub(super) fn common_end(a: &str, b: &str) -> usize {
    let letters = a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b);
    letters.map(|(letter, _)| letter.len_utf8()).sum()
}

/// What closes a tag that this opens.
fn closing(open: char) -> Option<char> {
    match open {
        '<' => Some('>'),
        '[' => Some(']'),
        _ => None,
    }
}

/// The tag that `text` begins with, and the rest; all of it where it begins with none.
pub(super) fn first_tag(text: &str) -> (&str, &str) {
    let close = text.chars().next().and_then(closing);
    match close.and_then(|close| text.find(close)) {
        Some(end) => text.split_at(end + 1),
        None => (text, ""),
    }
}

/// What comes before the tag that `text` ends with, and that tag; all of it where it ends with none.
pub(super) fn last_tag(text: &str) -> (&str, &str) {
    let open = match text.chars().next_back() {
        Some('>') => '<',
        Some(']') => '[',
        _ => return ("", text),
    };
    match text.rfind(open) {
        Some(start) => text.split_at(start),
        None => ("", text),
    }
}

/// The tag that `text` begins with, alone.
pub(super) fn only_first(text: &str) -> &str {
    first_tag(text.trim()).0
}

/// Where before `at` the tag begins that `at` is inside of; `at` itself: it is inside of none.
pub(super) fn before_tag(text: &str, at: usize) -> usize {
    let head = &text[..at];
    let open = head.char_indices().rev().find(|(_, letter)| "<[>]".contains(*letter));
    open.filter(|(_, letter)| closing(*letter).is_some()).map_or(at, |(open, _)| open)
}

/// Where behind `at` the tag ends that `at` is inside of.
pub(super) fn behind_tag(text: &str, at: usize) -> usize {
    let open = before_tag(text, at);
    if open == at {
        return at;
    }
    let close = text[open..].chars().next().and_then(closing);
    close.and_then(|close| text[at..].find(close)).map_or(at, |end| at + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_parts_end_between_characters() {
        assert_eq!((common_start("aé", "aè"), common_end("éa", "©a")), (1, 1));
        assert_eq!((common_start("ab", "ab"), common_end("", "b")), (2, 0));
    }

    #[test]
    fn tags_are_found_at_both_ends() {
        assert_eq!(first_tag("<tool_call>\n<function="), ("<tool_call>", "\n<function="));
        assert_eq!(first_tag("[TOOL_CALLS]"), ("[TOOL_CALLS]", ""));
        assert_eq!(first_tag("Action: "), ("Action: ", ""));
        assert_eq!(last_tag("</function>\n</tool_call>"), ("</function>\n", "</tool_call>"));
        assert_eq!(last_tag("done"), ("", "done"));
        assert_eq!((before_tag("a<b>c", 3), before_tag("a<b>c", 4), before_tag("abc", 2)), (1, 4, 2));
        assert_eq!((behind_tag("a<b>c", 2), behind_tag("a<b>c", 4), behind_tag("a<bc", 2)), (4, 4, 2));
    }
}
