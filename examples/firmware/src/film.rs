//! The frames in flash, and how they move.
//!
//! They stand for what a camera would send, but no camera has sent them: `cargo film` renders them from one
//! photograph (`src/bin/film.rs`) as a hand-held camera would see it. Each pixel takes the mean of the
//! light that falls on it, exposure drifts, and there is noise. The motion is what this module says, so
//! that the truth is known.

use nonius::{Error, Image};

/// A sequence of frames, stored as one PGM file with the frames one below the other.
#[derive(Clone, Copy, Debug)]
pub struct Film {
    /// Its name in a [record](crate::record).
    pub name: &'static str,
    /// Width of a frame in pixels.
    pub width: usize,
    /// Height of a frame in pixels.
    pub height: usize,
    /// Where the pixels of frame 0 become those of frame k: the first two rows of a 3x3 matrix, and
    /// the first two numbers of its third, which ends with 1.
    pub motion: &'static [[f64; 8]],
    /// The file, whose pixels are its end.
    pub file: &'static [u8],
}

impl Film {
    /// How many frames there are.
    pub const fn len(&self) -> usize {
        self.motion.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.motion.is_empty()
    }

    /// Frame `k`.
    ///
    /// # Errors
    /// [`Error::TooShort`] beyond the last.
    pub fn frame(&self, k: usize) -> Result<Image<'static, u8>, Error> {
        let size = self.width * self.height;
        let header = self.file.len().saturating_sub(size * self.len());
        let pixels = self.file.get(header + k * size..).unwrap_or(&[]);
        Image::new(pixels, self.width, self.height)
    }
}

/// A frame that is only shifted.
const fn shift(x: f64, y: f64) -> [f64; 8] {
    [1.0, 0.0, x, 0.0, 1.0, y, 0.0, 0.0]
}

/// As an optical flow sensor would see it: 64 x 64 pixels, shifts of up to 4.7 pixels a frame.
pub const FLOW: Film = Film {
    name: "flow",
    width: 64,
    height: 64,
    motion: &[
        shift(0.0, 0.0),
        shift(1.3, -0.6),
        shift(3.95, -0.2),
        shift(-0.45, 1.5),
        shift(-0.2, 1.75),
        shift(-0.2, 1.75),
        shift(-1.1, -0.35),
        shift(2.5, 0.85),
    ],
    file: include_bytes!("../frames/flow.pgm"),
};

/// As a small camera would see it: 160 x 120 pixels, turned, tilted and nearer. The last frame is seen in
/// perspective.
pub const VIEW: Film = Film {
    name: "view",
    width: 160,
    height: 120,
    motion: &[
        shift(0.0, 0.0),
        [1.008, -0.021, 1.9, 0.024, 1.006, -2.2, 0.0, 0.0],
        [1.017, -0.048, 5.3, 0.052, 1.021, -5.6, 0.0, 0.0],
        [1.031, -0.036, 1.2, 0.029, 1.034, -1.7, 0.0, 0.0],
        [1.043, -0.017, -1.6, 0.034, 1.062, -3.9, 1.2e-4, 2.1e-4],
    ],
    file: include_bytes!("../frames/view.pgm"),
};
