//! The adjoint of a warp.
#![forbid(unsafe_code)]

use crate::Error;
use crate::image::{Image, ImageMut, Tap};
use crate::kernel::Linear;
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
    /// **Headroom.** The `i64` accumulators are in Q28 times the unit of `cotangent` and wrap beyond
    /// 2^63: a source pixel may be tapped with full weight by 2^35 / |cotangent| destination pixels,
    /// a million for a 15-bit cotangent. `f32` sums are in `f32`, destination pixels and taps in
    /// row-major order, each term `cotangent * (wx * wy)`.
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
                    self.kernel.scatter(&self.boundary, walk.position(to), value, gradient);
                    walk.step();
                }
            }
        }
        Ok(())
    }
}
