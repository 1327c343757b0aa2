//! Any bytes, read as a file. The laws are those of the test of damaged files; libFuzzer adds limits of time and memory.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/any_bytes.rs"]
mod any_bytes;

fuzz_target!(|bytes: &[u8]| {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    any_bytes::check(bytes, FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder").keep()));
});
