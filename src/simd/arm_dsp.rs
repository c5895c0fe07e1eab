//! Whole stretches of rows of `u8` on Cortex-M with the DSP extension (M4, M7, M33, M55), in assembly.
//!
//! In: a window, a linear walk whose cells are all in the kernel's area, and the destination. Out: the
//! bits that the scalar code gives. What a compiler does not find: both coordinates step in three words
//! (48 bits each, y below x), so that the fraction of one and the cells are there without a shift; a
//! pixel's address is one multiply-add and one addition; SMLAD and SMUAD apply two weights at once.
//!
//! Weights are pairs `16384 - f, f`, which is `f 65535 + 16384` as one number. They sum to 2^14, so 64
//! added to both intermediates is 2^20, the half that the last rounding to whole levels adds (and 1 is
//! 2^14, the one that rounding to Q6 adds): it goes along in the constant of the first, `64 + (64 << 7)`.

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
/// rows, and from row to row), if all taps are inside, and there is a loop for it: nearest and bilinear,
/// `u8` to `u8`, one channel. False, with nothing done, otherwise.
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
    let lines = Lines {
        down: packed_step(down),
        width,
        out_stride: stride,
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
    let byte = TypeId::of::<u8>();
    let (whole, fine) = (TypeId::of::<O>() == byte, TypeId::of::<O>() == TypeId::of::<Q6>());
    if TypeId::of::<C>() != byte || to.ties_to_even || i16::try_from(stride).is_err() {
        None
    } else if whole && support::<K>() == 1 {
        Some(nearest_u8)
    } else if whole && K::LINEAR {
        Some(bilinear_u8)
    } else if fine && K::LINEAR {
        Some(bilinear_q6)
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
            stride,
            base: data.as_ptr().cast(),
            down: [0; 3],
            out,
            width: 0,
            out_stride: 0,
            height: 1,
        }
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
    () => {
        "smlabb r12, r2, r7, r8
         add r12, r12, r3, lsr #16
         ldrb r12, [r12]
         adds r1, r1, r4
         adcs r2, r2, r5
         adc r3, r3, r6
         strb r12, [r0], #1"
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

#[unsafe(naked)]
unsafe extern "C" fn nearest_u8(_: &mut Lines) {
    naked_asm!(
        processor!(),
        "push {{r4-r11, lr}}",
        "mov r11, r0",
        "6:",
        "ldm r11, {{r1-r8}}",
        "ldrd r0, r9, [r11, #44]",
        "bic r10, r9, #7",
        "add r9, r9, r0",
        "add r10, r10, r0",
        "b 3f",
        "2:",
        nearest_pixel!(),
        nearest_pixel!(),
        nearest_pixel!(),
        nearest_pixel!(),
        nearest_pixel!(),
        nearest_pixel!(),
        nearest_pixel!(),
        nearest_pixel!(),
        "3:",
        "cmp r0, r10",
        "bne 2b",
        "b 5f",
        "4:",
        nearest_pixel!(),
        "5:",
        "cmp r0, r9",
        "bne 4b",
        next_line!(),
        "bne 6b",
        "pop {{r4-r11, pc}}",
    )
}

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
