//! Positions that are stored: those of some pixels of a row, computed once for all planes of a batch.
//!
//! In: the steps of a walk, coordinates in `f32`, or one position after the other. Out: the same
//! positions as steps ([`KnownSteps`]), as often as they are needed.

use core::convert::Infallible;

use super::lanes::Lanes;
use super::steps::{Positions, Steps};
use crate::fixed::{Position, Rounding};
use crate::kernel::Array;

/// How many are stored: whole blocks of every backend. A few hundred bytes for a microcontroller; where
/// there are registers to fill so many that blocks do not wait for each other's way through memory.
/// No result depends on it.
pub(crate) const PLACES: usize = if cfg!(wide) { 128 } else { 32 };
/// Blocks of the narrowest registers in so many.
const BLOCKS: usize = if cfg!(wide) { PLACES / 4 } else { 0 };

/// Positions of up to [`PLACES`] pixels; x before y.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    cell: [[i32; PLACES]; 2],
    fraction: [[i32; PLACES]; 2],
    /// The least and the greatest cells of whole blocks, where those are known.
    bounds: [[[i32; 2]; 2]; BLOCKS],
    /// Pixels of such a block; zero, where they are not known.
    block: usize,
}

impl Places {
    /// Positions at the origin.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { cell: [[0; PLACES]; 2], fraction: [[0; PLACES]; 2], bounds: [[[0; 2]; 2]; BLOCKS], block: 0 }
    }

    /// Sets one position.
    #[inline(always)]
    pub(crate) fn set(&mut self, k: usize, at: [Position; 2]) {
        self.block = 0;
        let axes = self.cell.iter_mut().zip(&mut self.fraction);
        for ((cells, fractions), at) in axes.zip(at) {
            if let (Some(cell), Some(fraction)) = (cells.get_mut(k), fractions.get_mut(k)) {
                (*cell, *fraction) = (at.cell, at.fraction as i32);
            }
        }
    }

    /// One position.
    #[inline(always)]
    pub(crate) fn get(&self, k: usize) -> [Position; 2] {
        let at = |axis: usize| {
            let get = |of: &[[i32; PLACES]; 2]| of.get(axis).and_then(|v| v.get(k)).copied().unwrap_or(0);
            Position { cell: get(&self.cell), fraction: get(&self.fraction) as u32 }
        };
        [at(0), at(1)]
    }

    /// The first `len` positions, and what completes their last block, from steps.
    #[inline(always)]
    pub(crate) fn step<L: Lanes>(&mut self, steps: &mut impl Steps<L>, len: usize) {
        for k in (0..len).step_by(L::LEN) {
            let at = steps.next();
            for axis in 0..2 {
                self.store::<L>(axis, k, at.cell[axis], at.fraction[axis]);
            }
            self.bound(k / L::LEN, [at.min, at.max]);
        }
        self.block = L::LEN;
    }

    /// As many from coordinates within 2^29 px, none of which is NaN.
    #[inline(always)]
    pub(crate) fn read<L: Lanes>(&mut self, coordinates: &[[f32; PLACES]; 2], len: usize, to: Rounding) {
        for k in (0..len).step_by(L::LEN) {
            let mut bounds = [[0; 2]; 2];
            for (axis, coordinates) in coordinates.iter().enumerate() {
                let Some(v) = coordinates.get(k..k + L::LEN).and_then(L::Array::from_slice) else { return };
                let v = L::f32(v);
                let (cell, fraction) =
                    if to.ties_to_even { (L::round_even(v), L::splat(0)) } else { L::round(v, to.bits) };
                self.store::<L>(axis, k, cell, fraction);
                let (min, max) = L::bounds(cell);
                (bounds[0][axis], bounds[1][axis]) = (min, max);
            }
            self.bound(k / L::LEN, bounds);
        }
        self.block = L::LEN;
    }

    #[inline(always)]
    fn bound(&mut self, block: usize, bounds: [[i32; 2]; 2]) {
        if let Some(to) = self.bounds.get_mut(block) {
            *to = bounds;
        }
    }

    #[inline(always)]
    fn store<L: Lanes>(&mut self, axis: usize, k: usize, cell: L::I32, fraction: L::I32) {
        for (to, v) in [(&mut self.cell, cell), (&mut self.fraction, fraction)] {
            let out = to.get_mut(axis).and_then(|axis| axis.get_mut(k..k + L::LEN)).unwrap_or_default();
            for (out, &v) in out.iter_mut().zip(L::i32_array(v).as_ref()) {
                *out = v;
            }
        }
    }
}

/// Stored positions, from the k-th on.
#[derive(Clone, Copy, Debug)]
pub struct KnownSteps<'a> {
    pub(crate) places: &'a Places,
    pub(crate) k: usize,
}

impl<L: Lanes> Steps<L> for KnownSteps<'_> {
    #[inline(always)]
    fn next(&mut self) -> Positions<L> {
        let k = self.k;
        self.k += L::LEN;
        let load = |axis: &[i32; PLACES]| Some(L::i32(L::Array::from_slice(axis.get(k..k + L::LEN)?)?));
        let ([x, y], [fx, fy]) = (&self.places.cell, &self.places.fraction);
        let (Some(x), Some(y), Some(fx), Some(fy)) = (load(x), load(y), load(fx), load(fy)) else {
            // Some are beyond the last one.
            let (mut k, places) = (k, self.places);
            return Positions::gather(|| {
                k += 1;
                places.get(k - 1)
            });
        };
        // (The rest of a run is stepped along by other lanes.)
        let whole = self.places.block == L::LEN && k.is_multiple_of(L::LEN);
        let known = if whole { self.places.bounds.get(k / L::LEN) } else { None };
        if let Some(&[min, max]) = known {
            return Positions { cell: [x, y], fraction: [fx, fy], min, max };
        }
        let ((x0, x1), (y0, y1)) = (L::bounds(x), L::bounds(y));
        Positions { cell: [x, y], fraction: [fx, fy], min: [x0, y0], max: [x1, y1] }
    }

    type Near = Infallible;

    #[inline(always)]
    fn near(&self) -> (Option<Infallible>, usize) {
        (None, usize::MAX)
    }
}
