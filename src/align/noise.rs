//! What noise there is in two images, and what it does to gradients: for the covariance of an alignment.
#![forbid(unsafe_code)]

use core::ops::Range;

use super::normal::{LevelPair, to};
use super::solve::{SIZE, Symmetric};
use super::word::Word;
use super::{CHUNK, Grey, Interpolation};
use crate::fixed::{Position, Q14};
use crate::image::Image;
use crate::span;
use crate::transform::Transform;
use crate::walk::{Plan, Walk};

/// How many rows, at least, are looked at to tell how steep an image is.
const LOOK: usize = 16;
/// Along a side of the fixed image, the places that stand for all of it.
const PLACES: usize = 16;
/// Powers of offsets in products of two increments.
const POWERS: usize = 5;

/// What the support of a transform is like, from some places all over the fixed image.
pub(super) struct Support {
    /// The part of the variance of white noise that samples of the moving image have, on average: between
    /// pixels less than one.
    pub(super) kept: f64,
    /// The mean of powers of the offset from the centre along x, times such along y.
    moments: [[f64; POWERS]; POWERS],
}

impl Support {
    #[inline(never)]
    pub(super) fn new<P: Grey, N: Plan>(
        pair: &LevelPair<'_, P>,
        plan: N,
        interpolation: Interpolation,
    ) -> Self {
        let (width, height) = (pair.fixed.width(), pair.fixed.height());
        let (to, area) = (to::<P>(), interpolation.area(&pair.moving));
        let valid = |mask: &Option<Image<'_, u8>>, x: usize, y: usize| {
            mask.as_ref().is_none_or(|mask| mask.get(x, y).is_some_and(|v| v != 0))
        };
        let place = |i: usize, side: usize| (2 * i + 1) * side / (2 * PLACES);
        let mut sums = Self { kept: 0.0, moments: [[0.0; POWERS]; POWERS] };
        let mut n = 0.0;
        for i in 0..PLACES * PLACES {
            let (x, y) = (place(i % PLACES, width), place(i / PLACES, height));
            let (walk, _) = plan.run(x, y, 1);
            let position = walk.position(to);
            let [u, v] = position.map(|p| p.cell as usize);
            if span::interior(&walk, 0, 1, to, &area).is_empty()
                || !valid(&pair.fixed_mask, x, y)
                || !valid(&pair.moving_mask, u, v)
            {
                continue;
            }
            n += 1.0;
            let [a, b] = position.map(|p: Position| {
                let squares =
                    interpolation.squares(Q14::from_bits((p.fraction >> (to.bits - Q14::BITS)) as i32));
                f64::from(squares)
            });
            sums.kept += a * b;
            let mut across = 1.0;
            for row in &mut sums.moments {
                let mut power = across;
                for sum in row {
                    *sum += power;
                    power *= y as f64 - (height / 2) as f64;
                }
                across *= x as f64 - (width / 2) as f64;
            }
        }
        if n == 0.0 {
            return Self { kept: 1.0, ..sums };
        }
        let kept = libm::ldexp(sums.kept / n, -56);
        Self { kept, moments: sums.moments.map(|row| row.map(|sum| sum / n)) }
    }

    /// The mean over the pixels of squares and products of what the model's increments move them by along x and along
    /// y: what gradients that are nothing but noise, of variance one along either axis, make of the normal matrix.
    #[inline(never)]
    pub(super) fn squares<T: Transform>(&self) -> Symmetric {
        let mut matrix = Symmetric::ZERO;
        for (i, a) in T::GENERATORS.iter().enumerate().take(SIZE - 2) {
            for (j, b) in T::GENERATORS.iter().enumerate().take(i + 1) {
                let terms = a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
                let sum = terms.fold(0.0, |sum, ((s, k, l), (r, m, n))| {
                    let row = self.moments.get(usize::from(k + m));
                    let mean = row.and_then(|row| row.get(usize::from(l + n))).copied();
                    sum + s * r * mean.unwrap_or(0.0)
                });
                matrix.set(i, j, sum);
            }
        }
        matrix
    }
}

/// Whether a mask lets all pixels of a box count.
fn all_count(mask: &Option<Image<'_, u8>>, columns: Range<usize>, mut rows: Range<usize>) -> bool {
    mask.as_ref().is_none_or(|mask| {
        rows.all(|y| mask.row(y).get(columns.clone()).is_some_and(|row| !row.contains(&0)))
    })
}

/// The variance of the noise of an image, and of what patterns it has that look like noise: the mean square of what is
/// left by the differences of second differences, `(1, -2, 1)` along either axis, of which noise has 36 times its
/// own (Immerkaer 1996).
#[inline(never)]
pub(super) fn high_pass<P: Grey>(image: &Image<'_, P>, mask: &Option<Image<'_, u8>>) -> f64 {
    let (mut squares, mut n) = (0.0, 0_u64);
    for y in 1..image.height().saturating_sub(1) {
        let rows = [y - 1, y, y + 1].map(|y| image.row(y));
        let [above, here, below] = rows.map(|row| row.windows(3));
        let mut sum = 0_i64;
        for (x, ((a, b), c)) in above.zip(here).zip(below).enumerate() {
            if all_count(mask, x..x + 3, y - 1..y + 2) {
                let [a, b, c] = [a, b, c].map(|row| match *row {
                    [left, middle, right] => left.into() - 2 * middle.into() + right.into(),
                    _ => 0,
                });
                let v = i64::from(a - 2 * b + c);
                sum += v * v;
                n += 1;
            }
        }
        squares += sum as f64;
    }
    if n > 0 { squares / (36.0 * n as f64) } else { 0.0 }
}

/// How much steeper an image is than its central differences, on average over these: by differences that
/// are exact for polynomials of degree six, less what noise of a variance makes of both.
#[inline(never)]
pub(super) fn steepness<P: Grey>(image: &Image<'_, P>, mask: &Option<Image<'_, u8>>, variance: f64) -> f64 {
    let height = image.height();
    let (mut squares, mut products, mut n) = (0_i64, 0_i64, 0_i64);
    // In: six pixels of each box of this size that begins in row `top`.
    let mut add = |pixels: [&[P]; 6], [width, height]: [usize; 2], top: usize| {
        let len = pixels.iter().map(|p| p.len()).min().unwrap_or(0);
        let mut begin = 0;
        while begin < len {
            let counts = |x: &usize| all_count(mask, *x..*x + width, top..top + height);
            let end = begin + (begin..len).take(CHUNK).take_while(counts).count();
            let (square, product) = differences(pixels.map(|p| p.get(begin..end).unwrap_or_default()));
            squares += square;
            products += product;
            n += (end - begin) as i64;
            begin = end.max(begin + 1);
        }
    };
    let every = (height / LOOK).max(1);
    for y in (3..height.saturating_sub(3)).step_by(every) {
        let row = image.row(y);
        let last = row.len().saturating_sub(6);
        add([0, 1, 2, 4, 5, 6].map(|x| row.get(x..x + last).unwrap_or_default()), [7, 1], y);
        add([y - 3, y - 2, y - 1, y + 1, y + 2, y + 3].map(|y| image.row(y)), [1, 7], y - 3);
    }
    let (squares, products, n) = (squares as f64 / 4.0, products as f64 / 120.0, n as f64);
    let (own, shared) = (n * variance / 2.0, n * variance * 0.75);
    if squares - own < 0.25 * squares || squares <= 0.0 {
        return 1.0;
    }
    ((products - shared) / (squares - own)).clamp(1.0, 2.0)
}

/// Of at most [`CHUNK`] places with three pixels on either side: the sum of the squares of differences of
/// neighbours, in half grey levels, and of products of those with exacter ones, in 1/120 of a grey level
/// squared.
#[inline(never)]
fn differences<P: Grey>([a, b, c, d, e, f]: [&[P]; 6]) -> (i64, i64) {
    let (mut squares, mut products) = Default::default();
    for (((a, b), c), ((d, e), f)) in a.iter().zip(b).zip(c).zip(d.iter().zip(e).zip(f)) {
        let [a, b, c, d, e, f]: [i32; 6] = [*a, *b, *c, *d, *e, *f].map(Into::into);
        let one = P::Word::new(d - c);
        squares = P::Word::add(squares, one, one);
        products = P::Word::add(products, one, P::Word::new(45 * (d - c) - 9 * (e - b) + (f - a)));
    }
    (squares.into(), products.into())
}
