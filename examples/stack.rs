//! A burst of noisy frames from an unsteady camera: all are aligned with the first one, on as many threads
//! as there are, and averaged. Prints how much noise is left, and writes `target/stack/stack.png`: the first
//! frame, and the mean without and with alignment.
//!
//! ```text
//! cargo run --release --example stack
//! ```
#![forbid(unsafe_code)]

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use nonius::align::{Aligner, Options, Pair, Report, run_all};
use nonius::{Boundary, Cubic, Error, Euclidean, ImageMut, Sampler, Threads, Transform};
use support::file::{self, Grey, Plane};
use support::sheet;
use support::synthetic::{Exposure, Random, Spline, random_warp, render};

const FRAMES: usize = 16;
const WIDTH: usize = 240;
const HEIGHT: usize = 180;
/// Standard deviation of the noise of a frame in grey levels, and how far its corners move, in pixels.
const NOISE: f64 = 20.0;
const SHAKE: f64 = 6.0;
/// So many pixels at the border are not compared with the truth: not all frames have seen them.
const BORDER: usize = 20;

/// Aligns all frames with the first one.
fn align(frames: &[Plane<u8>]) -> Result<Vec<Report<Euclidean>>, Error> {
    let fixed = frames[0].image()?;
    let options = Options::default();
    let size = Aligner::<u8, Euclidean>::workspace(&Pair::new(fixed, fixed), &options)?;
    let mut workspaces = vec![vec![0; size.pixels]; frames.len()];
    let mut aligners = Vec::new();
    for (frame, workspace) in frames.iter().zip(&mut workspaces) {
        let pair = Pair::new(fixed, frame.image()?);
        aligners.push(Aligner::new(pair, Euclidean::IDENTITY, options, workspace, &mut [])?);
    }
    let mut reports = vec![None; aligners.len()];
    run_all(&mut aligners, &mut reports, Threads::all())?;
    Ok(reports.into_iter().flatten().collect())
}

/// The mean of the frames, each seen through a transform from the pixels of the first.
fn mean(frames: &[Plane<u8>], transforms: &[Euclidean]) -> Result<Vec<u8>, Error> {
    let sampler = Sampler::new(Cubic::<-50>, Boundary::Replicate);
    let mut sums = vec![0; WIDTH * HEIGHT];
    let mut warped = vec![0; WIDTH * HEIGHT];
    for (frame, transform) in frames.iter().zip(transforms) {
        sampler.warp(frame.image()?, &mut ImageMut::new(&mut warped, WIDTH, HEIGHT)?, transform)?;
        sums.iter_mut().zip(&warped).for_each(|(sum, &v)| *sum += usize::from(v));
    }
    Ok(sums.iter().map(|sum| ((sum + FRAMES / 2) / FRAMES) as u8).collect())
}

/// The root mean square difference from the truth.
fn error(pixels: &[u8], truth: &[f64]) -> f64 {
    let inside = |i: usize| {
        let (x, y) = (i % WIDTH, i / WIDTH);
        (BORDER..WIDTH - BORDER).contains(&x) && (BORDER..HEIGHT - BORDER).contains(&y)
    };
    let errors = pixels.iter().zip(truth).map(|(&v, truth)| f64::from(v) - truth);
    let errors: Vec<f64> = errors.enumerate().filter(|&(i, _)| inside(i)).map(|(_, e)| e).collect();
    (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt()
}

fn main() -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/images/camera_512x512.png");
    let Grey::U8(photograph) = file::read(&path)? else { return Err("not 8 bit".into()) };
    let (scene, mut random) = (Spline::blurred(&photograph, 0.8), Random(16));
    let view = |at: &Euclidean| {
        render(WIDTH, HEIGHT, |x, y| {
            let (x, y) = at.apply(x, y);
            scene.at(120.0 + x, 40.0 + y)
        })
    };
    let truth = view(&Euclidean::IDENTITY);
    let mut frames = vec![Exposure::noisy(NOISE).of(&truth, &mut random)];
    while frames.len() < FRAMES {
        let at: Euclidean = random_warp(WIDTH, HEIGHT, SHAKE, &mut random);
        frames.push(Exposure::noisy(NOISE).of(&view(&at), &mut random));
    }

    let words = |e: Error| e.to_string();
    let found: Vec<Euclidean> = align(&frames).map_err(words)?.iter().map(|r| r.transform).collect();
    let aligned = mean(&frames, &found).map_err(words)?;
    let as_they_are = mean(&frames, &[Euclidean::IDENTITY; FRAMES]).map_err(words)?;
    let pictures =
        [("one frame", &frames[0].data), ("mean, as they are", &as_they_are), ("mean, aligned", &aligned)];
    for (name, pixels) in pictures {
        println!("{name:<18} {:6.2} grey levels from the truth", error(pixels, &truth.data));
    }
    let cells = pictures.map(|(name, pixels)| (name.into(), sheet::grey(pixels, WIDTH, 2)));
    sheet::save("stack", "stack.png", &sheet::sheet(&cells, 3))
}
