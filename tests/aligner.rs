//! The aligner on scenes in closed form, of which both images are sampled: the truth is exact and no
//! sampler takes part in it.

use nonius::align::{
    Aligner, Grey, Interpolation, Lean, Method, Options, Pair, Report, Robust, Scope, Status, Step,
};
use nonius::{Affine, Error, Euclidean, Homography, Image, Level, Similarity, Transform, Translation};

const WIDTH: usize = 160;
const HEIGHT: usize = 120;

/// Uniform numbers (xorshift), and normal ones (sums of twelve).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// A sum of cosines of up to 0.22 cycles per pixel, more of the long ones, about 128.
struct Scene(Vec<[f64; 4]>);

impl Scene {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let wave = |_| {
            let frequency = 0.22 * random.uniform().powf(1.2);
            let (angle, phase) = (random.uniform() * 6.3, random.uniform() * 6.3);
            let (a, b) = (6.3 * frequency * angle.cos(), 6.3 * frequency * angle.sin());
            [a, b, phase, 12.0 * (0.02 / (0.02 + frequency)).sqrt()]
        };
        Scene((0..60).map(wave).collect())
    }

    fn at(&self, x: f64, y: f64) -> f64 {
        128.0 + self.0.iter().map(|[a, b, phase, height]| height * (a * x + b * y + phase).cos()).sum::<f64>()
    }

    /// The scene as seen through the inverse of `transform`, so that `image(T x) = scene(x)`.
    fn image<T: Transform>(&self, transform: &T) -> Vec<f64> {
        let back = transform.invert().unwrap();
        (0..WIDTH * HEIGHT)
            .map(|i| {
                let (x, y) = back.apply((i % WIDTH) as f64, (i / WIDTH) as f64);
                self.at(x, y)
            })
            .collect()
    }
}

fn bytes(image: &[f64]) -> Vec<u8> {
    image.iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect()
}

fn view<P>(pixels: &[P]) -> Image<'_, P> {
    Image::new(pixels, WIDTH, HEIGHT).unwrap()
}

fn align<P: Grey, T: Transform>(pair: Pair<'_, P>, options: Options) -> Report<T> {
    align_with_covariance(pair, options).0
}

fn align_with_covariance<P: Grey, T: Transform>(
    pair: Pair<'_, P>,
    options: Options,
) -> (Report<T>, Option<T::Covariance>) {
    let size = Aligner::<P, T>::workspace(&pair, &options).unwrap();
    let (mut pixels, mut masks) = (vec![P::default(); size.pixels], vec![0; size.masks]);
    let mut aligner = Aligner::new(pair, T::IDENTITY, options, &mut pixels, &mut masks).unwrap();
    assert_eq!(aligner.covariance(), None, "before the first iteration");
    let report = aligner.run();
    (report, aligner.covariance())
}

/// Root mean square distance at the corners.
fn error<T: Transform>(found: &T, truth: &T) -> f64 {
    let (w, h) = ((WIDTH - 1) as f64, (HEIGHT - 1) as f64);
    let squares = [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)].map(|(x, y)| {
        let ((a, b), (c, d)) = (found.apply(x, y), truth.apply(x, y));
        (a - c) * (a - c) + (b - d) * (b - d)
    });
    (squares.iter().sum::<f64>() / 4.0).sqrt()
}

/// A scene, and its view after a distortion and a shift at random, of these deviations: the truth, fixed and
/// moving image.
fn distorted(seed: u64, distortion: f64, shift: f64) -> (Affine, Vec<u8>, Vec<u8>) {
    let scene = Scene::new(seed);
    let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
    let [a, b, c, d] = [0; 4].map(|_| distortion * random.normal());
    let [x, y] = [0; 2].map(|_| shift * random.normal());
    let about = |u: f64, v: f64, shift: f64| shift - u * 80.0 - v * 60.0;
    let truth = Affine::from_parameters([1.0 + a, b, about(a, b, x), c, 1.0 + d, about(c, d, y)]).unwrap();
    (truth, bytes(&scene.image(&Affine::IDENTITY)), bytes(&scene.image(&truth)))
}

/// A copy has no room for what is kept of rows from pass to pass, and comes to the same without.
#[test]
fn a_copy_goes_on_alike() {
    let (_, fixed, moving) = distorted(3, 0.03, 2.0);
    let pair = Pair::new(view(&fixed), view(&moving));
    let options = Options { finish: Interpolation::Lagrange, ..Options::default() };
    let mut pixels = vec![0; Aligner::<_, Affine>::workspace(&pair, &options).unwrap().pixels];
    let mut aligner = Aligner::new(pair, Affine::IDENTITY, options, &mut pixels, &mut []).unwrap();
    let mut reports = Vec::new();
    loop {
        reports.push(format!("{:?}", aligner.clone().run()));
        if let Step::Done(report) = aligner.step() {
            assert_eq!(report.status, Status::Converged);
            let report = format!("{report:?}");
            assert!(reports.len() > 7 && reports.iter().all(|copy| *copy == report), "{report} {reports:?}");
            return;
        }
    }
}

/// Strong distortions, of which a search for shifts finds a wrong one at times: what is found without the
/// search is found with it.
#[test]
fn search_does_not_mislead() {
    let mut found = 0;
    for seed in 0..60 {
        let (truth, fixed, moving) = distorted(seed, 0.13, 5.0);
        let pair = Pair::new(view(&fixed), view(&moving));
        let error = |options: Options| error(&align::<_, Affine>(pair, options).transform, &truth);
        let without = error(Options { search: 0.0, ..Options::default() });
        if without < 0.1 {
            found += 1;
            let with = error(Options::default());
            assert!(with < 0.1, "seed {seed}: {without} px without the search, {with} px with it");
        }
    }
    assert!(found > 20, "{found}");
}

/// Over some scenes, with and without another contrast and brightness.
fn finds<T: Transform>(truth: T, bound: f64) {
    for seed in 1..6 {
        let scene = Scene::new(seed);
        let (fixed, moving) = (scene.image(&T::IDENTITY), scene.image(&truth));
        for (gain, offset) in [(1.0, 0.0), (0.7, 40.0)] {
            let changed: Vec<f64> = moving.iter().map(|v| gain * v + offset).collect();
            let (f, m) = (bytes(&fixed), bytes(&changed));
            let pair = Pair::new(view(&f), view(&m));
            for method in [Method::InverseCompositional, Method::SecondOrder] {
                let report = align::<u8, T>(pair, Options { method, ..Options::default() });
                let e = error(&report.transform, &truth);
                assert!(report.status == Status::Converged && e < bound, "{truth:?}, {method:?}: {e} px");
            }
            let report = align::<u8, T>(pair, Options::default());
            assert_eq!(report.status, Status::Converged);
            // Interpolation takes a little of the contrast.
            assert!((report.gain - gain).abs() < 0.05, "{}", report.gain);
            assert!((report.offset - offset).abs() < 6.5, "{}", report.offset);
            let e = error(&report.transform, &truth);
            assert!(e < bound, "{truth:?}: {e} px");

            let deep = |image: &[f64]| image.iter().map(|v| (v * 200.0) as u16).collect::<Vec<_>>();
            let (f, m) = (deep(&fixed), deep(&changed));
            let report = align::<u16, T>(Pair::new(view(&f), view(&m)), Options::default());
            let e = error(&report.transform, &truth);
            assert!(e < bound, "{truth:?} 16 bit: {e} px");
        }
    }
}

#[test]
fn every_model() {
    // What bilinear interpolation costs at these frequencies; the more parameters, the more at the corners.
    finds(Translation::new(3.4, -2.3).unwrap(), 0.03);
    finds(Euclidean::new(0.04, 2.5, -1.7).unwrap(), 0.03);
    finds(Similarity::new(1.03, 0.02, -3.5, 2.2).unwrap(), 0.04);
    finds(Affine::from_parameters([1.02, 0.03, -2.5, -0.01, 0.97, 3.3]).unwrap(), 0.05);
    finds(Homography::from_parameters([1.02, 0.01, -2.0, 0.02, 1.01, 1.0, 1e-4, -5e-5]).unwrap(), 0.1);
}

/// Images that are some pixels apart: after as many steps, those by the gradients of both have come closer.
#[test]
fn second_order_steps_are_exacter() {
    let mut left = [Vec::new(), Vec::new()];
    for seed in 0..40 {
        let (truth, fixed, moving) = distorted(seed, 0.03, 2.0);
        let pair = Pair::new(view(&fixed), view(&moving));
        for (left, method) in left.iter_mut().zip([Method::InverseCompositional, Method::SecondOrder]) {
            let options =
                Options { method, search: 0.0, levels: Some(1), max_iterations: 4, ..Options::default() };
            left.push(error(&align::<_, Affine>(pair, options).transform, &truth));
        }
    }
    // Of three quarters of them.
    let [first, second] = left.map(|mut errors| {
        errors.sort_by(f64::total_cmp);
        errors[30]
    });
    println!("after three steps, of 4 px: {first} px by the fixed image's gradients, {second} px by both");
    assert!(second < first / 8.0, "{first} {second}");
}

/// The smooth interpolation is as exact as it says, and what is selected of the pixels is enough, at every level
/// the same.
#[test]
fn finishes_and_selections() {
    let truth = Affine::from_parameters([1.01, 0.02, 1.3, -0.015, 0.99, -2.4]).unwrap();
    for seed in 1..6 {
        let scene = Scene::new(seed);
        let (fixed, moving) = (bytes(&scene.image(&Affine::IDENTITY)), bytes(&scene.image(&truth)));
        let pair = Pair::new(view(&fixed), view(&moving));
        let run = |options: Options| {
            let (report, covariance) = align_with_covariance::<u8, Affine>(pair, options);
            (report, (0..6).map(|i| covariance.unwrap()[i][i]).sum::<f64>())
        };
        let (exact, _) = run(Options { finish: Interpolation::Lagrange, ..Options::default() });
        let e = error(&exact.transform, &truth);
        assert!(e < 0.004, "{e} px");
        let (whole, variance_of_whole) = run(Options::default());
        for selection in [0.75, 0.5, 0.25, 0.1] {
            let options = Options { selection, ..Options::default() };
            let (part, variance) = run(options);
            let e = error(&part.transform, &truth);
            assert!(part.status == Status::Converged && e < 0.05, "{selection}: {e} px");
            // Fewer pixels are less certain, but not as much as by their number.
            let times = variance / variance_of_whole;
            assert!(1.0 < times && times < 1.2 / selection, "{selection}: {times}");
            assert!((part.support - whole.support).abs() < 0.05, "{} {}", part.support, whole.support);
            for level in Level::available() {
                let (same, _) = run(Options { level, ..options });
                assert_eq!(same.transform.parameters(), part.transform.parameters(), "{}", level.name());
            }
        }
    }
}

#[test]
fn large_shifts_without_a_guess() {
    for (seed, shift) in [(1, (38.0, -27.0)), (2, (-35.3, 28.4)), (3, (39.0, 20.5)), (4, (-0.5, -29.0))] {
        let scene = Scene::new(seed);
        let truth = Affine::from_parameters([1.0, 0.01, shift.0, -0.01, 1.0, shift.1]).unwrap();
        let (f, m) = (bytes(&scene.image(&Affine::IDENTITY)), bytes(&scene.image(&truth)));
        let report = align::<u8, Affine>(Pair::new(view(&f), view(&m)), Options::default());
        let e = error(&report.transform, &truth);
        assert!(report.status == Status::Converged && e < 0.1, "{shift:?}: {} {e}", report.status);
    }
}

/// A pattern of so few pixels that smaller levels show next to nothing of it, and long waves that have moved otherwise,
/// as shadows do. Where the smaller levels end the pattern does not match: it is aligned from where all began.
#[test]
fn a_pattern_that_smaller_levels_have_lost() {
    for seed in 0..6 {
        let mut random = Random(0x9e37_79b9 + seed);
        let mut waves = |count: usize, [least, most]: [f64; 2], height: f64| {
            let wave = |_| {
                let frequency = 6.3 * (least + (most - least) * random.uniform());
                let (angle, phase) = (random.uniform() * 6.3, random.uniform() * 6.3);
                [frequency * angle.cos(), frequency * angle.sin(), phase, height]
            };
            Scene((0..count).map(wave).collect())
        };
        let (pattern, shadows) = (waves(24, [0.26, 0.34], 9.0), waves(6, [0.01, 0.03], 11.0));
        let [truth, away] = [[0.4, -0.3], [7.0, 5.0]].map(|[x, y]| Translation::new(x, y).unwrap());
        let image = |by: [&Translation; 2]| {
            let (a, b) = (pattern.image(by[0]), shadows.image(by[1]));
            bytes(&a.iter().zip(b).map(|(a, b)| a + b - 128.0).collect::<Vec<_>>())
        };
        let (fixed, moving) = (image([&Translation::IDENTITY; 2]), image([&truth, &away]));
        let pair = Pair::new(view(&fixed), view(&moving));
        let report = align::<u8, Translation>(pair, Options::default());
        let e = error(&report.transform, &truth);
        assert!(report.status == Status::Converged && e < 0.1, "seed {seed}: {} {e}", report.status);
    }
}

/// A fifth of the moving image shows something else.
#[test]
fn robust_losses_and_masks_leave_out_what_does_not_match() {
    let truth = Affine::from_parameters([1.01, 0.02, -1.5, -0.01, 0.98, 2.3]).unwrap();
    let mut errors = [0.0_f64; 4];
    for seed in 1..6 {
        let (scene, other) = (Scene::new(seed), Scene::new(seed + 100));
        let f = bytes(&scene.image(&Affine::IDENTITY));
        let (mut moving, cover) = (scene.image(&truth), other.image(&Affine::IDENTITY));
        let mut mask = vec![255_u8; WIDTH * HEIGHT];
        for (i, (v, mask)) in moving.iter_mut().zip(&mut mask).enumerate() {
            if (40..110).contains(&(i % WIDTH)) && (30..85).contains(&(i / WIDTH)) {
                (*v, *mask) = (cover[i], 0);
            }
        }
        let m = bytes(&moving);
        let pair = Pair::new(view(&f), view(&m));
        let masked = pair.with_moving_mask(view(&mask)).unwrap();
        let robust = |robust| Options { robust, ..Options::default() };
        let runs =
            [(pair, Robust::None), (pair, Robust::Huber), (pair, Robust::Tukey), (masked, Robust::None)];
        for (error_max, (pair, loss)) in errors.iter_mut().zip(runs) {
            let report = align::<u8, Affine>(pair, robust(loss));
            *error_max = error_max.max(error(&report.transform, &truth));
            if loss == Robust::Tukey {
                assert_eq!(report.status, Status::Converged);
            }
        }
    }
    let [squares, huber, tukey, masked] = errors;
    println!(
        "worst corner error: least squares {squares:.3}, Huber {huber:.3}, Tukey {tukey:.3}, mask {masked:.3}"
    );
    assert!(squares > 0.05 && huber < 0.5 * squares && tukey < 0.02 && masked < 0.02, "{errors:?}");
}

/// Noise of 15 grey levels on the moving image, the translation between pixels anywhere: near the
/// Cramer-Rao bound, and not drawn to places where interpolation smooths the noise.
#[test]
fn noise() {
    let (mut squares, mut bound, runs) = (0.0, 0.0, 40);
    let sigma = 15.0;
    let mut random = Random(99);
    for seed in 0..runs {
        let scene = Scene::new(seed + 1000);
        let truth = Translation::new(4.0 * random.uniform() - 2.0, 4.0 * random.uniform() - 2.0).unwrap();
        let mut moving = scene.image(&truth);
        moving.iter_mut().for_each(|v| *v += sigma * random.normal());
        let (f, m) = (bytes(&scene.image(&Translation::IDENTITY)), bytes(&moving));
        let report = align::<u8, Translation>(Pair::new(view(&f), view(&m)), Options::default());
        let e = error(&report.transform, &truth);
        squares += e * e;
        let mut information = [0.0; 3];
        for i in 0..WIDTH * HEIGHT {
            let (x, y) = ((i % WIDTH) as f64, (i / WIDTH) as f64);
            let gx = (scene.at(x + 0.01, y) - scene.at(x - 0.01, y)) / 0.02;
            let gy = (scene.at(x, y + 0.01) - scene.at(x, y - 0.01)) / 0.02;
            for (sum, v) in information.iter_mut().zip([gx * gx, gx * gy, gy * gy]) {
                *sum += v;
            }
        }
        let [xx, xy, yy] = information;
        bound += sigma * sigma * (xx + yy) / (xx * yy - xy * xy);
    }
    let (rms, bound) = ((squares / runs as f64).sqrt(), (bound / runs as f64).sqrt());
    println!("translation under noise: {rms:.4} px, Cramer-Rao bound {bound:.4} px");
    // Beside the noise there is what bilinear interpolation costs, 0.01 px along each axis.
    assert!(rms < (1.2 * bound).hypot(0.014), "{rms} {bound}");
}

/// Where every step has to raise the correlation it ends higher, or as high.
#[test]
fn monotone_ends_at_the_higher_correlation() {
    for seed in 1..6 {
        let scene = Scene::new(seed);
        // Not a translation.
        let truth = Affine::from_parameters([1.03, 0.02, 1.3, -0.02, 0.97, 2.2]).unwrap();
        let (f, m) = (bytes(&scene.image(&Affine::IDENTITY)), bytes(&scene.image(&truth)));
        let run = |monotone| {
            let options = Options { monotone, ..Options::default() };
            align::<u8, Translation>(Pair::new(view(&f), view(&m)), options).correlation
        };
        assert!(run(true) >= run(false));
    }
}

#[test]
fn without_gain_and_offset() {
    let scene = Scene::new(7);
    let truth = Affine::from_parameters([1.01, 0.0, 1.3, 0.02, 0.99, -0.8]).unwrap();
    let (f, m) = (bytes(&scene.image(&Affine::IDENTITY)), bytes(&scene.image(&truth)));
    for robust in [Robust::None, Robust::Tukey] {
        let options = Options { gain_and_offset: false, robust, ..Options::default() };
        let report = align::<u8, Affine>(Pair::new(view(&f), view(&m)), options);
        assert_eq!((report.status, report.gain, report.offset), (Status::Converged, 1.0, 0.0));
        assert!(error(&report.transform, &truth) < 0.05);
    }
}

#[test]
fn every_way_to_end() {
    let scene = Scene::new(1);
    let f = bytes(&scene.image(&Translation::IDENTITY));
    let flat = vec![77_u8; WIDTH * HEIGHT];
    let edge: Vec<u8> = (0..WIDTH * HEIGHT).map(|i| if i % WIDTH < 80 { 20 } else { 200 }).collect();
    let nothing = vec![0_u8; WIDTH * HEIGHT];
    for robust in [Robust::None, Robust::Huber, Robust::Tukey] {
        let options = Options { robust, ..Options::default() };
        let status = |fixed: &[u8], moving: &[u8]| {
            let pair = Pair::new(view(fixed), view(moving));
            let (report, covariance) = align_with_covariance::<u8, Translation>(pair, options);
            let finite =
                [report.rms_residual, report.correlation, report.gain, report.offset, report.support];
            assert!(finite.iter().chain(covariance.iter().flatten().flatten()).all(|v| v.is_finite()));
            report.status
        };
        assert_eq!(status(&f, &f), Status::Converged);
        assert_eq!(status(&flat, &f), Status::Singular);
        assert_eq!(status(&flat, &flat), Status::Singular);
        assert_eq!(status(&edge, &edge), Status::Singular);
        let masked = Pair::new(view(&f), view(&f)).with_fixed_mask(view(&nothing)).unwrap();
        assert_eq!(align::<u8, Translation>(masked, options).status, Status::LeftImage);
        let few = Options { max_iterations: 1, ..options };
        assert_eq!(align::<u8, Affine>(Pair::new(view(&f), view(&f)), few).status, Status::MaxIterations);
    }
    let away = Translation::new(500.0, 0.0).unwrap();
    let options = Options { search: 0.0, ..Options::default() };
    let pair = Pair::new(view(&f), view(&f));
    let size = Aligner::<u8, Translation>::workspace(&pair, &options).unwrap();
    let mut pixels = vec![0; size.pixels];
    let report = Aligner::new(pair, away, options, &mut pixels, &mut []).unwrap().run();
    assert_eq!((report.status, report.transform), (Status::LeftImage, away));
    let short = Aligner::new(pair, away, options, &mut pixels[1..], &mut []).unwrap_err();
    assert_eq!(short, Error::TooShort { needed: size.pixels, found: size.pixels - 1 });
}

/// A lean aligner does, step by step, what a whole one does with its options.
fn lean_is_whole<P: Grey + std::fmt::Debug, T: Transform>(
    images: [Image<'_, P>; 2],
    initial: T,
    lean: Lean,
) -> Status {
    let pair = Pair::new(images[0], images[1]);
    let size = Aligner::<P, T, Lean>::workspace(&pair, &lean).unwrap();
    assert_eq!(size, Aligner::<P, T>::workspace(&pair, &lean.options()).unwrap());
    let [mut a, mut b] = [(); 2].map(|()| vec![P::default(); size.pixels]);
    let mut aligner = Aligner::new(pair, initial, lean, &mut a, &mut []).unwrap();
    let mut whole = Aligner::new(pair, initial, lean.options(), &mut b, &mut []).unwrap();
    loop {
        let [step, expected] = [format!("{:?}", aligner.step()), format!("{:?}", whole.step())];
        assert_eq!(step, expected);
        if step.starts_with("Done") {
            assert_eq!(format!("{:?}", aligner.covariance()), format!("{:?}", whole.covariance()));
            return aligner.run().status;
        }
    }
}

#[test]
fn lean_gives_the_bits_of_the_whole() {
    fn model<T: Transform>(truth: T) {
        let scene = Scene::new(3);
        let (fixed, moving) = (scene.image(&T::IDENTITY), scene.image(&truth));
        let deep = |image: &[f64]| image.iter().map(|v| (v * 200.0) as u16).collect::<Vec<_>>();
        let (f, m, f16, m16) = (bytes(&fixed), bytes(&moving), deep(&fixed), deep(&moving));
        for (x, y, width, height) in [(0, 0, WIDTH, HEIGHT), (1, 3, 64, 64), (5, 0, 67, 41), (2, 1, 13, 30)] {
            let part = |pixels| view(pixels).view(x, y, width, height).unwrap();
            let part16 = |pixels| view(pixels).view(x, y, width, height).unwrap();
            for search in [0.0, 0.25] {
                let lean = Lean { search, epsilon: 1e-2, ..Lean::default() };
                for initial in [T::IDENTITY, truth, truth.compose(&truth).unwrap()] {
                    lean_is_whole([part(&f), part(&m)], initial, lean);
                    lean_is_whole([part16(&f16), part16(&m16)], initial, lean);
                }
                let least = Lean { levels: Some(1), max_iterations: 3, min_support: 0.9, ..lean };
                lean_is_whole([part(&f), part(&m)], truth, least);
                lean_is_whole([part(&f), part(&f)], T::IDENTITY, lean);
            }
        }
    }
    model(Translation::new(3.4, -2.3).unwrap());
    model(Euclidean::new(0.04, 2.5, -1.7).unwrap());
    model(Similarity::new(1.03, 0.02, -3.5, 2.2).unwrap());
    model(Affine::from_parameters([1.02, 0.03, -2.5, -0.01, 0.97, 3.3]).unwrap());
    model(Homography::from_parameters([1.02, 0.01, -2.0, 0.02, 1.01, 1.0, 1e-4, -5e-5]).unwrap());

    let (f, flat) = (bytes(&Scene::new(1).image(&Translation::IDENTITY)), vec![77_u8; WIDTH * HEIGHT]);
    let lean = Lean::default();
    assert_eq!(lean_is_whole([view(&f), view(&f)], Affine::IDENTITY, lean), Status::Converged);
    assert_eq!(lean_is_whole([view(&flat), view(&f)], Affine::IDENTITY, lean), Status::Singular);
    let away = Translation::new(500.0, 0.0).unwrap();
    let lean = Lean { search: 0.0, ..lean };
    assert_eq!(lean_is_whole([view(&f), view(&f)], away, lean), Status::LeftImage);

    let masked = Pair::new(view(&f), view(&f)).with_fixed_mask(view(&flat)).unwrap();
    assert_eq!(Aligner::<_, Affine, Lean>::workspace(&masked, &lean), Err(Error::InvalidOption));
    let mut pixels = vec![0; 2 * WIDTH * HEIGHT];
    let refused = Aligner::new(masked, Affine::IDENTITY, lean, &mut pixels, &mut []).unwrap_err();
    assert_eq!(refused, Error::InvalidOption);

    // What sums of 64 bits hold.
    fn largest<P: Grey, T: Transform>() -> usize {
        let pixels = [P::default(); 7000];
        let refused = |width: &usize| {
            let image = Image::new(&pixels[..*width], *width, 1).unwrap();
            let pair = Pair::new(image, image);
            assert!(Aligner::<P, T>::workspace(&pair, &Options::default()).is_ok());
            Aligner::<P, T, Lean>::workspace(&pair, &Lean::default()) == Err(Error::TooLarge)
        };
        (1..=7000).take_while(|width| !refused(width)).count()
    }
    assert_eq!(
        [largest::<u8, Translation>(), largest::<u8, Affine>(), largest::<u8, Homography>()],
        [7000, 6421, 7000]
    );
    assert_eq!([largest::<i16, Translation>(), largest::<i16, Affine>()], [724, 399]);
}

/// The solution of a system by Gauss and Jordan's elimination.
fn solve(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let n = rows.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|&a, &b| rows[a][i].abs().total_cmp(&rows[b][i].abs())).unwrap();
        rows.swap(i, pivot);
        let pivot = rows[i].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(k, _)| *k != i) {
            let factor = row[i] / pivot[i];
            row.iter_mut().zip(&pivot).for_each(|(v, p)| *v -= factor * p);
        }
    }
    (0..n).map(|i| rows[i][n] / rows[i][i]).collect()
}

/// Errors in units of their covariance, of noise of these standard deviations on the fixed and on the moving image:
/// the mean of chi-square is its degrees of freedom.
fn is_calibrated<T: Transform>(truth: T, noise: [f64; 2], options: Options) {
    const RUNS: usize = 1000;
    let scene = Scene::new(1);
    let clean = [scene.image(&T::IDENTITY), scene.image(&truth)];
    let mut random = Random(0x1234_5678_9abc_def1);
    let bank: Vec<f64> = (0..1 << 20).map(|_| random.normal()).collect();
    let options = Options { search: 0.0, ..options };
    let mut sum = 0.0;
    for _ in 0..RUNS {
        let [fixed, moving] = [0, 1].map(|i| {
            let from = (random.uniform() * (bank.len() - clean[i].len()) as f64) as usize;
            bytes(&clean[i].iter().zip(&bank[from..]).map(|(v, n)| v + noise[i] * n).collect::<Vec<_>>())
        });
        let (report, covariance) =
            align_with_covariance::<u8, T>(Pair::new(view(&fixed), view(&moving)), options);
        let (found, truth) = (report.transform.parameters(), truth.parameters());
        let error: Vec<f64> = found.as_ref().iter().zip(truth.as_ref()).map(|(a, b)| a - b).collect();
        let covariance = covariance.unwrap();
        let covariance = covariance.as_ref().iter().map(|row| row.as_ref());
        let rows = covariance.zip(&error).map(|(row, e)| [row, &[*e][..]].concat()).collect();
        sum += solve(rows).iter().zip(&error).map(|(a, b)| a * b).sum::<f64>() / error.len() as f64;
    }
    let ratio = sum / RUNS as f64;
    println!("{} {noise:?}: chi-square / degrees of freedom {ratio:.3}", std::any::type_name::<T>());
    assert!((ratio - 1.0).abs() < 0.1, "{ratio}");
}

#[test]
fn covariance_is_calibrated() {
    let smooth = Options { finish: Interpolation::Lagrange, ..Options::default() };
    let second_order = Options { method: Method::SecondOrder, ..smooth };
    is_calibrated(Translation::new(0.3, -0.4).unwrap(), [6.0, 6.0], smooth);
    is_calibrated(Translation::new(2.0, 1.0).unwrap(), [6.0, 6.0], smooth);
    is_calibrated(Translation::new(2.0, 1.0).unwrap(), [0.0, 15.0], smooth);
    is_calibrated(Translation::new(0.3, -0.4).unwrap(), [3.0, 9.0], second_order);
    let affine = Affine::from_parameters([1.01, 0.02, 0.3, -0.015, 0.99, -0.4]).unwrap();
    is_calibrated(affine, [6.0, 6.0], smooth);
    is_calibrated(affine, [8.0, 8.0], smooth);
    // Over many pixels, what is shifted is the less the more noise there is.
    is_calibrated(affine, [0.0, 15.0], Options::default());
    let homography = [1.01, 0.02, 0.3, -0.015, 0.99, -0.4, 1e-4, -5e-5];
    is_calibrated(Homography::from_parameters(homography).unwrap(), [0.0, 15.0], smooth);
    is_calibrated(Homography::from_parameters(homography).unwrap(), [6.0, 6.0], smooth);
}
