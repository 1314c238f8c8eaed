//! A session's handle: a conversation, one generation at a time.

use super::adapter::Adapter;
use super::asked::Asked;
use super::info::{SessionInfo, SessionState};
use super::job::{Job, ask};
use super::links::Command;
use super::model::Model;
use super::options::Reading;
use super::store::{Restore, Save, SavePlace, Transfer};
use super::stream::Stream;
use crate::engine::{Input, Request, SaveOrder, SessionAdapter, SessionFacts, SessionOptions, check_context};
use crate::error::{Error, ErrorKind, Result};
use crate::gguf::Source;
use crate::sample::Recommended;
use crate::sync::{Mutex, MutexGuard, lock};
use crate::text::{Cut, Message};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

struct SessionShared {
    id: u64,
    context: Option<usize>,
    facts: Arc<SessionFacts>,
    /// Held while the engine is told, so that it hears all in this order.
    asked: Mutex<Asked>,
    // Dropped after `SessionShared::drop` has told the engine: the model outlives its sessions.
    model: Model,
}

impl Drop for SessionShared {
    fn drop(&mut self) {
        self.model.shared.links.tell(Command::RemoveSession(self.id));
    }
}

/// A conversation, or raw text, and its keys and values. Cheap to clone; when the last clone is dropped, a
/// running generation is cancelled.
#[derive(Clone)]
pub struct Session {
    shared: Arc<SessionShared>,
}

impl Model {
    /// A new, empty session of at most `context_length` tokens; `None`: as many as the model's context.
    ///
    /// # Errors
    /// As [`Model::session_with`].
    pub fn session(&self, context_length: Option<usize>) -> Result<Session> {
        self.session_with(SessionOptions { context_length, ..SessionOptions::default() })
    }

    /// A new, empty session.
    ///
    /// # Errors
    /// `InvalidArgument` for a context beyond the model's (while the model loads: as the end of the session's
    /// generations), for another model's adapter, and for a scale of it that is not finite; `Unsupported` for
    /// a model that was loaded for its vocabulary only; the load's error after a failed load; `Shutdown`.
    pub fn session_with(&self, options: SessionOptions) -> Result<Session> {
        Session::new(self, options)
    }

    /// The session in the save that `source` gives: its conversation, its tokens, what it was made with. It
    /// can be used at once: a generation waits for the restore, and ends with its error if it fails. The
    /// stream tells of the progress in bytes and ends with [`EndReason::Ready`](super::EndReason::Ready); its
    /// drop before that cancels the restore. The source is read on a thread of the runtime's or, in
    /// [`super::Mode::HostStep`], on the host's.
    ///
    /// # Errors
    /// As [`Model::session_with`]; `StaleHandle` for a closed queue. As the stream's end: `Io` for a save
    /// that is damaged, with the place, or that cannot be read; `Unsupported` for another model's, a later
    /// release's, or one with an adapter ([`Model::start_restore`]); `InvalidArgument`, `ContextFull` where
    /// the model's context is shorter now than what the session has; the error of the model's load.
    pub fn restore(&self, source: Source, reading: Reading) -> Result<(Session, Stream)> {
        self.start_restore(source, None, reading, |_, stream| stream)
    }

    /// As [`Model::restore`], of a session that was saved with this adapter, known by its content, which may
    /// still load; hands the stream to `adopt` before its first event can be delivered.
    ///
    /// # Errors
    /// As [`Model::restore`]. As the stream's end: `Unsupported` for a save that was made with another
    /// adapter, or none; the error of the adapter's load.
    pub fn start_restore<T>(
        &self,
        source: Source,
        adapter: Option<Adapter>,
        reading: Reading,
        adopt: impl FnOnce(&Session, Stream) -> T,
    ) -> Result<(Session, T)> {
        self.check_computes()?;
        let (links, core) = (&self.shared.links, &self.owner.core);
        let source = source.anchored();
        let (producer, consumer, nudge) = links.job_stream(reading)?;
        let facts = Arc::new(SessionFacts::new(None));
        let id = links.name();
        let shared = SessionShared {
            id,
            context: None,
            facts: facts.clone(),
            asked: Mutex::new(Asked::restoring(consumer.control())),
            model: self.clone(),
        };
        links.tell(Command::AddRestored { session: id, model: self.shared.id, facts });
        let session = Session { shared: Arc::new(shared) };
        let adopted = adopt(&session, Stream::new(consumer, core));
        let job = Job { model: self.shared.clone(), producer, nudge, slice: core.slice() };
        core.load(Box::pin(Restore { job, session: id, source, adapter }.run()));
        Ok((session, adopted))
    }
}

impl Session {
    fn new(model: &Model, options: SessionOptions) -> Result<Self> {
        let links = &model.shared.links;
        model.check_computes()?;
        if let Ok(known) = model.facts() {
            check_context(options.context_length, known.spec.context_length)?;
        }
        model.check_adapter(options.adapter.as_ref())?;
        let facts = Arc::new(SessionFacts::new(options.system_message().as_ref()));
        let shared = SessionShared {
            id: links.name(),
            context: options.context_length,
            facts: facts.clone(),
            asked: Mutex::new(Asked::new(options.system.is_some())),
            model: model.clone(),
        };
        links.tell(Command::AddSession { session: shared.id, model: model.shared.id, options, facts });
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A second session that begins as this one is, and shares the keys and values of the past: nothing is
    /// copied but, once both have grown, a block that is partly filled. It has the same conversation, system
    /// message, tools and variables in force, and what a clear brings back. When a cancelled generation has
    /// not stopped yet, it begins as that leaves the session; it may be used at once.
    ///
    /// # Errors
    /// `Busy` while a generation is live and not cancelled; `Shutdown`; the error of a failed load or
    /// restore.
    pub fn fork(&self) -> Result<Self> {
        let links = &self.shared.model.shared.links;
        let asked = self.asked();
        asked.check_free()?;
        links.check_open()?;
        self.shared.model.check_not_failed()?;
        self.check_not_failed()?;
        let facts = Arc::new(self.shared.facts.twin());
        let shared = SessionShared {
            id: links.name(),
            context: self.shared.context,
            facts: facts.clone(),
            asked: Mutex::new(asked.twin()),
            model: self.shared.model.clone(),
        };
        links.tell(Command::ForkSession { from: self.shared.id, session: shared.id, facts });
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Starts a generation and returns its stream. Never waits: what needs the model comes as the stream's
    /// end.
    ///
    /// # Errors
    /// `InvalidArgument` for a request out of range, with an empty stop string, without input on an empty
    /// session, with tools or template variables but no messages, with raw input or a first system message
    /// beside the session's own, or with an [`answer_prefix`](Request::answer_prefix) that no answer to
    /// messages could begin with; `Busy` while another generation of the session is live and not cancelled;
    /// `QueueFull`; `Shutdown`; `StaleHandle` for a closed queue; the load's error after a failed load.
    pub fn generate(&self, request: Request, reading: Reading) -> Result<Stream> {
        self.start(request, reading, |stream| stream)
    }

    /// As [`Session::generate`], and hands the stream to `adopt` before its first event can be delivered.
    ///
    /// # Errors
    /// As [`Session::generate`].
    pub fn start<T>(
        &self,
        mut request: Request,
        reading: Reading,
        adopt: impl FnOnce(Stream) -> T,
    ) -> Result<T> {
        let links = &self.shared.model.shared.links;
        let core = &self.shared.model.owner.core;
        check(&request, self.shared.model.shared.sampling_from_model)?;
        // Before the lock: what is refused drops its delivery, which may call back, when the lock is free
        // again.
        let (producer, consumer) = links.stream(true, reading)?;
        let mut asked = self.asked();
        asked.check_free()?;
        links.check_open()?;
        self.shared.model.check_not_failed()?;
        self.check_not_failed()?;
        asked.check_request(&request)?;
        if request.sampling.seed == 0 {
            request.sampling.seed = random_seed();
        }
        // The session's cancelled generation gives its place to this one.
        let own = usize::from(asked.live().is_some());
        let limit = core.options.max_sequences.saturating_add(core.options.max_waiting).saturating_add(own);
        let Some(place) = links.facts.take_place(limit) else {
            let message = format!(
                "{limit} generations are live (max_sequences + max_waiting); wait for an END, or raise max_waiting"
            );
            return Err(Error::new(ErrorKind::QueueFull, message));
        };
        asked.generate(&request.input, consumer.control());
        let adopted = adopt(Stream::new(consumer, core));
        links.tell(Command::Submit { session: self.shared.id, request: Box::new(request), producer, place });
        Ok(adopted)
    }

    /// Saves the session as it is at the call: its conversation, its tokens, what it was made with;
    /// `with_kv`: and the keys and values that the model has of them, so that nothing is computed again after
    /// a restore. It may go on at once. The stream tells of the progress in bytes and ends with
    /// [`EndReason::Ready`](super::EndReason::Ready) when all of it is on the disk and in place. A save that
    /// was cancelled or failed before leaves the file that was there as it was; so does one whose process
    /// ends. A relative path means what it means at the call; a link is replaced, not followed.
    ///
    /// # Errors
    /// `Busy` while a generation of the session is live and not cancelled; `Shutdown`; `StaleHandle` for a
    /// closed queue; the error of a failed load or restore. As the stream's end: `Io` where it cannot be
    /// written; `Unsupported` for a session that has more than a save holds, and for keys and values that the
    /// backend cannot copy; what the storage fails with.
    pub fn save(&self, place: SavePlace, with_kv: bool, reading: Reading) -> Result<Stream> {
        self.start_save(place, with_kv, reading, |stream| stream)
    }

    /// As [`Session::save`], and hands the stream to `adopt` before its first event can be delivered.
    ///
    /// # Errors
    /// As [`Session::save`].
    pub fn start_save<T>(
        &self,
        place: SavePlace,
        with_kv: bool,
        reading: Reading,
        adopt: impl FnOnce(Stream) -> T,
    ) -> Result<T> {
        let model = &self.shared.model;
        let (links, core) = (&model.shared.links, &model.owner.core);
        let place = place.anchored();
        let (producer, consumer, nudge) = links.job_stream(reading)?;
        let asked = self.asked();
        asked.check_free()?;
        links.check_open()?;
        model.check_not_failed()?;
        self.check_not_failed()?;
        let adopted = adopt(Stream::new(consumer, core));
        let (transfer, (answer, saved)) = (Transfer::new(&model.shared), ask());
        let order = SaveOrder { id: transfer.id(), with_kv, answer };
        links.tell(Command::SaveSession(self.shared.id, order));
        drop(asked);
        let job = Job { model: model.shared.clone(), producer, nudge, slice: core.slice() };
        core.load(Box::pin(Save { job, transfer, saved, place }.run()));
        Ok(adopted)
    }

    /// # Errors
    /// That of the restore that the session should have come out of.
    fn check_not_failed(&self) -> Result<()> {
        match self.shared.facts.restored() {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// `Busy` while the session is being restored; the restore's error.
    fn check_restored(&self) -> Result<()> {
        self.asked().check_restored()?;
        self.check_not_failed()
    }

    /// What was asked so far, up to date.
    fn asked(&self) -> MutexGuard<'_, Asked> {
        let mut asked = lock(&self.shared.asked);
        asked.update(&self.shared.facts);
        asked
    }

    /// Changes the system message that belongs to the session, from the next turn on; `None`: none. The past
    /// is computed again then. Also while a generation is live, which keeps the one it was started with.
    ///
    /// # Errors
    /// `InvalidArgument` for a session with raw input, or whose conversation begins with a system message of
    /// its own, also while a generation is live that brings it; `Busy` while the session is being restored;
    /// the error of a failed restore; `Shutdown`.
    pub fn set_system(&self, system: Option<String>) -> Result<()> {
        let links = &self.shared.model.shared.links;
        let mut asked = self.asked();
        links.check_open()?;
        asked.check_restored()?;
        self.check_not_failed()?;
        asked.set_system(system.is_some())?;
        links.tell(Command::SetSystem(self.shared.id, system));
        Ok(())
    }

    /// Changes what the session is computed with, from the next turn on; `None`: the model alone. The past is
    /// computed again then. Also while a generation is live, which keeps what it was started with.
    ///
    /// # Errors
    /// `InvalidArgument` for another model's adapter, and for a scale that is not finite; `Busy` while the
    /// session is being restored; the error of a failed restore; `Shutdown`.
    pub fn set_adapter(&self, adapter: Option<SessionAdapter>) -> Result<()> {
        let links = &self.shared.model.shared.links;
        let asked = self.asked();
        links.check_open()?;
        asked.check_restored()?;
        self.check_not_failed()?;
        self.shared.model.check_adapter(adapter.as_ref())?;
        links.tell(Command::SetAdapter(self.shared.id, adapter));
        Ok(())
    }

    /// Empties the session, but for what it was made with; takes effect when a cancelled generation has
    /// stopped.
    ///
    /// # Errors
    /// `Busy` while a generation is live and not cancelled; the error of a failed restore; `Shutdown`.
    pub fn clear(&self) -> Result<()> {
        let links = &self.shared.model.shared.links;
        let mut asked = self.asked();
        asked.check_free()?;
        links.check_open()?;
        self.check_not_failed()?;
        asked.clear();
        self.shared.facts.ask_clear();
        links.tell(Command::ClearSession(self.shared.id));
        Ok(())
    }

    /// Goes back to where the session had its first `tokens` tokens; more than it has: nothing changes; 0: as
    /// [`Session::clear`]. Raw input goes back to any token. A conversation goes back to the state right
    /// behind the turn whose END said so many `session_tokens`, or behind a turn's input (its
    /// `prompt_tokens`), with the tools and variables in force then; in between to the messages that are
    /// whole within them. Keys and values that still hold are kept, the rest is computed by the next
    /// generation. Takes effect between two slices of the engine, or when a cancelled generation has stopped.
    ///
    /// # Errors
    /// `InvalidArgument` if messages have gone since the session had so many
    /// ([`Overflow::Roll`](super::Overflow::Roll)); while a cancelled generation has not stopped it stays as
    /// it is then. `Busy` while a generation is live and not cancelled; `Shutdown`.
    pub fn rewind(&self, tokens: usize) -> Result<()> {
        let links = &self.shared.model.shared.links;
        let mut asked = self.asked();
        asked.check_free()?;
        links.check_open()?;
        self.check_not_failed()?;
        asked.rewind(tokens, &self.shared.facts)?;
        self.shared.facts.ask_change();
        links.tell(Command::RewindSession(self.shared.id, tokens));
        Ok(())
    }

    /// Of the last answer only the first `bytes` bytes of its text (what began it counts; down to a whole
    /// character) were shown or spoken: the rest is forgotten. 0: the answer goes, its input stays; more than
    /// it has: all stays. For dialogue that is interrupted: behind a cancel it takes effect when the
    /// generation has stopped, and where that came to nothing there is nothing to forget: an earlier answer
    /// stays. The last ids of what stays may be others than the model's.
    ///
    /// # Errors
    /// `InvalidArgument` without an answer; `Busy` while a generation is live and not cancelled, and while
    /// the session is being restored; the error of a failed restore; `Shutdown`.
    pub fn keep(&self, bytes: usize) -> Result<()> {
        let links = &self.shared.model.shared.links;
        let asked = self.asked();
        asked.check_free()?;
        links.check_open()?;
        asked.check_restored()?;
        self.check_not_failed()?;
        asked.check_answer(&self.shared.facts)?;
        self.shared.facts.ask_change();
        links.tell(Command::KeepSaid(self.shared.id, bytes));
        Ok(())
    }

    /// The conversation, the session's own system message first, as the last generation that stopped left it:
    /// a live one shows, its input too, when its end can be read, a cancelled or closed one when it has
    /// stopped. Raw input has none.
    ///
    /// # Errors
    /// `Busy` while the session is being restored; the error of a failed restore; `OutOfMemory`.
    pub fn messages(&self) -> Result<Vec<Message>> {
        self.check_restored()?;
        self.shared.facts.past_messages(self.shared.facts.is_to_be_cleared())
    }

    /// The ids behind the conversation or the raw input, of the same moment as [`Session::messages`].
    ///
    /// # Errors
    /// As [`Session::messages`].
    pub fn tokens(&self) -> Result<Vec<u32>> {
        self.check_restored()?;
        match self.shared.facts.is_to_be_cleared() {
            true => Ok(Vec::new()),
            false => self.shared.facts.past_tokens(),
        }
    }

    /// The session's model.
    pub fn model(&self) -> &Model {
        &self.shared.model
    }

    /// What is known of the session.
    pub fn info(&self) -> SessionInfo {
        let facts = &self.shared.facts;
        let own = match facts.restored() {
            Some(Ok(restored)) => restored.context_length,
            _ => self.shared.context,
        };
        let model = self.shared.model.facts().ok().map(|facts| facts.spec.context_length);
        let context = model.map(|model| own.map_or(model, |own| own.min(model))).or(own);
        let asked = self.asked();
        let state = match asked.live() {
            Some(live) if live.is_cancelled() => SessionState::Stopping,
            Some(_) => SessionState::Generating,
            None if asked.check_restored().is_err() => SessionState::Restoring,
            None => SessionState::Idle,
        };
        drop(asked);
        let (rolled_messages, rolled_tokens) = facts.gone();
        SessionInfo {
            state,
            tokens: facts.tokens(),
            messages: facts.messages(),
            rolled_messages,
            rolled_tokens,
            context_length: context,
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.shared.id).finish_non_exhaustive()
    }
}

/// `fills`: sampling fields that are 0 are the model's, and negative ones off.
fn check(request: &Request, fills: bool) -> Result<()> {
    let filled = fills.then(|| request.sampling.clone().filled(&Recommended::default()));
    let sampling = filled.as_ref().unwrap_or(&request.sampling);
    sampling.validate().map_err(|error| error.within("sampling"))?;
    if request.cut != Cut::Token && sampling.gives_logprobs() {
        let message = format!(
            "cut is {:?}, but logprobs (or top_logprobs) give each text one id; leave one of the two out",
            request.cut
        );
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    if let Some(index) = request.stop.iter().position(String::is_empty) {
        let message = format!("stop[{index}] is empty; leave it out");
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    let variables = [("tools_json", request.tools.is_some()), ("template_json", request.template.is_some())];
    match variables.into_iter().find(|(_, given)| *given) {
        Some((name, _)) if !matches!(request.input, Input::Messages(_)) => {
            let message =
                format!("{name} goes with messages, which this generation has none of; leave it out");
            Err(Error::new(ErrorKind::InvalidArgument, message))
        }
        _ => Ok(()),
    }
}

/// A seed that is not 0, from the system's randomness.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}
