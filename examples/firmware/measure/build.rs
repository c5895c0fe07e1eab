//! Takes the memory map of the emulated board (`BOARD` in the environment), and makes the frames that
//! are measured on: a photograph, seen through known transforms, with the noise of a camera.

use std::path::PathBuf;
use std::{env, fs};

const WIDTH: usize = 160;
const HEIGHT: usize = 120;
const SIDE: usize = 64;

fn main() {
    println!("cargo:rerun-if-env-changed=BOARD");
    println!("cargo:rerun-if-changed=build.rs");
    let board = env::var("BOARD").unwrap_or_else(|_| "an386".into());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let map = format!("../memory/{board}.x");
    println!("cargo:rerun-if-changed={map}");
    fs::copy(&map, out.join("memory.x")).expect("BOARD has a memory map");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");

    let write = |name: &str, bytes: &[u8]| fs::write(out.join(name), bytes).expect("OUT_DIR is writable");
    let scene = Scene::read();
    let frame = scene.view(WIDTH, HEIGHT, 1, |x, y| (x - 48.0, y - 28.0));
    write("frame.u8", &frame);
    // Seen from T x: the transform from the fixed to the moving frame is T's inverse.
    write("fixed", &scene.view(SIDE, SIDE, 2, |x, y| (x, y)));
    write("near", &scene.view(SIDE, SIDE, 3, |x, y| (x - 0.6, y + 0.35)));
    write("far", &scene.view(SIDE, SIDE, 4, |x, y| (x + 4.4, y - 1.7)));
    let (s, c) = 3_f64.to_radians().sin_cos();
    write("turned", &scene.view(SIDE, SIDE, 7, |x, y| inverse([c, -s, 2.5, s, c, -1.8, 0.0, 0.0], x, y)));
    write(
        "affine",
        &scene.view(SIDE, SIDE, 5, |x, y| inverse([1.03, 0.05, -2.2, -0.04, 0.98, 1.6, 0.0, 0.0], x, y)),
    );
    write(
        "homography",
        &scene.view(SIDE, SIDE, 6, |x, y| inverse([1.03, 0.05, -2.2, -0.04, 0.98, 1.6, 3e-4, -2e-4], x, y)),
    );
}

/// Where the homography of these parameters sends to (x, y).
fn inverse([a, b, c, d, e, f, g, h]: [f64; 8], x: f64, y: f64) -> (f64, f64) {
    // (a - g x) u + (b - h x) v = x - c, and so for y.
    let (m, n, o, p) = (a - g * x, b - h * x, d - g * y, e - h * y);
    let (r, s, det) = (x - c, y - f, m * p - n * o);
    ((r * p - n * s) / det, (m * s - o * r) / det)
}

/// A photograph, three of whose pixels are one of a frame's. Its middle is that of the 64x64 frames.
struct Scene {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
}

impl Scene {
    fn read() -> Self {
        let path = "../../images/camera_512x512.png";
        println!("cargo:rerun-if-changed={path}");
        let file = std::io::BufReader::new(fs::File::open(path).expect("the photograph is there"));
        let mut reader = png::Decoder::new(file).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("its size fits")];
        let info = reader.next_frame(&mut pixels).expect("a PNG");
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Grayscale, png::BitDepth::Eight));
        Self { pixels, width: info.width as usize, height: info.height as usize }
    }

    fn at(&self, x: f64, y: f64) -> f64 {
        let place = |v: f64, side: usize| 3.0 * (v - 31.5) + side as f64 / 2.0;
        let (x, y) = (place(x, self.width), place(y, self.height));
        let (i, j) = (x.floor(), y.floor());
        let pixel = |i: f64, j: f64| {
            let clamp = |v: f64, side: usize| v.clamp(0.0, side as f64 - 1.0) as usize;
            f64::from(self.pixels[clamp(j, self.height) * self.width + clamp(i, self.width)])
        };
        let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
        let row = |j: f64| mix(pixel(i, j), pixel(i + 1.0, j), x - i);
        mix(row(j), row(j + 1.0), y - j)
    }

    /// A frame whose pixel (x, y) is the mean of the scene around `of(x, y)` over one pixel, with noise
    /// of about one and a half grey levels.
    fn view(&self, width: usize, height: usize, seed: u32, of: impl Fn(f64, f64) -> (f64, f64)) -> Vec<u8> {
        let mut out = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let part = |k: u32| f64::from(k) / 4.0 - 0.375;
                let sum: f64 = (0..16)
                    .map(|k| of(x as f64 + part(k % 4), y as f64 + part(k / 4)))
                    .map(|(u, v)| self.at(u, v) / 16.0)
                    .sum();
                let noise: f64 = (0..4).map(|k| hash(x as u32, y as u32, 100 * seed + k) - 0.5).sum();
                out.push((sum + 2.6 * noise).round().clamp(0.0, 255.0) as u8);
            }
        }
        out
    }
}

fn hash(x: u32, y: u32, seed: u32) -> f64 {
    let mut h = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77) ^ seed.wrapping_mul(0xc2b2_ae3d);
    for shift in [15, 13, 16] {
        h = (h ^ (h >> shift)).wrapping_mul(0x2c1b_3c6d);
    }
    f64::from(h ^ (h >> 15)) / f64::from(u32::MAX)
}
