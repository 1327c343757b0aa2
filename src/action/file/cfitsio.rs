//! CFITSIO's tile compression: the bytes of a FITS file in memory ↔ pixels. Never sees a path.
//!
//! This is the one file of `action/` with `unsafe`: the codecs (RICE, GZIP, HCOMPRESS, PLIO, with quantisation and dither) exist
//! as this C library, and its interface is raw pointers. Three rules make the calls sound. CFITSIO keeps the *address* of the
//! buffer's pointer and length until the file is closed, so both live in a box that the handle owns. Pixels are read into
//! vectors of the full length that is asked for. A handle is not `Send`: it is opened, used and closed within one call.
//! Working on memory rather than on a path has a second reason: CFITSIO gives a meaning to `[`, `(`, `+`, `!` and blanks in
//! names, and shares an open file between threads; neither can happen here. Its message stack is shared between threads
//! too, so errors are told by the text of the status alone.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Once;

use fitsio::sys;

use super::Reason;
use crate::action::header::CARD;

/// A pixel type CFITSIO can convert to and from.
pub trait Pixel: Copy + Default {
    const TYPE: u32;
    /// What a null pixel is read as; integers are read where there are none.
    const NULL: Option<Self>;
}

macro_rules! pixel {
    ($($t:ty = $type:expr, $null:expr;)*) => {
        $(impl Pixel for $t {
            const TYPE: u32 = $type;
            const NULL: Option<$t> = $null;
        })*
    };
}

pixel! {
    u8 = sys::TBYTE, None;
    u16 = sys::TUSHORT, None;
    i16 = sys::TSHORT, None;
    i32 = sys::TINT, None;
    i64 = sys::TLONGLONG, None;
    f32 = sys::TFLOAT, Some(f32::NAN);
    f64 = sys::TDOUBLE, Some(f64::NAN);
}

/// Decompresses `count` pixels from the `first` (from 0) of the tile-compressed image in the second HDU of a FITS file in memory.
/// Null pixels (BLANK, ZBLANK) are NaN in `f32` and `f64`; BSCALE and BZERO are applied.
pub fn decompress<T: Pixel>(file: &[u8], first: usize, count: usize) -> Result<Vec<T>, Reason> {
    let mut handle = Handle::open(file)?;
    let mut status = 0;
    let mut pixels = vec![T::default(); count];
    let mut null = T::NULL;
    let null = null.as_mut().map_or(ptr::null_mut(), |n| ptr::from_mut(n).cast::<c_void>());
    // SAFETY: the handle is open.
    unsafe { sys::ffmahd(handle.file, 2, ptr::null_mut(), &raw mut status) };
    check(status, "decompressing")?;
    let mut any_null = 0;
    // SAFETY: the handle is open, at an image that CFITSIO knows how to read; `pixels` has room for `count` pixels of the type
    // that `T::TYPE` names.
    unsafe {
        sys::ffgpv(
            handle.file,
            T::TYPE as c_int,
            first as i64 + 1,
            count as i64,
            null,
            pixels.as_mut_ptr().cast(),
            &raw mut any_null,
            &raw mut status,
        );
    }
    handle.close(&mut status);
    check(status, "decompressing")?;
    Ok(pixels)
}

/// A FITS file with an empty primary HDU and the image, tile-compressed by rows, after it. `axes` are NAXIS1 first, `bitpix`
/// is CFITSIO's (20 for unsigned 16 bit), `cards` are whole cards for its header. Integers are compressed by RICE, floats by
/// GZIP of their shuffled bytes: RICE would quantise them, and a file must hold what was written to it.
pub fn compress<T: Pixel>(bitpix: i32, axes: &[usize], cards: &[u8], pixels: &[T]) -> Result<Vec<u8>, Reason> {
    // Twice the pixels, the descriptors of as many tiles as rows, and headers with what CFITSIO adds to them.
    let rows: usize = axes.iter().skip(1).product();
    let mut handle = Handle::create((1 << 20) + cards.len() + 2 * size_of_val(pixels) + 64 * rows)?;
    let mut status = 0;
    let mut sizes: Vec<i64> = axes.iter().map(|&n| n as i64).collect();
    let mut first = vec![1; sizes.len()];
    let codec = if bitpix < 0 { sys::GZIP_2 } else { sys::RICE_1 };
    // SAFETY: the handle is open; `first`, `sizes` and `pixels` outlive the calls, which only read them; each card is passed with its
    // terminating zero.
    unsafe {
        sys::fits_set_compression_type(handle.file, codec as c_int, &raw mut status);
        sys::fits_set_quantize_level(handle.file, 0.0, &raw mut status);
        sys::ffcrimll(handle.file, bitpix, sizes.len() as c_int, sizes.as_mut_ptr(), &raw mut status);
        for card in cards.chunks_exact(CARD) {
            let card: Vec<u8> = card.iter().copied().chain([0]).collect();
            sys::ffprec(handle.file, card.as_ptr().cast(), &raw mut status);
        }
        sys::ffpss(
            handle.file,
            T::TYPE as c_int,
            first.as_mut_ptr(),
            sizes.as_mut_ptr(),
            pixels.as_ptr().cast_mut().cast(),
            &raw mut status,
        );
    }
    handle.close(&mut status);
    check(status, "compressing")?;
    // Opened again, it tells where the last HDU ends: the buffer is larger.
    handle.open_buffer()?;
    let mut size = 0;
    // SAFETY: the handle is open; the buffer is initialised up to the end of the last HDU.
    let bytes = unsafe {
        sys::ffmahd(handle.file, 2, ptr::null_mut(), &raw mut status);
        sys::ffghadll(handle.file, ptr::null_mut(), ptr::null_mut(), &raw mut size, &raw mut status);
        std::slice::from_raw_parts(handle.buffer.address.cast::<u8>(), handle.buffer.size.min(size as usize))
    };
    check(status, "compressing")?;
    Ok(bytes.to_vec())
}

fn check(status: c_int, doing: &str) -> Result<(), Reason> {
    if status == 0 {
        return Ok(());
    }
    let mut text: [c_char; sys::FLEN_ERRMSG as usize] = [0; sys::FLEN_ERRMSG as usize];
    // SAFETY: CFITSIO writes at most 30 characters and a zero.
    let text = unsafe {
        sys::ffgerr(status, text.as_mut_ptr());
        CStr::from_ptr(text.as_ptr())
    };
    Err(Reason::Damaged(match status {
        1 => format!("{doing}: the compressed data are corrupt"), // the codecs' one status, whose text says nothing
        _ => format!("{doing}: {} (CFITSIO status {status})", text.to_string_lossy()),
    }))
}

/// Memory from C's allocator, where CFITSIO can grow it; freed when dropped.
struct Buffer {
    address: *mut c_void,
    size: usize,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the address came from calloc or realloc, or is null.
        unsafe { libc::free(self.address) }
    }
}

/// A FITS file open in memory.
struct Handle {
    file: *mut sys::fitsfile,
    /// Boxed, because CFITSIO keeps the addresses of the two fields.
    buffer: Box<Buffer>,
}

impl Handle {
    fn open(bytes: &[u8]) -> Result<Handle, Reason> {
        let mut handle = Handle::allocate(bytes.len())?;
        // SAFETY: the buffer has as many bytes as `bytes`.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), handle.buffer.address.cast(), bytes.len()) };
        handle.open_buffer()?;
        Ok(handle)
    }

    /// Opens what is in the buffer, for reading.
    fn open_buffer(&mut self) -> Result<(), Reason> {
        let mut status = 0;
        // SAFETY: pointer and size lie in the box; without a realloc function CFITSIO cannot move the buffer.
        unsafe {
            sys::ffomem(
                &raw mut self.file,
                c"memory".as_ptr(),
                sys::READONLY as c_int,
                &raw mut self.buffer.address,
                &raw mut self.buffer.size,
                0,
                None,
                &raw mut status,
            );
        }
        self.opened(status, "opening")
    }

    /// An empty file in so much memory: it must be enough for the whole, because CFITSIO looks ahead of what it has written
    /// and takes the end of the memory for an error. What is never touched of it costs nothing.
    fn create(capacity: usize) -> Result<Handle, Reason> {
        const STEP: usize = 1 << 20;
        let mut handle = Handle::allocate(capacity)?;
        let mut status = 0;
        // SAFETY: pointer and size lie in the box; the buffer is from calloc, so that realloc may grow it.
        unsafe {
            sys::ffimem(
                &raw mut handle.file,
                &raw mut handle.buffer.address,
                &raw mut handle.buffer.size,
                STEP,
                Some(libc::realloc),
                &raw mut status,
            );
        }
        handle.opened(status, "creating")?;
        Ok(handle)
    }

    fn allocate(size: usize) -> Result<Handle, Reason> {
        static INITIALISED: Once = Once::new();
        // SAFETY: once, before any other call of the library; its own check of this is not safe between threads.
        INITIALISED.call_once(|| unsafe {
            sys::fits_init_cfitsio();
        });
        // SAFETY: calloc may be called with any size; null is checked.
        let address = unsafe { libc::calloc(size.max(1), 1) };
        if address.is_null() {
            return Err(std::io::Error::from(std::io::ErrorKind::OutOfMemory).into());
        }
        Ok(Handle { file: ptr::null_mut(), buffer: Box::new(Buffer { address, size }) })
    }

    fn opened(&mut self, status: c_int, doing: &str) -> Result<(), Reason> {
        if status != 0 {
            self.file = ptr::null_mut(); // CFITSIO frees what it could not open
        }
        check(status, doing)
    }

    /// Closes the file, adding to the status; the memory stays.
    fn close(&mut self, status: &mut c_int) {
        if !self.file.is_null() {
            // SAFETY: open, and closed only here.
            unsafe { sys::ffclos(self.file, status) };
            self.file = ptr::null_mut();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close(&mut 0);
    }
}
