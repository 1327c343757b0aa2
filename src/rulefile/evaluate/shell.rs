//! `shell` at file level: a function that runs a command while the Rulefile is read, and the settings that Snakefiles
//! make on it. Commands of jobs are not its business.

use std::collections::BTreeMap;

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::list::AllocList;
use starlark::values::none::NoneType;
use starlark::values::{NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};

use super::loader::fail;
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::{SHELL_NAMES, placeholders};
use crate::rulefile::template;

/// Shells whose language bash speaks.
const SPOKEN: [&str; 2] = ["bash", "sh"];

#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Shell;

starlark_simple_value!(Shell);

impl std::fmt::Display for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("shell")
    }
}

#[starlark_value(type = "function")]
impl<'v> StarlarkValue<'v> for Shell {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("shell", methods);
        Some(METHODS.methods())
    }

    /// With `read=True` the command's output is the result, with `iterable=True` its lines are.
    fn invoke(
        &self,
        _: Value<'v>,
        arguments: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let heap = eval.heap();
        let command = arguments.positional1(heap)?;
        let Some(command) = command.unpack_str() else {
            return Err(fail(Diagnostic::error(format!(
                "shell() takes a command as text, not {}",
                command.get_type()
            ))));
        };
        let (mut read, mut iterable) = (false, false);
        let mut names = BTreeMap::new();
        for (name, value) in arguments.names_map()? {
            match name.as_str() {
                "read" => read = value.to_bool(),
                "iterable" => iterable = value.to_bool(),
                SHELL_NAMES => names = placeholders(value, heap),
                other => {
                    return Err(fail(Diagnostic::error(format!("shell() takes `read` and `iterable`, not `{other}`"))));
                }
            }
        }
        let command = template::shell_at_file_level(command, &names).map_err(|error| {
            fail(
                Diagnostic::error(format!("shell(): {error}"))
                    .help("in a command, write `{{` and `}}` for braces that are meant for the shell"),
            )
        })?;
        let text = output_of(&command)?;
        Ok(if read {
            heap.alloc(text.as_str())
        } else if iterable {
            heap.alloc(AllocList(text.lines()))
        } else {
            eprint!("{text}");
            Value::new_none()
        })
    }
}

fn output_of(command: &str) -> starlark::Result<String> {
    crate::witness::spoil();
    let output = std::process::Command::new("bash")
        .args(["-euo", "pipefail", "-c", command])
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| fail(Diagnostic::error(format!("cannot start bash: {error}"))))?;
    if !output.status.success() {
        let code = output.status.code().map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        return Err(fail(Diagnostic::error(format!("shell() failed with {code}")).note(command)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Asks for what is so anyway; another shell's language is another matter.
    fn executable(this: &Shell, #[starlark(require = pos)] path: &str) -> starlark::Result<NoneType> {
        let _ = this;
        if SPOKEN.contains(&path.rsplit('/').next().unwrap_or(path)) {
            return Ok(NoneType);
        }
        Err(fail(Diagnostic::error(format!("commands run in bash, and cannot run in {path}")).help(format!(
            "start it in the command: `{path} -c '…'`, or put its code into a file and name it with `script:`"
        ))))
    }

    fn prefix(this: &Shell, #[starlark(require = pos)] text: &str) -> starlark::Result<NoneType> {
        let _ = this;
        if text.trim().is_empty() {
            return Ok(NoneType);
        }
        Err(fail(
            Diagnostic::error("shell.prefix() is not available: a command is what its rule says, and nothing else")
                .help("write it at the start of the commands that need it"),
        ))
    }
}
