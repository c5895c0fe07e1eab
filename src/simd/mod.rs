//! Backends: the interior of every row, where all taps are known to lie inside.
//!
//! In: a source image, a walk and a stretch of pixels that [`span`](crate::span) has found to be
//! interior. Out: the values of that stretch. This is the only module with `unsafe`: fetching a
//! tap without testing its index. [`interior`] establishes why that is sound for a whole stretch
//! and is safe to call with anything.
//!
//! # How to add a backend
//!
//! 1. Implement [`Lanes`] for a new unit type in a file of its own: some integer and float
//!    operations on N lanes and nothing about images. Mark every function `#[inline(always)]` and
//!    none `#[target_feature]`.
//! 2. Add a variant to `Kind`, list it in [`Level::AVAILABLE`] (or where its detection is) and
//!    call it in [`Level::run`]. A backend that needs run-time detection is entered there, through
//!    one `#[target_feature]` function around [`Operation::run`]; everything below is inlined into
//!    it, so a whole call to the crate crosses that boundary once.
//! 3. Nothing else: the matrix test, the benches and the fuzz targets go through
//!    [`Level::AVAILABLE`] and hold every level against the reference, bit by bit.
//!
//! The scalar backend is `Lanes` with one lane. It is also what runs the tails.

mod scalar;
#[cfg(wide)]
mod wide;

use core::ops::{Add, Mul, Sub};

use crate::fixed::{Position, Q14, Rounding, Weight};
use crate::image::{Image, Tap};
use crate::kernel::{Array, Channel, Kernel, Output, first_tap, rounding, support};
use crate::span::Area;
use crate::walk::Walk;

pub(crate) use scalar::One;

/// The instruction set of a call: only levels that this build and machine have can be named.
///
/// Every level gives the same bits; they differ in speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scalar,
    #[cfg(wide)]
    Wide,
}

impl Level {
    /// Plain integer code.
    pub const SCALAR: Level = Level(Kind::Scalar);

    /// What can be used here, the fastest last.
    #[cfg(wide)]
    pub const AVAILABLE: &'static [Level] = &[Level::SCALAR, Level(Kind::Wide)];
    /// What can be used here, the fastest last.
    #[cfg(not(wide))]
    pub const AVAILABLE: &'static [Level] = &[Level::SCALAR];

    /// The fastest level.
    pub const fn best() -> Level {
        match Self::AVAILABLE {
            [.., last] => *last,
            [] => Self::SCALAR,
        }
    }

    /// `scalar` or `wide`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(wide)]
            Kind::Wide => "wide",
        }
    }

    /// Enters the level.
    #[inline]
    pub(crate) fn run<O: Operation>(self, operation: O) -> O::Output {
        match self.0 {
            Kind::Scalar => operation.run::<One>(),
            #[cfg(wide)]
            Kind::Wide => operation.run::<wide::Four>(),
        }
    }
}

/// A band of work that runs at one level. (A trait, since a closure would not carry the level's
/// target features into its body.)
pub(crate) trait Operation {
    /// What it gives back.
    type Output;
    /// Does it.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// N lanes of 32 bits.
pub trait Lanes: Copy + 'static {
    /// One `T` per lane.
    type Array<T: Copy>: Array<T>;
    /// `i32` lanes.
    type I32: Copy;
    /// Two `i16` per lane.
    type Pair: Copy;
    /// `f32` lanes.
    type F32: Copy;

    /// From memory.
    fn i32(lanes: Self::Array<i32>) -> Self::I32;
    /// To memory.
    fn i32_array(v: Self::I32) -> Self::Array<i32>;
    /// The same in every lane.
    fn splat(v: i32) -> Self::I32;
    /// Wrapping sum.
    fn add(a: Self::I32, b: Self::I32) -> Self::I32;
    /// Wrapping difference.
    fn sub(a: Self::I32, b: Self::I32) -> Self::I32;
    /// Wrapping product.
    fn mul(a: Self::I32, b: Self::I32) -> Self::I32;
    /// Arithmetic shift right.
    fn shr(v: Self::I32, n: u32) -> Self::I32;
    /// Two `i16` per lane, from two sequences.
    fn pair(low: Self::Array<i16>, high: Self::Array<i16>) -> Self::Pair;
    /// Two `i16` per lane, from lanes in the range of `i16`.
    fn pack(low: Self::I32, high: Self::I32) -> Self::Pair;
    /// `low low + high high`, exact but for `2 * 2^30`.
    fn dot(a: Self::Pair, b: Self::Pair) -> Self::I32;

    /// From memory.
    fn f32(lanes: Self::Array<f32>) -> Self::F32;
    /// To memory.
    fn f32_array(v: Self::F32) -> Self::Array<f32>;
    /// The same in every lane.
    fn f32_splat(v: f32) -> Self::F32;
    /// Sum.
    fn f32_add(a: Self::F32, b: Self::F32) -> Self::F32;
    /// Difference.
    fn f32_sub(a: Self::F32, b: Self::F32) -> Self::F32;
    /// Product.
    fn f32_mul(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `then` where `v` is not zero, else `otherwise`.
    fn f32_select_nonzero(v: Self::F32, then: Self::F32, otherwise: Self::F32) -> Self::F32;
}

/// Weights in Q14, one per lane.
#[derive(Clone, Copy)]
struct LanesQ14<L: Lanes>(L::I32);

impl<L: Lanes> Add for LanesQ14<L> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(L::add(self.0, other.0))
    }
}
impl<L: Lanes> Sub for LanesQ14<L> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(L::sub(self.0, other.0))
    }
}
impl<L: Lanes> Mul for LanesQ14<L> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(L::shr(L::add(L::mul(self.0, other.0), L::splat(8192)), 14))
    }
}
impl<L: Lanes> Weight for LanesQ14<L> {
    #[inline(always)]
    fn zero() -> Self {
        Self(L::splat(0))
    }
    #[inline(always)]
    fn one() -> Self {
        Self(L::splat(1 << 14))
    }
    #[inline(always)]
    fn constant(q30: i32) -> Self {
        Self(L::splat(Q14::constant(q30).to_bits()))
    }
    #[inline(always)]
    fn tabulate<const N: usize>(self, weights: impl Fn(u32) -> [i32; N]) -> [Self; N] {
        let lanes = L::i32_array(self.0);
        let rows = L::Array::from_fn(|l| {
            let f = lanes.as_ref().get(l).copied().unwrap_or(0);
            Q14::from_bits(f).tabulate(&weights).map(Q14::to_bits)
        });
        core::array::from_fn(|i| {
            let lane = |l: usize| rows.as_ref().get(l).and_then(|row| row.get(i)).copied().unwrap_or(0);
            Self(L::i32(L::Array::from_fn(lane)))
        })
    }
}

/// Weights in `f32`, one per lane.
#[derive(Clone, Copy)]
struct LanesF32<L: Lanes>(L::F32);

impl<L: Lanes> Add for LanesF32<L> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(L::f32_add(self.0, other.0))
    }
}
impl<L: Lanes> Sub for LanesF32<L> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(L::f32_sub(self.0, other.0))
    }
}
impl<L: Lanes> Mul for LanesF32<L> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(L::f32_mul(self.0, other.0))
    }
}
impl<L: Lanes> Weight for LanesF32<L> {
    #[inline(always)]
    fn zero() -> Self {
        Self(L::f32_splat(0.0))
    }
    #[inline(always)]
    fn one() -> Self {
        Self(L::f32_splat(1.0))
    }
    #[inline(always)]
    fn constant(q30: i32) -> Self {
        Self(L::f32_splat(f32::constant(q30)))
    }
    #[inline(always)]
    fn tabulate<const N: usize>(self, weights: impl Fn(u32) -> [i32; N]) -> [Self; N] {
        let lanes = L::f32_array(self.0);
        let rows = L::Array::from_fn(|l| lanes.as_ref().get(l).copied().unwrap_or(0.0).tabulate(&weights));
        core::array::from_fn(|i| {
            let lane = |l: usize| rows.as_ref().get(l).and_then(|row| row.get(i)).copied().unwrap_or(0.0);
            Self(L::f32(L::Array::from_fn(lane)))
        })
    }
}

/// The taps of a few neighbouring pixels, one per lane.
///
/// Invariant: for each lane and each i, j below the kernel's support, the element
/// `base + j * stride + i * step` is inside `data`. Only [`interior`] makes blocks.
pub struct Block<'a, L: Lanes, C> {
    data: &'a [C],
    stride: usize,
    step: usize,
    base: L::Array<usize>,
    fx: L::Array<u32>,
    fy: L::Array<u32>,
}

impl<L: Lanes, C: Channel> Block<'_, L, C> {
    /// Tap (i, j) of a lane, for i and j below the kernel's support.
    #[inline(always)]
    fn tap(&self, base: usize, i: usize, j: usize) -> C {
        let index = base + j * self.stride + i * self.step;
        debug_assert!(index < self.data.len());
        // SAFETY: the block's invariant.
        unsafe { *self.data.get_unchecked(index) }
    }

    /// The value of one lane, by the channel's own arithmetic.
    #[inline(always)]
    pub(crate) fn lane<K: Kernel, O: Output<C>>(&self, kernel: &K, lane: usize) -> O {
        let get = |v: &L::Array<u32>| v.as_ref().get(lane).copied().unwrap_or(0);
        let Some(&base) = self.base.as_ref().get(lane) else { return O::from_channel(C::default()) };
        if support::<K>() == 1 {
            return O::from_channel(self.tap(base, 0, 0));
        }
        let (wx, wy) =
            (kernel.weights(C::fraction(get(&self.fx))), kernel.weights(C::fraction(get(&self.fy))));
        let rows = K::Taps::from_fn(|j| C::horizontal(&K::Taps::from_fn(|i| self.tap(base, i, j)), &wx));
        C::finish(C::vertical(&rows, &wy))
    }
}

impl<C: Channel> Block<'_, One, C> {
    /// The partials of the only lane.
    #[inline(always)]
    fn partials<K: Kernel>(&self, kernel: &K) -> [C::Derivative; 2] {
        let ([base], [fx], [fy]) = (self.base, self.fx.map(C::fraction), self.fy.map(C::fraction));
        let (wx, wy) = (kernel.weights(fx), kernel.weights(fy));
        let (sx, sy) = (kernel.slopes(fx), kernel.slopes(fy));
        let row = |j: usize| K::Taps::from_fn(|i| self.tap(base, i, j));
        let sloped = K::Taps::from_fn(|j| C::horizontal_slope(&row(j), &sx));
        let rows = K::Taps::from_fn(|j| C::horizontal(&row(j), &wx));
        [C::vertical(&sloped, &wy), C::vertical_slope(&rows, &sy)].map(C::finish_derivative)
    }
}

impl<L: Lanes> Block<'_, L, u8> {
    /// All lanes, two taps at a time.
    ///
    /// Weights sum to one, so taps less 128 give the value less 128, exactly: the intermediates of
    /// kernels with negative weights fit 16 bits then.
    #[inline(always)]
    pub(crate) fn u8<K: Kernel, O: Output<u8>>(&self, kernel: &K, out: &mut [O]) {
        let offset: i16 = if support::<K>() > 2 { 128 } else { 0 };
        if !support::<K>().is_multiple_of(2) {
            for (lane, out) in out.iter_mut().enumerate() {
                *out = self.lane(kernel, lane);
            }
            return;
        }
        let weights = |fractions: &L::Array<u32>| {
            let f = L::Array::from_fn(|l| fractions.as_ref().get(l).map_or(0, |&v| v as i32));
            kernel.weights(LanesQ14::<L>(L::i32(f)))
        };
        let (wx, wy) = (weights(&self.fx), weights(&self.fy));
        let taps = |i: usize, j: usize| {
            L::Array::from_fn(|l| {
                self.base.as_ref().get(l).map_or(0, |&base| i16::from(self.tap(base, i, j)) - offset)
            })
        };
        let rows = K::Taps::from_fn(|j| {
            let mut sum = L::splat(1 << 6);
            for (n, w) in wx.as_ref().chunks_exact(2).enumerate() {
                if let [w0, w1] = w {
                    let p = L::pair(taps(2 * n, j), taps(2 * n + 1, j));
                    sum = L::add(sum, L::dot(p, L::pack(w0.0, w1.0)));
                }
            }
            L::shr(sum, 7)
        });
        let mut sum = L::splat((1 << (20 - O::BITS)) + (i32::from(offset) << 21));
        for (t, w) in rows.as_ref().chunks_exact(2).zip(wy.as_ref().chunks_exact(2)) {
            if let ([t0, t1], [w0, w1]) = (t, w) {
                sum = L::add(sum, L::dot(L::pack(*t0, *t1), L::pack(w0.0, w1.0)));
            }
        }
        let values = L::i32_array(L::shr(sum, 21 - O::BITS));
        for (out, &v) in out.iter_mut().zip(values.as_ref()) {
            *out = O::from_rounded(v);
        }
    }
}

impl<L: Lanes> Block<'_, L, f32> {
    /// All lanes.
    #[inline(always)]
    pub(crate) fn f32<K: Kernel, O: Output<f32>>(&self, kernel: &K, out: &mut [O]) {
        if support::<K>() == 1 {
            for (out, &base) in out.iter_mut().zip(self.base.as_ref()) {
                *out = O::from_channel(self.tap(base, 0, 0));
            }
            return;
        }
        let weights = |fractions: &L::Array<u32>| {
            let f = L::Array::from_fn(|l| {
                fractions.as_ref().get(l).map_or(0.0, |&v| <f32 as Channel>::fraction(v))
            });
            kernel.weights(LanesF32::<L>(L::f32(f)))
        };
        let (wx, wy) = (weights(&self.fx), weights(&self.fy));
        let taps = |i: usize, j: usize| {
            L::f32(L::Array::from_fn(|l| self.base.as_ref().get(l).map_or(0.0, |&base| self.tap(base, i, j))))
        };
        // As f32_sum in the kernel module.
        let sum = |taps: &[L::F32], weights: &[LanesF32<L>]| {
            let centre = (taps.len() - 1) / 2;
            let Some(&c) = taps.get(centre) else { return L::f32_splat(0.0) };
            let mut sum = c;
            for (i, (&p, w)) in taps.iter().zip(weights).enumerate() {
                if i != centre {
                    let term = L::f32_mul(w.0, L::f32_sub(p, c));
                    sum = L::f32_select_nonzero(w.0, L::f32_add(sum, term), sum);
                }
            }
            sum
        };
        let rows = K::Taps::from_fn(|j| sum(K::Taps::from_fn(|i| taps(i, j)).as_ref(), wx.as_ref()));
        let values = L::f32_array(sum(rows.as_ref(), wy.as_ref()));
        for (out, &v) in out.iter_mut().zip(values.as_ref()) {
            *out = O::from_rounded(v);
        }
    }
}

/// Fills `out` (channels of whole pixels) with the values along the walk. Returns false, having
/// done nothing, unless every tap of every pixel is inside the source.
#[inline(always)]
pub(crate) fn interior<L: Lanes, P: Tap, K: Kernel, W: Walk, O: Output<P::Channel>>(
    kernel: &K,
    source: Image<'_, P>,
    walk: &W,
    out: &mut [O],
) -> bool {
    let to = rounding::<K, P::Channel>();
    let channels = P::CHANNELS;
    let area = Area::new::<K>(source.width(), source.height());
    // What the blocks' invariant rests on: the first tap of every pixel is in the area, by its
    // definition all of the others are in the image then, and an image's constructor has checked
    // that its pixels are in its slice.
    if !walk.inside(out.len() / channels, to, &area) {
        return false;
    }
    let data = P::flatten(source.elements());
    let (stride, first) = (source.stride() * channels, first_tap::<K>());
    let mut walk = walk.clone();
    let mut blocks = out.chunks_exact_mut(channels * <L::Array<u8> as Array<u8>>::LEN);
    for block in &mut blocks {
        fill::<L, P, K, W, O>(kernel, data, stride, first, to, &mut walk, block);
    }
    for pixel in blocks.into_remainder().chunks_exact_mut(channels) {
        fill::<One, P, K, W, O>(kernel, data, stride, first, to, &mut walk, pixel);
    }
    true
}

/// One block of lanes; the next positions of the walk are in the area.
#[inline(always)]
fn fill<L: Lanes, P: Tap, K: Kernel, W: Walk, O: Output<P::Channel>>(
    kernel: &K,
    data: &[P::Channel],
    stride: usize,
    first: i32,
    to: Rounding,
    walk: &mut W,
    out: &mut [O],
) {
    let channels = P::CHANNELS;
    let (mut fx, mut fy) = (L::Array::from_fn(|_| 0), L::Array::from_fn(|_| 0));
    let mut base = L::Array::from_fn(|_| 0);
    for ((base, fx), fy) in base.as_mut().iter_mut().zip(fx.as_mut()).zip(fy.as_mut()) {
        let [x, y] = walk.position(to);
        // In the area these are not negative.
        *base = (y.cell + first) as usize * stride + (x.cell + first) as usize * channels;
        (*fx, *fy) = (x.fraction, y.fraction);
        walk.step();
    }
    let mut block = Block::<L, P::Channel> { data, stride, step: channels, base, fx, fy };
    if channels == 1 {
        P::Channel::block(&block, kernel, out);
        return;
    }
    for c in 0..channels {
        let mut channel: L::Array<O> = L::Array::from_fn(|_| O::from_channel(P::Channel::default()));
        P::Channel::block(&block, kernel, channel.as_mut());
        for (pixel, &v) in out.chunks_exact_mut(channels).zip(channel.as_ref()) {
            if let Some(out) = pixel.get_mut(c) {
                *out = v;
            }
        }
        for base in block.base.as_mut() {
            *base += 1;
        }
    }
}

/// Writes the partials at a position, channel by channel. Returns false, having done nothing,
/// unless every tap is inside the source.
#[inline(always)]
pub(crate) fn partials<P: Tap, K: Kernel>(
    kernel: &K,
    source: Image<'_, P>,
    at: [Position; 2],
    dx: &mut [<P::Channel as Channel>::Derivative],
    dy: &mut [<P::Channel as Channel>::Derivative],
) -> bool {
    // See interior().
    if !Area::new::<K>(source.width(), source.height()).contains(at) {
        return false;
    }
    let (channels, first) = (P::CHANNELS, first_tap::<K>());
    let stride = source.stride() * channels;
    let [x, y] = at;
    let base = (y.cell + first) as usize * stride + (x.cell + first) as usize * channels;
    let data = P::flatten(source.elements());
    for (c, (dx, dy)) in dx.iter_mut().zip(dy).enumerate().take(channels) {
        let block = Block::<One, P::Channel> {
            data,
            stride,
            step: channels,
            base: [base + c],
            fx: [x.fraction],
            fy: [y.fraction],
        };
        [*dx, *dy] = block.partials(kernel);
    }
    true
}
