//! Sequences: where each frame is relative to the first.
//!
//! In: frames of one size, one after the other. Out, for each: the transform from the pixels of the first
//! frame to its own, and whether it was found.
#![forbid(unsafe_code)]

use super::aligner::{Images, select_all};
use super::support::KEPT;
use super::{Aligner, Grey, Options, Report, Scope, Status, Step, select};
use crate::Error;
use crate::image::{Image, ImageMut};
use crate::pyramid::{MAX_LEVELS, Pyramid, buffer_len};
use crate::transform::Transform;

/// A frame that correlates little with the key becomes the key if it is the last of so many that ask for another one.
const PATIENCE: u8 = 5;

/// When another frame becomes the key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keys {
    /// Never: all frames are aligned with the first one.
    First,
    /// When a frame that was found shares with the key less than the part `support` of its pixels, or correlates
    /// with it less than `correlation` times as well as the best frame did that was aligned with
    /// the key. It becomes the key itself: where it correlates less, once five found frames on end have asked for
    /// another key, so that none does that is blurred, or half covered for a moment.
    Renewed {
        /// 0 to 1.
        correlation: f64,
        /// 0 to 1.
        support: f64,
    },
}

/// How to track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tracking<S = Options> {
    /// Of every alignment; [`Options::search`] and [`Options::rotation`] of those that look for a lost frame.
    pub options: S,
    /// When another frame becomes the key. Default: renewed below 0.9 of the correlation or a support
    /// of 0.6.
    pub keys: Keys,
    /// A frame that correlates less with the key is lost, -1 to 1. Default 0.5.
    pub min_correlation: f64,
    /// Whether to start where the motion between the last two frames leads to, if it goes on: for
    /// smooth motion of several pixels. Default false: a shaking hand turns back.
    pub predict: bool,
}

impl Default for Tracking {
    fn default() -> Self {
        Self::from(Options::default())
    }
}

/// All but the options as by default.
impl<S: Scope> From<S> for Tracking<S> {
    fn from(options: S) -> Self {
        Self {
            options,
            keys: Keys::Renewed { correlation: 0.9, support: 0.6 },
            min_correlation: 0.5,
            predict: false,
        }
    }
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Found {
    /// It is the first one.
    First,
    /// It was found near the frame before.
    Tracked,
    /// It was found by the coarse search.
    Regained,
    /// It was not found: the transform is that of the last frame that was.
    Lost,
}

/// Where a frame is.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracked<T: Transform> {
    /// From the pixels of the first frame to those of this one.
    pub transform: T,
    /// Whether it was found.
    pub found: Found,
    /// Which frame it is, from 0 on.
    pub frame: u32,
    /// Which frame it was aligned with.
    pub key: u32,
    /// The alignment with the key, whose transform is from the key's pixels to those of this frame;
    /// none for the first frame.
    pub report: Option<Report<T>>,
}

/// Follows a sequence of frames.
///
/// **Keys.** A frame is aligned with a *key frame* (the template), of which a copy and its pyramid are kept, not
/// with the frame before: errors of single frames do not add up. Where the key no longer resembles
/// what is seen, or its view has been left, the frame that has just been found becomes the key
/// ([`Keys::Renewed`]), and transforms are composed from there on: each new key adds the error of one
/// alignment. With [`Keys::First`] all frames are aligned with the first one, and none drifts.
///
/// **Start.** An alignment starts at the transform of the frame before, without a coarse search, or, with
/// [`Tracking::predict`], where the motion between the last two frames leads to. Where that does not end well
/// the same frame is tried again with the coarse search of [`Options`]. If that fails too the frame is
/// lost; the next one is looked for from the last transform that was found.
/// A first frame that shows nothing leaves all that follow lost: [`Tracker::reset`] takes another one for the first.
///
/// **Memory and time.** [`Tracker::workspace`] is two frames and their pyramids. A frame is copied: once
/// [`Tracker::start`] returns, the caller's memory is free for the next one. `start` reduces
/// one frame, a [`Track::step`] is one step of the [`Aligner`].
///
/// ```
/// use nonius::align::{Found, Tracker, Tracking};
/// use nonius::{Euclidean, Image, Transform};
///
/// // A camera that drifts over a pattern.
/// const SIZE: (usize, usize) = (64, 48);
/// let scene = |x: f64, y: f64| 100.0 + 50.0 * (0.3 * x).sin() * (0.2 * y).cos() + 20.0 * (0.01 * x * y).sin();
/// let frame = |t: f64| -> Vec<u8> {
///     let at = |i: usize| ((i % SIZE.0) as f64 * 0.7 + 0.9 * t, (i / SIZE.0) as f64 * 0.7 - 0.4 * t);
///     (0..SIZE.0 * SIZE.1).map(at).map(|(x, y)| scene(x, y) as u8).collect()
/// };
///
/// const WORKSPACE: usize = Tracker::<u8, Euclidean>::workspace(SIZE.0, SIZE.1);
/// let mut pixels = [0; WORKSPACE];
/// let mut tracker = Tracker::<u8, Euclidean>::new(SIZE.0, SIZE.1, Tracking::default(), &mut pixels)?;
/// for t in 0..8 {
///     let pixels = frame(f64::from(t));
///     let tracked = tracker.track(Image::new(&pixels, SIZE.0, SIZE.1)?)?;
///     assert_eq!(tracked.found, if t == 0 { Found::First } else { Found::Tracked });
///     // What was at (30, 20) in the first frame.
///     let (x, y) = tracked.transform.apply(30.0, 20.0);
///     let t = f64::from(t) / 0.7;
///     assert!((x - 30.0 + 0.9 * t).abs() < 0.1 && (y - 20.0 - 0.4 * t).abs() < 0.1, "{x} {y}");
/// }
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Debug)]
pub struct Tracker<'a, P, T: Transform, S = Options> {
    tracking: Tracking<S>,
    size: (usize, usize),
    levels: usize,
    key: &'a mut [P],
    frame: &'a mut [P],
    mask: Option<Pyramid<'a, u8>>,
    course: Course<T>,
}

/// What is known of the sequence so far.
#[derive(Clone, Copy, Debug)]
struct Course<T> {
    /// Frames that were begun with.
    frames: u32,
    /// Number and transform of the key, from the first frame.
    key: u32,
    to_key: T,
    /// Of the last frame that was found, from the key, and of the one before it.
    last: T,
    before: Option<T>,
    lost: bool,
    /// The correlation of the best frame that was aligned with the key, -1 before there is one.
    best: f64,
    /// How many frames on end have asked for another key.
    asked: u8,
    /// The frame in the buffer is to be the key.
    renew: bool,
}

impl<T: Transform> Course<T> {
    const NEW: Self = Self {
        frames: 0,
        key: 0,
        to_key: T::IDENTITY,
        last: T::IDENTITY,
        before: None,
        lost: false,
        best: -1.0,
        asked: 0,
        renew: false,
    };

    /// Where the next frame is looked for, from the key.
    fn start(&self, predict: bool) -> T {
        let ahead = || {
            let motion = self.last.compose(&self.before?.invert().ok()?).ok()?;
            motion.compose(&self.last).ok()
        };
        if predict && !self.lost { ahead().unwrap_or(self.last) } else { self.last }
    }

    /// What is known once frame `number` was found: at `whole` from the first frame.
    fn after(&self, report: &Report<T>, whole: T, number: u32, keys: Keys) -> Self {
        // (After a gap the last two frames say nothing of the motion.)
        let before = (!self.lost).then_some(self.last);
        let best = report.correlation.max(self.best);
        let (alike, shared) = match keys {
            Keys::First => (true, true),
            Keys::Renewed { correlation, support } => {
                (report.correlation >= correlation * best, report.support >= support)
            }
        };
        let asked = if alike && shared { 0 } else { self.asked.saturating_add(1) };
        let found = Self { last: report.transform, before, lost: false, best, asked, ..*self };
        if asked == 0 || !alike && asked < PATIENCE {
            return found;
        }
        // Seen from the new key.
        let back = report.transform.invert().ok();
        let before = before.zip(back).and_then(|(before, back)| before.compose(&back).ok());
        let last = T::IDENTITY;
        Self { key: number, to_key: whole, last, before, best: -1.0, asked: 0, renew: true, ..found }
    }
}

impl<'a, P: Grey, T: Transform, S: Scope> Tracker<'a, P, T, S> {
    /// The pixels that [`Self::new`] asks for: two frames, their pyramids, what may be selected of them, and what is
    /// kept of their rows.
    pub const fn workspace(width: usize, height: usize) -> usize {
        let frame = width.saturating_mul(height).saturating_add(buffer_len(width, height, MAX_LEVELS));
        let maps = if S::WHOLE { select::maps_len(width, height, MAX_LEVELS) } else { 0 };
        frame.saturating_add(maps).saturating_add(KEPT.saturating_mul(height)).saturating_mul(2)
    }

    /// The bytes that [`Self::with_mask`] asks for.
    pub const fn mask_workspace(width: usize, height: usize) -> usize {
        buffer_len(width, height, MAX_LEVELS)
    }

    /// Is ready for the first frame of a sequence.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]; those of [`Image::new`] for a size that no image can have;
    /// [`Error::TooShort`] if there are fewer pixels than [`Self::workspace`] says; [`Error::TooLarge`] for frames that
    /// are larger than the [`Scope`] has sums for.
    pub fn new(
        width: usize,
        height: usize,
        tracking: Tracking<S>,
        pixels: &'a mut [P],
    ) -> Result<Self, Error> {
        let part = |v: f64| (0.0..=1.0).contains(&v);
        let valid = (-1.0..=1.0).contains(&tracking.min_correlation)
            && match tracking.keys {
                Keys::First => true,
                Keys::Renewed { correlation, support } => part(correlation) && part(support),
            };
        if !valid {
            return Err(Error::InvalidOption);
        }
        let options = tracking.options.options();
        options.check()?;
        Aligner::<P, T, S>::check_size((width, height))?;
        let (needed, found) = (Self::workspace(width, height), pixels.len());
        let short = Error::TooShort { needed, found };
        let (key, rest) = pixels.split_at_mut_checked(needed / 2).ok_or(short)?;
        let frame = rest.get_mut(..needed / 2).ok_or(short)?;
        // Whether there are such images.
        Image::new(&*frame, width, height)?;
        let size = (width, height);
        let (_, levels) = options.levels::<T>(size, size)?;
        Ok(Self { tracking, size, levels, key, frame, mask: None, course: Course::NEW })
    }

    /// Only pixels where `mask` is not zero count, of every frame: it stays with the camera.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`]; [`Error::TooShort`] if there are fewer bytes than
    /// [`Self::mask_workspace`] says; [`Error::InvalidOption`] where the [`Scope`] has no masks.
    pub fn with_mask(mut self, mask: Image<'a, u8>, buffer: &'a mut [u8]) -> Result<Self, Error> {
        if (mask.width(), mask.height()) != self.size {
            return Err(Error::SizeMismatch);
        }
        if !S::WHOLE {
            return Err(Error::InvalidOption);
        }
        self.mask = Some(Pyramid::new_mask(mask, self.levels, buffer)?);
        Ok(self)
    }

    /// Forgets all frames: the next one is the first of a sequence.
    pub fn reset(&mut self) {
        self.course = Course::NEW;
    }

    /// Takes a frame and finds it.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] for a frame of another size.
    pub fn track(&mut self, frame: Image<'_, P>) -> Result<Tracked<T>, Error> {
        Ok(self.start(frame)?.run())
    }

    /// Takes a frame, of which a copy is made, to be found step by step. A frame whose [`Track`] is
    /// dropped before its end is as one that was never taken, but counts.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] for a frame of another size.
    pub fn start(&mut self, frame: Image<'_, P>) -> Result<Track<'_, P, T, S>, Error> {
        let (width, height) = self.size;
        if (frame.width(), frame.height()) != self.size {
            return Err(Error::SizeMismatch);
        }
        let renewed = core::mem::take(&mut self.course.renew);
        if renewed {
            core::mem::swap(&mut self.key, &mut self.frame);
        }
        let (kept, rest) = self.frame.split_at_mut_checked(KEPT * height).ok_or(Error::SizeMismatch)?;
        let (base, rest) = rest.split_at_mut_checked(width * height).ok_or(Error::SizeMismatch)?;
        for (to, from) in ImageMut::new(&mut *base, width, height)?.rows_mut().zip(frame.rows()) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        let options = &self.tracking.options.options();
        let base = Image::new(&*base, width, height)?;
        let moving = Pyramid::with_threads(base, self.levels, rest, options.threads)?;
        let number = self.course.frames;
        self.course.frames = number.saturating_add(1);
        let key = self.key.get_mut(KEPT * height..).unwrap_or_default();
        let (key, rest) = key.split_at_mut_checked(width * height).ok_or(Error::SizeMismatch)?;
        let pyramid = buffer_len(width, height, self.levels);
        let (rest, maps) = rest.split_at_mut_checked(pyramid).ok_or(Error::SizeMismatch)?;
        let fixed = Pyramid::built(Image::new(&*key, width, height)?, self.levels, &*rest)?;
        let selection = if !S::WHOLE {
            None
        } else if renewed {
            select_all::<P, T>(&fixed, &self.mask, self.size, options, maps)?
        } else {
            Some(&*maps)
        };
        let images = Images { fixed, moving, fixed_mask: self.mask, moving_mask: self.mask, selection };
        let mut track = Track {
            tracking: self.tracking,
            images,
            kept,
            number,
            aligner: None,
            again: false,
            ended: None,
            course: &mut self.course,
        };
        if number == 0 {
            track.course.renew = true;
            track.end(Found::First, T::IDENTITY, None);
        } else {
            track.begin(track.course.lost);
        }
        Ok(track)
    }
}

/// A frame that is being looked for.
#[derive(Debug)]
pub struct Track<'t, P, T: Transform, S: Scope = Options> {
    tracking: Tracking<S>,
    images: Images<'t, P>,
    /// Room for what an aligner keeps, until it has it.
    kept: &'t mut [P],
    number: u32,
    aligner: Option<Aligner<'t, P, T, S>>,
    /// With the coarse search.
    again: bool,
    ended: Option<Tracked<T>>,
    course: &'t mut Course<T>,
}

impl<P: Grey, T: Transform, S: Scope> Track<'_, P, T, S> {
    /// Steps until the end.
    pub fn run(&mut self) -> Tracked<T> {
        loop {
            if let Step::Done(tracked) = self.step() {
                return tracked;
            }
        }
    }

    /// One step of the alignment, as [`Aligner::step`]; a frame that is not found near to where it was is aligned once
    /// more, with the coarse search.
    pub fn step(&mut self) -> Step<Tracked<T>> {
        loop {
            if let Some(tracked) = &self.ended {
                return Step::Done(tracked.clone());
            }
            // (None where there is no transform to begin with at the smallest level: then the search is next, or the end.)
            let step = self.aligner.as_mut().map(Aligner::step);
            let progress = self.aligner.as_ref().map(|aligner| aligner.progress);
            match step {
                Some(Step::Running(_)) => {}
                Some(Step::Done(report)) => self.judge(Some(report)),
                None => self.judge(None),
            }
            if let Some(progress) = progress
                && self.ended.is_none()
            {
                return Step::Running(progress);
            }
        }
    }

    /// As [`Aligner::covariance`], of the transform from the key frame to this one that is in the report; `None`
    /// where there is nothing to align with.
    pub fn covariance(&self) -> Option<T::Covariance> {
        self.aligner.as_ref()?.covariance()
    }

    fn begin(&mut self, again: bool) {
        let mut options = self.tracking.options;
        let mut start = self.course.last;
        if !again {
            options = options.without_search();
            start = self.course.start(self.tracking.predict);
        }
        self.again = again;
        // If the transform cannot be had at the smallest level, there is nothing to be found from there.
        let before = self.aligner.take().map(|aligner| aligner.kept.0);
        let kept = before.unwrap_or_else(|| core::mem::take(&mut self.kept));
        self.aligner = Aligner::of(self.images, start, options, kept).ok();
    }

    /// An alignment has ended, or could not begin.
    fn judge(&mut self, report: Option<Report<T>>) {
        let good = report.as_ref().filter(|report| {
            // (Where the iterations ran out the correlation tells, too.)
            matches!(report.status, Status::Converged | Status::MaxIterations)
                && report.correlation >= self.tracking.min_correlation
        });
        let whole = good.and_then(|report| report.transform.compose(&self.course.to_key).ok());
        let found = if self.again { Found::Regained } else { Found::Tracked };
        match (whole, report) {
            (Some(whole), Some(report)) => {
                let course = self.course.after(&report, whole, self.number, self.tracking.keys);
                self.end(found, whole, Some(report));
                *self.course = course;
            }
            (_, _) if !self.again => self.begin(true),
            (_, report) => {
                self.course.lost = true;
                let last = self.course.last.compose(&self.course.to_key).unwrap_or(self.course.to_key);
                self.end(Found::Lost, last, report);
            }
        }
    }

    fn end(&mut self, found: Found, transform: T, report: Option<Report<T>>) {
        self.ended = Some(Tracked { transform, found, frame: self.number, key: self.course.key, report });
    }
}
