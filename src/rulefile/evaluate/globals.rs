//! The names that every Rulefile has. To build them takes longer than to read a small Rulefile: Starlark takes the documentation of each of
//! its functions apart. A second thread can do that, while the first one reads the Rulefile and builds ours.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension};

use super::{data, files, flags, helpers, modules, shell, statements, storage};

pub static GLOBALS: LazyLock<Globals> = LazyLock::new(|| {
    // Each module is built once and copied then. With ours first, it is not Starlark's that are waited for.
    ours(&mut GlobalsBuilder::new());
    let mut builder = starlarks();
    ours(&mut builder);
    builder.build()
});

pub static BUILTIN_NAMES: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| GLOBALS.names().map(|name| name.as_str().to_owned()).collect());

/// Builds Starlark's part of the names, which is kept: work for another thread of who is about to [`load`](super::load) a
/// Rulefile.
pub fn prepare() {
    drop(starlarks());
}

fn starlarks() -> GlobalsBuilder {
    GlobalsBuilder::extended_by(&[LibraryExtension::StructType, LibraryExtension::SetType])
}

fn ours(builder: &mut GlobalsBuilder) {
    crate::dialect::globals(builder, files::files);
    files::files(builder);
    flags::flags(builder);
    data::data(builder);
    statements::statements(builder);
    modules::modules(builder);
    helpers::helpers(builder);
    helpers::parts(builder);
    builder.namespace("access", flags::access);
    builder.set("shell", shell::Shell);
    builder.set("storage", storage::Storage);
}
