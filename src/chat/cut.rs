//! What is whole of a text or of a conversation within its first tokens, and which tokens stand for the
//! beginning of an answer; knows no places and no decoder.

use crate::error::Result;
use crate::pause::{Pauses, at_once};
use crate::text::{Detokenizer, Message, Unfinished, Vocab};

/// Tokens behind which a character that they end inside of has begun.
const LAST: usize = 16;

/// The character that a text of these tokens ends inside of.
pub(super) fn unfinished(tokens: &[u32], vocab: &dyn Vocab) -> Unfinished {
    let mut detokenizer = Detokenizer::new(false);
    let mut text = String::new();
    for id in &tokens[tokens.len().saturating_sub(LAST)..] {
        detokenizer.push(vocab, *id, &mut text);
    }
    detokenizer.unfinished()
}

/// How many of `messages`, whose rendering begins behind the first `from` of `tokens`, are whole within the
/// first `until`, and how many tokens are left then. One whose text is not found there, such as one that the
/// template writes otherwise, goes with all that follow.
pub(super) fn whole(
    from: usize,
    until: usize,
    tokens: &[u32],
    messages: &[Message],
    vocab: &dyn Vocab,
) -> (usize, usize) {
    let mut detokenizer = Detokenizer::new(false);
    let mut text = String::new();
    let mut ends = Vec::new();
    for id in tokens.get(from..until).unwrap_or_default() {
        detokenizer.push(vocab, *id, &mut text);
        ends.push(text.len());
    }
    let (mut at, mut whole) = (0, (0, from));
    for (index, message) in messages.iter().enumerate() {
        let Some(end) = end_of(&message.content, &text[at..]) else { break };
        at += end;
        whole = (index + 1, from + ends.partition_point(|end| *end < at) + 1);
    }
    whole
}

/// Where in `text` ends `content`, as it is or as templates trim it.
fn end_of(content: &str, text: &str) -> Option<usize> {
    let trimmed = content.trim();
    if trimmed.is_empty() {
        return None;
    }
    let end = |content: &str| Some(text.find(content)? + content.len());
    // White space alone behind it may be what is cut.
    end(content).or_else(|| end(trimmed).filter(|end| !text[*end..].trim().is_empty()))
}

/// Where in `tokens` begins what the model said last, whose text is `text`; `None`: they do not end with it.
pub(super) fn begin_of(text: &str, tokens: &[u32], vocab: &dyn Vocab) -> Option<usize> {
    let bytes =
        |id: &u32| vocab.piece(*id).filter(|piece| !piece.special).map_or(&[][..], |piece| piece.bytes);
    let mut left = text.as_bytes();
    let mut begin = tokens.len();
    while !left.is_empty() {
        begin = begin.checked_sub(1)?;
        left = left.strip_suffix(bytes(&tokens[begin]))?;
    }
    Some(begin)
}

/// The ids that stand for `text`, with which the text of the ids behind the first `begin` of `tokens` begins:
/// how many of `tokens` stay, and the ids behind those. The last may be others than the model's.
///
/// # Errors
/// As [`Vocab::encode`].
pub(super) fn beginning(
    text: &str,
    begin: usize,
    tokens: &[u32],
    vocab: &dyn Vocab,
) -> Result<(usize, Vec<u32>)> {
    let mut detokenizer = Detokenizer::new(false);
    let (mut rest, mut piece) = (text, String::new());
    let (mut stay, mut left) = (begin, text);
    for (index, id) in tokens.iter().enumerate().skip(begin) {
        piece.clear();
        detokenizer.push(vocab, *id, &mut piece);
        let Some(behind) = rest.strip_prefix(piece.as_str()) else { break };
        rest = behind;
        if detokenizer.held_back() == 0 {
            (stay, left) = (index + 1, rest);
        }
        if rest.is_empty() {
            break;
        }
    }
    // What goes on behind a token is tokenized as that.
    let last = tokens[..stay].last().copied();
    let mut ids: Vec<u32> = last.into_iter().collect();
    at_once(vocab.append_in_pieces(left, false, &mut ids, &mut Pauses::none()))?;
    ids.drain(..usize::from(last.is_some()));
    Ok((stay, ids))
}
