//! The adjoint of a warp.
#![forbid(unsafe_code)]

use crate::Error;
use crate::image::{Image, ImageMut, RowsMut, Tap};
use crate::kernel::Linear;
use crate::parallel::Bands;
use crate::sample::Sampler;
use crate::simd::scatter::{Accumulator, Exact, Short};
use crate::simd::{Lanes, Operation};
use crate::walk::{Plan, RUN, Walk, Warp};

impl<K: Linear, P: Tap> Sampler<K, P> {
    /// Adds to `gradient` the adjoint of the warp applied to `cotangent`: the derivative of
    /// `sum cotangent V` with respect to each source pixel, where V is the warped image (exact
    /// transpose; Jaderberg et al. 2015, eq. 6).
    ///
    /// `cotangent` has the destination's size, `gradient` the source's. The operator is the warp
    /// before its roundings: the value of a pixel is the sum over its taps of `wx wy p`, with
    /// weights `wx wy` in Q28, exact for 8-bit channels and rounded half up to Q28 for 16-bit ones.
    /// So `<W x, y> = <x, W' y>` holds to the last bit in integers. Taps of weight zero, taps under `Constant`, and
    /// pixels that `Transparent` leaves, add nothing; other boundaries fold their taps back.
    ///
    /// **Headroom.** The `i64` accumulators are in Q28 times the unit of `cotangent`. A source pixel
    /// may be tapped with full weight by 2^35 / |cotangent| destination pixels, a million for a
    /// 15-bit cotangent. Whatever the warp, nothing overflows while the sum of |cotangent| over the
    /// destination is below 2^35 for a kernel without negative weights, below 2^33 for any (the
    /// absolute weights of one pixel sum to at most 4): 8-bit residuals of 5792 x 5792 pixels, 15-bit
    /// ones of 512 x 512. Within that, sums are exact in any order; beyond, an accumulator stays at
    /// the end of its range instead of wrapping, with destination pixels and taps in row-major
    /// order. `f32` sums are in `f32`, in that order, each term `cotangent * (wx * wy)`.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] if `warp` is a map whose size is not the cotangent's; nothing is
    /// written then.
    pub fn adjoint<W: Warp>(
        &self,
        cotangent: Image<'_, P::Cotangent>,
        gradient: &mut ImageMut<'_, P::Adjoint>,
        warp: &W,
    ) -> Result<(), Error> {
        self.push::<W, Exact>(cotangent, gradient, warp)
    }

    /// As [`adjoint`](Self::adjoint) in half the memory: integer channels in `i32` accumulators in
    /// Q14, the format of [`partials`](Self::partials) (`f32` channels in `f32`, the same).
    ///
    /// The products of weights are rounded half up to Q14, so each tap is within 2^-15 |cotangent|
    /// of the exact transpose.
    ///
    /// **Headroom.** A source pixel may be tapped with full weight by 2^17 / |cotangent| destination
    /// pixels: 514 for 8-bit residuals, which is a magnification of 22 both ways. Whatever the warp,
    /// nothing overflows while the sum of |cotangent| over the destination is below 2^17 for a
    /// kernel without negative weights, below 2^15 for any. Beyond, accumulators stay at the ends of
    /// their range.
    ///
    /// # Errors
    /// As [`adjoint`](Self::adjoint).
    pub fn adjoint_q14<W: Warp>(
        &self,
        cotangent: Image<'_, P::Cotangent>,
        gradient: &mut ImageMut<'_, P::Derivative>,
        warp: &W,
    ) -> Result<(), Error> {
        self.push::<W, Short>(cotangent, gradient, warp)
    }

    fn push<W: Warp, F: Accumulator<P>>(
        &self,
        cotangent: Image<'_, P::Cotangent>,
        gradient: &mut ImageMut<'_, F::Pixel>,
        warp: &W,
    ) -> Result<(), Error> {
        if !warp.covers(cotangent.width(), cotangent.height()) {
            return Err(Error::SizeMismatch);
        }
        let (plan, gradient) = (warp.plan(), RowsMut::all(gradient.reborrow()));
        let level = self.level();
        self.threads.run(level, Adjoint::<_, P, _, F> { sampler: self, cotangent, plan, gradient });
        Ok(())
    }
}

/// Bands are rows of the gradient: each goes over all cotangents, and adds those of its taps.
struct Adjoint<'a, K, P: Tap, N, F: Accumulator<P>> {
    sampler: &'a Sampler<K, P>,
    cotangent: Image<'a, P::Cotangent>,
    plan: N,
    gradient: RowsMut<'a, F::Pixel>,
}

impl<K: Linear, P: Tap, N: Plan, F: Accumulator<P>> Operation for Adjoint<'_, K, P, N, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { sampler, cotangent, plan, mut gradient } = self;
        let (width, rows) = (cotangent.width(), gradient.range());
        for (y, row) in cotangent.rows().enumerate() {
            for (x, walk, len) in plan.row(y, width) {
                let values = row.get(x..x + len).unwrap_or_default();
                // (Of all rows none can be missed.)
                let part = if gradient.is_band() { RUN } else { len.max(1) };
                for (k, values) in values.chunks(part).enumerate() {
                    let walk = walk.at(k * part);
                    let missed = gradient.is_band()
                        && K::misses(&sampler.boundary, gradient.size(), &rows, &walk, values.len());
                    if !missed {
                        sampler.kernel.scatter_run::<L, P, F, _>(
                            &sampler.boundary,
                            &walk,
                            values,
                            &mut gradient,
                        );
                    }
                }
            }
        }
    }
}

impl<K: Linear, P: Tap, N: Plan, F: Accumulator<P>> Bands for Adjoint<'_, K, P, N, F> {
    fn size(&self) -> [usize; 2] {
        let rows = self.gradient.range().len().max(1);
        [(self.cotangent.width() * self.cotangent.height()).div_ceil(rows), rows]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let (above, below) = self.gradient.split(at);
        (Self { gradient: above, ..self }, Self { gradient: below, ..self })
    }
    fn join((): (), (): ()) {}
}
