//! Which pixels of a run are interior: all of their taps lie inside the source.
//!
//! In: a monotone walk and the area of admissible cells. Out: the exact range of pixels. Each
//! coordinate crosses a bound once; where, is a division for an affine walk, and found by bisection
//! on the walk's own positions for others: the result equals testing every pixel, with no second
//! rounding rule that could disagree with the first. (A walk that is not monotone is tested block
//! by block as it is drawn.) From row to row of an affine warp the dividends grow by constants, so
//! that the quotients of all rows come from those of the first.
#![forbid(unsafe_code)]

use core::ops::Range;

use crate::boundary::Boundary;
use crate::fixed::{Position, Rounding, floor_div, round_coordinate};
use crate::kernel::{Kernel, first_tap, support};
use crate::simd::Lanes;
use crate::walk::{Frame, Walk};

/// The cells (of rounded coordinates) from which every tap of a kernel lies inside an image:
/// inclusive bounds, empty if `min > max`.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    min: [i32; 2],
    max: [i32; 2],
}

impl Area {
    /// No cell.
    pub(crate) const NOWHERE: Self = Self { min: [0; 2], max: [-1; 2] };

    /// The area for kernel `K` in an image of this size.
    #[inline(always)]
    pub(crate) fn new<K: Kernel>(width: usize, height: usize) -> Self {
        let first = -first_tap::<K>();
        let last = |side: usize| side as i32 - support::<K>() as i32 + first;
        Self { min: [first; 2], max: [last(width), last(height)] }
    }

    /// The cells from which some tap of kernel `K` lies inside an image of this size.
    #[inline(always)]
    pub(crate) fn touching<K: Kernel>(width: usize, height: usize) -> Self {
        let first = first_tap::<K>();
        let last = support::<K>() as i32 - 1 + first;
        Self { min: [-last; 2], max: [width as i32 - 1 - first, height as i32 - 1 - first] }
    }

    /// The cells around which so many columns and rows, from a kernel's first tap on, lie inside an image of this size.
    #[inline(always)]
    pub(crate) fn around(first: i32, size: [i32; 2], [width, height]: [usize; 2]) -> Self {
        Self { min: [-first; 2], max: [width as i32 - size[0] - first, height as i32 - size[1] - first] }
    }

    /// The area so many rows further down.
    #[inline(always)]
    pub(crate) fn below(self, rows: usize) -> Self {
        let down = |[x, y]: [i32; 2]| [x, y + rows as i32];
        Self { min: down(self.min), max: down(self.max) }
    }

    /// Whether it holds no cell of a box.
    #[inline(always)]
    pub(crate) fn misses_box(&self, min: &[i32; 2], max: &[i32; 2]) -> bool {
        let axis = |a: i32, b: i32, min: i32, max: i32| max < a || b < min;
        axis(self.min[0], self.max[0], min[0], max[0]) || axis(self.min[1], self.max[1], min[1], max[1])
    }

    /// The least and the greatest cell.
    #[inline(always)]
    pub(crate) fn bounds(&self) -> ([i32; 2], [i32; 2]) {
        (self.min, self.max)
    }

    /// Whether it holds every cell from `min` to `max`.
    #[inline(always)]
    pub(crate) fn contains_box(&self, min: &[i32; 2], max: &[i32; 2]) -> bool {
        let axis = |a: i32, b: i32, min: i32, max: i32| a <= min && max <= b;
        axis(self.min[0], self.max[0], min[0], max[0]) && axis(self.min[1], self.max[1], min[1], max[1])
    }

    /// Whether it holds the cell of every lane.
    #[inline(always)]
    pub(crate) fn contains_lanes<L: Lanes>(&self, [x, y]: [L::I32; 2]) -> bool {
        // Cells are so small that differences do not wrap.
        let within = |v: L::I32, axis: usize| {
            let (min, max) = (self.min[axis], self.max[axis]);
            L::within(L::sub(v, L::splat(min)), max - min)
        };
        within(x, 0) && within(y, 1)
    }

    /// Whether it holds the cells of all pixels of a destination (width, height) whose coordinates are linear.
    #[cfg_attr(thumb, inline(never))]
    #[cfg_attr(not(thumb), inline)]
    pub(crate) fn contains_frame(&self, frame: &Frame, [width, height]: [usize; 2], to: Rounding) -> bool {
        // They are if those of the corners are, the least and the greatest of which are so along each axis.
        let (x, y) = (width.saturating_sub(1) as i64, height.saturating_sub(1) as i64);
        for (axis, &at) in frame.at.iter().enumerate() {
            let (mut least, mut greatest) = (at, at);
            for by in [frame.step[axis].wrapping_mul(x), frame.down[axis].wrapping_mul(y)] {
                let end = if by < 0 { &mut least } else { &mut greatest };
                *end = end.wrapping_add(by);
            }
            let cell = |v: i64| round_coordinate(v, to).cell;
            if cell(least) < self.min[axis] || self.max[axis] < cell(greatest) {
                return false;
            }
        }
        true
    }

    #[inline(always)]
    pub(crate) fn contains(&self, [x, y]: [Position; 2]) -> bool {
        // One comparison per axis: below the minimum wraps to a large number.
        let within = |v: i32, axis: usize| {
            let (min, max) = (self.min[axis], self.max[axis]);
            max >= min && (v.wrapping_sub(min) as u32) <= (max - min) as u32
        };
        within(x.cell, 0) && within(y.cell, 1)
    }
}

/// Which cells have their taps in some rows of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InRows {
    /// The cells of which all taps are in the rows.
    pub(crate) inside: Area,
    /// Those of which some are, as taps stand.
    touching: Area,
    /// Those of which all are in the image; `None` if taps outside of it are in no row.
    whole: Option<Area>,
}

impl InRows {
    #[inline(always)]
    pub(crate) fn new<K: Kernel, P>(
        boundary: &Boundary<P>,
        (width, height): (usize, usize),
        rows: &Range<usize>,
    ) -> Self {
        Self {
            inside: Area::new::<K>(width, rows.len()).below(rows.start),
            touching: Area::touching::<K>(width, rows.len()).below(rows.start),
            whole: boundary.folds().then(|| Area::new::<K>(width, height)),
        }
    }

    /// Beside what there is no tap in the rows, if that is where no cell of the rows is.
    #[inline(always)]
    pub(crate) fn beside(&self) -> Option<&Area> {
        self.whole.is_none().then_some(&self.touching)
    }

    /// Whether no cell of a box has a tap in the rows.
    #[inline(always)]
    pub(crate) fn misses_box(&self, min: &[i32; 2], max: &[i32; 2]) -> bool {
        self.touching.misses_box(min, max) && self.whole.is_none_or(|area| area.contains_box(min, max))
    }
}

/// The least and the greatest cell of a monotone walk of `len` pixels, of which there are some.
#[inline]
pub(crate) fn ends<W: Walk>(walk: &W, len: usize, to: Rounding) -> ([i32; 2], [i32; 2]) {
    let ([x0, y0], [x1, y1]) = (walk.position(to), walk.at(len - 1).position(to));
    let (x0, y0, x1, y1) = (x0.cell, y0.cell, x1.cell, y1.cell);
    ([x0.min(x1), y0.min(y1)], [x0.max(x1), y0.max(y1)])
}

/// The pixels within `from..len` of a monotone walk that are interior; empty at `len` if there are
/// none.
#[inline]
pub(crate) fn interior<W: Walk>(
    walk: &W,
    from: usize,
    len: usize,
    to: Rounding,
    area: &Area,
) -> Range<usize> {
    let none = len..len;
    if from >= len {
        return none;
    }
    if let Some(at) = walk.shift(to) {
        return shifted(at, from, len, area);
    }
    let mut range = from..len;
    for axis in 0..2 {
        let (min, max) = (area.min[axis], area.max[axis]);
        let (first, last) = (range.start, range.end - 1);
        let below = [!walk.reaches(first, axis, min, to), !walk.reaches(last, axis, min, to)];
        let above = [walk.reaches(first, axis, max + 1, to), walk.reaches(last, axis, max + 1, to)];
        if below[0] && below[1] || above[0] && above[1] {
            return none;
        }
        // What begins below the area rises, as does what ends above it.
        let rising = below[0] || above[1];
        let (begins, ends) = (below[0] || above[0], below[1] || above[1]);
        let [enter, leave] = if rising { [min, max + 1] } else { [max + 1, min] };
        for (crosses, limit, end) in [(begins, enter, false), (ends, leave, true)] {
            if crosses {
                let at = walk.crossing(axis, limit, rising, &range, to);
                *(if end { &mut range.end } else { &mut range.start }) = at;
            }
        }
        if range.is_empty() {
            return none;
        }
    }
    range
}

/// The same where each pixel is one to the right of the last, from a position on.
#[inline]
pub(crate) fn shifted([x, y]: [Position; 2], from: usize, len: usize, area: &Area) -> Range<usize> {
    let first = area.min[0].saturating_sub(x.cell).max(from as i32);
    let end = area.max[0].saturating_sub(x.cell).saturating_add(1).min(len as i32);
    let there = (area.min[1]..=area.max[1]).contains(&y.cell) && first < end;
    if there { first as usize..end as usize } else { len..len }
}

/// What of a monotone walk is not beside an area, and what of that is interior of another one: `None` is an area
/// that nothing is beside. (An empty interior is at an end.)
#[inline]
pub(crate) fn parts<W: Walk>(
    walk: &W,
    len: usize,
    to: Rounding,
    inside: &Area,
    touching: Option<&Area>,
) -> [Range<usize>; 2] {
    let inner = interior(walk, 0, len, to, inside);
    let outer = match touching {
        Some(touching) if inner != (0..len) => interior(walk, 0, len, to, touching),
        _ => 0..len,
    };
    let within = |v: usize| v.max(outer.start).min(outer.end);
    [outer.clone(), within(inner.start)..within(inner.end)]
}

/// [`interior`] of a whole monotone walk, which is likely to be near that of the row above.
#[inline]
pub(crate) fn interior_near<W: Walk>(
    walk: &W,
    len: usize,
    to: Rounding,
    area: &Area,
    above: &Range<usize>,
) -> Range<usize> {
    if let Some(at) = walk.shift(to) {
        return shifted(at, 0, len, area);
    }
    near(above, len, |k| walk.is_in(k, to, area)).unwrap_or_else(|| interior(walk, 0, len, to, area))
}

/// The range of the places below `len` that are inside, all of which are beside each other: if it begins and ends at
/// most [`STEPS`] from where another range does that is not empty.
#[inline(always)]
fn near(other: &Range<usize>, len: usize, inside: impl Fn(usize) -> bool) -> Option<Range<usize>> {
    if other.is_empty() || other.end > len {
        return None;
    }
    let start = first_near(other.start, len, &inside)?;
    // The same from the other end.
    let rest = first_near(len - other.end, len, |k| inside(len - 1 - k))?;
    Some(start..len - rest)
}

/// The first place inside, if it is at most [`STEPS`] from this one.
#[inline(always)]
fn first_near(place: usize, len: usize, inside: impl Fn(usize) -> bool) -> Option<usize> {
    let mut at = place;
    if inside(at) {
        while at > 0 && inside(at - 1) {
            at -= 1;
            if at + STEPS < place {
                return None;
            }
        }
        return Some(at);
    }
    (at + 1..len.min(at + 1 + STEPS)).find(|&at| inside(at))
}

/// Further than this a row does not begin or end from where the one above does, or it is looked for anew.
const STEPS: usize = 2;

/// The spans of row after row, where coordinates are linear: what [`interior`] says of the areas of all and
/// of some of the taps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans {
    x: Crossings,
    y: Crossings,
    len: usize,
    /// Whether there is one tap, so that some inside are all.
    single: bool,
}

impl Spans {
    /// Of rows of `len` pixels on an image of this size, from the cells around which all taps are inside, and how many
    /// there are beside the first one. Halves are rounded up.
    #[inline(never)]
    pub(crate) fn new(
        inside: &Area,
        beside: usize,
        size: [usize; 2],
        len: usize,
        Frame { at, step, down }: &Frame,
        to: Rounding,
    ) -> Self {
        // The least coordinate in a cell.
        let limit = |cell: i32| (i64::from(cell) << 32).wrapping_sub(1 << (31 - to.bits));
        let axis = |i: usize| {
            // (Some are within so many cells around them.)
            let (min, max) = (inside.min[i] - beside as i32, inside.max[i] + beside as i32);
            let (min, max) = (limit(min), limit(max + 1));
            Crossings::new([min, max], at[i], step[i], down[i], [beside, size[i], size[i] + beside])
        };
        Self { x: axis(0), y: axis(1), len, single: beside == 0 }
    }

    /// Those of the next row: of the pixels of which some tap may be inside (empty if there are none), and
    /// within it of those of which all are (empty at its end if there are none).
    #[inline]
    pub(crate) fn next(&mut self) -> (Range<usize>, Range<usize>) {
        let len = self.len;
        let (x, y) = (self.x.next(len, self.single), self.y.next(len, self.single));
        let touching = x[0].max(y[0])..x[3].min(y[3]);
        let inner = x[1].max(y[1])..x[2].min(y[2]);
        if touching.is_empty() {
            (0..0, 0..0)
        } else if inner.is_empty() {
            (touching.clone(), touching.end..touching.end)
        } else {
            (touching, inner)
        }
    }
}

/// Where one coordinate crosses four limits on its way along a row: into the cells with some tap inside, into
/// those with all, out of these, and out of those. They are quotients by one divisor.
#[derive(Clone, Copy, Debug)]
struct Crossings {
    /// The divisor; 1 where the coordinate is the same all along.
    step: i64,
    constant: bool,
    /// The first one as quotient and remainder, and what is to be added for the next row.
    first: [i64; 2],
    down: [i64; 2],
    /// What is to be added for the others.
    others: [[i64; 2]; 3],
}

impl Crossings {
    /// Of the cells from one limit to another, by a coordinate in the first pixel; the other limits are so
    /// many cells behind the one that comes first.
    #[inline(never)]
    fn new([min, max]: [i64; 2], at: i64, step: i64, down: i64, cells: [usize; 3]) -> Self {
        let constant = step == 0;
        // The first pixel at or above a limit; or on the way down, below it.
        let (first, step, down) = if step >= 0 {
            let step = step.max(1);
            (min.wrapping_sub(at).wrapping_add(step - 1), step, down.wrapping_neg())
        } else {
            (at.wrapping_sub(max).wrapping_sub(step), step.wrapping_neg(), down)
        };
        let [a, b, c] = cells.map(|cells| (cells as i64) << 32);
        let mut divided = [[0; 2]; 5];
        for (n, divided) in [first, down, a, b, c].into_iter().zip(&mut divided) {
            // (Often there are no cells between.)
            if n != 0 {
                let quotient = floor_div(n, step);
                *divided = [quotient, n.wrapping_sub(quotient.wrapping_mul(step))];
            }
        }
        let [mut first, down, others @ ..] = divided;
        // One row back.
        first = [first[0].wrapping_sub(down[0]), first[1].wrapping_sub(down[1])];
        if first[1] < 0 {
            first = [first[0].wrapping_sub(1), first[1].wrapping_add(step)];
        }
        Self { step, constant, first, down, others }
    }

    /// The sum of two numbers, as quotient and remainder.
    #[inline(always)]
    fn add(&self, a: [i64; 2], b: [i64; 2]) -> [i64; 2] {
        let (quotient, remainder) = (a[0].wrapping_add(b[0]), a[1].wrapping_add(b[1]));
        if remainder >= self.step {
            [quotient.wrapping_add(1), remainder.wrapping_sub(self.step)]
        } else {
            [quotient, remainder]
        }
    }

    /// Those of the next row, as pixels of `0..=len`.
    #[cfg_attr(thumb, inline(never))]
    #[cfg_attr(not(thumb), inline)]
    fn next(&mut self, len: usize, single: bool) -> [usize; 4] {
        self.first = self.add(self.first, self.down);
        let pixel = |[quotient, _]: [i64; 2]| {
            // (Along a constant coordinate, it is beyond the limit or it is not.)
            if quotient <= 0 {
                0
            } else if self.constant || quotient >= len as i64 {
                len
            } else {
                quotient as usize
            }
        };
        let first = pixel(self.first);
        let mut pixels = [first; 4];
        let mut last = first;
        for (i, (out, &other)) in pixels.iter_mut().skip(1).zip(&self.others).enumerate() {
            // (With one tap, all are inside where some are, of which the first and the last are told.)
            if !(single && i != 1) {
                last = pixel(self.add(self.first, other));
            }
            *out = last;
        }
        pixels
    }
}

/// The first index of the range for which `before` no longer holds.
#[inline]
pub(crate) fn bisect(range: &Range<usize>, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Bilinear, Cubic, Nearest, rounding};

    /// The spans of rows are those that testing every pixel gives.
    fn rows<K: Kernel>() {
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 33) % below
        };
        let to = rounding::<K, u8>();
        let (mut some, mut inside) = (0, 0);
        for _ in 0..2000 {
            let size = [1 + random(9) as usize, 1 + random(9) as usize];
            let (len, height) = (1 + random(12) as usize, 1 + random(6) as usize);
            // Whole numbers, halves, eighths, and any; often none.
            let mut number = |limit: i64| {
                let shift = [32, 31, 29, 16, 0][random(5) as usize];
                let v = (random(1 << 31) as i64 - (1 << 30)) % ((limit << 32 >> shift) + 1);
                if random(4) == 0 { 0 } else { (v << shift) + if random(3) == 0 { -1 } else { 0 } }
            };
            let mut pair = |limit: i64| [number(limit), number(limit)];
            let frame = Frame { at: pair(10), step: pair(3), down: pair(3) };
            let area = Area::new::<K>(size[0], size[1]);
            let mut spans = Spans::new(&area, support::<K>() - 1, size, len, &frame, to);
            for y in 0..height {
                let cells = |x: usize| frame.at(x, y).map(|v| round_coordinate(v, to));
                let of = |area: Area| {
                    let mut all = (0..len).filter(|&x| area.contains(cells(x)));
                    let first = all.next();
                    first.map(|first| first..all.next_back().unwrap_or(first) + 1)
                };
                let touching = of(Area::touching::<K>(size[0], size[1]));
                let inner = of(Area::new::<K>(size[0], size[1]));
                (some, inside) =
                    (some + usize::from(touching.is_some()), inside + usize::from(inner.is_some()));
                let touching = touching.unwrap_or(0..0);
                let inner = inner.unwrap_or(touching.end..touching.end);
                assert_eq!(spans.next(), (touching, inner), "{size:?} {len} {frame:?} {y}");
            }
        }
        assert!(some > 1000 && inside > 20 && inside <= some);
    }

    #[test]
    fn near_ranges() {
        let ranges = |len: usize| (0..len).flat_map(move |a| (a + 1..=len).map(move |b| a..b));
        for len in 1..9 {
            for (own, other) in ranges(len).flat_map(|own| ranges(9).map(move |other| (own.clone(), other))) {
                let found = near(&other, len, |k| {
                    assert!(k < len);
                    own.contains(&k)
                });
                if let Some(found) = &found {
                    assert_eq!(*found, own);
                }
                // It is found where it has more than one place, one of them in the other range.
                let meet = own.start < other.end && other.start < own.end && own.len() > 1;
                let beside = |a: usize, b: usize| a.abs_diff(b) <= STEPS;
                if meet && other.end <= len && beside(own.start, other.start) && beside(own.end, other.end) {
                    assert!(found.is_some(), "{own:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn rows_of_spans() {
        rows::<Nearest>();
        rows::<Bilinear>();
        rows::<Cubic<-8192>>();
    }
}
