//! Whole stretches of rows on Cortex-M with the DSP extension (M4, M7, M33, M55), in assembly. Two or four
//! pixels are loaded at once from any address, which these processors do unless they are told not to
//! (`UNALIGN_TRP`, not set after a reset).
//!
//! In: a window, a linear walk whose cells are all in the kernel's area, and the destination. Out: the
//! bits that the scalar code gives. What a compiler does not find: both coordinates step in three words
//! (48 bits each, y below x), so that the fraction of one and the cells are there without a shift; a
//! pixel's address is one multiply-add and one addition; SMLAD and SMUAD apply two weights at once.
//!
//! Weights are pairs `16384 - f, f`, which is `f 65535 + 16384` as one number. They sum to 2^14, so 64
//! added to both intermediates is 2^20, the half that the last rounding to whole levels adds (and 1 is
//! 2^14, the one that rounding to Q6 adds): it goes along in the constant of the first, `64 + (64 << 7)`.
//! With 16 bits SMMLAR makes and rounds an intermediate from the left pixel and the step to the right one.

use core::any::TypeId;
use core::arch::naked_asm;

use super::block::Window;
use crate::fixed::{Q6, Rounding, round_coordinate};
use crate::image::{Image, ImageMut, Tap};
use crate::kernel::{Channel, Kernel, Output, rounding, support};
use crate::span::Area;

/// Coordinates along a line, in Q32.32, and their steps.
type Line = ([i64; 2], [i64; 2]);

/// Fills a destination whose coordinates are linear (in Q32.32: those of the first pixel, their steps along
/// rows, and from row to row), if all taps are inside, and there is a loop for it: nearest and bilinear, one
/// channel of 8 or 16 bits. False, with nothing done, otherwise.
#[inline(always)]
pub(crate) fn frame<P: Tap, K: Kernel>(
    source: &Image<'_, P>,
    [first, step, down]: [[i64; 2]; 3],
    destination: &mut ImageMut<'_, P::Sampled>,
) -> bool {
    let (width, height, stride) = (destination.width(), destination.height(), destination.stride());
    let to = rounding::<K, P::Channel>();
    let area = Area::new::<K>(source.width(), source.height());
    let (Some(draw), 1) =
        (of::<P::Channel, K, <P::Sampled as Tap>::Channel>(source.stride(), to), P::CHANNELS)
    else {
        return false;
    };
    if width == 0 || height == 0 {
        return true;
    }
    let from = |at: [i64; 2], step: [i64; 2], n: usize| {
        let along = |i: usize| at[i].wrapping_add(step[i].wrapping_mul(n as i64));
        [along(0), along(1)]
    };
    let below = from(first, down, height - 1);
    // Linear, so that all pixels are inside if the corners are.
    let inside = |at: [i64; 2]| area.contains(at.map(|v| round_coordinate(v, to)));
    let ends = [first, from(first, step, width - 1), below, from(below, step, width - 1)];
    if !ends.into_iter().all(inside) {
        return false;
    }
    let out = destination.elements_mut().as_mut_ptr().cast();
    let size = size_of::<P::Sampled>();
    if K::LINEAR && size == 1 && step == [1 << 32, 0] && down == [0, 1 << 32] && width >= 4 {
        let [x, y] = first.map(|v| round_coordinate(v, to));
        let (across, stride_in) = (x.cell as usize, source.stride());
        let strip = Strip {
            source: P::flatten(source.elements())
                .as_ptr()
                .cast::<u8>()
                .wrapping_add(y.cell as usize * stride_in + across),
            out,
            stride: stride_in,
            out_stride: stride,
            rows: height,
            ..Strip::new(x.fraction, y.fraction)
        };
        // SAFETY: as below; the width is at least that of a block, and the pixels are bytes (a linear kernel's
        // `Q6` are no pixels).
        unsafe { shift(strip, width) };
        return true;
    }
    let lines = Lines {
        down: packed_step(down),
        width: width * size,
        out_stride: stride * size,
        height,
        ..Lines::new(P::flatten(source.elements()), source.stride(), (first, step), to, out)
    };
    // SAFETY: all taps are in the image (see above), and all of `destination` in its elements, of the
    // type (see `of`) that the loop writes.
    unsafe { draw(&mut { lines }) };
    true
}

/// Fills `out` along a line, if there is a loop for it. False, with nothing done, otherwise.
///
/// # Safety
/// All taps of all pixels are in the window.
#[inline(always)]
pub(super) unsafe fn line<C: Channel, K: Kernel, O: Output<C>>(
    window: &Window<'_, C>,
    line: Line,
    to: Rounding,
    out: &mut [O],
) -> bool {
    let (Some(draw), 1) = (of::<C, K, O>(window.stride, to), window.step) else { return false };
    let width = size_of_val(out);
    let lines = Lines { width, ..Lines::new(window.data, window.stride, line, to, out.as_mut_ptr().cast()) };
    // SAFETY: the caller's promise; `out` is as long as said, and of the type that the loop writes.
    unsafe { draw(&mut { lines }) };
    true
}

/// A loop.
type Draw = unsafe extern "C" fn(&mut Lines);

/// The loop for these types.
#[inline(always)]
fn of<C: Channel, K: Kernel, O: 'static>(stride: usize, to: Rounding) -> Option<Draw> {
    let (from, into) = (TypeId::of::<C>(), TypeId::of::<O>());
    let [byte, unsigned, signed] = [TypeId::of::<u8>(), TypeId::of::<u16>(), TypeId::of::<i16>()];
    let nearest = support::<K>() == 1;
    if to.ties_to_even || i16::try_from(stride.saturating_mul(size_of::<C>())).is_err() {
        None
    } else if from == byte && into == byte && nearest {
        Some(nearest_8)
    } else if from == byte && into == byte && K::LINEAR {
        Some(bilinear_u8)
    } else if from == byte && into == TypeId::of::<Q6>() && K::LINEAR {
        Some(bilinear_q6)
    } else if from == into && (from == unsigned || from == signed) && nearest {
        Some(nearest_16)
    } else if from == into && from == unsigned && K::LINEAR {
        Some(bilinear_u16)
    } else if from == into && from == signed && K::LINEAR {
        Some(bilinear_i16)
    } else {
        None
    }
}

/// What the loops work on: loaded as it lies here. In bytes.
#[repr(C)]
struct Lines {
    /// Both coordinates of the first pixel: 48 bits of y, with 16 of them the cell, below 48 bits of x.
    at: [u32; 3],
    step: [u32; 3],
    stride: usize,
    base: *const u8,
    /// From line to line.
    down: [u32; 3],
    out: *mut u8,
    width: usize,
    out_stride: usize,
    height: usize,
}

/// Two numbers of which 48 bits matter.
#[inline(always)]
fn packed([x, y]: [i64; 2]) -> [u32; 3] {
    let (x, y) = (x as u64, y as u64);
    [y as u32, (y >> 32) as u32 & 0xffff | (x as u32) << 16, (x >> 16) as u32]
}

/// A step between pixels. Their y is never negative, so that adding a negative number modulo 2^48
/// always carries into x.
#[inline(always)]
fn packed_step([x, y]: [i64; 2]) -> [u32; 3] {
    packed([x.wrapping_sub((y < 0).into()), y])
}

impl Lines {
    /// One of no width.
    #[inline(always)]
    fn new<C>(data: &[C], stride: usize, (at, step): Line, to: Rounding, out: *mut u8) -> Self {
        Self {
            at: packed(at.map(|v| v.wrapping_add(1 << (31 - to.bits)))),
            step: packed_step(step),
            stride: stride * size_of::<C>(),
            base: data.as_ptr().cast(),
            down: [0; 3],
            out,
            width: 0,
            out_stride: 0,
            height: 1,
        }
    }
}

/// Pixels in a block of a strip, and the most blocks that it has.
const BLOCK: usize = 4;
const BLOCKS: usize = 24;

/// A part of a warp by a shift, some columns wide: all pixels have the same weights, and intermediates of one
/// row are those of the next one. Loaded as it lies here. In bytes.
#[repr(C)]
struct Strip {
    source: *const u8,
    out: *mut u8,
    stride: usize,
    out_stride: usize,
    rows: usize,
    /// The intermediates of the row above, four pixels in 8 bytes, and where those of the last block are.
    above: *mut u32,
    last: *mut u32,
    /// Weights: those along x in Q15, so that the sum with pixels less 128 times 2^8 has an intermediate in
    /// its upper half; those along y in Q14.
    across: u32,
    down: u32,
    /// What the intermediates begin with: a half, the 128 again, and 64 for the last rounding (see the module).
    half: u32,
}

impl Strip {
    /// With weights only.
    #[inline(always)]
    fn new(x: u32, y: u32) -> Self {
        let half = (1 << 15) + ((128 << 7) + 64 << 16);
        // One is no number in Q15, but a pixel times the one below with a little less than a half is
        // rounded to the same.
        let (across, half) = if x == 0 { (32_767, half - 1) } else { (32_768 - 2 * x | x << 17, half) };
        let (none, down) = (core::ptr::null_mut(), 16_384 - y | y << 16);
        Self {
            source: none,
            out: none,
            stride: 0,
            out_stride: 0,
            rows: 0,
            above: none.cast(),
            last: none.cast(),
            across,
            down,
            half,
        }
    }
}

/// Fills `width` columns, of which the strip has the first.
///
/// # Safety
/// The strip is of columns and rows of a source and a destination, with one row and column more of the
/// source; `width` is at least that of a block.
#[inline(never)]
unsafe fn shift(all: Strip, width: usize) {
    let mut above = [0_u32; 2 * BLOCKS];
    let mut begin = 0;
    while begin < width {
        let blocks = ((width - begin) / BLOCK).clamp(1, BLOCKS);
        // (The last pixels once more, if they are less than a block.)
        let first = begin.min(width - BLOCK);
        let strip = Strip {
            source: all.source.wrapping_add(first),
            out: all.out.wrapping_add(first),
            above: above.as_mut_ptr(),
            last: above.as_mut_ptr().wrapping_add(2 * (blocks - 1)),
            ..all
        };
        // The first row of intermediates: what becomes of it is overwritten by the next call.
        // SAFETY: all blocks are within the width, and there is room for their intermediates.
        unsafe { shift_u8(&mut Strip { rows: 1, ..strip }) };
        // SAFETY: as above, and there is a row more.
        unsafe { shift_u8(&mut Strip { source: all.source.wrapping_add(first + all.stride), ..strip }) };
        begin = first + BLOCK * blocks;
    }
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
        unsafe extern "C" fn $name(_: &mut Lines) {
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
nearest!(nearest_8, 1);
nearest!(nearest_16, 2);

// As above; but the lowest word of the step is at sp, r6 is free, r9 is the constant of the first
// rounding, and r10 and r11 make weights.
macro_rules! bilinear_pixel {
    ($shift:literal, $store:literal) => {
        concat!(
            "smlabb r12, r2, r7, r8
             add r12, r12, r3, lsr #16
             ldrh lr, [r12, r7]
             ldrh r12, [r12]
             ubfx r6, r3, #2, #14
             mla r6, r6, r10, r11
             orr lr, lr, lr, lsl #8
             orr r12, r12, r12, lsl #8
             uxtb16 lr, lr
             uxtb16 r12, r12
             smlad lr, lr, r6, r9
             smlad r12, r12, r6, r9
             lsr r6, r1, #18
             mla r6, r6, r10, r11
             lsr r12, r12, #7
             pkhbt r12, r12, lr, lsl #9
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

macro_rules! bilinear {
    ($name:ident, $constant:literal, $shift:literal, $store:literal, $size:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(_: &mut Lines) {
            naked_asm!(
                processor!(),
                "push {{r4-r11, lr}}",
                // The lowest word of the step; where the line ends, and its last whole block; what it is
                // all about.
                "sub sp, sp, #16",
                "str r0, [sp, #12]",
                "mov r11, r0",
                "6:",
                "ldm r11, {{r1-r8}}",
                "str r4, [sp]",
                "mov r4, r5",
                "mov r5, r6",
                "ldrd r0, r9, [r11, #44]",
                concat!("bic r10, r9, #(4 * ", $size, " - 1)"),
                "add r9, r9, r0",
                "add r10, r10, r0",
                "strd r9, r10, [sp, #4]",
                concat!("movw r9, #", $constant),
                "movw r10, #65535",
                "movw r11, #16384",
                "b 3f",
                "2:",
                bilinear_pixel!($shift, $store),
                bilinear_pixel!($shift, $store),
                bilinear_pixel!($shift, $store),
                bilinear_pixel!($shift, $store),
                "3:",
                "ldr r12, [sp, #8]",
                "cmp r0, r12",
                "bne 2b",
                "b 5f",
                "4:",
                bilinear_pixel!($shift, $store),
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
bilinear!(bilinear_u8, "8256", "21", "strb r12, [r0], #1", "1");
bilinear!(bilinear_q6, "192", "15", "str r12, [r0], #4", "4");

// As nearest; but where the line ends is at sp, r9 is the fraction of x in Q31, later that of y in Q24, r10
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
        #[unsafe(naked)]
        unsafe extern "C" fn $name(_: &mut Lines) {
            naked_asm!(
                processor!(),
                "push {{r4-r11, lr}}",
                "sub sp, sp, #16",
                "str r0, [sp, #12]",
                "mov r11, r0",
                "6:",
                "ldm r11, {{r1-r8}}",
                "ldrd r0, r9, [r11, #44]",
                "bic r10, r9, #7",
                "add r9, r9, r0",
                "add r10, r10, r0",
                "strd r9, r10, [sp, #4]",
                "mov r11, #128",
                "b 3f",
                "2:",
                bilinear_16_pixel!($extend, $shift),
                bilinear_16_pixel!($extend, $shift),
                bilinear_16_pixel!($extend, $shift),
                bilinear_16_pixel!($extend, $shift),
                "3:",
                "ldr r12, [sp, #8]",
                "cmp r0, r12",
                "bne 2b",
                "b 5f",
                "4:",
                bilinear_16_pixel!($extend, $shift),
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
        // Where the last block is, and how far from there.
        "ldrd r1, r2, [r0, #20]",
        "sub r1, r2, r1",
        "strd r2, r1, [sp]",
        "ldrd r3, r4, [r0, #28]",
        "ldr r6, [r0, #36]",
        "mov r5, #0xff00ff00",
        "6:",
        "ldr r12, [sp, #8]",
        "ldm r12, {{r0, r1, r8, r9}}",
        "add r8, r8, r0",
        "add r9, r9, r1",
        "strd r8, r9, [r12]",
        "ldr r2, [r12, #20]",
        "ldr r8, [r0], #4",
        "eor r8, r8, #0x80808080",
        "and lr, r5, r8, lsl #8",
        "ldr r7, [sp, #4]",
        "tst r7, #8",
        "bne 4f",
        "b 3f",
        "2:",
        shift_block!("ldr r8, [r0], #4"),
        "4:",
        shift_block!("ldr r8, [r0], #4"),
        "3:",
        "ldr r7, [sp]",
        "cmp r2, r7",
        "bne 2b",
        // Of what follows only one pixel is sure to be there.
        shift_block!("ldrb r8, [r0]"),
        "ldr r12, [sp, #8]",
        "ldr r0, [r12, #16]",
        "subs r0, r0, #1",
        "str r0, [r12, #16]",
        "bne 6b",
        "add sp, sp, #12",
        "pop {{r4-r11, pc}}",
    )
}
