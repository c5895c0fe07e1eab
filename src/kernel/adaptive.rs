//! Adaptive interpolation: one rule where the image is smooth, another one at its edges.
//!
//! In: two rules and a gate. Out: a rule whose value is between theirs.
//!
//! **Definition.** `V = (1 - a) V_smooth + a V_sharp`, with the gate a from the local gradient
//! g (the partials of the smooth rule at the same position), by channel, so that interleaved
//! channels are what their planes would be:
//!
//! | gate | a |
//! |---|---|
//! | [`Soft`] | `q = \|g\|^2 / (\|g\|^2 + tau^2)`: 1/2 where the gradient is tau, and the complement of the conductance of Perona and Malik (1990), `1 / (1 + (\|g\| / tau)^2)` |
//! | [`Hard`] | 1 where `\|g\| >= tau`, else 0 |
//! | [`GateImage`] | read from an image of the caller's at the nearest pixel of the source, for all channels |
//!
//! tau is in grey levels per pixel. Gates are in Q24, values of both rules in Q14 (`f32`: `f32`), and V
//! is rounded once more, half up. (16-bit values are beyond Q14 for kernels whose absolute weights sum
//! to more than 1.7 along an axis.) For `f32` V is `V_smooth + a (V_sharp - V_smooth)`, and one of the
//! two itself where a is 0 or 1 or they are equal. The arithmetic of gates is in [`Fine`]. Coordinates
//! are rounded to the fraction of the channel, and then to whole pixels for a rule that wants those.
//! Where the boundary has either rule leave the destination, so does this.
//!
//! **Partials** are of two kinds, named by the gate.
//!
//! - Exact, for `Soft` with [`Bilinear`] as the smooth rule:
//!
//!   ```text
//!   dV = (1 - a) dV_smooth + a dV_sharp + (V_sharp - V_smooth) da
//!   da/dx = 2 (p gy / tau) (p gxy / tau),  da/dy = 2 (p gx / tau) (p gxy / tau),  p = 1 - a
//!   ```
//!
//!   since the only second derivative of bilinear interpolation is the mixed one. (Both factors in
//!   Q24, rounded half up; likewise the product.)
//! - [`Frozen`]: the gate declared constant, the last term left out, for any smooth rule. `Hard` and
//!   `GateImage` are constant almost everywhere, so for them that is exact too.
//!
//! `dV_sharp` is what the sharp rule calls its partials: for [`Nearest`](super::Nearest) zero.
//!
//! **Adjoint.** V is linear in the image only where the gate does not depend on it: with a
//! `GateImage` and two kernels there is an adjoint ([`Linear`]), and with no other gate.
//! Its weights are those of both kernels, along y times the gate (1 - a for the smooth one), rounded as
//! products of weights.
//!
//! A sharp rule does not preserve detail because the gradient is high: its error there is the gradient
//! times its offset. It preserves *steps*. Where nothing but steps should stay, gate hard.
#![forbid(unsafe_code)]

use core::ops::Range;

use super::fine::Tau;
use super::interpolator::{Edge, WeightOf, each_tap};
use super::{Array, Bilinear, Channel, Fine, Interpolator, Kernel, Linear, Output, StraightThrough};
use crate::Error;
use crate::boundary::Boundary;
use crate::fixed::{Position, Rounding, Weight};
use crate::gradient::PartialsRun;
use crate::image::{Image, ImageMut, Tap};
use crate::sample::{Source, footprint};
use crate::simd::{self, Lanes, Operation, PLACES};
use crate::span::Area;
use crate::walk::{AffineWalk, Walk};

type Derivative<P> = <<P as Tap>::Channel as Channel>::Derivative;

/// Between a smooth rule and a sharp one, by a gate: see the [module](self).
///
/// ```
/// use nonius::kernel::adaptive::Soft;
/// use nonius::{Adaptive, Bilinear, Boundary, Image, Nearest, Sampler};
/// let image = Image::new(&[10u8, 12, 14, 214], 4, 1)?;
/// let adaptive = Adaptive::new(Bilinear, Nearest, Soft::new(20.0)?);
/// let sampler = Sampler::new(adaptive, Boundary::Replicate);
/// assert_eq!(sampler.sample(image, 0.5, 0), Some(11)); // as bilinear: 2 levels per pixel
/// assert_eq!(sampler.sample(image, 2.25, 0), Some(14)); // bilinear 64, nearest 14
/// # Ok::<(), nonius::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Adaptive<S, H, G> {
    smooth: S,
    sharp: H,
    gate: G,
}

impl<S: Interpolator, H: Interpolator, G: Sloped<S>> Adaptive<S, H, G> {
    /// `smooth` where the gate is zero, `sharp` where it is one.
    pub const fn new(smooth: S, sharp: H, gate: G) -> Self {
        Self { smooth, sharp, gate }
    }
}

/// How much of the sharp rule there is at a position.
pub trait Gate: Copy + Send + Sync + super::sealed::Sealed {
    /// Writes the gate of each channel.
    #[doc(hidden)]
    fn gates<P: Tap, S: Interpolator>(
        &self,
        smooth: &S,
        source: &Source<'_, P>,
        at: [Position; 2],
        gates: &mut [Derivative<P>],
    );

    /// Writes the gates of the pixels along a line; there is room for as many derivatives.
    #[doc(hidden)]
    #[inline(always)]
    fn gates_run<L: Lanes, P: Tap, S: Interpolator>(
        &self,
        smooth: &S,
        source: &Source<'_, P>,
        line: &AffineWalk,
        gates: &mut [P::Derivative],
        _room: &mut [P::Derivative],
    ) {
        let mut line = *line;
        for gates in gates {
            let at = line.position(fraction::<P>());
            self.gates(smooth, source, at, P::flatten_derivatives(core::slice::from_mut(gates)));
            line.step();
        }
    }
}

/// A gate whose derivative along the coordinates is known, with this smooth rule, or is declared to
/// be zero.
pub trait Sloped<S: Interpolator>: Gate {
    /// Whether there is anything to add.
    #[doc(hidden)]
    const SLOPES: bool = false;

    /// Adds to the partials what the derivative of the gate makes of the difference between the sharp
    /// and the smooth value; `gates` are the gates.
    #[doc(hidden)]
    #[inline(always)]
    fn add_slopes<P: Tap>(
        &self,
        _source: &Source<'_, P>,
        _at: [Position; 2],
        _gates: &[Derivative<P>],
        _values: [&[Derivative<P>]; 2],
        _partials: [&mut [Derivative<P>]; 2],
    ) {
    }
}

/// A gate that opens gradually.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Soft(Tau);

/// A gate that is open or closed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hard(Tau);

impl Soft {
    /// Half open at a gradient of `tau` grey levels per pixel.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a threshold that is not between 2^-14 and 65536.
    pub fn new(tau: f64) -> Result<Self, Error> {
        Tau::new(tau).map(Self).ok_or(Error::InvalidOption)
    }
}

impl Hard {
    /// Open from a gradient of `tau` grey levels per pixel on.
    ///
    /// # Errors
    /// As [`Soft::new`].
    pub fn new(tau: f64) -> Result<Self, Error> {
        Tau::new(tau).map(Self).ok_or(Error::InvalidOption)
    }
}

/// A gate that is declared constant as far as partials are concerned: they are then not the derivative
/// of the value, but `(1 - a) dV_smooth + a dV_sharp`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frozen<G>(pub G);

/// Gates from an image over the source: 0 (smooth) to 16384 (sharp), in Q14; more is one.
///
/// Read at the nearest pixel, the nearest one inside where the position is outside. It should have the
/// size of the source; where it is smaller, its last column and row go on.
#[derive(Clone, Copy, Debug)]
pub struct GateImage<'a>(Image<'a, u16>);

impl<'a> GateImage<'a> {
    /// These gates.
    pub const fn new(gates: Image<'a, u16>) -> Self {
        Self(gates)
    }

    /// The gates that a [`Soft`] or [`Hard`] gate has at the pixels of a guide: from the central
    /// differences there, replicated at the border, and the largest one of all channels. Written to
    /// `gates`.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] if the two differ in size.
    pub fn of<P: Tap>(
        gate: &impl Gate,
        guide: Image<'_, P>,
        gates: &'a mut ImageMut<'_, u16>,
    ) -> Result<Self, Error> {
        if (guide.width(), guide.height()) != (gates.width(), gates.height()) {
            return Err(Error::SizeMismatch);
        }
        let source = Source::new(guide, Boundary::Replicate);
        for (y, row) in gates.rows_mut().enumerate() {
            for (x, out) in row.iter_mut().enumerate() {
                let at = [x, y].map(|v| Position { cell: v as i32, fraction: 0 });
                let mut here = P::zero_derivative();
                let here = P::flatten_derivatives(core::slice::from_mut(&mut here));
                gate.gates(&StraightThrough, &source, at, here);
                *out = here.iter().map(|a| a.to_gate()).max().unwrap_or(0);
            }
        }
        Ok(Self(gates.as_image()))
    }

    /// The gate of a position, in Q14.
    #[inline]
    fn at(&self, at: [Position; 2], bits: u32) -> u16 {
        let [x, y] = at.map(|p| p.offset(bits, 0, Rounding::half_up(0)).cell);
        let clamp = |v: i32, side: usize| v.min(side as i32 - 1).max(0) as usize;
        let gate = self.0.get(clamp(x, self.0.width()), clamp(y, self.0.height()));
        gate.map_or(0, |a| a.min(1 << 14))
    }
}

impl super::sealed::Sealed for Soft {}
impl super::sealed::Sealed for Hard {}
impl<G> super::sealed::Sealed for Frozen<G> {}
impl super::sealed::Sealed for GateImage<'_> {}

/// A gate that is a function of the gradient.
#[doc(hidden)]
pub trait ByGradient: Copy + Send + Sync + super::sealed::Sealed {
    #[doc(hidden)]
    fn of<D: Fine>(&self, gx: D, gy: D) -> D;
}

impl ByGradient for Soft {
    #[inline(always)]
    fn of<D: Fine>(&self, gx: D, gy: D) -> D {
        D::soft(gx, gy, &self.0)
    }
}

impl ByGradient for Hard {
    #[inline(always)]
    fn of<D: Fine>(&self, gx: D, gy: D) -> D {
        D::hard(gx, gy, &self.0)
    }
}

impl<G: ByGradient> Gate for G {
    #[inline]
    fn gates<P: Tap, S: Interpolator>(
        &self,
        smooth: &S,
        source: &Source<'_, P>,
        at: [Position; 2],
        gates: &mut [Derivative<P>],
    ) {
        let mut dy = P::zero_derivative();
        let dy = P::flatten_derivatives(core::slice::from_mut(&mut dy));
        partials(smooth, source, at, gates, dy);
        for (gate_or_dx, &dy) in gates.iter_mut().zip(dy.iter()) {
            *gate_or_dx = self.of(*gate_or_dx, dy);
        }
    }
    #[inline(always)]
    fn gates_run<L: Lanes, P: Tap, S: Interpolator>(
        &self,
        smooth: &S,
        source: &Source<'_, P>,
        line: &AffineWalk,
        gates: &mut [P::Derivative],
        room: &mut [P::Derivative],
    ) {
        partials_run::<L, P, S>(smooth, source, line, [&mut *gates, &mut *room]);
        let (gates_or_dx, dy) = (P::flatten_derivatives(gates), &*P::flatten_derivatives(room));
        L::call(Gates { gate: self, gates_or_dx, dy });
    }
}

// (What is made of whole runs is called, so that all rules have it once.)

/// Gates from partials.
struct Gates<'w, D, G> {
    gate: &'w G,
    gates_or_dx: &'w mut [D],
    dy: &'w [D],
}

impl<D: Fine, G: ByGradient> Operation for Gates<'_, D, G> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (gate_or_dx, &dy) in self.gates_or_dx.iter_mut().zip(self.dy) {
            *gate_or_dx = self.gate.of(*gate_or_dx, dy);
        }
    }
}

/// Values of both rules, blended to what is wanted of them.
struct Blend<'w, C: Channel, O> {
    smooth: &'w [C::Derivative],
    sharp: &'w [C::Derivative],
    gates: &'w [C::Derivative],
    out: &'w mut [O],
}

impl<C: Channel, O: Output<C>> Operation for Blend<'_, C, O> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let parts = self.smooth.iter().zip(self.sharp).zip(self.gates);
        for (out, ((&smooth, &sharp), &a)) in self.out.iter_mut().zip(parts) {
            *out = O::from_rounded(Fine::blend(smooth, sharp, a, O::BITS).into());
        }
    }
}

/// The same of partials, in place.
struct BlendPartials<'w, D> {
    smooth: &'w mut [D],
    sharp: &'w [D],
    gates: &'w [D],
}

impl<D: Fine> Operation for BlendPartials<'_, D> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for ((smooth, &sharp), &a) in self.smooth.iter_mut().zip(self.sharp).zip(self.gates) {
            *smooth = Fine::blend(*smooth, sharp, a, 14);
        }
    }
}

impl<G: Gate> Gate for Frozen<G> {
    #[inline]
    fn gates<P: Tap, S: Interpolator>(
        &self,
        smooth: &S,
        source: &Source<'_, P>,
        at: [Position; 2],
        gates: &mut [Derivative<P>],
    ) {
        self.0.gates(smooth, source, at, gates);
    }
    #[inline(always)]
    fn gates_run<L: Lanes, P: Tap, S: Interpolator>(
        &self,
        smooth: &S,
        source: &Source<'_, P>,
        line: &AffineWalk,
        gates: &mut [P::Derivative],
        room: &mut [P::Derivative],
    ) {
        self.0.gates_run::<L, P, S>(smooth, source, line, gates, room);
    }
}

impl Gate for GateImage<'_> {
    #[inline]
    fn gates<P: Tap, S: Interpolator>(
        &self,
        _: &S,
        _: &Source<'_, P>,
        at: [Position; 2],
        gates: &mut [Derivative<P>],
    ) {
        gates.fill(Fine::from_gate(self.at(at, <P::Channel as Channel>::FRACTION_BITS)));
    }
}

impl<S: Interpolator> Sloped<S> for Hard {}
impl<S: Interpolator> Sloped<S> for GateImage<'_> {}
impl<S: Interpolator, G: Gate> Sloped<S> for Frozen<G> {}

impl Sloped<Bilinear> for Soft {
    const SLOPES: bool = true;

    #[inline]
    fn add_slopes<P: Tap>(
        &self,
        source: &Source<'_, P>,
        at: [Position; 2],
        gates: &[Derivative<P>],
        [smooth, sharp]: [&[Derivative<P>]; 2],
        [dx, dy]: [&mut [Derivative<P>]; 2],
    ) {
        let (mut gx, mut gy) = (P::zero_derivative(), P::zero_derivative());
        let gx = P::flatten_derivatives(core::slice::from_mut(&mut gx));
        let gy = P::flatten_derivatives(core::slice::from_mut(&mut gy));
        Bilinear.partials(source, at, gx, gy);
        let index = source.sloped_indices::<Bilinear>(at);
        let [sx, sy] = at.map(|p| Bilinear.slopes(P::Channel::fraction(p.fraction)));
        let gradients = gx.iter().zip(gy.iter());
        let partials = dx.iter_mut().zip(dy.iter_mut());
        let values = smooth.iter().zip(sharp).zip(gates);
        for (c, ((partials, gradients), ((&smooth, &sharp), &a))) in
            partials.zip(gradients).zip(values).enumerate()
        {
            let row = |j: usize| <[P::Channel; 2]>::from_fn(|i| source.tap::<Bilinear>(&index, i, j, c));
            let rows = <[_; 2]>::from_fn(|j| P::Channel::horizontal_slope(&row(j), &sx));
            let mixed = P::Channel::finish_derivative(P::Channel::vertical_slope(&rows, &sy));
            let ((dx, dy), (&gx, &gy)) = (partials, gradients);
            *dx = Fine::add_gate_slope(*dx, [smooth, sharp], a, gy, mixed, &self.0);
            *dy = Fine::add_gate_slope(*dy, [smooth, sharp], a, gx, mixed, &self.0);
        }
    }
}

/// The value of one of the two rules at a position with the channel's fraction.
#[inline]
fn value<P: Tap, I: Interpolator>(
    rule: &I,
    source: &Source<'_, P>,
    at: [Position; 2],
    out: &mut [Derivative<P>],
) -> bool {
    let bits = <P::Channel as Channel>::FRACTION_BITS;
    rule.value(source, at.map(|p| p.offset(bits, 0, I::rounding::<P::Channel>())), out)
}

/// The partials of one of the two rules at a position with the channel's fraction.
#[inline]
fn partials<P: Tap, I: Interpolator>(
    rule: &I,
    source: &Source<'_, P>,
    at: [Position; 2],
    dx: &mut [Derivative<P>],
    dy: &mut [Derivative<P>],
) {
    let bits = <P::Channel as Channel>::FRACTION_BITS;
    rule.partials(source, at.map(|p| p.offset(bits, 0, I::partials_rounding::<P::Channel>())), dx, dy);
}

/// How coordinates are rounded first: to the fraction of the channel.
#[inline(always)]
fn fraction<P: Tap>() -> Rounding {
    Rounding::half_up(<P::Channel as Channel>::FRACTION_BITS)
}

/// The line along which a rule rounds what has been rounded to the fraction of the channel: to round half up twice is
/// to round so once, half a unit of the first rounding further on.
#[inline(always)]
fn along<P: Tap>(line: &AffineWalk, to: Rounding) -> AffineWalk {
    let half = 1 << (31 - fraction::<P>().bits);
    if to == fraction::<P>() { *line } else { line.from([half; 2]) }
}

// (What a rule does along a line is called, so that all that is made of it has it once.)

/// The values of one of the two rules. False, if some of the destination may have to be left.
struct ValuesRun<'w, 'a, P: Tap, I> {
    rule: &'w I,
    source: &'w Source<'a, P>,
    line: &'w AffineWalk,
    values: &'w mut [P::Derivative],
}

impl<P: Tap, I: Interpolator> Operation for ValuesRun<'_, '_, P, I> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes>(self) -> bool {
        let Self { rule, source, line, values } = self;
        let to = I::rounding::<P::Channel>();
        let line = along::<P>(line, to);
        let area = I::area(source.image.width(), source.image.height());
        let inside = line.inside(values.len(), to, &area);
        if matches!(source.boundary, Boundary::Transparent) && !inside {
            return false;
        }
        let values = P::flatten_derivatives(values);
        rule.values().fill_run::<L, P, _, Derivative<P>>(source, &line, values, inside);
        true
    }
}

/// The partials of one of the two rules.
#[inline(always)]
fn partials_run<L: Lanes, P: Tap, I: Interpolator>(
    kernel: &I,
    source: &Source<'_, P>,
    line: &AffineWalk,
    [dx, dy]: [&mut [P::Derivative]; 2],
) {
    let walk = &along::<P>(line, I::partials_rounding::<P::Channel>());
    L::call(PartialsRun::<_, _, _, false> { kernel, source, walk, values: &mut [], dx, dy });
}

/// What is blended along a run of at most [`PLACES`] pixels.
struct Run<P: Tap> {
    smooth: [P::Derivative; PLACES],
    sharp: [P::Derivative; PLACES],
    gates: [P::Derivative; PLACES],
}

impl<P: Tap> Run<P> {
    #[inline(always)]
    fn new() -> Self {
        let none = P::zero_derivative();
        Self { smooth: [none; PLACES], sharp: [none; PLACES], gates: [none; PLACES] }
    }

    /// Values and gates of so many pixels, and the partials of the smooth and of the sharp rule if there is room for them.
    /// False if some of the destination may have to be left.
    #[inline(always)]
    fn fill<L: Lanes, S: Interpolator, H: Interpolator, G: Gate>(
        &mut self,
        rule: &Adaptive<S, H, G>,
        source: &Source<'_, P>,
        line: &AffineWalk,
        len: usize,
        partials: Option<[[&mut [P::Derivative]; 2]; 2]>,
    ) -> bool {
        let smooth = self.smooth.get_mut(..len).unwrap_or_default();
        let sharp = self.sharp.get_mut(..len).unwrap_or_default();
        let gates = self.gates.get_mut(..len).unwrap_or_default();
        if !L::call(ValuesRun { rule: &rule.smooth, source, line, values: smooth }) {
            return false;
        }
        // (Nothing sharp is there yet.)
        rule.gate.gates_run::<L, P, S>(&rule.smooth, source, line, gates, sharp);
        if let Some([of_smooth, of_sharp]) = partials {
            partials_run::<L, P, S>(&rule.smooth, source, line, of_smooth);
            partials_run::<L, P, H>(&rule.sharp, source, line, of_sharp);
        }
        L::call(ValuesRun { rule: &rule.sharp, source, line, values: sharp })
    }
}

impl<S: Interpolator, H: Interpolator, G: Sloped<S>> Adaptive<S, H, G> {
    /// The line of a walk that is one, where both rules round halves up: what is not is drawn one by one.
    #[inline(always)]
    fn line<P: Tap, W: Walk>(walk: &W) -> Option<AffineWalk> {
        let values = [S::rounding::<P::Channel>(), H::rounding::<P::Channel>()];
        let partials = [S::partials_rounding::<P::Channel>(), H::partials_rounding::<P::Channel>()];
        if values.iter().chain(&partials).any(|to| to.ties_to_even) {
            return None;
        }
        walk.line().map(AffineWalk::new)
    }

    /// Both values at a position, unless the destination is to be left.
    #[inline]
    fn both<P: Tap>(&self, source: &Source<'_, P>, at: [Position; 2]) -> Option<[P::Derivative; 2]> {
        let mut values = [P::zero_derivative(); 2];
        let [smooth, sharp] = &mut values;
        let there = value(&self.smooth, source, at, P::flatten_derivatives(core::slice::from_mut(smooth)))
            && value(&self.sharp, source, at, P::flatten_derivatives(core::slice::from_mut(sharp)));
        there.then_some(values)
    }
}

impl<S: Interpolator, H: Interpolator, G: Sloped<S>> Interpolator for Adaptive<S, H, G> {
    const NARROW: bool = false;
    type Values = Self;

    #[inline(always)]
    fn values(&self) -> Self {
        *self
    }
    #[inline(always)]
    fn rounding<C: Channel>() -> Rounding {
        Rounding::half_up(C::FRACTION_BITS)
    }
    /// Not of interest: each of the two rules finds its own.
    #[inline(always)]
    fn area(_: usize, _: usize) -> Area {
        Area::NOWHERE
    }

    #[inline]
    fn value<P: Tap, O: Output<P::Channel>>(
        &self,
        source: &Source<'_, P>,
        at: [Position; 2],
        out: &mut [O],
    ) -> bool {
        let Some([mut smooth, mut sharp]) = self.both(source, at) else { return false };
        let smooth = P::flatten_derivatives(core::slice::from_mut(&mut smooth));
        let sharp = P::flatten_derivatives(core::slice::from_mut(&mut sharp));
        let mut gates = P::zero_derivative();
        let gates = P::flatten_derivatives(core::slice::from_mut(&mut gates));
        self.gate.gates(&self.smooth, source, at, gates);
        for ((out, &a), (&smooth, &sharp)) in
            out.iter_mut().zip(gates.iter()).zip(smooth.iter().zip(sharp.iter()))
        {
            *out = O::from_rounded(Fine::blend(smooth, sharp, a, O::BITS).into());
        }
        true
    }

    #[inline]
    fn partials<P: Tap>(
        &self,
        source: &Source<'_, P>,
        at: [Position; 2],
        dx: &mut [Derivative<P>],
        dy: &mut [Derivative<P>],
    ) {
        let Some([mut smooth, mut sharp]) = self.both(source, at) else {
            dx.fill(Default::default());
            dy.fill(Default::default());
            return;
        };
        let values = [
            &*P::flatten_derivatives(core::slice::from_mut(&mut smooth)),
            &*P::flatten_derivatives(core::slice::from_mut(&mut sharp)),
        ];
        let mut gates = P::zero_derivative();
        let gates = P::flatten_derivatives(core::slice::from_mut(&mut gates));
        self.gate.gates(&self.smooth, source, at, gates);
        let (mut hx, mut hy) = (P::zero_derivative(), P::zero_derivative());
        let hx = P::flatten_derivatives(core::slice::from_mut(&mut hx));
        let hy = P::flatten_derivatives(core::slice::from_mut(&mut hy));
        partials(&self.smooth, source, at, dx, dy);
        partials(&self.sharp, source, at, hx, hy);
        for (smooth, sharp) in [(&mut *dx, hx), (&mut *dy, hy)] {
            for ((smooth, &sharp), &a) in smooth.iter_mut().zip(sharp.iter()).zip(gates.iter()) {
                *smooth = Fine::blend(*smooth, sharp, a, 14);
            }
        }
        self.gate.add_slopes(source, at, gates, values, [dx, dy]);
    }

    #[inline(always)]
    fn fill_run<L: Lanes, P: Tap, W: Walk, O: Output<P::Channel>>(
        &self,
        source: &Source<'_, P>,
        walk: &W,
        out: &mut [O],
        _: bool,
    ) {
        let edge = Edge { rule: self, source };
        let Some(line) = Self::line::<P, W>(walk) else { return edge.each(walk, out) };
        let (channels, mut run) = (P::CHANNELS.max(1), Run::<P>::new());
        for (k, out) in out.chunks_mut(PLACES * channels).enumerate() {
            let line = line.at(k * PLACES);
            if !run.fill::<L, S, H, G>(self, source, &line, out.len() / channels, None) {
                edge.each(&line, out);
                continue;
            }
            let smooth = P::flatten_derivatives(&mut run.smooth);
            let sharp = P::flatten_derivatives(&mut run.sharp);
            let gates = P::flatten_derivatives(&mut run.gates);
            L::call(Blend::<P::Channel, O> { smooth, sharp, gates, out });
        }
    }

    #[inline(always)]
    fn partials_run<L: Lanes, P: Tap, W: Walk>(
        &self,
        source: &Source<'_, P>,
        walk: &W,
        values: &mut [P::Sampled],
        dx: &mut [P::Derivative],
        dy: &mut [P::Derivative],
    ) {
        if !values.is_empty() {
            self.fill_run::<L, P, W, _>(source, walk, <P::Sampled>::flatten_mut(values), false);
        }
        let Some(line) = Self::line::<P, W>(walk) else {
            return simd::partials_each(self, source, walk, &mut [], dx, dy);
        };
        let mut run = Run::<P>::new();
        let mut others = [[P::zero_derivative(); PLACES]; 2];
        for (k, (dx, dy)) in dx.chunks_mut(PLACES).zip(dy.chunks_mut(PLACES)).enumerate() {
            let (mut line, len) = (line.at(k * PLACES), dx.len());
            let [hx, hy] = &mut others;
            let (hx, hy) = (hx.get_mut(..len).unwrap_or_default(), hy.get_mut(..len).unwrap_or_default());
            let partials = Some([[&mut *dx, &mut *dy], [&mut *hx, &mut *hy]]);
            if !run.fill::<L, S, H, G>(self, source, &line, len, partials) {
                simd::partials_each(self, source, &line, &mut [], dx, dy);
                continue;
            }
            for (smooth, sharp) in [(&mut *dx, hx), (&mut *dy, hy)] {
                let (smooth, sharp) = (P::flatten_derivatives(smooth), &*P::flatten_derivatives(sharp));
                L::call(BlendPartials { smooth, sharp, gates: P::flatten_derivatives(&mut run.gates) });
            }
            if !G::SLOPES {
                continue;
            }
            let Run { smooth, sharp, gates, .. } = &mut run;
            let parts = smooth.iter_mut().zip(sharp).zip(gates);
            for ((dx, dy), ((smooth, sharp), gates)) in dx.iter_mut().zip(dy).zip(parts) {
                let [smooth, sharp, gates, dx, dy] = [smooth, sharp, gates, dx, dy]
                    .map(|one| P::flatten_derivatives(core::slice::from_mut(one)));
                let at = line.position(fraction::<P>());
                self.gate.add_slopes(source, at, gates, [smooth, sharp], [dx, dy]);
                line.step();
            }
        }
    }
}

impl<S: Kernel, H: Kernel> Linear for Adaptive<S, H, GateImage<'_>> {
    #[inline]
    fn taps<P: Tap>(
        &self,
        boundary: &Boundary<P>,
        (width, height): (usize, usize),
        at: [Position; 2],
        mut tap: impl FnMut(usize, usize, WeightOf<P>, WeightOf<P>),
    ) -> bool {
        let bits = <P::Channel as Channel>::FRACTION_BITS;
        let to = S::rounding::<P::Channel>();
        let at_smooth = at.map(|p| p.offset(bits, 0, to));
        let smooth = footprint::<_, _, P::Channel>(&self.smooth, boundary, width, height, at_smooth);
        let to = H::rounding::<P::Channel>();
        let at_sharp = at.map(|p| p.offset(bits, 0, to));
        let sharp = footprint::<_, _, P::Channel>(&self.sharp, boundary, width, height, at_sharp);
        if smooth.left || sharp.left {
            return false;
        }
        let a = <P::Channel as Channel>::Weight::constant(i32::from(self.gate.at(at, bits)) << 16);
        let rest = <P::Channel as Channel>::Weight::one() - a;
        each_tap::<S, P::Channel>(&smooth, rest, &mut tap);
        each_tap::<H, P::Channel>(&sharp, a, &mut tap);
        true
    }
    #[inline(always)]
    fn misses<P: Tap, W: Walk>(
        boundary: &Boundary<P>,
        size: (usize, usize),
        rows: &Range<usize>,
        walk: &W,
        len: usize,
    ) -> bool {
        S::misses(boundary, size, rows, walk, len) && H::misses(boundary, size, rows, walk, len)
    }
}
