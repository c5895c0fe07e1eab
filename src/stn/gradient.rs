//! Backward: the gradients of a sampled batch, each on its own and without a stored grid.
//!
//! **Definition, theta.** Let A and B be the factors of the padding times the cotangent times dV/dx
//! and dV/dy, summed over channels. Over an item of the batch A, `A (2 i + 1 - w)` and
//! `A (2 j + 1 - h)` are summed for column i and row j, and so is B: exact integers in any order.
//! For `f32` it is done in `f64`: along a row in eight sums, of the columns i mod 8; those are joined
//! in order, then scaled by the row's factor, then added. Only the last step is real for integers
//! too: each sum times the scale of its axis, over the divisor of its base coordinate.
#![forbid(unsafe_code)]

use core::ops::Range;

use super::points::{CHUNK, Chunk, Geometry};
use super::tensor::check_sides;
use super::{GridSample, Points, Tensor, TensorMut, Theta, ThetaGradient, chunks, onward};
use crate::Error;
use crate::gradient::Product;
use crate::image::{RowsMut, Tap};
use crate::kernel::{Channel, Interpolator, Linear};
use crate::parallel::Bands;
use crate::sample::Source;
use crate::simd::scatter::Exact;
use crate::simd::{Lanes, Operation};

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
        let gradient = gradient.reborrow();
        let adjoint =
            Adjoint::<K, P, G> { sampler: self, cotangent, points, gradient, geometry, origin: [0; 3] };
        self.threads.run(self.level(), adjoint);
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
        let sink = GridSink::<P> { gradient: gradient.reborrow(), scales, origin: [0; 3] };
        self.threads.run(self.level(), self.backward(input, points, geometry, Given::<P>(cotangent), sink));
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
        self.threads.run(self.level(), self.backward(input, theta, geometry, Given::<P>(cotangent), sink));
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
        let asked = Asked::<P, _> { loss, cotangents: [Default::default(); CHUNK] };
        let sink = ThetaSink::<P>::new(gradient, geometry);
        self.level().run(self.backward(input, theta, geometry, asked, sink));
        Ok(())
    }

    fn backward<'a, P: Tap, G: Points, C: Cotangents<P>, S: Sink<P>>(
        &'a self,
        input: Tensor<'a, P>,
        points: G,
        geometry: Geometry,
        cotangents: C,
        sink: S,
    ) -> Backward<'a, K, P, G, C, S> {
        let ([batch, ..], [_, height]) = (input.shape(), geometry.output);
        Backward { sampler: self, input, points, geometry, cotangents, sink, part: [0..batch, 0..height] }
    }
}

struct Adjoint<'a, K, P: Tap, G> {
    sampler: &'a GridSample<K>,
    cotangent: Tensor<'a, P::Cotangent>,
    points: G,
    gradient: TensorMut<'a, P::Adjoint>,
    geometry: Geometry,
    /// Item and plane (and row, always the first) where the gradient begins.
    origin: [usize; 3],
}

impl<K: Linear, P: Tap, G: Points> Operation for Adjoint<'_, K, P, G> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { sampler, cotangent, points, mut gradient, geometry, origin: [n0, c0, _] } = self;
        let to = K::rounding::<P::Channel>();
        let boundary = sampler.padding.boundary::<P>(sampler.align_corners);
        let ([batch, channels, ..], [.., height, width]) = (gradient.shape(), cotangent.shape());
        let mut chunk = Chunk::new();
        for n in 0..batch {
            // Was checked.
            let Ok(lines) = points.lines(n0 + n, &geometry) else { continue };
            for y in 0..height {
                for (x, len) in chunks(width) {
                    sampler.fill_chunk::<L, _>(&mut chunk, &lines, [x, y], len, &geometry, to);
                    for c in 0..channels {
                        let Some(plane) = gradient.plane_mut(n, c) else { continue };
                        let mut plane = RowsMut::all(plane);
                        let values = cotangent.row(n0 + n, c0 + c, y).get(x..x + len).unwrap_or_default();
                        sampler.kernel.scatter_run::<L, P, Exact, _>(
                            &boundary,
                            &chunk.walk(),
                            values,
                            &mut plane,
                        );
                    }
                }
            }
        }
    }
}

impl<K: Linear, P: Tap, G: Points> Bands for Adjoint<'_, K, P, G> {
    fn size(&self) -> [usize; 2] {
        let ([.., height, width], [batch, channels, ..]) = (self.cotangent.shape(), self.gradient.shape());
        let pixels = batch * channels * height * width;
        // The rows of a plane all add to each other's taps.
        match self.gradient.outer() {
            (0 | 1, count) => [pixels / count, count],
            _ => [pixels, 1],
        }
    }
    fn split(self, at: usize) -> (Self, Self) {
        let (axis, _) = self.gradient.outer();
        let (below, above) = self.gradient.split(axis, at);
        let origin = onward(self.origin, axis, at);
        (Self { gradient: below, ..self }, Self { gradient: above, origin, ..self })
    }
    fn join((): (), (): ()) {}
}

/// Where cotangents come from.
trait Cotangents<P: Tap> {
    /// Whether they depend on the values.
    const OF_VALUES: bool;
    /// Those of `len` points of a plane (item, channel, row, first column), whose values are given if
    /// they are needed.
    fn of(&mut self, at: [usize; 4], len: usize, values: &[P::Sampled]) -> &[P::Cotangent];
}

/// From a tensor.
struct Given<'a, P: Tap>(Tensor<'a, P::Cotangent>);

impl<P: Tap> Clone for Given<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P: Tap> Copy for Given<'_, P> {}

impl<P: Tap> Cotangents<P> for Given<'_, P> {
    const OF_VALUES: bool = false;

    #[inline(always)]
    fn of(&mut self, [n, c, y, x]: [usize; 4], len: usize, _: &[P::Sampled]) -> &[P::Cotangent] {
        self.0.row(n, c, y).get(x..x + len).unwrap_or_default()
    }
}

/// From a loss.
struct Asked<P: Tap, F> {
    loss: F,
    cotangents: [P::Cotangent; CHUNK],
}

impl<P: Tap, F: Loss<P>> Cotangents<P> for Asked<P, F> {
    const OF_VALUES: bool = true;

    #[inline(always)]
    fn of(&mut self, at: [usize; 4], len: usize, values: &[P::Sampled]) -> &[P::Cotangent] {
        let cotangents = self.cotangents.get_mut(..len).unwrap_or_default();
        self.loss.cotangents(at, values, cotangents);
        cotangents
    }
}

/// Products of padding, cotangent and partials, summed over channels, of the points of a chunk; x
/// before y.
type Products<P> = [[ProductOf<P>; CHUNK]; 2];

/// What becomes of the products.
trait Sink<P: Tap> {
    /// Those of `len` points of a row, one chunk after the other (item and row, first column).
    fn take(&mut self, at: [usize; 2], x: usize, len: usize, products: &Products<P>);
}

/// A sink whose points may be cut in two.
trait Split: Send + Sized {
    /// The axis (0 for items, 2 for rows) along which, and how long that is.
    fn outer(&self) -> (usize, usize);
    /// The sinks of what is below an index along that axis, and from there on.
    fn split(self, at: usize) -> (Self, Self);
}

struct Backward<'a, K, P: Tap, G, C, S> {
    sampler: &'a GridSample<K>,
    input: Tensor<'a, P>,
    points: G,
    geometry: Geometry,
    cotangents: C,
    sink: S,
    /// Items, and rows of each.
    part: [Range<usize>; 2],
}

impl<K: Interpolator, P: Tap, G: Points, S: Sink<P> + Split> Bands
    for Backward<'_, K, P, G, Given<'_, P>, S>
{
    fn size(&self) -> [usize; 2] {
        let ([_, channels, ..], [width, _], [items, rows]) =
            (self.input.shape(), self.geometry.output, &self.part);
        let (_, count) = self.sink.outer();
        [items.len() * rows.len() * channels * width / count, count]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let ([items, rows], (axis, _)) = (self.part, self.sink.outer());
        let (below, above) = self.sink.split(at);
        let cut = |range: Range<usize>| (range.start..range.start + at, range.start + at..range.end);
        let parts = if axis == 0 {
            let (a, b) = cut(items);
            [[a, rows.clone()], [b, rows]]
        } else {
            let (a, b) = cut(rows);
            [[items.clone(), a], [items, b]]
        };
        let [a, b] = parts;
        let Self { sampler, input, points, geometry, cotangents, .. } = self;
        (
            Self { sampler, input, points, geometry, cotangents, sink: below, part: a },
            Self { sampler, input, points, geometry, cotangents, sink: above, part: b },
        )
    }
    fn join((): (), (): ()) {}
}

impl<K: Interpolator, P: Tap, G: Points, C: Cotangents<P>, S: Sink<P>> Operation
    for Backward<'_, K, P, G, C, S>
{
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { sampler, input, points, geometry, mut cotangents, mut sink, part: [items, rows] } = self;
        let (to, of_values) = (K::partials_rounding::<P::Channel>(), K::rounding::<P::Channel>());
        let boundary = sampler.padding.boundary(sampler.align_corners);
        let ([_, channels, ..], [width, _]) = (input.shape(), geometry.output);
        // Surrogates round otherwise for their values.
        let apart = C::OF_VALUES && of_values != to;
        let (mut chunk, mut other) = (Chunk::new(), Chunk::new());
        let mut values = [<P::Sampled>::zero(); CHUNK];
        let (mut dx, mut dy) = ([P::zero_derivative(); CHUNK], [P::zero_derivative(); CHUNK]);
        let mut products = [[ProductOf::<P>::default(); CHUNK]; 2];
        for n in items {
            // Was checked.
            let Ok(lines) = points.lines(n, &geometry) else { continue };
            for y in rows.clone() {
                for (x, len) in chunks(width) {
                    sampler.fill_chunk::<L, _>(&mut chunk, &lines, [x, y], len, &geometry, to);
                    if apart {
                        sampler.fill_chunk::<L, _>(&mut other, &lines, [x, y], len, &geometry, of_values);
                    }
                    let (Some(dx), Some(dy)) = (dx.get_mut(..len), dy.get_mut(..len)) else { continue };
                    let values = if C::OF_VALUES { values.get_mut(..len) } else { None };
                    let values = values.unwrap_or_default();
                    for c in 0..channels {
                        let Some(image) = input.plane(n, c) else { continue };
                        let source = Source::new(image, boundary);
                        let kernel = &sampler.kernel;
                        if apart {
                            let values = <P::Sampled>::flatten_mut(values);
                            kernel.fill_run::<L, P, _, _>(&source, &other.walk(), values, false);
                            kernel.partials_run::<L, P, _>(&source, &chunk.walk(), &mut [], dx, dy);
                        } else {
                            kernel.partials_run::<L, P, _>(&source, &chunk.walk(), values, dx, dy);
                        }
                        let cotangents = cotangents.of([n, c, y, x], len, values);
                        let [a, b] = &mut products;
                        add_products::<P>(dx, cotangents, chunk.factors(len), 0, a, c == 0);
                        add_products::<P>(dy, cotangents, chunk.factors(len), 1, b, c == 0);
                    }
                    sink.take([n, y], x, len, &products);
                }
            }
        }
    }
}

/// Adds the products of one plane along one axis; of the first one to nothing.
#[inline(always)]
fn add_products<P: Tap>(
    derivatives: &mut [P::Derivative],
    cotangents: &[P::Cotangent],
    factors: Option<&[[i8; 2]]>,
    axis: usize,
    sums: &mut [ProductOf<P>; CHUNK],
    first: bool,
) {
    let before = |sum: &ProductOf<P>| if first { Default::default() } else { *sum };
    let (derivatives, cotangents) = (P::flatten_derivatives(derivatives), P::flatten_cotangents(cotangents));
    match factors {
        None if P::CHANNELS == 1 => {
            // A whole chunk is so many instructions without a branch.
            if let (Ok(derivatives), Ok(cotangents)) =
                (<&[_; CHUNK]>::try_from(&*derivatives), <&[_; CHUNK]>::try_from(cotangents))
            {
                for ((sum, &d), &v) in sums.iter_mut().zip(derivatives).zip(cotangents) {
                    *sum = before(sum).plus(P::Channel::chain(d, v));
                }
                return;
            }
            for ((sum, &d), &v) in sums.iter_mut().zip(&*derivatives).zip(cotangents) {
                *sum = before(sum).plus(P::Channel::chain(d, v));
            }
        }
        _ => {
            let pixels = derivatives.chunks_exact(P::CHANNELS).zip(cotangents.chunks_exact(P::CHANNELS));
            for (i, (sum, (derivatives, cotangents))) in sums.iter_mut().zip(pixels).enumerate() {
                let factor = factors.map_or(Some(1), |f| f.get(i)?.get(axis).copied()).unwrap_or(0);
                *sum = before(sum);
                if factor == 0 {
                    continue;
                }
                for (&d, &v) in derivatives.iter().zip(cotangents) {
                    *sum = sum.plus(P::Channel::chain(d, v).times(i64::from(factor) << 32));
                }
            }
        }
    }
}

/// To a grid.
struct GridSink<'a, P: Tap> {
    gradient: TensorMut<'a, GridGradient<P>>,
    scales: [i32; 2],
    /// Item and row (and plane, the only one) where the gradient begins.
    origin: [usize; 3],
}

impl<P: Tap> Split for GridSink<'_, P> {
    fn outer(&self) -> (usize, usize) {
        self.gradient.outer()
    }
    fn split(self, at: usize) -> (Self, Self) {
        let (axis, _) = self.outer();
        let (below, above) = self.gradient.split(axis, at);
        let origin = onward(self.origin, axis, at);
        (Self { gradient: below, ..self }, Self { gradient: above, origin, ..self })
    }
}

impl<P: Tap<Channel: GridChannel>> Sink<P> for GridSink<'_, P> {
    #[inline(always)]
    fn take(&mut self, [n, y]: [usize; 2], x: usize, len: usize, [a, b]: &Products<P>) {
        let ([sx, sy], [n0, _, y0]) = (self.scales, self.origin);
        let row = self.gradient.row_mut(n - n0, 0, y - y0).get_mut(x..x + len).unwrap_or_default();
        if let Ok(row) = <&mut [_; CHUNK]>::try_from(&mut *row) {
            for ((out, &a), &b) in row.iter_mut().zip(a).zip(b) {
                *out = [P::Channel::scaled(a, sx), P::Channel::scaled(b, sy)];
            }
            return;
        }
        for ((out, &a), &b) in row.iter_mut().zip(a).zip(b) {
            *out = [P::Channel::scaled(a, sx), P::Channel::scaled(b, sy)];
        }
    }
}

/// To thetas.
struct ThetaSink<'a, P: Tap> {
    gradient: &'a mut [ThetaGradient],
    /// The item of the first one.
    first: usize,
    geometry: Geometry,
    row: RowSums<P>,
    total: ThetaSums<P>,
}

impl<'a, P: Tap> ThetaSink<'a, P> {
    fn new(gradient: &'a mut [ThetaGradient], geometry: Geometry) -> Self {
        Self { gradient, first: 0, geometry, row: Default::default(), total: Default::default() }
    }
}

impl<P: Tap> Split for ThetaSink<'_, P> {
    fn outer(&self) -> (usize, usize) {
        (0, self.gradient.len())
    }
    fn split(self, at: usize) -> (Self, Self) {
        let (below, above) = self.gradient.split_at_mut(at.min(self.gradient.len()));
        let part = |gradient, first| Self { first, ..Self::new(gradient, self.geometry) };
        (part(below, self.first), part(above, self.first + at))
    }
}

impl<P: Tap> Sink<P> for ThetaSink<'_, P> {
    #[inline(always)]
    fn take(&mut self, [n, y]: [usize; 2], x: usize, len: usize, products: &Products<P>) {
        let [width, height] = self.geometry.output;
        let base = |i: usize, side: usize| 2 * i as i32 + 1 - side as i32;
        self.row.add(products, len, base(x, width));
        if x + len < width {
            return;
        }
        self.total.add(&self.row, base(y, height));
        self.row = Default::default();
        if y + 1 == height {
            if let Some(gradient) = self.gradient.get_mut(n - self.first) {
                *gradient = self.total.gradient(&self.geometry);
            }
            self.total = Default::default();
        }
    }
}

/// The sums of a row, by columns modulo [`LANES`]: of A, of A times the column's base coordinate, and
/// of B the same.
struct RowSums<P: Tap>([[[SumOf<P>; LANES]; 2]; 2]);

impl<P: Tap> Default for RowSums<P> {
    fn default() -> Self {
        Self([[[Default::default(); LANES]; 2]; 2])
    }
}

impl<P: Tap> RowSums<P> {
    /// Adds those of `len` columns, the first of which is a multiple of [`LANES`] and has this base
    /// coordinate.
    #[inline(always)]
    fn add(&mut self, products: &Products<P>, len: usize, first: i32) {
        for ([sums, along], products) in self.0.iter_mut().zip(products) {
            let (whole, rest) = products.get(..len).unwrap_or_default().as_chunks::<LANES>();
            let mut base = first;
            // (In registers, since through memory each sum waits for the last.)
            let (mut in_sums, mut in_along) = (*sums, *along);
            for group in whole {
                add_columns(&mut in_sums, &mut in_along, group, base);
                base += 2 * LANES as i32;
            }
            (*sums, *along) = (in_sums, in_along);
            for (j, ((sum, along), product)) in sums.iter_mut().zip(along).zip(rest).enumerate() {
                product.add_to(sum, 1);
                product.add_to(along, base + 2 * j as i32);
            }
        }
    }
}

/// Adds products, and products times base coordinates, of which this is the first. (Two plain loops,
/// so that each becomes an instruction or two.)
#[inline(always)]
fn add_columns<Q: Product>(
    sums: &mut [Q::Sum; LANES],
    along: &mut [Q::Sum; LANES],
    products: &[Q; LANES],
    base: i32,
) {
    for (sum, product) in sums.iter_mut().zip(products) {
        product.add_to(sum, 1);
    }
    for (j, (along, product)) in along.iter_mut().zip(products).enumerate() {
        product.add_to(along, base + 2 * j as i32);
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
    fn add(&mut self, row: &RowSums<P>, base: i32) {
        let joined = |parts: &[SumOf<P>; LANES]| {
            let mut sum = SumOf::<P>::default();
            for &part in parts {
                <ProductOf<P>>::join(&mut sum, part);
            }
            sum
        };
        for ([x, y, one], [sum, along]) in self.0.iter_mut().zip(&row.0) {
            let (sum, along) = (joined(sum), joined(along));
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
