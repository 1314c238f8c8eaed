//! A file that is not mapped, read by several threads: the same bytes, the same errors, and no thread left.

use crate::support::gguf::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wick::compute::ThreadOptions;
use wick::error::{Error, ErrorKind, Result};
use wick::gguf::write::Writer;
use wick::gguf::{Gguf, Limits, Opening, Readers, Source, TensorType};
use wick::pause::{Pauses, at_once};

/// Bytes of the tensor: many pieces, and a last one that is not whole.
const LEN: usize = (37 << 20) + 12_345;

fn write(folder: &Path) -> (std::path::PathBuf, Vec<u8>) {
    let data: Vec<u8> = (0..LEN as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
    let path = folder.join("large.gguf");
    let file = Writer::new().tensor("t", TensorType::I8, &[LEN as u64], data.clone());
    std::fs::write(&path, file.to_bytes()).unwrap();
    (path, data)
}

/// Readers, and how many threads have started and ended.
fn readers(threads: usize) -> (Readers, Arc<[AtomicUsize; 2]>) {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let count = counts.clone();
    let hook = move |starts: bool| {
        count[usize::from(!starts)].fetch_add(1, Ordering::SeqCst);
        assert!(starts, "a hook that panics is no fault of the load");
    };
    let life = ThreadOptions { on_thread: Some(Arc::new(hook)), ..ThreadOptions::default() };
    (Readers { threads, name: "test-read".into(), life }, counts)
}

fn begin(path: &Path) -> Opening {
    let source = Source::File { path: path.into(), offset: 0, size: 0, no_mmap: true };
    at_once(Opening::begin(source, &Limits::default(), &mut Pauses::none())).unwrap()
}

fn read(
    mut opening: Opening,
    readers: &Readers,
    progress: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<Gguf> {
    while opening.read_together(readers, progress)? {}
    Ok(opening.finish())
}

#[test]
fn any_number_of_threads_reads_the_same_bytes_and_progress_only_grows() {
    let folder = tempfile::tempdir().unwrap();
    let (path, data) = write(folder.path());
    for threads in [0, 1, 2, 3, 64] {
        let (readers, counts) = readers(threads);
        let mut last = 0;
        let mut progress = |done, total| {
            assert_eq!(total, LEN as u64);
            assert!((last..=total).contains(&done), "{done} after {last}");
            last = done;
            Ok(())
        };
        let gguf = read(begin(&path), &readers, &mut progress).unwrap();
        assert!(!gguf.is_mapped());
        assert!(gguf.bytes(gguf.tensor("t").unwrap()) == data, "{threads} threads");
        assert_eq!(last, LEN as u64);
        let [started, ended] = [&counts[0], &counts[1]].map(|count| count.load(Ordering::SeqCst));
        assert_eq!(started, ended, "every thread is gone");
        assert!(started < threads.clamp(1, 10), "{started} beside the caller's, of {threads}");
    }
}

#[test]
fn a_load_is_stopped_between_two_pieces_and_its_threads_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = write(folder.path());
    let (readers, counts) = readers(3);
    let mut calls = 0;
    let mut stop = |_, _| {
        calls += 1;
        Err(Error::new(ErrorKind::StaleHandle, "cancelled"))
    };
    let error = read(begin(&path), &readers, &mut stop).err().unwrap();
    assert_eq!((error.kind(), error.message()), (ErrorKind::StaleHandle, "cancelled"));
    assert_eq!(calls, 1);
    assert_eq!(counts[0].load(Ordering::SeqCst), counts[1].load(Ordering::SeqCst));
}

#[test]
fn a_panic_in_the_progress_ends_the_threads_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = write(folder.path());
    let (readers, counts) = readers(3);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        read(begin(&path), &readers, &mut |_, _| panic!("a progress that panics")).err()
    }));
    assert!(caught.is_err());
    assert_eq!(counts[0].load(Ordering::SeqCst), counts[1].load(Ordering::SeqCst));
}

#[test]
fn f9_a_file_that_shrinks_before_it_is_read_is_an_io_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = write(folder.path());
    for left in [LEN as u64 / 2, 100] {
        let opening = begin(&path);
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(left).unwrap();
        let error = read(opening, &readers(4).0, &mut |_, _| Ok(())).err().unwrap();
        assert_error(&error, ErrorKind::Io, &["large.gguf", "cannot read"]);
        write(folder.path());
    }
}
