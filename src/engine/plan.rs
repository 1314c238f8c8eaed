//! Which rows the next pass computes: a pure function of who could take part, what a pass takes, and what
//! rows cost. Knows no engine.

use super::costs::{Costs, MIN_ROWS};
use std::cmp::Reverse;

/// Passes that somebody may wait while higher priorities are computed. Then it counts as high as they do, for
/// one pass.
const PATIENCE: u64 = 16;

/// Of the time of a pass over the rows that decode, what the rows of prompts may add: a little less than all,
/// since both are estimates.
const SHARE: f32 = 0.875;

/// What a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One token, and somebody waits for the next; more where some have to be computed again.
    Decode,
    /// Tokens of an input.
    Prompt,
}

/// One that could take part in the next pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) model: u64,
    /// Its generation; the older one comes first among equals.
    pub(super) id: u64,
    /// Higher comes first.
    pub(super) priority: i32,
    /// Passes that were computed when it was last computed, or began.
    pub(super) last_pass: u64,
    pub(super) kind: Kind,
    /// Where its span stands among those that are on offer.
    pub(super) offer: usize,
    /// How many rows it wants; after planning, how many it gets.
    pub(super) rows: usize,
}

/// What a pass of one model may take, and what it costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capacity {
    pub(super) model: u64,
    /// Rows in all; at least 1.
    pub(super) rows: usize,
    /// Sequences; at least 1, at most `rows`.
    pub(super) sequences: usize,
    pub(super) costs: Costs,
}

/// The model of the next pass. `candidates` becomes its sequences, in order, each with the rows that it gets;
/// `passes` were computed so far.
///
/// By priority, then by who waited longest: so nobody waits for ever. All rows that decode come along. The
/// rows of prompts
/// - fill the pass where nobody waits for a token;
/// - fill it where they have a higher priority than all who wait for a token;
/// - add at most about the time of a pass without them, and are at least [`MIN_ROWS`], beside rows of the
///   same priority;
/// - wait, for [`PATIENCE`] passes at most, while rows of a higher priority decode.
pub(super) fn plan(candidates: &mut Vec<Candidate>, passes: u64, capacities: &[Capacity]) -> Option<u64> {
    let top = candidates.iter().map(|one| one.priority).max()?;
    for late in candidates.iter_mut().filter(|one| passes.saturating_sub(one.last_pass) > PATIENCE) {
        late.priority = top;
    }
    candidates.sort_unstable_by_key(|one| (Reverse(one.priority), one.last_pass, one.id));
    let model = candidates.first()?.model;
    let capacity = capacities.iter().find(|capacity| capacity.model == model)?;
    // Also those of other models wait for this pass.
    let speaking = candidates.iter().filter(|one| one.kind == Kind::Decode).map(|one| one.priority).max();
    let has_prompt = candidates.iter().any(|one| one.kind == Kind::Prompt);
    let beside = match speaking {
        Some(priority) if has_prompt => rows_beside(candidates, priority, capacity, capacities),
        _ => 0,
    };
    candidates.retain(|one| one.model == model);
    candidates.truncate(capacity.sequences);
    // A decoder that takes a prompt whole is given it whole, alone.
    if candidates[0].rows > capacity.rows {
        candidates.truncate(1);
        return Some(model);
    }
    candidates.retain(|one| one.rows <= capacity.rows);
    let decoding = candidates.iter().filter(|one| one.kind == Kind::Decode).count();
    let mut left = capacity.rows.saturating_sub(decoding);
    for one in candidates.iter_mut().filter(|one| one.kind == Kind::Decode) {
        let more = one.rows.saturating_sub(1).min(left);
        one.rows = 1 + more;
        left -= more;
    }
    // A pass is never empty.
    let mut beside = if decoding == 0 { beside.max(MIN_ROWS) } else { beside };
    for one in candidates.iter_mut().filter(|one| one.kind == Kind::Prompt) {
        let most = match speaking {
            Some(priority) if one.priority < priority => 0,
            Some(priority) if one.priority == priority => beside.min(left),
            _ => left,
        };
        one.rows = one.rows.min(most);
        left -= one.rows;
        beside = beside.saturating_sub(one.rows);
    }
    candidates.retain(|one| one.rows > 0);
    Some(model)
}

/// Rows of prompts beside rows that decode with `priority`: what adds at most about the time of the shortest
/// of the passes that those wait for.
fn rows_beside(
    candidates: &[Candidate],
    priority: i32,
    capacity: &Capacity,
    capacities: &[Capacity],
) -> usize {
    let mut least = f32::INFINITY;
    for other in capacities {
        let decodes = |one: &&Candidate| {
            one.kind == Kind::Decode && one.model == other.model && one.priority >= priority
        };
        let decoding = candidates.iter().filter(decodes).count();
        if decoding == 0 {
            continue;
        }
        match other.costs.decode_time(decoding) {
            Some(time) => least = least.min(time),
            // The first pass without a prompt says it.
            None if other.model == capacity.model => return 0,
            None => least = 0.0,
        }
    }
    capacity.costs.rows_within(least * SHARE)
}

#[cfg(test)]
mod tests {
    use super::super::costs::Rows;
    use super::*;
    use std::time::Duration;

    /// 1 ms a row, 20 ms a pass that decodes one.
    const COSTS: Costs = Costs { decode: Some(20e6), decoding: 1, row: Some(1e6), draft: [None; 4] };

    fn capacity(model: u64) -> Capacity {
        Capacity { model, rows: 256, sequences: 8, costs: COSTS }
    }

    fn decodes(id: u64, priority: i32) -> Candidate {
        Candidate { model: 1, id, priority, last_pass: 100, kind: Kind::Decode, offer: 0, rows: 1 }
    }

    fn again(id: u64, rows: usize) -> Candidate {
        Candidate { rows, ..decodes(id, 0) }
    }

    fn prompt(id: u64, priority: i32, rows: usize) -> Candidate {
        Candidate { model: 1, id, priority, last_pass: 100, kind: Kind::Prompt, offer: 0, rows }
    }

    fn planned(candidates: &[Candidate], capacities: &[Capacity]) -> (Option<u64>, Vec<(u64, usize)>) {
        let mut candidates = candidates.to_vec();
        let model = plan(&mut candidates, 100, capacities);
        (model, candidates.iter().map(|one| (one.id, one.rows)).collect())
    }

    /// What a plan is about, who could take part, and who does with how many rows.
    type Case = (&'static str, Vec<Candidate>, &'static [(u64, usize)]);

    #[test]
    fn the_table_of_plans() {
        let late = |one: Candidate| Candidate { last_pass: 100 - PATIENCE - 1, ..one };
        let almost = |one: Candidate| Candidate { last_pass: 100 - PATIENCE, ..one };
        let before = |one: Candidate| Candidate { last_pass: 99, ..one };
        #[rustfmt::skip]
        let table: &[Case] = &[
            ("rows that decode", vec![decodes(2, 0), decodes(1, 0)], &[(1, 1), (2, 1)]),
            ("a prompt alone fills the pass", vec![prompt(1, 0, 1000)], &[]),
            ("a prompt alone", vec![prompt(1, 0, 256)], &[(1, 256)]),
            ("two prompts share", vec![prompt(1, 0, 200), prompt(2, 0, 200)], &[(1, 200), (2, 56)]),
            ("who waited longer comes first", vec![prompt(1, 0, 200), before(prompt(2, 0, 200))], &[(2, 200), (1, 56)]),
            ("beside one that decodes", vec![decodes(1, 0), prompt(2, 0, 256)], &[(1, 1), (2, 17)]),
            ("beside three: their pass takes longer", vec![decodes(1, 0), decodes(2, 0), decodes(3, 0), prompt(4, 0, 256)], &[(1, 1), (2, 1), (3, 1), (4, 19)]),
            ("two prompts beside one share the time", vec![decodes(1, 0), prompt(2, 0, 10), prompt(3, 0, 256)], &[(1, 1), (2, 10), (3, 7)]),
            ("what is left is for the next pass", vec![decodes(1, 0), prompt(2, 0, 256), prompt(3, 0, 256)], &[(1, 1), (2, 17)]),
            ("a higher prompt takes the pass, lower rows come along", vec![decodes(1, 0), prompt(2, 1, 256)], &[(2, 255), (1, 1)]),
            ("a higher one that decodes has it to itself", vec![decodes(1, 1), prompt(2, 0, 256)], &[(1, 1)]),
            ("but for others that decode", vec![decodes(1, 1), decodes(2, 0), prompt(3, 0, 256)], &[(1, 1), (2, 1)]),
            ("a prompt between two priorities waits", vec![decodes(1, 2), decodes(2, 0), prompt(3, 1, 256)], &[(1, 1), (2, 1)]),
            ("not for ever", vec![decodes(1, 1), late(prompt(2, 0, 256))], &[(2, 17), (1, 1)]),
            ("almost", vec![decodes(1, 1), almost(prompt(2, 0, 256))], &[(1, 1)]),
            ("a higher prompt, then an equal one", vec![decodes(1, 0), prompt(2, 1, 100), prompt(3, 0, 256)], &[(2, 100), (1, 1)]),
            ("a short prompt is taken whole", vec![decodes(1, 0), prompt(2, 0, 3)], &[(1, 1), (2, 3)]),
            ("the lowest and the highest number", vec![decodes(1, i32::MIN), prompt(2, i32::MAX, 9)], &[(2, 9), (1, 1)]),
            ("rows that are computed again", vec![again(1, 5), decodes(2, 0), prompt(3, 0, 256)], &[(1, 5), (2, 1), (3, 18)]),
            ("as far as the pass takes them", vec![again(1, 200), again(2, 200), prompt(3, 0, 256)], &[(1, 200), (2, 56)]),
            ("nobody", vec![], &[]),
        ];
        for (what, candidates, rows) in table {
            let (model, planned) = planned(candidates, &[capacity(1)]);
            // A prompt of more rows than a pass takes is cut by its decoder, or not to be cut.
            let expected: &[(u64, usize)] =
                if what.ends_with("fills the pass") { &[(1, 1000)] } else { rows };
            assert_eq!(planned, expected, "{what}");
            assert_eq!(model, (!candidates.is_empty()).then_some(1), "{what}");
        }
    }

    #[test]
    fn costs_decide_how_many_rows_come_along() {
        let both = [decodes(1, 0), prompt(2, 0, 256)];
        let with = |costs| planned(&both, &[Capacity { costs, ..capacity(1) }]).1;
        let rows = |rows| vec![(1, 1), (2, rows)];
        assert_eq!(with(Costs { row: Some(1e5), ..COSTS }), rows(175));
        assert_eq!(with(Costs { row: Some(1.0), ..COSTS }), rows(255));
        assert_eq!(with(Costs { row: Some(1e9), ..COSTS }), rows(8), "at least 8");
        assert_eq!(with(Costs { row: None, ..COSTS }), rows(8), "not known");
        assert_eq!(with(Costs { decode: None, ..COSTS }), [(1, 1)], "measured first");
        assert_eq!(with(Costs { decoding: 9, ..COSTS }), rows(10), "of a pass with more rows");
    }

    #[test]
    fn limits_hold_whoever_asks() {
        let small = Capacity { rows: 4, sequences: 3, ..capacity(1) };
        let many: Vec<_> = (1..=6).map(|id| decodes(id, 0)).collect();
        assert_eq!(planned(&many, &[small]).1, [(1, 1), (2, 1), (3, 1)]);
        let mixed = [decodes(1, 0), decodes(2, 0), prompt(3, 0, 4), prompt(4, 5, 4)];
        assert_eq!(planned(&mixed, &[small]).1, [(4, 2), (1, 1), (2, 1)]);
        // One that is taken whole waits for its turn, which comes: the others were computed since.
        let whole = prompt(3, 0, 9);
        assert_eq!(planned(&[decodes(1, 0), whole], &[small]).1, [(1, 1)]);
        assert_eq!(planned(&[decodes(1, 0), Candidate { last_pass: 99, ..whole }], &[small]).1, [(3, 9)]);
    }

    #[test]
    fn who_waits_for_another_model_is_not_kept_waiting_long() {
        let other = |one: Candidate| Candidate { model: 2, ..one };
        let quick = Capacity { costs: Costs { decode: Some(10e6), ..COSTS }, ..capacity(2) };
        let first = |one: Candidate| Candidate { last_pass: 99, ..one };
        let capacities = [capacity(1), quick];
        // The prompt of one model while the other's answers wait.
        let candidates = [first(prompt(1, 0, 256)), other(decodes(2, 0))];
        assert_eq!(planned(&candidates, &capacities), (Some(1), vec![(1, 8)]));
        // And the other way round: whoever waited longest has the pass.
        let candidates = [prompt(1, 0, 256), first(other(decodes(2, 0)))];
        assert_eq!(planned(&candidates, &capacities), (Some(2), vec![(2, 1)]));
        // A higher priority has it, until the lower one has waited long enough.
        let candidates = [prompt(1, 1, 256), first(other(decodes(2, 0)))];
        assert_eq!(planned(&candidates, &capacities), (Some(1), vec![(1, 256)]));
        let candidates = [prompt(1, 1, 256), other(Candidate { last_pass: 0, ..decodes(2, 0) })];
        assert_eq!(planned(&candidates, &capacities), (Some(2), vec![(2, 1)]));
    }

    /// Plans pass by pass, with `step` saying who wants to take part; how long anybody waited at most.
    fn longest_wait(mut all: Vec<Candidate>, mut capacity: Capacity, passes: u64) -> u64 {
        let mut longest = 0;
        all.iter_mut().for_each(|one| one.last_pass = 0);
        for pass in 0..passes {
            let mut candidates = all.clone();
            plan(&mut candidates, pass, &[capacity]);
            assert!(!candidates.is_empty(), "pass {pass} is empty");
            if candidates.iter().all(|one| one.kind == Kind::Decode) {
                let rows = Rows { decoding: candidates.len(), drafts: 0, prompt: 0 };
                capacity.costs.observe(rows, Duration::from_millis(20));
            }
            for one in &mut all {
                match candidates.iter().any(|planned| planned.id == one.id) {
                    true => one.last_pass = pass + 1,
                    false => longest = longest.max(pass - one.last_pass),
                }
            }
        }
        longest
    }

    #[test]
    fn nobody_waits_without_bound() {
        let mut all: Vec<_> = (0..4).map(|id| decodes(id, id as i32)).collect();
        all.extend((4..12).map(|id| prompt(id, id as i32 % 3, 256)));
        for (rows, sequences) in [(256, 8), (256, 1), (1, 1), (300, 64), (256, 3)] {
            for costs in [COSTS, Costs::default()] {
                let capacity = Capacity { rows, sequences, costs, ..capacity(1) };
                let all: Vec<_> =
                    all.iter().map(|one| Candidate { rows: one.rows.min(rows), ..*one }).collect();
                let longest = longest_wait(all, capacity, 2000);
                assert!(longest <= PATIENCE + 24, "{longest} passes: {capacity:?}");
            }
        }
    }

    /// A machine on which a pass takes `decode` and, for each row of a prompt, `row` nanoseconds, and up to a
    /// tenth longer by chance.
    struct Machine {
        decode: f32,
        row: f32,
        chance: u64,
    }

    impl Machine {
        fn compute(&mut self, decoding: usize, prompt: usize) -> Duration {
            // Knuth's numbers for a linear congruential generator.
            self.chance =
                self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let late = 1.0 + (self.chance >> 40) as f32 / (1u64 << 24) as f32 / 10.0;
            let decode = if decoding > 0 { self.decode } else { 0.0 };
            Duration::from_nanos(((decode + self.row * prompt as f32) * late) as u64)
        }
    }

    #[test]
    fn an_answer_keeps_half_its_pace_and_a_prompt_two_fifths_of_its_rate_on_any_machine() {
        for (decode, row) in [(20e6, 1e6), (100e6, 0.9e6), (200e6, 2e6), (9e6, 0.05e6)] {
            let (mut machine, mut costs) = (Machine { decode, row, chance: 1 }, Costs::default());
            for (decoding, prompt, times) in [(0, 256, 1), (1, 0, 30)] {
                for _ in 0..times {
                    let rows = Rows { decoding, drafts: 0, prompt };
                    costs.observe(rows, machine.compute(decoding, prompt));
                }
            }
            let (mut longest, mut whole, mut rows) = (0.0_f32, 0.0, 0);
            for _ in 0..200 {
                let mut candidates = vec![decodes(1, 0), prompt(2, 0, 255)];
                plan(&mut candidates, 100, &[Capacity { costs, ..capacity(1) }]);
                let beside = candidates[1].rows;
                let took = machine.compute(1, beside);
                costs.observe(Rows { decoding: 1, drafts: 0, prompt: beside }, took);
                longest = longest.max(took.as_nanos() as f32);
                whole += took.as_nanos() as f32;
                rows += beside;
            }
            let (gap, rate) = (whole / 200.0 / decode, rows as f32 * row / whole);
            assert!(gap <= 2.1 && longest / decode <= 2.4, "{gap} and {longest} of {decode}");
            assert!(rate >= 0.4, "{rate} of the rate alone with {decode} and {row}");
        }
    }
}
