//! Coordinates along one destination row.
//!
//! In: a transform or a map, and a destination row. Out: for each pixel the source position,
//! rounded to the fraction that the channel uses. A row is cut into *runs* along each of
//! which a walk steps: an affine row is one run, a homography is anchored anew every 256 pixels, and
//! a map is read as it is.
//!
//! **Definition, affine.** Coefficients in Q32.32, rounded to nearest; the coordinate of pixel
//! (x, y) is `m0 x + m1 y + m2` in `i64`, exactly. In an 8192 px wide image it is within 2^-19 px
//! of the real one.
//!
//! **Definition, homography.** Coefficients times 2^k as `i64`, rounded to nearest (ties away from
//! zero), where k is the largest for which `(|a| + |b|) 2^15 + |c| < 2^(61 - k)` for each of the
//! three forms; it must be 32 to 61. A run is 256 destination pixels (aligned at multiples of 256); or, where
//! the denominators at its ends have not one sign or one is more than twice the other, two runs of 128. The
//! two numerators and the denominator are evaluated exactly at its first and last pixel,
//! the numerators relative to an integer anchor: the quotient at the end with the larger
//! denominator (the first, if equal), truncated, within 2^16. All are shifted so that this
//! denominator has 31 bits (or, if that is more, so that the numerators have at most 45); their steps, and
//! what they are in the middle (at the run's pixel 128 or 64), from which the steps count, are rounded half up. Along the run they
//! are linear in integers, and the coordinate is their quotient, rounded *once* to the fraction in use,
//! within 2^30. So it is monotone along a run, takes no FPU, and is within 2^-12 px of the real one in a
//! 4096 px wide image (wherever the denominator does not change its sign within the run). Where the
//! denominator is zero, the coordinate is the lower end, far outside. The reciprocal of a denominator D, which is
//! 2^e times the real one, is
//! `floor(2^62 / |D|)` in Q32: times 2^(e - 30), rounded half up (0 from e = -33 on down), at most 2^46,
//! with the sign of D; zero where D is.
#![forbid(unsafe_code)]

use core::ops::Range;

use crate::fixed::{
    Coord, Position, Rounding, floor_div, q32, round_coordinate, round_shift_i64, rounded, times_power,
};
use crate::simd::{Lanes, LinearSteps, Positions, QuotientSteps, Steps};
use crate::span::{self, Area};

/// Pixels between two anchors of a homography, at most.
pub(crate) const RUN: usize = 256;

/// Something that gives a source coordinate for every destination pixel: a
/// [`Transform`](crate::Transform) or a [`Map`](crate::Map). Sealed.
pub trait Warp: Copy + Send + Sync + sealed::Sealed {
    /// What a run of pixels steps along.
    #[doc(hidden)]
    type Walk: Walk;
    /// The fixed-point form, made once per call.
    #[doc(hidden)]
    type Plan: Plan<Walk = Self::Walk>;
    /// See [`Plan`].
    #[doc(hidden)]
    fn plan(&self) -> Self::Plan;
    /// Whether the warp covers a destination of this size (a map covers its own).
    #[doc(hidden)]
    fn covers(&self, width: usize, height: usize) -> bool;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A warp in fixed point.
#[doc(hidden)]
pub trait Plan: Copy + core::fmt::Debug + Send + Sync {
    /// What a run of pixels steps along.
    type Walk: Walk;
    /// The walk that begins at destination pixel (`x`, `y`), and how many of the next `len` pixels
    /// it serves, at least one.
    fn run(&self, x: usize, y: usize, len: usize) -> (Self::Walk, usize);
    /// Whether some pixels of row `y` all lie well inside an area. `false` if that is not known without looking
    /// at every run.
    #[inline(always)]
    fn inside(&self, _y: usize, _columns: Range<usize>, _area: &Area) -> bool {
        false
    }
    /// All coordinates, where they are linear.
    #[inline(always)]
    fn frame(&self) -> Option<Frame> {
        None
    }
    /// The plan whose first row is this one's row `rows`: that of a band of the destination.
    fn below(&self, rows: usize) -> Self;
    /// The runs of the first `width` pixels of row `y`.
    #[inline(always)]
    fn row(&self, y: usize, width: usize) -> Runs<'_, Self> {
        self.part(y, 0..width)
    }
    /// The runs of some columns of row `y`.
    #[inline(always)]
    fn part(&self, y: usize, columns: Range<usize>) -> Runs<'_, Self> {
        Runs { plan: self, x: columns.start, y, end: columns.end }
    }
}

/// A plan whose pixels have places between them too.
#[doc(hidden)]
pub trait Subpixel: Plan + core::fmt::Debug {
    /// The plan of this one's transform after a shift of the destination by `numerators /
    /// denominator` of a pixel, at most one half, with numerators below 2^8: the constant terms, each
    /// rounded half up.
    fn shifted(&self, numerators: [i64; 2], denominator: i64) -> Self;
    /// The plan of this one's transform after a shift of the destination by whole pixels.
    fn moved(&self, by: [i32; 2]) -> Self;
    /// A walk of this plan whose rows are counted from row `above` of the source: the same fractions.
    fn lowered(walk: Self::Walk, above: usize) -> Self::Walk;
}

/// A form at a pixel.
#[inline(always)]
pub(crate) fn form([a, b, c]: [i64; 3], x: usize, y: usize) -> i64 {
    a.wrapping_mul(x as i64).wrapping_add(b.wrapping_mul(y as i64)).wrapping_add(c)
}

/// The constant term of a form at a place between pixels.
#[inline]
fn shifted([a, b, c]: [i64; 3], [x, y]: [i64; 2], denominator: i64) -> [i64; 3] {
    // Linear coefficients are below 2^47, numerators below 2^8.
    let v = a.wrapping_mul(x).wrapping_add(b.wrapping_mul(y));
    [a, b, c.wrapping_add(floor_div(2 * v + denominator, 2 * denominator))]
}

/// The constant term of a form after a shift by whole pixels.
#[inline]
fn moved([a, b, c]: [i64; 3], [x, y]: [i32; 2]) -> [i64; 3] {
    [a, b, c.wrapping_add(a.wrapping_mul(x.into())).wrapping_add(b.wrapping_mul(y.into()))]
}

/// A form whose rows are counted from row `rows` on: the same integers at every pixel.
#[inline]
fn below([a, b, c]: [i64; 3], rows: usize) -> [i64; 3] {
    [a, b, c.wrapping_add(b.wrapping_mul(rows as i64))]
}

impl Subpixel for AffinePlan {
    #[inline]
    fn moved(&self, by: [i32; 2]) -> Self {
        let [u, v] = self.rows;
        Self { rows: [moved(u, by), moved(v, by)] }
    }
    #[inline]
    fn shifted(&self, numerators: [i64; 2], denominator: i64) -> Self {
        Self { rows: self.rows.map(|row| shifted(row, numerators, denominator)) }
    }
    #[inline(always)]
    fn lowered(walk: AffineWalk, above: usize) -> AffineWalk {
        let [x, y] = walk.at;
        AffineWalk { at: [x, y.wrapping_sub((above as i64) << 32)], ..walk }
    }
}

impl Subpixel for ProjectivePlan {
    #[inline]
    fn moved(&self, by: [i32; 2]) -> Self {
        Self { rows: self.rows.map(|row| moved(row, by)), ..*self }
    }
    #[inline]
    fn shifted(&self, numerators: [i64; 2], denominator: i64) -> Self {
        // No form leaves its range: that was for places up to 2^15.
        Self { rows: self.rows.map(|row| shifted(row, numerators, denominator)), ..*self }
    }
    #[inline(always)]
    fn lowered(walk: ProjectiveWalk, above: usize) -> ProjectiveWalk {
        let [x, y] = walk.anchor;
        ProjectiveWalk { anchor: [x, y.wrapping_sub(above as i32)], ..walk }
    }
}

/// The runs of a row: where each begins, its walk, and its length.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a, N> {
    plan: &'a N,
    x: usize,
    y: usize,
    end: usize,
}

impl<N: Plan> Iterator for Runs<'_, N> {
    type Item = (usize, N::Walk, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (x, rest) = (self.x, self.end.checked_sub(self.x)?);
        if rest == 0 {
            return None;
        }
        let (walk, len) = self.plan.run(x, self.y, rest);
        self.x = x + len.max(1);
        Some((x, walk, len))
    }
}

/// A sequence of source positions.
#[doc(hidden)]
pub trait Walk: Clone {
    /// The current position, rounded.
    fn position(&self, to: Rounding) -> [Position; 2];
    /// To the next pixel.
    fn step(&mut self);
    /// This walk `n` pixels on.
    fn at(&self, n: usize) -> Self;
    /// This walk, N pixels at a time.
    #[doc(hidden)]
    type Lanes<L: Lanes>: Steps<L>;
    /// Its positions, rounded.
    fn lanes<L: Lanes>(&self, to: Rounding) -> Self::Lanes<L>;
    /// The positions of the next N pixels, where those do not tell them.
    #[doc(hidden)]
    #[inline(always)]
    fn exact<L: Lanes>(&self, to: Rounding) -> Positions<L> {
        self.lanes::<L>(to).next()
    }
    /// What one destination pixel's share in a parameter gradient is divided by, as a factor in
    /// Q32: the reciprocal of a homography's denominator, and one for everything else.
    #[inline(always)]
    fn reciprocal(&self) -> i64 {
        1 << 32
    }
    /// Whether both coordinates are monotone over the next `len` pixels.
    fn monotone(&self, len: usize) -> bool;

    /// The coordinates in Q32.32 and their steps, where the walk is linear.
    #[inline(always)]
    fn line(&self) -> Option<([i64; 2], [i64; 2])> {
        None
    }

    /// The position here, if each pixel's is one pixel to the right of the last one's.
    #[inline(always)]
    fn shift(&self, _: Rounding) -> Option<[Position; 2]> {
        None
    }

    /// Where a monotone coordinate (0 is x, 1 is y) crosses: the first pixel of the range whose cell
    /// is at least `limit`, or for a falling coordinate below it; the end if there is none.
    #[inline]
    fn crossing(&self, axis: usize, limit: i32, rising: bool, range: &Range<usize>, to: Rounding) -> usize {
        span::bisect(range, |k| self.reaches(k, axis, limit, to) != rising)
    }

    /// Whether the cell of a coordinate (0 is x, 1 is y) is at least `limit`, `n` pixels on.
    #[inline(always)]
    fn reaches(&self, n: usize, axis: usize, limit: i32, to: Rounding) -> bool {
        self.at(n).position(to).get(axis).is_some_and(|p| p.cell >= limit)
    }

    /// Whether the walk is monotone over the next `len` pixels and both ends lie in the area, so
    /// that all between do.
    #[inline]
    fn inside(&self, len: usize, to: Rounding, area: &Area) -> bool {
        len > 0 && self.monotone(len) && self.is_in(0, to, area) && self.is_in(len - 1, to, area)
    }

    /// Whether the position `n` pixels on lies in the area.
    #[inline(always)]
    fn is_in(&self, n: usize, to: Rounding, area: &Area) -> bool {
        area.contains(self.at(n).position(to))
    }
}

/// Coordinates that are linear along the row.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct AffineWalk {
    at: [i64; 2],
    step: [i64; 2],
}

impl AffineWalk {
    /// From these coordinates on.
    #[inline(always)]
    pub(crate) fn new((at, step): ([i64; 2], [i64; 2])) -> Self {
        Self { at, step }
    }

    /// The same, so much from here.
    #[inline(always)]
    pub(crate) fn from(&self, [x, y]: [i64; 2]) -> Self {
        Self { at: [self.at[0].wrapping_add(x), self.at[1].wrapping_add(y)], ..*self }
    }

    /// The coordinates here.
    #[inline(always)]
    pub(crate) fn coordinates(&self) -> [i64; 2] {
        self.at
    }
}

/// Coordinates that are linear along rows and from row to row, in Q32.32.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Of the first pixel.
    pub(crate) at: [i64; 2],
    /// Along a row.
    pub(crate) step: [i64; 2],
    /// From row to row.
    pub(crate) down: [i64; 2],
}

impl Frame {
    /// Of a pixel.
    #[cfg_attr(thumb, inline(never))]
    #[cfg_attr(not(thumb), inline(always))]
    pub(crate) fn at(&self, x: usize, y: usize) -> [i64; 2] {
        let ([a, d], [b, e], [c, f]) = (self.step, self.down, self.at);
        [form([a, b, c], x, y), form([d, e, f], x, y)]
    }

    /// The same from a pixel on.
    #[inline(always)]
    pub(crate) fn from(&self, x: usize, y: usize) -> Self {
        Self { at: self.at(x, y), ..*self }
    }

    /// Along the first row.
    #[inline(always)]
    pub(crate) fn walk(&self) -> AffineWalk {
        AffineWalk { at: self.at, step: self.step }
    }

    /// Whether pixels lie beside and below each other as in the destination.
    #[inline(always)]
    pub(crate) fn is_shift(&self) -> bool {
        // (Arrays would be compared by a call.)
        let ([along, across], [right, down]) = (self.step, self.down);
        along == 1 << 32 && across == 0 && right == 0 && down == 1 << 32
    }
}

/// The least coordinate in a cell.
#[inline(always)]
fn least(cell: i32, to: Rounding) -> i64 {
    let least = (i64::from(cell) << 32).wrapping_sub(1 << (31 - to.bits));
    // A tie goes down to the even cell below an odd one.
    if to.ties_to_even && least & (1 << 32) == 0 { least + 1 } else { least }
}

impl Walk for AffineWalk {
    // (A division takes as long as bisection on a microcontroller, and a kilobyte.)
    #[cfg(not(thumb))]
    #[inline]
    fn crossing(&self, axis: usize, limit: i32, rising: bool, range: &Range<usize>, to: Rounding) -> usize {
        let (Some(&at), Some(&step)) = (self.at.get(axis), self.step.get(axis)) else { return range.end };
        let limit = least(limit, to);
        let first = if step == 1 << 32 {
            // As below. (A division takes long on small processors.)
            limit.wrapping_sub(at).wrapping_add(step - 1) >> 32
        } else if rising {
            // ceil((limit - at) / step)
            limit.wrapping_sub(at).wrapping_add(step - 1).checked_div(step).unwrap_or(i64::MAX)
        } else {
            // floor((at - limit) / -step) + 1
            floor_div(at.wrapping_sub(limit), step.wrapping_neg()).wrapping_add(1)
        };
        usize::try_from(first).unwrap_or(0).max(range.start).min(range.end)
    }
    #[inline(always)]
    fn reaches(&self, n: usize, axis: usize, limit: i32, to: Rounding) -> bool {
        let (Some(&at), Some(&step)) = (self.at.get(axis), self.step.get(axis)) else { return false };
        at.wrapping_add(step.wrapping_mul(n as i64)) >= least(limit, to)
    }
    type Lanes<L: Lanes> = LinearSteps<L>;
    #[inline(always)]
    fn lanes<L: Lanes>(&self, to: Rounding) -> LinearSteps<L> {
        LinearSteps::new(self.at, self.step, to)
    }
    #[inline(always)]
    fn position(&self, to: Rounding) -> [Position; 2] {
        // In range by the transform's construction; rounding wraps in any case.
        self.at.map(|v| round_coordinate(v, to))
    }
    #[inline(always)]
    fn step(&mut self) {
        let [x, y] = &mut self.at;
        *x = x.wrapping_add(self.step[0]);
        *y = y.wrapping_add(self.step[1]);
    }
    #[inline(always)]
    fn at(&self, n: usize) -> Self {
        let along = |v: i64, step: i64| v.wrapping_add(step.wrapping_mul(n as i64));
        let [x, y] = self.at;
        Self { at: [along(x, self.step[0]), along(y, self.step[1])], step: self.step }
    }
    #[inline(always)]
    fn monotone(&self, _: usize) -> bool {
        true
    }
    #[inline(always)]
    fn line(&self) -> Option<([i64; 2], [i64; 2])> {
        Some((self.at, self.step))
    }
    #[inline(always)]
    fn shift(&self, to: Rounding) -> Option<[Position; 2]> {
        // Ties go left and right in turn.
        let tie = to.ties_to_even && self.at.iter().any(|&v| v as u32 == 1 << 31);
        // (Arrays would be compared by a call.)
        let [along, across] = self.step;
        (along == 1 << 32 && across == 0 && !tie).then(|| self.position(to))
    }
}

/// An affine map in Q32.32: rows of the 2x3 matrix.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct AffinePlan {
    pub(crate) rows: [[i64; 3]; 2],
}

impl AffinePlan {
    /// From coefficients that the transform's constructor has checked: linear ones within
    /// [`MAX_LINEAR`](crate::transform::MAX_LINEAR), shifts within
    /// [`MAX_SHIFT`](crate::transform::MAX_SHIFT), so that no coordinate leaves `i64`.
    pub(crate) fn new(m: &[f64; 9]) -> Self {
        Self { rows: [[q32(m[0]), q32(m[1]), q32(m[2])], [q32(m[3]), q32(m[4]), q32(m[5])]] }
    }
}

impl Plan for AffinePlan {
    type Walk = AffineWalk;
    #[inline(always)]
    fn run(&self, x: usize, y: usize, len: usize) -> (AffineWalk, usize) {
        let [u, v] = self.rows;
        (AffineWalk { at: [form(u, x, y), form(v, x, y)], step: [u[0], v[0]] }, len)
    }
    #[inline(always)]
    fn frame(&self) -> Option<Frame> {
        let [[xx, xy, x], [yx, yy, y]] = self.rows;
        Some(Frame { at: [x, y], step: [xx, yx], down: [xy, yy] })
    }
    #[inline]
    fn below(&self, rows: usize) -> Self {
        Self { rows: self.rows.map(|form| below(form, rows)) }
    }
}

/// Coordinates that are a quotient of two linear forms.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct ProjectiveWalk {
    /// Numerators, relative to the anchor, below 2^46.
    pub(crate) at: [i64; 2],
    pub(crate) step: [i64; 2],
    /// The denominator, below 2^31 + 2^7.
    pub(crate) denominator: i64,
    /// Below 2^26, since a run is of 2^7 pixels at least.
    pub(crate) denominator_step: i32,
    /// The denominator is this power of two times the real one.
    exponent: i32,
    /// Whole pixels.
    pub(crate) anchor: [i32; 2],
}

impl ProjectiveWalk {
    /// This walk some pixels on, or back.
    #[inline(always)]
    fn on(&self, pixels: i64) -> Self {
        Self {
            at: [self.at[0] + pixels * self.step[0], self.at[1] + pixels * self.step[1]],
            denominator: self.denominator_on(pixels as i32),
            ..*self
        }
    }

    /// The denominator some pixels on, or back.
    #[inline(always)]
    fn denominator_on(&self, pixels: i32) -> i64 {
        self.denominator + i64::from(pixels) * i64::from(self.denominator_step)
    }

    /// The same quotients of forms with the other sign.
    #[inline(always)]
    pub(crate) fn negated(self) -> Self {
        Self {
            at: self.at.map(|v| -v),
            step: self.step.map(|v| -v),
            denominator: -self.denominator,
            denominator_step: -self.denominator_step,
            ..self
        }
    }
}

impl Walk for ProjectiveWalk {
    type Lanes<L: Lanes> = QuotientSteps<L>;
    #[inline(always)]
    fn lanes<L: Lanes>(&self, to: Rounding) -> QuotientSteps<L> {
        QuotientSteps::new(*self, to)
    }
    #[inline(always)]
    fn exact<L: Lanes>(&self, to: Rounding) -> Positions<L> {
        let walk = if self.denominator < 0 { self.negated() } else { *self };
        QuotientSteps::exact(&walk, to)
    }
    #[inline(always)]
    fn position(&self, to: Rounding) -> [Position; 2] {
        let (d, bits) = (self.denominator, to.bits);
        let quotient = |n: i64, anchor: i32| {
            if d == 0 {
                return Coord::MIN.round(to);
            }
            let (n, d) = if d < 0 { (-n, -d) } else { (n, d) };
            // floor(n 2^bits / d + 1/2), in two steps where the product would not fit.
            let (whole, rest) = if bits > 14 {
                let whole = floor_div(n, d);
                (whole, n - whole * d)
            } else {
                (0, n)
            };
            let part = floor_div((rest << (bits + 1)) + d, 2 * d);
            let mut cell = whole + (part >> bits) + i64::from(anchor);
            // 2n + d is a multiple of 2d where n is halfway between two multiples of d.
            if to.ties_to_even && part * (2 * d) == (rest << 1) + d {
                cell &= !1;
            }
            if cell < -(1 << 30) {
                Coord::MIN.round(to)
            } else if cell >= 1 << 30 {
                Coord::MAX.round(to)
            } else {
                Position { cell: cell as i32, fraction: (part & ((1 << bits) - 1)) as u32 }
            }
        };
        [quotient(self.at[0], self.anchor[0]), quotient(self.at[1], self.anchor[1])]
    }
    // (A microcontroller sooner sees which pixels are inside than where this one is.)
    #[cfg(not(thumb))]
    #[inline]
    fn shift(&self, to: Rounding) -> Option<[Position; 2]> {
        let (d, [along, across]) = (self.denominator, self.step);
        // (Ties go left and right in turn.)
        let one = d != 0 && self.denominator_step == 0 && along == d && across == 0 && !to.ties_to_even;
        one.then(|| self.position(to))
    }
    // Without a division.
    #[inline]
    fn reaches(&self, n: usize, axis: usize, limit: i32, to: Rounding) -> bool {
        let (Some(&at), Some(&step), Some(&anchor)) =
            (self.at.get(axis), self.step.get(axis), self.anchor.get(axis))
        else {
            return false;
        };
        // (What is not needed here takes as long as what is.)
        let on = n as i64;
        let (n, d) = (at + on * step, self.denominator_on(n as i32));
        if to.ties_to_even || d == 0 {
            return self.on(on).position(to).get(axis).is_some_and(|p| p.cell >= limit);
        }
        let (n, d) = if d < 0 { (-n, -d) } else { (n, d) };
        // n / d rounded half up is at least the limit where it is at most half a unit less.
        n - (i64::from(limit) - i64::from(anchor)) * d >= -(d >> (to.bits + 1))
    }
    #[cfg_attr(thumb, inline(never))]
    #[cfg_attr(not(thumb), inline)]
    fn is_in(&self, n: usize, to: Rounding, area: &Area) -> bool {
        if to.ties_to_even {
            return area.contains(self.at(n).position(to));
        }
        let (on, d) = (n as i64, self.denominator_on(n as i32));
        // (The denominator is below 2^32. Where it is zero nothing lies in an area, as below.)
        let (sign, d) = (d >> 63, i64::from(d.unsigned_abs() as u32));
        let ([x0, y0], [x1, y1]) = area.bounds();
        // As above, from the least cell on.
        let within = |i: usize, min: i32, max: i32| {
            let n = ((self.at[i] + on * self.step[i]) ^ sign) - sign;
            let n = n - i64::from(min - self.anchor[i]) * d + (d >> (to.bits + 1));
            n >= 0 && n < i64::from(max - min + 1) * d
        };
        within(0, x0, x1) && within(1, y0, y1)
    }
    #[inline(always)]
    fn step(&mut self) {
        self.at[0] += self.step[0];
        self.at[1] += self.step[1];
        self.denominator += i64::from(self.denominator_step);
    }
    #[inline(always)]
    fn at(&self, n: usize) -> Self {
        self.on(n as i64)
    }
    #[inline]
    fn reciprocal(&self) -> i64 {
        // 2^62 / d, rounded down, then to Q32: rounded half up or, near the pole, saturated.
        let d = self.denominator;
        let r = (1_i64 << 62).checked_div(d.saturating_abs()).unwrap_or(i64::MAX);
        let shift = 30 - self.exponent;
        let q = match shift {
            1..=62 => round_shift_i64(r, shift as u32),
            63.. => 0,
            _ => r.checked_mul(1_i64.checked_shl((-shift) as u32).unwrap_or(0).max(1)).unwrap_or(i64::MAX),
        };
        q.min(1 << 46) * d.signum()
    }
    #[inline(always)]
    fn monotone(&self, len: usize) -> bool {
        let (a, b) = (self.denominator, self.denominator_on(len.saturating_sub(1) as i32));
        (a > 0 && b > 0) || (a < 0 && b < 0)
    }
}

/// A homography in integers: rows of the 3x3 matrix times 2^`scale`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct ProjectivePlan {
    rows: [[i64; 3]; 3],
    /// The power of two.
    scale: i32,
}

impl ProjectivePlan {
    /// Sends everything outside.
    pub(crate) const EMPTY: Self = Self { rows: [[0; 3]; 3], scale: 32 };

    /// The plan of a matrix, or `None` if its entries are so far apart that a denominator of one
    /// would be left with fewer than 32 bits.
    pub(crate) fn new(m: &[f64; 9]) -> Option<Self> {
        let scale = Self::scale(m)?;
        let mut rows = [[0; 3]; 3];
        for (q, &v) in rows.as_flattened_mut().iter_mut().zip(m) {
            *q = rounded(v, scale);
        }
        Some(Self { rows, scale })
    }

    /// Its power of two, likewise. (Of numbers that are not negative the bits are in order.)
    #[inline(never)]
    pub(crate) fn scale(m: &[f64; 9]) -> Option<i32> {
        // The largest value of any of the three forms over all pixels there can be.
        let largest = m.as_chunks::<3>().0.iter().fold(0, |max, &[a, b, c]| {
            max.max((times_power(libm::fabs(a) + libm::fabs(b), 15) + libm::fabs(c)).to_bits())
        });
        // It is below 2^(exponent - 1022). (Of what is not finite the exponent is 2047.)
        let exponent = (largest >> 52) as i32;
        let scale = 61 + 1022 - exponent;
        (32..=61).contains(&scale).then_some(scale)
    }

    /// The three forms at a pixel, times 2^`scale`; below 2^61 + 2^16.
    #[inline]
    fn forms(&self, x: usize, y: usize) -> [i64; 3] {
        self.rows.map(|row| form(row, x, y))
    }

    /// The run that begins at (`x`, `y`), and its length.
    #[inline]
    fn anchored(&self, x: usize, y: usize, len: usize) -> (ProjectiveWalk, usize) {
        let [u, v, w] = self.rows;
        // Runs are aligned, so that a part of a row has the bits of the whole row.
        let ends = |run: usize| {
            let begin = x - x % run;
            (run, begin, form(w, begin, y), form(w, begin + run - 1, y))
        };
        let mut all = ends(RUN);
        let (.., d0, d1) = all;
        let twice = |a: i64, b: i64| a.unsigned_abs() > 2 * b.unsigned_abs();
        if d0 ^ d1 < 0 || twice(d0, d1) || twice(d1, d0) {
            all = ends(RUN / 2);
        }
        let (run, begin, d0, d1) = all;
        let at_first = d0.unsigned_abs() >= d1.unsigned_abs();
        let (end, d) = if at_first { (begin, d0) } else { (begin + run - 1, d1) };
        // What rounding a step does grows from the middle on, so that it is half as much at the ends.
        let middle = begin + run / 2;
        let denominator = form(w, middle, y);
        // Within 2^16 px the anchor is at most a pixel from the image of that end; further out is
        // outside of every image. A numerator relative to it, and its step.
        let relative = |row: [i64; 3]| {
            let anchor = anchor(form(row, end, y), d);
            let less = |n: i64, d: i64| n.wrapping_sub(i64::from(anchor).wrapping_mul(d));
            (anchor, less(form(row, middle, y), denominator), less(row[0], w[0]))
        };
        let ((au, nu, step_u), (av, nv, step_v)) = (relative(u), relative(v));
        // The shift that leaves 31 bits of the denominator and at most 46 of the numerators.
        let bits = |v: u64| 64 - v.leading_zeros() as i32;
        let mut shift = bits(d.unsigned_abs()) - 31;
        // (Ends have at most a bit more than the middle and what 2^7 steps add to it, which are at hand.)
        let most = |n: i64, step: i64| ((n ^ (n >> 63)) >> 7 | (step ^ (step >> 63))) as u64;
        if bits(most(nu, step_u) | most(nv, step_v)) + 7 + 2 > 45 + shift {
            let ends = |n: i64, step: i64| {
                let first = n.wrapping_sub(step.wrapping_mul(run as i64 / 2));
                first.unsigned_abs() | first.wrapping_add(step.wrapping_mul(run as i64 - 1)).unsigned_abs()
            };
            shift = shift.max(bits(ends(nu, step_u) | ends(nv, step_v)) - 45);
        }
        let scaled = |v: i64| {
            if shift > 0 { v.wrapping_add(1 << (shift - 1)) >> shift } else { v << -shift }
        };
        let walk = ProjectiveWalk {
            at: [scaled(nu), scaled(nv)],
            step: [scaled(step_u), scaled(step_v)],
            denominator: scaled(denominator),
            denominator_step: scaled(w[0]) as i32,
            exponent: self.scale - shift,
            anchor: [au, av],
        };
        (walk.on(x as i64 - middle as i64), (begin + run - x).min(len))
    }
}

/// `n / d`, truncated, within 2^16; zero where d is. Both are below 2^62.
#[inline(never)]
fn anchor(n: i64, d: i64) -> i32 {
    const MOST: u32 = 1 << 16;
    let (sign, n, d) = (((n ^ d) >> 63) as i32, n.unsigned_abs(), d.unsigned_abs());
    if d == 0 {
        return 0;
    }
    // (A division of 64 bits takes long on small processors.) By the upper 16 bits of the divisor it is at most one too
    // small, and at most three too large.
    let shift = 48_u32.saturating_sub(d.leading_zeros());
    let mut quotient =
        if n >> 16 >= d { MOST } else { ((n >> shift) as u32).checked_div((d >> shift) as u32).unwrap_or(0) };
    let mut rest = n.wrapping_sub(u64::from(quotient) * d) as i64;
    while rest < 0 {
        quotient -= 1;
        rest += d as i64;
    }
    if rest >= d as i64 && quotient < MOST {
        quotient += 1;
    }
    (quotient as i32 ^ sign) - sign
}

impl Plan for ProjectivePlan {
    type Walk = ProjectiveWalk;
    #[inline]
    fn run(&self, x: usize, y: usize, len: usize) -> (ProjectiveWalk, usize) {
        self.anchored(x, y, len)
    }
    #[inline]
    fn below(&self, rows: usize) -> Self {
        Self { rows: self.rows.map(|form| below(form, rows)), ..*self }
    }
    #[inline]
    fn inside(&self, y: usize, columns: Range<usize>, area: &Area) -> bool {
        // A coordinate is monotone between two pixels of a row whose denominators have one sign.
        // With 16 bits less the products fit; that, and the rounding of the runs, is less than the
        // margin of two pixels.
        // (A map() would be a call.)
        let at = |x: usize| {
            let [u, v, d] = self.forms(x, y);
            [u >> 16, v >> 16, d >> 16]
        };
        let [a, b] = [at(columns.start), at(columns.end.saturating_sub(1))];
        let sign = a[2].signum();
        if sign == 0 || sign != b[2].signum() || a[2].unsigned_abs().min(b[2].unsigned_abs()) < 1 << 16 {
            return false;
        }
        let ([min_x, min_y], [max_x, max_y]) = area.bounds();
        [a, b].iter().all(|&[u, v, d]| {
            let (u, v, d) = (u * sign, v * sign, d * sign);
            let holds =
                |n: i64, min: i32, max: i32| n >= (i64::from(min) + 2) * d && n <= (i64::from(max) - 2) * d;
            holds(u, min_x, max_x) && holds(v, min_y, max_y)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    quickcheck! {
        fn anchors_are_truncated_quotients(n: i64, d: i64, shifts: [u8; 2], near: i64) -> bool {
            let [n, d] = [(n, shifts[0]), (d, shifts[1])].map(|(v, shift)| v >> 2 >> (shift % 62));
            // Next to a multiple too, as far as there are any.
            let multiple = (n % (1 << 17)).checked_mul(d).filter(|v| v.abs() < 1 << 61).unwrap_or(n);
            [n, multiple, multiple + near % 3, multiple - near % 3].into_iter().all(|n| {
                i64::from(anchor(n, d)) == n.checked_div(d).unwrap_or(0).clamp(-(1 << 16), 1 << 16)
            })
        }
    }
}
