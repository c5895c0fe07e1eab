//! Rules that are no kernels against their references, weights by table, and what gradients are
//! where it is not obvious: at borders, at lattice points, at ties, in constant images.
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use nonius::fixed::{Q14, Q24};
use nonius::kernel::adaptive::{Frozen, GateImage, Hard, Soft};
use nonius::kernel::weighted::{Share, Smoothstep, Table, Tent};
use nonius::reference::{
    AdaptiveRule, Coordinates, Exact, FineArithmetic, GateRule, LinearizedRule, Number, Reference, Rule,
    Shape, SurrogateRule, table, table_at,
};
use nonius::{
    Adaptive, Affine, Bilinear, Boundary, Error, Homography, Image, ImageMut, Interpolator, Kernel, Level,
    Linearized, Map, Nearest, NearestEven, Pixel, Sampler, StraightThrough, Surrogate, Transform,
    WeightedNearest,
};

/// A small generator of pseudo-random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn below(&mut self, n: usize) -> usize {
        ((self.bits() >> 32) as usize) % n
    }
    fn real(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

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

/// The size of warped images: a block of lanes and a tail.
const DESTINATION: (usize, usize) = (11, 7);

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

/// A warp as a value.
#[derive(Clone, Copy)]
enum Mapping<'a> {
    Affine(Affine),
    Homography(Homography),
    Map(Image<'a, f32>, Image<'a, f32>),
}

impl Mapping<'_> {
    fn coordinates(&self) -> Coordinates<'_> {
        match self {
            Mapping::Affine(t) => t.coordinates(),
            Mapping::Homography(t) => t.coordinates(),
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
            Mapping::Homography(t) => {
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
        with_warp!(warp, w => sampler.adjoint(cell.cotangent, w, &mut cell.gradient).unwrap());
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
        for &level in Level::AVAILABLE {
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
        let p = [1.02, 0.03, -1.4, -0.02, 0.97, 2.6, 1e-2, -2e-2];
        cells += self.warp(Mapping::Homography(Homography::from_parameters(p).unwrap()), random);
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

/// Calls a generic function for every pixel type.
macro_rules! every_pixel {
    ($f:ident($($argument:expr),*)) => {
        $f::<u8>($($argument),*)
            + $f::<u16>($($argument),*)
            + $f::<i16>($($argument),*)
            + $f::<f32>($($argument),*)
            + $f::<[u8; 3]>($($argument),*)
            + $f::<[u16; 2]>($($argument),*)
            + $f::<[f32; 2]>($($argument),*)
    };
}

/// Sources of every size, and every boundary.
fn everywhere<P: Tested>(random: &mut Random, mut f: impl FnMut(&Picture<P>, Boundary<P>, &mut Random)) {
    for size in [(1, 1), (9, 6), (2, 1), (1, 3), (16, 13)] {
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
            Reference::new(value, boundary).adjoint(cotangent, at, to);
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
                    reference.adjoint(cotangent, at, to);
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
            for tau in [1.0 / 16_384.0, 0.37, 20.0, 40_000.0] {
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
            cells += pair((Bilinear, WeightedNearest::new(Smoothstep)), source, boundary, random, 900.0);
            cells += pair((WeightedNearest::new(Smoothstep), NearestEven), source, boundary, random, 5.0);
        });
        cells
    }
    let random = &mut Random(0x2545_f491_4f6c_dd1d);
    report("adaptive", every_pixel!(check(random)));
}

// Weights by table.

/// A kernel by table that has a `Default`, so that it can be a type.
trait Made: Copy {
    const CELLS: usize;
    fn w(d: f64) -> f64;
    fn memory() -> &'static LazyLock<Table<'static>>;
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

fn made_table<M: Made>() -> Vec<(i64, i64)> {
    table(M::CELLS, M::w)
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
        let (share, _) = table_at(&made_table::<M>(), f);
        let share = f.real(share as f64 / f64::from(1 << 30));
        vec![f.real(1.0) - share, share]
    }
    fn slopes(f: Number) -> Vec<Number> {
        let (_, slope) = table_at(&made_table::<M>(), f);
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
            cells += one::<P, RaisedCosine>(source, boundary, random);
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
        // Half a unit of Q14 in S; slopes that are half a unit off move S by a quarter of that per cell and end; and the
        // remainder of Hermite's formula, h^4 / 384 times the fourth derivative.
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
        let entries = made_table::<M>();
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
