//! The partials of a whole warp.
#![forbid(unsafe_code)]

use crate::Error;
use crate::image::{Image, ImageMut, Tap};
use crate::kernel::Interpolator;
use crate::parallel::Bands;
use crate::sample::{Sampler, Source};
use crate::simd::{Lanes, Level, Operation};
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
        let (planes, plan) = ([dx.reborrow(), dy.reborrow()], warp.plan());
        // (The same code at every level, but for runs.)
        self.threads.run(Level::SCALAR, Rows { sampler: self, source: self.source(source), planes, plan });
        Ok(())
    }
}

/// The partials of the pixels of a run, and their values if those are asked for.
// (All that needs them is compiled once, and this once a level for all of it.)
pub(crate) struct PartialsRun<'a, K, P: Tap, W, const VALUES: bool> {
    pub(crate) kernel: &'a K,
    pub(crate) source: &'a Source<'a, P>,
    pub(crate) walk: &'a W,
    pub(crate) values: &'a mut [P::Sampled],
    pub(crate) dx: &'a mut [P::Derivative],
    pub(crate) dy: &'a mut [P::Derivative],
}

impl<K: Interpolator, P: Tap, W: Walk, const VALUES: bool> Operation for PartialsRun<'_, K, P, W, VALUES> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { kernel, source, walk, values, dx, dy } = self;
        let values = if VALUES { values } else { Default::default() };
        kernel.partials_run::<L, P, W>(source, walk, values, dx, dy);
    }
}

struct Rows<'a, K, P: Tap, N> {
    sampler: &'a Sampler<K, P>,
    source: Source<'a, P>,
    planes: [ImageMut<'a, P::Derivative>; 2],
    plan: N,
}

impl<K: Interpolator, P: Tap, N: Plan> Operation for Rows<'_, K, P, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { sampler, source, planes: [mut dx, mut dy], plan } = self;
        let (width, level) = (dx.width(), sampler.level());
        for (y, (dx, dy)) in dx.rows_mut().zip(dy.rows_mut()).enumerate() {
            for (x, walk, len) in plan.row(y, width) {
                let (Some(dx), Some(dy)) = (dx.get_mut(x..x + len), dy.get_mut(x..x + len)) else { return };
                let (kernel, source) = (&sampler.kernel, &source);
                level.run(PartialsRun::<_, _, _, false> {
                    kernel,
                    source,
                    walk: &walk,
                    values: &mut [],
                    dx,
                    dy,
                });
            }
        }
    }
}

impl<K: Interpolator, P: Tap, N: Plan> Bands for Rows<'_, K, P, N> {
    fn size(&self) -> [usize; 2] {
        let [dx, _] = &self.planes;
        [dx.width(), dx.height()]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let plan = self.plan.below(at);
        let [dx, dy] = self.planes;
        let ((dx, dx_below), (dy, dy_below)) = (dx.split_rows(at), dy.split_rows(at));
        (Self { planes: [dx, dy], ..self }, Self { planes: [dx_below, dy_below], plan, ..self })
    }
    fn join((): (), (): ()) {}
}
