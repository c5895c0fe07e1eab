//! The aligner: a state machine that does one pass over one level at a step.
#![forbid(unsafe_code)]

use core::marker::PhantomData;
use core::ops::Range;

use super::moments::{FixedMoments, Statistics};
use super::noise::{Support, high_pass, steepness};
use super::normal::{Accumulate, LevelPair, Onto, Pass};
use super::photometry::Photometry;
use super::robust::{Gather, Loss, Robust};
use super::search::Match;
use super::solve::{Column, Factor, SIZE, Symmetric, solve};
use super::support::{KEPT, Room};
use super::{Grey, Interpolation, LEAST_SIDE, Options, Pair, Report, Scope, Status, search, select};
use crate::Error;
use crate::fixed::{root, scaled};
use crate::image::Image;
use crate::kernel::Array;
use crate::parallel::{Bands, Threads};
use crate::pyramid::{MAX_LEVELS, Pyramid, buffer_len, to_full, to_level};
use crate::simd::{self, Lanes, Level, Operation};
use crate::transform::{
    IDENTITY, Matrix, Term, Transform, after_shift, at, before_shift, inverse, multiply, of,
};
use crate::walk::Subpixel;

/// Levels but the last are left when no corner moves by this many of their pixels any more.
const COARSE_EPSILON: f64 = 1.0 / 32.0;
/// How many rows, at least, are looked at to compare two transforms.
const LOOK: usize = 16;
/// From this correlation on there is no need to look elsewhere.
const ALIKE: f64 = 0.98;
/// So many iterations are enough to be shared between two beginnings.
const SHARED: u16 = 8;
/// The least part of an increment that is made.
const LEAST_PART: f32 = 0.5;
/// How four corners move.
type Moves = [[f32; 2]; 4];
/// Steps of this many pixels are beyond what the interpolation of the last iterations could matter for.
const ROUGH: f64 = 0.25;

/// The elements that an [`Aligner`] needs from its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WorkspaceSize {
    /// Pixels, for the pyramids of the two images and for what is kept of the fixed one's rows.
    pub pixels: usize,
    /// Bytes, for the pyramids of the masks; 0 without masks.
    pub masks: usize,
}

/// Where an alignment is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Progress {
    /// The level that the step worked on; 0 is the full size.
    pub level: usize,
    /// How many levels there are.
    pub levels: usize,
    /// Width of the fixed image at this level.
    pub width: usize,
    /// Height of the fixed image at this level.
    pub height: usize,
    /// Iterations done at this level; 0 during the coarse search.
    pub iteration: u16,
    /// Correlation of the best transform so far at this level, -1 to 1.
    pub correlation: f64,
    /// The increment that this step tried: the most that a corner of the fixed image moved, in pixels
    /// of this level.
    pub step: f64,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<R> {
    /// There is more to do.
    Running(Progress),
    /// It has ended; further steps repeat this.
    Done(R),
}

impl<R> Step<R> {
    /// What has come of it, if it has ended.
    pub fn done(self) -> Option<R> {
        if let Step::Done(result) = self { Some(result) } else { None }
    }
}

/// An alignment in progress. See the [module](super) for the method.
///
/// ```
/// use nonius::align::{Aligner, Options, Pair, Status};
/// use nonius::{Image, Transform, Translation};
///
/// // Two views of a smooth pattern, 1.25 pixels apart, one brighter than the other.
/// let scene = |x: f64, y: f64| 100.0 + 50.0 * (0.3 * x).sin() * (0.2 * y).cos() + 20.0 * (0.01 * x * y).sin();
/// let view = |dx: f64, gain: f64| -> Vec<u8> {
///     (0..64 * 48).map(|i| (gain * scene((i % 64) as f64 * 0.7 - dx, (i / 64) as f64 * 0.7)) as u8).collect()
/// };
/// let (fixed, moving) = (view(0.0, 1.0), view(1.25 * 0.7, 1.2));
/// let pair = Pair::new(Image::new(&fixed, 64, 48)?, Image::new(&moving, 64, 48)?);
///
/// let options = Options::default();
/// let size = Aligner::<u8, Translation>::workspace(&pair, &options)?;
/// let (mut pixels, mut masks) = (vec![0; size.pixels], vec![0; size.masks]);
/// let report = Aligner::new(pair, Translation::IDENTITY, options, &mut pixels, &mut masks)?.run();
///
/// assert_eq!(report.status, Status::Converged);
/// let [tx, ty] = report.transform.parameters();
/// assert!((tx - 1.25).abs() < 0.02 && ty.abs() < 0.02, "{tx} {ty}");
/// assert!((report.gain - 1.2).abs() < 0.01);
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Aligner<'a, P, T: Transform, S: Scope = Options> {
    options: S,
    images: Images<'a, P>,
    levels: usize,
    level: usize,
    /// The level that refining begins with; the search may begin with a smaller one.
    top: usize,
    phase: Phase,
    pub(super) progress: Progress,
    iterations: heapless::Vec<u16, MAX_LEVELS>,
    iteration: u16,
    /// Iterations at this level from where the search ended, while its rival has its turn.
    earlier: u16,
    /// What to report if no level had enough support.
    initial: T,
    found: bool,
    /// What the next pass tries, and how far it is from the best in pixels.
    candidate: T,
    step: f64,
    /// What the next pass assumes, and whether that comes of a pass.
    photometry: Photometry,
    known: bool,
    loss: Loss,
    interpolation: Interpolation,
    /// The robust scale that the loss is for; none before the first pass of a level, nor in least squares.
    sigma: Option<f64>,
    damping: f64,
    /// Whether what it shortens are steps that leave too little support.
    leaves: bool,
    /// How the last increment moved the corners, and what part it was of the one that was computed.
    last: Option<(Moves, f32)>,
    best: Option<Best<T>>,
    /// Whether the last pass of this level is of use for the next: what it has summed to of the fixed image, and over
    /// which pixels.
    shared: bool,
    moments: FixedMoments<S::Total<T::Degree>, T::Degree>,
    pub(super) kept: Room<'a, P>,
    rival: Rival<T>,
}

/// Where else refining may begin. What the search found has the highest correlation of all shifts, and yet
/// is wrong where images are turned or distorted so much that the right one correlates no better.
#[derive(Clone, Copy, Debug)]
enum Rival<T> {
    None,
    /// The initial transform, to be tried once the search's has been.
    Waiting(T),
    /// What the search's came to, and the correlation there.
    Against(T, f64),
}

/// The pyramids of a pair and its masks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Images<'a, P> {
    pub(super) fixed: Pyramid<'a, P>,
    pub(super) moving: Pyramid<'a, P>,
    pub(super) fixed_mask: Option<Pyramid<'a, u8>>,
    pub(super) moving_mask: Option<Pyramid<'a, u8>>,
    /// The maps of what is selected of the fixed image.
    pub(super) selection: Option<&'a [P]>,
}

impl<'a, P: Grey> Images<'a, P> {
    /// Those of a level.
    #[inline(never)]
    fn pair<S: Scope>(&self, options: &S, at: usize) -> Option<LevelPair<'a, P>> {
        let mask = |pyramid: &Option<Pyramid<'a, u8>>| {
            pyramid.as_ref().filter(|_| S::WHOLE).and_then(|pyramid| pyramid.level(at))
        };
        let Images { fixed, moving, fixed_mask, moving_mask, selection } = self;
        let selected = selection.filter(|_| S::WHOLE).and_then(|maps| {
            let [base, level] = [0, at].map(|level| fixed.level(level).map(|image| size(&image)));
            let (width, height) = level?;
            select::selects(&options.options(), width, height).then(|| select::map(maps, base?, at))?
        });
        Some(LevelPair {
            fixed: fixed.level(at)?,
            moving: moving.level(at)?,
            fixed_mask: mask(fixed_mask),
            moving_mask: mask(moving_mask),
            selected,
        })
    }
}

/// Where an alignment begins.
struct Start<T> {
    levels: usize,
    top: usize,
    candidate: T,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Comparing shifts along x and y and turns, from -range to range: the next row of shifts, and turn, first in line.
    Search {
        next: [i32; 2],
        range: [i32; 3],
        best: [i32; 3],
        found: Match,
    },
    Refine,
    Done(Status),
}

impl Phase {
    fn searching(range: [i32; 3]) -> Self {
        let [_, y, turns] = range;
        Phase::Search { next: [-y, -turns], range, best: [0; 3], found: Match::NONE }
    }
}

/// The best transform of a level, and the system about it.
#[derive(Clone, Copy, Debug)]
struct Best<T> {
    transform: T,
    photometry: Photometry,
    statistics: Statistics,
    /// What must not fall: the correlation, or less the mean square or the mean loss.
    merit: f64,
    /// Robust scale of its residuals, where the loss is to follow that.
    sigma: f64,
    n: f64,
    matrix: Symmetric,
    right: Column,
}

impl<'a, P: Grey, T: Transform, S: Scope> Aligner<'a, P, T, S> {
    /// The workspace that [`Self::new`] will ask for.
    ///
    /// # Errors
    /// [`Error::InvalidOption`], also for masks where the [`Scope`] has none; [`Error::TooLarge`] for images that are
    /// larger than it has sums for.
    pub fn workspace(pair: &Pair<'_, P>, options: &S) -> Result<WorkspaceSize, Error> {
        let (fixed, moving) = (size(&pair.fixed), size(&pair.moving));
        let options = &options.options();
        options.check()?;
        if !S::WHOLE && (pair.fixed_mask.is_some() || pair.moving_mask.is_some()) {
            return Err(Error::InvalidOption);
        }
        Self::check_size(fixed)?;
        let (_, levels) = options.levels::<T>(fixed, moving)?;
        let rest = |(width, height): (usize, usize)| buffer_len(width, height, levels);
        let mask = |mask: &Option<Image<'_, u8>>| mask.as_ref().map_or(0, |m| rest(size(m)));
        Ok(WorkspaceSize {
            pixels: rest(fixed) + rest(moving) + selection::<T, S>(options, fixed, moving)? + KEPT * fixed.1,
            masks: mask(&pair.fixed_mask) + mask(&pair.moving_mask),
        })
    }

    /// Pixels that are enough for images of these sizes (width and height) with any options, at compile time: those of
    /// [`Self::workspace`], as if the pyramids had all the levels there can be. Masks, if both are in use, need as many
    /// bytes as [`buffer_len`] says of either image.
    pub const fn workspace_pixels(fixed: (usize, usize), moving: (usize, usize)) -> usize {
        let maps = if S::WHOLE { select::maps_len(fixed.0, fixed.1, MAX_LEVELS) } else { 0 };
        buffer_len(fixed.0, fixed.1, MAX_LEVELS)
            .saturating_add(buffer_len(moving.0, moving.1, MAX_LEVELS))
            .saturating_add(maps)
            .saturating_add(KEPT.saturating_mul(fixed.1))
    }

    /// Whether there are sums for a fixed image of this size.
    pub(super) fn check_size((width, height): (usize, usize)) -> Result<(), Error> {
        let most = Accumulate::<P, T::Plan, T::Degree, S>::MAX_SIDE;
        if width.max(height) > most { Err(Error::TooLarge) } else { Ok(()) }
    }

    /// Builds the pyramids and is ready to step from `initial` (fixed to moving pixels).
    ///
    /// # Errors
    /// Those of [`Self::workspace`]; [`Error::TooShort`] if the workspace is shorter than that says;
    /// [`Error::OutOfRange`], [`Error::Singular`] and [`Error::NotFinite`] if `initial` is no transform between pixels of
    /// the smallest level.
    // (Written where it is wanted, without a copy on the stack.)
    #[inline(always)]
    pub fn new(
        pair: Pair<'a, P>,
        initial: T,
        options: S,
        pixels: &'a mut [P],
        masks: &'a mut [u8],
    ) -> Result<Self, Error> {
        let (images, kept) = Self::images(&pair, &options, pixels, masks)?;
        Self::of(images, initial, options, kept)
    }

    /// Builds the pyramids. Out: also room for what is kept of rows.
    #[inline(never)]
    fn images(
        pair: &Pair<'a, P>,
        options: &S,
        pixels: &'a mut [P],
        masks: &'a mut [u8],
    ) -> Result<(Images<'a, P>, &'a mut [P]), Error> {
        let needed = Self::workspace(pair, options)?;
        let options = &options.options();
        let sizes = (size(&pair.fixed), size(&pair.moving));
        let (_, levels) = options.levels::<T>(sizes.0, sizes.1)?;
        let maps = selection::<T, S>(options, sizes.0, sizes.1)?;
        let (kept, pixels) = split(pixels, KEPT * sizes.0.1, needed.pixels)?;
        let needed_of_both = needed.pixels - kept.len();
        let (maps, rest_of_both) = split(pixels, maps, needed_of_both)?;
        let (a, b) = split(rest_of_both, rest(&pair.fixed, levels), needed_of_both - maps.len())?;
        let pyramid = |image, buffer| Pyramid::with_threads(image, levels, buffer, options.threads);
        let (fixed, moving) = (pyramid(pair.fixed, a)?, pyramid(pair.moving, b)?);
        if !S::WHOLE {
            return Ok((
                Images { fixed, moving, fixed_mask: None, moving_mask: None, selection: None },
                kept,
            ));
        }
        let first = pair.fixed_mask.as_ref().map_or(0, |m| rest(m, levels));
        let (a, b) = split(masks, first, needed.masks)?;
        let fixed_mask = pair.fixed_mask.map(|m| Pyramid::new_mask(m, levels, a)).transpose()?;
        let moving_mask = pair.moving_mask.map(|m| Pyramid::new_mask(m, levels, b)).transpose()?;
        let selection = select_all::<P, T>(&fixed, &fixed_mask, sizes.1, options, maps)?;
        Ok((Images { fixed, moving, fixed_mask, moving_mask, selection }, kept))
    }

    /// Is ready to step, on pyramids of at least the levels that `options` ask for.
    #[inline(always)]
    pub(super) fn of(
        images: Images<'a, P>,
        initial: T,
        options: S,
        kept: &'a mut [P],
    ) -> Result<Self, Error> {
        let Start { levels, top, candidate, phase } = Self::start(&images, &initial, &options)?;
        Ok(Self {
            options,
            images,
            levels,
            level: levels - 1,
            top,
            phase,
            progress: Progress::default(),
            iterations: heapless::Vec::new(),
            iteration: 0,
            earlier: 0,
            initial,
            found: false,
            candidate,
            step: 0.0,
            photometry: Photometry::none::<P::Word>(),
            known: false,
            loss: Loss::Squares,
            interpolation: Interpolation::Bilinear,
            sigma: None,
            damping: 0.0,
            leaves: false,
            last: None,
            best: None,
            shared: false,
            moments: FixedMoments::<S::Total<T::Degree>, T::Degree>::ZERO,
            kept: Room(kept),
            rival: Rival::None,
        })
    }

    #[inline(never)]
    fn start(images: &Images<'a, P>, initial: &T, scope: &S) -> Result<Start<T>, Error> {
        let options = &scope.options();
        let base = |image: Option<Image<'_, P>>| image.map_or((0, 0), |image| size(&image));
        let sizes = (base(images.fixed.level(0)), base(images.moving.level(0)));
        let (refined, levels) = options.levels::<T>(sizes.0, sizes.1)?;
        let (top, last) = (refined - 1, levels - 1);
        let turn = if T::DEGREE > 0 { options.rotation } else { 0.0 };
        let pair = images.pair(scope, last);
        let range = pair.map_or([0; 3], |pair| search::range(&pair, options.search, turn));
        // (A search that compares one transform only goes on to the first level to be refined.)
        let searches = range.iter().any(|&r| r != 0) || last > top;
        let phase = if searches { Phase::searching(range) } else { Phase::Refine };
        Ok(Start { levels, top, candidate: at_level(initial, last)?, phase })
    }

    /// Steps until the end.
    pub fn run(&mut self) -> Report<T> {
        loop {
            if let Some(status) = self.advance() {
                return self.report(status);
            }
        }
    }

    /// One pass over one level: an iteration, or the comparison of the shifts of one row.
    ///
    /// There are at most `(2 s + 1)(2 r + 1)` steps of the coarse search, where s is [`Options::search`] of the height of
    /// the fixed image at the smallest level, rounded, and r is [`Options::rotation`] times a quarter of its diagonal
    /// there, rounded up; nine at each level between that and the first to be refined; and then
    /// [`Options::max_iterations`] at each level, and at the first up to two more.
    pub fn step(&mut self) -> Step<Report<T>> {
        match self.advance() {
            Some(status) => Step::Done(self.report(status)),
            None => Step::Running(self.progress),
        }
    }

    /// A step, and how the alignment has ended if it has. (What it has come to takes room on the stack.)
    #[inline(always)]
    fn advance(&mut self) -> Option<Status> {
        match self.phase {
            Phase::Search { .. } => self.search(),
            Phase::Refine => self.refine(),
            Phase::Done(_) => {}
        }
        if let Phase::Done(status) = self.phase { Some(status) } else { None }
    }

    /// The best transform so far, fixed to moving pixels at full size.
    pub fn current(&self) -> T {
        let best = self.best.as_ref().map_or(self.candidate, |b| b.transform);
        T::from_matrix(to_full(&best.matrix(), self.level)).unwrap_or(self.initial)
    }

    /// The images of the current level.
    fn pair(&self) -> Option<LevelPair<'a, P>> {
        self.images.pair(&self.options, self.level)
    }

    /// What is asked for. (Of a scope that leaves something out, that is known here.)
    #[inline(always)]
    fn options(&self) -> Options {
        self.options.options()
    }

    #[inline(never)]
    fn search(&mut self) {
        let (Phase::Search { next, range, mut best, mut found }, Some(pair)) = (self.phase, self.pair())
        else {
            return;
        };
        let before = found;
        let [across, down, turns] = range;
        let beginning = found == Match::NONE && next == [-down, -turns];
        let turned = |from: T, units: i32| {
            if S::WHOLE { search::turned(&pair, &from.matrix(), units) } else { from.matrix() }
        };
        let mut compare = |columns: Range<i32>, [y, units]: [i32; 2]| {
            let turned = if !S::WHOLE || units == 0 {
                Ok(self.candidate)
            } else {
                T::from_matrix(turned(self.candidate, units))
            };
            if let Ok(turned) = turned
                && let (here, x) = self.compare(&pair, &turned, columns, y, 1, found)
                && here > found
            {
                (best, found) = ([x, y, units], here);
            }
        };
        if beginning {
            // The initial transform first, so that it is preferred among equals.
            compare(0..1, [0; 2]);
        }
        let (first, end) = (-across, across + 1);
        let columns = if next == [0; 2] { [first..0, 1..end] } else { [first..end, 0..0] };
        for columns in columns {
            compare(columns, next);
        }
        // (A square root takes long on small processors.)
        let correlation = if found == before { self.progress.correlation } else { found.correlation() };
        self.note(&pair, correlation);
        let [y, turn] = next;
        let next = if y < down { [y + 1, turn] } else { [-down, turn + 1] };
        if next[1] <= turns {
            self.phase = Phase::Search { next, range, best, found };
            return;
        }
        let [x, y, units] = best;
        let mut moved = turned(self.candidate, units);
        before_shift(&mut moved, x.into(), y.into());
        self.candidate = T::from_matrix(moved).unwrap_or(self.candidate);
        if self.level == self.top {
            self.phase = Phase::Refine;
            self.rival = match at_level(&self.initial, self.level) {
                Ok(initial) if initial != self.candidate && self.options().max_iterations >= SHARED => {
                    Rival::Waiting(initial)
                }
                _ => Rival::None,
            };
        } else {
            // At the larger levels there are only the neighbours to look at.
            self.phase = Phase::searching(range.map(|r| r.min(1)));
            if self.finer().is_err() {
                self.phase = Phase::Done(Status::Stalled);
            }
        }
    }

    /// How well the images match, by every so many rows, under a transform after the best of a row of shifts, and
    /// which that is; the best so far if none of them is better.
    // (Once for all that ask for it.)
    #[inline(never)]
    fn compare(
        &self,
        pair: &LevelPair<'_, P>,
        transform: &T,
        columns: Range<i32>,
        y: i32,
        every: usize,
        best: Match,
    ) -> (Match, i32) {
        let pair = if S::WHOLE { *pair } else { LevelPair { fixed_mask: None, moving_mask: None, ..*pair } };
        if pair.fixed_mask.is_none()
            && pair.moving_mask.is_none()
            && let Some([u, v]) = search::shift(&transform.matrix())
        {
            let (fixed, moving, by) = (pair.fixed, pair.moving, [u, v + y]);
            return self.options().level.run(search::Shifted { fixed, moving, by, columns, every, best });
        }
        let (plan, mut best) = (transform.plan(), (best, 0));
        for x in columns {
            let plan = plan.moved([x, y]);
            if let Some(here) = self.options().level.run(search::Compare { pair, plan, every })
                && here > best.0
            {
                best = (here, x);
            }
        }
        best
    }

    /// Carries the candidate over to the next larger level; where it has none there, nothing is changed. If the images
    /// agree there much better where all began, since the smaller levels show nothing of what they have in common, it
    /// begins there again.
    #[inline(never)]
    fn finer(&mut self) -> Result<(), Error> {
        let full = to_full(&self.candidate.matrix(), self.level);
        let level = self.level.saturating_sub(1);
        let candidate = T::from_matrix(to_level(&full, level))?;
        let initial = at_level(&self.initial, level)?;
        (self.level, self.candidate) = (level, candidate);
        if let Some(pair) = self.pair()
            && initial != self.candidate
        {
            let every = (pair.fixed.height() / LOOK).max(1);
            let correlation =
                |transform: &T| self.compare(&pair, transform, 0..1, 0, every, Match::NONE).0.correlation();
            // (Correlations are at most one.)
            let limit = correlation(&self.candidate) + 0.1;
            if limit < 1.0 && correlation(&initial) > limit {
                self.candidate = initial;
            }
        }
        Ok(())
    }

    /// What to say of the step that is under way.
    fn note(&mut self, pair: &LevelPair<'_, P>, correlation: f64) {
        let (width, height) = size(&pair.fixed);
        self.progress = Progress {
            level: self.level,
            levels: self.levels,
            width,
            height,
            iteration: self.iteration,
            correlation,
            step: self.step,
        };
    }

    #[inline(never)]
    fn refine(&mut self) {
        let Some(pair) = self.pair() else { return };
        let robust = self.options().robust != Robust::None;
        let first = self.best.is_none();
        let (enough, accepted) = self.look(&pair);
        let epsilon = if self.level == 0 { self.options().epsilon } else { COARSE_EPSILON };
        if accepted {
            self.damping = if self.damping > 1e-5 { self.damping / 10.0 } else { 0.0 };
            // (Less damping shortens next to nothing.)
            self.leaves &= self.damping > 0.1;
        } else if first {
            let flat = enough || pair.fixed.width() < 3 || pair.fixed.height() < 3;
            return self.end_level(if flat { Status::Singular } else { Status::LeftImage });
        } else {
            self.damping = (self.damping * 10.0).max(1e-3);
            self.last = None;
            self.leaves = !enough;
        }
        self.note(&pair, self.best.as_ref().map_or(0.0, |b| b.statistics.correlation));
        if self.earlier + self.iteration >= self.limit() {
            return self.end_level(Status::MaxIterations);
        }
        if robust && (first || self.step < COARSE_EPSILON) && self.anneal() {
            return;
        }
        let finished = self.level > 0 || self.interpolation == self.finish(&pair);
        let before = self.step;
        // (A step that is short because longer ones lead out of the moving image is not one to end with: the next are
        // longer, or lead out as well.)
        if !first && before < epsilon && finished && !(self.leaves && accepted) {
            return self.end_level(Status::Converged);
        }
        if let Err(status) = self.propose(&pair.fixed) {
            return self.end_level(status);
        }
        if !finished && self.step < ROUGH {
            // From here on with the other interpolation, whose merits are others.
            self.interpolation = self.finish(&pair);
            if let Some(best) = &mut self.best {
                best.merit = f64::NEG_INFINITY;
            }
        } else if finished && accepted && !robust && !self.options().monotone && self.damping == 0.0 {
            // Steps become shorter by a factor; the next ones together are about as long as the first of
            // them. If that is too short to matter, this step is the last.
            let rate = if first { 0.5 } else { (self.step / before).clamp(0.125, 1.0) };
            if self.step < 1.0 && self.step * rate < epsilon {
                if let Some(best) = &mut self.best {
                    best.transform = self.candidate;
                    best.photometry = self.photometry;
                }
                self.end_level(Status::Converged);
            }
        }
    }

    /// A pass with the candidate: whether there is enough support, and whether it is the best now.
    // (On its own, so that what it needs of the stack is not needed by what follows.)
    #[inline(never)]
    fn look(&mut self, pair: &LevelPair<'a, P>) -> (bool, bool) {
        let mut pass = Pass::EMPTY;
        self.pass(pair, &mut pass);
        self.share(&pass);
        self.judge(pair, &pass)
    }

    /// A pass with the candidate.
    #[inline(always)]
    fn pass(&mut self, pair: &LevelPair<'a, P>, pass: &mut Pass<T::Degree, S>) {
        let (loss, second_order) = (self.loss(), self.is_second_order());
        let Options { threads, level, robust, .. } = self.options();
        let Room(kept) = &mut self.kept;
        let accumulate = Accumulate {
            pair: *pair,
            plan: self.candidate.plan(),
            photometry: self.photometry,
            loss,
            interpolation: self.interpolation,
            second_order,
            histogram: robust != Robust::None,
            known: (self.shared && !kept.is_empty()).then_some(&self.moments),
            kept,
            rows: [0, pair.fixed.height()],
            kind: PhantomData::<(T::Degree, S)>,
        };
        // (Of a scope that is not whole there is one thread.)
        if S::WHOLE {
            *pass = threads.run(level, accumulate);
        } else {
            level.run(Onto(accumulate, pass));
        }
    }

    /// What [`look`](Self::look) has found.
    #[inline(never)]
    fn judge(&mut self, pair: &LevelPair<'a, P>, pass: &Pass<T::Degree, S>) -> (bool, bool) {
        self.iteration += 1;
        let pixels = self.pixels(pair);
        let n = scaled(pass.tally.pixels.into(), 0);
        let statistics = pass.moments.statistics(&self.photometry, self.options().gain_and_offset);
        let merit = match self.loss() {
            Loss::Squares if self.options().gain_and_offset => statistics.correlation,
            Loss::Squares => -statistics.residual,
            _ => -(pass.tally.loss as f64) / n.max(1.0),
        };
        let enough = n >= (self.options().min_support * pixels).max(parameters::<T>() as f64 + 3.0);
        let better = match &self.best {
            Some(best) => merit >= best.merit,
            // Nothing to compare with, but something must vary.
            None => statistics.contrast > 0.0,
        };
        let small = self.best.is_some() && !self.options().monotone && self.step < 1.0;
        let accepted = enough && (better || small);
        if accepted {
            self.accept(pass, statistics, merit);
        }
        (enough, accepted)
    }

    /// How many pixels there are to look at.
    fn pixels(&self, pair: &LevelPair<'_, P>) -> f64 {
        let (width, height) = size(&pair.fixed);
        if S::WHOLE { select::pixels(&self.options(), width, height) } else { (width * height) as f64 }
    }

    /// Keeps what the fixed image has summed to for the next pass.
    #[inline(never)]
    fn share(&mut self, pass: &Pass<T::Degree, S>) {
        self.shared = self.loss() == Loss::Squares && !self.is_second_order() && !pass.tally.apart;
        if self.shared {
            self.moments = pass.moments.fixed;
        }
    }

    /// Takes the candidate for the best.
    #[inline(never)]
    fn accept(&mut self, pass: &Pass<T::Degree, S>, statistics: Statistics, merit: f64) {
        self.found = true;
        let unit = self.loss().unit();
        let best = self.best.insert(Best {
            transform: self.candidate,
            photometry: self.photometry,
            statistics,
            merit,
            sigma: if self.options().robust == Robust::None { 0.0 } else { pass.tally.histogram.sigma() },
            n: scaled(pass.tally.pixels.into(), 0),
            matrix: Symmetric::ZERO,
            right: [0.0; SIZE],
        });
        pass.moments.system(T::GENERATORS, unit, &mut best.matrix, &mut best.right);
    }

    /// The interpolation to end with: the smooth one, if the moving image is not next to nothing.
    fn finish(&self, pair: &LevelPair<'_, P>) -> Interpolation {
        let (width, height) = size(&pair.moving);
        if width.min(height) < LEAST_SIDE { Interpolation::Bilinear } else { self.options().finish }
    }

    /// Lets the robust scale follow the residuals of the best transform, downwards. If it changed, the
    /// next pass is at the same transform.
    #[inline(never)]
    fn anneal(&mut self) -> bool {
        let Some(best) = &self.best else { return false };
        if self.sigma.is_some_and(|sigma| best.sigma > 0.95 * sigma) {
            return false;
        }
        // Residuals mean something once gain and offset are known.
        if self.known {
            self.sigma = Some(best.sigma);
            self.loss = Loss::new(self.options().robust, best.sigma);
        }
        self.known = true;
        self.photometry = Photometry::new::<P::Word>(best.statistics.gain, best.statistics.offset);
        self.candidate = best.transform;
        self.best = None;
        true
    }

    /// The next candidate, from the system about the best transform.
    #[inline(never)]
    fn propose(&mut self, fixed: &Image<'_, P>) -> Result<(), Status> {
        let best = self.best.as_ref().ok_or(Status::Singular)?;
        let n = parameters::<T>();
        let centre = centre(fixed);
        let candidate = |change: &Matrix| {
            let mut w = IDENTITY;
            w.iter_mut().zip(change).for_each(|(w, v)| *w += v);
            let about = about(&inverse(&of::<T>(&w))?, centre);
            T::from_matrix(multiply(&of::<T>(&best.transform.matrix()), &of::<T>(&about)))
        };
        let product = |a: &Moves, b: &Moves| {
            a.as_flattened().iter().zip(b.as_flattened()).fold(0.0, |sum, (a, b)| sum + a * b)
        };
        while self.damping < 1e9 {
            let solution = solve(&best.matrix, &best.right, self.unknowns(), n, self.damping);
            let solution = solution.ok_or(Status::Singular)?;
            // Images that are apart correlate less, which looks like less of a gain: to the gradients of one of
            // them, but not to those of both, of which residuals are multiples then.
            let gain = if self.is_second_order() {
                best.photometry.gain() + at(&solution, n)
            } else {
                best.statistics.gain
            };
            // It enters as a divisor: where the images hardly correlate it is next to nothing.
            let gain = gain.max(0.3 * best.statistics.contrast);
            let (mut change, mut moves) = increment::<P, T>(fixed, &solution, gain);
            let mut part = 1.0;
            if let Some((last, before)) = &self.last
                && self.damping == 0.0
            {
                // How many times too long increments are. (No number is not above one.)
                let excess = 1.0 / before - product(&moves, last) / product(last, last);
                if excess > 1.0 {
                    part = (1.0 / excess).max(LEAST_PART);
                    (change, moves) = increment::<P, T>(fixed, &solution, gain / f64::from(part));
                }
            }
            if let Ok(candidate) = candidate(&change) {
                let square = moves.iter().fold(0.0_f32, |most, [x, y]| most.max(x * x + y * y));
                let step = f64::from(simd::sqrt(square));
                if step.is_finite() {
                    self.candidate = candidate;
                    self.photometry = best.photometry.plus::<P::Word>(at(&solution, n), at(&solution, n + 1));
                    self.step = step;
                    self.last = Some((moves, part));
                    return Ok(());
                }
            }
            self.damping = (self.damping * 10.0).max(1e-3);
        }
        Err(Status::Stalled)
    }

    /// Whether this level is aligned by the gradients of both images.
    fn is_second_order(&self) -> bool {
        self.options().method.is_second_order(self.level, self.top)
    }

    /// The loss at the present scale.
    #[inline(always)]
    fn loss(&self) -> Loss {
        if S::WHOLE { self.loss } else { Loss::Squares }
    }

    /// The parameters, and gain and offset if they are estimated.
    fn unknowns(&self) -> usize {
        parameters::<T>() + if self.options().gain_and_offset { 2 } else { 0 }
    }

    /// The correlation at the best transform.
    fn correlation(&self) -> f64 {
        self.best.as_ref().map_or(-1.0, |b| b.statistics.correlation)
    }

    /// The iterations of a level after which the present attempt has to end, so that another one may
    /// follow: half of all for what the search found, a quarter for its rival.
    fn limit(&self) -> u16 {
        let all = self.options().max_iterations;
        match self.rival {
            Rival::Waiting(_) if self.correlation() < ALIKE => all / 2,
            Rival::Against(_, better) if self.correlation() < better => all - all / 4,
            _ => all,
        }
    }

    /// On to the rival, to the next level, or the end.
    #[inline(never)]
    fn end_level(&mut self, status: Status) {
        let status = match status {
            Status::Converged | Status::MaxIterations if self.leaves => Status::LeftImage,
            _ => status,
        };
        let transform = self.best.as_ref().map_or(self.candidate, |b| b.transform);
        let correlation = self.correlation();
        let again = match self.rival {
            Rival::Waiting(initial) if correlation < ALIKE => {
                self.rival = Rival::Against(transform, correlation);
                Some(initial)
            }
            Rival::Against(other, better) if better > correlation => {
                self.rival = Rival::None;
                Some(other)
            }
            _ => None,
        };
        if let Some(candidate) = again {
            self.earlier += self.iteration;
            self.candidate = candidate;
            return self.begin_level();
        }
        self.rival = Rival::None;
        // Capacity is the largest number of levels.
        let _ = self.iterations.push(self.earlier + self.iteration);
        self.earlier = 0;
        self.candidate = transform;
        if self.level == 0 {
            self.phase = Phase::Done(status);
            return;
        }
        if self.finer().is_err() {
            self.phase = Phase::Done(Status::Stalled);
            return;
        }
        self.begin_level();
    }

    /// Forgets all but gain and offset.
    fn begin_level(&mut self) {
        self.iteration = 0;
        self.step = 0.0;
        self.damping = 0.0;
        self.leaves = false;
        self.last = None;
        if let Some(best) = &self.best {
            self.photometry = best.photometry;
        }
        self.loss = Loss::Squares;
        self.interpolation = Interpolation::Bilinear;
        self.sigma = None;
        self.best = None;
        self.shared = false;
    }

    #[inline(never)]
    fn report(&self, status: Status) -> Report<T> {
        let found = T::from_matrix(to_full(&self.candidate.matrix(), self.level));
        let transform = if self.found { found.unwrap_or(self.initial) } else { self.initial };
        let pixels = self.pair().map_or(1.0, |pair| self.pixels(&pair));
        let best = self.best.as_ref();
        let statistics = best.map(|b| b.statistics);
        Report {
            transform,
            status,
            iterations: self.iterations.clone(),
            rms_residual: statistics.map_or(0.0, |s| root(s.residual)),
            correlation: statistics.map_or(0.0, |s| s.correlation),
            gain: statistics.map_or(0.0, |s| s.gain),
            offset: statistics.map_or(0.0, |s| s.offset),
            support: best.map_or(0.0, |b| (b.n / pixels).min(1.0)),
        }
    }

    /// Covariance of the parameters of what was found, in their units squared, for white noise of which each image has
    /// its own: `A^-1 B A^-1`, where A is what the equations that were solved, those for gain and offset included,
    /// change by with the unknowns, and B their covariance at the truth (White 1982, theorem 3.2).
    ///
    /// With noise of variance f in the fixed and m in the moving image, in grey levels of the fixed one, its
    /// gradients have noise of f / 2 along each axis. So A is H less f / 2 N, N being H of unit gradients, times how
    /// much steeper the image is than its central differences; and B is (f + m) times what is left of H, and f m / 2
    /// N, less as interpolation keeps less of m. f and m come of three equations: what the
    /// differences of second differences leave of either image (Immerkaer 1996) is noise and the patterns that both have,
    /// and the residuals are the noise of both.
    ///
    /// With [`Interpolation::Lagrange`] it is within 10 %, and 12 % where there is next to no noise: of 160x120 pixels of
    /// waves with noise of 2 to 15 grey levels, by the error's chi-square in 1000 runs (`cargo bench --bench alignment --
    /// bound`). It knows of noise only. What interpolation shifts is not in it, up to 0.03 px for
    /// [`Interpolation::Bilinear`] where patterns are short, which is most of a translation's error: by that the same
    /// chi-square is 1.6 (noise 15) to 27 times (noise 2) what it should be. That robust weights depend on the
    /// residuals is not in it either: where those are all noise, variances are a fifth too small with [`Robust::Huber`]. With half
    /// of the pixels ([`Options::selection`]) they are up to a sixth too large, as noise has part in which those are. Of
    /// either image noise is looked for where its own mask lets pixels count. Noise of neighbouring pixels that is alike
    /// counts as if it were not, and whatever else the images do not share as noise of the moving one. `None` before the first iteration,
    /// and where the image does not determine the parameters, its gradients being noise, for example.
    ///
    /// (It looks at both images once more, and inverts a matrix: about the time of an iteration.)
    #[inline(never)]
    pub fn covariance(&self) -> Option<T::Covariance> {
        let best = self.best.as_ref()?;
        let pair = self.pair()?;
        let n = parameters::<T>();
        let support = Support::new(&pair, best.transform.plan(), self.interpolation);
        let kept = support.kept;
        let ([fixed, moving, rest], part) = self.noise(best, &pair, kept);
        // Gradients have noise as well, along each axis, which is in H but not in A. Those of both images solve the same
        // equations as the fixed image's (residuals times their own gradients cancel), but are larger where the gain
        // is too small.
        let (own, larger) = if self.is_second_order() {
            ((fixed + kept * moving / (part * part)) / 8.0, (1.0 + 1.0 / part) / 2.0)
        } else {
            (fixed / 2.0, 1.0)
        };
        let unknowns = self.unknowns();
        let weight = best.matrix.get(n + 1, n + 1);
        let squares = support.squares::<T>();
        let mut hessian = best.matrix;
        for i in 0..unknowns {
            for j in 0..=i.min(n.saturating_sub(1)) {
                let rest = best.matrix.get(i, j) - own * weight * squares.get(i, j);
                hessian.set(i, j, rest / if i < n { larger * larger } else { larger });
            }
        }
        let mut factor = Factor::EMPTY;
        factor.set(&hessian, unknowns, n, 0.0)?;
        let product = fixed / 2.0 * kept * moving * weight;
        // Central differences are less than derivatives where patterns are short: so is their product with
        // what a shift really changes, which is what H should be of.
        let steepness = steepness(&pair.fixed, &pair.fixed_mask, fixed);
        let (noise, slope) = match self.interpolation {
            Interpolation::Lagrange => (fixed + moving + rest, steepness),
            Interpolation::Bilinear => {
                // Bilinear samples change by less, and are blunt along gradients, too: for patterns of a frequency w,
                // alike along all directions, 1 - 1 / steepness is w^2 / 8, and with all fractions of a pixel alike
                // (kept is 4/9 then) the change is 1 + w^2 / 24 of H and the noise 1 - w^2 / 6 of a pixel's.
                let blunt = (1.0 - kept) * (1.0 - 1.0 / steepness);
                (fixed + moving * (1.0 - 2.4 * blunt) + rest, 1.0 + 0.6 * blunt)
            }
        };
        let scale = 1.0 / (slope * slope);
        // d(parameters) / d(increment), a column for each.
        let centre = centre(&pair.fixed);
        let matrix = best.transform.matrix();
        let full = to_full(&matrix, self.level);
        let (transform, last) = (T::from_matrix(full).ok()?, at(&full, 8));
        let mut tangents = [[0.0; SIZE]; SIZE];
        for (k, generator) in T::GENERATORS.iter().enumerate() {
            let mut tangent = [0.0; 9];
            set_generator(&mut tangent, generator, 1.0);
            let tangent = multiply(&matrix, &about(&tangent, centre));
            let tangent = to_full(&tangent, self.level).map(|v| -v / last);
            for (row, &v) in tangents.iter_mut().zip(transform.differential(&tangent).as_ref()) {
                if let Some(entry) = row.get_mut(k) {
                    *entry = v;
                }
            }
        }
        // A^-1 times its rows, and B times that.
        let mut products = [[0.0; SIZE]; SIZE];
        for (row, out) in tangents.iter_mut().zip(&mut products).take(n) {
            *row = factor.solve(row);
            for (i, out) in out.iter_mut().enumerate().take(unknowns) {
                let entry = |j: usize| {
                    let (i, j) = (i.max(j), i.min(j));
                    noise * hessian.get(i, j) + product * squares.get(i, j)
                };
                *out = row.iter().enumerate().take(unknowns).fold(0.0, |sum, (j, v)| sum + entry(j) * v);
            }
        }
        let entry = |i: usize, j: usize| {
            let rows = tangents.get(i).into_iter().flatten().zip(products.get(j).into_iter().flatten());
            rows.fold(0.0, |sum, (a, b)| sum + a * b) * scale
        };
        let covariance = T::Covariance::from_fn(|i| T::Parameters::from_fn(|j| entry(i.max(j), i.min(j))));
        let finite = covariance.as_ref().iter().flat_map(|row| row.as_ref()).all(|v| v.is_finite());
        finite.then_some(covariance)
    }

    /// The variance of the noise of the fixed and the moving image, in grey levels of the fixed one, and of what else
    /// they do not share; and which part of the right gain the reported one is.
    #[inline(never)]
    fn noise(&self, best: &Best<T>, pair: &LevelPair<'_, P>, kept: f64) -> ([f64; 3], f64) {
        let (n, unknowns) = (parameters::<T>(), self.unknowns());
        let one = 1.0 / (best.statistics.gain * best.statistics.gain);
        let residual = best.statistics.residual * one * best.n / (best.n - unknowns as f64).max(1.0);
        let left = high_pass(&pair.fixed, &pair.fixed_mask);
        let right = high_pass(&pair.moving, &pair.moving_mask) * one;
        let fixed = ((residual - kept * (right - left)) / (1.0 + kept)).max(0.0).min(residual.min(left));
        // Least squares make the gain too small by what the fixed image's noise adds to its variance.
        let entry = |i: usize, j: usize| best.matrix.get(n + i, n + j);
        let (weight, sum) = (entry(1, 1), entry(1, 0));
        let variance = (entry(0, 0) - sum * sum / weight) / weight;
        let part = if unknowns > n { (1.0 - fixed / variance).max(0.5) } else { 1.0 };
        let other = part * (part * residual - fixed).max(0.0);
        let moving = (other / kept).min(right * part * part);
        ([fixed, moving, other - moving * kept], part)
    }
}

/// Runs several alignments to their ends, a batch of pairs or of frames, on some threads: their reports,
/// in order, each the same as of [`Aligner::run`].
///
/// # Errors
/// [`Error::SizeMismatch`] if there are not as many reports; nothing is run then.
///
/// ```
/// use nonius::align::{Aligner, Options, Pair, run_all};
/// use nonius::{Image, Threads, Transform, Translation};
///
/// let view = |dx: usize| -> Vec<u8> { (0..32 * 32).map(|i| (((i % 32 + dx) * (i / 32)) % 97) as u8).collect() };
/// let views = [view(0), view(1), view(2)];
/// let [fixed, rest @ ..] = views.each_ref().map(|pixels| Image::new(pixels, 32, 32).unwrap());
/// let pairs = rest.map(|moving| Pair::new(fixed, moving));
///
/// let options = Options::default();
/// let size = Aligner::<u8, Translation>::workspace(&pairs[0], &options)?;
/// let mut workspaces = [vec![0; size.pixels], vec![0; size.pixels]];
/// let mut aligners = Vec::new();
/// for (pair, workspace) in pairs.into_iter().zip(&mut workspaces) {
///     aligners.push(Aligner::new(pair, Translation::IDENTITY, options, workspace, &mut [])?);
/// }
/// let mut reports = [None, None];
/// run_all(&mut aligners, &mut reports, Threads::default())?;
/// let shifts = reports.map(|report| report.unwrap().transform.parameters());
/// assert!((shifts[0][0] + 1.0).abs() < 0.1 && (shifts[1][0] + 2.0).abs() < 0.1);
/// # Ok::<(), nonius::Error>(())
/// ```
pub fn run_all<P: Grey, T: Transform, S: Scope>(
    aligners: &mut [Aligner<'_, P, T, S>],
    reports: &mut [Option<Report<T>>],
    threads: Threads,
) -> Result<(), Error> {
    if aligners.len() != reports.len() {
        return Err(Error::SizeMismatch);
    }
    // The same code at every level.
    threads.run(Level::SCALAR, Batch { aligners, reports });
    Ok(())
}

struct Batch<'b, 'a, P, T: Transform, S: Scope> {
    aligners: &'b mut [Aligner<'a, P, T, S>],
    reports: &'b mut [Option<Report<T>>],
}

impl<P: Grey, T: Transform, S: Scope> Operation for Batch<'_, '_, P, T, S> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (aligner, report) in self.aligners.iter_mut().zip(self.reports) {
            *report = Some(aligner.run());
        }
    }
}

impl<P: Grey, T: Transform, S: Scope> Bands for Batch<'_, '_, P, T, S> {
    fn size(&self) -> [usize; 2] {
        let pixels = |aligner: &Aligner<'_, P, T, S>| {
            aligner.images.fixed.level(0).map_or(0, |image| image.width() * image.height())
        };
        // (Each of them is looked at several times.)
        [self.aligners.first().map_or(0, pixels).saturating_mul(8), self.aligners.len()]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let cut = |n: usize| at.min(n);
        let (aligners, other) = self.aligners.split_at_mut(cut(self.aligners.len()));
        let (reports, rest) = self.reports.split_at_mut(cut(self.reports.len()));
        (Self { aligners, reports }, Self { aligners: other, reports: rest })
    }
    fn join((): (), (): ()) {}
}

/// The number of parameters of a model.
fn parameters<T: Transform>() -> usize {
    <T::Parameters as Array<f64>>::LEN.min(SIZE - 2)
}

/// The pixels that the maps of a selection take; none if all pixels are looked at.
fn selection<T: Transform, S: Scope>(
    options: &Options,
    fixed: (usize, usize),
    moving: (usize, usize),
) -> Result<usize, Error> {
    if !S::WHOLE {
        return Ok(0);
    }
    let (refined, _) = options.levels::<T>(fixed, moving)?;
    let selects = select::selects(options, fixed.0, fixed.1);
    Ok(if selects { select::maps_len(fixed.0, fixed.1, refined) } else { 0 })
}

/// Makes the maps of all levels.
pub(super) fn select_all<'a, P: Grey, T: Transform>(
    fixed: &Pyramid<'_, P>,
    fixed_mask: &Option<Pyramid<'_, u8>>,
    moving: (usize, usize),
    options: &Options,
    maps: &'a mut [P],
) -> Result<Option<&'a [P]>, Error> {
    let base = fixed.level(0).map_or((0, 0), |image| size(&image));
    let (refined, _) = options.levels::<T>(base, moving)?;
    for level in 0..refined {
        if let Some(image) = fixed.level(level)
            && select::selects(options, image.width(), image.height())
            && let Some(map) = select::map_mut(maps, base, level)
        {
            let eighths = select::eighths(options, image.width(), image.height());
            let mask = fixed_mask.as_ref().and_then(|mask| mask.level(level));
            options.level.run(select::Select { fixed: image, mask, eighths, map });
        }
    }
    Ok((!maps.is_empty()).then_some(&*maps))
}

fn size<P>(image: &Image<'_, P>) -> (usize, usize) {
    (image.width(), image.height())
}

fn rest<P>(image: &Image<'_, P>, levels: usize) -> usize {
    buffer_len(image.width(), image.height(), levels)
}

fn split<T>(buffer: &mut [T], first: usize, needed: usize) -> Result<(&mut [T], &mut [T]), Error> {
    let found = buffer.len();
    if found < needed {
        return Err(Error::TooShort { needed, found });
    }
    buffer.split_at_mut_checked(first).ok_or(Error::TooShort { needed, found })
}

/// The pixel about which increments are taken.
fn centre<P>(fixed: &Image<'_, P>) -> [f64; 2] {
    [(fixed.width() / 2) as f64, (fixed.height() / 2) as f64]
}

/// A matrix about a pixel instead of the origin.
fn about(m: &Matrix, [x, y]: [f64; 2]) -> Matrix {
    let mut m = *m;
    after_shift(&mut m, -x, -y);
    before_shift(&mut m, x, y);
    m
}

/// A transform between pixels of level 0, as one between those of a level.
// (Once for all that ask for it.)
#[inline(never)]
fn at_level<T: Transform>(full: &T, level: usize) -> Result<T, Error> {
    T::from_matrix(to_level(&full.matrix(), level))
}

/// What the increment of a solution adds to the identity, and by how much it moves the corners of the fixed image.
// (Once for both that ask for it.)
#[inline(never)]
fn increment<P, T: Transform>(fixed: &Image<'_, P>, solution: &Column, gain: f64) -> (Matrix, Moves) {
    let scale = 1.0 / gain;
    let mut change = [0.0; 9];
    for (generator, v) in T::GENERATORS.iter().zip(solution) {
        set_generator(&mut change, generator, v * scale);
    }
    let [a, b, c, d, e, f, g, h, _] = change.map(|v| v as f32);
    let [right, below] = [fixed.width() as f32 / 2.0, fixed.height() as f32 / 2.0];
    let moves = [[-right, -below], [right, -below], [-right, below], [right, below]].map(|[x, y]| {
        let [u, v] = [a * x + b * y + c, d * x + e * y + f];
        if T::DEGREE < 2 {
            return [u, v];
        }
        let bend = g * x + h * y;
        [(u - x * bend) / (1.0 + bend), (v - y * bend) / (1.0 + bend)]
    });
    (change, moves)
}

/// Sets the entries of a matrix that belong to one parameter of a model, near the identity, to so much of it.
fn set_generator(m: &mut Matrix, generator: &[Term; 2], v: f64) {
    for (row, term) in generator.iter().enumerate() {
        let entry = match term {
            Some((s, 1, 0)) => Some((3 * row, *s)),
            Some((s, 0, 1)) => Some((3 * row + 1, *s)),
            Some((s, 0, 0)) => Some((3 * row + 2, *s)),
            // -x^2 and -x y come of the denominator's x, -x y and -y^2 of its y.
            Some((s, 2, 0)) => Some((6, -s)),
            Some((s, 0, 2)) => Some((7, -s)),
            _ => None,
        };
        if let Some((i, s)) = entry
            && let Some(entry) = m.get_mut(i)
        {
            *entry = if s.is_sign_negative() { -v } else { v };
        }
    }
}
