//! Lanczos' windowed sinc over four, six or eight pixels of each axis.
//!
//! Weights come from a table that the compiler computes: no trigonometry and no FPU at run time.
#![forbid(unsafe_code)]

use core::f64::consts::PI;

use super::{Kernel, Smooth};
use crate::fixed::{Knots, PHASES, Table, Weight, hermite, hermite_curvature, hermite_slope};

/// Lanczos interpolation with A lobes on each side, over the 2A x 2A pixels around a position:
/// `Lanczos<2>`, `Lanczos<3>`, `Lanczos<4>`. (Duchon 1979; sigma factors of Lanczos 1956.)
///
/// The weight of a tap at distance d is `sinc(d) sinc(d / A)`, with `sinc(d) = sin(pi d) / (pi d)`,
/// divided by the sum of the weights of all taps: without that a constant image would ripple.
///
/// **Definition.** For each of the fractions 0, 1/64, ... 1 a table holds the weights and their
/// derivatives by the coordinate, rounded half up to Q30 but for the left of the middle taps, which
/// is what the others leave of one or zero. Between two of its rows, at t in Q18, with weights w0 and w1 and
/// derivatives m0 and m1, the weight is the cubic that has these values and derivatives at both
/// ends (Hermite): with `d = 64 (w1 - w0)`, `c2 = 3 d - 2 m0 - m1` and `c3 = m0 + m1 - 2 d`,
///
/// ```text
/// weight    = w0 + round(t (m0 + round(t (c2 + round(t c3 / 2^18)) / 2^18)) / 2^24)
/// slope     = m0 + round(t (2 c2 + round(3 t c3 / 2^18)) / 2^18)
/// curvature = 4 (32 c2 + round(96 t c3 / 2^18))
/// ```
///
/// Slope and curvature (which is doubled twice after its rounding) are the derivatives of that same
/// cubic. All go through [`Weight::tabulate`].
///
/// With feature `std` the weights for 8-bit pixels, of all 16,384 fractions, are made when a warp of whole images
/// first asks for them, and kept: 256 KB of heap for each A in use.
///
/// ```
/// use nonius::{Boundary, Image, Lanczos, Sampler};
/// let image = Image::new(&[0u8, 0, 0, 100, 100, 100], 6, 1)?;
/// let sampler = Sampler::new(Lanczos::<3>, Boundary::Replicate);
/// assert_eq!(sampler.sample(image, 2.5, 0), Some(50));
/// assert_eq!(sampler.sample(image, 3.5, 0), Some(111)); // overshoots, as sinc does
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lanczos<const A: usize>;

/// Sine and cosine of a number from 0 to pi, by their series.
const fn sin_cos(x: f64) -> (f64, f64) {
    // Around pi / 2, where the terms of 27 powers leave less than the last bit.
    let y = x - PI / 2.0;
    let (mut sine, mut cosine, mut term, mut n) = (0.0, 0.0, 1.0, 0);
    while n < 28 {
        match n % 4 {
            0 => cosine += term,
            1 => sine += term,
            2 => cosine -= term,
            _ => sine -= term,
        }
        n += 1;
        term *= y / n as f64;
    }
    (cosine, -sine)
}

/// sinc(d / a) and its derivative by d, for |d| <= a.
const fn sinc(d: f64, a: f64) -> (f64, f64) {
    if d == 0.0 {
        return (1.0, 0.0);
    }
    let x = PI * d / a;
    let (sine, cosine) = sin_cos(x.abs());
    let value = sine / x.abs();
    (value, (cosine - value) / d)
}

/// sinc(d) and its derivative, for d = f - n with a fraction f.
const fn sinc_at(f: f64, n: i32) -> (f64, f64) {
    let d = f - n as f64;
    if d == 0.0 {
        return (1.0, 0.0);
    }
    let (sine, cosine) = if f == 0.0 || f == 1.0 { (0.0, 1.0 - 2.0 * f) } else { sin_cos(PI * f) };
    let sign = if n % 2 == 0 { 1.0 } else { -1.0 };
    let value = sign * sine / (PI * d);
    (value, (sign * cosine - value) / d)
}

/// To Q30, rounded half up.
const fn q30(v: f64) -> i32 {
    let v = v * 1_073_741_824.0;
    let down = v as i64 - (v < v as i64 as f64) as i64;
    (down + (v - down as f64 >= 0.5) as i64) as i32
}

/// The middle one as what the others leave of a sum.
const fn with_sum<const S: usize>(mut taps: [i32; S], sum: i32) -> [i32; S] {
    let (mut rest, mut i) = (sum as i64, 0);
    while i < S {
        rest -= taps[i] as i64;
        i += 1;
    }
    taps[(S - 1) / 2] += rest as i32;
    taps
}

/// The table of S = 2A taps.
const fn table<const S: usize>() -> [Knots; S] {
    let mut table = [[[0; PHASES + 1]; 2]; S];
    let mut phase = 0;
    while phase <= PHASES {
        let f = phase as f64 / PHASES as f64;
        let (mut values, mut derivatives) = ([0.0; S], [0.0; S]);
        let (mut sum, mut slope, mut i) = (0.0, 0.0, 0);
        while i < S {
            let n = i as i32 + 1 - S as i32 / 2;
            let ((v, dv), (w, dw)) = (sinc_at(f, n), sinc(f - n as f64, S as f64 / 2.0));
            (values[i], derivatives[i]) = (v * w, dv * w + v * dw);
            (sum, slope) = (sum + values[i], slope + derivatives[i]);
            i += 1;
        }
        let (mut weights, mut slopes) = ([0; S], [0; S]);
        i = 0;
        while i < S {
            let weight = values[i] / sum;
            weights[i] = q30(weight);
            slopes[i] = q30((derivatives[i] - weight * slope) / sum);
            i += 1;
        }
        (weights, slopes) = (with_sum(weights, 1 << 30), with_sum(slopes, 0));
        i = 0;
        while i < S {
            (table[i][0][phase], table[i][1][phase]) = (weights[i], slopes[i]);
            i += 1;
        }
        phase += 1;
    }
    table
}

macro_rules! lobes {
    ($($a:literal),*) => {$(
        impl Lanczos<$a> {
            #[inline(always)]
            fn table() -> &'static Table<{ 2 * $a }> {
                static TABLE: Table<{ 2 * $a }> = Table::new(table());
                &TABLE
            }
        }

        impl Kernel for Lanczos<$a> {
            type Taps<T: Copy> = [T; 2 * $a];

            #[inline(always)]
            fn weights<W: Weight>(&self, f: W) -> [W; 2 * $a] {
                f.hermite(Self::table())
            }
            #[inline(always)]
            fn slopes<W: Weight>(&self, f: W) -> [W; 2 * $a] {
                f.tabulate(|f| hermite(&Self::table().knots, f, hermite_slope))
            }
        }

        impl Smooth for Lanczos<$a> {
            #[inline(always)]
            fn curvatures<W: Weight>(&self, f: W) -> [W; 2 * $a] {
                f.tabulate(|f| hermite(&Self::table().knots, f, hermite_curvature)).map(|w| w + w).map(|w| w + w)
            }
        }
    )*};
}
lobes!(2, 3, 4);
