//! Pasts that go to another cache, or come back to the same, piece by piece.

use super::*;

impl Twins {
    /// Goes into `other`, or comes back here, as what is known of it; how many tokens that is.
    pub(super) fn send(
        &mut self,
        index: usize,
        length: usize,
        key: Option<u64>,
        other: Option<&mut Self>,
    ) -> usize {
        let (from, held) = self.sequences[index].clone();
        let export = self.cache.export(from, length, &held[..length.min(held.len())], &mut self.memory);
        let Some(mut export) = export.expect("memory") else { return 0 };
        let (image, mut bytes) = (export.image().clone(), Vec::new());
        while self.cache.read(&mut export, &self.memory, &mut bytes).expect("it is there") {}
        self.cache.end_export(export, &mut self.memory);
        let all = |group| image.count(group) * self.memory.pieces(group).all();
        assert_eq!(bytes.len(), (0..self.memory.groups.len()).map(all).sum::<usize>());
        let to = other.unwrap_or(self);
        let length = image.length();
        let tokens = held[..length].to_vec();
        let mut import = to.cache.import(image, &tokens, 1000, key, &mut to.memory).expect("memory");
        let mut rest = bytes.as_slice();
        while let Some(count) = to.cache.wants(&import, &to.memory) {
            let (piece, behind) = rest.split_at(count);
            to.cache.write(&mut import, &tokens, piece, &mut to.memory).expect("memory");
            rest = behind;
        }
        let sequence = to.cache.finish_import(&mut import, &tokens, &mut to.memory).expect("memory");
        to.sequences.push((sequence, tokens));
        to.check(to.sequences.len() - 1);
        length
    }
}

#[test]
fn a_past_goes_on_in_another_cache_with_its_snapshots_and_is_shared_there() {
    for groups in [&[ALL][..], &[WINDOW], &[STATE], &[ALL, WINDOW, STATE]] {
        for (length, key) in [(700, Some(0)), (701, None), (704, Some(0))] {
            let (mut here, mut there) =
                (Twins::new(groups, 4, None, 100_000), Twins::new(groups, 4, None, 100_000));
            let one = here.open(Some(0));
            compute(&mut here, one, &tokens(length));
            assert_eq!(here.send(one, usize::MAX, key, Some(&mut there)), length);
            let known = there.cache.held();
            // It grows there as it would have here.
            let on = [tokens(length), vec![99; 30]].concat();
            compute(&mut there, 0, &on);
            if key.is_some() {
                let two = there.open(key);
                assert_eq!(there.seek(two, &[tokens(length), vec![98]].concat()), length);
                compute(&mut there, two, &[tokens(length), vec![98; 9]].concat());
                // A second time nothing is taken.
                let held = there.cache.held();
                assert_eq!(here.send(one, usize::MAX, key, Some(&mut there)), length);
                assert_eq!(there.cache.held(), held);
            } else {
                let second = here.send(one, usize::MAX, key, Some(&mut there));
                assert_eq!(second, length);
                assert!(there.cache.held() > known, "without a key nothing is shared");
            }
            let back = there.truncate(0, length - 1);
            let expected = match (groups, key) {
                ([STATE], Some(_)) => 512,
                ([STATE] | [ALL, WINDOW, STATE], _) => 0,
                _ => back,
            };
            assert_eq!(back, expected, "{groups:?}");
            there.check(0);
        }
    }
}

#[test]
fn a_past_that_finds_no_room_on_its_way_in_leaves_nothing() {
    let mut here = Twins::new(&[ALL, STATE], 4, None, 1000);
    let one = here.open(Some(0));
    compute(&mut here, one, &tokens(45));
    let sequence = here.sequences[one].0;
    let export = here.cache.export(sequence, 45, &tokens(45), &mut here.memory);
    let mut export = export.expect("memory").expect("a past");
    let (image, mut bytes) = (export.image().clone(), Vec::new());
    while here.cache.read(&mut export, &here.memory, &mut bytes).expect("there") {}
    let mut small = Twins::new(&[ALL, STATE], 4, Some(60), 1000);
    let mut import =
        small.cache.import(image, &tokens(45), 1000, Some(0), &mut small.memory).expect("memory");
    let mut refused = 0;
    for piece in bytes.chunks(8) {
        if let Err(error) = small.cache.write(&mut import, &tokens(45), piece, &mut small.memory) {
            assert_eq!(error.kind(), crate::error::ErrorKind::OutOfMemory);
            refused += 1;
        }
    }
    assert!(refused > 0 && !import.is_done());
    small.cache.end_import(import, &mut small.memory);
    small.cache.trim(&mut small.memory);
    assert_eq!((small.cache.held(), small.cache.bytes()), (0, 0));
    here.cache.end_export(export, &mut here.memory);
}
