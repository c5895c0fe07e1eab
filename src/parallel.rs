//! Bands of rows on several threads (feature `rayon`).
//!
//! In: an operation on rows, and how many threads it may use. Out: what it gives on one, bit by bit.
//! Every driver of the crate goes over rows that do not depend on each other, so all that is here is
//! how an operation is cut into bands ([`Bands`]) and what comes of the bands is put together again,
//! in their order.
#![forbid(unsafe_code)]

use crate::simd::{Level, Operation};

/// How many threads a call uses: always one without feature `rayon`.
///
/// Results are the same, to the last bit, for any number. The threads are those of the rayon pool
/// that the call is made in. A call that has not enough to do for several does it on the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Threads {
    #[cfg(feature = "rayon")]
    count: usize,
    /// The fewest pixels of a band.
    #[cfg(feature = "rayon")]
    grain: usize,
}

/// The fewest pixels of a band, so that smaller images are not slower: on two cores nearest `u8` has 0.8
/// times the speed of one thread at 256 x 192 pixels, and 1.3 times at 320 x 240.
#[cfg(feature = "rayon")]
const GRAIN: usize = 1 << 15;

impl Threads {
    /// The caller's alone.
    pub const ONE: Threads = Threads {
        #[cfg(feature = "rayon")]
        count: 1,
        #[cfg(feature = "rayon")]
        grain: GRAIN,
    };

    /// At most `count`.
    #[cfg(feature = "rayon")]
    pub const fn new(count: usize) -> Self {
        Self { count, ..Self::ONE }
    }

    /// All of the pool.
    #[cfg(feature = "rayon")]
    pub const fn all() -> Self {
        Self::new(usize::MAX)
    }

    /// With bands of at least so many pixels, instead of a number that suits the fastest kernels.
    #[cfg(feature = "rayon")]
    pub const fn with_grain(self, pixels: usize) -> Self {
        Self { grain: pixels, ..self }
    }

    /// Does all of an operation at a level.
    #[inline]
    pub(crate) fn run<O: Bands>(self, level: Level, operation: O) -> O::Output {
        #[cfg(feature = "rayon")]
        return {
            let bands = self.bands(&operation);
            divide(level, operation, bands)
        };
        #[cfg(not(feature = "rayon"))]
        level.run(operation)
    }

    /// The same for sums that are rounded: joined in the order that [`halves`] has, for any number of
    /// threads.
    pub(crate) fn sum<O: Bands>(self, level: Level, operation: O) -> O::Output {
        let bands = self.bands(&operation);
        halves(level, operation, bands)
    }

    /// Into how many bands an operation is cut.
    fn bands(self, operation: &impl Bands) -> usize {
        #[cfg(feature = "rayon")]
        {
            let [width, height] = operation.size();
            let worth = width.saturating_mul(height).checked_div(self.grain).unwrap_or(usize::MAX);
            let pool = rayon::current_num_threads();
            // More bands than threads where that uses no more threads: not all rows take as long, and
            // not all threads have a core of their own.
            let bands = if pool > 1 && self.count >= pool { 4 * pool } else { self.count };
            bands.min(worth).min(height)
        }
        #[cfg(not(feature = "rayon"))]
        {
            let _ = operation;
            1
        }
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self::ONE
    }
}

/// An operation on rows, none of which depends on another.
pub(crate) trait Bands: Operation<Output: Send> + Send {
    /// Pixels of a row, and rows.
    fn size(&self) -> [usize; 2];
    /// The operation on the rows above row `at`, and that on the others.
    fn split(self, at: usize) -> (Self, Self)
    where
        Self: Sized;
    /// The output of both.
    fn join(above: Self::Output, below: Self::Output) -> Self::Output;
}

/// Cuts an operation into so many bands.
#[cfg(feature = "rayon")]
fn divide<O: Bands>(level: Level, operation: O, bands: usize) -> O::Output {
    if bands < 2 {
        return level.run(operation);
    }
    let [_, height] = operation.size();
    let first = bands / 2;
    let parts = operation.split(height * first / bands);
    let (above, below) =
        at_once(true, parts, |part| divide(level, part, first), |part| divide(level, part, bands - first));
    O::join(above, below)
}

/// The rows of an operation whose sums are summed one after the other.
const BLOCK: usize = 32;

/// Cuts an operation in two until at most [`BLOCK`] rows are left, each time at the largest power of two
/// below its height; into so many bands at once.
fn halves<O: Bands>(level: Level, operation: O, bands: usize) -> O::Output {
    let [_, height] = operation.size();
    if height <= BLOCK {
        return level.run(operation);
    }
    let at = height.div_ceil(2).next_power_of_two();
    let first = (bands * at / height).max(1).min(bands);
    let (above, below) = at_once(
        bands > 1,
        operation.split(at),
        |part| halves(level, part, first),
        |part| halves(level, part, bands - first),
    );
    O::join(above, below)
}

/// Does something to either of two, on two threads if that is asked for and there is one to spare.
fn at_once<P: Send, R: Send>(
    asked: bool,
    (above, below): (P, P),
    one: impl Fn(P) -> R + Sync,
    other: impl Fn(P) -> R + Sync,
) -> (R, R) {
    #[cfg(feature = "rayon")]
    if asked {
        let (mut above, mut below) = ((Some(above), None), (Some(below), None));
        both(&mut || above.1 = above.0.take().map(&one), &mut || below.1 = below.0.take().map(&other));
        // (Both have been run once; threads are not of the core, which has no such line.)
        let (Some(above), Some(below)) = (above.1, below.1) else { unreachable!() };
        return (above, below);
    }
    let _ = asked;
    (one(above), other(below))
}

/// Calls both, on two threads if there is one to spare. (Not for any two closures, but for these
/// references: so what rayon does about them is compiled once, and not for every operation.)
#[cfg(feature = "rayon")]
fn both(above: &mut (dyn FnMut() + Send), below: &mut (dyn FnMut() + Send)) {
    rayon::join(above, below);
}
