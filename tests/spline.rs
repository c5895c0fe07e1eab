//! The prefilter of splines against its definition, against an exact solution, and what it is for:
//! lattice points come back. Its adjoint against the transpose.
#![forbid(unsafe_code)]

use crate::common::Random;
use nonius::reference::{extend, spline_coefficients};
use nonius::spline::{Coefficient, Spline};
use nonius::{BSpline, Boundary, Error, Image, ImageMut, Pixel, Sampler, Tap};

const SIZES: [(usize, usize); 10] =
    [(1, 1), (2, 1), (1, 3), (2, 2), (3, 4), (5, 2), (17, 9), (24, 31), (70, 3), (41, 40)];

/// Noise; extremes in turn, which is what coefficients exceed most; one pixel; a constant.
const PATTERNS: [fn(usize, usize, u64) -> f64; 4] = [
    |_, _, noise| (noise % 65_536) as f64 / 65_535.0,
    |x, y, _| ((x + y) % 2) as f64,
    |x, y, _| f64::from(x == 0 && y == 0),
    |_, _, _| 1.0,
];

/// A channel with its coefficients as real numbers.
trait Number: Pixel<Channel = Self> {
    type Coefficient: Tap<Channel = Self::Coefficient, Sampled = Self> + Spline + From<Self>;
    /// Of 0 to 1 over the whole range.
    fn new(v: f64) -> Self;
    fn real(self) -> f64;
    fn coefficient(c: Self::Coefficient) -> f64;
    /// The definition: a row from an extended row.
    fn recursion(extended: &[f64]) -> Vec<f64>;
    /// Coefficients are this near to the exact ones, for images of the whole range.
    const BOUND: f64;
}

/// `sqrt(3) - 2` in Q30.
const POLE: i64 = -287_708_255;

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl Number for $t {
            type Coefficient = Coefficient<$t>;
            const BOUND: f64 = 1.0 / 128.0;
            fn new(v: f64) -> Self {
                (f64::from(<$t>::MIN) + v * (f64::from(<$t>::MAX) - f64::from(<$t>::MIN))) as $t
            }
            fn real(self) -> f64 {
                self.into()
            }
            fn coefficient(c: Coefficient<$t>) -> f64 {
                f64::from(c.to_bits()) / 2048.0
            }
            fn recursion(extended: &[f64]) -> Vec<f64> {
                let times = |v: i64| ((v as i128 * POLE as i128 * 2 + (1 << 30)).div_euclid(1 << 31)) as i64;
                let (mut a, mut c) = (0, 0);
                let causal = extended.iter().map(|s| {
                    a = (s * 2048.0) as i64 + times(a);
                    a
                });
                let causal: Vec<i64> = causal.collect();
                let mut out: Vec<f64> = causal.iter().rev().map(|a| {
                    c = times(c - 6 * a);
                    c as f64 / 2048.0
                }).collect();
                out.reverse();
                out
            }
        }
    )*};
}
integers!(u8, u16, i16);

impl Number for f32 {
    type Coefficient = f32;
    // Values up to 1, coefficients up to 9: 6 roundings of intermediates up to twice that, of the
    // first pass three times, and a pole that is 2^-25 of itself off, 13 times that on the result.
    const BOUND: f64 = 9.0 * (4.0 * 12.0 + 13.0) / 16_777_216.0;
    fn new(v: f64) -> Self {
        v as f32
    }
    fn real(self) -> f64 {
        self.into()
    }
    fn coefficient(c: f32) -> f64 {
        c.into()
    }
    fn recursion(extended: &[f64]) -> Vec<f64> {
        let z = POLE as f32 / 1_073_741_824.0;
        let (mut a, mut c) = (0.0_f32, 0.0_f32);
        let causal: Vec<f32> = extended
            .iter()
            .map(|&s| {
                a = s as f32 + z * a;
                a
            })
            .collect();
        let mut out: Vec<f64> = causal
            .iter()
            .rev()
            .map(|a| {
                c = z * (c - 6.0 * a);
                c.into()
            })
            .collect();
        out.reverse();
        out
    }
}

fn boundaries(v: f64) -> [Boundary<f64>; 6] {
    use Boundary::*;
    [Constant(v), Replicate, Reflect, Reflect101, Wrap, Transparent]
}

/// The same boundary, with a constant that is made by `f`.
fn convert<T>(boundary: Boundary<f64>, f: impl Fn(f64) -> T) -> Boundary<T> {
    match boundary {
        Boundary::Constant(v) => Boundary::Constant(f(v)),
        Boundary::Replicate => Boundary::Replicate,
        Boundary::Reflect => Boundary::Reflect,
        Boundary::Reflect101 => Boundary::Reflect101,
        Boundary::Wrap => Boundary::Wrap,
        Boundary::Transparent => Boundary::Transparent,
    }
}

/// A row as documented: 20 pixels more on both sides.
fn extended(row: &[f64], boundary: Boundary<f64>) -> Vec<f64> {
    let n = row.len() as i64;
    let at = |mut k: i64| match boundary {
        Boundary::Constant(v) => {
            // Mirrored about -1 and n until it is inside.
            let mut odd = false;
            while !(-1..=n).contains(&k) {
                k = if k < -1 { -2 - k } else { 2 * n - k };
                odd = !odd;
            }
            let s = if (0..n).contains(&k) { row[k as usize] } else { v };
            if odd { 2.0 * v - s } else { s }
        }
        Boundary::Reflect101 | Boundary::Wrap => row[extend(&boundary, k, n).unwrap() as usize],
        _ => row[extend(&Boundary::<f64>::Reflect, k, n).unwrap() as usize],
    };
    (-20..n + 20).map(at).collect()
}

/// Rows, then columns, by a function of one line.
fn separable(image: &[f64], width: usize, line: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let rows: Vec<Vec<f64>> = image.chunks(width).map(&line).collect();
    let columns: Vec<Vec<f64>> =
        (0..width).map(|x| line(&rows.iter().map(|row| row[x]).collect::<Vec<f64>>())).collect();
    (0..image.len()).map(|i| columns[i % width][i / width]).collect()
}

fn each<T: Number>(mut check: impl FnMut(&[T], (usize, usize), Boundary<f64>, Boundary<T::Coefficient>)) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (width, height) in SIZES {
        for pattern in PATTERNS {
            let image: Vec<T> = (0..width * height)
                .map(|i| T::new(pattern(i % width, i / width, random.bits() >> 16)))
                .collect();
            let v = T::new(((random.bits() >> 16) % 256) as f64 / 255.0);
            for boundary in boundaries(v.real()) {
                // The constant is a whole level, and for f32 what it was.
                let of = convert(boundary, |_| v.into());
                check(&image, (width, height), boundary, of);
            }
        }
    }
}

fn prefiltered<T: Number>(
    image: &[T],
    (width, height): (usize, usize),
    boundary: Boundary<T::Coefficient>,
) -> Vec<T::Coefficient> {
    let mut out = vec![T::Coefficient::zero(); image.len()];
    let image = Image::new(image, width, height).unwrap();
    let sampler = Sampler::new(BSpline, boundary);
    sampler.prefilter(image, &mut ImageMut::new(&mut out, width, height).unwrap()).unwrap();
    out
}

fn coefficients<T: Number>() -> f64 {
    let mut largest = 0.0_f64;
    each::<T>(|image, size, boundary, of| {
        let real: Vec<f64> = image.iter().map(|v| v.real()).collect();
        let defined = separable(&real, size.0, |line| {
            let all = T::recursion(&extended(line, boundary));
            all[20..all.len() - 20].to_vec()
        });
        let exact = separable(&real, size.0, |line| spline_coefficients(line, &boundary));
        for (i, c) in prefiltered(image, size, of).into_iter().map(T::coefficient).enumerate() {
            assert_eq!(c, defined[i], "{boundary:?} {size:?} at {i}");
            largest = largest.max((c - exact[i]).abs());
            assert!((c - exact[i]).abs() <= T::BOUND, "{boundary:?} {size:?} at {i}: {c}, not {}", exact[i]);
        }
    });
    largest
}

#[test]
fn coefficients_are_as_defined_and_near_the_exact_ones() {
    let errors = [coefficients::<u8>(), coefficients::<u16>(), coefficients::<i16>(), coefficients::<f32>()];
    println!("largest errors of coefficients: {errors:?}");
}

/// At lattice points the interpolant is the image, bit by bit for 8 and 16 bits; beside the image it
/// is the extended image where the coefficients are extended alike.
#[test]
fn lattice_points_come_back() {
    fn check<T: Number>(same: impl Fn(T, T) -> bool) {
        each::<T>(|image, (width, height), boundary, of| {
            let coefficients = prefiltered(image, (width, height), of);
            let coefficients = Image::new(&coefficients, width, height).unwrap();
            let sampler = Sampler::new(BSpline, of);
            for y in 0..height as i32 {
                for x in 0..width as i32 {
                    let v = sampler.sample(coefficients, x, y);
                    let e = image[y as usize * width + x as usize];
                    let inside = 0 < x && x + 1 < width as i32 && 0 < y && y + 1 < height as i32;
                    match v {
                        Some(v) => {
                            assert!(same(v, e), "{boundary:?} {width} {height} ({x}, {y}): {v:?}, not {e:?}")
                        }
                        None => assert!(matches!(boundary, Boundary::Transparent) && !inside),
                    }
                }
            }
        });
    }
    check::<u8>(|a, b| a == b);
    check::<u16>(|a, b| a == b);
    check::<i16>(|a, b| a == b);
    // Coefficients, and sums of 4 of them along each axis.
    check::<f32>(|a, b| (a - b).abs() <= <f32 as Number>::BOUND as f32 + 9.0 * 16.0 / 16_777_216.0);
}

/// `<P x, y> = <x, P' y>` for the exact prefilter P, entry by entry.
#[test]
fn the_adjoint_is_the_transpose() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for (width, height) in SIZES {
        for boundary in boundaries(0.0) {
            let gradient: Vec<i64> = (0..width * height)
                .map(|_| ((random.bits() >> 16) as i64 & 0xff_ffff_ffff) - (1 << 39))
                .collect();
            // The transpose of a line's matrix, whose columns are the coefficients of unit vectors.
            let transposed = |line: &[f64]| -> Vec<f64> {
                let unit = |i: usize| -> Vec<f64> { (0..line.len()).map(|j| f64::from(i == j)).collect() };
                let column = |i: usize| spline_coefficients(&unit(i), &boundary);
                (0..line.len()).map(|i| column(i).iter().zip(line).map(|(c, g)| c * g).sum()).collect()
            };
            let exact =
                separable(&gradient.iter().map(|&g| g as f64).collect::<Vec<f64>>(), width, transposed);

            let sampler =
                Sampler::<_, Coefficient<u8>>::new(BSpline, convert(boundary, |_| Coefficient::from(77)));
            let mut out = gradient.clone();
            sampler.prefilter_adjoint(&mut ImageMut::new(&mut out, width, height).unwrap());
            for (o, e) in out.iter().zip(&exact) {
                let off = (*o as f64 - e).abs();
                assert!(
                    off <= 16.0 + f64::from(1 << (39 - 24)),
                    "{boundary:?} {width} {height}: {o}, not {e}"
                );
            }

            let sampler = Sampler::<_, f32>::new(BSpline, convert(boundary, |_| 5.0));
            let mut out: Vec<f32> = gradient.iter().map(|&g| g as f32).collect();
            sampler.prefilter_adjoint(&mut ImageMut::new(&mut out, width, height).unwrap());
            for (o, e) in out.iter().zip(&exact) {
                let bound = (1_u64 << 40) as f64 * <f32 as Number>::BOUND;
                assert!((f64::from(*o) - e).abs() <= bound, "{boundary:?} {width} {height}: {o}, not {e}");
            }
        }
    }
}

/// Channels do not meet, strides are kept, and a wrong size is refused.
#[test]
fn channels_and_strides() {
    let mut random = Random(7);
    let image: Vec<[u8; 3]> =
        (0..13 * 7).map(|_| [(random.bits() >> 16) as u8, (random.bits() >> 16) as u8, 3]).collect();
    for boundary in boundaries(9.0) {
        let of =
            convert(boundary, |v| [Coefficient::from(v as u8), Coefficient::from(1), Coefficient::from(2)]);
        let mut out = vec![[Coefficient::from_bits(-7); 3]; 20 * 7];
        let sampler = Sampler::new(BSpline, of);
        let picture = Image::new(&image, 13, 7).unwrap();
        sampler.prefilter(picture, &mut ImageMut::with_stride(&mut out, 13, 7, 20).unwrap()).unwrap();
        for c in 0..3 {
            let plane: Vec<u8> = image.iter().map(|p| p[c]).collect();
            let v = [9, 1, 2][c];
            let expected = prefiltered(&plane, (13, 7), convert(boundary, |_| Coefficient::from(v)));
            for (i, p) in out.iter().enumerate() {
                let e = if i % 20 < 13 { expected[i / 20 * 13 + i % 20] } else { Coefficient::from_bits(-7) };
                assert_eq!(p[c], e);
            }
        }
        let mut small = vec![[Coefficient::from_bits(-7); 3]; 12 * 7];
        let refused = sampler.prefilter(picture, &mut ImageMut::new(&mut small, 12, 7).unwrap());
        assert_eq!(refused, Err(Error::SizeMismatch));
        assert!(small.iter().flatten().all(|c| c.to_bits() == -7));
    }
}
