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

    /// The fixed and the moving image.
    fn pair<T: Transform>(&self, truth: &T) -> [Vec<u8>; 2] {
        [bytes(&self.image(&T::IDENTITY)), bytes(&self.image(truth))]
    }
}

fn bytes(image: &[f64]) -> Vec<u8> {
    image.iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect()
}

fn view<P>(pixels: &[P]) -> Image<'_, P> {
    Image::new(pixels, WIDTH, HEIGHT).unwrap()
}

fn align<P: Grey, T: Transform>(pair: Pair<'_, P>, options: Options) -> Report<T> {
    align_with_covariance(pair, T::IDENTITY, options).0
}

fn align_with_covariance<P: Grey, T: Transform, S: Scope>(
    pair: Pair<'_, P>,
    initial: T,
    options: S,
) -> (Report<T>, Option<T::Covariance>) {
    let size = Aligner::<P, T, S>::workspace(&pair, &options).unwrap();
    let (mut pixels, mut masks) = (vec![P::default(); size.pixels], vec![0; size.masks]);
    let mut aligner = Aligner::new(pair, initial, options, &mut pixels, &mut masks).unwrap();
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
    let [fixed, moving] = scene.pair(&truth);
    (truth, fixed, moving)
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
        let [fixed, moving] = scene.pair(&truth);
        let pair = Pair::new(view(&fixed), view(&moving));
        let run = |options: Options| {
            let (report, covariance) = align_with_covariance(pair, Affine::IDENTITY, options);
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
        let [f, m] = scene.pair(&truth);
        let report = align::<u8, Affine>(Pair::new(view(&f), view(&m)), Options::default());
        let e = error(&report.transform, &truth);
        assert!(report.status == Status::Converged && e < 0.1, "{shift:?}: {} {e}", report.status);
    }
}

/// A small part of the fixed image, in its size and a little turned, is found by the search, too.
#[test]
fn a_part_is_found() {
    fn found<T: Transform>(turn: f64) {
        for (seed, [left, top]) in [(1, [2, 33]), (2, [31, 26]), (3, [35, 0]), (4, [12, 8])] {
            let scene = Scene::new(seed);
            let t = Affine::from_parameters([1.0, -turn, 50.0 * turn, turn, 1.0, -60.0 * turn]).unwrap();
            let whole = T::from_matrix(t.matrix()).unwrap();
            let (fixed, moving) = (bytes(&scene.image(&T::IDENTITY)), bytes(&scene.image(&whole)));
            for (width, height) in [(70, 58), (120, 40), (44, 87)] {
                let part = view(&moving).view(left, top, width, height).unwrap();
                let report = align::<_, T>(Pair::new(view(&fixed), part), Options::default());
                let to = Translation::new(-(left as f64), -(top as f64)).unwrap();
                let truth = T::from_matrix(to.matrix()).unwrap().compose(&whole).unwrap();
                let e = error(&report.transform, &truth);
                assert!(
                    report.status == Status::Converged && e < 0.3,
                    "{seed} {width}: {} {e}",
                    report.status
                );
            }
        }
    }
    found::<Translation>(0.0);
    found::<Euclidean>(0.0);
    found::<Affine>(0.02);
}

/// The moving image is a strip of what the fixed one shows, of which an alignment meets another part at its end than at
/// its beginning: what it rests on is what meets at the end.
#[test]
fn overlap_that_changes() {
    fn strip<T: Transform>(truth: T, [top, end]: [usize; 2], initial: T) {
        let up = T::from_matrix(Translation::new(0.0, -(top as f64)).unwrap().matrix()).unwrap();
        let [initial, to_strip] = [initial, truth].map(|t| up.compose(&t).unwrap());
        let overlap = |t: &T| {
            let meets = |&i: &usize| {
                let (x, y) = t.apply((i % WIDTH) as f64, (i / WIDTH) as f64);
                (0.0..=(WIDTH - 1) as f64).contains(&x) && (0.0..=(end - top - 1) as f64).contains(&y)
            };
            (0..WIDTH * HEIGHT).filter(meets).count() as f64 / (WIDTH * HEIGHT) as f64
        };
        let [before, after] = [&initial, &to_strip].map(overlap);
        assert!(before / after > 1.1 || after / before > 1.1, "{before} {after}");
        for seed in 1..4 {
            let scene = Scene::new(seed);
            let [fixed, moving] = scene.pair(&truth);
            let strip = view(&moving).view(0, top, WIDTH, end - top).unwrap();
            let pair = Pair::new(view(&fixed), strip);
            for method in [Method::Mixed, Method::InverseCompositional, Method::SecondOrder] {
                for robust in [Robust::None, Robust::Tukey] {
                    let options = Options { search: 0.0, method, robust, ..Options::default() };
                    let (report, _) = align_with_covariance(pair, initial, options);
                    let e = error(&report.transform, &to_strip);
                    assert!(
                        report.status == Status::Converged && e < 0.15,
                        "{truth:?} {seed} {method:?} {robust:?}: {} {e} px",
                        report.status
                    );
                    assert!((report.support - after).abs() < 0.02, "{} {after}", report.support);
                }
            }
        }
    }
    let shift = |x: f64, y: f64| Translation::new(x, y).unwrap();
    strip(shift(0.4, 24.5), [0, 40], shift(0.0, 18.0));
    strip(shift(0.4, 18.5), [0, 40], shift(0.0, 25.0));
    strip(shift(1.0, -20.5), [80, 120], shift(0.0, -15.5));
    let scaled = |scale: f64| Similarity::new(scale, 0.0, 80.0 - 80.0 * scale, 60.0 - 60.0 * scale).unwrap();
    strip(scaled(1.15), [30, 90], scaled(1.0));
    strip(scaled(0.85), [30, 90], scaled(1.0));
}

/// Where the truth is there is less in common than there has to be: on the way there steps become as short as those of
/// an alignment that has converged, but it has not.
#[test]
fn the_way_out_of_the_image() {
    let mut leaves = 0;
    for seed in 1..4 {
        let scene = Scene::new(seed);
        let truth = Translation::new(-150.0, 0.0).unwrap();
        let [fixed, moving] = scene.pair(&truth);
        let pair = Pair::new(view(&fixed), view(&moving));
        for start in [-143.0, -142.5, -141.0, -139.0] {
            let initial = Translation::new(start, 0.0).unwrap();
            for method in [Method::Mixed, Method::SecondOrder] {
                for robust in [Robust::None, Robust::Tukey] {
                    for levels in [None, Some(1)] {
                        let options = Options { search: 0.0, method, robust, levels, ..Options::default() };
                        let (report, _) = align_with_covariance(pair, initial, options);
                        let left = report.status == Status::LeftImage;
                        assert!(left || report.transform.parameters()[0] > -142.0, "{report:?}");
                        leaves += usize::from(left);
                    }
                }
            }
        }
    }
    assert!(leaves > 50, "{leaves}");

    // The truth is just within, and steps lead beyond it and back: that has converged.
    let mut found = 0;
    for seed in 1..41 {
        let scene = Scene::new(seed);
        let truth = Translation::new(-142.97, 0.3).unwrap();
        let [fixed, moving] = scene.pair(&truth);
        let pair = Pair::new(view(&fixed), view(&moving));
        for away in [2.0, 4.5, 6.0, 7.5] {
            let initial = Translation::new(-142.97 + away, 0.0).unwrap();
            let options = Options { search: 0.0, levels: Some(1), ..Options::default() };
            let (report, _) = align_with_covariance(pair, initial, options);
            let e = error(&report.transform, &truth);
            if e < 0.05 {
                assert_eq!(report.status, Status::Converged, "{seed} {away}: {e} px");
                found += 1;
            }
        }
    }
    assert!(found > 120, "{found}");
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
    let mut higher = 0;
    for seed in 1..6 {
        let scene = Scene::new(seed);
        // Not a translation.
        let truth = Affine::from_parameters([1.03, 0.02, 1.3, -0.02, 0.97, 2.2]).unwrap();
        let [f, m] = scene.pair(&truth);
        let run = |monotone| {
            let options = Options { monotone, ..Options::default() };
            align::<u8, Translation>(Pair::new(view(&f), view(&m)), options).correlation
        };
        let (by_steps, usual) = (run(true), run(false));
        assert!(by_steps >= usual, "{seed}: {by_steps} {usual}");
        higher += usize::from(by_steps > usual);
    }
    assert!(higher > 0);
}

#[test]
fn without_gain_and_offset() {
    let scene = Scene::new(7);
    let truth = Affine::from_parameters([1.01, 0.0, 1.3, 0.02, 0.99, -0.8]).unwrap();
    let [f, m] = scene.pair(&truth);
    for robust in [Robust::None, Robust::Tukey] {
        let options = Options { gain_and_offset: false, robust, ..Options::default() };
        let report = align::<u8, Affine>(Pair::new(view(&f), view(&m)), options);
        assert_eq!((report.status, report.gain, report.offset), (Status::Converged, 1.0, 0.0));
        assert!(error(&report.transform, &truth) < 0.05);
    }
}

/// How an alignment ends, after a look at what it reports: all of it is finite.
fn end<T: Transform, S: Scope>(fixed: &[u8], moving: &[u8], initial: T, options: S) -> Report<T> {
    let pair = Pair::new(view(fixed), view(moving));
    let (report, covariance) = align_with_covariance::<u8, T, S>(pair, initial, options);
    let rest = [report.rms_residual, report.correlation, report.gain, report.offset, report.support];
    let covariance = covariance.iter().flat_map(|rows| rows.as_ref()).flat_map(|row| row.as_ref());
    let matrix = report.transform.matrix();
    assert!(matrix.iter().chain(&rest).chain(covariance).all(|v| v.is_finite()), "{report:?}");
    report
}

/// Every way to end that every model can, by whatever loss and method, and lean.
#[test]
fn every_way_to_end() {
    fn model<T: Transform>() {
        let scene = Scene::new(1);
        let truth = T::from_matrix(Translation::new(1.4, -0.7).unwrap().matrix()).unwrap();
        let [f, m] = scene.pair(&truth);
        let away = T::from_matrix(Translation::new(500.0, 0.0).unwrap().matrix()).unwrap();
        let flat = vec![77_u8; WIDTH * HEIGHT];
        let image = |pixel: &dyn Fn(usize, usize) -> usize| -> Vec<u8> {
            (0..WIDTH * HEIGHT).map(|i| pixel(i % WIDTH, i / WIDTH) as u8).collect()
        };
        // Edges, a line, ramps, and patterns of which one direction says nothing.
        let singular = [
            image(&|x, _| if x < 80 { 20 } else { 200 }),
            image(&|_, y| if y < 50 { 20 } else { 200 }),
            image(&|x, _| if x == 70 { 250 } else { 10 }),
            image(&|x, _| x),
            image(&|_, y| y),
            image(&|x, _| x * x * 7 / 3 % 251),
            image(&|_, y| y * y * 7 / 3 % 251),
        ];
        let ends = |fixed: &[u8], moving: &[u8], initial: T, options: Options| {
            let lean =
                Lean { search: options.search, max_iterations: options.max_iterations, ..Lean::default() };
            let mut statuses = vec![end(fixed, moving, initial, lean).status];
            for robust in [Robust::None, Robust::Huber, Robust::Tukey] {
                for method in [Method::Mixed, Method::InverseCompositional, Method::SecondOrder] {
                    let options = Options { robust, method, ..options };
                    statuses.push(end(fixed, moving, initial, options).status);
                }
            }
            assert!(statuses.iter().all(|status| *status == statuses[0]), "{statuses:?}");
            statuses[0]
        };
        let usual = Options::default();
        assert_eq!(ends(&f, &m, T::IDENTITY, usual), Status::Converged);
        let few = Options { max_iterations: 1, ..usual };
        assert_eq!(ends(&f, &m, T::IDENTITY, few), Status::MaxIterations);
        for fixed in [&f, &flat] {
            assert_eq!(ends(fixed, &flat, T::IDENTITY, usual), Status::Singular);
        }
        assert_eq!(ends(&flat, &f, T::IDENTITY, usual), Status::Singular);
        for (i, pattern) in singular.iter().enumerate() {
            assert_eq!(ends(pattern, pattern, T::IDENTITY, usual), Status::Singular, "{i}");
        }
        let unsearched = Options { search: 0.0, ..usual };
        assert_eq!(ends(&f, &m, away, unsearched), Status::LeftImage);
        assert_eq!(end(&f, &m, away, unsearched).transform, away);
        let nothing = vec![0_u8; WIDTH * HEIGHT];
        for (fixed, moving) in [(true, false), (false, true), (true, true)] {
            let mut pair = Pair::new(view(&f), view(&m));
            if fixed {
                pair = pair.with_fixed_mask(view(&nothing)).unwrap();
            }
            if moving {
                pair = pair.with_moving_mask(view(&nothing)).unwrap();
            }
            let (report, covariance) = align_with_covariance(pair, T::IDENTITY, usual);
            assert_eq!((report.status, report.transform, covariance), (Status::LeftImage, T::IDENTITY, None));
        }
    }
    model::<Translation>();
    model::<Euclidean>();
    model::<Similarity>();
    model::<Affine>();
    model::<Homography>();

    let options = Options { search: 0.0, ..Options::default() };
    let (f, away) =
        (bytes(&Scene::new(1).image(&Translation::IDENTITY)), Translation::new(500.0, 0.0).unwrap());
    let pair = Pair::new(view(&f), view(&f));
    let size = Aligner::<u8, Translation>::workspace(&pair, &options).unwrap();
    let mut pixels = vec![0; size.pixels];
    let short = Aligner::new(pair, away, options, &mut pixels[1..], &mut []).unwrap_err();
    assert_eq!(short, Error::TooShort { needed: size.pixels, found: size.pixels - 1 });
}

/// An edge with noise, along no axis: where it is across is found, and what it does not say is not said.
#[test]
fn slanted_edges() {
    let mut random = Random(21);
    for (angle, noise) in [0.3_f64, 0.785, 1.2, 2.6].into_iter().flat_map(|a| [0.5, 2.0, 6.0].map(|n| (a, n)))
    {
        let (sine, cosine) = angle.sin_cos();
        let mut edge = |dx: f64, dy: f64| {
            let pixel = |i: usize| {
                let (x, y) = ((i % WIDTH) as f64 - 80.3 - dx, (i / WIDTH) as f64 - 60.2 - dy);
                110.0 + 90.0 * ((x * cosine + y * sine) / 1.5).tanh() + noise * random.normal()
            };
            bytes(&(0..WIDTH * HEIGHT).map(pixel).collect::<Vec<_>>())
        };
        let (fixed, moving) = (edge(0.0, 0.0), edge(1.3, 0.4));
        let pair = Pair::new(view(&fixed), view(&moving));
        let (report, covariance) = align_with_covariance(pair, Translation::IDENTITY, Options::default());
        let [x, y] = report.transform.parameters();
        let across = x * cosine + y * sine - 1.3 * cosine - 0.4 * sine;
        assert!(across.abs() < 0.03, "{angle} {noise}: {across} px, {}", report.status);
        if let Some([[xx, xy], [_, yy]]) = covariance {
            let along = xx * sine * sine - 2.0 * xy * sine * cosine + yy * cosine * cosine;
            let across = xx * cosine * cosine + 2.0 * xy * sine * cosine + yy * sine * sine;
            assert!(along > 100.0 * across && across > 0.0, "{angle} {noise}: {along} {across}");
        }
        if noise < 1.0 {
            continue;
        }
        let (_, of_affine) = align_with_covariance(pair, Affine::IDENTITY, Options::default());
        let (_, of_homography) = align_with_covariance(pair, Homography::IDENTITY, Options::default());
        assert!(of_affine.is_none() && of_homography.is_none(), "{angle} {noise}");
    }
}

/// Where no step leads on: from the least scale that there is, if the images call for a smaller one; and of any model
/// if steps have to raise the correlation, which none does any more, but may not end before they are next to nothing.
#[test]
fn stalled() {
    const SIZE: (usize, usize) = (40, 30);
    fn stalls<T: Transform, S: Scope>(fixed: &[u16], initial: impl Fn(f64, f64) -> T, options: S) -> usize {
        let mut random = Random(5);
        let stalled = (0..24).filter(|_| {
            let moving: Vec<u16> =
                (0..SIZE.0 * SIZE.1).map(|_| (65535.0 * random.uniform()) as u16).collect();
            let initial = initial(5.0 + 25.0 * random.uniform(), 5.0 + 15.0 * random.uniform());
            let [fixed, moving] = [fixed, &moving].map(|pixels| Image::new(pixels, SIZE.0, SIZE.1).unwrap());
            let (report, _) = align_with_covariance(Pair::new(fixed, moving), initial, options);
            assert!(report.transform.matrix().iter().all(|v| v.is_finite()));
            report.status == Status::Stalled
        });
        stalled.count()
    }
    let scene = Scene::new(1);
    let fixed: Vec<u16> = (0..SIZE.0 * SIZE.1)
        .map(|i| (200.0 * scene.at((i % SIZE.0) as f64, (i / SIZE.0) as f64)) as u16)
        .collect();
    const LEAST: f64 = 9.5e-7;
    let similarity = |x, y| Similarity::new(LEAST, 0.0, x, y).unwrap();
    let affine = |x, y| Affine::from_parameters([LEAST, 0.0, x, 0.0, LEAST, y]).unwrap();
    let options = Options { levels: Some(1), search: 0.0, ..Options::default() };
    let lean = Lean { levels: Some(1), search: 0.0, ..Lean::default() };
    let counts = [
        stalls(&fixed, similarity, options),
        stalls(&fixed, similarity, lean),
        stalls(&fixed, affine, options),
        stalls(&fixed, affine, lean),
    ];
    assert!(counts.iter().all(|&n| n > 0), "{counts:?}");

    fn by_steps<T: Transform>() -> usize {
        let mut random = Random(6);
        let truth = T::from_matrix(Translation::new(1.3, -0.6).unwrap().matrix()).unwrap();
        let stalled = (0..24).filter(|&seed| {
            let scene = Scene::new(seed);
            let mut noisy =
                |t: &T| bytes(&scene.image(t).iter().map(|v| v + 5.0 * random.normal()).collect::<Vec<_>>());
            let (fixed, moving) = (noisy(&T::IDENTITY), noisy(&truth));
            let options =
                Options { monotone: true, epsilon: 1e-12, max_iterations: 500, ..Options::default() };
            let report = end(&fixed, &moving, T::IDENTITY, options);
            // It is there, all the same.
            assert!(error(&report.transform, &truth) < 1.0, "{report:?}");
            report.status == Status::Stalled
        });
        stalled.count()
    }
    let counts = [
        by_steps::<Translation>(),
        by_steps::<Euclidean>(),
        by_steps::<Similarity>(),
        by_steps::<Affine>(),
        by_steps::<Homography>(),
    ];
    assert!(counts.iter().all(|&n| n > 0), "{counts:?}");
}

/// What no option can be; and memory of a size that is known at compile time is enough for any options.
#[test]
fn options_are_checked() {
    const ENOUGH: usize = Aligner::<u8, Affine>::workspace_pixels((WIDTH, HEIGHT), (WIDTH, HEIGHT));
    let f = bytes(&Scene::new(1).image(&Translation::IDENTITY));
    let pair = Pair::new(view(&f), view(&f));
    let usual = Options::default();
    for selection in [0.01, 0.5, 1.0] {
        for levels in [None, Some(1), Some(3), Some(7)] {
            let options = Options { selection, levels, ..usual };
            let size = Aligner::<u8, Affine>::workspace(&pair, &options).unwrap();
            assert!(size.pixels <= ENOUGH && size.masks == 0, "{size:?} {options:?}");
            let mut pixels = vec![0; ENOUGH];
            assert!(Aligner::new(pair, Affine::IDENTITY, options, &mut pixels, &mut []).is_ok());
        }
    }

    let beyond = [-0.1, 1.1, f64::NAN, f64::INFINITY];
    let mut refused = vec![
        Options { max_iterations: 0, ..usual },
        Options { levels: Some(0), ..usual },
        Options { levels: Some(16), ..usual },
        // 160 x 120 have a pixel left at the sixth halving.
        Options { levels: Some(8), ..usual },
        Options { selection: 0.0, ..usual },
        Options { rotation: -0.1, ..usual },
        Options { rotation: 3.2, ..usual },
        Options { rotation: f64::NAN, ..usual },
    ];
    refused.extend([0.0, -1.0, f64::NAN, f64::INFINITY].map(|epsilon| Options { epsilon, ..usual }));
    refused.extend(beyond.map(|search| Options { search, ..usual }));
    refused.extend(beyond.map(|min_support| Options { min_support, ..usual }));
    refused.extend(beyond.map(|selection| Options { selection, ..usual }));
    for options in refused {
        assert_eq!(
            Aligner::<u8, Affine>::workspace(&pair, &options),
            Err(Error::InvalidOption),
            "{options:?}"
        );
        let (mut pixels, mut untouched) = (vec![7; ENOUGH], [7]);
        let aligner = Aligner::new(pair, Affine::IDENTITY, options, &mut pixels, &mut untouched);
        assert_eq!(aligner.unwrap_err(), Error::InvalidOption, "{options:?}");
        assert!(pixels.iter().chain(&untouched).all(|&v| v == 7), "{options:?}");
    }
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

/// The mean square of errors in units of their covariance over so many runs, chi-square, relative to its degrees of
/// freedom: one is right. In: fixed and moving image without noise, its standard deviations, and masks of both.
fn chi_square<T: Transform>(
    clean: [&[f64]; 2],
    noise: [f64; 2],
    masks: [Option<&[u8]>; 2],
    truth: T,
    options: Options,
    runs: usize,
) -> f64 {
    let mut random = Random(0x1234_5678_9abc_def1);
    let bank: Vec<f64> = (0..1 << 20).map(|_| random.normal()).collect();
    let options = Options { search: 0.0, ..options };
    let near = Translation::new(truth.matrix()[2].round(), truth.matrix()[5].round()).unwrap();
    let initial = T::from_matrix(near.matrix()).unwrap();
    let mut sum = 0.0;
    for _ in 0..runs {
        let [fixed, moving] = [0, 1].map(|i| {
            let from = (random.uniform() * (bank.len() - clean[i].len()) as f64) as usize;
            bytes(&clean[i].iter().zip(&bank[from..]).map(|(v, n)| v + noise[i] * n).collect::<Vec<_>>())
        });
        let mut pair = Pair::new(view(&fixed), view(&moving));
        if let Some(mask) = masks[0] {
            pair = pair.with_fixed_mask(view(mask)).unwrap();
        }
        if let Some(mask) = masks[1] {
            pair = pair.with_moving_mask(view(mask)).unwrap();
        }
        let (report, covariance) = align_with_covariance(pair, initial, options);
        let (found, truth) = (report.transform.parameters(), truth.parameters());
        let error: Vec<f64> = found.as_ref().iter().zip(truth.as_ref()).map(|(a, b)| a - b).collect();
        let covariance = covariance.unwrap();
        let covariance = covariance.as_ref().iter().map(|row| row.as_ref());
        let rows = covariance.zip(&error).map(|(row, e)| [row, &[*e][..]].concat()).collect();
        sum += solve(rows).iter().zip(&error).map(|(a, b)| a * b).sum::<f64>() / error.len() as f64;
    }
    let (ratio, model) = (sum / runs as f64, std::any::type_name::<T>());
    println!("{model} {noise:?} {:?}: chi-square / degrees of freedom {ratio:.3}", options.robust);
    ratio
}

fn is_calibrated<T: Transform>(truth: T, noise: [f64; 2], options: Options) {
    let scene = Scene::new(1);
    let [fixed, moving] = [scene.image(&T::IDENTITY), scene.image(&truth)];
    let ratio = chi_square([&fixed, &moving], noise, [None; 2], truth, options, 1000);
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

/// Where a part of the images is left out, a part of them meets, or large residuals count less.
#[test]
fn covariance_of_a_part() {
    let smooth = Options { finish: Interpolation::Lagrange, ..Options::default() };
    let scene = Scene::new(1);
    let mut ratios = Vec::new();
    let letter = |x: usize, y: usize| if (x / 2 + y / 2).is_multiple_of(3) { 250.0 } else { 5.0 };

    // Letters over a third of both images, which stay where they are.
    let truth = Similarity::new(1.01, 0.02, 0.3, -0.4).unwrap();
    let clean = [scene.image(&Similarity::IDENTITY), scene.image(&truth)];
    let ([mut fixed, mut moving], mut mask) = (clean.clone(), vec![1_u8; WIDTH * HEIGHT]);
    for i in (0..WIDTH * HEIGHT).filter(|i| i / WIDTH % 40 < 13) {
        let letter = letter(i % WIDTH, i / WIDTH);
        (fixed[i], moving[i], mask[i]) = (letter, letter, 0);
    }
    for noise in [[6.0, 6.0], [0.0, 12.0], [8.0, 2.0]] {
        ratios.push(chi_square([&fixed, &moving], noise, [Some(&mask); 2], truth, smooth, 300));
    }

    let [fixed, moving] = clean;
    let half = Affine::from_parameters([1.0, 0.01, 80.3, -0.01, 1.0, -0.4]).unwrap();
    let left = scene.image(&half);
    ratios.push(chi_square([&fixed, &left], [6.0, 6.0], [None; 2], half, smooth, 300));
    for (method, noise) in [(Method::default(), [6.0, 6.0]), (Method::SecondOrder, [3.0, 9.0])] {
        let options = Options { method, ..smooth };
        ratios.push(chi_square([&fixed, &moving], noise, [None; 2], truth, options, 300));
    }
    // Weights that depend on the residuals are taken for those of other pixels: so much less noise there seems to be.
    let options = Options { robust: Robust::Huber, ..smooth };
    ratios.push(chi_square([&fixed, &moving], [6.0, 6.0], [None; 2], truth, options, 300) / 1.25);
    assert!(ratios.iter().all(|ratio| (ratio - 1.0).abs() < 0.15), "{ratios:?}");
}
