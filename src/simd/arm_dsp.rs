//! Loops for Cortex-M with the DSP extension (M4, M7, M33, M55). A pixel's address is one multiply-add and
//! one addition; SMLAD and SMUAD apply two weights at once, pairs `16384 - f, f`, which are
//! `f 65535 + 16384` as one number; SMMLAR makes and rounds an intermediate of 16 bits from the left pixel
//! and the step to the right one. Two or four pixels are loaded at once from any address, which these
//! processors do in memory of type Normal, unless they are told not to (`UNALIGN_TRP`, not set after a reset).

use core::arch::naked_asm;

use super::arm::Lines;
use super::steps::{Quotient, TOLD, Told};
use crate::fixed::{Position, Q6};

/// Pixels in a block of a strip: the least width of a warp by a shift.
pub(super) const SHIFTED: usize = 4;
/// The most blocks of a strip.
const BLOCKS: usize = 24;

/// A part of a warp by a shift, some columns wide: all pixels have the same weights, and the intermediates of
/// one row are those of the next one. Loaded as it lies here.
#[repr(C)]
struct Strip {
    source: *const u8,
    out: *mut u8,
    stride: usize,
    out_stride: usize,
    /// Where the last row ends in the destination.
    end: *mut u8,
    /// The intermediates of the row above, four pixels in 8 bytes, and where those of the last block are.
    above: *mut u32,
    last: *mut u32,
    /// Weights: those along x in Q15, so that the sum with pixels less 128 times 2^8 has an intermediate in
    /// its upper half; those along y in Q14.
    across: u32,
    down: u32,
    /// What the intermediates begin with: a half, the 128 again, and 64 for the last rounding (see `arm`).
    half: u32,
}

/// Fills an image of bytes (width, height) by linear interpolation, where the first pixel is the first of
/// the source and a fraction (x, y) in Q14, and so are all others. Strides are of the source and of the
/// destination.
///
/// # Safety
/// The image is in the destination, and with one column and one row more in the source. The width is at least
/// [`SHIFTED`].
#[inline(never)]
pub(super) unsafe fn shift(
    source: *const u8,
    out: *mut u8,
    strides: [usize; 2],
    [width, height]: [usize; 2],
    [x, y]: [u32; 2],
) {
    let [across, half] = across(x, 64);
    let mut above = [0; 2 * BLOCKS];
    let mut begin = 0;
    while begin < width {
        let blocks = ((width - begin) / SHIFTED).clamp(1, BLOCKS);
        // (The last pixels once more, if they are less than a block.)
        let first = begin.min(width - SHIFTED);
        begin = first + SHIFTED * blocks;
        let out = out.wrapping_add(first);
        let end = out.wrapping_add(SHIFTED * blocks);
        let mut strip = Strip {
            source: source.wrapping_add(first),
            out,
            stride: strides[0],
            out_stride: strides[1],
            end,
            above: above.as_mut_ptr(),
            last: above.as_mut_ptr().wrapping_add(2 * (blocks - 1)),
            across,
            down: down(y),
            half,
        };
        // The intermediates of the first row: what comes out is overwritten by the next call.
        // SAFETY: all blocks are within the width, and there is room for their intermediates.
        unsafe { shift_u8(&mut strip) };
        // (The source has moved on by one row.)
        (strip.out, strip.end) = (out, end.wrapping_add((height - 1) * strides[1]));
        // SAFETY: as above, and there is a row more.
        unsafe { shift_u8(&mut strip) };
    }
}

/// Weights along x in Q15 of a fraction in Q14, and what intermediates begin with: a half, the 128 again, and what the
/// last rounding needs (see [`Strip`]).
#[inline(always)]
fn across(fraction: u32, last: u32) -> [u32; 2] {
    let half = (1 << 15) + (((128 << 7) + last) << 16);
    // One is no number in Q15, but a pixel times the one below, with a little less than a half, is rounded to
    // the same.
    if fraction == 0 { [32_767, half - 1] } else { [(32_768 - 2 * fraction) | fraction << 17, half] }
}

/// Weights along y in Q14.
#[inline(always)]
const fn down(fraction: u32) -> u32 {
    (16_384 - fraction) | fraction << 16
}

/// Makes so many samples by linear interpolation from a place in rows of bytes on, all with the same fractions, in
/// Q14. Those up to the fourth are overwritten if there are less; none are made if not all taps are there.
#[inline(always)]
pub(crate) fn shifted(pixels: &[u8], stride: usize, [x, y]: [Position; 2], samples: &mut [Q6], len: usize) {
    let first = (y.cell as usize).wrapping_mul(stride).wrapping_add(x.cell as usize);
    let taps = pixels.get(first..).and_then(|taps| taps.get(..=stride + len));
    let (Some(taps), Some(samples)) = (taps, samples.get_mut(..len.max(SHIFTED))) else { return };
    let ([across, half], down) = (across(x.fraction, 1), down(y.fraction));
    let mut few = [[0; SHIFTED + 1]; 2];
    let (source, stride) = if len < SHIFTED {
        for (row, few) in [0, stride].into_iter().zip(&mut few) {
            for (k, tap) in few.iter_mut().enumerate().take(len + 1) {
                *tap = taps.get(row + k).copied().unwrap_or(0);
            }
        }
        (few.as_ptr().cast(), SHIFTED + 1)
    } else {
        (taps.as_ptr(), stride)
    };
    // SAFETY: there are so many samples, at least four, and one tap more from there on and from one row below on.
    unsafe { shift_q6(source, stride, samples.as_mut_ptr(), samples.len(), across, half, down) };
}

/// Whether runs of pixels that lie side by side in the source too are long enough, on the average, to be
/// copied as runs: where a step is nearly one pixel to the right.
#[inline(always)]
pub(super) fn are_long([x, y]: [i64; 2]) -> bool {
    x.wrapping_sub(1 << 32).unsigned_abs() < 1 << 28 && y.unsigned_abs() < 1 << 28
}

/// Fills an image of bytes (width, height) with the pixels in whose squares its coordinates are, run by run
/// of those that lie side by side. Coordinates are half a pixel more than where they are, in Q32.32: of the
/// first pixel, from pixel to pixel, and from row to row. Strides are of the source and of the destination.
///
/// # Safety
/// The image is in the destination, and its coordinates in the source. The steps are such as [`are_long`]
/// finds long.
#[inline(never)]
pub(super) unsafe fn runs(
    source: *const u8,
    mut out: *mut u8,
    strides: [usize; 2],
    [width, height]: [usize; 2],
    [mut first, step, down]: [[i64; 2]; 3],
) {
    // (What is beside a whole pixel fits.)
    let [dx, dy] = step.map(|v| v as i32);
    for _ in 0..height {
        let ([mut x, mut y], mut rest, mut to) = (first, width, out);
        while rest > 0 {
            let n = before_next(x as u32, dx).min(before_next(y as u32, dy)).min(rest as u32);
            let from = (y >> 32) as usize * strides[0] + (x >> 32) as usize;
            // SAFETY: the first pixel and the last of the run are in the source, and in one row of it.
            unsafe { copy(to, source.wrapping_add(from), n as usize) };
            to = to.wrapping_add(n as usize);
            rest -= n as usize;
            x = x.wrapping_add(i64::from(n) << 32).wrapping_add(i64::from(n as i32) * i64::from(dx));
            y = y.wrapping_add(i64::from(n as i32) * i64::from(dy));
        }
        out = out.wrapping_add(strides[1]);
        first = [first[0].wrapping_add(down[0]), first[1].wrapping_add(down[1])];
    }
}

/// How many steps from a fraction on there are until it has left its whole number, 2^31 at most: the last
/// one is the one with which it does.
#[inline(always)]
fn before_next(fraction: u32, step: i32) -> u32 {
    let room = if step < 0 { fraction } else { !fraction };
    room.checked_div(step.unsigned_abs()).unwrap_or(u32::MAX).min((1 << 31) - 2) + 1
}

/// Copies bytes.
#[unsafe(naked)]
unsafe extern "C" fn copy(out: *mut u8, source: *const u8, len: usize) {
    naked_asm!(
        "subs r2, r2, #16",
        "blo 3f",
        "2:",
        "ldr r3, [r1], #4",
        "ldr r12, [r1], #4",
        "str r3, [r0], #4",
        "str r12, [r0], #4",
        "ldr r3, [r1], #4",
        "ldr r12, [r1], #4",
        "str r3, [r0], #4",
        "str r12, [r0], #4",
        "subs r2, r2, #16",
        "bhs 2b",
        "3:",
        // Eight, four, two and one more, by the bits of what is left.
        "lsls r3, r2, #29",
        "bcc 4f",
        "ldr r3, [r1], #4",
        "ldr r12, [r1], #4",
        "str r3, [r0], #4",
        "str r12, [r0], #4",
        "4:",
        "tst r2, #4",
        "beq 5f",
        "ldr r3, [r1], #4",
        "str r3, [r0], #4",
        "5:",
        "lsls r2, r2, #31",
        "bcc 6f",
        "ldrh r3, [r1], #2",
        "strh r3, [r0], #2",
        "6:",
        "bpl 7f",
        "ldrb r3, [r1]",
        "strb r3, [r0]",
        "7:",
        "bx lr",
    )
}

// The assembler knows what the target has, but not what the chosen processor has beyond that.
#[cfg(armv8m)]
macro_rules! processor {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(armv8m))]
macro_rules! processor {
    () => {
        ""
    };
}
pub(super) use processor;

// r0 is where the next pixel goes, r1-r3 are the coordinates, r4-r6 their step, r7 the stride and r8
// the base of the source; r9 is where the line ends, r10 where its last whole block does, r11 what it
// is all about.
macro_rules! nearest_pixel {
    (1) => {
        nearest_pixel!("add r12, r12, r3, lsr #16", "ldrb r12, [r12]", "strb r12, [r0], #1")
    };
    (2) => {
        nearest_pixel!("lsr lr, r3, #16", "ldrh r12, [r12, lr, lsl #1]", "strh r12, [r0], #2")
    };
    ($address:literal, $load:literal, $store:literal) => {
        concat!(
            "smlabb r12, r2, r7, r8\n",
            $address,
            "\n",
            $load,
            "
             adds r1, r1, r4
             adcs r2, r2, r5
             adc r3, r3, r6\n",
            $store
        )
    };
}

// To the next line of r11; zero if there is none.
macro_rules! next_line {
    () => {
        "ldm r11, {{r1-r3}}
         ldrd r4, r5, [r11, #32]
         ldr r6, [r11, #40]
         adds r1, r1, r4
         adcs r2, r2, r5
         adc r3, r3, r6
         stm r11, {{r1-r3}}
         ldr r0, [r11, #44]
         ldrd r1, r2, [r11, #52]
         add r0, r0, r1
         str r0, [r11, #44]
         subs r2, r2, #1
         str r2, [r11, #56]"
    };
}

macro_rules! nearest {
    ($name:ident, $size:tt) => {
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(_: &mut Lines) {
            naked_asm!(
                processor!(),
                "push {{r4-r11, lr}}",
                "mov r11, r0",
                "6:",
                "ldm r11, {{r1-r8}}",
                "ldrd r0, r9, [r11, #44]",
                concat!("bic r10, r9, #(8 * ", $size, " - 1)"),
                "add r9, r9, r0",
                "add r10, r10, r0",
                "b 3f",
                "2:",
                nearest_pixel!($size),
                nearest_pixel!($size),
                nearest_pixel!($size),
                nearest_pixel!($size),
                nearest_pixel!($size),
                nearest_pixel!($size),
                nearest_pixel!($size),
                nearest_pixel!($size),
                "3:",
                "cmp r0, r10",
                "bne 2b",
                "b 5f",
                "4:",
                nearest_pixel!($size),
                "5:",
                "cmp r0, r9",
                "bne 4b",
                next_line!(),
                "bne 6b",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}
#[cfg(not(helium))]
nearest!(nearest_8, 1);
nearest!(nearest_16, 2);

// As above; but the lowest word of the step is at [sp], r6 is free, r9 is the constant of the first
// rounding, and r10 and r11 make weights.
// Both sums along x and the pair of what they are rounded to, in r12, and the weights along y, in r6, by what puts
// the fractions of the coordinates into r6.
macro_rules! bilinear_sums {
    ($x:literal, $y:literal) => {
        concat!(
            "ldrh lr, [r12, r7]
             ldrh r12, [r12]\n",
            $x,
            "
             mla r6, r6, r10, r11
             orr lr, lr, lr, lsl #8
             orr r12, r12, r12, lsl #8
             uxtb16 lr, lr
             uxtb16 r12, r12
             smlad lr, lr, r6, r9
             smlad r12, r12, r6, r9\n",
            $y,
            "
             mla r6, r6, r10, r11
             lsr r12, r12, #7
             pkhbt r12, r12, lr, lsl #9"
        )
    };
}

#[cfg(not(helium))]
macro_rules! bilinear_pixel {
    ($shift:literal, $store:literal) => {
        concat!(
            "smlabb r12, r2, r7, r8
             add r12, r12, r3, lsr #16\n",
            bilinear_sums!("ubfx r6, r3, #2, #14", "lsr r6, r1, #18"),
            "
             ldr lr, [sp]
             smuad r12, r12, r6
             adds r1, r1, lr
             adcs r2, r2, r4
             adc r3, r3, r5
             lsr r12, r12, #",
            $shift,
            "\n",
            $store
        )
    };
}

// A loop whose registers do not suffice for where the line ends: that is at [sp, #4], where its last whole
// block of four pixels ends at [sp, #8], and what it is all about at [sp, #12]. `begin` and `constants` come
// before a line, the latter when r9 to r11 are free.
macro_rules! in_fours {
    ($name:ident, $size:literal, $begin:expr, $constants:expr, $pixel:expr) => {
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(_: &mut Lines) {
            naked_asm!(
                processor!(),
                "push {{r4-r11, lr}}",
                "sub sp, sp, #16",
                "str r0, [sp, #12]",
                "mov r11, r0",
                "6:",
                "ldm r11, {{r1-r8}}",
                $begin,
                "ldrd r0, r9, [r11, #44]",
                concat!("bic r10, r9, #(4 * ", $size, " - 1)"),
                "add r9, r9, r0",
                "add r10, r10, r0",
                "strd r9, r10, [sp, #4]",
                $constants,
                "b 3f",
                "2:",
                $pixel,
                $pixel,
                $pixel,
                $pixel,
                "3:",
                "ldr r12, [sp, #8]",
                "cmp r0, r12",
                "bne 2b",
                "b 5f",
                "4:",
                $pixel,
                "5:",
                "ldr r12, [sp, #4]",
                "cmp r0, r12",
                "bne 4b",
                "ldr r11, [sp, #12]",
                next_line!(),
                "bne 6b",
                "add sp, sp, #16",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

#[cfg(not(helium))]
macro_rules! bilinear {
    ($name:ident, $constant:literal, $shift:literal, $store:literal, $size:literal) => {
        in_fours!(
            $name,
            $size,
            "str r4, [sp]
             mov r4, r5
             mov r5, r6",
            concat!("movw r9, #", $constant, "\nmovw r10, #65535\nmovw r11, #16384"),
            bilinear_pixel!($shift, $store)
        );
    };
}
#[cfg(not(helium))]
bilinear!(bilinear_u8, "8256", "21", "strb r12, [r0], #1", "1");
#[cfg(not(helium))]
bilinear!(bilinear_q6, "192", "15", "str r12, [r0], #4", "4");

// r1 is the next position, with y so much further on, r0 where the pixel goes, and r2 where the last one does.
macro_rules! bilinear_at {
    ($name:ident, $constant:literal, $shift:literal, $store:literal, $size:literal) => {
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(
            _: *mut u8,
            _: &Told,
            _: usize,
            _: usize,
            _: *const u8,
        ) {
            naked_asm!(
                processor!(),
                "push {{r4-r11, lr}}",
                concat!("add r2, r0, r2, lsl #(", $size, " / 2)"),
                "mov r7, r3",
                "ldr r8, [sp, #36]",
                concat!("movw r9, #", $constant, "\nmovw r10, #65535\nmovw r11, #16384"),
                "2:",
                "ldr r5, [r1, #{y}]",
                "ldr r4, [r1], #4",
                "asr r12, r5, #14",
                "mla r12, r12, r7, r8",
                "add r12, r12, r4, asr #14",
                bilinear_sums!("ubfx r6, r4, #0, #14", "ubfx r6, r5, #0, #14"),
                "smuad r12, r12, r6",
                concat!("lsr r12, r12, #", $shift),
                $store,
                "cmp r0, r2",
                "bne 2b",
                "pop {{r4-r11, pc}}",
                y = const 4 * TOLD,
            )
        }
    };
}
bilinear_at!(bilinear_u8_at, "8256", "21", "strb r12, [r0], #1", "1");
bilinear_at!(bilinear_q6_at, "192", "15", "str r12, [r0], #4", "4");

/// As [`bilinear_u8_at`], of the nearest pixels.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn nearest_8_at(_: *mut u8, _: &Told, _: usize, _: usize, _: *const u8) {
    naked_asm!(
        "push {{r4, lr}}",
        "ldr r4, [sp, #8]",
        "add r2, r2, r0",
        "2:",
        "ldr r12, [r1, #{y}]",
        "ldr lr, [r1], #4",
        "mla r12, r12, r3, r4",
        "ldrb r12, [r12, lr]",
        "strb r12, [r0], #1",
        "cmp r0, r2",
        "bne 2b",
        "pop {{r4, pc}}",
        y = const 4 * TOLD,
    )
}

// r4 is what the prediction begins with, r5 the rest of it, r6, r8 and r9 its differences; r10 is the numerator and
// r11 what it grows by, r1 the denominator and r2 what that grows by.
macro_rules! quotient {
    () => {
        "add r12, r4, r5, asr #10
         add r7, r10, r1, lsr #1
         mls r7, r12, r1, r7
         add r5, r5, r6, asr #4
         add r6, r6, r8, asr #4
         add r8, r8, r9
         add r10, r10, r11
         cmp r7, r1
         adc r12, r12, #0
         add r1, r1, r2
         str r12, [r3], #4"
    };
}

/// The next results of a quotient, by the first denominator, its step, where they go and how many.
///
/// # Safety
/// There is room for so many.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn tell(_: &mut Quotient, _: i32, _: i32, _: *mut i32, _: usize) {
    naked_asm!(
        processor!(),
        "push {{r0, r4-r11, lr}}",
        "ldr lr, [sp, #40]",
        "ldm r0, {{r4-r6, r8-r11}}",
        "add lr, r3, lr, lsl #2",
        "b 3f",
        "2:",
        quotient!(),
        quotient!(),
        quotient!(),
        quotient!(),
        "3:",
        "sub r0, lr, r3",
        "cmp r0, #16",
        "bhs 2b",
        "b 5f",
        "4:",
        quotient!(),
        "5:",
        "cmp r3, lr",
        "bne 4b",
        "pop {{r0}}",
        "stm r0, {{r4-r6, r8-r11}}",
        "pop {{r4-r11, pc}}",
    )
}

// As nearest; but r9 is the fraction of x in Q31, later that of y in Q24, r10
// the upper intermediate, and r11 is 128: as a part of both intermediates, half of what the last rounding
// takes off. What differs with the sign are the extension and the shift.
macro_rules! bilinear_16_pixel {
    ($extend:literal, $shift:literal) => {
        concat!(
            "smlabb r12, r2, r7, r8
             lsr lr, r3, #16
             add r12, r12, lr, lsl #1
             ldr lr, [r12, r7]
             ldr r12, [r12]
             lsr r9, r2, #24
             bfi r9, r3, #8, #16
             lsl r9, r9, #7\n",
            $extend,
            " r10, r12
             rsb r12, r10, r12, ",
            $shift,
            " #16
             lsl r12, r12, #9
             add r10, r11, r10, lsl #8
             smmlar r10, r12, r9, r10\n",
            $extend,
            " r12, lr
             rsb lr, r12, lr, ",
            $shift,
            " #16
             lsl lr, lr, #9
             add r12, r11, r12, lsl #8
             smmlar r12, lr, r9, r12
             lsr r9, r1, #8
             sub r12, r12, r10
             lsl lr, r10, #24\n",
            $shift,
            " r10, r10, #8
             smlal lr, r10, r12, r9
             adds r1, r1, r4
             adcs r2, r2, r5
             adc r3, r3, r6
             strh r10, [r0], #2"
        )
    };
}

macro_rules! bilinear_16 {
    ($name:ident, $extend:literal, $shift:literal) => {
        in_fours!($name, "2", "", "mov r11, #128", bilinear_16_pixel!($extend, $shift));
    };
}
bilinear_16!(bilinear_u16, "uxth", "lsr");
bilinear_16!(bilinear_i16, "sxth", "asr");

// r0 is the next pixel of the source, r1 of the destination, r2 where the intermediates of the row above
// are; r3 and r4 are the weights, r5 the upper bytes of both halves, r6 the half. lr has pixels 0 and 2 of
// the block and r8 all four. First pixels 0 and 2, then 1 and 3.
macro_rules! shift_block {
    ($load:literal) => {
        concat!(
            "and r9, r5, r8
             smlabb r10, lr, r3, r6
             smlabt r10, r9, r3, r10
             smlatb r11, lr, r3, r6
             smlatt r11, r9, r3, r11
             ldrd r7, r12, [r2]
             pkhbt r8, r7, r10
             pkhtb r7, r11, r7, asr #16
             pkhtb r10, r11, r10, asr #16
             str r10, [r2], #4
             smuad r8, r8, r4
             smuad r7, r7, r4
             pkhtb r11, r7, r8, asr #16
             smlabb r7, r9, r3, r6
             smlatt r7, lr, r3, r7
             ",
            $load,
            "
             eor r8, r8, #0x80808080
             and lr, r5, r8, lsl #8
             smlatb r9, r9, r3, r6
             smlabt r9, lr, r3, r9
             pkhbt r10, r12, r7
             pkhtb r12, r9, r12, asr #16
             pkhtb r7, r9, r7, asr #16
             str r7, [r2], #4
             smuad r10, r10, r4
             smuad r12, r12, r4
             pkhtb r10, r12, r10, asr #16
             and r10, r5, r10, lsl #3
             and r11, r5, r11, lsl #3
             orr r10, r10, r11, lsr #8
             str r10, [r1], #4"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn shift_u8(_: &mut Strip) {
    naked_asm!(
        processor!(),
        "push {{r0, r4-r11, lr}}",
        "sub sp, sp, #8",
        // Where the last block is, and how many there are before it, but for fours.
        "ldrd r1, r2, [r0, #20]",
        "sub r1, r2, r1",
        "ubfx r1, r1, #3, #2",
        "strd r2, r1, [sp]",
        "ldrd r3, r4, [r0, #28]",
        "ldr r6, [r0, #36]",
        "mov r5, #0xff00ff00",
        "mov r12, r0",
        "6:",
        "ldm r12, {{r0, r1, r8, r9}}",
        "add r8, r8, r0",
        "add r9, r9, r1",
        "strd r8, r9, [r12]",
        "ldr r2, [r12, #20]",
        "ldr r8, [r0], #4",
        "eor r8, r8, #0x80808080",
        "and lr, r5, r8, lsl #8",
        "ldr r7, [sp, #4]",
        "tbh [pc, r7, lsl #1]",
        "7:",
        ".short (3f - 7b) / 2, (8f - 7b) / 2, (5f - 7b) / 2, (4f - 7b) / 2",
        "2:",
        shift_block!("ldr r8, [r0], #4"),
        "4:",
        shift_block!("ldr r8, [r0], #4"),
        "5:",
        shift_block!("ldr r8, [r0], #4"),
        "8:",
        shift_block!("ldr r8, [r0], #4"),
        "3:",
        "ldr r7, [sp]",
        "cmp r2, r7",
        "bne 2b",
        // Of what follows only one pixel is sure to be there.
        shift_block!("ldrb r8, [r0]"),
        "ldr r12, [sp, #8]",
        "ldr r7, [r12, #16]",
        "cmp r1, r7",
        "bne 6b",
        "add sp, sp, #12",
        "pop {{r4-r11, pc}}",
    )
}

// r0 is where the taps of a row begin that follow the first one, which is in the upper half of r8; r1 is from there to
// those of the row below, of which r9 has the first one. r2 is where samples go, r3 to r6 are as above.
/// Samples of a shift, at least four: from where, the stride, where to, how many, and what is said of a [`Strip`].
#[unsafe(naked)]
unsafe extern "C" fn shift_q6(
    source: *const u8,
    stride: usize,
    samples: *mut Q6,
    len: usize,
    across: u32,
    half: u32,
    down: u32,
) {
    naked_asm!(
        processor!(),
        "push {{r4-r11, lr}}",
        "sub sp, sp, #8",
        // Where the samples end, and the last whole block does.
        "add r12, r2, r3, lsl #2",
        "bic r3, r3, #3",
        "add lr, r2, r3, lsl #2",
        "strd r12, lr, [sp]",
        "ldrd r3, r6, [sp, #44]",
        "ldr r4, [sp, #52]",
        "mov r5, #0xff00ff00",
        "2:",
        "ldrb r9, [r0, r1]",
        "ldrb r8, [r0], #1",
        "sub r9, r9, #128",
        "sub r8, r8, #128",
        "lsl r9, r9, #24",
        "lsl r8, r8, #24",
        "3:",
        "smlatb r7, r8, r3, r6",
        "smlatb r12, r9, r3, r6",
        "ldr r11, [r0, r1]",
        "ldr r10, [r0], #4",
        "eor r11, r11, #0x80808080",
        "eor r10, r10, #0x80808080",
        "and r9, r5, r11",
        "and r8, r5, r10",
        "and r11, r5, r11, lsl #8",
        "and r10, r5, r10, lsl #8",
        "smlabt r7, r10, r3, r7",
        "smlabt r12, r11, r3, r12",
        "pkhtb r7, r12, r7, asr #16",
        "smuad r7, r7, r4",
        "smlabb r12, r10, r3, r6",
        "smlabb lr, r11, r3, r6",
        "smlabt r12, r8, r3, r12",
        "smlabt lr, r9, r3, lr",
        "pkhtb r12, lr, r12, asr #16",
        "smuad r12, r12, r4",
        "lsr r7, r7, #15",
        "lsr r12, r12, #15",
        "strd r7, r12, [r2], #8",
        "smlabb r7, r8, r3, r6",
        "smlabb r12, r9, r3, r6",
        "smlatt r7, r10, r3, r7",
        "smlatt r12, r11, r3, r12",
        "pkhtb r7, r12, r7, asr #16",
        "smuad r7, r7, r4",
        "smlatb r12, r10, r3, r6",
        "smlatb lr, r11, r3, r6",
        "smlatt r12, r8, r3, r12",
        "smlatt lr, r9, r3, lr",
        "pkhtb r12, lr, r12, asr #16",
        "smuad r12, r12, r4",
        "lsr r7, r7, #15",
        "lsr r12, r12, #15",
        "strd r7, r12, [r2], #8",
        "ldr r12, [sp, #4]",
        "cmp r2, r12",
        "bne 3b",
        // The last four once more, if they are not a whole block.
        "ldr r12, [sp]",
        "str r12, [sp, #4]",
        "subs lr, r12, r2",
        "sub r2, r12, #16",
        "sub r0, r0, #5",
        "add r0, r0, lr, lsr #2",
        "bne 2b",
        "add sp, sp, #8",
        "pop {{r4-r11, pc}}",
    )
}
