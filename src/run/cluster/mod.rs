//! Jobs on other machines, by way of a batch system and a file system that both sides see. The executor of this folder gives
//! them out as arrays, takes their outcomes, and finds out about those that ended without a word; jobs that must run here go
//! to the one of this machine. Another flow, on the node, runs them: [`node`].
//!
//! One thread, the desk, knows what is out; another, the clerk, calls the batch system ([`slurm`], or [`by_command`]).
//! [`spool`] is the folder in between.

mod bundle;
pub mod by_command;
mod call;
mod clerk;
mod desk;
mod homecoming;
mod leftovers;
pub mod node;
pub mod shape;
pub mod slurm;
pub mod spool;
pub mod staging;
pub mod system;

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

pub use bundle::{Bundling, Strand};
pub use leftovers::{give_up, how_many_are_out};

use self::desk::{Desk, Message};
use self::spool::{Common, Spool};
use self::system::BatchSystem;
use super::executor::{Executor, Force, Order, Report};
use super::local::Local;

/// Ending what was submitted is a call of the batch system, which may be busy.
const PATIENCE: Duration = Duration::from_secs(15);

/// How a run uses a batch system.
#[derive(Debug, Clone)]
pub struct Settings {
    pub common: Common,
    pub bundling: Bundling,
    /// How long outputs may take to be seen here after their job has ended there.
    pub latency: Duration,
}

/// Gives jobs to a batch system.
pub struct Cluster {
    local: Local,
    desk: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Cluster {
    /// Outcomes and warnings go to `reports`; jobs without [`super::spec::JobSpec::staging`] go to `local`. What is left of
    /// earlier runs is found first, so that it can be taken over.
    ///
    /// # Errors
    /// The folder cannot be made, or a thread not be started.
    pub fn new(
        settings: Settings,
        system: Box<dyn BatchSystem>,
        local: Local,
        reports: Sender<Report>,
    ) -> io::Result<Cluster> {
        let spool = Spool::of(&settings.common.run);
        spool.make()?;
        let (desk, inbox) = channel();
        let desk_too = desk.clone();
        let manner = system.manner();
        let clerk = clerk::start(system, move |answer| drop(desk_too.send(Message::Answer(answer))))?;
        let worker = Desk::new(settings, spool, manner, clerk, reports)?;
        let thread = std::thread::Builder::new().name("cluster".to_owned()).spawn(move || worker.serve(&inbox))?;
        Ok(Cluster { local, desk, thread: Some(thread) })
    }

    /// After a run: what nobody has taken over is ended, and the folder removed, unless jobs go on.
    pub fn finish(mut self) {
        let _ = self.desk.send(Message::Finish);
        if let Some(thread) = self.thread.take() {
            // Its panic has been told by now.
            let _ = thread.join();
        }
    }
}

impl Executor for Cluster {
    fn submit(&mut self, order: Order) {
        if order.spec.staging.is_none() {
            return self.local.submit(order);
        }
        // The desk lives as long as this does.
        let _ = self.desk.send(Message::Submit(Box::new(order)));
    }

    fn withdraw(&mut self, job: u32) -> bool {
        self.local.withdraw(job)
    }

    fn stop(&mut self, force: Force) {
        self.local.stop(force);
        let _ = self.desk.send(Message::Stop(force));
    }

    fn leave(&mut self) -> Vec<u32> {
        self.local.stop(Force::Term);
        let (sender, left) = channel();
        let _ = self.desk.send(Message::Leave(sender));
        left.recv_timeout(PATIENCE).unwrap_or_default()
    }

    fn lines_up(&self) -> bool {
        false
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn abandon(&mut self) {
        self.local.abandon();
    }
}
