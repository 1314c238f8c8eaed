//! What waits to be done with sessions, in the order in which it was asked for, once no generation of theirs
//! is under way; knows no stream.

use super::memory::empty_if_cut;
use super::models::Models;
use super::saves::Saves;
use super::session::{Errand, Session, Sessions};
use super::span::Span;

/// Does what waits for the session, up to its next generation, and then what waits for that of others.
/// `busy`: the pass under way. Whether other sessions may go on that could not before.
pub(super) fn run(
    id: u64,
    sessions: &mut Sessions,
    models: &mut Models,
    saves: &mut Saves,
    busy: &[Span],
) -> bool {
    let (mut begun, mut twins) = (false, Vec::new());
    let mut next = Some(id);
    while let Some(id) = next {
        let (mut clears, mut changes) = (0, 0);
        while let Some(session) = sessions.get_mut(&id)
            && let Some(errand) = session.next_errand()
        {
            match errand {
                Errand::Clear => {
                    session.clear();
                    clears += 1;
                    changes += 1;
                }
                Errand::Rewind(_) | Errand::Keep(_) => {
                    // One that holds anything has a model.
                    if let Some(ready) = models.ready(session.model) {
                        match errand {
                            Errand::Rewind(count) => session.rewind(count, &**ready.vocab()),
                            Errand::Keep(bytes) => {
                                session.keep_said(bytes, &**ready.vocab(), ready.learned())
                            }
                            _ => {}
                        }
                    }
                    changes += 1;
                }
                Errand::SetSystem(system) => session.conversation.set_system(system),
                Errand::SetAdapter(adapter) => {
                    session.facts.set_adapter(adapter);
                    // What it holds was computed with another.
                    session.cut = None;
                    if let Some(sequence) = session.sequence.take()
                        && let Some(ready) = models.ready_mut(session.model)
                    {
                        ready.close(sequence);
                    }
                }
                Errand::Fork(twin) => {
                    fork(id, twin, sessions, models);
                    begun = true;
                    twins.push(twin);
                }
                Errand::Save(save) => saves.take(save, session, models),
                Errand::Close => remove(id, sessions, models),
                // They wait for others.
                Errand::Begin(_) | Errand::Generate(_) => {}
            }
        }
        if let Some(session) = sessions.get_mut(&id) {
            session.rest();
            // Behind the rest, which shows them.
            session.facts.changes_done(changes, clears);
        }
        empty_if_cut(id, models, sessions, busy);
        next = twins.pop();
    }
    begun
}

/// Forgets a session. One that others are to begin as, or that is to be saved, stays until that is done.
pub(super) fn close(id: u64, sessions: &mut Sessions, models: &mut Models) {
    let Some(session) = sessions.get_mut(&id) else { return };
    let told = |errand: &Errand| matches!(errand, Errand::Fork(_) | Errand::Save(_));
    if session.errands.iter().any(told) {
        session.errands.push_back(Errand::Close);
    } else {
        remove(id, sessions, models);
    }
}

fn remove(id: u64, sessions: &mut Sessions, models: &mut Models) {
    let Some(session) = sessions.remove(&id) else { return };
    if let Some((sequence, ready)) = session.sequence.zip(models.ready_mut(session.model)) {
        ready.close(sequence);
    }
}

/// Lets `twin`, which waits for it, begin as `from` is now.
fn fork(from: u64, twin: u64, sessions: &mut Sessions, models: &mut Models) {
    let (Some(session), Some(waiting)) = (sessions.get(&from), sessions.get(&twin)) else { return };
    let made = match session.errands.front() {
        Some(Errand::Begin(Some(error))) => Err(error.clone()),
        _ => session.twin(waiting.facts.clone()),
    };
    let sequence = made.as_ref().ok().and_then(|_| {
        // Without memory for it the past is computed again.
        models.ready_mut(session.model)?.fork(session.sequence?, session.cut.unwrap_or(usize::MAX))
    });
    let (restored, adapter) = (session.facts.restored.get().cloned(), session.facts.adapter());
    let Some(waiting) = sessions.get_mut(&twin) else { return };
    if let Some(restored) = restored {
        waiting.facts.restored.set(restored);
    }
    match made {
        Ok(made) => {
            let mut errands = std::mem::take(&mut waiting.errands);
            errands.pop_front();
            *waiting = Session { sequence, errands, ..made };
            waiting.facts.set_adapter(adapter);
            waiting.publish();
            waiting.facts.changes_done(1, 0);
        }
        Err(error) => waiting.errands[0] = Errand::Begin(Some(error)),
    }
}
