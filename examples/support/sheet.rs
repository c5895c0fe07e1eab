//! Small pictures side by side, each with a caption.

use std::path::Path;

use super::picture::{BACKGROUND, Canvas, Colour, TEXT};
use super::{file, letters};

const GAP: usize = 14;

/// An image of grey levels, each pixel `zoom` wide and high.
pub fn grey(pixels: &[u8], width: usize, zoom: usize) -> Canvas {
    coloured(pixels, width, zoom, |v| [v; 3])
}

/// An image of anything that has a colour, each pixel `zoom` wide and high.
pub fn coloured<T: Copy>(pixels: &[T], width: usize, zoom: usize, colour: impl Fn(T) -> Colour) -> Canvas {
    let height = pixels.len() / width.max(1);
    Canvas::from_fn(width * zoom, height * zoom, |x, y| colour(pixels[y / zoom * width + x / zoom]))
}

/// Blue below zero, red above, white at zero; saturated at `full`.
pub fn signed(v: f32, full: f32) -> Colour {
    let d = (v / full).clamp(-1.0, 1.0);
    let to = if d < 0.0 { [0.02, 0.25, 0.62] } else { [0.70, 0.05, 0.12] };
    to.map(|to: f32| (255.0 * (1.0 + (to - 1.0) * d.abs())).round() as u8)
}

/// Pictures in rows of so many columns, all as large as the largest.
pub fn sheet(cells: &[(String, Canvas)], columns: usize) -> Canvas {
    let text = |caption: &str| letters::width(caption) * 2;
    let width = cells.iter().map(|(caption, p)| p.width.max(text(caption))).max().unwrap_or(0);
    let height = cells.iter().map(|(_, p)| p.height).max().unwrap_or(0);
    let line = letters::HEIGHT * 2 + GAP / 2;
    let rows = cells.len().div_ceil(columns);
    let mut sheet =
        Canvas::new(GAP + columns * (width + GAP), GAP + rows * (line + height + GAP), BACKGROUND);
    for (i, (caption, picture)) in cells.iter().enumerate() {
        let (left, top) = (GAP + i % columns * (width + GAP), GAP + i / columns * (line + height + GAP));
        sheet.write(left, top, 2, TEXT, caption);
        sheet.paste(left, top + line, picture);
    }
    sheet
}

/// Writes `target/EXAMPLE/NAME` and prints where.
pub fn save(example: &str, name: &'static str, sheet: &Canvas) -> Result<(), String> {
    let folder = Path::new("target").join(example);
    file::make_folder(&folder)?;
    file::write(&folder, &file::encode_rgb(name, sheet.width, sheet.height, sheet.bytes())?)?;
    println!("{}", folder.join(name).display());
    Ok(())
}
