//! The gradient with respect to the parameters of a transform, reduced without storing a grid.
//!
//! In: products of derivatives and cotangents, pixel by pixel. Out: their sums, and what they say of
//! a transform. The [module above](super) has the definition.
#![forbid(unsafe_code)]

use super::coordinates::PartialsRun;
use crate::fixed::{Rounding, round_shift_i128};
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
    /// Adds products of neighbouring pixels times their x, times their y, and as they are.
    fn add_line(
        sums: &mut [Self::Sum; 3],
        products: impl ExactSizeIterator<Item = Self> + Clone,
        at: [i32; 2],
    );
    /// Adds one sum to another.
    fn join(sum: &mut Self::Sum, part: Self::Sum);
    /// A sum times a whole number.
    fn scale(sum: Self::Sum, factor: i32) -> Self::Sum;
    /// In the unit of cotangent times grey level per pixel.
    fn real(sum: Self::Sum) -> f64;
}

/// [`Product::add_line`] product by product.
#[inline(always)]
fn add_each<Q: Product>(
    [along_x, along_y, plain]: &mut [Q::Sum; 3],
    products: impl Iterator<Item = Q>,
    [x, y]: [i32; 2],
) {
    for (product, x) in products.zip(x..) {
        product.add_to(along_x, x);
        product.add_to(along_y, y);
        product.add_to(plain, 1);
    }
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
    fn add_line(sums: &mut [i128; 3], products: impl ExactSizeIterator<Item = i64> + Clone, at: [i32; 2]) {
        // Where sums of products times places fit, they are sums of sums: from the last place back.
        let n = products.len() as i64;
        let bits = products.clone().fold(0, |bits, v| bits | (v ^ v >> 63));
        if bits >> 51 != 0 || n > CHUNK as i64 {
            return add_each(sums, products, at);
        }
        let ([along_x, along_y, plain], [x, y]) = (sums, at);
        let (mut sum, mut running) = (0, 0);
        for product in products {
            sum += product;
            running += sum;
        }
        // The k-th of n is in n - k of them.
        *along_x += i128::from(sum) * i128::from(i64::from(x) + n) - i128::from(running);
        *along_y += i128::from(sum) * i128::from(y);
        *plain += i128::from(sum);
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
    fn add_line(sums: &mut [f64; 3], products: impl ExactSizeIterator<Item = f64> + Clone, at: [i32; 2]) {
        add_each(sums, products, at);
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
        // (The same code at every level, but for runs.)
        self.threads.sum(Level::SCALAR, rows).parameters(transform)
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
        let (mut sums, mut slopes) = (Sums::default(), Slopes::<P>::new(sampler.level()));
        for (y, row) in (first..).zip(cotangent.rows()) {
            for (start, walk, len) in plan.row(y, cotangent.width()) {
                for k in (0..len).step_by(CHUNK) {
                    let (walk, x) = (walk.at(k), start + k);
                    let cotangents = row.get(x..start + len.min(k + CHUNK)).unwrap_or_default();
                    slopes.find::<_, _, false>(&sampler.kernel, &source, &walk, &mut [], cotangents.len());
                    sums.add_run::<P, T, _>(&slopes, cotangents, &walk, (x, y));
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

/// Pixels whose derivatives are kept at a time.
pub(super) const CHUNK: usize = 64;

/// The derivatives of neighbouring pixels.
pub(super) struct Slopes<P: Tap> {
    level: Level,
    dx: [P::Derivative; CHUNK],
    dy: [P::Derivative; CHUNK],
}

impl<P: Tap> Slopes<P> {
    pub(super) fn new(level: Level) -> Self {
        let zero = [P::zero_derivative(); CHUNK];
        Self { level, dx: zero, dy: zero }
    }

    /// Those of so many pixels along a walk; and their values if those are asked for and there is room for them.
    #[inline(always)]
    pub(super) fn find<K: Interpolator, W: Walk, const VALUES: bool>(
        &mut self,
        kernel: &K,
        source: &Source<'_, P>,
        walk: &W,
        values: &mut [P::Sampled],
        len: usize,
    ) {
        let (Some(dx), Some(dy)) = (self.dx.get_mut(..len), self.dy.get_mut(..len)) else { return };
        self.level.run(PartialsRun::<_, _, _, VALUES> { kernel, source, walk, values, dx, dy });
    }
}

/// A product for the channels of `P`.
pub(super) type ProductOf<P> = <<P as Tap>::Channel as Channel>::Product;

/// Derivatives times cotangents, summed over channels.
#[inline(always)]
fn chained<'a, P: Tap>(
    derivatives: &'a [P::Derivative],
    cotangents: &'a [P::Cotangent],
) -> impl ExactSizeIterator<Item = ProductOf<P>> + Clone + 'a {
    derivatives.iter().zip(cotangents).map(|(derivative, cotangent)| {
        let mut derivative = *derivative;
        let derivatives = P::flatten_derivatives(core::slice::from_mut(&mut derivative)).iter();
        let cotangents = P::flatten_cotangents(core::slice::from_ref(cotangent));
        let products = derivatives.zip(cotangents).map(|(&d, &v)| P::Channel::chain(d, v));
        products.fold(<ProductOf<P>>::default(), Product::plus)
    })
}

/// The sums of a parameter gradient by (x, y, 1) and (x, y, 1) of A and B, and by (x, y) of C: those of a row, and
/// those of all rows before it.
#[derive(Default)]
pub(super) struct Sums<Q: Product> {
    row: [[Q::Sum; 3]; 3],
    total: [[Q::Sum; 3]; 3],
}

impl<Q: Product> Sums<Q> {
    /// Adds the shares of destination pixels from (x, y) on, where the walk is.
    #[inline(always)]
    pub(super) fn add_run<P: Tap<Channel: Channel<Product = Q>>, T: Transform, W: Walk>(
        &mut self,
        slopes: &Slopes<P>,
        cotangents: &[P::Cotangent],
        walk: &W,
        (x, y): (usize, usize),
    ) {
        let at = [x as i32, y as i32];
        let (a, b) = (chained::<P>(&slopes.dx, cotangents), chained::<P>(&slopes.dy, cotangents));
        let [of_a, of_b, of_c] = &mut self.row;
        if T::DEGREE < 2 {
            Q::add_line(of_a, a, at);
            Q::add_line(of_b, b, at);
            return;
        }
        let ([x, y], mut walk) = (at, walk.clone());
        for ((a, b), x) in a.zip(b).zip(x..) {
            let r = walk.reciprocal();
            let (a, b) = (a.times(r), b.times(r));
            let at = walk.position(Rounding::half_up(14));
            let [u, v] = at.map(|p| (i64::from(p.cell) << 14) | i64::from(p.fraction));
            let c = Q::cross(a, u, b, v);
            for (sums, term) in [(&mut *of_a, a), (of_b, b), (of_c, c)] {
                for (sum, factor) in sums.iter_mut().zip([x, y, 1]) {
                    term.add_to(sum, factor);
                }
            }
            walk.step();
        }
    }

    /// Ends a row.
    pub(super) fn end_row(&mut self) {
        let row = core::mem::take(&mut self.row);
        for (total, part) in self.total.as_flattened_mut().iter_mut().zip(row.as_flattened()) {
            Q::join(total, *part);
        }
    }

    /// These, and those of the rows below.
    pub(super) fn joined(mut self, below: &Self) -> Self {
        for (total, part) in self.total.as_flattened_mut().iter_mut().zip(below.total.as_flattened()) {
            Q::join(total, *part);
        }
        self
    }

    /// The gradient with respect to the parameters of a transform.
    pub(super) fn parameters<T: Transform>(&self, transform: &T) -> T::Parameters {
        let [a, b, c] = self.total.map(|sums| sums.map(Q::real));
        if T::DEGREE == 2 {
            // The parameters of a homography are the entries.
            return T::Parameters::from_fn(|i| at([a, b, c].as_flattened(), i));
        }
        // The Jacobian is linear in x and y.
        let [[x0, y0], [xx, yx], [xy, yy]] =
            [transform.jacobian(0.0, 0.0), transform.jacobian(1.0, 0.0), transform.jacobian(0.0, 1.0)];
        T::Parameters::from_fn(|i| {
            let along = |origin: &T::Parameters, x: &T::Parameters, y: &T::Parameters, sums: [f64; 3]| {
                let o = at(origin.as_ref(), i);
                sums[0] * (at(x.as_ref(), i) - o) + sums[1] * (at(y.as_ref(), i) - o) + sums[2] * o
            };
            along(&x0, &xx, &xy, a) + along(&y0, &yx, &yy, b)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;
    use std::vec::Vec;

    quickcheck! {
        /// Products of any size and sign, and such as are all the same.
        fn lines_are_sums_of_products(products: Vec<i64>, bits: u32, x: i32, y: i32, same: bool) -> bool {
            let (bits, at) = (bits % 63, [x % (1 << 15), y % (1 << 15)]);
            let line = products.into_iter().cycle().take(CHUNK).map(|v| v >> bits);
            let line: Vec<i64> = if same { [(1 << (48 + bits % 8)) - 1; CHUNK].into() } else { line.collect() };
            let [mut at_once, mut each] = [[7; 3]; 2];
            i64::add_line(&mut at_once, line.iter().copied(), at);
            add_each(&mut each, line.iter().copied(), at);
            at_once == each
        }
    }
}
