//! Sums over rectangles of bytes. Here are the plain loops, which say what they are; `arm_sums` has them for
//! the DSP extension.
#![forbid(unsafe_code)]

#[cfg(dsp)]
pub(crate) use super::arm_sums::{distance, halve, moments, pairs, products, reduce_fours};

/// The most columns of a rectangle that is multiplied with another one.
pub(crate) const STRIP: usize = 64;

/// The most pixels of a rectangle of [`pairs`].
pub(crate) const PAIRS: usize = 1 << 16;

/// Pixels, and how many there are from row to row.
pub(crate) type Rows<'a> = (&'a [u8], usize);

/// What [`products`] adds to.
#[derive(Default)]
pub(crate) struct Products {
    /// Of fixed pixels, and of their squares.
    pub fixed: [u32; 2],
    /// Of fixed pixels, and of their differences along x and y, with moving ones: with the upper left one of
    /// 2x2, the upper right one, and both below.
    pub moving: [[i32; 3]; 4],
}

/// Whether so many columns, at least four, and rows are there.
#[inline(always)]
pub(super) fn holds((pixels, stride): Rows<'_>, [width, height]: [usize; 2]) -> bool {
    let last = height.checked_sub(1).and_then(|rows| rows.checked_mul(stride)?.checked_add(width));
    width >= 4 && last.is_some_and(|n| n <= pixels.len())
}

/// The pixels from one on.
#[inline(always)]
fn at<'a>((pixels, stride): Rows<'a>, x: usize, y: usize) -> &'a [u8] {
    pixels.get(y * stride + x..).unwrap_or_default()
}

/// Means of 2x2 pixels, first of columns, then of rows, each rounded down: so many columns and rows, one
/// after the other.
#[cfg(not(dsp))]
pub(crate) fn halve(from: Rows<'_>, to: &mut [u8], size: [usize; 2]) {
    means(from, to, size, 0);
}

/// The columns from `first` on of that.
pub(super) fn means(from: Rows<'_>, to: &mut [u8], [width, height]: [usize; 2], first: usize) {
    if first == width {
        return;
    }
    for y in 0..height {
        let out = to.get_mut(y * width..(y + 1) * width).unwrap_or_default();
        let [upper, lower] = [0, 1].map(|j| at(from, 2 * first, 2 * y + j).as_chunks::<2>().0);
        for (out, (&[a, b], &[c, d])) in out.iter_mut().skip(first).zip(upper.iter().zip(lower)) {
            *out = a.midpoint(c).midpoint(b.midpoint(d));
        }
    }
}

/// Adds the sums of so many columns (a multiple of four, at most [`STRIP`]) and rows: of fixed pixels, and of
/// the products of them and of their central differences (twice the gradient) with moving ones. What is given
/// of the fixed pixels begins one row above and one column left of the first.
#[cfg(not(dsp))]
#[inline(never)]
pub(crate) fn products(fixed: Rows<'_>, moving: Rows<'_>, [width, height]: [usize; 2], sums: &mut Products) {
    let inside = holds(fixed, [width + 2, height + 2]) && holds(moving, [width + 1, height + 1]);
    if !inside || !(4..=STRIP).contains(&width) {
        return;
    }
    let mut factors = [[0_i16; STRIP]; 3];
    for y in 0..height {
        let [pixels, along_x, along_y] = &mut factors;
        let [here, left, right] = [1, 0, 2].map(|x| at(fixed, x, y + 1).iter().map(|&v| i16::from(v)));
        let [above, below] = [0, 2].map(|j| at(fixed, 1, y + j).iter().map(|&v| i16::from(v)));
        let out = pixels.iter_mut().zip(along_x).zip(along_y).take(width);
        let taps = here.zip(left.zip(right)).zip(above.zip(below));
        for (((pixel, x), y), ((here, (left, right)), (above, below))) in out.zip(taps) {
            (*pixel, *x, *y) = (here, right - left, below - above);
        }
        for t in factors[0].iter().take(width).map(|&t| u32::from(t as u16)) {
            sums.fixed = [sums.fixed[0] + t, sums.fixed[1] + t * t];
        }
        for (i, sums) in sums.moving.iter_mut().enumerate() {
            for (sum, factors) in sums.iter_mut().zip(&factors) {
                for (&v, &m) in factors.iter().zip(at(moving, i % 2, y + i / 2)).take(width) {
                    *sum += i32::from(v) * i32::from(i16::from(m));
                }
            }
        }
    }
}

/// The sum of so many columns (a multiple of four) and rows of pixels, and that of their squares.
#[cfg(not(dsp))]
#[inline(never)]
pub(crate) fn moments(pixels: Rows<'_>, [width, height]: [usize; 2]) -> [u32; 2] {
    let mut sums = [0; 2];
    if holds(pixels, [width, height]) {
        for y in 0..height {
            for v in at(pixels, 0, y).iter().take(width).map(|&v| u32::from(v)) {
                sums = [sums[0] + v, sums[1] + v * v];
            }
        }
    }
    sums
}

/// The sum of the absolute differences of two rectangles of so many columns (at least four) and rows; or of
/// their upper rows only, once that is not below the limit.
#[cfg(not(dsp))]
#[inline(never)]
pub(crate) fn distance([a, b]: [&[u8]; 2], stride: usize, [width, height]: [usize; 2], limit: u32) -> u32 {
    if !(holds((a, stride), [width, height]) && holds((b, stride), [width, height])) {
        return limit;
    }
    let mut sum = 0;
    for y in 0..height {
        let [a, b] = [a, b].map(|pixels| at((pixels, stride), 0, y).iter());
        sum += a.zip(b).take(width).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum::<u32>();
        if sum >= limit {
            break;
        }
    }
    sum
}

/// The sums of a, b, a a, a b and b b for the pixels a and b of two rectangles of so many columns and rows, at
/// most [`PAIRS`] pixels each.
#[cfg(not(dsp))]
#[inline(never)]
pub(crate) fn pairs(rows: [Rows<'_>; 2], size: [usize; 2]) -> [u32; 5] {
    single_pairs(rows, size)
}

/// The same, pixel by pixel.
#[inline(never)]
pub(super) fn single_pairs([a, b]: [Rows<'_>; 2], [width, height]: [usize; 2]) -> [u32; 5] {
    let [mut t, mut m, mut tt, mut tm, mut mm] = [0_u32; 5];
    for y in 0..height {
        for (&a, &b) in at(a, 0, y).iter().zip(at(b, 0, y)).take(width) {
            let (a, b) = (u32::from(a), u32::from(b));
            (t, m) = (t + a, m + b);
            (tt, tm, mm) = (tt + a * a, tm + a * b, mm + b * b);
        }
    }
    [t, m, tt, tm, mm]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Pixels that are anything, or extreme.
    fn pixels(seed: u64, n: usize) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 40) as u8
        };
        let extreme = |v: u8| if v & 1 == 0 { 0 } else { 255 };
        (0..n).map(|_| if seed.is_multiple_of(3) { extreme(next()) } else { next() }).collect()
    }

    #[test]
    fn products_are_those_of_single_pixels() {
        for seed in 0..60_usize {
            let (width, height) = (4 + 4 * (seed % 16), if seed == 9 { 512 } else { 1 + seed % 7 });
            let strides = [width + 2 + seed % 3, width + 1 + seed % 5];
            let [t, m] = [(0, 2), (1, 1)].map(|(i, border)| {
                let n = strides[i] * (height + border - 1) + width + border;
                pixels(seed as u64 + 60 * i as u64, n)
            });
            let mut sums = Products::default();
            products((&t, strides[0]), (&m, strides[1]), [width, height], &mut sums);

            let (mut fixed, mut moving) = ([0_i64; 2], [[0_i64; 3]; 4]);
            for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
                let t = |i: usize, j: usize| i64::from(t[(y + j) * strides[0] + x + i]);
                let factors = [t(1, 1), t(2, 1) - t(0, 1), t(1, 2) - t(1, 0)];
                fixed = [fixed[0] + factors[0], fixed[1] + factors[0] * factors[0]];
                for (k, sums) in moving.iter_mut().enumerate() {
                    let m = i64::from(m[(y + k / 2) * strides[1] + x + k % 2]);
                    for (sum, factor) in sums.iter_mut().zip(factors) {
                        *sum += factor * m;
                    }
                }
            }
            assert_eq!((sums.fixed.map(i64::from), sums.moving.map(|s| s.map(i64::from))), (fixed, moving));
        }
    }

    #[test]
    fn others_are_those_of_single_pixels() {
        for seed in 0..60_usize {
            let [width, height] = [4 + seed % 21, 1 + seed % 9];
            let stride = 2 * width + seed % 4;
            let a = pixels(seed as u64, stride * 2 * height);
            let b = pixels(seed as u64 + 70, stride * height);
            let at = |of: &[u8], x: usize, y: usize| u32::from(of[y * stride + x]);
            let places = || (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));

            let whole = width & !3;
            let expected = places()
                .filter(|&(x, _)| x < whole)
                .fold([0; 2], |[sum, squares], (x, y)| [sum + at(&a, x, y), squares + at(&a, x, y).pow(2)]);
            assert_eq!(moments((&a, stride), [whole, height]), expected);

            let differences: Vec<u32> = places().map(|(x, y)| at(&a, x, y).abs_diff(at(&b, x, y))).collect();
            let sum = differences.iter().sum();
            assert_eq!(distance([&a, &b], stride, [width, height], u32::MAX), sum);
            // As soon as the limit is reached, by whole rows.
            let mut rows = differences.chunks(width).scan(0, |sum, row| {
                *sum += row.iter().sum::<u32>();
                Some(*sum)
            });
            let expected = rows.find(|&v| v >= sum / 2).unwrap_or(sum);
            assert_eq!(distance([&a, &b], stride, [width, height], sum / 2), expected);

            let sum = |of: fn([u32; 2]) -> u32| {
                places().map(|(x, y)| of([at(&a, x, y), at(&b, x, y)])).sum::<u32>()
            };
            let sums = pairs([(&a, stride), (&b, stride)], [width, height]);
            let expected = [
                sum(|[a, _]| a),
                sum(|[_, b]| b),
                sum(|[a, _]| a * a),
                sum(|[a, b]| a * b),
                sum(|[_, b]| b * b),
            ];
            assert_eq!(sums, expected);

            let mut halves = std::vec![0; width * height];
            halve((&a, stride), &mut halves, [width, height]);
            for (x, y) in places() {
                let mean = |x| at(&a, x, 2 * y).midpoint(at(&a, x, 2 * y + 1));
                assert_eq!(u32::from(halves[y * width + x]), mean(2 * x).midpoint(mean(2 * x + 1)));
            }
        }
    }
}
