//! Lines of `u8` on Cortex-M with Helium, the vector extension of ARMv8.1-M (M55, M85): four pixels at once.
//!
//! In and out: see [`arm`](super::arm). They take the place of the loops for bytes with DSP instructions. Coordinates
//! are two vectors along each axis, the upper 32 of their 48 bits and the lower 16, which collect carries;
//! a tap is one gathering load at the offset of the cell from one of four addresses. With t as
//! intermediates, `(p0 (16384 - f) + p1 f + 64) >> 7` is `128 p0 + (((p1 - p0) f + 64) >> 7)`, and so on
//! down, without a rounding in between.
//!
//! Stable Rust has neither a target nor a target feature for Helium, and no intrinsics; its assembler takes
//! no `.arch_extension mve`. It does take `.cpu cortex-m55`, here in naked functions, whose registers are
//! all ours. What Rust cannot say is that a processor has it: that is what `-C target-cpu` is looked at for
//! (`build.rs`).

use core::arch::naked_asm;

use super::arm::Lines;

/// Four pixels, and what leads to the next four: loaded as it lies here. In bytes.
#[repr(C)]
struct Four {
    /// The upper 32 bits of the coordinates, x before y, with a whole part of 16 bits.
    upper: [[u32; 4]; 2],
    /// Their lower 16 bits, and the carries of earlier steps above.
    lower: [[u32; 4]; 2],
    /// Four steps along x, and along y: upper and lower bits.
    step: [[u32; 2]; 2],
    stride: usize,
    base: *const u8,
    out: *mut u8,
    /// Pixels.
    count: usize,
}

/// Calls `draw` for every line.
///
/// # Safety
/// As for every loop of [`arm`](super::arm); `draw` writes `size` bytes a pixel.
#[inline(always)]
unsafe fn each(lines: &Lines, size: usize, draw: unsafe extern "C" fn(&mut Four)) {
    let [mut at, step, down] = lines.coordinates();
    let halves = |v: u64| [(v >> 16) as u32, v as u32 & 0xffff];
    let mut out = lines.out;
    for _ in 0..lines.height {
        let lanes = |at: u64, step: u64| [0, 1, 2, 3].map(|k| halves(at.wrapping_add(step.wrapping_mul(k))));
        let [x, y] = [lanes(at[0], step[0]), lanes(at[1], step[1])];
        let mut four = Four {
            upper: [x.map(|[upper, _]| upper), y.map(|[upper, _]| upper)],
            lower: [x.map(|[_, lower]| lower), y.map(|[_, lower]| lower)],
            step: step.map(|step| halves(step.wrapping_mul(4))),
            stride: lines.stride,
            base: lines.base,
            out,
            count: lines.width / size,
        };
        if four.count > 0 {
            // SAFETY: the caller's promise.
            unsafe { draw(&mut four) };
        }
        at = [at[0].wrapping_add(down[0]), at[1].wrapping_add(down[1])];
        out = out.wrapping_add(lines.out_stride);
    }
}

macro_rules! loops {
    ($($name:ident: $size:literal, $draw:ident;)*) => {$(
        pub(super) unsafe extern "C" fn $name(lines: &mut Lines) {
            // SAFETY: the caller's promise.
            unsafe { each(lines, $size, $draw) };
        }
    )*};
}
loops! {
    nearest_8: 1, nearest_four;
    bilinear_u8: 1, bilinear_four_u8;
    bilinear_q6: 4, bilinear_four_q6;
}

// q0 and q1 are the upper halves of x and y, r1 to r4 the steps (x and y, upper and lower each), r5 the
// stride, r6 the base, r7 where pixels go; the last lanes are left by the loop itself.
#[unsafe(naked)]
unsafe extern "C" fn nearest_four(_: &mut Four) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "vldrw.u32 q0, [r0]",
        "vldrw.u32 q1, [r0, #16]",
        "vldrw.u32 q2, [r0, #32]",
        "vldrw.u32 q3, [r0, #48]",
        "add r0, r0, #64",
        "ldm r0, {{r1-r8}}",
        "dlstp.32 lr, r8",
        "2:",
        "vshr.u32 q4, q2, #16",
        "vshr.u32 q5, q3, #16",
        "vadd.i32 q4, q4, q0",
        "vadd.i32 q5, q5, q1",
        "vadd.i32 q0, q0, r1",
        "vadd.i32 q2, q2, r2",
        "vadd.i32 q1, q1, r3",
        "vadd.i32 q3, q3, r4",
        "vshr.u32 q4, q4, #16",
        "vshr.u32 q5, q5, #16",
        "vmla.u32 q4, q5, r5",
        "vldrb.u32 q6, [r6, q4]",
        "vstrb.32 q6, [r7], #4",
        "letp lr, 2b",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}

// As above, but the lower halves stay in memory; r8 to r10 are the addresses of the other taps, r11 is 128
// and r12 16384.
macro_rules! bilinear {
    ($name:ident, $shift:literal, $store:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(_: &mut Four) {
            naked_asm!(
                ".cpu cortex-m55",
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "vldrw.u32 q0, [r0]",
                "vldrw.u32 q1, [r0, #16]",
                "add r1, r0, #64",
                "ldm r1, {{r1-r8}}",
                "dlstp.32 lr, r8",
                "add r8, r6, #1",
                "add r9, r6, r5",
                "add r10, r8, r5",
                "mov r11, #128",
                "mov r12, #16384",
                "2:",
                "vldrw.u32 q2, [r0, #32]",
                "vldrw.u32 q3, [r0, #48]",
                "vshr.u32 q4, q2, #16",
                "vshr.u32 q5, q3, #16",
                "vadd.i32 q4, q4, q0",
                "vadd.i32 q5, q5, q1",
                "vadd.i32 q2, q2, r2",
                "vadd.i32 q3, q3, r4",
                "vstrw.32 q2, [r0, #32]",
                "vstrw.32 q3, [r0, #48]",
                "vadd.i32 q0, q0, r1",
                "vadd.i32 q1, q1, r3",
                "vshr.u32 q7, q4, #16",
                "vshr.u32 q6, q5, #16",
                "vmla.u32 q7, q6, r5",
                "vshl.i32 q4, q4, #16",
                "vshl.i32 q5, q5, #16",
                "vshr.u32 q4, q4, #18",
                "vshr.u32 q5, q5, #18",
                "vldrb.u32 q2, [r6, q7]",
                "vldrb.u32 q3, [r8, q7]",
                "vsub.i32 q3, q3, q2",
                "vmul.i32 q3, q3, q4",
                "vrshr.s32 q3, q3, #7",
                "vmla.u32 q3, q2, r11",
                "vldrb.u32 q2, [r9, q7]",
                "vldrb.u32 q6, [r10, q7]",
                "vsub.i32 q6, q6, q2",
                "vmul.i32 q6, q6, q4",
                "vrshr.s32 q6, q6, #7",
                "vmla.u32 q6, q2, r11",
                "vsub.i32 q6, q6, q3",
                "vmul.i32 q6, q6, q5",
                "vmla.u32 q6, q3, r12",
                concat!("vrshr.s32 q6, q6, #", $shift),
                $store,
                "letp lr, 2b",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}
bilinear!(bilinear_four_u8, "21", "vstrb.32 q6, [r7], #4");
bilinear!(bilinear_four_q6, "15", "vstrw.32 q6, [r7], #16");
