//! Decoding allocates nothing per token once the pass' memory and the sequence's blocks are there.
#![cfg(feature = "native")]
#![allow(unsafe_code)]

mod driver;
mod tiny;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tiny::Tiny;
use wick::gguf::TensorType;
use wick::model::{Chunk, Decoder, Pace, Sequence, Step};

/// Counts what every thread asks for.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Decodes `tokens` tokens in each of four sequences, together.
fn decode(decoder: &mut impl Decoder, sequences: &[Sequence; 4], tokens: u32) {
    for id in 0..tokens {
        let token = [id % 160];
        let chunks = sequences.map(|sequence| Chunk { sequence, tokens: &token, logits: true });
        decoder.begin(&chunks).expect("a pass");
        let pace = || Pace { until: Instant::now() + Duration::from_millis(1) };
        while decoder.run_slice(pace()).expect("a slice") == Step::More {}
        for index in 0..sequences.len() {
            assert!(decoder.logits(index)[0].is_finite());
            decoder.commit(index);
        }
        decoder.finish();
    }
}

#[test]
fn no_allocation_per_token() {
    for (architecture, kind) in [
        ("llama", TensorType::Q4_0),
        ("llama", TensorType::Q6_K),
        ("gemma3", TensorType::F32),
        ("qwen2moe", TensorType::Q8_0),
    ] {
        let gguf = Tiny::new(architecture).of(kind).open();
        let mut decoder = driver::load(gguf, 2).expect("a model");
        let sequences = [(); 4].map(|()| decoder.open(200).expect("a sequence"));
        decode(&mut decoder, &sequences, 150);
        for sequence in sequences {
            decoder.truncate(sequence, 0);
        }
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        decode(&mut decoder, &sequences, 150);
        let after = ALLOCATIONS.load(Ordering::Relaxed);
        assert_eq!(after - before, 0, "allocations in 150 passes of {architecture}, {}", kind.name());
    }
}
