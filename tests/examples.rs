//! Every example, run through the real program at a small size: what came out is right, a second run has nothing to do,
//! and the graph can be drawn.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A copy of an example in a folder of its own.
struct Example {
    dir: tempfile::TempDir,
    /// Goes before the arguments of every call: the Rulefile, configuration.
    options: Vec<String>,
}

impl Example {
    fn new(name: &str, options: &[&str]) -> Example {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        copy(&Path::new(ROOT).join("examples").join(name), dir.path());
        Example { dir, options: options.iter().map(|&option| option.to_owned()).collect() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn call(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_flow"))
            .current_dir(self.dir.path())
            .args(&self.options)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("flow can be started")
    }

    /// Runs flow, which must succeed; what it printed on standard output.
    fn flow(&self, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "flow {arguments:?}: {}\n{out}{err}", output.status);
        out.into_owned()
    }

    /// Runs flow without a target, then asks it what is left to do, and for drawings of all kinds.
    fn run(&self) {
        assert!(self.flow(&["-n"]).contains("nothing was done (dry run)"));
        self.flow(&["-j2"]);
        let again = self.call(&["-j2"]);
        let told = [again.stdout, again.stderr].concat();
        assert!(String::from_utf8_lossy(&told).contains("Nothing to do"), "{}", String::from_utf8_lossy(&told));
        assert_eq!(self.flow(&["-n"]), "Nothing to do.\n");
        assert!(!self.flow(&["--summary"]).is_empty());
        for drawing in ["--dag", "--rulegraph", "--filegraph"] {
            let dot = self.flow(&[drawing]);
            assert!(dot.starts_with("digraph") && dot.trim_end().ends_with('}'), "{drawing}: {dot}");
            drawn_by_graphviz(&dot);
            assert!(self.flow(&[drawing, "svg"]).contains("<svg"));
        }
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let names = entries.map(|entry| entry.expect("it is listed").file_name().into_string().expect("plain names"));
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Copies what an example consists of, and not what it has made for its reader.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("it is listed");
        let name = entry.file_name().into_string().expect("plain names");
        let is_part = |folder: &str| ["recipe", "scripts"].contains(&folder);
        if is_part(&name) {
            fs::create_dir(to.join(&name)).expect("a temporary folder takes folders");
            copy(&entry.path(), &to.join(name));
        } else if name.starts_with("Rulefile")
            || from.file_name().is_some_and(|folder| is_part(&folder.to_string_lossy()))
            || is_source(&name)
        {
            fs::copy(entry.path(), to.join(name)).expect("an example can be copied");
        }
    }
}

/// What an example's rules read beside the Rulefile.
fn is_source(name: &str) -> bool {
    name == "stop.txt" || name.ends_with(".awk") || name.ends_with(".py")
}

/// `flow --dag | dot -Tsvg`, where there is a `dot`.
fn drawn_by_graphviz(text: &str) {
    let dot = Command::new("dot").arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut dot) = dot else { return };
    let mut input = dot.stdin.take().expect("it is piped");
    let text = text.to_owned();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, text.as_bytes()));
    let output = dot.wait_with_output().expect("dot ends");
    writer.join().expect("no panic").expect("dot reads all of it");
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("</svg>"));
}

/// The pixels of a FITS file of 64-bit floats, and its rows and columns: the standard's format, read without flow.
fn fits(path: &Path) -> (Vec<f64>, usize, usize) {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cards: Vec<&str> = bytes
        .chunks(80)
        .map(|card| std::str::from_utf8(card).unwrap_or(""))
        .take_while(|card| card.trim_end() != "END")
        .collect();
    let number = |key: &str| -> i64 {
        let card = cards.iter().find(|card| card[..8].trim_end() == key).unwrap_or_else(|| panic!("there is no {key}"));
        card[10..].split('/').next().unwrap_or_default().trim().parse().expect("a number")
    };
    assert_eq!((number("BITPIX"), number("NAXIS")), (-64, 2), "{}", path.display());
    let (columns, rows) = (number("NAXIS1") as usize, number("NAXIS2") as usize);
    let start = (cards.len() + 1).div_ceil(36) * 2880;
    let (pixels, _) = bytes[start..start + rows * columns * 8].as_chunks::<8>();
    (pixels.iter().map(|pixel| f64::from_be_bytes(*pixel)).collect(), rows, columns)
}

/// The upper median of the window [i - k/2, i + k - 1 - k/2] on both axes, reflected at the edges, as scipy.ndimage has
/// it; by sorting.
fn median_filter(pixels: &[f64], rows: usize, columns: usize, size: usize) -> Vec<f64> {
    let reflected = |at: i64, length: usize| -> usize {
        let period = 2 * length as i64;
        let at = at.rem_euclid(period);
        (if at < length as i64 { at } else { period - 1 - at }) as usize
    };
    let reach = |center: usize, length: usize| -> Vec<usize> {
        (0..size).map(|step| reflected(center as i64 - (size / 2) as i64 + step as i64, length)).collect()
    };
    let mut out = Vec::with_capacity(pixels.len());
    for row in 0..rows {
        for column in 0..columns {
            let (around, beside) = (reach(row, rows), reach(column, columns));
            let mut window: Vec<f64> =
                around.iter().flat_map(|&y| beside.iter().map(move |&x| pixels[y * columns + x])).collect();
            window.sort_by(f64::total_cmp);
            out.push(window[window.len() / 2]);
        }
    }
    out
}

fn assert_is_highpass(frame: &Path, result: &Path, size: usize) {
    let (frame, rows, columns) = fits(frame);
    let (result, ..) = fits(result);
    let median = median_filter(&frame, rows, columns, size);
    assert!(result.iter().any(|&pixel| pixel != 0.0));
    for ((frame, median), result) in frame.iter().zip(&median).zip(&result) {
        assert!((frame - median - result).abs() <= 1e-6 * frame.abs().max(1.0), "{frame} - {median} is not {result}");
    }
}

#[test]
fn highpass() {
    let example = Example::new("highpass", &["-C", "number=6", "shape=48", "size=10"]);
    example.run();
    let frames: Vec<String> = (1..=6).map(|i| format!("{i:02}.fits")).collect();
    assert_eq!(example.files("highpass"), frames);
    for name in &frames {
        assert_is_highpass(&example.path("raw").join(name), &example.path("highpass").join(name), 10);
    }
    let (first, second) = (fits(&example.path("raw/01.fits")), fits(&example.path("raw/02.fits")));
    assert_eq!((first.1, first.2), (48, 48));
    assert_ne!(first.0, second.0, "each frame has a seed of its own");
    let page = image::open(example.path("contact.png")).expect("a PNG").into_rgb8();
    // Five pictures a row, two rows, captions below.
    assert!(page.width() >= 5 * 48 && page.height() > 2 * 48, "{}×{}", page.width(), page.height());
    assert!(page.pixels().any(|pixel| pixel.0[0] > pixel.0[2]), "inferno has reds and yellows");

    // Another window: all frames are filtered again, and none is made again.
    let why = example.flow(&["-C", "number=6", "shape=48", "size=11", "--why", "highpass/01.fits"]);
    assert!(why.contains("10") && why.contains("11"), "{why}");
    let plan = example.flow(&["-C", "number=6", "shape=48", "size=11", "-n"]);
    assert!(plan.contains("6  highpass") && !plan.contains("random_frame"), "{plan}");
}

#[test]
fn highpass_of_ones_own_frames() {
    let maker = Example::new("highpass", &["-C", "number=2", "shape=40"]);
    maker.flow(&["raw/01.fits", "raw/02.fits"]);
    let example = Example::new("highpass", &["-C", "frames=mine/*.fits", "size=7"]);
    fs::create_dir(example.path("mine")).expect("a new folder");
    for (from, to) in [("raw/01.fits", "mine/M 13, first night.fits"), ("raw/02.fits", "mine/sky-2.fits")] {
        fs::copy(maker.path(from), example.path(to)).expect("both are there");
    }
    example.run();
    for name in ["M 13, first night.fits", "sky-2.fits"] {
        assert_is_highpass(&example.path("mine").join(name), &example.path("highpass").join(name), 7);
    }
    assert!(example.files("raw").is_empty());

    // A frame that cannot be read fails by itself, says why, and the others are made.
    fs::write(example.path("mine/empty.fits"), "").expect("a new file");
    let output = example.call(&["-k"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("mine/empty.fits: "), "{told}");

    let none = example.call(&["-C", "frames=yours/*.fits"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&none.stderr).contains("no file matches yours/*.fits"));
}

#[test]
fn pea_soup() {
    let example = Example::new("pea_soup", &["--resources", "cook=1", "stove=2"]);
    example.run();
    // Nothing is lost in cooking: the soup has the letters of all that went in.
    let letters = |text: &str| {
        let mut letters: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        letters.sort_unstable();
        letters
    };
    let recipe: String = example.files("recipe").iter().map(|name| example.text(&format!("recipe/{name}"))).collect();
    let soup = example.text("pea_soup.txt");
    assert_eq!(letters(&soup), letters(&recipe));
    assert!(soup.lines().all(|line| line.chars().count() <= 70));
    assert_eq!(example.text("kitchen/chopped/leek.txt"), "l e e k l e e k\n");
    let boiled = example.text("kitchen/boiled_peas.txt");
    let raw = example.text("kitchen/water_and_peas.txt");
    let lengths = |text: &str| text.split_whitespace().map(str::len).collect::<Vec<_>>();
    assert_eq!(lengths(&boiled), lengths(&raw), "words keep their places");
    assert_ne!(boiled.split_whitespace().collect::<Vec<_>>(), raw.split_whitespace().collect::<Vec<_>>());
    assert!(!example.path("kitchen/protosoup.txt").exists(), "the pot is washed up");
}

#[test]
fn hello() {
    for options in [&[] as &[&str], &["-s", "Rulefile.run"]] {
        let example = Example::new("hello", options);
        example.run();
        assert_eq!(example.text("hello.txt"), "Hello, world.\nHELLO, WORLD!\n", "{options:?}");
    }
}

#[test]
fn batch() {
    let example = Example::new("batch", &["-C", "number=3", "size=128", "sigma=2"]);
    example.run();
    let table = example.text("variances.csv");
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("image,before,after"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), ["0001", "0002", "0003"]);
    for row in &rows {
        let (before, after): (f64, f64) = (row[1].parse().expect("a number"), row[2].parse().expect("a number"));
        assert!((before - 1.0).abs() < 0.1, "white noise of variance 1, not {before}");
        // Of white noise a Gaussian leaves 1 / (4 π σ²) of the variance.
        let expected = 1.0 / (4.0 * std::f64::consts::PI * 4.0);
        assert!((after / expected - 1.0).abs() < 0.4, "{after} is not about {expected}");
        let json = example.text(&format!("variances/{}.json", row[0]));
        let numbers = format!("\"before\": {},\n  \"after\": {}\n", row[1], row[2]);
        assert!(json.contains(&numbers), "every digit comes through: {json}");
        let picture = image::open(example.path(&format!("blurred/{}.bmp", row[0]))).expect("a BMP").into_luma8();
        assert_eq!(picture.dimensions(), (128, 128));
        let (least, most) =
            picture.pixels().fold((255, 0), |(least, most), pixel| (pixel.0[0].min(least), pixel.0[0].max(most)));
        assert_eq!((least, most), (0, 255), "from the least value to the greatest");
    }
    assert!(example.files("noise").is_empty(), "noise is temporary");
}

#[test]
fn fractals() {
    let sizes = ["-C", "size=64", "tiles=4", "max_iter=60", "frames=5", "width=40"];
    let example = Example::new("fractals", &sizes);
    example.run();
    let stitched = image::open(example.path("mandelbrot.png")).expect("a PNG").into_rgb8();
    assert_eq!(stitched.dimensions(), (64, 64));
    // One tile is the same picture.
    let whole = Example::new("fractals", &["-C", "size=64", "tiles=1", "max_iter=60"]);
    whole.flow(&["mandelbrot.png"]);
    assert_eq!(image::open(whole.path("mandelbrot.png")).expect("a PNG").into_rgb8(), stitched);
    // The set is black and there are flames around it; above and below the real axis it is the same.
    assert!(stitched.pixels().filter(|pixel| pixel.0 == [0, 0, 3]).count() > 500);
    assert!(stitched.pixels().any(|pixel| pixel.0[0] > 200));
    assert!(stitched.enumerate_pixels().all(|(x, y, pixel)| stitched.get_pixel(x, 63 - y) == pixel));
    assert_eq!(frames(&example.path("zoom.gif")), (5, 40, 40));
    let page = image::open(example.path("julia.png")).expect("a PNG").into_rgb8();
    assert!(page.width() >= 3 * 40 && page.height() > 2 * 30);
}

/// Frames, width and height of a GIF, counted by another program than flow.
fn frames(path: &Path) -> (usize, u32, u32) {
    let file = std::io::BufReader::new(fs::File::open(path).expect("it is there"));
    let decoder = image::codecs::gif::GifDecoder::new(file).expect("a GIF");
    let (width, height) = image::ImageDecoder::dimensions(&decoder);
    (image::AnimationDecoder::into_frames(decoder).collect_frames().expect("whole frames").len(), width, height)
}

#[test]
fn cosmic_structure() {
    let example = Example::new("cosmic_structure", &["-C", "size=48"]);
    example.run();
    let (density, rows, columns) = fits(&example.path("fields/density.fits"));
    let (potential, ..) = fits(&example.path("fields/potential.fits"));
    assert_eq!((rows, columns), (48, 48));
    let mean_square = density.iter().map(|pixel| pixel * pixel).sum::<f64>() / density.len() as f64;
    assert!((mean_square - 1.0).abs() < 1e-9, "{mean_square}");
    // Dense places lie in wells.
    assert!(density.iter().zip(&potential).map(|(density, well)| density * well).sum::<f64>() < 0.0);
    for name in example.files("structure") {
        let (structure, ..) = fits(&example.path("structure").join(name));
        assert!((structure.iter().sum::<f64>() - 48.0 * 48.0).abs() < 1e-6, "matter is kept");
    }
    let table = example.text("contrast.csv");
    let contrast: Vec<f64> =
        table.lines().skip(1).map(|line| line.split(',').nth(1).expect("std").parse().expect("a number")).collect();
    assert_eq!(contrast.len(), 10);
    assert!(contrast[..4].is_sorted() && contrast[0] < 0.4, "structure grows: {contrast:?}");
    assert_eq!(frames(&example.path("structure.gif")), (10, 48, 48));
}

/// The lesson's way, where Python has what it needs.
#[test]
fn cosmic_structure_by_scripts() {
    let has_packages = Command::new("python3").args(["-c", "import numpy, matplotlib"]).stderr(Stdio::null()).status();
    if !has_packages.is_ok_and(|status| status.success()) {
        return;
    }
    let example = Example::new("cosmic_structure", &["-s", "Rulefile.python", "-C", "size=32"]);
    example.flow(&["python/1.0.png"]);
    assert_eq!(example.files("python"), ["1.0.npy", "1.0.png", "density.npy", "potential.npy"]);
    assert!(example.flow(&["-n"]).contains("9  structure"), "the other times are left");
}

#[test]
fn mosaic() {
    let example = Example::new("mosaic", &["-C", "grid=4", "tile=8", "number=20"]);
    example.run();
    assert_eq!(example.files("thumbnails").len(), 20);
    for method in ["nearest", "unique"] {
        let picture = image::open(example.path(&format!("mosaic_{method}.jpg"))).expect("a JPEG").into_rgb8();
        assert_eq!(picture.dimensions(), (32, 32), "{method}");
    }
    let table = example.text("colours.csv");
    assert_eq!(table.lines().count(), 21);
    assert!(table.starts_with("photo,red,green,blue\nphotos/00000.png,"), "{table}");
    assert!(example.files("colours").is_empty(), "single colours are temporary");

    // One's own photos, too few of them to use each once.
    let own = Example::new("mosaic", &["-C", "photos=mine/*.png", "grid=3", "tile=6", "target=mine/a.png"]);
    fs::create_dir(own.path("mine")).expect("a new folder");
    for (name, photo) in ["a.png", "b c.png"].iter().zip(example.files("photos")) {
        fs::copy(example.path("photos").join(photo), own.path("mine").join(name)).expect("both are there");
    }
    own.run();
    assert!(own.path("mosaic_nearest.jpg").exists() && !own.path("mosaic_unique.jpg").exists());
}

#[test]
fn the_tour_runs_in_an_empty_folder() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let tour = format!("{ROOT}/Rulefile.example");
    let example = Example { dir, options: vec!["-s".into(), tour] };
    example.run();
    let table = example.text("report/table.csv");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), ["target", "m13", "m31", "m51"]);
    for row in &rows[1..] {
        let (mean, std): (f64, f64) = (row[1].parse().expect("a number"), row[2].parse().expect("a number"));
        assert!((mean - 100.0).abs() < 0.5, "{mean}");
        // Noise of 5, less by the root of two or three exposures.
        assert!((2.5..4.0).contains(&std), "{std}");
    }
    assert_eq!(example.text("report/words.txt"), "it's a list\nM13\nM31\nM51\n");
    assert_eq!(example.text("logs/words.log"), "sorted with 2 threads at most\n");
    assert!(example.text("logs/words.tsv").starts_with("s\th:m:s\tmax_rss"));
    assert!(example.files("stacked").is_empty(), "stacks are temporary");
    assert_eq!(example.text(".flow/log/stack/m13.log"), "3 frames of m13\n");

    example.flow(&["report/words.upper.txt", "report/words.lower.txt"]);
    assert_eq!(example.text("report/words.upper.txt"), "IT'S A LIST\nM13\nM31\nM51\n");
    assert_eq!(example.text("report/words.lower.txt"), "it's a list\nm13\nm31\nm51\n");

    let why = example.flow(&["-C", "sky=120", "--why", "raw/m13_01.fits"]);
    assert!(why.contains("100") && why.contains("120"), "{why}");
    let plan = example.flow(&["-C", "sky=120", "-n"]);
    assert!(plan.contains("expose") && !plan.contains("names"), "what does not depend on the sky stays: {plan}");
}

#[test]
fn ccd() {
    let example = Example::new("ccd", &["-C", "number=5", "shape=64"]);
    example.run();
    let lights: Vec<String> = (1..=5).map(|i| format!("lights_{i:02}.fits")).collect();
    assert_eq!(example.files("calibrated"), lights);
    assert_eq!(example.files("master"), ["bias.fits", "darks.fits", "flats.fits"]);
    assert!(!example.path("trimmed/lights/lights_01.fits").exists(), "what is between is temporary");
    let table = example.text("catalogue.csv");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "file,IMAGETYP,OBJECT,EXPTIME,DATE-OBS,NAXIS1,NAXIS2,BIASSEC,TRIMSEC");
    assert_eq!(lines[1], "raw/bias_01.fits,bias,,0.0,,80,64,\"[1:16,1:64]\",\"[17:80,1:64]\"");
    assert_eq!(lines.len(), 1 + 4 * 5);

    // Cosmic rays are in single frames and not in the combination; the sky is in both.
    let [first, combined] = ["calibrated/lights_01.fits", "combined.fits"].map(|name| {
        let path = example.path(name);
        flow::action::file::read(path.to_str().expect("a plain name"), &Default::default()).expect("a FITS file")
    });
    let [first_pixels, pixels] = [&first, &combined].map(|image| match image.pixels().to_float() {
        flow::action::image::FloatView::F64(pixels) => pixels.into_owned(),
        flow::action::image::FloatView::F32(pixels) => pixels.mapv(f64::from),
    });
    assert_eq!(pixels.dim(), (1, 64, 64));
    let sky = flow::pixel::statistics::median(pixels.view()).expect("pixels");
    assert!((200.0..500.0).contains(&sky), "{sky}");
    assert!(first_pixels.iter().zip(&pixels).any(|(one, all)| one - all > 500.0), "a cosmic ray in the first frame");
    assert_eq!(combined.header().int("NCOMBINE"), Some(5));
    let history: Vec<String> = combined
        .header()
        .cards()
        .iter()
        .filter(|card| card.keyword == "HISTORY")
        .map(|card| card.value.to_string())
        .collect();
    assert!(history.contains(&"flow: subtract_bias master='master/bias.fits'".to_owned()), "{history:?}");
    let page = image::open(example.path("night.jpg")).expect("a JPEG");
    assert!(page.width() > 3 * 64 && page.height() > 2 * 64);

    // Another sigma: only the combination is made again.
    let plan = example.flow(&["-C", "number=5", "shape=64", "sigma=3", "-n"]);
    assert!(plan.contains("combine_lights") && !plan.contains("calibrate "), "{plan}");
}

/// Frames of one's own: those of a kind that is not there are done without.
#[test]
fn ccd_of_ones_own_frames() {
    let maker = Example::new("ccd", &["-C", "number=3", "shape=48"]);
    maker.flow(&["raw/lights_01.fits", "raw/lights_02.fits", "raw/lights_03.fits"]);
    let example = Example::new("ccd", &["-C", "lights=mine/*.fits"]);
    fs::create_dir(example.path("mine")).expect("a new folder");
    for (at, name) in ["one", "two", "three"].into_iter().enumerate() {
        let from = maker.path(&format!("raw/lights_0{}.fits", at + 1));
        fs::copy(from, example.path(&format!("mine/{name}.fits"))).expect("both are there");
    }
    example.run();
    assert_eq!(example.files("calibrated"), ["one.fits", "three.fits", "two.fits"]);
    assert!(example.files("master").is_empty() && example.files("raw").is_empty());
}

/// A new example needs a test above, and a page for its reader.
#[test]
fn every_example_is_tested_and_explained() {
    let tested = [
        "batch",
        "ccd",
        "convolve",
        "cosmic_structure",
        "fractals",
        "hello",
        "highpass",
        "integrate",
        "mosaic",
        "pairwise",
        "pea_soup",
        "pi",
        "words",
    ];
    let folder = Path::new(ROOT).join("examples");
    let entries = fs::read_dir(&folder).expect("there are examples").map(|entry| entry.expect("it is listed").path());
    let names: BTreeSet<String> = entries
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("it has a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), tested);
    for name in names {
        let page = fs::read_to_string(folder.join(&name).join("README.md")).expect("a README.md");
        assert!(page.contains("flow"), "{name}");
    }
}

/// The number that a JSON file has under a name.
fn number(example: &Example, file: &str, name: &str) -> f64 {
    let value: serde_json::Value = serde_json::from_str(&example.text(file)).expect("JSON");
    value[name].as_f64().unwrap_or_else(|| panic!("{file} has no number {name}: {value}"))
}

#[test]
fn pi() {
    let example = Example::new("pi", &["-C", "tasks=4", "darts=20000"]);
    example.run();
    assert_eq!(number(&example, "pi.json", "darts"), 80_000.0);
    // Five standard deviations of 4 × a mean of 80,000 throws.
    assert!((number(&example, "pi.json", "pi") - std::f64::consts::PI).abs() < 0.03);
    // More tasks: those there are stay.
    let plan = example.flow(&["-n", "-C", "tasks=6"]);
    assert!(plan.contains("2  throw"), "{plan}");
}

#[test]
fn integrate() {
    let example = Example::new("integrate", &["-C", "strips=10000", "pieces=3"]);
    example.run();
    assert!((number(&example, "integral.json", "integral") - std::f64::consts::PI).abs() < 1e-8);
    example.flow(&["-C", "function=sin(x)", "from=0", "to=1"]);
    assert!((number(&example, "integral.json", "integral") - (1.0 - 1f64.cos())).abs() < 1e-8);
}

#[test]
fn pairwise() {
    if Command::new("python3").arg("--version").output().is_err() {
        return;
    }
    let example = Example::new("pairwise", &["-C", "points=40", "blocks=3"]);
    example.run();
    assert_eq!(number(&example, "distance.json", "pairs"), f64::from(40 * 39 / 2));
    let points: Vec<(f64, f64)> = (1..=3)
        .flat_map(|block| example.text(&format!("points/{block}.txt")).lines().map(point).collect::<Vec<_>>())
        .collect();
    let distance =
        |(i, a): (usize, &(f64, f64))| points[i + 1..].iter().map(|b| (a.0 - b.0).hypot(a.1 - b.1)).sum::<f64>();
    let sum: f64 = points.iter().enumerate().map(distance).sum();
    assert!((number(&example, "distance.json", "mean") - sum / 780.0).abs() < 1e-9);
}

fn point(line: &str) -> (f64, f64) {
    let (x, y) = line.split_once(' ').expect("two numbers a line");
    (x.parse().expect("a number"), y.parse().expect("a number"))
}

#[test]
fn words() {
    let example = Example::new("words", &["-C", "books=texts/*.txt", "parts=2"]);
    fs::create_dir(example.path("texts")).expect("a new folder");
    fs::write(example.path("texts/a.txt"), "The galaxy and the Galaxies:\nstars, a star.\n").expect("a new file");
    fs::write(example.path("texts/b.txt"), "One nebula's bias; the foes of galaxies.\n").expect("a new file");
    example.run();
    let counts = "word,count\ngalaxy,3\nstar,2\nbia,1\nfoes,1\nnebula,1\none,1\n";
    assert_eq!(example.text("words.csv"), counts);

    let made_up = Example::new("words", &["-C", "number=2", "length=500"]);
    made_up.run();
    let words = made_up.text("words.csv");
    assert!(words.starts_with("word,count\nstar,") && !words.contains("\nthe,"), "{words}");
}

#[test]
fn convolve() {
    let example = Example::new("convolve", &["-C", "number=2", "shape=23", "stride=5"]);
    example.run();
    let (frame, rows, columns) = fits(&example.path("raw/01.fits"));
    let (kernel, ..) = fits(&example.path("kernel/01.fits"));
    let (result, height, width) = fits(&example.path("convolved/01.fits"));
    assert_eq!((height, width), ((rows + 3).div_ceil(5), (columns + 3).div_ceil(5)));
    for (at, result) in result.iter().enumerate() {
        let (y, x) = (at / width * 5, at % width * 5);
        let term = |(k, weight): (usize, &f64)| match (y.checked_sub(k / 4), x.checked_sub(k % 4)) {
            (Some(y), Some(x)) if y < rows && x < columns => weight * frame[y * columns + x],
            _ => 0.0,
        };
        let sum: f64 = kernel.iter().enumerate().map(term).sum();
        assert!((result - sum).abs() < 1e-12, "({y}, {x}): {result} is not {sum}");
    }
}
