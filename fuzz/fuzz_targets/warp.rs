//! Any image, any warp: every level gives the bits of the reference, writes nothing beside its
//! destination and does not panic.
#![no_main]
#![forbid(unsafe_code)]

use std::fmt::Debug;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nonius::reference::{Arithmetic, Coordinates, Exact, Reference, Shape};
use nonius::{
    Affine, Bilinear, Boundary, Euclidean, Homography, Image, ImageMut, Kernel, Level, Map, Nearest, Pixel,
    Sampler, Similarity, Transform, Translation, Warp,
};

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Border {
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

/// A number for a transform: any at all, or one that keeps the source in sight.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Number {
    Raw(f64),
    /// In 1/256.
    Small(i16),
    /// In 2^-24.
    Tiny(i32),
    Whole(i8),
}

impl Number {
    fn real(self) -> f64 {
        match self {
            Number::Raw(v) => v,
            Number::Small(v) => f64::from(v) / 256.0,
            Number::Tiny(v) => f64::from(v) / 16_777_216.0,
            Number::Whole(v) => v.into(),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Plan {
    Translation([Number; 2]),
    Euclidean([Number; 3]),
    Similarity([Number; 4]),
    Affine([Number; 6]),
    Homography([Number; 8]),
    /// Coordinates follow, two numbers a pixel.
    Map([Number; 12]),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Side {
    width: u8,
    height: u8,
    gap: u8,
}

impl Side {
    /// Small: what matters is where an image ends.
    fn size(self, widest: usize) -> (usize, usize, usize) {
        let width = 1 + usize::from(self.width) % widest;
        (width, 1 + usize::from(self.height) % 9, width + usize::from(self.gap) % 4)
    }
}

#[derive(Arbitrary, Debug)]
struct Input {
    nearest: bool,
    pixel: PixelType,
    border: Border,
    source: Side,
    destination: Side,
    plan: Plan,
    /// Elements are taken from here, round and round.
    bytes: Vec<u8>,
}

/// An element made of bytes, compared by its bits. A NaN that was computed may be any NaN.
trait Element: Copy + Debug {
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
fn assert_same<T: Element>(a: &[T], b: &[T], what: &str) {
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a.same(b), "{what}: element {i} is {a:?}, the reference has {b:?}");
    }
}

struct Run<'a, K, P> {
    kernel: K,
    boundary: Boundary<P>,
    source: Image<'a, P>,
    destination: (usize, usize, usize),
    bytes: Box<dyn Iterator<Item = u8> + 'a>,
}

impl<K, P> Run<'_, K, P>
where
    K: Kernel + Shape,
    P: Element + Pixel<Channel: Arithmetic, Derivative: Element, Adjoint: Element, Cotangent: Element>,
{
    fn transform<T: Exact>(&mut self, t: Result<T, nonius::Error>) {
        // Most raw numbers are no transform: that is an error, and all.
        if let Ok(t) = t {
            self.sinks(&t, &t.coordinates());
            let (width, height, _) = self.destination;
            let cotangent: Vec<P::Cotangent> = self.elements(width * height);
            let cotangent = Image::new(&cotangent, width, height).unwrap();
            let sampler = Sampler::new(self.kernel, self.boundary);
            let _ = sampler.parameter_gradient(self.source, cotangent, &t);
            let (x, y) = t.apply(1.0, 2.0);
            self.single(x, y);
        }
    }

    fn elements<T: Element>(&mut self, n: usize) -> Vec<T> {
        (0..n).map(|_| T::read(&mut self.bytes)).collect()
    }

    fn sinks<W: Warp>(&mut self, warp: &W, coordinates: &Coordinates<'_>) {
        let (width, height, stride) = self.destination;
        let span = stride * (height - 1) + width;
        let reference = Reference::new(self.kernel, self.boundary);
        fn image<T>(data: &mut [T], (width, height, stride): (usize, usize, usize)) -> ImageMut<'_, T> {
            ImageMut::with_stride(data, width, height, stride).unwrap()
        }
        let size = self.destination;

        let before: Vec<P> = self.elements(span);
        let mut expected = before.clone();
        reference.warp(self.source, &mut image(&mut expected, size), coordinates);
        let x: Vec<P::Derivative> = self.elements(span);
        let (mut ex, mut ey) = (x.clone(), x.clone());
        reference.warp_partials(
            self.source,
            &mut image(&mut ex, size),
            &mut image(&mut ey, size),
            coordinates,
        );
        let cotangent: Vec<P::Cotangent> = self.elements(span);
        let cotangent = Image::with_stride(&cotangent, width, height, stride).unwrap();
        let of_source = (self.source.width(), self.source.height(), self.source.width());
        let sums: Vec<P::Adjoint> = self.elements(of_source.0 * of_source.1);
        let mut gradient = sums.clone();
        reference.adjoint(cotangent, coordinates, &mut image(&mut gradient, of_source));

        for level in Level::available() {
            let sampler = Sampler::new(self.kernel, self.boundary).with_level(level);
            let mut out = before.clone();
            sampler.warp(self.source, &mut image(&mut out, size), warp).unwrap();
            assert_same(&out, &expected, "warp");
            let (mut dx, mut dy) = (x.clone(), x.clone());
            let (mut to_x, mut to_y) = (image(&mut dx, size), image(&mut dy, size));
            sampler.warp_partials(self.source, &mut to_x, &mut to_y, warp).unwrap();
            assert_same(&dx, &ex, "dx");
            assert_same(&dy, &ey, "dy");
            let mut sum = sums.clone();
            sampler.adjoint(cotangent, warp, &mut image(&mut sum, of_source)).unwrap();
            assert_same(&sum, &gradient, "adjoint");
        }
    }

    fn single(&self, x: f64, y: f64) {
        let reference = Reference::new(self.kernel, self.boundary);
        let sampler = Sampler::new(self.kernel, self.boundary);
        match (sampler.sample(self.source, x, y), reference.sample(self.source, x, y)) {
            (Some(v), Some(e)) => assert!(v.same(&e), "sample: {v:?}, the reference has {e:?}"),
            (v, e) => assert_eq!(v.is_some(), e.is_some(), "sample: left or not"),
        }
        let ((dx, dy), (ex, ey)) =
            (sampler.partials(self.source, x, y), reference.partials(self.source, x, y));
        assert!(dx.same(&ex) && dy.same(&ey), "partials: {dx:?} {dy:?}, the reference has {ex:?} {ey:?}");
    }
}

fn run<K, P>(kernel: K, input: &Input)
where
    K: Kernel + Shape,
    P: Element + Pixel<Channel: Arithmetic, Derivative: Element, Adjoint: Element, Cotangent: Element>,
{
    let mut bytes = Box::new(input.bytes.iter().copied().cycle());
    let (width, height, stride) = input.source.size(40);
    // Exactly as long as it must be, for the address sanitizer.
    let pixels: Box<[P]> = (0..stride * (height - 1) + width).map(|_| P::read(&mut bytes)).collect();
    let source = Image::with_stride(&pixels, width, height, stride).unwrap();
    let boundary = match input.border {
        Border::Constant => Boundary::Constant(P::read(&mut bytes)),
        Border::Replicate => Boundary::Replicate,
        Border::Reflect => Boundary::Reflect,
        Border::Reflect101 => Boundary::Reflect101,
        Border::Wrap => Boundary::Wrap,
        Border::Transparent => Boundary::Transparent,
    };
    let destination = input.destination.size(140);
    let mut run = Run { kernel, boundary, source, destination, bytes };
    match input.plan {
        Plan::Translation(p) => run.transform(Translation::from_parameters(p.map(Number::real))),
        Plan::Euclidean(p) => run.transform(Euclidean::from_parameters(p.map(Number::real))),
        Plan::Similarity(p) => run.transform(Similarity::from_parameters(p.map(Number::real))),
        Plan::Affine(p) => run.transform(Affine::from_parameters(p.map(Number::real))),
        Plan::Homography(p) => run.transform(Homography::from_parameters(p.map(Number::real))),
        Plan::Map(p) => {
            let (width, height, stride) = destination;
            let span = stride * (height - 1) + width;
            // Numbers in turn, and now and then any bits.
            let mut plane = |first: usize| -> Vec<f32> {
                (0..span)
                    .map(|i| match (i + first) % 13 {
                        12 => f32::read(&mut run.bytes),
                        i => p[i].real() as f32,
                    })
                    .collect()
            };
            let (x, y) = (plane(0), plane(5));
            let plane = |v| Image::with_stride(v, width, height, stride).unwrap();
            let (x, y) = (plane(&x), plane(&y));
            run.sinks(&Map::new(x, y).unwrap(), &Coordinates::Map(x, y));
            run.single(p[0].real(), p[1].real());
        }
    }
}

fn with_kernel<P>(input: &Input)
where
    P: Element + Pixel<Channel: Arithmetic, Derivative: Element, Adjoint: Element, Cotangent: Element>,
{
    if input.nearest { run::<_, P>(Nearest, input) } else { run::<_, P>(Bilinear, input) }
}

fuzz_target!(|input: Input| {
    match input.pixel {
        PixelType::U8 => with_kernel::<u8>(&input),
        PixelType::U16 => with_kernel::<u16>(&input),
        PixelType::I16 => with_kernel::<i16>(&input),
        PixelType::F32 => with_kernel::<f32>(&input),
        PixelType::U8x3 => with_kernel::<[u8; 3]>(&input),
        PixelType::U8x4 => with_kernel::<[u8; 4]>(&input),
        PixelType::U16x2 => with_kernel::<[u16; 2]>(&input),
        PixelType::F32x2 => with_kernel::<[f32; 2]>(&input),
    }
});
