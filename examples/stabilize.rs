//! Stabilizes a sequence: finds where each frame is, takes the shaking out of the path, and writes
//! the frames as a steady camera would have seen them.
//!
//! ```text
//! cargo run --release --example stabilize
//! cargo run --release --example stabilize -- FOLDER --model similarity --path fixed --out steady
//! ```
//!
//! Without a folder it makes a sequence whose truth is known: a camera in a hand that pans over a
//! photograph, see [`HandHeld`]. `--help` says the rest.

#[path = "support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use nonius::align::{Found, Keys, Tracked, Tracker, Tracking};
use nonius::transform::Matrix;
use nonius::{Boundary, Cubic, Euclidean, ImageMut, Sampler, Transform};
use support::cli::{self, Model, Settings, with_model};
use support::file::{self, Depth, Encoded, Grey, Plane};
use support::picture::Canvas;
use support::synthetic::{Exposure, Random, Spline, corners, distance, render};
use support::{chart, sheet};

/// Takes the shaking out of a sequence of frames.
///
/// FOLDER holds grey frames of one size, 8 or 16 bit, in the order of their names. Without it, a
/// sequence with a known truth is made of a photograph in examples/images, and the result is compared
/// with that truth.
#[derive(Parser)]
#[command(name = "stabilize", version, verbatim_doc_comment, after_help = AFTER_HELP)]
struct Cli {
    /// Folder of frames: every file in it that is named *.pgm (P5) or *.png
    folder: Option<PathBuf>,

    /// What may lie between two frames
    #[arg(long, value_enum, default_value_t = Model::Euclidean)]
    model: Model,

    /// Where the steady camera looks
    #[arg(long, value_enum, default_value_t = Way::Smooth)]
    path: Way,

    /// Over how many frames the smooth path is averaged: standard deviation of a Gaussian, 0.1 to 1000
    #[arg(long, value_name = "FRAMES", default_value_t = HALF_A_SECOND,
        value_parser = cli::number(0.1..=1000.0))]
    window: f64,

    /// Folder for the results, made if it is not there
    #[arg(long, value_name = "DIR", default_value = "target/stabilize")]
    out: PathBuf,

    #[command(flatten)]
    settings: Settings,
}

const AFTER_HELP: &str = "\
Results (PNG):
  frame_0000 ...  the stabilized frames, enlarged so far that no border shows, at most 1.25 times
                  (where that is not enough, borders are black)
  trajectory      how the middle of the picture moves, before and after
  slices          the middle row of all frames, one below the other, before and after

Exit status:
  0  every frame was found
  3  some were not, and stand where the last one was found
  2  bad input; one line on stderr says what is wrong, and nothing is written";

/// Frames, of which a camera takes 30 in a second.
const HALF_A_SECOND: f64 = 15.0;

/// Frames are not enlarged any further: what a wide shake leaves of them would be little.
const LARGEST_ZOOM: f64 = 1.25;

/// Where the steady camera looks.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Way {
    /// Along the path of the shaken one, averaged
    Smooth,
    /// Where the first frame looks
    Fixed,
}

fn main() -> ExitCode {
    cli::main(run)
}

/// Whether every frame was found, or what is wrong with the input.
fn run(cli: &Cli) -> Result<bool, String> {
    let (frames, truth) = match &cli.folder {
        Some(folder) => (read(folder)?, None),
        None => {
            let (frames, truth) = HandHeld::new().film()?;
            (frames.into_iter().map(Grey::U8).collect(), Some(truth))
        }
    };
    let eight: Option<Vec<Plane<u8>>> = frames
        .iter()
        .map(|frame| if let Grey::U8(plane) = frame { Some(plane.clone()) } else { None })
        .collect();
    match eight {
        Some(frames) => with_model!(cli.model, T => stabilize::<u8, T>(cli, &frames, truth)),
        None => {
            let frames: Vec<_> = frames.into_iter().map(Grey::into_u16).collect();
            with_model!(cli.model, T => stabilize::<u16, T>(cli, &frames, truth))
        }
    }
}

/// The frames of a folder, in the order of their names.
fn read(folder: &Path) -> Result<Vec<Grey>, String> {
    let name = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{name}: {}", file::reason(&e)))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| format!("{name}: {}", file::reason(&e)))?.path();
        let extension = path.extension().map(|e| e.to_ascii_lowercase());
        if extension.is_some_and(|e| e == "pgm" || e == "png") {
            paths.push(path);
        }
    }
    paths.sort();
    let Some(first) = paths.first() else {
        return Err(format!("{name}: no frames, which are files named *.pgm or *.png"));
    };
    let mut frames: Vec<Grey> = Vec::new();
    for path in &paths {
        let frame = file::read(path)?;
        let (size, wanted) = (frame.size(), frames.first().map_or(frame.size(), Grey::size));
        if size != wanted {
            return Err(format!(
                "{}: {} x {} pixels, {} has {} x {}",
                path.display(),
                size.0,
                size.1,
                first.display(),
                wanted.0,
                wanted.1
            ));
        }
        frames.push(frame);
    }
    Ok(frames)
}

/// What is known of a sequence that was made: from the pixels of the first frame to those of each one,
/// as it was shaken and as it would have been without.
struct Truth {
    shaken: Vec<Euclidean>,
    intended: Vec<Euclidean>,
}

/// A camera in a hand: 90 frames, 30 to a second, 320x240 pixels, that pan steadily over a photograph.
///
/// Along x, along y, and in the angle the hand adds two resonances, each an autoregression of second
/// order, `s[n] = 2 r cos(w) s[n-1] - r^2 s[n-2] + noise`, whose spectrum is a peak at the angular
/// frequency w as wide as 1 - r: the arm's sway at 0.9 Hz (r = 0.96; 4 px and 0.5 degrees in the root
/// mean square), and the hand's tremor at 8 Hz (r = 0.8; 0.8 px and 0.1 degrees). The photograph is
/// blurred by 0.8 px and interpolated by cubic B-splines in `f64`; noise of 2 grey levels is added.
struct HandHeld {
    random: Random,
}

impl HandHeld {
    const FRAMES: usize = 90;
    const SIZE: (usize, usize) = (320, 240);
    /// Photograph pixels per pixel, the middle of the first frame, and the pan per frame, in pixels.
    const SCALE: f64 = 0.75;
    const START: (f64, f64) = (210.0, 190.0);
    const PAN: (f64, f64) = (1.2, 0.5);

    fn new() -> Self {
        Self { random: Random(2026) }
    }

    /// A resonance at so many Hz, of a root mean square of one.
    fn resonance(&mut self, frequency: f64, r: f64) -> Vec<f64> {
        let (c, d) = (2.0 * r * libm::cos(std::f64::consts::TAU * frequency / 30.0), -r * r);
        // What unit noise makes of it (Box, Jenkins and Reinsel, eq. 3.2.27).
        let variance = (1.0 - d) / ((1.0 + d) * ((1.0 - d) * (1.0 - d) - c * c));
        let (mut s, mut all) = ([0.0; 2], Vec::new());
        // Long before the first frame, so that it does not begin at rest.
        for n in 0..500 + Self::FRAMES {
            s = [c * s[0] + d * s[1] + self.random.normal() / libm::sqrt(variance), s[0]];
            if n >= 500 {
                all.push(s[0]);
            }
        }
        all
    }

    fn film(mut self) -> Result<(Vec<Plane<u8>>, Truth), String> {
        let Grey::U8(photograph) = file::decode(include_bytes!("images/camera_512x512.png"))? else {
            return Err("camera_512x512.png: 8 bits are expected".into());
        };
        let spline = Spline::blurred(&photograph, 0.8);
        let (width, height) = Self::SIZE;
        let degree = std::f64::consts::PI / 180.0;
        let shake: Vec<[f64; 3]> = {
            let mut axis = |sway: f64, tremor: f64| {
                let (slow, fast) = (self.resonance(0.9, 0.96), self.resonance(8.0, 0.8));
                slow.iter().zip(fast).map(|(s, f)| sway * s + tremor * f).collect::<Vec<_>>()
            };
            let (x, y, angle) = (axis(4.0, 0.8), axis(4.0, 0.8), axis(0.5 * degree, 0.1 * degree));
            x.into_iter().zip(y).zip(angle).map(|((x, y), angle)| [x, y, angle]).collect()
        };
        // From the pixels of a frame to the plane of the photograph, in units of a frame's pixel.
        let camera = |n: usize, shake: [f64; 3]| {
            let (x, y) = ((width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0);
            let (sine, cosine) = libm::sincos(shake[2]);
            let u = Self::START.0 / Self::SCALE + Self::PAN.0 * n as f64 + shake[0];
            let v = Self::START.1 / Self::SCALE + Self::PAN.1 * n as f64 + shake[1];
            Euclidean::new(shake[2], u - cosine * x + sine * y, v - sine * x - cosine * y)
        };
        let (mut frames, mut truth) = (Vec::new(), Truth { shaken: Vec::new(), intended: Vec::new() });
        let words = |e: nonius::Error| e.to_string();
        let first = camera(0, shake[0]).map_err(words)?;
        let steady = camera(0, [0.0; 3]).map_err(words)?;
        for (n, shake) in shake.iter().enumerate() {
            let here = camera(n, *shake).map_err(words)?;
            let image = render(width, height, |x, y| {
                let (u, v) = here.apply(x, y);
                spline.at(Self::SCALE * u, Self::SCALE * v)
            });
            frames.push(Exposure::noisy(2.0).of(&image, &mut self.random));
            let between = |here: &Euclidean, first: &Euclidean| here.invert()?.compose(first);
            truth.shaken.push(between(&here, &first).map_err(words)?);
            truth.intended.push(between(&camera(n, [0.0; 3]).map_err(words)?, &steady).map_err(words)?);
        }
        Ok((frames, truth))
    }
}

fn stabilize<P: Depth, T: Transform>(
    cli: &Cli,
    frames: &[Plane<P>],
    truth: Option<Truth>,
) -> Result<bool, String> {
    let words = |e: nonius::Error| e.to_string();
    let size = (frames[0].width, frames[0].height);
    let (tracked, time) = track::<P, T>(frames, cli).map_err(|e| cli.settings.refusal(e))?;
    let path: Vec<T> = tracked.iter().map(|t| t.transform).collect();
    let steady: Vec<T> = match cli.path {
        Way::Fixed => path.iter().map(|_| T::IDENTITY).collect(),
        Way::Smooth => smooth(&path, cli.window, size).map_err(words)?,
    };

    // From the pixels of a steady frame to those of the one that was taken: back to the first, and on.
    let mut views = Vec::new();
    for (path, steady) in path.iter().zip(&steady) {
        views.push(path.compose(&steady.invert().map_err(words)?).map_err(words)?);
    }
    let whole = zoom(&views, size);
    let zoom = whole.unwrap_or(LARGEST_ZOOM);
    let sampler = Sampler::new(Cubic::<-50>, Boundary::Constant(P::default()));
    let mut results = Vec::new();
    for (frame, view) in frames.iter().zip(&views) {
        let mut data: Vec<P> = cli::zeros(size.0 * size.1)?;
        let view = nonius::Homography::from_matrix(about(&view.matrix(), size, zoom)).map_err(words)?;
        let mut out = ImageMut::new(&mut data, size.0, size.1).map_err(words)?;
        sampler.warp(frame.image().map_err(words)?, &mut out, &view).map_err(words)?;
        results.push(Plane { width: size.0, height: size.1, data });
    }

    let files = files(frames, &results, &path, &steady)?;
    file::make_folder(&cli.out)?;
    for file in &files {
        file::write(&cli.out, file)?;
    }
    let lost = tracked.iter().filter(|t| t.found == Found::Lost).count();
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<13}{value}");
    };
    line("frames", format!("{} of {} x {} pixels, {} model", frames.len(), size.0, size.1, cli.model.name()));
    let regained = tracked.iter().filter(|t| t.found == Found::Regained).count();
    line("found", format!("{}, of which {regained} by the coarse search", frames.len() - lost));
    let mut keys: Vec<u32> = tracked.iter().map(|t| t.key).collect();
    keys.dedup();
    line("keys", format!("{} frames, with which the others were aligned", keys.len()));
    line("time", format!("{:.2} ms per frame", time.as_secs_f64() * 1e3 / frames.len() as f64));
    let borders = if whole.is_some() { "" } else { ", not enough to hide the borders" };
    line("enlarged", format!("{zoom:.3} times{borders}"));
    let differences = [frames, &results].map(|f| flicker(f));
    line(
        "change",
        format!("{:.2} grey levels from frame to frame, {:.2} before", differences[1], differences[0]),
    );
    if let Some(truth) = truth {
        compare(&truth, &path, &steady, size, &mut line).map_err(words)?;
    }
    line("results", cli.out.join("*.png").display().to_string());
    cli::print(text.trim_end())?;
    Ok(lost == 0)
}

/// Where every frame is.
fn track<P: Depth, T: Transform>(
    frames: &[Plane<P>],
    cli: &Cli,
) -> Result<(Vec<Tracked<T>>, Duration), nonius::Error> {
    let (width, height) = (frames[0].width, frames[0].height);
    let mut pixels = vec![P::default(); Tracker::<P, T>::workspace(width, height)];
    let mut tracking = Tracking::from(cli.settings.options());
    if cli.path == Way::Fixed {
        // What drifts would be seen.
        tracking.keys = Keys::First;
    }
    let mut tracker = Tracker::new(width, height, tracking, &mut pixels)?;
    let start = Instant::now();
    let mut tracked = Vec::new();
    for frame in frames {
        tracked.push(tracker.track(frame.image()?)?);
    }
    Ok((tracked, start.elapsed()))
}

/// A matrix between the pixels of two frames, as one between their distances from the middle of the first
/// and the second, the first shrunk.
fn about(matrix: &Matrix, (width, height): (usize, usize), zoom: f64) -> Matrix {
    let (x, y) = ((width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0);
    let inner = [1.0 / zoom, 0.0, x - x / zoom, 0.0, 1.0 / zoom, y - y / zoom, 0.0, 0.0, 1.0];
    std::array::from_fn(|i| (0..3).map(|k| matrix[i / 3 * 3 + k] * inner[3 * k + i % 3]).sum())
}

/// The path, averaged by a Gaussian: of each corner's place in the frame the mean, to which the model
/// is fitted by its matrices about the middle.
fn smooth<T: Transform>(path: &[T], window: f64, size: (usize, usize)) -> Result<Vec<T>, nonius::Error> {
    let (x, y) = ((size.0 - 1) as f64 / 2.0, (size.1 - 1) as f64 / 2.0);
    let shift = |x: f64, y: f64| nonius::Homography::from_matrix([1.0, 0.0, x, 0.0, 1.0, y, 0.0, 0.0, 1.0]);
    let (to, from) = (shift(x, y)?, shift(-x, -y)?);
    let mut centred = Vec::new();
    for transform in path {
        let t = nonius::Homography::from_matrix(transform.matrix())?;
        centred.push(from.compose(&t)?.compose(&to)?.matrix());
    }
    let reach = (4.0 * window).ceil() as isize;
    let last = path.len() as isize - 1;
    (0..path.len() as isize)
        .map(|n| {
            let mut mean = [0.0; 9];
            let mut sum = 0.0;
            for k in -reach..=reach {
                // Beyond the ends the path goes on as its mirror image through the end: a pan goes on.
                let w = (-0.5 * (k as f64 / window).powi(2)).exp();
                let (at, end) = (n + k, (n + k).clamp(0, last));
                let mirrored = (2 * end - at).clamp(0, last);
                for (i, mean) in mean.iter_mut().enumerate() {
                    let end_value = centred[end as usize][i];
                    let value =
                        if at == end { end_value } else { 2.0 * end_value - centred[mirrored as usize][i] };
                    *mean += w * value;
                }
                sum += w;
            }
            let mean = nonius::Homography::from_matrix(mean.map(|v| v / sum))?;
            let mean = T::from_matrix(mean.matrix())?;
            let mean = nonius::Homography::from_matrix(mean.matrix())?;
            T::from_matrix(to.compose(&mean)?.compose(&from)?.matrix())
        })
        .collect()
}

/// The least magnification by which nothing outside the frames is seen; none if that is above the largest.
fn zoom<T: Transform>(views: &[T], (width, height): (usize, usize)) -> Option<f64> {
    let inside = |zoom: f64| {
        views.iter().all(|view| {
            let Ok(t) = nonius::Homography::from_matrix(about(&view.matrix(), (width, height), zoom)) else {
                return false;
            };
            corners(width, height).iter().all(|&(x, y)| {
                let (x, y) = t.apply(x, y);
                (0.0..=(width - 1) as f64).contains(&x) && (0.0..=(height - 1) as f64).contains(&y)
            })
        })
    };
    (0..).map(|i| 1.0 + 1e-3 * f64::from(i)).take_while(|&z| z <= LARGEST_ZOOM).find(|&z| inside(z))
}

/// The root mean square difference of a frame and the next one.
fn flicker<P: Depth>(frames: &[Plane<P>]) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0_f64);
    for pair in frames.windows(2) {
        for (a, b) in pair[0].data.iter().zip(&pair[1].data) {
            let (a, b): (i32, i32) = ((*a).into(), (*b).into());
            sum += f64::from(a - b).powi(2);
            n += 1.0;
        }
    }
    (sum / n.max(1.0)).sqrt()
}

/// What is left of the shaking, by the truth.
fn compare<T: Transform>(
    truth: &Truth,
    path: &[T],
    steady: &[T],
    size: (usize, usize),
    line: &mut impl FnMut(&str, String),
) -> Result<(), nonius::Error> {
    let corners = corners(size.0, size.1);
    let rms = |a: &[Euclidean], b: &[Euclidean]| {
        let squares: f64 = a.iter().zip(b).map(|(a, b)| distance(a, b, &corners).powi(2)).sum();
        (squares / a.len() as f64).sqrt()
    };
    // The pan is steady, so that every acceleration is shaking.
    let shaking = |path: &[Euclidean]| {
        let acceleration = |at: &[Euclidean], (x, y): (f64, f64)| {
            let [(a, b), (c, d), (e, f)] = [0, 1, 2].map(|i| at[i].apply(x, y));
            (a - 2.0 * c + e).powi(2) + (b - 2.0 * d + f).powi(2)
        };
        let squares = |at| corners.iter().map(|&corner| acceleration(at, corner)).sum::<f64>();
        let n = (path.len() - 2) * corners.len();
        (path.windows(3).map(squares).sum::<f64>() / n as f64).sqrt()
    };
    let euclidean = |t: &T| Euclidean::from_matrix(t.matrix());
    let found = path.iter().map(euclidean).collect::<Result<Vec<_>, _>>()?;
    let mut left = Vec::new();
    for ((truth, found), steady) in truth.shaken.iter().zip(&found).zip(steady) {
        // Through the truth to the frame, and by what was found to the steady frame.
        left.push(euclidean(steady)?.compose(&found.invert()?)?.compose(truth)?);
    }
    line(
        "found within",
        format!("{:.4} px of the truth at the corners (root mean square)", rms(&found, &truth.shaken)),
    );
    line(
        "jitter",
        format!(
            "{:.3} px per frame squared at the corners (root mean square), {:.3} before",
            shaking(&left),
            shaking(&truth.shaken)
        ),
    );
    Ok(())
}

/// The frames, the trajectory, and slices through time.
fn files<P: Depth, T: Transform>(
    frames: &[Plane<P>],
    results: &[Plane<P>],
    path: &[T],
    steady: &[T],
) -> Result<Vec<Encoded>, String> {
    let mut files = Vec::new();
    for (n, frame) in results.iter().enumerate() {
        files.push(P::encode(format!("frame_{n:04}.png"), frame)?);
    }
    let (x, y) = ((frames[0].width - 1) as f64 / 2.0, (frames[0].height - 1) as f64 / 2.0);
    let mut curves = Vec::new();
    for (words, path) in [("before", path), ("after", steady)] {
        let moved: Vec<_> = path.iter().map(|t| t.apply(x, y)).map(|(u, v)| (u - x, v - y)).collect();
        curves.push((format!("x {words}"), moved.iter().map(|m| m.0).collect()));
        curves.push((format!("y {words}"), moved.iter().map(|m| m.1).collect()));
    }
    let chart = chart::linear("the middle of the first frame, in px, over frames", &curves);
    files.push(file::encode_rgb("trajectory.png", chart.width, chart.height, chart.bytes())?);

    // All slices by one scale of grey.
    let values = || frames.iter().flat_map(|f| &f.data).map(|&v| -> i32 { v.into() });
    let (low, high) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
    let grey = |v: i32| (255 * i64::from(v - low) / i64::from((high - low).max(1))) as u8;
    let zoom = (3 * 120 / frames.len()).clamp(1, 4);
    let slice = |frames: &[Plane<P>]| {
        Canvas::from_fn(frames[0].width, frames.len() * zoom, |x, n| {
            let frame = &frames[n / zoom];
            [grey(frame.data[frame.height / 2 * frame.width + x].into()); 3]
        })
    };
    let cells = [("middle row, before", frames), ("middle row, after", results)]
        .map(|(words, frames)| (words.to_owned(), slice(frames)));
    let sheet = sheet::sheet(&cells, 2);
    files.push(file::encode_rgb("slices.png", sheet.width, sheet.height, sheet.bytes())?);
    Ok(files)
}
