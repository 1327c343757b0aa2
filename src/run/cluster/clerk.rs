//! Who calls the batch system: a thread that takes requests one after the other, so that a slow controller holds up nobody
//! else, and is never asked two things at once.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use super::system::{BatchSystem, Fate, Live, Submission, Submitted};

#[derive(Debug)]
pub enum Request {
    Submit(Box<Submission>),
    /// For these tasks, which are out.
    Look(Vec<String>),
    /// Why this task of this unit is gone.
    Fate {
        name: String,
        task: String,
    },
    Cancel(Vec<String>),
}

#[derive(Debug)]
pub enum Answer {
    /// How many tasks a submission may have: the first answer of all.
    Most(usize),
    Submitted {
        batch: usize,
        result: Submitted,
    },
    Looked {
        live: Result<Live, String>,
        asked: Instant,
        took: Duration,
    },
    Fate {
        name: String,
        fate: Option<Fate>,
    },
    Cancelled(Result<(), String>),
}

/// Starts the thread, which ends with the sender that is given back; `answers` is called on it.
///
/// # Errors
/// The thread cannot be started.
pub fn start(
    mut system: Box<dyn BatchSystem>,
    answers: impl Fn(Answer) + Send + 'static,
) -> io::Result<Sender<Request>> {
    let (sender, requests) = channel::<Request>();
    std::thread::Builder::new().name("batch system".to_owned()).spawn(move || {
        answers(Answer::Most(system.most_tasks()));
        for request in requests {
            answers(match request {
                Request::Submit(submission) => {
                    Answer::Submitted { batch: submission.batch, result: system.submit(&submission) }
                }
                Request::Look(tasks) => {
                    let asked = Instant::now();
                    let live = system.look(&tasks);
                    Answer::Looked { live, asked, took: asked.elapsed() }
                }
                Request::Fate { name, task } => Answer::Fate { name, fate: system.fate(&task) },
                Request::Cancel(batches) => Answer::Cancelled(system.cancel(&batches)),
            });
        }
    })?;
    Ok(sender)
}
