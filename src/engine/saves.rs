//! Sessions on their way into saves and out of them. Knows no bytes and no file.

use super::adapters::SessionAdapter;
use super::facts::Restored;
use super::models::Models;
use super::pasts::{Answer, PastOrder, Pasts};
use super::session::{Errand, Session, check_context};
use crate::chat::{Conversation, context_full, copies};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::IdMap;
use crate::store;

/// A session as it is at one moment.
#[derive(Debug, Default)]
pub struct Saved {
    /// All but the tokens.
    pub session: store::Session,
    /// The tokens.
    pub tokens: Vec<u32>,
    /// Where it can go back to; `None`: the save does not say it.
    pub places: Option<store::Places>,
    /// What it is computed with, of a session that comes out of a save.
    pub adapter: Option<SessionAdapter>,
    /// Its keys and values, whose bytes can be read from now on ([`PastOrder::Read`]).
    pub past: Option<store::Past>,
}

/// What is asked of a save.
pub struct SaveOrder {
    /// A number that no other save or restore has.
    pub id: u64,
    /// With the keys and values that there are.
    pub with_kv: bool,
    /// Gets the session.
    pub answer: Answer<Saved>,
}

/// Saves that wait until their session rests, and the keys and values that go their way.
#[derive(Default)]
pub(super) struct Saves {
    asked: IdMap<u64, SaveOrder>,
    pasts: Pasts,
}

impl Saves {
    /// A save of what `session` is when all is done that was asked of it before.
    pub(super) fn ask(&mut self, session: &mut Session, order: SaveOrder) {
        session.errands.push_back(Errand::Save(order.id));
        self.asked.insert(order.id, order);
    }

    /// The session rests, or never begins: it is what the save asked for.
    pub(super) fn take(&mut self, save: u64, session: &Session, models: &mut Models) {
        let Some(SaveOrder { id, with_kv, answer }) = self.asked.remove(&save) else { return };
        answer(match session.errands.front() {
            Some(Errand::Begin(Some(error))) => Err(error.clone()),
            _ => self.saved(id, with_kv, session, models),
        });
    }

    fn saved(&mut self, id: u64, with_kv: bool, of: &Session, models: &mut Models) -> Result<Saved> {
        let tokens = copies::tokens([&of.tokens, &[]])?;
        let most = models.ready(of.model).map(|ready| ready.spec().context_length);
        // One that was given no length has the model's by now.
        let context_length = of.context.filter(|own| Some(*own) != most).map(|own| own as u64);
        let adapter = of.facts.adapter().map(|adapter| adapter.adapted()).transpose()?;
        let adapter = adapter.map(|adapted| {
            let content = adapted.adapter.about().content;
            store::Adapter { content, scale: adapted.scale }
        });
        let session = store::Session { context_length, adapter, ..of.conversation.saved()? };
        let places = Some(of.conversation.saved_places()?);
        let length = of.cut.map_or(tokens.len(), |cut| cut.min(tokens.len()));
        let past = match of.sequence.filter(|_| with_kv) {
            Some(sequence) => self.pasts.leave(id, of.model, (sequence, length), &tokens, models)?,
            None => None,
        };
        Ok(Saved { session, tokens, places, adapter: None, past })
    }

    /// Does something with the keys and values of a save or restore.
    pub(super) fn obey(&mut self, id: u64, order: PastOrder, models: &mut Models) {
        if matches!(order, PastOrder::End) {
            // Nobody waits for it any more.
            self.asked.remove(&id);
        }
        self.pasts.obey(id, order, models);
    }

    /// Makes the session, which waits for it, what was saved; its keys and values are those of `past`, or
    /// are computed again.
    ///
    /// # Errors
    /// As [`check_saved`]; `Unsupported`: it has what this release lacks. The session then refuses all that
    /// is asked of it.
    pub(super) fn restore(
        &mut self,
        session: &mut Session,
        saved: Result<Saved>,
        past: Option<u64>,
        models: &mut Models,
    ) -> Result<()> {
        if session.errands.pop_front_if(|next| *next == Errand::Begin(None)).is_none() {
            return Err(Error::new(ErrorKind::Internal, "the session is not being restored"));
        }
        let restored = saved.and_then(|saved| fill(session, saved, models));
        match (&restored, past) {
            // What finds no memory now is computed again.
            (Ok(_), Some(past)) => session.sequence = self.pasts.finish(past, models).ok(),
            (Err(error), _) => session.errands.push_front(Errand::Begin(Some(error.clone()))),
            (Ok(_), None) => {}
        }
        session.facts.restored.set(restored.clone());
        restored.map(drop)
    }
}

/// Tokens that a session may hold which was saved with this context and so many tokens, of a model with a
/// context of `most`.
///
/// # Errors
/// `InvalidArgument`, `ContextFull`: that is more than the model has.
pub fn check_saved(context: Option<u64>, tokens: usize, most: usize) -> Result<usize> {
    let context = check_context(context.map(|own| usize::try_from(own).unwrap_or(usize::MAX)), most)?;
    match tokens {
        more if more > context => Err(context_full(more, context)),
        _ => Ok(context),
    }
}

fn fill(session: &mut Session, saved: Saved, models: &Models) -> Result<Restored> {
    let gone = || Error::new(ErrorKind::Internal, "the session's model is gone");
    let model = models.ready(session.model).ok_or_else(gone)?.spec();
    let context = saved.session.context_length;
    check_saved(context, saved.tokens.len(), model.context_length)?;
    let has_system = saved.session.system.is_some();
    session.conversation = Conversation::restored(saved.session)?;
    session.facts.set_adapter(saved.adapter);
    session.tokens = saved.tokens;
    match saved.places {
        Some(places) => session.conversation.restore_places(places),
        None => session.conversation.keep_place(session.tokens.len()),
    }
    session.context = context.and_then(|context| usize::try_from(context).ok());
    session.publish();
    Ok(Restored { context_length: session.context, has_system })
}
