//! Every kernel, boundary, warp, sink and level against the reference, bit by bit, on 1 to 8 threads: whatever the
//! widths, strides and values, and nothing written beside the destination. Every pixel with a kernel of each number of
//! taps up to four, and with others one of each arithmetic; homographies and maps with a kernel of each number of taps.
#![forbid(unsafe_code)]

use std::io::Write;

use nonius::reference::{Arithmetic, Coordinates, Exact, Reference, Shape};
use nonius::spline::Coefficient;
use nonius::transform::Matrix;
use nonius::{
    Affine, BSpline, Boundary, Error, Euclidean, Homography, Image, ImageMut, Kernel, Level, Map, Pixel,
    Sampler, Similarity, Smooth, Tap, Threads, Transform, Translation, Warp,
};
use registry::{Plan, Tested, Value, Visitor};

/// What is tested: the one list of kernels, pixels, boundaries and warps, which benches go through
/// too.
pub mod registry {
    use super::*;

    pub use crate::common::Random;
    use nonius::kernel::weighted::Smoothstep;
    use nonius::{
        BSpline, Bilinear, Cubic, Lagrange, Lanczos, Nearest, NearestEven, StraightThrough, WeightedNearest,
    };

    /// How an image is filled.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Pattern {
        /// Noise over the whole range.
        Random,
        /// The smallest and the largest value in turn.
        Alternating,
        /// The largest value.
        Largest,
        /// The smallest value.
        Smallest,
        /// For floats: NaN, infinities, both zeros, the smallest numbers.
        Special,
    }

    /// All of them.
    pub const PATTERNS: [Pattern; 5] =
        [Pattern::Random, Pattern::Alternating, Pattern::Largest, Pattern::Smallest, Pattern::Special];

    /// An element of an image that can be filled and compared.
    pub trait Value: Copy + std::fmt::Debug {
        /// Element `i` of a row (of channels) of a pattern.
        fn new(pattern: Pattern, i: usize, random: &mut Random) -> Self;
        /// Equality of bits. A NaN equals every NaN: which one arithmetic makes is not specified.
        fn same(&self, other: &Self) -> bool;
    }

    macro_rules! integers {
        ($($t:ty),*) => {$(
            impl Value for $t {
                fn new(pattern: Pattern, i: usize, random: &mut Random) -> Self {
                    let noise = random.bits() as $t;
                    match pattern {
                        Pattern::Random => noise,
                        Pattern::Alternating if i % 2 == 0 => <$t>::MIN,
                        Pattern::Alternating | Pattern::Largest => <$t>::MAX,
                        Pattern::Smallest => <$t>::MIN,
                        Pattern::Special => if noise & 1 == 0 { <$t>::MIN } else { <$t>::MAX },
                    }
                }
                fn same(&self, other: &Self) -> bool {
                    self == other
                }
            }
        )*};
    }
    integers!(u8, u16, i16, i32, i64);

    impl Value for f32 {
        fn new(pattern: Pattern, i: usize, random: &mut Random) -> Self {
            const SPECIAL: [f32; 10] = [
                f32::NAN,
                f32::INFINITY,
                f32::NEG_INFINITY,
                0.0,
                -0.0,
                1.0,
                -1.0,
                f32::MIN_POSITIVE,
                f32::from_bits(1),
                f32::MAX,
            ];
            match pattern {
                Pattern::Random => random.real(-1000.0, 1000.0) as f32,
                Pattern::Alternating if i.is_multiple_of(2) => f32::MIN,
                Pattern::Alternating | Pattern::Largest => f32::MAX,
                Pattern::Smallest => f32::MIN,
                Pattern::Special => SPECIAL[random.below(SPECIAL.len())],
            }
        }
        fn same(&self, other: &Self) -> bool {
            self.to_bits() == other.to_bits() || (self.is_nan() && other.is_nan())
        }
    }

    impl<T: Copy + std::fmt::Debug> Value for Coefficient<T> {
        fn new(pattern: Pattern, i: usize, random: &mut Random) -> Self {
            Self::from_bits(Value::new(pattern, i, random))
        }
        fn same(&self, other: &Self) -> bool {
            self.to_bits() == other.to_bits()
        }
    }

    impl<T: Value, const C: usize> Value for [T; C] {
        fn new(pattern: Pattern, i: usize, random: &mut Random) -> Self {
            std::array::from_fn(|c| T::new(pattern, C * i + c, random))
        }
        fn same(&self, other: &Self) -> bool {
            self.iter().zip(other).all(|(a, b)| a.same(b))
        }
    }

    /// What can be tapped, and whose values, derivatives, sums and cotangents can be filled and
    /// compared.
    pub trait Tested:
        Value + Tap<Channel: Arithmetic, Sampled: Value, Derivative: Value, Adjoint: Value, Cotangent: Value>
    {
    }
    impl<P> Tested for P where
        P: Value
            + Tap<Channel: Arithmetic, Sampled: Value, Derivative: Value, Adjoint: Value, Cotangent: Value>
    {
    }

    /// What is done with every kernel and pixel.
    pub trait Visitor {
        /// With one of them: along anything, or along lines only, where others of its kind are drawn along
        /// homographies and maps. (What a kernel gets of a walk is cells and fractions.)
        fn visit<K: Kernel + Shape + Default, P: Tested + Pixel, const ALONG_ANYTHING: bool>(
            &mut self,
            kernel: &str,
            pixel: &str,
        );
    }

    macro_rules! pixels {
        ($visitor:ident, $kernel:ty, $anything:literal: $($pixel:ty),*) => {
            $($visitor.visit::<$kernel, $pixel, $anything>(stringify!($kernel), stringify!($pixel));)*
        };
    }
    macro_rules! kernels {
        ($($name:ident: $kernel:ty, $pixels:tt, $anything:literal;)*) => {
            $(
                /// One kernel with its pixels.
                pub fn $name(visitor: &mut impl Visitor) {
                    kernels!(@ $pixels, visitor, $kernel, $anything);
                }
            )*
            /// Every kernel with its pixels.
            pub fn every(visitor: &mut impl Visitor) {
                $($name(visitor);)*
            }
        };
        (@ all, $visitor:ident, $kernel:ty, $anything:literal) => {
            pixels!($visitor, $kernel, $anything: u8, u16, i16, f32, [u8; 3], [u8; 4], [u16; 2], [f32; 2]);
        };
        // Where no other kernel has so many taps: every channel.
        (@ channels, $visitor:ident, $kernel:ty, $anything:literal) => {
            pixels!($visitor, $kernel, $anything: u8, u16, i16, f32);
        };
        // Where other kernels of the same numbers of taps have all: one of each arithmetic.
        (@ some, $visitor:ident, $kernel:ty, $anything:literal) => {
            pixels!($visitor, $kernel, $anything: u8, u16, f32);
        };
    }
    kernels!(
        nearest: Nearest, all, true;
        // (Ties are found by the walks.)
        nearest_even: NearestEven, some, true;
        straight_through: StraightThrough, some, true;
        bilinear: Bilinear, all, true;
        catmull_rom: Cubic<-50>, all, true;
        cubic_75: Cubic<-75>, some, false;
        lagrange: Lagrange, some, false;
        lanczos_2: Lanczos<2>, some, false;
        lanczos_3: Lanczos<3>, some, true;
        lanczos_4: Lanczos<4>, channels, true;
        b_spline: BSpline, some, false;
        smoothstep: WeightedNearest<Smoothstep>, some, false;
    );

    /// Every boundary.
    pub fn boundaries<P>(constant: P) -> [Boundary<P>; 6] {
        use Boundary::*;
        [Constant(constant), Replicate, Reflect, Reflect101, Wrap, Transparent]
    }

    /// A warp by the numbers that make it.
    #[derive(Clone, Copy, Debug)]
    pub enum Plan {
        /// Through a shift.
        Translation([f64; 2]),
        /// Through a rotation and a shift.
        Euclidean([f64; 3]),
        /// Through a similarity.
        Similarity([f64; 4]),
        /// Through an affine map.
        Affine([f64; 6]),
        /// Through a homography.
        Homography([f64; 8]),
        /// Coordinates that wander smoothly from pixel to pixel.
        SmoothMap,
        /// Coordinates anywhere around the source, whole and half ones too.
        RandomMap,
        /// As before, some of them NaN, infinite, huge or tiny.
        SpecialMap,
    }

    /// Every kind of warp, for sources of some tens of pixels.
    pub const WARPS: &[(&str, Plan)] = &[
        ("identity", Plan::Translation([0.0, 0.0])),
        ("integer shift", Plan::Translation([3.0, -2.0])),
        ("integer shift left", Plan::Translation([-9.0, 1.0])),
        ("subpixel shift", Plan::Translation([0.3, 0.7])),
        ("half a pixel", Plan::Translation([-2.5, 0.5])),
        ("projected ties", Plan::Homography([0.5, 0.0, -2.5, 0.0, 1.5, 0.5, 0.0, 0.0])),
        ("almost a pixel", Plan::Translation([0.999_999_99, 1.0 - 1e-5])),
        ("far away", Plan::Translation([5e8, -3.3])),
        ("Euclidean", Plan::Euclidean([0.3, 1.7, -2.2])),
        ("half a turn", Plan::Euclidean([3.1, 36.0, 21.5])),
        ("similarity", Plan::Similarity([0.9, -0.4, 1.1, 12.0])),
        ("affine", Plan::Affine([1.1, 0.2, -3.0, -0.13, 0.8, 9.0])),
        ("magnify", Plan::Affine([0.21, 0.0, 1.3, 0.0, 0.34, 0.2])),
        ("minify", Plan::Affine([3.7, 0.4, -11.0, 0.3, 5.2, -2.0])),
        ("flip x", Plan::Affine([-1.0, 0.0, 31.0, 0.0, 1.0, 0.0])),
        ("flip y", Plan::Affine([1.0, 0.0, 0.0, 0.0, -1.0, 7.25])),
        ("quarter turn", Plan::Affine([0.0, -1.0, 16.0, 1.0, 0.0, -3.0])),
        ("steepest", Plan::Affine([16_384.0, 0.0, -32_768.0, 0.0, -16_384.0, 16_384.0])),
        ("flattest", Plan::Affine([1e-6, 0.0, 3.999_99, 0.0, 1e-6, 1.25])),
        ("projective identity", Plan::Homography([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])),
        ("mild perspective", Plan::Homography([1.02, 0.03, -1.4, -0.02, 0.97, 2.6, 1e-3, -2e-3])),
        // So little that a series tells the quotients; half of it in a mirror.
        ("slight perspective", Plan::Homography([1.02, 0.03, -1.4, -0.02, 0.97, 2.6, 2e-4, -1e-4])),
        ("slight perspective back", Plan::Homography([-0.81, 0.3, 33.0, -0.2, 1.3, 2.6, -1e-4, 2e-4])),
        ("strong perspective", Plan::Homography([2.1, 0.3, -2.0, 0.4, 1.6, 1.0, 0.03, 0.05])),
        ("horizon", Plan::Homography([0.9, 0.2, -6.3, 0.1, 1.1, -2.0, -0.077, 0.013])),
        // The denominator of pixel 8 is zero.
        ("horizon at a pixel", Plan::Homography([1.0, 0.0, 0.25, 0.0, 1.0, 0.0, -0.125, 0.0])),
        ("projected far away", Plan::Homography([1e-3, 0.0, 4e5, 0.0, 1.0, 1e6, 1e-9, 1e-4])),
        ("smooth map", Plan::SmoothMap),
        ("random map", Plan::RandomMap),
        ("special map", Plan::SpecialMap),
    ];

    impl Plan {
        /// Whether coordinates are linear.
        pub fn is_line(self) -> bool {
            !matches!(self, Self::Homography(_) | Self::SmoothMap | Self::RandomMap | Self::SpecialMap)
        }
    }

    /// The matrix of a plan, unless it is a map.
    pub fn matrix(plan: Plan) -> Result<Option<Matrix>, Error> {
        Ok(Some(match plan {
            Plan::Translation(p) => Translation::from_parameters(p)?.matrix(),
            Plan::Euclidean(p) => Euclidean::from_parameters(p)?.matrix(),
            Plan::Similarity(p) => Similarity::from_parameters(p)?.matrix(),
            Plan::Affine(p) => Affine::from_parameters(p)?.matrix(),
            Plan::Homography(p) => Homography::from_parameters(p)?.matrix(),
            Plan::SmoothMap | Plan::RandomMap | Plan::SpecialMap => return Ok(None),
        }))
    }

    /// The planes of a map of `size` onto a source of `source` pixels.
    pub fn planes(
        plan: Plan,
        size: (usize, usize),
        source: (usize, usize),
        random: &mut Random,
    ) -> [Vec<f32>; 2] {
        const SPECIAL: [f32; 12] = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::MIN,
            1_073_741_824.0,
            -1_073_741_824.0,
            2_147_483_648.0,
            f32::MIN_POSITIVE,
            -f32::MIN_POSITIVE,
            -0.0,
            0.499_999_97,
        ];
        [source.0, source.1].map(|side| {
            let n = side as f64;
            let mut at = random.real(-1.0, n);
            let step = random.real(-1.2, 1.2);
            (0..size.0 * size.1)
                .map(|i| match plan {
                    Plan::SmoothMap => {
                        at += step + random.real(-0.1, 0.1);
                        at = at.clamp(-3.0, n + 2.0);
                        at as f32
                    }
                    Plan::SpecialMap if i % 3 == 0 => SPECIAL[random.below(SPECIAL.len())],
                    _ => match random.below(4) {
                        0 => random.below(side + 3) as f32 - 1.0,
                        1 => random.below(side + 3) as f32 - 1.5,
                        _ => random.real(-0.3 * n - 2.0, 1.3 * n + 2.0) as f32,
                    },
                })
                .collect()
        })
    }
}

use registry::{PATTERNS, Pattern, Random, WARPS, boundaries, matrix, planes};

/// Elements before and after an image that must stay what they are.
const GUARD: usize = 7;

/// An image in the middle of something else.
#[derive(Clone, Debug)]
struct Guarded<T> {
    data: Vec<T>,
    width: usize,
    height: usize,
    stride: usize,
}

impl<T: Value> Guarded<T> {
    fn new((width, height): (usize, usize), gap: usize, pattern: Pattern, random: &mut Random) -> Self {
        let stride = width + gap;
        let data =
            (0..stride * (height - 1) + width + 2 * GUARD).map(|i| T::new(pattern, i, random)).collect();
        Self { data, width, height, stride }
    }
    fn image(&self) -> Image<'_, T> {
        let end = self.data.len() - GUARD;
        Image::with_stride(&self.data[GUARD..end], self.width, self.height, self.stride).unwrap()
    }
    fn image_mut(&mut self) -> ImageMut<'_, T> {
        let end = self.data.len() - GUARD;
        ImageMut::with_stride(&mut self.data[GUARD..end], self.width, self.height, self.stride).unwrap()
    }
    /// Says where this differs from what is expected, or from what it was where nothing is written.
    fn check(&self, expected: &Self, before: &Self, what: &dyn Fn() -> String) {
        let rows = self.stride * self.height;
        for (i, v) in self.data.iter().enumerate() {
            let at = i.wrapping_sub(GUARD);
            let (x, y) = (at % self.stride, at / self.stride);
            if at < rows && x < self.width {
                let e = &expected.data[i];
                assert!(v.same(e), "{}: at ({x}, {y}) {v:?}, the reference has {e:?}", what());
            } else {
                assert!(v.same(&before.data[i]), "{}: element {at} beside the image was written", what());
            }
        }
    }
}

/// Sizes of sources.
const SOURCES: &[(usize, usize)] =
    &[(1, 1), (40, 30), (2, 1), (17, 9), (1, 3), (5, 4), (33, 2), (2, 23), (24, 24)];

struct Cells {
    random: Random,
    cells: usize,
    combinations: usize,
    /// Pixels that went along anything, and along lines.
    pixels: [usize; 2],
}

impl Visitor for Cells {
    fn visit<K: Kernel + Shape + Default, P: Tested + Pixel, const ALONG_ANYTHING: bool>(
        &mut self,
        kernel: &str,
        pixel: &str,
    ) {
        self.all::<K, P, ALONG_ANYTHING>(kernel, pixel);
    }
}

/// Widths and boundaries of one kernel, pixel and warp.
const COMBINATIONS: usize = 20 * 6;

/// Kernels of more than 3 taps are tested with every 11th combination: they take the way of the others,
/// but the reference takes long. (Coprime to all counts, so in time everything meets everything.)
fn stride<K: Shape>() -> usize {
    if K::SUPPORT > 3 { 11 } else { 1 }
}

impl Cells {
    fn new() -> Self {
        Self { random: Random(0x9e37_79b9_7f4a_7c15), cells: 0, combinations: 0, pixels: [0; 2] }
    }

    fn all<K: Kernel + Shape + Default, P: Tested, const ALONG_ANYTHING: bool>(
        &mut self,
        kernel: &str,
        pixel: &str,
    ) {
        self.pixels[usize::from(!ALONG_ANYTHING)] += 1;
        let widths = (1..=17).chain([65, 128, 261]);
        for (w, width) in widths.enumerate() {
            let warps = WARPS.iter().filter(|(_, plan)| ALONG_ANYTHING || plan.is_line());
            for (n, &(name, plan)) in warps.enumerate() {
                for b in 0..6 {
                    self.combinations += 1;
                    if !self.combinations.is_multiple_of(stride::<K>()) {
                        continue;
                    }
                    let i = self.cells + w + n + b;
                    let setup = Setup {
                        // Numbers without a common factor: in time everything meets everything.
                        source: SOURCES[i % SOURCES.len()],
                        destination: (width, 1 + (w + 2 * n + b) % 5),
                        gap: [0, 3, 1][(w + n + b) % 3],
                        pattern: PATTERNS[(i / 2) % PATTERNS.len()],
                    };
                    let constant = P::new(setup.pattern, i, &mut self.random);
                    let boundary = boundaries(constant)[b];
                    let what = || format!("{kernel} {pixel} {boundary:?} {name} {setup:?}");
                    self.cell::<K, P, ALONG_ANYTHING>(boundary, plan, &setup, &what);
                }
            }
        }
    }
}

/// 1, 2, 3 and 8 in turn, however small the image. (In 20 cells, so that each level and sink meets each.)
fn threads(cells: usize) -> Threads {
    Threads::new([1, 2, 3, 8][cells / 5 % 4]).with_grain(1)
}

#[derive(Clone, Copy, Debug)]
struct Setup {
    source: (usize, usize),
    destination: (usize, usize),
    gap: usize,
    pattern: Pattern,
}

impl Cells {
    fn cell<K: Kernel + Shape + Default, P: Tested, const ALONG_ANYTHING: bool>(
        &mut self,
        boundary: Boundary<P>,
        plan: Plan,
        setup: &Setup,
        what: &dyn Fn() -> String,
    ) {
        if plan.is_line() {
            let t = Affine::from_matrix(matrix(plan).unwrap().expect("a line")).unwrap();
            return self.sinks::<K, P, _>(boundary, &t, &t.coordinates(), setup, what);
        }
        // (What is not to be tested is not compiled.)
        if ALONG_ANYTHING {
            if let Some(m) = matrix(plan).unwrap() {
                let t = Homography::from_matrix(m).unwrap();
                return self.sinks::<K, P, _>(boundary, &t, &t.coordinates(), setup, what);
            }
            let (width, height) = setup.destination;
            let [x, y] = planes(plan, setup.destination, setup.source, &mut self.random);
            let (x, y) = (Image::new(&x, width, height).unwrap(), Image::new(&y, width, height).unwrap());
            let map = Map::new(x, y).unwrap();
            self.sinks::<K, P, _>(boundary, &map, &Coordinates::Map(x, y), setup, what);
        }
    }

    fn sinks<K: Kernel + Shape + Default, P: Tested, W: Warp>(
        &mut self,
        boundary: Boundary<P>,
        warp: &W,
        coordinates: &Coordinates<'_>,
        setup: &Setup,
        what: &dyn Fn() -> String,
    ) {
        let Setup { source: (width, height), destination, gap, pattern } = *setup;
        let random = &mut self.random;
        // Exactly as long as it must be, so that a tool that watches memory sees a read beyond.
        let stride = width + gap;
        let pixels: Box<[P]> =
            (0..stride * (height - 1) + width).map(|i| P::new(pattern, i, random)).collect();
        let source = Image::with_stride(&pixels, width, height, stride).unwrap();
        let reference = Reference::new(K::default(), boundary);
        let sampler = Sampler::new(K::default(), boundary);

        let before = Guarded::<P::Sampled>::new(destination, gap, Pattern::Random, random);
        let mut expected = before.clone();
        reference.warp(source, &mut expected.image_mut(), coordinates);
        for level in Level::available() {
            let mut out = before.clone();
            let sampler = sampler.with_level(level).with_threads(threads(self.cells));
            sampler.warp(source, &mut out.image_mut(), warp).unwrap();
            out.check(&expected, &before, &|| format!("warp, {}, {}", level.name(), what()));
            self.cells += 1;
        }

        let [x, y] = [0, 2]
            .map(|more| Guarded::<P::Derivative>::new(destination, gap + more, Pattern::Random, random));
        let (mut ex, mut ey) = (x.clone(), y.clone());
        reference.warp_partials(source, &mut ex.image_mut(), &mut ey.image_mut(), coordinates);
        for level in Level::available() {
            let (mut dx, mut dy) = (x.clone(), y.clone());
            let sampler = sampler.with_level(level).with_threads(threads(self.cells));
            sampler.warp_partials(source, &mut dx.image_mut(), &mut dy.image_mut(), warp).unwrap();
            dx.check(&ex, &x, &|| format!("dx, {}, {}", level.name(), what()));
            dy.check(&ey, &y, &|| format!("dy, {}, {}", level.name(), what()));
            self.cells += 1;
        }

        let cotangent = Guarded::<P::Cotangent>::new(destination, gap, pattern, random);
        let before = Guarded::<P::Adjoint>::new((width, height), gap, Pattern::Random, random);
        let mut expected = before.clone();
        reference.adjoint(cotangent.image(), &mut expected.image_mut(), coordinates);
        for level in Level::available() {
            let mut gradient = before.clone();
            let sampler = sampler.with_level(level).with_threads(threads(self.cells));
            sampler.adjoint(cotangent.image(), &mut gradient.image_mut(), warp).unwrap();
            gradient.check(&expected, &before, &|| format!("adjoint, {}, {}", level.name(), what()));
            self.cells += 1;
        }
    }
}

impl Cells {
    /// That no combination has been left out, for so many pixels along anything and along lines.
    fn check<K: Shape>(&self, pixels: [usize; 2]) {
        assert_eq!(self.pixels, pixels);
        let lines = WARPS.iter().filter(|(_, plan)| plan.is_line()).count();
        let combinations = (pixels[0] * WARPS.len() + pixels[1] * lines) * COMBINATIONS / stride::<K>();
        assert_eq!(self.cells, combinations * 3 * Level::available().count());
    }
}

fn report(name: &str, cells: usize) {
    // Not through println, which the test harness keeps to itself.
    let levels: Vec<&str> = Level::available().map(|level| level.name()).collect();
    let _ = writeln!(
        std::io::stderr(),
        "matrix, {name}: {cells} cells equal the reference ({})",
        levels.join(", ")
    );
}

macro_rules! kernel_tests {
    ($($kernel:ident: $type:ty, $pixels:expr;)*) => {$(
        #[test]
        fn $kernel() {
            let mut matrix = Cells::new();
            registry::$kernel(&mut matrix);
            matrix.check::<$type>($pixels);
            report(stringify!($kernel), matrix.cells);
        }
    )*};
}
// Those of the registry, each a test of its own.
kernel_tests!(
    nearest: nonius::Nearest, [8, 0];
    nearest_even: nonius::NearestEven, [3, 0];
    straight_through: nonius::StraightThrough, [3, 0];
    bilinear: nonius::Bilinear, [8, 0];
    catmull_rom: nonius::Cubic<-50>, [8, 0];
    cubic_75: nonius::Cubic<-75>, [0, 3];
    lagrange: nonius::Lagrange, [0, 3];
    lanczos_2: nonius::Lanczos<2>, [0, 3];
    lanczos_3: nonius::Lanczos<3>, [3, 0];
    lanczos_4: nonius::Lanczos<4>, [4, 0];
    b_spline: BSpline, [0, 3];
    smoothstep: nonius::WeightedNearest<nonius::kernel::weighted::Smoothstep>, [0, 3];
);

/// Splines on what they are made for.
#[test]
fn coefficients() {
    let mut matrix = Cells::new();
    matrix.all::<BSpline, Coefficient<u8>, true>("BSpline", "Coefficient<u8>");
    matrix.all::<BSpline, Coefficient<u16>, false>("BSpline", "Coefficient<u16>");
    matrix.all::<BSpline, Coefficient<i16>, false>("BSpline", "Coefficient<i16>");
    matrix.all::<BSpline, [Coefficient<u8>; 3], false>("BSpline", "[Coefficient<u8>; 3]");
    matrix.check::<BSpline>([1, 3]);
    report("coefficients", matrix.cells);
}

/// Second derivatives of the smooth kernels at single coordinates and over warps.
#[test]
fn hessians() {
    fn check<K: Smooth + Shape + Default, P: Tested>(random: &mut Random) {
        for (n, &(width, height)) in SOURCES.iter().enumerate() {
            for pattern in PATTERNS {
                let pixels: Vec<P> = (0..width * height).map(|i| P::new(pattern, i, random)).collect();
                let image = Image::new(&pixels, width, height).unwrap();
                for boundary in boundaries(P::new(pattern, n, random)) {
                    let (sampler, reference) =
                        (Sampler::new(K::default(), boundary), Reference::new(K::default(), boundary));
                    let plan = if n % 2 == 0 { Plan::RandomMap } else { Plan::SpecialMap };
                    let [xs, ys] = planes(plan, (7, 5), (width, height), random);
                    let (x, y) = (Image::new(&xs, 7, 5).unwrap(), Image::new(&ys, 7, 5).unwrap());
                    let coordinates = Coordinates::Map(x, y);
                    let mut out = [(); 3].map(|()| vec![P::zero_derivative(); 35]);
                    let [xx, xy, yy] = &mut out;
                    let mut planes = [xx, xy, yy].map(|plane| ImageMut::new(plane, 7, 5).unwrap());
                    let [xx, xy, yy] = &mut planes;
                    sampler.warp_hessian(image, [xx, xy, yy], &Map::new(x, y).unwrap()).unwrap();
                    for (i, (&x, &y)) in xs.iter().zip(&ys).enumerate() {
                        let expected = reference
                            .curvatures(image, coordinates.at(i % 7, i / 7, Reference::<K, P>::to()));
                        let (xx, xy, yy) = sampler.hessian(image, x, y);
                        for ((a, b), e) in
                            [xx, xy, yy].iter().zip([out[0][i], out[1][i], out[2][i]]).zip(expected)
                        {
                            assert!(
                                a.same(&e) && b.same(&e),
                                "{boundary:?} {pattern:?} ({x}, {y}): {a:?} {b:?} not {e:?}"
                            );
                        }
                    }
                }
            }
        }
    }
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    check::<nonius::Cubic<-50>, u8>(&mut random);
    check::<nonius::Cubic<-75>, u16>(&mut random);
    check::<nonius::Cubic<-75>, f32>(&mut random);
    check::<nonius::Lanczos<2>, [u8; 3]>(&mut random);
    check::<nonius::Lanczos<4>, u8>(&mut random);
    check::<nonius::Lanczos<4>, f32>(&mut random);
    check::<BSpline, i16>(&mut random);
    check::<BSpline, Coefficient<u8>>(&mut random);
    check::<BSpline, Coefficient<i16>>(&mut random);
}

/// Single coordinates, as `f64` and as `f32`.
#[test]
fn single_samples() {
    struct Points(Random);
    impl Visitor for Points {
        fn visit<K: Kernel + Shape + Default, P: Tested + Pixel, const ALONG_ANYTHING: bool>(
            &mut self,
            kernel: &str,
            pixel: &str,
        ) {
            let random = &mut self.0;
            for &(width, height) in SOURCES {
                let pixels: Vec<P> =
                    (0..width * height).map(|i| P::new(Pattern::Random, i, random)).collect();
                let image = Image::new(&pixels, width, height).unwrap();
                for boundary in boundaries(P::new(Pattern::Random, 0, random)) {
                    let (sampler, reference) =
                        (Sampler::new(K::default(), boundary), Reference::new(K::default(), boundary));
                    let [xs, ys] = planes(Plan::SpecialMap, (50, 1), (width, height), random);
                    for (x, y) in xs.into_iter().zip(ys) {
                        let (x64, y64) = (f64::from(x), f64::from(y));
                        let what = format!("{kernel} {pixel} {boundary:?} ({x}, {y})");
                        let expected = reference.sample(image, x64, y64);
                        for value in [sampler.sample(image, x, y), sampler.sample(image, x64, y64)] {
                            match (value, expected) {
                                (Some(v), Some(e)) => assert!(v.same(&e), "{what}: {v:?}, not {e:?}"),
                                (v, e) => assert_eq!(v.is_none(), e.is_none(), "{what}"),
                            }
                        }
                        let (ex, ey) = reference.partials(image, x64, y64);
                        let (dx, dy) = sampler.partials(image, x, y);
                        assert!(dx.same(&ex) && dy.same(&ey), "{what}: {dx:?} {dy:?}, not {ex:?} {ey:?}");
                    }
                }
            }
        }
    }
    registry::every(&mut Points(Random(0x2545_f491_4f6c_dd1d)));
}

/// Each model walks as the matrix that it has.
#[test]
fn models_are_their_matrices() {
    fn warped<W: Warp>(warp: &W) -> Vec<u16> {
        let source: Vec<u16> = (0..40 * 30).map(|i| (i * 7919 % 65_536) as u16).collect();
        let mut out = vec![0; 50 * 20];
        Sampler::new(nonius::Bilinear, Boundary::Reflect)
            .warp(Image::new(&source, 40, 30).unwrap(), &mut ImageMut::new(&mut out, 50, 20).unwrap(), warp)
            .unwrap();
        out
    }
    for &(name, plan) in WARPS {
        let out = match plan {
            Plan::Translation(p) => warped(&Translation::from_parameters(p).unwrap()),
            Plan::Euclidean(p) => warped(&Euclidean::from_parameters(p).unwrap()),
            Plan::Similarity(p) => warped(&Similarity::from_parameters(p).unwrap()),
            _ => continue,
        };
        let m = matrix(plan).unwrap().unwrap();
        assert_eq!(out, warped(&Affine::from_matrix(m).unwrap()), "{name}");
    }
}

/// A map that does not fit is refused, and nothing is written.
#[test]
fn maps_of_another_size() {
    let plane = [0.0_f32; 6];
    let plane = Image::new(&plane, 3, 2).unwrap();
    let map = Map::new(plane, plane).unwrap();
    let source = [9_u8; 4];
    let source = Image::new(&source, 2, 2).unwrap();
    let sampler = Sampler::new(nonius::Bilinear, Boundary::Replicate);
    let mut out = [1_u8; 6];
    let refused = sampler.warp(source, &mut ImageMut::new(&mut out, 2, 3).unwrap(), &map);
    assert_eq!((refused, out), (Err(Error::SizeMismatch), [1; 6]));
    let (mut dx, mut dy) = ([1_i32; 6], [1_i32; 6]);
    let refused = sampler.warp_partials(
        source,
        &mut ImageMut::new(&mut dx, 3, 2).unwrap(),
        &mut ImageMut::new(&mut dy, 2, 3).unwrap(),
        &map,
    );
    assert_eq!((refused, dx, dy), (Err(Error::SizeMismatch), [1; 6], [1; 6]));
    let mut gradient = [1_i64; 4];
    let cotangent = [5_i32; 6];
    let refused = sampler.adjoint(
        Image::new(&cotangent, 2, 3).unwrap(),
        &mut ImageMut::new(&mut gradient, 2, 2).unwrap(),
        &map,
    );
    assert_eq!((refused, gradient), (Err(Error::SizeMismatch), [1; 4]));
}
