//! Models split over files: opening the first opens all.

use crate::support::gguf::*;
use std::fs;
use std::path::{Path, PathBuf};
use wick::error::ErrorKind::{Io, ModelInvalid, Unsupported};
use wick::gguf::write::{MetaValue, Writer};
use wick::gguf::{Gguf, Limits, Source, TensorType};

/// File `no` (from 0) of `count`, which has one tensor, `t{no}`.
fn part(no: u16, count: u16) -> Writer<'static> {
    let writer = if no == 0 { Writer::new().meta("general.architecture", "llama") } else { Writer::new() };
    writer
        .meta("split.no", MetaValue::U16(no))
        .meta("split.count", MetaValue::U16(count))
        .meta("split.tensors.count", MetaValue::I32(count.into()))
        .tensor(&format!("t{no}"), TensorType::I8, &[10 + u64::from(no)], bytes(10 + usize::from(no)))
}

fn path_of(folder: &Path, no: u16, count: u16) -> PathBuf {
    folder.join(format!("model-Q4-{:05}-of-{count:05}.gguf", no + 1))
}

fn write_all(folder: &Path, count: u16) {
    for no in 0..count {
        fs::write(path_of(folder, no, count), part(no, count).to_bytes()).unwrap();
    }
}

#[test]
fn all_files_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), 3);
    for no_mmap in [false, true] {
        let path = path_of(folder.path(), 0, 3);
        let gguf = open(Source::File { path, offset: 0, size: 0, no_mmap }).unwrap();
        assert_eq!(gguf.parts(), 3);
        assert_eq!(gguf.metadata().require::<&str>("general.architecture").unwrap(), "llama");
        for no in 0..3u16 {
            let tensor = gguf.tensor(&format!("t{no}")).unwrap();
            assert_eq!(tensor.part(), no);
            assert_eq!(gguf.bytes(tensor), bytes(10 + usize::from(no)));
        }
        assert_eq!(exercise(&gguf), 33);
        assert_eq!(gguf.data_bytes(), 33);
        assert!(gguf.tensor_data().is_none());
    }
    let header = Gguf::open_header(Source::path(path_of(folder.path(), 0, 3)), &Limits::default()).unwrap();
    assert_eq!(header.tensors().len(), 3);
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), 3);
    fs::remove_file(path_of(folder.path(), 1, 3)).unwrap();
    let error = refused(Source::path(path_of(folder.path(), 0, 3)));
    assert_error(&error, Io, &["model-Q4-00002-of-00003.gguf", "cannot be opened"]);
}

#[test]
fn only_the_first_opens() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), 3);
    let error = refused(Source::path(path_of(folder.path(), 2, 3)));
    assert_error(&error, ModelInvalid, &["00003-of-00003", "file 3 of 3", "open the first"]);
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = path_of(folder.path(), 0, 2);
    let second = path_of(folder.path(), 1, 2);
    write_all(folder.path(), 2);
    fs::write(&second, part(0, 2).to_bytes()).unwrap();
    assert_error(
        &refused(Source::path(&first)),
        ModelInvalid,
        &["00002-of-00002", "file 1 of 2, not 2 of 2"],
    );
    fs::write(&second, part(1, 3).to_bytes()).unwrap();
    assert_error(&refused(Source::path(&first)), ModelInvalid, &["file 2 of 3, not 2 of 2"]);
    fs::write(&second, small().to_bytes()).unwrap();
    assert_error(&refused(Source::path(&first)), ModelInvalid, &["00002-of-00002", "split.no", "missing"]);
    fs::write(&second, part(1, 2).tensor("t0", TensorType::I8, &[1], vec![0]).to_bytes()).unwrap();
    assert_error(&refused(Source::path(&first)), ModelInvalid, &["00002-of-00002", "\"t0\" is there twice"]);
    fs::write(&second, part(1, 2).tensor("more", TensorType::I8, &[1], vec![0]).to_bytes()).unwrap();
    assert_error(&refused(Source::path(&first)), ModelInvalid, &["split.tensors.count", "2", "3 tensors"]);
    fs::write(&second, "text").unwrap();
    assert_error(&refused(Source::path(&first)), ModelInvalid, &["00002-of-00002", "not a GGUF"]);
}

#[test]
fn a_split_model_needs_names_and_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("renamed.gguf");
    fs::write(&path, part(0, 2).to_bytes()).unwrap();
    assert_error(&refused(Source::path(&path)), ModelInvalid, &["renamed.gguf", "-00001-of-00002.gguf"]);
    assert_refused(part(0, 2).to_bytes(), Unsupported, &["split over 2 files", "merge"]);
}

#[test]
fn the_budget_counts_all_files() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), 3);
    let path = path_of(folder.path(), 0, 3);
    let header = Gguf::open_header(Source::path(&path), &Limits::default()).unwrap();
    let needed = 33 + header.metadata().byte_len() as u64;
    let open = |allowed| Gguf::open_header(Source::path(&path), &Limits { max_bytes: Some(allowed) });
    open(needed).unwrap();
    assert!(open(needed - 1).is_err());
}

#[test]
fn a_model_in_one_file_may_be_called_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model-00001-of-00009.gguf");
    fs::write(&path, small().to_bytes()).unwrap();
    assert_eq!(open(Source::path(&path)).unwrap().parts(), 1);
    fs::write(&path, part(0, 1).to_bytes()).unwrap();
    assert_eq!(open(Source::path(&path)).unwrap().parts(), 1);
}
