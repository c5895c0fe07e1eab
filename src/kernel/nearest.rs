//! The nearest pixel.
#![forbid(unsafe_code)]

use super::Kernel;
use crate::fixed::Weight;

/// The integer sampling kernel: the pixel at `floor(x + 1/2)`, `floor(y + 1/2)` (Jaderberg et al.
/// 2015, eq. 4). Copies pixels, so labels stay labels.
///
/// Its derivative with respect to the coordinates is zero almost everywhere, and zero is what its
/// partials are; [`Surrogate`](super::Surrogate) gives it others. Its adjoint is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nearest;

impl Kernel for Nearest {
    type Taps<T: Copy> = [T; 1];

    #[inline(always)]
    fn weights<W: Weight>(&self, _: W) -> [W; 1] {
        [W::one()]
    }
    #[inline(always)]
    fn slopes<W: Weight>(&self, _: W) -> [W; 1] {
        [W::zero()]
    }
}

/// [`Nearest`] with ties to the even pixel: at a coordinate halfway between two pixels, the one of
/// even index, as PyTorch and ONNX round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NearestEven;

impl Kernel for NearestEven {
    type Taps<T: Copy> = [T; 1];
    const TIES_TO_EVEN: bool = true;

    #[inline(always)]
    fn weights<W: Weight>(&self, f: W) -> [W; 1] {
        Nearest.weights(f)
    }
    #[inline(always)]
    fn slopes<W: Weight>(&self, f: W) -> [W; 1] {
        Nearest.slopes(f)
    }
}
