//! What a backend implements: registers of N lanes, and weights in them.

use core::ops::{Add, Mul, Sub};

use super::Operation;
use super::block::{ByteTable, Pairs, Window};
use super::partials::Reach;
use super::steps::Positions;
use crate::fixed::{Coord, Knots, PHASES, Q14, Q24, Rounding, Table, Weight, WeightRows};
use crate::kernel::{Array, Channel};

/// N lanes of 32 bits.
pub trait Lanes: Copy + core::fmt::Debug + 'static {
    /// N.
    const LEN: usize = <Self::Array<i32> as Array<i32>>::LEN;
    /// Whether taps are fetched by the backend's own ways below, and one by one where those do not
    /// reach; or always one by one, into registers.
    const FETCHES: bool = false;

    /// One `T` per lane.
    type Array<T: Copy>: Array<T>;
    /// `i32` lanes.
    type I32: Copy + core::fmt::Debug;
    /// `i64` lanes.
    type I64: Copy;
    /// Two `i16` per lane.
    type Pair: Copy;
    /// `f32` lanes.
    type F32: Copy + core::fmt::Debug;
    /// The bytes around the taps of a block in registers; [`Never`] for a backend without.
    type ByteTable: ByteTable<Self>;
    /// The linear forms of a homography, for exact quotients; [`Never`] for a backend without.
    type Forms: Forms<Self>;
    /// This level, or of one of sixteen lanes that of eight: for work that cannot use more.
    type Half: Lanes;

    /// Runs an operation by a call: code that is needed in several places. (An ordinary function would not
    /// have the features of the level.)
    #[inline(never)]
    fn call<O: Operation>(operation: O) -> O::Output {
        operation.run::<Self>()
    }

    /// From memory.
    fn i32(lanes: Self::Array<i32>) -> Self::I32;
    /// To memory.
    fn i32_array(v: Self::I32) -> Self::Array<i32>;
    /// The two halves; or, where half is this level, the same twice.
    #[inline(always)]
    fn halves(v: Self::I32) -> [<Self::Half as Lanes>::I32; 2] {
        let lanes = Self::i32_array(v);
        let from = |start: usize| {
            <Self::Half as Lanes>::Array::from_fn(|l| lanes.as_ref().get(start + l).copied().unwrap_or(0))
        };
        [Self::Half::i32(from(0)), Self::Half::i32(from(Self::LEN - Self::Half::LEN))]
    }
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
    /// Shift left, by less than 32.
    fn shl(v: Self::I32, n: u32) -> Self::I32;
    /// Logical shift right, by less than 32.
    fn shr_logical(v: Self::I32, n: u32) -> Self::I32;
    /// Bits that both have.
    fn and(a: Self::I32, b: Self::I32) -> Self::I32;
    /// Which lanes are below a limit, the first one the lowest bit.
    fn below(v: Self::I32, limit: i32) -> u32;
    /// With a number in one lane.
    fn with_lane(v: Self::I32, lane: u32, number: i32) -> Self::I32;
    /// `v + more` where a is above b, else v; wrapping.
    fn above(v: Self::I32, a: Self::I32, b: Self::I32, more: i32) -> Self::I32;

    /// The same in every lane.
    fn i64_splat(v: i64) -> Self::I64;
    /// Wrapping sum.
    fn i64_add(a: Self::I64, b: Self::I64) -> Self::I64;
    /// The whole product.
    fn mul_wide(a: Self::I32, b: Self::I32) -> Self::I64;
    /// The low 32 bits of an arithmetic shift right by 1 to 32.
    fn narrow(v: Self::I64, n: u32) -> Self::I32;

    /// Two `i16` per lane, from two sequences.
    fn pair(low: Self::Array<i16>, high: Self::Array<i16>) -> Self::Pair;
    /// Two `i16` per lane, from the first N of two sequences of bytes.
    #[inline(always)]
    fn pair_bytes(low: &[u8], high: &[u8]) -> Self::Pair {
        let extended = |v: &[u8]| Self::Array::from_fn(|l| v.get(l).map_or(0, |&v| i16::from(v)));
        Self::pair(extended(low), extended(high))
    }
    /// Two `i16` per lane, from two bytes each, the low one first.
    #[inline(always)]
    fn pair_of(words: Self::Array<u16>) -> Self::Pair {
        let words = Self::i32(Self::Array::from_fn(|l| words.as_ref().get(l).map_or(0, |&v| v.into())));
        Self::pack(Self::and(words, Self::splat(0xff)), Self::shr(words, 8))
    }
    /// Two `i16` per lane, from lanes in the range of `i16`.
    fn pack(low: Self::I32, high: Self::I32) -> Self::Pair;
    /// The wrapping sums of all lanes of each.
    #[inline(always)]
    fn totals(sums: [Self::I32; 4]) -> [i32; 4] {
        let mut totals = [0_i32; 4];
        for (total, sums) in totals.iter_mut().zip(sums) {
            for &v in Self::i32_array(sums).as_ref() {
                *total = total.wrapping_add(v);
            }
        }
        totals
    }
    /// `v` subtracted from both of each lane.
    fn pair_less(pair: Self::Pair, v: i16) -> Self::Pair;
    /// The 2N words from one of a slice on, which has them, in whatever order.
    #[inline(always)]
    fn words(words: &[i16], from: usize) -> Self::Pair {
        let (mut low, mut high) = (Self::Array::filled(0), Self::Array::filled(0));
        let pairs = words.get(from..).unwrap_or_default().as_chunks::<2>().0;
        for ((low, high), &[a, b]) in low.as_mut().iter_mut().zip(high.as_mut()).zip(pairs) {
            (*low, *high) = (a, b);
        }
        Self::pair(low, high)
    }
    /// Wrapping products.
    fn pair_mul(a: Self::Pair, b: Self::Pair) -> Self::Pair;
    /// `low low + high high`, exact but for `2 * 2^30`.
    fn dot(a: Self::Pair, b: Self::Pair) -> Self::I32;
    /// That added to a sum.
    #[inline(always)]
    fn dot_add(sum: Self::I32, a: Self::Pair, b: Self::Pair) -> Self::I32 {
        Self::add(sum, Self::dot(a, b))
    }

    /// From memory.
    fn f32(lanes: Self::Array<f32>) -> Self::F32;
    /// To memory.
    fn f32_array(v: Self::F32) -> Self::Array<f32>;
    /// The same in every lane.
    fn f32_splat(v: f32) -> Self::F32;
    /// Rounded to nearest even.
    fn f32_from(v: Self::I32) -> Self::F32;
    /// To nearest or towards zero, of numbers in the range of `i32`.
    fn i32_from(v: Self::F32) -> Self::I32;
    /// Sum.
    fn f32_add(a: Self::F32, b: Self::F32) -> Self::F32;
    /// Difference.
    fn f32_sub(a: Self::F32, b: Self::F32) -> Self::F32;
    /// Product.
    fn f32_mul(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a b + c`, whose product may be rounded or not: not for results, only for what is checked.
    #[inline(always)]
    fn f32_mul_add(a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        Self::f32_add(Self::f32_mul(a, b), c)
    }
    /// `then` where `v` is not zero, else `otherwise`.
    fn f32_select_nonzero(v: Self::F32, then: Self::F32, otherwise: Self::F32) -> Self::F32;

    /// Whether no lane is zero.
    #[inline(always)]
    fn f32_all_nonzero(v: Self::F32) -> bool {
        Self::f32_array(v).as_ref().iter().all(|&v| v != 0.0)
    }

    /// Begins to fetch what is 512 bytes beyond the first of some elements, if the processor can.
    #[inline(always)]
    fn fetch_ahead<T>(_: &[T]) {}

    /// Of x and of y something that is at most the cell of the first and of the last coordinate, whose x so much is added
    /// to, and at least the lesser of these less one; of numbers beyond 2^30, and of no numbers, anything.
    #[inline(always)]
    fn least_of_ends([x, y]: [&[f32]; 2], last: i32, _bits: u32) -> [i32; 2] {
        let ends = |v: &[f32], last: i32| {
            let below = |v: Option<&f32>| v.map_or(0, |&v| (v as i32).wrapping_sub(i32::from(v < 0.0)));
            below(v.first()).min(below(v.last()).wrapping_add(last))
        };
        [ends(x, last), ends(y, 0)]
    }

    /// The first and the last lane.
    #[inline(always)]
    fn ends(v: Self::I32) -> (i32, i32) {
        let lanes = Self::i32_array(v);
        let at = |v: Option<&i32>| v.copied().unwrap_or(0);
        (at(lanes.as_ref().first()), at(lanes.as_ref().last()))
    }
    /// The least and the greatest lane. (What is at an end of `i16` or beyond may be that end of `i32`.)
    #[inline(always)]
    fn bounds(v: Self::I32) -> (i32, i32) {
        let lanes = Self::i32_array(v);
        lanes.as_ref().iter().fold((i32::MAX, i32::MIN), |(min, max), &v| (min.min(v), max.max(v)))
    }
    /// Cells and fractions of coordinates, rounded half up to so many bits. (Of one that is no number,
    /// or outside of every image, the cell is any below zero or beyond 2^29.)
    #[inline(always)]
    fn round(v: Self::F32, bits: u32) -> (Self::I32, Self::I32) {
        let (mut cells, mut fractions) = (Self::Array::filled(0), Self::Array::filled(0));
        let out = cells.as_mut().iter_mut().zip(fractions.as_mut());
        for ((cell, fraction), &v) in out.zip(Self::f32_array(v).as_ref()) {
            let at = Coord::from(v).round(Rounding::half_up(bits));
            (*cell, *fraction) = (at.cell, at.fraction as i32);
        }
        (Self::i32(cells), Self::i32(fractions))
    }

    /// Coordinates within 2^29 px, none of which is NaN, rounded to whole pixels: ties to even.
    #[inline(always)]
    fn round_even(v: Self::F32) -> Self::I32 {
        let mut cells = Self::Array::filled(0);
        for (cell, &v) in cells.as_mut().iter_mut().zip(Self::f32_array(v).as_ref()) {
            *cell = Coord::from(v).round(Rounding::HALF_EVEN).cell;
        }
        Self::i32(cells)
    }
    /// Whether all lanes are in `0..=last`.
    #[inline(always)]
    fn within(v: Self::I32, last: i32) -> bool {
        Self::i32_array(v).as_ref().iter().all(|v| (0..=last).contains(v))
    }
    /// Lanes clamped to `0..=last`.
    #[inline(always)]
    fn clamp(v: Self::I32, last: i32) -> Self::I32 {
        let mut lanes = Self::i32_array(v);
        for v in lanes.as_mut() {
            *v = (*v).min(last).max(0);
        }
        Self::i32(lanes)
    }
    /// `then` where `a` and `b` are the same, else `otherwise`.
    #[inline(always)]
    fn f32_select_equal(a: Self::I32, b: Self::I32, then: Self::F32, otherwise: Self::F32) -> Self::F32 {
        let (a, b) = (Self::i32_array(a), Self::i32_array(b));
        let (then, mut lanes) = (Self::f32_array(then), Self::f32_array(otherwise));
        for ((lane, &then), (a, b)) in
            lanes.as_mut().iter_mut().zip(then.as_ref()).zip(a.as_ref().iter().zip(b.as_ref()))
        {
            if a == b {
                *lane = then;
            }
        }
        Self::f32(lanes)
    }

    /// Writes lanes as `u8`, from 0 to 255, to a slice of N.
    #[inline(always)]
    fn store_u8(v: Self::I32, out: &mut [u8]) {
        for (out, &v) in out.iter_mut().zip(Self::i32_array(v).as_ref()) {
            *out = v.clamp(0, 255) as u8;
        }
    }

    /// [`store_u8`](Self::store_u8) for N pixels, from their channels, numbers of at most 15 bits and a sign; or false,
    /// with nothing done, if the backend has no way of its own.
    #[inline(always)]
    fn store_pixels_u8(_channels: &[Self::I32], _out: &mut [u8]) -> bool {
        false
    }
    /// Writes N pixels from their channels.
    #[inline(always)]
    fn interleave_u8(channels: &[Self::Array<u8>], out: &mut [u8]) {
        interleave(channels, out);
    }

    /// The number at an index from 0 to 63 in each lane, and the next one.
    #[inline(always)]
    fn lookup(table: &[i32; PHASES + 1], index: Self::I32) -> [Self::I32; 2] {
        let index = Self::i32_array(index);
        let (mut these, mut next) = (Self::Array::filled(0), Self::Array::filled(0));
        let out = these.as_mut().iter_mut().zip(next.as_mut());
        for ((this, next), &i) in out.zip(index.as_ref()) {
            if let Some([a, b, ..]) = table.get(i as usize..) {
                (*this, *next) = (*a, *b);
            }
        }
        [Self::i32(these), Self::i32(next)]
    }

    /// The row at the index that is in the low 14 bits of each lane, number by number.
    #[inline(always)]
    fn rows(rows: &WeightRows, index: Self::I32) -> [Self::I32; 4] {
        let index = Self::i32_array(Self::and(index, Self::splat(rows.len() as i32 - 1)));
        let row = |l: usize| index.as_ref().get(l).and_then(|&i| rows.get(i as usize));
        let number = |k: usize| {
            Self::i32(Self::Array::from_fn(|l| row(l).and_then(|row| row.get(k)).copied().unwrap_or(0)))
        };
        [number(0), number(1), number(2), number(3)]
    }

    /// The taps of every lane, row by row, if they are near enough to each other for this backend to
    /// have its own way.
    #[inline(always)]
    fn fetch_f32<T: AsMut<[Self::F32]>>(_: &Window<'_, f32>, _: &Positions<Self>, _taps: &mut [T]) -> bool {
        false
    }
    /// The taps of every lane, row by row, so many as there are rows, wherever in the kernel's area they are, if
    /// the kernel has so many of them that this backend has its own way.
    #[inline(always)]
    fn collect_f32<T: AsMut<[Self::F32]>>(
        _: &Window<'_, f32>,
        _cell: [Self::I32; 2],
        _taps: &mut [T],
    ) -> bool {
        false
    }
    /// As [`fetch_f32`](Self::fetch_f32) for channels of 16 bits, in pairs, each at the place of its first tap.
    #[inline(always)]
    fn fetch_16<C: Channel, T: AsMut<[Self::Pair]>>(
        _: &Window<'_, C>,
        _: &Positions<Self>,
        _: Reach<C>,
        _pairs: &mut [T],
    ) -> bool {
        false
    }
    /// The same for channels of 8 bits.
    #[inline(always)]
    fn fetch_bytes<T: AsMut<[Self::Pair]>>(
        _: &Window<'_, u8>,
        _: &Positions<Self>,
        _pairs: &mut [T],
    ) -> bool {
        false
    }
    /// The same for the two taps of each of two rows, in all channels of pixels of 8-bit channels.
    #[inline(always)]
    fn fetch_pixels(
        _: &Window<'_, u8>,
        _: &Positions<Self>,
        _: Reach<&[u8]>,
        _channels: &mut [[Self::Pair; 2]],
    ) -> bool {
        false
    }
}

/// The two numerators and the denominator of a homography at N pixels, linear from pixel to pixel.
pub trait Forms<L: Lanes>: Copy + core::fmt::Debug {
    /// From the forms at the first pixel and their steps, if this backend divides exactly.
    fn new(starts: [i64; 3], steps: [i64; 3]) -> Option<Self>;
    /// Cells and fractions of x and of y for N pixels whose denominators are all positive, rounded
    /// half up to `bits`; and on to the next N.
    fn next(&mut self, anchor: [i32; 2], bits: u32) -> [(L::I32, L::I32); 2];
}

/// What a backend does not have.
#[derive(Clone, Copy, Debug)]
pub enum Never {}

impl<L: Lanes> Forms<L> for Never {
    fn new(_: [i64; 3], _: [i64; 3]) -> Option<Self> {
        None
    }
    fn next(&mut self, _: [i32; 2], _: u32) -> [(L::I32, L::I32); 2] {
        match *self {}
    }
}

impl<L: Lanes> Pairs<L> for Never {
    fn pair(&self, _: usize, _: usize) -> L::Pair {
        match *self {}
    }
}

impl<L: Lanes> ByteTable<L> for Never {
    fn new(_: &Window<'_, u8>, _: &Positions<L>, _: i32) -> Option<Self> {
        None
    }
    fn byte(&self) -> L::I32 {
        match *self {}
    }
}

/// Writes pixels from arrays of their channels.
#[inline(always)]
pub(crate) fn interleave<T: Copy, A: Array<T>>(channels: &[A], out: &mut [T]) {
    for (c, channel) in channels.iter().enumerate() {
        for (pixel, &v) in out.chunks_exact_mut(channels.len().max(1)).zip(channel.as_ref()) {
            if let Some(out) = pixel.get_mut(c) {
                *out = v;
            }
        }
    }
}

macro_rules! arithmetic {
    ($name:ident: $add:ident, $sub:ident) => {
        impl<L: Lanes> Add for $name<L> {
            type Output = Self;
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Self(L::$add(self.0, other.0))
            }
        }
        impl<L: Lanes> Sub for $name<L> {
            type Output = Self;
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                Self(L::$sub(self.0, other.0))
            }
        }
    };
}

/// [`Weight::tabulate`] lane by lane.
#[inline(always)]
fn tabulate_lanes<L: Lanes, T: Copy + Default, V, const N: usize>(
    fractions: L::Array<T>,
    weights: impl Fn(T) -> [T; N],
    load: impl Fn(L::Array<T>) -> V,
) -> [V; N] {
    let rows = L::Array::from_fn(|l| weights(fractions.as_ref().get(l).copied().unwrap_or_default()));
    core::array::from_fn(|i| {
        let lane = |l: usize| rows.as_ref().get(l).and_then(|row: &[T; N]| row.get(i)).copied();
        load(L::Array::from_fn(|l| lane(l).unwrap_or_default()))
    })
}

macro_rules! fixed_lanes {
    ($(#[$doc:meta])* $name:ident, $format:ident, |$a:ident, $b:ident| $product:expr $(, $hermite:item)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name<L: Lanes>(pub(crate) L::I32);

        arithmetic!($name: add, sub);
        impl<L: Lanes> Mul for $name<L> {
            type Output = Self;
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                let ($a, $b) = (self.0, other.0);
                Self($product)
            }
        }
        impl<L: Lanes> Weight for $name<L> {
            #[inline(always)]
            fn zero() -> Self {
                Self(L::splat(0))
            }
            #[inline(always)]
            fn one() -> Self {
                Self(L::splat(1 << $format::BITS))
            }
            #[inline(always)]
            fn constant(q30: i32) -> Self {
                Self(L::splat($format::constant(q30).to_bits()))
            }
            #[inline(always)]
            fn tabulate<const N: usize>(self, weights: impl Fn(u32) -> [i32; N]) -> [Self; N] {
                let one = |f: i32| $format::from_bits(f).tabulate(&weights).map($format::to_bits);
                tabulate_lanes::<L, _, _, N>(L::i32_array(self.0), one, L::i32).map(Self)
            }
            $(#[inline(always)] $hermite)?
        }
    };
}
fixed_lanes!(
    /// Weights in Q14, one per lane.
    LanesQ14, Q14, |a, b| L::shr(L::add(L::mul(a, b), L::splat(8192)), 14),
    fn hermite<const N: usize>(self, table: &Table<N>) -> [Self; N] {
        #[cfg(not(feature = "std"))]
        return hermite_q14::<L, N>(self.0, &table.knots).map(Self);
        #[cfg(feature = "std")]
        {
            let pairs = L::rows(table.rows(|rows, knots| L::call(AllRows::<N> { rows, knots })), self.0);
            let mut weights = [self; N];
            for (weights, &pair) in weights.chunks_mut(2).zip(&pairs) {
                for (weight, shift) in weights.iter_mut().zip([16, 0]) {
                    *weight = Self(L::shr(L::shl(pair, shift), 16));
                }
            }
            weights
        }
    }
);

/// Makes the weights of all fractions.
#[cfg(feature = "std")]
struct AllRows<'a, const N: usize> {
    rows: &'a mut WeightRows,
    knots: &'a [Knots; N],
}

#[cfg(feature = "std")]
impl<const N: usize> Operation for AllRows<'_, N> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (n, rows) in self.rows.chunks_mut(L::LEN).enumerate() {
            let fractions = L::i32(L::Array::from_fn(|l| (n * L::LEN + l) as i32));
            for (i, weights) in hermite_q14::<L, N>(fractions, self.knots).into_iter().enumerate() {
                for (row, weight) in rows.iter_mut().zip(L::i32_array(weights).as_ref()) {
                    if let Some(pair) = row.get_mut(i / 2) {
                        *pair |= if i % 2 == 0 { weight & 0xffff } else { weight << 16 };
                    }
                }
            }
        }
    }
}

/// [`Weight::hermite`] for fractions in Q14: eight bits of them are within an interval, so that products
/// with the parts of a number that is split fit 32 bits.
#[inline(always)]
pub(crate) fn hermite_q14<L: Lanes, const N: usize>(fraction: L::I32, table: &[Knots; N]) -> [L::I32; N] {
    let (index, t) = (L::shr(fraction, 8), L::and(fraction, L::splat(255)));
    // round(t v / 2^n)
    let part = |v: L::I32, n: u32| {
        let (high, low) = (L::shr(v, n), L::and(v, L::splat((1 << n) - 1)));
        let low = L::add(L::mul(t, low), L::splat(1 << (n - 1)));
        L::add(L::mul(t, high), L::shr(low, n))
    };
    let mut sum = L::splat(1 << 15);
    let mut weights = [sum; N];
    for (weight, [values, derivatives]) in weights.iter_mut().zip(table) {
        let ([w0, w1], [m0, m1]) = (L::lookup(values, index), L::lookup(derivatives, index));
        // As in the kernel's definition, modulo 2^32: what comes out fits.
        let d = L::mul(L::sub(w1, w0), L::splat(PHASES as i32));
        let (dd, mm) = (L::add(d, d), L::add(m0, m1));
        let c2 = L::sub(L::add(dd, d), L::add(mm, m0));
        let c3 = L::sub(mm, dd);
        let inner = L::add(c2, L::shr(L::add(L::mul(t, c3), L::splat(128)), 8));
        *weight = L::add(w0, part(L::add(m0, part(inner, 8)), 14));
        sum = L::add(sum, *weight);
    }
    // As round_weights().
    let mut rest = L::shr(sum, 16);
    let middle = (N - 1) / 2;
    for (i, weight) in weights.iter_mut().enumerate() {
        if i != middle {
            *weight = L::shr(L::add(*weight, L::splat(1 << 15)), 16);
            rest = L::sub(rest, *weight);
        }
    }
    if let Some(weight) = weights.get_mut(middle) {
        *weight = rest;
    }
    weights
}

fixed_lanes!(
    /// Weights in Q24, one per lane.
    LanesQ24, Q24, |a, b| L::narrow(L::i64_add(L::mul_wide(a, b), L::i64_splat(0x80_0000)), 24)
);

/// Weights in `f32`, one per lane.
#[derive(Clone, Copy)]
pub(crate) struct LanesF32<L: Lanes>(pub(crate) L::F32);

arithmetic!(LanesF32: f32_add, f32_sub);
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
        let one = |f: f32| f.tabulate(&weights);
        tabulate_lanes::<L, _, _, N>(L::f32_array(self.0), one, L::f32).map(Self)
    }
}

/// A number of which there are registers.
pub trait Register: Copy {
    /// One in each lane.
    type Of<L: Lanes>: Copy;
    /// To memory.
    fn array<L: Lanes>(v: Self::Of<L>) -> L::Array<Self>;
}

impl Register for i32 {
    type Of<L: Lanes> = L::I32;
    #[inline(always)]
    fn array<L: Lanes>(v: L::I32) -> L::Array<i32> {
        L::i32_array(v)
    }
}

impl Register for f32 {
    type Of<L: Lanes> = L::F32;
    #[inline(always)]
    fn array<L: Lanes>(v: L::F32) -> L::Array<f32> {
        L::f32_array(v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::{hermite, hermite_weight};
    use crate::simd::Level;
    use std::vec;

    struct Products(i32, i32);

    impl Operation for Products {
        type Output = [i32; 2];
        #[inline(always)]
        fn run<L: Lanes>(self) -> [i32; 2] {
            let (a, b) = (L::splat(self.0), L::splat(self.1));
            let products = [(LanesQ14::<L>(a) * LanesQ14(b)).0, (LanesQ24::<L>(a) * LanesQ24(b)).0];
            products.map(|v| L::i32_array(v).as_ref()[L::LEN - 1])
        }
    }

    /// Also where they wrap.
    #[test]
    fn products_of_weights() {
        fn alike(a: i32, b: i32) -> bool {
            let exact = |bits: u32| ((i128::from(a) * i128::from(b) + (1 << (bits - 1))) >> bits) as i32;
            let short = (Q14::from_bits(a) * Q14::from_bits(b)).to_bits();
            let long = (Q24::from_bits(a) * Q24::from_bits(b)).to_bits();
            let within = (i64::from(a) * i64::from(b)).unsigned_abs() < (1 << 31) - (1 << 13);
            long == exact(24)
                && (!within || short == exact(14))
                && Level::available().all(|level| level.run(Products(a, b)) == [short, long])
        }
        quickcheck::quickcheck(alike as fn(i32, i32) -> bool);
        let all = [0, 1, -1, 1 << 13, -(1 << 13), 1 << 14, 46_341, -46_341, 1 << 24, i32::MAX, i32::MIN];
        for a in all {
            for b in all {
                assert!(alike(a, b), "{a} {b}");
            }
        }
    }

    #[test]
    fn weights_of_all_fractions() {
        // Parabolas, with derivatives that are not quite theirs.
        let knots: [Knots; 6] = core::array::from_fn(|i| {
            let (steep, at) = (((i as i32) - 3) * 9_973, |k: usize| k as i32 - 20);
            let noise = |k: usize| ((i * 65 + k) as i32).wrapping_mul(1_640_531_527) >> 12;
            let derivative = |k: usize| 2 * 64 * steep * at(k) + noise(k);
            [core::array::from_fn(|k| steep * at(k) * at(k)), core::array::from_fn(derivative)]
        });
        for level in Level::available() {
            let mut rows = vec![[0; 4]; 1 << Q14::BITS];
            level.run(AllRows { rows: rows.as_mut_slice().try_into().unwrap(), knots: &knots });
            for (f, row) in rows.iter().enumerate() {
                let weights = Q14::from_bits(f as i32).tabulate(|f| hermite(&knots, f, hermite_weight));
                for (i, weight) in weights.iter().enumerate() {
                    assert_eq!(weight.to_bits() as i16, (row[i / 2] >> (16 * (i % 2))) as i16, "{f} {i}");
                }
            }
        }
    }
}
