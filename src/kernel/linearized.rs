//! Linearized sampling: partials from a plane through samples around the position.
//!
//! In: the footprint of a warp, as two half axes in source pixels. Out: values of bilinear
//! interpolation, and as partials the slope of the least-squares plane through bilinear samples of
//! that footprint, after Jiang et al., 'Linearized multi-sampling for differentiable image
//! transformation', ICCV 2019. Theirs are drawn at random for each pixel; with a fixed symmetric set
//! the solution is a difference stencil, the same for every pixel.
//!
//! **Definition.** Let a and b be the half axes, and `V(i, j)` the bilinear value at `x + i a + j b`
//! for i and j of -1, 0, 1, in the format of derivatives (Q14, or `f32`). The slope g of the plane
//! through these nine, equally weighted, solves
//!
//! ```text
//! g . a = A / 6,  A = sum over j of V(1, j) - V(-1, j)
//! g . b = B / 6,  B = sum over i of V(i, 1) - V(i, -1)
//! ```
//!
//! (the centre does not count), so that it is a constant 2x2 matrix, in Q32, times (A, B): both
//! sums exact in integers and the result rounded once, half up. For `f32` sums are by the rows of that
//! definition, matrix entries rounded to `f32`, and `(m0 A) + (m1 B)`. Offsets are in Q32; a
//! position plus an offset is rounded once more, half up.
//!
//! With half axes of one pixel along x and y this is, at lattice points, the operator of Prewitt.
//! Samples follow the boundary; under `Transparent` they are replicated, and where the position
//! itself is left, the partials are zero.
#![forbid(unsafe_code)]

use core::ops::Range;

use super::interpolator::WeightOf;
use super::{Bilinear, Channel, Fine, Interpolator, Linear};
use crate::Error;
use crate::boundary::Boundary;
use crate::fixed::Position;
use crate::image::{RowsMut, Tap};
use crate::sample::Source;
use crate::simd::Lanes;
use crate::simd::scatter::Accumulator;
use crate::transform::Transform;
use crate::walk::Walk;

/// Bilinear values with the slope of a plane through the footprint as partials: see the
/// [module](self). For [`Surrogate`](super::Surrogate), where the gradient of a few pixels is too
/// short-sighted: under a warp that minifies, it looks as far as the pixels are apart.
///
/// ```
/// use nonius::{Boundary, Image, Linearized, Nearest, Sampler, Surrogate};
/// let image = Image::new(&[0u8, 0, 0, 60, 60, 60], 6, 1)?;
/// let wide = Linearized::new(3.0, 1.0)?;
/// let sampler = Sampler::new(Surrogate::new(Nearest, wide), Boundary::Replicate);
/// assert_eq!(sampler.partials(image, 1, 0), (10 << 14, 0)); // 60 over 6 pixels
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linearized {
    /// Half axes a and b, in Q32 source pixels.
    axes: [[i64; 2]; 2],
    /// From (A, B) to g, in Q32.
    solve: [[i64; 2]; 2],
}

/// One in Q32.
const ONE: f64 = 4_294_967_296.0;

impl Linearized {
    /// Samples up to `rx` and `ry` source pixels away along x and y.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a radius that is not between 1/64 and 4096.
    pub fn new(rx: f64, ry: f64) -> Result<Self, Error> {
        let valid = |r: f64| (0.015_625..=4096.0).contains(&r);
        if !(valid(rx) && valid(ry)) {
            return Err(Error::InvalidOption);
        }
        Self::over([rx, 0.0], [0.0, ry])
    }

    /// Samples where a transform has the eight neighbours of destination pixel (`x`, `y`), as far
    /// as it is affine there: the half axes are the columns of its Jacobian. For an affine
    /// transform any pixel will do; for a homography take, say, the centre of the destination.
    ///
    /// # Errors
    /// [`Error::NotFinite`] where a homography sends the point to infinity, [`Error::OutOfRange`] for
    /// half axes beyond 4096 px, and [`Error::Singular`] for a footprint that is (almost) a line or
    /// below 1/64 px.
    pub fn footprint<T: Transform>(transform: &T, x: f64, y: f64) -> Result<Self, Error> {
        let m = transform.matrix();
        let (u, v) = transform.apply(x, y);
        let d = m[6] * x + m[7] * y + m[8];
        let column = |i: usize| {
            let entry = |row: usize| m.get(3 * row + i).copied().unwrap_or(0.0);
            [(entry(0) - u * entry(2)) / d, (entry(1) - v * entry(2)) / d]
        };
        Self::over(column(0), column(1))
    }

    /// Samples of a parallelogram with these half axes.
    fn over(a: [f64; 2], b: [f64; 2]) -> Result<Self, Error> {
        let determinant = a[0] * b[1] - a[1] * b[0];
        let solve = [[b[1], -a[1]], [-b[0], a[0]]].map(|row| row.map(|v| v / (6.0 * determinant)));
        let (axes, mut factors) = ([a, b], solve.iter().flatten());
        if !axes.iter().flatten().all(|v| v.is_finite()) {
            return Err(Error::NotFinite);
        }
        if !axes.iter().flatten().all(|v| libm::fabs(*v) <= 4096.0) {
            return Err(Error::OutOfRange);
        }
        // 64 / 6 in either, and not NaN.
        if !factors.all(|v| libm::fabs(*v) < 10.7) {
            return Err(Error::Singular);
        }
        let q32 = |m: [[f64; 2]; 2]| m.map(|row| row.map(|v| libm::floor(v * ONE + 0.5) as i64));
        Ok(Self { axes: q32(axes), solve: q32(solve) })
    }
}

impl Interpolator for Linearized {
    type Values = Bilinear;

    #[inline(always)]
    fn values(&self) -> Bilinear {
        Bilinear
    }
    #[inline]
    fn partials<P: Tap>(
        &self,
        source: &Source<'_, P>,
        at: [Position; 2],
        dx: &mut [<P::Channel as Channel>::Derivative],
        dy: &mut [<P::Channel as Channel>::Derivative],
    ) {
        let mut around = *source;
        if matches!(source.boundary, Boundary::Transparent) {
            if !Bilinear.value(source, at, dx) {
                dx.fill(Default::default());
                dy.fill(Default::default());
                return;
            }
            around.boundary = Boundary::Replicate;
        }
        const NEIGHBOURS: [[i64; 2]; 8] =
            [[-1, -1], [0, -1], [1, -1], [-1, 0], [1, 0], [-1, 1], [0, 1], [1, 1]];
        let [x, y] = at;
        let ([ax, ay], [bx, by]) = (self.axes[0], self.axes[1]);
        let values = NEIGHBOURS.map(|[i, j]| {
            let to = Self::rounding::<P::Channel>();
            let at = [x.offset(to.bits, i * ax + j * bx, to), y.offset(to.bits, i * ay + j * by, to)];
            let mut value = P::zero_derivative();
            Bilinear.value(&around, at, P::flatten_derivatives(core::slice::from_mut(&mut value)));
            value
        });
        for (c, (dx, dy)) in dx.iter_mut().zip(dy).enumerate() {
            let channel = values.map(|mut v| {
                let channels = P::flatten_derivatives(core::slice::from_mut(&mut v));
                channels.get(c).copied().unwrap_or_default()
            });
            [*dx, *dy] = Fine::plane(channel, &self.solve);
        }
    }
}

impl Linear for Linearized {
    #[inline(always)]
    fn taps<P: Tap>(
        &self,
        boundary: &Boundary<P>,
        size: (usize, usize),
        at: [Position; 2],
        tap: impl FnMut(usize, usize, WeightOf<P>, WeightOf<P>),
    ) -> bool {
        Bilinear.taps(boundary, size, at, tap)
    }
    #[inline(always)]
    fn scatter_run<L: Lanes, P: Tap, F: Accumulator<P>, W: Walk>(
        &self,
        boundary: &Boundary<P>,
        walk: &W,
        cotangents: &[P::Cotangent],
        gradient: &mut RowsMut<'_, F::Pixel>,
    ) {
        Bilinear.scatter_run::<L, P, F, W>(boundary, walk, cotangents, gradient);
    }
    #[inline(always)]
    fn misses<P: Tap, W: Walk>(
        boundary: &Boundary<P>,
        size: (usize, usize),
        rows: &Range<usize>,
        walk: &W,
        len: usize,
    ) -> bool {
        Bilinear::misses(boundary, size, rows, walk, len)
    }
}
