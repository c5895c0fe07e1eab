//! Blocks of partials: the slopes of N neighbouring pixels at once, and their values if wanted, from
//! the same taps.
//!
//! Where `Constant` is outside of the source, a block may lie across the border: its taps are fetched
//! at clamped indices and replaced where they are outside.

use super::block::{Block, Window, sum_f32};
use super::lanes::LanesF32;
use super::steps::{Positions, Steps};
use super::{Lanes, One};
use crate::boundary::Boundary;
use crate::image::Tap;
use crate::kernel::{Array, Channel, Interpolator, Kernel, Output, rounding, support};
use crate::sample::Source;
use crate::span::{self, Area};
use crate::walk::Walk;

/// Where the taps of a block are.
#[derive(Clone, Copy, Debug)]
pub enum Reach<C> {
    /// All of them in the source.
    Inside,
    /// Some of them maybe not: there they are this.
    Across(C),
}

/// Writes the partials along a walk, and the values if there is room for any (then for all), which
/// `Transparent` may leave.
#[inline(always)]
pub(crate) fn run_partials<L: Lanes, P: Tap, K: Kernel, W: Walk>(
    kernel: &K,
    source: &Source<'_, P>,
    walk: &W,
    values: &mut [P::Sampled],
    dx: &mut [P::Derivative],
    dy: &mut [P::Derivative],
) {
    // (What cannot be is not compiled.)
    if const { L::LEN == 1 || P::CHANNELS > 1 || !P::Channel::BLOCK_PARTIALS } {
        return singly(kernel, source, walk, values, dx, dy);
    }
    let (to, n, len) = (rounding::<K, P::Channel>(), L::LEN, dx.len());
    let (width, height) = (source.image.width(), source.image.height());
    let (area, touching) = (Area::new::<K>(width, height), Area::touching::<K>(width, height));
    let flat = is_flat(source);
    let mut done = 0;
    let across = match &source.boundary {
        Boundary::Constant(v) => P::flatten(core::slice::from_ref(v)).first().filter(|v| v.is_kept()),
        _ => None,
    };
    let window = Window::new::<K, P>(&source.image);
    let mut steps = walk.lanes::<L>(to);
    // Whole blocks; the last one again begins earlier, so as to end with the run.
    while done < len && len >= n {
        let at = if done + n <= len {
            steps.next()
        } else {
            done = len - n;
            walk.at(done).lanes::<L>(to).next()
        };
        let block = done..done + n;
        done += n;
        let (Some(dx), Some(dy)) = (dx.get_mut(block.clone()), dy.get_mut(block.clone())) else { return };
        let values = values.get_mut(block).unwrap_or_default();
        if flat && touching.misses_box(&at.min, &at.max) {
            source.fill_nothing(<P::Sampled>::flatten_mut(values));
            dx.fill(P::zero_derivative());
            dy.fill(P::zero_derivative());
            continue;
        }
        // What the blocks' invariant rests on.
        let all = area.contains_box(&at.min, &at.max);
        let at = if all { at } else { at.tight() };
        let reach = match across {
            _ if all || area.contains_box(&at.min, &at.max) => Some(Reach::Inside),
            Some(&v) => Some(Reach::Across(v)),
            None => None,
        };
        let drawn = match reach {
            Some(reach) => P::Channel::block_partials(
                &window,
                &at,
                reach,
                kernel,
                <P::Sampled>::flatten_mut(values),
                P::flatten_derivatives(dx),
                P::flatten_derivatives(dy),
            ),
            None => false,
        };
        if !drawn {
            one_by_one(kernel, source, &walk.at(done - n), values, dx, dy);
        }
    }
    let (Some(dx), Some(dy)) = (dx.get_mut(done..), dy.get_mut(done..)) else { return };
    one_by_one(kernel, source, &walk.at(done), values.get_mut(done..).unwrap_or_default(), dx, dy);
}

/// Whether there is no slope where all taps are outside: they are one value. (A sum of one that is not finite is not
/// that.)
#[inline(always)]
fn is_flat<P: Tap>(source: &Source<'_, P>) -> bool {
    match &source.boundary {
        Boundary::Constant(v) => P::flatten(core::slice::from_ref(v)).iter().all(|v| v.is_finite()),
        Boundary::Transparent => true,
        _ => false,
    }
}

/// [`run_partials`] for one lane, or for pixels of which there are no blocks: the same for all levels.
#[inline(never)]
fn singly<P: Tap, K: Kernel, W: Walk>(
    kernel: &K,
    source: &Source<'_, P>,
    walk: &W,
    values: &mut [P::Sampled],
    dx: &mut [P::Derivative],
    dy: &mut [P::Derivative],
) {
    let (to, len) = (rounding::<K, P::Channel>(), dx.len());
    if !walk.monotone(len) {
        return one_by_one(kernel, source, walk, values, dx, dy);
    }
    if !values.is_empty() {
        values_singly(kernel, source, walk, values);
    }
    let (width, height) = (source.image.width(), source.image.height());
    let (area, touching) = (Area::new::<K>(width, height), Area::touching::<K>(width, height));
    let [outer, inner] = span::parts(walk, len, to, &area, is_flat(source).then_some(&touching));
    for nothing in [0..outer.start, outer.end..len] {
        dx.get_mut(nothing.clone()).unwrap_or_default().fill(P::zero_derivative());
        dy.get_mut(nothing).unwrap_or_default().fill(P::zero_derivative());
    }
    for edge in [outer.start..inner.start, inner.end..outer.end] {
        let first = edge.start;
        let (Some(dx), Some(dy)) = (dx.get_mut(edge.clone()), dy.get_mut(edge)) else { return };
        one_by_one(kernel, source, &walk.at(first), &mut [], dx, dy);
    }
    let first = walk.at(inner.start);
    let (Some(dx), Some(dy)) = (dx.get_mut(inner.clone()), dy.get_mut(inner)) else { return };
    inside(kernel, source, &first, dx, dy);
}

/// The values of those.
// (On its own, so that what it needs of the stack is not needed without values.)
#[inline(never)]
fn values_singly<P: Tap, K: Kernel, W: Walk>(
    kernel: &K,
    source: &Source<'_, P>,
    walk: &W,
    values: &mut [P::Sampled],
) {
    kernel.fill_run::<One, P, W, _>(source, walk, <P::Sampled>::flatten_mut(values), false);
}

/// The same for pixels that the caller has found in the kernel's area.
// (On its own, so that its loop has the registers.)
#[inline(never)]
fn inside<P: Tap, K: Kernel, W: Walk>(
    kernel: &K,
    source: &Source<'_, P>,
    walk: &W,
    dx: &mut [P::Derivative],
    dy: &mut [P::Derivative],
) {
    let (to, mut walk) = (rounding::<K, P::Channel>(), walk.clone());
    let window = Window::new::<K, P>(&source.image);
    let (dx, dy) = (P::flatten_derivatives(dx), P::flatten_derivatives(dy));
    let channels = P::CHANNELS.max(1);
    for (dx, dy) in dx.chunks_exact_mut(channels).zip(dy.chunks_exact_mut(channels)) {
        window.partials(kernel, walk.position(to), dx, dy);
        walk.step();
    }
}

/// The same, pixel by pixel.
#[inline(never)]
pub(crate) fn one_by_one<P: Tap, I: Interpolator, W: Walk>(
    rule: &I,
    source: &Source<'_, P>,
    walk: &W,
    values: &mut [P::Sampled],
    dx: &mut [P::Derivative],
    dy: &mut [P::Derivative],
) {
    let (to, to_partials) = (I::rounding::<P::Channel>(), I::partials_rounding::<P::Channel>());
    let mut along = walk.clone();
    for value in values {
        rule.value(source, along.position(to), <P::Sampled>::flatten_mut(core::slice::from_mut(value)));
        along.step();
    }
    let mut along = walk.clone();
    for (dx, dy) in dx.iter_mut().zip(dy) {
        let (dx, dy) = (core::slice::from_mut(dx), core::slice::from_mut(dy));
        let at = along.position(to_partials);
        rule.partials(source, at, P::flatten_derivatives(dx), P::flatten_derivatives(dy));
        along.step();
    }
}

/// A block of `f32`.
#[inline(always)]
pub(crate) fn partials_f32<L: Lanes, K: Kernel, O: Output<f32>>(
    window: &Window<'_, f32>,
    at: &Positions<L>,
    reach: Reach<f32>,
    kernel: &K,
    values: &mut [O],
    dx: &mut [f32],
    dy: &mut [f32],
) {
    let unit = L::f32_splat(1.0 / 16_777_216.0);
    let [fx, fy] = at.fraction.map(|f| LanesF32::<L>(L::f32_mul(L::f32_from(f), unit)));
    let (wx, wy, sx, sy) = (kernel.weights(fx), kernel.weights(fy), kernel.slopes(fx), kernel.slopes(fy));
    let zero = K::Taps::filled(L::f32_splat(0.0));
    let (mut rows, mut sloped, mut taps) = (zero, zero, K::Taps::filled(zero));
    taps_f32::<L, K>(window, at, reach, &mut taps);
    for ((row, sloped), taps) in rows.as_mut().iter_mut().zip(sloped.as_mut()).zip(taps.as_ref()) {
        *row = sum_f32::<L>(taps.as_ref(), wx.as_ref(), false);
        *sloped = sum_f32::<L>(taps.as_ref(), sx.as_ref(), true);
    }
    if !values.is_empty() {
        O::store::<L>(sum_f32::<L>(rows.as_ref(), wy.as_ref(), false), values);
    }
    <f32 as Output<f32>>::store::<L>(sum_f32::<L>(sloped.as_ref(), wy.as_ref(), false), dx);
    <f32 as Output<f32>>::store::<L>(sum_f32::<L>(rows.as_ref(), sy.as_ref(), true), dy);
}

/// The taps of a block, row by row.
#[inline(always)]
pub(super) fn taps_f32<L: Lanes, K: Kernel>(
    window: &Window<'_, f32>,
    at: &Positions<L>,
    reach: Reach<f32>,
    taps: &mut K::Taps<K::Taps<L::F32>>,
) {
    match reach {
        Reach::Inside => {
            if L::collect_f32(window, at.cell, taps.as_mut()) {
                return;
            }
            let block = Block::new(window, at);
            for (j, row) in taps.as_mut().iter_mut().enumerate() {
                for (i, tap) in row.as_mut().iter_mut().enumerate() {
                    *tap = L::f32(block.taps(i, j, |p| p));
                }
            }
        }
        Reach::Across(outside) => {
            let outside = L::f32_splat(outside);
            let [x, y] = at.cell;
            let last = [window.width, window.height].map(|side| side as i32 - 1);
            // The columns from which as many pixels as there are taps are inside, and where the taps are from there.
            let support = support::<K>();
            let column = L::clamp(L::add(x, L::splat(window.first)), window.width as i32 - support as i32);
            let off = L::sub(L::add(x, L::splat(window.first)), column);
            for (j, row) in taps.as_mut().iter_mut().enumerate() {
                let y = L::add(y, L::splat(window.first + j as i32));
                let inside_y = L::clamp(y, last[1]);
                let mut pixels = K::Taps::filled(outside);
                let cell = [column, inside_y].map(|v| L::sub(v, L::splat(window.first)));
                if window.width >= support && L::collect_f32(window, cell, core::slice::from_mut(&mut pixels))
                {
                    for (i, tap) in row.as_mut().iter_mut().enumerate() {
                        let mut there = outside;
                        for (k, &pixel) in pixels.as_ref().iter().enumerate() {
                            // Tap i is the k-th pixel.
                            there = L::f32_select_equal(off, L::splat(k as i32 - i as i32), pixel, there);
                        }
                        *tap = L::f32_select_equal(y, inside_y, there, outside);
                    }
                    continue;
                }
                for (i, tap) in row.as_mut().iter_mut().enumerate() {
                    let x = L::add(x, L::splat(window.first + i as i32));
                    let inside_x = L::clamp(x, last[0]);
                    let there = L::f32(window.pick::<L>(x, y));
                    let there = L::f32_select_equal(x, inside_x, there, outside);
                    *tap = L::f32_select_equal(y, inside_y, there, outside);
                }
            }
        }
    }
}
