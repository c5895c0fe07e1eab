//! The bits of the crate, as one list of hashes: every level here, and every other target that runs
//! this file, has to come to the same ones.
//!
//! A change of a definition changes hashes: the failing test prints the new list, to be pasted below
//! together with the change.
#![forbid(unsafe_code)]

use nonius::align::{Aligner, Grey, Options, Pair, Robust};
use nonius::spline::{Coefficient, Spline};
use nonius::{
    Affine, BSpline, Bilinear, Boundary, Cubic, Euclidean, Homography, Image, ImageMut, Kernel, Lanczos,
    Level, Map, Nearest, Pixel, Sampler, Similarity, Smooth, Tap, Transform, Translation, Warp,
};

/// FNV-1a, 64 bits.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// An element made of integers, which is hashed with its low byte first.
trait Element: Copy {
    fn new(i: u32) -> Self;
    fn hash(&self, hash: &mut Fnv);
}

macro_rules! elements {
    ($($t:ty: $i:ident => $new:expr;)*) => {$(
        impl Element for $t {
            fn new($i: u32) -> Self {
                $new
            }
            fn hash(&self, hash: &mut Fnv) {
                hash.add(&self.to_le_bytes());
            }
        }
    )*};
}
elements! {
    u8: i => (i >> 24) as u8;
    u16: i => (i >> 16) as u16;
    i16: i => (i >> 16) as i16;
    i32: i => (i as i32) >> 12;
    i64: i => i64::from(i);
    f32: i => (i >> 8) as f32 / 65_536.0;
}

impl<T: Element + Into<i32>> Element for Coefficient<T> {
    fn new(i: u32) -> Self {
        Self::from(T::new(i))
    }
    fn hash(&self, hash: &mut Fnv) {
        hash.add(&self.to_bits().to_le_bytes());
    }
}

impl<T: Element, const C: usize> Element for [T; C] {
    fn new(i: u32) -> Self {
        std::array::from_fn(|c| T::new(i.rotate_left(5 * c as u32)))
    }
    fn hash(&self, hash: &mut Fnv) {
        self.iter().for_each(|v| v.hash(hash));
    }
}

/// A smooth part, so that rounding matters, and a rough one.
fn pattern<T: Element>(width: usize, height: usize) -> Vec<T> {
    let pixel = |i: usize| {
        let (x, y) = ((i % width) as u32, (i / width) as u32);
        let smooth = (x * x * 3 + y * y * 5 + x * y).wrapping_mul(1 << 19);
        let rough = (x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
        T::new(if (x / 8 + y / 8) % 2 == 0 { smooth } else { rough ^ (rough >> 15) })
    };
    (0..width * height).map(pixel).collect()
}

const SOURCE: (usize, usize) = (37, 29);
const DESTINATION: (usize, usize) = (83, 23);

fn boundaries<P: Element>() -> [Boundary<P>; 6] {
    use Boundary::*;
    [Constant(P::new(0x5bd1_e995)), Replicate, Reflect, Reflect101, Wrap, Transparent]
}

/// The three sinks under every boundary.
fn sinks<K, P, W>(kernel: K, level: Level, warp: &W) -> [u64; 3]
where
    K: Kernel,
    P: Element + Pixel<Derivative: Element, Adjoint: Element, Cotangent: Element>,
    W: Warp,
{
    let (width, height) = DESTINATION;
    let pixels: Vec<P> = pattern(SOURCE.0, SOURCE.1);
    let source = Image::new(&pixels, SOURCE.0, SOURCE.1).unwrap();
    let cotangent: Vec<P::Cotangent> = pattern(width, height);
    let mut hashes = [Fnv::new(), Fnv::new(), Fnv::new()];
    for boundary in boundaries() {
        let sampler = Sampler::new(kernel, boundary).with_level(level);
        let mut out: Vec<P> = pattern(width, height);
        sampler.warp(source, &mut ImageMut::new(&mut out, width, height).unwrap(), warp).unwrap();
        out.iter().for_each(|v| v.hash(&mut hashes[0]));

        let mut dx: Vec<P::Derivative> = pattern(width, height);
        let mut dy = dx.clone();
        let (x, y) = (ImageMut::new(&mut dx, width, height), ImageMut::new(&mut dy, width, height));
        sampler.warp_partials(source, &mut x.unwrap(), &mut y.unwrap(), warp).unwrap();
        dx.iter().chain(&dy).for_each(|v| v.hash(&mut hashes[1]));

        let mut gradient: Vec<P::Adjoint> = pattern(SOURCE.0, SOURCE.1);
        let mut to = ImageMut::new(&mut gradient, SOURCE.0, SOURCE.1).unwrap();
        sampler.adjoint(Image::new(&cotangent, width, height).unwrap(), warp, &mut to).unwrap();
        gradient.iter().for_each(|v| v.hash(&mut hashes[2]));
    }
    hashes.map(|hash| hash.0)
}

fn walks<K, P>(kernel: K, name: &str, level: Level, list: &mut Vec<(String, u64)>)
where
    K: Kernel,
    P: Element + Pixel<Derivative: Element, Adjoint: Element, Cotangent: Element>,
{
    let (width, height) = DESTINATION;
    let affine = Affine::from_parameters([0.43, 0.21, -2.7, -0.17, 1.3, 6.1]).unwrap();
    let homography = Homography::from_parameters([0.61, 0.1, -1.9, 0.05, 0.9, 2.2, 0.004, -0.011]).unwrap();
    let plane = |side: usize, shift: u32| -> Vec<f32> {
        let i = 0..(width * height) as u32;
        let noise = i.map(|i| i.wrapping_mul(0x9e37_79b9).rotate_left(shift) >> 16);
        noise.map(|v| v as f32 / 65_536.0 * (side as f32 + 8.0) - 4.0).collect()
    };
    let (x, y) = (plane(SOURCE.0, 0), plane(SOURCE.1, 9));
    let plane = |v| Image::new(v, width, height).unwrap();
    let map = Map::new(plane(&x), plane(&y)).unwrap();
    let all = [
        ("affine", sinks::<K, P, _>(kernel, level, &affine)),
        ("homography", sinks::<K, P, _>(kernel, level, &homography)),
        ("map", sinks::<K, P, _>(kernel, level, &map)),
    ];
    for (walk, hashes) in all {
        for (sink, hash) in ["warp", "partials", "adjoint"].into_iter().zip(hashes) {
            list.push((format!("{name} {walk} {sink}"), hash));
        }
    }
}

/// A smooth kernel through an affine transform.
fn smooth<K, P>(kernel: K, name: &str, level: Level, list: &mut Vec<(String, u64)>)
where
    K: Smooth,
    P: Element + Pixel<Derivative: Element, Adjoint: Element, Cotangent: Element>,
{
    let affine = Affine::from_parameters([0.43, 0.21, -2.7, -0.17, 1.3, 6.1]).unwrap();
    for (sink, hash) in
        ["warp", "partials", "adjoint"].into_iter().zip(sinks::<K, P, _>(kernel, level, &affine))
    {
        list.push((format!("{name} affine {sink}"), hash));
    }
    let (width, height) = DESTINATION;
    let pixels: Vec<P> = pattern(SOURCE.0, SOURCE.1);
    let source = Image::new(&pixels, SOURCE.0, SOURCE.1).unwrap();
    let mut hash = Fnv::new();
    for boundary in boundaries() {
        let mut planes = [(); 3].map(|()| vec![P::zero_derivative(); width * height]);
        let [xx, xy, yy] = &mut planes;
        let mut images = [xx, xy, yy].map(|plane| ImageMut::new(plane, width, height).unwrap());
        let [xx, xy, yy] = &mut images;
        let sampler = Sampler::new(kernel, boundary).with_level(level);
        sampler.warp_hessian(source, [xx, xy, yy], &affine).unwrap();
        planes.iter().flatten().for_each(|v| v.hash(&mut hash));
    }
    list.push((format!("{name} affine hessian"), hash.0));
}

/// The coefficients of an image, back to pixels, and the adjoint of both.
fn splines<C>(name: &str, level: Level, list: &mut Vec<(String, u64)>)
where
    C: Tap<Channel: Spline, Sampled: Element, Adjoint: Element, Cotangent: Element> + Element,
{
    let (width, height) = DESTINATION;
    let affine = Affine::from_parameters([0.43, 0.21, -2.7, -0.17, 1.3, 6.1]).unwrap();
    let pixels: Vec<C::Sampled> = pattern(SOURCE.0, SOURCE.1);
    let cotangent: Vec<C::Cotangent> = pattern(width, height);
    let mut hashes = [Fnv::new(), Fnv::new(), Fnv::new()];
    for boundary in boundaries() {
        let sampler = Sampler::new(BSpline, boundary).with_level(level);
        let mut coefficients = vec![C::zero(); pixels.len()];
        let mut to = ImageMut::new(&mut coefficients, SOURCE.0, SOURCE.1).unwrap();
        sampler.prefilter(Image::new(&pixels, SOURCE.0, SOURCE.1).unwrap(), &mut to).unwrap();
        coefficients.iter().for_each(|v| v.hash(&mut hashes[0]));

        let mut out: Vec<C::Sampled> = pattern(width, height);
        let source = Image::new(&coefficients, SOURCE.0, SOURCE.1).unwrap();
        sampler.warp(source, &mut ImageMut::new(&mut out, width, height).unwrap(), &affine).unwrap();
        out.iter().for_each(|v| v.hash(&mut hashes[1]));

        let mut gradient: Vec<C::Adjoint> = pattern(SOURCE.0, SOURCE.1);
        let mut to = ImageMut::new(&mut gradient, SOURCE.0, SOURCE.1).unwrap();
        sampler.adjoint(Image::new(&cotangent, width, height).unwrap(), &affine, &mut to).unwrap();
        sampler.prefilter_adjoint(&mut to);
        gradient.iter().for_each(|v| v.hash(&mut hashes[2]));
    }
    for (what, hash) in ["coefficients", "affine warp", "affine adjoint"].into_iter().zip(hashes) {
        list.push((format!("{name} {what}"), hash.0));
    }
}

fn parameters<P: Element + Pixel<Cotangent: Element>>(
    name: &str,
    level: Level,
    list: &mut Vec<(String, u64)>,
) {
    fn hash<P: Element + Pixel<Cotangent: Element>, T: Transform>(level: Level, t: &T) -> u64 {
        let (pixels, cotangent) = (pattern::<P>(SOURCE.0, SOURCE.1), pattern(DESTINATION.0, DESTINATION.1));
        let source = Image::new(&pixels, SOURCE.0, SOURCE.1).unwrap();
        let cotangent = Image::new(&cotangent, DESTINATION.0, DESTINATION.1).unwrap();
        let mut hash = Fnv::new();
        for boundary in boundaries() {
            let sampler = Sampler::new(Bilinear, boundary).with_level(level);
            let gradient = sampler.parameter_gradient(source, cotangent, t);
            gradient.as_ref().iter().for_each(|v| hash.add(&v.to_le_bytes()));
        }
        hash.0
    }
    let homography = [0.61, 0.1, -1.9, 0.05, 0.9, 2.2, 0.004, -0.011];
    let all = [
        ("translation", hash::<P, _>(level, &Translation::new(-2.7, 1.4).unwrap())),
        ("euclidean", hash::<P, _>(level, &Euclidean::new(0.4, 3.3, -2.2).unwrap())),
        ("similarity", hash::<P, _>(level, &Similarity::new(0.8, -0.3, 1.1, 9.0).unwrap())),
        (
            "affine",
            hash::<P, _>(level, &Affine::from_parameters([0.43, 0.21, -2.7, -0.17, 1.3, 6.1]).unwrap()),
        ),
        ("homography", hash::<P, _>(level, &Homography::from_parameters(homography).unwrap())),
    ];
    list.extend(all.map(|(model, hash)| (format!("{name} {model} parameters"), hash)));
}

const SIZE: (usize, usize) = (90, 70);

/// Everything that an aligner reports, over models, losses and masks.
fn alignment<P: Element + Grey>(name: &str, level: Level, list: &mut Vec<(String, u64)>) {
    fn hash<P: Element + Grey, T: Transform>(level: Level, truth: &T) -> u64 {
        let pixel = |i: usize| {
            let (x, y) = ((i % SIZE.0) as u32, (i / SIZE.0) as u32);
            let blob = (x * x + 2 * y * y + x * y) % 5000;
            let rough = x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b);
            P::new((blob << 19) + (x << 21) + (rough >> 5))
        };
        let moving: Vec<P> = (0..SIZE.0 * SIZE.1).map(pixel).collect();
        let (mut fixed, mask) = (vec![P::new(0); SIZE.0 * SIZE.1], pattern::<u8>(SIZE.0, SIZE.1));
        let sampler = Sampler::new(Bilinear, Boundary::Replicate).with_level(level);
        let moving = Image::new(&moving, SIZE.0, SIZE.1).unwrap();
        sampler.warp(moving, &mut ImageMut::new(&mut fixed, SIZE.0, SIZE.1).unwrap(), truth).unwrap();
        let pair = Pair::new(Image::new(&fixed, SIZE.0, SIZE.1).unwrap(), moving);
        let mask: Vec<u8> = mask.into_iter().map(|v| u8::from(v > 3)).collect();
        let masked = pair.with_moving_mask(Image::new(&mask, SIZE.0, SIZE.1).unwrap()).unwrap();
        let mut hash = Fnv::new();
        for (pair, robust) in
            [(pair, Robust::None), (pair, Robust::Huber), (pair, Robust::Tukey), (masked, Robust::None)]
        {
            let options = Options { robust, level, max_iterations: 20, ..Options::default() };
            let size = Aligner::<P, T>::workspace(&pair, &options).unwrap();
            let (mut pixels, mut masks) = (vec![P::new(0); size.pixels], vec![0; size.masks]);
            let report = Aligner::new(pair, T::IDENTITY, options, &mut pixels, &mut masks).unwrap().run();
            hash.add(report.status.name().as_bytes());
            report.iterations.iter().for_each(|n| hash.add(&n.to_le_bytes()));
            let rest = [report.rms_residual, report.correlation, report.gain, report.offset, report.support];
            let covariance = report.covariance.as_ref().iter().flat_map(|row| row.as_ref());
            for v in report.transform.matrix().iter().chain(&rest).chain(covariance) {
                hash.add(&v.to_bits().to_le_bytes());
            }
        }
        hash.0
    }
    let homography = [1.02, 0.01, -2.0, 0.02, 1.01, 1.0, 2e-4, -1e-4];
    let all = [
        ("translation", hash::<P, _>(level, &Translation::new(-2.7, 1.4).unwrap())),
        ("euclidean", hash::<P, _>(level, &Euclidean::new(0.05, 3.3, -2.2).unwrap())),
        ("similarity", hash::<P, _>(level, &Similarity::new(1.02, -0.03, 1.1, 2.0).unwrap())),
        (
            "affine",
            hash::<P, _>(level, &Affine::from_parameters([1.03, 0.02, -2.7, -0.01, 0.97, 1.1]).unwrap()),
        ),
        ("homography", hash::<P, _>(level, &Homography::from_parameters(homography).unwrap())),
    ];
    list.extend(all.map(|(model, hash)| (format!("{name} {model} alignment"), hash)));
}

fn all(level: Level) -> Vec<(String, u64)> {
    let mut list = Vec::new();
    macro_rules! pixels {
        ($($t:ty),*) => {$(
            walks::<_, $t>(Nearest, concat!("nearest ", stringify!($t)), level, &mut list);
            walks::<_, $t>(Bilinear, concat!("bilinear ", stringify!($t)), level, &mut list);
            parameters::<$t>(concat!("bilinear ", stringify!($t)), level, &mut list);
        )*};
    }
    pixels!(u8, u16, i16, f32, [u8; 3], [f32; 2]);
    alignment::<u8>("u8", level, &mut list);
    alignment::<u16>("u16", level, &mut list);
    alignment::<i16>("i16", level, &mut list);
    macro_rules! smooth {
        ($($t:ty),*) => {$(
            smooth::<_, $t>(Cubic::<-50>, concat!("cubic -50 ", stringify!($t)), level, &mut list);
            smooth::<_, $t>(Cubic::<-75>, concat!("cubic -75 ", stringify!($t)), level, &mut list);
            smooth::<_, $t>(Lanczos::<2>, concat!("lanczos 2 ", stringify!($t)), level, &mut list);
            smooth::<_, $t>(Lanczos::<3>, concat!("lanczos 3 ", stringify!($t)), level, &mut list);
            smooth::<_, $t>(Lanczos::<4>, concat!("lanczos 4 ", stringify!($t)), level, &mut list);
            smooth::<_, $t>(BSpline, concat!("b-spline ", stringify!($t)), level, &mut list);
        )*};
    }
    smooth!(u8, u16, i16, f32);
    splines::<Coefficient<u8>>("spline u8", level, &mut list);
    splines::<Coefficient<u16>>("spline u16", level, &mut list);
    splines::<Coefficient<i16>>("spline i16", level, &mut list);
    splines::<f32>("spline f32", level, &mut list);
    list
}

#[test]
fn bits_are_golden() {
    for level in Level::available() {
        let list = all(level);
        let same = list.len() == GOLDEN.len()
            && list.iter().zip(GOLDEN).all(|((name, hash), golden)| (name.as_str(), *hash) == *golden);
        if !same {
            let lines = list.iter().map(|(name, hash)| format!("    ({name:?}, 0x{hash:016x}),\n"));
            let lines: String = lines.collect();
            panic!("level {}: the list is now\n{lines}", level.name());
        }
    }
}

#[rustfmt::skip]
const GOLDEN: &[(&str, u64)] = &[
    ("nearest u8 affine warp", 0x4ae04fd47493aad6),
    ("nearest u8 affine partials", 0x5c7f1c15ac7629e5),
    ("nearest u8 affine adjoint", 0x23d8d03a707b671a),
    ("nearest u8 homography warp", 0x9c62732b2cce1a91),
    ("nearest u8 homography partials", 0x5c7f1c15ac7629e5),
    ("nearest u8 homography adjoint", 0xfdcfec24f930f2d6),
    ("nearest u8 map warp", 0xc4d1509c5f95f114),
    ("nearest u8 map partials", 0x5c7f1c15ac7629e5),
    ("nearest u8 map adjoint", 0x03f01031cc3daddc),
    ("bilinear u8 affine warp", 0x2618adc5cad2c937),
    ("bilinear u8 affine partials", 0x0bcb9d8aec1662c6),
    ("bilinear u8 affine adjoint", 0xcc93b7cedf074d9c),
    ("bilinear u8 homography warp", 0x8cda99634a677d39),
    ("bilinear u8 homography partials", 0x112800ce92c60545),
    ("bilinear u8 homography adjoint", 0x16746223d46f76ba),
    ("bilinear u8 map warp", 0x1d7f4c6d065b8361),
    ("bilinear u8 map partials", 0xb286af7e30e220ab),
    ("bilinear u8 map adjoint", 0xb08cb9d6c9c39a11),
    ("bilinear u8 translation parameters", 0x74d5ec6002807340),
    ("bilinear u8 euclidean parameters", 0x6d17764f6a7c905f),
    ("bilinear u8 similarity parameters", 0x7e20b933cf02169b),
    ("bilinear u8 affine parameters", 0x53a92cede2a9249a),
    ("bilinear u8 homography parameters", 0xfdd6b966e3cad8c3),
    ("nearest u16 affine warp", 0x2ef0568d3829000f),
    ("nearest u16 affine partials", 0x5c7f1c15ac7629e5),
    ("nearest u16 affine adjoint", 0x23d8d03a707b671a),
    ("nearest u16 homography warp", 0x28b024d0b2698011),
    ("nearest u16 homography partials", 0x5c7f1c15ac7629e5),
    ("nearest u16 homography adjoint", 0xfdcfec24f930f2d6),
    ("nearest u16 map warp", 0x6d3e8c06782b3924),
    ("nearest u16 map partials", 0x5c7f1c15ac7629e5),
    ("nearest u16 map adjoint", 0x03f01031cc3daddc),
    ("bilinear u16 affine warp", 0xcaebcded23523fe4),
    ("bilinear u16 affine partials", 0x85b9ce0eb1b79a35),
    ("bilinear u16 affine adjoint", 0xda969c3e4c3062e5),
    ("bilinear u16 homography warp", 0x1dacca6b8c2be758),
    ("bilinear u16 homography partials", 0xc609141d4cc557ae),
    ("bilinear u16 homography adjoint", 0x035b8c87769ecf0e),
    ("bilinear u16 map warp", 0x279b5ad2def87ecd),
    ("bilinear u16 map partials", 0xb24c49f4b8949be6),
    ("bilinear u16 map adjoint", 0x297ec4e9823a8043),
    ("bilinear u16 translation parameters", 0x1111cd82f5564924),
    ("bilinear u16 euclidean parameters", 0x9bd7d52f3684c8a7),
    ("bilinear u16 similarity parameters", 0xda81374e12a6b9bc),
    ("bilinear u16 affine parameters", 0xc392d8ce8c734cab),
    ("bilinear u16 homography parameters", 0x3d1c08edd73474e4),
    ("nearest i16 affine warp", 0x2ef0568d3829000f),
    ("nearest i16 affine partials", 0x5c7f1c15ac7629e5),
    ("nearest i16 affine adjoint", 0x23d8d03a707b671a),
    ("nearest i16 homography warp", 0x28b024d0b2698011),
    ("nearest i16 homography partials", 0x5c7f1c15ac7629e5),
    ("nearest i16 homography adjoint", 0xfdcfec24f930f2d6),
    ("nearest i16 map warp", 0x6d3e8c06782b3924),
    ("nearest i16 map partials", 0x5c7f1c15ac7629e5),
    ("nearest i16 map adjoint", 0x03f01031cc3daddc),
    ("bilinear i16 affine warp", 0x52b041ed018e50ac),
    ("bilinear i16 affine partials", 0xb86d34a591cfc22f),
    ("bilinear i16 affine adjoint", 0xda969c3e4c3062e5),
    ("bilinear i16 homography warp", 0x444b4d7e01403419),
    ("bilinear i16 homography partials", 0x99efb4c6ec271e06),
    ("bilinear i16 homography adjoint", 0x035b8c87769ecf0e),
    ("bilinear i16 map warp", 0x536c649071ca6360),
    ("bilinear i16 map partials", 0xc63e14eb2e58e7cf),
    ("bilinear i16 map adjoint", 0x297ec4e9823a8043),
    ("bilinear i16 translation parameters", 0x2c9f2779ebc8c7e4),
    ("bilinear i16 euclidean parameters", 0x2164602c81eb57c2),
    ("bilinear i16 similarity parameters", 0x00fde5fc2f7edef0),
    ("bilinear i16 affine parameters", 0x01999ed54a7dedb5),
    ("bilinear i16 homography parameters", 0x3d0d87be379e5e15),
    ("nearest f32 affine warp", 0xefdd3b468ead10a0),
    ("nearest f32 affine partials", 0x5c7f1c15ac7629e5),
    ("nearest f32 affine adjoint", 0xec7447651e8a7fc1),
    ("nearest f32 homography warp", 0xc50fdc85e7d0e18e),
    ("nearest f32 homography partials", 0x5c7f1c15ac7629e5),
    ("nearest f32 homography adjoint", 0x15a3ffb58690d6ba),
    ("nearest f32 map warp", 0xb2d3c78b75893321),
    ("nearest f32 map partials", 0x5c7f1c15ac7629e5),
    ("nearest f32 map adjoint", 0x9ff2179c028470f1),
    ("bilinear f32 affine warp", 0x7dcaf1cad2bd94d8),
    ("bilinear f32 affine partials", 0x083fdd3ca69d374f),
    ("bilinear f32 affine adjoint", 0xfcb9315348cb48de),
    ("bilinear f32 homography warp", 0x8062e9c8255f492b),
    ("bilinear f32 homography partials", 0x7ddcfcf857a47b42),
    ("bilinear f32 homography adjoint", 0xb90bec9972f4319f),
    ("bilinear f32 map warp", 0xb1c7d250483a2d53),
    ("bilinear f32 map partials", 0xe899fca0d482a28e),
    ("bilinear f32 map adjoint", 0x80d524ff91623e9c),
    ("bilinear f32 translation parameters", 0x63969b5316ea6f2b),
    ("bilinear f32 euclidean parameters", 0x01daebb08c9bc551),
    ("bilinear f32 similarity parameters", 0x7d7c64729d3f4c05),
    ("bilinear f32 affine parameters", 0xfb7602359f7ed593),
    ("bilinear f32 homography parameters", 0xb43e28f92c1f2bb9),
    ("nearest [u8; 3] affine warp", 0xbe32bef290874347),
    ("nearest [u8; 3] affine partials", 0x0aa8286b51e92765),
    ("nearest [u8; 3] affine adjoint", 0xa169e7e97bca5565),
    ("nearest [u8; 3] homography warp", 0x541d2b755d12449b),
    ("nearest [u8; 3] homography partials", 0x0aa8286b51e92765),
    ("nearest [u8; 3] homography adjoint", 0x5eda27e0eb127f2b),
    ("nearest [u8; 3] map warp", 0x8a75bd53d41123b5),
    ("nearest [u8; 3] map partials", 0x0aa8286b51e92765),
    ("nearest [u8; 3] map adjoint", 0xde783f49bfb1d9bf),
    ("bilinear [u8; 3] affine warp", 0xa21adc548e66c1b7),
    ("bilinear [u8; 3] affine partials", 0x751c0be8e2daff5a),
    ("bilinear [u8; 3] affine adjoint", 0xf130b8a1316779ba),
    ("bilinear [u8; 3] homography warp", 0x62c4823e3304e3ab),
    ("bilinear [u8; 3] homography partials", 0x6a40bd50fa7c7dae),
    ("bilinear [u8; 3] homography adjoint", 0x8588f9f8d5c36add),
    ("bilinear [u8; 3] map warp", 0xc936f166e3372af6),
    ("bilinear [u8; 3] map partials", 0x5a7be96a07159708),
    ("bilinear [u8; 3] map adjoint", 0x4cd70f422de8f40a),
    ("bilinear [u8; 3] translation parameters", 0xd1c33301b2be29cd),
    ("bilinear [u8; 3] euclidean parameters", 0x22e42c41c2a72445),
    ("bilinear [u8; 3] similarity parameters", 0xd3c5fd68287c2c2b),
    ("bilinear [u8; 3] affine parameters", 0x8ed16e225a651029),
    ("bilinear [u8; 3] homography parameters", 0x7a76e723eb93b385),
    ("nearest [f32; 2] affine warp", 0x3efebf2e8f4615c3),
    ("nearest [f32; 2] affine partials", 0x40a0998a3d9480a5),
    ("nearest [f32; 2] affine adjoint", 0xfdb63c83276957a8),
    ("nearest [f32; 2] homography warp", 0xe4a7fe50b05c1285),
    ("nearest [f32; 2] homography partials", 0x40a0998a3d9480a5),
    ("nearest [f32; 2] homography adjoint", 0x5e0b6f294f65a66d),
    ("nearest [f32; 2] map warp", 0xa244e0270802f41c),
    ("nearest [f32; 2] map partials", 0x40a0998a3d9480a5),
    ("nearest [f32; 2] map adjoint", 0xebdcaf96e1042b3e),
    ("bilinear [f32; 2] affine warp", 0x1ab20eed9a50b809),
    ("bilinear [f32; 2] affine partials", 0x99da90b1b5013e1a),
    ("bilinear [f32; 2] affine adjoint", 0x722afc38e9058133),
    ("bilinear [f32; 2] homography warp", 0xcdd01d7b0c7ba92e),
    ("bilinear [f32; 2] homography partials", 0x49e7d703f348c46c),
    ("bilinear [f32; 2] homography adjoint", 0xb956d1fa9592db70),
    ("bilinear [f32; 2] map warp", 0xe84c3050b2845ff8),
    ("bilinear [f32; 2] map partials", 0xd8badf7904e284d7),
    ("bilinear [f32; 2] map adjoint", 0x19d5a3e4e0f5682d),
    ("bilinear [f32; 2] translation parameters", 0xcb3ccbc99707a4a2),
    ("bilinear [f32; 2] euclidean parameters", 0x12b3503834614267),
    ("bilinear [f32; 2] similarity parameters", 0xca6e3f401e40db3f),
    ("bilinear [f32; 2] affine parameters", 0xfb67e44f81103945),
    ("bilinear [f32; 2] homography parameters", 0xe476a5635104b3ae),
    ("u8 translation alignment", 0x978896a894ea3861),
    ("u8 euclidean alignment", 0x2f0474d1a4689cbc),
    ("u8 similarity alignment", 0xfc1e6fe63533dc8a),
    ("u8 affine alignment", 0x961f8d9c0b388ecd),
    ("u8 homography alignment", 0xfb9427b19426e5c5),
    ("u16 translation alignment", 0xcab0b543dc3e33da),
    ("u16 euclidean alignment", 0xf9112ebb822b964d),
    ("u16 similarity alignment", 0xe051d69df2ee9813),
    ("u16 affine alignment", 0x03185ac62b45a67a),
    ("u16 homography alignment", 0x5312976d5d226925),
    ("i16 translation alignment", 0xa5310f6d8fc45bd7),
    ("i16 euclidean alignment", 0xc136eb44a849963e),
    ("i16 similarity alignment", 0x52f7560ffca657f2),
    ("i16 affine alignment", 0xcde9096a6ca03372),
    ("i16 homography alignment", 0xcff9ff90ff1cd269),
    ("cubic -50 u8 affine warp", 0x7a75e9b66379c127),
    ("cubic -50 u8 affine partials", 0x6e5b3655bfc41ab7),
    ("cubic -50 u8 affine adjoint", 0x150b06ec1b779afd),
    ("cubic -50 u8 affine hessian", 0x441c13cd13a4bee9),
    ("cubic -75 u8 affine warp", 0xfbd09589b40face4),
    ("cubic -75 u8 affine partials", 0xbbc8717f7724fc4b),
    ("cubic -75 u8 affine adjoint", 0x4f159e02a4a3e0db),
    ("cubic -75 u8 affine hessian", 0x082b210b08a7d09c),
    ("lanczos 2 u8 affine warp", 0x07b1fc01ea346cd9),
    ("lanczos 2 u8 affine partials", 0xdb6bfde99af19e2a),
    ("lanczos 2 u8 affine adjoint", 0x0051156c2881c5ff),
    ("lanczos 2 u8 affine hessian", 0xdf96c58f579fe1e9),
    ("lanczos 3 u8 affine warp", 0xfba211ca64f14095),
    ("lanczos 3 u8 affine partials", 0x3bb1d5735e23d73c),
    ("lanczos 3 u8 affine adjoint", 0xa3b05014727e3d86),
    ("lanczos 3 u8 affine hessian", 0x834f6eb997f1f4ab),
    ("lanczos 4 u8 affine warp", 0xfd4e8b4cb4968668),
    ("lanczos 4 u8 affine partials", 0x73cc6afad140489e),
    ("lanczos 4 u8 affine adjoint", 0x62e80f9dc44a858c),
    ("lanczos 4 u8 affine hessian", 0x7e6383fa19e44f77),
    ("b-spline u8 affine warp", 0x1892f095344a4f0b),
    ("b-spline u8 affine partials", 0x8bdd718528d2c6a7),
    ("b-spline u8 affine adjoint", 0x52528450c08ab2a4),
    ("b-spline u8 affine hessian", 0xdfde63b80623112e),
    ("cubic -50 u16 affine warp", 0x36b52fa1dd818b68),
    ("cubic -50 u16 affine partials", 0xb8cd6d1915796823),
    ("cubic -50 u16 affine adjoint", 0x165a211469e2cade),
    ("cubic -50 u16 affine hessian", 0xa1af1bc73f09abc8),
    ("cubic -75 u16 affine warp", 0x6dba7a4b4698a616),
    ("cubic -75 u16 affine partials", 0xdc044ce186a3ea55),
    ("cubic -75 u16 affine adjoint", 0x9cbec2ada1ea4d0a),
    ("cubic -75 u16 affine hessian", 0x062ff8f1ac01757a),
    ("lanczos 2 u16 affine warp", 0xcb5e11babea63e2b),
    ("lanczos 2 u16 affine partials", 0xce0ff0c4ee6dece2),
    ("lanczos 2 u16 affine adjoint", 0x74f8966c64156976),
    ("lanczos 2 u16 affine hessian", 0x29faab235db0428d),
    ("lanczos 3 u16 affine warp", 0xc815b98a2d2e9055),
    ("lanczos 3 u16 affine partials", 0x0dd8b3932d3c8ddc),
    ("lanczos 3 u16 affine adjoint", 0x5c04094e8045c058),
    ("lanczos 3 u16 affine hessian", 0x2cde13350454cc47),
    ("lanczos 4 u16 affine warp", 0x650e7c273f02c9fc),
    ("lanczos 4 u16 affine partials", 0x8cead5bb48193a47),
    ("lanczos 4 u16 affine adjoint", 0x8051a62839bc9153),
    ("lanczos 4 u16 affine hessian", 0xf617705f0c114cbd),
    ("b-spline u16 affine warp", 0x534d062565dc61f7),
    ("b-spline u16 affine partials", 0x5aceedd568701e3a),
    ("b-spline u16 affine adjoint", 0xe00b61604e8924db),
    ("b-spline u16 affine hessian", 0x33080968c4440459),
    ("cubic -50 i16 affine warp", 0xe7b13366fc3ba9a3),
    ("cubic -50 i16 affine partials", 0xaec808036bbfe0f4),
    ("cubic -50 i16 affine adjoint", 0x165a211469e2cade),
    ("cubic -50 i16 affine hessian", 0xed72db25fb65d94c),
    ("cubic -75 i16 affine warp", 0xb9d72a27390ee96f),
    ("cubic -75 i16 affine partials", 0x96659b32f3e48aaf),
    ("cubic -75 i16 affine adjoint", 0x9cbec2ada1ea4d0a),
    ("cubic -75 i16 affine hessian", 0x789d37581db74b80),
    ("lanczos 2 i16 affine warp", 0x52033ca639c31fda),
    ("lanczos 2 i16 affine partials", 0x2d1791b7777d4e37),
    ("lanczos 2 i16 affine adjoint", 0x74f8966c64156976),
    ("lanczos 2 i16 affine hessian", 0x7b2a2e8620958270),
    ("lanczos 3 i16 affine warp", 0x00646c581f4cfd11),
    ("lanczos 3 i16 affine partials", 0xab181586adb23158),
    ("lanczos 3 i16 affine adjoint", 0x5c04094e8045c058),
    ("lanczos 3 i16 affine hessian", 0xac8d7eab9021de13),
    ("lanczos 4 i16 affine warp", 0x4c859c560c834571),
    ("lanczos 4 i16 affine partials", 0xdec00f2a1a784400),
    ("lanczos 4 i16 affine adjoint", 0x8051a62839bc9153),
    ("lanczos 4 i16 affine hessian", 0x839cd3e6f4c10156),
    ("b-spline i16 affine warp", 0x9b745f1a4a5731c9),
    ("b-spline i16 affine partials", 0x557a14e8157633a7),
    ("b-spline i16 affine adjoint", 0xe00b61604e8924db),
    ("b-spline i16 affine hessian", 0x50d3ced3bca49e04),
    ("cubic -50 f32 affine warp", 0x63c1bed28dfee515),
    ("cubic -50 f32 affine partials", 0x87651da5852b1ea2),
    ("cubic -50 f32 affine adjoint", 0xcb50f7562afce0a4),
    ("cubic -50 f32 affine hessian", 0x0499ecb5a81ff974),
    ("cubic -75 f32 affine warp", 0x78585836552c6687),
    ("cubic -75 f32 affine partials", 0x78860dbaf54d89ed),
    ("cubic -75 f32 affine adjoint", 0x0f7d70e1885af04a),
    ("cubic -75 f32 affine hessian", 0x5a3165b732a1011b),
    ("lanczos 2 f32 affine warp", 0xc3a4285cb250c565),
    ("lanczos 2 f32 affine partials", 0xedd8d86ab9f16a4a),
    ("lanczos 2 f32 affine adjoint", 0xb54b0087e31d6e1d),
    ("lanczos 2 f32 affine hessian", 0x00bb3053ac3039af),
    ("lanczos 3 f32 affine warp", 0xe0ecf2c64bf4fb20),
    ("lanczos 3 f32 affine partials", 0x6e9247fdc044bda8),
    ("lanczos 3 f32 affine adjoint", 0xa5263507d3e1ffc3),
    ("lanczos 3 f32 affine hessian", 0x6677b425d9ea21e1),
    ("lanczos 4 f32 affine warp", 0xd0771210f957fc64),
    ("lanczos 4 f32 affine partials", 0x3cdc8476f4f04854),
    ("lanczos 4 f32 affine adjoint", 0xe58d163a61b857ef),
    ("lanczos 4 f32 affine hessian", 0x60f534e7a2a39cf9),
    ("b-spline f32 affine warp", 0xd4cfbdfe3c5055ad),
    ("b-spline f32 affine partials", 0xdca83eb6823c7c56),
    ("b-spline f32 affine adjoint", 0x656b1495f053e90f),
    ("b-spline f32 affine hessian", 0x99868223054119f2),
    ("spline u8 coefficients", 0x27b65990556c9b93),
    ("spline u8 affine warp", 0x068a4e375ec413bb),
    ("spline u8 affine adjoint", 0xed01494ffedeab64),
    ("spline u16 coefficients", 0x418b58b00f44c809),
    ("spline u16 affine warp", 0x563b315a764184f2),
    ("spline u16 affine adjoint", 0xed01494ffedeab64),
    ("spline i16 coefficients", 0xdc6ac30e048b7cd3),
    ("spline i16 affine warp", 0xf6882f21da5ef18b),
    ("spline i16 affine adjoint", 0xed01494ffedeab64),
    ("spline f32 coefficients", 0x117fd6b490830cd5),
    ("spline f32 affine warp", 0x48343ef49303df9d),
    ("spline f32 affine adjoint", 0x85dbad88c28ce577),
];
