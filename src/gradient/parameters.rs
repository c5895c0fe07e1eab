//! The gradient with respect to the parameters of a transform, reduced without storing a grid.
//!
//! In: products of derivatives and cotangents, pixel by pixel. Out: their sums, and what they say of
//! a transform. The [module above](super) has the definition.
#![forbid(unsafe_code)]

use crate::fixed::{Position, Rounding, round_shift_i128};
use crate::image::{Image, Tap};
use crate::kernel::{Array, Channel, Interpolator};
use crate::parallel::Bands;
use crate::sample::{Sampler, Source};
use crate::simd::{Lanes, Level, Operation};
use crate::transform::{Transform, at};
use crate::walk::{Plan, Walk};

/// A derivative times a cotangent, and sums of it: `i64` and `i128` for integers, `f64` for `f32`.
pub trait Product: Copy + Default + Send + Sync {
    /// A sum over an image.
    type Sum: Copy + Default + Send + Sync;
    /// Sum of two.
    fn plus(self, other: Self) -> Self;
    /// Times a factor in Q32.
    fn times(self, factor: i64) -> Self;
    /// `-(a x + b y)` for coordinates in Q14.
    fn cross(a: Self, x: i64, b: Self, y: i64) -> Self;
    /// Adds `self` times a whole number.
    fn add_to(self, sum: &mut Self::Sum, factor: i32);
    /// Adds one sum to another.
    fn join(sum: &mut Self::Sum, part: Self::Sum);
    /// A sum times a whole number.
    fn scale(sum: Self::Sum, factor: i32) -> Self::Sum;
    /// In the unit of cotangent times grey level per pixel.
    fn real(sum: Self::Sum) -> f64;
}

impl Product for i64 {
    type Sum = i128;
    #[inline(always)]
    fn plus(self, other: i64) -> i64 {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn times(self, factor: i64) -> i64 {
        if factor == 1 << 32 {
            return self;
        }
        round_shift_i128(i128::from(self) * i128::from(factor), 32) as i64
    }
    #[inline(always)]
    fn cross(a: i64, x: i64, b: i64, y: i64) -> i64 {
        let sum = (i128::from(a) * i128::from(x)).wrapping_add(i128::from(b) * i128::from(y));
        round_shift_i128(sum.wrapping_neg(), 14) as i64
    }
    #[inline(always)]
    fn add_to(self, sum: &mut i128, factor: i32) {
        *sum = sum.wrapping_add(i128::from(self) * i128::from(factor));
    }
    #[inline(always)]
    fn join(sum: &mut i128, part: i128) {
        *sum = sum.wrapping_add(part);
    }
    #[inline(always)]
    fn scale(sum: i128, factor: i32) -> i128 {
        sum.wrapping_mul(i128::from(factor))
    }
    #[inline(always)]
    fn real(sum: i128) -> f64 {
        sum as f64 / 16_384.0
    }
}

impl Product for f64 {
    type Sum = f64;
    #[inline(always)]
    fn plus(self, other: f64) -> f64 {
        self + other
    }
    #[inline(always)]
    fn times(self, factor: i64) -> f64 {
        self * (factor as f64 / 4_294_967_296.0)
    }
    #[inline(always)]
    fn cross(a: f64, x: i64, b: f64, y: i64) -> f64 {
        -(a * (x as f64 / 16_384.0) + b * (y as f64 / 16_384.0))
    }
    #[inline(always)]
    fn add_to(self, sum: &mut f64, factor: i32) {
        *sum += self * f64::from(factor);
    }
    #[inline(always)]
    fn join(sum: &mut f64, part: f64) {
        *sum += part;
    }
    #[inline(always)]
    fn scale(sum: f64, factor: i32) -> f64 {
        sum * f64::from(factor)
    }
    #[inline(always)]
    fn real(sum: f64) -> f64 {
        sum
    }
}

impl<K: Interpolator, P: Tap> Sampler<K, P> {
    /// The derivative of `sum cotangent V` with respect to each parameter of `transform`, where V is
    /// `source` warped by it and `cotangent` has the destination's size: the chain rule through the
    /// [`partials`](Self::partials) of the kernel and the Jacobian of the transform.
    ///
    /// In the unit of the cotangent times grey levels. The sums are exact integers (`f64` for `f32`
    /// pixels), so the result does not depend on the order of the pixels. The
    /// [module](crate::gradient) has the definition to the last bit.
    ///
    /// ```
    /// use nonius::{Bilinear, Boundary, Image, Sampler, Translation};
    /// let ramp = [0u8, 10, 20, 30];
    /// let sampler = Sampler::new(Bilinear, Boundary::Replicate);
    /// let shift = Translation::new(0.5, 0.0)?;
    /// let gradient = sampler.parameter_gradient(Image::new(&ramp, 4, 1)?, Image::new(&[1; 3], 3, 1)?, &shift);
    /// assert_eq!(gradient, [30.0, 0.0]);
    /// # Ok::<(), nonius::Error>(())
    /// ```
    pub fn parameter_gradient<T: Transform>(
        &self,
        source: Image<'_, P>,
        cotangent: Image<'_, P::Cotangent>,
        transform: &T,
    ) -> T::Parameters {
        let plan = transform.plan();
        let rows = Rows::<_, _, T> { sampler: self, source: self.source(source), cotangent, plan, first: 0 };
        // The same code at every level.
        self.threads.sum(Level::SCALAR, rows).parameters(transform)
    }

    /// dV/dx and dV/dy at a position.
    #[inline(always)]
    pub(super) fn partials_at(&self, source: &Source<'_, P>, at: [Position; 2]) -> [P::Derivative; 2] {
        let (mut dx, mut dy) = (P::zero_derivative(), P::zero_derivative());
        self.kernel.partials(
            source,
            at,
            P::flatten_derivatives(core::slice::from_mut(&mut dx)),
            P::flatten_derivatives(core::slice::from_mut(&mut dy)),
        );
        [dx, dy]
    }
}

struct Rows<'a, K, P: Tap, T: Transform> {
    sampler: &'a Sampler<K, P>,
    source: Source<'a, P>,
    cotangent: Image<'a, P::Cotangent>,
    plan: T::Plan,
    /// Which row of the destination the first is.
    first: usize,
}

impl<K: Interpolator, P: Tap, T: Transform> Operation for Rows<'_, K, P, T> {
    type Output = Sums<ProductOf<P>>;

    #[inline(always)]
    fn run<L: Lanes>(self) -> Self::Output {
        let Self { sampler, source, cotangent, plan, first } = self;
        let (mut sums, to) = (Sums::default(), K::partials_rounding::<P::Channel>());
        for (y, row) in (first..).zip(cotangent.rows()) {
            for (start, mut walk, len) in plan.row(y, cotangent.width()) {
                for (x, value) in row.iter().enumerate().skip(start).take(len) {
                    let [dx, dy] = sampler.partials_at(&source, walk.position(to));
                    let value = P::flatten_cotangents(core::slice::from_ref(value));
                    sums.add::<T, _>(chained::<P>(dx, value), chained::<P>(dy, value), &walk, (x, y));
                    walk.step();
                }
            }
            sums.end_row();
        }
        sums
    }
}

impl<K: Interpolator, P: Tap, T: Transform> Bands for Rows<'_, K, P, T> {
    fn size(&self) -> [usize; 2] {
        [self.cotangent.width(), self.cotangent.height()]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let (above, below) = self.cotangent.split_rows(at);
        let first = self.first + at;
        (Self { cotangent: above, ..self }, Self { cotangent: below, first, ..self })
    }
    fn join(above: Self::Output, below: Self::Output) -> Self::Output {
        above.joined(&below)
    }
}

/// A product for the channels of `P`.
pub(super) type ProductOf<P> = <<P as Tap>::Channel as Channel>::Product;

/// A derivative times a cotangent, summed over channels.
#[inline(always)]
pub(super) fn chained<P: Tap>(
    mut derivative: P::Derivative,
    cotangent: &[<P::Channel as Channel>::Cotangent],
) -> ProductOf<P> {
    let derivatives = P::flatten_derivatives(core::slice::from_mut(&mut derivative)).iter();
    let products = derivatives.zip(cotangent).map(|(&d, &v)| P::Channel::chain(d, v));
    products.fold(<ProductOf<P>>::default(), Product::plus)
}

/// The sums of a parameter gradient: those of a row, and those of all rows before it.
#[derive(Default)]
pub(super) struct Sums<Q: Product> {
    row: [Q::Sum; 8],
    total: [Q::Sum; 8],
}

impl<Q: Product> Sums<Q> {
    /// Adds the share of destination pixel (x, y), where the walk is: A and B of the definition.
    #[inline(always)]
    pub(super) fn add<T: Transform, W: Walk>(&mut self, a: Q, b: Q, walk: &W, (x, y): (usize, usize)) {
        let (mut a, mut b, mut c) = (a, b, Q::default());
        if T::DEGREE == 2 {
            let r = walk.reciprocal();
            (a, b) = (a.times(r), b.times(r));
            let at = walk.position(Rounding::half_up(14));
            let [u, v] = at.map(|p| (i64::from(p.cell) << 14) | i64::from(p.fraction));
            c = Q::cross(a, u, b, v);
        }
        let (x, y) = (x as i32, y as i32);
        let terms = [(a, x), (a, y), (a, 1), (b, x), (b, y), (b, 1), (c, x), (c, y)];
        for (sum, (term, factor)) in self.row.iter_mut().zip(terms) {
            term.add_to(sum, factor);
        }
    }

    /// Ends a row.
    pub(super) fn end_row(&mut self) {
        for (total, part) in self.total.iter_mut().zip(core::mem::take(&mut self.row)) {
            Q::join(total, part);
        }
    }

    /// These, and those of the rows below.
    pub(super) fn joined(mut self, below: &Self) -> Self {
        for (total, &part) in self.total.iter_mut().zip(&below.total) {
            Q::join(total, part);
        }
        self
    }

    /// The gradient with respect to the parameters of a transform.
    pub(super) fn parameters<T: Transform>(&self, transform: &T) -> T::Parameters {
        let entries = self.total.map(Q::real);
        if T::DEGREE == 2 {
            // The parameters of a homography are the entries.
            return T::Parameters::from_fn(|i| at(&entries, i));
        }
        // The Jacobian is linear in x and y.
        let [[x0, y0], [xx, yx], [xy, yy]] =
            [transform.jacobian(0.0, 0.0), transform.jacobian(1.0, 0.0), transform.jacobian(0.0, 1.0)];
        let [ax, ay, a, bx, by, b, ..] = entries;
        T::Parameters::from_fn(|i| {
            let along = |origin: &T::Parameters, x: &T::Parameters, y: &T::Parameters, sums: [f64; 3]| {
                let o = at(origin.as_ref(), i);
                sums[0] * (at(x.as_ref(), i) - o) + sums[1] * (at(y.as_ref(), i) - o) + sums[2] * o
            };
            along(&x0, &xx, &xy, [ax, ay, a]) + along(&y0, &yx, &yy, [bx, by, b])
        })
    }
}
