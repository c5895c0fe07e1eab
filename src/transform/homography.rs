//! A projective map of the plane.
#![forbid(unsafe_code)]

use super::{IDENTITY, Matrix, Of, Term, Transform, at, determinant, normalise};
use crate::Error;
use crate::walk::{ProjectivePlan, ProjectiveWalk, Warp, sealed};

/// `x' = (m00 x + m01 y + m02) / d, y' = (m10 x + m11 y + m12) / d` with `d = m20 x + m21 y + 1`.
/// Parameters: the first eight entries of the matrix, row by row, when the last is one.
///
/// The destination's origin must not be sent to infinity. Points on either side of the line d = 0
/// are mapped, as projective geometry has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Homography {
    matrix: Matrix,
}

impl sealed::Sealed for Homography {}

impl Warp for Homography {
    type Walk = ProjectiveWalk;
    type Plan = ProjectivePlan;
    fn plan(&self) -> ProjectivePlan {
        self.projective_plan()
    }
    fn covers(&self, _: usize, _: usize) -> bool {
        true
    }
}

impl Homography {
    /// The plan; the constructor has seen that there is one.
    pub(crate) fn projective_plan(&self) -> ProjectivePlan {
        ProjectivePlan::new(&self.matrix).unwrap_or(ProjectivePlan::EMPTY)
    }
}

impl Transform for Homography {
    type Parameters = [f64; 8];
    type Covariance = [[f64; 8]; 8];
    const IDENTITY: Self = Self { matrix: IDENTITY };
    type Degree = Of<2>;
    const GENERATORS: &'static [[Term; 2]] = &[
        [Some((1.0, 1, 0)), None],
        [Some((1.0, 0, 1)), None],
        [Some((1.0, 0, 0)), None],
        [None, Some((1.0, 1, 0))],
        [None, Some((1.0, 0, 1))],
        [None, Some((1.0, 0, 0))],
        [Some((-1.0, 2, 0)), Some((-1.0, 1, 1))],
        [Some((-1.0, 1, 1)), Some((-1.0, 0, 2))],
    ];

    fn from_parameters(p: [f64; 8]) -> Result<Self, Error> {
        Self::from_matrix([p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], 1.0])
    }
    fn parameters(&self) -> [f64; 8] {
        let [a, b, c, d, e, f, g, h, _] = self.matrix;
        [a, b, c, d, e, f, g, h]
    }
    fn from_matrix(mut matrix: Matrix) -> Result<Self, Error> {
        normalise(&mut matrix)?;
        ProjectivePlan::scale(&matrix).ok_or(Error::OutOfRange)?;
        let m = &matrix;
        let linear = [m[0], m[1], m[3], m[4]].iter().fold(0, |max, v| libm::fabs(*v).to_bits().max(max));
        if linear < 9.5e-7_f64.to_bits() {
            return Err(Error::Singular);
        }
        // The determinant relative to the lengths of the rows (Hadamard): at least 1e-18 of their product. (Mostly
        // exponents show that, which takes no products.)
        let determinant = determinant(m);
        let exponent = |v: f64| (v.to_bits() >> 52) as i32 & 0x7ff;
        let longest = |row: &[f64; 3]| row.iter().fold(0, |max, &v| exponent(v).max(max));
        let lengths: i32 = m.as_chunks::<3>().0.iter().map(longest).sum();
        if determinant.is_normal() && exponent(determinant) >= lengths - 2 * 1023 - 50 {
            return Ok(Self { matrix });
        }
        let square = |a: f64, b: f64, c: f64| a * a + b * b + c * c;
        let bound = square(m[0], m[1], m[2]) * square(m[3], m[4], m[5]) * square(m[6], m[7], m[8]);
        // Not true of NaN either.
        if !(determinant * determinant >= 1e-36 * bound && bound > 0.0) {
            return Err(Error::Singular);
        }
        Ok(Self { matrix })
    }
    fn matrix(&self) -> Matrix {
        self.matrix
    }
    fn differential(&self, matrix: &Matrix) -> [f64; 8] {
        // Of the matrix with one as its last entry.
        core::array::from_fn(|i| at(matrix, i) - at(&self.matrix, i) * matrix[8])
    }
    fn jacobian(&self, x: f64, y: f64) -> [[f64; 8]; 2] {
        let m = &self.matrix;
        let d = m[6] * x + m[7] * y + m[8];
        let (u, v) = self.apply(x, y);
        let (a, b, c) = (x / d, y / d, 1.0 / d);
        [[a, b, c, 0.0, 0.0, 0.0, -u * a, -u * b], [0.0, 0.0, 0.0, a, b, c, -v * a, -v * b]]
    }
}
