//! Sizes, alignments, offsets and constants of the C ABI: `tests/abi.txt` keeps them; Rust's types, a C and a
//! C++ program compiled against `include/wick.h`, and against the agreed contract where it is there, have to
//! give the same. WICK_BLESS=1 rewrites the file.
#![cfg(all(unix, target_pointer_width = "64"))]

use std::fmt::Write as _;
use std::fs;
use std::mem::{align_of, offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;
use wick::ffi::wick_os_handle;
use wick::ffi::{
    adapter::*, embed::*, error::*, estimate::*, event::*, generate::*, io::*, messages::*, model::*,
    queue::*, runtime::*, sampling::*, session::*, status::*, store::*, str::*, stream::*,
};

macro_rules! layout {
    ($text:ident, $($name:ident { $($field:ident),* })*) => {$(
        writeln!($text, "struct {} size {} align {}", stringify!($name), size_of::<$name>(), align_of::<$name>()).unwrap();
        $(writeln!($text, "field {}.{} {}", stringify!($name), stringify!($field), offset_of!($name, $field)).unwrap();)*
    )*};
}

macro_rules! constants {
    ($text:ident, $($name:ident)*) => {$(writeln!($text, "const {} {}", stringify!($name), $name as i128).unwrap();)*};
}

/// The ABI as Rust has it.
fn rust() -> String {
    let mut text = String::new();
    layout!(text,
        wick_error { struct_size, code, message }
        wick_str { ptr, len }
        wick_runtime { id }
        wick_queue { id }
        wick_model { id }
        wick_session { id }
        wick_stream { id }
        wick_adapter { id }
        wick_stats {
            prompt_tokens, cached_tokens, output_tokens, session_tokens, queue_ns, prefill_ns, ttft_ns, decode_ns, max_gap_ns, seed,
            notes_dropped, draft_tokens, draft_accepted, reserved
        }
        wick_event {
            struct_size, kind, end_reason, stream, user, seq, time_ns, text, text_len, tokens, token_count, logprob, done, total,
            status, channel, more, stats, alternatives, alternative_count, value_count, values
        }
        wick_alternative { token, logprob }
        wick_runtime_options {
            struct_size, abi_version, mode, threads, memory_budget, max_sequences, max_waiting, thread_name, on_thread, thread_user,
            thread_drop, log, log_user, log_drop, log_level, reserved, pace_percent, keep_scheduling
        }
        wick_os_handle { fd, event }
        wick_message { role, content, extra_json }
        wick_io { struct_size, flags, size, read_at, write_at, user, drop }
        wick_model_options {
            struct_size, backend, path, path_offset, path_size, data, data_len, data_user, data_drop, io, no_mmap, vocab_only,
            no_prefix_cache, reserved, context_length, prefix_cache_bytes, chat_template, queue, on_event, user, drop,
            reserved2, kv_type, preload, sampling_from_model, no_drafts, reserved1
        }
        wick_estimate {
            struct_size, reserved, file_bytes, weight_bytes, kv_bytes, state_bytes, scratch_bytes, total_bytes, reserved1
        }
        wick_adapter_options {
            struct_size, reserved, path, path_offset, path_size, data, data_len, data_user, data_drop, io, queue, on_event, user, drop
        }
        wick_session_options {
            struct_size, context_length, system, tools_json, template_json, overflow, pinned_messages, adapter, adapter_scale, reserved
        }
        wick_store_options { struct_size, with_kv, reserved, path, io, queue, on_event, user, drop, adapter }
        wick_embed_options { struct_size, priority, deadline_ns, buffer_events, reserved, queue, on_event, user, drop }
        wick_sampling {
            temperature, top_p, min_p, typical_p, top_k, repeat_penalty, presence_penalty, frequency_penalty, penalty_last_n, seed,
            dry_multiplier, dry_base, dry_allowed_length, dry_last_n, xtc_probability, xtc_threshold, top_n_sigma, mirostat_tau,
            mirostat_eta, dynatemp_range, dynatemp_exponent, reserved
        }
        wick_logit_bias { token, bias }
        wick_generate_options {
            struct_size, max_tokens, priority, reserved0, prompt, messages, message_count, prompt_tokens, prompt_token_count,
            tools_json, template_json, sampling, stop, stop_count, logit_bias, logit_bias_count, grammar_kind, grammar, deadline_ns,
            buffer_events, logprobs, echo_special, ignore_eos, prefill_only, parse_special, reserved, queue, on_event, user, drop,
            template_time, answer_prefix, grammar_scope, tool_choice, tool_name, reasoning_budget, cut, top_logprobs,
            max_tokens_per_second
        }
    );
    constants!(text,
        WICK_ABI_VERSION WICK_FOREVER
        WICK_OK WICK_EMPTY WICK_ENDED WICK_MORE WICK_E_INVALID_ARGUMENT WICK_E_STALE_HANDLE WICK_E_BUSY WICK_E_REENTRANT
        WICK_E_UNSUPPORTED WICK_E_IO WICK_E_MODEL_INVALID WICK_E_OUT_OF_MEMORY WICK_E_CONTEXT_FULL WICK_E_TEMPLATE
        WICK_E_TOKENIZER WICK_E_GRAMMAR WICK_E_NUMERIC WICK_E_SHUTDOWN WICK_E_TIMEOUT WICK_E_QUEUE_FULL
        WICK_E_BUFFER_TOO_SMALL WICK_E_INTERNAL WICK_E_FORKED
        WICK_EVENT_STARTED WICK_EVENT_PROGRESS WICK_EVENT_TEXT WICK_EVENT_NOTE WICK_EVENT_END WICK_EVENT_TOOL_CALL
        WICK_EVENT_VECTOR WICK_NOTE_HOST WICK_NOTE_LIBRARY
        WICK_END_NONE WICK_END_STOP WICK_END_STOP_STRING WICK_END_LENGTH WICK_END_CONTEXT_FULL WICK_END_READY WICK_END_CANCELLED
        WICK_END_DEADLINE WICK_END_SHUTDOWN WICK_END_ERROR
        WICK_CHANNEL_ANSWER WICK_CHANNEL_REASONING WICK_CHANNEL_TOOL
        WICK_MODE_THREADS WICK_MODE_HOST_STEP WICK_BACKEND_AUTO WICK_BACKEND_NATIVE WICK_BACKEND_CANDLE
        WICK_GRAMMAR_NONE WICK_GRAMMAR_JSON_SCHEMA WICK_GRAMMAR_REGEX WICK_GRAMMAR_LARK WICK_GRAMMAR_JSON
        WICK_GRAMMAR_GBNF WICK_KV_F16 WICK_KV_Q8_0 WICK_OVERFLOW_STOP WICK_OVERFLOW_ROLL WICK_NO_REASONING
        WICK_SCOPE_ALL WICK_SCOPE_ANSWER WICK_TOOLS_AUTO WICK_TOOLS_NONE WICK_TOOLS_REQUIRED WICK_TOOLS_NAMED
        WICK_CUT_TOKEN WICK_CUT_WORD WICK_CUT_LINE WICK_CUT_SENTENCE
    );
    text
}

/// A program that prints what `abi` has, from `header`; C99 and C++11.
fn program(abi: &str, header: &Path) -> String {
    let (mut types, mut body) = (String::new(), String::new());
    for line in abi.lines() {
        let mut words = line.split(' ');
        match (words.next(), words.next().expect("a name")) {
            (Some("struct"), name) => {
                writeln!(types, "struct aligned_{name} {{ char c; {name} it; }};").unwrap();
                let sizes = format!("(int)sizeof({name}), (int)offsetof(struct aligned_{name}, it)");
                writeln!(body, "  printf(\"struct {name} size %d align %d\\n\", {sizes});").unwrap();
            }
            (Some("field"), field) => {
                let (name, member) = field.split_once('.').expect("a field");
                writeln!(body, "  printf(\"field {field} %d\\n\", (int)offsetof({name}, {member}));")
                    .unwrap();
            }
            (_, "WICK_FOREVER") => {
                writeln!(body, "  printf(\"const WICK_FOREVER %llu\\n\", (unsigned long long)WICK_FOREVER);")
                    .unwrap();
            }
            (_, name) => {
                writeln!(body, "  printf(\"const {name} %lld\\n\", (long long){name});").unwrap();
            }
        }
    }
    format!(
        "#include \"{}\"\n#include <stdio.h>\n{types}int main(void) {{\n  wick_str s = wick_cstr(\"x\");\n{body}  return s.len != SIZE_MAX;\n}}\n",
        header.display()
    )
}

/// What `program` prints when it is compiled by `compiler`.
fn output(compiler: &[&str], program: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, binary) = (folder.path().join("abi.c"), folder.path().join("abi"));
    fs::write(&source, program).expect("written");
    let mut command = Command::new(compiler[0]);
    command.args(&compiler[1..]).args(["-Wall", "-Wextra", "-Werror", "-pedantic"]);
    let compiled =
        command.arg(&source).arg("-o").arg(&binary).output().expect("a compiler: install gcc and g++");
    assert!(compiled.status.success(), "{compiler:?}: {}", String::from_utf8_lossy(&compiled.stderr));
    let run = Command::new(&binary).output().expect("the program runs");
    assert!(run.status.success());
    String::from_utf8(run.stdout).expect("UTF-8")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn check_header(header: &Path) {
    let abi = kept();
    let program = program(&abi, header);
    for compiler in [&["cc", "-x", "c", "-std=c99"][..], &["c++", "-x", "c++", "-std=c++11"][..]] {
        let made = output(compiler, &program);
        for (ours, theirs) in abi.lines().zip(made.lines()) {
            assert_eq!(ours, theirs, "{compiler:?} with {}", header.display());
        }
        assert_eq!(abi, made);
    }
}

fn kept() -> String {
    fs::read_to_string(root().join("tests/abi.txt")).expect("tests/abi.txt")
}

#[test]
fn the_types_are_as_they_were() {
    if std::env::var_os("WICK_BLESS").is_some() {
        fs::write(root().join("tests/abi.txt"), rust()).expect("written");
    }
    assert_eq!(
        kept(),
        rust(),
        "the ABI changed; if nothing was released yet: WICK_BLESS=1 cargo test --test c_abi abi"
    );
}

#[test]
fn everything_in_the_header_is_kept() {
    let (header, abi) = (fs::read_to_string(root().join("include/wick.h")).expect("include/wick.h"), kept());
    let mut inside = None;
    for line in header.lines() {
        if let Some(name) = line
            .strip_prefix("#define ")
            .and_then(|rest| rest.split(' ').next())
            .filter(|name| *name != "WICK_H")
        {
            assert!(abi.contains(&format!("const {name} ")), "{name} is not in tests/abi.txt");
        }
        if let Some(name) = line.strip_prefix("typedef struct ") {
            inside = Some(name.split(' ').next().expect("a name"));
        } else if line.starts_with('}') {
            inside = None;
        } else if let Some(name) =
            inside.filter(|_| line.ends_with(';') && !line.trim_start().starts_with(['*', '/']))
        {
            let field = match line.split_once("(*") {
                Some((_, function)) => function.split(')').next().unwrap_or_default(),
                None => {
                    let end = line.find('[').unwrap_or(line.len() - 1);
                    line[..end].rsplit([' ', '*']).next().unwrap_or_default()
                }
            };
            assert!(
                abi.contains(&format!("field {name}.{field} ")),
                "{name}.{field} is not in tests/abi.txt"
            );
        }
    }
}

#[test]
fn c_and_cpp_see_the_same() {
    check_header(&root().join("include/wick.h"));
}

#[test]
fn the_contract_has_the_same() {
    let contract = match std::env::var_os("WICK_CONTRACT") {
        Some(path) => PathBuf::from(path),
        None => root().join("../shared/design/contract.h"),
    };
    if contract.is_file() {
        check_header(&contract.canonicalize().expect("a path"));
    } else {
        println!("left out: the ABI of the contract ({} is not there)", contract.display());
    }
}
