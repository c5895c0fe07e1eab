//! What the examples share: image files, pictures of an alignment, and letters for them.
#![allow(dead_code, unused_imports, unused_macros)] // no example uses all of it

pub mod chart;
pub mod cli;
pub mod file;
pub mod letters;
pub mod picture;
pub mod sheet;
pub mod synthetic;
