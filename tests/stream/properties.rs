//! Any script of writes and reads, against the plainest possible model of a stream.

use crate::support::stream::*;
use proptest::prelude::*;
use wick::stream::{End, EndReason, MAX_NOTES, Next};

#[derive(Debug, Clone, Copy)]
enum Act {
    Start,
    Text,
    Note,
    Notes(u16),
    Progress,
    Read(u8),
}

/// What the law says, as a list: what was produced and not delivered, in order.
#[derive(Default)]
struct Model {
    starts: bool,
    started: bool,
    waiting: Vec<String>,
    dropped: u64,
}

impl Model {
    fn push(&mut self, word: String) {
        if word.starts_with("progress") {
            self.waiting.retain(|other| !other.starts_with("progress"));
        }
        self.waiting.push(word);
        let notes = self.waiting.iter().filter(|word| word.starts_with("note")).count();
        if notes > MAX_NOTES {
            let oldest = self.waiting.iter().position(|word| word.starts_with("note"));
            self.waiting.remove(oldest.expect("there are notes"));
            self.dropped += 1;
        }
    }

    fn next(&mut self, ended: bool) -> Option<String> {
        let side = |word: &String| word.starts_with("note") || word.starts_with("progress");
        let main = self.waiting.iter().position(|word| !side(word));
        let at = match main {
            Some(main) if self.starts && !self.started => main,
            None if self.starts && !self.started && !ended => return None,
            _ => 0,
        };
        let word = (at < self.waiting.len()).then(|| self.waiting.remove(at))?;
        self.started |= !side(&word);
        Some(word)
    }
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => Just(Act::Start),
        6 => Just(Act::Text),
        4 => Just(Act::Note),
        1 => (900..1200_u16).prop_map(Act::Notes),
        2 => Just(Act::Progress),
        4 => (0..9_u8).prop_map(Act::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_delivers_what_its_model_delivers(
        starts: bool,
        acts in prop::collection::vec(act(), 0..60),
        dropped: bool,
    ) {
        let (producer, consumer) = if starts { open_starting() } else { open() };
        let control = consumer.control();
        let mut model = Model { starts, ..Model::default() };
        let (mut read, mut expected) = (Vec::new(), Vec::new());
        let mut begun = !starts;
        for (index, act) in acts.into_iter().enumerate() {
            match act {
                Act::Start if !begun => {
                    begun = true;
                    producer.started();
                    model.push("started".to_owned());
                }
                Act::Text if begun => {
                    producer.text(text(&index.to_string()));
                    model.push(format!("text:{index}"));
                }
                Act::Start | Act::Text => {}
                Act::Note => {
                    control.note(index.to_string()).expect("open");
                    model.push(format!("note:{index}"));
                }
                Act::Notes(count) => for _ in 0..count {
                    control.note(index.to_string()).expect("open");
                    model.push(format!("note:{index}"));
                },
                Act::Progress => {
                    producer.progress(index as u64, 60);
                    model.push(format!("progress:{index}/60"));
                }
                Act::Read(count) => for _ in 0..count {
                    let readable = consumer.is_readable();
                    let next = match consumer.try_next() {
                        Next::Event(event) => {
                            let word = word(&event);
                            read.push(event);
                            Some(word)
                        }
                        _ => None,
                    };
                    prop_assert_eq!(readable, next.is_some());
                    let wanted = model.next(false);
                    prop_assert_eq!(&next, &wanted);
                    expected.extend(wanted);
                },
            }
        }
        let reason = if dropped { EndReason::Error } else { EndReason::Stop };
        if dropped { drop(producer) } else { producer.end(End::new(EndReason::Stop)) }
        while let Some(word) = model.next(true) {
            expected.push(word);
        }
        expected.push(format!("end:{reason:?}"));
        read.extend(poll_all(&consumer));
        assert_lawful(&read);
        prop_assert_eq!(words(&read), expected);
        prop_assert_eq!(consumer.try_next(), Next::Ended);
        prop_assert_eq!(control.stats().notes_dropped, model.dropped);
    }
}
