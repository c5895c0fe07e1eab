//! Starts away from the truth by randomly moved points (Baker and Matthews 2004, section 3.4).

use nonius::transform::Matrix;

use crate::bound::ROUNDING;
use crate::contest::{Contest, Model, Results, Task, rms};
use crate::support::file::Plane;
use crate::support::synthetic::{Exposure, Random, render};
use crate::table::{Cell, Table};
use crate::{Request, photograph};

/// Side of the template, and where it is in the photograph when nothing is perturbed.
const SIDE: usize = 100;
const AT: (f64, f64) = (206.0, 206.0);

/// Of how many runs the bound is computed.
const BOUNDS: usize = 100;

/// The points that are moved: three for an affine transform, the corners for a homography.
fn points(model: Model) -> Vec<(f64, f64)> {
    let last = (SIDE - 1) as f64;
    match model {
        Model::Homography => vec![(0.0, 0.0), (last, 0.0), (0.0, last), (last, last)],
        _ => vec![(0.0, last), (last, last), (last / 2.0, 0.0)],
    }
}

/// Solves a system, the rows of which end with their right-hand sides, in their place. None if it is singular.
fn solve(system: &mut [Vec<f64>]) -> Option<()> {
    // Gauss and Jordan, with the largest pivot of each column.
    let n = system.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|&a, &b| system[a][k].abs().total_cmp(&system[b][k].abs()))?;
        system.swap(k, pivot);
        let scale = system[k][k];
        if scale == 0.0 {
            return None;
        }
        system[k].iter_mut().for_each(|v| *v /= scale);
        let row = system[k].clone();
        for (i, other) in system.iter_mut().enumerate() {
            let part = other[k];
            if i != k {
                other.iter_mut().zip(&row).for_each(|(v, w)| *v -= part * w);
            }
        }
    }
    Some(())
}

/// The transform that moves points to others: 3 (affine) or 4 (homography).
fn fitted(from: &[(f64, f64)], to: &[(f64, f64)]) -> Option<Matrix> {
    let n = 2 * from.len();
    let mut system = vec![vec![0.0; n + 1]; n];
    for (i, (&(x, y), &(u, v))) in from.iter().zip(to).enumerate() {
        for (row, t, offset) in [(2 * i, u, 0), (2 * i + 1, v, 3)] {
            system[row][offset..offset + 3].copy_from_slice(&[x, y, 1.0]);
            if n == 8 {
                system[row][6..8].copy_from_slice(&[-x * t, -y * t]);
            }
            system[row][n] = t;
        }
    }
    solve(&mut system)?;
    let mut matrix = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    for (entry, row) in matrix.iter_mut().zip(&system) {
        *entry = row[n];
    }
    Some(matrix)
}

/// Where a transform sends a position, and the derivatives of that along x and y by the transform's first entries.
fn project(matrix: &Matrix, n: usize, x: f64, y: f64) -> ([f64; 2], [Vec<f64>; 2]) {
    let d = matrix[6] * x + matrix[7] * y + matrix[8];
    let [u, v] = [0, 3].map(|i| (matrix[i] * x + matrix[i + 1] * y + matrix[i + 2]) / d);
    let rows = [
        [x / d, y / d, 1.0 / d, 0.0, 0.0, 0.0, -x * u / d, -y * u / d],
        [0.0, 0.0, 0.0, x / d, y / d, 1.0 / d, -x * v / d, -y * v / d],
    ];
    ([u, v], rows.map(|row| row[..n].to_vec()))
}

/// The taps of bilinear interpolation that are inside, outside 0: index, weight, and its derivatives.
fn taps(image: &Plane<u8>, x: f64, y: f64) -> impl Iterator<Item = (usize, [f64; 3])> {
    let (i, j) = (x.floor(), y.floor());
    let (f, g) = (x - i, y - j);
    let (width, height) = (image.width, image.height);
    [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].into_iter().filter_map(move |(k, l)| {
        let inside = i + k >= 0.0 && j + l >= 0.0 && i + k < width as f64 && j + l < height as f64;
        let along = |part: f64, far: f64| if far > 0.0 { (part, 1.0) } else { (1.0 - part, -1.0) };
        let ((a, da), (b, db)) = (along(f, k), along(g, l));
        inside.then(|| ((j + l) as usize * width + (i + k) as usize, [a * b, da * b, a * db]))
    })
}

/// Bilinear, 0 outside.
fn bilinear(image: &Plane<u8>, x: f64, y: f64) -> f64 {
    taps(image, x, y).map(|(i, [weight, ..])| weight * f64::from(image.data[i])).sum()
}

/// The Cramer-Rao bound of the mean square error of the points, when noise of this variance is on all pixels of
/// both images, and the scene, gain and offset are unknown: the inverse of `J' (1 + A A')^-1 J / variance`, where A
/// interpolates and J are the derivatives of the template.
fn bound(photograph: &Plane<u8>, model: Model, truth: &Matrix, variance: f64) -> Option<f64> {
    let points = points(model);
    let n = 2 * points.len();
    let positions = || (0..SIDE * SIDE).map(|i| ((i % SIDE) as f64, (i / SIDE) as f64));
    let mut weights = Vec::new();
    let mut columns = vec![Vec::new(); n + 2];
    for (x, y) in positions() {
        let ([u, v], derivatives) = project(truth, n, x, y);
        let taps: Vec<_> = taps(photograph, u, v).collect();
        let [value, gx, gy] =
            [0, 1, 2].map(|k| taps.iter().map(|(i, w)| w[k] * f64::from(photograph.data[*i])).sum::<f64>());
        for (k, column) in columns.iter_mut().enumerate() {
            let of_warp = |k: usize| gx * derivatives[0][k] + gy * derivatives[1][k];
            column.push(if k < n { of_warp(k) } else { [value, 1.0][k - n] });
        }
        weights.push(taps.into_iter().map(|(i, [weight, ..])| (i, weight)).collect::<Vec<_>>());
    }
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut scene = vec![0.0; photograph.data.len()];
    let mut covariance = |v: &[f64]| -> Vec<f64> {
        scene.fill(0.0);
        for (taps, v) in weights.iter().zip(v) {
            taps.iter().for_each(|(i, weight)| scene[*i] += weight * v);
        }
        let sums = weights.iter().map(|taps| taps.iter().map(|(i, weight)| weight * scene[*i]).sum::<f64>());
        sums.zip(v).map(|(sum, v)| (sum + v) * variance).collect()
    };
    // Conjugate gradients.
    let solved: Vec<Vec<f64>> = columns
        .iter()
        .map(|column| {
            let (mut solution, mut rest) = (vec![0.0; column.len()], column.clone());
            let mut direction = rest.clone();
            let mut square = product(&rest, &rest);
            let enough = square * 1e-16;
            while square > enough {
                let image = covariance(&direction);
                let step = square / product(&direction, &image);
                solution.iter_mut().zip(&direction).for_each(|(v, d)| *v += step * d);
                rest.iter_mut().zip(&image).for_each(|(v, d)| *v -= step * d);
                let before = std::mem::replace(&mut square, product(&rest, &rest));
                direction.iter_mut().zip(&rest).for_each(|(d, r)| *d = r + square / before * *d);
            }
            solution
        })
        .collect();
    let moves: Vec<Vec<f64>> = points.iter().flat_map(|&(x, y)| project(truth, n, x, y).1).collect();
    let mut system: Vec<Vec<f64>> = (0..n + 2)
        .map(|i| {
            let information = solved.iter().map(|solved| product(&columns[i], solved));
            information.chain(moves.iter().map(|row| row.get(i).copied().unwrap_or(0.0))).collect()
        })
        .collect();
    solve(&mut system)?;
    let of_point = |k: usize| (0..n).map(|i| moves[k][i] * system[i][n + 2 + k]).sum::<f64>();
    Some((0..n).map(of_point).sum::<f64>() / points.len() as f64)
}

fn task(photograph: &Plane<u8>, model: Model, sigma: f64, noise: f64, random: &mut Random) -> Option<Task> {
    let from = points(model);
    let to: Vec<_> = from
        .iter()
        .map(|(x, y)| (AT.0 + x + sigma * random.normal(), AT.1 + y + sigma * random.normal()))
        .collect();
    let truth = fitted(&from, &to)?;
    let template = render(SIDE, SIDE, |x, y| {
        let ([u, v], _) = project(&truth, 0, x, y);
        bilinear(photograph, u, v)
    });
    let exposure = Exposure::noisy(noise);
    let whole = Plane {
        width: photograph.width,
        height: photograph.height,
        data: photograph.data.iter().map(|&v| f64::from(v)).collect(),
    };
    Some(Task {
        model,
        fixed: exposure.of(&template, random),
        moving: exposure.of(&whole, random),
        start: [1.0, 0.0, AT.0 + 0.5, 0.0, 1.0, AT.1 + 0.5, 0.0, 0.0, 1.0],
        truth,
    })
}

pub fn tables(request: &Request, contest: &mut Contest) -> Result<Vec<Table>, String> {
    let runs = request.runs(1000);
    let photograph = photograph("camera_512x512.png")?;
    let mut columns = vec!["model", "noise", "sigma", "bound"];
    columns.extend(contest.contestants.iter().map(|c| c.name()));
    let caption = format!(
        "Converged within 1 px RMS of the points / RMS in px of those that did (mean square, then root) / median \
         processor time in ms, of {runs} runs. Bound: the Cramer-Rao bound of that RMS, of the first {} of them.",
        runs.min(BOUNDS)
    );
    let mut table = Table::new("perturbed", caption, &columns);
    for model in [Model::Affine, Model::Homography] {
        let points = points(model);
        for (noise, words) in [(0.0, "none"), (8.0, "8+8")] {
            for sigma in [1.0, 2.0, 4.0, 6.0, 8.0, 10.0] {
                let name = format!("{} noise {words} sigma {sigma}", model.name());
                if !request.wants(&name) {
                    continue;
                }
                let (mut bounds, mut bounded) = (0.0, 0);
                let mut results = vec![Results::default(); contest.contestants.len()];
                for run in 0..runs {
                    // The same directions for every sigma and noise.
                    let mut random = Random((run as u64) << 32 | model as u64);
                    let Some(task) = task(&photograph, model, sigma, noise, &mut random) else { continue };
                    if run < BOUNDS
                        && let Some(bound) = bound(&photograph, model, &task.truth, noise * noise + ROUNDING)
                    {
                        bounds += bound;
                        bounded += 1;
                    }
                    for (results, outcome) in results.iter_mut().zip(contest.run(&task)?) {
                        outcome.inspect(|outcome| results.add(outcome, &task, &points));
                    }
                }
                let near =
                    |errors: &[f64]| rms(&errors.iter().copied().filter(|e| *e <= 1.0).collect::<Vec<_>>());
                let mut row: Vec<Cell> = vec![model.name().into(), words.into(), Cell::Number(sigma, 0)];
                row.push(Cell::Number((bounds / f64::from(bounded)).sqrt(), 4));
                row.extend(results.iter().map(|r| r.score(near)));
                eprintln!("{}", row.iter().map(Cell::text).collect::<Vec<_>>().join(" | "));
                table.rows.push(row);
            }
        }
    }
    Ok(vec![table])
}
