//! The object under a module's name: `NAME.function(…)`, `NAME.config`. It shows what the module has defined.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::environment::FrozenModule;
use starlark::starlark_simple_value;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};

#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct ModuleObject {
    pub name: String,
    #[allocative(skip)]
    pub names: FrozenModule,
}

starlark_simple_value!(ModuleObject);

impl std::fmt::Display for ModuleObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<module {}>", self.name)
    }
}

#[starlark_value(type = "module")]
impl<'v> StarlarkValue<'v> for ModuleObject {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        // Names with a blank are flow's own.
        let (value, _) = self.names.get_any_visibility(attribute).ok().filter(|_| !attribute.contains(' '))?;
        Some(heap.access_owned_frozen_value(&value))
    }

    fn dir_attr(&self) -> Vec<String> {
        self.names.names().map(|name| name.as_str().to_owned()).filter(|name| !name.contains(' ')).collect()
    }
}
