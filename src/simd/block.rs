//! Blocks: the taps of N neighbouring pixels, and the arithmetic of the channels on them.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::lanes::{LanesF32, LanesQ14, LanesQ24};
use super::partials::{Reach, taps_f32};
use super::steps::{Near, NearPositions, Positions, Steps, TOLD, position};
use super::{Lanes, One, Operation};
use crate::boundary::Patch;
use crate::fixed::{Position, Weight};
use crate::image::{Image, Tap};
use crate::kernel::{Array, Channel, Kernel, Output, first_tap, rounding, support};
use crate::span::{self, Area};
use crate::walk::Walk;

/// A source image as its backends see it: channels, from the first pixel to the last.
///
/// Invariant: element `y * stride + x * step + c` is in `data` for every pixel (x, y) of the image
/// and c below `step`. An image's constructor has checked it.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a, C> {
    pub(super) data: &'a [C],
    pub(super) stride: usize,
    /// Channels.
    pub(super) step: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Which channel is read.
    pub(super) channel: usize,
    /// From the cell to the first tap.
    pub(super) first: i32,
}

impl<'a, C: Channel> Window<'a, C> {
    #[inline(always)]
    pub(super) fn new<K: Kernel, P: Tap<Channel = C>>(source: &Image<'a, P>) -> Self {
        Self {
            data: P::flatten(source.elements()),
            // (That of an image of one row may be anything.)
            stride: P::CHANNELS * if source.height() > 1 { source.stride() } else { source.width() },
            step: P::CHANNELS,
            width: source.width(),
            height: source.height(),
            channel: 0,
            first: first_tap::<K>(),
        }
    }
}

impl<C: Channel> Window<'_, C> {
    /// The same (of the first channel), so that the compiler sees the numbers again that a call has hidden from it.
    #[inline(always)]
    fn of<K: Kernel, P: Tap<Channel = C>>(&self) -> Self {
        Self { step: P::CHANNELS, first: first_tap::<K>(), channel: 0, ..*self }
    }

    /// The channel at the pixels (x, y), clamped to the image.
    #[inline(always)]
    pub(super) fn pick<L: Lanes>(&self, x: L::I32, y: L::I32) -> L::Array<C> {
        let (x, y) = (L::clamp(x, self.width as i32 - 1), L::clamp(y, self.height as i32 - 1));
        let (x, y) = (L::i32_array(x), L::i32_array(y));
        L::Array::from_fn(|l| {
            let at = |v: &L::Array<i32>| v.as_ref().get(l).map_or(0, |&v| v as usize);
            let index = at(&y) * self.stride + at(&x) * self.step + self.channel;
            debug_assert!(index < self.data.len());
            // SAFETY: the window's invariant, since the pixel is in the image.
            unsafe { *self.data.get_unchecked(index) }
        })
    }
}

/// The taps of a block, one pixel per lane.
///
/// Invariant: for each lane and each i, j below the kernel's support, the element
/// `base + j * stride + i * step` is inside `data`. Only [`Block::new`] makes blocks.
pub struct Block<'a, L: Lanes, C> {
    data: &'a [C],
    stride: usize,
    step: usize,
    base: L::Array<usize>,
    fraction: [L::I32; 2],
}

impl<'a, L: Lanes, C: Channel> Block<'a, L, C> {
    /// The block at some positions, all of whose cells the caller has found in the kernel's area.
    #[inline(always)]
    pub(super) fn new(window: &Window<'a, C>, at: &Positions<L>) -> Self {
        // (A map() would be a call.)
        let [x, y] = [L::i32_array(at.cell[0]), L::i32_array(at.cell[1])];
        let base = L::Array::from_fn(|l| {
            let cell = |v: &L::Array<i32>| v.as_ref().get(l).map_or(0, |&v| (v + window.first) as usize);
            cell(&y) * window.stride + cell(&x) * window.step + window.channel
        });
        Self { data: window.data, stride: window.stride, step: window.step, base, fraction: at.fraction }
    }

    /// Tap (i, j) of a lane, for i and j below the kernel's support.
    #[inline(always)]
    fn tap(&self, base: usize, i: usize, j: usize) -> C {
        let index = base + j * self.stride + i * self.step;
        debug_assert!(index < self.data.len());
        // SAFETY: the block's invariant.
        unsafe { *self.data.get_unchecked(index) }
    }

    /// Tap (i, j) of every lane, as something else.
    #[inline(always)]
    pub(super) fn taps<T: Copy + Default>(
        &self,
        i: usize,
        j: usize,
        convert: impl Fn(C) -> T,
    ) -> L::Array<T> {
        let one = |&base: &usize| convert(self.tap(base, i, j));
        L::Array::from_fn(|l| self.base.as_ref().get(l).map_or(T::default(), one))
    }
}

/// All lanes, one by one, by the channel's own arithmetic.
#[inline(always)]
pub(crate) fn block_any<L: Lanes, C: Channel, K: Kernel, O: Output<C>>(
    window: &Window<'_, C>,
    at: &Positions<L>,
    kernel: &K,
    out: &mut [O],
) {
    if L::LEN > L::Half::LEN && support::<K>() > 1 {
        // What sixteen lanes cannot do at once, eight may.
        for (at, out) in at.halves().into_iter().zip(out.chunks_exact_mut(L::Half::LEN)) {
            L::Half::call(AnyBlock::<_, _, L::Half, _> { window, at, kernel, out });
        }
        return;
    }
    let ([x, y], [fx, fy]) = (at.cell.map(L::i32_array), at.fraction.map(L::i32_array));
    let lanes = [x.as_ref(), y.as_ref(), fx.as_ref(), fy.as_ref()];
    if L::LEN == 1 || support::<K>() == 1 {
        each(window, lanes, kernel, out);
    } else {
        each_outlined(window, lanes, kernel, out);
    }
}

/// A block at the level that it is called at.
struct AnyBlock<'w, 'a, C, K, L: Lanes, O> {
    window: &'w Window<'a, C>,
    at: Positions<L>,
    kernel: &'w K,
    out: &'w mut [O],
}

impl<C: Channel, K: Kernel, L: Lanes, O: Output<C>> Operation for AnyBlock<'_, '_, C, K, L, O> {
    type Output = ();
    #[inline(always)]
    fn run<M: Lanes>(self) {
        C::block(self.window, &self.at.tight(), self.kernel, self.out);
    }
}

/// [`each`], once for all backends.
#[inline(never)]
fn each_outlined<C: Channel, K: Kernel, O: Output<C>>(
    window: &Window<'_, C>,
    lanes: [&[i32]; 4],
    kernel: &K,
    out: &mut [O],
) {
    each(window, lanes, kernel, out);
}

/// Pixels by their cells (x, y) and fractions (x, y), all in the kernel's area.
#[inline(always)]
fn each<C: Channel, K: Kernel, O: Output<C>>(
    window: &Window<'_, C>,
    [x, y, fx, fy]: [&[i32]; 4],
    kernel: &K,
    out: &mut [O],
) {
    let lanes = x.iter().zip(y).zip(fx.iter().zip(fy));
    for (out, ((&x, &y), (&fx, &fy))) in out.iter_mut().zip(lanes) {
        let at = Positions::<One> { cell: [x, y], fraction: [fx, fy], min: [x, y], max: [x, y] };
        let block = Block::new(window, &at);
        let [base] = block.base;
        if support::<K>() == 1 {
            *out = O::from_channel(block.tap(base, 0, 0));
            continue;
        }
        let (wx, wy) = (kernel.weights(C::fraction(fx as u32)), kernel.weights(C::fraction(fy as u32)));
        let rows = K::Taps::from_fn(|j| C::horizontal(&K::Taps::from_fn(|i| block.tap(base, i, j)), &wx));
        *out = C::finish(C::vertical(&rows, &wy));
    }
}

impl<C: Channel> Window<'_, C> {
    /// The partials at a position that the caller has found in the kernel's area, channel by channel.
    #[inline(always)]
    pub(super) fn partials<K: Kernel>(
        &self,
        kernel: &K,
        at: [Position; 2],
        dx: &mut [C::Derivative],
        dy: &mut [C::Derivative],
    ) {
        let at = Positions::<One>::gather(|| at);
        for (c, (dx, dy)) in dx.iter_mut().zip(dy).enumerate().take(self.step) {
            [*dx, *dy] = Block::new(&Window { channel: c, ..*self }, &at).partials(kernel);
        }
    }
}

impl<C: Channel> Block<'_, One, C> {
    /// The partials of the only lane.
    #[inline(always)]
    fn partials<K: Kernel>(&self, kernel: &K) -> [C::Derivative; 2] {
        let ([base], [fx, fy]) = (self.base, self.fraction.map(|f| C::fraction(f as u32)));
        let (wx, wy) = (kernel.weights(fx), kernel.weights(fy));
        let (sx, sy) = (kernel.slopes(fx), kernel.slopes(fy));
        let row = |j: usize| K::Taps::from_fn(|i| self.tap(base, i, j));
        let sloped = K::Taps::from_fn(|j| C::horizontal_slope(&row(j), &sx));
        let rows = K::Taps::from_fn(|j| C::horizontal(&row(j), &wx));
        [C::vertical(&sloped, &wy), C::vertical_slope(&rows, &sy)].map(C::finish_derivative)
    }
}

/// A block of `u8`, whose positions the caller has found in the kernel's area: two taps at a time.
///
/// Weights sum to one, so taps less 128 give the value less 128, exactly: the intermediates of
/// kernels with negative weights fit 16 bits then.
#[inline(always)]
pub(crate) fn block_u8<L: Lanes, K: Kernel, O: Output<u8>>(
    window: &Window<'_, u8>,
    at: &Positions<L>,
    kernel: &K,
    out: &mut [O],
) {
    if !(support::<K>() == 1 || support::<K>().is_multiple_of(2)) {
        block_any(window, at, kernel, out);
    } else if let Some(table) = L::ByteTable::new(window, at, support::<K>() as i32) {
        picked_u8::<L, K, O>(&table, at.fraction, kernel, out);
    } else if support::<K>() == 1 {
        block_any(window, at, kernel, out);
    } else if L::FETCHES {
        let mut pairs = no_pairs::<L, K>();
        if L::fetch_bytes(window, at, pairs.as_mut()) {
            sum_u8::<L, u8, K, O, _>(&weights_u8(kernel, at.fraction), &Fetched::<K, L>(pairs), out);
        } else {
            block_any(window, at, kernel, out);
        }
    } else if window.step == 1 {
        sum_u8::<L, u8, K, O, _>(&weights_u8(kernel, at.fraction), &Neighbours(Block::new(window, at)), out);
    } else {
        block_bytes(window, at, kernel, out);
    }
}

/// Pixels of one byte, of which two neighbours are read at once.
struct Neighbours<'a, L: Lanes>(Block<'a, L, u8>);

impl<L: Lanes> Pairs<L> for Neighbours<'_, L> {
    #[inline(always)]
    fn pair(&self, i: usize, j: usize) -> L::Pair {
        let Self(block) = self;
        L::pair_of(L::Array::from_fn(|l| {
            let base = block.base.as_ref().get(l).copied().unwrap_or_default();
            u16::from_le_bytes([block.tap(base, i, j), block.tap(base, i + 1, j)])
        }))
    }
}

/// The block whose taps a table has, for an even support or one tap.
#[inline(always)]
fn picked_u8<L: Lanes, K: Kernel, O: Output<u8>>(
    table: &L::ByteTable,
    fraction: [L::I32; 2],
    kernel: &K,
    out: &mut [O],
) {
    if support::<K>() == 1 {
        O::store_byte::<L>(table, out);
    } else {
        sum_u8::<L, u8, K, O, _>(&weights_u8(kernel, fraction), table, out);
    }
}

/// See [`ByteTable::room`]; for kernels whose blocks are picked from a table.
#[inline(always)]
pub(crate) fn room_u8<L: Lanes, K: Kernel>(extent: [i32; 2]) -> Option<[i32; 2]> {
    let support = support::<K>() as i32;
    if support == 1 || support % 2 == 0 { L::ByteTable::room(extent, support) } else { None }
}

/// A block of `u8` whose least cell the caller has found to have that room, and whose places are in a table.
#[inline(always)]
pub(crate) fn near_u8<L: Lanes, K: Kernel, O: Output<u8>>(
    window: &Window<'_, u8>,
    at: &NearPositions<L>,
    room: [i32; 2],
    kernel: &K,
    out: &mut [O],
) {
    if let Some(table) = L::ByteTable::near(window, at, room, support::<K>() as i32) {
        picked_u8::<L, K, O>(&table, at.fraction, kernel, out);
    }
}

/// A block of `u8`, wherever its positions are; or false, with nothing done.
#[inline(always)]
pub(crate) fn across_u8<L: Lanes, K: Kernel, O: Output<u8>>(
    window: &Window<'_, u8>,
    at: &Positions<L>,
    outside: u8,
    kernel: &K,
    out: &mut [O],
) -> bool {
    if !(support::<K>() == 1 || support::<K>().is_multiple_of(2)) {
        return false;
    }
    let Some(table) = L::ByteTable::across(window, at, support::<K>() as i32, outside) else { return false };
    picked_u8::<L, K, O>(&table, at.fraction, kernel, out);
    true
}

/// A block of a channel that is read as a `u8`, whose positions the caller has found in the kernel's area.
#[inline(always)]
pub(crate) fn block_bytes<L: Lanes, C: Channel<Rounded = i32> + Into<u8>, K: Kernel, O: Output<C>>(
    window: &Window<'_, C>,
    at: &Positions<L>,
    kernel: &K,
    out: &mut [O],
) {
    if support::<K>().is_multiple_of(2) {
        sum_u8::<L, C, K, O, _>(&weights_u8(kernel, at.fraction), &Block::new(window, at), out);
    } else {
        block_any(window, at, kernel, out);
    }
}

/// A block of pixels of 2 to 4 channels of `u8`, whose taps the caller knows to be within reach; false, with nothing
/// done, if the backend has no way of its own.
#[inline(always)]
pub(crate) fn block_pixels<L: Lanes, K: Kernel, O: Output<u8>>(
    window: &Window<'_, u8>,
    at: &Positions<L>,
    reach: Reach<&[u8]>,
    kernel: &K,
    out: &mut [O],
) -> bool {
    let (mut channels, mut sums) = ([[L::pack(L::splat(0), L::splat(0)); 2]; 4], [L::splat(0); 4]);
    let (Some(channels), Some(sums)) = (channels.get_mut(..window.step), sums.get_mut(..window.step)) else {
        return false;
    };
    if support::<K>() != 2 || !L::fetch_pixels(window, at, reach, channels) {
        return false;
    }
    let weights = weights_u8(kernel, at.fraction);
    for (sum, pairs) in sums.iter_mut().zip(channels) {
        let rows = K::Taps::from_fn(|j| K::Taps::filled(pairs.get(j).copied().unwrap_or(pairs[0])));
        *sum = summed_u8::<L, u8, K, O, _>(&weights, &Fetched::<K, L>(rows));
    }
    O::store_pixels::<L>(sums, out);
    true
}

/// Pairs that are there, each at the place of its first tap.
struct Fetched<K: Kernel, L: Lanes>(K::Taps<K::Taps<L::Pair>>);

impl<K: Kernel, L: Lanes> Pairs<L> for Fetched<K, L> {
    #[inline(always)]
    fn pair(&self, i: usize, j: usize) -> L::Pair {
        match self.0.as_ref().get(j).and_then(|row| row.as_ref().get(i)) {
            Some(&pair) => pair,
            None => L::pack(L::splat(0), L::splat(0)),
        }
    }
}

/// Where pairs of taps come from. (A trait, since a closure would not be inlined with the level's
/// target features.)
pub trait Pairs<L: Lanes> {
    /// Taps (i, j) and (i + 1, j) of every lane.
    fn pair(&self, i: usize, j: usize) -> L::Pair;
}

/// The bytes from which all taps of a block can be picked.
pub trait ByteTable<L: Lanes>: Pairs<L> + Copy {
    /// Those of a block whose cells are in the area of a kernel of this support, if they are near
    /// enough to each other for the backend.
    fn new(window: &Window<'_, u8>, at: &Positions<L>, support: i32) -> Option<Self>;
    /// The same for cells anywhere, where all that is outside of the image is one value.
    #[inline(always)]
    fn across(_: &Window<'_, u8>, _: &Positions<L>, _support: i32, _outside: u8) -> Option<Self> {
        None
    }
    /// Tap (0, 0) of every lane.
    fn byte(&self) -> L::I32;
    /// The same, as bytes.
    #[inline(always)]
    fn store_byte(&self, out: &mut [u8]) {
        L::store_u8(self.byte(), out);
    }
    /// The logarithm of the columns of a table that [`near`](Self::near) makes.
    const PITCH: u32 = 0;
    /// How far cells may be from the least one so that there is [`room`](Self::room) for kernels of up to four taps.
    const REACH: [i32; 2] = [0; 2];
    /// How many columns and rows, from the first tap of all on, [`near`](Self::near) reads for cells that are at most
    /// so far from each other; `None` if it does not reach so far, or the backend has no use for it.
    #[inline(always)]
    fn room(_extent: [i32; 2], _support: i32) -> Option<[i32; 2]> {
        None
    }
    /// The table for places around whose least cell there is this room in the image; `None` if the backend has no use
    /// for room.
    #[inline(always)]
    fn near(_: &Window<'_, u8>, _: &NearPositions<L>, _room: [i32; 2], _support: i32) -> Option<Self> {
        None
    }
}

impl<L: Lanes, C: Channel + Into<u8>> Pairs<L> for Block<'_, L, C> {
    #[inline(always)]
    fn pair(&self, i: usize, j: usize) -> L::Pair {
        let number = |c: C| i16::from(c.into());
        L::pair(self.taps(i, j, number), self.taps(i + 1, j, number))
    }
}

#[inline(always)]
fn weights_u8<L: Lanes, K: Kernel>(kernel: &K, [x, y]: [L::I32; 2]) -> [K::Taps<LanesQ14<L>>; 2] {
    [kernel.weights(LanesQ14(x)), kernel.weights(LanesQ14(y))]
}

#[inline(always)]
fn sum_u8<L: Lanes, C: Channel<Rounded = i32>, K: Kernel, O: Output<C>, T: Pairs<L>>(
    weights: &[K::Taps<LanesQ14<L>>; 2],
    taps: &T,
    out: &mut [O],
) {
    O::store::<L>(summed_u8::<L, C, K, O, T>(weights, taps), out);
}

/// What is stored of that.
#[inline(always)]
fn summed_u8<L: Lanes, C: Channel<Rounded = i32>, K: Kernel, O: Output<C>, T: Pairs<L>>(
    [wx, wy]: &[K::Taps<LanesQ14<L>>; 2],
    taps: &T,
) -> L::I32 {
    let offset: i16 = if support::<K>() > 2 { 128 } else { 0 };
    let mut rows = K::Taps::filled(L::splat(1 << 6));
    for (j, row) in rows.as_mut().iter_mut().enumerate() {
        for (n, [w0, w1]) in wx.as_ref().as_chunks::<2>().0.iter().enumerate() {
            let mut taps = taps.pair(2 * n, j);
            if offset != 0 {
                taps = L::pair_less(taps, offset);
            }
            *row = L::dot_add(*row, taps, L::pack(w0.0, w1.0));
        }
        *row = L::shr(*row, 7);
    }
    let mut sum = L::splat((1 << (20 - O::BITS)) + (i32::from(offset) << 21));
    let (rows, wy) = (rows.as_ref().as_chunks::<2>().0, wy.as_ref().as_chunks::<2>().0);
    for ([t0, t1], [w0, w1]) in rows.iter().zip(wy) {
        sum = L::dot_add(sum, L::pack(*t0, *t1), L::pack(w0.0, w1.0));
    }
    L::shr(sum, 21 - O::BITS)
}

/// The partials of a block of `u8`, whose taps the caller knows to be within reach, and the values if there is room for
/// any. False, with nothing done, if there is no way for these.
#[inline(always)]
pub(crate) fn partials_u8<L: Lanes, K: Kernel, O: Output<u8>>(
    window: &Window<'_, u8>,
    at: &Positions<L>,
    reach: Reach<u8>,
    kernel: &K,
    values: &mut [O],
    dx: &mut [i32],
    dy: &mut [i32],
) -> bool {
    let support = support::<K>();
    if !support.is_multiple_of(2) {
        return false;
    }
    let table = match reach {
        Reach::Inside => L::ByteTable::new(window, at, support as i32),
        Reach::Across(outside) => match L::ByteTable::across(window, at, support as i32, outside) {
            None => return false,
            table => table,
        },
    };
    if let Some(table) = table {
        if !values.is_empty() {
            picked_u8::<L, K, O>(&table, at.fraction, kernel, values);
        }
        sloped_u8::<L, K, _>(kernel, at.fraction, &table, [dx, dy]);
        return true;
    }
    if !values.is_empty() {
        block_u8(window, at, kernel, values);
    }
    let mut pairs = no_pairs::<L, K>();
    if L::FETCHES && L::fetch_bytes(window, at, pairs.as_mut()) {
        sloped_u8::<L, K, _>(kernel, at.fraction, &Fetched::<K, L>(pairs), [dx, dy]);
    } else {
        sloped_u8::<L, K, _>(kernel, at.fraction, &Neighbours(Block::new(window, at)), [dx, dy]);
    }
    true
}

/// The partials of a block of `u8`. (In 32 bits: a slope of two does not fit 16.)
#[inline(always)]
fn sloped_u8<L: Lanes, K: Kernel, T: Pairs<L>>(
    kernel: &K,
    fraction: [L::I32; 2],
    taps: &T,
    [dx, dy]: [&mut [i32]; 2],
) {
    let [wx, wy] = weights_u8::<L, K>(kernel, fraction);
    let [x, y] = fraction;
    let (sx, sy) = (kernel.slopes(LanesQ14::<L>(x)), kernel.slopes(LanesQ14::<L>(y)));
    let (zero, one, half) = (L::splat(0), L::splat(1), L::splat(1 << 6));
    let (low, high) = (L::pack(one, zero), L::pack(zero, one));
    let (mut along, mut across) = (half, half);
    for (j, (wy, sy)) in wy.as_ref().iter().zip(sy.as_ref()).enumerate() {
        let (mut row, mut sloped) = (half, half);
        let columns = wx.as_ref().as_chunks::<2>().0.iter().zip(sx.as_ref().as_chunks::<2>().0);
        for (n, ([w0, w1], [s0, s1])) in columns.enumerate() {
            let pair = taps.pair(2 * n, j);
            row = L::dot_add(row, pair, L::pack(w0.0, w1.0));
            sloped = L::add(sloped, L::mul(L::dot(pair, low), s0.0));
            sloped = L::add(sloped, L::mul(L::dot(pair, high), s1.0));
        }
        along = L::add(along, L::mul(L::shr(sloped, 7), wy.0));
        across = L::add(across, L::mul(L::shr(row, 7), sy.0));
    }
    <i32 as Output<u8>>::store::<L>(L::shr(along, 7), dx);
    <i32 as Output<u8>>::store::<L>(L::shr(across, 7), dy);
}

/// Whether 16-bit taps of a kernel are read and summed two at a time: of more than 14 the sums would not fit.
#[inline(always)]
fn pairs_16<L: Lanes, K: Kernel>() -> bool {
    L::LEN > 1 && support::<K>().is_multiple_of(2) && support::<K>() <= 14
}

/// A block of a 16-bit channel, whose taps the caller knows to be within reach. False, with nothing done, if the
/// backend has no way across the border.
#[inline(always)]
pub(crate) fn block_16<
    const SIGNED: bool,
    L: Lanes,
    C: Channel<Rounded = i32> + Into<i32>,
    K: Kernel,
    O: Output<C>,
>(
    window: &Window<'_, C>,
    at: &Positions<L>,
    reach: Reach<C>,
    kernel: &K,
    out: &mut [O],
) -> bool {
    let inside = matches!(reach, Reach::Inside);
    let mut pairs = no_pairs::<L, K>();
    if !pairs_16::<L, K>() || (L::FETCHES && !L::fetch_16(window, at, reach, pairs.as_mut())) {
        if inside {
            block_any(window, at, kernel, out);
        }
        return inside;
    }
    if !L::FETCHES {
        if !inside {
            return false;
        }
        let block = Block::new(window, at);
        for (j, row) in pairs.as_mut().iter_mut().enumerate() {
            for (n, [pair, _]) in row.as_mut().as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let word = |v: C| -> i16 { v.into() as i16 };
                *pair = L::pair(block.taps(2 * n, j, word), block.taps(2 * n + 1, j, word));
            }
        }
    }
    sum_16::<SIGNED, L, C, K, O>(&weights_16(kernel, at.fraction), &Fetched(pairs), out);
    true
}

#[inline(always)]
fn weights_16<L: Lanes, K: Kernel>(kernel: &K, [x, y]: [L::I32; 2]) -> [K::Taps<LanesQ24<L>>; 2] {
    [kernel.weights(LanesQ24(x)), kernel.weights(LanesQ24(y))]
}

#[inline(always)]
fn no_pairs<L: Lanes, K: Kernel>() -> K::Taps<K::Taps<L::Pair>> {
    K::Taps::filled(K::Taps::filled(L::pack(L::splat(0), L::splat(0))))
}

/// A pair of 16-bit taps, less 2^15 if they have no sign.
#[inline(always)]
fn words<const SIGNED: bool, L: Lanes, K: Kernel>(taps: &Fetched<K, L>, i: usize, j: usize) -> L::Pair {
    let pair = taps.pair(i, j);
    if SIGNED { pair } else { L::pair_less(pair, i16::MIN) }
}

/// Weights have 24 bits. Along a row their upper and their lower twelve are multiplied with pairs of taps, less 2^15
/// if they have no sign (weights sum to one, so that is what the sums are less, too).
#[inline(always)]
fn sum_16<const SIGNED: bool, L: Lanes, C: Channel<Rounded = i32>, K: Kernel, O: Output<C>>(
    [wx, wy]: &[K::Taps<LanesQ24<L>>; 2],
    taps: &Fetched<K, L>,
    out: &mut [O],
) {
    let mut rows = K::Taps::filled(L::splat(1 << 15));
    for (i, [w0, w1]) in wx.as_ref().as_chunks::<2>().0.iter().enumerate() {
        let low = L::splat((1 << 12) - 1);
        let weights = L::pack(L::and(w0.0, low), L::and(w1.0, low));
        for (j, row) in rows.as_mut().iter_mut().enumerate() {
            *row = L::dot_add(*row, words::<SIGNED, L, K>(taps, 2 * i, j), weights);
        }
    }
    for row in rows.as_mut() {
        *row = L::shr(*row, 12);
    }
    for (i, [w0, w1]) in wx.as_ref().as_chunks::<2>().0.iter().enumerate() {
        let weights = L::pack(L::shr(w0.0, 12), L::shr(w1.0, 12));
        for (j, row) in rows.as_mut().iter_mut().enumerate() {
            *row = L::dot_add(*row, words::<SIGNED, L, K>(taps, 2 * i, j), weights);
        }
    }
    for row in rows.as_mut() {
        *row = L::shr(*row, 4);
    }
    let start = (1 << (31 - O::BITS)) + if SIGNED { 0 } else { 1 << 47 };
    // Of two weights the second says what the first is. (That leaves as many bits as rows have.)
    if let ([first, second], [_, w]) = (rows.as_ref(), wy.as_ref())
        && const { O::BITS <= 8 }
    {
        let part = L::i64_add(L::mul_wide(L::sub(*second, *first), w.0), L::i64_splat(start));
        return O::store::<L>(L::shr(L::add(*first, L::narrow(part, 24)), 8 - O::BITS), out);
    }
    let mut sum = L::i64_splat(start);
    for (&row, wy) in rows.as_ref().iter().zip(wy.as_ref()) {
        sum = L::i64_add(sum, L::mul_wide(row, wy.0));
    }
    O::store::<L>(L::narrow(sum, 32 - O::BITS), out);
}

/// A block of `f32`, whose taps the caller knows to be within reach.
#[inline(always)]
pub(crate) fn block_f32<L: Lanes, K: Kernel, O: Output<f32>>(
    window: &Window<'_, f32>,
    at: &Positions<L>,
    reach: Reach<f32>,
    kernel: &K,
    out: &mut [O],
) {
    let mut taps = K::Taps::filled(K::Taps::filled(L::f32_splat(0.0)));
    match reach {
        Reach::Inside if L::FETCHES => {
            if !L::fetch_f32(window, at, taps.as_mut()) {
                return block_any(window, at, kernel, out);
            }
        }
        Reach::Inside if support::<K>() == 1 => return block_any(window, at, kernel, out),
        _ => taps_f32::<L, K>(window, at, reach, &mut taps),
    }
    block_sum_f32::<L, K, O>(&weights_f32(kernel, at.fraction), &taps, out);
}

#[inline(always)]
fn weights_f32<L: Lanes, K: Kernel>(kernel: &K, [x, y]: [L::I32; 2]) -> [K::Taps<LanesF32<L>>; 2] {
    let unit = L::f32_splat(1.0 / 16_777_216.0);
    let (x, y) = (L::f32_mul(L::f32_from(x), unit), L::f32_mul(L::f32_from(y), unit));
    [kernel.weights(LanesF32(x)), kernel.weights(LanesF32(y))]
}

#[inline(always)]
fn block_sum_f32<L: Lanes, K: Kernel, O: Output<f32>>(
    [wx, wy]: &[K::Taps<LanesF32<L>>; 2],
    taps: &K::Taps<K::Taps<L::F32>>,
    out: &mut [O],
) {
    let mut rows = K::Taps::filled(L::f32_splat(0.0));
    for (row, taps) in rows.as_mut().iter_mut().zip(taps.as_ref()) {
        *row = sum_f32::<L>(taps.as_ref(), wx.as_ref(), false);
    }
    O::store::<L>(sum_f32::<L>(rows.as_ref(), wy.as_ref(), false), out);
}

/// The taps of neighbouring pixels with one fraction: those of each element (a channel of a pixel) begin
/// one element after those of the last.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a, C> {
    /// From the first tap of the first element.
    data: &'a [C],
    stride: usize,
    /// Channels.
    step: usize,
}

impl<'a, C: Channel> Line<'a, C> {
    /// The line that begins at a cell in the kernel's area.
    #[inline(always)]
    fn new(window: &Window<'a, C>, [x, y]: [Position; 2]) -> Option<Self> {
        let cell = |p: Position| (p.cell + window.first) as usize;
        let data = window.data.get(cell(y) * window.stride + cell(x) * window.step..)?;
        Some(Self { data, stride: window.stride, step: window.step })
    }

    /// Tap (i, j) of some elements from the k-th on.
    #[inline(always)]
    fn taps(&self, k: usize, i: usize, j: usize, count: usize) -> &'a [C] {
        let begin = j * self.stride + i * self.step + k;
        self.data.get(begin..begin + count).unwrap_or_default()
    }

    /// Copies of tap (n, n) of all elements.
    #[inline(always)]
    fn copy<O: Output<C>>(&self, n: usize, out: &mut [O]) -> bool {
        O::copy(self.taps(0, n, n, out.len()), out)
    }
}

/// The elements of a line from the k-th on, with so many taps each.
struct Onward<'a, C> {
    line: &'a Line<'a, C>,
    k: usize,
    taps: usize,
}

impl<L: Lanes> Pairs<L> for Onward<'_, u8> {
    #[inline(always)]
    fn pair(&self, i: usize, j: usize) -> L::Pair {
        // (All of a row at once, which is looked for once.)
        let step = self.line.step;
        let row = self.line.taps(self.k, 0, j, L::LEN + (self.taps - 1) * step);
        let (low, high) =
            (row.get(i * step..).unwrap_or_default(), row.get((i + 1) * step..).unwrap_or_default());
        L::pair_bytes(low, high)
    }
}

/// Where the blocks of so many elements begin: the last one again at the place where it ends with them.
#[inline(always)]
fn begins<L: Lanes>(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(L::LEN).map(move |k| k.min(len.saturating_sub(L::LEN)))
}

/// A line of `u8`, of at least one block.
#[inline(always)]
pub(crate) fn line_u8<L: Lanes, K: Kernel, O: Output<u8>>(
    line: &Line<'_, u8>,
    fraction: [L::I32; 2],
    kernel: &K,
    out: &mut [O],
) -> bool {
    if !support::<K>().is_multiple_of(2) || out.len() < L::LEN {
        return false;
    }
    let weights = weights_u8(kernel, fraction);
    for k in begins::<L>(out.len()) {
        if let Some(out) = out.get_mut(k..k + L::LEN) {
            sum_u8::<L, u8, K, O, _>(&weights, &Onward { line, k, taps: support::<K>() }, out);
        }
    }
    true
}

/// A line of a 16-bit channel, of at least one block.
#[inline(always)]
pub(crate) fn line_16<
    const SIGNED: bool,
    L: Lanes,
    C: Channel<Rounded = i32> + Into<i32>,
    K: Kernel,
    O: Output<C>,
>(
    line: &Line<'_, C>,
    fraction: [L::I32; 2],
    kernel: &K,
    out: &mut [O],
) -> bool {
    if !pairs_16::<L, K>() || out.len() < L::LEN {
        return false;
    }
    let weights = weights_16(kernel, fraction);
    for k in begins::<L>(out.len()) {
        let mut pairs = no_pairs::<L, K>();
        for (j, row) in pairs.as_mut().iter_mut().enumerate() {
            for (n, [pair, _]) in row.as_mut().as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let word = |&v: &C| -> i16 { v.into() as i16 };
                let (low, high) = (line.taps(k, 2 * n, j, L::LEN), line.taps(k, 2 * n + 1, j, L::LEN));
                *pair = L::pair(
                    L::Array::from_fn(|l| low.get(l).map_or(0, word)),
                    L::Array::from_fn(|l| high.get(l).map_or(0, word)),
                );
            }
        }
        if let Some(out) = out.get_mut(k..k + L::LEN) {
            sum_16::<SIGNED, L, C, K, O>(&weights, &Fetched(pairs), out);
        }
    }
    true
}

/// A line of `f32`, of at least one block.
#[inline(always)]
pub(crate) fn line_f32<L: Lanes, K: Kernel, O: Output<f32>>(
    line: &Line<'_, f32>,
    fraction: [L::I32; 2],
    kernel: &K,
    out: &mut [O],
) -> bool {
    if out.len() < L::LEN {
        return false;
    }
    let weights = weights_f32(kernel, fraction);
    for k in begins::<L>(out.len()) {
        let mut taps = K::Taps::filled(K::Taps::filled(L::f32_splat(0.0)));
        for (j, row) in taps.as_mut().iter_mut().enumerate() {
            for (i, tap) in row.as_mut().iter_mut().enumerate() {
                if let Some(from) = L::Array::from_slice(line.taps(k, i, j, L::LEN)) {
                    *tap = L::f32(from);
                }
            }
        }
        if let Some(out) = out.get_mut(k..k + L::LEN) {
            block_sum_f32::<L, K, O>(&weights, &taps, out);
        }
    }
    true
}

/// Fills `out` with the values of pixels that all have the fraction of the first one's position, whose
/// taps the caller has found in the source; or false, with nothing done.
#[inline(always)]
fn shifted<L: Lanes, P: Tap, K: Kernel, O: Output<P::Channel>>(
    kernel: &K,
    window: &Window<'_, P::Channel>,
    at: [Position; 2],
    out: &mut [O],
) -> bool {
    let Some(line) = Line::new(window, at) else { return false };
    let middle = (support::<K>() - 1) / 2;
    let one = |p: Position| {
        let weights = kernel.weights(P::Channel::fraction(p.fraction));
        let expected = |i: usize| if i == middle { Weight::one() } else { Weight::zero() };
        weights.as_ref().iter().enumerate().all(|(i, w)| *w == expected(i))
    };
    if at.into_iter().all(one) && line.copy(middle, out) {
        return true;
    }
    let [x, y] = at;
    let fraction = [L::splat(x.fraction as i32), L::splat(y.fraction as i32)];
    P::Channel::line::<L, K, O>(&line, fraction, kernel, out)
}

/// As `f32_sum` in the kernel module: of weights, or of slopes.
#[inline(always)]
pub(super) fn sum_f32<L: Lanes>(taps: &[L::F32], weights: &[LanesF32<L>], slopes: bool) -> L::F32 {
    let centre = (taps.len() - 1) / 2;
    let Some(&c) = taps.get(centre) else { return L::f32_splat(0.0) };
    let mut sum = if slopes { L::f32_splat(0.0) } else { c };
    for (i, (&p, w)) in taps.iter().zip(weights).enumerate() {
        if i != centre {
            let term = L::f32_mul(w.0, L::f32_sub(p, c));
            sum = L::f32_select_nonzero(w.0, L::f32_add(sum, term), sum);
        }
    }
    sum
}

/// What becomes of the pixels of a block that is not inside: `constant` is asked where the channel has a use for it,
/// `nothing` where no tap is inside, then `patch`; `fill` fills the rest. Pixels may be drawn over.
pub(crate) trait Outside<W, P: Tap, O> {
    /// Whether there are none: all walks are inside.
    #[inline(always)]
    fn none(&self) -> bool {
        false
    }
    /// Fills pixels none of whose taps is inside, if that needs no look at the source.
    #[inline(always)]
    fn nothing(&self, _out: &mut [O]) -> bool {
        false
    }
    /// What all pixels outside are, if they are one value that sums keep.
    #[inline(always)]
    fn constant(&self) -> Option<P> {
        None
    }
    /// Copies the pixels of the extended image from `min` to `max`, if one may compute with copies.
    #[inline(always)]
    fn patch(&self, _: &mut Patch<P>, _min: [i32; 2], _max: [i32; 2]) -> bool {
        false
    }
    /// Fills the pixels along a walk.
    fn fill(&self, walk: &W, out: &mut [O]);
}

/// Fills `out` (channels of whole pixels) with the values along the walk, block by block; `outside`
/// knows what to do with those of which some tap may be outside of the source.
#[inline(always)]
pub(crate) fn blocks<L: Lanes, P: Tap, K: Kernel, W: Walk, O: Output<P::Channel>>(
    kernel: &K,
    source: Image<'_, P>,
    walk: &W,
    out: &mut [O],
    outside: &impl Outside<W, P, O>,
) {
    let to = rounding::<K, P::Channel>();
    let (channels, n) = (P::CHANNELS, L::LEN);
    let len = out.len() / channels;
    let area = Area::new::<K>(source.width(), source.height());
    let window = Window::new::<K, P>(&source);
    // One lane steps as the walk itself does, so that its ends say all.
    if n == 1 && walk.inside(len, to, &area) {
        #[cfg(thumb)]
        if let Some(line) = walk.line() {
            // SAFETY: every cell is in the area, so every tap is in the image.
            if unsafe { super::arm::line::<P::Channel, K, O>(&window, line, to, out) } {
                return;
            }
        }
        let mut steps = walk.lanes::<L>(to);
        if !<W::Lanes<L> as Steps<L>>::TELLS {
            for pixel in out.chunks_exact_mut(channels) {
                draw::<L, P, K, O>(kernel, &window, &steps.next(), pixel);
            }
            return;
        }
        let (mut told, mut left) = ([[MaybeUninit::uninit(); TOLD]; 2], out);
        while !left.is_empty() {
            let count = steps.tell(&mut told, left.len() / channels);
            let len = if count == 0 { left.len() } else { count * channels };
            let Some((out, rest)) = left.split_at_mut_checked(len) else { return };
            left = rest;
            #[cfg(dsp)]
            // SAFETY: as above, and as many are told as there are pixels.
            if count > 0 && unsafe { super::arm::told::<P::Channel, K, O>(&window, &told, out) } {
                continue;
            }
            // (One place for both, since it is long.)
            for (pixel, k) in out.chunks_exact_mut(channels).zip(0..) {
                let at = match (told[0].get(k), told[1].get(k)) {
                    (Some(&x), Some(&y)) if k < count => {
                        // SAFETY: so many have been told.
                        let at = [x, y].map(|v| position(unsafe { v.assume_init() }, to.bits));
                        Positions::gather(|| at)
                    }
                    _ => steps.next(),
                };
                draw::<L, P, K, O>(kernel, &window, &at, pixel);
            }
        }
        return;
    }
    if n == 1 && outside.none() {
        return;
    }
    let touching = Area::touching::<K>(source.width(), source.height());
    let beside = &Beside { kernel, window: &window, area: &area, touching: &touching, outside };
    // Where all pixels have one fraction, those that are inside are drawn at once.
    let mut inner = len..len;
    if n > 1
        && let Some(first) = walk.shift(to)
    {
        let inside = span::interior(walk, 0, len, to, &area);
        let at = if inside.start == 0 { first } else { walk.at(inside.start).position(to) };
        let pixels = out.get_mut(inside.start * channels..inside.end * channels).unwrap_or_default();
        if !pixels.is_empty() && shifted::<L, P, K, O>(kernel, &window, at, pixels) {
            inner = inside;
        }
    } else if n > 1 && (walk.line().is_some() || tells::<L, P, K, W>()) {
        inner = L::call(Inside { beside, walk, out: &mut *out });
    }
    if inner == (0..len) {
        return;
    }
    // The others before and after them. Of a line those that no tap of is inside lie at the ends.
    if n > 1 && len >= n && walk.line().is_some() {
        let (touched, mut all) = (span::interior(walk, 0, len, to, &touching), 0..len);
        let (before, rest) = out.split_at_mut_checked(touched.start * channels).unwrap_or_default();
        let after = rest.get_mut(touched.len() * channels..).unwrap_or_default();
        if outside.nothing(before) && outside.nothing(after) {
            all = touched;
        }
        for mut part in [all.start..inner.start.min(all.end), inner.end..all.end] {
            // Whole blocks, of some pixels once more.
            while let Some(k) = part.next().map(|k| k.min(len - n)) {
                let Some(block) = out.get_mut(k * channels..(k + n) * channels) else { return };
                L::call(BesideBlock::<_, _, _, _, L, _> { beside, at: None, walk: &walk.at(k), out: block });
                part.start = part.end.min(k + n);
            }
        }
        return;
    }
    let mut steps = walk.lanes::<L>(to);
    let (mut begin, mut end) = (0, inner.start);
    loop {
        if end - begin < n {
            if begin == end {
                if end == len {
                    return;
                }
                (begin, end) = (inner.end, len);
                steps = walk.at(begin).lanes::<L>(to);
                continue;
            }
            // The last pixels: as a whole block, of some pixels once more, where there are as many.
            if end < n {
                let out = out.get_mut(begin * channels..end * channels).unwrap_or_default();
                rest::<P, K, W, O>(kernel, &window, &area, &walk.at(begin), out, outside);
                begin = end;
                continue;
            }
            begin = end - n;
            steps = walk.at(begin).lanes::<L>(to);
        }
        let at = steps.next();
        let Some(block) = out.get_mut(begin * channels..(begin + n) * channels) else { return };
        begin += n;
        // What the blocks' invariant rests on: all cells are in the area, by its definition all taps
        // are in the image then, and so is what the window reads of them.
        if area.contains_box(&at.min, &at.max) {
            draw::<L, P, K, O>(kernel, &window, &at, block);
            continue;
        }
        if touching.misses_box(&at.min, &at.max) && outside.nothing(block) {
            continue;
        }
        let walk = walk.at(begin - n);
        if n == 1 {
            beside.draw::<L, W, O>(&at, &walk, block);
        } else {
            L::call(BesideBlock { beside, at: Some(at), walk: &walk, out: block });
        }
    }
}

/// Draws the blocks along a walk that are inside, as far as that is known without a look at each, and where taps that
/// are near to each other have room around them all others in between: which pixels they are. (By a call, which
/// leaves more registers.)
struct Inside<'w, 'a, P: Tap, K, S, W, O> {
    beside: &'w Beside<'w, 'a, P, K, S>,
    walk: &'w W,
    /// Of the whole walk.
    out: &'w mut [O],
}

/// Whether blocks along any walk have a use for room.
#[inline(always)]
fn roomy<L: Lanes, P: Tap, K: Kernel>() -> bool {
    P::CHANNELS == 1 && P::Channel::room::<L, K>([0; 2]).is_some()
}

/// Whether there are positions near to each other of which blocks along such a walk make use.
#[inline(always)]
fn tells<L: Lanes, P: Tap, K: Kernel, W: Walk>() -> bool {
    roomy::<L, P, K>() || <<W::Lanes<L> as Steps<L>>::Near as Near<L>>::TELLS
}

impl<P: Tap, K: Kernel, S: Outside<W, P, O>, W: Walk, O: Output<P::Channel>> Operation
    for Inside<'_, '_, P, K, S, W, O>
{
    type Output = Range<usize>;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Range<usize> {
        let Self { beside, walk, out } = self;
        let (window, kernel, to) = (beside.window.of::<K, P>(), *beside.kernel, rounding::<K, P::Channel>());
        let len = out.len() / P::CHANNELS;
        let whole = |pixels: Range<usize>| pixels.start..pixels.end - pixels.len() % L::LEN;
        let (mut inside, mut pixels) = (len..len, whole(0..len));
        // A walk that has so many blocks whose taps are not near is left to blocks().
        let (mut here, mut patience, mut room) = (0, 8, [0; 2]);
        // (Without a table places are told apart again.)
        let (roomy, pitch) = (roomy::<L, P, K>(), if roomy::<L, P, K>() { L::ByteTable::PITCH } else { 6 });
        while tells::<L, P, K, W>() && here < pixels.end {
            let (Some(mut near), ready) = walk.at(here).lanes::<L>(to).near() else { break };
            let extent @ [columns, rows] = near.extent();
            let taps = [columns + support::<K>() as i32, rows + support::<K>() as i32];
            let Some(needed) = (if roomy { P::Channel::room::<L, K>(extent) } else { Some(taps) }) else {
                break;
            };
            room = needed;
            let area = Area::around(window.first, room, [window.width, window.height]);
            if walk.line().is_some() {
                inside = span::interior(walk, 0, len, to, &area);
                pixels = whole(inside.clone());
                here = pixels.start;
                let (Some(moved), _) = walk.at(here).lanes::<L>(to).near() else { break };
                near = moved;
            }
            let end = pixels.end.min(here.saturating_add(ready));
            let blocks = out.get_mut(here * P::CHANNELS..end * P::CHANNELS).unwrap_or_default();
            let known = walk.line().is_some() || near.stays(end.saturating_sub(here), &area);
            for out in blocks.chunks_exact_mut(L::LEN * P::CHANNELS) {
                let told = near.next(pitch);
                if let Some(at) = &told
                    && (known || area.contains_box(&at.least, &at.least))
                {
                    if roomy {
                        P::Channel::block_near(&window, at, room, &kernel, out);
                    } else {
                        draw::<L, P, K, O>(&kernel, &window, &at.positions(pitch, extent), out);
                    }
                } else {
                    if !known && told.is_none() {
                        patience -= 1;
                        if patience == 0 {
                            return 0..here;
                        }
                    }
                    let known = told.as_ref().map(|at| at.positions(pitch, extent));
                    let missed = |at: &Positions<L>| beside.touching.misses_box(&at.min, &at.max);
                    if !(known.as_ref().is_some_and(missed) && beside.outside.nothing(out)) {
                        seldom::<L, _>(BesideBlock { beside, at: known, walk: &walk.at(here), out });
                    }
                }
                here += L::LEN;
            }
        }
        if walk.line().is_none() {
            return 0..here;
        }
        if !inside.is_empty() && !pixels.is_empty() {
            // The last pixels inside as a whole block again.
            if pixels.end < inside.end
                && let last = inside.end - L::LEN
                && let (Some(mut near), _) = walk.at(last).lanes::<L>(to).near()
                && let Some(at) = near.next(L::ByteTable::PITCH)
                && let Some(out) = out.get_mut(last..inside.end)
            {
                P::Channel::block_near(&window, &at, room, &kernel, out);
                return inside;
            }
            return pixels;
        }
        let inside = span::interior(walk, 0, len, to, beside.area);
        let pixels = whole(inside.clone());
        let mut steps = walk.at(pixels.start).lanes::<L>(to);
        let whole = out.get_mut(pixels.start * P::CHANNELS..pixels.end * P::CHANNELS).unwrap_or_default();
        for block in whole.chunks_exact_mut(L::LEN * P::CHANNELS) {
            draw::<L, P, K, O>(&kernel, &window, &steps.next(), block);
        }
        if pixels.is_empty() {
            return len..len;
        }
        let last = inside.end - L::LEN;
        if pixels.end < inside.end
            && let Some(out) = out.get_mut(last * P::CHANNELS..inside.end * P::CHANNELS)
        {
            draw::<L, P, K, O>(&kernel, &window, &walk.at(last).lanes::<L>(to).next(), out);
        }
        inside
    }
}

/// What a block needs that is not inside.
struct Beside<'w, 'a, P: Tap, K, S> {
    kernel: &'w K,
    window: &'w Window<'a, P::Channel>,
    area: &'w Area,
    touching: &'w Area,
    outside: &'w S,
}

impl<P: Tap, K: Kernel, S> Beside<'_, '_, P, K, S> {
    #[inline(always)]
    fn draw<L: Lanes, W: Walk, O: Output<P::Channel>>(&self, at: &Positions<L>, walk: &W, out: &mut [O])
    where
        S: Outside<W, P, O>,
    {
        let mut patch;
        let (mut window, mut at) = (*self.window, *at);
        if !self.area.contains_box(&at.min, &at.max)
            && let Some(v) = self.outside.constant()
            && across::<L, P, K, O>(self.kernel, &window, &at, v, out)
        {
            return;
        }
        // The box that is known may be larger than it must.
        if walk.line().is_none() {
            at = at.tight();
        }
        if !self.area.contains_box(&at.min, &at.max) {
            if self.touching.misses_box(&at.min, &at.max) && self.outside.nothing(out) {
                return;
            }
            patch = Patch::<P>::new();
            let Some(patched) = patched::<L, P, K, W, O>(&mut patch, &at, self.outside) else {
                self.outside.fill(walk, out);
                return;
            };
            (window, at) = patched;
        }
        // As in blocks().
        draw::<L, P, K, O>(self.kernel, &window, &at, out);
    }
}

/// Such a block, at positions of the level that it is called at, by a call: what is inside has the registers for
/// itself.
struct BesideBlock<'w, 'a, P: Tap, K, S, W, L: Lanes, O> {
    beside: &'w Beside<'w, 'a, P, K, S>,
    /// Where it is, if that is known.
    at: Option<Positions<L>>,
    /// From there on.
    walk: &'w W,
    out: &'w mut [O],
}

impl<L: Lanes, P: Tap, K: Kernel, S: Outside<W, P, O>, W: Walk, O: Output<P::Channel>> Operation
    for BesideBlock<'_, '_, P, K, S, W, L, O>
{
    type Output = ();
    #[inline(always)]
    fn run<M: Lanes>(self) {
        let at = match self.at {
            Some(at) => at,
            None => self.walk.exact::<L>(rounding::<K, P::Channel>()),
        };
        // (A length that is known makes what is stored no call.)
        if let Some(out) = self.out.get_mut(..L::LEN * P::CHANNELS) {
            self.beside.draw(&at, self.walk, out);
        }
    }
}

/// [`Lanes::call`] where that is seldom done, so that registers are for what is done else.
#[cold]
#[inline(never)]
fn seldom<L: Lanes, O: Operation>(operation: O) -> O::Output {
    L::call(operation)
}

/// A block that sticks out on a copy of what is around it, inside which it is.
#[inline(always)]
fn patched<'a, L: Lanes, P: Tap, K: Kernel, W: Walk, O: Output<P::Channel>>(
    patch: &'a mut Patch<P>,
    at: &Positions<L>,
    outside: &impl Outside<W, P, O>,
) -> Option<(Window<'a, P::Channel>, Positions<L>)> {
    let [min, max] = at.taps(first_tap::<K>(), support::<K>() as i32);
    if L::LEN == 1 || !outside.patch(patch, min, max) {
        return None;
    }
    let at = at.less(patch.origin());
    let image = patch.image()?;
    // As in blocks().
    let inside = Area::new::<K>(image.width(), image.height()).contains_box(&at.min, &at.max);
    inside.then(|| (Window::new::<K, P>(&image), at))
}

/// Fewer pixels than a block has, one by one.
#[inline(always)]
fn rest<P: Tap, K: Kernel, W: Walk, O: Output<P::Channel>>(
    kernel: &K,
    window: &Window<'_, P::Channel>,
    area: &Area,
    walk: &W,
    out: &mut [O],
    outside: &impl Outside<W, P, O>,
) {
    let mut steps = walk.lanes::<One>(rounding::<K, P::Channel>());
    for (k, pixel) in out.chunks_exact_mut(P::CHANNELS.max(1)).enumerate() {
        let at = steps.next();
        // As in blocks().
        if area.contains_box(&at.min, &at.max) {
            draw::<One, P, K, O>(kernel, window, &at, pixel);
        } else {
            outside.fill(&walk.at(k), pixel);
        }
    }
}

/// One block of lanes, whose cells are all in the area (the caller's promise).
#[inline(always)]
fn draw<L: Lanes, P: Tap, K: Kernel, O: Output<P::Channel>>(
    kernel: &K,
    window: &Window<'_, P::Channel>,
    at: &Positions<L>,
    out: &mut [O],
) {
    let channels = P::CHANNELS;
    if channels == 1 {
        return P::Channel::block(window, at, kernel, out);
    }
    if P::Channel::block_pixels(window, at, Reach::Inside, kernel, out) {
        return;
    }
    // Up to four channels side by side, more one after the other.
    let mut columns = [L::Array::filled(O::from_channel(P::Channel::default())); 4];
    let Some(columns) = columns.get_mut(..channels) else {
        for c in 0..channels {
            let mut column = L::Array::filled(O::from_channel(P::Channel::default()));
            P::Channel::block(&Window { channel: c, ..*window }, at, kernel, column.as_mut());
            for (pixel, &v) in out.chunks_exact_mut(channels).zip(column.as_ref()) {
                if let Some(out) = pixel.get_mut(c) {
                    *out = v;
                }
            }
        }
        return;
    };
    for (c, column) in columns.iter_mut().enumerate() {
        P::Channel::block(&Window { channel: c, ..*window }, at, kernel, column.as_mut());
    }
    O::interleave::<L>(columns, out);
}

/// One block of lanes wherever they are, where outside of the source is one pixel, which sums keep. Or false, with
/// nothing done.
#[inline(always)]
fn across<L: Lanes, P: Tap, K: Kernel, O: Output<P::Channel>>(
    kernel: &K,
    window: &Window<'_, P::Channel>,
    at: &Positions<L>,
    outside: P,
    out: &mut [O],
) -> bool {
    let outside = P::flatten(core::slice::from_ref(&outside));
    if let [v] = outside {
        return P::Channel::block_across(window, at, *v, kernel, out);
    }
    P::Channel::block_pixels(window, at, Reach::Across(outside), kernel, out)
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
    // See fill().
    if !Area::new::<K>(source.width(), source.height()).contains(at) {
        return false;
    }
    Window::new::<K, P>(&source).partials(kernel, at, dx, dy);
    true
}
