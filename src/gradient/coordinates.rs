//! The partials of a whole warp.
#![forbid(unsafe_code)]

use crate::Error;
use crate::fixed::Position;
use crate::image::{Image, ImageMut, Pixel};
use crate::kernel::{Channel, Kernel, fraction_bits};
use crate::sample::Sampler;
use crate::simd;
use crate::walk::{Plan, Walk, Warp};

impl<K: Kernel, P: Pixel> Sampler<K, P> {
    /// Writes dV/dx and dV/dy at `warp(x, y)` for every destination pixel (x, y), as
    /// [`partials`](Self::partials) defines them: grey levels per source pixel, Q14 or `f32`.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] if the two destinations, or a map, differ in size; nothing is written
    /// then.
    pub fn warp_partials<W: Warp>(
        &self,
        source: Image<'_, P>,
        dx: &mut ImageMut<'_, P::Derivative>,
        dy: &mut ImageMut<'_, P::Derivative>,
        warp: &W,
    ) -> Result<(), Error> {
        let (width, height) = (dx.width(), dx.height());
        if (width, height) != (dy.width(), dy.height()) || !warp.covers(width, height) {
            return Err(Error::SizeMismatch);
        }
        let plan = warp.plan();
        let bits = fraction_bits::<K, P::Channel>();
        for (y, (dx, dy)) in dx.rows_mut().zip(dy.rows_mut()).enumerate() {
            for (x, mut walk, len) in plan.row(y, width) {
                let pixels = dx.iter_mut().zip(dy.iter_mut()).skip(x).take(len);
                for (dx, dy) in pixels {
                    let (dx, dy) = (core::slice::from_mut(dx), core::slice::from_mut(dy));
                    self.slopes_anywhere(
                        source,
                        walk.position(bits),
                        P::flatten_derivatives(dx),
                        P::flatten_derivatives(dy),
                    );
                    walk.step();
                }
            }
        }
        Ok(())
    }

    /// The partials at a position, the fast way where all taps are inside.
    #[inline(always)]
    pub(super) fn slopes_anywhere(
        &self,
        source: Image<'_, P>,
        at: [Position; 2],
        dx: &mut [<P::Channel as Channel>::Derivative],
        dy: &mut [<P::Channel as Channel>::Derivative],
    ) {
        if !simd::partials::<P, K>(&self.kernel, source, at, dx, dy) {
            self.slopes(source, at, dx, dy);
        }
    }
}
