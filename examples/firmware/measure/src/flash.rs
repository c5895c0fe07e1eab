//! Firmware that does one thing, for its size: what a feature names, or nothing.
#![no_std]
#![no_main]
#![allow(unused_imports, reason = "by feature")]

use core::hint::black_box;
use core::panic::PanicInfo;

use cortex_m_rt::entry;
use nonius::align::{Aligner, Lean, Options, Pair, Scope, shift};
use nonius::{
    Affine, Bilinear, Boundary, Error, Homography, Image, ImageMut, Interpolator, Nearest, Sampler,
    Transform, Translation,
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
    warp(Nearest, source, destination)?;
    #[cfg(any(feature = "bilinear", feature = "warps"))]
    warp(Bilinear, source, destination)?;
    #[cfg(feature = "shift")]
    {
        let image = Image::new(black_box(&*source), black_box(8), black_box(4))?;
        black_box(shift(image, black_box(image), black_box(4), black_box(destination))?);
    }
    #[cfg(feature = "translation")]
    align::<Translation, _>(source, destination, Options::default())?;
    #[cfg(feature = "affine")]
    align::<Affine, _>(source, destination, Options::default())?;
    #[cfg(feature = "homography")]
    align::<Homography, _>(source, destination, Options::default())?;
    #[cfg(feature = "translation-lean")]
    align::<Translation, _>(source, destination, Lean::default())?;
    #[cfg(feature = "affine-lean")]
    align::<Affine, _>(source, destination, Lean::default())?;
    #[cfg(feature = "homography-lean")]
    align::<Homography, _>(source, destination, Lean::default())?;
    Ok(())
}

#[allow(dead_code, reason = "by feature")]
#[inline(always)]
fn warp<K: Interpolator>(kernel: K, source: &[u8], destination: &mut [u8]) -> Result<(), Error> {
    let transform = black_box(Affine::IDENTITY);
    let sampler = Sampler::new(kernel, Boundary::Constant(black_box(0)));
    let mut out = ImageMut::new(black_box(destination), black_box(8), black_box(4))?;
    sampler.warp(Image::new(black_box(source), black_box(8), black_box(4))?, &mut out, &transform)
}

#[allow(dead_code, reason = "by feature")]
#[inline(always)]
fn align<T: Transform, S: Scope>(source: &[u8], destination: &mut [u8], options: S) -> Result<(), Error> {
    let image = Image::new(black_box(source), black_box(8), black_box(4))?;
    let pair = Pair::new(image, black_box(image));
    let mut aligner = Aligner::new(pair, black_box(T::IDENTITY), options, black_box(destination), &mut [])?;
    black_box(aligner.run());
    Ok(())
}
