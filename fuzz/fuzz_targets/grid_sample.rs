//! Batches sampled at grids of any numbers: the values and adjoints of the reference at the coordinates
//! that the definition gives, for each plane.
#![no_main]
#![forbid(unsafe_code)]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nonius::reference::{Coordinates, Reference, Shape};
use nonius::stn::{GridSample, Padding, Tensor, TensorMut};
use nonius::{Bilinear, Boundary, Cubic, Kernel, Level, NearestEven};
use nonius_fuzz::{Element, Number, Side, Tested, assert_same, image, image_mut};

#[derive(Arbitrary, Debug)]
struct Input {
    kernel: u8,
    pixel: u8,
    padding: u8,
    align_corners: bool,
    batch: u8,
    channels: u8,
    input: Side,
    output: Side,
    grid: [Number; 11],
    theta: [Number; 6],
    bytes: Vec<u8>,
}

fn sample<K: Kernel + Shape, P: Tested<Channel: nonius::stn::GridChannel>>(kernel: K, input: &Input) {
    let mut bytes = input.bytes.iter().copied().cycle();
    let (n, c) = (1 + usize::from(input.batch % 2), 1 + usize::from(input.channels % 3));
    let ((w, h, _), (width, height, _)) = (input.input.size(24, 7), input.output.size(40, 5));
    let pixels: Box<[P]> = (0..n * c * h * w).map(|_| P::read(&mut bytes)).collect();
    let tensor = Tensor::new(&pixels, [n, c, h, w]).unwrap();
    let number = |i: usize| input.grid[i % 11].real() as f32;
    let grid: Vec<[f32; 2]> = (0..n * height * width).map(|i| [number(i), number(i / 3 + 5)]).collect();
    let points = Tensor::new(&grid, [n, 1, height, width]).unwrap();
    let padding = [Padding::Zeros, Padding::Border, Padding::Reflection][usize::from(input.padding % 3)];
    let sampler = GridSample::new(kernel, padding, input.align_corners);
    let shape = [n, c, height, width];

    let mut results = Level::available().map(|level| {
        let mut out = vec![P::zero(); n * c * height * width];
        let mut to = TensorMut::new(&mut out, shape).unwrap();
        sampler.with_level(level).sample(tensor, points, &mut to).unwrap();
        out
    });
    let out = results.next().unwrap();
    for other in results {
        assert_same(&other, &out, "levels");
    }
    let cotangent: Vec<P::Cotangent> = (0..out.len()).map(|_| Element::read(&mut bytes)).collect();
    let cotangents = Tensor::new(&cotangent, shape).unwrap();
    let before: Vec<P::Adjoint> = (0..pixels.len()).map(|_| Element::read(&mut bytes)).collect();
    let mut sums = before.clone();
    let mut to = TensorMut::new(&mut sums, [n, c, h, w]).unwrap();
    sampler.adjoint::<P, _>(cotangents, points, &mut to).unwrap();
    // Of what has no reference here: no panic, and defined.
    let theta = std::array::from_fn(|i| std::array::from_fn(|j| input.theta[3 * i + j].real() as f32));
    let thetas = vec![theta; n];
    let mut to = vec![P::zero(); out.len()];
    let _ = sampler.sample(tensor, &thetas[..], &mut TensorMut::new(&mut to, shape).unwrap());
    let mut gradients = vec![[[0.0_f64; 3]; 2]; n];
    let _ = sampler.theta_gradient(tensor, cotangents, &thetas, &mut gradients);

    // Padding of the taps, or of the coordinate: clamped, which is exact in f32.
    let narrow = K::SUPPORT <= 2;
    let boundary = match (padding, narrow, input.align_corners) {
        (Padding::Zeros, ..) => Boundary::Constant(P::zero()),
        (Padding::Border, ..) => Boundary::Replicate,
        (Padding::Reflection, true, _) => return,
        (Padding::Reflection, false, true) => Boundary::Reflect101,
        (Padding::Reflection, false, false) => Boundary::Reflect,
    };
    let reference = Reference::new(kernel, boundary);
    let plane = height * width;
    for item in 0..n {
        let coordinate = |axis: usize, side: usize| -> Vec<f32> {
            let last = (side - 1) as f32;
            let scale = if input.align_corners { last / 2.0 } else { side as f32 / 2.0 };
            let x = grid[item * plane..][..plane].iter().map(|v| v[axis] * scale + last / 2.0);
            let clamped = narrow && padding == Padding::Border;
            x.map(|x| if clamped { if x.is_nan() { 0.0 } else { x.clamp(0.0, last) } } else { x }).collect()
        };
        let (x, y) = (coordinate(0, w), coordinate(1, h));
        let size = (width, height, width);
        let coordinates = Coordinates::Map(image(&x, size), image(&y, size));
        for channel in 0..c {
            let (at, from) = ((item * c + channel) * plane, (item * c + channel) * h * w);
            let mut expected = vec![P::zero(); plane];
            let source = image(&pixels[from..][..h * w], (w, h, w));
            reference.warp(source, &mut image_mut(&mut expected, size), &coordinates);
            assert_same(&out[at..][..plane], &expected, "value");
            let mut expected = before[from..][..h * w].to_vec();
            let cotangent = image(&cotangent[at..][..plane], size);
            reference.adjoint(cotangent, &mut image_mut(&mut expected, (w, h, w)), &coordinates);
            assert_same(&sums[from..][..h * w], &expected, "adjoint");
        }
    }
}

fn with_pixel<K: Kernel + Shape>(kernel: K, input: &Input) {
    match input.pixel % 4 {
        0 => sample::<K, u8>(kernel, input),
        1 => sample::<K, u16>(kernel, input),
        2 => sample::<K, i16>(kernel, input),
        _ => sample::<K, f32>(kernel, input),
    }
}

fuzz_target!(|input: Input| {
    match input.kernel % 3 {
        0 => with_pixel(NearestEven, &input),
        1 => with_pixel(Bilinear, &input),
        _ => with_pixel(Cubic::<-75>, &input),
    }
});
