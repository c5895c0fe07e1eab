//! Alignment of the film's frames: where the camera looked, frame by frame.

use firmware::film::{FLOW, Film, VIEW};
use firmware::report::{Checks, Hash, milli, signed};
use firmware::say;
use heapless::Vec;
use nonius::align::{Aligner, Lean, Pair, Report, Shift, Status, Step, shift};
use nonius::{Affine, Homography};
use nonius::{Error, Transform, Translation};

use crate::memory::Memory;

/// The most frames of a film.
const FRAMES: usize = 8;

/// A trajectory of an optical flow sensor: each frame is aligned with the one before, and the shifts
/// add up.
#[inline(never)]
pub fn flow(memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    say!("translation of {} x {} frames, one after the other", FLOW.width, FLOW.height);
    let mut trajectory: Vec<Translation, FRAMES> = Vec::new();
    let mut here = Translation::IDENTITY;
    let _ = trajectory.push(here);
    let mut hash = Hash::default();
    for k in 1..FLOW.len() {
        let truth = flow_to(k)?;
        let report = align(&FLOW, k - 1, k, Translation::IDENTITY, memory)?;
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

/// The same shifts in whole numbers, by much fewer instructions.
#[inline(never)]
pub fn flow_in_whole_numbers(memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    say!("the same in whole numbers");
    let workspace = memory.pyramids.get_mut(..Shift::workspace(FLOW.width, FLOW.height)).unwrap_or_default();
    let mut hash = Hash::default();
    for k in 1..FLOW.len() {
        let found = shift(FLOW.frame(k - 1)?, FLOW.frame(k)?, 8, workspace)?;
        let error = distance(&found.transform(), &flow_to(k)?, &FLOW);
        let [x, y] = found.transform().parameters();
        let status = found.status.name();
        say!("  {}: {}, {} px, {} px off, {}", k, signed(x), signed(y), milli(error), status);
        checks.that(found.status == Status::Converged && error < 0.05, "a shift is found to 0.05 px");
        let [x, y] = found.translation;
        hash = hash.words(&[x.0, y.0, found.gain.to_bits(), found.offset.0, found.correlation.to_bits()]);
    }
    say!("  shifts:     {:016x}", hash.value());
    Ok(())
}

/// How the sensor of optical flow moved to frame `k` from the one before.
fn flow_to(k: usize) -> Result<Translation, Error> {
    let [before, now]: [Translation; 2] = [motion(&FLOW, k - 1)?, motion(&FLOW, k)?];
    now.compose(&before.invert()?)
}

/// A camera that follows a scene: each frame is aligned with the first one, beginning where the last
/// frame was.
#[inline(never)]
pub fn view(memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    say!("affine transforms of {} x {} frames, each to the first", VIEW.width, VIEW.height);
    let last = VIEW.len() - 1;
    let mut trajectory: Vec<Affine, FRAMES> = Vec::new();
    let mut hash = Hash::default();
    for k in 1..last {
        let initial = trajectory.last().copied().unwrap_or(Affine::IDENTITY);
        let report = align(&VIEW, 0, k, initial, memory)?;
        hash = hash.transform(&report.transform);
        tell(&VIEW, k, &report, checks)?;
        let _ = trajectory.push(report.transform);
    }
    say!("  transforms: {:016x}", hash.value());

    say!("homography of a {} x {} frame", VIEW.width, VIEW.height);
    let initial =
        trajectory.last().map_or(Ok(Homography::IDENTITY), |t| Homography::from_matrix(t.matrix()))?;
    let report = align(&VIEW, 0, last, initial, memory)?;
    tell(&VIEW, last, &report, checks)?;
    say!("  transform:  {:016x}", Hash::default().transform(&report.transform).value());
    Ok(())
}

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

/// Frame `fixed` to frame `moving`. Not inlined, so that the stack holds one aligner at a time.
#[inline(never)]
fn align<T: Transform>(
    film: &Film,
    fixed: usize,
    moving: usize,
    initial: T,
    memory: &mut Memory,
) -> Result<Report<T>, Error> {
    let pair = Pair::new(film.frame(fixed)?, film.frame(moving)?);
    // `Options` can do more, which takes twice the flash even where nothing of it is asked for.
    let mut aligner = Aligner::new(pair, initial, Lean::default(), &mut memory.pyramids, &mut [])?;
    loop {
        // Each step is one pass over the frame or less: between two there is time for other things.
        if let Step::Done(report) = aligner.step() {
            return Ok(report);
        }
    }
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
