//! Firmware that calls every operation of the core with arguments the compiler knows nothing about.
//! It is linked, not run: `.ci/no_panic` looks for a panic in what the linker kept.
//!
//! Not here is formatting (`Display`, `Debug`), whose machinery in `core` can panic; firmware has
//! the feature `defmt` for that.
#![no_std]
#![no_main]

use core::hint::black_box as any;

use nonius::align::{
    Aligner, Found, Grey, Lean, Options, Pair, Robust, Scope, Shift, Status, Step, Tracker, Tracking,
    run_all, shift,
};
use nonius::format::{Format, Packed, Rgb565Be, Rgb565Le, Uyvy, Yuyv, luma, luma_in_place, rgb565_luma};
use nonius::kernel::adaptive::{Frozen, GateImage, Hard, Soft};
use nonius::kernel::weighted::{Smoothstep, Table, Tent};
use nonius::pyramid::{Pyramid, buffer_len, level_size, reduce, reduce_mask, reduce_with_threads};
use nonius::spline::{Coefficient, Spline};
use nonius::stn::{
    GridChannel, GridSample, Padding, Tensor, TensorMut, Theta, affine_grid, affine_grid_gradient,
};
use nonius::stream::Stream;
use nonius::{
    Adaptive, Affine, BSpline, Bilinear, Boundary, Channel, Coord, Cubic, Error, Euclidean, Grid, Homography,
    Image, ImageMut, Interpolator, Kernel, Lagrange, Lanczos, Level, Linear, Linearized, Map, Nearest,
    NearestEven, Pixel, Planes, PlanesMut, Sampler, Samples, Similarity, Smooth, StraightThrough, Surrogate,
    Tap, Threads, Transform, Translation, Warp, WeightedNearest, fixed,
};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

/// Where the linker begins.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    if cfg!(feature = "deliberate") {
        any(any(&[0u8; 4][..])[any(7)]);
        // (One operation is enough.)
        let _ = any(shifts());
        loop {
            core::hint::spin_loop();
        }
    }

    numbers();
    let _ = any([
        grids(),
        transforms::<Translation>(),
        transforms::<Euclidean>(),
        transforms::<Similarity>(),
        transforms::<Affine>(),
        transforms::<Homography>(),
        models(),
        pixels::<u8>(),
        pixels::<u16>(),
        pixels::<i16>(),
        pixels::<f32>(),
        pixels::<[u8; 3]>(),
        rules::<u8>(),
        rules::<u16>(),
        rules::<i16>(),
        rules::<f32>(),
        splines::<Coefficient<u8>>(),
        splines::<Coefficient<u16>>(),
        splines::<Coefficient<i16>>(),
        splines::<f32>(),
        masks(),
        formats::<Rgb565Be>(),
        formats::<Rgb565Le>(),
        formats::<Uyvy>(),
        formats::<Yuyv>(),
        streams(),
        alignments::<u8>(),
        alignments::<u16>(),
        alignments::<i16>(),
        shifts(),
    ]);
    loop {
        core::hint::spin_loop();
    }
}

#[inline(never)]
fn numbers() {
    let bits = any(14);
    for at in [
        Coord::from(any(1_f32)),
        Coord::from(any(1_f64)),
        Coord::from(any(1_i32)),
        Coord::from(any(fixed::Q16(1))),
        Coord::from_bits(any(1)),
    ] {
        any((at.to_bits(), at.to_f64(), at.round(nonius::Rounding::half_up(bits))));
    }
    any(fixed::round_shift(any(1), bits));
    any(fixed::round_shift_i64(any(1), bits));
    any(fixed::round_shift_i128(any(1), bits));
    let (a, b) = (fixed::Q14::from_bits(any(1)), fixed::Q14::from_bits(any(1)));
    any((a + b, a - b, a * b));
    let (a, b) = (fixed::Q24::from_bits(any(1)), fixed::Q24::from_bits(any(1)));
    any((a + b, a - b, a * b));
    any((Level::by_name(any("scalar")), Level::best().name(), rgb565_luma(any(1))));
    for level in Level::available() {
        any(level);
    }
}

#[inline(never)]
fn grids() -> Result<(), Error> {
    let grid = any(Grid::Centres);
    any((grid.coordinate_to_centres(any(1.0), any(8)), grid.coordinate_from_centres(any(1.0), any(8))));
    let matrix = grid.to_centres(any(nonius::transform::IDENTITY), any((8, 8)), any((8, 8)))?;
    any(grid.from_centres(matrix, any((8, 8)), any((8, 8)))?);
    Ok(())
}

#[inline(never)]
fn transforms<T: Transform>() -> Result<(), Error> {
    let parameters = any(T::IDENTITY.parameters());
    let t = T::from_parameters(parameters)?;
    let other = T::from_matrix(any(nonius::transform::IDENTITY))?;
    any((t.matrix(), t.parameters(), t.jacobian(any(1.0), any(1.0)), t.apply(any(1.0), any(1.0))));
    any(t.differential(&any(nonius::transform::IDENTITY)));
    any(t.compose(&other)?);
    any(t.invert()?);
    any(T::near_identity(parameters)?);
    any(t.update(parameters)?);
    Ok(())
}

#[inline(never)]
fn models() -> Result<(), Error> {
    any(Translation::new(any(1.0), any(1.0))?);
    any(Euclidean::new(any(1.0), any(1.0), any(1.0))?);
    any(Similarity::new(any(1.0), any(1.0), any(1.0), any(1.0))?);
    any((Affine::mirror_x(any(8))?, Affine::mirror_y(any(8))?));
    Ok(())
}

/// Everything there is for one type of pixel but alignment.
#[inline(never)]
fn pixels<P: Pixel<Adjoint: Default, Cotangent: Default, Channel: GridChannel>>() -> Result<(), Error> {
    views::<P>()?;
    sampling::<Nearest, P>(Nearest)?;
    sampling::<Bilinear, P>(Bilinear)?;
    transformer::<P>()?;
    pyramids::<P>()
}

#[inline(never)]
fn views<P: Pixel>() -> Result<(), Error> {
    let mut data = [P::zero(); 64];
    any(Image::new(any(&data[..]), any(8), any(8))?);
    let image = Image::with_stride(any(&data[..]), any(6), any(8), any(8))?;
    any((image.width(), image.height(), image.stride(), image.row(any(1)), image.get(any(1), any(1))));
    for row in image.rows() {
        any(row);
    }
    any(image.view(any(1), any(1), any(2), any(2))?);

    any(ImageMut::new(any(&mut data[..]), any(8), any(8))?);
    let mut image = ImageMut::with_stride(any(&mut data[..]), any(6), any(8), any(8))?;
    any((image.width(), image.height(), image.stride()));
    any(image.as_image());
    any(image.reborrow());
    any(image.row_mut(any(1)));
    any(image.get_mut(any(1), any(1)));
    for row in image.rows_mut() {
        any(row);
    }
    image.fill(any(P::zero()));
    any(image.view_mut(any(1), any(1), any(2), any(2))?);

    let planes = Planes::with_strides(any(&data[..]), any(4), any(4), any(5), any(2), any(20))?;
    any((planes.count(), planes.get(any(1))));
    for plane in planes.iter() {
        any(plane);
    }
    let mut planes = PlanesMut::with_strides(any(&mut data[..]), any(4), any(4), any(5), any(2), any(20))?;
    any((planes.count(), planes.get_mut(any(1))));
    Ok(())
}

#[inline(never)]
fn sampling<K: Kernel, P: Pixel<Adjoint: Default, Cotangent: Default>>(kernel: K) -> Result<(), Error> {
    let sampler = Sampler::new(kernel, Boundary::<P>::Constant(P::zero()));
    let sampler = any(sampler.with_level(Level::best()).with_threads(any(Threads::default())));
    let data = [P::zero(); 64];
    let source = Image::new(any(&data[..]), any(8), any(8))?;
    let (x, y) = ([0_f32; 64], [0_f32; 64]);
    let map = Map::new(Image::new(any(&x[..]), any(8), any(8))?, Image::new(any(&y[..]), any(8), any(8))?)?;
    any((map.width(), map.height()));
    warps(&sampler, source, &map)?;
    adjoints(&sampler, &map)?;

    parameter_gradient::<K, P, Translation>(&sampler, source)?;
    parameter_gradient::<K, P, Euclidean>(&sampler, source)?;
    parameter_gradient::<K, P, Similarity>(&sampler, source)?;
    parameter_gradient::<K, P, Affine>(&sampler, source)?;
    linear::<K, P>(kernel)
}

/// Every other kernel and rule.
#[inline(never)]
fn rules<P: Pixel<Adjoint: Default, Cotangent: Default>>() -> Result<(), Error> {
    linear::<_, P>(NearestEven)?;
    linear::<_, P>(StraightThrough)?;
    linear::<_, P>(Linearized::new(any(1.0), any(1.0))?)?;
    any(Linearized::footprint(&any(Affine::IDENTITY), any(1.0), any(1.0))?);
    linear::<_, P>(Surrogate::new(Nearest, StraightThrough))?;
    linear::<_, P>(WeightedNearest::new(Tent))?;
    linear::<_, P>(WeightedNearest::new(Smoothstep))?;
    let mut entries = [[0_u16; 2]; 33];
    any(Table::raised_cosine(any(&mut entries[..]))?);
    any(Table::gaussian(any(&mut entries[..]), any(0.5))?);
    any(Table::new(any(&mut entries[..]), |d| any(d))?);
    linear::<_, P>(WeightedNearest::new(Table::sigmoid(any(&mut entries[..]), any(0.5))?))?;
    linear::<_, P>(Lagrange)?;
    smooth::<_, P>(Cubic::<-75>)?;
    smooth::<_, P>(Lanczos::<2>)?;
    smooth::<_, P>(Lanczos::<3>)?;
    smooth::<_, P>(Lanczos::<4>)?;
    smooth::<_, P>(BSpline)?;
    let (soft, hard) = (Soft::new(any(9.0))?, Hard::new(any(9.0))?);
    rule::<_, P>(Adaptive::new(Bilinear, Nearest, soft))?;
    rule::<_, P>(Adaptive::new(Bilinear, Nearest, hard))?;
    rule::<_, P>(Adaptive::new(Cubic::<-50>, Nearest, Frozen(soft)))?;
    let (mut gates, guide) = ([0_u16; 64], [P::zero(); 64]);
    let (mut soft_gates, guide) =
        (ImageMut::new(any(&mut gates[..]), any(8), any(8))?, Image::new(any(&guide[..]), any(8), any(8))?);
    any(GateImage::of(&soft, guide, &mut soft_gates)?);
    any(GateImage::of(&hard, guide, &mut soft_gates)?);
    let gates = GateImage::new(soft_gates.as_image());
    linear::<_, P>(Adaptive::new(Bilinear, Nearest, gates))
}

#[inline(never)]
fn smooth<K: Smooth, P: Pixel<Adjoint: Default, Cotangent: Default>>(kernel: K) -> Result<(), Error> {
    let data = [P::zero(); 64];
    let source = Image::new(any(&data[..]), any(8), any(8))?;
    let sampler = any(Sampler::new(kernel, any(Boundary::Constant(P::zero()))));
    any(sampler.hessian(source, any(1_f32), any(1_f64)));
    let mut planes = [[P::zero_derivative(); 64]; 3];
    let [xx, xy, yy] = &mut planes;
    let mut xx = ImageMut::new(any(&mut xx[..]), any(8), any(8))?;
    let mut xy = ImageMut::new(any(&mut xy[..]), any(8), any(8))?;
    let mut yy = ImageMut::new(any(&mut yy[..]), any(8), any(8))?;
    sampler.warp_hessian(source, [&mut xx, &mut xy, &mut yy], &any(Affine::IDENTITY))?;
    any(&planes);
    linear::<K, P>(kernel)
}

/// What only linear rules have.
#[inline(never)]
fn linear<K: Linear, P: Pixel<Adjoint: Default, Cotangent: Default>>(kernel: K) -> Result<(), Error> {
    let sampler = any(Sampler::new(kernel, any(Boundary::Constant(P::zero()))));
    adjoints(&sampler, &any(Affine::IDENTITY))?;
    adjoints(&sampler, &any(Homography::IDENTITY))?;
    let cotangent = [P::Cotangent::default(); 64];
    let cotangent = Image::new(any(&cotangent[..]), any(8), any(8))?;
    let transform = any(Homography::IDENTITY);
    let mut gradient = [P::Adjoint::default(); 64];
    let mut gradient = ImageMut::new(any(&mut gradient[..]), any(8), any(8))?;
    let samples = any(Samples::new(any(2), any(2))?);
    any((samples.x(), samples.y()));
    sampler.adjoint_antialiased(cotangent, &mut gradient, &transform, samples);
    any(gradient.as_image());
    let mut gradient = [P::zero_derivative(); 64];
    sampler.adjoint_q14(
        cotangent,
        &mut ImageMut::new(any(&mut gradient[..]), any(8), any(8))?,
        &transform,
    )?;
    any(&gradient);
    rule::<K, P>(kernel)
}

/// What every rule has.
#[inline(never)]
fn rule<K: Interpolator, P: Pixel<Cotangent: Default>>(kernel: K) -> Result<(), Error> {
    let sampler = any(Sampler::new(kernel, any(Boundary::Constant(P::zero()))));
    let (data, mut out) = ([P::zero(); 64], [P::zero(); 64]);
    let source = Image::new(any(&data[..]), any(8), any(8))?;
    any(sampler.sample(source, any(1_f32), any(1_f64)));
    any(sampler.partials(source, any(1_f32), any(1_f64)));
    let (affine, transform) = (any(Affine::IDENTITY), any(Homography::IDENTITY));
    warps(&sampler, source, &affine)?;
    warps(&sampler, source, &transform)?;
    parameter_gradient::<K, P, Homography>(&sampler, source)?;
    let planes = Planes::new(any(&data[..]), any(8), any(4), any(2))?;
    sampler.warp_planes(
        planes,
        &mut PlanesMut::new(any(&mut out[..]), any(8), any(4), any(2))?,
        &transform,
    )?;
    let mut out = ImageMut::new(any(&mut out[..]), any(8), any(8))?;
    let (x, y) = ([fixed::Q16(0); 64], [fixed::Q16(0); 64]);
    let (x, y) = (Image::new(any(&x[..]), any(8), any(8))?, Image::new(any(&y[..]), any(8), any(8))?);
    sampler.warp(source, &mut out, &Map::relative(x, y)?)?;
    let samples = any(Samples::covering(&transform, any(8), any(8)));
    sampler.warp_antialiased(source, &mut out, &transform, samples);
    any(sampler.residual(source, source, Some(&mut out), &transform)?);
    any(out.as_image());
    Ok(())
}

/// Coefficients, and sampling them.
#[inline(never)]
fn splines<P>() -> Result<(), Error>
where
    P: Tap<Channel: Spline, Adjoint: Default>,
{
    let sampler = any(Sampler::new(BSpline, any(Boundary::Constant(P::zero()))));
    let (data, mut coefficients) = ([<P::Sampled as Tap>::zero(); 64], [P::zero(); 64]);
    let image = Image::new(any(&data[..]), any(8), any(8))?;
    sampler.prefilter(image, &mut ImageMut::new(any(&mut coefficients[..]), any(8), any(8))?)?;
    let coefficients = Image::new(any(&coefficients[..]), any(8), any(8))?;
    any(sampler.sample(coefficients, any(1_f32), any(1_f64)));
    any(sampler.partials(coefficients, any(1_f32), any(1_f64)));
    let mut gradient = [P::Adjoint::default(); 64];
    sampler.prefilter_adjoint(&mut ImageMut::new(any(&mut gradient[..]), any(8), any(8))?);
    any(&gradient);
    Ok(())
}

#[inline(never)]
fn warps<K: Interpolator, P: Pixel, W: Warp>(
    sampler: &Sampler<K, P>,
    source: Image<'_, P>,
    warp: &W,
) -> Result<(), Error> {
    let mut out = [P::zero(); 64];
    sampler.warp(source, &mut ImageMut::new(any(&mut out[..]), any(8), any(8))?, any(warp))?;
    any(&out);
    let (mut dx, mut dy) = ([P::zero_derivative(); 64], [P::zero_derivative(); 64]);
    sampler.warp_partials(
        source,
        &mut ImageMut::new(any(&mut dx[..]), any(8), any(8))?,
        &mut ImageMut::new(any(&mut dy[..]), any(8), any(8))?,
        any(warp),
    )?;
    any((&dx, &dy));
    Ok(())
}

#[inline(never)]
fn adjoints<K: Linear, P: Pixel<Adjoint: Default, Cotangent: Default>, W: Warp>(
    sampler: &Sampler<K, P>,
    warp: &W,
) -> Result<(), Error> {
    let cotangent = [P::Cotangent::default(); 64];
    let mut gradient = [P::Adjoint::default(); 64];
    sampler.adjoint(
        Image::new(any(&cotangent[..]), any(8), any(8))?,
        &mut ImageMut::new(any(&mut gradient[..]), any(8), any(8))?,
        any(warp),
    )?;
    any(&gradient);
    Ok(())
}

#[inline(never)]
fn parameter_gradient<K: Interpolator, P: Pixel<Cotangent: Default>, T: Transform>(
    sampler: &Sampler<K, P>,
    source: Image<'_, P>,
) -> Result<(), Error> {
    let cotangent = [P::Cotangent::default(); 64];
    let cotangent = Image::new(any(&cotangent[..]), any(8), any(8))?;
    let transform = T::from_parameters(any(T::IDENTITY.parameters()))?;
    any(sampler.parameter_gradient(source, cotangent, &transform));
    Ok(())
}

#[inline(never)]
fn transformer<P: Pixel<Adjoint: Default, Cotangent: Default, Channel: GridChannel>>() -> Result<(), Error> {
    let theta = any([[[1.0_f32; 3]; 2]; 2]);
    let mut grid = [[0.0_f32; 2]; 32];
    affine_grid(any(&theta[..]), any(true), &mut TensorMut::new(any(&mut grid[..]), any([2, 1, 4, 4]))?)?;
    let mut gradient = [[[0.0; 3]; 2]; 2];
    let points = Tensor::with_strides(any(&grid[..]), any([2, 1, 4, 4]), any([16, 16, 4]))?;
    affine_grid_gradient(points, any(true), any(&mut gradient[..]))?;
    any(&gradient);
    transform::<Bilinear, P>(Bilinear, points, &theta)?;
    transform::<Cubic<-75>, P>(Cubic, points, &theta)?;
    transform::<Surrogate<NearestEven, StraightThrough>, P>(Surrogate::default(), points, &theta)
}

#[inline(never)]
fn transform<K: Linear, P: Pixel<Adjoint: Default, Cotangent: Default, Channel: GridChannel>>(
    kernel: K,
    points: Tensor<'_, [f32; 2]>,
    theta: &[Theta],
) -> Result<(), Error> {
    let sampler = GridSample::new(kernel, any(Padding::Reflection), any(true));
    let sampler = any(sampler.with_level(Level::best()).with_threads(any(Threads::default())));
    let (data, mut out) = ([P::zero(); 32], [P::zero(); 32]);
    let (cotangent, mut adjoint) = ([P::Cotangent::default(); 32], [P::Adjoint::default(); 32]);
    let (mut by_grid, mut by_theta) =
        ([[<P::Channel as Channel>::Adjoint::default(); 2]; 32], [[[0.0; 3]; 2]; 2]);
    let input = Tensor::new(any(&data[..]), any([2, 1, 4, 4]))?;
    let cotangent = Tensor::new(any(&cotangent[..]), any([2, 1, 4, 4]))?;
    any((input.shape(), input.row(any(1), any(0), any(1)), input.plane(any(1), any(0))));
    let mut out = TensorMut::with_strides(any(&mut out[..]), any([2, 1, 4, 4]), any([16, 16, 4]))?;
    sampler.sample(input, points, &mut out)?;
    sampler.sample(input, any(theta), &mut out)?;
    any((out.as_tensor().shape(), out.row_mut(any(1), any(0), any(1))));
    let mut adjoint = TensorMut::new(any(&mut adjoint[..]), any([2, 1, 4, 4]))?;
    sampler.adjoint::<P, _>(cotangent, points, &mut adjoint)?;
    sampler.adjoint::<P, _>(cotangent, any(theta), &mut adjoint)?;
    any(adjoint.plane_mut(any(1), any(0)));
    let mut by_grid = TensorMut::new(any(&mut by_grid[..]), any([2, 1, 4, 4]))?;
    sampler.grid_gradient(input, cotangent, points, &mut by_grid)?;
    sampler.grid_gradient(input, cotangent, any(theta), &mut by_grid.reborrow())?;
    sampler.theta_gradient(input, cotangent, any(theta), any(&mut by_theta[..]))?;
    let loss = |at: [usize; 4], values: &[P], cotangents: &mut [P::Cotangent]| {
        any((at, values, cotangents));
    };
    sampler.theta_gradient_of(input, any(theta), any([4, 4]), loss, any(&mut by_theta[..]))?;
    any(&by_theta);
    Ok(())
}

#[inline(never)]
fn pyramids<P: Pixel>() -> Result<(), Error> {
    let (data, mut buffer) = ([P::zero(); 64], [P::zero(); 64]);
    let image = Image::new(any(&data[..]), any(8), any(8))?;
    reduce(image, &mut ImageMut::new(any(&mut buffer[..]), any(4), any(4))?)?;
    any((buffer_len(any(8), any(8), any(2)), level_size(any(8), any(8), any(2))));
    let threads = any(Threads::default());
    reduce_with_threads(image, &mut ImageMut::new(any(&mut buffer[..]), any(4), any(4))?, threads)?;
    any(Pyramid::with_threads(image, any(2), any(&mut buffer[..]), threads)?);
    let pyramid = Pyramid::new(image, any(2), any(&mut buffer[..]))?;
    any((pyramid.levels(), pyramid.level(any(1))));
    Ok(())
}

#[inline(never)]
fn masks() -> Result<(), Error> {
    let (data, mut buffer) = ([1_u8; 64], [0_u8; 64]);
    let mask = Image::new(any(&data[..]), any(8), any(8))?;
    reduce_mask(mask, &mut ImageMut::new(any(&mut buffer[..]), any(4), any(4))?)?;
    any(Pyramid::new_mask(mask, any(2), any(&mut buffer[..]))?);
    Ok(())
}

#[inline(never)]
fn formats<F: Format>() -> Result<(), Error> {
    let (mut data, mut out) = ([0_u8; 128], [0_u8; 64]);
    let frame = Image::with_stride(Packed::<F>::pixels(any(&data[..])), any(8), any(8), any(8))?;
    let mut out = ImageMut::new(any(&mut out[..]), any(8), any(8))?;
    let sampler = Sampler::new(Bilinear, any(Boundary::Reflect));
    sampler.warp(frame, &mut out, &any(Affine::IDENTITY))?;
    sampler.warp(frame, &mut out, &any(Homography::IDENTITY))?;
    Sampler::new(Nearest, any(Boundary::Constant(Packed::new(any([0; 2]))))).warp(
        frame,
        &mut out,
        &any(Affine::IDENTITY),
    )?;
    any((sampler.sample(frame, any(1.0), any(2.0)), sampler.partials(frame, any(1.0), any(2.0))));
    reduce(frame, &mut out)?;
    luma(frame, &mut out)?;
    any(Packed::bytes_mut(Packed::<F>::pixels_mut(any(&mut data[..]))));
    let pixel = any(Packed::<F>::new(any([0; 2])));
    any((pixel.bytes(), pixel.luma(), u8::from(pixel)));
    let (grey, rest) = luma_in_place::<F>(any(&mut data[..]), any(8), any(8), any(8))?;
    any((grey.as_image().get(any(1), any(2)), rest.len()));
    Ok(())
}

#[inline(never)]
fn streams() -> Result<(), Error> {
    stream::<_, u8, Affine>(Nearest)?;
    stream::<_, u8, Affine>(Bilinear)?;
    stream::<_, u8, Homography>(Bilinear)?;
    stream::<_, u8, Affine>(Lanczos::<4>)?;
    stream::<_, [u8; 3], Affine>(Bilinear)?;
    stream::<_, u16, Affine>(Bilinear)?;
    stream::<_, i16, Homography>(Cubic::<-50>)?;
    stream::<_, f32, Affine>(Lagrange)?;
    stream::<_, Coefficient<u8>, Affine>(BSpline)?;
    stream::<_, Packed<Rgb565Be>, Affine>(Nearest)?;
    stream::<_, Packed<Yuyv>, Homography>(Bilinear)
}

#[inline(never)]
fn stream<K: Kernel, P: Tap, T: Transform>(kernel: K) -> Result<(), Error> {
    let (mut window, mut row) = ([P::zero(); 64], [<P::Sampled as Tap>::zero(); 8]);
    let sampler = Sampler::new(kernel, any(Boundary::Constant(P::zero())));
    let transform = any(T::IDENTITY);
    any(Stream::window_height(&sampler, &transform, any((8, 8)), any((8, 8)))?);
    let mut stream = Stream::new(sampler, &transform, any((8, 8)), any((8, 8)), any(&mut window[..]))?;
    while let Some(line) = stream.incoming_after(any(1)) {
        line.fill(any(P::zero()));
        any(stream.incoming());
        stream.arrived();
        any(stream.warp_row(any(&mut row[..]))?);
    }
    Ok(())
}

#[inline(never)]
fn alignments<P: Grey>() -> Result<(), Error> {
    alignment::<P, Translation>()?;
    alignment::<P, Euclidean>()?;
    alignment::<P, Similarity>()?;
    alignment::<P, Affine>()?;
    alignment::<P, Homography>()
}

#[inline(never)]
fn shifts() -> Result<(), Error> {
    let (frame, mut workspace) = ([0_u8; 64], [0_u8; 64]);
    let fixed = Image::with_stride(any(&frame[..]), any(7), any(8), any(8))?;
    let moving = Image::with_stride(any(&frame[..]), any(7), any(8), any(8))?;
    any(Shift::workspace(any(7), any(8)));
    let found = shift(fixed, moving, any(3), any(&mut workspace[..]))?;
    any((found, found.transform()));
    Ok(())
}

#[inline(never)]
fn alignment<P: Grey, T: Transform>() -> Result<(), Error> {
    within::<P, T, _>(any(Options { robust: Robust::Tukey, ..Options::default() }))?;
    within::<P, T, _>(any(Lean::default()))
}

#[inline(never)]
fn within<P: Grey, T: Transform, S: Scope>(options: S) -> Result<(), Error> {
    let (fixed, moving, mask) = ([P::zero(); 64], [P::zero(); 64], [1_u8; 64]);
    let (mut pixels, mut masks) = ([P::zero(); 64], [0_u8; 64]);
    let mask = Image::new(any(&mask[..]), any(8), any(8))?;
    let moving = Image::new(any(&moving[..]), any(8), any(8))?;
    let mut pair = Pair::new(Image::new(any(&fixed[..]), any(8), any(8))?, moving);
    if any(true) {
        pair = pair.with_fixed_mask(mask)?.with_moving_mask(mask)?;
    }
    any(Aligner::<P, T, S>::workspace(&pair, &options)?);
    any(options.options());
    let initial = T::from_parameters(any(T::IDENTITY.parameters()))?;
    let mut aligner = Aligner::new(pair, initial, options, any(&mut pixels[..]), any(&mut masks[..]))?;
    match any(aligner.step()) {
        Step::Running(progress) => any(progress).iteration,
        Step::Done(report) => any(report).status.name().len() as u16,
    };
    any(aligner.current());
    let report = any(aligner.run());
    any(report.status == Status::Converged);
    any(aligner.covariance());
    let mut reports = [None];
    run_all(any(core::slice::from_mut(&mut aligner)), any(&mut reports[..]), any(Threads::default()))?;
    any(&reports);

    let mut frames = [P::zero(); 2 * (64 + 64)];
    any((Tracker::<P, T, S>::workspace(any(8), any(8)), Tracker::<P, T, S>::mask_workspace(any(8), any(8))));
    let mut tracker =
        Tracker::<P, T, S>::new(any(8), any(8), any(Tracking::from(options)), any(&mut frames[..]))?;
    if any(true) {
        tracker = tracker.with_mask(mask, any(&mut masks[..]))?;
    }
    let mut track = tracker.start(any(moving))?;
    any((track.step(), track.covariance()));
    any(track.run());
    any(tracker.track(any(moving))?.found == Found::Tracked);
    tracker.reset();
    Ok(())
}
