//! Small models of every architecture and every type, with random weights: wick's logits beside llama.cpp's.
//! Knows no model.

use crate::candidates::{Candidate, Llama, Native, lead};
use peers::Result;
use peers::llama::Options;
use peers::tiny::Tiny;
use peers::tiny::known::{TOKENS, ahead, allowed, apart, models, tokens};
use std::fmt::Write;
use std::path::Path;

/// Each how-manieth of llama.cpp's last logits is recorded.
const RECORDED: usize = 5;

/// Writes each model whose name contains `filter` to a temporary file and compares; writes llama.cpp's last
/// logits to `record`, for wick's own tests. Fails if one is too far apart.
pub fn compare(filter: &str, record: Option<&Path>) -> Result<()> {
    println!("| | apart, of the spread | allowed | other best ids | of |");
    println!("|---|---|---|---|---|");
    let file = std::env::temp_dir().join(format!("wick-agree-{}.gguf", std::process::id()));
    let (mut failed, mut recorded) = (Vec::new(), format!("llama.cpp: {}\n", peers::llama::version()));
    let known = models().into_iter().map(|(name, tiny)| (name, tiny, true));
    let ahead = ahead().into_iter().map(|(name, tiny)| (name, tiny, false));
    for (name, tiny, known) in known.chain(ahead).filter(|(name, ..)| name.contains(filter)) {
        match measure(&file, &tiny, known) {
            Ok(outcome) => {
                let allowed = allowed(&tiny);
                match outcome.apart {
                    Some((apart, others)) => {
                        println!("| {name} | {apart:.5} | {allowed} | {others} | {TOKENS} |")
                    }
                    None => println!("| {name} | unknown to wick | {allowed} | | |"),
                }
                let last = outcome.last.iter().step_by(RECORDED);
                let last: Vec<String> = last.map(|logit| format!("{logit:.5}")).collect();
                writeln!(recorded, "{name}: {}", last.join(" "))?;
                if outcome.apart.is_some_and(|(apart, _)| apart > allowed || apart.is_nan()) {
                    failed.push(name);
                }
            }
            Err(failure) => {
                println!("| {name} | {failure} |");
                failed.push(name);
            }
        }
    }
    std::fs::remove_file(&file).ok();
    if let Some(record) = record {
        std::fs::write(record, recorded)?;
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("too far apart: {}", failed.join(", ")).into()) }
}

struct Outcome {
    /// The mean over all tokens, and after how many of them the best ids differ; none where wick does not
    /// know the architecture.
    apart: Option<(f64, usize)>,
    /// llama.cpp's logits after the last token, or the vector that it makes of all.
    last: Vec<f32>,
}

fn measure(file: &Path, tiny: &Tiny, known: bool) -> Result<Outcome> {
    std::fs::write(file, tiny.writer().to_bytes())?;
    let tokens = tokens(tiny);
    let options = Options {
        flash: Some(false),
        kv_f32: true,
        repack: false,
        context: tiny.context,
        ..Options::default()
    };
    let mut wanted = match tiny.embeds() {
        true => vec![Llama::embedding(file, &options, &tokens)?],
        false => Llama::open(file, &options, true)?.rows(&tokens, 0)?,
    };
    if wanted.iter().flatten().any(|logit| !logit.is_finite()) {
        return Err("llama.cpp gave a logit that is no number".into());
    }
    let apart = known.then(|| -> Result<_> {
        // An encoder takes all tokens at once.
        let from = if tiny.embeds() { tokens.len() - 1 } else { 0 };
        let found = Native::open(file, 1).rows(&tokens, from)?;
        let rows = || wanted.iter().zip(&found);
        let total: f64 = rows().map(|(wanted, found)| apart(wanted, found)).sum();
        let others = rows().filter(|(wanted, found)| lead(wanted).0 != lead(found).0).count();
        Ok((total / found.len() as f64, others))
    });
    let apart = apart.transpose()?;
    Ok(Outcome { apart, last: wanted.pop().ok_or("no logits")? })
}
