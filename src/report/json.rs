//! The reporter for programs: each event as one JSON object on a line, with its name under `event`.

use std::io::Write;

use crate::diagnostic::printable_json;
use crate::event::{Event, Reporter};

pub struct Json<W: Write> {
    out: W,
}

impl<W: Write> Json<W> {
    pub fn new(out: W) -> Self {
        Json { out }
    }
}

impl<W: Write> Reporter for Json<W> {
    fn tell(&mut self, event: &Event) {
        // Where nobody reads any more there is nobody to tell.
        if let Ok(mut line) = serde_json::to_string(event).map(printable_json) {
            line.push('\n');
            let _ = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
        }
    }
}
