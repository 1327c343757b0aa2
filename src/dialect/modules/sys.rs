//! `sys`: the constants that Snakefiles ask for. The version is the one of the Python whose words are understood.

use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::none::{NoneOr, NoneType};

use super::message;
use crate::dialect::text::str_of;

pub fn constants(builder: &mut GlobalsBuilder) {
    builder.set("version_info", (3, 12, 0));
    builder.set("maxsize", i64::MAX);
}

#[starlark_module]
pub fn functions(builder: &mut GlobalsBuilder) {
    const platform: &str = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    const byteorder: &str = if cfg!(target_endian = "little") { "little" } else { "big" };
    const version: &str = "3.12.0";
    /// Names for `print(file=…)`, which prints to standard error always.
    const stderr: &str = "<stderr>";
    const stdout: &str = "<stdout>";

    fn exit<'v>(#[starlark(default = NoneOr::None)] status: NoneOr<Value<'v>>) -> starlark::Result<NoneType> {
        Err(message(match status {
            NoneOr::None => "sys.exit()".to_owned(),
            NoneOr::Other(status) => format!("sys.exit: {}", str_of(status)),
        }))
    }
}
