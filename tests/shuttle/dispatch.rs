//! Queues that call back: nothing lost, no overlap, every callback dropped once and never while it runs.
#![allow(clippy::disallowed_methods)]

use crate::support::shuttle::*;

scenarios! {
    fn a_close_beside_a_dispatch_drops_the_callback_once_and_never_under_it() {
        let queue = Queue::new();
        let guest = Guest::default();
        let token = guest.token();
        let (producer, consumer) = open_pushed(&queue, 1, move |_| token.run(thread::yield_now));
        producer.text(text("a"));
        let dispatcher = { let queue = queue.clone(); thread::spawn(move || queue.dispatch(9, None)) };
        let writer = thread::spawn(move || producer.end(stop()));
        consumer.close();
        dispatcher.join().expect("no panic");
        writer.join().expect("no panic");
        assert_eq!((guest.drops(), guest.under_callback.load(Ordering::SeqCst)), (1, false));
        assert!(queue.is_empty());
    }

    fn a_queue_close_beside_a_dispatch_drops_every_callback_once() {
        let queue = Queue::new();
        let guests: Vec<_> = (0..2).map(|_| Guest::default()).collect();
        let streams: Vec<_> = guests.iter().enumerate().map(|(key, guest)| {
            let token = guest.token();
            open_pushed(&queue, key as u64, move |_| token.run(thread::yield_now))
        }).collect();
        streams.iter().for_each(|(producer, _)| producer.text(text("a")));
        let dispatcher = { let queue = queue.clone(); thread::spawn(move || queue.dispatch(9, None)) };
        queue.close();
        dispatcher.join().expect("no panic");
        for guest in &guests {
            assert_eq!((guest.drops(), guest.under_callback.load(Ordering::SeqCst)), (1, false));
        }
        assert_eq!(queue.dispatch(9, None), Dispatched::Closed);
    }

    fn two_dispatchers_lose_nothing_and_never_overlap() {
        let queue = Queue::new();
        let guest = Guest::default();
        let (token, count) = (guest.token(), Arc::new(AtomicUsize::new(0)));
        let counted = count.clone();
        let (producer, _consumer) = open_pushed(&queue, 1, move |event| token.run(|| {
            assert_eq!(counted.fetch_add(1, Ordering::SeqCst) as u64, event.seq);
            thread::yield_now();
        }));
        let dispatchers: Vec<_> = (0..2).map(|_| {
            let queue = queue.clone();
            thread::spawn(move || while queue.dispatch(1, None) != Dispatched::Ended {
                thread::yield_now();
            })
        }).collect();
        producer.text(text("a"));
        producer.end(stop());
        queue.finish();
        for dispatcher in dispatchers {
            dispatcher.join().expect("no panic");
        }
        assert_eq!((count.load(Ordering::SeqCst), guest.drops()), (2, 1));
    }

    fn a_dispatcher_that_waits_runs_everything_and_hears_of_the_finish() {
        let queue = Queue::new();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let (producer, _consumer) = open_pushed(&queue, 1, move |_| { counted.fetch_add(1, Ordering::SeqCst); });
        let writer = thread::spawn(move || {
            producer.text(text("a"));
            producer.end(stop());
        });
        let finisher = { let queue = queue.clone(); thread::spawn(move || queue.finish()) };
        let last = shuttle::future::block_on(async {
            loop {
                match poll_fn(|context| queue.poll_dispatchable(context)).await {
                    Dispatched::More | Dispatched::Empty => _ = queue.dispatch(1, None),
                    last => return last,
                }
            }
        });
        assert_eq!((last, count.load(Ordering::SeqCst)), (Dispatched::Ended, 2));
        writer.join().expect("no panic");
        finisher.join().expect("no panic");
    }
}
