//! Prints, for every case, its name, how many instructions it takes, for how many pixels, how deep the
//! stack goes; of a warp also a hash of its pixels, and of an alignment how far the result is from the
//! truth at the corners, in 1/10000 px, and its iterations.
#![no_std]
#![no_main]

mod meter;

use core::hint::black_box;

use cortex_m_rt::entry;
use meter::Meter;
use nonius::align::{
    Aligner, Found, Lean, Method, Options, Pair, Scope, Shift, Status, Step, Tracker, Tracking, shift,
};
use nonius::format::{Format, Packed, Rgb565Be, Yuyv};
use nonius::kernel::adaptive::Soft;
use nonius::kernel::weighted::Smoothstep;
use nonius::pyramid::{Pyramid, buffer_len};
use nonius::spline::Coefficient;
use nonius::stream::Stream;
use nonius::{
    Adaptive, Affine, Array, BSpline, Bilinear, Boundary, Cubic, Euclidean, Homography, Image, ImageMut,
    Interpolator, Lagrange, Lanczos, Nearest, NearestEven, Sampler, Tap, Transform, Translation,
    WeightedNearest,
};
use semihosting::println;
use semihosting::process::ExitCode;

const WIDTH: usize = 160;
const HEIGHT: usize = 120;
const SIDE: usize = 64;
/// The interior window.
const WINDOW: (usize, usize) = (96, 64);

static FRAME: &[u8; WIDTH * HEIGHT] = include_bytes!(concat!(env!("OUT_DIR"), "/frame.u8"));
static FIXED: &[u8; SIDE * SIDE] = include_bytes!(concat!(env!("OUT_DIR"), "/fixed"));
static NEAR: &[u8; SIDE * SIDE] = include_bytes!(concat!(env!("OUT_DIR"), "/near"));
static FAR: &[u8; SIDE * SIDE] = include_bytes!(concat!(env!("OUT_DIR"), "/far"));
static AFFINE: &[u8; SIDE * SIDE] = include_bytes!(concat!(env!("OUT_DIR"), "/affine"));
static HOMOGRAPHY: &[u8; SIDE * SIDE] = include_bytes!(concat!(env!("OUT_DIR"), "/homography"));
static TURNED: &[u8; SIDE * SIDE] = include_bytes!(concat!(env!("OUT_DIR"), "/turned"));

#[repr(align(4))]
struct Aligned<T: ?Sized>(T);
/// The frame in 16 bits, every byte twice. (An M55 has no flash for it.)
static mut WIDE: Aligned<[[u8; 2]; WIDTH * HEIGHT]> = Aligned([[0; 2]; WIDTH * HEIGHT]);

/// What destinations and workspaces are made of.
const MEMORY: usize = 2 * WIDTH * HEIGHT;
static mut RAM: Aligned<[u32; MEMORY / 4]> = Aligned([0; MEMORY / 4]);
const STACK: usize = 64 * 1024;

/// Whether a case is asked for: all are, or those whose names begin with `ONLY` at build time.
fn wanted(name: &str) -> bool {
    option_env!("ONLY").is_none_or(|only| name.starts_with(only))
}

/// Prints one line of the report.
fn report(meter: &Meter, name: &str, pixels: usize, mut f: impl FnMut()) {
    if !wanted(name) {
        return;
    }
    let count = meter.count(&mut f);
    println!("case {name} {pixels} {count} {}", meter::stack(STACK, &mut f));
}

fn memory() -> &'static mut [u32] {
    // SAFETY: there is one thread, and every caller is done with it before the next one asks.
    unsafe { &mut (*core::ptr::addr_of_mut!(RAM)).0 }
}

fn bytes() -> &'static mut [u8] {
    let words = memory();
    // SAFETY: words are bytes, and borrowed as long.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}

fn frame() -> Image<'static, u8> {
    Image::new(black_box(&FRAME[..]), WIDTH, HEIGHT).unwrap()
}

fn twice() -> &'static [u8] {
    // SAFETY: there is one thread, and it is written before the first case.
    unsafe { &*core::ptr::addr_of!(WIDE) }.0.as_flattened()
}

fn wide() -> Image<'static, u16> {
    // SAFETY: the bytes are aligned, and any two of them are a number.
    let pixels = unsafe { core::slice::from_raw_parts(twice().as_ptr().cast(), WIDTH * HEIGHT) };
    Image::new(black_box(pixels), WIDTH, HEIGHT).unwrap()
}

/// The frame with luma in the first of two bytes; or some colours.
fn packed<F: Format>() -> Image<'static, Packed<F>> {
    Image::new(Packed::pixels(black_box(twice())), WIDTH, HEIGHT).unwrap()
}

/// A turn about the centre of a destination, which falls beside that of the frame.
fn turn(degrees: f64, destination: (usize, usize)) -> Affine {
    turn_in((WIDTH, HEIGHT), degrees, destination)
}

/// The same beside the centre of a source.
fn turn_in(source: (usize, usize), degrees: f64, destination: (usize, usize)) -> Affine {
    let (s, c) = libm::sincos(black_box(degrees).to_radians());
    let middle = |(width, height): (usize, usize)| ((width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0);
    let ((x, y), (u, v)) = (middle(destination), middle(source));
    let (u, v) = (u + 0.3, v - 0.2);
    Affine::from_parameters([c, -s, u - c * x + s * y, s, c, v - s * x - c * y]).unwrap()
}

/// The same with some perspective.
fn tilted(degrees: f64, destination: (usize, usize)) -> Homography {
    let mut m = turn(degrees, destination).matrix();
    (m[6], m[7]) = (1e-4, -2e-4);
    Homography::from_matrix(m).unwrap()
}

fn warp<K: Interpolator, P: Tap<Sampled: Into<u32>>, T: Transform>(
    meter: &Meter,
    name: &str,
    kernel: K,
    source: Image<'_, P>,
    (width, height): (usize, usize),
    transform: T,
) {
    let memory = memory();
    // SAFETY: whole numbers, of which any bits are one; there is room for as many as are asked for.
    let out: &mut [P::Sampled] = unsafe {
        core::slice::from_raw_parts_mut(
            memory.as_mut_ptr().cast(),
            size_of_val(memory) / size_of::<P::Sampled>(),
        )
    };
    let mut out = ImageMut::new(out, width, height).unwrap();
    let sampler = Sampler::new(kernel, black_box(Boundary::Constant(P::zero())));
    report(meter, name, width * height, || {
        sampler.warp(black_box(source), &mut out, black_box(&transform)).unwrap();
    });
    hash(name, out.as_image().rows().flatten().map(|&pixel| pixel.into().into()));
}

/// Prints the hash of some results. (FNV-1a: the same on every core, with or without loops of its own.)
fn hash(name: &str, results: impl Iterator<Item = u64>) {
    if wanted(name) {
        let hash =
            results.fold(0xcbf2_9ce4_8422_2325_u64, |hash, v| (hash ^ v).wrapping_mul(0x100_0000_01b3));
        println!("hash {name} {hash:016x}");
    }
}

/// The coefficients of a part of the frame for a B-spline, and a warp of them.
fn spline(meter: &Meter) {
    const PART: (usize, usize) = (80, 60);
    let (width, height) = (WINDOW.0 / 2, WINDOW.1 / 2);
    let boundary = black_box(Boundary::Reflect101);
    let sampler = Sampler::new(BSpline, boundary);
    let (coefficients, rest) = memory().split_at_mut(PART.0 * PART.1);
    // SAFETY: a coefficient is a number of 32 bits, any of which are one.
    let coefficients: &mut [Coefficient<u8>] =
        unsafe { core::slice::from_raw_parts_mut(coefficients.as_mut_ptr().cast(), coefficients.len()) };
    let part = frame().view(40, 30, PART.0, PART.1).unwrap();
    report(meter, "prefilter", PART.0 * PART.1, || {
        let mut image = ImageMut::new(&mut *coefficients, PART.0, PART.1).unwrap();
        sampler.prefilter(black_box(part), &mut image).unwrap();
    });
    let source = Image::new(&*coefficients, PART.0, PART.1).unwrap();
    // SAFETY: words are bytes, and borrowed as long.
    let out = unsafe { core::slice::from_raw_parts_mut(rest.as_mut_ptr().cast::<u8>(), width * height) };
    let mut out = ImageMut::new(out, width, height).unwrap();
    let transform = turn_in(PART, 12.0, (width, height));
    report(meter, "bspline", width * height, || {
        sampler.warp(black_box(source), &mut out, black_box(&transform)).unwrap();
    });
    hash("bspline", out.as_image().rows().flatten().map(|&pixel| pixel.into()));
}

/// A whole frame that comes row by row, turned by 3 degrees, in the smallest window.
fn streamed(meter: &Meter) {
    let size = (WIDTH, HEIGHT);
    let sampler = Sampler::new(Bilinear, black_box(Boundary::Constant(0)));
    let transform = turn(3.0, size);
    let rows = Stream::window_height(&sampler, &transform, size, size).unwrap();
    let (window, out) = bytes().split_at_mut(WIDTH * rows);
    let out = &mut out[..WIDTH * HEIGHT];
    report(meter, "stream", WIDTH * HEIGHT, || {
        let mut stream = Stream::new(sampler, black_box(&transform), size, size, window).unwrap();
        let mut rows = out.chunks_exact_mut(WIDTH);
        let mut row = rows.next();
        for line in black_box(frame()).rows() {
            stream.incoming().unwrap().copy_from_slice(line);
            stream.arrived();
            while let Some(to) = &mut row
                && stream.warp_row(to).unwrap().is_some()
            {
                row = rows.next();
            }
        }
    });
    hash("stream", out.iter().map(|&pixel| pixel.into()));
}

/// Four levels of a frame, by pixels of the frame.
fn reduced(meter: &Meter) {
    const LEVELS: usize = 4;
    let buffer = &mut bytes()[..buffer_len(WIDTH, HEIGHT, LEVELS)];
    report(meter, "pyramid", WIDTH * HEIGHT, || {
        black_box(Pyramid::new(black_box(frame()), LEVELS, buffer).unwrap());
    });
    hash("pyramid", buffer.iter().map(|&pixel| pixel.into()));
}

/// The second frame of a sequence.
fn tracked(meter: &Meter, name: &str) {
    let image = |pixels| Image::new(black_box(pixels), SIDE, SIDE).unwrap();
    let tracking = Tracking::from(Lean::default());
    let workspace = &mut bytes()[..Tracker::<u8, Euclidean, Lean>::workspace(SIDE, SIDE)];
    let mut tracker = Tracker::<u8, Euclidean, Lean>::new(SIDE, SIDE, tracking, workspace).unwrap();
    report(meter, name, 1, || {
        tracker.reset();
        tracker.track(image(&FIXED[..])).unwrap();
        assert_eq!(tracker.track(image(&TURNED[..])).unwrap().found, Found::Tracked);
    });
}

/// Partials (bilinear, in two images), the gradient of a transform's parameters without any image, and
/// the adjoint, all under a turn.
fn gradients(meter: &Meter) {
    let (width, height) = (WINDOW.0 / 2, WINDOW.1 / 2);
    let area = width * height;
    let sampler = Sampler::new(Bilinear, black_box(Boundary::Constant(0)));
    let transform = turn(12.0, (width, height));
    // SAFETY: as many numbers, with every bit in use.
    let memory = unsafe { core::slice::from_raw_parts_mut(memory().as_mut_ptr().cast::<i32>(), MEMORY / 4) };
    let (dx, dy) = memory.split_at_mut(area);
    let size = [width, height];
    report(meter, "partials", area, || {
        let [mut dx, mut dy] = [&mut *dx, &mut *dy].map(|d| ImageMut::new(d, size[0], size[1]).unwrap());
        sampler.warp_partials(black_box(frame()), &mut dx, &mut dy, black_box(&transform)).unwrap();
    });
    hash("partials", dx.iter().chain(dy.iter().take(area)).map(|&v| v as u64));

    dx.fill(3);
    let cotangent = Image::new(black_box(&*dx), width, height).unwrap();
    let mut gradient = [0.0; 6];
    report(meter, "parameters", area, || {
        gradient = sampler.parameter_gradient(black_box(frame()), cotangent, black_box(&transform));
    });
    hash("parameters", gradient.iter().map(|v| v.to_bits()));

    // To as much of the frame as there is memory for.
    let part = (32, 20);
    let cotangent = cotangent.view(0, 0, part.0, part.1).unwrap();
    let corner = Affine::from_matrix(Translation::new(-56.0, -44.0).unwrap().matrix()).unwrap();
    let inside = corner.compose(&turn(12.0, part)).unwrap();
    let gradient = &mut dy[..area];
    report(meter, "adjoint-q14", part.0 * part.1, || {
        let mut gradient = ImageMut::new(&mut *gradient, width, height).unwrap();
        sampler.adjoint_q14(cotangent, &mut gradient, black_box(&inside)).unwrap();
    });
    hash("adjoint-q14", gradient.iter().map(|&v| v as u64));
}

fn align<T: Transform, S: Scope>(
    meter: &Meter,
    name: &str,
    moving: &[u8; SIDE * SIDE],
    truth: &[f64],
    options: S,
) {
    let image = |pixels| Image::new(black_box(pixels), SIDE, SIDE).unwrap();
    let pair = Pair::new(image(&FIXED[..]), image(&moving[..]));
    let mut found = None;
    report(meter, name, SIDE * SIDE, || {
        let mut aligner = Aligner::new(pair, T::IDENTITY, options, bytes(), &mut []).unwrap();
        found = Some(aligner.run());
    });
    let Some(found) = found else { return };
    let (mut error, truth) = (f64::MAX, truth_of::<T>(truth));
    if found.status == Status::Converged {
        error = [(0.0, 0.0), (63.0, 0.0), (0.0, 63.0), (63.0, 63.0)].iter().fold(0.0, |max, &(x, y)| {
            let ((a, b), (c, d)) = (found.transform.apply(x, y), truth.apply(x, y));
            libm::hypot(a - c, b - d).max(max)
        });
    }
    let iterations: u16 = found.iterations.iter().sum();
    println!("error {name} {} {iterations}", libm::round(error * 1e4) as u32);
}

/// The translation of the same frames in whole numbers.
fn shifted(meter: &Meter, name: &str, moving: &[u8; SIDE * SIDE], truth: [f64; 2]) {
    let image = |pixels| Image::new(black_box(pixels), SIDE, SIDE).unwrap();
    let (fixed, moving) = (image(&FIXED[..]), image(&moving[..]));
    let workspace = &mut bytes()[..Shift::workspace(SIDE, SIDE)];
    let mut found = None;
    report(meter, name, 1, || found = Some(shift(fixed, moving, black_box(16), workspace).unwrap()));
    if let Some(found) = found {
        let [x, y] = found.translation.map(|v| f64::from(v.0) / 65_536.0);
        let error = libm::hypot(x - truth[0], y - truth[1]);
        println!("error {name} {} 0", libm::round(error * 1e4) as u32);
        let numbers = [found.gain.to_bits(), found.offset.0, found.correlation.to_bits()];
        hash(name, found.translation.iter().map(|v| v.0).chain(numbers).map(|v| v as u64));
    }
}

fn truth_of<T: Transform>(m: &[f64]) -> T {
    T::from_parameters(T::Parameters::from_slice(m).unwrap()).unwrap()
}

/// The second pass over a level, with the solution of its system: what changes with the pixels.
fn step<T: Transform>(meter: &Meter, name: &str) {
    if !wanted(name) {
        return;
    }
    let count = |width: usize, height: usize| {
        let (fixed, moving) = (frame().view(5, 5, width, height), frame().view(6, 6, width, height));
        let pair = Pair::new(fixed.unwrap(), moving.unwrap());
        let options = Options { levels: Some(1), search: 0.0, ..Options::default() };
        let initial = T::from_matrix(black_box([1.0, 0.0, -0.7, 0.0, 1.0, -1.2, 0.0, 0.0, 1.0])).unwrap();
        let mut aligner = Aligner::new(pair, initial, options, bytes(), &mut []).unwrap();
        black_box(aligner.step());
        let mut stepped = None;
        let count = meter.count(&mut || stepped = Some(aligner.step()));
        assert!(matches!(stepped, Some(Step::Running(_))), "a second step was to be had");
        count
    };
    let (small, large) = (count(72, 52), count(144, 104));
    println!("case {name}-pixel {} {} 0", 144 * 104 - 72 * 52, large - small);
    println!("case {name}-system 1 {} 0", (4 * small).saturating_sub(large) / 3);
}

#[entry]
fn main() -> ! {
    let meter = &Meter::new(cortex_m::Peripherals::take().unwrap().SYST);
    // SAFETY: there is one thread, and nobody looks yet.
    let bytes = unsafe { &mut *core::ptr::addr_of_mut!(WIDE) };
    bytes.0.iter_mut().zip(FRAME).for_each(|(twice, &v)| *twice = [v; 2]);
    let (window, half) = (WINDOW, (WINDOW.0, WINDOW.1 / 2));
    warp(meter, "nearest", Nearest, frame(), window, turn(12.0, window));
    warp(meter, "nearest-2deg", Nearest, frame(), window, turn(2.0, window));
    warp(meter, "bilinear", Bilinear, frame(), window, turn(12.0, window));
    warp(meter, "nearest-back", Nearest, frame(), window, turn(192.0, window));
    warp(meter, "bilinear-back", Bilinear, frame(), window, turn(-168.0, window));
    warp(meter, "bilinear-shift", Bilinear, frame(), window, Translation::new(20.3, 17.6).unwrap());
    warp(meter, "nearest-homography", Nearest, frame(), window, tilted(12.0, window));
    warp(meter, "bilinear-homography", Bilinear, frame(), window, tilted(12.0, window));
    warp(meter, "nearest-even", NearestEven, frame(), half, turn(12.0, half));
    warp(meter, "smoothstep", WeightedNearest::new(Smoothstep), frame(), half, turn(12.0, half));
    let adaptive = Adaptive::new(Bilinear, Nearest, Soft::new(black_box(20.0)).unwrap());
    warp(meter, "adaptive", adaptive, frame(), half, turn(12.0, half));
    warp(meter, "catmull-rom", Cubic::<-50>, frame(), half, turn(12.0, half));
    warp(meter, "lanczos-3", Lanczos::<3>, frame(), half, turn(12.0, half));
    warp(meter, "lagrange", Lagrange, frame(), half, turn(12.0, half));
    warp(meter, "bilinear-u16", Bilinear, wide(), half, turn(12.0, half));
    warp(meter, "nearest-yuyv", Nearest, packed::<Yuyv>(), half, turn(12.0, half));
    warp(meter, "bilinear-yuyv", Bilinear, packed::<Yuyv>(), half, turn(12.0, half));
    warp(meter, "bilinear-rgb565", Bilinear, packed::<Rgb565Be>(), half, turn(12.0, half));
    spline(meter);
    gradients(meter);
    reduced(meter);
    streamed(meter);
    let full = (WIDTH, HEIGHT);
    warp(meter, "nearest-full", Nearest, frame(), full, turn(12.0, full));
    warp(meter, "bilinear-full", Bilinear, frame(), full, turn(12.0, full));
    step::<Translation>(meter, "step-translation");
    step::<Affine>(meter, "step-affine");
    step::<Homography>(meter, "step-homography");

    // As the firmware has it.
    let options = Options { method: Method::InverseCompositional, ..Options::default() };
    let affine = &[1.03, 0.05, -2.2, -0.04, 0.98, 1.6];
    let homography = &[1.03, 0.05, -2.2, -0.04, 0.98, 1.6, 3e-4, -2e-4];
    align::<Translation, _>(meter, "align-near", NEAR, &[0.6, -0.35], options);
    align::<Translation, _>(meter, "align-far", FAR, &[-4.4, 1.7], options);
    align::<Affine, _>(meter, "align-affine", AFFINE, affine, options);
    align::<Homography, _>(meter, "align-homography", HOMOGRAPHY, homography, options);
    // As by default.
    align::<Affine, _>(meter, "align-affine-mixed", AFFINE, affine, Options::default());
    let lean = Lean::default();
    align::<Translation, _>(meter, "align-far-lean", FAR, &[-4.4, 1.7], lean);
    let turned = Euclidean::new(3_f64.to_radians(), 2.5, -1.8).unwrap();
    align::<Euclidean, _>(meter, "align-euclidean-lean", TURNED, &turned.parameters(), lean);
    align::<Affine, _>(meter, "align-affine-lean", AFFINE, affine, lean);
    align::<Homography, _>(meter, "align-homography-lean", HOMOGRAPHY, homography, lean);
    tracked(meter, "track-euclidean-lean");
    shifted(meter, "shift-near", NEAR, [0.6, -0.35]);
    shifted(meter, "shift-far", FAR, [-4.4, 1.7]);
    ExitCode::SUCCESS.exit_process()
}
