//! The crate `imageproc`.

use imageproc::definitions::{Clamp, Image};
use imageproc::geometric_transformations::{Border, Interpolation, Projection, warp_into, warp_into_with};
use imageproc::image::{Luma, Pixel, Primitive, Rgb};

use crate::case::{Case, Contestant, Raw, Timed};

pub fn prepare(case: &Case) -> Option<Box<dyn Contestant>> {
    match case.pixel {
        "u8" => warp(case, Luma([0u8])),
        "u8x3" => warp(case, Rgb([0u8; 3])),
        "u16" => warp(case, Luma([0u16])),
        "f32" => warp(case, Luma([0f32])),
        _ => None,
    }
}

fn warp<P>(case: &Case, zero: P) -> Option<Box<dyn Contestant>>
where
    P: Pixel<Subpixel: Primitive + Raw + Send + Sync + Into<f32> + Clamp<f32>> + Send + Sync + 'static,
{
    let kernel = match case.kernel {
        "nearest" => Interpolation::Nearest,
        "bilinear" => Interpolation::Bilinear,
        // Its bicubic is another one: a = -1/2.
        _ => return None,
    };
    let (width, height) = case.size();
    let border = Border::Constant(zero);
    let source = Image::<P>::from_raw(width as u32, height as u32, case.read("source"))?;
    let output = Image::<P>::new(width as u32, height as u32);
    let bytes = |output: &Image<P>| Raw::to_bytes(output.as_raw());
    match case.operation {
        "affine" | "homography" => {
            let inverse = Projection::from_matrix(case.matrix().map(|v| v as f32))?.invert();
            let call = move |output: &mut Image<P>| warp_into(&source, inverse, kernel, border, output);
            Some(Box::new(Timed { output, call, bytes }))
        }
        "map" => {
            let (map_x, map_y) = (case.read::<f32>("map_x"), case.read::<f32>("map_y"));
            let call = move |output: &mut Image<P>| {
                let at = |x: f32, y: f32| {
                    let i = y as usize * width + x as usize;
                    (map_x[i], map_y[i])
                };
                warp_into_with(&source, at, kernel, border, output);
            };
            Some(Box::new(Timed { output, call, bytes }))
        }
        _ => None,
    }
}
