//! Streaming: a warp from a rolling window of source rows has the bits of the warp of the whole image,
//! in a window of the height that was promised.
#![forbid(unsafe_code)]

use std::fmt::Debug;

use crate::common::Random;
use nonius::align::{Aligner, Lean, Shift, Track, Tracker};
use nonius::format::{Packed, Rgb565Be, Yuyv};
use nonius::kernel::Array;
use nonius::pyramid::Pyramid;
use nonius::spline::Coefficient;
use nonius::stream::Stream;
use nonius::{
    Affine, BSpline, Bilinear, Boundary, Cubic, Error, Euclidean, Homography, Image, ImageMut, Kernel,
    Lagrange, Lanczos, Level, Nearest, NearestEven, Sampler, Similarity, Tap, Transform, Translation,
};

/// A pixel that can be made of noise.
trait Noise {
    fn noise(bits: u64) -> Self;
}
macro_rules! noise {
    ($($t:ty: $bits:ident => $new:expr;)*) => {$(
        impl Noise for $t {
            fn noise($bits: u64) -> Self {
                $new
            }
        }
    )*};
}
noise! {
    u8: bits => (bits >> 20) as u8;
    u16: bits => (bits >> 20) as u16;
    i16: bits => (bits >> 20) as i16;
    f32: bits => (bits >> 40) as f32 / 65_536.0 - 128.0;
    [u8; 3]: bits => [(bits >> 20) as u8, (bits >> 30) as u8, (bits >> 40) as u8];
    Packed<Yuyv>: bits => Packed::new([(bits >> 20) as u8, (bits >> 30) as u8]);
    Packed<Rgb565Be>: bits => Packed::new([(bits >> 20) as u8, (bits >> 30) as u8]);
    Coefficient<u16>: bits => Coefficient::from_bits((bits >> 40) as i32);
}

fn boundaries<P: Noise + Tap<Sampled: Noise>>() -> [Boundary<P>; 6] {
    use Boundary::*;
    [Constant(P::noise(0x1234_5678_9abc_def0)), Replicate, Reflect, Reflect101, Wrap, Transparent]
}

/// When rows are written, and when they are read.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// Destination rows are taken as soon as they can be had, while so many source rows more are
    /// written before they arrive.
    Ahead(usize),
    /// Destination rows are taken when there is no room left.
    Late,
}

/// Streams an image through a window of `rows` rows.
fn streamed<K: Kernel, P: Noise + Tap<Sampled: Noise>, T: Transform>(
    sampler: Sampler<K, P>,
    transform: &T,
    source: Image<'_, P>,
    destination: (usize, usize),
    rows: usize,
    pace: Pace,
) -> Vec<P::Sampled> {
    let size = (source.width(), source.height());
    // What has not been written is noise.
    let mut window = vec![P::noise(u64::MAX / 3); size.0 * rows];
    let mut stream = Stream::new(sampler, transform, size, destination, &mut window).unwrap();
    // What Transparent leaves.
    let mut row = vec![P::Sampled::noise(u64::MAX); destination.0];
    let mut out = Vec::new();
    let mut take = |stream: &mut Stream<'_, K, P, T>| {
        row.fill(P::Sampled::noise(u64::MAX));
        let y = stream.warp_row(&mut row).unwrap();
        if let Some(y) = y {
            assert_eq!(y * destination.0, out.len());
            out.extend_from_slice(&row);
        }
        y.is_some()
    };
    // Where the rows under way are; each is written once.
    let mut places = std::collections::VecDeque::new();
    for y in 0..size.1 {
        match pace {
            Pace::Ahead(_) => while take(&mut stream) {},
            Pace::Late => {
                while stream.incoming().is_none() {
                    assert!(take(&mut stream), "no room, and nothing to take");
                }
            }
        }
        let ahead = if let Pace::Ahead(rows) = pace { rows.min(size.1 - 1 - y) } else { 0 };
        for k in 0..=ahead {
            let place = stream.incoming_after(k).expect("there is room");
            let begin = place.as_ptr();
            if k == places.len() {
                place.copy_from_slice(source.row(y + k));
                places.push_back(begin);
            }
            assert_eq!(places[k], begin, "the row has moved");
        }
        assert!(stream.incoming_after(size.1 - y).is_none(), "there are no more");
        places.pop_front();
        stream.arrived();
    }
    assert!(stream.incoming().is_none());
    while take(&mut stream) {}
    out
}

fn check<K: Kernel + Debug, P: Noise + Tap<Sampled: Noise>, T: Transform>(
    kernel: K,
    transform: &T,
    random: &mut Random,
) {
    let side = |random: &mut Random| {
        let most = if random.below(4) == 0 { 90 } else { 24 };
        1 + random.below(most)
    };
    let size = (side(random), side(random));
    let destination = (side(random), side(random));
    let pixels: Vec<P> = (0..size.0 * size.1).map(|_| P::noise(random.bits())).collect();
    let source = Image::new(&pixels, size.0, size.1).unwrap();
    for boundary in boundaries::<P>() {
        for level in Level::available() {
            let sampler = Sampler::new(kernel, boundary).with_level(level);
            let mut whole = vec![P::Sampled::noise(u64::MAX); destination.0 * destination.1];
            let mut out = ImageMut::new(&mut whole, destination.0, destination.1).unwrap();
            sampler.warp(source, &mut out, transform).unwrap();

            let rows = Stream::window_height(&sampler, transform, size, destination).unwrap();
            assert!((1..=size.1).contains(&rows));
            let more = random.below(5);
            for (rows, pace) in [(rows, Pace::Ahead(0)), (rows, Pace::Late), (rows + more, Pace::Ahead(more))]
            {
                let found = streamed(sampler, transform, source, destination, rows, pace);
                assert!(
                    found == whole,
                    "{kernel:?} {boundary:?} {transform:?} {size:?} {destination:?} {rows} {pace:?} {level:?}"
                );
            }
            let mut window = vec![P::zero(); size.0 * rows - 1];
            assert_eq!(
                Stream::new(sampler, transform, size, destination, &mut window).err(),
                Some(Error::TooShort { needed: size.0 * rows, found: size.0 * rows - 1 })
            );
        }
    }
}

/// Transforms of every class: gentle, wild, mirrored, and across a horizon.
fn transforms<K: Kernel + Debug, P: Noise + Tap<Sampled: Noise>>(kernel: K, seed: u64) {
    let mut random = Random(seed);
    for i in 0..24 {
        let r = &mut random;
        let wild = if i % 3 == 2 { 3.0 } else { 0.15 };
        let t = |r: &mut Random| {
            let shift = r.real(-12.0, 12.0);
            if r.below(4) == 0 { shift.round() } else { shift }
        };
        let (x, y, angle, scale) = (t(r), t(r), r.real(-wild, wild), r.real(0.5, 1.6));
        check::<K, P, _>(kernel, &Translation::new(x, y).unwrap(), r);
        check::<K, P, _>(kernel, &Euclidean::new(angle, x, y).unwrap(), r);
        check::<K, P, _>(kernel, &Similarity::new(scale, angle, x, y).unwrap(), r);
        let [a, b, d, e] = [1.0, 0.0, 0.0, 1.0].map(|one| one + r.real(-wild, wild));
        let Ok(affine) = Affine::from_parameters([a, b, x, d, e, y]) else { continue };
        check::<K, P, _>(kernel, &affine, r);
        let far =
            Affine::from_parameters([1.0, 0.1, r.real(-1e5, 1e5), 0.0, 1.0, r.real(-1e6, 1e6)]).unwrap();
        check::<K, P, _>(kernel, &far, r);
        let (g, h) = (r.real(-0.01, 0.01) * wild, r.real(-0.01, 0.01) * wild);
        let Ok(homography) = Homography::from_parameters([a, b, x, d, e, y, g, h]) else { continue };
        check::<K, P, _>(kernel, &homography, r);
    }
}

#[test]
fn bilinear_bytes() {
    transforms::<_, u8>(Bilinear, 1);
}

#[test]
fn nearest_colours() {
    transforms::<_, [u8; 3]>(Nearest, 2);
}

#[test]
fn cubic_16_bits() {
    transforms::<_, i16>(Cubic::<-50>, 3);
}

#[test]
fn lanczos_and_spline_floats() {
    transforms::<_, f32>(Lanczos::<4>, 4);
    transforms::<_, f32>(BSpline, 5);
}

#[test]
fn lagrange_16_bits() {
    transforms::<_, u16>(Lagrange, 7);
}

#[test]
fn formats_of_cameras() {
    transforms::<_, Packed<Yuyv>>(Bilinear, 8);
    transforms::<_, Packed<Rgb565Be>>(NearestEven, 9);
}

#[test]
fn coefficients() {
    transforms::<_, Coefficient<u16>>(BSpline, 10);
}

/// The documented bound: the rows that one destination row spans (and, where y falls from row to row, all of them),
/// or what is mirrored.
fn bound<K: Kernel, T: Transform>(
    boundary: Boundary<u8>,
    transform: &T,
    source: (usize, usize),
    destination: (usize, usize),
) -> f64 {
    let support = <K::Taps<i32> as Array<i32>>::LEN as f64;
    let [.., d, e, f, g, h, _] = transform.matrix();
    let (w, n) = ((destination.0 - 1) as f64, (destination.1 - 1) as f64);
    let height = source.1 as f64;
    let y = |i: f64, j: f64| transform.apply(i, j).1;
    // The span of the taps of all rows.
    let corners = [y(0.0, 0.0), y(w, 0.0), y(0.0, n), y(w, n)];
    let (top, bottom) = corners.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    let is_affine = (g, h) == (0.0, 0.0);
    let mut rows = if is_affine {
        (d.abs() * w + (-e).max(0.0) * n).ceil() + 2.0 * support
    } else {
        let denominators = [1.0, g * w + 1.0, h * n + 1.0, g * w + h * n + 1.0];
        // dy/dj times the square of the denominator, which is linear in i.
        let rises = [0.0, w].iter().all(|i| e * (g * i + 1.0) - h * (d * i + f) >= 0.0);
        if !denominators.iter().all(|&d| d > 0.1) || !rises {
            return height;
        }
        let span = |j| (y(w, j as f64) - y(0.0, j as f64)).abs();
        (0..destination.1).map(span).fold(0.0, f64::max).ceil() + 2.0 * support
    };
    // Rows of taps that stick out, to whichever pixel a coordinate is rounded.
    let first = 1.0 - (support + 1.0).div_euclid(2.0);
    let above = -(top - 0.51).floor() - first;
    let below = (bottom + 0.51).floor() + first + support - height;
    // (Of a homography's one more, to which rounding may come.)
    let out = above.max(below) + if is_affine { 0.0 } else { 1.0 };
    match boundary {
        Boundary::Wrap if out > 0.0 => rows = height,
        Boundary::Reflect | Boundary::Reflect101 if out > 0.0 => rows = rows.max(out + support),
        _ => {}
    }
    (if is_affine { rows } else { rows + 2.0 }).min(height)
}

/// Whether the height of a window is within its bound, and that says something.
fn bounded<K: Kernel + Debug, T: Transform>(kernel: K, transform: &T, random: &mut Random) -> usize {
    let mut told = 0;
    let mut side = |most| 1 + random.below(most);
    let (size, destination) = ((side(200), side(160)), (side(200), side(160)));
    for boundary in boundaries::<u8>() {
        let sampler = Sampler::new(kernel, boundary);
        let height = Stream::window_height(&sampler, transform, size, destination).unwrap();
        let most = bound::<K, T>(boundary, transform, size, destination);
        assert!(
            height as f64 <= most,
            "{kernel:?} {boundary:?} {transform:?} {size:?} {destination:?}: {height}, not {most}"
        );
        told += usize::from(most < size.1 as f64);
    }
    told
}

/// The documented bound of the window holds for every boundary and any transform.
#[test]
fn formula() {
    fn run<K: Kernel + Debug>(kernel: K, random: &mut Random) -> [usize; 2] {
        let mut told = [0; 2];
        for i in 0..600 {
            let r = &mut *random;
            let far = if i % 4 == 0 { 120.0 } else { 9.0 };
            let (a, b, c, mut d) =
                (r.real(0.5, 1.5), r.real(-0.3, 0.3), r.real(-far, far), r.real(-0.3, 0.3));
            let mut e = if i % 3 == 0 { r.real(-1.5, 0.0) } else { r.real(0.0, 1.5) };
            let mut f = r.real(-far, far);
            if r.below(3) == 0 {
                // Whole numbers, from which a coordinate is as likely to be rounded up as down.
                (d, e, f) = (0.0, e.signum(), f.round());
            }
            if let Ok(affine) = Affine::from_parameters([a, b, c, d, e, f]) {
                told[0] += bounded(kernel, &affine, r);
            }
            let [g, h] = [1.0; 2].map(|_| r.real(-1e-3, 1e-3));
            if let Ok(homography) = Homography::from_parameters([a, b, c, d, e, f, g, h]) {
                told[1] += bounded(kernel, &homography, r);
            }
        }
        told
    }
    let mut random = Random(6);
    for [affine, homography] in [
        run(Nearest, &mut random),
        run(NearestEven, &mut random),
        run(Bilinear, &mut random),
        run(Lagrange, &mut random),
        run(Lanczos::<4>, &mut random),
    ] {
        assert!(affine > 1000 && homography > 500, "{affine} {homography}");
    }
}

/// Images of a row or a column, windows of a row, and windows in which all rows are needed at once.
#[test]
fn thin() {
    fn run<K: Kernel + Debug, P: Noise + Tap<Sampled: Noise>>(
        kernel: K,
        boundary: Boundary<P>,
        random: &mut Random,
    ) {
        for (size, destination) in [
            ((1, 1), (1, 1)),
            ((1, 30), (5, 30)),
            ((30, 1), (30, 30)),
            ((9, 30), (1, 40)),
            ((9, 30), (40, 1)),
        ] {
            let pixels: Vec<P> = (0..size.0 * size.1).map(|_| P::noise(random.bits())).collect();
            let source = Image::new(&pixels, size.0, size.1).unwrap();
            for (x, y) in
                [(0.0, 0.0), (0.25, 0.0), (-0.5, -0.5), (0.0, -3.0), (2.0, 3.25), (0.0, -70.5), (0.0, 70.5)]
            {
                let shift = Translation::new(x, y).unwrap();
                let sampler = Sampler::new(kernel, boundary);
                let mut whole = vec![P::Sampled::noise(u64::MAX); destination.0 * destination.1];
                let mut out = ImageMut::new(&mut whole, destination.0, destination.1).unwrap();
                sampler.warp(source, &mut out, &shift).unwrap();
                let rows = Stream::window_height(&sampler, &shift, size, destination).unwrap();
                let found = streamed(sampler, &shift, source, destination, rows, Pace::Ahead(0));
                assert!(found == whole, "{kernel:?} {boundary:?} {size:?} {destination:?} {shift:?} {rows}");
            }
        }
    }
    let mut random = Random(11);
    for boundary in boundaries::<u8>() {
        run(Nearest, boundary, &mut random);
        run(Lanczos::<4>, boundary, &mut random);
    }
    for boundary in boundaries::<Packed<Yuyv>>() {
        run(Bilinear, boundary, &mut random);
    }
    // One row at a time.
    let shift = Translation::new(0.5, 3.0).unwrap();
    let sampler = Sampler::new(Nearest, Boundary::Constant(0_u8));
    assert_eq!(Stream::window_height(&sampler, &shift, (9, 30), (9, 30)), Ok(1));
}

/// An image and its mask are streamed side by side.
#[test]
fn masks() {
    let (mut random, size) = (Random(12), (40, 30));
    let pixels: Vec<u16> = (0..size.0 * size.1).map(|_| u16::noise(random.bits())).collect();
    let mask: Vec<u8> = (0..size.0 * size.1).map(|_| u8::from(random.below(3) > 0)).collect();
    let turn = Euclidean::new(0.1, 2.5, -3.0).unwrap();
    let (image, of_mask) =
        (Sampler::new(Bilinear, Boundary::Replicate), Sampler::new(Nearest, Boundary::Constant(0)));
    let (mut whole, mut whole_mask) = (vec![0; pixels.len()], vec![0; mask.len()]);
    let source = Image::new(&pixels, size.0, size.1).unwrap();
    image.warp(source, &mut ImageMut::new(&mut whole, size.0, size.1).unwrap(), &turn).unwrap();
    let source = Image::new(&mask, size.0, size.1).unwrap();
    of_mask.warp(source, &mut ImageMut::new(&mut whole_mask, size.0, size.1).unwrap(), &turn).unwrap();

    // As high as the image's, which is read further.
    let rows = Stream::window_height(&image, &turn, size, size).unwrap();
    assert!(Stream::window_height(&of_mask, &turn, size, size).unwrap() < rows);
    let (mut window, mut mask_window) = (vec![0; size.0 * rows], vec![0; size.0 * rows]);
    let mut stream = Stream::new(image, &turn, size, size, &mut window).unwrap();
    let mut mask_stream = Stream::new(of_mask, &turn, size, size, &mut mask_window).unwrap();
    let (mut made, mut row, mut row_mask) = (0, vec![0; size.0], vec![0; size.0]);
    for (line, mask_line) in pixels.chunks(size.0).zip(mask.chunks(size.0)) {
        stream.incoming().unwrap().copy_from_slice(line);
        mask_stream.incoming().unwrap().copy_from_slice(mask_line);
        stream.arrived();
        mask_stream.arrived();
        while let Some(y) = stream.warp_row(&mut row).unwrap() {
            assert_eq!(mask_stream.warp_row(&mut row_mask), Ok(Some(y)));
            assert_eq!(row, whole[y * size.0..][..size.0]);
            assert_eq!(row_mask, whole_mask[y * size.0..][..size.0]);
            made += 1;
        }
    }
    assert_eq!(made, size.1);
}

#[test]
fn errors() {
    fn run<P: Noise + Tap<Sampled: Noise>>() {
        let sampler = Sampler::new(Bilinear, Boundary::Constant(P::noise(0)));
        let shift = Translation::new(0.5, 0.5).unwrap();
        let outcome = |source, destination, len| {
            let height = Stream::window_height(&sampler, &shift, source, destination).map(|_| ());
            let mut window = vec![P::noise(0); len];
            let stream = Stream::new(sampler, &shift, source, destination, &mut window).map(|_| ());
            (height, stream)
        };
        for (source, destination) in [((0, 4), (4, 4)), ((4, 0), (4, 4)), ((4, 4), (0, 4)), ((4, 4), (4, 0))]
        {
            assert_eq!(outcome(source, destination, 16), (Err(Error::Empty), Err(Error::Empty)));
        }
        for (source, destination) in
            [((40_000, 4), (4, 4)), ((4, 40_000), (4, 4)), ((4, 4), (40_000, 4)), ((4, 4), (4, 40_000))]
        {
            assert_eq!(outcome(source, destination, 16), (Err(Error::TooLarge), Err(Error::TooLarge)));
        }
        assert_eq!(Stream::window_height(&sampler, &shift, (4, 40), (4, 40)), Ok(3));
        for found in [0, 1, 8, 11] {
            assert_eq!(
                outcome((4, 40), (4, 40), found),
                (Ok(()), Err(Error::TooShort { needed: 12, found }))
            );
        }
        assert_eq!(outcome((4, 40), (4, 40), 12), (Ok(()), Ok(())));
    }
    run::<u8>();
    run::<Packed<Yuyv>>();
    run::<[u8; 3]>();
    run::<f32>();
}

/// What is asked for too soon or too late is ignored.
#[test]
fn out_of_turn() {
    let sampler = Sampler::new(Bilinear, Boundary::Constant(0_u8));
    let shift = Translation::new(0.5, 0.5).unwrap();
    let mut window = [0; 8];
    let mut stream = Stream::new(sampler, &shift, (4, 2), (4, 2), &mut window).unwrap();
    assert_eq!(stream.warp_row(&mut [0; 3]), Err(Error::SizeMismatch));
    assert_eq!(stream.warp_row(&mut [0; 4]), Ok(None), "no row has come");
    assert!(stream.incoming_after(1).is_some());
    assert!(stream.incoming_after(2).is_none(), "there are two");
    assert!(stream.incoming_after(usize::MAX).is_none());
    for _ in 0..9 {
        // More than there are: ignored.
        stream.arrived();
    }
    assert!(stream.incoming().is_none());
    assert_eq!(stream.warp_row(&mut [0; 4]), Ok(Some(0)));
    assert_eq!(stream.warp_row(&mut [0; 4]), Ok(Some(1)));
    assert_eq!(stream.warp_row(&mut [0; 4]), Ok(None), "there are two");

    // More than there is room for: ignored, and nothing is lost.
    let mut window = [0; 12];
    let mut stream = Stream::new(sampler, &shift, (4, 9), (4, 9), &mut window).unwrap();
    for value in [10, 20] {
        stream.incoming().unwrap().fill(value);
        stream.arrived();
    }
    for _ in 0..3 {
        assert!(stream.incoming().is_none() && stream.incoming_after(1).is_none());
        stream.arrived();
    }
    let mut row = [0; 4];
    assert_eq!(stream.warp_row(&mut row), Ok(Some(0)));
    assert_eq!(row, [15, 15, 15, 8], "the last column is half outside");
    assert_eq!(stream.warp_row(&mut row), Ok(None));
    assert!(stream.incoming().is_some() && stream.incoming_after(1).is_none());
}

/// A stream may live where an interrupt reaches it, and so may all else that has a state.
#[test]
fn states_can_be_sent() {
    fn send<S: Send>() {}
    send::<Stream<'_, Bilinear, u8, Affine>>();
    send::<Stream<'_, Lanczos<4>, [i16; 3], Homography>>();
    send::<Aligner<'_, u8, Homography>>();
    send::<Aligner<'_, u16, Affine, Lean>>();
    send::<Aligner<'_, i16, Translation>>();
    send::<Tracker<'_, u8, Similarity>>();
    send::<Tracker<'_, i16, Homography, Lean>>();
    send::<Track<'_, u8, Similarity>>();
    send::<Track<'_, i16, Homography, Lean>>();
    send::<Shift>();
    send::<Pyramid<'_, u8>>();
    send::<Sampler<Bilinear, u8>>();
}
