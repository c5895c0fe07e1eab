//! Cubic splines: the coefficients of an image, with which [`BSpline`] interpolates it.
//!
//! In: an image. Out: as many coefficients, in a caller's buffer, which are then warped and sampled
//! like an image ([`Sampler::prefilter`]). And back: the gradient by the coefficients becomes one by
//! the image ([`Sampler::prefilter_adjoint`]).
//!
//! **Definition** (Unser, Aldroubi, Eden 1993, "B-spline signal processing", part II, eq. 2.5). A row
//! s of n pixels is extended on both sides by 20 pixels (there the pole `z = sqrt(3) - 2` has decayed to
//! 2^-38). Then, with `z` = -287708255 / 2^30,
//!
//! ```text
//! a[k] = s[k] + round(z a[k - 1])             from left to right, beginning with zero
//! c[k] = round(z (c[k + 1] - 6 a[k]))         from right to left, beginning with zero
//! ```
//!
//! First all rows, then all columns of the result. Integers are in Q11 ([`Coefficient`]), rounded
//! half up, or for gradients in the unit of the [adjoint](Sampler::adjoint); `f32` is in `f32`, with
//! the products and differences as written. The extension is that of the boundary with which the
//! coefficients are sampled, so that lattice points are those of the image:
//!
//! | boundary of the sampler | extension of the image |
//! |---|---|
//! | `Reflect`, `Reflect101`, `Wrap` | the same |
//! | `Replicate`, `Transparent` | `Reflect`: for the one tap outside of a lattice point it is the same |
//! | `Constant(v)` | v, then the image mirrored about that v in place and value: its coefficients are v where the sampler takes them to be |
//!
//! Integer coefficients are within 2^-7 levels of the exact ones, so lattice points of 8 and 16 bits
//! come back as they were.
#![forbid(unsafe_code)]

use core::marker::PhantomData;

use crate::Error;
use crate::boundary::Boundary;
use crate::fixed::{round_shift_i64, round_shift_i128};
use crate::image::{Image, ImageMut, Tap};
use crate::kernel::{BSpline, Channel};
use crate::sample::Sampler;

/// The coefficient of a spline for a channel `T` of 8 or 16 bits, in grey levels: Q11 in an `i32`.
/// (The coefficients of `f32` images are `f32`.)
///
/// Coefficients exceed their image by up to 9 times, as far as -589815 to 655350 for 16 bits under
/// `Constant`; Q11 holds 1048575. Its channel arithmetic is that of 16-bit pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Coefficient<T> {
    bits: i32,
    of: PhantomData<T>,
}

impl<T> Coefficient<T> {
    /// Fraction bits.
    pub const BITS: u32 = 11;

    /// The coefficient `bits / 2^BITS`.
    #[inline(always)]
    pub const fn from_bits(bits: i32) -> Self {
        Self { bits, of: PhantomData }
    }
    /// This coefficient times `2^BITS`.
    #[inline(always)]
    pub const fn to_bits(self) -> i32 {
        self.bits
    }
}

impl<T: Into<i32>> From<T> for Coefficient<T> {
    /// The coefficient of a constant image.
    #[inline(always)]
    fn from(v: T) -> Self {
        Self::from_bits(v.into() << Self::BITS)
    }
}

/// The pole, sqrt(3) - 2, in Q30.
const POLE: i32 = -287_708_255;
/// Pixels of an extension.
const MARGIN: usize = 20;

/// A number that the recursion runs on. Sealed by [`Channel`]'s types.
#[doc(hidden)]
pub trait Recursive: Copy + Default {
    /// `s + z a`.
    fn causal(s: Self, a: Self) -> Self;
    /// `z (c - 6 a)`.
    fn anticausal(c: Self, a: Self) -> Self;
    /// `2 v - s`: `v` twice where `s` is zero.
    fn mirrored(s: Self, v: Self) -> Self;
    /// `s / 2`.
    fn half(s: Self) -> Self;
}

impl Recursive for i64 {
    #[inline(always)]
    fn causal(s: i64, a: i64) -> i64 {
        s.wrapping_add(round_shift_i128(i128::from(a) * i128::from(POLE), 30) as i64)
    }
    #[inline(always)]
    fn anticausal(c: i64, a: i64) -> i64 {
        round_shift_i128((i128::from(c) - 6 * i128::from(a)) * i128::from(POLE), 30) as i64
    }
    #[inline(always)]
    fn mirrored(s: i64, v: i64) -> i64 {
        v.wrapping_add(v).wrapping_sub(s)
    }
    #[inline(always)]
    fn half(s: i64) -> i64 {
        round_shift_i64(s, 1)
    }
}

impl<T: Copy + Default> Recursive for Coefficient<T> {
    #[inline(always)]
    fn causal(s: Self, a: Self) -> Self {
        Self::from_bits(s.bits.wrapping_add(round_shift_i64(i64::from(a.bits) * i64::from(POLE), 30) as i32))
    }
    #[inline(always)]
    fn anticausal(c: Self, a: Self) -> Self {
        // Below 2^34 times 2^29.
        let sum = i64::from(c.bits) - 6 * i64::from(a.bits);
        Self::from_bits(round_shift_i64(sum * i64::from(POLE), 30) as i32)
    }
    #[inline(always)]
    fn mirrored(s: Self, v: Self) -> Self {
        Self::from_bits(v.bits.wrapping_mul(2).wrapping_sub(s.bits))
    }
    #[inline(always)]
    fn half(s: Self) -> Self {
        Self::from_bits(round_shift_i64(s.bits.into(), 1) as i32)
    }
}

impl Recursive for f32 {
    #[inline(always)]
    fn causal(s: f32, a: f32) -> f32 {
        s + POLE as f32 * (1.0 / 1_073_741_824.0) * a
    }
    #[inline(always)]
    fn anticausal(c: f32, a: f32) -> f32 {
        POLE as f32 * (1.0 / 1_073_741_824.0) * (c - 6.0 * a)
    }
    #[inline(always)]
    fn mirrored(s: f32, v: f32) -> f32 {
        v + v - s
    }
    #[inline(always)]
    fn half(s: f32) -> f32 {
        s * 0.5
    }
}

/// A channel of coefficients: [`Coefficient`] and `f32`.
pub trait Spline: Channel<Adjoint: Recursive> + Recursive {
    /// The coefficient of a constant image.
    #[doc(hidden)]
    fn constant(v: Self::Sampled) -> Self;
}

impl<T> Spline for Coefficient<T>
where
    Self: Channel<Adjoint: Recursive, Sampled = T>,
    T: Copy + Default + Into<i32>,
{
    #[inline(always)]
    fn constant(v: T) -> Self {
        Self::from(v)
    }
}

impl Spline for f32 {
    #[inline(always)]
    fn constant(v: f32) -> f32 {
        v
    }
}

/// One channel of a row or column.
struct Line<'i, 'a, T, R> {
    image: &'i mut ImageMut<'a, T>,
    flatten: fn(&mut [T]) -> &mut [R],
    channel: usize,
    /// Which row or column.
    at: usize,
    column: bool,
}

impl<T, R: Recursive> Line<'_, '_, T, R> {
    #[inline(always)]
    fn len(&self) -> usize {
        if self.column { self.image.height() } else { self.image.width() }
    }

    #[inline(always)]
    fn cell(&mut self, k: usize) -> Option<&mut R> {
        let (x, y) = if self.column { (self.at, k) } else { (k, self.at) };
        let pixel = self.image.get_mut(x, y)?;
        (self.flatten)(core::slice::from_mut(pixel)).get_mut(self.channel)
    }

    #[inline(always)]
    fn get(&mut self, k: i32) -> R {
        self.cell(k as usize).copied().unwrap_or_default()
    }

    /// Element `k` of the extended line.
    fn extended<P>(&mut self, k: i32, boundary: &Boundary<P>, constant: R) -> R {
        let n = self.len() as i32;
        let index = match boundary {
            Boundary::Constant(_) => {
                // Mirrored about -1 and n, where the constant is.
                let k = Boundary::<P>::Wrap.index(k + 1, 2 * n + 2).unwrap_or_default();
                return match k {
                    0 => constant,
                    _ if k <= n => self.get(k - 1),
                    _ if k == n + 1 => constant,
                    _ => R::mirrored(self.get(2 * n + 1 - k), constant),
                };
            }
            Boundary::Reflect101 | Boundary::Wrap => boundary.index(k, n),
            _ => Boundary::<P>::Reflect.index(k, n),
        };
        self.get(index.unwrap_or_default())
    }

    /// The recursion, in place.
    fn filter<P>(&mut self, boundary: &Boundary<P>, constant: R) {
        let (n, margin) = (self.len(), MARGIN as i32);
        let mut a = R::default();
        for k in -margin..0 {
            a = R::causal(self.extended(k, boundary, constant), a);
        }
        let mut after: [R; MARGIN] =
            core::array::from_fn(|k| self.extended((n + k) as i32, boundary, constant));
        let mut step = |cell: &mut R| {
            a = R::causal(*cell, a);
            *cell = a;
        };
        (0..n).for_each(|k| self.cell(k).map_or((), &mut step));
        after.iter_mut().for_each(&mut step);
        let mut c = R::default();
        let mut step = |cell: &mut R| {
            c = R::anticausal(c, *cell);
            *cell = c;
        };
        after.iter_mut().rev().for_each(&mut step);
        (0..n).rev().for_each(|k| self.cell(k).map_or((), &mut step));
    }

    /// The transpose of the recursion, whose constant is zero.
    fn filter_transposed<P>(&mut self, boundary: &Boundary<P>) {
        // The recursion is symmetric, but that under Reflect101 the pixels at the ends, which are
        // mirrored once, count half.
        let ends = match (boundary, self.len()) {
            (Boundary::Reflect101, n @ 2..) => [Some(0), Some(n - 1)],
            _ => [None; 2],
        };
        let scale = |line: &mut Self, by: fn(R) -> R| {
            for k in ends.into_iter().flatten() {
                if let Some(v) = line.cell(k) {
                    *v = by(*v);
                }
            }
        };
        scale(self, |v| R::mirrored(R::default(), v));
        self.filter(boundary, R::default());
        scale(self, R::half);
    }
}

/// Every row or every column, channel by channel.
fn lines<T, R: Recursive>(
    image: &mut ImageMut<'_, T>,
    flatten: fn(&mut [T]) -> &mut [R],
    channels: usize,
    column: bool,
    mut each: impl FnMut(&mut Line<'_, '_, T, R>),
) {
    let count = if column { image.width() } else { image.height() };
    for at in 0..count {
        for channel in 0..channels {
            each(&mut Line { image, flatten, channel, at, column });
        }
    }
}

impl<P: Tap<Channel: Spline>> Sampler<BSpline, P> {
    /// Writes the coefficients of `image`, for this sampler to sample and warp: with them its values
    /// at lattice points are the pixels of the image, under its own boundary.
    ///
    /// Values of `f32` that are not finite reach all of their row and column.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] if the sizes differ; nothing is written then.
    pub fn prefilter(
        &self,
        image: Image<'_, P::Sampled>,
        coefficients: &mut ImageMut<'_, P>,
    ) -> Result<(), Error> {
        if (image.width(), image.height()) != (coefficients.width(), coefficients.height()) {
            return Err(Error::SizeMismatch);
        }
        for (from, to) in image.rows().zip(coefficients.rows_mut()) {
            for (&v, c) in <P::Sampled>::flatten(from).iter().zip(P::flatten_mut(to)) {
                *c = P::Channel::constant(v);
            }
        }
        let constant = match self.boundary {
            Boundary::Constant(v) => v,
            _ => P::zero(),
        };
        for column in [false, true] {
            lines(coefficients, P::flatten_mut, P::CHANNELS, column, |line| {
                let constant = P::flatten(core::slice::from_ref(&constant)).get(line.channel);
                line.filter(&self.boundary, constant.copied().unwrap_or_default());
            });
        }
        Ok(())
    }

    /// Turns a gradient with respect to the coefficients, as [`adjoint`](Self::adjoint) gives it,
    /// into the gradient with respect to the image: the transpose of [`prefilter`](Self::prefilter).
    ///
    /// The prefilter is symmetric, so this is the same recursion (columns first, a constant of zero),
    /// but under `Reflect101` with the pixels at the ends of each line doubled before and halved
    /// after it. Integers stay in Q28 times the cotangent's unit, rounded at each
    /// step: the result is within 16 units, and 2^-24 of the largest sum given, of the exact transpose of
    /// the exact prefilter.
    pub fn prefilter_adjoint(&self, gradient: &mut ImageMut<'_, P::Adjoint>) {
        for column in [true, false] {
            lines(gradient, P::flatten_adjoints, P::CHANNELS, column, |line| {
                line.filter_transposed(&self.boundary);
            });
        }
    }
}
