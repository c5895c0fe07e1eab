//! What an alignment sums along a row, with the DSP extension: bytes four at a time, as pairs of 16 bits (0 and
//! 2, 1 and 3). `align::direct` has the plain loops.
//!
//! Moments are running sums: after each product the first sum, then the second one of first ones, and so on.
//! After N of them the product at place j from the end (the last one is 1) has been added once, j times,
//! j (j + 1) / 2 times and so on.

use core::arch::naked_asm;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::arm_dsp::processor;
use super::arm_sums::set;
use crate::fixed::Q6;

/// The most pixels at a time.
pub(crate) const MOST: usize = 64;
/// Words of four pixels: differences along y, pixels, differences along x.
const WORDS: usize = 6;

/// Pixels beside each other of the fixed image, and what lies around them, in fours; that of the last four that there
/// are not may be anything.
pub(crate) struct Cross<'a> {
    /// The first one; there are as many as in the fours, and one more on either side.
    row: *const u8,
    /// The first ones above and below: as many as in the fours.
    columns: [*const u8; 2],
    /// How many there are, at least one and at most [`MOST`].
    len: usize,
    /// How many fours there are, the last one included.
    fours: usize,
    /// Whether there is nothing to the left of the first one, and to the right of the last one: differences
    /// along x are zero there.
    ends: [bool; 2],
    pixels: PhantomData<&'a [u8]>,
}

/// Room for a copy of pixels beside each other, and what lies around them.
pub(crate) type Around = MaybeUninit<[[u8; MOST + 4]; 3]>;

impl<'a> Cross<'a> {
    /// From the place of the first one in a slice, in which those above and below are so far before and behind it.
    /// Where not all that is read with them is there, it becomes a copy. `None` if there are none or too many.
    #[inline(always)]
    pub(crate) fn new(
        pixels: &'a [u8],
        at: usize,
        down: usize,
        len: usize,
        ends: [bool; 2],
        around: &'a mut Around,
    ) -> Option<Self> {
        if !(1..=MOST).contains(&len) {
            return None;
        }
        let (fours, beside) = (len.div_ceil(4), down.max(1));
        let all = at.checked_sub(beside).and_then(|first| pixels.get(first..at + beside + 4 * fours));
        let [row, above, below] = if all.is_some() {
            let row = pixels.as_ptr().wrapping_add(at);
            [row, row.wrapping_sub(down), row.wrapping_add(down)]
        } else {
            Self::copied(pixels, [at.wrapping_sub(1), at.wrapping_sub(down), at + down], around)
        };
        Some(Self { row, columns: [above, below], len, fours, ends, pixels: PhantomData })
    }

    /// The first ones of a copy, with nothing but zeros where there is nothing; of the row itself behind one more.
    #[inline(never)]
    fn copied(pixels: &[u8], places: [usize; 3], around: &'a mut Around) -> [*const u8; 3] {
        let around = around.write([[0; MOST + 4]; 3]);
        for (copy, place) in around.iter_mut().zip(places) {
            for (k, copy) in copy.iter_mut().enumerate() {
                *copy = pixels.get(place.wrapping_add(k)).copied().unwrap_or(0);
            }
        }
        let [row, above, below] = around;
        [row.as_ptr().wrapping_add(1), above.as_ptr(), below.as_ptr()]
    }

    /// What is not of the last four.
    #[inline(always)]
    fn rest(&self) -> &[u8] {
        // SAFETY: there are as many as in the fours. (Like this it is seen that they are at most three.)
        unsafe { core::slice::from_raw_parts(self.row.wrapping_add(self.len), self.len.wrapping_neg() % 4) }
    }

    /// Lets what pairs have of the pixels without a difference along x be zero; of each four there are so many
    /// words.
    #[inline(always)]
    fn clear_ends(&self, pairs: &mut [u32], words: usize) {
        if self.ends[0] {
            clear(pairs, 0, words);
        }
        if self.ends[1] {
            clear(pairs, self.len - 1, words);
        }
    }

    /// Where running sums over the pixels belong if their middle (rounded down) is there, or are taken away.
    #[inline(always)]
    pub(crate) fn place(&self, middle: [i32; 2], less: bool) -> Place {
        let half = (4 * self.fours - self.len / 2) as i32;
        Place { middle, half, sign: if less { -1 } else { 1 } }
    }
}

/// Lets what pairs have of a pixel be zero.
#[inline(never)]
fn clear(pairs: &mut [u32], k: usize, words: usize) {
    if let Some(pair) = pairs.get_mut(k / 4 * words + k % 2) {
        *pair &= if k % 4 < 2 { 0xffff_0000 } else { 0xffff };
    }
}

/// How much room [`Fours`] need.
pub(crate) const ROOM: usize = WORDS * MOST / 4;

/// Pixels and differences, as pairs.
pub(crate) struct Fours<'r> {
    words: &'r [u32],
    /// How many there are.
    len: usize,
    /// The sums of the squares of the pixels, and of the pixels.
    pub plain: [i32; 2],
}

/// Where a pair of words is: of differences along x, along y, and of pixels.
pub(crate) const ALONG_X: usize = 4;
pub(crate) const ALONG_Y: usize = 0;
const PIXELS: usize = 2;

impl<'r> Fours<'r> {
    /// Those of some pixels, in the room of numbers that are not needed; `None` if that is not enough.
    #[inline(always)]
    pub(crate) fn new(cross: &Cross<'_>, room: &'r mut [Q6]) -> Option<Self> {
        let (fours, [above, below]) = (cross.fours, cross.columns);
        let words = words(room.get_mut(..WORDS * fours)?);
        let mut sums = [0; 2];
        // SAFETY: all pixels are there, see `Cross`, and words for all.
        unsafe { set(words.as_mut_ptr(), above, cross.row.wrapping_sub(1), below, fours, &mut sums) };
        let [mut t1, mut tt] = sums.map(|sum| sum as i32);
        // What there is not of the last four.
        let rest = cross.rest();
        for &t in rest {
            let t = i32::from(t);
            (t1, tt) = (t1 - t, tt - t * t);
        }
        let masks = [if rest.len() > 1 { 0xffff } else { !0 }, if rest.len() > 2 { 0 } else { 0xffff }];
        if !rest.is_empty()
            && let Some(last) = words.last_chunk_mut::<WORDS>()
        {
            for (k, word) in last.iter_mut().enumerate() {
                *word &= masks[k % 2];
            }
        }
        cross.clear_ends(words.get_mut(ALONG_X..)?, WORDS);
        Some(Self { words, len: fours, plain: [tt, t1] })
    }

    /// A pair of words of the first four.
    #[inline(always)]
    fn pair(&self, pair: usize) -> *const u32 {
        self.words.as_ptr().wrapping_add(pair)
    }

    /// Sums of the products of differences, x x, x y and y y, of both with pixels, and of both.
    #[inline(always)]
    pub(crate) fn zeroth(&self) -> Zeroth {
        // SAFETY: there is one at least, see `Cross`.
        unsafe { written(|sums| zeroth(self.words.as_ptr(), self.len, sums)) }
    }

    /// Running sums of the products of differences, x x, x y and y y, up to the second power, modulo 2^32.
    #[inline(always)]
    pub(crate) fn full_2(&self) -> [[i32; 3]; 3] {
        // SAFETY: there is one at least, see `Cross`.
        unsafe { written(|sums| full_2(self.words.as_ptr(), self.len, sums)) }
    }

    /// Adds the moments of the products of differences along two axes, up to the fourth power: those of `u^k v^l` by
    /// degree, then by l.
    #[inline(always)]
    pub(crate) fn add_full_4(&self, axes: [usize; 2], sums: &mut [i64], at: &Place) {
        let ([a, b], Some(sums)) = (axes.map(|axis| self.pair(axis)), sums.first_chunk_mut()) else { return };
        // SAFETY: there is one at least, see `Cross`.
        unsafe { full_4(a, b, self.len, sums, at) };
    }

    /// Running sums of the products of differences along an axis and pixels, and of the differences, up to the first
    /// power.
    #[inline(always)]
    pub(crate) fn half_1(&self, axis: usize) -> [[i32; 2]; 2] {
        // SAFETY: there is one at least, see `Cross`.
        unsafe { written(|sums| half_1(self.pair(axis), self.pair(PIXELS), self.len, sums)) }
    }

    /// The same up to the second power.
    #[inline(always)]
    pub(crate) fn half_2(&self, axis: usize) -> [[i64; 3]; 2] {
        // SAFETY: there is one at least, see `Cross`.
        unsafe { written(|sums| half_2(self.pair(axis), self.pair(PIXELS), self.len, sums)) }
    }
}

/// Where the running sums of a chunk belong.
#[repr(C)]
pub(crate) struct Place {
    /// From the origin of the sums to the middle (rounded down) of the chunk.
    pub middle: [i32; 2],
    /// The place of the middle, counted from the end of the last four.
    pub half: i32,
    /// 1, or -1 where they are taken away.
    pub sign: i32,
}

/// Adds the moments that running sums come to, up to the second power: those of `u^k v^l` by degree, then by l.
#[inline(always)]
pub(crate) fn add_2(sums: &mut [i64], running: &[i64; 3], at: &Place) {
    let Some(sums) = sums.first_chunk_mut() else { return };
    // SAFETY: all are there.
    unsafe { moved_2(sums, running, at) };
}

/// Numbers as words of any bits.
#[inline(always)]
fn words(numbers: &mut [Q6]) -> &mut [u32] {
    // SAFETY: a number has 32 bits, of which any will do.
    unsafe { core::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), numbers.len()) }
}

/// What something is made by. (Zeros would be written by a call.)
///
/// # Safety
/// All of it is written.
#[inline(always)]
unsafe fn written<T>(write: impl FnOnce(&mut MaybeUninit<T>)) -> T {
    let mut all = MaybeUninit::uninit();
    write(&mut all);
    // SAFETY: as here.
    unsafe { all.assume_init() }
}

/// Makes residuals in pairs of samples in Q6, by a gain and an offset with which none is beyond its limit, and adds to
/// te, ee, e.
#[inline(always)]
pub(crate) fn residual(
    cross: &Cross<'_>,
    samples: &mut [Q6],
    [gain, offset]: [i32; 2],
    plain: &mut [i64; 3],
) {
    let Some(samples) = samples.get_mut(..4 * cross.fours) else { return };
    // Two halves, of the two roundings, beside the offset.
    let offset = 32 + ((offset - 2) << 6);
    // What there is not of the last four has no residual.
    let rest = samples.get_mut(cross.len..).unwrap_or_default();
    for (sample, &t) in rest.iter_mut().zip(cross.rest()) {
        *sample = Q6((gain * i32::from(t) + offset) >> 6);
    }
    let samples = samples.as_mut_ptr().cast();
    // SAFETY: so many pixels and samples are there, numbers.
    unsafe { residuals(samples, cross.row, cross.fours, gain, offset, plain) };
}

/// Makes pairs of numbers of 16 bits: of the first so many, zero for those after them.
#[inline(never)]
pub(crate) fn pack(numbers: &mut [Q6], len: usize) {
    numbers.iter_mut().skip(len).for_each(|number| *number = Q6(0));
    for four in numbers.as_chunks_mut::<4>().0 {
        let [a, b, c, d] = four.map(|number| number.0);
        (four[0], four[1]) = (Q6(a & 0xffff | c << 16), Q6(b & 0xffff | d << 16));
    }
}

/// Sums of differences along x and y with residuals in pairs. (Those of pixels without a difference along x are not
/// kept.)
#[inline(always)]
pub(crate) fn with_differences_0(cross: &Cross<'_>, residuals: &mut [Q6]) -> [i32; 2] {
    with_differences(cross, residuals, |[a, b], e, fours| {
        // SAFETY: as there.
        unsafe { differences_0(a, b, e, fours) }
    })
}

/// Running sums up to the first power, modulo 2^32, with `4 fours` as the place before the first pixel.
#[inline(always)]
pub(crate) fn with_differences_1(cross: &Cross<'_>, residuals: &mut [Q6]) -> [[i32; 2]; 2] {
    with_differences(cross, residuals, |[a, b], e, fours| {
        // SAFETY: as there.
        unsafe { written(|sums| differences_1(a, b, e, fours, sums)) }
    })
}

/// The same up to the second power.
#[inline(always)]
pub(crate) fn with_differences_2(cross: &Cross<'_>, residuals: &mut [Q6]) -> [[i64; 3]; 2] {
    with_differences(cross, residuals, |[a, b], e, fours| {
        // SAFETY: as there.
        unsafe { written(|sums| differences_2(a, b, e, fours, sums)) }
    })
}

/// Sums along x and y, each made from so many fours of both rows and of residuals, which are there.
#[inline(always)]
fn with_differences<S: Default + Copy>(
    cross: &Cross<'_>,
    residuals: &mut [Q6],
    sum: impl Fn([*const u8; 2], *const i32, usize) -> S,
) -> [S; 2] {
    let (fours, beside) = (cross.fours, [cross.row.wrapping_sub(1), cross.row.wrapping_add(1)]);
    let Some(residuals) = residuals.get_mut(..4 * fours) else { return [S::default(); 2] };
    let across = sum(cross.columns, residuals.as_ptr().cast(), fours);
    cross.clear_ends(words(residuals), 4);
    [sum(beside, residuals.as_ptr().cast(), fours), across]
}

/// What [`Fours::zeroth`] sums.
#[repr(C)]
pub(crate) struct Zeroth {
    pub gg: [i32; 3],
    pub gt: [i32; 2],
    pub g: [i32; 2],
}

// r0 is where samples are and residuals go, r1 where pixels are; on the stack is where they end. r3 is the gain,
// r12 what is added to its products, lr two ones; r8 to r10 are the sums.
#[unsafe(naked)]
unsafe extern "C" fn residuals(
    samples: *mut i32,
    pixels: *const u8,
    fours: usize,
    gain: i32,
    rest: i32,
    sums: &mut [i64; 3],
) {
    naked_asm!(
        processor!(),
        "add r2, r1, r2, lsl #2",
        "push {{r2, r4-r11, lr}}",
        "ldr r12, [sp, #40]",
        "mov r8, #0",
        "mov r9, #0",
        "mov r10, #0",
        "mov lr, #0x00010001",
        "2:",
        "ldm r0, {{r4-r7}}",
        "ldr r2, [r1]",
        "uxtb16 r11, r2",
        "smlabb r2, r3, r11, r12",
        "sub r4, r4, r2, asr #6",
        "smlabt r2, r3, r11, r12",
        "sub r6, r6, r2, asr #6",
        "lsl r6, r6, #14",
        "pkhtb r4, r6, r4, asr #2",
        "smlad r8, r11, r4, r8",
        "smlad r9, r4, r4, r9",
        "smlad r10, r4, lr, r10",
        "ldr r2, [r1], #4",
        "uxtb16 r11, r2, ror #8",
        "smlabb r2, r3, r11, r12",
        "sub r5, r5, r2, asr #6",
        "smlabt r2, r3, r11, r12",
        "sub r7, r7, r2, asr #6",
        "lsl r7, r7, #14",
        "pkhtb r5, r7, r5, asr #2",
        "smlad r8, r11, r5, r8",
        "smlad r9, r5, r5, r9",
        "smlad r10, r5, lr, r10",
        "strd r4, r5, [r0], #16",
        "ldr r2, [sp]",
        "cmp r1, r2",
        "bne 2b",
        "ldr r0, [sp, #44]",
        "ldm r0, {{r2-r7}}",
        "adds r2, r2, r8",
        "adc r3, r3, r8, asr #31",
        "adds r4, r4, r9",
        "adc r5, r5, r9, asr #31",
        "adds r6, r6, r10",
        "adc r7, r7, r10, asr #31",
        "stm r0, {{r2-r7}}",
        "pop {{r2, r4-r11, pc}}",
    )
}

// r0 and r1 are where pixels are, r2 where residuals are, r3 where the pixels of r0 end. Differences of four come
// to r11 and r12, their residuals to r9 and r10.
macro_rules! four_differences {
    () => {
        "ldr r11, [r0], #4
         ldr r12, [r1], #4
         uxtb16 r9, r11
         uxtb16 r10, r12
         uxtb16 r11, r11, ror #8
         uxtb16 r12, r12, ror #8
         ssub16 r12, r12, r11
         ssub16 r11, r10, r9
         ldrd r9, r10, [r2], #16"
    };
}

#[unsafe(naked)]
unsafe extern "C" fn differences_0(a: *const u8, b: *const u8, e: *const i32, fours: usize) -> i32 {
    naked_asm!(
        processor!(),
        "push {{r4, r9-r11, lr}}",
        "add r3, r0, r3, lsl #2",
        "mov r4, #0",
        "2:",
        four_differences!(),
        "smlad r4, r11, r9, r4",
        "smlad r4, r12, r10, r4",
        "cmp r0, r3",
        "bne 2b",
        "mov r0, r4",
        "pop {{r4, r9-r11, pc}}",
    )
}

// Up to the first power: r4 and r6 are the first sums, of pixels 0 and 2 and of 1 and 3, r5 is their running sum by
// fours, r7 the sum of pixels 2 and 3. A four's first sum comes to the second one four times, less what its pixels are
// behind its first one. Both come to r4 and r5.
macro_rules! first_power {
    () => {
        "add r4, r4, r6
         add r6, r6, r7, lsl #1
         rsb r5, r6, r5, lsl #2"
    };
}

macro_rules! differences_1 {
    () => {
        concat!(
            four_differences!(),
            "
             smlad r4, r11, r9, r4
             smlad r6, r12, r10, r6
             smlatt r7, r11, r9, r7
             smlatt r7, r12, r10, r7
             add r5, r5, r4
             add r5, r5, r6"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn differences_1(
    a: *const u8,
    b: *const u8,
    e: *const i32,
    fours: usize,
    sums: &mut MaybeUninit<[i32; 2]>,
) {
    naked_asm!(
        processor!(),
        "push {{r4-r7, r9-r11, lr}}",
        "lsls r4, r3, #31",
        "add r3, r0, r3, lsl #2",
        "ldr lr, [sp, #32]",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        // Two at a time, of an odd number one before.
        "bmi 3f",
        "2:",
        differences_1!(),
        "3:",
        differences_1!(),
        "cmp r0, r3",
        "bne 2b",
        first_power!(),
        "strd r4, r5, [lr]",
        "pop {{r4-r7, r9-r11, pc}}",
    )
}

// r4 to r7 are the sums of pixels 0 and 2, of 1 and 3, of 2, and of 3; by fours, r8 is the running sum of the sum of a
// four, r10 and r11 that of those, r9 that of what its pixels sum to times their places 0 to 3. lr is where the pixels
// of r0 end.
#[unsafe(naked)]
unsafe extern "C" fn differences_2(
    a: *const u8,
    b: *const u8,
    e: *const i32,
    fours: usize,
    sums: &mut MaybeUninit<[i64; 3]>,
) {
    naked_asm!(
        processor!(),
        "push {{r4-r11, lr}}",
        "add lr, r0, r3, lsl #2",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "mov r8, #0",
        "mov r9, #0",
        "mov r10, #0",
        "mov r11, #0",
        "2:",
        "ldr r3, [r0]",
        "ldr r12, [r1]",
        "uxtb16 r3, r3",
        "uxtb16 r12, r12",
        "ssub16 r3, r12, r3",
        "ldr r12, [r2], #4",
        "smlad r4, r3, r12, r4",
        "smlatt r6, r3, r12, r6",
        "ldr r3, [r0], #4",
        "ldr r12, [r1], #4",
        "uxtb16 r3, r3, ror #8",
        "uxtb16 r12, r12, ror #8",
        "ssub16 r3, r12, r3",
        "ldr r12, [r2], #12",
        "smlad r5, r3, r12, r5",
        "smlatt r7, r3, r12, r7",
        "add r8, r8, r4",
        "add r8, r8, r5",
        "add r9, r9, r5",
        "add r9, r9, r6, lsl #1",
        "add r9, r9, r7, lsl #1",
        "adds r10, r10, r8",
        "adc r11, r11, r8, asr #31",
        "cmp r0, lr",
        "bne 2b",
        // The place of pixel j of the k-th four from the end is 4 k - j.
        "ldr lr, [sp, #36]",
        "add r4, r4, r5",
        "add r6, r6, r7",
        "add r1, r5, r6, lsl #1",
        "add r0, r6, r7, lsl #1",
        "asr r5, r4, #31",
        "lsl r6, r8, #2",
        "asr r7, r8, #30",
        "subs r6, r6, r1",
        "sbc r7, r7, r1, asr #31",
        "lsl r11, r11, #4",
        "orr r11, r11, r10, lsr #28",
        "lsl r10, r10, #4",
        "adds r10, r10, r0",
        "adc r11, r11, r0, asr #31",
        "mvn r0, #5",
        "smlal r10, r11, r8, r0",
        "mvn r0, #3",
        "smlal r10, r11, r9, r0",
        "stm lr, {{r4-r7, r10, r11}}",
        "pop {{r4-r11, pc}}",
    )
}

// r4 to r9 are the words; on the stack is where they end, and where the sums go. Those of what is not multiplied fit
// pairs of 16 bits, r12 and lr.
#[unsafe(naked)]
unsafe extern "C" fn zeroth(words: *const u32, fours: usize, sums: &mut MaybeUninit<Zeroth>) {
    naked_asm!(
        processor!(),
        "add r1, r1, r1, lsl #1",
        "add r1, r0, r1, lsl #3",
        "push {{r1, r2, r4-r11, lr}}",
        "mov r1, #0",
        "mov r2, #0",
        "mov r3, #0",
        "mov r10, #0",
        "mov r11, #0",
        "mov r12, #0",
        "mov lr, #0",
        "2:",
        "ldm r0!, {{r4-r9}}",
        "smlad r1, r8, r8, r1",
        "smlad r1, r9, r9, r1",
        "smlad r2, r8, r4, r2",
        "smlad r2, r9, r5, r2",
        "smlad r3, r4, r4, r3",
        "smlad r3, r5, r5, r3",
        "smlad r10, r8, r6, r10",
        "smlad r10, r9, r7, r10",
        "smlad r11, r4, r6, r11",
        "smlad r11, r5, r7, r11",
        "sadd16 r12, r12, r8",
        "sadd16 r12, r12, r9",
        "sadd16 lr, lr, r4",
        "sadd16 lr, lr, r5",
        "ldr r4, [sp]",
        "cmp r0, r4",
        "bne 2b",
        "sxth r4, r12",
        "add r12, r4, r12, asr #16",
        "sxth r4, lr",
        "add lr, r4, lr, asr #16",
        "ldr r4, [sp, #4]",
        "stm r4, {{r1-r3, r10-r12, lr}}",
        "pop {{r1, r2, r4-r11, pc}}",
    )
}

// Of the products of two halves.
macro_rules! full_2 {
    ($half:literal, $a:literal, $b:literal, $s:literal, $t:literal, $u:literal) => {
        concat!(
            "smla", $half, " ", $s, ", ", $a, ", ", $b, ", ", $s, "\nadd ", $t, ", ", $t, ", ", $s, "\nadd ",
            $u, ", ", $u, ", ", $t
        )
    };
}

// Of x x (r1 to r3), x y (r4 to r6) and y y (r7 to r9).
macro_rules! full_2s {
    ($half:literal, $x:literal, $y:literal) => {
        concat!(
            full_2!($half, $x, $x, "r1", "r2", "r3"),
            "\n",
            full_2!($half, $x, $y, "r4", "r5", "r6"),
            "\n",
            full_2!($half, $y, $y, "r7", "r8", "r9")
        )
    };
}

// r0 is where the words are; on the stack is where they end, and where the sums go.
#[unsafe(naked)]
unsafe extern "C" fn full_2(words: *const u32, fours: usize, sums: &mut MaybeUninit<[[i32; 3]; 3]>) {
    naked_asm!(
        processor!(),
        "add r1, r1, r1, lsl #1",
        "add r1, r0, r1, lsl #3",
        "push {{r1, r2, r4-r11, lr}}",
        "mov r1, #0",
        "mov r2, #0",
        "mov r3, #0",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "mov r8, #0",
        "mov r9, #0",
        "2:",
        "ldrd r12, lr, [r0, #16]",
        "ldrd r10, r11, [r0], #24",
        full_2s!("bb", "r12", "r10"),
        full_2s!("bb", "lr", "r11"),
        full_2s!("tt", "r12", "r10"),
        full_2s!("tt", "lr", "r11"),
        "ldr r10, [sp]",
        "cmp r0, r10",
        "bne 2b",
        "ldr r10, [sp, #4]",
        "stm r10, {{r1-r9}}",
        "pop {{r1, r2, r4-r11, pc}}",
    )
}

// r4 to r7 are those of products as in first_power. What is at r0 is summed to pairs, r8 and r10, which fit 16 bits; r9
// is their running sum by fours, lr two ones.
#[unsafe(naked)]
unsafe extern "C" fn half_1(
    a: *const u32,
    b: *const u32,
    fours: usize,
    sums: &mut MaybeUninit<[[i32; 2]; 2]>,
) {
    naked_asm!(
        processor!(),
        "push {{r3-r11, lr}}",
        "add r2, r2, r2, lsl #1",
        "add r2, r0, r2, lsl #3",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "mov r8, #0",
        "mov r9, #0",
        "mov r10, #0",
        "mov lr, #0x00010001",
        "2:",
        "ldrd r11, r12, [r0], #24",
        "ldr r3, [r1, #4]",
        "smlad r6, r12, r3, r6",
        "smlatt r7, r12, r3, r7",
        "ldr r3, [r1], #24",
        "smlad r4, r11, r3, r4",
        "smlatt r7, r11, r3, r7",
        "add r5, r5, r4",
        "add r5, r5, r6",
        "sadd16 r8, r8, r11",
        "sadd16 r10, r10, r12",
        "smlad r9, r8, lr, r9",
        "smlad r9, r10, lr, r9",
        "cmp r0, r2",
        "bne 2b",
        first_power!(),
        "smuad r7, r10, lr",
        "smlad r6, r8, lr, r7",
        "asr r8, r8, #16",
        "add r8, r8, r10, asr #16",
        "add r7, r7, r8, lsl #1",
        "rsb r7, r7, r9, lsl #2",
        "pop {{r3}}",
        "stm r3, {{r4-r7}}",
        "pop {{r4-r11, pc}}",
    )
}

// r0 and r1 are where pairs are that are multiplied; on the stack is where those of r0 end, and where the sums go.
macro_rules! begin_2 {
    () => {
        "add r2, r2, r2, lsl #1
         add r2, r0, r2, lsl #3
         push {{r2-r11, lr}}
         mov r4, #0
         mov r6, #0
         mov r8, #0
         mov r9, #0
         mov r10, #0
         mov r11, #0
         mov r12, #0
         mov lr, #0
         2:
         ldrd r2, r3, [r0], #24
         ldrd r5, r7, [r1], #24"
    };
}

// The first three running sums of products: r4, r6, and r8 and r9. The former two become as long as that one.
macro_rules! products_2 {
    ($half:literal, $a:literal, $b:literal) => {
        concat!(
            "smla",
            $half,
            " r4, ",
            $a,
            ", ",
            $b,
            ", r4
             add r6, r6, r4
             adds r8, r8, r6
             adc r9, r9, r6, asr #31"
        )
    };
}

macro_rules! end_2 {
    () => {
        "ldr r2, [sp]
         cmp r0, r2
         bne 2b
         asr r5, r4, #31
         asr r7, r6, #31"
    };
}

// Then r10, r11 and r12, the sums of what is at r0, which fit 32 bits.
macro_rules! half_2 {
    ($half:literal, $turn:literal, $a:literal, $b:literal) => {
        concat!(
            products_2!($half, $a, $b),
            "
             sxtah r10, r10, ",
            $a,
            $turn,
            "
             add r11, r11, r10
             add r12, r12, r11"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn half_2(
    a: *const u32,
    b: *const u32,
    fours: usize,
    sums: &mut MaybeUninit<[[i64; 3]; 2]>,
) {
    naked_asm!(
        processor!(),
        begin_2!(),
        half_2!("bb", "", "r2", "r5"),
        half_2!("bb", "", "r3", "r7"),
        half_2!("tt", ", ror #16", "r2", "r5"),
        half_2!("tt", ", ror #16", "r3", "r7"),
        end_2!(),
        "ldr r3, [sp, #4]",
        "stm r3!, {{r4-r9}}",
        "mov r4, r10",
        "asr r5, r10, #31",
        "mov r6, r11",
        "asr r7, r11, #31",
        "mov r8, r12",
        "asr r9, r12, #31",
        "stm r3, {{r4-r9}}",
        "pop {{r2-r11, pc}}",
    )
}

// Adds r3 (whose sign r1 has) times one number of 64 bits to another.
macro_rules! add_times {
    ($lo:literal, $hi:literal, $to_lo:literal, $to_hi:literal) => {
        concat!(
            "umlal ", $to_lo, ", ", $to_hi, ", ", $lo, ", r3\n", "mla ", $to_hi, ", ", $hi, ", r3, ", $to_hi,
            "\n", "mla ", $to_hi, ", ", $lo, ", r1, ", $to_hi
        )
    };
}

// Makes one such number r3 times another.
macro_rules! set_times {
    ($lo:literal, $hi:literal, $to_lo:literal, $to_hi:literal) => {
        concat!(
            "umull ", $to_lo, ", ", $to_hi, ", ", $lo, ", r3\n", "mla ", $to_hi, ", ", $hi, ", r3, ", $to_hi,
            "\n", "mla ", $to_hi, ", ", $lo, ", r1, ", $to_hi
        )
    };
}

macro_rules! negate {
    ($lo:literal, $hi:literal) => {
        concat!("rsbs ", $lo, ", ", $lo, ", #0\nsbc ", $hi, ", ", $hi, ", ", $hi, ", lsl #1")
    };
}

// Adds to the sum that is so far from r0.
macro_rules! add_to {
    ($at:literal, $lo:literal, $hi:literal) => {
        concat!(
            "ldrd r12, lr, [r0, #",
            $at,
            "]\n",
            "adds r12, r12, ",
            $lo,
            "\n",
            "adc lr, lr, ",
            $hi,
            "\n",
            "strd r12, lr, [r0, #",
            $at,
            "]"
        )
    };
}

// The same r3 times.
macro_rules! add_times_to {
    ($at:literal, $lo:literal, $hi:literal) => {
        concat!(
            "ldrd r12, lr, [r0, #",
            $at,
            "]\n",
            add_times!($lo, $hi, "r12", "lr"),
            "\nstrd r12, lr, [r0, #",
            $at,
            "]"
        )
    };
}

// r0 is where the sums are, r1 where the running ones, r2 is where they belong. The i-th running sum has each product
// times B(i) / i!, with B(i) = j (j + 1) ... (j + i - 1) and j its place from the end; wanted are powers of p = X - j,
// and p B(i) is (X + i) B(i) - B(i + 1). So i! times each, with the sign of every other one changed, (X + i) times each
// is added to the next one: the second one is the first power then. Likewise from that one on, and so on.
#[unsafe(naked)]
unsafe extern "C" fn moved_2(sums: &mut [i64; 6], running: &[i64; 3], at: &Place) {
    naked_asm!(
        "push {{r4-r9, lr}}",
        "ldm r1, {{r4-r9}}",
        "ldr r3, [r2, #12]",
        "cmp r3, #0",
        "bpl 2f",
        negate!("r4", "r5"),
        negate!("r6", "r7"),
        negate!("r8", "r9"),
        "2:",
        negate!("r6", "r7"),
        "adds r8, r8, r8",
        "adc r9, r9, r9",
        "ldr r3, [r2]",
        "ldr r1, [r2, #8]",
        "add r3, r3, r1",
        "add r3, r3, #1",
        "asr r1, r3, #31",
        add_times!("r6", "r7", "r8", "r9"),
        "sub r3, r3, #1",
        "asr r1, r3, #31",
        add_times!("r4", "r5", "r6", "r7"),
        add_times!("r6", "r7", "r8", "r9"),
        // By powers of y.
        "ldr r3, [r2, #4]",
        "asr r1, r3, #31",
        add_to!("24", "r8", "r9"),
        add_to!("8", "r6", "r7"),
        add_times_to!("32", "r6", "r7"),
        add_to!("0", "r4", "r5"),
        set_times!("r4", "r5", "r6", "r7"),
        add_to!("16", "r6", "r7"),
        add_times_to!("40", "r6", "r7"),
        "pop {{r4-r9, pc}}",
    )
}

// Then r10 and r11, r12 and lr.
macro_rules! full_4 {
    ($half:literal, $a:literal, $b:literal) => {
        concat!(
            products_2!($half, $a, $b),
            "
             adds r10, r10, r8
             adc r11, r11, r9
             adds r12, r12, r10
             adc lr, lr, r11"
        )
    };
}

// As half_2; then as moved_2.
#[unsafe(naked)]
unsafe extern "C" fn full_4(a: *const u32, b: *const u32, fours: usize, sums: &mut [i64; 15], at: &Place) {
    naked_asm!(
        processor!(),
        begin_2!(),
        full_4!("bb", "r2", "r5"),
        full_4!("bb", "r3", "r7"),
        full_4!("tt", "r2", "r5"),
        full_4!("tt", "r3", "r7"),
        end_2!(),
        "ldr r0, [sp, #4]",
        "ldr r2, [sp, #44]",
        "ldr r3, [r2, #12]",
        "cmp r3, #0",
        "bpl 3f",
        negate!("r4", "r5"),
        negate!("r6", "r7"),
        negate!("r8", "r9"),
        negate!("r10", "r11"),
        negate!("r12", "lr"),
        "3:",
        negate!("r6", "r7"),
        "adds r8, r8, r8",
        "adc r9, r9, r9",
        negate!("r10", "r11"),
        "mov r1, #6",
        "umull r10, r3, r10, r1",
        "mla r11, r11, r1, r3",
        "mov r1, #24",
        "umull r12, r3, r12, r1",
        "mla lr, lr, r1, r3",
        "ldr r3, [r2]",
        "ldr r1, [r2, #8]",
        "add r3, r3, r1",
        "add r3, r3, #3",
        "asr r1, r3, #31",
        add_times!("r10", "r11", "r12", "lr"),
        "sub r3, r3, #1",
        "asr r1, r3, #31",
        add_times!("r8", "r9", "r10", "r11"),
        add_times!("r10", "r11", "r12", "lr"),
        "sub r3, r3, #1",
        "asr r1, r3, #31",
        add_times!("r6", "r7", "r8", "r9"),
        add_times!("r8", "r9", "r10", "r11"),
        add_times!("r10", "r11", "r12", "lr"),
        "sub r3, r3, #1",
        "asr r1, r3, #31",
        add_times!("r4", "r5", "r6", "r7"),
        add_times!("r6", "r7", "r8", "r9"),
        add_times!("r8", "r9", "r10", "r11"),
        add_times!("r10", "r11", "r12", "lr"),
        // By powers of y.
        "ldr r3, [r2, #4]",
        "ldrd r1, r2, [r0, #80]",
        "adds r1, r1, r12",
        "adc r2, r2, lr",
        "strd r1, r2, [r0, #80]",
        "asr r1, r3, #31",
        add_to!("48", "r10", "r11"),
        add_times_to!("88", "r10", "r11"),
        add_to!("24", "r8", "r9"),
        set_times!("r8", "r9", "r10", "r11"),
        add_to!("56", "r10", "r11"),
        add_times_to!("96", "r10", "r11"),
        add_to!("8", "r6", "r7"),
        set_times!("r6", "r7", "r8", "r9"),
        add_to!("32", "r8", "r9"),
        set_times!("r8", "r9", "r10", "r11"),
        add_to!("64", "r10", "r11"),
        add_times_to!("104", "r10", "r11"),
        add_to!("0", "r4", "r5"),
        set_times!("r4", "r5", "r6", "r7"),
        add_to!("16", "r6", "r7"),
        set_times!("r6", "r7", "r8", "r9"),
        add_to!("40", "r8", "r9"),
        set_times!("r8", "r9", "r10", "r11"),
        add_to!("72", "r10", "r11"),
        add_times_to!("112", "r10", "r11"),
        "pop {{r2-r11, pc}}",
    )
}
