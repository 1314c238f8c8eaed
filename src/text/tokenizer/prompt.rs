//! A conversation to a prompt in which only the template, and the model itself, can write control tokens.
//! Knows template and tokens.

use super::pieces::Pieces;
use super::specials::{Finder, Found};
use crate::error::Result;
use crate::pause::Pauses;
use crate::text::template::{Prompt, Template};
use crate::text::vocab::{ControlSpan, RenderInput, Rendered};

/// A chat template for one vocabulary.
#[derive(Debug)]
pub(super) struct Chat {
    template: Template,
}

impl Chat {
    /// `bos` and `eos` begin and end a text.
    pub(super) async fn new(
        source: &str,
        pieces: &Pieces,
        [bos, eos]: [Option<u32>; 2],
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        pauses.look_up().await?;
        let template = Template::in_pieces(source, pieces.text(bos), pieces.text(eos), pauses).await?;
        Ok(Self { template })
    }

    /// Renders, and finds the control tokens that the template wrote: those in what came from the
    /// conversation stay text.
    pub(super) async fn render(
        &self,
        input: &RenderInput<'_>,
        pieces: &Pieces,
        special: &Finder,
        pauses: &mut Pauses<'_>,
    ) -> Result<Rendered> {
        let prompt = self.template.prompt(input, pauses).await?;
        let text = prompt.text.as_str();
        let mut control = Vec::new();
        let longest = special.longest();
        let mut from = 0;
        for written in prompt.written() {
            // Where a control token that has some of this may begin and end.
            from = from.max(text.floor_char_boundary(written.start.saturating_sub(longest)));
            let until = text.floor_char_boundary(written.end.saturating_add(longest));
            while from < written.end {
                let found = special.find_from(&text[..until], from, pauses).await?;
                let Some(found) = found.filter(|found| found.start < written.end) else {
                    from = written.end;
                    break;
                };
                match own(&prompt, found, special, pauses).await? {
                    Some(own) => {
                        from = own.end;
                        if pieces.kind(own.id).is_some_and(|kind| kind.is_special()) {
                            control.try_reserve(1)?;
                            control.push(ControlSpan { start: own.start, end: own.end, id: own.id });
                        }
                    }
                    None => from = text.ceil_char_boundary(found.start + 1),
                }
            }
        }
        Ok(Rendered { text: prompt.text, control })
    }
}

/// How many tokens that begin at one place are tried.
const TRIES: usize = 8;

/// The longest token where `found` begins that the template wrote, of the [`TRIES`] longest: what a message
/// puts behind a token cannot hide it.
async fn own(
    prompt: &Prompt,
    found: Found,
    special: &Finder,
    pauses: &mut Pauses<'_>,
) -> Result<Option<Found>> {
    let start = found.start;
    let mut candidate = Some(found);
    for _ in 0..TRIES {
        let Some(found) = candidate.filter(|found| found.start == start) else { break };
        if prompt.wrote(found.start..found.end) {
            return Ok(Some(found));
        }
        let shorter = prompt.text.floor_char_boundary(found.end - 1);
        candidate = special.find_from(&prompt.text[..shorter], start, pauses).await?;
    }
    Ok(None)
}
