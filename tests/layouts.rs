//! Other layouts of images and coordinates: displacement fields and fixed-point maps, planar images
//! and batches, mirrors, pixels read as Q15,
//! and the mean over a pixel's area.
#![forbid(unsafe_code)]

use std::fmt::Debug;

use crate::common::Random;
use nonius::fixed::Q16;
use nonius::reference::{Arithmetic, Coordinates, Exact, Reference, Shape};
use nonius::transform::Coordinate;
use nonius::{
    Affine, Bilinear, Boundary, Coord, Cubic, Error, Euclidean, Homography, Image, ImageMut, Kernel, Lanczos,
    Level, Map, Nearest, Pixel, Planes, PlanesMut, Sampler, Samples, StraightThrough, Transform,
};

impl Random {
    fn noise<T: Noise>(&mut self, n: usize) -> Vec<T> {
        (0..n).map(|_| T::noise(self.bits())).collect()
    }
}

/// An element that can be made from noise, and compared by its bits; any NaN is as good as another.
trait Noise: Copy + Debug {
    fn noise(bits: u64) -> Self;
    fn same(&self, other: &Self) -> bool;
}
macro_rules! noise {
    ($($t:ty),*) => {$(
        impl Noise for $t {
            fn noise(bits: u64) -> Self {
                (bits >> 13) as $t
            }
            fn same(&self, other: &Self) -> bool {
                self == other
            }
        }
    )*};
}
noise!(u8, u16, i16, i32, i64);
impl Noise for f32 {
    fn noise(bits: u64) -> Self {
        (bits >> 40) as f32 / 65_536.0 - 128.0
    }
    fn same(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits() || (self.is_nan() && other.is_nan())
    }
}
impl<T: Noise, const C: usize> Noise for [T; C] {
    fn noise(bits: u64) -> Self {
        std::array::from_fn(|c| T::noise(bits.rotate_left(11 * c as u32)))
    }
    fn same(&self, other: &Self) -> bool {
        self.iter().zip(other).all(|(a, b)| a.same(b))
    }
}

/// A pixel of which everything can be made and compared.
trait Tested: Noise + Pixel<Channel: Arithmetic, Derivative: Noise, Adjoint: Noise, Cotangent: Noise> {}
impl<P> Tested for P where
    P: Noise + Pixel<Channel: Arithmetic, Derivative: Noise, Adjoint: Noise, Cotangent: Noise>
{
}

fn assert_same<T: Noise>(a: &[T], b: &[T], what: &str) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a.same(b), "{what}: element {i} is {a:?}, not {b:?}");
    }
}

fn boundaries<P>(constant: P) -> [Boundary<P>; 6] {
    use Boundary::*;
    [Constant(constant), Replicate, Reflect, Reflect101, Wrap, Transparent]
}

/// With every number of taps and every arithmetic.
macro_rules! every {
    ($test:ident, $random:expr) => {
        every!($test, $random, Nearest; u8, u16, f32, [u8; 3]);
        every!($test, $random, StraightThrough; i16, f32);
        every!($test, $random, Bilinear; u8, u16, i16, f32, [u8; 3], [f32; 2]);
        every!($test, $random, Cubic::<-50>; u8, i16, f32);
        every!($test, $random, Lanczos::<3>; u8, u16);
    };
    ($test:ident, $random:expr, $kernel:expr; $($pixel:ty),*) => {
        $($test::<_, $pixel>($kernel, $random);)*
    };
}

// Displacement fields.

/// Displacements: smooth ones, whole and half ones, and what is no displacement.
fn field((width, height): (usize, usize), random: &mut Random) -> [Vec<f32>; 2] {
    let special = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        1_073_741_824.0,
        -1_073_741_824.0,
        f32::MIN_POSITIVE,
        -f32::MIN_POSITIVE,
        -0.0,
        0.499_999_97,
    ];
    [0, 1].map(|_| {
        let smooth = random.real(-6.0, 6.0);
        (0..width * height)
            .map(|i| match random.bits() >> 60 {
                0..=1 => special[i % special.len()],
                2..=4 => random.real(-9.0, 9.0).floor() as f32 / 2.0,
                5..=7 => random.real(-30.0, 30.0) as f32,
                _ => (smooth + random.real(-0.1, 0.1)) as f32,
            })
            .collect()
    })
}

fn displacements<K: Kernel + Shape, P: Tested>(kernel: K, random: &mut Random) {
    for ((w, h), (width, height)) in
        [((20, 15), (37, 11)), ((1, 1), (5, 4)), ((9, 2), (64, 3)), ((33, 30), (16, 16))]
    {
        let pixels: Box<[P]> = random.noise(w * h).into();
        let source = Image::new(&pixels, w, h).unwrap();
        let [x, y] = field((width, height), random);
        let (x, y) = (Image::new(&x, width, height).unwrap(), Image::new(&y, width, height).unwrap());
        let (field, coordinates) = (Map::relative(x, y).unwrap(), Coordinates::Displacements(x, y));
        let n = width * height;
        let before: Vec<P> = random.noise(n);
        let cotangent: Vec<P::Cotangent> = random.noise(n);
        let cotangent = Image::new(&cotangent, width, height).unwrap();
        for boundary in boundaries(P::noise(random.bits())) {
            let reference = Reference::new(kernel, boundary);
            let mut value = before.clone();
            reference.warp(source, &mut ImageMut::new(&mut value, width, height).unwrap(), &coordinates);
            let (mut ex, mut ey) = (vec![P::zero_derivative(); n], vec![P::zero_derivative(); n]);
            reference.warp_partials(
                source,
                &mut ImageMut::new(&mut ex, width, height).unwrap(),
                &mut ImageMut::new(&mut ey, width, height).unwrap(),
                &coordinates,
            );
            let sums: Vec<P::Adjoint> = random.noise(w * h);
            let mut gradient = sums.clone();
            reference.adjoint(cotangent, &mut ImageMut::new(&mut gradient, w, h).unwrap(), &coordinates);
            for level in Level::available() {
                let sampler = Sampler::new(kernel, boundary).with_level(level);
                let mut out = before.clone();
                sampler.warp(source, &mut ImageMut::new(&mut out, width, height).unwrap(), &field).unwrap();
                assert_same(&out, &value, "value");
                let (mut dx, mut dy) = (ex.clone(), ex.clone());
                sampler
                    .warp_partials(
                        source,
                        &mut ImageMut::new(&mut dx, width, height).unwrap(),
                        &mut ImageMut::new(&mut dy, width, height).unwrap(),
                        &field,
                    )
                    .unwrap();
                assert_same(&dx, &ex, "dx");
                assert_same(&dy, &ey, "dy");
                let mut to = sums.clone();
                sampler.adjoint(cotangent, &mut ImageMut::new(&mut to, w, h).unwrap(), &field).unwrap();
                assert_same(&to, &gradient, "adjoint");
            }
        }
    }
}

#[test]
fn displacement_fields_equal_the_reference() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    every!(displacements, &mut random);
}

/// The same coordinates, as numbers of every format and in both senses.
#[test]
fn formats_of_maps() {
    let mut random = Random(0x5851_f42d_4c95_7f2d);
    let (width, height) = (29, 13);
    let pixels: Vec<u16> = random.noise(20 * 10);
    let source = Image::new(&pixels, 20, 10).unwrap();
    // 24 bits: each format holds them.
    let q16: [Vec<i32>; 2] = [0, 1]
        .map(|_| (0..width * height).map(|_| (random.real(-3.0, 18.0) * 65_536.0).floor() as i32).collect());
    let sampler = Sampler::new(Bilinear, Boundary::Reflect);
    fn warp<T: Coordinate>(
        sampler: &Sampler<Bilinear, u16>,
        source: Image<'_, u16>,
        planes: &[Vec<i32>; 2],
        relative: bool,
        number: impl Fn(i32) -> T,
    ) -> Vec<u16> {
        let planes = planes.each_ref().map(|p| p.iter().map(|&v| number(v)).collect::<Vec<T>>());
        let [x, y] = planes.each_ref().map(|p| Image::new(p, 29, 13).unwrap());
        let map = if relative { Map::relative(x, y) } else { Map::new(x, y) }.unwrap();
        let mut out = vec![0; 29 * 13];
        sampler.warp(source, &mut ImageMut::new(&mut out, 29, 13).unwrap(), &map).unwrap();
        out
    }
    let expected = warp(&sampler, source, &q16, false, |v| v as f32 / 65_536.0);
    assert_eq!(warp(&sampler, source, &q16, false, Q16), expected);
    assert_eq!(warp(&sampler, source, &q16, false, |v| f64::from(v) / 65_536.0), expected);
    assert_eq!(warp(&sampler, source, &q16, false, |v| Coord::from_bits(i64::from(v) << 16)), expected);
    let mut relative = q16.clone();
    let [dx, dy] = &mut relative;
    for (i, (dx, dy)) in dx.iter_mut().zip(dy).enumerate() {
        *dx -= ((i % width) as i32) << 16;
        *dy -= ((i / width) as i32) << 16;
    }
    assert_eq!(warp(&sampler, source, &relative, true, |v| v as f32 / 65_536.0), expected);
    assert_eq!(warp(&sampler, source, &relative, true, Q16), expected);
    // Whole displacements, as whole numbers.
    let whole = relative.map(|p| p.iter().map(|v| v >> 16 << 16).collect());
    let expected = warp(&sampler, source, &whole, true, Q16);
    assert_eq!(warp(&sampler, source, &whole, true, |v| v >> 16), expected);
    // None at all is the identity.
    let none = [vec![0; width * height], vec![0; width * height]];
    let mut identity = vec![0; width * height];
    let mut out = ImageMut::new(&mut identity, width, height).unwrap();
    sampler.warp(source, &mut out, &Affine::IDENTITY).unwrap();
    assert_eq!(warp(&sampler, source, &none, true, Q16), identity);
}

// Planar images and batches.

/// Planar, planar line by line and interleaved images of the same channels are warped alike.
#[test]
fn planes_are_channels() {
    let mut random = Random(0x1405_7b7e_f767_814f);
    let (w, h, width, height) = (21, 14, 18, 17);
    let pixels: Vec<[u8; 3]> = random.noise(w * h);
    let t = Homography::from_parameters([1.02, 0.03, -1.4, -0.02, 0.97, 2.6, 1e-3, -2e-3]).unwrap();
    let channel = |c: usize, i: usize| pixels[i][c];
    let planar: Vec<u8> = (0..3 * w * h).map(|i| channel(i / (w * h), i % (w * h))).collect();
    let by_line: Vec<u8> = (0..3 * w * h).map(|i| channel(i / w % 3, i / (3 * w) * w + i % w)).collect();
    for constant in boundaries([9, 8, 7]) {
        let mut expected = vec![[1; 3]; width * height];
        Sampler::new(Bilinear, constant)
            .warp(
                Image::new(&pixels, w, h).unwrap(),
                &mut ImageMut::new(&mut expected, width, height).unwrap(),
                &t,
            )
            .unwrap();
        for c in 0..3 {
            // A constant for each channel: planes have one sampler each.
            let boundary = match constant {
                Boundary::Constant(v) => Boundary::Constant(v[c]),
                Boundary::Replicate => Boundary::Replicate,
                Boundary::Reflect => Boundary::Reflect,
                Boundary::Reflect101 => Boundary::Reflect101,
                Boundary::Wrap => Boundary::Wrap,
                Boundary::Transparent => Boundary::Transparent,
            };
            let sampler = Sampler::new(Bilinear, boundary);
            for source in [
                Planes::new(&planar, w, h, 3).unwrap(),
                Planes::with_strides(&by_line, w, h, 3 * w, 3, w).unwrap(),
            ] {
                // Destinations with gaps, which stay.
                let (stride, distance) = (width + 2, (width + 2) * height + 5);
                let mut out = vec![1; 2 * distance + stride * (height - 1) + width];
                let mut planes =
                    PlanesMut::with_strides(&mut out, width, height, stride, 3, distance).unwrap();
                sampler.warp_planes(source, &mut planes, &t).unwrap();
                for (i, v) in out.iter().enumerate() {
                    let (plane, x, y) = (i / distance, i % distance % stride, i % distance / stride);
                    if x < width && y < height && plane == c {
                        assert_eq!(*v, expected[y * width + x][c], "{boundary:?} ({x}, {y}) of {c}");
                    } else if x >= width || y >= height {
                        assert_eq!(*v, 1, "{boundary:?}: element {i} beside the planes was written");
                    }
                }
            }
        }
    }
}

#[test]
fn layouts_of_planes_are_checked() {
    let data = [0_u8; 24];
    assert_eq!(Planes::new(&data, 4, 3, 2).unwrap().iter().count(), 2);
    assert!(Planes::new(&data, 4, 3, 2).unwrap().get(2).is_none());
    let refused = |width, height, stride, count, distance| {
        let read = Planes::with_strides(&data, width, height, stride, count, distance).unwrap_err();
        let mut data = data;
        let write = PlanesMut::with_strides(&mut data, width, height, stride, count, distance).unwrap_err();
        assert_eq!(read, write);
        read
    };
    assert_eq!(refused(4, 3, 4, 0, 12), Error::Empty);
    assert_eq!(refused(0, 3, 4, 1, 12), Error::Empty);
    assert_eq!(refused(4, 3, 3, 1, 12), Error::Stride);
    assert_eq!(refused(4, 3, 4, 2, 13), Error::TooShort { needed: 25, found: 24 });
    assert_eq!(refused(4, 3, 4, 3, usize::MAX / 2), Error::TooLarge);
    assert_eq!(refused(4, 3, 4, 2, usize::MAX), Error::TooLarge);
    assert_eq!(refused(40_000, 1, 40_000, 1, 0), Error::TooLarge);
    let mut out = [0_u8; 24];
    let source = Planes::new(&data, 4, 3, 2).unwrap();
    let sampler = Sampler::new(Nearest, Boundary::Replicate);
    let mut other = PlanesMut::new(&mut out, 4, 3, 1).unwrap();
    assert_eq!(sampler.warp_planes(source, &mut other, &Affine::IDENTITY), Err(Error::SizeMismatch));
}

// Mirrors.

/// An image stored bottom up, through a mirror, is the image: bit by bit where positions are
/// exact, that is here to 2^-6.
#[test]
fn mirrors_read_and_write_bottom_up() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (w, h, width, height) = (19, 12, 23, 9);
    let pixels: Vec<u16> = random.noise(w * h);
    let flipped = |pixels: &[u16], w: usize, down: bool| -> Vec<u16> {
        let n = pixels.len();
        let at = |i: usize| if down { (n / w - 1 - i / w) * w + i % w } else { i / w * w + w - 1 - i % w };
        (0..n).map(|i| pixels[at(i)]).collect()
    };
    for _ in 0..50 {
        let mut c = |from: f64, to: f64| (random.real(from, to) * 64.0).floor() / 64.0;
        let p = [c(0.5, 2.0), c(-0.5, 0.5), c(-9.0, 9.0), c(-0.5, 0.5), c(0.5, 2.0), c(-9.0, 9.0)];
        let t = Affine::from_parameters(p).unwrap();
        for boundary in boundaries(random.bits() as u16) {
            let warp = |pixels: &[u16], t: &Affine| {
                let mut out = vec![5; width * height];
                let mut to = ImageMut::new(&mut out, width, height).unwrap();
                Sampler::new(Bilinear, boundary).warp(Image::new(pixels, w, h).unwrap(), &mut to, t).unwrap();
                out
            };
            let expected = warp(&pixels, &t);
            let (x, y) = (Affine::mirror_x(w).unwrap(), Affine::mirror_y(h).unwrap());
            assert_eq!(warp(&flipped(&pixels, w, false), &x.compose(&t).unwrap()), expected);
            assert_eq!(warp(&flipped(&pixels, w, true), &y.compose(&t).unwrap()), expected);
            let (x, y) = (Affine::mirror_x(width).unwrap(), Affine::mirror_y(height).unwrap());
            assert_eq!(warp(&pixels, &t.compose(&x).unwrap()), flipped(&expected, width, false));
            assert_eq!(warp(&pixels, &t.compose(&y).unwrap()), flipped(&expected, width, true));
        }
    }
    assert_eq!(Affine::mirror_y(usize::MAX), Err(Error::OutOfRange));
}

// Q15.

/// Pixels of `i16` are numbers from -1 to below 1: values within 0.51 units of 2^-15 of the real
/// interpolant, ends that saturate, and derivatives in Q29.
#[test]
fn i16_is_q15() {
    let mut random = Random(0x853c_49e6_748f_ea9b);
    let unit = 1.0 / 32_768.0;
    let mut pixels: Vec<i16> = random.noise(30 * 20);
    pixels[..4].copy_from_slice(&[i16::MIN, i16::MAX, i16::MIN, i16::MAX]);
    let source = Image::new(&pixels, 30, 20).unwrap();
    let real = |x: usize, y: usize| f64::from(pixels[y.min(19) * 30 + x.min(29)]) * unit;
    let sampler = Sampler::new(Bilinear, Boundary::Replicate);
    for _ in 0..20_000 {
        let (x, y) = (random.real(0.0, 29.0), random.real(0.0, 19.0));
        let (i, j, fx, fy) = (x as usize, y as usize, x.fract(), y.fract());
        let exact = (1.0 - fy) * ((1.0 - fx) * real(i, j) + fx * real(i + 1, j))
            + fy * ((1.0 - fx) * real(i, j + 1) + fx * real(i + 1, j + 1));
        let value = f64::from(sampler.sample(source, x, y).unwrap()) * unit;
        assert!((value - exact).abs() <= 0.51 * unit, "({x}, {y}): {value}, not {exact}");
        let slope = (1.0 - fy) * (real(i + 1, j) - real(i, j)) + fy * (real(i + 1, j + 1) - real(i, j + 1));
        let (dx, _) = sampler.partials(source, x, y);
        let dx = f64::from(dx) / f64::from(1 << 29);
        // 2^-8 units, and a fraction that is rounded to 2^-25 times a difference of slopes up to 4.
        assert!(
            (dx - slope).abs() <= unit / 256.0 + 4.0 / f64::from(1 << 25),
            "({x}, {y}): {dx}, not {slope}"
        );
    }
    // From -1 to 1 - 2^-15: half way is -2^-16, which rounds up.
    assert_eq!(sampler.sample(source, 0.5, 0), Some(0));
    assert_eq!(sampler.sample(source, 1, 0), Some(i16::MAX));
    assert_eq!(sampler.sample(source, 2, 0), Some(i16::MIN));
}

// Antialiasing.

/// Any transform, sample count, boundary: the reference, bit by bit, and nothing written beside.
fn antialiased<K: Kernel + Shape, P: Tested>(kernel: K, random: &mut Random) {
    fn cell<K: Kernel + Shape, P: Tested, T: Exact>(
        kernel: K,
        transform: &T,
        samples: Samples,
        random: &mut Random,
    ) {
        let (w, h, width, height, stride) = (26, 19, 21, 5, 23);
        let pixels: Box<[P]> = random.noise(w * h).into();
        let source = Image::new(&pixels, w, h).unwrap();
        let before: Vec<P> = random.noise(stride * (height - 1) + width);
        let cotangent: Vec<P::Cotangent> = random.noise(width * height);
        let cotangent = Image::new(&cotangent, width, height).unwrap();
        let (coordinates, count) = (transform.coordinates(), [samples.x() as i128, samples.y() as i128]);
        for boundary in boundaries(P::noise(random.bits())) {
            let (sampler, reference) = (Sampler::new(kernel, boundary), Reference::new(kernel, boundary));
            let (mut out, mut expected) = (before.clone(), before.clone());
            let mut to = ImageMut::with_stride(&mut out, width, height, stride).unwrap();
            sampler.warp_antialiased(source, &mut to, transform, samples);
            let mut to = ImageMut::with_stride(&mut expected, width, height, stride).unwrap();
            reference.warp_antialiased(source, &mut to, &coordinates, count);
            assert_same(&out, &expected, &format!("{samples:?} {boundary:?} {transform:?}"));

            let sums: Vec<P::Adjoint> = random.noise(w * h);
            let (mut gradient, mut expected) = (sums.clone(), sums);
            let mut to = ImageMut::new(&mut gradient, w, h).unwrap();
            sampler.adjoint_antialiased(cotangent, &mut to, transform, samples);
            let mut to = ImageMut::new(&mut expected, w, h).unwrap();
            reference.adjoint_antialiased(cotangent, &mut to, &coordinates, count);
            assert_same(&gradient, &expected, &format!("adjoint {samples:?} {boundary:?} {transform:?}"));
        }
    }
    for (x, y) in [(1, 1), (2, 1), (1, 3), (2, 2), (3, 5), (4, 2)] {
        let samples = Samples::new(x, y).unwrap();
        let mut c = |v: f64| v + random.real(-0.4, 0.4);
        let m = [c(2.5), c(0.3), c(-4.0), c(-0.2), c(4.0), c(-2.0)];
        let t = Affine::from_parameters(m).unwrap();
        cell::<K, P, _>(kernel, &t, samples, random);
        let (g, h) = (random.real(-0.04, 0.04), random.real(-0.1, 0.1));
        let t = Homography::from_parameters([m[0], m[1], m[2], m[3], m[4], m[5], g, h]).unwrap();
        cell::<K, P, _>(kernel, &t, samples, random);
        let t = Euclidean::new(0.3, random.real(-5.0, 9.0), random.real(-5.0, 9.0)).unwrap();
        cell::<K, P, _>(kernel, &t, samples, random);
    }
}

#[test]
fn antialiased_warps_equal_the_reference() {
    let mut random = Random(0xbf58_476d_1ce4_e5b9);
    every!(antialiased, &mut random);
}

/// `<W x, y> = <x, W' y>` in integers, for the sum of the samples before all roundings: the adjoint
/// of each source pixel's unit image is that column of the warps through each sample.
#[test]
fn antialiased_adjoint_is_the_sum_of_its_samples() {
    let mut random = Random(0x94d0_49bb_1331_11eb);
    let t = Affine::from_parameters([2.0, 0.25, -3.0, -0.5, 3.0, 1.5]).unwrap();
    let y: Vec<i32> = random.noise::<i32>(12 * 7).into_iter().map(|v| v >> 16).collect();
    let y = Image::new(&y, 12, 7).unwrap();
    for boundary in boundaries(0_u8).into_iter().filter(|b| !matches!(b, Boundary::Transparent)) {
        let sampler = Sampler::new(Bilinear, boundary);
        let (mut all, mut sum) = (vec![0_i64; 20 * 20], vec![0_i64; 20 * 20]);
        let mut to = ImageMut::new(&mut all, 20, 20).unwrap();
        sampler.adjoint_antialiased(y, &mut to, &t, Samples::new(2, 4).unwrap());
        for j in 0..4 {
            for i in 0..2 {
                // Places are exact in binary.
                let place = Affine::from_parameters([
                    1.0,
                    0.0,
                    (2.0 * f64::from(i) - 1.0) / 4.0,
                    0.0,
                    1.0,
                    (2.0 * f64::from(j) - 3.0) / 8.0,
                ]);
                let shifted = t.compose(&place.unwrap()).unwrap();
                sampler.adjoint(y, &mut ImageMut::new(&mut sum, 20, 20).unwrap(), &shifted).unwrap();
            }
        }
        assert_eq!(all, sum, "{boundary:?}");
    }
}

/// A constant stays, the mean of a plane is its middle, and what shrinks a fine pattern to its mean
/// does so to within one grey level.
#[test]
fn antialiased_means() {
    let (n, samples) = (60, Samples::new(4, 4).unwrap());
    let quarter = Affine::from_parameters([4.0, 0.0, 1.5, 0.0, 4.0, 1.5]).unwrap();
    assert_eq!(Samples::covering(&quarter, 15, 15), samples);
    let shrunk = |pixel: &dyn Fn(usize, usize) -> u8, kernel_samples| {
        let pixels: Vec<u8> = (0..n * n).map(|i| pixel(i % n, i / n)).collect();
        let mut out = vec![0; 15 * 15];
        let mut to = ImageMut::new(&mut out, 15, 15).unwrap();
        let sampler = Sampler::new(Bilinear, Boundary::Reflect);
        sampler.warp_antialiased(Image::new(&pixels, n, n).unwrap(), &mut to, &quarter, kernel_samples);
        out
    };
    assert!(shrunk(&|_, _| 77, samples).iter().all(|&v| v == 77));
    // 2 (4 x + 1.5) + (4 y + 1.5) + 3 is half a level above a whole one, and rounds up.
    let plane = shrunk(&|x, y| (2 * x + y + 3) as u8, samples);
    for (i, v) in plane.iter().enumerate() {
        assert_eq!(usize::from(*v), 8 * (i % 15) + 4 * (i / 15) + 8, "pixel {i}");
    }
    let fine = |x: usize, _: usize| if x.is_multiple_of(3) { 250 } else { 10 };
    let one = Samples::new(1, 1).unwrap();
    let spread = |v: &[u8]| v.iter().max().unwrap() - v.iter().min().unwrap();
    assert!(spread(&shrunk(&fine, one)) >= 80, "aliased: {:?}", shrunk(&fine, one));
    // Four samples of a pattern of three: two of one kind at most, of the other one.
    assert!(spread(&shrunk(&fine, samples)) <= 60, "{:?}", shrunk(&fine, samples));
}

#[test]
fn samples_cover_source_pixels() {
    for (x, y) in [(0, 1), (1, 0), (17, 1), (1, 17)] {
        assert_eq!(Samples::new(x, y), Err(Error::InvalidOption));
    }
    let covering = |t: &Homography| {
        let s = Samples::covering(t, 100, 50);
        (s.x(), s.y())
    };
    let affine =
        |p: [f64; 6]| Homography::from_parameters([p[0], p[1], p[2], p[3], p[4], p[5], 0.0, 0.0]).unwrap();
    assert_eq!(covering(&Homography::IDENTITY), (1, 1));
    assert_eq!(covering(&affine([0.6, -0.8, 5.0, 0.8, 0.6, 1.0])), (1, 1));
    assert_eq!(covering(&affine([3.0, -4.0, 5.0, 4.0, 3.0, 1.0])), (5, 5));
    assert_eq!(covering(&affine([100.0, 0.0, 0.0, 0.0, 2.01, 0.0])), (16, 3));
    // d falls from 1 to 0.5 along a row: at the right the footprint is 4 by 2.
    let t = Homography::from_parameters([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -0.5 / 99.0, 0.0]).unwrap();
    assert_eq!(covering(&t), (5, 2));
    // A horizon.
    let t = Homography::from_parameters([1.0, 0.0, 0.25, 0.0, 1.0, 0.0, -1.0 / 99.0, 0.0]).unwrap();
    assert_eq!(covering(&t).0, 16);
}

/// An image of one row may have any stride, however large.
#[test]
fn strides_of_one_row() {
    let pixels = [[1_u8, 20, 255], [7, 0, 9], [200, 100, 50]];
    let image = Image::with_stride(&pixels, 3, 1, usize::MAX).unwrap();
    let tight = Image::new(&pixels, 3, 1).unwrap();
    let nearest = Sampler::new(Nearest, Boundary::Replicate);
    let bilinear = Sampler::new(Bilinear, Boundary::Reflect);
    let mut out = [[0; 3]; 3];
    nearest
        .warp(image, &mut ImageMut::with_stride(&mut out, 3, 1, usize::MAX).unwrap(), &Affine::IDENTITY)
        .unwrap();
    assert_eq!(out, pixels);
    assert_eq!(nearest.partials(image, 1, 0), nearest.partials(tight, 1, 0));
    assert_eq!(bilinear.sample(image, 0.5, 0.25), bilinear.sample(tight, 0.5, 0.25));
    assert_eq!(bilinear.partials(image, 0.5, 0.25), bilinear.partials(tight, 0.5, 0.25));
    // Whatever the stride would be in the numbers that a level computes with.
    for stride in [1 << 62, usize::MAX, usize::MAX / 3] {
        one_row(stride, [1_u8, 20, 255, 9, 77]);
        one_row(stride, [1_u16, 20, 65535, 9, 77]);
        one_row(stride, [1.0_f32, 20.0, 0.5, -9.0, 77.0]);
    }
}

/// A row of 40 pixels, drawn at every level by kernels that look beyond it, as plain code draws it without a stride.
fn one_row<P: Pixel<Sampled = P> + PartialEq + Debug>(stride: usize, values: [P; 5]) {
    let pixels: Vec<P> = (0..40).map(|i| values[i % 5]).collect();
    let turned = Affine::from_parameters([1.1, 0.2, -3.3, 0.02, 1.0, -1.4]).unwrap();
    fn drawn<K: Kernel, P: Pixel<Sampled = P>>(
        kernel: K,
        image: Image<'_, P>,
        level: Level,
        warp: &Affine,
        v: P,
    ) -> Vec<P> {
        let mut out = vec![v; 70 * 4];
        let sampler = Sampler::new(kernel, Boundary::Constant(v)).with_level(level);
        sampler.warp(image, &mut ImageMut::new(&mut out, 70, 4).unwrap(), warp).unwrap();
        out
    }
    let (odd, tight) =
        (Image::with_stride(&pixels, 40, 1, stride).unwrap(), Image::new(&pixels, 40, 1).unwrap());
    for level in Level::available() {
        let v = values[0];
        assert_eq!(drawn(Nearest, odd, level, &turned, v), drawn(Nearest, tight, Level::SCALAR, &turned, v));
        assert_eq!(
            drawn(Bilinear, odd, level, &turned, v),
            drawn(Bilinear, tight, Level::SCALAR, &turned, v)
        );
        let cubic = Cubic::<-50>;
        assert_eq!(drawn(cubic, odd, level, &turned, v), drawn(cubic, tight, Level::SCALAR, &turned, v));
    }
}
