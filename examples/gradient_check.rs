//! Every gradient of every kernel next to central differences of the values: of one sample by x and y,
//! of a squared residual by the six parameters of an affine transform. Writes
//! `target/gradient_check/error.png`: where on 3 by 3 pixels the two differ, kernel by kernel. Within a
//! step of a kink (at lattice points, of `Bilinear`) or a jump (between them, of `Nearest`) they must.
//!
//! ```text
//! cargo run --release --example gradient_check
//! ```
#![forbid(unsafe_code)]

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use nonius::kernel::adaptive::Soft;
use nonius::kernel::weighted::Smoothstep;
use nonius::{
    Adaptive, Affine, BSpline, Bilinear, Boundary, Cubic, Error, Image, Interpolator, Lanczos, Linearized,
    Nearest, Sampler, StraightThrough, Surrogate, Transform, WeightedNearest,
};
use support::picture::Canvas;
use support::{file, sheet};

const SIDE: usize = 16;
const STEP: f64 = 1.0 / 256.0;

/// Prints the largest difference of a kernel's gradients, and draws where partials differ.
fn check<K: Interpolator>(name: &str, kernel: K) -> Result<(String, Canvas), Error> {
    // Multiples of 2^-4: with positions and steps in binary the values are exact.
    let scene = |i: usize| ((i * 7919 + i * i * 31) % 256) as f32 / 16.0;
    let pixels: Vec<f32> = (0..SIDE * SIDE).map(scene).collect();
    let image = Image::new(&pixels, SIDE, SIDE)?;
    let sampler = Sampler::new(kernel, Boundary::Reflect101);
    let value = |x: f64, y: f64| f64::from(sampler.sample(image, x, y).unwrap_or(0.0));
    let error = |x: f64, y: f64, step: f64| {
        let (dx, dy) = sampler.partials(image, x, y);
        let by_x = (value(x + step, y) - value(x - step, y)) / (2.0 * step);
        let by_y = (value(x, y + step) - value(x, y - step)) / (2.0 * step);
        (f64::from(dx) - by_x).abs().max((f64::from(dy) - by_y).abs())
    };
    // Between lattice points, and halfway between those, nothing has a kink.
    let places = (0..900).map(|i| (f64::from(i % 30) * 0.5 + 0.15625, f64::from(i / 30) * 0.5 + 0.21875));
    let partials = places.map(|(x, y)| error(x, y, STEP)).fold(0.0, f64::max);

    let target: Vec<f32> = pixels.iter().rev().copied().collect();
    // Every position is at least 2^-6 from lattice points and ties, and a step moves it by 2^-8.
    let p = [0.875, 0.125, 1.015_625, -0.0625, 0.9375, 1.265_625];
    let loss = |p: [f64; 6]| {
        let target = Image::new(&target, SIDE, SIDE)?;
        sampler.residual(image, target, &Affine::from_parameters(p)?, None)
    };
    let mut largest = 0.0_f64;
    for (i, gradient) in loss(p)?.gradient.into_iter().enumerate() {
        let (mut plus, mut minus, step) = (p, p, STEP / 16.0);
        plus[i] += step;
        minus[i] -= step;
        let difference = (loss(plus)?.loss - loss(minus)?.loss) / (2.0 * step);
        largest = largest.max((gradient - difference).abs() / (1.0 + gradient.abs()));
    }
    println!("{name:<28} {partials:12.6}   {:10.4} %", 100.0 * largest);

    // Larger steps, so that the places where they pass a kink can be seen.
    let unit = |i: usize| 4.5 + i as f64 / 60.0;
    let errors: Vec<f64> = (0..180 * 180).map(|i| error(unit(i % 180), unit(i / 180), 1.0 / 32.0)).collect();
    Ok((name.into(), sheet::coloured(&errors, 180, 1, |e| sheet::signed(e as f32, 8.0))))
}

fn run() -> Result<Vec<(String, Canvas)>, Error> {
    println!("largest difference from differences, of");
    println!("{:<28} {:>12}   {:>12}", "", "partials", "loss gradient");
    Ok(vec![
        check("nearest", Nearest)?,
        check("straight through", Surrogate::new(Nearest, StraightThrough))?,
        check("nearest by bilinear", Surrogate::new(Nearest, Bilinear))?,
        check("linearized", Surrogate::new(Nearest, Linearized::new(0.5, 0.5)?))?,
        check("bilinear", Bilinear)?,
        check("nearest by smoothstep", WeightedNearest::new(Smoothstep))?,
        check("adaptive", Adaptive::new(Bilinear, WeightedNearest::new(Smoothstep), Soft::new(4.0)?))?,
        check("catmull-rom", Cubic::<-50>)?,
        check("lanczos 3", Lanczos::<3>)?,
        check("lanczos 4", Lanczos::<4>)?,
        check("b-spline", BSpline)?,
    ])
}

fn main() -> Result<(), String> {
    let sheet = sheet::sheet(&run().map_err(|e| e.to_string())?, 4);
    println!("the surrogates of nearest are not its derivative: they differ by design");
    let folder = Path::new("target/gradient_check");
    file::make_folder(folder)?;
    file::write(folder, &file::encode_rgb("error.png", sheet.width, sheet.height, sheet.bytes())?)
}
