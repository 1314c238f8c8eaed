//! How a new stream's events are read, from the four fields that say so: queue, on_event, user, drop; knows
//! no session.

use super::border::handles::{self, Reservation};
use super::border::ids::wick_queue;
use super::border::inside::callback;
use super::border::user::UserData;
use super::event::wick_event_fn;
use super::queue::QueueObject;
use super::stream::StreamObject;
use super::write_event::whole;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Reading, Stream};
use crate::stream::{Delivery, Event};
use std::ffi::c_void;
use std::sync::Arc;

/// A stream that is about to be started: its id is given away already, so that its first event can carry it.
pub(super) struct NewStream {
    id: u64,
    user: usize,
    /// The id, while nothing else answers for it.
    reservation: Option<Reservation>,
    runtime: u64,
    close_after_end: bool,
}

/// The four fields.
pub(super) struct Reader {
    pub(super) queue: wick_queue,
    pub(super) on_event: wick_event_fn,
    pub(super) user: UserData,
}

impl Reader {
    /// Gives the stream an id, and says how it is read. `kept`: the host gets the id and closes the stream;
    /// else it closes itself after its END.
    ///
    /// # Errors
    /// `StaleHandle` or `Forked` for the queue; `InvalidArgument` for another runtime's queue; `OutOfMemory`.
    pub(super) fn start(self, runtime: u64, kept: bool) -> Result<(NewStream, Reading)> {
        let queue = match self.queue.id {
            0 => None,
            id => Some(handles::get::<QueueObject>(id)?),
        };
        if queue.as_ref().is_some_and(|queue| queue.runtime != runtime) {
            let why = "the queue is another runtime's; make one with this runtime";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        let reservation = Reservation::new()?;
        let id = reservation.id();
        let pushes = self.on_event.is_some();
        let mut new = NewStream {
            id,
            user: self.user.pointer() as usize,
            reservation: Some(reservation),
            runtime,
            close_after_end: !kept && !pushes,
        };
        let delivery = match self.on_event {
            None => Delivery::Pull(Some(Box::new(self.user))),
            Some(call) => {
                // Dropped after the end with the callback: the user pointer first, then the handle.
                let captured = (self.user, if kept { None } else { new.reservation.take() });
                let on_event = move |event: Event| {
                    let (user, _) = &captured;
                    let user = user.pointer();
                    // SAFETY: the host's function, with its own pointer and an event that lives during the
                    // call.
                    whole(event, id, user, |event| callback(|| unsafe { call(user, event) }));
                };
                Delivery::Push { on_event: Box::new(on_event), close_at_end: !kept }
            }
        };
        let queue = queue.map(|queue| queue.queue.clone());
        Ok((new, Reading { queue, delivery: Some(delivery), key: Some(id) }))
    }
}

impl NewStream {
    /// Puts the stream behind its id: from here on events may come.
    pub(super) fn register(&self, stream: Stream) {
        let object = StreamObject::new(stream, self.user as *mut c_void, self.runtime, self.close_after_end);
        handles::fill(self.id, Arc::new(object));
    }

    /// The call fails after all: nothing of the stream is delivered.
    pub(super) fn abandon(&self) {
        if let Ok(stream) = handles::remove::<StreamObject>(self.id) {
            stream.close();
        }
    }

    /// The stream was started: its id stays in the table.
    pub(super) fn keep(mut self) -> u64 {
        self.reservation.take().map_or(self.id, Reservation::keep)
    }
}
