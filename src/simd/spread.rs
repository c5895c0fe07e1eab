//! Elements from scattered places of memory, by loads of 4, 8 or 16 bytes: what the x86 backends do instead of
//! gathers, which take several times as long on many processors.
//!
//! Every function is inlined into the one that [`Level::run`](super::Level::run) enters.

use core::arch::x86_64::*;

/// Begins to fetch what is at an address, whatever it is.
#[inline(always)]
pub(super) fn prefetch<T>(at: *const T) {
    // SAFETY: a prefetch reads nothing, and every x86-64 has it.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
}

/// Places of N lanes, each so many elements, none or more, after the first. (Written without closures, which
/// would not be inlined with the features.)
pub(super) struct Spread<'a, T, const N: usize> {
    pub(super) first: *const T,
    pub(super) index: &'a [i32; N],
}

impl<T, const N: usize> Spread<'_, T, N> {
    /// Where place `L` is.
    #[inline(always)]
    fn at<U, const L: usize>(&self) -> *const U {
        // (Not negative: a register's lanes are taken out as they are.)
        self.first.wrapping_add(self.index[L] as u32 as usize).cast()
    }

    /// Begins to fetch what is so many elements further on, of every fourth place: hardware does not foresee a
    /// slanted path.
    #[inline(always)]
    pub(super) fn fetch_ahead(&self, elements: usize) {
        for &index in self.index.iter().step_by(4) {
            prefetch(self.first.wrapping_add(index as u32 as usize + elements));
        }
    }

    /// Four bytes each, of places `A` to `D`.
    ///
    /// # Safety
    /// The bytes can be read.
    #[inline(always)]
    pub(super) unsafe fn ones<const A: usize, const B: usize, const C: usize, const D: usize>(
        &self,
    ) -> __m128 {
        // SAFETY: as above.
        unsafe {
            let ab = _mm_unpacklo_epi32(one(self.at::<_, A>()), one(self.at::<_, B>()));
            let cd = _mm_unpacklo_epi32(one(self.at::<_, C>()), one(self.at::<_, D>()));
            _mm_castsi128_ps(_mm_unpacklo_epi64(ab, cd))
        }
    }

    /// Eight bytes each, of places `A` and `B`.
    ///
    /// # Safety
    /// The bytes can be read.
    #[inline(always)]
    pub(super) unsafe fn two<const A: usize, const B: usize>(&self) -> __m128 {
        // SAFETY: as above.
        unsafe { _mm_castsi128_ps(_mm_unpacklo_epi64(eight(self.at::<_, A>()), eight(self.at::<_, B>()))) }
    }

    /// Sixteen bytes of place `L`.
    ///
    /// # Safety
    /// The bytes can be read.
    #[inline(always)]
    pub(super) unsafe fn four<const L: usize>(&self) -> __m128 {
        // SAFETY: as above.
        unsafe { _mm_castsi128_ps(_mm_loadu_si128(self.at::<_, L>())) }
    }
}

/// Four bytes.
///
/// # Safety
/// They can be read.
#[inline(always)]
unsafe fn one(at: *const i32) -> __m128i {
    // SAFETY: as above.
    unsafe { _mm_cvtsi32_si128(at.read_unaligned()) }
}

/// Eight bytes.
///
/// # Safety
/// They can be read.
#[inline(always)]
pub(super) unsafe fn eight(at: *const i64) -> __m128i {
    // SAFETY: as above.
    unsafe { _mm_cvtsi64_si128(at.read_unaligned()) }
}
