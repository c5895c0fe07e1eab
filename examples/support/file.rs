//! Image files: binary PGM and PNG in, PNG out, and nothing half-written.
//!
//! Errors are one line each and name the file. No size that a file declares is believed before it
//! has been held against the length of the file.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;

use nonius::{Error, Image, MAX_SIDE};

/// Pixels in rows without gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane<T> {
    pub width: usize,
    pub height: usize,
    pub data: Vec<T>,
}

impl<T> Plane<T> {
    /// A view for the crate.
    pub fn image(&self) -> Result<Image<'_, T>, Error> {
        Image::new(&self.data, self.width, self.height)
    }
}

/// A grey image as deep as its file.
#[derive(Clone, Debug, PartialEq)]
pub enum Grey {
    U8(Plane<u8>),
    U16(Plane<u16>),
}

impl Grey {
    pub fn size(&self) -> (usize, usize) {
        match self {
            Grey::U8(p) => (p.width, p.height),
            Grey::U16(p) => (p.width, p.height),
        }
    }

    pub fn bits(&self) -> usize {
        match self {
            Grey::U8(_) => 8,
            Grey::U16(_) => 16,
        }
    }

    /// The same values in 16 bits.
    pub fn into_u16(self) -> Plane<u16> {
        match self {
            Grey::U8(p) => {
                Plane { width: p.width, height: p.height, data: p.data.into_iter().map(u16::from).collect() }
            }
            Grey::U16(p) => p,
        }
    }

    /// Bytes that say which pixels are not zero.
    pub fn into_mask(self) -> Plane<u8> {
        match self {
            Grey::U8(p) => p,
            Grey::U16(p) => Plane {
                width: p.width,
                height: p.height,
                data: p.data.into_iter().map(|v| u8::from(v != 0)).collect(),
            },
        }
    }
}

/// Reads a PGM (P5) or PNG file; the content decides which, not the name. Colours become luma
/// (ITU-R BT.601), palettes and 1, 2 and 4 bits are expanded, alpha is dropped.
pub fn read(path: &Path) -> Result<Grey, String> {
    let name = path.display().to_string();
    // Not from a pipe or a device, which may never end.
    let regular = fs::metadata(path).map_err(|e| format!("{name}: {}", reason(&e)))?.is_file();
    if !regular {
        return Err(format!("{name}: not a file"));
    }
    let bytes = fs::read(path).map_err(|e| format!("{name}: {}", reason(&e)))?;
    decode(&bytes).map_err(|e| format!("{name}: {e}"))
}

/// The words of an input or output error, without its number.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

/// Decodes the content of a file; see [`read`].
pub fn decode(bytes: &[u8]) -> Result<Grey, String> {
    match bytes {
        [] => Err("the file is empty".into()),
        [b'P', b'5', ..] => decode_pgm(bytes),
        [b'P', b'1'..=b'7', ..] => Err("a Netpbm file, but not a binary grey one (P5)".into()),
        [0x89, b'P', b'N', b'G', ..] => decode_png(bytes),
        _ => Err("neither a binary PGM (P5) nor a PNG file".into()),
    }
}

/// Whether the crate takes images of this size.
fn check_size(width: usize, height: usize) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err(format!("the image is empty: {width} x {height}"));
    }
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(format!("the image is too large: {width} x {height}, at most {MAX_SIDE} each way"));
    }
    Ok(())
}

fn decode_pgm(bytes: &[u8]) -> Result<Grey, String> {
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut number = |what: &str| -> Result<usize, String> {
        let mut spaced = false;
        loop {
            match rest {
                [b'#', ..] => {
                    let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
                    rest = rest.get(end.unwrap_or(rest.len())..).unwrap_or_default();
                    spaced = true;
                }
                [b, tail @ ..] if b.is_ascii_whitespace() || *b == 0x0b => {
                    rest = tail;
                    spaced = true;
                }
                _ => break,
            }
        }
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let (word, tail) = rest.split_at(digits);
        rest = tail;
        if !spaced || word.is_empty() {
            return Err(format!("the PGM header has no {what}"));
        }
        // Only digits, so the one thing that can go wrong is their number.
        std::str::from_utf8(word)
            .ok()
            .and_then(|w| w.parse().ok())
            .ok_or_else(|| format!("the {what} in the PGM header is too large"))
    };
    let (width, height) = (number("width")?, number("height")?);
    let largest = number("largest value")?;
    check_size(width, height)?;
    if !(1..=65_535).contains(&largest) {
        return Err(format!("the largest value in the PGM header is {largest}, not in 1 to 65535"));
    }
    // Exactly one white-space character, then the pixels.
    let data = match rest {
        [b, data @ ..] if b.is_ascii_whitespace() => data,
        _ => return Err("the PGM header does not end in white space".into()),
    };
    let needed = width * height * if largest < 256 { 1 } else { 2 };
    let data = data.get(..needed).ok_or_else(|| {
        format!("the file is cut short: {width} x {height} pixels are {needed} bytes, {} found", data.len())
    })?;
    let beyond = |v: usize| format!("a pixel of {v} is above the largest value of the header, {largest}");
    if largest < 256 {
        match data.iter().find(|&&v| usize::from(v) > largest) {
            Some(&v) => Err(beyond(v.into())),
            None => Ok(Grey::U8(Plane { width, height, data: data.to_vec() })),
        }
    } else {
        let data: Vec<u16> = data.as_chunks().0.iter().map(|&b| u16::from_be_bytes(b)).collect();
        match data.iter().find(|&&v| usize::from(v) > largest) {
            Some(&v) => Err(beyond(v.into())),
            None => Ok(Grey::U16(Plane { width, height, data })),
        }
    }
}

fn decode_png(bytes: &[u8]) -> Result<Grey, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND);
    let header = decoder.read_header_info().map_err(damaged)?;
    let (width, height) = (header.width as usize, header.height as usize);
    let raw_row = header.raw_row_length();
    check_size(width, height)?;
    // Deflate makes at most 1032 bytes of one.
    if raw_row.saturating_mul(height) > bytes.len().saturating_mul(1032) {
        return Err(format!("the file is too short for {width} x {height} pixels"));
    }
    let mut reader = decoder.read_info().map_err(damaged)?;
    let size = reader.output_buffer_size().ok_or("the image is too large for this machine")?;
    let mut data = Vec::new();
    data.try_reserve_exact(size).map_err(|_| "not enough memory for the image")?;
    data.resize(size, 0);
    let info = reader.next_frame(&mut data).map_err(damaged)?;
    // Also what follows the pixels has to be whole.
    reader.finish().map_err(damaged)?;
    data.truncate(info.buffer_size());

    let channels = info.color_type.samples();
    if info.bit_depth == png::BitDepth::Sixteen {
        let values: Vec<u16> = data.as_chunks().0.iter().map(|&b| u16::from_be_bytes(b)).collect();
        let data = grey(&values, channels, |v| v as u16);
        Ok(Grey::U16(Plane { width, height, data }))
    } else {
        let data = if channels == 1 { data } else { grey(&data, channels, |v| v as u8) };
        Ok(Grey::U8(Plane { width, height, data }))
    }
}

/// The words of a decoder's error on one line.
fn damaged(error: png::DecodingError) -> String {
    let words: Vec<String> = error.to_string().split_whitespace().map(str::to_owned).collect();
    format!("not a whole PNG file: {}", words.join(" ").trim_end_matches('.'))
}

/// One value of every pixel: the first channel, or the luma of the first three.
fn grey<T: Copy + Into<u32>>(values: &[T], channels: usize, narrow: impl Fn(u32) -> T) -> Vec<T> {
    let pixel = |p: &[T]| match *p {
        [r, g, b, ..] => narrow((299 * r.into() + 587 * g.into() + 114 * b.into() + 500) / 1000),
        [v, ..] => v,
        [] => narrow(0),
    };
    values.chunks_exact(channels.max(1)).map(pixel).collect()
}

/// A depth of files that are read: how it is written.
pub trait Depth: nonius::align::Grey + Default {
    fn encode(name: impl Into<String>, plane: &Plane<Self>) -> Result<Encoded, String>;
}

impl Depth for u8 {
    fn encode(name: impl Into<String>, plane: &Plane<u8>) -> Result<Encoded, String> {
        encode_u8(name, plane)
    }
}

impl Depth for u16 {
    fn encode(name: impl Into<String>, plane: &Plane<u16>) -> Result<Encoded, String> {
        encode_u16(name, plane)
    }
}

/// A file's name and content, before it is written.
#[derive(Clone)]
pub struct Encoded {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Encodes 8-bit grey.
pub fn encode_u8(name: impl Into<String>, plane: &Plane<u8>) -> Result<Encoded, String> {
    encode(name, plane.width, plane.height, png::ColorType::Grayscale, png::BitDepth::Eight, &plane.data)
}

/// Encodes 16-bit grey.
pub fn encode_u16(name: impl Into<String>, plane: &Plane<u16>) -> Result<Encoded, String> {
    let data: Vec<u8> = plane.data.iter().flat_map(|v| v.to_be_bytes()).collect();
    encode(name, plane.width, plane.height, png::ColorType::Grayscale, png::BitDepth::Sixteen, &data)
}

/// Encodes colour, three bytes a pixel.
pub fn encode_rgb(
    name: impl Into<String>,
    width: usize,
    height: usize,
    data: &[u8],
) -> Result<Encoded, String> {
    encode(name, width, height, png::ColorType::Rgb, png::BitDepth::Eight, data)
}

fn encode(
    name: impl Into<String>,
    width: usize,
    height: usize,
    color: png::ColorType,
    depth: png::BitDepth,
    data: &[u8],
) -> Result<Encoded, String> {
    let name = name.into();
    let write = || -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_color(color);
        encoder.set_depth(depth);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(data)?;
        writer.finish()?;
        Ok(bytes)
    };
    let bytes = write().map_err(|e| format!("{name}: {e}"))?;
    Ok(Encoded { name, bytes })
}

/// Writes a file under another name beside its own and renames it, so that there is the whole file
/// or none.
pub fn write(folder: &Path, file: &Encoded) -> Result<(), String> {
    let path = folder.join(&file.name);
    let partial = folder.join(format!(".{}.{}", file.name, std::process::id()));
    let result = File::create(&partial)
        .and_then(|mut f| f.write_all(&file.bytes))
        .and_then(|()| fs::rename(&partial, &path));
    result.map_err(|e| {
        // What is left of it is of no use; that it cannot be removed adds nothing to the error.
        let _ = fs::remove_file(&partial);
        format!("{}: {}", path.display(), reason(&e))
    })
}

/// A folder to write to, made if it is not there.
pub fn make_folder(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {}", folder.display(), reason(&e)))
}
