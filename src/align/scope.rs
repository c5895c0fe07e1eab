//! What an aligner is built for: all there is, or what a microcontroller has room for.
//!
//! In: options of some type. Out: the [`Options`] that they stand for. What a type of options fixes is known to the
//! compiler, and what none of its values can ask for is not linked.
#![forbid(unsafe_code)]

use super::moments::Total;
use super::robust::{Gather, Histogram};
use super::{Method, Options};
use crate::transform::Degree;

/// What an [`Aligner`](super::Aligner) or a [`Tracker`](super::Tracker) can be asked for: the type of its options. [`Options`] ask for everything,
/// [`Lean`] for what fits into a few kilobytes. Sealed.
pub trait Scope: Copy + core::fmt::Debug + Send + Sync + sealed::Sealed {
    /// Whether it has all there is: masks and selections, other losses, methods and interpolations than the plainest.
    #[doc(hidden)]
    const WHOLE: bool;
    /// What holds the sums of a model over an image.
    #[doc(hidden)]
    type Total<D: Degree>: Total;
    /// What gathers residuals.
    #[doc(hidden)]
    type Histogram: Gather;

    /// The options of a whole aligner that gives the same, to the last bit.
    fn options(&self) -> Options;

    /// The same without a coarse search.
    #[doc(hidden)]
    fn without_search(self) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Options {}
    impl Sealed for super::Lean {}
}

impl Scope for Options {
    const WHOLE: bool = true;
    type Total<D: Degree> = i128;
    type Histogram = Histogram;

    #[inline(always)]
    fn options(&self) -> Options {
        *self
    }
    fn without_search(self) -> Self {
        Self { search: 0.0, rotation: 0.0, ..self }
    }
}

/// How to align where flash and stack are scarce: inverse compositional and bilinear, by least squares with gain and
/// offset, with the coarse search for shifts, and nothing else. Takes 0.5 to 0.7 of the flash and 0.6 to 0.8 of the stack
/// that [`Options`] take on Cortex-M, and gives the results of those of [`Scope::options`], to the last bit. Images
/// cannot have masks.
///
/// Sums of models up to affine are held in 64 bits, so that the fixed image is limited: to 6421 x 6421 pixels of 8 bits,
/// and of 16 to 399 x 399 (724 x 724 by a translation).
///
/// ```
/// use nonius::align::{Aligner, Lean, Pair, Status};
/// use nonius::{Affine, Image, Transform};
///
/// let scene = |x: f64, y: f64| 100.0 + 50.0 * (0.3 * x).sin() * (0.2 * y).cos() + 20.0 * (0.01 * x * y).sin();
/// let view = |dx: f64| -> [u8; 48 * 48] {
///     core::array::from_fn(|i| scene((i % 48) as f64 * 0.7 - dx, (i / 48) as f64 * 0.7) as u8)
/// };
/// let (fixed, moving) = (view(0.0), view(1.25 * 0.7));
/// let pair = Pair::new(Image::new(&fixed, 48, 48)?, Image::new(&moving, 48, 48)?);
///
/// const PIXELS: usize = Aligner::<u8, Affine, Lean>::workspace_pixels((48, 48), (48, 48));
/// let mut pixels = [0; PIXELS];
/// let report = Aligner::new(pair, Affine::IDENTITY, Lean::default(), &mut pixels, &mut [])?.run();
/// assert_eq!(report.status, Status::Converged);
/// assert!((report.transform.parameters()[2] - 1.25).abs() < 0.05);
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lean {
    /// As [`Options::levels`](field@Options::levels).
    pub levels: Option<usize>,
    /// As [`Options::max_iterations`].
    pub max_iterations: u16,
    /// As [`Options::epsilon`].
    pub epsilon: f64,
    /// As [`Options::min_support`].
    pub min_support: f64,
    /// As [`Options::search`].
    pub search: f64,
}

impl Default for Lean {
    fn default() -> Self {
        let Options { levels, max_iterations, epsilon, min_support, search, .. } = Options::default();
        Self { levels, max_iterations, epsilon, min_support, search }
    }
}

impl Scope for Lean {
    const WHOLE: bool = false;
    type Total<D: Degree> = D::Total;
    type Histogram = ();

    #[inline(always)]
    fn options(&self) -> Options {
        let Self { levels, max_iterations, epsilon, min_support, search } = *self;
        Options {
            levels,
            max_iterations,
            epsilon,
            min_support,
            search,
            method: Method::InverseCompositional,
            ..Options::default()
        }
    }
    fn without_search(self) -> Self {
        Self { search: 0.0, ..self }
    }
}
