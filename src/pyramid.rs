//! Image pyramids in a caller's buffer.
//!
//! In: an image and a buffer. Out: the image at half, quarter, ... size. Level 0 is the image
//! itself, not a copy.
//!
//! **Definition.** A level has half the width and height of the one before, rounded down. Pixel
//! (X, Y) is the sum of the 4x4 pixels from (2X - 1, 2Y - 1) with weights 1 3 3 1 along each axis,
//! divided by 64 and rounded half up once (`f32`: columns of `(p0 + p3) + 3 (p1 + p2)`, the same
//! along the row, times 1/64); outside, the border pixel is repeated. The filter is symmetric about
//! (2X + 1/2, 2Y + 1/2), so a coordinate x of a level is `2 x + 1/2` in the level before.
#![forbid(unsafe_code)]

use crate::Error;
use crate::fixed::{power_of_two, times_power};
use crate::image::{Image, ImageMut, Pixel, Tap};
use crate::kernel::Channel;
use crate::parallel::{Bands, Threads};
use crate::simd::{Lanes, Level, Operation};
use crate::transform::{Matrix, after_shift, before_shift};

/// The number of levels above which a pyramid of the largest image has a side of zero.
pub const MAX_LEVELS: usize = 15;

/// Width and height of level `level` of an image; zero once the image is too small.
pub const fn level_size(width: usize, height: usize, level: usize) -> (usize, usize) {
    if level > MAX_LEVELS { (0, 0) } else { (width >> level, height >> level) }
}

/// The pixels that a pyramid of `levels` levels keeps in its buffer (all but level 0).
#[inline(never)]
pub const fn buffer_len(width: usize, height: usize, levels: usize) -> usize {
    let (mut sum, mut level) = (0_usize, 1);
    while level < levels && level <= MAX_LEVELS {
        let (w, h) = level_size(width, height, level);
        sum = sum.saturating_add(w.saturating_mul(h));
        level += 1;
    }
    sum
}

/// A matrix between pixels of level `level`, as one between pixels of level 0.
#[inline(always)]
pub(crate) fn to_full(matrix: &Matrix, level: usize) -> Matrix {
    let mut matrix = *matrix;
    scale(&mut matrix, level as i32);
    matrix
}

/// The inverse of [`to_full`].
#[inline(always)]
pub(crate) fn to_level(matrix: &Matrix, level: usize) -> Matrix {
    let mut matrix = *matrix;
    scale(&mut matrix, -(level as i32));
    matrix
}

/// Makes a matrix between pixels one between those to whose x (and y) belongs `2^by x + shift`: of the product of three
/// matrices what is not zero.
#[inline(never)]
fn scale(m: &mut Matrix, by: i32) {
    if by == 0 {
        return;
    }
    // The centre of the first of the larger pixels, in smaller ones.
    let shift = (power_of_two(by) - 1.0) / 2.0;
    let back = -times_power(shift, -by);
    after_shift(m, back, back);
    let [_, _, c, _, _, f, g, h, _] = m;
    for (v, by) in [(c, by), (f, by), (g, -by), (h, -by)] {
        *v = times_power(*v, by);
    }
    before_shift(m, shift, shift);
}

/// An image at several sizes.
///
/// ```
/// use nonius::Image;
/// use nonius::pyramid::{Pyramid, buffer_len};
/// let pixels = [100u8; 64 * 48];
/// let mut buffer = [0u8; buffer_len(64, 48, 3)];
/// let pyramid = Pyramid::new(Image::new(&pixels, 64, 48)?, 3, &mut buffer)?;
/// let top = pyramid.level(2).unwrap();
/// assert_eq!((top.width(), top.height(), top.get(3, 5)), (16, 12, Some(100)));
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pyramid<'a, P> {
    base: Image<'a, P>,
    rest: &'a [P],
    levels: usize,
}

impl<'a, P: Pixel> Pyramid<'a, P> {
    /// Reduces `base` until there are `levels` levels, itself included.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for no level or for more than the image can be halved to,
    /// [`Error::TooShort`] if the buffer holds fewer than [`buffer_len`] pixels.
    pub fn new(base: Image<'a, P>, levels: usize, buffer: &'a mut [P]) -> Result<Self, Error> {
        Self::with_threads(base, levels, buffer, Threads::ONE)
    }

    /// As [`Self::new`], on several threads.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_threads(
        base: Image<'a, P>,
        levels: usize,
        buffer: &'a mut [P],
        threads: Threads,
    ) -> Result<Self, Error> {
        Self::build(base, levels, buffer, |from, to| reduce_with_threads(from, to, threads))
    }

    /// The pyramid that [`Self::new`] has built of this base in this buffer.
    pub(crate) fn built(base: Image<'a, P>, levels: usize, buffer: &'a [P]) -> Result<Self, Error> {
        let (needed, found) = (buffer_len(base.width(), base.height(), levels), buffer.len());
        let rest = buffer.get(..needed).ok_or(Error::TooShort { needed, found })?;
        Ok(Self { base, rest, levels })
    }

    pub(crate) fn build(
        base: Image<'a, P>,
        levels: usize,
        buffer: &'a mut [P],
        step: impl Fn(Image<'_, P>, &mut ImageMut<'_, P>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let (width, height) = (base.width(), base.height());
        let top = level_size(width, height, levels.saturating_sub(1));
        if levels == 0 || top.0 == 0 || top.1 == 0 {
            return Err(Error::InvalidOption);
        }
        let (needed, found) = (buffer_len(width, height, levels), buffer.len());
        let Some(used) = buffer.get_mut(..needed) else { return Err(Error::TooShort { needed, found }) };
        let mut rest = &mut *used;
        let mut below: Option<Image<'_, P>> = None;
        for level in 1..levels {
            let (w, h) = level_size(width, height, level);
            let Some((head, tail)) = rest.split_at_mut_checked(w * h) else {
                return Err(Error::TooShort { needed, found });
            };
            step(below.unwrap_or(base), &mut ImageMut::new(&mut *head, w, h)?)?;
            below = Some(Image::new(&*head, w, h)?);
            rest = tail;
        }
        Ok(Self { base, rest: used, levels })
    }

    /// The number of levels.
    pub const fn levels(&self) -> usize {
        self.levels
    }

    /// A level; 0 is the full size.
    pub fn level(&self, level: usize) -> Option<Image<'a, P>> {
        if level >= self.levels {
            return None;
        }
        if level == 0 {
            return Some(self.base);
        }
        let (width, height) = (self.base.width(), self.base.height());
        let (w, h) = level_size(width, height, level);
        let data = self.rest.get(buffer_len(width, height, level)..)?;
        Image::new(data, w, h).ok()
    }
}

impl<'a> Pyramid<'a, u8> {
    /// A pyramid of validity: non-zero is valid, and a pixel of a level is valid if all pixels that
    /// [`reduce`] takes together for it are.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn new_mask(base: Image<'a, u8>, levels: usize, buffer: &'a mut [u8]) -> Result<Self, Error> {
        Self::build(base, levels, buffer, reduce_mask)
    }
}

/// The four rows, or columns, around pixel `at` of a level, of `side` in the level before.
#[inline(always)]
fn around(at: usize, side: usize) -> [usize; 4] {
    let last = side.saturating_sub(1);
    let two = 2 * at;
    [two.saturating_sub(1), two.min(last), (two + 1).min(last), (two + 2).min(last)]
}

fn halves<P, Q>(source: &Image<'_, P>, destination: &ImageMut<'_, Q>) -> Result<(), Error> {
    let half = (source.width() / 2, source.height() / 2);
    if half == (destination.width(), destination.height()) { Ok(()) } else { Err(Error::SizeMismatch) }
}

/// Halves an image into `destination`, of half its width and height rounded down. See the
/// [module](self) for the filter. (A frame in a camera's [format](crate::format) becomes grey.)
///
/// # Errors
/// [`Error::SizeMismatch`]; nothing is written then.
pub fn reduce<P: Tap>(source: Image<'_, P>, destination: &mut ImageMut<'_, P::Sampled>) -> Result<(), Error> {
    reduce_with_threads(source, destination, Threads::ONE)
}

/// As [`reduce`], on several threads.
///
/// # Errors
/// As [`reduce`].
pub fn reduce_with_threads<P: Tap>(
    source: Image<'_, P>,
    destination: &mut ImageMut<'_, P::Sampled>,
    threads: Threads,
) -> Result<(), Error> {
    halves(&source, destination)?;
    threads.run(Level::best(), Reduce { source, destination: destination.reborrow(), first: 0 });
    Ok(())
}

/// Rows of a reduction, from row `first` on.
struct Reduce<'a, P: Tap> {
    source: Image<'a, P>,
    destination: ImageMut<'a, P::Sampled>,
    first: usize,
}

/// Pixels of a level that are computed at a time, from the columns of twice as many and two.
const BLOCK: usize = 64;

impl<P: Tap> Operation for Reduce<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let Self { source, first, .. } = self;
        let (width, height, channels) = (source.width(), source.height(), P::CHANNELS);
        for (y, out) in self.destination.rows_mut().enumerate() {
            let rows = around(first + y, height).map(|y| P::flatten(source.row(y)));
            if channels == 1 {
                let out = <P::Sampled>::flatten_mut(out);
                if L::LEN == 1 && P::Channel::reduce_bytes(rows, out) {
                    continue;
                }
                for (block, out) in out.chunks_mut(BLOCK).enumerate() {
                    reduce_block(rows, 2 * block * BLOCK, out);
                }
                continue;
            }
            for (x, pixel) in out.iter_mut().enumerate() {
                let columns = around(x, width);
                let pixel = core::slice::from_mut(pixel);
                for (c, out) in <P::Sampled>::flatten_mut(pixel).iter_mut().enumerate() {
                    let at = |row: &[P::Channel], x: usize| row.get(x * channels + c).copied();
                    let column =
                        |x| P::Channel::reduce_column(rows.map(|row| at(row, x).unwrap_or_default()));
                    *out = P::Channel::reduce_row(columns.map(column));
                }
            }
        }
    }
}

impl<P: Tap> Bands for Reduce<'_, P> {
    fn size(&self) -> [usize; 2] {
        [self.destination.width(), self.destination.height()]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let (above, below) = self.destination.split_rows(at);
        (Self { destination: above, ..self }, Self { destination: below, first: self.first + at, ..self })
    }
    fn join((): (), (): ()) {}
}

/// A row that four rows of bytes make: four columns at a time, two in the halves of a number.
#[inline(never)]
pub(crate) fn reduce_bytes(rows: [&[u8]; 4], out: &mut [u8]) {
    // Of the first and of the last four pixels of the rows, the border repeated where they are fewer.
    let [mut left, mut right] = [[0; 2]; 2];
    for (row, weight) in rows.into_iter().zip(WEIGHTS) {
        let (first, last) = if let (Some(first), Some(last)) = (row.first_chunk(), row.last_chunk()) {
            (*first, *last)
        } else {
            let mut four = [row.last().copied().unwrap_or_default(); 4];
            four.iter_mut().zip(row).for_each(|(four, &v)| *four = v);
            (four, four)
        };
        let first = u32::from_le_bytes(first);
        // The fours begin a column to the left of their pixels'.
        add_columns(&mut left, first << 8 | first & 0xff, weight);
        add_columns(&mut right, u32::from_le_bytes(last), weight);
    }
    let columns_left = rows[0].len().saturating_sub(3);
    let (pairs, _) = out.as_chunks_mut::<2>();
    let done = (columns_left / 4).min(pairs.len());
    reduce_fours(rows, &mut left, pairs.get_mut(..done).unwrap_or_default());
    // At most three pixels are left, and so many columns.
    let [even, odd] = right;
    let (border, third) = (odd >> 16, even >> 16);
    let mut next = match columns_left % 4 {
        3 => [odd, border << 16 | third],
        2 => [border << 16 | third, border << 16 | border],
        _ => [border << 16 | border; 2],
    };
    for out in out.get_mut(2 * done..).unwrap_or_default().chunks_mut(2) {
        for (out, pixel) in out.iter_mut().zip(reduced(&mut left, next)) {
            *out = pixel;
        }
        let border = next[1] >> 16;
        next = [border << 16 | border; 2];
    }
}

/// What each of four rows counts for.
const WEIGHTS: [u32; 4] = [1, 3, 3, 1];

/// Adds four bytes of a row to columns 0 and 2, and 1 and 3.
#[inline(always)]
fn add_columns(sums: &mut [u32; 2], four: u32, weight: u32) {
    sums[0] += weight * (four & 0x00ff_00ff);
    sums[1] += weight * (four >> 8 & 0x00ff_00ff);
}

/// Two pixels, of the columns that are left for them and those that follow, which are left then.
#[inline(always)]
fn reduced(left: &mut [u32; 2], next: [u32; 2]) -> [u8; 2] {
    let ([even, odd], [next_even, next_odd]) = (*left, next);
    // Columns 2 and 4, and 3 and 5.
    let (third, fourth) = (even >> 16 | next_even << 16, odd >> 16 | next_odd << 16);
    let sums = even + fourth + 3 * (odd + third) + 0x0020_0020;
    *left = next;
    [(sums >> 6) as u8, (sums >> 22) as u8]
}

#[cfg(dsp)]
use crate::simd::sums::reduce_fours;

/// Two pixels for each four from column 3 on, of which there are as many.
#[cfg(not(dsp))]
#[inline(always)]
fn reduce_fours(rows: [&[u8]; 4], left: &mut [u32; 2], out: &mut [[u8; 2]]) {
    let [a, b, c, d] = rows.map(|row| row.get(3..).unwrap_or_default().as_chunks::<4>().0);
    for (out, (((a, b), c), d)) in out.iter_mut().zip(a.iter().zip(b).zip(c).zip(d)) {
        let mut next = [0; 2];
        for (four, weight) in [a, b, c, d].into_iter().zip(WEIGHTS) {
            add_columns(&mut next, u32::from_le_bytes(*four), weight);
        }
        *out = reduced(left, next);
    }
}

/// At most a block of one channel, from four rows of at least two pixels, from pixel `x` of theirs on.
#[inline(always)]
fn reduce_block<C: Channel>(rows: [&[C]; 4], x: usize, out: &mut [C::Sampled]) {
    let mut columns = [C::reduce_column([C::default(); 4]); 2 * BLOCK + 2];
    // The first column is that of x - 1. Outside, that of the border is repeated.
    let first = x.saturating_sub(1);
    let missing = first + 1 - x;
    let inside = rows.map(|row| row.get(first..).unwrap_or_default());
    let [a, b, c, d] = inside;
    let mut last = 0;
    let places = columns.iter_mut().skip(missing);
    for (k, (column, (((&a, &b), &c), &d))) in places.zip(a.iter().zip(b).zip(c).zip(d)).enumerate() {
        *column = C::reduce_column([a, b, c, d]);
        last = missing + k;
    }
    if missing > 0
        && let [outside, border, ..] = &mut columns
    {
        *outside = *border;
    }
    if let Some([border, outside]) = columns.get_mut(last..).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *outside = *border;
    }
    let pairs = columns.as_chunks::<2>().0;
    for (out, (&[a, b], &[c, d])) in out.iter_mut().zip(pairs.iter().zip(pairs.iter().skip(1))) {
        *out = C::reduce_row([a, b, c, d]);
    }
}

/// Halves a mask into `destination`: valid (255) where all 4x4 pixels are (non-zero), else 0.
///
/// # Errors
/// [`Error::SizeMismatch`]; nothing is written then.
pub fn reduce_mask(source: Image<'_, u8>, destination: &mut ImageMut<'_, u8>) -> Result<(), Error> {
    halves(&source, destination)?;
    let (width, height) = (source.width(), source.height());
    for (y, out) in destination.rows_mut().enumerate() {
        let rows = around(y, height).map(|y| source.row(y));
        for (x, out) in out.iter_mut().enumerate() {
            let columns = around(x, width);
            let valid = rows.iter().all(|row| columns.iter().all(|&x| row.get(x).is_some_and(|&v| v != 0)));
            *out = if valid { 255 } else { 0 };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    /// Bytes four at a time are as they are one by one.
    #[test]
    fn bytes() {
        let mut state = 1_u32;
        for width in 2..150 {
            let mut next = |_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                [(state >> 24) as u8, 255, 0][(state >> 10) as usize % 3]
            };
            let rows: Vec<u8> = (0..4 * width).map(&mut next).collect();
            let row = |i: usize| &rows[i * width..(i + 1) * width];
            let rows = [row(0), row(1), row(2), row(3)];
            let (mut out, mut expected) = (vec![0; width / 2], vec![0; width / 2]);
            for (block, out) in expected.chunks_mut(BLOCK).enumerate() {
                reduce_block(rows, 2 * block * BLOCK, out);
            }
            reduce_bytes(rows, &mut out);
            assert_eq!(out, expected, "{width}");
        }
    }

    #[test]
    fn a_ramp_keeps_its_place() {
        // Inside, the value at (X, Y) is that of the ramp at (2X + 1/2, 2Y + 1/2).
        let ramp: Vec<u16> = (0..40 * 30).map(|i| (100 * (i % 40) + 1000 * (i / 40)) as u16).collect();
        let mut half = vec![0u16; 20 * 15];
        reduce(Image::new(&ramp, 40, 30).unwrap(), &mut ImageMut::new(&mut half, 20, 15).unwrap()).unwrap();
        for y in 1..14 {
            for x in 1..19 {
                assert_eq!(usize::from(half[y * 20 + x]), 200 * x + 50 + 2000 * y + 500);
            }
        }
    }

    #[test]
    fn impulse_response() {
        let mut image = vec![0u8; 12 * 12];
        image[5 * 12 + 6] = 64;
        let mut half = vec![0u8; 36];
        reduce(Image::new(&image, 12, 12).unwrap(), &mut ImageMut::new(&mut half, 6, 6).unwrap()).unwrap();
        let touched: Vec<_> = (0..36).filter(|&i| half[i] != 0).map(|i| (i % 6, i / 6, half[i])).collect();
        assert_eq!(touched, [(2, 2, 3), (3, 2, 9), (2, 3, 1), (3, 3, 3)]);
    }

    #[test]
    fn constants_and_odd_sizes() {
        for (w, h) in [(2, 2), (3, 2), (5, 7), (31, 2)] {
            let image = vec![[200u8, 7, 255]; w * h];
            let mut half = vec![[0u8; 3]; (w / 2) * (h / 2)];
            reduce(Image::new(&image, w, h).unwrap(), &mut ImageMut::new(&mut half, w / 2, h / 2).unwrap())
                .unwrap();
            assert!(half.iter().all(|p| *p == [200, 7, 255]));
        }
        let image = [i16::MIN, i16::MAX, i16::MIN, i16::MAX];
        let mut half = [0i16; 1];
        reduce(Image::new(&image, 2, 2).unwrap(), &mut ImageMut::new(&mut half, 1, 1).unwrap()).unwrap();
        // -1/2 rounds up.
        assert_eq!(half, [0]);
    }

    #[test]
    fn masks_erode_by_what_the_filter_touches() {
        let mut mask = vec![1u8; 16 * 16];
        mask[7 * 16 + 8] = 0;
        let mut buffer = vec![9u8; buffer_len(16, 16, 2)];
        let pyramid = Pyramid::new_mask(Image::new(&mask, 16, 16).unwrap(), 2, &mut buffer).unwrap();
        let level = pyramid.level(1).unwrap();
        for y in 0..8 {
            for x in 0..8 {
                let mut image = vec![0u16; 256];
                image[7 * 16 + 8] = 64;
                let mut half = vec![0u16; 64];
                reduce(Image::new(&image, 16, 16).unwrap(), &mut ImageMut::new(&mut half, 8, 8).unwrap())
                    .unwrap();
                assert_eq!(level.get(x, y) == Some(0), half[y * 8 + x] != 0);
            }
        }
    }

    #[test]
    fn bad_input() {
        let pixels = [0u8; 16];
        let image = Image::new(&pixels, 4, 4).unwrap();
        assert_eq!(Pyramid::new(image, 0, &mut []).unwrap_err(), Error::InvalidOption);
        assert_eq!(Pyramid::new(image, 4, &mut [0; 99]).unwrap_err(), Error::InvalidOption);
        assert_eq!(Pyramid::new(image, usize::MAX, &mut [0; 99]).unwrap_err(), Error::InvalidOption);
        assert_eq!(Pyramid::new(image, 3, &mut [0; 4]).unwrap_err(), Error::TooShort { needed: 5, found: 4 });
        assert!(Pyramid::new(image, 1, &mut []).is_ok());
    }
}
