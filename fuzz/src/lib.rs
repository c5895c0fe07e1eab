//! What the fuzz targets share: inputs from which every kernel, pixel, boundary and warp can come, with
//! coordinates and values of any kind, and comparison by bits.
#![forbid(unsafe_code)]

use std::fmt::Debug;

use arbitrary::Arbitrary;
use nonius::reference::{Arithmetic, Coordinates, Exact, Shape};
use nonius::{
    Affine, Bilinear, Boundary, Cubic, Error, Euclidean, Homography, Image, ImageMut, Kernel, Lanczos, Map,
    Nearest, NearestEven, Pixel, Similarity, StraightThrough, Transform, Translation, Warp,
};

/// Every kind of boundary.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Border {
    Constant,
    Replicate,
    Reflect,
    Reflect101,
    Wrap,
    Transparent,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum PixelType {
    U8,
    U16,
    I16,
    F32,
    U8x3,
    U8x4,
    U16x2,
    F32x2,
}

/// One kernel of each number of taps, rounding and arithmetic.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum KernelType {
    Nearest,
    NearestEven,
    StraightThrough,
    Bilinear,
    CatmullRom,
    Lanczos3,
}

/// A number for a transform: any at all, or one that keeps the source in sight.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    Raw(f64),
    /// In 1/256.
    Small(i16),
    /// In 2^-24.
    Tiny(i32),
    Whole(i8),
}

impl Number {
    pub fn real(self) -> f64 {
        match self {
            Number::Raw(v) => v,
            Number::Small(v) => f64::from(v) / 256.0,
            Number::Tiny(v) => f64::from(v) / 16_777_216.0,
            Number::Whole(v) => v.into(),
        }
    }
}

/// A warp by its numbers.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Plan {
    Translation([Number; 2]),
    Euclidean([Number; 3]),
    Similarity([Number; 4]),
    Affine([Number; 6]),
    Homography([Number; 8]),
    /// Coordinates, in turn along the planes; or displacements.
    Map([Number; 12], bool),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Side {
    width: u8,
    height: u8,
    gap: u8,
}

impl Side {
    /// Width, height and stride. Small: what matters is where an image ends.
    pub fn size(self, widest: usize, highest: usize) -> (usize, usize, usize) {
        let width = 1 + usize::from(self.width) % widest;
        (width, 1 + usize::from(self.height) % highest, width + usize::from(self.gap) % 4)
    }
}

/// An image, how it is sampled, and where.
#[derive(Arbitrary, Debug)]
pub struct Input {
    kernel: KernelType,
    pixel: PixelType,
    border: Border,
    source: Side,
    destination: Side,
    plan: Plan,
    /// Elements are taken from here, round and round.
    bytes: Vec<u8>,
}

/// An element made of bytes, compared by its bits. A NaN that was computed may be any NaN.
pub trait Element: Copy + Debug {
    fn read(bytes: &mut impl Iterator<Item = u8>) -> Self;
    fn same(&self, other: &Self) -> bool;
}

macro_rules! elements {
    ($($t:ty: $a:ident, $b:ident => $same:expr;)*) => {$(
        impl Element for $t {
            fn read(bytes: &mut impl Iterator<Item = u8>) -> Self {
                Self::from_le_bytes(std::array::from_fn(|_| bytes.next().unwrap_or(0)))
            }
            fn same(&self, other: &Self) -> bool {
                let ($a, $b) = (self, other);
                $same
            }
        }
    )*};
}
elements! {
    u8: a, b => a == b;
    u16: a, b => a == b;
    i16: a, b => a == b;
    i32: a, b => a == b;
    i64: a, b => a == b;
    f32: a, b => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    f64: a, b => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
}

impl<T: Element, const C: usize> Element for [T; C] {
    fn read(bytes: &mut impl Iterator<Item = u8>) -> Self {
        std::array::from_fn(|_| T::read(bytes))
    }
    fn same(&self, other: &Self) -> bool {
        self.iter().zip(other).all(|(a, b)| a.same(b))
    }
}

/// All elements, those beside the image too.
pub fn assert_same<T: Element>(a: &[T], b: &[T], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a.same(b), "{what}: element {i} is {a:?}, the reference has {b:?}");
    }
}

/// A pixel of which everything can be made and compared.
pub trait Tested:
    Element + Pixel<Channel: Arithmetic, Derivative: Element, Adjoint: Element, Cotangent: Element>
{
}
impl<P> Tested for P where
    P: Element + Pixel<Channel: Arithmetic, Derivative: Element, Adjoint: Element, Cotangent: Element>
{
}

/// Width, height and stride of an image.
pub type Size = (usize, usize, usize);

/// Elements that an image spans.
pub fn span((width, height, stride): Size) -> usize {
    stride * (height - 1) + width
}

/// A view of all that is there.
pub fn image<T>(data: &[T], (width, height, stride): Size) -> Image<'_, T> {
    Image::with_stride(data, width, height, stride).unwrap()
}

/// A writable view of all that is there.
pub fn image_mut<T>(data: &mut [T], (width, height, stride): Size) -> ImageMut<'_, T> {
    ImageMut::with_stride(data, width, height, stride).unwrap()
}

/// What a check is given besides the warp.
pub struct Run<'a, K, P> {
    pub kernel: K,
    pub boundary: Boundary<P>,
    pub source: Image<'a, P>,
    pub destination: Size,
    bytes: Box<dyn Iterator<Item = u8> + 'a>,
}

impl<K, P> Run<'_, K, P> {
    /// The next elements.
    pub fn elements<T: Element>(&mut self, n: usize) -> Vec<T> {
        (0..n).map(|_| T::read(&mut self.bytes)).collect()
    }
}

/// What is held against the reference.
pub trait Check {
    /// For any warp.
    fn warp<K: Kernel + Shape, P: Tested, W: Warp>(
        _run: &mut Run<'_, K, P>,
        _warp: &W,
        _coordinates: &Coordinates<'_>,
    ) {
    }
    /// For transforms.
    fn transform<K: Kernel + Shape, P: Tested, T: Exact>(_run: &mut Run<'_, K, P>, _transform: &T) {}
}

/// Makes a check of what an input says.
pub fn check<C: Check>(input: &Input) {
    match input.kernel {
        KernelType::Nearest => all::<C, _>(Nearest, input),
        KernelType::NearestEven => some::<C, _>(NearestEven, input),
        KernelType::StraightThrough => some::<C, _>(StraightThrough, input),
        KernelType::Bilinear => all::<C, _>(Bilinear, input),
        KernelType::CatmullRom => some::<C, _>(Cubic::<-50>, input),
        KernelType::Lanczos3 => some::<C, _>(Lanczos::<3>, input),
    }
}

fn all<C: Check, K: Kernel + Shape>(kernel: K, input: &Input) {
    match input.pixel {
        PixelType::U8 => with_kernel::<C, K, u8, true>(kernel, input),
        PixelType::U16 => with_kernel::<C, K, u16, true>(kernel, input),
        PixelType::I16 => with_kernel::<C, K, i16, false>(kernel, input),
        PixelType::F32 => with_kernel::<C, K, f32, true>(kernel, input),
        PixelType::U8x3 => with_kernel::<C, K, [u8; 3], false>(kernel, input),
        PixelType::U8x4 => with_kernel::<C, K, [u8; 4], false>(kernel, input),
        PixelType::U16x2 => with_kernel::<C, K, [u16; 2], false>(kernel, input),
        PixelType::F32x2 => with_kernel::<C, K, [f32; 2], false>(kernel, input),
    }
}

/// With a pixel of each arithmetic, so that there is less to compile.
fn some<C: Check, K: Kernel + Shape>(kernel: K, input: &Input) {
    match input.pixel {
        PixelType::U8 | PixelType::U8x3 | PixelType::U8x4 => with_kernel::<C, K, u8, false>(kernel, input),
        PixelType::U16 | PixelType::I16 | PixelType::U16x2 => with_kernel::<C, K, u16, false>(kernel, input),
        PixelType::F32 | PixelType::F32x2 => with_kernel::<C, K, f32, false>(kernel, input),
    }
}

fn with_kernel<C: Check, K: Kernel + Shape, P: Tested, const MODELS: bool>(kernel: K, input: &Input) {
    let mut bytes = Box::new(input.bytes.iter().copied().cycle());
    let size = input.source.size(40, 9);
    // Exactly as long as it must be, for the address sanitizer.
    let pixels: Box<[P]> = (0..span(size)).map(|_| P::read(&mut bytes)).collect();
    let boundary = match input.border {
        Border::Constant => Boundary::Constant(P::read(&mut bytes)),
        Border::Replicate => Boundary::Replicate,
        Border::Reflect => Boundary::Reflect,
        Border::Reflect101 => Boundary::Reflect101,
        Border::Wrap => Boundary::Wrap,
        Border::Transparent => Boundary::Transparent,
    };
    let (source, destination) = (image(&pixels, size), input.destination.size(140, 9));
    let mut run = Run { kernel, boundary, source, destination, bytes };
    match input.plan {
        Plan::Translation(p) => {
            affine::<C, _, _, _, MODELS>(run, Translation::from_parameters(p.map(Number::real)))
        }
        Plan::Euclidean(p) => {
            affine::<C, _, _, _, MODELS>(run, Euclidean::from_parameters(p.map(Number::real)))
        }
        Plan::Similarity(p) => {
            affine::<C, _, _, _, MODELS>(run, Similarity::from_parameters(p.map(Number::real)))
        }
        Plan::Affine(p) => transform::<C, _, _, _>(run, Affine::from_parameters(p.map(Number::real))),
        Plan::Homography(p) => transform::<C, _, _, _>(run, Homography::from_parameters(p.map(Number::real))),
        Plan::Map(p, relative) => {
            // Numbers in turn, and now and then any bits.
            let mut plane = |first: usize| -> Vec<f32> {
                (0..span(destination))
                    .map(|i| match (i + first) % 13 {
                        12 => f32::read(&mut run.bytes),
                        i => p[i].real() as f32,
                    })
                    .collect()
            };
            let (x, y) = (plane(0), plane(5));
            let (x, y) = (image(&x, destination), image(&y, destination));
            if relative {
                C::warp(&mut run, &Map::relative(x, y).unwrap(), &Coordinates::Displacements(x, y));
            } else {
                C::warp(&mut run, &Map::new(x, y).unwrap(), &Coordinates::Map(x, y));
            }
        }
    }
}

/// A model that is affine, as itself or as an [`Affine`], so that there is less to compile.
fn affine<C: Check, K: Kernel + Shape, P: Tested, T: Exact, const MODELS: bool>(
    run: Run<'_, K, P>,
    model: Result<T, Error>,
) {
    if MODELS {
        transform::<C, _, _, _>(run, model);
    } else {
        transform::<C, _, _, _>(run, model.and_then(|t| Affine::from_matrix(t.matrix())));
    }
}

fn transform<C: Check, K: Kernel + Shape, P: Tested, T: Exact>(
    mut run: Run<'_, K, P>,
    transform: Result<T, Error>,
) {
    // Most raw numbers are no transform: that is an error, and all.
    if let Ok(t) = transform {
        C::warp(&mut run, &t, &t.coordinates());
        C::transform(&mut run, &t);
    }
}
