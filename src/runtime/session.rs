//! A session's handle: a conversation, one generation at a time.

use super::links::Command;
use super::model::Model;
use super::options::Reading;
use super::stream::Stream;
use crate::engine::{Input, Request, SessionFacts, SessionOptions, check_beside_system, check_context};
use crate::error::{Error, ErrorKind, Result};
use crate::stream::Control;
use crate::sync::{AtomicBool, Mutex, Ordering, lock};
use crate::text::Message;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

struct SessionShared {
    id: u64,
    context: Option<usize>,
    facts: Arc<SessionFacts>,
    /// The last generation, which may be live.
    last: Mutex<Option<Control>>,
    /// It was cleared since, which the engine may not have heard yet. Written under `last`.
    cleared: AtomicBool,
    /// It has a system message of its own. Written under `last`.
    system: AtomicBool,
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
    /// generations); `Unsupported` for a model that was loaded for its vocabulary only; the load's error
    /// after a failed load; `Shutdown`.
    pub fn session_with(&self, options: SessionOptions) -> Result<Session> {
        Session::new(self, options)
    }
}

impl Session {
    fn new(model: &Model, options: SessionOptions) -> Result<Self> {
        let links = &model.shared.links;
        links.check_open()?;
        model.check_not_failed()?;
        if model.shared.vocab_only {
            let why = "the model was loaded with vocab_only: it has no weights; load it without for sessions";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        if let Ok(known) = model.facts() {
            check_context(options.context_length, known.spec.context_length)?;
        }
        let facts = Arc::new(SessionFacts::new(options.system_message().as_ref()));
        let shared = SessionShared {
            id: links.name(),
            context: options.context_length,
            facts: facts.clone(),
            last: Mutex::new(None),
            cleared: AtomicBool::new(false),
            system: AtomicBool::new(options.system.is_some()),
            model: model.clone(),
        };
        links.tell(Command::AddSession { session: shared.id, model: model.shared.id, options, facts });
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Starts a generation and returns its stream. Never waits: what needs the model comes as the stream's
    /// end.
    ///
    /// # Errors
    /// `InvalidArgument` for a request out of range, or without input on an empty session; `Busy` while
    /// another generation of the session is live and not cancelled; `QueueFull`; `Shutdown`; `StaleHandle`
    /// for a closed queue; the load's error after a failed load.
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
        check(&request)?;
        // Before the lock: what is refused drops its delivery, which may call back, when the lock is free
        // again.
        let (producer, consumer) = links.stream(true, reading)?;
        let mut last = lock(&self.shared.last);
        check_free(last.as_ref())?;
        links.check_open()?;
        self.shared.model.check_not_failed()?;
        self.check_input(&request.input, last.as_ref())?;
        if request.sampling.seed == 0 {
            request.sampling.seed = random_seed();
        }
        // The session's cancelled generation gives its place to this one.
        let own = usize::from(last.as_ref().is_some_and(|last| !last.has_ended()));
        let limit = core.options.max_sequences.saturating_add(core.options.max_waiting).saturating_add(own);
        let Some(place) = links.facts.take_place(limit) else {
            let message = format!(
                "{limit} generations are live (max_sequences + max_waiting); wait for an END, or raise max_waiting"
            );
            return Err(Error::new(ErrorKind::QueueFull, message));
        };
        *last = Some(consumer.control());
        self.shared.cleared.store(false, Ordering::SeqCst);
        if matches!(request.input, Input::Text(_) | Input::Tokens(_)) {
            self.shared.facts.set_raw(true);
        }
        let adopted = adopt(Stream::new(consumer, core));
        links.tell(Command::Submit { session: self.shared.id, request: Box::new(request), producer, place });
        Ok(adopted)
    }

    /// Refuses input that cannot follow what the session holds, as far as that is known without the engine.
    fn check_input(&self, input: &Input, last: Option<&Control>) -> Result<()> {
        let facts = &self.shared.facts;
        let cleared = self.shared.cleared.load(Ordering::SeqCst);
        let settled = last.is_none_or(Control::has_ended);
        if *input == Input::Continue && (cleared || (settled && facts.tokens() == 0)) {
            let why = "no input, and the session is empty: give a prompt, prompt_tokens or messages";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        match self.shared.system.load(Ordering::SeqCst) {
            true => check_beside_system(input, cleared || (settled && facts.messages() == 0)),
            false => Ok(()),
        }
    }

    /// Changes the system message that belongs to the session, from the next turn on; `None`: none. The past
    /// is computed again then. Also while a generation is live, which keeps the one it was started with.
    ///
    /// # Errors
    /// `InvalidArgument` for a session with raw input, or whose conversation begins with a system message of
    /// its own; `Shutdown`.
    pub fn set_system(&self, system: Option<String>) -> Result<()> {
        let _last = lock(&self.shared.last);
        self.shared.model.shared.links.check_open()?;
        if self.shared.facts.is_raw() && !self.shared.cleared.load(Ordering::SeqCst) {
            let why =
                "the session holds raw input, which has no system message; clear it first, or use another";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        let own = self.shared.facts.begins_with_system() && !self.is_cleared();
        if own && system.is_some() {
            let why = "the conversation begins with a system message of its own; clear the session first, or use another";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        self.shared.system.store(system.is_some(), Ordering::SeqCst);
        self.shared.model.shared.links.tell(Command::SetSystem(self.shared.id, system));
        Ok(())
    }

    /// Empties the session, but for what it was made with; takes effect when a cancelled generation has
    /// stopped.
    ///
    /// # Errors
    /// `Busy` while a generation is live and not cancelled; `Shutdown`.
    pub fn clear(&self) -> Result<()> {
        let last = lock(&self.shared.last);
        check_free(last.as_ref())?;
        self.shared.model.shared.links.check_open()?;
        self.shared.facts.ask_clear();
        self.shared.model.shared.links.tell(Command::ClearSession(self.shared.id));
        self.shared.cleared.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// The conversation, the session's own system message first, as the last generation that stopped left it:
    /// a live one shows, its input too, when its end can be read, a cancelled or closed one when it has
    /// stopped. Raw input has none.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn messages(&self) -> Result<Vec<Message>> {
        self.shared.facts.past_messages(self.is_cleared())
    }

    /// The ids behind the conversation or the raw input, of the same moment as [`Session::messages`].
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn tokens(&self) -> Result<Vec<u32>> {
        match self.is_cleared() {
            true => Ok(Vec::new()),
            false => self.shared.facts.past_tokens(),
        }
    }

    /// Whether what the engine shows last is from before a clear.
    fn is_cleared(&self) -> bool {
        self.shared.cleared.load(Ordering::SeqCst) || self.shared.facts.is_to_be_cleared()
    }

    /// The session's model.
    pub fn model(&self) -> &Model {
        &self.shared.model
    }

    /// What is known of the session, as JSON; the state is "idle", "generating" or "stopping".
    pub fn info(&self) -> serde_json::Value {
        let facts = &self.shared.facts;
        let own = self.shared.context.unwrap_or(usize::MAX);
        let model = self.shared.model.facts().ok().map(|facts| facts.spec.context_length);
        let context = model.map(|model| own.min(model)).or(self.shared.context);
        let state = match &*lock(&self.shared.last) {
            Some(last) if !last.has_ended() && last.is_cancelled() => "stopping",
            Some(last) if !last.has_ended() => "generating",
            _ => "idle",
        };
        serde_json::json!({
            "state": state,
            "tokens": facts.tokens(),
            "messages": facts.messages(),
            "context_length": context,
            "context_left": context.map(|context| context.saturating_sub(facts.tokens())),
        })
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.shared.id).finish_non_exhaustive()
    }
}

fn check_free(last: Option<&Control>) -> Result<()> {
    match last {
        Some(last) if !last.has_ended() && !last.is_cancelled() => {
            let why = "the session has a live generation; read its END, or cancel or close it first";
            Err(Error::new(ErrorKind::Busy, why))
        }
        _ => Ok(()),
    }
}

fn check(request: &Request) -> Result<()> {
    request.sampling.validate().map_err(|error| error.within("sampling"))?;
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
