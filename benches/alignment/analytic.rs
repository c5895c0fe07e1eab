//! A scene in closed form, of which both images are samples: no interpolation takes part in it.

use nonius::transform::Matrix;
use nonius::{Affine, Transform};

use crate::Request;
use crate::contest::{Contest, Model, Results, Task, quantile};
use crate::support::synthetic::{Exposure, Random, Waves, corners, render};
use crate::table::{Cell, Table};

const SIDE: usize = 200;

fn task(model: Model, random: &mut Random) -> Option<Task> {
    let scene = Waves::new(random);
    let mut linear = [0.0; 4];
    if model == Model::Affine {
        // Half a pixel at the edges.
        linear = [0; 4].map(|_| random.between(-0.005, 0.005));
    }
    let [dx, dy] = [0; 2].map(|_| random.between(-0.5, 0.5));
    let [a, b, c, d] = linear;
    let middle = (SIDE - 1) as f64 / 2.0;
    let truth =
        Affine::from_parameters([1.0 + a, b, dx - (a + b) * middle, c, 1.0 + d, dy - (c + d) * middle])
            .ok()?;
    let back = truth.invert().ok()?;
    let moving = render(SIDE, SIDE, |x, y| {
        let (x, y) = back.apply(x, y);
        scene.at(x, y)
    });
    Some(Task {
        model,
        fixed: Exposure::CLEAN.of(&render(SIDE, SIDE, |x, y| scene.at(x, y)), random),
        moving: Exposure::CLEAN.of(&moving, random),
        start: nonius::transform::IDENTITY,
        truth: truth.matrix(),
    })
}

/// By how much a found scale is too large, as the square root of the area's ratio.
fn scale_error(found: &Matrix, truth: &Matrix) -> f64 {
    let area = |m: &Matrix| m[0] * m[4] - m[1] * m[3];
    (area(found) / area(truth)).sqrt() - 1.0
}

pub fn tables(request: &Request, contest: &mut Contest) -> Result<Vec<Table>, String> {
    let runs = request.runs(200);
    let caption = format!(
        "RMS error at the corners of {SIDE}x{SIDE} pixels in px, and the mean of the found scale relative to the true \
         one, over {runs} scenes."
    );
    let columns = ["model", "contestant", "median", "95 %", "largest", "scale - 1", "standard error"];
    let mut table = Table::new("analytic", caption, &columns);
    let points = corners(SIDE, SIDE);
    for model in [Model::Translation, Model::Affine] {
        if !request.wants(model.name()) {
            continue;
        }
        let mut results = vec![(Results::default(), Vec::new()); contest.contestants.len()];
        for run in 0..runs {
            let mut random = Random((run as u64) << 32 | model as u64);
            let Some(task) = task(model, &mut random) else { continue };
            for ((results, scales), outcome) in results.iter_mut().zip(contest.run(&task)?) {
                if let Some(outcome) = outcome {
                    results.add(&outcome, &task, &points);
                    scales.push(scale_error(&outcome.matrix, &task.truth));
                }
            }
        }
        for (contestant, (results, scales)) in contest.contestants.iter().zip(results) {
            if scales.is_empty() {
                continue;
            }
            let mut row: Vec<Cell> = vec![model.name().into(), contestant.name().into()];
            row.extend([0.5, 0.95, 1.0].map(|part| Cell::Number(quantile(&results.errors, part), 5)));
            if model == Model::Affine {
                let n = scales.len() as f64;
                let mean = scales.iter().sum::<f64>() / n;
                let variance =
                    scales.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / (n - 1.0).max(1.0);
                row.extend([mean, (variance / n).sqrt()].map(|v| Cell::Text(format!("{v:.1e}"))));
            } else {
                row.extend([Cell::Absent, Cell::Absent]);
            }
            table.rows.push(row);
        }
    }
    Ok(vec![table])
}
