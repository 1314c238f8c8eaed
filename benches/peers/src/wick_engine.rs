//! wick as it is measured: one generation at a time through its runtime, several together through its
//! decoder.

use crate::Result;
use crate::driver::Driver;
use crate::engine::{CONTEXT, Engine};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wick::model::Chunk;
use wick::runtime::{
    Backend, EventKind, Input, Model, ModelOptions, PrefixCache, Reading, Request, Runtime, RuntimeOptions,
    Stats,
};

/// Tokens of an answer whose first one is waited for: a token that is only a part of a character shows with
/// the next.
const ANSWER: u32 = 8;

/// A loaded model and its runtime.
pub struct Wick {
    path: PathBuf,
    threads: usize,
    vocab: usize,
    /// None once given up for the decoder.
    loaded: Option<(Model, Runtime)>,
}

impl Wick {
    /// Loads up to READY: mapped, checked, its tokenizer built.
    pub fn open(path: &Path, threads: usize) -> Result<Box<dyn Engine>> {
        let runtime = Runtime::new(RuntimeOptions { threads, ..RuntimeOptions::default() })?;
        let context_length = Some(CONTEXT as usize);
        // Every token is computed, and by itself.
        let options = ModelOptions {
            backend: Backend::Native,
            context_length,
            prefix_cache: PrefixCache::Off,
            drafts: false,
            ..ModelOptions::path(path)
        };
        let (model, mut loading) = runtime.load(options, Reading::default())?;
        while let Some(event) = loading.next_blocking() {
            if let EventKind::End(end) = event.kind {
                end.error.map_or(Ok(()), Err)?;
            }
        }
        let vocab = model.spec()?.vocab_size;
        Ok(Box::new(Self { path: path.into(), threads, vocab, loaded: Some((model, runtime)) }))
    }

    /// The time from the request to the first text, at which `at_first` is called, and the final figures.
    fn answer(
        &self,
        prompt: &[u32],
        max_tokens: u32,
        at_first: &mut dyn FnMut() -> Result<()>,
    ) -> Result<(Duration, Stats)> {
        let (model, _) = self.loaded.as_ref().ok_or("the runtime is given up")?;
        let input = Input::Tokens(prompt.to_vec());
        let request =
            Request { input, max_tokens, ignore_eos: true, echo_special: true, ..Request::default() };
        let session = model.session(None)?;
        let begun = Instant::now();
        let mut stream = session.generate(request, Reading::default())?;
        let mut first = None;
        while let Some(event) = stream.next_blocking() {
            match event.kind {
                EventKind::Text(_) if first.is_none() => {
                    first = Some(begun.elapsed());
                    at_first()?;
                }
                EventKind::End(end) => {
                    end.error.map_or(Ok(()), Err)?;
                    return Ok((first.ok_or("an answer without text")?, end.stats));
                }
                _ => {}
            }
        }
        Err("a stream without END".into())
    }
}

impl Engine for Wick {
    fn vocab(&self) -> usize {
        self.vocab
    }

    fn first(&mut self, prompt: &[u32], at_first: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
        Ok(self.answer(prompt, ANSWER, at_first)?.0)
    }

    fn prefill(&mut self, prompt: &[u32]) -> Result<Duration> {
        let (_, stats) = self.answer(prompt, 1, &mut || Ok(()))?;
        Ok(Duration::from_nanos(stats.prefill_ns))
    }

    fn decode(&mut self, prompt: &[u32], steps: usize) -> Result<Duration> {
        let (_, stats) = self.answer(prompt, steps as u32, &mut || Ok(()))?;
        Ok(Duration::from_nanos(stats.decode_ns))
    }

    fn together(&mut self, prompt: &[u32], count: usize, steps: usize) -> Result<Duration> {
        if let Some((model, runtime)) = self.loaded.take() {
            drop(model);
            runtime.shutdown(None)?;
        }
        let mut driver = Driver::open(&self.path, self.threads);
        let sequences: Vec<_> = (0..count).map(|_| driver.sequence()).collect();
        for &sequence in &sequences {
            driver.extend(sequence, prompt);
        }
        // As a runtime's decoder has done behind its first tokens.
        while driver.decoder.warm_up() {}
        let begun = Instant::now();
        for step in 0..steps {
            let token = [step as u32 + 300];
            let chunk = |&sequence| Chunk { sequence, tokens: &token, logits: 1 };
            let chunks: Vec<_> = sequences.iter().map(chunk).collect();
            driver.pass(&chunks);
        }
        let time = begun.elapsed();
        sequences.into_iter().for_each(|sequence| driver.decoder.close(sequence));
        Ok(time)
    }
}
