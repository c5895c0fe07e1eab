//! What a Cortex-M with an FPU has an instruction for.

use core::arch::naked_asm;

/// See `simd`.
#[inline(always)]
pub(crate) fn sqrt(v: f32) -> f32 {
    // SAFETY: every FPU has that.
    unsafe { root(v) }
}

// (Not as a part of other code: that may not name registers of the FPU yet.)
#[unsafe(naked)]
unsafe extern "C" fn root(v: f32) -> f32 {
    naked_asm!(".fpu fpv4-sp-d16", "vsqrt.f32 s0, s0", "bx lr")
}
