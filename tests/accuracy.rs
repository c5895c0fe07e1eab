//! The errors that the example `accuracy` prints, against the bounds of the definitions.
#![forbid(unsafe_code)]

use nonius::fixed::{Q14, Q24};
use nonius::reference::Shape;
use nonius::{BSpline, Bilinear, Cubic, Kernel, Lanczos, Weight};

#[path = "../examples/accuracy.rs"]
mod example;
use example::{Level, Row, rows};

/// What a kernel adds up to over all fractions: absolute weights, absolute slopes, and errors of the
/// weights.
#[derive(Clone, Copy, Debug, Default)]
struct Norms {
    weights: f64,
    slopes: f64,
    errors: f64,
}

/// At some fractions; `used` says which errors count.
fn norms<K: Kernel + Shape, W: Weight>(
    kernel: K,
    fractions: impl Iterator<Item = W>,
    real: impl Fn(W) -> f64,
    used: impl Fn(usize) -> bool,
) -> Norms {
    let mut norms = Norms::default();
    for f in fractions {
        let (mut weights, mut slopes, mut errors) = (0.0, 0.0, 0.0);
        let row = kernel.weights(f);
        for (i, &w) in row.as_ref().iter().enumerate() {
            let d = real(f) - (i as f64 + 1.0 - K::SUPPORT as f64 / 2.0);
            weights += K::weight(d).abs();
            slopes += K::slope(d).abs();
            errors += if used(i) { (real(w) - K::weight(d)).abs() } else { 0.0 };
        }
        norms = Norms {
            weights: weights.max(norms.weights),
            slopes: slopes.max(norms.slopes),
            errors: errors.max(norms.errors),
        };
    }
    norms
}

/// A bound by the definition, of taps within `reach` of a middle value: a position rounded by half of
/// `fraction` along both axes, wrong weights along both, an intermediate rounded by half of `mid`,
/// and the last rounding.
fn bound(n: Norms, reach: f64, fraction: f64, mid: f64) -> f64 {
    let position = 2.0 * 0.5 * fraction * reach * n.slopes * n.weights;
    let weights = n.errors * reach * (2.0 * n.weights + n.errors);
    0.5 + position + weights + 0.5 * mid * (n.weights + n.errors)
}

fn bound_u8<K: Kernel + Shape>(kernel: K) -> f64 {
    let fractions = (0..1 << 14).map(Q14::from_bits);
    let n = norms(kernel, fractions, |q| f64::from(q.to_bits()) / 16_384.0, |_| true);
    bound(n, 127.5, 1.0 / 16_384.0, 1.0 / 128.0)
}

/// Of 16-bit arithmetic.
fn bound_16<K: Kernel + Shape>(kernel: K, reach: f64) -> f64 {
    let fractions = (0..1 << 24).step_by(997).map(Q24::from_bits);
    let n = norms(kernel, fractions, |q| f64::from(q.to_bits()) / 16_777_216.0, |_| true);
    bound(n, reach, 1.0 / 16_777_216.0, 1.0 / 256.0)
}

/// Of floats up to `reach`: differences to the middle tap are twice that, each term has three
/// roundings, of which the last is one of the whole sum.
fn bound_f32<K: Kernel + Shape>(kernel: K, reach: f64) -> f64 {
    let unit = 1.0 / 16_777_216.0;
    let fractions = (0..1 << 24).step_by(997).map(|f| f as f32 / 16_777_216.0);
    let middle = (K::SUPPORT - 1) / 2;
    let n = norms(kernel, fractions, f64::from, |i| i != middle);
    let along = 0.5 * unit * (2.0 * 2.0 * reach * n.weights + K::SUPPORT as f64 * 3.0 * reach * n.weights);
    let position = 2.0 * 0.5 * unit * reach * n.slopes * n.weights;
    position + (along + n.errors * 2.0 * reach) * n.weights * 2.0
}

fn check(rows: &[Row], bounds: [f64; 5]) {
    for (row, bound) in rows.iter().zip(bounds) {
        println!("{row:?}, bound {bound}");
        assert!(row.largest <= bound, "{row:?}, bound {bound}");
        // Perfect rounding is 0.25 off in the mean, and with an error of e beside it 0.25 + e^2.
        if row.pixel != "f32" {
            assert!(row.mean <= 0.251 + (bound - 0.5).powi(2), "{row:?}, bound {bound}");
        }
    }
}

/// Coefficients are within 2^-7 of the exact ones and reach 9 times as far as pixels.
const COEFFICIENTS: f64 = 1.0 / 128.0;

#[test]
fn eight_bits() {
    let rows = rows::<u8>();
    assert!(rows[0].largest <= 0.55 && rows[0].mean <= 0.251, "{:?}", rows[0]);
    check(
        &rows,
        [
            bound_u8(Bilinear),
            bound_u8(Cubic::<-50>),
            bound_u8(Cubic::<-75>),
            bound_u8(Lanczos::<4>),
            bound_16(BSpline, 9.0 * 127.5) + COEFFICIENTS,
        ],
    );
}

fn sixteen_bits<P: Level>() {
    let rows = rows::<P>();
    assert!(rows[0].largest <= 0.6 && rows[0].mean <= 0.251, "{:?}", rows[0]);
    let reach = 32_767.5;
    check(
        &rows,
        [
            bound_16(Bilinear, reach),
            bound_16(Cubic::<-50>, reach),
            bound_16(Cubic::<-75>, reach),
            bound_16(Lanczos::<4>, reach),
            bound_16(BSpline, 9.0 * reach) + COEFFICIENTS,
        ],
    );
}

#[test]
fn sixteen_bits_unsigned() {
    sixteen_bits::<u16>();
}

#[test]
fn sixteen_bits_signed() {
    sixteen_bits::<i16>();
}

#[test]
fn floats() {
    let reach = 128.0;
    // Coefficients as in the test of splines.
    let coefficients = reach * 9.0 * (4.0 * 12.0 + 13.0) / 16_777_216.0;
    check(
        &rows::<f32>(),
        [
            bound_f32(Bilinear, reach),
            bound_f32(Cubic::<-50>, reach),
            bound_f32(Cubic::<-75>, reach),
            bound_f32(Lanczos::<4>, reach),
            bound_f32(BSpline, 9.0 * reach) + coefficients,
        ],
    );
}
