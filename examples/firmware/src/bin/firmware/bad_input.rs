//! Bad input: a constructor says what is wrong with it, or an alignment ends with a status. Nothing
//! panics, locks up or reads beyond its slice.

use firmware::film::FLOW;
use firmware::report::{Checks, Hash};
use firmware::say;
#[cfg(not(feature = "small"))]
use nonius::align::{Aligner, Lean, Pair, Status};
use nonius::{
    Affine, Bilinear, Boundary, Error, Homography, Image, ImageMut, Nearest, Sampler, Transform, Translation,
};

use crate::memory::{Memory, WARPED};

#[inline(never)]
pub fn run(memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    say!("bad input");
    let [width, height] = WARPED;
    let frame = FLOW.frame(0)?.view(0, 0, width, height)?;
    let pixels = [0_u8; 64];

    // Frames.
    let image = |width, height, stride| Image::with_stride(&pixels, width, height, stride).err();
    checks.that(image(0, 8, 8) == Some(Error::Empty), "a frame without columns is refused");
    checks.that(image(8, 0, 8) == Some(Error::Empty), "a frame without rows is refused");
    checks.that(image(8, 4, 7) == Some(Error::Stride), "rows that overlap are refused");
    let short = Error::TooShort { needed: 72, found: 64 };
    checks.that(image(8, 9, 8) == Some(short), "a frame that ends early is refused");
    checks.that(image(40_000, 1, 40_000) == Some(Error::TooLarge), "too wide a frame is refused");
    checks
        .that(image(8, 32_767, usize::MAX / 2) == Some(Error::TooLarge), "a size that overflows is refused");
    checks.that(
        frame.view(60, 0, 5, height).err() == Some(Error::OutOfBounds),
        "a view beyond its frame is refused",
    );
    checks.that(FLOW.frame(99).is_err(), "there is no hundredth frame");

    // Transforms.
    let affine = |p| Affine::from_parameters(p).err();
    checks.that(affine([f64::NAN; 6]) == Some(Error::NotFinite), "NaN is refused");
    checks.that(
        affine([1.0, 0.0, f64::INFINITY, 0.0, 1.0, 0.0]) == Some(Error::NotFinite),
        "infinity is refused",
    );
    checks.that(affine([1.0, 2.0, 0.0, 2.0, 4.0, 0.0]) == Some(Error::Singular), "a line is refused");
    checks.that(
        affine([1e6, 0.0, 0.0, 0.0, 1.0, 0.0]) == Some(Error::OutOfRange),
        "too large a scale is refused",
    );

    // A frame that begins at any address, in rows of any length.
    let odd = [9_u8; 3 + 7 * 13];
    let odd = Image::with_stride(odd.get(3..).unwrap_or(&[]), 7, 7, 13)?;
    let sampler = Sampler::new(Bilinear, Boundary::Constant(0));
    let mut small = [0_u8; 5 * 5];
    sampler.warp(odd, &mut ImageMut::new(&mut small, 5, 5)?, &Translation::new(0.7, 0.3)?)?;
    checks.that(small == [9; 25], "an odd address and odd rows are read well");

    // Far outside, and across the horizon of a homography.
    let mut out = ImageMut::new(&mut memory.warped, width, height)?;
    sampler.warp(frame, &mut out, &Translation::new(-500_000_000.0, 400_000_000.0)?)?;
    checks.that(out.as_image().rows().flatten().all(|&v| v == 0), "far outside there is the border");
    let horizon = Homography::from_parameters([1.0, 0.1, 0.0, 0.0, 1.0, 0.0, 0.0, -0.03])?;
    Sampler::new(Nearest, Boundary::Reflect).warp(frame, &mut out, &horizon)?;
    say!("  across the horizon: {:016x}", Hash::default().bytes(&memory.warped).value());

    #[cfg(not(feature = "small"))]
    alignments(frame, memory, checks)?;
    Ok(())
}

#[cfg(not(feature = "small"))]
fn alignments(frame: Image<'_, u8>, memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    let [width, height] = WARPED;
    let refused = align(frame, frame, Translation::IDENTITY, &mut [0; 10]).err();
    checks.that(matches!(refused, Some(Error::TooShort { .. })), "too short a workspace is refused");
    let options = Lean { max_iterations: 0, ..Lean::default() };
    let pair = Pair::new(frame, frame);
    let none = Aligner::<u8, Affine, Lean>::workspace(&pair, &options).err();
    checks.that(none == Some(Error::InvalidOption), "no iterations are refused");
    let mask = Image::new(&[0_u8; 64], 8, 8)?;
    checks.that(
        pair.with_fixed_mask(mask).err() == Some(Error::SizeMismatch),
        "a mask of another size is refused",
    );
    let masked = pair.with_fixed_mask(frame)?;
    let none = Aligner::<u8, Affine, Lean>::workspace(&masked, &Lean::default()).err();
    checks.that(none == Some(Error::InvalidOption), "a mask is refused by a lean aligner");

    memory.warped.fill(77);
    let constant = Image::new(&memory.warped, width, height)?;
    let workspace = &mut memory.pyramids;
    let status = align(constant, frame, Affine::IDENTITY, workspace)?;
    checks.that(status == Status::Singular, "a constant fixed frame is singular");
    let status = align(frame, constant, Affine::IDENTITY, workspace)?;
    checks.that(status == Status::Singular, "a constant moving frame is singular");
    let status = align(frame, frame, Translation::new(300.0, 0.0)?, workspace)?;
    checks.that(status == Status::LeftImage, "frames without overlap have left the image");
    let one = [5_u8];
    let one = Image::new(&one, 1, 1)?;
    checks.that(align(one, one, Affine::IDENTITY, workspace)? == Status::Singular, "one pixel is singular");

    // Nothing in common: any end will do, but there is one.
    for (i, v) in memory.warped.iter_mut().enumerate() {
        *v = ((i as u32).wrapping_mul(0x9e37_79b9) >> 24) as u8;
    }
    let noise = Image::new(&memory.warped, width, height)?;
    let status = align(frame, noise, Affine::IDENTITY, workspace)?;
    say!("  a frame and noise:  {}", status.name());
    Ok(())
}

/// Not inlined, so that the stack holds one aligner at a time.
#[cfg(not(feature = "small"))]
#[inline(never)]
fn align<T: Transform>(
    fixed: Image<'_, u8>,
    moving: Image<'_, u8>,
    initial: T,
    workspace: &mut [u8],
) -> Result<Status, Error> {
    let pair = Pair::new(fixed, moving);
    Ok(Aligner::new(pair, initial, Lean::default(), workspace, &mut [])?.run().status)
}
