//! Every kernel, pixel, boundary and gradient, alignments and batches, each reduced to a hash.
//!
//! Needs neither `std` nor a heap, so that the same cases run on every target: the test beside this
//! file, `tests/equality` for other processors, and firmware. `golden.txt` is what all of them have to
//! come to.

use core::fmt;

use nonius::align::{Aligner, Grey, Interpolation, Method, Options, Pair, Robust, Shift, shift};
use nonius::kernel::adaptive::{Frozen, GateImage, Hard, Soft};
use nonius::kernel::weighted::{Smoothstep, Table};
use nonius::pyramid::{buffer_len, reduce};
use nonius::spline::{Coefficient, Spline};
use nonius::stn::{GridChannel, GridGradient, GridSample, Padding, Tensor, TensorMut, Theta};
use nonius::{
    Adaptive, Affine, BSpline, Bilinear, Boundary, Cubic, Euclidean, Homography, Image, ImageMut,
    Interpolator, Kernel, Lanczos, Level, Linear, Linearized, Map, Nearest, NearestEven, Pixel, Sampler,
    Samples, Similarity, Smooth, StraightThrough, Surrogate, Tap, Transform, Translation, Warp,
    WeightedNearest,
};

/// What is done with the name and the hash of each case.
pub type Emit<'a> = dyn FnMut(fmt::Arguments<'_>, u64) + 'a;

/// FNV-1a, 64 bits.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    fn add_all<T: Element>(&mut self, values: &[T]) {
        values.iter().for_each(|v| v.hash(self));
    }
}

/// An element made of integers, which is hashed with its low byte first.
trait Element: Copy {
    fn new(i: u32) -> Self;
    fn hash(&self, hash: &mut Fnv);
}

macro_rules! elements {
    ($($t:ty: $i:ident => $new:expr;)*) => {$(
        impl Element for $t {
            fn new($i: u32) -> Self {
                $new
            }
            fn hash(&self, hash: &mut Fnv) {
                hash.add(&self.to_le_bytes());
            }
        }
    )*};
}
elements! {
    u8: i => (i >> 24) as u8;
    u16: i => (i >> 16) as u16;
    i16: i => (i >> 16) as i16;
    i32: i => (i as i32) >> 12;
    i64: i => i64::from(i);
    f32: i => (i >> 8) as f32 / 65_536.0;
    f64: i => f64::from(i);
}

impl<T: Element + Into<i32>> Element for Coefficient<T> {
    fn new(i: u32) -> Self {
        Self::from(T::new(i))
    }
    fn hash(&self, hash: &mut Fnv) {
        hash.add(&self.to_bits().to_le_bytes());
    }
}

impl<T: Element, const C: usize> Element for [T; C] {
    fn new(i: u32) -> Self {
        core::array::from_fn(|c| T::new(i.rotate_left(5 * c as u32)))
    }
    fn hash(&self, hash: &mut Fnv) {
        self.iter().for_each(|v| v.hash(hash));
    }
}

/// A pixel whose derivatives, sums and cotangents are hashed too.
trait Hashed: Element + Pixel<Derivative: Element, Adjoint: Element, Cotangent: Element> {}
impl<P: Element + Pixel<Derivative: Element, Adjoint: Element, Cotangent: Element>> Hashed for P {}

/// A smooth part, so that rounding matters, and a rough one.
fn pattern<T: Element, const N: usize>(width: usize) -> [T; N] {
    core::array::from_fn(|i| {
        let (x, y) = ((i % width) as u32, (i / width) as u32);
        let smooth = (x * x * 3 + y * y * 5 + x * y).wrapping_mul(1 << 19);
        let rough = (x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
        T::new(if (x / 8 + y / 8) % 2 == 0 { smooth } else { rough ^ (rough >> 15) })
    })
}

/// Width, height, and pixels of the source.
const SOURCE: (usize, usize) = (37, 29);
const FROM: usize = SOURCE.0 * SOURCE.1;
/// And of the destination.
const DESTINATION: (usize, usize) = (83, 23);
const TO: usize = DESTINATION.0 * DESTINATION.1;

#[inline(never)]
fn source<T: Element>() -> [T; FROM] {
    pattern(SOURCE.0)
}

#[inline(never)]
fn destination<T: Element>() -> [T; TO] {
    pattern(DESTINATION.0)
}

fn source_image<T>(pixels: &[T]) -> Image<'_, T> {
    Image::new(pixels, SOURCE.0, SOURCE.1).unwrap()
}

fn destination_image<T>(pixels: &[T]) -> Image<'_, T> {
    Image::new(pixels, DESTINATION.0, DESTINATION.1).unwrap()
}

fn source_mut<T>(pixels: &mut [T]) -> ImageMut<'_, T> {
    ImageMut::new(pixels, SOURCE.0, SOURCE.1).unwrap()
}

fn destination_mut<T>(pixels: &mut [T]) -> ImageMut<'_, T> {
    ImageMut::new(pixels, DESTINATION.0, DESTINATION.1).unwrap()
}

fn affine() -> Affine {
    Affine::from_parameters([0.43, 0.21, -2.7, -0.17, 1.3, 6.1]).unwrap()
}

fn homography() -> Homography {
    Homography::from_parameters([0.61, 0.1, -1.9, 0.05, 0.9, 2.2, 0.004, -0.011]).unwrap()
}

fn boundaries<P: Element>() -> [Boundary<P>; 6] {
    use Boundary::*;
    [Constant(P::new(0x5bd1_e995)), Replicate, Reflect, Reflect101, Wrap, Transparent]
}

/// Values and partials under every boundary.
#[inline(never)]
fn forward<K: Interpolator, P: Hashed, W: Warp>(kernel: K, level: Level, warp: &W) -> [u64; 2] {
    let pixels: [P; FROM] = source();
    let source = source_image(&pixels);
    let mut hashes = [Fnv::new(), Fnv::new()];
    for boundary in boundaries() {
        let sampler = Sampler::new(kernel, boundary).with_level(level);
        let mut out: [P; TO] = destination();
        sampler.warp(source, &mut destination_mut(&mut out), warp).unwrap();
        hashes[0].add_all(&out);

        let (mut dx, mut dy): ([P::Derivative; TO], [P::Derivative; TO]) = (destination(), destination());
        let (mut x, mut y) = (destination_mut(&mut dx), destination_mut(&mut dy));
        sampler.warp_partials(source, &mut x, &mut y, warp).unwrap();
        hashes[1].add_all(&dx);
        hashes[1].add_all(&dy);
    }
    hashes.map(|hash| hash.0)
}

/// The adjoint under every boundary.
#[inline(never)]
fn adjoint<K: Linear, P: Hashed, W: Warp>(kernel: K, level: Level, warp: &W) -> u64 {
    let cotangent: [P::Cotangent; TO] = destination();
    let mut hash = Fnv::new();
    for boundary in boundaries::<P>() {
        let sampler = Sampler::new(kernel, boundary).with_level(level);
        let mut gradient: [P::Adjoint; FROM] = source();
        sampler.adjoint(destination_image(&cotangent), &mut source_mut(&mut gradient), warp).unwrap();
        hash.add_all(&gradient);
    }
    hash.0
}

/// The three sinks of a rule through a warp.
#[inline(never)]
fn sinks<K: Linear, P: Hashed, W: Warp>(
    kernel: K,
    name: fmt::Arguments<'_>,
    level: Level,
    warp: &W,
    emit: &mut Emit<'_>,
) {
    let [values, partials] = forward::<K, P, W>(kernel, level, warp);
    emit(format_args!("{name} warp"), values);
    emit(format_args!("{name} partials"), partials);
    emit(format_args!("{name} adjoint"), adjoint::<K, P, W>(kernel, level, warp));
}

#[inline(never)]
fn walks<K: Kernel, P: Hashed>(kernel: K, name: &str, level: Level, emit: &mut Emit<'_>) {
    let plane = |side: usize, shift: u32| -> [f32; TO] {
        core::array::from_fn(|i| {
            let noise = (i as u32).wrapping_mul(0x9e37_79b9).rotate_left(shift) >> 16;
            noise as f32 / 65_536.0 * (side as f32 + 8.0) - 4.0
        })
    };
    let (x, y) = (plane(SOURCE.0, 0), plane(SOURCE.1, 9));
    let map = Map::new(destination_image(&x), destination_image(&y)).unwrap();
    sinks::<K, P, _>(kernel, format_args!("{name} affine"), level, &affine(), emit);
    sinks::<K, P, _>(kernel, format_args!("{name} homography"), level, &homography(), emit);
    sinks::<K, P, _>(kernel, format_args!("{name} map"), level, &map, emit);
}

/// A smooth kernel through an affine transform.
#[inline(never)]
fn smooth<K: Smooth, P: Hashed>(kernel: K, name: &str, level: Level, emit: &mut Emit<'_>) {
    sinks::<K, P, _>(kernel, format_args!("{name} affine"), level, &affine(), emit);
    let pixels: [P; FROM] = source();
    let mut hash = Fnv::new();
    for boundary in boundaries() {
        let mut planes = [[P::zero_derivative(); TO]; 3];
        let [xx, xy, yy] = &mut planes;
        let (mut xx, mut xy, mut yy) = (destination_mut(xx), destination_mut(xy), destination_mut(yy));
        let sampler = Sampler::new(kernel, boundary).with_level(level);
        sampler.warp_hessian(source_image(&pixels), [&mut xx, &mut xy, &mut yy], &affine()).unwrap();
        hash.add_all(&planes);
    }
    emit(format_args!("{name} affine hessian"), hash.0);
}

/// The coefficients of an image, back to pixels, and the adjoint of both.
#[inline(never)]
fn splines<C>(name: &str, level: Level, emit: &mut Emit<'_>)
where
    C: Tap<Channel: Spline, Sampled: Element, Adjoint: Element, Cotangent: Element> + Element,
{
    let pixels: [C::Sampled; FROM] = source();
    let cotangent: [C::Cotangent; TO] = destination();
    let mut hashes = [Fnv::new(), Fnv::new(), Fnv::new()];
    for boundary in boundaries() {
        let sampler = Sampler::new(BSpline, boundary).with_level(level);
        let mut coefficients = [C::zero(); FROM];
        sampler.prefilter(source_image(&pixels), &mut source_mut(&mut coefficients)).unwrap();
        hashes[0].add_all(&coefficients);

        let mut out: [C::Sampled; TO] = destination();
        sampler.warp(source_image(&coefficients), &mut destination_mut(&mut out), &affine()).unwrap();
        hashes[1].add_all(&out);

        let mut gradient: [C::Adjoint; FROM] = source();
        let mut to = source_mut(&mut gradient);
        sampler.adjoint(destination_image(&cotangent), &mut to, &affine()).unwrap();
        sampler.prefilter_adjoint(&mut to);
        hashes[2].add_all(&gradient);
    }
    for (what, hash) in ["coefficients", "affine warp", "affine adjoint"].into_iter().zip(hashes) {
        emit(format_args!("{name} {what}"), hash.0);
    }
}

#[inline(never)]
fn parameters<P: Hashed>(name: &str, level: Level, emit: &mut Emit<'_>) {
    #[inline(never)]
    fn hash<P: Hashed, T: Transform>(level: Level, t: &T) -> u64 {
        let (pixels, cotangent): ([P; FROM], [P::Cotangent; TO]) = (source(), destination());
        let mut hash = Fnv::new();
        for boundary in boundaries() {
            let sampler = Sampler::new(Bilinear, boundary).with_level(level);
            let gradient =
                sampler.parameter_gradient(source_image(&pixels), destination_image(&cotangent), t);
            hash.add_all(gradient.as_ref());
        }
        hash.0
    }
    let mut emit = |model: &str, hash| emit(format_args!("{name} {model} parameters"), hash);
    emit("translation", hash::<P, _>(level, &Translation::new(-2.7, 1.4).unwrap()));
    emit("euclidean", hash::<P, _>(level, &Euclidean::new(0.4, 3.3, -2.2).unwrap()));
    emit("similarity", hash::<P, _>(level, &Similarity::new(0.8, -0.3, 1.1, 9.0).unwrap()));
    emit("affine", hash::<P, _>(level, &affine()));
    emit("homography", hash::<P, _>(level, &homography()));
}

const SIZE: (usize, usize) = (90, 70);
const PIXELS: usize = SIZE.0 * SIZE.1;
const LEVELS: usize = buffer_len(SIZE.0, SIZE.1, 15);

/// Everything that an aligner reports, over losses and masks.
#[inline(never)]
fn aligned<P: Element + Grey, T: Transform>(level: Level, truth: &T) -> u64 {
    let moving: [P; PIXELS] = core::array::from_fn(|i| {
        let (x, y) = ((i % SIZE.0) as u32, (i / SIZE.0) as u32);
        let blob = (x * x + 2 * y * y + x * y) % 5000;
        let rough = x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b);
        P::new((blob << 19) + (x << 21) + (rough >> 5))
    });
    let (mut fixed, mask) = ([P::new(0); PIXELS], pattern::<u8, PIXELS>(SIZE.0));
    let sampler = Sampler::new(Bilinear, Boundary::Replicate).with_level(level);
    let moving = Image::new(&moving, SIZE.0, SIZE.1).unwrap();
    sampler.warp(moving, &mut ImageMut::new(&mut fixed, SIZE.0, SIZE.1).unwrap(), truth).unwrap();
    let pair = Pair::new(Image::new(&fixed, SIZE.0, SIZE.1).unwrap(), moving);
    let mask = mask.map(|v| u8::from(v > 3));
    let masked = pair.with_moving_mask(Image::new(&mask, SIZE.0, SIZE.1).unwrap()).unwrap();
    let (mut pixels, mut masks) = ([P::new(0); 2 * LEVELS + 8 * SIZE.1], [0; LEVELS]);
    let mut hash = Fnv::new();
    let (first, second) = (Method::InverseCompositional, Method::SecondOrder);
    for (pair, method, robust, finish) in [
        (pair, first, Robust::None, Interpolation::Bilinear),
        (pair, first, Robust::None, Interpolation::Lagrange),
        (pair, second, Robust::None, Interpolation::Bilinear),
        (pair, first, Robust::Huber, Interpolation::Bilinear),
        (pair, second, Robust::Tukey, Interpolation::Lagrange),
        (masked, first, Robust::None, Interpolation::Bilinear),
        (pair, Method::default(), Robust::None, Interpolation::Bilinear),
    ] {
        let options = Options { method, robust, finish, level, max_iterations: 20, ..Options::default() };
        let mut aligner = Aligner::new(pair, T::IDENTITY, options, &mut pixels, &mut masks).unwrap();
        let report = aligner.run();
        hash.add(report.status.name().as_bytes());
        report.iterations.iter().for_each(|n| hash.add(&n.to_le_bytes()));
        let rest = [report.rms_residual, report.correlation, report.gain, report.offset, report.support];
        let covariance = aligner.covariance();
        let covariance = covariance.iter().flat_map(|rows| rows.as_ref()).flat_map(|row| row.as_ref());
        for v in report.transform.matrix().iter().chain(&rest).chain(covariance) {
            v.hash(&mut hash);
        }
    }
    hash.0
}

/// Translations of frames of several sizes and strides, of which some are wider than a strip of sums, some
/// have odd widths, and some have only the darkest and the brightest pixels.
#[inline(never)]
fn shifts(emit: &mut Emit<'_>) {
    let mut fixed: [u8; PIXELS] = core::array::from_fn(|i| {
        let (x, y) = ((i % SIZE.0) as u32, (i / SIZE.0) as u32);
        (((x * x + 2 * y * y + x * y) % 5000) / 25 + ((x * 13) ^ (y * 7)) % 32) as u8
    });
    let mut moving = [0; PIXELS];
    let (from, translation) =
        (Image::new(&fixed, SIZE.0, SIZE.1).unwrap(), Translation::new(2.7, -1.4).unwrap());
    let mut to = ImageMut::new(&mut moving, SIZE.0, SIZE.1).unwrap();
    Sampler::new(Bilinear, Boundary::Replicate)
        .with_level(Level::SCALAR)
        .warp(from, &mut to, &translation)
        .unwrap();
    let mut workspace = [0; Shift::workspace(SIZE.0, SIZE.1)];
    for kind in ["u8", "extreme u8"] {
        for (width, height, search) in [
            (90, 70, 12),
            (64, 64, 16),
            (61, 67, 9),
            (70, 21, 3),
            (33, 24, 6),
            (50, 13, 2),
            (9, 8, 3),
            (3, 5, 1),
        ] {
            let mut hash = Fnv::new();
            for (begin, stride) in [(0, width), (1, 90)] {
                let image = |pixels| Image::with_stride(pixels, width, height, stride).unwrap();
                let images =
                    [&fixed, &moving].map(|v| image(v.get(begin * (90 - width)..).unwrap_or_default()));
                let found = shift(images[0], images[1], search, &mut workspace).unwrap();
                hash.add(found.status.name().as_bytes());
                let [x, y] = found.translation;
                hash.add_all(&[x.0, y.0, found.gain.to_bits(), found.offset.0, found.correlation.to_bits()]);
                hash.add(&found.support.to_le_bytes());
            }
            emit(format_args!("{kind} {width}x{height} shift"), hash.0);
        }
        fixed = fixed.map(|v| if v < 100 { 0 } else { 255 });
        moving = moving.map(|v| if v < 100 { 0 } else { 255 });
    }
}

/// Every model.
#[inline(never)]
fn alignment<P: Element + Grey>(name: &str, level: Level, emit: &mut Emit<'_>) {
    let homography = [1.02, 0.01, -2.0, 0.02, 1.01, 1.0, 2e-4, -1e-4];
    let affine = [1.03, 0.02, -2.7, -0.01, 0.97, 1.1];
    let mut emit = |model: &str, hash| emit(format_args!("{name} {model} alignment"), hash);
    emit("translation", aligned::<P, _>(level, &Translation::new(-2.7, 1.4).unwrap()));
    emit("euclidean", aligned::<P, _>(level, &Euclidean::new(0.05, 3.3, -2.2).unwrap()));
    emit("similarity", aligned::<P, _>(level, &Similarity::new(1.02, -0.03, 1.1, 2.0).unwrap()));
    emit("affine", aligned::<P, _>(level, &Affine::from_parameters(affine).unwrap()));
    emit("homography", aligned::<P, _>(level, &Homography::from_parameters(homography).unwrap()));
}

/// Tables of weights, as they are made.
fn tables(emit: &mut Emit<'_>) {
    let mut memory = [[0; 2]; 33];
    let mut emit = |name: &str, memory: &[[u16; 2]]| {
        let mut hash = Fnv::new();
        hash.add_all(memory);
        emit(format_args!("table {name}"), hash.0);
    };
    Table::raised_cosine(&mut memory).unwrap();
    emit("raised cosine", &memory);
    Table::sigmoid(&mut memory, 0.2).unwrap();
    emit("sigmoid", &memory);
    Table::gaussian(&mut memory, 0.5).unwrap();
    emit("gaussian", &memory);
}

/// Rules that are no kernel, or whose weights are the caller's.
#[inline(never)]
fn rules<P: Hashed>(name: &str, level: Level, emit: &mut Emit<'_>) {
    let mut memory = [[0; 2]; 33];
    let table = WeightedNearest::new(Table::sigmoid(&mut memory, 0.2).unwrap());
    let smoothstep = WeightedNearest::new(Smoothstep);
    let pixels: [P; FROM] = source();
    let mut gates: [u16; FROM] = source();
    let mut gates = source_mut(&mut gates);
    let soft = Soft::new(12.0).unwrap();
    let gates = GateImage::of(&soft, source_image(&pixels), &mut gates).unwrap();
    let linearized = Linearized::footprint(&affine(), 0.0, 0.0).unwrap();

    let t = affine();
    // (Ties along both axes.)
    let half = Translation::new(-2.5, 0.5).unwrap();
    sinks::<_, P, _>(NearestEven, format_args!("nearest even {name}"), level, &half, emit);
    sinks::<_, P, _>(StraightThrough, format_args!("straight through {name}"), level, &t, emit);
    sinks::<_, P, _>(smoothstep, format_args!("smoothstep {name}"), level, &t, emit);
    sinks::<_, P, _>(table, format_args!("sigmoid {name}"), level, &t, emit);
    let surrogate = Surrogate::new(Nearest, linearized);
    sinks::<_, P, _>(surrogate, format_args!("nearest, linearized {name}"), level, &t, emit);
    let gated = Adaptive::new(Bilinear, Nearest, gates);
    sinks::<_, P, _>(gated, format_args!("adaptive, image {name}"), level, &t, emit);

    let mut emit = |rule: &str, [values, partials]: [u64; 2]| {
        emit(format_args!("adaptive, {rule} {name} warp"), values);
        emit(format_args!("adaptive, {rule} {name} partials"), partials);
    };
    emit("soft", forward::<_, P, _>(Adaptive::new(Bilinear, Nearest, soft), level, &t));
    emit("frozen", forward::<_, P, _>(Adaptive::new(Bilinear, smoothstep, Frozen(soft)), level, &t));
    let hard = Hard::new(25.0).unwrap();
    emit("hard", forward::<_, P, _>(Adaptive::new(Bilinear, Nearest, hard), level, &t));
}

/// Reduction, antialiased warps, the adjoint in half the memory, and loss and gradient in one.
#[inline(never)]
fn others<P: Hashed>(name: &str, level: Level, emit: &mut Emit<'_>) {
    let (pixels, cotangent): ([P; FROM], [P::Cotangent; TO]) = (source(), destination());
    let (source_image, samples) = (source_image(&pixels), Samples::new(3, 2).unwrap());
    let mut hashes = [Fnv::new(), Fnv::new(), Fnv::new(), Fnv::new(), Fnv::new()];
    let mut half = [P::new(0); FROM];
    let mut to = ImageMut::new(&mut half, SOURCE.0 / 2, SOURCE.1 / 2).unwrap();
    reduce(source_image, &mut to).unwrap();
    hashes[0].add_all(&half);
    for boundary in boundaries() {
        let sampler = Sampler::new(Bilinear, boundary).with_level(level);
        let mut out: [P; TO] = destination();
        sampler.warp_antialiased(source_image, &mut destination_mut(&mut out), &homography(), samples);
        hashes[1].add_all(&out);

        let cotangent = destination_image(&cotangent);
        let mut gradient: [P::Adjoint; FROM] = source();
        let mut to = source_mut(&mut gradient);
        sampler.adjoint_antialiased(cotangent, &mut to, &homography(), samples);
        hashes[2].add_all(&gradient);

        let mut gradient: [P::Derivative; FROM] = source();
        sampler.adjoint_q14(cotangent, &mut source_mut(&mut gradient), &affine()).unwrap();
        hashes[3].add_all(&gradient);

        let target: [P; TO] = destination();
        let target = destination_image(&target);
        let found = sampler.residual(source_image, target, None, &affine()).unwrap();
        hashes[4].add_all(&found.gradient);
        hashes[4].add(&(found.count as u64).to_le_bytes());
    }
    let names = ["reduce", "antialiased", "antialiased adjoint", "adjoint q14", "residual"];
    for (what, hash) in names.into_iter().zip(hashes) {
        emit(format_args!("{what} {name}"), hash.0);
    }
}

/// A batch through thetas: forward, and the three gradients.
#[inline(never)]
fn batches<K: Linear, P>(kernel: K, name: &str, level: Level, emit: &mut Emit<'_>)
where
    P: Hashed<Channel: GridChannel> + Pixel<Cotangent: Default>,
    GridGradient<P>: Element,
{
    const INPUT: [usize; 4] = [2, 2, 11, 13];
    const OUTPUT: [usize; 4] = [2, 2, 9, 21];
    let input: [P; 2 * 2 * 11 * 13] = pattern(13);
    let input = Tensor::new(&input, INPUT).unwrap();
    let cotangent: [P::Cotangent; 2 * 2 * 9 * 21] = pattern(21);
    let cotangent = Tensor::new(&cotangent, OUTPUT).unwrap();
    let theta: &[Theta] = &[[[0.9, 0.2, -0.1], [-0.3, 1.4, 0.25]], [[-1.1, 0.0, 0.5], [0.1, 0.7, 0.0]]];
    let mut hashes = [Fnv::new(), Fnv::new(), Fnv::new(), Fnv::new()];
    for padding in [Padding::Zeros, Padding::Border, Padding::Reflection] {
        for align_corners in [false, true] {
            let sampler = GridSample::new(kernel, padding, align_corners).with_level(level);
            let mut out = [P::new(0); 2 * 2 * 9 * 21];
            sampler.sample(input, theta, &mut TensorMut::new(&mut out, OUTPUT).unwrap()).unwrap();
            hashes[0].add_all(&out);

            let mut gradient: [P::Adjoint; 2 * 2 * 11 * 13] = pattern(13);
            let mut to = TensorMut::new(&mut gradient, INPUT).unwrap();
            sampler.adjoint::<P, _>(cotangent, theta, &mut to).unwrap();
            hashes[1].add_all(&gradient);

            let mut grid: [GridGradient<P>; 2 * 9 * 21] = pattern(21);
            let mut to = TensorMut::new(&mut grid, [2, 1, 9, 21]).unwrap();
            sampler.grid_gradient(input, cotangent, theta, &mut to).unwrap();
            hashes[2].add_all(&grid);

            let mut thetas = [[[0.0; 3]; 2]; 2];
            sampler.theta_gradient(input, cotangent, theta, &mut thetas).unwrap();
            hashes[3].add_all(&thetas);
        }
    }
    for (what, hash) in ["sample", "adjoint", "grid", "theta"].into_iter().zip(hashes) {
        emit(format_args!("batch {name} {what}"), hash.0);
    }
}

/// All cases at a level, in the order of `golden.txt`.
pub fn all(level: Level, emit: &mut Emit<'_>) {
    macro_rules! pixels {
        ($($t:ty),*) => {$(
            walks::<_, $t>(Nearest, concat!("nearest ", stringify!($t)), level, emit);
            walks::<_, $t>(Bilinear, concat!("bilinear ", stringify!($t)), level, emit);
            parameters::<$t>(concat!("bilinear ", stringify!($t)), level, emit);
        )*};
    }
    pixels!(u8, u16, i16, f32, [u8; 3], [f32; 2]);
    alignment::<u8>("u8", level, emit);
    // (16 bits have the same sums, whichever the sign.)
    let affine = Affine::from_parameters([1.03, 0.02, -2.7, -0.01, 0.97, 1.1]).unwrap();
    emit(format_args!("u16 affine alignment"), aligned::<u16, _>(level, &affine));
    let homography = [1.02, 0.01, -2.0, 0.02, 1.01, 1.0, 2e-4, -1e-4];
    let homography = Homography::from_parameters(homography).unwrap();
    emit(format_args!("i16 homography alignment"), aligned::<i16, _>(level, &homography));
    shifts(emit);
    macro_rules! smooth {
        ($($kernel:expr, $name:literal: $($t:ty),*;)*) => {$($(
            smooth::<_, $t>($kernel, concat!($name, " ", stringify!($t)), level, emit);
        )*)*};
    }
    smooth! {
        Cubic::<-50>, "cubic -50": u8, u16, i16, f32;
        Cubic::<-75>, "cubic -75": u8, f32;
        Lanczos::<2>, "lanczos 2": u8, f32;
        Lanczos::<3>, "lanczos 3": u8, f32;
        Lanczos::<4>, "lanczos 4": u8, u16, i16, f32;
        BSpline, "b-spline": u8, f32;
    }
    splines::<Coefficient<u8>>("spline u8", level, emit);
    splines::<Coefficient<u16>>("spline u16", level, emit);
    splines::<Coefficient<i16>>("spline i16", level, emit);
    splines::<f32>("spline f32", level, emit);
    tables(emit);
    macro_rules! rest {
        ($($t:ty),*) => {$(
            rules::<$t>(stringify!($t), level, emit);
            others::<$t>(stringify!($t), level, emit);
            batches::<_, $t>(Bilinear, concat!("bilinear ", stringify!($t)), level, emit);
        )*};
    }
    rest!(u8, u16, f32);
    batches::<_, f32>(NearestEven, "nearest f32", level, emit);
    batches::<_, f32>(Cubic::<-75>, "cubic f32", level, emit);
}
