//! The translation between two whole frames, in whole numbers only: optical flow, stabilisation.
//!
//! In: two frames of one size, how far to search, and a workspace. Out: a [`Shift`].
//!
//! **Levels.** Both frames are halved by the means of 2x2 pixels (of columns, then of rows, rounded down):
//! once, and again as long as the smaller side stays 12 pixels or more.
//!
//! **Search.** The pixels v of the smallest level become `128 + 40 (v - mean) / deviation` (by the standard
//! deviation; within 0 to 255), so that contrast and brightness do not matter. Of the shifts by whole pixels
//! within the range, the one with the least mean absolute difference D (in Q8, rounded down) over the overlap
//! is chosen; of equals the one nearest along y, then along x. Along each axis the place between it and its
//! neighbours is where two lines of equal slopes through the three differences meet (Shimizu and Okutomi
//! 2005): `(D- - D+) / (2 (max(D-, D+) - D))` further.
//!
//! **Refinement** at the other levels (Lucas and Kanade 1981, with the moving image resampled as in Baker and
//! Matthews 2004). The shift d solves `sum g (m(x + d) - a t(x) - b) = 0` for g = 1, for t, and for the
//! central differences of t along x and y: gain a and offset b drop out of the two equations that are left,
//! the scores, by subtracting from g what t and one explain of it. Samples are linear in both fractions of d
//! within a cell between four pixels, so that with the sums of `g m` for the whole-pixel shifts at a cell's
//! corners, which are whole numbers, both scores are bilinear functions, and Newton's iteration finds their
//! zero with exact derivatives, without a look at a pixel. Another pass over the frames is made if d is not
//! in the cell (and an eighth of a pixel around it; half a pixel at smaller levels), at most four at a level.
//! Where the derivatives do not lead anywhere, at smaller levels, it is made a pixel further along the axis
//! whose score is larger. A smaller level that leads nowhere does not count.
//!
//! **What bilinear samples shift.** Between pixels, at a fraction f, they show a wave of frequency w shifted
//! by `f (1 - f) (1 - 2 f) w^2 / 6` less (to the first order: the third cumulant of their weights). At the
//! end that is added, along each axis, w^2 being taken from the fixed frame, as `2 - r`, where r is the ratio
//! of the sums of `g(x, y) t(x + 2, y + 1)` and `g(x, y) t(x + 1, y + 1)` (and so for y) over every 16th row.
//!
//! **Support.** The pixels whose neighbours, and four taps in the moving frame, are inside: all but the
//! outermost of the overlap; of columns a multiple of four, from the left.
#![forbid(unsafe_code)]

use super::{LEAST_SIDE, Status};
use crate::Error;
use crate::fixed::{Q6, Q14, Q16, narrow_floor_div, round_shift_i64};
use crate::image::{Image, ImageMut};
use crate::pyramid::{MAX_LEVELS, Pyramid, buffer_len, level_size};
use crate::simd::sums::{Products, Rows, STRIP, distance, halve, moments, products};
use crate::transform::{Transform, Translation};

/// The largest side of a frame that sums are made for.
const LARGEST_SIDE: usize = 1024;
/// The most passes over a level.
const PASSES: usize = 4;
/// One pixel.
const ONE: i32 = 1 << 16;
/// How far outside of its cell a shift may lie: at full size, and at smaller levels.
const BEYOND: [i32; 2] = [ONE / 8, ONE / 2];
/// The least part of a frame, as one of so many, that has to be left as support.
const PARTS: i64 = 8;
/// The standard deviation of what is compared.
const CONTRAST: i64 = 40;
/// The most rows of a strip whose sums fit 32 bits.
const BAND: usize = 512;
/// Every so many rows the fixed frame's frequencies are looked at.
const EVERY: usize = 16;

/// What [`shift`] has found. What the status leaves unknown is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Shift {
    /// x and y in pixels, from the fixed to the moving frame: `moving(x + translation) ~ gain fixed(x) +
    /// offset`. The best found, however the search ended.
    pub translation: [Q16; 2],
    /// How it ended: `Converged`; `MaxIterations` where the fourth pass at full size still led to another
    /// cell; `Singular` for frames that are constant or vary along one direction only, or if the smaller
    /// levels led nowhere; `LeftImage` where less than an eighth of the frame is left as support, as for
    /// frames of a few pixels. (Whether the frames show the same at all is what the
    /// [`correlation`](Self::correlation) says.)
    pub status: Status,
    /// Contrast of the moving frame relative to the fixed one.
    pub gain: Q14,
    /// Brightness of the moving frame where the fixed one is zero, in grey levels.
    pub offset: Q6,
    /// Correlation of the two frames over the support, -1 to 1; the variance of samples between pixels being
    /// taken as that of the pixels around, so a little less where there are details.
    pub correlation: Q14,
    /// Pixels of the fixed frame that the result rests on.
    pub support: u32,
}

impl Shift {
    /// Nothing.
    const NONE: Self = Self {
        translation: [Q16(0); 2],
        status: Status::LeftImage,
        gain: Q14::from_bits(0),
        offset: Q6(0),
        correlation: Q14::from_bits(0),
        support: 0,
    };

    /// The bytes that [`shift`] works in, for frames of this size: two thirds of the pixels of one.
    pub const fn workspace(width: usize, height: usize) -> usize {
        2 * buffer_len(width, height, last_level(width, height) + 1)
    }

    /// The translation as a transform, for an aligner to begin with.
    pub fn transform(&self) -> Translation {
        let [x, y] = self.translation.map(|v| f64::from(v.0) / 65_536.0);
        Translation::new(x, y).unwrap_or(Translation::IDENTITY)
    }
}

/// The smallest level.
const fn last_level(width: usize, height: usize) -> usize {
    let side = if width < height { width } else { height };
    let mut level = 1;
    while level + 1 < MAX_LEVELS && side >> (level + 1) >= LEAST_SIDE {
        level += 1;
    }
    level
}

/// Finds the translation from a fixed to a moving frame of the same size, at most 1024 pixels wide and high,
/// in whole numbers only: optical flow and stabilisation on a microcontroller.
///
/// It is found if it is not much longer than `search` pixels along either axis. (They are rounded up to
/// pixels of the smallest level of a pyramid, and are half of the sides at most. The time for the search
/// grows with their square: a quarter of the smaller side is much.) Contrast and brightness may differ.
///
/// An [`Aligner`](super::Aligner) is for all that there is no option for here: turns and other models, masks,
/// robust losses, wider pixels, frames of two sizes. On a Cortex-M4F it takes six times the
/// instructions (inverse compositional), three to five times the flash and two to three times the stack.
///
/// **Method.** A coarse search by absolute differences, then refinement from level to level of bilinear
/// samples (Lucas and Kanade 1981), gain and offset being estimated too; what such samples show less of a
/// shift is added at the end.
///
/// **Accuracy.** 0.02 px for patterns of up to 0.22 cycles per pixel, on frames of 64x64 and 160x120 pixels,
/// and 0.005 px for half of them; less than 2^-14 px for whole pixels; with noise at most four times the least
/// standard deviation that any method can have (Cramér and Rao) more.
///
/// ```
/// use nonius::Image;
/// use nonius::align::{Shift, Status, shift};
///
/// let scene = |x: f64, y: f64| (128.0 + 60.0 * (0.31 * x + 0.1 * y).sin() + 50.0 * (0.27 * y).cos()) as u8;
/// let frame = |x: f64, y: f64| -> Vec<u8> {
///     (0..64 * 48).map(|i| scene((i % 64) as f64 - x, (i / 64) as f64 - y)).collect()
/// };
/// let (fixed, moving) = (frame(0.0, 0.0), frame(-4.4, 1.7));
///
/// let mut workspace = [0; Shift::workspace(64, 48)];
/// let found = shift(Image::new(&fixed, 64, 48)?, Image::new(&moving, 64, 48)?, 12, &mut workspace)?;
/// assert_eq!(found.status, Status::Converged);
/// let [x, y] = found.translation.map(|v| f64::from(v.0) / 65_536.0);
/// assert!((x + 4.4).abs() < 0.02 && (y - 1.7).abs() < 0.02);
/// # Ok::<(), nonius::Error>(())
/// ```
///
/// # Errors
/// [`Error::SizeMismatch`]; [`Error::TooLarge`] for a side above 1024; [`Error::TooShort`] if the workspace
/// has less than [`Shift::workspace`] bytes.
pub fn shift(
    fixed: Image<'_, u8>,
    moving: Image<'_, u8>,
    search: usize,
    workspace: &mut [u8],
) -> Result<Shift, Error> {
    let (width, height) = (fixed.width(), fixed.height());
    if (width, height) != (moving.width(), moving.height()) {
        return Err(Error::SizeMismatch);
    }
    if width > LARGEST_SIDE || height > LARGEST_SIDE {
        return Err(Error::TooLarge);
    }
    let (needed, bytes) = (Shift::workspace(width, height), workspace.len());
    let Some((first, second)) =
        workspace.get_mut(..needed).and_then(|bytes| bytes.split_at_mut_checked(needed / 2))
    else {
        return Err(Error::TooShort { needed, found: bytes });
    };
    let mut found = Shift::NONE;
    if width < 2 || height < 2 {
        return Ok(found);
    }
    let last = last_level(width, height);
    let (fixed, moving) = (pyramid(fixed, last, first)?, pyramid(moving, last, second)?);
    let mut at = [0; 2];
    for level in (0..=last).rev() {
        let (Some(fixed), Some(moving)) = (fixed.level(level), moving.level(level)) else { continue };
        if level == last {
            at = compare(&fixed, &moving, search.div_ceil(1 << last));
            continue;
        }
        at = at.map(|v| 2 * v);
        let begin = at;
        refine(&fixed, &moving, &mut at, level == 0, &mut found);
        if level > 0 && found.status != Status::Converged {
            at = begin;
        }
    }
    found.translation = at.map(Q16);
    Ok(found)
}

/// The frame at all levels, the last one with a normal contrast.
#[inline(never)]
fn pyramid<'a>(frame: Image<'a, u8>, last: usize, buffer: &'a mut [u8]) -> Result<Pyramid<'a, u8>, Error> {
    let smallest = level_size(frame.width(), frame.height(), last);
    Pyramid::build(frame, last + 1, buffer, |from, to| {
        let size = [to.width(), to.height()];
        halve((from.elements(), from.stride()), to.elements_mut(), size);
        if (size[0], size[1]) == smallest {
            normalise(to);
        }
        Ok(())
    })
}

/// Brings the mean to 128 and the standard deviation to [`CONTRAST`].
fn normalise(frame: &mut ImageMut<'_, u8>) {
    // (At most 2^14 pixels: more would have been halved once more.)
    let pixels = frame.elements_mut();
    let n = pixels.len() & !3;
    let [sum, squares] = moments((pixels, n), [n, 1]);
    let n = n as u32;
    let mean = (sum << 8).checked_div(n).unwrap_or(0) as i32;
    let variance = u64::from(n) * u64::from(squares) - u64::from(sum) * u64::from(sum);
    let gain = quotient((CONTRAST * i64::from(n)) << 8, root(variance).into()).min(i16::MAX.into());
    // (The sum fits, if not both of its terms.)
    let (factor, term) = (gain << 8, (128_i32 << 16).wrapping_sub(mean.wrapping_mul(gain)));
    for pixel in pixels {
        let v = i32::from(*pixel).wrapping_mul(factor).wrapping_add(term);
        *pixel = (v >> 16).clamp(0, 255) as u8;
    }
}

/// The square root of a number below 2^62, rounded down. (The standard library's divides 64 bits.)
#[inline(never)]
fn root(v: u64) -> u32 {
    let mut root = 0_u32;
    for bit in (0..31).rev() {
        let next = root | 1 << bit;
        if u64::from(next) * u64::from(next) <= v {
            root = next;
        }
    }
    root
}

/// The shift with the least mean absolute difference.
#[inline(never)]
fn compare(fixed: &Image<'_, u8>, moving: &Image<'_, u8>, range: usize) -> [i32; 2] {
    /// More than any.
    const MOST: u32 = 256 << 8;
    let size = [fixed.width(), fixed.height()];
    // That of a shift by whole pixels in Q8, or the other one if that is not more.
    let difference = |[x, y]: [i32; 2], other: u32| {
        let width = size[0].saturating_sub(x.unsigned_abs() as usize);
        let height = size[1].saturating_sub(y.unsigned_abs() as usize);
        let n = (width * height) as u32;
        let limit = (other * n + 255) >> 8;
        fn overlap<'a>(image: &Image<'a, u8>, x: i32, y: i32) -> &'a [u8] {
            from(image, x.max(0) as usize, y.max(0) as usize).0
        }
        let sum = distance([overlap(fixed, -x, -y), overlap(moving, x, y)], size[0], [width, height], limit);
        if sum < limit { (sum << 8).checked_div(n).unwrap_or(other) } else { other }
    };
    let range = size.map(|side| range.min(side / 2) as i32);
    let (mut least, mut best) = (MOST, [0; 2]);
    // From none at all outwards: 0, 1, -1, 2, -2.
    let outwards = |i: i32| if i & 1 == 0 { -i >> 1 } else { (i + 1) >> 1 };
    for y in (0..2 * range[1] + 1).map(outwards) {
        for x in (0..2 * range[0] + 1).map(outwards) {
            let found = difference([x, y], least);
            if found < least {
                (least, best) = (found, [x, y]);
            }
        }
    }
    let [x, y] = best;
    let between = |behind, ahead| {
        let [behind, ahead] = [behind, ahead].map(|at| difference(at, MOST));
        // (A neighbour beyond the range may be better.)
        let slope = behind.max(ahead).saturating_sub(least);
        let shift = quotient((i64::from(behind) - i64::from(ahead)) << 15, slope.into());
        shift.clamp(-ONE / 2, ONE / 2)
    };
    [(x << 16) + between([x - 1, y], [x + 1, y]), (y << 16) + between([x, y - 1], [x, y + 1])]
}

/// The quotient of 32 bits rounded down; zero if there is none.
#[inline(always)]
fn quotient(n: i64, d: i64) -> i32 {
    narrow_floor_div(n, d).and_then(|v| v.try_into().ok()).unwrap_or(0)
}

/// Passes over a level; at full size also what there is to say of the result.
#[inline(never)]
fn refine(fixed: &Image<'_, u8>, moving: &Image<'_, u8>, at: &mut [i32; 2], full: bool, found: &mut Shift) {
    for _ in 0..PASSES {
        *found = Shift::NONE;
        let (cell, fraction) = (at.map(|v| v >> 16), at.map(|v| v & (ONE - 1)));
        let Some(support) = Support::of(fixed, cell) else { return };
        let sums = support.sums(fixed, moving);
        let system = System::of(&sums);
        let Some(within) = system.solve(fraction) else {
            found.status = Status::Singular;
            let [x, y] = system.scores.each_ref().map(|scores| bilinear(scores, fraction));
            if full || x | y == 0 {
                return;
            }
            // Too far off for derivatives: a pixel to where the larger score gets less.
            let (axis, score) = if x.abs() < y.abs() { (1, y) } else { (0, x) };
            at[axis] -= if score < 0 { -ONE } else { ONE };
            continue;
        };
        let beyond = BEYOND[usize::from(!full)];
        let inside = within.iter().all(|v| (-beyond..=ONE + beyond).contains(v));
        *at = [(cell[0] << 16) + within[0], (cell[1] << 16) + within[1]];
        found.status = if inside { Status::Converged } else { Status::MaxIterations };
        if full {
            system.report(&sums, within, found);
        }
        if inside && full {
            let mean = quotient(sums.fixed[0][0], sums.n);
            let frequencies = support.frequencies(fixed, mean.into());
            for ((at, f), frequency) in at.iter_mut().zip(within).zip(frequencies) {
                *at -= blunt(f, frequency);
            }
        }
        if inside {
            return;
        }
    }
}

/// What samples at a fraction show less of a shift, for a squared frequency in Q14.
fn blunt(f: i32, frequency: i32) -> i32 {
    let f = i64::from(f);
    let cumulant = (((f * (i64::from(ONE) - f)) >> 16) * (i64::from(ONE) - 2 * f)) >> 16;
    quotient(cumulant * i64::from(frequency), 6 << 14)
}

/// The pixels that count: where they begin in both frames, and how many columns and rows they are.
struct Support {
    fixed: [usize; 2],
    moving: [usize; 2],
    size: [usize; 2],
}

/// The pixels of an image from one on.
#[inline(never)]
fn from<'a>(image: &Image<'a, u8>, x: usize, y: usize) -> Rows<'a> {
    (image.elements().get(y * image.stride() + x..).unwrap_or_default(), image.stride())
}

impl Support {
    /// Those of a whole-pixel shift, if they are enough.
    fn of(fixed: &Image<'_, u8>, cell: [i32; 2]) -> Option<Self> {
        let sides = [fixed.width(), fixed.height()];
        let along = |side: usize, cell: i32| {
            let last = side as i32 - 1;
            let begin = 1.max(-cell);
            (begin as usize, (begin + cell) as usize, (last.min(last - cell) - begin).max(0) as usize)
        };
        let (x, u, width) = along(sides[0], cell[0]);
        let (y, v, height) = along(sides[1], cell[1]);
        let size = [width & !3, height];
        let enough = PARTS * (size[0] * height) as i64 >= (sides[0] * sides[1]) as i64;
        (enough && size[0] > 0 && height > 0).then_some(Self { fixed: [x, y], moving: [u, v], size })
    }

    /// A pass.
    #[inline(never)]
    fn sums(&self, fixed: &Image<'_, u8>, moving: &Image<'_, u8>) -> Sums {
        let ([x, y], [u, v], [width, height]) = (self.fixed, self.moving, self.size);
        let mut sums = Sums { n: (width * height) as i64, ..Sums::default() };
        let [t, along_x, along_y] = &mut sums.fixed;
        let [upper_left, upper_right, lower_left, lower_right] = &mut sums.moving;
        for left in (0..width).step_by(STRIP) {
            for top in (0..height).step_by(BAND) {
                let size = [(width - left).min(STRIP), (height - top).min(BAND)];
                let mut strip = Products::default();
                let around = from(fixed, x + left - 1, y + top - 1);
                products(around, from(moving, u + left, v + top), size, &mut strip);
                for (sum, v) in sums.products.iter_mut().flatten().zip(strip.moving.iter().flatten()) {
                    *sum += i64::from(*v);
                }
                add(t, 1, strip.fixed.map(i64::from));
                add(upper_left, 1, moments(from(moving, u + left, v + top), size).map(i64::from));
            }
        }
        // Of the sums of differences what is at the ends is left.
        let stride = fixed.stride();
        for (sign, x, y) in [(-1, x, y), (1, x + width, y + height)] {
            add(along_x, sign, line(from(fixed, x - 1, self.fixed[1]), stride, height, 1));
            add(along_y, sign, line(from(fixed, self.fixed[0], y - 1), 1, width, stride));
        }
        // At the other corners there is one row, or one column, instead of another.
        (*upper_right, *lower_left, *lower_right) = (*upper_left, *upper_left, *upper_left);
        for (sign, u, v) in [(-1, u, v), (1, u + width, v + height)] {
            let row = moments(from(moving, self.moving[0], v), [width, 1]).map(i64::from);
            let [twice, squares] = line(from(moving, u, self.moving[1]), moving.stride(), height, 0);
            let column = [twice / 2, squares];
            add(lower_left, sign, row);
            add(upper_right, sign, column);
            add(lower_right, sign, row);
            add(lower_right, sign, column);
        }
        for (sign, u, v) in [(1, u, v), (-1, u + width, v), (-1, u, v + height), (1, u + width, v + height)] {
            let pixel = from(moving, u, v).0.first().map_or(0, |&v| v.into());
            add(lower_right, sign, [pixel, pixel * pixel]);
        }
        sums
    }

    /// The squares of the frequencies of the fixed frame along x and y, in Q14, 0 to 2.
    #[inline(never)]
    fn frequencies(&self, fixed: &Image<'_, u8>, mean: i64) -> [i32; 2] {
        let [x, y] = self.fixed;
        // What is looked at are also pixels two further on.
        let width = self.size[0].min(fixed.width().saturating_sub(x + 2) & !3);
        let height = self.size[1].min(fixed.height().saturating_sub(y + 2));
        let mut sums = [[0_i64; 2]; 2];
        for left in (0..width).step_by(STRIP) {
            let mut strip = Products::default();
            for y in (y..y + height).step_by(EVERY) {
                let size = [(width - left).min(STRIP), 1];
                let around = from(fixed, x + left - 1, y - 1);
                products(around, from(fixed, x + left + 1, y + 1), size, &mut strip);
                // Differences do not sum to zero, so that the mean would matter.
                let sum = |y: usize| i64::from(moments(from(fixed, x + left, y), size)[0]);
                let ends = |x: usize| line(from(fixed, x + left, y), 1, 1, 1)[0];
                let differences = [ends(x + size[0] - 1) - ends(x - 1), sum(y + 1) - sum(y - 1)];
                for (sums, v) in sums.iter_mut().zip(differences) {
                    add(sums, -mean, [v; 2]);
                }
            }
            let [near, right, below, _] = strip.moving;
            for (sums, v) in sums.iter_mut().zip([[near[1], right[1]], [near[2], below[2]]]) {
                add(sums, 1, v.map(i64::from));
            }
        }
        sums.map(|[near, far]| {
            if near <= 0 {
                return 0;
            }
            // (The sums over at most 64 rows have 32 bits.)
            (2 << 14) - quotient(far.max(0).min(2 * near) << 14, near)
        })
    }
}

/// Sums over `n` pixels (1 to 1024) that are `step` apart: of each and of the one that comes `to` pixels
/// later, and of the products of both.
#[inline(never)]
fn line((pixels, _): Rows<'_>, step: usize, n: usize, to: usize) -> [i64; 2] {
    let (step, span) = (step.max(1), (n - 1) * step + 1);
    let first = pixels.get(..span).unwrap_or_default();
    let second = pixels.get(to..to + span).unwrap_or_default();
    let (mut sums, mut at) = ([0; 2], 0);
    while let (Some(&a), Some(&b)) = (first.get(at), second.get(at)) {
        let (a, b) = (i32::from(a), i32::from(b));
        sums = [sums[0] + a + b, sums[1] + a * b];
        at += step;
    }
    sums.map(i64::from)
}

#[inline(always)]
fn add(sums: &mut [i64; 2], sign: i64, v: [i64; 2]) {
    *sums = [sums[0] + sign * v[0], sums[1] + sign * v[1]];
}

/// What a pass finds.
#[derive(Default)]
struct Sums {
    n: i64,
    /// Of the fixed frame's pixels t and differences along x and y, and of their products with t.
    fixed: [[i64; 2]; 3],
    /// At the corners of the cell: of m, and of its square.
    moving: [[i64; 2]; 4],
    /// At the corners, of the products of what is summed of the fixed frame with m.
    products: [[i64; 3]; 4],
}

/// The equations of a cell, scaled to fit.
struct System {
    /// For x and y, at the cell's corners: n times the sum of g m, less what t and one explain of g.
    scores: [[i32; 4]; 2],
    /// The variance of the fixed frame; at the corners its covariance with the moving one, and the variance
    /// of that.
    tt: i32,
    tm: [i32; 4],
    mm: [i32; 4],
}

/// How many bits are to go so that all numbers are below 2^bits.
#[inline(always)]
fn excess<'a>(numbers: impl Iterator<Item = &'a i64>, bits: u32) -> u32 {
    let all = numbers.fold(0, |all, v| all | v.unsigned_abs());
    (64 - all.leading_zeros()).saturating_sub(bits)
}

/// Between four corners, at a fraction in Q16.
#[inline(never)]
fn bilinear(corners: &[i32; 4], [x, y]: [i32; 2]) -> i64 {
    let ([a, b, c, d], [x, y]) = (corners.map(i64::from), [x, y].map(i64::from));
    let twist = (y * (a - b - c + d)) >> 16;
    a + round_shift_i64(x * (b - a + twist) + y * (c - a), 16)
}

impl System {
    #[inline(never)]
    fn of(sums: &Sums) -> Self {
        let n = sums.n;
        let t = sums.fixed[0][0];
        // Of t, and of the differences along x and y, with t; of m; and of the former with m at the corners.
        let mut all = [[0; 4]; 5];
        let [with_t, mm, with_m @ ..] = &mut all;
        for (v, [sum, product]) in with_t.iter_mut().zip(&sums.fixed) {
            *v = n * product - sum * t;
        }
        for (v, [sum, squares]) in mm.iter_mut().zip(&sums.moving) {
            *v = n * squares - sum * sum;
        }
        for (f, (v, [sum, _])) in with_m.iter_mut().zip(&sums.fixed).enumerate() {
            for ((v, product), [m, _]) in v.iter_mut().zip(&sums.products).zip(&sums.moving) {
                *v = n * product[f] - sum * m;
            }
        }
        let by = excess(all.iter().flatten(), 30);
        let [[tt, gt @ .., _], mm, tm, scores @ ..] = all.map(|row| row.map(|v| (v >> by) as i32));
        let mut scores = scores.map(|scores| scores.map(i64::from));
        for (scores, gt) in scores.iter_mut().zip(gt) {
            let slope = i64::from(quotient(i64::from(gt) << 22, tt.into()));
            for (score, tm) in scores.iter_mut().zip(tm) {
                *score -= (slope * i64::from(tm)) >> 22;
            }
        }
        let by = excess(scores.iter().flatten(), 26);
        Self { scores: scores.map(|scores| scores.map(|v| (v >> by) as i32)), tt, tm, mm }
    }

    /// Where both scores are zero, from a fraction on; `None` if they do not tell.
    #[inline(never)]
    fn solve(&self, mut at: [i32; 2]) -> Option<[i32; 2]> {
        for _ in 0..8 {
            let [x, y] = at.map(i64::from);
            // The values, and their derivatives along x and y.
            let [[p, px, py], [q, qx, qy]] = self.scores.each_ref().map(|scores| {
                let [a, b, c, d] = scores.map(i64::from);
                let twist = a - b - c + d;
                [bilinear(scores, at), b - a + ((y * twist) >> 16), c - a + ((x * twist) >> 16)]
            });
            let (determinant, trace) = (px * qy - py * qx, px + qy);
            // (An eigenvalue is less than about 1/256 of the other.)
            if self.tt <= 0 || determinant <= (trace * trace) >> 8 {
                return None;
            }
            let steps = [ratio(py * q - qy * p, determinant), ratio(qx * p - px * q, determinant)];
            at = [at[0] + steps[0], at[1] + steps[1]].map(|v| v.clamp(-ONE, 2 * ONE));
            if steps.iter().all(|v| v.unsigned_abs() < 64) {
                break;
            }
        }
        Some(at)
    }

    /// Gain, offset, correlation and support.
    #[inline(never)]
    fn report(&self, sums: &Sums, at: [i32; 2], found: &mut Shift) {
        let (n, tm, mm) = (sums.n, bilinear(&self.tm, at), bilinear(&self.mm, at));
        let m = bilinear(&sums.moving.map(|[m, _]| m as i32), at);
        let gain = (quotient(tm << 15, self.tt.into()) + 1) >> 1;
        let offset = ((m << 14) - i64::from(gain) * sums.fixed[0][0]) >> 8;
        let deviations = root((i64::from(self.tt) * mm.max(0)) as u64);
        found.gain = Q14::from_bits(gain);
        found.offset = Q6(quotient(2 * offset + n, 2 * n));
        found.correlation = Q14::from_bits(quotient(tm << 14, deviations.into()).clamp(-1 << 14, 1 << 14));
        found.support = n as u32;
    }
}

/// The quotient in Q16 of numbers below 2^62 (the divisor above zero), within two.
#[inline(never)]
fn ratio(n: i64, d: i64) -> i32 {
    if n.abs() >> 1 >= d {
        return if n < 0 { -2 * ONE } else { 2 * ONE };
    }
    let by = excess([d].iter(), 31);
    quotient((n >> by) << 16, d >> by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// The sums of a pass, of which most come from what is at the ends of rows and columns.
    #[test]
    fn sums_are_those_of_single_pixels() {
        for (seed, (width, height)) in
            [(9, 6), (23, 17), (70, 20), (150, 5), (12, 540)].into_iter().enumerate()
        {
            let n = width * height;
            let mut state = seed as u32;
            let mut images = [0, 1].map(|_| -> Vec<u8> {
                let mut next = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                };
                (0..n).map(|_| if seed == 4 { 255 * (next() & 1) } else { next() }).collect()
            });
            if seed == 2 {
                images[1] = images[0].clone();
            }
            let [fixed, moving] = images.each_ref().map(|v| Image::new(v, width, height).unwrap());
            for cell in [[0, 0], [1, -2], [-3, 1], [2, 1], [-1, -1]] {
                let support = Support::of(&fixed, cell).unwrap();
                let sums = support.sums(&fixed, &moving);
                let t = |x: usize, y: usize| i64::from(images[0][y * width + x]);
                let m = |x: usize, y: usize| {
                    let [x, y] = [x as i32 + cell[0], y as i32 + cell[1]];
                    i64::from(images[1][y as usize * width + x as usize])
                };
                let mut expected = Sums::default();
                let [[x, y], [columns, rows]] = [support.fixed, support.size];
                for (x, y) in (y..y + rows).flat_map(|y| (x..x + columns).map(move |x| (x, y))) {
                    let factors = [t(x, y), t(x + 1, y) - t(x - 1, y), t(x, y + 1) - t(x, y - 1)];
                    expected.n += 1;
                    for (sums, v) in expected.fixed.iter_mut().zip(factors) {
                        add(sums, 1, [v, v * t(x, y)]);
                    }
                    for k in 0..4 {
                        let m = m(x + k % 2, y + k / 2);
                        add(&mut expected.moving[k], 1, [m, m * m]);
                        for (sum, v) in expected.products[k].iter_mut().zip(factors) {
                            *sum += v * m;
                        }
                    }
                }
                let all = |s: &Sums| (s.n, s.fixed, s.moving, s.products);
                assert_eq!(all(&sums), all(&expected), "{width}x{height}, {cell:?}");
            }
        }
    }
}
