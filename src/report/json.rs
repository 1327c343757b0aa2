//! The reporter for programs: each event as one JSON object on a line, with its name under `event`.

use std::io::Write;

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
        if serde_json::to_writer(&mut self.out, event).is_ok() {
            let _ = self.out.write_all(b"\n").and_then(|()| self.out.flush());
        }
    }
}
