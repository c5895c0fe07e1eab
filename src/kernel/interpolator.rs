//! How a sampler computes values, partials and adjoint: by a [`Kernel`], or otherwise.
//!
//! In: a source (image and boundary) and a rounded position. Out: value, partials, or what a
//! cotangent adds to the source. Every [`Kernel`] is an [`Interpolator`] and [`Linear`]; what is no
//! kernel (a rule whose weights depend on the image, or whose partials are those of another rule)
//! implements these traits itself.
#![forbid(unsafe_code)]

use core::ops::Range;

use super::{Array, Channel, Kernel, Output, rounding, support};
use crate::boundary::{Boundary, Patch};
use crate::fixed::{Position, Rounding, Weight, round_coordinate};
use crate::image::{Image, ImageMut, RowsMut, Tap};
use crate::sample::{Footprint, Source, footprint};
use crate::simd::block::Outside;
use crate::simd::scatter::Accumulator;
use crate::simd::{self, Lanes, One};
use crate::span::{self, Area, InRows, Spans};
use crate::walk::{AffineWalk, Frame, Plan, Walk};

/// A rule that gives value and partials at a position. Implemented for every [`Kernel`], and for
/// [`Surrogate`](super::Surrogate) and its like; its methods are not for direct use.
///
/// All that is about values is, unless a rule says otherwise, as in the rule that makes its values.
pub trait Interpolator: Copy + Send + Sync {
    /// Whether a value is made of no more than the two pixels around the coordinate, along each
    /// axis.
    #[doc(hidden)]
    const NARROW: bool = <Self::Values as Interpolator>::NARROW;

    /// The rule that makes the values: this one itself, unless all it has of its own are partials. What
    /// needs values only asks it, and is not compiled twice.
    #[doc(hidden)]
    type Values: Interpolator;

    #[doc(hidden)]
    fn values(&self) -> Self::Values;

    /// How many taps along each axis a value is the sum of; 0 for a rule that is no such sum.
    #[doc(hidden)]
    const TAPS: usize = 0;

    /// How coordinates of values are rounded.
    #[doc(hidden)]
    #[inline(always)]
    fn rounding<C: Channel>() -> Rounding {
        <Self::Values as Interpolator>::rounding::<C>()
    }

    /// The cells from which everything that a value needs is inside an image of this size.
    #[doc(hidden)]
    #[inline(always)]
    fn area(width: usize, height: usize) -> Area {
        <Self::Values as Interpolator>::area(width, height)
    }

    /// How coordinates of partials are rounded.
    #[doc(hidden)]
    #[inline(always)]
    fn partials_rounding<C: Channel>() -> Rounding {
        Self::rounding::<C>()
    }

    /// Writes the channels of the value at a position, unless the destination is to be left.
    #[doc(hidden)]
    #[inline(always)]
    fn value<P: Tap, O: Output<P::Channel>>(
        &self,
        source: &Source<'_, P>,
        at: [Position; 2],
        out: &mut [O],
    ) -> bool {
        self.values().value(source, at, out)
    }

    /// Writes the channels of the partials at a position, which may be anywhere.
    #[doc(hidden)]
    fn partials<P: Tap>(
        &self,
        source: &Source<'_, P>,
        at: [Position; 2],
        dx: &mut [<P::Channel as Channel>::Derivative],
        dy: &mut [<P::Channel as Channel>::Derivative],
    );

    /// All of a warp at once, if there is a way for it. False, with nothing done, otherwise.
    #[doc(hidden)]
    #[inline(always)]
    fn fill_all<P: Tap, N: Plan>(&self, _: &Source<'_, P>, _: &N, _: &mut ImageMut<'_, P::Sampled>) -> bool {
        false
    }

    /// The channels of the pixels of a run of a warp; whether it is known that all of them are far from the border.
    #[doc(hidden)]
    #[inline(always)]
    fn fill_run<L: Lanes, P: Tap, W: Walk, O: Output<P::Channel>>(
        &self,
        source: &Source<'_, P>,
        walk: &W,
        out: &mut [O],
        inside: bool,
    ) {
        let _ = inside;
        Edge { rule: self, source }.each(walk, out);
    }

    /// The partials of the pixels of a run; and their values if there is room for any, where both
    /// round coordinates the same way.
    #[doc(hidden)]
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
        simd::partials_each(self, source, walk, &mut [], dx, dy);
    }
}

/// A rule whose value is linear in the image, so that it has an adjoint. Implemented for every
/// [`Kernel`].
pub trait Linear: Interpolator {
    /// Calls `tap(column, row, wx, wy)` for each tap of the value at a position that reads a pixel of
    /// an image of this size, and has weights that are not zero; row by row. False, without a call,
    /// where the destination is left.
    #[doc(hidden)]
    fn taps<P: Tap>(
        &self,
        boundary: &Boundary<P>,
        size: (usize, usize),
        at: [Position; 2],
        tap: impl FnMut(usize, usize, WeightOf<P>, WeightOf<P>),
    ) -> bool;

    /// Adds a cotangent (by channels) to the sums of the pixels that the value at a position is
    /// made of: the transpose of the value before its roundings. What is not of the rows is left out.
    #[doc(hidden)]
    #[inline]
    fn scatter<P: Tap, F: Accumulator<P>>(
        &self,
        boundary: &Boundary<P>,
        at: [Position; 2],
        cotangent: &[<P::Channel as Channel>::Cotangent],
        gradient: &mut RowsMut<'_, F::Pixel>,
    ) {
        self.taps(boundary, gradient.size(), at, |x, y, wx, wy| {
            let Some(pixel) = gradient.get_mut(x, y) else { return };
            let sums = F::flatten(core::slice::from_mut(pixel));
            for (sum, &value) in sums.iter_mut().zip(cotangent) {
                F::add(sum, value, wx, wy);
            }
        });
    }

    /// Adds the cotangents of the pixels of a run, one after the other.
    #[doc(hidden)]
    #[inline(always)]
    fn scatter_run<L: Lanes, P: Tap, F: Accumulator<P>, W: Walk>(
        &self,
        boundary: &Boundary<P>,
        walk: &W,
        cotangents: &[P::Cotangent],
        gradient: &mut RowsMut<'_, F::Pixel>,
    ) {
        let (to, mut walk) = (Self::rounding::<P::Channel>(), walk.clone());
        for cotangent in cotangents {
            let cotangent = P::flatten_cotangents(core::slice::from_ref(cotangent));
            self.scatter::<P, F>(boundary, walk.position(to), cotangent, gradient);
            walk.step();
        }
    }

    /// Whether no pixel of a run has a tap in some rows of an image of this size. False if that is not
    /// known without a look at each.
    #[doc(hidden)]
    fn misses<P: Tap, W: Walk>(
        boundary: &Boundary<P>,
        size: (usize, usize),
        rows: &Range<usize>,
        walk: &W,
        len: usize,
    ) -> bool;
}

/// A weight for the channels of `P`.
#[doc(hidden)]
pub type WeightOf<P> = <<P as Tap>::Channel as Channel>::Weight;

/// Fills pixels of which some taps may be outside.
pub(super) struct Edge<'a, I, P> {
    pub(super) rule: &'a I,
    pub(super) source: &'a Source<'a, P>,
}

impl<I: Interpolator, P: Tap> Edge<'_, I, P> {
    /// One by one.
    #[inline(never)]
    pub(super) fn each<W: Walk, O: Output<P::Channel>>(&self, walk: &W, out: &mut [O]) {
        let to = I::rounding::<P::Channel>();
        let mut walk = walk.clone();
        for pixel in out.chunks_exact_mut(P::CHANNELS.max(1)) {
            self.rule.value(self.source, walk.position(to), pixel);
            walk.step();
        }
    }
}

impl<K: Kernel, P: Tap, W: Walk, O: Output<P::Channel>> Outside<W, P, O> for Edge<'_, K, P> {
    #[inline(always)]
    fn nothing(&self, out: &mut [O]) -> bool {
        self.source.fill_nothing(out)
    }
    #[inline(always)]
    fn constant(&self) -> Option<P> {
        match self.source.boundary {
            Boundary::Constant(v) => {
                P::flatten(core::slice::from_ref(&v)).iter().all(|v| v.is_kept()).then_some(v)
            }
            _ => None,
        }
    }
    #[inline(always)]
    fn patch(&self, patch: &mut Patch<P>, min: [i32; 2], max: [i32; 2]) -> bool {
        patch.copy(self.source, min, max)
    }
    #[inline(always)]
    fn fill(&self, walk: &W, out: &mut [O]) {
        self.each(walk, out);
    }
}

impl<K: Kernel> Interpolator for K {
    const NARROW: bool = support::<K>() <= 2;
    const TAPS: usize = support::<K>();
    type Values = K;

    #[inline(always)]
    fn values(&self) -> K {
        *self
    }

    #[inline(always)]
    fn rounding<C: Channel>() -> Rounding {
        rounding::<K, C>()
    }
    #[inline(always)]
    fn area(width: usize, height: usize) -> Area {
        Area::new::<K>(width, height)
    }

    #[inline]
    fn value<P: Tap, O: Output<P::Channel>>(
        &self,
        source: &Source<'_, P>,
        at: [Position; 2],
        out: &mut [O],
    ) -> bool {
        if let Boundary::Constant(v) = source.boundary
            && !Area::touching::<K>(source.image.width(), source.image.height()).contains(at)
        {
            for (out, &v) in out.iter_mut().zip(P::flatten(core::slice::from_ref(&v))) {
                *out = O::from_channel(v);
            }
            return true;
        }
        let taps = source.footprint(self, at);
        if taps.left {
            return false;
        }
        for (c, out) in out.iter_mut().enumerate() {
            let rows = K::Taps::from_fn(|j| {
                let row = K::Taps::from_fn(|i| source.tap::<K>(&taps.index, i, j, c));
                P::Channel::horizontal(&row, &taps.weights[0])
            });
            *out = P::Channel::finish(P::Channel::vertical(&rows, &taps.weights[1]));
        }
        true
    }

    #[inline(always)]
    fn partials<P: Tap>(
        &self,
        source: &Source<'_, P>,
        at: [Position; 2],
        dx: &mut [<P::Channel as Channel>::Derivative],
        dy: &mut [<P::Channel as Channel>::Derivative],
    ) {
        if !simd::partials_at::<P, K>(self, source.image, at, dx, dy) {
            edge_partials(self, source, at, dx, dy);
        }
    }

    #[inline(always)]
    fn fill_all<P: Tap, N: Plan>(
        &self,
        source: &Source<'_, P>,
        plan: &N,
        destination: &mut ImageMut<'_, P::Sampled>,
    ) -> bool {
        let size = [source.image.width(), source.image.height()];
        let Some(lines) = Lines::new::<K, P>(self, plan, size) else { return false };
        lines.fill::<P>(&Edge { rule: self, source }, source, destination);
        true
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
        simd::run_partials::<L, P, K, W>(self, source, walk, values, dx, dy);
    }

    /// Edge, interior, edge.
    #[inline(always)]
    fn fill_run<L: Lanes, P: Tap, W: Walk, O: Output<P::Channel>>(
        &self,
        source: &Source<'_, P>,
        walk: &W,
        out: &mut [O],
        inside: bool,
    ) {
        let to = rounding::<K, P::Channel>();
        let (width, height) = (source.image.width(), source.image.height());
        let channels = P::CHANNELS.max(1);
        let len = out.len() / channels;
        let edge = Edge { rule: self, source };
        if L::LEN > 1 || inside || !walk.monotone(len) {
            return simd::blocks::<L, P, K, W, _>(self, source.image, walk, out, &edge);
        }
        // Pixels none of whose taps are inside need no look at the source, where it is not folded.
        let touching = Area::touching::<K>(width, height);
        let touching = (!source.boundary.folds()).then_some(&touching);
        let [outer, inner] = span::parts(walk, len, to, &Area::new::<K>(width, height), touching);
        for nothing in [0..outer.start, outer.end..len] {
            let nothing = nothing.start * channels..nothing.end * channels;
            source.fill_nothing(out.get_mut(nothing).unwrap_or_default());
        }
        for part in [outer.start..inner.start, inner.end..outer.end] {
            if let Some(out) = out.get_mut(part.start * channels..part.end * channels) {
                edge.each(&walk.at(part.start), out);
            }
        }
        if let Some(out) = out.get_mut(inner.start * channels..inner.end * channels) {
            simd::blocks::<L, P, K, W, _>(self, source.image, &walk.at(inner.start), out, &edge);
        }
    }
}

/// A warp with linear coordinates, whatever the kernel: what is done by the kernel is given as [`Parts`].
struct Lines {
    frame: Frame,
    /// How coordinates are rounded.
    to: Rounding,
    /// Where all taps are inside, and how many there are beside the first one.
    inside: Area,
    beside: usize,
    /// The source pixel of the first pixel, if every pixel is a copy of one, all in the same order.
    copied: Option<[i32; 2]>,
}

/// How pixels are drawn whose coordinates are linear.
trait Parts<P: Tap> {
    /// Along a row, where some taps may be outside.
    fn edge(&self, walk: &AffineWalk, out: &mut [P::Sampled]);
    /// Where all taps are inside. False, with nothing done, where it has no way for that.
    fn inside(&self, frame: &Frame, out: &mut ImageMut<'_, P::Sampled>) -> bool;
}

impl<K: Kernel, P: Tap> Edge<'_, K, P> {
    /// Pixels all of whose taps are inside.
    // (On its own, so that its loop has the registers.)
    #[inline(never)]
    fn inside_row(&self, walk: &AffineWalk, out: &mut [<P::Sampled as Tap>::Channel]) {
        simd::blocks::<One, P, K, _, _>(self.rule, self.source.image, walk, out, self);
    }
}

impl<K: Kernel, P: Tap> Parts<P> for Edge<'_, K, P> {
    #[inline]
    fn edge(&self, walk: &AffineWalk, out: &mut [P::Sampled]) {
        self.each(walk, <P::Sampled>::flatten_mut(out));
    }

    #[inline]
    fn inside(&self, frame: &Frame, out: &mut ImageMut<'_, P::Sampled>) -> bool {
        #[cfg(thumb)]
        if let Some(drawn) = simd::frame::<P, K>(&self.source.image, frame, out) {
            return drawn;
        }
        let mut walk = frame.walk();
        for row in out.rows_mut() {
            self.inside_row(&walk, <P::Sampled>::flatten_mut(row));
            walk = walk.from(frame.down);
        }
        true
    }
}

impl Lines {
    /// Of a plan whose coordinates are linear, where halves are rounded up.
    #[inline(always)]
    fn new<K: Kernel, P: Tap>(kernel: &K, plan: &impl Plan, [width, height]: [usize; 2]) -> Option<Self> {
        let (to, frame) = (rounding::<K, P::Channel>(), plan.frame()?);
        if to.ties_to_even {
            return None;
        }
        let [x, y] = frame.at;
        let (x, y) = (round_coordinate(x, to), round_coordinate(y, to));
        let shift = frame.is_shift() && x.fraction == 0 && y.fraction == 0;
        let copied = (shift && copies::<K, P::Channel>(kernel)).then_some([x.cell, y.cell]);
        let inside = Area::new::<K>(width, height);
        Some(Self { frame, to, inside, beside: support::<K>() - 1, copied })
    }

    /// All pixels.
    #[inline(always)]
    fn fill<P: Tap>(
        &self,
        parts: &dyn Parts<P>,
        source: &Source<'_, P>,
        destination: &mut ImageMut<'_, P::Sampled>,
    ) {
        let (width, height) = (destination.width(), destination.height());
        if width == 0 || height == 0 {
            return;
        }
        if self.inside.contains_frame(&self.frame, [width, height], self.to) {
            return self.draw(parts, source, 0..width, 0..height, destination);
        }
        self.fill_spans(parts, source, destination);
    }

    /// Row by row what has no taps inside and what has some, and the same part of many rows at once where all are.
    // (On its own, so that its stack is not needed by a warp without.)
    #[inline(never)]
    fn fill_spans<P: Tap>(
        &self,
        parts: &dyn Parts<P>,
        source: &Source<'_, P>,
        destination: &mut ImageMut<'_, P::Sampled>,
    ) {
        let (width, height) = (destination.width(), destination.height());
        let size = [source.image.width(), source.image.height()];
        let known = !source.boundary.folds();
        let mut spans = Spans::new(&self.inside, self.beside, size, width, &self.frame, self.to);
        let (mut drawn, mut inner) = (0, 0..0);
        for y in 0..height {
            let (mut touching, now) = spans.next();
            let row = destination.row_mut(y);
            if !known {
                touching = 0..width;
            }
            if now != (0..width) {
                let left = (0..touching.start, touching.start..now.start);
                for (rest, part) in [left, (touching.end..width, now.end..touching.end)] {
                    if let Some(out) = row.get_mut(rest)
                        && !out.is_empty()
                    {
                        source.fill_nothing(<P::Sampled>::flatten_mut(out));
                    }
                    let first = part.start;
                    if let Some(out) = row.get_mut(part)
                        && !out.is_empty()
                    {
                        parts.edge(&self.frame.from(first, y).walk(), out);
                    }
                }
            }
            if now != inner {
                self.draw(parts, source, inner, drawn..y, destination);
                (drawn, inner) = (y, now);
            }
        }
        self.draw(parts, source, inner, drawn..height, destination);
    }

    /// Pixels all of whose taps are inside.
    #[inline(never)]
    fn draw<P: Tap>(
        &self,
        parts: &dyn Parts<P>,
        source: &Source<'_, P>,
        columns: Range<usize>,
        rows: Range<usize>,
        destination: &mut ImageMut<'_, P::Sampled>,
    ) {
        let (x, y) = (columns.start, rows.start);
        let Ok(mut out) = destination.view_mut(x, y, columns.len(), rows.len()) else { return };
        if let Some(cells) = self.copied {
            return copy(&source.image, [x, y], cells, out);
        }
        let frame = self.frame.from(x, y);
        if !parts.inside(&frame, &mut out) {
            // (Rows may be too far from each other for it.)
            row_by_row(parts, &frame, out);
        }
    }
}

// (On their own, so that their stack is not needed by what is drawn at once.)

/// Copies pixels from a cell and a place further on, which are there.
#[inline(never)]
fn copy<P: Tap>(
    source: &Image<'_, P>,
    [x, y]: [usize; 2],
    cells: [i32; 2],
    mut out: ImageMut<'_, P::Sampled>,
) {
    let [left, top] = cells.map(|cell| cell as usize);
    for (k, row) in out.rows_mut().enumerate() {
        let from = source.row((y + k).wrapping_add(top)).get(x.wrapping_add(left)..);
        for (out, pixel) in row.iter_mut().zip(from.unwrap_or_default()) {
            *out = pixel.sampled();
        }
    }
}

/// Row by row as if some taps may be outside.
#[inline(never)]
fn row_by_row<P: Tap>(parts: &dyn Parts<P>, frame: &Frame, mut out: ImageMut<'_, P::Sampled>) {
    let mut walk = frame.walk();
    for row in out.rows_mut() {
        parts.edge(&walk, row);
        walk = walk.from(frame.down);
    }
}

/// Whether values at pixels are copies of them: the middle weight is one, and the others are zero.
#[inline(always)]
fn copies<K: Kernel, C: Channel>(kernel: &K) -> bool {
    let weights = kernel.weights(<C::Weight as Weight>::zero());
    let middle = (support::<K>() - 1) / 2;
    let is = |i: usize, w: &C::Weight| *w == if i == middle { Weight::one() } else { Weight::zero() };
    weights.as_ref().iter().enumerate().all(|(i, w)| is(i, w))
}

/// The partials where some taps may be outside.
#[inline(never)]
fn edge_partials<K: Kernel, P: Tap>(
    kernel: &K,
    source: &Source<'_, P>,
    at: [Position; 2],
    dx: &mut [<P::Channel as Channel>::Derivative],
    dy: &mut [<P::Channel as Channel>::Derivative],
) {
    let taps = source.footprint(kernel, at);
    if taps.left {
        dx.fill(Default::default());
        dy.fill(Default::default());
        return;
    }
    // Horizontal slopes need the columns of weight zero too, and vertical ones the rows.
    let [x, y] = taps.index;
    let slopes = |p: Position| kernel.slopes(P::Channel::fraction(p.fraction));
    let (sx, sy) = (slopes(at[0]), slopes(at[1]));
    let all = source.sloped_indices::<K>(at);
    let index = [all[0], y];
    for (c, dx) in dx.iter_mut().enumerate() {
        let rows = K::Taps::from_fn(|j| {
            P::Channel::horizontal_slope(&K::Taps::from_fn(|i| source.tap::<K>(&index, i, j, c)), &sx)
        });
        *dx = P::Channel::finish_derivative(P::Channel::vertical(&rows, &taps.weights[1]));
    }
    let index = [x, all[1]];
    for (c, dy) in dy.iter_mut().enumerate() {
        let rows = K::Taps::from_fn(|j| {
            P::Channel::horizontal(&K::Taps::from_fn(|i| source.tap::<K>(&index, i, j, c)), &taps.weights[0])
        });
        *dy = P::Channel::finish_derivative(P::Channel::vertical_slope(&rows, &sy));
    }
}

impl<K: Kernel> Linear for K {
    #[inline]
    fn taps<P: Tap>(
        &self,
        boundary: &Boundary<P>,
        (width, height): (usize, usize),
        at: [Position; 2],
        mut tap: impl FnMut(usize, usize, WeightOf<P>, WeightOf<P>),
    ) -> bool {
        let taps = footprint::<_, _, P::Channel>(self, boundary, width, height, at);
        if !taps.left {
            each_tap::<K, P::Channel>(&taps, Weight::one(), &mut tap);
        }
        !taps.left
    }

    #[inline(always)]
    fn scatter_run<L: Lanes, P: Tap, F: Accumulator<P>, W: Walk>(
        &self,
        boundary: &Boundary<P>,
        walk: &W,
        cotangents: &[P::Cotangent],
        gradient: &mut RowsMut<'_, F::Pixel>,
    ) {
        simd::run_scatter::<L, P, F, K, W>(self, boundary, walk, cotangents, gradient);
    }

    #[inline(always)]
    fn misses<P: Tap, W: Walk>(
        boundary: &Boundary<P>,
        size: (usize, usize),
        rows: &Range<usize>,
        walk: &W,
        len: usize,
    ) -> bool {
        if len == 0 || !walk.monotone(len) {
            return false;
        }
        let to = rounding::<K, P::Channel>();
        let (min, max) = span::ends(walk, len, to);
        InRows::new::<K, P>(boundary, size, rows).misses_box(&min, &max)
    }
}

/// Calls `tap` for the taps of a footprint, whose weights along y are multiplied by a gain.
#[inline]
pub(crate) fn each_tap<K: Kernel, C: Channel>(
    taps: &Footprint<K, C>,
    gain: C::Weight,
    tap: &mut impl FnMut(usize, usize, C::Weight, C::Weight),
) {
    let ([columns, rows], [wx, wy]) = (&taps.index, &taps.weights);
    for (row, &wy) in rows.as_ref().iter().zip(wy.as_ref()) {
        let wy = wy * gain;
        for (column, &wx) in columns.as_ref().iter().zip(wx.as_ref()) {
            let zero = Weight::zero();
            if let (Some(row), Some(column)) = (*row, *column)
                && wx != zero
                && wy != zero
            {
                tap(column, row, wx, wy);
            }
        }
    }
}
