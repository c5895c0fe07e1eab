//! Rules that are no kernels against their references, weights by table, and what gradients are
//! where it is not obvious: at borders, at lattice points, at ties, in constant images.
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use crate::common::Random;
use nonius::fixed::{Q14, Q24, Weight};
use nonius::kernel::adaptive::{Frozen, GateImage, Hard, Soft};
use nonius::kernel::weighted::{Share, Smoothstep, Table, Tent};
use nonius::reference::{
    AdaptiveRule, Arithmetic, Coordinates, Exact, FineArithmetic, GateRule, LinearizedRule, Number,
    Reference, Rule, Shape, SurrogateRule, table, table_at,
};
use nonius::{
    Adaptive, Affine, Bilinear, Boundary, Cubic, Error, Homography, Image, ImageMut, Interpolator, Kernel,
    Lanczos, Level, Linearized, Map, Nearest, NearestEven, Pixel, Sampler, StraightThrough, Surrogate,
    Transform, Translation, WeightedNearest,
};

/// A value that can be made from noise, or of the ends of its range, and compared by its bits.
trait Element: Copy + std::fmt::Debug {
    fn noise(bits: u64) -> Self;
    fn same(&self, other: &Self) -> bool;
}
macro_rules! elements {
    ($($t:ty),*) => {$(
        impl Element for $t {
            fn noise(bits: u64) -> Self {
                match bits % 11 {
                    0 => <$t>::MIN,
                    1 => <$t>::MAX,
                    _ => (bits >> 17) as $t,
                }
            }
            fn same(&self, other: &Self) -> bool {
                self == other
            }
        }
    )*};
}
elements!(u8, u16, i16, i32, i64);
impl Element for f32 {
    fn noise(bits: u64) -> Self {
        match bits % 97 {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => -1e38,
            _ => (bits >> 40) as f32 / 65_536.0 - 128.0,
        }
    }
    fn same(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits() || (self.is_nan() && other.is_nan())
    }
}
impl<T: Element, const C: usize> Element for [T; C] {
    fn noise(bits: u64) -> Self {
        std::array::from_fn(|c| T::noise(bits.wrapping_mul(2 * c as u64 + 1)))
    }
    fn same(&self, other: &Self) -> bool {
        self.iter().zip(other).all(|(a, b)| a.same(b))
    }
}

/// A pixel that can be tested.
trait Tested:
    Element + Pixel<Channel: FineArithmetic, Derivative: Element, Adjoint: Element, Cotangent: Element>
{
}
impl<P> Tested for P where
    P: Element + Pixel<Channel: FineArithmetic, Derivative: Element, Adjoint: Element, Cotangent: Element>
{
}

/// An image that owns its pixels.
#[derive(Clone, Debug)]
struct Picture<T> {
    pixels: Vec<T>,
    size: (usize, usize),
}

impl<T: Copy> Picture<T> {
    fn new(size: (usize, usize), mut pixel: impl FnMut(usize, usize) -> T) -> Self {
        Self { pixels: (0..size.0 * size.1).map(|i| pixel(i % size.0, i / size.0)).collect(), size }
    }
    fn image(&self) -> Image<'_, T> {
        Image::new(&self.pixels, self.size.0, self.size.1).unwrap()
    }
    fn image_mut(&mut self) -> ImageMut<'_, T> {
        ImageMut::new(&mut self.pixels, self.size.0, self.size.1).unwrap()
    }
}

impl<T: Element> Picture<T> {
    fn noise(size: (usize, usize), random: &mut Random) -> Self {
        Self::new(size, |_, _| T::noise(random.bits()))
    }
    fn check(&self, expected: &Self, what: &dyn Fn() -> String) {
        for (i, (v, e)) in self.pixels.iter().zip(&expected.pixels).enumerate() {
            let (x, y) = (i % self.size.0, i / self.size.0);
            assert!(v.same(e), "{}: at ({x}, {y}) {v:?}, the reference has {e:?}", what());
        }
    }
}

fn boundaries<P>(constant: P) -> [Boundary<P>; 6] {
    use Boundary::*;
    [Constant(constant), Replicate, Reflect, Reflect101, Wrap, Transparent]
}

fn within(v: f64, expected: f64, bound: f64, what: &str) {
    assert!((v - expected).abs() <= bound, "{what}: {v}, not {expected} (within {bound})");
}

// Against the references.

/// The size of warped images: blocks of lanes and a tail.
const DESTINATION: (usize, usize) = (37, 4);

/// What a rule is compared with: value and partials by the rule of reference, and the adjoint, if it
/// has one.
struct Case<'a, I, P: Pixel> {
    rule: I,
    reference: &'a dyn Rule<P>,
    adjoint: Option<&'a dyn AdjointOf<I, P>>,
    boundary: Boundary<P>,
    source: &'a Picture<P>,
    what: &'a dyn Fn() -> String,
}

/// An adjoint and its reference. (A trait, so that rules without one can be tested too.)
trait AdjointOf<I, P: Pixel> {
    fn check(&self, sampler: &Sampler<I, P>, warp: Mapping<'_>, cell: &mut Adjoint<'_, P>);
}

/// A warp as a value. (Homographies are in the matrix: they differ by their coordinates only.)
#[derive(Clone, Copy)]
enum Mapping<'a> {
    Affine(Affine),
    Map(Image<'a, f32>, Image<'a, f32>),
}

impl Mapping<'_> {
    fn coordinates(&self) -> Coordinates<'_> {
        match self {
            Mapping::Affine(t) => t.coordinates(),
            Mapping::Map(x, y) => Coordinates::Map(*x, *y),
        }
    }
}

macro_rules! with_warp {
    ($mapping:expr, $warp:ident => $body:expr) => {
        match $mapping {
            Mapping::Affine(t) => {
                let $warp = &t;
                $body
            }
            Mapping::Map(x, y) => {
                let $warp = &Map::new(x, y).unwrap();
                $body
            }
        }
    };
}

struct Adjoint<'a, P: Pixel> {
    cotangent: Image<'a, P::Cotangent>,
    gradient: ImageMut<'a, P::Adjoint>,
    expected: ImageMut<'a, P::Adjoint>,
}

/// The adjoint of a rule that is linear, against this function.
struct With<F>(F);

impl<I, P, F> AdjointOf<I, P> for With<F>
where
    I: nonius::Linear,
    P: Tested,
    F: Fn(Image<'_, P::Cotangent>, &Coordinates<'_>, &mut ImageMut<'_, P::Adjoint>),
{
    fn check(&self, sampler: &Sampler<I, P>, warp: Mapping<'_>, cell: &mut Adjoint<'_, P>) {
        with_warp!(warp, w => sampler.adjoint(cell.cotangent, &mut cell.gradient, w).unwrap());
        self.0(cell.cotangent, &warp.coordinates(), &mut cell.expected);
    }
}

impl<I: Interpolator, P: Tested> Case<'_, I, P> {
    fn warp(&self, mapping: Mapping<'_>, random: &mut Random) -> usize {
        let mut cells = 0;
        let coordinates = mapping.coordinates();
        let before = Picture::<P>::noise(DESTINATION, random);
        let mut expected = before.clone();
        let slopes = |f: &mut dyn FnMut(usize, (P::Derivative, P::Derivative))| {
            for i in 0..DESTINATION.0 * DESTINATION.1 {
                let (x, y) = (i % DESTINATION.0, i / DESTINATION.0);
                let at = coordinates.at(x, y, self.reference.partials_rounding());
                f(i, self.reference.slopes_at(self.source.image(), at));
            }
        };
        for (i, out) in expected.pixels.iter_mut().enumerate() {
            let at = coordinates.at(i % DESTINATION.0, i / DESTINATION.0, self.reference.rounding());
            *out = self.reference.value_at(self.source.image(), at).unwrap_or(*out);
        }
        let zero = Picture::new(DESTINATION, |_, _| P::zero_derivative());
        let (mut ex, mut ey) = (zero.clone(), zero.clone());
        slopes(&mut |i, (x, y)| (ex.pixels[i], ey.pixels[i]) = (x, y));
        for level in Level::available() {
            let sampler = Sampler::new(self.rule, self.boundary).with_level(level);
            let (mut out, mut dx, mut dy) = (before.clone(), zero.clone(), zero.clone());
            with_warp!(mapping, w => {
                sampler.warp(self.source.image(), &mut out.image_mut(), w).unwrap();
                sampler
                    .warp_partials(self.source.image(), &mut dx.image_mut(), &mut dy.image_mut(), w)
                    .unwrap();
            });
            out.check(&expected, &|| format!("warp, {}, {}", level.name(), (self.what)()));
            dx.check(&ex, &|| format!("dx, {}, {}", level.name(), (self.what)()));
            dy.check(&ey, &|| format!("dy, {}, {}", level.name(), (self.what)()));
            cells += 2;
            if let Some(adjoint) = self.adjoint {
                let cotangent = Picture::<P::Cotangent>::noise(DESTINATION, random);
                let mut gradient = Picture::<P::Adjoint>::noise(self.source.size, random);
                let mut expected = gradient.clone();
                let mut cell = Adjoint {
                    cotangent: cotangent.image(),
                    gradient: gradient.image_mut(),
                    expected: expected.image_mut(),
                };
                adjoint.check(&sampler, mapping, &mut cell);
                gradient.check(&expected, &|| format!("adjoint, {}, {}", level.name(), (self.what)()));
                cells += 1;
            }
        }
        cells
    }

    fn warps(&self, random: &mut Random) -> usize {
        let affine = [
            [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            [1.0, 0.0, -2.5, 0.0, 1.0, 0.5],
            [1.1, 0.2, -3.0, -0.13, 0.8, 2.0],
            [2.7, 0.4, -7.0, 0.3, 3.2, -2.0],
            [1.0, 0.0, 5e8, 0.0, 1.0, -3.3],
        ];
        let mut cells = 0;
        for p in affine {
            cells += self.warp(Mapping::Affine(Affine::from_parameters(p).unwrap()), random);
        }
        let mut plane = |side: usize| {
            Picture::new(DESTINATION, |_, _| match random.below(12) {
                0 => f32::NAN,
                1 => f32::INFINITY,
                2 => random.below(side + 2) as f32 - 0.5,
                3 => random.below(side + 2) as f32 - 1.0,
                _ => random.real(-3.0, side as f64 + 3.0) as f32,
            })
        };
        let (x, y) = (plane(self.source.size.0), plane(self.source.size.1));
        cells + self.warp(Mapping::Map(x.image(), y.image()), random)
    }
}

/// Calls a generic function for every type of channel, and for some interleaved ones.
macro_rules! every_pixel {
    ($f:ident($($argument:expr),*)) => {
        $f::<u8>($($argument),*)
            + $f::<i16>($($argument),*)
            + $f::<f32>($($argument),*)
            + $f::<[u8; 3]>($($argument),*)
            + $f::<[u16; 2]>($($argument),*)
    };
}

/// Sources of every size, and every boundary.
fn everywhere<P: Tested>(random: &mut Random, mut f: impl FnMut(&Picture<P>, Boundary<P>, &mut Random)) {
    for size in [(1, 1), (2, 3), (46, 9)] {
        let source = Picture::noise(size, random);
        for boundary in boundaries(P::noise(random.bits())) {
            f(&source, boundary, random);
        }
    }
}

fn report(name: &str, cells: usize) {
    use std::io::Write;
    // Not through println, which the test harness keeps to itself.
    let _ = writeln!(std::io::stderr(), "kernels, {name}: {cells} cells equal the reference");
}

/// A rule that is no kernel, with the values and the adjoint of a kernel, for one pixel.
fn with_adjoint_of<P: Tested, I: nonius::Linear, V: Shape + Copy>(
    rule: I,
    value: V,
    source: &Picture<P>,
    boundary: Boundary<P>,
    random: &mut Random,
    reference: &dyn Rule<P>,
    what: &str,
) -> usize {
    let adjoint = With(
        |cotangent: Image<'_, P::Cotangent>, at: &Coordinates<'_>, to: &mut ImageMut<'_, P::Adjoint>| {
            Reference::new(value, boundary).adjoint(cotangent, to, at);
        },
    );
    let what = || format!("{what} {} {boundary:?} {:?}", std::any::type_name::<P>(), source.size);
    Case { rule, reference, adjoint: Some(&adjoint), boundary, source, what: &what }.warps(random)
}

#[test]
fn surrogates_equal_the_reference() {
    fn check<P: Tested>(random: &mut Random) -> usize {
        let mut cells = 0;
        everywhere::<P>(random, |source, boundary, random| {
            let (nearest, even) = (Reference::new(Nearest, boundary), Reference::new(NearestEven, boundary));
            let straight = Reference::new(StraightThrough, boundary);
            let bilinear = Reference::new(Bilinear, boundary);
            let smooth = WeightedNearest::new(Smoothstep);
            cells += with_adjoint_of(
                Surrogate::new(Nearest, StraightThrough),
                Nearest,
                source,
                boundary,
                random,
                &SurrogateRule(nearest, straight),
                "straight through",
            );
            cells += with_adjoint_of(
                Surrogate::new(NearestEven, Bilinear),
                NearestEven,
                source,
                boundary,
                random,
                &SurrogateRule(even, bilinear),
                "bilinear",
            );
            cells += with_adjoint_of(
                Surrogate::new(smooth, Bilinear),
                smooth,
                source,
                boundary,
                random,
                &SurrogateRule(Reference::new(smooth, boundary), bilinear),
                "smoothstep",
            );
        });
        cells
    }
    let random = &mut Random(0x9e37_79b9_7f4a_7c15);
    report("surrogates", every_pixel!(check(random)));
}

#[test]
fn linearized_equals_the_reference() {
    fn check<P: Tested>(random: &mut Random) -> usize {
        let mut cells = 0;
        let t = Affine::from_parameters([2.3, -0.7, 4.0, 1.1, 1.9, 0.3]).unwrap();
        let footprint = Linearized::footprint(&t, 3.0, 4.0).unwrap();
        everywhere::<P>(random, |source, boundary, random| {
            let rule = Linearized::new(1.5, 0.75).unwrap();
            let reference = LinearizedRule::new([[1.5, 0.0], [0.0, 0.75]], boundary);
            cells += with_adjoint_of(rule, Bilinear, source, boundary, random, &reference, "linearized");
            let axes = LinearizedRule::new([[2.3, 1.1], [-0.7, 1.9]], boundary);
            let nearest = Reference::new(Nearest, boundary);
            cells += with_adjoint_of(
                Surrogate::new(Nearest, footprint),
                Nearest,
                source,
                boundary,
                random,
                &SurrogateRule(nearest, axes),
                "nearest with linearized",
            );
        });
        cells
    }
    let random = &mut Random(0x5851_f42d_4c95_7f2d);
    report("linearized", every_pixel!(check(random)));
}

#[test]
fn adaptive_equals_the_reference() {
    fn pair<P: Tested, S: Kernel + Shape, H: Kernel + Shape>(
        (smooth, sharp): (S, H),
        source: &Picture<P>,
        boundary: Boundary<P>,
        random: &mut Random,
        tau: f64,
    ) -> usize {
        let (s, h) = (Reference::new(smooth, boundary), Reference::new(sharp, boundary));
        let what = |gate: &str| {
            format!("adaptive, {gate} gate, {} {boundary:?} {:?}", std::any::type_name::<P>(), source.size)
        };
        let frozen = Case {
            rule: Adaptive::new(smooth, sharp, Frozen(Soft::new(tau).unwrap())),
            reference: &AdaptiveRule(s, h, GateRule::Soft(tau, false)),
            adjoint: None,
            boundary,
            source,
            what: &|| what("frozen"),
        };
        let hard = Case {
            rule: Adaptive::new(smooth, sharp, Hard::new(tau).unwrap()),
            reference: &AdaptiveRule(s, h, GateRule::Hard(tau)),
            adjoint: None,
            boundary,
            source,
            what: &|| what("hard"),
        };
        let mut cells = frozen.warps(random) + hard.warps(random);
        // All of the gate's range, also beyond one, and a size that is not the source's.
        for size in [source.size, (3, 2)] {
            let gates = Picture::new(size, |_, _| match random.below(5) {
                0 => 0,
                1 => 16_384,
                2 => u16::MAX,
                _ => random.below(16_384) as u16,
            });
            let reference = AdaptiveRule(s, h, GateRule::Image(gates.image()));
            let adjoint = With(
                |cotangent: Image<'_, P::Cotangent>,
                 at: &Coordinates<'_>,
                 to: &mut ImageMut<'_, P::Adjoint>| {
                    reference.adjoint(cotangent, to, at);
                },
            );
            let given = Case {
                rule: Adaptive::new(smooth, sharp, GateImage::new(gates.image())),
                reference: &reference,
                adjoint: Some(&adjoint),
                boundary,
                source,
                what: &|| what("given"),
            };
            cells += given.warps(random);
        }
        cells
    }
    fn check<P: Tested>(random: &mut Random) -> usize {
        let mut cells = 0;
        everywhere::<P>(random, |source, boundary, random| {
            for tau in [1.0 / 16_384.0, 20.0, 40_000.0] {
                let what =
                    || format!("soft, {tau} {} {boundary:?} {:?}", std::any::type_name::<P>(), source.size);
                let soft = Case {
                    rule: Adaptive::new(Bilinear, Nearest, Soft::new(tau).unwrap()),
                    reference: &AdaptiveRule(
                        Reference::new(Bilinear, boundary),
                        Reference::new(Nearest, boundary),
                        GateRule::Soft(tau, true),
                    ),
                    adjoint: None,
                    boundary,
                    source,
                    what: &what,
                };
                cells += soft.warps(random);
            }
            cells += pair((Bilinear, Nearest), source, boundary, random, 37.5);
            cells += pair((WeightedNearest::new(Smoothstep), NearestEven), source, boundary, random, 5.0);
        });
        cells
    }
    let random = &mut Random(0x2545_f491_4f6c_dd1d);
    report("adaptive", every_pixel!(check(random)));
}

/// Rows are drawn in parts, of which no pixel knows: also along homographies.
#[test]
fn adaptive_in_long_rows() {
    fn check<K: Interpolator>(kernel: K, boundary: Boundary<u8>) {
        let size = (331, 3);
        let source = Picture::<u8>::noise((290, 9), &mut Random(17));
        // (So that coordinates are what they are in binary.)
        let affine = [0.9375, 0.25, -3.53125, 0.0078125, 1.5, 1.4375];
        // Across what is halfway between pixels, by less than the fraction of a channel.
        let less = |n: f64| n / 262_144.0;
        let halfway = [1.0 + less(1.0), 0.0, 0.5 - less(165.0), 0.0, 1.0, 0.5 - less(12.0)];
        let affines = [affine, halfway].map(|p| Affine::from_parameters(p).unwrap());
        let tilted = [0.9, 0.2, -3.0, -0.003, 1.8, 1.0, 2e-4, -7e-3, 1.0];
        let tilted = Homography::from_matrix(tilted).unwrap();
        let exact = tilted.coordinates();
        let zero = Picture::new(size, |_, _| 0);
        let before = Picture::new(size, |_, _| 7);
        for level in Level::available() {
            let sampler = Sampler::new(kernel, boundary).with_level(level);
            let what = format!("{boundary:?}, {}", level.name());
            for affine in &affines {
                let (mut out, mut dx, mut dy) = (before.clone(), zero.clone(), zero.clone());
                sampler.warp(source.image(), &mut out.image_mut(), affine).unwrap();
                sampler
                    .warp_partials(source.image(), &mut dx.image_mut(), &mut dy.image_mut(), affine)
                    .unwrap();
                for i in 0..size.0 * size.1 {
                    let (x, y) = affine.apply((i % size.0) as f64, (i / size.0) as f64);
                    let value = sampler.sample(source.image(), x, y).unwrap_or(7);
                    assert_eq!(out.pixels[i], value, "{i}, {what}");
                    let partials = sampler.partials(source.image(), x, y);
                    assert_eq!((dx.pixels[i], dy.pixels[i]), partials, "{i}, {what}");
                }
            }
            let mut out = before.clone();
            sampler.warp(source.image(), &mut out.image_mut(), &tilted).unwrap();
            for i in 0..size.0 * size.1 {
                let [x, y] = exact.at(i % size.0, i / size.0, 14).map(|v| v as f64 / 16_384.0);
                let value = sampler.sample(source.image(), x, y).unwrap_or(7);
                assert_eq!(out.pixels[i], value, "tilted, {i}, {what}");
            }
        }
    }
    for boundary in boundaries(9) {
        let soft = Soft::new(60.0).unwrap();
        check(Adaptive::new(Bilinear, Nearest, soft), boundary);
        check(Adaptive::new(Cubic::<-50>, Nearest, Frozen(soft)), boundary);
        check(Adaptive::new(Cubic::<-50>, NearestEven, Hard::new(60.0).unwrap()), boundary);
        let inner = Adaptive::new(Bilinear, Nearest, Frozen(soft));
        check(Adaptive::new(inner, Nearest, Frozen(Hard::new(90.0).unwrap())), boundary);
    }
}

// Weights by table.

/// A kernel by table that has a `Default`, so that it can be a type.
trait Made: Send + Sync + Copy {
    const CELLS: usize;
    fn w(d: f64) -> f64;
    fn memory() -> &'static LazyLock<Table<'static>>;
    fn entries() -> &'static [(i64, i64)];
}

#[derive(Clone, Copy, Default)]
struct Tabled<M>(std::marker::PhantomData<M>);

impl<M: Made> Share for Tabled<M> {
    fn share<W: nonius::Weight>(&self, f: W) -> W {
        M::memory().share(f)
    }
    fn slope<W: nonius::Weight>(&self, f: W) -> W {
        M::memory().slope(f)
    }
}

/// Weights by the documented polynomial.
impl<M: Made + Default> Shape for AsKernel<M> {
    const SUPPORT: usize = 2;
    fn weight(d: f64) -> f64 {
        let d = d.abs().min(1.0);
        M::w(d) / (M::w(d) + M::w(1.0 - d))
    }
    fn slope(_: f64) -> f64 {
        unreachable!("slopes are those of the table");
    }
    fn weights(f: Number) -> Vec<Number> {
        let (share, _) = table_at(M::entries(), f);
        let share = f.real(share as f64 / f64::from(1 << 30));
        vec![f.real(1.0) - share, share]
    }
    fn slopes(f: Number) -> Vec<Number> {
        let (_, slope) = table_at(M::entries(), f);
        let slope = f.real(slope as f64 / f64::from(1 << 30));
        vec![f.real(0.0) - slope, slope]
    }
}

/// [`WeightedNearest`] by one of the tables.
#[derive(Clone, Copy, Default)]
struct AsKernel<M>(Tabled<M>);

impl<M: Made + Default> Kernel for AsKernel<M> {
    type Taps<T: Copy> = [T; 2];
    fn weights<W: nonius::Weight>(&self, f: W) -> [W; 2] {
        WeightedNearest::new(self.0).weights(f)
    }
    fn slopes<W: nonius::Weight>(&self, f: W) -> [W; 2] {
        WeightedNearest::new(self.0).slopes(f)
    }
}

macro_rules! made {
    ($($name:ident: $cells:literal, $make:expr, $w:expr;)*) => {$(
        #[derive(Clone, Copy, Default)]
        struct $name;
        impl Made for $name {
            const CELLS: usize = $cells;
            fn w(d: f64) -> f64 {
                let w: fn(f64) -> f64 = $w;
                w(d)
            }
            fn memory() -> &'static LazyLock<Table<'static>> {
                static TABLE: LazyLock<Table<'static>> = LazyLock::new(|| {
                    let memory = Box::leak(vec![[0; 2]; $cells + 1].into_boxed_slice());
                    let make: fn(&'static mut [[u16; 2]]) -> Result<Table<'static>, Error> = $make;
                    make(memory).unwrap()
                });
                &TABLE
            }
            fn entries() -> &'static [(i64, i64)] {
                static ENTRIES: LazyLock<Vec<(i64, i64)>> = LazyLock::new(|| table($cells, $name::w));
                &ENTRIES
            }
        }
    )*};
}
made! {
    RaisedCosine: 32, |m| Table::raised_cosine(m), |d| (1.0 + (std::f64::consts::PI * d).cos()) / 2.0;
    Sigmoid: 32, |m| Table::sigmoid(m, 0.2), |d| {
        let s = |v: f64| 1.0 / (1.0 + (-v / 0.2).exp());
        s(0.5 - d) - s(-0.5)
    };
    Cold: 64, |m| Table::sigmoid(m, 0.14), |d| {
        let s = |v: f64| 1.0 / (1.0 + (-v / 0.14).exp());
        s(0.5 - d) - s(-0.5)
    };
    Gaussian: 32, |m| Table::gaussian(m, 0.5), |d| (-2.0 * d * d).exp() - (-2.0_f64).exp();
    Coarse: 2, |m| Table::gaussian(m, 3.0), |d| (-d * d / 18.0).exp() - (-1.0_f64 / 18.0).exp();
    Fine: 256, |m| Table::raised_cosine(m), |d| (1.0 + (std::f64::consts::PI * d).cos()) / 2.0;
    // One's own, with kinks and a plateau: the slopes beside them are limited.
    Kinked: 16, |m| Table::new(m, own), own;
}

fn own(d: f64) -> f64 {
    if d < 0.25 { 1.0 } else { (1.0 - d) / 0.75 }
}

/// Calls a generic function for every table.
macro_rules! every_table {
    ($f:ident) => {
        $f::<RaisedCosine>("raised cosine");
        $f::<Sigmoid>("sigmoid");
        $f::<Cold>("cold sigmoid");
        $f::<Gaussian>("Gaussian");
        $f::<Coarse>("coarse Gaussian");
        $f::<Fine>("fine raised cosine");
        $f::<Kinked>("kinked");
    };
}

#[test]
fn tables_equal_the_reference() {
    fn check<P: Tested>(random: &mut Random) -> usize {
        fn one<P: Tested, M: Made + Default>(
            source: &Picture<P>,
            boundary: Boundary<P>,
            random: &mut Random,
        ) -> usize {
            let kernel = AsKernel::<M>::default();
            let reference = Reference::new(kernel, boundary);
            with_adjoint_of(kernel, kernel, source, boundary, random, &reference, "table")
        }
        let mut cells = 0;
        everywhere::<P>(random, |source, boundary, random| {
            cells += one::<P, Cold>(source, boundary, random);
            cells += one::<P, Kinked>(source, boundary, random);
        });
        cells
    }
    let random = &mut Random(0x1234_5678_9abc_def1);
    report("tables", every_pixel!(check(random)));
}

/// Weights of every share sum to one, slopes to zero, without an error; S rises from 0 to 1.
#[test]
fn shares_are_partitions_of_unity() {
    fn partition<K: Kernel<Taps<Q14> = [Q14; 2], Taps<Q24> = [Q24; 2], Taps<f32> = [f32; 2]>>(
        kernel: K,
        name: &str,
        slack: i32,
    ) {
        let mut last = 0;
        for bits in 0..1 << 14 {
            let w = kernel.weights(Q14::from_bits(bits)).map(Q14::to_bits);
            let s = kernel.slopes(Q14::from_bits(bits)).map(Q14::to_bits);
            assert_eq!((w[0] + w[1], s[0] + s[1]), (1 << 14, 0), "{name} {bits}");
            assert!(
                0 <= w[0] && last <= w[1] + slack && (0..1 << 15).contains(&s[1]),
                "{name} {bits}: {w:?} {s:?}"
            );
            last = w[1];
        }
        assert!(last >= (1 << 14) - 2, "{name}: {last}");
        for bits in (0..1 << 24).step_by(997).chain([(1 << 24) - 1]) {
            let w = kernel.weights(Q24::from_bits(bits)).map(Q24::to_bits);
            let s = kernel.slopes(Q24::from_bits(bits)).map(Q24::to_bits);
            assert_eq!((w[0] + w[1], s[0] + s[1]), (1 << 24, 0), "{name} {bits}");
            let f = bits as f32 / 16_777_216.0;
            let ([a, b], [c, d]) = (kernel.weights(f), kernel.slopes(f));
            // The left one is not used, but for its being zero: 1 - b, rounded.
            assert!((a + b - 1.0).abs() <= 1.2e-7 && c + d == 0.0 && (0.0..=1.0).contains(&b), "{name} {f}");
        }
        assert_eq!(kernel.weights(Q14::zero()).map(Q14::to_bits), [1 << 14, 0], "{name}");
    }
    fn tabled<M: Made + Default>(name: &str) {
        partition(AsKernel::<M>::default(), name, 0);
    }
    use nonius::Weight;
    every_table!(tabled);
    // Two products, rounded each.
    partition(WeightedNearest::new(Smoothstep), "smoothstep", 1);
    partition(WeightedNearest::new(Tent), "tent", 0);
}

/// S is what the function of the distance says, as near as the table can.
#[test]
fn tables_hold_their_function() {
    fn check<M: Made + Default>(name: &str) {
        let mut worst = 0.0_f64;
        for bits in (0..1 << 24).step_by(911) {
            let f = f64::from(bits) / f64::from(1 << 24);
            let share = M::memory().share(Q24::from_bits(bits)).to_bits();
            let exact = M::w(1.0 - f) / (M::w(f) + M::w(1.0 - f));
            worst = worst.max((f64::from(share) / f64::from(1 << 24) - exact).abs());
        }
        // Half a unit of Q14 in S; slopes that are half a unit off move S by a quarter of that per cell
        // and end; and the remainder of Hermite's formula, h^4 / 384 times the fourth derivative.
        let n = M::CELLS as f64;
        let fourth = (1..1000)
            .map(|i| {
                let (f, h) = (i as f64 / 1000.0, 1e-3);
                let s = |f: f64| M::w(1.0 - f) / (M::w(f) + M::w(1.0 - f));
                let at = |k: f64| s((f + k * h).clamp(0.0, 1.0));
                if f < 2.0 * h || f > 1.0 - 2.0 * h {
                    return 0.0;
                }
                ((at(-2.0) - 4.0 * at(-1.0) + 6.0 * at(0.0) - 4.0 * at(1.0) + at(2.0)) / h.powi(4)).abs()
            })
            .fold(0.0, f64::max);
        let unit = 1.0 / 16_384.0;
        let bound =
            unit / 2.0 + unit / (4.0 * n) + 1.05 * fourth / (384.0 * n.powi(4)) + 2.0 / f64::from(1 << 24);
        assert!(worst <= bound, "{name}: off by {worst}, the bound is {bound}");
    }
    check::<RaisedCosine>("raised cosine");
    check::<Sigmoid>("sigmoid");
    check::<Cold>("cold sigmoid");
    check::<Gaussian>("Gaussian");
    check::<Coarse>("coarse Gaussian");
    check::<Fine>("fine raised cosine");
}

/// S' is the derivative of the S that is used.
#[test]
fn slopes_of_tables_are_the_derivatives_of_their_shares() {
    fn check<M: Made + Default>(name: &str) {
        let entries = M::entries();
        let n = M::CELLS as f64;
        let step = 1 << 12;
        let h = f64::from(step) / f64::from(1 << 24);
        let real = |v: i32| f64::from(v) / f64::from(1 << 24);
        for bits in (step..(1 << 24) - step).step_by(1013) {
            let share = |bits: i32| real(M::memory().share(Q24::from_bits(bits)).to_bits());
            let k = ((i64::from(bits) * M::CELLS as i64) >> 24) as usize;
            let inside = |bits: i32| ((i64::from(bits) * M::CELLS as i64) >> 24) as usize == k;
            if !(inside(bits - step) && inside(bits + step)) {
                continue;
            }
            let difference = (share(bits + step) - share(bits - step)) / (2.0 * h);
            let slope = real(M::memory().slope(Q24::from_bits(bits)).to_bits());
            // A cubic's central difference is off by a sixth of its third derivative times h^2; S
            // is rounded to Q24 (and three times to Q30 before).
            let ((s0, m0), (s1, m1)) = (entries[k], entries[k + 1]);
            let cubic = (m0 + m1 - 2 * M::CELLS as i64 * (s1 - s0)) as f64 / 16_384.0;
            let bound = cubic.abs() * n * n * h * h + 0.6 / f64::from(1 << 24) / h + 1.0 / f64::from(1 << 24);
            within(slope, difference, bound, name);
        }
    }
    every_table!(check);
}

#[test]
fn weight_functions_are_checked() {
    let mut memory = [[0; 2]; 33];
    let mut refused = |w: fn(f64) -> f64| Table::new(&mut memory, w).unwrap_err();
    assert_eq!(refused(|d| d), Error::WeightFunction, "rises");
    assert_eq!(refused(|d| 1.0 - d + 0.01 * (20.0 * d).sin()), Error::WeightFunction, "rises in between");
    assert_eq!(refused(|d| 1.2 - d), Error::WeightFunction, "is not zero at distance one");
    assert_eq!(refused(|d| 0.5 - d), Error::WeightFunction, "is negative");
    assert_eq!(refused(|_| 0.0), Error::WeightFunction, "is zero");
    assert_eq!(refused(|d| if d < 0.4 { 1.0 } else { 0.0 }), Error::WeightFunction, "is zero twice");
    assert_eq!(refused(|d| if d == 0.5 { f64::NAN } else { 1.0 - d }), Error::WeightFunction, "is NaN");
    assert_eq!(refused(|d| 1.0 / d), Error::WeightFunction, "is infinite");
    assert_eq!(
        refused(|d| if d < 0.5 {
            1.0
        } else if d == 0.5 {
            0.5
        } else {
            0.0
        }),
        Error::WeightFunction,
        "is a step"
    );
    for length in [0, 1, 2, 4, 34, 258, 513] {
        assert_eq!(Table::new(&mut vec![[0; 2]; length], |d| 1.0 - d).unwrap_err(), Error::InvalidOption);
    }
    for length in [3, 5, 9, 17, 33, 65, 129, 257] {
        assert!(Table::new(&mut vec![[0; 2]; length], |d| 1.0 - d).is_ok(), "{length}");
    }
    for t in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e4] {
        assert_eq!(Table::sigmoid(&mut memory, t).unwrap_err(), Error::InvalidOption);
        assert_eq!(Table::gaussian(&mut memory, t).unwrap_err(), Error::InvalidOption);
    }
    assert_eq!(Table::sigmoid(&mut memory, 0.1).unwrap_err(), Error::WeightFunction);
    assert_eq!(Table::gaussian(&mut memory, 0.2).unwrap_err(), Error::WeightFunction);
    for t in [0.15, 1.0, 1000.0] {
        assert!(Table::sigmoid(&mut memory, t).is_ok(), "{t}");
    }
    assert_eq!(Table::gaussian(&mut memory, 1000.0).unwrap_err(), Error::WeightFunction);
    for s in [0.4, 1.0, 30.0] {
        assert!(Table::gaussian(&mut memory, s).is_ok(), "{s}");
    }
    for (rx, ry) in [(0.0, 1.0), (1.0, -1.0), (f64::NAN, 1.0), (1.0, 5000.0)] {
        assert_eq!(Linearized::new(rx, ry).unwrap_err(), Error::InvalidOption);
    }
    for tau in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-5, 70_000.0] {
        assert_eq!(Soft::new(tau).unwrap_err(), Error::InvalidOption);
        assert_eq!(Hard::new(tau).unwrap_err(), Error::InvalidOption);
    }
    let far = Homography::from_parameters([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -0.125, 0.0]).unwrap();
    assert_eq!(Linearized::footprint(&far, 8.0, 0.0).unwrap_err(), Error::NotFinite);
    let wide = Affine::from_parameters([8000.0, 0.0, 0.0, 0.0, 1.0, 0.0]).unwrap();
    assert_eq!(Linearized::footprint(&wide, 0.0, 0.0).unwrap_err(), Error::OutOfRange);
    let thin = Affine::from_parameters([1.0, 1.0, 0.0, 1.0, 1.001, 0.0]).unwrap();
    assert_eq!(Linearized::footprint(&thin, 0.0, 0.0).unwrap_err(), Error::Singular);
}

/// The weights of [`Tent`] are the bits of [`Bilinear`].
#[test]
fn a_tent_is_bilinear() {
    let random = &mut Random(77);
    everywhere::<[u16; 2]>(random, |source, boundary, random| {
        let reference = Reference::new(Bilinear, boundary);
        let tent = WeightedNearest::new(Tent);
        with_adjoint_of(tent, Bilinear, source, boundary, random, &reference, "tent");
    });
}

// What the gradient is where it is not obvious.

/// Calls a function with every kernel and surrogate, by its name and the widest reach of its
/// partials in pixels.
trait Visitor {
    fn visit<I: Interpolator>(&mut self, rule: I, name: &str, reach: i32);
}

fn every_rule(visitor: &mut impl Visitor) {
    let smooth = WeightedNearest::new(Smoothstep);
    visitor.visit(Nearest, "nearest", 1);
    visitor.visit(NearestEven, "nearest even", 1);
    visitor.visit(Bilinear, "bilinear", 1);
    visitor.visit(smooth, "smoothstep", 1);
    visitor.visit(WeightedNearest::new(Tent), "tent", 1);
    visitor.visit(AsKernel::<RaisedCosine>::default(), "raised cosine", 1);
    visitor.visit(AsKernel::<Cold>::default(), "sigmoid", 1);
    visitor.visit(AsKernel::<Gaussian>::default(), "Gaussian", 1);
    visitor.visit(Surrogate::new(Nearest, StraightThrough), "straight through", 2);
    visitor.visit(Surrogate::new(NearestEven, StraightThrough), "straight through, even", 2);
    visitor.visit(Surrogate::new(Nearest, Bilinear), "nearest, bilinear", 1);
    visitor.visit(Surrogate::new(smooth, Bilinear), "smoothstep, bilinear", 1);
    let linearized = Linearized::new(1.5, 1.5).unwrap();
    visitor.visit(linearized, "linearized", 3);
    visitor.visit(Surrogate::new(Nearest, linearized), "nearest, linearized", 3);
    let soft = Soft::new(25.0).unwrap();
    visitor.visit(Adaptive::new(Bilinear, Nearest, soft), "adaptive", 1);
    visitor.visit(Adaptive::new(Bilinear, smooth, soft), "adaptive, smoothstep", 1);
    visitor.visit(Adaptive::new(smooth, Nearest, Frozen(soft)), "adaptive, frozen", 1);
    visitor.visit(Adaptive::new(Bilinear, Nearest, Hard::new(25.0).unwrap()), "adaptive, hard", 1);
}

/// Outside of an image that is replicated nothing changes along the way out; along the border the
/// gradient is that of the border.
#[test]
fn gradient_at_a_replicate_border() {
    struct Border(Random);
    impl Visitor for Border {
        fn visit<I: Interpolator>(&mut self, rule: I, name: &str, reach: i32) {
            let source = Picture::<u8>::noise((8, 7), &mut self.0);
            let sampler = Sampler::new(rule, Boundary::Replicate);
            for _ in 0..500 {
                let along = self.0.real(-4.0, 12.0);
                let out = f64::from(reach) + self.0.real(0.0, 9.0);
                for x in [-out, 7.0 + out] {
                    let (dx, dy) = sampler.partials(source.image(), x, along);
                    assert_eq!(dx, 0, "{name} ({x}, {along})");
                    // (An exact partial along the border may come from a value there.)
                    let border = if x < 0.0 { 0 } else { 7 };
                    let column = Picture::new((8, 7), |_, y| source.image().get(border, y).unwrap());
                    assert_eq!(dy, sampler.partials(column.image(), 3, along).1, "{name} ({x}, {along})");
                }
                for y in [-out, 6.0 + out] {
                    let (_, dy) = sampler.partials(source.image(), along, y);
                    assert_eq!(dy, 0, "{name} ({along}, {y})");
                }
                let outside = (-out, 6.0 + out);
                assert_eq!(sampler.partials(source.image(), outside.0, outside.1), (0, 0), "{name}");
            }
        }
    }
    every_rule(&mut Border(Random(0xabcd_ef01_2345_6789)));

    // At the last pixels: the slope to the right of x = 0 is inside, that of the last column
    // outside; a central difference is half inside.
    let image = Image::new(&[10_u8, 30, 60, 100], 4, 1).unwrap();
    let at = |x: i32| Sampler::new(Bilinear, Boundary::Replicate).partials(image, x, 0).0 / 16_384;
    assert_eq!([at(-1), at(0), at(2), at(3)], [0, 20, 40, 0]);
    let straight = Sampler::new(Surrogate::new(Nearest, StraightThrough), Boundary::Replicate);
    let at = |x: i32| straight.partials(image, x, 0).0 / 16_384;
    assert_eq!([at(-1), at(0), at(1), at(3), at(4)], [0, 10, 25, 20, 0]);
}

/// Where every alignment starts: on the lattice.
#[test]
fn gradient_at_a_lattice_start() {
    // A paraboloid: x^2 + 3y.
    let source = Picture::new((8, 8), |x, y| (x * x + 3 * y) as u8);
    fn start<I: Interpolator>(rule: I, source: &Picture<u8>) -> [f64; 2] {
        let sampler = Sampler::new(rule, Boundary::Replicate);
        let zero = Picture::new((8, 8), |_, _| 0);
        let (mut dx, mut dy) = (zero.clone(), zero);
        let identity = Translation::IDENTITY;
        sampler.warp_partials(source.image(), &mut dx.image_mut(), &mut dy.image_mut(), &identity).unwrap();
        let [dx, dy] = [dx, dy].map(|d| f64::from(d.image().get(3, 4).unwrap()) / 16_384.0);
        [dx, dy]
    }
    let (nearest, smooth) = (Nearest, WeightedNearest::new(Smoothstep));
    // The right derivative, 16 - 9.
    assert_eq!(start(Bilinear, &source), [7.0, 3.0]);
    assert_eq!(start(WeightedNearest::new(Tent), &source), [7.0, 3.0]);
    // Central differences, (16 - 4) / 2.
    assert_eq!(start(Surrogate::new(nearest, StraightThrough), &source), [6.0, 3.0]);
    assert_eq!(start(Surrogate::new(nearest, Bilinear), &source), [7.0, 3.0]);
    // Prewitt.
    let prewitt = start(Linearized::new(1.0, 1.0).unwrap(), &source);
    within(prewitt[0], 6.0, 1.0 / 8192.0, "Prewitt along x");
    within(prewitt[1], 3.0, 1.0 / 8192.0, "Prewitt along y");
    // No gradient: nearest, and every share that is flat at 0.
    assert_eq!(start(nearest, &source), [0.0; 2]);
    assert_eq!(start(NearestEven, &source), [0.0; 2]);
    assert_eq!(start(smooth, &source), [0.0; 2]);
    assert_eq!(start(AsKernel::<RaisedCosine>::default(), &source), [0.0; 2]);
    assert_eq!(start(Surrogate::new(smooth, Bilinear), &source), [7.0, 3.0], "a surrogate has one");
    // A Gaussian has S'(0) = -w'(1) / w(0), here (sigma 1/2) 4 exp(-2) / (1 - exp(-2)).
    let slope = 4.0 * (-2.0_f64).exp() / (1.0 - (-2.0_f64).exp());
    let gaussian = start(AsKernel::<Gaussian>::default(), &source);
    within(gaussian[0], 7.0 * slope, 7.0 / 16_384.0, "a Gaussian along x");
    within(gaussian[1], 3.0 * slope, 3.0 / 16_384.0, "a Gaussian along y");
    // Both values are the pixel, so the gate's own derivative adds nothing: (1 - a) of the
    // right derivative, a = |g|^2 / (|g|^2 + tau^2) with |g|^2 = 58.
    let soft = Soft::new(10.0).unwrap();
    for [dx, dy] in [
        start(Adaptive::new(Bilinear, nearest, soft), &source),
        start(Adaptive::new(Bilinear, nearest, Frozen(soft)), &source),
    ] {
        within(dx, 7.0 * 100.0 / 158.0, 1.0 / 16_384.0, "adaptive along x");
        within(dy, 3.0 * 100.0 / 158.0, 1.0 / 16_384.0, "adaptive along y");
    }
    let hard = |tau: f64| Adaptive::new(Bilinear, nearest, Hard::new(tau).unwrap());
    assert_eq!(start(hard(7.7), &source), [7.0, 3.0]);
    assert_eq!(start(hard(7.6), &source), [0.0, 0.0]);
}

/// (Read literally, eq. 7 of Jaderberg et al. has a gradient here, at whole coordinates.)
#[test]
fn gradient_of_a_constant_image() {
    struct Constant(Random);
    impl Visitor for Constant {
        fn visit<I: Interpolator>(&mut self, rule: I, name: &str, _: i32) {
            fn one<I: Interpolator, P: Tested>(rule: I, v: P, name: &str, random: &mut Random) {
                let source = Picture::new((5, 4), |_, _| v);
                for boundary in boundaries(v) {
                    let sampler = Sampler::new(rule, boundary);
                    for i in 0..300 {
                        let mut c = || match i % 3 {
                            0 => random.below(12) as f64 - 3.0,
                            1 => random.below(12) as f64 - 3.5,
                            _ => random.real(-5.0, 9.0),
                        };
                        let (x, y) = (c(), c());
                        let zero = P::zero_derivative();
                        let partials = sampler.partials(source.image(), x, y);
                        assert_eq!(partials, (zero, zero), "{name} {boundary:?} ({x}, {y})");
                        let value = sampler.sample(source.image(), x, y);
                        assert!(value.is_none_or(|p| p == v), "{name} {boundary:?} ({x}, {y}): {value:?}");
                    }
                }
            }
            one(rule, 255_u8, name, &mut self.0);
            one(rule, 7_u8, name, &mut self.0);
            one(rule, [65_535_u16, 3], name, &mut self.0);
            one(rule, i16::MIN, name, &mut self.0);
            one(rule, -0.1_f32, name, &mut self.0);
        }
    }
    every_rule(&mut Constant(Random(0x1357_9bdf_0246_8ace)));
}

/// Halfway between two pixels nearest goes up, or to the even one, and central differences with it.
#[test]
fn gradient_of_a_tie() {
    let image = Image::new(&[10_u8, 30, 60, 100, 150], 5, 1).unwrap();
    fn at<I: Interpolator>(image: Image<'_, u8>, rule: I, x: f64) -> (u8, i32) {
        let sampler = Sampler::new(rule, Boundary::Replicate);
        (sampler.sample(image, x, 0).unwrap(), sampler.partials(image, x, 0).0)
    }
    let unit = 1 << 14;
    for (x, up, even) in [(0.5, 1, 0), (1.5, 2, 2), (2.5, 3, 2), (3.5, 4, 4)] {
        let pixel = |i: usize| image.get(i, 0).unwrap();
        assert_eq!(at(image, Nearest, x), (pixel(up), 0), "{x}");
        assert_eq!(at(image, NearestEven, x), (pixel(even), 0), "{x}");
        let central = |i: usize| {
            let p = |i: usize| i32::from(pixel(i.min(4)));
            (p(i + 1) - p(i.saturating_sub(1))) * unit / 2
        };
        // The difference is at the pixel that is copied, where both round alike ...
        assert_eq!(at(image, Surrogate::new(Nearest, StraightThrough), x), (pixel(up), central(up)), "{x}");
        // ... and at the one that is nearest with ties up, where only the value rounds to even.
        let mixed = at(image, Surrogate::new(NearestEven, StraightThrough), x);
        assert_eq!(mixed, (pixel(even), central(up)), "{x}");
        // Bilinear has no tie.
        let cell = i32::from(pixel(x as usize + 1)) - i32::from(pixel(x as usize));
        let bilinear = (pixel(even), cell * unit);
        assert_eq!(at(image, Surrogate::new(NearestEven, Bilinear), x), bilinear, "{x}");
        // Beside the tie both are the same.
        for off in [-1e-6, 1e-6] {
            assert_eq!(at(image, Nearest, x + off), at(image, NearestEven, x + off), "{x}");
        }
        // Weights by distance are equal there, and as steep as they get.
        let smooth = at(image, WeightedNearest::new(Smoothstep), x);
        assert_eq!(smooth.1, cell * unit * 3 / 2, "{x}");
        assert_eq!(smooth.0, at(image, Bilinear, x).0, "{x}");
    }
}

/// What is copied is a label of the map, whatever the surrogate.
#[test]
fn label_maps_keep_their_labels() {
    struct Labels(Random);
    impl Labels {
        fn check<I: Interpolator>(&mut self, rule: I) {
            const LABELS: [u8; 4] = [0, 7, 19, 255];
            let source = Picture::new((23, 17), |_, _| LABELS[self.0.below(3)]);
            let warps = [
                [1.1, 0.2, -3.0, -0.13, 0.8, 2.0],
                [0.3, 0.01, 2.5, -0.02, 0.25, 4.5],
                [4.7, 0.4, -7.0, 0.3, 3.2, -2.0],
                [1.0, 0.0, 0.5, 0.0, 1.0, -0.5],
            ];
            for boundary in boundaries(255) {
                for p in warps {
                    let t = Affine::from_parameters(p).unwrap();
                    for level in Level::available() {
                        let mut out = Picture::new((37, 29), |_, _| 19);
                        let sampler = Sampler::new(rule, boundary).with_level(level);
                        sampler.warp(source.image(), &mut out.image_mut(), &t).unwrap();
                        assert!(out.pixels.iter().all(|v| LABELS.contains(v)), "{boundary:?}");
                        // The constant is a label too, but of no pixel of the map.
                        let constant = matches!(boundary, Boundary::Constant(_));
                        assert!(constant || !out.pixels.contains(&255), "{boundary:?}");
                    }
                }
            }
        }
    }
    let mut labels = Labels(Random(99));
    labels.check(Nearest);
    labels.check(NearestEven);
    labels.check(Surrogate::new(Nearest, StraightThrough));
    labels.check(Surrogate::new(Nearest, Bilinear));
    labels.check(Surrogate::new(NearestEven, Linearized::new(2.0, 2.0).unwrap()));
}

// Surrogates are what they are said to be.

/// The bilinear partials are the exact gradient of the expected value of nearest sampling under uniform
/// dither of +-1/2 px: with 8x8 offsets the mean is exact wherever coordinates are eighths.
#[test]
fn the_bilinear_surrogate_is_the_gradient_of_dithered_nearest() {
    let random = &mut Random(0x00ff_1234_5678_00ff);
    let source = Picture::<u8>::noise((9, 8), random);
    const STEPS: i32 = 8;
    for boundary in [Boundary::Replicate, Boundary::Reflect, Boundary::Wrap, Boundary::Constant(17)] {
        let sampler = Sampler::new(Surrogate::new(Nearest, Bilinear), boundary);
        // 64 times the expected value at (x, y) eighths.
        let expected = |x: i32, y: i32| -> i32 {
            let offset = |k: i32| f64::from(2 * k + 1 - STEPS) / f64::from(2 * STEPS);
            let at = |v: i32, k: i32| f64::from(v) / f64::from(STEPS) + offset(k);
            let row = |j| (0..STEPS).map(move |i| (at(x, i), at(y, j)));
            let all = (0..STEPS).flat_map(row);
            all.map(|(x, y)| i32::from(sampler.sample(source.image(), x, y).unwrap())).sum()
        };
        for _ in 0..300 {
            let (x, y) = (random.below(110) as i32 - 20, random.below(100) as i32 - 20);
            let slope = |more: [i32; 2]| (expected(x + more[0], y + more[1]) - expected(x, y)) * STEPS;
            let partials = sampler.partials(source.image(), f64::from(x) / 8.0, f64::from(y) / 8.0);
            // Sums of 64, to Q14.
            assert_eq!(partials, (slope([1, 0]) << 8, slope([0, 1]) << 8), "{boundary:?} ({x}, {y})");
        }
    }
}

/// The least-squares plane through nine values, by its normal equations in `f64`.
fn plane(points: &[[f64; 2]], values: &[f64]) -> [f64; 2] {
    let n = points.len() as f64;
    let mean = |f: &dyn Fn(usize) -> f64| (0..points.len()).map(f).sum::<f64>() / n;
    let (mx, my, mv) = (mean(&|i| points[i][0]), mean(&|i| points[i][1]), mean(&|i| values[i]));
    let sum = |f: &dyn Fn(f64, f64, f64) -> f64| -> f64 {
        (0..points.len()).map(|i| f(points[i][0] - mx, points[i][1] - my, values[i] - mv)).sum()
    };
    let (xx, xy, yy) = (sum(&|x, _, _| x * x), sum(&|x, y, _| x * y), sum(&|_, y, _| y * y));
    let (xv, yv) = (sum(&|x, _, v| x * v), sum(&|_, y, v| y * v));
    let det = xx * yy - xy * xy;
    [(yy * xv - xy * yv) / det, (xx * yv - xy * xv) / det]
}

#[test]
fn linearized_is_the_slope_of_a_least_squares_plane() {
    fn check<P: Tested>(random: &mut Random, source: &Picture<P>, range: f64, bits: u32, value_error: f64) {
        let reference = Reference::new(Bilinear, Boundary::Reflect);
        let read = |v: P::Derivative| {
            let mut v = v;
            P::Channel::real_derivative(P::flatten_derivatives(std::slice::from_mut(&mut v))[0])
        };
        for _ in 0..2000 {
            let mut c = |v: f64| random.real(-v, v);
            let m = [c(3.0), c(3.0), c(9.0), c(3.0), c(3.0), c(9.0)];
            let det = m[0] * m[4] - m[1] * m[3];
            if det.abs() < 0.3 {
                continue;
            }
            let t = Affine::from_parameters(m).unwrap();
            let rule = Linearized::footprint(&t, 0.0, 0.0).unwrap();
            let (x, y) = (random.real(-4.0, 20.0), random.real(-4.0, 20.0));
            let mut points = Vec::new();
            for j in [-1.0, 0.0, 1.0] {
                points.extend([-1.0, 0.0, 1.0].map(|i| [x + i * m[0] + j * m[1], y + i * m[3] + j * m[4]]));
            }
            let values: Vec<f64> =
                points.iter().map(|p| reference.real(source.image(), p[0], p[1])[0]).collect();
            let expected = plane(&points, &values);
            let sampler = Sampler::new(Surrogate::new(Nearest, rule), Boundary::Reflect);
            let (dx, dy) = sampler.partials(source.image(), x, y);
            // Each value is of a position that was rounded twice, by half a unit of its fraction
            // (and Q32 before), and rounded itself; six of them count along each axis.
            let position = (1.0 + 1e-3) / f64::from(1 << bits);
            let error = 6.0 * (value_error + 2.0 * range * position);
            let solve = |a: f64, b: f64| (a.abs() + b.abs()) / (6.0 * det.abs());
            let rest = |solve: f64| solve * error + 1.0 / 16_384.0 + 12.0 * range / 4_294_967_296.0;
            within(read(dx), expected[0], rest(solve(m[4], m[3])), "dx");
            within(read(dy), expected[1], rest(solve(m[1], m[0])), "dy");
        }
    }
    let random = &mut Random(0x7777_1111_3333_9999);
    // Two roundings: to Q7 and to Q14.
    let source = Picture::<u8>::noise((14, 12), random);
    check(random, &source, 255.0, 14, 1.0 / 256.0 + 1.0 / 32_768.0);
    // To Q8 and to Q14.
    let source = Picture::<u16>::noise((14, 12), random);
    check(random, &source, 65_535.0, 24, 1.0 / 512.0 + 1.0 / 32_768.0);
    // Six roundings for a value, and ten more for the sums, of numbers up to 6 times 256.
    let source = Picture::new((14, 12), |_, _| random.real(-128.0, 128.0) as f32);
    check(random, &source, 256.0, 24, 16.0 * 6.0 * 256.0 / 16_777_216.0);

    // A ramp has its own slope, whatever the footprint.
    let ramp = Picture::new((40, 40), |x, y| (3 * x + 2 * y) as u8);
    for _ in 0..500 {
        let mut c = |around: f64| random.real(around - 0.8, around + 0.8);
        let t = Affine::from_parameters([c(2.0), c(0.0), 0.0, c(0.0), c(2.0), 0.0]).unwrap();
        let rule = Linearized::footprint(&t, 5.0, 5.0).unwrap();
        let sampler = Sampler::new(rule, Boundary::Replicate);
        let (dx, dy) = sampler.partials(ramp.image(), random.real(8.0, 30.0), random.real(8.0, 30.0));
        // As above, with 5 grey levels per pixel; |b| + |a| over the determinant is at most 3.6 /
        // (1.2^2 - 0.8^2).
        let bound = (1.0 / 256.0 + 5.0 / 16_384.0 + 2.0 / 16_384.0) * 3.6 / 0.8 + 1.0 / 16_384.0;
        within(f64::from(dx) / 16_384.0, 3.0, bound, "ramp dx");
        within(f64::from(dy) / 16_384.0, 2.0, bound, "ramp dy");
    }
}

// Finite differences.

/// Adaptive interpolation between bilinear and nearest in `f64`, as documented, and what bounds its
/// derivatives: within one cell, between its ties.
struct Real {
    value: f64,
    gate: f64,
    gradient: [f64; 2],
    mixed: f64,
    /// Nearest minus bilinear.
    difference: f64,
}

fn real_adaptive(taps: [[f64; 2]; 2], tau: f64, fx: f64, fy: f64) -> Real {
    let [[a, b], [c, d]] = taps;
    let gradient = [(1.0 - fy) * (b - a) + fy * (d - c), (1.0 - fx) * (c - a) + fx * (d - b)];
    let norm = gradient[0] * gradient[0] + gradient[1] * gradient[1];
    let gate = norm / (norm + tau * tau);
    let smooth = (1.0 - fy) * ((1.0 - fx) * a + fx * b) + fy * ((1.0 - fx) * c + fx * d);
    let sharp = taps[usize::from(fy >= 0.5)][usize::from(fx >= 0.5)];
    Real {
        value: (1.0 - gate) * smooth + gate * sharp,
        gate,
        gradient,
        mixed: a - b - c + d,
        difference: sharp - smooth,
    }
}

/// Partials of the soft gate against differences of the value, and those of the frozen one against
/// the same with the gate held.
#[test]
fn adaptive_partials_are_derivatives() {
    /// `slope` bounds the error of the partials of bilinear interpolation, and `level` of its values.
    fn check<P: Tested>(random: &mut Random, source: &Picture<P>, slope: f64, level: f64) {
        let real = |p: P| P::flatten(&[p])[0].real();
        let read = |mut v: P::Derivative| {
            P::Channel::real_derivative(P::flatten_derivatives(std::slice::from_mut(&mut v))[0])
        };
        for i in 0..4000 {
            let tau = [3.0, 20.0, 150.0][i % 3];
            // At least h away from the ties and the ends, and of 14 bits.
            let mut c = |side: usize| {
                let f = [random.real(0.01, 0.49), random.real(0.51, 0.99)][random.below(2)];
                (random.below(side - 1), (f * 16_384.0).floor() / 16_384.0)
            };
            let ((x, fx), (y, fy)) = (c(source.size.0), c(source.size.1));
            let tap = |i: usize, j: usize| real(source.image().get(x + i, y + j).unwrap());
            let taps = [[tap(0, 0), tap(1, 0)], [tap(0, 1), tap(1, 1)]];
            let at = |dx: f64, dy: f64| real_adaptive(taps, tau, fx + dx, fy + dy);
            let here = at(0.0, 0.0);
            let (px, py) = (x as f64 + fx, y as f64 + fy);
            let soft = Soft::new(tau).unwrap();
            let exact = Sampler::new(Adaptive::new(Bilinear, Nearest, soft), Boundary::Replicate);
            let exact = exact.partials(source.image(), px, py);
            let frozen = Sampler::new(Adaptive::new(Bilinear, Nearest, Frozen(soft)), Boundary::Replicate);
            let frozen = frozen.partials(source.image(), px, py);

            let h = 1e-4;
            for (axis, (exact, frozen)) in [(exact.0, frozen.0), (exact.1, frozen.1)].into_iter().enumerate()
            {
                let step = |h: f64| if axis == 0 { at(h, 0.0) } else { at(0.0, h) };
                let difference = (step(h).value - step(-h).value) / (2.0 * h);
                let (k, d) = (here.mixed.abs() / tau, here.difference.abs());
                let g = here.gradient[axis].abs();
                // The gate is 1 - c / (1 + z^2) with z linear in x, |dz/dx| <= k and c <= 1; the second
                // and third derivatives of 1 / (1 + z^2) are below 2 and 4.67, and the difference of
                // the values is linear.
                let third = 4.67 * k.powi(3) * d + 3.0 * 2.0 * k.powi(2) * g;
                // What errors of the gradient and of the values do to the gate, whose derivative is
                // below 0.65 / tau, to p g / tau, below 1 / tau, and to p mixed / tau; second order:
                // one per cent.
                let e = 2.0_f64.sqrt() * slope / tau;
                let u = (1.0 - here.gate) * here.gradient[1 - axis].abs() / tau;
                let v = (1.0 - here.gate) * k;
                let gate = slope + g * 0.65 * e;
                let term = 2.0 * (level * u * v + d * e * v + d * u * (0.65 * e * k + e));
                // (The last are two roundings to Q14.)
                let rest = 1e-4;
                let bound = 1.01 * (gate + term) + third * h * h / 6.0 + rest;
                within(read(exact), difference, bound, "exact");
                let held = (1.0 - here.gate) * here.gradient[axis];
                within(read(frozen), held, 1.01 * gate + rest, "frozen");
            }
        }
    }
    let random = &mut Random(0x4242_4242_1717_1717);
    let source = Picture::<u8>::noise((30, 20), random);
    check(random, &source, 1.0 / 128.0, 1.0 / 256.0 + 1.0 / 8192.0);
    let source = Picture::<i16>::new((30, 20), |_, _| random.below(600) as i16 - 300);
    check(random, &source, 1.0 / 256.0, 1.0 / 512.0 + 1.0 / 8192.0);
    let source = Picture::new((30, 20), |_, _| random.real(-128.0, 128.0) as f32);
    // Some ten roundings of numbers up to 512, here and in the terms after.
    check(random, &source, 20.0 * 512.0 / 16_777_216.0, 20.0 * 128.0 / 16_777_216.0);
}

/// Partials of a weighted kernel against differences of the real interpolant.
#[test]
fn weighted_partials_are_derivatives() {
    fn check<P: Tested>(random: &mut Random, range: f64, slope: f64, unit: f64) {
        let kernel = WeightedNearest::new(Smoothstep);
        let source = Picture::<P>::noise((12, 10), random);
        for boundary in [Boundary::Replicate, Boundary::Reflect101, Boundary::Wrap] {
            let (sampler, real) = (Sampler::new(kernel, boundary), Reference::new(kernel, boundary));
            for _ in 0..3000 {
                let mut c = || (random.real(-6.0, 16.0) * 16_384.0).floor() / 16_384.0;
                let (x, y) = (c(), c());
                let h = 1.0 / 65_536.0;
                if [x, y].iter().any(|v| v.fract() == 0.0) {
                    continue;
                }
                let at = |x: f64, y: f64| real.real(source.image(), x, y)[0];
                let exact =
                    [(at(x + h, y) - at(x - h, y)) / (2.0 * h), (at(x, y + h) - at(x, y - h)) / (2.0 * h)];
                let (dx, dy) = sampler.partials(source.image(), x, y);
                let read = |mut v: P::Derivative| {
                    P::Channel::real_derivative(P::flatten_derivatives(std::slice::from_mut(&mut v))[0])
                };
                // S''' is 12. A unit in S', and one in S across, where S' is 1.5 and values differ by
                // twice the range.
                let bound =
                    12.0 * range * h * h / 6.0 + slope + range * unit * (1.0 + 2.0 * 1.5) + 1e-6 * range;
                within(read(dx), exact[0], bound, "dx");
                within(read(dy), exact[1], bound, "dy");
            }
        }
    }
    let random = &mut Random(0x1212_3434_5656_7878);
    check::<u8>(random, 255.0, 1.0 / 128.0, 1.0 / 16_384.0);
    check::<u16>(random, 65_535.0, 1.0 / 256.0, 1.0 / 16_777_216.0);
}

/// The adjoint of one pixel is its weights: with a gate that is given they make the value.
#[test]
fn the_weights_of_a_given_gate_make_the_value() {
    let random = &mut Random(0x9999_8888_7777_6666);
    let source = Picture::<u8>::noise((9, 8), random);
    let mut memory = Picture::new((9, 8), |_, _| 0_u16);
    let mut gates = memory.image_mut();
    let gate = GateImage::of(&Soft::new(60.0).unwrap(), source.image(), &mut gates).unwrap();
    let sampler = Sampler::new(Adaptive::new(Bilinear, Nearest, gate), Boundary::Reflect);
    for _ in 0..2000 {
        let shift = Translation::new(random.real(-3.0, 11.0), random.real(-3.0, 10.0)).unwrap();
        let mut value = [0];
        sampler.warp(source.image(), &mut ImageMut::new(&mut value, 1, 1).unwrap(), &shift).unwrap();
        let mut weights = Picture::new((9, 8), |_, _| 0_i64);
        sampler.adjoint(Image::new(&[1], 1, 1).unwrap(), &mut weights.image_mut(), &shift).unwrap();
        let sum: i64 = weights.pixels.iter().sum();
        let dot: i64 = weights.pixels.iter().zip(&source.pixels).map(|(w, &p)| w * i64::from(p)).sum();
        // Rows times the gate are rounded to Q14, three of them; the value as usual.
        let unit = 1.0 / 16_384.0;
        within(sum as f64 / f64::from(1 << 28), 1.0, 1.5 * unit, "sum");
        let bound = 0.5 + 1.0 / 256.0 + 255.0 * 1.5 * unit + 2.0 * unit;
        within(dot as f64 / f64::from(1 << 28), f64::from(value[0]), bound, "value");
    }
}

/// The gates of a guide are those of its central differences, the largest of all channels.
#[test]
fn gates_of_a_guide() {
    let random = &mut Random(0x3141_5926_5358_9793);
    let guide = Picture::<[u8; 2]>::noise((7, 5), random);
    let mut memory = Picture::new((7, 5), |_, _| 0_u16);
    GateImage::of(&Soft::new(40.0).unwrap(), guide.image(), &mut memory.image_mut()).unwrap();
    for (i, &gate) in memory.pixels.iter().enumerate() {
        let at = |x: usize, y: usize, c: usize| f64::from(guide.image().get(x.min(6), y.min(4)).unwrap()[c]);
        let (x, y) = (i % 7, i / 7);
        let exact = (0..2)
            .map(|c| {
                let gx = (at(x + 1, y, c) - at(x.saturating_sub(1), y, c)) / 2.0;
                let gy = (at(x, y + 1, c) - at(x, y.saturating_sub(1), c)) / 2.0;
                (gx * gx + gy * gy) / (gx * gx + gy * gy + 1600.0)
            })
            .fold(0.0, f64::max);
        within(f64::from(gate) / 16_384.0, exact, 0.51 / 16_384.0, "gate");
    }
    let small = Picture::<u8>::noise((7, 4), random);
    let mut gates = memory.image_mut();
    let refused = GateImage::of(&Hard::new(1.0).unwrap(), small.image(), &mut gates);
    assert_eq!(refused.unwrap_err(), Error::SizeMismatch);
}

/// A kernel with more taps than any of this crate: the usual two, and an eighth of the outermost ones.
#[derive(Clone, Copy)]
struct Ten;

impl Kernel for Ten {
    type Taps<T: Copy> = [T; 10];
    fn weights<W: Weight>(&self, f: W) -> [W; 10] {
        let eighth = W::constant(1 << 27);
        let mut weights = [W::zero(); 10];
        (weights[0], weights[9]) = (eighth, eighth);
        (weights[4], weights[5]) = (W::one() - f - eighth, f - eighth);
        weights
    }
    fn slopes<W: Weight>(&self, _: W) -> [W; 10] {
        let mut slopes = [W::zero(); 10];
        (slopes[4], slopes[5]) = (W::zero() - W::one(), W::one());
        slopes
    }
}

/// The quintic smoothstep, by products that are below 8, as `Kernel` says how.
#[derive(Clone, Copy)]
struct Quintic;

impl Kernel for Quintic {
    type Taps<T: Copy> = [T; 2];
    fn weights<W: Weight>(&self, f: W) -> [W; 2] {
        let g = W::one() - f;
        let (three, square) = (g + g + g, g * g + g * g + g * g);
        let share = f * f * f * (W::one() + three + square + square);
        [W::one() - share, share]
    }
    fn slopes<W: Weight>(&self, f: W) -> [W; 2] {
        let part = f * (W::one() - f);
        let square = part * part + part * part + part * part;
        let sum = square + square + square + square + square;
        let slope = sum + sum;
        [W::zero() - slope, slope]
    }
}

#[test]
fn products_that_do_not_wrap() {
    let pixels = [0_u8, 255, 255];
    let image = Image::new(&pixels, 3, 1).unwrap();
    for k in 0..256 {
        let f = f64::from(k) / 256.0;
        let exact = 255.0 * f * f * f * (10.0 + f * (6.0 * f - 15.0));
        let slope = 255.0 * 30.0 * f * f * (1.0 - f) * (1.0 - f);
        for level in Level::available() {
            let sampler = Sampler::new(Quintic, Boundary::Replicate).with_level(level);
            let mut out = [0_u8; 33];
            let mut to = ImageMut::new(&mut out, 1, 33).unwrap();
            sampler.warp(image, &mut to, &Translation::new(f, 0.0).unwrap()).unwrap();
            assert!(out.iter().all(|&v| v == out[0]));
            within(f64::from(out[0]), exact, 0.6, "value");
            within(f64::from(sampler.partials(image, f, 0).0) / 16384.0, slope, 0.3, "slope");
        }
    }
}

/// Backends have registers for so many rows, and kernels may have more.
#[test]
fn any_number_of_taps() {
    fn check<P: Tested + Pixel>(random: &mut Random) {
        let source = Picture::<P>::noise((64, 40), random);
        for boundary in boundaries(P::noise(random.bits())) {
            for _ in 0..20 {
                let (angle, scale) = (random.real(-1.5, 1.5), random.real(0.3, 0.9));
                let (sine, cosine) = (scale * angle.sin(), scale * angle.cos());
                let [x, y] = [0; 2].map(|_| random.real(-4.0, 14.0));
                let transform = Affine::from_parameters([cosine, -sine, x, sine, cosine, y]).unwrap();
                let warp = |level| {
                    let mut out = vec![P::noise(0); 50 * 30];
                    let mut to = ImageMut::new(&mut out, 50, 30).unwrap();
                    let sampler = Sampler::new(Ten, boundary).with_level(level);
                    sampler.warp(source.image(), &mut to, &transform).unwrap();
                    out
                };
                let expected = warp(Level::SCALAR);
                for level in Level::available() {
                    assert!(warp(level).iter().zip(&expected).all(|(a, b)| a.same(b)), "{level:?}");
                }
            }
        }
    }
    let random = &mut Random(0x9abc_def1_2345_6789);
    check::<u8>(random);
    check::<u16>(random);
    check::<f32>(random);
}

/// Along homographies and maps whose neighbours stay together backends fetch neighbourhoods at once, here and there
/// with a pixel that does not: every level against the reference.
#[test]
fn neighbours_that_stay_together() {
    const OUT: (usize, usize) = (157, 12);
    fn image(out: &mut [u8]) -> ImageMut<'_, u8> {
        ImageMut::new(out, OUT.0, OUT.1).unwrap()
    }
    fn check<K: Kernel + Shape>(kernel: K, random: &mut Random) {
        let source = Picture::<u8>::noise((150, 70), random);
        for boundary in boundaries(random.bits() as u8) {
            for i in 0..8 {
                let (angle, scale) = (random.real(-0.4, 0.4), random.real(0.5, 1.4));
                let (sine, cosine) = (scale * angle.sin(), scale * angle.cos());
                let [x, y] = [0; 2].map(|_| random.real(-20.0, 30.0));
                let [h, k] = [0; 2].map(|_| random.real(-4e-4, 4e-4));
                let homography =
                    Homography::from_parameters([cosine, -sine, x, sine, cosine, y, h, k]).unwrap();
                // The same as a map, with stray coordinates every other time.
                let mut planes = [0; 2].map(|_| vec![0.0_f32; OUT.0 * OUT.1]);
                for j in 0..OUT.0 * OUT.1 {
                    let (u, v) = homography.apply((j % OUT.0) as f64, (j / OUT.0) as f64);
                    (planes[0][j], planes[1][j]) = (u as f32, v as f32);
                    if i % 2 == 1 && random.real(0.0, 60.0) < 1.0 {
                        let stray = [f32::NAN, 1e9, -1e9, random.real(-9.0, 160.0) as f32];
                        planes[j % 2][j] = stray[random.bits() as usize % 4];
                    }
                }
                let [x, y] = planes.each_ref().map(|plane| Image::new(plane, OUT.0, OUT.1).unwrap());
                let map = Map::new(x, y).unwrap();
                let before: Vec<u8> = (0..OUT.0 * OUT.1).map(|_| u8::noise(random.bits())).collect();
                let expected = [homography.coordinates(), Coordinates::Map(x, y)].map(|coordinates| {
                    let mut out = before.clone();
                    let to = &mut image(&mut out);
                    Reference::new(kernel, boundary).warp(source.image(), to, &coordinates);
                    out
                });
                for level in Level::available() {
                    let sampler = Sampler::new(kernel, boundary).with_level(level);
                    let mut out = [before.clone(), before.clone()];
                    sampler.warp(source.image(), &mut image(&mut out[0]), &homography).unwrap();
                    sampler.warp(source.image(), &mut image(&mut out[1]), &map).unwrap();
                    assert_eq!(out, expected, "{level:?} {boundary:?} {homography:?}");
                }
            }
        }
    }
    let random = &mut Random(0x3c6e_f372_fe94_f82b);
    check(Nearest, random);
    check(Bilinear, random);
    check(Cubic::<-75>, random);
    check(Lanczos::<4>, random);
}
