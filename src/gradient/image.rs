//! The adjoint of a warp.
#![forbid(unsafe_code)]

use crate::Error;
use crate::fixed::Position;
use crate::image::{Image, ImageMut, Tap};
use crate::kernel::{Channel, Linear};
use crate::sample::Sampler;
use crate::walk::{Plan, Walk, Warp};

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
        warp: &W,
        gradient: &mut ImageMut<'_, P::Adjoint>,
    ) -> Result<(), Error> {
        self.push(cotangent, warp, |at, cotangent| {
            self.kernel.scatter(&self.boundary, at, cotangent, gradient);
        })
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
        warp: &W,
        gradient: &mut ImageMut<'_, P::Derivative>,
    ) -> Result<(), Error> {
        let size = (gradient.width(), gradient.height());
        self.push(cotangent, warp, |at, cotangent| {
            self.kernel.taps(&self.boundary, size, at, |x, y, wx, wy| {
                let Some(pixel) = gradient.get_mut(x, y) else { return };
                let sums = P::flatten_derivatives(core::slice::from_mut(pixel));
                for (sum, &value) in sums.iter_mut().zip(cotangent) {
                    P::Channel::scatter_q14(sum, value, wx, wy);
                }
            });
        })
    }

    /// Calls `add(position, cotangent)` for every destination pixel.
    fn push<W: Warp>(
        &self,
        cotangent: Image<'_, P::Cotangent>,
        warp: &W,
        mut add: impl FnMut([Position; 2], &[<P::Channel as Channel>::Cotangent]),
    ) -> Result<(), Error> {
        let width = cotangent.width();
        if !warp.covers(width, cotangent.height()) {
            return Err(Error::SizeMismatch);
        }
        let plan = warp.plan();
        let to = K::rounding::<P::Channel>();
        for (y, row) in cotangent.rows().enumerate() {
            for (x, mut walk, len) in plan.row(y, width) {
                for value in row.iter().skip(x).take(len) {
                    let value = P::flatten_cotangents(core::slice::from_ref(value));
                    add(walk.position(to), value);
                    walk.step();
                }
            }
        }
        Ok(())
    }
}
