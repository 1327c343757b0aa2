//! Actions as functions of a `run:` body: the arguments of a call are bound to the parameters of the registry, checked and
//! made plain, and the answer becomes a value again. Knows every action's record and no action's work.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::dict::AllocDict;
use starlark::values::none::{NoneOr, NoneType};
use starlark::values::tuple::UnpackTuple;
use starlark::values::{
    FrozenValue, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, UnpackValue, Value, starlark_value,
};

use super::call::{Answer, Argument, Call, Source, default_argument, read_image};
use super::failure::Failure;
use super::file::ReadOptions;
use super::image::Image;
use super::job::{Job, Names};
use super::registry::{self, Action, Default, Kind, Parameter};
use super::value::{ImageValue, number};
use crate::dialect::convert::{SHELL_NAMES, from_starlark, placeholders, to_starlark};
use crate::dialect::namedlist::Namedlist;
use crate::dialect::text::{repr_of, str_of};
use crate::value::Value as Plain;

/// Adds the actions, and what else only a running job has: `shell` and `print`. Where an action's name is also Python's
/// (`min`), Python's function of the environment so far takes the calls that are not about images.
pub fn natives(builder: &mut GlobalsBuilder, python: &[(String, FrozenValue)]) {
    for action in registry::all() {
        let python = python.iter().find(|(name, _)| name == action.name).map(|(_, function)| *function);
        builder.set(action.name, Native { action, python });
    }
    job_functions(builder);
}

/// An action that can be called.
#[derive(ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
struct Native {
    #[allocative(skip)]
    action: &'static Action,
    #[allocative(skip)]
    python: Option<FrozenValue>,
}

starlark_simple_value!(Native);

impl std::fmt::Debug for Native {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Native").field(&self.action.name).finish()
    }
}

impl std::fmt::Display for Native {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.action.name)
    }
}

#[starlark_value(type = "function")]
impl<'v> StarlarkValue<'v> for Native {
    fn invoke(
        &self,
        _me: Value<'v>,
        args: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let heap = eval.heap();
        let positional: Vec<Value<'v>> = args.positions(heap)?.collect();
        let names = args.names_map()?;
        let named: Vec<(&str, Value<'v>)> = names.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        if let Some(python) = self.python
            && !is_about_images(&positional, &named)
        {
            return eval.eval_function(python.to_value(), &positional, &named);
        }
        let job = Job::of(eval)?;
        let given = bind(self.action, positional, &named, heap)?;
        let arguments = arguments(self.action, &given, job, heap)?;
        let call = Call { action: self.action, job, arguments, history: &|| history(self.action, &given) };
        Ok(match call.run()? {
            Answer::Nothing => Value::new_none(),
            Answer::Image(image) | Answer::Read(image) => heap.alloc(ImageValue::from(image)),
            Answer::Data(value) => to_starlark(&value, heap),
        })
    }
}

/// Whether a call of a name that is Python's too means the action: the first argument is an image, or a path by itself.
fn is_about_images(positional: &[Value<'_>], named: &[(&str, Value<'_>)]) -> bool {
    match positional {
        [] => named.iter().any(|(name, _)| *name == "image"),
        [only] if only.unpack_str().is_some() => true,
        all => all.iter().any(|value| ImageValue::from_value(*value).is_some()),
    }
}

/// A value for each parameter, where there is one.
type Given<'v> = Vec<Option<Value<'v>>>;

fn bind<'v>(
    action: &Action,
    positional: Vec<Value<'v>>,
    named: &[(&str, Value<'v>)],
    heap: Heap<'v>,
) -> Result<Given<'v>, Failure> {
    let mut given: Given<'v> = vec![None; action.parameters.len()];
    let mut next = 0;
    let count = positional.len();
    for value in positional {
        // An output that may be left out takes a text only: `gaussian(image, 10)` gives sigma.
        let is_skipped = |parameter: &Parameter| {
            parameter.kind == Kind::Output && matches!(parameter.default, Default::Absent) && path_of(value).is_none()
        };
        if action.parameters.get(next).is_some_and(is_skipped) {
            next += 1;
        }
        if next == given.len()
            && let Some(output) = action.position("output").filter(|&at| given[at].is_none())
            && path_of(value).is_some()
        {
            // Left out in its place, it may come last: `catalogue(paths, ["EXPTIME"], output[0])`.
            given[output] = Some(value);
            continue;
        }
        let Some(slot) = given.get_mut(next) else {
            let most = action.parameters.len();
            let message = format!("{}() takes at most {most} arguments, and here are {count}", action.name);
            return Err(signed(Failure::new(message), action));
        };
        *slot = Some(value);
        next += 1;
    }
    let twice = |name: &str| signed(Failure::new(format!("{}() got {name} twice", action.name)), action);
    let rest = action.parameters.iter().position(|parameter| parameter.kind == Kind::Cards);
    let mut cards = Vec::new();
    for (name, value) in named {
        match (action.position(name), rest) {
            (Some(at), _) if given[at].replace(*value).is_some() => return Err(twice(name)),
            (Some(_), _) => {}
            (None, Some(_)) => cards.push((*name, *value)),
            (None, None) => return Err(unknown(action, name)),
        }
    }
    if let Some(at) = rest.filter(|_| !cards.is_empty())
        && given[at].replace(heap.alloc(AllocDict(cards))).is_some()
    {
        return Err(twice(action.parameters[at].name));
    }
    Ok(given)
}

fn unknown(action: &Action, name: &str) -> Failure {
    let near = crate::spelling::nearest(name, action.parameters.iter().map(|parameter| parameter.name));
    let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
    signed(Failure::new(format!("{}() has no parameter `{name}`{near}", action.name)), action)
}

/// The failure with the action's signature as its help.
fn signed(failure: Failure, action: &Action) -> Failure {
    failure.help(format!("{}\nflow --actions {} tells more", action.signature(), action.name))
}

fn arguments<'v>(action: &Action, given: &Given<'v>, job: &Job<'_>, heap: Heap<'v>) -> Result<Vec<Argument>, Failure> {
    let mut out = Vec::with_capacity(given.len());
    for (parameter, value) in action.parameters.iter().zip(given) {
        let value = value.filter(|value| !(value.is_none() && matches!(parameter.default, Default::Absent)));
        out.push(match value {
            Some(value) => argument(action, parameter, value, job, heap)?,
            None => default_argument(parameter.default).ok_or_else(|| {
                let message = format!("{}() needs {}: {}", action.name, parameter.name, parameter.kind.words());
                signed(Failure::new(message), action)
            })?,
        });
    }
    Ok(out)
}

/// A value as what the parameter takes.
fn argument<'v>(
    action: &Action,
    parameter: &Parameter,
    value: Value<'v>,
    job: &Job<'_>,
    heap: Heap<'v>,
) -> Result<Argument, Failure> {
    let wrong = || {
        let found = match value.get_type() {
            "string" => repr_of(value),
            "int" if i64::unpack_value(value).is_ok_and(|small| small.is_some()) => repr_of(value),
            "int" => format!("{}, which has more than 64 bits", repr_of(value)),
            kind => with_article(kind),
        };
        let words = match parameter.kind {
            Kind::Size => "an integer from 1 or a pair of them (rows, columns)",
            kind => kind.words(),
        };
        let message = format!("{}() takes {words} for {}, not {found}", action.name, parameter.name);
        signed(Failure::new(message), action)
    };
    let is_bool = value.unpack_bool().is_some();
    let integer = || i64::unpack_value(value).ok().flatten().filter(|_| !is_bool);
    let real = || number(value).filter(|_| !is_bool);
    let found = match parameter.kind {
        Kind::Image => image_of(value, job)?.map(Argument::Image),
        Kind::Operand => match real() {
            Some(number) => Some(Argument::Number(number)),
            None => image_of(value, job)?.map(Argument::Image),
        },
        Kind::Kernel => match image_of(value, job)? {
            Some(image) => Some(Argument::Image(image)),
            None => from_starlark(value, heap).ok().filter(|data| matches!(data, Plain::List(_))).map(Argument::Data),
        },
        Kind::Images => match items(value, heap) {
            Some(items) => {
                let images = items.into_iter().map(|item| image_of(item, job)?.ok_or_else(wrong));
                Some(Argument::Images(images.collect::<Result<_, _>>()?))
            }
            None => image_of(value, job)?.map(|image| Argument::Images(vec![image])),
        },
        Kind::Frames => match items(value, heap) {
            Some(items) => items.into_iter().map(source_of).collect::<Option<_>>().map(Argument::Frames),
            None => source_of(value).map(|source| Argument::Frames(vec![source])),
        },
        Kind::Picture => source_of(value).map(|source| Argument::Frames(vec![source])),
        Kind::Path | Kind::Output => path_of(value).map(Argument::Text),
        Kind::Text | Kind::Word(_) => value.unpack_str().map(|text| Argument::Text(text.to_owned())),
        Kind::Paths | Kind::Texts => match items(value, heap) {
            Some(items) => items.into_iter().map(path_of).collect::<Option<Vec<_>>>().map(Argument::Texts),
            None => path_of(value).map(|path| Argument::Texts(vec![path])),
        },
        Kind::Bool => value.unpack_bool().map(Argument::Bool),
        Kind::Int => integer().map(Argument::Int),
        Kind::Number => real().map(Argument::Number),
        Kind::Numbers | Kind::Bounds => match real() {
            Some(both) => Some(Argument::Numbers(both, both)),
            None => pair(value, heap, |item| number(item)).map(|(y, x)| Argument::Numbers(y, x)),
        },
        Kind::Size => {
            let length = |item: Value<'v>| usize::unpack_value(item).ok().flatten();
            if let Some(short) = too_short(value, heap) {
                let message = format!("{}(): {} must be at least 1, not {short}", action.name, parameter.name);
                return Err(signed(Failure::new(message), action));
            }
            match length(value).filter(|_| !is_bool) {
                Some(both) => Some(Argument::Size(both, both)),
                None => pair(value, heap, length).map(|(rows, columns)| Argument::Size(rows, columns)),
            }
        }
        Kind::Data | Kind::Cards => {
            let data = from_starlark(value, heap);
            Some(Argument::Data(data.map_err(|error| Failure::new(format!("{}(): {error}", action.name)))?))
        }
    };
    found.ok_or_else(wrong)
}

/// A length below 1, or the first of a pair that is.
fn too_short<'v>(value: Value<'v>, heap: Heap<'v>) -> Option<i64> {
    let length = |item: Value<'v>| i64::unpack_value(item).ok().flatten().filter(|_| item.unpack_bool().is_none());
    let lengths = match length(value) {
        Some(both) => (both, both),
        None => pair(value, heap, length)?,
    };
    [lengths.0, lengths.1].into_iter().find(|length| *length < 1)
}

/// `an int`, `a list`.
fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

fn image_of(value: Value<'_>, job: &Job<'_>) -> Result<Option<Image>, Failure> {
    if let Some(image) = ImageValue::from_value(value) {
        return Ok(Some(image.image().clone()));
    }
    path_of(value).map(|path| read_image(job, &path, &ReadOptions::default())).transpose()
}

fn source_of(value: Value<'_>) -> Option<Source> {
    match ImageValue::from_value(value) {
        Some(image) => Some(Source::Image(image.image().clone())),
        None => path_of(value).map(Source::Path),
    }
}

/// A text, a `Path`, or a named list of one (`input` where there is a single file).
fn path_of(value: Value<'_>) -> Option<String> {
    if let Some(text) = value.unpack_str() {
        return Some(text.to_owned());
    }
    match value.get_type() {
        "Path" => Some(str_of(value)),
        _ => match Namedlist::from_value(value)?.items() {
            [Plain::Str(text)] => Some(text.clone()),
            _ => None,
        },
    }
}

/// The items of a list, a tuple or a named list.
fn items<'v>(value: Value<'v>, heap: Heap<'v>) -> Option<Vec<Value<'v>>> {
    let is_list = matches!(value.get_type(), "list" | "tuple") || Namedlist::from_value(value).is_some();
    if is_list { value.iterate(heap).ok().map(Iterator::collect) } else { None }
}

fn pair<'v, T>(value: Value<'v>, heap: Heap<'v>, item: impl Fn(Value<'v>) -> Option<T>) -> Option<(T, T)> {
    match items(value, heap)?.as_slice() {
        [first, second] => item(*first).zip(item(*second)),
        _ => None,
    }
}

/// `flow: gaussian sigma=10`: what was asked for, without the image worked on and its own path; a second image by its path,
/// where it has one.
fn history(action: &Action, given: &Given<'_>) -> String {
    let mut out = format!("flow: {}", action.name);
    for (at, (parameter, value)) in action.parameters.iter().zip(given).enumerate() {
        let Some(value) = value else { continue };
        let is_told = match parameter.kind {
            Kind::Image | Kind::Picture | Kind::Kernel | Kind::Operand => at > 0 && path_of(*value).is_some(),
            Kind::Images | Kind::Frames | Kind::Path | Kind::Paths | Kind::Output => false,
            _ => true,
        };
        if is_told && !value.is_none() {
            out += &format!(" {}={}", parameter.name, repr_of(*value));
        }
    }
    out
}

#[starlark_module]
fn job_functions(builder: &mut GlobalsBuilder) {
    /// Runs a command, with the placeholders of a `shell:` directive, to its end.
    fn shell<'v>(
        #[starlark(require = pos)] command: &str,
        #[starlark(kwargs)] options: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let mut names = Names::new();
        for (name, value) in options {
            if name != SHELL_NAMES {
                let message = format!("shell() has no parameter `{name}`");
                return Err(Failure::new(message).help("write the command's output to a file and read that").into());
            }
            names = placeholders(value, eval.heap());
        }
        Job::of(eval)?.shell(command, &names)?;
        Ok(NoneType)
    }

    /// Prints to the job's log.
    fn print<'v>(
        #[starlark(args)] args: UnpackTuple<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] sep: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] end: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] file: NoneOr<Value<'v>>,
        #[starlark(require = named, default = false)] flush: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let _: (_, bool) = (file, flush);
        let texts: Vec<String> = args.items.into_iter().map(str_of).collect();
        let text = texts.join(sep.into_option().unwrap_or(" ")) + end.into_option().unwrap_or("\n");
        Job::of(eval)?.print(&text)?;
        Ok(NoneType)
    }
}
