//! From the waiting line to the first pass: whose turn it is, the text work, the session's new state.

use super::chooser::Chooser;
use super::generation::{Run, State};
use super::memory::is_in;
use super::models::Models;
use super::queue::Queue;
use super::rate::Rate;
use super::request::Request;
use super::session::{Errand, Sessions};
use super::span::Span;
use crate::chat::{
    Input, Mode, Output, Prefix, Prompt, Rule, TextJob, ToolChoice, Turning, Work, context_full,
};
use crate::error::{Error, ErrorKind, Result};
use crate::sample::Sampler;
use crate::stream::{End, EndReason};
use crate::text::grammar::{Bound, GrammarScope};
use crate::text::{Unfinished, Vocab};
use std::sync::Weak;
use std::time::Instant;

/// Whether a waiting generation may start. `busy`: the pass under way.
///
/// # Errors
/// It never may.
pub(super) fn is_next(
    id: u64,
    queue: &Queue,
    models: &Models,
    sessions: &Sessions,
    busy: &[Span],
) -> Result<bool> {
    let Some(generation) = queue.get(id) else { return Ok(false) };
    let Some(session) = sessions.get(&generation.session) else { return Ok(false) };
    if let Some(Errand::Begin(Some(error))) = session.errands.front() {
        return Err(error.clone());
    }
    let free = session.active.is_none() && session.errands.front() == Some(&Errand::Generate(id));
    if !models.is_ready(generation.model)? || !free {
        return Ok(false);
    }
    let adapter = session.facts.adapter();
    let adapter_is_ready = adapter.map_or(Ok(true), |adapter| adapter.is_ready())?;
    Ok(adapter_is_ready && !is_in(busy, generation.session))
}

/// The text work of a generation that starts; the session is its own from here on. `wanted`: gone with the
/// generation.
///
/// # Errors
/// `InvalidArgument` if the session does not take this input; `Unsupported` for a model that generates none;
/// `OutOfMemory`.
pub(super) fn text_job(
    id: u64,
    wanted: Weak<()>,
    queue: &Queue,
    models: &Models,
    sessions: &mut Sessions,
) -> Result<TextJob> {
    let gone = || Error::new(ErrorKind::Internal, "the generation's session is gone");
    let generation = queue.get(id).ok_or_else(gone)?;
    let session = sessions.get_mut(&generation.session).ok_or_else(gone)?;
    let ready = models.ready(generation.model).ok_or_else(gone)?;
    session.active = Some(id);
    session.errands.pop_front();
    ready.check_generates()?;
    let context = session.context(ready.spec())?;
    let (request, options) = (&generation.request, generation.request.text_options());
    let work = Work::new(&request.input, options, &mut session.conversation, &session.tokens)?;
    let turning = session.conversation.turning(&request.input, options);
    let turning = match (&request.grammar, request.grammar_scope) {
        (None, _) => turning,
        // It binds all of it: there is no thinking and no call.
        (Some(_), GrammarScope::All) => None,
        (Some(_), GrammarScope::Answer) => turning.map(Turning::without_calls),
    };
    let words = (ready.vocab().clone(), ready.learned().clone());
    let job = TextJob::new(id, words, (work, turning), options, context, wanted)?;
    let rule = match (&request.grammar, &request.tool_choice) {
        _ if request.prefill_only => None,
        (Some(grammar), _) => Some(Rule::Grammar(grammar.clone())),
        (None, ToolChoice::Required) => Some(Rule::Call(None)),
        (None, ToolChoice::Named(name)) => Some(Rule::Call(Some(name.clone()))),
        (None, ToolChoice::Auto | ToolChoice::None) => None,
    };
    Ok(match rule {
        Some(rule) => job.under(rule, ready.grammars().clone(), !request.ignore_eos),
        None => job,
    })
}

/// The generation's tokens are known: it takes part in passes from now on, but for an end that is there
/// already. `passes` were computed so far.
///
/// # Errors
/// `InvalidArgument`, `ContextFull`, `OutOfMemory`, or a fault of the decoder.
pub(super) fn prepare(
    id: u64,
    (prompt, bound): (Prompt, Option<Box<Bound>>),
    queue: &mut Queue,
    models: &mut Models,
    sessions: &mut Sessions,
    passes: u64,
) -> Result<Option<End>> {
    let Some(generation) = queue.get_mut(id) else { return Ok(None) };
    let Some(session) = sessions.get_mut(&generation.session) else { return Ok(None) };
    let sampling = models.sampling(generation.model, &generation.request.sampling);
    let Some(ready) = models.ready_mut(generation.model) else { return Ok(None) };
    let State::Preparing { since, .. } = generation.state else { return Ok(None) };
    let Prompt { tokens, prefix, rolled, talk, notes } = prompt;
    if tokens.is_empty() {
        let why = "the input has no tokens and the session is empty: give it a prompt or messages";
        return Err(Error::new(ErrorKind::InvalidArgument, why));
    }
    let (total, fills_only) = (tokens.len(), generation.request.prefill_only);
    let context = session.context(ready.spec())?;
    if total > context {
        return Err(context_full(total, context));
    }
    let mut sampler = Sampler::new(sampling, ready.spec().vocab_size)?;
    let vocab = ready.vocab();
    tokens.iter().for_each(|token| sampler.accept(*token, || vocab.bytes(*token)));
    let sequence = match session.sequence {
        Some(sequence) => sequence,
        None => ready.open(context, session.facts.adapter().as_ref())?,
    };
    session.sequence = Some(sequence);
    let input = std::mem::replace(&mut generation.request.input, Input::Continue);
    let continues = input == Input::Continue;
    let keeps_answer = session.conversation.mode_after(&input) == Mode::Chat;
    let unfinished = session.conversation.unfinished(continues);
    let request = &generation.request;
    let mut output = output(request, &tokens[total - prefix..], &**ready.vocab(), keeps_answer, unfinished)?;
    talk.into_iter().for_each(|talk| output.follow(talk));
    let (keep, undo) = session.advance(tokens, input, request.text_options(), rolled.as_ref(), prefix)?;
    // The last token is fed again if need be: its logits are wanted.
    let most = if fills_only { total } else { total - 1 };
    let keep = keep.min(most);
    let keep = session.cut.take().map_or(keep, |cut| cut.min(keep));
    let cut = ready.truncate(sequence, keep);
    let held = match cut.and_then(|_| ready.seek(sequence, &session.tokens, most)) {
        Ok(held) => held,
        Err(error) => {
            // What the sequence holds now is not known.
            session.restore(undo);
            session.cut = Some(0);
            return Err(error);
        }
    };
    if let Some(rolled) = &rolled {
        generation.producer.note(rolled.note());
    }
    notes.into_iter().for_each(|note| generation.producer.note(note));
    generation.producer.update(|stats| {
        stats.prompt_tokens = total as u32;
        stats.cached_tokens = held as u32;
        stats.session_tokens = total as u32;
    });
    let rate = Rate::new(generation.request.max_tokens_per_second);
    let chooser = Chooser::new(sampler, bound);
    let is_complete = chooser.is_finished();
    let run = Run::new(chooser, output, undo, continues, rate, since, passes);
    let end = if fills_only && held == total {
        run.count_prefill(&generation.producer, Instant::now());
        Some(End::new(EndReason::Ready))
    } else if is_complete {
        // The prefix is all that the grammar allows.
        Some(End::new(EndReason::Stop))
    } else {
        (!fills_only && total >= context).then(|| End::new(EndReason::ContextFull))
    };
    generation.state = State::Running(Box::new(run));
    Ok(end)
}

/// How a generation's ids become text, those of its `prefix` first.
fn output(
    request: &Request,
    prefix: &[u32],
    vocab: &dyn Vocab,
    keeps_answer: bool,
    unfinished: Unfinished,
) -> Result<Output> {
    let mut output = Output::new(request.echo_special, &request.stop, keeps_answer, unfinished)?;
    if request.sampling.gives_logprobs() {
        output.give_id_by_id();
    } else {
        output.give_in_pieces(request.cut);
    }
    if !request.answer_prefix.is_empty() {
        output.begin_with(Prefix::new(&request.answer_prefix, prefix, vocab)?)?;
    }
    Ok(output)
}
