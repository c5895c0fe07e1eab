//! How exact sampling is: the largest and the mean error, in grey levels, of a random texture over
//! the whole range of each pixel type, rotated and shifted, against the same interpolation in exact
//! arithmetic (`f64`, saturated as the pixels are).
//!
//! cargo run --release --example accuracy
//!
//! prints a Markdown table. `f32` pixels are noise from -128 to 128.
#![forbid(unsafe_code)]

use nonius::reference::{Shape, extend, interpolate, spline_coefficients};
use nonius::spline::{Coefficient, Spline};
use nonius::{
    BSpline, Bilinear, Boundary, Cubic, Euclidean, Image, ImageMut, Kernel, Lanczos, Pixel, Sampler, Tap,
    Transform,
};

/// A pixel type: how its texture is made, and what it holds.
pub trait Level: Pixel<Channel = Self> {
    /// The coefficients of splines.
    type Coefficient: Tap<Channel = Self::Coefficient, Sampled = Self> + Spline;
    /// Its name.
    const NAME: &'static str;
    /// Width and height of the texture.
    const SIDE: usize;
    /// From noise.
    fn noise(bits: u64) -> Self;
    /// In grey levels.
    fn real(self) -> f64;
    /// The nearest number that is within its range.
    fn saturate(v: f64) -> f64;
}

macro_rules! integers {
    ($($t:ty: $side:literal;)*) => {$(
        impl Level for $t {
            type Coefficient = Coefficient<$t>;
            const NAME: &'static str = stringify!($t);
            const SIDE: usize = $side;
            fn noise(bits: u64) -> Self {
                (bits >> 17) as $t
            }
            fn real(self) -> f64 {
                self.into()
            }
            fn saturate(v: f64) -> f64 {
                v.clamp(<$t>::MIN.into(), <$t>::MAX.into())
            }
        }
    )*};
}
integers! {
    u8: 500;
    u16: 300;
    i16: 300;
}

impl Level for f32 {
    type Coefficient = f32;
    const NAME: &'static str = "f32";
    const SIDE: usize = 300;
    fn noise(bits: u64) -> Self {
        (bits >> 40) as f32 / 65_536.0 - 128.0
    }
    fn real(self) -> f64 {
        self.into()
    }
    fn saturate(v: f64) -> f64 {
        v
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Type of pixels.
    pub pixel: &'static str,
    /// Name of the kernel.
    pub kernel: &'static str,
    /// The largest error, in grey levels.
    pub largest: f64,
    /// The mean error, in grey levels.
    pub mean: f64,
}

const BOUNDARY: Boundary<f64> = Boundary::Reflect;

fn texture<P: Level>() -> Vec<P> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise = |_| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        P::noise(state.wrapping_mul(0x2545_f491_4f6c_dd1d))
    };
    (0..P::SIDE * P::SIDE).map(noise).collect()
}

/// The errors of a kernel on `source`, which the exact interpolation knows as `exact`.
fn errors<P: Level, K: Kernel + Shape, S: Tap<Sampled = P>>(
    kernel: K,
    name: &'static str,
    source: &[S],
    exact: &[f64],
) -> Row {
    let side = P::SIDE;
    let source = Image::new(source, side, side).unwrap();
    let at = |x: i64, y: i64| {
        let [x, y] = [x, y].map(|v| extend(&BOUNDARY, v, side as i64).unwrap() as usize);
        exact[y * side + x]
    };
    let (mut largest, mut sum, mut count) = (0.0_f64, 0.0, 0.0);
    for angle in [0.1, -0.7] {
        // About the centre, and shifted.
        let half = side as f64 / 2.0;
        let (x, y) = Euclidean::new(angle, 0.0, 0.0).unwrap().apply(half, half);
        let turn = Euclidean::new(angle, half - x + 0.37, half - y - 0.81).unwrap();
        let mut out = vec![P::zero(); side * side];
        Sampler::new(kernel, Boundary::Reflect)
            .warp(source, &mut ImageMut::new(&mut out, side, side).unwrap(), &turn)
            .unwrap();
        for (i, v) in out.into_iter().enumerate() {
            let (x, y) = turn.apply((i % side) as f64, (i / side) as f64);
            let inside = 0.0..side as f64 - 1.0;
            if inside.contains(&x) && inside.contains(&y) {
                let error = (v.real() - P::saturate(interpolate::<K>(at, x, y))).abs();
                largest = largest.max(error);
                sum += error;
                count += 1.0;
            }
        }
    }
    assert!(count > 0.5 * (side * side) as f64);
    Row { pixel: P::NAME, kernel: name, largest, mean: sum / count }
}

/// All kernels with one type of pixels.
pub fn rows<P: Level>() -> Vec<Row> {
    let pixels = texture::<P>();
    let exact: Vec<f64> = pixels.iter().map(|v| v.real()).collect();
    let mut rows = vec![
        errors::<P, _, _>(Bilinear, "Bilinear", &pixels, &exact),
        errors::<P, _, _>(Cubic::<-50>, "Cubic<-50>", &pixels, &exact),
        errors::<P, _, _>(Cubic::<-75>, "Cubic<-75>", &pixels, &exact),
        errors::<P, _, _>(Lanczos::<4>, "Lanczos<4>", &pixels, &exact),
    ];

    let side = P::SIDE;
    let mut coefficients = vec![P::Coefficient::zero(); side * side];
    Sampler::new(BSpline, Boundary::Reflect)
        .prefilter(
            Image::new(&pixels, side, side).unwrap(),
            &mut ImageMut::new(&mut coefficients, side, side).unwrap(),
        )
        .unwrap();
    let across: Vec<Vec<f64>> = exact.chunks(side).map(|row| spline_coefficients(row, &BOUNDARY)).collect();
    let down = |x: usize| -> Vec<f64> {
        spline_coefficients(&across.iter().map(|row| row[x]).collect::<Vec<f64>>(), &BOUNDARY)
    };
    let columns: Vec<Vec<f64>> = (0..side).map(down).collect();
    let exact: Vec<f64> = (0..side * side).map(|i| columns[i % side][i / side]).collect();
    rows.push(errors::<P, _, _>(BSpline, "BSpline", &coefficients, &exact));
    rows
}

// Not where the test of accuracy takes its numbers from here.
#[allow(dead_code)]
fn main() {
    println!("| pixel | kernel | largest error | mean error |");
    println!("|---|---|---|---|");
    for rows in [rows::<u8>(), rows::<u16>(), rows::<i16>(), rows::<f32>()] {
        for Row { pixel, kernel, largest, mean } in rows {
            if pixel == "f32" {
                println!("| `{pixel}` | `{kernel}` | {largest:.1e} | {mean:.1e} |");
            } else {
                println!("| `{pixel}` | `{kernel}` | {largest:.4} | {mean:.4} |");
            }
        }
    }
}
