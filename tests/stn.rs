//! Spatial transformer: held against its definition, with the taps of the reference, bit by bit;
//! against the frameworks' formulas in `f64`; and against finite differences.
#![forbid(unsafe_code)]

use std::fmt::Debug;

use crate::common::Random;
use nonius::reference::{Arithmetic, Reference, Shape, position};
use nonius::stn::{
    GridChannel, GridSample, Padding, Points, Shape as Sizes, Tensor, TensorMut, Theta, affine_grid,
    affine_grid_gradient,
};
use nonius::{
    Bilinear, Boundary, Channel, Cubic, Error, Image, Interpolator, Kernel, Level, Linear, Linearized,
    Nearest, NearestEven, Pixel, StraightThrough, Surrogate, Tap,
};

const PADDINGS: [Padding; 3] = [Padding::Zeros, Padding::Border, Padding::Reflection];

/// The cubic of Keys with a = -0.75: the weight of a tap at distance d.
fn keys(d: f64) -> f64 {
    match d.abs() {
        d if d <= 1.0 => (1.25 * d - 2.25) * d * d + 1.0,
        d if d < 2.0 => ((-0.75 * d + 3.75) * d - 6.0) * d + 3.0,
        _ => 0.0,
    }
}

/// A batch that owns its elements, with gaps of some elements after rows, planes and items.
struct Batch<T> {
    data: Vec<T>,
    shape: Sizes,
    strides: [usize; 3],
}

impl<T: Copy> Batch<T> {
    fn new(shape: Sizes, gap: usize, mut element: impl FnMut() -> T) -> Self {
        let [n, c, h, w] = shape;
        let row = w + gap;
        let plane = h * row + gap;
        let item = c * plane + gap;
        Self { data: (0..n * item).map(|_| element()).collect(), shape, strides: [item, plane, row] }
    }
    fn view(&self) -> Tensor<'_, T> {
        Tensor::with_strides(&self.data, self.shape, self.strides).unwrap()
    }
    fn view_mut(&mut self) -> TensorMut<'_, T> {
        TensorMut::with_strides(&mut self.data, self.shape, self.strides).unwrap()
    }
    fn plane(&self, n: usize, c: usize) -> Image<'_, T> {
        self.view().plane(n, c).unwrap()
    }
    fn get(&self, [n, c, y, x]: [usize; 4]) -> T {
        self.view().row(n, c, y)[x]
    }
    /// Every index of the tensor, and none of a gap.
    fn indices(&self) -> impl Iterator<Item = [usize; 4]> + use<T> {
        let [n, c, h, w] = self.shape;
        (0..n * c * h * w).map(move |i| [i / w / h / c, i / w / h % c, i / w % h, i % w])
    }
}

/// A channel of the tests.
trait Element:
    Arithmetic
    + GridChannel
    + Pixel
    + Tap<
        Channel = Self,
        Derivative = <Self as Channel>::Derivative,
        Cotangent = <Self as Channel>::Cotangent,
        Adjoint = <Self as Channel>::Adjoint,
    >
{
    fn noise(bits: u64) -> Self;
    fn cotangent(bits: u64) -> <Self as Channel>::Cotangent;
    fn number(adjoint: <Self as Channel>::Adjoint) -> f64;
    /// A sum of derivative times cotangent in grey levels per pixel, times a scale: as it is stored.
    fn stored(sum: f64, scale: f64) -> f64;
}

macro_rules! integer {
    ($($t:ty),*) => {$(
        impl Element for $t {
            fn noise(bits: u64) -> Self {
                (bits >> 17) as $t
            }
            fn cotangent(bits: u64) -> i32 {
                (bits >> 20) as i32 % 1000
            }
            fn number(adjoint: i64) -> f64 {
                adjoint as f64
            }
            fn stored(sum: f64, scale: f64) -> f64 {
                // Q15, exact.
                sum * scale * 32_768.0
            }
        }
    )*};
}
integer!(u8, u16, i16);

impl Element for f32 {
    fn noise(bits: u64) -> f32 {
        (bits >> 40) as f32 / 65_536.0 - 128.0
    }
    fn cotangent(bits: u64) -> f32 {
        (bits >> 44) as f32 / 65_536.0 - 8.0
    }
    fn number(adjoint: f32) -> f64 {
        adjoint.into()
    }
    fn stored(sum: f64, scale: f64) -> f64 {
        ((sum * scale) as f32).into()
    }
}

/// Scale and offset from normalised coordinates to pixels.
fn axis(side: usize, align_corners: bool) -> (f64, f64) {
    let n = side as f64;
    (if align_corners { n - 1.0 } else { n } / 2.0, (n - 1.0) / 2.0)
}

/// The definition of a padded coordinate, times 2^32, and its derivative.
fn padded(v: f32, side: usize, padding: Padding, align_corners: bool, folded: bool) -> (i64, i32) {
    let (s, o) = axis(side, align_corners);
    let x = v * s as f32 + o as f32;
    let q = position(x.into(), 32);
    let limit = 1_i64 << 62;
    if padding == Padding::Zeros || !folded {
        return (q, i32::from(q.abs() < limit));
    }
    let last = (side as i64 - 1) << 32;
    let (mut q, mut sign) = (q, 1);
    if padding == Padding::Reflection {
        let low = if align_corners { 0 } else { -(1_i64 << 31) };
        let high = last - low;
        if low == high {
            return (low, 0);
        }
        // Mirrors at one end after the other; far away first by whole periods.
        let period = 2 * (high - low);
        q -= q / period * period;
        while q < low || q > high {
            q = if q < low { 2 * low - q } else { 2 * high - q };
            sign = -sign;
        }
    }
    match q {
        q if q <= 0 => (0, 0),
        q if q >= last => (last, 0),
        q => (q, sign),
    }
}

fn boundary<P: Pixel>(padding: Padding, align_corners: bool) -> Boundary<P> {
    match (padding, align_corners) {
        (Padding::Zeros, _) => Boundary::Constant(P::zero()),
        (Padding::Border, _) => Boundary::Replicate,
        (Padding::Reflection, true) => Boundary::Reflect101,
        (Padding::Reflection, false) => Boundary::Reflect,
    }
}

/// Normalised coordinates of all kinds: anywhere, on the lattice, on ties, far away, and worse.
fn coordinate(random: &mut Random, side: usize, align_corners: bool) -> f32 {
    let (s, o) = axis(side, align_corners);
    let pixel = |x: f64| if s == 0.0 { x as f32 } else { ((x - o) / s) as f32 };
    match random.below(12) {
        0..=4 => random.real(-1.1, 1.1) as f32,
        5 => random.real(-6.0, 6.0) as f32,
        6 | 7 => pixel(random.below(4 * side) as f64 - 2.0 * side as f64),
        8 => pixel(random.below(4 * side) as f64 - 2.0 * side as f64 + 0.5),
        9 => [-1.0, 1.0, 0.0, -0.0][random.below(4)],
        10 => f32::from_bits(random.bits() as u32),
        _ => [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, 1e-40, -1e-40][random.below(7)],
    }
}

/// Forward and backward of one kernel and pixel type against the definition.
fn hold_to_definition<K: Kernel + Shape + Debug, P: Element>(kernel: K, random: &mut Random) {
    for i in 0..PADDINGS.len() * 2 * 12 {
        let (padding, align_corners) = (PADDINGS[i % 3], i / 3 % 2 == 0);
        let folded = K::SUPPORT <= 2;
        let [w, h] = [1 + random.below(9), 1 + random.below(9)];
        let [columns, rows] = [1 + random.below(70), 1 + random.below(4)];
        let (n, c, gap) = (1 + random.below(2), 1 + random.below(3), random.below(3));
        let input = Batch::new([n, c, h, w], gap, || P::noise(random.bits()));
        let mut grid = Batch::new([n, 1, rows, columns], gap, || [0.0_f32; 2]);
        grid.data.iter_mut().for_each(|p| {
            *p = [coordinate(random, w, align_corners), coordinate(random, h, align_corners)];
        });
        let cotangent = Batch::new([n, c, rows, columns], gap, || P::cotangent(random.bits()));

        // By the definition.
        let border = boundary::<P>(padding, align_corners);
        let reference = Reference::new(kernel, border);
        let mut value = Batch::new([n, c, rows, columns], gap, P::zero);
        let mut adjoint = Batch::new([n, c, h, w], gap, <P as Channel>::Adjoint::default);
        let mut gradient = Batch::new([n, 1, rows, columns], gap, || [0.0_f64; 2]);
        for at @ [n, c, y, x] in cotangent.indices() {
            let [u, v] = grid.get([n, 0, y, x]);
            let (u, factor_x) = padded(u, w, padding, align_corners, folded);
            let (v, factor_y) = padded(v, h, padding, align_corners, folded);
            let to = Reference::<K, P>::to();
            let place = [u, v].map(|q| position(q as f64 / 4_294_967_296.0, to));
            let image = input.plane(n, c);
            value.view_mut().row_mut(n, c, y)[x] = reference.value(image, place).unwrap();
            let (dx, dy) = reference.slopes(image, place);
            let weight = P::real_cotangent(cotangent.get(at));
            let mut view = gradient.view_mut();
            let sums = &mut view.row_mut(n, 0, y)[x];
            for ((sum, d), factor) in sums.iter_mut().zip([dx, dy]).zip([factor_x, factor_y]) {
                if factor != 0 {
                    *sum += P::real_derivative(d) * weight * f64::from(factor);
                }
            }
            for tap in reference.taps(image, place).unwrap() {
                let (wx, wy) = tap.weights;
                let Some((i, j)) = tap.pixel.filter(|_| wx != 0.0 && wy != 0.0) else { continue };
                P::push(&mut adjoint.view_mut().row_mut(n, c, j)[i], cotangent.get(at), wx, wy);
            }
        }

        for level in Level::available() {
            let sampler = GridSample::new(kernel, padding, align_corners).with_level(level);
            let about = format!("{kernel:?} {padding:?} {align_corners} {w}x{h} {}", level.name());
            let mut out = Batch::new(value.shape, gap, P::zero);
            sampler.sample(input.view(), grid.view(), &mut out.view_mut()).unwrap();
            for at in out.indices() {
                assert_eq!(out.get(at), value.get(at), "{about} {:?}", grid.get([at[0], 0, at[2], at[3]]));
            }
            assert!(out.data == value.data, "a gap was written: {about}");

            let mut out = Batch::new(adjoint.shape, gap, <P as Channel>::Adjoint::default);
            sampler.adjoint::<P, _>(cotangent.view(), grid.view(), &mut out.view_mut()).unwrap();
            assert!(out.data == adjoint.data, "adjoint {about}");

            let mut out = Batch::new(grid.shape, gap, || [<P as Channel>::Adjoint::default(); 2]);
            sampler.grid_gradient(input.view(), cotangent.view(), grid.view(), &mut out.view_mut()).unwrap();
            let scales = [w, h].map(|side| axis(side, align_corners).0);
            for at in out.indices() {
                let sums = gradient.get(at);
                let expected = [0, 1].map(|i| P::stored(sums[i], scales[i]));
                assert_eq!(out.get(at).map(P::number), expected, "{about} {:?}", grid.get(at));
            }
        }
    }
}

fn every_pixel<K: Kernel + Shape + Debug>(kernel: K) {
    let mut random = Random(77);
    hold_to_definition::<K, u8>(kernel, &mut random);
    hold_to_definition::<K, u16>(kernel, &mut random);
    hold_to_definition::<K, i16>(kernel, &mut random);
    hold_to_definition::<K, f32>(kernel, &mut random);
}

#[test]
fn nearest_is_its_definition() {
    every_pixel(Nearest);
    every_pixel(NearestEven);
}

#[test]
fn bilinear_is_its_definition() {
    every_pixel(Bilinear);
}

#[test]
fn bicubic_is_its_definition() {
    every_pixel(Cubic::<-75>);
}

#[test]
fn a_kernel_of_three_taps_is_padded_by_its_taps() {
    every_pixel(StraightThrough);
}

/// The frameworks' formulas, in `f64`: unnormalise, pad the coordinate, round or weigh.
mod frameworks {
    use super::*;

    pub fn reflect(x: f64, low: f64, high: f64) -> f64 {
        let span = high - low;
        if span == 0.0 {
            return 0.0;
        }
        let away = (x - low).abs();
        let (extra, flips) = (away % span, (away / span).floor());
        if flips % 2.0 == 0.0 { extra + low } else { span - extra + low }
    }

    pub fn pad(x: f64, side: usize, padding: Padding, align_corners: bool) -> f64 {
        let last = side as f64 - 1.0;
        match padding {
            Padding::Zeros => x,
            Padding::Border => x.clamp(0.0, last),
            Padding::Reflection if align_corners => reflect(x, 0.0, last).clamp(0.0, last),
            Padding::Reflection => reflect(x, -0.5, last + 0.5).clamp(0.0, last),
        }
    }

    pub fn sample(
        mode: &str,
        image: Image<'_, f32>,
        [u, v]: [f32; 2],
        padding: Padding,
        align_corners: bool,
    ) -> f64 {
        let sides = [image.width(), image.height()];
        let [x, y] = [(u, sides[0]), (v, sides[1])].map(|(v, side)| {
            let (s, o) = axis(side, align_corners);
            f64::from(v) * s + o
        });
        let get = |x: f64, y: f64| {
            let inside = x >= 0.0 && y >= 0.0;
            let pixel = inside.then(|| image.get(x as usize, y as usize)).flatten();
            f64::from(pixel.unwrap_or(0.0))
        };
        let pad = |x: f64, axis: usize| pad(x, sides[axis], padding, align_corners);
        let (px, py) = (pad(x, 0), pad(y, 1));
        match mode {
            "nearest" => get(px.round_ties_even(), py.round_ties_even()),
            "bilinear" => {
                let (i, j) = (px.floor(), py.floor());
                let (f, g) = (px - i, py - j);
                (1.0 - g) * ((1.0 - f) * get(i, j) + f * get(i + 1.0, j))
                    + g * ((1.0 - f) * get(i, j + 1.0) + f * get(i + 1.0, j + 1.0))
            }
            _ => {
                let mut sum = 0.0;
                for j in -1..=2 {
                    for i in -1..=2 {
                        let (i, j) = (x.floor() + f64::from(i), y.floor() + f64::from(j));
                        sum += keys(x - i) * keys(y - j) * get(pad(i, 0), pad(j, 1));
                    }
                }
                sum
            }
        }
    }
}

/// A coordinate whose fraction of a pixel is at least 0.05 from whole and half ones, within two
/// images of the image.
fn plain(random: &mut Random, side: usize, align_corners: bool) -> f32 {
    let (s, o) = axis(side, align_corners);
    let fraction = random.real(0.05, 0.45) + [0.0, 0.5][random.below(2)];
    let x = random.below(3 * side) as f64 - side as f64 + fraction;
    ((x - o) / s) as f32
}

/// Pixels of absolute value below 1.
fn texture(random: &mut Random, shape: Sizes) -> Batch<f32> {
    Batch::new(shape, 0, || random.real(-1.0, 1.0) as f32)
}

/// Runs something for every mode, padding and meaning of the corners.
fn every_mode(mut run: impl FnMut(&str, &dyn Modal, Padding, bool)) {
    for padding in PADDINGS {
        for align_corners in [false, true] {
            run("nearest", &NearestEven, padding, align_corners);
            run("bilinear", &Bilinear, padding, align_corners);
            run("bicubic", &Cubic::<-75>, padding, align_corners);
        }
    }
}

/// `f32` batches of one channel by a kernel that is not named.
trait Modal {
    fn sample(&self, input: &Batch<f32>, grid: &Batch<[f32; 2]>, padding: Padding, align: bool)
    -> Batch<f32>;
    fn sample_theta(
        &self,
        input: &Batch<f32>,
        theta: &[Theta],
        out: &mut Batch<f32>,
        padding: Padding,
        align: bool,
    );
    fn adjoint(
        &self,
        like: &Batch<f32>,
        cotangent: &Batch<f32>,
        grid: &Batch<[f32; 2]>,
        padding: Padding,
        align: bool,
    ) -> Batch<f32>;
    fn grid_gradient(
        &self,
        input: &Batch<f32>,
        cotangent: &Batch<f32>,
        grid: &Batch<[f32; 2]>,
        padding: Padding,
        align: bool,
    ) -> Batch<[f32; 2]>;
    fn theta_gradient(
        &self,
        input: &Batch<f32>,
        cotangent: &Batch<f32>,
        theta: &[Theta],
        padding: Padding,
        align: bool,
    ) -> Vec<[[f64; 3]; 2]>;
}

impl<K: Linear> Modal for K {
    fn sample(
        &self,
        input: &Batch<f32>,
        grid: &Batch<[f32; 2]>,
        padding: Padding,
        align: bool,
    ) -> Batch<f32> {
        let [n, _, h, w] = grid.shape;
        let mut out = Batch::new([n, input.shape[1], h, w], 0, || 0.0);
        GridSample::new(*self, padding, align)
            .sample(input.view(), grid.view(), &mut out.view_mut())
            .unwrap();
        out
    }
    fn sample_theta(
        &self,
        input: &Batch<f32>,
        theta: &[Theta],
        out: &mut Batch<f32>,
        padding: Padding,
        align: bool,
    ) {
        GridSample::new(*self, padding, align).sample(input.view(), theta, &mut out.view_mut()).unwrap();
    }
    fn adjoint(
        &self,
        like: &Batch<f32>,
        cotangent: &Batch<f32>,
        grid: &Batch<[f32; 2]>,
        padding: Padding,
        align: bool,
    ) -> Batch<f32> {
        let mut out = Batch::new(like.shape, 0, || 0.0);
        let sampler = GridSample::new(*self, padding, align);
        sampler.adjoint::<f32, _>(cotangent.view(), grid.view(), &mut out.view_mut()).unwrap();
        out
    }
    fn grid_gradient(
        &self,
        input: &Batch<f32>,
        cotangent: &Batch<f32>,
        grid: &Batch<[f32; 2]>,
        padding: Padding,
        align: bool,
    ) -> Batch<[f32; 2]> {
        gradient_by_grid(*self, input, cotangent, grid, padding, align)
    }
    fn theta_gradient(
        &self,
        input: &Batch<f32>,
        cotangent: &Batch<f32>,
        theta: &[Theta],
        padding: Padding,
        align: bool,
    ) -> Vec<[[f64; 3]; 2]> {
        let mut out = vec![[[f64::NAN; 3]; 2]; theta.len()];
        let sampler = GridSample::new(*self, padding, align);
        sampler.theta_gradient(input.view(), cotangent.view(), theta, &mut out).unwrap();
        out
    }
}

fn gradient_by_grid<K: Interpolator>(
    kernel: K,
    input: &Batch<f32>,
    cotangent: &Batch<f32>,
    grid: &Batch<[f32; 2]>,
    padding: Padding,
    align: bool,
) -> Batch<[f32; 2]> {
    let mut out = Batch::new(grid.shape, 0, || [f32::NAN; 2]);
    let sampler = GridSample::new(kernel, padding, align);
    sampler.grid_gradient(input.view(), cotangent.view(), grid.view(), &mut out.view_mut()).unwrap();
    out
}

/// A coordinate in `f32` is within 2^-19 px of the exact one: |x| is below 32 here, so the product
/// and the sum are rounded by 2^-20 each. Times the largest slope, in levels per pixel: 2 for
/// bilinear; bicubic, with levels below 1, at most 1.5 x 2 along one axis times 1.375^2 of both.
const COORDINATE: f64 = 1.0 / 524_288.0;
const SLOPE: f64 = 6.0;
/// Roundings of a value: some tens of operations on numbers below 4.
const VALUE: f64 = 1e-5;

#[test]
fn values_are_those_of_the_frameworks() {
    let mut random = Random(3);
    every_mode(|mode, kernel, padding, align| {
        for _ in 0..20 {
            let [w, h] = [2 + random.below(7), 2 + random.below(7)];
            let input = texture(&mut random, [2, 2, h, w]);
            let grid =
                Batch::new([2, 1, 3, 40], 0, || [plain(&mut random, w, align), plain(&mut random, h, align)]);
            let out = kernel.sample(&input, &grid, padding, align);
            for at @ [n, c, y, x] in out.indices() {
                let point = grid.get([n, 0, y, x]);
                let expected = frameworks::sample(mode, input.plane(n, c), point, padding, align);
                let error = (f64::from(out.get(at)) - expected).abs();
                assert!(error <= SLOPE * COORDINATE + VALUE, "{mode} {padding:?} {align} {point:?}: {error}");
            }
        }
    });
}

/// Ties, in pixels of the input: every half pixel from -2 to 2 images away. (In `f64` and in `f32`
/// alike, since the scales are powers of two.)
#[test]
fn ties_are_those_of_the_frameworks() {
    let mut random = Random(4);
    for padding in PADDINGS {
        for (align, side) in [(false, 4), (false, 8), (true, 5), (true, 9)] {
            let input = texture(&mut random, [1, 1, side, side]);
            let (s, o) = axis(side, align);
            let mut ties = (-4 * side as i32..4 * side as i32).map(|i| ((f64::from(i) / 2.0 - o) / s) as f32);
            let along: Vec<f32> = ties.by_ref().collect();
            let mut points = along.iter().flat_map(|&x| along.iter().map(move |&y| [x, y]));
            let grid = Batch::new([1, 1, along.len(), along.len()], 0, || points.next().unwrap());
            let out = NearestEven.sample(&input, &grid, padding, align);
            for at in out.indices() {
                let expected = frameworks::sample("nearest", input.plane(0, 0), grid.get(at), padding, align);
                assert_eq!(f64::from(out.get(at)), expected, "{padding:?} {align} {side} {:?}", grid.get(at));
            }
        }
    }
}

/// Central differences over h = 2^-6 px to both sides, which stay within one piece of the kernel and
/// of the padding. Two coordinates and two values are rounded; the third derivative of bicubic, at
/// most 24 x 1.375 along an axis with levels below 1, gives h^2 / 6 of it.
#[test]
fn grid_gradients_are_finite_differences() {
    const H: f64 = 1.0 / 64.0;
    let tolerance = (2.0 * SLOPE * COORDINATE + 2.0 * VALUE) / (2.0 * H) + 33.0 * H * H / 6.0;
    let mut random = Random(5);
    every_mode(|mode, kernel, padding, align| {
        let [w, h] = [2 + random.below(7), 2 + random.below(7)];
        let input = texture(&mut random, [1, 1, h, w]);
        let grid =
            Batch::new([1, 1, 4, 50], 0, || [plain(&mut random, w, align), plain(&mut random, h, align)]);
        let ones = Batch::new(grid.shape, 0, || 1.0);
        let gradient = kernel.grid_gradient(&input, &ones, &grid, padding, align);
        let scales = [w, h].map(|side| axis(side, align).0);
        for (axis, scale) in scales.iter().enumerate() {
            let moved = |by: f64| {
                let mut points = grid.data.iter();
                let grid = Batch::new(grid.shape, 0, || {
                    let mut point = *points.next().unwrap();
                    point[axis] = (f64::from(point[axis]) + by / scale) as f32;
                    point
                });
                kernel.sample(&input, &grid, padding, align)
            };
            let (after, before) = (moved(H), moved(-H));
            for at in gradient.indices() {
                let difference = f64::from(after.get(at) - before.get(at)) / (2.0 * H);
                let error = (f64::from(gradient.get(at)[axis]) / scale - difference).abs();
                assert!(error <= tolerance, "{mode} {padding:?} {align} {:?}: {error}", grid.get(at));
            }
        }
    });
}

/// Sampling is linear in the input: a difference over any step is the derivative, but for roundings
/// (of values, and of a sum of as many as there are outputs). And `<W x, y> = <x, W' y>`.
#[test]
fn input_gradients_are_finite_differences_and_the_adjoint() {
    let mut random = Random(6);
    every_mode(|mode, kernel, padding, align| {
        let input = texture(&mut random, [2, 2, 4, 5]);
        let grid =
            Batch::new([2, 1, 3, 7], 0, || [plain(&mut random, 5, align), plain(&mut random, 4, align)]);
        let cotangent = texture(&mut random, [2, 2, 3, 7]);
        let gradient = kernel.adjoint(&input, &cotangent, &grid, padding, align);
        let loss = |input: &Batch<f32>| -> f64 {
            let out = kernel.sample(input, &grid, padding, align);
            out.data.iter().zip(&cotangent.data).map(|(&v, &y)| f64::from(v) * f64::from(y)).sum()
        };
        let tolerance = 2.0 * VALUE * 21.0;
        for at @ [n, c, y, x] in input.indices() {
            let mut moved = Batch { data: input.data.clone(), ..input };
            moved.view_mut().row_mut(n, c, y)[x] += 1.0;
            let error = (loss(&moved) - loss(&input) - f64::from(gradient.get(at))).abs();
            assert!(error <= tolerance, "{mode} {padding:?} {align} {at:?}: {error}");
        }
        let dot: f64 =
            input.data.iter().zip(&gradient.data).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        assert!((loss(&input) - dot).abs() <= 84.0 * VALUE, "{mode} {padding:?} {align}");
    });
}

/// A theta with points that are plain, all 3 x 3 of them.
fn plain_theta(random: &mut Random, [w, h]: [usize; 2], align: bool) -> Theta {
    loop {
        let mut near = |v: f64| (v + random.real(-0.9, 0.9)) as f32;
        let theta = [[near(1.0), near(0.0), near(0.0)], [near(0.0), near(1.0), near(0.0)]];
        let mut grid = [[0.0; 2]; 9];
        affine_grid(&[theta], align, &mut TensorMut::new(&mut grid, [1, 1, 3, 3]).unwrap()).unwrap();
        let plain = |v: f32, side: usize| {
            let (s, o) = axis(side, align);
            let half = ((f64::from(v) * s + o) * 2.0).rem_euclid(1.0);
            (0.1..=0.9).contains(&half)
        };
        if grid.iter().all(|&[x, y]| plain(x, w) && plain(y, h)) {
            return theta;
        }
    }
}

/// As for the grid, over the nine points: a step of theta moves none of them by more than h.
#[test]
fn theta_gradients_are_finite_differences() {
    const H: f64 = 1.0 / 64.0;
    let per_point = (2.0 * SLOPE * COORDINATE + 2.0 * VALUE) / (2.0 * H) + 33.0 * H * H / 6.0;
    let mut random = Random(7);
    every_mode(|mode, kernel, padding, align| {
        let [w, h] = [2 + random.below(5), 2 + random.below(5)];
        let input = texture(&mut random, [2, 2, h, w]);
        let cotangent = texture(&mut random, [2, 2, 3, 3]);
        let theta = [0; 2].map(|_| plain_theta(&mut random, [w, h], align));
        let gradient = kernel.theta_gradient(&input, &cotangent, &theta, padding, align);
        let loss = |theta: [Theta; 2], n: usize| -> f64 {
            let mut out = Batch::new(cotangent.shape, 0, || 0.0);
            kernel.sample_theta(&input, &theta, &mut out, padding, align);
            let products = out.data.iter().zip(&cotangent.data).map(|(&v, &y)| f64::from(v) * f64::from(y));
            products.skip(n * 18).take(18).sum()
        };
        for i in 0..12 {
            let (n, row, column) = (i / 6, i / 3 % 2, i % 3);
            let scale = axis([w, h][row], align).0;
            let moved = |by: f64| {
                let mut theta = theta;
                let entry = &mut theta[n][row][column];
                *entry = (f64::from(*entry) + by / scale) as f32;
                // The step that f32 leaves.
                (loss(theta, n), f64::from(theta[n][row][column]))
            };
            let ((after, b), (before, a)) = (moved(H), moved(-H));
            let error = (gradient[n][row][column] - (after - before) / (b - a)).abs() / scale;
            assert!(error <= 18.0 * per_point, "{mode} {padding:?} {align} {i}: {error}");
        }
    });
}

/// A theta's gradient is that of its grid, times the base coordinates: to the bit in integers.
#[test]
fn theta_gradients_are_sums_of_grid_gradients() {
    let mut random = Random(8);
    for padding in PADDINGS {
        for align in [false, true] {
            let [w, h] = [1 + random.below(20), 1 + random.below(20)];
            let [columns, rows] = [1 + random.below(80), 1 + random.below(5)];
            let input = Batch::new([2, 3, h, w], 1, || random.bits() as u8);
            let cotangent = Batch::new([2, 3, rows, columns], 2, || (random.bits() >> 50) as i32);
            let theta = [0; 2].map(|_| {
                let mut near = |v: f64| (v + random.real(-0.5, 0.5)) as f32;
                [[near(1.0), near(0.0), near(0.0)], [near(0.0), near(1.0), near(0.0)]]
            });
            let sampler = GridSample::new(Bilinear, padding, align);
            let mut gradient = [[[0.0; 3]; 2]; 2];
            sampler.theta_gradient(input.view(), cotangent.view(), &theta, &mut gradient).unwrap();
            let mut points = Batch::new([2, 1, rows, columns], 0, || [0; 2]);
            sampler
                .grid_gradient(input.view(), cotangent.view(), &theta[..], &mut points.view_mut())
                .unwrap();
            let mut sums = [[[0_i128; 3]; 2]; 2];
            for at @ [n, _, y, x] in points.indices() {
                let base = [2 * x as i128 + 1 - columns as i128, 2 * y as i128 + 1 - rows as i128, 1];
                for (sums, g) in sums[n].iter_mut().zip(points.get(at)) {
                    for (sum, base) in sums.iter_mut().zip(base) {
                        *sum += i128::from(g) * base;
                    }
                }
            }
            let divisor = |side: usize| (side - usize::from(align)).max(1) as f64;
            let divisors = [divisor(columns), divisor(rows), 1.0];
            for (gradient, sums) in gradient.iter().zip(sums) {
                for (gradient, sums) in gradient.iter().zip(sums) {
                    let expected: Vec<f64> =
                        sums.iter().zip(divisors).map(|(&s, d)| s as f64 / 32_768.0 / d).collect();
                    assert_eq!(gradient[..], expected, "{padding:?} {align}");
                }
            }
        }
    }
}

/// One pass has the bits of two, also where values and partials round their coordinates differently,
/// and shows the loss every value once.
#[test]
fn a_loss_in_one_pass() {
    fn compare<K: Linear, P: Element>(kernel: K, random: &mut Random) {
        for i in 0..12 {
            let (padding, align) = (PADDINGS[i % 3], i % 2 == 0);
            let (c, size) = (1 + random.below(3), [1 + random.below(4), 1 + random.below(80)]);
            let input = Batch::new([2, c, 7, 9], 1, || P::noise(random.bits()));
            let theta = [0; 2].map(|_| {
                let mut near = |v: f64| (v + random.real(-0.5, 0.5)) as f32;
                [[near(1.0), near(0.0), near(0.0)], [near(0.0), near(1.0), near(0.0)]]
            });
            // Of the value, and of its place.
            let weigh = |[n, c, y, x]: [usize; 4], value: P| {
                P::cotangent((value.real().to_bits() >> 9) ^ ((n * 7 + c * 5 + y * 3 + x) as u64) << 40)
            };
            let sampler = GridSample::new(kernel, padding, align);
            let mut values = Batch::new([2, c, size[0], size[1]], 0, P::zero);
            sampler.sample(input.view(), &theta[..], &mut values.view_mut()).unwrap();
            let mut places = values.indices();
            let cotangent = Batch::new(values.shape, 0, || {
                let at = places.next().unwrap();
                weigh(at, values.get(at))
            });
            let mut expected = [[[0.0; 3]; 2]; 2];
            sampler.theta_gradient(input.view(), cotangent.view(), &theta, &mut expected).unwrap();
            let (mut gradient, mut seen) = ([[[0.0; 3]; 2]; 2], Batch::new(values.shape, 0, P::zero));
            let loss = |[n, c, y, x]: [usize; 4], values: &[P], cotangents: &mut [<P as Tap>::Cotangent]| {
                seen.view_mut().row_mut(n, c, y)[x..][..values.len()].copy_from_slice(values);
                for (i, (out, &value)) in cotangents.iter_mut().zip(values).enumerate() {
                    *out = weigh([n, c, y, x + i], value);
                }
            };
            sampler.theta_gradient_of(input.view(), &theta, size, loss, &mut gradient).unwrap();
            assert_eq!(gradient, expected);
            assert!(seen.data == values.data);
        }
    }
    let mut random = Random(13);
    compare::<_, u8>(Bilinear, &mut random);
    compare::<_, f32>(Bilinear, &mut random);
    compare::<_, i16>(Surrogate::new(NearestEven, Bilinear), &mut random);
    compare::<_, f32>(Surrogate::new(NearestEven, StraightThrough), &mut random);
    compare::<_, f32>(Linearized::new(0.8, 1.3).unwrap(), &mut random);
    compare::<_, u16>(Surrogate::new(Linearized::new(2.0, 0.5).unwrap(), Nearest), &mut random);
}

/// A ramp shows where it is sampled.
#[test]
fn theta_samples_where_its_grid_does() {
    let mut random = Random(9);
    for align in [false, true] {
        let ramp: Vec<f32> = (0..64 * 48).map(|i| (i % 64) as f32).collect();
        let input = Tensor::new(&ramp, [1, 1, 48, 64]).unwrap();
        for _ in 0..50 {
            let mut near = |v: f64| (v + random.real(-0.2, 0.2)) as f32;
            let theta = [[[near(0.5), near(0.0), near(0.0)], [near(0.0), near(0.5), near(0.0)]]];
            let mut out = [0.0; 5 * 33];
            let sampler = GridSample::new(Bilinear, Padding::Border, align);
            sampler.sample(input, &theta[..], &mut TensorMut::new(&mut out, [1, 1, 5, 33]).unwrap()).unwrap();
            let (s, o) = axis(64, align);
            for (i, &v) in out.iter().enumerate() {
                let base = |i: usize, n: usize| {
                    let d = if align { n as f64 - 1.0 } else { n as f64 };
                    (2.0 * i as f64 + 1.0 - n as f64) / d
                };
                let [a, b, c] = theta[0][0].map(f64::from);
                let x = ((a * base(i % 33, 33) + b * base(i / 33, 5) + c) * s + o).clamp(0.0, 63.0);
                // Half a unit in the last place of the value, and of Q24, and the coordinate's error.
                assert!((f64::from(v) - x).abs() < 2.0_f64.powi(-18), "{align} {i}: {v} {x}");
            }
        }
    }
}

#[test]
fn affine_grid_gradient_is_the_transpose() {
    let mut random = Random(10);
    for align in [false, true] {
        for [w, h] in [[7, 4], [1, 3], [40, 1], [1, 1]] {
            let mut entry = || random.real(-2.0, 2.0) as f32;
            let theta = [[[entry(), entry(), entry()], [entry(), entry(), entry()]]];
            let cotangent = Batch::new([1, 1, h, w], 1, || [entry(), entry()]);
            let mut grid = Batch::new([1, 1, h, w], 2, || [0.0; 2]);
            affine_grid(&theta, align, &mut grid.view_mut()).unwrap();
            let mut gradient = [[[0.0; 3]; 2]];
            affine_grid_gradient(cotangent.view(), align, &mut gradient).unwrap();
            let dot = |a: [f32; 2], b: [f32; 2]| {
                f64::from(a[0]) * f64::from(b[0]) + f64::from(a[1]) * f64::from(b[1])
            };
            let left: f64 = grid.indices().map(|at| dot(grid.get(at), cotangent.get(at))).sum();
            let entries = theta.as_flattened().as_flattened().iter();
            let right: f64 =
                entries.zip(gradient.as_flattened().as_flattened()).map(|(&t, g)| f64::from(t) * g).sum();
            // The grid is rounded to f32: four operations on numbers below 8.
            assert!(
                (left - right).abs() <= (w * h) as f64 * 2.0 * 2.0 * 4.0 * 2.0_f64.powi(-22),
                "{left} {right}"
            );
        }
    }
}

/// A surrogate has the values and the adjoint of nearest, and the gradients of what it names.
#[test]
fn surrogates_of_nearest() {
    let mut random = Random(11);
    for padding in PADDINGS {
        for align in [false, true] {
            let input = texture(&mut random, [1, 2, 6, 5]);
            let grid = Batch::new([1, 1, 3, 50], 0, || [0, 1].map(|i| coordinate(&mut random, 5 + i, align)));
            let cotangent = texture(&mut random, [1, 2, 3, 50]);
            let bilinear = Surrogate::new(NearestEven, Bilinear);
            let values = [
                bilinear.sample(&input, &grid, padding, align),
                NearestEven.sample(&input, &grid, padding, align),
            ];
            assert!(values[0].data == values[1].data);
            let adjoints = [&bilinear as &dyn Modal, &NearestEven]
                .map(|k| k.adjoint(&input, &cotangent, &grid, padding, align));
            assert!(adjoints[0].data == adjoints[1].data);

            let expected = gradient_by_grid(Bilinear, &input, &cotangent, &grid, padding, align);
            assert!(bilinear.grid_gradient(&input, &cotangent, &grid, padding, align).data == expected.data);
            assert!(expected.data.iter().any(|g| *g != [0.0; 2]));
            let zero = NearestEven.grid_gradient(&input, &cotangent, &grid, padding, align);
            assert!(zero.data.iter().all(|g| *g == [0.0; 2]));
            let straight = Surrogate::new(NearestEven, StraightThrough);
            let theta = [[[0.8, 0.1, 0.03], [0.1, 0.7, 0.02]]];
            let gradient = straight.theta_gradient(&input, &cotangent, &theta, padding, align);
            assert!(gradient[0].iter().flatten().all(|g| g.is_finite() && *g != 0.0));
        }
    }
}

/// Central differences at the rounded pixel, within the image.
#[test]
fn straight_through_passes_central_differences() {
    let row = [3_u8, 10, 30, 90, 95];
    let sampler = GridSample::new(Surrogate::new(NearestEven, StraightThrough), Padding::Border, true);
    // Two pixels per unit; at 1.25, 2.5 and 3.5. Ties go to pixels 3 and 4 (the surrogate's own rule,
    // half up), and beyond 4 the border is replicated.
    let grid = [[-0.375_f32, 0.0], [0.25, 0.0], [0.75, 0.0]];
    let mut gradient = [[0; 2]; 3];
    sampler
        .grid_gradient(
            Tensor::new(&row, [1, 1, 1, 5]).unwrap(),
            Tensor::new(&[1, 1, 1], [1, 1, 1, 3]).unwrap(),
            Tensor::new(&grid, [1, 1, 1, 3]).unwrap(),
            &mut TensorMut::new(&mut gradient, [1, 1, 1, 3]).unwrap(),
        )
        .unwrap();
    assert_eq!(gradient.map(|g| g[0] as f64 / 32_768.0), [27.0, 65.0, 5.0]);
}

/// Channels-last: one plane of pixels is as many planes of channels.
#[test]
fn interleaved_channels_are_planes() {
    let mut random = Random(12);
    let pixels: Vec<[i16; 3]> = (0..30).map(|_| [0; 3].map(|_| random.bits() as i16)).collect();
    let planes: Vec<i16> = (0..3).flat_map(|c| pixels.iter().map(move |p| p[c])).collect();
    let theta: &[Theta] = &[[[0.9, 0.2, 0.1], [-0.3, 0.8, 0.05]]];
    for padding in PADDINGS {
        let sampler = GridSample::new(Bilinear, padding, false);
        let (mut last, mut first) = ([[0; 3]; 28], [0; 84]);
        let input = Tensor::new(&pixels, [1, 1, 5, 6]).unwrap();
        sampler.sample(input, theta, &mut TensorMut::new(&mut last, [1, 1, 4, 7]).unwrap()).unwrap();
        let input_planes = Tensor::new(&planes, [1, 3, 5, 6]).unwrap();
        sampler.sample(input_planes, theta, &mut TensorMut::new(&mut first, [1, 3, 4, 7]).unwrap()).unwrap();
        assert!((0..84).all(|i| first[i] == last[i % 28][i / 28]));
        let (ones, planes_of_ones) = ([[1; 3]; 28], [1; 84]);
        let mut gradients = [[[[0.0; 3]; 2]]; 2];
        let [a, b] = &mut gradients;
        sampler.theta_gradient(input, Tensor::new(&ones, [1, 1, 4, 7]).unwrap(), theta, a).unwrap();
        sampler
            .theta_gradient(input_planes, Tensor::new(&planes_of_ones, [1, 3, 4, 7]).unwrap(), theta, b)
            .unwrap();
        assert_eq!(gradients[0], gradients[1]);
    }
}

/// What is wrong is said before anything is written.
#[test]
fn errors() {
    let (x, t, g) = ([1_u8; 36], [[[1.0_f32, 0.0, 0.0], [0.0, 1.0, 0.0]]; 2], [[0.0_f32; 2]; 36]);
    let input = Tensor::new(&x, [2, 2, 3, 3]).unwrap();
    let sampler = GridSample::new(Bilinear, Padding::Border, true);
    fn sample<G: Points>(
        sampler: &GridSample<Bilinear>,
        input: Tensor<'_, u8>,
        points: G,
        shape: Sizes,
    ) -> Result<(), Error> {
        let mut out = [7; 36];
        let result = sampler.sample(input, points, &mut TensorMut::new(&mut out, shape).unwrap());
        assert_eq!(result.is_err(), out == [7; 36]);
        result
    }
    let grid = |shape| Tensor::new(&g, shape).unwrap();
    assert_eq!(sample(&sampler, input, &t[..], [2, 2, 3, 3]), Ok(()));
    assert_eq!(sample(&sampler, input, grid([2, 1, 3, 3]), [2, 2, 3, 3]), Ok(()));
    for shape in [[1, 2, 3, 3], [2, 1, 3, 3]] {
        assert_eq!(sample(&sampler, input, &t[..], shape), Err(Error::SizeMismatch));
    }
    assert_eq!(sample(&sampler, input, &t[..1], [2, 2, 3, 3]), Err(Error::SizeMismatch));
    for shape in [[1, 1, 3, 3], [2, 2, 3, 3], [2, 1, 3, 2], [2, 1, 2, 3]] {
        assert_eq!(sample(&sampler, input, grid(shape), [2, 2, 3, 3]), Err(Error::SizeMismatch));
    }
    for (v, error) in
        [(f32::NAN, Error::NotFinite), (f32::INFINITY, Error::NotFinite), (2e9, Error::OutOfRange)]
    {
        let mut bad = t;
        bad[1][1][2] = v;
        assert_eq!(sample(&sampler, input, &bad[..], [2, 2, 3, 3]), Err(error));
        let mut gradient = [[[7.0; 3]; 2]; 2];
        let cotangent = [1; 36];
        let cotangent = Tensor::new(&cotangent, [2, 2, 3, 3]).unwrap();
        assert_eq!(sampler.theta_gradient(input, cotangent, &bad, &mut gradient), Err(error));
        assert_eq!(gradient, [[[7.0; 3]; 2]; 2]);
        assert_eq!(
            sampler.theta_gradient(input, cotangent, &t, &mut gradient[..1]),
            Err(Error::SizeMismatch)
        );
        let mut gradient = [[7; 2]; 18];
        let mut gradient = TensorMut::new(&mut gradient, [1, 2, 3, 3]).unwrap();
        assert_eq!(sampler.grid_gradient(input, cotangent, &t[..], &mut gradient), Err(Error::SizeMismatch));
    }
    let none = |_: [usize; 4], _: &[u8], _: &mut [i32]| panic!("there is nothing to ask for");
    let mut gradient = [[[7.0; 3]; 2]; 2];
    for (size, error) in [([0, 3], Error::Empty), ([3, 0], Error::Empty), ([3, usize::MAX], Error::TooLarge)]
    {
        assert_eq!(sampler.theta_gradient_of(input, &t, size, none, &mut gradient), Err(error));
    }
    assert_eq!(
        sampler.theta_gradient_of(input, &t, [3, 3], none, &mut gradient[..1]),
        Err(Error::SizeMismatch)
    );
    // A theta that is singular is none: everything is sampled at one point.
    let zero = [[[0.0; 3]; 2]; 2];
    assert_eq!(sample(&sampler, input, &zero[..], [2, 2, 3, 3]), Ok(()));
    let mut grid = [[7.0; 2]; 36];
    let mut view = TensorMut::new(&mut grid, [2, 2, 3, 3]).unwrap();
    assert_eq!(affine_grid(&t, true, &mut view), Err(Error::SizeMismatch));
    let mut view = TensorMut::new(&mut grid, [1, 1, 3, 3]).unwrap();
    assert_eq!(affine_grid(&t, true, &mut view), Err(Error::SizeMismatch));
}

/// The value at what is no place, and that it has no gradient.
#[test]
fn no_place() {
    let image = [10_u8, 20, 30, 40];
    let input = Tensor::new(&image, [1, 1, 2, 2]).unwrap();
    let bad = [f32::NAN, f32::NEG_INFINITY, f32::INFINITY, -1e38, 1e38];
    let grid: Vec<[f32; 2]> = bad.iter().flat_map(|&v| [[v, 0.0], [0.0, v]]).collect();
    for padding in PADDINGS {
        for align in [false, true] {
            let sampler = GridSample::new(NearestEven, padding, align);
            let smooth = GridSample::new(Bilinear, padding, align);
            let (mut out, mut gradient) = ([7; 10], [[7; 2]; 10]);
            let points = Tensor::new(&grid, [1, 1, 1, 10]).unwrap();
            sampler.sample(input, points, &mut TensorMut::new(&mut out, [1, 1, 1, 10]).unwrap()).unwrap();
            smooth
                .grid_gradient(
                    input,
                    Tensor::new(&[1; 10], [1, 1, 1, 10]).unwrap(),
                    points,
                    &mut TensorMut::new(&mut gradient, [1, 1, 1, 10]).unwrap(),
                )
                .unwrap();
            for (i, (v, g)) in out.into_iter().zip(gradient).enumerate() {
                match padding {
                    Padding::Zeros => assert_eq!((v, g), (0, [0, 0]), "{i}"),
                    // (The middle is a tie, to pixel 0.)
                    Padding::Border => {
                        let last = matches!(i / 2, 2 | 4);
                        let along = if i % 2 == 0 { 20 } else { 30 };
                        assert_eq!(v, if last { along } else { 10 }, "{i}");
                        assert_eq!(g[i % 2], 0);
                    }
                    Padding::Reflection => {
                        assert!(image.contains(&v));
                        assert_eq!(g[i % 2], 0);
                    }
                }
            }
        }
    }
}
