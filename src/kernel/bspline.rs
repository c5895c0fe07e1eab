//! The cubic B-spline over four coefficients of each axis.
#![forbid(unsafe_code)]

use super::{Kernel, Smooth, ratio};
use crate::fixed::Weight;

/// The cubic B-spline (Unser et al. 1993) over the 4x4 [`Coefficient`](crate::spline::Coefficient)s
/// around a position. On the coefficients of an image, which
/// [`prefilter`](crate::Sampler::prefilter) computes, it interpolates: lattice points are those of
/// the image. On an image itself it smooths. Value, partials and curvatures are continuous.
///
/// **Definition.** With g = 1 - f, `F = (2f)(2f)`, `G = (2g)(2g)`, `u = F f`, `v = G g` (4 times
/// the squares and cubes) in [`Weight`] arithmetic, with
/// fractions rounded half up to Q30 first:
///
/// | tap | weight | slope | curvature |
/// |---|---|---|---|
/// | -1 | `1/24 v` | `-(1/8 G)` | `g` |
/// | 0 | what is left | what is left | what is left |
/// | 1 | `2/3 + 1/8 (v - G - G)` | `g + g - 3/8 G` | `1 - f - f - f` |
/// | 2 | `1/24 u` | `1/8 F` | `f` |
///
/// ```
/// use nonius::spline::Coefficient;
/// use nonius::{BSpline, Boundary, Image, ImageMut, Sampler};
/// let image = Image::new(&[10u8, 200, 30, 40, 50, 60], 3, 2)?;
/// let mut coefficients = [Coefficient::<u8>::default(); 6];
/// let sampler = Sampler::new(BSpline, Boundary::Reflect101);
/// sampler.prefilter(image, &mut ImageMut::new(&mut coefficients, 3, 2)?)?;
/// let coefficients = Image::new(&coefficients, 3, 2)?;
/// assert_eq!(sampler.sample(coefficients, 1, 0), Some(200));
/// assert_eq!(sampler.sample(coefficients, 0.5, 0), Some(103));
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BSpline;

/// Three taps and what they leave of a sum.
#[inline(always)]
fn taps<W: Weight>(sum: W, left: W, right: W, last: W) -> [W; 4] {
    [left, sum - left - right - last, right, last]
}

impl Kernel for BSpline {
    type Taps<T: Copy> = [T; 4];

    #[inline(always)]
    fn weights<W: Weight>(&self, f: W) -> [W; 4] {
        let g = W::one() - f;
        let (ff, gg) = ((f + f) * (f + f), (g + g) * (g + g));
        let (u, v) = (ff * f, gg * g);
        let outer = W::constant(const { ratio(1, 24) });
        let eighth = W::constant(const { ratio(1, 8) });
        let right = W::constant(const { ratio(2, 3) }) + eighth * (v - gg - gg);
        taps(W::one(), outer * v, right, outer * u)
    }
    #[inline(always)]
    fn slopes<W: Weight>(&self, f: W) -> [W; 4] {
        let g = W::one() - f;
        let (ff, gg) = ((f + f) * (f + f), (g + g) * (g + g));
        let eighth = W::constant(const { ratio(1, 8) });
        let right = g + g - W::constant(const { ratio(3, 8) }) * gg;
        taps(W::zero(), W::zero() - eighth * gg, right, eighth * ff)
    }
}

impl Smooth for BSpline {
    #[inline(always)]
    fn curvatures<W: Weight>(&self, f: W) -> [W; 4] {
        let g = W::one() - f;
        taps(W::zero(), g, W::one() - f - f - f, f)
    }
}
