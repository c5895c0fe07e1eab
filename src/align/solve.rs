//! Symmetric positive definite systems of at most [`SIZE`] unknowns, in `f64`.
#![forbid(unsafe_code)]

/// Eight parameters, a gain and an offset.
pub(super) const SIZE: usize = 10;

/// A dense matrix; only the first rows and columns are in use.
pub(super) type Square = [[f64; SIZE]; SIZE];
pub(super) type Column = [f64; SIZE];

#[inline(always)]
fn get(m: &Square, i: usize, j: usize) -> f64 {
    m.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0.0)
}

/// The Cholesky factor of a matrix whose rows and columns are scaled to a unit diagonal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor {
    lower: Square,
    scale: Column,
    n: usize,
}

impl Factor {
    /// Factors the leading `n` by `n` part of `m`, its first `damped` diagonal entries enlarged by
    /// the factor 1 + `damping`. `None` if it is not safely positive definite: if what is left of a
    /// unit diagonal after elimination falls below 1e-10, all but 1e-5 of that unknown's effect is
    /// the effect of others.
    pub(super) fn new(m: &Square, n: usize, damped: usize, damping: f64) -> Option<Self> {
        let mut scale = [0.0; SIZE];
        for (i, s) in scale.iter_mut().enumerate().take(n) {
            let d = get(m, i, i);
            // Also false for NaN.
            if !(d > 0.0 && d.is_finite()) {
                return None;
            }
            *s = 1.0 / libm::sqrt(d);
        }
        let mut lower = [[0.0; SIZE]; SIZE];
        for i in 0..n {
            for j in 0..=i {
                let (si, sj) = (*scale.get(i)?, *scale.get(j)?);
                let mut v = get(m, i, j) * si * sj;
                if i == j && i < damped {
                    v += damping;
                }
                for k in 0..j {
                    v -= get(&lower, i, k) * get(&lower, j, k);
                }
                let value = if i == j {
                    if v.is_nan() || v <= 1e-10 {
                        return None;
                    }
                    libm::sqrt(v)
                } else {
                    v / get(&lower, j, j)
                };
                *lower.get_mut(i)?.get_mut(j)? = value;
            }
        }
        Some(Self { lower, scale, n })
    }

    /// The solution for a right-hand side.
    pub(super) fn solve(&self, b: &Column) -> Column {
        let mut x = [0.0; SIZE];
        let n = self.n.min(SIZE);
        for i in 0..n {
            let mut v = b[i] * self.scale[i];
            for (k, x) in x.iter().enumerate().take(i) {
                v -= get(&self.lower, i, k) * x;
            }
            x[i] = v / get(&self.lower, i, i);
        }
        for i in (0..n).rev() {
            let mut v = x[i];
            for (k, x) in x.iter().enumerate().take(n).skip(i + 1) {
                v -= get(&self.lower, k, i) * x;
            }
            x[i] = v / get(&self.lower, i, i);
        }
        for (x, s) in x.iter_mut().zip(self.scale) {
            *x *= s;
        }
        x
    }

    /// Column `j` of the inverse.
    pub(super) fn inverse_column(&self, j: usize) -> Column {
        let mut unit = [0.0; SIZE];
        if let Some(v) = unit.get_mut(j) {
            *v = 1.0;
        }
        self.solve(&unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(n: usize) -> Square {
        // Gram matrix of independent columns whose units differ by many orders of magnitude.
        let mut m = [[0.0; SIZE]; SIZE];
        for (i, row) in m.iter_mut().enumerate().take(n) {
            for (j, entry) in row.iter_mut().enumerate().take(n) {
                let unit = |i: usize| libm::pow(10.0, i as f64 - 4.0);
                *entry = unit(i) * unit(j) * (0.3_f64.powi((i as i32 - j as i32).abs()));
            }
        }
        m
    }

    #[test]
    fn solves() {
        for n in 1..=SIZE {
            let m = spread(n);
            let factor = Factor::new(&m, n, n, 0.0).unwrap();
            for j in 0..n {
                let x = factor.inverse_column(j);
                for i in 0..n {
                    let product: f64 = (0..n).map(|k| m[i][k] * x[k]).sum();
                    let unit = libm::sqrt(m[i][i] / m[j][j]);
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
        let mut m = [[0.0; SIZE]; SIZE];
        assert!(Factor::new(&m, 2, 2, 0.0).is_none());
        m[0][0] = f64::NAN;
        assert!(Factor::new(&m, 1, 1, 0.0).is_none());
        m[0] = [1.0; SIZE];
        m[1] = [1.0; SIZE];
        assert!(Factor::new(&m, 2, 2, 0.0).is_none());
        assert!(Factor::new(&m, 2, 2, 0.1).is_some());
    }
}
