//! The normal equations: one pass over a level, in exact integers.
//!
//! In: the images of a level, the walk of the current transform, gain and offset, and a
//! [`Loss`]. Out: [`Moments`], and from them the system of a model, the statistics and the loss.
//!
//! Every sum is weighted as the loss has it, in whole numbers of [`Loss::unit`].
//!
//! Along a chunk of at most 64 pixels, moments are taken about the chunk's centre; chunks are moved to
//! the centre of a tile and rows multiplied by their height in `i64`. A tile is as much of the image as
//! that holds: all of it, if it is not large. Tiles are moved to the image's centre in `i128`. At the very
//! worst (16-bit noise, 32,767 px square, degree 4, weights of 2^7) sums stay below 2^123.
//!
//! Where all pixels weigh the same, a chunk is summed in [`Word`]s, in blocks along which the products
//! fit: for 8-bit images `i16` times `i16` into `i32`, the operation that vector units and DSPs have. Of degree 2
//! these are shorter than a chunk: [`Blocks`] stay side by side in registers along a row.
//! And what the fixed image alone sums to is taken over from the last pass, but for the pixels that
//! have come into the support or left it: sums being exact, that is the same to the last bit. So an
//! affine iteration costs, beside sampling, seven multiplications a pixel.
#![forbid(unsafe_code)]

use core::marker::PhantomData;
use core::ops::Range;

use super::moments::{Blocks, FixedMoments, Moments, Row, RowBlocks, SumsOf, TileMoments, Total};
use super::photometry::Photometry;
use super::pixels::{FixedChunk, Pixels, Residuals, WeightedChunk, keep, window};
use super::robust::{Gather, Loss};
use super::shifted::STRIP;
use super::support::{KEPT, Kept, NONE_ABOVE, Support, Supports, changes};
use super::word::Word;
use super::{CHUNK, Grey, Interpolation, Scope, select};
use crate::fixed::{Q14, Rounding};
use crate::image::{Image, MAX_SIDE, Tap};
use crate::kernel::{Bilinear, Kernel, Lagrange, Output, first_tap, rounding, support};
use crate::parallel::Bands;
use crate::simd::block::Outside;
use crate::simd::{self, Lanes, One, Operation};
use crate::span::Area;
use crate::transform::Degree;
use crate::walk::{Plan, RUN, Walk};

/// The images of a level, and what counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct LevelPair<'a, P> {
    pub(super) fixed: Image<'a, P>,
    pub(super) moving: Image<'a, P>,
    pub(super) fixed_mask: Option<Image<'a, u8>>,
    pub(super) moving_mask: Option<Image<'a, u8>>,
    /// Which pixels to look at, if not all.
    pub(super) selected: Option<Image<'a, P>>,
}

/// For walks that are inside.
pub(super) struct Nothing;

impl<W, P: Tap, O> Outside<W, P, O> for Nothing {
    #[inline(always)]
    fn none(&self) -> bool {
        true
    }
    fn fill(&self, _: &W, _: &mut [O]) {}
}

/// One pass over a level.
pub(super) struct Accumulate<'a, P, N, D: Degree, S: Scope> {
    pub(super) pair: LevelPair<'a, P>,
    /// Of the transform.
    pub(super) plan: N,
    pub(super) photometry: Photometry,
    pub(super) loss: Loss,
    /// Of the moving image.
    pub(super) interpolation: Interpolation,
    /// Whether the gradient is the mean of those of both images.
    pub(super) second_order: bool,
    /// Whether to gather the residuals' histogram.
    pub(super) histogram: bool,
    /// What the fixed image summed to in the last pass over this level, without masks and in least squares. Where
    /// supports are the same, so are those sums.
    pub(super) known: Option<&'a FixedMoments<S::Total<D>, D>>,
    /// Which pixels that was, [`KEPT`] elements for each row that it goes over; then which are this one's.
    pub(super) kept: &'a mut [P],
    /// The rows of the fixed image that it goes over: the first one, and where it ends.
    pub(super) rows: [usize; 2],
    /// The degree of the model, and the scope.
    pub(super) kind: PhantomData<(D, S)>,
}

impl Interpolation {
    /// Where all taps are inside an image.
    #[inline(always)]
    pub(super) fn area<P>(self, image: &Image<'_, P>) -> Area {
        let (width, height) = (image.width(), image.height());
        match self {
            Interpolation::Bilinear => Area::new::<Bilinear>(width, height),
            Interpolation::Lagrange => Area::new::<Lagrange>(width, height),
        }
    }

    /// The sum of the squares of the weights along an axis, at a fraction of a pixel, in Q28.
    pub(super) fn squares(self, fraction: Q14) -> u32 {
        let squares = |weights: &[Q14]| weights.iter().map(|w| (w.to_bits() * w.to_bits()) as u32).sum();
        match self {
            Interpolation::Bilinear => squares(&Bilinear.weights(fraction)),
            Interpolation::Lagrange => squares(&Lagrange.weights(fraction)),
        }
    }

    /// From the cell of a position to its first tap, and how many there are along each axis.
    #[inline(always)]
    const fn taps(self) -> (i32, usize) {
        match self {
            Interpolation::Bilinear => (first_tap::<Bilinear>(), support::<Bilinear>()),
            Interpolation::Lagrange => (first_tap::<Lagrange>(), support::<Lagrange>()),
        }
    }
}

/// How positions are rounded: the same for all kernels of even support.
#[inline(always)]
pub(super) fn to<P: Grey>() -> Rounding {
    rounding::<Bilinear, P>()
}

/// What a pass finds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass<D: Degree, S: Scope> {
    pub(super) moments: Moments<S::Total<D>, D>,
    pub(super) tally: Tally<S>,
}

/// What is counted pixel by pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally<S: Scope> {
    /// How many pixels count.
    pub(super) pixels: u64,
    /// The sum of their losses.
    pub(super) loss: i64,
    /// Whether those of a row are not beside each other, so that they are not kept.
    pub(super) apart: bool,
    /// Of their residuals, where asked for.
    pub(super) histogram: S::Histogram,
}

impl<S: Scope> Tally<S> {
    /// The weight of a pixel that counts, by its residual; its loss is noted.
    #[inline(always)]
    pub(super) fn weight<P, N, D: Degree>(&mut self, accumulate: &Accumulate<'_, P, N, D, S>, e: i32) -> i32 {
        let (weight, loss) = accumulate.loss.at(e);
        self.loss += loss;
        if accumulate.histogram {
            self.histogram.add(e);
        }
        weight
    }
}

impl<D: Degree, S: Scope> Pass<D, S> {
    /// One over nothing.
    pub(super) const EMPTY: Self = Self {
        moments: SumsOf::ZERO,
        tally: Tally { pixels: 0, loss: 0, apart: false, histogram: S::Histogram::EMPTY },
    };
}

/// The moving image along a walk, all of whose taps are inside.
struct Samples<'a, P: Grey, K, W> {
    kernel: K,
    moving: Image<'a, P>,
    walk: &'a W,
    samples: &'a mut [P::Fine],
}

impl<P: Grey, K: Kernel, W: Walk> Operation for Samples<'_, P, K, W> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { kernel, moving, walk, samples } = self;
        simd::blocks::<L, P, K, W, P::Fine>(&kernel, moving, walk, samples, &Nothing);
    }
}

/// At least the sum of the absolute values of the d-th powers of the offsets along a side.
const fn offsets_to(side: usize, d: usize) -> u64 {
    let most = side as u64 / 2 + 1;
    let (mut power, mut k) = (most, 0);
    while k < d {
        power = power.saturating_mul(most);
        k += 1;
    }
    if d == 0 { side as u64 } else { power.saturating_mul(2) / (d as u64 + 1) }
}

/// Whether sums of weighted pixels about the centre of a tile of these sides fit `i64`.
const fn fits<W: Word>([width, height]: [usize; 2], degree: usize, largest_weight: u64) -> bool {
    let (g, e) = (W::MAX_GRADIENT as u64, W::MAX_RESIDUAL as u64);
    let kinds = [(g * g, 2 * degree), (g * e, degree), (e * e, 0)];
    let mut rest: &[(u64, usize)] = &kinds;
    while let &[(product, d), ref others @ ..] = rest {
        let along = offsets_to(width, d).saturating_mul(height as u64);
        let across = offsets_to(height, d).saturating_mul(width as u64);
        let larger = if along > across { along } else { across };
        if larger.saturating_mul(product).saturating_mul(largest_weight) > i64::MAX as u64 {
            return false;
        }
        rest = others;
    }
    true
}

/// The sides of the tiles of an image: as large as sums of weighted pixels about their centres fit `i64`.
/// Columns are whole chunks, unless there is one tile.
fn tile<W: Word>(mut sides: [usize; 2], degree: usize, largest_weight: u64) -> [usize; 2] {
    while !fits::<W>(sides, degree, largest_weight) {
        let [width, height] = &mut sides;
        if *width > CHUNK && *width >= *height {
            *width = width.div_ceil(2).next_multiple_of(CHUNK);
        } else if *height > 1 {
            *height = height.div_ceil(2);
        } else {
            break;
        }
    }
    sides
}

/// The largest side of a square image that is one tile, in least squares.
const fn side_of_tile<W: Word>(degree: usize) -> usize {
    let (mut least, mut above) = (1, MAX_SIDE + 1);
    while least + 1 < above {
        let middle = (least + above) / 2;
        if fits::<W>([middle; 2], degree, 1) {
            least = middle;
        } else {
            above = middle;
        }
    }
    least
}

impl<P: Grey, N, D: Degree, S: Scope> Accumulate<'_, P, N, D, S> {
    /// The largest side of the fixed image.
    pub(super) const MAX_SIDE: usize =
        if S::Total::<D>::IS_TILE { side_of_tile::<P::Word>(D::DEGREE) } else { MAX_SIDE };
}

impl<P: Grey, N: Plan, D: Degree, S: Scope> Operation for Accumulate<'_, P, N, D, S> {
    type Output = Pass<D, S>;

    #[inline(always)]
    fn run<L: Lanes>(self) -> Pass<D, S> {
        let mut pass = Pass::EMPTY;
        Onto(self, &mut pass).run::<L>();
        pass
    }
}

/// Adds to a pass over nothing, so that the stack has no copy of what comes out.
pub(super) struct Onto<'p, 'a, P, N, D: Degree, S: Scope>(
    pub(super) Accumulate<'a, P, N, D, S>,
    pub(super) &'p mut Pass<D, S>,
);

impl<P: Grey, N: Plan, D: Degree, S: Scope> Operation for Onto<'_, '_, P, N, D, S> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self(mut accumulate, pass) = self;
        let kept = core::mem::take(&mut accumulate.kept);
        // (Here, where it is seen that the two do not overlap.)
        if let Some(known) = accumulate.known()
            && accumulate.rows[0] == 0
        {
            pass.moments.fixed = *known;
        }
        if L::LEN == 1 { accumulate.add_outlined(kept, pass) } else { accumulate.add::<L>(kept, pass) }
    }
}

impl<P: Grey, N: Plan, D: Degree, S: Scope> Accumulate<'_, P, N, D, S> {
    /// [`add`](Self::add) for one lane, on its own so that what it needs of the stack is not needed by what follows.
    #[inline(never)]
    fn add_outlined(&self, kept: &mut [P], pass: &mut Pass<D, S>) {
        self.add::<One>(kept, pass);
    }

    /// What is known of the fixed image's sums, if nothing but the support changes them: then only its changes are
    /// summed anew.
    #[inline(always)]
    fn known(&self) -> Option<&FixedMoments<S::Total<D>, D>> {
        self.known.filter(|_| self.is_shared())
    }

    /// Adds to a pass that has what is known.
    #[inline(always)]
    fn add<L: Lanes>(&self, kept: &mut [P], pass: &mut Pass<D, S>) {
        let (width, height, [first, end]) = (self.pair.fixed.width(), self.pair.fixed.height(), self.rows);
        let now = Support { plan: &self.plan, area: self.interpolation().area(&self.pair.moving) };
        let known = self.known().is_some();
        let mut supports = Supports { now, kept: Kept { rows: kept, first, known } };
        let Pass { moments, tally } = pass;
        if let Some(tile) = S::Total::<D>::as_tile::<D>(moments) {
            let centre = [width / 2, height / 2];
            return self.strips::<L>(&mut supports, 0..width, first..end, centre, tile, tally);
        }
        let [across, down] = tile::<P::Word>([width, height], D::DEGREE, 1 << self.loss.unit());
        for top in (0..height).step_by(down.max(1)) {
            let rows = top.max(first)..(top + down).min(end);
            if rows.is_empty() {
                continue;
            }
            for left in (0..width).step_by(across.max(1)) {
                let right = (left + across).min(width);
                let centre = [left + across / 2, top + down / 2];
                let mut tile = TileMoments::<D>::ZERO;
                self.strips::<L>(&mut supports, left..right, rows.clone(), centre, &mut tile, tally);
                let [x, y] = centre.map(|v| v as i64);
                moments.add_tile(&tile, [x - (width / 2) as i64, y - (height / 2) as i64], D::DEGREE);
            }
        }
    }

    /// Adds the sums over a tile, strip by strip where that is of use.
    #[inline(always)]
    fn strips<L: Lanes>(
        &self,
        supports: &mut Supports<'_, N, P>,
        columns: Range<usize>,
        rows: Range<usize>,
        centre: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        let strip = match D::DEGREE {
            _ if self.is_second_order() => CHUNK,
            0 if L::LEN == 1 && self.shares_rows() => STRIP,
            _ => return self.tile::<L>(supports, columns, rows, centre, tile, tally),
        };
        for left in columns.clone().step_by(strip) {
            let (columns, rows) = (left..(left + strip).min(columns.end), rows.clone());
            if !self.is_second_order() {
                self.tile::<L>(supports, columns, rows, centre, tile, tally);
            } else if L::LEN == 1 {
                self.strip_outlined(&supports.now, columns, rows, centre, tile, tally);
            } else {
                self.strip::<L>(&supports.now, columns, rows, centre, tile, tally);
            }
        }
    }
}

impl<P: Grey, N: Plan, D: Degree, S: Scope> Bands for Accumulate<'_, P, N, D, S> {
    fn size(&self) -> [usize; 2] {
        let [first, end] = self.rows;
        [self.pair.fixed.width(), end - first]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let [first, end] = self.rows;
        let middle = first + at;
        let (above, below) = self.kept.split_at_mut((KEPT * at).min(self.kept.len()));
        let first = Self { rows: [first, middle], kept: above, ..self };
        (first, Self { rows: [middle, end], kept: below, ..self })
    }
    fn join(mut pass: Pass<D, S>, below: Pass<D, S>) -> Pass<D, S> {
        pass.moments.join(&below.moments);
        let Tally { pixels, loss, apart, histogram } = &mut pass.tally;
        *pixels += below.tally.pixels;
        *loss += below.tally.loss;
        *apart |= below.tally.apart;
        histogram.join(&below.tally.histogram);
        pass
    }
}

impl<P: Grey, N: Plan, D: Degree, S: Scope> Accumulate<'_, P, N, D, S> {
    /// Adds the sums over a stretch of some rows, about `centre`.
    #[inline(always)]
    fn tile<L: Lanes>(
        &self,
        supports: &mut Supports<'_, N, P>,
        columns: Range<usize>,
        rows: Range<usize>,
        [u, v]: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        if L::LEN == 1 {
            return self.tile_singly(supports, columns, rows, [u, v], tile, tally);
        }
        // (What there is nothing to share with is summed with the residuals.)
        let Supports { now, kept } = supports;
        let shared = self.is_shared() && kept.known;
        let (mut stretch, mut pixels) = ([P::Fine::from_channel(P::default()); RUN], Pixels::none());
        let mut above = NONE_ABOVE;
        let centre = |chunk: &Range<usize>| (chunk.start - chunk.start % CHUNK + CHUNK / 2) as i64 - u as i64;
        for y in rows {
            let (mut row, mut blocks) = (Row::ZERO, RowBlocks::ZERO);
            // Whether the fixed image's sums of this row are not zero.
            let mut changed = !shared;
            let mut kept = kept.row(y, columns.start);
            for (run, walk, range) in now.runs::<P>(y, columns.clone(), &mut above) {
                let before = kept.replace(&run, &range);
                for (range, less) in changes(&before, &range).into_iter().filter(|_| shared) {
                    changed |= !range.is_empty();
                    for chunk in select::chunks(self.selected(), y, range) {
                        self.gradients(y, &chunk, &mut pixels);
                        // (What is taken away is added to what has the other sign.)
                        if less {
                            row.fixed.negate();
                            blocks.fixed.negate();
                        }
                        Self::fixed_chunk::<L>(&pixels, centre(&chunk), &mut row, &mut blocks);
                        if less {
                            row.fixed.negate();
                            blocks.fixed.negate();
                        }
                    }
                }
                let mut sampled = range.start;
                for chunk in select::chunks(self.selected(), y, range.clone()) {
                    let walk = walk.at(chunk.start - run.start);
                    // As many samples at once as there is room for, each at its place in an aligned run.
                    let at = chunk.start % RUN;
                    if sampled < chunk.end {
                        let all = chunk.start + RUN - at;
                        sampled = if self.selected().is_some() { chunk.end } else { range.end.min(all) };
                        let samples = stretch.get_mut(at..at + sampled - chunk.start);
                        self.interpolate::<L, _>(&walk, samples.unwrap_or_default());
                    }
                    let Some(samples) = stretch.get(at - at % CHUNK..).and_then(|s| s.first_chunk()) else {
                        continue;
                    };
                    self.pixels(&walk, y, &chunk, samples, &mut pixels, tally);
                    let centre = centre(&chunk);
                    if S::WHOLE && self.loss != Loss::Squares {
                        Self::weighted_chunk::<L>(&pixels, centre, &mut row);
                        continue;
                    }
                    if !shared {
                        Self::fixed_chunk::<L>(&pixels, centre, &mut row, &mut blocks);
                    }
                    Self::residual_chunk::<L>(&pixels, centre, &mut row, &mut blocks);
                }
            }
            tally.apart |= !kept.finish();
            if D::DEGREE == 2 {
                row.gather(&blocks);
            }
            let at = [0, y as i64 - v as i64];
            if changed {
                tile.fixed.add_stretch(&row.fixed, at, D::DEGREE);
            }
            tile.residual.add_stretch(&row.residual, at, D::DEGREE);
        }
    }

    /// [`strip`](Self::strip) for one lane, on its own so that the stack is not needed by who does not ask for it.
    #[inline(never)]
    fn strip_outlined(
        &self,
        support: &Support<'_, N>,
        columns: Range<usize>,
        rows: Range<usize>,
        centre: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        self.strip::<One>(support, columns, rows, centre, tile, tally);
    }

    /// [`tile`](Self::tile) with gradients of both images, over a strip of at most [`CHUNK`] columns, an aligned chunk.
    #[inline(always)]
    fn strip<L: Lanes>(
        &self,
        support: &Support<'_, N>,
        columns: Range<usize>,
        rows: Range<usize>,
        [u, v]: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        let mut residuals = [Residuals::<P::Word>::none(); 3];
        let [above, here, below] = &mut residuals;
        let mut pixels = Pixels::none();
        // What a row is summed with is known once the row below it is.
        for next in rows.start.saturating_sub(1)..=rows.end {
            self.residuals_of_row::<L>(support, next, &columns, below);
            if let Some(y) = next.checked_sub(1).filter(|y| rows.contains(y)) {
                let residuals = [&*above, &*here, &*below];
                if L::LEN == 1 {
                    self.row_singly(&columns, y, residuals, [u, v], tile, tally);
                } else {
                    self.row::<L>(&columns, y, residuals, &mut pixels, [u, v], tile, tally);
                }
            }
            core::mem::swap(above, here);
            core::mem::swap(here, below);
        }
    }

    /// One of the rows of a strip, by the residuals of the row above it, its own, and those of the row below it.
    #[expect(clippy::too_many_arguments)]
    #[inline(always)]
    fn row<L: Lanes>(
        &self,
        columns: &Range<usize>,
        y: usize,
        [above, here, below]: [&Residuals<P::Word>; 3],
        pixels: &mut Pixels<P::Word>,
        [u, v]: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        let centre = (columns.start + CHUNK / 2) as i64 - u as i64;
        let (mut row, mut blocks) = (Row::ZERO, RowBlocks::ZERO);
        for chunk in select::chunks(self.selected(), y, columns.clone()) {
            self.gradients(y, &chunk, pixels);
            pixels.join(above, here, below, self.photometry.half_of_gain());
            tally.pixels += u64::from(pixels.count);
            self.weigh(pixels, tally);
            if self.loss == Loss::Squares {
                Self::fixed_chunk::<L>(pixels, centre, &mut row, &mut blocks);
                Self::residual_chunk::<L>(pixels, centre, &mut row, &mut blocks);
            } else {
                Self::weighted_chunk::<L>(pixels, centre, &mut row);
            }
        }
        if D::DEGREE == 2 {
            row.gather(&blocks);
        }
        let at = [0, y as i64 - v as i64];
        tile.fixed.add_stretch(&row.fixed, at, D::DEGREE);
        tile.residual.add_stretch(&row.residual, at, D::DEGREE);
    }

    /// The residuals of a stretch of row `y`, and of one more column on either side.
    #[inline(always)]
    fn residuals_of_row<L: Lanes>(
        &self,
        support: &Support<'_, N>,
        y: usize,
        columns: &Range<usize>,
        out: &mut Residuals<P::Word>,
    ) {
        *out = Residuals::none();
        if y >= self.pair.fixed.height() {
            return;
        }
        let row = self.pair.fixed.row(y);
        let wider = columns.start.saturating_sub(1)..(columns.end + 1).min(row.len());
        let masked = self.pair.fixed_mask.is_some() || self.pair.moving_mask.is_some();
        for (run, walk, range) in support.runs::<P>(y, wider, &mut NONE_ABOVE.clone()) {
            for begin in range.clone().step_by(CHUNK) {
                let (walk, end) = (walk.at(begin - run.start), (begin + CHUNK).min(range.end));
                let mut samples = [P::Fine::from_channel(P::default()); CHUNK];
                let samples = samples.get_mut(..end - begin).unwrap_or_default();
                self.interpolate::<L, _>(&walk, samples);
                let fixed = row.get(begin..end).unwrap_or_default();
                let at = begin + 1 - columns.start;
                let places = out.e.iter_mut().zip(&mut out.counts).skip(at);
                for (k, ((e, counts), (&t, &v))) in places.zip(fixed.iter().zip(&*samples)).enumerate() {
                    *e = self.photometry.residual(t.into(), v.into());
                    *counts = if !masked || self.counts(&walk, k, begin + k, y) { -1 } else { 0 };
                }
            }
        }
    }

    /// Whether what the fixed image sums to depends on the support alone.
    #[inline(always)]
    pub(super) fn is_shared(&self) -> bool {
        !S::WHOLE
            || !self.second_order
                && self.loss == Loss::Squares
                && self.pair.fixed_mask.is_none()
                && self.pair.moving_mask.is_none()
    }

    /// The interpolation, of which a scope that is not whole has one.
    #[inline(always)]
    pub(super) fn interpolation(&self) -> Interpolation {
        if S::WHOLE { self.interpolation } else { Interpolation::Bilinear }
    }

    /// Whether the gradient is that of both images.
    #[inline(always)]
    fn is_second_order(&self) -> bool {
        S::WHOLE && self.second_order
    }

    /// Which pixels to look at, if not all.
    #[inline(always)]
    pub(super) fn selected(&self) -> Option<Image<'_, P>> {
        if S::WHOLE { self.pair.selected } else { None }
    }

    /// Fixed pixels of a chunk of row `y`, each at its place in the aligned chunk; residuals are left.
    ///
    /// The outermost pixels of the image have no central difference along their normal: it counts as zero there,
    /// which is no estimate that noise could bias.
    #[inline(always)]
    fn gradients(&self, y: usize, chunk: &Range<usize>, pixels: &mut Pixels<P::Word>) {
        let fixed = self.pair.fixed;
        let first = chunk.start - chunk.start % CHUNK;
        let row = fixed.row(y);
        let (here, after) = (window(row, first), window(row, first + 1));
        let (above, below) = if y > 0 && y + 1 < fixed.height() {
            (window(fixed.row(y - 1), first), window(fixed.row(y + 1), first))
        } else {
            (here, here)
        };
        // (Over an index, for vectors.)
        for k in 0..CHUNK {
            let [right, pixel]: [i32; 2] = [after[k].into(), here[k].into()];
            let [upper, lower]: [i32; 2] = [above[k].into(), below[k].into()];
            pixels.gx[k] = P::Word::new(right);
            pixels.gy[k] = P::Word::new(lower - upper);
            pixels.fixed[k] = P::Word::new(pixel);
            pixels.weight[k] = 1;
        }
        pixels.count = chunk.len() as u32;
        let less = |gx: &mut P::Word, left: P| *gx = P::Word::new(gx.get() - left.into());
        if let Some(before) = first.checked_sub(1) {
            let before = window(row, before);
            pixels.gx.iter_mut().zip(before).for_each(|(gx, left)| less(gx, left));
        } else {
            let [edge, others @ ..] = &mut pixels.gx;
            others.iter_mut().zip(here).for_each(|(gx, left)| less(gx, left));
            *edge = P::Word::default();
        }
        if let Some(last) = pixels.gx.get_mut(fixed.width() - 1 - first) {
            *last = P::Word::default();
        }
        if chunk.len() < CHUNK {
            let place = chunk.start - first..chunk.end - first;
            keep(&mut pixels.gx, &place);
            keep(&mut pixels.gy, &place);
            keep(&mut pixels.fixed, &place);
            for (k, weight) in pixels.weight.iter_mut().enumerate() {
                *weight = (place.start <= k && k < place.end).into();
            }
        }
    }

    /// All of a chunk of row `y`, and what is counted pixel by pixel.
    #[inline(always)]
    fn pixels<W: Walk>(
        &self,
        walk: &W,
        y: usize,
        chunk: &Range<usize>,
        samples: &[P::Fine; CHUNK],
        pixels: &mut Pixels<P::Word>,
        tally: &mut Tally<S>,
    ) {
        let first = chunk.start % CHUNK;
        self.gradients(y, chunk, pixels);
        let photometry = self.photometry;
        for (k, &sample) in samples.iter().enumerate() {
            pixels.residual[k] = photometry.residual(pixels.fixed[k].get(), sample.into());
        }
        if chunk.len() < CHUNK {
            keep(&mut pixels.residual, &(first..first + chunk.len()));
        }
        if S::WHOLE && (self.pair.fixed_mask.is_some() || self.pair.moving_mask.is_some()) {
            for (k, x) in chunk.clone().enumerate() {
                if !self.counts(walk, k, x, y) {
                    pixels.clear(first + k);
                }
            }
        }
        tally.pixels += u64::from(pixels.count);
        self.weigh(pixels, tally);
    }

    /// Weighs the pixels that count, if they do not all weigh the same.
    #[inline(always)]
    fn weigh(&self, pixels: &mut Pixels<P::Word>, tally: &mut Tally<S>) {
        if S::WHOLE && (self.loss != Loss::Squares || self.histogram) {
            for (weight, e) in pixels.weight.iter_mut().zip(&pixels.residual).filter(|(w, _)| **w != 0) {
                *weight = tally.weight(self, e.get()) as u8;
            }
        }
    }

    /// The moving image along a walk.
    #[inline(always)]
    pub(super) fn interpolate<L: Lanes, W: Walk>(&self, walk: &W, samples: &mut [P::Fine]) {
        match self.interpolation() {
            Interpolation::Bilinear => self.sample::<L, _, W>(Bilinear, walk, samples),
            Interpolation::Lagrange => self.sample::<L, _, W>(Lagrange, walk, samples),
        }
    }

    #[inline(always)]
    fn sample<L: Lanes, K: Kernel, W: Walk>(&self, kernel: K, walk: &W, samples: &mut [P::Fine]) {
        let samples = Samples { kernel, moving: self.pair.moving, walk, samples };
        // (Those of a shift take not much longer than a call.)
        if D::DEGREE == 0 { samples.run::<L>() } else { L::call(samples) }
    }

    /// Adds what the fixed image sums to over a chunk with its centre there; pixels weigh one or nothing.
    #[inline(always)]
    fn fixed_chunk<L: Lanes>(pixels: &Pixels<P::Word>, centre: i64, row: &mut Row, blocks: &mut RowBlocks) {
        let centres = if D::DEGREE < 2 { Blocks::first(centre) } else { Blocks::centres(centre) };
        L::call(FixedChunk { pixels, centres, row, blocks, degree: PhantomData::<D> });
    }

    /// Adds what residuals take part in; pixels weigh one or nothing.
    #[inline(always)]
    fn residual_chunk<L: Lanes>(
        pixels: &Pixels<P::Word>,
        centre: i64,
        row: &mut Row,
        blocks: &mut RowBlocks,
    ) {
        if D::DEGREE < 2 {
            row.residual.add(&pixels.residual_sums::<L>(D::DEGREE), centre, D::DEGREE);
        } else {
            pixels.add_residual_blocks::<L>(&mut blocks.residual, Blocks::centres(centre));
        }
    }

    /// Adds both, weighted.
    #[inline(always)]
    fn weighted_chunk<L: Lanes>(pixels: &Pixels<P::Word>, centre: i64, row: &mut Row) {
        let sums = L::call(WeightedChunk(pixels, PhantomData::<D>));
        row.fixed.add(&sums.fixed, centre, D::DEGREE);
        row.residual.add(&sums.residual, centre, D::DEGREE);
    }

    /// Whether the masks let pixel (x, y), the walk's k-th, count.
    #[inline(always)]
    pub(super) fn counts<W: Walk>(&self, walk: &W, k: usize, x: usize, y: usize) -> bool {
        let valid = |mask: &Image<'_, u8>, x: usize, y: usize| mask.get(x, y).is_some_and(|v| v != 0);
        if let Some(mask) = &self.pair.fixed_mask {
            let last = |side: usize| side.saturating_sub(1);
            let (right, below) = ((x + 1).min(last(mask.width())), (y + 1).min(last(mask.height())));
            let cross = [(x, y), (x.saturating_sub(1), y), (right, y), (x, y.saturating_sub(1)), (x, below)];
            if !cross.iter().all(|&(x, y)| valid(mask, x, y)) {
                return false;
            }
        }
        if let Some(mask) = &self.pair.moving_mask {
            let (first, taps) = self.interpolation.taps();
            let [x, y] = walk.at(k).position(to::<P>()).map(|p| (p.cell + first) as usize);
            if !(y..y + taps).all(|y| (x..x + taps).all(|x| valid(mask, x, y))) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::moments::monomial;
    use crate::align::{Options, Robust};
    use crate::simd::Level;
    use crate::{Affine, Homography, Transform, Translation};
    use std::vec::Vec;

    /// Noise between the extremes, and whole stretches of them, which is where sums are largest.
    fn noise<P: Copy>(width: usize, height: usize, seed: u32, pixel: impl Fn(u32) -> P) -> Vec<P> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let mut out = Vec::new();
        for i in 0..width * height {
            let (x, y) = (i % width, i / width);
            let extreme = if (x / 2) % 2 == 0 { 0 } else { 0xff_ffff };
            out.push(pixel(if y % 7 < 3 { extreme } else { next() }));
        }
        out
    }

    fn images<P: Grey>(fixed: &[P], moving: &[P], size: (usize, usize), f: impl Fn(LevelPair<'_, P>)) {
        let image = |pixels| Image::new(pixels, size.0, size.1).unwrap();
        let (fixed, moving) = (image(fixed), image(moving));
        f(LevelPair { fixed, moving, fixed_mask: None, moving_mask: None, selected: None });
    }

    /// A pass, and what it has kept of rows.
    type Found<P, T> = (Pass<<T as Transform>::Degree, Options>, Vec<P>);

    fn pass<P: Grey, T: Transform>(
        pair: LevelPair<'_, P>,
        transform: &T,
        loss: Loss,
        (interpolation, second_order): (Interpolation, bool),
        known: Option<&Found<P, T>>,
    ) -> Found<P, T> {
        let photometry = Photometry::new::<P::Word>(1.2, -3.0);
        let rows = [0, pair.fixed.height()];
        let (plan, kind) = (transform.plan(), PhantomData::<(T::Degree, Options)>);
        let run = |level: Level, histogram: bool| {
            let none = std::vec![P::default(); KEPT * pair.fixed.height()];
            let mut kept = known.map_or(none, |(_, kept)| kept.clone());
            let pass = level.run(Accumulate {
                pair,
                plan,
                photometry,
                loss,
                interpolation,
                second_order,
                histogram,
                known: known.map(|(pass, _)| &pass.moments.fixed),
                kept: &mut kept,
                rows,
                kind,
            });
            (pass, kept)
        };
        let [first, _] = [false, true].map(|histogram| {
            let first = run(Level::SCALAR, histogram);
            for level in Level::available() {
                let again = run(level, histogram);
                let found = |(pass, kept): &(Pass<_, _>, Vec<P>)| {
                    let Tally { pixels, loss, apart, histogram } = pass.tally;
                    (pass.moments, pixels, loss, apart, histogram, kept.clone())
                };
                assert_eq!(found(&first), found(&again));
            }
            first
        });
        first
    }

    /// Whether a pixel counts: all taps are moving pixels, and no mask leaves out what they or its differences touch.
    /// (Along each axis those to its neighbours, as many as there are.)
    fn counts<P: Grey, T: Transform>(
        pair: &LevelPair<'_, P>,
        transform: &T,
        interpolation: Interpolation,
        x: i64,
        y: i64,
    ) -> bool {
        let inside = |(width, height): (usize, usize), [x, y]: [i64; 2]| {
            (0..width as i64).contains(&x) && (0..height as i64).contains(&y)
        };
        let valid = |mask: &Option<Image<'_, u8>>, [x, y]: [i64; 2]| {
            mask.is_none_or(|mask| mask.get(x as usize, y as usize).unwrap() != 0)
        };
        let size = (pair.fixed.width(), pair.fixed.height());
        let touched = [[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]].map(|[i, j]| [x + i, y + j]);
        let [pixel, ..] = touched;
        let (first, taps) = interpolation.taps();
        let (u, v) = transform.apply(x as f64, y as f64);
        let [u, v] = [u, v].map(|v| v.floor() as i64 + i64::from(first));
        let taps = taps as i64;
        inside(size, pixel)
            && touched.iter().all(|&at| !inside(size, at) || valid(&pair.fixed_mask, at))
            && (0..taps * taps).map(|i| [u + i % taps, v + i / taps]).all(|at| {
                inside((pair.moving.width(), pair.moving.height()), at) && valid(&pair.moving_mask, at)
            })
    }

    /// Masks that leave out a pixel here and there: of the fixed image, of the moving one, of both, and none.
    fn masks<P: Grey>(pair: LevelPair<'_, P>, f: impl Fn(LevelPair<'_, P>)) {
        let (width, height) = (pair.fixed.width(), pair.fixed.height());
        let [fixed, moving] = [4, 5].map(|seed| noise(width, height, seed, |v| u8::from(v % 50 != 7)));
        let mask = |pixels| Some(Image::new(pixels, width, height).unwrap());
        for (fixed_mask, moving_mask) in
            [(None, None), (mask(&fixed), None), (None, mask(&moving)), (mask(&fixed), mask(&moving))]
        {
            f(LevelPair { fixed_mask, moving_mask, ..pair });
        }
    }

    /// The sums as the module's head has them, pixel by pixel, for a shift by whole pixels.
    fn directly<P: Grey, T: Transform>(
        pair: &LevelPair<'_, P>,
        shift: (i64, i64),
        loss: Loss,
        (interpolation, second_order): (Interpolation, bool),
    ) -> Moments<i128, T::Degree> {
        let mut sums = Moments::<i128, T::Degree>::ZERO;
        let photometry = Photometry::new::<P::Word>(1.2, -3.0);
        let (width, height) = (pair.fixed.width() as i64, pair.fixed.height() as i64);
        let pixel = |image: &Image<'_, P>, x: i64, y: i64| -> i64 {
            let v: i32 = image.get(x as usize, y as usize).unwrap().into();
            v.into()
        };
        let largest = i64::from(P::Word::MAX_RESIDUAL);
        // The residual of a pixel, if it counts.
        let transform = Translation::new(shift.0 as f64, shift.1 as f64).unwrap();
        let residual = |x: i64, y: i64| -> Option<i64> {
            if !counts(pair, &transform, interpolation, x, y) {
                return None;
            }
            let (u, v) = (x + shift.0, y + shift.1);
            let gained = (photometry.gain() * pixel(&pair.fixed, x, y) as f64 * 64.0 + 0.5).floor();
            let e = 64.0 * pixel(&pair.moving, u, v) as f64 - gained - photometry.offset() * 64.0;
            Some(((e / 4.0 + 0.5).floor() as i64).clamp(-largest, largest))
        };
        let both = |g: i64, before: Option<i64>, after: Option<i64>| match (second_order, before, after) {
            (true, Some(before), Some(after)) => {
                let half = (2048.0 / photometry.gain()).round() as i64;
                let most = i64::from(P::Word::MAX_GRADIENT);
                (g + (((after - before) * half + (1 << 15)) >> 16)).clamp(-most, most)
            }
            _ => g,
        };
        for y in 0..height {
            for x in 0..width {
                let left_out = |map: Image<'_, P>| {
                    let bits: i32 = map.get(x as usize / 32, y as usize / 8).unwrap().into();
                    bits >> (y % 8) & 1 == 0
                };
                let Some(e) = residual(x, y).filter(|_| !pair.selected.is_some_and(left_out)) else {
                    continue;
                };
                let t = pixel(&pair.fixed, x, y);
                let gx = if x == 0 || x == width - 1 {
                    0
                } else {
                    pixel(&pair.fixed, x + 1, y) - pixel(&pair.fixed, x - 1, y)
                };
                let gy = if y == 0 || y == height - 1 {
                    0
                } else {
                    pixel(&pair.fixed, x, y + 1) - pixel(&pair.fixed, x, y - 1)
                };
                let gx = both(gx, residual(x - 1, y), residual(x + 1, y));
                let gy = both(gy, residual(x, y - 1), residual(x, y + 1));
                let w = i128::from(loss.at(e as i32).0);
                let (p, q) = (i128::from(x - width / 2), i128::from(y - height / 2));
                let [gx, gy, t, e] = [gx, gy, t, e].map(i128::from);
                for degree in 0..=2 * T::DEGREE {
                    for l in 0..=degree {
                        let power = w * p.pow((degree - l) as u32) * q.pow(l as u32);
                        let at = monomial(degree - l, l);
                        for (sum, v) in sums.fixed.gg.iter_mut().zip([gx * gx, gx * gy, gy * gy]) {
                            sum.as_mut()[at] += power * v;
                        }
                        if degree <= T::DEGREE {
                            for (axis, g) in [gx, gy].into_iter().enumerate() {
                                sums.fixed.gt[axis].as_mut()[at] += power * g * t;
                                sums.fixed.g[axis].as_mut()[at] += power * g;
                                sums.residual.ge[axis].as_mut()[at] += power * g * e;
                            }
                        }
                    }
                }
                for (sum, v) in sums.fixed.plain.iter_mut().zip([t * t, t, 1]) {
                    *sum += w * v;
                }
                for (sum, v) in sums.residual.plain.iter_mut().zip([t * e, e * e, e]) {
                    *sum += w * v;
                }
            }
        }
        sums
    }

    fn sums_are_their_definition<P: Grey, T: Transform>(pixel: impl Fn(u32) -> P) {
        for size in [(1, 1), (2, 3), (3, 1), (64, 3), (65, 5), (150, 70)] {
            let (fixed, moving) = (noise(size.0, size.1, 1, &pixel), noise(size.0, size.1, 2, &pixel));
            // (Any map will do.)
            let (w, h) = (size.0.div_ceil(32), size.1.div_ceil(8));
            let map = noise(w, h, 3, |v| P::from((v >> 10) as u8));
            images(&fixed, &moving, size, |pair| {
                for (i, (dx, dy)) in [(0, 0), (1, 0), (-2, 1), (17, -9)].into_iter().enumerate() {
                    let selected = (i % 2 == 1).then(|| Image::new(&map, w, h).unwrap());
                    let pair = LevelPair { selected, ..pair };
                    let shift = [1.0, 0.0, dx as f64, 0.0, 1.0, dy as f64, 0.0, 0.0, 1.0];
                    let shift = T::from_matrix(shift).unwrap();
                    masks(pair, |pair| {
                        for (loss, interpolation) in [
                            (Loss::Squares, Interpolation::Bilinear),
                            (Loss::Squares, Interpolation::Lagrange),
                            (Loss::new(Robust::Huber, 9.0), Interpolation::Bilinear),
                            (Loss::new(Robust::Tukey, 60.0), Interpolation::Lagrange),
                        ] {
                            for second_order in [false, true] {
                                assert_eq!(
                                    pass(pair, &shift, loss, (interpolation, second_order), None).0.moments,
                                    directly::<P, T>(&pair, (dx, dy), loss, (interpolation, second_order)),
                                    "{size:?} {dx} {dy} {loss:?} {interpolation:?} {second_order}"
                                );
                            }
                        }
                    });
                }
            });
        }
    }

    #[test]
    fn sums() {
        sums_are_their_definition::<u8, Translation>(|v| (v >> 16) as u8);
        sums_are_their_definition::<u8, Affine>(|v| (v >> 16) as u8);
        sums_are_their_definition::<u8, Homography>(|v| (v >> 16) as u8);
        sums_are_their_definition::<u16, Homography>(|v| (v >> 8) as u16);
        sums_are_their_definition::<i16, Affine>(|v| (v >> 8) as u16 as i16);
    }

    /// Under masks, between pixels: those that count, and no others, whatever another pass has summed.
    #[test]
    fn what_counts() {
        let size = (150, 70);
        let pixel = |v: u32| (v >> 16) as u8;
        let (fixed, moving) = (noise(size.0, size.1, 1, pixel), noise(size.0, size.1, 2, pixel));
        let map = noise(5, 9, 3, |v| (v >> 10) as u8);
        images(&fixed, &moving, size, |pair| {
            // (Of coordinates that have few bits.)
            for p in [
                [1.0, 0.0, 0.5, 0.0, 1.0, -2.25],
                [1.0, 0.0, -40.75, 0.0, 1.0, 20.0],
                [0.75, 0.25, 10.5, -0.25, 1.25, 4.0],
                [-1.0, 0.0, 150.5, 0.0, 0.5, 3.125],
            ] {
                let transform = Affine::from_parameters(p).unwrap();
                for selected in [None, Some(Image::new(&map, 5, 9).unwrap())] {
                    let pair = LevelPair { selected, ..pair };
                    for kind in [
                        (Interpolation::Bilinear, false),
                        (Interpolation::Lagrange, false),
                        (Interpolation::Lagrange, true),
                    ] {
                        let known = pass(pair, &Affine::IDENTITY, Loss::Squares, kind, None);
                        let all = pass(pair, &transform, Loss::Squares, kind, None).0.tally.pixels;
                        masks(pair, |pair| {
                            let (found, _) = pass(pair, &transform, Loss::Squares, kind, Some(&known));
                            let mut expected = [0_i128; 3];
                            let mut n = 0;
                            for (i, &t) in fixed.iter().enumerate().take(size.0 * size.1) {
                                let (x, y) = (i % size.0, i / size.0);
                                let left_out =
                                    |map: Image<'_, u8>| map.get(x / 32, y / 8).unwrap() >> (y % 8) & 1 == 0;
                                if !counts(&pair, &transform, kind.0, x as i64, y as i64)
                                    || selected.is_some_and(left_out)
                                {
                                    continue;
                                }
                                let t = i128::from(t);
                                expected.iter_mut().zip([t * t, t, 1]).for_each(|(sum, v)| *sum += v);
                                n += 1;
                            }
                            assert_eq!(found.moments.fixed.plain, expected, "{p:?} {kind:?}");
                            assert_eq!(found.tally.pixels, n);
                            let masked = pair.fixed_mask.is_some() || pair.moving_mask.is_some();
                            assert!(n > 100 && (n < all) == masked, "{p:?} {kind:?}: {n} of {all}");
                        });
                    }
                }
            }
        });
    }

    /// What another pass has summed changes nothing.
    fn shared_sums<T: Transform>(transforms: &[T]) {
        let size = (150, 70);
        let pixel = |v: u32| (v >> 16) as u8;
        let (fixed, moving) = (noise(size.0, size.1, 1, pixel), noise(size.0, size.1, 2, pixel));
        let map = noise(5, 9, 3, |v| (v >> 10) as u8);
        images(&fixed, &moving, size, |pair| {
            for (i, before) in transforms.iter().enumerate() {
                let selected = (i % 2 == 1).then(|| Image::new(&map, 5, 9).unwrap());
                let pair = LevelPair { selected, ..pair };
                let bilinear = (Interpolation::Bilinear, false);
                let known = pass(pair, before, Loss::Squares, bilinear, None);
                assert!(!known.0.tally.apart);
                for (transform, interpolation) in transforms
                    .iter()
                    .flat_map(|t| [(t, Interpolation::Bilinear), (t, Interpolation::Lagrange)])
                {
                    let (a, kept) = pass(pair, transform, Loss::Squares, (interpolation, false), None);
                    let (b, of_both) =
                        pass(pair, transform, Loss::Squares, (interpolation, false), Some(&known));
                    assert_eq!((a.moments, a.tally.pixels), (b.moments, b.tally.pixels));
                    let now =
                        |kept: &[u8]| kept.chunks(KEPT).flat_map(|row| row[KEPT / 2..].to_vec()).collect();
                    let [now, also]: [Vec<_>; 2] = [now(&kept), now(&of_both)];
                    assert_eq!(now, also);
                }
            }
        });
    }

    #[test]
    fn sums_are_shared() {
        let affine = |p| Affine::from_parameters(p).unwrap();
        shared_sums(&[
            Affine::IDENTITY,
            affine([1.0, 0.0, 3.3, 0.0, 1.0, -2.7]),
            affine([1.02, 0.1, -5.0, -0.1, 0.97, 4.0]),
            affine([0.7, -0.7, 60.0, 0.7, 0.7, -30.0]),
            affine([1.0, 0.0, 500.0, 0.0, 1.0, 0.0]),
            affine([-1.0, 0.0, 150.5, 0.0, 1.0, 0.0]),
        ]);
        let homography = |p| Homography::from_parameters(p).unwrap();
        shared_sums(&[
            Homography::IDENTITY,
            homography([0.9, 0.02, 3.0, -0.05, 1.1, 1.0, 1e-3, -5e-4]),
            homography([1.2, 0.1, -9.0, 0.0, 1.0, 2.5, -2e-3, 1e-3]),
            // Of shorter runs, both of them inside.
            homography([0.5, 0.0, 10.0, 0.0, 0.6, 5.0, -2.1e-3, 0.0]),
            // Its pole crosses the image.
            homography([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -0.01, 0.002]),
        ]);
    }
}
