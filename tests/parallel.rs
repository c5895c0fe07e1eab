//! Any number of threads gives the bits of one: whole operations, on images large enough for every
//! band to have several rows, and with bands of one row.
#![forbid(unsafe_code)]

use nonius::align::{Aligner, Method, Options, Pair, Report, Robust, run_all};
use nonius::kernel::adaptive::GateImage;
use nonius::pyramid::{Pyramid, buffer_len};
use nonius::stn::{GridSample, Padding, Points, Strides, Tensor, TensorMut, Theta};
use nonius::{
    Adaptive, Affine, Bilinear, Boundary, Homography, Image, ImageMut, Lanczos, Map, Nearest, Sampler,
    Samples, Threads, Transform, Translation, Warp,
};

/// One thread as such, then bands of one row, of some, and more threads than there are.
fn threads() -> impl Iterator<Item = Threads> {
    let counts = [1, 2, 3, 8, 1000].into_iter();
    [Threads::ONE].into_iter().chain(counts.map(|n| Threads::new(n).with_grain(1))).chain([
        Threads::new(3).with_grain(700),
        Threads::new(0),
        Threads::new(1 << 20),
        Threads::all(),
        Threads::all().with_grain(0),
    ])
}

/// That a result is the same for all of them.
fn same<R: PartialEq + std::fmt::Debug>(mut result: impl FnMut(Threads) -> R) {
    let serial = result(Threads::ONE);
    for threads in threads() {
        assert!(result(threads) == serial, "{threads:?}");
    }
}

const SIZE: (usize, usize) = (97, 61);

fn noise(i: usize) -> u32 {
    let v = (i as u32).wrapping_mul(0x9e37_79b9);
    (v ^ (v >> 13)).wrapping_mul(0x85eb_ca6b)
}

fn pixels<T>(new: impl Fn(u32) -> T) -> Vec<T> {
    (0..SIZE.0 * SIZE.1).map(|i| new(noise(i))).collect()
}

fn image<T>(pixels: &[T]) -> Image<'_, T> {
    Image::new(pixels, SIZE.0, SIZE.1).unwrap()
}

fn image_mut<T>(pixels: &mut [T]) -> ImageMut<'_, T> {
    ImageMut::new(pixels, SIZE.0, SIZE.1).unwrap()
}

fn affine() -> Affine {
    Affine::from_parameters([0.93, 0.21, -2.7, -0.17, 1.1, 6.1]).unwrap()
}

fn homography() -> Homography {
    Homography::from_parameters([0.91, 0.1, -1.9, 0.05, 0.9, 2.2, 0.002, -0.003]).unwrap()
}

fn warps<W: Warp>(warp: &W) {
    let (gray, real) = (pixels(|v| (v >> 24) as u8), pixels(|v| v as f32));
    for boundary in [Boundary::Reflect, Boundary::Transparent] {
        same(|threads| {
            let mut out = pixels(|v| v as u8);
            let sampler = Sampler::new(Bilinear, boundary).with_threads(threads);
            sampler.warp(image(&gray), &mut image_mut(&mut out), warp).unwrap();
            out
        });
    }
    same(|threads| {
        let (mut dx, mut dy) = (pixels(|v| v as i32), pixels(|v| v as i32));
        let sampler = Sampler::new(Bilinear, Boundary::Wrap).with_threads(threads);
        sampler.warp_partials(image(&gray), &mut image_mut(&mut dx), &mut image_mut(&mut dy), warp).unwrap();
        (dx, dy)
    });
    same(|threads| {
        let mut out = pixels(|v| v as f32);
        let sampler = Sampler::new(Bilinear, Boundary::Constant(-1.0)).with_threads(threads);
        sampler.warp(image(&real), &mut image_mut(&mut out), warp).unwrap();
        out
    });
}

#[test]
fn warps_of_bands() {
    warps(&affine());
    warps(&homography());
    let x = pixels(|v| (v >> 8) as f32 / 16_777_216.0 * 110.0 - 5.0);
    let y = pixels(|v| (v << 7 >> 8) as f32 / 16_777_216.0 * 70.0 - 5.0);
    warps(&Map::new(image(&x), image(&y)).unwrap());
    // Relative to the destination pixel, which a band counts from the whole's first row.
    let (dx, dy) = (pixels(|v| (v >> 30) as f32 - 1.3), pixels(|v| (v << 5 >> 30) as f32 - 1.6));
    warps(&Map::relative(image(&dx), image(&dy)).unwrap());
}

fn adjoints<W: Warp>(warp: &W) {
    let (whole, real) = (pixels(|v| v as i32 >> 12), pixels(|v| v as f32 / 1e6));
    let color = pixels(|v| [v as i32 >> 12, v as i32 >> 13, 7]);
    for boundary in [0, 1, 2, 3, 4, 5] {
        let all = [
            Boundary::Constant(0),
            Boundary::Replicate,
            Boundary::Reflect,
            Boundary::Reflect101,
            Boundary::Wrap,
            Boundary::Transparent,
        ];
        let boundary: Boundary<u8> = all[boundary];
        same(|threads| {
            let mut sums = pixels(i64::from);
            let sampler = Sampler::new(Bilinear, boundary).with_threads(threads);
            sampler.adjoint(image(&whole), &mut image_mut(&mut sums), warp).unwrap();
            let mut short = pixels(|v| v as i32 >> 8);
            sampler.adjoint_q14(image(&whole), &mut image_mut(&mut short), warp).unwrap();
            (sums, short)
        });
        same(|threads| {
            let mut sums = pixels(i64::from);
            let sampler = Sampler::new(Lanczos::<4>, boundary).with_threads(threads);
            sampler.adjoint(image(&whole), &mut image_mut(&mut sums), warp).unwrap();
            sums
        });
    }
    for boundary in [Boundary::Reflect, Boundary::Constant(0.0)] {
        same(|threads| {
            let mut sums = pixels(|v| v as f32);
            let sampler = Sampler::new(Bilinear, boundary).with_threads(threads);
            sampler.adjoint(image(&real), &mut image_mut(&mut sums), warp).unwrap();
            sums
        });
    }
    same(|threads| {
        let mut sums = pixels(|v| [i64::from(v), 0, -5]);
        let sampler = Sampler::<_, [u8; 3]>::new(Bilinear, Boundary::Wrap).with_threads(threads);
        sampler.adjoint(image(&color), &mut image_mut(&mut sums), warp).unwrap();
        sums
    });
    let gates = pixels(|v| (v >> 18) as u16);
    same(|threads| {
        let mut sums = pixels(i64::from);
        let kernel = Adaptive::new(Bilinear, Nearest, GateImage::new(image(&gates)));
        let sampler = Sampler::<_, u8>::new(kernel, Boundary::Transparent).with_threads(threads);
        sampler.adjoint(image(&whole), &mut image_mut(&mut sums), warp).unwrap();
        sums
    });
}

#[test]
fn adjoints_of_bands() {
    adjoints(&affine());
    adjoints(&Translation::new(3.25, -2.5).unwrap());
    adjoints(&homography());
    let x = pixels(|v| (v >> 8) as f32 / 16_777_216.0 * 110.0 - 5.0);
    let y = pixels(|v| (v << 7 >> 8) as f32 / 16_777_216.0 * 70.0 - 5.0);
    adjoints(&Map::new(image(&x), image(&y)).unwrap());
}

fn parameter_gradients<T: Transform>(transform: &T) {
    let (gray, real) = (pixels(|v| (v >> 24) as u8), pixels(|v| v as f32 / 1e6));
    let (whole, target) = (pixels(|v| v as i32 >> 12), pixels(|v| (v >> 23) as u8));
    same(|threads| {
        let sampler = Sampler::new(Bilinear, Boundary::Transparent).with_threads(threads);
        let mut warped = pixels(|v| v as u8);
        let mut out = image_mut(&mut warped);
        let found = sampler.residual(image(&gray), image(&target), Some(&mut out), transform).unwrap();
        let gradient = sampler.parameter_gradient(image(&gray), image(&whole), transform);
        (found, gradient, warped)
    });
    same(|threads| {
        let sampler = Sampler::new(Bilinear, Boundary::Wrap).with_threads(threads);
        let found = sampler.residual(image(&real), image(&real), None, transform).unwrap();
        (found, sampler.parameter_gradient(image(&real), image(&real), transform))
    });
}

#[test]
fn parameter_gradients_of_bands() {
    parameter_gradients(&affine());
    parameter_gradients(&homography());
}

#[test]
fn means_of_bands() {
    let (gray, whole) = (pixels(|v| (v >> 24) as u8), pixels(|v| v as i32 >> 12));
    let samples = Samples::new(2, 3).unwrap();
    for boundary in [Boundary::Reflect101, Boundary::Transparent] {
        for transform in [homography(), Homography::from_matrix(affine().matrix()).unwrap()] {
            same(|threads| {
                let sampler = Sampler::new(Bilinear, boundary).with_threads(threads);
                let (mut out, mut sums) = (pixels(|v| v as u8), pixels(i64::from));
                sampler.warp_antialiased(image(&gray), &mut image_mut(&mut out), &transform, samples);
                sampler.adjoint_antialiased(image(&whole), &mut image_mut(&mut sums), &transform, samples);
                (out, sums)
            });
        }
    }
}

/// Everything that a batch (N, C, H, W) has with an output of so many rows and columns; plane after plane
/// in memory, or row after row.
fn batches(inputs @ [n, c, h, w]: [usize; 4], [rows, columns]: [usize; 2], by_rows: bool, padding: Padding) {
    let (outputs, places) = ([n, c, rows, columns], [n, 1, rows, columns]);
    let strides = |[n, c, h, w]: [usize; 4]| {
        if by_rows { [w, n * w, n * c * w] } else { [c * h * w, h * w, w] }
    };
    let (input_strides, output_strides) = (strides(inputs), strides(outputs));
    let real =
        |count: usize| (0..count).map(|i| (noise(i) >> 8) as f32 / 16_777_216.0 - 0.4).collect::<Vec<_>>();
    let (input, cotangent) = (real(n * c * h * w), real(n * c * rows * columns));
    let input = Tensor::with_strides(&input, inputs, input_strides).unwrap();
    let cotangent = Tensor::with_strides(&cotangent, outputs, output_strides).unwrap();
    let grid: Vec<[f32; 2]> = (0..n * rows * columns)
        .map(|i| [2 * i, 2 * i + 1].map(|i| (noise(i) >> 8) as f32 / 7e6 - 1.2))
        .collect();
    let grid = Tensor::new(&grid, places).unwrap();
    let theta: Vec<Theta> =
        (0..n).map(|i| [[0.9, 0.1 * i as f32, 0.05], [-0.2, 1.1 - 0.3 * i as f32, -0.1]]).collect();
    let sampler = GridSample::new(Bilinear, padding, false);

    fn both<G: Points>(
        sampler: GridSample<Bilinear>,
        (input, cotangent): (Tensor<'_, f32>, Tensor<'_, f32>),
        points: G,
        (input_strides, output_strides): (Strides, Strides),
    ) {
        let ([n, _, rows, columns], outputs, inputs) = (cotangent.shape(), cotangent.shape(), input.shape());
        let places = [n, 1, rows, columns];
        same(|threads| {
            let sampler = sampler.with_threads(threads);
            let mut out = vec![0.0f32; outputs.iter().product()];
            let mut tensor = TensorMut::with_strides(&mut out, outputs, output_strides).unwrap();
            sampler.sample(input, points, &mut tensor).unwrap();
            let mut adjoint = vec![0.125f32; inputs.iter().product()];
            let mut tensor = TensorMut::with_strides(&mut adjoint, inputs, input_strides).unwrap();
            sampler.adjoint::<f32, _>(cotangent, points, &mut tensor).unwrap();
            let mut gradient = vec![[0.0f32; 2]; places.iter().product()];
            let mut tensor = TensorMut::new(&mut gradient, places).unwrap();
            sampler.grid_gradient(input, cotangent, points, &mut tensor).unwrap();
            assert!(out.iter().chain(gradient.as_flattened()).any(|&v| v != 0.0));
            (out, adjoint, gradient)
        });
    }
    let tensors = (input, cotangent);
    both(sampler, tensors, grid, (input_strides, output_strides));
    both(sampler, tensors, &theta[..], (input_strides, output_strides));
    same(|threads| {
        let mut gradient = vec![[[0.0; 3]; 2]; n];
        sampler.with_threads(threads).theta_gradient(input, cotangent, &theta, &mut gradient).unwrap();
        gradient
    });
}

#[test]
fn batches_of_planes() {
    for padding in [Padding::Zeros, Padding::Reflection] {
        batches([5, 3, 11, 17], [13, 150], false, padding);
        batches([3, 2, 11, 17], [6, 19], true, padding);
        batches([1, 4, 9, 14], [12, 33], false, padding);
        batches([1, 1, 23, 31], [29, 140], false, padding);
        batches([4, 1, 23, 31], [1, 7], true, padding);
    }
}

#[test]
fn pyramids() {
    let (gray, real) = (pixels(|v| (v >> 24) as u8), pixels(|v| [v as f32, (v >> 3) as f32]));
    let length = buffer_len(SIZE.0, SIZE.1, 5);
    same(|threads| {
        let mut buffer = vec![0; length];
        Pyramid::with_threads(image(&gray), 5, &mut buffer, threads).unwrap();
        buffer
    });
    same(|threads| {
        let mut buffer = vec![[0.0; 2]; length];
        Pyramid::with_threads(image(&real), 5, &mut buffer, threads).unwrap();
        buffer
    });
}

#[test]
fn alignments() {
    let scene = |i: usize| {
        let (x, y) = ((i % SIZE.0) as f64, (i / SIZE.0) as f64);
        let waves = (0.21 * x).sin() * (0.17 * y).cos() + (0.13 * x + 0.29 * y).sin();
        (128.0 + 30.0 * waves + 25.0 * (0.004 * x * y).sin()) as u8 + (noise(i) >> 29) as u8
    };
    let moving: Vec<u8> = (0..SIZE.0 * SIZE.1).map(scene).collect();
    let truth = Affine::from_parameters([1.02, -0.03, 2.4, 0.025, 0.99, -3.1]).unwrap();
    let mut fixed = moving.clone();
    let sampler = Sampler::new(Bilinear, Boundary::Reflect);
    sampler.warp(image(&moving), &mut image_mut(&mut fixed), &truth).unwrap();
    let mask = pixels(|v| (v >> 28) as u8);
    let pair = Pair::new(image(&fixed), image(&moving));
    let masked = pair.with_fixed_mask(image(&mask)).unwrap();

    let (first, second) = (Method::InverseCompositional, Method::SecondOrder);
    for (pair, method, robust, selection) in [
        (pair, first, Robust::None, 1.0),
        (pair, first, Robust::None, 0.5),
        (pair, second, Robust::None, 0.5),
        (pair, first, Robust::Tukey, 1.0),
        (masked, first, Robust::Huber, 0.4),
        (masked, second, Robust::Huber, 1.0),
    ] {
        same(|threads| {
            let options = Options { method, robust, threads, selection, ..Options::default() };
            let size = Aligner::<u8, Affine>::workspace(&pair, &options).unwrap();
            let (mut pixels, mut masks) = (vec![0; size.pixels], vec![0; size.masks]);
            let aligner = Aligner::new(pair, Affine::IDENTITY, options, &mut pixels, &mut masks);
            let mut aligner = aligner.unwrap();
            let Report { transform, status, iterations, rms_residual, .. } = aligner.run();
            (transform.parameters(), status.name(), iterations, rms_residual, aligner.covariance().unwrap())
        });
    }

    // A batch: each as if alone.
    let pairs = [pair, masked, pair];
    let size = Aligner::<u8, Affine>::workspace(&masked, &Options::default()).unwrap();
    same(|threads| {
        let mut pixels = pairs.map(|_| vec![0; size.pixels]);
        let mut masks = pairs.map(|_| vec![0; size.masks]);
        let mut aligners: Vec<_> = pairs
            .iter()
            .zip(pixels.iter_mut().zip(&mut masks))
            .map(|(&pair, (pixels, masks))| {
                Aligner::new(pair, Affine::IDENTITY, Options::default(), pixels, masks).unwrap()
            })
            .collect();
        assert!(run_all(&mut aligners, &mut [None, None], threads).is_err());
        let mut reports = [None, None, None];
        run_all(&mut aligners, &mut reports, threads).unwrap();
        let covariances: Vec<_> = aligners.iter().map(|aligner| aligner.covariance().unwrap()).collect();
        let reports = reports.map(|report| {
            let report = report.unwrap();
            (report.transform.parameters(), report.iterations)
        });
        (reports, covariances)
    });
}
