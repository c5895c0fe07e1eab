//! Pictures of an alignment: checkerboards, colour overlays and differences, before and after.
//!
//! Both images are shown in the grey levels of *fixed*: *moving* is brought there by the recovered
//! gain and offset, so that what is left in a picture is geometry, noise and what has changed.

use super::letters;

/// The largest side of a picture. Larger images are shown by every n-th pixel.
pub const LARGEST: usize = 2048;

pub const BACKGROUND: Colour = [22, 23, 27];
pub const TEXT: Colour = [214, 216, 222];
const LINE: Colour = [255, 176, 32];
/// Where there is no value to subtract.
const NOTHING: Colour = [196, 196, 200];

/// Red, green, blue.
pub type Colour = [u8; 3];

/// A colour picture.
#[derive(Clone)]
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    pub fn new(width: usize, height: usize, colour: Colour) -> Self {
        Self { width, height, pixels: vec![colour; width * height] }
    }

    pub fn from_fn(width: usize, height: usize, mut pixel: impl FnMut(usize, usize) -> Colour) -> Self {
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            pixels.extend((0..width).map(|x| pixel(x, y)));
        }
        Self { width, height, pixels }
    }

    pub fn bytes(&self) -> &[u8] {
        self.pixels.as_flattened()
    }

    fn get(&self, x: usize, y: usize) -> Colour {
        self.pixels.get(y * self.width + x).copied().unwrap_or(BACKGROUND)
    }

    pub fn put(&mut self, x: usize, y: usize, colour: Colour) {
        if x < self.width
            && let Some(pixel) = self.pixels.get_mut(y * self.width + x)
        {
            *pixel = colour;
        }
    }

    pub fn paste(&mut self, left: usize, top: usize, picture: &Canvas) {
        for y in 0..picture.height {
            for x in 0..picture.width {
                self.put(left + x, top + y, picture.get(x, y));
            }
        }
    }

    pub fn write(&mut self, left: usize, top: usize, scale: usize, colour: Colour, text: &str) {
        for (x, y) in letters::dots(text) {
            for i in 0..scale * scale {
                self.put(left + x * scale + i % scale, top + y * scale + i / scale, colour);
            }
        }
    }

    /// This picture with its larger side near `side`: a mean over areas, or whole pixels enlarged.
    fn fitted(&self, side: usize) -> Canvas {
        let longest = self.width.max(self.height);
        if longest <= side {
            let zoom = (side / longest).max(1);
            return Canvas::from_fn(self.width * zoom, self.height * zoom, |x, y| {
                self.get(x / zoom, y / zoom)
            });
        }
        let scaled = |n: usize| (n * side / longest).max(1);
        let (width, height) = (scaled(self.width), scaled(self.height));
        Canvas::from_fn(width, height, |x, y| {
            let area = |i: usize, n: usize, of: usize| (i * of / n)..((i + 1) * of).div_ceil(n);
            let mut sum = [0; 3];
            let mut count = 0;
            for v in area(y, height, self.height) {
                for u in area(x, width, self.width) {
                    for (sum, value) in sum.iter_mut().zip(self.get(u, v)) {
                        *sum += usize::from(value);
                    }
                    count += 1;
                }
            }
            sum.map(|s| (s / count.max(1)) as u8)
        })
    }
}

/// The two images on the pixels of *fixed*, black at 0 and white at 1; NaN where there is none.
pub struct Scene {
    pub width: usize,
    pub height: usize,
    pub fixed: Vec<f32>,
    pub before: Vec<f32>,
    pub after: Vec<f32>,
    /// The moving image in its own pixels.
    pub moving: (usize, usize, Vec<f32>),
}

/// A picture and the name of its file.
pub struct Picture {
    pub name: &'static str,
    caption: String,
    pub canvas: Canvas,
}

impl Scene {
    /// Scales fixed, before, after and moving alike, so that the middle 99 % of *fixed* spans black
    /// to white.
    pub fn stretch(&mut self) {
        let (low, high) = (quantile(&self.fixed, 0.005), quantile(&self.fixed, 0.995));
        let range = if high > low { high - low } else { 1.0 };
        for plane in [&mut self.fixed, &mut self.before, &mut self.after, &mut self.moving.2] {
            for v in plane {
                *v = (*v - low) / range;
            }
        }
    }

    fn pixel<'a>(&self, plane: &'a [f32]) -> impl Fn(usize, usize) -> f32 + use<'a> {
        let width = self.width;
        move |x, y| plane.get(y * width + x).copied().unwrap_or(f32::NAN)
    }

    fn map(&self, moving: &[f32], colour: impl Fn(f32, f32) -> Colour) -> Canvas {
        let (f, m) = (self.pixel(&self.fixed), self.pixel(moving));
        Canvas::from_fn(self.width, self.height, |x, y| colour(f(x, y), m(x, y)))
    }

    /// Fixed and moving in turn, on tiles with a thin line between them; fixed, dimmed, where there
    /// is no moving.
    fn checkerboard(&self, moving: &[f32]) -> Canvas {
        let (f, m) = (self.pixel(&self.fixed), self.pixel(moving));
        let tile = self.width.max(self.height).div_ceil(5).max(2);
        Canvas::from_fn(self.width, self.height, |x, y| {
            let (f, m) = (f(x, y), m(x, y));
            if m.is_nan() {
                return grey(0.35 * f);
            }
            let colour = grey(if (x / tile + y / tile).is_multiple_of(2) { f } else { m });
            let between = (x % tile == 0 && x > 0) || (y % tile == 0 && y > 0);
            if tile >= 8 && between { blend(colour, LINE) } else { colour }
        })
    }

    /// Fixed in green, moving in magenta: grey where they agree.
    fn overlay(&self, moving: &[f32]) -> Canvas {
        self.map(moving, |f, m| {
            if m.is_nan() {
                // Only fixed, which is not a disagreement.
                return [0.25, 0.45, 0.25].map(|part| byte(f * part));
            }
            [byte(m), byte(f), byte(m)]
        })
    }

    /// Blue where moving is darker than fixed, white where they agree, red where it is brighter.
    fn difference(&self, moving: &[f32], factor: f32) -> Canvas {
        self.map(moving, |f, m| {
            let d = ((m - f) * factor).clamp(-1.0, 1.0);
            if d.is_nan() {
                return NOTHING;
            }
            let fade = |to: [f32; 3]| {
                let mut colour = [1.0; 3];
                for (c, to) in colour.iter_mut().zip(to) {
                    *c += (to - 1.0) * d.abs();
                }
                colour.map(byte)
            };
            if d < 0.0 { fade([0.02, 0.25, 0.62]) } else { fade([0.70, 0.05, 0.12]) }
        })
    }

    /// By how much differences are amplified: a power of two that shows most of those *before*
    /// without saturating.
    fn factor(&self) -> f32 {
        let difference: Vec<f32> = self.fixed.iter().zip(&self.before).map(|(f, m)| (m - f).abs()).collect();
        let large = quantile(&difference, 0.9);
        [8.0, 4.0, 2.0].into_iter().find(|factor| large * factor <= 1.0).unwrap_or(1.0)
    }

    /// All pictures, those before first.
    pub fn pictures(&self) -> Vec<Picture> {
        let factor = self.factor();
        let named = |name, caption: String, canvas| Picture { name, caption, canvas };
        let difference = |when: &str| format!("difference {when} x{factor}");
        vec![
            named("checkerboard_before.png", "checkerboard before".into(), self.checkerboard(&self.before)),
            named("overlay_before.png", "overlay before".into(), self.overlay(&self.before)),
            named("difference_before.png", difference("before"), self.difference(&self.before, factor)),
            named("checkerboard_after.png", "checkerboard after".into(), self.checkerboard(&self.after)),
            named("overlay_after.png", "overlay after".into(), self.overlay(&self.after)),
            named("difference_after.png", difference("after"), self.difference(&self.after, factor)),
        ]
    }

    /// One picture of everything: the two images and the pictures, before above after.
    pub fn sheet(&self, pictures: &[Picture], title: &str) -> Canvas {
        const SIDE: usize = 320;
        const GAP: usize = 18;
        const SCALE: usize = 2;
        let line = letters::HEIGHT * SCALE;
        let fixed = Canvas::from_fn(self.width, self.height, |x, y| grey(self.pixel(&self.fixed)(x, y)));
        let (width, height, values) = &self.moving;
        let moving = Canvas::from_fn(*width, *height, |x, y| {
            grey(values.get(y * width + x).copied().unwrap_or(f32::NAN))
        });
        let (before, after) = pictures.split_at(pictures.len() / 2);
        let row = |first: (&str, &Canvas), rest: &[Picture]| {
            let mut cells = vec![(first.0.to_owned(), first.1.fitted(SIDE))];
            cells.extend(rest.iter().map(|p| (p.caption.clone(), p.canvas.fitted(SIDE))));
            cells
        };
        let rows = [row(("fixed", &fixed), before), row(("moving", &moving), after)];

        // Columns as wide, and rows as high, as what is in them.
        let text = |caption: &str| letters::width(caption) * SCALE;
        let columns: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0))
            .map(|i| {
                let cells = rows.iter().filter_map(|row| row.get(i));
                cells.map(|(caption, p)| p.width.max(text(caption))).max().unwrap_or(0)
            })
            .collect();
        let heights = rows.each_ref().map(|row| row.iter().map(|(_, p)| p.height).max().unwrap_or(0));
        let width = GAP + columns.iter().map(|w| w + GAP).sum::<usize>();
        let width = width.max(text(title) + 2 * GAP);
        let height = 2 * GAP + line + heights.iter().map(|h| h + line + GAP + GAP / 2).sum::<usize>();

        let mut sheet = Canvas::new(width, height, BACKGROUND);
        sheet.write(GAP, GAP, SCALE, LINE, title);
        let mut top = 2 * GAP + line;
        for (cells, height) in rows.iter().zip(heights) {
            let mut left = GAP;
            for ((caption, picture), width) in cells.iter().zip(&columns) {
                sheet.write(left, top, SCALE, TEXT, caption);
                sheet.paste(left, top + line + GAP / 2, picture);
                left += width + GAP;
            }
            top += height + line + GAP + GAP / 2;
        }
        sheet
    }
}

fn byte(v: f32) -> u8 {
    (v * 255.0).round().clamp(0.0, 255.0) as u8
}

fn grey(v: f32) -> Colour {
    if v.is_nan() { BACKGROUND } else { [byte(v); 3] }
}

/// The mean of two colours.
fn blend(a: Colour, b: Colour) -> Colour {
    let mut mean = a;
    for (a, b) in mean.iter_mut().zip(b) {
        *a = a.midpoint(b);
    }
    mean
}

/// The value below which a part of the finite values lies; 0 if there are none.
fn quantile(values: &[f32], part: f64) -> f32 {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let at = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
    if at >= sorted.len() {
        return 0.0;
    }
    *sorted.select_nth_unstable_by(at, f32::total_cmp).1
}
