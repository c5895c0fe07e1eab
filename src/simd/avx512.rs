//! Sixteen lanes by AVX-512 (F, BW, DQ, VL, VBMI, VNNI), and tap fetch by byte permutes.
//!
//! Every function is inlined into the one that [`Level::run`](super::Level::run) enters, so each
//! SAFETY line says the same: the level is a token of the detected features.

use core::arch::x86_64::*;

use super::Operation;
use super::block::{ByteTable, Pairs, Window};
use super::lanes::{Forms, Lanes};
use super::partials::Reach;
use super::spread::{Spread, prefetch};
use super::steps::{NearPositions, Positions};
use crate::fixed::WeightRows;
use crate::kernel::Channel;

/// A register of 512 bits.
#[derive(Clone, Copy, Debug)]
pub struct Sixteen;

/// The bytes around the taps of a block: rows of 16, 32 or 64, 256 in all, or only the first 128 or 192 of these; two
/// more rows of 32 for every two rows of taps from the third on.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    bytes: [__m512i; 7],
    /// The registers that hold what a row of taps is picked from: 2, 3 or 4.
    registers: i32,
    /// Where the first tap of each lane is.
    index: __m512i,
    /// The logarithm of the length of a row.
    pitch: u32,
}

impl Table {
    /// The bytes at an index in each byte that is kept, of 256 from the n-th register on; zero in the others, whose index
    /// is below 128.
    #[inline(always)]
    fn pick(&self, index: __m512i, keep: __mmask64, n: usize) -> __m512i {
        let Some(&[a, b, c, d]) = self.bytes.get(n..).and_then(<[_]>::first_chunk) else { return index };
        // SAFETY: see the module.
        unsafe {
            let low = _mm512_maskz_permutex2var_epi8(keep, a, index, b);
            if self.registers == 2 {
                return low;
            }
            let upper = _mm512_movepi8_mask(index);
            if self.registers == 3 {
                return _mm512_mask_permutexvar_epi8(low, upper, index, c);
            }
            _mm512_mask_mov_epi8(low, upper, _mm512_permutex2var_epi8(c, index, d))
        }
    }
}

/// Whether blocks whose lanes are so many columns and rows apart have their taps in registers, or need not.
pub(super) fn reaches([columns, rows]: [usize; 2], taps: usize, channels: usize, bytes: usize) -> bool {
    let within = |width: usize, height: usize| columns + taps <= width && rows + taps <= height;
    match (bytes, channels) {
        (1, 1) => taps == 1 || Table::pitch([columns as i32, rows as i32], taps as i32).is_some(),
        (1, 2..=4) => within(64 / channels, 8),
        (2, 1) => within(32, 8),
        (4, 1) => true,
        _ => taps == 1,
    }
}

/// The rows of taps of a block, so short that registers hold them.
struct Rows<C> {
    /// The first element of the first row.
    first: *const C,
    /// Elements from row to row.
    stride: usize,
    /// How many rows.
    count: i32,
    /// Elements from there to the first tap of each lane.
    x: __m512i,
    /// Rows from there to the first tap of each lane.
    y: __m512i,
}

impl<C: Channel> Rows<C> {
    /// Rows of `LEN` elements each, at most 8, all of them inside the image.
    #[inline(always)]
    fn new<const LEN: i32>(window: &Window<'_, C>, at: &Positions<Sixteen>, support: i32) -> Option<Self> {
        let ([x0, y0], [x1, y1]) = (at.min, at.max);
        let (step, width, count) = (window.step as i32, window.width as i32, y1 - y0 + support);
        if (x1 - x0 + support) * step > LEN || count > 8 || width * step < LEN {
            return None;
        }
        // It may begin before the first tap, so as to end inside the image.
        let (x, y) = (((x0 + window.first) * step).min(width * step - LEN), y0 + window.first);
        debug_assert!(x >= 0 && y >= 0);
        // SAFETY: see the module. The least cell is in the kernel's area (the caller's promise), so
        // that the element is in the image.
        unsafe {
            let mut columns = at.cell[0];
            if step != 1 {
                columns = _mm512_mullo_epi32(columns, _mm512_set1_epi32(step));
            }
            Some(Rows {
                first: window.data.as_ptr().add(y as usize * window.stride + x as usize),
                stride: window.stride,
                count,
                x: _mm512_add_epi32(columns, _mm512_set1_epi32(window.first * step - x)),
                y: _mm512_add_epi32(at.cell[1], _mm512_set1_epi32(window.first - y)),
            })
        }
    }

    /// The same, as copies, for cells anywhere, where the pixels outside of the image are these elements.
    #[inline(always)]
    fn across<const LEN: i32>(
        window: &Window<'_, C>,
        at: &Positions<Sixteen>,
        support: i32,
        outside: __m512i,
        rows: &mut [__m512i; 8],
    ) -> Option<Self> {
        let [x, y] = at.min.map(|v| v.wrapping_add(window.first));
        let [columns, count] = [0, 1].map(|axis| at.max[axis].wrapping_sub(at.min[axis]));
        // So that nothing overflows.
        let far = |v: i32| v.unsigned_abs() >= 1 << 30;
        if far(x) || far(y) || !(0..64).contains(&columns) || !(0..64).contains(&count) {
            return None;
        }
        let (step, count) = (window.step as i32, count + support);
        if (columns + support) * step > LEN || count > 8 {
            return None;
        }
        // Of the bytes those that are inside.
        let below = |pixels: i32| {
            let bytes = pixels.clamp(0, 64) * step * (64 / LEN);
            if bytes >= 64 { !0 } else { (1_u64 << bytes) - 1 }
        };
        let columns = below(window.width as i32 - x) & !below(-x);
        // SAFETY: see the module. What is loaded is in the image.
        unsafe {
            for (y, row) in (y..y + count).zip(&mut *rows) {
                let there = if (0..window.height as i32).contains(&y) { columns } else { 0 };
                let begin = y as isize * window.stride as isize + x as isize * window.step as isize;
                *row = _mm512_mask_loadu_epi8(
                    outside,
                    there,
                    window.data.as_ptr().wrapping_offset(begin).cast(),
                );
            }
            let x = _mm512_add_epi32(at.cell[0], _mm512_set1_epi32(window.first.wrapping_sub(x)));
            let y = _mm512_add_epi32(at.cell[1], _mm512_set1_epi32(window.first.wrapping_sub(y)));
            let x = if step == 1 { x } else { _mm512_mullo_epi32(x, _mm512_set1_epi32(step)) };
            Some(Rows { first: rows.as_ptr().cast(), stride: LEN as usize, count, x, y })
        }
    }

    /// Fills, for every row of taps, the bytes of every STEP-th register from rows of 64 bytes: of the first one from
    /// the places in a row that an index has, which is below 64, of the next ones `offset` to the right each time.
    ///
    /// # Safety
    /// AVX-512 is there, and so are rows of 64 bytes.
    #[inline(always)]
    unsafe fn pick<const STEP: usize, T: AsMut<[__m512i]>>(
        &self,
        index: __m512i,
        offset: i32,
        taps: &mut [T],
    ) {
        // SAFETY: as above.
        unsafe {
            // Lanes whose first row is this one have zeros.
            let mut y = _mm512_mullo_epi32(self.y, _mm512_set1_epi32(0x0101_0101));
            let mut row = self.first;
            for _ in taps.len() as i32..self.count + 1 {
                let here = _mm512_testn_epi8_mask(y, y);
                for (j, taps) in taps.iter_mut().enumerate() {
                    let row = _mm512_loadu_si512(row.wrapping_add(j * self.stride).cast());
                    for (k, taps) in taps.as_mut().chunks_exact_mut(STEP).enumerate() {
                        let index = _mm512_add_epi8(index, _mm512_set1_epi8((k as i32 * offset) as i8));
                        if let Some(taps) = taps.first_mut() {
                            *taps = _mm512_mask_permutexvar_epi8(*taps, here, index, row);
                        }
                    }
                }
                y = _mm512_sub_epi8(y, _mm512_set1_epi8(1));
                row = row.wrapping_add(self.stride);
            }
        }
    }
}

/// Whole numbers below 2^53, linear from lane to lane.
#[derive(Clone, Copy, Debug)]
pub struct Ramp {
    at: [__m512d; 2],
    block: __m512d,
}

impl Ramp {
    /// `start + l step` for each lane l.
    #[inline(always)]
    fn new(start: i64, step: i64) -> Self {
        // SAFETY: see the module.
        unsafe {
            let lanes = _mm512_setr_pd(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0);
            let step = _mm512_set1_pd(step as f64);
            let low = _mm512_fmadd_pd(step, lanes, _mm512_set1_pd(start as f64));
            let high = _mm512_fmadd_pd(step, _mm512_set1_pd(8.0), low);
            Self { at: [low, high], block: _mm512_mul_pd(step, _mm512_set1_pd(16.0)) }
        }
    }
    /// These sixteen, and on to the next.
    #[inline(always)]
    fn next(&mut self) -> [__m512d; 2] {
        let [low, high] = self.at;
        // SAFETY: see the module.
        unsafe {
            self.at = [_mm512_add_pd(low, self.block), _mm512_add_pd(high, self.block)];
        }
        [low, high]
    }
}

/// A pixel of at most four channels, again and again.
#[inline(always)]
fn repeated(pixel: &[u8]) -> __m512i {
    /// Byte k of all is byte k mod n of the first.
    const fn places(n: usize) -> [u8; 64] {
        let (mut places, mut k) = ([0; 64], 0);
        while k < 64 {
            places[k] = (k % n) as u8;
            k += 1;
        }
        places
    }
    const PLACES: [[u8; 64]; 4] = [places(4), places(1), places(2), places(3)];
    let mut first = [0; 4];
    for (to, from) in first.iter_mut().zip(pixel) {
        *to = *from;
    }
    let places = &PLACES[pixel.len() % 4];
    // SAFETY: see the module; an array has 64 bytes.
    unsafe {
        let places = _mm512_loadu_si512(places.as_ptr().cast());
        _mm512_permutexvar_epi8(places, _mm512_set1_epi32(i32::from_le_bytes(first)))
    }
}

#[inline(always)]
fn join(low: __m256i, high: __m256i) -> __m512i {
    // SAFETY: see the module.
    unsafe { _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high) }
}

/// 28 bits of 1 / d, then all but the last few of 53.
#[inline(always)]
fn reciprocal(d: __m512d) -> __m512d {
    // SAFETY: see the module.
    unsafe {
        let r = _mm512_rcp14_pd(d);
        let r = _mm512_mul_pd(r, _mm512_fnmadd_pd(d, r, _mm512_set1_pd(2.0)));
        _mm512_mul_pd(r, _mm512_fnmadd_pd(d, r, _mm512_set1_pd(2.0)))
    }
}

/// Cells and fractions of `floor(n 2^bits / d + 1/2)`, exactly, for d > 0 and its reciprocal.
#[inline(always)]
fn quotient(n: [__m512d; 2], d: [__m512d; 2], r: [__m512d; 2], bits: u32, anchor: i32) -> (__m512i, __m512i) {
    let ((q0, s0), (q1, s1)) = (estimate(n[0], r[0], bits), estimate(n[1], r[1], bits));
    // SAFETY: see the module.
    unsafe {
        if bits <= 14 && (s0 | s1) == 0 {
            let q = join(_mm512_cvttpd_epi32(q0), _mm512_cvttpd_epi32(q1));
            let cell = _mm512_sra_epi32(q, _mm_cvtsi32_si128(bits as i32));
            let fraction = _mm512_and_si512(q, _mm512_set1_epi32((1 << bits) - 1));
            return (_mm512_add_epi32(cell, _mm512_set1_epi32(anchor)), fraction);
        }
        let ((c0, f0), (c1, f1)) = (correct(q0, n[0], d[0], bits), correct(q1, n[1], d[1], bits));
        (_mm512_add_epi32(join(c0, c1), _mm512_set1_epi32(anchor)), join(f0, f1))
    }
}

/// The quotient, at most one off, and which lanes may be: those so near to a whole number, or so
/// large, that the estimate does not tell.
#[inline(always)]
fn estimate(n: __m512d, r: __m512d, bits: u32) -> (__m512d, __mmask8) {
    const DOWN: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
    // SAFETY: see the module.
    unsafe {
        let scaled = _mm512_mul_pd(n, _mm512_set1_pd((1_u64 << bits) as f64));
        let t = _mm512_fmadd_pd(scaled, r, _mm512_set1_pd(0.5));
        let q = _mm512_roundscale_pd::<DOWN>(t);
        // From the middle between two whole numbers. The estimate is within 2^-49 of itself, so below
        // 2^30 within 2^-19.
        let off = _mm512_abs_pd(_mm512_sub_pd(_mm512_sub_pd(t, q), _mm512_set1_pd(0.5)));
        let limit = 0.5 - 1.0 / 262_144.0;
        let near = _mm512_cmp_pd_mask::<_CMP_NLT_UQ>(off, _mm512_set1_pd(limit));
        let large = _mm512_cmp_pd_mask::<_CMP_NLT_UQ>(_mm512_abs_pd(q), _mm512_set1_pd(1_073_741_824.0));
        (q, near | large)
    }
}

/// The exact quotient from one that is at most one off, as cell and fraction.
#[inline(always)]
fn correct(q: __m512d, n: __m512d, d: __m512d, bits: u32) -> (__m256i, __m256i) {
    const DOWN: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
    let one = (1_u64 << bits) as f64;
    // SAFETY: see the module.
    unsafe {
        // n 2^bits + d / 2 - q d, in [0, d) for the right q; exact, since it is small.
        let scaled = _mm512_mul_pd(n, _mm512_set1_pd(one));
        let half = _mm512_mul_pd(d, _mm512_set1_pd(0.5));
        let rest = _mm512_add_pd(_mm512_fnmadd_pd(q, d, scaled), half);
        let unit = _mm512_set1_pd(1.0);
        let q = _mm512_mask_sub_pd(q, _mm512_cmp_pd_mask::<_CMP_LT_OQ>(rest, _mm512_setzero_pd()), q, unit);
        let q = _mm512_mask_add_pd(q, _mm512_cmp_pd_mask::<_CMP_GE_OQ>(rest, d), q, unit);
        let cell = _mm512_roundscale_pd::<DOWN>(_mm512_mul_pd(q, _mm512_set1_pd(1.0 / one)));
        let fraction = _mm512_fnmadd_pd(cell, _mm512_set1_pd(one), q);
        (_mm512_cvttpd_epi32(cell), _mm512_cvttpd_epi32(fraction))
    }
}

/// The elements at sixteen places, and so many after each that all taps are filled, if there are 1, 2 or 4 of them.
///
/// # Safety
/// AVX-512 is there; the elements can be read.
#[inline(always)]
unsafe fn fill(at: &Spread<'_, f32, 16>, taps: &mut [__m512]) {
    // SAFETY: as above.
    unsafe {
        match taps {
            [tap] => {
                *tap = quarters_of(
                    at.ones::<0, 1, 2, 3>(),
                    at.ones::<4, 5, 6, 7>(),
                    at.ones::<8, 9, 10, 11>(),
                    at.ones::<12, 13, 14, 15>(),
                );
            }
            [left, right] => {
                let a = quarters_of(at.two::<0, 1>(), at.two::<4, 5>(), at.two::<8, 9>(), at.two::<12, 13>());
                let b =
                    quarters_of(at.two::<2, 3>(), at.two::<6, 7>(), at.two::<10, 11>(), at.two::<14, 15>());
                *left = _mm512_shuffle_ps::<0b10_00_10_00>(a, b);
                *right = _mm512_shuffle_ps::<0b11_01_11_01>(a, b);
            }
            [first, second, third, fourth] => {
                let a = quarters_of(at.four::<0>(), at.four::<4>(), at.four::<8>(), at.four::<12>());
                let b = quarters_of(at.four::<1>(), at.four::<5>(), at.four::<9>(), at.four::<13>());
                let c = quarters_of(at.four::<2>(), at.four::<6>(), at.four::<10>(), at.four::<14>());
                let d = quarters_of(at.four::<3>(), at.four::<7>(), at.four::<11>(), at.four::<15>());
                let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
                let (ef, gh) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
                *first = _mm512_shuffle_ps::<0b01_00_01_00>(ab, cd);
                *second = _mm512_shuffle_ps::<0b11_10_11_10>(ab, cd);
                *third = _mm512_shuffle_ps::<0b01_00_01_00>(ef, gh);
                *fourth = _mm512_shuffle_ps::<0b11_10_11_10>(ef, gh);
            }
            _ => {}
        }
    }
}

#[inline(always)]
fn quarters_of(a: __m128, b: __m128, c: __m128, d: __m128) -> __m512 {
    // SAFETY: see the module.
    unsafe {
        let (low, high) = (_mm256_set_m128(b, a), _mm256_set_m128(d, c));
        _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high)
    }
}

/// The rows of lanes L, L + 4, L + 8 and L + 12.
///
/// # Safety
/// AVX-512 is there; an index is below 2^14.
#[inline(always)]
unsafe fn four_rows<const L: usize>(rows: &WeightRows, index: &[i32; 16]) -> __m512i {
    let first = rows.as_ptr();
    // SAFETY: as above; a row has 16 bytes.
    unsafe {
        let v = _mm512_castsi128_si512(_mm_loadu_si128(first.add(index[L] as usize).cast()));
        let v = _mm512_inserti64x2::<1>(v, _mm_loadu_si128(first.add(index[L + 4] as usize).cast()));
        let v = _mm512_inserti64x2::<2>(v, _mm_loadu_si128(first.add(index[L + 8] as usize).cast()));
        _mm512_inserti64x2::<3>(v, _mm_loadu_si128(first.add(index[L + 12] as usize).cast()))
    }
}

/// Two rows of 32 bytes.
///
/// # Safety
/// AVX-512 is there; the rows can be read.
#[inline(always)]
unsafe fn two_rows(first: *const u8, stride: usize) -> __m512i {
    // SAFETY: as above.
    unsafe {
        let low = _mm512_castsi256_si512(_mm256_loadu_si256(first.cast()));
        _mm512_inserti64x4::<1>(low, _mm256_loadu_si256(first.add(stride).cast()))
    }
}

/// The words of the even lanes first, then those of the odd ones.
type Words = [__m512i; 2];

impl Lanes for Sixteen {
    const FETCHES: bool = true;
    type Array<T: Copy> = [T; 16];
    type I32 = __m512i;
    type I64 = Words;
    type Pair = __m512i;
    type F32 = __m512;
    type ByteTable = Table;
    type Forms = [Ramp; 3];
    type Half = super::avx2::Eight;

    // (Functions with features of their own are inlined in spite of that attribute, as of Rust 1.95.)
    #[inline(never)]
    fn call<O: Operation>(operation: O) -> O::Output {
        // SAFETY: see the module.
        unsafe { super::enter_avx512(operation) }
    }
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
    fn halves(v: __m512i) -> [__m256i; 2] {
        // SAFETY: see the module.
        unsafe { [_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64::<1>(v)] }
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
    fn shl(v: __m512i, n: u32) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_sll_epi32(v, _mm_cvtsi32_si128(n as i32)) }
    }
    #[inline(always)]
    fn shr_logical(v: __m512i, n: u32) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_srl_epi32(v, _mm_cvtsi32_si128(n as i32)) }
    }
    #[inline(always)]
    fn and(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_and_si512(a, b) }
    }
    #[inline(always)]
    fn below(v: __m512i, limit: i32) -> u32 {
        // SAFETY: see the module.
        unsafe { _mm512_cmplt_epi32_mask(v, _mm512_set1_epi32(limit)).into() }
    }
    #[inline(always)]
    fn with_lane(v: __m512i, lane: u32, number: i32) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_mask_set1_epi32(v, (1_u32 << (lane & 15)) as __mmask16, number) }
    }
    #[inline(always)]
    fn above(v: __m512i, a: __m512i, b: __m512i, more: i32) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_mask_add_epi32(v, _mm512_cmpgt_epi32_mask(a, b), v, _mm512_set1_epi32(more)) }
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
    fn pair_bytes(low: &[u8], high: &[u8]) -> __m512i {
        let (Some(low), Some(high)) = (low.first_chunk::<16>(), high.first_chunk::<16>()) else {
            return Self::splat(0);
        };
        // SAFETY: see the module; chunks have 16 bytes.
        unsafe {
            let low = _mm512_cvtepu8_epi32(_mm_loadu_si128(low.as_ptr().cast()));
            let high = _mm512_cvtepu8_epi32(_mm_loadu_si128(high.as_ptr().cast()));
            _mm512_or_si512(low, _mm512_slli_epi32::<16>(high))
        }
    }
    #[inline(always)]
    fn pack(low: __m512i, high: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe {
            // (So that the compiler sees what becomes of the halves of a pair.)
            let low = _mm512_and_si512(low, _mm512_set1_epi32(0xffff));
            _mm512_or_si512(low, _mm512_slli_epi32::<16>(high))
        }
    }
    #[inline(always)]
    fn pair_less(pair: __m512i, v: i16) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_sub_epi16(pair, _mm512_set1_epi16(v)) }
    }
    #[inline(always)]
    fn pair_mul(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_mullo_epi16(a, b) }
    }
    #[inline(always)]
    fn dot(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_madd_epi16(a, b) }
    }
    #[inline(always)]
    fn dot_add(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_dpwssd_epi32(sum, a, b) }
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
    fn i32_from(v: __m512) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_cvttps_epi32(v) }
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
    fn f32_mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see the module.
        unsafe { _mm512_fmadd_ps(a, b, c) }
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
    fn f32_all_nonzero(v: __m512) -> bool {
        // SAFETY: see the module.
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(v, _mm512_setzero_ps()) == 0 }
    }

    #[inline(always)]
    fn fetch_ahead<T>(from: &[T]) {
        prefetch(from.as_ptr().cast::<u8>().wrapping_add(512));
    }
    #[inline(always)]
    fn least_of_ends(at: [&[f32]; 2], last: i32, bits: u32) -> [i32; 2] {
        // SAFETY: see the module.
        unsafe { super::avx2::least_of(at, last, bits) }
    }
    #[inline(always)]
    fn ends(v: __m512i) -> (i32, i32) {
        // SAFETY: see the module.
        unsafe { (_mm512_cvtsi512_si32(v), _mm_extract_epi32::<3>(_mm512_extracti32x4_epi32::<3>(v))) }
    }
    #[inline(always)]
    fn bounds(v: __m512i) -> (i32, i32) {
        // SAFETY: see the module.
        unsafe {
            let words = _mm512_cvtsepi32_epi16(v);
            let (a, b) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            super::avx2::ends_of_words(_mm_min_epi16(a, b), _mm_max_epi16(a, b))
        }
    }
    #[inline(always)]
    fn round(v: __m512, bits: u32) -> (__m512i, __m512i) {
        const DOWN: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
        const TO_ZERO: i32 = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;
        // SAFETY: see the module.
        unsafe {
            let whole = _mm512_roundscale_ps::<TO_ZERO>(v);
            // Exact, and with the sign of v.
            let rest = _mm512_mul_ps(_mm512_sub_ps(v, whole), _mm512_set1_ps((2_u64 << bits) as f32));
            let halves = _mm512_cvt_roundps_epi32::<DOWN>(rest);
            let f = _mm512_srai_epi32::<1>(_mm512_add_epi32(halves, _mm512_set1_epi32(1)));
            let carry = _mm512_sra_epi32(f, _mm_cvtsi32_si128(bits as i32));
            let cell = _mm512_add_epi32(_mm512_cvttps_epi32(whole), carry);
            (cell, _mm512_and_si512(f, _mm512_set1_epi32((1 << bits) - 1)))
        }
    }
    #[inline(always)]
    fn round_even(v: __m512) -> __m512i {
        const EVEN: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: see the module.
        unsafe { _mm512_cvt_roundps_epi32::<EVEN>(v) }
    }
    #[inline(always)]
    fn within(v: __m512i, last: i32) -> bool {
        // SAFETY: see the module.
        last >= 0 && unsafe { _mm512_cmpgt_epu32_mask(v, _mm512_set1_epi32(last)) } == 0
    }
    #[inline(always)]
    fn clamp(v: __m512i, last: i32) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_max_epi32(_mm512_min_epi32(v, _mm512_set1_epi32(last)), _mm512_setzero_si512()) }
    }
    #[inline(always)]
    fn f32_select_equal(a: __m512i, b: __m512i, then: __m512, otherwise: __m512) -> __m512 {
        // SAFETY: see the module.
        unsafe { _mm512_mask_mov_ps(otherwise, _mm512_cmpeq_epi32_mask(a, b), then) }
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
    fn store_pixels_u8(channels: &[__m512i], out: &mut [u8]) -> bool {
        // Byte 3 p + c of the pixels is byte 16 (p / 4) + 4 c + p % 4 of what is packed by quarters.
        const PICK: [u8; 64] = {
            let (mut pick, mut k) = ([0; 64], 0);
            while k < 48 {
                let (p, c) = (k / 3, k % 3);
                pick[k] = (p / 4 * 16 + 4 * c + p % 4) as u8;
                k += 1;
            }
            pick
        };
        let (&[r, g, b], Ok(out)) = (channels, <&mut [u8; 48]>::try_from(out)) else { return false };
        // SAFETY: see the module; the arrays have 64 and 48 bytes.
        unsafe {
            let words = [_mm512_packus_epi32(r, g), _mm512_packus_epi32(b, b)];
            let bytes = _mm512_packus_epi16(words[0], words[1]);
            let all = _mm512_permutexvar_epi8(_mm512_loadu_si512(PICK.as_ptr().cast()), bytes);
            _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), 0xffff_ffff_ffff, all);
        }
        true
    }

    #[inline(always)]
    fn interleave_u8(channels: &[[u8; 16]], out: &mut [u8]) {
        if let ([r, g, b], Ok(out)) = (channels, <&mut [u8; 48]>::try_from(&mut *out)) {
            // Byte 3 p + c is byte 16 c + p of all.
            const PICK: [u8; 64] = {
                let (mut pick, mut k) = ([0; 64], 0);
                while k < 48 {
                    pick[k] = (16 * (k % 3) + k / 3) as u8;
                    k += 1;
                }
                pick
            };
            // SAFETY: see the module; the arrays have 16, 64 and 48 bytes.
            unsafe {
                let rg =
                    _mm256_set_m128i(_mm_loadu_si128(g.as_ptr().cast()), _mm_loadu_si128(r.as_ptr().cast()));
                let b = _mm256_castsi128_si256(_mm_loadu_si128(b.as_ptr().cast()));
                let all = _mm512_permutexvar_epi8(_mm512_loadu_si512(PICK.as_ptr().cast()), join(rg, b));
                _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), 0xffff_ffff_ffff, all);
            }
            return;
        }
        super::lanes::interleave(channels, out);
    }

    #[inline(always)]
    fn rows(rows: &WeightRows, index: __m512i) -> [__m512i; 4] {
        // SAFETY: see the module; an index has 14 bits.
        unsafe {
            let index = Self::i32_array(_mm512_and_si512(index, _mm512_set1_epi32(rows.len() as i32 - 1)));
            let (a, b) = (four_rows::<0>(rows, &index), four_rows::<1>(rows, &index));
            let (c, d) = (four_rows::<2>(rows, &index), four_rows::<3>(rows, &index));
            let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
            let (ab_high, cd_high) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
            [
                _mm512_unpacklo_epi64(ab, cd),
                _mm512_unpackhi_epi64(ab, cd),
                _mm512_unpacklo_epi64(ab_high, cd_high),
                _mm512_unpackhi_epi64(ab_high, cd_high),
            ]
        }
    }

    #[inline(always)]
    fn lookup(table: &[i32; 65], index: __m512i) -> [__m512i; 2] {
        // SAFETY: see the module; the table has four times 64 bytes from its first and from its second number on.
        unsafe {
            let upper = _mm512_cmpgt_epi32_mask(index, _mm512_set1_epi32(31));
            let mut out = [index; 2];
            for (k, out) in out.iter_mut().enumerate() {
                let part = |n: usize| _mm512_loadu_si512(table.as_ptr().add(16 * n + k).cast());
                let low = _mm512_permutex2var_epi32(part(0), index, part(1));
                *out = _mm512_mask_mov_epi32(low, upper, _mm512_permutex2var_epi32(part(2), index, part(3)));
            }
            out
        }
    }

    #[inline(always)]
    fn fetch_f32<T: AsMut<[__m512]>>(window: &Window<'_, f32>, at: &Positions<Self>, taps: &mut [T]) -> bool {
        // (Measured: from so many rows on it is faster to load the taps pixel by pixel.)
        let rows = at.max[1] - at.min[1];
        if rows > i32::from(taps.len() < 4) && Self::collect_f32(window, at.cell, taps) {
            return true;
        }
        let rows = if window.step == 1 { Rows::new::<32>(window, at, taps.len() as i32) } else { None };
        let Some(rows) = rows else { return false };
        // SAFETY: see the module; `Rows` can be read.
        unsafe {
            for r in 0..rows.count {
                let row = rows.first.add(r as usize * window.stride);
                let (a, b) = (_mm512_loadu_ps(row), _mm512_loadu_ps(row.add(16)));
                for (j, taps) in taps.iter_mut().enumerate() {
                    let here = _mm512_cmpeq_epi32_mask(rows.y, _mm512_set1_epi32(r - j as i32));
                    for (i, tap) in taps.as_mut().iter_mut().enumerate() {
                        let index = _mm512_add_epi32(rows.x, _mm512_set1_epi32(i as i32));
                        *tap = _mm512_mask_mov_ps(*tap, here, _mm512_permutex2var_ps(a, index, b));
                    }
                }
            }
        }
        true
    }
    #[inline(always)]
    fn collect_f32<T: AsMut<[__m512]>>(
        window: &Window<'_, f32>,
        [x, y]: [__m512i; 2],
        taps: &mut [T],
    ) -> bool {
        let (count, columns) = (taps.len(), taps.first_mut().map_or(0, |row| row.as_mut().len()));
        if window.step != 1 || window.data.len() > i32::MAX as usize || !matches!(columns, 1 | 2 | 4) {
            return false;
        }
        // SAFETY: see the module. The cells are in the kernel's area (the caller's promise), so that
        // all taps are in the data, whose indices fit.
        unsafe {
            let first = window.data.as_ptr().wrapping_offset(window.first as isize);
            let rows = _mm512_mullo_epi32(y, _mm512_set1_epi32(window.stride as i32));
            let index = Self::i32_array(_mm512_add_epi32(rows, x));
            for (j, taps) in taps.iter_mut().enumerate() {
                let row =
                    first.wrapping_offset((j as isize + window.first as isize) * window.stride as isize);
                let at = Spread { first: row, index: &index };
                if j + 1 == count {
                    // What the rows below will need.
                    at.fetch_ahead(3 * window.stride);
                }
                fill(&at, taps.as_mut());
            }
        }
        true
    }
    #[inline(always)]
    fn fetch_16<C: Channel, T: AsMut<[__m512i]>>(
        window: &Window<'_, C>,
        at: &Positions<Self>,
        reach: Reach<C>,
        pairs: &mut [T],
    ) -> bool {
        let support = pairs.len() as i32;
        // SAFETY: see the module.
        let mut copies = [unsafe { _mm512_setzero_si512() }; 8];
        let rows = match reach {
            _ if window.step != 1 => None,
            Reach::Inside => Rows::new::<32>(window, at, support),
            Reach::Across(v) => {
                // SAFETY: see the module; C has 16 bits.
                let outside = unsafe { _mm512_set1_epi16((&raw const v).cast::<i16>().read_unaligned()) };
                Rows::across::<32>(window, at, support, outside, &mut copies)
            }
        };
        let Some(rows) = rows else { return false };
        // SAFETY: see the module; `Rows` can be read, and C has 16 bits.
        unsafe {
            // The bytes of two taps.
            let x = _mm512_mullo_epi32(rows.x, _mm512_set1_epi32(0x0202_0202));
            let bytes = _mm512_add_epi8(x, _mm512_set1_epi32(0x0302_0100));
            rows.pick::<2, T>(bytes, 4, pairs);
        }
        true
    }
    #[inline(always)]
    fn fetch_bytes<T: AsMut<[__m512i]>>(
        window: &Window<'_, u8>,
        at: &Positions<Self>,
        pairs: &mut [T],
    ) -> bool {
        let Some(rows) = Rows::new::<64>(window, at, pairs.len() as i32) else { return false };
        let (step, c) = (window.step as i32, window.channel as i32);
        // SAFETY: see the module; `Rows` can be read.
        unsafe {
            // The bytes of two taps; what is between them is dropped.
            let x = _mm512_mullo_epi32(rows.x, _mm512_set1_epi32(0x0001_0001));
            let bytes = _mm512_add_epi32(x, _mm512_set1_epi32(c * 0x0001_0001 + step * 0x0001_0000));
            rows.pick::<2, T>(bytes, 2 * step, pairs);
            for pairs in pairs {
                for [pair, _] in pairs.as_mut().as_chunks_mut::<2>().0 {
                    *pair = _mm512_and_si512(*pair, _mm512_set1_epi32(0x00ff_00ff));
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
        channels: &mut [[__m512i; 2]],
    ) -> bool {
        // SAFETY: see the module.
        let mut copies = [unsafe { _mm512_setzero_si512() }; 8];
        let rows = match reach {
            Reach::Inside => Rows::new::<64>(window, at, 2),
            Reach::Across(v) => {
                let outside = repeated(v);
                Rows::across::<64>(window, at, 2, outside, &mut copies)
            }
        };
        let Some(rows) = rows else { return false };
        let step = window.step as i32;
        // SAFETY: see the module; `Rows` can be read.
        unsafe {
            // Of both taps the bytes of channels 0 and 1, then of 2 and 3.
            let x = _mm512_mullo_epi32(rows.x, _mm512_set1_epi32(0x0101_0101));
            let bytes = _mm512_add_epi32(x, _mm512_set1_epi32(step * 0x0101_0000 + 0x0100_0100));
            let mut taps = [[_mm512_setzero_si512(); 2]; 2];
            rows.pick::<1, _>(bytes, 2, &mut taps);
            for (c, pairs) in channels.iter_mut().enumerate() {
                for (pair, taps) in pairs.iter_mut().zip(taps) {
                    let taps = taps[c / 2 % 2];
                    *pair = if c % 2 == 0 {
                        _mm512_and_si512(taps, _mm512_set1_epi32(0x00ff_00ff))
                    } else {
                        _mm512_srli_epi16::<8>(taps)
                    };
                }
            }
        }
        true
    }
}

impl Pairs<Sixteen> for Table {
    #[inline(always)]
    fn pair(&self, i: usize, j: usize) -> __m512i {
        // SAFETY: see the module.
        unsafe {
            // (An index is below 256.)
            let twice =
                _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13));
            let both = _mm512_shuffle_epi8(self.index, twice);
            let tap = ((j % 2) << self.pitch) + i;
            let step = _mm512_set1_epi32((tap | ((tap + 1) << 16)) as i32);
            self.pick(_mm512_add_epi16(both, step), 0x5555_5555_5555_5555, j / 2)
        }
    }
}

impl Table {
    /// The logarithm of the length of rows that serve cells so many columns and rows apart, if any do.
    #[inline(always)]
    fn pitch([columns, rows]: [i32; 2], support: i32) -> Option<u32> {
        let (columns, begins) = (columns + support, rows + support.min(2));
        if support <= 8 && columns <= 32 && begins <= 8 {
            Some(5)
        } else if support > 2 {
            None
        } else if columns <= 16 && begins <= 16 {
            Some(4)
        } else if columns <= 64 && begins <= 4 {
            Some(6)
        } else {
            None
        }
    }

    /// How many rows of 2^pitch bytes are read.
    #[inline(always)]
    fn rows(pitch: u32, support: i32) -> i32 {
        (256 >> pitch) + if pitch == 5 { support.max(2) - 2 } else { 0 }
    }

    /// Of rows of 2^PITCH bytes, those outside of the image one value.
    #[inline(always)]
    fn of<const PITCH: u32>(
        window: &Window<'_, u8>,
        at: &Positions<Sixteen>,
        support: i32,
        outside: u8,
    ) -> Option<Self> {
        let [x, y] = at.min.map(|v| v.wrapping_add(window.first));
        // So that nothing overflows.
        let far = |v: i32| v.unsigned_abs() >= 1 << 30;
        if window.step != 1 || far(x) || far(y) {
            return None;
        }
        let (width, height) = (window.width as i32, window.height as i32);
        // Of the columns those that are inside.
        let below =
            |n: i32| if n >= 1 << PITCH { !0 >> (64 - (1 << PITCH)) } else { (1_u64 << n.max(0)) - 1 };
        let columns = below(width - x) & !below(-x);
        // SAFETY: see the module. What is loaded is in the image.
        Some(unsafe {
            // The first tap of a cell less the corner, all at once.
            let corner = _mm512_set1_epi32((window.first - x).wrapping_add((window.first - y) << PITCH));
            let rows = _mm512_sll_epi32(at.cell[1], _mm_cvtsi32_si128(PITCH as i32));
            let index = _mm512_add_epi32(_mm512_add_epi32(rows, at.cell[0]), corner);
            let pixels = _mm512_set1_epi8(outside as i8);
            let mut bytes = [pixels; 7];
            let count = 1 << (6 - PITCH);
            let mut y = y;
            for bytes in bytes.iter_mut().take(Self::rows(PITCH, support) as usize / count) {
                for n in 0..count {
                    let there = if (0..height).contains(&y) { columns } else { 0 };
                    let row = window.data.as_ptr();
                    let row = row.wrapping_offset(y as isize * window.stride as isize + x as isize);
                    let shifted = row.wrapping_sub(n << PITCH).cast();
                    *bytes = _mm512_mask_loadu_epi8(*bytes, there << (n << PITCH), shifted);
                    y += 1;
                }
            }
            Self { bytes, registers: 4, index, pitch: PITCH }
        })
    }

    /// From a corner on, with so many rows of 32, and places of first taps relative to it.
    ///
    /// # Safety
    /// AVX-512 is there; these rows are in the image.
    #[inline(always)]
    unsafe fn at(window: &Window<'_, u8>, [x, y]: [i32; 2], index: __m512i, rows: i32, support: i32) -> Self {
        debug_assert!(x >= 0 && x as usize + 32 <= window.width);
        debug_assert!(y >= 0 && y as usize + rows as usize <= window.height);
        // Four rows for what begins in the first two, and so on.
        let least = (Self::rows(5, support) / 2 - 2) as usize;
        let registers = rows / 2 - (least as i32 - 2);
        // SAFETY: as above.
        unsafe {
            let row = window.data.as_ptr().add(y as usize * window.stride + x as usize);
            let mut bytes = [_mm512_setzero_si512(); 7];
            for (n, bytes) in bytes.iter_mut().enumerate().take(least) {
                *bytes = two_rows(row.add(2 * n * window.stride), window.stride);
            }
            if registers > 2
                && let Some(bytes) = bytes.get_mut(least)
            {
                *bytes = two_rows(row.add(2 * least * window.stride), window.stride);
            }
            if registers > 3
                && let Some(bytes) = bytes.get_mut(least + 1)
            {
                *bytes = two_rows(row.add((2 * least + 2) * window.stride), window.stride);
            }
            Self { bytes, registers, index, pitch: 5 }
        }
    }
}

impl ByteTable<Sixteen> for Table {
    #[inline(always)]
    fn new(window: &Window<'_, u8>, at: &Positions<Sixteen>, support: i32) -> Option<Self> {
        let pitch = Self::pitch([at.max[0] - at.min[0], at.max[1] - at.min[1]], support);
        let (width, height, rows) = (window.width as i32, window.height as i32, Self::rows(5, support));
        if pitch != Some(5) || window.step != 1 || width < 32 || height < rows {
            return Self::across(window, at, support, 0);
        }
        // It may begin before the first tap, so as to end inside the image.
        let x = (at.min[0] + window.first).min(width - 32);
        let y = (at.min[1] + window.first).min(height - rows);
        // SAFETY: see the module. Rows y to y + rows and columns x to x + 32 are in the image, since the least cell is
        // in the kernel's area (the caller's promise) and the image is large enough.
        unsafe {
            // The first tap of a cell less the corner, all at once.
            let corner = _mm512_set1_epi32(window.first - x + ((window.first - y) << 5));
            let index = _mm512_add_epi32(at.cell[0], _mm512_slli_epi32::<5>(at.cell[1]));
            Some(Self::at(window, [x, y], _mm512_add_epi32(index, corner), rows, support))
        }
    }

    #[inline(always)]
    fn across(window: &Window<'_, u8>, at: &Positions<Sixteen>, support: i32, outside: u8) -> Option<Self> {
        // (Cells may be anywhere.)
        let apart = [0, 1].map(|axis| at.max[axis].wrapping_sub(at.min[axis]));
        if apart.iter().any(|v| !(0..64).contains(v)) {
            return None;
        }
        match Self::pitch(apart, support)? {
            4 => Self::of::<4>(window, at, support, outside),
            5 => Self::of::<5>(window, at, support, outside),
            _ => Self::of::<6>(window, at, support, outside),
        }
    }

    #[inline(always)]
    fn room([columns, rows]: [i32; 2], support: i32) -> Option<[i32; 2]> {
        // (Two rows for each register that is not needed.)
        let less = match rows + support.min(2) {
            ..=4 => 4,
            5..=6 => 2,
            _ => 0,
        };
        (Self::pitch([columns, rows], support) == Some(5)).then_some([32, Self::rows(5, support) - less])
    }

    const PITCH: u32 = 5;
    const REACH: [i32; 2] = [24, 6];

    #[inline(always)]
    fn near(
        window: &Window<'_, u8>,
        at: &NearPositions<Sixteen>,
        room: [i32; 2],
        support: i32,
    ) -> Option<Self> {
        let corner = at.least.map(|v| v + window.first);
        // SAFETY: see the module; there is room (the caller's promise).
        Some(unsafe { Self::at(window, corner, at.place, room[1], support) })
    }

    #[inline(always)]
    fn byte(&self) -> __m512i {
        self.pick(self.index, 0x1111_1111_1111_1111, 0)
    }

    #[inline(always)]
    fn store_byte(&self, out: &mut [u8]) {
        if let Ok(out) = <&mut [u8; 16]>::try_from(out) {
            // SAFETY: see the module; an array has 16 bytes.
            unsafe {
                let bytes = _mm512_cvtepi32_epi8(self.pick(self.index, !0, 0));
                _mm_storeu_si128(out.as_mut_ptr().cast(), bytes);
            }
        }
    }
}

impl Forms<Sixteen> for [Ramp; 3] {
    #[inline(always)]
    fn new([u, v, d]: [i64; 3], [du, dv, dd]: [i64; 3]) -> Option<Self> {
        Some([Ramp::new(u, du), Ramp::new(v, dv), Ramp::new(d, dd)])
    }
    #[inline(always)]
    fn next(&mut self, [ax, ay]: [i32; 2], bits: u32) -> [(__m512i, __m512i); 2] {
        let [u, v, d] = self;
        let d = d.next();
        let r = [reciprocal(d[0]), reciprocal(d[1])];
        [quotient(u.next(), d, r, bits, ax), quotient(v.next(), d, r, bits, ay)]
    }
}
