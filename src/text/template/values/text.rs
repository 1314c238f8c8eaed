//! Strings that know where their bytes come from: from the template, or from the conversation (its messages,
//! tools and variables). Every operation carries that along, so that the prompt's text says who wrote what.
//! Knows no tokens.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::text::template::costs::{Costs, Meter};

/// A string. Cloning it shares it.
#[derive(Clone, Debug)]
pub(crate) struct Text(Arc<Body>);

#[derive(Debug)]
struct Body {
    text: String,
    origin: Origin,
    ascii: bool,
    /// Escaped already (`Markup`): what is added to it gets escaped.
    markup: bool,
    held: usize,
    meter: Option<Arc<Meter>>,
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(meter) = &self.meter {
            meter.give(self.held);
        }
    }
}

/// Where a string's bytes come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    /// All from the template.
    Template,
    /// All from the conversation.
    Said,
    /// These from the conversation: ascending, apart, none empty.
    Mixed(Vec<(u32, u32)>),
}

/// What a string costs beside its bytes.
const BODY: usize = 96;

impl Text {
    /// A string of the template itself, which no rendering pays for.
    pub(crate) fn literal(text: String) -> Self {
        let ascii = text.is_ascii();
        Self(Arc::new(Body { text, origin: Origin::Template, ascii, markup: false, held: 0, meter: None }))
    }

    /// A string that the template computed.
    pub(crate) fn new(costs: &mut Costs, text: &str) -> Result<Self> {
        Self::copied(costs, text, false)
    }

    /// A string of the conversation.
    pub(crate) fn said(costs: &mut Costs, text: &str) -> Result<Self> {
        Self::copied(costs, text, true)
    }

    /// A string of the conversation if it is `said`, else one that the template computed.
    pub(crate) fn copied(costs: &mut Costs, text: &str, said: bool) -> Result<Self> {
        let mut builder = Builder::new(costs);
        builder.reserve(text.len())?;
        builder.push(costs, text, said)?;
        builder.finish()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0.text
    }

    pub(crate) fn len(&self) -> usize {
        self.0.text.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.text.is_empty()
    }

    pub(crate) fn is_ascii(&self) -> bool {
        self.0.ascii
    }

    pub(crate) fn is_markup(&self) -> bool {
        self.0.markup
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The same, as one that is escaped already.
    pub(crate) fn with_markup(&self, costs: &mut Costs) -> Result<Self> {
        if self.0.markup {
            return Ok(self.clone());
        }
        let mut builder = Builder::new(costs);
        builder.text(costs, self)?;
        builder.set_markup();
        builder.finish()
    }

    /// How many letters it has; reading them is paid for.
    pub(crate) fn letters(&self, costs: &mut Costs) -> Result<usize> {
        if self.0.ascii {
            return Ok(self.len());
        }
        costs.read(self.len())?;
        Ok(self.as_str().chars().count())
    }

    /// Where the letter number `at` begins; the length for any number beyond.
    pub(crate) fn offset(&self, costs: &mut Costs, at: usize) -> Result<usize> {
        if self.0.ascii {
            return Ok(at.min(self.len()));
        }
        let offset = self.as_str().char_indices().nth(at).map_or(self.len(), |(offset, _)| offset);
        costs.read(offset)?;
        Ok(offset)
    }

    /// These bytes as a string of their own.
    pub(crate) fn part(&self, costs: &mut Costs, range: Range<usize>) -> Result<Self> {
        if range == (0..self.len()) && !self.0.markup {
            return Ok(self.clone());
        }
        let mut builder = Builder::new(costs);
        builder.part(costs, self, range)?;
        builder.finish()
    }

    /// Whether the byte at `at` is from the conversation.
    pub(crate) fn is_said(&self, at: usize) -> bool {
        match &self.0.origin {
            Origin::Template => false,
            Origin::Said => true,
            Origin::Mixed(spans) => {
                let next = spans.partition_point(|span| span.1 as usize <= at);
                spans.get(next).is_some_and(|span| span.0 as usize <= at)
            }
        }
    }

    /// Whether any byte of `range` is from the conversation.
    pub(crate) fn has_said(&self, range: Range<usize>) -> bool {
        self.parts(range).any(|(_, said)| said)
    }

    /// The parts of `range`, in order, each with whether it is from the conversation.
    pub(crate) fn parts(&self, range: Range<usize>) -> Parts<'_> {
        let spans: &[(u32, u32)] = match &self.0.origin {
            Origin::Mixed(spans) => spans,
            _ => &[],
        };
        let next = spans.partition_point(|span| span.1 as usize <= range.start);
        Parts { body: &self.0, range, next }
    }
}

/// What [`Text::parts`] gives.
pub(crate) struct Parts<'t> {
    body: &'t Body,
    range: Range<usize>,
    next: usize,
}

impl<'t> Iterator for Parts<'t> {
    type Item = (&'t str, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let Range { start, end } = self.range;
        if start >= end {
            return None;
        }
        let (until, said) = match &self.body.origin {
            Origin::Template => (end, false),
            Origin::Said => (end, true),
            Origin::Mixed(spans) => match spans.get(self.next) {
                None => (end, false),
                Some((first, _)) if start < *first as usize => ((*first as usize).min(end), false),
                Some((_, last)) => {
                    self.next += 1;
                    ((*last as usize).min(end), true)
                }
            },
        };
        self.range.start = until;
        Some((self.body.text.get(start..until).unwrap_or_default(), said))
    }
}

/// A string as it grows. What it holds is counted before it is allocated.
#[derive(Debug)]
pub(crate) struct Builder {
    text: String,
    /// The bytes from the conversation.
    said: Vec<(u32, u32)>,
    markup: bool,
    held: usize,
    meter: Arc<Meter>,
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.meter.give(self.held);
    }
}

impl Builder {
    pub(crate) fn new(costs: &Costs) -> Self {
        Self { text: String::new(), said: Vec::new(), markup: false, held: 0, meter: costs.meter.clone() }
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    fn take(&mut self, bytes: usize) -> Result<()> {
        self.meter.take(bytes)?;
        self.held += bytes;
        Ok(())
    }

    /// Makes room for `bytes` more.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<()> {
        let (length, capacity) = (self.text.len(), self.text.capacity());
        let needed = length.saturating_add(bytes);
        if needed <= capacity {
            return Ok(());
        }
        let wanted = if length == 0 { needed } else { needed.max(capacity.saturating_mul(2)) };
        // The old and the new one may lie side by side for a moment.
        self.take(wanted)?;
        self.text.try_reserve_exact(wanted - length)?;
        self.meter.give(capacity);
        self.held -= capacity;
        Ok(())
    }

    /// Appends `text`, of the conversation if it is `said`.
    ///
    /// # Errors
    /// `Template` over the limits of the rendering; `OutOfMemory`.
    pub(crate) fn push(&mut self, costs: &mut Costs, text: &str, said: bool) -> Result<()> {
        costs.read(text.len())?;
        self.reserve(text.len())?;
        let start = self.text.len();
        self.text.push_str(text);
        if said { self.mark(start) } else { Ok(()) }
    }

    /// Appends one letter; its work is paid for by the caller.
    pub(crate) fn letter(&mut self, letter: char, said: bool) -> Result<()> {
        self.reserve(letter.len_utf8())?;
        let start = self.text.len();
        self.text.push(letter);
        if said { self.mark(start) } else { Ok(()) }
    }

    /// What was appended from `start` on is from the conversation.
    fn mark(&mut self, start: usize) -> Result<()> {
        let (start, end) = (start as u32, self.text.len() as u32);
        match self.said.last_mut() {
            _ if start == end => {}
            Some(last) if last.1 == start => last.1 = end,
            _ => {
                if self.said.len() == self.said.capacity() {
                    let more = self.said.len().max(4);
                    self.take(more * size_of::<(u32, u32)>())?;
                    self.said.try_reserve_exact(more)?;
                }
                self.said.push((start, end));
            }
        }
        Ok(())
    }

    pub(crate) fn text(&mut self, costs: &mut Costs, text: &Text) -> Result<()> {
        self.part(costs, text, 0..text.len())
    }

    pub(crate) fn part(&mut self, costs: &mut Costs, text: &Text, range: Range<usize>) -> Result<()> {
        for (number, (part, said)) in text.parts(range).enumerate() {
            if number % 4 == 3 {
                costs.spend(1)?;
            }
            self.push(costs, part, said)?;
        }
        Ok(())
    }

    /// Appends `letter` so many times, of the conversation if it is `said`.
    pub(crate) fn fill(&mut self, costs: &mut Costs, letter: char, count: usize, said: bool) -> Result<()> {
        let bytes = count.saturating_mul(letter.len_utf8());
        costs.spend(count / 8)?;
        self.reserve(bytes)?;
        let start = self.text.len();
        self.text.extend(std::iter::repeat_n(letter, count));
        if said { self.mark(start) } else { Ok(()) }
    }

    /// The string.
    pub(crate) fn finish(mut self) -> Result<Text> {
        self.take(BODY)?;
        let text = std::mem::take(&mut self.text);
        let said = std::mem::take(&mut self.said);
        let origin = match said.as_slice() {
            [] => Origin::Template,
            [(0, end)] if *end as usize == text.len() => Origin::Said,
            _ => Origin::Mixed(said),
        };
        let (ascii, markup) = (text.is_ascii(), self.markup);
        let held = std::mem::take(&mut self.held);
        Ok(Text(Arc::new(Body { text, origin, ascii, markup, held, meter: Some(self.meter.clone()) })))
    }

    /// The text and its parts that are from the conversation.
    pub(crate) fn into_parts(mut self) -> (String, Vec<(u32, u32)>) {
        (std::mem::take(&mut self.text), std::mem::take(&mut self.said))
    }

    pub(crate) fn set_markup(&mut self) {
        self.markup = true;
    }
}
