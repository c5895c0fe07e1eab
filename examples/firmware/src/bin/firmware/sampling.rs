//! A warp, its gradients and a frame in a camera's format, each checked against what can be said of it
//! without the library.

use firmware::film::FLOW;
use firmware::report::{Checks, Hash, milli};
use firmware::say;
use nonius::format::{Packed, Rgb565Be, luma, luma_in_place};
use nonius::{
    Affine, Bilinear, Boundary, Error, Image, ImageMut, Nearest, Sampler, Similarity, Transform, Translation,
};

use crate::memory::{Memory, WARPED};

/// Width and height of the window that gradients are shown on.
const WINDOW: [usize; 2] = [16, 12];
const AREA: usize = WINDOW[0] * WINDOW[1];

#[inline(never)]
pub fn run(memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    let [width, height] = WARPED;
    let frame = FLOW.frame(0)?.view(0, 0, width, height)?;
    say!("warp of {} x {} pixels, bilinear", frame.width(), frame.height());
    warps(frame, &mut memory.warped, checks)?;
    say!("gradients of {} x {} pixels, bilinear", WINDOW[0], WINDOW[1]);
    gradients(frame, checks)?;
    say!("RGB565 of {} x {} pixels, bilinear", WINDOW[0], WINDOW[1]);
    formats(frame, checks)
}

fn warps(frame: Image<'_, u8>, warped: &mut [u8], checks: &mut Checks) -> Result<(), Error> {
    let (width, height) = (frame.width(), frame.height());
    let sampler = Sampler::new(Bilinear, Boundary::Replicate);
    let mut out = ImageMut::new(warped, width, height)?;

    sampler.warp(frame, &mut out, &Affine::IDENTITY)?;
    checks.that(out.as_image().rows().eq(frame.rows()), "the identity copies");

    sampler.warp(frame, &mut out, &Translation::new(3.0, -2.0)?)?;
    let shifted = |y: usize| frame.row(y - 2).get(3..).unwrap_or(&[]);
    let same = |y: usize| out.as_image().row(y).starts_with(shifted(y));
    checks.that((2..height).all(same), "a shift by whole pixels copies");

    sampler.warp(frame, &mut out, &Translation::new(0.5, 0.0)?)?;
    let between = |pair: &[u8]| pair.iter().map(|&v| u16::from(v)).sum::<u16>().div_ceil(2);
    let mean = |y: usize| frame.row(y).windows(2).map(between);
    let same = |y: usize| mean(y).zip(out.as_image().row(y)).all(|(mean, &v)| mean == u16::from(v));
    checks.that((0..height).all(same), "halfway between two pixels is their mean");

    // By 12 degrees about the centre.
    let angle = 12.0_f64.to_radians();
    let about = |t: f64| Translation::new(t * (width as f64 - 1.0) / 2.0, t * (height as f64 - 1.0) / 2.0);
    let turn = Similarity::from_matrix(about(1.0)?.matrix())?
        .compose(&Similarity::new(1.0, angle, 0.0, 0.0)?)?
        .compose(&Similarity::from_matrix(about(-1.0)?.matrix())?)?;
    sampler.warp(frame, &mut out, &turn)?;
    let (x, y) = turn.apply(40.0, 20.0);
    let one = sampler.sample(frame, x, y);
    checks.that(out.as_image().get(40, 20) == one, "a warp is a sample at every pixel");
    say!("  turned by 12 degrees: {:016x}", Hash::default().bytes(warped).value());

    let mut out = ImageMut::new(warped, width, height)?;
    Sampler::new(Nearest, Boundary::Constant(0)).warp(frame, &mut out, &turn)?;
    say!("  the same by nearest:  {:016x}", Hash::default().bytes(warped).value());
    Ok(())
}

#[inline(never)]
fn gradients(frame: Image<'_, u8>, checks: &mut Checks) -> Result<(), Error> {
    let [width, height] = WINDOW;
    let sampler = Sampler::new(Bilinear, Boundary::Replicate);
    let (mut dx, mut dy) = ([0; AREA], [0; AREA]);

    // Partials on the lattice are the steps to the next pixels, in Q14.
    let at = Translation::new(24.0, 12.0)?;
    sampler.warp_partials(
        frame,
        &mut ImageMut::new(&mut dx, width, height)?,
        &mut ImageMut::new(&mut dy, width, height)?,
        &at,
    )?;
    let pixel = |x: usize, y: usize| frame.get(x + 24, y + 12).map_or(0, i32::from);
    let mut exact = true;
    for (i, (dx, dy)) in dx.iter().zip(dy.iter()).enumerate() {
        let (x, y) = (i % width, i / width);
        exact &= *dx == (pixel(x + 1, y) - pixel(x, y)) << 14 && *dy == (pixel(x, y + 1) - pixel(x, y)) << 14;
    }
    checks.that(exact, "partials at pixels are the steps to the next ones");

    // Between pixels, and the gradient of a loss with respect to the shift: their sum.
    let at = Translation::new(24.3, 12.6)?;
    sampler.warp_partials(
        frame,
        &mut ImageMut::new(&mut dx, width, height)?,
        &mut ImageMut::new(&mut dy, width, height)?,
        &at,
    )?;
    let cotangent = [1; AREA];
    let cotangent = Image::new(&cotangent, width, height)?;
    let gradient = sampler.parameter_gradient(frame, cotangent, &at);
    let sum = |d: &[i32]| d.iter().map(|&v| i64::from(v)).sum::<i64>() as f64 / f64::from(1 << 14);
    checks.that(gradient == [sum(&dx), sum(&dy)], "the gradient of the shift is the sum of the partials");
    say!("  partials:     {:016x}", Hash::default().words(&dx).words(&dy).value());
    say!("  of the shift: {}, {} grey levels per pixel", milli(gradient[0]), milli(gradient[1]));

    // With respect to the image: what a loss asks of the pixels goes to them, and all of it.
    let turn = Affine::from_parameters([0.9, -0.2, 2.0, 0.2, 0.9, -1.0])?;
    let mut adjoint = [0; AREA];
    sampler.adjoint_q14(cotangent, &mut ImageMut::new(&mut adjoint, width, height)?, &turn)?;
    let total: i64 = adjoint.iter().map(|&v| i64::from(v)).sum();
    checks.that(total == (width * height) as i64 * (1 << 14), "the adjoint loses nothing");
    say!("  adjoint:      {:016x}", Hash::default().words(&adjoint).value());
    Ok(())
}

#[inline(never)]
fn formats(frame: Image<'_, u8>, checks: &mut Checks) -> Result<(), Error> {
    let [width, height] = WINDOW;
    // What a camera sends of a grey scene, high byte first.
    let mut bytes = [0; 2 * AREA];
    let pixels = frame.rows().take(height).flat_map(|row| row.iter().take(width));
    for (pair, &v) in bytes.as_chunks_mut().0.iter_mut().zip(pixels) {
        *pair = [(v & 0xf8) | v >> 5, (v << 3 & 0xe0) | v >> 3];
    }
    let colours = Image::new(Packed::<Rgb565Be>::pixels(&bytes), width, height)?;
    let steps = colours.rows().zip(frame.rows()).flat_map(|(a, b)| a.iter().zip(b));
    let near = |(a, &b): (&Packed<Rgb565Be>, &u8)| a.luma().abs_diff(b) <= 8;
    checks.that(steps.into_iter().all(near), "grey in five and six bits is still grey");

    // Where it lies, and converted.
    let (mut warped, mut grey, mut out) = ([0; AREA], [0; AREA], [0; AREA]);
    let turn = Affine::from_parameters([0.9, -0.2, 2.0, 0.2, 0.9, -1.0])?;
    let mut there = ImageMut::new(&mut warped, width, height)?;
    Sampler::new(Bilinear, Boundary::Reflect).warp(colours, &mut there, &turn)?;
    luma(colours, &mut ImageMut::new(&mut grey, width, height)?)?;
    let converted = Image::new(&grey, width, height)?;
    let mut here = ImageMut::new(&mut out, width, height)?;
    Sampler::new(Bilinear, Boundary::Reflect).warp(converted, &mut here, &turn)?;
    checks.that(warped == out, "a warp of RGB565 is that of its luma");
    say!("  turned and shrunk: {:016x}", Hash::default().bytes(&warped).value());

    let (in_place, rest) = luma_in_place::<Rgb565Be>(&mut bytes, width, height, width)?;
    checks.that(
        in_place.as_image().rows().eq(converted.rows()) && rest.len() == AREA,
        "luma in the frame's own memory leaves half of it",
    );
    Ok(())
}
