//! A state that its decoder alone understands is its sequence's, at one place, and nobody else's.

use super::*;

fn twins() -> Twins {
    let mut twins = Twins::new(&[ALL], 64, None, 100_000);
    twins.cache = Cache::new(CacheSpec::opaque(64), Budget::new(None).share("test"), 100_000);
    twins
}

#[test]
fn an_opaque_state_is_copied_and_shared_by_nobody() {
    let mut twins = twins();
    let one = twins.open(Some(0));
    compute(&mut twins, one, &tokens(20));
    let (sequence, held) = twins.sequences[one].clone();
    let known = twins.cache.held();
    for length in [0, 7, 20, usize::MAX] {
        let fork = twins.cache.fork(sequence, length, &mut twins.memory).expect("memory");
        assert_eq!(twins.cache.length(fork), 0);
        assert_eq!(twins.cache.held(), known, "it holds no block");
        twins.sequences.push((fork, Vec::new()));
        let fork = twins.sequences.len() - 1;
        assert_eq!(twins.seek(fork, &held), 0, "nothing is known of it");
        compute(&mut twins, fork, &tokens(20));
        assert_eq!(twins.cache.length(twins.sequences[fork].0), 20);
        twins.cache.close(twins.sequences[fork].0, &mut twins.memory);
    }
    assert!(twins.cache.export(sequence, usize::MAX, &held, &mut twins.memory).expect("memory").is_none());
    assert_eq!((twins.cache.length(sequence), twins.cache.held()), (20, known));
}

#[test]
fn an_opaque_state_goes_back_to_the_beginning() {
    let mut twins = twins();
    let one = twins.open(None);
    for back in [19, 1, 0] {
        compute(&mut twins, one, &tokens(20));
        assert_eq!(twins.truncate(one, 20), 20, "it is there");
        assert_eq!(twins.truncate(one, back), 0);
        assert_eq!(twins.cache.held(), 0);
    }
}
