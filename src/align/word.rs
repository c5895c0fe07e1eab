//! The integers of a pass: as narrow as the pixels allow.
//!
//! In: pixels, gradients and residuals of a block. Out: their products and sums, which are exact. For 8-bit images
//! that is `i16` times `i16` into `i32`, the operation that vector units and DSPs have.
#![forbid(unsafe_code)]

use crate::fixed::{round_shift, round_shift_i64};
use crate::simd::Lanes;

/// The integers in which blocks of pixels are multiplied: as narrow as the pixels allow, so that
/// vector units have many lanes. What is formed of them stays in range by construction.
pub trait Word: Copy + Default {
    /// Of products, over a block.
    type Sum: Copy + Default + Into<i64>;
    /// Bits of the gain's fraction.
    const GAIN_BITS: u32;
    /// The largest gain.
    const MAX_GAIN: f64;
    /// The largest residual, Q4: 64 squares of it fit `Sum`.
    const MAX_RESIDUAL: i32;
    /// The largest difference of two pixels.
    const MAX_GRADIENT: i32;
    /// A value that is known to fit.
    fn new(v: i32) -> Self;
    /// The value.
    fn get(self) -> i32;
    /// A product that is known to fit.
    fn times(self, other: Self) -> Self;
    /// A sum and the product of two words.
    fn add(sum: Self::Sum, a: Self, b: Self) -> Self::Sum;
    /// Of two sums.
    fn plus(a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// Neighbouring words, in a register where a level has them.
    type Words<L: Lanes>: Copy;
    /// Sums of products of such.
    type Sums<L: Lanes>: Copy;
    /// How many they are, a divisor of 16.
    fn width<L: Lanes>() -> usize;
    /// Those from one on, which are there.
    fn words<L: Lanes>(words: &[Self], from: usize) -> Self::Words<L>;
    /// Products that are known to fit.
    fn multiply<L: Lanes>(a: Self::Words<L>, b: Self::Words<L>) -> Self::Words<L>;
    /// No sum.
    fn none<L: Lanes>() -> Self::Sums<L>;
    /// As [`add`](Self::add).
    fn accumulate<L: Lanes>(sums: Self::Sums<L>, a: Self::Words<L>, b: Self::Words<L>) -> Self::Sums<L>;
    /// The sum of all of each.
    fn totals<L: Lanes>(sums: [Self::Sums<L>; 4]) -> [i64; 4];
    /// A number that fits `Sum`, from one that is the same modulo its range.
    fn wrapped(v: i64) -> i64;
    /// Gain times a pixel, in Q6, rounded half up.
    fn gained(gain: i32, pixel: i32) -> i32;
    /// A difference of two residuals times a factor of at most 2^15 in Q16, rounded half up.
    fn scaled(difference: i32, factor: i32) -> i32;
}

impl Word for i16 {
    type Sum = i32;
    const GAIN_BITS: u32 = 12;
    const MAX_GAIN: f64 = 7.0;
    const MAX_RESIDUAL: i32 = 5_792;
    const MAX_GRADIENT: i32 = 255;
    #[inline(always)]
    fn new(v: i32) -> Self {
        v as i16
    }
    #[inline(always)]
    fn get(self) -> i32 {
        self.into()
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }
    #[inline(always)]
    fn add(sum: i32, a: Self, b: Self) -> i32 {
        sum.wrapping_add(i32::from(a) * i32::from(b))
    }
    #[inline(always)]
    fn plus(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    type Words<L: Lanes> = <L::Half as Lanes>::Pair;
    type Sums<L: Lanes> = <L::Half as Lanes>::I32;
    #[inline(always)]
    fn width<L: Lanes>() -> usize {
        2 * L::Half::LEN
    }
    #[inline(always)]
    fn words<L: Lanes>(words: &[i16], from: usize) -> Self::Words<L> {
        L::Half::words(words, from)
    }
    #[inline(always)]
    fn multiply<L: Lanes>(a: Self::Words<L>, b: Self::Words<L>) -> Self::Words<L> {
        L::Half::pair_mul(a, b)
    }
    #[inline(always)]
    fn none<L: Lanes>() -> Self::Sums<L> {
        L::Half::splat(0)
    }
    #[inline(always)]
    fn accumulate<L: Lanes>(sums: Self::Sums<L>, a: Self::Words<L>, b: Self::Words<L>) -> Self::Sums<L> {
        L::Half::add(sums, L::Half::dot(a, b))
    }
    #[inline(always)]
    fn totals<L: Lanes>(sums: [Self::Sums<L>; 4]) -> [i64; 4] {
        L::Half::totals(sums).map(Into::into)
    }
    #[inline(always)]
    fn wrapped(v: i64) -> i64 {
        (v as i32).into()
    }
    #[inline(always)]
    fn gained(gain: i32, pixel: i32) -> i32 {
        // (Both fit 16 bits, and multiplying such is fast everywhere.)
        round_shift(i32::from(gain as i16) * i32::from(pixel as i16), 6)
    }
    #[inline(always)]
    fn scaled(difference: i32, factor: i32) -> i32 {
        round_shift(difference.wrapping_mul(factor), 16)
    }
}

impl Word for i32 {
    type Sum = i64;
    const GAIN_BITS: u32 = 16;
    const MAX_GAIN: f64 = 16_384.0;
    const MAX_RESIDUAL: i32 = 1 << 22;
    const MAX_GRADIENT: i32 = 65_535;
    #[inline(always)]
    fn new(v: i32) -> Self {
        v
    }
    #[inline(always)]
    fn get(self) -> i32 {
        self
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }
    #[inline(always)]
    fn add(sum: i64, a: Self, b: Self) -> i64 {
        sum.wrapping_add(i64::from(a) * i64::from(b))
    }
    #[inline(always)]
    fn plus(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
    type Words<L: Lanes> = i32;
    type Sums<L: Lanes> = i64;
    #[inline(always)]
    fn width<L: Lanes>() -> usize {
        1
    }
    #[inline(always)]
    fn words<L: Lanes>(words: &[i32], from: usize) -> i32 {
        words.get(from).copied().unwrap_or(0)
    }
    #[inline(always)]
    fn multiply<L: Lanes>(a: i32, b: i32) -> i32 {
        a.wrapping_mul(b)
    }
    #[inline(always)]
    fn none<L: Lanes>() -> i64 {
        0
    }
    #[inline(always)]
    fn accumulate<L: Lanes>(sum: i64, a: i32, b: i32) -> i64 {
        Self::add(sum, a, b)
    }
    #[inline(always)]
    fn totals<L: Lanes>(sums: [i64; 4]) -> [i64; 4] {
        sums
    }
    #[inline(always)]
    fn wrapped(v: i64) -> i64 {
        v
    }
    #[inline(always)]
    fn gained(gain: i32, pixel: i32) -> i32 {
        // 2^30 grey levels at most, in Q6 saturated: beyond the largest residual in any case.
        round_shift_i64(i64::from(gain) * i64::from(pixel), 10).clamp(-(1 << 30), 1 << 30) as i32
    }
    #[inline(always)]
    fn scaled(difference: i32, factor: i32) -> i32 {
        round_shift_i64(i64::from(difference) * i64::from(factor), 16) as i32
    }
}
