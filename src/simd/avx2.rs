//! Eight lanes by AVX2 and FMA, and tap fetch by byte shuffles and small loads.
//!
//! Every function is inlined into the one that [`Level::run`](super::Level::run) enters, so each
//! SAFETY line says the same: the level is a token of the detected features.

use core::arch::x86_64::*;

use super::Operation;
use super::block::{ByteTable, Pairs, Window};
use super::lanes::{Forms, Lanes};
use super::partials::Reach;
use super::spread::{Spread, eight, prefetch};
use super::steps::{NearPositions, Positions};
use crate::fixed::WeightRows;
use crate::kernel::Channel;

/// A register of 256 bits.
#[derive(Clone, Copy, Debug)]
pub struct Eight;

/// The words of the even lanes first, then those of the odd ones.
type Words = [__m256i; 2];

impl Lanes for Eight {
    const FETCHES: bool = true;
    type Array<T: Copy> = [T; 8];
    type I32 = __m256i;
    type I64 = Words;
    type Pair = __m256i;
    type F32 = __m256;
    type ByteTable = Table;
    type Forms = [Ramp; 3];
    type Half = Self;

    // (Functions with features of their own are inlined in spite of that attribute, as of Rust 1.95.)
    #[inline(never)]
    fn call<O: Operation>(operation: O) -> O::Output {
        // SAFETY: see the module.
        unsafe { super::enter_avx2(operation) }
    }
    #[inline(always)]
    fn i32(lanes: [i32; 8]) -> __m256i {
        // SAFETY: see the module; an array has 32 bytes.
        unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
    }
    #[inline(always)]
    fn i32_array(v: __m256i) -> [i32; 8] {
        let mut out = [0; 8];
        // SAFETY: see the module; an array has 32 bytes.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), v) };
        out
    }
    #[inline(always)]
    fn splat(v: i32) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_set1_epi32(v) }
    }
    #[inline(always)]
    fn add(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_add_epi32(a, b) }
    }
    #[inline(always)]
    fn sub(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_sub_epi32(a, b) }
    }
    #[inline(always)]
    fn mul(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_mullo_epi32(a, b) }
    }
    #[inline(always)]
    fn shr(v: __m256i, n: u32) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_sra_epi32(v, _mm_cvtsi32_si128(n as i32)) }
    }
    #[inline(always)]
    fn shl(v: __m256i, n: u32) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_sll_epi32(v, _mm_cvtsi32_si128(n as i32)) }
    }
    #[inline(always)]
    fn shr_logical(v: __m256i, n: u32) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_srl_epi32(v, _mm_cvtsi32_si128(n as i32)) }
    }
    #[inline(always)]
    fn and(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_and_si256(a, b) }
    }
    #[inline(always)]
    fn below(v: __m256i, limit: i32) -> u32 {
        // SAFETY: see the module.
        unsafe {
            let below = _mm256_cmpgt_epi32(_mm256_set1_epi32(limit), v);
            _mm256_movemask_ps(_mm256_castsi256_ps(below)) as u32
        }
    }
    #[inline(always)]
    fn with_lane(v: __m256i, lane: u32, number: i32) -> __m256i {
        // SAFETY: see the module.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let here = _mm256_cmpeq_epi32(lanes, _mm256_set1_epi32(lane as i32));
            _mm256_blendv_epi8(v, _mm256_set1_epi32(number), here)
        }
    }
    #[inline(always)]
    fn above(v: __m256i, a: __m256i, b: __m256i, more: i32) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_add_epi32(v, _mm256_and_si256(_mm256_cmpgt_epi32(a, b), _mm256_set1_epi32(more))) }
    }
    #[inline(always)]
    fn i64_splat(v: i64) -> Words {
        // SAFETY: see the module.
        unsafe { [_mm256_set1_epi64x(v), _mm256_set1_epi64x(v)] }
    }
    #[inline(always)]
    fn i64_add([a, b]: Words, [c, d]: Words) -> Words {
        // SAFETY: see the module.
        unsafe { [_mm256_add_epi64(a, c), _mm256_add_epi64(b, d)] }
    }
    #[inline(always)]
    fn mul_wide(a: __m256i, b: __m256i) -> Words {
        // SAFETY: see the module.
        unsafe {
            let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
            [_mm256_mul_epi32(a, b), odd]
        }
    }
    #[inline(always)]
    fn narrow([even, odd]: Words, n: u32) -> __m256i {
        // SAFETY: see the module.
        unsafe {
            let even = _mm256_srl_epi64(even, _mm_cvtsi32_si128(n as i32));
            let odd = _mm256_sll_epi64(odd, _mm_cvtsi32_si128(32 - n as i32));
            _mm256_blend_epi32::<0b1010_1010>(even, odd)
        }
    }
    #[inline(always)]
    fn pair(low: [i16; 8], high: [i16; 8]) -> __m256i {
        // SAFETY: see the module; an array has 16 bytes.
        unsafe {
            let low = _mm256_cvtepi16_epi32(_mm_loadu_si128(low.as_ptr().cast()));
            Self::pack(low, _mm256_cvtepi16_epi32(_mm_loadu_si128(high.as_ptr().cast())))
        }
    }
    #[inline(always)]
    fn pair_bytes(low: &[u8], high: &[u8]) -> __m256i {
        let (Some(low), Some(high)) = (low.first_chunk::<8>(), high.first_chunk::<8>()) else {
            return Self::splat(0);
        };
        // SAFETY: see the module; chunks have 8 bytes.
        unsafe {
            let low = _mm_loadl_epi64(low.as_ptr().cast());
            let high = _mm_loadl_epi64(high.as_ptr().cast());
            _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(low, high))
        }
    }
    #[inline(always)]
    fn pack(low: __m256i, high: __m256i) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_blend_epi16::<0b1010_1010>(low, _mm256_slli_epi32::<16>(high)) }
    }
    #[inline(always)]
    fn pair_less(pair: __m256i, v: i16) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_sub_epi16(pair, _mm256_set1_epi16(v)) }
    }
    #[inline(always)]
    fn words(words: &[i16], from: usize) -> __m256i {
        let Some(words) = words.get(from..).unwrap_or_default().first_chunk::<16>() else {
            return Self::splat(0);
        };
        // SAFETY: see the module; a chunk has 32 bytes.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }
    #[inline(always)]
    fn pair_mul(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_mullo_epi16(a, b) }
    }
    #[inline(always)]
    fn totals([a, b, c, d]: [__m256i; 4]) -> [i32; 4] {
        let mut out = [0; 4];
        // SAFETY: see the module; the array has 16 bytes.
        unsafe {
            // (Blends are several times as fast as what moves lanes.)
            let (x, y) = (_mm256_blend_epi32::<0b1010_1010>(a, b), _mm256_blend_epi32::<0b1010_1010>(b, a));
            let ab = _mm256_add_epi32(x, _mm256_shuffle_epi32::<0b10_11_00_01>(y));
            let (x, y) = (_mm256_blend_epi32::<0b1010_1010>(c, d), _mm256_blend_epi32::<0b1010_1010>(d, c));
            let cd = _mm256_add_epi32(x, _mm256_shuffle_epi32::<0b10_11_00_01>(y));
            let (x, y) =
                (_mm256_blend_epi32::<0b1100_1100>(ab, cd), _mm256_blend_epi32::<0b1100_1100>(cd, ab));
            let all = _mm256_add_epi32(x, _mm256_shuffle_epi32::<0b01_00_11_10>(y));
            let sums = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256::<1>(all));
            _mm_storeu_si128(out.as_mut_ptr().cast(), sums);
        }
        out
    }
    #[inline(always)]
    fn dot(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_madd_epi16(a, b) }
    }
    #[inline(always)]
    fn f32(lanes: [f32; 8]) -> __m256 {
        // SAFETY: see the module; an array has 32 bytes.
        unsafe { _mm256_loadu_ps(lanes.as_ptr()) }
    }
    #[inline(always)]
    fn f32_array(v: __m256) -> [f32; 8] {
        let mut out = [0.0; 8];
        // SAFETY: see the module; an array has 32 bytes.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), v) };
        out
    }
    #[inline(always)]
    fn f32_splat(v: f32) -> __m256 {
        // SAFETY: see the module.
        unsafe { _mm256_set1_ps(v) }
    }
    #[inline(always)]
    fn f32_from(v: __m256i) -> __m256 {
        // SAFETY: see the module.
        unsafe { _mm256_cvtepi32_ps(v) }
    }
    #[inline(always)]
    fn i32_from(v: __m256) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_cvttps_epi32(v) }
    }
    #[inline(always)]
    fn f32_add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the module.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn f32_sub(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the module.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    fn f32_mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the module.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn f32_mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: see the module.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn f32_select_nonzero(v: __m256, then: __m256, otherwise: __m256) -> __m256 {
        // SAFETY: see the module.
        unsafe { _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps::<_CMP_NEQ_UQ>(v, _mm256_setzero_ps())) }
    }

    #[inline(always)]
    fn f32_all_nonzero(v: __m256) -> bool {
        // SAFETY: see the module.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(v, _mm256_setzero_ps())) == 0 }
    }

    #[inline(always)]
    fn fetch_ahead<T>(from: &[T]) {
        prefetch(from.as_ptr().cast::<u8>().wrapping_add(512));
    }
    #[inline(always)]
    fn least_of_ends(at: [&[f32]; 2], last: i32, bits: u32) -> [i32; 2] {
        // SAFETY: see the module.
        unsafe { least_of(at, last, bits) }
    }
    #[inline(always)]
    fn ends(v: __m256i) -> (i32, i32) {
        // SAFETY: see the module.
        unsafe { (_mm256_cvtsi256_si32(v), _mm256_extract_epi32::<7>(v)) }
    }
    #[inline(always)]
    fn bounds(v: __m256i) -> (i32, i32) {
        // SAFETY: see the module.
        unsafe {
            let words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            ends_of_words(words, words)
        }
    }
    #[inline(always)]
    fn round(v: __m256, bits: u32) -> (__m256i, __m256i) {
        const TO_ZERO: i32 = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;
        // SAFETY: see the module.
        unsafe {
            let whole = _mm256_round_ps::<TO_ZERO>(v);
            // Exact, and with the sign of v.
            let rest = _mm256_mul_ps(_mm256_sub_ps(v, whole), _mm256_set1_ps((2_u64 << bits) as f32));
            let halves = _mm256_cvttps_epi32(_mm256_floor_ps(rest));
            let f = _mm256_srai_epi32::<1>(_mm256_add_epi32(halves, _mm256_set1_epi32(1)));
            let carry = _mm256_sra_epi32(f, _mm_cvtsi32_si128(bits as i32));
            let cell = _mm256_add_epi32(_mm256_cvttps_epi32(whole), carry);
            (cell, _mm256_and_si256(f, _mm256_set1_epi32((1 << bits) - 1)))
        }
    }
    #[inline(always)]
    fn round_even(v: __m256) -> __m256i {
        const EVEN: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: see the module.
        unsafe { _mm256_cvttps_epi32(_mm256_round_ps::<EVEN>(v)) }
    }
    #[inline(always)]
    fn within(v: __m256i, last: i32) -> bool {
        // SAFETY: see the module.
        unsafe {
            let beyond = _mm256_or_si256(v, _mm256_sub_epi32(_mm256_set1_epi32(last), v));
            _mm256_movemask_ps(_mm256_castsi256_ps(beyond)) == 0
        }
    }
    #[inline(always)]
    fn clamp(v: __m256i, last: i32) -> __m256i {
        // SAFETY: see the module.
        unsafe { _mm256_max_epi32(_mm256_min_epi32(v, _mm256_set1_epi32(last)), _mm256_setzero_si256()) }
    }
    #[inline(always)]
    fn f32_select_equal(a: __m256i, b: __m256i, then: __m256, otherwise: __m256) -> __m256 {
        // SAFETY: see the module.
        unsafe { _mm256_blendv_ps(otherwise, then, _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b))) }
    }

    #[inline(always)]
    fn store_u8(v: __m256i, out: &mut [u8]) {
        if let Ok(out) = <&mut [u8; 8]>::try_from(out) {
            // SAFETY: see the module; an array has 8 bytes. Both packs saturate, and what is
            // beyond 16 bits stays on its side.
            unsafe {
                let words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
                _mm_storel_epi64(out.as_mut_ptr().cast(), _mm_packus_epi16(words, words));
            }
        }
    }

    #[inline(always)]
    fn interleave_u8(channels: &[[u8; 8]], out: &mut [u8]) {
        // SAFETY: see the module; arrays have 8 bytes, and as many as are written.
        unsafe {
            if let ([r, g, b], Ok(out)) = (channels, <&mut [u8; 24]>::try_from(&mut *out)) {
                let (rg, b) = (
                    _mm_unpacklo_epi64(eight(r.as_ptr().cast()), eight(g.as_ptr().cast())),
                    eight(b.as_ptr().cast()),
                );
                let first = _mm_or_si128(
                    _mm_shuffle_epi8(
                        rg,
                        _mm_setr_epi8(0, 8, -1, 1, 9, -1, 2, 10, -1, 3, 11, -1, 4, 12, -1, 5),
                    ),
                    _mm_shuffle_epi8(
                        b,
                        _mm_setr_epi8(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1),
                    ),
                );
                let last = _mm_or_si128(
                    _mm_shuffle_epi8(
                        rg,
                        _mm_setr_epi8(13, -1, 6, 14, -1, 7, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1),
                    ),
                    _mm_shuffle_epi8(
                        b,
                        _mm_setr_epi8(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, -1, -1, -1, -1, -1, -1),
                    ),
                );
                _mm_storeu_si128(out.as_mut_ptr().cast(), first);
                _mm_storel_epi64(out.as_mut_ptr().add(16).cast(), last);
            } else if let ([r, g, b, a], Ok(out)) = (channels, <&mut [u8; 32]>::try_from(&mut *out)) {
                let (rg, ba) = (
                    _mm_unpacklo_epi8(eight(r.as_ptr().cast()), eight(g.as_ptr().cast())),
                    _mm_unpacklo_epi8(eight(b.as_ptr().cast()), eight(a.as_ptr().cast())),
                );
                _mm_storeu_si128(out.as_mut_ptr().cast(), _mm_unpacklo_epi16(rg, ba));
                _mm_storeu_si128(out.as_mut_ptr().add(16).cast(), _mm_unpackhi_epi16(rg, ba));
            } else {
                super::lanes::interleave(channels, out);
            }
        }
    }

    #[inline(always)]
    fn rows(rows: &WeightRows, index: __m256i) -> [__m256i; 4] {
        // SAFETY: see the module; an index has 14 bits.
        unsafe {
            let index = Self::i32_array(_mm256_and_si256(index, _mm256_set1_epi32(rows.len() as i32 - 1)));
            let (a, b) = (two_rows::<0>(rows, &index), two_rows::<1>(rows, &index));
            let (c, d) = (two_rows::<2>(rows, &index), two_rows::<3>(rows, &index));
            let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
            let (ab_high, cd_high) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
            [
                _mm256_unpacklo_epi64(ab, cd),
                _mm256_unpackhi_epi64(ab, cd),
                _mm256_unpacklo_epi64(ab_high, cd_high),
                _mm256_unpackhi_epi64(ab_high, cd_high),
            ]
        }
    }

    #[inline(always)]
    fn lookup(table: &[i32; 65], index: __m256i) -> [__m256i; 2] {
        let index = Self::i32_array(Self::clamp(index, 63));
        // SAFETY: see the module; there are two numbers at every index below 64.
        unsafe {
            let [these, next] = pairs(&Spread { first: table.as_ptr(), index: &index });
            [_mm256_castps_si256(these), _mm256_castps_si256(next)]
        }
    }

    #[inline(always)]
    fn fetch_f32<T: AsMut<[__m256]>>(window: &Window<'_, f32>, at: &Positions<Self>, taps: &mut [T]) -> bool {
        Self::collect_f32(window, at.cell, taps)
    }
    #[inline(always)]
    fn collect_f32<T: AsMut<[__m256]>>(window: &Window<'_, f32>, cell: [__m256i; 2], taps: &mut [T]) -> bool {
        let (count, Some(index)) = (taps.len(), index(window, cell)) else { return false };
        for (j, taps) in taps.iter_mut().enumerate() {
            // SAFETY: see the module. The cells are in the kernel's area (the caller's promise), so
            // that every tap is in the data, and index() has found that its index fits.
            unsafe {
                let row = window.data.as_ptr().add(j * window.stride);
                let at = Spread { first: row, index: &index };
                if j + 1 == count {
                    // What the rows below will need.
                    at.fetch_ahead(3 * window.stride);
                }
                fill(&at, window.step, taps.as_mut());
            }
        }
        true
    }
    #[inline(always)]
    fn fetch_16<C: Channel, T: AsMut<[__m256i]>>(
        window: &Window<'_, C>,
        at: &Positions<Self>,
        reach: Reach<C>,
        pairs: &mut [T],
    ) -> bool {
        if window.step != 1 || matches!(reach, Reach::Across(_)) {
            return false;
        }
        let Some(index) = index(window, at.cell) else { return false };
        for (j, pairs) in pairs.iter_mut().enumerate() {
            for (n, [pair, _]) in pairs.as_mut().as_chunks_mut::<2>().0.iter_mut().enumerate() {
                // SAFETY: as in collect_f32(); taps 2 n and 2 n + 1 are 32 bits.
                unsafe {
                    let row = window.data.as_ptr().add(j * window.stride + 2 * n);
                    *pair = _mm256_castps_si256(singles(&Spread { first: row, index: &index }));
                }
            }
        }
        true
    }
    #[inline(always)]
    fn fetch_bytes<T: AsMut<[__m256i]>>(
        window: &Window<'_, u8>,
        at: &Positions<Self>,
        pairs: &mut [T],
    ) -> bool {
        let support = pairs.len();
        let Some(index) = index(window, at.cell) else { return false };
        // Four bytes are read where the last pair begins.
        if window.step > 3 || !reaches(window, at, (support - 2) * window.step + window.channel, support, 4) {
            return false;
        }
        for (j, pairs) in pairs.iter_mut().enumerate() {
            for (n, [pair, _]) in pairs.as_mut().as_chunks_mut::<2>().0.iter_mut().enumerate() {
                // SAFETY: as in collect_f32(), and the test above.
                unsafe {
                    let row = window.data.as_ptr().add(j * window.stride + 2 * n * window.step);
                    let four = _mm256_castps_si256(singles(&Spread { first: row, index: &index }));
                    let lane = |l: usize| [4 * l as u8, NONE, (4 * l + window.step) as u8, NONE];
                    *pair = _mm256_shuffle_epi8(four, repeat([lane(0), lane(1), lane(2), lane(3)]));
                }
            }
        }
        true
    }
    #[inline(always)]
    fn fetch_pixels(
        window: &Window<'_, u8>,
        at: &Positions<Self>,
        reach: Reach<&[u8]>,
        channels: &mut [[__m256i; 2]],
    ) -> bool {
        if matches!(reach, Reach::Across(_)) {
            return false;
        }
        let Some(index) = index(window, at.cell) else { return false };
        // Both taps of a row are in the eight bytes that are read where it begins.
        if window.step > 4 || !reaches(window, at, 0, 2, 8) {
            return false;
        }
        for j in 0..2 {
            // SAFETY: as in collect_f32(), and the test above.
            unsafe {
                let at = Spread { first: window.data.as_ptr().add(j * window.stride), index: &index };
                let [a, b] = twos(&at);
                let (a, b) = (_mm256_castps_si256(a), _mm256_castps_si256(b));
                // Of the first channel.
                let right = window.step as u8;
                let (two, none) = ([[0, NONE, right, NONE], [8, NONE, right + 8, NONE]], [NONE; 4]);
                let low = repeat([two[0], two[1], none, none]);
                let high = repeat([none, none, two[0], two[1]]);
                for (c, pairs) in channels.iter_mut().enumerate() {
                    let c = _mm256_set1_epi8(c as i8);
                    let a = _mm256_shuffle_epi8(a, _mm256_add_epi8(low, c));
                    let b = _mm256_shuffle_epi8(b, _mm256_add_epi8(high, c));
                    pairs[j] = _mm256_or_si256(a, b);
                }
            }
        }
        true
    }
}

/// The rows of lanes L and L + 4.
///
/// # Safety
/// AVX2 is there; an index is below 2^14.
#[inline(always)]
unsafe fn two_rows<const L: usize>(rows: &WeightRows, index: &[i32; 8]) -> __m256i {
    let first = rows.as_ptr();
    // SAFETY: as above; a row has 16 bytes.
    unsafe {
        let v = _mm256_castsi128_si256(_mm_loadu_si128(first.add(index[L] as usize).cast()));
        _mm256_inserti128_si256::<1>(v, _mm_loadu_si128(first.add(index[L + 4] as usize).cast()))
    }
}

/// The index of the first tap of each lane, if the data is so short that it fits.
#[inline(always)]
fn index<C: Channel>(window: &Window<'_, C>, cell: [__m256i; 2]) -> Option<[i32; 8]> {
    if window.data.len() > i32::MAX as usize {
        return None;
    }
    let (stride, step) = (window.stride as i32, window.step as i32);
    let start = window.first * stride + window.first * step + window.channel as i32;
    // SAFETY: see the module.
    unsafe {
        let rows = _mm256_mullo_epi32(cell[1], _mm256_set1_epi32(stride));
        let columns = _mm256_mullo_epi32(cell[0], _mm256_set1_epi32(step));
        Some(Eight::i32_array(_mm256_add_epi32(_mm256_add_epi32(rows, columns), _mm256_set1_epi32(start))))
    }
}

/// Whether so many bytes are in the data from an offset on after the first tap of the last row of any lane.
#[inline(always)]
fn reaches(
    window: &Window<'_, u8>,
    at: &Positions<Eight>,
    offset: usize,
    support: usize,
    bytes: usize,
) -> bool {
    let last = (at.max[1] + window.first) as usize * window.stride
        + (at.max[0] + window.first) as usize * window.step
        + (support - 1) * window.stride;
    last + offset + bytes <= window.data.len()
}

/// In a shuffle: no byte, not even with a channel added.
const NONE: u8 = 0x80;

/// The same shuffle for both halves, of four lanes each.
#[inline(always)]
fn repeat([a, b, c, d]: [[u8; 4]; 4]) -> __m256i {
    // (A map() would be a call.)
    let [a, b] = [i32::from_le_bytes(a), i32::from_le_bytes(b)];
    let [c, d] = [i32::from_le_bytes(c), i32::from_le_bytes(d)];
    // SAFETY: see the module.
    unsafe { _mm256_setr_epi32(a, b, c, d, a, b, c, d) }
}

/// Four bytes from each place.
///
/// # Safety
/// AVX2 is there; the bytes can be read.
#[inline(always)]
unsafe fn singles<T>(at: &Spread<'_, T, 8>) -> __m256 {
    // SAFETY: as above.
    unsafe { _mm256_set_m128(at.ones::<4, 5, 6, 7>(), at.ones::<0, 1, 2, 3>()) }
}

/// Eight bytes from each place: of 0, 1, 4 and 5, and of the others.
///
/// # Safety
/// AVX2 is there; the bytes can be read.
#[inline(always)]
unsafe fn twos<T>(at: &Spread<'_, T, 8>) -> [__m256; 2] {
    // SAFETY: as above.
    unsafe {
        [
            _mm256_set_m128(at.two::<4, 5>(), at.two::<0, 1>()),
            _mm256_set_m128(at.two::<6, 7>(), at.two::<2, 3>()),
        ]
    }
}

/// The two elements of four bytes from each place on.
///
/// # Safety
/// AVX2 is there; the elements can be read.
#[inline(always)]
unsafe fn pairs<T>(at: &Spread<'_, T, 8>) -> [__m256; 2] {
    // SAFETY: as above.
    unsafe {
        let [a, b] = twos(at);
        [_mm256_shuffle_ps::<0b10_00_10_00>(a, b), _mm256_shuffle_ps::<0b11_01_11_01>(a, b)]
    }
}

/// The four elements of four bytes from each place on.
///
/// # Safety
/// AVX2 is there; the elements can be read.
#[inline(always)]
unsafe fn quads<T>(at: &Spread<'_, T, 8>) -> [__m256; 4] {
    // SAFETY: as above.
    unsafe {
        let a = _mm256_set_m128(at.four::<4>(), at.four::<0>());
        let b = _mm256_set_m128(at.four::<5>(), at.four::<1>());
        let c = _mm256_set_m128(at.four::<6>(), at.four::<2>());
        let d = _mm256_set_m128(at.four::<7>(), at.four::<3>());
        let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
        let (ef, gh) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
        [
            _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd),
            _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd),
            _mm256_shuffle_ps::<0b01_00_01_00>(ef, gh),
            _mm256_shuffle_ps::<0b11_10_11_10>(ef, gh),
        ]
    }
}

/// The elements at the places, and so many more, `step` apart, that all taps are filled.
///
/// # Safety
/// AVX2 is there; the elements can be read.
#[inline(always)]
unsafe fn fill(at: &Spread<'_, f32, 8>, step: usize, taps: &mut [__m256]) {
    let mut first = at.first;
    // SAFETY: as above.
    unsafe {
        if let [left, right] = taps
            && step == 1
        {
            [*left, *right] = pairs(at);
        } else if taps.len().is_multiple_of(4) && step == 1 {
            for taps in taps.as_chunks_mut::<4>().0 {
                *taps = quads(&Spread { first, index: at.index });
                first = first.wrapping_add(4);
            }
        } else {
            for tap in taps {
                *tap = singles(&Spread { first, index: at.index });
                first = first.wrapping_add(step);
            }
        }
    }
}

/// Sixteen bytes, twice.
///
/// # Safety
/// AVX2 is there; the bytes can be read.
#[inline(always)]
unsafe fn twice(at: *const u8) -> __m256i {
    // SAFETY: as above.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(at.cast())) }
}

/// The bytes around the taps of a block, in rows of 16.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Each row twice: for eight rows of cells, and a support of eight.
    rows: [__m256i; 15],
    /// Where the first tap of each lane is: its column, and sixteen times its row.
    index: __m256i,
    /// More than four rows begin a lane's taps: eight then, else four.
    steep: bool,
}

impl Table {
    /// The bytes that the indices, 0 to 127, tell, j rows on; zero for those from 0xf0 on.
    #[inline(always)]
    fn pick(&self, index: __m256i, j: usize) -> __m256i {
        let mut picked = self.pick_of_four(index, j, 0);
        if self.steep {
            // SAFETY: see the module.
            picked = unsafe { _mm256_or_si256(picked, self.pick_of_four(index, j, 4)) };
        }
        picked
    }

    #[inline(always)]
    fn pick_of_four(&self, index: __m256i, j: usize, first: usize) -> __m256i {
        // SAFETY: see the module.
        unsafe {
            let mut picked = _mm256_setzero_si256();
            for r in first..first + 4 {
                // A shuffle gives zero where an index has its highest bit: what is not in this row gets it.
                let here = _mm256_sub_epi8(index, _mm256_set1_epi8(16 * r as i8));
                let here = _mm256_adds_epu8(here, _mm256_set1_epi8(0x70));
                let row = self.rows.get(r + j).copied().unwrap_or(picked);
                picked = _mm256_or_si256(picked, _mm256_shuffle_epi8(row, here));
            }
            picked
        }
    }
}

impl Pairs<Eight> for Table {
    #[inline(always)]
    fn pair(&self, i: usize, j: usize) -> __m256i {
        // SAFETY: see the module.
        unsafe {
            let both = _mm256_or_si256(self.index, _mm256_slli_epi32::<16>(self.index));
            let taps = i32::from_le_bytes([i as u8, 0xf0, i as u8 + 1, 0xf0]);
            self.pick(_mm256_add_epi8(both, _mm256_set1_epi32(taps)), j)
        }
    }
}

impl Table {
    /// Of the rows from a corner on, as many as blocks need whose cells are in four or eight rows, and places of
    /// first taps relative to that.
    ///
    /// # Safety
    /// AVX2 is there; sixteen columns of these rows are in the image.
    #[inline(always)]
    unsafe fn at(
        window: &Window<'_, u8>,
        [x, y]: [i32; 2],
        index: __m256i,
        support: i32,
        steep: bool,
    ) -> Self {
        let (few, all) = (3 + support as usize, 7 + support as usize);
        debug_assert!(x >= 0 && x as usize + 16 <= window.width);
        debug_assert!(y >= 0 && y as usize + if steep { all } else { few } <= window.height);
        // SAFETY: as above.
        unsafe {
            let first = window.data.as_ptr().add(y as usize * window.stride + x as usize);
            let mut rows = [_mm256_setzero_si256(); 15];
            for (n, row) in rows.iter_mut().enumerate().take(few) {
                *row = twice(first.add(n * window.stride));
            }
            if steep {
                for (n, row) in rows.iter_mut().enumerate().take(all) {
                    // (As a skip() it would be a call.)
                    if n >= few {
                        *row = twice(first.add(n * window.stride));
                    }
                }
            }
            Self { rows, index, steep }
        }
    }
}

impl ByteTable<Eight> for Table {
    #[inline(always)]
    fn new(window: &Window<'_, u8>, at: &Positions<Eight>, support: i32) -> Option<Self> {
        let (columns, begins) = (at.max[0] - at.min[0] + support, at.max[1] - at.min[1] + 1);
        let steep = begins > 4;
        let count = if steep { 7 } else { 3 } + support;
        let (width, height) = (window.width as i32, window.height as i32);
        if window.step != 1 || support > 8 || columns > 16 || begins > 8 || width < 16 || height < count {
            return None;
        }
        // It may begin before the first tap, so as to end inside the image.
        let x = (at.min[0] + window.first).min(width - 16);
        let y = (at.min[1] + window.first).min(height - count);
        // SAFETY: see the module. Rows y to y + count and columns x to x + 16 are in the image, since the
        // least cell is in the kernel's area (the caller's promise) and the image is large enough.
        Some(unsafe {
            // The first tap of a cell less the corner, all at once.
            let corner = _mm256_set1_epi32(window.first - x + 16 * (window.first - y));
            let index = _mm256_add_epi32(at.cell[0], _mm256_slli_epi32::<4>(at.cell[1]));
            Self::at(window, [x, y], _mm256_add_epi32(index, corner), support, steep)
        })
    }

    #[inline(always)]
    fn room([columns, rows]: [i32; 2], support: i32) -> Option<[i32; 2]> {
        (support <= 8 && columns + support <= 16 && rows < 4).then_some([16, 3 + support])
    }

    const PITCH: u32 = 4;
    const REACH: [i32; 2] = [12, 3];

    #[inline(always)]
    fn near(
        window: &Window<'_, u8>,
        at: &NearPositions<Eight>,
        _room: [i32; 2],
        support: i32,
    ) -> Option<Self> {
        let corner = at.least.map(|v| v + window.first);
        // SAFETY: see the module; there is room (the caller's promise).
        Some(unsafe { Self::at(window, corner, at.place, support, false) })
    }

    #[inline(always)]
    fn byte(&self) -> __m256i {
        // SAFETY: see the module.
        self.pick(unsafe { _mm256_or_si256(self.index, _mm256_set1_epi32(0xf0f0_f000_u32 as i32)) }, 0)
    }
}

/// See [`Lanes::least_of_ends`].
///
/// # Safety
/// SSE4.1 is there.
#[inline(always)]
pub(super) unsafe fn least_of([x, y]: [&[f32]; 2], last: i32, bits: u32) -> [i32; 2] {
    let ([x0, .., x1], [y0, .., y1]) = (x, y) else { return [0; 2] };
    // SAFETY: as above.
    unsafe {
        let all = _mm_setr_ps(*x0, *y0, *x1, *y1);
        // To the nearest, of two the even one, is what cells are without fractions, or one less.
        let all = if bits == 0 { _mm_cvtps_epi32(all) } else { _mm_cvttps_epi32(_mm_floor_ps(all)) };
        let ends = _mm_add_epi32(_mm_unpackhi_epi64(all, all), _mm_cvtsi32_si128(last));
        let least = _mm_min_epi32(all, ends);
        [_mm_cvtsi128_si32(least), _mm_extract_epi32::<1>(least)]
    }
}

/// The least of some words and the greatest of others, those at the ends of `i16` as the ends of `i32`.
///
/// # Safety
/// SSE4.1 is there.
#[inline(always)]
pub(super) unsafe fn ends_of_words(least: __m128i, greatest: __m128i) -> (i32, i32) {
    // SAFETY: as above.
    unsafe {
        // The instruction finds the least of unsigned words.
        let min = _mm_minpos_epu16(_mm_xor_si128(least, _mm_set1_epi16(i16::MIN)));
        let max = _mm_minpos_epu16(_mm_xor_si128(greatest, _mm_set1_epi16(i16::MAX)));
        let (min, max) =
            ((_mm_cvtsi128_si32(min) as i16) ^ i16::MIN, (_mm_cvtsi128_si32(max) as i16) ^ i16::MAX);
        let min = if min == i16::MIN { i32::MIN } else { min.into() };
        (min, if max == i16::MAX { i32::MAX } else { max.into() })
    }
}

/// Whole numbers below 2^53, linear from lane to lane.
#[derive(Clone, Copy, Debug)]
pub struct Ramp {
    at: [__m256d; 2],
    block: __m256d,
}

impl Ramp {
    /// `start + l step` for each lane l.
    #[inline(always)]
    fn new(start: i64, step: i64) -> Self {
        // SAFETY: see the module.
        unsafe {
            let step = _mm256_set1_pd(step as f64);
            let low = _mm256_fmadd_pd(step, _mm256_setr_pd(0.0, 1.0, 2.0, 3.0), _mm256_set1_pd(start as f64));
            let high = _mm256_fmadd_pd(step, _mm256_set1_pd(4.0), low);
            Self { at: [low, high], block: _mm256_mul_pd(step, _mm256_set1_pd(8.0)) }
        }
    }
    /// These eight, and on to the next.
    #[inline(always)]
    fn next(&mut self) -> [__m256d; 2] {
        let [low, high] = self.at;
        // SAFETY: see the module.
        unsafe {
            self.at = [_mm256_add_pd(low, self.block), _mm256_add_pd(high, self.block)];
        }
        [low, high]
    }
}

impl Forms<Eight> for [Ramp; 3] {
    #[inline(always)]
    fn new([u, v, d]: [i64; 3], [du, dv, dd]: [i64; 3]) -> Option<Self> {
        Some([Ramp::new(u, du), Ramp::new(v, dv), Ramp::new(d, dd)])
    }
    #[inline(always)]
    fn next(&mut self, [ax, ay]: [i32; 2], bits: u32) -> [(__m256i, __m256i); 2] {
        let [u, v, d] = self;
        let d = d.next();
        [quotient(u.next(), d, bits, ax), quotient(v.next(), d, bits, ay)]
    }
}

/// Cells and fractions of `floor(n 2^bits / d + 1/2)`, exactly, for d > 0.
#[inline(always)]
fn quotient(n: [__m256d; 2], d: [__m256d; 2], bits: u32, anchor: i32) -> (__m256i, __m256i) {
    let ((c0, f0), (c1, f1)) = (half_quotient(n[0], d[0], bits), half_quotient(n[1], d[1], bits));
    // SAFETY: see the module.
    unsafe {
        (_mm256_add_epi32(_mm256_set_m128i(c1, c0), _mm256_set1_epi32(anchor)), _mm256_set_m128i(f1, f0))
    }
}

/// The estimate in `f64` is at most one off, and what is left tells.
#[inline(always)]
fn half_quotient(n: __m256d, d: __m256d, bits: u32) -> (__m128i, __m128i) {
    let one = (1_u64 << bits) as f64;
    // SAFETY: see the module.
    unsafe {
        let unit = _mm256_set1_pd(1.0);
        let scaled = _mm256_mul_pd(n, _mm256_set1_pd(one));
        let q = _mm256_floor_pd(_mm256_add_pd(_mm256_div_pd(scaled, d), _mm256_set1_pd(0.5)));
        // n 2^bits + d / 2 - q d, in [0, d) for the right q; exact, since it is small.
        let half = _mm256_mul_pd(d, _mm256_set1_pd(0.5));
        let rest = _mm256_add_pd(_mm256_fnmadd_pd(q, d, scaled), half);
        let low = _mm256_cmp_pd::<_CMP_LT_OQ>(rest, _mm256_setzero_pd());
        let high = _mm256_cmp_pd::<_CMP_GE_OQ>(rest, d);
        let q = _mm256_sub_pd(q, _mm256_and_pd(low, unit));
        let q = _mm256_add_pd(q, _mm256_and_pd(high, unit));
        let cell = _mm256_floor_pd(_mm256_mul_pd(q, _mm256_set1_pd(1.0 / one)));
        let fraction = _mm256_fnmadd_pd(cell, _mm256_set1_pd(one), q);
        (_mm256_cvttpd_epi32(cell), _mm256_cvttpd_epi32(fraction))
    }
}
