//! Files with more in them than one image: pages, frames, palettes, extensions that inherit, frames that are read in bands.

#[path = "support/folder.rs"]
mod folder;

use std::fs;
use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use flow::action::file::{Frame, HduRef, ReadOptions, read, read_header};
use flow::action::header::{Header, Value};
use flow::action::image::{Dtype, Image, Pixels};
use folder::Folder;
use gif::{DisposalMethod, Encoder};
use ndarray::{Array3, array, s};
use tiff::encoder::colortype::{ColorType, Gray8, Gray16, RGB8};
use tiff::encoder::{TiffEncoder, TiffValue};

/// A TIFF file of these pages of one kind: width, height, samples.
fn tiff<C: ColorType>(pages: &[(u32, u32, Vec<C::Inner>)]) -> Vec<u8>
where
    [C::Inner]: TiffValue,
{
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).expect("writes to memory");
    for (width, height, samples) in pages {
        encoder.write_image::<C>(*width, *height, samples).expect("writes to memory");
    }
    bytes.into_inner()
}

/// A little-endian TIFF file of one strip and these fields: tag, type (3: 16 bits, 4: 32), values.
fn raw_tiff(fields: &[(u16, u16, Vec<u32>)], strip: &[u8]) -> Vec<u8> {
    let directory = 8 + strip.len() as u32;
    let mut beyond = directory + 2 + 12 * (fields.len() as u32 + 1) + 4;
    let mut bytes = [b"II*\0".as_slice(), &directory.to_le_bytes(), strip].concat();
    let (mut entries, mut values) = (Vec::new(), Vec::new());
    let fields = fields.iter().cloned().chain([(273, 4, vec![8])]);
    let mut fields: Vec<(u16, u16, Vec<u32>)> = fields.collect();
    fields.sort();
    for (tag, kind, numbers) in &fields {
        let encoded: Vec<u8> =
            numbers.iter().flat_map(|n| n.to_le_bytes()[..if *kind == 3 { 2 } else { 4 }].to_vec()).collect();
        entries.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        entries.extend((numbers.len() as u32).to_le_bytes());
        if encoded.len() <= 4 {
            entries.extend(encoded.iter().copied().chain([0; 4]).take(4));
        } else {
            entries.extend(beyond.to_le_bytes());
            beyond += encoded.len() as u32;
            values.extend(encoded);
        }
    }
    bytes.extend((fields.len() as u16).to_le_bytes());
    bytes.extend(entries);
    bytes.extend([0; 4]);
    bytes.extend(values);
    bytes
}

/// What all of these have: one strip of a grey or palette image with so many bits a pixel.
fn grey_fields(width: u32, height: u32, bits: u32, photometric: u32, strip: usize) -> Vec<(u16, u16, Vec<u32>)> {
    [
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, photometric),
        (277, 1),
        (278, height),
        (279, strip as u32),
    ]
    .map(|(tag, value)| (tag, 3, vec![value]))
    .to_vec()
}

#[test]
fn grey_pages_of_one_kind_are_a_cube() {
    let folder = Folder::new();
    let page = |n: u16| (3, 2, (0..6).map(|v| 1000 * n + v).collect());
    folder.put("a.tif", &tiff::<Gray16>(&[page(0), page(1), page(2), page(3)]));
    let cube = Array3::from_shape_fn((4, 2, 3), |(p, y, x)| (1000 * p + 3 * y + x) as u16);
    assert_eq!(folder.part("a.tif", None, None), Ok(cube.clone().into()));
    for plane in 0..4 {
        let expected: Pixels = cube.slice(s![plane..=plane, .., ..]).to_owned().into();
        assert_eq!(folder.part("a.tif", None, Some(plane)), Ok(expected.clone()));
        assert_eq!(folder.part("a.tif", Some(plane), None), Ok(expected));
    }
    assert_eq!(folder.part("a.tif", None, Some(4)), Err("a.tif: no plane 4: the image has 4, counted from 0".into()));
    assert_eq!(folder.part("a.tif", Some(4), None), Err("a.tif: no page 4: the file has 4, counted from 0".into()));
    let named = ReadOptions { hdu: Some(HduRef::Name("SCI".into())), plane: None };
    let error = read(&folder.path("a.tif"), &named).expect_err("a TIFF page has no name").to_string();
    assert!(error.ends_with("a.tif: hdu= by name is for FITS files"), "{error}");
}

#[test]
fn pages_of_other_sizes_or_of_colour_are_read_one_at_a_time() {
    let folder = Folder::new();
    folder.put("sizes.tif", &tiff::<Gray8>(&[(2, 1, vec![1, 2]), (1, 1, vec![3])]));
    assert_eq!(folder.part("sizes.tif", None, None), Ok(array![[[1u8, 2]]].into()));
    assert_eq!(folder.part("sizes.tif", Some(1), None), Ok(array![[[3u8]]].into()));
    folder.put("colour.tif", &tiff::<RGB8>(&[(1, 1, vec![1, 2, 3]), (1, 1, vec![4, 5, 6])]));
    assert_eq!(folder.part("colour.tif", None, None), Ok(array![[[1u8]], [[2]], [[3]]].into()));
    assert_eq!(folder.part("colour.tif", Some(1), Some(2)), Ok(array![[[6u8]]].into()));
}

/// As Pillow expands them.
#[test]
fn palettes_are_colours() {
    let folder = Folder::new();
    for (bits, strip) in [
        (1, vec![0b0110_0000, 0b1000_0000]),
        (2, vec![0b0001_0100, 0b0100_0000]),
        (4, vec![0x01, 0x10, 0x10, 0x00]),
        (8, vec![0, 1, 1, 1, 0, 0]),
    ] {
        let count = 1 << bits;
        let mut fields = grey_fields(3, 2, bits, 3, strip.len());
        let map = (0..3 * count).map(|at| match (at / count, at % count) {
            (plane, 0) => 0x1000 + plane,
            (plane, 1) => 0xff00 - 0x100 * plane,
            _ => 7,
        });
        fields.push((320, 3, map.collect()));
        folder.put("a.tif", &raw_tiff(&fields, &strip));
        let (a, b) = ([0x10, 0x10, 0x10], [0xff, 0xfe, 0xfd]);
        let expected = Array3::from_shape_fn((3, 2, 3), |(p, y, x)| [[a, b, b], [b, a, a]][y][x][p]);
        assert_eq!(folder.part("a.tif", None, None), Ok(Pixels::U8(expected)), "{bits} bits");
        fields.pop();
        fields.push((320, 3, vec![0; 5]));
        folder.put("b.tif", &raw_tiff(&fields, &strip));
        let error = folder.part("b.tif", None, None).expect_err("a palette of five numbers");
        assert_eq!(error, format!("b.tif: its palette has 5 numbers, not {}", 3 * count));
    }
}

/// As Pillow brings them to 8 bits.
#[test]
fn grey_of_few_bits_fills_its_range() {
    let folder = Folder::new();
    for (bits, strip, expected) in [
        (1, vec![0b0100_0000], array![[[0u8, 255, 0]]]),
        (2, vec![0b0001_1100], array![[[0, 85, 255]]]),
        (4, vec![0x01, 0xf0], array![[[0, 17, 255]]]),
    ] {
        folder.put("a.tif", &raw_tiff(&grey_fields(3, 1, bits, 1, strip.len()), &strip));
        assert_eq!(folder.part("a.tif", None, None), Ok(expected.into()), "{bits} bits");
    }
}

/// A frame is what is seen then: a patch stands on what the frames before it left.
#[test]
fn frames_of_an_animation_are_whole_pictures() {
    let folder = Folder::new();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 2, 1, &[0, 0, 0, 255, 0, 0, 0, 0, 255]).expect("writes to memory");
    let frame = |left, width, entries: Vec<u8>| gif::Frame {
        left,
        width,
        height: 1,
        dispose: DisposalMethod::Keep,
        buffer: entries.into(),
        ..gif::Frame::default()
    };
    for frame in [frame(0, 2, vec![1, 1]), frame(1, 1, vec![2])] {
        encoder.write_frame(&frame).expect("writes to memory");
    }
    drop(encoder);
    folder.put("a.gif", &bytes);
    let red: Pixels = array![[[255u8, 255]], [[0, 0]], [[0, 0]]].into();
    assert_eq!(folder.part("a.gif", None, None), Ok(red.clone()));
    assert_eq!(folder.part("a.gif", Some(0), None), Ok(red));
    assert_eq!(folder.part("a.gif", Some(1), None), Ok(array![[[255u8, 0]], [[0, 0]], [[0, 255]]].into()));
    assert_eq!(folder.part("a.gif", Some(2), None), Err("a.gif: no frame 2: the file has 2, counted from 0".into()));
    let still = Image::new(array![[[9u8]], [[8]], [[7]]], Header::default());
    folder.write(&still, "a.webp").expect("it can be written");
    assert_eq!(folder.part("a.webp", Some(0), None), Ok(still.pixels().clone()));
    assert_eq!(folder.part("a.webp", Some(1), None), Err("a.webp: no frame 1: the file has 1, counted from 0".into()));
    folder.write(&still, "a.png").expect("it can be written");
    let error = folder.part("a.png", Some(0), None).expect_err("a PNG has no parts");
    assert_eq!(error, "a.png: hdu= is for FITS, TIFF, GIF and WebP files");
}

fn hdu(cards: &[&str], data: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = cards.iter().chain(&["END"]).flat_map(|c| format!("{c:<80}").into_bytes()).collect();
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    bytes
}

/// FITS 4.0, section 4.4.2.6.
#[test]
fn an_extension_inherits_where_it_says_so() {
    let folder = Folder::new();
    let primary = [
        "SIMPLE  =                    T",
        "BITPIX  =                    8",
        "NAXIS   =                    0",
        "EXPTIME = 30.0 / [s]",
        "OBJECT  = 'M13'",
        "CRPIX1  = 5.0",
        "CD1_1   = 0.1",
        "BSCALE  = 2.0",
        "COMMENT of the primary HDU",
    ];
    let extension = |inherit: &'static str| {
        [
            "XTENSION= 'IMAGE'",
            "BITPIX  = 8",
            "NAXIS   = 1",
            "NAXIS1  = 2",
            "PCOUNT  = 0",
            "GCOUNT  = 1",
            "OBJECT  = 'M31'",
            inherit,
        ]
    };
    let of = |inherit| {
        folder.put("a.fits", &[hdu(&primary, &[]), hdu(&extension(inherit), &[1, 2])].concat());
        let image = read(&folder.path("a.fits"), &ReadOptions::default()).expect("the extension is an image");
        assert_eq!(image.pixels(), &array![[[1u8, 2]]].into());
        (image.header().clone(), read_header(&folder.path("a.fits"), &ReadOptions::default()).expect("it has a header"))
    };
    let (header, full) = of("INHERIT =                    T");
    assert_eq!((header.number("EXPTIME"), full.number("EXPTIME")), (Some(30.0), Some(30.0)));
    assert_eq!((header.str("OBJECT"), full.int("NAXIS1")), (Some("M31"), Some(2)));
    let keywords: Vec<_> = header.cards().iter().map(|card| card.keyword.as_str()).collect();
    assert_eq!(keywords, ["OBJECT", "EXPTIME"], "neither coordinates nor scaling, comments or INHERIT itself");
    for inherit in ["INHERIT =                    F", "OTHER   = 1"] {
        let (header, full) = of(inherit);
        assert_eq!((header.number("EXPTIME"), full.number("EXPTIME")), (None, None), "{inherit}");
    }
}

#[test]
fn gzipped_frames_are_read_in_bands() {
    let folder = Folder::new();
    for dtype in [Dtype::U16, Dtype::F32] {
        let pixels = Array3::from_shape_fn((1, 300, 200), |(_, y, x)| (y * 201 + x * 7 % 50) as f64);
        let image = Image::new(Pixels::F64(pixels), Header::default()).cast(dtype);
        let path = folder.path("a.fits.gz");
        folder.write(&image, "a.fits.gz").expect("it can be written");
        let frame = Frame::open(&path, "a.fits.gz").expect("it can be opened");
        assert_eq!((frame.shape(), frame.dtype()), ([1, 300, 200], dtype));
        let whole = flat(image.pixels());
        // In order, as `combine` reads them, and again from the beginning.
        for (first, count) in [(0, 20_000), (20_000, 20_000), (40_000, 20_000), (0, 60_000), (59_999, 1), (100, 3)] {
            assert_eq!(flat(&frame.pixels(first, count).expect("a band")), whole[first..first + count]);
        }
    }
}

fn flat(pixels: &Pixels) -> Vec<f64> {
    Image::new(pixels.clone(), Header::default())
        .cast(Dtype::F64)
        .into_pixels()
        .into_float()
        .into_f64()
        .into_iter()
        .collect()
}

/// The checksum at its end tells; the bands before it could not know.
#[test]
fn a_damaged_gzipped_frame_is_refused() {
    let folder = Folder::new();
    let mut header = Header::default();
    header.set("OBJECT", Value::Str("M13".to_owned()));
    let image = Image::new(Array3::from_elem((1, 50, 60), 7i16), header);
    folder.write(&image, "a.fits").expect("it can be written");
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(&fs::read(folder.path("a.fits")).expect("it was written")).expect("writes to memory");
    let whole = gz.finish().expect("writes to memory");
    let mut changed = whole.clone();
    let checksum = whole.len() - 8;
    changed[checksum] ^= 1;
    for bytes in [&changed[..], &whole[..whole.len() - 3], &whole[..whole.len() / 2]] {
        folder.put("b.fits.gz", bytes);
        assert!(folder.part("b.fits.gz", None, None).is_err());
        let read = Frame::open(&folder.path("b.fits.gz"), "b").and_then(|frame| frame.pixels(0, 3000));
        assert!(read.is_err_and(|error| error.to_string().starts_with("b: ")));
    }
}
