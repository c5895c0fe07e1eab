//! Sequences of scenes in closed form along known trajectories: every frame has an exact truth.

use crate::support::file::Plane;
use crate::support::synthetic::{Exposure, Random, Waves, corners, distance, render};
use nonius::align::{Found, Keys, Lean, Options, Scope, Status, Step, Tracked, Tracker, Tracking};
use nonius::{Error, Euclidean, Homography, Image, Level, Similarity, Transform, Translation};

const WIDTH: usize = 112;
const HEIGHT: usize = 88;

/// The scene as a camera sees it for which `image(T x) = scene(x)`.
fn frame<T: Transform>(scene: &Waves, truth: &T, exposure: Exposure, random: &mut Random) -> Plane<u8> {
    let back = truth.invert().unwrap();
    let image = render(WIDTH, HEIGHT, |x, y| {
        let (x, y) = back.apply(x, y);
        scene.at(x, y)
    });
    exposure.of(&image, random)
}

fn error<T: Transform>(tracked: &Tracked<T>, truth: &T) -> f64 {
    distance(&tracked.transform, truth, &corners(WIDTH, HEIGHT))
}

fn workspace<T: Transform>() -> Vec<u8> {
    vec![0; Tracker::<u8, T>::workspace(WIDTH, HEIGHT)]
}

/// A random walk of the pose, with changing exposure and noise.
fn shaken(frames: usize, random: &mut Random) -> Vec<Similarity> {
    let mut pose = [0.0_f64; 4];
    let mut poses = vec![Similarity::IDENTITY];
    while poses.len() < frames {
        for (v, step) in pose.iter_mut().zip([0.004, 0.006, 1.2, 1.2]) {
            *v = 0.95 * *v + step * random.normal();
        }
        let [scale, angle, dx, dy] = pose;
        let (a, b) = ((1.0 + scale) * angle.cos(), (1.0 + scale) * angle.sin());
        let (x, y) = (WIDTH as f64 / 2.0, HEIGHT as f64 / 2.0);
        poses.push(Similarity::new(a, b, x + dx - a * x + b * y, y + dy - b * x - a * y).unwrap());
    }
    poses
}

#[test]
fn many_frames_to_one() {
    let mut random = Random(1);
    let scene = Waves::new(&mut random);
    let poses = shaken(40, &mut random);
    for predict in [false, true] {
        let tracking = Tracking { keys: Keys::First, predict, ..Tracking::default() };
        let mut pixels = workspace::<Similarity>();
        let mut tracker = Tracker::new(WIDTH, HEIGHT, tracking, &mut pixels).unwrap();
        for (i, truth) in poses.iter().enumerate() {
            let light = (i as f64 / 5.0).sin();
            let exposure = Exposure { gain: 0.9 + 0.1 * light, offset: 10.0 * light, noise: 3.0 };
            let image = frame(&scene, truth, exposure, &mut random);
            let tracked = tracker.track(image.image().unwrap()).unwrap();
            assert_eq!((tracked.frame, tracked.key), (i as u32, 0));
            assert_eq!(tracked.found, if i == 0 { Found::First } else { Found::Tracked });
            assert_eq!(tracked.report.is_none(), i == 0);
            // No drift: the last frames are as exact as the first ones.
            let e = error(&tracked, truth);
            assert!(e < 0.06, "frame {i}: {e} px");
        }
    }
}

/// A pan over three times the width of a frame, by new keys; smoothly, so that its motion can be foreseen.
#[test]
fn keys_are_renewed_on_the_way() {
    let mut random = Random(2);
    let scene = Waves::new(&mut random);
    let mut passes = [0_u32; 2];
    for (predict, passes) in [false, true].into_iter().zip(&mut passes) {
        let mut pixels = workspace::<Euclidean>();
        let tracking = Tracking { predict, ..Tracking::default() };
        let mut tracker = Tracker::new(WIDTH, HEIGHT, tracking, &mut pixels).unwrap();
        let (mut keys, mut last) = (0, 0);
        for i in 0..80 {
            let t = f64::from(i);
            let truth = Euclidean::new(0.002 * t, -4.2 * t, 0.6 * t).unwrap();
            let image = frame(&scene, &truth, Exposure::noisy(2.0), &mut random);
            let tracked = tracker.track(image.image().unwrap()).unwrap();
            assert_ne!(tracked.found, Found::Lost, "frame {i}");
            keys += u32::from(tracked.key != last);
            last = tracked.key;
            // Each key adds the error of one alignment, and its angle acts from afar.
            let e = error(&tracked, &truth);
            assert!(e < 0.05 * f64::from(keys + 1), "frame {i}, key {keys}: {e} px");
            *passes += tracked.report.map_or(0, |r| r.iterations.iter().map(|&n| u32::from(n)).sum());
        }
        assert!((6..20).contains(&keys), "{keys} keys");
    }
    println!("passes over a level, without and with prediction: {passes:?}");
    assert!(passes[1] < passes[0]);
}

/// A frame after a camera's motion along x while it was exposed.
fn blurred(image: &Plane<u8>, by: usize) -> Plane<u8> {
    let mean = |i: usize| {
        let (x, row) = (i % WIDTH, i - i % WIDTH);
        let pixels =
            (0..by).map(|k| u32::from(image.data[row + (x + k).saturating_sub(by / 2).min(WIDTH - 1)]));
        (pixels.sum::<u32>() / by as u32) as u8
    };
    Plane { data: (0..WIDTH * HEIGHT).map(mean).collect(), ..*image }
}

/// Frames that are bad for a moment are found, if they can be, but do not become the key; what is so for good does.
#[test]
fn bad_frames_do_not_become_the_key() {
    let mut random = Random(7);
    let scene = Waves::new(&mut random);
    let pose = |i: usize| {
        let t = i as f64;
        Euclidean::new(0.01 * t.sin(), 1.5 * (0.9 * t).sin(), 1.1 * (0.7 * t).cos() - 1.1).unwrap()
    };
    let blur = |image: Plane<u8>| blurred(&image, 7);
    // A hand comes from the left, dark and without a pattern.
    let hand = |mut image: Plane<u8>| {
        image.data.iter_mut().enumerate().filter(|(i, _)| i % WIDTH < WIDTH / 5).for_each(|(_, v)| *v = 70);
        image
    };
    let spoils: [&dyn Fn(Plane<u8>) -> Plane<u8>; 2] = [&blur, &hand];
    for (spoil, bad) in spoils.into_iter().flat_map(|spoil| [(spoil, 5..6), (spoil, 5..8), (spoil, 5..20)]) {
        let mut pixels = workspace::<Euclidean>();
        let keys = Keys::Renewed { correlation: 0.95, support: 0.6 };
        let tracking = Tracking { keys, ..Tracking::default() };
        let mut tracker = Tracker::new(WIDTH, HEIGHT, tracking, &mut pixels).unwrap();
        let mut best = -1.0_f64;
        for i in 0..20 {
            let truth = pose(i);
            let image = frame(&scene, &truth, Exposure::noisy(2.0), &mut random);
            let image = if bad.contains(&i) { spoil(image) } else { image };
            let tracked = tracker.track(image.image().unwrap()).unwrap();
            let e = error(&tracked, &truth);
            let Some(report) = &tracked.report else { continue };
            // The fifth of them becomes the key.
            let key = if bad.len() > 5 && i > 9 { 9 } else { 0 };
            assert_eq!(tracked.key, key, "{bad:?} {i}");
            assert_eq!(tracked.found, Found::Tracked, "{bad:?} {i}: {report:?}");
            if key == 0 {
                let alike = report.correlation >= 0.95 * best;
                assert_eq!(alike, !bad.contains(&i), "{bad:?} {i}: {} {best}", report.correlation);
                best = best.max(report.correlation);
            }
            assert!(e < if bad.contains(&i) { 3.0 } else { 0.06 }, "{bad:?} {i}: {e} px");
        }
    }
}

/// Few iterations for a frame, as a small processor has time for, are enough if they lead there.
#[test]
fn few_iterations() {
    let mut random = Random(8);
    let scene = Waves::new(&mut random);
    let options = Options { max_iterations: 2, ..Options::default() };
    let mut pixels = workspace::<Similarity>();
    let tracking = Tracking { options, ..Tracking::default() };
    let mut tracker = Tracker::new(WIDTH, HEIGHT, tracking, &mut pixels).unwrap();
    let mut ran_out = 0;
    for (i, truth) in shaken(20, &mut random).iter().enumerate() {
        let image = frame(&scene, truth, Exposure::noisy(3.0), &mut random);
        let tracked = tracker.track(image.image().unwrap()).unwrap();
        assert_eq!(tracked.found, if i == 0 { Found::First } else { Found::Tracked });
        let e = error(&tracked, truth);
        assert!(e < 0.2, "{i}: {e} px");
        ran_out += u32::from(tracked.report.is_some_and(|report| report.status == Status::MaxIterations));
    }
    assert!(ran_out > 5, "{ran_out}");
}

#[test]
fn lost_and_regained() {
    let mut random = Random(3);
    let (scene, other) = (Waves::new(&mut random), Waves::new(&mut random));
    let mut pixels = workspace::<Translation>();
    let mut tracker =
        Tracker::<u8, Translation>::new(WIDTH, HEIGHT, Tracking::default(), &mut pixels).unwrap();
    let at = |x: f64, y: f64| Translation::new(x, y).unwrap();
    let grey = vec![90; WIDTH * HEIGHT];
    let see = |tracker: &mut Tracker<'_, u8, Translation>, truth: Translation, random: &mut Random| {
        let image = frame(&scene, &truth, Exposure::noisy(3.0), random);
        let tracked = tracker.track(image.image().unwrap()).unwrap();
        assert!(error(&tracked, &truth) < 0.1, "{tracked:?}");
        tracked.found
    };
    let last = at(2.3, -1.6);
    assert_eq!(see(&mut tracker, at(0.0, 0.0), &mut random), Found::First);
    assert_eq!(see(&mut tracker, last, &mut random), Found::Tracked);
    // A jump, found in the same frame.
    assert_eq!(see(&mut tracker, at(-22.0, 15.0), &mut random), Found::Regained);
    assert_eq!(see(&mut tracker, last, &mut random), Found::Regained);
    // Nothing to see, and something else: the transform stays.
    let covered = Plane { width: WIDTH, height: HEIGHT, data: grey };
    for image in [&covered, &frame(&other, &last, Exposure::CLEAN, &mut random), &covered] {
        let tracked = tracker.track(image.image().unwrap()).unwrap();
        assert_eq!(tracked.found, Found::Lost);
        assert!(distance(&tracked.transform, &last, &corners(WIDTH, HEIGHT)) < 0.2);
        let report = tracked.report.unwrap();
        assert!(report.correlation.is_finite() && report.rms_residual.is_finite());
        assert!(report.status != Status::Converged || report.correlation < 0.5);
    }
    assert_eq!(see(&mut tracker, at(9.0, 12.5), &mut random), Found::Regained);
    assert_eq!(see(&mut tracker, at(9.7, 12.0), &mut random), Found::Tracked);
    // From the beginning.
    tracker.reset();
    let tracked = tracker.track(covered.image().unwrap()).unwrap();
    assert_eq!((tracked.found, tracked.frame, tracked.transform), (Found::First, 0, Translation::IDENTITY));
}

/// Letters over the picture, as a camera writes them, hold a tracker back unless they are masked.
#[test]
fn a_mask_stays_with_the_camera() {
    let mut random = Random(4);
    let scene = Waves::new(&mut random);
    let hidden = |x: usize, y: usize| y > HEIGHT - 30 && x < WIDTH / 2;
    let mut mask = vec![255_u8; WIDTH * HEIGHT];
    (0..WIDTH * HEIGHT).filter(|i| hidden(i % WIDTH, i / WIDTH)).for_each(|i| mask[i] = 0);
    let mut worst = [0.0_f64; 2];
    for (masked, worst) in [false, true].into_iter().zip(&mut worst) {
        let (mut pixels, mut buffer) =
            (workspace::<Translation>(), vec![0; Tracker::<u8, Translation>::mask_workspace(WIDTH, HEIGHT)]);
        let tracking = Tracking { keys: Keys::First, min_correlation: 0.0, ..Tracking::default() };
        let mut tracker = Tracker::new(WIDTH, HEIGHT, tracking, &mut pixels).unwrap();
        if masked {
            tracker = tracker.with_mask(Image::new(&mask, WIDTH, HEIGHT).unwrap(), &mut buffer).unwrap();
        }
        for i in 0..6 {
            let truth = Translation::new(0.7 * f64::from(i), -0.4 * f64::from(i)).unwrap();
            let mut image = frame(&scene, &truth, Exposure::CLEAN, &mut random);
            for (i, v) in image.data.iter_mut().enumerate().filter(|(i, _)| mask[*i] == 0) {
                *v = if (i % WIDTH / 5 + i / WIDTH / 5).is_multiple_of(2) { 20 } else { 240 };
            }
            *worst = worst.max(error(&tracker.track(image.image().unwrap()).unwrap(), &truth));
        }
    }
    assert!(worst[1] < 0.05 && worst[0] > 1.0, "{worst:?}");
}

/// Step by step, at every level of instructions, and after frames that were given up: the same bits.
#[test]
fn the_same_bits() {
    let mut random = Random(5);
    let scene = Waves::new(&mut random);
    let frames: Vec<_> = (0..6)
        .map(|i| {
            let t = f64::from(i);
            let truth = Homography::from_parameters([1.0, 0.002 * t, 2.5 * t, 0.0, 1.0, -t, 1e-5 * t, 0.0]);
            frame(&scene, &truth.unwrap(), Exposure::noisy(4.0), &mut random)
        })
        .collect();
    let run = |level: Level, steps: bool| {
        let options = Options { level, ..Options::default() };
        let mut pixels = workspace::<Homography>();
        let mut tracker = Tracker::<u8, Homography>::new(
            WIDTH,
            HEIGHT,
            Tracking { options, ..Tracking::default() },
            &mut pixels,
        )
        .unwrap();
        let mut found = Vec::new();
        for image in &frames {
            let image = image.image().unwrap();
            if steps {
                // Given up in the middle, then as if nothing had been; the first frame is there at once.
                let mut track = tracker.start(image).unwrap();
                let first = matches!(track.step(), Step::Done(_));
                drop(track);
                if first {
                    found.push(Homography::IDENTITY);
                    continue;
                }
                let mut track = tracker.start(image).unwrap();
                let tracked = loop {
                    match track.step() {
                        Step::Done(tracked) => break tracked,
                        Step::Running(now) => assert!(now.level < now.levels && now.width > 0, "{now:?}"),
                    }
                };
                // The end is repeated.
                assert_eq!(track.step().done().map(|t| t.transform), Some(tracked.transform));
                found.push(tracked.transform);
            } else {
                found.push(tracker.track(image).unwrap().transform);
            }
        }
        found
    };
    let expected = run(Level::best(), false);
    assert!(expected.iter().skip(1).all(|t| *t != Homography::IDENTITY));
    for level in Level::available() {
        assert_eq!(run(level, true), expected, "{}", level.name());
    }
}

/// A lean tracker finds, to the last bit, what a whole one does with its options; in less memory.
#[test]
fn lean() {
    let mut random = Random(6);
    let scene = Waves::new(&mut random);
    let (lean, mut pixels) = (Lean::default(), workspace::<Similarity>());
    let mut less = vec![0; Tracker::<u8, Similarity, Lean>::workspace(WIDTH, HEIGHT)];
    assert!(less.len() < pixels.len());
    let tracking = Tracking::from(lean.options());
    let mut whole = Tracker::<u8, Similarity>::new(WIDTH, HEIGHT, tracking, &mut pixels).unwrap();
    let tracking = Tracking::from(lean);
    let mut tracker = Tracker::<_, Similarity, _>::new(WIDTH, HEIGHT, tracking, &mut less).unwrap();
    for (i, truth) in shaken(12, &mut random).iter().enumerate() {
        let far = Similarity::new(1.0, 0.0, if i > 8 { 25.0 } else { 0.0 }, 0.0).unwrap();
        let truth = truth.compose(&far).unwrap();
        let image = frame(&scene, &truth, Exposure::noisy(2.0), &mut random);
        let found = tracker.track(image.image().unwrap()).unwrap();
        let expected = whole.track(image.image().unwrap()).unwrap();
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }

    let mask = vec![1; WIDTH * HEIGHT];
    let mask = Image::new(&mask, WIDTH, HEIGHT).unwrap();
    assert_eq!(tracker.with_mask(mask, &mut []).unwrap_err(), Error::InvalidOption);
}

#[test]
fn bad_input() {
    const NEEDED: usize = Tracker::<u8, Translation>::workspace(WIDTH, HEIGHT);
    type T<'a> = Tracker<'a, u8, Translation>;
    let usual = Tracking::default();
    let mut pixels = vec![0; NEEDED];
    let short = T::new(WIDTH, HEIGHT, usual, &mut pixels[1..]).unwrap_err();
    assert_eq!(short, Error::TooShort { needed: NEEDED, found: NEEDED - 1 });
    assert_eq!(T::new(0, HEIGHT, usual, &mut pixels).unwrap_err(), Error::Empty);
    assert!(T::new(usize::MAX, usize::MAX, usual, &mut pixels).is_err());
    for min_correlation in [f64::NAN, 1.1, -2.0] {
        let tracking = Tracking { min_correlation, ..usual };
        assert_eq!(T::new(WIDTH, HEIGHT, tracking, &mut pixels).unwrap_err(), Error::InvalidOption);
    }
    for (correlation, support) in [(f64::NAN, 0.5), (0.5, f64::NAN), (1.5, 0.5), (0.5, -0.1)] {
        let tracking = Tracking { keys: Keys::Renewed { correlation, support }, ..usual };
        assert_eq!(T::new(WIDTH, HEIGHT, tracking, &mut pixels).unwrap_err(), Error::InvalidOption);
    }
    let options = Options { epsilon: 0.0, ..Options::default() };
    let tracking = Tracking { options, ..usual };
    assert_eq!(T::new(WIDTH, HEIGHT, tracking, &mut pixels).unwrap_err(), Error::InvalidOption);

    let other = [0_u8; 16];
    let (small, mut buffer) = (Image::new(&other, 4, 4).unwrap(), [0; 16]);
    let tracker = T::new(WIDTH, HEIGHT, usual, &mut pixels).unwrap();
    assert_eq!(tracker.with_mask(small, &mut buffer).unwrap_err(), Error::SizeMismatch);
    let mask = vec![1; WIDTH * HEIGHT];
    let tracker = T::new(WIDTH, HEIGHT, usual, &mut pixels).unwrap();
    let mask = Image::new(&mask, WIDTH, HEIGHT).unwrap();
    assert!(matches!(tracker.with_mask(mask, &mut buffer), Err(Error::TooShort { .. })));
    let mut tracker = T::new(WIDTH, HEIGHT, usual, &mut pixels).unwrap();
    assert_eq!(tracker.track(small).unwrap_err(), Error::SizeMismatch);

    // Tiny and constant images, at every size.
    for (width, height) in [(1, 1), (2, 1), (1, 5), (3, 3), (7, 2)] {
        let image = vec![9_u16; width * height];
        let mut pixels = vec![0; Tracker::<u16, Homography>::workspace(width, height)];
        let mut tracker = Tracker::<u16, Homography>::new(width, height, usual, &mut pixels).unwrap();
        for i in 0..3 {
            let tracked = tracker.track(Image::new(&image, width, height).unwrap()).unwrap();
            assert_eq!(tracked.found, if i == 0 { Found::First } else { Found::Lost });
            assert_eq!(tracked.transform, Homography::IDENTITY);
        }
    }
}
