//! Files of images: what is written comes back, what is damaged is refused with one line, and what CFITSIO or the picture
//! decoders get wrong by themselves is got right. Real files are for `real_data.rs`, parts of files for `file_parts.rs`.

#[path = "support/folder.rs"]
mod folder;

use std::fs;
use std::path::PathBuf;

use flow::action::file::{HduRef, ReadOptions, WriteOptions, read_header};
use flow::action::header::{Header, Value};
use flow::action::image::{Dtype, Image, Pixels};
use folder::Folder;
use ndarray::{Array3, array};
use proptest::prelude::*;

fn image(pixels: impl Into<Pixels>) -> Image {
    Image::new(pixels, Header::default())
}

fn hdu(hdu: HduRef) -> ReadOptions {
    ReadOptions { hdu: Some(hdu), plane: None }
}

/// An HDU from its cards and data, padded.
fn fits(cards: &[&str], data: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = cards.iter().chain(&["END"]).flat_map(|c| format!("{c:<80}").into_bytes()).collect();
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    bytes
}

/// A primary HDU of one row.
fn fits_row(bitpix: i32, more: &[&str], data: &[u8]) -> Vec<u8> {
    let width = data.len() / (bitpix.unsigned_abs() as usize / 8);
    let (bitpix, naxis1) = (format!("BITPIX  = {bitpix:>20}"), format!("NAXIS1  = {width:>20}"));
    let mut cards = vec!["SIMPLE  =                    T", &bitpix, "NAXIS   =                    1", &naxis1];
    cards.extend(more);
    fits(&cards, data)
}

fn pixels_of(dtype: Dtype, shape: [usize; 3], seeds: &[i64]) -> Pixels {
    let at = |(p, y, x): (usize, usize, usize)| seeds[(p * 31 + y * 7 + x) % seeds.len()].wrapping_mul(x as i64 + 1);
    let float = |i| at(i) as f64 / 7.0;
    match dtype {
        Dtype::U8 => Array3::from_shape_fn(shape, |i| at(i) as u8).into(),
        Dtype::U16 => Array3::from_shape_fn(shape, |i| at(i) as u16).into(),
        Dtype::I16 => Array3::from_shape_fn(shape, |i| at(i) as i16).into(),
        Dtype::I32 => Array3::from_shape_fn(shape, |i| at(i) as i32).into(),
        Dtype::I64 => Array3::from_shape_fn(shape, at).into(),
        Dtype::F32 => Array3::from_shape_fn(shape, |i| float(i) as f32).into(),
        Dtype::F64 => Array3::from_shape_fn(shape, float).into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every format gives back, bit for bit, every pixel type it holds.
    #[test]
    fn what_is_written_comes_back(
        seeds in proptest::collection::vec(any::<i64>(), 1..20), height in 1usize..9, width in 1usize..12, colour in any::<bool>()
    ) {
        let folder = Folder::new();
        let shape = [if colour { 3 } else { 1 }, height, width];
        for dtype in Dtype::ALL {
            let image = image(pixels_of(dtype, shape, &seeds));
            let mut names = vec!["a.fits", "a.fit", "a.fts", "a.fits.gz", "a.npy"];
            if dtype != Dtype::I64 {
                names.push("a.fits.fz");
            }
            if !(colour && matches!(dtype, Dtype::I16 | Dtype::I32 | Dtype::I64)) {
                names.extend(["a.tif", "a.tiff"]);
            }
            if matches!(dtype, Dtype::U8 | Dtype::U16) {
                names.extend(["a.png", if colour { "a.ppm" } else { "a.pgm" }, "a.pnm"]);
            }
            for name in names {
                let back = folder.round_trip(&image, name);
                prop_assert_eq!(back.pixels(), image.pixels(), "{} {}", name, dtype);
            }
            // These have colour only, or make colour of grey.
            if dtype == Dtype::U8 && colour {
                for name in ["a.bmp", "a.webp"] {
                    let back = folder.round_trip(&image, name);
                    prop_assert_eq!(back.pixels(), image.pixels(), "{}", name);
                }
            }
        }
    }

    /// No prefix of a file and no changed byte ends the process; every error is one line that begins with the file's name.
    #[test]
    fn damage_is_an_error_of_one_line(cut in 0.0f64..1.0, at in 0.0f64..1.0, byte in any::<u8>()) {
        let folder = Folder::new();
        let image = image(pixels_of(Dtype::U8, [3, 24, 31], &[3, 17, 250, 91]));
        for name in ["a.fits", "a.fits.gz", "a.fits.fz", "a.npy", "a.png", "a.tif", "a.jpg", "a.gif", "a.bmp", "a.webp", "a.ppm"] {
            folder.write(&image, name).unwrap();
            let whole = fs::read(folder.path(name)).unwrap();
            let cut = (cut * whole.len() as f64) as usize;
            let at = (at * whole.len() as f64) as usize;
            let mut changed = whole.clone();
            changed[at] = byte;
            for bytes in [&whole[..cut], &changed] {
                if let Err(error) = folder.read_bytes(name, bytes) {
                    prop_assert!(error.starts_with(&format!("{name}: ")) && !error.contains('\n'), "{error}");
                }
            }
        }
    }
}

#[test]
fn nan_and_infinity_survive_every_float_format() {
    let folder = Folder::new();
    let values = array![[[f64::NAN, f64::INFINITY, -0.0], [f64::MIN_POSITIVE, -1e300, 0.1]]];
    for name in ["a.fits", "a.fits.gz", "a.fits.fz", "a.npy", "a.tif"] {
        let back = folder.round_trip(&image(values.clone()), name);
        let Pixels::F64(back) = back.pixels() else { panic!("{name}: {}", back.dtype()) };
        assert!(
            back.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()),
            "{name}"
        );
    }
}

#[test]
fn a_header_goes_through_fits_corrected() {
    let folder = Folder::new();
    let mut header = Header::default();
    header.set_with_comment("EXPTIME", Value::Float(30.0), "[s]");
    header.set("OBJECT", Value::Str("M13".into()));
    header.set("BSCALE", Value::Float(2.0)); // of the file this came from
    header.set("ZBITPIX", Value::Int(16));
    header.set("ESO DET NAME", Value::Str("x".repeat(100)));
    header.add_comment("a comment");
    header.add_history("gaussian(sigma=10)");
    let image = Image::new(array![[[1u16, 65535]]], header.clone());
    for name in ["a.fits", "a.fits.gz", "a.fits.fz"] {
        let back = folder.round_trip(&image, name);
        assert_eq!(back.header(), &header.clone().without_structure(), "{name}");
        assert_eq!(back.pixels(), image.pixels(), "{name}");
    }
    let full = read_header(&folder.path("a.fits"), &ReadOptions::default()).unwrap();
    assert_eq!(["NAXIS1", "NAXIS2", "BITPIX"].map(|k| full.int(k)), [Some(2), Some(1), Some(16)]);
    assert_eq!(full.number("BZERO"), Some(32768.0));
}

#[test]
fn the_same_image_is_the_same_bytes() {
    let folder = Folder::new();
    let image = image(pixels_of(Dtype::F32, [1, 20, 30], &[1, 5, 9]));
    for name in ["a.fits", "a.fits.gz", "a.fits.fz", "a.npy", "a.tif", "a.png", "a.jpg", "a.gif"] {
        folder.write(&image, name).unwrap();
        let first = fs::read(folder.path(name)).unwrap();
        folder.write(&image, name).unwrap();
        assert!(first == fs::read(folder.path(name)).unwrap(), "{name}");
        if name.ends_with(".fits") {
            assert_eq!(first.len() % 2880, 0);
        }
    }
}

/// CFITSIO's extended file names would open another file, a part of it, or nothing.
#[test]
fn names_mean_nothing_but_themselves() {
    let folder = Folder::new();
    for (n, name) in (0..).zip([
        "name[1].fits",
        "a+1.fits",
        "(b).fits",
        "!c.fits",
        " d.fits",
        "e f.fits",
        "mem:.fits",
        "g[1:2,1:2].fits",
        "ä*?.fits",
        "h.gz.fits",
    ]) {
        for suffix in ["", ".gz", ".fz"] {
            let name = format!("{name}{suffix}");
            let image = image(array![[[n as i16, 7]]]);
            assert_eq!(folder.round_trip(&image, &name).pixels(), image.pixels(), "{name}");
        }
    }
}

#[test]
fn threads_read_the_same_compressed_files() {
    let folder = Folder::new();
    let image = image(pixels_of(Dtype::I32, [1, 40, 50], &[1, 500, 90000]));
    folder.write(&image, "a.fits.fz").unwrap();
    folder.write(&image, "a.fits").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for name in ["a.fits.fz", "a.fits"].repeat(20) {
                    let back = folder.read(name, &ReadOptions::default()).unwrap();
                    assert!(back.pixels() == image.pixels());
                }
            });
        }
    });
}

/// Large enough that no buffer of CFITSIO's holds it, and noise, which does not get smaller.
#[test]
fn large_compressed_images_come_back() {
    let folder = Folder::new();
    let noise = |i: usize| {
        (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
    };
    let of = |(p, y, x): (usize, usize, usize)| noise(p * 1_000_000 + y * 1000 + x);
    let pixels: [Pixels; 3] = [
        Array3::from_shape_fn((2, 601, 503), |i| of(i) as i32).into(),
        Array3::from_shape_fn((1, 701, 603), |i| of(i) as u16).into(),
        Array3::from_shape_fn((1, 601, 503), |i| of(i) as f64 / 3.0).into(),
    ];
    for pixels in pixels {
        let image = image(pixels);
        assert!(folder.round_trip(&image, "a.fits.fz").pixels() == image.pixels(), "{}", image.dtype());
    }
}

#[test]
fn scaled_integers_take_the_type_that_holds_them() {
    let folder = Folder::new();
    let of = |bitpix, more: &[&str], data: &[u8]| {
        folder.read_bytes("a.fits", &fits_row(bitpix, more, data)).unwrap().into_pixels()
    };
    assert_eq!(of(8, &["BZERO   = -128"], &[0, 128, 255]), array![[[-128i16, 0, 127]]].into());
    assert_eq!(of(16, &["BZERO   = 32768", "BSCALE  = 1"], &[0x80, 0, 0x7f, 0xff]), array![[[0u16, 65535]]].into());
    assert_eq!(of(16, &["BSCALE  = 0.5", "BZERO   = 1.0D1"], &[0, 3]), array![[[11.5f32]]].into());
    assert_eq!(of(32, &["BZERO   = 2147483648"], &[0x7f, 0xff, 0xff, 0xff]), array![[[4294967295i64]]].into());
    assert_eq!(of(32, &["BSCALE  = 3"], &[0x40, 0, 0, 1]), array![[[3.0 * 1073741825.0]]].into());
    // Unsigned 64 bits: small numbers are exact, large ones the nearest.
    let unsigned = [0x80, 0, 0, 0, 0, 0, 0, 5, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(of(64, &["BZERO   = 9223372036854775808"], &unsigned), array![[[5.0, 18446744073709551616.0]]].into());
    assert_eq!(of(-32, &["BSCALE  = 2"], &1.5f32.to_be_bytes()), array![[[3.0f32]]].into());
    assert_eq!(of(-64, &[], &0.1f64.to_be_bytes()), array![[[0.1f64]]].into());
}

#[test]
fn blank_pixels_are_nan() {
    let folder = Folder::new();
    let of = |bitpix, more: &[&str], data: &[u8]| {
        folder.read_bytes("a.fits", &fits_row(bitpix, more, data)).unwrap().into_pixels()
    };
    let Pixels::F32(a) = of(16, &["BLANK   = -1"], &[0xff, 0xff, 0, 9]) else { panic!("float32") };
    assert!(a[[0, 0, 0]].is_nan() && a[[0, 0, 1]] == 9.0);
    let Pixels::F64(a) = of(32, &["BLANK   = 5"], &[0, 0, 0, 5, 0x7f, 0xff, 0xff, 0xff]) else { panic!("float64") };
    assert!(a[[0, 0, 0]].is_nan() && a[[0, 0, 1]] == 2147483647.0);
    assert!(matches!(of(-32, &["BLANK   = 5"], &5f32.to_be_bytes()), Pixels::F32(a) if a[[0, 0, 0]] == 5.0));
}

#[test]
fn malformed_fits_is_refused_in_one_line() {
    let folder = Folder::new();
    let of = |bytes: &[u8]| folder.read_bytes("a.fits", bytes).unwrap_err();
    let axes = |naxis: &str, more: &[&str]| {
        let naxis = format!("NAXIS   = {naxis}");
        fits(&[&["SIMPLE  = T", "BITPIX  = 16", &naxis], more].concat(), &[0; 8])
    };
    let whole = fits_row(16, &[], &[0; 3000]);
    assert_eq!(of(&fits_row(16, &["BSCALE  = 'abc'"], &[0, 1])), "a.fits: BSCALE is not a number");
    assert_eq!(of(&fits_row(16, &["BSCALE  = 0"], &[0, 1])), "a.fits: BSCALE is 0");
    assert_eq!(of(&axes("1000", &[])), "a.fits: NAXIS is 1000");
    assert_eq!(of(&axes("2", &["NAXIS1  = 4"])), "a.fits: NAXIS2 is missing or not a number");
    assert_eq!(of(&axes("1", &["NAXIS1  = -4"])), "a.fits: NAXIS1 is -4");
    assert_eq!(of(&axes("0", &[])), "a.fits: the file holds no image");
    assert_eq!(
        of(&axes("2", &["NAXIS1  = 777777701", "NAXIS2  = 0"])),
        "a.fits: the image has no pixels (777777701 × 0)"
    );
    assert_eq!(
        of(&axes("2", &["NAXIS1  = 2000000000", "NAXIS2  = 2000000000"])),
        "a.fits: truncated: the data take 8000000000000000000 bytes, 2880 are there"
    );
    let huge = "NAXIS1  = 9000000000000000000";
    let error = of(&axes("3", &[huge, &huge.replace("S1", "S2"), &huge.replace("S1", "S3")]));
    assert_eq!(error, "a.fits: the header claims an impossible size");
    assert_eq!(of(&whole[..5000]), "a.fits: truncated: the data take 3000 bytes, 2120 are there");
    assert_eq!(of(&whole[..300]), "a.fits: truncated: the header has no END");
    assert_eq!(of(b""), "a.fits: the file is empty");
    assert_eq!(of(b"a text called FITS"), "a.fits: not a FITS file");
    assert_eq!(folder.read("none.fits", &ReadOptions::default()).unwrap_err(), "none.fits: No such file or directory");
    assert_eq!(folder.read("", &ReadOptions::default()).unwrap_err(), ": is a folder");
}

#[test]
fn odd_but_readable_fits_is_read() {
    let folder = Folder::new();
    let plain = fits_row(16, &[], &[0, 1, 0, 2]);
    let expected = image(array![[[1i16, 2]]]).into_pixels();
    let mut not_standard = plain.clone();
    not_standard[29] = b'F';
    let mut junk = plain.clone();
    junk.extend_from_slice(b"junk after the last HDU");
    for bytes in [&plain[..2884], &not_standard, &junk] {
        assert_eq!(folder.read_bytes("a.fits", bytes).unwrap().pixels(), &expected);
    }
    let mut odd = fits_row(16, &["OBJECT  = 'M-13'", "lower   = 3", "OBJECT  = 'again'"], &[0, 1, 0, 2]);
    odd[4 * 80 + 12] = 0xff;
    let header = folder.read_bytes("a.fits", &odd).unwrap().header().clone();
    assert_eq!((header.int("lower"), header.str("OBJECT")), (Some(3), Some("M?13")));
    let cards =
        ["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 4", "NAXIS1  = 2", "NAXIS2  = 1", "NAXIS3  = 1", "NAXIS4  = 1"];
    assert_eq!(folder.read_bytes("a.fits", &fits(&cards, &[1, 2])).unwrap().shape(), [1, 1, 2]);
}

#[test]
fn hdus_and_planes_are_chosen() {
    let folder = Folder::new();
    let mut bytes = fits(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"], &[]);
    let table = [
        "XTENSION= 'BINTABLE'",
        "BITPIX  = 8",
        "NAXIS   = 2",
        "NAXIS1  = 4",
        "NAXIS2  = 1",
        "TFIELDS = 1",
        "TFORM1  = 'E'",
    ];
    bytes.extend(fits(&table, &[0; 4]));
    let extension = ["XTENSION= 'IMAGE'", "BITPIX  = 8", "NAXIS   = 3", "NAXIS1  = 2", "NAXIS2  = 1", "NAXIS3  = 2"];
    bytes.extend(fits(&[&extension[..], &["EXTNAME = 'SCI'"]].concat(), &[1, 2, 3, 4]));
    bytes.extend(fits(&[&extension[..], &["EXTNAME = 'ERR'"]].concat(), &[5, 6, 7, 8]));
    let first = folder.read_bytes("a.fits", &bytes).unwrap();
    assert_eq!(first.pixels(), &array![[[1u8, 2]], [[3, 4]]].into());
    assert_eq!(first.header().str("EXTNAME"), Some("SCI"));
    let of = |options| folder.read("a.fits", &options).map(Image::into_pixels);
    assert_eq!(of(hdu(HduRef::Name("err".into()))), Ok(array![[[5u8, 6]], [[7, 8]]].into()));
    assert_eq!(of(ReadOptions { hdu: Some(HduRef::Number(3)), plane: Some(1) }), Ok(array![[[7u8, 8]]].into()));
    assert_eq!(of(hdu(HduRef::Number(1))), Err("a.fits: HDU 1 holds no image".into()));
    assert_eq!(of(hdu(HduRef::Number(7))), Err("a.fits: no HDU 7: the file has 4, counted from 0".into()));
    assert_eq!(of(hdu(HduRef::Name("DQ".into()))), Err("a.fits: no HDU is named \"DQ\"".into()));
    let plane = ReadOptions { hdu: None, plane: Some(2) };
    assert_eq!(of(plane.clone()), Err("a.fits: no plane 2: the image has 2, counted from 0".into()));
    let cube = image(pixels_of(Dtype::I16, [3, 5, 4], &[1, 2, 3, 500]));
    for name in ["b.fits.fz", "b.npy", "b.fits.gz"] {
        folder.write(&cube, name).unwrap();
        let (Pixels::I16(all), Pixels::I16(one)) = (cube.pixels(), folder.read(name, &plane).unwrap().into_pixels())
        else {
            panic!("int16")
        };
        assert_eq!(one, all.slice(ndarray::s![2..3, .., ..]), "{name}");
    }
}

#[test]
fn pictures_round_and_clip_and_never_rescale() {
    let folder = Folder::new();
    let floats = image(array![[[-3.0, 0.4, 1.5, 254.5, 700.0, f64::NAN]]]);
    for name in ["a.png", "a.pgm"] {
        assert_eq!(folder.round_trip(&floats, name).pixels(), &array![[[0u8, 0, 2, 254, 255, 0]]].into(), "{name}");
    }
    folder.write_as(&floats, "b.png", WriteOptions { dtype: Some(Dtype::U16), quality: None }).unwrap();
    assert_eq!(
        folder.read("b.png", &ReadOptions::default()).unwrap().pixels(),
        &array![[[0u16, 0, 2, 254, 700, 0]]].into()
    );
    let float_png = folder.write_as(&floats, "c.png", WriteOptions { dtype: Some(Dtype::F32), quality: None });
    assert_eq!(float_png.unwrap_err(), "c.png: a PNG file cannot hold float32");
    let cube = image(Array3::<u8>::zeros((5, 2, 2)));
    assert_eq!(folder.write(&cube, "d.png").unwrap_err(), "d.png: a PNG file holds 1 or 3 planes, not 5");
    assert!(
        folder.write(&floats, "e.xyz").unwrap_err().starts_with("e.xyz: no format for this suffix (one of .fits.gz ")
    );
}

#[test]
fn grey_becomes_colour_where_a_format_has_no_grey() {
    let folder = Folder::new();
    let grey = Array3::from_shape_fn((1, 16, 16), |(_, y, x)| (16 * y + x) as u8);
    let Pixels::U8(back) = folder.round_trip(&image(grey.clone()), "a.gif").into_pixels() else { panic!("uint8") };
    // 256 greys fit a palette, so that none changes.
    assert!(back.outer_iter().all(|plane| plane == grey.index_axis(ndarray::Axis(0), 0)));
}

/// PGM and PPM, as their names say, and not PAM.
#[test]
fn pnm_is_what_its_suffix_says() {
    let folder = Folder::new();
    folder.write(&image(array![[[1u8, 2]]]), "a.pgm").unwrap();
    folder.write(&image(array![[[1u16]], [[2]], [[3]]]), "a.ppm").unwrap();
    assert_eq!(fs::read(folder.path("a.pgm")).unwrap(), b"P5\n2 1\n255\n\x01\x02");
    assert_eq!(fs::read(folder.path("a.ppm")).unwrap(), b"P6\n1 1\n65535\n\0\x01\0\x02\0\x03");
}

#[test]
fn jpeg_is_close_and_has_a_quality() {
    let folder = Folder::new();
    let smooth = image(Array3::from_shape_fn((3, 64, 64), |(p, y, x)| (40 * p + y + x) as u8));
    let mut sizes = Vec::new();
    for quality in [10, 75, 95] {
        folder.write_as(&smooth, "a.jpg", WriteOptions { dtype: None, quality: Some(quality) }).unwrap();
        sizes.push(fs::metadata(folder.path("a.jpg")).unwrap().len());
    }
    assert!(sizes[0] < sizes[1] && sizes[1] < sizes[2], "{sizes:?}");
    let (Pixels::U8(a), Pixels::U8(b)) =
        (smooth.pixels(), folder.read("a.jpg", &ReadOptions::default()).unwrap().into_pixels())
    else {
        panic!("uint8")
    };
    assert!(a.iter().zip(&b).all(|(a, b)| a.abs_diff(*b) <= 6));
    let refused = folder.write_as(&smooth, "a.png", WriteOptions { dtype: None, quality: Some(50) });
    assert_eq!(refused.unwrap_err(), "a.png: quality is for JPEG, from 1 to 100");
}

/// The decoder itself fills the rest with grey and reports no error.
#[test]
fn chunks_of_a_webp_are_as_long_as_they_claim() {
    let folder = Folder::new();
    folder.write(&image(pixels_of(Dtype::U8, [3, 8, 8], &[7, 100])), "a.webp").expect("it can be written");
    let mut bytes = fs::read(folder.path("a.webp")).expect("it is there");
    // A last chunk without its four thousand million bytes, which the decoder would make room for.
    bytes.extend(b"EXIF\xe0\xe7\xff\xec\x01\x02");
    let message = folder.read_bytes("b.webp", &bytes).expect_err("the chunk is cut off");
    assert_eq!(message, "b.webp: a chunk of the WebP claims 3976194016 bytes, and 2 are there");
}

#[test]
fn truncated_pictures_are_refused() {
    let folder = Folder::new();
    let image = image(pixels_of(Dtype::U8, [3, 40, 40], &[7, 100, 31, 8]));
    for name in ["a.jpg", "a.png", "a.tif", "a.bmp", "a.webp", "a.ppm"] {
        folder.write(&image, name).unwrap();
        let whole = fs::read(folder.path(name)).unwrap();
        for part in [whole.len() / 2, whole.len() * 9 / 10] {
            assert!(folder.read_bytes(name, &whole[..part]).is_err(), "{name} cut to {part} of {}", whole.len());
        }
    }
}

/// 30,000 × 30,000 pixels in a hundred bytes: refused by the header, before any memory is taken.
#[test]
fn decompression_bombs_are_refused() {
    let folder = Folder::new();
    folder.write(&image(array![[[1u8]]]), "a.bmp").unwrap();
    let mut bytes = fs::read(folder.path("a.bmp")).unwrap();
    bytes[18..22].copy_from_slice(&30_000u32.to_le_bytes());
    bytes[22..26].copy_from_slice(&30_000u32.to_le_bytes());
    let error = folder.read_bytes("a.bmp", &bytes).unwrap_err();
    assert!(error.starts_with("a.bmp: the image would take "), "{error}");
    let cards = |side: u32| {
        let text = format!("'descr': '<f8', 'fortran_order': False, 'shape': ({side}, {side}), ");
        [b"\x93NUMPY\x01\0".as_slice(), &(text.len() as u16 + 2).to_le_bytes(), b"{", text.as_bytes(), b"}"].concat()
    };
    assert!(folder.read_bytes("a.npy", &cards(2_000_000_000)).unwrap_err().contains("truncated"));
    let mut tiles = fs::read(round_tiles(&folder)).unwrap();
    let at = tiles.windows(9).position(|w| w == b"ZNAXIS1 =").unwrap();
    tiles[at + 10..at + 30].copy_from_slice(format!("{:>20}", 2_000_000_000).as_bytes());
    let error = folder.read_bytes("b.fits", &tiles).unwrap_err();
    assert!(error.starts_with("b.fits: the image would take "), "{error}");
}

fn round_tiles(folder: &Folder) -> PathBuf {
    folder.write(&image(pixels_of(Dtype::I16, [1, 20, 20], &[1, 2, 3])), "t.fits.fz").unwrap();
    folder.path("t.fits.fz").into()
}
