//! Time per pixel: every tested kernel, pixel and level, adaptive rules, shifts, homographies, maps, gradients, threads, halving an
//! image, and an alignment.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use nonius::align::{Aligner, Options, Pair, Status};
use nonius::kernel::adaptive::{Hard, Soft};
use nonius::pyramid::reduce;
use nonius::reference::Shape;
use nonius::stn::{GridSample, Padding, Tensor, TensorMut, affine_grid};
use nonius::{
    Adaptive, Affine, Bilinear, Boundary, Homography, Image, ImageMut, Interpolator, Kernel, Level, Map,
    Nearest, Pixel, Sampler, Threads, Transform, Translation, Warp,
};

// For its list of what is tested, so that nothing is timed that is not.
#[path = "../tests/common/mod.rs"]
mod common;
#[allow(dead_code, unused_imports)]
#[path = "../tests/matrix.rs"]
mod matrix;
use matrix::registry::{self, Pattern, Random, Tested, Visitor};

const WIDTH: usize = 640;
const HEIGHT: usize = 480;

/// A rotation by 12 degrees and a magnification by 1.07 about the centre, and a shift.
fn affine() -> Affine {
    let (sine, cosine) = 12_f64.to_radians().sin_cos();
    let (a, b) = (1.07 * cosine, 1.07 * sine);
    let (x, y) = (WIDTH as f64 / 2.0, HEIGHT as f64 / 2.0);
    Affine::from_parameters([a, -b, x - a * x + b * y + 3.3, b, a, y - b * x - a * y - 2.7]).unwrap()
}

fn noise<P: Tested + Pixel>(len: usize) -> Vec<P> {
    let mut random = Random(1);
    (0..len).map(|i| P::new(Pattern::Random, i, &mut random)).collect()
}

struct Warps<'a> {
    group: BenchmarkGroup<'a, WallTime>,
}

impl Visitor for Warps<'_> {
    fn visit<K: Kernel + Shape + Default, P: Tested + Pixel, const ALONG_ANYTHING: bool>(
        &mut self,
        kernel: &str,
        pixel: &str,
    ) {
        let (source, mut out) = (noise::<P>(WIDTH * HEIGHT), vec![P::zero(); WIDTH * HEIGHT]);
        let source = Image::new(&source, WIDTH, HEIGHT).unwrap();
        let transform = affine();
        self.group.throughput(Throughput::Elements((WIDTH * HEIGHT) as u64));
        for level in Level::available() {
            let sampler = Sampler::new(K::default(), Boundary::Constant(P::zero())).with_level(level);
            let mut out = ImageMut::new(&mut out, WIDTH, HEIGHT).unwrap();
            self.group.bench_function(format!("{kernel}/{pixel}/{}", level.name()), |b| {
                b.iter(|| sampler.warp(black_box(source), &mut out, black_box(&transform)).unwrap());
            });
        }
    }
}

struct Reductions<'a> {
    group: BenchmarkGroup<'a, WallTime>,
}

impl Visitor for Reductions<'_> {
    fn visit<K: Kernel + Shape + Default, P: Tested + Pixel, const ALONG_ANYTHING: bool>(
        &mut self,
        _: &str,
        pixel: &str,
    ) {
        let (width, height) = (WIDTH / 2, HEIGHT / 2);
        let (source, mut out) = (noise::<P>(WIDTH * HEIGHT), vec![P::zero(); width * height]);
        let source = Image::new(&source, WIDTH, HEIGHT).unwrap();
        let mut out = ImageMut::new(&mut out, width, height).unwrap();
        // Pixels of the larger image.
        self.group.throughput(Throughput::Elements((WIDTH * HEIGHT) as u64));
        self.group.bench_function(pixel, |b| b.iter(|| reduce(black_box(source), &mut out).unwrap()));
    }
}

fn warp(c: &mut Criterion) {
    registry::every(&mut Warps { group: c.benchmark_group("warp") });
}

/// A warp of bytes at every level.
fn drawn<K: Interpolator>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    sampler: &Sampler<K, u8>,
    warp: &impl Warp,
) {
    let (source, mut out) = (noise::<u8>(WIDTH * HEIGHT), vec![0; WIDTH * HEIGHT]);
    let source = Image::new(&source, WIDTH, HEIGHT).unwrap();
    group.throughput(Throughput::Elements((WIDTH * HEIGHT) as u64));
    for level in Level::available() {
        let sampler = sampler.with_level(level);
        let mut out = ImageMut::new(&mut out, WIDTH, HEIGHT).unwrap();
        group.bench_function(format!("{name}/u8/{}", level.name()), |b| {
            b.iter(|| sampler.warp(black_box(source), &mut out, black_box(warp)).unwrap());
        });
    }
}

/// Smooth or sharp by the local gradient, with either gate.
fn adaptive(c: &mut Criterion) {
    let mut group = c.benchmark_group("adaptive");
    let (soft, hard) = (Soft::new(20.0).unwrap(), Hard::new(20.0).unwrap());
    let boundary = Boundary::Constant(0);
    drawn(&mut group, "soft", &Sampler::new(Adaptive::new(Bilinear, Nearest, soft), boundary), &affine());
    drawn(&mut group, "hard", &Sampler::new(Adaptive::new(Bilinear, Nearest, hard), boundary), &affine());
}

/// Warps that only shift.
fn shifts(c: &mut Criterion) {
    let mut group = c.benchmark_group("shift");
    let sampler = Sampler::new(Bilinear, Boundary::Reflect);
    for (name, x, y) in [("none", 0.0, 0.0), ("whole", 7.0, -5.0), ("part", 3.3, -2.7)] {
        let shift = Translation::new(x, y).unwrap();
        drawn(&mut group, &format!("{name}/bilinear"), &sampler, &shift);
    }
}

/// Warps whose coordinates are not linear along a row: a homography, and a map of the same ones.
fn bends(c: &mut Criterion) {
    let mut m = affine().matrix();
    (m[6], m[7]) = (1e-4, -5e-5);
    let homography = Homography::from_matrix(m).unwrap();
    let (x, y): (Vec<f32>, Vec<f32>) = (0..WIDTH * HEIGHT)
        .map(|i| homography.apply((i % WIDTH) as f64, (i / WIDTH) as f64))
        .map(|(x, y)| (x as f32, y as f32))
        .unzip();
    let [x, y] = [&x, &y].map(|v| Image::new(v, WIDTH, HEIGHT).unwrap());
    let map = Map::new(x, y).unwrap();
    let (nearest, bilinear) =
        (Sampler::new(Nearest, Boundary::Constant(0)), Sampler::new(Bilinear, Boundary::Constant(0)));
    let mut group = c.benchmark_group("bend");
    drawn(&mut group, "homography/nearest", &nearest, &homography);
    drawn(&mut group, "homography/bilinear", &bilinear, &homography);
    drawn(&mut group, "map/nearest", &nearest, &map);
    drawn(&mut group, "map/bilinear", &bilinear, &map);
}

/// The gradients of single images, and those of a batch with respect to image, grid and theta.
fn gradients(c: &mut Criterion) {
    let len = WIDTH * HEIGHT;
    let mut group = c.benchmark_group("gradient");
    group.throughput(Throughput::Elements(len as u64));
    let (source, cotangent, mut sums) = (noise::<u8>(len), vec![3; len], vec![0i64; len]);
    let source = Image::new(&source, WIDTH, HEIGHT).unwrap();
    let cotangent = Image::new(&cotangent, WIDTH, HEIGHT).unwrap();
    let transform = affine();
    let mut slopes = [vec![0; len], vec![0; len]];
    for level in Level::available() {
        let sampler = Sampler::new(Bilinear, Boundary::Constant(0u8)).with_level(level);
        group.bench_function(format!("adjoint/bilinear/u8/{}", level.name()), |b| {
            let mut sums = ImageMut::new(&mut sums, WIDTH, HEIGHT).unwrap();
            b.iter(|| sampler.adjoint(black_box(cotangent), &mut sums, black_box(&transform)).unwrap());
        });
        group.bench_function(format!("parameters/bilinear/u8/{}", level.name()), |b| {
            b.iter(|| sampler.parameter_gradient(black_box(source), cotangent, black_box(&transform)));
        });
        group.bench_function(format!("partials/bilinear/u8/{}", level.name()), |b| {
            let [mut dx, mut dy] =
                slopes.each_mut().map(|slopes| ImageMut::new(slopes, WIDTH, HEIGHT).unwrap());
            b.iter(|| sampler.warp_partials(source, &mut dx, &mut dy, black_box(&transform)).unwrap());
        });
    }

    let (shape, places) = ([1, 1, HEIGHT, WIDTH], [1, 1, HEIGHT, WIDTH]);
    let (source, cotangent) = (noise::<f32>(len), vec![0.5; len]);
    let (source, cotangent) = (Tensor::new(&source, shape).unwrap(), Tensor::new(&cotangent, shape).unwrap());
    let theta = [[[1.05, -0.17, 0.01], [0.3, 1.05, -0.01]]];
    let (mut grid, mut to_grid, mut to_image) = (vec![[0.0; 2]; len], vec![[0.0; 2]; len], vec![0.0f32; len]);
    affine_grid(&theta, false, &mut TensorMut::new(&mut grid, places).unwrap()).unwrap();
    let grid = Tensor::new(&grid, places).unwrap();
    for level in Level::available() {
        let sampler = GridSample::new(Bilinear, Padding::Zeros, false).with_level(level);
        group.bench_function(format!("image/bilinear/f32/{}", level.name()), |b| {
            let mut gradient = TensorMut::new(&mut to_image, shape).unwrap();
            b.iter(|| sampler.adjoint::<f32, _>(black_box(cotangent), grid, &mut gradient).unwrap());
        });
        group.bench_function(format!("grid/bilinear/f32/{}", level.name()), |b| {
            let mut gradient = TensorMut::new(&mut to_grid, places).unwrap();
            b.iter(|| sampler.grid_gradient(black_box(source), cotangent, grid, &mut gradient).unwrap());
        });
        group.bench_function(format!("theta/bilinear/f32/{}", level.name()), |b| {
            let mut gradient = [[[0.0; 3]; 2]];
            b.iter(|| sampler.theta_gradient(black_box(source), cotangent, &theta, &mut gradient).unwrap());
        });
    }
}

/// One thread and several, of an image and of a batch.
fn threads(c: &mut Criterion) {
    let mut group = c.benchmark_group("threads");
    let (width, height) = (1920, 1080);
    let (source, mut out) = (noise::<u8>(width * height), vec![0; width * height]);
    let source = Image::new(&source, width, height).unwrap();
    let shape = [8, 3, 224, 224];
    let len = shape.iter().product();
    let (batch, mut outputs) = (noise::<f32>(len), vec![0.0; len]);
    let batch = Tensor::new(&batch, shape).unwrap();
    let theta = [[[1.05, -0.17, 0.01], [0.3, 1.05, -0.01]]; 8];
    for (name, threads) in [("1", Threads::ONE), ("2", Threads::new(2)), ("all", Threads::all())] {
        group.throughput(Throughput::Elements((width * height) as u64));
        group.bench_function(format!("warp/bilinear/u8/1920x1080/{name}"), |b| {
            let sampler = Sampler::new(Bilinear, Boundary::Constant(0)).with_threads(threads);
            let (transform, mut out) = (affine(), ImageMut::new(&mut out, width, height).unwrap());
            b.iter(|| sampler.warp(black_box(source), &mut out, black_box(&transform)).unwrap());
        });
        group.throughput(Throughput::Elements(len as u64));
        group.bench_function(format!("grid_sample/bilinear/f32/8x3x224x224/{name}"), |b| {
            let sampler = GridSample::new(Bilinear, Padding::Zeros, false).with_threads(threads);
            let mut outputs = TensorMut::new(&mut outputs, shape).unwrap();
            b.iter(|| sampler.sample(black_box(batch), black_box(&theta[..]), &mut outputs).unwrap());
        });
    }
}

fn pyramid(c: &mut Criterion) {
    // Pixels do not depend on the kernel.
    registry::bilinear(&mut Reductions { group: c.benchmark_group("reduce") });
}

fn align(c: &mut Criterion) {
    const SIZE: (usize, usize) = (160, 120);
    let scene = |x: f64, y: f64| {
        let waves = (0.21 * x).sin() * (0.17 * y).cos() + (0.13 * x + 0.29 * y).sin();
        (128.0 + 30.0 * waves + 25.0 * (0.004 * x * y).sin()).round() as u8
    };
    // moving(truth(x)) is the scene at x, up to interpolation.
    let fixed: Vec<u8> =
        (0..SIZE.0 * SIZE.1).map(|i| scene((i % SIZE.0) as f64, (i / SIZE.0) as f64)).collect();
    let fixed = Image::new(&fixed, SIZE.0, SIZE.1).unwrap();
    let truth = Affine::from_parameters([1.02, -0.03, 2.4, 0.025, 0.99, -3.1]).unwrap();
    let mut moving = vec![0; SIZE.0 * SIZE.1];
    Sampler::new(Bilinear, Boundary::Reflect)
        .warp(fixed, &mut ImageMut::new(&mut moving, SIZE.0, SIZE.1).unwrap(), &truth.invert().unwrap())
        .unwrap();
    let pair = Pair::new(fixed, Image::new(&moving, SIZE.0, SIZE.1).unwrap());

    let mut group = c.benchmark_group("align");
    for level in Level::available() {
        let options = Options { level, ..Options::default() };
        let size = Aligner::<u8, Affine>::workspace(&pair, &options).unwrap();
        let mut pixels = vec![0; size.pixels];
        group.bench_function(format!("affine/u8/160x120/{}", level.name()), |b| {
            b.iter(|| {
                let aligner = Aligner::new(black_box(pair), Affine::IDENTITY, options, &mut pixels, &mut []);
                let report = aligner.unwrap().run();
                assert_eq!(report.status, Status::Converged);
                report
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = warp, adaptive, shifts, bends, gradients, threads, pyramid, align
}
criterion_main!(benches);
