//! Real pairs from elsewhere, whose truth or whose best known result is known.
//!
//! They are not in the repository. Each folder has a `pairs.json`: the truth, with starts or none, or what
//! another aligner has found (`reference`); and one has points that were tracked in windows. (Those of 16 bits, which
//! would take as long to compile as all else here, are aligned by `tests/registration.rs` only.)

use std::path::Path;

use nonius::Transform;
use nonius::align::{Options, Robust};
use nonius::transform::{IDENTITY, Matrix};
use serde_json::Value;

use crate::Request;
use crate::contest::{self, Model, Task, mean, median, nonius, with_model};
use crate::support::file::{self, Grey, Plane};
use crate::support::synthetic::corners;
use crate::table::{Cell, Table};

/// An exact truth is met within so many pixels.
const EXACT: f64 = 0.05;
/// Points that were tracked: within how many pixels of there, in which file, and the side of the windows.
const TRACKED: f64 = 0.5;
const POINTS: &str = "points_9x9.json";
const WINDOW: usize = 9;

/// A folder, how its pairs are aligned, and by how much less than the reference's a correlation may be.
struct Set {
    folder: &'static str,
    words: &'static str,
    options: Options,
    slack: f64,
}

fn sets() -> [Set; 8] {
    let usual = Options::default();
    let set = |folder, words, options, slack| Set { folder, words, options, slack };
    // What is compared is a correlation, so it is what has to grow.
    let monotone = Options { monotone: true, ..usual };
    // The logo fills a third of the picture's height: at a fifth level there is nothing left of it.
    let turned = Options { levels: Some(4), rotation: 45_f64.to_radians(), ..usual };
    // The street, the sky and the houses behind are not in the plane of the mural.
    let tukey = Options { search: 0.0, robust: Robust::Tukey, ..usual };
    // A window has little contrast to tell gain and offset by, and points move by up to its side.
    let windows = Options { search: 0.75, gain_and_offset: false, ..usual };
    [
        set("itk_brain_slices", "default", usual, 0.0),
        set("imreg_dft_logo", "rotation 45 degrees, 4 levels", turned, 0.0),
        set("ants_brain_slices", "monotone", monotone, 0.01),
        set("visp_camera_sequence", "monotone", monotone, 0.005),
        set("small_frames_160x120", "monotone", monotone, 0.01),
        set("small_frames_64x64", "monotone", monotone, 0.01),
        set("hpatches_v_dogman", "Tukey, no search", tukey, 0.0),
        set("openvx_corridor", "same exposure, search 0.75", windows, 0.0),
    ]
}

/// One alignment, in the row of the table that its name and model say.
struct Case {
    name: String,
    task: Task,
    good: Good,
}

/// When a result is good.
#[derive(Clone, Copy)]
enum Good {
    /// When its corners are not farther from the truth, on average.
    Within(f64),
    /// When it correlates as well as this reference.
    AsWellAs(f64),
}

/// The numbers of a matrix in rows.
fn matrix(value: &Value) -> Result<Matrix, String> {
    let rows = value.as_array().into_iter().flatten().filter_map(Value::as_array).flatten();
    let entries: Vec<f64> = rows.filter_map(Value::as_f64).collect();
    entries.try_into().map_err(|_| "a matrix is missing".to_owned())
}

fn json(path: &Path) -> Result<Value, String> {
    let text =
        std::fs::read_to_string(path).map_err(|e| format!("{}: {}", path.display(), file::reason(&e)))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Grey levels of 8 bits.
fn image(folder: &Path, name: &Value) -> Result<Plane<u8>, String> {
    let path = folder.join(name.as_str().unwrap_or_default());
    match file::read(&path)? {
        Grey::U8(plane) => Ok(plane),
        Grey::U16(_) => Err(format!("{}: 8 bits are expected", path.display())),
    }
}

/// The pairs of a folder: by the truth where there is one, and by each model of the reference where not.
fn cases(set: &Set, folder: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for pair in json(&folder.join("pairs.json"))?["pairs"].as_array().into_iter().flatten() {
        let (fixed, moving) = (image(folder, &pair["fixed"])?, image(folder, &pair["moving"])?);
        let case = |name: &str, model, start, truth: &Value, good| {
            let (name, fixed, moving) = (format!("{}{name}", set.folder), fixed.clone(), moving.clone());
            let task = |truth| Task { model, fixed, moving, start, truth };
            Ok::<_, String>(Case { name, task: task(matrix(truth)?), good })
        };
        for model in Model::ALL {
            let word = if model == Model::Euclidean { "rigid".into() } else { model.name().to_lowercase() };
            let reference = &pair["reference"][&word];
            if let Some(ncc) = reference["check"]["ncc"].as_f64() {
                let good = Good::AsWellAs(ncc);
                cases.push(case("", model, IDENTITY, &reference["fixed_to_moving"], good)?);
            }
            if pair["model"] != word {
                continue;
            }
            let name = format!(" {}", pair["name"].as_str().unwrap_or_default());
            let (truth, good) = (&pair["fixed_to_moving"], Good::Within(within(pair, &fixed)));
            let Some(starts) = pair["starts"].as_array() else {
                cases.push(case(&name, model, IDENTITY, truth, good)?);
                continue;
            };
            for start in starts {
                let name = format!("{name}, sigma {}", start["sigma_px"]);
                cases.push(case(&name, model, matrix(&start["fixed_to_moving_start"])?, truth, good)?);
            }
        }
    }
    Ok(cases)
}

/// How far from the published truth of a pair corners may be: as far as it is known.
fn within(pair: &Value, fixed: &Plane<u8>) -> f64 {
    let known = |key: &str| pair["uncertainty"][key].as_f64().unwrap_or(0.0);
    let diagonal = (fixed.width as f64).hypot(fixed.height as f64);
    let turned = diagonal * (known("angle_deg").to_radians() + known("scale"));
    known("corner_px").max(turned + known("translation_px")).max(EXACT)
}

/// Points of one frame, each in a window of its own, to be found in the next frame.
fn points(set: &Set, folder: &Path) -> Result<Vec<Case>, String> {
    let json = json(&folder.join(POINTS))?;
    let (frame, moving) = (image(folder, &json["fixed"])?, image(folder, &json["moving"])?);
    let mut cases = Vec::new();
    for point in json["points"].as_array().into_iter().flatten().filter(|point| point["status"] == 1) {
        let at = |key: &str| [0, 1].map(|i| point[key][i].as_f64().unwrap_or(f64::NAN) - (WINDOW / 2) as f64);
        let shift = |[x, y]: [f64; 2]| [1.0, 0.0, x, 0.0, 1.0, y, 0.0, 0.0, 1.0];
        // (Some windows are cut by the border.)
        let [left, top] = at("from_xy");
        if left < 0.0 || top < 0.0 {
            continue;
        }
        let rows = frame.data.chunks_exact(frame.width).skip(top as usize).take(WINDOW);
        let data: Vec<u8> =
            rows.flat_map(|row| row.iter().skip(left as usize).take(WINDOW)).copied().collect();
        if data.len() < WINDOW * WINDOW {
            continue;
        }
        let task = Task {
            model: Model::Translation,
            fixed: Plane { width: WINDOW, height: WINDOW, data },
            moving: moving.clone(),
            start: shift(at("from_xy")),
            truth: shift(at("to_xy")),
        };
        let name = format!("{} windows of {WINDOW}x{WINDOW}", set.folder);
        cases.push(Case { name, task, good: Good::Within(TRACKED) });
    }
    Ok(cases)
}

pub fn tables(request: &Request, data: Option<&Path>) -> Result<Vec<Table>, String> {
    let named = std::env::var_os("NONIUS_DATA");
    let Some(data) = data.or(named.as_deref().map(Path::new)) else {
        eprintln!("pairs: skipped, neither --data nor NONIUS_DATA names their folder");
        return Ok(Vec::new());
    };
    let caption = "Pairs whose truth, or whose best known result, is known: how many alignments are good, the median \
                   distance of the corners from the truth or from that result in px, by how much more the images \
                   correlate than there, and the median processor time in ms.";
    let columns = ["pairs", "model", "options", "good", "of", "distance", "correlation", "ms"];
    let mut table = Table::new("pairs", caption.to_owned(), &columns);
    for set in sets() {
        let folder = data.join("registration2d").join(set.folder);
        if !folder.is_dir() {
            eprintln!("pairs: {} is skipped, there is no {}", set.folder, folder.display());
            continue;
        }
        let tracked = folder.join(POINTS).exists();
        let mut rest = if tracked { points(&set, &folder) } else { cases(&set, &folder) }?;
        while let Some(first) = rest.first() {
            // All pairs and starts of a row, wherever they are.
            let (name, model) = (first.name.clone(), first.task.model);
            let mut row;
            (row, rest) =
                rest.into_iter().partition::<Vec<_>, _>(|c| c.name == name && c.task.model == model);
            row.truncate(request.runs(usize::MAX));
            if request.wants(&format!("{name} {}", model.name())) {
                let cells = with_model!(model, T => cells::<T>(&set, &name, &row));
                eprintln!("{}", cells.iter().map(Cell::text).collect::<Vec<_>>().join(" | "));
                table.rows.push(cells);
            }
        }
    }
    Ok(if table.rows.is_empty() { Vec::new() } else { vec![table] })
}

/// What has come of the cases of a row.
fn cells<T: Transform>(set: &Set, name: &str, row: &[Case]) -> Vec<Cell> {
    let (mut good, mut distances, mut gained, mut times) = (0, Vec::new(), Vec::new(), Vec::new());
    for Case { task, good: asked, .. } in row {
        let (report, _, milliseconds) = nonius::<T>(task, set.options);
        let corners = corners(task.fixed.width, task.fixed.height);
        let distance = mean(&contest::distances(&report.transform.matrix(), &task.truth, &corners));
        good += usize::from(match *asked {
            Good::Within(most) => distance <= most,
            Good::AsWellAs(reference) => {
                gained.push(report.correlation - reference);
                report.correlation >= reference - set.slack
            }
        });
        distances.push(distance);
        times.push(milliseconds);
    }
    vec![
        name.into(),
        row.first().map_or(Cell::Absent, |case| case.task.model.name().into()),
        set.words.into(),
        Cell::Number(good as f64, 0),
        Cell::Number(row.len() as f64, 0),
        Cell::Number(median(&distances), 3),
        if gained.is_empty() { Cell::Absent } else { Cell::Number(median(&gained), 4) },
        Cell::Number(median(&times), 2),
    ]
}
