//! One call of an action: its arguments, checked against the registry, and what it answers. Images given by path are read
//! here, results written here, so that actions see pixels only. Takes plain arguments; knows no Starlark.

use super::arithmetic::Operand;
use super::failure::Failure;
use super::file::{self, FileError, Frame, Part, ReadOptions, Wanted, WriteOptions};
use super::image::{Dtype, Image};
use super::job::Job;
use super::registry::{Action, Default};
use crate::value::Value;

/// An argument after the check of its kind.
#[derive(Debug, Clone)]
pub enum Argument {
    Absent,
    Image(Image),
    Images(Vec<Image>),
    Frames(Vec<Source>),
    Number(f64),
    Int(i64),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    Numbers(f64, f64),
    Size(usize, usize),
    Data(Value),
}

/// An image that is there, or the path of one.
#[derive(Debug, Clone)]
pub enum Source {
    Image(Image),
    Path(String),
}

impl Source {
    /// The image for a purpose, told from its shape: smaller than in its file, where that is enough.
    pub fn read_part(&self, job: &Job<'_>, wanted: impl Fn((usize, usize)) -> Wanted) -> Result<Part, Failure> {
        match self {
            Source::Image(image) => Ok(Part::of(image.clone(), wanted)),
            Source::Path(path) => {
                let part = job.read(path, |place, is_wanted| file::read_part_known(place, wanted, is_wanted))?;
                Ok(called(path, part))
            }
        }
    }
}

/// What an action gives.
#[derive(Debug)]
pub enum Answer {
    Nothing,
    /// An image that was made: it gets a HISTORY card and goes to the call's output.
    Image(Image),
    /// An image as it is in a file.
    Read(Image),
    /// Numbers, texts, lists, dictionaries.
    Data(Value),
}

impl From<Operand> for Answer {
    fn from(operand: Operand) -> Answer {
        match operand {
            Operand::Image(image) => Answer::Image(image),
            Operand::Number(number) => Answer::Data(Value::Float(number)),
        }
    }
}

/// An action and its arguments, one for each parameter.
pub struct Call<'a, 'e> {
    pub action: &'static Action,
    pub job: &'a Job<'e>,
    pub arguments: Vec<Argument>,
    /// The call as the HISTORY of a header tells it; asked where there is a header.
    pub history: &'a dyn Fn() -> String,
}

/// The accessors take a name that the action's own record has, of a kind and with a default that fit: anything else is a
/// fault in the registration, which the first call in a test shows.
impl Call<'_, '_> {
    /// The argument itself, where it may be of one kind or another.
    pub fn argument(&self, name: &str) -> &Argument {
        let at = self.action.position(name).expect("an action asks for its own parameters");
        &self.arguments[at]
    }

    pub fn image(&self, name: &str) -> Image {
        match self.argument(name) {
            Argument::Image(image) => image.clone(),
            other => unreachable!("{name} is an image, not {other:?}"),
        }
    }

    pub fn images(&self, name: &str) -> &[Image] {
        match self.argument(name) {
            Argument::Images(images) => images,
            other => unreachable!("{name} is a list of images, not {other:?}"),
        }
    }

    /// The frames of a list, opened and not yet read.
    pub fn frames(&self, name: &str) -> Result<Vec<Frame>, Failure> {
        let open = |source: &Source| match source {
            Source::Image(image) => Ok(Frame::from(image.clone())),
            Source::Path(path) => Ok(Frame::open(&self.job.readable(path)?, path)?),
        };
        self.sources(name).iter().map(open).collect()
    }

    /// A picture, read at the size at which it is wanted or a larger one.
    pub fn picture(&self, name: &str, wanted: impl Fn((usize, usize)) -> Wanted) -> Result<Part, Failure> {
        match self.sources(name) {
            [source] => source.read_part(self.job, wanted),
            other => unreachable!("{name} is one picture, not {}", other.len()),
        }
    }

    /// The images of a list, not yet read.
    pub fn sources(&self, name: &str) -> &[Source] {
        match self.argument(name) {
            Argument::Frames(sources) => sources,
            other => unreachable!("{name} is a list of frames, not {other:?}"),
        }
    }

    pub fn operand(&self, name: &str) -> Operand {
        match self.argument(name) {
            Argument::Image(image) => Operand::Image(image.clone()),
            Argument::Number(number) => Operand::Number(*number),
            other => unreachable!("{name} is an image or a number, not {other:?}"),
        }
    }

    pub fn number(&self, name: &str) -> f64 {
        self.optional_number(name).expect("registered with a default, or as required")
    }

    pub fn optional_number(&self, name: &str) -> Option<f64> {
        match self.argument(name) {
            Argument::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn int(&self, name: &str) -> i64 {
        self.optional_int(name).expect("registered with a default, or as required")
    }

    pub fn optional_int(&self, name: &str) -> Option<i64> {
        match self.argument(name) {
            Argument::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// An integer that counts something.
    pub fn count(&self, name: &str) -> Result<usize, Failure> {
        let number = self.int(name);
        usize::try_from(number).map_err(|_| Failure::new(format!("{name} must be at least 0, got {number}")))
    }

    /// The seed of a random sequence; every integer is one.
    pub fn seed(&self, name: &str) -> u64 {
        self.int(name).cast_unsigned()
    }

    pub fn flag(&self, name: &str) -> bool {
        matches!(self.argument(name), Argument::Bool(true))
    }

    pub fn text(&self, name: &str) -> &str {
        self.optional_text(name).expect("registered with a default, or as required")
    }

    pub fn optional_text(&self, name: &str) -> Option<&str> {
        match self.argument(name) {
            Argument::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn texts(&self, name: &str) -> Option<&[String]> {
        match self.argument(name) {
            Argument::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    /// A number for each axis (rows, columns), or each side (low, high).
    pub fn numbers(&self, name: &str) -> (f64, f64) {
        match self.argument(name) {
            Argument::Numbers(y, x) => (*y, *x),
            Argument::Number(both) => (*both, *both),
            other => unreachable!("{name} is a pair of numbers, not {other:?}"),
        }
    }

    /// A length for each axis (rows, columns).
    pub fn size(&self, name: &str) -> (usize, usize) {
        self.optional_size(name).expect("registered as required")
    }

    pub fn optional_size(&self, name: &str) -> Option<(usize, usize)> {
        match self.argument(name) {
            Argument::Size(rows, columns) => Some((*rows, *columns)),
            _ => None,
        }
    }

    pub fn data(&self, name: &str) -> &Value {
        match self.argument(name) {
            Argument::Data(value) => value,
            _ => &Value::None,
        }
    }

    fn dtype(&self) -> Result<Option<Dtype>, Failure> {
        match self.action.position("dtype") {
            Some(at) => match &self.arguments[at] {
                Argument::Text(name) => Ok(Some(name.parse()?)),
                _ => Ok(None),
            },
            None => Ok(None),
        }
    }

    /// Does the work: the action itself, then what all have in common, which is the pixel type, the HISTORY card and the
    /// output.
    pub fn run(&self) -> Result<Answer, Failure> {
        self.job.check_cancelled()?;
        let answer = (self.action.run)(self)?;
        let Answer::Image(image) = answer else { return Ok(answer) };
        let image = match self.dtype()? {
            Some(dtype) => image.cast(dtype),
            None => image,
        };
        let image = image.with_history(&(self.history)());
        if let Some(at) = self.action.position("output")
            && let Argument::Text(path) = &self.arguments[at]
        {
            self.write_image(&image, path, &WriteOptions::default())?;
        }
        Ok(Answer::Image(image))
    }

    /// Writes an image to an output, in the format of its final name.
    pub fn write_image(&self, image: &Image, path: &str, options: &WriteOptions) -> Result<(), Failure> {
        let written = self.job.write(path, |out| file::write(image, out, path, options));
        written.map_err(|failure| {
            // A section, say, where the path belongs.
            if file::Format::of_suffix(path).is_some() || !path.contains([',', ':', '[']) {
                return failure;
            }
            let action = self.action;
            failure.help(format!(
                "\"{path}\" stands where {} takes the path to write to: {}",
                action.name,
                action.signature()
            ))
        })
    }
}

/// Reads the image at a path that the job may read.
pub fn read_image(job: &Job<'_>, path: &str, options: &ReadOptions) -> Result<Image, Failure> {
    let image = job.read(path, |place, is_wanted| file::read_known(place, options, is_wanted))?;
    let header = image.header().clone().read_from(path);
    Ok(image.with_header(header))
}

/// Reads the file at a place for a purpose; the job calls it by its path.
pub fn read_part(place: &str, path: &str, wanted: impl Fn((usize, usize)) -> Wanted) -> Result<Part, Failure> {
    let part = file::read_part(place, wanted).map_err(|error| FileError { path: path.to_owned(), ..error })?;
    Ok(called(path, part))
}

/// A picture whose history knows where it comes from.
fn called(path: &str, part: Part) -> Part {
    let header = part.image.header().clone().read_from(path);
    Part { image: part.image.with_header(header), ..part }
}

/// What stands for an argument that is not given; `None` where it must be.
pub fn default_argument(default: Default) -> Option<Argument> {
    Some(match default {
        Default::Required => return None,
        Default::Absent => Argument::Absent,
        Default::Number(value) => Argument::Number(value),
        Default::Int(value) => Argument::Int(value),
        Default::Bool(value) => Argument::Bool(value),
        Default::Text(value) => Argument::Text(value.to_owned()),
    })
}
