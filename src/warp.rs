//! The driver: rows, runs, spans, and for each span the edge or the interior.
//!
//! In: a sampler, a source and a warp. Out: the destination, row by row. Nothing is stored between
//! rows, so any band of rows gives the bits of the whole.
#![forbid(unsafe_code)]

use crate::Error;
use crate::boundary::Boundary;
use crate::image::{Image, ImageMut, Pixel};
use crate::kernel::{Kernel, fraction_bits};
use crate::sample::Sampler;
use crate::simd::{self, Lanes, Operation};
use crate::span::{self, Area};
use crate::walk::{Plan, Walk, Warp};

impl<K: Kernel, P: Pixel> Sampler<K, P> {
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
        destination: &mut ImageMut<'_, P>,
        warp: &W,
    ) -> Result<(), Error> {
        if !warp.covers(destination.width(), destination.height()) {
            return Err(Error::SizeMismatch);
        }
        let plan = warp.plan();
        self.level.run(Rows { sampler: self, source, destination, plan });
        Ok(())
    }

    /// The pixels of a run: edge, interior, edge (and again, where a walk turns back).
    #[inline(always)]
    fn fill_run<L: Lanes, W: Walk>(&self, source: Image<'_, P>, walk: &W, out: &mut [P]) {
        let bits = fraction_bits::<K, P::Channel>();
        let (width, height) = (source.width(), source.height());
        let len = out.len();
        let (mut done, mut end) = (0, len);
        if walk.monotone(len) {
            // Pixels none of whose taps are inside need no look at the source.
            let outside = match self.boundary {
                Boundary::Constant(v) => Some(Some(v)),
                Boundary::Transparent => Some(None),
                _ => None,
            };
            if let Some(value) = outside {
                let touching = span::interior(walk, 0, len, bits, &Area::touching::<K>(width, height));
                (done, end) = (touching.start, touching.end);
                if let Some(v) = value {
                    for rest in [0..done, end..len] {
                        out.get_mut(rest).unwrap_or_default().fill(v);
                    }
                }
            }
        }
        let area = Area::new::<K>(width, height);
        while done < end {
            let mut range = span::interior(walk, done, end, bits, &area);
            if let Some(out) = out.get_mut(done..range.start) {
                self.edge(source, &walk.at(done), out);
            }
            if let Some(out) = out.get_mut(range.clone())
                && !simd::interior::<L, P, K, W, _>(
                    &self.kernel,
                    source,
                    &walk.at(range.start),
                    P::flatten_mut(out),
                )
            {
                // Not reached, since the span is exact; were it not, the result would still be.
                range.end = range.start;
            }
            done = range.end;
            if range.is_empty() || walk.monotone(len) {
                if let Some(out) = out.get_mut(done..end) {
                    self.edge(source, &walk.at(done), out);
                }
                break;
            }
        }
    }

    /// Pixels of which some taps are outside.
    #[inline(never)]
    fn edge<W: Walk>(&self, source: Image<'_, P>, walk: &W, out: &mut [P]) {
        let bits = fraction_bits::<K, P::Channel>();
        let mut walk = walk.clone();
        for pixel in out {
            self.value(source, walk.position(bits), P::flatten_mut(core::slice::from_mut(pixel)));
            walk.step();
        }
    }
}

struct Rows<'a, 'd, K, P, N> {
    sampler: &'a Sampler<K, P>,
    source: Image<'a, P>,
    destination: &'a mut ImageMut<'d, P>,
    plan: N,
}

impl<K: Kernel, P: Pixel, N: Plan> Operation for Rows<'_, '_, K, P, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let width = self.destination.width();
        for (y, row) in self.destination.rows_mut().enumerate() {
            for (x, walk, len) in self.plan.row(y, width) {
                if let Some(out) = row.get_mut(x..x + len) {
                    self.sampler.fill_run::<L, _>(self.source, &walk, out);
                }
            }
        }
    }
}
