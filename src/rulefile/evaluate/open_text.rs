//! A file that is open for reading, as `parse_input()` hands it to its parser: `read()`, `readlines()`, and the lines one
//! after the other. It holds the whole text, and knows no disk.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};
use starlark::{starlark_module, starlark_simple_value};

#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct OpenText {
    text: String,
}

impl OpenText {
    pub fn new(text: &str) -> OpenText {
        OpenText { text: text.to_owned() }
    }

    /// The lines with their ends.
    fn lines(&self) -> Vec<String> {
        self.text.split_inclusive('\n').map(str::to_owned).collect()
    }
}

starlark_simple_value!(OpenText);

impl std::fmt::Display for OpenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<open file>")
    }
}

#[starlark_value(type = "file")]
impl<'v> StarlarkValue<'v> for OpenText {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("file", methods);
        Some(METHODS.methods())
    }

    fn iterate_collect(&self, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        Ok(self.lines().iter().map(|line| heap.alloc(line.as_str())).collect())
    }
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps)]
fn methods(builder: &mut MethodsBuilder) {
    fn read(this: &OpenText) -> starlark::Result<String> {
        Ok(this.text.clone())
    }

    fn readline(this: &OpenText) -> starlark::Result<String> {
        Ok(this.lines().first().cloned().unwrap_or_default())
    }

    fn readlines(this: &OpenText) -> starlark::Result<Vec<String>> {
        Ok(this.lines())
    }
}
