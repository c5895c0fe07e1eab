//! The adjoint: cotangents of neighbouring pixels, added to the taps that their values are made of.
//!
//! In: a walk, and a cotangent for each of its pixels. Out: sums in an image of accumulators, in the
//! order of the pixels, row by row of their taps. Positions and weights are made N at a time where the
//! channel has a way; sums are added one after the other, since neighbours share their taps.

use core::ops::Range;

use super::Lanes;
use super::lanes::LanesF32;
use super::steps::{Positions, Steps};
use crate::boundary::Boundary;
use crate::fixed::Position;
use crate::image::{RowsMut, Tap};
use crate::kernel::{Array, Channel, Kernel, Linear, WeightOf, first_tap, rounding};
use crate::span::{self, InRows};
use crate::walk::Walk;

/// The format of an adjoint's sums.
pub trait Accumulator<P: Tap> {
    /// Those of a pixel.
    type Pixel: Send;
    /// That of a channel.
    type Sum;
    /// Sums as channels.
    fn flatten(sums: &mut [Self::Pixel]) -> &mut [Self::Sum];
    /// Adds a cotangent times the product of the weights.
    fn add(sum: &mut Self::Sum, cotangent: CotangentOf<P>, wx: WeightOf<P>, wy: WeightOf<P>);
    /// Those that [`Channel::block_scatter`] adds to, if they are such.
    #[inline(always)]
    fn blocks(_: &mut [Self::Sum]) -> Option<&mut [<P::Channel as Channel>::Adjoint]> {
        None
    }
}

/// A cotangent for the channels of `P`.
type CotangentOf<P> = <<P as Tap>::Channel as Channel>::Cotangent;

/// In Q28: [`Channel::scatter`].
#[derive(Debug)]
pub struct Exact;

impl<P: Tap> Accumulator<P> for Exact {
    type Pixel = P::Adjoint;
    type Sum = <P::Channel as Channel>::Adjoint;
    #[inline(always)]
    fn flatten(sums: &mut [P::Adjoint]) -> &mut [Self::Sum] {
        P::flatten_adjoints(sums)
    }
    #[inline(always)]
    fn add(sum: &mut Self::Sum, cotangent: CotangentOf<P>, wx: WeightOf<P>, wy: WeightOf<P>) {
        P::Channel::scatter(sum, cotangent, wx, wy);
    }
    #[inline(always)]
    fn blocks(sums: &mut [Self::Sum]) -> Option<&mut [Self::Sum]> {
        Some(sums)
    }
}

/// In Q14: [`Channel::scatter_q14`].
#[derive(Debug)]
pub struct Short;

impl<P: Tap> Accumulator<P> for Short {
    type Pixel = P::Derivative;
    type Sum = <P::Channel as Channel>::Derivative;
    #[inline(always)]
    fn flatten(sums: &mut [P::Derivative]) -> &mut [Self::Sum] {
        P::flatten_derivatives(sums)
    }
    #[inline(always)]
    fn add(sum: &mut Self::Sum, cotangent: CotangentOf<P>, wx: WeightOf<P>, wy: WeightOf<P>) {
        P::Channel::scatter_q14(sum, cotangent, wx, wy);
    }
}

/// The accumulators of an image, channel by channel.
///
/// Invariant: as a [`Window`](super::block::Window)'s.
#[derive(Debug)]
pub struct Sums<'a, A> {
    data: &'a mut [A],
    stride: usize,
    /// Channels.
    step: usize,
    /// From the cell to the first tap, of these rows.
    first: [i32; 2],
}

impl<'a, A> Sums<'a, A> {
    #[inline(always)]
    fn new<K: Kernel, P: Tap, F: Accumulator<P, Sum = A>>(gradient: &'a mut RowsMut<'_, F::Pixel>) -> Self {
        let above = gradient.range().start as i32;
        let rows = gradient.rows_mut();
        // (The stride of an image of one row may be anything.)
        let stride = rows.stride().wrapping_mul(P::CHANNELS);
        let first = first_tap::<K>();
        Self {
            data: F::flatten(rows.elements_mut()),
            stride,
            step: P::CHANNELS,
            first: [first, first - above],
        }
    }

    /// The index of the first tap of a cell in the kernel's area.
    #[inline(always)]
    fn base(&self, x: i32, y: i32) -> usize {
        let [first_x, first_y] = self.first;
        (y + first_y) as usize * self.stride + (x + first_x) as usize * self.step
    }

    /// Adds a cotangent (by channels) to the taps of a position that the caller has found in the kernel's area.
    #[inline(always)]
    fn add_at<K: Kernel, P: Tap, F: Accumulator<P, Sum = A>>(
        &mut self,
        kernel: &K,
        at: [Position; 2],
        cotangent: &[CotangentOf<P>],
    ) {
        let [wx, wy] = at.map(|p| kernel.weights(P::Channel::fraction(p.fraction)));
        self.add::<K, P, F>(at.map(|p| p.cell), &wx, &wy, cotangent);
    }

    /// Adds a cotangent (by channels) to the taps of a pixel, whose cell the caller has found in the
    /// kernel's area.
    #[inline(always)]
    fn add<K: Kernel, P: Tap, F: Accumulator<P, Sum = A>>(
        &mut self,
        [x, y]: [i32; 2],
        wx: &K::Taps<WeightOf<P>>,
        wy: &K::Taps<WeightOf<P>>,
        cotangent: &[CotangentOf<P>],
    ) {
        let base = self.base(x, y);
        for (j, &wy) in wy.as_ref().iter().enumerate() {
            for (i, &wx) in wx.as_ref().iter().enumerate() {
                for (c, &cotangent) in cotangent.iter().enumerate().take(self.step) {
                    let index = base + j * self.stride + i * self.step + c;
                    debug_assert!(index < self.data.len());
                    // SAFETY: all taps of a cell in the area are in the image (the caller's promise).
                    F::add(unsafe { self.data.get_unchecked_mut(index) }, cotangent, wx, wy);
                }
            }
        }
    }
}

impl Sums<'_, f32> {
    /// Adds the terms of 2x2 taps, of the upper row first, of which these are the first. What the right ones of a pixel
    /// become is kept for the next pixel, whose left ones they mostly are: so it need not wait for a store.
    ///
    /// # Safety
    /// The taps are in the image.
    #[inline(always)]
    unsafe fn add_pairs<L: Lanes>(&mut self, bases: &L::Array<i32>, terms: [[&L::Array<f32>; 2]; 2]) {
        let (data, stride) = (self.data.as_mut_ptr(), self.stride);
        let size = self.data.len();
        // SAFETY: as above. Volatile, so that sums of neighbours are not loaded as one: what two stores
        // have left would have to reach memory first, at three times the cost.
        let load = |index: usize| unsafe {
            debug_assert!(index + stride < size);
            [data.add(index).read_volatile(), data.add(index + stride).read_volatile()]
        };
        // SAFETY: as above.
        let store = |index: usize, [upper, lower]: [f32; 2]| unsafe {
            *data.add(index) = upper;
            *data.add(index + stride) = lower;
        };
        let mut kept: Option<(usize, [f32; 2])> = None;
        for (l, &base) in bases.as_ref().iter().enumerate() {
            let plus = |[upper, lower]: [f32; 2], i: usize| {
                let term = |j: usize| terms[j][i].as_ref().get(l).copied().unwrap_or(0.0);
                [upper + term(0), lower + term(1)]
            };
            let base = base as usize;
            let left = match kept {
                Some((index, sums)) if index == base => sums,
                Some((index, sums)) => {
                    store(index, sums);
                    load(base)
                }
                None => load(base),
            };
            store(base, plus(left, 0));
            kept = Some((base + 1, plus(load(base + 1), 1)));
        }
        if let Some((index, sums)) = kept {
            store(index, sums);
        }
    }
}

/// Adds the cotangents of the pixels along a walk.
#[inline(always)]
pub(crate) fn run_scatter<L: Lanes, P: Tap, F: Accumulator<P>, K: Kernel, W: Walk>(
    kernel: &K,
    boundary: &Boundary<P>,
    walk: &W,
    cotangents: &[P::Cotangent],
    gradient: &mut RowsMut<'_, F::Pixel>,
) {
    // (What cannot be is not compiled.)
    if const { L::LEN == 1 || P::CHANNELS > 1 || !P::Channel::BLOCK_SCATTER } || F::blocks(&mut []).is_none()
    {
        return singly::<_, F, _, _>(kernel, boundary, walk, cotangents, gradient);
    }
    let (to, n) = (rounding::<K, P::Channel>(), L::LEN);
    let rows = InRows::new::<K, P>(boundary, gradient.size(), &gradient.range());
    let mut steps = walk.lanes::<L>(to);
    let (blocks, rest) = cotangents.split_at(cotangents.len() - cotangents.len() % n);
    for (k, block) in blocks.chunks_exact(n).enumerate() {
        let at = steps.next();
        if rows.inside.contains_lanes::<L>(at.cell) {
            let Sums { data, stride, step, first } = Sums::new::<K, P, F>(gradient);
            let Some(data) = F::blocks(data) else { return };
            P::Channel::block_scatter(
                &mut Sums { data, stride, step, first },
                &at,
                kernel,
                P::flatten_cotangents(block),
            );
        } else if !rows.misses_box(&at.min, &at.max) {
            each::<_, F, _, _>(kernel, boundary, &walk.at(k * n), block, gradient);
        }
    }
    each::<_, F, _, _>(kernel, boundary, &walk.at(blocks.len()), rest, gradient);
}

/// The same for one lane, or for pixels of which there are no blocks: the same for all levels.
#[inline(never)]
fn singly<P: Tap, F: Accumulator<P>, K: Kernel, W: Walk>(
    kernel: &K,
    boundary: &Boundary<P>,
    walk: &W,
    cotangents: &[P::Cotangent],
    gradient: &mut RowsMut<'_, F::Pixel>,
) {
    if !walk.monotone(cotangents.len()) {
        return each::<_, F, _, _>(kernel, boundary, walk, cotangents, gradient);
    }
    let to = rounding::<K, P::Channel>();
    let rows = InRows::new::<K, P>(boundary, gradient.size(), &gradient.range());
    let [outer, inner] = span::parts(walk, cotangents.len(), to, &rows.inside, rows.beside());
    let part = |range: Range<usize>| (walk.at(range.start), cotangents.get(range).unwrap_or_default());
    let (first, some) = part(outer.start..inner.start);
    each::<_, F, _, _>(kernel, boundary, &first, some, gradient);
    let (first, some) = part(inner.clone());
    inside::<_, F, _, _>(kernel, &first, some, gradient);
    let (first, some) = part(inner.end..outer.end);
    each::<_, F, _, _>(kernel, boundary, &first, some, gradient);
}

/// The same for pixels that the caller has found in the kernel's area of these rows.
// (On its own, so that its loop has the registers.)
#[inline(never)]
fn inside<P: Tap, F: Accumulator<P>, K: Kernel, W: Walk>(
    kernel: &K,
    walk: &W,
    cotangents: &[P::Cotangent],
    gradient: &mut RowsMut<'_, F::Pixel>,
) {
    let (to, mut walk) = (rounding::<K, P::Channel>(), walk.clone());
    let mut sums = Sums::new::<K, P, F>(gradient);
    for cotangent in cotangents {
        let cotangent = P::flatten_cotangents(core::slice::from_ref(cotangent));
        sums.add_at::<K, P, F>(kernel, walk.position(to), cotangent);
        walk.step();
    }
}

/// The same for any pixels.
#[inline(never)]
fn each<P: Tap, F: Accumulator<P>, K: Kernel, W: Walk>(
    kernel: &K,
    boundary: &Boundary<P>,
    walk: &W,
    cotangents: &[P::Cotangent],
    gradient: &mut RowsMut<'_, F::Pixel>,
) {
    let to = rounding::<K, P::Channel>();
    let rows = InRows::new::<K, P>(boundary, gradient.size(), &gradient.range());
    let mut walk = walk.clone();
    for cotangent in cotangents {
        let at @ [x, y] = walk.position(to);
        let cotangent = P::flatten_cotangents(core::slice::from_ref(cotangent));
        // (Of a walk that is not monotone most may be inside.)
        if rows.inside.contains(at) {
            Sums::new::<K, P, F>(gradient).add_at::<K, P, F>(kernel, at, cotangent);
        } else if !rows.misses_box(&[x.cell, y.cell], &[x.cell, y.cell]) {
            kernel.scatter::<P, F>(boundary, at, cotangent, gradient);
        }
        walk.step();
    }
}

/// A block of `f32`, whose positions the caller has found in the kernel's area.
#[inline(always)]
pub(crate) fn scatter_f32<L: Lanes, K: Kernel>(
    sums: &mut Sums<'_, f32>,
    at: &Positions<L>,
    kernel: &K,
    cotangents: &[f32],
) {
    let unit = L::f32_splat(1.0 / 16_777_216.0);
    let [wx, wy] = at.fraction.map(|f| kernel.weights(LanesF32::<L>(L::f32_mul(L::f32_from(f), unit))));
    let Some(cotangent) = L::Array::from_slice(cotangents).map(L::f32) else { return };
    let mut all = sums.data.len() <= i32::MAX as usize;
    // (A chain would not be unrolled.)
    for w in [&wx, &wy] {
        for w in w.as_ref() {
            all &= L::f32_all_nonzero(w.0);
        }
    }
    if !all {
        // Taps of weight zero are left out.
        let [x, y] = at.cell.map(L::i32_array);
        for (l, &cotangent) in cotangents.iter().enumerate() {
            let lane = |w: &LanesF32<L>| L::f32_array(w.0).as_ref().get(l).copied().unwrap_or(0.0);
            let along = |w: &K::Taps<LanesF32<L>>| K::Taps::from_fn(|i| w.as_ref().get(i).map_or(0.0, lane));
            let cell = |v: &L::Array<i32>| v.as_ref().get(l).copied().unwrap_or(0);
            sums.add::<K, f32, Exact>([cell(&x), cell(&y)], &along(&wx), &along(&wy), &[cotangent]);
        }
        return;
    }
    let mut terms = K::Taps::filled(K::Taps::filled(L::Array::filled(0.0)));
    for (terms, wy) in terms.as_mut().iter_mut().zip(wy.as_ref()) {
        for (term, wx) in terms.as_mut().iter_mut().zip(wx.as_ref()) {
            *term = L::f32_array(L::f32_mul(cotangent, L::f32_mul(wx.0, wy.0)));
        }
    }
    let ([first_x, first_y], stride) = (sums.first.map(L::splat), sums.stride as i32);
    let rows = L::mul(L::add(at.cell[1], first_y), L::splat(stride));
    let bases = L::i32_array(L::add(rows, L::add(at.cell[0], first_x)));
    if let [upper, lower] = terms.as_ref()
        && let ([a, b], [c, d]) = (upper.as_ref(), lower.as_ref())
    {
        // SAFETY: all taps of a cell in the area are in the image (the caller's promise).
        return unsafe { sums.add_pairs::<L>(&bases, [[a, b], [c, d]]) };
    }
    for (l, &base) in bases.as_ref().iter().enumerate() {
        for (j, terms) in terms.as_ref().iter().enumerate() {
            for (i, terms) in terms.as_ref().iter().enumerate() {
                let index = base as usize + j * sums.stride + i;
                debug_assert!(index < sums.data.len());
                // SAFETY: all taps of a cell in the area are in the image (the caller's promise).
                // Volatile, so that sums of neighbours are not loaded as one: what two stores
                // have left would have to reach memory first, at three times the cost.
                unsafe {
                    let sum = sums.data.as_mut_ptr().add(index);
                    *sum = sum.read_volatile() + terms.as_ref().get(l).copied().unwrap_or(0.0);
                }
            }
        }
    }
}
