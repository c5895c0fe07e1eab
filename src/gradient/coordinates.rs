//! The partials of a whole warp.
#![forbid(unsafe_code)]

use crate::Error;
use crate::image::{Image, ImageMut, Tap};
use crate::kernel::Interpolator;
use crate::sample::Sampler;
use crate::walk::{Plan, Walk, Warp};

impl<K: Interpolator, P: Tap> Sampler<K, P> {
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
        let (source, to) = (self.source(source), K::partials_rounding::<P::Channel>());
        for (y, (dx, dy)) in dx.rows_mut().zip(dy.rows_mut()).enumerate() {
            for (x, mut walk, len) in plan.row(y, width) {
                let pixels = dx.iter_mut().zip(dy.iter_mut()).skip(x).take(len);
                for (dx, dy) in pixels {
                    let (dx, dy) = (core::slice::from_mut(dx), core::slice::from_mut(dy));
                    self.kernel.partials(
                        &source,
                        walk.position(to),
                        P::flatten_derivatives(dx),
                        P::flatten_derivatives(dy),
                    );
                    walk.step();
                }
            }
        }
        Ok(())
    }
}
