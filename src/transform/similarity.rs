//! A rotation, a uniform scale and a shift.
#![forbid(unsafe_code)]

use super::{Matrix, Of, Term, Transform, affine_warp, check_affine, normalise};
use crate::Error;

/// `x' = a x - b y + tx, y' = b x + a y + ty`. Parameters: a, b (scale times cosine and sine of the
/// angle), tx, ty in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    parameters: [f64; 4],
}

impl Similarity {
    /// A rotation by `angle` radians and a magnification by `scale` about the origin, then a shift
    /// by (`tx`, `ty`) pixels.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::OutOfRange`], [`Error::Singular`].
    pub fn new(scale: f64, angle: f64, tx: f64, ty: f64) -> Result<Self, Error> {
        if !angle.is_finite() {
            return Err(Error::NotFinite);
        }
        Self::from_parameters([scale * libm::cos(angle), scale * libm::sin(angle), tx, ty])
    }
}

affine_warp!(Similarity);

impl Transform for Similarity {
    type Parameters = [f64; 4];
    type Covariance = [[f64; 4]; 4];
    const IDENTITY: Self = Self { parameters: [1.0, 0.0, 0.0, 0.0] };
    type Degree = Of<1>;
    const GENERATORS: &'static [[Term; 2]] = &[
        [Some((1.0, 1, 0)), Some((1.0, 0, 1))],
        [Some((-1.0, 0, 1)), Some((1.0, 1, 0))],
        [Some((1.0, 0, 0)), None],
        [None, Some((1.0, 0, 0))],
    ];

    fn from_parameters(parameters: [f64; 4]) -> Result<Self, Error> {
        let t = Self { parameters };
        check_affine(&t.matrix())?;
        Ok(t)
    }
    fn parameters(&self) -> [f64; 4] {
        self.parameters
    }
    /// The similarity nearest to the linear part (least squares).
    fn from_matrix(mut m: Matrix) -> Result<Self, Error> {
        normalise(&mut m)?;
        Self::from_parameters([(m[0] + m[4]) / 2.0, (m[3] - m[1]) / 2.0, m[2], m[5]])
    }
    fn matrix(&self) -> Matrix {
        let [a, b, tx, ty] = self.parameters;
        [a, -b, tx, b, a, ty, 0.0, 0.0, 1.0]
    }
    fn differential(&self, m: &Matrix) -> [f64; 4] {
        [(m[0] + m[4]) / 2.0, (m[3] - m[1]) / 2.0, m[2], m[5]]
    }
    fn jacobian(&self, x: f64, y: f64) -> [[f64; 4]; 2] {
        [[x, -y, 1.0, 0.0], [y, x, 0.0, 1.0]]
    }
}
