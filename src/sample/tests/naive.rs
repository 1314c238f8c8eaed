//! What the next token's probabilities should be, in f64, by full sorts and nested loops.

use crate::sample::SamplerOptions;

/// Options, and what has been said so far: tokens with their texts.
pub(super) struct Naive<'a> {
    pub(super) options: &'a SamplerOptions,
    pub(super) said: &'a [(u32, &'static str)],
    /// Mirostat's limit.
    pub(super) limit: f64,
}

fn or(value: f32, default: f64) -> f64 {
    if value == 0.0 { default } else { value.into() }
}

/// The probabilities of those in `kept`, in order; 0 of all others.
fn softmax(logits: &[f64], kept: &[usize], temperature: f64) -> Vec<f64> {
    let highest = kept.iter().map(|&id| logits[id]).fold(f64::NEG_INFINITY, f64::max);
    let weight = |id: usize| ((logits[id] - highest) / temperature).exp();
    let total: f64 = kept.iter().map(|&id| weight(id)).sum();
    let mut probabilities = vec![0.0; logits.len()];
    kept.iter().for_each(|&id| probabilities[id] = weight(id) / total);
    probabilities
}

fn entropy(probabilities: &[f64]) -> f64 {
    probabilities.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum()
}

impl Naive<'_> {
    /// The probability of each token to be the next one.
    pub(super) fn probabilities(&self, logits: &[f32]) -> Vec<f64> {
        let options = self.options;
        let logits = self.changed(logits);
        let mut kept: Vec<usize> = (0..logits.len()).filter(|&id| logits[id] > f64::NEG_INFINITY).collect();
        kept.sort_by(|&a, &b| logits[b].partial_cmp(&logits[a]).unwrap());
        if options.temperature == 0.0 {
            return softmax(&logits, &kept[..1], 1.0);
        }
        if options.mirostat_tau > 0.0 {
            let temperature = self.temperature(&logits, &kept);
            let all = softmax(&logits, &kept, temperature);
            let few = kept.iter().filter(|&&id| -all[id].log2() <= self.limit).count();
            return softmax(&logits, &kept[..few.max(1)], temperature);
        }
        self.truncate(&logits, &mut kept);
        let drawn = |kept: &[usize]| softmax(&logits, kept, self.temperature(&logits, kept));
        let (without, chance) = (drawn(&kept), f64::from(options.xtc_probability));
        if chance == 0.0 {
            return without;
        }
        let with = drawn(&excluded(&logits, &kept, or(options.xtc_threshold, 0.1)));
        with.iter().zip(&without).map(|(with, without)| chance * with + (1.0 - chance) * without).collect()
    }

    /// Which tokens the truncations keep, of those in `kept`, likeliest first.
    pub(super) fn truncate(&self, logits: &[f64], kept: &mut Vec<usize>) {
        let options = self.options;
        if options.top_n_sigma > 0.0 {
            let count = kept.len() as f64;
            let mean = kept.iter().map(|&id| logits[id]).sum::<f64>() / count;
            let squares: f64 = kept.iter().map(|&id| (logits[id] - mean).powi(2)).sum();
            let sigma = if count < 2.0 { 0.0 } else { (squares / (count - 1.0)).sqrt() };
            let limit = logits[kept[0]] - f64::from(options.top_n_sigma) * sigma;
            kept.retain(|&id| logits[id] >= limit);
        }
        if options.top_k > 0 {
            kept.truncate(options.top_k as usize);
        }
        if options.typical_p > 0.0 && options.typical_p < 1.0 {
            let p = softmax(logits, kept, 1.0);
            let expected = entropy(&p);
            let far = |id: usize| (-p[id].ln() - expected).abs();
            kept.sort_by(|&a, &b| far(a).partial_cmp(&far(b)).unwrap());
            shorten(kept, &p, options.typical_p);
            kept.sort_by(|&a, &b| logits[b].partial_cmp(&logits[a]).unwrap());
        }
        if options.top_p > 0.0 && options.top_p < 1.0 {
            let p = softmax(logits, kept, 1.0);
            shorten(kept, &p, options.top_p);
        }
        let p = softmax(logits, kept, 1.0);
        let least = f64::from(options.min_p) * p[kept[0]];
        kept.retain(|&id| p[id] >= least);
    }

    fn temperature(&self, logits: &[f64], kept: &[usize]) -> f64 {
        let (temperature, range) =
            (f64::from(self.options.temperature), f64::from(self.options.dynatemp_range));
        if range == 0.0 || kept.len() < 2 {
            return temperature;
        }
        let flat = entropy(&softmax(logits, kept, 1.0)) / (kept.len() as f64).ln();
        let (low, high) = ((temperature - range).max(0.0), temperature + range);
        (low + (high - low) * flat.powf(or(self.options.dynatemp_exponent, 1.0))).max(1e-30)
    }

    /// The logits after bias, penalties and DRY.
    pub(super) fn changed(&self, logits: &[f32]) -> Vec<f64> {
        let options = self.options;
        let mut logits: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
        for &(token, bias) in &options.logit_bias {
            logits[token as usize] += f64::from(bias);
        }
        let tokens: Vec<u32> = self.said.iter().map(|(token, _)| *token).collect();
        let last = |n: i32, default: usize| match n {
            0 => default.min(tokens.len()),
            n if n < 0 => tokens.len(),
            n => tokens.len().min(n as usize),
        };
        let window = &tokens[tokens.len() - last(options.penalty_last_n, 64)..];
        for (id, logit) in logits.iter_mut().enumerate() {
            let count = window.iter().filter(|token| **token as usize == id).count() as f64;
            if count > 0.0 {
                let repeat = or(options.repeat_penalty, 1.0);
                *logit = if *logit > 0.0 { *logit / repeat } else { *logit * repeat };
                *logit -= f64::from(options.presence_penalty) + f64::from(options.frequency_penalty) * count;
            }
        }
        if options.dry_multiplier > 0.0 {
            let window = &self.said[tokens.len() - last(options.dry_last_n, usize::MAX)..];
            for (id, logit) in logits.iter_mut().enumerate() {
                *logit -= self.dry(window, id as u32);
            }
        }
        logits
    }

    /// What DRY takes from `token`: for each place where it stood, how much of what is in front of it is what
    /// the text ends with.
    fn dry(&self, said: &[(u32, &str)], token: u32) -> f64 {
        let breaks = |at: usize| said[at].1.contains(['\n', ':', '"', '*']);
        let allowed = if self.options.dry_allowed_length == 0 { 2 } else { self.options.dry_allowed_length };
        let mut longest = 0;
        for at in (1..said.len()).filter(|at| said[*at].0 == token && !breaks(*at)) {
            let same = |back: usize| {
                let end = said.len() - 1 - back;
                at > back && said[at - 1 - back].0 == said[end].0 && !breaks(end)
            };
            longest = longest.max((0..said.len()).take_while(|back| same(*back)).count() as i32);
        }
        if longest < allowed {
            return 0.0;
        }
        f64::from(self.options.dry_multiplier) * or(self.options.dry_base, 1.75).powi(longest - allowed)
    }
}

/// What XTC leaves of `kept`.
fn excluded(logits: &[f64], kept: &[usize], threshold: f64) -> Vec<usize> {
    let p = softmax(logits, kept, 1.0);
    let mut order = kept.to_vec();
    order.sort_by(|&a, &b| logits[b].partial_cmp(&logits[a]).unwrap());
    let likely = order.iter().filter(|&&id| p[id] >= threshold).count();
    order.split_off(likely.saturating_sub(1))
}

fn shorten(kept: &mut Vec<usize>, probabilities: &[f64], share: f32) {
    let mut sum = 0.0;
    let more = |&&id: &&usize| {
        let go_on = sum < f64::from(share);
        sum += probabilities[id];
        go_on
    };
    let count = kept.iter().take_while(more).count();
    kept.truncate(count);
}
