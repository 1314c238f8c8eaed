//! From the waiting line to the first pass: a place, the text work, the session's new state.

use super::conversation::Mode;
use super::copies;
use super::generation::{Run, State};
use super::output::Output;
use super::request::{Input, Request};
use super::session::{Errand, Session};
use super::state::{Engine, ModelState, guarded};
use super::text_job::{TextJob, Work, context_full};
use crate::error::{Error, ErrorKind, Result};
use crate::sample::Sampler;
use crate::stream::{End, EndReason};
use std::sync::{Arc, Weak};
use std::time::Instant;

/// Whether a waiting generation may start.
enum Turn {
    Now,
    NotYet,
    Never(Error),
}

impl Engine {
    /// Gives places to those in line whose session and model are ready; false: it is past `until`, and some
    /// may be left.
    pub(super) fn admit(&mut self, until: Instant) -> bool {
        let line: Vec<u64> = self.line.iter().map(|(_, id)| *id).collect();
        // Who waits for a reader leaves its place to others.
        let computing = self.running.iter().filter(|id| self.has_room(**id) != Some(false)).count();
        let mut free = self.limits.max_sequences.saturating_sub(computing);
        let mut late = false;
        for id in line {
            match self.turn(id) {
                Turn::Never(error) => self.end(id, End::failed(error)),
                Turn::Now if free > 0 => {
                    if late {
                        return false;
                    }
                    free -= 1;
                    self.start(id);
                    // Text takes its time.
                    late = Instant::now() >= until;
                }
                Turn::Now | Turn::NotYet => {}
            }
        }
        self.weigh();
        true
    }

    fn turn(&self, id: u64) -> Turn {
        let Some(generation) = self.generations.get(&id) else { return Turn::NotYet };
        let Some(session) = self.sessions.get(&generation.session) else { return Turn::NotYet };
        match self.models.get(&generation.model).map(|model| &model.state) {
            Some(ModelState::Failed(error)) => return Turn::Never(error.clone()),
            Some(ModelState::Ready { .. }) => {}
            Some(ModelState::Loading) => return Turn::NotYet,
            None => return Turn::Never(Error::new(ErrorKind::Internal, "the generation's model is gone")),
        }
        let free = session.active.is_none() && session.errands.front() == Some(&Errand::Generate(id));
        if free && !self.in_pass(generation.session) { Turn::Now } else { Turn::NotYet }
    }

    fn start(&mut self, id: u64) {
        let Some(generation) = self.generations.get_mut(&id) else { return };
        self.line.remove(&(std::cmp::Reverse(generation.request.priority), id));
        self.running.push(id);
        let waited = generation.producer.age().as_nanos() as u64;
        generation.producer.update(|stats| stats.queue_ns = waited);
        generation.producer.started();
        let wanted = Arc::new(());
        let job = Arc::downgrade(&wanted);
        generation.state = State::Preparing { since: Instant::now(), _wanted: wanted };
        match self.text_job(id, job) {
            Ok(job) if job.is_short(self.limits.inline_bytes) => self.finish_text(job.run()),
            Ok(job) => self.jobs.push_back(job),
            Err(error) => self.end(id, End::failed(error)),
        }
    }

    fn text_job(&mut self, id: u64, wanted: Weak<()>) -> Result<TextJob> {
        let gone = || Error::new(ErrorKind::Internal, "the generation's session is gone");
        let generation = self.generations.get(&id).ok_or_else(gone)?;
        let session = self.sessions.get_mut(&generation.session).ok_or_else(gone)?;
        let Some(ModelState::Ready { decoder, vocab }) =
            self.models.get(&generation.model).map(|model| &model.state)
        else {
            return Err(gone());
        };
        session.active = Some(id);
        session.errands.pop_front();
        let context = session.context(decoder.spec())?;
        session.conversation.check(&generation.request.input)?;
        let work = match &generation.request.input {
            Input::Messages(new) => Work::Conversation(session.conversation.turn(new, &generation.request)?),
            Input::Text(text) => Work::Text {
                past: copies::tokens([&session.tokens, &[]])?,
                text: copies::text(text)?,
                parse_special: generation.request.parse_special,
            },
            Input::Tokens(new) => {
                Work::Tokens { tokens: copies::tokens([&session.tokens, new])?, new: new.len() }
            }
            Input::Continue if opens_turn(session, &generation.request) => {
                Work::Conversation(session.conversation.turn(&[], &generation.request)?)
            }
            Input::Continue => Work::Tokens { tokens: copies::tokens([&session.tokens, &[]])?, new: 0 },
        };
        Ok(TextJob {
            generation: id,
            vocab: vocab.clone(),
            work,
            context,
            prefill_only: generation.request.prefill_only,
            wanted,
        })
    }

    /// The generation's tokens are known: it takes part in passes from now on.
    pub(super) fn run(&mut self, id: u64, tokens: Vec<u32>) {
        let prepared = guarded(|| self.prepare(id, tokens));
        if let Some(end) = prepared.unwrap_or_else(|error| Some(End::failed(error))) {
            self.end(id, end);
        }
    }

    fn prepare(&mut self, id: u64, tokens: Vec<u32>) -> Result<Option<End>> {
        let Some(generation) = self.generations.get_mut(&id) else { return Ok(None) };
        let Some(session) = self.sessions.get_mut(&generation.session) else { return Ok(None) };
        let Some(ModelState::Ready { decoder, .. }) =
            self.models.get_mut(&generation.model).map(|model| &mut model.state)
        else {
            return Ok(None);
        };
        let State::Preparing { since, .. } = generation.state else { return Ok(None) };
        if tokens.is_empty() {
            let why = "the input has no tokens and the session is empty: give it a prompt or messages";
            return Err(Error::new(ErrorKind::InvalidArgument, why));
        }
        let (total, fills_only) = (tokens.len(), generation.request.prefill_only);
        let context = session.context(decoder.spec())?;
        if total > context {
            return Err(context_full(total, context));
        }
        let mut sampler = Sampler::new(generation.request.sampling.clone(), decoder.spec().vocab_size)?;
        tokens.iter().for_each(|token| sampler.accept(*token));
        let sequence = match session.sequence {
            Some(sequence) => sequence,
            None => decoder.open(context)?,
        };
        session.sequence = Some(sequence);
        let continues = matches!(generation.request.input, Input::Continue);
        let (mode, messages) = match std::mem::replace(&mut generation.request.input, Input::Continue) {
            Input::Messages(messages) => (Mode::Chat, messages),
            Input::Continue if session.conversation.mode() != Mode::Empty => {
                (session.conversation.mode(), Vec::new())
            }
            _ => (Mode::Raw, Vec::new()),
        };
        let keeps_answer = mode == Mode::Chat;
        let unfinished = session.conversation.unfinished(continues);
        let request = &generation.request;
        let mut output = Output::new(request.echo_special, &request.stop, keeps_answer, unfinished)?;
        if request.sampling.logprobs {
            output.give_id_by_id();
        }
        let (keep, undo) = session.advance(tokens, mode, messages, continues, request)?;
        // The last token is fed again if need be: its logits are wanted.
        let keep = keep.min(if fills_only { total } else { total - 1 });
        let keep = session.cut.take().map_or(keep, |cut| cut.min(keep));
        let held = if decoder.length(sequence) > keep {
            match guarded(|| Ok(decoder.truncate(sequence, keep))) {
                Ok(held) => held,
                Err(error) => {
                    // What the sequence holds now is not known.
                    session.restore(undo);
                    session.cut = Some(0);
                    return Err(error);
                }
            }
        } else {
            decoder.length(sequence)
        };
        generation.producer.update(|stats| {
            stats.prompt_tokens = total as u32;
            stats.cached_tokens = held as u32;
            stats.session_tokens = total as u32;
        });
        let run = Run::new(sampler, output, undo, continues, since, self.facts.passes());
        let end = if fills_only && held == total {
            run.count_prefill(&generation.producer, Instant::now());
            Some(End::new(EndReason::Ready))
        } else {
            (!fills_only && total >= context).then(|| End::new(EndReason::ContextFull))
        };
        generation.state = State::Running(Box::new(run));
        Ok(end)
    }
}

/// Whether a conversation that goes on without input has no assistant's turn to go on with: it ends with what
/// the host gave.
fn opens_turn(session: &Session, request: &Request) -> bool {
    let conversation = &session.conversation;
    conversation.mode() == Mode::Chat && !conversation.is_open() && !request.prefill_only
}
