//! What a pass sums to, by powers of the position, and what comes of that.
//!
//! In: sums over chunks, rows and tiles, each about a centre of its own. Out: the same about another centre, and in
//! the end the system of a model and the statistics of its support.
#![forbid(unsafe_code)]

use core::ops::{AddAssign, Neg};

use super::CHUNK;
use super::photometry::Photometry;
use super::solve::{Column, SIZE, Symmetric};
use crate::fixed::{root, scaled};
use crate::kernel::Array;
use crate::transform::{Degree, Term};

/// The columns along which squares of offsets are small enough for products to fit.
pub(super) const BLOCK: usize = CHUNK / 4;

/// Powers of the horizontal offset for products of two gradients, and for one.
pub(super) const POWERS: usize = 5;

pub(super) const HALF_POWERS: usize = 3;

/// Where `u^k v^l` is kept: by degree, then by l.
#[inline(always)]
pub(super) const fn monomial(k: usize, l: usize) -> usize {
    let degree = k + l;
    degree * (degree + 1) / 2 + l
}

/// What the fixed image alone sums to, in `S`: F of products of two gradients, H of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedOf<S, F, H> {
    /// xx, xy, yy.
    pub(super) gg: [F; 3],
    /// x and y with the fixed image t.
    pub(super) gt: [H; 2],
    /// x and y.
    pub(super) g: [H; 2],
    /// tt, t, and one.
    pub(super) plain: [S; 3],
}

/// What residuals take part in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResidualOf<S, H> {
    /// The gradient's x and y with the residual e.
    pub(super) ge: [H; 2],
    /// te, ee, e.
    pub(super) plain: [S; 3],
}

/// Sums over some pixels, in `S`: about the centre of a chunk, by powers of the horizontal offset; of
/// a row, about the image's centre; of the support, by monomials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SumsOf<S, F, H> {
    pub(super) fixed: FixedOf<S, F, H>,
    pub(super) residual: ResidualOf<S, H>,
}

/// By powers: so many.
pub(super) type Fixed<S, const M: usize, const H: usize> = FixedOf<S, [S; M], [S; H]>;

pub(super) type Residual<S, const H: usize> = ResidualOf<S, [S; H]>;

type Sums<S, const M: usize, const H: usize> = SumsOf<S, [S; M], [S; H]>;

pub(super) type Row = Sums<i64, POWERS, HALF_POWERS>;

/// By monomials: as many as a model calls for.
pub(super) type Moments<S, D> = SumsOf<S, <D as Degree>::Products<S>, <D as Degree>::Monomials<S>>;

pub(super) type TileMoments<D> = Moments<i64, D>;

pub(super) type ResidualMoments<D> = ResidualOf<i64, <D as Degree>::Monomials<i64>>;

/// What passes over the same level share where their supports are the same.
pub(super) type FixedMoments<S, D> = FixedOf<S, <D as Degree>::Products<S>, <D as Degree>::Monomials<S>>;

impl<S: Copy, F: Array<S>, H: Array<S>> FixedOf<S, F, H> {
    /// All the same.
    #[inline(always)]
    pub(super) fn of(v: S) -> Self {
        let (full, half) = (F::filled(v), H::filled(v));
        Self { gg: [full; 3], gt: [half; 2], g: [half; 2], plain: [v; 3] }
    }
}

impl<S: Zero, F: Zero, H: Zero> FixedOf<S, F, H> {
    pub(super) const ZERO: Self =
        Self { gg: [F::ZERO; 3], gt: [H::ZERO; 2], g: [H::ZERO; 2], plain: [S::ZERO; 3] };
}

impl<S: Copy, F: Array<S>, H: Array<S>> FixedOf<S, F, H> {
    /// Adds sums of another kind, whose moments are moved by `full` and `half`.
    #[inline(always)]
    fn join<R: Copy + Into<S>, A: Array<R>, B: Array<R>>(
        &mut self,
        part: &FixedOf<R, A, B>,
        full: impl Fn(&mut [S], &[R]),
        half: impl Fn(&mut [S], &[R]),
    ) where
        S: AddAssign,
    {
        for (sum, part) in self.gg.iter_mut().zip(&part.gg) {
            full(sum.as_mut(), part.as_ref());
        }
        for (sum, part) in self.gt.iter_mut().zip(&part.gt).chain(self.g.iter_mut().zip(&part.g)) {
            half(sum.as_mut(), part.as_ref());
        }
        for (sum, &part) in self.plain.iter_mut().zip(&part.plain) {
            *sum += part.into();
        }
    }
}

impl<S: Copy + Neg<Output = S>, const M: usize, const H: usize> Fixed<S, M, H> {
    /// Changes all signs.
    #[inline(always)]
    pub(super) fn negate(&mut self) {
        let Self { gg, gt, g, plain } = self;
        let (gg, half) =
            (gg.as_flattened_mut(), [gt, g].into_iter().flat_map(|sums| sums.as_flattened_mut()));
        gg.iter_mut().chain(half).chain(plain).for_each(|v| *v = -*v);
    }
}

impl<S: Zero, H: Zero> ResidualOf<S, H> {
    const ZERO: Self = Self { ge: [H::ZERO; 2], plain: [S::ZERO; 3] };
}

impl<S: Copy, H: Array<S>> ResidualOf<S, H> {
    #[inline(always)]
    fn join<R: Copy + Into<S>, B: Array<R>>(&mut self, part: &ResidualOf<R, B>, half: impl Fn(&mut [S], &[R]))
    where
        S: AddAssign,
    {
        for (sum, part) in self.ge.iter_mut().zip(&part.ge) {
            half(sum.as_mut(), part.as_ref());
        }
        for (sum, &part) in self.plain.iter_mut().zip(&part.plain) {
            *sum += part.into();
        }
    }
}

impl<S: Zero, F: Zero, H: Zero> SumsOf<S, F, H> {
    pub(super) const ZERO: Self = Self { fixed: FixedOf::ZERO, residual: ResidualOf::ZERO };
}

/// Numbers whose zeros are constants, which are written where they are wanted, without a copy on the stack.
pub trait Zero: Copy {
    /// No sum.
    const ZERO: Self;
}

impl Zero for i64 {
    const ZERO: Self = 0;
}

impl Zero for i128 {
    const ZERO: Self = 0;
}

impl<S: Zero, const N: usize> Zero for [S; N] {
    const ZERO: Self = [S::ZERO; N];
}

/// What sums over an image are held in: wide enough for any, or for those of one tile.
pub trait Total:
    Zero + Default + PartialEq + core::fmt::Debug + Send + Sync + From<i64> + Into<i128> + AddAssign
{
    /// Whether it is what sums of one tile are held in.
    const IS_TILE: bool;
    /// n^2 times a covariance. (Sums are below 2^85, weights below 2^37.)
    fn covariance(n: Self, ab: Self, a: Self, b: Self) -> i128;
    /// This times a number.
    fn times(self, by: i64) -> Self;
    /// Sums over an image as those of a tile, if they are held alike.
    fn as_tile<D: Degree>(
        moments: &mut SumsOf<Self, D::Products<Self>, D::Monomials<Self>>,
    ) -> Option<&mut TileMoments<D>>;
}

impl Total for i64 {
    const IS_TILE: bool = true;
    fn covariance(n: i64, ab: i64, a: i64, b: i64) -> i128 {
        covariance(n, ab, a, b)
    }
    fn times(self, by: i64) -> Self {
        self.wrapping_mul(by)
    }
    #[inline(always)]
    fn as_tile<D: Degree>(moments: &mut TileMoments<D>) -> Option<&mut TileMoments<D>> {
        Some(moments)
    }
}

impl Total for i128 {
    const IS_TILE: bool = false;
    #[inline(never)]
    fn covariance(n: i128, ab: i128, a: i128, b: i128) -> i128 {
        n * ab - a * b
    }
    fn times(self, by: i64) -> Self {
        i128::from(by) * self
    }
    #[inline(always)]
    fn as_tile<D: Degree>(
        _: &mut SumsOf<Self, D::Products<Self>, D::Monomials<Self>>,
    ) -> Option<&mut TileMoments<D>> {
        None
    }
}

/// Adds `v u^k` for k up to `degree`.
#[inline(always)]
fn add_powers<const N: usize>(sums: &mut [i64; N], v: i64, u: i64, degree: usize) {
    let mut v = v;
    for sum in sums.iter_mut().take(degree + 1) {
        *sum += v;
        // One more than is used, which may not fit.
        v = v.wrapping_mul(u);
    }
}

/// What moments are: what they go through when they are moved may not fit, but what they come to.
pub(super) trait Moment: Copy {
    /// The wrapping sum.
    fn plus(self, other: Self) -> Self;
    /// The wrapping product.
    fn times(self, by: Self) -> Self;
}

impl Moment for i64 {
    #[inline(always)]
    fn plus(self, other: i64) -> i64 {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn times(self, by: i64) -> i64 {
        self.wrapping_mul(by)
    }
}

/// The same of each block of a chunk, side by side: so they are multiplied and added at once. Along a row each is
/// added to that of the chunk before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Blocks(pub(super) [i64; CHUNK / BLOCK]);

impl Zero for Blocks {
    const ZERO: Self = Self([0; CHUNK / BLOCK]);
}

impl Blocks {
    /// Where the centres of the blocks are if that of the chunk is here.
    #[inline(always)]
    pub(super) fn centres(chunk: i64) -> Self {
        let mut centres = [chunk + (BLOCK / 2) as i64 - (CHUNK / 2) as i64; CHUNK / BLOCK];
        for (block, centre) in centres.iter_mut().enumerate() {
            *centre += (block * BLOCK) as i64;
        }
        Self(centres)
    }

    /// A sum over all of them.
    #[inline(always)]
    pub(super) fn first(all: i64) -> Self {
        let mut blocks = Self::ZERO;
        if let Some(first) = blocks.0.first_mut() {
            *first = all;
        }
        blocks
    }
}

impl Moment for Blocks {
    // (Loops, which become vectors.)
    #[inline(always)]
    fn plus(mut self, other: Self) -> Self {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = a.wrapping_add(b);
        }
        self
    }
    #[inline(always)]
    fn times(mut self, by: Self) -> Self {
        for (a, b) in self.0.iter_mut().zip(by.0) {
            *a = a.wrapping_mul(b);
        }
        self
    }
}

impl AddAssign for Blocks {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = self.plus(other);
    }
}

impl Neg for Blocks {
    type Output = Self;
    #[inline(always)]
    fn neg(mut self) -> Self {
        for v in &mut self.0 {
            *v = v.wrapping_neg();
        }
        self
    }
}

impl From<Blocks> for i64 {
    /// All blocks together.
    #[inline(always)]
    fn from(blocks: Blocks) -> i64 {
        blocks.0.iter().fold(0, |sum, v| sum.wrapping_add(*v))
    }
}

/// Moves the moments up to a degree to another origin, which is at `-by`: by Pascal's triangle.
#[inline(always)]
pub(super) fn move_powers<S: Moment, const N: usize>(moments: &mut [S; N], by: S, degree: usize) {
    // (Where code is to be small, loops are not unrolled, and these few steps take less without.)
    match (degree, &mut moments[..]) {
        (1, [zeroth, first, ..]) => return *first = first.plus(by.times(*zeroth)),
        (2, [zeroth, first, second, ..]) => {
            *second = second.plus(by.times(*first));
            *first = first.plus(by.times(*zeroth));
            return *second = second.plus(by.times(*first));
        }
        _ => {}
    }
    // (Ranges that are unrolled.)
    for n in 0..degree {
        for k in 0..degree - n {
            if let Some([less, moment]) = moments.get_mut(degree - 1 - k..).and_then(|m| m.first_chunk_mut())
            {
                *moment = moment.plus(by.times(*less));
            }
        }
    }
}

/// Adds moments about `centre` to moments about zero.
#[inline(always)]
pub(super) fn add_moved<S: Moment, const N: usize>(sums: &mut [S], local: &[S], centre: S, degree: usize) {
    let Some(&local) = local.first_chunk::<N>() else { return };
    let mut moved = local;
    move_powers(&mut moved, centre, degree);
    for (sum, moved) in sums.iter_mut().zip(moved).take(degree + 1) {
        *sum = sum.plus(moved);
    }
}

/// Adds the sums over all blocks.
#[inline(always)]
pub(super) fn gather(sums: &mut [i64], blocks: &[Blocks]) {
    for (sum, &blocks) in sums.iter_mut().zip(blocks) {
        *sum += i64::from(blocks);
    }
}

/// Adds moments of a stretch of a row, about a place that is at (`x`, `y`) from the origin of the sums.
#[inline(always)]
pub(super) fn add_stretch<const N: usize>(
    sums: &mut [i64],
    moments: &[i64],
    [x, y]: [i64; 2],
    degree: usize,
) {
    let Some(&(mut moments)) = moments.first_chunk::<N>() else { return };
    move_powers(&mut moments, x, degree);
    // (As above.)
    match (degree, &mut *sums, &moments[..]) {
        (1, [s, sx, sy, ..], &[m, mx, ..]) => {
            (*s, *sx, *sy) = (*s + m, *sx + mx, *sy + m.wrapping_mul(y));
            return;
        }
        (2, [s, sx, sy, sxx, sxy, syy, ..], &[m, mx, mxx, ..]) => {
            let my = m.wrapping_mul(y);
            (*s, *sx, *sy) = (*s + m, *sx + mx, *sy + my);
            (*sxx, *sxy, *syy) = (*sxx + mxx, *sxy + mx.wrapping_mul(y), *syy + my.wrapping_mul(y));
            return;
        }
        _ => {}
    }
    for (k, mut term) in moments.into_iter().enumerate().take(degree + 1) {
        for l in 0..=degree - k {
            if let Some(sum) = sums.get_mut(monomial(k, l)) {
                *sum += term;
            }
            // One more than is used, which may not fit.
            term = term.wrapping_mul(y);
        }
    }
}

/// Moves moments to another origin, which is at (`x`, `y`) from the new one.
fn move_moments<S: Total>(sums: &mut [S], [x, y]: [i64; 2], degree: usize) {
    for (by, along) in [(x, true), (y, false)] {
        let place = |k: usize, l: usize| if along { monomial(k, l) } else { monomial(l, k) };
        for l in 0..=degree {
            // Pascal's triangle.
            for n in 1..=degree - l {
                for k in (n..=degree - l).rev() {
                    let less = sums.get(place(k - 1, l)).copied().unwrap_or_default();
                    if let Some(sum) = sums.get_mut(place(k, l)) {
                        *sum += less.times(by);
                    }
                }
            }
        }
    }
}

/// Adds moments of a tile.
pub(super) fn add_tile<S: Total, A: Array<S>>(sums: &mut [S], tile: &[i64], at: [i64; 2], degree: usize) {
    let mut moved = A::from_fn(|i| tile.get(i).copied().unwrap_or(0).into());
    move_moments(moved.as_mut(), at, degree);
    plus(sums, moved.as_ref());
}

/// Adds sums to others.
#[inline(always)]
fn plus<S: Total>(sums: &mut [S], others: &[S]) {
    sums.iter_mut().zip(others).for_each(|(sum, &other)| *sum += other);
}

impl Fixed<i64, POWERS, HALF_POWERS> {
    #[inline(always)]
    pub(super) fn add(&mut self, chunk: &Self, centre: i64, degree: usize) {
        self.join(
            chunk,
            |sums, local| add_moved::<_, POWERS>(sums, local, centre, 2 * degree),
            |sums, local| add_moved::<_, HALF_POWERS>(sums, local, centre, degree),
        );
    }
}

impl Residual<i64, HALF_POWERS> {
    #[inline(always)]
    pub(super) fn add(&mut self, chunk: &Self, centre: i64, degree: usize) {
        self.join(chunk, |sums, local| add_moved::<_, HALF_POWERS>(sums, local, centre, degree));
    }
}

/// What the blocks along a row sum to, of degree 2.
pub(super) type RowBlocks = Sums<Blocks, POWERS, HALF_POWERS>;

impl Row {
    /// Adds the sums over all blocks.
    #[inline(always)]
    pub(super) fn gather(&mut self, blocks: &RowBlocks) {
        self.fixed.join(&blocks.fixed, gather, gather);
        self.residual.join(&blocks.residual, gather);
    }

    /// Adds a pixel of weight `w` that is `u` away from the centre.
    #[cfg_attr(thumb, inline(never))]
    #[cfg_attr(not(thumb), inline(always))]
    pub(super) fn add_weighted(&mut self, pixel: [i32; 4], w: i32, u: i64, degree: usize) {
        let w = i64::from(w);
        let [gx, gy, t, e] = pixel.map(i64::from);
        let [wx, wy, wt, we] = [w * gx, w * gy, w * t, w * e];
        for (sum, product) in self.fixed.gg.iter_mut().zip([wx * gx, wx * gy, wy * gy]) {
            add_powers(sum, product, u, 2 * degree);
        }
        let Fixed { gt, g, .. } = &mut self.fixed;
        for (axes, factor) in [(gt, t), (g, 1), (&mut self.residual.ge, e)] {
            for (sum, g) in axes.iter_mut().zip([wx, wy]) {
                add_powers(sum, g * factor, u, degree);
            }
        }
        for (sum, product) in self.fixed.plain.iter_mut().zip([wt * t, wt, w]) {
            *sum += product;
        }
        for (sum, product) in self.residual.plain.iter_mut().zip([wt * e, we * e, we]) {
            *sum += product;
        }
    }
}

impl<F: Array<i64>, H: Array<i64>> FixedOf<i64, F, H> {
    /// [`add_stretch`] to each of the sums.
    #[inline(always)]
    pub(super) fn add_stretch(
        &mut self,
        stretch: &Fixed<i64, POWERS, HALF_POWERS>,
        at: [i64; 2],
        degree: usize,
    ) {
        self.join(
            stretch,
            |sums, stretch| add_stretch::<POWERS>(sums, stretch, at, 2 * degree),
            |sums, stretch| add_stretch::<HALF_POWERS>(sums, stretch, at, degree),
        );
    }
}

impl<H: Array<i64>> ResidualOf<i64, H> {
    /// [`add_stretch`] to each of the sums.
    #[inline(always)]
    pub(super) fn add_stretch(&mut self, stretch: &Residual<i64, HALF_POWERS>, at: [i64; 2], degree: usize) {
        self.join(stretch, |sums, stretch| add_stretch::<HALF_POWERS>(sums, stretch, at, degree));
    }
}

impl<S: Total, F: Array<S>, H: Array<S>> SumsOf<S, F, H> {
    /// Adds the sums over a tile, which are about a point that is at `at` from the centre.
    #[inline(never)]
    pub(super) fn add_tile<A: Array<i64>, B: Array<i64>>(
        &mut self,
        tile: &SumsOf<i64, A, B>,
        at: [i64; 2],
        degree: usize,
    ) {
        let centred = at == [0; 2];
        self.fixed.join(
            &tile.fixed,
            |sums, tile| add_tile::<S, F>(sums, tile, at, if centred { 0 } else { 2 * degree }),
            |sums, tile| add_tile::<S, H>(sums, tile, at, if centred { 0 } else { degree }),
        );
        self.residual.join(&tile.residual, |sums, tile| {
            add_tile::<S, H>(sums, tile, at, if centred { 0 } else { degree })
        });
    }

    /// Adds the sums over other pixels.
    pub(super) fn join(&mut self, other: &Self) {
        self.fixed.join(&other.fixed, plus, plus);
        self.residual.join(&other.residual, plus);
    }

    /// Weighted mean, variance and covariance of fixed and moving, in grey levels; `joint` if gain
    /// and offset are unknown.
    #[inline(never)]
    pub(super) fn statistics(&self, photometry: &Photometry, joint: bool) -> Statistics {
        let ([tt, t, count], [te, ee, e]) = (self.fixed.plain, self.residual.plain);
        // One division, which takes long without an FPU.
        let one = 1.0 / scaled(count.into().max(1), 0);
        let mean = |v: S, exponent: i32| scaled(v.into(), exponent) * one;
        let square_of_one = one * one;
        let covariance = |ab: S, a: S, b: S, exponent: i32| {
            scaled(S::covariance(count, ab, a, b), exponent) * square_of_one
        };
        let (a, b) = (photometry.gain(), photometry.offset());
        // Residuals are in 1/16.
        let square = mean(ee, -8);
        let tt = covariance(tt, t, t, 0);
        let te = covariance(te, t, e, -4);
        let ee = covariance(ee, e, e, -8);
        // moving = e + a fixed + b, up to the residual's rounding.
        let moving = ee + 2.0 * a * te + a * a * tt;
        let cross = te + a * tt;
        let t = mean(t, 0);
        let gain = if tt > 0.0 { cross / tt } else { 0.0 };
        let moving_mean = mean(e, -4) + a * t + b;
        // (Of what is too small for a root there is no correlation.)
        let norm = root(tt * moving);
        let correlation = if norm > 0.0 { cross / norm } else { 0.0 };
        let (residual, gain, offset) = if joint {
            // What gain and offset cannot explain: at least zero, but for rounding.
            let residual = if tt > 0.0 { (ee - te * te / tt).max(0.0) } else { ee.max(0.0) };
            (residual, gain, moving_mean - gain * t)
        } else {
            (square, a, b)
        };
        Statistics {
            correlation: correlation.clamp(-1.0, 1.0),
            residual,
            gain,
            offset,
            contrast: if tt > 0.0 { root(moving.max(0.0) / tt) } else { 0.0 },
        }
    }

    /// The normal matrix and right-hand side for the increment (about the centre of the fixed image,
    /// in pixels, times the gain), gain and offset, all in grey levels; weights in 2^`unit`.
    #[inline(never)]
    pub(super) fn system(
        &self,
        generators: &[[Term; 2]],
        unit: u32,
        matrix: &mut Symmetric,
        right: &mut Column,
    ) {
        let (FixedOf { gg, gt, g, plain }, ResidualOf { ge, plain: rest }) = (&self.fixed, &self.residual);
        let parameters = generators.len().min(SIZE - 2);
        let (gain, offset) = (parameters, parameters + 1);
        // Gradients are in half levels, residuals in 1/16.
        let one = -(unit as i32);
        for (i, (a, right)) in generators.iter().zip(&mut *right).enumerate().take(parameters) {
            for (j, b) in generators.iter().enumerate().take(i + 1) {
                matrix.set(i, j, scaled(product(gg, a, b), one - 2));
            }
            for (j, table) in [(gain, gt), (offset, g)] {
                matrix.set(j, i, scaled(single(table, a), one - 1));
            }
            *right = scaled(single(ge, a), one - 5);
        }
        for ((i, j), sum) in [(gain, gain), (offset, gain), (offset, offset)].into_iter().zip(plain) {
            matrix.set(i, j, scaled((*sum).into(), one));
        }
        for (i, sum) in [(gain, rest[0]), (offset, rest[2])] {
            if let Some(entry) = right.get_mut(i) {
                *entry = scaled(sum.into(), one - 4);
            }
        }
    }
}

/// The axis, the sign (whether it is minus) and the exponents of each term of a generator.
#[inline(always)]
fn terms(generator: &[Term; 2]) -> impl Iterator<Item = (usize, bool, usize, usize)> {
    let term = |(axis, term): (usize, &Term)| {
        term.map(|(s, k, l)| (axis, s.is_sign_negative(), usize::from(k), usize::from(l)))
    };
    generator.iter().enumerate().filter_map(term)
}

/// The sum that belongs to the product of two generators. (Of up to four entries, each of which fills its number.)
#[inline(never)]
pub(super) fn product<S: Total, F: Array<S>>(tables: &[F; 3], a: &[Term; 2], b: &[Term; 2]) -> i128 {
    let mut sum = 0;
    for (p, s, k, l) in terms(a) {
        for (q, r, m, n) in terms(b) {
            add_signed(&mut sum, tables.get(p + q), s != r, monomial(k + m, l + n));
        }
    }
    sum
}

/// The sum that belongs to a generator.
#[inline(never)]
fn single<S: Total, H: Array<S>>(tables: &[H; 2], a: &[Term; 2]) -> i128 {
    let mut sum = 0;
    for (axis, s, k, l) in terms(a) {
        add_signed(&mut sum, tables.get(axis), s, monomial(k, l));
    }
    sum
}

/// Adds an entry of a table, or takes it away.
#[inline(always)]
fn add_signed<S: Total, A: Array<S>>(sum: &mut i128, table: Option<&A>, less: bool, at: usize) {
    let v: i128 = table.and_then(|table| table.as_ref().get(at)).copied().unwrap_or_default().into();
    *sum += if less { -v } else { v };
}

/// n^2 times a covariance.
#[inline(never)]
pub(super) fn covariance(n: i64, ab: i64, a: i64, b: i64) -> i128 {
    // (Such are most, and multiply at once on small processors.)
    let narrow = |v: i64| v as i32;
    if [n, ab, a, b].iter().all(|&v| i64::from(narrow(v)) == v) {
        let product = |a: i64, b: i64| i64::from(narrow(a)) * i64::from(narrow(b));
        return (product(n, ab) - product(a, b)).into();
    }
    i128::from(n) * i128::from(ab) - i128::from(a) * i128::from(b)
}

/// What the two images have in common over a support.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statistics {
    pub(super) correlation: f64,
    /// Mean square of `moving - gain fixed - offset`.
    pub(super) residual: f64,
    /// Those that leave the least residual, or those assumed.
    pub(super) gain: f64,
    pub(super) offset: f64,
    /// Standard deviation of moving over that of fixed.
    pub(super) contrast: f64,
}
