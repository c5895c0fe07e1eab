//! Backward: the gradients of a sampled batch, each on its own and without a stored grid.
//!
//! **Definition, theta.** Let A and B be the factors of the padding times the cotangent times dV/dx
//! and dV/dy, summed over channels. Over an item of the batch A, `A (2 i + 1 - w)` and
//! `A (2 j + 1 - h)` are summed for column i and row j, and so is B: exact integers in any order.
//! For `f32` it is done in `f64`: along a row in eight sums, of the columns i mod 8; those are joined
//! in order, then scaled by the row's factor, then added. Only the last step is real for integers
//! too: each sum times the scale of its axis, over the divisor of its base coordinate.
#![forbid(unsafe_code)]

use super::points::{CHUNK, Chunk, Geometry};
use super::{GridSample, Points, Tensor, TensorMut, Theta, ThetaGradient, chunks};
use crate::Error;
use crate::gradient::Product;
use crate::image::Tap;
use crate::kernel::{Channel, Interpolator, Linear};
use crate::sample::Source;

/// dL/d(grid point): x before y, in the formats of the [module](super).
pub type GridGradient<P> = [<<P as Tap>::Channel as Channel>::Adjoint; 2];

type ProductOf<P> = <<P as Tap>::Channel as Channel>::Product;
type SumOf<P> = <ProductOf<P> as Product>::Sum;

/// Columns whose sums are apart in `f32` batches.
const LANES: usize = 8;

/// A channel in which grids have gradients.
pub trait GridChannel: Channel {
    /// A sum of products, times half a whole number.
    #[doc(hidden)]
    fn scaled(sum: Self::Product, twice: i32) -> Self::Adjoint;
}

macro_rules! integer_grid_channel {
    ($($t:ty),*) => {$(
        impl GridChannel for $t {
            #[inline(always)]
            fn scaled(sum: i64, twice: i32) -> i64 {
                sum.wrapping_mul(i64::from(twice))
            }
        }
    )*};
}
integer_grid_channel!(u8, u16, i16);

impl GridChannel for f32 {
    #[inline(always)]
    fn scaled(sum: f64, twice: i32) -> f32 {
        (sum * (0.5 * f64::from(twice))) as f32
    }
}

impl<K: Interpolator> GridSample<K> {
    /// The gradient with respect to the input: adds the adjoint of [`Self::sample`] applied to
    /// `cotangent` (dL/dV, shaped as the output) to `gradient` (shaped as the input). The exact
    /// transpose, in the formats and the order of [`Sampler::adjoint`](crate::Sampler::adjoint).
    ///
    /// # Errors
    /// As [`Self::sample`].
    pub fn adjoint<P: Tap, G: Points>(
        &self,
        cotangent: Tensor<'_, P::Cotangent>,
        points: G,
        gradient: &mut TensorMut<'_, P::Adjoint>,
    ) -> Result<(), Error>
    where
        K: Linear,
    {
        let geometry = self.geometry(gradient.shape(), cotangent.shape(), &points)?;
        let to = K::rounding::<P::Channel>();
        let boundary = self.padding.boundary::<P>(self.align_corners);
        let [batch, channels, height, width] = cotangent.shape();
        for n in 0..batch {
            let lines = points.lines(n, &geometry)?;
            for y in 0..height {
                for (x, len) in chunks(width) {
                    let chunk = self.chunk(&lines, [x, y], len, &geometry, to);
                    for c in 0..channels {
                        let Some(mut plane) = gradient.plane_mut(n, c) else { continue };
                        let values = cotangent.row(n, c, y).iter().skip(x).take(len);
                        for (value, (at, _)) in values.zip(chunk.iter()) {
                            let value = P::flatten_cotangents(core::slice::from_ref(value));
                            self.kernel.scatter(&boundary, at, value, &mut plane);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The gradient with respect to the grid: writes dL/dx and dL/dy of every point, in normalised
    /// units, to `gradient`, of shape (N, 1, H', W'). `cotangent` is dL/dV, shaped as the output.
    ///
    /// # Errors
    /// As [`Self::sample`], also for the shape of `gradient`.
    pub fn grid_gradient<P: Tap<Channel: GridChannel>, G: Points>(
        &self,
        input: Tensor<'_, P>,
        cotangent: Tensor<'_, P::Cotangent>,
        points: G,
        gradient: &mut TensorMut<'_, GridGradient<P>>,
    ) -> Result<(), Error> {
        let geometry = self.geometry(input.shape(), cotangent.shape(), &points)?;
        let [batch, _, height, width] = cotangent.shape();
        if gradient.shape() != [batch, 1, height, width] {
            return Err(Error::SizeMismatch);
        }
        let [tx, ty] = geometry.twice_scale();
        self.products(input, cotangent, points, &geometry, |[n, y], x, products| {
            for (out, &[a, b]) in gradient.row_mut(n, 0, y).iter_mut().skip(x).zip(products) {
                *out = [P::Channel::scaled(a, tx), P::Channel::scaled(b, ty)];
            }
        })
    }

    /// The gradient with respect to the thetas: writes dL/dtheta of every item to `gradient`, reduced
    /// without storing a grid. `cotangent` is dL/dV, shaped as the output.
    ///
    /// # Errors
    /// As [`Self::sample`], also for the length of `gradient`.
    pub fn theta_gradient<P: Tap>(
        &self,
        input: Tensor<'_, P>,
        cotangent: Tensor<'_, P::Cotangent>,
        theta: &[Theta],
        gradient: &mut [ThetaGradient],
    ) -> Result<(), Error> {
        let geometry = self.geometry(input.shape(), cotangent.shape(), &theta)?;
        if gradient.len() != theta.len() {
            return Err(Error::SizeMismatch);
        }
        let [width, height] = geometry.output;
        let mut total = ThetaSums::<P>::default();
        let mut row = [RowSums::<P>::default(); LANES];
        self.products(input, cotangent, theta, &geometry, |[n, y], x, products| {
            // Chunks begin at multiples of the lanes.
            for (i, chunk) in products.chunks(LANES).enumerate() {
                for (j, (sums, &products)) in row.iter_mut().zip(chunk).enumerate() {
                    sums.add(products, 2 * (x + i * LANES + j) as i32 + 1 - width as i32);
                }
            }
            if x + products.len() < width {
                return;
            }
            total.add(&row, 2 * y as i32 + 1 - height as i32);
            row = Default::default();
            if y + 1 == height {
                if let Some(gradient) = gradient.get_mut(n) {
                    *gradient = total.gradient(&geometry);
                }
                total = Default::default();
            }
        })
    }

    /// Hands out the products of padding, cotangent and partials (x before y), summed over channels,
    /// of some points of a row after the other: item and row, first column, products.
    #[inline(always)]
    fn products<P: Tap, G: Points>(
        &self,
        input: Tensor<'_, P>,
        cotangent: Tensor<'_, P::Cotangent>,
        points: G,
        geometry: &Geometry,
        mut each: impl FnMut([usize; 2], usize, &[[ProductOf<P>; 2]]),
    ) -> Result<(), Error> {
        let to = K::partials_rounding::<P::Channel>();
        let [batch, channels, height, width] = cotangent.shape();
        for n in 0..batch {
            let lines = points.lines(n, geometry)?;
            for y in 0..height {
                for (x, len) in chunks(width) {
                    let chunk = self.chunk(&lines, [x, y], len, geometry, to);
                    let mut sums = [[ProductOf::<P>::default(); 2]; CHUNK];
                    let Some(sums) = sums.get_mut(..len) else { continue };
                    for c in 0..channels {
                        if let Some(image) = input.plane(n, c) {
                            let values = cotangent.row(n, c, y).get(x..x + len).unwrap_or_default();
                            self.add_products(image, values, &chunk, sums);
                        }
                    }
                    each([n, y], x, sums);
                }
            }
        }
        Ok(())
    }

    /// Adds the products of one plane.
    #[inline(always)]
    fn add_products<P: Tap>(
        &self,
        image: crate::Image<'_, P>,
        cotangent: &[P::Cotangent],
        chunk: &Chunk,
        sums: &mut [[ProductOf<P>; 2]],
    ) {
        let source = Source { image, boundary: self.padding.boundary(self.align_corners) };
        for ((sums, value), (at, factors)) in sums.iter_mut().zip(cotangent).zip(chunk.iter()) {
            if factors == [0, 0] {
                continue;
            }
            let mut partials = [P::zero_derivative(); 2];
            let [dx, dy] = &mut partials;
            let dx = P::flatten_derivatives(core::slice::from_mut(dx));
            let dy = P::flatten_derivatives(core::slice::from_mut(dy));
            self.kernel.partials(&source, at, dx, dy);
            let value = P::flatten_cotangents(core::slice::from_ref(value));
            for ((sum, partials), factor) in sums.iter_mut().zip([dx, dy]).zip(factors) {
                if factor == 0 {
                    continue;
                }
                for (&d, &v) in partials.iter().zip(value) {
                    *sum = sum.plus(P::Channel::chain(d, v).times(i64::from(factor) << 32));
                }
            }
        }
    }
}

/// The sums of a row: of A and B, and of both times the column's base coordinate.
struct RowSums<P: Tap>([[SumOf<P>; 2]; 2]);

impl<P: Tap> Clone for RowSums<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P: Tap> Copy for RowSums<P> {}
impl<P: Tap> Default for RowSums<P> {
    fn default() -> Self {
        Self([[Default::default(); 2]; 2])
    }
}

impl<P: Tap> RowSums<P> {
    #[inline(always)]
    fn add(&mut self, products: [ProductOf<P>; 2], base: i32) {
        for ([sum, along], product) in self.0.iter_mut().zip(products) {
            product.add_to(sum, 1);
            product.add_to(along, base);
        }
    }
}

/// The sums of an item: of A and B times the base coordinates of column and row, and of both.
struct ThetaSums<P: Tap>([[SumOf<P>; 3]; 2]);

impl<P: Tap> Default for ThetaSums<P> {
    fn default() -> Self {
        Self([[Default::default(); 3]; 2])
    }
}

impl<P: Tap> ThetaSums<P> {
    fn add(&mut self, row: &[RowSums<P>; LANES], base: i32) {
        let mut sums = RowSums::<P>::default();
        for lane in row {
            for (sum, part) in sums.0.as_flattened_mut().iter_mut().zip(lane.0.as_flattened()) {
                <ProductOf<P>>::join(sum, *part);
            }
        }
        for ([x, y, one], [sum, along]) in self.0.iter_mut().zip(sums.0) {
            <ProductOf<P>>::join(x, along);
            <ProductOf<P>>::join(y, <ProductOf<P>>::scale(sum, base));
            <ProductOf<P>>::join(one, sum);
        }
    }

    fn gradient(&self, geometry: &Geometry) -> ThetaGradient {
        let mut gradient = [[0.0; 3]; 2];
        let [dx, dy] = geometry.divisors().map(f64::from);
        for ((row, sums), twice) in gradient.iter_mut().zip(&self.0).zip(geometry.twice_scale()) {
            for ((entry, &sum), divisor) in row.iter_mut().zip(sums).zip([dx, dy, 1.0]) {
                *entry = <ProductOf<P>>::real(sum) * (0.5 * f64::from(twice)) / divisor;
            }
        }
        gradient
    }
}
