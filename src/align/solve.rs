//! Symmetric positive definite systems of at most [`SIZE`] unknowns.
//!
//! Increments are solved for in `f32`, which many small processors have an FPU for: what they are off by the next
//! iteration sees. Where a system is so close to singular that this would matter, what is left of it is solved for once
//! more. Covariances take `f64`.
#![forbid(unsafe_code)]

use core::ops::{Add, Div, Mul, Sub};

use crate::simd;

/// Eight parameters, a gain and an offset.
pub(super) const SIZE: usize = 10;

/// What is left of a unit diagonal where a solution in `f32` has three digits.
const DIGITS: f32 = 1e-3;

/// The lower triangle of a matrix, row by row; only the first rows are in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symmetric<R = f64>([R; SIZE * (SIZE + 1) / 2]);
pub(super) type Column<R = f64> = [R; SIZE];

impl<R: Real> Symmetric<R> {
    pub(super) const ZERO: Self = Self([R::ZERO; SIZE * (SIZE + 1) / 2]);

    /// Entry (i, j), j being at most i.
    #[inline(always)]
    pub(super) fn get(&self, i: usize, j: usize) -> R {
        self.0.get(i * (i + 1) / 2 + j).copied().unwrap_or(R::ZERO)
    }

    /// Sets entry (i, j), j being at most i.
    #[inline(always)]
    pub(super) fn set(&mut self, i: usize, j: usize, v: R) {
        if let Some(entry) = self.0.get_mut(i * (i + 1) / 2 + j) {
            *entry = v;
        }
    }
}

/// What to compute in.
pub(super) trait Real:
    Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    const ZERO: Self;
    /// What has to be left of a unit diagonal after elimination, so that of an unknown's effect all but 1e-5 may be the
    /// effect of others; or, in `f32`, all but 3e-3, a tenth of which rounding may be.
    const LEAST: Self;
    fn new(v: f64) -> Self;
    fn get(self) -> f64;
    fn sqrt(self) -> Self;
}

macro_rules! real {
    ($($t:ty: $least:literal, $sqrt:path;)*) => {$(
        impl Real for $t {
            const ZERO: Self = 0.0;
            const LEAST: Self = $least;
            #[inline(always)]
            fn new(v: f64) -> Self {
                v as Self
            }
            #[inline(always)]
            fn get(self) -> f64 {
                self.into()
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $sqrt(self)
            }
        }
    )*};
}
real! {
    f32: 1e-5, simd::sqrt;
    f64: 1e-10, libm::sqrt;
}

/// The solution for a right-hand side with the leading `n` by `n` part of a matrix, whose first `damped` diagonal
/// entries are enlarged by the factor 1 + `damping`. `None` if that is not safely positive definite.
#[inline(never)]
pub(super) fn solve(m: &Symmetric, b: &Column, n: usize, damped: usize, damping: f64) -> Option<Column> {
    let mut factor = Cholesky::<f32>::EMPTY;
    let least = factor.set(m, n, damped, damping)?;
    let mut solution = factor.solve(b);
    if least < DIGITS {
        let mut rest = *b;
        for (i, rest) in rest.iter_mut().enumerate().take(n) {
            for (j, x) in solution.iter().enumerate().take(n) {
                let entry = m.get(i.max(j), i.min(j));
                *rest -= if i == j && i < damped { entry * (1.0 + damping) } else { entry } * x;
            }
        }
        solution.iter_mut().zip(factor.solve(&rest)).for_each(|(x, more)| *x += more);
    }
    Some(solution)
}

/// The Cholesky factor of a matrix whose rows and columns are scaled to a unit diagonal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cholesky<R> {
    lower: Symmetric<R>,
    scale: Column<R>,
    n: usize,
}
pub(super) type Factor = Cholesky<f64>;

impl<R: Real> Cholesky<R> {
    /// Nothing yet. (Filled in place, so that a small stack has it once.)
    pub(super) const EMPTY: Self = Self { lower: Symmetric::ZERO, scale: [R::ZERO; SIZE], n: 0 };

    /// Factors the leading `n` by `n` part of `m`, its first `damped` diagonal entries enlarged by
    /// the factor 1 + `damping`. Out: the least that is left of an entry of the diagonal after elimination; `None` if it
    /// is not safely positive definite, see [`Real::LEAST`].
    #[inline(never)]
    pub(super) fn set(&mut self, m: &Symmetric, n: usize, damped: usize, damping: f64) -> Option<R> {
        let Self { lower, scale, n: size } = self;
        *size = n;
        for (i, s) in scale.iter_mut().enumerate().take(n) {
            let d = m.get(i, i);
            // Above zero, finite and a number, which its bits tell.
            if !(1..f64::INFINITY.to_bits()).contains(&d.to_bits()) {
                return None;
            }
            *s = R::new(1.0) / R::new(d).sqrt();
        }
        let (damping, mut least) = (R::new(damping), R::new(1.0));
        for i in 0..n {
            for j in 0..=i {
                let (si, sj) = (*scale.get(i)?, *scale.get(j)?);
                let mut v = R::new(m.get(i, j)) * si * sj;
                if i == j && i < damped {
                    v = v + damping;
                }
                for k in 0..j {
                    v = v - lower.get(i, k) * lower.get(j, k);
                }
                let value = if i == j {
                    if v < least {
                        least = v;
                    }
                    // Also false for NaN.
                    if v > R::LEAST { v.sqrt() } else { return None }
                } else {
                    v / lower.get(j, j)
                };
                lower.set(i, j, value);
            }
        }
        Some(least)
    }

    /// The solution for a right-hand side.
    #[inline(never)]
    pub(super) fn solve(&self, b: &Column) -> Column {
        let mut x = self.forward(b);
        let n = self.n.min(SIZE);
        for i in (0..n).rev() {
            let mut v = x[i];
            for (k, &x) in x.iter().enumerate().take(n).skip(i + 1) {
                v = v - self.lower.get(k, i) * x;
            }
            x[i] = v / self.lower.get(i, i);
        }
        let mut solution = [0.0; SIZE];
        for (solution, (x, s)) in solution.iter_mut().zip(x.into_iter().zip(self.scale)) {
            *solution = (x * s).get();
        }
        solution
    }

    /// Half of the way there.
    #[inline(always)]
    fn forward(&self, b: &Column) -> Column<R> {
        let mut x = [R::ZERO; SIZE];
        for i in 0..self.n.min(SIZE) {
            let mut v = R::new(b[i]) * self.scale[i];
            for (k, &x) in x.iter().enumerate().take(i) {
                v = v - self.lower.get(i, k) * x;
            }
            x[i] = v / self.lower.get(i, i);
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(n: usize) -> Symmetric {
        // Gram matrix of independent columns whose units differ by many orders of magnitude.
        let mut m = Symmetric::<f64>::ZERO;
        for i in 0..n {
            for j in 0..=i {
                let unit = |i: usize| libm::pow(10.0, i as f64 - 4.0);
                m.set(i, j, unit(i) * unit(j) * 0.3_f64.powi((i - j) as i32));
            }
        }
        m
    }

    #[test]
    fn solves() {
        for n in 1..=SIZE {
            let m = spread(n);
            let mut factor = Factor::EMPTY;
            factor.set(&m, n, n, 0.0).unwrap();
            for j in 0..n {
                let mut unit = [0.0; SIZE];
                unit[j] = 1.0;
                let x = factor.solve(&unit);
                for i in 0..n {
                    let product: f64 = (0..n).map(|k| m.get(i.max(k), i.min(k)) * x[k]).sum();
                    let unit = libm::sqrt(m.get(i, i) / m.get(j, j));
                    assert!(
                        (product - f64::from(i == j)).abs() < 1e-12 * unit.max(1.0),
                        "{n} {i} {j}: {product}"
                    );
                }
            }
        }
    }

    #[test]
    fn refuses_what_is_singular() {
        let factors = |m: &Symmetric, n: usize, damping: f64| {
            let mut factor = Factor::EMPTY;
            factor.set(m, n, n, damping).is_some()
        };
        let mut m = Symmetric::<f64>::ZERO;
        assert!(!factors(&m, 2, 0.0));
        m.set(0, 0, f64::NAN);
        assert!(!factors(&m, 1, 0.0));
        for (i, j) in [(0, 0), (1, 0), (1, 1)] {
            m.set(i, j, 1.0);
        }
        assert!(!factors(&m, 2, 0.0));
        assert!(factors(&m, 2, 0.1));
    }
}
