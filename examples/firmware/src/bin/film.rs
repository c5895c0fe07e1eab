//! Renders the films in `frames/` (see `firmware::film`), on a desktop: `cargo film`.
//!
//! Each pixel of a frame is the mean of 6 x 6 bilinear samples of the photograph over its area, in
//! `f64`: nothing of `nonius` has a part in it. Then come exposure (a little less contrast and a
//! little more brightness in every frame), Gaussian noise and 8 bits. The same photograph gives the
//! same frames on every machine.

use std::fs;
use std::io::BufReader;
use std::path::Path;

use firmware::film::{FLOW, Film, VIEW};

/// Photograph pixels to the side of a frame's pixel, and the photograph's pixel at the centre of
/// frame 0.
const FLOW_AT: (f64, [f64; 2]) = (2.8, [255.3, 168.9]);
const VIEW_AT: (f64, [f64; 2]) = (2.3, [262.4, 206.7]);

/// Samples along a pixel's side.
const SAMPLES: usize = 6;
/// Standard deviation in grey levels.
const NOISE: f64 = 1.5;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let photograph = Photograph::read(&folder.join("../images/camera_512x512.png"));
    for (film, at, seed) in [(FLOW, FLOW_AT, 64), (VIEW, VIEW_AT, 160)] {
        let mut file = format!("P5\n{} {}\n255\n", film.width, film.height * film.len()).into_bytes();
        let mut noise = Gaussian { state: seed };
        for k in 0..film.len() {
            file.extend(shoot(&photograph, &film, at, k, &mut noise));
        }
        let path = folder.join("frames").join(film.name).with_extension("pgm");
        fs::write(&path, file).expect("the folder of frames is there to write to");
        println!("{}: {} frames of {} x {}", path.display(), film.len(), film.width, film.height);
    }
}

/// Frame `k`.
fn shoot(
    photograph: &Photograph,
    film: &Film,
    (side, [cx, cy]): (f64, [f64; 2]),
    k: usize,
    noise: &mut Gaussian,
) -> Vec<u8> {
    let back = inverse(film.motion[k]);
    let [half_x, half_y] = [film.width, film.height].map(|n| (n as f64 - 1.0) / 2.0);
    let (gain, offset) = (1.0 - 0.01 * k as f64, 1.5 * k as f64);
    let mut frame = Vec::with_capacity(film.width * film.height);
    for y in 0..film.height {
        for x in 0..film.width {
            let mut sum = 0.0;
            for j in 0..SAMPLES {
                for i in 0..SAMPLES {
                    let within = |n: usize| (n as f64 + 0.5) / SAMPLES as f64 - 0.5;
                    let [u, v] = apply(back, x as f64 + within(i), y as f64 + within(j));
                    sum += photograph.at(cx + side * (u - half_x), cy + side * (v - half_y));
                }
            }
            let value = gain * sum / (SAMPLES * SAMPLES) as f64 + offset + NOISE * noise.next();
            frame.push(value.round().clamp(0.0, 255.0) as u8);
        }
    }
    frame
}

fn apply(m: [f64; 9], x: f64, y: f64) -> [f64; 2] {
    let w = m[6] * x + m[7] * y + m[8];
    [(m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w]
}

/// The inverse of a matrix whose last entry is 1, up to a factor: its adjugate.
fn inverse([a, b, c, d, e, f, g, h]: [f64; 8]) -> [f64; 9] {
    [
        e - f * h,
        c * h - b,
        b * f - c * e,
        f * g - d,
        a - c * g,
        c * d - a * f,
        d * h - e * g,
        b * g - a * h,
        a * e - b * d,
    ]
}

struct Photograph {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Photograph {
    fn read(path: &Path) -> Self {
        let file = fs::File::open(path).expect("the photograph ships with the repository");
        let mut reader = png::Decoder::new(BufReader::new(file)).read_info().expect("it is a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("it is small")];
        let frame = reader.next_frame(&mut pixels).expect("it is whole");
        assert_eq!((frame.color_type, frame.bit_depth), (png::ColorType::Grayscale, png::BitDepth::Eight));
        Self { width: frame.width as usize, height: frame.height as usize, pixels }
    }

    /// Bilinear; the camera never looks beyond the photograph.
    fn at(&self, x: f64, y: f64) -> f64 {
        assert!(x >= 0.0 && y >= 0.0 && x < (self.width - 1) as f64 && y < (self.height - 1) as f64);
        let (i, j) = (x.floor(), y.floor());
        let (u, v) = (x - i, y - j);
        let first = j as usize * self.width + i as usize;
        let tap = |offset: usize| f64::from(self.pixels[first + offset]);
        let row = |offset: usize| (1.0 - u) * tap(offset) + u * tap(offset + 1);
        (1.0 - v) * row(0) + v * row(self.width)
    }
}

/// Normally distributed numbers (Box and Muller, 1958) from SplitMix64 (Steele et al., 2014).
struct Gaussian {
    state: u64,
}

impl Gaussian {
    /// In (0, 1].
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((z >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> f64 {
        let (u, v) = (self.uniform(), self.uniform());
        libm::sqrt(-2.0 * libm::log(u)) * libm::cos(std::f64::consts::TAU * v)
    }
}
