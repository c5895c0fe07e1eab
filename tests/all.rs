//! All tests but those of `interop`, as one program: what they have in common, and that is most kernels, pixels and
//! aligners at every level, is compiled once.

mod common;
#[path = "../examples/support/mod.rs"]
mod support;

mod accuracy;
mod aligner;
mod cli;
mod formats;
mod golden;
mod kernels;
mod layouts;
mod matrix;
mod oracles;
mod parallel;
mod photographs;
mod properties;
mod registration;
mod shift;
mod spline;
mod stn;
mod stream;
mod tracker;
