//! Trains a spatial transformer of six weights: gradient descent through `GridSample` finds the theta
//! of a view of an image, here by bilinear sampling with its own gradient, and by nearest sampling
//! with each of its surrogates (whose views stay apart from the bilinear one that they are compared
//! with: that is their floor). Writes the curves of the loss to `target/stn_train/loss.png`.
//!
//! ```text
//! cargo run --release --example stn_train
//! ```

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use nonius::pyramid::{Pyramid, buffer_len};
use nonius::stn::{GridSample, Padding, Tensor, TensorMut, Theta};
use nonius::{Bilinear, Error, Interpolator, Linearized, NearestEven, StraightThrough, Surrogate};
use support::{chart, file};

const STEPS: usize = 300;
/// Rows and columns of the view.
const VIEW: usize = 64;
/// 0.85 times as large, turned by 12 degrees, shifted by 0.08 and -0.06 of half an image.
const TRUTH: Theta = [[0.8314, -0.1767, 0.08], [0.1767, 0.8314, -0.06]];

fn view<K: Interpolator>(kernel: K, input: Tensor<'_, f32>, theta: Theta) -> Result<Vec<f32>, Error> {
    let mut pixels = vec![0.0; VIEW * VIEW];
    let mut out = TensorMut::new(&mut pixels, [1, 1, VIEW, VIEW])?;
    GridSample::new(kernel, Padding::Border, false).sample(input, &[theta][..], &mut out)?;
    Ok(pixels)
}

/// From the identity: the theta that is found, and the loss before each step.
fn train<K: Interpolator>(
    kernel: K,
    input: Tensor<'_, f32>,
    target: &[f32],
) -> Result<(Theta, Vec<f64>), Error> {
    let mut theta = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    let mut losses = Vec::new();
    let (mut mean, mut square) = ([0.0; 6], [0.0; 6]);
    for step in 1..=STEPS {
        // Forward: V, the loss L = sum (V - T)^2 / n, and dL/dV.
        let values = view(kernel, input, theta)?;
        let n = values.len() as f32;
        let cotangent: Vec<f32> = values.iter().zip(target).map(|(v, t)| 2.0 * (v - t) / n).collect();
        losses.push(cotangent.iter().map(|&c| f64::from(c * c)).sum::<f64>() * f64::from(n) / 4.0);

        // Backward: dL/dtheta.
        let mut gradient = [[[0.0; 3]; 2]];
        let cotangent = Tensor::new(&cotangent, [1, 1, VIEW, VIEW])?;
        let sampler = GridSample::new(kernel, Padding::Border, false);
        sampler.theta_gradient(input, cotangent, &[theta], &mut gradient)?;

        // Adam (Kingma and Ba, 2015), with a rate that falls to zero.
        let rate = 0.02 * (1.0 - step as f64 / STEPS as f64);
        let (b1, b2) = (1.0 - 0.9_f64.powi(step as i32), 1.0 - 0.99_f64.powi(step as i32));
        let moments = mean.iter_mut().zip(&mut square).zip(gradient.as_flattened().as_flattened());
        for (weight, ((m, s), g)) in theta.as_flattened_mut().iter_mut().zip(moments) {
            *m += 0.1 * (g - *m);
            *s += 0.01 * (g * g - *s);
            *weight -= (rate * (*m / b1) / ((*s / b2).sqrt() + 1e-9)) as f32;
        }
    }
    Ok((theta, losses))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/images/retina_green_470x470.png");
    let file::Grey::U8(picture) = file::read(&path)? else { return Err("8 bits are expected".into()) };
    // A quarter of its size, which is smooth enough to be found from afar.
    let mut buffer = vec![0; buffer_len(picture.width, picture.height, 3)];
    let pyramid = Pyramid::new(picture.image()?, 3, &mut buffer)?;
    let small = pyramid.level(2).ok_or("no such level")?;
    let pixels: Vec<f32> = small.rows().flatten().map(|&v| f32::from(v) / 255.0).collect();
    let input = Tensor::new(&pixels, [1, 1, small.height(), small.width()])?;
    let target = view(Bilinear, input, TRUTH)?;

    // A pixel of the view is nearly two of the input.
    let footprint = Linearized::new(2.0, 2.0)?;
    let mut curves = Vec::new();
    let near = NearestEven;
    for (name, (theta, losses)) in [
        ("nearest, zero", train(near, input, &target)?),
        ("nearest, straight", train(Surrogate::new(near, StraightThrough), input, &target)?),
        ("nearest, bilinear", train(Surrogate::new(near, Bilinear), input, &target)?),
        ("nearest, linearized", train(Surrogate::new(near, footprint), input, &target)?),
        ("bilinear", train(Bilinear, input, &target)?),
    ] {
        let entries = theta.as_flattened().iter().zip(TRUTH.as_flattened());
        let error = entries.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{name:19} loss {:.1e} to {:.1e}, theta within {error:.5}", losses[0], losses[STEPS - 1]);
        curves.push((name.to_owned(), losses));
    }
    let canvas = chart::logarithmic("loss over steps", &curves);
    let folder = Path::new("target/stn_train");
    file::make_folder(folder)?;
    Ok(file::write(folder, &file::encode_rgb("loss.png", canvas.width, canvas.height, canvas.bytes())?)?)
}
