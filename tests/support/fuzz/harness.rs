//! Replays a target's corpus and runs mutants of its seeds, with a bound on time and memory. For tests; the
//! fuzz targets have their own.
#![allow(clippy::print_stdout)]

use super::{MAX_LEN, Random, mutant};
use crate::support::counting::peak_of;
use crate::support::time::time_of;
use std::path::Path;
use std::time::Duration;

/// A fuzz target as the tests see it.
pub struct Target {
    /// Its name, and its corpus' folder.
    pub name: &'static str,
    /// Small files that differ in what they exercise: the corpus, and what mutations begin with.
    pub seeds: Vec<(&'static str, Vec<u8>)>,
    /// Whether a file opens; panics where a promise is broken.
    pub judge: fn(&[u8]) -> bool,
    /// The most memory that judging a file of so many bytes may take.
    pub bound: fn(usize) -> usize,
}

impl Target {
    /// Checks that the corpus holds the seeds (`WICK_BLESS=1` writes them), and judges all of it; at least
    /// `opening` of its files open.
    pub fn replay(&self, opening: usize) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(self.name);
        for (name, bytes) in &self.seeds {
            assert!(bytes.len() <= MAX_LEN, "{name} has {} bytes", bytes.len());
            let path = folder.join(name);
            if std::env::var_os("WICK_BLESS").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, bytes).unwrap();
            }
            let there = std::fs::read(&path).is_ok_and(|there| there == *bytes);
            assert!(there, "{name} is not what its test makes; WICK_BLESS=1 writes it");
        }
        let mut opened = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            opened += usize::from(self.check(&std::fs::read(&path).unwrap(), &path.display().to_string()).0);
        }
        assert!(opened >= opening, "{opened} of the corpus open");
    }

    /// Judges `cases` (or `WICK_FUZZ_CASES`) mutants of what `begin` gives, or of a seed.
    pub fn mutants(&self, cases: u64, begin: impl Fn(&mut Random) -> Option<Vec<u8>>) {
        let cases =
            std::env::var_os("WICK_FUZZ_CASES").map_or(cases, |n| n.to_str().unwrap().parse().unwrap());
        let mut random = Random::new(0);
        let (mut opened, mut slowest) = (0u64, Duration::ZERO);
        for case in 0..cases {
            let file =
                begin(&mut random).unwrap_or_else(|| self.seeds[random.below(self.seeds.len())].1.clone());
            let (opens, time) = self.check(&mutant(&mut random, &file), &format!("case {case}"));
            opened += u64::from(opens);
            slowest = slowest.max(time);
        }
        println!("{}: {cases} cases, {opened} open, slowest {slowest:?}", self.name);
        // Mutants that all open, or none, test little.
        assert!(cases < 1000 || (opened > cases / 50 && opened < cases / 10 * 9), "{opened} of {cases} open");
    }

    fn check(&self, file: &[u8], name: &str) -> (bool, Duration) {
        let ((opens, peak), time) = time_of(|| peak_of(|| (self.judge)(file)));
        assert!(time < Duration::from_secs(2), "{name}: {time:?}");
        let bound = (self.bound)(file.len());
        assert!(peak <= bound, "{name}: {peak} bytes for {}, at most {bound} are allowed", file.len());
        (opens, time)
    }
}
