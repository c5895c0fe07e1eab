//! Other conventions for coordinates, and how a matrix passes from one to another.
#![forbid(unsafe_code)]

use super::{Matrix, inverse, multiply};
use crate::Error;

/// How the pixels of an image are numbered along an axis.
///
/// The crate itself has pixel centres at integers, as OpenCV and ITK do.
///
/// | convention | centre of the first pixel | centre of the last of n | used by |
/// |---|---|---|---|
/// | `Centres` | 0 | n - 1 | this crate, OpenCV, ITK, SciPy |
/// | `HalfPixel` | 1/2 | n - 1/2 | OpenGL, Skia, PIL |
/// | `Normalised { align_corners: true }` | -1 | 1 | `grid_sample` of PyTorch, ONNX |
/// | `Normalised { align_corners: false }` | 1/n - 1 | 1 - 1/n | the same, default |
///
/// ```
/// use nonius::{Affine, Grid, Transform};
/// // A theta of `affine_grid` that rotates by 90 degrees, for a 40 x 20 image sampled to 30 x 30:
/// let theta = [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
/// let normalised = Grid::Normalised { align_corners: true };
/// let t = Affine::from_matrix(normalised.to_centres(theta, (30, 30), (40, 20))?)?;
/// assert_eq!(t.apply(0.0, 0.0), (39.0, 0.0));
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Grid {
    /// Pixel centres at integers.
    Centres,
    /// Pixel centres at integers plus one half.
    HalfPixel,
    /// From -1 to 1.
    Normalised {
        /// Whether -1 and 1 are the centres (true) or the outer edges (false) of the end pixels.
        align_corners: bool,
    },
}

impl Grid {
    /// `centre = scale v + offset` for a coordinate v of this convention along `side` pixels.
    pub(crate) fn scale_and_offset(self, side: usize) -> (f64, f64) {
        let n = side as f64;
        match self {
            Grid::Centres => (1.0, 0.0),
            Grid::HalfPixel => (1.0, -0.5),
            Grid::Normalised { align_corners: true } => ((n - 1.0) / 2.0, (n - 1.0) / 2.0),
            Grid::Normalised { align_corners: false } => (n / 2.0, (n - 1.0) / 2.0),
        }
    }

    /// The coordinate along `side` pixels, as this crate has it.
    pub fn coordinate_to_centres(self, v: f64, side: usize) -> f64 {
        let (scale, offset) = self.scale_and_offset(side);
        scale * v + offset
    }

    /// The inverse of [`Self::coordinate_to_centres`]; not finite for a side of 1 with aligned
    /// corners, where all coordinates coincide.
    pub fn coordinate_from_centres(self, v: f64, side: usize) -> f64 {
        let (scale, offset) = self.scale_and_offset(side);
        (v - offset) / scale
    }

    fn basis(self, (width, height): (usize, usize)) -> Matrix {
        let (sx, ox) = self.scale_and_offset(width);
        let (sy, oy) = self.scale_and_offset(height);
        [sx, 0.0, ox, 0.0, sy, oy, 0.0, 0.0, 1.0]
    }

    /// A matrix between images in this convention, as one between pixel centres. Sizes are
    /// (width, height) of the destination (fixed) and of the source (moving) image.
    ///
    /// # Errors
    /// [`Error::Singular`] where a side of 1 with aligned corners leaves no unit of length.
    pub fn to_centres(
        self,
        matrix: Matrix,
        destination: (usize, usize),
        source: (usize, usize),
    ) -> Result<Matrix, Error> {
        Ok(multiply(&self.basis(source), &multiply(&matrix, &inverse(&self.basis(destination))?)))
    }

    /// The inverse of [`Self::to_centres`].
    ///
    /// # Errors
    /// As [`Self::to_centres`].
    pub fn from_centres(
        self,
        matrix: Matrix,
        destination: (usize, usize),
        source: (usize, usize),
    ) -> Result<Matrix, Error> {
        Ok(multiply(&inverse(&self.basis(source))?, &multiply(&matrix, &self.basis(destination))))
    }
}
