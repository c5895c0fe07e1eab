//! Whole stretches of rows on Cortex-M, in assembly: what its loops are given, and which there are.
//!
//! In: a window, a linear walk whose cells are all in the kernel's area, and the destination. Out: the
//! bits that the scalar code gives. What a compiler does not find: both coordinates step in three words
//! (48 bits each, y below x), so that the fraction of one and the cells are there without a shift.
//!
//! Weights of bytes sum to 2^14, so 64 added to both intermediates is 2^20, the half that the last rounding
//! to whole levels adds (and 1 is 2^14, the one that rounding to Q6 adds): it goes along in the constant of
//! the first, `64 + (64 << 7)`.

use core::any::TypeId;

#[cfg(not(dsp))]
use super::arm_base::{bilinear_q6, bilinear_u8, nearest_8, nearest_16};
#[cfg(dsp)]
use super::arm_dsp::{
    SHIFTED, are_long, bilinear_i16, bilinear_q6_at, bilinear_u8_at, bilinear_u16, nearest_8_at, nearest_16,
    runs, shift,
};
#[cfg(all(dsp, not(helium)))]
use super::arm_dsp::{bilinear_q6, bilinear_u8, nearest_8};
use super::block::Window;
#[cfg(helium)]
use super::helium::{bilinear_q6, bilinear_u8, nearest_8};
#[cfg(dsp)]
use super::steps::Told;
#[cfg(dsp)]
use crate::fixed::round_coordinate;
use crate::fixed::{Q6, Rounding};
use crate::image::{Image, ImageMut, Tap};
use crate::kernel::{Channel, Kernel, Output, rounding, support};
use crate::span::Area;
use crate::walk::Frame;

/// Coordinates along a line, in Q32.32, and their steps.
type Line = ([i64; 2], [i64; 2]);

/// Fills a destination whose coordinates are linear, if all taps are inside, and there is a loop for it: nearest and
/// bilinear, one channel of 8 or, with the DSP extension, 16 bits. False, with nothing done, otherwise: `None` if
/// there is none for these types.
#[inline(always)]
pub(crate) fn frame<P: Tap, K: Kernel>(
    source: &Image<'_, P>,
    frame: &Frame,
    destination: &mut ImageMut<'_, P::Sampled>,
) -> Option<bool> {
    let (width, height, stride) = (destination.width(), destination.height(), destination.stride());
    let to = rounding::<K, P::Channel>();
    let area = Area::new::<K>(source.width(), source.height());
    let draw = of::<P::Channel, K, <P::Sampled as Tap>::Channel>(to).filter(|_| P::CHANNELS == 1)?;
    if !reaches::<P::Channel>(source.stride()) {
        return Some(false);
    }
    if width == 0 || height == 0 {
        return Some(true);
    }
    if !area.contains_frame(frame, [width, height], to) {
        return Some(false);
    }
    let &Frame { at: first, step, down } = frame;
    let out = destination.elements_mut().as_mut_ptr().cast();
    let size = size_of::<P::Sampled>();
    #[cfg(dsp)]
    if K::LINEAR && size == 1 && width >= SHIFTED && frame.is_shift() {
        let [x, y] = first.map(|v| round_coordinate(v, to));
        let at = y.cell as usize * source.stride() + x.cell as usize;
        let from = P::flatten(source.elements()).as_ptr().wrapping_add(at).cast();
        let strides = [source.stride(), stride];
        // SAFETY: as below, and pixels are bytes (one that has a size of one and is not a byte has no loop).
        unsafe { shift(from, out, strides, [width, height], [x.fraction, y.fraction]) };
        return Some(true);
    }
    #[cfg(dsp)]
    if support::<K>() == 1 && size == 1 && are_long(step) {
        let from = P::flatten(source.elements()).as_ptr().cast();
        let strides = [source.stride(), stride];
        let first = first.map(|v| v.wrapping_add(1 << (31 - to.bits)));
        // SAFETY: as below; pixels are bytes.
        unsafe { runs(from, out, strides, [width, height], [first, step, down]) };
        return Some(true);
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
    Some(true)
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
    let (Some(draw), 1) = (of::<C, K, O>(to), window.step) else { return false };
    if !reaches::<C>(window.stride) {
        return false;
    }
    let width = size_of_val(out);
    let lines = Lines { width, ..Lines::new(window.data, window.stride, line, to, out.as_mut_ptr().cast()) };
    // SAFETY: the caller's promise; `out` is as long as said, and of the type that the loop writes.
    unsafe { draw(&mut { lines }) };
    true
}

/// Fills `out` at the first of the positions that are told, if there is a loop for it. False, with nothing done,
/// otherwise.
///
/// # Safety
/// There are as many, and all of their taps are in the window.
#[cfg(dsp)]
#[inline(always)]
pub(super) unsafe fn told<C: Channel, K: Kernel, O: Output<C>>(
    window: &Window<'_, C>,
    told: &Told,
    out: &mut [O],
) -> bool {
    let (from, into) = (TypeId::of::<C>(), TypeId::of::<O>());
    if window.step != 1 || from != TypeId::of::<u8>() || out.is_empty() {
        return false;
    }
    let draw = if into == from && support::<K>() == 1 {
        nearest_8_at
    } else if into == from && K::LINEAR {
        bilinear_u8_at
    } else if into == TypeId::of::<Q6>() && K::LINEAR {
        bilinear_q6_at
    } else {
        return false;
    };
    let (base, to) = (window.data.as_ptr().cast(), out.as_mut_ptr().cast());
    // SAFETY: the caller's promise; `out` is as long as said, and of the type that the loop writes.
    unsafe { draw(to, told, out.len(), window.stride, base) };
    true
}

/// A loop.
type Draw = unsafe extern "C" fn(&mut Lines);

/// Whether the loops can multiply by a stride.
#[inline(always)]
fn reaches<C>(stride: usize) -> bool {
    i16::try_from(stride.saturating_mul(size_of::<C>())).is_ok()
}

/// The loop for these types.
#[inline(always)]
fn of<C: Channel, K: Kernel, O: 'static>(to: Rounding) -> Option<Draw> {
    let (from, into) = (TypeId::of::<C>(), TypeId::of::<O>());
    let [byte, unsigned, signed] = [TypeId::of::<u8>(), TypeId::of::<u16>(), TypeId::of::<i16>()];
    let nearest = support::<K>() == 1;
    if to.ties_to_even {
        None
    } else if from == byte && into == byte && nearest {
        Some(nearest_8)
    } else if from == byte && into == byte && K::LINEAR {
        Some(bilinear_u8)
    } else if from == byte && into == TypeId::of::<Q6>() && K::LINEAR {
        Some(bilinear_q6)
    } else if from == into && (from == unsigned || from == signed) && nearest {
        Some(nearest_16)
    } else {
        #[cfg(dsp)]
        if from == into && from == unsigned && K::LINEAR {
            return Some(bilinear_u16);
        } else if from == into && from == signed && K::LINEAR {
            return Some(bilinear_i16);
        }
        None
    }
}

/// What the loops work on: loaded as it lies here. In bytes.
#[repr(C)]
pub(super) struct Lines {
    /// Both coordinates of the first pixel: 48 bits of y, with 16 of them the cell, below 48 bits of x.
    at: [u32; 3],
    step: [u32; 3],
    pub(super) stride: usize,
    pub(super) base: *const u8,
    /// From line to line.
    down: [u32; 3],
    pub(super) out: *mut u8,
    pub(super) width: usize,
    pub(super) out_stride: usize,
    pub(super) height: usize,
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

/// What was packed, each with 48 bits that matter.
#[cfg(helium)]
fn unpacked([low, middle, high]: [u32; 3]) -> [u64; 2] {
    let [low, middle, high] = [low, middle, high].map(u64::from);
    [middle >> 16 | high << 16, low | (middle & 0xffff) << 32]
}

/// What was packed as a step.
#[cfg(helium)]
fn unpacked_step(step: [u32; 3]) -> [u64; 2] {
    let [x, y] = unpacked(step);
    [x.wrapping_add(y >> 47), y]
}

impl Lines {
    /// The coordinates of the first pixel, x before y, their steps along a line, and from line to line.
    #[cfg(helium)]
    pub(super) fn coordinates(&self) -> [[u64; 2]; 3] {
        [unpacked(self.at), unpacked_step(self.step), unpacked_step(self.down)]
    }

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
