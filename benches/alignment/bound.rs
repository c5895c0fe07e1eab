//! The Cramer-Rao bound, bias over a pixel, and whether the covariance says how far off results are.

use nonius::align::Options;
use nonius::{Transform, Translation};

use crate::Request;
use crate::contest::{Model, Task, nonius, settings, with_model};
use crate::support::file::Plane;
use crate::support::synthetic::{Exposure, Random, Waves, random_warp, render};
use crate::table::{Cell, Table};

const WIDTH: usize = 160;
const HEIGHT: usize = 120;

/// What rounding to 8 bits adds to the variance of an image.
pub const ROUNDING: f64 = 1.0 / 12.0;

/// Standard deviations of the noise of fixed and moving.
const NOISES: [(f64, f64); 5] = [(0.0, 2.0), (0.0, 5.0), (0.0, 15.0), (5.0, 5.0), (8.0, 8.0)];

/// A scene as fixed, and after a transform as moving, without noise.
struct View {
    model: Model,
    fixed: Plane<f64>,
    moving: Plane<f64>,
    truth: nonius::transform::Matrix,
}

impl View {
    fn new<T: Transform>(model: Model, scene: &Waves, truth: &T) -> Self {
        let back = truth.invert().expect("a small warp");
        let moving = render(WIDTH, HEIGHT, |x, y| {
            let (x, y) = back.apply(x, y);
            scene.at(x, y)
        });
        Self { model, fixed: render(WIDTH, HEIGHT, |x, y| scene.at(x, y)), moving, truth: truth.matrix() }
    }

    fn task(&self, noise: (f64, f64), random: &mut Random) -> Task {
        Task {
            model: self.model,
            fixed: Exposure::noisy(noise.0).of(&self.fixed, random),
            moving: Exposure::noisy(noise.1).of(&self.moving, random),
            start: nonius::transform::IDENTITY,
            truth: self.truth,
        }
    }
}

fn variance((fixed, moving): (f64, f64)) -> f64 {
    fixed * fixed + moving * moving + 2.0 * ROUNDING
}

/// The Fisher information of a translation, gain and offset being unknown, times the noise's variance: the
/// summed outer products of the gradient less what the scene and a constant explain of it.
fn information(scene: &Waves, truth: &Translation) -> [f64; 3] {
    let mut gram = [[0.0; 4]; 4];
    for i in 0..WIDTH * HEIGHT {
        let (x, y) = ((i % WIDTH) as f64, (i / WIDTH) as f64);
        let (u, v) = truth.apply(x, y);
        if u < 0.0 || v < 0.0 || u > (WIDTH - 1) as f64 || v > (HEIGHT - 1) as f64 {
            continue;
        }
        let [gx, gy] = scene.gradient(x, y);
        let row = [scene.at(x, y), 1.0, gx, gy];
        for (gram, a) in gram.iter_mut().zip(row) {
            gram.iter_mut().zip(row).for_each(|(sum, b)| *sum += a * b);
        }
    }
    // Eliminate the first two.
    for k in 0..2 {
        let pivot = gram[k];
        for row in gram.iter_mut().skip(k + 1) {
            let part = row[k] / pivot[k];
            row.iter_mut().zip(pivot).for_each(|(v, p)| *v -= part * p);
        }
    }
    [gram[2][2], gram[2][3], gram[3][3]]
}

/// `e' C^-1 e` by Cholesky's factor of the covariance; none if it is not positive definite.
fn squared(covariance: &[&[f64]], error: &[f64]) -> Option<f64> {
    let n = error.len();
    let mut lower = vec![vec![0.0; n]; n];
    let mut solved = vec![0.0; n];
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let rest = covariance[i][j] - sum;
            lower[i][j] = if i == j { rest.sqrt() } else { rest / lower[j][j] };
        }
        if lower[i][i].is_nan() || lower[i][i] <= 0.0 {
            return None;
        }
        let sum: f64 = (0..i).map(|k| lower[i][k] * solved[k]).sum();
        solved[i] = (error[i] - sum) / lower[i][i];
    }
    Some(solved.iter().map(|v| v * v).sum())
}

fn seed(run: usize, cell: usize) -> Random {
    Random((run as u64) << 32 | (cell as u64) << 8 | 0x77)
}

/// The settings and noises of a table: what is summed up for each.
struct Sums<S>(Vec<(&'static str, Options, Vec<S>)>);

impl<S: Clone + Default> Sums<S> {
    fn new() -> Self {
        Self(
            settings()
                .into_iter()
                .map(|(name, options)| (name, options, vec![S::default(); NOISES.len()]))
                .collect(),
        )
    }

    /// Adds what comes of a view with every noise and setting.
    fn add(&mut self, view: &View, run: usize, mut found: impl FnMut(&Task, Options, (f64, f64), &mut S)) {
        for (cell, noise) in NOISES.into_iter().enumerate() {
            let task = view.task(noise, &mut seed(run, 1 + cell));
            for (_, options, sums) in &mut self.0 {
                found(&task, *options, noise, &mut sums[cell]);
            }
        }
    }

    /// A row for each.
    fn rows(&self, table: &mut Table, mut cells: impl FnMut(&S) -> Vec<Cell>) {
        for (name, _, sums) in &self.0 {
            for ((fixed, moving), sums) in NOISES.into_iter().zip(sums) {
                let mut row = vec![(*name).into(), Cell::Text(format!("{fixed} + {moving}"))];
                row.append(&mut cells(sums));
                table.rows.push(row);
            }
        }
    }
}

/// Squared errors of a translation relative to their bound.
fn efficiency(request: &Request, table: &mut Table) {
    let runs = request.runs(1000);
    let mut sums = Sums::<[f64; 3]>::new();
    for run in 0..runs {
        let mut random = seed(run, 0);
        let scene = Waves::new(&mut random);
        let [dx, dy] = [0; 2].map(|_| random.between(-2.0, 2.0));
        let truth = Translation::new(dx, dy).expect("a small shift");
        let [xx, xy, yy] = information(&scene, &truth);
        let view = View::new(Model::Translation, &scene, &truth);
        sums.add(&view, run, |task, options, noise, [relative, squares, bounds]| {
            let [x, y] = nonius::<Translation>(task, options).0.transform.parameters();
            let (x, y) = (x - dx, y - dy);
            *relative += (xx * x * x + 2.0 * xy * x * y + yy * y * y) / variance(noise) / 2.0;
            *squares += (x * x + y * y) / 2.0;
            *bounds += variance(noise) * (xx + yy) / (xx * yy - xy * xy) / 2.0;
        });
    }
    let n = runs as f64;
    sums.rows(table, |[relative, squares, bounds]| {
        vec![
            Cell::Number((squares / n).sqrt(), 5),
            Cell::Number((bounds / n).sqrt(), 5),
            Cell::Number(relative / n, 3),
            Cell::Number(1.0 / n.sqrt(), 3),
        ]
    });
}

/// How many runs there are at each phase of a pixel.
fn runs_of_a_phase(request: &Request) -> usize {
    (request.runs(1000) / 4).max(2)
}

/// The mean error at each of 16 phases of a pixel, on one scene.
fn bias(request: &Request, table: &mut Table) {
    let runs = runs_of_a_phase(request);
    let scene = Waves::new(&mut seed(0, 0));
    // The largest mean so far, its standard error, and where.
    let mut largest = Sums::<[f64; 3]>::new();
    for phase in 0..16 {
        let shift = f64::from(phase) / 16.0;
        let view =
            View::new(Model::Translation, &scene, &Translation::new(shift, shift).expect("a small shift"));
        let mut sums = Sums::<[[f64; 2]; 2]>::new();
        for run in 0..runs {
            sums.add(&view, 16 * run + phase as usize, |task, options, _, [sum, squares]| {
                let found = nonius::<Translation>(task, options).0.transform.parameters();
                for (i, v) in found.into_iter().enumerate() {
                    sum[i] += v - shift;
                    squares[i] += (v - shift) * (v - shift);
                }
            });
        }
        let n = runs as f64;
        for ((.., largest), (.., sums)) in largest.0.iter_mut().zip(&sums.0) {
            for (largest, [sum, squares]) in largest.iter_mut().zip(sums) {
                for (sum, squares) in sum.iter().zip(squares) {
                    let mean: f64 = sum / n;
                    let error = ((squares / n - mean * mean).max(0.0) / (n - 1.0)).sqrt();
                    if mean.abs() > largest[0].abs() {
                        *largest = [mean, error, shift];
                    }
                }
            }
        }
    }
    largest.rows(table, |&[mean, error, shift]| {
        vec![Cell::Number(mean, 5), Cell::Number(error, 5), Cell::Number(shift, 4)]
    });
}

/// Errors normalised by the reported covariance.
fn calibration<T: Transform>(request: &Request, model: Model, table: &mut Table) {
    let runs = request.runs(1000);
    // The sum, and of how many.
    let mut sums = Sums::<[f64; 2]>::new();
    let freedom = T::IDENTITY.parameters().as_ref().len() as f64;
    for run in 0..runs {
        let mut random = seed(run, 16 + model as usize);
        let scene = Waves::new(&mut random);
        let truth: T = random_warp(WIDTH, HEIGHT, 2.0, &mut random);
        let parameters = truth.parameters();
        sums.add(&View::new(model, &scene, &truth), run, |task, options, _, [sum, counted]| {
            let (report, covariance, _) = nonius::<T>(task, options);
            let found = report.transform.parameters();
            let error: Vec<f64> =
                found.as_ref().iter().zip(parameters.as_ref()).map(|(a, b)| a - b).collect();
            let rows = covariance.as_ref().map(|rows| rows.as_ref().iter().map(|row| row.as_ref()));
            if let Some(v) = rows.and_then(|rows| squared(&rows.collect::<Vec<&[f64]>>(), &error)) {
                *sum += v;
                *counted += 1.0;
            }
        });
    }
    sums.rows(table, |&[sum, counted]| {
        let n = counted.max(1.0);
        vec![
            model.name().into(),
            Cell::Number(sum / n / freedom, 3),
            Cell::Number((2.0 / freedom / n).sqrt(), 3),
            Cell::Number(counted, 0),
        ]
    });
}

pub fn tables(request: &Request) -> Result<Vec<Table>, String> {
    let runs = request.runs(1000);
    let mut bound = Table::new(
        "bound",
        format!(
            "Translations of {WIDTH}x{HEIGHT} scenes in closed form, noise of fixed + moving in grey levels: error along \
             an axis, its Cramer-Rao bound (px), and the mean squared error relative to the bound, of {runs} runs."
        ),
        &["setting", "noise", "RMS error", "bound", "relative", "standard error"],
    );
    let mut phase = Table::new(
        "bias",
        format!(
            "The largest mean error at 16 phases of a pixel, {} runs each, in px.",
            runs_of_a_phase(request)
        ),
        &["setting", "noise", "bias", "standard error", "at"],
    );
    let mut covariance = Table::new(
        "covariance",
        format!(
            "The error's chi-square by the reported covariance, relative to its degrees of freedom, of {runs} runs."
        ),
        &["setting", "noise", "model", "relative", "standard error", "runs that report one"],
    );
    if request.wants("efficiency") {
        efficiency(request, &mut bound);
    }
    if request.wants("bias") {
        bias(request, &mut phase);
    }
    for model in Model::ALL {
        if request.wants(&format!("covariance {}", model.name())) {
            with_model!(model, T => calibration::<T>(request, model, &mut covariance));
        }
    }
    Ok(vec![bound, phase, covariance].into_iter().filter(|t| !t.rows.is_empty()).collect())
}
