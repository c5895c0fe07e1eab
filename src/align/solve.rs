//! Symmetric positive definite systems of at most [`SIZE`] unknowns, in `f64`.
#![forbid(unsafe_code)]

/// Eight parameters, a gain and an offset.
pub(super) const SIZE: usize = 10;

/// The lower triangle of a matrix, row by row; only the first rows are in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symmetric([f64; SIZE * (SIZE + 1) / 2]);
pub(super) type Column = [f64; SIZE];

impl Symmetric {
    pub(super) const ZERO: Self = Self([0.0; SIZE * (SIZE + 1) / 2]);

    /// Entry (i, j), j being at most i.
    #[inline(always)]
    pub(super) fn get(&self, i: usize, j: usize) -> f64 {
        self.0.get(i * (i + 1) / 2 + j).copied().unwrap_or(0.0)
    }

    /// Sets entry (i, j), j being at most i.
    #[inline(always)]
    pub(super) fn set(&mut self, i: usize, j: usize, v: f64) {
        if let Some(entry) = self.0.get_mut(i * (i + 1) / 2 + j) {
            *entry = v;
        }
    }
}

/// The Cholesky factor of a matrix whose rows and columns are scaled to a unit diagonal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor {
    lower: Symmetric,
    scale: Column,
    n: usize,
}

impl Factor {
    /// Nothing yet. (Filled in place, so that a small stack has it once.)
    pub(super) const EMPTY: Self = Self { lower: Symmetric::ZERO, scale: [0.0; SIZE], n: 0 };

    /// Factors the leading `n` by `n` part of `m`, its first `damped` diagonal entries enlarged by
    /// the factor 1 + `damping`. `None` if it is not safely positive definite: if what is left of a
    /// unit diagonal after elimination falls below 1e-10, all but 1e-5 of that unknown's effect is
    /// the effect of others.
    #[inline(never)]
    pub(super) fn set(&mut self, m: &Symmetric, n: usize, damped: usize, damping: f64) -> Option<()> {
        let Self { lower, scale, n: size } = self;
        *size = n;
        for (i, s) in scale.iter_mut().enumerate().take(n) {
            let d = m.get(i, i);
            // Also false for NaN.
            if !(d > 0.0 && d.is_finite()) {
                return None;
            }
            *s = 1.0 / libm::sqrt(d);
        }
        for i in 0..n {
            for j in 0..=i {
                let (si, sj) = (*scale.get(i)?, *scale.get(j)?);
                let mut v = m.get(i, j) * si * sj;
                if i == j && i < damped {
                    v += damping;
                }
                for k in 0..j {
                    v -= lower.get(i, k) * lower.get(j, k);
                }
                let value = if i == j {
                    if v.is_nan() || v <= 1e-10 {
                        return None;
                    }
                    libm::sqrt(v)
                } else {
                    v / lower.get(j, j)
                };
                lower.set(i, j, value);
            }
        }
        Some(())
    }

    /// The solution for a right-hand side.
    #[inline(never)]
    pub(super) fn solve(&self, b: &Column) -> Column {
        let mut x = self.half(b);
        let n = self.n.min(SIZE);
        for i in (0..n).rev() {
            let mut v = x[i];
            for (k, x) in x.iter().enumerate().take(n).skip(i + 1) {
                v -= self.lower.get(k, i) * x;
            }
            x[i] = v / self.lower.get(i, i);
        }
        for (x, s) in x.iter_mut().zip(self.scale) {
            *x *= s;
        }
        x
    }

    /// Half of the way there. The product of the halves of two right-hand sides is that of the one with the solution
    /// for the other.
    #[inline(never)]
    pub(super) fn half(&self, b: &Column) -> Column {
        let mut x = [0.0; SIZE];
        for i in 0..self.n.min(SIZE) {
            let mut v = b[i] * self.scale[i];
            for (k, x) in x.iter().enumerate().take(i) {
                v -= self.lower.get(i, k) * x;
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
        let mut m = Symmetric::ZERO;
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
                let half = factor.half(&unit);
                for (i, &solved) in x.iter().enumerate().take(n) {
                    let other = factor.half(&core::array::from_fn(|k| f64::from(k == i)));
                    let product = |a: &Column, b: &Column| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                    let size = (product(&half, &half) * product(&other, &other)).sqrt();
                    assert!((product(&half, &other) - solved).abs() <= 1e-12 * size, "{n} {i} {j}");
                }
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
        let mut m = Symmetric::ZERO;
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
