//! The pool's promises: every chunk once, panics contained, threads joined.

use super::*;
use crate::compute::OnThread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

fn pool(threads: usize) -> Pool {
    Pool::new(&PoolOptions { threads, spin: Duration::from_micros(5), ..PoolOptions::default() })
        .expect("threads")
}

#[test]
fn every_chunk_is_done_once() {
    for threads in [1, 2, 3, 8] {
        let mut pool = pool(threads);
        for round in 0..2_000 {
            let chunks = round % 40;
            let done: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
            pool.run(chunks, &|chunk, thread| {
                assert!(thread < threads);
                done[chunk].fetch_add(1, SeqCst);
            });
            assert!(done.iter().all(|count| count.load(SeqCst) == 1), "{threads} threads, {chunks} chunks");
        }
    }
}

#[test]
fn sleeping_threads_wake_up() {
    let mut pool = pool(3);
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(2));
        let done = AtomicUsize::new(0);
        pool.run(3, &|_, _| {
            // Nobody gets away with doing all chunks alone.
            done.fetch_add(1, SeqCst);
            let start = Instant::now();
            while done.load(SeqCst) < 3 {
                assert!(start.elapsed() < Duration::from_secs(300), "a thread did not wake up");
                std::thread::yield_now();
            }
        });
    }
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
    for threads in [1, 2, 3] {
        let mut pool = pool(threads);
        for bad in 0..20 {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pool.run(20, &|chunk, _| {
                    if chunk == bad {
                        std::panic::resume_unwind(Box::new(bad));
                    }
                });
            }));
            let payload = caught.expect_err("the panic is raised again");
            assert_eq!(payload.downcast_ref::<usize>(), Some(&bad));
            let done = AtomicUsize::new(0);
            pool.run(50, &|_, _| {
                done.fetch_add(1, SeqCst);
            });
            assert_eq!(done.load(SeqCst), 50);
        }
    }
}

#[test]
fn what_all_threads_panic_with_is_not_raised_by_the_next_job() {
    let mut pool = pool(3);
    for _ in 0..20 {
        let inside = AtomicUsize::new(0);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.run(3, &|_, _| {
                inside.fetch_add(1, SeqCst);
                while inside.load(SeqCst) < 3 {
                    std::thread::yield_now();
                }
                panic!("each of them");
            });
        }));
        assert!(outcome.is_err());
        let done = AtomicUsize::new(0);
        pool.run(8, &|_, _| {
            done.fetch_add(1, SeqCst);
        });
        assert_eq!(done.load(SeqCst), 8);
    }
}

#[test]
fn a_pause_leaves_a_resumable_rest() {
    for threads in [1, 2, 3] {
        let mut pool = pool(threads);
        let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        let (mut next, mut slices) = (0, 0);
        while next < 100 {
            let pace = Pace::until(Instant::now());
            let from = next;
            next = pool.run_from(from, 100, &pace, &|chunk, _| {
                done[chunk].fetch_add(1, SeqCst);
            });
            assert!(next > from, "a slice does at least one chunk");
            assert!(done[next..].iter().all(|count| count.load(SeqCst) == 0));
            slices += 1;
        }
        assert!(done.iter().all(|count| count.load(SeqCst) == 1));
        // Beside others the caller may be away from its chunk for as long as they take for all the rest.
        if threads == 1 {
            assert_eq!(slices, 100);
        }
    }
}

#[test]
fn threads_are_told_and_joined() {
    let alive = Arc::new(AtomicUsize::new(0));
    let seen = alive.clone();
    let on_thread: OnThread = Arc::new(move |start| {
        if start {
            seen.fetch_add(1, SeqCst);
        } else {
            seen.fetch_sub(1, SeqCst);
        }
    });
    for _ in 0..50 {
        let life = ThreadOptions { on_thread: Some(on_thread.clone()), ..ThreadOptions::default() };
        let options = PoolOptions { threads: 4, life, ..PoolOptions::default() };
        let mut pool = Pool::new(&options).expect("threads");
        pool.run(8, &|_, _| {});
        pool.shutdown();
        assert_eq!(alive.load(SeqCst), 0);
        assert_eq!(pool.threads(), 1);
        pool.run(8, &|_, thread| assert_eq!(thread, 0));
    }
}
