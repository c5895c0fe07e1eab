//! The sums of `sums` with the DSP extension: four bytes at a time, as pairs of 16 bits (0 and 2, 1 and 3).

use core::arch::naked_asm;
use core::mem::MaybeUninit;

use super::arm_dsp::processor;
use super::sums::{PAIRS, Products, Rows, STRIP, holds, means, single_pairs};

/// See `sums`.
#[inline(never)]
pub(crate) fn products(fixed: Rows<'_>, moving: Rows<'_>, [width, height]: [usize; 2], sums: &mut Products) {
    let inside = holds(fixed, [width + 2, height + 2]) && holds(moving, [width + 1, height + 1]);
    if !inside || !(4..=STRIP).contains(&width) {
        return;
    }
    // Of each four: differences along y, pixels, differences along x.
    let mut pairs = MaybeUninit::<[u32; 6 * STRIP / 4]>::uninit();
    let pairs = pairs.as_mut_ptr().cast();
    let (mut at, mut to) = (fixed.0.as_ptr(), moving.0.as_ptr());
    for _ in 0..height {
        let row = at.wrapping_add(fixed.1);
        let below = row.wrapping_add(fixed.1);
        let next = to.wrapping_add(moving.1);
        let (upper, lower) = sums.moving.split_at_mut(2);
        // SAFETY: all pixels are there (see above); there are at least four, and pairs for all, which are
        // written before they are read.
        unsafe {
            set(pairs, at.wrapping_add(1), row, below.wrapping_add(1), width / 4, &mut sums.fixed);
            correlate(pairs, to, upper.as_mut_ptr(), width / 4);
            correlate(pairs, next, lower.as_mut_ptr(), width / 4);
        }
        (at, to) = (row, next);
    }
}

// lr is where the blocks end, r10 and r11 are the sums, r12 is zero.
macro_rules! set_block {
    () => {
        "ldr r8, [r1], #4
         ldr r9, [r3], #4
         uxtb16 r4, r9
         uxtb16 r5, r9, ror #8
         uxtb16 r6, r8
         uxtb16 r7, r8, ror #8
         ssub16 r4, r4, r6
         ssub16 r5, r5, r7
         ldr r9, [r2, #2]
         ldr r8, [r2], #4
         uxtb16 r6, r8, ror #8
         uxtb16 r7, r9
         uxtb16 r8, r8
         uxtb16 r9, r9, ror #8
         ssub16 r8, r7, r8
         ssub16 r9, r9, r6
         stm r0!, {{r4-r9}}
         usada8 r10, r6, r12, r10
         usada8 r10, r7, r12, r10
         smlad r11, r6, r6, r11
         smlad r11, r7, r7, r11"
    };
}

/// Words of so many fours, six each: see `set_block`; and the sums of their pixels and of the squares.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn set(
    out: *mut u32,
    above: *const u8,
    row: *const u8,
    below: *const u8,
    blocks: usize,
    sums: &mut [u32; 2],
) {
    naked_asm!(
        processor!(),
        "push {{r4-r11, lr}}",
        "ldrd lr, r12, [sp, #36]",
        "ldrd r10, r11, [r12]",
        "lsls r12, lr, #31",
        "mov r12, #0",
        "add lr, lr, lr, lsl #1",
        "add lr, r0, lr, lsl #3",
        // Two at a time, of an odd number one before.
        "bmi 3f",
        "2:",
        set_block!(),
        "3:",
        set_block!(),
        "cmp r0, lr",
        "bne 2b",
        "ldr r12, [sp, #40]",
        "strd r10, r11, [r12]",
        "pop {{r4-r11, pc}}",
    )
}

// r3 is where the blocks end; r2, r11 and r10 are the moving pixels 0 and 2, 1 and 3, 2 and 4; r12 and lr
// what they are multiplied by.
macro_rules! correlate_block {
    () => {
        "ldr r10, [r1, #1]
         ldr r11, [r1], #4
         ldrd r12, lr, [r0], #8
         uxtb16 r10, r10, ror #8
         uxtb16 r2, r11
         uxtb16 r11, r11, ror #8
         smlad r6, r12, r2, r6
         smlad r6, lr, r11, r6
         smlad r9, r12, r11, r9
         smlad r9, lr, r10, r9
         ldrd r12, lr, [r0], #8
         smlad r4, r12, r2, r4
         smlad r4, lr, r11, r4
         smlad r7, r12, r11, r7
         smlad r7, lr, r10, r7
         ldrd r12, lr, [r0], #8
         smlad r5, r12, r2, r5
         smlad r5, lr, r11, r5
         smlad r8, r12, r11, r8
         smlad r8, lr, r10, r8"
    };
}

#[unsafe(naked)]
unsafe extern "C" fn correlate(pairs: *const u32, moving: *const u8, sums: *mut [i32; 3], blocks: usize) {
    naked_asm!(
        processor!(),
        "push {{r2, r4-r11, lr}}",
        "lsls r12, r3, #31",
        "add r3, r3, r3, lsl #1",
        "add r3, r0, r3, lsl #3",
        "ldm r2, {{r4-r9}}",
        "bmi 3f",
        "2:",
        correlate_block!(),
        "3:",
        correlate_block!(),
        "cmp r0, r3",
        "bne 2b",
        "pop {{r2}}",
        "stm r2, {{r4-r9}}",
        "pop {{r4-r11, pc}}",
    )
}

/// See `sums`.
#[inline(never)]
pub(crate) fn moments(pixels: Rows<'_>, [width, height]: [usize; 2]) -> [u32; 2] {
    let mut sums = [0; 2];
    if holds(pixels, [width, height]) {
        // SAFETY: all pixels are there, at least four in a row.
        unsafe { squares(pixels.0.as_ptr(), pixels.1, width / 4, height, &mut sums) };
    }
    sums
}

// r4 is where the fours of the row end, r5 what lies between them and the next row.
macro_rules! squares_block {
    () => {
        "ldr r8, [r0], #4
         usada8 r6, r8, r12, r6
         uxtb16 r9, r8
         uxtb16 r8, r8, ror #8
         smlad r7, r9, r9, r7
         smlad r7, r8, r8, r7"
    };
}

#[unsafe(naked)]
unsafe extern "C" fn squares(
    pixels: *const u8,
    stride: usize,
    blocks: usize,
    height: usize,
    sums: &mut [u32; 2],
) {
    naked_asm!(
        processor!(),
        "push {{r4-r9, lr}}",
        "ldr lr, [sp, #28]",
        "sub r5, r1, r2, lsl #2",
        "mov r6, #0",
        "mov r7, #0",
        "mov r12, #0",
        "2:",
        "add r4, r0, r2, lsl #2",
        "tst r2, #1",
        "bne 4f",
        "3:",
        squares_block!(),
        "4:",
        squares_block!(),
        "cmp r0, r4",
        "bne 3b",
        "add r0, r0, r5",
        "subs r3, r3, #1",
        "bne 2b",
        "strd r6, r7, [lr]",
        "pop {{r4-r9, pc}}",
    )
}

/// See `sums`.
#[inline(always)]
pub(crate) fn distance([a, b]: [&[u8]; 2], stride: usize, [width, height]: [usize; 2], limit: u32) -> u32 {
    let shorter = if a.len() < b.len() { a } else { b };
    if !holds((shorter, stride), [width, height]) {
        return limit;
    }
    // SAFETY: all pixels are there, at least four in a row.
    unsafe { rectangle(a.as_ptr(), b.as_ptr(), stride, width, height, limit) }
}

// r4 is the sum; r5 what lies between the last whole four of a row and the next row, r6 where the fours of
// the row end, r7 the bits that are not part of the row in its last four (32 if it has none), r8 how many
// rows are left, r9 the limit.
#[unsafe(naked)]
unsafe extern "C" fn rectangle(
    a: *const u8,
    b: *const u8,
    stride: usize,
    width: usize,
    height: usize,
    limit: u32,
) -> u32 {
    naked_asm!(
        processor!(),
        "push {{r4-r9, lr}}",
        "ldrd r8, r9, [sp, #28]",
        "bic r5, r3, #3",
        "sub r5, r2, r5",
        "and r7, r3, #3",
        "rsb r7, r7, #4",
        "lsl r7, r7, #3",
        "bic r3, r3, #3",
        "mov r4, #0",
        "2:",
        "add r6, r0, r3",
        "tst r3, #4",
        "bne 6f",
        "3:",
        "ldr r12, [r0], #4",
        "ldr lr, [r1], #4",
        "usada8 r4, r12, lr, r4",
        "6:",
        "ldr r12, [r0], #4",
        "ldr lr, [r1], #4",
        "usada8 r4, r12, lr, r4",
        "cmp r0, r6",
        "bne 3b",
        "cmp r7, #32",
        "beq 4f",
        // The four that end with the row, less those that have been counted.
        "rsb lr, r7, #32",
        "add r12, r0, lr, lsr #3",
        "add lr, r1, lr, lsr #3",
        "ldr r12, [r12, #-4]",
        "ldr lr, [lr, #-4]",
        "lsr r12, r12, r7",
        "lsr lr, lr, r7",
        "usada8 r4, r12, lr, r4",
        "4:",
        "add r0, r0, r5",
        "add r1, r1, r5",
        "cmp r4, r9",
        "bhs 5f",
        "subs r8, r8, #1",
        "bne 2b",
        "5:",
        "mov r0, r4",
        "pop {{r4-r9, pc}}",
    )
}

/// See `sums`.
#[inline(never)]
pub(crate) fn halve(from: Rows<'_>, to: &mut [u8], [width, height]: [usize; 2]) {
    if width >= 4 && holds(from, [2 * width, 2 * height]) && height <= to.len() / width {
        // SAFETY: all pixels are there, and places for what comes out, at least four in a row.
        unsafe { quarters(from.0.as_ptr(), from.1, to.as_mut_ptr(), width / 4, height, width) };
    }
    means(from, to, [width, height], width & !3);
}

// r6 and r7 are means of two, then in their even bytes of four; r9 is where the row below is,
// r10 from the end of two rows to the next ones, r11 from the end of what comes out to its next row.
macro_rules! quarters_block {
    () => {
        "ldr r4, [r0], #4
         ldr r5, [r9], #4
         uhadd8 r6, r4, r5
         ldr r4, [r0], #4
         ldr r5, [r9], #4
         uhadd8 r7, r4, r5
         lsr r4, r6, #8
         lsr r5, r7, #8
         uhadd8 r6, r6, r4
         uhadd8 r7, r7, r5
         uxtb16 r6, r6
         uxtb16 r7, r7
         orr r6, r6, r6, lsr #8
         orr r7, r7, r7, lsr #8
         pkhbt r6, r6, r7, lsl #16
         str r6, [r2], #4"
    };
}

#[unsafe(naked)]
unsafe extern "C" fn quarters(
    from: *const u8,
    stride: usize,
    to: *mut u8,
    blocks: usize,
    height: usize,
    width: usize,
) {
    naked_asm!(
        processor!(),
        "push {{r4-r7, r9-r11, lr}}",
        "ldrd lr, r11, [sp, #32]",
        "sub r11, r11, r3, lsl #2",
        "lsl r10, r1, #1",
        "sub r10, r10, r3, lsl #3",
        "2:",
        "add r9, r0, r1",
        "lsls r12, r3, #31",
        "add r12, r2, r3, lsl #2",
        "bmi 4f",
        "3:",
        quarters_block!(),
        "4:",
        quarters_block!(),
        "cmp r2, r12",
        "bne 3b",
        "add r0, r0, r10",
        "add r2, r2, r11",
        "subs lr, lr, #1",
        "bne 2b",
        "pop {{r4-r7, r9-r11, pc}}",
    )
}

/// See `pyramid`.
#[inline(always)]
pub(crate) fn reduce_fours(rows: [&[u8]; 4], left: &mut [u32; 2], out: &mut [[u8; 2]]) {
    if out.is_empty() || rows.iter().any(|row| row.len() < 3 + 4 * out.len()) {
        return;
    }
    let ([a, b, c, d], out) = (rows.map(|row| row.as_ptr().wrapping_add(3)), out.as_mut_ptr_range());
    // SAFETY: there are as many fours as pairs.
    unsafe { reduced(a, b, c, d, out.start.cast(), out.end.cast(), left) };
}

// Of four columns from r8 to r11: 0 and 2 in r12, 1 and 3 in lr.
macro_rules! columns {
    () => {
        "uxtb16 r12, r9
         uxtab16 r12, r12, r10
         add r12, r12, r12, lsl #1
         uxtab16 r12, r12, r8
         uxtab16 r12, r12, r11
         uxtb16 lr, r9, ror #8
         uxtab16 lr, lr, r10, ror #8
         add lr, lr, lr, lsl #1
         uxtab16 lr, lr, r8, ror #8
         uxtab16 lr, lr, r11, ror #8"
    };
}

// Two pixels: r6 and r7 are the columns from the one before them on, r12 and lr the four that follow.
macro_rules! reduced_pixels {
    () => {
        "lsr r8, r6, #16
         pkhbt r8, r8, r12, lsl #16
         lsr r9, r7, #16
         pkhbt r9, r9, lr, lsl #16
         add r8, r8, r7
         add r8, r8, r8, lsl #1
         add r9, r9, r6
         add r8, r8, r9
         add r8, r8, #0x00200020
         lsr r9, r8, #6
         strb r9, [r4], #1
         lsr r8, r8, #22
         strb r8, [r4], #1"
    };
}

// r4 is where the pixels go, r5 where they end; there is at least one four.
#[unsafe(naked)]
unsafe extern "C" fn reduced(
    above: *const u8,
    row: *const u8,
    below: *const u8,
    next: *const u8,
    out: *mut u8,
    end: *mut u8,
    left: &mut [u32; 2],
) {
    naked_asm!(
        processor!(),
        "push {{r4-r11, lr}}",
        "ldrd r4, r5, [sp, #36]",
        "ldr r6, [sp, #44]",
        "ldrd r6, r7, [r6]",
        "2:",
        "ldr r8, [r0], #4",
        "ldr r9, [r1], #4",
        "ldr r10, [r2], #4",
        "ldr r11, [r3], #4",
        columns!(),
        reduced_pixels!(),
        "mov r6, r12",
        "mov r7, lr",
        "cmp r4, r5",
        "bne 2b",
        "ldr r8, [sp, #44]",
        "strd r6, r7, [r8]",
        "pop {{r4-r11, pc}}",
    )
}

/// See `sums`.
#[inline(always)]
pub(crate) fn pairs(rows @ [a, b]: [Rows<'_>; 2], size @ [width, height]: [usize; 2]) -> [u32; 5] {
    if !(holds(a, size) && holds(b, size)) || width * height > PAIRS {
        return single_pairs(rows, size);
    }
    let mut sums = MaybeUninit::uninit();
    // SAFETY: all pixels are there, at least four in a row, and all sums are written.
    unsafe {
        rectangles(a.0.as_ptr(), a.1, b.0.as_ptr(), b.1, width, height, &mut sums);
        sums.assume_init()
    }
}

// r4 to r7 and r12 are the sums, r1 is zero, r8 and r9 four pixels each.
macro_rules! pairs_block {
    () => {
        "usada8 r4, r8, r1, r4
         usada8 r5, r9, r1, r5
         uxtb16 r10, r8
         uxtb16 r8, r8, ror #8
         uxtb16 r11, r9
         uxtb16 r9, r9, ror #8
         smlad r6, r10, r10, r6
         smlad r6, r8, r8, r6
         smlad r7, r10, r11, r7
         smlad r7, r8, r9, r7
         smlad r12, r11, r11, r12
         smlad r12, r9, r9, r12"
    };
}

// On the stack are what lies between the whole fours of a row and the next one of a, and of b, how many bits of a
// row's last four are not its own (32 if all are whole), and where those four are from the end of the whole ones; above
// what is saved the rows that are left, and where the sums go. r3 is where the fours of a row end, lr how many pixels
// they are.
#[unsafe(naked)]
unsafe extern "C" fn rectangles(
    a: *const u8,
    a_stride: usize,
    b: *const u8,
    b_stride: usize,
    width: usize,
    height: usize,
    sums: &mut MaybeUninit<[u32; 5]>,
) {
    naked_asm!(
        processor!(),
        "push {{r4-r11, lr}}",
        "ldr r12, [sp, #36]",
        "bic lr, r12, #3",
        "sub r4, r1, lr",
        "sub r5, r3, lr",
        "and r7, r12, #3",
        "sub r7, r7, #4",
        "rsb r6, r7, #0",
        "lsl r6, r6, #3",
        "push {{r4-r7}}",
        "mov r1, #0",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "mov r12, #0",
        "2:",
        "add r3, r0, lr",
        "3:",
        "ldr r8, [r0], #4",
        "ldr r9, [r2], #4",
        pairs_block!(),
        "cmp r0, r3",
        "bne 3b",
        "ldrd r3, r11, [sp, #8]",
        "cmp r3, #32",
        "beq 4f",
        // The four that end with the row, less those that have been counted.
        "ldr r8, [r0, r11]",
        "ldr r9, [r2, r11]",
        "lsr r8, r8, r3",
        "lsr r9, r9, r3",
        pairs_block!(),
        "4:",
        "ldrd r8, r9, [sp]",
        "ldr r3, [sp, #56]",
        "add r0, r0, r8",
        "add r2, r2, r9",
        "subs r3, r3, #1",
        "str r3, [sp, #56]",
        "bne 2b",
        "ldr r3, [sp, #60]",
        "stm r3, {{r4-r7, r12}}",
        "add sp, sp, #16",
        "pop {{r4-r11, pc}}",
    )
}
