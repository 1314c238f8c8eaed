//! A conversation to a prompt in which only the template can write control tokens. Knows template and tokens.

use super::pieces::Pieces;
use super::specials::Finder;
use crate::error::Result;
use crate::pause::Pauses;
use crate::text::template::{Shield, Template, input};
use crate::text::vocab::{ControlSpan, RenderInput, Rendered};

/// A chat template for one vocabulary.
#[derive(Debug)]
pub(super) struct Chat {
    template: Template,
    shield: Shield,
}

impl Chat {
    /// `bos` and `eos` begin and end a text. The template is parsed in one piece.
    pub(super) async fn new(
        source: &str,
        pieces: &Pieces,
        [bos, eos]: [Option<u32>; 2],
        pauses: &mut Pauses<'_>,
    ) -> Result<Self> {
        pauses.look_up().await?;
        let template = Template::new(source, pieces.text(bos), pieces.text(eos))?;
        pauses.look_up().await?;
        let mut controls = Vec::new();
        for id in pieces.of_kinds(|kind| kind.is_special()) {
            let text = pieces.text(Some(id));
            if !text.is_empty() {
                controls.try_reserve(1)?;
                controls.push(text);
            }
            if pauses.is_due(1) {
                pauses.look_up().await?;
            }
        }
        let shield = Shield::new(&controls, template.literals(), pauses).await?;
        Ok(Self { template, shield })
    }

    /// Renders with the input's guards marked, finds the control tokens that have theirs, takes the marks away. The template runs in one
    /// piece.
    pub(super) async fn render(
        &self,
        input: &RenderInput<'_>,
        pieces: &Pieces,
        special: &Finder,
        pauses: &mut Pauses<'_>,
    ) -> Result<Rendered> {
        let marks = self.shield.marks(|visit| input::for_each_string(input, visit))?;
        let marked = self.template.render_with(input, &|text| marks.mark(text));
        let marked = marked.map_err(|error| marks.unmark_error(error))?;
        pauses.look_up().await?;
        let mut rendered = Rendered::default();
        let (mut done, mut from) = (0, 0);
        while let Some(found) = special.find_from(&marked, from, pauses).await? {
            from = found.end;
            let text = &marked[found.start..found.end];
            let control = pieces.kind(found.id).is_some_and(|kind| kind.is_special());
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
