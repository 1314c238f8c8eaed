//! Mapped bytes that are moved to huge pages: the same bytes at the same places, at any time, and nothing
//! left behind.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wick::gguf::write::Writer;
use wick::gguf::{Gguf, Limits, Moving, Source, TensorType};

/// Two huge pages at least, and ends that are none.
const BYTES: usize = 9 << 20;

/// A file with one tensor of `BYTES` bytes, and these bytes.
fn file() -> (tempfile::NamedTempFile, Vec<u8>) {
    let bytes: Vec<u8> = (0..BYTES as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let model = Writer::new().tensor("weights", TensorType::F32, &[BYTES as u64 / 4], bytes.clone());
    std::fs::write(file.path(), model.to_bytes()).expect("written");
    (file, bytes)
}

fn open(source: Source) -> Gguf {
    Gguf::open(source, &Limits::default(), &mut |_, _| Ok(())).expect("a model")
}

fn tensor(gguf: &Gguf) -> &[u8] {
    gguf.bytes(&gguf.tensors()[0])
}

/// What the system says of the mapping that `at` lies in: its permissions and its file.
fn mapping(at: usize) -> Option<(String, String)> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the system's list");
    maps.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (from, to) = fields.next()?.split_once('-')?;
        let range = usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?;
        let permissions = fields.next()?.to_owned();
        range.contains(&at).then(|| (permissions, fields.nth(3).unwrap_or_default().to_owned()))
    })
}

#[test]
fn bytes_are_the_same_while_and_after_they_are_moved() {
    let (file, bytes) = file();
    let gguf = open(Source::path(file.path()));
    let (most, mut moving, over) = (gguf.moving_bytes(), Moving::within(|| u64::MAX), AtomicBool::new(false));
    let placement = gguf.placement();
    assert_eq!((placement.word(), placement.huge()), ("mapped", 0));
    assert!(most >= 2 << 20);
    let mut pieces = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert!(tensor(&gguf) == bytes, "other bytes while they are moved");
            }
        });
        while gguf.move_to_huge_pages(&mut moving) {
            pieces += 1;
            assert!(moving.held() <= most, "{} bytes of copies", moving.held());
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(!gguf.move_to_huge_pages(&mut moving), "moved twice");
    assert_eq!(moving.held(), 0);
    assert!(tensor(&gguf) == bytes, "other bytes after they were moved");
    let middle = tensor(&gguf).as_ptr() as usize + BYTES / 2;
    let (permissions, name) = mapping(middle).expect("a mapping");
    assert_eq!(permissions, "r--p");
    if name.is_empty() {
        assert!(pieces >= 3 * 3, "{pieces} pieces");
        assert_eq!(placement.word(), "huge");
        assert!(placement.huge() as usize > BYTES - (4 << 20) && placement.mapped() < 4 << 20);
        std::fs::write(file.path(), vec![0; BYTES]).expect("written");
        assert!(
            tensor(&gguf)[BYTES / 2..][..4096] == bytes[BYTES / 2..][..4096],
            "moved bytes are the file's"
        );
    } else {
        println!("left out: bytes in huge pages (this system gives none after {pieces} pieces)");
    }
    drop(gguf);
    assert!(mapping(middle).is_none_or(|(_, now)| now != name || name.is_empty()), "the mapping stays");
}

/// Bytes stay mapped unless all of them can move, and those that are left do once others take the memory.
#[test]
fn bytes_move_only_as_far_as_there_is_memory_to_spare() {
    let (file, bytes) = file();
    let gguf = open(Source::path(file.path()));
    // Three huge pages of it are whole at least.
    let mut moving = Moving::within(|| 5 << 20);
    assert!(!gguf.move_to_huge_pages(&mut moving), "not all has room");
    assert_eq!((gguf.placement().word(), moving.held()), ("mapped", 0));
    assert!(tensor(&gguf) == bytes);

    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let mut moving = Moving::within(move || match count.fetch_add(1, Ordering::Relaxed) {
        0 => u64::MAX,
        _ => 1 << 20,
    });
    while gguf.move_to_huge_pages(&mut moving) {}
    assert_eq!(moving.held(), 0);
    assert!(tensor(&gguf) == bytes);
    match gguf.placement().huge() {
        0 => println!("left out: moving that stops half-way (this system gives no huge pages)"),
        huge => {
            assert_eq!((huge, gguf.placement().word()), (gguf.moving_bytes(), "partly"));
            assert_eq!(asked.load(Ordering::Relaxed), 2, "asked before each piece");
            assert!(!gguf.move_to_huge_pages(&mut moving), "over is over");
        }
    }
}

#[test]
fn what_was_begun_is_given_back() {
    let (file, bytes) = file();
    let gguf = open(Source::path(file.path()));
    let mut moving = Moving::within(|| u64::MAX);
    let first = gguf.move_to_huge_pages(&mut moving);
    assert_eq!(first, moving.held() > 0);
    moving.drop_copies();
    assert_eq!(moving.held(), 0);
    while gguf.move_to_huge_pages(&mut moving) {}
    assert!(tensor(&gguf) == bytes);
}

#[test]
fn bytes_that_are_not_mapped_stay() {
    let (file, bytes) = file();
    let path = file.path().to_owned();
    let owned = open(Source::File { path: path.clone(), offset: 0, size: 0, no_mmap: true });
    let memory = open(Source::Memory(Box::new(std::fs::read(path).expect("the file"))));
    for gguf in [owned, memory] {
        assert_eq!(gguf.moving_bytes(), 0);
        assert!(!gguf.move_to_huge_pages(&mut Moving::within(|| u64::MAX)));
        assert_eq!((gguf.placement().word(), gguf.placement().mapped()), ("owned", 0));
        assert!(tensor(&gguf) == bytes);
    }
}

/// A table of which a token reads one row is neither copied nor brought into memory.
#[test]
fn a_table_that_is_read_by_row_stays_where_it_is() {
    let (file, [a, table, b]) = (tempfile::NamedTempFile::new().expect("a file"), [3u8, 5, 7]);
    let mut writer = Writer::new();
    for (name, byte) in [("a", a), ("table", table), ("b", b)] {
        writer = writer.tensor(name, TensorType::F32, &[BYTES as u64 / 4], vec![byte; BYTES]);
    }
    std::fs::write(file.path(), writer.to_bytes()).expect("written");
    let all = open(Source::path(file.path())).read_by_row("another");
    assert!(all.mapped_bytes() >= 3 * BYTES as u64, "no such tensor, no such table");
    let gguf = all.read_by_row("table");
    assert!(
        (2 * BYTES..2 * BYTES + 256).contains(&(gguf.mapped_bytes() as usize)),
        "{}",
        gguf.mapped_bytes()
    );
    let (mut done, mut pieces) = (0, 0);
    while done < gguf.mapped_bytes() {
        done += gguf.preload(done, BYTES / 2) as u64;
        pieces += 1;
    }
    assert!(pieces <= 6 && gguf.preload(done, 1) == 0, "{pieces} pieces");
    let mut moving = Moving::within(|| u64::MAX);
    while gguf.move_to_huge_pages(&mut moving) {}
    for (tensor, byte) in gguf.tensors().iter().zip([a, table, b]) {
        let bytes = gguf.bytes(tensor);
        gguf.will_need(&bytes[..4096]);
        assert!(bytes.iter().all(|&other| other == byte), "{}", tensor.name());
        let (_, name) = mapping(bytes.as_ptr() as usize + BYTES / 2).expect("a mapping");
        assert!(byte != table || !name.is_empty(), "{} was moved", tensor.name());
    }
}
