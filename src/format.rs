//! Frames as cameras deliver them: two bytes a pixel, read as grey without a copy.
//!
//! In: the bytes of a frame. Out: an [`Image`] of [`Packed`] pixels over the same memory, which every
//! operation of a [`Sampler`](crate::Sampler), a [`Stream`](crate::stream::Stream) and
//! [`reduce`](crate::pyramid::reduce) read as an image of `u8`: a tap's luma is computed where it is
//! read. The results are those of the converted frame, bit by bit. A frame of 8-bit grey (`GREY`, `Y8`)
//! is an `Image<u8>` as it is.
//!
//! | format | bytes in memory | luma |
//! |---|---|---|
//! | [`Yuyv`] (YUV422, `YUY2`) | Y0 U Y1 V | every other byte, the first of them first |
//! | [`Uyvy`] (YUV422, `UYVY`) | U Y0 V Y1 | every other byte, the second of them first |
//! | [`Rgb565Le`] (`RGBP`) | GGGBBBBB RRRRRGGG | [`rgb565_luma`] |
//! | [`Rgb565Be`] (`RGBR`) | RRRRRGGG GGGBBBBB | [`rgb565_luma`] |
//!
//! A [`Format`] of your own needs one function. Strides are in pixels; the bytes between rows must be an
//! even number.
//!
//! ```
//! use nonius::format::{Packed, Rgb565Be};
//! use nonius::{Bilinear, Boundary, Image, ImageMut, Sampler, Translation};
//!
//! // Two rows of three pixels and a pixel of padding, as DMA left them: white, black, white ...
//! let frame = [0xff, 0xff, 0, 0, 0xff, 0xff, 9, 9, 0, 0, 0xff, 0xff, 0, 0, 9, 9];
//! let frame = Image::with_stride(Packed::<Rgb565Be>::pixels(&frame), 3, 2, 4)?;
//!
//! let mut grey = [0u8; 3 * 2];
//! let sampler = Sampler::new(Bilinear, Boundary::Replicate);
//! sampler.warp(frame, &mut ImageMut::new(&mut grey, 3, 2)?, &Translation::new(0.25, 0.0)?)?;
//! assert_eq!(grey, [191, 64, 255, 64, 191, 0]);
//! # Ok::<(), nonius::Error>(())
//! ```
//!
//! **Alignment** reads every pixel of both frames many times, with their neighbours, and has them in `u8`:
//! [`luma_in_place`] makes them of a frame in the frame's own memory, of which half is free afterwards,
//! more than the pyramids of two frames need. Or align at half the size, on what
//! [`reduce`](crate::pyramid::reduce) makes of the frames as they are: a quarter of their pixels.
//!
//! ```
//! use nonius::align::{Aligner, Options, Pair};
//! use nonius::format::{Yuyv, luma_in_place};
//! use nonius::{Transform, Translation};
//! # let scene = |x: f64, y: f64| (100.0 + 60.0 * (0.21 * x).sin() * (0.17 * y).cos()) as u8;
//! # let film = |dx: f64| -> Vec<u8> {
//! #     (0..64 * 48).flat_map(|i| [scene((i % 64) as f64 - dx, (i / 64) as f64), 128]).collect()
//! # };
//! # let (mut first, mut second) = (film(0.0), film(1.5));
//!
//! // Two frames of 64 x 48 pixels in 2 * 64 * 48 bytes each.
//! let (fixed, free) = luma_in_place::<Yuyv>(&mut first, 64, 48, 64)?;
//! let (moving, _) = luma_in_place::<Yuyv>(&mut second, 64, 48, 64)?;
//! let pair = Pair::new(fixed.as_image(), moving.as_image());
//! let report = Aligner::new(pair, Translation::IDENTITY, Options::default(), free, &mut [])?.run();
//! let [x, y] = report.transform.parameters();
//! assert!((x - 1.5).abs() < 0.05 && y.abs() < 0.05, "{x} {y}");
//! # Ok::<(), nonius::Error>(())
//! ```
#![forbid(unsafe_code)]

use core::fmt::Debug;
use core::marker::PhantomData;

use crate::Error;
use crate::image::{Image, ImageMut};
use crate::simd::cast;

/// How two bytes are a pixel. Implement it for a format of your own:
///
/// ```
/// use nonius::format::{Format, Packed};
///
/// /// RGB565, low byte first, of which only green is looked at: five instructions less a tap.
/// #[derive(Clone, Copy, Debug, Default, PartialEq)]
/// struct Green;
///
/// impl Format for Green {
///     fn luma(bytes: [u8; 2]) -> u8 {
///         let green = (u16::from_le_bytes(bytes) >> 5 & 0x3f) as u8;
///         green << 2 | green >> 4
///     }
/// }
/// assert_eq!(Packed::<Green>::new([0xff, 0xff]).luma(), 255);
/// ```
pub trait Format: Copy + PartialEq + Debug + Default + Send + Sync + 'static {
    /// The luma of a pixel, from its bytes as they lie in memory.
    fn luma(bytes: [u8; 2]) -> u8;
}

/// A pixel of two bytes that is read as its luma. The bytes may lie at any address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Packed<F> {
    bytes: [u8; 2],
    format: PhantomData<F>,
}

impl<F> Packed<F> {
    /// The pixel of these bytes.
    #[inline(always)]
    pub const fn new(bytes: [u8; 2]) -> Self {
        Self { bytes, format: PhantomData }
    }

    /// Its bytes as they lie in memory.
    #[inline(always)]
    pub const fn bytes(self) -> [u8; 2] {
        self.bytes
    }

    /// The pixels of a frame that is in memory, to be made an [`Image`]. (The last of an odd number of
    /// bytes is left out.)
    pub const fn pixels(bytes: &[u8]) -> &[Self] {
        cast::pixels(bytes)
    }

    /// Writable pixels of a frame that is in memory.
    pub const fn pixels_mut(bytes: &mut [u8]) -> &mut [Self] {
        cast::pixels_mut(bytes)
    }

    /// The memory of pixels, for a camera's DMA to write to:
    /// [`Stream::incoming`](crate::stream::Stream::incoming) gives such a row.
    pub const fn bytes_mut(pixels: &mut [Self]) -> &mut [u8] {
        cast::bytes_mut(pixels)
    }
}

impl<F: Format> Packed<F> {
    /// What it is read as.
    #[inline(always)]
    pub fn luma(self) -> u8 {
        F::luma(self.bytes)
    }
}

impl<F: Format> From<Packed<F>> for u8 {
    /// The luma.
    #[inline(always)]
    fn from(pixel: Packed<F>) -> u8 {
        pixel.luma()
    }
}

/// YUV422 with luma in the first of a pixel's bytes. The luma is taken as it is: a camera that gives 16
/// to 235 for black to white gives images from 16 to 235.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Yuyv;

impl Format for Yuyv {
    #[inline(always)]
    fn luma([y, _]: [u8; 2]) -> u8 {
        y
    }
}

/// YUV422 with luma in the second of a pixel's bytes; otherwise as [`Yuyv`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uyvy;

impl Format for Uyvy {
    #[inline(always)]
    fn luma([_, y]: [u8; 2]) -> u8 {
        y
    }
}

/// RGB565 with the low byte first: a `u16` in the memory of a little-endian processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rgb565Le;

impl Format for Rgb565Le {
    #[inline(always)]
    fn luma(bytes: [u8; 2]) -> u8 {
        rgb565_luma(u16::from_le_bytes(bytes))
    }
}

/// RGB565 with the high byte first, as cameras send it by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rgb565Be;

impl Format for Rgb565Be {
    #[inline(always)]
    fn luma(bytes: [u8; 2]) -> u8 {
        rgb565_luma(u16::from_be_bytes(bytes))
    }
}

/// `0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601), rounded to nearest, of the red, green and blue in bits
/// 15 to 11, 10 to 5 and 4 to 0, each stretched from 0 to 255. Black is 0, white 255.
#[inline(always)]
pub const fn rgb565_luma(word: u16) -> u8 {
    let word = word as u32;
    let (r, g, b) = (word >> 11, word >> 5 & 63, word & 31);
    ((r * RED + g * GREEN + b * BLUE + (1 << 16)) >> 17) as u8
}

// 0.299 * 255 / 31, 0.587 * 255 / 63 and 0.114 * 255 / 31 in Q17, each up or down, so that every one of the
// 65536 sums is rounded as the exact one.
const RED: u32 = 322_374;
const GREEN: u32 = 311_421;
const BLUE: u32 = 122_911;

/// The luma of a frame.
///
/// # Errors
/// [`Error::SizeMismatch`]; nothing is written then.
pub fn luma<F: Format>(frame: Image<'_, Packed<F>>, out: &mut ImageMut<'_, u8>) -> Result<(), Error> {
    if (frame.width(), frame.height()) != (out.width(), out.height()) {
        return Err(Error::SizeMismatch);
    }
    for (out, row) in out.rows_mut().zip(frame.rows()) {
        for (out, pixel) in out.iter_mut().zip(row) {
            *out = pixel.luma();
        }
    }
    Ok(())
}

/// The luma of a frame in the frame's own memory: of `width` by `height` pixels of two bytes, whose rows
/// begin `stride` pixels apart, become an image whose rows follow each other without a gap, and the bytes
/// behind it, which are at least as many.
///
/// # Errors
/// As [`Image::with_stride`]; nothing is written then.
pub fn luma_in_place<F: Format>(
    frame: &mut [u8],
    width: usize,
    height: usize,
    stride: usize,
) -> Result<(ImageMut<'_, u8>, &mut [u8]), Error> {
    Image::with_stride(Packed::<F>::pixels(frame), width, height, stride)?;
    for y in 0..height {
        for x in 0..width {
            // What is written is never behind what is read next.
            let pixel = frame.get(2 * (y * stride + x)..).and_then(|rest| rest.first_chunk());
            let luma = F::luma(pixel.copied().unwrap_or_default());
            if let Some(out) = frame.get_mut(y * width + x) {
                *out = luma;
            }
        }
    }
    let (luma, rest) = frame.split_at_mut_checked(width * height).unwrap_or_default();
    Ok((ImageMut::new(luma, width, height)?, rest))
}
