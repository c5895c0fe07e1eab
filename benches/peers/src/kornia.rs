//! The crate `kornia-imgproc`. Its warps of bytes are bilinear only.

use kornia_image::{Image, ImageError, ImageSize};
use kornia_imgproc::interpolation::{InterpolationMode, remap, remap_u8};
use kornia_imgproc::warp::{warp_affine, warp_affine_u8, warp_perspective, warp_perspective_u8};

use crate::case::{Case, Contestant, Raw, Timed};

pub fn prepare(case: &Case) -> Option<Box<dyn Contestant>> {
    let mode = match case.kernel {
        "nearest" => InterpolationMode::Nearest,
        "bilinear" => InterpolationMode::Bilinear,
        // Its bicubic and its Lanczos are others.
        _ => return None,
    };
    let bilinear = mode == InterpolationMode::Bilinear;
    match (case.operation, case.pixel) {
        ("affine", "u8") if bilinear => affine(case, warp_affine_u8::<1>),
        ("affine", "u8x3") if bilinear => affine(case, warp_affine_u8::<3>),
        ("affine", "f32") => affine::<f32, 1>(case, move |s, d, m| warp_affine(s, d, m, mode)),
        ("homography", "u8") if bilinear => homography(case, warp_perspective_u8::<1>),
        ("homography", "u8x3") if bilinear => homography(case, warp_perspective_u8::<3>),
        ("homography", "f32") => homography::<f32, 1>(case, move |s, d, m| warp_perspective(s, d, m, mode)),
        ("map", "u8") => map::<u8>(case, move |s, d, x, y| remap_u8(s, d, x, y, mode)),
        ("map", "f32") => map::<f32>(case, move |s, d, x, y| remap(s, d, x, y, mode)),
        _ => None,
    }
}

fn image<T: Raw, const C: usize>(case: &Case, name: &str) -> Option<Image<T, C>> {
    let (width, height) = case.size();
    Image::new(ImageSize { width, height }, case.read(name)).ok()
}

fn contestant<T: Raw, const C: usize>(
    case: &Case,
    call: impl Fn(&mut Image<T, C>) -> Result<(), ImageError> + 'static,
) -> Option<Box<dyn Contestant>> {
    let (width, height) = case.size();
    Some(Box::new(Timed {
        output: Image::<T, C>::from_size_val(ImageSize { width, height }, T::ZERO).ok()?,
        call: move |output: &mut Image<T, C>| call(output).unwrap(),
        bytes: |output: &Image<T, C>| Raw::to_bytes(output.as_slice()),
    }))
}

/// From source to destination, as these functions want it.
fn inverse(m: [f64; 9]) -> [f64; 9] {
    let cofactor = |i: usize, j: usize| {
        let at = |r: usize, c: usize| m[3 * ((i + r) % 3) + (j + c) % 3];
        at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1)
    };
    let determinant = (0..3).map(|j| m[j] * cofactor(0, j)).sum::<f64>();
    std::array::from_fn(|k| cofactor(k % 3, k / 3) / determinant)
}

fn affine<T: Raw, const C: usize>(
    case: &Case,
    warp: impl Fn(&Image<T, C>, &mut Image<T, C>, &[f32; 6]) -> Result<(), ImageError> + 'static,
) -> Option<Box<dyn Contestant>> {
    let (source, m) = (image(case, "source")?, inverse(case.matrix()));
    let m = std::array::from_fn(|k| m[k] as f32);
    contestant(case, move |output| warp(&source, output, &m))
}

fn homography<T: Raw, const C: usize>(
    case: &Case,
    warp: impl Fn(&Image<T, C>, &mut Image<T, C>, &[f32; 9]) -> Result<(), ImageError> + 'static,
) -> Option<Box<dyn Contestant>> {
    let (source, m) = (image(case, "source")?, inverse(case.matrix()));
    let m = m.map(|v| (v / m[8]) as f32);
    contestant(case, move |output| warp(&source, output, &m))
}

fn map<T: Raw>(
    case: &Case,
    warp: impl Fn(&Image<T, 1>, &mut Image<T, 1>, &Image<f32, 1>, &Image<f32, 1>) -> Result<(), ImageError>
    + 'static,
) -> Option<Box<dyn Contestant>> {
    let (source, x, y) = (image(case, "source")?, image(case, "map_x")?, image(case, "map_y")?);
    contestant(case, move |output| warp(&source, output, &x, &y))
}
