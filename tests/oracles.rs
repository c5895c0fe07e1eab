//! Other people's numbers: ONNX, PyTorch, MONAI, CMSIS-DSP and OpenCV.
//!
//! They are not part of the repository. `NONIUS_DATA` names the folder that holds `oracles`;
//! without it every test here prints a line and passes. What a test counted it prints
//! (`cargo test --test all oracles -- --nocapture`).

use crate::common;

use std::path::{Path, PathBuf};

use nonius::stn::{GridSample, Padding, Tensor, TensorMut, Theta, affine_grid};
use nonius::{
    BSpline, Bilinear, Boundary, Cubic, Homography, Image, ImageMut, Kernel, Map, Nearest, NearestEven,
    Sampler, Transform,
};
use serde_json::Value;

fn folder(name: &str) -> Option<PathBuf> {
    common::data("oracles", name)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn reals(value: &Value) -> Vec<f64> {
    list(value).iter().map(|v| v.as_f64().unwrap()).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    reals(value).iter().map(|&v| v as f32).collect()
}

fn shape(value: &Value) -> Vec<usize> {
    list(&value["shape"]).iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

fn padding(case: &Value) -> Padding {
    match case["padding"].as_str().unwrap() {
        "zeros" => Padding::Zeros,
        "border" => Padding::Border,
        "reflection" => Padding::Reflection,
        other => panic!("{other}"),
    }
}

/// The largest difference.
fn distance(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max)
}

/// Something to do with the kernel of a `mode`.
trait WithKernel {
    type Output;
    fn run<K: nonius::Linear>(self, kernel: K) -> Self::Output;
}

fn with_mode<W: WithKernel>(mode: &str, work: W) -> W::Output {
    match mode {
        "nearest" => work.run(NearestEven),
        "bilinear" => work.run(Bilinear),
        "bicubic" => work.run(Cubic::<-75>),
        other => panic!("{other}"),
    }
}

struct Forward<'a> {
    case: &'a Value,
}

impl WithKernel for Forward<'_> {
    type Output = Vec<f32>;
    fn run<K: nonius::Linear>(self, kernel: K) -> Vec<f32> {
        let [n, c, h, w] = shape(&self.case["x"]).try_into().unwrap();
        let [_, rows, columns, _] = shape(&self.case["grid"]).try_into().unwrap();
        let (x, grid) = (floats(&self.case["x"]["data"]), floats(&self.case["grid"]["data"]));
        let sampler =
            GridSample::new(kernel, padding(self.case), self.case["align_corners"].as_bool().unwrap());
        let mut y = vec![0.0; n * c * rows * columns];
        sampler
            .sample(
                Tensor::new(&x, [n, c, h, w]).unwrap(),
                Tensor::new(grid.as_chunks().0, [n, 1, rows, columns]).unwrap(),
                &mut TensorMut::new(&mut y, [n, c, rows, columns]).unwrap(),
            )
            .unwrap();
        y
    }
}

#[test]
fn onnx_grid_sample() {
    let Some(folder) = folder("onnx") else { return };
    let (mut passed, mut volumetric) = (0, 0);
    for case in list(&json(&folder.join("gridsample.json"))["cases"]) {
        let name = case["name"].as_str().unwrap();
        if shape(&case["x"]).len() != 4 {
            println!("not supported (three dimensions): {name}");
            volumetric += 1;
            continue;
        }
        let y = with_mode(case["mode"].as_str().unwrap(), Forward { case });
        // One vector is stored with four decimals.
        let tolerance = if name == "test_gridsample_bicubic" { 1e-4 } else { 1e-5 };
        let difference = distance(&y, &reals(&case["y"]["data"]));
        println!("{name}: {difference:.1e}");
        assert!(difference <= tolerance, "{name}: {difference}");
        passed += 1;
    }
    println!("GridSample: {passed} pass, {volumetric} are not supported");
    assert_eq!((passed, volumetric), (14, 4));
}

#[test]
fn onnx_affine_grid() {
    let Some(folder) = folder("onnx") else { return };
    let (mut passed, mut volumetric) = (0, 0);
    for case in list(&json(&folder.join("affinegrid.json"))["cases"]) {
        let name = case["name"].as_str().unwrap();
        let theta = floats(&case["theta"]["data"]);
        let [n, 2, 3] = shape(&case["theta"])[..] else {
            println!("not supported (three dimensions): {name}");
            volumetric += 1;
            continue;
        };
        let theta: Vec<Theta> =
            theta.chunks_exact(6).map(|t| [[t[0], t[1], t[2]], [t[3], t[4], t[5]]]).collect();
        let [_, h, w, _] = shape(&case["grid"]).try_into().unwrap();
        let mut grid = vec![[0.0; 2]; n * h * w];
        let align_corners = case["align_corners"].as_bool().unwrap();
        affine_grid(&theta, align_corners, &mut TensorMut::new(&mut grid, [n, 1, h, w]).unwrap()).unwrap();
        let difference = distance(grid.as_flattened(), &reals(&case["grid"]["data"]));
        println!("{name}: {difference:.1e}");
        assert!(difference <= 1e-5, "{name}: {difference}");
        passed += 1;
    }
    println!("AffineGrid: {passed} pass, {volumetric} are not supported");
    assert_eq!((passed, volumetric), (2, 2));
}

struct Backward<'a> {
    table: &'a Value,
    case: &'a Value,
}

impl WithKernel for Backward<'_> {
    type Output = Vec<f32>;
    fn run<K: nonius::Linear>(self, kernel: K) -> Vec<f32> {
        let (x, grid) = (floats(&self.table["x"]["data"]), floats(&self.table["grid"]["data"]));
        let ones = [1.0; 8];
        let mut gradient = [[0.0; 2]; 8];
        GridSample::new(kernel, padding(self.case), self.case["align_corners"].as_bool().unwrap())
            .grid_gradient(
                Tensor::new(&x, [1, 1, 5, 5]).unwrap(),
                Tensor::new(&ones, [1, 1, 2, 4]).unwrap(),
                Tensor::new(grid.as_chunks().0, [1, 1, 2, 4]).unwrap(),
                &mut TensorMut::new(&mut gradient, [1, 1, 2, 4]).unwrap(),
            )
            .unwrap();
        gradient.as_flattened().to_vec()
    }
}

/// The table puts four of its eight points on corners of the image, where the derivative has two
/// sides. What we document there is the right derivative of the padded image or, where padding acts
/// on the coordinate, zero on the clamp. In the units of the table (two pixels per unit), with rows
/// 0 1 2 3 4:
fn at_kink(mode: &str, padding: &str, [x, y]: [f64; 2]) -> [f64; 2] {
    let right = x == 1.0;
    match (mode, padding) {
        ("nearest", _) | ("bilinear", "border" | "reflection") => [0.0, 0.0],
        // To the right of column 4 and below row 4 there are zeros.
        ("bilinear", "zeros") => match (right, y == 1.0) {
            (true, true) => [2.0 * -4.0, 2.0 * -4.0],
            (true, false) => [2.0 * -4.0, 0.0],
            // The first column is 0, so nothing is lost below it.
            (false, _) => [2.0, 0.0],
        },
        // Smooth there: 0.75 times the difference of the neighbours, of the padded rows ...
        ("bicubic", padding) => {
            let (before, after) = match (padding, right) {
                ("zeros", true) => (3.0, 0.0),
                ("zeros", false) => (0.0, 1.0),
                ("border", true) => (3.0, 4.0),
                ("border", false) => (0.0, 1.0),
                (_, true) => (3.0, 3.0),
                (_, false) => (1.0, 1.0),
            };
            // ... and of the padded columns.
            let here = if right { 4.0 } else { 0.0 };
            let dy = match (padding, y == 1.0) {
                ("zeros", true) => -here,
                ("zeros", false) => here,
                _ => 0.0,
            };
            [2.0 * 0.75 * (after - before), 2.0 * 0.75 * dy]
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn pytorch_grid_gradients() {
    let Some(folder) = folder("pytorch") else { return };
    let table = json(&folder.join("grid_gradient_align_corners_true.json"));
    let points: Vec<[f64; 2]> = reals(&table["grid"]["data"]).as_chunks().0.to_vec();
    let (mut plain, mut kinks, mut equal) = (0, 0, 0);
    for case in list(&table["cases"]) {
        let (mode, padding) = (case["mode"].as_str().unwrap(), case["padding"].as_str().unwrap());
        let gradient = with_mode(mode, Backward { table: &table, case });
        let expected = reals(&case["grad_grid"]["data"]);
        for ((point, ours), theirs) in
            points.iter().zip(gradient.as_chunks::<2>().0).zip(expected.as_chunks().0)
        {
            let theirs: &[f64; 2] = theirs;
            let name = format!("{mode} {padding} at {point:?}: {ours:?}, PyTorch {theirs:?}");
            if point[0].abs() < 1.0 {
                assert!(distance(ours, theirs) <= 1e-4, "{name}");
                plain += 1;
                continue;
            }
            println!("kink: {name}");
            assert!(distance(ours, &at_kink(mode, padding, *point)) <= 1e-5, "{name}");
            kinks += 1;
            equal += usize::from(distance(ours, theirs) <= 1e-4);
        }
    }
    println!("{plain} plain points pass; {kinks} kinks are as documented, {equal} of them as PyTorch's");
    assert_eq!((plain, kinks, equal), (36, 36, 36));
}

/// Samples, image gradient and grid gradient of a line, by whole-image calls. The line is repeated
/// downwards, so that a kernel of any height sees it.
fn pull<K: Kernel>(kernel: K, boundary: Boundary<f32>, line: &[f32], at: &[f32]) -> [Vec<f32>; 3] {
    const ROWS: usize = 9;
    let (width, n) = (line.len(), at.len());
    let pixels = line.repeat(ROWS);
    let source = Image::new(&pixels, width, ROWS).unwrap();
    let middle = vec![(ROWS / 2) as f32; n];
    let map = Map::new(Image::new(at, n, 1).unwrap(), Image::new(&middle, n, 1).unwrap()).unwrap();
    let sampler = Sampler::new(kernel, boundary);
    let [mut value, mut dx, mut dy] = [(); 3].map(|()| vec![0.0; n]);
    sampler.warp(source, &mut ImageMut::new(&mut value, n, 1).unwrap(), &map).unwrap();
    let views = [&mut dx, &mut dy].map(|v| ImageMut::new(v, n, 1).unwrap());
    let [mut view_x, mut view_y] = views;
    sampler.warp_partials(source, &mut view_x, &mut view_y, &map).unwrap();
    assert!(dy.iter().all(|d| d.abs() < 1e-5));
    let ones = vec![1.0; n];
    let mut image = vec![0.0; width * ROWS];
    let cotangent = Image::new(&ones, n, 1).unwrap();
    sampler.adjoint(cotangent, &mut ImageMut::new(&mut image, width, ROWS).unwrap(), &map).unwrap();
    let image = (0..width).map(|x| image.iter().skip(x).step_by(width).sum()).collect();
    [value, image, dx]
}

#[test]
fn monai_grid_pull() {
    let Some(folder) = folder("monai_grid_pull") else { return };
    let table = json(&folder.join("grid_pull_1d.json"));
    let (line, at) = (floats(&table["input"]), floats(&table["sample_positions"]));
    let (mut passed, mut others) = (0, 0);
    for case in list(&table["cases"]) {
        let (order, bound) = (case["spline_order"].as_u64().unwrap(), case["bound"].as_str().unwrap());
        let boundary = match bound {
            "replicate" => Boundary::Replicate,
            "dct1" => Boundary::Reflect101,
            "dct2" => Boundary::Reflect,
            "dft" => Boundary::Wrap,
            "zero" => Boundary::Constant(0.0),
            // Antisymmetric: there is no such boundary here.
            "dst1" | "dst2" => {
                others += 1;
                continue;
            }
            other => panic!("{other}"),
        };
        let ours = match order {
            0 => pull(Nearest, boundary, &line, &at),
            1 => pull(Bilinear, boundary, &line, &at),
            3 => pull(BSpline, boundary, &line, &at),
            _ => {
                others += 1;
                continue;
            }
        };
        for (ours, key) in ours.iter().zip(["expected", "grad_input", "grad_grid"]) {
            let theirs = reals(&case[key]);
            assert_eq!(ours.len(), theirs.len());
            for (&a, b) in ours.iter().zip(&theirs) {
                assert!(
                    (f64::from(a) - b).abs() <= 1e-4 + 1e-4 * b.abs(),
                    "{order} {bound} {key}: {ours:?} {theirs:?}"
                );
            }
        }
        passed += 1;
    }
    println!("grid_pull: {passed} cases pass; {others} are of orders or boundaries that are not here");
    assert_eq!((passed, others), (15, 41));
}

/// q7 in the upper byte of an i16, q15 as it is.
#[test]
fn cmsis_dsp_bilinear() {
    let Some(folder) = folder("cmsis_dsp") else { return };
    for case in list(&json(&folder.join("interpolation.json"))["cases"]) {
        let name = case["type"].as_str().unwrap();
        let shift = match name {
            "q7" => 8,
            "q15" => 0,
            _ => continue,
        };
        let bilinear = &case["bilinear"];
        let side = |key: &str| bilinear[key].as_u64().unwrap() as usize;
        let table: Vec<i16> =
            reals(&bilinear["table_row_major"]).iter().map(|&v| (v as i16) << shift).collect();
        let image = Image::new(&table, side("num_cols"), side("num_rows")).unwrap();
        let sampler = Sampler::new(Bilinear, Boundary::Replicate);
        let (expected, xy) = (reals(&bilinear["expected"]), reals(&bilinear["xy"]));
        let mut largest = 0.0_f64;
        for (&[x, y], expected) in xy.as_chunks().0.iter().zip(&expected) {
            // Q12.20.
            let value = sampler.sample(image, x / 1_048_576.0, y / 1_048_576.0).unwrap();
            // In units of the type; for q7 rounded to it, half up.
            let value =
                (f64::from(value) / f64::from(1 << shift) + if shift > 0 { 0.5 } else { 0.0 }).floor();
            largest = largest.max((value - expected).abs());
        }
        println!("{name}: {} points, at most {largest} LSB apart", expected.len());
        assert_eq!(expected.len(), 150);
        assert!(largest <= 1.0, "{name}: {largest}");
    }
}

fn read_pgm(path: &Path) -> (Vec<u8>, usize, usize) {
    let bytes = std::fs::read(path).unwrap();
    let text: Vec<String> = bytes
        .split(u8::is_ascii_whitespace)
        .take(4)
        .map(|w| String::from_utf8_lossy(w).into_owned())
        .collect();
    let [magic, width, height, max] = &text[..] else { panic!("no header") };
    assert_eq!((magic.as_str(), max.as_str()), ("P5", "255"));
    let (width, height) = (width.parse().unwrap(), height.parse().unwrap());
    (bytes[bytes.len() - width * height..].to_vec(), width, height)
}

fn read_png(path: &Path) -> Vec<u8> {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    assert_eq!(reader.output_color_type(), (png::ColorType::Grayscale, png::BitDepth::Eight));
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}

/// The largest and the mean difference, and the share of pixels that differ by more than `limit`.
fn compare(a: &[u8], b: &[u8], limit: u8) -> (u8, f64, f64) {
    assert_eq!(a.len(), b.len());
    let differences: Vec<u8> = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).collect();
    let n = differences.len() as f64;
    let sum: f64 = differences.iter().map(|&d| f64::from(d)).sum();
    let above = differences.iter().filter(|&&d| d > limit).count();
    (differences.iter().copied().max().unwrap(), sum / n, above as f64 / n)
}

/// OpenCV's position, a multiple of `1 / parts` px: that of an affine map is added up from terms
/// rounded to 1/1024 px.
fn opencv_position(m: &[f64; 9], parts: f64, x: f64, y: f64) -> [f32; 2] {
    let affine = m[6] == 0.0 && m[7] == 0.0;
    let w = m[6] * x + m[7] * y + m[8];
    [[m[0], m[1], m[2]], [m[3], m[4], m[5]]].map(|[a, b, c]| {
        let units = if affine {
            let terms = (a * x * 1024.0).round_ties_even() + ((b * y + c) * 1024.0).round_ties_even();
            (terms / 1024.0 * parts + 0.5).floor()
        } else {
            ((a * x + b * y + c) / w * parts).round_ties_even()
        };
        (units / parts) as f32
    })
}

struct Warped<'a> {
    source: Image<'a, u8>,
    transform: Homography,
    parts: f64,
}

impl WithKernel for Warped<'_> {
    type Output = [Vec<u8>; 2];
    /// By exact positions, and by OpenCV's.
    fn run<K: nonius::Linear>(self, kernel: K) -> [Vec<u8>; 2] {
        let (width, height) = (self.source.width(), self.source.height());
        let sampler = Sampler::new(kernel, Boundary::Constant(0));
        let matrix = self.transform.matrix();
        let (x, y): (Vec<f32>, Vec<f32>) = (0..width * height)
            .map(|i| opencv_position(&matrix, self.parts, (i % width) as f64, (i / width) as f64).into())
            .unzip();
        let plane = |v| Image::new(v, width, height).unwrap();
        let map = Map::new(plane(&x), plane(&y)).unwrap();
        let mut out = [(); 2].map(|()| vec![0; width * height]);
        let [exact, rounded] = out.each_mut().map(|v| ImageMut::new(v, width, height).unwrap());
        let (mut exact, mut rounded) = (exact, rounded);
        sampler.warp(self.source, &mut exact, &self.transform).unwrap();
        sampler.warp(self.source, &mut rounded, &map).unwrap();
        out
    }
}

/// OpenCV rounds the position of a bilinear sample to 1/32 px. Exact positions differ from its
/// pictures by what that makes of the slopes of a painting (a hundred grey levels per pixel, times
/// 1/64 px for each axis); its own positions give its pictures to the last bit.
#[test]
fn opencv_warps() {
    let Some(folder) = folder("visp_warp_opencv") else { return };
    let (pixels, width, height) = read_pgm(&folder.join("klimt.pgm"));
    let source = Image::new(&pixels, width, height).unwrap();
    let mut pictures = 0;
    for case in list(&json(&folder.join("cases.json"))["cases"]) {
        let name = case["output"].as_str().unwrap();
        let theirs = read_png(&folder.join(name));
        let entries: Vec<f64> = list(&case["output_to_input"]).iter().flat_map(reals).collect();
        let transform = Homography::from_matrix(entries.try_into().unwrap()).unwrap();
        let bilinear = case["interpolation"] == "bilinear";
        let work = Warped { source, transform, parts: if bilinear { 32.0 } else { 1.0 } };
        let [exact, rounded] = with_mode(case["interpolation"].as_str().unwrap(), work);
        let (largest, mean, differ) = compare(&exact, &theirs, if bilinear { 2 } else { 0 });
        if bilinear {
            println!("{name}: at most {largest}, mean {mean:.3}, {:.4} % above 2", 100.0 * differ);
            assert!(largest <= 4 && mean <= 0.15, "{name}");
        } else {
            println!("{name}: {:.4} % of the pixels differ", 100.0 * differ);
        }
        assert!(differ <= 0.001, "{name}");
        let (largest, ..) = compare(&rounded, &theirs, 0);
        println!("  at its positions: at most {largest}");
        assert_eq!(largest, 0, "{name}");
        pictures += 1;
    }
    assert_eq!(pictures, 6);
}
