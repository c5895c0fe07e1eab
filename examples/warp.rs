//! Turns and magnifies a photograph with every kernel, and shrinks it with and without antialiasing.
//! Prints what each takes, and writes `target/warp/kernels.png`: a small part of each, enlarged.
//!
//! ```text
//! cargo run --release --example warp
//! ```
#![forbid(unsafe_code)]

#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::time::Instant;

use nonius::kernel::adaptive::Soft;
use nonius::kernel::weighted::Smoothstep;
use nonius::spline::Coefficient;
use nonius::{
    Adaptive, Affine, BSpline, Bilinear, Boundary, Cubic, Error, Homography, Image, ImageMut, Interpolator,
    Lanczos, Nearest, Sampler, Samples, Tap, Transform, WeightedNearest,
};
use support::file::{self, Grey};
use support::picture::Canvas;
use support::sheet;

/// What is seen of the magnified image, in its pixels.
const VIEW: usize = 240;
/// The side of the reduced image.
const SMALL: usize = 120;
/// Pixels of the warped image for each of the photograph's.
const MAGNIFY: f64 = 4.0;
/// The photograph's pixel at the centre of the view.
const CENTRE: (f64, f64) = (238.0, 136.0);

/// The view by one kernel, and a line about it.
fn view<K: Interpolator, P: Tap<Sampled = u8>>(
    name: &str,
    kernel: K,
    photograph: Image<'_, P>,
) -> Result<(String, Canvas), Error> {
    let middle = (VIEW as f64 - 1.0) / 2.0;
    let (sine, cosine) = 15_f64.to_radians().sin_cos();
    let (a, b) = (cosine / MAGNIFY, sine / MAGNIFY);
    let (x, y) = (CENTRE.0 - (a - b) * middle, CENTRE.1 - (a + b) * middle);
    let transform = Affine::from_parameters([a, -b, x, b, a, y])?;
    let mut pixels = vec![0; VIEW * VIEW];
    let sampler = Sampler::new(kernel, Boundary::Reflect101);
    let start = Instant::now();
    for _ in 0..100 {
        sampler.warp(photograph, &mut ImageMut::new(&mut pixels, VIEW, VIEW)?, &transform)?;
    }
    let time = start.elapsed().as_secs_f64() / 100.0 / (VIEW * VIEW) as f64;
    println!("{name:<20} {:6.2} ns per pixel", time * 1e9);
    Ok((name.into(), sheet::grey(&pixels, VIEW, 1)))
}

/// The whole photograph, seen obliquely and much smaller.
fn small(name: &str, photograph: Image<'_, u8>, antialiased: bool) -> Result<(String, Canvas), Error> {
    let transform = Homography::from_parameters([3.4, 0.95, -70.0, 0.3, 5.3, 10.0, 0.0, 0.003])?;
    let samples = if antialiased { Samples::covering(&transform, SMALL, SMALL) } else { Samples::new(1, 1)? };
    let mut pixels = vec![0; SMALL * SMALL];
    let start = Instant::now();
    let sampler = Sampler::new(Bilinear, Boundary::Constant(0));
    sampler.warp_antialiased(photograph, &mut ImageMut::new(&mut pixels, SMALL, SMALL)?, &transform, samples);
    let time = start.elapsed().as_nanos() as usize / (SMALL * SMALL);
    println!("{name:<20} {time:6} ns per pixel, {} x {} samples", samples.x(), samples.y());
    Ok((name.into(), sheet::grey(&pixels, SMALL, 2)))
}

fn main() -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/images/camera_512x512.png");
    let Grey::U8(photograph) = file::read(&path)? else { return Err("not 8 bit".into()) };
    let error = |e: Error| e.to_string();
    let image = photograph.image().map_err(error)?;
    // A spline samples the coefficients of its image.
    let mut coefficients = vec![Coefficient::default(); 512 * 512];
    let mut to = ImageMut::new(&mut coefficients, 512, 512).map_err(error)?;
    let spline = Sampler::<_, Coefficient<u8>>::new(BSpline, Boundary::Reflect101);
    spline.prefilter(image, &mut to).map_err(error)?;
    let adaptive = Adaptive::new(Bilinear, Nearest, Soft::new(20.0).map_err(error)?);
    let cells = [
        view("nearest", Nearest, image),
        view("bilinear", Bilinear, image),
        view("smoothstep", WeightedNearest::new(Smoothstep), image),
        view("catmull-rom", Cubic::<-50>, image),
        view("cubic -0.75", Cubic::<-75>, image),
        view("lanczos 2", Lanczos::<2>, image),
        view("lanczos 3", Lanczos::<3>, image),
        view("lanczos 4", Lanczos::<4>, image),
        view("b-spline", BSpline, to.as_image()),
        view("adaptive", adaptive, image),
        small("reduced, aliased", image, false),
        small("reduced, area mean", image, true),
    ];
    let cells = cells.into_iter().collect::<Result<Vec<_>, _>>().map_err(error)?;
    let sheet = sheet::sheet(&cells, 4);
    sheet::save("warp", "kernels.png", &sheet)
}
