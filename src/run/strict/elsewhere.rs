//! `--strict` where there is no Landlock: nothing is bounded, and a run that asks for it is refused before it begins.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;

use super::declared::Declared;
use crate::event::Access;

pub fn missing() -> Option<(&'static str, &'static str)> {
    Some(("--strict needs Landlock, which only Linux has", "run without it here"))
}

pub fn is_observed() -> bool {
    false
}

#[derive(Debug)]
pub struct System(Infallible);

impl System {
    pub fn new(_: &Path) -> io::Result<System> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[derive(Debug)]
pub struct Cage(Infallible);

impl Cage {
    pub fn new(system: &Arc<System>, _: &Declared, _: Option<&Cage>) -> io::Result<Cage> {
        match system.0 {}
    }

    pub fn spawn(&self, _: &mut Command) -> io::Result<Child> {
        match self.0 {}
    }

    pub fn is_observed(&self) -> bool {
        match self.0 {}
    }

    pub fn conclude(&self, _: bool) -> Vec<Access> {
        match self.0 {}
    }
}
