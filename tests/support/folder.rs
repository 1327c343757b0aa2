//! A folder of image files for one test, and what is read from and written to it. Errors come as a user sees them, without the
//! folder's name. Knows the library's files, not the program.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs::{self, File};

use flow::action::file::{HduRef, Output, ReadOptions, WriteOptions, read, write};
use flow::action::image::{Image, Pixels};

pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("a temporary folder with a plain name").to_owned()
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("writes in a temporary folder");
    }

    /// Writes bytes and reads them as an image.
    pub fn read_bytes(&self, name: &str, bytes: &[u8]) -> Result<Image, String> {
        self.put(name, bytes);
        self.read(name, &ReadOptions::default())
    }

    pub fn read(&self, name: &str, options: &ReadOptions) -> Result<Image, String> {
        read(&self.path(name), options).map_err(|error| error.to_string().replace(&self.path(""), ""))
    }

    /// The pixels of a page, frame or HDU, or of the first, and of it one plane or all.
    pub fn part(&self, name: &str, hdu: Option<usize>, plane: Option<usize>) -> Result<Pixels, String> {
        self.read(name, &ReadOptions { hdu: hdu.map(HduRef::Number), plane }).map(Image::into_pixels)
    }

    pub fn write(&self, image: &Image, name: &str) -> Result<(), String> {
        self.write_as(image, name, WriteOptions::default())
    }

    pub fn write_as(&self, image: &Image, name: &str, options: WriteOptions) -> Result<(), String> {
        let out = Output::new(File::create(self.path(name)).expect("writes in a temporary folder"));
        write(image, out, name, &options).map(drop).map_err(|error| error.to_string())
    }

    pub fn round_trip(&self, image: &Image, name: &str) -> Image {
        self.write(image, name).unwrap_or_else(|error| panic!("{error}"));
        self.read(name, &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
    }
}
