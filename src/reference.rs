//! The straightforward version of every sampling operation: what the fast ones are tested against.
//!
//! In and out: as the operations of [`Sampler`](crate::Sampler). Written from the documented
//! definitions, pixel by pixel, with exact integers and allocation wherever it helps the reader. It
//! shares nothing with the fast code but the rounding rule, floor(v + 1/2). Not part of the API.
#![forbid(unsafe_code)]

use std::marker::PhantomData;
use std::slice::{from_mut, from_ref};
use std::vec::Vec;

use crate::transform::Matrix;
use crate::{
    Affine, Bilinear, Boundary, Channel, Euclidean, Homography, Image, ImageMut, Nearest, NearestEven, Pixel,
    Similarity, StraightThrough, Transform, Translation,
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
    let begin = x / 64 * 64;
    let ends = [forms(begin), forms(begin + 63)];
    // The end that is nearer, the first if both are as near: the anchor is the whole part of its
    // image, rounded towards zero.
    let [u, v, d] = if ends[0][2].abs() >= ends[1][2].abs() { ends[0] } else { ends[1] };
    let anchors = [u, v].map(|n| n.checked_div(d).unwrap_or(0).clamp(-65_536, 65_536));
    let length = |v: i128| 128 - v.unsigned_abs().leading_zeros() as i32;
    let relative = |axis: usize, form: [i128; 3]| form[axis] - anchors[axis] * form[2];
    let largest = (0..2).flat_map(|axis| ends.map(|end| length(relative(axis, end)))).max().unwrap_or(0);
    let shift = (length(d) - 30).max(largest - 45);
    let scaled = |v: i128| if shift > 0 { half_up(v, shift as u32) } else { v << -shift };
    let along = |start: i128, step: i128| scaled(start) + scaled(step) * (x - begin) as i128;
    let step = rows.map(|r| r[0]);
    // The last entry of the matrix is one: here the power of two by which all were multiplied.
    let scale = 127 - rows[2][2].leading_zeros() as i32;
    Quotient {
        numerators: [0, 1].map(|axis| along(relative(axis, ends[0]), relative(axis, step))),
        anchors,
        denominator: along(ends[0][2], step[2]),
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
    /// The weights of the taps at a fraction: exact, unless said otherwise.
    fn weights(f: Number) -> Vec<Number> {
        distances::<Self>(f).map(|d| f.real(Self::weight(d))).collect()
    }
    /// The slopes of the taps at a fraction: exact, unless said otherwise.
    fn slopes(f: Number) -> Vec<Number> {
        distances::<Self>(f).map(|d| f.real(Self::slope(d))).collect()
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
    fn value(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> Self;
    /// The value before its last rounding: of integers to 2^-6.
    fn fine(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> f64;
    /// The mean of such values.
    fn mean(samples: &[f64]) -> Self;
    /// The derivative by x, from the slopes along x and the weights along y.
    fn dx(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> Self::Derivative;
    /// The derivative by y, from the weights along x and the slopes along y.
    fn dy(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> Self::Derivative;
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
    fn difference(a: Self, b: Self) -> Self::Cotangent;
}

macro_rules! integer_arithmetic {
    ($($t:ty: weights $bits:literal, intermediate $mid:literal;)*) => {$(
        impl Arithmetic for $t {
            const BITS: u32 = $bits;
            fn value(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> Self {
                let sum = half_up(integer_sum(taps, x, y, $bits, $mid), $bits + $mid);
                sum.clamp(<$t>::MIN.into(), <$t>::MAX.into()) as $t
            }
            fn fine(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> f64 {
                half_up(integer_sum(taps, x, y, $bits, $mid), $bits + $mid - 6) as f64 / 64.0
            }
            fn mean(samples: &[f64]) -> Self {
                let (sum, n) = (samples.iter().sum::<f64>() * 64.0, samples.len() as i128);
                let mean = (2 * sum as i128 + 64 * n).div_euclid(128 * n);
                mean.clamp(<$t>::MIN.into(), <$t>::MAX.into()) as $t
            }
            fn dx(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> i32 {
                let sum = half_up(integer_sum(taps, x, y, $bits, $mid), $bits + $mid - 14);
                sum.clamp(i32::MIN.into(), i32::MAX.into()) as i32
            }
            fn dy(taps: &[Vec<Self>], x: &[f64], y: &[f64]) -> i32 {
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
                self.into()
            }
            fn real_derivative(v: i32) -> f64 {
                f64::from(v) / 16_384.0
            }
            fn real_cotangent(v: i32) -> f64 {
                v.into()
            }
            fn difference(a: Self, b: Self) -> i32 {
                i32::from(a) - i32::from(b)
            }
        }
    )*};
}
integer_arithmetic! {
    u8: weights 14, intermediate 7;
    u16: weights 24, intermediate 8;
    i16: weights 24, intermediate 8;
}

/// The product of two weights of some bits, in a format of no more bits than it has.
fn weight_product<const BITS: u32>(x: f64, y: f64, to: u32) -> i128 {
    half_up((x * y * power(2 * BITS)) as i128, 2 * BITS - to)
}

fn integer_sum<T: Copy + Into<i128>>(taps: &[Vec<T>], x: &[f64], y: &[f64], bits: u32, mid: u32) -> i128 {
    let weight = |w: f64| (w * power(bits) + 0.5).floor() as i128;
    let row =
        |taps: &Vec<T>| half_up(taps.iter().zip(x).map(|(&p, &w)| p.into() * weight(w)).sum(), bits - mid);
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
    fn fine(taps: &[Vec<f32>], x: &[f64], y: &[f64]) -> f64 {
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
    left: bool,
}

/// The reference of a [`Sampler`](crate::Sampler).
#[derive(Clone, Copy, Debug)]
pub struct Reference<K, P> {
    kernel: PhantomData<K>,
    boundary: Boundary<P>,
}

impl<K: Shape, P: Pixel<Channel: Arithmetic>> Reference<K, P> {
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
            (index, weights, slopes, left)
        };
        let (columns, wx, sx, left_x) = axis(at[0], image.width());
        let (rows, wy, sy, left_y) = axis(at[1], image.height());
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
        Footprint { taps, pixels, weights: [wx, wy], slopes: [sx, sy], left }
    }

    /// The taps of a position that is given times 2^[`Self::bits`], or `None` where the
    /// destination is left.
    pub fn taps(&self, image: Image<'_, P>, at: [i64; 2]) -> Option<Vec<Tap>> {
        let footprint = self.footprint(image, at);
        (!footprint.left).then_some(footprint.taps)
    }

    /// The value at a position that is given times 2^[`Self::bits`].
    pub fn value(&self, image: Image<'_, P>, at: [i64; 2]) -> Option<P> {
        let f = self.footprint(image, at);
        if let Boundary::Constant(v) = self.boundary
            && f.taps.iter().all(|tap| tap.pixel.is_none())
        {
            return Some(v);
        }
        let mut out = P::zero();
        for (c, out) in P::flatten_mut(from_mut(&mut out)).iter_mut().enumerate() {
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

    /// As [`Sampler::sample`](crate::Sampler::sample).
    pub fn sample(&self, image: Image<'_, P>, x: f64, y: f64) -> Option<P> {
        self.value(image, [position(x, Self::to()), position(y, Self::to())])
    }

    /// As [`Sampler::partials`](crate::Sampler::partials).
    pub fn partials(&self, image: Image<'_, P>, x: f64, y: f64) -> (P::Derivative, P::Derivative) {
        self.slopes(image, [position(x, Self::to()), position(y, Self::to())])
    }

    /// The interpolant at a real coordinate without any rounding, channel by channel.
    pub fn real(&self, image: Image<'_, P>, x: f64, y: f64) -> Vec<f64> {
        let axis = |v: f64| {
            let nearest = (v + 0.5).floor();
            let (cell, v) =
                if K::SUPPORT.is_multiple_of(2) { (v.floor() as i64, v) } else { (nearest as i64, nearest) };
            let first = cell + 1 - (K::SUPPORT as i64 + 1) / 2;
            (first..).take(K::SUPPORT).map(move |tap| (tap, K::weight(v - tap as f64)))
        };
        let constant = if let Boundary::Constant(v) = self.boundary { v } else { P::zero() };
        let mut sum: Vec<f64> = (0..P::CHANNELS).map(|_| 0.0).collect();
        for (row, wy) in axis(y) {
            for (column, wx) in axis(x) {
                let column = extend(&self.boundary, column, image.width() as i64);
                let row = extend(&self.boundary, row, image.height() as i64);
                let pixel = column.zip(row).and_then(|(x, y)| image.get(x as usize, y as usize));
                for (sum, p) in sum.iter_mut().zip(P::flatten(from_ref(&pixel.unwrap_or(constant)))) {
                    *sum += wx * wy * p.real();
                }
            }
        }
        sum
    }

    /// As [`Sampler::warp`](crate::Sampler::warp).
    pub fn warp(
        &self,
        source: Image<'_, P>,
        destination: &mut ImageMut<'_, P>,
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
        destination: &mut ImageMut<'_, P>,
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
                            Boundary::Constant(v) if constant => P::flatten(from_ref(&v))[c].real(),
                            _ => P::Channel::fine(&channel(&f.pixels, c), &f.weights[0], &f.weights[1]),
                        };
                        (!f.left).then_some(value)
                    };
                    samples.iter().map(|coordinates| fine(coordinates.at(x, y, Self::to()))).collect()
                };
                for (c, out) in P::flatten_mut(from_mut(out)).iter_mut().enumerate() {
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
        coordinates: &Coordinates<'_>,
        samples: [i128; 2],
        gradient: &mut ImageMut<'_, P::Adjoint>,
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
        coordinates: &Coordinates<'_>,
        gradient: &mut ImageMut<'_, P::Adjoint>,
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
        coordinates: &Coordinates<'_>,
        gradient: &mut ImageMut<'_, P::Derivative>,
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
        let (mut whole, mut real) = ([0_i128; 8], [0.0; 8]);
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
            for (sum, part) in real.iter_mut().zip(along) {
                *sum += part;
            }
        }
        let g = if P::Channel::FIXED { whole.map(|v| v as f64 / power(14)) } else { real };
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
        target: Image<'_, P>,
        transform: &T,
    ) -> (f64, Vec<f64>, usize) {
        let coordinates = transform.coordinates();
        let (mut loss, mut count, mut residuals) = (0.0, 0, Vec::new());
        for (y, row) in target.rows().enumerate() {
            let mut along = 0.0;
            for (x, target) in row.iter().enumerate() {
                let mut residual = P::zero_cotangent();
                if let Some(v) = self.value(source, coordinates.at(x, y, Self::to())) {
                    let pairs = P::flatten(from_ref(&v)).iter().zip(P::flatten(from_ref(target)));
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
            loss += along;
        }
        let residuals = Image::new(&residuals, target.width(), target.height()).expect("the target's size");
        let gradient = self.parameter_gradient(source, residuals, transform);
        (loss, gradient.iter().map(|g| 2.0 * g).collect(), count)
    }
}

/// Each of A, B and C with the coordinates that it is multiplied by.
fn moments<T: Copy>([a, b, c]: [T; 3], [x, y, one]: [T; 3]) -> [(T, T); 8] {
    [(a, x), (a, y), (a, one), (b, x), (b, y), (b, one), (c, x), (c, y)]
}

/// One channel of the taps.
fn channel<P: Pixel>(pixels: &[Vec<P>], c: usize) -> Vec<Vec<P::Channel>> {
    pixels.iter().map(|row| row.iter().map(|p| P::flatten(from_ref(p))[c]).collect()).collect()
}
