//! A template's format, learned from what the template makes of short conversations. Knows no tokens.

use super::form::{Calls, Format, Reasoning};
use super::probe::{self, ANSWER, Given, Probe, QUESTION, RESULT, SYSTEM, THOUGHT, TOOL};
use super::shape;
use super::texts::{before_tag, behind_tag, common_end, common_start, first_tag, last_tag};
use crate::error::Result;
use crate::pause::Pauses;
use crate::text::vocab::Vocab;
use serde_json::{Map, Value, json};

/// Markers of thinking that templates know without showing where they stand: they take them out of answers,
/// or open them for the model.
const KNOWN: [(&str, &str); 6] = [
    ("<think>", "</think>"),
    ("<|channel>thought", "<channel|>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
];

/// Bytes of a marker at most: what a hostile template calls one must not slow down its model's text.
const LONGEST: usize = 256;

/// The header of a thought where turns are rows of messages with headers.
const HARMONY: &str = "<|channel|>analysis<|message|>";

/// What is learned of the template of `vocab` by rendering: a few short conversations.
///
/// # Errors
/// What stops `pauses`; a template that refuses everything has a plain format.
pub async fn derive(vocab: &dyn Vocab, pauses: &mut Pauses<'_>) -> Result<Format> {
    let probe = Probe::new(vocab);
    let mut format = Format { takes_system: takes_system(&probe, pauses).await?, ..Format::default() };
    let plain = probe.behind(&[probe::answer()], None, pauses).await?;
    let Some(plain) = plain.filter(|plain| plain.contains(ANSWER)) else {
        return Ok(format);
    };
    format.reasoning = reasoning(&probe, &plain, pauses).await?;
    format.harmony = format.reasoning.as_ref().is_some_and(|reasoning| reasoning.begin == HARMONY);
    if format.reasoning.is_none() {
        format.reasoning = of_vocabulary(vocab)?;
    }
    if format.harmony {
        format.calls = Some(shape::harmony());
    } else if let Some((calls, given)) = calls(&probe, &plain, pauses).await? {
        format.calls = Some(calls);
        format.arguments_as_text = given.as_text;
    }
    Ok(format)
}

/// Whether the template shows a system message; one that refuses questions too has another reason.
async fn takes_system(probe: &Probe<'_>, pauses: &mut Pauses<'_>) -> Result<bool> {
    let messages = [probe::message("system", SYSTEM), probe::message("user", QUESTION)];
    let text = probe.render(&messages, None, None, true, pauses).await?;
    if text.is_some_and(|text| text.contains(SYSTEM)) {
        return Ok(true);
    }
    let without = probe.render(&messages[1..], None, None, true, pauses).await?;
    Ok(!without.is_some_and(|without| without.contains(QUESTION)))
}

/// `plain`: what an answer alone becomes.
async fn reasoning(probe: &Probe<'_>, plain: &str, pauses: &mut Pauses<'_>) -> Result<Option<Reasoning>> {
    let text = probe.behind(&[probe::thoughtful()], None, pauses).await?.unwrap_or_default();
    if let Some((before, behind)) = text.split_once(THOUGHT)
        && let Some((close, _)) = behind.split_once(ANSWER)
    {
        if before.ends_with(HARMONY) {
            let end = first_tag(close).0;
            return Ok(Some(Reasoning { begin: HARMONY.into(), end: end.into(), close: close.into() }));
        }
        let (begin, end) = (last_tag(before.trim_end()).1, first_tag(close.trim()).0);
        // What stands around other messages too marks no thought.
        let messages = [probe::message("user", QUESTION)];
        let others = probe.render(&messages, None, None, false, pauses).await?.unwrap_or_default();
        let is_own = |marker: &str| {
            let marker = marker.trim();
            !marker.is_empty()
                && marker.len() <= LONGEST
                && !others.contains(marker)
                && !marker.contains(char::is_whitespace)
        };
        if is_own(begin) && is_own(end) && close.len() <= LONGEST {
            return Ok(Some(Reasoning { begin: begin.into(), end: end.into(), close: close.into() }));
        }
    }
    known(probe, plain, pauses).await
}

/// Markers of [`KNOWN`] that the template takes out of answers, or writes itself.
async fn known(probe: &Probe<'_>, plain: &str, pauses: &mut Pauses<'_>) -> Result<Option<Reasoning>> {
    let mut openings = plain.to_owned();
    for thinks in [None, Some(true), Some(false)] {
        let variables: Option<Map<String, Value>> = thinks.map(|thinks| {
            let both = json!({"enable_thinking": thinks, "thinking": thinks});
            both.as_object().cloned().unwrap_or_default()
        });
        let messages = [probe::message("user", QUESTION)];
        let text = probe.render(&messages, None, variables.as_ref(), true, pauses).await?.unwrap_or_default();
        openings.push_str(text.rsplit_once(QUESTION).map_or("", |(_, behind)| behind));
    }
    for (begin, end) in KNOWN {
        let is_known = openings.contains(begin) || openings.contains(end);
        let is_cut = !is_known && {
            let content = format!("{begin}\n{THOUGHT}\n{end}\n\n{ANSWER}");
            // Old thoughts go, or are written anew; a template that knows no marker leaves them alone.
            let messages = [probe::message("assistant", &content), probe::message("user", QUESTION)];
            let messages = [&[probe::message("user", QUESTION)], &messages[..]].concat();
            let text = probe.render(&messages, None, None, true, pauses).await?.unwrap_or_default();
            text.contains(ANSWER) && !text.contains(THOUGHT)
        };
        if is_known || is_cut {
            return Ok(Some(Reasoning::between(begin, end)));
        }
    }
    Ok(None)
}

/// The markers that the vocabulary has tokens for, though the template does not know them.
fn of_vocabulary(vocab: &dyn Vocab) -> Result<Option<Reasoning>> {
    for (begin, end) in KNOWN {
        let mut both = 0;
        for text in [begin, end] {
            let mut ids = Vec::new();
            vocab.encode(text, false, true, &mut ids)?;
            let is_one = matches!(ids[..], [id] if vocab.is_atom(id) && vocab.bytes(id) == text.as_bytes());
            both += usize::from(is_one);
        }
        if both == 2 {
            return Ok(Some(Reasoning::between(begin, end)));
        }
    }
    Ok(None)
}

/// The form of calls, and how the template wants them: where it shows tools, calls and results at all.
async fn calls(probe: &Probe<'_>, plain: &str, pauses: &mut Pauses<'_>) -> Result<Option<(Calls, Given)>> {
    let tools = probe::tools();
    let messages = [probe::message("user", QUESTION)];
    let shown = probe.render(&messages, Some(&tools), None, true, pauses).await?;
    if !shown.is_some_and(|shown| shown.contains(TOOL)) {
        return Ok(None);
    }
    let tail = plain.split_once(ANSWER).map_or("", |(_, tail)| tail);
    for (as_text, named_ids) in [(false, false), (true, false), (false, true), (true, true)] {
        let given = Given { as_text, named_ids };
        let one = probe.behind(&[probe::calls(given, false)], Some(&tools), pauses).await?;
        let Some(one) = one.as_deref().and_then(|one| turn(one, plain, tail)) else { continue };
        let two = probe.behind(&[probe::calls(given, true)], Some(&tools), pauses).await?;
        let two = two.as_deref().and_then(|two| turn(two, plain, tail)).unwrap_or_default();
        // What stands around answers too begins no call.
        let is_own = |calls: &Calls| {
            let is_apart = calls.begin.is_empty() || !plain.contains(&calls.begin);
            is_apart && calls.begin.len() <= LONGEST && calls.end.len() <= LONGEST
        };
        let calls = shape::of(one, two, named_ids).filter(is_own);
        let Some(calls) = calls else { continue };
        let with_result = [probe::calls(given, false), probe::result(given)];
        let answered = probe.behind(&with_result, Some(&tools), pauses).await?;
        if answered.is_some_and(|answered| answered.contains(RESULT)) {
            return Ok(Some((calls, given)));
        }
    }
    Ok(None)
}

/// What of `text` is the assistant's: without what begins an answer too, and without `tail`, which ends one.
fn turn<'a>(text: &'a str, plain: &str, tail: &str) -> Option<&'a str> {
    let begin = before_tag(text, common_start(text, plain));
    let end = behind_tag(text, text.len() - common_end(text, tail));
    text.get(begin..end).map(str::trim).filter(|turn| !turn.is_empty())
}
