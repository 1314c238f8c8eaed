//! llama.cpp as it is measured: what a user gets who says how many threads, and the same with the weights as
//! they are in the file.

use crate::Result;
use crate::engine::{CONTEXT, CONTEXT_TOGETHER, Engine, best};
use crate::llama::{Context, Line, Model, Options};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A loaded model, and a context, which is made for the first prompt: its time belongs to the first token,
/// not to the load.
pub struct Llama {
    options: Options,
    model: Rc<Model>,
    context: Option<Context>,
}

impl Llama {
    /// Loads with repacked weights where llama.cpp has a layout for them.
    pub fn open(path: &Path, threads: usize) -> Result<Box<dyn Engine>> {
        Self::with(path, Options { threads, ..Options::default() })
    }

    /// Loads with weights as they are.
    pub fn open_plain(path: &Path, threads: usize) -> Result<Box<dyn Engine>> {
        Self::with(path, Options { threads, repack: false, ..Options::default() })
    }

    fn with(path: &Path, options: Options) -> Result<Box<dyn Engine>> {
        let options = Options { context: CONTEXT, ..options };
        let model = Model::load(path, &options)?;
        Ok(Box::new(Self { options, model, context: None }))
    }

    /// The context, empty.
    fn empty(&mut self) -> Result<&mut Context> {
        if let Some(context) = &mut self.context {
            context.clear();
        } else {
            self.context = Some(Context::new(&self.model, &self.options)?);
        }
        self.context.as_mut().ok_or_else(|| "no context".into())
    }
}

impl Engine for Llama {
    fn vocab(&self) -> usize {
        self.model.vocab()
    }

    fn first(&mut self, prompt: &[u32], at_first: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
        let time = self.prefill(prompt)?;
        at_first()?;
        Ok(time)
    }

    fn prefill(&mut self, prompt: &[u32]) -> Result<Duration> {
        let begun = Instant::now();
        best(self.empty()?.extend(prompt)?);
        Ok(begun.elapsed())
    }

    fn decode(&mut self, prompt: &[u32], steps: usize) -> Result<Duration> {
        let context = self.empty()?;
        let mut token = best(context.extend(prompt)?);
        let begun = Instant::now();
        for _ in 1..steps {
            token = best(context.extend(&[token])?);
        }
        Ok(begun.elapsed())
    }

    fn together(&mut self, prompt: &[u32], count: usize, steps: usize) -> Result<Duration> {
        let options = Options { sequences: count as u32, context: CONTEXT_TOGETHER, ..self.options };
        self.context = None;
        let mut context = Context::new(&self.model, &options)?;
        let last = prompt.len() - 1;
        for sequence in 0..count as u32 {
            let line = |(at, &token)| Line { sequence, token, logits: at == last };
            context.pass(&prompt.iter().enumerate().map(line).collect::<Vec<_>>())?;
        }
        let begun = Instant::now();
        for step in 0..steps as u32 {
            let line = |sequence| Line { sequence, token: step + 300, logits: true };
            context.pass(&(0..count as u32).map(line).collect::<Vec<_>>())?;
            for at in 0..count {
                std::hint::black_box(context.logits(at)?);
            }
        }
        Ok(begun.elapsed())
    }
}
