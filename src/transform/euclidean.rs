//! A rotation and a shift.
#![forbid(unsafe_code)]

use super::{Matrix, Of, Term, Transform, affine_warp, check_affine, normalise};
use crate::Error;

/// `x' = cos(t) x - sin(t) y + tx, y' = sin(t) x + cos(t) y + ty`: rigid. Parameters: angle t in
/// radians, tx, ty in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Euclidean {
    angle: f64,
    /// Kept, so that the transform does not depend on when it is asked.
    cosine: f64,
    sine: f64,
    shift: [f64; 2],
}

impl Euclidean {
    /// A rotation by `angle` radians about the origin, then a shift by (`tx`, `ty`) pixels.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::OutOfRange`].
    pub fn new(angle: f64, tx: f64, ty: f64) -> Result<Self, Error> {
        if !angle.is_finite() {
            return Err(Error::NotFinite);
        }
        let t = Self { angle, cosine: libm::cos(angle), sine: libm::sin(angle), shift: [tx, ty] };
        check_affine(&t.matrix())?;
        Ok(t)
    }
}

affine_warp!(Euclidean);

impl Transform for Euclidean {
    type Parameters = [f64; 3];
    type Covariance = [[f64; 3]; 3];
    const IDENTITY: Self = Self { angle: 0.0, cosine: 1.0, sine: 0.0, shift: [0.0; 2] };
    type Degree = Of<1>;
    const GENERATORS: &'static [[Term; 2]] =
        &[[Some((-1.0, 0, 1)), Some((1.0, 1, 0))], [Some((1.0, 0, 0)), None], [None, Some((1.0, 0, 0))]];

    fn from_parameters([angle, tx, ty]: [f64; 3]) -> Result<Self, Error> {
        Self::new(angle, tx, ty)
    }
    fn parameters(&self) -> [f64; 3] {
        [self.angle, self.shift[0], self.shift[1]]
    }
    /// The rotation nearest to the linear part (least squares).
    fn from_matrix(mut m: Matrix) -> Result<Self, Error> {
        normalise(&mut m)?;
        let (sine, cosine) = (m[3] - m[1], m[0] + m[4]);
        if sine == 0.0 && cosine == 0.0 {
            return Err(Error::Singular);
        }
        Self::new(libm::atan2(sine, cosine), m[2], m[5])
    }
    fn matrix(&self) -> Matrix {
        [self.cosine, -self.sine, self.shift[0], self.sine, self.cosine, self.shift[1], 0.0, 0.0, 1.0]
    }
    fn differential(&self, m: &Matrix) -> [f64; 3] {
        [((m[3] - m[1]) * self.cosine - (m[0] + m[4]) * self.sine) / 2.0, m[2], m[5]]
    }
    fn jacobian(&self, x: f64, y: f64) -> [[f64; 3]; 2] {
        [[-self.sine * x - self.cosine * y, 1.0, 0.0], [self.cosine * x - self.sine * y, 0.0, 1.0]]
    }
}
