//! The pixels of a chunk, and their sums in vectors.
//!
//! In: gradients, pixels and residuals side by side, zero where a pixel does not count. Out: sums of their products
//! by powers of the offset from the chunk's centre, or its blocks'.
#![forbid(unsafe_code)]

use core::marker::PhantomData;
use core::ops::Range;

use super::CHUNK;
use super::moments::{BLOCK, Blocks, Fixed, HALF_POWERS, POWERS, Residual, Row, RowBlocks, add_moved};
use super::word::Word;
use crate::simd::{Lanes, Operation};
use crate::transform::Degree;

/// What is needed of the pixels of a chunk; zero where a pixel does not count.
pub(super) struct Pixels<W> {
    pub(super) gx: [W; CHUNK],
    pub(super) gy: [W; CHUNK],
    pub(super) fixed: [W; CHUNK],
    pub(super) residual: [W; CHUNK],
    /// (At most 2^7.)
    pub(super) weight: [u8; CHUNK],
    /// How many count.
    pub(super) count: u32,
}

impl<W: Word> Pixels<W> {
    /// None that counts.
    #[inline(always)]
    pub(super) fn none() -> Self {
        let zero = [W::default(); CHUNK];
        Self { gx: zero, gy: zero, fixed: zero, residual: zero, weight: [0; CHUNK], count: 0 }
    }

    /// Lets a pixel not count.
    pub(super) fn clear(&mut self, k: usize) {
        for words in [&mut self.gx, &mut self.gy, &mut self.fixed, &mut self.residual] {
            if let Some(word) = words.get_mut(k) {
                *word = W::default();
            }
        }
        if let Some(weight) = self.weight.get_mut(k) {
            self.count -= u32::from(*weight);
            *weight = 0;
        }
    }
}

/// The residuals of a row: of an aligned chunk and a column on either side, and which of them count (all
/// bits, or none).
#[derive(Clone, Copy)]
pub(super) struct Residuals<W> {
    pub(super) e: [W; CHUNK + 2],
    pub(super) counts: [i32; CHUNK + 2],
}

impl<W: Word> Residuals<W> {
    /// None that counts.
    #[inline(always)]
    pub(super) fn none() -> Self {
        Self { e: [W::default(); CHUNK + 2], counts: [0; CHUNK + 2] }
    }

    /// Those from a place on, and which of them count.
    #[inline(always)]
    pub(super) fn from(&self, at: usize) -> (&[W], &[i32]) {
        (self.e.get(at..).unwrap_or_default(), self.counts.get(at..).unwrap_or_default())
    }

    /// The one at place `i` of this row less that at place `j` of another; zero where one does not count.
    #[inline(always)]
    fn less(&self, i: usize, other: &Self, j: usize) -> i32 {
        (self.e[i].get() - other.e[j].get()) & self.counts[i] & other.counts[j]
    }
}

/// A gradient of both images, from the fixed image's and a difference of residuals.
#[inline(always)]
pub(super) fn mean<W: Word>(of_fixed: W, of_residuals: i32, half: i32) -> i32 {
    let sum = of_fixed.get() + W::scaled(of_residuals, half);
    sum.clamp(-W::MAX_GRADIENT, W::MAX_GRADIENT)
}

impl<W: Word> Pixels<W> {
    /// The residuals of a row, and half of their gradient added to that of the fixed image; lets pixels not
    /// count whose residuals do not.
    #[inline(always)]
    pub(super) fn join(
        &mut self,
        above: &Residuals<W>,
        here: &Residuals<W>,
        below: &Residuals<W>,
        half: i32,
    ) {
        // (As below: an index, for vectors.)
        for k in 0..CHUNK {
            let i = k + 1;
            let counts = here.counts[i] & -i32::from(self.weight[k]);
            let mean = |g: W, own: i32| W::new(mean(g, own, half) & counts);
            self.gx[k] = mean(self.gx[k], here.less(i + 1, here, i - 1));
            self.gy[k] = mean(self.gy[k], below.less(i, above, i));
            self.fixed[k] = W::new(self.fixed[k].get() & counts);
            self.residual[k] = W::new(here.e[i].get() & counts);
            self.weight[k] &= counts as u8;
        }
        self.count = self.weight.iter().map(|&w| u32::from(w)).sum();
    }
}

/// Gradients times powers of the offsets.
#[inline(always)]
fn powers<W: Word, L: Lanes>(g: W::Words<L>, offsets: W::Words<L>) -> [W::Words<L>; HALF_POWERS] {
    let first = W::multiply::<L>(offsets, g);
    [g, first, W::multiply::<L>(offsets, first)]
}

/// Adds products to moments up to `degree`.
#[inline(always)]
pub(super) fn add_products<W: Word, L: Lanes, const N: usize>(
    sums: &mut [W::Sums<L>; N],
    factors: [(W::Words<L>, W::Words<L>); N],
    degree: usize,
) {
    for (sum, (a, b)) in sums.iter_mut().zip(factors).take(degree + 1) {
        *sum = W::accumulate::<L>(*sum, a, b);
    }
}

/// The sums in single numbers.
#[inline(always)]
pub(super) fn totals<W: Word, L: Lanes, const N: usize, const A: usize>(
    all: &[[W::Sums<L>; N]; A],
) -> [[i64; N]; A] {
    let mut totals = [[0; N]; A];
    let (fours, rest) = all.as_flattened().as_chunks::<4>();
    let (out, out_rest) = totals.as_flattened_mut().as_chunks_mut::<4>();
    for (out, sums) in out.iter_mut().zip(fours) {
        *out = W::totals::<L>(*sums);
    }
    let mut last = [W::none::<L>(); 4];
    for (last, sums) in last.iter_mut().zip(rest) {
        *last = *sums;
    }
    for (out, total) in out_rest.iter_mut().zip(W::totals::<L>(last)) {
        *out = total;
    }
    totals
}

/// Gradients times the first and the second power of the offset from the centre of their block.
#[inline(always)]
fn raised<W: Word>(g: &[W; CHUNK]) -> [[W; CHUNK]; 2] {
    let (mut first, mut second) = (*g, *g);
    for (k, (first, second)) in first.iter_mut().zip(&mut second).enumerate() {
        let offset = W::new((k % BLOCK) as i32 - BLOCK as i32 / 2);
        *first = first.times(offset);
        *second = first.times(offset);
    }
    [first, second]
}

/// Products of words, summed over each block.
#[inline(always)]
fn block_sums<W: Word, L: Lanes>(a: &[W; CHUNK], b: &[W; CHUNK]) -> Blocks {
    let mut sums = [W::none::<L>(); CHUNK / BLOCK];
    for (block, sum) in sums.iter_mut().enumerate() {
        for k in (0..BLOCK).step_by(W::width::<L>()) {
            let at = block * BLOCK + k;
            *sum = W::accumulate::<L>(*sum, W::words::<L>(a, at), W::words::<L>(b, at));
        }
    }
    Blocks(W::totals::<L>(sums))
}

/// Products of two gradients by powers of the offset, of which each brings up to the second.
#[inline(always)]
fn quartic_sums<W: Word, L: Lanes>(
    [a, b, c]: [&[W; CHUNK]; HALF_POWERS],
    [d, e, f]: [&[W; CHUNK]; HALF_POWERS],
) -> [Blocks; POWERS] {
    [
        block_sums::<W, L>(a, d),
        block_sums::<W, L>(a, e),
        block_sums::<W, L>(b, e),
        block_sums::<W, L>(b, f),
        block_sums::<W, L>(c, f),
    ]
}

/// Products of a gradient and something else by powers of the offset.
#[inline(always)]
fn quadratic_sums<W: Word, L: Lanes>(
    [a, b, c]: [&[W; CHUNK]; HALF_POWERS],
    t: &[W; CHUNK],
) -> [Blocks; HALF_POWERS] {
    [block_sums::<W, L>(a, t), block_sums::<W, L>(b, t), block_sums::<W, L>(c, t)]
}

impl<W: Word> Pixels<W> {
    /// From -32 on, and as many ones.
    #[inline(always)]
    fn offsets() -> ([W; CHUNK], [W; CHUNK]) {
        let (mut offsets, one) = ([W::default(); CHUNK], [W::new(1); CHUNK]);
        for (k, offset) in offsets.iter_mut().enumerate() {
            *offset = W::new(k as i32 - CHUNK as i32 / 2);
        }
        (offsets, one)
    }

    // (No closure around what a level does: it would not have the level's features.)

    /// [`Fixed`] about the chunk's centre, for a degree below 2.
    #[inline(always)]
    fn fixed_sums<L: Lanes>(&self, degree: usize) -> Fixed<i64, POWERS, HALF_POWERS> {
        let (offsets, one) = Self::offsets();
        let mut sums = Fixed::<W::Sums<L>, POWERS, HALF_POWERS>::of(W::none::<L>());
        for at in (0..CHUNK).step_by(W::width::<L>()) {
            let u = W::words::<L>(&offsets, at);
            let x = powers::<W, L>(W::words::<L>(&self.gx, at), u);
            let y = powers::<W, L>(W::words::<L>(&self.gy, at), u);
            let (t, one) = (W::words::<L>(&self.fixed, at), W::words::<L>(&one, 0));
            for (sums, ([a, b, c], [d, e, f])) in sums.gg.iter_mut().zip([(x, x), (x, y), (y, y)]) {
                add_products::<W, L, POWERS>(sums, [(a, d), (a, e), (b, e), (b, f), (c, f)], 2 * degree);
            }
            for ((gt, g), [a, b, c]) in sums.gt.iter_mut().zip(&mut sums.g).zip([x, y]) {
                add_products::<W, L, HALF_POWERS>(gt, [(a, t), (b, t), (c, t)], degree);
                add_products::<W, L, HALF_POWERS>(g, [(a, one), (b, one), (c, one)], degree);
            }
            let [tt, t1, _] = &mut sums.plain;
            *tt = W::accumulate::<L>(*tt, t, t);
            *t1 = W::accumulate::<L>(*t1, t, one);
        }
        let [[tt, t, _]] = totals::<W, L, 3, 1>(&[sums.plain]);
        let (gg, gt) = (totals::<W, L, POWERS, 3>(&sums.gg), totals::<W, L, HALF_POWERS, 2>(&sums.gt));
        Fixed { gg, gt, g: totals::<W, L, HALF_POWERS, 2>(&sums.g), plain: [tt, t, self.count as i64] }
    }

    /// Adds [`Fixed`] of degree 2, by blocks whose centres are there.
    #[inline(always)]
    fn add_fixed_blocks<L: Lanes>(&self, row: &mut Fixed<Blocks, POWERS, HALF_POWERS>, centres: Blocks) {
        let (t, one) = (&self.fixed, &[W::new(1); CHUNK]);
        let ([x1, x2], [y1, y2]) = (&raised(&self.gx), &raised(&self.gy));
        let (x, y) = ([&self.gx, x1, x2], [&self.gy, y1, y2]);
        let Fixed { gg: [xx, xy, yy], gt: [xt, yt], g: [x0, y0], plain: [tt, t0, n] } = row;
        add_moved::<_, POWERS>(xx, &quartic_sums::<W, L>(x, x), centres, 4);
        add_moved::<_, POWERS>(xy, &quartic_sums::<W, L>(x, y), centres, 4);
        add_moved::<_, POWERS>(yy, &quartic_sums::<W, L>(y, y), centres, 4);
        add_moved::<_, HALF_POWERS>(xt, &quadratic_sums::<W, L>(x, t), centres, 2);
        add_moved::<_, HALF_POWERS>(yt, &quadratic_sums::<W, L>(y, t), centres, 2);
        add_moved::<_, HALF_POWERS>(x0, &quadratic_sums::<W, L>(x, one), centres, 2);
        add_moved::<_, HALF_POWERS>(y0, &quadratic_sums::<W, L>(y, one), centres, 2);
        *tt += block_sums::<W, L>(t, t);
        *t0 += block_sums::<W, L>(t, one);
        *n += Blocks::first(self.count as i64);
    }

    /// [`Residual`] about the chunk's centre, for a degree below 2.
    #[inline(always)]
    pub(super) fn residual_sums<L: Lanes>(&self, degree: usize) -> Residual<i64, HALF_POWERS> {
        let (offsets, _) = Self::offsets();
        let mut sums = [[W::none::<L>(); HALF_POWERS]; 2];
        for at in (0..CHUNK).step_by(W::width::<L>()) {
            let (u, e) = (W::words::<L>(&offsets, at), W::words::<L>(&self.residual, at));
            let x = powers::<W, L>(W::words::<L>(&self.gx, at), u);
            let y = powers::<W, L>(W::words::<L>(&self.gy, at), u);
            for (sums, [a, b, c]) in sums.iter_mut().zip([x, y]) {
                add_products::<W, L, HALF_POWERS>(sums, [(a, e), (b, e), (c, e)], degree);
            }
        }
        Residual { ge: totals::<W, L, HALF_POWERS, 2>(&sums), plain: self.plain_sums::<L>() }
    }

    /// Adds [`Residual`] of degree 2, by blocks whose centres are there.
    #[inline(always)]
    pub(super) fn add_residual_blocks<L: Lanes>(
        &self,
        row: &mut Residual<Blocks, HALF_POWERS>,
        centres: Blocks,
    ) {
        let ([x1, x2], [y1, y2]) = (&raised(&self.gx), &raised(&self.gy));
        let [xe, ye] = &mut row.ge;
        add_moved::<_, HALF_POWERS>(
            xe,
            &quadratic_sums::<W, L>([&self.gx, x1, x2], &self.residual),
            centres,
            2,
        );
        add_moved::<_, HALF_POWERS>(
            ye,
            &quadratic_sums::<W, L>([&self.gy, y1, y2], &self.residual),
            centres,
            2,
        );
        for (sum, all) in row.plain.iter_mut().zip(self.plain_sums::<L>()) {
            *sum += Blocks::first(all);
        }
    }

    /// What of [`Residual`] has no powers.
    #[inline(always)]
    fn plain_sums<L: Lanes>(&self) -> [i64; 3] {
        let one = [W::new(1); CHUNK];
        let mut sums = [W::none::<L>(); 3];
        for at in (0..CHUNK).step_by(W::width::<L>()) {
            let (t, e) = (W::words::<L>(&self.fixed, at), W::words::<L>(&self.residual, at));
            let [te, ee, e1] = &mut sums;
            *te = W::accumulate::<L>(*te, t, e);
            *ee = W::accumulate::<L>(*ee, e, e);
            *e1 = W::accumulate::<L>(*e1, e, W::words::<L>(&one, 0));
        }
        let [sums] = totals::<W, L, 3, 1>(&[sums]);
        sums
    }
}

/// Adds what the fixed image sums to over a chunk to that of a row; pixels weigh one or nothing.
pub(super) struct FixedChunk<'a, W, D> {
    pub(super) pixels: &'a Pixels<W>,
    /// Of its blocks; the first one's is the chunk's, for a degree below 2.
    pub(super) centres: Blocks,
    pub(super) row: &'a mut Row,
    pub(super) blocks: &'a mut RowBlocks,
    pub(super) degree: PhantomData<D>,
}

impl<W: Word, D: Degree> Operation for FixedChunk<'_, W, D> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { pixels, centres, row, blocks, .. } = self;
        if D::DEGREE < 2 {
            row.fixed.add(&pixels.fixed_sums::<L>(D::DEGREE), i64::from(centres), D::DEGREE);
        } else {
            pixels.add_fixed_blocks::<L>(&mut blocks.fixed, centres);
        }
    }
}

/// All that a chunk sums to, about its centre, weighted.
pub(super) struct WeightedChunk<'a, W, D>(pub(super) &'a Pixels<W>, pub(super) PhantomData<D>);

impl<W: Word, D: Degree> Operation for WeightedChunk<'_, W, D> {
    type Output = Row;

    #[inline(always)]
    fn run<L: Lanes>(self) -> Row {
        let Self(pixels, _) = self;
        let mut sums = Row::ZERO;
        let gradients = pixels.gx.iter().zip(&pixels.gy).zip(&pixels.weight);
        let levels = pixels.fixed.iter().zip(&pixels.residual);
        for (k, (((gx, gy), &w), (t, e))) in gradients.zip(levels).enumerate() {
            if w == 0 {
                continue;
            }
            let u = k as i64 - CHUNK as i64 / 2;
            sums.add_weighted([gx, gy, t, e].map(|v| v.get()), w.into(), u, D::DEGREE);
        }
        sums
    }
}

/// The pixels of a row from one on; zero where there are none.
// (A copy, so that what is written next is known not to change it.)
#[inline(always)]
pub(super) fn window<P: Copy + Default>(row: &[P], first: usize) -> [P; CHUNK] {
    let row = row.get(first..).unwrap_or_default();
    if let Some(all) = row.first_chunk() {
        return *all;
    }
    let mut window = [P::default(); CHUNK];
    for (out, &pixel) in window.iter_mut().zip(row) {
        *out = pixel;
    }
    window
}

/// Zeros outside of a range.
#[inline(always)]
pub(super) fn keep<W: Word>(words: &mut [W; CHUNK], place: &Range<usize>) {
    for (k, word) in words.iter_mut().enumerate() {
        let kept = if place.start <= k && k < place.end { word.get() } else { 0 };
        *word = W::new(kept);
    }
}
