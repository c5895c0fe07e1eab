//! What the binaries here share: the board, the frames, an alignment, and what is said of it all.
//!
//! On a device this is a `no_std` library. The same code runs on a desktop (feature `host`), so that
//! what a device did can be done again there.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
pub mod board;
#[cfg(not(target_os = "none"))]
#[path = "desktop.rs"]
pub mod board;

pub mod alignment;
pub mod film;
pub mod record;
pub mod report;
