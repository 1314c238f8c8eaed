//! What the operating system is shown is right whenever nothing moves.
#![allow(clippy::disallowed_methods)]

use crate::support::shuttle::*;

scenarios! {
    fn a_streams_level_is_right_whenever_nothing_moves() {
        let (producer, consumer) = open_starting();
        let shown = Arc::new(Recorder::default());
        let level: Arc<dyn Level> = shown.clone();
        let (consumer, control) = (Arc::new(consumer), producer.control());
        let noter = thread::spawn(move || control.note("n".to_owned()));
        let writer = thread::spawn(move || {
            producer.started();
            producer.text(text("a"));
            producer
        });
        let waits = shuttle::rand::thread_rng().r#gen::<bool>();
        let reader = { let consumer = consumer.clone(); thread::spawn(move || {
            let read = || if waits { consumer.wait_next(None) } else { consumer.try_next() };
            (0..3).filter(|_| matches!(read(), Next::Event(_))).count()
        }) };
        consumer.show_on(level);
        noter.join().expect("no panic").expect("the stream is open");
        let producer = writer.join().expect("no panic");
        let read = reader.join().expect("no panic");
        assert_eq!(shown.is_set(), read < 3, "{read} of 3 read");
        assert_eq!(poll_all(&consumer).len(), 3 - read);
        assert!(!shown.is_set());
        let ender = thread::spawn(move || producer.end(stop()));
        let ends = usize::from(matches!(consumer.try_next(), Next::Event(_)));
        ender.join().expect("no panic");
        assert_eq!(shown.is_set(), ends == 0);
    }

    fn a_level_that_comes_beside_the_close_is_released() {
        let (producer, consumer) = open();
        producer.text(text("a"));
        let shown = Arc::new(Recorder::default());
        let level: Arc<dyn Level> = shown.clone();
        let consumer = Arc::new(consumer);
        let closer = { let consumer = consumer.clone(); thread::spawn(move || consumer.close()) };
        consumer.show_on(level);
        closer.join().expect("no panic");
        assert_eq!((shown.is_set(), Arc::strong_count(&shown)), (false, 1));
    }

    fn a_queues_level_is_right_whenever_nothing_moves() {
        let queue = Queue::new();
        let shown = Arc::new(Recorder::default());
        queue.show_on(shown.clone());
        let (pulled, _one) = open_in(&queue, 1);
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let (pushed, _two) = open_pushed(&queue, 2, move |_| { counted.fetch_add(1, Ordering::SeqCst); });
        let (pull, push) = (queue.clone(), queue.clone());
        let writer = thread::spawn(move || {
            pulled.text(text("a"));
            pulled
        });
        let reader = thread::spawn(move || matches!(pull.try_next(), QueueNext::Event(..)));
        let dispatcher = thread::spawn(move || push.dispatch(1, None));
        pushed.text(text("b"));
        let read = reader.join().expect("no panic");
        dispatcher.join().expect("no panic");
        let _pulled = writer.join().expect("no panic");
        let dispatched = count.load(Ordering::SeqCst) == 1;
        assert_eq!(shown.is_set(), !read || !dispatched);
        assert_eq!(poll_queue(&queue).len(), usize::from(!read));
        assert_eq!(shown.is_set(), !dispatched);
        assert_eq!(queue.dispatch(9, None), Dispatched::Empty);
        assert!(!shown.is_set());
        pushed.end(stop());
        assert!(shown.is_set());
    }
}
