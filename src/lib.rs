#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]

#[cfg(any(test, feature = "std", feature = "_reference"))]
extern crate std;

pub mod align;
pub mod antialias;
pub mod boundary;
mod error;
pub mod fixed;
pub mod format;
pub mod gradient;
mod image;
#[cfg(any(feature = "embedded-graphics", feature = "image", feature = "imgref", feature = "ndarray"))]
pub mod interop;
pub mod kernel;
mod parallel;
pub mod pyramid;
#[cfg(any(test, feature = "_reference"))]
#[doc(hidden)]
pub mod reference;
mod sample;
#[allow(unsafe_code)]
mod simd;
mod span;
pub mod spline;
pub mod stn;
pub mod stream;
pub mod transform;
pub mod walk;
mod warp;

pub use antialias::Samples;
pub use boundary::Boundary;
pub use error::Error;
pub use fixed::{Coord, Rounding, Weight};
pub use gradient::Residual;
pub use image::{Image, ImageMut, MAX_SIDE, Pixel, Planes, PlanesMut, Tap};
pub use kernel::{
    Adaptive, Array, BSpline, Bilinear, Channel, Cubic, Interpolator, Kernel, Lagrange, Lanczos, Linear,
    Linearized, Nearest, NearestEven, Smooth, StraightThrough, Surrogate, WeightedNearest,
};
pub use parallel::Threads;
pub use sample::Sampler;
pub use simd::Level;
pub use transform::{Affine, Euclidean, Grid, Homography, Map, Similarity, Transform, Translation};
pub use walk::Warp;
