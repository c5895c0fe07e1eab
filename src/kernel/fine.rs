//! What rules that are no kernels compute with: values and derivatives before their last rounding.
//!
//! In and out: numbers in the format of derivatives, `i32` in Q14 for integer channels and `f32`.
//! A gate is in Q24 there, or `f32`. [`Output`](super::Output) is implemented for them, so every
//! rule gives its value in this format too.
#![forbid(unsafe_code)]

use crate::fixed::{round_shift_i64, round_shift_i128};

/// A value in grey levels or a derivative: `i32` in Q14, or `f32`. Sealed.
///
/// **Definition.** `|g|^2 = gx^2 + gy^2` is exact in integers (Q28). The gate of
/// [`Soft`](super::adaptive::Soft) is `|g|^2 / (|g|^2 + tau^2)` in Q24: both of them divided by the
/// smallest power of two (rounded down) that leaves the second below 2^38, and the quotient rounded
/// half up. For `f32` it is `1 - tau^2 / ((gx gx + gy gy) + tau^2)`. tau is rounded to Q14, or to
/// `f32`.
pub trait Fine: Copy + super::sealed::Sealed {
    /// `smooth + a (sharp - smooth)`, integers rounded to this many fraction bits, at most 14.
    #[doc(hidden)]
    fn blend(smooth: Self, sharp: Self, a: Self, bits: u32) -> Self;
    /// The soft gate of a gradient.
    #[doc(hidden)]
    fn soft(gx: Self, gy: Self, tau: &Tau) -> Self;
    /// The hard gate of a gradient: one where `|g|^2 >= tau^2`, else zero.
    #[doc(hidden)]
    fn hard(gx: Self, gy: Self, tau: &Tau) -> Self;
    /// `sum + 2 (sharp - smooth) (p g / tau) (p mixed / tau)`, p = 1 - a: what the soft gate's
    /// own derivative along one axis adds, where `mixed` is that of the gradient's other component g.
    #[doc(hidden)]
    fn add_gate_slope(sum: Self, values: [Self; 2], a: Self, g: Self, mixed: Self, tau: &Tau) -> Self;
    /// A gate from Q14, at most one.
    #[doc(hidden)]
    fn from_gate(q14: u16) -> Self;
    /// A gate in Q14.
    #[doc(hidden)]
    fn to_gate(self) -> u16;
    /// The slope of the plane through eight values around a centre, row by row: see
    /// [`Linearized`](super::Linearized).
    #[doc(hidden)]
    fn plane(values: [Self; 8], solve: &[[i64; 2]; 2]) -> [Self; 2];
}

/// A threshold for gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
#[doc(hidden)]
pub struct Tau {
    /// In Q14, 1 to 2^30.
    q14: u32,
    /// Its reciprocal in Q46.
    reciprocal: i64,
    /// As a float.
    real: f32,
}

impl Tau {
    /// Of this many grey levels per pixel.
    pub(crate) fn new(tau: f64) -> Option<Self> {
        // (A NaN fails.)
        if !(1.0 / 16_384.0..=65_536.0).contains(&tau) {
            return None;
        }
        let q14 = libm::floor(tau * 16_384.0 + 0.5) as u32;
        Some(Self { q14, reciprocal: (1_i64 << 60).checked_div(q14.into())?, real: tau as f32 })
    }
    /// Its square in Q28.
    fn square(&self) -> u64 {
        u64::from(self.q14).pow(2)
    }
}

/// `gx^2 + gy^2`, at most 2^63.
fn norm(gx: i32, gy: i32) -> u64 {
    let square = |v: i32| i64::from(v).wrapping_mul(v.into()) as u64;
    square(gx).wrapping_add(square(gy))
}

/// `n / whole` in Q24, rounded half up, for `n` of at most `whole`, which is above 0 and below 2^38.
fn part(n: u64, whole: u64) -> i32 {
    // Two digits of 12 bits, from the 20 leading bits of the divisor: at most one too small or too large. (Where
    // registers have 32 bits a division of 64 takes long.)
    let shift = 44_u32.saturating_sub(whole.leading_zeros());
    let divisor = (whole >> shift) as u32;
    let digit = |rest: u64| {
        let digit = (((rest >> shift) as u32) << 12).checked_div(divisor).unwrap_or(0);
        let rest = (rest << 12).wrapping_sub(u64::from(digit).wrapping_mul(whole)) as i64;
        let whole = whole as i64;
        if rest < 0 {
            (digit.wrapping_sub(1), rest + whole)
        } else if rest >= whole {
            (digit + 1, rest - whole)
        } else {
            (digit, rest)
        }
    };
    let (high, rest) = digit(n);
    let (low, rest) = digit(rest as u64);
    (high << 12).wrapping_add(low).wrapping_add(u32::from(2 * rest >= whole as i64)) as i32
}

/// Within `i32`.
fn narrow(v: i64) -> i32 {
    v.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

impl super::sealed::Sealed for i32 {}

impl Fine for i32 {
    #[inline]
    fn blend(smooth: i32, sharp: i32, a: i32, bits: u32) -> i32 {
        let difference = i64::from(sharp) - i64::from(smooth);
        narrow(round_shift_i64((i64::from(smooth) << 24) + i64::from(a) * difference, 38 - bits))
    }
    #[inline]
    fn soft(gx: i32, gy: i32, tau: &Tau) -> i32 {
        let n = norm(gx, gy);
        let sum = n.wrapping_add(tau.square());
        let shift = 26_u32.saturating_sub(sum.leading_zeros());
        let (n, sum) = (n >> shift, sum >> shift);
        if cfg!(target_pointer_width = "64") {
            return ((n << 25) + sum).checked_div(2 * sum).unwrap_or(0) as i32;
        }
        part(n, sum)
    }
    #[inline]
    fn hard(gx: i32, gy: i32, tau: &Tau) -> i32 {
        if norm(gx, gy) >= tau.square() { 1 << 24 } else { 0 }
    }
    #[inline]
    fn add_gate_slope(sum: i32, [smooth, sharp]: [i32; 2], a: i32, g: i32, mixed: i32, tau: &Tau) -> i32 {
        // p g / tau and p mixed / tau in Q24.
        let relative = |v: i32| {
            let p = i64::from((1 << 24) - a) * i64::from(v);
            round_shift_i128(i128::from(p) * i128::from(tau.reciprocal), 60)
        };
        let product = relative(g) * relative(mixed);
        let term = round_shift_i128(product * i128::from(2 * (i64::from(sharp) - i64::from(smooth))), 48);
        (i128::from(sum) + term).clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
    #[inline]
    fn from_gate(q14: u16) -> i32 {
        i32::from(q14.min(1 << 14)) << 10
    }
    #[inline]
    fn to_gate(self) -> u16 {
        crate::fixed::round_shift(self, 10).clamp(0, 1 << 14) as u16
    }
    #[inline]
    fn plane(v: [i32; 8], solve: &[[i64; 2]; 2]) -> [i32; 2] {
        let [a, b, c, d, e, f, g, h] = v.map(i64::from);
        let (along, across) = ((c - a) + (e - d) + (h - f), (f - a) + (g - b) + (h - c));
        solve.map(|[s, t]| {
            let sum = i128::from(s) * i128::from(along) + i128::from(t) * i128::from(across);
            round_shift_i128(sum, 32).clamp(i32::MIN.into(), i32::MAX.into()) as i32
        })
    }
}

impl Fine for f32 {
    #[inline]
    fn blend(smooth: f32, sharp: f32, a: f32, _: u32) -> f32 {
        // What is copied by both, or by the one that counts, stays what it is.
        if a == 0.0 || smooth == sharp {
            smooth
        } else if a == 1.0 {
            sharp
        } else {
            smooth + a * (sharp - smooth)
        }
    }
    #[inline]
    fn soft(gx: f32, gy: f32, tau: &Tau) -> f32 {
        let square = tau.real * tau.real;
        1.0 - square / ((gx * gx + gy * gy) + square)
    }
    #[inline]
    fn hard(gx: f32, gy: f32, tau: &Tau) -> f32 {
        if gx * gx + gy * gy >= tau.real * tau.real { 1.0 } else { 0.0 }
    }
    #[inline]
    fn add_gate_slope(sum: f32, [smooth, sharp]: [f32; 2], a: f32, g: f32, mixed: f32, tau: &Tau) -> f32 {
        let (p, reciprocal) = (1.0 - a, 1.0 / tau.real);
        let (u, v) = ((p * g) * reciprocal, (p * mixed) * reciprocal);
        sum + ((sharp - smooth) * (u + u)) * v
    }
    #[inline]
    fn from_gate(q14: u16) -> f32 {
        f32::from(q14.min(1 << 14)) * (1.0 / 16_384.0)
    }
    #[inline]
    fn to_gate(self) -> u16 {
        // The cast saturates, and makes NaN zero.
        (libm::floorf(self * 16_384.0 + 0.5) as u16).min(1 << 14)
    }
    #[inline]
    fn plane([a, b, c, d, e, f, g, h]: [f32; 8], solve: &[[i64; 2]; 2]) -> [f32; 2] {
        let along = ((c - a) + (e - d)) + (h - f);
        let across = ((f - a) + (g - b)) + (h - c);
        // Scaling by a power of two is exact.
        solve.map(|row| row.map(|s| s as f32 * (1.0 / 4_294_967_296.0))).map(|[s, t]| s * along + t * across)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    quickcheck! {
        fn parts_are_rounded_quotients(n: u64, whole: u64, bits: u8, near: u64) -> bool {
            let whole = (whole >> (26 + bits % 38)).max(1);
            // Next to halves and to the ends, too.
            let half = (u128::from(whole) * u128::from(2 * (near % (1 << 24)) + 1)) >> 25;
            let places = [n % (whole + 1), half as u64, half as u64 + 1, near % 3, whole.saturating_sub(near % 3)];
            // And halves themselves.
            let unit = n % 8191 + 1;
            let tie = (unit * (2 * (near % (1 << 24)) + 1), unit << 25);
            places.map(|n| (n, whole)).into_iter().chain([tie]).filter(|(n, whole)| n <= whole).all(|(n, whole)| {
                let exact = ((u128::from(n) << 25) + u128::from(whole)) / (2 * u128::from(whole));
                part(n, whole) as u128 == exact
            })
        }
    }
}
