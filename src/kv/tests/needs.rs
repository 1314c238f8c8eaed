//! What pasts are said to need beside what a cache holds that has computed them.

use super::*;

/// Bytes of a block, or a state, of what keeps so.
fn bytes(keeps: Keeps) -> u64 {
    match keeps {
        Keeps::All => 640,
        Keeps::Window(_) => 1920,
        Keeps::State => 500,
    }
}

/// Blocks or states by which what is needed may be over what is held.
fn spare(keeps: Keeps, sequences: usize) -> u64 {
    match keeps {
        Keeps::All => 0,
        Keeps::Window(_) => sequences as u64,
        Keeps::State => 2 * sequences as u64,
    }
}

/// What a cache holds after prompts of `pasts`, one sequence after the other, and a few tokens more of all.
fn held(keeps: &[Keeps], block: usize, pasts: &Pasts) -> Needs {
    let groups: Vec<Group> =
        keeps.iter().map(|keeps| Group { keeps: *keeps, bytes: bytes(*keeps) }).collect();
    let mut twins = Twins::new(&groups, block, None, pasts.idle);
    let all: Vec<usize> = (0..pasts.sequences).map(|_| twins.open((pasts.idle > 0).then_some(0))).collect();
    let together = 3.min(pasts.tokens);
    for &index in &all {
        while twins.sequences[index].1.len() < pasts.tokens - together {
            let (sequence, done) = (twins.sequences[index].0, twins.sequences[index].1.len());
            let wanted = pasts.pass.min(pasts.tokens - together - done);
            let count = twins.cache.chunk_limit(sequence, wanted);
            let tokens = (0..count).map(|at| (index * 7919 + done + at) as u32).collect();
            twins.pass(&[(index, tokens, count)]).expect("memory");
        }
    }
    for token in 0..together as u32 {
        let spans: Vec<_> = all.iter().map(|index| (*index, vec![token], 1)).collect();
        twins.pass(&spans).expect("memory");
    }
    let mut held = Needs::default();
    for (pool, group) in twins.cache.pools.iter().zip(&groups) {
        let sum = if group.keeps == Keeps::State { &mut held.states } else { &mut held.blocks };
        *sum += pool.bytes();
    }
    held
}

/// What is wrong with the needs of `pasts`, if anything is.
fn fault(keeps: &[Keeps], block: usize, pasts: &Pasts) -> Option<String> {
    let groups = keeps.iter().map(|keeps| Group { keeps: *keeps, bytes: bytes(*keeps) }).collect();
    let spec = CacheSpec { block, groups, shares: true, rewinds: true };
    let (needs, held) = (spec.needs(pasts), held(keeps, block, pasts));
    let total = |needs: &Needs| needs.blocks + needs.states;
    let (needed, is_held) = (total(&needs), total(&held));
    // Of few tokens a state more counts for much, and so does what is given up a little early.
    let spare: u64 = keeps.iter().map(|keeps| bytes(*keeps) * spare(*keeps, pasts.sequences)).sum();
    let most = is_held + is_held / 50 + spare + pasts.idle.min(is_held) / 16;
    let good = is_held <= needed && needed <= most;
    (!good).then(|| format!("{keeps:?} in blocks of {block}, {pasts:?}: {needs:?}, held {held:?}"))
}

#[test]
fn what_pasts_need_is_what_a_cache_holds() {
    use Keeps::{All, State, Window};
    let models: [&[Keeps]; 5] =
        [&[All], &[All, Window(40)], &[Window(130), All], &[All, State], &[Window(64), State]];
    let mut faults = Vec::new();
    for (keeps, block) in models.into_iter().flat_map(|keeps| [(keeps, 4), (keeps, 32)]) {
        for (tokens, pass) in [(1, 256), (40, 256), (300, 256), (990, 256), (990, 32)] {
            for (sequences, idle) in [(1, 0), (1, 1 << 30), (1, 30_000), (3, 0), (3, 1 << 30), (3, 30_000)] {
                let pasts = Pasts { sequences, tokens, pass, idle };
                faults.extend(fault(keeps, block, &pasts));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
