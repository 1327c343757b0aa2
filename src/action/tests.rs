//! Actions as a `run:` body calls them: a harness with a workspace in a folder of its own, and a test for each promise of
//! the manual that no kernel's own tests hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::job::Names;
use super::program::Programs;
use crate::run::executor::{InProcess, Workspace};
use crate::run::spec::{JobError, JobSpec, Program, Work};
use crate::value::{Dict, Named, Value};

const HEAD: &str = "def __run__(input, output, params, wildcards, threads, resources, log, config, rule, attempt, \
                    workflow, jobid):\n";

/// A job in a folder of its own: files named in it are below that folder.
struct Bench {
    folder: TempDir,
    programs: Programs,
    input: Vec<String>,
    output: Vec<String>,
    params: Named<Value>,
    /// Commands that the body ran.
    commands: Vec<String>,
    is_cancelled: bool,
}

impl Bench {
    fn new() -> Bench {
        let formatter = |text: &str, _: &JobSpec, names: &Names| {
            if text.contains("{unknown}") {
                return Err("no {unknown} here".to_owned());
            }
            Ok(names.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value.as_str().unwrap_or("?"))
            }))
        };
        Bench {
            folder: tempfile::tempdir().unwrap(),
            programs: Programs::new(formatter, |_| {}),
            input: Vec::new(),
            output: Vec::new(),
            params: Named::default(),
            commands: Vec::new(),
            is_cancelled: false,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn input(mut self, name: &str, content: impl AsRef<[u8]>) -> Bench {
        let path = self.path(name);
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        self.input.push(path);
        self
    }

    fn output(mut self, name: &str) -> Bench {
        self.output.push(self.path(name));
        self
    }

    fn param(mut self, name: &str, value: Value) -> Bench {
        let at = u32::try_from(self.params.items.len()).unwrap();
        self.params.names.push((name.to_owned(), at, None));
        self.params.items.push(value);
        self
    }

    fn spec(&self, body: &str) -> JobSpec {
        let mut code = HEAD.to_owned();
        for line in body.trim().lines() {
            writeln!(code, "    {}", line.trim_start_matches("            ")).unwrap();
        }
        let list = |items: &[String]| Named { items: items.to_vec(), names: Vec::new() };
        JobSpec {
            job: 3,
            rule: "soup".to_owned(),
            work: Work::Run { program: Arc::new(Program { code, origin: Vec::new(), calls_shell: false }) },
            wildcards: vec![("frame".to_owned(), "a".to_owned())],
            input: list(&self.input),
            output: list(&self.output),
            log: Named::default(),
            params: self.params.clone(),
            resources: BTreeMap::from([("mem_mb".to_owned(), Value::Int(500))]),
            threads: 2,
            attempt: 1,
            config: Arc::new(Value::Dict(Dict::from_iter(vec![("k".to_owned(), Value::Int(7))]))),
            outputs: Vec::new(),
            stdio_log: self.path("log.txt"),
            benchmark: None,
            basedir: "/base".to_owned(),
            live_inputs: Vec::new(),
            made_directories: Vec::new(),
            shadow: None,
            cache: None,
            staging: None,
        }
    }

    /// Runs the body; outputs stay under their temporary names.
    fn run(&mut self, body: &str) -> Result<(), JobError> {
        let spec = self.spec(body);
        let mut site = Site { spec: spec.clone(), commands: Vec::new(), is_cancelled: self.is_cancelled };
        let result = self.programs.run(&spec, &mut site);
        self.commands = site.commands;
        result
    }

    /// Runs the body, which must work, and gives what it wrote to its first output.
    fn written(&mut self, body: &str) -> String {
        if let Err(error) = self.run(body) {
            panic!("{error:?}");
        }
        String::from_utf8(fs::read(temporary(&self.output[0])).unwrap()).unwrap()
    }

    /// What `write_text(str(EXPRESSION), output[0])` writes.
    fn shown(&mut self, expression: &str) -> String {
        self.written(&format!("write_text(str({expression}), output[0])"))
    }

    /// Runs the body, which must fail, and gives message and help as a person sees them, without the folder.
    fn error(&mut self, body: &str) -> String {
        let Err(JobError::Action { message, help, .. }) = self.run(body) else { panic!("{body} works") };
        let text = message + &help.map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn temporary(path: &str) -> String {
    crate::run::outputs::temporary(path)
}

struct Site {
    spec: JobSpec,
    commands: Vec<String>,
    is_cancelled: bool,
}

impl Workspace for Site {
    fn output_path(&self, output: &str) -> String {
        if self.spec.output.items.iter().any(|item| item == output) { temporary(output) } else { output.to_owned() }
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }

    fn shell(&mut self, command: &str) -> Result<(), JobError> {
        self.commands.push(command.to_owned());
        if command.starts_with("exit") { Err(JobError::ExitCode(3)) } else { Ok(()) }
    }
}

/// A 2 × 3 image of bytes with these rows.
const PGM: &[u8] = b"P5 3 2 255\n\x00\x01\x02\x0a\x0b\x0c";

fn bench() -> Bench {
    Bench::new().input("a.pgm", PGM).output("out.txt")
}

#[test]
fn the_body_sees_its_job() {
    let mut bench = bench().param("size", Value::Int(5));
    let shown = bench.shown(
        "[params.size, wildcards.frame, threads, resources.mem_mb, resources._threads, config[\"k\"], rule, attempt, \
         workflow.basedir, jobid, len(input), len(log)]",
    );
    assert_eq!(shown, "[5, 'a', 2, 500, 2, 7, 'soup', 1, '/base', 3, 1, 0]");
}

#[test]
fn paths_must_be_declared() {
    let mut bench = bench();
    insta::assert_snapshot!(bench.error("read('flat.fits')"), @r#"
    flat.fits is read, but it is not an input of rule soup
    help: add it to the rule's `input:`, as "flat.fits"
    "#);
    insta::assert_snapshot!(bench.error("write_text('x', 'y.txt')"), @r#"
    y.txt is written, but it is not an output of rule soup
    help: add it to the rule's `output:` (or `log:`), as "y.txt"
    "#);
    // What the job has written it may read.
    assert_eq!(bench.written("write_text('x', output[0])\nwrite_text(read_text(output[0]) + 'y', output[0])"), "xy");
}

#[test]
fn folders_hold_what_is_below_them() {
    let mut bench = bench().input("data/b.txt", "b");
    bench.input[1] = bench.path("data");
    assert_eq!(bench.shown("read_text(input[1] + '/b.txt')"), "b");
    assert!(bench.error("read_text(input[1] + '/../a.pgm')").contains("not an input"));
}

#[test]
fn wrong_arguments_are_explained() {
    let mut bench = bench();
    insta::assert_snapshot!(bench.error("gaussian(input[0], sigmas=3)"), @r#"
    gaussian() has no parameter `sigmas`: did you mean `sigma`?
    help: gaussian(image, output=None, sigma, mode="nearest", cval=0.0, truncate=4.0, dtype=None)
    flow --actions gaussian tells more
    "#);
    insta::assert_snapshot!(bench.error("gaussian(input[0])"), @r#"
    gaussian() needs sigma: a number or a pair of them (rows, columns)
    help: gaussian(image, output=None, sigma, mode="nearest", cval=0.0, truncate=4.0, dtype=None)
    flow --actions gaussian tells more
    "#);
    insta::assert_snapshot!(bench.error("crop(input[0], section=3)"), @r"
    crop() takes a text for section, not 3
    help: crop(image, output=None, section=None, rows=None, columns=None, dtype=None)
    flow --actions crop tells more
    ");
    insta::assert_snapshot!(bench.error("mean(input[0], 2, 3)"), @r"
    mean() takes at most 1 arguments, and here are 3
    help: mean(image)
    flow --actions mean tells more
    ");
    insta::assert_snapshot!(bench.error("gaussian(input[0], 2, mode='far')"), @"unknown mode \"far\"; one of reflect, nearest, mirror, constant, wrap");
    insta::assert_snapshot!(bench.error("copy(input[0], output[0], output=output[0])"), @r"
    copy() got output twice
    help: copy(path, output)
    flow --actions copy tells more
    ");
    assert!(bench.error("gausian(input[0], 2)").contains("there is an action `gaussian`"));
}

#[test]
fn an_error_has_its_place() {
    let mut bench = bench();
    let Err(JobError::Action { place: Some((start, end)), .. }) = bench.run("x = 1\nread('no.fits')") else {
        panic!("it has a place")
    };
    let Work::Run { program } = bench.spec("x = 1\nread('no.fits')").work else { unreachable!("a run body") };
    assert_eq!(&program.code[start as usize..end as usize], "read('no.fits')");
}

#[test]
fn images_have_attributes_and_operators() {
    let mut bench = bench();
    assert_eq!(bench.shown("read(input[0])"), "<image: 2 × 3 uint8>");
    assert_eq!(
        bench.shown("[read(input[0]).shape, read(input[0]).dtype, len(read(input[0]))]"),
        "[(2, 3), 'uint8', 2]"
    );
    assert_eq!(bench.shown("max(2 * read(input[0]) + 1)"), "25.0");
    assert_eq!(bench.shown("min(-read(input[0]))"), "-12.0");
    assert_eq!(bench.shown("sum(__lt__(read(input[0]), 10))"), "3.0");
    assert_eq!(bench.shown("mean(__pow__(read(input[0]), 2))"), format!("{:?}", 370.0 / 6.0));
    assert_eq!(
        bench.shown("[mean(__index__(read(input[0]), (1, __slice__(1, None)))), read(input[0])[1].shape]"),
        "[11.5, (1, 3)]"
    );
    assert_eq!(bench.shown("__index__(read(input[0]), (-1, -1))"), "12.0");
    assert_eq!(bench.shown("mean(read(input[0])['[1:2,1:1]'])"), "0.5");
    assert!(bench.error("read(input[0]) + read(input[0])[0]").contains("differ in shape"));
}

#[test]
fn python_keeps_its_functions() {
    let mut bench = bench();
    assert_eq!(
        bench.shown("[min(3, 2), max([1, 5]), abs(-4), sum([1, 2]), min('b', 'a'), max(input[0])]"),
        "[2, 5, 4, 3, 'a', 12.0]"
    );
    assert_eq!(bench.shown("[sqrt(9), clip(5, high=3), isfinite(1.0), maximum(1, 2)]"), "[3.0, 3.0, True, 2.0]");
}

#[test]
fn headers_are_kept_and_tell_what_was_done() {
    let mut bench = bench().output("out.fits");
    let body = "
            image = read(input[0]).with_header(OBJECT='M13', EXPTIME=30.5, CRPIX1=2.0)
            out = crop(gaussian(image, sigma=1), output[1], columns=[1, None])
            back = read(output[1])
            h = back.header
            facts = [h['OBJECT'], h['EXPTIME'], h['CRPIX1'], 'GAIN' in h, h.get('GAIN', 2), h['HISTORY'], back.shape]
            write_text(str(facts), output[0])";
    assert_eq!(
        bench.written(body),
        "['M13', 30.5, 1.0, False, 2, 'flow: gaussian sigma=1\\nflow: crop columns=[1, None]', (2, 2)]"
    );
    insta::assert_snapshot!(bench.error("read(input[0]).header['GAIN']"), @r#"
    the header has no keyword GAIN
    help: header.get("NAME", default) gives a default; header.keys() lists the keywords
    "#);
}

#[test]
fn filters_work_on_every_type() {
    let mut bench = bench();
    assert_eq!(bench.shown("[gaussian(input[0], sigma=0).dtype, max(gaussian(input[0], 0))]"), "['float32', 12.0]");
    assert_eq!(bench.shown("max(median_filter(input[0], size=(1, 3)))"), "12.0");
    assert_eq!(bench.shown("max(highpass(input[0], 1))"), "0.0");
    assert_eq!(bench.shown("percentile_filter(input[0], percentile=0, size=3)[0, 0] if False else 0"), "0");
    assert_eq!(bench.shown("convolve(input[0], kernel=[[1, 1]]).shape"), "(2, 4)");
    assert_eq!(bench.shown("convolve(input[0], [[1]], mode='same', stride=2).shape"), "(1, 2)");
    assert_eq!(bench.shown("round(sum(random_kernel(3, seed=1)), 9)"), "1.0");
    assert!(bench.error("convolve(input[0], kernel=[[1], [2, 3]])").starts_with("a kernel is a list of rows"));
    assert!(bench.error("convolve(input[0], [[1, 1, 1, 1]], mode='valid')").contains("leaves no pixel"));
}

#[test]
fn windows_are_averaged_and_searched() {
    let mut bench = bench();
    assert_eq!(bench.shown("max(uniform_filter(input[0], size=(1, 3)))"), format!("{:?}", f64::from(35.0f32 / 3.0)));
    assert_eq!(bench.shown("[min(maximum_filter(input[0], 2)), max(minimum_filter(input[0], 3))]"), "[0.0, 1.0]");
    assert_eq!(bench.shown("max(maximum_filter(input[0], 9, mode='constant', cval=99))"), "99.0");
    assert_eq!(
        bench.shown("[max(unsharp_mask(input[0], radius=0, amount=5)), unsharp_mask(input[0]).dtype]"),
        "[12.0, 'float32']"
    );
    insta::assert_snapshot!(bench.error("median_filter(input[0], size=-3)"), @r#"
    median_filter(): size must be at least 1, not -3
    help: median_filter(image, output=None, size, mode="reflect", cval=0.0, dtype=None)
    flow --actions median_filter tells more
    "#);
    assert!(
        bench
            .error("uniform_filter(input[0], size=(3, 0))")
            .starts_with("uniform_filter(): size must be at least 1, not 0")
    );
    assert!(
        bench
            .error("uniform_filter(input[0], size='big')")
            .starts_with("uniform_filter() takes an integer from 1 or a pair")
    );
}

#[test]
fn images_are_turned_framed_and_fitted() {
    let mut bench = bench();
    let all = "[[a[y, x] for x in range(a.shape[1])] for y in range(a.shape[0])]";
    let mut of = |call: &str| {
        bench.written(&format!(
            "a = {call}\nwrite_text(str([a.dtype, {}]), output[0])",
            all.replace("a[y, x]", "int(__index__(a, (y, x)))")
        ))
    };
    assert_eq!(of("flip(input[0])"), "['uint8', [[12, 11, 10], [2, 1, 0]]]");
    assert_eq!(of("flip(input[0], axis=0)"), "['uint8', [[10, 11, 12], [0, 1, 2]]]");
    assert_eq!(of("rot90(input[0])"), "['uint8', [[2, 12], [1, 11], [0, 10]]]");
    assert_eq!(of("rotate(input[0], 90, resize=True)"), "['float32', [[2, 12], [1, 11], [0, 10]]]");
    assert_eq!(of("auto_orient(input[0], orientation=6)"), "['uint8', [[10, 0], [11, 1], [12, 2]]]");
    assert_eq!(of("auto_orient(input[0])"), "['uint8', [[0, 1, 2], [10, 11, 12]]]");
    assert_eq!(
        of("pad(input[0], [[1, 0], [0, 2]], mode='edge')"),
        "['uint8', [[0, 1, 2, 2, 2], [0, 1, 2, 2, 2], [10, 11, 12, 12, 12]]]"
    );
    assert_eq!(
        of("pad(input[0], (0, 1), constant_values=300)"),
        "['uint8', [[0, 1, 2, 255], [10, 11, 12, 255], [255, 255, 255, 255]]]"
    );
    assert_eq!(of("block_reduce(input[0], factor=2)"), "['float32', [[22, 14]]]");
    assert_eq!(of("block_reduce(input[0], (1, 3), 'max')"), "['float32', [[2], [12]]]");
    assert_eq!(of("fit(input[0], size=2, filter='nearest')"), "['uint8', [[1, 2], [11, 12]]]");
    assert_eq!(of("thumbnail(input[0], 9)"), "['uint8', [[0, 1, 2], [10, 11, 12]]]");
    assert_eq!(bench.shown("thumbnail(full((100, 300), value=1), 30).shape"), "(10, 30)");
    assert_eq!(bench.error("flip(input[0], axis=2)"), "axis is 0 (rows) or 1 (columns), not 2");
    assert_eq!(bench.error("rotate(input[0], 10, order=2)"), "order is 0, 1 or 3, not 2");
    assert!(bench.error("pad(input[0], -1)").starts_with("pad_width is a number"));
    assert_eq!(bench.error("auto_orient(input[0], orientation=9)"), "orientation is from 1 to 8, not 9");
    assert!(bench.error("block_reduce(input[0], 0)").starts_with("block_reduce(): factor must be at least 1, not 0"));
}

#[test]
fn coordinates_turn_with_the_pixels() {
    let mut bench = bench();
    let mut of = |call: &str| {
        bench.written(&format!(
            "a = read(input[0]).with_header(CRPIX1=1.0, CRPIX2=1.0, CD1_1=-2.0, CD2_2=3.0)\nh = ({call}).header\n\
             write_text(str([h.get(k, 0.0) for k in ['CRPIX1', 'CRPIX2', 'CD1_1', 'CD1_2', 'CD2_1', 'CD2_2']]), output[0])"
        ))
    };
    // The first pixel of 2 rows and 3 columns.
    assert_eq!(of("flip(a, axis=1)"), "[3.0, 1.0, 2.0, 0.0, 0.0, 3.0]");
    assert_eq!(of("rot90(a)"), "[1.0, 3.0, 0.0, 2.0, 3.0, 0.0]");
    assert_eq!(of("rotate(a, 180)"), "[3.0, 2.0, 2.0, 0.0, 0.0, -3.0]");
    assert_eq!(of("block_reduce(a, 2)"), "[0.75, 0.75, -4.0, 0.0, 0.0, 6.0]");
    assert_eq!(of("pad(a, [[1, 0], [2, 0]])"), "[3.0, 2.0, -2.0, 0.0, 0.0, 3.0]");
    assert_eq!(of("fit(a, size=4)"), "[1.0, 1.5, -1.0, 0.0, 0.0, 1.5]".replace("1.0, 1.5, -1.0", "0.5, 1.5, -1.0"));
    assert_eq!(of("auto_orient(a, orientation=5)"), "[1.0, 1.0, 0.0, -2.0, 3.0, 0.0]");
    assert_eq!(
        of("__index__(a, (__slice__(None, None, -1), __slice__(None, None)))"),
        "[1.0, 2.0, -2.0, 0.0, 0.0, -3.0]"
    );
}

#[test]
fn one_pixel_is_a_number() {
    let mut bench = bench();
    assert_eq!(bench.shown("__index__(read(input[0]), (1, 2))"), "12.0");
    assert_eq!(bench.error("__index__(read(input[0]), (3, 4))"), "index 3 is outside of an axis of 2 pixels");
    insta::assert_snapshot!(bench.error("__index__(colormap(read(input[0])), (3, 4))"), @r"
    no plane 3: the image has 3 planes
    help: the first index of an image of several planes is the plane: image[0, y, x] gives a number of the first, image[:, y, x] the pixel of all
    ");
    assert_eq!(bench.shown("__index__(colormap(read(input[0])), (0, 1, 2))"), "252.0");
}

#[test]
fn numbers_of_images() {
    let mut bench = bench();
    assert_eq!(
        bench.shown("imstat(input[0])"),
        "{'npix': 6, 'mean': 6.0, 'std': 5.066228051190222, 'min': 0.0, 'max': 12.0, 'median': 6.0}"
    );
    assert_eq!(
        bench.shown("[median(input[0]), percentile(input[0], 100), var(full(2, value=3)), std(full(2, value=3))]"),
        "[6.0, 12.0, 0.0, 0.0]"
    );
}

#[test]
fn pictures_are_stretched_coloured_and_laid_out() {
    let mut bench = bench();
    assert_eq!(bench.shown("[max(stretch(input[0], interval='minmax')), stretch(input[0]).dtype]"), "[1.0, 'float32']");
    assert_eq!(bench.shown("colormap(stretch(input[0])).shape"), "(3, 2, 3)");
    assert_eq!(bench.shown("[preview(input[0], width=2).shape, preview(input[0]).dtype]"), "[(1, 2), 'uint8']");
    assert_eq!(bench.shown("resize(input[0], size=(4, 6)).shape"), "(4, 6)");
    assert_eq!(bench.shown("montage([input[0]] * 3, columns=2, gap=1).shape"), "(5, 7)");
    assert_eq!(bench.shown("montage([noise(20), input[0]], captions=['a', 'b']).shape"), "(33, 42)");
    assert!(bench.error("montage([input[0]], captions=['a', 'b'])").contains("2 captions for 1 images"));
    assert!(bench.error("colormap(colormap(input[0]))").contains("one plane"));
}

#[test]
fn pictures_of_fits_have_their_first_row_below() {
    let mut bench = bench().output("a.fits");
    // Rows of 0 and 12; what comes of a file keeps its way up through filters and arithmetic.
    let head = "write(where(__gt__(read(input[0]), 5), 12.0, 0.0), output[1])\nsky = read(output[1])\n";
    let shown =
        |bench: &mut Bench, expression: &str| bench.written(&format!("{head}write_text(str({expression}), output[0])"));
    let top = |picture: &str| format!("mean({picture}[0])");
    let pictures = ["preview(sky)", "preview(gaussian(sky * 2, 0))", "preview(preview(sky))", "montage([sky])"];
    for picture in pictures {
        assert_eq!(shown(&mut bench, &top(picture)), "255.0", "{picture}");
    }
    for picture in ["preview(sky, origin='upper')", "preview(2 * read(input[0]), interval='minmax')"] {
        assert!(shown(&mut bench, &top(picture)).parse::<f64>().unwrap() < 60.0, "{picture}");
    }
    assert_eq!(shown(&mut bench, "mean(crop(rgb(sky, sky, sky), rows=[0, 1]))"), "126.0");
    assert!(bench.error("preview(input[0], origin='left')").contains("one of lower, upper"));
}

#[test]
fn an_image_without_a_value_is_named() {
    let mut bench = bench().output("nan.npy").output("b.png");
    let body = "write(full((4, 6), value=float('nan')), output[1])\npreview(read(output[1]), output[2], width=3)";
    assert_eq!(bench.error(body), "nan.npy: the image has no finite value");
    // A pixel without a value does not spoil those that share its place in a small picture.
    let body = "
            image = where(__gt__(read(input[0]), 0), read(input[0]), float('nan'))
            write_text(str(min(preview(image, width=1, vmin=0, vmax=1))), output[0])";
    assert_eq!(bench.written(body), "255.0");
}

#[test]
fn mosaics_put_tiles_where_their_colour_is() {
    let ppm = |colours: [[u8; 3]; 4]| [b"P6 2 2 255\n".as_slice(), colours.as_flattened()].concat();
    let (black, white, grey) = ([0; 3], [255; 3], [130; 3]);
    let mut bench = Bench::new()
        .input("target.ppm", ppm([white, black, [120; 3], [140; 3]]))
        .input("black.ppm", ppm([black; 4]))
        .input("white.ppm", ppm([white; 4]))
        .input("grey.ppm", ppm([grey; 4]))
        .output("out.txt");
    let mosaic = "mosaic(input[0], input[1:], grid=2, tile_size=3";
    assert_eq!(bench.shown(&format!("{mosaic}).shape")), "(3, 6, 6)");
    assert_eq!(bench.shown("mosaic(input[0], input[1:], grid=(1, 3)).shape"), "(3, 2, 6)");
    assert_eq!(bench.shown(&format!("mean({mosaic}))")), format!("{:?}", (255.0 + 130.0 * 2.0) / 4.0));
    assert!(bench.error(&format!("{mosaic}, method='unique')")).contains("each of the 4 places, and there are 3"));
    assert_eq!(
        bench.shown("mean(mosaic(input[0], input[1:], grid=(1, 3), tile_size=3, method='unique'))"),
        format!("{:?}", (255.0 + 130.0) / 3.0)
    );
    assert!(bench.error("mosaic(input[0], [], grid=2)").contains("mosaic() got an empty list"));
    assert!(bench.error("mosaic(input[0], input[1:], grid=0)").contains("grid must be at least 1"));
}

#[test]
fn animations_keep_few_colours_exactly() {
    let mut bench = bench().output("a.gif").output("a.png");
    bench.run("animate([input[0], full((2, 3), value=7, dtype='uint8')], output[1], delay_ms=250)").unwrap();
    let file = fs::File::open(temporary(&bench.output[1])).unwrap();
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(file).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        frames.push((frame.delay, frame.buffer.chunks(4).map(|pixel| pixel[0]).collect::<Vec<_>>()));
    }
    assert_eq!(frames, [(25, vec![0, 1, 2, 10, 11, 12]), (25, vec![7; 6])]);
    assert!(
        bench.error("animate([input[0], noise(3)], output[1])").contains("frame 1 has 3 × 3 pixels, the first 2 × 3")
    );
    assert!(bench.error("animate([], output[1])").contains("animate() got an empty list"));
    assert!(bench.error("animate([input[0]], output[2])").contains("an animation is a .gif"));
}

#[test]
fn made_images_repeat() {
    let mut bench = bench();
    assert_eq!(bench.shown("__eq__(mean(noise((3, 4), seed=1)), mean(noise((3, 4), seed=1)))"), "True");
    assert_eq!(bench.shown("abs(std(random_field(16, power=-2)) - 1) < 0.000001"), "True");
    assert_eq!(bench.shown("full(2, value=300, dtype='uint8').dtype"), "uint8");
    assert_eq!(bench.shown("[mandelbrot(9, 5).shape, mandelbrot(9, 5).dtype]"), "[(5, 9), 'int32']");
    assert_eq!(bench.shown("max(mandelbrot(3, 3, center=[-0.5, 0], extent=3, max_iter=70))"), "70.0");
    assert_eq!(bench.shown("max(julia([9, 0], 3, 3, max_iter=70))"), "1.0");
    assert_eq!(bench.shown("round(sum(zeldovich(potential(noise(8), 5), 5, time=2)), 9)"), "64.0");
    assert!(bench.error("mandelbrot(3, 3, center=3)").contains("[real, imaginary]"));
    assert!(bench.error("zeldovich(noise(4), time=1, counting='tsc')").contains("one of ngp, cic"));
    assert_eq!(bench.shown("where(__gt__(read(input[0]), 5), 1, 0).shape"), "(2, 3)");
}

#[test]
fn files_go_in_and_out() {
    let mut bench = bench().output("b.npy").input("t.csv", "a,b\n1,x\n");
    bench.run("convert(input[0], output[1], dtype='int16')\nwrite_text(read(output[1]).dtype, output[0])").unwrap();
    assert_eq!(fs::read_to_string(temporary(&bench.output[0])).unwrap(), "int16");
    assert_eq!(bench.shown("read_csv(input[1])"), "[{'a': '1', 'b': 'x'}]");
    assert_eq!(bench.written("concat([input[1], input[1]], output[0])"), "a,b\n1,x\na,b\n1,x\n");
    assert_eq!(bench.written("copy(input[1], output[0])"), "a,b\n1,x\n");
    assert_eq!(bench.written("write_csv([{'a': 1}, {'b': 'x,y'}], output[0])"), "a,b\n1,\n,\"x,y\"\n");
    assert_eq!(bench.written("write_csv([[1, 2.5]], output[0], columns=['p', 'q'])"), "p,q\n1,2.5\n");
    assert_eq!(bench.written("write_json({'b': [1], 'a': None}, output[0], indent=0)"), "{\"b\":[1],\"a\":null}\n");
    assert!(bench.error("write_csv([[1], [2, 3]], output[0])").contains("row 1 has 2 cells"));
    assert!(bench.error("write(read(input[0]), output[0])").starts_with("out.txt: no format for this suffix"));
    assert!(bench.error("read(input[1])").starts_with("t.csv: not an image"));
    assert_eq!(bench.shown("[exists(input[0]), exists('nothing')]"), "[True, False]");
}

#[test]
fn soup_is_mixed_boiled_and_chopped() {
    let mut bench = Bench::new().input("peas.txt", "green peas and\nsalt").output("out.txt");
    let mixed = bench.written("mix(input[0], output[0])");
    assert_eq!(mixed, bench.written("mix(input[0], output[0])"));
    let mut words: Vec<_> = mixed.split_whitespace().collect();
    words.sort_unstable();
    assert_eq!(words, ["and", "green", "peas", "salt"]);
    assert_eq!(bench.written("chop(input[0], output[0])"), "g r e e n p e a s a n d s a l t\n");
    let lengths: Vec<_> = bench.shown("boil(input[0], seed=2)").split_whitespace().map(str::len).collect();
    assert_eq!(lengths, [5, 4, 3, 4]);
}

#[test]
fn print_goes_to_the_log() {
    let mut bench = bench();
    bench.run("x = 1").unwrap();
    assert!(!Path::new(&bench.path("log.txt")).exists());
    bench.run("print('a', 1, sep='-')\nprint('b', end='')").unwrap();
    assert_eq!(fs::read_to_string(bench.path("log.txt")).unwrap(), "a-1\nb");
}

#[test]
fn commands_run_and_their_failure_is_the_job_s() {
    let mut bench = bench();
    bench.run("shell('make {x.y}', __names__={'x.y': 'it'})").unwrap();
    assert_eq!(bench.commands, ["make it"]);
    assert_eq!(bench.run("shell('exit 3')"), Err(JobError::ExitCode(3)));
    assert_eq!(bench.error("shell('{unknown}')"), "shell: no {unknown} here");
    bench.is_cancelled = true;
    assert_eq!(bench.run("write_text('x', output[0])"), Err(JobError::Interrupted));
}

#[test]
fn a_program_is_evaluated_once_for_all_threads() {
    let bench = bench();
    let spec = bench.spec("write_text(wildcards.frame, output[0])");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut site = Site { spec: spec.clone(), commands: Vec::new(), is_cancelled: false };
                bench.programs.run(&spec, &mut site).unwrap();
            });
        }
    });
    assert_eq!(fs::read_to_string(temporary(&bench.output[0])).unwrap(), "a");
}
