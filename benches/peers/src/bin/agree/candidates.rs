//! What is compared: anything that gives the logits after each of some tokens; knows no reference.

use peers::Result;
use peers::driver::Driver;
use peers::llama::{Context, Line, Model, Options};
use std::path::Path;
#[cfg(feature = "candle")]
pub use with_candle::Candle;

/// Gives the logits after each of `tokens` from index `from` on, in a new sequence.
pub trait Candidate {
    fn rows(&mut self, tokens: &[u32], from: usize) -> Result<Vec<Vec<f32>>>;
}

/// wick's native decoder. One token at a time: its bits do not depend on that.
pub struct Native(Driver);

impl Native {
    pub fn open(path: &Path, threads: usize) -> Self {
        Self(Driver::open(path, threads))
    }
}

impl Candidate for Native {
    fn rows(&mut self, tokens: &[u32], from: usize) -> Result<Vec<Vec<f32>>> {
        let sequence = self.0.sequence();
        let (head, tail) = tokens.split_at(from + 1);
        let mut rows = vec![self.0.extend(sequence, head)];
        rows.extend(tail.iter().map(|&token| self.0.extend(sequence, &[token])));
        self.0.decoder.close(sequence);
        Ok(rows)
    }
}

/// llama.cpp, with single tokens behind the head as it generates, or with all tokens in one pass.
pub struct Llama {
    context: Context,
    whole: bool,
}

impl Llama {
    pub fn open(path: &Path, options: &Options, whole: bool) -> Result<Self> {
        Ok(Self { context: Context::new(&Model::load(path, options)?, options)?, whole })
    }
}

impl Llama {
    /// What it makes of all `tokens` together.
    pub fn embedding(path: &Path, options: &Options, tokens: &[u32]) -> Result<Vec<f32>> {
        let options = Options { embeddings: true, ..*options };
        Context::new(&Model::load(path, &options)?, &options)?.embedding(tokens)
    }
}

impl Candidate for Llama {
    fn rows(&mut self, tokens: &[u32], from: usize) -> Result<Vec<Vec<f32>>> {
        self.context.clear();
        if self.whole {
            let line = |(at, &token)| Line { sequence: 0, token, logits: at >= from };
            self.context.pass(&tokens.iter().enumerate().map(line).collect::<Vec<_>>())?;
            return (from..tokens.len()).map(|at| Ok(self.context.logits(at)?.to_vec())).collect();
        }
        let (head, tail) = tokens.split_at(from + 1);
        let mut rows = vec![self.context.extend(head)?.to_vec()];
        for &token in tail {
            rows.push(self.context.extend(&[token])?.to_vec());
        }
        Ok(rows)
    }
}

#[cfg(feature = "candle")]
mod with_candle {
    use super::Candidate;
    use peers::Result;
    use std::path::Path;
    use std::time::Instant;
    use wick::gguf::{Gguf, Limits, Source};
    use wick::model::candle::{CandleDecoder, Options as CandleOptions, Precision};
    use wick::model::{Chunk, Pace, PrefixCache, Runner, Step};

    /// wick's other backend, on candle.
    pub struct Candle(Runner<CandleDecoder>);

    impl Candle {
        pub fn open(path: &Path, precision: Precision) -> Result<Self> {
            let gguf = Gguf::open(Source::path(path), &Limits::default(), &mut |_, _| Ok(()))?;
            let options = CandleOptions { precision, ..CandleOptions::default() };
            let decoder = CandleDecoder::load(&gguf, &options, &mut |_, _| Ok(()))?;
            Ok(Self(Runner::new(decoder, &options.budget, PrefixCache::Off)?))
        }
    }

    impl Candidate for Candle {
        fn rows(&mut self, tokens: &[u32], from: usize) -> Result<Vec<Vec<f32>>> {
            let sequence = self.0.open(tokens.len())?;
            let (head, tail) = tokens.split_at(from + 1);
            let chunks = std::iter::once(head).chain(tail.iter().map(std::slice::from_ref));
            let mut rows = Vec::new();
            for tokens in chunks {
                self.0.begin(&[Chunk { sequence, tokens, logits: 1 }])?;
                while self.0.run_slice(Pace { until: Instant::now() })? == Step::More {}
                rows.push(self.0.logits(0, 0).to_vec());
                self.0.commit(0, usize::MAX);
                self.0.finish();
            }
            self.0.close(sequence);
            Ok(rows)
        }
    }
}

/// The two greatest entries: the first one's index, and its lead over the second.
pub fn lead(logits: &[f32]) -> (u32, f32) {
    let best = peers::engine::best(logits);
    let others = logits.iter().enumerate().filter(|(at, _)| *at != best as usize);
    let second = others.map(|(_, &logit)| logit).fold(f32::NEG_INFINITY, f32::max);
    (best, logits[best as usize] - second)
}
