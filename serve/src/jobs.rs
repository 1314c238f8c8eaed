//! Generations that are asked for in one request and read in another; one thread.

use crate::answer::Answer;
use crate::failure::Failure;
use crate::openai::Chunks;
use async_io::Timer;
use hyper::StatusCode;
use serde_json::{Value, json};
use smol::LocalExecutor;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use wick::Control;

/// The jobs whose end nobody has read yet.
#[derive(Default)]
pub struct Jobs(RefCell<HashMap<String, Job>>);

struct Job {
    /// Until its reader comes.
    waiting: Option<(Answer, Chunks)>,
    control: Control,
}

/// A job's reader: when it goes, so does the job.
pub struct Reading {
    jobs: Rc<Jobs>,
    id: String,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.jobs.0.borrow_mut().remove(&self.id);
    }
}

impl Jobs {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// # Errors
    /// 429 if there are `limit` of them.
    pub fn check_room(&self, limit: usize) -> Result<(), Failure> {
        if self.len() < limit {
            return Ok(());
        }
        let message = format!("{limit} jobs wait to be read (--parallel and --queue); read or cancel one");
        let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message);
        Err(failure.with_code("queue_full").again_in(1))
    }

    /// Keeps a generation for its reader, who has `patience` to come: then it is cancelled and gone.
    pub fn add(
        self: &Rc<Self>,
        id: String,
        answer: Answer,
        chunks: Chunks,
        patience: Duration,
        executor: &LocalExecutor<'static>,
    ) {
        let job = Job { control: answer.control(), waiting: Some((answer, chunks)) };
        self.0.borrow_mut().insert(id.clone(), job);
        let jobs = self.clone();
        let expire = async move {
            Timer::after(patience).await;
            jobs.expire(&id);
        };
        executor.spawn(expire).detach();
    }

    fn expire(&self, id: &str) {
        let mut jobs = self.0.borrow_mut();
        if jobs.get(id).is_some_and(|job| job.waiting.is_some()) {
            jobs.remove(id);
        }
    }

    /// What a job has to say, for its one reader.
    ///
    /// # Errors
    /// 404 for a job that is not there; 409 if somebody reads it.
    pub fn take(self: &Rc<Self>, id: &str) -> Result<(Answer, Chunks, Reading), Failure> {
        let mut jobs = self.0.borrow_mut();
        let job = jobs.get_mut(id).ok_or_else(|| unknown(id))?;
        let Some((answer, chunks)) = job.waiting.take() else {
            let message = format!("the job {id} is being read by another; a job has one reader");
            return Err(Failure::new(StatusCode::CONFLICT, "invalid_request_error", message)
                .with_code("job_being_read"));
        };
        Ok((answer, chunks, Reading { jobs: self.clone(), id: id.to_owned() }))
    }

    /// Asks a job to end; its reader then reads that it was cancelled. What it is then.
    ///
    /// # Errors
    /// 404 for a job that is not there.
    pub fn cancel(&self, id: &str) -> Result<Value, Failure> {
        let jobs = self.0.borrow();
        let job = jobs.get(id).ok_or_else(|| unknown(id))?;
        job.control.cancel();
        Ok(shown(id, job))
    }

    /// What is known of a job.
    ///
    /// # Errors
    /// 404 for a job that is not there.
    pub fn show(&self, id: &str) -> Result<Value, Failure> {
        self.0.borrow().get(id).map(|job| shown(id, job)).ok_or_else(|| unknown(id))
    }
}

fn unknown(id: &str) -> Failure {
    let message =
        format!("there is no job {id:?}: its end was read, nobody read it in time, or it never was");
    Failure::new(StatusCode::NOT_FOUND, "invalid_request_error", message).with_code("job_not_found")
}

fn shown(id: &str, job: &Job) -> Value {
    let stats = job.control.stats();
    let state = match (job.control.has_ended(), job.control.is_cancelled()) {
        (true, _) => "ended",
        (_, true) => "cancelling",
        _ if stats.output_tokens > 0 => "generating",
        _ => "waiting",
    };
    json!({
        "id": id,
        "object": "job",
        "state": state,
        "is_read": job.waiting.is_none(),
        "output_tokens": stats.output_tokens,
        "stream": format!("/v1/jobs/{id}/stream"),
        "cancel": format!("/v1/jobs/{id}/cancel"),
    })
}
