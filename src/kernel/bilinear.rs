//! Linear interpolation between two pixels of each axis.
#![forbid(unsafe_code)]

use super::Kernel;
use crate::fixed::Weight;

/// Bilinear interpolation over the 2x2 pixels around a position: taps `floor(x)` and
/// `floor(x) + 1` with weights 1 - f and f (Jaderberg et al. 2015, eq. 5).
///
/// The partials are the slope of the cell to the right of and below the position: at a lattice
/// point, where the derivative has two sides, they are the right derivative. (Equation 7 of the
/// paper, read literally, is not: there it counts both neighbours with one sign.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bilinear;

impl Kernel for Bilinear {
    type Taps<T: Copy> = [T; 2];
    const LINEAR: bool = true;

    #[inline(always)]
    fn weights<W: Weight>(&self, f: W) -> [W; 2] {
        [W::one() - f, f]
    }
    #[inline(always)]
    fn slopes<W: Weight>(&self, _: W) -> [W; 2] {
        [W::zero() - W::one(), W::one()]
    }
}
