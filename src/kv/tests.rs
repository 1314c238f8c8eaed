//! A cache beside a twin that shares nothing: whatever is done, the same tokens are where they should be, no
//! block is lost and none is given twice.

mod needs;
mod opaque;
mod ports;

use super::*;
use crate::budget::Budget;
use crate::error::Result;
use smallvec::SmallVec;

/// What blocks hold: each token as it was written, and states as the tokens behind which they hold.
struct Memory {
    block: usize,
    groups: Vec<Vec<Option<Vec<u32>>>>,
    /// Allocations until the next one is refused.
    left: usize,
}

impl Storage for Memory {
    fn allocate(&mut self, group: usize, id: u32) -> Result<()> {
        if self.left == 0 {
            return Err(crate::error::Error::new(crate::error::ErrorKind::OutOfMemory, "none left"));
        }
        self.left -= 1;
        let blocks = &mut self.groups[group];
        blocks.resize(blocks.len().max(id as usize + 1), None);
        assert!(blocks[id as usize].replace(vec![u32::MAX; self.block]).is_none(), "given twice");
        Ok(())
    }

    fn free(&mut self, group: usize, id: u32) {
        assert!(self.groups[group][id as usize].take().is_some(), "freed twice");
    }

    fn released(&mut self, group: usize, id: u32) {
        self.groups[group][id as usize].as_mut().expect("memory").fill(u32::MAX);
    }

    fn copy(&mut self, group: usize, from: u32, to: u32, tokens: usize) -> Result<()> {
        let copied = self.groups[group][from as usize].as_ref().expect("memory")[..tokens].to_vec();
        self.groups[group][to as usize].as_mut().expect("memory")[..tokens].copy_from_slice(&copied);
        Ok(())
    }

    fn layout(&self) -> Result<String> {
        Ok("test".to_owned())
    }

    fn pieces(&self, _group: usize) -> Pieces {
        let count = if self.block.is_multiple_of(2) { 2 } else { 1 };
        Pieces { count, bytes: self.block / count * 4 }
    }

    fn read(&self, group: usize, id: u32, tokens: usize, piece: usize, out: &mut Vec<u8>) {
        let block = self.groups[group][id as usize].as_ref().expect("memory");
        let each = self.pieces(group).bytes / 4;
        for (at, token) in block.iter().enumerate().skip(piece * each).take(each) {
            out.extend(if at < tokens { *token } else { 0 }.to_le_bytes());
        }
    }

    fn write(&mut self, group: usize, id: u32, piece: usize, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.pieces(group).bytes);
        let block = self.groups[group][id as usize].as_mut().expect("memory");
        let each = bytes.len() / 4;
        for (to, from) in block[piece * each..].iter_mut().zip(bytes.chunks_exact(4)) {
            *to = u32::from_le_bytes(from.try_into().unwrap());
        }
    }
}

/// A hash of tokens, which a state is.
fn hash(tokens: &[u32]) -> u32 {
    tokens.iter().fold(7, |hash: u32, token| (hash ^ token).wrapping_mul(0x0100_0193))
}

/// A cache, its memory, and what each sequence should hold.
struct Twins {
    cache: Cache,
    memory: Memory,
    sequences: Vec<(Sequence, Vec<u32>)>,
}

impl Twins {
    fn new(groups: &[Group], block: usize, budget: Option<u64>, prefix_bytes: u64) -> Self {
        let spec = CacheSpec { block, groups: SmallVec::from_slice(groups), shares: true, rewinds: true };
        let cache = Cache::new(spec, Budget::new(budget).share("test"), prefix_bytes);
        let memory = Memory { block, groups: vec![Vec::new(); groups.len()], left: usize::MAX };
        Self { cache, memory, sequences: Vec::new() }
    }

    fn open(&mut self, key: Option<u64>) -> usize {
        let sequence = self.cache.open(1000, key).expect("memory");
        self.sequences.push((sequence, Vec::new()));
        self.sequences.len() - 1
    }

    /// A pass over new tokens of some sequences, of which so many are committed.
    fn pass(&mut self, spans: &[(usize, Vec<u32>, usize)]) -> Result<()> {
        let wanted: Vec<_> =
            spans.iter().map(|(index, tokens, _)| (self.sequences[*index].0, tokens.len())).collect();
        self.cache.begin(wanted.iter().copied(), &mut self.memory)?;
        for (index, tokens, _) in spans {
            self.check(*index);
            self.write(*index, tokens);
        }
        for (index, tokens, commit) in spans {
            let (sequence, held) = &mut self.sequences[*index];
            let before = held.len();
            let length = self.cache.commit(*sequence, &tokens[..*commit], &mut self.memory);
            let expected = match self.cache.spec().has_state() && *commit < tokens.len() {
                true => before,
                false => before + commit,
            };
            assert_eq!(length, expected);
            held.extend(&tokens[..length - before]);
        }
        self.cache.finish(&mut self.memory);
        Ok(())
    }

    fn write(&mut self, index: usize, tokens: &[u32]) {
        let (sequence, held) = &self.sequences[index];
        let past = self.cache.past(*sequence).expect("open");
        let block = self.memory.block;
        for (group, spec) in self.cache.spec().groups.iter().enumerate() {
            let blocks = &mut self.memory.groups[group];
            if spec.keeps == Keeps::State {
                let (_, next) = past.state(group).expect("a state to write");
                let all = [held.as_slice(), tokens].concat();
                blocks[next as usize].as_mut().expect("memory")[0] = hash(&all);
                continue;
            }
            for (at, token) in (held.len()..).zip(tokens) {
                let id = past.blocks(group)[at / block];
                let slot = &mut blocks[id as usize].as_mut().expect("memory")[at % block];
                *slot = *token;
            }
        }
    }

    /// What the next token of the sequence would see is what it should be.
    fn check(&self, index: usize) {
        let (sequence, held) = &self.sequences[index];
        assert_eq!(self.cache.length(*sequence), held.len());
        let past = self.cache.past(*sequence).expect("open");
        for (group, spec) in self.cache.spec().groups.iter().enumerate() {
            let blocks = &self.memory.groups[group];
            let first = match spec.keeps {
                Keeps::All => 0,
                Keeps::Window(window) => (held.len() + 1).saturating_sub(window),
                Keeps::State => {
                    if let Some((Some(state), _)) = past.state(group) {
                        assert_eq!(blocks[state as usize].as_ref().expect("memory")[0], hash(held));
                    }
                    continue;
                }
            };
            for (at, token) in held.iter().enumerate().skip(first) {
                let id = past.blocks(group)[at / self.memory.block];
                assert_ne!(id, NO_BLOCK, "position {at} of {} in group {group}", held.len());
                assert_eq!(blocks[id as usize].as_ref().expect("memory")[at % self.memory.block], *token);
            }
        }
    }

    fn truncate(&mut self, index: usize, length: usize) -> usize {
        let (sequence, held) = &mut self.sequences[index];
        let kept = self.cache.truncate(*sequence, length, &mut self.memory);
        assert!(kept <= length && kept <= held.len());
        held.truncate(kept);
        kept
    }

    fn seek(&mut self, index: usize, tokens: &[u32]) -> usize {
        let (sequence, held) = &mut self.sequences[index];
        assert!(tokens.starts_with(held));
        let found = self.cache.seek(*sequence, tokens, tokens.len(), &mut self.memory);
        assert!(found >= held.len() && found <= tokens.len());
        *held = tokens[..found].to_vec();
        found
    }

    fn close(&mut self, index: usize) {
        let (sequence, _) = self.sequences.swap_remove(index);
        self.cache.close(sequence, &mut self.memory);
    }
}

const ALL: Group = Group { keeps: Keeps::All, bytes: 10 };
const WINDOW: Group = Group { keeps: Keeps::Window(11), bytes: 10 };
const STATE: Group = Group { keeps: Keeps::State, bytes: 3 };

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((value ^ (value >> 31)) % limit.max(1) as u64) as usize
    }
}

/// One thing that may happen to a cache.
fn step(twins: &mut Twins, random: &mut Random) {
    let count = twins.sequences.len();
    // Few words, so that pasts have much in common.
    let words = |random: &mut Random, most: usize| -> Vec<u32> {
        (0..1 + random.below(most)).map(|_| random.below(2) as u32).collect()
    };
    match random.below(10) {
        0 if count < 6 => {
            twins.open([Some(0), Some(0), Some(1), None][random.below(4)]);
        }
        1 if count > 1 => twins.close(random.below(count)),
        2 => {
            let index = random.below(count);
            let length = random.below(twins.sequences[index].1.len() + 2);
            twins.truncate(index, length);
        }
        3 if count < 6 => {
            let index = random.below(count);
            let (from, held) = twins.sequences[index].clone();
            let length = random.below(held.len() + 2);
            let twin = twins.cache.fork(from, length, &mut twins.memory).expect("memory");
            let kept = twins.cache.length(twin);
            assert!(kept <= length);
            twins.sequences.push((twin, held[..kept].to_vec()));
        }
        4 => {
            let index = random.below(count);
            let mut tokens = twins.sequences[index].1.clone();
            tokens.extend(words(random, 40));
            twins.seek(index, &tokens);
        }
        5 => {
            let sequence = twins.sequences[random.below(count)].0;
            twins.cache.checkpoint(sequence, &mut twins.memory);
        }
        6 => match random.below(8) {
            0 => twins.cache.trim(&mut twins.memory),
            1 | 2 if count < 6 => {
                let index = random.below(count);
                let length = random.below(twins.sequences[index].1.len() + 2);
                twins.send(index, length, [Some(0), Some(1), None][random.below(3)], None);
            }
            _ => twins.cache.release_unused(&mut twins.memory),
        },
        _ => {
            let mut spans = Vec::new();
            for index in 0..count {
                if random.below(3) > 0 && twins.sequences[index].1.len() < 900 {
                    let wanted = words(random, 30);
                    let limit = twins.cache.chunk_limit(twins.sequences[index].0, wanted.len());
                    let commit = if random.below(3) > 0 { limit } else { random.below(limit + 1) };
                    spans.push((index, wanted[..limit].to_vec(), commit));
                }
            }
            if !spans.is_empty() {
                twins.memory.left = if random.below(5) == 0 { random.below(4) } else { usize::MAX };
                let before: Vec<_> = twins.sequences.clone();
                if twins.pass(&spans).is_err() {
                    assert_eq!(before, twins.sequences);
                }
                twins.memory.left = usize::MAX;
            }
        }
    }
    (0..twins.sequences.len()).for_each(|index| twins.check(index));
    assert!(twins.cache.idle_bytes() <= 120, "{} bytes", twins.cache.idle_bytes());
}

#[test]
fn whatever_is_done_each_sequence_holds_its_own_past_and_nothing_is_lost() {
    for (seed, groups) in [
        &[ALL][..],
        &[WINDOW],
        &[STATE],
        &[ALL, WINDOW],
        &[ALL, STATE],
        &[WINDOW, STATE],
        &[ALL, WINDOW, STATE],
    ]
    .iter()
    .enumerate()
    {
        for round in 0..12 {
            let mut random = Random(seed as u64 * 100 + round);
            let mut twins = Twins::new(groups, [4, 8, 1][round as usize % 3], None, 120);
            twins.open(Some(0));
            for _ in 0..400 {
                step(&mut twins, &mut random);
            }
            while !twins.sequences.is_empty() {
                twins.close(0);
            }
            twins.cache.trim(&mut twins.memory);
            assert_eq!((twins.cache.held(), twins.cache.bytes()), (0, 0), "blocks were lost");
            assert!(twins.memory.groups.iter().flatten().all(Option::is_none));
        }
    }
}

fn tokens(count: usize) -> Vec<u32> {
    (0..count as u32).map(|index| index * 7 % 50).collect()
}

/// Computes `tokens` in a sequence that holds a beginning of them.
fn compute(twins: &mut Twins, index: usize, tokens: &[u32]) {
    while twins.sequences[index].1.len() < tokens.len() {
        let held = twins.sequences[index].1.len();
        let limit = twins.cache.chunk_limit(twins.sequences[index].0, tokens.len() - held).min(64);
        twins.pass(&[(index, tokens[held..held + limit].to_vec(), limit)]).expect("memory");
    }
}

#[test]
fn a_second_sequence_takes_over_what_the_first_has_computed_also_after_its_end() {
    for closes in [false, true] {
        let mut twins = Twins::new(&[ALL, WINDOW], 4, None, 10_000);
        let first = twins.open(Some(0));
        compute(&mut twins, first, &tokens(43));
        if closes {
            twins.close(first);
        }
        let second = twins.open(Some(0));
        let own = [&tokens(41)[..], &[90, 91, 92]].concat();
        let held = twins.cache.held();
        assert_eq!(twins.seek(second, &own), 41, "to the last token in common");
        assert_eq!(twins.cache.held(), held, "nothing is copied yet");
        compute(&mut twins, second, &own);
        let other = twins.open(Some(1));
        assert_eq!(twins.seek(other, &own), 0, "another key, another past");
        let apart = twins.open(None);
        assert_eq!(twins.seek(apart, &own), 0);
    }
}

#[test]
fn who_has_computed_the_same_shares_it() {
    let mut twins = Twins::new(&[ALL], 4, None, 10_000);
    let (one, two) = (twins.open(Some(0)), twins.open(Some(0)));
    let all = tokens(20);
    twins.pass(&[(one, all.clone(), 20), (two, all.clone(), 20)]).expect("memory");
    assert_eq!(twins.cache.held(), 5);
    // Behind it each goes its own way, in the same pass.
    twins.pass(&[(one, vec![1], 1), (two, vec![2], 1)]).expect("memory");
    assert_eq!(twins.cache.held(), 7);
    (0..2).for_each(|index| twins.check(index));
}

#[test]
fn a_state_is_kept_at_regular_places_at_checkpoints_and_where_pasts_part() {
    let mut twins = Twins::new(&[ALL, STATE], 4, None, 100_000);
    let one = twins.open(Some(0));
    let all = [tokens(700), vec![99]].concat();
    compute(&mut twins, one, &all[..650]);
    twins.cache.checkpoint(twins.sequences[one].0, &mut twins.memory);
    compute(&mut twins, one, &all);
    let two = twins.open(Some(0));
    assert_eq!(twins.seek(two, &all[..600]), 512);
    compute(&mut twins, two, &all[..600]);
    let three = twins.open(Some(0));
    let other = [&all[..600], &[70, 71]].concat();
    assert_eq!(twins.seek(three, &other), 600, "where the second parted from the first");
    assert_eq!(twins.truncate(one, 690), 650);
    assert_eq!(twins.truncate(one, 649), 600);
    assert_eq!(twins.truncate(one, 511), 0);
    (0..3).for_each(|index| twins.check(index));
}

#[test]
fn a_state_that_two_pasts_keep_stays_until_both_let_go() {
    let mut twins = Twins::new(&[ALL, STATE], 4, None, 100_000);
    let one = twins.open(Some(0));
    compute(&mut twins, one, &tokens(6));
    let sequence = twins.sequences[one].0;
    twins.cache.checkpoint(sequence, &mut twins.memory);
    let two = twins.cache.fork(sequence, 6, &mut twins.memory).expect("memory");
    twins.sequences.push((two, tokens(6)));
    compute(&mut twins, one, &[tokens(6), vec![90]].concat());
    compute(&mut twins, 1, &[tokens(6), vec![91]].concat());
    // Their last blocks are different nodes now, with the same state behind the same tokens.
    for index in 0..2 {
        assert_eq!(twins.truncate(index, 6), 6);
        twins.cache.checkpoint(twins.sequences[index].0, &mut twins.memory);
    }
    twins.close(1);
    twins.close(0);
    twins.cache.trim(&mut twins.memory);
    assert_eq!((twins.cache.held(), twins.cache.bytes()), (0, 0));
}

#[test]
fn a_window_leaves_blocks_behind_and_goes_back_as_far_as_they_are_known() {
    let mut twins = Twins::new(&[WINDOW], 4, None, 10_000);
    let one = twins.open(Some(0));
    compute(&mut twins, one, &tokens(60));
    assert_eq!(twins.truncate(one, 30), 30, "the prefix cache has them");
    twins.check(one);
    twins.cache.trim(&mut twins.memory);
    compute(&mut twins, one, &tokens(60));
    twins.cache.trim(&mut twins.memory);
    assert_eq!(twins.cache.held(), 4, "what the next token sees, and a block before");
    assert_eq!(twins.truncate(one, 57), 57);
    twins.cache.trim(&mut twins.memory);
    assert_eq!(twins.truncate(one, 50), 0);
}

#[test]
fn prefixes_give_way_to_passes_least_recently_used_first() {
    let mut twins = Twins::new(&[ALL], 4, Some(100), 100);
    for first in [50, 60] {
        let index = twins.open(Some(0));
        compute(&mut twins, index, &[vec![first], tokens(15)].concat());
        twins.close(index);
    }
    assert_eq!(twins.cache.idle_bytes(), 80);
    let index = twins.open(Some(0));
    compute(&mut twins, index, &[70; 16]);
    let (old, new) = ([vec![50], tokens(15)].concat(), [vec![60], tokens(15)].concat());
    let again = twins.open(Some(0));
    assert_eq!(twins.seek(again, &new), 16);
    let again = twins.open(Some(0));
    assert_eq!(twins.seek(again, &old), 8, "its end went first");
    let error = twins.pass(&[(again, vec![1; 40], 40)]).expect_err("over the budget");
    assert_eq!(error.kind(), crate::error::ErrorKind::OutOfMemory);
    twins.check(again);
}

#[test]
fn a_state_is_found_where_pasts_part_also_inside_a_block() {
    let mut twins = Twins::new(&[ALL, STATE], 32, None, 100_000);
    let all = tokens(700);
    let one = twins.open(Some(0));
    compute(&mut twins, one, &all);
    let parted = |word: u32| [&all[..601], &[word; 20]].concat();
    let two = twins.open(Some(0));
    assert_eq!(twins.seek(two, &parted(90)), 512);
    compute(&mut twins, two, &parted(90));
    let three = twins.open(Some(0));
    assert_eq!(twins.seek(three, &parted(91)), 601, "the second has left its state there");
    compute(&mut twins, three, &parted(91));
}

#[test]
fn a_state_that_two_pasts_keep_is_given_back_once() {
    let mut twins = Twins::new(&[ALL, STATE], 4, None, 10_000);
    let one = twins.open(Some(0));
    compute(&mut twins, one, &tokens(5));
    twins.cache.checkpoint(twins.sequences[one].0, &mut twins.memory);
    for word in [80, 81, 82] {
        let more = [&tokens(5)[..], &[word]].concat();
        compute(&mut twins, one, &more);
        assert_eq!(twins.truncate(one, 5), 5);
        twins.cache.checkpoint(twins.sequences[one].0, &mut twins.memory);
    }
    twins.close(one);
    twins.cache.trim(&mut twins.memory);
    assert_eq!(twins.cache.held(), 0);
}

#[test]
fn what_one_group_has_free_makes_room_for_another() {
    let mut twins = Twins::new(&[ALL, WINDOW], 4, Some(200), 0);
    let one = twins.open(None);
    // The window's blocks come free behind it, and go to the others.
    [16, 32, 48].iter().for_each(|end| compute(&mut twins, one, &tokens(*end)));
    let error = twins.pass(&[(one, vec![1; 40], 40)]).expect_err("over the budget");
    assert_eq!(error.kind(), crate::error::ErrorKind::OutOfMemory);
    [50, 52, 54].iter().for_each(|end| compute(&mut twins, one, &tokens(*end)));
    twins.check(one);
}

#[test]
fn a_budget_for_a_context_is_enough_for_it() {
    let mut twins = Twins::new(&[ALL], 4, Some(100), 0);
    let one = twins.open(Some(0));
    let all = tokens(40);
    for token in &all {
        twins.pass(&[(one, vec![*token], 1)]).expect("ten blocks");
    }
    twins.check(one);
}
