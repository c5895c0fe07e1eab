//! Any linear map and a shift.
#![forbid(unsafe_code)]

use super::{Matrix, Of, Term, Transform, affine_warp, at, check_affine, normalise};
use crate::Error;

/// `x' = m00 x + m01 y + m02, y' = m10 x + m11 y + m12`. Parameters: the six coefficients, row by
/// row.
///
/// ```
/// use nonius::{Affine, Transform};
/// let t = Affine::from_parameters([0.0, -1.0, 10.0, 1.0, 0.0, 0.0])?;
/// assert_eq!(t.apply(2.0, 3.0), (7.0, 2.0));
/// assert_eq!(t.compose(&t.invert()?)?, Affine::IDENTITY);
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    parameters: [f64; 6],
}

affine_warp!(Affine);

impl Affine {
    /// The mirror image from left to right of an image of this width: `x' = width - 1 - x`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] beyond [`MAX_SHIFT`](super::MAX_SHIFT).
    pub fn mirror_x(width: usize) -> Result<Self, Error> {
        Self::from_parameters([-1.0, 0.0, width as f64 - 1.0, 0.0, 1.0, 0.0])
    }

    /// The mirror image from top to bottom of an image of this height: `y' = height - 1 - y`.
    ///
    /// A source that is stored bottom up is warped by `mirror_y(source height)` after the transform;
    /// a destination that is to be written bottom up, by the transform after
    /// `mirror_y(destination height)`. Coordinates are mirrored exactly, up to the last bit of
    /// Q32.32; where one has more bits than positions have, it is then rounded half up in the
    /// mirror.
    ///
    /// ```
    /// use nonius::{Affine, Transform};
    /// let t = Affine::from_parameters([1.0, 0.0, 0.5, 0.0, 1.0, 2.0])?;
    /// let bottom_up = Affine::mirror_y(100)?.compose(&t)?;
    /// assert_eq!(bottom_up.apply(0.0, 0.0), (0.5, 97.0));
    /// # Ok::<(), nonius::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfRange`] beyond [`MAX_SHIFT`](super::MAX_SHIFT).
    pub fn mirror_y(height: usize) -> Result<Self, Error> {
        Self::from_parameters([1.0, 0.0, 0.0, 0.0, -1.0, height as f64 - 1.0])
    }
}

impl Transform for Affine {
    type Parameters = [f64; 6];
    type Covariance = [[f64; 6]; 6];
    const IDENTITY: Self = Self { parameters: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] };
    type Degree = Of<1>;
    const GENERATORS: &'static [[Term; 2]] = &[
        [Some((1.0, 1, 0)), None],
        [Some((1.0, 0, 1)), None],
        [Some((1.0, 0, 0)), None],
        [None, Some((1.0, 1, 0))],
        [None, Some((1.0, 0, 1))],
        [None, Some((1.0, 0, 0))],
    ];

    fn from_parameters(parameters: [f64; 6]) -> Result<Self, Error> {
        let t = Self { parameters };
        check_affine(&t.matrix())?;
        Ok(t)
    }
    fn parameters(&self) -> [f64; 6] {
        self.parameters
    }
    fn from_matrix(mut m: Matrix) -> Result<Self, Error> {
        normalise(&mut m)?;
        Self::from_parameters([m[0], m[1], m[2], m[3], m[4], m[5]])
    }
    fn matrix(&self) -> Matrix {
        let [a, b, c, d, e, f] = self.parameters;
        [a, b, c, d, e, f, 0.0, 0.0, 1.0]
    }
    fn differential(&self, matrix: &Matrix) -> [f64; 6] {
        core::array::from_fn(|i| at(matrix, i))
    }
    fn jacobian(&self, x: f64, y: f64) -> [[f64; 6]; 2] {
        [[x, y, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, x, y, 1.0]]
    }
}
