//! Streaming: a warp from a rolling window of source rows has the bits of the warp of the whole image,
//! in a window of the height that was promised.
#![forbid(unsafe_code)]

use std::fmt::Debug;

use crate::common::Random;
use nonius::stream::Stream;
use nonius::{
    Affine, BSpline, Bilinear, Boundary, Cubic, Error, Euclidean, Homography, Image, ImageMut, Kernel,
    Lanczos, Level, Nearest, Pixel, Sampler, Similarity, Transform, Translation,
};

/// A pixel that can be made of noise.
trait Noise: Pixel {
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
    i16: bits => (bits >> 20) as i16;
    f32: bits => (bits >> 40) as f32 / 65_536.0 - 128.0;
    [u8; 3]: bits => [(bits >> 20) as u8, (bits >> 30) as u8, (bits >> 40) as u8];
}

fn boundaries<P: Noise>() -> [Boundary<P>; 6] {
    use Boundary::*;
    [Constant(P::noise(0x1234_5678_9abc_def0)), Replicate, Reflect, Reflect101, Wrap, Transparent]
}

/// Streams an image through a window of `rows` rows. `eager` takes destination rows as soon as they can
/// be had, otherwise only when there is no room left.
fn streamed<K: Kernel, P: Noise, T: Transform>(
    sampler: Sampler<K, P>,
    transform: &T,
    source: Image<'_, P>,
    destination: (usize, usize),
    rows: usize,
    eager: bool,
) -> Vec<P> {
    let size = (source.width(), source.height());
    let mut window = vec![P::zero(); size.0 * rows];
    let mut stream = Stream::new(sampler, transform, size, destination, &mut window).unwrap();
    // What Transparent leaves.
    let mut row = vec![P::noise(u64::MAX); destination.0];
    let mut out = Vec::new();
    let mut take = |stream: &mut Stream<'_, K, P, T>| {
        row.fill(P::noise(u64::MAX));
        let y = stream.warp_row(&mut row).unwrap();
        if let Some(y) = y {
            assert_eq!(y * destination.0, out.len());
            out.extend_from_slice(&row);
        }
        y.is_some()
    };
    for line in source.rows() {
        while eager && take(&mut stream) {}
        while stream.incoming().is_none() {
            assert!(take(&mut stream), "no room, and nothing to take");
        }
        stream.incoming().unwrap().copy_from_slice(line);
        stream.arrived();
    }
    assert!(stream.incoming().is_none());
    while take(&mut stream) {}
    out
}

fn check<K: Kernel + Debug, P: Noise, T: Transform>(kernel: K, transform: &T, random: &mut Random) {
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
            let mut whole = vec![P::noise(u64::MAX); destination.0 * destination.1];
            let mut out = ImageMut::new(&mut whole, destination.0, destination.1).unwrap();
            sampler.warp(source, &mut out, transform).unwrap();

            let rows = Stream::window_height(&sampler, transform, size, destination).unwrap();
            assert!((1..=size.1).contains(&rows));
            let more = rows + random.below(5);
            for (rows, eager) in [(rows, true), (rows, false), (more, true)] {
                let found = streamed(sampler, transform, source, destination, rows, eager);
                assert!(
                    found == whole,
                    "{kernel:?} {boundary:?} {transform:?} {size:?} {destination:?} {rows} {level:?}"
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
fn transforms<K: Kernel + Debug, P: Noise>(kernel: K, seed: u64) {
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

/// The window is no higher than the rows that are really read, and within the documented formula.
#[test]
fn no_higher_than_needed() {
    let mut random = Random(6);
    let mut gentle = 0;
    for _ in 0..400 {
        let size = (1 + random.below(200), 1 + random.below(160));
        let destination = (1 + random.below(200), 1 + random.below(160));
        let r = &mut random;
        let m = [
            r.real(0.5, 1.5),
            r.real(-0.3, 0.3),
            r.real(-9.0, 9.0),
            r.real(-0.3, 0.3),
            r.real(0.0, 1.5),
            r.real(-9.0, 9.0),
        ];
        let Ok(transform) = Affine::from_parameters(m) else { continue };
        let sampler = Sampler::new(Bilinear, Boundary::<u8>::Replicate);
        let height = Stream::window_height(&sampler, &transform, size, destination).unwrap();

        // In f64: the rows that a destination row reads; those above them may go.
        let last = size.1 as f64 - 1.0;
        let read = |y: usize| {
            let at = |x: usize| m[3] * x as f64 + m[4] * y as f64 + m[5];
            let (a, b) = (at(0).min(at(destination.0 - 1)), at(0).max(at(destination.0 - 1)));
            (a.floor().clamp(0.0, last), (b.floor() + 1.0).clamp(0.0, last))
        };
        let needed = (0..destination.1).map(|y| read(y).1 - read(y).0 + 1.0).fold(0.0, f64::max);
        // A coordinate just below a pixel may be rounded up to it.
        assert!(
            (height as f64 - needed).abs() <= 1.0,
            "{m:?} {size:?} {destination:?}: {height}, not {needed}"
        );
        let formula = (m[3].abs() * (destination.0 as f64 - 1.0)).ceil() + 2.0 + 1.0;
        assert!(height as f64 <= formula, "{height} > {formula}");
        gentle += usize::from(height < size.1);
    }
    assert!(gentle > 200, "{gentle}");
}

#[test]
fn errors() {
    let sampler = Sampler::new(Bilinear, Boundary::Constant(0_u8));
    let shift = Translation::new(0.5, 0.5).unwrap();
    let height = |source, destination| Stream::window_height(&sampler, &shift, source, destination);
    assert_eq!(height((0, 4), (4, 4)), Err(Error::Empty));
    assert_eq!(height((4, 4), (4, 0)), Err(Error::Empty));
    assert_eq!(height((4, 40_000), (4, 4)), Err(Error::TooLarge));
    assert_eq!(height((4, 40), (4, 40)), Ok(2));

    let mut window = [0; 8];
    let mut stream = Stream::new(sampler, &shift, (4, 2), (4, 2), &mut window).unwrap();
    assert_eq!(stream.warp_row(&mut [0; 3]), Err(Error::SizeMismatch));
    assert_eq!(stream.warp_row(&mut [0; 4]), Ok(None), "no row has come");
    for _ in 0..9 {
        // More than there are: ignored.
        stream.arrived();
    }
    assert!(stream.incoming().is_none());
    assert_eq!(stream.warp_row(&mut [0; 4]), Ok(Some(0)));
    assert_eq!(stream.warp_row(&mut [0; 4]), Ok(Some(1)));
    assert_eq!(stream.warp_row(&mut [0; 4]), Ok(None), "there are two");
}

/// A stream may live where an interrupt reaches it.
#[test]
fn states_can_be_sent() {
    fn send<S: Send>() {}
    send::<Stream<'_, Bilinear, u8, Affine>>();
    send::<Stream<'_, Lanczos<4>, [i16; 3], Homography>>();
    send::<nonius::align::Aligner<'_, u8, Homography>>();
    send::<nonius::align::Aligner<'_, u16, Affine>>();
    send::<nonius::align::Aligner<'_, i16, Translation>>();
    send::<nonius::pyramid::Pyramid<'_, u8>>();
    send::<Sampler<Bilinear, u8>>();
}
