//! Four lanes by the `wide` crate: SSE2, NEON or wasm simd128 at compile time, arrays elsewhere.

use wide::{f32x4, i16x8, i32x4, u8x16, u32x4};

use super::lanes::{Lanes, Never};

/// A register of 128 bits.
#[derive(Clone, Copy, Debug)]
pub struct Four;

impl Lanes for Four {
    type Array<T: Copy> = [T; 4];
    type I32 = i32x4;
    type I64 = [i64; 4];
    type Pair = i16x8;
    type F32 = f32x4;
    type ByteTable = Never;
    type Forms = Never;
    type Half = Self;

    #[inline(always)]
    fn i32(lanes: [i32; 4]) -> i32x4 {
        i32x4::new(lanes)
    }
    #[inline(always)]
    fn i32_array(v: i32x4) -> [i32; 4] {
        v.to_array()
    }
    #[inline(always)]
    fn splat(v: i32) -> i32x4 {
        i32x4::new([v, v, v, v])
    }
    #[inline(always)]
    fn add(a: i32x4, b: i32x4) -> i32x4 {
        a + b
    }
    #[inline(always)]
    fn sub(a: i32x4, b: i32x4) -> i32x4 {
        a - b
    }
    #[inline(always)]
    fn mul(a: i32x4, b: i32x4) -> i32x4 {
        a * b
    }
    #[inline(always)]
    fn shr(v: i32x4, n: u32) -> i32x4 {
        v >> n
    }
    #[inline(always)]
    fn shl(v: i32x4, n: u32) -> i32x4 {
        v << n
    }
    #[inline(always)]
    fn shr_logical(v: i32x4, n: u32) -> i32x4 {
        words(unsigned(v) >> n)
    }
    #[inline(always)]
    fn and(a: i32x4, b: i32x4) -> i32x4 {
        a & b
    }
    #[inline(always)]
    fn below(v: i32x4, limit: i32) -> u32 {
        v.simd_lt(Self::splat(limit)).to_bitmask()
    }
    #[inline(always)]
    fn with_lane(v: i32x4, lane: u32, number: i32) -> i32x4 {
        let mut lanes = v.to_array();
        if let Some(lane) = lanes.get_mut(lane as usize) {
            *lane = number;
        }
        i32x4::new(lanes)
    }
    #[inline(always)]
    fn above(v: i32x4, a: i32x4, b: i32x4, more: i32) -> i32x4 {
        v + (a.simd_gt(b) & Self::splat(more))
    }
    #[inline(always)]
    fn i64_splat(v: i64) -> [i64; 4] {
        [v; 4]
    }
    #[inline(always)]
    fn i64_add([a, b, c, d]: [i64; 4], [e, f, g, h]: [i64; 4]) -> [i64; 4] {
        [a.wrapping_add(e), b.wrapping_add(f), c.wrapping_add(g), d.wrapping_add(h)]
    }
    #[inline(always)]
    fn mul_wide(a: i32x4, b: i32x4) -> [i64; 4] {
        let ([a, b, c, d], [e, f, g, h]) = (a.to_array(), b.to_array());
        [(a, e), (b, f), (c, g), (d, h)].map(|(a, b)| i64::from(a) * i64::from(b))
    }
    #[inline(always)]
    fn narrow(v: [i64; 4], n: u32) -> i32x4 {
        i32x4::new(v.map(|v| (v >> n) as i32))
    }
    #[inline(always)]
    fn pair(low: [i16; 4], high: [i16; 4]) -> i16x8 {
        i16x8::new([low[0], high[0], low[1], high[1], low[2], high[2], low[3], high[3]])
    }
    #[inline(always)]
    fn pair_of([a, b, c, d]: [u16; 4]) -> i16x8 {
        let word = |v: u16| if cfg!(target_endian = "little") { v } else { v.swap_bytes() } as i16;
        let words = i16x8::new([word(a), word(b), word(c), word(d), 0, 0, 0, 0]);
        // SAFETY: both are 16 bytes of plain integers.
        i16x8::from_u8x16_low(unsafe { core::mem::transmute::<i16x8, u8x16>(words) })
    }
    #[inline(always)]
    fn pack(low: i32x4, high: i32x4) -> i16x8 {
        let words = (low & i32x4::new([0xffff, 0xffff, 0xffff, 0xffff])) | (high << 16_u32);
        words_as_pairs(words)
    }
    #[inline(always)]
    fn pair_less(pair: i16x8, v: i16) -> i16x8 {
        pair - i16x8::new([v, v, v, v, v, v, v, v])
    }
    #[inline(always)]
    fn words(words: &[i16], from: usize) -> i16x8 {
        let words = words.get(from..).unwrap_or_default();
        words.first_chunk::<8>().map_or(i16x8::ZERO, |words| i16x8::new(*words))
    }
    #[inline(always)]
    fn pair_mul(a: i16x8, b: i16x8) -> i16x8 {
        a * b
    }
    #[inline(always)]
    fn dot(a: i16x8, b: i16x8) -> i32x4 {
        a.dot(b)
    }
    #[inline(always)]
    fn f32(lanes: [f32; 4]) -> f32x4 {
        f32x4::new(lanes)
    }
    #[inline(always)]
    fn f32_array(v: f32x4) -> [f32; 4] {
        v.to_array()
    }
    #[inline(always)]
    fn f32_splat(v: f32) -> f32x4 {
        f32x4::new([v, v, v, v])
    }
    #[inline(always)]
    fn f32_from(v: i32x4) -> f32x4 {
        v.round_float()
    }
    #[inline(always)]
    fn i32_from(v: f32x4) -> i32x4 {
        v.fast_trunc_int()
    }
    #[inline(always)]
    fn f32_add(a: f32x4, b: f32x4) -> f32x4 {
        a + b
    }
    #[inline(always)]
    fn f32_sub(a: f32x4, b: f32x4) -> f32x4 {
        a - b
    }
    #[inline(always)]
    fn f32_mul(a: f32x4, b: f32x4) -> f32x4 {
        a * b
    }
    #[inline(always)]
    fn round(v: f32x4, bits: u32) -> (i32x4, i32x4) {
        let v = limited(v);
        let whole = v.fast_trunc_int();
        // Exact, and with the sign of v.
        let rest = (v - whole.round_float()) * Self::f32_splat((2_u32 << bits) as f32);
        let halves = rest.fast_trunc_int().round_float();
        let halves = halves - (halves.simd_gt(rest) & Self::f32_splat(1.0));
        let f = (halves.fast_trunc_int() + Self::splat(1)) >> 1_u32;
        (whole + (f >> bits), f & Self::splat((1 << bits) - 1))
    }
    #[inline(always)]
    fn f32_select_nonzero(v: f32x4, then: f32x4, otherwise: f32x4) -> f32x4 {
        v.simd_eq(f32x4::ZERO).bitselect(otherwise, then)
    }
}

/// Within 2^30; -2^30 where it is no number.
#[inline(always)]
fn limited(v: f32x4) -> f32x4 {
    const FAR: f32 = (1_u32 << 30) as f32;
    let number = v.simd_eq(v).bitselect(v, Four::f32_splat(-FAR));
    number.fast_max(Four::f32_splat(-FAR)).fast_min(Four::f32_splat(FAR))
}

/// The same bits.
#[inline(always)]
fn unsigned(v: i32x4) -> u32x4 {
    // SAFETY: both are 16 bytes of plain integers.
    unsafe { core::mem::transmute::<i32x4, u32x4>(v) }
}

/// The same bits.
#[inline(always)]
fn words(v: u32x4) -> i32x4 {
    // SAFETY: both are 16 bytes of plain integers.
    unsafe { core::mem::transmute::<u32x4, i32x4>(v) }
}

/// The low half of each word first, on either byte order.
#[inline(always)]
fn words_as_pairs(words: i32x4) -> i16x8 {
    if cfg!(target_endian = "little") {
        // SAFETY: both are 16 bytes of plain integers.
        unsafe { core::mem::transmute::<i32x4, i16x8>(words) }
    } else {
        let [a, b, c, d] = words.to_array();
        let low = |v: i32| v as i16;
        let high = |v: i32| (v >> 16) as i16;
        i16x8::new([low(a), high(a), low(b), high(b), low(c), high(c), low(d), high(d)])
    }
}
