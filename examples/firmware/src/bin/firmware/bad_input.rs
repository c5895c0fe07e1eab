//! Bad input: a constructor says what is wrong with it, or an alignment ends with a status. Nothing
//! panics, locks up or reads beyond its slice.

use firmware::film::FLOW;
use firmware::report::{Checks, Hash};
use firmware::say;
use nonius::align::{Shift, Status, shift};
use nonius::format::{Packed, Rgb565Be, Yuyv, luma, luma_in_place};
use nonius::stream::Stream;
use nonius::{
    Affine, Bilinear, Boundary, Error, Homography, Image, ImageMut, Nearest, Sampler, Similarity, Transform,
    Translation,
};
#[cfg(not(feature = "small"))]
use {
    firmware::alignment::align,
    nonius::align::{Aligner, Found, Lean, Pair, Tracker, Tracking},
};

use crate::memory::{Memory, ROWS, WARPED};

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
    let point = Similarity::from_parameters([0.0, 0.0, 5.0, 7.0]).err();
    checks.that(point == Some(Error::Singular), "a similarity of scale zero is refused");
    let line = Homography::from_parameters([1.0, 0.5, 4.0, 2.0, 1.0, 8.0, 0.001, 0.002]).err();
    checks.that(line == Some(Error::Singular), "a homography of a plane to a line is refused");

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

    packed(checks)?;
    streams(frame, memory, checks)?;
    shifts(memory, checks)?;
    #[cfg(not(feature = "small"))]
    {
        alignments(frame, memory, checks)?;
        trackers(memory, checks)?;
    }
    Ok(())
}

/// Frames of two bytes a pixel.
#[inline(never)]
fn packed(checks: &mut Checks) -> Result<(), Error> {
    let mut bytes = [0x5a_u8; 2 * 8 * 4 + 1];
    let pixels = Packed::<Yuyv>::pixels(&bytes);
    checks.that(pixels.len() == 8 * 4, "half a pixel at the end is left out");
    let short = Some(Error::TooShort { needed: 8 * 5, found: 8 * 4 });
    checks.that(Image::new(pixels, 8, 5).err() == short, "a packed frame that ends early is refused");
    let mut grey = [0; 8 * 4];
    let refused = luma(Image::new(pixels, 8, 4)?, &mut ImageMut::new(&mut grey, 4, 8)?).err();
    checks.that(refused == Some(Error::SizeMismatch), "luma of another size is refused");

    let mut in_place =
        |width, height, stride| luma_in_place::<Rgb565Be>(&mut bytes, width, height, stride).err();
    checks.that(in_place(8, 5, 8) == short, "luma in place of a frame that ends early is refused");
    checks.that(in_place(0, 4, 8) == Some(Error::Empty), "luma in place of no columns is refused");
    checks.that(in_place(8, 4, 7) == Some(Error::Stride), "luma in place of rows that overlap is refused");
    checks.that(in_place(8, 2, usize::MAX) == Some(Error::TooLarge), "an endless stride is refused");
    checks.that(bytes == [0x5a; 2 * 8 * 4 + 1], "what is refused is left as it was");
    Ok(())
}

/// Streams whose window is too short, and whose calls come out of turn.
#[inline(never)]
fn streams(frame: Image<'_, u8>, memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    let size @ (width, height) = (frame.width(), 12);
    let sampler = Sampler::new(Bilinear, Boundary::Replicate);
    let turn = Affine::from_parameters([1.0, 0.0, 0.0, 0.05, 1.0, 0.0])?;
    let rows = Stream::window_height(&sampler, &turn, size, size)?;
    let none = Stream::window_height(&sampler, &turn, (width, 0), size).err();
    checks.that(none == Some(Error::Empty), "a stream without rows is refused");
    let none = Stream::window_height(&sampler, &turn, size, (40_000, 1)).err();
    checks.that(none == Some(Error::TooLarge), "a stream to too wide a frame is refused");
    let window = memory.window.get_mut(..width * rows - 1).unwrap_or_default();
    let short = Error::TooShort { needed: width * rows, found: width * rows - 1 };
    let refused = Stream::new(sampler, &turn, size, size, window).err();
    checks.that(rows <= ROWS && refused == Some(short), "too short a window is refused");

    let mut stream = Stream::new(sampler, &turn, size, size, &mut memory.window)?;
    let mut line = [0; WARPED[0]];
    let wrong = line.get_mut(..width - 1).unwrap_or_default();
    checks.that(stream.warp_row(wrong) == Err(Error::SizeMismatch), "a row of another width is refused");
    checks.that(stream.warp_row(&mut line) == Ok(None), "no row comes out before one came in");
    // More lines than the window holds, none of which is taken; then all that are left, and more.
    (0..height + ROWS).for_each(|_| stream.arrived());
    checks.that(stream.incoming().is_none(), "a full window has no room");
    let mut made = 0;
    while let Ok(Some(_)) = stream.warp_row(&mut line) {
        made += 1;
        stream.arrived();
        while stream.incoming().is_some() {
            stream.arrived();
        }
    }
    checks.that(made == height, "lines out of turn leave a stream that ends");
    Ok(())
}

/// Shifts in whole numbers of what has none.
#[inline(never)]
fn shifts(memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    let frame = FLOW.frame(0)?;
    let (width, height) = (frame.width(), frame.height());
    let workspace = &mut memory.pyramids;
    let lower = frame.view(0, 0, width, height - 1)?;
    let refused = shift(frame, lower, 8, workspace).err();
    checks.that(refused == Some(Error::SizeMismatch), "a shift between two sizes is refused");
    let needed = Shift::workspace(width, height);
    let short = workspace.get_mut(..needed - 1).unwrap_or_default();
    let refused = shift(frame, frame, 8, short).err();
    let short = Error::TooShort { needed, found: needed - 1 };
    checks.that(refused == Some(short), "too short a workspace for a shift is refused");
    let long = [7; 1025];
    let long = Image::new(&long, 1025, 1)?;
    let refused = shift(long, long, 8, workspace).err();
    checks.that(refused == Some(Error::TooLarge), "too wide a frame for a shift is refused");

    let one = frame.view(0, 0, 1, 1)?;
    let found = shift(one, one, 8, workspace)?;
    checks.that(found.status == Status::LeftImage, "one pixel has no shift");
    memory.warped.fill(77);
    let constant = Image::new(&memory.warped, WARPED[0], WARPED[1])?;
    let part = frame.view(0, 0, WARPED[0], WARPED[1])?;
    for [fixed, moving] in [[constant, part], [part, constant], [constant, constant]] {
        let found = shift(fixed, moving, usize::MAX, workspace)?;
        checks.that(found.status == Status::Singular, "a constant frame has no shift");
    }
    noise(&mut memory.warped);
    let noise = Image::new(&memory.warped, WARPED[0], WARPED[1])?;
    let found = shift(part, noise, 8, workspace)?;
    say!("  a shift to noise:   {}", found.status.name());
    Ok(())
}

/// Nothing in common with a frame.
fn noise(pixels: &mut [u8]) {
    for (i, v) in pixels.iter_mut().enumerate() {
        *v = ((i as u32).wrapping_mul(0x9e37_79b9) >> 24) as u8;
    }
}

#[cfg(not(feature = "small"))]
#[inline(never)]
fn alignments(frame: Image<'_, u8>, memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    let [width, height] = WARPED;
    let pair = Pair::new(frame, frame);
    let refused = align(pair, Translation::IDENTITY, &mut [0; 10]).err();
    checks.that(matches!(refused, Some(Error::TooShort { .. })), "too short a workspace is refused");
    let options = Lean { max_iterations: 0, ..Lean::default() };
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
    let status = align(Pair::new(constant, frame), Affine::IDENTITY, workspace)?.status;
    checks.that(status == Status::Singular, "a constant fixed frame is singular");
    let status = align(Pair::new(frame, constant), Affine::IDENTITY, workspace)?.status;
    checks.that(status == Status::Singular, "a constant moving frame is singular");
    let status = align(pair, Translation::new(300.0, 0.0)?, workspace)?.status;
    checks.that(status == Status::LeftImage, "frames without overlap have left the image");
    let one = [5_u8];
    let one = Image::new(&one, 1, 1)?;
    let status = align(Pair::new(one, one), Affine::IDENTITY, workspace)?.status;
    checks.that(status == Status::Singular, "one pixel is singular");

    // Any end will do, but there is one.
    noise(&mut memory.warped);
    let noise = Image::new(&memory.warped, width, height)?;
    let status = align(Pair::new(frame, noise), Affine::IDENTITY, workspace)?.status;
    say!("  a frame and noise:  {}", status.name());
    Ok(())
}

/// A sequence that is no sequence.
#[cfg(not(feature = "small"))]
#[inline(never)]
fn trackers(memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    type Lost<'a> = Tracker<'a, u8, Translation, Lean>;
    let (width, height) = (FLOW.width, FLOW.height);
    let tracking = Tracking::from(Lean::default());
    let doubtful = Tracking { min_correlation: 2.0, ..tracking };
    let refused = Lost::new(width, height, doubtful, &mut memory.pyramids).err();
    checks.that(refused == Some(Error::InvalidOption), "a correlation of two is refused");
    let refused = Lost::new(width, height, tracking, &mut [0; 10]).err();
    checks.that(matches!(refused, Some(Error::TooShort { .. })), "too short a tracker's memory is refused");
    let refused = Lost::new(0, height, tracking, &mut memory.pyramids).err();
    checks.that(refused == Some(Error::Empty), "a tracker of frames without columns is refused");

    let mut tracker = Lost::new(width, height, tracking, &mut memory.pyramids)?;
    let first = FLOW.frame(0)?;
    let refused = tracker.track(first.view(0, 0, width - 1, height)?).err();
    checks.that(refused == Some(Error::SizeMismatch), "a frame of another size is refused");
    checks.that(tracker.track(first)?.found == Found::First, "the first frame is the first");
    memory.warped.fill(77);
    let constant = Image::new(&memory.warped, width, height)?;
    checks.that(tracker.track(constant)?.found == Found::Lost, "a constant frame is lost");
    checks.that(tracker.track(FLOW.frame(1)?)?.found == Found::Regained, "the next one is found again");
    Ok(())
}
