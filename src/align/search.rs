//! The coarse search: correlation of the smallest level at whole-pixel shifts and at turns.
//!
//! In: the images of a level and what is between them, a shift by whole pixels or a plan. Out: a [`Match`].
#![forbid(unsafe_code)]

use core::ops::Range;

use super::moments::covariance;
use super::normal::{LevelPair, Nothing};
use super::pixels::totals;
use super::word::Word;
use super::{CHUNK, Grey};
use crate::fixed::{narrow_floor_div, q32, root, rounded};
use crate::image::Image;
use crate::kernel::{Nearest, rounding};
use crate::simd::sums::{PAIRS, Rows, pairs};
use crate::simd::{self, Lanes, Operation};
use crate::span::{self, Area};
use crate::transform::{Matrix, is_one, is_zero, multiply};
use crate::walk::{Plan, Walk};

/// The most pixels that all comparisons together look at.
const BUDGET: usize = 1 << 24;

/// The largest shifts along each axis and the largest turn to compare: `part` of the sides of the fixed
/// image, and `rotation` radians in units of [`turned`]; less where that would take too many comparisons.
pub(super) fn range<P>(pair: &LevelPair<'_, P>, part: f64, rotation: f64) -> [i32; 3] {
    let (width, height) = (pair.fixed.width(), pair.fixed.height());
    let most = |side: usize| rounded(side as f64 * part, 0) as usize;
    let (mut x, mut y) = (most(width), most(height));
    // At most 2^16 or so, as images go.
    let mut turns = if rotation > 0.0 { libm::ceil(rotation / unit(pair)) as usize } else { 0 };
    loop {
        let comparisons = [x, y, turns].iter().fold(1_usize, |n, r| n.saturating_mul(2 * r + 1));
        if comparisons.saturating_mul(width * height) <= BUDGET || comparisons == 1 {
            return [x as i32, y as i32, turns as i32];
        }
        let largest = if x >= y && x >= turns {
            &mut x
        } else if y >= turns {
            &mut y
        } else {
            &mut turns
        };
        *largest /= 2;
    }
}

/// The angle by which the corners of the fixed image move two pixels.
fn unit<P>(pair: &LevelPair<'_, P>) -> f64 {
    let [width, height] = [pair.fixed.width(), pair.fixed.height()].map(|side| side as f64);
    4.0 / libm::sqrt(width * width + height * height)
}

/// A transform after a turn about the centre of the fixed image, by so many times the angle whose half has half a
/// [`unit`] for its tangent.
pub(super) fn turned<P>(pair: &LevelPair<'_, P>, matrix: &Matrix, units: i32) -> Matrix {
    if units == 0 {
        return *matrix;
    }
    let [cosine, sine] = turn(unit(pair) / 2.0, units);
    let [x, y] = [pair.fixed.width(), pair.fixed.height()].map(|side| (side as f64 - 1.0) / 2.0);
    let (dx, dy) = (x - cosine * x + sine * y, y - sine * x - cosine * y);
    multiply(matrix, &[cosine, -sine, dx, sine, cosine, dy, 0.0, 0.0, 1.0])
}

/// Cosine and sine of so many times the angle whose half has this tangent: powers of a complex number of length one.
/// (Sine and cosine of an angle take kilobytes.)
#[inline(never)]
fn turn(tangent: f64, times: i32) -> [f64; 2] {
    let square = tangent * tangent;
    let mut power = [(1.0 - square) / (1.0 + square), 2.0 * tangent / (1.0 + square)];
    let mut product = [1.0, 0.0];
    let mut rest = times.unsigned_abs();
    while rest > 0 {
        let times = |[a, b]: [f64; 2]| [a * power[0] - b * power[1], a * power[1] + b * power[0]];
        if rest & 1 != 0 {
            product = times(product);
        }
        (power, rest) = (times(power), rest >> 1);
    }
    let [cosine, sine] = product;
    [cosine, if times < 0 { -sine } else { sine }]
}

/// How well two images match: the square of their correlation with its sign, in Q30.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Match(i32);

impl Match {
    /// Less than any.
    pub(super) const NONE: Self = Self(i32::MIN);

    /// From n^2 times the variances and the covariance, or so; `None` if nothing varies, or it is not above another.
    #[inline(always)]
    fn new([tt, mm, tm]: [i64; 3], than: Self) -> Option<Self> {
        if tt <= 0 || mm <= 0 {
            return None;
        }
        // The variances with 30 or 31 bits, so that their product has 60 at least.
        let (up, along) = (tt.leading_zeros(), mm.leading_zeros());
        let odd = (up + along) & 1;
        let product = ((tt as u64) << up >> 33) * ((mm as u64) << along >> (33 + odd));
        // (Its magnitude is at most the mean of theirs, as far as there are bits.)
        let covariance = tm << ((up + along - odd) / 2).saturating_sub(1) >> 32;
        let (square, unit) = (covariance * covariance, (product >> 30) as i64);
        // (Most are not above the best so far, which is seen without a division.)
        if than.0 >= 0 && (tm <= 0 || square < (i64::from(than.0) + 1) * unit) {
            return None;
        }
        // (A square that is not above the product, but for rounding.)
        let square = narrow_floor_div(square, unit).unwrap_or(1 << 30).min(1 << 30) as i32;
        Some(Self(if covariance < 0 { -square } else { square })).filter(|found| *found > than)
    }

    /// The correlation; -1 for [`Match::NONE`].
    pub(super) fn correlation(self) -> f64 {
        let v = f64::from(self.0).max(-1_073_741_824.0) / 1_073_741_824.0;
        libm::copysign(root(v.abs()), v)
    }
}

/// Variances and a covariance by powers of two so that they fit: the variances by powers of four.
#[cold]
#[inline(never)]
fn fitted([tt, mm, tm]: [i128; 3]) -> [i64; 3] {
    let room = |v: i128| v.leading_zeros().saturating_sub(2) & !1;
    let (up, along) = (room(tt), room(mm));
    [upper(tt, up), upper(mm, along), upper(tm, (up + along) / 2)]
}

/// The upper half of a number after a shift.
#[inline(never)]
fn upper(v: i128, up: u32) -> i64 {
    (v << up >> 64) as i64
}

/// How well fixed and moving match at the nearest pixels to `T x`, or `None` if fewer than half of
/// the fixed pixels that count, or of those that can, meet a moving one, or nothing varies.
pub(super) struct Compare<'a, P, N> {
    pub(super) pair: LevelPair<'a, P>,
    /// Of the transform.
    pub(super) plan: N,
    /// Only every so many rows.
    pub(super) every: usize,
}

impl<P: Grey, N: Plan> Operation for Compare<'_, P, N> {
    type Output = Option<Match>;

    #[inline(always)]
    fn run<L: Lanes>(self) -> Option<Match> {
        let LevelPair { fixed, moving, fixed_mask, moving_mask, .. } = self.pair;
        let plan = self.plan;
        let (width, height) = (fixed.width(), fixed.height());
        let (to, area) = (rounding::<Nearest, P>(), Area::new::<Nearest>(moving.width(), moving.height()));
        let valid = |mask: &Option<Image<'_, u8>>, x: usize, y: usize| {
            mask.as_ref().is_none_or(|mask| mask.get(x, y).is_some_and(|v| v != 0))
        };
        let mut sums = Blocks::<P>::new();
        let mut counted = 0;
        for y in (0..height).step_by(self.every.max(1)) {
            let row = fixed.row(y);
            counted += match fixed_mask {
                Some(mask) => mask.row(y).iter().filter(|&&v| v != 0).count(),
                None => width,
            };
            for (x, walk, len) in plan.row(y, width) {
                // (A run across a homography's pole does not count: its images are far apart.)
                if !walk.monotone(len) {
                    continue;
                }
                let range = span::interior(&walk, 0, len, to, &area);
                for begin in range.clone().step_by(CHUNK) {
                    let end = (begin + CHUNK).min(range.end);
                    let walk = walk.at(begin);
                    let mut all = [P::default(); CHUNK];
                    let samples = all.get_mut(..end - begin).unwrap_or_default();
                    simd::blocks::<L, P, Nearest, _, P>(&Nearest, moving, &walk, samples, &Nothing);
                    let pixels = row.get(x + begin..x + end).unwrap_or_default();
                    if fixed_mask.is_none() && moving_mask.is_none() {
                        sums.add::<L>(pixels, samples);
                        continue;
                    }
                    // Those that count, from the first place on.
                    let (mut kept, mut n) = ([P::default(); CHUNK], 0);
                    for (k, &pixel) in pixels.iter().enumerate() {
                        let [u, v] = walk.at(k).position(to).map(|p| p.cell as usize);
                        if valid(&fixed_mask, x + begin + k, y) && valid(&moving_mask, u, v) {
                            let sample = all.get(k).copied().unwrap_or_default();
                            if let (Some(a), Some(b)) = (kept.get_mut(n), all.get_mut(n)) {
                                (*a, *b) = (pixel, sample);
                            }
                            n += 1;
                        }
                    }
                    if let (Some(kept), Some(samples)) = (kept.get(..n), all.get(..n)) {
                        sums.add::<L>(kept, samples);
                    }
                }
            }
        }
        sums.finish::<L>().matched(counted.min(most(&fixed, &moving, self.every)), Match::NONE)
    }
}

/// By how many pixels a matrix shifts to the nearest ones, if it does nothing else and none is halfway between two.
pub(super) fn shift(m: &Matrix) -> Option<[i32; 2]> {
    let &[a, b, x, c, d, y, e, f, g] = m;
    // (Not by floats, which take long on small processors.)
    let cell = |v: f64| {
        let (v, half) = (q32(v), 1_i64 << 31);
        ((v as u32 != 1 << 31) && v.unsigned_abs() < 1 << 48).then(|| (v.wrapping_add(half) >> 32) as i32)
    };
    let only = is_one(a) && is_one(d) && is_one(g) && [b, c, e, f].into_iter().all(is_zero);
    if only { Some([cell(x)?, cell(y)?]) } else { None }
}

/// The best of a row of shifts and where that is, or the best so far, for images without masks.
pub(super) struct Shifted<'a, P> {
    pub(super) fixed: Image<'a, P>,
    pub(super) moving: Image<'a, P>,
    /// From fixed to moving pixels, and along x by any of these in addition.
    pub(super) by: [i32; 2],
    pub(super) columns: Range<i32>,
    /// Only every so many rows.
    pub(super) every: usize,
    /// The best so far.
    pub(super) best: Match,
}

impl<P: Grey> Operation for Shifted<'_, P> {
    type Output = (Match, i32);

    #[inline(always)]
    fn run<L: Lanes>(self) -> (Match, i32) {
        let Self { fixed, moving, by: [u, v], best, .. } = self;
        let every = self.every.max(1);
        let (width, height) = (fixed.width(), fixed.height());
        let (rows, top) = shared(height, moving.height(), v);
        let counted = most(&fixed, &moving, every);
        let mut best = (best, 0);
        for x in self.columns {
            let (columns, left) = shared(width, moving.width(), u + x);
            let sums = if L::LEN == 1
                && let Some([a, b]) = P::bytes([fixed.elements(), moving.elements()])
            {
                let a = a.get(rows.start * fixed.stride() + columns.start..).unwrap_or_default();
                let b = b.get(top * moving.stride() + left..).unwrap_or_default();
                let rows_of = [(a, fixed.stride() * every), (b, moving.stride() * every)];
                Sums::of_bytes(rows_of, [columns.len(), rows.len().div_ceil(every)])
            } else {
                let mut blocks = Blocks::<P>::new();
                for (y, to) in rows.clone().step_by(every).zip((top..).step_by(every)) {
                    let a = fixed.row(y).get(columns.clone()).unwrap_or_default();
                    let b = moving.row(to).get(left..).unwrap_or_default();
                    for (a, b) in a.chunks(CHUNK).zip(b.get(..a.len()).unwrap_or_default().chunks(CHUNK)) {
                        blocks.add::<L>(a, b);
                    }
                }
                blocks.finish::<L>()
            };
            if let Some(here) = sums.matched(counted, best.0) {
                best = (here, x);
            }
        }
        best
    }
}

/// How many pixels of two images can meet, of every so many rows, by a shift.
fn most<P>(fixed: &Image<'_, P>, moving: &Image<'_, P>, every: usize) -> usize {
    fixed.width().min(moving.width()) * fixed.height().min(moving.height()).div_ceil(every.max(1))
}

/// The pixels of a side of the fixed image that meet one of the moving one's, and where the first meets it.
fn shared(side: usize, other: usize, by: i32) -> (Range<usize>, usize) {
    // (Sides have 15 bits.)
    let end = (other as i32).saturating_sub(by).min(side as i32).max(0);
    let start = by.saturating_neg().min(end).max(0);
    (start as usize..end as usize, start.saturating_add(by).max(0) as usize)
}

/// How many pixels, and their sums a, b, aa, ab, bb.
#[derive(Default)]
struct Sums {
    n: i64,
    sums: [i64; 5],
}

impl Sums {
    /// Adds those of so many pixels.
    #[inline(always)]
    fn add(&mut self, n: i64, sums: [i64; 5]) {
        self.n += n;
        for (sum, v) in self.sums.iter_mut().zip(sums) {
            *sum += v;
        }
    }

    /// Those of two rectangles of bytes.
    #[inline(never)]
    fn of_bytes<'a>(rows: [Rows<'a>; 2], [width, height]: [usize; 2]) -> Self {
        if width * height <= PAIRS {
            return Self { n: (width * height) as i64, sums: pairs(rows, [width, height]).map(Into::into) };
        }
        let mut sums = Self::default();
        for y in 0..height {
            let from = |(pixels, stride): Rows<'a>| (pixels.get(y * stride..).unwrap_or_default(), stride);
            sums.add(width as i64, pairs(rows.map(from), [width, 1]).map(Into::into));
        }
        sums
    }

    /// How well they match, if they are at least half of those that counted, and if it is above another match.
    // (Once for all that ask for it.)
    #[inline(never)]
    fn matched(&self, counted: usize, than: Match) -> Option<Match> {
        let (n, [t, m, tt, tm, mm]) = (self.n, self.sums);
        if n == 0 || 2 * n < counted as i64 {
            return None;
        }
        // (Most sums multiply at once on small processors.)
        let covariances = if (n | t | m | tt | mm) as u64 >> 31 == 0 {
            let product = |a: i64, b: i64| i64::from(a as i32) * i64::from(b as i32);
            [product(n, tt) - product(t, t), product(n, mm) - product(m, m), product(n, tm) - product(t, m)]
        } else {
            fitted([covariance(n, tt, t, t), covariance(n, mm, m, m), covariance(n, tm, t, m)])
        };
        Match::new(covariances, than)
    }
}

/// Sums in blocks of pixels, whose products fit.
struct Blocks<P> {
    fixed: [P; CHUNK],
    moving: [P; CHUNK],
    filled: usize,
    sums: Sums,
}

impl<P: Grey> Blocks<P> {
    #[inline(always)]
    fn new() -> Self {
        let none = [P::default(); CHUNK];
        Self { fixed: none, moving: none, filled: 0, sums: Sums::default() }
    }

    /// Adds at most a block, of as many pixels each.
    #[inline(always)]
    fn add<L: Lanes>(&mut self, fixed: &[P], moving: &[P]) {
        if L::LEN == 1
            && let Some([a, b]) = P::bytes([fixed, moving])
        {
            let Sums { n, sums } = Sums::of_bytes([(a, 0), (b, 0)], [a.len(), 1]);
            return self.sums.add(n, sums);
        }
        if L::LEN == 1 {
            let mut block = [<P::Word as Word>::Sum::default(); 5];
            for (&a, &b) in fixed.iter().zip(moving) {
                let (a, b, one) = (P::Word::new(a.into()), P::Word::new(b.into()), P::Word::new(1));
                for (sum, (a, b)) in block.iter_mut().zip([(a, one), (b, one), (a, a), (a, b), (b, b)]) {
                    *sum = P::Word::add(*sum, a, b);
                }
            }
            return self.sums.add(fixed.len() as i64, block.map(Into::into));
        }
        if self.filled + fixed.len() > CHUNK {
            self.flush::<L>();
        }
        let place = self.filled..self.filled + fixed.len();
        for (block, pixels) in [(&mut self.fixed, fixed), (&mut self.moving, moving)] {
            if let (Some(block), Some(pixels)) = (block.get_mut(place.clone()), pixels.get(..place.len())) {
                block.copy_from_slice(pixels);
            }
        }
        self.filled = place.end;
    }

    #[inline(always)]
    fn flush<L: Lanes>(&mut self) {
        let [mut a, mut b] = [[P::Word::default(); CHUNK]; 2];
        // (A loop over an index compiles to vectors.)
        for k in 0..CHUNK {
            (a[k], b[k]) = (P::Word::new(self.fixed[k].into()), P::Word::new(self.moving[k].into()));
        }
        let one = P::Word::words::<L>(&[P::Word::new(1); CHUNK], 0);
        let mut block = [P::Word::none::<L>(); 5];
        for k in (0..CHUNK).step_by(P::Word::width::<L>()) {
            let (a, b) = (P::Word::words::<L>(&a, k), P::Word::words::<L>(&b, k));
            for (sum, (a, b)) in block.iter_mut().zip([(a, one), (b, one), (a, a), (a, b), (b, b)]) {
                *sum = P::Word::accumulate::<L>(*sum, a, b);
            }
        }
        let [sums] = totals::<P::Word, L, 5, 1>(&[block]);
        self.sums.add(self.filled as i64, sums);
        let none = [P::default(); CHUNK];
        (self.fixed, self.moving, self.filled) = (none, none, 0);
    }

    #[inline(always)]
    fn finish<L: Lanes>(mut self) -> Sums {
        if L::LEN > 1 && self.filled > 0 {
            self.flush::<L>();
        }
        self.sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::power_of_two;

    quickcheck::quickcheck! {
        fn matches_of_any_size(tt: u64, mm: u64, part: i32, shifts: [u32; 2], more: u32) -> bool {
            let [tt, mm] = [(tt, shifts[0]), (mm, shifts[1])]
                .map(|(v, shift)| i128::from(v >> (shift % 63)) << (more % 30));
            let tm = (libm::sqrt(tt as f64 * mm as f64) * f64::from(part / 2) * power_of_two(-30)) as i128;
            // All with as many bits as the products are to have.
            let to = |v: i128, bits: i32| if bits > 0 { v >> bits } else { v << -bits };
            let [down, across] = [tt, mm].map(|v| 97 - v.leading_zeros() as i32);
            let across = across + ((down + across) & 1);
            let (product, covariance) = (to(tt, down) * to(mm, across), to(tm, (down + across) / 2));
            let expected = if tt > 0 && mm > 0 {
                let square = (covariance * covariance).div_euclid(product >> 30).min(1 << 30) as i32;
                Some(Match(if covariance < 0 { -square } else { square }))
            } else {
                None
            };
            let all = [tt, mm, tm];
            let narrow = all.iter().all(|v| v.unsigned_abs() < 1 << 62).then(|| all.map(|v| v as i64));
            narrow.into_iter().chain([fitted(all)]).all(|all| {
                let around = expected.map_or(0, |found| found.0);
                [i32::MIN, around - 1, around, around + 1, 0, 1 << 30].into_iter().map(Match).all(|than| {
                    Match::new(all, than) == expected.filter(|found| *found > than)
                })
            })
        }
    }

    #[test]
    fn turns() {
        for tangent in [0.1_f64, 0.02, 1e-4] {
            for times in [-31_415, -100, -3, -1, 0, 1, 2, 5, 64, 1000] {
                let angle = 2.0 * tangent.atan() * f64::from(times);
                let [cosine, sine] = turn(tangent, times);
                assert!((cosine - angle.cos()).abs() < 1e-10 && (sine - angle.sin()).abs() < 1e-10);
            }
        }
    }
}
