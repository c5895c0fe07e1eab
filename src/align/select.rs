//! Which pixels of the fixed image are looked at: those that say most, spread over all of it.
//!
//! In: the fixed image of a level, its mask, and how many eighths of its pixels to take. Out: a map, for
//! the passes to skip what it leaves out.
//!
//! **Definition.** A block is [`UNIT`] by [`ROWS`] pixels, and each of its rows has as energy the sum of the
//! squares of the central differences along x and y of its pixels (zero across the image's border, as
//! everywhere in alignment; pixels under the mask left out). Of every block so many eighths of its rows are
//! taken, rounded up: those of the largest energy, and of equal ones the upper.
#![forbid(unsafe_code)]

use core::ops::Range;

use super::word::Word;
use super::{CHUNK, Grey, Options};
use crate::image::{Image, ImageMut};
use crate::pyramid::level_size;
use crate::simd::{Lanes, Operation};

/// Columns of a block.
pub(super) const UNIT: usize = CHUNK / 2;
/// Rows of a block, each of which has a bit in the map.
const ROWS: usize = 8;
/// The fewest pixels to select some from.
const LEAST: usize = 1 << 10;

/// The sides of the map of an image.
const fn map_size((width, height): (usize, usize)) -> (usize, usize) {
    (width.div_ceil(UNIT), height.div_ceil(ROWS))
}

/// What the maps of the first so many levels of an image take.
pub(super) const fn maps_len(width: usize, height: usize, levels: usize) -> usize {
    let (mut sum, mut level) = (0_usize, 0);
    while level < levels {
        let (w, h) = map_size(level_size(width, height, level));
        sum = sum.saturating_add(w.saturating_mul(h));
        level += 1;
    }
    sum
}

/// How many eighths of the pixels of an image are looked at.
pub(super) fn eighths(options: &Options, width: usize, height: usize) -> u32 {
    let eighths = libm::ceil(options.selection * ROWS as f64) as u32;
    if eighths as usize * width * height < ROWS * LEAST { ROWS as u32 } else { eighths }
}

/// How many pixels of an image of this size are looked at, but for the last rows.
pub(super) fn pixels(options: &Options, width: usize, height: usize) -> f64 {
    (width * height) as f64 * f64::from(eighths(options, width, height)) / ROWS as f64
}

/// Whether some options leave pixels out of an image of this size.
pub(super) fn selects(options: &Options, width: usize, height: usize) -> bool {
    eighths(options, width, height) < ROWS as u32
}

/// The map of a level, where the maps of all begin.
pub(super) fn map<'a, P>(
    maps: &'a [P],
    (width, height): (usize, usize),
    level: usize,
) -> Option<Image<'a, P>> {
    let (w, h) = map_size(level_size(width, height, level));
    Image::new(maps.get(maps_len(width, height, level)..)?.get(..w * h)?, w, h).ok()
}

/// The same, to be written.
pub(super) fn map_mut<P>(
    maps: &mut [P],
    (width, height): (usize, usize),
    level: usize,
) -> Option<ImageMut<'_, P>> {
    let (w, h) = map_size(level_size(width, height, level));
    ImageMut::new(maps.get_mut(maps_len(width, height, level)..)?.get_mut(..w * h)?, w, h).ok()
}

/// The aligned chunks of a stretch of row `y`, so that it is cut at the same places wherever it begins, as
/// far as a map takes them.
#[inline(always)]
pub(super) fn chunks<P: Grey>(
    selected: Option<Image<'_, P>>,
    y: usize,
    range: Range<usize>,
) -> impl Iterator<Item = Range<usize>> {
    let row = selected.map(|map| map.row(y / ROWS));
    let taken = move |unit: usize| {
        row.is_none_or(|row| {
            let bits: i32 = row.get(unit).map_or(0, |&bits| bits.into());
            bits >> (y % ROWS) & 1 != 0
        })
    };
    let mut begin = range.start;
    core::iter::from_fn(move || {
        while begin < range.end {
            let first = begin - begin % CHUNK;
            let (middle, end) = (first + UNIT, (first + CHUNK).min(range.end));
            let chunk = match [taken(first / UNIT), taken(middle / UNIT)] {
                [true, true] => begin..end,
                [true, false] => begin..end.min(middle),
                [false, true] => begin.max(middle)..end,
                [false, false] => end..end,
            };
            begin = end;
            if !chunk.is_empty() {
                return Some(chunk);
            }
        }
        None
    })
}

/// Makes a map.
pub(super) struct Select<'a, P> {
    pub(super) fixed: Image<'a, P>,
    pub(super) mask: Option<Image<'a, u8>>,
    pub(super) eighths: u32,
    pub(super) map: ImageMut<'a, P>,
}

impl<P: Grey> Operation for Select<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let (width, height) = (self.fixed.width(), self.fixed.height());
        for (block, top) in (0..height).step_by(ROWS).enumerate() {
            let rows = ROWS.min(height - top);
            let most = (self.eighths as usize * rows).div_ceil(ROWS);
            for (unit, left) in (0..width).step_by(UNIT).enumerate() {
                let mut energies = [0; ROWS];
                for (j, energy) in energies.iter_mut().enumerate().take(rows) {
                    *energy = self.energy(top + j, left..(left + UNIT).min(width));
                }
                let mut bits = 0_u8;
                for (j, energy) in energies.iter().enumerate().take(rows) {
                    let before = |(i, other): (usize, &i64)| other > energy || (other == energy && i < j);
                    let rank = energies.iter().enumerate().take(rows).filter(|&other| before(other)).count();
                    bits |= u8::from(rank < most) << j;
                }
                if let Some(entry) = self.map.get_mut(unit, block) {
                    *entry = bits.into();
                }
            }
        }
    }
}

impl<P: Grey> Select<'_, P> {
    /// The energy of a stretch of row `y`.
    #[inline(always)]
    fn energy(&self, y: usize, columns: Range<usize>) -> i64 {
        let (fixed, height) = (&self.fixed, self.fixed.height());
        let mask = self.mask.map(|mask| mask.row(y));
        let mut sum = <P::Word as Word>::Sum::default();
        let mut add = |first: usize, a: &[P], b: &[P]| {
            for (k, (&a, &b)) in a.iter().zip(b).enumerate() {
                let difference = P::Word::new(Into::<i32>::into(b) - Into::<i32>::into(a));
                let counts = mask.is_none_or(|mask| mask.get(first + k).is_some_and(|&v| v != 0));
                let difference = if counts { difference } else { P::Word::default() };
                sum = P::Word::add(sum, difference, difference);
            }
        };
        let row = |y: usize, columns: Range<usize>| fixed.row(y).get(columns).unwrap_or_default();
        let (from, to) = (columns.start.max(1), columns.end.min(fixed.width() - 1));
        if from < to {
            add(from, row(y, from - 1..to - 1), row(y, from + 1..to + 1));
        }
        if y > 0 && y + 1 < height {
            add(columns.start, row(y - 1, columns.clone()), row(y + 1, columns));
        }
        sum.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Level;
    use std::vec;
    use std::vec::Vec;

    fn image(width: usize, height: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut pixels = Vec::new();
        for i in 0..width * height {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Flat in places, so that energies are equal there.
            pixels.push(if i / 5 % 3 == 0 { 7 } else { (state >> 24) as u8 });
        }
        pixels
    }

    /// Which pixels are taken, by the definition.
    fn defined(
        pixels: &[u8],
        (width, height): (usize, usize),
        mask: Option<&[u8]>,
        eighths: usize,
    ) -> Vec<bool> {
        let at = |x: usize, y: usize| i64::from(pixels[y * width + x]);
        let energy = |x0: usize, y: usize| -> i64 {
            (x0..(x0 + 32).min(width))
                .filter(|x| mask.is_none_or(|mask| mask[y * width + x] != 0))
                .map(|x| {
                    let gx = if x == 0 || x == width - 1 { 0 } else { at(x + 1, y) - at(x - 1, y) };
                    let gy = if y == 0 || y == height - 1 { 0 } else { at(x, y + 1) - at(x, y - 1) };
                    gx * gx + gy * gy
                })
                .sum()
        };
        let mut taken = vec![false; width * height];
        for y0 in (0..height).step_by(8) {
            for x0 in (0..width).step_by(32) {
                let mut rows: Vec<usize> = (y0..(y0 + 8).min(height)).collect();
                let most = (rows.len() * eighths).div_ceil(8);
                rows.sort_by_key(|&y| (-energy(x0, y), y));
                for &y in &rows[..most] {
                    (x0..(x0 + 32).min(width)).for_each(|x| taken[y * width + x] = true);
                }
            }
        }
        taken
    }

    #[test]
    fn maps_are_their_definition() {
        for size in [(1, 1), (31, 8), (33, 9), (64, 64), (97, 61), (150, 3)] {
            let (width, height) = size;
            let pixels = image(width, height);
            let mask: Vec<u8> = (0..width * height).map(|i| u8::from(i % 7 > 2)).collect();
            for eighths in 1..8 {
                for mask in [None, Some(&mask[..])] {
                    for level in Level::available() {
                        let mut maps = vec![0; maps_len(width, height, 1)];
                        let view = |pixels| Image::new(pixels, width, height).unwrap();
                        level.run(Select {
                            fixed: view(&pixels),
                            mask: mask.map(view),
                            eighths,
                            map: map_mut(&mut maps, size, 0).unwrap(),
                        });
                        let expected = defined(&pixels, size, mask, eighths as usize);
                        for y in 0..height {
                            for range in [0..width, 1..width, width / 3..width - width / 4] {
                                let mut taken = vec![false; width];
                                for chunk in chunks(map(&maps, size, 0), y, range.clone()) {
                                    assert_eq!(chunk.start / CHUNK, (chunk.end - 1) / CHUNK);
                                    chunk.for_each(|x| taken[x] = true);
                                }
                                for x in 0..width {
                                    let expected = range.contains(&x) && expected[y * width + x];
                                    assert_eq!(taken[x], expected, "{size:?} {eighths} {x} {y}");
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
