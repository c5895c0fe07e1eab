//! What lies outside of an image: the only place that knows.
//!
//! In: the index of a tap along one axis, any `i32`, and the side of the image. Out: the index of
//! the pixel that stands for it, or that there is none. A boundary acts on tap indices, never on
//! the coordinate, so a kernel near the border sees exactly the extended image.
//!
//! | here | OpenCV | SciPy | PyTorch `grid_sample` | MONAI |
//! |---|---|---|---|---|
//! | `Constant` | `BORDER_CONSTANT` | `grid-constant` | `zeros` | `zero` |
//! | `Replicate` | `BORDER_REPLICATE` | `nearest` | `border` (acts on the coordinate) | `replicate` |
//! | `Reflect` | `BORDER_REFLECT` | `reflect`, `grid-mirror` | `reflection`, corners not aligned (acts on the coordinate) | `dct2` |
//! | `Reflect101` | `BORDER_REFLECT_101` | `mirror` | `reflection`, corners aligned (acts on the coordinate) | `dct1` |
//! | `Wrap` | `BORDER_WRAP` | `grid-wrap` | | `dft` |
//! | `Transparent` | `BORDER_TRANSPARENT` | | | |
//!
//! A `Patch` is a copy of a small part of the image so extended, for blocks of pixels that stick out:
//! there they are drawn as in the interior.
#![forbid(unsafe_code)]

use crate::image::{Image, Tap};
use crate::kernel::Channel;
use crate::sample::Source;

/// What stands for the pixels outside of the source. For an image `abcd`:
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Boundary<P> {
    /// `vv|abcd|vv`: one value, per channel.
    Constant(P),
    /// `aa|abcd|dd`: the nearest pixel of the image.
    Replicate,
    /// `ba|abcd|dc`: mirrored at the outer edge.
    Reflect,
    /// `cb|abcd|cb`: mirrored at the centre of the last pixel.
    Reflect101,
    /// `cd|abcd|ab`: repeated.
    Wrap,
    /// The destination pixel is left as it is, if a tap of non-zero weight is outside.
    Transparent,
}

impl<P> Boundary<P> {
    /// Whether what is outside is made of pixels of the image.
    #[inline(always)]
    pub(crate) const fn folds(&self) -> bool {
        !matches!(self, Boundary::Constant(_) | Boundary::Transparent)
    }

    /// The pixel that stands for index `i` along a side of `n` pixels, or `None` where there is
    /// none (`Constant`, `Transparent`).
    #[inline]
    pub(crate) fn index(&self, i: i32, n: i32) -> Option<i32> {
        if 0 <= i && i < n {
            return Some(i);
        }
        // i may be near the ends of i32: everything below stays inside.
        match self {
            Boundary::Constant(_) | Boundary::Transparent => None,
            Boundary::Replicate => Some(i.clamp(0, n.max(1) - 1)),
            Boundary::Wrap => Some(modulo(i, n)),
            Boundary::Reflect => {
                let j = modulo(i, 2 * n);
                Some(if j < n { j } else { 2 * n - 1 - j })
            }
            Boundary::Reflect101 => {
                if n <= 1 {
                    return Some(0);
                }
                let j = modulo(i, 2 * n - 2);
                Some(if j < n { j } else { 2 * n - 2 - j })
            }
        }
    }
}

/// The remainder in `0..n`, for `n > 0`.
#[inline]
fn modulo(i: i32, n: i32) -> i32 {
    i.checked_rem_euclid(n).unwrap_or(0)
}

/// Pixels that a [`Patch`] holds.
const PATCH: usize = 512;
/// Pixels that are copied at a time.
const CHUNK: usize = 32;

/// A small part of an extended image.
pub(crate) struct Patch<P> {
    /// With room for what chunks are longer than rows.
    pixels: [P; PATCH + 2 * CHUNK],
    width: usize,
    origin: [i32; 2],
}

impl<P: Tap> Patch<P> {
    /// Widths, in the order in which they are tried.
    const WIDTHS: [usize; 3] = [32, 64, 16];

    /// With nothing in it.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { pixels: [P::zero(); PATCH + 2 * CHUNK], width: CHUNK, origin: [0; 2] }
    }

    /// As an image.
    #[inline(always)]
    pub(crate) fn image(&self) -> Option<Image<'_, P>> {
        Image::new(&self.pixels, self.width, PATCH / self.width.max(1)).ok()
    }

    /// Where its first pixel is in the extended image.
    #[inline(always)]
    pub(crate) fn origin(&self) -> [i32; 2] {
        self.origin
    }

    /// Copies the pixels from `min` to `max`. False, if they do not fit, or if one may not compute with
    /// copies: where the boundary is transparent, or so constant that sums would change it.
    #[inline(never)]
    pub(crate) fn copy(&mut self, source: &Source<'_, P>, min: [i32; 2], max: [i32; 2]) -> bool {
        let (image, boundary) = (&source.image, &source.boundary);
        let constant = match boundary {
            Boundary::Transparent => return false,
            Boundary::Constant(v) => {
                if !P::flatten(core::slice::from_ref(v)).iter().all(|v| v.is_kept()) {
                    return false;
                }
                Some([*v; CHUNK])
            }
            _ => None,
        };
        // Far enough from the ends of i32 that nothing below overflows.
        let near = |v: i32| v.unsigned_abs() < 1 << 30;
        if !min.iter().chain(&max).all(|&v| near(v)) {
            return false;
        }
        let [columns, rows] = [max[0] - min[0] + 1, max[1] - min[1] + 1];
        let fits = |width: &usize| columns <= *width as i32 && rows <= (PATCH / *width) as i32;
        let Some(&width) = Self::WIDTHS.iter().find(|width| fits(width)) else { return false };
        (self.width, self.origin) = (width, min);
        let (w, h) = (image.width() as i32, source.height as i32);
        // Of these columns those from `begin` to `end` are inside.
        let begin = (-min[0]).clamp(0, columns.max(0));
        let end = (w - min[0]).clamp(begin, columns.max(begin));
        let mut index = [0_usize; PATCH / 8];
        if constant.is_none() {
            for (column, index) in index.iter_mut().enumerate().take(columns.max(0) as usize) {
                *index = boundary.index(min[0] + column as i32, w).unwrap_or(0) as usize;
            }
        }
        let (columns, begin, end) = (columns as usize, begin as usize, end as usize);
        let outside = || (0..begin).chain(end..columns);
        for row in 0..rows {
            let to = self.pixels.get_mut(row as usize * width..).unwrap_or_default();
            let y = boundary.index(min[1] + row + source.above as i32, h).map(|y| y - source.above as i32);
            if y.is_some_and(|y| y < 0 || y >= image.height() as i32) {
                return false;
            }
            let line = y.map_or(&[][..], |y| image.row(y as usize));
            match (&constant, y) {
                (Some(constant), None) => chunks(to, 0..columns, constant),
                (Some(constant), _) => {
                    chunks(to, 0..begin, constant);
                    inner(to, begin..end, image, min[0], y);
                    chunks(to, end..columns, constant);
                }
                (None, _) => {
                    inner(to, begin..end, image, min[0], y);
                    for column in outside() {
                        let from = index.get(column).and_then(|&i| line.get(i));
                        if let (Some(to), Some(from)) = (to.get_mut(column), from) {
                            *to = *from;
                        }
                    }
                }
            }
        }
        true
    }
}

/// Fills at least the columns of a range, which may be empty.
#[inline(always)]
fn chunks<P: Copy>(row: &mut [P], columns: core::ops::Range<usize>, pixels: &[P; CHUNK]) {
    for column in columns.step_by(CHUNK) {
        if let Some(to) = row.get_mut(column..).and_then(|to| to.first_chunk_mut()) {
            *to = *pixels;
        }
    }
}

/// Copies the columns of a range from row `y` of an image, that begins `first` columns to the right,
/// and perhaps some more.
#[inline(always)]
fn inner<P: Tap>(
    row: &mut [P],
    columns: core::ops::Range<usize>,
    image: &Image<'_, P>,
    first: i32,
    y: Option<i32>,
) {
    let Some(y) = y else { return };
    let line = image.elements().get(y as usize * image.stride()..).unwrap_or_default();
    for column in columns.clone().step_by(CHUNK) {
        let from = line.get((first + column as i32) as usize..).unwrap_or_default();
        let to = row.get_mut(column..).unwrap_or_default();
        if let (Some(from), Some(to)) = (from.first_chunk::<CHUNK>(), to.first_chunk_mut()) {
            *to = *from;
        } else {
            // Where the image ends.
            for (to, from) in to.iter_mut().zip(from).take(columns.end - column) {
                *to = *from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Boundary::{self, *};
    use super::{Image, Patch};
    use crate::sample::Source;
    use std::string::String;
    use std::vec::Vec;

    fn row(boundary: Boundary<char>, word: &str) -> String {
        let letters: Vec<char> = word.chars().collect();
        let n = letters.len() as i32;
        let letter = |i| boundary.index(i, n).map_or('-', |i| letters[i as usize]);
        (-2 * n..3 * n).map(letter).collect()
    }

    #[test]
    fn pictures() {
        assert_eq!(row(Constant('v'), "abc"), "------abc------");
        assert_eq!(row(Transparent, "abc"), "------abc------");
        assert_eq!(row(Replicate, "abc"), "aaaaaaabccccccc");
        assert_eq!(row(Reflect, "abc"), "abccbaabccbaabc");
        assert_eq!(row(Reflect101, "abc"), "cbabcbabcbabcba");
        assert_eq!(row(Wrap, "abc"), "abcabcabcabcabc");
        assert_eq!(row(Reflect101, "a"), "aaaaa");
        assert_eq!(row(Reflect, "a"), "aaaaa");
    }

    /// Every pixel of a patch is what the boundary says, wherever it lies.
    #[test]
    fn patches() {
        let pixels: Vec<u16> = (1..=50 * 9).collect();
        for (width, stride) in [(1, 1), (5, 7), (33, 50), (50, 50)] {
            let image = Image::with_stride(&pixels[..8 * stride + width], width, 9, stride).unwrap();
            for boundary in [Constant(7), Replicate, Reflect, Reflect101, Wrap] {
                for size in [[1, 1], [3, 16], [32, 16], [33, 8], [64, 3], [9, 32]] {
                    for x in [-100, -64, -20, -1, 0, 1, 3, 20, 49, 100] {
                        for y in [-40, -5, 0, 2, 8, 30] {
                            let mut patch = Patch::new();
                            let max = [x + size[0] - 1, y + size[1] - 1];
                            assert!(patch.copy(&Source::new(image, boundary), [x, y], max));
                            let [left, top] = patch.origin();
                            for (i, j) in (0..size[0]).flat_map(|i| (0..size[1]).map(move |j| (x + i, y + j)))
                            {
                                let expected = match (boundary.index(i, width as i32), boundary.index(j, 9)) {
                                    (Some(i), Some(j)) => image.get(i as usize, j as usize),
                                    _ => Some(7),
                                };
                                let found =
                                    patch.image().unwrap().get((i - left) as usize, (j - top) as usize);
                                assert_eq!(found, expected, "{boundary:?} {size:?} ({i}, {j})");
                            }
                        }
                    }
                }
            }
        }
    }

    /// What does not fit or may not be copied is refused.
    #[test]
    fn no_patches() {
        let image = Image::new(&[1.0_f32; 4], 2, 2).unwrap();
        let copy = |boundary, min, max| Patch::new().copy(&Source::new(image, boundary), min, max);
        assert!(copy(Replicate, [-3, -3], [28, 12]));
        assert!(!copy(Replicate, [-3, -3], [29, 12]));
        assert!(!copy(Replicate, [-3, -3], [61, -3]));
        assert!(!copy(Wrap, [i32::MIN; 2], [i32::MAX; 2]));
        assert!(!copy(Transparent, [0; 2], [1; 2]));
        for (constant, kept) in
            [(0.0, true), (-0.0, false), (3.5, true), (f32::NAN, false), (f32::INFINITY, false)]
        {
            assert_eq!(copy(Constant(constant), [-1; 2], [1; 2]), kept);
        }
    }

    #[test]
    fn ends_of_i32() {
        for boundary in [Replicate, Reflect, Reflect101, Wrap] as [Boundary<u8>; 4] {
            for n in [1, 2, 3, 32_767] {
                for i in [i32::MIN, i32::MIN + 1, i32::MAX] {
                    assert!((0..n).contains(&boundary.index(i, n).unwrap()));
                }
            }
        }
    }
}
