//! Value and partials at one coordinate, under any boundary: the definition.
//!
//! In: an image, a coordinate, a kernel and a boundary. Out: the sampled pixel, and its derivatives
//! with respect to the coordinate. The drivers come here for every pixel whose taps are not all
//! inside; where they are, the backends compute the same.
#![forbid(unsafe_code)]

use crate::boundary::Boundary;
use crate::fixed::{Coord, Position, Weight};
use crate::image::{Image, Tap};
use crate::kernel::{Array, Channel, Interpolator, Kernel, Output, first_tap};
use crate::parallel::Threads;
use crate::simd::Level;

/// A kernel and a boundary: how an image is read between its pixels.
///
/// All that is sampled, and every gradient of it, is a method of this type; see
/// [`warp`](Self::warp), [`warp_partials`](Self::warp_partials), [`adjoint`](Self::adjoint) and
/// [`parameter_gradient`](Self::parameter_gradient) for whole images.
///
/// ```
/// use nonius::{Bilinear, Boundary, Image, Sampler};
/// let pixels = [0u8, 100, 50, 150];
/// let image = Image::new(&pixels, 2, 2)?;
/// let sampler = Sampler::new(Bilinear, Boundary::Constant(0));
/// assert_eq!(sampler.sample(image, 0.5, 0.5), Some(75));
/// assert_eq!(sampler.sample(image, -0.5, 0), Some(0));
/// let (dx, dy) = sampler.partials(image, 0.25, 0.25);
/// assert_eq!((dx, dy), (100 << 14, 50 << 14)); // grey levels per pixel in Q14
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sampler<K, P> {
    pub(crate) kernel: K,
    pub(crate) boundary: Boundary<P>,
    pub(crate) level: Option<Level>,
    pub(crate) threads: Threads,
}

impl<K: Interpolator, P: Tap> Sampler<K, P> {
    /// A sampler at the best level there is ([`Level::best`]).
    pub const fn new(kernel: K, boundary: Boundary<P>) -> Self {
        const { assert!(P::CHANNELS > 0, "a pixel has at least one channel") };
        Self { kernel, boundary, level: None, threads: Threads::ONE }
    }

    /// The level of a call: the one that was chosen, else the best.
    pub(crate) fn level(&self) -> Level {
        self.level.unwrap_or_else(Level::best)
    }

    /// The same sampler at another level: the same results at another speed.
    pub const fn with_level(self, level: Level) -> Self {
        Self { level: Some(level), ..self }
    }

    /// The same sampler on several threads: the same results, sooner. Warps, images of partials, residuals
    /// and gradients are cut into bands of rows; second derivatives and prefiltering stay on one thread.
    pub const fn with_threads(self, threads: Threads) -> Self {
        Self { threads, ..self }
    }

    /// The sampler of the rule that makes this one's values.
    pub(crate) fn of_values(&self) -> Sampler<K::Values, P> {
        let Self { boundary, level, threads, .. } = *self;
        Sampler { kernel: self.kernel.values(), boundary, level, threads }
    }

    /// The value at (`x`, `y`), in pixels of the image. `None` where [`Boundary::Transparent`]
    /// leaves a destination as it is, and never otherwise.
    pub fn sample(
        &self,
        image: Image<'_, P>,
        x: impl Into<Coord>,
        y: impl Into<Coord>,
    ) -> Option<P::Sampled> {
        let to = K::rounding::<P::Channel>();
        let mut pixel = <P::Sampled>::zero();
        let out = <P::Sampled>::flatten_mut(core::slice::from_mut(&mut pixel));
        let at = [x.into().round(to), y.into().round(to)];
        self.kernel.value(&self.source(image), at, out).then_some(pixel)
    }

    /// The partials (dV/dx, dV/dy) at (`x`, `y`), in grey levels per pixel: Q14 for integer
    /// channels, `f32` for `f32`.
    ///
    /// **Definition.** dx is the sum with slopes along x and weights along y, dy the other way
    /// round, with the intermediate of the value; the last rounding is to Q14 (`f32` sums of slopes
    /// begin at zero instead of the middle tap). A tap of weight zero counts where it has a slope:
    /// outside it is what the boundary says, and under `Transparent` the nearest pixel.
    ///
    /// They are the derivatives of the kernel over the extended image (at a kink from the right)
    /// and follow its boundary: outside, `Replicate` and `Constant` give zero, `Reflect` changes
    /// the sign, `Wrap` repeats. Where `Transparent` leaves the destination, they are zero. Integer
    /// results are within 2^-7 (8 bits) or 2^-8 (16 bits) grey levels per pixel of the derivative
    /// of the real interpolant at the rounded position.
    pub fn partials(
        &self,
        image: Image<'_, P>,
        x: impl Into<Coord>,
        y: impl Into<Coord>,
    ) -> (P::Derivative, P::Derivative) {
        let to = K::partials_rounding::<P::Channel>();
        let mut out = [P::zero_derivative(); 2];
        let [dx, dy] = &mut out;
        self.kernel.partials(
            &self.source(image),
            [x.into().round(to), y.into().round(to)],
            P::flatten_derivatives(core::slice::from_mut(dx)),
            P::flatten_derivatives(core::slice::from_mut(dy)),
        );
        let [dx, dy] = out;
        (dx, dy)
    }

    /// An image with this sampler's boundary.
    #[inline(always)]
    pub(crate) fn source<'a>(&self, image: Image<'a, P>) -> Source<'a, P> {
        Source::new(image, self.boundary)
    }
}

/// An image and what lies outside of it. The image may be some rows of a higher one: positions are
/// relative to the first row that is there, and all rows that they read are there; what lies outside
/// is so of the whole.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Source<'a, P> {
    pub(crate) image: Image<'a, P>,
    pub(crate) boundary: Boundary<P>,
    /// Rows of the whole image above those that are there.
    pub(crate) above: usize,
    /// Height of the whole image.
    pub(crate) height: usize,
}

impl<'a, P: Copy> Source<'a, P> {
    /// A whole image.
    #[inline(always)]
    pub(crate) fn new(image: Image<'a, P>, boundary: Boundary<P>) -> Self {
        Self { image, boundary, above: 0, height: image.height() }
    }
}

impl<P: Tap> Source<'_, P> {
    /// Fills pixels of which no tap is inside, if that needs no look at the image: false if it does.
    #[inline(always)]
    pub(crate) fn fill_nothing<O: Output<P::Channel>>(&self, out: &mut [O]) -> bool {
        match self.boundary {
            Boundary::Constant(v) => {
                let value = P::flatten(core::slice::from_ref(&v));
                if let [v] = value {
                    out.fill(O::from_channel(*v));
                } else {
                    for pixel in out.chunks_exact_mut(P::CHANNELS.max(1)) {
                        for (out, &v) in pixel.iter_mut().zip(value) {
                            *out = O::from_channel(v);
                        }
                    }
                }
                true
            }
            Boundary::Transparent => true,
            _ => false,
        }
    }

    /// Where the taps of a position are, and their weights.
    #[inline]
    pub(crate) fn footprint<K: Kernel>(&self, kernel: &K, at: [Position; 2]) -> Footprint<K, P::Channel> {
        let [x, y] = at;
        let y = Position { cell: y.cell.wrapping_add(self.above as i32), ..y };
        let mut taps = footprint(kernel, &self.boundary, self.image.width(), self.height, [x, y]);
        if self.above > 0 {
            for row in taps.index[1].as_mut() {
                *row = row.and_then(|row| row.checked_sub(self.above));
            }
        }
        taps
    }

    /// Where the taps of a position are, those of weight zero like all others.
    #[inline]
    pub(crate) fn sloped_indices<K: Kernel>(&self, [x, y]: [Position; 2]) -> [K::Taps<Index>; 2] {
        [
            indices::<K, P, P::Channel>(&self.boundary, x.cell, self.image.width() as i32, None),
            indices::<K, P, P::Channel>(&self.boundary, y.cell, self.image.height() as i32, None),
        ]
    }

    /// Channel `c` of tap (i, j).
    #[inline]
    pub(crate) fn tap<K: Kernel>(
        &self,
        index: &[K::Taps<Index>; 2],
        i: usize,
        j: usize,
        c: usize,
    ) -> P::Channel {
        let along = |axis: &K::Taps<Index>, i: usize| axis.as_ref().get(i).copied().flatten();
        let inside = match (along(&index[0], i), along(&index[1], j)) {
            (Some(x), Some(y)) => self.image.get(x, y),
            _ => None,
        };
        let pixel = match (inside, self.boundary) {
            (Some(pixel), _) | (None, Boundary::Constant(pixel)) => pixel,
            _ => P::zero(),
        };
        P::flatten(core::slice::from_ref(&pixel)).get(c).copied().unwrap_or_default()
    }
}

/// A column or row of the image, or that there is none.
pub(crate) type Index = Option<usize>;

/// The taps of a position; x before y.
pub(crate) struct Footprint<K: Kernel, C: Channel> {
    /// Where they are. Of taps whose weight is zero only the middle one may be outside.
    pub(crate) index: [K::Taps<Index>; 2],
    /// Their weights.
    pub(crate) weights: [K::Taps<C::Weight>; 2],
    /// Whether the boundary is transparent and a tap that matters is outside.
    pub(crate) left: bool,
}

/// Where the taps of a position are in an image of this size, and their weights.
#[inline]
pub(crate) fn footprint<K: Kernel, P, C: Channel>(
    kernel: &K,
    boundary: &Boundary<P>,
    width: usize,
    height: usize,
    at: [Position; 2],
) -> Footprint<K, C> {
    let weights = at.map(|p| kernel.weights(C::fraction(p.fraction)));
    let index = [
        indices::<K, P, C>(boundary, at[0].cell, width as i32, Some(&weights[0])),
        indices::<K, P, C>(boundary, at[1].cell, height as i32, Some(&weights[1])),
    ];
    let left = matches!(boundary, Boundary::Transparent)
        && index.iter().any(|axis| axis.as_ref().iter().any(Option::is_none));
    Footprint { index, weights, left }
}

/// The taps of a cell along one axis. With their weights given, those of weight zero are clamped
/// into the image, except the middle one, which `f32` sums start from; without, and for the middle
/// one, those of a transparent boundary are.
#[cfg_attr(thumb, inline(never))]
#[cfg_attr(not(thumb), inline)]
fn indices<K: Kernel, P, C: Channel>(
    boundary: &Boundary<P>,
    cell: i32,
    side: i32,
    weights: Option<&K::Taps<C::Weight>>,
) -> K::Taps<Index> {
    K::Taps::from_fn(|i| {
        let tap = cell.wrapping_add(first_tap::<K>()).wrapping_add(i as i32);
        let zero = weights.is_none_or(|w| w.as_ref().get(i).is_none_or(|w| *w == Weight::zero()));
        let apart = weights.is_some() && i != (K::Taps::<i32>::LEN - 1) / 2;
        let clamp = zero && (apart || matches!(boundary, Boundary::Transparent));
        let index = if clamp { Boundary::<P>::Replicate.index(tap, side) } else { boundary.index(tap, side) };
        index.map(|i| i as usize)
    })
}
