//! `snakemake.utils`: `min_version`, which Snakefiles begin with. `snakemake.io` is given by the caller of the dialect.

use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::none::NoneType;
use starlark::values::tuple::UnpackTuple;

use super::message;

/// The Snakemake whose language is followed.
const FOLLOWED: [u64; 2] = [9, 99];

/// The module itself: which version's language this is.
pub fn constants(builder: &mut GlobalsBuilder) {
    builder.set("__version__", "9.27.1");
}

#[starlark_module]
pub fn utils(builder: &mut GlobalsBuilder) {
    fn min_version(version: &str) -> starlark::Result<NoneType> {
        let parts = version.split('.').take(2).map(str::parse).collect::<Result<Vec<u64>, _>>();
        match parts {
            Ok(parts) if parts[..] <= FOLLOWED[..] => Ok(NoneType),
            Ok(_) => Err(message(format!("the Rulefile needs Snakemake {version}, and flow follows version 9"))),
            Err(_) => Err(message(format!("`{version}` is no version"))),
        }
    }

    /// JSON schemas are not supported yet; passing over them would let a wrong configuration through.
    fn validate<'v>(
        #[starlark(args)] args: UnpackTuple<Value<'v>>,
        #[starlark(kwargs)] kwargs: Value<'v>,
    ) -> starlark::Result<NoneType> {
        let _ = (args, kwargs);
        Err(message("snakemake.utils.validate: this version of flow does not have it yet; remove the call"))
    }
}
