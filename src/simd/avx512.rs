//! Sixteen lanes by AVX-512 (F, BW, DQ, VL, VBMI), and tap fetch by byte permutes.
//!
//! Every function is inlined into the one that [`Level::run`](super::Level::run) enters, so each
//! SAFETY line says the same: the level is a token of the detected features.

use core::arch::x86_64::*;

use super::Lanes;
use super::block::Window;
use super::steps::Positions;

/// A register of 512 bits.
#[derive(Clone, Copy, Debug)]
pub struct Sixteen;

/// The bytes around the taps of a block: rows of 16, 32 or 64, 256 in all.
#[derive(Clone, Copy)]
pub struct Table {
    bytes: [__m512i; 4],
    /// Where the first tap of each lane is.
    index: __m512i,
    /// The logarithm of the length of a row.
    pitch: u32,
}

impl Table {
    /// The bytes at an index in each byte that is kept, zero in the others.
    #[inline(always)]
    fn pick(&self, index: __m512i, keep: __mmask64) -> __m512i {
        let [a, b, c, d] = self.bytes;
        // SAFETY: see the module.
        unsafe {
            let upper = _mm512_movepi8_mask(index) & keep;
            let low = _mm512_maskz_permutex2var_epi8(keep, a, index, b);
            _mm512_mask_mov_epi8(low, upper, _mm512_permutex2var_epi8(c, index, d))
        }
    }
}

/// Two rows of 32 bytes.
///
/// # Safety
/// AVX-512 is there; the rows can be read.
#[inline(always)]
unsafe fn halves(first: *const u8, stride: usize) -> __m512i {
    // SAFETY: as above.
    unsafe {
        let low = _mm512_castsi256_si512(_mm256_loadu_si256(first.cast()));
        _mm512_inserti64x4::<1>(low, _mm256_loadu_si256(first.add(stride).cast()))
    }
}

/// Four rows of 16 bytes.
///
/// # Safety
/// AVX-512 is there; the rows can be read.
#[inline(always)]
unsafe fn quarters(first: *const u8, stride: usize) -> __m512i {
    // SAFETY: as above.
    unsafe {
        let v = _mm512_castsi128_si512(_mm_loadu_si128(first.cast()));
        let v = _mm512_inserti32x4::<1>(v, _mm_loadu_si128(first.add(stride).cast()));
        let v = _mm512_inserti32x4::<2>(v, _mm_loadu_si128(first.add(2 * stride).cast()));
        _mm512_inserti32x4::<3>(v, _mm_loadu_si128(first.add(3 * stride).cast()))
    }
}

/// The words of the even lanes first, then those of the odd ones.
type Words = [__m512i; 2];

impl Lanes for Sixteen {
    type Array<T: Copy> = [T; 16];
    type I32 = __m512i;
    type I64 = Words;
    type Pair = __m512i;
    type F32 = __m512;
    type ByteTable = Table;

    #[inline(always)]
    fn i32(lanes: [i32; 16]) -> __m512i {
        // SAFETY: see the module; an array has 64 bytes.
        unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
    }
    #[inline(always)]
    fn i32_array(v: __m512i) -> [i32; 16] {
        let mut out = [0; 16];
        // SAFETY: see the module; an array has 64 bytes.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), v) };
        out
    }
    #[inline(always)]
    fn splat(v: i32) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_set1_epi32(v) }
    }
    #[inline(always)]
    fn add(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    fn sub(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_sub_epi32(a, b) }
    }
    #[inline(always)]
    fn mul(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_mullo_epi32(a, b) }
    }
    #[inline(always)]
    fn shr(v: __m512i, n: u32) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_sra_epi32(v, _mm_cvtsi32_si128(n as i32)) }
    }
    #[inline(always)]
    fn shr_logical(v: __m512i, n: u32) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_srl_epi32(v, _mm_cvtsi32_si128(n as i32)) }
    }
    #[inline(always)]
    fn carry(v: __m512i, a: __m512i, sum: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_mask_add_epi32(v, _mm512_cmplt_epu32_mask(sum, a), v, _mm512_set1_epi32(1)) }
    }
    #[inline(always)]
    fn i64_splat(v: i64) -> Words {
        // SAFETY: see the module.
        unsafe { [_mm512_set1_epi64(v), _mm512_set1_epi64(v)] }
    }
    #[inline(always)]
    fn i64_add([a, b]: Words, [c, d]: Words) -> Words {
        // SAFETY: see the module.
        unsafe { [_mm512_add_epi64(a, c), _mm512_add_epi64(b, d)] }
    }
    #[inline(always)]
    fn mul_wide(a: __m512i, b: __m512i) -> Words {
        // SAFETY: see the module.
        unsafe {
            let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
            [_mm512_mul_epi32(a, b), odd]
        }
    }
    #[inline(always)]
    fn narrow([even, odd]: Words, n: u32) -> __m512i {
        // SAFETY: see the module.
        unsafe {
            let even = _mm512_srl_epi64(even, _mm_cvtsi32_si128(n as i32));
            let odd = _mm512_sll_epi64(odd, _mm_cvtsi32_si128(32 - n as i32));
            _mm512_mask_mov_epi32(even, 0xaaaa, odd)
        }
    }
    #[inline(always)]
    fn pair(low: [i16; 16], high: [i16; 16]) -> __m512i {
        // SAFETY: see the module; an array has 32 bytes.
        unsafe {
            let extend = |v: &[i16; 16]| _mm512_cvtepi16_epi32(_mm256_loadu_si256(v.as_ptr().cast()));
            Self::pack(extend(&low), extend(&high))
        }
    }
    #[inline(always)]
    fn pack(low: __m512i, high: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_mask_mov_epi16(low, 0xaaaa_aaaa, _mm512_slli_epi32::<16>(high)) }
    }
    #[inline(always)]
    fn pair_less(pair: __m512i, v: i16) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_sub_epi16(pair, _mm512_set1_epi16(v)) }
    }
    #[inline(always)]
    fn dot(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_madd_epi16(a, b) }
    }
    #[inline(always)]
    fn f32(lanes: [f32; 16]) -> __m512 {
        // SAFETY: see the module; an array has 64 bytes.
        unsafe { _mm512_loadu_ps(lanes.as_ptr()) }
    }
    #[inline(always)]
    fn f32_array(v: __m512) -> [f32; 16] {
        let mut out = [0.0; 16];
        // SAFETY: see the module; an array has 64 bytes.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), v) };
        out
    }
    #[inline(always)]
    fn f32_splat(v: f32) -> __m512 {
        // SAFETY: see the module.
        unsafe { _mm512_set1_ps(v) }
    }
    #[inline(always)]
    fn f32_from(v: __m512i) -> __m512 {
        // SAFETY: see the module.
        unsafe { _mm512_cvtepi32_ps(v) }
    }
    #[inline(always)]
    fn f32_add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the module.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn f32_sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the module.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn f32_mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the module.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn f32_select_nonzero(v: __m512, then: __m512, otherwise: __m512) -> __m512 {
        // SAFETY: see the module.
        unsafe {
            let nonzero = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(v, _mm512_setzero_ps());
            _mm512_mask_mov_ps(otherwise, nonzero, then)
        }
    }

    #[inline(always)]
    fn store_u8(v: __m512i, out: &mut [u8]) {
        if let Ok(out) = <&mut [u8; 16]>::try_from(out) {
            // SAFETY: see the module; an array has 16 bytes.
            unsafe {
                let bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(v, _mm512_setzero_si512()));
                _mm_storeu_si128(out.as_mut_ptr().cast(), bytes);
            }
        }
    }

    #[inline(always)]
    fn byte_table(window: &Window<'_, u8>, at: &Positions<Self>, support: i32) -> Option<Table> {
        let (width, height) = (window.width as i32, window.height as i32);
        let ([x0, y0], [x1, y1]) = (at.min, at.max);
        let (columns, rows) = (x1 - x0 + support, y1 - y0 + support);
        let pitch = if columns <= 32 && rows <= 8 {
            5
        } else if columns <= 16 && rows <= 16 {
            4
        } else if columns <= 64 && rows <= 4 {
            6
        } else {
            return None;
        };
        let size = [1 << pitch, 256 >> pitch];
        if window.step != 1 || width < size[0] || height < size[1] {
            return None;
        }
        // The table may begin before the first tap, so as to end inside the image.
        let (x, y) = ((x0 + window.first).min(width - size[0]), (y0 + window.first).min(height - size[1]));
        debug_assert!(x >= 0 && y >= 0);
        // SAFETY: see the module. Rows y to y + size[1] and columns x to x + size[0] are in the image,
        // since the least cell is in the kernel's area (the caller's promise) and the image is large
        // enough.
        unsafe {
            let row = window.data.as_ptr().add(y as usize * window.stride + x as usize);
            let mut bytes = [_mm512_setzero_si512(); 4];
            for (n, bytes) in bytes.iter_mut().enumerate() {
                *bytes = match pitch {
                    4 => quarters(row.add(4 * n * window.stride), window.stride),
                    5 => halves(row.add(2 * n * window.stride), window.stride),
                    _ => _mm512_loadu_si512(row.add(n * window.stride).cast()),
                };
            }
            let [dx, dy] = [window.first - x, window.first - y];
            let rows = _mm512_add_epi32(at.cell[1], _mm512_set1_epi32(dy));
            let columns = _mm512_add_epi32(at.cell[0], _mm512_set1_epi32(dx));
            let index = _mm512_add_epi32(_mm512_sll_epi32(rows, _mm_cvtsi32_si128(pitch)), columns);
            Some(Table { bytes, index, pitch: pitch as u32 })
        }
    }
    #[inline(always)]
    fn table_pair(table: &Table, i: usize, j: usize) -> __m512i {
        // SAFETY: see the module.
        unsafe {
            let both = _mm512_mask_mov_epi16(table.index, 0xaaaa_aaaa, _mm512_slli_epi32::<16>(table.index));
            let tap = (j << table.pitch) + i;
            let step = _mm512_set1_epi32((tap | (tap + 1) << 16) as i32);
            table.pick(_mm512_add_epi16(both, step), 0x5555_5555_5555_5555)
        }
    }
    #[inline(always)]
    fn table_byte(table: &Table) -> __m512i {
        table.pick(table.index, 0x1111_1111_1111_1111)
    }
}
