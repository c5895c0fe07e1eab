//! Affine grids, stored: for networks that do something with the grid, and for other libraries.
//!
//! **Definition.** The base coordinate of column i of w is `u = (2 i + 1 - w) / d` in `f32`, one
//! rounding, where d is w or, with aligned corners, w - 1; a single column is at 0. Rows likewise
//! (v). The grid is `(t0 u + t1 v) + t2` in `f32`, each operation rounded.
#![forbid(unsafe_code)]

use super::points::Geometry;
use super::{Tensor, TensorMut, Theta, ThetaGradient};
use crate::Error;

/// The base coordinate of an index, times its divisor.
#[inline]
fn base(i: usize, side: usize) -> i32 {
    2 * i as i32 + 1 - side as i32
}

fn geometry<T>(
    [batch, planes, height, width]: super::Shape,
    theta: &[T],
    align_corners: bool,
) -> Result<Geometry, Error> {
    if batch != theta.len() || planes != 1 {
        return Err(Error::SizeMismatch);
    }
    Ok(Geometry { input: [1; 2], output: [width, height], align_corners })
}

/// `affine_grid`: the normalised points of N thetas, into a `grid` of shape (N, 1, H, W).
///
/// [`GridSample::sample`](super::GridSample::sample) takes the thetas themselves, which needs no
/// memory and is more exact.
///
/// ```
/// use nonius::stn::{TensorMut, affine_grid};
/// let mut grid = [[0.0; 2]; 2];
/// affine_grid(&[[[1.0, 0.0, 0.25], [0.0, 1.0, 0.0]]], false, &mut TensorMut::new(&mut grid, [1, 1, 1, 2])?)?;
/// assert_eq!(grid, [[-0.25, 0.0], [0.75, 0.0]]);
/// # Ok::<(), nonius::Error>(())
/// ```
///
/// # Errors
/// [`Error::SizeMismatch`] unless there is one theta for each item and one plane.
pub fn affine_grid(
    theta: &[Theta],
    align_corners: bool,
    grid: &mut TensorMut<'_, [f32; 2]>,
) -> Result<(), Error> {
    let geometry = geometry(grid.shape(), theta, align_corners)?;
    let ([width, height], [dx, dy]) = (geometry.output, geometry.divisors());
    for (n, [a, b]) in theta.iter().enumerate() {
        for y in 0..height {
            let v = base(y, height) as f32 / dy as f32;
            for (x, point) in grid.row_mut(n, 0, y).iter_mut().enumerate() {
                let u = base(x, width) as f32 / dx as f32;
                *point = [a, b].map(|[p, q, r]| (p * u + q * v) + r);
            }
        }
    }
    Ok(())
}

/// The gradient with respect to the thetas from that with respect to their grid: the transpose of
/// [`affine_grid`]. Sums are in `f64`, along each row and then over rows; `gradient` is written, not
/// added to.
///
/// # Errors
/// As [`affine_grid`].
pub fn affine_grid_gradient(
    cotangent: Tensor<'_, [f32; 2]>,
    align_corners: bool,
    gradient: &mut [ThetaGradient],
) -> Result<(), Error> {
    let geometry = geometry(cotangent.shape(), gradient, align_corners)?;
    let ([width, height], [dx, dy]) = (geometry.output, geometry.divisors().map(f64::from));
    for (n, gradient) in gradient.iter_mut().enumerate() {
        *gradient = [[0.0; 3]; 2];
        for y in 0..height {
            let v = f64::from(base(y, height)) / dy;
            let mut sums = [[0.0; 2]; 2];
            for (x, point) in cotangent.row(n, 0, y).iter().enumerate() {
                let u = f64::from(base(x, width)) / dx;
                for ([along, sum], &g) in sums.iter_mut().zip(point) {
                    *along += f64::from(g) * u;
                    *sum += f64::from(g);
                }
            }
            for ([a, b, c], [along, sum]) in gradient.iter_mut().zip(sums) {
                *a += along;
                *b += sum * v;
                *c += sum;
            }
        }
    }
    Ok(())
}
