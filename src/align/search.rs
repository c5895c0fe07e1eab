//! The coarse search: correlation of the smallest level at whole-pixel shifts and at turns.
#![forbid(unsafe_code)]

use super::Grey;
use super::normal::LevelPair;
use crate::fixed::Rounding;
use crate::transform::{Matrix, Transform, multiply};
use crate::walk::{Plan, Walk};

/// The most pixels that all comparisons together look at.
const BUDGET: usize = 1 << 24;

/// The largest shifts along each axis and the largest turn to compare: `part` of the sides of the fixed
/// image, and `rotation` radians in units of [`turned`]; less where that would take too many comparisons.
pub(super) fn range<P>(pair: &LevelPair<'_, P>, part: f64, rotation: f64) -> [i32; 3] {
    let (width, height) = (pair.fixed.width(), pair.fixed.height());
    let [mut x, mut y] = [width, height].map(|side| libm::round(side as f64 * part) as usize);
    // At most 2^16 or so, as images go.
    let mut turns = libm::ceil(rotation / unit(pair)) as usize;
    loop {
        let comparisons = [x, y, turns].iter().fold(1_usize, |n, r| n.saturating_mul(2 * r + 1));
        if comparisons.saturating_mul(width * height) <= BUDGET || comparisons == 1 {
            return [x, y, turns].map(|r| r as i32);
        }
        let largest = if x >= y && x >= turns {
            &mut x
        } else if y >= turns {
            &mut y
        } else {
            &mut turns
        };
        *largest /= 2;
    }
}

/// The angle by which the corners of the fixed image move two pixels.
fn unit<P>(pair: &LevelPair<'_, P>) -> f64 {
    4.0 / libm::hypot(pair.fixed.width() as f64, pair.fixed.height() as f64)
}

/// A transform after a turn about the centre of the fixed image, by so many units.
pub(super) fn turned<P>(pair: &LevelPair<'_, P>, matrix: &Matrix, units: f64) -> Matrix {
    let (sine, cosine) = libm::sincos(units * unit(pair));
    let [x, y] = [pair.fixed.width(), pair.fixed.height()].map(|side| (side as f64 - 1.0) / 2.0);
    let (dx, dy) = (x - cosine * x + sine * y, y - sine * x - cosine * y);
    multiply(matrix, &[cosine, -sine, dx, sine, cosine, dy, 0.0, 0.0, 1.0])
}

/// The correlation of fixed and moving at the nearest pixels to `T x`, or `None` if fewer than half of
/// the fixed pixels that count meet a moving one, or nothing varies.
pub(super) fn correlation<P: Grey, T: Transform>(pair: &LevelPair<'_, P>, transform: &T) -> Option<f64> {
    let plan = transform.plan();
    let (width, height) = (pair.fixed.width(), pair.fixed.height());
    let (mut counted, mut n) = (0_i128, 0_i128);
    let [mut t, mut m, mut tt, mut tm, mut mm] = [0_i128; 5];
    let valid = |mask: &Option<crate::Image<'_, u8>>, x: usize, y: usize| {
        mask.as_ref().is_none_or(|mask| mask.get(x, y).is_some_and(|v| v != 0))
    };
    for y in 0..height {
        let row = pair.fixed.row(y);
        // Sums of a row fit: 2^15 products of 2^32.
        let [mut rt, mut rm, mut rtt, mut rtm, mut rmm] = [0_i64; 5];
        for (start, mut walk, len) in plan.row(y, width) {
            for (x, &fixed) in row.iter().enumerate().skip(start).take(len) {
                let [u, v] = walk.position(Rounding::half_up(0)).map(|p| p.cell);
                walk.step();
                if !valid(&pair.fixed_mask, x, y) {
                    continue;
                }
                counted += 1;
                let (Ok(u), Ok(v)) = (usize::try_from(u), usize::try_from(v)) else { continue };
                let Some(moving) = pair.moving.get(u, v) else { continue };
                if !valid(&pair.moving_mask, u, v) {
                    continue;
                }
                let (a, b): (i32, i32) = (fixed.into(), moving.into());
                let (a, b) = (i64::from(a), i64::from(b));
                rt += a;
                rm += b;
                rtt += a * a;
                rtm += a * b;
                rmm += b * b;
                n += 1;
            }
        }
        for (sum, row) in [(&mut t, rt), (&mut m, rm), (&mut tt, rtt), (&mut tm, rtm), (&mut mm, rmm)] {
            *sum += i128::from(row);
        }
    }
    if n == 0 || 2 * n < counted {
        return None;
    }
    let variance = |ab: i128, a: i128, b: i128| (n * ab - a * b) as f64;
    let (tt, mm, tm) = (variance(tt, t, t), variance(mm, m, m), variance(tm, t, m));
    (tt > 0.0 && mm > 0.0).then(|| tm / (libm::sqrt(tt) * libm::sqrt(mm)))
}
