//! Antialiased minification: the mean over the area of each destination pixel.
//!
//! A warp that shrinks reads only the source pixels around one point for each destination pixel,
//! and passes over the rest: fine patterns become coarse ones. Here each destination pixel is the mean
//! of nx times ny samples, evenly spaced over its square, so that every source pixel has its part.
//!
//! In: a sampler, a source, a transform, and nx and ny ([`Samples`]). Out: the destination, or the
//! adjoint of that.
//!
//! **Definition.** Sample (i, j) of destination pixel (x, y) is taken at
//! `x + (2 i + 1 - nx) / (2 nx)`, `y + (2 j + 1 - ny) / (2 ny)`: the constant terms of the
//! transform's integer forms (see [`walk`](crate::walk)) are moved by that, each rounded half up once.
//! Samples have the channel's fine format, before the last rounding of a value: Q6 for integers, not
//! clamped. Their sum is divided by nx ny and rounded half up to the channel, which is then clamped.
//! `f32` channels: `s_0 + (sum of s_k - s_0) / (nx ny)`, samples row by row. A pixel is left if one of
//! its samples is. One sample is [`Sampler::warp`] itself.
#![forbid(unsafe_code)]

use crate::Error;
use crate::image::{Image, ImageMut, RowsMut, Tap};
use crate::kernel::{Channel, Interpolator, Linear, Unrounded};
use crate::parallel::Bands;
use crate::sample::{Sampler, Source};
use crate::simd::scatter::Exact;
use crate::simd::{Lanes, Level, Operation};
use crate::transform::Transform;
use crate::walk::{RUN, Subpixel, Walk};

/// Pixels whose sums are held at once.
const CHUNK: usize = 16;

/// How many samples each destination pixel is the mean of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Samples {
    x: u8,
    y: u8,
}

impl Samples {
    /// The most along one axis.
    pub const MAX: usize = 16;

    /// `x` along a row, `y` along a column, each from 1 to [`Self::MAX`].
    ///
    /// # Errors
    /// [`Error::InvalidOption`] outside of that.
    pub const fn new(x: usize, y: usize) -> Result<Self, Error> {
        if x == 0 || y == 0 || x > Self::MAX || y > Self::MAX {
            return Err(Error::InvalidOption);
        }
        Ok(Self { x: x as u8, y: y as u8 })
    }

    /// As many as keep samples within a source pixel of each other: the lengths, rounded up and at
    /// most [`Self::MAX`], of the columns of the Jacobian d(x', y') / d(x, y) of `transform`, the
    /// largest of the four corners of a destination of this size. A warp that does not shrink has
    /// one.
    ///
    /// ```
    /// use nonius::{Affine, Samples, Transform};
    /// let t = Affine::from_parameters([2.5, 0.0, 0.0, 0.0, 0.5, 0.0])?;
    /// assert_eq!(Samples::covering(&t, 100, 100), Samples::new(3, 1)?);
    /// # Ok::<(), nonius::Error>(())
    /// ```
    pub fn covering<T: Transform>(transform: &T, width: usize, height: usize) -> Self {
        let m = transform.matrix();
        let (right, bottom) = (width.saturating_sub(1) as f64, height.saturating_sub(1) as f64);
        let mut largest = [1.0_f64; 2];
        for (x, y) in [(0.0, 0.0), (right, 0.0), (0.0, bottom), (right, bottom)] {
            let (u, v) = transform.apply(x, y);
            let d = m[6] * x + m[7] * y + m[8];
            for (largest, (a, b, c)) in largest.iter_mut().zip([(m[0], m[3], m[6]), (m[1], m[4], m[7])]) {
                let (du, dv) = ((a - u * c) / d, (b - v * c) / d);
                let length = libm::sqrt(du * du + dv * dv);
                // At the horizon it is no number.
                *largest = if length.is_finite() { largest.max(length) } else { f64::MAX };
            }
        }
        // A length that should be whole may come out a rounding above it.
        let count = |v: f64| libm::ceil(v - 1e-9).clamp(1.0, Self::MAX as f64) as u8;
        Self { x: count(largest[0]), y: count(largest[1]) }
    }

    /// Samples along a row.
    pub const fn x(self) -> usize {
        self.x as usize
    }

    /// Samples along a column.
    pub const fn y(self) -> usize {
        self.y as usize
    }

    /// The plan of each sample, row by row.
    fn plans<S: Subpixel>(self, plan: S) -> impl Iterator<Item = S> {
        let (nx, ny) = (i64::from(self.x), i64::from(self.y));
        (0..ny).flat_map(move |j| {
            (0..nx).map(move |i| plan.shifted([(2 * i + 1 - nx) * ny, (2 * j + 1 - ny) * nx], 2 * nx * ny))
        })
    }
}

impl<K: Interpolator, P: Tap> Sampler<K, P> {
    /// As [`warp`](Self::warp), but each destination pixel is the mean of `samples` over its area:
    /// for transforms that shrink. See the [module](crate::antialias) for its definition.
    ///
    /// It costs as many single samples as it takes, one after the other; where a pyramid's reduction
    /// by two will do, that is faster.
    ///
    /// ```
    /// use nonius::{Affine, Bilinear, Boundary, Image, ImageMut, Sampler, Samples, Transform};
    /// let stripes = [0u8, 200, 0, 200, 0, 200, 0, 200];
    /// let source = Image::new(&stripes, 8, 1)?;
    /// let (sampler, mut out) = (Sampler::new(Bilinear, Boundary::Reflect), [0u8; 4]);
    /// let half = Affine::from_parameters([2.0, 0.0, 0.5, 0.0, 1.0, 0.0])?;
    /// sampler.warp_antialiased(source, &mut ImageMut::new(&mut out, 4, 1)?, &half, Samples::new(2, 1)?);
    /// assert_eq!(out, [100; 4]);
    /// # Ok::<(), nonius::Error>(())
    /// ```
    pub fn warp_antialiased<T: Transform>(
        &self,
        source: Image<'_, P>,
        destination: &mut ImageMut<'_, P::Sampled>,
        transform: &T,
        samples: Samples,
    ) {
        if samples == (Samples { x: 1, y: 1 }) {
            // (A transform covers every size.)
            let _ = self.warp(source, destination, transform);
            return;
        }
        let (source, plan, destination) = (self.source(source), transform.plan(), destination.reborrow());
        // The same code at every level.
        self.threads
            .run(Level::SCALAR, Rows { sampler: self.of_values(), source, destination, plan, samples });
    }
}

struct Rows<'a, K, P: Tap, N> {
    sampler: Sampler<K, P>,
    source: Source<'a, P>,
    destination: ImageMut<'a, P::Sampled>,
    plan: N,
    samples: Samples,
}

impl<K: Interpolator, P: Tap, N: Subpixel> Operation for Rows<'_, K, P, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { sampler, source, mut destination, plan, samples } = self;
        let to = K::rounding::<P::Channel>();
        let n = u16::from(samples.x) * u16::from(samples.y);
        for (y, row) in destination.rows_mut().enumerate() {
            for (chunk, out) in row.chunks_mut(CHUNK).enumerate() {
                let begin = chunk * CHUNK;
                // Nothing where a sample is left.
                let mut sums = [Some(P::channels(SumOf::<P>::default())); CHUNK];
                for (k, plan) in samples.plans(plan).enumerate() {
                    let mut pixels = sums.iter_mut().take(out.len());
                    for (_, mut walk, len) in plan.part(y, begin..begin + out.len()) {
                        for sum in pixels.by_ref().take(len) {
                            let mut sample = P::channels(UnroundedOf::<P>::default());
                            if !sampler.kernel.value(&source, walk.position(to), sample.as_mut()) {
                                *sum = None;
                            }
                            let channels = sum.as_mut().map_or(&mut [][..], |sum| sum.as_mut());
                            for (sum, &v) in channels.iter_mut().zip(sample.as_ref()) {
                                if k == 0 { *sum = v.first() } else { v.add(sum) }
                            }
                            walk.step();
                        }
                    }
                }
                for (out, sum) in out.iter_mut().zip(&sums) {
                    let Some(sum) = sum else { continue };
                    let out = <P::Sampled>::flatten_mut(core::slice::from_mut(out));
                    for (out, &sum) in out.iter_mut().zip(sum.as_ref()) {
                        *out = <UnroundedOf<P>>::mean(sum, n);
                    }
                }
            }
        }
    }
}

impl<K: Interpolator, P: Tap, N: Subpixel> Bands for Rows<'_, K, P, N> {
    fn size(&self) -> [usize; 2] {
        let samples = self.samples.x() * self.samples.y();
        [self.destination.width().saturating_mul(samples), self.destination.height()]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let plan = self.plan.below(at);
        let (above, below) = self.destination.split_rows(at);
        (Self { destination: above, ..self }, Self { destination: below, plan, ..self })
    }
    fn join((): (), (): ()) {}
}

impl<K: Linear, P: Tap> Sampler<K, P> {
    /// Adds to `gradient` (of the source's size) the adjoint of [`warp_antialiased`](Self::warp_antialiased) of a
    /// cotangent (of the destination's size), times the number of samples: the sum of the [adjoints](Self::adjoint) of the
    /// warps through each sample, in their format, so that it is exact in integers. Divide by `samples.x() *
    /// samples.y()`; the headroom is less by as much.
    pub fn adjoint_antialiased<T: Transform>(
        &self,
        cotangent: Image<'_, P::Cotangent>,
        gradient: &mut ImageMut<'_, P::Adjoint>,
        transform: &T,
        samples: Samples,
    ) {
        let (plan, gradient) = (transform.plan(), RowsMut::all(gradient.reborrow()));
        // The same code at every level.
        self.threads.run(Level::SCALAR, Adjoint { sampler: self, cotangent, gradient, plan, samples });
    }
}

/// Bands are rows of the gradient: each goes over all cotangents, and adds those of its taps.
struct Adjoint<'a, K, P: Tap, N> {
    sampler: &'a Sampler<K, P>,
    cotangent: Image<'a, P::Cotangent>,
    gradient: RowsMut<'a, P::Adjoint>,
    plan: N,
    samples: Samples,
}

impl<K: Linear, P: Tap, N: Subpixel> Operation for Adjoint<'_, K, P, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { sampler: Sampler { kernel, boundary, .. }, cotangent, mut gradient, plan, samples } = self;
        let (to, size, rows) = (K::rounding::<P::Channel>(), gradient.size(), gradient.range());
        for (y, row) in cotangent.rows().enumerate() {
            for (part, values) in row.chunks(RUN).enumerate() {
                let columns = part * RUN..part * RUN + values.len();
                let missed = |plan: N| {
                    let mut runs = plan.part(y, columns.clone());
                    runs.all(|(_, walk, len)| K::misses(boundary, size, &rows, &walk, len))
                };
                if gradient.is_band() && samples.plans(plan).all(missed) {
                    continue;
                }
                for (x, value) in columns.clone().zip(values) {
                    let position = |plan: N| plan.run(x, y, 1).0.position(to);
                    let there = |plan| kernel.taps(boundary, size, position(plan), |_, _, _, _| {});
                    if samples.plans(plan).all(there) {
                        let value = P::flatten_cotangents(core::slice::from_ref(value));
                        for plan in samples.plans(plan) {
                            kernel.scatter::<P, Exact>(boundary, position(plan), value, &mut gradient);
                        }
                    }
                }
            }
        }
    }
}

impl<K: Linear, P: Tap, N: Subpixel> Bands for Adjoint<'_, K, P, N> {
    fn size(&self) -> [usize; 2] {
        let rows = self.gradient.range().len().max(1);
        let samples = self.samples.x() * self.samples.y();
        let samples = (self.cotangent.width() * self.cotangent.height()).saturating_mul(samples);
        [samples.div_ceil(rows), rows]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let (above, below) = self.gradient.split(at);
        (Self { gradient: above, ..self }, Self { gradient: below, ..self })
    }
    fn join((): (), (): ()) {}
}

type UnroundedOf<P> = <<P as Tap>::Channel as Channel>::Unrounded;
type SumOf<P> = <UnroundedOf<P> as Unrounded<<<P as Tap>::Channel as Channel>::Sampled>>::Sum;
