//! Sequences of the candle backend: independent, computed again where they go back, untouched by passes that
//! fail; chunked or not, the logits agree.

use crate::support::candle::small::{VOCABULARY, small};
use crate::support::candle::{compute, feed, hurried, load_bytes};
use wick::budget::Budget;
use wick::error::ErrorKind;
use wick::model::candle::{CandleDecoder, Options};
use wick::model::{Chunk, Decoder, Runner, Step};

const ARCHITECTURES: [&str; 4] = ["llama", "qwen2", "qwen3", "gemma3"];

fn decoder(architecture: &str) -> Runner<CandleDecoder> {
    load_bytes(small(architecture).bytes(), &Options::default()).expect("a supported model")
}

fn tokens(count: u32, seed: u32) -> Vec<u32> {
    (0..count).map(|i| (i * i * 7 + i * 3 + seed) % VOCABULARY as u32).collect()
}

fn assert_close(found: &[f32], wanted: &[f32], what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    assert!(wanted.iter().all(|value| value.is_finite()), "{what}");
    for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!(
            (found - wanted).abs() <= 1e-4 * (1.0 + wanted.abs()),
            "{what}: {index}: {found} for {wanted}"
        );
    }
}

/// A whole prompt at once, one by one, and in uneven pieces: also across gemma3's window of 5.
#[test]
fn chunks_make_no_difference() {
    for architecture in ARCHITECTURES {
        let mut decoder = decoder(architecture);
        let tokens = tokens(23, 1);
        let whole = decoder.open(64).expect("room");
        let wanted = feed(&mut decoder, whole, &tokens);
        for sizes in [vec![1; 23], vec![3, 1, 9, 10], vec![12, 11]] {
            let sequence = decoder.open(64).expect("room");
            let (mut from, mut found) = (0, Vec::new());
            for size in sizes {
                found = feed(&mut decoder, sequence, &tokens[from..from + size]);
                from += size;
            }
            assert_eq!(decoder.length(sequence), 23);
            assert_close(&found, &wanted, architecture);
        }
    }
}

#[test]
fn interleaved_sequences_are_as_alone() {
    for architecture in ARCHITECTURES {
        let mut decoder = decoder(architecture);
        let (one, two) = (tokens(9, 1), tokens(9, 5));
        let alone = [&one, &two].map(|tokens| {
            let sequence = decoder.open(64).expect("room");
            tokens.iter().map(|&token| feed(&mut decoder, sequence, &[token])).collect::<Vec<_>>()
        });
        let (a, b) = (decoder.open(64).expect("room"), decoder.open(64).expect("room"));
        for step in 0..9 {
            assert_eq!(feed(&mut decoder, a, &[one[step]]), alone[0][step], "{architecture}");
            assert_eq!(feed(&mut decoder, b, &[two[step]]), alone[1][step], "{architecture}");
        }
    }
}

#[test]
fn what_is_not_committed_did_not_happen() {
    for architecture in ARCHITECTURES {
        let mut decoder = decoder(architecture);
        let sequence = decoder.open(64).expect("room");
        feed(&mut decoder, sequence, &tokens(6, 1));
        let wanted = compute(&mut decoder, sequence, &[7]);
        decoder.finish();
        // Abandoned after one slice, and computed but not committed.
        decoder.begin(&[Chunk { sequence, tokens: &tokens(8, 3), logits: 1 }]).expect("room");
        assert_eq!(decoder.run_slice(hurried()).expect("a slice"), Step::More);
        decoder.finish();
        compute(&mut decoder, sequence, &tokens(8, 4));
        decoder.finish();
        assert_eq!(decoder.length(sequence), 6);
        assert_eq!(compute(&mut decoder, sequence, &[7]), wanted, "{architecture}");
        decoder.finish();
    }
}

/// The past is an opaque state: who goes back, or forks, begins anew and comes to the same.
#[test]
fn a_rewind_and_a_fork_are_computed_again() {
    for architecture in ARCHITECTURES {
        let mut decoder = decoder(architecture);
        let sequence = decoder.open(64).expect("room");
        feed(&mut decoder, sequence, &tokens(12, 1));
        let wanted = feed(&mut decoder, sequence, &[7]);
        let twin = decoder.fork(sequence, usize::MAX).expect("a fork");
        assert_eq!((decoder.length(twin), decoder.length(sequence)), (0, 13));
        assert_eq!(decoder.seek(twin, &tokens(12, 1), 12), 0, "nothing is known by its tokens");
        feed(&mut decoder, twin, &tokens(12, 1));
        assert_eq!(feed(&mut decoder, twin, &[7]), wanted, "{architecture}");

        feed(&mut decoder, sequence, &tokens(20, 3));
        assert_eq!(decoder.truncate(sequence, 50), 33, "it is there");
        assert_eq!(decoder.truncate(sequence, 12), 0);
        feed(&mut decoder, sequence, &tokens(12, 1));
        assert_eq!(feed(&mut decoder, sequence, &[7]), wanted, "{architecture}");
    }
}

#[test]
fn nothing_is_shared_drafted_adapted_or_copied_out() {
    let mut decoder = decoder("llama");
    assert!(!decoder.shares() && !decoder.verifies());
    assert!(decoder.decoder().adaptable().is_none());
    assert_eq!(decoder.layout().expect_err("an opaque state").kind(), ErrorKind::Unsupported);
    let sequence = decoder.open(64).expect("room");
    feed(&mut decoder, sequence, &tokens(12, 1));
    assert!(decoder.export(sequence, 12, &tokens(12, 1)).expect("memory").is_none());
    // No snapshot either: a checkpoint is no place to come back to.
    decoder.checkpoint(sequence);
    assert_eq!(decoder.truncate(sequence, 11), 0);
}

/// Rows of logits of several tokens, and none: only the first part of a prompt wants none.
#[test]
fn as_many_rows_of_logits_as_are_wanted() {
    for architecture in ARCHITECTURES {
        let mut decoder = decoder(architecture);
        let tokens = tokens(9, 2);
        let one_by_one = decoder.open(64).expect("room");
        let wanted: Vec<_> = tokens.iter().map(|&token| feed(&mut decoder, one_by_one, &[token])).collect();
        for logits in [0, 1, 4, 9] {
            let sequence = decoder.open(64).expect("room");
            decoder.begin(&[Chunk { sequence, tokens: &tokens, logits }]).expect("room");
            while decoder.run_slice(hurried()).expect("a pass") == Step::More {}
            for (row, wanted) in wanted[9 - logits..].iter().enumerate() {
                assert_close(decoder.logits(0, row), wanted, architecture);
            }
            assert!(decoder.logits(0, logits).is_empty() && decoder.logits(1, 0).is_empty());
            assert_eq!(decoder.commit(0, usize::MAX), 9);
            decoder.finish();
            let next = feed(&mut decoder, sequence, &[5]);
            assert_close(&next, &{ feed(&mut decoder, one_by_one, &[5]) }, architecture);
            assert_eq!(decoder.truncate(one_by_one, 9), 0);
            feed(&mut decoder, one_by_one, &tokens);
        }
    }
}

#[test]
fn a_refused_pass_leaves_the_others_right() {
    let mut decoder = decoder("llama");
    let (one, two) = (decoder.open(8).expect("room"), decoder.open(64).expect("room"));
    feed(&mut decoder, one, &tokens(6, 1));
    feed(&mut decoder, two, &tokens(6, 1));
    let over = Chunk { sequence: one, tokens: &tokens(3, 1), logits: 1 };
    assert_eq!(decoder.begin(&[over]).expect_err("8 tokens at most").kind(), ErrorKind::ContextFull);
    let beyond = Chunk { sequence: one, tokens: &[VOCABULARY as u32], logits: 1 };
    assert_eq!(decoder.begin(&[beyond]).expect_err("a token id").kind(), ErrorKind::InvalidArgument);
    assert_eq!(feed(&mut decoder, one, &[7]), feed(&mut decoder, two, &[7]));
}

#[test]
fn memory_comes_back_when_sequences_close() {
    // One sequence of a few tokens and its pass, not two.
    let budget = {
        let mut free = decoder("llama");
        let sequence = free.open(128).expect("room");
        free.begin(&[Chunk { sequence, tokens: &tokens(5, 1), logits: 1 }]).expect("a pass");
        Budget::new(Some(free.memory() + free.spec().kv_bytes_per_token * 32))
    };
    let options = Options { budget: budget.clone(), ..Options::default() };
    let mut decoder = load_bytes(small("llama").bytes(), &options).expect("a supported model");
    let per_token = decoder.spec().kv_bytes_per_token;
    assert_eq!(decoder.memory(), 0);
    let kept = decoder.open(128).expect("room");
    feed(&mut decoder, kept, &tokens(5, 1));
    assert!(decoder.memory() >= 5 * per_token);

    let other = decoder.open(128).expect("no memory yet");
    let error =
        decoder.begin(&[Chunk { sequence: other, tokens: &[1], logits: 1 }]).expect_err("over the budget");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    decoder.truncate(kept, 0);
    assert_eq!((decoder.memory(), budget.held()), (0, 0));
    feed(&mut decoder, kept, &[1]);
    assert_eq!(budget.held(), decoder.memory());
    decoder.close(kept);
    assert_eq!((decoder.memory(), budget.held()), (0, 0));
    feed(&mut decoder, other, &[1]);

    // Closed within a pass: gone with it.
    decoder.begin(&[Chunk { sequence: other, tokens: &[1], logits: 1 }]).expect("room");
    decoder.close(other);
    while decoder.run_slice(hurried()).expect("a pass") == Step::More {}
    decoder.finish();
    assert_eq!(decoder.memory(), 0);
}
