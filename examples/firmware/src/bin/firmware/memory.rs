//! The memory that is not on the stack, in one place: the library allocates nothing and, on a device, has no
//! statics.

use firmware::film::{FLOW, VIEW};
use nonius::align::Shift;
use nonius::format::{Packed, Yuyv};
use nonius::pyramid::{MAX_LEVELS, buffer_len};
use static_cell::ConstStaticCell;

/// Pixels of the pyramids of two frames, and for an aligner what is kept of rows.
const PYRAMIDS: usize = if cfg!(feature = "small") {
    Shift::workspace(FLOW.width, FLOW.height)
} else {
    2 * buffer_len(VIEW.width, VIEW.height, MAX_LEVELS) + 8 * VIEW.height
};

/// Width and height of a warped image.
pub const WARPED: [usize; 2] = [64, if cfg!(feature = "small") { 32 } else { 64 }];

/// Rows of a camera that are kept while it is streamed.
pub const ROWS: usize = 8;

/// What the examples work in.
pub struct Memory {
    /// The workspace of alignments: a third of the pixels of two frames, and for an aligner eight for each row.
    pub pyramids: [u8; PYRAMIDS],
    /// A warped image.
    pub warped: [u8; WARPED[0] * WARPED[1]],
    /// The last lines of a camera.
    pub window: [Packed<Yuyv>; WARPED[0] * ROWS],
}

/// Taken once, by `main`.
pub static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory {
    pyramids: [0; PYRAMIDS],
    warped: [0; WARPED[0] * WARPED[1]],
    window: [Packed::new([0; 2]); WARPED[0] * ROWS],
});
