//! Translations of whole frames in whole numbers: against truth, against the same equations in `f64`, and
//! where there is nothing to find.

use crate::common::Random;
use crate::support::file::Plane;
use crate::support::synthetic::{self, Exposure, Waves, render};
use nonius::align::{Shift, Status, shift};
use nonius::{Error, Image};

const SIZES: [(usize, usize); 5] = [(64, 64), (64, 48), (61, 67), (160, 120), (35, 90)];

/// A scene, and the same seen after a translation; both sampled from a closed form.
fn pair(
    scene: &Waves,
    size: (usize, usize),
    [x, y]: [f64; 2],
    exposures: [Exposure; 2],
    seed: u64,
) -> [Plane<u8>; 2] {
    let mut random = synthetic::Random(seed);
    let plain = render(size.0, size.1, |u, v| scene.at(u, v));
    let moved = render(size.0, size.1, |u, v| scene.at(u - x, v - y));
    [exposures[0].of(&plain, &mut random), exposures[1].of(&moved, &mut random)]
}

fn find([fixed, moving]: &[Plane<u8>; 2], search: usize) -> Shift {
    // (What is in the workspace does not matter.)
    let mut workspace = vec![0xa5; Shift::workspace(fixed.width, fixed.height)];
    shift(fixed.image().unwrap(), moving.image().unwrap(), search, &mut workspace).unwrap()
}

fn pixels(found: &Shift) -> [f64; 2] {
    found.translation.map(|v| f64::from(v.0) / 65_536.0)
}

fn error(found: &Shift, truth: [f64; 2]) -> f64 {
    let [x, y] = pixels(found);
    (x - truth[0]).hypot(y - truth[1])
}

/// The standard deviation of the best possible estimate of a translation from noisy pixels (Cramér and Rao),
/// if its parts along x and y are independent.
fn least_deviation(scene: &Waves, size: (usize, usize), noise: f64) -> f64 {
    let places = (0..size.0 * size.1).map(|i| ((i % size.0) as f64, (i / size.0) as f64));
    let sums = places.fold([0.0; 2], |[x, y], (u, v)| {
        let [gx, gy] = scene.gradient(u, v);
        [x + gx * gx, y + gy * gy]
    });
    noise * (1.0 / sums[0] + 1.0 / sums[1]).sqrt()
}

#[test]
fn finds_translations() {
    let (mut random, mut errors) = (Random(1), Vec::new());
    for size in SIZES {
        for range in [size.0.min(size.1) as f64 / 5.0, 1.0] {
            for seed in 0..20 {
                let scene = Waves::new(&mut synthetic::Random(seed + 1));
                let truth = [(); 2].map(|_| random.real(-range, range));
                for noise in [0.0, 3.0] {
                    let exposures = [Exposure::noisy(noise), Exposure { gain: 0.8, offset: 20.0, noise }];
                    let found = find(&pair(&scene, size, truth, exposures, seed + 7), range.ceil() as usize);
                    assert_eq!(found.status, Status::Converged, "{size:?}, scene {seed}: {found:?}");
                    // Seen through the gain, the noise of the other frame is larger.
                    let deviation = least_deviation(&scene, size, noise * (1.0_f64).hypot(1.0 / 0.8));
                    let e = error(&found, truth);
                    assert!(found.correlation.to_bits() > 14_800, "{size:?}, scene {seed}: {found:?}");
                    assert!(e < 0.02 + 4.0 * deviation, "{size:?}, scene {seed}, {noise}: {e} {deviation}");
                    if noise == 0.0 {
                        errors.push(e);
                    }
                }
            }
        }
    }
    errors.sort_by(f64::total_cmp);
    let median = errors[errors.len() / 2];
    assert!(median < 0.005, "{median}");
}

/// The translations that sensors of optical flow are measured by (PX4-Flow gives the larger one up).
#[test]
fn finds_what_flow_sensors_are_asked_for() {
    for seed in 0..40 {
        let scene = Waves::new(&mut synthetic::Random(seed + 1));
        for truth in [[0.6, -0.35], [-4.4, 1.7]] {
            let found = find(&pair(&scene, (64, 64), truth, [Exposure::CLEAN; 2], seed + 3), 8);
            let e = error(&found, truth);
            assert!(found.status == Status::Converged && e < 0.02, "scene {seed}: {e} {found:?}");
        }
    }
}

/// Whole pixels, of which every sample is exact.
#[test]
fn finds_whole_pixels() {
    for (seed, size) in SIZES.into_iter().cycle().take(40).enumerate() {
        let scene = Waves::new(&mut synthetic::Random(seed as u64 + 1));
        let truth = [seed % 7, seed % 5].map(|v| v as f64 - 3.0);
        let found = find(&pair(&scene, size, truth, [Exposure::CLEAN; 2], 1), 4);
        assert!(
            error(&found, truth) < 2.0_f64.powi(-14) && found.correlation.to_bits() >= 16383,
            "{size:?}: {found:?}"
        );
    }
}

/// What the definition says, in `f64`: translation, gain, offset and correlation.
fn solution(fixed: &Plane<u8>, moving: &Plane<u8>, near: [f64; 2]) -> ([f64; 2], [f64; 3]) {
    let pixel = |plane: &Plane<u8>, x: usize, y: usize| f64::from(plane.data[y * plane.width + x]);
    let cell = near.map(f64::floor);
    let range = |side: usize, cell: f64| {
        let begin = (1.0_f64).max(-cell) as usize;
        (begin..side - 1).filter(move |&x| (x as f64 + cell) as usize + 1 < side)
    };
    let columns: Vec<usize> = range(fixed.width, cell[0]).collect();
    let rows: Vec<usize> = range(fixed.height, cell[1]).collect();
    let support: Vec<[usize; 2]> =
        rows.iter().flat_map(|&y| columns[..columns.len() & !3].iter().map(move |&x| [x, y])).collect();
    let n = support.len() as f64;
    let mean = |of: &dyn Fn(usize, usize) -> f64| support.iter().map(|&[x, y]| of(x, y)).sum::<f64>() / n;

    let t = |x: usize, y: usize| pixel(fixed, x, y);
    let g = [
        |f: &Plane<u8>, x: usize, y: usize| {
            f64::from(f.data[y * f.width + x + 1]) - f64::from(f.data[y * f.width + x - 1])
        },
        |f: &Plane<u8>, x: usize, y: usize| {
            f64::from(f.data[(y + 1) * f.width + x]) - f64::from(f.data[(y - 1) * f.width + x])
        },
    ];
    let tap = |x: usize, y: usize, i: usize, j: usize| {
        pixel(moving, (x as f64 + cell[0]) as usize + i, (y as f64 + cell[1]) as usize + j)
    };
    let sample = |x: usize, y: usize, [u, v]: [f64; 2]| {
        (1.0 - v) * ((1.0 - u) * tap(x, y, 0, 0) + u * tap(x, y, 1, 0))
            + v * ((1.0 - u) * tap(x, y, 0, 1) + u * tap(x, y, 1, 1))
    };
    let mean_t = mean(&t);
    let variance = mean(&|x, y| (t(x, y) - mean_t).powi(2));
    let slopes = g.map(|g| mean(&|x, y| g(fixed, x, y) * (t(x, y) - mean_t)) / variance);
    let means = g.map(|g| mean(&|x, y| g(fixed, x, y)));
    let scores = |at: [f64; 2]| {
        [0, 1].map(|i| {
            mean(&|x, y| (g[i](fixed, x, y) - means[i] - slopes[i] * (t(x, y) - mean_t)) * sample(x, y, at))
        })
    };
    let mut at = [near[0] - cell[0], near[1] - cell[1]];
    for _ in 0..8 {
        let ([p, q], h) = (scores(at), 1e-3);
        let [[px, qx], [py, qy]] = [[at[0] + h, at[1]], [at[0], at[1] + h]].map(|to| {
            let [a, b] = scores(to);
            [(a - p) / h, (b - q) / h]
        });
        let determinant = px * qy - py * qx;
        at = [at[0] - (p * qy - q * py) / determinant, at[1] - (q * px - p * qx) / determinant];
    }
    let mean_m = mean(&|x, y| sample(x, y, at));
    let covariance = mean(&|x, y| (t(x, y) - mean_t) * sample(x, y, at));
    let spread = |i: usize, j: usize| {
        let mean_m = mean(&|x, y| tap(x, y, i, j));
        mean(&|x, y| (tap(x, y, i, j) - mean_m).powi(2))
    };
    let [u, v] = at;
    let spread = (1.0 - v) * ((1.0 - u) * spread(0, 0) + u * spread(1, 0))
        + v * ((1.0 - u) * spread(0, 1) + u * spread(1, 1));
    let gain = covariance / variance;

    let translation = [0, 1].map(|i| {
        // Every 16th row, where there are pixels two further on.
        let looked_at = |v: &[usize], side: usize| v.iter().filter(|&&v| v + 2 < side).count();
        let (width, height) = (looked_at(&columns, fixed.width) & !3, looked_at(&rows, fixed.height));
        let [mut near, mut far] = [0.0; 2];
        for &y in rows[..height].iter().step_by(16) {
            for &x in &columns[..width] {
                let g = g[i](fixed, x, y);
                // (The mean is a whole number there.)
                near += g * (t(x + 1, y + 1) - mean_t.floor());
                far += g * (t(x + 1 + usize::from(i == 0), y + 1 + usize::from(i == 1)) - mean_t.floor());
            }
        }
        let frequency = if near > 0.0 { 2.0 - (far / near).clamp(0.0, 2.0) } else { 0.0 };
        let f = at[i];
        cell[i] + f - f * (1.0 - f) * (1.0 - 2.0 * f) * frequency / 6.0
    });
    (translation, [gain, mean_m - gain * mean_t, covariance / (variance * spread).sqrt()])
}

#[test]
fn solves_its_equations() {
    let mut random = Random(5);
    for (seed, size) in SIZES.into_iter().cycle().take(60).enumerate() {
        let scene = Waves::new(&mut synthetic::Random(seed as u64 + 1));
        // Not where it may have been found from the cell beside.
        let truth = [(); 2].map(|_| random.below(9) as f64 - 4.0 + random.real(0.2, 0.8));
        let exposures = [Exposure::noisy(2.0), Exposure { gain: 0.7, offset: 40.0, noise: 2.0 }];
        let images = pair(&scene, size, truth, exposures, seed as u64 + 5);
        let found = find(&images, 8);
        let (translation, [gain, offset, correlation]) = solution(&images[0], &images[1], truth);
        let (x, y) = (pixels(&found)[0] - translation[0], pixels(&found)[1] - translation[1]);
        assert!(x.abs().max(y.abs()) < 2.0_f64.powi(-14), "{size:?}, {seed}: {x} {y}");
        let differences = [
            f64::from(found.gain.to_bits()) / 16_384.0 - gain,
            f64::from(found.offset.0) / 64.0 - offset,
            f64::from(found.correlation.to_bits()) / 16_384.0 - correlation,
        ];
        for (difference, bound) in differences.iter().zip([1e-4, 0.02, 2e-4]) {
            assert!(difference.abs() < bound, "{size:?}, {seed}: {differences:?}");
        }
    }
}

fn flat(size: (usize, usize), mut of: impl FnMut(usize, usize) -> u8) -> Plane<u8> {
    let data = (0..size.0 * size.1).map(|i| of(i % size.0, i / size.0)).collect();
    Plane { width: size.0, height: size.1, data }
}

#[test]
fn says_what_cannot_be_found() {
    for size in SIZES {
        let status = |images: &[Plane<u8>; 2]| find(images, 8).status;
        for grey in [0, 77, 255] {
            let constant = flat(size, |_, _| grey);
            assert_eq!(status(&[constant.clone(), constant]), Status::Singular, "{size:?}");
        }
        let wave = |v: usize, shift: f64| (128.0 + 90.0 * ((v as f64 - shift) * 0.4).sin()) as u8;
        let columns = [0.0, 1.3].map(|shift| flat(size, |x, _| wave(x, shift)));
        let rows = [0.0, 1.3].map(|shift| flat(size, |_, y| wave(y, shift)));
        let slanted = [0.0, 1.3].map(|shift| flat(size, |x, y| wave(x + y, shift)));
        for stripes in [columns, rows, slanted] {
            assert_eq!(status(&stripes), Status::Singular, "{size:?}");
        }
    }
    // Nothing of which there is a row, or a column, with neighbours on both sides.
    for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 3), (3, 2), (5, 5)] {
        let image = flat((width, height), |x, y| (37 * x + 91 * y) as u8);
        let found = find(&[image.clone(), image], 3);
        assert_eq!((found.status, found.translation), (Status::LeftImage, [nonius::fixed::Q16(0); 2]));
    }
}

/// Two frames that have nothing in common correlate by half at most; others, with as much noise as above, by
/// 0.9.
#[test]
fn tells_strangers() {
    for seed in 0..20 {
        let scenes = [1, 2].map(|k| Waves::new(&mut synthetic::Random(2 * seed + k)));
        let mut random = synthetic::Random(9);
        let images =
            scenes.map(|scene| Exposure::CLEAN.of(&render(64, 64, |x, y| scene.at(x, y)), &mut random));
        let found = find(&images, 16);
        assert!(found.correlation.to_bits() < 9_000, "scene {seed}: {found:?}");
    }
}

#[test]
fn refuses_what_does_not_fit() {
    let pixels = vec![0_u8; 1025 * 3];
    let image = |width, height| Image::new(&pixels, width, height).unwrap();
    let mut memory = vec![0; Shift::workspace(1025, 3)];
    assert_eq!(shift(image(8, 9), image(9, 8), 4, &mut memory), Err(Error::SizeMismatch));
    assert_eq!(shift(image(1025, 3), image(1025, 3), 4, &mut memory), Err(Error::TooLarge));
    assert_eq!(shift(image(3, 1025), image(3, 1025), 4, &mut memory), Err(Error::TooLarge));
    let needed = Shift::workspace(24, 20);
    let short = shift(image(24, 20), image(24, 20), 4, &mut memory[..needed - 1]);
    assert_eq!(short, Err(Error::TooShort { needed, found: needed - 1 }));
}

/// Steps between the darkest and the brightest grey, of which sums are largest, at sizes up to the largest.
#[test]
fn sums_do_not_overflow() {
    let mut random = Random(3);
    for (width, height) in [(1024, 1024), (1024, 24), (47, 1024), (64, 64), (6, 8)] {
        for size in [1, 2, 3, 32, 600] {
            let image = flat((width, height), |x, y| if (x / size + y / size) % 2 == 0 { 0 } else { 255 });
            let other = flat((width, height), |x, _| if (x / size) % 2 == 0 { 255 } else { 0 });
            let noise = flat((width, height), |_, _| 255 * (random.bits() as u8 & 1));
            for images in [[&image, &image], [&image, &other], [&other, &noise], [&noise, &noise]] {
                let found = find(&images.map(Clone::clone), 5);
                let [x, y] = pixels(&found);
                assert!(x.abs() < width as f64 && y.abs() < height as f64, "{found:?}");
                assert!((0..=(width * height) as u32).contains(&found.support));
            }
        }
    }
}

/// Rows with something between them, and frames of the same pixels elsewhere.
#[test]
fn strides_do_not_matter() {
    let scene = Waves::new(&mut synthetic::Random(4));
    let images = pair(&scene, (61, 50), [2.3, -1.6], [Exposure::CLEAN; 2], 1);
    let expected = find(&images, 6);
    for stride in [61, 62, 64, 77] {
        let padded = images.clone().map(|image| {
            let mut random = Random(8);
            let mut pixels: Vec<u8> = (0..stride * 49 + 61).map(|_| random.bits() as u8).collect();
            for (to, from) in pixels.chunks_mut(stride).zip(image.data.chunks(61)) {
                to[..61].copy_from_slice(from);
            }
            pixels
        });
        let [fixed, moving] = padded.each_ref().map(|p| Image::with_stride(p, 61, 50, stride).unwrap());
        let mut memory = vec![0; Shift::workspace(61, 50) + 3];
        assert_eq!(shift(fixed, moving, 6, &mut memory), Ok(expected));
    }
}
