//! Frames in a camera's format are read as their converted twins: every operation gives the same bits.
#![forbid(unsafe_code)]

use std::fmt::Debug;

use crate::common::Random;
use nonius::format::{Format, Packed, Rgb565Be, Rgb565Le, Uyvy, Yuyv, luma, luma_in_place, rgb565_luma};
use nonius::pyramid::reduce;
use nonius::stream::Stream;
use nonius::{
    Affine, Bilinear, Boundary, Cubic, Error, Homography, Image, ImageMut, Kernel, Level, Nearest, Sampler,
    Samples, Threads, Transform,
};

/// What a conversion of a whole frame would make of its bytes: `pixels[y * width + x]`.
fn converted(bytes: &[u8], size: [usize; 3], convert: fn(u8, u8) -> u8) -> Vec<u8> {
    let [width, height, stride] = size;
    let at = |x, y| 2 * (y * stride + x);
    (0..height * width).map(|i| at(i % width, i / width)).map(|i| convert(bytes[i], bytes[i + 1])).collect()
}

/// The luma of RGB565 in real numbers.
fn real_luma(word: u16) -> f64 {
    let part = |shift: u16, bits: u16| {
        f64::from(word >> shift & ((1 << bits) - 1)) * 255.0 / f64::from((1 << bits) - 1)
    };
    0.299 * part(11, 5) + 0.587 * part(5, 6) + 0.114 * part(0, 5)
}

fn rounded(word: u16) -> u8 {
    (real_luma(word) + 0.5).floor() as u8
}

#[test]
fn every_word_is_rounded_to_nearest() {
    for word in 0..=u16::MAX {
        assert!((f64::from(rgb565_luma(word)) - real_luma(word)).abs() <= 0.5, "{word:04x}");
        let [high, low] = word.to_be_bytes();
        assert_eq!(Packed::<Rgb565Be>::new([high, low]).luma(), rgb565_luma(word));
        assert_eq!(Packed::<Rgb565Le>::new([low, high]).luma(), rgb565_luma(word));
    }
    assert_eq!([0, 0xffff, 0xf800, 0x07e0, 0x001f].map(rgb565_luma), [0, 255, 76, 150, 29]);
}

/// A transform that leaves the image on all sides.
fn transforms(random: &mut Random, width: f64) -> (Affine, Homography) {
    let mut r = |v: f64| random.real(-v, v);
    let affine = [1.0 + r(0.3), r(0.3), r(4.0), r(0.3), 1.0 + r(0.3), r(4.0)];
    let [a, b, c, d, e, f] = affine;
    let homography = [a, b, c, d, e, f, r(0.3) / width, r(0.3) / width];
    (Affine::from_parameters(affine).unwrap(), Homography::from_parameters(homography).unwrap())
}

/// Every operation, on one format: the others differ in the luma alone.
fn compare<K: Kernel + Debug, T: Transform>(
    kernel: K,
    frame: Image<'_, Packed<Rgb565Be>>,
    grey: Image<'_, u8>,
    outside: Packed<Rgb565Be>,
    transform: &T,
    random: &mut Random,
) {
    use Boundary::*;
    let [w, h] = [1 + random.below(40), 1 + random.below(20)];
    let boundaries = [
        (Constant(outside), Constant(outside.luma())),
        (Replicate, Replicate),
        (Reflect, Reflect),
        (Reflect101, Reflect101),
        (Wrap, Wrap),
        (Transparent, Transparent),
    ];
    let cotangent: Vec<i32> = (0..w * h).map(|_| random.bits() as i32 >> 16).collect();
    let cotangent = Image::new(&cotangent, w, h).unwrap();
    for (there, here) in boundaries {
        for level in Level::available() {
            let there = Sampler::new(kernel, there).with_level(level);
            let here = Sampler::new(kernel, here).with_level(level);
            let what = format!("{kernel:?} {:?} {} {w}x{h} {transform:?}", here, level.name());

            let mut out = [vec![7; w * h], vec![7; w * h]];
            let [a, b] = &mut out;
            there.warp(frame, &mut ImageMut::new(a, w, h).unwrap(), transform).unwrap();
            here.warp(grey, &mut ImageMut::new(b, w, h).unwrap(), transform).unwrap();
            assert_eq!(a, b, "warp {what}");
            let samples = Samples::new(2, 3).unwrap();
            there.warp_antialiased(frame, &mut ImageMut::new(a, w, h).unwrap(), transform, samples);
            here.warp_antialiased(grey, &mut ImageMut::new(b, w, h).unwrap(), transform, samples);
            assert_eq!(a, b, "antialiased {what}");

            let mut out = [(); 4].map(|()| vec![7; w * h]);
            let [a, b, c, d] = &mut out;
            let view = |v| ImageMut::new(v, w, h).unwrap();
            there.warp_partials(frame, &mut view(a), &mut view(b), transform).unwrap();
            here.warp_partials(grey, &mut view(c), &mut view(d), transform).unwrap();
            assert_eq!((a, b), (c, d), "partials {what}");

            let mut out = [(); 2].map(|()| vec![0; grey.width() * grey.height()]);
            let [a, b] = &mut out;
            let view = |v| ImageMut::new(v, grey.width(), grey.height()).unwrap();
            there.adjoint(cotangent, &mut view(a), transform).unwrap();
            here.adjoint(cotangent, &mut view(b), transform).unwrap();
            assert_eq!(a, b, "adjoint {what}");

            let gradients = (
                there.parameter_gradient(frame, cotangent, transform),
                here.parameter_gradient(grey, cotangent, transform),
            );
            assert_eq!(gradients.0.as_ref(), gradients.1.as_ref(), "parameters {what}");
        }
        let (there, here) = (Sampler::new(kernel, there), Sampler::new(kernel, here));
        for _ in 0..20 {
            let mut at = || random.real(-10.0, 50.0);
            let (x, y) = (at(), at());
            assert_eq!(there.sample(frame, x, y), here.sample(grey, x, y));
            assert_eq!(there.partials(frame, x, y), here.partials(grey, x, y));
        }

        let size = (frame.width(), frame.height());
        let rows = Stream::window_height(&there, transform, size, (w, h)).unwrap();
        let mut window = vec![Packed::default(); size.0 * rows];
        let mut stream = Stream::new(there, transform, size, (w, h), &mut window).unwrap();
        let (mut row, mut streamed, mut whole) = (vec![7; w], Vec::new(), vec![7; w * h]);
        for line in frame.rows() {
            stream.incoming().unwrap().copy_from_slice(line);
            stream.arrived();
            row.fill(7);
            while stream.warp_row(&mut row).unwrap().is_some() {
                streamed.extend_from_slice(&row);
                row.fill(7);
            }
        }
        here.warp(grey, &mut ImageMut::new(&mut whole, w, h).unwrap(), transform).unwrap();
        assert_eq!(streamed, whole, "stream {kernel:?} {there:?} {w}x{h} {transform:?}");
    }
}

#[test]
fn every_operation() {
    let mut random = Random(6);
    for (width, height, gap) in [(1, 1, 0), (2, 9, 3), (37, 23, 0), (40, 17, 5)] {
        let stride = width + gap;
        let bytes: Vec<u8> = (0..2 * stride * height).map(|_| random.bits() as u8).collect();
        let grey = converted(&bytes, [width, height, stride], high_byte_first);
        let grey = Image::new(&grey, width, height).unwrap();
        let frame = Image::with_stride(Packed::pixels(&bytes), width, height, stride).unwrap();
        let outside = Packed::new([random.bits() as u8, random.bits() as u8]);
        let (affine, homography) = transforms(&mut random, width as f64);
        compare(Bilinear, frame, grey, outside, &affine, &mut random);
        compare(Nearest, frame, grey, outside, &affine, &mut random);
        compare(Cubic::<-50>, frame, grey, outside, &homography, &mut random);
    }
}

fn high_byte_first(high: u8, low: u8) -> u8 {
    rounded(u16::from_be_bytes([high, low]))
}

fn check<F: Format>(seed: u64, convert: fn(u8, u8) -> u8) {
    let mut random = Random(seed);
    for (width, height, gap) in [(1, 1, 0), (2, 9, 3), (37, 23, 0), (40, 17, 5), (3, 1, 1)] {
        let stride = width + gap;
        let mut bytes: Vec<u8> =
            (0..2 * (stride * (height - 1) + width)).map(|_| random.bits() as u8).collect();
        let grey = converted(&bytes, [width, height, stride], convert);
        let grey = Image::new(&grey, width, height).unwrap();
        let frame = Image::with_stride(Packed::<F>::pixels(&bytes), width, height, stride).unwrap();
        let outside = Packed::new([random.bits() as u8, random.bits() as u8]);
        assert_eq!(outside.luma(), convert(outside.bytes()[0], outside.bytes()[1]));

        let (affine, _) = transforms(&mut random, width as f64);
        for level in Level::available() {
            let (mut a, mut b) = (vec![9; width * height], vec![8; width * height]);
            let warp = Sampler::new(Bilinear, Boundary::Constant(outside)).with_level(level);
            warp.warp(frame, &mut ImageMut::new(&mut a, width, height).unwrap(), &affine).unwrap();
            let warp = Sampler::new(Bilinear, Boundary::Constant(outside.luma())).with_level(level);
            warp.warp(grey, &mut ImageMut::new(&mut b, width, height).unwrap(), &affine).unwrap();
            assert_eq!(a, b, "{} {affine:?}", level.name());
        }

        let mut copy = vec![9; width * height];
        luma(frame, &mut ImageMut::new(&mut copy, width, height).unwrap()).unwrap();
        assert_eq!(
            Image::new(&copy, width, height).unwrap().rows().collect::<Vec<_>>(),
            grey.rows().collect::<Vec<_>>()
        );
        let mut other = ImageMut::new(&mut copy, height * width, 1).unwrap();
        assert_eq!(luma(frame, &mut other).err(), (height > 1).then_some(Error::SizeMismatch));

        if width > 1 && height > 1 {
            let (w, h) = (width / 2, height / 2);
            let (mut a, mut b) = (vec![9; w * h], vec![8; w * h]);
            reduce(frame, &mut ImageMut::new(&mut a, w, h).unwrap()).unwrap();
            reduce(grey, &mut ImageMut::new(&mut b, w, h).unwrap()).unwrap();
            assert_eq!(a, b);
        }

        let start = bytes.as_ptr();
        let len = bytes.len();
        let (there, rest) = luma_in_place::<F>(&mut bytes, width, height, stride).unwrap();
        assert!(there.as_image().rows().eq(grey.rows()));
        assert_eq!((there.as_image().row(0).as_ptr(), there.stride()), (start, width));
        assert_eq!(rest.len(), len - width * height);
        let short = Error::TooShort { needed: stride * height + width, found: len / 2 };
        let refused = luma_in_place::<F>(&mut bytes, width, height + 1, stride);
        assert_eq!(refused.err(), Some(short));
    }
}

#[test]
fn yuyv() {
    check::<Yuyv>(1, |y, _| y);
}

#[test]
fn uyvy() {
    check::<Uyvy>(2, |_, y| y);
}

#[test]
fn rgb565_low_byte_first() {
    check::<Rgb565Le>(3, |low, high| rounded(u16::from_le_bytes([low, high])));
}

#[test]
fn rgb565_high_byte_first() {
    check::<Rgb565Be>(4, high_byte_first);
}

/// Bands of rows on threads, on a frame that is large enough to be cut.
#[test]
fn on_threads() {
    let bytes: Vec<u8> = (0..2 * 300 * 200).map(|i: u32| (i.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    let frame = Image::new(Packed::<Uyvy>::pixels(&bytes), 300, 200).unwrap();
    let (affine, _) = transforms(&mut Random(5), 300.0);
    let sampler = Sampler::new(Bilinear, Boundary::Wrap);
    let (mut a, mut b) = (vec![0; 300 * 200], vec![1; 300 * 200]);
    sampler.warp(frame, &mut ImageMut::new(&mut a, 300, 200).unwrap(), &affine).unwrap();
    let threads = sampler.with_threads(Threads::new(3));
    threads.warp(frame, &mut ImageMut::new(&mut b, 300, 200).unwrap(), &affine).unwrap();
    assert_eq!(a, b);
}
