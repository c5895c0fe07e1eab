//! Second derivatives with respect to the coordinates.
#![forbid(unsafe_code)]

use crate::Error;
use crate::fixed::{Coord, Position};
use crate::image::{Image, ImageMut, Tap};
use crate::kernel::{Array, Channel, Smooth, rounding};
use crate::sample::{Sampler, Source};
use crate::walk::{Plan, Walk, Warp};

impl<K: Smooth, P: Tap> Sampler<K, P> {
    /// The second derivatives (xx, xy, yy) of the value at (`x`, `y`), in grey levels per pixel
    /// squared: Q14 for integer channels (of 16 bits saturating at +-131072), `f32` for `f32`.
    ///
    /// **Definition.** As [`partials`](Self::partials): xx is the sum with curvatures along x and
    /// weights along y, xy that with slopes along both, yy that with weights and curvatures. They are
    /// the derivatives of the partials over the extended image; where those have a kink, from the
    /// right. Zero where [`Boundary::Transparent`](crate::Boundary::Transparent) has no value.
    ///
    /// ```
    /// use nonius::{Boundary, Cubic, Image, Sampler};
    /// let squares: [u8; 16] = core::array::from_fn(|i| (i * i) as u8);
    /// let sampler = Sampler::new(Cubic::<-50>, Boundary::Replicate);
    /// let (xx, xy, yy) = sampler.hessian(Image::new(&squares, 16, 1)?, 4.25, 0);
    /// assert_eq!((xx, xy, yy), (2 << 14, 0, 0));
    /// # Ok::<(), nonius::Error>(())
    /// ```
    pub fn hessian(
        &self,
        image: Image<'_, P>,
        x: impl Into<Coord>,
        y: impl Into<Coord>,
    ) -> (P::Derivative, P::Derivative, P::Derivative) {
        let to = rounding::<K, P::Channel>();
        let mut out = [P::zero_derivative(); 3];
        hessian_at(&self.kernel, &self.source(image), [x.into().round(to), y.into().round(to)], &mut out);
        let [xx, xy, yy] = out;
        (xx, xy, yy)
    }

    /// Writes the second derivatives at `warp(x, y)` for every destination pixel (x, y), as
    /// [`hessian`](Self::hessian) defines them, to three planes: xx, xy, yy.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] if the planes, or a map, differ in size; nothing is written then.
    pub fn warp_hessian<W: Warp>(
        &self,
        source: Image<'_, P>,
        planes: [&mut ImageMut<'_, P::Derivative>; 3],
        warp: &W,
    ) -> Result<(), Error> {
        let [xx, xy, yy] = planes;
        let (width, height) = (xx.width(), xx.height());
        let same = [&*xy, &*yy].iter().all(|plane| (plane.width(), plane.height()) == (width, height));
        if !same || !warp.covers(width, height) {
            return Err(Error::SizeMismatch);
        }
        let plan = warp.plan();
        let (source, to) = (self.source(source), rounding::<K, P::Channel>());
        for (y, ((xx, xy), yy)) in xx.rows_mut().zip(xy.rows_mut()).zip(yy.rows_mut()).enumerate() {
            for (x, mut walk, len) in plan.row(y, width) {
                let pixels = xx.iter_mut().zip(xy.iter_mut()).zip(yy.iter_mut()).skip(x).take(len);
                for ((xx, xy), yy) in pixels {
                    let mut out = [P::zero_derivative(); 3];
                    hessian_at(&self.kernel, &source, walk.position(to), &mut out);
                    [*xx, *xy, *yy] = out;
                    walk.step();
                }
            }
        }
        Ok(())
    }
}

/// The second derivatives at a position, which may be anywhere. Leaves zeros where `Transparent`
/// leaves the destination.
fn hessian_at<K: Smooth, P: Tap>(
    kernel: &K,
    source: &Source<'_, P>,
    at: [Position; 2],
    out: &mut [P::Derivative; 3],
) {
    let taps = source.footprint(kernel, at);
    if taps.left {
        return;
    }
    // As for the partials: what has a slope counts, whether it has a weight or not.
    let ([x, y], [all_x, all_y]) = (taps.index, source.sloped_indices::<K>(at));
    let [fx, fy] = at.map(|p| P::Channel::fraction(p.fraction));
    let ([sx, sy], [cx, cy]) =
        ([kernel.slopes(fx), kernel.slopes(fy)], [kernel.curvatures(fx), kernel.curvatures(fy)]);
    let [wx, wy] = taps.weights;
    let [xx, xy, yy] = out.each_mut().map(|d| P::flatten_derivatives(core::slice::from_mut(d)));
    for (c, ((xx, xy), yy)) in xx.iter_mut().zip(xy).zip(yy).enumerate() {
        let row = |index: &[_; 2], j: usize| K::Taps::from_fn(|i| source.tap::<K>(index, i, j, c));
        let (index_xx, index_xy, index_yy) = ([all_x, y], [all_x, all_y], [x, all_y]);
        let rows = K::Taps::from_fn(|j| P::Channel::horizontal_slope(&row(&index_xx, j), &cx));
        *xx = P::Channel::curvature_x(&rows, &wy);
        let rows = K::Taps::from_fn(|j| P::Channel::horizontal_slope(&row(&index_xy, j), &sx));
        *xy = P::Channel::curvature_y(&rows, &sy);
        let rows = K::Taps::from_fn(|j| P::Channel::horizontal(&row(&index_yy, j), &wx));
        *yy = P::Channel::curvature_y(&rows, &cy);
    }
}
