//! Weighted nearest: two pixels of each axis, with weights that fall with their distance.
//!
//! In: a non-increasing function w of the distance to a pixel, from 0 to 1. Out: a [`Kernel`].
//!
//! **Definition.** The left of the two pixels around a position with fraction f has the weight
//! `W(f) = w(f) / (w(f) + w(1 - f))`, so W(0) = 1 and W(1) = 0, and the right one the share
//! `S = 1 - W`: along one axis the value is `U0 + (U1 - U0) S(f)` and its slope
//! `(U1 - U0) S'(f)`. A [`Share`] gives S and S':
//!
//! | share | w(d) | S(f) |
//! |---|---|---|
//! | [`Tent`] | 1 - d | f: the bits of [`Bilinear`](super::Bilinear) |
//! | [`Smoothstep`] | 1 - d^2 (3 - 2d) | f^2 (3 - 2f), by two products of [`Weight`] |
//! | [`Table`] | any | interpolated in a table of the caller's: raised cosine, sigmoid, Gaussian, one's own |
//!
//! The steeper S is at 1/2, the nearer this is to [`Nearest`](super::Nearest), but with a derivative
//! almost everywhere.
//!
//! **Gradients at lattice points.** Where S'(0) = 0, as that of the smoothstep and of the raised
//! cosine, the partials vanish at every lattice point: an alignment that starts from the identity, or
//! from any whole shift, sees no gradient there and stays. A sigmoid and a Gaussian have a small one.
//! Start beside the lattice, or take the partials of another rule:
//! [`Surrogate`](super::Surrogate)`::new(WeightedNearest::new(Smoothstep), Bilinear)`.
#![forbid(unsafe_code)]

use super::Kernel;
use crate::Error;
use crate::fixed::{Weight, round_shift_i64};

/// How much of the right one of two pixels there is at a fraction: S in the definition of the
/// [module](self).
///
/// S must rise from S(0) = 0 towards S(1) = 1, and not faster than 2 per pixel.
pub trait Share: Copy + Send + Sync {
    /// S(f), in [0, 1].
    fn share<W: Weight>(&self, f: W) -> W;
    /// S'(f), in [0, 2).
    fn slope<W: Weight>(&self, f: W) -> W;
}

/// Interpolation between 2x2 pixels with weights that fall with their distance: see the
/// [module](self).
///
/// ```
/// use nonius::{Boundary, Image, Sampler, WeightedNearest};
/// use nonius::kernel::weighted::{Smoothstep, Table};
/// let image = Image::new(&[0u8, 100], 2, 1)?;
///
/// let sampler = Sampler::new(WeightedNearest::new(Smoothstep), Boundary::Replicate);
/// assert_eq!(sampler.sample(image, 0.25, 0), Some(16)); // 100 (3/16 - 2/64)
/// assert_eq!(sampler.partials(image, 0, 0), (0, 0)); // S'(0) = 0
///
/// let mut memory = [[0; 2]; 33];
/// let table = Table::gaussian(&mut memory, 0.45)?;
/// let sampler = Sampler::new(WeightedNearest::new(table), Boundary::Replicate);
/// assert_eq!(sampler.sample(image, 0.25, 0), Some(18));
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeightedNearest<S>(S);

impl<S: Share> WeightedNearest<S> {
    /// With this share of the right pixel.
    pub const fn new(share: S) -> Self {
        Self(share)
    }
}

impl<S: Share> Kernel for WeightedNearest<S> {
    type Taps<T: Copy> = [T; 2];

    #[inline(always)]
    fn weights<W: Weight>(&self, f: W) -> [W; 2] {
        let s = self.0.share(f);
        [W::one() - s, s]
    }
    #[inline(always)]
    fn slopes<W: Weight>(&self, f: W) -> [W; 2] {
        let s = self.0.slope(f);
        [W::zero() - s, s]
    }
}

/// S(f) = f, of the distance function 1 - d.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tent;

impl Share for Tent {
    #[inline(always)]
    fn share<W: Weight>(&self, f: W) -> W {
        f
    }
    #[inline(always)]
    fn slope<W: Weight>(&self, _: W) -> W {
        W::one()
    }
}

/// S(f) = f^2 (3 - 2f), with slope zero at both ends.
///
/// **Definition.** `f - (f * (1 - f)) * (1 - 2f)`, within one unit of the format of S, and twice
/// `3f * (1 - f)`, within one unit of S'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Smoothstep;

impl Share for Smoothstep {
    #[inline(always)]
    fn share<W: Weight>(&self, f: W) -> W {
        let rest = W::one() - f;
        f - (f * rest) * (rest - f)
    }
    #[inline(always)]
    fn slope<W: Weight>(&self, f: W) -> W {
        let half = (f + f + f) * (W::one() - f);
        half + half
    }
}

/// The most cells of a [`Table`].
const MAX_CELLS: usize = 256;

/// S of any distance function, tabulated once into the caller's memory.
///
/// **Definition.** The memory has N + 1 entries, N a power of two from 2 to 256; 33 entries are
/// enough for the smooth functions here (more make S' coarser, not finer: it sees the rounding of
/// S, N times). Entry k is S(k/N) and m = S'(k/N), both in Q14 rounded half up; the second half
/// mirrors the first one. S' is the central difference of S at +-2^-12 (at 0 the one-sided
/// difference of second order), limited to three times the smaller one of the chords beside it,
/// within which the interpolant is monotone (Fritsch and Carlson 1980). Between entries, at
/// k + t cells, with the chord d = N (S(k+1) - S(k)),
///
/// ```text
/// S  = S(k) + t (m0 + t ((3d - 2 m0 - m1) + t (m0 + m1 - 2d))) / N
/// S' = m0 + t (2 (3d - 2 m0 - m1) + t 3 (m0 + m1 - 2d))
/// ```
///
/// in Q30 with t in Q24, each product rounded half up, S within [0, 1]. So S is the cubic Hermite
/// interpolant, and S' the derivative of that, not of w.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table<'a> {
    entries: &'a [[u16; 2]],
    /// N is 2^bits.
    bits: u32,
}

impl<'a> Table<'a> {
    /// Tabulates a function of the distance, which is evaluated in [0, 1].
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if there are not 2^n + 1 entries, n from 1 to 8.
    /// [`Error::WeightFunction`] if at the entries `w` is not finite, or negative, or rises; if it
    /// cannot be normalised (w(f) and w(1 - f) both zero), or w(1) is not zero beside w(0); or if S is
    /// as steep as 2 per pixel.
    pub fn new(entries: &'a mut [[u16; 2]], w: impl Fn(f64) -> f64) -> Result<Self, Error> {
        let cells = entries.len().saturating_sub(1);
        if !cells.is_power_of_two() || !(2..=MAX_CELLS).contains(&cells) {
            return Err(Error::InvalidOption);
        }
        let n = cells as f64;
        let mut last = f64::INFINITY;
        for k in 0..=cells {
            let (here, there) = (w(k as f64 / n), w(1.0 - k as f64 / n));
            // Written so that a NaN fails.
            if !(here.is_finite() && 0.0 <= here && here <= last && here + there > 0.0) {
                return Err(Error::WeightFunction);
            }
            last = here;
        }
        let share = |f: f64| w(1.0 - f) / (w(f) + w(1.0 - f));
        let step = 1.0 / 4096.0;
        for (k, entry) in entries.iter_mut().enumerate() {
            let f = k.min(cells - k) as f64 / n;
            let slope = if f == 0.0 {
                (4.0 * share(step) - share(2.0 * step) - 3.0 * share(0.0)) / (2.0 * step)
            } else {
                (share(f + step) - share(f - step)) / (2.0 * step)
            };
            let s = q14(share(f));
            *entry = [if 2 * k <= cells { s } else { ONE - s }, q14(slope)];
        }
        if entries.first().is_none_or(|e| e[0] != 0) {
            return Err(Error::WeightFunction);
        }
        let table = limited(entries);
        let table = Self { entries: table, bits: cells.trailing_zeros() };
        // S' is a quadratic within each cell, and below the largest of its Bernstein coefficients.
        let limit = i64::from(u16::MAX) / 2;
        let steep = |k: usize| table.cell(k).is_none_or(|c| c.m0.max(c.m1).max(c.middle()) > limit);
        if (0..cells).any(steep) { Err(Error::WeightFunction) } else { Ok(table) }
    }

    /// The raised cosine: `w(d) = (1 + cos(pi d)) / 2`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn raised_cosine(entries: &'a mut [[u16; 2]]) -> Result<Self, Error> {
        Self::new(entries, |d| (1.0 + libm::cos(core::f64::consts::PI * d)) / 2.0)
    }

    /// A sigmoid, less its value at 1: `w(d) = s(1/2 - d) - s(-1/2)` with
    /// `s(v) = 1 / (1 + exp(-v / temperature))`. The colder the steeper: 0.15 is near the limit;
    /// hot ones are linear.
    ///
    /// # Errors
    /// As [`Self::new`]; [`Error::InvalidOption`] for a temperature that is not between 0 and 1000.
    pub fn sigmoid(entries: &'a mut [[u16; 2]], temperature: f64) -> Result<Self, Error> {
        let scale = positive(temperature)?;
        let s = |v: f64| 1.0 / (1.0 + libm::exp(-v / scale));
        Self::new(entries, |d| s(0.5 - d) - s(-0.5))
    }

    /// A Gaussian, less its value at 1: `w(d) = g(d) - g(1)` with `g(d) = exp(-d^2 / (2 sigma^2))`,
    /// sigma in pixels. A narrow one is steep at 1/2, where 0.4 is near the limit; a wide one becomes
    /// the parabola 1 - d^2, which is as steep as 2 at 0, and 30 is near that.
    ///
    /// # Errors
    /// As [`Self::new`]; [`Error::InvalidOption`] for a sigma that is not between 0 and 1000.
    pub fn gaussian(entries: &'a mut [[u16; 2]], sigma: f64) -> Result<Self, Error> {
        let variance = 2.0 * positive(sigma)? * sigma;
        let g = |d: f64| libm::exp(-d * d / variance);
        Self::new(entries, |d| g(d) - g(1.0))
    }

    /// Cell `k`.
    #[inline]
    fn cell(&self, k: usize) -> Option<Cell> {
        let (&[s0, m0], &[s1, m1]) = (self.entries.get(k)?, self.entries.get(k + 1)?);
        let chord = (i64::from(s1) - i64::from(s0)) << self.bits;
        Some(Cell { start: s0.into(), m0: m0.into(), m1: m1.into(), chord })
    }

    /// The cell of a fraction in Q24, and how far into it, in Q24.
    #[inline]
    fn at(&self, f: u32) -> Option<(Cell, i64)> {
        let scaled = u64::from(f) << self.bits;
        Some((self.cell((scaled >> 24) as usize)?, (scaled & 0xff_ffff) as i64))
    }
}

impl Share for Table<'_> {
    #[inline(always)]
    fn share<W: Weight>(&self, f: W) -> W {
        let [s] = f.tabulate(|f| [self.at(f).map_or(0, |(cell, t)| cell.share(t, self.bits))]);
        s
    }
    #[inline(always)]
    fn slope<W: Weight>(&self, f: W) -> W {
        let [s] = f.tabulate(|f| [self.at(f).map_or(0, |(cell, t)| cell.slope(t))]);
        s
    }
}

/// One in Q14.
const ONE: u16 = 1 << 14;

/// A number in Q14, rounded half up, within what `u16` holds; NaN is 0.
fn q14(v: f64) -> u16 {
    libm::floor(v * 16_384.0 + 0.5) as u16
}

/// The numbers above 0 and up to 1000.
fn positive(v: f64) -> Result<f64, Error> {
    if v > 0.0 && v <= 1000.0 { Ok(v) } else { Err(Error::InvalidOption) }
}

/// Entries whose slopes are limited to three times the chords beside them.
fn limited(entries: &mut [[u16; 2]]) -> &[[u16; 2]] {
    let cells = entries.len().saturating_sub(1) as u32;
    let mut left = u32::MAX;
    for k in 0..entries.len() {
        let next = entries.get(k + 1).map(|e| e[0]);
        let Some([s, m]) = entries.get_mut(k) else { break };
        let right = next.map_or(u32::MAX, |next| 3 * cells * u32::from(next.saturating_sub(*s)));
        *m = u32::from(*m).min(left).min(right) as u16;
        left = right;
    }
    entries
}

/// One cell of a table, in Q14: S at its start, the slopes at both ends and of the chord.
#[derive(Clone, Copy)]
struct Cell {
    start: i64,
    m0: i64,
    m1: i64,
    chord: i64,
}

impl Cell {
    /// The coefficients of t^2 and t^3 in N (S - S(k)).
    #[inline]
    fn coefficients(&self) -> [i64; 2] {
        [3 * self.chord - 2 * self.m0 - self.m1, self.m0 + self.m1 - 2 * self.chord]
    }
    /// The middle Bernstein coefficient of S'.
    fn middle(&self) -> i64 {
        3 * self.chord - self.m0 - self.m1
    }
    #[inline]
    fn share(&self, t: i64, bits: u32) -> i32 {
        let [square, cube] = self.coefficients();
        let inner = (square << 16) + round_shift_i64((cube << 16) * t, 24);
        let outer = (self.m0 << 16) + round_shift_i64(inner * t, 24);
        let s = (self.start << 16) + round_shift_i64(outer * t, 24 + bits);
        s.clamp(0, 1 << 30) as i32
    }
    #[inline]
    fn slope(&self, t: i64) -> i32 {
        let [square, cube] = self.coefficients();
        let inner = ((2 * square) << 16) + round_shift_i64(((3 * cube) << 16) * t, 24);
        let s = (self.m0 << 16) + round_shift_i64(inner * t, 24);
        s.clamp(0, i32::MAX.into()) as i32
    }
}
