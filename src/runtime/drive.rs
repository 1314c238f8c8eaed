//! The engine's task: commands in, slices of work, and sleep when there is none; knows neither threads nor
//! models.

use super::lane::Clock;
use super::links::{Command, Links};
use super::pace::Pacer;
use crate::engine::{Engine, Outcome};
use crate::log::Level;
use crate::stream::EndReason;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Drives the engine until it is told to shut down; every generation has its end then. `shares`: others run
/// on this executor too, and get a turn after every slice.
pub(super) async fn drive(
    mut engine: Engine,
    commands: async_channel::Receiver<Command>,
    links: Arc<Links>,
    clock: Arc<Clock>,
    shares: bool,
) {
    let slice = shares.then_some(engine.slice());
    let (mut called, mut pacer) = (true, Pacer::new(links.pace.clone()));
    loop {
        // Whoever has something for the engine raises the signal afterwards.
        if links.signal.take() || called {
            while let Ok(command) = commands.try_recv() {
                if matches!(command, Command::Shutdown) {
                    shut_down(engine, &commands, &links);
                    return;
                }
                protected(&mut engine, &links, |engine| obey(engine, command));
            }
            if links.streams_changed.take() {
                engine.check_streams();
            }
        }
        let step = if pacer.rests() { Engine::step_without_computing } else { Engine::step };
        let outcome = protected(&mut engine, &links, step).unwrap_or(Outcome::Worked);
        while let Some(job) = engine.take_job() {
            let back = links.clone();
            links.prepare_text(Box::pin(async move {
                let done = job.run_in_pieces(slice, || back.check_open()).await;
                // Stopped by the shutdown it is no error: all generations get their end then, with that
                // reason.
                if !back.is_stopping() {
                    back.tell(Command::FinishText(done));
                }
            }));
        }
        while let Some(job) = engine.take_texts() {
            let back = links.clone();
            links.prepare_text(Box::pin(async move {
                let done = job.run_in_pieces(slice, || back.check_open()).await;
                if !back.is_stopping() {
                    back.tell(Command::FinishTexts(done));
                }
            }));
        }
        match outcome {
            Outcome::Worked => {
                called = false;
                pacer.worked();
                if shares {
                    smol::future::yield_now().await;
                }
            }
            Outcome::Idle(until) => {
                clock.set(pacer.until(until));
                poll_fn(|context| links.signal.poll_take(context)).await;
                clock.set(None);
                called = true;
            }
        }
    }
}

/// Does one thing with the engine; if it panics, every generation ends with an error and the engine goes on.
fn protected<T>(engine: &mut Engine, links: &Links, work: impl FnOnce(&mut Engine) -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(|| work(engine))) {
        Ok(value) => Some(value),
        Err(_) => {
            let why = "a panic in the engine: its generations end, the runtime goes on";
            links.log.line(Level::Error, "engine_panic").with("message", why).send();
            // Each try ends one at least, so that one that panics again does not keep the others from their
            // end.
            while catch_unwind(AssertUnwindSafe(|| engine.end_all(None))).is_err() {}
            None
        }
    }
}

fn obey(engine: &mut Engine, command: Command) {
    match command {
        Command::AddModel { model, drafts } => {
            engine.add_model(model);
            if !drafts {
                engine.no_drafts(model);
            }
        }
        Command::FinishLoad(model, loaded) => engine.finish_load(model, loaded),
        Command::KeepMapped(model) => engine.keep_mapped(model),
        Command::Recommend(model, recommended) => engine.recommend(model, recommended),
        Command::RemoveModel(model) => engine.remove_model(model),
        Command::AddSession { session, model, options, facts } => {
            engine.add_session(session, model, options, facts);
        }
        Command::RewindSession(session, count) => engine.rewind_session(session, count),
        Command::KeepSaid(session, bytes) => engine.keep_said(session, bytes),
        Command::ForkSession { from, session, facts } => engine.fork_session(from, session, facts),
        Command::AddRestored { session, model, facts } => engine.add_restored(session, model, facts),
        Command::FinishRestore { session, saved, past, answer } => {
            engine.finish_restore(session, saved.map(|saved| *saved), past, answer);
        }
        Command::SaveSession(session, order) => engine.save_session(session, order),
        Command::MovePast(id, order) => engine.move_past(id, order),
        Command::SetSystem(session, system) => engine.set_system(session, system),
        Command::SetAdapter(session, adapter) => engine.set_adapter(session, adapter),
        Command::AdapterLoaded => engine.adapter_loaded(),
        Command::ClearSession(session) => engine.clear_session(session),
        Command::RemoveSession(session) => engine.remove_session(session),
        Command::Submit { session, request, producer, place } => {
            engine.submit(session, *request, producer, place);
        }
        Command::FinishText(done) => engine.finish_text(done),
        Command::Embed { model, request, producer, kept } => {
            engine.submit_texts(model, *request, producer, kept);
        }
        Command::FinishTexts(done) => engine.finish_texts(done),
        Command::Pause(paused) => engine.set_paused(paused),
        Command::Trim => engine.trim(),
        Command::ReleaseMemory(answer) => {
            let _ = answer.try_send(engine.release_memory());
        }
        Command::Shutdown => {}
    }
}

/// Ends everything, also what was told after the shutdown began.
fn shut_down(mut engine: Engine, commands: &async_channel::Receiver<Command>, links: &Links) {
    links.close_commands();
    while let Ok(command) = commands.try_recv() {
        protected(&mut engine, links, |engine| obey(engine, command));
    }
    protected(&mut engine, links, |engine| engine.end_all(Some(EndReason::Shutdown)));
    let _ = catch_unwind(AssertUnwindSafe(|| drop(engine)));
}
