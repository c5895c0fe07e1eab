//! An aligned frame on a display: an image is drawn by `embedded-graphics`, and what was drawn is an image.

use embedded_graphics::framebuffer::{Framebuffer, buffer_size};
use embedded_graphics::image::{GetPixel, Image as Drawing};
use embedded_graphics::pixelcolor::raw::LittleEndian;
use embedded_graphics::pixelcolor::{Gray8, Rgb565};
use embedded_graphics::prelude::*;
use firmware::film::FLOW;
use firmware::report::{Checks, Hash};
use firmware::say;
use nonius::align::shift;
use nonius::format::{Packed, Rgb565Le};
use nonius::{Bilinear, Boundary, Error, Image, ImageMut, Sampler};

use crate::memory::{Memory, WARPED};
use crate::tracking::SEARCH;

const WIDTH: usize = WARPED[0];
const HEIGHT: usize = WARPED[1];

/// What a display shows: in place of a driver's `DrawTarget`.
type Display = Framebuffer<
    Rgb565,
    <Rgb565 as PixelColor>::Raw,
    LittleEndian,
    WIDTH,
    HEIGHT,
    { buffer_size::<Rgb565>(WIDTH, HEIGHT) },
>;

#[inline(never)]
pub fn run(memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    say!("an aligned frame on a display of {} x {} pixels", WIDTH, HEIGHT);
    let [first, second] = [FLOW.frame(0)?, FLOW.frame(1)?];
    let found = shift(first, second, SEARCH, &mut memory.pyramids)?;
    let mut out = ImageMut::new(&mut memory.warped, WIDTH, HEIGHT)?;
    Sampler::new(Bilinear, Boundary::Replicate).warp(second, &mut out, &found.transform())?;
    let aligned = out.as_image();

    let mut display = Display::new();
    // (That a framebuffer refuses nothing is known to the compiler.)
    let Ok(()) = Drawing::new(&aligned, Point::zero()).draw(&mut display.color_converted());

    let shown = |x, y| display.pixel(Point::new(x as i32, y as i32));
    let drawn = |x, y| aligned.get(x, y).map(|luma| Rgb565::from(Gray8::new(luma)));
    let all = (0..HEIGHT).all(|y| (0..WIDTH).all(|x| shown(x, y) == drawn(x, y)));
    checks.that(all, "the display shows every pixel");

    // The display as an image: of the first frame, but for what 5 and 6 bits and the shift at the border leave.
    let shown = Image::<Packed<Rgb565Le>>::try_from(&display)?;
    let away = |from: Image<'_, u8>, luma: &dyn Fn(usize, usize) -> u8| -> u32 {
        let inside = (4..HEIGHT - 4).flat_map(|y| (4..WIDTH - 4).map(move |x| (x, y)));
        inside.map(|(x, y)| u32::from(from.get(x, y).unwrap_or(0).abs_diff(luma(x, y)))).sum()
    };
    let before = away(first, &|x, y| second.get(x, y).unwrap_or(0));
    let after = away(first, &|x, y| shown.get(x, y).map_or(0, Packed::luma));
    checks.that(3 * after < before, "what is shown is where it was in the first frame");
    say!(
        "  drawn: {:016x}, {} grey levels away from the first frame, not {}",
        Hash::default().bytes(display.data()).value(),
        after,
        before
    );
    Ok(())
}
