//! Samples of a shifted image, where there is one lane: rows of them that share what they can.
//!
//! In: the moving image, and walks of a translation along one row after the other. Out: samples. All
//! positions have the same fractions, so a row of the image is filtered along x once, and what comes of
//! it serves all the rows that need it. (Linear samples of bytes have loops of their own where there is the DSP
//! extension.)
#![forbid(unsafe_code)]

use core::ops::Range;

use super::Grey;
use crate::fixed::Position;
use crate::image::Image;
use crate::kernel::{Array, Kernel, Lagrange, first_tap, support};

/// The most columns that are sampled at a time.
pub(super) const STRIP: usize = 32;
/// The most rows that a kernel needs.
const ROWS: usize = support::<Lagrange>();

/// The rows of an image that have been filtered last, each at the place that its number leaves.
pub(super) struct Rows<P: Grey> {
    rows: [[P::Mid; STRIP]; ROWS],
    /// Which they are.
    have: Range<usize>,
    /// Where along x they begin, how many samples they are for, and the fraction along y.
    at: (Position, usize, u32),
    /// The weights along both axes there.
    weights: [[P::Weight; ROWS]; 2],
}

impl<P: Grey> Rows<P> {
    pub(super) fn new() -> Self {
        let weight = P::fraction(0);
        let zero = P::horizontal(&[P::default()], &[weight]);
        let at = (Position { cell: 0, fraction: 0 }, 0, 0);
        Self { rows: [[zero; STRIP]; ROWS], have: 0..0, at, weights: [[weight; ROWS]; 2] }
    }

    /// Samples from a position on, at most [`STRIP`]. All taps have to be in the image; kernel and image are
    /// the same for all calls.
    #[inline(always)]
    pub(super) fn sample<K: Kernel>(
        &mut self,
        kernel: &K,
        image: &Image<'_, P>,
        [x, y]: [Position; 2],
        samples: &mut [P::Fine],
    ) {
        let at = (x, samples.len(), y.fraction);
        if self.at != at {
            (self.at, self.have) = (at, 0..0);
            for (weights, p) in self.weights.iter_mut().zip([x, y]) {
                let found = kernel.weights(P::fraction(p.fraction));
                weights.iter_mut().zip(found.as_ref()).for_each(|(weight, found)| *weight = *found);
            }
        }
        let weights =
            self.weights.each_ref().map(|weights| weights.get(..support::<K>()).unwrap_or_default());
        let [Some(along), Some(down)] = weights.map(K::Taps::<P::Weight>::from_slice) else { return };
        let first = |p: Position| p.cell.wrapping_add(first_tap::<K>()) as usize;
        let (left, top) = (first(x), first(y));
        for y in (top..top + support::<K>()).filter(|y| !self.have.contains(y)) {
            let row = image.row(y).get(left..).unwrap_or_default();
            let Some(filtered) = self.rows.get_mut(y % ROWS) else { return };
            for (out, taps) in filtered.iter_mut().zip(row.windows(support::<K>())).take(samples.len()) {
                if let Some(taps) = K::Taps::<P>::from_slice(taps) {
                    *out = P::horizontal(&taps, &along);
                }
            }
        }
        self.have = top..top + support::<K>();
        let [any, ..] = &self.rows;
        let rows = K::Taps::<&[P::Mid; STRIP]>::from_fn(|j| self.rows.get((top + j) % ROWS).unwrap_or(any));
        let rows = rows.as_ref();
        for (x, sample) in samples.iter_mut().enumerate().take(STRIP) {
            let column = K::Taps::<P::Mid>::from_fn(|j| rows.get(j).map_or(any[0], |row| row[x]));
            *sample = P::finish(P::vertical(&column, &down));
        }
    }
}
