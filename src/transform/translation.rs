//! A shift.
#![forbid(unsafe_code)]

use super::{Matrix, Of, Term, Transform, affine_warp, check_affine, normalise};
use crate::Error;

/// `x' = x + tx, y' = y + ty`. Parameters: tx, ty in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Translation {
    shift: [f64; 2],
}

impl Translation {
    /// A shift by (`tx`, `ty`) pixels.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::OutOfRange`].
    pub fn new(tx: f64, ty: f64) -> Result<Self, Error> {
        let t = Self { shift: [tx, ty] };
        check_affine(&t.matrix())?;
        Ok(t)
    }
}

affine_warp!(Translation);

impl Transform for Translation {
    type Parameters = [f64; 2];
    type Covariance = [[f64; 2]; 2];
    const IDENTITY: Self = Self { shift: [0.0; 2] };
    type Degree = Of<0>;
    const GENERATORS: &'static [[Term; 2]] = &[[Some((1.0, 0, 0)), None], [None, Some((1.0, 0, 0))]];

    fn from_parameters([tx, ty]: [f64; 2]) -> Result<Self, Error> {
        Self::new(tx, ty)
    }
    fn parameters(&self) -> [f64; 2] {
        self.shift
    }
    fn from_matrix(mut m: Matrix) -> Result<Self, Error> {
        normalise(&mut m)?;
        Self::new(m[2], m[5])
    }
    fn matrix(&self) -> Matrix {
        [1.0, 0.0, self.shift[0], 0.0, 1.0, self.shift[1], 0.0, 0.0, 1.0]
    }
    fn differential(&self, matrix: &Matrix) -> [f64; 2] {
        [matrix[2], matrix[5]]
    }
    fn jacobian(&self, _: f64, _: f64) -> [[f64; 2]; 2] {
        [[1.0, 0.0], [0.0, 1.0]]
    }
}
