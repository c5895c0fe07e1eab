//! A kernel of one's own, in under 40 lines, has values, partials, adjoint and parameter gradients
//! with nothing else to write. Here it is a quadratic spline over four taps: slopes without a step, at
//! the price of some blur. Prints each gradient next to a difference of values, and writes
//! `target/custom_kernel/kernel.png`: bilinear and the new kernel, values and slopes.
//!
//! ```text
//! cargo run --release --example custom_kernel
//! ```
#![forbid(unsafe_code)]

#[path = "support/mod.rs"]
mod support;

use nonius::{Bilinear, Boundary, Error, Image, ImageMut, Kernel, Sampler, Similarity, Weight};
use support::sheet;

/// The mean of linear interpolation from one pixel to the left to one to the right.
#[derive(Clone, Copy)]
struct Soft;

impl Kernel for Soft {
    type Taps<T: Copy> = [T; 4];

    fn weights<W: Weight>(&self, f: W) -> [W; 4] {
        // The second is what is left: so weights sum to one, exactly.
        let quarter = W::constant(1 << 28);
        let (g, half) = (W::one() - f, quarter + quarter);
        let (first, last) = (g * g * quarter, f * f * quarter);
        let right = f * half + quarter - last;
        [first, W::one() - first - right - last, right, last]
    }

    fn slopes<W: Weight>(&self, f: W) -> [W; 4] {
        let half = W::constant(1 << 29);
        let (first, last) = (f * half - half, f * half);
        let right = half - last;
        [first, W::zero() - first - right - last, right, last]
    }
}

/// A step and a dot, magnified 16 times, and its slope along x.
fn pictures<K: Kernel>(name: &str, kernel: K) -> Result<[(String, support::picture::Canvas); 2], Error> {
    let pixels: Vec<f32> = (0..144).map(|i| f32::from(u8::from(i % 12 > 7 || i == 64 || i == 65))).collect();
    let sampler = Sampler::new(kernel, Boundary::Replicate);
    let magnify = Similarity::new(1.0 / 16.0, 0.0, -0.5, -0.5)?;
    let (mut values, mut dx, mut dy) = (vec![0.0; 192 * 192], vec![0.0; 192 * 192], vec![0.0; 192 * 192]);
    let source = Image::new(&pixels, 12, 12)?;
    sampler.warp(source, &mut ImageMut::new(&mut values, 192, 192)?, &magnify)?;
    let mut to = [ImageMut::new(&mut dx, 192, 192)?, ImageMut::new(&mut dy, 192, 192)?];
    let [to_x, to_y] = &mut to;
    sampler.warp_partials(source, to_x, to_y, &magnify)?;
    let grey = sheet::coloured(&values, 192, 1, |v: f32| [(255.0 * v).round() as u8; 3]);
    let slope = sheet::coloured(&dx, 192, 1, |v| sheet::signed(v, 1.0));
    Ok([(format!("{name}: value"), grey), (format!("{name}: dV/dx"), slope)])
}

fn run() -> Result<Vec<(String, support::picture::Canvas)>, Error> {
    let pixels: Vec<f32> = (0..400).map(|i| (i * i % 97) as f32).collect();
    let image = Image::new(&pixels, 20, 20)?;
    let sampler = Sampler::new(Soft, Boundary::Reflect);
    let (x, y, h) = (7.3, 4.6, 1.0 / 128.0);
    let at = |x: f64| f64::from(sampler.sample(image, x, y).unwrap_or(0.0));
    println!(
        "dV/dx      {:10.4}   by differences {:10.4}",
        sampler.partials(image, x, y).0,
        (at(x + h) - at(x - h)) / (2.0 * h)
    );

    // The sum of all values of a warp, by the parameters and by a pixel of the source.
    let sum = |t: &Similarity, pixels: &[f32]| -> Result<f64, Error> {
        let mut out = [0.0; 100];
        sampler.warp(Image::new(pixels, 20, 20)?, &mut ImageMut::new(&mut out, 10, 10)?, t)?;
        Ok(out.iter().map(|&v| f64::from(v)).sum())
    };
    let t = Similarity::new(0.9, 0.2, 4.1, 3.7)?;
    let ones = Image::new(&[1.0; 100], 10, 10)?;
    let shifted = |by: f64| Similarity::new(0.9, 0.2, 4.1 + by, 3.7);
    let difference = (sum(&shifted(h)?, &pixels)? - sum(&shifted(-h)?, &pixels)?) / (2.0 * h);
    println!(
        "dL/dtx     {:10.4}   by differences {difference:10.4}",
        sampler.parameter_gradient(image, ones, &t)[2]
    );
    let mut gradient = [0.0; 400];
    sampler.adjoint(ones, &mut ImageMut::new(&mut gradient, 20, 20)?, &t)?;
    let mut brighter = pixels.clone();
    brighter[8 * 20 + 9] += 1.0;
    let difference = sum(&t, &brighter)? - sum(&t, &pixels)?;
    println!("dL/dpixel  {:10.4}   by differences {difference:10.4}", gradient[8 * 20 + 9]);
    Ok([pictures("bilinear", Bilinear)?, pictures("soft", Soft)?].concat())
}

fn main() -> Result<(), String> {
    let sheet = sheet::sheet(&run().map_err(|e| e.to_string())?, 2);
    sheet::save("custom_kernel", "kernel.png", &sheet)
}
