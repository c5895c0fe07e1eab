//! Backward: the gradients of a sampled batch, each on its own and without a stored grid.
//!
//! **Definition, theta.** Let A and B be the factors of the padding times the cotangent times dV/dx
//! and dV/dy, summed over channels. Over an item of the batch A, `A (2 i + 1 - w)` and
//! `A (2 j + 1 - h)` are summed for column i and row j, and so is B: exact integers in any order.
//! For `f32` it is done in `f64`: along a row in eight sums, of the columns i mod 8; those are joined
//! in order, then scaled by the row's factor, then added. Only the last step is real for integers
//! too: each sum times the scale of its axis, over the divisor of its base coordinate.
#![forbid(unsafe_code)]

use super::points::{CHUNK, Chunk, ChunkWalk, Geometry};
use super::tensor::check_sides;
use super::{GridSample, Points, Tensor, TensorMut, Theta, ThetaGradient, chunks};
use crate::Error;
use crate::gradient::Product;
use crate::image::Tap;
use crate::kernel::{Channel, Interpolator, Linear};
use crate::sample::Source;
use crate::simd::{Lanes, Level, Operation};

/// dL/d(grid point): x before y, in the formats of the [module](super).
pub type GridGradient<P> = [<<P as Tap>::Channel as Channel>::Adjoint; 2];

type ProductOf<P> = <<P as Tap>::Channel as Channel>::Product;
type SumOf<P> = <ProductOf<P> as Product>::Sum;

/// A loss L as a function of the sampled values, for
/// [`GridSample::theta_gradient_of`]. Implemented for closures.
pub trait Loss<P: Tap> {
    /// Writes dL/dV of some neighbouring values of a row, of which `at` says item, channel, row and
    /// the first column. `cotangents` is as long as `values`.
    fn cotangents(&mut self, at: [usize; 4], values: &[P::Sampled], cotangents: &mut [P::Cotangent]);
}

impl<P: Tap, F: FnMut([usize; 4], &[P::Sampled], &mut [P::Cotangent])> Loss<P> for F {
    #[inline(always)]
    fn cotangents(&mut self, at: [usize; 4], values: &[P::Sampled], cotangents: &mut [P::Cotangent]) {
        self(at, values, cotangents);
    }
}

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
        let scales = geometry.twice_scale();
        self.backward(input, points, geometry, Given::<P>(cotangent), GridSink::<P> { gradient, scales });
        Ok(())
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
        let sink = ThetaSink::<P>::new(gradient, geometry);
        self.backward(input, theta, geometry, Given::<P>(cotangent), sink);
        Ok(())
    }

    /// Forward and backward to theta in one pass, with neither a grid nor an output: samples as
    /// [`Self::sample`] does for an output of `size` (H', W'), asks `loss` for the cotangents of the
    /// values, a few at a time, and reduces them as [`Self::theta_gradient`] does, with the same bits.
    ///
    /// ```
    /// use nonius::stn::{GridSample, Padding, Tensor, Theta};
    /// use nonius::Bilinear;
    /// let input = [0.0f32, 1.0, 4.0, 9.0];
    /// let input = Tensor::new(&input, [1, 1, 1, 4])?;
    /// let theta: &[Theta] = &[[[0.5, 0.0, 0.25], [0.0, 1.0, 0.0]]];
    /// let target = [1.0, 3.0, 7.0];
    /// let (mut loss, mut gradient) = (0.0, [[[0.0; 3]; 2]]);
    /// GridSample::new(Bilinear, Padding::Zeros, true).theta_gradient_of(
    ///     input,
    ///     theta,
    ///     [1, 3],
    ///     |[_, _, _, x]: [usize; 4], values: &[f32], cotangents: &mut [f32]| {
    ///         for ((v, t), c) in values.iter().zip(&target[x..]).zip(cotangents) {
    ///             loss += (v - t) * (v - t) / 2.0;
    ///             *c = v - t;
    ///         }
    ///     },
    ///     &mut gradient,
    /// )?;
    /// assert_eq!(loss, (0.375 * 0.375 + 0.625 * 0.625 + 0.125 * 0.125) / 2.0);
    /// assert_eq!(gradient[0][0][2], 1.5 * (0.375 * 3.0 + 0.625 * 3.0 + 0.125 * 5.0));
    /// # Ok::<(), nonius::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::theta_gradient`]; [`Error::Empty`] and [`Error::TooLarge`] for the size.
    pub fn theta_gradient_of<P: Tap<Cotangent: Default>>(
        &self,
        input: Tensor<'_, P>,
        theta: &[Theta],
        size: [usize; 2],
        loss: impl Loss<P>,
        gradient: &mut [ThetaGradient],
    ) -> Result<(), Error> {
        let ([n, c, ..], [height, width]) = (input.shape(), size);
        check_sides(size)?;
        let geometry = self.geometry(input.shape(), [n, c, height, width], &theta)?;
        if gradient.len() != theta.len() {
            return Err(Error::SizeMismatch);
        }
        let values = [<P::Sampled>::zero(); CHUNK];
        let asked = Asked::<P, _> { loss, values, cotangents: [Default::default(); CHUNK] };
        self.backward(input, theta, geometry, asked, ThetaSink::<P>::new(gradient, geometry));
        Ok(())
    }

    fn backward<P: Tap, G: Points>(
        &self,
        input: Tensor<'_, P>,
        points: G,
        geometry: Geometry,
        cotangents: impl Cotangents<P>,
        sink: impl Sink<P>,
    ) {
        let level = self.level.unwrap_or_else(Level::best);
        level.run(Backward { sampler: self, input, points, geometry, cotangents, sink });
    }

    /// Adds the products of one plane.
    #[inline(always)]
    fn add_products<P: Tap>(
        &self,
        source: &Source<'_, P>,
        cotangent: &[P::Cotangent],
        chunk: &Chunk,
        sums: &mut [[ProductOf<P>; 2]],
    ) {
        for ((sums, value), (at, factors)) in sums.iter_mut().zip(cotangent).zip(chunk.iter()) {
            if factors == [0, 0] {
                continue;
            }
            let mut partials = [P::zero_derivative(); 2];
            let [dx, dy] = &mut partials;
            let dx = P::flatten_derivatives(core::slice::from_mut(dx));
            let dy = P::flatten_derivatives(core::slice::from_mut(dy));
            self.kernel.partials(source, at, dx, dy);
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

/// Where cotangents come from.
trait Cotangents<P: Tap> {
    /// Whether they depend on the values.
    const OF_VALUES: bool;
    /// Those of some points of a plane (item, channel, row, first column).
    fn of<L: Lanes, K: Interpolator>(
        &mut self,
        at: [usize; 4],
        kernel: &K,
        source: &Source<'_, P>,
        walk: &ChunkWalk<'_>,
        len: usize,
    ) -> &[P::Cotangent];
}

/// From a tensor.
struct Given<'a, P: Tap>(Tensor<'a, P::Cotangent>);

impl<P: Tap> Cotangents<P> for Given<'_, P> {
    const OF_VALUES: bool = false;

    #[inline(always)]
    fn of<L: Lanes, K: Interpolator>(
        &mut self,
        [n, c, y, x]: [usize; 4],
        _: &K,
        _: &Source<'_, P>,
        _: &ChunkWalk<'_>,
        len: usize,
    ) -> &[P::Cotangent] {
        self.0.row(n, c, y).get(x..x + len).unwrap_or_default()
    }
}

/// From a loss.
struct Asked<P: Tap, F> {
    loss: F,
    values: [P::Sampled; CHUNK],
    cotangents: [P::Cotangent; CHUNK],
}

impl<P: Tap, F: Loss<P>> Cotangents<P> for Asked<P, F> {
    const OF_VALUES: bool = true;

    #[inline(always)]
    fn of<L: Lanes, K: Interpolator>(
        &mut self,
        at: [usize; 4],
        kernel: &K,
        source: &Source<'_, P>,
        walk: &ChunkWalk<'_>,
        len: usize,
    ) -> &[P::Cotangent] {
        let values = self.values.get_mut(..len).unwrap_or_default();
        kernel.fill_run::<L, P, _>(source, walk, values, false);
        let cotangents = self.cotangents.get_mut(..len).unwrap_or_default();
        self.loss.cotangents(at, values, cotangents);
        cotangents
    }
}

/// What becomes of the products of padding, cotangent and partials (x before y), summed over
/// channels.
trait Sink<P: Tap> {
    /// Those of some points of a row, one chunk after the other (item and row, first column).
    fn take(&mut self, at: [usize; 2], x: usize, products: &[[ProductOf<P>; 2]]);
}

struct Backward<'a, K, P: Tap, G, C, S> {
    sampler: &'a GridSample<K>,
    input: Tensor<'a, P>,
    points: G,
    geometry: Geometry,
    cotangents: C,
    sink: S,
}

impl<K: Interpolator, P: Tap, G: Points, C: Cotangents<P>, S: Sink<P>> Operation
    for Backward<'_, K, P, G, C, S>
{
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { sampler, input, points, geometry, mut cotangents, mut sink } = self;
        let (to, of_values) = (K::partials_rounding::<P::Channel>(), K::rounding::<P::Channel>());
        let boundary = sampler.padding.boundary(sampler.align_corners);
        let ([batch, channels, ..], [width, height]) = (input.shape(), geometry.output);
        for n in 0..batch {
            // Was checked.
            let Ok(lines) = points.lines(n, &geometry) else { continue };
            for y in 0..height {
                for (x, len) in chunks(width) {
                    let chunk = sampler.chunk(&lines, [x, y], len, &geometry, to);
                    // Surrogates round otherwise for their values.
                    let other = C::OF_VALUES && of_values != to;
                    let other = other.then(|| sampler.chunk(&lines, [x, y], len, &geometry, of_values));
                    let walk = other.as_ref().unwrap_or(&chunk).walk(len);
                    let mut sums = [[ProductOf::<P>::default(); 2]; CHUNK];
                    let Some(sums) = sums.get_mut(..len) else { continue };
                    for c in 0..channels {
                        let Some(image) = input.plane(n, c) else { continue };
                        let source = Source::new(image, boundary);
                        let values =
                            cotangents.of::<L, K>([n, c, y, x], &sampler.kernel, &source, &walk, len);
                        sampler.add_products(&source, values, &chunk, sums);
                    }
                    sink.take([n, y], x, sums);
                }
            }
        }
    }
}

/// To a grid.
struct GridSink<'a, 'g, P: Tap> {
    gradient: &'a mut TensorMut<'g, GridGradient<P>>,
    scales: [i32; 2],
}

impl<P: Tap<Channel: GridChannel>> Sink<P> for GridSink<'_, '_, P> {
    #[inline(always)]
    fn take(&mut self, [n, y]: [usize; 2], x: usize, products: &[[ProductOf<P>; 2]]) {
        let [sx, sy] = self.scales;
        for (out, &[a, b]) in self.gradient.row_mut(n, 0, y).iter_mut().skip(x).zip(products) {
            *out = [P::Channel::scaled(a, sx), P::Channel::scaled(b, sy)];
        }
    }
}

/// To thetas.
struct ThetaSink<'a, P: Tap> {
    gradient: &'a mut [ThetaGradient],
    geometry: Geometry,
    row: [RowSums<P>; LANES],
    total: ThetaSums<P>,
}

impl<'a, P: Tap> ThetaSink<'a, P> {
    fn new(gradient: &'a mut [ThetaGradient], geometry: Geometry) -> Self {
        Self { gradient, geometry, row: Default::default(), total: Default::default() }
    }
}

impl<P: Tap> Sink<P> for ThetaSink<'_, P> {
    #[inline(always)]
    fn take(&mut self, [n, y]: [usize; 2], x: usize, products: &[[ProductOf<P>; 2]]) {
        let [width, height] = self.geometry.output;
        let base = |i: usize, side: usize| 2 * i as i32 + 1 - side as i32;
        // Chunks begin at multiples of the lanes.
        for (i, chunk) in products.chunks(LANES).enumerate() {
            for (j, (sums, &products)) in self.row.iter_mut().zip(chunk).enumerate() {
                sums.add(products, base(x + i * LANES + j, width));
            }
        }
        if x + products.len() < width {
            return;
        }
        self.total.add(&self.row, base(y, height));
        self.row = Default::default();
        if y + 1 == height {
            if let Some(gradient) = self.gradient.get_mut(n) {
                *gradient = self.total.gradient(&self.geometry);
            }
            self.total = Default::default();
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
