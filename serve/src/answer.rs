//! A generation under way, read to its end or left: then it is cancelled. Counts what it sees; knows no
//! format.

use crate::app::App;
use crate::count::Counted;
use crate::failure::Failure;
use crate::metrics::{Ended, Metrics};
use crate::model::Served;
use async_io::Timer;
use smol::future::or;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use wick::{
    Control, EmbedRequest, End, EndReason, Error, ErrorKind, Event, EventKind, Next, Reading, Request,
    Session, SessionOptions, Stream,
};

/// Unread events after which a generation pauses: what a slow reader has ahead of it.
pub const CREDIT: usize = 64;

/// The events of one generation, the last of which is its end. Dropped before that, it is cancelled.
pub struct Answer {
    stream: Stream,
    /// Its last clone's drop would cancel the stream; vectors have none.
    _session: Option<Session>,
    _counted: Counted,
    metrics: Rc<Metrics>,
    /// Read ahead of who reads them.
    ahead: VecDeque<EventKind>,
    last_text: Option<Duration>,
    ended: bool,
}

impl Answer {
    /// Hands `request` over, for a session of its own.
    ///
    /// # Errors
    /// What the library refuses at once; the rest comes as the end.
    pub fn start(
        app: &App,
        served: &Served,
        session: SessionOptions,
        request: Request,
    ) -> Result<Self, Failure> {
        let session = served.model.session_with(session)?;
        let request = Request { buffer_events: CREDIT, ..request };
        let stream = session.generate(request, Reading::default())?;
        Ok(Self::of(app, stream, Some(session)))
    }

    /// Hands texts over, of which vectors are to be made.
    ///
    /// # Errors
    /// As [`Answer::start`].
    pub fn embed(app: &App, served: &Served, request: EmbedRequest) -> Result<Self, Failure> {
        let stream = served.model.embed(request, Reading::default())?;
        Ok(Self::of(app, stream, None))
    }

    fn of(app: &App, stream: Stream, session: Option<Session>) -> Self {
        Self {
            stream,
            _session: session,
            _counted: app.answers.enter(),
            metrics: app.metrics.clone(),
            ahead: VecDeque::new(),
            last_text: None,
            ended: false,
        }
    }

    /// What cancels it, wherever it is read.
    pub fn control(&self) -> Control {
        self.stream.control()
    }

    /// The next event. Once the end was read there is none.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<EventKind> {
        match self.ahead.pop_front() {
            Some(event) => Poll::Ready(event),
            None => self.poll_stream(context),
        }
    }

    fn poll_stream(&mut self, context: &mut Context<'_>) -> Poll<EventKind> {
        match self.stream.poll_next(context) {
            Poll::Ready(Next::Event(event)) => Poll::Ready(self.seen(event)),
            Poll::Ready(Next::Empty) | Poll::Pending => Poll::Pending,
            Poll::Ready(Next::Ended | Next::Closed) => {
                let error = Error::new(ErrorKind::Internal, "the stream was read beyond its end");
                Poll::Ready(EventKind::End(End::failed(error)))
            }
        }
    }

    fn seen(&mut self, event: Event) -> EventKind {
        match &event.kind {
            EventKind::Text(_) => {
                if let Some(last) = self.last_text.replace(event.time) {
                    self.metrics.gap(event.time.saturating_sub(last));
                }
            }
            EventKind::End(end) => {
                self.ended = true;
                self.metrics.ended(Ended::with(end.reason), &end.stats);
            }
            _ => {}
        }
        event.kind
    }

    /// Waits for the first event that says something, until `limit`: what fails before it can still be told
    /// by a status. It is read again by [`Answer::poll_next`].
    ///
    /// # Errors
    /// What the generation failed with.
    pub async fn begin(&mut self, limit: Duration) -> Result<(), Failure> {
        let first = async {
            loop {
                match poll_fn(|context| self.poll_stream(context)).await {
                    EventKind::Started | EventKind::Progress { .. } => {}
                    event => return Some(event),
                }
            }
        };
        let late = async {
            Timer::after(limit).await;
            None
        };
        match or(first, late).await {
            Some(EventKind::End(end)) => {
                failure(&end)?;
                self.ahead.push_back(EventKind::End(end));
            }
            first => self.ahead.extend(first),
        }
        Ok(())
    }

    /// Reads on to the end, and gives all other events to `take`.
    ///
    /// # Errors
    /// What the generation failed with.
    pub async fn read(&mut self, mut take: impl FnMut(EventKind)) -> Result<End, Failure> {
        loop {
            match poll_fn(|context| self.poll_next(context)).await {
                EventKind::End(end) => return failure(&end).map(|()| end),
                event => take(event),
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.ended {
            self.metrics.ended(Ended::LEFT, &self.stream.stats());
        }
    }
}

/// Whether the end says that the answer is not what it should be.
///
/// # Errors
/// If it does.
pub fn failure(end: &End) -> Result<(), Failure> {
    match (&end.error, end.reason) {
        (Some(error), _) => Err(error.clone().into()),
        (None, EndReason::Shutdown) => {
            Err(Failure::unavailable("shutting_down", "the server was shut down before the answer's end"))
        }
        (None, EndReason::Error) => Err(Error::new(ErrorKind::Internal, "an error without a name").into()),
        _ => Ok(()),
    }
}
