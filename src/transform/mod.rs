//! Transforms: from destination (fixed) to source (moving) pixels.
//!
//! In: parameters or a 3x3 matrix, in `f64` (which every target computes with the same bits, with
//! or without an FPU). Out: coordinates of single points, Jacobians, composed and inverted
//! transforms, and the fixed-point plan by which the drivers walk along rows. The five models are
//! groups; each type upholds that it is finite, invertible and within the range of the fixed-point
//! coordinates.
//!
//! | type | parameters | identity | degree |
//! |---|---|---|---|
//! | [`Translation`] | tx, ty | 0, 0 | 0 |
//! | [`Euclidean`] | angle, tx, ty | 0, 0, 0 | 1 |
//! | [`Similarity`] | a, b, tx, ty of `[a -b tx; b a ty]` | 1, 0, 0, 0 | 1 |
//! | [`Affine`] | m00, m01, m02, m10, m11, m12 | 1, 0, 0, 0, 1, 0 | 1 |
//! | [`Homography`] | m00, m01, m02, m10, m11, m12, m20, m21 (m22 = 1) | 1, 0, 0, 0, 1, 0, 0, 0 | 2 |
//!
//! Units: pixels, with pixel centres at integers, x to the right and y down; angles in radians,
//! positive from x to y (clockwise on the screen). [`Grid`] converts from and to other conventions.
#![forbid(unsafe_code)]

mod affine;
mod euclidean;
mod grid;
mod homography;
mod map;
mod similarity;
mod translation;

pub use affine::Affine;
pub use euclidean::Euclidean;
pub use grid::Grid;
pub use homography::Homography;
pub use map::{Coordinate, Map, MapWalk};
pub use similarity::Similarity;
pub use translation::Translation;

use crate::Error;
use crate::align::{Total, Zero};
use crate::kernel::Array;
use crate::walk::{Subpixel, Warp};

/// The largest absolute value of a linear coefficient of an affine transform.
pub const MAX_LINEAR: f64 = 16_384.0;
/// The largest absolute value of the constant column of an affine transform, in pixels.
pub const MAX_SHIFT: f64 = 536_870_912.0;

/// A 3x3 matrix, row by row.
pub type Matrix = [f64; 9];

/// The identity matrix.
pub const IDENTITY: Matrix = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];

/// A monomial `sign x^px y^py` in one of the two components of a generator.
pub type Term = Option<(f64, u8, u8)>;

/// The degree of a model as a type, for code that models of one degree share.
#[doc(hidden)]
pub trait Degree: Copy + core::fmt::Debug + Send + Sync + 'static {
    /// See [`Transform::DEGREE`].
    const DEGREE: usize;
    /// One of each monomial up to this degree: as many as there are.
    type Monomials<S: Total>: Array<S> + Zero + PartialEq + core::fmt::Debug + Send + Sync;
    /// Up to twice this degree: those of products.
    type Products<S: Total>: Array<S> + Zero + PartialEq + core::fmt::Debug + Send + Sync;
    /// What holds sums of a small image.
    type Total: Total;
}

#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Of<const DEGREE: usize>;

macro_rules! degrees {
    ($($degree:literal: $monomials:literal, $products:literal, $total:ty;)*) => {$(
        impl Degree for Of<$degree> {
            const DEGREE: usize = $degree;
            type Monomials<S: Total> = [S; $monomials];
            type Products<S: Total> = [S; $products];
            type Total = $total;
        }
    )*};
}
degrees! {
    0: 1, 1, i64;
    1: 3, 6, i64;
    2: 6, 15, i128;
}

/// A group of plane transforms that can be composed, inverted and estimated.
pub trait Transform: Warp<Plan: Subpixel> + PartialEq + core::fmt::Debug + 'static {
    /// The parameters: `[f64; N]`.
    type Parameters: Array<f64> + core::fmt::Debug + PartialEq + Send;

    /// A covariance of the parameters, row by row: `[[f64; N]; N]`.
    type Covariance: Array<Self::Parameters> + core::fmt::Debug + PartialEq + Send;

    /// The identity.
    const IDENTITY: Self;

    /// [`Self::DEGREE`] as a type.
    #[doc(hidden)]
    type Degree: Degree;

    /// The highest degree of a generator as a polynomial in x and y: 0, 1 or 2.
    const DEGREE: usize = <Self::Degree as Degree>::DEGREE;

    /// The derivative of (x', y') with respect to each parameter, at the identity.
    const GENERATORS: &'static [[Term; 2]];

    /// The transform of these parameters.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::OutOfRange`], [`Error::Singular`].
    fn from_parameters(parameters: Self::Parameters) -> Result<Self, Error>;

    /// The parameters.
    fn parameters(&self) -> Self::Parameters;

    /// The transform nearest to a 3x3 matrix, row by row, of any scale. What the model does not
    /// have is left out: pass a matrix of its kind.
    ///
    /// # Errors
    /// As [`Self::from_parameters`].
    fn from_matrix(matrix: Matrix) -> Result<Self, Error>;

    /// The 3x3 matrix, row by row, with 1 as its last entry.
    fn matrix(&self) -> Matrix;

    /// How the parameters change with the [`matrix`](Self::matrix): by its derivative with respect to something, which
    /// is that of the parameters. What the model does not have is left out.
    fn differential(&self, matrix: &Matrix) -> Self::Parameters;

    /// d(x', y') / d(parameters) at the point (x, y): one row for x', one for y'.
    fn jacobian(&self, x: f64, y: f64) -> [Self::Parameters; 2];

    /// The image of a point. Not finite where a homography sends it to infinity.
    fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        project(&self.matrix(), x, y)
    }

    /// First `inner`, then this: `x -> self(inner(x))`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::Singular`], [`Error::NotFinite`] where the product leaves the range.
    fn compose(&self, inner: &Self) -> Result<Self, Error> {
        Self::from_matrix(multiply(&self.matrix(), &inner.matrix()))
    }

    /// The inverse transform.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] or [`Error::Singular`] where the inverse leaves the range.
    fn invert(&self) -> Result<Self, Error> {
        Self::from_matrix(inverse(&self.matrix())?)
    }

    /// The transform whose parameters are `increment` away from the identity's.
    ///
    /// # Errors
    /// As [`Self::from_parameters`].
    fn near_identity(increment: Self::Parameters) -> Result<Self, Error> {
        let start = Self::IDENTITY.parameters();
        let sum = |i: usize| at(start.as_ref(), i) + at(increment.as_ref(), i);
        Self::from_parameters(Self::Parameters::from_fn(sum))
    }

    /// The inverse compositional update: this transform after the inverse of
    /// [`near_identity`](Self::near_identity)`(increment)` (Baker and Matthews 2004, eq. 31).
    ///
    /// # Errors
    /// As [`Self::from_parameters`].
    fn update(&self, increment: Self::Parameters) -> Result<Self, Error> {
        self.compose(&Self::near_identity(increment)?.invert()?)
    }
}

#[inline(always)]
pub(crate) fn at(values: &[f64], i: usize) -> f64 {
    values.get(i).copied().unwrap_or(0.0)
}

/// Whether a number is zero. (From the halves of its bits: comparing takes long without an FPU, and the compiler takes
/// all of them together for a number again.)
#[inline(always)]
pub(crate) fn is_zero(v: f64) -> bool {
    let bits = v.to_bits();
    bits as u32 | ((bits >> 32) as u32) << 1 == 0
}

/// Whether a number is one.
#[inline(always)]
pub(crate) fn is_one(v: f64) -> bool {
    v.to_bits() == 1_f64.to_bits()
}

/// Whether the last row of a matrix is that of the identity, so that there is less to compute.
#[inline(always)]
fn is_affine(m: &Matrix) -> bool {
    is_zero(m[6]) && is_zero(m[7]) && is_one(m[8])
}

/// The image of a point under a matrix.
pub(crate) fn project(m: &Matrix, x: f64, y: f64) -> (f64, f64) {
    let form = |a: f64, b: f64, c: f64| a * x + b * y + c;
    if is_affine(m) {
        return (form(m[0], m[1], m[2]), form(m[3], m[4], m[5]));
    }
    let d = form(m[6], m[7], m[8]);
    (form(m[0], m[1], m[2]) / d, form(m[3], m[4], m[5]) / d)
}

/// A matrix of a model as the compiler may know it: where that is affine, nothing is linked for others.
#[inline(always)]
pub(crate) fn of<T: Transform>(m: &Matrix) -> Matrix {
    let mut m = *m;
    if T::DEGREE < 2 {
        [m[6], m[7], m[8]] = [0.0, 0.0, 1.0];
    }
    m
}

// (What follows goes row by row in loops, which take less flash.)

/// Makes it the matrix after a shift by (`x`, `y`): [`multiply`] by that of the shift, with less work.
pub(crate) fn after_shift(m: &mut Matrix, x: f64, y: f64) {
    for [a, b, c] in m.as_chunks_mut::<3>().0 {
        if !(is_zero(*a) && is_zero(*b)) {
            *c += *a * x + *b * y;
        }
    }
}

/// Makes it the matrix before a shift by (`x`, `y`).
pub(crate) fn before_shift(m: &mut Matrix, x: f64, y: f64) {
    let [.., g, h, i] = *m;
    for (row, by) in m.as_chunks_mut::<3>().0.iter_mut().zip([x, y]) {
        for (v, last) in row.iter_mut().zip([g, h, i]) {
            if is_one(last) {
                *v += by;
            } else if !is_zero(last) {
                *v += by * last;
            }
        }
    }
}

/// The matrix product `a b`.
pub(crate) fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    let affine = is_affine(a) && is_affine(b);
    let mut product = IDENTITY;
    let rows = a.as_chunks::<3>().0.iter().zip(product.as_chunks_mut::<3>().0);
    for (&[u, v, w], out) in rows.take(if affine { 2 } else { 3 }) {
        for (column, out) in out.iter_mut().enumerate() {
            *out = u * at(b, column) + v * at(b, column + 3);
            if !affine {
                *out += w * at(b, column + 6);
            } else if column == 2 {
                *out += w;
            }
        }
    }
    product
}

/// The determinant.
pub(crate) fn determinant(m: &Matrix) -> f64 {
    if is_affine(m) {
        return m[0] * m[4] - m[1] * m[3];
    }
    m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6])
        + m[2] * (m[3] * m[7] - m[4] * m[6])
}

/// The inverse matrix.
pub(crate) fn inverse(m: &Matrix) -> Result<Matrix, Error> {
    let d = determinant(m);
    if d == 0.0 || !d.is_finite() {
        return Err(Error::Singular);
    }
    // (Entries from the cofactors, or without products by one and zero; no negative zeros.)
    let affine = is_affine(m);
    let mut inverse = if affine {
        let (x, y) = (m[1] * m[5] - m[2] * m[4], m[2] * m[3] - m[0] * m[5]);
        [m[4], 0.0 - m[1], x, 0.0 - m[3], m[0], y, 0.0, 0.0, 1.0]
    } else {
        core::array::from_fn(|k| {
            // That of entry (i, j).
            let (i, j) = (k % 3, k / 3);
            let entry = |down: usize, along: usize| at(m, (i + down) % 3 * 3 + (j + along) % 3);
            entry(1, 1) * entry(2, 2) - entry(1, 2) * entry(2, 1)
        })
    };
    for v in inverse.iter_mut().take(if affine { 6 } else { 9 }) {
        *v /= d;
    }
    Ok(inverse)
}

/// Scales a matrix so that its last entry is one.
pub(crate) fn normalise(m: &mut Matrix) -> Result<(), Error> {
    if !m.iter().all(|v| v.is_finite()) {
        return Err(Error::NotFinite);
    }
    // (Most matrices come with a one, and a division takes long without an FPU.)
    let last = m[8];
    if is_one(last) {
        return Ok(());
    }
    m.iter_mut().for_each(|v| *v /= last);
    // By zero they are not finite either.
    if m.iter().all(|v| v.is_finite()) { Ok(()) } else { Err(Error::OutOfRange) }
}

/// Checks what every affine transform upholds.
pub(crate) fn check_affine(m: &Matrix) -> Result<(), Error> {
    if !m.iter().all(|v| v.is_finite()) {
        return Err(Error::NotFinite);
    }
    // (Magnitudes are in the order of their bits: comparing those takes no soft floats.)
    let bits = |v: f64| libm::fabs(v).to_bits();
    let within = |v: f64, limit: f64| bits(v) <= limit.to_bits();
    let linear = [m[0], m[1], m[3], m[4]];
    if !(linear.iter().all(|&v| within(v, MAX_LINEAR)) && within(m[2], MAX_SHIFT) && within(m[5], MAX_SHIFT))
    {
        return Err(Error::OutOfRange);
    }
    // (Next to an image or its mirror image that needs no products.)
    let [least, most] = [0.5, 0.25].map(f64::to_bits);
    if bits(m[0]).min(bits(m[4])) >= least && bits(m[1]).max(bits(m[3])) < most {
        return Ok(());
    }
    // Relative to the square of the largest coefficient, so that a small scale is not taken for a
    // degenerate one; but a scale below 2^-20 maps a whole image onto one pixel.
    let largest = f64::from_bits(linear.iter().fold(0, |max, &v| bits(v).max(max)));
    let d = libm::fabs(m[0] * m[4] - m[1] * m[3]);
    if largest < 9.5e-7 || d < 1e-9 * largest * largest {
        return Err(Error::Singular);
    }
    Ok(())
}

/// What the affine models share: their way into the drivers.
macro_rules! affine_warp {
    ($t:ty) => {
        impl $crate::walk::sealed::Sealed for $t {}
        impl $crate::walk::Warp for $t {
            type Walk = $crate::walk::AffineWalk;
            type Plan = $crate::walk::AffinePlan;
            fn plan(&self) -> Self::Plan {
                $crate::walk::AffinePlan::new(&$crate::Transform::matrix(self))
            }
            fn covers(&self, _: usize, _: usize) -> bool {
                true
            }
        }
    };
}
pub(crate) use affine_warp;
