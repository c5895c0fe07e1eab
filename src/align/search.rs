//! The coarse search: correlation of the smallest level at whole-pixel shifts and at turns.
#![forbid(unsafe_code)]

use super::Grey;
use super::normal::{LevelPair, Nothing, Word};
use crate::image::Image;
use crate::kernel::{Nearest, rounding};
use crate::simd::{self, Lanes, Operation};
use crate::span::{self, Area};
use crate::transform::{Matrix, Transform, multiply};
use crate::walk::{Plan, RUN, Walk};

/// The most pixels that all comparisons together look at.
const BUDGET: usize = 1 << 24;

/// The largest shifts along each axis and the largest turn to compare: `part` of the sides of the fixed
/// image, and `rotation` radians in units of [`turned`]; less where that would take too many comparisons.
pub(super) fn range<P>(pair: &LevelPair<'_, P>, part: f64, rotation: f64) -> [i32; 3] {
    let (width, height) = (pair.fixed.width(), pair.fixed.height());
    let [mut x, mut y] = [width, height].map(|side| libm::round(side as f64 * part) as usize);
    // At most 2^16 or so, as images go.
    let mut turns = libm::ceil(rotation / unit(pair)) as usize;
    loop {
        let comparisons = [x, y, turns].iter().fold(1_usize, |n, r| n.saturating_mul(2 * r + 1));
        if comparisons.saturating_mul(width * height) <= BUDGET || comparisons == 1 {
            return [x, y, turns].map(|r| r as i32);
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
    4.0 / libm::hypot(pair.fixed.width() as f64, pair.fixed.height() as f64)
}

/// A transform after a turn about the centre of the fixed image, by so many units.
pub(super) fn turned<P>(pair: &LevelPair<'_, P>, matrix: &Matrix, units: f64) -> Matrix {
    if units == 0.0 {
        return *matrix;
    }
    let (sine, cosine) = libm::sincos(units * unit(pair));
    let [x, y] = [pair.fixed.width(), pair.fixed.height()].map(|side| (side as f64 - 1.0) / 2.0);
    let (dx, dy) = (x - cosine * x + sine * y, y - sine * x - cosine * y);
    multiply(matrix, &[cosine, -sine, dx, sine, cosine, dy, 0.0, 0.0, 1.0])
}

/// The correlation of fixed and moving at the nearest pixels to `T x`, or `None` if fewer than half of
/// the fixed pixels that count meet a moving one, or nothing varies.
pub(super) struct Compare<'a, P, T> {
    pub(super) pair: LevelPair<'a, P>,
    pub(super) transform: &'a T,
    /// Only every so many rows.
    pub(super) every: usize,
}

impl<P: Grey, T: Transform> Operation for Compare<'_, P, T> {
    type Output = Option<f64>;

    #[inline(always)]
    fn run<L: Lanes>(self) -> Option<f64> {
        let LevelPair { fixed, moving, fixed_mask, moving_mask, .. } = self.pair;
        let plan = self.transform.plan();
        let (width, height) = (fixed.width(), fixed.height());
        let (to, area) = (rounding::<Nearest, P>(), Area::new::<Nearest>(moving.width(), moving.height()));
        let valid = |mask: &Option<Image<'_, u8>>, x: usize, y: usize| {
            mask.as_ref().is_none_or(|mask| mask.get(x, y).is_some_and(|v| v != 0))
        };
        // Where neighbours are neighbours in the moving image, its rows are read as they are.
        let plain = [(0, 1.0), (1, 0.0), (3, 0.0), (4, 1.0), (6, 0.0), (7, 0.0), (8, 1.0)]
            .into_iter()
            .all(|(i, v)| self.transform.matrix().get(i) == Some(&v));
        let mut sums = Sums::<P::Word>::new();
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
                for begin in range.clone().step_by(RUN) {
                    let end = (begin + RUN).min(range.end);
                    let walk = walk.at(begin);
                    let mut samples = [P::default(); RUN];
                    let [u, v] = walk.position(to).map(|p| p.cell as usize);
                    let samples = if plain {
                        moving.row(v).get(u..u + end - begin).unwrap_or_default()
                    } else {
                        let samples = samples.get_mut(..end - begin).unwrap_or_default();
                        simd::blocks::<L, P, Nearest, _, P>(&Nearest, moving, &walk, samples, &Nothing);
                        samples
                    };
                    let pixels = row.get(x + begin..x + end).unwrap_or_default();
                    if fixed_mask.is_none() && moving_mask.is_none() {
                        sums.add::<L, _>(pixels, samples);
                        continue;
                    }
                    for (k, (a, b)) in pixels.chunks(1).zip(samples.chunks(1)).enumerate() {
                        let [u, v] = walk.at(k).position(to).map(|p| p.cell as usize);
                        if valid(&fixed_mask, x + begin + k, y) && valid(&moving_mask, u, v) {
                            sums.add::<L, _>(a, b);
                        }
                    }
                }
            }
        }
        let (n, [t, m, tt, tm, mm]) = sums.finish();
        if n == 0 || 2 * n < counted as i128 {
            return None;
        }
        let variance = |ab: i128, a: i128, b: i128| (n * ab - a * b) as f64;
        let (tt, mm, tm) = (variance(tt, t, t), variance(mm, m, m), variance(tm, t, m));
        (tt > 0.0 && mm > 0.0).then(|| tm / (libm::sqrt(tt) * libm::sqrt(mm)))
    }
}

/// The sums a, b, aa, ab, bb of pixels, in blocks: they fit, being 2^30 products of 2^32.
struct Sums<W: Word> {
    fixed: [W; RUN],
    moving: [W; RUN],
    filled: usize,
    n: i64,
    sums: [i64; 5],
}

impl<W: Word> Sums<W> {
    fn new() -> Self {
        Self { fixed: [W::default(); RUN], moving: [W::default(); RUN], filled: 0, n: 0, sums: [0; 5] }
    }

    /// Adds at most a block.
    #[inline(always)]
    fn add<L: Lanes, P: Copy + Into<i32>>(&mut self, fixed: &[P], moving: &[P]) {
        self.n += fixed.len() as i64;
        if L::LEN == 1 {
            let mut block = [W::Sum::default(); 5];
            for (&a, &b) in fixed.iter().zip(moving) {
                Self::add_pixel(&mut block, W::new(a.into()), W::new(b.into()));
            }
            return self.add_block(block);
        }
        if self.filled + fixed.len() > RUN {
            self.flush();
        }
        for (words, pixels) in [(&mut self.fixed, fixed), (&mut self.moving, moving)] {
            for (word, &pixel) in words.iter_mut().skip(self.filled).zip(pixels) {
                *word = W::new(pixel.into());
            }
        }
        self.filled += fixed.len();
    }

    #[inline(always)]
    fn add_pixel([t, m, tt, tm, mm]: &mut [W::Sum; 5], a: W, b: W) {
        let one = W::new(1);
        *t = W::add(*t, a, one);
        *m = W::add(*m, b, one);
        *tt = W::add(*tt, a, a);
        *tm = W::add(*tm, a, b);
        *mm = W::add(*mm, b, b);
    }

    #[inline(always)]
    fn add_block(&mut self, block: [W::Sum; 5]) {
        for (sum, v) in self.sums.iter_mut().zip(block) {
            *sum += v.into();
        }
    }

    #[inline(always)]
    fn flush(&mut self) {
        let mut block = [W::Sum::default(); 5];
        // (A loop over an index compiles to vectors; deep zips do not.)
        for k in 0..RUN {
            Self::add_pixel(&mut block, self.fixed[k], self.moving[k]);
        }
        self.add_block(block);
        (self.fixed, self.moving, self.filled) = ([W::default(); RUN], [W::default(); RUN], 0);
    }

    /// How many pixels, and the sums.
    #[inline(always)]
    fn finish(mut self) -> (i128, [i128; 5]) {
        if self.filled > 0 {
            self.flush();
        }
        (self.n.into(), self.sums.map(Into::into))
    }
}
