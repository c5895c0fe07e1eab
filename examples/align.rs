//! Aligns two images: finds the transform that maps the pixels of a *fixed* image to those of a
//! *moving* one, and shows how well they fit before and after.
//!
//! ```text
//! cargo run --release --example align
//! cargo run --release --example align -- FIXED MOVING --model homography --json
//! ```
//!
//! Without images it aligns the pair of `examples/images`, whose truth is known. `--help` says the
//! rest.

#[path = "support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use nonius::align::{Aligner, Pair, Progress, Status, Step};
use nonius::transform::Matrix;
use nonius::{Bilinear, Boundary, Image, ImageMut, Sampler, Transform};
use serde_json::{Value, json};
use support::cli::{self, Model, Settings, with_model};
use support::file::{self, Depth, Encoded, Grey, Plane};
use support::picture::{self, Scene};

/// Aligns two images and shows how well they fit.
///
/// FIXED and MOVING are grey images of any size, 8 or 16 bit. The result is the transform T from
/// fixed to moving pixels for which gain * fixed(x) + offset is nearest to moving(T x). Coordinates
/// are in pixels, with centres at integers, x to the right and y down.
///
/// Without images, the pair in examples/images is aligned, and the result compared with the truth.
#[derive(Parser)]
#[command(name = "align", version, verbatim_doc_comment, after_help = AFTER_HELP)]
struct Cli {
    /// Image that stays: binary PGM (P5) or PNG, colours are converted to grey
    #[arg(requires = "moving")]
    fixed: Option<PathBuf>,

    /// Image that is brought onto it, the same formats; if either has 16 bits, both are read as such
    moving: Option<PathBuf>,

    /// What may lie between the two images
    #[arg(long, value_enum, default_value_t = Model::Affine)]
    model: Model,

    /// Where to start, fixed to moving: "m00 m01 m02 m10 m11 m12 [m20 m21 m22]", row by row
    /// [default: no change]
    #[arg(long, value_name = "MATRIX", allow_hyphen_values = true, value_parser = matrix)]
    init: Option<Matrix>,

    /// Image as large as FIXED, whose zeros are pixels that do not count
    #[arg(long, value_name = "FILE")]
    fixed_mask: Option<PathBuf>,

    /// Image as large as MOVING, whose zeros are pixels that do not count
    #[arg(long, value_name = "FILE")]
    moving_mask: Option<PathBuf>,

    /// Folder for the pictures, made if it is not there [default: target/align; with --json, no
    /// pictures]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print the result as one JSON object and nothing else
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: Settings,
}

const AFTER_HELP: &str = "\
JSON:
  model            as --model
  fixed_to_moving  9 numbers: T, a 3x3 matrix row by row
  status           Converged, MaxIterations, Singular, LeftImage or Stalled
  iterations       on each level, coarse to fine
  rms_residual     of gain * fixed + offset against moving, in grey levels of moving
  correlation      of fixed and moving, -1 to 1
  gain, offset     contrast of moving relative to fixed; moving where fixed is zero, in grey levels
  support          part of the fixed image that counted, 0 to 1
  covariance       of the parameters, row by row; null if the images do not determine them
  milliseconds     that the alignment took
  A number that is not finite is null.

Pictures (PNG):
  sheet            everything below in one picture
  checkerboard     fixed and moving in turn, before and after
  overlay          fixed in green, moving in magenta, before and after: grey where they agree
  difference       blue where moving is darker, red where it is brighter, before and after
  warped           moving at the pixels of fixed

Exit status:
  0  converged
  3  ended otherwise; the result so far is printed all the same
  2  bad input; one line on stderr says what is wrong, and nothing is written";

/// Reads the value of --init.
fn matrix(text: &str) -> Result<Matrix, String> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    let numbers: Vec<f64> = words
        .map(|word| match word.parse::<f64>() {
            Ok(v) if v.is_finite() => Ok(v),
            _ => Err(format!("'{word}' is not a number")),
        })
        .collect::<Result<_, _>>()?;
    match numbers[..] {
        [a, b, c, d, e, f] => Ok([a, b, c, d, e, f, 0.0, 0.0, 1.0]),
        [a, b, c, d, e, f, g, h, i] => Ok([a, b, c, d, e, f, g, h, i]),
        _ => Err(format!("6 or 9 numbers are needed, {} found", numbers.len())),
    }
}

fn main() -> ExitCode {
    cli::main(run)
}

/// Whether the alignment converged, or what is wrong with the input.
fn run(cli: &Cli) -> Result<bool, String> {
    let images = match (&cli.fixed, &cli.moving) {
        (Some(fixed), Some(moving)) => Inputs::read(fixed, moving)?,
        _ => Inputs::shipped()?,
    };
    let mask = |path: &Option<PathBuf>, of: &Grey| match path {
        Some(path) => read_mask(path, of.size()).map(Some),
        None => Ok(None),
    };
    let fixed_mask = mask(&cli.fixed_mask, &images.fixed)?;
    let moving_mask = mask(&cli.moving_mask, &images.moving)?;
    let (size, moving_size) = (images.fixed.size(), images.moving.size());
    let truth = images.truth;
    let (found, bits) = match (images.fixed, images.moving) {
        (Grey::U8(fixed), Grey::U8(moving)) => {
            (Job { cli, fixed, moving, fixed_mask, moving_mask }.run()?, 8)
        }
        (fixed, moving) => {
            let (fixed, moving) = (fixed.into_u16(), moving.into_u16());
            (Job { cli, fixed, moving, fixed_mask, moving_mask }.run()?, 16)
        }
    };

    // Files first: were one of them refused, nothing would have been printed.
    let folder = match (&cli.out, cli.json) {
        (Some(folder), _) => Some(folder.clone()),
        (None, false) => Some(Path::new("target").join("align")),
        (None, true) => None,
    };
    let mut written = Vec::new();
    if let Some(folder) = folder {
        let files = found.files(cli.model)?;
        file::make_folder(&folder)?;
        for file in &files {
            file::write(&folder, file)?;
            written.push(folder.join(&file.name));
        }
    }
    let text = if cli.json {
        found.json(cli.model)
    } else {
        let title = format!(
            "{} alignment of {} ({} x {}) and {} ({} x {}), {bits} bit",
            cli.model.name(),
            images.names[0],
            size.0,
            size.1,
            images.names[1],
            moving_size.0,
            moving_size.1,
        );
        found.text(&title, truth.as_ref(), size, &written)
    };
    cli::print(&text)?;
    Ok(found.status == Status::Converged)
}

/// The images, and the truth about the shipped ones.
struct Inputs {
    names: [String; 2],
    fixed: Grey,
    moving: Grey,
    truth: Option<Truth>,
}

struct Truth {
    matrix: Matrix,
    gain: f64,
    offset: f64,
}

impl Inputs {
    fn read(fixed: &Path, moving: &Path) -> Result<Self, String> {
        let names = [fixed, moving].map(|path| path.display().to_string());
        Ok(Self { names, fixed: file::read(fixed)?, moving: file::read(moving)?, truth: None })
    }

    /// The pair that `make_demo_pair` makes. The aligner does not see the truth.
    fn shipped() -> Result<Self, String> {
        let truth: Value = serde_json::from_str(include_str!("images/truth.json"))
            .map_err(|e| format!("truth.json: {e}"))?;
        let number = |v: &Value| v.as_f64().ok_or("truth.json: a number is missing");
        let mut matrix = Matrix::default();
        for (i, entry) in matrix.iter_mut().enumerate() {
            *entry = number(&truth["fixed_to_moving"][i])?;
        }
        let truth = Truth { matrix, gain: number(&truth["gain"])?, offset: number(&truth["offset"])? };
        Ok(Self {
            names: ["fixed.png".into(), "moving.png".into()],
            fixed: file::decode(include_bytes!("images/fixed.png"))?,
            moving: file::decode(include_bytes!("images/moving.png"))?,
            truth: Some(truth),
        })
    }
}

fn read_mask(path: &Path, (width, height): (usize, usize)) -> Result<Plane<u8>, String> {
    let mask = file::read(path)?.into_mask();
    if (mask.width, mask.height) != (width, height) {
        let found = format!("{} x {}", mask.width, mask.height);
        return Err(format!("{}: the mask is {found}, its image {width} x {height}", path.display()));
    }
    Ok(mask)
}

/// What is to be aligned: both images of one depth.
struct Job<'a, P> {
    cli: &'a Cli,
    fixed: Plane<P>,
    moving: Plane<P>,
    fixed_mask: Option<Plane<u8>>,
    moving_mask: Option<Plane<u8>>,
}

impl<P: Depth> Job<'_, P> {
    fn run(&self) -> Result<Found, String> {
        with_model!(self.cli.model, T => self.align::<T>())
    }

    fn align<T: Transform>(&self) -> Result<Found, String> {
        let initial: T = match &self.cli.init {
            Some(matrix) => initial(matrix, self.cli.model)?,
            None => T::IDENTITY,
        };
        let words = |e: nonius::Error| e.to_string();
        let mut pair = Pair::new(self.fixed.image().map_err(words)?, self.moving.image().map_err(words)?);
        if let Some(mask) = &self.fixed_mask {
            pair = pair.with_fixed_mask(mask.image().map_err(words)?).map_err(words)?;
        }
        if let Some(mask) = &self.moving_mask {
            pair = pair.with_moving_mask(mask.image().map_err(words)?).map_err(words)?;
        }
        let settings = &self.cli.settings;
        let options = settings.options();

        // The caller owns all memory, and knows beforehand how much.
        let size = Aligner::<P, T>::workspace(&pair, &options).map_err(|e| settings.refusal(e))?;
        let mut pixels = cli::zeros(size.pixels)?;
        let mut masks = cli::zeros(size.masks)?;
        let start = Instant::now();
        let mut aligner = Aligner::new(pair, initial, options, &mut pixels, &mut masks).map_err(words)?;
        let mut monitor = Monitor::new();
        let report = loop {
            match aligner.step() {
                Step::Running(progress) => monitor.show(progress),
                Step::Done(report) => break report,
            }
        };
        let time = start.elapsed();
        monitor.finish();

        let transform = report.transform;
        let parameters = transform.parameters().as_ref().len();
        let covariance = match aligner.covariance() {
            Some(rows) => rows.as_ref().iter().flat_map(|row| row.as_ref()).copied().collect(),
            None => vec![f64::NAN; parameters * parameters],
        };
        Ok(Found {
            matrix: transform.matrix(),
            status: report.status,
            iterations: report.iterations.to_vec(),
            rms_residual: report.rms_residual,
            correlation: report.correlation,
            gain: report.gain,
            offset: report.offset,
            support: report.support,
            covariance,
            time,
            warped: P::encode("warped.png", &self.warp(&transform).map_err(words)?)?,
            scene: self.scene(&initial, &transform, report.gain, report.offset).map_err(words)?,
        })
    }

    /// The moving image at the pixels of the fixed one, zero where it ends.
    fn warp<T: Transform>(&self, transform: &T) -> Result<Plane<P>, nonius::Error> {
        let (width, height) = (self.fixed.width, self.fixed.height);
        let mut plane = Plane { width, height, data: vec![P::default(); width * height] };
        let sampler = Sampler::new(Bilinear, Boundary::Constant(P::default()));
        sampler.warp(self.moving.image()?, &mut ImageMut::new(&mut plane.data, width, height)?, transform)?;
        Ok(plane)
    }

    /// What the pictures are made of.
    fn scene<T: Transform>(
        &self,
        before: &T,
        after: &T,
        gain: f64,
        offset: f64,
    ) -> Result<Scene, nonius::Error> {
        // Back to the grey levels of fixed, unless there is no way back.
        let (gain, offset) = if gain.is_normal() && offset.is_finite() { (gain, offset) } else { (1.0, 0.0) };
        let level = move |v: P| ((f64::from(value(v)) - offset) / gain) as f32;
        let (fixed, moving) = (self.fixed.image()?, self.moving.image()?);
        let masks = [&self.fixed_mask, &self.moving_mask]
            .map(|mask| mask.as_ref().and_then(|mask| mask.image().ok()));
        let valid = |mask: Option<Image<'_, u8>>, x: usize, y: usize| {
            mask.is_none_or(|mask| mask.get(x, y).is_some_and(|v| v != 0))
        };
        let sampler = Sampler::new(Bilinear, Boundary::Replicate);
        let last = [self.moving.width - 1, self.moving.height - 1].map(|v| v as f64);
        let sample = |transform: &T, x: usize, y: usize| {
            let (u, v) = transform.apply(x as f64, y as f64);
            let inside = (0.0..=last[0]).contains(&u) && (0.0..=last[1]).contains(&v);
            let seen =
                inside && valid(masks[0], x, y) && valid(masks[1], u.round() as usize, v.round() as usize);
            let value = if seen { sampler.sample(moving, u, v) } else { None };
            value.map_or(f32::NAN, level)
        };
        let on_grid = |width: usize, height: usize, value: &dyn Fn(usize, usize) -> f32| {
            let step = width.max(height).div_ceil(picture::LARGEST);
            let columns = |y| (0..width).step_by(step).map(move |x| value(x, y));
            let values: Vec<f32> = (0..height).step_by(step).flat_map(columns).collect();
            (width.div_ceil(step), height.div_ceil(step), values)
        };
        let (w, h) = (fixed.width(), fixed.height());
        let (width, height, levels) =
            on_grid(w, h, &|x, y| fixed.get(x, y).map_or(f32::NAN, |v| value(v) as f32));
        let mut scene = Scene {
            width,
            height,
            fixed: levels,
            before: on_grid(w, h, &|x, y| sample(before, x, y)).2,
            after: on_grid(w, h, &|x, y| sample(after, x, y)).2,
            moving: on_grid(moving.width(), moving.height(), &|x, y| {
                moving.get(x, y).map_or(f32::NAN, level)
            }),
        };
        scene.stretch();
        Ok(scene)
    }
}

/// A grey level as a number.
fn value(v: impl Into<i32>) -> i32 {
    v.into()
}

/// The start of a model from the matrix of --init, which has to be one of the model's.
fn initial<T: Transform>(matrix: &Matrix, model: Model) -> Result<T, String> {
    let nearest = T::from_matrix(*matrix).map_err(|e| format!("--init: {e}"))?;
    // As typed: a rotation of a few digits is one.
    let close = nearest.matrix().iter().zip(matrix).enumerate().all(|(i, (a, b))| {
        let b = b / matrix[8];
        if i < 6 { (a - b).abs() <= 1e-3 } else { (a - b).abs() <= 1e-12 }
    });
    if close {
        return Ok(nearest);
    }
    Err(format!("--init: not a matrix of the model {}, which has no such freedom", model.name()))
}

/// A line on stderr for each level, if somebody is there to read it.
struct Monitor {
    terminal: bool,
    last: Option<Progress>,
}

impl Monitor {
    fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), last: None }
    }

    fn show(&mut self, progress: Progress) {
        if self.last.as_ref().is_some_and(|last| last.level != progress.level) {
            self.finish();
        }
        self.last = Some(progress);
    }

    fn finish(&mut self) {
        if let Some(p) = self.last.take()
            && self.terminal
        {
            let _ = writeln!(
                io::stderr(),
                "level {}/{}  {:>5} x {:<5}  {:>3} iterations  correlation {:.4}  last step {:.4} px",
                p.levels - p.level,
                p.levels,
                p.width,
                p.height,
                p.iteration,
                p.correlation,
                p.step,
            );
        }
    }
}

/// The result, of whatever model and depth.
struct Found {
    matrix: Matrix,
    status: Status,
    iterations: Vec<u16>,
    rms_residual: f64,
    correlation: f64,
    gain: f64,
    offset: f64,
    support: f64,
    covariance: Vec<f64>,
    time: Duration,
    warped: Encoded,
    scene: Scene,
}

impl Found {
    fn milliseconds(&self) -> f64 {
        self.time.as_secs_f64() * 1e3
    }

    /// One JSON object, its keys in the order of the help.
    fn json(&self, model: Model) -> String {
        let pairs = [
            ("model", json!(model.name())),
            ("fixed_to_moving", json!(self.matrix)),
            ("status", json!(self.status.name())),
            ("iterations", json!(self.iterations)),
            ("rms_residual", json!(self.rms_residual)),
            ("correlation", json!(self.correlation)),
            ("gain", json!(self.gain)),
            ("offset", json!(self.offset)),
            ("support", json!(self.support)),
            ("covariance", json!(self.covariance)),
            ("milliseconds", json!(self.milliseconds())),
        ];
        let pairs = pairs.map(|(key, value)| format!("\"{key}\": {value}"));
        format!("{{{}}}", pairs.join(", "))
    }

    /// For a reader.
    fn text(&self, title: &str, truth: Option<&Truth>, size: (usize, usize), written: &[PathBuf]) -> String {
        let mut text = format!("{title}\n\n");
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<13}{value}");
        };
        let iterations: Vec<String> = self.iterations.iter().map(u16::to_string).collect();
        line("status", self.status.to_string());
        line("iterations", format!("{} (coarse to fine)", iterations.join(" + ")));
        line("time", format!("{:.1} ms", self.milliseconds()));
        for (i, row) in self.matrix.chunks_exact(3).enumerate() {
            let row: Vec<String> = row.iter().map(|v| format!("{v:>14.8}")).collect();
            line(if i == 0 { "transform" } else { "" }, format!("[{} ]", row.join("")));
        }
        let known = |v: Option<f64>| v.map_or(String::new(), |v| format!(" (truth {v})"));
        line("gain", format!("{:.4}{}", self.gain, known(truth.map(|t| t.gain))));
        line("offset", format!("{:.2} grey levels{}", self.offset, known(truth.map(|t| t.offset))));
        line("correlation", format!("{:.5}", self.correlation));
        line("residual", format!("{:.3} grey levels (root mean square)", self.rms_residual));
        line("support", format!("{:.1} % of the fixed image", self.support * 100.0));
        if let Some(truth) = truth {
            let (rms, largest) = corner_error(&self.matrix, &truth.matrix, size);
            let words = format!("{rms:.4} px (root mean square), {largest:.4} px (largest)");
            line("error", format!("{words} at the four corners, against the truth"));
        }
        for (i, path) in written.iter().enumerate() {
            line(if i == 0 { "pictures" } else { "" }, path.display().to_string());
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// The pictures, ready to be written.
    fn files(self: &Found, model: Model) -> Result<Vec<Encoded>, String> {
        let pictures = self.scene.pictures();
        let title = format!("{}: {}, NCC {:.4}", model.name(), self.status.name(), self.correlation);
        let sheet = self.scene.sheet(&pictures, &title);
        let mut files = vec![file::encode_rgb("sheet.png", sheet.width, sheet.height, sheet.bytes())?];
        for p in &pictures {
            files.push(file::encode_rgb(p.name, p.canvas.width, p.canvas.height, p.canvas.bytes())?);
        }
        files.push(self.warped.clone());
        Ok(files)
    }
}

/// Root mean square and maximum, over the corners of the fixed image, of the distance between
/// their two images.
fn corner_error(found: &Matrix, truth: &Matrix, (width, height): (usize, usize)) -> (f64, f64) {
    let apply = |m: &Matrix, x: f64, y: f64| {
        let d = m[6] * x + m[7] * y + m[8];
        ((m[0] * x + m[1] * y + m[2]) / d, (m[3] * x + m[4] * y + m[5]) / d)
    };
    let (right, bottom) = (width as f64 - 1.0, height as f64 - 1.0);
    let squares = [(0.0, 0.0), (right, 0.0), (0.0, bottom), (right, bottom)].map(|(x, y)| {
        let ((u, v), (p, q)) = (apply(found, x, y), apply(truth, x, y));
        (u - p).powi(2) + (v - q).powi(2)
    });
    let largest = squares.into_iter().fold(0.0, f64::max);
    ((squares.iter().sum::<f64>() / 4.0).sqrt(), largest.sqrt())
}
