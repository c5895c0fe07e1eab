//! An explicit coordinate map: one source coordinate, or one displacement, per destination pixel.
#![forbid(unsafe_code)]

use crate::fixed::{Coord, Position, Q16, Rounding};
use crate::simd::{Lanes, MapSteps};
use crate::walk::{Plan, Walk, Warp, sealed};
use crate::{Error, Image};

/// A number of which maps are made: `f32` (the fastest) and `f64` in pixels, [`Q16`] and [`Coord`] in
/// fixed point, `i32` in whole pixels. Sealed.
pub trait Coordinate: Copy + core::fmt::Debug + Send + Sync + Into<Coord> + sealed::Sealed {
    /// Numbers that are `f32`, as such: backends read those.
    #[doc(hidden)]
    #[inline(always)]
    fn floats(_: &[Self]) -> Option<&[f32]> {
        None
    }
}

impl Coordinate for f32 {
    #[inline(always)]
    fn floats(numbers: &[f32]) -> Option<&[f32]> {
        Some(numbers)
    }
}

macro_rules! coordinates {
    ($($t:ty),*) => {$(
        impl sealed::Sealed for $t {}
        impl Coordinate for $t {}
    )*};
}
impl sealed::Sealed for f32 {}
coordinates!(f64, i32, Q16, Coord);

/// Two planes of numbers, one x and one y for every destination pixel: absolute source coordinates
/// ([`new`](Self::new)), or displacements from the destination pixel ([`relative`](Self::relative)).
///
/// The numbers are any [`Coordinate`]. Warping needs a destination of the map's size.
///
/// **Definition.** The coordinate of destination pixel (x, y) is the number there as a `Coord`, plus
/// x or y where it is a displacement: an exact sum in Q32.32, which saturates like every `Coord`. A
/// NaN is far outside.
///
/// ```
/// use nonius::{Bilinear, Boundary, Image, ImageMut, Map, Sampler};
/// let source = [0u8, 10, 20, 30];
/// let (x, y) = ([2.5f32, 0.5, f32::NAN], [0.0f32; 3]);
/// let map = Map::new(Image::new(&x, 3, 1)?, Image::new(&y, 3, 1)?)?;
/// let mut out = [0u8; 3];
/// let sampler = Sampler::new(Bilinear, Boundary::Constant(7));
/// sampler.warp(Image::new(&source, 4, 1)?, &mut ImageMut::new(&mut out, 3, 1)?, &map)?;
/// assert_eq!(out, [25, 5, 7]);
///
/// let field = Map::relative(Image::new(&x, 3, 1)?, Image::new(&y, 3, 1)?)?;
/// sampler.warp(Image::new(&source, 4, 1)?, &mut ImageMut::new(&mut out, 3, 1)?, &field)?;
/// assert_eq!(out, [25, 15, 7]);
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Map<'a, T = f32> {
    x: Image<'a, T>,
    y: Image<'a, T>,
    /// What a destination pixel adds for each pixel that it lies to the right or below.
    unit: i64,
    /// The row that counts as the first one: not zero for a band alone.
    first: usize,
}

impl<'a, T> Map<'a, T> {
    /// A map of absolute source coordinates, from two planes of the same size.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`].
    pub fn new(x: Image<'a, T>, y: Image<'a, T>) -> Result<Self, Error> {
        if (x.width(), x.height()) != (y.width(), y.height()) {
            return Err(Error::SizeMismatch);
        }
        Ok(Self { x, y, unit: 0, first: 0 })
    }

    /// A displacement field (a relative grid): the source coordinate is the destination pixel plus
    /// what the planes, of the same size, hold there. Zeros are the identity.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`].
    pub fn relative(dx: Image<'a, T>, dy: Image<'a, T>) -> Result<Self, Error> {
        Ok(Self { unit: 1 << 32, ..Self::new(dx, dy)? })
    }

    /// Width in pixels.
    pub const fn width(&self) -> usize {
        self.x.width()
    }

    /// Height in pixels.
    pub const fn height(&self) -> usize {
        self.x.height()
    }
}

impl<T> sealed::Sealed for Map<'_, T> {}

impl<'a, T: Coordinate> Warp for Map<'a, T> {
    type Walk = MapWalk<'a, T>;
    type Plan = Self;
    fn plan(&self) -> Self {
        *self
    }
    fn covers(&self, width: usize, height: usize) -> bool {
        (width, height) == (self.width(), self.height())
    }
}

impl<'a, T: Coordinate> Plan for Map<'a, T> {
    type Walk = MapWalk<'a, T>;
    fn run(&self, x: usize, y: usize, len: usize) -> (MapWalk<'a, T>, usize) {
        let y = self.first + y;
        let part = |image: &Image<'a, T>| image.row(y).get(x..).unwrap_or(&[]);
        let origin = [x, y].map(|v| self.unit.wrapping_mul(v as i64));
        (MapWalk { x: part(&self.x), y: part(&self.y), origin, unit: self.unit }, len)
    }
    fn below(&self, rows: usize) -> Self {
        Self { first: self.first + rows, ..*self }
    }
}

/// The rest of a row of a map.
#[derive(Clone, Copy, Debug)]
pub struct MapWalk<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) y: &'a [T],
    /// What is added to both, in Q32.32: whole pixels.
    origin: [i64; 2],
    unit: i64,
}

impl<T> MapWalk<'_, T> {
    /// The destination pixel, if its place is added.
    #[inline(always)]
    pub(crate) fn pixel(&self) -> Option<[i32; 2]> {
        (self.unit != 0).then(|| self.origin.map(|v| (v >> 32) as i32))
    }
}

impl<'a, T: Coordinate> Walk for MapWalk<'a, T> {
    type Lanes<L: Lanes> = MapSteps<'a, T>;
    #[inline(always)]
    fn lanes<L: Lanes>(&self, to: Rounding) -> MapSteps<'a, T> {
        MapSteps { walk: *self, to }
    }
    #[inline(always)]
    fn position(&self, to: Rounding) -> [Position; 2] {
        // A coordinate is below 2^62 and an image's side below 2^15 px: the sum is exact.
        let sum = |v: T, origin: i64| Coord::from_bits(v.into().to_bits().wrapping_add(origin));
        let coordinate = |v: &[T], origin: i64| v.first().map_or(Coord::MIN, |&v| sum(v, origin));
        [coordinate(self.x, self.origin[0]).round(to), coordinate(self.y, self.origin[1]).round(to)]
    }
    #[inline(always)]
    fn step(&mut self) {
        *self = self.at(1);
    }
    #[inline(always)]
    fn at(&self, n: usize) -> Self {
        let from = |v| <[T]>::get(v, n..).unwrap_or(&[]);
        let [x, y] = self.origin;
        let origin = [x.wrapping_add(self.unit.wrapping_mul(n as i64)), y];
        Self { x: from(self.x), y: from(self.y), origin, unit: self.unit }
    }
    #[inline(always)]
    fn monotone(&self, _: usize) -> bool {
        false
    }
}
