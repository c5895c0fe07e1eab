//! What the binaries here share: the board, and the film that the camera has shot.
//!
//! On a device this is a `no_std` library. The same code runs on a desktop (feature `host`), so that
//! what a device did can be done again there.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
pub mod board;
#[cfg(not(target_os = "none"))]
#[path = "desktop.rs"]
pub mod board;

pub mod film;
pub mod report;
