//! `workflow`: where a Rulefile is, and the files that belong to it.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::eval::Evaluator;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};
use starlark::{starlark_module, starlark_simple_value};

use super::loader::Loader;
use super::statements::path_text;
use super::{absolute, folder_of, relative_to};
use crate::rulefile::rule::Flags;

#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct WorkflowObject {
    /// The file that is being evaluated.
    snakefile: String,
    /// The folder of the first of all files.
    basedir: String,
    cores: u32,
}

impl WorkflowObject {
    pub fn new(loader: &Loader, path: &str) -> WorkflowObject {
        let first = loader.files_open.borrow().first().map_or_else(|| path.to_owned(), Clone::clone);
        WorkflowObject { snakefile: absolute(path), basedir: absolute(&folder_of(&first)), cores: loader.cores }
    }
}

starlark_simple_value!(WorkflowObject);

impl std::fmt::Display for WorkflowObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("workflow")
    }
}

#[starlark_value(type = "workflow")]
impl<'v> StarlarkValue<'v> for WorkflowObject {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("workflow", methods);
        Some(METHODS.methods())
    }

    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        Some(match attribute {
            "snakefile" => heap.alloc(self.snakefile.as_str()),
            "basedir" => heap.alloc(self.basedir.as_str()),
            "current_basedir" => heap.alloc(folder_of(&self.snakefile)),
            "cores" => heap.alloc(self.cores),
            _ => return None,
        })
    }

    fn dir_attr(&self) -> Vec<String> {
        ["basedir", "cores", "current_basedir", "snakefile", "source_path"].map(str::to_owned).to_vec()
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// The path of a file that belongs to the workflow, given relative to the file that asks. A module's prefix does not
    /// move it; when it changes, what it was used for is made anew.
    fn source_path<'v>(
        #[allow(unused_variables)] this: Value<'v>,
        #[starlark(require = pos)] path: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let path = path_text("source_path", path, eval)?;
        let loader = Loader::of(eval);
        let asking = loader.here(eval).map(|span| loader.sources.borrow().name(span.source).to_owned());
        let folder = asking.map_or_else(|| loader.here_in(|space| space.basedir.clone()), |file| folder_of(&file));
        let path = crate::path::normalise(&relative_to(&path, &folder)).into_owned();
        Ok(loader.noted(&[path], &Flags { settled: true, source: true, ..Flags::default() })[0])
    }
}
