//! Images whose truth is known: continuous functions to sample, random numbers, random warps.
//!
//! All in `f64`, and nothing of the crate's samplers has a part in it. The same seed gives the same
//! pixels on every machine: arithmetic is IEEE `f64`, functions are those of `libm`.

use std::f64::consts::TAU;

use nonius::Transform;

use super::file::Plane;

/// Uniform numbers from SplitMix64 (Steele et al., 2014), and normal ones (Box and Muller, 1958).
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    /// In (0, 1].
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((z >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.uniform()
    }

    /// Mean 0, variance 1.
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (self.uniform(), self.uniform());
        libm::sqrt(-2.0 * libm::log(u)) * libm::cos(TAU * v)
    }
}

/// A cubic B-spline through every pixel of an image (Unser, 1999), mirrored at the outer pixels.
pub struct Spline {
    width: usize,
    height: usize,
    coefficients: Vec<f64>,
}

impl Spline {
    pub fn new(image: &Plane<u8>) -> Self {
        Self::through(image.width, image.height, image.data.iter().map(|&v| f64::from(v)).collect())
    }

    /// Through the image after a Gaussian of this standard deviation.
    pub fn blurred(image: &Plane<u8>, sigma: f64) -> Self {
        let mut values: Vec<f64> = image.data.iter().map(|&v| f64::from(v)).collect();
        let radius = libm::ceil(4.0 * sigma) as isize;
        let weights: Vec<f64> =
            (-radius..=radius).map(|i| libm::exp(-0.5 * (i * i) as f64 / (sigma * sigma))).collect();
        let sum: f64 = weights.iter().sum();
        along_both(&mut values, image.width, |line| {
            let n = line.len();
            let at = |i: usize, k: usize| line[mirror(i as isize + k as isize - radius, n)];
            let mean = |i| weights.iter().enumerate().map(|(k, w)| w * at(i, k)).sum::<f64>() / sum;
            let smooth: Vec<f64> = (0..n).map(mean).collect();
            line.copy_from_slice(&smooth);
        });
        Self::through(image.width, image.height, values)
    }

    fn through(width: usize, height: usize, mut coefficients: Vec<f64>) -> Self {
        along_both(&mut coefficients, width, prefilter);
        Self { width, height, coefficients }
    }

    pub fn at(&self, x: f64, y: f64) -> f64 {
        let ((x0, wx), (y0, wy)) = (weights(x), weights(y));
        let mut sum = 0.0;
        for (j, wy) in wy.iter().enumerate() {
            let row = mirror(y0 + j as isize, self.height) * self.width;
            for (i, wx) in wx.iter().enumerate() {
                sum += wx * wy * self.coefficients[row + mirror(x0 + i as isize, self.width)];
            }
        }
        sum
    }
}

/// Changes every row, then every column.
fn along_both(values: &mut [f64], width: usize, change: impl Fn(&mut [f64])) {
    for row in values.chunks_exact_mut(width) {
        change(row);
    }
    for x in 0..width {
        let mut column: Vec<f64> = values.iter().skip(x).step_by(width).copied().collect();
        change(&mut column);
        for (to, from) in values.iter_mut().skip(x).step_by(width).zip(column) {
            *to = from;
        }
    }
}

/// From values to B-spline coefficients, in place: a causal and an anticausal recursion.
fn prefilter(line: &mut [f64]) {
    let n = line.len();
    if n < 2 {
        return;
    }
    let pole = libm::sqrt(3.0) - 2.0;
    // The sum over the mirrored line up to where its terms are nothing in f64.
    let mut sum = 0.0;
    let mut power = 1.0;
    for k in 0..64 {
        sum += power * line[mirror(k, n)];
        power *= pole;
    }
    line[0] = sum;
    for i in 1..n {
        line[i] += pole * line[i - 1];
    }
    line[n - 1] = pole / (pole * pole - 1.0) * (line[n - 1] + pole * line[n - 2]);
    for i in (0..n - 1).rev() {
        line[i] = pole * (line[i + 1] - line[i]);
    }
    for v in line {
        *v *= 6.0;
    }
}

/// The first of the four taps at a coordinate, and their weights.
fn weights(x: f64) -> (isize, [f64; 4]) {
    let cell = libm::floor(x);
    let (t, u) = (x - cell, 1.0 - (x - cell));
    let inner = |t: f64| 2.0 / 3.0 - t * t * (1.0 - t / 2.0);
    (cell as isize - 1, [u * u * u / 6.0, inner(t), inner(u), t * t * t / 6.0])
}

/// Mirrors an index at the centres of the outer pixels.
fn mirror(i: isize, side: usize) -> usize {
    let period = (2 * side as isize - 2).max(1);
    let i = i.rem_euclid(period);
    i.min(period - i).max(0) as usize % side
}

/// A sum of 60 cosines of up to 0.22 cycles per pixel, more of the long ones, about 128.
pub struct Waves(Vec<[f64; 4]>);

impl Waves {
    pub fn new(random: &mut Random) -> Self {
        let wave = |_| {
            let frequency = 0.22 * libm::pow(random.uniform(), 1.2);
            let (sine, cosine) = libm::sincos(TAU * random.uniform());
            let phase = TAU * random.uniform();
            let height = 12.0 * libm::sqrt(0.02 / (0.02 + frequency));
            [TAU * frequency * cosine, TAU * frequency * sine, phase, height]
        };
        Self((0..60).map(wave).collect())
    }

    pub fn at(&self, x: f64, y: f64) -> f64 {
        let wave = |[a, b, phase, height]: &[f64; 4]| height * libm::cos(a * x + b * y + phase);
        128.0 + self.0.iter().map(wave).sum::<f64>()
    }

    /// The derivatives with respect to x and y.
    pub fn gradient(&self, x: f64, y: f64) -> [f64; 2] {
        self.0.iter().fold([0.0; 2], |[gx, gy], [a, b, phase, height]| {
            let slope = -height * libm::sin(a * x + b * y + phase);
            [gx + a * slope, gy + b * slope]
        })
    }
}

/// An image of a function of x and y, before rounding.
pub fn render(width: usize, height: usize, f: impl Fn(f64, f64) -> f64) -> Plane<f64> {
    let data = (0..width * height).map(|i| f((i % width) as f64, (i / width) as f64)).collect();
    Plane { width, height, data }
}

/// What a camera makes of it: gain, offset, Gaussian noise, 8 bits.
#[derive(Clone, Copy)]
pub struct Exposure {
    pub gain: f64,
    pub offset: f64,
    pub noise: f64,
}

impl Exposure {
    pub const CLEAN: Self = Self { gain: 1.0, offset: 0.0, noise: 0.0 };

    pub const fn noisy(noise: f64) -> Self {
        Self { noise, ..Self::CLEAN }
    }

    pub fn of(&self, image: &Plane<f64>, random: &mut Random) -> Plane<u8> {
        let pixel = |&v: &f64| {
            let noise = if self.noise > 0.0 { self.noise * random.normal() } else { 0.0 };
            libm::round(self.gain * v + self.offset + noise).clamp(0.0, 255.0) as u8
        };
        Plane { width: image.width, height: image.height, data: image.data.iter().map(pixel).collect() }
    }
}

/// The corners of an image.
pub fn corners(width: usize, height: usize) -> [(f64, f64); 4] {
    let (w, h) = ((width - 1) as f64, (height - 1) as f64);
    [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)]
}

/// Root mean square distance of the images of points under two transforms.
pub fn distance<T: Transform>(a: &T, b: &T, points: &[(f64, f64)]) -> f64 {
    let squares = points.iter().map(|&(x, y)| {
        let ((a, b), (c, d)) = (a.apply(x, y), b.apply(x, y));
        (a - c) * (a - c) + (b - d) * (b - d)
    });
    libm::sqrt(squares.sum::<f64>() / points.len() as f64)
}

/// A random transform that moves the corners of an image by `rms` pixels in the root mean square.
///
/// Each of the model's generators about the centre of the image, scaled to move the corners by one
/// pixel, has a normally distributed part in it; then all are scaled together.
pub fn random_warp<T: Transform>(width: usize, height: usize, rms: f64, random: &mut Random) -> T {
    let corners = corners(width, height);
    let (x, y) = ((width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0);
    let about = |increment: &[f64], scale: f64| {
        let shift = |x: f64, y: f64| [1.0, 0.0, x, 0.0, 1.0, y, 0.0, 0.0, 1.0];
        let w = T::near_identity(parameters::<T>(|i| increment[i] * scale)).ok()?;
        T::from_matrix(product(&shift(x, y), &product(&w.matrix(), &shift(-x, -y)))).ok()
    };
    let n = T::IDENTITY.parameters().as_ref().len();
    loop {
        let mut increment = vec![0.0; n];
        for i in 0..n {
            // Small, so that a homography is linear in it.
            let mut one = vec![0.0; n];
            one[i] = 1e-6;
            let moved = about(&one, 1.0).map_or(1.0, |t| distance(&t, &T::IDENTITY, &corners) / 1e-6);
            increment[i] = random.normal() / moved;
        }
        // The displacement is nearly proportional to the scale.
        let mut scale = 1.0;
        for _ in 0..50 {
            let Some(t) = about(&increment, scale) else { break };
            let found = distance(&t, &T::IDENTITY, &corners);
            if libm::fabs(found - rms) < 1e-9 {
                return t;
            }
            scale *= rms / found;
        }
    }
}

/// The parameters of a model from a function of their index.
pub fn parameters<T: Transform>(f: impl FnMut(usize) -> f64) -> T::Parameters {
    <T::Parameters as nonius::Array<f64>>::from_fn(f)
}

/// The product of two 3x3 matrices.
fn product(a: &[f64; 9], b: &[f64; 9]) -> [f64; 9] {
    std::array::from_fn(|i| (0..3).map(|k| a[i / 3 * 3 + k] * b[3 * k + i % 3]).sum())
}
