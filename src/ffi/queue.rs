//! Queues: many streams, one place to read.

use super::border::deadline::Deadline;
use super::border::error::wick_error;
use super::border::guard::{Handled, Tag, guard, guard_on, logging};
use super::border::guest::LogSink;
use super::border::handles;
pub use super::border::ids::wick_queue;
use super::border::ids::wick_runtime;
use super::border::out::Out;
use super::border::status::{WICK_EMPTY, WICK_ENDED, WICK_MORE, WICK_OK, wick_status};
use super::event::wick_event;
use super::os_handle::{OsSlot, wick_os_handle};
use super::runtime::{RuntimeObject, log_of};
use super::stream::{StreamObject, Turn, closed};
use super::write_event::EventOut;
use crate::error::Result;
use crate::stream::{Dispatched, Event, EventKind, Queue, QueueNext};
use crate::sync::{Mutex, lock};
use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What a queue's handle stands for.
pub(super) struct QueueObject {
    pub(super) queue: Arc<Queue>,
    pub(super) runtime: u64,
    reading: AtomicBool,
    /// A stream that closes itself: its END was read by the last call, which gave its `user` away.
    ended: Mutex<Option<Arc<StreamObject>>>,
    os: OsSlot,
}

impl Handled for QueueObject {
    fn log(&self) -> Option<Arc<LogSink>> {
        log_of(self.runtime)
    }
}

/// [ANY] A queue of this runtime. It ends with the runtime, and stays readable until it is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_queue_create(
    runtime: wick_runtime,
    out: *mut wick_queue,
    error: *mut wick_error,
) -> wick_status {
    guard(Tag::Any, error, || {
        let object = handles::get::<RuntimeObject>(runtime.id)?;
        // SAFETY: the caller's places, as this function's docs say.
        let out = unsafe { wick_error::check(error).and_then(|()| Out::required(out, "out")) }?;
        let queue = object.runtime.queue()?;
        let queue = QueueObject {
            queue,
            runtime: runtime.id,
            reading: AtomicBool::new(false),
            ended: Mutex::new(None),
            os: OsSlot::default(),
        };
        let reservation = handles::Reservation::new()?;
        handles::fill(reservation.id(), Arc::new(queue));
        out.set(wick_queue { id: reservation.keep() });
        Ok(WICK_OK)
    })
}

/// [EXCL][BLOCK] The next event of the queue's streams without a callback; streams take turns. Events, `buf`
/// and `timeout_ns` as in wick_stream_next. WICK_EMPTY: nothing came, or a wake. WICK_ENDED: the runtime is
/// shut down and every END was read. WICK_E_STALE_HANDLE at once when the queue is closed meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_queue_next(
    queue: wick_queue,
    event: *mut wick_event,
    buf: *mut c_char,
    cap: usize,
    timeout_ns: u64,
) -> wick_status {
    guard_on(Tag::NotInCallback, "wick_queue_next", queue.id, |object: &Arc<QueueObject>| {
        // SAFETY: the caller's struct and buffer, as this function's docs say.
        object.next(&unsafe { EventOut::new(event, buf, cap) }?, Deadline::after(timeout_ns))
    })
}

impl QueueObject {
    fn next(&self, out: &EventOut, deadline: Deadline) -> Result<wick_status> {
        let _turn = Turn::take(&self.reading)?;
        self.close_ended();
        loop {
            match self.wait(deadline) {
                QueueNext::Event(stream, event) => {
                    if self.deliver(stream, event, out) {
                        return Ok(WICK_OK);
                    }
                }
                QueueNext::Empty => return Ok(WICK_EMPTY),
                QueueNext::Ended => return Ok(WICK_ENDED),
                QueueNext::Closed => return Err(closed("queue")),
            }
        }
    }

    fn wait(&self, deadline: Deadline) -> QueueNext {
        let Deadline::At(at) = deadline else { return self.queue.try_next() };
        let runtime = handles::get::<RuntimeObject>(self.runtime).ok();
        match runtime.filter(|runtime| runtime.steps_on_host) {
            Some(runtime) => logging(&runtime.log, || runtime.runtime.wait_queue(&self.queue, at)),
            None => self.queue.wait_next(at),
        }
    }

    /// Writes an event of the stream `id`; whether it is still there.
    fn deliver(&self, id: u64, event: Event, out: &EventOut) -> bool {
        // Closed since: then nothing more of it is delivered.
        let Ok(stream) = handles::get::<StreamObject>(id) else { return false };
        let ended = matches!(event.kind, EventKind::End(_));
        if let Some((time, rest)) = out.write(event, id, stream.user()) {
            self.queue.put_back(id, time, rest);
        }
        if ended && stream.close_after_end && handles::remove::<StreamObject>(id).is_ok() {
            // Closed by the next call: until then the host may look at its `user`.
            *lock(&self.ended) = Some(stream);
        }
        true
    }

    fn close_ended(&self) {
        let ended = lock(&self.ended).take();
        if let Some(stream) = ended {
            stream.close();
        }
    }
}

/// [EXCL] Runs callbacks of the queue's streams on the calling thread, for events that were there at the
/// call: at most `max_events` (0: no limit), for about `budget_ns` (0: no limit). WICK_EMPTY: none is left;
/// WICK_MORE: some are; WICK_ENDED: the runtime is shut down and every END was delivered.
#[unsafe(no_mangle)]
pub extern "C" fn wick_queue_dispatch(queue: wick_queue, max_events: u32, budget_ns: u64) -> wick_status {
    guard_on(Tag::NotInCallback, "wick_queue_dispatch", queue.id, |object: &Arc<QueueObject>| {
        let _turn = Turn::take(&object.reading)?;
        // What is longer than a day is no limit, and cannot overflow a clock.
        let budget =
            Some(Duration::from_nanos(budget_ns)).filter(|_| (1..86_400_000_000_000).contains(&budget_ns));
        let max_events = if max_events == 0 { u32::MAX } else { max_events };
        match object.queue.dispatch(max_events, budget) {
            Dispatched::Empty => Ok(WICK_EMPTY),
            Dispatched::More => Ok(WICK_MORE),
            Dispatched::Ended => Ok(WICK_ENDED),
            Dispatched::Closed => Err(closed("queue")),
        }
    })
}

/// [ANY] Wakes the queue's reader: the current or next call that finds no event takes the wake and returns
/// WICK_EMPTY at once. Sticky, not counted.
#[unsafe(no_mangle)]
pub extern "C" fn wick_queue_wake(queue: wick_queue) -> wick_status {
    guard_on(Tag::Any, "wick_queue_wake", queue.id, |object: &Arc<QueueObject>| {
        object.queue.wake();
        Ok(WICK_OK)
    })
}

/// [ANY] What an event loop waits on for this queue: readable exactly while an event of any of its streams,
/// the rest of one, or a wake waits. The same each time. WICK_E_IO if the system has no descriptor left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wick_queue_os_handle(queue: wick_queue, out: *mut wick_os_handle) -> wick_status {
    guard_on(Tag::Any, "wick_queue_os_handle", queue.id, |object: &Arc<QueueObject>| {
        // SAFETY: the caller's place, as this function's docs say.
        let out = unsafe { Out::required(out, "out") }?;
        out.set(object.os.get(|level| object.queue.show_on(level))?);
        Ok(WICK_OK)
    })
}

/// [ANY] Closes the queue and all its streams, ended or not, as wick_stream_close does: their handles are
/// stale too.
#[unsafe(no_mangle)]
pub extern "C" fn wick_queue_close(queue: wick_queue) -> wick_status {
    guard(Tag::Any, ptr::null_mut(), || {
        let object = handles::remove::<QueueObject>(queue.id)?;
        for stream in object.queue.close() {
            if let Ok(stream) = handles::remove::<StreamObject>(stream) {
                stream.close();
            }
        }
        object.close_ended();
        object.os.close();
        Ok(WICK_OK)
    })
}
