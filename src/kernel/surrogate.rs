//! Surrogate gradients: values by one rule, partials by another.
//!
//! In: two rules. Out: a rule with the values and the adjoint of the first one and the partials of
//! the second one, and so its parameter gradients.
#![forbid(unsafe_code)]

use core::ops::Range;

use super::interpolator::WeightOf;
use super::{Channel, Interpolator, Kernel, Linear};
use crate::boundary::Boundary;
use crate::fixed::{Position, Rounding, Weight};
use crate::image::{RowsMut, Tap};
use crate::sample::Source;
use crate::simd::Lanes;
use crate::simd::scatter::Accumulator;
use crate::walk::Walk;

/// Values and adjoint of `V`, partials (and with them parameter gradients) of `G`.
///
/// For a rule whose own derivative says nothing, as that of [`Nearest`](super::Nearest), which is
/// zero almost everywhere. The partials are then not the derivative of the value: they are the
/// documented partials of `G`, and named by it.
///
/// | surrogate of nearest | is | partials |
/// |---|---|---|
/// | none | `Nearest` itself | zero |
/// | `StraightThrough` | `Surrogate::new(Nearest, StraightThrough)` | central difference at the rounded pixel |
/// | `Bilinear` | `Surrogate::new(Nearest, Bilinear)` | of bilinear interpolation: the exact gradient of the *expected* value of nearest sampling under uniform dither of +-1/2 px |
/// | `Linearized` | `Surrogate::new(Nearest, Linearized::footprint(&warp, x, y)?)` | slope of the least-squares plane through the [footprint of the warp](super::Linearized) |
///
/// They serve other rules just as well: [`WeightedNearest`](super::WeightedNearest) with a share
/// that is flat at lattice points sees no gradient there either.
///
/// ```
/// use nonius::{Bilinear, Boundary, Image, Nearest, Sampler, Surrogate};
/// let image = Image::new(&[0u8, 100], 2, 1)?;
/// let sampler = Sampler::new(Surrogate::new(Nearest, Bilinear), Boundary::Replicate);
/// assert_eq!(sampler.sample(image, 0.25, 0), Some(0));
/// assert_eq!(sampler.partials(image, 0.25, 0), (100 << 14, 0));
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surrogate<V, G> {
    value: V,
    gradient: G,
}

impl<V: Interpolator, G: Interpolator> Surrogate<V, G> {
    /// Values of `value`, partials of `gradient`.
    pub const fn new(value: V, gradient: G) -> Self {
        Self { value, gradient }
    }
}

impl<V: Interpolator, G: Interpolator> Interpolator for Surrogate<V, G> {
    type Values = V::Values;

    #[inline(always)]
    fn values(&self) -> V::Values {
        self.value.values()
    }

    #[inline(always)]
    fn partials_rounding<C: Channel>() -> Rounding {
        G::partials_rounding::<C>()
    }
    #[inline(always)]
    fn partials<P: Tap>(
        &self,
        source: &Source<'_, P>,
        at: [Position; 2],
        dx: &mut [<P::Channel as Channel>::Derivative],
        dy: &mut [<P::Channel as Channel>::Derivative],
    ) {
        self.gradient.partials(source, at, dx, dy);
    }
    #[inline(always)]
    fn partials_run<L: Lanes, P: Tap, W: Walk>(
        &self,
        source: &Source<'_, P>,
        walk: &W,
        values: &mut [P::Sampled],
        dx: &mut [P::Derivative],
        dy: &mut [P::Derivative],
    ) {
        if !values.is_empty() {
            self.values().fill_run::<L, P, W, _>(source, walk, <P::Sampled>::flatten_mut(values), false);
        }
        self.gradient.partials_run::<L, P, W>(source, walk, &mut [], dx, dy);
    }
}

impl<V: Linear, G: Interpolator> Linear for Surrogate<V, G> {
    #[inline(always)]
    fn taps<P: Tap>(
        &self,
        boundary: &Boundary<P>,
        size: (usize, usize),
        at: [Position; 2],
        tap: impl FnMut(usize, usize, WeightOf<P>, WeightOf<P>),
    ) -> bool {
        self.value.taps(boundary, size, at, tap)
    }
    #[inline(always)]
    fn scatter_run<L: Lanes, P: Tap, F: Accumulator<P>, W: Walk>(
        &self,
        boundary: &Boundary<P>,
        walk: &W,
        cotangents: &[P::Cotangent],
        gradient: &mut RowsMut<'_, F::Pixel>,
    ) {
        self.value.scatter_run::<L, P, F, W>(boundary, walk, cotangents, gradient);
    }
    #[inline(always)]
    fn misses<P: Tap, W: Walk>(
        boundary: &Boundary<P>,
        size: (usize, usize),
        rows: &Range<usize>,
        walk: &W,
        len: usize,
    ) -> bool {
        V::misses(boundary, size, rows, walk, len)
    }
}

/// The nearest pixel, with the central difference of its neighbours as partials: a gradient passed
/// straight through the rounding. Values as [`Nearest`](super::Nearest).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StraightThrough;

impl Kernel for StraightThrough {
    type Taps<T: Copy> = [T; 3];

    #[inline(always)]
    fn weights<W: Weight>(&self, _: W) -> [W; 3] {
        [W::zero(), W::one(), W::zero()]
    }
    #[inline(always)]
    fn slopes<W: Weight>(&self, _: W) -> [W; 3] {
        let half = W::constant(1 << 29);
        [W::zero() - half, W::zero(), half]
    }
}
