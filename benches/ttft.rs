//! Time to first token, from the request to the text in the host's hands, by every way of reading: of a model
//! that computes nothing (the runtime's own share), of a loaded one, and of a cold one, from its load on.
//!
//!     cargo bench --no-default-features --features native,testing,text,bench --bench ttft
#![allow(clippy::print_stdout, unsafe_code, reason = "a program prints; callbacks of the C ABI")]

#[path = "c_abi/mod.rs"]
mod c;
#[path = "real_model/mod.rs"]
mod real_model;

use criterion::{Bencher, Criterion};
use std::ffi::c_void;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use wick::ffi::event::{WICK_EVENT_TEXT, wick_event};
use wick::ffi::model::wick_model;
use wick::ffi::queue::wick_queue;
use wick::ffi::runtime::wick_runtime;
use wick::ffi::session::wick_session;
use wick::ffi::status::WICK_FOREVER;
use wick::ffi::stream::wick_stream;
use wick::runtime::{
    EventKind, Input, Model, ModelOptions, ModelSource, Reading, Request, Runtime, RuntimeOptions,
};
use wick::testing::{Script, loader};

const PROMPT: &str = "The harbour was quiet that morning, and an old man was mending";
/// Enough that the first token is not also the end.
const TOKENS: u32 = 4;

#[derive(Clone, Copy, Debug)]
enum Way {
    Poll,
    Wait,
    Queue,
    Callback,
}

const WAYS: [Way; 4] = [Way::Poll, Way::Wait, Way::Queue, Way::Callback];

fn main() {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    fake(&mut criterion);
    if let Some(path) = real_model::path("time to first token of a real model") {
        warm(&mut criterion, &path);
        cold(&mut criterion, &path);
    }
    criterion.final_summary();
}

fn fake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ttft/fake");
    let runtime = Runtime::new(RuntimeOptions::default()).expect("a runtime");
    let (load, _gate) = loader(Script { endless: true, ..Script::saying("word") });
    let model = loaded(&runtime, ModelOptions::from_source(ModelSource::Custom(load)));
    group.bench_function("rust", |bencher| rust(bencher, &model));
    let host = Host::new();
    let model = c::fake(host.runtime, r#"{"reply":"word","endless":true}"#);
    for way in WAYS {
        group.bench_function(name(way), |bencher| host.warm(bencher, model, way));
    }
    host.shutdown();
}

fn warm(criterion: &mut Criterion, path: &str) {
    let mut group = criterion.benchmark_group("ttft/warm");
    let runtime = Runtime::new(RuntimeOptions::default()).expect("a runtime");
    let model = loaded(&runtime, real_model::options(path));
    group.bench_function("rust", |bencher| rust(bencher, &model));
    runtime.shutdown(None).expect("a shutdown");
    let host = Host::new();
    let model = c::loaded(host.runtime, path);
    for way in WAYS {
        group.bench_function(name(way), |bencher| host.warm(bencher, model, way));
    }
    host.shutdown();
}

/// From the runtime's creation on: threads, load, prompt. The file lies in the page cache.
fn cold(criterion: &mut Criterion, path: &str) {
    let mut group = criterion.benchmark_group("ttft/cold");
    group.bench_function("rust", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| cold_rust(path)).sum());
    });
    for way in WAYS {
        group.bench_function(name(way), |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| cold_c(path, way)).sum());
        });
    }
}

fn name(way: Way) -> String {
    format!("c/{way:?}").to_lowercase()
}

fn loaded(runtime: &Runtime, options: ModelOptions) -> Model {
    let (model, mut loading) = runtime.load(options, Reading::default()).expect("a load");
    loading.collect_text().expect("a loaded model");
    model
}

/// From the request to the first text, through the Rust API.
fn first_text(model: &Model) -> Duration {
    let session = model.session(None).expect("a session");
    let input = Input::Text(PROMPT.into());
    let request = Request { input, max_tokens: TOKENS, ignore_eos: true, ..Request::default() };
    let begun = Instant::now();
    let mut stream = session.generate(request, Reading::default()).expect("a stream");
    while let Some(event) = stream.next_blocking() {
        match event.kind {
            EventKind::Text(_) => return begun.elapsed(),
            EventKind::End(end) => panic!("no text: {:?} {:?}", end.reason, end.error),
            _ => {}
        }
    }
    panic!("no text")
}

fn rust(bencher: &mut Bencher<'_>, model: &Model) {
    bencher.iter_custom(|rounds| (0..rounds).map(|_| first_text(model)).sum());
}

fn cold_rust(path: &str) -> Duration {
    let begun = Instant::now();
    let runtime = Runtime::new(RuntimeOptions::default()).expect("a runtime");
    let (model, _loading) = runtime.load(real_model::options(path), Reading::default()).expect("a load");
    let before = begun.elapsed();
    let time = before + first_text(&model);
    runtime.shutdown(None).expect("a shutdown");
    time
}

fn cold_c(path: &str, way: Way) -> Duration {
    let begun = Instant::now();
    let host = Host::new();
    let (model, loading) = c::load(host.runtime, path);
    let session = c::session(model);
    let (stream, first) = host.first(session, way);
    let time = first - begun;
    c::close(stream);
    c::close(loading);
    host.shutdown();
    time
}

/// A C host: a runtime, and a queue for the way that needs one.
struct Host {
    runtime: wick_runtime,
    queue: wick_queue,
}

impl Host {
    fn new() -> Self {
        let runtime = c::runtime(0);
        Self { runtime, queue: c::queue(runtime) }
    }

    fn shutdown(self) {
        c::shutdown(self.runtime);
    }

    fn warm(&self, bencher: &mut Bencher<'_>, model: wick_model, way: Way) {
        bencher.iter_custom(|rounds| {
            let mut time = Duration::ZERO;
            for _ in 0..rounds {
                let session = c::session(model);
                let begun = Instant::now();
                let (stream, first) = self.first(session, way);
                time += first - begun;
                c::close(stream);
                c::close_session(session);
            }
            time
        });
    }

    /// Asks, and reads up to the first text: when that was there.
    fn first(&self, session: wick_session, way: Way) -> (wick_stream, Instant) {
        let mut reader = c::Reader::new();
        let (send, texts) = channel::<Instant>();
        let reading = match way {
            Way::Poll | Way::Wait => c::Reading::default(),
            Way::Queue => c::Reading { queue: Some(self.queue), ..c::Reading::default() },
            Way::Callback => {
                let user = Box::into_raw(Box::new(send)) as usize;
                c::Reading { on_event: Some(on_event), user, drop: Some(drop_sender), queue: None }
            }
        };
        let stream = c::generate(session, PROMPT, TOKENS, reading);
        let first = match way {
            Way::Poll => read(|| reader.next(stream, c::POLL) && is_text(&reader)),
            Way::Wait => read(|| reader.next(stream, WICK_FOREVER) && is_text(&reader)),
            Way::Queue => read(|| reader.next_of(self.queue, WICK_FOREVER) && is_text(&reader)),
            Way::Callback => texts.recv().expect("a text"),
        };
        (stream, first)
    }
}

fn read(mut is_there: impl FnMut() -> bool) -> Instant {
    while !is_there() {}
    Instant::now()
}

fn is_text(reader: &c::Reader) -> bool {
    assert!(!reader.is_end(), "the answer ended before its first text");
    reader.is_text()
}

unsafe extern "C" fn on_event(user: *mut c_void, event: *const wick_event) {
    // SAFETY: the library's event, good during the call, and our sender, which is dropped after the last
    // call.
    let (event, send) = unsafe { (&*event, &*user.cast::<Sender<Instant>>()) };
    if event.kind == WICK_EVENT_TEXT {
        let _ = send.send(Instant::now());
    }
}

unsafe extern "C" fn drop_sender(user: *mut c_void) {
    // SAFETY: the box that `user` was made of; the library drops it once.
    drop(unsafe { Box::from_raw(user.cast::<Sender<Instant>>()) });
}
