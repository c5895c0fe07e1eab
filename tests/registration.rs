//! Alignment of real pairs whose truth, or whose best known result, is known.
//!
//! The pairs are not part of the repository. `NONIUS_DATA` names the folder that holds
//! `registration2d`; without it every test here prints a line and passes. Errors are distances of
//! the mapped corners in pixels; correlations are measured with real-valued bilinear sampling over
//! the overlap, at our result and at the reference's alike.

use crate::common;

use std::path::{Path, PathBuf};

use nonius::align::{Aligner, Grey, Interpolation, Options, Pair, Report, Robust};
use nonius::{Affine, Euclidean, Homography, Image, Similarity, Transform, Translation};
use serde_json::Value;

#[derive(Clone, Debug)]
struct Picture {
    pixels: Vec<u16>,
    width: usize,
    height: usize,
    deep: bool,
}

fn folder(name: &str) -> Option<PathBuf> {
    common::data("registration2d", name)
}

/// Binary PGM without comments, as these data have it.
fn read(path: &Path) -> Picture {
    let bytes = std::fs::read(path).unwrap();
    let mut at = 0;
    let mut word = || {
        while bytes[at].is_ascii_whitespace() {
            at += 1;
        }
        let begin = at;
        while !bytes[at].is_ascii_whitespace() {
            at += 1;
        }
        std::str::from_utf8(&bytes[begin..at]).unwrap().to_owned()
    };
    assert_eq!(word(), "P5");
    let [width, height, max] = [word(), word(), word()].map(|w| w.parse::<usize>().unwrap());
    let body = &bytes[at + 1..];
    let deep = max > 255;
    let pixels = if deep {
        body.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect()
    } else {
        body.iter().map(|&b| b.into()).collect()
    };
    let picture = Picture { pixels, width, height, deep };
    assert_eq!(picture.pixels.len(), width * height);
    picture
}

fn pairs(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("pairs.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    value["pairs"].as_array().unwrap().clone()
}

fn load(folder: &Path, pair: &Value) -> (Picture, Picture) {
    let file = |key: &str| read(&folder.join(pair[key].as_str().unwrap()));
    (file("fixed"), file("moving"))
}

fn matrix(value: &Value) -> [f64; 9] {
    let entries: Vec<f64> = value
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|r| r.as_array().unwrap())
        .map(|v| v.as_f64().unwrap())
        .collect();
    entries.try_into().unwrap()
}

fn run<P: Grey + Default, T: Transform>(
    fixed: &[P],
    moving: &[P],
    sizes: [usize; 4],
    start: [f64; 9],
    options: Options,
) -> Report<T> {
    let [a, b, c, d] = sizes;
    let pair = Pair::new(Image::new(fixed, a, b).unwrap(), Image::new(moving, c, d).unwrap());
    let size = Aligner::<P, T>::workspace(&pair, &options).unwrap();
    let (mut pixels, mut masks) = (vec![P::default(); size.pixels], vec![0; size.masks]);
    Aligner::new(pair, T::from_matrix(start).unwrap(), options, &mut pixels, &mut masks).unwrap().run()
}

/// Where to start, and how to go on.
#[derive(Clone, Copy)]
struct Setup {
    start: [f64; 9],
    options: Options,
}

/// From nowhere, by the options that everybody has.
fn usual() -> Setup {
    Setup { start: nonius::transform::IDENTITY, options: Options::default() }
}

fn align<T: Transform>(fixed: &Picture, moving: &Picture, setup: Setup) -> Report<T> {
    let sizes = [fixed.width, fixed.height, moving.width, moving.height];
    let Setup { start, options } = setup;
    if fixed.deep {
        run(&fixed.pixels, &moving.pixels, sizes, start, options)
    } else {
        let narrow = |p: &Picture| p.pixels.iter().map(|&v| v as u8).collect::<Vec<_>>();
        run(&narrow(fixed), &narrow(moving), sizes, start, options)
    }
}

fn project(m: &[f64; 9], x: f64, y: f64) -> (f64, f64) {
    let d = m[6] * x + m[7] * y + m[8];
    ((m[0] * x + m[1] * y + m[2]) / d, (m[3] * x + m[4] * y + m[5]) / d)
}

/// Distances at the four corners of the fixed image: (mean, largest).
fn corners(a: &[f64; 9], b: &[f64; 9], fixed: &Picture) -> (f64, f64) {
    let (w, h) = ((fixed.width - 1) as f64, (fixed.height - 1) as f64);
    let distances = [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)].map(|(x, y)| {
        let ((u, v), (s, t)) = (project(a, x, y), project(b, x, y));
        (u - s).hypot(v - t)
    });
    (distances.iter().sum::<f64>() / 4.0, distances.iter().copied().fold(0.0, f64::max))
}

/// Fixed and moving over the overlap, moving read by exact bilinear interpolation.
fn overlap(m: &[f64; 9], fixed: &Picture, moving: &Picture, mut each: impl FnMut(f64, f64)) {
    for y in 0..fixed.height {
        for x in 0..fixed.width {
            let (u, v) = project(m, x as f64, y as f64);
            if !(u >= 0.0 && v >= 0.0 && u <= (moving.width - 1) as f64 && v <= (moving.height - 1) as f64) {
                continue;
            }
            let (i, j) = ((u as usize).min(moving.width - 2), (v as usize).min(moving.height - 2));
            let (f, g) = (u - i as f64, v - j as f64);
            let p = |i: usize, j: usize| f64::from(moving.pixels[j * moving.width + i]);
            let upper = p(i, j) * (1.0 - f) + p(i + 1, j) * f;
            let lower = p(i, j + 1) * (1.0 - f) + p(i + 1, j + 1) * f;
            each(f64::from(fixed.pixels[y * fixed.width + x]), upper * (1.0 - g) + lower * g);
        }
    }
}

/// Correlation over the overlap.
fn ncc(m: &[f64; 9], fixed: &Picture, moving: &Picture) -> f64 {
    let mut sums = [0.0; 6];
    overlap(m, fixed, moving, |a, b| {
        for (sum, v) in sums.iter_mut().zip([1.0, a, b, a * a, a * b, b * b]) {
            *sum += v;
        }
    });
    let [n, a, b, aa, ab, bb] = sums;
    (n * ab - a * b) / ((n * aa - a * a) * (n * bb - b * b)).sqrt()
}

/// Aligns by the model of a name and gives the matrix, with a printed line.
fn by_name(model: &str, name: &str, fixed: &Picture, moving: &Picture, setup: Setup) -> [f64; 9] {
    fn one<T: Transform>(
        model: &str,
        name: &str,
        fixed: &Picture,
        moving: &Picture,
        setup: Setup,
    ) -> [f64; 9] {
        let begin = std::time::Instant::now();
        let report = align::<T>(fixed, moving, setup);
        let ms = begin.elapsed().as_secs_f64() * 1e3;
        let m = report.transform.matrix();
        let iterations = report.iterations.iter().map(|n| usize::from(*n)).sum::<usize>();
        println!(
            "{name:28} {model:12} {:13} {iterations:3} iterations {ms:7.1} ms  rms {:8.3}  support {:.3}  NCC {:.5}",
            report.status.name(),
            report.rms_residual,
            report.support,
            ncc(&m, fixed, moving),
        );
        m
    }
    match model {
        "translation" => one::<Translation>(model, name, fixed, moving, setup),
        "rigid" => one::<Euclidean>(model, name, fixed, moving, setup),
        "similarity" => one::<Similarity>(model, name, fixed, moving, setup),
        "affine" => one::<Affine>(model, name, fixed, moving, setup),
        "homography" => one::<Homography>(model, name, fixed, moving, setup),
        other => panic!("{other}"),
    }
}

#[test]
fn itk_brain_slices() {
    let Some(folder) = folder("itk_brain_slices") else { return };
    for pair in pairs(&folder) {
        let (fixed, moving) = load(&folder, &pair);
        let model = pair["model"].as_str().unwrap();
        let name = pair["name"].as_str().unwrap();
        let found = by_name(model, name, &fixed, &moving, usual());
        let (_, worst) = corners(&found, &matrix(&pair["fixed_to_moving"]), &fixed);
        println!("{name:28} {model:12} corner error {worst:.4} px");
        assert!(worst < if model == "translation" { 0.05 } else { 0.1 }, "{name}: {worst} px");
    }
}

#[test]
fn imreg_dft_logo_shift() {
    let Some(folder) = folder("imreg_dft_logo") else { return };
    for pair in pairs(&folder).iter().filter(|p| p["model"] == "translation") {
        let (fixed, moving) = load(&folder, pair);
        let found = by_name("translation", "logo_shift", &fixed, &moving, usual());
        let (_, worst) = corners(&found, &matrix(&pair["fixed_to_moving"]), &fixed);
        println!("logo_shift: corner error {worst:.4} px");
        assert!(worst < 0.05, "{worst} px");
    }
}

/// 30 degrees and a scale of 0.8, without a guess: within what is known of the truth, 0.1 degrees, 0.2 % and
/// 0.2 px. (The logo fills a third of the picture's height: there is no fifth level at which it is still one.)
#[test]
fn imreg_dft_logo_similarity() {
    let Some(folder) = folder("imreg_dft_logo") else { return };
    for pair in pairs(&folder).iter().filter(|p| p["model"] == "similarity") {
        let (fixed, moving) = load(&folder, pair);
        let options =
            Options { levels: Some(4), rotation: std::f64::consts::FRAC_PI_4, ..Options::default() };
        let found = by_name("similarity", "logo_similarity", &fixed, &moving, Setup { options, ..usual() });
        let (_, worst) = corners(&found, &matrix(&pair["fixed_to_moving"]), &fixed);
        let bound = (fixed.width as f64).hypot(fixed.height as f64) * (0.1_f64.to_radians() + 0.002) + 0.2;
        println!("logo_similarity: corner error {worst:.4} px, uncertainty {bound:.4} px");
        assert!(worst < bound, "{worst} px");
    }
}

/// Two people's brains, 26 px apart, without a guess: the reference's correlation, which it reaches by
/// another criterion (mean squares), to three digits.
#[test]
fn ants_brain_slices() {
    against_reference("ants_brain_slices", &["rigid", "similarity", "affine"], 1e-3);
}

/// At least the reference's correlation, less `slack`, in every pair and model that is listed.
fn against_reference(name: &str, models: &[&str], slack: f64) {
    let Some(folder) = folder(name) else { return };
    // What is compared is the correlation of bilinear samples, so it is what has to grow.
    let options = Options { monotone: true, finish: Interpolation::Bilinear, ..Options::default() };
    let mut failures = Vec::new();
    for pair in pairs(&folder) {
        let (fixed, moving) = load(&folder, &pair);
        for &model in models {
            let reference = matrix(&pair["reference"][model]["fixed_to_moving"]);
            let label = format!("{} {}", fixed.width, pair["name"].as_str().unwrap());
            let found = by_name(model, &label, &fixed, &moving, Setup { options, ..usual() });
            let (ours, theirs) = (ncc(&found, &fixed, &moving), ncc(&reference, &fixed, &moving));
            println!("{label:28} {model:12} NCC {ours:.5}, reference {theirs:.5}");
            if ours < theirs - slack {
                failures.push(format!("{label} {model}: {ours:.6} < {theirs:.6}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn visp_camera_sequence() {
    against_reference("visp_camera_sequence", &["affine"], 0.0);
}

/// Frames this small have so few pixels that the maximum of the correlation of two interpolated
/// images, and the fixed point of Gauss-Newton, differ in the fifth digit.
const SMALL: f64 = 1e-4;

#[test]
fn small_frames_160x120() {
    against_reference("small_frames_160x120", &["translation", "affine"], SMALL);
}

#[test]
fn small_frames_64x64() {
    against_reference("small_frames_64x64", &["translation", "affine"], SMALL);
}

/// Mean squares over the overlap, moving read by exact bilinear interpolation: TurboReg's criterion.
fn mean_squares(m: &[f64; 9], fixed: &Picture, moving: &Picture) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    overlap(m, fixed, moving, |a, b| {
        sum += (a - b) * (a - b);
        n += 1.0;
    });
    sum / n
}

/// TurboReg minimises mean squares, without gain and offset. Ours is near its result, or (cells move, so
/// that the more parameters, the flatter the minimum) better by its own criterion. In the first pair
/// TurboReg's similarity and affine have more than its rigid, which is one of them: they are no minimum.
#[test]
fn pc12_microscopy() {
    let Some(folder) = folder("pc12_microscopy") else { return };
    let options = Options { gain_and_offset: false, ..Options::default() };
    let mut failures = Vec::new();
    for pair in pairs(&folder) {
        let (fixed, moving) = load(&folder, &pair);
        let name = pair["name"].as_str().unwrap();
        for model in ["translation", "rigid", "similarity", "affine"] {
            let found = by_name(model, name, &fixed, &moving, Setup { options, ..usual() });
            let turboreg = matrix(&pair["turboreg"][model]["fixed_to_moving"]);
            let (_, worst) = corners(&found, &turboreg, &fixed);
            let [ours, theirs] = [&found, &turboreg].map(|m| mean_squares(m, &fixed, &moving));
            println!(
                "{name:28} {model:12} {worst:.3} px from TurboReg, mean squares {ours:.0}, TurboReg {theirs:.0}"
            );
            if worst > 0.3 && ours > theirs {
                failures.push(format!("{name} {model}: {worst:.3} px, {ours:.0} > {theirs:.0}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// From starts of a sigma: how many, and how many end within 1.5 px of the truth.
fn dogman(sigma: i64, names: &[&str]) -> Option<(usize, usize)> {
    let folder = folder("hpatches_v_dogman")?;
    // The street, the sky and the houses behind are not in the plane of the mural.
    let options = Options { search: 0.0, robust: Robust::Tukey, ..Options::default() };
    let (mut good, mut all) = (0, 0);
    for pair in pairs(&folder).iter().filter(|p| names.contains(&p["name"].as_str().unwrap())) {
        let (fixed, moving) = load(&folder, pair);
        let truth = matrix(&pair["fixed_to_moving"]);
        for start in pair["starts"].as_array().unwrap().iter().filter(|s| s["sigma_px"] == sigma) {
            let start = matrix(&start["fixed_to_moving_start"]);
            let name = format!("dogman {} sigma {sigma}", pair["name"].as_str().unwrap());
            let found = by_name("homography", &name, &fixed, &moving, Setup { start, options });
            let (mean, _) = corners(&found, &truth, &fixed);
            let (before, _) = corners(&start, &truth, &fixed);
            println!("{name:28} corner error {before:.2} -> {mean:.3} px");
            all += 1;
            good += usize::from(mean <= 1.5);
        }
    }
    println!("dogman {names:?} sigma {sigma}: {good} of {all} within 1.5 px");
    Some((good, all))
}

/// The pairs whose change of scale is below two and a half. (From starts of sigma 2 and 8 all arrive, too; each sigma
/// takes half a minute.)
#[test]
fn hpatches_v_dogman_moderate() {
    for sigma in [4, 16] {
        if let Some((good, all)) = dogman(sigma, &["1_2", "1_3", "1_5"]) {
            assert!(10 * good >= 9 * all, "sigma {sigma}: {good} of {all}");
        }
    }
}

/// All pairs. The boards of the mural are not in one plane: measured block by block, what is left at the
/// published homographies of 1_4 and 1_6 are displacements of up to 3 px that vary from board to board (1.2
/// to 1.6 px RMS, and no less than 1.0 for any homography). The corners lie outside the overlap,
/// magnified 3 to 8 times, and homographies that are fitted to those displacements directly end 3 to 11
/// px (1_4) and 6 to 43 px (1_6) from the published ones there, whatever the weights.
#[test]
#[ignore = "not reached: 15 of 25, since the scene is not plane and 1_4 and 1_6 extrapolate that"]
fn hpatches_v_dogman() {
    for (sigma, tenths) in [(16, 6), (8, 9), (4, 9), (2, 9)] {
        if let Some((good, all)) = dogman(sigma, &["1_2", "1_3", "1_4", "1_5", "1_6"]) {
            assert!(10 * good >= tenths * all, "sigma {sigma}: {good} of {all}");
        }
    }
}
