//! Starts away from the truth by randomly moved points (Baker and Matthews 2004, section 3.4).

use nonius::transform::Matrix;

use crate::contest::{Contest, Model, Results, Task};
use crate::support::file::Plane;
use crate::support::synthetic::{Exposure, Random, render};
use crate::table::{Cell, Table};
use crate::{Request, photograph};

/// Side of the template, and where it is in the photograph when nothing is perturbed.
const SIDE: usize = 100;
const AT: (f64, f64) = (206.0, 206.0);

/// The points that are moved: three for an affine transform, the corners for a homography.
fn points(model: Model) -> Vec<(f64, f64)> {
    let last = (SIDE - 1) as f64;
    match model {
        Model::Homography => vec![(0.0, 0.0), (last, 0.0), (0.0, last), (last, last)],
        _ => vec![(0.0, last), (last, last), (last / 2.0, 0.0)],
    }
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
    // Gauss and Jordan, with the largest pivot of each column.
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
    let mut matrix = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    for (entry, row) in matrix.iter_mut().zip(&system) {
        *entry = row[n];
    }
    Some(matrix)
}

/// Bilinear, 0 outside.
fn bilinear(image: &Plane<u8>, x: f64, y: f64) -> f64 {
    let (i, j) = (x.floor(), y.floor());
    let at = |i: f64, j: f64| {
        let inside = i >= 0.0 && j >= 0.0 && i < image.width as f64 && j < image.height as f64;
        if inside { f64::from(image.data[j as usize * image.width + i as usize]) } else { 0.0 }
    };
    let (f, g) = (x - i, y - j);
    (1.0 - g) * ((1.0 - f) * at(i, j) + f * at(i + 1.0, j))
        + g * ((1.0 - f) * at(i, j + 1.0) + f * at(i + 1.0, j + 1.0))
}

fn task(photograph: &Plane<u8>, model: Model, sigma: f64, noise: f64, random: &mut Random) -> Option<Task> {
    let from = points(model);
    let to: Vec<_> = from
        .iter()
        .map(|(x, y)| (AT.0 + x + sigma * random.normal(), AT.1 + y + sigma * random.normal()))
        .collect();
    let truth = fitted(&from, &to)?;
    let template = render(SIDE, SIDE, |x, y| {
        let d = truth[6] * x + truth[7] * y + truth[8];
        let u = (truth[0] * x + truth[1] * y + truth[2]) / d;
        let v = (truth[3] * x + truth[4] * y + truth[5]) / d;
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
    let mut columns = vec!["model", "noise", "sigma"];
    columns.extend(contest.contestants.iter().map(|c| c.name()));
    let caption = format!(
        "Converged within 1 px RMS of the points / RMS in px of those that did (mean square, then root) / median \
         processor time in ms, of {runs} runs."
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
                let mut results = vec![Results::default(); contest.contestants.len()];
                for run in 0..runs {
                    // The same directions for every sigma and noise.
                    let mut random = Random((run as u64) << 32 | model as u64);
                    let Some(task) = task(&photograph, model, sigma, noise, &mut random) else { continue };
                    for (results, outcome) in results.iter_mut().zip(contest.run(&task)?) {
                        outcome.inspect(|outcome| results.add(outcome, &task, &points));
                    }
                }
                let rms = |errors: &[f64]| {
                    let near = errors.iter().filter(|e| **e <= 1.0);
                    (near.clone().map(|e| e * e).sum::<f64>() / near.count() as f64).sqrt()
                };
                let mut row: Vec<Cell> = vec![model.name().into(), words.into(), Cell::Number(sigma, 0)];
                row.extend(results.iter().map(|r| r.score(rms)));
                eprintln!("{}", row.iter().map(Cell::text).collect::<Vec<_>>().join(" | "));
                table.rows.push(row);
            }
        }
    }
    Ok(vec![table])
}
