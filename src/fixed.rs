//! The number formats of the crate and every rounding rule it has.
//!
//! In: real coordinates, weights and sums. Out: integers that mean them.
//!
//! | type | format | holds |
//! |---|---|---|
//! | [`Coord`] | Q32.32 in an `i64` | a source coordinate in pixels, within 2^30 px of the origin |
//! | [`Position`] | integer and fraction | a coordinate rounded to the fraction a channel uses |
//! | [`Q14`] | `i32`, 16384 is one | weights for 8-bit channels; derivatives |
//! | [`Q24`] | `i32`, 2^24 is one | weights for 16-bit channels |
//! | [`Q16`] | `i32`, 65536 is one | a coordinate or displacement of a [`Map`](crate::Map) |
//! | [`Q6`] | `i32`, 64 is one | a sampled grey level with 6 fraction bits |
//!
//! **Rounding.** There is one rule, round half up: `floor(v + 1/2)` ([`round_shift`]). Positions,
//! intermediates and results all use it, so nothing is shifted to one side. (But for
//! [`NearestEven`](crate::NearestEven), whose positions are rounded as PyTorch rounds them.) Quantities given as
//! `f32` or `f64` enter as `floor(v * 2^32)`, which leaves every later half-up rounding of a
//! coordinate exact; transform coefficients enter rounded to nearest.
//!
//! **Q15.** Pixels of `i16` may be read as numbers in Q15, from -1 to below 1: every operation is
//! linear, or rounds and saturates at the ends of the type, so the results are Q15 too, half up to
//! 2^-15. Their derivatives, Q14 per grey level of 2^-15, are then in Q29 per pixel.
#![forbid(unsafe_code)]

use core::ops::{Add, Mul, Sub};

use crate::simd;

/// `floor(v / 2^n + 1/2)`, for `n` from 1 to 31. The sum wraps where `v` is within half a unit of the end of its type.
#[inline(always)]
pub const fn round_shift(v: i32, n: u32) -> i32 {
    v.wrapping_add(1 << (n - 1)) >> n
}

/// [`round_shift`] of 64 bits, for `n` from 1 to 63.
#[inline(always)]
pub const fn round_shift_i64(v: i64, n: u32) -> i64 {
    v.wrapping_add(1 << (n - 1)) >> n
}

/// [`round_shift`] of 128 bits, for `n` from 1 to 127.
#[inline(always)]
pub const fn round_shift_i128(v: i128, n: u32) -> i128 {
    v.wrapping_add(1 << (n - 1)) >> n
}

/// `floor(n / d)` for `d > 0`; 0 for `d = 0`.
#[inline(always)]
pub(crate) const fn floor_div(n: i64, d: i64) -> i64 {
    // A division of 64 bits is a loop of hundreds of instructions on these, and a kilobyte.
    if cfg!(all(target_arch = "arm", target_pointer_width = "32")) {
        return match narrow_floor_div(n, d) {
            Some(q) => q,
            None => long_floor_div(n, d),
        };
    }
    match n.checked_div(d) {
        Some(q) => q - (q.wrapping_mul(d) > n) as i64,
        None => 0,
    }
}

/// [`floor_div`] where the divisor and the magnitude of the quotient have 32 bits.
#[inline(never)]
pub(crate) const fn narrow_floor_div(n: i64, d: i64) -> Option<i64> {
    // Rounded down is, of a negative number, the complement of what the complement rounds down to.
    let sign = n >> 63;
    let magnitude = (n ^ sign) as u64;
    if d <= 0 || d >> 32 != 0 || magnitude >> 32 >= d as u64 {
        return None;
    }
    // In two steps of 16 bits (Knuth, The Art of Computer Programming 2, algorithm 4.3.1 D), the divisor
    // shifted up so that an estimate from its upper half is at most two too large.
    let shift = (d as u32).leading_zeros();
    let (n, d) = (magnitude << shift, (d as u32) << shift);
    let (high, low) = (d >> 16, d & 0xffff);
    let (mut quotient, mut rest, mut next) = (0, (n >> 32) as u32, n as u32);
    let mut digits = 2;
    while digits > 0 {
        let digit;
        (digit, rest) = one_digit(rest, next >> 16, d, high, low);
        quotient = quotient << 16 | digit;
        next <<= 16;
        digits -= 1;
    }
    Some(quotient as i64 ^ sign)
}

/// [`floor_div`] bit by bit: soon done where the quotient is small.
#[inline(never)]
const fn long_floor_div(n: i64, d: i64) -> i64 {
    if d <= 0 {
        return 0;
    }
    let sign = n >> 63;
    let (mut rest, mut d) = ((n ^ sign) as u64, d as u64);
    let mut bits = d.leading_zeros().saturating_sub(rest.leading_zeros()) + 1;
    d <<= bits - 1;
    let mut quotient = 0;
    while bits > 0 {
        quotient <<= 1;
        if rest >= d {
            rest -= d;
            quotient |= 1;
        }
        d >>= 1;
        bits -= 1;
    }
    quotient ^ sign
}

/// The next 16 bits of a quotient, and what is left: `rest 2^16 + next` by d, with `rest` below d.
#[inline(always)]
const fn one_digit(rest: u32, next: u32, d: u32, high: u32, low: u32) -> (u32, u32) {
    let Some(mut q) = rest.checked_div(high) else { return (0, 0) };
    let mut left = rest.wrapping_sub(q.wrapping_mul(high));
    while left <= 0xffff && (q > 0xffff || q.wrapping_mul(low) > (left << 16 | next)) {
        q -= 1;
        left += high;
    }
    (q, (rest << 16 | next).wrapping_sub(q.wrapping_mul(d)))
}

/// `v 2^32` rounded to nearest, ties away from zero, for numbers within 2^30.
#[inline(always)]
pub(crate) const fn q32(v: f64) -> i64 {
    rounded(v, 32)
}

/// `v 2^to` rounded to nearest, ties away from zero, where that is within 2^62. From the bits, so that no FPU is
/// needed.
#[inline(never)]
pub(crate) const fn rounded(v: f64, to: i32) -> i64 {
    let bits = v.to_bits();
    // |v| = mantissa 2^(exponent - 1075).
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let mantissa = (bits & ((1 << 52) - 1) | 1 << 52) as i64;
    let rounded = match exponent - 1075 + to {
        shift @ 0..=10 => mantissa << shift,
        shift @ -54..0 => round_shift_i64(mantissa, -shift as u32),
        _ => 0,
    };
    if bits >> 63 != 0 { -rounded } else { rounded }
}

/// `v 2^exponent` rounded to nearest, ties to even, for what is no smaller than normal numbers are. From the bits: one
/// routine for whole numbers of all widths, and no product.
#[inline(never)]
pub(crate) const fn scaled(v: i128, exponent: i32) -> f64 {
    let magnitude = v.unsigned_abs();
    if magnitude == 0 {
        return 0.0;
    }
    let bits = 128 - magnitude.leading_zeros();
    // The upper 64 bits, the last one set where there is more below.
    let top = if bits <= 64 {
        (magnitude as u64) << (64 - bits)
    } else {
        (magnitude >> (bits - 64)) as u64 | (magnitude << (192 - bits) != 0) as u64
    };
    let (mantissa, rest) = (top >> 11, top & 0x7ff);
    let rounded = mantissa + (rest + (mantissa & 1) > 1 << 10) as u64;
    // (The leading one of the mantissa, or its carry, raises the exponent by one.)
    let exponent = (1021 + bits as i32 + exponent) as u64;
    f64::from_bits(((v < 0) as u64) << 63 | ((exponent << 52) + rounded))
}

/// The square root of a number in the range of `f32`, to 14 digits at least: the one that is linked in any case, and a
/// step of Newton's method.
#[inline(never)]
pub(crate) fn root(v: f64) -> f64 {
    let near = f64::from(simd::sqrt(v as f32));
    if near > 0.0 { (near + v / near) / 2.0 } else { 0.0 }
}

/// 2^n, for n from -1022 to 1023.
#[inline(always)]
pub(crate) const fn power_of_two(n: i32) -> f64 {
    f64::from_bits(((1023 + n) as u64) << 52)
}

/// `v 2^n`, for n from -64 to 64. (By its exponent alone where it has that; a product takes long without an FPU.)
#[inline(never)]
pub(crate) const fn times_power(v: f64, n: i32) -> f64 {
    let bits = v.to_bits();
    match (bits >> 52) & 0x7ff {
        65..1982 => f64::from_bits(bits.wrapping_add((n as u64) << 52)),
        _ => v * power_of_two(n),
    }
}

/// A coordinate in source pixels: Q32.32, pixel centres at integers.
///
/// Real numbers become `floor(v * 2^32)`, saturating at +-2^30 px. NaN becomes the lower end,
/// far outside every image.
///
/// ```
/// use nonius::Coord;
/// assert_eq!(Coord::from(1.5_f32).to_bits(), 3 << 31);
/// assert_eq!(Coord::from(f32::NAN), Coord::MIN);
/// assert_eq!(Coord::from(1e30_f64), Coord::MAX);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coord(i64);

impl Coord {
    /// -2^30 px.
    pub const MIN: Coord = Coord(-(1 << 62));
    /// 2^30 px.
    pub const MAX: Coord = Coord(1 << 62);

    /// The coordinate `bits / 2^32` px, saturating at [`Self::MIN`] and [`Self::MAX`].
    pub const fn from_bits(bits: i64) -> Self {
        if bits < Self::MIN.0 {
            Self::MIN
        } else if bits > Self::MAX.0 {
            Self::MAX
        } else {
            Coord(bits)
        }
    }

    /// The coordinate times 2^32.
    pub const fn to_bits(self) -> i64 {
        self.0
    }

    /// The coordinate in pixels, exact up to 2^20 px.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 4_294_967_296.0
    }

    /// This coordinate rounded.
    #[inline(always)]
    pub const fn round(self, to: Rounding) -> Position {
        round_coordinate(self.0, to)
    }
}

impl From<f32> for Coord {
    /// Decodes the bits, so that no FPU is needed.
    #[inline]
    fn from(v: f32) -> Self {
        let bits = v.to_bits();
        let exponent = ((bits >> 23) & 0xff) as i32;
        let negative = bits >> 31 != 0;
        if exponent == 0xff && bits & 0x7f_ffff != 0 {
            return Self::MIN;
        }
        // v = mantissa * 2^(exponent - 150); denormals share the exponent of the smallest normals.
        let mantissa = i64::from(bits & 0x7f_ffff | if exponent == 0 { 0 } else { 1 << 23 });
        let mantissa = if negative { -mantissa } else { mantissa };
        let shift = exponent.max(1) - 150 + 32;
        if shift > 38 {
            return if negative { Self::MIN } else { Self::MAX };
        }
        // An arithmetic shift to the right is the floor.
        Self((mantissa << shift.max(0)) >> (-shift).clamp(0, 63))
    }
}

impl From<f64> for Coord {
    #[inline]
    fn from(v: f64) -> Self {
        if v.is_nan() {
            return Self::MIN;
        }
        // Scaling by a power of two is exact; `as` saturates.
        Self::from_bits(libm::floor(v * 4_294_967_296.0) as i64)
    }
}

impl From<i32> for Coord {
    #[inline]
    fn from(v: i32) -> Self {
        Self::from_bits(i64::from(v) << 32)
    }
}

/// A coordinate or displacement in pixels in Q16.16, within 32768 px: what a fixed-point
/// [`Map`](crate::Map) is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(transparent)]
pub struct Q16(pub i32);

impl From<Q16> for Coord {
    #[inline]
    fn from(v: Q16) -> Self {
        Self::from_bits(i64::from(v.0) << 16)
    }
}

/// How a coordinate is rounded to a [`Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounding {
    pub(crate) bits: u32,
    /// Only without a fraction.
    pub(crate) ties_to_even: bool,
}

impl Rounding {
    /// To whole pixels, ties to the even one: as PyTorch and ONNX round. (A tie is one of the
    /// Q32.32 coordinate.)
    pub const HALF_EVEN: Self = Self { bits: 0, ties_to_even: true };

    /// Half up, to this many fraction bits; at most 31.
    pub const fn half_up(bits: u32) -> Self {
        Self { bits: if bits < 31 { bits } else { 31 }, ties_to_even: false }
    }
}

/// [`Coord::round`] for any bits.
#[inline(always)]
pub(crate) const fn round_coordinate(v: i64, to: Rounding) -> Position {
    let v = v.wrapping_add(1 << (31 - to.bits));
    let cell = (v >> 32) as i32;
    if to.ties_to_even {
        return Position { cell: if v as u32 == 0 { cell & !1 } else { cell }, fraction: 0 };
    }
    // Two shifts, since one by 32 (for no fraction) is no shift.
    Position { cell, fraction: ((v as u32) >> 1) >> (31 - to.bits) }
}

/// A coordinate rounded to some fraction bits: `cell + fraction / 2^bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The integer part, rounded down.
    pub cell: i32,
    /// The fraction, below `2^bits`.
    pub fraction: u32,
}

impl Position {
    /// This position, of so many fraction bits (at most 31), plus a Q32 number of pixels within
    /// 2^30, rounded.
    #[inline(always)]
    pub(crate) const fn offset(self, bits: u32, by: i64, to: Rounding) -> Position {
        let here = ((self.cell as i64) << 32).wrapping_add((self.fraction as i64) << (32 - bits));
        round_coordinate(here.wrapping_add(by), to)
    }
}

/// A number in which kernels compute their weights: [`Q14`], [`Q24`], `f32`, or a vector of them.
///
/// Products round half up (`f32`: to nearest even); those of [`Q14`] wrap outside of -8 to 8 (less 2^-15, from where they
/// round up to it), those of [`Q24`] likewise at 128. Write a kernel once with these operations and it serves every
/// channel and every backend.
pub trait Weight: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// Zero.
    fn zero() -> Self;
    /// One.
    fn one() -> Self;
    /// A number in Q30, from -2 to below 2 less half a unit of this format (2 - 2^-15 for [`Q14`], where it would wrap),
    /// rounded half up (`f32`: to nearest even).
    fn constant(q30: i32) -> Self;
    /// Weights from a function of this fraction in Q24, which gives them in Q30: each rounded as
    /// [`constant`](Self::constant), but for the middle one (of an even number the left of the
    /// two), which is what the rounded others leave of the rounded sum. So weights that sum to one
    /// still do, and so do slopes that sum to zero.
    fn tabulate<const N: usize>(self, weights: impl Fn(u32) -> [i32; N]) -> [Self; N];
    /// [`tabulate`](Self::tabulate) with cubics between knots.
    #[doc(hidden)]
    #[inline(always)]
    fn hermite<const N: usize>(self, table: &Table<N>) -> [Self; N] {
        self.tabulate(|f| hermite(&table.knots, f, hermite_weight))
    }
}

/// Intervals of a pixel, between knots.
pub(crate) const PHASES: usize = 64;
/// Fraction bits of a Q24 within an interval.
const WITHIN: u32 = 24 - PHASES.ilog2();

/// The values of a function at the fractions 0, 1/64, ... 1, and its derivatives, in Q30.
#[doc(hidden)]
pub type Knots = [[i32; PHASES + 1]; 2];

/// Up to eight functions of which values and derivatives are known at some fractions; and, where there is a heap
/// (feature `std`), their values in Q14 at all fractions in Q14, from when they are first asked for.
#[doc(hidden)]
#[derive(Debug)]
pub struct Table<const N: usize> {
    pub(crate) knots: [Knots; N],
    #[cfg(feature = "std")]
    rows: std::sync::OnceLock<std::boxed::Box<WeightRows>>,
}

/// The values in Q14 at all fractions in Q14: eight of them, two in a number, the low half the first.
pub(crate) type WeightRows = [[i32; 4]; 1 << Q14::BITS];

impl<const N: usize> Table<N> {
    pub(crate) const fn new(knots: [Knots; N]) -> Self {
        Self {
            knots,
            #[cfg(feature = "std")]
            rows: std::sync::OnceLock::new(),
        }
    }

    /// 256 KB that spare most of the work, made by what is given when they are first asked for.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(crate) fn rows(&self, make: impl FnOnce(&mut WeightRows, &[Knots; N])) -> &WeightRows {
        self.rows.get_or_init(|| {
            let rows = std::vec![[0; 4]; 1 << Q14::BITS].into_boxed_slice();
            // (There are as many.)
            let mut rows = rows.try_into().unwrap_or_else(|_| std::boxed::Box::new([[0; 4]; 1 << Q14::BITS]));
            make(&mut rows, &self.knots);
            rows
        })
    }
}

/// What some functions are at a fraction in Q24, in Q30: made of the place within an interval in Q18, the
/// values at both of its ends, and the derivatives.
#[inline(always)]
pub(crate) fn hermite<const N: usize>(
    table: &[Knots; N],
    f: u32,
    piece: impl Fn(i64, [i64; 2], [i64; 2]) -> i64,
) -> [i32; N] {
    let index = (f >> WITHIN) as usize;
    let t = i64::from(f & ((1 << WITHIN) - 1));
    // There is a knot after that of any fraction below one.
    let ends = |knots: &[i32; PHASES + 1]| match knots.get(index..) {
        Some([a, b, ..]) => [i64::from(*a), i64::from(*b)],
        _ => [0; 2],
    };
    core::array::from_fn(|i| {
        table.get(i).map_or(0, |[values, derivatives]| piece(t, ends(values), ends(derivatives)) as i32)
    })
}

/// The coefficients of t^2 and t^3, in the unit of the derivatives.
#[inline(always)]
pub(crate) fn hermite_coefficients(w: [i64; 2], m: [i64; 2]) -> [i64; 2] {
    let d = PHASES as i64 * (w[1] - w[0]);
    [3 * d - 2 * m[0] - m[1], m[0] + m[1] - 2 * d]
}

#[inline(always)]
pub(crate) fn hermite_weight(t: i64, w: [i64; 2], m: [i64; 2]) -> i64 {
    let [c2, c3] = hermite_coefficients(w, m);
    let inner = c2 + round_shift_i64(t * c3, WITHIN);
    w[0] + round_shift_i64(t * (m[0] + round_shift_i64(t * inner, WITHIN)), 24)
}

#[inline(always)]
pub(crate) fn hermite_slope(t: i64, w: [i64; 2], m: [i64; 2]) -> i64 {
    let [c2, c3] = hermite_coefficients(w, m);
    m[0] + round_shift_i64(t * (2 * c2 + round_shift_i64(3 * t * c3, WITHIN)), WITHIN)
}

/// A quarter of the second derivative.
#[inline(always)]
pub(crate) fn hermite_curvature(t: i64, w: [i64; 2], m: [i64; 2]) -> i64 {
    let [c2, c3] = hermite_coefficients(w, m);
    const QUARTER: i64 = PHASES as i64 / 4;
    QUARTER * 2 * c2 + round_shift_i64(QUARTER * 6 * t * c3, WITHIN)
}

/// Q30 numbers rounded to some format, the middle one by what is left.
#[inline(always)]
pub(crate) fn round_weights<const N: usize>(mut weights: [i32; N], round: impl Fn(i32) -> i32) -> [i32; N] {
    let sum = round(weights.iter().fold(0, |sum: i32, &w| sum.wrapping_add(w)));
    let mut rest = sum;
    let middle = N.saturating_sub(1) / 2;
    for (i, w) in weights.iter_mut().enumerate() {
        if i != middle {
            *w = round(*w);
            rest = rest.wrapping_sub(*w);
        }
    }
    if let Some(w) = weights.get_mut(middle) {
        *w = rest;
    }
    weights
}

macro_rules! q_format {
    ($(#[$doc:meta])* $name:ident, $bits:literal, |$a:ident, $b:ident| $product:expr $(, $hermite:item)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name(i32);

        impl $name {
            /// Fraction bits.
            pub const BITS: u32 = $bits;
            /// The number `bits / 2^BITS`.
            #[inline(always)]
            pub const fn from_bits(bits: i32) -> Self {
                Self(bits)
            }
            /// This number times `2^BITS`.
            #[inline(always)]
            pub const fn to_bits(self) -> i32 {
                self.0
            }
        }
        impl Add for $name {
            type Output = Self;
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Self(self.0.wrapping_add(other.0))
            }
        }
        impl Sub for $name {
            type Output = Self;
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                Self(self.0.wrapping_sub(other.0))
            }
        }
        impl Mul for $name {
            type Output = Self;
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                let ($a, $b) = (self.0, other.0);
                Self($product)
            }
        }
        impl Weight for $name {
            #[inline(always)]
            fn zero() -> Self {
                Self(0)
            }
            #[inline(always)]
            fn one() -> Self {
                Self(1 << $bits)
            }
            #[inline(always)]
            fn constant(q30: i32) -> Self {
                Self(round_shift(q30, 30 - $bits))
            }
            #[inline(always)]
            fn tabulate<const N: usize>(self, weights: impl Fn(u32) -> [i32; N]) -> [Self; N] {
                round_weights(weights((self.0 << (24 - $bits)) as u32), |w| round_shift(w, 30 - $bits)).map(Self)
            }
            $(#[inline(always)] $hermite)?
        }
    };
}
q_format!(
    /// A weight for 8-bit channels: 14 fraction bits, one is 16384.
    Q14, 14, |a, b| round_shift(a.wrapping_mul(b), 14),
    fn hermite<const N: usize>(self, table: &Table<N>) -> [Self; N] {
        simd::hermite_q14::<simd::One, N>(self.0, &table.knots).map(Self)
    }
);
q_format!(
    /// A weight for 16-bit channels: 24 fraction bits, one is 2^24.
    Q24, 24, |a, b| round_shift_i64(i64::from(a) * i64::from(b), 24) as i32
);

impl Weight for f32 {
    #[inline(always)]
    fn zero() -> Self {
        0.0
    }
    #[inline(always)]
    fn one() -> Self {
        1.0
    }
    #[inline(always)]
    fn constant(q30: i32) -> Self {
        q30 as f32 * (1.0 / 1_073_741_824.0)
    }
    #[inline(always)]
    fn tabulate<const N: usize>(self, weights: impl Fn(u32) -> [i32; N]) -> [Self; N] {
        // A fraction of f32 channels is a whole number of 2^-24. Sums of f32 are differences to the
        // middle tap, so its weight is not used.
        weights((self * 16_777_216.0) as u32).map(Self::constant)
    }
}

/// A sampled grey level of an integer channel before its last rounding: 6 fraction bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(transparent)]
pub struct Q6(pub i32);

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    #[test]
    fn rounding_is_half_up() {
        for v in -64..64 {
            let exact = (f64::from(v) / 8.0 + 0.5).floor() as i32;
            assert_eq!(round_shift(v, 3), exact);
            assert_eq!(round_shift_i64(v.into(), 3), i64::from(exact));
            assert_eq!(round_shift_i128(v.into(), 3), i128::from(exact));
        }
    }

    #[test]
    fn coordinates_round_to_cells() {
        for (v, cell) in [(0.5, 1), (0.499_999_97, 0), (-0.5, 0), (-0.500_000_06, -1), (1.5, 2), (-1e-30, 0)]
        {
            assert_eq!(
                Coord::from(v as f32).round(Rounding::half_up(0)),
                Position { cell, fraction: 0 },
                "{v}"
            );
        }
        let carried = Coord::from(1.0 - 1e-9).round(Rounding::half_up(14));
        assert_eq!(carried, Position { cell: 1, fraction: 0 });
    }

    #[test]
    fn ties_to_even() {
        for (v, cell) in [(0.5, 0), (1.5, 2), (-0.5, 0), (-1.5, -2), (2.5, 2), (0.500_000_06, 1), (-0.75, -1)]
        {
            assert_eq!(
                Coord::from(v as f32).round(Rounding::HALF_EVEN),
                Position { cell, fraction: 0 },
                "{v}"
            );
        }
    }

    #[test]
    fn rounded_weights_keep_their_sum() {
        let one = 1 << 30;
        let q30 = [one / 7, -one / 3, one - one / 7 + one / 3 + one / 11, -one / 11];
        let w = Q14::from_bits(5).tabulate(|f| {
            assert_eq!(f, 5 << 10);
            q30
        });
        assert_eq!(w.iter().map(|w| w.to_bits()).sum::<i32>(), 1 << 14);
        for (i, (w, q)) in w.iter().zip(q30).enumerate() {
            let slack = if i == 1 { 2.0 } else { 0.5 };
            assert!((f64::from(w.to_bits()) - f64::from(q) / 65_536.0).abs() <= slack, "{i}");
        }
    }

    #[test]
    fn ends() {
        assert_eq!(Coord::from(f32::INFINITY), Coord::MAX);
        assert_eq!(Coord::from(f32::NEG_INFINITY), Coord::MIN);
        assert_eq!(Coord::from(f64::NAN), Coord::MIN);
        assert_eq!(Coord::from(f32::from_bits(1)).to_bits(), 0);
        assert_eq!(Coord::from(-f32::from_bits(1)).to_bits(), -1);
        assert_eq!(Coord::from(1_073_741_824_f32), Coord::MAX);
        assert_eq!(Coord::from(i32::MIN), Coord::MIN);
    }

    quickcheck! {
        fn f32_enters_as_its_floor(bits: u32) -> bool {
            let v = f32::from_bits(bits);
            Coord::from(v) == Coord::from(f64::from(v))
        }
        fn numbers_are_rounded(v: f64) -> bool {
            let parts = [v, v % 1e9, v % 1.0, v % 1e-9, (v % 1e9).floor() + 0.5, 0.5 / 4_294_967_296.0];
            parts.into_iter().all(|v| {
                let mut scales = [0, 1, 31, 32, 33, 61].into_iter().map(|to| (to, v * power_of_two(to)));
                scales.all(|(to, scaled)| scaled.abs() >= power_of_two(62) || rounded(v, to) == scaled.round() as i64)
            })
        }
        fn scaled_is_rounded_to_even(high: i64, low: u64, shift: u32, exponent: i32) -> bool {
            let (v, exponent) = ((i128::from(high) << 64 | i128::from(low)) >> (shift % 128), exponent % 500);
            // And halfway between two numbers.
            let half = i128::from(high) * 2 + 1;
            [v, -v, half, half << (shift % 60), v & !0xfff, i128::MIN, i128::MAX, 1, 0]
                .into_iter()
                .all(|v| scaled(v, exponent).to_bits() == (v as f64 * power_of_two(exponent)).to_bits())
        }
        fn roots_are_exact(v: u64) -> bool {
            let v = (v >> (v % 64)) as f64 * power_of_two((v % 128) as i32 - 96);
            (root(v) - v.sqrt()).abs() <= 1e-14 * v.sqrt()
        }
        fn division_rounds_down(n: i64, d: i64, shift: u32) -> bool {
            let (n, d) = (n >> 1, (d >> (1 + shift % 63)).saturating_abs().max(1));
            [floor_div(n, d), long_floor_div(n, d)] == [n.div_euclid(d); 2] && long_floor_div(n, 0) == 0
        }
        fn narrow_division_rounds_down(n: i64, d: u32, shift: u32, near: i64) -> bool {
            let d = i64::from((d >> (shift % 32)).max(1));
            // Below 2^32 times the divisor, and next to a multiple of it.
            let quotient = n >> 32;
            let candidates = [n, n >> (shift % 64), (quotient * d).saturating_add(near % 3), (quotient * d).saturating_sub(1)];
            candidates.into_iter().all(|n| {
                let fits = (n ^ (n >> 63)) as u64 >> 32 < d as u64;
                narrow_floor_div(n, d) == fits.then(|| n.div_euclid(d))
            })
        }
        fn rounding_twice_is_rounding_once_of_the_floor(bits: i64, to: u32) -> bool {
            let (bits, to) = (bits >> 2, to % 25);
            let p = Coord::from_bits(bits).round(Rounding::half_up(to));
            let exact = (i128::from(bits) * 2 + (1 << (32 - to))).div_euclid(1 << (33 - to));
            (i128::from(p.cell) << to) + i128::from(p.fraction) == exact
        }
    }
}
