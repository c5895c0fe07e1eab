//! An explicit coordinate map: one source coordinate per destination pixel.
#![forbid(unsafe_code)]

use crate::fixed::{Coord, Position, Rounding};
use crate::simd::{Lanes, MapSteps};
use crate::walk::{Plan, Walk, Warp, sealed};
use crate::{Error, Image};

/// Absolute source coordinates in pixels, one x and one y for every destination pixel, as `f32`.
///
/// Warping needs a destination of the map's size. A coordinate that is NaN is outside.
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
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Map<'a> {
    x: Image<'a, f32>,
    y: Image<'a, f32>,
}

impl<'a> Map<'a> {
    /// A map of two planes of the same size.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`].
    pub fn new(x: Image<'a, f32>, y: Image<'a, f32>) -> Result<Self, Error> {
        if (x.width(), x.height()) != (y.width(), y.height()) {
            return Err(Error::SizeMismatch);
        }
        Ok(Self { x, y })
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

impl sealed::Sealed for Map<'_> {}

impl<'a> Warp for Map<'a> {
    type Walk = MapWalk<'a>;
    type Plan = Self;
    fn plan(&self) -> Self {
        *self
    }
    fn covers(&self, width: usize, height: usize) -> bool {
        (width, height) == (self.width(), self.height())
    }
}

impl<'a> Plan for Map<'a> {
    type Walk = MapWalk<'a>;
    fn run(&self, x: usize, y: usize, len: usize) -> (MapWalk<'a>, usize) {
        let part = |image: &Image<'a, f32>| image.row(y).get(x..).unwrap_or(&[]);
        (MapWalk { x: part(&self.x), y: part(&self.y) }, len)
    }
}

/// The rest of a row of a map.
#[derive(Clone, Copy, Debug)]
pub struct MapWalk<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) y: &'a [f32],
}

impl<'a> Walk for MapWalk<'a> {
    type Lanes<L: Lanes> = MapSteps<'a>;
    #[inline(always)]
    fn lanes<L: Lanes>(&self, to: Rounding) -> MapSteps<'a> {
        MapSteps { walk: *self, to }
    }
    #[inline(always)]
    fn position(&self, to: Rounding) -> [Position; 2] {
        [self.x, self.y].map(|v| v.first().map_or(Coord::MIN, |&v| Coord::from(v)).round(to))
    }
    #[inline(always)]
    fn step(&mut self) {
        *self = self.at(1);
    }
    #[inline(always)]
    fn at(&self, n: usize) -> Self {
        let from = |v| <[f32]>::get(v, n..).unwrap_or(&[]);
        Self { x: from(self.x), y: from(self.y) }
    }
    #[inline(always)]
    fn monotone(&self, _: usize) -> bool {
        false
    }
}
