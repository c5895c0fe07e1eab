//! Photographs under random warps, noise, gain and offset.

use nonius::Transform;

use crate::contest::{Contest, Model, Results, Task, median, with_model};
use crate::support::file::Plane;
use crate::support::synthetic::{Exposure, Random, Spline, corners, random_warp, render};
use crate::table::{Cell, Table};
use crate::{Request, photograph};

/// Width, height, photograph pixels per pixel, and the displacement of the corners.
const SIZES: [(usize, usize, f64, f64); 2] = [(160, 120, 0.8, 6.0), (640, 480, 0.5, 16.0)];

const EXPOSURES: [(&str, Exposure); 3] = [
    ("clean", Exposure::CLEAN),
    ("noise 15", Exposure::noisy(15.0)),
    ("noise 5, gain 0.8, offset +20", Exposure { gain: 0.8, offset: 20.0, noise: 5.0 }),
];

/// Standard deviation of the blur before the spline, in photograph pixels.
const BLUR: f64 = 0.8;

/// The least information of a view along any direction: square root of the summed squares of the
/// gradient. Noise of 15 grey levels leaves 15/400 px.
const TEXTURE: f64 = 400.0;

/// The photographs as functions of continuous coordinates.
fn photographs() -> Result<Vec<(Plane<u8>, Spline)>, String> {
    let names = ["camera_512x512.png", "coins_384x303.png", "retina_green_470x470.png"];
    let load = |name| photograph(name).map(|p| (Spline::blurred(&p, BLUR), p)).map(|(spline, p)| (p, spline));
    names.into_iter().map(load).collect()
}

fn texture(image: &Plane<f64>) -> f64 {
    let at = |x: usize, y: usize| image.data[y * image.width + x];
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for y in 1..image.height - 1 {
        for x in 1..image.width - 1 {
            let (gx, gy) = ((at(x + 1, y) - at(x - 1, y)) / 2.0, (at(x, y + 1) - at(x, y - 1)) / 2.0);
            (xx, xy, yy) = (xx + gx * gx, xy + gx * gy, yy + gy * gy);
        }
    }
    // The smaller eigenvalue.
    ((xx + yy) / 2.0 - ((xx - yy) / 2.0).hypot(xy)).max(0.0).sqrt()
}

/// One task: a view of a photograph, and the same after a random warp.
fn task<T: Transform>(
    photographs: &[(Plane<u8>, Spline)],
    (model, size, exposure): (Model, (usize, usize, f64, f64), Exposure),
    random: &mut Random,
) -> Task {
    let (width, height, scale, rms) = size;
    loop {
        let (photograph, spline) =
            &photographs[(random.uniform() * photographs.len() as f64) as usize % photographs.len()];
        let mut origin = |side: usize, view: usize| {
            random.between(0.0, ((side - 1) as f64 - scale * (view - 1) as f64).max(0.0))
        };
        let (x0, y0) = (origin(photograph.width, width), origin(photograph.height, height));
        let scene = |x: f64, y: f64| spline.at(x0 + scale * x, y0 + scale * y);
        let fixed = render(width, height, scene);
        if texture(&fixed) < TEXTURE {
            continue;
        }
        let truth: T = random_warp(width, height, rms, random);
        let Ok(back) = truth.invert() else { continue };
        let moving = render(width, height, |x, y| {
            let (x, y) = back.apply(x, y);
            scene(x, y)
        });
        return Task {
            model,
            fixed: Exposure::CLEAN.of(&fixed, random),
            moving: exposure.of(&moving, random),
            start: nonius::transform::IDENTITY,
            truth: truth.matrix(),
        };
    }
}

/// Hides a fifth of an image, in its middle, behind what it shows on the opposite side, upside down.
fn cover(image: &mut Plane<u8>) {
    let (width, height) = (image.width, image.height);
    let whole = image.data.clone();
    for y in height / 4..height - height / 4 {
        for x in 3 * width / 10..width - 3 * width / 10 {
            image.data[y * width + x] = whole[whole.len() - 1 - (y * width + x)];
        }
    }
}

/// What everybody made of some random warps.
fn results(
    photographs: &[(Plane<u8>, Spline)],
    cell: (Model, (usize, usize, f64, f64), Exposure),
    covered: bool,
    runs: usize,
    contest: &mut Contest,
) -> Result<Vec<Results>, String> {
    let (model, (width, height, ..), _) = cell;
    let points = corners(width, height);
    let mut results = vec![Results::default(); contest.contestants.len()];
    for run in 0..runs {
        // The same warps and views for every exposure.
        let mut random = Random((run as u64) << 32 | (width as u64) << 8 | model as u64);
        let mut task = with_model!(model, T => task::<T>(photographs, cell, &mut random));
        if covered {
            cover(&mut task.moving);
        }
        for (results, outcome) in results.iter_mut().zip(contest.run(&task)?) {
            outcome.inspect(|outcome| results.add(outcome, &task, &points));
        }
    }
    Ok(results)
}

pub fn tables(request: &Request, contest: &mut Contest) -> Result<Vec<Table>, String> {
    let runs = request.runs(50);
    let photographs = photographs()?;
    let mut columns = vec!["size, model", "images"];
    columns.extend(contest.contestants.iter().map(|c| c.name()));
    let caption = format!(
        "Success within 1 px / median corner error in px / median processor time in ms, of {runs} random warps."
    );
    let mut table = Table::new("real", caption, &columns);
    for size in SIZES {
        let (width, height, ..) = size;
        for model in Model::ALL {
            for (images, exposure) in EXPOSURES {
                let name = format!("{width}x{height} {}", model.name());
                if !request.wants(&format!("{name} {images}")) {
                    continue;
                }
                let results = results(&photographs, (model, size, exposure), false, runs, contest)?;
                let mut row: Vec<Cell> = vec![name.as_str().into(), images.into()];
                row.extend(results.iter().map(|r| r.score(median)));
                eprintln!("{}", row.iter().map(Cell::text).collect::<Vec<_>>().join(" | "));
                table.rows.push(row);
            }
        }
    }
    Ok(vec![table])
}

/// What each setting costs and brings: a row for each, some kinds of images side by side.
pub fn settings(request: &Request, contest: &mut Contest) -> Result<Vec<Table>, String> {
    let runs = request.runs(50);
    let photographs = photographs()?;
    let caption = format!(
        "Success within 1 px / median corner error in px / median processor time in ms, of {runs} random warps with a \
         noise of 5 grey levels."
    );
    let mut columns = vec!["setting".to_owned()];
    let mut rows: Vec<Vec<Cell>> = contest.contestants.iter().map(|c| vec![c.name().into()]).collect();
    for (size, model) in [(SIZES[0], Model::Affine), (SIZES[0], Model::Homography), (SIZES[1], Model::Affine)]
    {
        for (covered, words) in [(false, ""), (true, ", a fifth covered")] {
            let name = format!("{}x{} {}{words}", size.0, size.1, model.name());
            if !request.wants(&name) {
                continue;
            }
            let cell = (model, size, Exposure::noisy(5.0));
            let results = results(&photographs, cell, covered, runs, contest)?;
            for (row, results) in rows.iter_mut().zip(results) {
                row.push(results.score(median));
            }
            eprintln!("{name}");
            columns.push(name);
        }
    }
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    Ok(vec![Table { rows, ..Table::new("settings", caption, &columns) }])
}
