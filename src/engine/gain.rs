//! Whether drafts pay, and of how many tokens: how often they were right, against what their rows cost. Reads
//! no clock and knows no generation.

use super::costs::Costs;
use super::lookup::LONGEST;

/// How much quicker a pass with one draft more has to be than without it: both are estimates.
const MARGIN: f32 = 1.04;

/// Of the time of a pass without drafts, what drafts may add where other sequences wait for it.
const BESIDE: f32 = 0.25;

/// Of what was seen, how much counts at the next time: about twenty tokens are remembered.
const KEPT: f32 = 0.95;

/// How many tokens the first guess counts for.
const GUESS: f32 = 4.0;

/// Tokens that agree in front of a draft, in classes: the fewest of each, and how often such a draft is taken
/// to be right before anything was seen.
const CLASSES: [(usize, f32); 5] = [(2, 0.3), (3, 0.45), (4, 0.6), (6, 0.75), (9, 0.85)];

/// How often the next token was the one that a lookup gave, by how many tokens agreed in front of it: seen at
/// every token, drafted or not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chances {
    /// By class, of how many lookups.
    seen: [f32; CLASSES.len()],
    /// Those that were right.
    right: [f32; CLASSES.len()],
}

impl Chances {
    /// A lookup with `length` tokens in front was right, or not.
    pub(super) fn observe(&mut self, length: usize, right: bool) {
        let class = class(length);
        self.seen[class] = self.seen[class] * KEPT + 1.0;
        self.right[class] = self.right[class] * KEPT + f32::from(u8::from(right));
    }

    /// How probable it is that a token is right which follows `length` tokens that agree.
    pub(super) fn of(&self, length: usize) -> f32 {
        let class = class(length);
        (self.right[class] + GUESS * CLASSES[class].1) / (self.seen[class] + GUESS)
    }
}

fn class(length: usize) -> usize {
    CLASSES.iter().rposition(|(fewest, _)| *fewest <= length).unwrap_or(0)
}

/// What the next pass is expected to bring and to cost, as drafts are added to it.
#[derive(Debug)]
pub(super) struct Bill {
    costs: Costs,
    /// Nanoseconds that the pass takes without drafts.
    plain: f32,
    sequences: usize,
    /// Tokens that are expected of it.
    tokens: f32,
    /// Rows of drafts, and those that cost the same.
    drafts: usize,
}

impl Bill {
    /// Of a pass over so many sequences that decode, in which `again` rows are computed again; `None`: what
    /// such a pass takes is not known yet.
    pub(super) fn new(costs: Costs, sequences: usize, again: usize) -> Option<Self> {
        let plain = costs.decode_time(sequences)?;
        Some(Self { costs, plain, sequences, tokens: sequences as f32, drafts: again })
    }

    /// How many of `most` tokens to draft for one sequence, of which `length` tokens agree with where they
    /// are from: so many that the tokens of all sequences come the fastest; 0 where drafts do not pay. The
    /// time of the rows is everybody's: it counts against all tokens of the pass, and is bounded where
    /// somebody else waits for it.
    pub(super) fn take(&mut self, chances: &Chances, length: usize, most: usize) -> usize {
        let mut best = self.tokens / self.time(0) * MARGIN;
        let (mut count, mut chance, mut sum, mut gained) = (0, 1.0, 0.0, 0.0);
        for more in 1..=most {
            chance *= chances.of((length + more - 1).min(LONGEST));
            sum += chance;
            let time = self.time(more);
            if self.sequences > 1 && time > self.plain * (1.0 + BESIDE) {
                break;
            }
            let rate = (self.tokens + sum) / time;
            if rate > best {
                (best, count, gained) = (rate, more, sum);
            }
        }
        self.drafts += count;
        self.tokens += gained;
        count
    }

    /// As [`take`](Self::take), of tokens that are certain to be right.
    pub(super) fn take_certain(&mut self, most: usize) -> usize {
        let fits = |more: &usize| self.sequences == 1 || self.time(*more) <= self.plain * (1.0 + BESIDE);
        // A row of the same pass is never dearer than a pass of its own.
        let count = (1..=most).take_while(fits).last().unwrap_or(0);
        self.drafts += count;
        self.tokens += count as f32;
        count
    }

    /// Nanoseconds with so many drafts more.
    fn time(&self, more: usize) -> f32 {
        // Never nothing: rates are compared.
        (self.plain + self.costs.draft_time(self.drafts + more)).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 ms for a pass of one row; a row of a draft takes `draft` ms.
    fn costs(draft: f32) -> Costs {
        Costs { decode: Some(20e6), decoding: 1, row: Some(0.0), draft: [Some(draft * 1e6); 4] }
    }

    fn seen(length: usize, right: usize, wrong: usize) -> Chances {
        let mut chances = Chances::default();
        (0..right + wrong).for_each(|index| chances.observe(length, index >= wrong));
        chances
    }

    fn taken(draft: f32, sequences: usize, chances: &Chances, length: usize) -> usize {
        Bill::new(costs(draft), sequences, 0).unwrap().take(chances, length, 15)
    }

    #[test]
    fn chances_follow_what_is_seen_of_their_class() {
        let chances = seen(9, 200, 0);
        assert!(chances.of(9) > 0.97 && chances.of(16) == chances.of(9), "{}", chances.of(9));
        assert_eq!(chances.of(3), CLASSES[1].1, "nothing was seen");
        assert!(seen(9, 0, 200).of(12) < 0.16);
        // What is long ago does not count.
        let changed = seen(2, 100, 300);
        assert!(changed.of(2) > 0.85, "{}", changed.of(2));
        assert_eq!([2, 3, 4, 5, 6, 8, 9, 16].map(class), [0, 1, 2, 2, 3, 3, 4, 4]);
    }

    #[test]
    fn as_many_are_drafted_as_pay() {
        let (sure, even, wrong) = (seen(9, 200, 0), seen(2, 1, 1), seen(9, 0, 200));
        assert_eq!(taken(2.0, 1, &sure, 9), 15);
        // Rows that cost as much as passes never pay.
        assert_eq!(taken(20.0, 1, &sure, 9), 0);
        assert_eq!(taken(4.0, 1, &wrong, 9), 0);
        let few = taken(2.0, 1, &even, 2);
        assert!((1..15).contains(&few), "{few}");
        assert!(taken(1.0, 1, &even, 2) >= few);
        // Without any cost all that may be drafted is, and without any gain nothing.
        assert_eq!(taken(0.0, 1, &sure, 9), 15);
        assert_eq!(Bill::new(costs(1.0), 1, 0).unwrap().take(&sure, 9, 0), 0);
        assert!(Bill::new(Costs::default(), 1, 0).is_none(), "a pass without drafts comes first");
    }

    #[test]
    fn what_is_certain_is_bounded_by_what_others_wait_for() {
        assert_eq!(Bill::new(costs(20.0), 1, 0).unwrap().take_certain(15), 15);
        let mut bill = Bill::new(costs(1.0), 2, 0).unwrap();
        assert_eq!((bill.take_certain(15), bill.take_certain(15)), (5, 0));
    }

    #[test]
    fn what_rows_cost_others_counts() {
        let sure = seen(9, 200, 0);
        // A quarter of the pass' time in all, whoever drafts.
        let mut bill = Bill::new(costs(1.0), 2, 0).unwrap();
        let (first, second) = (bill.take(&sure, 9, 15), bill.take(&sure, 9, 15));
        assert!(first > 0 && first + second <= 5, "{first} {second}");
        // Of eight sequences one that gains a token does not pay for a quarter of everybody's time.
        assert_eq!(taken(5.0, 8, &sure, 9), 0);
        assert_eq!(taken(5.0, 2, &sure, 9), 1);
    }
}
