//! The program `flow`: everything is in the library, so that it can be tested and documented there.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(flow::app::main(std::env::args_os()))
}
