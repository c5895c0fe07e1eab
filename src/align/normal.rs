//! The normal equations: one pass over a level, in exact integers.
//!
//! In: the images of a level, the walk of the current transform, gain and offset, and a
//! [`Loss`]. Out: [`Moments`], and from them the system of a model, the statistics and the loss.
//!
//! Every sum is weighted as the loss has it, in whole numbers of [`Loss::unit`].
//!
//! Along a chunk of at most 64 pixels, moments are taken about the chunk's centre, where they fit
//! `i64` for 16-bit images; chunks are moved to the image's centre and rows multiplied by their
//! height in `i128`. At the very worst (16-bit noise, 32,767 px square, degree 4, weights of 2^7) they
//! stay below 2^123.
#![forbid(unsafe_code)]

use core::ops::AddAssign;

use super::Grey;
use super::robust::{Histogram, Loss};
use super::solve::{Column, SIZE, Square};
use crate::Bilinear;
use crate::fixed::round_shift_i64;
use crate::image::Image;
use crate::kernel::{Output, fraction_bits};
use crate::simd::{self, Lanes, Operation};
use crate::span::{self, Area};
use crate::transform::{Term, Transform};
use crate::walk::{Plan, RUN, Walk};

/// Powers of the horizontal offset for products of two gradients, and for one.
const POWERS: usize = 5;
const HALF_POWERS: usize = 3;
/// Monomials up to degree 4, and up to degree 2.
const MONOMIALS: usize = 15;
const HALF_MONOMIALS: usize = 6;

/// Where `u^k v^l` is kept: by degree, then by l.
#[inline(always)]
const fn monomial(k: usize, l: usize) -> usize {
    let degree = k + l;
    degree * (degree + 1) / 2 + l
}

/// Gain and offset of the residual: `e = moving - gain fixed - offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Photometry {
    /// Q16.
    gain: i64,
    /// Q6 grey levels.
    offset: i64,
}

impl Photometry {
    pub(super) const NEUTRAL: Self = Self { gain: 1 << 16, offset: 0 };

    /// Rounded, and kept within gains of 2^14 and offsets of 2^20 grey levels.
    pub(super) fn new(gain: f64, offset: f64) -> Self {
        let q = |v: f64, one: f64, limit: f64| libm::round((v * one).clamp(-limit, limit)) as i64;
        Self { gain: q(gain, 65_536.0, 1.0e9), offset: q(offset, 64.0, 6.7e7) }
    }

    /// This, changed by an increment of gain and offset.
    pub(super) fn plus(&self, gain: f64, offset: f64) -> Self {
        Self::new(self.gain() + gain, self.offset() + offset)
    }

    pub(super) fn gain(&self) -> f64 {
        self.gain as f64 / 65_536.0
    }

    pub(super) fn offset(&self) -> f64 {
        self.offset as f64 / 64.0
    }

    /// In Q6, within 2^18 grey levels, so that weighted products fit the sums of a chunk.
    #[inline(always)]
    fn residual(&self, fixed: i32, moving: i32) -> i32 {
        let e = i64::from(moving) - round_shift_i64(self.gain * i64::from(fixed), 10) - self.offset;
        e.clamp(-(1 << 24), 1 << 24) as i32
    }
}

/// Sums over some pixels, in `S`, with M moments of products of two gradients and H of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums<S, const M: usize, const H: usize> {
    /// xx, xy, yy.
    gg: [[S; M]; 3],
    /// With the residual e, the fixed image t, and one; x and y of each.
    g: [[[S; H]; 2]; 3],
    /// tt, te, ee, t, e, and one.
    plain: [S; 6],
}

/// Of a chunk, about its centre: by powers of the horizontal offset.
type Chunk = Sums<i64, POWERS, HALF_POWERS>;
/// Of a row, about the image's centre.
type Row = Sums<i128, POWERS, HALF_POWERS>;
/// Of the support: by monomials.
pub(super) type Moments = Sums<i128, MONOMIALS, HALF_MONOMIALS>;

impl<S: Copy + Default, const M: usize, const H: usize> Sums<S, M, H> {
    fn zero() -> Self {
        let zero = S::default();
        Self { gg: [[zero; M]; 3], g: [[[zero; H]; 2]; 3], plain: [zero; 6] }
    }

    /// Adds sums of another kind, whose moments are moved by `full` and `half`.
    #[inline(always)]
    fn join<R: Copy + Into<S>, const A: usize, const B: usize>(
        &mut self,
        part: &Sums<R, A, B>,
        full: impl Fn(&mut [S; M], &[R; A]),
        half: impl Fn(&mut [S; H], &[R; B]),
    ) where
        S: AddAssign,
    {
        for (sum, part) in self.gg.iter_mut().zip(&part.gg) {
            full(sum, part);
        }
        for (sum, part) in self.g.iter_mut().flatten().zip(part.g.iter().flatten()) {
            half(sum, part);
        }
        for (sum, &part) in self.plain.iter_mut().zip(&part.plain) {
            *sum += part.into();
        }
    }
}

/// Adds `v u^k` for k up to `degree`.
#[inline(always)]
fn add_powers<const N: usize>(sums: &mut [i64; N], v: i64, u: i64, degree: usize) {
    let mut v = v;
    for sum in sums.iter_mut().take(degree + 1) {
        *sum += v;
        v *= u;
    }
}

/// Adds moments about `centre` to moments about zero: `(centre + u)^k` by the binomial theorem.
#[inline(always)]
fn add_moved<const N: usize>(sums: &mut [i128; N], local: &[i64; N], centre: i64, degree: usize) {
    const BINOMIAL: [[i128; POWERS]; POWERS] =
        [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 2, 1, 0, 0], [1, 3, 3, 1, 0], [1, 4, 6, 4, 1]];
    let centre = i128::from(centre);
    for (k, (sum, row)) in sums.iter_mut().zip(BINOMIAL).enumerate().take(degree + 1) {
        // Horner's rule over j = 0..=k for sum_j C(k, j) centre^(k - j) local_j.
        let terms = local.iter().zip(row).take(k + 1);
        *sum += terms.fold(0_i128, |v, (&m, c)| v * centre + c * i128::from(m));
    }
}

impl Row {
    #[inline(always)]
    fn add(&mut self, chunk: &Chunk, centre: i64, degree: usize) {
        self.join(
            chunk,
            |sums, local| add_moved(sums, local, centre, 2 * degree),
            |sums, local| add_moved(sums, local, centre, degree),
        );
    }
}

/// Adds a row's sums times powers of its height.
#[inline(always)]
fn add_row<const N: usize, const M: usize>(sums: &mut [i128; M], row: &[i128; N], v: i128, degree: usize) {
    for (k, &sum) in row.iter().enumerate().take(degree + 1) {
        let mut term = sum;
        for l in 0..=degree - k {
            if let Some(sum) = sums.get_mut(monomial(k, l)) {
                *sum += term;
            }
            term *= v;
        }
    }
}

impl Moments {
    #[inline(always)]
    fn add(&mut self, row: &Row, v: i64, degree: usize) {
        let v = i128::from(v);
        self.join(
            row,
            |sums, row| add_row(sums, row, v, 2 * degree),
            |sums, row| add_row(sums, row, v, degree),
        );
    }

    /// Weighted mean, variance and covariance of fixed and moving, in grey levels.
    pub(super) fn statistics(&self, photometry: &Photometry) -> Statistics {
        let [tt, te, ee, t, e, count] = self.plain;
        let n = count.max(1) as f64;
        // n^2 times a covariance is an exact integer. (Sums are below 2^85, weights below 2^37.)
        let covariance = |ab: i128, a: i128, b: i128| (count * ab - a * b) as f64 / (n * n);
        let (a, b) = (photometry.gain(), photometry.offset());
        let tt = covariance(tt, t, t);
        let te = covariance(te, t, e) / 64.0;
        let ee = covariance(ee, e, e) / 4096.0;
        // moving = e + a fixed + b, up to the residual's rounding.
        let moving = ee + 2.0 * a * te + a * a * tt;
        let cross = te + a * tt;
        let t = t as f64 / n;
        let gain = if tt > 0.0 { cross / tt } else { 0.0 };
        let mean = e as f64 / n / 64.0 + a * t + b;
        let correlation = if tt > 0.0 && moving > 0.0 { cross / libm::sqrt(tt * moving) } else { 0.0 };
        Statistics {
            correlation: correlation.clamp(-1.0, 1.0),
            // What gain and offset cannot explain: at least zero, but for rounding.
            residual: if tt > 0.0 { (ee - te * te / tt).max(0.0) } else { ee.max(0.0) },
            gain,
            offset: mean - gain * t,
            contrast: if tt > 0.0 { libm::sqrt(moving.max(0.0) / tt) } else { 0.0 },
        }
    }

    /// The normal matrix and right-hand side for the increment (about the centre of the fixed image,
    /// in pixels, times the gain), gain and offset, all in grey levels; weights in `unit`.
    pub(super) fn system<T: Transform>(&self, unit: f64) -> (Square, Column) {
        let mut matrix = [[0.0; SIZE]; SIZE];
        let mut right = [0.0; SIZE];
        let ([ge, gt, g], [tt, te, _, t, e, n]) = (&self.g, self.plain);
        let generators = T::GENERATORS;
        let parameters = generators.len().min(SIZE - 2);
        let axes = |generator: &[Term; 2]| {
            let [x, y] = *generator;
            [(0, x), (1, y)]
                .map(|(axis, term)| term.map(|(s, k, l)| (axis, s, usize::from(k), usize::from(l))))
        };
        let one = 1.0 / unit;
        // Gradients are in half levels, residuals in 1/64.
        let half = |table: &[[i128; HALF_MONOMIALS]; 2], generator: &[Term; 2], unit: f64| {
            let terms = axes(generator).into_iter().flatten();
            terms.fold(0.0, |v, (axis, s, k, l)| {
                let sum = table.get(axis).and_then(|t| t.get(monomial(k, l))).copied().unwrap_or(0);
                v + s * (sum as f64 * unit)
            })
        };
        let (gain, offset) = (parameters, parameters + 1);
        let mut set = |i: usize, j: usize, v: f64| {
            for (i, j) in [(i, j), (j, i)] {
                if let Some(entry) = matrix.get_mut(i).and_then(|row| row.get_mut(j)) {
                    *entry = v;
                }
            }
        };
        for (i, (a, right)) in generators.iter().zip(&mut right).enumerate().take(parameters) {
            for (j, b) in generators.iter().enumerate().take(i + 1) {
                let mut v = 0.0;
                for (p, s, k, l) in axes(a).into_iter().flatten() {
                    for (q, r, m, n) in axes(b).into_iter().flatten() {
                        let sum = self.gg.get(p + q).and_then(|t| t.get(monomial(k + m, l + n)));
                        v += s * r * (sum.copied().unwrap_or(0) as f64 * 0.25 * one);
                    }
                }
                set(i, j, v);
            }
            set(i, gain, half(gt, a, 0.5 * one));
            set(i, offset, half(g, a, 0.5 * one));
            *right = half(ge, a, 0.5 / 64.0 * one);
        }
        set(gain, gain, tt as f64 * one);
        set(gain, offset, t as f64 * one);
        set(offset, offset, n as f64 * one);
        for (i, sum) in [(gain, te), (offset, e)] {
            if let Some(entry) = right.get_mut(i) {
                *entry = sum as f64 / 64.0 * one;
            }
        }
        (matrix, right)
    }
}

/// What the two images have in common over a support.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statistics {
    pub(super) correlation: f64,
    /// Variance of `moving - gain fixed - offset`.
    pub(super) residual: f64,
    /// The gain that leaves the least residual.
    pub(super) gain: f64,
    pub(super) offset: f64,
    /// Standard deviation of moving over that of fixed.
    pub(super) contrast: f64,
}

/// The images of a level, and what counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct LevelPair<'a, P> {
    pub(super) fixed: Image<'a, P>,
    pub(super) moving: Image<'a, P>,
    pub(super) fixed_mask: Option<Image<'a, u8>>,
    pub(super) moving_mask: Option<Image<'a, u8>>,
}

/// One pass over a level.
pub(super) struct Accumulate<'a, P, T> {
    pub(super) pair: LevelPair<'a, P>,
    pub(super) transform: &'a T,
    pub(super) photometry: Photometry,
    pub(super) loss: Loss,
    /// Whether to gather the residuals' histogram.
    pub(super) histogram: bool,
}

/// What a pass finds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    pub(super) moments: Moments,
    /// How many pixels count.
    pub(super) pixels: u64,
    /// The sum of [`Loss::loss`] over them.
    pub(super) loss: i64,
    /// Of their residuals, where asked for.
    pub(super) histogram: Histogram,
}

/// What is needed of the pixels of a chunk; zero where a pixel does not count.
struct Pixels {
    gx: [i32; RUN],
    gy: [i32; RUN],
    fixed: [i32; RUN],
    residual: [i32; RUN],
    weight: [i32; RUN],
}

impl<P: Grey, T: Transform> Operation for Accumulate<'_, P, T> {
    type Output = Pass;

    #[inline(always)]
    fn run<L: Lanes>(self) -> Pass {
        let LevelPair { fixed, moving, .. } = self.pair;
        let plan = self.transform.plan();
        let bits = fraction_bits::<Bilinear, P>();
        let area = Area::new::<Bilinear>(moving.width(), moving.height());
        let (width, height) = (fixed.width(), fixed.height());
        let mut pass = Pass { moments: Moments::zero(), pixels: 0, loss: 0, histogram: Histogram::EMPTY };
        for y in 0..height {
            let mut line = Row::zero();
            for (x, walk, len) in plan.row(y, width) {
                // (A run across a homography's pole, which is not monotone, counts with its first
                // stretch.)
                let inner = span::interior(&walk, 0, len, bits, &area);
                let (from, to) = (x + inner.start, x + inner.end);
                // Chunks are aligned, so that a run of any length is cut at the same places.
                let mut begin = from;
                while begin < to {
                    let end = (begin - begin % RUN + RUN).min(to);
                    if let Some(pixels) = self.pixels::<L, _>(&walk.at(begin - x), y, begin, end, &mut pass) {
                        let chunk = Self::chunk(&pixels, begin, end);
                        let centre = (begin - begin % RUN + RUN / 2) as i64 - (width / 2) as i64;
                        line.add(&chunk, centre, T::DEGREE);
                    }
                    begin = end;
                }
            }
            pass.moments.add(&line, y as i64 - (height / 2) as i64, T::DEGREE);
        }
        pass
    }
}

impl<P: Grey, T: Transform> Accumulate<'_, P, T> {
    /// Pixels `begin..end` of row `y`, at most [`RUN`], from the first of the arrays on.
    #[inline(always)]
    fn pixels<L: Lanes, W: Walk>(
        &self,
        walk: &W,
        y: usize,
        begin: usize,
        end: usize,
        pass: &mut Pass,
    ) -> Option<Pixels> {
        let LevelPair { fixed, moving, .. } = self.pair;
        let len = end - begin;
        let mut samples = [P::Fine::from_channel(P::default()); RUN];
        let samples = samples.get_mut(..len)?;
        if !simd::interior::<L, P, Bilinear, W, P::Fine>(&Bilinear, moving, walk, samples) {
            return None;
        }
        let zero = [0; RUN];
        let mut pixels = Pixels { gx: zero, gy: zero, fixed: zero, residual: zero, weight: zero };
        // The outermost pixels have no central difference along their normal: it counts as zero
        // there, which is no estimate that noise could bias.
        let row = |y: usize, x: usize| fixed.row(y).get(x..).unwrap_or_default();
        let differences = |out: &mut [i32], a: &[P], b: &[P]| {
            for (out, (&a, &b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *out = Into::<i32>::into(b) - Into::<i32>::into(a);
            }
        };
        let (from, to) = (begin.max(1), end.min(fixed.width() - 1));
        if from < to
            && let Some(gx) = pixels.gx.get_mut(from - begin..to - begin)
        {
            differences(gx, row(y, from - 1), row(y, from + 1));
        }
        if y > 0
            && y + 1 < fixed.height()
            && let Some(gy) = pixels.gy.get_mut(..len)
        {
            differences(gy, row(y - 1, begin), row(y + 1, begin));
        }
        let residuals = pixels.fixed.iter_mut().zip(&mut pixels.residual).zip(&mut pixels.weight);
        for (((fixed, residual), weight), (&t, &v)) in residuals.zip(row(y, begin).iter().zip(&*samples)) {
            *fixed = t.into();
            *residual = self.photometry.residual(*fixed, v.into());
            *weight = 1;
        }
        if self.pair.fixed_mask.is_some() || self.pair.moving_mask.is_some() {
            for (k, weight) in pixels.weight.iter_mut().enumerate().take(len) {
                *weight = self.counts(walk, k, begin + k, y).into();
            }
        }
        pass.pixels += pixels.weight.iter().map(|&w| w as u64).sum::<u64>();
        if self.loss != Loss::Squares {
            for (weight, &e) in pixels.weight.iter_mut().zip(&pixels.residual).filter(|(w, _)| **w != 0) {
                let (w, loss) = self.loss.at(e);
                *weight = w;
                pass.loss += loss;
            }
        }
        if self.histogram {
            for (_, &e) in pixels.weight.iter().zip(&pixels.residual).filter(|(w, _)| **w != 0) {
                pass.histogram.add(e);
            }
        }
        Some(pixels)
    }

    /// Moments about the centre of the aligned chunk.
    #[inline(always)]
    fn chunk(pixels: &Pixels, begin: usize, end: usize) -> Chunk {
        let mut sums = Chunk::zero();
        let first = (begin % RUN) as i64 - RUN as i64 / 2;
        let gradients = pixels.gx.iter().zip(&pixels.gy).zip(&pixels.weight);
        let levels = pixels.fixed.iter().zip(&pixels.residual);
        for (u, (((&gx, &gy), &w), (&t, &e))) in (first..).zip(gradients.zip(levels)).take(end - begin) {
            // Gradients have 17 bits and weights 7.
            let weighted = [w * gx, w * gy].map(i64::from);
            let [gx, gy, t, e, w] = [gx, gy, t, e, w].map(i64::from);
            let [wx, wy] = weighted;
            for (sum, product) in sums.gg.iter_mut().zip([wx * gx, wx * gy, wy * gy]) {
                add_powers(sum, product, u, 2 * T::DEGREE);
            }
            for (axes, factor) in sums.g.iter_mut().zip([e, t, 1]) {
                for (sum, g) in axes.iter_mut().zip(weighted) {
                    add_powers(sum, g * factor, u, T::DEGREE);
                }
            }
            let (wt, we) = (w * t, w * e);
            for (sum, product) in sums.plain.iter_mut().zip([wt * t, wt * e, we * e, wt, we, w]) {
                *sum += product;
            }
        }
        sums
    }

    /// Whether the masks let pixel (x, y), the walk's k-th, count.
    #[inline(always)]
    fn counts<W: Walk>(&self, walk: &W, k: usize, x: usize, y: usize) -> bool {
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
            let [x, y] = walk.at(k).position(fraction_bits::<Bilinear, P>()).map(|p| p.cell as usize);
            let taps = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)];
            if !taps.iter().all(|&(x, y)| valid(mask, x, y)) {
                return false;
            }
        }
        true
    }
}
