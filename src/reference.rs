//! The straightforward version of every sampling operation: what the fast ones are tested against.
//!
//! In and out: as the operations of [`Sampler`](crate::Sampler). Written from the documented
//! definitions, pixel by pixel, with exact integers and allocation wherever it helps the reader. It
//! shares nothing with the fast code but the rounding rule, floor(v + 1/2). Not part of the API.
#![forbid(unsafe_code)]

use std::f64::consts::PI;
use std::marker::PhantomData;
use std::slice::{from_mut, from_ref};
use std::vec::Vec;

use crate::kernel::weighted::{Smoothstep, Tent};
use crate::spline::Coefficient;
use crate::transform::Matrix;
use crate::{
    Affine, BSpline, Bilinear, Boundary, Channel, Cubic, Euclidean, Homography, Image, ImageMut, Lagrange,
    Lanczos, Nearest, NearestEven, Pixel, Similarity, StraightThrough, Tap as Tapped, Transform, Translation,
    WeightedNearest,
};

/// Coordinates end at 2^30 px on either side.
const LIMIT: i64 = 1 << 30;

/// `floor(v / 2^n + 1/2)`.
fn half_up(v: i128, n: u32) -> i128 {
    (2 * v + (1 << n)).div_euclid(2 << n)
}

/// `v / 2^n` rounded to a whole number, ties to the even one.
fn half_even(v: i128, n: u32) -> i128 {
    let up = half_up(v, n);
    if up << (n + 1) == (v << 1) + (1 << n) { up & !1 } else { up }
}

/// What coordinates are rounded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Half up, to this many fraction bits.
    HalfUp(u32),
    /// To whole pixels, ties to the even one.
    HalfEven,
}

impl From<u32> for To {
    fn from(bits: u32) -> Self {
        To::HalfUp(bits)
    }
}

impl To {
    /// Fraction bits.
    fn bits(self) -> u32 {
        match self {
            To::HalfUp(bits) => bits,
            To::HalfEven => 0,
        }
    }
    /// A number times 2^32, rounded.
    fn round(self, v: i128) -> i64 {
        match self {
            To::HalfUp(bits) => half_up(v, 32 - bits) as i64,
            To::HalfEven => half_even(v, 32) as i64,
        }
    }
}

/// 2^n.
fn power(n: u32) -> f64 {
    (1_u128 << n) as f64
}

/// A real coordinate, rounded: times 2^bits. It enters as the floor of 2^-32, within the range of
/// coordinates; NaN is the lower end.
pub fn position(v: f64, to: impl Into<To>) -> i64 {
    displaced(v, 0, to.into())
}

/// As [`position`], of a real number and a whole one, which are added after the floor.
fn displaced(v: f64, by: usize, to: To) -> i64 {
    let clamp = |v: i128| v.clamp(i128::from(-LIMIT) << 32, i128::from(LIMIT) << 32);
    // Scaling by a power of two is exact, and so is the floor.
    let floor = |v: f64| (v.clamp(-power(31), power(31)) * power(32)).floor() as i128;
    let v = if v.is_nan() { i128::from(-LIMIT) << 32 } else { clamp(floor(v)) };
    to.round(clamp(v + ((by as i128) << 32)))
}

/// A coefficient times 2^bits, rounded to nearest, halves away from zero.
fn coefficient(v: f64, bits: u32) -> i128 {
    (v * power(bits)).round() as i128
}

/// The image of a pixel under a matrix, in `f64`.
pub fn real_coordinates(m: &Matrix, x: f64, y: f64) -> (f64, f64) {
    let d = m[6] * x + m[7] * y + m[8];
    ((m[0] * x + m[1] * y + m[2]) / d, (m[3] * x + m[4] * y + m[5]) / d)
}

/// A warp as exact coordinates: the definitions of the walks.
#[derive(Clone, Debug)]
pub enum Coordinates<'a> {
    /// Coefficients in Q32.32.
    Affine([[i128; 3]; 2]),
    /// Coefficients times a power of two.
    Homography([[i128; 3]; 3]),
    /// Planes of x and of y.
    Map(Image<'a, f32>, Image<'a, f32>),
    /// Planes of what is added to the pixel's own x and y.
    Displacements(Image<'a, f32>, Image<'a, f32>),
}

/// A transform whose coordinates are defined here.
pub trait Exact: Transform {
    /// Its coordinates.
    fn coordinates(&self) -> Coordinates<'static>;
}

macro_rules! affine_coordinates {
    ($($t:ty),*) => {$(
        impl Exact for $t {
            fn coordinates(&self) -> Coordinates<'static> {
                let m = self.matrix();
                Coordinates::Affine([[m[0], m[1], m[2]], [m[3], m[4], m[5]]].map(|r| r.map(|v| coefficient(v, 32))))
            }
        }
    )*};
}
affine_coordinates!(Translation, Euclidean, Similarity, Affine);

impl Exact for Homography {
    fn coordinates(&self) -> Coordinates<'static> {
        let m = self.matrix();
        let rows = [[m[0], m[1], m[2]], [m[3], m[4], m[5]], [m[6], m[7], m[8]]];
        let largest =
            rows.iter().map(|[a, b, c]| (a.abs() + b.abs()) * 32_768.0 + c.abs()).fold(0.0, f64::max);
        let scale = (0..=61).rev().find(|&k| largest * power(k) < power(61)).expect("a valid homography");
        Coordinates::Homography(rows.map(|r| r.map(|v| coefficient(v, scale))))
    }
}

impl Coordinates<'_> {
    /// Those of a transform, where the destination is moved by `numerators / denominator` pixels.
    pub fn shifted(&self, [x, y]: [i128; 2], denominator: i128) -> Coordinates<'static> {
        let moved = |[a, b, c]: [i128; 3]| {
            [a, b, c + (2 * (a * x + b * y) + denominator).div_euclid(2 * denominator)]
        };
        match self {
            Coordinates::Affine(rows) => Coordinates::Affine(rows.map(moved)),
            Coordinates::Homography(rows) => Coordinates::Homography(rows.map(moved)),
            _ => panic!("a map has nothing between its pixels"),
        }
    }

    /// The source position of destination pixel (x, y), times 2^bits.
    pub fn at(&self, x: usize, y: usize, to: impl Into<To>) -> [i64; 2] {
        let to = to.into();
        match self {
            Coordinates::Affine(rows) => rows.map(|[a, b, c]| to.round(a * x as i128 + b * y as i128 + c)),
            Coordinates::Homography(rows) => quotient(rows, x, y).position(to),
            Coordinates::Map(px, py) => {
                [px, py].map(|p| position(p.get(x, y).expect("a pixel of the map").into(), to))
            }
            Coordinates::Displacements(px, py) => [(px, x), (py, y)]
                .map(|(p, by)| displaced(p.get(x, y).expect("a pixel of the field").into(), by, to)),
        }
    }
}

/// A homography at a pixel, in integers: numerators relative to whole pixels, and the denominator
/// times 2^exponent.
struct Quotient {
    numerators: [i128; 2],
    anchors: [i128; 2],
    denominator: i128,
    exponent: i32,
}

fn quotient(rows: &[[i128; 3]; 3], x: usize, y: usize) -> Quotient {
    let forms = |x: usize| rows.map(|[a, b, c]| a * x as i128 + b * y as i128 + c);
    let ends = |run: usize| [forms(x / run * run), forms(x / run * run + run - 1)];
    // One sign, and neither more than twice the other.
    let [a, b] = ends(256).map(|form| form[2]);
    let run = if a.signum() * b.signum() >= 0 && a.abs() <= 2 * b.abs() && b.abs() <= 2 * a.abs() {
        256
    } else {
        128
    };
    let (begin, ends) = (x / run * run, ends(run));
    // The end that is nearer, the first if both are as near: the anchor is the whole part of its
    // image, rounded towards zero.
    let [u, v, d] = if ends[0][2].abs() >= ends[1][2].abs() { ends[0] } else { ends[1] };
    let anchors = [u, v].map(|n| n.checked_div(d).unwrap_or(0).clamp(-65_536, 65_536));
    let length = |v: i128| 128 - v.unsigned_abs().leading_zeros() as i32;
    let relative = |axis: usize, form: [i128; 3]| form[axis] - anchors[axis] * form[2];
    let largest = (0..2).flat_map(|axis| ends.map(|end| length(relative(axis, end)))).max().unwrap_or(0);
    let shift = (length(d) - 31).max(largest - 45);
    let scaled = |v: i128| if shift > 0 { half_up(v, shift as u32) } else { v << -shift };
    // Steps are rounded, and count from the middle on.
    let middle = forms(begin + run / 2);
    let along =
        |middle: i128, step: i128| scaled(middle) + scaled(step) * (x as i128 - (begin + run / 2) as i128);
    let step = rows.map(|r| r[0]);
    // The last entry of the matrix is one: here the power of two by which all were multiplied.
    let scale = 127 - rows[2][2].leading_zeros() as i32;
    Quotient {
        numerators: [0, 1].map(|axis| along(relative(axis, middle), relative(axis, step))),
        anchors,
        denominator: along(middle[2], step[2]),
        exponent: scale - shift,
    }
}

impl Quotient {
    fn position(&self, to: To) -> [i64; 2] {
        let bits = to.bits();
        [0, 1].map(|axis| {
            if self.denominator == 0 {
                return -LIMIT << bits;
            }
            let n = self.numerators[axis] * self.denominator.signum();
            let d = self.denominator.abs();
            let mut quotient = ((n << (bits + 1)) + d).div_euclid(2 * d) + (self.anchors[axis] << bits);
            if to == To::HalfEven && (2 * n + d) % (2 * d) == 0 {
                quotient &= !1;
            }
            quotient.clamp(i128::from(-LIMIT) << bits, i128::from(LIMIT) << bits) as i64
        })
    }

    /// One over the denominator in Q32.
    fn reciprocal(&self) -> i128 {
        if self.denominator == 0 {
            return 0;
        }
        let r = (1_i128 << 62) / self.denominator.abs();
        let r = match self.exponent - 30 {
            up @ 0.. => r << up,
            -62..0 => half_up(r, (30 - self.exponent) as u32),
            _ => 0,
        };
        r.min(1 << 46) * self.denominator.signum()
    }
}

/// The pixel that stands for index `i` along a side of `n` pixels, by walking there.
pub fn extend<P>(boundary: &Boundary<P>, mut i: i64, n: i64) -> Option<i64> {
    if (0..n).contains(&i) {
        return Some(i);
    }
    let (period, before, after) = match boundary {
        Boundary::Constant(_) | Boundary::Transparent => return None,
        Boundary::Replicate => return Some(if i < 0 { 0 } else { n - 1 }),
        Boundary::Wrap => (n, None, None),
        // The index about which each end mirrors, doubled.
        Boundary::Reflect => (2 * n, Some(-1), Some(2 * n - 1)),
        Boundary::Reflect101 if n == 1 => return Some(0),
        Boundary::Reflect101 => (2 * n - 2, Some(0), Some(2 * n - 2)),
    };
    // Long strides first.
    for stride in (0..40).rev().map(|k| period << k) {
        while i >= n + stride {
            i -= stride;
        }
        while i < -stride {
            i += stride;
        }
    }
    while !(0..n).contains(&i) {
        i = match if i < 0 { before } else { after } {
            Some(mirror) => mirror - i,
            None if i < 0 => i + n,
            None => i - n,
        };
    }
    Some(i)
}

/// A number in which weights are computed: fixed point of some bits, or `f32`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// Its value.
    pub value: f64,
    /// Fraction bits, or none for `f32`.
    pub bits: Option<u32>,
}

impl Number {
    /// A real number as one of this format: rounded half up, `f32` to nearest.
    pub fn real(self, v: f64) -> Self {
        let value = match self.bits {
            Some(bits) => (v * power(bits) + 0.5).floor() / power(bits),
            None => f64::from(v as f32),
        };
        Self { value, ..self }
    }
    /// A constant in this format: rounded half up to Q30 before.
    pub fn constant(self, v: f64) -> Self {
        self.real((v * power(30) + 0.5).floor() / power(30))
    }
    /// Numbers in Q30 as ones of this format: each rounded half up, the middle one what the others
    /// leave of the rounded sum (`f32`: each to nearest).
    pub fn tabulate(self, q30: &[i128]) -> Vec<Self> {
        let round = |v: i128| self.real(v as f64 / power(30));
        let mut numbers: Vec<Self> = q30.iter().map(|&v| round(v)).collect();
        if self.bits.is_some() {
            let middle = (numbers.len() - 1) / 2;
            let others = numbers.iter().enumerate().filter(|(i, _)| *i != middle);
            let rest = others.fold(round(q30.iter().sum()), |rest, (_, &v)| rest - v);
            numbers[middle] = rest;
        }
        numbers
    }
    /// This number in Q24, for a fraction.
    pub fn q24(self) -> i64 {
        (self.value * power(24)) as i64
    }
}

impl std::ops::Add for Number {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.real(self.value + other.value)
    }
}
impl std::ops::Sub for Number {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.real(self.value - other.value)
    }
}
impl std::ops::Mul for Number {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        // (At most 50 bits, so exact before its rounding.)
        self.real(self.value * other.value)
    }
}

/// A kernel by its weight at distance d = x - tap, and the derivative of that by x (at a kink from
/// the right), and by the documented formula that gives its weights in some format.
pub trait Shape {
    /// Taps along one axis.
    const SUPPORT: usize;
    /// Whether a tie goes to the even pixel.
    const TIES_TO_EVEN: bool = false;
    /// The weight.
    fn weight(d: f64) -> f64;
    /// The slope.
    fn slope(d: f64) -> f64;
    /// The second derivative of the weight by x, of smooth kernels.
    fn curvature(_: f64) -> f64 {
        0.0
    }
    /// The weights of the taps at a fraction: exact, unless said otherwise.
    fn weights(f: Number) -> Vec<Number> {
        distances::<Self>(f).map(|d| f.real(Self::weight(d))).collect()
    }
    /// The slopes of the taps at a fraction: exact, unless said otherwise.
    fn slopes(f: Number) -> Vec<Number> {
        distances::<Self>(f).map(|d| f.real(Self::slope(d))).collect()
    }
    /// The second derivatives of the weights of the taps at a fraction: exact, unless said otherwise.
    fn curvatures(f: Number) -> Vec<Number> {
        distances::<Self>(f).map(|d| f.real(Self::curvature(d))).collect()
    }
}

/// The distances of the taps at a fraction.
pub fn distances<K: Shape + ?Sized>(f: Number) -> impl Iterator<Item = f64> {
    (0..K::SUPPORT).map(move |i| f.value - (i as f64 + 1.0 - (K::SUPPORT as f64 / 2.0).ceil()))
}

impl Shape for Nearest {
    const SUPPORT: usize = 1;
    fn weight(d: f64) -> f64 {
        f64::from((-0.5..0.5).contains(&d))
    }
    fn slope(_: f64) -> f64 {
        0.0
    }
}

impl Shape for NearestEven {
    const SUPPORT: usize = 1;
    const TIES_TO_EVEN: bool = true;
    fn weight(d: f64) -> f64 {
        Nearest::weight(d)
    }
    fn slope(_: f64) -> f64 {
        0.0
    }
}

/// Defined at whole distances only.
impl Shape for StraightThrough {
    const SUPPORT: usize = 3;
    fn weight(d: f64) -> f64 {
        Nearest::weight(d)
    }
    fn slope(d: f64) -> f64 {
        if d.abs() == 1.0 { -d / 2.0 } else { 0.0 }
    }
}

impl Shape for Bilinear {
    const SUPPORT: usize = 2;
    fn weight(d: f64) -> f64 {
        (1.0 - d.abs()).max(0.0)
    }
    fn slope(d: f64) -> f64 {
        if d < 0.0 { 1.0 } else { -1.0 }
    }
}

/// Keys 1981, eq. 4.
impl<const A: i32> Shape for Cubic<A> {
    const SUPPORT: usize = 4;
    fn weight(d: f64) -> f64 {
        let (a, s) = (f64::from(A) / 100.0, d.abs());
        match s {
            ..1.0 => (a + 2.0) * s.powi(3) - (a + 3.0) * s.powi(2) + 1.0,
            ..2.0 => a * s.powi(3) - 5.0 * a * s.powi(2) + 8.0 * a * s - 4.0 * a,
            _ => 0.0,
        }
    }
    fn slope(d: f64) -> f64 {
        let (a, s) = (f64::from(A) / 100.0, d.abs());
        let slope = match s {
            ..1.0 => 3.0 * (a + 2.0) * s.powi(2) - 2.0 * (a + 3.0) * s,
            ..2.0 => 3.0 * a * s.powi(2) - 10.0 * a * s + 8.0 * a,
            _ => 0.0,
        };
        if d < 0.0 { -slope } else { slope }
    }
    fn curvature(d: f64) -> f64 {
        let (a, s) = (f64::from(A) / 100.0, d.abs());
        // From the right: at -1 and 2 that is the piece around it.
        match d {
            -1.0..1.0 => 6.0 * (a + 2.0) * s - 2.0 * (a + 3.0),
            -2.0..2.0 => 6.0 * a * s - 10.0 * a,
            _ => 0.0,
        }
    }
    fn weights(f: Number) -> Vec<Number> {
        let (a, whole) = (f64::from(A) / 100.0, |v: f64| Number { value: v, ..f });
        let g = whole(1.0) - f;
        let p = whole(4.0 * f.value) * whole(4.0 * g.value);
        let u = p * f;
        let v = p - u;
        let (h, outer) = (f.constant(1.0 / 16.0) * (u - v), f.constant(a / 16.0));
        [outer * v, g - h - outer * u, f + h - outer * v, outer * u].into()
    }
    fn slopes(f: Number) -> Vec<Number> {
        let (a, whole) = (f64::from(A) / 100.0, |v: f64| Number { value: v, ..f });
        let (f2, f8, one) = (whole(2.0 * f.value), whole(8.0 * f.value), whole(1.0));
        let ff = f2 * f2;
        let du = f8 - whole(2.0 * ff.value) - ff;
        let dv = whole(4.0) - f8 - du;
        let (dh, outer) = (f.constant(0.25) * (du - dv), f.constant(a / 4.0));
        [outer * dv, whole(-1.0) - dh - outer * du, one + dh - outer * dv, outer * du].into()
    }
    fn curvatures(f: Number) -> Vec<Number> {
        let (a, whole) = (f64::from(A) / 100.0, |v: f64| Number { value: v, ..f });
        let f6 = whole(2.0) * (whole(2.0 * f.value) + f);
        let (ddu, ddv) = (whole(2.0) - f6, f6 - whole(4.0));
        let (ddh, outer) = (ddu - ddv, f.constant(a));
        [outer * ddv, whole(0.0) - ddh - outer * ddu, ddh - outer * ddv, outer * ddu].into()
    }
}

/// Duchon 1979: sinc(d) sinc(d / A), divided by the sum over all taps.
fn lanczos(d: f64, a: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    if d.abs() < a { sinc(d) * sinc(d / a) } else { 0.0 }
}

/// Its derivative.
fn lanczos_slope(d: f64, a: f64) -> f64 {
    if d == 0.0 || d.abs() >= a {
        return 0.0;
    }
    let (x, y) = (PI * d, PI * d / a);
    // sin x sin y a / (pi d)^2
    (x.cos() * y.sin() * a * PI + x.sin() * y.cos() * PI) / (x * x) - 2.0 * lanczos(d, a) / d
}

/// Its second derivative (at -A, the right one).
fn lanczos_curvature(d: f64, a: f64) -> f64 {
    let (alpha, beta) = (PI * PI, PI * PI / (a * a));
    if d.abs() < 0.01 {
        // Of the product of two series, since the closed form cancels here.
        let fourth = (alpha * alpha + beta * beta) / 120.0 + alpha * beta / 36.0;
        return 12.0 * d * d * fourth - (alpha + beta) / 3.0;
    }
    // N = sin x sin y and its derivatives, divided by d^2.
    let (x, y) = (PI * d, PI * d / a);
    let n = x.sin() * y.sin();
    let dn = PI * (x.cos() * y.sin() + x.sin() * y.cos() / a);
    let ddn = 2.0 * alpha / a * x.cos() * y.cos() - n * (alpha + beta);
    a / alpha * (ddn / d.powi(2) - 4.0 * dn / d.powi(3) + 6.0 * n / d.powi(4))
}

/// The second derivatives of the weights of the 2A taps of a fraction.
fn lanczos_curvatures(f: f64, a: usize) -> Vec<f64> {
    let distances: Vec<f64> = (0..2 * a).map(|i| f - (i as f64 + 1.0 - a as f64)).collect();
    let sum = |v: fn(f64, f64) -> f64| distances.iter().map(|&d| v(d, a as f64)).sum::<f64>();
    let (s, ds, dds) = (sum(lanczos), sum(lanczos_slope), sum(lanczos_curvature));
    let [weights, slopes] = lanczos_row(f, a);
    let terms = distances.iter().zip(weights).zip(slopes);
    terms.map(|((&d, w), dw)| (lanczos_curvature(d, a as f64) - 2.0 * dw * ds - w * dds) / s).collect()
}

/// The weights of the 2A taps of a fraction, which may be one, and their slopes.
fn lanczos_row(f: f64, a: usize) -> [Vec<f64>; 2] {
    let distances: Vec<f64> = (0..2 * a).map(|i| f - (i as f64 + 1.0 - a as f64)).collect();
    let values = |v: fn(f64, f64) -> f64| distances.iter().map(|&d| v(d, a as f64)).collect::<Vec<f64>>();
    let (weights, slopes) = (values(lanczos), values(lanczos_slope));
    let (sum, slope): (f64, f64) = (weights.iter().sum(), slopes.iter().sum());
    let slopes = weights.iter().zip(slopes).map(|(w, s)| (s - w / sum * slope) / sum).collect();
    [weights.iter().map(|w| w / sum).collect(), slopes]
}

/// A row of the table: rounded to Q30, the middle one what the others leave.
fn lanczos_table(phase: i64, a: usize) -> [Vec<i128>; 2] {
    let [weights, slopes] = lanczos_row(phase as f64 / 64.0, a);
    let rounded = |v: Vec<f64>, sum: i128| {
        let mut v: Vec<i128> = v.iter().map(|v| (v * power(30) + 0.5).floor() as i128).collect();
        v[a - 1] += sum - v.iter().sum::<i128>();
        v
    };
    [rounded(weights, 1 << 30), rounded(slopes, 0)]
}

/// For each tap, of a number of f32 or fixed point, something made of its Hermite coefficients
/// (w0, m0, c2, c3) and t in Q18.
fn lanczos_taps(f: Number, a: usize, piece: fn([i128; 4], i128) -> i128) -> Vec<Number> {
    let (phase, t) = (f.q24() >> 18, i128::from(f.q24() & 0x3_ffff));
    let ([w0, m0], [w1, m1]) = (lanczos_table(phase, a), lanczos_table(phase + 1, a));
    let taps = (0..2 * a).map(|i| {
        let d = 64 * (w1[i] - w0[i]);
        piece([w0[i], m0[i], 3 * d - 2 * m0[i] - m1[i], m0[i] + m1[i] - 2 * d], t)
    });
    f.tabulate(&taps.collect::<Vec<i128>>())
}

macro_rules! lanczos_shape {
    ($($a:literal),*) => {$(
        impl Shape for Lanczos<$a> {
            const SUPPORT: usize = 2 * $a;
            fn weight(d: f64) -> f64 {
                let cell = d.floor();
                let tap = $a as f64 - 1.0 - cell;
                if d.abs() < $a as f64 { lanczos_row(d - cell, $a)[0][tap as usize] } else { 0.0 }
            }
            fn slope(d: f64) -> f64 {
                let cell = d.floor();
                let tap = $a as f64 - 1.0 - cell;
                if d.abs() < $a as f64 { lanczos_row(d - cell, $a)[1][tap as usize] } else { 0.0 }
            }
            fn curvature(d: f64) -> f64 {
                let cell = d.floor();
                let tap = $a as f64 - 1.0 - cell;
                if (-($a as f64)..$a as f64).contains(&d) { lanczos_curvatures(d - cell, $a)[tap as usize] } else { 0.0 }
            }
            fn weights(f: Number) -> Vec<Number> {
                lanczos_taps(f, $a, |[w0, m0, c2, c3], t| {
                    w0 + half_up(t * (m0 + half_up(t * (c2 + half_up(t * c3, 18)), 18)), 24)
                })
            }
            fn slopes(f: Number) -> Vec<Number> {
                lanczos_taps(f, $a, |[_, m0, c2, c3], t| m0 + half_up(t * (2 * c2 + half_up(3 * t * c3, 18)), 18))
            }
            fn curvatures(f: Number) -> Vec<Number> {
                let quarters = lanczos_taps(f, $a, |[_, _, c2, c3], t| 32 * c2 + half_up(96 * t * c3, 18));
                quarters.into_iter().map(|q| q.real(4.0 * q.value)).collect()
            }
        }
    )*};
}
lanczos_shape!(2, 3, 4);

/// The polynomial that is one at pixel `n` of -2 to 3 and zero at the others, and its derivative.
fn lagrange(f: f64, n: i32) -> [f64; 2] {
    let others = || (-2..=3).filter(move |&j| j != n);
    let factor = |j: i32| (f - f64::from(j)) / f64::from(n - j);
    let without = |i: i32| others().filter(|&j| j != i).map(factor).product::<f64>() / f64::from(n - i);
    [others().map(factor).product(), others().map(without).sum()]
}

impl Shape for Lagrange {
    const SUPPORT: usize = 6;
    fn weight(d: f64) -> f64 {
        if (-3.0..3.0).contains(&d) { lagrange(d - d.floor(), -d.floor() as i32)[0] } else { 0.0 }
    }
    fn slope(d: f64) -> f64 {
        if (-3.0..3.0).contains(&d) { lagrange(d - d.floor(), -d.floor() as i32)[1] } else { 0.0 }
    }
    fn weights(f: Number) -> Vec<Number> {
        let whole = |v: f64| Number { value: v, ..f };
        let g = whole(1.0) - f;
        let c = whole(2.0 * f.value) * whole(2.0 * g.value);
        let t = c * c;
        let mix = |p: f64, q: f64| f.constant(p) * c + f.constant(q) * t;
        let [a, b, m] = [mix(4.0 / 15.0, 1.0 / 30.0), mix(0.5, 1.0 / 48.0), mix(1.0 / 6.0, 1.0 / 192.0)];
        let outer = |v: Number| f.constant(1.0 / 64.0) * (a * (whole(2.0) + v));
        let inner = |v: Number| whole(0.0) - f.constant(0.125) * (b * (whole(1.0) + v));
        let [p, q, r, s, t] = [outer(g), inner(g), f + m * f, inner(f), outer(f)];
        [p, q, whole(1.0) - p - q - r - s - t, r, s, t].into()
    }
    fn slopes(f: Number) -> Vec<Number> {
        let whole = |v: f64| Number { value: v, ..f };
        let g = whole(1.0) - f;
        let c = whole(2.0 * f.value) * whole(2.0 * g.value);
        let d = (g - f) + (g - f) + (g - f) + (g - f);
        let (t, e) = (c * c, c * d);
        let mix = |x: Number, p: f64, y: Number, q: f64| f.constant(p) * x + f.constant(q) * y;
        let (a, da) = (mix(c, 4.0 / 15.0, t, 1.0 / 30.0), mix(d, 4.0 / 15.0, e, 1.0 / 15.0));
        let (b, db) = (mix(c, 0.5, t, 1.0 / 48.0), mix(d, 0.5, e, 1.0 / 24.0));
        let (m, dm) = (mix(c, 1.0 / 6.0, t, 1.0 / 192.0), mix(d, 1.0 / 6.0, e, 1.0 / 96.0));
        let (least, eighth, one, two) = (f.constant(1.0 / 64.0), f.constant(0.125), whole(1.0), whole(2.0));
        let p = least * (da * (two + g) - a);
        let q = whole(0.0) - eighth * (db * (one + g) - b);
        let r = one + dm * f + m;
        let s = whole(0.0) - eighth * (db * (one + f) + b);
        let t = least * (da * (two + f) + a);
        [p, q, whole(0.0) - p - q - r - s - t, r, s, t].into()
    }
}

/// Unser et al. 1993, part I, eq. 2.2.
impl Shape for BSpline {
    const SUPPORT: usize = 4;
    fn weight(d: f64) -> f64 {
        match d.abs() {
            s @ ..1.0 => 2.0 / 3.0 - s.powi(2) + s.powi(3) / 2.0,
            s @ ..2.0 => (2.0 - s).powi(3) / 6.0,
            _ => 0.0,
        }
    }
    fn slope(d: f64) -> f64 {
        let slope = match d.abs() {
            s @ ..1.0 => 1.5 * s.powi(2) - 2.0 * s,
            s @ ..2.0 => -(2.0 - s).powi(2) / 2.0,
            _ => 0.0,
        };
        if d < 0.0 { -slope } else { slope }
    }
    fn curvature(d: f64) -> f64 {
        match d.abs() {
            s @ ..1.0 => 3.0 * s - 2.0,
            s @ ..2.0 => 2.0 - s,
            _ => 0.0,
        }
    }
    fn weights(f: Number) -> Vec<Number> {
        let whole = |v: f64| Number { value: v, ..f };
        let g = whole(1.0) - f;
        let (ff, gg) =
            (whole(2.0 * f.value) * whole(2.0 * f.value), whole(2.0 * g.value) * whole(2.0 * g.value));
        let (u, v) = (f.constant(1.0 / 24.0) * (ff * f), gg * g);
        let right = f.constant(2.0 / 3.0) + f.constant(0.125) * (v - gg - gg);
        let left = f.constant(1.0 / 24.0) * v;
        [left, whole(1.0) - left - right - u, right, u].into()
    }
    fn slopes(f: Number) -> Vec<Number> {
        let whole = |v: f64| Number { value: v, ..f };
        let g = whole(1.0) - f;
        let (ff, gg) =
            (whole(2.0 * f.value) * whole(2.0 * f.value), whole(2.0 * g.value) * whole(2.0 * g.value));
        let left = whole(0.0) - f.constant(0.125) * gg;
        let right = whole(2.0 * g.value) - f.constant(0.375) * gg;
        let last = f.constant(0.125) * ff;
        [left, whole(0.0) - left - right - last, right, last].into()
    }
    fn curvatures(f: Number) -> Vec<Number> {
        let whole = |v: f64| Number { value: v, ..f };
        let g = whole(1.0) - f;
        let right = whole(1.0) - f - f - f;
        [g, whole(0.0) - g - right - f, right, f].into()
    }
}

/// The coefficients of a row for interpolation by the cubic B-spline: the solution of the linear
/// system that says so, by elimination. With a constant, the coefficients outside are that.
pub fn spline_coefficients(row: &[f64], boundary: &Boundary<f64>) -> Vec<f64> {
    let n = row.len();
    let mut system: Vec<Vec<f64>> = (0..n).map(|_| std::vec![0.0; n]).collect();
    let mut right = row.to_vec();
    for k in 0..n {
        for (tap, weight) in [(-1, 1.0 / 6.0), (0, 2.0 / 3.0), (1, 1.0 / 6.0)] {
            match (extend(boundary, k as i64 + tap, n as i64), boundary) {
                (Some(i), _) => system[k][i as usize] += weight,
                (None, Boundary::Constant(v)) => right[k] -= weight * v,
                // A tap of weight zero outside is not looked at: whatever solves it there will do.
                (None, _) => system[k][if tap < 0 { 0 } else { n - 1 }] += weight,
            }
        }
    }
    // Diagonally dominant: no pivots.
    for i in 0..n {
        for k in i + 1..n {
            let (above, below) = system.split_at_mut(k);
            let (pivot, row) = (&above[i], &mut below[0]);
            let factor = row[i] / pivot[i];
            if factor != 0.0 {
                for (v, p) in row[i..].iter_mut().zip(&pivot[i..]) {
                    *v -= factor * p;
                }
                right[k] -= factor * right[i];
            }
        }
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| system[i][j] * right[j]).sum();
        right[i] = (right[i] - known) / system[i][i];
    }
    right
}

/// The interpolant of a function on the lattice at a real coordinate, without any rounding.
pub fn interpolate<K: Shape>(at: impl Fn(i64, i64) -> f64, x: f64, y: f64) -> f64 {
    let axis = |v: f64| {
        let nearest = (v + 0.5).floor();
        let (cell, v) =
            if K::SUPPORT.is_multiple_of(2) { (v.floor() as i64, v) } else { (nearest as i64, nearest) };
        let first = cell + 1 - (K::SUPPORT as i64 + 1) / 2;
        (first..).take(K::SUPPORT).map(move |tap| (tap, K::weight(v - tap as f64))).collect::<Vec<_>>()
    };
    let columns = axis(x);
    let row = |y: i64| columns.iter().map(|&(x, weight)| weight * at(x, y)).sum::<f64>();
    axis(y).into_iter().map(|(y, weight)| weight * row(y)).sum()
}

impl Shape for WeightedNearest<Tent> {
    const SUPPORT: usize = 2;
    fn weight(d: f64) -> f64 {
        Bilinear::weight(d)
    }
    fn slope(d: f64) -> f64 {
        Bilinear::slope(d)
    }
}

/// By products of rounded numbers.
impl Shape for WeightedNearest<Smoothstep> {
    const SUPPORT: usize = 2;
    fn weight(d: f64) -> f64 {
        let d = d.abs().min(1.0);
        1.0 - d * d * (3.0 - 2.0 * d)
    }
    fn slope(d: f64) -> f64 {
        let distance = d.abs().min(1.0);
        -6.0 * d * (1.0 - distance)
    }
    fn weights(f: Number) -> Vec<Number> {
        let share = f - (f * (f.real(1.0) - f)) * (f.real(1.0) - (f + f));
        Vec::from([f.real(1.0) - share, share])
    }
    fn slopes(f: Number) -> Vec<Number> {
        let half = (f + f + f) * (f.real(1.0) - f);
        Vec::from([f.real(0.0) - (half + half), half + half])
    }
}

/// The table of [`Table`](crate::kernel::weighted::Table): S and S' in Q14 at `cells + 1` fractions.
pub fn table(cells: usize, w: impl Fn(f64) -> f64) -> Vec<(i64, i64)> {
    let n = cells as i64;
    let share = |f: f64| w(1.0 - f) / (w(f) + w(1.0 - f));
    let rounded = |v: f64| (v * 16_384.0 + 0.5).floor() as i64;
    let at = |k: i64| rounded(share(k as f64 / n as f64));
    let s: Vec<i64> = (0..=n).map(|k| if k <= n / 2 { at(k) } else { 16_384 - at(n - k) }).collect();
    let h = 1.0 / 4096.0;
    let entry = |k: usize| {
        let slope = match k.min(cells - k) {
            0 => (4.0 * share(h) - share(2.0 * h) - 3.0 * share(0.0)) / (2.0 * h),
            k => (share(k as f64 / n as f64 + h) - share(k as f64 / n as f64 - h)) / (2.0 * h),
        };
        let chords = [k.checked_sub(1).map(|j| s[k] - s[j]), s.get(k + 1).map(|next| next - s[k])];
        let limit = chords.into_iter().flatten().map(|d| 3 * n * d).min();
        (s[k], rounded(slope).min(limit.expect("a cell")))
    };
    (0..=cells).map(entry).collect()
}

/// S and S' of a table at a fraction, in Q30.
pub fn table_at(table: &[(i64, i64)], f: Number) -> (i64, i64) {
    let cells = table.len() as i64 - 1;
    let (k, t) = ((f.q24() * cells) >> 24, i128::from((f.q24() * cells) & 0xff_ffff));
    let ((s0, m0), (s1, m1)) = (table[k as usize], table[k as usize + 1]);
    let d = cells * (s1 - s0);
    // Horner, from Q14 to Q30.
    let horner = |c: [i64; 3]| {
        let c = c.map(|c| i128::from(c) << 16);
        c[0] + half_up((c[1] + half_up(c[2] * t, 24)) * t, 24)
    };
    let cubic = [m0, 3 * d - 2 * m0 - m1, m0 + m1 - 2 * d];
    let rise = half_up(horner(cubic) * t, 24 + cells.ilog2());
    let share = ((i128::from(s0) << 16) + rise).clamp(0, 1 << 30);
    let slope = horner([cubic[0], 2 * cubic[1], 3 * cubic[2]]).clamp(0, i32::MAX.into());
    (share as i64, slope as i64)
}

/// Weights or slopes along x or along y.
#[derive(Clone, Copy)]
enum By<'a> {
    Weights(&'a [f64]),
    Slopes(&'a [f64]),
}

/// How a channel combines taps, rows of `SUPPORT` each.
pub trait Arithmetic: Channel {
    /// Fraction bits of positions, and of weights in fixed point.
    const BITS: u32;
    /// Whether weights are in fixed point.
    const FIXED: bool = true;
    /// Units of a derivative in one grey level per pixel.
    const UNITS: f64 = 16_384.0;
    /// The value.
    fn value(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> Self::Sampled;
    /// The value before its last rounding: of integers to 2^-6.
    fn unrounded(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> f64;
    /// The mean of such values.
    fn mean(samples: &[f64]) -> Self::Sampled;
    /// The derivative by x, from the slopes along x and the weights along y.
    fn dx(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> Self::Derivative;
    /// The derivative by y, from the weights along x and the slopes along y.
    fn dy(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> Self::Derivative;
    /// The derivative by x and y, from slopes along both.
    fn dxy(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> Self::Derivative;
    /// `to += cotangent x y`.
    fn push(to: &mut Self::Adjoint, cotangent: Self::Cotangent, x: f64, y: f64);
    /// `to += cotangent x y` in Q14.
    fn push_q14(to: &mut Self::Derivative, cotangent: Self::Cotangent, x: f64, y: f64);
    /// In grey levels.
    fn real(self) -> f64;
    /// In grey levels per pixel.
    fn real_derivative(v: Self::Derivative) -> f64;
    /// In the caller's unit.
    fn real_cotangent(v: Self::Cotangent) -> f64;
    /// One value less another.
    fn difference(a: Self::Sampled, b: Self::Sampled) -> Self::Cotangent;
}

macro_rules! integer_arithmetic {
    ($($t:ty as $sampled:ty: weights $bits:literal, intermediate $mid:literal, $fraction:literal of $raw:expr;)*) => {$(
        impl Arithmetic for $t {
            const BITS: u32 = $bits;
            fn value(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> $sampled {
                let sum = integer_sum(taps, $raw, [x, y], $bits, $bits + $fraction - $mid);
                half_up(sum, $bits + $mid).clamp(<$sampled>::MIN.into(), <$sampled>::MAX.into()) as $sampled
            }
            fn unrounded(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> f64 {
                let sum = integer_sum(taps, $raw, [x, y], $bits, $bits + $fraction - $mid);
                half_up(sum, $bits + $mid - 6) as f64 / 64.0
            }
            fn mean(samples: &[f64]) -> $sampled {
                let (sum, n) = (samples.iter().sum::<f64>() * 64.0, samples.len() as i128);
                let mean = (2 * sum as i128 + 64 * n).div_euclid(128 * n);
                mean.clamp(<$sampled>::MIN.into(), <$sampled>::MAX.into()) as $sampled
            }
            fn dx(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> i32 {
                let sum = integer_sum(taps, $raw, [x, y], $bits, $bits + $fraction - $mid);
                half_up(sum, $bits + $mid - 14).clamp(i32::MIN.into(), i32::MAX.into()) as i32
            }
            fn dy(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> i32 {
                Self::dx(taps, x, y)
            }
            fn dxy(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> i32 {
                Self::dx(taps, x, y)
            }
            fn push(to: &mut i64, cotangent: i32, x: f64, y: f64) {
                let sum = i128::from(*to) + i128::from(cotangent) * weight_product::<$bits>(x, y, 28);
                *to = sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
            }
            fn push_q14(to: &mut i32, cotangent: i32, x: f64, y: f64) {
                let sum = i128::from(*to) + i128::from(cotangent) * weight_product::<$bits>(x, y, 14);
                *to = sum.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
            }
            fn real(self) -> f64 {
                i128::from(($raw)(self)) as f64 / power($fraction)
            }
            fn real_derivative(v: i32) -> f64 {
                f64::from(v) / 16_384.0
            }
            fn real_cotangent(v: i32) -> f64 {
                v.into()
            }
            fn difference(a: $sampled, b: $sampled) -> i32 {
                i32::from(a) - i32::from(b)
            }
        }
    )*};
}
integer_arithmetic! {
    u8 as u8: weights 14, intermediate 7, 0 of i32::from;
    u16 as u16: weights 24, intermediate 8, 0 of i32::from;
    i16 as i16: weights 24, intermediate 8, 0 of i32::from;
    Coefficient<u8> as u8: weights 24, intermediate 8, 11 of Coefficient::<u8>::to_bits;
    Coefficient<u16> as u16: weights 24, intermediate 8, 11 of Coefficient::<u16>::to_bits;
    Coefficient<i16> as i16: weights 24, intermediate 8, 11 of Coefficient::<i16>::to_bits;
}

/// The product of two weights of some bits, in a format of no more bits than it has.
fn weight_product<const BITS: u32>(x: f64, y: f64, to: u32) -> i128 {
    half_up((x * y * power(2 * BITS)) as i128, 2 * BITS - to)
}

fn integer_sum<T: Copy>(
    taps: &[Vec<T>],
    raw: impl Fn(T) -> i32,
    [x, y]: [&[f64]; 2],
    bits: u32,
    shift: u32,
) -> i128 {
    let weight = |w: f64| (w * power(bits) + 0.5).floor() as i128;
    let row = |taps: &Vec<T>| {
        half_up(taps.iter().zip(x).map(|(&p, &w)| i128::from(raw(p)) * weight(w)).sum(), shift)
    };
    taps.iter().zip(y).map(|(taps, &w)| row(taps) * weight(w)).sum()
}

/// `((p_c + w_0 (p_0 - p_c)) + w_1 (p_1 - p_c)) + ...`, for slopes without the first p_c.
fn f32_sum(taps: &[f32], by: By<'_>) -> f32 {
    let c = (taps.len() - 1) / 2;
    let (weights, start) = match by {
        By::Weights(w) => (w, taps[c]),
        By::Slopes(w) => (w, 0.0),
    };
    let mut sum = start;
    for i in 0..taps.len() {
        if i != c && weights[i] != 0.0 {
            sum += weights[i] as f32 * (taps[i] - taps[c]);
        }
    }
    sum
}

fn f32_sums(taps: &[Vec<f32>], x: By<'_>, y: By<'_>) -> f32 {
    let rows: Vec<f32> = taps.iter().map(|taps| f32_sum(taps, x)).collect();
    f32_sum(&rows, y)
}

impl Arithmetic for f32 {
    const BITS: u32 = 24;
    const FIXED: bool = false;
    const UNITS: f64 = 1.0;
    fn value(taps: &[Vec<f32>], x: &[f64], y: &[f64]) -> f32 {
        f32_sums(taps, By::Weights(x), By::Weights(y))
    }
    fn unrounded(taps: &[Vec<f32>], x: &[f64], y: &[f64]) -> f64 {
        Self::value(taps, x, y).into()
    }
    fn mean(samples: &[f64]) -> f32 {
        let first = samples[0] as f32;
        let rest = samples[1..].iter().fold(0.0, |sum, &s| sum + (s as f32 - first));
        first + rest / samples.len() as f32
    }
    fn dx(taps: &[Vec<f32>], x: &[f64], y: &[f64]) -> f32 {
        f32_sums(taps, By::Slopes(x), By::Weights(y))
    }
    fn dy(taps: &[Vec<f32>], x: &[f64], y: &[f64]) -> f32 {
        f32_sums(taps, By::Weights(x), By::Slopes(y))
    }
    fn dxy(taps: &[Vec<f32>], x: &[f64], y: &[f64]) -> f32 {
        f32_sums(taps, By::Slopes(x), By::Slopes(y))
    }
    fn push(to: &mut f32, cotangent: f32, x: f64, y: f64) {
        *to += cotangent * (x as f32 * y as f32);
    }
    fn push_q14(to: &mut f32, cotangent: f32, x: f64, y: f64) {
        Self::push(to, cotangent, x, y);
    }
    fn real(self) -> f64 {
        self.into()
    }
    fn real_derivative(v: f32) -> f64 {
        v.into()
    }
    fn real_cotangent(v: f32) -> f64 {
        v.into()
    }
    fn difference(a: f32, b: f32) -> f32 {
        a - b
    }
}

/// One tap: the pixel of the image that it reads, or none for the constant, and its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    /// Column and row.
    pub pixel: Option<(usize, usize)>,
    /// The weights along x and y.
    pub weights: (f64, f64),
}

/// The taps of a position.
struct Footprint<P> {
    taps: Vec<Tap>,
    pixels: Vec<Vec<P>>,
    weights: [Vec<f64>; 2],
    slopes: [Vec<f64>; 2],
    curvatures: [Vec<f64>; 2],
    left: bool,
}

/// The reference of a [`Sampler`](crate::Sampler).
#[derive(Clone, Copy, Debug)]
pub struct Reference<K, P> {
    kernel: PhantomData<K>,
    boundary: Boundary<P>,
}

impl<K: Shape, P: Tapped<Channel: Arithmetic>> Reference<K, P> {
    /// As [`Sampler::new`](crate::Sampler::new).
    pub fn new(_: K, boundary: Boundary<P>) -> Self {
        Self { kernel: PhantomData, boundary }
    }

    /// Fraction bits of positions.
    pub fn bits() -> u32 {
        Self::to().bits()
    }

    /// How positions are rounded.
    pub fn to() -> To {
        match (K::SUPPORT.is_multiple_of(2), K::TIES_TO_EVEN) {
            (true, _) => To::HalfUp(P::Channel::BITS),
            (false, false) => To::HalfUp(0),
            (false, true) => To::HalfEven,
        }
    }

    fn footprint(&self, image: Image<'_, P>, at: [i64; 2]) -> Footprint<P> {
        let bits = Self::bits();
        let axis = |at: i64, side: usize| {
            let first = (at >> bits) + 1 - (K::SUPPORT as i64 + 1) / 2;
            let taps: Vec<i64> = (first..).take(K::SUPPORT).collect();
            let fraction = Number {
                value: (at - ((at >> bits) << bits)) as f64 / power(bits),
                bits: P::Channel::FIXED.then_some(P::Channel::BITS),
            };
            let values = |numbers: Vec<Number>| numbers.iter().map(|n| n.value).collect::<Vec<f64>>();
            let (weights, slopes) = (values(K::weights(fraction)), values(K::slopes(fraction)));
            let curvatures = values(K::curvatures(fraction));
            let index: Vec<Option<i64>> =
                taps.iter().map(|&tap| extend(&self.boundary, tap, side as i64)).collect();
            let left = index.iter().zip(&weights).any(|(i, &w)| i.is_none() && w != 0.0);
            // What a transparent boundary does not have, where it matters to a slope only, is
            // replicated.
            let index: Vec<Option<i64>> = match self.boundary {
                Boundary::Transparent => {
                    taps.iter().map(|tap| Some((*tap).clamp(0, side as i64 - 1))).collect()
                }
                _ => index,
            };
            (index, weights, slopes, curvatures, left)
        };
        let (columns, wx, sx, cx, left_x) = axis(at[0], image.width());
        let (rows, wy, sy, cy, left_y) = axis(at[1], image.height());
        let constant = if let Boundary::Constant(v) = self.boundary { v } else { P::zero() };
        let mut taps = Vec::new();
        let mut pixels = Vec::new();
        for (&row, &wy) in rows.iter().zip(&wy) {
            let mut line = Vec::new();
            for (&column, &wx) in columns.iter().zip(&wx) {
                let pixel = column.zip(row).map(|(x, y)| (x as usize, y as usize));
                taps.push(Tap { pixel, weights: (wx, wy) });
                line.push(match pixel {
                    Some((x, y)) => image.get(x, y).expect("an index inside"),
                    None => constant,
                });
            }
            pixels.push(line);
        }
        let left = (left_x || left_y) && matches!(self.boundary, Boundary::Transparent);
        Footprint { taps, pixels, weights: [wx, wy], slopes: [sx, sy], curvatures: [cx, cy], left }
    }

    /// The taps of a position that is given times 2^[`Self::bits`], or `None` where the
    /// destination is left.
    pub fn taps(&self, image: Image<'_, P>, at: [i64; 2]) -> Option<Vec<Tap>> {
        let footprint = self.footprint(image, at);
        (!footprint.left).then_some(footprint.taps)
    }

    /// The value at a position that is given times 2^[`Self::bits`].
    pub fn value(&self, image: Image<'_, P>, at: [i64; 2]) -> Option<P::Sampled> {
        let f = self.footprint(image, at);
        if let Boundary::Constant(v) = self.boundary
            && f.taps.iter().all(|tap| tap.pixel.is_none())
        {
            return Some(v.sampled());
        }
        let mut out = <P::Sampled>::zero();
        for (c, out) in <P::Sampled>::flatten_mut(from_mut(&mut out)).iter_mut().enumerate() {
            *out = P::Channel::value(&channel(&f.pixels, c), &f.weights[0], &f.weights[1]);
        }
        (!f.left).then_some(out)
    }

    /// The partials at a position that is given times 2^[`Self::bits`].
    pub fn slopes(&self, image: Image<'_, P>, at: [i64; 2]) -> (P::Derivative, P::Derivative) {
        let f = self.footprint(image, at);
        let (mut dx, mut dy) = (P::zero_derivative(), P::zero_derivative());
        if f.left {
            return (dx, dy);
        }
        let columns = P::flatten_derivatives(from_mut(&mut dx)).iter_mut();
        let rows = P::flatten_derivatives(from_mut(&mut dy)).iter_mut();
        for (c, (dx, dy)) in columns.zip(rows).enumerate() {
            let taps = channel(&f.pixels, c);
            *dx = P::Channel::dx(&taps, &f.slopes[0], &f.weights[1]);
            *dy = P::Channel::dy(&taps, &f.weights[0], &f.slopes[1]);
        }
        (dx, dy)
    }

    /// As [`Sampler::hessian`](crate::Sampler::hessian), by its planes, at a position that is given times
    /// 2^[`Self::bits`].
    pub fn curvatures(&self, image: Image<'_, P>, at: [i64; 2]) -> [P::Derivative; 3] {
        let f = self.footprint(image, at);
        let mut out = [P::zero_derivative(); 3];
        let ([wx, wy], [sx, sy], [cx, cy]) = (&f.weights, &f.slopes, &f.curvatures);
        for c in (0..P::CHANNELS).filter(|_| !f.left) {
            let taps = channel(&f.pixels, c);
            let values = [
                P::Channel::dx(&taps, cx, wy),
                P::Channel::dxy(&taps, sx, sy),
                P::Channel::dy(&taps, wx, cy),
            ];
            for (out, value) in out.iter_mut().zip(values) {
                P::flatten_derivatives(from_mut(out))[c] = value;
            }
        }
        out
    }

    /// As [`Sampler::sample`](crate::Sampler::sample).
    pub fn sample(&self, image: Image<'_, P>, x: f64, y: f64) -> Option<P::Sampled> {
        self.value(image, [position(x, Self::to()), position(y, Self::to())])
    }

    /// As [`Sampler::partials`](crate::Sampler::partials).
    pub fn partials(&self, image: Image<'_, P>, x: f64, y: f64) -> (P::Derivative, P::Derivative) {
        self.slopes(image, [position(x, Self::to()), position(y, Self::to())])
    }

    /// The interpolant at a real coordinate without any rounding, channel by channel.
    pub fn real(&self, image: Image<'_, P>, x: f64, y: f64) -> Vec<f64> {
        let constant = if let Boundary::Constant(v) = self.boundary { v } else { P::zero() };
        let channel = |c: usize| {
            move |x: i64, y: i64| {
                let column = extend(&self.boundary, x, image.width() as i64);
                let row = extend(&self.boundary, y, image.height() as i64);
                let pixel = column.zip(row).and_then(|(x, y)| image.get(x as usize, y as usize));
                P::flatten(from_ref(&pixel.unwrap_or(constant)))[c].real()
            }
        };
        (0..P::CHANNELS).map(|c| interpolate::<K>(channel(c), x, y)).collect()
    }

    /// As [`Sampler::warp`](crate::Sampler::warp).
    pub fn warp(
        &self,
        source: Image<'_, P>,
        destination: &mut ImageMut<'_, P::Sampled>,
        coordinates: &Coordinates<'_>,
    ) {
        for (y, row) in destination.rows_mut().enumerate() {
            for (x, out) in row.iter_mut().enumerate() {
                if let Some(v) = self.value(source, coordinates.at(x, y, Self::to())) {
                    *out = v;
                }
            }
        }
    }

    /// The coordinates of each sample of a destination pixel, row by row.
    fn samples(coordinates: &Coordinates<'_>, [nx, ny]: [i128; 2]) -> Vec<Coordinates<'static>> {
        let places = (0..ny).flat_map(|j| (0..nx).map(move |i| (i, j)));
        let numerators = places.map(|(i, j)| [(2 * i + 1 - nx) * ny, (2 * j + 1 - ny) * nx]);
        numerators.map(|numerators| coordinates.shifted(numerators, 2 * nx * ny)).collect()
    }

    /// As [`Sampler::warp_antialiased`](crate::Sampler::warp_antialiased), with so many samples.
    pub fn warp_antialiased(
        &self,
        source: Image<'_, P>,
        destination: &mut ImageMut<'_, P::Sampled>,
        coordinates: &Coordinates<'_>,
        samples: [i128; 2],
    ) {
        if samples == [1, 1] {
            return self.warp(source, destination, coordinates);
        }
        let samples = Self::samples(coordinates, samples);
        for (y, row) in destination.rows_mut().enumerate() {
            for (x, out) in row.iter_mut().enumerate() {
                let each = |c: usize| -> Option<Vec<f64>> {
                    let fine = |at: [i64; 2]| {
                        let f = self.footprint(source, at);
                        let constant = f.taps.iter().all(|tap| tap.pixel.is_none());
                        let value = match self.boundary {
                            // To 2^-6 too, for integers.
                            Boundary::Constant(v) if constant => {
                                let v = P::flatten(from_ref(&v))[c].real();
                                if P::Channel::FIXED { (v * 64.0 + 0.5).floor() / 64.0 } else { v }
                            }
                            _ => P::Channel::unrounded(&channel(&f.pixels, c), &f.weights[0], &f.weights[1]),
                        };
                        (!f.left).then_some(value)
                    };
                    samples.iter().map(|coordinates| fine(coordinates.at(x, y, Self::to()))).collect()
                };
                for (c, out) in <P::Sampled>::flatten_mut(from_mut(out)).iter_mut().enumerate() {
                    if let Some(samples) = each(c) {
                        *out = P::Channel::mean(&samples);
                    }
                }
            }
        }
    }

    /// As [`Sampler::adjoint_antialiased`](crate::Sampler::adjoint_antialiased).
    pub fn adjoint_antialiased(
        &self,
        cotangent: Image<'_, P::Cotangent>,
        gradient: &mut ImageMut<'_, P::Adjoint>,
        coordinates: &Coordinates<'_>,
        samples: [i128; 2],
    ) {
        let (width, height) = (gradient.width(), gradient.height());
        let blank: Vec<P> = (0..width * height).map(|_| P::zero()).collect();
        let blank = Image::new(&blank, width, height).expect("the size of an image");
        let samples = Self::samples(coordinates, samples);
        for (y, row) in cotangent.rows().enumerate() {
            for (x, cotangent) in row.iter().enumerate() {
                let taps: Option<Vec<Vec<Tap>>> =
                    samples.iter().map(|sample| self.taps(blank, sample.at(x, y, Self::to()))).collect();
                for tap in taps.unwrap_or_default().into_iter().flatten() {
                    let (wx, wy) = tap.weights;
                    let to = tap.pixel.and_then(|(x, y)| gradient.get_mut(x, y));
                    let Some(to) = to.filter(|_| wx != 0.0 && wy != 0.0) else { continue };
                    let from = P::flatten_cotangents(from_ref(cotangent));
                    for (to, &from) in P::flatten_adjoints(from_mut(to)).iter_mut().zip(from) {
                        P::Channel::push(to, from, wx, wy);
                    }
                }
            }
        }
    }

    /// As [`Sampler::warp_partials`](crate::Sampler::warp_partials).
    pub fn warp_partials(
        &self,
        source: Image<'_, P>,
        dx: &mut ImageMut<'_, P::Derivative>,
        dy: &mut ImageMut<'_, P::Derivative>,
        coordinates: &Coordinates<'_>,
    ) {
        for (y, (dx, dy)) in dx.rows_mut().zip(dy.rows_mut()).enumerate() {
            for (x, (dx, dy)) in dx.iter_mut().zip(dy).enumerate() {
                (*dx, *dy) = self.slopes(source, coordinates.at(x, y, Self::to()));
            }
        }
    }

    /// As [`Sampler::adjoint`](crate::Sampler::adjoint).
    pub fn adjoint(
        &self,
        cotangent: Image<'_, P::Cotangent>,
        gradient: &mut ImageMut<'_, P::Adjoint>,
        coordinates: &Coordinates<'_>,
    ) {
        let size = (gradient.width(), gradient.height());
        self.push(cotangent, coordinates, size, |(column, row), from, (wx, wy)| {
            let to = gradient.get_mut(column, row).expect("a pixel of the image");
            for (to, &from) in P::flatten_adjoints(from_mut(to)).iter_mut().zip(from) {
                P::Channel::push(to, from, wx, wy);
            }
        });
    }

    /// As [`Sampler::adjoint_q14`](crate::Sampler::adjoint_q14).
    pub fn adjoint_q14(
        &self,
        cotangent: Image<'_, P::Cotangent>,
        gradient: &mut ImageMut<'_, P::Derivative>,
        coordinates: &Coordinates<'_>,
    ) {
        let size = (gradient.width(), gradient.height());
        self.push(cotangent, coordinates, size, |(column, row), from, (wx, wy)| {
            let to = gradient.get_mut(column, row).expect("a pixel of the image");
            for (to, &from) in P::flatten_derivatives(from_mut(to)).iter_mut().zip(from) {
                P::Channel::push_q14(to, from, wx, wy);
            }
        });
    }

    /// Every tap of every destination pixel that reads a pixel of a source of this size, with a
    /// weight that is not zero.
    fn push(
        &self,
        cotangent: Image<'_, P::Cotangent>,
        coordinates: &Coordinates<'_>,
        (width, height): (usize, usize),
        mut add: impl FnMut((usize, usize), &[<P::Channel as Channel>::Cotangent], (f64, f64)),
    ) {
        // Taps depend on the size of the image alone.
        let blank: Vec<P> = (0..width * height).map(|_| P::zero()).collect();
        let blank = Image::new(&blank, width, height).expect("the size of an image");
        for (y, row) in cotangent.rows().enumerate() {
            for (x, cotangent) in row.iter().enumerate() {
                let taps = self.taps(blank, coordinates.at(x, y, Self::to()));
                for tap in taps.unwrap_or_default() {
                    if let Some(pixel) = tap.pixel
                        && tap.weights.0 != 0.0
                        && tap.weights.1 != 0.0
                    {
                        add(pixel, P::flatten_cotangents(from_ref(cotangent)), tap.weights);
                    }
                }
            }
        }
    }

    /// What [`Sampler::parameter_gradient`](crate::Sampler::parameter_gradient) means: partials
    /// chained with the Jacobian, pixel by pixel, in `f64`.
    pub fn chained_partials<T: Exact>(
        &self,
        source: Image<'_, P>,
        cotangent: Image<'_, P::Cotangent>,
        transform: &T,
    ) -> Vec<f64> {
        let coordinates = transform.coordinates();
        let mut sum: Vec<f64> = transform.parameters().as_ref().iter().map(|_| 0.0).collect();
        for (y, row) in cotangent.rows().enumerate() {
            for (x, cotangent) in row.iter().enumerate() {
                let at = coordinates.at(x, y, Self::to());
                let [gx, gy] =
                    self.products(source, at, cotangent).map(|p| p.iter().map(|(d, c)| d * c).sum::<f64>());
                let [jx, jy] = transform.jacobian(x as f64, y as f64);
                for ((sum, jx), jy) in sum.iter_mut().zip(jx.as_ref()).zip(jy.as_ref()) {
                    *sum += (gx * jx + gy * jy) / P::Channel::UNITS;
                }
            }
        }
        sum
    }

    /// The partials in units with the cotangent, channel by channel: both exact.
    fn products(&self, source: Image<'_, P>, at: [i64; 2], cotangent: &P::Cotangent) -> [Vec<(f64, f64)>; 2] {
        let (dx, dy) = self.slopes(source, at);
        [dx, dy].map(|mut d| {
            let derivatives = P::flatten_derivatives(from_mut(&mut d)).iter();
            let derivatives = derivatives.map(|&d| P::Channel::real_derivative(d) * P::Channel::UNITS);
            let cotangents = P::flatten_cotangents(from_ref(cotangent)).iter();
            derivatives.zip(cotangents.map(|&c| P::Channel::real_cotangent(c))).collect()
        })
    }

    /// As [`Sampler::parameter_gradient`](crate::Sampler::parameter_gradient), to the last bit.
    pub fn parameter_gradient<T: Exact>(
        &self,
        source: Image<'_, P>,
        cotangent: Image<'_, P::Cotangent>,
        transform: &T,
    ) -> Vec<f64> {
        let coordinates = transform.coordinates();
        let count = transform.parameters().as_ref().len();
        let (mut whole, mut real) = ([0_i128; 8], Vec::new());
        for (y, row) in cotangent.rows().enumerate() {
            let mut along = [0.0; 8];
            for (x, cotangent) in row.iter().enumerate() {
                let products = self.products(source, coordinates.at(x, y, Self::to()), cotangent);
                let reciprocal = match &coordinates {
                    Coordinates::Homography(rows) => Some(quotient(rows, x, y).reciprocal()),
                    _ => None,
                };
                let [u, v] = coordinates.at(x, y, 14).map(i128::from);
                if P::Channel::FIXED {
                    // Whole numbers, of which 64 bits are kept.
                    let kept = |v: i128| i128::from(v as i64);
                    let [a, b] = products.map(|p| kept(p.iter().map(|&(d, c)| d as i128 * c as i128).sum()));
                    let terms = match reciprocal {
                        Some(r) => {
                            let [a, b] = [a, b].map(|v| kept(half_up(v * r, 32)));
                            [a, b, kept(half_up(-(a * u + b * v), 14))]
                        }
                        None => [a, b, 0],
                    };
                    for (sum, (term, factor)) in
                        whole.iter_mut().zip(moments(terms, [x as i128, y as i128, 1]))
                    {
                        *sum += term * factor;
                    }
                } else {
                    let [a, b] = products.map(|p| p.iter().fold(0.0, |sum, (d, c)| sum + d * c));
                    let terms = match reciprocal {
                        Some(r) => {
                            let [a, b] = [a, b].map(|v| v * (r as f64 / power(32)));
                            [a, b, -(a * (u as f64 / power(14)) + b * (v as f64 / power(14)))]
                        }
                        None => [a, b, 0.0],
                    };
                    for (sum, (term, factor)) in
                        along.iter_mut().zip(moments(terms, [x as f64, y as f64, 1.0]))
                    {
                        *sum += term * factor;
                    }
                }
            }
            real.push(along);
        }
        let g = if P::Channel::FIXED { whole.map(|v| v as f64 / power(14)) } else { over_rows(&real) };
        if count == 8 {
            return g.to_vec();
        }
        let jacobians = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)].map(|(x, y)| transform.jacobian(x, y));
        let part = |axis: usize, i: usize| {
            let [origin, x, y] = jacobians.each_ref().map(|j| j[axis].as_ref()[i]);
            g[3 * axis] * (x - origin) + g[3 * axis + 1] * (y - origin) + g[3 * axis + 2] * origin
        };
        (0..count).map(|i| part(0, i) + part(1, i)).collect()
    }

    /// As [`Sampler::residual`](crate::Sampler::residual), to the last bit: loss, gradient and count.
    /// (Losses of integers are exact below 2^53.)
    pub fn residual<T: Exact>(
        &self,
        source: Image<'_, P>,
        target: Image<'_, P::Sampled>,
        transform: &T,
    ) -> (f64, Vec<f64>, usize) {
        let coordinates = transform.coordinates();
        let (mut losses, mut count, mut residuals) = (Vec::new(), 0, Vec::new());
        for (y, row) in target.rows().enumerate() {
            let mut along = 0.0;
            for (x, target) in row.iter().enumerate() {
                let mut residual = P::zero_cotangent();
                if let Some(v) = self.value(source, coordinates.at(x, y, Self::to())) {
                    let targets = <P::Sampled>::flatten(from_ref(target));
                    let pairs = <P::Sampled>::flatten(from_ref(&v)).iter().zip(targets);
                    for (r, (&v, &t)) in
                        P::flatten_cotangents_mut(from_mut(&mut residual)).iter_mut().zip(pairs)
                    {
                        *r = P::Channel::difference(v, t);
                        along += P::Channel::real_cotangent(*r).powi(2);
                    }
                    count += 1;
                }
                residuals.push(residual);
            }
            losses.push([along]);
        }
        let [loss] = over_rows(&losses);
        let residuals = Image::new(&residuals, target.width(), target.height()).expect("the target's size");
        let gradient = self.parameter_gradient(source, residuals, transform);
        (loss, gradient.iter().map(|g| 2.0 * g).collect(), count)
    }
}

/// The sums of rows, added up: 32 of them in order, and more in two parts.
fn over_rows<const N: usize>(rows: &[[f64; N]]) -> [f64; N] {
    if rows.len() <= 32 {
        return rows.iter().fold([0.0; N], |sum, row| std::array::from_fn(|i| sum[i] + row[i]));
    }
    let mut first = 1;
    while 2 * first < rows.len() {
        first *= 2;
    }
    let [above, below] = [&rows[..first], &rows[first..]].map(over_rows);
    std::array::from_fn(|i| above[i] + below[i])
}

/// Each of A, B and C with the coordinates that it is multiplied by.
fn moments<T: Copy>([a, b, c]: [T; 3], [x, y, one]: [T; 3]) -> [(T, T); 8] {
    [(a, x), (a, y), (a, one), (b, x), (b, y), (b, one), (c, x), (c, y)]
}

/// Values in the format of derivatives, and what is done with them: see
/// [`Fine`](crate::kernel::Fine).
pub trait FineArithmetic: Arithmetic {
    /// The value, before its last rounding.
    fn fine(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> Self::Derivative;
    /// A grey level.
    fn exact(self) -> Self::Derivative;
    /// `|g|^2 / (|g|^2 + tau^2)`.
    fn soft(gx: Self::Derivative, gy: Self::Derivative, tau: f64) -> Self::Derivative;
    /// Zero or one.
    fn hard(gx: Self::Derivative, gy: Self::Derivative, tau: f64) -> Self::Derivative;
    /// A gate from Q14.
    fn gate(q14: u16) -> Self::Derivative;
    /// Between two values.
    fn blend(smooth: Self::Derivative, sharp: Self::Derivative, a: Self::Derivative) -> Self;
    /// Between two derivatives.
    fn blend_slopes(
        smooth: Self::Derivative,
        sharp: Self::Derivative,
        a: Self::Derivative,
    ) -> Self::Derivative;
    /// A derivative plus `(sharp - smooth) da`, da = 2 (p g / tau) (p mixed / tau).
    fn with_gate_slope(
        derivative: Self::Derivative,
        values: [Self::Derivative; 2],
        a: Self::Derivative,
        g: Self::Derivative,
        mixed: Self::Derivative,
        tau: f64,
    ) -> Self::Derivative;
    /// The mixed derivative of bilinear interpolation between 2x2 pixels, rows first.
    fn mixed(taps: &[Vec<Self>]) -> Self::Derivative;
    /// The slope of the plane through 3x3 values, rows first.
    fn plane(v: [[Self::Derivative; 3]; 3], solve: [[f64; 2]; 2]) -> [Self::Derivative; 2];
}

fn narrow(v: i128) -> i32 {
    v.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

macro_rules! integer_fine {
    ($($t:ty: weights $bits:literal, intermediate $mid:literal;)*) => {$(
        impl FineArithmetic for $t {
            fn fine(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> i32 {
                half_up(integer_sum(taps, i32::from, [x, y], $bits, $bits - $mid), $bits + $mid - 14) as i32
            }
            fn exact(self) -> i32 {
                i32::from(self) * 16_384
            }
            fn soft(gx: i32, gy: i32, tau: f64) -> i32 {
                let [gx, gy, tau] = [gx.into(), gy.into(), half_up((tau * power(46)) as i128, 32)];
                let (mut n, mut sum) = (gx * gx + gy * gy, gx * gx + gy * gy + tau * tau);
                while sum >= 1 << 38 {
                    // One bit after the other is the floor of all.
                    (n, sum) = (n >> 1, sum >> 1);
                }
                ((2 * n * (1 << 24) + sum) / (2 * sum)) as i32
            }
            fn hard(gx: i32, gy: i32, tau: f64) -> i32 {
                let [gx, gy, tau]: [i128; 3] = [gx.into(), gy.into(), half_up((tau * power(46)) as i128, 32)];
                if gx * gx + gy * gy >= tau * tau { 1 << 24 } else { 0 }
            }
            fn gate(q14: u16) -> i32 {
                i32::from(q14.min(16_384)) * 1024
            }
            fn blend(smooth: i32, sharp: i32, a: i32) -> $t {
                let [smooth, sharp, a]: [i128; 3] = [smooth.into(), sharp.into(), a.into()];
                let v = half_up(((1 << 24) - a) * smooth + a * sharp, 38);
                v.clamp(<$t>::MIN.into(), <$t>::MAX.into()) as $t
            }
            fn blend_slopes(smooth: i32, sharp: i32, a: i32) -> i32 {
                let [smooth, sharp, a]: [i128; 3] = [smooth.into(), sharp.into(), a.into()];
                narrow(half_up(((1 << 24) - a) * smooth + a * sharp, 24))
            }
            fn with_gate_slope(
                derivative: i32, [smooth, sharp]: [i32; 2], a: i32, g: i32, mixed: i32, tau: f64,
            ) -> i32 {
                let tau = half_up((tau * power(46)) as i128, 32);
                // 1 / tau in Q46.
                let reciprocal = (1_i128 << 60) / tau;
                let u = half_up(i128::from((1 << 24) - a) * i128::from(g) * reciprocal, 60);
                let v = half_up(i128::from((1 << 24) - a) * i128::from(mixed) * reciprocal, 60);
                let difference = i128::from(sharp) - i128::from(smooth);
                narrow(i128::from(derivative) + half_up(2 * difference * u * v, 48))
            }
            fn mixed(taps: &[Vec<Self>]) -> i32 {
                let row = |j: usize| i128::from(taps[j][1]) - i128::from(taps[j][0]);
                narrow((row(1) - row(0)) * 16_384)
            }
            fn plane(v: [[i32; 3]; 3], solve: [[f64; 2]; 2]) -> [i32; 2] {
                let v = v.map(|row| row.map(i128::from));
                let along: i128 = v.iter().map(|row| row[2] - row[0]).sum();
                let across: i128 = (0..3).map(|i| v[2][i] - v[0][i]).sum();
                solve.map(|row| {
                    let [s, t] = row.map(|v| (v * power(32) + 0.5).floor() as i128);
                    narrow(half_up(s * along + t * across, 32))
                })
            }
        }
    )*};
}
integer_fine! {
    u8: weights 14, intermediate 7;
    u16: weights 24, intermediate 8;
    i16: weights 24, intermediate 8;
}

impl FineArithmetic for f32 {
    fn fine(taps: &[Vec<f32>], x: &[f64], y: &[f64]) -> f32 {
        Self::value(taps, x, y)
    }
    fn exact(self) -> f32 {
        self
    }
    fn soft(gx: f32, gy: f32, tau: f64) -> f32 {
        let square = tau as f32 * tau as f32;
        1.0 - square / ((gx * gx + gy * gy) + square)
    }
    fn hard(gx: f32, gy: f32, tau: f64) -> f32 {
        f32::from(u8::from(gx * gx + gy * gy >= tau as f32 * tau as f32))
    }
    fn gate(q14: u16) -> f32 {
        f32::from(q14.min(16_384)) / 16_384.0
    }
    fn blend(smooth: f32, sharp: f32, a: f32) -> f32 {
        match a {
            0.0 => smooth,
            _ if smooth == sharp => smooth,
            1.0 => sharp,
            _ => smooth + a * (sharp - smooth),
        }
    }
    fn blend_slopes(smooth: f32, sharp: f32, a: f32) -> f32 {
        Self::blend(smooth, sharp, a)
    }
    fn with_gate_slope(
        derivative: f32,
        [smooth, sharp]: [f32; 2],
        a: f32,
        g: f32,
        mixed: f32,
        tau: f64,
    ) -> f32 {
        let (p, reciprocal) = (1.0 - a, 1.0 / tau as f32);
        let u = (p * g) * reciprocal;
        derivative + ((sharp - smooth) * (u + u)) * ((p * mixed) * reciprocal)
    }
    fn mixed(taps: &[Vec<f32>]) -> f32 {
        (taps[1][1] - taps[1][0]) - (taps[0][1] - taps[0][0])
    }
    fn plane([a, b, c]: [[f32; 3]; 3], solve: [[f64; 2]; 2]) -> [f32; 2] {
        let along = ((a[2] - a[0]) + (b[2] - b[0])) + (c[2] - c[0]);
        let across = ((c[0] - a[0]) + (c[1] - a[1])) + (c[2] - a[2]);
        solve.map(|row| {
            let [s, t] = row.map(|v| (v * power(32) + 0.5).floor() as f32 / 4_294_967_296.0);
            s * along + t * across
        })
    }
}

/// The reference of a sampler with any [`Interpolator`](crate::Interpolator).
pub trait Rule<P: Pixel> {
    /// How positions of values are rounded.
    fn rounding(&self) -> To;
    /// How positions of partials are rounded.
    fn partials_rounding(&self) -> To {
        self.rounding()
    }
    /// The value at a rounded position.
    fn value_at(&self, image: Image<'_, P>, at: [i64; 2]) -> Option<P>;
    /// The partials at a rounded position.
    fn slopes_at(&self, image: Image<'_, P>, at: [i64; 2]) -> (P::Derivative, P::Derivative);
}

impl<K: Shape, P: Pixel<Channel: Arithmetic>> Rule<P> for Reference<K, P> {
    fn rounding(&self) -> To {
        Self::to()
    }
    fn value_at(&self, image: Image<'_, P>, at: [i64; 2]) -> Option<P> {
        self.value(image, at)
    }
    fn slopes_at(&self, image: Image<'_, P>, at: [i64; 2]) -> (P::Derivative, P::Derivative) {
        self.slopes(image, at)
    }
}

/// The reference of [`Surrogate`](crate::Surrogate): of its value and of its gradient.
#[derive(Clone, Copy, Debug)]
pub struct SurrogateRule<V, G>(pub V, pub G);

impl<P: Pixel, V: Rule<P>, G: Rule<P>> Rule<P> for SurrogateRule<V, G> {
    fn rounding(&self) -> To {
        self.0.rounding()
    }
    fn partials_rounding(&self) -> To {
        self.1.partials_rounding()
    }
    fn value_at(&self, image: Image<'_, P>, at: [i64; 2]) -> Option<P> {
        self.0.value_at(image, at)
    }
    fn slopes_at(&self, image: Image<'_, P>, at: [i64; 2]) -> (P::Derivative, P::Derivative) {
        self.1.slopes_at(image, at)
    }
}

/// A position of `bits` fraction bits, rounded once more.
fn again(at: [i64; 2], bits: u32, to: To) -> [i64; 2] {
    at.map(|v| to.round(i128::from(v) << (32 - bits)))
}

impl<K: Shape, P: Pixel<Channel: FineArithmetic>> Reference<K, P> {
    /// The value before its last rounding, by channels, at a position with the channel's fraction.
    fn fine(&self, image: Image<'_, P>, at: [i64; 2]) -> Option<Vec<<P::Channel as Channel>::Derivative>> {
        let f = self.footprint(image, again(at, P::Channel::BITS, Self::to()));
        let constant = match self.boundary {
            Boundary::Constant(v) if f.taps.iter().all(|tap| tap.pixel.is_none()) => Some(v),
            _ => None,
        };
        let value = |c: usize| match constant {
            Some(v) => P::flatten(from_ref(&v))[c].exact(),
            None => FineArithmetic::fine(&channel(&f.pixels, c), &f.weights[0], &f.weights[1]),
        };
        (!f.left).then(|| (0..P::CHANNELS).map(value).collect())
    }
    /// The partials by channels, at a position with the channel's fraction.
    fn fine_slopes(
        &self,
        image: Image<'_, P>,
        at: [i64; 2],
    ) -> [Vec<<P::Channel as Channel>::Derivative>; 2] {
        let (dx, dy) = self.slopes(image, again(at, P::Channel::BITS, Self::to()));
        [dx, dy].map(|mut v| P::flatten_derivatives(from_mut(&mut v)).to_vec())
    }
}

/// The reference of [`Linearized`](crate::Linearized) with these half axes.
#[derive(Clone, Copy, Debug)]
pub struct LinearizedRule<P> {
    bilinear: Reference<Bilinear, P>,
    around: Reference<Bilinear, P>,
    axes: [[f64; 2]; 2],
}

impl<P: Pixel<Channel: FineArithmetic>> LinearizedRule<P> {
    /// With the half axes a and b, in source pixels.
    pub fn new(axes: [[f64; 2]; 2], boundary: Boundary<P>) -> Self {
        let around = if boundary == Boundary::Transparent { Boundary::Replicate } else { boundary };
        Self { bilinear: Reference::new(Bilinear, boundary), around: Reference::new(Bilinear, around), axes }
    }
}

impl<P: Pixel<Channel: FineArithmetic>> Rule<P> for LinearizedRule<P> {
    fn rounding(&self) -> To {
        To::HalfUp(P::Channel::BITS)
    }
    fn value_at(&self, image: Image<'_, P>, at: [i64; 2]) -> Option<P> {
        self.bilinear.value(image, at)
    }
    fn slopes_at(&self, image: Image<'_, P>, at: [i64; 2]) -> (P::Derivative, P::Derivative) {
        let (mut dx, mut dy) = (P::zero_derivative(), P::zero_derivative());
        if self.bilinear.value(image, at).is_none() {
            return (dx, dy);
        }
        let [a, b] = self.axes;
        let sample = |i: i64, j: i64| {
            let offset = |axis: usize| {
                let q32 = |v: f64| (v * power(32) + 0.5).floor() as i64;
                i * q32(a[axis]) + j * q32(b[axis])
            };
            let position = |axis: usize| (at[axis] << (32 - P::Channel::BITS)) + offset(axis);
            let at = [0, 1].map(|axis| self.rounding().round(position(axis).into()));
            self.around.fine(image, at).expect("no transparent boundary")
        };
        let values = [-1, 0, 1].map(|j| [-1, 0, 1].map(|i| sample(i, j)));
        let det = a[0] * b[1] - a[1] * b[0];
        let solve = [[b[1], -a[1]], [-b[0], a[0]]].map(|row| row.map(|v| v / (6.0 * det)));
        let channels = P::flatten_derivatives(from_mut(&mut dx)).iter_mut();
        for (c, (dx, dy)) in channels.zip(P::flatten_derivatives(from_mut(&mut dy))).enumerate() {
            [*dx, *dy] =
                P::Channel::plane([0, 1, 2].map(|j| [0, 1, 2].map(|i: usize| values[j][i][c])), solve);
        }
        (dx, dy)
    }
}

/// A gate of [`Adaptive`](crate::Adaptive).
#[derive(Clone, Copy, Debug)]
pub enum GateRule<'a> {
    /// With the exact partials if the flag is set, else frozen.
    Soft(f64, bool),
    /// By a threshold.
    Hard(f64),
    /// By an image.
    Image(Image<'a, u16>),
}

/// The reference of [`Adaptive`](crate::Adaptive): smooth rule, sharp rule, gate.
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveRule<'a, S, H, P>(pub Reference<S, P>, pub Reference<H, P>, pub GateRule<'a>);

impl<S: Shape, H: Shape, P: Pixel<Channel: FineArithmetic>> AdaptiveRule<'_, S, H, P> {
    /// The gate at a position, in Q14.
    fn given(gates: Image<'_, u16>, at: [i64; 2]) -> u16 {
        let [x, y] = again(at, P::Channel::BITS, To::HalfUp(0));
        let x = x.clamp(0, gates.width() as i64 - 1);
        let y = y.clamp(0, gates.height() as i64 - 1);
        gates.get(x as usize, y as usize).expect("a pixel of the gates").min(16_384)
    }
    fn gates(&self, image: Image<'_, P>, at: [i64; 2]) -> Vec<<P::Channel as Channel>::Derivative> {
        let [gx, gy] = self.0.fine_slopes(image, at);
        let gate = |(&gx, &gy): (&_, &_)| match self.2 {
            GateRule::Soft(tau, _) => P::Channel::soft(gx, gy, tau),
            GateRule::Hard(tau) => P::Channel::hard(gx, gy, tau),
            GateRule::Image(gates) => P::Channel::gate(Self::given(gates, at)),
        };
        gx.iter().zip(&gy).map(gate).collect()
    }

    /// As [`Sampler::adjoint`](crate::Sampler::adjoint), with a gate that is given.
    pub fn adjoint(
        &self,
        cotangent: Image<'_, P::Cotangent>,
        gradient: &mut ImageMut<'_, P::Adjoint>,
        coordinates: &Coordinates<'_>,
    ) {
        let GateRule::Image(gates) = self.2 else { panic!("no other gate has an adjoint") };
        let (width, height) = (gradient.width(), gradient.height());
        let blank: Vec<P> = (0..width * height).map(|_| P::zero()).collect();
        let blank = Image::new(&blank, width, height).expect("the size of an image");
        for (y, row) in cotangent.rows().enumerate() {
            for (x, cotangent) in row.iter().enumerate() {
                let bits = P::Channel::BITS;
                let at = coordinates.at(x, y, bits);
                let smooth = self.0.taps(blank, again(at, bits, Reference::<S, P>::to()));
                let sharp = self.1.taps(blank, again(at, bits, Reference::<H, P>::to()));
                let Some((smooth, sharp)) = smooth.zip(sharp) else { continue };
                let format = P::Channel::FIXED.then_some(bits);
                let number = |value: f64| Number { value, bits: format };
                let a = number(f64::from(Self::given(gates, at)) / 16_384.0);
                let taps = smooth.into_iter().map(|tap| (tap, number(1.0) - a));
                for (tap, gain) in taps.chain(sharp.into_iter().map(|tap| (tap, a))) {
                    let (wx, wy) = (tap.weights.0, (number(tap.weights.1) * gain).value);
                    let to = tap.pixel.and_then(|(x, y)| gradient.get_mut(x, y));
                    let Some(to) = to.filter(|_| wx != 0.0 && wy != 0.0) else { continue };
                    let from = P::flatten_cotangents(from_ref(cotangent));
                    for (to, &from) in P::flatten_adjoints(from_mut(to)).iter_mut().zip(from) {
                        P::Channel::push(to, from, wx, wy);
                    }
                }
            }
        }
    }
}

impl<S: Shape, H: Shape, P: Pixel<Channel: FineArithmetic>> Rule<P> for AdaptiveRule<'_, S, H, P> {
    fn rounding(&self) -> To {
        To::HalfUp(P::Channel::BITS)
    }
    fn value_at(&self, image: Image<'_, P>, at: [i64; 2]) -> Option<P> {
        let (smooth, sharp) = self.0.fine(image, at).zip(self.1.fine(image, at))?;
        let gates = self.gates(image, at);
        let mut out = P::zero();
        for (c, out) in P::flatten_mut(from_mut(&mut out)).iter_mut().enumerate() {
            *out = P::Channel::blend(smooth[c], sharp[c], gates[c]);
        }
        Some(out)
    }
    fn slopes_at(&self, image: Image<'_, P>, at: [i64; 2]) -> (P::Derivative, P::Derivative) {
        let (mut dx, mut dy) = (P::zero_derivative(), P::zero_derivative());
        let Some((smooth, sharp)) = self.0.fine(image, at).zip(self.1.fine(image, at)) else {
            return (dx, dy);
        };
        let gates = self.gates(image, at);
        let [sx, sy] = self.0.fine_slopes(image, at);
        let [hx, hy] = self.1.fine_slopes(image, at);
        let channels = P::flatten_derivatives(from_mut(&mut dx)).iter_mut();
        for (c, (dx, dy)) in channels.zip(P::flatten_derivatives(from_mut(&mut dy))).enumerate() {
            *dx = P::Channel::blend_slopes(sx[c], hx[c], gates[c]);
            *dy = P::Channel::blend_slopes(sy[c], hy[c], gates[c]);
            if let GateRule::Soft(tau, true) = self.2 {
                let f = Reference::new(Bilinear, self.0.boundary).footprint(image, at);
                let mixed = P::Channel::mixed(&channel(&f.pixels, c));
                let values = [smooth[c], sharp[c]];
                *dx = P::Channel::with_gate_slope(*dx, values, gates[c], sy[c], mixed, tau);
                *dy = P::Channel::with_gate_slope(*dy, values, gates[c], sx[c], mixed, tau);
            }
        }
        (dx, dy)
    }
}

/// One channel of the taps.
fn channel<P: Tapped>(pixels: &[Vec<P>], c: usize) -> Vec<Vec<P::Channel>> {
    pixels.iter().map(|row| row.iter().map(|p| P::flatten(from_ref(p))[c]).collect()).collect()
}
