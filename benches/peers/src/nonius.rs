//! This crate, at one of its levels.

use nonius::{
    Affine, Bilinear, Boundary, Homography, Image, ImageMut, Interpolator, Level, Map, Nearest, Pixel,
    Sampler, Transform, Warp,
};

use crate::case::{Case, Contestant, Raw, filling};

pub fn prepare(case: &Case, level: &str) -> Option<Box<dyn Contestant>> {
    let level = Level::by_name(level)?;
    match (case.operation, case.pixel) {
        ("affine" | "homography" | "map", "u8") => kernel::<u8>(case, level),
        ("affine" | "homography" | "map", "u8x3") => kernel::<[u8; 3]>(case, level),
        ("affine" | "homography" | "map", "u16") => kernel::<u16>(case, level),
        ("affine" | "homography" | "map", "i16") => kernel::<i16>(case, level),
        ("affine" | "homography" | "map", "f32") => kernel::<f32>(case, level),
        (_, "f32") => stn::prepare(case, level),
        _ => None,
    }
}

fn kernel<P: Pixel + Raw>(case: &Case, level: Level) -> Option<Box<dyn Contestant>> {
    match case.kernel {
        "nearest" => operation::<_, P>(case, level, Nearest),
        "bilinear" => operation::<_, P>(case, level, Bilinear),
        "bicubic" => operation::<_, P>(case, level, nonius::Cubic::<-75>),
        "lanczos4" => operation::<_, P>(case, level, nonius::Lanczos::<4>),
        _ => None,
    }
}

fn operation<K, P>(case: &Case, level: Level, kernel: K) -> Option<Box<dyn Contestant>>
where
    K: Interpolator + 'static,
    P: Pixel + Raw,
{
    let sampler = Sampler::new(kernel, Boundary::Constant(P::ZERO)).with_level(level);
    match case.operation {
        "affine" => warp(case, sampler, Affine::from_matrix(case.matrix()).unwrap()),
        "homography" => warp(case, sampler, Homography::from_matrix(case.matrix()).unwrap()),
        "map" => {
            let (width, height) = case.size();
            let (source, x, y) = (case.read("source"), case.read::<f32>("map_x"), case.read::<f32>("map_y"));
            filling(case.len(), move |output| {
                let plane = |data| Image::new(data, width, height).unwrap();
                let map = Map::new(plane(&x), plane(&y)).unwrap();
                let source = Image::new(&source, width, height).unwrap();
                sampler.warp(source, &mut ImageMut::new(output, width, height).unwrap(), &map).unwrap();
            })
        }
        _ => None,
    }
}

fn warp<K, P, W>(case: &Case, sampler: Sampler<K, P>, warp: W) -> Option<Box<dyn Contestant>>
where
    K: Interpolator + 'static,
    P: Pixel + Raw,
    W: Warp + 'static,
{
    let ((width, height), source) = (case.size(), case.read("source"));
    filling(case.len(), move |output| {
        let source = Image::new(&source, width, height).unwrap();
        sampler.warp(source, &mut ImageMut::new(output, width, height).unwrap(), &warp).unwrap();
    })
}

/// `grid_sample` with zeros outside, forward and backward.
mod stn {
    use super::*;
    use crate::case::Timed;
    use nonius::stn::{GridSample, Padding, Tensor, TensorMut, Theta};
    use nonius::{Linear, NearestEven};

    pub fn prepare(case: &Case, level: Level) -> Option<Box<dyn Contestant>> {
        match case.kernel {
            "nearest" => operation(case, level, NearestEven),
            "bilinear" => operation(case, level, Bilinear),
            "bicubic" => operation(case, level, nonius::Cubic::<-75>),
            _ => None,
        }
    }

    fn operation<K>(case: &Case, level: Level, kernel: K) -> Option<Box<dyn Contestant>>
    where
        K: Interpolator + Linear + 'static,
    {
        let shape @ [n, _, height, width] = case.shape;
        let points = [n, 1, height, width];
        let sampler = GridSample::new(kernel, Padding::Zeros, false).with_level(level);
        let source = case.read::<f32>("source");
        match case.operation {
            "forward" => {
                let grid = case.read::<[f32; 2]>("grid");
                filling(case.len(), move |output| {
                    let source = Tensor::new(&source, shape).unwrap();
                    let grid = Tensor::new(&grid, points).unwrap();
                    sampler.sample(source, grid, &mut TensorMut::new(output, shape).unwrap()).unwrap();
                })
            }
            // The gradient with respect to the grid; then that with respect to the image, if asked.
            "grid" | "both" => {
                let (grid, cotangent) = (case.read::<[f32; 2]>("grid"), case.read::<f32>("cotangent"));
                let both = case.operation == "both";
                let image = if both { case.len() } else { 0 };
                Some(Box::new(Timed {
                    output: (vec![[0.0f32; 2]; n * height * width], vec![0.0f32; image]),
                    call: move |(to_grid, to_image): &mut (Vec<[f32; 2]>, Vec<f32>)| {
                        let source = Tensor::new(&source, shape).unwrap();
                        let grid = Tensor::new(&grid, points).unwrap();
                        let cotangent = Tensor::new(&cotangent, shape).unwrap();
                        let mut to_grid = TensorMut::new(to_grid, points).unwrap();
                        sampler.grid_gradient(source, cotangent, grid, &mut to_grid).unwrap();
                        if both {
                            to_image.fill(0.0);
                            let mut to_image = TensorMut::new(to_image, shape).unwrap();
                            sampler.adjoint::<f32, _>(cotangent, grid, &mut to_image).unwrap();
                        }
                    },
                    bytes: |(to_grid, to_image): &(Vec<[f32; 2]>, Vec<f32>)| {
                        [Raw::to_bytes(to_grid), Raw::to_bytes(to_image)].concat()
                    },
                }))
            }
            // Mean squared difference from a target, and its gradient: one pass, no grid.
            "theta" => {
                let (theta, target) = (case.read::<Theta>("theta"), case.read::<f32>("target"));
                let scale = 1.0 / case.len() as f32;
                filling(1 + 6 * n, move |output: &mut [f64]| {
                    // (In eight sums, so that none waits for the last.)
                    let (source, mut sums) = (Tensor::new(&source, shape).unwrap(), [0.0; 8]);
                    let target = Tensor::new(&target, shape).unwrap();
                    let mut gradient = vec![[[0.0; 3]; 2]; n];
                    let loss = |[n, c, y, x]: [usize; 4], values: &[f32], cotangents: &mut [f32]| {
                        let target = &target.row(n, c, y)[x..][..values.len()];
                        for ((cotangent, value), target) in cotangents.iter_mut().zip(values).zip(target) {
                            *cotangent = value - target;
                        }
                        let (eights, rest) = cotangents.as_chunks::<8>();
                        for eight in eights {
                            for (sum, &residual) in sums.iter_mut().zip(eight) {
                                *sum += f64::from(residual) * f64::from(residual);
                            }
                        }
                        for (sum, &residual) in sums.iter_mut().zip(rest) {
                            *sum += f64::from(residual) * f64::from(residual);
                        }
                        for cotangent in cotangents {
                            *cotangent *= 2.0 * scale;
                        }
                    };
                    sampler.theta_gradient_of(source, &theta, [height, width], loss, &mut gradient).unwrap();
                    output[0] = sums.iter().sum::<f64>() * f64::from(scale);
                    output[1..].copy_from_slice(gradient.as_flattened().as_flattened());
                })
            }
            _ => None,
        }
    }
}
