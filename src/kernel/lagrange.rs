//! Lagrange interpolation over six pixels of each axis.
#![forbid(unsafe_code)]

use super::{Kernel, ratio};
use crate::fixed::Weight;

/// The polynomial of degree five through the six pixels around a position, along each axis: exact
/// for images that are such polynomials.
///
/// What counts for alignment is where an interpolation sees a pattern. Of a wave of 0.1 (0.2) cycles
/// per pixel that is wrong by at most 0.00005 (0.0023) px, with [`Bilinear`](super::Bilinear) and
/// Catmull-Rom alike 0.0064 (0.0275), with [`Lanczos<4>`](super::Lanczos) 0.0025 (0.0035), with
/// [`BSpline`](super::BSpline) 0.0001 (0.0025). The interpolant is continuous, its derivatives jump
/// at lattice points.
///
/// **Definition.** With g = 1 - f, `C = (2f)(2g)`, `T = C C`, `a = 4/15 C + 1/30 T`,
/// `b = 1/2 C + 1/48 T`, `m = 1/6 C + 1/192 T` in [`Weight`] arithmetic, and their derivatives by f, of
/// `D = 4 - 8f` and `E = C D`: `da = 4/15 D + 1/15 E`, `db = 1/2 D + 1/24 E`, `dm = 1/6 D + 1/96 E`:
///
/// | tap | weight | slope |
/// |---|---|---|
/// | -2 | `1/64 (a (2 + g))` | `1/64 (da (2 + g) - a)` |
/// | -1 | `-(1/8 (b (1 + g)))` | `-(1/8 (db (1 + g) - b))` |
/// | 0 | what is left of one | what is left of zero |
/// | 1 | `f + m f` | `1 + dm f + m` |
/// | 2 | `-(1/8 (b (1 + f)))` | `-(1/8 (db (1 + f) + b))` |
/// | 3 | `1/64 (a (2 + f))` | `1/64 (da (2 + f) + a)` |
///
/// ```
/// use nonius::{Boundary, Image, Lagrange, Sampler};
/// let cubes = Image::new(&[0u16, 1, 8, 27, 64, 125, 216], 7, 1)?;
/// let sampler = Sampler::new(Lagrange, Boundary::Replicate);
/// assert_eq!(sampler.sample(cubes, 3.5, 0), Some(43)); // 42.875
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lagrange;

/// `sum` but for what the five others take of it.
#[inline(always)]
fn taps<W: Weight>(sum: W, [p, q, r, s, t]: [W; 5]) -> [W; 6] {
    [p, q, sum - p - q - r - s - t, r, s, t]
}

/// `x n + y p`, with n and p in Q30.
#[inline(always)]
fn mix<W: Weight>(x: W, n: i32, y: W, p: i32) -> W {
    W::constant(n) * x + W::constant(p) * y
}

impl Lagrange {
    /// a, b and m from C and T.
    #[inline(always)]
    fn factors<W: Weight>(c: W) -> [W; 3] {
        let t = c * c;
        [
            mix(c, const { ratio(4, 15) }, t, const { ratio(1, 30) }),
            mix(c, const { ratio(1, 2) }, t, const { ratio(1, 48) }),
            mix(c, const { ratio(1, 6) }, t, const { ratio(1, 192) }),
        ]
    }
}

impl Kernel for Lagrange {
    type Taps<T: Copy> = [T; 6];

    #[inline(always)]
    fn weights<W: Weight>(&self, f: W) -> [W; 6] {
        let (zero, one) = (W::zero(), W::one());
        let g = one - f;
        let (two, eighth, least) = (one + one, W::constant(1 << 27), W::constant(1 << 24));
        let [a, b, m] = Self::factors((f + f) * (g + g));
        taps(
            one,
            [
                least * (a * (two + g)),
                zero - eighth * (b * (one + g)),
                f + m * f,
                zero - eighth * (b * (one + f)),
                least * (a * (two + f)),
            ],
        )
    }

    #[inline(always)]
    fn slopes<W: Weight>(&self, f: W) -> [W; 6] {
        let (zero, one) = (W::zero(), W::one());
        let g = one - f;
        let (two, eighth, least) = (one + one, W::constant(1 << 27), W::constant(1 << 24));
        let c = (f + f) * (g + g);
        let [a, b, m] = Self::factors(c);
        // 4 (g - f)
        let d = (g - f) + (g - f) + (g - f) + (g - f);
        let e = c * d;
        let da = mix(d, const { ratio(4, 15) }, e, const { ratio(1, 15) });
        let db = mix(d, const { ratio(1, 2) }, e, const { ratio(1, 24) });
        let dm = mix(d, const { ratio(1, 6) }, e, const { ratio(1, 96) });
        taps(
            zero,
            [
                least * (da * (two + g) - a),
                zero - eighth * (db * (one + g) - b),
                one + dm * f + m,
                zero - eighth * (db * (one + f) + b),
                least * (da * (two + f) + a),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::{Q14, Q24};

    /// Weight and slope of tap i in real numbers.
    fn exact(i: usize, f: f64) -> [f64; 2] {
        let node = |k: usize| k as f64 - 2.0;
        let others = || (0..6).filter(move |&k| k != i);
        let factor = |k: usize| (f - node(k)) / (node(i) - node(k));
        let slope =
            |j: usize| others().filter(|&k| k != j).map(factor).product::<f64>() / (node(i) - node(j));
        [others().map(factor).product(), others().map(slope).sum()]
    }

    #[test]
    fn weights_and_slopes() {
        // What the roundings of constants and products add up to, in units; the third is what the others leave.
        const WEIGHT: [f64; 6] = [0.8, 1.3, 6.8, 2.6, 1.3, 0.8];
        const SLOPE: [f64; 6] = [1.0, 2.0, 13.0, 7.0, 2.0, 1.0];
        for bits in (0..1 << 14).chain([1 << 14]) {
            let f = f64::from(bits) / 16_384.0;
            let (short, long) = (Q14::from_bits(bits), Q24::from_bits(bits << 10));
            let (w, s) =
                (Lagrange.weights(short).map(Q14::to_bits), Lagrange.slopes(short).map(Q14::to_bits));
            let (v, t) = (Lagrange.weights(long).map(Q24::to_bits), Lagrange.slopes(long).map(Q24::to_bits));
            for i in 0..6 {
                let [weight, slope] = exact(i, f);
                for (one, weights, slopes) in [(16_384.0, w, s), (16_777_216.0, v, t)] {
                    let units = |bits: i32, exact: f64| (f64::from(bits) - exact * one).abs();
                    assert!(units(weights[i], weight) < WEIGHT[i], "{f} {i}: {}", units(weights[i], weight));
                    assert!(units(slopes[i], slope) < SLOPE[i], "{f} {i}: {}", units(slopes[i], slope));
                }
            }
            assert_eq!((w.iter().sum::<i32>(), s.iter().sum::<i32>()), (1 << 14, 0));
            assert_eq!((v.iter().sum::<i32>(), t.iter().sum::<i32>()), (1 << 24, 0));
        }
        assert_eq!(Lagrange.weights(Q14::from_bits(0)).map(Q14::to_bits), [0, 0, 1 << 14, 0, 0, 0]);
    }
}
