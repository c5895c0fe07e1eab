//! Which pixels of the fixed image have all their taps in the moving one.
//!
//! In: the plan of a transform and the area of an interpolation. Out: runs of a row, each with its walk and what of it
//! is inside; and what is kept of that from pass to pass, so that a pass need only sum what has changed.
#![forbid(unsafe_code)]

use core::marker::PhantomData;
use core::ops::Range;

use super::Grey;
use super::normal::to;
use crate::span::{self, Area};
use crate::walk::{Plan, RUN, Runs, Walk};

/// What to add to a range, and to take away (true), so that it becomes another.
pub(super) fn changes(from: &Range<usize>, to: &Range<usize>) -> [(Range<usize>, bool); 2] {
    if from.end.min(to.end) <= from.start.max(to.start) {
        return [(from.clone(), true), (to.clone(), false)];
    }
    let between = |a: usize, b: usize| a.min(b)..a.max(b);
    [(between(from.start, to.start), from.start < to.start), (between(from.end, to.end), to.end < from.end)]
}

/// What was inside of the first run of the row above, and of the last one.
type Above = [Range<usize>; 2];

/// Before the first row.
pub(super) const NONE_ABOVE: Above = [0..0, 0..0];

/// Where a transform finds all taps inside the moving image.
pub(super) struct Support<'a, N> {
    pub(super) plan: &'a N,
    pub(super) area: Area,
}

impl<N: Plan> Support<'_, N> {
    /// The runs of a stretch of row `y`: the columns of each, its walk, and those of them that
    /// are inside, which are likely to be near those that were so in the row above.
    #[inline(always)]
    pub(super) fn runs<'a, P: Grey>(
        &'a self,
        y: usize,
        columns: Range<usize>,
        above: &'a mut Above,
    ) -> InsideRuns<'a, N, P> {
        // Between two runs that begin and end inside, all are.
        let middle = columns.start + RUN..columns.end.saturating_sub(RUN);
        let within = !middle.is_empty() && self.plan.inside(y, middle.clone(), &self.area);
        let (begin, middle) = (columns.start, if within { middle } else { 0..0 });
        InsideRuns {
            area: &self.area,
            runs: self.plan.part(y, columns),
            begin,
            middle,
            above,
            kind: PhantomData,
        }
    }
}

/// See [`Support::runs`].
pub(super) struct InsideRuns<'a, N, P> {
    area: &'a Area,
    runs: Runs<'a, N>,
    /// Where the first one begins.
    begin: usize,
    /// Columns that are known to be inside.
    middle: Range<usize>,
    above: &'a mut Above,
    kind: PhantomData<P>,
}

impl<N: Plan, P: Grey> Iterator for InsideRuns<'_, N, P> {
    type Item = (Range<usize>, N::Walk, Range<usize>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (x, walk, len) = self.runs.next()?;
        let run = x..x + len;
        if self.middle.start <= x && run.end <= self.middle.end {
            return Some((run.clone(), walk, run));
        }
        let [first, others] = &mut *self.above;
        let near = if x == self.begin { first } else { others };
        let range = inside::<P, _>(&walk, len, self.area, near);
        Some((run, walk, x + range.start..x + range.end))
    }
}

/// The pixels of a run that are inside, near others, which they replace. (A run across a homography's pole does not
/// count: its images are far apart.)
#[cfg_attr(thumb, inline(never))]
pub(super) fn inside<P: Grey, W: Walk>(
    walk: &W,
    len: usize,
    area: &Area,
    near: &mut Range<usize>,
) -> Range<usize> {
    if !walk.monotone(len) {
        return len..len;
    }
    *near = span::interior_near(walk, len, to::<P>(), area, near);
    near.clone()
}

/// The support of a pass, and what is kept of it and of the last one's.
pub(super) struct Supports<'a, N, P> {
    pub(super) now: Support<'a, N>,
    pub(super) kept: Kept<'a, P>,
}

/// How many elements are kept for a row: of two passes where its pixels begin and end that count, in bytes.
pub(super) const KEPT: usize = 8;

type Bytes<P> = [P; KEPT / 2];

/// Which pixels of each row count, an interval: those of the pass whose sums are taken over, and of this one.
pub(super) struct Kept<'a, P> {
    pub(super) rows: &'a mut [P],
    /// The first of the rows.
    pub(super) first: usize,
    /// Whether sums are taken over.
    pub(super) known: bool,
}

impl<P: Grey> Kept<'_, P> {
    /// Of row `y`, by stretches of which the first one begins in column zero.
    #[inline(always)]
    pub(super) fn row(&mut self, y: usize, column: usize) -> KeptRow<'_, P> {
        let at = KEPT * (y - self.first);
        let place = self.rows.get_mut(at..).and_then(|rows| rows.as_chunks_mut().0.first_chunk_mut());
        let mut row = KeptRow { before: 0..0, now: 0..0, joined: place.is_some(), place: None };
        if let Some([before, now]) = place {
            let interval = |&[a, b, c, d]: &Bytes<P>| {
                let byte = |v: P| Into::<i32>::into(v) as usize;
                byte(a) | byte(b) << 8..byte(c) | byte(d) << 8
            };
            if column == 0 {
                *before = *now;
            } else {
                row.now = interval(now);
            }
            if self.known {
                row.before = interval(before);
            }
            row.place = Some(now);
        }
        row
    }
}

/// Those of one row.
pub(super) struct KeptRow<'a, P> {
    before: Range<usize>,
    now: Range<usize>,
    /// Whether all of this pass are one interval.
    joined: bool,
    place: Option<&'a mut Bytes<P>>,
}

impl<P: Grey> KeptRow<'_, P> {
    /// Takes those of a run that count now. Out: those of it that did before.
    #[inline(always)]
    pub(super) fn replace(&mut self, run: &Range<usize>, now: &Range<usize>) -> Range<usize> {
        if self.now.is_empty() {
            self.now = now.clone();
        } else if !now.is_empty() {
            self.joined &= self.now.end == now.start;
            self.now.end = now.end;
        }
        let start = self.before.start.max(run.start);
        start..self.before.end.min(run.end).max(start)
    }

    /// Keeps them for the next pass: whether it can take them over.
    #[inline(always)]
    pub(super) fn finish(self) -> bool {
        if let Some(place) = self.place {
            // (A side has at most 2^15 pixels.)
            let byte = |v: usize| P::from(v as u8);
            let Range { start, end } = self.now;
            *place = [byte(start), byte(start >> 8), byte(end), byte(end >> 8)];
        }
        self.joined
    }
}

/// Room for what is kept of all rows. A copy of an aligner has none, and takes nothing over.
#[derive(Debug, Default)]
pub(super) struct Room<'a, P>(pub(super) &'a mut [P]);

impl<P> Clone for Room<'_, P> {
    fn clone(&self) -> Self {
        Self(&mut [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_ranges() {
        let ranges = || (0..6_usize).flat_map(|a| (a..6).map(move |b| a..b));
        for from in ranges() {
            for to in ranges() {
                let mut counts = [0_i32; 6];
                from.clone().for_each(|i| counts[i] += 1);
                for (range, less) in changes(&from, &to) {
                    range.for_each(|i| counts[i] += if less { -1 } else { 1 });
                }
                for (i, count) in counts.into_iter().enumerate() {
                    assert_eq!(count, i32::from(to.contains(&i)), "{from:?} {to:?}");
                }
            }
        }
    }
}
