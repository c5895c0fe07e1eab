//! Time per pixel: every tested kernel, pixel and level, halving an image, and an alignment.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use nonius::align::{Aligner, Options, Pair, Status};
use nonius::pyramid::reduce;
use nonius::reference::Shape;
use nonius::{Affine, Bilinear, Boundary, Image, ImageMut, Kernel, Level, Pixel, Sampler, Transform};

// For its list of what is tested, so that nothing is timed that is not.
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
    fn visit<K: Kernel + Shape + Default, P: Tested + Pixel>(&mut self, kernel: &str, pixel: &str) {
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
    fn visit<K: Kernel + Shape + Default, P: Tested + Pixel>(&mut self, _: &str, pixel: &str) {
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
    targets = warp, pyramid, align
}
criterion_main!(benches);
