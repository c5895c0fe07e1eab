//! The half of a spatial transformer that has no weights to learn: `affine_grid` and `grid_sample`
//! with the semantics of the deep-learning frameworks, forward and backward.
//!
//! In: channels-first batches over caller's slices ([`Tensor`]), and where to sample them: a grid,
//! or the [`Theta`] of an affine one ([`Points`]). Out: sampled batches, and the gradients with
//! respect to input, grid and theta. Every value and partial is that of a
//! [`Sampler`](crate::Sampler): kernels, channels and their arithmetic are those of the rest of the
//! crate; only how coordinates are made and padded is here.
//!
//! # In a network
//!
//! ```text
//! input U (N, C, H, W) --+----------------------------------> sample(U, theta) --> V --> loss
//!                        |                                       ^
//!                        +--> localisation network --> theta ----+      (Jaderberg et al. 2015)
//!
//! dL/dV (as V) --+--> adjoint         --> dL/dU      (N, C, H, W), to the layers before
//!                +--> theta_gradient  --> dL/dtheta  (N, 2, 3), to the localisation network
//!                +--> grid_gradient   --> dL/dgrid   (N, 1, H, W) of (x, y), where a network gives
//!                                                    a grid instead (a displacement field)
//! ```
//!
//! The localisation network is the caller's. It gives six numbers for each item of the batch
//! ([`Theta`]) in normalised units, so that the same theta fits any resolution; start it at the
//! identity `[1 0 0; 0 1 0]`. Forward, [`GridSample::sample`] takes theta as it is and stores no
//! grid. Backward, each of the three gradients is a call of its own: what is not asked for is not
//! computed. Where the loss is a function of each value alone, [`GridSample::theta_gradient_of`] does
//! forward and backward in one pass and stores nothing. Integer batches are sampled, and differentiated, in the crate's integer arithmetic: a
//! network that was trained in `f32` runs on a microcontroller with the same bits as on a desktop.
//!
//! # Which semantics
//!
//! Those of PyTorch's `grid_sample` and `affine_grid`, which are also ONNX's `GridSample` and
//! `AffineGrid`. -1 and 1 are the outer edges of the end pixels or, with `align_corners`, their
//! centres.
//!
//! | `mode` | kernel | `padding_mode` | [`Padding`] |
//! |---|---|---|---|
//! | `nearest` | [`NearestEven`](crate::NearestEven), or a [`Surrogate`](crate::Surrogate) of it | `zeros` | `Zeros` |
//! | `bilinear` | [`Bilinear`](crate::Bilinear) | `border` | `Border` |
//! | `bicubic` | [`Cubic<-75>`](crate::Cubic) | `reflection` | `Reflection` |
//!
//! Any other kernel works too.
//!
//! **Definition, coordinates.** Along an axis of n pixels a normalised coordinate v becomes
//! `x = v s + o` with `o = (n - 1)/2` and `s = n/2`, or `(n - 1)/2` with `align_corners`. From a
//! grid v is `f32`, the product is rounded to `f32` and so is the sum (no fused multiply-add), and x
//! enters as every `f32` does ([`Coord`](crate::Coord)): NaN is the lower end, infinities are the
//! ends. From a theta the affine map from output to input pixels has coefficients in Q32.32, rounded
//! once from `f64`: more exact than any stored grid.
//!
//! **Definition, padding.** `Zeros` is a boundary of the taps, `Constant(0)`. `Border` and
//! `Reflection` act on the *coordinate* for kernels of one or two taps along an axis: exactly, in
//! Q32.32, before any rounding; it is mirrored (`Reflection`: about the centres of the end pixels
//! with `align_corners`, else about their outer edges), then clamped to `[0, n - 1]`. For wider
//! kernels they act on the *taps*: as `Replicate`, and as `Reflect101` with `align_corners`, else
//! `Reflect`. (That is PyTorch's rule, where it has the mode.)
//!
//! **Definition, gradients.** Partials are those of [`Sampler::partials`](crate::Sampler::partials)
//! at the padded coordinate: the right derivative at a kink of the kernel. Where padding acts on the
//! coordinate they are multiplied by its derivative: -1 where it is mirrored once, 0 where it is
//! clamped *or sits on the clamp* (x = 0, x = n - 1), as PyTorch has it. Where a coordinate is at
//! the end of its range, 2^30 px away, they are zero.
//!
//! # Units and formats
//!
//! | result | unit | integer channels | `f32` |
//! |---|---|---|---|
//! | [`adjoint`](GridSample::adjoint) | cotangent | `i64`, Q28, exact transpose | `f32` |
//! | [`grid_gradient`](GridSample::grid_gradient) | cotangent times grey level per *normalised* unit | `i64`, Q15, exact sum of Q14 partials | `f64` sum, rounded to `f32` |
//! | [`theta_gradient`](GridSample::theta_gradient) | the same, times a normalised unit for all but the last column | exact sum, then `f64` | `f64` |
//!
//! Arguments come as `grid_sample(input, grid)` has them, and what is written to comes last.
//!
//! **Headroom.** Q28: see [`Sampler::adjoint`](crate::Sampler::adjoint).
//! Q15: sums wrap beyond `i64`; C channels of cotangents |y| need `C |y| |dV| n < 2^48`, where dV is the largest partial:
//! with 255 grey levels per pixel and a 1024 px wide input, `C |y| < 2^30`; with 65535,
//! `C |y| < 2^22`. Sums over all points are in `i128`, out of reach.
//!
//! ```
//! use nonius::stn::{GridSample, Padding, Tensor, TensorMut, Theta};
//! use nonius::Bilinear;
//!
//! let input = [0.0f32, 1.0, 4.0, 9.0];
//! let input = Tensor::new(&input, [1, 1, 1, 4])?;
//! let theta: &[Theta] = &[[[0.5, 0.0, 0.25], [0.0, 1.0, 0.0]]];
//! let sampler = GridSample::new(Bilinear, Padding::Zeros, true);
//!
//! let mut output = [0.0f32; 3];
//! sampler.sample(input, theta, &mut TensorMut::new(&mut output, [1, 1, 1, 3])?)?;
//! assert_eq!(output, [1.0 + 0.125 * 3.0, 1.0 + 0.875 * 3.0, 4.0 + 0.625 * 5.0]); // at 1.125, 1.875, 2.625
//!
//! // Backward, for L = the sum of the outputs.
//! let ones = [1.0f32; 3];
//! let cotangent = Tensor::new(&ones, [1, 1, 1, 3])?;
//! let mut gradient = [[[0.0; 3]; 2]];
//! sampler.theta_gradient(input, cotangent, theta, &mut gradient)?;
//! assert_eq!(gradient[0][0], [1.5 * (5.0 - 3.0), 0.0, 1.5 * (3.0 + 3.0 + 5.0)]);
//! # Ok::<(), nonius::Error>(())
//! ```
#![forbid(unsafe_code)]

mod affine;
mod gradient;
mod points;
mod tensor;

pub use affine::{affine_grid, affine_grid_gradient};
pub use gradient::{GridChannel, GridGradient, Loss};
pub use points::Points;
pub use tensor::{Shape, Strides, Tensor, TensorMut};

use crate::Error;
use crate::boundary::Boundary;
use crate::fixed::Rounding;
use crate::image::Tap;
use crate::kernel::Interpolator;
use crate::parallel::{Bands, Threads};
use crate::sample::Source;
use crate::simd::{Lanes, Level, Operation};
use points::{CHUNK, Chunk, Geometry, Lines};

/// An affine map from normalised output to normalised input coordinates, row by row:
/// `x = t00 u + t01 v + t02`, `y = t10 u + t11 v + t12`.
pub type Theta = [[f32; 3]; 2];

/// dL/dtheta: see [`GridSample::theta_gradient`].
pub type ThetaGradient = [[f64; 3]; 2];

/// What is sampled outside of the input: `padding_mode`. The [module](self) says how it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Padding {
    /// Zero (for `u16` and `i16` too: not the middle of the range).
    Zeros,
    /// The nearest pixel.
    Border,
    /// The mirrored image.
    Reflection,
}

impl Padding {
    /// What lies outside for the taps that are.
    fn boundary<P: Tap>(self, align_corners: bool) -> Boundary<P> {
        match (self, align_corners) {
            (Padding::Zeros, _) => Boundary::Constant(P::zero()),
            (Padding::Border, _) => Boundary::Replicate,
            (Padding::Reflection, true) => Boundary::Reflect101,
            (Padding::Reflection, false) => Boundary::Reflect,
        }
    }
}

/// `grid_sample`: a kernel (`mode`), a padding and what -1 and 1 are.
///
/// Tensors are of single channels or, for channels-last batches, of pixels `[T; C]` with C = 1
/// plane; every method takes `f32`, `u8`, `u16` and `i16`. Methods check all sizes, and every theta,
/// before they write anything.
#[derive(Clone, Copy, Debug)]
pub struct GridSample<K> {
    kernel: K,
    padding: Padding,
    align_corners: bool,
    level: Option<Level>,
    threads: Threads,
}

impl<K: Interpolator> GridSample<K> {
    /// A sampler at the best level there is ([`Level::best`]).
    pub const fn new(kernel: K, padding: Padding, align_corners: bool) -> Self {
        Self { kernel, padding, align_corners, level: None, threads: Threads::ONE }
    }

    /// The same sampler at another level: the same results at another speed.
    pub const fn with_level(self, level: Level) -> Self {
        Self { level: Some(level), ..self }
    }

    /// The same sampler on several threads: the same results, sooner. A batch is cut between its items
    /// or planes, whichever are further apart in memory; a single plane, or the gradient of its grid,
    /// between rows. On one thread are [`theta_gradient_of`](Self::theta_gradient_of), the thetas of a
    /// single item, and the adjoint of a single plane.
    pub const fn with_threads(self, threads: Threads) -> Self {
        Self { threads, ..self }
    }

    /// Samples `input` (N, C, H, W) at `points` into `output` (N, C, H', W'): a grid of shape
    /// (N, 1, H', W'), or N thetas.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`]; for thetas also [`Error::NotFinite`], and [`Error::OutOfRange`] where
    /// a point would be 2^30 px away. Nothing is written then. (A grid may hold anything. A theta may
    /// be singular.)
    pub fn sample<P: Tap, G: Points>(
        &self,
        input: Tensor<'_, P>,
        points: G,
        output: &mut TensorMut<'_, P::Sampled>,
    ) -> Result<(), Error> {
        let geometry = self.geometry(input.shape(), output.shape(), &points)?;
        let output = output.reborrow();
        self.threads.run(
            self.level(),
            Forward { sampler: self.of_values(), input, points, output, geometry, origin: [0; 3] },
        );
        Ok(())
    }

    fn level(&self) -> Level {
        self.level.unwrap_or_else(Level::best)
    }

    /// The sampler of the rule that makes this one's values.
    fn of_values(&self) -> GridSample<K::Values> {
        let Self { padding, align_corners, level, threads, .. } = *self;
        GridSample { kernel: self.kernel.values(), padding, align_corners, level, threads }
    }

    /// The sizes of a call, checked.
    fn geometry<G: Points>(
        &self,
        [n, channels, height, width]: Shape,
        [items, planes, rows, columns]: Shape,
        points: &G,
    ) -> Result<Geometry, Error> {
        if n != items || channels != planes || !points.covers(n, [columns, rows]) {
            return Err(Error::SizeMismatch);
        }
        let geometry =
            Geometry { input: [width, height], output: [columns, rows], align_corners: self.align_corners };
        for n in 0..n {
            points.lines(n, &geometry)?;
        }
        Ok(geometry)
    }

    /// Makes a chunk the next points of row `y` from column `x` on.
    #[inline(always)]
    fn fill_chunk<L: Lanes, N: Lines>(
        &self,
        chunk: &mut Chunk,
        lines: &N,
        at: [usize; 2],
        len: usize,
        geometry: &Geometry,
        to: Rounding,
    ) {
        let padding = if K::NARROW { self.padding } else { Padding::Zeros };
        chunk.fill::<L, N>(lines, at, len, geometry, padding, to);
    }
}

/// The columns of a row in chunks: where each begins, and its length.
#[inline(always)]
fn chunks(width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..width).step_by(CHUNK).map(move |x| (x, CHUNK.min(width - x)))
}

struct Forward<'a, K, P: Tap, G> {
    sampler: GridSample<K>,
    input: Tensor<'a, P>,
    points: G,
    output: TensorMut<'a, P::Sampled>,
    geometry: Geometry,
    /// Item, plane and row where the output begins.
    origin: [usize; 3],
}

impl<K: Interpolator, P: Tap, G: Points> Operation for Forward<'_, K, P, G> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { sampler, input, points, mut output, geometry, origin: [n0, c0, y0] } = self;
        let to = K::rounding::<P::Channel>();
        let boundary = sampler.padding.boundary(sampler.align_corners);
        let [batch, channels, height, width] = output.shape();
        let mut chunk = Chunk::new();
        for n in 0..batch {
            // Was checked.
            let Ok(lines) = points.lines(n0 + n, &geometry) else { continue };
            for y in 0..height {
                for (x, len) in chunks(width) {
                    sampler.fill_chunk::<L, _>(&mut chunk, &lines, [x, y0 + y], len, &geometry, to);
                    for c in 0..channels {
                        let Some(image) = input.plane(n0 + n, c0 + c) else { continue };
                        let source = Source::new(image, boundary);
                        if let Some(out) = output.row_mut(n, c, y).get_mut(x..x + len) {
                            let out = <P::Sampled>::flatten_mut(out);
                            sampler.kernel.fill_run::<L, P, _, _>(&source, &chunk.walk(), out, false);
                        }
                    }
                }
            }
        }
    }
}

impl<K: Interpolator, P: Tap, G: Points> Bands for Forward<'_, K, P, G> {
    fn size(&self) -> [usize; 2] {
        let (_, count) = self.output.outer();
        [self.output.shape().iter().product::<usize>() / count, count]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let (axis, _) = self.output.outer();
        let (below, above) = self.output.split(axis, at);
        (
            Self { output: below, ..self },
            Self { output: above, origin: onward(self.origin, axis, at), ..self },
        )
    }
    fn join((): (), (): ()) {}
}

/// An origin so much further along an axis.
#[cfg_attr(not(feature = "rayon"), allow(dead_code))]
fn onward(mut origin: [usize; 3], axis: usize, by: usize) -> [usize; 3] {
    if let Some(at) = origin.get_mut(axis) {
        *at += by;
    }
    origin
}
