//! The normal equations: one pass over a level, in exact integers.
//!
//! In: the images of a level, the walk of the current transform, gain and offset, and a
//! [`Loss`]. Out: [`Moments`], and from them the system of a model, the statistics and the loss.
//!
//! Every sum is weighted as the loss has it, in whole numbers of [`Loss::unit`].
//!
//! Along a chunk of at most 64 pixels, moments are taken about the chunk's centre; chunks are moved to
//! the centre of a tile and rows multiplied by their height in `i64`. A tile is as much of the image as
//! that holds: all of it, if it is not large. Tiles are moved to the image's centre in `i128`. At the very
//! worst (16-bit noise, 32,767 px square, degree 4, weights of 2^7) sums stay below 2^123.
//!
//! Where all pixels weigh the same, a chunk is summed in [`Word`]s, in blocks along which the products
//! fit: for 8-bit images `i16` times `i16` into `i32`, the operation that vector units and DSPs have. Of degree 2
//! these are shorter than a chunk: [`Blocks`] stay side by side in registers along a row.
//! And what the fixed image alone sums to is taken over from the last pass, but for the pixels that
//! have come into the support or left it: sums being exact, that is the same to the last bit. So an
//! affine iteration costs, beside sampling, seven multiplications a pixel.
#![forbid(unsafe_code)]

use core::marker::PhantomData;
use core::ops::{AddAssign, Neg, Range};

use super::robust::{Gather, Loss};
use super::shifted::STRIP;
use super::solve::{Column, SIZE, Symmetric};
use super::{CHUNK, Grey, Interpolation, Scope, select};
use crate::fixed::{Q14, Rounding, power_of_two, q32, root, round_shift, round_shift_i64, scaled};
use crate::image::{Image, MAX_SIDE, Tap};
use crate::kernel::{Array, Bilinear, Kernel, Lagrange, Output, first_tap, rounding, support};
use crate::parallel::Bands;
use crate::simd::block::Outside;
use crate::simd::{self, Lanes, One, Operation};
use crate::span::{self, Area};
use crate::transform::{Degree, Term};
use crate::walk::{Plan, RUN, Runs, Walk};

/// Powers of the horizontal offset for products of two gradients, and for one.
pub(super) const POWERS: usize = 5;
pub(super) const HALF_POWERS: usize = 3;
/// Where `u^k v^l` is kept: by degree, then by l.
#[inline(always)]
const fn monomial(k: usize, l: usize) -> usize {
    let degree = k + l;
    degree * (degree + 1) / 2 + l
}

/// The integers in which blocks of pixels are multiplied: as narrow as the pixels allow, so that
/// vector units have many lanes. What is formed of them stays in range by construction.
pub trait Word: Copy + Default {
    /// Of products, over a block.
    type Sum: Copy + Default + Into<i64>;
    /// Bits of the gain's fraction.
    const GAIN_BITS: u32;
    /// The largest gain.
    const MAX_GAIN: f64;
    /// The largest residual, Q4: 64 squares of it fit `Sum`.
    const MAX_RESIDUAL: i32;
    /// The largest difference of two pixels.
    const MAX_GRADIENT: i32;
    /// A value that is known to fit.
    fn new(v: i32) -> Self;
    /// The value.
    fn get(self) -> i32;
    /// A product that is known to fit.
    fn times(self, other: Self) -> Self;
    /// A sum and the product of two words.
    fn add(sum: Self::Sum, a: Self, b: Self) -> Self::Sum;
    /// Of two sums.
    fn plus(a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// Neighbouring words, in a register where a level has them.
    type Words<L: Lanes>: Copy;
    /// Sums of products of such.
    type Sums<L: Lanes>: Copy;
    /// How many they are, a divisor of 16.
    fn width<L: Lanes>() -> usize;
    /// Those from one on, which are there.
    fn words<L: Lanes>(words: &[Self], from: usize) -> Self::Words<L>;
    /// Products that are known to fit.
    fn multiply<L: Lanes>(a: Self::Words<L>, b: Self::Words<L>) -> Self::Words<L>;
    /// No sum.
    fn none<L: Lanes>() -> Self::Sums<L>;
    /// As [`add`](Self::add).
    fn accumulate<L: Lanes>(sums: Self::Sums<L>, a: Self::Words<L>, b: Self::Words<L>) -> Self::Sums<L>;
    /// The sum of all of each.
    fn totals<L: Lanes>(sums: [Self::Sums<L>; 4]) -> [i64; 4];
    /// A number that fits `Sum`, from one that is the same modulo its range.
    fn wrapped(v: i64) -> i64;
    /// Gain times a pixel, in Q6, rounded half up.
    fn gained(gain: i32, pixel: i32) -> i32;
    /// A difference of two residuals times a factor of at most 2^15 in Q16, rounded half up.
    fn scaled(difference: i32, factor: i32) -> i32;
}

impl Word for i16 {
    type Sum = i32;
    const GAIN_BITS: u32 = 12;
    const MAX_GAIN: f64 = 7.0;
    const MAX_RESIDUAL: i32 = 5_792;
    const MAX_GRADIENT: i32 = 255;
    #[inline(always)]
    fn new(v: i32) -> Self {
        v as i16
    }
    #[inline(always)]
    fn get(self) -> i32 {
        self.into()
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }
    #[inline(always)]
    fn add(sum: i32, a: Self, b: Self) -> i32 {
        sum.wrapping_add(i32::from(a) * i32::from(b))
    }
    #[inline(always)]
    fn plus(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    type Words<L: Lanes> = <L::Half as Lanes>::Pair;
    type Sums<L: Lanes> = <L::Half as Lanes>::I32;
    #[inline(always)]
    fn width<L: Lanes>() -> usize {
        2 * L::Half::LEN
    }
    #[inline(always)]
    fn words<L: Lanes>(words: &[i16], from: usize) -> Self::Words<L> {
        L::Half::words(words, from)
    }
    #[inline(always)]
    fn multiply<L: Lanes>(a: Self::Words<L>, b: Self::Words<L>) -> Self::Words<L> {
        L::Half::pair_mul(a, b)
    }
    #[inline(always)]
    fn none<L: Lanes>() -> Self::Sums<L> {
        L::Half::splat(0)
    }
    #[inline(always)]
    fn accumulate<L: Lanes>(sums: Self::Sums<L>, a: Self::Words<L>, b: Self::Words<L>) -> Self::Sums<L> {
        L::Half::add(sums, L::Half::dot(a, b))
    }
    #[inline(always)]
    fn totals<L: Lanes>(sums: [Self::Sums<L>; 4]) -> [i64; 4] {
        L::Half::totals(sums).map(Into::into)
    }
    #[inline(always)]
    fn wrapped(v: i64) -> i64 {
        (v as i32).into()
    }
    #[inline(always)]
    fn gained(gain: i32, pixel: i32) -> i32 {
        // (Both fit 16 bits, and multiplying such is fast everywhere.)
        round_shift(i32::from(gain as i16) * i32::from(pixel as i16), 6)
    }
    #[inline(always)]
    fn scaled(difference: i32, factor: i32) -> i32 {
        round_shift(difference.wrapping_mul(factor), 16)
    }
}

impl Word for i32 {
    type Sum = i64;
    const GAIN_BITS: u32 = 16;
    const MAX_GAIN: f64 = 16_384.0;
    const MAX_RESIDUAL: i32 = 1 << 22;
    const MAX_GRADIENT: i32 = 65_535;
    #[inline(always)]
    fn new(v: i32) -> Self {
        v
    }
    #[inline(always)]
    fn get(self) -> i32 {
        self
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }
    #[inline(always)]
    fn add(sum: i64, a: Self, b: Self) -> i64 {
        sum.wrapping_add(i64::from(a) * i64::from(b))
    }
    #[inline(always)]
    fn plus(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
    type Words<L: Lanes> = i32;
    type Sums<L: Lanes> = i64;
    #[inline(always)]
    fn width<L: Lanes>() -> usize {
        1
    }
    #[inline(always)]
    fn words<L: Lanes>(words: &[i32], from: usize) -> i32 {
        words.get(from).copied().unwrap_or(0)
    }
    #[inline(always)]
    fn multiply<L: Lanes>(a: i32, b: i32) -> i32 {
        a.wrapping_mul(b)
    }
    #[inline(always)]
    fn none<L: Lanes>() -> i64 {
        0
    }
    #[inline(always)]
    fn accumulate<L: Lanes>(sum: i64, a: i32, b: i32) -> i64 {
        Self::add(sum, a, b)
    }
    #[inline(always)]
    fn totals<L: Lanes>(sums: [i64; 4]) -> [i64; 4] {
        sums
    }
    #[inline(always)]
    fn wrapped(v: i64) -> i64 {
        v
    }
    #[inline(always)]
    fn gained(gain: i32, pixel: i32) -> i32 {
        // 2^30 grey levels at most, in Q6 saturated: beyond the largest residual in any case.
        round_shift_i64(i64::from(gain) * i64::from(pixel), 10).clamp(-(1 << 30), 1 << 30) as i32
    }
    #[inline(always)]
    fn scaled(difference: i32, factor: i32) -> i32 {
        round_shift_i64(i64::from(difference) * i64::from(factor), 16) as i32
    }
}

/// Gain and offset of the residual: `e = moving - gain fixed - offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Photometry {
    /// Q12 for 8-bit images, else Q16.
    gain: i32,
    bits: u32,
    /// Q6 grey levels.
    offset: i32,
}

impl Photometry {
    /// No difference.
    pub(super) const fn none<W: Word>() -> Self {
        Self { gain: 1 << W::GAIN_BITS, bits: W::GAIN_BITS, offset: 0 }
    }

    /// Rounded, and kept within [`Word::MAX_GAIN`] and offsets of 2^23 grey levels.
    pub(super) fn new<W: Word>(gain: f64, offset: f64) -> Self {
        let q = |v: f64, bits: u32, limit: f64| {
            q32(v.clamp(-limit, limit) * power_of_two(bits as i32 - 32)) as i32
        };
        Self {
            gain: q(gain, W::GAIN_BITS, W::MAX_GAIN),
            bits: W::GAIN_BITS,
            offset: q(offset, 6, 8_388_608.0),
        }
    }

    /// This, changed by an increment of gain and offset.
    pub(super) fn plus<W: Word>(&self, gain: f64, offset: f64) -> Self {
        Self::new::<W>(self.gain() + gain, self.offset() + offset)
    }

    pub(super) fn gain(&self) -> f64 {
        f64::from(self.gain) * power_of_two(-(self.bits as i32))
    }

    pub(super) fn offset(&self) -> f64 {
        f64::from(self.offset) / 64.0
    }

    /// What makes half of a gradient of the fixed image, in half grey levels, of a difference of residuals, in
    /// Q16: zero where the gain is next to nothing.
    fn half_of_gain(&self) -> i32 {
        let gain = self.gain();
        if gain > 1.0 / 16.0 { libm::round(2048.0 / gain) as i32 } else { 0 }
    }

    /// Gain and offset of images of bytes, if no residual of a sample within their range has to be limited.
    #[cfg(all(dsp, not(helium)))]
    pub(super) fn unlimited(&self) -> Option<[i32; 2]> {
        const LIMIT: i32 = 4 * (<i16 as Word>::MAX_RESIDUAL - 1);
        let brightest = (self.gain * 255) >> 6;
        let most = 255 * 64 - brightest.min(0) - self.offset;
        let least = -1 - brightest.max(0) - self.offset;
        (-LIMIT <= least && most <= LIMIT).then_some([self.gain, self.offset])
    }

    /// In Q4, from a pixel and a sample in Q6. Limited, so that products fit; what is so far off says
    /// nothing.
    #[inline(always)]
    pub(super) fn residual<W: Word>(&self, fixed: i32, moving: i32) -> W {
        let e = round_shift(moving - W::gained(self.gain, fixed) - self.offset, 2);
        W::new(e.clamp(-W::MAX_RESIDUAL, W::MAX_RESIDUAL))
    }
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
    fn of(v: S) -> Self {
        let (full, half) = (F::filled(v), H::filled(v));
        Self { gg: [full; 3], gt: [half; 2], g: [half; 2], plain: [v; 3] }
    }
}

impl<S: Zero, F: Zero, H: Zero> FixedOf<S, F, H> {
    pub(super) const ZERO: Self =
        Self { gg: [F::ZERO; 3], gt: [H::ZERO; 2], g: [H::ZERO; 2], plain: [S::ZERO; 3] };

    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self::ZERO
    }
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
    const ZERO: Self = Self { fixed: FixedOf::ZERO, residual: ResidualOf::ZERO };

    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self::ZERO
    }
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
pub(super) struct Blocks([i64; CHUNK / BLOCK]);

impl Zero for Blocks {
    const ZERO: Self = Self([0; CHUNK / BLOCK]);
}

impl Blocks {
    /// Where the centres of the blocks are if that of the chunk is here.
    #[inline(always)]
    fn centres(chunk: i64) -> Self {
        let mut centres = [chunk + (BLOCK / 2) as i64 - (CHUNK / 2) as i64; CHUNK / BLOCK];
        for (block, centre) in centres.iter_mut().enumerate() {
            *centre += (block * BLOCK) as i64;
        }
        Self(centres)
    }

    /// A sum over all of them.
    #[inline(always)]
    fn first(all: i64) -> Self {
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
fn gather(sums: &mut [i64], blocks: &[Blocks]) {
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
fn add_tile<S: Total, A: Array<S>>(sums: &mut [S], tile: &[i64], at: [i64; 2], degree: usize) {
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
type RowBlocks = Sums<Blocks, POWERS, HALF_POWERS>;

impl Row {
    /// Adds the sums over all blocks.
    #[inline(always)]
    fn gather(&mut self, blocks: &RowBlocks) {
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
    /// The part that the moving image has no share in.
    pub(super) const fn fixed(&self) -> &FixedOf<S, F, H> {
        &self.fixed
    }

    /// Adds the sums over a tile, which are about a point that is at `at` from the centre.
    #[inline(never)]
    fn add_tile<A: Array<i64>, B: Array<i64>>(
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
    fn join(&mut self, other: &Self) {
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
fn product<S: Total, F: Array<S>>(tables: &[F; 3], a: &[Term; 2], b: &[Term; 2]) -> i128 {
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

/// The images of a level, and what counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct LevelPair<'a, P> {
    pub(super) fixed: Image<'a, P>,
    pub(super) moving: Image<'a, P>,
    pub(super) fixed_mask: Option<Image<'a, u8>>,
    pub(super) moving_mask: Option<Image<'a, u8>>,
    /// Which pixels to look at, if not all.
    pub(super) selected: Option<Image<'a, P>>,
}

/// For walks that are inside.
pub(super) struct Nothing;

impl<W, P: Tap, O> Outside<W, P, O> for Nothing {
    #[inline(always)]
    fn none(&self) -> bool {
        true
    }
    fn fill(&self, _: &W, _: &mut [O]) {}
}

/// One pass over a level.
pub(super) struct Accumulate<'a, P, N, D: Degree, S: Scope> {
    pub(super) pair: LevelPair<'a, P>,
    /// Of the transform.
    pub(super) plan: N,
    pub(super) photometry: Photometry,
    pub(super) loss: Loss,
    /// Of the moving image.
    pub(super) interpolation: Interpolation,
    /// Whether the gradient is the mean of those of both images.
    pub(super) second_order: bool,
    /// Whether to gather the residuals' histogram.
    pub(super) histogram: bool,
    /// What the fixed image summed to in the last pass over this level, without masks and in least squares. Where
    /// supports are the same, so are those sums.
    pub(super) known: Option<&'a FixedMoments<S::Total<D>, D>>,
    /// Which pixels that was, [`KEPT`] elements for each row that it goes over; then which are this one's.
    pub(super) kept: &'a mut [P],
    /// The rows of the fixed image that it goes over: the first one, and where it ends.
    pub(super) rows: [usize; 2],
    /// The degree of the model, and the scope.
    pub(super) kind: PhantomData<(D, S)>,
}

impl Interpolation {
    /// Where all taps are inside an image.
    #[inline(always)]
    pub(super) fn area<P>(self, image: &Image<'_, P>) -> Area {
        let (width, height) = (image.width(), image.height());
        match self {
            Interpolation::Bilinear => Area::new::<Bilinear>(width, height),
            Interpolation::Lagrange => Area::new::<Lagrange>(width, height),
        }
    }

    /// The sum of the squares of the weights along an axis, at a fraction of a pixel, in Q28.
    pub(super) fn squares(self, fraction: Q14) -> u32 {
        let squares = |weights: &[Q14]| weights.iter().map(|w| (w.to_bits() * w.to_bits()) as u32).sum();
        match self {
            Interpolation::Bilinear => squares(&Bilinear.weights(fraction)),
            Interpolation::Lagrange => squares(&Lagrange.weights(fraction)),
        }
    }

    /// From the cell of a position to its first tap, and how many there are along each axis.
    #[inline(always)]
    const fn taps(self) -> (i32, usize) {
        match self {
            Interpolation::Bilinear => (first_tap::<Bilinear>(), support::<Bilinear>()),
            Interpolation::Lagrange => (first_tap::<Lagrange>(), support::<Lagrange>()),
        }
    }
}

/// How positions are rounded: the same for all kernels of even support.
#[inline(always)]
pub(super) fn to<P: Grey>() -> Rounding {
    rounding::<Bilinear, P>()
}

/// What a pass finds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass<D: Degree, S: Scope> {
    pub(super) moments: Moments<S::Total<D>, D>,
    pub(super) tally: Tally<S>,
}

/// What is counted pixel by pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally<S: Scope> {
    /// How many pixels count.
    pub(super) pixels: u64,
    /// The sum of their losses.
    pub(super) loss: i64,
    /// Whether those of a row are not beside each other, so that they are not kept.
    pub(super) apart: bool,
    /// Of their residuals, where asked for.
    pub(super) histogram: S::Histogram,
}

impl<S: Scope> Tally<S> {
    /// The weight of a pixel that counts, by its residual; its loss is noted.
    #[inline(always)]
    pub(super) fn weight<P, N, D: Degree>(&mut self, accumulate: &Accumulate<'_, P, N, D, S>, e: i32) -> i32 {
        let (weight, loss) = accumulate.loss.at(e);
        self.loss += loss;
        if accumulate.histogram {
            self.histogram.add(e);
        }
        weight
    }
}

impl<D: Degree, S: Scope> Pass<D, S> {
    /// One over nothing.
    pub(super) const EMPTY: Self = Self {
        moments: SumsOf::ZERO,
        tally: Tally { pixels: 0, loss: 0, apart: false, histogram: S::Histogram::EMPTY },
    };
}

/// What is needed of the pixels of a chunk; zero where a pixel does not count.
struct Pixels<W> {
    gx: [W; CHUNK],
    gy: [W; CHUNK],
    fixed: [W; CHUNK],
    residual: [W; CHUNK],
    /// (At most 2^7.)
    weight: [u8; CHUNK],
    /// How many count.
    count: u32,
}

impl<W: Word> Pixels<W> {
    /// None that counts.
    #[inline(always)]
    fn none() -> Self {
        let zero = [W::default(); CHUNK];
        Self { gx: zero, gy: zero, fixed: zero, residual: zero, weight: [0; CHUNK], count: 0 }
    }

    /// Lets a pixel not count.
    fn clear(&mut self, k: usize) {
        for words in [&mut self.gx, &mut self.gy, &mut self.fixed, &mut self.residual] {
            if let Some(word) = words.get_mut(k) {
                *word = W::default();
            }
        }
        if let Some(weight) = self.weight.get_mut(k) {
            self.count -= u32::from(*weight);
            *weight = 0;
        }
    }
}

/// The residuals of a row: of an aligned chunk and a column on either side, and which of them count (all
/// bits, or none).
#[derive(Clone, Copy)]
struct Residuals<W> {
    e: [W; CHUNK + 2],
    counts: [i32; CHUNK + 2],
}

impl<W: Word> Residuals<W> {
    /// None that counts.
    #[inline(always)]
    fn none() -> Self {
        Self { e: [W::default(); CHUNK + 2], counts: [0; CHUNK + 2] }
    }

    /// The one at place `i` of this row less that at place `j` of another; zero where one does not count.
    #[inline(always)]
    fn less(&self, i: usize, other: &Self, j: usize) -> i32 {
        (self.e[i].get() - other.e[j].get()) & self.counts[i] & other.counts[j]
    }
}

impl<W: Word> Pixels<W> {
    /// The residuals of a row, and half of their gradient added to that of the fixed image; lets pixels not
    /// count whose residuals do not.
    #[inline(always)]
    fn join(&mut self, above: &Residuals<W>, here: &Residuals<W>, below: &Residuals<W>, half: i32) {
        // (As below: an index, for vectors.)
        for k in 0..CHUNK {
            let i = k + 1;
            let counts = here.counts[i] & -i32::from(self.weight[k]);
            let mean = |g: W, own: i32| {
                let sum = g.get() + W::scaled(own, half);
                W::new(sum.clamp(-W::MAX_GRADIENT, W::MAX_GRADIENT) & counts)
            };
            self.gx[k] = mean(self.gx[k], here.less(i + 1, here, i - 1));
            self.gy[k] = mean(self.gy[k], below.less(i, above, i));
            self.fixed[k] = W::new(self.fixed[k].get() & counts);
            self.residual[k] = W::new(here.e[i].get() & counts);
            self.weight[k] &= counts as u8;
        }
        self.count = self.weight.iter().map(|&w| u32::from(w)).sum();
    }
}

/// The columns along which squares of offsets are small enough for products to fit.
const BLOCK: usize = CHUNK / 4;

/// Gradients times powers of the offsets.
#[inline(always)]
fn powers<W: Word, L: Lanes>(g: W::Words<L>, offsets: W::Words<L>) -> [W::Words<L>; HALF_POWERS] {
    let first = W::multiply::<L>(offsets, g);
    [g, first, W::multiply::<L>(offsets, first)]
}

/// Adds products to moments up to `degree`.
#[inline(always)]
pub(super) fn add_products<W: Word, L: Lanes, const N: usize>(
    sums: &mut [W::Sums<L>; N],
    factors: [(W::Words<L>, W::Words<L>); N],
    degree: usize,
) {
    for (sum, (a, b)) in sums.iter_mut().zip(factors).take(degree + 1) {
        *sum = W::accumulate::<L>(*sum, a, b);
    }
}

/// The sums in single numbers.
#[inline(always)]
pub(super) fn totals<W: Word, L: Lanes, const N: usize, const A: usize>(
    all: &[[W::Sums<L>; N]; A],
) -> [[i64; N]; A] {
    let mut totals = [[0; N]; A];
    let (fours, rest) = all.as_flattened().as_chunks::<4>();
    let (out, out_rest) = totals.as_flattened_mut().as_chunks_mut::<4>();
    for (out, sums) in out.iter_mut().zip(fours) {
        *out = W::totals::<L>(*sums);
    }
    let mut last = [W::none::<L>(); 4];
    for (last, sums) in last.iter_mut().zip(rest) {
        *last = *sums;
    }
    for (out, total) in out_rest.iter_mut().zip(W::totals::<L>(last)) {
        *out = total;
    }
    totals
}

/// Gradients times the first and the second power of the offset from the centre of their block.
#[inline(always)]
fn raised<W: Word>(g: &[W; CHUNK]) -> [[W; CHUNK]; 2] {
    let (mut first, mut second) = (*g, *g);
    for (k, (first, second)) in first.iter_mut().zip(&mut second).enumerate() {
        let offset = W::new((k % BLOCK) as i32 - BLOCK as i32 / 2);
        *first = first.times(offset);
        *second = first.times(offset);
    }
    [first, second]
}

/// Products of words, summed over each block.
#[inline(always)]
fn block_sums<W: Word, L: Lanes>(a: &[W; CHUNK], b: &[W; CHUNK]) -> Blocks {
    let mut sums = [W::none::<L>(); CHUNK / BLOCK];
    for (block, sum) in sums.iter_mut().enumerate() {
        for k in (0..BLOCK).step_by(W::width::<L>()) {
            let at = block * BLOCK + k;
            *sum = W::accumulate::<L>(*sum, W::words::<L>(a, at), W::words::<L>(b, at));
        }
    }
    Blocks(W::totals::<L>(sums))
}

/// Products of two gradients by powers of the offset, of which each brings up to the second.
#[inline(always)]
fn quartic_sums<W: Word, L: Lanes>(
    [a, b, c]: [&[W; CHUNK]; HALF_POWERS],
    [d, e, f]: [&[W; CHUNK]; HALF_POWERS],
) -> [Blocks; POWERS] {
    [
        block_sums::<W, L>(a, d),
        block_sums::<W, L>(a, e),
        block_sums::<W, L>(b, e),
        block_sums::<W, L>(b, f),
        block_sums::<W, L>(c, f),
    ]
}

/// Products of a gradient and something else by powers of the offset.
#[inline(always)]
fn quadratic_sums<W: Word, L: Lanes>(
    [a, b, c]: [&[W; CHUNK]; HALF_POWERS],
    t: &[W; CHUNK],
) -> [Blocks; HALF_POWERS] {
    [block_sums::<W, L>(a, t), block_sums::<W, L>(b, t), block_sums::<W, L>(c, t)]
}

impl<W: Word> Pixels<W> {
    /// From -32 on, and as many ones.
    #[inline(always)]
    fn offsets() -> ([W; CHUNK], [W; CHUNK]) {
        let (mut offsets, one) = ([W::default(); CHUNK], [W::new(1); CHUNK]);
        for (k, offset) in offsets.iter_mut().enumerate() {
            *offset = W::new(k as i32 - CHUNK as i32 / 2);
        }
        (offsets, one)
    }

    // (No closure around what a level does: it would not have the level's features.)

    /// [`Fixed`] about the chunk's centre, for a degree below 2.
    #[inline(always)]
    fn fixed_sums<L: Lanes>(&self, degree: usize) -> Fixed<i64, POWERS, HALF_POWERS> {
        let (offsets, one) = Self::offsets();
        let mut sums = Fixed::<W::Sums<L>, POWERS, HALF_POWERS>::of(W::none::<L>());
        for at in (0..CHUNK).step_by(W::width::<L>()) {
            let u = W::words::<L>(&offsets, at);
            let x = powers::<W, L>(W::words::<L>(&self.gx, at), u);
            let y = powers::<W, L>(W::words::<L>(&self.gy, at), u);
            let (t, one) = (W::words::<L>(&self.fixed, at), W::words::<L>(&one, 0));
            for (sums, ([a, b, c], [d, e, f])) in sums.gg.iter_mut().zip([(x, x), (x, y), (y, y)]) {
                add_products::<W, L, POWERS>(sums, [(a, d), (a, e), (b, e), (b, f), (c, f)], 2 * degree);
            }
            for ((gt, g), [a, b, c]) in sums.gt.iter_mut().zip(&mut sums.g).zip([x, y]) {
                add_products::<W, L, HALF_POWERS>(gt, [(a, t), (b, t), (c, t)], degree);
                add_products::<W, L, HALF_POWERS>(g, [(a, one), (b, one), (c, one)], degree);
            }
            let [tt, t1, _] = &mut sums.plain;
            *tt = W::accumulate::<L>(*tt, t, t);
            *t1 = W::accumulate::<L>(*t1, t, one);
        }
        let [[tt, t, _]] = totals::<W, L, 3, 1>(&[sums.plain]);
        let (gg, gt) = (totals::<W, L, POWERS, 3>(&sums.gg), totals::<W, L, HALF_POWERS, 2>(&sums.gt));
        Fixed { gg, gt, g: totals::<W, L, HALF_POWERS, 2>(&sums.g), plain: [tt, t, self.count as i64] }
    }

    /// Adds [`Fixed`] of degree 2, by blocks whose centres are there.
    #[inline(always)]
    fn add_fixed_blocks<L: Lanes>(&self, row: &mut Fixed<Blocks, POWERS, HALF_POWERS>, centres: Blocks) {
        let (t, one) = (&self.fixed, &[W::new(1); CHUNK]);
        let ([x1, x2], [y1, y2]) = (&raised(&self.gx), &raised(&self.gy));
        let (x, y) = ([&self.gx, x1, x2], [&self.gy, y1, y2]);
        let Fixed { gg: [xx, xy, yy], gt: [xt, yt], g: [x0, y0], plain: [tt, t0, n] } = row;
        add_moved::<_, POWERS>(xx, &quartic_sums::<W, L>(x, x), centres, 4);
        add_moved::<_, POWERS>(xy, &quartic_sums::<W, L>(x, y), centres, 4);
        add_moved::<_, POWERS>(yy, &quartic_sums::<W, L>(y, y), centres, 4);
        add_moved::<_, HALF_POWERS>(xt, &quadratic_sums::<W, L>(x, t), centres, 2);
        add_moved::<_, HALF_POWERS>(yt, &quadratic_sums::<W, L>(y, t), centres, 2);
        add_moved::<_, HALF_POWERS>(x0, &quadratic_sums::<W, L>(x, one), centres, 2);
        add_moved::<_, HALF_POWERS>(y0, &quadratic_sums::<W, L>(y, one), centres, 2);
        *tt += block_sums::<W, L>(t, t);
        *t0 += block_sums::<W, L>(t, one);
        *n += Blocks::first(self.count as i64);
    }

    /// [`Residual`] about the chunk's centre, for a degree below 2.
    #[inline(always)]
    fn residual_sums<L: Lanes>(&self, degree: usize) -> Residual<i64, HALF_POWERS> {
        let (offsets, _) = Self::offsets();
        let mut sums = [[W::none::<L>(); HALF_POWERS]; 2];
        for at in (0..CHUNK).step_by(W::width::<L>()) {
            let (u, e) = (W::words::<L>(&offsets, at), W::words::<L>(&self.residual, at));
            let x = powers::<W, L>(W::words::<L>(&self.gx, at), u);
            let y = powers::<W, L>(W::words::<L>(&self.gy, at), u);
            for (sums, [a, b, c]) in sums.iter_mut().zip([x, y]) {
                add_products::<W, L, HALF_POWERS>(sums, [(a, e), (b, e), (c, e)], degree);
            }
        }
        Residual { ge: totals::<W, L, HALF_POWERS, 2>(&sums), plain: self.plain_sums::<L>() }
    }

    /// Adds [`Residual`] of degree 2, by blocks whose centres are there.
    #[inline(always)]
    fn add_residual_blocks<L: Lanes>(&self, row: &mut Residual<Blocks, HALF_POWERS>, centres: Blocks) {
        let ([x1, x2], [y1, y2]) = (&raised(&self.gx), &raised(&self.gy));
        let [xe, ye] = &mut row.ge;
        add_moved::<_, HALF_POWERS>(
            xe,
            &quadratic_sums::<W, L>([&self.gx, x1, x2], &self.residual),
            centres,
            2,
        );
        add_moved::<_, HALF_POWERS>(
            ye,
            &quadratic_sums::<W, L>([&self.gy, y1, y2], &self.residual),
            centres,
            2,
        );
        for (sum, all) in row.plain.iter_mut().zip(self.plain_sums::<L>()) {
            *sum += Blocks::first(all);
        }
    }

    /// What of [`Residual`] has no powers.
    #[inline(always)]
    fn plain_sums<L: Lanes>(&self) -> [i64; 3] {
        let one = [W::new(1); CHUNK];
        let mut sums = [W::none::<L>(); 3];
        for at in (0..CHUNK).step_by(W::width::<L>()) {
            let (t, e) = (W::words::<L>(&self.fixed, at), W::words::<L>(&self.residual, at));
            let [te, ee, e1] = &mut sums;
            *te = W::accumulate::<L>(*te, t, e);
            *ee = W::accumulate::<L>(*ee, e, e);
            *e1 = W::accumulate::<L>(*e1, e, W::words::<L>(&one, 0));
        }
        let [sums] = totals::<W, L, 3, 1>(&[sums]);
        sums
    }
}

/// The moving image along a walk, all of whose taps are inside.
struct Samples<'a, P: Grey, K, W> {
    kernel: K,
    moving: Image<'a, P>,
    walk: &'a W,
    samples: &'a mut [P::Fine],
}

impl<P: Grey, K: Kernel, W: Walk> Operation for Samples<'_, P, K, W> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { kernel, moving, walk, samples } = self;
        simd::blocks::<L, P, K, W, P::Fine>(&kernel, moving, walk, samples, &Nothing);
    }
}

/// Adds what the fixed image sums to over a chunk to that of a row; pixels weigh one or nothing.
struct FixedChunk<'a, W, D> {
    pixels: &'a Pixels<W>,
    /// Of its blocks; the first one's is the chunk's, for a degree below 2.
    centres: Blocks,
    row: &'a mut Row,
    blocks: &'a mut RowBlocks,
    degree: PhantomData<D>,
}

impl<W: Word, D: Degree> Operation for FixedChunk<'_, W, D> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { pixels, centres, row, blocks, .. } = self;
        if D::DEGREE < 2 {
            row.fixed.add(&pixels.fixed_sums::<L>(D::DEGREE), i64::from(centres), D::DEGREE);
        } else {
            pixels.add_fixed_blocks::<L>(&mut blocks.fixed, centres);
        }
    }
}

/// All that a chunk sums to, about its centre, weighted.
struct WeightedChunk<'a, W, D>(&'a Pixels<W>, PhantomData<D>);

impl<W: Word, D: Degree> Operation for WeightedChunk<'_, W, D> {
    type Output = Row;

    #[inline(always)]
    fn run<L: Lanes>(self) -> Row {
        let Self(pixels, _) = self;
        let mut sums = Row::zero();
        let gradients = pixels.gx.iter().zip(&pixels.gy).zip(&pixels.weight);
        let levels = pixels.fixed.iter().zip(&pixels.residual);
        for (k, (((gx, gy), &w), (t, e))) in gradients.zip(levels).enumerate() {
            if w == 0 {
                continue;
            }
            let u = k as i64 - CHUNK as i64 / 2;
            sums.add_weighted([gx, gy, t, e].map(|v| v.get()), w.into(), u, D::DEGREE);
        }
        sums
    }
}

/// The pixels of a row from one on; zero where there are none.
// (A copy, so that what is written next is known not to change it.)
#[inline(always)]
fn window<P: Copy + Default>(row: &[P], first: usize) -> [P; CHUNK] {
    let row = row.get(first..).unwrap_or_default();
    if let Some(all) = row.first_chunk() {
        return *all;
    }
    let mut window = [P::default(); CHUNK];
    for (out, &pixel) in window.iter_mut().zip(row) {
        *out = pixel;
    }
    window
}

/// Zeros outside of a range.
#[inline(always)]
fn keep<W: Word>(words: &mut [W; CHUNK], place: &Range<usize>) {
    for (k, word) in words.iter_mut().enumerate() {
        let kept = if place.start <= k && k < place.end { word.get() } else { 0 };
        *word = W::new(kept);
    }
}

/// What to add to a range, and to take away (true), so that it becomes another.
pub(super) fn changes(from: &Range<usize>, to: &Range<usize>) -> [(Range<usize>, bool); 2] {
    if from.end.min(to.end) <= from.start.max(to.start) {
        return [(from.clone(), true), (to.clone(), false)];
    }
    let between = |a: usize, b: usize| a.min(b)..a.max(b);
    [(between(from.start, to.start), from.start < to.start), (between(from.end, to.end), to.end < from.end)]
}

/// At least the sum of the absolute values of the d-th powers of the offsets along a side.
const fn offsets_to(side: usize, d: usize) -> u64 {
    let most = side as u64 / 2 + 1;
    let (mut power, mut k) = (most, 0);
    while k < d {
        power = power.saturating_mul(most);
        k += 1;
    }
    if d == 0 { side as u64 } else { power.saturating_mul(2) / (d as u64 + 1) }
}

/// Whether sums of weighted pixels about the centre of a tile of these sides fit `i64`.
const fn fits<W: Word>([width, height]: [usize; 2], degree: usize, largest_weight: u64) -> bool {
    let (g, e) = (W::MAX_GRADIENT as u64, W::MAX_RESIDUAL as u64);
    let kinds = [(g * g, 2 * degree), (g * e, degree), (e * e, 0)];
    let mut rest: &[(u64, usize)] = &kinds;
    while let &[(product, d), ref others @ ..] = rest {
        let along = offsets_to(width, d).saturating_mul(height as u64);
        let across = offsets_to(height, d).saturating_mul(width as u64);
        let larger = if along > across { along } else { across };
        if larger.saturating_mul(product).saturating_mul(largest_weight) > i64::MAX as u64 {
            return false;
        }
        rest = others;
    }
    true
}

/// The sides of the tiles of an image: as large as sums of weighted pixels about their centres fit `i64`.
/// Columns are whole chunks, unless there is one tile.
fn tile<W: Word>(mut sides: [usize; 2], degree: usize, largest_weight: u64) -> [usize; 2] {
    while !fits::<W>(sides, degree, largest_weight) {
        let [width, height] = &mut sides;
        if *width > CHUNK && *width >= *height {
            *width = width.div_ceil(2).next_multiple_of(CHUNK);
        } else if *height > 1 {
            *height = height.div_ceil(2);
        } else {
            break;
        }
    }
    sides
}

/// The largest side of a square image that is one tile, in least squares.
const fn side_of_tile<W: Word>(degree: usize) -> usize {
    let (mut least, mut above) = (1, MAX_SIDE + 1);
    while least + 1 < above {
        let middle = (least + above) / 2;
        if fits::<W>([middle; 2], degree, 1) {
            least = middle;
        } else {
            above = middle;
        }
    }
    least
}

impl<P: Grey, N, D: Degree, S: Scope> Accumulate<'_, P, N, D, S> {
    /// The largest side of the fixed image.
    pub(super) const MAX_SIDE: usize =
        if S::Total::<D>::IS_TILE { side_of_tile::<P::Word>(D::DEGREE) } else { MAX_SIDE };
}

impl<P: Grey, N: Plan, D: Degree, S: Scope> Operation for Accumulate<'_, P, N, D, S> {
    type Output = Pass<D, S>;

    #[inline(always)]
    fn run<L: Lanes>(self) -> Pass<D, S> {
        let mut pass = Pass::EMPTY;
        Onto(self, &mut pass).run::<L>();
        pass
    }
}

/// Adds to a pass over nothing, so that the stack has no copy of what comes out.
pub(super) struct Onto<'p, 'a, P, N, D: Degree, S: Scope>(
    pub(super) Accumulate<'a, P, N, D, S>,
    pub(super) &'p mut Pass<D, S>,
);

impl<P: Grey, N: Plan, D: Degree, S: Scope> Operation for Onto<'_, '_, P, N, D, S> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self(mut accumulate, pass) = self;
        let kept = core::mem::take(&mut accumulate.kept);
        // (Here, where it is seen that the two do not overlap.)
        if let Some(known) = accumulate.known()
            && accumulate.rows[0] == 0
        {
            pass.moments.fixed = *known;
        }
        if L::LEN == 1 { accumulate.add_outlined(kept, pass) } else { accumulate.add::<L>(kept, pass) }
    }
}

impl<P: Grey, N: Plan, D: Degree, S: Scope> Accumulate<'_, P, N, D, S> {
    /// [`add`](Self::add) for one lane, on its own so that what it needs of the stack is not needed by what follows.
    #[inline(never)]
    fn add_outlined(&self, kept: &mut [P], pass: &mut Pass<D, S>) {
        self.add::<One>(kept, pass);
    }

    /// What is known of the fixed image's sums, if nothing but the support changes them: then only its changes are
    /// summed anew.
    #[inline(always)]
    fn known(&self) -> Option<&FixedMoments<S::Total<D>, D>> {
        self.known.filter(|_| self.is_shared())
    }

    /// Adds to a pass that has what is known.
    #[inline(always)]
    fn add<L: Lanes>(&self, kept: &mut [P], pass: &mut Pass<D, S>) {
        let (width, height, [first, end]) = (self.pair.fixed.width(), self.pair.fixed.height(), self.rows);
        let now = Support { plan: &self.plan, area: self.interpolation().area(&self.pair.moving) };
        let known = self.known().is_some();
        let mut supports = Supports { now, kept: Kept { rows: kept, first, known } };
        let Pass { moments, tally } = pass;
        if let Some(tile) = S::Total::<D>::as_tile::<D>(moments) {
            let centre = [width / 2, height / 2];
            return self.strips::<L>(&mut supports, 0..width, first..end, centre, tile, tally);
        }
        let [across, down] = tile::<P::Word>([width, height], D::DEGREE, 1 << self.loss.unit());
        for top in (0..height).step_by(down.max(1)) {
            let rows = top.max(first)..(top + down).min(end);
            if rows.is_empty() {
                continue;
            }
            for left in (0..width).step_by(across.max(1)) {
                let right = (left + across).min(width);
                let centre = [left + across / 2, top + down / 2];
                let mut tile = TileMoments::<D>::ZERO;
                self.strips::<L>(&mut supports, left..right, rows.clone(), centre, &mut tile, tally);
                let [x, y] = centre.map(|v| v as i64);
                moments.add_tile(&tile, [x - (width / 2) as i64, y - (height / 2) as i64], D::DEGREE);
            }
        }
    }

    /// Adds the sums over a tile, strip by strip where that is of use.
    #[inline(always)]
    fn strips<L: Lanes>(
        &self,
        supports: &mut Supports<'_, N, P>,
        columns: Range<usize>,
        rows: Range<usize>,
        centre: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        let strip = match D::DEGREE {
            _ if self.is_second_order() => CHUNK,
            0 if L::LEN == 1 && self.shares_rows() => STRIP,
            _ => return self.tile::<L>(supports, columns, rows, centre, tile, tally),
        };
        for left in columns.clone().step_by(strip) {
            let (columns, rows) = (left..(left + strip).min(columns.end), rows.clone());
            if !self.is_second_order() {
                self.tile::<L>(supports, columns, rows, centre, tile, tally);
            } else if L::LEN == 1 {
                self.strip_outlined(&supports.now, columns, rows, centre, tile, tally);
            } else {
                self.strip::<L>(&supports.now, columns, rows, centre, tile, tally);
            }
        }
    }
}

/// What was inside of the first run of the row above, and of the last one.
type Above = [Range<usize>; 2];
/// Before the first row.
pub(super) const NONE_ABOVE: Above = [0..0, 0..0];

/// Where a transform finds all taps inside the moving image.
pub(super) struct Support<'a, N> {
    plan: &'a N,
    area: Area,
}

impl<N: Plan> Support<'_, N> {
    /// The runs of a stretch of row `y`: the columns of each, its walk, and those of them that
    /// are inside, which are likely to be near those that were so in the row above.
    #[inline(always)]
    pub(super) fn runs<'a, P: Grey>(
        &'a self,
        y: usize,
        columns: Range<usize>,
        above: &'a mut Above,
    ) -> InsideRuns<'a, N, P> {
        // Between two runs that begin and end inside, all are.
        let middle = columns.start + RUN..columns.end.saturating_sub(RUN);
        let within = !middle.is_empty() && self.plan.inside(y, middle.clone(), &self.area);
        let (begin, middle) = (columns.start, if within { middle } else { 0..0 });
        InsideRuns {
            area: &self.area,
            runs: self.plan.part(y, columns),
            begin,
            middle,
            above,
            kind: PhantomData,
        }
    }
}

/// See [`Support::runs`].
pub(super) struct InsideRuns<'a, N, P> {
    area: &'a Area,
    runs: Runs<'a, N>,
    /// Where the first one begins.
    begin: usize,
    /// Columns that are known to be inside.
    middle: Range<usize>,
    above: &'a mut Above,
    kind: PhantomData<P>,
}

impl<N: Plan, P: Grey> Iterator for InsideRuns<'_, N, P> {
    type Item = (Range<usize>, N::Walk, Range<usize>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (x, walk, len) = self.runs.next()?;
        let run = x..x + len;
        if self.middle.start <= x && run.end <= self.middle.end {
            return Some((run.clone(), walk, run));
        }
        let [first, others] = &mut *self.above;
        let near = if x == self.begin { first } else { others };
        let range = inside::<P, _>(&walk, len, self.area, near);
        Some((run, walk, x + range.start..x + range.end))
    }
}

/// The pixels of a run that are inside, near others, which they replace. (A run across a homography's pole does not
/// count: its images are far apart.)
#[cfg_attr(thumb, inline(never))]
fn inside<P: Grey, W: Walk>(walk: &W, len: usize, area: &Area, near: &mut Range<usize>) -> Range<usize> {
    if !walk.monotone(len) {
        return len..len;
    }
    *near = span::interior_near(walk, len, to::<P>(), area, near);
    near.clone()
}

/// The support of a pass, and what is kept of it and of the last one's.
pub(super) struct Supports<'a, N, P> {
    pub(super) now: Support<'a, N>,
    pub(super) kept: Kept<'a, P>,
}

/// How many elements are kept for a row: of two passes where its pixels begin and end that count, in bytes.
pub(super) const KEPT: usize = 8;
type Bytes<P> = [P; KEPT / 2];

/// Which pixels of each row count, an interval: those of the pass whose sums are taken over, and of this one.
pub(super) struct Kept<'a, P> {
    rows: &'a mut [P],
    /// The first of the rows.
    first: usize,
    /// Whether sums are taken over.
    known: bool,
}

impl<P: Grey> Kept<'_, P> {
    /// Of row `y`, by stretches of which the first one begins in column zero.
    #[inline(always)]
    pub(super) fn row(&mut self, y: usize, column: usize) -> KeptRow<'_, P> {
        let at = KEPT * (y - self.first);
        let place = self.rows.get_mut(at..).and_then(|rows| rows.as_chunks_mut().0.first_chunk_mut());
        let mut row = KeptRow { before: 0..0, now: 0..0, joined: place.is_some(), place: None };
        if let Some([before, now]) = place {
            let interval = |&[a, b, c, d]: &Bytes<P>| {
                let byte = |v: P| Into::<i32>::into(v) as usize;
                byte(a) | byte(b) << 8..byte(c) | byte(d) << 8
            };
            if column == 0 {
                *before = *now;
            } else {
                row.now = interval(now);
            }
            if self.known {
                row.before = interval(before);
            }
            row.place = Some(now);
        }
        row
    }
}

/// Those of one row.
pub(super) struct KeptRow<'a, P> {
    before: Range<usize>,
    now: Range<usize>,
    /// Whether all of this pass are one interval.
    joined: bool,
    place: Option<&'a mut Bytes<P>>,
}

impl<P: Grey> KeptRow<'_, P> {
    /// Takes those of a run that count now. Out: those of it that did before.
    #[inline(always)]
    pub(super) fn replace(&mut self, run: &Range<usize>, now: &Range<usize>) -> Range<usize> {
        if self.now.is_empty() {
            self.now = now.clone();
        } else if !now.is_empty() {
            self.joined &= self.now.end == now.start;
            self.now.end = now.end;
        }
        let start = self.before.start.max(run.start);
        start..self.before.end.min(run.end).max(start)
    }

    /// Keeps them for the next pass: whether it can take them over.
    #[inline(always)]
    pub(super) fn finish(self) -> bool {
        if let Some(place) = self.place {
            // (A side has at most 2^15 pixels.)
            let byte = |v: usize| P::from(v as u8);
            let Range { start, end } = self.now;
            *place = [byte(start), byte(start >> 8), byte(end), byte(end >> 8)];
        }
        self.joined
    }
}

/// Room for what is kept of all rows. A copy of an aligner has none, and takes nothing over.
#[derive(Debug, Default)]
pub(super) struct Room<'a, P>(pub(super) &'a mut [P]);

impl<P> Clone for Room<'_, P> {
    fn clone(&self) -> Self {
        Self(&mut [])
    }
}

impl<P: Grey, N: Plan, D: Degree, S: Scope> Bands for Accumulate<'_, P, N, D, S> {
    fn size(&self) -> [usize; 2] {
        let [first, end] = self.rows;
        [self.pair.fixed.width(), end - first]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let [first, end] = self.rows;
        let middle = first + at;
        let (above, below) = self.kept.split_at_mut((KEPT * at).min(self.kept.len()));
        let first = Self { rows: [first, middle], kept: above, ..self };
        (first, Self { rows: [middle, end], kept: below, ..self })
    }
    fn join(mut pass: Pass<D, S>, below: Pass<D, S>) -> Pass<D, S> {
        pass.moments.join(&below.moments);
        let Tally { pixels, loss, apart, histogram } = &mut pass.tally;
        *pixels += below.tally.pixels;
        *loss += below.tally.loss;
        *apart |= below.tally.apart;
        histogram.join(&below.tally.histogram);
        pass
    }
}

impl<P: Grey, N: Plan, D: Degree, S: Scope> Accumulate<'_, P, N, D, S> {
    /// Adds the sums over a stretch of some rows, about `centre`.
    #[inline(always)]
    fn tile<L: Lanes>(
        &self,
        supports: &mut Supports<'_, N, P>,
        columns: Range<usize>,
        rows: Range<usize>,
        [u, v]: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        if L::LEN == 1 {
            return self.tile_singly(supports, columns, rows, [u, v], tile, tally);
        }
        // (What there is nothing to share with is summed with the residuals.)
        let Supports { now, kept } = supports;
        let shared = self.is_shared() && kept.known;
        let (mut stretch, mut pixels) = ([P::Fine::from_channel(P::default()); RUN], Pixels::none());
        let mut above = NONE_ABOVE;
        let centre = |chunk: &Range<usize>| (chunk.start - chunk.start % CHUNK + CHUNK / 2) as i64 - u as i64;
        for y in rows {
            let (mut row, mut blocks) = (Row::zero(), RowBlocks::zero());
            // Whether the fixed image's sums of this row are not zero.
            let mut changed = !shared;
            let mut kept = kept.row(y, columns.start);
            for (run, walk, range) in now.runs::<P>(y, columns.clone(), &mut above) {
                let before = kept.replace(&run, &range);
                for (range, less) in changes(&before, &range).into_iter().filter(|_| shared) {
                    changed |= !range.is_empty();
                    for chunk in select::chunks(self.selected(), y, range) {
                        self.gradients(y, &chunk, &mut pixels);
                        // (What is taken away is added to what has the other sign.)
                        if less {
                            row.fixed.negate();
                            blocks.fixed.negate();
                        }
                        Self::fixed_chunk::<L>(&pixels, centre(&chunk), &mut row, &mut blocks);
                        if less {
                            row.fixed.negate();
                            blocks.fixed.negate();
                        }
                    }
                }
                let mut sampled = range.start;
                for chunk in select::chunks(self.selected(), y, range.clone()) {
                    let walk = walk.at(chunk.start - run.start);
                    // As many samples at once as there is room for, each at its place in an aligned run.
                    let at = chunk.start % RUN;
                    if sampled < chunk.end {
                        let all = chunk.start + RUN - at;
                        sampled = if self.selected().is_some() { chunk.end } else { range.end.min(all) };
                        let samples = stretch.get_mut(at..at + sampled - chunk.start);
                        self.interpolate::<L, _>(&walk, samples.unwrap_or_default());
                    }
                    let Some(samples) = stretch.get(at - at % CHUNK..).and_then(|s| s.first_chunk()) else {
                        continue;
                    };
                    self.pixels(&walk, y, &chunk, samples, &mut pixels, tally);
                    let centre = centre(&chunk);
                    if S::WHOLE && self.loss != Loss::Squares {
                        Self::weighted_chunk::<L>(&pixels, centre, &mut row);
                        continue;
                    }
                    if !shared {
                        Self::fixed_chunk::<L>(&pixels, centre, &mut row, &mut blocks);
                    }
                    Self::residual_chunk::<L>(&pixels, centre, &mut row, &mut blocks);
                }
            }
            tally.apart |= !kept.finish();
            if D::DEGREE == 2 {
                row.gather(&blocks);
            }
            let at = [0, y as i64 - v as i64];
            if changed {
                tile.fixed.add_stretch(&row.fixed, at, D::DEGREE);
            }
            tile.residual.add_stretch(&row.residual, at, D::DEGREE);
        }
    }

    /// [`strip`](Self::strip) for one lane, on its own so that the stack is not needed by who does not ask for it.
    #[inline(never)]
    fn strip_outlined(
        &self,
        support: &Support<'_, N>,
        columns: Range<usize>,
        rows: Range<usize>,
        centre: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        self.strip::<One>(support, columns, rows, centre, tile, tally);
    }

    /// [`tile`](Self::tile) with gradients of both images, over a strip of at most [`CHUNK`] columns, an aligned chunk.
    #[inline(always)]
    fn strip<L: Lanes>(
        &self,
        support: &Support<'_, N>,
        columns: Range<usize>,
        rows: Range<usize>,
        [u, v]: [usize; 2],
        tile: &mut TileMoments<D>,
        tally: &mut Tally<S>,
    ) {
        let centre = (columns.start + CHUNK / 2) as i64 - u as i64;
        let half = self.photometry.half_of_gain();
        let mut residuals = [Residuals::<P::Word>::none(); 3];
        let [above, here, below] = &mut residuals;
        let mut pixels = Pixels::none();
        // What a row is summed with is known once the row below it is.
        for next in rows.start.saturating_sub(1)..=rows.end {
            self.residuals_of_row::<L>(support, next, &columns, below);
            if let Some(y) = next.checked_sub(1).filter(|y| rows.contains(y)) {
                let (mut row, mut blocks) = (Row::zero(), RowBlocks::zero());
                for chunk in select::chunks(self.pair.selected, y, columns.clone()) {
                    self.gradients(y, &chunk, &mut pixels);
                    pixels.join(above, here, below, half);
                    tally.pixels += u64::from(pixels.count);
                    self.weigh(&mut pixels, tally);
                    if self.loss == Loss::Squares && L::LEN > 1 {
                        Self::fixed_chunk::<L>(&pixels, centre, &mut row, &mut blocks);
                        Self::residual_chunk::<L>(&pixels, centre, &mut row, &mut blocks);
                    } else {
                        Self::weighted_chunk::<L>(&pixels, centre, &mut row);
                    }
                }
                if L::LEN > 1 && D::DEGREE == 2 {
                    row.gather(&blocks);
                }
                let at = [0, y as i64 - v as i64];
                tile.fixed.add_stretch(&row.fixed, at, D::DEGREE);
                tile.residual.add_stretch(&row.residual, at, D::DEGREE);
            }
            core::mem::swap(above, here);
            core::mem::swap(here, below);
        }
    }

    /// The residuals of a stretch of row `y`, and of one more column on either side.
    #[inline(always)]
    fn residuals_of_row<L: Lanes>(
        &self,
        support: &Support<'_, N>,
        y: usize,
        columns: &Range<usize>,
        out: &mut Residuals<P::Word>,
    ) {
        *out = Residuals::none();
        if y >= self.pair.fixed.height() {
            return;
        }
        let row = self.pair.fixed.row(y);
        let wider = columns.start.saturating_sub(1)..(columns.end + 1).min(row.len());
        let masked = self.pair.fixed_mask.is_some() || self.pair.moving_mask.is_some();
        for (run, walk, range) in support.runs::<P>(y, wider, &mut NONE_ABOVE.clone()) {
            for begin in range.clone().step_by(CHUNK) {
                let (walk, end) = (walk.at(begin - run.start), (begin + CHUNK).min(range.end));
                let mut samples = [P::Fine::from_channel(P::default()); CHUNK];
                let samples = samples.get_mut(..end - begin).unwrap_or_default();
                self.interpolate::<L, _>(&walk, samples);
                let fixed = row.get(begin..end).unwrap_or_default();
                let at = begin + 1 - columns.start;
                let places = out.e.iter_mut().zip(&mut out.counts).skip(at);
                for (k, ((e, counts), (&t, &v))) in places.zip(fixed.iter().zip(&*samples)).enumerate() {
                    *e = self.photometry.residual(t.into(), v.into());
                    *counts = if !masked || self.counts(&walk, k, begin + k, y) { -1 } else { 0 };
                }
            }
        }
    }

    /// Whether what the fixed image sums to depends on the support alone.
    #[inline(always)]
    pub(super) fn is_shared(&self) -> bool {
        !S::WHOLE
            || !self.second_order
                && self.loss == Loss::Squares
                && self.pair.fixed_mask.is_none()
                && self.pair.moving_mask.is_none()
    }

    /// The interpolation, of which a scope that is not whole has one.
    #[inline(always)]
    pub(super) fn interpolation(&self) -> Interpolation {
        if S::WHOLE { self.interpolation } else { Interpolation::Bilinear }
    }

    /// Whether the gradient is that of both images.
    #[inline(always)]
    fn is_second_order(&self) -> bool {
        S::WHOLE && self.second_order
    }

    /// Which pixels to look at, if not all.
    #[inline(always)]
    pub(super) fn selected(&self) -> Option<Image<'_, P>> {
        if S::WHOLE { self.pair.selected } else { None }
    }

    /// Fixed pixels of a chunk of row `y`, each at its place in the aligned chunk; residuals are left.
    ///
    /// The outermost pixels of the image have no central difference along their normal: it counts as zero there,
    /// which is no estimate that noise could bias.
    #[inline(always)]
    fn gradients(&self, y: usize, chunk: &Range<usize>, pixels: &mut Pixels<P::Word>) {
        let fixed = self.pair.fixed;
        let first = chunk.start - chunk.start % CHUNK;
        let row = fixed.row(y);
        let (here, after) = (window(row, first), window(row, first + 1));
        let (above, below) = if y > 0 && y + 1 < fixed.height() {
            (window(fixed.row(y - 1), first), window(fixed.row(y + 1), first))
        } else {
            (here, here)
        };
        // (Over an index, for vectors.)
        for k in 0..CHUNK {
            let [right, pixel]: [i32; 2] = [after[k].into(), here[k].into()];
            let [upper, lower]: [i32; 2] = [above[k].into(), below[k].into()];
            pixels.gx[k] = P::Word::new(right);
            pixels.gy[k] = P::Word::new(lower - upper);
            pixels.fixed[k] = P::Word::new(pixel);
            pixels.weight[k] = 1;
        }
        pixels.count = chunk.len() as u32;
        let less = |gx: &mut P::Word, left: P| *gx = P::Word::new(gx.get() - left.into());
        if let Some(before) = first.checked_sub(1) {
            let before = window(row, before);
            pixels.gx.iter_mut().zip(before).for_each(|(gx, left)| less(gx, left));
        } else {
            let [edge, others @ ..] = &mut pixels.gx;
            others.iter_mut().zip(here).for_each(|(gx, left)| less(gx, left));
            *edge = P::Word::default();
        }
        if let Some(last) = pixels.gx.get_mut(fixed.width() - 1 - first) {
            *last = P::Word::default();
        }
        if chunk.len() < CHUNK {
            let place = chunk.start - first..chunk.end - first;
            keep(&mut pixels.gx, &place);
            keep(&mut pixels.gy, &place);
            keep(&mut pixels.fixed, &place);
            for (k, weight) in pixels.weight.iter_mut().enumerate() {
                *weight = (place.start <= k && k < place.end).into();
            }
        }
    }

    /// All of a chunk of row `y`, and what is counted pixel by pixel.
    #[inline(always)]
    fn pixels<W: Walk>(
        &self,
        walk: &W,
        y: usize,
        chunk: &Range<usize>,
        samples: &[P::Fine; CHUNK],
        pixels: &mut Pixels<P::Word>,
        tally: &mut Tally<S>,
    ) {
        let first = chunk.start % CHUNK;
        self.gradients(y, chunk, pixels);
        let photometry = self.photometry;
        for (k, &sample) in samples.iter().enumerate() {
            pixels.residual[k] = photometry.residual(pixels.fixed[k].get(), sample.into());
        }
        if chunk.len() < CHUNK {
            keep(&mut pixels.residual, &(first..first + chunk.len()));
        }
        if S::WHOLE && (self.pair.fixed_mask.is_some() || self.pair.moving_mask.is_some()) {
            for (k, x) in chunk.clone().enumerate() {
                if !self.counts(walk, k, x, y) {
                    pixels.clear(first + k);
                }
            }
        }
        tally.pixels += u64::from(pixels.count);
        self.weigh(pixels, tally);
    }

    /// Weighs the pixels that count, if they do not all weigh the same.
    #[inline(always)]
    fn weigh(&self, pixels: &mut Pixels<P::Word>, tally: &mut Tally<S>) {
        if S::WHOLE && (self.loss != Loss::Squares || self.histogram) {
            for (weight, e) in pixels.weight.iter_mut().zip(&pixels.residual).filter(|(w, _)| **w != 0) {
                *weight = tally.weight(self, e.get()) as u8;
            }
        }
    }

    /// The moving image along a walk.
    #[inline(always)]
    pub(super) fn interpolate<L: Lanes, W: Walk>(&self, walk: &W, samples: &mut [P::Fine]) {
        match self.interpolation() {
            Interpolation::Bilinear => self.sample::<L, _, W>(Bilinear, walk, samples),
            Interpolation::Lagrange => self.sample::<L, _, W>(Lagrange, walk, samples),
        }
    }

    #[inline(always)]
    fn sample<L: Lanes, K: Kernel, W: Walk>(&self, kernel: K, walk: &W, samples: &mut [P::Fine]) {
        let samples = Samples { kernel, moving: self.pair.moving, walk, samples };
        // (Those of a shift take not much longer than a call.)
        if D::DEGREE == 0 { samples.run::<L>() } else { L::call(samples) }
    }

    /// Adds what the fixed image sums to over a chunk with its centre there; pixels weigh one or nothing.
    #[inline(always)]
    fn fixed_chunk<L: Lanes>(pixels: &Pixels<P::Word>, centre: i64, row: &mut Row, blocks: &mut RowBlocks) {
        let centres = if D::DEGREE < 2 { Blocks::first(centre) } else { Blocks::centres(centre) };
        L::call(FixedChunk { pixels, centres, row, blocks, degree: PhantomData::<D> });
    }

    /// Adds what residuals take part in; pixels weigh one or nothing.
    #[inline(always)]
    fn residual_chunk<L: Lanes>(
        pixels: &Pixels<P::Word>,
        centre: i64,
        row: &mut Row,
        blocks: &mut RowBlocks,
    ) {
        if D::DEGREE < 2 {
            row.residual.add(&pixels.residual_sums::<L>(D::DEGREE), centre, D::DEGREE);
        } else {
            pixels.add_residual_blocks::<L>(&mut blocks.residual, Blocks::centres(centre));
        }
    }

    /// Adds both, weighted.
    #[inline(always)]
    fn weighted_chunk<L: Lanes>(pixels: &Pixels<P::Word>, centre: i64, row: &mut Row) {
        let sums = L::call(WeightedChunk(pixels, PhantomData::<D>));
        row.fixed.add(&sums.fixed, centre, D::DEGREE);
        row.residual.add(&sums.residual, centre, D::DEGREE);
    }

    /// Whether the masks let pixel (x, y), the walk's k-th, count.
    #[inline(always)]
    pub(super) fn counts<W: Walk>(&self, walk: &W, k: usize, x: usize, y: usize) -> bool {
        let valid = |mask: &Image<'_, u8>, x: usize, y: usize| mask.get(x, y).is_some_and(|v| v != 0);
        if let Some(mask) = &self.pair.fixed_mask {
            let last = |side: usize| side.saturating_sub(1);
            let (right, below) = ((x + 1).min(last(mask.width())), (y + 1).min(last(mask.height())));
            let cross = [(x, y), (x.saturating_sub(1), y), (right, y), (x, y.saturating_sub(1)), (x, below)];
            if !cross.iter().all(|&(x, y)| valid(mask, x, y)) {
                return false;
            }
        }
        if let Some(mask) = &self.pair.moving_mask {
            let (first, taps) = self.interpolation.taps();
            let [x, y] = walk.at(k).position(to::<P>()).map(|p| (p.cell + first) as usize);
            if !(y..y + taps).all(|y| (x..x + taps).all(|x| valid(mask, x, y))) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::{Options, Robust};
    use crate::simd::Level;
    use crate::{Affine, Homography, Transform, Translation};
    use std::vec::Vec;

    /// Noise between the extremes, and whole stretches of them, which is where sums are largest.
    fn noise<P: Copy>(width: usize, height: usize, seed: u32, pixel: impl Fn(u32) -> P) -> Vec<P> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let mut out = Vec::new();
        for i in 0..width * height {
            let (x, y) = (i % width, i / width);
            let extreme = if (x / 2) % 2 == 0 { 0 } else { 0xff_ffff };
            out.push(pixel(if y % 7 < 3 { extreme } else { next() }));
        }
        out
    }

    fn images<P: Grey>(fixed: &[P], moving: &[P], size: (usize, usize), f: impl Fn(LevelPair<'_, P>)) {
        let image = |pixels| Image::new(pixels, size.0, size.1).unwrap();
        let (fixed, moving) = (image(fixed), image(moving));
        f(LevelPair { fixed, moving, fixed_mask: None, moving_mask: None, selected: None });
    }

    fn pass<P: Grey, T: Transform>(
        pair: LevelPair<'_, P>,
        transform: &T,
        loss: Loss,
        (interpolation, second_order): (Interpolation, bool),
        known: Option<&(Pass<T::Degree, Options>, Vec<P>)>,
    ) -> (Pass<T::Degree, Options>, Vec<P>) {
        let photometry = Photometry::new::<P::Word>(1.2, -3.0);
        let (rows, histogram) = ([0, pair.fixed.height()], false);
        let (plan, kind) = (transform.plan(), PhantomData::<(T::Degree, Options)>);
        let run = |level: Level| {
            let none = std::vec![P::default(); KEPT * pair.fixed.height()];
            let mut kept = known.map_or(none, |(_, kept)| kept.clone());
            let pass = level.run(Accumulate {
                pair,
                plan,
                photometry,
                loss,
                interpolation,
                second_order,
                histogram,
                known: known.map(|(pass, _)| pass.moments.fixed()),
                kept: &mut kept,
                rows,
                kind,
            });
            (pass, kept)
        };
        let first = run(Level::SCALAR);
        for level in Level::available() {
            let again = run(level);
            let found = |(pass, kept): &(Pass<_, _>, Vec<P>)| {
                let Tally { pixels, loss, apart, .. } = pass.tally;
                (pass.moments, pixels, loss, apart, kept.clone())
            };
            assert_eq!(found(&first), found(&again));
        }
        first
    }

    /// The sums as the module's head has them, pixel by pixel, for a shift by whole pixels.
    fn directly<P: Grey, T: Transform>(
        pair: &LevelPair<'_, P>,
        shift: (i64, i64),
        loss: Loss,
        (interpolation, second_order): (Interpolation, bool),
    ) -> Moments<i128, T::Degree> {
        let mut sums = Moments::<i128, T::Degree>::zero();
        let photometry = Photometry::new::<P::Word>(1.2, -3.0);
        let (width, height) = (pair.fixed.width() as i64, pair.fixed.height() as i64);
        let pixel = |image: &Image<'_, P>, x: i64, y: i64| -> i64 {
            let v: i32 = image.get(x as usize, y as usize).unwrap().into();
            v.into()
        };
        let largest = i64::from(P::Word::MAX_RESIDUAL);
        // The residual of a pixel, if it counts.
        let residual = |x: i64, y: i64| -> Option<i64> {
            let (first, taps) = interpolation.taps();
            let outside =
                |at: i64, side: i64| at + i64::from(first) < 0 || at + i64::from(first) + taps as i64 > side;
            let (u, v) = (x + shift.0, y + shift.1);
            let beside = x < 0 || y < 0 || x >= width || y >= height;
            if beside || outside(u, width) || outside(v, height) {
                return None;
            }
            let gained = (photometry.gain() * pixel(&pair.fixed, x, y) as f64 * 64.0 + 0.5).floor();
            let e = 64.0 * pixel(&pair.moving, u, v) as f64 - gained - photometry.offset() * 64.0;
            Some(((e / 4.0 + 0.5).floor() as i64).clamp(-largest, largest))
        };
        let both = |g: i64, before: Option<i64>, after: Option<i64>| match (second_order, before, after) {
            (true, Some(before), Some(after)) => {
                let half = (2048.0 / photometry.gain()).round() as i64;
                let most = i64::from(P::Word::MAX_GRADIENT);
                (g + (((after - before) * half + (1 << 15)) >> 16)).clamp(-most, most)
            }
            _ => g,
        };
        for y in 0..height {
            for x in 0..width {
                let left_out = |map: Image<'_, P>| {
                    let bits: i32 = map.get(x as usize / 32, y as usize / 8).unwrap().into();
                    bits >> (y % 8) & 1 == 0
                };
                let Some(e) = residual(x, y).filter(|_| !pair.selected.is_some_and(left_out)) else {
                    continue;
                };
                let t = pixel(&pair.fixed, x, y);
                let gx = if x == 0 || x == width - 1 {
                    0
                } else {
                    pixel(&pair.fixed, x + 1, y) - pixel(&pair.fixed, x - 1, y)
                };
                let gy = if y == 0 || y == height - 1 {
                    0
                } else {
                    pixel(&pair.fixed, x, y + 1) - pixel(&pair.fixed, x, y - 1)
                };
                let gx = both(gx, residual(x - 1, y), residual(x + 1, y));
                let gy = both(gy, residual(x, y - 1), residual(x, y + 1));
                let w = i128::from(loss.at(e as i32).0);
                let (p, q) = (i128::from(x - width / 2), i128::from(y - height / 2));
                let [gx, gy, t, e] = [gx, gy, t, e].map(i128::from);
                for degree in 0..=2 * T::DEGREE {
                    for l in 0..=degree {
                        let power = w * p.pow((degree - l) as u32) * q.pow(l as u32);
                        let at = monomial(degree - l, l);
                        for (sum, v) in sums.fixed.gg.iter_mut().zip([gx * gx, gx * gy, gy * gy]) {
                            sum.as_mut()[at] += power * v;
                        }
                        if degree <= T::DEGREE {
                            for (axis, g) in [gx, gy].into_iter().enumerate() {
                                sums.fixed.gt[axis].as_mut()[at] += power * g * t;
                                sums.fixed.g[axis].as_mut()[at] += power * g;
                                sums.residual.ge[axis].as_mut()[at] += power * g * e;
                            }
                        }
                    }
                }
                for (sum, v) in sums.fixed.plain.iter_mut().zip([t * t, t, 1]) {
                    *sum += w * v;
                }
                for (sum, v) in sums.residual.plain.iter_mut().zip([t * e, e * e, e]) {
                    *sum += w * v;
                }
            }
        }
        sums
    }

    fn sums_are_their_definition<P: Grey, T: Transform>(pixel: impl Fn(u32) -> P) {
        for size in [(1, 1), (2, 3), (3, 1), (64, 3), (65, 5), (150, 70)] {
            let (fixed, moving) = (noise(size.0, size.1, 1, &pixel), noise(size.0, size.1, 2, &pixel));
            // (Any map will do.)
            let (w, h) = (size.0.div_ceil(32), size.1.div_ceil(8));
            let map = noise(w, h, 3, |v| P::from((v >> 10) as u8));
            images(&fixed, &moving, size, |pair| {
                for (i, (dx, dy)) in [(0, 0), (1, 0), (-2, 1), (17, -9)].into_iter().enumerate() {
                    let selected = (i % 2 == 1).then(|| Image::new(&map, w, h).unwrap());
                    let pair = LevelPair { selected, ..pair };
                    let shift = [1.0, 0.0, dx as f64, 0.0, 1.0, dy as f64, 0.0, 0.0, 1.0];
                    let shift = T::from_matrix(shift).unwrap();
                    for (loss, interpolation) in [
                        (Loss::Squares, Interpolation::Bilinear),
                        (Loss::Squares, Interpolation::Lagrange),
                        (Loss::new(Robust::Huber, 9.0), Interpolation::Bilinear),
                        (Loss::new(Robust::Tukey, 60.0), Interpolation::Lagrange),
                    ] {
                        for second_order in [false, true] {
                            assert_eq!(
                                pass(pair, &shift, loss, (interpolation, second_order), None).0.moments,
                                directly::<P, T>(&pair, (dx, dy), loss, (interpolation, second_order)),
                                "{size:?} {dx} {dy} {loss:?} {interpolation:?} {second_order}"
                            );
                        }
                    }
                }
            });
        }
    }

    #[test]
    fn sums() {
        sums_are_their_definition::<u8, Translation>(|v| (v >> 16) as u8);
        sums_are_their_definition::<u8, Affine>(|v| (v >> 16) as u8);
        sums_are_their_definition::<u8, Homography>(|v| (v >> 16) as u8);
        sums_are_their_definition::<u16, Homography>(|v| (v >> 8) as u16);
        sums_are_their_definition::<i16, Affine>(|v| (v >> 8) as u16 as i16);
    }

    /// What another pass has summed changes nothing.
    fn shared_sums<T: Transform>(transforms: &[T]) {
        let size = (150, 70);
        let pixel = |v: u32| (v >> 16) as u8;
        let (fixed, moving) = (noise(size.0, size.1, 1, pixel), noise(size.0, size.1, 2, pixel));
        let map = noise(5, 9, 3, |v| (v >> 10) as u8);
        images(&fixed, &moving, size, |pair| {
            for (i, before) in transforms.iter().enumerate() {
                let selected = (i % 2 == 1).then(|| Image::new(&map, 5, 9).unwrap());
                let pair = LevelPair { selected, ..pair };
                let bilinear = (Interpolation::Bilinear, false);
                let known = pass(pair, before, Loss::Squares, bilinear, None);
                assert!(!known.0.tally.apart);
                for (transform, interpolation) in transforms
                    .iter()
                    .flat_map(|t| [(t, Interpolation::Bilinear), (t, Interpolation::Lagrange)])
                {
                    let (a, kept) = pass(pair, transform, Loss::Squares, (interpolation, false), None);
                    let (b, of_both) =
                        pass(pair, transform, Loss::Squares, (interpolation, false), Some(&known));
                    assert_eq!((a.moments, a.tally.pixels), (b.moments, b.tally.pixels));
                    let now =
                        |kept: &[u8]| kept.chunks(KEPT).flat_map(|row| row[KEPT / 2..].to_vec()).collect();
                    let [now, also]: [Vec<_>; 2] = [now(&kept), now(&of_both)];
                    assert_eq!(now, also);
                }
            }
        });
    }

    #[test]
    fn sums_are_shared() {
        let affine = |p| Affine::from_parameters(p).unwrap();
        shared_sums(&[
            Affine::IDENTITY,
            affine([1.0, 0.0, 3.3, 0.0, 1.0, -2.7]),
            affine([1.02, 0.1, -5.0, -0.1, 0.97, 4.0]),
            affine([0.7, -0.7, 60.0, 0.7, 0.7, -30.0]),
            affine([1.0, 0.0, 500.0, 0.0, 1.0, 0.0]),
            affine([-1.0, 0.0, 150.5, 0.0, 1.0, 0.0]),
        ]);
        let homography = |p| Homography::from_parameters(p).unwrap();
        shared_sums(&[
            Homography::IDENTITY,
            homography([0.9, 0.02, 3.0, -0.05, 1.1, 1.0, 1e-3, -5e-4]),
            homography([1.2, 0.1, -9.0, 0.0, 1.0, 2.5, -2e-3, 1e-3]),
            // Of shorter runs, both of them inside.
            homography([0.5, 0.0, 10.0, 0.0, 0.6, 5.0, -2.1e-3, 0.0]),
            // Its pole crosses the image.
            homography([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -0.01, 0.002]),
        ]);
    }

    #[test]
    fn changes_of_ranges() {
        let ranges = || (0..6_usize).flat_map(|a| (a..6).map(move |b| a..b));
        for from in ranges() {
            for to in ranges() {
                let mut counts = [0_i32; 6];
                from.clone().for_each(|i| counts[i] += 1);
                for (range, less) in changes(&from, &to) {
                    range.for_each(|i| counts[i] += if less { -1 } else { 1 });
                }
                for (i, count) in counts.into_iter().enumerate() {
                    assert_eq!(count, i32::from(to.contains(&i)), "{from:?} {to:?}");
                }
            }
        }
    }
}
