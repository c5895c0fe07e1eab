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
//! | image | [`Sampler::adjoint`](crate::Sampler::adjoint) | dL/dimage per source pixel |
//! | parameters | [`Sampler::parameter_gradient`](crate::Sampler::parameter_gradient) | dL/dp, without a grid |
//!
//! All three are derived from the kernel's weights and slopes: a kernel of one's own has them too.
#![forbid(unsafe_code)]

mod coordinates;
mod hessian;
mod image;
mod parameters;

pub use parameters::Product;
