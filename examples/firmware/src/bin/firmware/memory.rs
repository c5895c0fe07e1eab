//! The memory that is not on the stack, in one place: the library allocates nothing and has no statics.

#[cfg(not(feature = "small"))]
use firmware::film::VIEW;
use nonius::format::{Packed, Yuyv};
#[cfg(not(feature = "small"))]
use nonius::pyramid::{MAX_LEVELS, buffer_len};
use static_cell::ConstStaticCell;

/// Pixels of the pyramids of two frames, and what is kept of rows.
#[cfg(not(feature = "small"))]
const PYRAMIDS: usize = 2 * buffer_len(VIEW.width, VIEW.height, MAX_LEVELS) + 8 * VIEW.height;

/// Width and height of a warped image.
pub const WARPED: [usize; 2] = [64, if cfg!(feature = "small") { 32 } else { 64 }];

/// Rows of a camera that are kept while it is streamed.
pub const ROWS: usize = 8;

/// What the examples work in.
pub struct Memory {
    /// The aligner's workspace: a third of the pixels of two frames, and eight for each row.
    #[cfg(not(feature = "small"))]
    pub pyramids: [u8; PYRAMIDS],
    /// A warped image.
    pub warped: [u8; WARPED[0] * WARPED[1]],
    /// The last lines of a camera.
    pub window: [Packed<Yuyv>; WARPED[0] * ROWS],
}

/// Taken once, by `main`.
pub static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory {
    #[cfg(not(feature = "small"))]
    pyramids: [0; PYRAMIDS],
    warped: [0; WARPED[0] * WARPED[1]],
    window: [Packed::new([0; 2]); WARPED[0] * ROWS],
});
