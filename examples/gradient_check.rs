//! Every gradient next to central differences of the values: of one sample by x and y for each kernel
//! (at one place, and the largest difference of 900), of a squared residual by the parameters of each
//! transform. Writes `target/gradient_check/error.png`: where on 3 by 3 pixels the two differ. Within a
//! step of a kink (of `Bilinear`) or a jump (of `Nearest`) they must, and so must surrogates.
//!
//! cargo run --release --example gradient_check

#[path = "support/mod.rs"]
mod support;

use nonius::kernel::adaptive::{Frozen, Soft};
use nonius::kernel::weighted::Smoothstep;
use nonius::{
    Adaptive, Affine, BSpline, Bilinear, Boundary, Cubic, Error, Euclidean, Homography, Image, Interpolator,
    Lanczos, Linearized, Nearest, NearestEven, Sampler, Similarity, StraightThrough, Surrogate, Transform,
    Translation, WeightedNearest,
};
use support::picture::Canvas;
use support::sheet;

const SIDE: usize = 16;
const STEP: f64 = 1.0 / 256.0;

/// Multiples of 2^-4: with positions and steps in binary the values are exact.
fn scene() -> Vec<f32> {
    (0..SIDE * SIDE).map(|i| ((i * 7919 + i * i * 31) % 256) as f32 / 16.0).collect()
}

/// Prints the gradient of a squared residual by each parameter, and differences of small moves.
fn parameters<T: Transform>(name: &str, transform: T) -> Result<(), Error> {
    let (pixels, sampler) = (scene(), Sampler::new(Cubic::<-50>, Boundary::Reflect101));
    let reversed: Vec<f32> = pixels.iter().rev().copied().collect();
    let (image, target) = (Image::new(&pixels, SIDE, SIDE)?, Image::new(&reversed, SIDE, SIDE)?);
    let gradient = sampler.residual(image, target, None, &transform)?.gradient;
    for (i, analytic) in gradient.as_ref().iter().enumerate() {
        let loss = |by: f64| {
            let mut p = transform.parameters();
            p.as_mut()[i] += by;
            Ok(sampler.residual(image, target, None, &T::from_parameters(p)?)?.loss)
        };
        let h = STEP / 4.0 / transform.jacobian(16.0, 16.0).map(|j| j.as_ref()[i].abs()).iter().sum::<f64>();
        println!("{name:<12} {i} {analytic:16.3} {:16.3}", (loss(h)? - loss(-h)?) / (2.0 * h));
    }
    Ok(())
}

/// Prints a kernel's partials and their differences, and draws where they differ.
fn check<K: Interpolator>(name: &str, kernel: K) -> Result<(String, Canvas), Error> {
    let pixels = scene();
    let image = Image::new(&pixels, SIDE, SIDE)?;
    let sampler = Sampler::new(kernel, Boundary::Reflect101);
    let value = |x: f64, y: f64| f64::from(sampler.sample(image, x, y).unwrap_or(0.0));
    let differences = |x: f64, y: f64, h: f64| {
        [value(x + h, y) - value(x - h, y), value(x, y + h) - value(x, y - h)].map(|d| d / (2.0 * h))
    };
    let error = |x: f64, y: f64, step: f64| {
        let ((dx, dy), [by_x, by_y]) = (sampler.partials(image, x, y), differences(x, y, step));
        (f64::from(dx) - by_x).abs().max((f64::from(dy) - by_y).abs())
    };
    let places = (0..900).map(|i| (f64::from(i % 30) * 0.5 + 0.15625, f64::from(i / 30) * 0.5 + 0.21875));
    let partials = places.map(|(x, y)| error(x, y, STEP)).fold(0.0, f64::max);
    let ((dx, dy), [by_x, by_y]) =
        (sampler.partials(image, 8.15625, 6.21875), differences(8.15625, 6.21875, STEP));
    println!("{name:<24}{dx:11.4}{by_x:11.4}{dy:11.4}{by_y:11.4}{partials:14.6}");
    let unit = |i: usize| 4.5 + i as f64 / 60.0;
    let errors: Vec<f64> = (0..180 * 180).map(|i| error(unit(i % 180), unit(i / 180), 1.0 / 32.0)).collect();
    Ok((name.into(), sheet::coloured(&errors, 180, 1, |e| sheet::signed(e as f32, 8.0))))
}

fn run() -> Result<Vec<(String, Canvas)>, Error> {
    println!("transform: dL/dp, by differences");
    parameters("translation", Translation::new(0.3, -0.2)?)?;
    parameters("euclidean", Euclidean::new(0.1, 0.3, -0.2)?)?;
    parameters("similarity", Similarity::new(0.9, 0.1, 0.3, -0.2)?)?;
    parameters("affine", Affine::from_parameters([0.9, 0.1, 1.3, -0.1, 0.95, 1.2])?)?;
    parameters("homography", Homography::from_parameters([0.9, 0.1, 1.3, -0.1, 0.95, 1.2, 2e-3, -1e-3])?)?;
    println!("kernel: dV/dx, by differences, dV/dy, by differences, largest difference");
    Ok(vec![
        check("nearest", Nearest)?,
        check("nearest, ties to even", NearestEven)?,
        check("straight through", Surrogate::new(Nearest, StraightThrough))?,
        check("nearest by bilinear", Surrogate::new(Nearest, Bilinear))?,
        check("linearized", Surrogate::new(Nearest, Linearized::new(0.5, 0.5)?))?,
        check("bilinear", Bilinear)?,
        check("nearest by smoothstep", WeightedNearest::new(Smoothstep))?,
        check("adaptive", Adaptive::new(Bilinear, WeightedNearest::new(Smoothstep), Soft::new(4.0)?))?,
        check("adaptive, frozen", Adaptive::new(Cubic::<-50>, Nearest, Frozen(Soft::new(4.0)?)))?,
        check("catmull-rom", Cubic::<-50>)?,
        check("cubic -0.75", Cubic::<-75>)?,
        check("lanczos 2", Lanczos::<2>)?,
        check("lanczos 3", Lanczos::<3>)?,
        check("lanczos 4", Lanczos::<4>)?,
        check("b-spline", BSpline)?,
    ])
}

fn main() -> Result<(), String> {
    sheet::save("gradient_check", "error.png", &sheet::sheet(&run().map_err(|e| e.to_string())?, 5))
}
