//! Cubic convolution over four pixels of each axis.
#![forbid(unsafe_code)]

use super::{Kernel, Smooth};
use crate::fixed::Weight;

/// Cubic convolution (Keys 1981, eq. 4, with his a in hundredths) over the 4x4 pixels around a
/// position.
///
/// | kernel | also known as |
/// |---|---|
/// | `Cubic<-50>` | Catmull-Rom spline, Keys' own choice: exact for quadratic images |
/// | `Cubic<-75>` | bicubic of OpenCV, PyTorch and ONNX |
///
/// A is from -100 to 0. The interpolant and its partials are continuous, its curvatures have two
/// sides at lattice points (there they are those of the cell to the right and below).
///
/// **Definition.** With a = A/100 and g = 1 - f, in [`Weight`] arithmetic and this order, where
/// `p = (4f)(4g)`, `u = p f`, `v = p - u` (16 times fg, ffg and fgg) and `h = 1/16 (u - v)`:
///
/// | tap | weight | slope | curvature |
/// |---|---|---|---|
/// | -1 | `a/16 v` | `a/4 dv` | `a ddv` |
/// | 0 | `g - h - (a/16 u)` | `-1 - dh - (a/4 du)` | `-ddh - (a ddu)` |
/// | 1 | `f + h - (a/16 v)` | `1 + dh - (a/4 dv)` | `ddh - (a ddv)` |
/// | 2 | `a/16 u` | `a/4 du` | `a ddu` |
///
/// with `q = (2f)(2f)`, `du = 8f - 2q - q`, `dv = 4 - 8f - du` (4 times the derivatives of ffg and fgg), `dh =
/// 1/4 (du - dv)`, `ddu = 2 - 6f`, `ddv = 6f - 4`, `ddh = 6 - 12f`. Weights in Q14 are within 1.1
/// units of the real ones, the outer two within 0.54.
///
/// ```
/// use nonius::{Boundary, Cubic, Image, Sampler};
/// let squares = Image::new(&[0u8, 1, 4, 9, 16, 25, 36, 49], 8, 1)?;
/// let sampler = Sampler::new(Cubic::<-50>, Boundary::Replicate);
/// assert_eq!(sampler.sample(squares, 4.5, 0), Some(20)); // 20.25
/// assert_eq!(sampler.partials(squares, 4.5, 0).0, 9 << 14);
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cubic<const A: i32>;

impl<const A: i32> Cubic<A> {
    /// a in Q30.
    const Q30: i32 = {
        assert!(-100 <= A && A <= 0, "a is from -1 to 0");
        ((A as i64 * (1 << 30)) / 100) as i32
    };
}

/// The same number twice.
#[inline(always)]
fn twice<W: Weight>(v: W) -> W {
    v + v
}

/// The four taps, from f and 1 - f (or their derivatives), h, and a times fgg and ffg.
#[inline(always)]
fn taps<W: Weight>(f: W, g: W, h: W, av: W, au: W) -> [W; 4] {
    [av, g - h - au, f + h - av, au]
}

impl<const A: i32> Kernel for Cubic<A> {
    type Taps<T: Copy> = [T; 4];

    #[inline(always)]
    fn weights<W: Weight>(&self, f: W) -> [W; 4] {
        let (a, g) = (W::constant(Self::Q30 / 16), W::one() - f);
        let p = twice(twice(f)) * twice(twice(g));
        let u = p * f;
        let v = p - u;
        taps(f, g, W::constant(1 << 26) * (u - v), a * v, a * u)
    }
    #[inline(always)]
    fn slopes<W: Weight>(&self, f: W) -> [W; 4] {
        let (a, one) = (W::constant(Self::Q30 / 4), W::one());
        let (ff, f8) = (twice(f) * twice(f), twice(twice(twice(f))));
        let du = f8 - twice(ff) - ff;
        let dv = twice(twice(one)) - f8 - du;
        taps(one, W::zero() - one, W::constant(1 << 28) * (du - dv), a * dv, a * du)
    }
}

impl<const A: i32> Smooth for Cubic<A> {
    #[inline(always)]
    fn curvatures<W: Weight>(&self, f: W) -> [W; 4] {
        let (a, two) = (W::constant(Self::Q30), twice(W::one()));
        let f6 = twice(twice(f) + f);
        let (ddu, ddv) = (two - f6, f6 - twice(two));
        taps(W::zero(), W::zero(), ddu - ddv, a * ddv, a * ddu)
    }
}
