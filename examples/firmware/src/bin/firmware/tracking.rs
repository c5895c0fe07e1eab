//! Alignment of a film's frames: where the camera looked, frame by frame. Frames, and what is found in
//! them, go to the record.

#[cfg(not(feature = "small"))]
use firmware::alignment::align;
use firmware::film::{FLOW, Film};
use firmware::record::{Line, Record};
use firmware::report::{Checks, Hash, milli, signed};
use firmware::say;
use nonius::align::{Shift, Status, shift};
use nonius::{Error, Transform, Translation};
#[cfg(not(feature = "small"))]
use {
    firmware::film::VIEW,
    heapless::Vec,
    nonius::align::{Pair, Report},
    nonius::{Affine, Homography},
};

use crate::memory::Memory;

/// The most frames of a film.
#[cfg(not(feature = "small"))]
const FRAMES: usize = 8;
/// How far shifts in whole numbers are searched for, in pixels.
pub const SEARCH: usize = 8;

/// An optical flow sensor, in whole numbers: each frame is aligned with the one before.
#[inline(never)]
pub fn flow_in_whole_numbers(
    memory: &mut Memory,
    record: &mut Record,
    checks: &mut Checks,
) -> Result<(), Error> {
    say!("shifts of {} x {} frames in whole numbers, one after the other", FLOW.width, FLOW.height);
    let workspace = memory.pyramids.get_mut(..Shift::workspace(FLOW.width, FLOW.height)).unwrap_or_default();
    let mut hash = Hash::default();
    record.frame(FLOW.name, 0, FLOW.frame(0)?);
    for k in 1..FLOW.len() {
        let [fixed, moving] = [FLOW.frame(k - 1)?, FLOW.frame(k)?];
        record.frame(FLOW.name, k, moving);
        let found = shift(fixed, moving, SEARCH, workspace)?;
        let error = distance(&found.transform(), &flow_to(k)?, &FLOW);
        let [x, y] = found.transform().parameters();
        let status = found.status.name();
        say!("  {}: {}, {} px, {} px off, {}", k, signed(x), signed(y), milli(error), status);
        record.line(|| Line::shift((FLOW.name, [k - 1, k]), SEARCH, &found));
        checks.that(found.status == Status::Converged && error < 0.05, "a shift is found to 0.05 px");
        let [x, y] = found.translation;
        hash = hash.words(&[x.0, y.0, found.gain.to_bits(), found.offset.0, found.correlation.to_bits()]);
    }
    say!("  shifts:     {:016x}", hash.value());
    Ok(())
}

/// Its trajectory: the same by an aligner, and the shifts add up.
#[cfg(not(feature = "small"))]
#[inline(never)]
pub fn flow(memory: &mut Memory, record: &mut Record, checks: &mut Checks) -> Result<(), Error> {
    say!("the same by an aligner, with the trajectory");
    let mut trajectory: Vec<Translation, FRAMES> = Vec::new();
    let mut here = Translation::IDENTITY;
    let _ = trajectory.push(here);
    let mut hash = Hash::default();
    for k in 1..FLOW.len() {
        let truth = flow_to(k)?;
        let report = find(&FLOW, [k - 1, k], Translation::IDENTITY, memory, record)?;
        let error = distance(&report.transform, &truth, &FLOW);
        let [x, y] = report.transform.parameters();
        say!(
            "  {}: {}, {} px, {} px off, {}, {} passes",
            k,
            signed(x),
            signed(y),
            milli(error),
            report.status.name(),
            report.iterations.iter().sum::<u16>()
        );
        checks.that(report.status == Status::Converged && error < 0.05, "a shift is found to 0.05 px");
        hash = hash.transform(&report.transform);
        here = report.transform.compose(&here)?;
        let _ = trajectory.push(here);
    }
    let off = motion(&FLOW, FLOW.len() - 1).map(|truth: Translation| distance(&here, &truth, &FLOW))?;
    say!("  after {} frames {} px off", trajectory.len() - 1, milli(off));
    checks.that(trajectory.len() == FLOW.len() && off < 0.1, "the trajectory ends where the camera did");
    say!("  transforms: {:016x}", hash.value());
    Ok(())
}

/// How the sensor of optical flow moved to frame `k` from the one before.
fn flow_to(k: usize) -> Result<Translation, Error> {
    let [before, now]: [Translation; 2] = [motion(&FLOW, k - 1)?, motion(&FLOW, k)?];
    now.compose(&before.invert()?)
}

/// A camera that follows a scene: each frame is aligned with the first one, beginning where the last
/// frame was.
#[cfg(not(feature = "small"))]
#[inline(never)]
pub fn view(memory: &mut Memory, record: &mut Record, checks: &mut Checks) -> Result<(), Error> {
    say!("affine transforms of {} x {} frames, each to the first", VIEW.width, VIEW.height);
    let last = VIEW.len() - 1;
    let mut trajectory: Vec<Affine, FRAMES> = Vec::new();
    let mut hash = Hash::default();
    record.frame(VIEW.name, 0, VIEW.frame(0)?);
    for k in 1..last {
        record.frame(VIEW.name, k, VIEW.frame(k)?);
        let initial = trajectory.last().copied().unwrap_or(Affine::IDENTITY);
        let report = find(&VIEW, [0, k], initial, memory, record)?;
        hash = hash.transform(&report.transform);
        tell(&VIEW, k, &report, checks)?;
        let _ = trajectory.push(report.transform);
    }
    say!("  transforms: {:016x}", hash.value());

    say!("homography of a {} x {} frame", VIEW.width, VIEW.height);
    record.frame(VIEW.name, last, VIEW.frame(last)?);
    let initial =
        trajectory.last().map_or(Ok(Homography::IDENTITY), |t| Homography::from_matrix(t.matrix()))?;
    let report = find(&VIEW, [0, last], initial, memory, record)?;
    tell(&VIEW, last, &report, checks)?;
    say!("  transform:  {:016x}", Hash::default().transform(&report.transform).value());
    Ok(())
}

#[cfg(not(feature = "small"))]
fn tell<T: Transform>(film: &Film, k: usize, report: &Report<T>, checks: &mut Checks) -> Result<(), Error> {
    let error = distance(&report.transform, &motion(film, k)?, film);
    say!(
        "  {}: {} px off at the corners, {}, {} passes, correlation {}, gain {}",
        k,
        milli(error),
        report.status.name(),
        report.iterations.iter().sum::<u16>(),
        milli(report.correlation),
        milli(report.gain)
    );
    checks.that(report.status == Status::Converged && error < 0.1, "a view is found to 0.1 px");
    Ok(())
}

/// Aligns two frames of a film, and records what was found.
#[cfg(not(feature = "small"))]
fn find<T: Transform>(
    film: &Film,
    frames: [usize; 2],
    initial: T,
    memory: &mut Memory,
    record: &mut Record,
) -> Result<Report<T>, Error> {
    let pair = Pair::new(film.frame(frames[0])?, film.frame(frames[1])?);
    let report = align(pair, initial, &mut memory.pyramids)?;
    record.line(|| Line::align((film.name, frames), &initial, &report));
    Ok(report)
}

/// How the camera moved from frame 0 to frame `k`.
fn motion<T: Transform>(film: &Film, k: usize) -> Result<T, Error> {
    let [a, b, c, d, e, f, g, h] = film.motion.get(k).copied().unwrap_or_default();
    T::from_matrix([a, b, c, d, e, f, g, h, 1.0])
}

/// The greatest distance between the images of the frame's corners.
fn distance<T: Transform>(found: &T, truth: &T, film: &Film) -> f64 {
    let (x, y) = ((film.width - 1) as f64, (film.height - 1) as f64);
    [(0.0, 0.0), (x, 0.0), (0.0, y), (x, y)].iter().fold(0.0_f64, |most, &(x, y)| {
        let ((a, b), (c, d)) = (found.apply(x, y), truth.apply(x, y));
        most.max(libm::hypot(a - c, b - d))
    })
}
