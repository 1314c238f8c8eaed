//! A conversation to a prompt in which only the template can write control tokens. Knows template and tokens.

use super::Tokenizer;
use crate::error::Result;
use crate::text::template::{Shield, Template, input};
use crate::text::vocab::{ControlSpan, RenderInput, Rendered};

/// A chat template for one vocabulary.
#[derive(Debug)]
pub(super) struct Chat {
    template: Template,
    shield: Shield,
}

impl Chat {
    pub(super) fn new(source: &str, tokenizer: &Tokenizer) -> Result<Self> {
        let template =
            Template::new(source, tokenizer.text_of(tokenizer.bos), tokenizer.text_of(tokenizer.eos))?;
        let controls =
            tokenizer.pieces.of_kinds(|kind| kind.is_special()).map(|id| tokenizer.text_of(Some(id)));
        let shield = Shield::new(controls, template.literals())?;
        Ok(Self { template, shield })
    }

    /// Renders with the input's guards marked, finds the control tokens that have theirs, takes the marks away.
    pub(super) fn render(&self, input: &RenderInput<'_>, tokenizer: &Tokenizer) -> Result<Rendered> {
        let marks = self.shield.marks(|visit| input::for_each_string(input, visit))?;
        let marked = self.template.render_with(input, &|text| marks.mark(text))?;
        let mut rendered = Rendered::default();
        let mut done = 0;
        for found in tokenizer.special.find(&marked) {
            let text = &marked[found.start..found.end];
            let control = tokenizer.pieces.kind(found.id).is_some_and(|kind| kind.is_special());
            if !control || !self.shield.guarded(text) {
                continue;
            }
            marks.unmark(&marked[done..found.start], &mut rendered.text);
            let start = rendered.text.len();
            rendered.text.push_str(text);
            rendered.control.push(ControlSpan { start, end: rendered.text.len(), id: found.id });
            done = found.end;
        }
        marks.unmark(&marked[done..], &mut rendered.text);
        Ok(rendered)
    }
}
