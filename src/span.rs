//! Which pixels of a run are interior: all of their taps lie inside the source.
//!
//! In: a monotone walk and the area of admissible cells. Out: the exact range of pixels. Each
//! coordinate crosses a bound once; where, is a division for an affine walk, and found by bisection
//! on the walk's own positions for others: the result equals testing every pixel, with no second
//! rounding rule that could disagree with the first. (A walk that is not monotone is tested block
//! by block as it is drawn.)
#![forbid(unsafe_code)]

use core::ops::Range;

use crate::fixed::{Position, Rounding};
use crate::kernel::{Kernel, first_tap, support};
use crate::simd::Lanes;
use crate::walk::Walk;

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
    if from == 0 && walk.inside(len, to, area) {
        return 0..len;
    }
    let mut range = from..len;
    for axis in 0..2 {
        let (min, max) = (area.min[axis], area.max[axis]);
        let ends = [range.start, range.end - 1].map(|k| walk.at(k));
        let below = ends.each_ref().map(|end| !end.reaches(axis, min, to));
        let above = ends.each_ref().map(|end| end.reaches(axis, max + 1, to));
        if below == [true; 2] || above == [true; 2] {
            return none;
        }
        if below == [false; 2] && above == [false; 2] {
            continue;
        }
        let [first, last] = ends.map(|end| end.position(to).get(axis).map_or(0, |p| p.cell));
        range = if first <= last {
            walk.crossing(axis, min, true, &range, to)..walk.crossing(axis, max + 1, true, &range, to)
        } else {
            walk.crossing(axis, max + 1, false, &range, to)..walk.crossing(axis, min, false, &range, to)
        };
        if range.is_empty() {
            return none;
        }
    }
    range
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
