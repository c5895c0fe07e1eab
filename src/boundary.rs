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
#![forbid(unsafe_code)]

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
    let r = i.checked_rem(n).unwrap_or(0);
    if r < 0 { r + n } else { r }
}

#[cfg(test)]
mod tests {
    use super::Boundary::{self, *};
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
