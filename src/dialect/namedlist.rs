//! `input`, `output`, `params` and their like inside Starlark: a sequence whose items may have names, as Snakemake's
//! `Namedlist`. It cannot be changed, and so crosses threads.

use std::sync::Arc;

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::list::AllocList;
use starlark::values::none::NoneOr;
use starlark::values::{
    FrozenValue, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, ValueError, starlark_value,
};

use super::convert::to_starlark;
use super::format::{self, plain, repr_value};
use super::text::scalar;
use crate::value::{self, Named};

#[derive(Debug, Clone, Default, PartialEq, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Namedlist {
    #[allocative(skip)]
    named: Named<value::Value>,
    /// A function of the same name, which a call of the list means.
    #[allocative(skip)]
    function: Option<Hidden>,
    /// The items as values of whoever made the list, who knows them again by their identity.
    #[allocative(skip)]
    values: Option<Originals>,
    /// Whether the items are paths of files, whose sizes can be asked for.
    files: bool,
}

/// Values that stand for the items. They take no part in what the list is equal to, because the items are.
#[derive(Debug, Clone)]
struct Originals(Arc<[FrozenValue]>);

impl PartialEq for Originals {
    fn eq(&self, _: &Originals) -> bool {
        true
    }
}

/// A function that a list hides by its name. It takes no part in what the list is equal to.
#[derive(Debug, Clone, Copy)]
struct Hidden(FrozenValue);

impl PartialEq for Hidden {
    fn eq(&self, _: &Hidden) -> bool {
        true
    }
}

starlark_simple_value!(Namedlist);

impl From<Named<value::Value>> for Namedlist {
    fn from(named: Named<value::Value>) -> Self {
        Namedlist { named, function: None, values: None, files: false }
    }
}

impl From<&Named<String>> for Namedlist {
    fn from(named: &Named<String>) -> Self {
        Namedlist::from(named.map(|text| value::Value::Str(text.clone())))
    }
}

impl Namedlist {
    /// The list, standing for the function of the same name where it is called.
    #[must_use]
    pub fn hiding(self, function: Option<FrozenValue>) -> Namedlist {
        Namedlist { function: function.map(Hidden), ..self }
    }

    /// The list as one of files: `size` and its like are how much they hold together.
    #[must_use]
    pub fn of_files(self) -> Namedlist {
        Namedlist { files: true, ..self }
    }

    /// `size` in bytes, `size_mb` and its like in units of 1024. A file that is not there yet holds nothing.
    fn size<'v>(&self, name: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let unit = match name {
            "size" => None,
            "size_kb" | "size_kib" => Some(1),
            "size_mb" | "size_mib" => Some(2),
            "size_gb" | "size_gib" => Some(3),
            "size_tb" | "size_tib" => Some(4),
            _ => return None,
        };
        let length = |path: &str| crate::witness::metadata(path).map_or(0, |meta| meta.len());
        let bytes: u64 = self.named.items.iter().filter_map(value::Value::as_str).map(length).sum();
        #[allow(clippy::cast_precision_loss)]
        Some(match unit {
            None => heap.alloc(bytes),
            Some(power) => heap.alloc(bytes as f64 / 1024f64.powi(power)),
        })
    }

    /// The list with these values for its items, one for each.
    #[must_use]
    pub fn of_values(self, values: Arc<[FrozenValue]>) -> Namedlist {
        debug_assert_eq!(values.len(), self.named.len());
        Namedlist { values: Some(Originals(values)), ..self }
    }

    /// The values that stand for the items, if the list was made of values.
    pub fn values(&self) -> Option<&[FrozenValue]> {
        self.values.as_ref().map(|Originals(values)| &**values)
    }

    fn item<'v>(&self, at: usize, heap: Heap<'v>) -> Option<Value<'v>> {
        match self.values() {
            Some(values) => values.get(at).map(|value| value.to_value()),
            None => self.named.items.get(at).map(|item| to_starlark(item, heap)),
        }
    }

    pub fn items(&self) -> &[value::Value] {
        &self.named.items
    }

    /// What a name stands for: a value, or a named list without names where it was given a list.
    fn named_item<'v>(&self, name: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let (_, start, count) = self.named.names.iter().find(|(n, _, _)| n == name)?;
        let start = *start as usize;
        let items = self.named.get(name)?;
        if count.is_none() && items.len() == 1 {
            return self.item(start, heap);
        }
        let list = Namedlist::from(Named { items: items.to_vec(), names: Vec::new() });
        Some(heap.alloc(match self.values() {
            Some(values) => list.of_values(values[start..start + items.len()].into()),
            None => list,
        }))
    }

    /// The names and what they stand for, as `**` takes them.
    pub fn entries<'v>(&self, heap: Heap<'v>) -> Vec<(&str, Value<'v>)> {
        self.name_list().filter_map(|name| Some((name, self.named_item(name, heap)?))).collect()
    }

    fn name_list(&self) -> impl Iterator<Item = &str> {
        self.named.names.iter().map(|(name, _, _)| name.as_str())
    }
}

impl std::fmt::Display for Namedlist {
    /// The items, joined by blanks: what a placeholder in a command shows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, item) in self.named.items.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { " " }, plain(&format::scalar(item)))?;
        }
        Ok(())
    }
}

#[starlark_value(type = "Namedlist")]
impl<'v> StarlarkValue<'v> for Namedlist {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("Namedlist", methods);
        Some(METHODS.methods())
    }

    fn collect_repr(&self, collector: &mut String) {
        collector.push_str(&repr_value(&value::Value::List(self.named.items.clone())));
    }

    fn collect_str(&self, collector: &mut String) {
        collector.push_str(&self.to_string());
    }

    fn invoke(
        &self,
        _: Value<'v>,
        arguments: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let Some(Hidden(function)) = self.function else {
            return Err(starlark::Error::new_other(anyhow::Error::msg("a list of the job cannot be called")));
        };
        let positional: Vec<Value<'v>> = arguments.positions(eval.heap())?.collect();
        let names = arguments.names_map()?;
        let named: Vec<(&str, Value<'v>)> = names.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        eval.eval_function(function.to_value(), &positional, &named)
    }

    fn to_bool(&self) -> bool {
        !self.named.items.is_empty()
    }

    fn length(&self) -> starlark::Result<i32> {
        Ok(i32::try_from(self.named.len()).unwrap_or(i32::MAX))
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        if let Some(name) = index.unpack_str() {
            let missing = || starlark::Error::new_other(ValueError::KeyNotFound(name.to_owned()));
            return self.named_item(name, heap).ok_or_else(missing);
        }
        let Some(at) = index.unpack_i32() else {
            return ValueError::unsupported_with(self, "[]", index);
        };
        let length = self.length()?;
        let item = usize::try_from(if at < 0 { at + length } else { at }).ok().and_then(|at| self.item(at, heap));
        let missing = || {
            let count = match length {
                0 => "there are no items".to_owned(),
                1 => "there is 1 item".to_owned(),
                _ => format!("there are {length} items"),
            };
            starlark::Error::new_other(anyhow::Error::msg(format!("index {at} is out of bounds: {count}")))
        };
        item.ok_or_else(missing)
    }

    fn slice(
        &self,
        start: Option<Value<'v>>,
        stop: Option<Value<'v>>,
        stride: Option<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        heap.alloc(AllocList(self.iterate_collect(heap)?)).slice(start, stop, stride, heap)
    }

    fn iterate_collect(&self, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        Ok((0..self.named.len()).filter_map(|at| self.item(at, heap)).collect())
    }

    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        self.named_item(attribute, heap).or_else(|| self.size(attribute, heap).filter(|_| self.files))
    }

    fn dir_attr(&self) -> Vec<String> {
        self.name_list().map(str::to_owned).collect()
    }

    fn is_in(&self, other: Value<'v>) -> starlark::Result<bool> {
        let other = scalar(other);
        Ok(self.named.items.iter().any(|item| format::scalar(item) == other))
    }

    fn equals(&self, other: Value<'v>) -> starlark::Result<bool> {
        if let Some(other) = Namedlist::from_value(other) {
            return Ok(self.named.items == other.named.items);
        }
        Ok(false)
    }

    fn add(&self, rhs: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        let mut items = self.iterate_collect(heap).ok()?;
        Some(rhs.iterate(heap).map(|rest| {
            items.extend(rest);
            heap.alloc(AllocList(items))
        }))
    }

    fn radd(&self, lhs: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        if lhs.get_type() != "list" {
            return None;
        }
        let rest = self.iterate_collect(heap).ok()?;
        Some(lhs.iterate(heap).map(|items| heap.alloc(AllocList(items.chain(rest).collect::<Vec<_>>()))))
    }
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps)]
fn methods(builder: &mut MethodsBuilder) {
    /// The value under a name, or the default.
    fn get<'v>(
        this: &Namedlist,
        #[starlark(require = pos)] name: &str,
        #[starlark(default = NoneOr::None)] default: NoneOr<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        Ok(this.named_item(name, heap).unwrap_or_else(|| default.into_option().unwrap_or_else(Value::new_none)))
    }

    /// The names, in their order.
    fn keys(this: &Namedlist) -> starlark::Result<Vec<String>> {
        Ok(this.name_list().map(str::to_owned).collect())
    }

    /// What the names stand for.
    fn values<'v>(this: &Namedlist, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        Ok(this.name_list().filter_map(|name| this.named_item(name, heap)).collect())
    }

    /// Names with what they stand for.
    fn items<'v>(this: &Namedlist, heap: Heap<'v>) -> starlark::Result<Vec<(String, Value<'v>)>> {
        Ok(this.name_list().filter_map(|name| Some((name.to_owned(), this.named_item(name, heap)?))).collect())
    }
}
