//! Makes the pair of images that `cargo run --example align` aligns when it is given none, and the
//! truth about them.
//!
//! ```text
//! cargo run --release --example make_demo_pair [-- PHOTOGRAPH [FOLDER]]
//! ```
//!
//! Two views of one photograph, as of a patient who has moved between two exposures. *fixed* is a
//! part of it, pixel by pixel. *moving* is the photograph's cubic B-spline interpolant in `f64`
//! (prefiltered: it passes through every pixel; nothing of `nonius` has a part in it) at the pixels
//! of a second camera that is turned, nearer, sheared a little and looks elsewhere; then another
//! exposure (gain and offset), Gaussian noise, and 8 bits. Neither view reaches the black rim of
//! the photograph: nothing but the retina tells where they are.
//!
//! The same input gives the same pixels on every machine: arithmetic is IEEE `f64`, functions are
//! those of `libm`, and noise comes from a generator with a seed.

#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use support::file::{self, Encoded, Grey, Plane};
use support::synthetic::{Random, Spline};

/// The fixed view: its top left pixel in the photograph, and its size.
const FIXED_AT: [usize; 2] = [84, 78];
const FIXED_SIZE: [usize; 2] = [280, 280];

/// The moving view: its size, the point of the photograph at its centre, and the linear part from
/// moving to photograph pixels: a rotation, a scale and a shear of the second axis.
const MOVING_SIZE: [usize; 2] = [300, 284];
const MOVING_CENTRE: [f64; 2] = [247.4, 238.7];
const ROTATION: f64 = 7.0; // degrees
const SCALE: f64 = 0.97;
const SHEAR: f64 = 0.012;

const GAIN: f64 = 0.82;
const OFFSET: f64 = 21.5;
const NOISE: f64 = 2.0; // standard deviation, grey levels
const SEED: u64 = 2015;

fn main() -> ExitCode {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/images");
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let photograph = arguments.next().unwrap_or_else(|| images.join("retina_green_470x470.png"));
    let folder = arguments.next().unwrap_or(images);
    match make(&photograph, &folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn make(photograph: &Path, folder: &Path) -> Result<(), String> {
    let Grey::U8(photograph) = file::read(photograph)? else {
        return Err(format!("{}: 8 bits are expected", photograph.display()));
    };
    let [x0, y0] = FIXED_AT;
    let [width, height] = FIXED_SIZE;
    let view = photograph.image().and_then(|image| image.view(x0, y0, width, height));
    let view = view.map_err(|e| format!("the photograph is smaller than its views: {e}"))?;
    let fixed = Plane { width, height, data: view.rows().flatten().copied().collect() };

    // From moving to photograph pixels: rotation, scale, shear about the centre of the view.
    let angle = ROTATION.to_radians();
    let (c, s) = (SCALE * libm::cos(angle), SCALE * libm::sin(angle));
    let [a, b, d, e] = [c, c * SHEAR - s, s, s * SHEAR + c];
    let [width, height] = MOVING_SIZE;
    let [cx, cy] = [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0];
    let to_photograph = |x: f64, y: f64| {
        let (u, v) = (x - cx, y - cy);
        (MOVING_CENTRE[0] + a * u + b * v, MOVING_CENTRE[1] + d * u + e * v)
    };

    let spline = Spline::new(&photograph);
    let mut random = Random(SEED);
    let mut data = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let (u, v) = to_photograph(x as f64, y as f64);
            let inside = |at: f64, side: usize| (0.0..=side as f64 - 1.0).contains(&at).then_some(at);
            let (Some(u), Some(v)) = (inside(u, photograph.width), inside(v, photograph.height)) else {
                return Err("the photograph is smaller than its views".into());
            };
            let value = GAIN * spline.at(u, v) + OFFSET + NOISE * random.normal();
            data.push(libm::round(value).clamp(0.0, 255.0) as u8);
        }
    }
    let moving = Plane { width, height, data };

    // The truth: from fixed to photograph (a shift), and from there back to moving.
    let determinant = a * e - b * d;
    let inverse = [e / determinant, -b / determinant, -d / determinant, a / determinant];
    let from = [x0 as f64 - MOVING_CENTRE[0], y0 as f64 - MOVING_CENTRE[1]];
    let shift =
        [inverse[0] * from[0] + inverse[1] * from[1] + cx, inverse[2] * from[0] + inverse[3] * from[1] + cy];
    let truth = json!({
        "coordinates": "pixels, centres at integers, x to the right, y down; row-major 3x3: \
                        moving(T x) = gain * fixed(x) + offset + noise",
        "fixed_to_moving":
            [inverse[0], inverse[1], shift[0], inverse[2], inverse[3], shift[1], 0.0, 0.0, 1.0],
        "gain": GAIN,
        "offset": OFFSET,
        "noise": NOISE,
        "seed": SEED,
    });
    let text = format!("{truth:#}\n");

    file::make_folder(folder)?;
    file::write(folder, &file::encode_u8("fixed.png", &fixed)?)?;
    file::write(folder, &file::encode_u8("moving.png", &moving)?)?;
    file::write(folder, &Encoded { name: "truth.json".into(), bytes: text.into_bytes() })
}
