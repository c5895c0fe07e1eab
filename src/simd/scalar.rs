//! One lane: plain integer and float code for any target.

use super::lanes::{Lanes, Never};

/// The register of the scalar level.
#[derive(Clone, Copy, Debug)]
pub struct One;

impl Lanes for One {
    type Array<T: Copy> = [T; 1];
    type I32 = i32;
    type I64 = i64;
    type Pair = [i32; 2];
    type F32 = f32;
    type ByteTable = Never;
    type Forms = Never;
    type Half = Self;

    #[inline(always)]
    fn i32([v]: [i32; 1]) -> i32 {
        v
    }
    #[inline(always)]
    fn i32_array(v: i32) -> [i32; 1] {
        [v]
    }
    #[inline(always)]
    fn splat(v: i32) -> i32 {
        v
    }
    #[inline(always)]
    fn add(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn sub(a: i32, b: i32) -> i32 {
        a.wrapping_sub(b)
    }
    #[inline(always)]
    fn mul(a: i32, b: i32) -> i32 {
        a.wrapping_mul(b)
    }
    #[inline(always)]
    fn shr(v: i32, n: u32) -> i32 {
        v >> n
    }
    #[inline(always)]
    fn shl(v: i32, n: u32) -> i32 {
        v << n
    }
    #[inline(always)]
    fn shr_logical(v: i32, n: u32) -> i32 {
        (v as u32 >> n) as i32
    }
    #[inline(always)]
    fn and(a: i32, b: i32) -> i32 {
        a & b
    }
    #[inline(always)]
    fn below(v: i32, limit: i32) -> u32 {
        (v < limit).into()
    }
    #[inline(always)]
    fn with_lane(_: i32, _: u32, number: i32) -> i32 {
        number
    }
    #[inline(always)]
    fn above(v: i32, a: i32, b: i32, more: i32) -> i32 {
        if a > b { v.wrapping_add(more) } else { v }
    }
    #[inline(always)]
    fn i64_splat(v: i64) -> i64 {
        v
    }
    #[inline(always)]
    fn i64_add(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn mul_wide(a: i32, b: i32) -> i64 {
        i64::from(a) * i64::from(b)
    }
    #[inline(always)]
    fn narrow(v: i64, n: u32) -> i32 {
        (v >> n) as i32
    }
    #[inline(always)]
    fn pair([low]: [i16; 1], [high]: [i16; 1]) -> [i32; 2] {
        [low.into(), high.into()]
    }
    #[inline(always)]
    fn pack(low: i32, high: i32) -> [i32; 2] {
        [low, high]
    }
    #[inline(always)]
    fn pair_less([low, high]: [i32; 2], v: i16) -> [i32; 2] {
        [low - i32::from(v), high - i32::from(v)]
    }
    #[inline(always)]
    fn pair_mul(a: [i32; 2], b: [i32; 2]) -> [i32; 2] {
        [i32::from((a[0] * b[0]) as i16), i32::from((a[1] * b[1]) as i16)]
    }
    #[inline(always)]
    fn dot(a: [i32; 2], b: [i32; 2]) -> i32 {
        a[0].wrapping_mul(b[0]).wrapping_add(a[1].wrapping_mul(b[1]))
    }
    #[inline(always)]
    fn f32([v]: [f32; 1]) -> f32 {
        v
    }
    #[inline(always)]
    fn f32_array(v: f32) -> [f32; 1] {
        [v]
    }
    #[inline(always)]
    fn f32_splat(v: f32) -> f32 {
        v
    }
    #[inline(always)]
    fn f32_from(v: i32) -> f32 {
        v as f32
    }
    #[inline(always)]
    fn i32_from(v: f32) -> i32 {
        v as i32
    }
    #[inline(always)]
    fn f32_add(a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    fn f32_sub(a: f32, b: f32) -> f32 {
        a - b
    }
    #[inline(always)]
    fn f32_mul(a: f32, b: f32) -> f32 {
        a * b
    }
    #[inline(always)]
    fn f32_select_nonzero(v: f32, then: f32, otherwise: f32) -> f32 {
        if v != 0.0 { then } else { otherwise }
    }
}
