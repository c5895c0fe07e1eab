//! What the examples share: image files, pictures of an alignment, and letters for them.
#![allow(dead_code)] // no example uses all of it

pub mod chart;
pub mod file;
pub mod letters;
pub mod picture;
pub mod sheet;
pub mod synthetic;
