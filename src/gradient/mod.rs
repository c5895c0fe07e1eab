//! Gradients of a warp: with respect to the image, the coordinates, and the transform's
//! parameters.
//!
//! In: a sampler, a warp, and for the last two a cotangent (dL/dV for every destination pixel).
//! Out, each on its own, so that nobody pays for what they do not ask:
//!
//! | with respect to | method | result |
//! |---|---|---|
//! | coordinates | [`Sampler::warp_partials`](crate::Sampler::warp_partials) | dV/dx, dV/dy per destination pixel |
//! | coordinates, twice | [`Sampler::hessian`](crate::Sampler::hessian), [`Sampler::warp_hessian`](crate::Sampler::warp_hessian) | second derivatives of V, of smooth kernels |
//! | image | [`Sampler::adjoint`](crate::Sampler::adjoint), in `i32` [`Sampler::adjoint_q14`](crate::Sampler::adjoint_q14) | dL/dimage per source pixel |
//! | parameters | [`Sampler::parameter_gradient`](crate::Sampler::parameter_gradient) | dL/dp, without a grid |
//! | parameters, of a squared difference | [`Sampler::residual`](crate::Sampler::residual) | loss and gradient in one pass |
//!
//! All are derived from the kernel's weights and slopes: a kernel of one's own has them too.
//!
//! **Definition, parameters.** Let A and B be the cotangent times dV/dx and dV/dy, summed over channels. For a
//! homography they are multiplied by the reciprocal r of the denominator in Q32 (see
//! [`walk`](crate::walk)), and `C = -(A r X + B r Y)` with the source position (X, Y) in Q14, each
//! rounded half up; for the others r is one. The gradient g with respect to the entries of the matrix
//! is the sum over all pixels of `A r (x, y, 1)`, `B r (x, y, 1)` and `C (x, y)`: exact integers in
//! any order, in `i128`. Only the last step, to the parameters, is in `f64`: with g as `f64`, the
//! derivative by parameter i is `gx + gy`, each being `g0 (J(1, 0) - J(0, 0)) +
//! g1 (J(0, 1) - J(0, 0)) + g2 J(0, 0)`, summed from the left, with the row of the Jacobian J that
//! belongs to x' or y'; a homography's is g itself.
//!
//! For `f32` pixels all of it is done in `f64`, products and sums in the order above (channels from
//! zero), summed along each row from zero and then over rows: 32 rows one after the other, and more of
//! them in two parts, of which the first has the largest power of two below their number. (So that any
//! number of threads gives the same.)
//!
//! **Headroom.** A, A r and C are kept modulo 2^64, in units of 2^-14. A derivative is within 2^31
//! units, so cotangents within 2^31 / channels cannot overflow A, nor the whole result of an affine
//! transform for any image there can be; near the pole of a homography r is up to 2^14, and C is
//! larger than A r by the source's side.
#![forbid(unsafe_code)]

mod coordinates;
mod hessian;
mod image;
mod parameters;
mod residual;

pub(crate) use coordinates::PartialsRun;
pub use parameters::Product;
pub use residual::{Loss, Residual};
