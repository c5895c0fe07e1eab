//! Alignments of any two small images, and of sequences of them, under any options: an error or a report whose numbers
//! are in range, the same at every level, stepwise or at once, lean or whole.
#![no_main]
#![forbid(unsafe_code)]

use std::fmt::Debug;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nonius::align::{
    Aligner, Found, Grey, Interpolation, Keys, Lean, Method, Options, Pair, Report, Robust, Scope, Status,
    Tracker, Tracking, run_all,
};
use nonius::{
    Affine, Array, Error, Euclidean, Homography, Level, Similarity, Threads, Transform, Translation,
};
use nonius_fuzz::{Element, Number, Side, Size, image, span};

/// What an image shows.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Pattern {
    Noise,
    /// Something that can be aligned.
    Waves,
    /// A pure edge along y, at a column.
    Edge(u8),
    /// One along any direction, with noise.
    Slanted(i8, i8),
    Constant,
    /// Zeros: of a mask, that nothing counts.
    Black,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum PixelType {
    U8,
    U16,
    I16,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Model {
    Translation,
    Euclidean,
    Similarity,
    Affine,
    Homography,
}

/// What is looked at.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Kind {
    Whole,
    Lean,
    Sequence,
}

#[derive(Arbitrary, Debug)]
struct Input {
    kind: Kind,
    model: Model,
    pixel: PixelType,
    fixed: Side,
    moving: Side,
    /// Of the fixed and of the moving image.
    patterns: [Pattern; 2],
    masks: [Option<Pattern>; 2],
    initial: Option<[Number; 8]>,
    levels: Option<u8>,
    max_iterations: u8,
    parts: [Number; 5],
    gain_and_offset: bool,
    monotone: bool,
    predict: bool,
    method: u8,
    robust: u8,
    bilinear: bool,
    bytes: Vec<u8>,
}

/// An image of a pattern, some pixels along both axes.
fn pixels<P: Element>(input: &Input, pattern: Pattern, size: Size, shift: usize) -> Vec<P> {
    let (n, stride) = (input.bytes.len().max(1), size.2);
    let byte = |i: usize| {
        let (x, y) = (i % stride + shift, i / stride + shift);
        let noise = input.bytes.get(i % n).copied().unwrap_or(0);
        let side = |positive: bool| if positive { 200 } else { 20 };
        match pattern {
            Pattern::Noise => noise,
            Pattern::Waves => (((x * x + 3 * x * y + 2 * y * y) / 8 % 256) as u8).wrapping_add(noise / 32),
            Pattern::Edge(at) => side(x > usize::from(at % 40)),
            Pattern::Slanted(a, b) => {
                side(i32::from(a) * (x as i32 - 20) + i32::from(b) * (y as i32 - 20) > 0) + noise / 16
            }
            Pattern::Constant => 77,
            Pattern::Black => 0,
        }
    };
    (0..span(size)).map(|i| P::read(&mut [byte(i), byte(i) / 3].into_iter())).collect()
}

impl Input {
    fn part(&self, i: usize) -> f64 {
        self.parts[i].real()
    }

    fn options(&self, level: Level) -> Options {
        Options {
            levels: self.levels.map(usize::from),
            max_iterations: self.max_iterations.into(),
            epsilon: self.part(0),
            min_support: self.part(1),
            search: self.part(2),
            rotation: self.part(3),
            selection: self.part(4),
            method: [Method::Mixed, Method::InverseCompositional, Method::SecondOrder]
                [usize::from(self.method % 3)],
            gain_and_offset: self.gain_and_offset,
            monotone: self.monotone,
            finish: if self.bilinear { Interpolation::Bilinear } else { Interpolation::Lagrange },
            robust: [Robust::None, Robust::Huber, Robust::Tukey][usize::from(self.robust % 3)],
            level,
            ..Options::default()
        }
    }

    fn lean(&self) -> Lean {
        let Options { levels, max_iterations, epsilon, min_support, search, .. } =
            self.options(Level::best());
        Lean { levels, max_iterations, epsilon, min_support, search }
    }

    fn initial<T: Transform>(&self) -> Result<T, Error> {
        self.initial.map_or(Ok(T::IDENTITY), |numbers| {
            T::from_parameters(T::Parameters::from_fn(|i| numbers.get(i).map_or(0.0, |n| n.real())))
        })
    }
}

/// An alignment step by step; what it reports is in range.
fn step_by_step<P: Grey, T: Transform, S: Scope>(
    pair: Pair<'_, P>,
    initial: T,
    scope: S,
) -> Result<(Report<T>, Option<T::Covariance>), Error> {
    let size = Aligner::<P, T, S>::workspace(&pair, &scope)?;
    let (mut pixels, mut masks) = (vec![P::zero(); size.pixels], vec![0; size.masks]);
    let mut aligner = Aligner::new(pair, initial, scope, &mut pixels, &mut masks)?;
    // Every step is bounded, and so is their number.
    let report = (0..100_000).find_map(|_| aligner.step().done());
    let (report, options) = (report.expect("the alignment ends"), scope.options());
    assert!((0.0..=1.0).contains(&report.support), "{report:?}");
    assert!(report.correlation.abs() <= 1.0 + 1e-9, "{report:?}");
    assert!(report.rms_residual >= 0.0, "{report:?}");
    let numbers = [report.rms_residual, report.gain, report.offset];
    assert!(report.transform.matrix().iter().chain(&numbers).all(|v| v.is_finite()), "{report:?}");
    // (Of two beginnings either has a pass at least.)
    assert!(report.iterations.iter().all(|&n| n <= options.max_iterations.saturating_add(2)), "{report:?}");
    let last = report.iterations.last().copied().unwrap_or(0);
    match report.status {
        // It rests on as much as it has to.
        Status::Converged => assert!(last > 0 && report.support >= 0.99 * options.min_support, "{report:?}"),
        Status::MaxIterations => assert!(last >= options.max_iterations, "{report:?}"),
        _ => {}
    }
    let covariance = aligner.covariance();
    for row in covariance.iter().flat_map(|rows| rows.as_ref()) {
        let row = row.as_ref();
        assert!(row.iter().all(|v| v.is_finite()), "{covariance:?}");
    }
    Ok((report, covariance))
}

/// The same, where both are numbers. (NaN where there is none are equal so.)
fn assert_alike(a: &impl Debug, b: &impl Debug) {
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
}

fn align<P: Grey + Element, T: Transform>(input: &Input) {
    let (fixed_size, moving_size) = (input.fixed.size(48, 40), input.moving.size(48, 40));
    let fixed = pixels::<P>(input, input.patterns[0], fixed_size, 0);
    let moving = pixels::<P>(input, input.patterns[1], moving_size, 1);
    let mut pair = Pair::new(image(&fixed, fixed_size), image(&moving, moving_size));
    let Ok(initial) = input.initial::<T>() else { return };
    if input.kind == Kind::Lean {
        let lean = input.lean();
        let found = step_by_step(pair, initial, lean);
        return assert_alike(&found, &step_by_step(pair, initial, lean.options()));
    }
    let mask = |i: usize, size: Size| input.masks[i].map(|pattern| pixels::<u8>(input, pattern, size, 2));
    let masks = [mask(0, fixed_size), mask(1, moving_size)];
    if let Some(mask) = &masks[0] {
        pair = pair.with_fixed_mask(image(mask, fixed_size)).unwrap();
    }
    if let Some(mask) = &masks[1] {
        pair = pair.with_moving_mask(image(mask, moving_size)).unwrap();
    }
    let found = step_by_step(pair, initial, input.options(Level::SCALAR));
    if let Ok((report, _)) = &found {
        // What does not say where it is.
        let nothing = match input.patterns {
            [Pattern::Constant | Pattern::Black, _] => true,
            [Pattern::Edge(_), Pattern::Edge(_)] => initial == T::IDENTITY && input.part(3) == 0.0,
            _ => false,
        };
        assert!(!nothing || report.status != Status::Converged, "{report:?}");
        // What is not to be looked at. (Of two pixels there are no differences, masked or not; a level may have no
        // such transform.)
        let hidden = input.masks.contains(&Some(Pattern::Black));
        let left = if fixed_size.0.min(fixed_size.1) < 3 { Status::Singular } else { Status::LeftImage };
        let ended = report.support == 0.0 && [left, Status::Stalled].contains(&report.status);
        assert!(!hidden || ended, "{report:?}");
    }

    // All levels at once.
    let levels: Vec<Level> = Level::available().collect();
    let sizes = levels.iter().map(|&level| Aligner::<P, T>::workspace(&pair, &input.options(level)));
    let Ok(sizes) = sizes.collect::<Result<Vec<_>, _>>() else {
        assert!(found.is_err());
        return;
    };
    let mut workspaces: Vec<_> =
        sizes.iter().map(|size| (vec![P::zero(); size.pixels], vec![0; size.masks])).collect();
    let aligners = levels.iter().zip(&mut workspaces).map(|(&level, (pixels, masks))| {
        Aligner::<P, T>::new(pair, initial, input.options(level), pixels, masks)
    });
    let Ok(mut aligners) = aligners.collect::<Result<Vec<_>, _>>() else {
        assert!(found.is_err());
        return;
    };
    let mut reports = vec![None; aligners.len()];
    run_all(&mut aligners, &mut reports, Threads::default()).unwrap();
    for (aligner, report) in aligners.iter().zip(reports) {
        assert_alike(&Ok::<_, Error>((report.unwrap(), aligner.covariance())), &found);
    }
}

/// A sequence: two images in turn, and now and then nothing.
fn track<P: Grey + Element, T: Transform>(input: &Input) {
    let (width, height, _) = input.fixed.size(48, 40);
    let size = (width, height, width);
    let frames = [0, 1, 2, 3, 0, 0].map(|i| {
        let pattern = if i == 3 { Pattern::Constant } else { input.patterns[i % 2] };
        pixels::<P>(input, pattern, size, i)
    });
    let mask = input.masks[0].map(|pattern| pixels::<u8>(input, pattern, size, 2));
    let keys = Keys::Renewed { correlation: input.part(3), support: input.part(4) };
    let run = |level: Level| -> Result<(), Error> {
        let tracking = Tracking {
            options: input.options(level),
            keys: if input.masks[1].is_some() { Keys::First } else { keys },
            min_correlation: input.part(2),
            predict: input.predict,
        };
        let mut room = vec![P::zero(); Tracker::<P, T>::workspace(width, height)];
        let mut bytes = vec![0; Tracker::<P, T>::mask_workspace(width, height)];
        let mut tracker = Tracker::<P, T>::new(width, height, tracking, &mut room)?;
        if let Some(mask) = &mask {
            tracker = tracker.with_mask(image(mask, size), &mut bytes)?;
        }
        for (i, frame) in frames.iter().enumerate() {
            let tracked = tracker.track(image(frame, size))?;
            assert_eq!((tracked.found == Found::First, tracked.frame), (i == 0, i as u32));
            assert!(tracked.key <= tracked.frame && tracked.transform.matrix().iter().all(|v| v.is_finite()));
            if let (Some(report), Found::Tracked | Found::Regained) = (&tracked.report, tracked.found) {
                assert!(report.correlation >= tracking.min_correlation, "{tracked:?}");
            }
        }
        Ok(())
    };
    assert_eq!(run(Level::SCALAR), run(Level::best()));
}

fn with_model<P: Grey + Element>(input: &Input) {
    fn one<P: Grey + Element, T: Transform>(input: &Input) {
        if input.kind == Kind::Sequence { track::<P, T>(input) } else { align::<P, T>(input) }
    }
    match input.model {
        Model::Translation => one::<P, Translation>(input),
        Model::Euclidean => one::<P, Euclidean>(input),
        Model::Similarity => one::<P, Similarity>(input),
        Model::Affine => one::<P, Affine>(input),
        Model::Homography => one::<P, Homography>(input),
    }
}

fuzz_target!(|input: Input| {
    match input.pixel {
        PixelType::U8 => with_model::<u8>(&input),
        PixelType::U16 => with_model::<u16>(&input),
        PixelType::I16 => with_model::<i16>(&input),
    }
});
