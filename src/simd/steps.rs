//! The positions of a walk, N at a time.

use core::convert::Infallible;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::Operation;
use super::block::ByteTable;
use super::lanes::{Forms, Lanes};
use crate::fixed::{Position, Rounding, round_coordinate};
use crate::kernel::Array;
use crate::span::Area;
use crate::transform::{Coordinate, MapWalk};
use crate::walk::{ProjectiveWalk, Walk};

/// The positions of neighbouring pixels, one per lane; x before y.
///
/// Invariant: no cell is below `min` or above `max`, or both are no cells of an image. The blocks rely
/// on it.
#[derive(Clone, Copy, Debug)]
pub struct Positions<L: Lanes> {
    pub(super) cell: [L::I32; 2],
    pub(super) fraction: [L::I32; 2],
    pub(super) min: [i32; 2],
    pub(super) max: [i32; 2],
}

impl<L: Lanes> Positions<L> {
    /// With a box that holds no more than it must.
    #[inline(always)]
    pub(super) fn tight(&self) -> Self {
        let ((x0, x1), (y0, y1)) = (L::bounds(self.cell[0]), L::bounds(self.cell[1]));
        Self { min: [x0, y0], max: [x1, y1], ..*self }
    }

    /// The least and the last pixels that the taps of a kernel can be, `len` from `first` on along each axis.
    #[inline]
    pub(super) fn taps(&self, first: i32, len: i32) -> [[i32; 2]; 2] {
        let ([x0, y0], [x1, y1]) = (self.min, self.max);
        let (least, last) = (|v: i32| v.wrapping_add(first), |v: i32| v.wrapping_add(first + len - 1));
        [[least(x0), least(y0)], [last(x1), last(y1)]]
    }

    /// The two halves of sixteen lanes.
    #[inline(always)]
    pub(super) fn halves(&self) -> [Positions<L::Half>; 2] {
        let ([x, y], [fx, fy]) = (self.cell, self.fraction);
        let ([x0, x1], [y0, y1], [fx0, fx1], [fy0, fy1]) =
            (L::halves(x), L::halves(y), L::halves(fx), L::halves(fy));
        let half = Positions { cell: [x0, y0], fraction: [fx0, fy0], min: self.min, max: self.max };
        [half, Positions { cell: [x1, y1], fraction: [fx1, fy1], ..half }]
    }

    /// As seen from another origin.
    #[inline(always)]
    pub(super) fn less(&self, [x, y]: [i32; 2]) -> Self {
        let cell = [L::sub(self.cell[0], L::splat(x)), L::sub(self.cell[1], L::splat(y))];
        let less = |v: [i32; 2]| [v[0].wrapping_sub(x), v[1].wrapping_sub(y)];
        Self { cell, fraction: self.fraction, min: less(self.min), max: less(self.max) }
    }

    /// From one position after the other.
    #[inline(always)]
    pub(super) fn gather(mut next: impl FnMut() -> [Position; 2]) -> Self {
        let (mut min, mut max) = ([i32::MAX; 2], [i32::MIN; 2]);
        let lanes: L::Array<[Position; 2]> = L::Array::from_fn(|_| {
            let at = next();
            for ((min, max), p) in min.iter_mut().zip(&mut max).zip(at) {
                *min = (*min).min(p.cell);
                *max = (*max).max(p.cell);
            }
            at
        });
        let [mut x, mut y, mut fx, mut fy] = [L::Array::filled(0); 4];
        let out = x.as_mut().iter_mut().zip(y.as_mut()).zip(fx.as_mut().iter_mut().zip(fy.as_mut()));
        for (((x, y), (fx, fy)), [a, b]) in out.zip(lanes.as_ref()) {
            (*x, *y, *fx, *fy) = (a.cell, b.cell, a.fraction as i32, b.fraction as i32);
        }
        Self { cell: [L::i32(x), L::i32(y)], fraction: [L::i32(fx), L::i32(fy)], min, max }
    }
}

/// Gives the positions of N pixels after N pixels.
pub trait Steps<L: Lanes> {
    /// Whether it tells several positions at once.
    const TELLS: bool = false;
    /// The next ones.
    fn next(&mut self) -> Positions<L>;
    /// Tells the positions of the next `len` pixels, or of the first of them: how many. None where it can only give the
    /// next ones.
    #[inline(always)]
    fn tell(&mut self, _told: &mut Told, _len: usize) -> usize {
        0
    }
    /// What gives the next ones as positions near to each other.
    type Near: Near<L>;
    /// That, if there is any, and for how many pixels at most.
    fn near(&self) -> (Option<Self::Near>, usize);
}

/// Gives the positions of N pixels after N pixels, all of which have cells near to each other.
pub trait Near<L: Lanes> {
    /// Whether it always tells, and sooner than [`Steps`] does.
    const TELLS: bool = false;
    /// The next ones, of places in a table whose rows have `2^pitch` cells. Now and then it does not tell.
    fn next(&mut self, pitch: u32) -> Option<NearPositions<L>>;
    /// How far the cells of N neighbouring pixels are from the least one at most.
    fn extent(&self) -> [i32; 2];
    /// Whether the least cells of the next `len` pixels all lie in an area; false if that is not known without
    /// looking at every one.
    #[inline(always)]
    fn stays(&self, _len: usize, _area: &Area) -> bool {
        false
    }
}

/// The positions of neighbouring pixels, whose cells are near to each other.
#[derive(Clone, Copy, Debug)]
pub struct NearPositions<L: Lanes> {
    /// No cell is below, or above by more than the [`extent`](Near::extent).
    pub(super) least: [i32; 2],
    /// The cells from there on: columns, and so many times more rows as a row of a table is long.
    pub(super) place: L::I32,
    pub(super) fraction: [L::I32; 2],
}

impl<L: Lanes> NearPositions<L> {
    /// The same with absolute cells.
    #[inline(always)]
    pub(super) fn positions(&self, pitch: u32, extent: [i32; 2]) -> Positions<L> {
        let ([x, y], [columns, rows]) = (self.least, extent);
        let column = L::and(self.place, L::splat((1 << pitch) - 1));
        Positions {
            cell: [L::add(column, L::splat(x)), L::add(L::shr(self.place, pitch), L::splat(y))],
            fraction: self.fraction,
            min: self.least,
            max: [x.saturating_add(columns), y.saturating_add(rows)],
        }
    }
}

/// A place, of a column and a row.
#[inline(always)]
fn place<L: Lanes>([x, y]: [L::I32; 2], pitch: u32) -> L::I32 {
    L::add(x, L::mul(y, L::splat(1 << pitch)))
}

/// Of what knows nothing about its neighbours.
impl<L: Lanes> Near<L> for Infallible {
    fn next(&mut self, _pitch: u32) -> Option<NearPositions<L>> {
        match *self {}
    }
    fn extent(&self) -> [i32; 2] {
        match *self {}
    }
}

/// The positions of any walk, pixel by pixel.
#[inline(always)]
fn one_by_one<L: Lanes, W: Walk>(walk: &mut W, to: Rounding) -> Positions<L> {
    Positions::gather(|| {
        let at = walk.position(to);
        walk.step();
        at
    })
}

/// A homography's: quotients of linear forms, by their series where that tells them, else by the backend
/// where it has exact ones.
#[derive(Clone, Copy, Debug)]
pub struct QuotientSteps<L: Lanes> {
    /// Where the series begins, how many pixels it has been followed, and can be.
    walk: ProjectiveWalk,
    done: usize,
    end: usize,
    series: Option<Series<L>>,
    to: Rounding,
    /// For one lane.
    following: Option<Following>,
}

impl<L: Lanes> QuotientSteps<L> {
    #[inline(always)]
    pub(crate) fn new(mut walk: ProjectiveWalk, to: Rounding) -> Self {
        if walk.denominator < 0 {
            walk = walk.negated();
        }
        let following = if L::LEN == 1 { Following::new(&walk, to) } else { None };
        Self { walk, done: 0, end: 0, series: None, to, following }
    }

    /// The next position, for one lane.
    #[inline(never)]
    fn one(&mut self) -> [Position; 2] {
        if let Some(following) = &mut self.following {
            if let Some(at) = following.next() {
                return at;
            }
            self.walk = self.walk.at(following.done);
            self.following = None;
        }
        let at = self.walk.position(self.to);
        self.walk.step();
        at
    }
}

impl<L: Lanes> Steps<L> for QuotientSteps<L> {
    const TELLS: bool = L::LEN == 1;

    #[inline(always)]
    fn next(&mut self) -> Positions<L> {
        if L::LEN == 1 {
            let at = self.one();
            return Positions::gather(|| at);
        }
        if self.done == self.end {
            // (By a call, since this is needed in many places; of a copy, so that the steps can be in registers.)
            let walk = self.walk.at(self.done);
            let new = NewSeries { walk: &walk, to: self.to, of: PhantomData::<L> };
            (self.walk, self.done, (self.series, self.end)) = (walk, 0, L::call(new));
        }
        let done = self.done;
        self.done += L::LEN;
        match &mut self.series {
            Some(series) => series.positions(),
            None => Self::exact(&self.walk.at(done), self.to),
        }
    }

    #[inline(always)]
    fn tell(&mut self, told: &mut Told, len: usize) -> usize {
        match &mut self.following {
            Some(following) if L::LEN == 1 => following.tell(told, len),
            _ => 0,
        }
    }

    type Near = Series<L>;

    #[inline(always)]
    fn near(&self) -> (Option<Series<L>>, usize) {
        Series::new(&self.walk.at(self.done), self.to)
    }
}

/// [`Series::new`], at the level that it is called at.
struct NewSeries<'w, L> {
    walk: &'w ProjectiveWalk,
    to: Rounding,
    of: PhantomData<L>,
}

impl<L: Lanes> Operation for NewSeries<'_, L> {
    type Output = (Option<Series<L>>, usize);
    #[inline(always)]
    fn run<M: Lanes>(self) -> (Option<Series<L>>, usize) {
        Series::new(self.walk, self.to)
    }
}

impl<L: Lanes> QuotientSteps<L> {
    /// The next positions of a walk without the series.
    #[inline(always)]
    pub(crate) fn exact(here: &ProjectiveWalk, to: Rounding) -> Positions<L> {
        if L::LEN == 1 {
            return Positions::gather(|| here.position(to));
        }
        if !to.ties_to_even
            && here.denominator.min(here.at(L::LEN - 1).denominator) > 0
            && let Some(mut forms) = L::Forms::new(
                [here.at[0], here.at[1], here.denominator],
                [here.step[0], here.step[1], here.denominator_step.into()],
            )
        {
            let [(x, fx), (y, fy)] = forms.next(here.anchor, to.bits);
            // Monotone, so the ends are at the ends.
            let ((x0, x1), (y0, y1)) = (L::ends(x), L::ends(y));
            return Positions {
                cell: [x, y],
                fraction: [fx, fy],
                min: [x0.min(x1), y0.min(y1)],
                max: [x0.max(x1), y0.max(y1)],
            };
        }
        one_by_one(&mut { *here }, to)
    }
}

/// The most positions that are told at once.
pub(crate) const TOLD: usize = 32;

/// Positions that are told at once, in units of their fractions; x before y. (Clearing them would take as long as
/// telling some.)
pub(crate) type Told = [[MaybeUninit<i32>; TOLD]; 2];

/// The positions of a run without divisions but one for each part of it, of up to [`TOLD`] pixels.
///
/// Around the middle of a part, j pixels away, a quotient is `q + s j - s r j^2 + s r^2 j^3 - s r^3 j^4 / (1 + r j)`
/// (see [`Series`]). The first four terms, by their differences, predict it: what is left out is less than 2/7, and
/// rounding adds less than 1/10. So the result, `floor(n / d + 1/2)`, is the prediction rounded down or one more:
/// by the former, `n + d / 2 - d result` is at least 0 and below 2d, which 32 bits tell.
#[derive(Clone, Copy, Debug)]
pub struct Following {
    axes: [Axis; 2],
    /// Where the part begins, in the unit of the results.
    first: i64,
    denominator_step: i32,
    bits: u32,
    /// Half of the pixels of a part.
    half: u32,
    /// How many pixels are before the part, how many it has, and how many of these are left.
    done: usize,
    len: usize,
    left: usize,
    /// Of the next pixel.
    denominator: i32,
}

/// One of the coordinates.
#[derive(Clone, Copy, Debug)]
struct Axis {
    /// The numerator where the part begins and how much it grows, and the anchor, in the unit of the results.
    sum: i64,
    growth: i64,
    anchor: i32,
    /// Of the next pixel.
    quotient: Quotient,
}

/// What both quotients of a part have in common.
struct Part {
    /// In the middle, and from pixel to pixel.
    denominator: i32,
    denominator_step: i32,
    /// 1 by the denominator in Q59, and the step by the denominator in Q35.
    inverse: i32,
    ratio: i32,
    /// Half of its pixels.
    half: i32,
}

/// `n / d`, rounded half up. (Loaded by assembly as it lies here.)
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Quotient {
    /// The prediction is this and a part in Q10.
    whole: i32,
    part: i32,
    /// Its first difference in Q14, half a unit of Q10 added.
    step: i32,
    /// Its second difference in Q18, half a unit of Q14 added, and the third one.
    bend: i32,
    twist: i32,
    /// The lower halves of the numerator and of how much it grows.
    sum: u32,
    growth: u32,
}

/// A product of 32 bits each, which is one instruction on small processors.
#[inline(always)]
fn product(a: i32, b: i32) -> i64 {
    i64::from(a) * i64::from(b)
}

/// Whether a number is in -2^bits..2^bits, for 32 bits and more. (By its upper half alone.)
#[inline(always)]
fn within(v: i64, bits: u32) -> bool {
    ((v >> bits) as i32).wrapping_add(1) as u32 <= 1
}

impl Axis {
    /// The quotient of a part. `None` if the prediction may be too far off.
    // (In place: copies take as long as what is computed.)
    #[inline(never)]
    fn begin(&mut self, part: &Part) -> Option<()> {
        let &Part { denominator: d, denominator_step: dd, inverse, ratio, half } = part;
        let &mut Self { sum, growth, anchor, .. } = self;
        let sum = sum + i64::from(half as u32) * growth;
        // (Within 2^5 units; the rest makes up for it.)
        let whole = product((sum >> 31) as i32, inverse);
        let within_all = within(whole, 28 + 28);
        let whole = (whole >> 28) as i32;
        let rest = sum - product(whole, d);
        let part = (product((rest >> 8) as i32, inverse) >> 41) as i32;
        let turned = growth - product(whole, dd) - (product(part, dd) >> 10);
        let within_all = within_all && within(turned, 18 + 31);
        let slope = product((turned >> 18) as i32, inverse);
        let within_all = within_all && within(slope, 27 + 30);
        let slope = (slope >> 27) as i32;
        let second = -(product(slope, ratio) >> 31) as i32;
        let third = -(product(second, ratio) >> 35) as i32;
        // (Products with one of 2^28, of 2^30, and of 2^16, which is that of four with the half.)
        let fourth = product((product(third, ratio) >> 24) as i32, 32 * (half * half * half * half));
        if !(within_all && within(fourth, 32)) {
            return None;
        }
        // Differences from the first pixel on. (With these limits they fit.)
        let [part, step] = [
            part - (slope >> 2) * (half / 4) + ((second * (half * half)) >> 8)
                - ((third * (half * half * half)) >> 8),
            slope - ((second * (2 * half - 1)) >> 4) + ((third * (3 * half * (half - 1) + 1)) >> 4),
        ];
        let (bend, twist) = (2 * second - 6 * third * (half - 1), 6 * third);
        // Everything as seen from the origin.
        let growth = (growth as u32).wrapping_add((anchor as u32).wrapping_mul(dd as u32));
        let sum = (sum as u32).wrapping_add((anchor as u32).wrapping_mul(d as u32));
        self.quotient = Quotient {
            whole: whole.wrapping_add(anchor),
            part,
            step: step + (1 << 3),
            bend: bend + (1 << 3),
            twist,
            sum: sum.wrapping_sub(growth.wrapping_mul(half as u32)),
            growth,
        };
        Some(())
    }
}

impl Quotient {
    /// The result at a pixel, whose denominator is given; on to the next.
    #[inline(always)]
    fn next(&mut self, d: i32) -> i32 {
        let (value, d) = (self.whole.wrapping_add(self.part >> 10), d as u32);
        let rest = self.sum.wrapping_add(d >> 1).wrapping_sub((value as u32).wrapping_mul(d));
        self.part = self.part.wrapping_add(self.step >> 4);
        self.step = self.step.wrapping_add(self.bend >> 4);
        self.bend = self.bend.wrapping_add(self.twist);
        self.sum = self.sum.wrapping_add(self.growth);
        value.wrapping_add((rest >= d).into())
    }

    /// The next results, by the first denominator and its step.
    #[cfg(not(dsp))]
    #[inline(never)]
    fn tell(&mut self, [mut d, dd]: [i32; 2], told: &mut [MaybeUninit<i32>]) {
        // (A copy can be in registers.)
        let mut here = *self;
        for told in told {
            told.write(here.next(d));
            d = d.wrapping_add(dd);
        }
        *self = here;
    }

    #[cfg(dsp)]
    #[inline(always)]
    fn tell(&mut self, [d, dd]: [i32; 2], told: &mut [MaybeUninit<i32>]) {
        // SAFETY: there is room for so many.
        unsafe { super::arm_dsp::tell(self, d, dd, told.as_mut_ptr().cast(), told.len()) };
    }
}

impl Following {
    #[inline(never)]
    fn new(walk: &ProjectiveWalk, to: Rounding) -> Option<Self> {
        if to.ties_to_even || to.bits > 14 {
            return None;
        }
        let axis = |i: usize| Axis {
            sum: walk.at[i] << to.bits,
            growth: walk.step[i] << to.bits,
            anchor: walk.anchor[i] << to.bits,
            quotient: Quotient::default(),
        };
        // (The first part is begun as all others are.)
        Some(Self {
            axes: [axis(0), axis(1)],
            first: walk.denominator,
            denominator_step: walk.denominator_step,
            bits: to.bits,
            half: TOLD as u32 / 2,
            done: 0,
            len: 0,
            left: 0,
            denominator: 0,
        })
    }

    /// To the next part of the run, of as many pixels as can be followed; `None` if none can.
    #[inline(never)]
    fn renew(&mut self) -> Option<()> {
        let on = self.len as i64;
        self.first += on * i64::from(self.denominator_step);
        for axis in &mut self.axes {
            axis.sum += on * axis.growth;
        }
        self.done += self.len;
        self.len = 0;
        while self.half >= 4 {
            if self.begin().is_some() {
                self.len = 2 * self.half as usize;
                (self.left, self.denominator) = (self.len, self.first as i32);
                return Some(());
            }
            self.half /= 2;
        }
        None
    }

    /// The quotients of a part; `None` if it cannot be followed.
    #[inline(always)]
    fn begin(&mut self) -> Option<()> {
        let (half, dd) = (self.half as i32, self.denominator_step);
        // (Along a run they are, nearly always.)
        let fits = |d: i64| d > 1 << 28 && d < 1 << 31;
        if !(fits(self.first) && fits(self.first + product(dd, 2 * half - 1))) {
            return None;
        }
        let d = (self.first + product(dd, half)) as i32;
        let inverse = inverse(d);
        let ratio = product(dd, inverse);
        if !(within(ratio, 24 + 31) && within(product((ratio >> 24) as i32, half), 32)) {
            return None;
        }
        let ratio = (ratio >> 24) as i32;
        let part = Part { denominator: d, denominator_step: dd, inverse, ratio, half };
        let [x, y] = &mut self.axes;
        x.begin(&part)?;
        y.begin(&part)
    }

    /// The next position.
    #[inline]
    fn next(&mut self) -> Option<[Position; 2]> {
        if self.left == 0 {
            self.renew()?;
        }
        self.left -= 1;
        let d = self.denominator;
        self.denominator = d.wrapping_add(self.denominator_step);
        let [x, y] = &mut self.axes;
        Some([x.quotient.next(d), y.quotient.next(d)].map(|v| position(v, self.bits)))
    }

    /// The next ones, at most `len`: how many.
    #[inline(always)]
    fn tell(&mut self, told: &mut Told, len: usize) -> usize {
        if self.left == 0 && self.renew().is_none() {
            return 0;
        }
        let len = len.min(self.left);
        self.left -= len;
        let by = [self.denominator, self.denominator_step];
        // (There are no registers for both at once.)
        for (axis, told) in self.axes.iter_mut().zip(told) {
            axis.quotient.tell(by, told.get_mut(..len).unwrap_or_default());
        }
        self.denominator = by[0].wrapping_add(by[1].wrapping_mul(len as i32));
        len
    }
}

/// 2^59 by a number above 2^28, but for 2^-26 of it at most.
#[inline(always)]
fn inverse(d: i32) -> i32 {
    // In Q45, without what is below 2^13, so that it is too large by 2^-13 of itself at most, and one step of Newton's.
    let about = u32::MAX.checked_div(d as u32 >> 13).unwrap_or(0) as i32;
    let wrong = (1 << 45) - product(d, about);
    (about << 14) + (product((wrong >> 2) as i32, about) >> 29) as i32
}

/// A position, from units of its fraction.
#[inline(always)]
pub(super) fn position(v: i32, bits: u32) -> Position {
    Position { cell: v >> bits, fraction: (v & ((1 << bits) - 1)) as u32 }
}

/// The two quotients of a part of a run as a series, and what it leaves out.
///
/// Around the middle of the part, j pixels away, a quotient is `q + s j - s r j^2 / (1 + r j)`, where q is the
/// quotient there, s its slope, and r the slope of the denominator over it. The line is in Q40, and in
/// Q26 from the least lane on; the small rest is in `f32`. Where a sum is within its error of the middle
/// between two results, the forms themselves tell.
#[derive(Clone, Copy, Debug)]
pub struct Series<L: Lanes> {
    axes: [SeriesAxis<L>; 2],
    /// Where it begins, and how many pixels it has been followed.
    begin: ProjectiveWalk,
    done: usize,
    /// Of the lanes.
    j: L::F32,
    ratio: f32,
    /// In Q26, at least the errors.
    slack: [i32; 2],
    /// Of the fractions.
    bits: u32,
}

#[derive(Clone, Copy, Debug)]
struct SeriesAxis<L: Lanes> {
    /// The line at its least lane in Q40, half a unit of the result added, and less by at least the error, and by the
    /// rest where that is negative; and from block to block.
    at: i64,
    step: i64,
    /// From there to the greatest lane, with the error again, and with the rest where that is positive.
    spread: i64,
    /// From there to the line at each lane, in Q26.
    offset: L::I32,
    /// `-s r` in Q26.
    bend: f32,
}

impl<L: Lanes> Series<L> {
    /// For the next pixels, and how many these are: fewer where a row bends more.
    #[inline(always)]
    fn new(walk: &ProjectiveWalk, to: Rounding) -> (Option<Self>, usize) {
        let (d, dd) = (walk.denominator, i64::from(walk.denominator_step.abs()));
        // So that the denominator's change is within what around() takes, by the denominator there: it may be less.
        let served = |half: i64| 129 * half * dd < d;
        // (Where more is left out, more lanes are in doubt: few, of whole pixels.)
        let half = if served(if to.bits > 0 { 256 } else { 128 }) {
            128
        } else if served(64) {
            64
        } else if served(32) {
            32
        } else {
            16
        };
        (Self::around(walk, half, to), 2 * half)
    }

    /// For `2 half` pixels.
    #[inline(always)]
    fn around(walk: &ProjectiveWalk, half: usize, to: Rounding) -> Option<Self> {
        const Q40: f64 = (1_u64 << 40) as f64;
        if L::LEN == 1 || to.ties_to_even || to.bits > 14 {
            return None;
        }
        let middle = walk.at(half);
        let (d, dd, far) = (middle.denominator as f64, walk.denominator_step as f64, half as f64);
        let inverse = 1.0 / d;
        let ratio = dd * inverse;
        let q = middle.at.map(|n| n as f64 * inverse);
        let slope = |axis: usize| (walk.step[axis] as f64 - q[axis] * dd) * inverse;
        let s = [slope(0), slope(1)];
        let below = |v: f64, limit: f64| v.abs() < limit;
        // None if one is no number. The denominator keeps its sign; the lanes lie within 32 px, margins included.
        let holds = middle.denominator > 0
            && below(ratio * far, 1.0 / 128.0)
            && s.iter().all(|&s| below(s, 28.0 / L::LEN as f64))
            && q.iter().all(|&q| below(q, 1_048_576.0));
        if !holds {
            return None;
        }
        // The rest is at most s r half^2 / (1 - r half). Its error: three halves of a unit in Q26 for what is rounded to
        // it, of the line and of lanes to nearest, of the rest towards zero (half a unit of which is made good by the line); a part of (r half)^3 for
        // the powers of r j from the third on, and one of 3.1 2^-24 for the roundings of f32.
        let most = ratio.abs() * far;
        let (rests, part) = (most * far, 13.0 + most * most * most * 68_000_000.0);
        // SAFETY: they are below 2^15 and 2^10.
        let (rest, slack) = unsafe {
            (
                s.map(|s| (s.abs() * rests * (4096.0 * 128.0 / 127.0)).to_int_unchecked::<i32>() + 64),
                s.map(|s| (s.abs() * rests * part).to_int_unchecked::<i32>() + 3),
            )
        };
        // In Q40, below and above at least the error, and on the side where it is the rest.
        let margins = [0, 1].map(|i| {
            let error = i64::from(slack[i]) << 14;
            let rest = error + (i64::from(rest[i]) << (40 - 12));
            if s[i] * ratio > 0.0 { [rest, error] } else { [error, rest] }
        });
        // (A closure would not be inlined with the features.)
        let halfway = 1 << (39 - to.bits);
        let whole = [0, 1].map(|i| {
            let nearest = if s[i] * ratio > 0.0 { 0 } else { 1 << 14 };
            (i64::from(walk.anchor[i]) << 40) + halfway + nearest
        });
        // SAFETY: they are below 2^5 and 2^20.
        let [x, y] = unsafe {
            [0, 1].map(|i| {
                let step = (s[i] * Q40).to_int_unchecked::<i64>();
                ((q[i] * Q40).to_int_unchecked::<i64>() + whole[i] - half as i64 * step, step)
            })
        };
        let lanes = L::f32(L::Array::from_fn(|l| l as f32));
        Some(Self {
            axes: [
                SeriesAxis::new(x, s[0] * ratio, margins[0]),
                SeriesAxis::new(y, s[1] * ratio, margins[1]),
            ],
            begin: *walk,
            done: 0,
            j: L::f32_sub(lanes, L::f32_splat(far as f32)),
            ratio: ratio as f32,
            slack,
            bits: to.bits,
        })
    }

    /// The next N pixels; on to the next.
    #[inline(always)]
    fn positions(&mut self) -> Positions<L> {
        // (A map() would be a call.)
        let [x, y] = &self.axes;
        let greatest = [x.greatest(), y.greatest()];
        let (least, [x, y]) = self.relative();
        Positions {
            cell: [L::add(L::shr(x, 26), L::splat(least[0])), L::add(L::shr(y, 26), L::splat(least[1]))],
            fraction: [self.fraction(x), self.fraction(y)],
            min: least,
            max: greatest,
        }
    }

    /// The least cells of the next N pixels, and from there on these in Q26; on to the next.
    #[inline(always)]
    fn relative(&mut self) -> ([i32; 2], [L::I32; 2]) {
        let j = self.j;
        self.j = L::f32_add(j, L::f32_splat(L::LEN as f32));
        let t = L::f32_mul(L::f32_splat(self.ratio), j);
        // 1 / (1 + t) - 1, and the square.
        let more = L::f32_mul_add(t, t, L::f32_sub(L::f32_splat(0.0), t));
        let square = L::f32_mul(j, j);
        let [x, y] = &mut self.axes;
        let ((x0, mut x), (y0, mut y)) = (x.next(square, more), y.next(square, more));
        let done = self.done;
        self.done += L::LEN;
        let within = L::splat((1 << (26 - self.bits)) - 1);
        let [u, v] = self.slack;
        let mut doubts = L::below(L::and(L::add(x, L::splat(u)), within), 2 * u + 1)
            | L::below(L::and(L::add(y, L::splat(v)), within), 2 * v + 1);
        if doubts != 0 {
            let (xs, ys) = (L::i32_array(x), L::i32_array(y));
            while doubts != 0 {
                let lane = doubts.trailing_zeros();
                doubts &= doubts.wrapping_sub(1);
                let number = |v: &L::Array<i32>| v.as_ref().get(lane as usize).copied().unwrap_or(0);
                let most = [number(&xs).wrapping_add(u), number(&ys).wrapping_add(v)];
                let [a, b] = settled(&self.begin.at(done + lane as usize), [x0, y0], most, self.bits);
                (x, y) = (L::with_lane(x, lane, a), L::with_lane(y, lane, b));
            }
        }
        ([x0, y0], [x, y])
    }

    #[inline(always)]
    fn fraction(&self, v: L::I32) -> L::I32 {
        L::and(L::shr(v, 26 - self.bits), L::splat((1 << self.bits) - 1))
    }
}

impl<L: Lanes> Near<L> for Series<L> {
    const TELLS: bool = true;

    #[inline(always)]
    fn extent(&self) -> [i32; 2] {
        let [x, y] = &self.axes;
        [x, y].map(|axis| (axis.spread >> 40) as i32 + 1)
    }

    #[inline(always)]
    fn stays(&self, len: usize, area: &Area) -> bool {
        let on = (len.saturating_sub(1) / L::LEN) as i64;
        let [(x0, x1), (y0, y1)] = self.axes.each_ref().map(|axis| {
            let end = axis.at + on * axis.step;
            ((axis.at.min(end) >> 40) as i32, (axis.at.max(end) >> 40) as i32)
        });
        area.contains_box(&[x0, y0], &[x1, y1])
    }

    #[inline(always)]
    fn next(&mut self, pitch: u32) -> Option<NearPositions<L>> {
        let (least, [x, y]) = self.relative();
        let place = place::<L>([L::shr(x, 26), L::shr(y, 26)], pitch);
        Some(NearPositions { least, place, fraction: [self.fraction(x), self.fraction(y)] })
    }
}

/// What the quotients of a pixel are in Q26 from a cell on, in the middle of what is rounded to it, if each is at most
/// this, or by less than a unit of the result below.
#[inline(always)]
fn settled(walk: &ProjectiveWalk, [x0, y0]: [i32; 2], [x, y]: [i32; 2], bits: u32) -> [i32; 2] {
    let d = walk.denominator;
    let one = |n: i64, anchor: i32, least: i32, most: i32| {
        let most = most >> (26 - bits);
        let result = ((i64::from(least) - i64::from(anchor)) << bits) + i64::from(most);
        // n / d rounded half up is less. (The difference is below 2d; what is subtracted may be beyond 64 bits.)
        let rest = ((n << (bits + 1)) + d).wrapping_sub(result.wrapping_mul(2 * d));
        (most - i32::from(rest < 0)) << (26 - bits) | 1 << (25 - bits)
    };
    [one(walk.at[0], walk.anchor[0], x0, x), one(walk.at[1], walk.anchor[1], y0, y)]
}

impl<L: Lanes> SeriesAxis<L> {
    /// From the line at the first lane and its step in Q40, `s r`, and by how much what is told may be below and above.
    #[inline(always)]
    fn new((at, step): (i64, i64), bend: f64, [below, above]: [i64; 2]) -> Self {
        let last = (L::LEN as i64 - 1) * step;
        let (lanes, far) = (from_least::<L>(step), step.abs());
        let rest = L::mul(lanes, L::splat((far & 0x3fff) as i32));
        let rest = L::shr(L::add(rest, L::splat(1 << 13)), 14);
        let offset = L::add(L::mul(lanes, L::splat((far >> 14) as i32)), rest);
        Self {
            at: at + last.min(0) - below,
            step: L::LEN as i64 * step,
            spread: last.abs() + below + above,
            // (The margins are multiples of 2^14.)
            offset: L::add(offset, L::splat((below >> 14) as i32)),
            bend: (bend * -67_108_864.0) as f32,
        }
    }

    /// No cell of the next N pixels is above.
    #[inline(always)]
    fn greatest(&self) -> i32 {
        ((self.at + self.spread) >> 40) as i32
    }

    /// The least cell of the next N pixels, and they relative to it in Q26; from `j^2` and `1 / (1 + r j) - 1`.
    #[inline(always)]
    fn next(&mut self, square: L::F32, more: L::F32) -> (i32, L::I32) {
        let at = self.at;
        self.at = at + self.step;
        let rest = L::f32_mul(square, L::f32_splat(self.bend));
        let rest = L::i32_from(L::f32_mul_add(rest, more, rest));
        let line = L::add(L::splat((at >> 14) as i32 & 0x3ff_ffff), self.offset);
        ((at >> 40) as i32, L::add(line, rest))
    }
}

/// A map's: read from its planes.
#[derive(Clone, Copy, Debug)]
pub struct MapSteps<'a, T> {
    pub(crate) walk: MapWalk<'a, T>,
    pub(crate) to: Rounding,
}

/// Coordinates of x and of y, or with a destination pixel displacements from there on.
type Read<'a> = ([&'a [f32]; 2], Option<[i32; 2]>);

/// The cells and the fractions of positions.
type Cells<L> = ([<L as Lanes>::I32; 2], [<L as Lanes>::I32; 2]);

impl<'a, T: Coordinate> MapSteps<'a, T> {
    /// What is there for the next N pixels, if it can be read at once, and the destination pixel of displacements; on
    /// to the next.
    #[inline(always)]
    fn read<L: Lanes>(&mut self) -> Option<Read<'a>> {
        if L::LEN == 1 || self.to.ties_to_even {
            return None;
        }
        let x = T::floats(self.walk.x.get(..L::LEN)?)?;
        let y = T::floats(self.walk.y.get(..L::LEN)?)?;
        fetch_ahead::<L>([x, y]);
        let read = ([x, y], self.walk.pixel());
        self.walk = self.walk.at(L::LEN);
        Some(read)
    }
}

impl<'a, L: Lanes, T: Coordinate> Steps<L> for MapSteps<'a, T> {
    #[inline(always)]
    fn next(&mut self) -> Positions<L> {
        match self.read::<L>() {
            Some((at, pixel)) => {
                let (cell, fraction) = cells::<L>(at, pixel, self.to);
                Positions { cell, fraction, min: [i32::MIN; 2], max: [i32::MAX; 2] }.tight()
            }
            None => {
                let mut walk = self.walk;
                let at = one_by_one(&mut walk, self.to);
                self.walk = walk;
                at
            }
        }
    }

    type Near = MapNear<'a>;

    #[inline(always)]
    fn near(&self) -> (Option<MapNear<'a>>, usize) {
        let near = match (T::floats(self.walk.x), T::floats(self.walk.y)) {
            (Some(x), Some(y)) if L::LEN > 1 && !self.to.ties_to_even => {
                let new = MapNear { x, y, pixel: self.walk.pixel(), done: 0, least: None, to: self.to };
                Some(MapNear { least: new.least::<L>(), ..new })
            }
            _ => None,
        };
        (near, usize::MAX)
    }
}

/// A map's, near to each other: of the rest of a row, of which so many pixels are done.
#[derive(Clone, Copy, Debug)]
pub struct MapNear<'a> {
    x: &'a [f32],
    y: &'a [f32],
    /// The first one's, of displacements.
    pixel: Option<[i32; 2]>,
    done: usize,
    /// Of the next pixels, known before their cells so that their taps are on the way.
    least: Option<[i32; 2]>,
    to: Rounding,
}

impl<'a> MapNear<'a> {
    /// The coordinates of the next N pixels, if there are so many.
    #[inline(always)]
    fn coordinates<L: Lanes>(&self) -> Option<[&'a [f32]; 2]> {
        let next = self.done..self.done + L::LEN;
        Some([self.x.get(next.clone())?, self.y.get(next)?])
    }

    /// The destination pixel of the next ones, of displacements.
    #[inline(always)]
    fn pixel(&self) -> Option<[i32; 2]> {
        let [x, y] = self.pixel?;
        Some([x.wrapping_add(self.done as i32), y])
    }

    /// What is not above the cells of the first and the last of the next N pixels, nor far below, which of maps that are
    /// smooth are the least ones.
    #[inline(always)]
    fn least<L: Lanes>(&self) -> Option<[i32; 2]> {
        let (at, pixel) = (self.coordinates::<L>()?, self.pixel());
        let (last, [column, row]) = pixel.map_or((0, [0; 2]), |pixel| (L::LEN as i32 - 1, pixel));
        let [x, y] = L::least_of_ends(at, last, self.to.bits);
        Some([x.wrapping_add(column), y.wrapping_add(row)])
    }
}

impl<L: Lanes> Near<L> for MapNear<'_> {
    #[inline(always)]
    fn extent(&self) -> [i32; 2] {
        L::ByteTable::REACH
    }

    #[inline(always)]
    fn next(&mut self, pitch: u32) -> Option<NearPositions<L>> {
        let (least, reach) = (self.least?, L::ByteTable::REACH);
        let (at, pixel) = (self.coordinates::<L>()?, self.pixel());
        fetch_ahead::<L>(at);
        self.done += L::LEN;
        self.least = self.least::<L>();
        let ([x, y], fraction) = cells::<L>(at, pixel, self.to);
        let (x, y) = (L::sub(x, L::splat(least[0])), L::sub(y, L::splat(least[1])));
        let near = L::within(x, reach[0]) & L::within(y, reach[1]);
        near.then_some(NearPositions { least, place: place::<L>([x, y], pitch), fraction })
    }
}

/// Begins to fetch coordinates further on: two planes, the source and the output are more than hardware foresees in
/// time.
#[inline(always)]
fn fetch_ahead<L: Lanes>([x, y]: [&[f32]; 2]) {
    L::fetch_ahead(x);
    L::fetch_ahead(y);
}

/// The positions that N coordinates are, or with a destination pixel N displacements from it and
/// those to its right. (A whole number may be added before or after rounding.)
#[inline(always)]
fn cells<L: Lanes>([x, y]: [&[f32]; 2], pixel: Option<[i32; 2]>, to: Rounding) -> Cells<L> {
    let read = |v: &[f32]| L::Array::from_slice(v).unwrap_or(L::Array::filled(0.0));
    let ((mut x, fx), (mut y, fy)) = (L::round(L::f32(read(x)), to.bits), L::round(L::f32(read(y)), to.bits));
    if let Some([column, row]) = pixel {
        x = L::add(x, L::add(L::splat(column), from_least::<L>(0)));
        y = L::add(y, L::splat(row));
    }
    ([x, y], [fx, fy])
}

/// Coordinates in Q32.32 that are linear along the row.
#[derive(Clone, Copy, Debug)]
pub struct LinearSteps<L: Lanes> {
    axes: [LinearAxis<L>; 2],
    to: Rounding,
}

/// One of them: the lanes' offsets from the least are made once, low and high words apart, and the
/// carry between them is found by comparison.
#[derive(Clone, Copy, Debug)]
struct LinearAxis<L: Lanes> {
    /// Of the least lane (the first or the last), half a unit added.
    at: i64,
    step: i64,
    /// From the least lane to the first, and to the greatest.
    first: i64,
    spread: i64,
    /// The low words with the other sign, so that order is unsigned order.
    low: L::I32,
    high: L::I32,
    /// The low words less one.
    less: L::I32,
    /// The complement of the low word of `at`, with the other sign.
    rest: L::I32,
}

impl<L: Lanes> LinearSteps<L> {
    #[inline(always)]
    pub(crate) fn new([x, y]: [i64; 2], [dx, dy]: [i64; 2], to: Rounding) -> Self {
        Self { axes: [LinearAxis::new(x, dx, to), LinearAxis::new(y, dy, to)], to }
    }
}

/// The number of each lane, from the least one on of what grows by so much from lane to lane.
#[inline(always)]
fn from_least<L: Lanes>(step: i64) -> L::I32 {
    if step < 0 {
        L::i32(L::Array::from_fn(|l| (L::LEN - 1 - l) as i32))
    } else {
        L::i32(L::Array::from_fn(|l| l as i32))
    }
}

impl<L: Lanes> LinearAxis<L> {
    // (A closure would not be inlined with the features, and arrays take long from memory to registers.)
    #[inline(always)]
    fn new(at: i64, step: i64, to: Rounding) -> Self {
        let last = step.wrapping_mul(L::LEN as i64 - 1);
        let first = if step < 0 { last.wrapping_neg() } else { 0 };
        let at = at.wrapping_sub(first).wrapping_add(1 << (31 - to.bits));
        let (lanes, far) = (from_least::<L>(step), step.unsigned_abs());
        let low = L::add(L::mul(lanes, L::splat(far as i32)), L::splat(i32::MIN));
        // What the products of low words carry: 2^4 lanes at most, so that a product with the upper 28 bits fits.
        const { assert!(L::LEN <= 16) };
        let tail = L::shr_logical(L::mul(lanes, L::splat((far & 15) as i32)), 4);
        let carry = L::shr_logical(L::add(L::mul(lanes, L::splat((far as u32 >> 4) as i32)), tail), 28);
        Self {
            at,
            step,
            first,
            spread: last.wrapping_abs(),
            low,
            less: L::sub(low, L::splat(1)),
            high: L::add(L::mul(lanes, L::splat((far >> 32) as i32)), carry),
            rest: L::splat(at as i32 ^ i32::MAX),
        }
    }

    /// On to the next N pixels.
    #[inline(always)]
    fn step(&mut self) {
        let block = self.step.wrapping_mul(L::LEN as i64);
        self.at = self.at.wrapping_add(block);
        if L::FETCHES {
            self.rest = L::sub(self.rest, L::splat(block as i32));
        }
    }

    /// What is above this, and low, has a carry. (From block to block in a register, where there are enough.)
    #[inline(always)]
    fn rest(&self) -> L::I32 {
        if L::FETCHES { self.rest } else { L::splat(self.at as i32 ^ i32::MAX) }
    }

    /// The cells of N pixels, their fractions, and the least and the greatest cell; on to the next.
    #[inline(always)]
    fn next(&mut self, to: Rounding) -> (L::I32, L::I32, [i32; 2]) {
        let here = *self;
        self.step();
        (here.cells(), here.fraction(to), [here.least(), here.greatest()])
    }

    /// The least cell of N pixels.
    #[inline(always)]
    fn least(&self) -> i32 {
        (self.at >> 32) as i32
    }

    /// The greatest cell of N pixels.
    #[inline(always)]
    fn greatest(&self) -> i32 {
        if L::LEN == 1 { self.least() } else { (self.at.wrapping_add(self.spread) >> 32) as i32 }
    }

    /// The fractions of N pixels.
    #[inline(always)]
    fn fraction(&self, to: Rounding) -> L::I32 {
        // (Only to be shorter: the rest comes to the same, but takes half a kilobyte of a microcontroller's flash.)
        if L::LEN == 1 {
            return L::splat((self.at as u32 >> 1 >> (31 - to.bits)) as i32);
        }
        // (The signs of both, which are wrong, make one right.)
        let low = L::sub(self.less, self.rest());
        // Two shifts, since one by 32 (for no fraction) is no shift.
        L::shr_logical(L::shr_logical(low, 1), 31 - to.bits)
    }

    /// The cells of N pixels.
    #[inline(always)]
    fn cells(&self) -> L::I32 {
        if L::LEN == 1 {
            return L::splat(self.least());
        }
        if L::FETCHES {
            return L::above(L::add(self.high, L::splat(self.least())), self.low, self.rest(), 1);
        }
        // Each in a register of its own, which is where its taps are read by.
        let mut lane = self.at.wrapping_add(self.first);
        L::i32(L::Array::from_fn(|_| {
            let cell = (lane >> 32) as i32;
            lane = lane.wrapping_add(self.step);
            cell
        }))
    }
}

impl<L: Lanes> Steps<L> for LinearSteps<L> {
    #[inline(always)]
    fn next(&mut self) -> Positions<L> {
        if self.to.ties_to_even {
            // (Copies, so that the steps can be in registers.)
            let (mut axes, to) = (self.axes, self.to);
            let at = Positions::gather(|| {
                axes.each_mut().map(|axis| {
                    let at = axis.at.wrapping_add(axis.first).wrapping_sub(1 << 31);
                    axis.at = axis.at.wrapping_add(axis.step);
                    round_coordinate(at, to)
                })
            });
            self.axes = axes;
            return at;
        }
        let [x, y] = &mut self.axes;
        let ((x, fx, [x0, x1]), (y, fy, [y0, y1])) = (x.next(self.to), y.next(self.to));
        Positions { cell: [x, y], fraction: [fx, fy], min: [x0, y0], max: [x1, y1] }
    }

    type Near = Self;

    #[inline(always)]
    fn near(&self) -> (Option<Self>, usize) {
        ((!self.to.ties_to_even).then_some(*self), usize::MAX)
    }
}

impl<L: Lanes> Near<L> for LinearSteps<L> {
    #[inline(always)]
    fn extent(&self) -> [i32; 2] {
        let [x, y] = &self.axes;
        [x, y].map(|axis| (axis.spread.unsigned_abs() >> 32) as i32 + 1)
    }

    #[inline(always)]
    fn next(&mut self, pitch: u32) -> Option<NearPositions<L>> {
        let [x, y] = &mut self.axes;
        let places = place::<L>([x.high, y.high], pitch);
        let places = L::above(places, x.low, x.rest(), 1);
        let near = NearPositions {
            least: [x.least(), y.least()],
            place: L::above(places, y.low, y.rest(), 1 << pitch),
            fraction: [x.fraction(self.to), y.fraction(self.to)],
        };
        x.step();
        y.step();
        Some(near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Level, One};
    use crate::walk::{Plan, ProjectivePlan, RUN};

    /// Runs of homographies: from next to no bend to what brings the pole into the run.
    fn runs(mut each: impl FnMut(&ProjectiveWalk, usize, Rounding)) {
        let mut state = 1_u64;
        let mut real = |from: f64, to: f64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            from + (to - from) * (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        for i in 0..4000 {
            let bend = [0.0, 1e-5, 1e-3, 0.02, 0.3][i % 5];
            let scale = [1.0, 1.0, 30.0, 1e-3][i % 4];
            let mut m: [f64; 9] = core::array::from_fn(|_| real(-1.5, 1.5) * scale);
            (m[2], m[5]) = (real(-900.0, 900.0), real(-900.0, 900.0));
            (m[6], m[7], m[8]) = (real(-bend, bend), real(-bend, bend), 1.0);
            let Some(plan) = ProjectivePlan::new(&m) else { continue };
            let (x, y) = (real(0.0, 300.0) as usize, real(0.0, 300.0) as usize);
            for bits in [0, 14] {
                let (walk, len) = plan.run(x, y, RUN);
                each(&walk, len, Rounding::half_up(bits));
            }
        }
        // As steep, and bent, as a series serves: the rest is as large as can be.
        for i in 0..1800 {
            let sign = |bit: usize| if i >> bit & 1 == 0 { 1.0 } else { -1.0 };
            let bent = [8192.0, 16_384.0, 32_768.0][i % 3];
            let (slope, bend) = (real(1.0, 7.1) * sign(0), real(0.8, 1.02) / bent * sign(1));
            let (x, y) = (real(-2.0, 2.0), real(300.0, 900.0) * sign(2));
            let steep = [slope, real(-0.1, 0.1), if i >> 3 & 1 == 0 { x } else { y }];
            let flat = [real(-0.5, 0.5), 1.0, y];
            let [u, v] = if i >> 4 & 1 == 0 { [steep, flat] } else { [flat, steep] };
            let m = [u[0], u[1], u[2], v[0], v[1], v[2], bend, 0.0, 1.0];
            let Some(plan) = ProjectivePlan::new(&m) else { continue };
            for bits in [0, 14] {
                let (walk, len) = plan.run(0, 0, RUN);
                each(&walk, len, Rounding::half_up(bits));
            }
        }
    }

    /// What is followed is where each pixel is, near poles too: one by one, and several at once.
    #[test]
    fn homographies_are_followed() {
        let (mut followed, mut lost, mut told_once) = (0, 0, 0);
        runs(|walk, len, to| {
            let exact = |k: usize| walk.at(k).position(to).map(|p| (p.cell, p.fraction));
            let mut steps = QuotientSteps::<One>::new(*walk, to);
            for k in 0..len {
                let at = steps.next();
                match steps.following {
                    Some(_) => followed += 1,
                    None => lost += 1,
                }
                let found = [0, 1].map(|i| (at.cell[i], at.fraction[i] as u32));
                assert_eq!(found, exact(k), "{walk:?} {to:?} {k}");
            }
            let mut told = [[MaybeUninit::uninit(); TOLD]; 2];
            let mut steps = QuotientSteps::<One>::new(*walk, to);
            let mut k = 0;
            while k < len {
                // (Parts may be told in parts.)
                let count = steps.tell(&mut told, (len - k).min(1 + k % 50));
                for i in 0..count {
                    // SAFETY: so many have been told.
                    let found = told.map(|axis| position(unsafe { axis[i].assume_init() }, to.bits));
                    let found = found.map(|p| (p.cell, p.fraction));
                    assert_eq!(found, exact(k + i), "{walk:?} {to:?} {k} {i}");
                }
                told_once += count;
                k += count;
                if count == 0 {
                    let at = steps.next();
                    assert_eq!([0, 1].map(|i| (at.cell[i], at.fraction[i] as u32)), exact(k));
                    k += 1;
                }
            }
        });
        assert_eq!(told_once, followed);
        assert!(followed > 240_000 && lost > 1000, "{followed} {lost}");
    }

    /// The positions of a run, N at a time: how many were told as near ones, and of how many.
    struct Blocks<'a>(&'a ProjectiveWalk, usize, Rounding);

    impl Operation for Blocks<'_> {
        type Output = (usize, usize);
        fn run<L: Lanes>(self) -> (usize, usize) {
            let Self(walk, len, to) = self;
            let mut steps = walk.lanes::<L>(to);
            let (mut near, mut end) = (None, 0);
            let everywhere = Area::around(0, [0; 2], [1 << 21; 2]);
            let (mut told, mut blocks) = (0, 0);
            for k in (0..len - len % L::LEN).step_by(L::LEN) {
                let check = |at: &Positions<L>, from: [i32; 2]| {
                    for (i, from) in from.into_iter().enumerate() {
                        let (cells, fractions) = (L::i32_array(at.cell[i]), L::i32_array(at.fraction[i]));
                        for (l, (&cell, &fraction)) in
                            cells.as_ref().iter().zip(fractions.as_ref()).enumerate()
                        {
                            let exact = walk.at(k + l).position(to)[i];
                            assert_eq!((cell + from, fraction as u32), (exact.cell, exact.fraction));
                            assert!((at.min[i]..=at.max[i]).contains(&cell));
                        }
                    }
                };
                check(&steps.next(), [0; 2]);
                blocks += 1;
                if k == end {
                    let ready;
                    (near, ready) = walk.at(k).lanes::<L>(to).near();
                    end += ready;
                }
                if let Some(near) = &mut near {
                    let left = end.min(len) - k;
                    let stays = near.stays(left - left % L::LEN, &everywhere);
                    let extent = near.extent();
                    let Some(NearPositions { least, place, fraction }) = near.next(16) else { continue };
                    let cell = [L::and(place, L::splat(0xffff)), L::shr(place, 16)];
                    check(&Positions { cell, fraction, min: [0; 2], max: extent }, least);
                    assert!(!stays || everywhere.contains_box(&least, &least));
                    told += 1;
                }
            }
            (told, blocks)
        }
    }

    /// What the series tells is where each pixel is, at every level.
    #[test]
    fn homographies_by_the_block() {
        for level in Level::available() {
            let (mut told, mut blocks) = (0, 0);
            runs(|walk, len, to| {
                let (a, b) = level.run(Blocks(walk, len, to));
                (told, blocks) = (told + a, blocks + b);
            });
            assert!(level == Level::SCALAR || told > blocks / 20, "{level:?}: {told} of {blocks}");
        }
    }
}
