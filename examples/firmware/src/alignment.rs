//! The alignment that everything here runs: once at a time, on a device and in its replay.

use nonius::align::{Aligner, Lean, Pair, Report, Step};
use nonius::{Error, Transform};

/// Aligns a pair from `initial` on. Not inlined, so that the stack holds one aligner at a time.
///
/// # Errors
/// As [`Aligner::new`].
#[inline(never)]
pub fn align<T: Transform>(pair: Pair<'_, u8>, initial: T, workspace: &mut [u8]) -> Result<Report<T>, Error> {
    // `Options` can do more, which takes more flash even where nothing of it is asked for.
    let mut aligner = Aligner::new(pair, initial, Lean::default(), workspace, &mut [])?;
    loop {
        // Each step is one pass over the frame or less: between two there is time for other things.
        if let Step::Done(report) = aligner.step() {
            return Ok(report);
        }
    }
}
