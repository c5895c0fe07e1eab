//! What must hold whatever the numbers: laws of the operators and of the transforms, and the
//! accuracy that the documentation promises.
#![forbid(unsafe_code)]

use crate::common::Random;
use nonius::fixed::{Q14, Q24};
use nonius::reference::{Arithmetic, Coordinates, Exact, Reference, Shape, extend, real_coordinates};
use nonius::transform::Matrix;
use nonius::{
    Affine, BSpline, Bilinear, Boundary, Cubic, Euclidean, Homography, Image, ImageMut, Kernel, Lanczos,
    Level, Map, Nearest, Pixel, Sampler, Similarity, Smooth, StraightThrough, Transform, Translation, Warp,
    Weight,
};
use quickcheck::{Arbitrary, Gen, quickcheck};

impl Arbitrary for Random {
    fn arbitrary(g: &mut Gen) -> Self {
        Random(u64::arbitrary(g) | 1)
    }
}

impl Random {
    /// A multiple of `step`.
    fn multiple(&mut self, step: f64, from: f64, to: f64) -> f64 {
        (self.real(from, to) / step).floor() * step
    }
    fn size(&mut self) -> (usize, usize) {
        (1 + self.below(20), 1 + self.below(20))
    }
    fn affine(&mut self) -> Affine {
        loop {
            let mut c = |around: f64, by: f64| self.real(around - by, around + by);
            let p = [c(1.0, 1.5), c(0.0, 1.5), c(0.0, 12.0), c(0.0, 1.5), c(1.0, 1.5), c(0.0, 12.0)];
            if (p[0] * p[4] - p[1] * p[3]).abs() > 0.1 {
                return Affine::from_parameters(p).unwrap();
            }
        }
    }
    /// A homography whose denominator is between 0.2 and 5 over an image of this side.
    fn homography(&mut self, side: f64) -> Homography {
        loop {
            let m = self.affine().matrix();
            let (g, h) = (self.real(-4.0, 4.0) / side, self.real(-4.0, 4.0) / side);
            let corners = [1.0, 1.0 + g * side, 1.0 + h * side, 1.0 + (g + h) * side];
            let p = [m[0], m[1], m[2], m[3], m[4], m[5], g, h];
            if corners.iter().all(|d| (0.2..=5.0).contains(d))
                && let Ok(t) = Homography::from_parameters(p)
            {
                return t;
            }
        }
    }
}

/// An image that owns its pixels.
#[derive(Clone, Debug, PartialEq)]
struct Picture<T> {
    pixels: Vec<T>,
    width: usize,
    height: usize,
}

impl<T: Copy> Picture<T> {
    fn new((width, height): (usize, usize), mut pixel: impl FnMut(usize, usize) -> T) -> Self {
        let pixels = (0..width * height).map(|i| pixel(i % width, i / width)).collect();
        Self { pixels, width, height }
    }
    fn image(&self) -> Image<'_, T> {
        Image::new(&self.pixels, self.width, self.height).unwrap()
    }
    fn image_mut(&mut self) -> ImageMut<'_, T> {
        ImageMut::new(&mut self.pixels, self.width, self.height).unwrap()
    }
    fn get(&self, x: usize, y: usize) -> T {
        self.pixels[y * self.width + x]
    }
    fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }
}

/// A channel that can be made from noise.
trait Noise: Copy + PartialEq + std::fmt::Debug {
    fn noise(bits: u64) -> Self;
}
macro_rules! noise {
    ($($t:ty),*) => {$(
        impl Noise for $t {
            fn noise(bits: u64) -> Self {
                (bits >> 17) as $t
            }
        }
    )*};
}
noise!(u8, u16, i16, i32);
impl Noise for f32 {
    fn noise(bits: u64) -> Self {
        (bits >> 40) as f32 / 65_536.0 - 128.0
    }
}
impl<T: Noise, const C: usize> Noise for [T; C] {
    fn noise(bits: u64) -> Self {
        std::array::from_fn(|c| T::noise(bits.rotate_left(11 * c as u32)))
    }
}

fn texture<T: Noise>(size: (usize, usize), random: &mut Random) -> Picture<T> {
    Picture::new(size, |_, _| T::noise(random.bits()))
}

fn boundaries<P>(constant: P) -> [Boundary<P>; 6] {
    use Boundary::*;
    [Constant(constant), Replicate, Reflect, Reflect101, Wrap, Transparent]
}

/// Warped by every level, which agree.
fn warped<K: Kernel, P: Pixel, W: Warp>(
    kernel: K,
    boundary: Boundary<P>,
    source: &Picture<P>,
    before: &Picture<P>,
    warp: &W,
) -> Picture<P> {
    let results: Vec<Picture<P>> = Level::available()
        .map(|level| {
            let mut out = before.clone();
            let sampler = Sampler::new(kernel, boundary).with_level(level);
            sampler.warp(source.image(), &mut out.image_mut(), warp).unwrap();
            out
        })
        .collect();
    results.into_iter().reduce(|a, b| if a.pixels == b.pixels { a } else { panic!("levels differ") }).unwrap()
}

// The operators.

/// `<W x, y> = <x, W' y>` in integers, where W is the warp before its roundings.
fn adjoint_is_exact<K, P>(kernel: K, random: &mut Random)
where
    K: Kernel + Shape,
    P: Noise + Pixel<Channel: Arithmetic + Into<i128>, Adjoint = i64, Cotangent = i32>,
{
    let source: Picture<P> = texture(random.size(), random);
    let y = Picture::new(random.size(), |_, _| (random.bits() >> 48) as i32 - 32_768);
    let mut planes = [source.width, source.height]
        .map(|side| Picture::new(y.size(), |_, _| random.real(-5.0, side as f64 + 4.0) as f32));
    planes[0].pixels[0] = f32::NAN;
    let map = Map::new(planes[0].image(), planes[1].image()).unwrap();
    let (affine, homography) = (random.affine(), random.homography(20.0));
    for boundary in boundaries(P::zero()) {
        let reference = Reference::new(kernel, boundary);
        let bits = Reference::<K, P>::bits();
        let forward = |coordinates: &Coordinates<'_>| -> i128 {
            let mut sum = 0;
            for (i, y) in y.pixels.iter().enumerate() {
                let at = coordinates.at(i % planes[0].width, i / planes[0].width, bits);
                for tap in reference.taps(source.image(), at).unwrap_or_default() {
                    if let Some((column, row)) = tap.pixel {
                        let weight = (tap.weights.0 * tap.weights.1 * f64::from(1 << 28) + 0.5).floor();
                        let p = source.get(column, row);
                        sum += weight as i128 * i128::from(*y) * P::flatten(&[p])[0].into();
                    }
                }
            }
            sum
        };
        let check = |coordinates: &Coordinates<'_>, gradient: Picture<i64>| {
            let backward: i128 = gradient
                .pixels
                .iter()
                .zip(&source.pixels)
                .map(|(&g, &p)| i128::from(g) * P::flatten(&[p])[0].into())
                .sum();
            assert_eq!(forward(coordinates), backward, "{boundary:?}");
        };
        let sampler = Sampler::new(kernel, boundary);
        let adjoint = |warp: &dyn Fn(&mut ImageMut<'_, i64>)| {
            let mut gradient = Picture::new(source.size(), |_, _| 0);
            warp(&mut gradient.image_mut());
            gradient
        };
        check(&affine.coordinates(), adjoint(&|g| sampler.adjoint(y.image(), g, &affine).unwrap()));
        check(&homography.coordinates(), adjoint(&|g| sampler.adjoint(y.image(), g, &homography).unwrap()));
        let coordinates = Coordinates::Map(planes[0].image(), planes[1].image());
        check(&coordinates, adjoint(&|g| sampler.adjoint(y.image(), g, &map).unwrap()));
    }
}

quickcheck! {
    fn adjoint_is_exact_for_integers(random: Random) -> bool {
        let mut random = random;
        adjoint_is_exact::<_, u8>(Nearest, &mut random);
        adjoint_is_exact::<_, u8>(Bilinear, &mut random);
        adjoint_is_exact::<_, u16>(Bilinear, &mut random);
        adjoint_is_exact::<_, i16>(Nearest, &mut random);
        adjoint_is_exact::<_, i16>(Bilinear, &mut random);
        adjoint_is_exact::<_, u8>(Cubic::<-75>, &mut random);
        adjoint_is_exact::<_, u16>(Lanczos::<3>, &mut random);
        adjoint_is_exact::<_, i16>(BSpline, &mut random);
        true
    }
}

/// Weights sum to one and slopes to zero, without an error, and are those of the textbook.
fn unity<K: Kernel + Shape>(kernel: K) {
    let check = |weights: &[i32], slopes: &[i32], f: f64, one: i32| {
        assert_eq!(weights.iter().sum::<i32>(), one);
        assert_eq!(slopes.iter().sum::<i32>(), 0);
        for (i, (&w, &s)) in weights.iter().zip(slopes).enumerate() {
            let distance = f - i as f64;
            assert_eq!(f64::from(w), K::weight(distance) * f64::from(one));
            assert_eq!(f64::from(s), K::slope(distance) * f64::from(one));
        }
    };
    let fractions = if K::SUPPORT == 1 { 1 } else { 1 << 14 };
    for bits in 0..fractions {
        let f = Q14::from_bits(bits);
        let (w, s) = (kernel.weights(f), kernel.slopes(f));
        let raw = |v: &[Q14]| v.iter().map(|q| q.to_bits()).collect::<Vec<_>>();
        check(&raw(w.as_ref()), &raw(s.as_ref()), f64::from(bits) / 16_384.0, 1 << 14);
    }
    for bits in (0..fractions * 1024).step_by(997).chain([fractions * 1024 - 1]) {
        let bits = if K::SUPPORT == 1 { 0 } else { bits };
        let f = Q24::from_bits(bits);
        let (w, s) = (kernel.weights(f), kernel.slopes(f));
        let raw = |v: &[Q24]| v.iter().map(|q| q.to_bits()).collect::<Vec<_>>();
        check(&raw(w.as_ref()), &raw(s.as_ref()), f64::from(bits) / 16_777_216.0, 1 << 24);
        let w = kernel.weights(bits as f32 / 16_777_216.0);
        assert_eq!(w.as_ref().iter().sum::<f32>(), 1.0);
    }
}

#[test]
fn weights_sum_to_one() {
    unity(Nearest);
    unity(Bilinear);
}

/// The largest errors of weights, slopes and curvatures against the textbook, in units of the format.
type Errors = [f64; 3];

/// What a kernel must keep, at one fraction: exact sums, and absolute sums.
fn contract_at<K: Smooth + Shape, W: Weight>(
    kernel: K,
    f: W,
    real: impl Fn(W) -> f64,
    unit: f64,
    errors: &mut Errors,
) {
    type Exact = fn(f64) -> f64;
    let fraction = real(f);
    let (weights, slopes, curvatures) = (kernel.weights(f), kernel.slopes(f), kernel.curvatures(f));
    let rows: [(&[W], Exact, f64, f64); 3] = [
        (weights.as_ref(), K::weight, 1.0, 2.0),
        (slopes.as_ref(), K::slope, 0.0, 4.0),
        (curvatures.as_ref(), K::curvature, 0.0, 16.0),
    ];
    for ((row, exact, sum, most), error) in rows.into_iter().zip(errors) {
        let values: Vec<f64> = row.iter().map(|&w| real(w)).collect();
        // Those of f32 need not be exact: the middle one is not used.
        if real(W::constant(1)) == 0.0 {
            assert_eq!(values.iter().sum::<f64>(), sum, "sum at {fraction}");
        }
        assert!(values.iter().map(|v| v.abs()).sum::<f64>() <= most, "absolute sum at {fraction}");
        for (i, v) in values.iter().enumerate() {
            let distance = fraction - (i as f64 + 1.0 - K::SUPPORT as f64 / 2.0);
            *error = error.max((v - exact(distance)).abs() / unit);
        }
    }
}

/// At all fractions of 8-bit channels and many of the others, of the interpolating ones on the lattice
/// too. Errors in Q14, Q24 and `f32`.
fn contract<K: Smooth + Shape>(kernel: K, interpolates: bool) -> [Errors; 3] {
    fn copies<W: Weight>(row: &[W], real: impl Fn(W) -> f64) {
        for (i, &w) in row.iter().enumerate() {
            assert_eq!(real(w), f64::from(u8::from(i == (row.len() - 1) / 2)), "tap {i} on the lattice");
        }
    }
    let [q14, q24] = [1.0 / 16_384.0, 1.0 / 16_777_216.0];
    let (of14, of24) = (|q: Q14| f64::from(q.to_bits()) * q14, |q: Q24| f64::from(q.to_bits()) * q24);
    let mut errors = [[0.0; 3]; 3];
    for bits in 0..1 << 14 {
        contract_at(kernel, Q14::from_bits(bits), of14, q14, &mut errors[0]);
    }
    for bits in (0..1 << 24).step_by(997).chain([1, 262_143, 262_144, (1 << 24) - 1]) {
        contract_at(kernel, Q24::from_bits(bits), of24, q24, &mut errors[1]);
        contract_at(kernel, bits as f32 * q24 as f32, f64::from, q24, &mut errors[2]);
    }
    if interpolates {
        copies(kernel.weights(Q14::zero()).as_ref(), of14);
        copies(kernel.weights(Q24::zero()).as_ref(), of24);
        copies(kernel.weights(0.0_f32).as_ref(), f64::from);
    }
    errors
}

/// Errors add up from half a unit for every rounding, times what it is multiplied by afterwards; those of
/// the tap that is left are the sum of the others'.
#[test]
fn kernels_keep_their_contract() {
    fn check<K: Smooth + Shape>(kernel: K, interpolates: bool, bounds: [Errors; 3]) {
        let errors = contract(kernel, interpolates);
        let name = std::any::type_name::<K>();
        println!("{name}: {errors:.2?}");
        for (error, bound) in errors.as_flattened().iter().zip(bounds.as_flattened()) {
            assert!(error <= bound, "{name}: {errors:?}, bounds {bounds:?}");
        }
    }
    // Weights: u is one unit of 16 off and v one and a half, so the outer ones 0.57 and h 0.66.
    // Slopes: du and dv are one and a half units of 4 off, so the outer ones 0.78 and dh 1.25.
    // Curvatures: one product. Floats between 4 and 8 are rounded by up to 4 units.
    let cubic = [[1.25, 2.05, 0.5], [1.25, 2.05, 0.5], [5.0, 8.2, 16.0]];
    check(Cubic::<-50>, true, cubic);
    check(Cubic::<-75>, true, cubic);
    // Weights: cubes are one unit of 4 off, and 1/24 a third of a unit: 1.9, twice, and 1.25 at the
    // right. Slopes: squares are half a unit off: 0.57, twice, and 0.69.
    check(BSpline, false, [[5.0, 1.9, 0.0], [5.0, 1.9, 0.0], [5.0, 4.0, 4.0]]);
    // Half a unit for every tap but the one that is left, four times that for curvatures; and the error
    // of Hermite's interpolation with fourth derivatives below m: m h^4 / 384, m h^3 / 125, m h^2 / 12.
    let lanczos = |taps: f64, m: f64| {
        let (h, left) = (1.0 / 64.0_f64, taps / 2.0);
        let off = [m * h.powi(4) / 384.0, m * h.powi(3) / 125.0, m * h.powi(2) / 12.0];
        let format = |bits: i32, left: f64| {
            let rounded = [left, left, 4.0 * left];
            std::array::from_fn(|i| 1.01 * off[i] * 2.0_f64.powi(bits) + rounded[i])
        };
        [format(14, left), format(24, left), format(24, 1.0)]
    };
    check(Lanczos::<2>, true, lanczos(4.0, 64.0));
    check(Lanczos::<3>, true, lanczos(6.0, 32.0));
    check(Lanczos::<4>, true, lanczos(8.0, 32.0));
}

/// A whole shift moves pixels and changes none of their bits.
fn shifts_copy<K: Kernel, P: Noise + Pixel>(kernel: K, random: &mut Random, same: impl Fn(P, P) -> bool) {
    let source: Picture<P> = texture(random.size(), random);
    let before: Picture<P> = texture(random.size(), random);
    let [dx, dy] = if random.below(3) == 0 { [0, 0] } else { [0; 2].map(|_| random.below(61) as i64 - 30) };
    let translation = Translation::new(dx as f64, dy as f64).unwrap();
    let matrix = translation.matrix();
    let homography = Homography::from_matrix(matrix).unwrap();
    let xs = Picture::new(before.size(), |x, _| (x as i64 + dx) as f32);
    let ys = Picture::new(before.size(), |_, y| (y as i64 + dy) as f32);
    let map = Map::new(xs.image(), ys.image()).unwrap();
    for boundary in boundaries(P::noise(random.bits())) {
        let expected = Picture::new(before.size(), |x, y| {
            let column = extend(&boundary, x as i64 + dx, source.width as i64);
            let row = extend(&boundary, y as i64 + dy, source.height as i64);
            match (column.zip(row), boundary) {
                (Some((column, row)), _) => source.get(column as usize, row as usize),
                (None, Boundary::Constant(v)) => v,
                (None, _) => before.get(x, y),
            }
        });
        for level in Level::available() {
            let sampler = Sampler::new(kernel, boundary).with_level(level);
            let mut out = [before.clone(), before.clone(), before.clone()];
            sampler.warp(source.image(), &mut out[0].image_mut(), &translation).unwrap();
            sampler.warp(source.image(), &mut out[1].image_mut(), &homography).unwrap();
            sampler.warp(source.image(), &mut out[2].image_mut(), &map).unwrap();
            for out in out {
                for (&o, &e) in out.pixels.iter().zip(&expected.pixels) {
                    assert!(same(o, e), "{boundary:?} ({dx}, {dy}): {o:?}, not {e:?}");
                }
            }
        }
    }
}

/// A float of any kind; its NaNs are quiet ones, which every processor copies as they are.
fn any_float(bits: u64) -> f32 {
    match bits % 7 {
        0 => f32::NAN,
        1 => -0.0,
        2 => f32::INFINITY,
        3 => f32::from_bits(0xffc0_1234),
        // Finite, since the exponent is even.
        _ => f32::from_bits((bits >> 32) as u32 & 0xff7f_ffff),
    }
}

fn shifts_copy_floats<K: Kernel>(kernel: K, random: &mut Random) {
    let size = random.size();
    let source = Picture::new(size, |_, _| [any_float(random.bits()), any_float(random.bits())]);
    let [dx, dy] = [0; 2].map(|_| random.below(9) as i64 - 4);
    let shift = Translation::new(dx as f64, dy as f64).unwrap();
    for boundary in boundaries([any_float(random.bits()), any_float(random.bits())]) {
        for level in Level::available() {
            let mut out = Picture::new((23, 11), |_, _| [1.5_f32; 2]);
            let sampler = Sampler::new(kernel, boundary).with_level(level);
            sampler.warp(source.image(), &mut out.image_mut(), &shift).unwrap();
            for (i, v) in out.pixels.iter().enumerate() {
                let column = extend(&boundary, (i % 23) as i64 + dx, size.0 as i64);
                let row = extend(&boundary, (i / 23) as i64 + dy, size.1 as i64);
                let expected = match (column.zip(row), boundary) {
                    (Some((column, row)), _) => source.get(column as usize, row as usize),
                    (None, Boundary::Constant(v)) => v,
                    (None, _) => [1.5; 2],
                };
                assert_eq!(v.map(f32::to_bits), expected.map(f32::to_bits), "{boundary:?}");
            }
        }
    }
}

/// An image of one value, seen through a boundary of that value, is that value.
fn constants_stay<K: Kernel, P: Noise + Pixel>(kernel: K, random: &mut Random) {
    let v = P::noise(random.bits());
    let source = Picture::new(random.size(), |_, _| v);
    let before = Picture::new((40, 7), |_, _| v);
    for boundary in boundaries(v) {
        let affine = warped(kernel, boundary, &source, &before, &random.affine());
        let homography = warped(kernel, boundary, &source, &before, &random.homography(40.0));
        for out in [affine, homography] {
            assert!(out.pixels.iter().all(|p| *p == v), "{boundary:?} {v:?}: {:?}", out.pixels);
        }
    }
}

/// Mirroring or transposing the source and the transform changes nothing: positions with 6
/// fraction bits, at which the first rounding is exact.
fn mirrors_commute<K: Kernel, P: Noise + Pixel>(kernel: K, ties: bool, random: &mut Random) {
    let source: Picture<P> = texture(random.size(), random);
    let before = Picture::new((30, 9), |_, _| P::zero());
    // Nearest has a side at ties: an odd number of quarters has none.
    let mut c = |from: f64, to: f64| {
        if ties { random.multiple(1.0 / 64.0, from, to) } else { random.multiple(1.0, from, to) }
    };
    let odd = if ties { 0.0 } else { 0.25 };
    let (a, b, d, e) = if ties {
        loop {
            let m = (c(-2.0, 2.0), c(-2.0, 2.0), c(-2.0, 2.0), c(-2.0, 2.0));
            if (m.0 * m.3 - m.1 * m.2).abs() > 0.1 {
                break m;
            }
        }
    } else {
        (1.0, 0.0, 0.0, 1.0)
    };
    let (tx, ty) = (c(-8.0, 16.0) + odd, c(-8.0, 16.0) + odd);
    let t = Affine::from_parameters([a, b, tx, d, e, ty]).unwrap();
    let (w, h) = (source.width as f64 - 1.0, source.height as f64 - 1.0);
    let x = Affine::from_parameters([-a, -b, w - tx, d, e, ty]).unwrap();
    let y = Affine::from_parameters([a, b, tx, -d, -e, h - ty]).unwrap();
    let transposed = Affine::from_parameters([d, e, ty, a, b, tx]).unwrap();
    let mirror_x = Picture::new(source.size(), |x, y| source.get(source.width - 1 - x, y));
    let mirror_y = Picture::new(source.size(), |x, y| source.get(x, source.height - 1 - y));
    let swapped = Picture::new((source.height, source.width), |x, y| source.get(y, x));
    for boundary in boundaries(P::noise(random.bits())) {
        let expected = warped(kernel, boundary, &source, &before, &t);
        assert_eq!(warped(kernel, boundary, &mirror_x, &before, &x), expected, "{boundary:?} x {t:?}");
        assert_eq!(warped(kernel, boundary, &mirror_y, &before, &y), expected, "{boundary:?} y {t:?}");
        assert_eq!(
            warped(kernel, boundary, &swapped, &before, &transposed),
            expected,
            "{boundary:?} transposed {t:?}"
        );
    }
}

/// A band of the destination, by the transform shifted to it, is that band of the whole.
fn bands_are_the_whole<P: Noise + Pixel>(random: &mut Random) {
    let source: Picture<P> = texture(random.size(), random);
    let before: Picture<P> = texture((33, 12), random);
    let mut c = |from: f64, to: f64| random.multiple(1.0 / 1024.0, from, to);
    let Ok(t) = Affine::from_parameters([
        c(-2.0, 2.0),
        c(-2.0, 2.0),
        c(-9.0, 20.0),
        c(-2.0, 2.0),
        c(-2.0, 2.0),
        c(-9.0, 20.0),
    ]) else {
        return;
    };
    let from = random.below(11);
    let rows = 1 + random.below(12 - from);
    let shifted =
        t.compose(&Affine::from_matrix(Translation::new(0.0, from as f64).unwrap().matrix()).unwrap());
    let shifted = shifted.unwrap();
    for boundary in boundaries(P::noise(random.bits())) {
        let whole = warped(Bilinear, boundary, &source, &before, &t);
        let mut out = before.clone();
        let sampler = Sampler::new(Bilinear, boundary);
        sampler
            .warp(source.image(), &mut out.image_mut().view_mut(0, from, 33, rows).unwrap(), &shifted)
            .unwrap();
        for y in 0..12 {
            let expected = if (from..from + rows).contains(&y) { &whole } else { &before };
            assert_eq!(out.image().row(y), expected.image().row(y), "{boundary:?} row {y} of {from}+{rows}");
        }
    }
}

quickcheck! {
    fn whole_shifts_copy(random: Random) -> bool {
        let mut random = random;
        fn equal<T: PartialEq>(a: T, b: T) -> bool { a == b }
        shifts_copy::<_, u8>(Nearest, &mut random, equal);
        shifts_copy::<_, u8>(Bilinear, &mut random, equal);
        shifts_copy::<_, u16>(Bilinear, &mut random, equal);
        shifts_copy::<_, i16>(Bilinear, &mut random, equal);
        shifts_copy::<_, [u8; 3]>(Bilinear, &mut random, equal);
        shifts_copy::<_, [u8; 4]>(Nearest, &mut random, equal);
        shifts_copy::<_, [u16; 2]>(Bilinear, &mut random, equal);
        shifts_copy::<_, f32>(Bilinear, &mut random, |a, b| a.to_bits() == b.to_bits());
        shifts_copy::<_, u8>(Cubic::<-50>, &mut random, equal);
        shifts_copy::<_, u8>(Lanczos::<4>, &mut random, equal);
        shifts_copy::<_, u16>(Lanczos::<2>, &mut random, equal);
        shifts_copy::<_, f32>(Cubic::<-75>, &mut random, |a, b| a.to_bits() == b.to_bits());
        shifts_copy_floats(Nearest, &mut random);
        shifts_copy_floats(Bilinear, &mut random);
        true
    }
    fn constants_stay_constant(random: Random) -> bool {
        let mut random = random;
        constants_stay::<_, u8>(Nearest, &mut random);
        constants_stay::<_, u8>(Bilinear, &mut random);
        constants_stay::<_, u16>(Bilinear, &mut random);
        constants_stay::<_, i16>(Bilinear, &mut random);
        constants_stay::<_, f32>(Bilinear, &mut random);
        constants_stay::<_, [u8; 3]>(Bilinear, &mut random);
        constants_stay::<_, [f32; 2]>(Bilinear, &mut random);
        constants_stay::<_, u8>(Cubic::<-50>, &mut random);
        constants_stay::<_, u16>(Lanczos::<4>, &mut random);
        constants_stay::<_, f32>(Lanczos::<3>, &mut random);
        constants_stay::<_, i16>(BSpline, &mut random);
        true
    }
    fn mirrors_commute_with_warps(random: Random) -> bool {
        let mut random = random;
        mirrors_commute::<_, u8>(Bilinear, true, &mut random);
        mirrors_commute::<_, u16>(Bilinear, true, &mut random);
        mirrors_commute::<_, i16>(Bilinear, true, &mut random);
        mirrors_commute::<_, [u8; 4]>(Bilinear, true, &mut random);
        mirrors_commute::<_, u8>(Nearest, false, &mut random);
        true
    }
    fn bands_of_rows(random: Random) -> bool {
        let mut random = random;
        bands_are_the_whole::<u8>(&mut random);
        bands_are_the_whole::<u16>(&mut random);
        bands_are_the_whole::<[f32; 2]>(&mut random);
        true
    }
}

/// Partials against the derivative of the real interpolant at the rounded position.
#[test]
fn partials_are_within_their_bounds() {
    fn check<P: Noise + Pixel<Channel: Arithmetic>>(bound: f64, random: &mut Random) {
        let source: Picture<P> = texture((30, 20), random);
        let (sampler, bits) = (Sampler::new(Bilinear, Boundary::Replicate), Reference::<Bilinear, P>::bits());
        let unit = (1_u64 << bits) as f64;
        for _ in 0..20_000 {
            let (x, y) = (random.multiple(1.0 / unit, 0.0, 29.0), random.multiple(1.0 / unit, 0.0, 19.0));
            let p = |i: usize, j: usize| {
                P::flatten(&[source.get((x as usize + i).min(29), (y as usize + j).min(19))])[0].real()
            };
            let (fx, fy) = (x.fract(), y.fract());
            let exact = [
                (1.0 - fy) * (p(1, 0) - p(0, 0)) + fy * (p(1, 1) - p(0, 1)),
                (1.0 - fx) * (p(0, 1) - p(0, 0)) + fx * (p(1, 1) - p(1, 0)),
            ];
            let (dx, dy) = sampler.partials(source.image(), x, y);
            for (mut v, exact) in [dx, dy].into_iter().zip(exact) {
                let v = P::flatten_derivatives(std::slice::from_mut(&mut v))[0];
                let error = (P::Channel::real_derivative(v) - exact).abs();
                assert!(error <= bound, "({x}, {y}): off by {error}");
            }
        }
    }
    let mut random = Random(0x5851_f42d_4c95_7f2d);
    check::<u8>(1.0 / 128.0, &mut random);
    check::<u16>(1.0 / 256.0, &mut random);
    check::<i16>(1.0 / 256.0, &mut random);
    // Six roundings of numbers up to 256.
    check::<f32>(6.0 * 256.0 / 16_777_216.0, &mut random);
}

/// The chain rule as it is defined, bit by bit, and within its roundings of the same in `f64`.
fn parameters<T: Exact, P: Noise + Pixel<Channel: Arithmetic>>(
    t: &T,
    cotangent: impl Fn(u64) -> P::Cotangent,
    random: &mut Random,
) {
    let source: Picture<P> = texture((20, 20), random);
    let cotangent = Picture::new(random.size(), |_, _| cotangent(random.bits()));
    for boundary in boundaries(P::noise(random.bits())) {
        let reference = Reference::new(Bilinear, boundary);
        let gradient =
            Sampler::new(Bilinear, boundary).parameter_gradient(source.image(), cotangent.image(), t);
        let defined = reference.parameter_gradient(source.image(), cotangent.image(), t);
        assert_eq!(gradient.as_ref(), defined, "{boundary:?} {t:?}");
        let expected = reference.chained_partials(source.image(), cotangent.image(), t);
        // What one pixel adds: A and B, products in units of 2^-14 (or floats), are multiplied by a
        // reciprocal that is wrong by at most 2^-20 of itself (a denominator with 31 bits at the
        // run's larger end, 33 units off, and 25 times smaller: of 128 pixels then) and rounded; C likewise, and from a
        // position that is wrong by at most 2^-10.
        let coordinates = t.coordinates();
        let m = t.matrix();
        let projective = m[6] != 0.0 || m[7] != 0.0;
        let mut bounds = vec![0.0; expected.len()];
        for (i, &y) in cotangent.pixels.iter().enumerate() {
            let (column, row) = (i % cotangent.width, i / cotangent.width);
            let at = coordinates.at(column, row, Reference::<Bilinear, P>::bits());
            let (mut dx, mut dy) = reference.slopes(source.image(), at);
            let size = |v: &mut P::Derivative| -> f64 {
                let d = P::flatten_derivatives(std::slice::from_mut(v)).iter();
                d.zip(P::flatten_cotangents(&[y]))
                    .map(|(&d, &y)| (P::Channel::real_derivative(d) * P::Channel::real_cotangent(y)).abs())
                    .sum()
            };
            let (a, b) = (size(&mut dx), size(&mut dy));
            let (x, y) = (column as f64, row as f64);
            let jacobian = t.jacobian(x, y);
            for ((bound, jx), jy) in bounds.iter_mut().zip(jacobian[0].as_ref()).zip(jacobian[1].as_ref()) {
                // Sums of 400 terms in f64.
                *bound += 1e-13 * (a * jx.abs() + b * jy.abs());
            }
            if projective {
                let d = (m[6] * x + m[7] * y + 1.0).abs();
                let (u, v) = t.apply(x, y);
                let unit = 1.0 / 16_384.0;
                let (ea, eb) = (a / d / 1_048_576.0 + unit, b / d / 1_048_576.0 + unit);
                let ec = ea * (u.abs() + 1.0) + eb * (v.abs() + 1.0) + (a + b) / d / 1024.0 + unit;
                for (bound, e) in
                    bounds.iter_mut().zip([ea * x, ea * y, ea, eb * x, eb * y, eb, ec * x, ec * y])
                {
                    *bound += e;
                }
            }
        }
        for ((&g, e), bound) in gradient.as_ref().iter().zip(&expected).zip(bounds) {
            assert!(
                (g - e).abs() <= bound + 1e-9,
                "{boundary:?} {t:?}: {gradient:?}, not {expected:?} ({bound})"
            );
        }
    }
}

quickcheck! {
    fn parameter_gradients_are_chained_partials(random: Random) -> bool {
        let mut random = random;
        fn integer(bits: u64) -> i32 { (bits >> 44) as i32 - (1 << 19) }
        let m = random.affine().matrix();
        parameters::<_, u8>(&Translation::new(m[2], m[5]).unwrap(), integer, &mut random);
        parameters::<_, u16>(&Euclidean::new(m[1], m[2], m[5]).unwrap(), integer, &mut random);
        parameters::<_, i16>(&Similarity::new(m[0].abs() + 0.2, m[1], m[2], m[5]).unwrap(), integer, &mut random);
        parameters::<_, u8>(&Affine::from_matrix(m).unwrap(), integer, &mut random);
        parameters::<_, [u8; 3]>(&Affine::from_matrix(m).unwrap(), |b| [integer(b), integer(b << 5), 7], &mut random);
        parameters::<_, f32>(&Affine::from_matrix(m).unwrap(), |b| integer(b) as f32 / 1000.0, &mut random);
        let h = random.homography(20.0);
        parameters::<_, u8>(&h, integer, &mut random);
        parameters::<_, u16>(&h, integer, &mut random);
        parameters::<_, f32>(&h, |b| integer(b) as f32 / 1000.0, &mut random);
        true
    }
}

/// Value, residual and gradient in one pass: those of the reference, bit by bit, and those of the
/// separate operations. Cotangents are any numbers there.
fn residuals<K: Kernel + Shape, P>(kernel: K, random: &mut Random)
where
    P: Noise + Pixel<Channel: Arithmetic, Cotangent: Noise>,
    nonius::gradient::Loss<P>: Real,
{
    let source: Picture<P> = texture(random.size(), random);
    // (From 33 rows on they are summed in parts.)
    let size =
        if random.below(3) > 0 { random.size() } else { (1 + random.below(4), 33 + random.below(150)) };
    let target: Picture<P> = texture(size, random);
    let before: Picture<P> = texture(target.size(), random);
    let any: Picture<P::Cotangent> = texture(target.size(), random);
    let m = random.affine().matrix();
    fn check<K: Kernel + Shape, P, T: Exact>(
        kernel: K,
        t: &T,
        source: &Picture<P>,
        target: &Picture<P>,
        before: &Picture<P>,
        any: &Picture<P::Cotangent>,
        constant: P,
    ) where
        P: Noise + Pixel<Channel: Arithmetic>,
        nonius::gradient::Loss<P>: Real,
    {
        for boundary in boundaries(constant) {
            let reference = Reference::new(kernel, boundary);
            let of_cotangent = reference.parameter_gradient(source.image(), any.image(), t);
            let (loss, gradient, count) = reference.residual(source.image(), target.image(), t);
            let warped = self::warped(kernel, boundary, source, before, t);
            for level in Level::available() {
                let sampler = Sampler::new(kernel, boundary).with_level(level);
                let found = sampler.parameter_gradient(source.image(), any.image(), t);
                assert_eq!(found.as_ref(), of_cotangent, "{boundary:?} {t:?} {}", level.name());

                let mut out = before.clone();
                let mut to = out.image_mut();
                let found = sampler.residual(source.image(), target.image(), Some(&mut to), t).unwrap();
                assert_eq!(out, warped);
                assert_eq!(
                    (found.loss.real(), found.gradient.as_ref(), found.count),
                    (loss, &gradient[..], count)
                );
                assert_eq!(sampler.residual(source.image(), target.image(), None, t).unwrap().count, count);
            }
            if !matches!(boundary, Boundary::Transparent) {
                assert_eq!(count, target.pixels.len());
            }
        }
    }
    let constant = P::noise(random.bits());
    let (s, t, b, a, c) = (&source, &target, &before, &any, constant);
    match random.below(6) {
        0 => check(kernel, &Translation::new(m[2], m[5]).unwrap(), s, t, b, a, c),
        1 => check(kernel, &Euclidean::new(m[1], m[2], m[5]).unwrap(), s, t, b, a, c),
        2 => check(kernel, &Similarity::new(m[0].abs() + 0.2, m[1], m[2], m[5]).unwrap(), s, t, b, a, c),
        3 => check(kernel, &Affine::from_matrix(m).unwrap(), s, t, b, a, c),
        4 => check(kernel, &random.homography(20.0), s, t, b, a, c),
        _ => {
            // A horizon in the image, where reciprocals are large.
            let (g, h) = (random.real(-0.3, 0.3), random.real(-0.3, 0.3));
            if let Ok(p) = Homography::from_parameters([m[0], m[1], m[2], m[3], m[4], m[5], g, h]) {
                check(kernel, &p, s, t, b, a, c);
            }
        }
    }
}

/// A loss as a real number.
trait Real {
    fn real(self) -> f64;
}
impl Real for i128 {
    fn real(self) -> f64 {
        self as f64
    }
}
impl Real for f64 {
    fn real(self) -> f64 {
        self
    }
}

quickcheck! {
    fn residuals_and_parameter_gradients_equal_the_reference(random: Random) -> bool {
        let mut random = random;
        residuals::<_, u8>(Nearest, &mut random);
        residuals::<_, u8>(Bilinear, &mut random);
        residuals::<_, u16>(Bilinear, &mut random);
        residuals::<_, i16>(StraightThrough, &mut random);
        residuals::<_, i16>(Bilinear, &mut random);
        residuals::<_, f32>(Bilinear, &mut random);
        residuals::<_, [u8; 3]>(Bilinear, &mut random);
        residuals::<_, [f32; 2]>(Bilinear, &mut random);
        true
    }
}

/// The gradient of the loss against central differences of the loss, in `f32` where it has no steps.
#[test]
fn residual_gradients_are_derivatives() {
    let mut random = Random(0xda94_2042_e4dd_58b5);
    // Planes, so that the interpolant is smooth, and values that f32 holds exactly.
    let source = Picture::new((40, 40), |x, y| 3.0 * x as f32 - 2.0 * y as f32);
    let target = Picture::new((12, 9), |_, _| random.real(-10.0, 10.0).round() as f32);
    let sampler = Sampler::new(Bilinear, Boundary::Replicate);
    let p = [1.25, 0.125, 6.25, -0.25, 1.125, 8.5];
    let at = |p: [f64; 6]| {
        let t = Affine::from_parameters(p).unwrap();
        sampler.residual(source.image(), target.image(), None, &t).unwrap()
    };
    let found = at(p);
    assert_eq!(found.count, 108);
    for i in 0..6 {
        // Positions, values and residuals are multiples of 2^-10 and small: nothing is rounded, and
        // the loss is a parabola, whose central difference is its derivative.
        let step = 1.0 / 1024.0;
        let (mut plus, mut minus) = (p, p);
        plus[i] += step;
        minus[i] -= step;
        let difference = (at(plus).loss - at(minus).loss) / (2.0 * step);
        assert_eq!(found.gradient[i], difference, "parameter {i}");
    }
}

/// Accumulators in their lower format: the reference, the transpose within its roundings, and ends
/// of the range instead of wrapping.
fn adjoint_q14<K: Kernel + Shape, P>(kernel: K, random: &mut Random)
where
    P: Noise + Pixel<Channel: Arithmetic, Adjoint = i64, Derivative = i32, Cotangent = i32>,
{
    let source: Picture<P> = texture(random.size(), random);
    let small = Picture::new(random.size(), |_, _| (random.bits() >> 55) as i32 - 256);
    let large = Picture::new(small.size(), |_, _| i32::noise(random.bits()));
    let t = random.affine();
    for boundary in boundaries(P::zero()) {
        let (sampler, reference) = (Sampler::new(kernel, boundary), Reference::new(kernel, boundary));
        for cotangent in [&small, &large] {
            let before: Picture<i32> =
                Picture::new(
                    source.size(),
                    |_, _| if cotangent == &small { 0 } else { i32::noise(random.bits()) },
                );
            let (mut sums, mut expected) = (before.clone(), before.clone());
            sampler.adjoint_q14(cotangent.image(), &mut sums.image_mut(), &t).unwrap();
            reference.adjoint_q14(cotangent.image(), &mut expected.image_mut(), &t.coordinates());
            assert_eq!(sums, expected, "{boundary:?}");
            if cotangent == &small {
                let mut exact = Picture::new(source.size(), |_, _| 0_i64);
                sampler.adjoint(small.image(), &mut exact.image_mut(), &t).unwrap();
                // All taps of all pixels at once, at worst.
                let taps = (K::SUPPORT * K::SUPPORT) as i64;
                let bound = (small.pixels.iter().map(|v| i64::from(v.abs())).sum::<i64>() * taps) << 13;
                for (s, e) in sums.pixels.iter().zip(&exact.pixels) {
                    assert!(((i64::from(*s) << 14) - e).abs() <= bound, "{boundary:?}: {s}, {e}");
                }
            }
        }
    }
}

quickcheck! {
    fn adjoints_in_q14(random: Random) -> bool {
        let mut random = random;
        adjoint_q14::<_, u8>(Nearest, &mut random);
        adjoint_q14::<_, u8>(Bilinear, &mut random);
        adjoint_q14::<_, u16>(Bilinear, &mut random);
        adjoint_q14::<_, i16>(Bilinear, &mut random);
        true
    }
}

/// As many contributions as the documentation says, and one more.
#[test]
fn headroom_of_adjoints() {
    let source = Affine::from_parameters([1e-6, 0.0, 0.0, 0.0, 1e-6, 0.0]).unwrap();
    let sampler = Sampler::<_, u8>::new(Nearest, Boundary::Replicate);
    let all = |n: usize, v: i32| Picture::new((n, 1), |_, _| v);
    // 2^17 / 256 = 512.
    for (n, sum) in [(511, (511 * 256) << 14), (512, i32::MAX), (600, i32::MAX)] {
        let mut gradient = [0; 1];
        let mut to = ImageMut::new(&mut gradient, 1, 1).unwrap();
        sampler.adjoint_q14(all(n, 256).image(), &mut to, &source).unwrap();
        assert_eq!(gradient, [sum]);
    }
    // 2^35 / 2^25 = 1024.
    for (n, sum) in [(1023, 1023 << 53), (1024, i64::MAX), (3000, i64::MAX)] {
        let mut gradient = [0; 1];
        let mut to = ImageMut::new(&mut gradient, 1, 1).unwrap();
        sampler.adjoint(all(n, 1 << 25).image(), &mut to, &source).unwrap();
        assert_eq!(gradient, [sum]);
        let mut gradient = [0; 1];
        let mut to = ImageMut::new(&mut gradient, 1, 1).unwrap();
        sampler.adjoint(all(n, -1 << 25).image(), &mut to, &source).unwrap();
        assert_eq!(gradient, [if sum == i64::MAX { i64::MIN } else { -sum }]);
    }
}

// The transforms.

fn norm(m: &Matrix) -> f64 {
    m.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Composition and inversion, within the error of solving linear systems in `f64`: relative to the
/// homogeneous point, eps times the condition of the matrices, and a few dozen operations.
fn group<T: Transform>(a: &T, b: &T, random: &mut Random) {
    let (x, y) = (random.real(0.0, 100.0), random.real(0.0, 100.0));
    let close = |p: (f64, f64), q: (f64, f64), m: &Matrix, condition: f64, point: (f64, f64), what: &str| {
        let d = (m[6] * point.0 + m[7] * point.1 + 1.0).abs();
        let size = (1.0 + point.0.abs() + point.1.abs()) * (1.0 + q.0.abs() + q.1.abs());
        let bound = 64.0 * f64::EPSILON * condition * size / d;
        let off = (p.0 - q.0).abs().max((p.1 - q.1).abs());
        assert!(off <= bound, "{what} of {a:?} {b:?}: {p:?}, not {q:?} (bound {bound})");
    };
    let (Ok(inverse), Ok(product)) = (a.invert(), a.compose(b)) else { return };
    let condition = norm(&a.matrix()) * norm(&inverse.matrix());
    let there = a.apply(x, y);
    close(inverse.apply(there.0, there.1), (x, y), &inverse.matrix(), condition, there, "inverse");
    let inner = b.apply(x, y);
    let condition = norm(&a.matrix()) * norm(&b.matrix());
    close(product.apply(x, y), a.apply(inner.0, inner.1), &product.matrix(), condition, (x, y), "product");
    assert_eq!(T::from_parameters(a.parameters()).unwrap(), *a);
    for (p, q) in T::from_matrix(a.matrix()).unwrap().matrix().iter().zip(a.matrix()) {
        assert!((p - q).abs() <= 8.0 * f64::EPSILON * (1.0 + q.abs()), "matrix of {a:?}");
    }
}

/// The Jacobian against central differences. `curvature` bounds a sixth of the third derivative by
/// any parameter.
fn jacobian<T: Transform<Parameters: AsMut<[f64]>>>(
    t: &T,
    curvature: impl Fn(f64, f64) -> f64,
    random: &mut Random,
) {
    let (x, y) = (random.real(-50.0, 50.0), random.real(-50.0, 50.0));
    let exact = t.jacobian(x, y);
    let h = (2.0_f64).powi(-18);
    let m = t.matrix().map(f64::abs);
    let d = (t.matrix()[6] * x + t.matrix()[7] * y + 1.0).abs();
    let (u, v) = t.apply(x, y);
    // Errors of one evaluation: a dozen roundings of the largest terms.
    let size =
        (m[0].max(m[3]) * x.abs() + m[1].max(m[4]) * y.abs() + m[2].max(m[5]) + u.abs() + v.abs() + 1.0)
            / d.min(1.0);
    let bound = 12.0 * f64::EPSILON * size / h + curvature(x, y) * h * h;
    for i in 0..t.parameters().as_ref().len() {
        let at = |step: f64| {
            let mut p = t.parameters();
            p.as_mut()[i] += step;
            T::from_parameters(p).unwrap().apply(x, y)
        };
        let (plus, minus) = (at(h), at(-h));
        let differences = [(plus.0 - minus.0) / (2.0 * h), (plus.1 - minus.1) / (2.0 * h)];
        for (row, difference) in exact.iter().zip(differences) {
            let off = (row.as_ref()[i] - difference).abs();
            assert!(off <= bound, "{t:?}, parameter {i} at ({x}, {y}): off by {off}, bound {bound}");
        }
        // The matrix changes as the parameter does, and that is the parameter.
        let matrix = |step: f64| {
            let mut p = t.parameters();
            p.as_mut()[i] += step;
            T::from_parameters(p).unwrap().matrix()
        };
        let (plus, minus) = (matrix(h), matrix(-h));
        let change = core::array::from_fn(|k| (plus[k] - minus[k]) / (2.0 * h));
        let largest = m.iter().fold(1.0_f64, |max, v| max.max(*v));
        for (k, v) in t.differential(&change).as_ref().iter().enumerate() {
            let off = (v - f64::from(u8::from(k == i))).abs();
            assert!(off <= 1e-9 * largest, "{t:?}, parameter {k} of {i}: off by {off}");
        }
    }
}

/// The generators are the Jacobian of the identity, and increments are added to its parameters.
fn generators<T: Transform>(random: &mut Random) {
    let (x, y) = (f64::from(random.below(100) as u32) - 50.0, f64::from(random.below(100) as u32));
    let jacobian = T::IDENTITY.jacobian(x, y);
    assert_eq!(T::GENERATORS.len(), T::IDENTITY.parameters().as_ref().len());
    for (i, generator) in T::GENERATORS.iter().enumerate() {
        for (term, row) in generator.iter().zip(&jacobian) {
            let value = term.map_or(0.0, |(sign, px, py)| sign * x.powi(px.into()) * y.powi(py.into()));
            assert_eq!(value, row.as_ref()[i], "generator {i}");
            assert!(term.is_none_or(|(_, px, py)| usize::from(px + py) <= T::DEGREE));
        }
    }
    assert_eq!(T::IDENTITY.matrix(), nonius::transform::IDENTITY);
}

/// A step of near_identity moves points along the generators; update takes it back.
fn increments<T: Transform<Parameters: AsMut<[f64]>>>(t: &T, random: &mut Random) {
    let mut increment = T::IDENTITY.parameters();
    for v in increment.as_mut() {
        *v = random.real(-1e-4, 1e-4);
    }
    let near = T::near_identity(increment).unwrap();
    for ((p, start), step) in
        near.parameters().as_ref().iter().zip(T::IDENTITY.parameters().as_ref()).zip(increment.as_ref())
    {
        assert_eq!(*p, start + step);
    }
    let (x, y) = (random.real(-20.0, 20.0), random.real(-20.0, 20.0));
    let (u, v) = near.apply(x, y);
    let moved = t.update(increment).unwrap().apply(u, v);
    let still = t.apply(x, y);
    // As in `group`; all matrices are near one or of size 20, the denominators near one.
    let bound = 64.0
        * f64::EPSILON
        * norm(&t.matrix())
        * 10.0
        * (1.0 + x.abs() + y.abs())
        * (1.0 + still.0.abs() + still.1.abs())
        / (t.matrix()[6] * x + t.matrix()[7] * y + 1.0).powi(2);
    assert!(
        (moved.0 - still.0).abs().max((moved.1 - still.1).abs()) <= bound,
        "{t:?}: {moved:?}, not {still:?}"
    );
}

quickcheck! {
    fn transforms_are_groups(random: Random) -> bool {
        let mut random = random;
        let r = &mut random;
        let [a, b] = [r.affine().matrix(), r.affine().matrix()];
        group(&Translation::new(a[2], a[5]).unwrap(), &Translation::new(b[2], b[5]).unwrap(), r);
        group(&Euclidean::new(a[1], a[2], a[5]).unwrap(), &Euclidean::new(b[1], b[2], b[5]).unwrap(), r);
        let similarity = |m: &Matrix| Similarity::new(m[0].abs() + 0.1, m[1], m[2], m[5]).unwrap();
        group(&similarity(&a), &similarity(&b), r);
        group(&Affine::from_matrix(a).unwrap(), &Affine::from_matrix(b).unwrap(), r);
        let (p, q) = (r.homography(400.0), r.homography(400.0));
        group(&p, &q, r);
        true
    }
    fn jacobians_are_derivatives(random: Random) -> bool {
        let mut random = random;
        let r = &mut random;
        let a = r.affine().matrix();
        jacobian(&Translation::new(a[2], a[5]).unwrap(), |_, _| 0.0, r);
        jacobian(&Euclidean::new(a[1], a[2], a[5]).unwrap(), |x, y| (x.abs() + y.abs()) / 6.0, r);
        jacobian(&Similarity::new(a[0].abs() + 0.1, a[1], a[2], a[5]).unwrap(), |_, _| 0.0, r);
        jacobian(&Affine::from_matrix(a).unwrap(), |_, _| 0.0, r);
        let h = r.homography(400.0);
        // n / (d + g x): the third derivative by g is -6 n x^3 / d^4; d is at least 0.8 of itself
        // within the step.
        let m = h.matrix();
        jacobian(&h, |x, y| {
            let d = 0.8 * (m[6] * x + m[7] * y + 1.0).abs();
            let n = (m[0].abs().max(m[3].abs()) * x.abs()) + (m[1].abs().max(m[4].abs()) * y.abs()) + m[2].abs().max(m[5].abs());
            n * x.abs().max(y.abs()).powi(3) / d.powi(4)
        }, r);
        true
    }
    fn generators_are_the_jacobian_of_the_identity(random: Random) -> bool {
        let mut random = random;
        let r = &mut random;
        generators::<Translation>(r);
        generators::<Euclidean>(r);
        generators::<Similarity>(r);
        generators::<Affine>(r);
        generators::<Homography>(r);
        true
    }
    fn increments_are_undone_by_updates(random: Random) -> bool {
        let mut random = random;
        let r = &mut random;
        let a = r.affine().matrix();
        increments(&Translation::new(a[2], a[5]).unwrap(), r);
        increments(&Euclidean::new(a[1], a[2], a[5]).unwrap(), r);
        increments(&Similarity::new(a[0].abs() + 0.1, a[1], a[2], a[5]).unwrap(), r);
        increments(&Affine::from_matrix(a).unwrap(), r);
        let h = r.homography(400.0);
        increments(&h, r);
        true
    }
}

/// What fixed point cannot hold, or is no number, is refused: alone or everywhere.
fn refused<T: Transform<Parameters: AsMut<[f64]>>>() {
    let count = T::IDENTITY.parameters().as_ref().len();
    for v in [1e13, 1e40, 1e300, 1e304, 1e308, f64::MAX, f64::INFINITY, f64::NAN] {
        for v in [v, -v] {
            for only in (0..count).map(Some).chain([None]) {
                let mut p = T::IDENTITY.parameters();
                for (i, p) in p.as_mut().iter_mut().enumerate() {
                    if only.is_none_or(|only| only == i) {
                        *p = v;
                    }
                }
                // An angle may be any number.
                if !(count == 3 && only == Some(0) && v.is_finite()) {
                    assert!(T::from_parameters(p).is_err(), "{p:?}");
                }
            }
            let scaled = T::IDENTITY.matrix().map(|m| m * v);
            assert_eq!(T::from_matrix(scaled).is_ok(), v.is_finite(), "a matrix of any scale: {v}");
            let mut magnified = scaled;
            magnified[8] = 1.0;
            // A translation and a rotation have no scale to refuse.
            if count > 3 {
                assert!(T::from_matrix(magnified).is_err(), "{magnified:?}");
            }
        }
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    refused::<Translation>();
    refused::<Euclidean>();
    refused::<Similarity>();
    refused::<Affine>();
    refused::<Homography>();
}

// Accuracy.

fn distance(coordinates: &Coordinates<'_>, m: &Matrix, x: usize, y: usize) -> f64 {
    let (u, v) = real_coordinates(m, x as f64, y as f64);
    let [a, b] = coordinates.at(x, y, 24).map(|v| v as f64 / 16_777_216.0);
    (a - u).abs().max((b - v).abs())
}

quickcheck! {
    /// Coefficients rounded to 2^-33, times 2 * 8192; the position is rounded to 2^-25.
    fn affine_coordinates_are_exact_enough(random: Random) -> bool {
        let mut random = random;
        let t = random.affine();
        (0..200).all(|_| {
            let (x, y) = (random.below(8192), random.below(8192));
            distance(&t.coordinates(), &t.matrix(), x, y) <= 1.0 / 524_288.0 + 1.0 / 16_777_216.0
        })
    }
    /// Denominators between 0.2 and 5 over the image, wherever the source is no larger than it.
    fn homography_coordinates_are_exact_enough(random: Random) -> bool {
        let mut random = random;
        let t = random.homography(4096.0);
        let (coordinates, m) = (t.coordinates(), t.matrix());
        for _ in 0..20 {
            let (y, start) = (random.below(4096), random.below(16) * 256);
            for x in start..start + 256 {
                let (u, v) = t.apply(x as f64, y as f64);
                let near = u.abs().max(v.abs()) <= 8192.0;
                let off = distance(&coordinates, &m, x, y);
                assert!(!near || off <= 1.0 / 4096.0, "{t:?} at ({x}, {y}), ({u}, {v}): off by {off}");
            }
        }
        true
    }
}

/// As the matrix test, in images as large as coordinates have to be good for.
#[test]
fn large_images_equal_the_reference() {
    let mut random = Random(0x1405_7b7e_f767_814f);
    let source: Picture<u16> = texture((300, 200), &mut random);
    for size in [(8192, 2), (3, 8192), (4096, 5), (32_767, 1)] {
        let before = Picture::new(size, |_, _| 0);
        for _ in 0..3 {
            let (fx, fy) = (300.0 / size.0 as f64, 200.0 / size.1 as f64);
            let a = random.affine().matrix();
            let affine =
                Affine::from_parameters([a[0] * fx, a[1] * fy, a[2], a[3] * fx, a[4] * fy, a[5]]).unwrap();
            let homography = random.homography(size.0.max(size.1) as f64);
            let reference = Reference::new(Bilinear, Boundary::Wrap);
            let mut expected = before.clone();
            reference.warp(source.image(), &mut expected.image_mut(), &affine.coordinates());
            assert!(warped(Bilinear, Boundary::Wrap, &source, &before, &affine) == expected, "{affine:?}");
            reference.warp(source.image(), &mut expected.image_mut(), &homography.coordinates());
            assert!(
                warped(Bilinear, Boundary::Wrap, &source, &before, &homography) == expected,
                "{homography:?}"
            );
        }
    }
}
