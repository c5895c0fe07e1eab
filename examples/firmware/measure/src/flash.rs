//! Firmware that does one thing, for its size: what a feature names, or nothing.
#![no_std]
#![no_main]
#![allow(unused_imports, reason = "by feature")]

use core::hint::black_box;
use core::panic::PanicInfo;

use cortex_m_rt::entry;
use nonius::align::{Aligner, Lean, Options, Pair, Scope, Tracker, Tracking, shift};
use nonius::format::{Packed, Rgb565Be, Yuyv};
use nonius::kernel::adaptive::Soft;
use nonius::kernel::weighted::Smoothstep;
use nonius::pyramid::Pyramid;
use nonius::spline::Coefficient;
use nonius::stream::Stream;
use nonius::{
    Adaptive, Affine, BSpline, Bilinear, Boundary, Cubic, Error, Euclidean, Homography, Image, ImageMut,
    Interpolator, Lagrange, Lanczos, Nearest, NearestEven, Sampler, Tap, Transform, Translation,
    WeightedNearest,
};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

#[entry]
fn main() -> ! {
    let mut memory = [0_u8; 64];
    black_box(&mut memory);
    let _ = black_box(run(&mut memory));
    loop {}
}

#[inline(always)]
fn run(memory: &mut [u8]) -> Result<(), Error> {
    let (source, destination) = memory.split_at_mut(32);
    let _ = (&source, &destination);
    #[cfg(any(feature = "nearest", feature = "warps"))]
    warp(Nearest, source, destination, Affine::IDENTITY)?;
    #[cfg(feature = "nearest-even")]
    warp(NearestEven, source, destination, Affine::IDENTITY)?;
    #[cfg(any(feature = "bilinear", feature = "warps"))]
    warp(Bilinear, source, destination, Affine::IDENTITY)?;
    #[cfg(feature = "smoothstep")]
    warp(WeightedNearest::new(Smoothstep), source, destination, Affine::IDENTITY)?;
    #[cfg(feature = "adaptive")]
    warp(Adaptive::new(Bilinear, Nearest, Soft::new(20.0)?), source, destination, Affine::IDENTITY)?;
    #[cfg(feature = "catmull-rom")]
    warp(Cubic::<-50>, source, destination, Affine::IDENTITY)?;
    #[cfg(feature = "lanczos-3")]
    warp(Lanczos::<3>, source, destination, Affine::IDENTITY)?;
    #[cfg(feature = "lagrange")]
    warp(Lagrange, source, destination, Affine::IDENTITY)?;
    #[cfg(feature = "bspline")]
    {
        let coefficients = [Coefficient::<u8>::default(); 32];
        warp(BSpline, &coefficients, destination, Affine::IDENTITY)?;
    }
    #[cfg(feature = "bilinear-homography")]
    warp(Bilinear, source, destination, Homography::IDENTITY)?;
    #[cfg(feature = "bilinear-u16")]
    warp(Bilinear, &[0_u16; 32], &mut black_box([0_u16; 32]), Affine::IDENTITY)?;
    #[cfg(feature = "bilinear-yuyv")]
    warp(Bilinear, Packed::<Yuyv>::pixels(source), destination, Affine::IDENTITY)?;
    #[cfg(feature = "bilinear-rgb565")]
    warp(Bilinear, Packed::<Rgb565Be>::pixels(source), destination, Affine::IDENTITY)?;
    #[cfg(feature = "prefilter")]
    {
        let mut coefficients = [Coefficient::<u8>::default(); 32];
        let mut out = ImageMut::new(&mut coefficients, black_box(8), black_box(4))?;
        Sampler::new(BSpline, black_box(Boundary::Reflect101)).prefilter(image(source)?, &mut out)?;
        black_box(coefficients);
    }
    #[cfg(feature = "partials")]
    {
        let (mut dx, mut dy) = ([0; 32], [0; 32]);
        let [dx, dy] = &mut [&mut dx, &mut dy].map(|d| ImageMut::new(black_box(&mut d[..]), 8, 4));
        if let (Ok(dx), Ok(dy)) = (dx, dy) {
            sampler(Bilinear).warp_partials(image(source)?, dx, dy, &black_box(Affine::IDENTITY))?;
        }
    }
    #[cfg(feature = "parameters")]
    {
        let cotangent = [1; 32];
        let transform = black_box(Affine::IDENTITY);
        black_box(sampler(Bilinear).parameter_gradient(image(source)?, image(&cotangent)?, &transform));
    }
    #[cfg(feature = "adjoint-q14")]
    {
        let (cotangent, mut gradient) = ([1; 32], [0; 32]);
        let mut out = ImageMut::new(black_box(&mut gradient[..]), black_box(8), black_box(4))?;
        sampler::<_, u8>(Bilinear).adjoint_q14(image(&cotangent)?, &mut out, &black_box(Affine::IDENTITY))?;
    }
    #[cfg(feature = "pyramid")]
    black_box(Pyramid::new(image(source)?, black_box(3), black_box(destination))?);
    #[cfg(feature = "stream")]
    {
        let (size, transform) = (black_box((8, 4)), black_box(Affine::IDENTITY));
        let mut stream = Stream::new(sampler(Bilinear), &transform, size, size, black_box(source))?;
        while let Some(row) = stream.incoming() {
            black_box(row);
            stream.arrived();
            black_box(stream.warp_row(destination)?);
        }
    }
    #[cfg(feature = "shift")]
    {
        let image = image(source)?;
        black_box(shift(image, black_box(image), black_box(4), black_box(destination))?);
    }
    #[cfg(feature = "align-translation")]
    align::<Translation, _>(source, destination, Options::default())?;
    #[cfg(feature = "align-affine")]
    align::<Affine, _>(source, destination, Options::default())?;
    #[cfg(feature = "align-homography")]
    align::<Homography, _>(source, destination, Options::default())?;
    #[cfg(feature = "align-translation-lean")]
    align::<Translation, _>(source, destination, Lean::default())?;
    #[cfg(feature = "align-affine-lean")]
    align::<Affine, _>(source, destination, Lean::default())?;
    #[cfg(feature = "align-homography-lean")]
    align::<Homography, _>(source, destination, Lean::default())?;
    #[cfg(feature = "track-euclidean-lean")]
    {
        let tracking = Tracking::from(Lean::default());
        let size = black_box((8, 4));
        let mut tracker =
            Tracker::<u8, Euclidean, Lean>::new(size.0, size.1, tracking, black_box(destination))?;
        while black_box(true) {
            black_box(tracker.track(image(source)?)?);
        }
    }
    Ok(())
}

#[allow(dead_code, reason = "by feature")]
#[inline(always)]
fn image<P>(pixels: &[P]) -> Result<Image<'_, P>, Error> {
    Image::new(black_box(pixels), black_box(8), black_box(4))
}

#[allow(dead_code, reason = "by feature")]
#[inline(always)]
fn sampler<K: Interpolator, P: Tap>(kernel: K) -> Sampler<K, P> {
    Sampler::new(kernel, Boundary::Constant(black_box(P::zero())))
}

#[allow(dead_code, reason = "by feature")]
#[inline(always)]
fn warp<K: Interpolator, P: Tap, T: Transform>(
    kernel: K,
    source: &[P],
    destination: &mut [P::Sampled],
    transform: T,
) -> Result<(), Error> {
    let mut out = ImageMut::new(black_box(destination), black_box(8), black_box(4))?;
    sampler(kernel).warp(image(source)?, &mut out, &black_box(transform))
}

#[allow(dead_code, reason = "by feature")]
#[inline(always)]
fn align<T: Transform, S: Scope>(source: &[u8], destination: &mut [u8], options: S) -> Result<(), Error> {
    let image = image(source)?;
    let pair = Pair::new(image, black_box(image));
    let mut aligner = Aligner::new(pair, black_box(T::IDENTITY), options, black_box(destination), &mut [])?;
    black_box(aligner.run());
    Ok(())
}
