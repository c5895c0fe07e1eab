//! What can be wrong with an input. Every constructor checks its arguments once and says which
//! rule they break; what it returns cannot fail later.
#![forbid(unsafe_code)]

/// Why an argument was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A width or height of zero.
    Empty,
    /// A width or height above [`MAX_SIDE`](crate::MAX_SIDE), or a layout whose size overflows.
    TooLarge,
    /// A stride of zero, or shorter than a row.
    Stride,
    /// A slice that ends before the last pixel of the layout.
    TooShort {
        /// Elements that the layout spans.
        needed: usize,
        /// Elements in the slice.
        found: usize,
    },
    /// A view that reaches beyond its image.
    OutOfBounds,
    /// Two images, or an image and its map or mask, whose sizes must agree and do not.
    SizeMismatch,
    /// A parameter that is NaN or infinite.
    NotFinite,
    /// A transform whose coefficients are beyond what the fixed-point coordinates hold.
    OutOfRange,
    /// A transform that maps the plane onto a line or a point.
    Singular,
    /// An option outside its documented range, or one that its [`Scope`](crate::align::Scope) does not have.
    InvalidOption,
    /// A function of the distance that rises, or whose weights cannot be normalised, or are too
    /// steep: see [`Table`](crate::kernel::weighted::Table).
    WeightFunction,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Error::Empty => f.write_str("the image is empty"),
            Error::TooLarge => f.write_str("the image is too large"),
            Error::Stride => f.write_str("the stride is shorter than a row"),
            Error::TooShort { needed, found } => {
                write!(f, "the slice is too short: {needed} elements needed, {found} found")
            }
            Error::OutOfBounds => f.write_str("the view reaches beyond its image"),
            Error::SizeMismatch => f.write_str("the sizes do not agree"),
            Error::NotFinite => f.write_str("a parameter is NaN or infinite"),
            Error::OutOfRange => f.write_str("the transform is out of range"),
            Error::Singular => f.write_str("the transform is singular"),
            Error::InvalidOption => f.write_str("an option is out of range, or not to be had here"),
            Error::WeightFunction => f.write_str("the weight function rises, is not normal, or is too steep"),
        }
    }
}

impl core::error::Error for Error {}
