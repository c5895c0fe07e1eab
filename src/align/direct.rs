//! The sums of a tile at a level of one lane: pixel by pixel, straight from the images.
//!
//! In: a tile of the fixed image, and the supports of a pass or the residuals of its rows. Out: the sums that
//! [`normal`](super::normal) takes from buffers, in vectors, where there are more lanes.
#![forbid(unsafe_code)]

use core::ops::Range;

use super::moments::{
    Fixed, FixedMoments, HALF_POWERS, POWERS, ResidualMoments, Row, TileMoments, add_stretch, move_powers,
};
use super::normal::{Accumulate, Tally, to};
use super::pixels::{Residuals, mean};
use super::robust::Loss;
use super::shifted::Rows;
use super::support::{NONE_ABOVE, Supports, changes};
use super::word::Word;
use super::{CHUNK, Grey, Interpolation, Scope, select};
#[cfg(all(dsp, not(helium)))]
use crate::kernel::Array;
use crate::kernel::{Bilinear, Lagrange, Output};
#[cfg(dsp)]
use crate::simd;
use crate::simd::One;
#[cfg(all(dsp, not(helium)))]
use crate::simd::arm_moments::{self, ALONG_X, ALONG_Y, Around, Cross, Fours, Place};
use crate::transform::Degree;
use crate::walk::{Plan, Walk};

/// Room for the samples of a chunk, or for what its sums need.
#[cfg(all(dsp, not(helium)))]
const ROOM: usize = arm_moments::ROOM;
#[cfg(not(all(dsp, not(helium))))]
const ROOM: usize = CHUNK;

/// Moments of N products of words each up to `degree`, about the middle (rounded down) of at most [`CHUNK`].
///
/// With running sums, and running sums of those: after all of them the product at place j, counted from
/// the end (the last one is 1), has been added once, j times, j (j + 1) / 2 times and so on. So a power
/// costs an addition.
#[inline(always)]
fn moments<W: Word, S: Word, const N: usize>(
    products: impl ExactSizeIterator<Item = [(W, W); N]>,
    degree: usize,
) -> [[i64; POWERS]; N] {
    let half = (products.len() - products.len() / 2) as i64;
    let mut sums = [[S::Sum::default(); POWERS]; N];
    for products in products {
        for ([zeroth, further @ ..], (a, b)) in sums.iter_mut().zip(products) {
            *zeroth = S::add(*zeroth, S::new(a.get()), S::new(b.get()));
            let mut below = *zeroth;
            for sum in further.iter_mut().take(degree) {
                *sum = S::plus(*sum, below);
                below = *sum;
            }
        }
    }
    sums.map(|sums| about_middle::<S>(sums.map(Into::into), half, degree))
}

/// Moments about the end, of running sums.
#[inline(always)]
fn about_end([s, t, u, v, w]: [i64; POWERS]) -> [i64; POWERS] {
    [s, -t, 2 * u - t, 6 * (u - v) - t, 24 * w - 36 * v + 14 * u - t]
}

/// Moments about the middle, which has place `half`.
#[inline(always)]
fn about_middle<S: Word>(running: [i64; POWERS], half: i64, degree: usize) -> [i64; POWERS] {
    let mut moments = about_end(running);
    move_powers(&mut moments, half, degree);
    // These fit, and what they come of is right modulo the range of sums.
    moments.map(S::wrapped)
}

/// From the centre of a tile to the middle (rounded down) of a chunk of row `y`. (In 32 bits, which are multiplied
/// faster.)
#[inline(always)]
fn middle(y: usize, chunk: &Range<usize>, [u, v]: [usize; 2]) -> [i32; 2] {
    [(chunk.start + chunk.len() / 2) as i32 - u as i32, y as i32 - v as i32]
}

/// Adds half of the differences of residuals to gradients, where both count.
#[inline(never)]
fn add_half<W: Word>(g: &mut [W], before: (&[W], &[i32]), after: (&[W], &[i32]), half: i32) {
    let (residuals, counts) = (before.0.iter().zip(after.0), before.1.iter().zip(after.1));
    for (g, ((a, b), (&m, &n))) in g.iter_mut().zip(residuals.zip(counts)) {
        *g = W::new(mean(*g, (b.get() - a.get()) & m & n, half));
    }
}

impl<P: Grey, N: Plan, D: Degree, S: Scope> Accumulate<'_, P, N, D, S> {
    /// [`moments`] in sums that hold them.
    #[inline(always)]
    fn moments<const K: usize>(
        products: impl ExactSizeIterator<Item = [(P::Word, P::Word); K]>,
        degree: usize,
    ) -> [[i64; POWERS]; K] {
        if D::DEGREE < 2 {
            moments::<P::Word, P::Word, K>(products, degree)
        } else {
            moments::<P::Word, i32, K>(products, degree)
        }
    }

    /// Moments of products of two gradients: x x, x y, y y.
    #[inline(never)]
    fn full_moments(x: &[P::Word], y: &[P::Word]) -> [[i64; POWERS]; 3] {
        let pixels = || x.iter().copied().zip(y.iter().copied());
        let degree = 2 * D::DEGREE;
        if D::DEGREE < 2 {
            return Self::moments(pixels().map(|(x, y)| [(x, x), (x, y), (y, y)]), degree);
        }
        // (There are no registers for all at once.)
        let [xx] = Self::moments(pixels().map(|(x, _)| [(x, x)]), degree);
        let [xy] = Self::moments(pixels().map(|(x, y)| [(x, y)]), degree);
        let [yy] = Self::moments(pixels().map(|(_, y)| [(y, y)]), degree);
        [xx, xy, yy]
    }

    /// Moments of a gradient times the pixel, and of the gradient.
    #[inline(never)]
    fn half_moments(g: &[P::Word], t: &[P::Word]) -> [[i64; HALF_POWERS]; 2] {
        let products = g.iter().zip(t).map(|(&g, &t)| [(g, t), (g, P::Word::new(1))]);
        Self::moments(products, D::DEGREE).map(|[s, t, u, ..]| [s, t, u])
    }

    /// Moments of a gradient times something else.
    #[inline(never)]
    fn half_moment(g: &[P::Word], factors: &[P::Word]) -> [i64; HALF_POWERS] {
        let [[s, t, u, ..]] =
            Self::moments(g.iter().zip(factors).map(|(&g, &factor)| [(g, factor)]), D::DEGREE);
        [s, t, u]
    }

    /// Moments of differences times something else.
    #[inline(never)]
    fn difference_moments(a: &[P], b: &[P], factors: &[P::Fine]) -> [i64; HALF_POWERS] {
        let products = a.iter().zip(b).zip(factors).map(|((&a, &b), &factor)| {
            let [a, b]: [i32; 2] = [a, b].map(Into::into);
            [(P::Word::new(b - a), P::Word::new(factor.into()))]
        });
        let [[s, t, u, ..]] = Self::moments(products, D::DEGREE);
        [s, t, u]
    }

    /// [`tile`](Self::tile) for one lane: chunks are added to the sums of the tile one by one.
    #[inline(always)]
    pub(super) fn tile_singly(
        &self,
        supports: &mut Supports<'_, N, P>,
        columns: Range<usize>,
        rows: Range<usize>,
        centre: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        let (mut room, mut shifted) = ([P::Fine::from_channel(P::default()); ROOM], Rows::new());
        let mut above = NONE_ABOVE;
        let Supports { now, kept } = supports;
        for y in rows {
            let mut kept = kept.row(y, columns.start);
            for (run, walk, range) in now.runs::<P>(y, columns.clone(), &mut above) {
                let before = kept.replace(&run, &range);
                if self.is_shared() {
                    self.add_changes(&mut tile.fixed, y, [&before, &range], centre, &mut room);
                }
                for chunk in select::chunks(self.selected(), y, range) {
                    let walk = walk.at(chunk.start - run.start);
                    let Some(all) = room.first_chunk_mut() else { return };
                    // (Of degree zero are translations.)
                    if D::DEGREE == 0 {
                        self.shifted(&walk, &mut shifted, all, chunk.len());
                    } else {
                        self.interpolate::<One, _>(&walk, all.get_mut(..chunk.len()).unwrap_or_default());
                    }
                    if !S::WHOLE || self.is_shared() && !self.histogram {
                        tally.pixels += chunk.len() as u64;
                        self.add_residual(&mut tile.residual, y, chunk, centre, all);
                    } else {
                        self.add_weighted(tile, &walk, y, chunk, centre, all, tally);
                    }
                }
            }
            tally.apart |= !kept.finish();
        }
    }

    /// Adds what the fixed image sums to over a stretch of row `y`, about `centre`, less what it summed to over another
    /// one.
    #[inline(never)]
    fn add_changes(
        &self,
        sums: &mut FixedMoments<i64, D>,
        y: usize,
        [before, now]: [&Range<usize>; 2],
        centre: [usize; 2],
        room: &mut [P::Fine; ROOM],
    ) {
        // (Mostly none.)
        if before == now {
            return;
        }
        for (range, less) in changes(before, now) {
            for chunk in select::chunks(self.selected(), y, range) {
                self.add_fixed(sums, y, chunk, centre, less, room);
            }
        }
    }

    /// Whether samples of a shifted image share rows.
    #[inline(always)]
    pub(super) fn shares_rows(&self) -> bool {
        self.shifted_bytes().is_none()
    }

    /// The pixels of the moving image, if a processor has instructions for samples of it when it is shifted.
    #[inline(always)]
    fn shifted_bytes(&self) -> Option<&[u8]> {
        let [pixels, _] = P::bytes([self.pair.moving.elements(); 2])?;
        (cfg!(dsp) && self.interpolation() == Interpolation::Bilinear).then_some(pixels)
    }

    /// The moving image along the walk of a translation, so many samples.
    #[inline(never)]
    fn shifted<W: Walk>(&self, walk: &W, rows: &mut Rows<P>, samples: &mut [P::Fine; CHUNK], len: usize) {
        let (moving, at) = (&self.pair.moving, walk.position(to::<P>()));
        #[cfg(dsp)]
        if let Some(pixels) = self.shifted_bytes() {
            simd::shifted(pixels, moving.stride(), at, P::samples(samples), len);
            return;
        }
        let samples = samples.get_mut(..len).unwrap_or_default();
        match self.interpolation() {
            Interpolation::Bilinear => rows.sample(&Bilinear, moving, at, samples),
            Interpolation::Lagrange => rows.sample(&Lagrange, moving, at, samples),
        }
    }

    /// Central differences of a chunk of row `y`, where there were zeros. The outermost pixels of an image have none
    /// along their normal.
    #[inline(always)]
    fn differences(&self, y: usize, chunk: Range<usize>, [gx, gy]: [&mut [P::Word]; 2]) {
        let fixed = self.pair.fixed;
        let row = |y: usize, x: usize| fixed.row(y).get(x..).unwrap_or_default();
        let differences = |out: &mut [P::Word], a: &[P], b: &[P]| {
            for (out, (&a, &b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *out = P::Word::new(Into::<i32>::into(b) - Into::<i32>::into(a));
            }
        };
        let (from, to) = (chunk.start.max(1), chunk.end.min(fixed.width() - 1));
        if from < to
            && let Some(gx) = gx.get_mut(from - chunk.start..to - chunk.start)
        {
            differences(gx, row(y, from - 1), row(y, from + 1));
        }
        if y > 0 && y + 1 < fixed.height() {
            differences(gy, row(y - 1, chunk.start), row(y + 1, chunk.start));
        }
    }

    /// Adds what the fixed image sums to over a chunk of row `y`, about `centre`, or takes it away.
    #[inline(never)]
    fn add_fixed(
        &self,
        sums: &mut FixedMoments<i64, D>,
        y: usize,
        chunk: Range<usize>,
        centre: [usize; 2],
        less: bool,
        #[cfg_attr(not(all(dsp, not(helium))), expect(unused_variables))] room: &mut [P::Fine; ROOM],
    ) {
        #[cfg(all(dsp, not(helium)))]
        if let Some([pixels, _]) = P::bytes([self.pair.fixed.elements(); 2]) {
            self.add_fixed_in_fours(sums, pixels, y, &chunk, centre, less, room);
            return;
        }
        self.add_fixed_singly(sums, y, chunk, centre, less);
    }

    /// [`add_fixed`](Self::add_fixed) pixel by pixel.
    #[cfg_attr(all(dsp, not(helium)), inline(never))]
    #[cfg_attr(not(all(dsp, not(helium))), inline(always))]
    fn add_fixed_singly(
        &self,
        sums: &mut FixedMoments<i64, D>,
        y: usize,
        chunk: Range<usize>,
        centre: [usize; 2],
        less: bool,
    ) {
        let (n, middle) = (chunk.len(), middle(y, &chunk, centre).map(Into::into));
        let mut words = [[P::Word::default(); CHUNK]; 3];
        let [gx, gy, t] = words.each_mut().map(|words| words.get_mut(..n).unwrap_or_default());
        self.differences(y, chunk.clone(), [&mut *gx, &mut *gy]);
        let [mut tt, mut t1] = [<P::Word as Word>::Sum::default(); 2];
        for (word, &pixel) in t.iter_mut().zip(self.pair.fixed.row(y).get(chunk).unwrap_or_default()) {
            *word = P::Word::new(pixel.into());
            tt = P::Word::add(tt, *word, *word);
            t1 = P::Word::add(t1, *word, P::Word::new(1));
        }
        let mut found = Fixed::ZERO;
        found.gg = Self::full_moments(gx, gy);
        for (axis, g) in [gx, gy].into_iter().enumerate() {
            [found.gt[axis], found.g[axis]] = Self::half_moments(g, t);
        }
        found.plain = [tt.into(), t1.into(), n as i64];
        if less {
            found.negate();
        }
        sums.add_stretch(&found, middle, D::DEGREE);
    }

    /// The fixed pixels of a chunk of row `y`, which are bytes.
    #[cfg(all(dsp, not(helium)))]
    #[inline(always)]
    fn cross<'c>(
        &self,
        pixels: &'c [u8],
        y: usize,
        chunk: &Range<usize>,
        around: &'c mut Around,
    ) -> Option<Cross<'c>> {
        let fixed = &self.pair.fixed;
        // (No differences across the border: see differences().)
        let down = if y > 0 && y + 1 < fixed.height() { fixed.stride() } else { 0 };
        let ends = [chunk.start == 0, chunk.end == fixed.width() && fixed.width() > 1];
        Cross::new(pixels, y * fixed.stride() + chunk.start, down, chunk.len(), ends, around)
    }

    /// Adds moments of order zero, so many times.
    #[cfg(all(dsp, not(helium)))]
    #[inline(always)]
    fn add_zeroth<const K: usize, A: Array<i64>>(sums: &mut [A; K], zeroth: &[i32; K], times: i32) {
        for (sums, &v) in sums.iter_mut().zip(zeroth) {
            if let Some(sum) = sums.as_mut().first_mut() {
                *sum += i64::from(times) * i64::from(v);
            }
        }
    }

    /// Adds the moments that running sums over a chunk come to, up to the second power.
    ///
    /// In 32 bits: moments about the middle fit, and these come to them modulo 2^32. So do places and their
    /// products, as an image has at most 2^15 columns: that leaves one instruction for each product.
    #[cfg(all(dsp, not(helium)))]
    #[inline(never)]
    fn add_running<const K: usize, A: Array<i64>>(sums: &mut A, running: &[i32; K], at: &Place) {
        let (&Place { middle: [x, y], half, sign }, Some(&[s, t])) = (at, running.first_chunk()) else {
            return;
        };
        let (s, t) = (sign.wrapping_mul(s), sign.wrapping_mul(t));
        let first = half.wrapping_mul(s).wrapping_sub(t);
        let add = |sum: &mut i64, a: i32, b: i32| *sum += i64::from(a) * i64::from(b);
        let Some((sum, powers)) = sums.as_mut().split_first_mut() else { return };
        *sum += i64::from(s);
        let Some(([sum_x, sum_y], powers)) = powers.split_first_chunk_mut() else { return };
        *sum_x += i64::from(first);
        add(sum_x, x, s);
        add(sum_y, y, s);
        if let ([sum_xx, sum_xy, sum_yy], Some(&u)) = (powers, running.get(2)) {
            let second = (2 * sign)
                .wrapping_mul(u)
                .wrapping_sub(t)
                .wrapping_add(half.wrapping_mul(first.wrapping_sub(t)));
            *sum_xx += i64::from(second);
            add(sum_xx, 2 * x, first);
            add(sum_xx, x * x, s);
            add(sum_xy, y, first);
            add(sum_xy, x * y, s);
            add(sum_yy, y * y, s);
        }
    }

    /// [`add_fixed`](Self::add_fixed) where pixels are bytes and a processor has instructions for it.
    #[cfg(all(dsp, not(helium)))]
    #[expect(clippy::too_many_arguments)]
    #[inline(always)]
    fn add_fixed_in_fours(
        &self,
        sums: &mut FixedMoments<i64, D>,
        pixels: &[u8],
        y: usize,
        chunk: &Range<usize>,
        centre: [usize; 2],
        less: bool,
        room: &mut [P::Fine; ROOM],
    ) {
        let mut around = Around::uninit();
        let Some(cross) = self.cross(pixels, y, chunk, &mut around) else { return };
        let Some(fours) = Fours::new(&cross, P::samples(room)) else { return };
        let at = cross.place(middle(y, chunk, centre), less);
        let halves = sums.gt.iter_mut().zip(&mut sums.g).zip(&[ALONG_X, ALONG_Y]);
        if D::DEGREE == 0 {
            let zeroth = fours.zeroth();
            Self::add_zeroth(&mut sums.gg, &zeroth.gg, at.sign);
            Self::add_zeroth(&mut sums.gt, &zeroth.gt, at.sign);
            Self::add_zeroth(&mut sums.g, &zeroth.g, at.sign);
        } else if D::DEGREE == 1 {
            for (sums, running) in sums.gg.iter_mut().zip(&fours.full_2()) {
                Self::add_running(sums, running, &at);
            }
            for ((gt, g), &axis) in halves {
                let [running_gt, running_g] = fours.half_1(axis);
                Self::add_running(gt, &running_gt, &at);
                Self::add_running(g, &running_g, &at);
            }
        } else {
            let axes = [[ALONG_X, ALONG_X], [ALONG_X, ALONG_Y], [ALONG_Y, ALONG_Y]];
            for (sums, &axes) in sums.gg.iter_mut().zip(&axes) {
                fours.add_full_4(axes, sums.as_mut(), &at);
            }
            for ((gt, g), &axis) in halves {
                let [running_gt, running_g] = fours.half_2(axis);
                arm_moments::add_2(gt.as_mut(), &running_gt, &at);
                arm_moments::add_2(g.as_mut(), &running_g, &at);
            }
        }
        let [tt, t] = fours.plain;
        for (sum, v) in sums.plain.iter_mut().zip([tt, t, chunk.len() as i32]) {
            *sum += i64::from(at.sign) * i64::from(v);
        }
    }

    /// [`add_residual`](Self::add_residual), likewise.
    #[cfg(all(dsp, not(helium)))]
    #[inline(always)]
    fn add_residual_in_fours(
        &self,
        sums: &mut ResidualMoments<D>,
        pixels: &[u8],
        y: usize,
        chunk: &Range<usize>,
        centre: [usize; 2],
        samples: &mut [P::Fine],
    ) {
        let mut around = Around::uninit();
        let Some(cross) = self.cross(pixels, y, chunk, &mut around) else { return };
        // Bilinear samples are within the range of pixels.
        let unlimited =
            self.photometry.unlimited().filter(|_| self.interpolation() == Interpolation::Bilinear);
        if let Some(photometry) = unlimited {
            arm_moments::residual(&cross, P::samples(samples), photometry, &mut sums.plain);
        } else {
            let row = self.pair.fixed.row(y).get(chunk.clone()).unwrap_or_default();
            self.residuals(row, samples, &mut sums.plain);
            arm_moments::pack(P::samples(samples), chunk.len());
        }
        let (at, residuals) = (cross.place(middle(y, chunk, centre), false), P::samples(samples));
        if D::DEGREE == 0 {
            let zeroth = arm_moments::with_differences_0(&cross, residuals);
            return Self::add_zeroth(&mut sums.ge, &zeroth, at.sign);
        }
        let [along, across] = &mut sums.ge;
        if D::DEGREE == 1 {
            let [running_along, running_across] = arm_moments::with_differences_1(&cross, residuals);
            Self::add_running(along, &running_along, &at);
            Self::add_running(across, &running_across, &at);
        } else {
            let [running_along, running_across] = arm_moments::with_differences_2(&cross, residuals);
            arm_moments::add_2(along.as_mut(), &running_along, &at);
            arm_moments::add_2(across.as_mut(), &running_across, &at);
        }
    }

    /// Adds what residuals take part in over a chunk of row `y`, about `centre`, from the first of the
    /// samples, which are not kept.
    #[inline(never)]
    fn add_residual(
        &self,
        sums: &mut ResidualMoments<D>,
        y: usize,
        chunk: Range<usize>,
        centre: [usize; 2],
        samples: &mut [P::Fine; CHUNK],
    ) {
        #[cfg(all(dsp, not(helium)))]
        if let Some([pixels, _]) = P::bytes([self.pair.fixed.elements(); 2]) {
            self.add_residual_in_fours(sums, pixels, y, &chunk, centre, samples);
            return;
        }
        self.add_residual_singly(sums, y, chunk, centre, samples);
    }

    /// [`add_residual`](Self::add_residual) pixel by pixel.
    #[cfg_attr(all(dsp, not(helium)), inline(never))]
    #[cfg_attr(not(all(dsp, not(helium))), inline(always))]
    fn add_residual_singly(
        &self,
        sums: &mut ResidualMoments<D>,
        y: usize,
        chunk: Range<usize>,
        centre: [usize; 2],
        samples: &mut [P::Fine; CHUNK],
    ) {
        let samples = samples.get_mut(..chunk.len()).unwrap_or_default();
        let fixed = &self.pair.fixed;
        let row = |y: usize, columns: Range<usize>| fixed.row(y).get(columns).unwrap_or_default();
        self.residuals(row(y, chunk.clone()), samples, &mut sums.plain);
        let residuals = &*samples;
        let [along, across] = &mut sums.ge;
        let add = |sums: &mut D::Monomials<i64>, a: &[P], b: &[P], from: usize, residuals: &[P::Fine]| {
            let found = Self::difference_moments(a, b, residuals);
            let middle = middle(y, &(from..from + residuals.len()), centre).map(Into::into);
            add_stretch::<HALF_POWERS>(sums.as_mut(), &found, middle, D::DEGREE);
        };
        // (No differences across the border: see differences().)
        let (from, to) = (chunk.start.max(1), chunk.end.min(fixed.width() - 1));
        if from < to {
            let residuals = residuals.get(from - chunk.start..to - chunk.start).unwrap_or_default();
            add(along, row(y, from - 1..to - 1), row(y, from + 1..to + 1), from, residuals);
        }
        if y > 0 && y + 1 < fixed.height() {
            add(across, row(y - 1, chunk.clone()), row(y + 1, chunk.clone()), chunk.start, residuals);
        }
    }

    /// Makes residuals of the samples of a chunk, and adds to te, ee, e.
    #[inline(always)]
    fn residuals(&self, fixed: &[P], samples: &mut [P::Fine], plain: &mut [i64; 3]) {
        let [mut te, mut ee, mut e1] = [<P::Word as Word>::Sum::default(); 3];
        let photometry = self.photometry;
        for (&t, sample) in fixed.iter().zip(samples) {
            let t: i32 = t.into();
            let e: P::Word = photometry.residual(t, (*sample).into());
            te = P::Word::add(te, P::Word::new(t), e);
            ee = P::Word::add(ee, e, e);
            e1 = P::Word::add(e1, e, P::Word::new(1));
            *sample = e.get().into();
        }
        for (sum, v) in plain.iter_mut().zip([te, ee, e1]) {
            *sum += v.into();
        }
    }

    /// [`row`](Self::row) for one lane.
    #[inline(always)]
    pub(super) fn row_singly(
        &self,
        columns: &Range<usize>,
        y: usize,
        [above, here, below]: [&Residuals<P::Word>; 3],
        centre: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        let (half, weighted) = (self.photometry.half_of_gain(), self.loss != Loss::Squares);
        for chunk in select::chunks(self.selected(), y, columns.clone()) {
            let (n, at) = (chunk.len(), chunk.start - columns.start);
            let mut words = [[P::Word::default(); CHUNK]; 4];
            let [gx, gy, t, e] = words.each_mut().map(|words| words.get_mut(..n).unwrap_or_default());
            self.differences(y, chunk.clone(), [&mut *gx, &mut *gy]);
            add_half(gx, here.from(at), here.from(at + 2), half);
            add_half(gy, above.from(at + 1), below.from(at + 1), half);
            let mut sums = Row::ZERO;
            let pixels = self.pair.fixed.row(y).get(chunk.clone()).unwrap_or_default();
            let (residuals, counts) = here.from(at + 1);
            let words = gx.iter_mut().zip(&mut *gy).zip(t.iter_mut().zip(&mut *e));
            let read = pixels.iter().zip(residuals.iter().zip(counts));
            for (k, (((gx, gy), (t, e)), (&pixel, (&residual, &counts)))) in words.zip(read).enumerate() {
                if counts == 0 {
                    (*gx, *gy) = Default::default();
                    continue;
                }
                (*t, *e) = (P::Word::new(pixel.into()), residual);
                if weighted || self.histogram {
                    let w = tally.weight(self, e.get());
                    if weighted && w != 0 {
                        let pixel = [gx.get(), gy.get(), t.get(), e.get()];
                        sums.add_weighted(pixel, w, k as i64 - (n / 2) as i64, D::DEGREE);
                    }
                }
            }
            let count = counts.iter().take(n).filter(|&&counts| counts != 0).count();
            tally.pixels += count as u64;
            if !weighted {
                sums.fixed.gg = Self::full_moments(gx, gy);
                for (axis, g) in [&*gx, &*gy].into_iter().enumerate() {
                    [sums.fixed.gt[axis], sums.fixed.g[axis]] = Self::half_moments(g, t);
                    sums.residual.ge[axis] = Self::half_moment(g, e);
                }
                let one = P::Word::new(1);
                let products = t.iter().zip(&*e).map(|(&t, &e)| [(t, t), (t, one), (t, e), (e, e), (e, one)]);
                let [tt, t1, te, ee, e1] = Self::moments(products, 0).map(|[sum, ..]| sum);
                (sums.fixed.plain, sums.residual.plain) = ([tt, t1, count as i64], [te, ee, e1]);
            }
            let middle = middle(y, &chunk, centre).map(Into::into);
            tile.fixed.add_stretch(&sums.fixed, middle, D::DEGREE);
            tile.residual.add_stretch(&sums.residual, middle, D::DEGREE);
        }
    }

    /// Adds both over a chunk of row `y`, about `centre`: weighted, by masks and the loss; and what
    /// is counted pixel by pixel. Sums of fixed pixels alone are left where passes share them.
    #[expect(clippy::too_many_arguments)]
    #[inline(never)]
    fn add_weighted<W: Walk>(
        &self,
        sums: &mut TileMoments<D>,
        walk: &W,
        y: usize,
        chunk: Range<usize>,
        [u, v]: [usize; 2],
        samples: &[P::Fine],
        tally: &mut Tally<S>,
    ) {
        let mut row = Row::ZERO;
        let mut gradients = [[P::Word::default(); CHUNK]; 2];
        let [gx, gy] = gradients.each_mut().map(|words| words.get_mut(..chunk.len()).unwrap_or_default());
        self.differences(y, chunk.clone(), [&mut *gx, &mut *gy]);
        let pixels = self.pair.fixed.row(y).get(chunk.clone()).unwrap_or_default();
        for (k, ((gx, gy), (&t, &sample))) in gx.iter().zip(gy).zip(pixels.iter().zip(samples)).enumerate() {
            let x = chunk.start + k;
            if !self.counts(walk, k, x, y) {
                continue;
            }
            let t: i32 = t.into();
            let e = self.photometry.residual::<P::Word>(t, sample.into()).get();
            tally.pixels += 1;
            let w = tally.weight(self, e);
            if w != 0 {
                let u = (x % CHUNK) as i64 - CHUNK as i64 / 2;
                row.add_weighted([gx.get(), gy.get(), t, e], w, u, D::DEGREE);
            }
        }
        let middle = chunk.start - chunk.start % CHUNK + CHUNK / 2;
        let at = [middle as i64 - u as i64, y as i64 - v as i64];
        if !self.is_shared() {
            sums.fixed.add_stretch(&row.fixed, at, D::DEGREE);
        }
        sums.residual.add_stretch(&row.residual, at, D::DEGREE);
    }
}
