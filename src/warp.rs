//! The driver: rows and runs. A kernel splits a run into spans, edge and interior.
//!
//! In: a sampler, a source and a warp. Out: the destination, row by row. Nothing is stored between
//! rows, so any band of rows gives the bits of the whole.
#![forbid(unsafe_code)]

use crate::Error;
use crate::image::{Image, ImageMut, Planes, PlanesMut, Tap};
use crate::kernel::Interpolator;
use crate::parallel::Bands;
use crate::sample::Sampler;
use crate::simd::{Lanes, Level, Operation};
use crate::walk::{Plan, Warp};

impl<K: Interpolator, P: Tap> Sampler<K, P> {
    /// Warps `source` into `destination`: each destination pixel (x, y) becomes the value at
    /// `warp(x, y)` (inverse mapping). `warp` is a [`Transform`](crate::Transform) or a
    /// [`Map`](crate::Map).
    ///
    /// ```
    /// use nonius::{Bilinear, Boundary, Image, ImageMut, Sampler, Translation};
    /// let source = [0u8, 10, 20, 30];
    /// let mut out = [0u8; 4];
    /// let sampler = Sampler::new(Bilinear, Boundary::Replicate);
    /// let shift = Translation::new(0.5, 0.0)?;
    /// sampler.warp(Image::new(&source, 4, 1)?, &mut ImageMut::new(&mut out, 4, 1)?, &shift)?;
    /// assert_eq!(out, [5, 15, 25, 30]);
    /// # Ok::<(), nonius::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] if `warp` is a map whose size is not the destination's; nothing is
    /// written then. A transform cannot fail.
    pub fn warp<W: Warp>(
        &self,
        source: Image<'_, P>,
        destination: &mut ImageMut<'_, P::Sampled>,
        warp: &W,
    ) -> Result<(), Error> {
        if !warp.covers(destination.width(), destination.height()) {
            return Err(Error::SizeMismatch);
        }
        let plan = warp.plan();
        let level = self.level_along(&plan);
        let destination = destination.reborrow();
        self.threads.run(level, Rows { sampler: self.of_values(), source, destination, plan });
        Ok(())
    }

    /// The level at which values along a plan are drawn.
    pub(crate) fn level_along(&self, plan: &impl Plan) -> Level {
        let level = self.level();
        level.along(
            plan.frame().map(|frame| frame.step),
            K::Values::TAPS,
            P::CHANNELS,
            size_of::<P::Channel>(),
        )
    }

    /// Warps each of several images of one size, the planes of a planar image or a batch, by the
    /// same warp: as that many calls of [`warp`](Self::warp), in bits and in cost. Coordinates are
    /// computed for every plane anew.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] if source and destination differ in number, or as
    /// [`warp`](Self::warp); nothing is written then.
    pub fn warp_planes<W: Warp>(
        &self,
        source: Planes<'_, P>,
        destination: &mut PlanesMut<'_, P::Sampled>,
        warp: &W,
    ) -> Result<(), Error> {
        if source.count() != destination.count() {
            return Err(Error::SizeMismatch);
        }
        for (i, source) in source.iter().enumerate() {
            if let Some(mut plane) = destination.get_mut(i) {
                self.warp(source, &mut plane, warp)?;
            }
        }
        Ok(())
    }
}

struct Rows<'a, K, P: Tap, N> {
    sampler: Sampler<K, P>,
    source: Image<'a, P>,
    destination: ImageMut<'a, P::Sampled>,
    plan: N,
}

impl<K: Interpolator, P: Tap, N: Plan> Operation for Rows<'_, K, P, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let source = self.sampler.source(self.source);
        if L::LEN == 1 && self.sampler.kernel.fill_all(&source, &self.plan, &mut self.destination) {
            return;
        }
        let width = self.destination.width();
        let area = K::area(self.source.width(), self.source.height());
        for (y, row) in self.destination.rows_mut().enumerate() {
            let inside = self.plan.inside(y, 0..width, &area);
            for (x, walk, len) in self.plan.row(y, width) {
                if let Some(out) = row.get_mut(x..x + len) {
                    let out = <P::Sampled>::flatten_mut(out);
                    self.sampler.kernel.fill_run::<L, P, _, _>(&source, &walk, out, inside);
                }
            }
        }
    }
}

impl<K: Interpolator, P: Tap, N: Plan> Bands for Rows<'_, K, P, N> {
    fn size(&self) -> [usize; 2] {
        [self.destination.width(), self.destination.height()]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let plan = self.plan.below(at);
        let (above, below) = self.destination.split_rows(at);
        (Self { destination: above, ..self }, Self { destination: below, plan, ..self })
    }
    fn join((): (), (): ()) {}
}
