//! Where an output is sampled: the points of an explicit grid or of an affine one, in pixels of the
//! input, and what padding makes of them.
#![forbid(unsafe_code)]

use super::{Padding, Tensor, Theta};
use crate::Error;
use crate::fixed::{Coord, Position, Rounding, round_coordinate};
use crate::simd::{KnownSteps, Lanes, PLACES, Places};
use crate::transform::Grid;
use crate::walk::{AffinePlan, AffineWalk, Plan, Walk, form};

/// Points between two looks at the channels: each coordinate is computed once for all of them.
/// (A fixed number, whatever the size of the output.)
pub(super) const CHUNK: usize = PLACES;

/// Pixels from the origin within which coordinates are rounded many at a time: none of them is at the
/// end of its range.
const NEAR: i64 = 1 << 29;

/// Sizes (width, height) and the meaning of -1 and 1.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    pub(super) input: [usize; 2],
    pub(super) output: [usize; 2],
    pub(super) align_corners: bool,
}

impl Geometry {
    /// `pixel = scale v + offset` for a normalised coordinate v along an axis of the input.
    #[inline]
    fn pixels(&self, axis: usize) -> (f64, f64) {
        let side = self.input.get(axis).copied().unwrap_or(1);
        Grid::Normalised { align_corners: self.align_corners }.scale_and_offset(side)
    }

    /// Twice the scale of [`Self::pixels`]: a whole number.
    #[inline]
    pub(super) fn twice_scale(&self) -> [i32; 2] {
        self.input.map(|side| side as i32 - i32::from(self.align_corners))
    }

    /// What a base coordinate of [`affine_grid`](super::affine_grid) is divided by: that of index i
    /// is `(2 i + 1 - side) / divisor`. Not zero; a single point is at 0.
    #[inline]
    pub(super) fn divisors(&self) -> [i32; 2] {
        self.output.map(|side| (side as i32 - i32::from(self.align_corners)).max(1))
    }
}

/// Where each output is sampled: a [`Tensor`] of normalised (x, y), of shape (N, 1, H, W), or a
/// slice of N [`Theta`], whose grid is never stored. Sealed.
pub trait Points: Copy + Send + Sync + sealed::Sealed {
    /// The points of one item of the batch.
    #[doc(hidden)]
    type Lines: Lines;
    /// Whether there are as many items as this, and points as outputs.
    #[doc(hidden)]
    fn covers(&self, batch: usize, output: [usize; 2]) -> bool;
    /// The points of item `n`.
    #[doc(hidden)]
    fn lines(&self, n: usize, geometry: &Geometry) -> Result<Self::Lines, Error>;
}

/// The points of one item, row by row.
#[doc(hidden)]
pub trait Lines: Copy {
    /// Whether coordinates are monotone along a row.
    const MONOTONE: bool;
    /// The points of row `y` from column `x` on: Q32.32, in pixels of the input, within the range
    /// of [`Coord`].
    fn fill(&self, x: usize, y: usize, out: &mut [[i64; 2]]);
    /// Rounds `len` of them many at a time. False, with nothing of use done, where some are not within
    /// [`NEAR`].
    fn round<L: Lanes>(&self, x: usize, y: usize, len: usize, to: Rounding, places: &mut Places) -> bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Tensor<'_, [f32; 2]> {}
    impl Sealed for &[super::Theta] {}
}

impl<'a> Points for Tensor<'a, [f32; 2]> {
    type Lines = GridLines<'a>;

    fn covers(&self, batch: usize, [width, height]: [usize; 2]) -> bool {
        self.shape() == [batch, 1, height, width]
    }
    fn lines(&self, n: usize, geometry: &Geometry) -> Result<GridLines<'a>, Error> {
        // Halves of whole numbers: exact.
        let axes = [0, 1].map(|axis| geometry.pixels(axis)).map(|(s, o)| (s as f32, o as f32));
        Ok(GridLines { grid: *self, n, axes })
    }
}

/// The rows of an explicit grid.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct GridLines<'a> {
    grid: Tensor<'a, [f32; 2]>,
    n: usize,
    axes: [(f32, f32); 2],
}

impl Lines for GridLines<'_> {
    const MONOTONE: bool = false;

    #[inline(always)]
    fn fill(&self, x: usize, y: usize, out: &mut [[i64; 2]]) {
        let [(sx, ox), (sy, oy)] = self.axes;
        for (out, &[u, v]) in out.iter_mut().zip(self.grid.row(self.n, 0, y).iter().skip(x)) {
            *out = [Coord::from(u * sx + ox).to_bits(), Coord::from(v * sy + oy).to_bits()];
        }
    }
    #[inline(always)]
    fn round<L: Lanes>(&self, x: usize, y: usize, len: usize, to: Rounding, places: &mut Places) -> bool {
        let [(sx, ox), (sy, oy)] = self.axes;
        let mut pixels = [[0.0f32; CHUNK]; 2];
        let [us, vs] = &mut pixels;
        let points = self.grid.row(self.n, 0, y).get(x..x + len).unwrap_or_default();
        if let Ok(points) = <&[[f32; 2]; CHUNK]>::try_from(points) {
            for ((px, py), &[u, v]) in us.iter_mut().zip(vs).zip(points) {
                (*px, *py) = (u * sx + ox, v * sy + oy);
            }
        } else {
            for ((px, py), &[u, v]) in us.iter_mut().zip(vs).zip(points) {
                (*px, *py) = (u * sx + ox, v * sy + oy);
            }
        }
        // By their bits, which needs no FPU; NaN is above.
        const LIMIT: u32 = (NEAR as f32).to_bits();
        let mut far = 0;
        for v in pixels.as_flattened() {
            far |= u32::from(v.to_bits() & 0x7fff_ffff >= LIMIT);
        }
        if far == 0 {
            places.read::<L>(&pixels, len, to);
        }
        far == 0
    }
}

impl Points for &[Theta] {
    type Lines = AffinePlan;

    fn covers(&self, batch: usize, _: [usize; 2]) -> bool {
        self.len() == batch
    }
    fn lines(&self, n: usize, geometry: &Geometry) -> Result<AffinePlan, Error> {
        affine_plan(self.get(n).ok_or(Error::SizeMismatch)?, geometry)
    }
}

/// The coordinates of an affine grid in Q32.32: coefficients in `f64`, once for each item.
fn affine_plan(theta: &Theta, geometry: &Geometry) -> Result<AffinePlan, Error> {
    if !theta.as_flattened().iter().all(|v| v.is_finite()) {
        return Err(Error::NotFinite);
    }
    let [w, h] = geometry.output.map(|side| side as f64);
    let [kx, ky] = geometry.divisors().map(|d| 1.0 / f64::from(d));
    let mut matrix = [0.0; 9];
    for (axis, (row, theta)) in matrix.chunks_exact_mut(3).zip(theta).enumerate() {
        let (scale, offset) = geometry.pixels(axis);
        let [a, b, c] = theta.map(f64::from);
        // Base coordinates are kx (2 x + 1 - w) and ky (2 y + 1 - h).
        let coefficients = [
            scale * (2.0 * kx * a),
            scale * (2.0 * ky * b),
            scale * (c + kx * (1.0 - w) * a + ky * (1.0 - h) * b) + offset,
        ];
        let [x, y, constant] = coefficients.map(libm::fabs);
        if x * (w - 1.0) + y * (h - 1.0) + constant > 1_073_741_824.0 {
            return Err(Error::OutOfRange);
        }
        for (entry, coefficient) in row.iter_mut().zip(coefficients) {
            *entry = coefficient;
        }
    }
    Ok(AffinePlan::new(&matrix))
}

impl Lines for AffinePlan {
    const MONOTONE: bool = true;

    #[inline(always)]
    fn fill(&self, x: usize, y: usize, out: &mut [[i64; 2]]) {
        let [u, v] = self.rows;
        for (i, out) in out.iter_mut().enumerate() {
            *out = [form(u, x + i, y), form(v, x + i, y)];
        }
    }
    #[inline(always)]
    fn round<L: Lanes>(&self, x: usize, y: usize, len: usize, to: Rounding, places: &mut Places) -> bool {
        let (walk, _) = self.run(x, y, len);
        let near = |walk: AffineWalk| walk.coordinates().iter().all(|v| v.unsigned_abs() >> 32 < NEAR as u64);
        if !(near(walk) && near(walk.at(len.saturating_sub(1)))) {
            return false;
        }
        places.step::<L>(&mut walk.lanes::<L>(to), len);
        true
    }
}

/// Some points of a row.
pub(super) struct Chunk {
    places: Places,
    /// The derivative of the padded coordinates with respect to the coordinates: -1, 0 or 1.
    factors: [[i8; 2]; CHUNK],
    /// Whether all factors are one, and not written down.
    plain: bool,
    monotone: bool,
}

impl Chunk {
    /// No points yet.
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { places: Places::new(), factors: [[0; 2]; CHUNK], plain: true, monotone: false }
    }

    /// Becomes the next `len` points, at most [`CHUNK`], under a padding that acts on the coordinates
    /// (`Zeros`, if it acts on the taps).
    #[inline(always)]
    pub(super) fn fill<L: Lanes, N: Lines>(
        &mut self,
        lines: &N,
        [x, y]: [usize; 2],
        len: usize,
        geometry: &Geometry,
        padding: Padding,
        to: Rounding,
    ) {
        self.monotone = N::MONOTONE && padding != Padding::Reflection;
        self.plain = padding == Padding::Zeros && lines.round::<L>(x, y, len, to, &mut self.places);
        if !self.plain {
            self.fold(lines, [x, y], len, geometry, padding, to);
        }
    }

    /// One by one.
    #[inline(never)]
    fn fold<N: Lines>(
        &mut self,
        lines: &N,
        [x, y]: [usize; 2],
        len: usize,
        geometry: &Geometry,
        padding: Padding,
        to: Rounding,
    ) {
        let mut points = [[0; 2]; CHUNK];
        lines.fill(x, y, points.get_mut(..len).unwrap_or_default());
        for (k, (factors, [u, v])) in self.factors.iter_mut().zip(points).enumerate().take(len) {
            let [width, height] = geometry.input;
            let (u, du) = padding.fold(u, width, geometry.align_corners);
            let (v, dv) = padding.fold(v, height, geometry.align_corners);
            *factors = [du, dv];
            self.places.set(k, [round_coordinate(u, to), round_coordinate(v, to)]);
        }
    }

    /// The positions.
    #[inline(always)]
    pub(super) fn walk(&self) -> ChunkWalk<'_> {
        ChunkWalk { places: &self.places, k: 0, monotone: self.monotone }
    }

    /// The derivatives of the first `len` padded coordinates, unless all of them are one.
    #[inline(always)]
    pub(super) fn factors(&self, len: usize) -> Option<&[[i8; 2]]> {
        if self.plain { None } else { Some(self.factors.get(..len).unwrap_or_default()) }
    }
}

/// Positions that are known, as a walk of the drivers.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkWalk<'a> {
    places: &'a Places,
    k: usize,
    monotone: bool,
}

impl<'a> Walk for ChunkWalk<'a> {
    type Lanes<L: Lanes> = KnownSteps<'a>;

    #[inline(always)]
    fn lanes<L: Lanes>(&self, _: Rounding) -> KnownSteps<'a> {
        KnownSteps { places: self.places, k: self.k }
    }
    #[inline(always)]
    fn position(&self, _: Rounding) -> [Position; 2] {
        self.places.get(self.k)
    }
    #[inline(always)]
    fn step(&mut self) {
        self.k += 1;
    }
    #[inline(always)]
    fn at(&self, n: usize) -> Self {
        Self { k: self.k + n, ..*self }
    }
    #[inline(always)]
    fn monotone(&self, _: usize) -> bool {
        self.monotone
    }
}

impl Padding {
    /// The padded coordinate, in Q32.32, and its derivative with respect to the coordinate.
    #[inline]
    fn fold(self, v: i64, side: usize, align_corners: bool) -> (i64, i8) {
        let last = (side as i64 - 1) << 32;
        let (v, factor) = match self {
            Padding::Zeros => return (v, i8::from(Coord::MIN.to_bits() < v && v < Coord::MAX.to_bits())),
            Padding::Reflection if v < 0 || v > last => {
                // About the centres or the outer edges of the end pixels.
                let half = if align_corners { 0 } else { 1 << 31 };
                let span = last + 2 * half;
                let phase = v.wrapping_add(half).checked_rem_euclid(2 * span).unwrap_or(0);
                if phase <= span { (phase - half, 1) } else { (2 * span - phase - half, -1) }
            }
            Padding::Border | Padding::Reflection => (v, 1),
        };
        if v <= 0 {
            (0, 0)
        } else if v >= last {
            (last, 0)
        } else {
            (v, factor)
        }
    }
}
