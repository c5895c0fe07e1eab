//! Images: a caller's slice with a width, a height and a stride, checked once.
//!
//! In: slices. Out: [`Image`] and [`ImageMut`], which every operation of the crate reads and
//! writes. They own nothing and are as cheap to copy as a slice. Pixels are `u8`, `u16`, `i16`,
//! `f32` and interleaved `[T; C]` of them ([`Pixel`]); gradients and masks are images of other
//! element types, so a view itself asks nothing of `T`. [`Planes`] are images of one size in one
//! slice: the channels of a planar image, or a batch.
//!
//! Rows run from left to right and begin a positive stride apart. An image that is stored bottom up,
//! or is to be seen in a mirror, is mirrored by its transform: see
//! [`Affine::mirror_y`](crate::Affine::mirror_y).
#![forbid(unsafe_code)]

use core::ops::Range;

use crate::Error;
use crate::format::{Format, Packed};
use crate::kernel::{Channel, Output};
use crate::spline::Coefficient;

/// The largest width or height of an image, in pixels.
pub const MAX_SIDE: usize = 32_767;

/// Whether there can be an image of this size.
pub(crate) const fn check_size(width: usize, height: usize) -> Result<(), Error> {
    if width == 0 || height == 0 {
        return Err(Error::Empty);
    }
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(Error::TooLarge);
    }
    Ok(())
}

/// Elements from the first to the last pixel of a layout, or why there is no such layout.
const fn span(width: usize, height: usize, stride: usize) -> Result<usize, Error> {
    if let Err(e) = check_size(width, height) {
        return Err(e);
    }
    if stride < width {
        return Err(Error::Stride);
    }
    match stride.checked_mul(height - 1) {
        Some(rows) => match rows.checked_add(width) {
            // Half the address space is what a slice can have; it also keeps offsets signed.
            Some(n) if n <= isize::MAX as usize => Ok(n),
            _ => Err(Error::TooLarge),
        },
        None => Err(Error::TooLarge),
    }
}

const fn check(width: usize, height: usize, stride: usize, found: usize) -> Result<usize, Error> {
    match span(width, height, stride) {
        Ok(needed) if found < needed => Err(Error::TooShort { needed, found }),
        other => other,
    }
}

/// A read-only image over a caller's slice.
///
/// ```
/// use nonius::{Error, Image};
/// let pixels = [0u8, 1, 2, 9, 3, 4, 5, 9];
/// let image = Image::with_stride(&pixels, 3, 2, 4)?;
/// assert_eq!(image.get(2, 1), Some(5));
/// assert_eq!(image.view(1, 0, 2, 2)?.row(1), [4, 5]);
/// assert_eq!(Image::new(&pixels, 3, 3).unwrap_err(), Error::TooShort { needed: 9, found: 8 });
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Image<'a, T> {
    data: &'a [T],
    width: usize,
    height: usize,
    stride: usize,
}

impl<T> Clone for Image<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Image<'_, T> {}

impl<'a, T> Image<'a, T> {
    /// An image whose rows follow each other without a gap.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooLarge`], [`Error::TooShort`].
    pub const fn new(data: &'a [T], width: usize, height: usize) -> Result<Self, Error> {
        Self::with_stride(data, width, height, width)
    }

    /// An image whose rows begin `stride` elements apart. The last row may end the slice.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooLarge`], [`Error::Stride`], [`Error::TooShort`].
    pub const fn with_stride(
        data: &'a [T],
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, Error> {
        match check(width, height, stride, data.len()) {
            Ok(_) => Ok(Self { data, width, height, stride }),
            Err(e) => Err(e),
        }
    }

    /// Width in pixels, at least 1.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Elements from the beginning of one row to that of the next.
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// Row `y` from left to right; empty below the image.
    #[inline]
    pub fn row(&self, y: usize) -> &'a [T] {
        if y >= self.height {
            return &[];
        }
        self.data.get(y * self.stride..).and_then(|rows| rows.get(..self.width)).unwrap_or(&[])
    }

    /// The rows from top to bottom.
    pub fn rows(&self) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        let this = *self;
        (0..self.height).map(move |y| this.row(y))
    }

    /// The pixel at column `x` of row `y`, or `None` outside.
    #[inline]
    pub fn get(&self, x: usize, y: usize) -> Option<T>
    where
        T: Copy,
    {
        self.row(y).get(x).copied()
    }

    /// The part of `width` by `height` pixels whose top left pixel is (`x`, `y`).
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::OutOfBounds`].
    pub fn view(&self, x: usize, y: usize, width: usize, height: usize) -> Result<Self, Error> {
        let start = inner(self.width, self.height, self.stride, x, y, width, height)?;
        let data = self.data.get(start..).unwrap_or(&[]);
        Self::with_stride(data, width, height, self.stride)
    }

    /// The rows above row `at`, and the others. Either may have none.
    pub(crate) fn split_rows(self, at: usize) -> (Self, Self) {
        let at = at.min(self.height);
        let start = (at * self.stride).min(self.data.len());
        let (above, below) = self.data.split_at_checked(start).unwrap_or_default();
        let band = |data, height| Image { data, width: self.width, height, stride: self.stride };
        (band(above, at), band(below, self.height - at))
    }

    /// The elements from the first pixel to the last, row gaps included.
    pub(crate) fn elements(&self) -> &'a [T] {
        self.data
    }
}

/// Offset of a part's first pixel, once the part is known to lie inside.
fn inner(
    w: usize,
    h: usize,
    stride: usize,
    x: usize,
    y: usize,
    width: usize,
    height: usize,
) -> Result<usize, Error> {
    if width == 0 || height == 0 {
        return Err(Error::Empty);
    }
    let fits = |at: usize, n: usize, all: usize| at.checked_add(n).is_some_and(|end| end <= all);
    if !fits(x, width, w) || !fits(y, height, h) {
        return Err(Error::OutOfBounds);
    }
    Ok(y * stride + x)
}

/// A writable image over a caller's slice. See [`Image`].
#[derive(Debug)]
pub struct ImageMut<'a, T> {
    data: &'a mut [T],
    width: usize,
    height: usize,
    stride: usize,
}

impl<'a, T> ImageMut<'a, T> {
    /// An image whose rows follow each other without a gap.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub const fn new(data: &'a mut [T], width: usize, height: usize) -> Result<Self, Error> {
        Self::with_stride(data, width, height, width)
    }

    /// An image whose rows begin `stride` elements apart; what lies between rows is never written.
    ///
    /// # Errors
    /// As [`Image::with_stride`].
    pub const fn with_stride(
        data: &'a mut [T],
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, Error> {
        match check(width, height, stride, data.len()) {
            Ok(_) => Ok(Self { data, width, height, stride }),
            Err(e) => Err(e),
        }
    }

    /// Width in pixels, at least 1.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Elements from the beginning of one row to that of the next.
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// The same pixels, to read.
    pub const fn as_image(&self) -> Image<'_, T> {
        Image { data: self.data, width: self.width, height: self.height, stride: self.stride }
    }

    /// The same pixels, borrowed for a shorter time.
    pub const fn reborrow(&mut self) -> ImageMut<'_, T> {
        ImageMut { data: self.data, width: self.width, height: self.height, stride: self.stride }
    }

    /// Row `y` from left to right; empty below the image.
    #[inline]
    pub fn row_mut(&mut self, y: usize) -> &mut [T] {
        if y >= self.height {
            return &mut [];
        }
        let start = y * self.stride;
        self.data.get_mut(start..start + self.width).unwrap_or(&mut [])
    }

    /// The pixel at column `x` of row `y`, or `None` outside.
    #[inline]
    pub fn get_mut(&mut self, x: usize, y: usize) -> Option<&mut T> {
        self.row_mut(y).get_mut(x)
    }

    /// The elements from the first pixel to the last, row gaps included.
    #[inline(always)]
    pub(crate) fn elements_mut(&mut self) -> &mut [T] {
        self.data
    }

    /// The rows from top to bottom.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let width = self.width;
        self.data
            .chunks_mut(self.stride.max(1))
            .take(self.height)
            .map(move |row| row.split_at_mut_checked(width).map_or(&mut [][..], |r| r.0))
    }

    /// The elements from the first pixel on, row gaps included.
    #[cfg(any(feature = "imgref", feature = "ndarray"))]
    pub(crate) fn into_elements(self) -> &'a mut [T] {
        self.data
    }

    /// The rows above row `at`, and the others. Either may have none.
    pub(crate) fn split_rows(self, at: usize) -> (Self, Self) {
        let at = at.min(self.height);
        let start = (at * self.stride).min(self.data.len());
        let (above, below) = self.data.split_at_mut_checked(start).unwrap_or_default();
        let band = |data, height| ImageMut { data, width: self.width, height, stride: self.stride };
        (band(above, at), band(below, self.height - at))
    }

    /// Sets every pixel.
    pub fn fill(&mut self, value: T)
    where
        T: Copy,
    {
        for row in self.rows_mut() {
            row.fill(value);
        }
    }

    /// The part of `width` by `height` pixels whose top left pixel is (`x`, `y`).
    ///
    /// # Errors
    /// As [`Image::view`].
    pub fn view_mut(
        &mut self,
        x: usize,
        y: usize,
        width: usize,
        height: usize,
    ) -> Result<ImageMut<'_, T>, Error> {
        let start = inner(self.width, self.height, self.stride, x, y, width, height)?;
        let data = self.data.get_mut(start..).unwrap_or(&mut []);
        ImageMut::with_stride(data, width, height, self.stride)
    }
}

/// Elements that `count` images span, each `distance` elements after the one before; or why there is
/// no such layout. `image` is what one of them spans.
const fn check_planes(
    image: Result<usize, Error>,
    count: usize,
    distance: usize,
    found: usize,
) -> Result<usize, Error> {
    let Some(last) = count.checked_sub(1) else { return Err(Error::Empty) };
    let one = match image {
        Ok(one) => one,
        Err(e) => return Err(e),
    };
    let needed = match last.checked_mul(distance) {
        Some(start) => start.checked_add(one),
        None => None,
    };
    match needed {
        Some(needed) if needed <= isize::MAX as usize => {
            if found < needed {
                return Err(Error::TooShort { needed, found });
            }
            Ok(one)
        }
        _ => Err(Error::TooLarge),
    }
}

/// Images of one size, evenly spaced in a slice: the channels of a planar image, or a batch.
///
/// ```
/// use nonius::{Bilinear, Boundary, Planes, PlanesMut, Sampler, Translation};
/// // Two channels of 3 x 1 pixels, one after the other.
/// let source = [0u8, 10, 20, 50, 60, 70];
/// let mut out = [0u8; 4];
/// let sampler = Sampler::new(Bilinear, Boundary::Replicate);
/// let shift = Translation::new(0.5, 0.0)?;
/// sampler.warp_planes(Planes::new(&source, 3, 1, 2)?, &mut PlanesMut::new(&mut out, 2, 1, 2)?, &shift)?;
/// assert_eq!(out, [5, 15, 55, 65]);
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Debug)]
pub struct Planes<'a, T> {
    data: &'a [T],
    width: usize,
    height: usize,
    stride: usize,
    /// Elements that one image spans.
    span: usize,
    count: usize,
    distance: usize,
}

impl<T> Clone for Planes<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Planes<'_, T> {}

impl<'a, T> Planes<'a, T> {
    /// `count` images one after the other, without gaps.
    ///
    /// # Errors
    /// As [`Self::with_strides`].
    pub const fn new(data: &'a [T], width: usize, height: usize, count: usize) -> Result<Self, Error> {
        Self::with_strides(data, width, height, width, count, width.saturating_mul(height))
    }

    /// `count` images, each beginning `distance` elements after the one before, whose rows begin
    /// `stride` elements apart. (Planes interleaved line by line have a distance of one line.)
    ///
    /// # Errors
    /// [`Error::Empty`] (also for no image), [`Error::TooLarge`], [`Error::Stride`],
    /// [`Error::TooShort`].
    pub const fn with_strides(
        data: &'a [T],
        width: usize,
        height: usize,
        stride: usize,
        count: usize,
        distance: usize,
    ) -> Result<Self, Error> {
        match check_planes(span(width, height, stride), count, distance, data.len()) {
            Ok(span) => Ok(Self { data, width, height, stride, span, count, distance }),
            Err(e) => Err(e),
        }
    }

    /// How many images, at least 1.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Image `i`, or `None` beyond the last.
    pub fn get(&self, i: usize) -> Option<Image<'a, T>> {
        if i >= self.count {
            return None;
        }
        let data = self.data.get(i * self.distance..)?.get(..self.span)?;
        Image::with_stride(data, self.width, self.height, self.stride).ok()
    }

    /// The images in order.
    pub fn iter(&self) -> impl Iterator<Item = Image<'a, T>> + use<'a, T> {
        let this = *self;
        (0..self.count).map_while(move |i| this.get(i))
    }
}

/// Writable images of one size, evenly spaced in a slice. See [`Planes`].
#[derive(Debug)]
pub struct PlanesMut<'a, T> {
    data: &'a mut [T],
    width: usize,
    height: usize,
    stride: usize,
    span: usize,
    count: usize,
    distance: usize,
}

impl<'a, T> PlanesMut<'a, T> {
    /// `count` images one after the other, without gaps.
    ///
    /// # Errors
    /// As [`Planes::with_strides`].
    pub const fn new(data: &'a mut [T], width: usize, height: usize, count: usize) -> Result<Self, Error> {
        Self::with_strides(data, width, height, width, count, width.saturating_mul(height))
    }

    /// As [`Planes::with_strides`]; what lies between rows and images is never written.
    ///
    /// # Errors
    /// As [`Planes::with_strides`].
    pub const fn with_strides(
        data: &'a mut [T],
        width: usize,
        height: usize,
        stride: usize,
        count: usize,
        distance: usize,
    ) -> Result<Self, Error> {
        match check_planes(span(width, height, stride), count, distance, data.len()) {
            Ok(span) => Ok(Self { data, width, height, stride, span, count, distance }),
            Err(e) => Err(e),
        }
    }

    /// How many images, at least 1.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Image `i`, or `None` beyond the last.
    pub fn get_mut(&mut self, i: usize) -> Option<ImageMut<'_, T>> {
        if i >= self.count {
            return None;
        }
        let data = self.data.get_mut(i * self.distance..)?.get_mut(..self.span)?;
        ImageMut::with_stride(data, self.width, self.height, self.stride).ok()
    }
}

/// Some rows of an image that is added to, and which they are: a band of it, or all.
#[doc(hidden)]
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    rows: ImageMut<'a, T>,
    /// The rows of the image above these.
    above: usize,
    /// The rows of the image.
    height: usize,
}

impl<'a, T> RowsMut<'a, T> {
    /// All rows of an image.
    #[inline(always)]
    pub(crate) fn all(image: ImageMut<'a, T>) -> Self {
        Self { above: 0, height: image.height(), rows: image }
    }

    /// Width and height of the image.
    #[inline(always)]
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.rows.width, self.height)
    }

    /// Which rows these are.
    #[inline(always)]
    pub(crate) fn range(&self) -> Range<usize> {
        self.above..self.above + self.rows.height
    }

    /// Whether these are not all rows.
    #[inline(always)]
    pub(crate) fn is_band(&self) -> bool {
        self.rows.height < self.height
    }

    /// The pixel at column `x` of row `y` of the image, if that is one of these.
    #[inline]
    pub(crate) fn get_mut(&mut self, x: usize, y: usize) -> Option<&mut T> {
        self.rows.get_mut(x, y.checked_sub(self.above)?)
    }

    /// These rows.
    #[inline(always)]
    pub(crate) fn rows_mut(&mut self) -> &mut ImageMut<'a, T> {
        &mut self.rows
    }

    /// The first `at` of these rows, and the others.
    pub(crate) fn split(self, at: usize) -> (Self, Self) {
        let (above, below) = self.rows.split_rows(at);
        let first = self.above + above.height;
        (Self { rows: above, ..self }, Self { rows: below, above: first, height: self.height })
    }
}

/// A pixel: one channel, or `C` interleaved channels of one type. `u8`, `u16`, `i16`, `f32` and
/// arrays of them.
pub trait Pixel: Tap<Sampled = Self> {}

impl<P: Tap<Sampled = P>> Pixel for P {}

/// What a kernel can tap: a [`Pixel`], a coefficient of a spline, or a pixel of a camera's format that is
/// read as its luma ([`Packed`]). Sealed.
pub trait Tap:
    Copy + PartialEq + core::fmt::Debug + Send + Sync + crate::kernel::sealed::Sealed + 'static
{
    /// The type of one channel.
    type Channel: Channel;
    /// A derivative of this pixel: `i32` in Q14 for each integer channel (grey levels per pixel,
    /// 16384 is one), `f32` for an `f32` channel.
    type Derivative: Copy + PartialEq + core::fmt::Debug + Send + Sync + 'static;
    /// A weighted sum of cotangents for this pixel (see
    /// [`Sampler::adjoint`](crate::Sampler::adjoint)): `i64` in Q28 for each integer channel,
    /// `f32` for an `f32` channel.
    type Adjoint: Copy + PartialEq + core::fmt::Debug + Send + Sync + 'static;
    /// A cotangent, dL/dV, of this pixel: `i32` for each integer channel in a unit of the
    /// caller's choice, `f32` for an `f32` channel.
    type Cotangent: Copy + PartialEq + core::fmt::Debug + Send + Sync + 'static;
    /// The pixel that sampling gives: for a pixel the same type.
    type Sampled: Pixel + Tap<Channel = <Self::Channel as Channel>::Sampled>;
    /// Something else for each channel.
    type Channels<T: Copy>: Copy + AsRef<[T]> + AsMut<[T]>;
    /// How many channels.
    const CHANNELS: usize;

    /// The same for each channel.
    fn channels<T: Copy>(v: T) -> Self::Channels<T>;
    /// Pixels as channels.
    fn flatten(pixels: &[Self]) -> &[Self::Channel];
    /// Writable pixels as channels.
    fn flatten_mut(pixels: &mut [Self]) -> &mut [Self::Channel];
    /// Derivatives as channels.
    fn flatten_derivatives(values: &mut [Self::Derivative]) -> &mut [<Self::Channel as Channel>::Derivative];
    /// Accumulators as channels.
    fn flatten_adjoints(values: &mut [Self::Adjoint]) -> &mut [<Self::Channel as Channel>::Adjoint];
    /// Cotangents as channels.
    fn flatten_cotangents(values: &[Self::Cotangent]) -> &[<Self::Channel as Channel>::Cotangent];
    /// Writable cotangents as channels.
    fn flatten_cotangents_mut(values: &mut [Self::Cotangent])
    -> &mut [<Self::Channel as Channel>::Cotangent];
    /// The pixel whose channels are all zero.
    fn zero() -> Self;
    /// The cotangent whose channels are all zero.
    fn zero_cotangent() -> Self::Cotangent;
    /// The derivative whose channels are all zero.
    fn zero_derivative() -> Self::Derivative;
    /// What sampling gives where all pixels are this one.
    fn sampled(self) -> Self::Sampled;
}

macro_rules! one_channel {
    ([$($of:tt)*] $t:ty) => {
        impl<$($of)*> Tap for $t {
            type Channel = $t;
            type Derivative = <$t as Channel>::Derivative;
            type Adjoint = <$t as Channel>::Adjoint;
            type Cotangent = <$t as Channel>::Cotangent;
            type Sampled = <$t as Channel>::Sampled;
            type Channels<T: Copy> = [T; 1];
            const CHANNELS: usize = 1;
            #[inline(always)]
            fn channels<T: Copy>(v: T) -> [T; 1] {
                [v]
            }
            #[inline(always)]
            fn flatten(pixels: &[Self]) -> &[$t] {
                pixels
            }
            #[inline(always)]
            fn flatten_mut(pixels: &mut [Self]) -> &mut [$t] {
                pixels
            }
            #[inline(always)]
            fn flatten_derivatives(values: &mut [Self::Derivative]) -> &mut [Self::Derivative] {
                values
            }
            #[inline(always)]
            fn flatten_adjoints(values: &mut [Self::Adjoint]) -> &mut [Self::Adjoint] {
                values
            }
            #[inline(always)]
            fn flatten_cotangents(values: &[Self::Cotangent]) -> &[Self::Cotangent] {
                values
            }
            #[inline(always)]
            fn flatten_cotangents_mut(values: &mut [Self::Cotangent]) -> &mut [Self::Cotangent] {
                values
            }
            #[inline(always)]
            fn zero_cotangent() -> Self::Cotangent {
                Default::default()
            }
            #[inline(always)]
            fn zero() -> Self {
                Default::default()
            }
            #[inline(always)]
            fn zero_derivative() -> Self::Derivative {
                Default::default()
            }
            #[inline(always)]
            fn sampled(self) -> Self::Sampled {
                Output::from_channel(self)
            }
        }
    };
}
one_channel!([F: Format] Packed<F>);

macro_rules! channels {
    ($($t:ty),*) => {$(
        one_channel!([] $t);

        impl<const C: usize> Tap for [$t; C] {
            type Channel = $t;
            type Derivative = [<$t as Channel>::Derivative; C];
            type Adjoint = [<$t as Channel>::Adjoint; C];
            type Cotangent = [<$t as Channel>::Cotangent; C];
            type Sampled = [<$t as Channel>::Sampled; C];
            type Channels<T: Copy> = [T; C];
            const CHANNELS: usize = C;
            #[inline(always)]
            fn channels<T: Copy>(v: T) -> [T; C] {
                [v; C]
            }
            #[inline(always)]
            fn flatten(pixels: &[Self]) -> &[$t] {
                pixels.as_flattened()
            }
            #[inline(always)]
            fn flatten_mut(pixels: &mut [Self]) -> &mut [$t] {
                pixels.as_flattened_mut()
            }
            #[inline(always)]
            fn flatten_derivatives(values: &mut [Self::Derivative]) -> &mut [<$t as Channel>::Derivative] {
                values.as_flattened_mut()
            }
            #[inline(always)]
            fn flatten_adjoints(values: &mut [Self::Adjoint]) -> &mut [<$t as Channel>::Adjoint] {
                values.as_flattened_mut()
            }
            #[inline(always)]
            fn flatten_cotangents(values: &[Self::Cotangent]) -> &[<$t as Channel>::Cotangent] {
                values.as_flattened()
            }
            #[inline(always)]
            fn flatten_cotangents_mut(values: &mut [Self::Cotangent]) -> &mut [<$t as Channel>::Cotangent] {
                values.as_flattened_mut()
            }
            #[inline(always)]
            fn zero_cotangent() -> Self::Cotangent {
                [Default::default(); C]
            }
            #[inline(always)]
            fn zero() -> Self {
                [Default::default(); C]
            }
            #[inline(always)]
            fn zero_derivative() -> Self::Derivative {
                [Default::default(); C]
            }
            #[inline(always)]
            fn sampled(self) -> Self::Sampled {
                self.map(Output::from_channel)
            }
        }
    )*};
}
channels!(u8, u16, i16, f32, Coefficient<u8>, Coefficient<u16>, Coefficient<i16>);
