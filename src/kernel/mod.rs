//! Interpolation kernels, and the arithmetic of a channel that applies them.
//!
//! In: a fraction, and the taps around a position. Out: value and slopes. A [`Kernel`] describes
//! one axis; the two-dimensional value, its partials and its adjoint all follow from it, so that a
//! kernel of the user's own gets every gradient. [`Channel`] is how taps and weights of a pixel
//! type are combined and rounded: together they are the definition of every sampled value.
//!
//! **Definition.** Let the kernel have S taps. A coordinate x is rounded half up to the channel's
//! fraction (Q14 or Q24; S odd: to an integer), the first tap is `floor(x) + 1 - S/2` (S odd:
//! the rounded coordinate less `(S - 1)/2`) and f is the fraction. Each row of taps is summed with the horizontal
//! weights and rounded half up to an intermediate; the intermediates are summed with the vertical
//! weights and rounded half up once more; integers saturate at the ends of their type.
//!
//! | channel | weights | intermediate | sum | |error| of linear interpolation, in levels |
//! |---|---|---|---|---|
//! | `u8`, [`Packed`] | Q14 | Q7 | Q21, `i32` | 0.5 + 2^-8 + 2^-15 per level of slope and axis: below 0.52 |
//! | `u16`, `i16` | Q24 | Q8 | Q32, `i64` | 0.5 + 2^-9 + 2^-25 per level of slope and axis: below 0.51 |
//! | [`Coefficient`] | Q24 | Q8 | Q32, `i64` | as 16 bits, for coefficients that are exact |
//! | `f32` | `f32` of Q24 | `f32` | `f32` | a few roundings of the largest tap |
//!
//! `f32` sums are `((p_c + w_0 (p_0 - p_c)) + w_1 (p_1 - p_c)) + ...` over the taps i in order except
//! c, the middle one (for an even number the left of the two), with a product left out where its weight
//! is zero (the middle one counts even with weight zero). So constants stay constant, lattice points
//! are copied, and a NaN reaches only what depends on it. A pixel none of whose taps is inside is the
//! constant itself, where the boundary is one. (Sign and payload of a NaN that is computed are not
//! defined.)
#![forbid(unsafe_code)]

pub mod adaptive;
mod bilinear;
mod bspline;
mod cubic;
mod fine;
mod interpolator;
mod lagrange;
mod lanczos;
pub mod linearized;
mod nearest;
mod surrogate;
pub mod weighted;

pub use adaptive::Adaptive;
pub use bilinear::Bilinear;
pub use bspline::BSpline;
pub use cubic::Cubic;
pub use fine::Fine;
#[doc(hidden)]
pub use interpolator::WeightOf;
pub use interpolator::{Interpolator, Linear};
pub use lagrange::Lagrange;
pub use lanczos::Lanczos;
pub use linearized::Linearized;
pub use nearest::{Nearest, NearestEven};
pub use surrogate::{StraightThrough, Surrogate};
pub use weighted::WeightedNearest;

use crate::fixed::{Q6, Q14, Q24, Rounding, Weight, floor_div, round_shift, round_shift_i64};
use crate::format::{Format, Packed};
use crate::gradient::Product;
use crate::simd::block::{self, ByteTable, Line, Window};
use crate::simd::partials::{self, Reach};
use crate::simd::scatter::{self, Sums};
use crate::simd::{Lanes, NearPositions, Positions, Register, interleave};
use crate::spline::Coefficient;

/// An array of a fixed length: the taps of a kernel along one axis. Implemented by `[T; N]`;
/// sealed.
pub trait Array<T: Copy>: Copy + AsRef<[T]> + AsMut<[T]> + sealed::Sealed {
    /// The length.
    const LEN: usize;
    /// Element by element, in order.
    fn from_fn(f: impl FnMut(usize) -> T) -> Self;
    /// The same in every place.
    fn filled(v: T) -> Self;
    /// A copy of a slice, if it has this length.
    fn from_slice(values: &[T]) -> Option<Self>;
}

impl<T: Copy, const N: usize> Array<T> for [T; N] {
    const LEN: usize = N;
    #[inline(always)]
    fn from_fn(f: impl FnMut(usize) -> T) -> Self {
        core::array::from_fn(f)
    }
    #[inline(always)]
    fn filled(v: T) -> Self {
        [v; N]
    }
    #[inline(always)]
    fn from_slice(values: &[T]) -> Option<Self> {
        values.try_into().ok()
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
    impl<T: Copy, const N: usize> Sealed for [T; N] {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for i16 {}
    impl Sealed for f32 {}
    impl<T> Sealed for crate::spline::Coefficient<T> {}
    impl<F> Sealed for crate::format::Packed<F> {}
}

/// n / d in Q30.
const fn ratio(n: i64, d: i64) -> i32 {
    (((n << 31) + d) / (2 * d)) as i32
}

/// An interpolation kernel along one axis.
///
/// [`Taps`](Self::Taps) sets the support S. If it is even, tap i lies at distance
/// `f - (i + 1 - S/2)` from a position with fraction f in [0, 1). If it is odd, the coordinate is
/// rounded to a whole number, f is zero, and tap i lies `i - (S - 1)/2` pixels to the right.
///
/// Weights must sum to exactly one and slopes (the derivative of the weights with respect to x) to
/// exactly zero: compute the last one as what is left, or use [`Weight::tabulate`]. With f = 0
/// exactly one weight should be one, so that lattice points are copied. The absolute values of the
/// weights must sum to at most 2 and those of the slopes to at most 4: within that no sum
/// overflows. (Beyond, integer results wrap, not the same way at every level.)
///
/// Nor may a product on the way to them be 8 or more, or below -8: in [`Q14`] it wraps. Of the quintic smoothstep
/// `f * f * f * (10 + f * (6 f - 15))` the inner product is down to -9, though the whole is in [0, 1]. With g = 1 - f it
/// is `f * f * f * (1 + 3 g + 6 g * g)`, whose products are all below 7 (sums may be more).
///
/// A kernel of one's own, cubic smoothstep between two pixels:
///
/// ```
/// use nonius::{Boundary, Image, Kernel, Sampler, Weight};
///
/// #[derive(Clone, Copy)]
/// struct Smoothstep;
///
/// impl Kernel for Smoothstep {
///     type Taps<T: Copy> = [T; 2];
///     fn weights<W: Weight>(&self, f: W) -> [W; 2] {
///         let s = f * f * (W::one() + W::one() + W::one() - f - f);
///         [W::one() - s, s]
///     }
///     fn slopes<W: Weight>(&self, f: W) -> [W; 2] {
///         let half = f * (W::one() - f) + f * (W::one() - f) + f * (W::one() - f);
///         let s = half + half;
///         [W::zero() - s, s]
///     }
/// }
///
/// let image = Image::new(&[0u8, 100], 2, 1)?;
/// let sampler = Sampler::new(Smoothstep, Boundary::Replicate);
/// assert_eq!(sampler.sample(image, 0.25, 0), Some(16)); // 100 (3/16 - 2/64)
/// let (dx, _) = sampler.partials(image, 0.25, 0);
/// assert!((f64::from(dx) / 16384.0 - 112.5).abs() < 0.02); // 100 * 6 * 3/16
/// # Ok::<(), nonius::Error>(())
/// ```
pub trait Kernel: Copy + Send + Sync {
    /// One `T` for each tap: `[T; S]`.
    type Taps<T: Copy>: Array<T>;
    /// Whether a kernel of odd support rounds a coordinate halfway between two pixels to the even
    /// one, instead of up.
    const TIES_TO_EVEN: bool = false;
    /// Whether the weights are 1 - f and f, for which backends may have loops of their own.
    #[doc(hidden)]
    const LINEAR: bool = false;
    /// The weights of the taps at fraction `f`.
    fn weights<W: Weight>(&self, f: W) -> Self::Taps<W>;
    /// The derivatives of the weights with respect to the coordinate, per pixel.
    fn slopes<W: Weight>(&self, f: W) -> Self::Taps<W>;
}

/// A kernel whose weights have second derivatives, so that a sampler has a
/// [`hessian`](crate::Sampler::hessian).
pub trait Smooth: Kernel {
    /// The second derivatives of the weights with respect to the coordinate, per pixel squared
    /// (where they jump, the right one). They must sum to exactly zero, and their absolute values to
    /// at most 16 (7 on the coefficients of a spline).
    fn curvatures<W: Weight>(&self, f: W) -> Self::Taps<W>;
}

/// The support S of a kernel.
pub(crate) const fn support<K: Kernel>() -> usize {
    <K::Taps<i32> as Array<i32>>::LEN
}

/// How a kernel's coordinates are rounded.
#[inline(always)]
pub(crate) const fn rounding<K: Kernel, C: Channel>() -> Rounding {
    if support::<K>().is_multiple_of(2) {
        Rounding::half_up(C::FRACTION_BITS)
    } else if K::TIES_TO_EVEN {
        Rounding::HALF_EVEN
    } else {
        Rounding::half_up(0)
    }
}

/// From the rounded coordinate to the first tap.
#[inline(always)]
pub(crate) const fn first_tap<K: Kernel>() -> i32 {
    1 - (support::<K>() as i32 + 1) / 2
}

/// What a finished sum becomes: the channel itself, [`Q6`] for alignment, or a number in the format of
/// derivatives for rules that go on computing ([`Fine`]).
pub trait Output<C: Channel>: Copy + 'static {
    /// Fraction bits that are kept (integer channels).
    const BITS: u32;
    /// From the sum rounded to [`Self::BITS`].
    fn from_rounded(v: C::Rounded) -> Self;
    /// From the channel's own value, where it is copied.
    fn from_channel(v: C) -> Self;
    /// [`Self::from_rounded`] for a register, to a slice of its length.
    #[doc(hidden)]
    #[inline(always)]
    fn store<L: Lanes>(v: <C::Rounded as Register>::Of<L>, out: &mut [Self]) {
        for (out, &v) in out.iter_mut().zip(C::Rounded::array::<L>(v).as_ref()) {
            *out = Self::from_rounded(v);
        }
    }
    /// [`Self::from_channel`] for the bytes of a table.
    #[doc(hidden)]
    #[inline(always)]
    fn store_byte<L: Lanes>(table: &L::ByteTable, out: &mut [Self])
    where
        C: Channel<Rounded = i32>,
    {
        Self::store::<L>(L::mul(table.byte(), L::splat(1 << Self::BITS)), out);
    }
    /// Copies channels, if that is all it takes: false, with nothing done, otherwise.
    #[doc(hidden)]
    #[inline(always)]
    fn copy(_: &[C], _out: &mut [Self]) -> bool {
        false
    }
    /// Writes pixels from their channels.
    #[doc(hidden)]
    #[inline(always)]
    fn interleave<L: Lanes>(channels: &[L::Array<Self>], out: &mut [Self]) {
        interleave(channels, out);
    }
    /// [`Self::store`] for pixels of at most four channels, from their channels.
    #[doc(hidden)]
    #[inline(always)]
    fn store_pixels<L: Lanes>(channels: &[<C::Rounded as Register>::Of<L>], out: &mut [Self]) {
        store_columns::<C, Self, L>(channels, out);
    }
}

/// [`Output::store_pixels`] by way of memory.
#[inline(always)]
fn store_columns<C: Channel, O: Output<C>, L: Lanes>(
    channels: &[<C::Rounded as Register>::Of<L>],
    out: &mut [O],
) {
    let mut columns = [L::Array::filled(O::from_channel(C::default())); 4];
    for (column, &v) in columns.iter_mut().zip(channels) {
        O::store::<L>(v, column.as_mut());
    }
    O::interleave::<L>(columns.get(..channels.len()).unwrap_or_default(), out);
}

/// Copies as many values as there are.
#[inline(always)]
fn copy<T: Copy>(from: &[T], out: &mut [T]) -> bool {
    let same = from.len() == out.len();
    if same {
        out.copy_from_slice(from);
    }
    same
}

/// One channel of a pixel: its number formats and how taps are combined. Sealed.
///
/// Everything here is the definition of sampling for that type (see the [module](self)); the
/// vector backends compute the same bits.
pub trait Channel: Copy + PartialEq + core::fmt::Debug + Default + sealed::Sealed + 'static {
    /// The format of weights.
    type Weight: Weight + PartialEq;
    /// A row of taps after horizontal weights.
    type Mid: Copy;
    /// The sum after vertical weights.
    type Sum: Copy;
    /// The sum without its fraction.
    type Rounded: Register;
    /// A partial derivative.
    type Derivative: Copy
        + PartialEq
        + core::fmt::Debug
        + Default
        + 'static
        + Fine
        + Output<Self>
        + Into<Self::Rounded>;
    /// A sum of weighted cotangents.
    type Adjoint: Copy + PartialEq + core::fmt::Debug + Default + Send + Sync + 'static;
    /// A cotangent.
    type Cotangent: Copy + PartialEq + core::fmt::Debug + Default + 'static;
    /// A derivative times a cotangent.
    type Product: Product;
    /// What a sampled value is: the type itself, but for the coefficients of a spline.
    type Sampled: Channel<Cotangent = Self::Cotangent> + Output<Self>;
    /// A sampled value before its last rounding, of which means are made: [`Q6`] or `f32`.
    type Unrounded: Unrounded<Self::Sampled> + Output<Self>;
    /// Bits of the fraction of a position.
    const FRACTION_BITS: u32;

    /// A fraction of [`Self::FRACTION_BITS`] as a weight.
    fn fraction(f: u32) -> Self::Weight;
    /// A row of taps times weights that sum to one, rounded to the intermediate.
    fn horizontal<T: Array<Self>, W: Array<Self::Weight>>(taps: &T, weights: &W) -> Self::Mid;
    /// A row of taps times slopes, which sum to zero, rounded to the intermediate.
    fn horizontal_slope<T: Array<Self>, W: Array<Self::Weight>>(taps: &T, slopes: &W) -> Self::Mid;
    /// Intermediates times weights that sum to one.
    fn vertical<T: Array<Self::Mid>, W: Array<Self::Weight>>(rows: &T, weights: &W) -> Self::Sum;
    /// Intermediates times slopes, which sum to zero.
    fn vertical_slope<T: Array<Self::Mid>, W: Array<Self::Weight>>(rows: &T, slopes: &W) -> Self::Sum;
    /// The last rounding.
    fn finish<O: Output<Self>>(sum: Self::Sum) -> O;
    /// The last rounding of a derivative.
    fn finish_derivative(sum: Self::Sum) -> Self::Derivative;
    /// The second derivative by x (twice), from rows that [`horizontal_slope`](Self::horizontal_slope)
    /// made with curvatures.
    fn curvature_x<T: Array<Self::Mid>, W: Array<Self::Weight>>(rows: &T, weights: &W) -> Self::Derivative {
        Self::finish_derivative(Self::vertical(rows, weights))
    }
    /// The second derivative by y (once or twice), from curvatures along y, or slopes along both.
    fn curvature_y<T: Array<Self::Mid>, W: Array<Self::Weight>>(rows: &T, slopes: &W) -> Self::Derivative {
        Self::finish_derivative(Self::vertical_slope(rows, slopes))
    }
    /// Adds `cotangent` times the product of the weights (Q28) to an accumulator; saturates.
    fn scatter(to: &mut Self::Adjoint, cotangent: Self::Cotangent, wx: Self::Weight, wy: Self::Weight);
    /// As [`Self::scatter`], with the product of the weights rounded half up to Q14.
    fn scatter_q14(to: &mut Self::Derivative, cotangent: Self::Cotangent, wx: Self::Weight, wy: Self::Weight);
    /// One value less another: exact for integers.
    fn residual(a: Self::Sampled, b: Self::Sampled) -> Self::Cotangent;
    /// The square of a residual: exact for integers.
    fn square(residual: Self::Cotangent) -> Self::Product;
    /// Derivative times cotangent: what parameter gradients sum up. Exact for integers.
    fn chain(derivative: Self::Derivative, cotangent: Self::Cotangent) -> Self::Product;

    /// The four pixels of a column in the pyramid's filter, before its rounding.
    fn reduce_column(column: [Self; 4]) -> Self::Mid;
    /// Four columns in the pyramid's filter, rounded.
    fn reduce_row(columns: [Self::Mid; 4]) -> Self::Sampled;
    /// A row that four rows of bytes make, where there is a way for several at once without vectors: whether there is.
    #[doc(hidden)]
    #[inline(always)]
    fn reduce_bytes(_rows: [&[Self]; 4], _out: &mut [Self::Sampled]) -> bool {
        false
    }

    /// Whether a sum of taps that all have this value has this value too.
    #[doc(hidden)]
    #[inline(always)]
    fn is_kept(self) -> bool {
        true
    }

    /// A block of lanes at once, whose positions the caller has found in the kernel's area.
    #[doc(hidden)]
    #[inline(always)]
    fn block<L: Lanes, K: Kernel, O: Output<Self>>(
        window: &Window<'_, Self>,
        at: &Positions<L>,
        kernel: &K,
        out: &mut [O],
    ) {
        block::block_any(window, at, kernel, out);
    }
    /// The same for all channels of pixels at once, also [across](Self::block_across) the border; or false, with nothing
    /// done.
    #[doc(hidden)]
    #[inline(always)]
    fn block_pixels<L: Lanes, K: Kernel, O: Output<Self>>(
        _window: &Window<'_, Self>,
        _at: &Positions<L>,
        _reach: Reach<&[Self]>,
        _kernel: &K,
        _out: &mut [O],
    ) -> bool {
        false
    }

    /// The values of neighbouring pixels with one fraction, all channels in turn; or false, with nothing
    /// done.
    #[doc(hidden)]
    #[inline(always)]
    fn line<L: Lanes, K: Kernel, O: Output<Self>>(
        _: &Line<'_, Self>,
        _fraction: [L::I32; 2],
        _: &K,
        _out: &mut [O],
    ) -> bool {
        false
    }

    /// How many columns and rows, from the first tap of all on, [`block_near`](Self::block_near) reads for cells that
    /// are at most so far from each other; `None` if there is no such way.
    #[doc(hidden)]
    #[inline(always)]
    fn room<L: Lanes, K: Kernel>(_extent: [i32; 2]) -> Option<[i32; 2]> {
        None
    }
    /// A block of lanes at once, whose least cell the caller has found to have that room in the image.
    #[doc(hidden)]
    #[inline(always)]
    fn block_near<L: Lanes, K: Kernel, O: Output<Self>>(
        _: &Window<'_, Self>,
        _: &NearPositions<L>,
        _room: [i32; 2],
        _: &K,
        _out: &mut [O],
    ) {
    }

    /// A block of lanes at once, wherever they are: outside of the source is one value, which sums keep. Or false, with
    /// nothing done.
    #[doc(hidden)]
    #[inline(always)]
    fn block_across<L: Lanes, K: Kernel, O: Output<Self>>(
        _: &Window<'_, Self>,
        _: &Positions<L>,
        _outside: Self,
        _: &K,
        _out: &mut [O],
    ) -> bool {
        false
    }

    /// Whether it is no infinity and no NaN.
    #[doc(hidden)]
    #[inline(always)]
    fn is_finite(self) -> bool {
        true
    }

    /// Whether there is [`block_partials`](Self::block_partials).
    #[doc(hidden)]
    const BLOCK_PARTIALS: bool = false;
    /// The partials of a block of lanes at once, and the values if there is room for any; or false, with nothing done.
    #[doc(hidden)]
    #[inline(always)]
    fn block_partials<L: Lanes, K: Kernel, O: Output<Self>>(
        _: &Window<'_, Self>,
        _: &Positions<L>,
        _: Reach<Self>,
        _: &K,
        _values: &mut [O],
        _dx: &mut [Self::Derivative],
        _dy: &mut [Self::Derivative],
    ) -> bool {
        false
    }

    /// Whether there is [`block_scatter`](Self::block_scatter).
    #[doc(hidden)]
    const BLOCK_SCATTER: bool = false;
    /// Adds the cotangents of a block of lanes, whose positions the caller has found in the kernel's
    /// area.
    #[doc(hidden)]
    #[inline(always)]
    fn block_scatter<L: Lanes, K: Kernel>(
        _: &mut Sums<'_, Self::Adjoint>,
        _: &Positions<L>,
        _: &K,
        _: &[Self::Cotangent],
    ) {
    }
}

/// `sum w_i p_i` over the taps.
macro_rules! dot {
    ($acc:ty, $taps:expr, $weights:expr, $number:expr) => {
        $taps
            .as_ref()
            .iter()
            .zip($weights.as_ref())
            .fold(0, |sum: $acc, (&p, &w)| sum.wrapping_add($number(p) * <$acc>::from(w.to_bits())))
    };
}

/// `sum + a b`, saturating.
#[inline(always)]
fn plus_product(sum: i32, a: i32, b: i32) -> i32 {
    let sum = i64::from(sum).saturating_add(i64::from(a) * i64::from(b));
    sum.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// Weights 1 3 3 1.
#[inline(always)]
const fn binomial([a, b, c, d]: [i32; 4]) -> i32 {
    a + d + 3 * (b + c)
}

/// What the arithmetic of all integer channels has in common: weights in fixed point, of so many bits, and
/// everything but sums in an `i32`. It lacks the sums.
macro_rules! integer_arithmetic {
    ($weight:ty, $bits:expr) => {
        type Weight = $weight;
        type Mid = i32;
        type Rounded = i32;
        type Derivative = i32;
        type Adjoint = i64;
        type Cotangent = i32;
        type Product = i64;
        type Unrounded = Q6;
        const FRACTION_BITS: u32 = $bits;

        #[inline(always)]
        fn fraction(f: u32) -> $weight {
            <$weight>::from_bits(f as i32)
        }
        #[inline(always)]
        fn horizontal_slope<T: Array<Self>, W: Array<$weight>>(taps: &T, slopes: &W) -> i32 {
            Self::horizontal(taps, slopes)
        }
        #[inline(always)]
        fn vertical_slope<T: Array<i32>, W: Array<$weight>>(rows: &T, slopes: &W) -> Self::Sum {
            Self::vertical(rows, slopes)
        }
        #[inline(always)]
        fn residual(a: Self::Sampled, b: Self::Sampled) -> i32 {
            i32::from(a) - i32::from(b)
        }
        #[inline(always)]
        fn square(residual: i32) -> i64 {
            i64::from(residual) * i64::from(residual)
        }
        #[inline(always)]
        fn chain(derivative: i32, cotangent: i32) -> i64 {
            i64::from(derivative) * i64::from(cotangent)
        }
    };
}

/// The arithmetic of 8-bit channels: numbers from 0 to 255 in an `i32`.
macro_rules! eight_bit_arithmetic {
    ($number:expr) => {
        integer_arithmetic!(Q14, 14);
        type Sum = i32;

        #[inline(always)]
        fn horizontal<T: Array<Self>, W: Array<Q14>>(taps: &T, weights: &W) -> i32 {
            round_shift(dot!(i32, taps, weights, $number), 7)
        }
        #[inline(always)]
        fn vertical<T: Array<i32>, W: Array<Q14>>(rows: &T, weights: &W) -> i32 {
            dot!(i32, rows, weights, i32::from)
        }
        #[inline(always)]
        fn finish<O: Output<Self>>(sum: i32) -> O {
            O::from_rounded(round_shift(sum, 21 - O::BITS))
        }
        #[inline(always)]
        fn finish_derivative(sum: i32) -> i32 {
            round_shift(sum, 7)
        }
        // Sums of 32 bits hold first derivatives, but not these.
        #[inline(always)]
        fn curvature_x<T: Array<i32>, W: Array<Q14>>(rows: &T, weights: &W) -> i32 {
            round_shift_i64(dot!(i64, rows, weights, i64::from), 7).clamp(i32::MIN.into(), i32::MAX.into())
                as i32
        }
        #[inline(always)]
        fn curvature_y<T: Array<i32>, W: Array<Q14>>(rows: &T, slopes: &W) -> i32 {
            Self::curvature_x(rows, slopes)
        }
        #[inline(always)]
        fn scatter(to: &mut i64, cotangent: i32, wx: Q14, wy: Q14) {
            // (Below 2^31: weights are at most two.)
            let w = wx.to_bits().wrapping_mul(wy.to_bits());
            *to = to.saturating_add(i64::from(cotangent) * i64::from(w));
        }
        #[inline(always)]
        fn scatter_q14(to: &mut i32, cotangent: i32, wx: Q14, wy: Q14) {
            *to = plus_product(*to, cotangent, round_shift(wx.to_bits().wrapping_mul(wy.to_bits()), 14));
        }
        #[inline(always)]
        fn reduce_column(column: [Self; 4]) -> i32 {
            binomial(column.map($number))
        }
        #[inline(always)]
        fn reduce_row(columns: [i32; 4]) -> u8 {
            round_shift(binomial(columns), 6) as u8
        }
    };
}

impl Channel for u8 {
    const BLOCK_PARTIALS: bool = true;
    type Sampled = Self;
    eight_bit_arithmetic!(i32::from);

    #[inline(always)]
    fn reduce_bytes(rows: [&[u8]; 4], out: &mut [u8]) -> bool {
        crate::pyramid::reduce_bytes(rows, out);
        true
    }

    #[inline(always)]
    fn block<L: Lanes, K: Kernel, O: Output<Self>>(
        window: &Window<'_, Self>,
        at: &Positions<L>,
        kernel: &K,
        out: &mut [O],
    ) {
        block::block_u8(window, at, kernel, out);
    }
    #[inline(always)]
    fn room<L: Lanes, K: Kernel>(extent: [i32; 2]) -> Option<[i32; 2]> {
        block::room_u8::<L, K>(extent)
    }
    #[inline(always)]
    fn block_near<L: Lanes, K: Kernel, O: Output<Self>>(
        window: &Window<'_, Self>,
        at: &NearPositions<L>,
        room: [i32; 2],
        kernel: &K,
        out: &mut [O],
    ) {
        block::near_u8(window, at, room, kernel, out);
    }
    #[inline(always)]
    fn block_across<L: Lanes, K: Kernel, O: Output<Self>>(
        window: &Window<'_, Self>,
        at: &Positions<L>,
        outside: u8,
        kernel: &K,
        out: &mut [O],
    ) -> bool {
        block::across_u8(window, at, outside, kernel, out)
    }
    #[inline(always)]
    fn block_pixels<L: Lanes, K: Kernel, O: Output<Self>>(
        window: &Window<'_, Self>,
        at: &Positions<L>,
        reach: Reach<&[Self]>,
        kernel: &K,
        out: &mut [O],
    ) -> bool {
        block::block_pixels(window, at, reach, kernel, out)
    }
    #[inline(always)]
    fn line<L: Lanes, K: Kernel, O: Output<Self>>(
        line: &Line<'_, Self>,
        fraction: [L::I32; 2],
        kernel: &K,
        out: &mut [O],
    ) -> bool {
        block::line_u8::<L, K, O>(line, fraction, kernel, out)
    }
    #[inline(always)]
    fn block_partials<L: Lanes, K: Kernel, O: Output<Self>>(
        window: &Window<'_, Self>,
        at: &Positions<L>,
        reach: Reach<Self>,
        kernel: &K,
        values: &mut [O],
        dx: &mut [i32],
        dy: &mut [i32],
    ) -> bool {
        block::partials_u8(window, at, reach, kernel, values, dx, dy)
    }
}

impl Output<u8> for u8 {
    const BITS: u32 = 0;
    #[inline(always)]
    fn from_rounded(v: i32) -> u8 {
        v.clamp(0, 255) as u8
    }
    #[inline(always)]
    fn from_channel(v: u8) -> u8 {
        v
    }
    #[inline(always)]
    fn copy(from: &[u8], out: &mut [u8]) -> bool {
        copy(from, out)
    }
    #[inline(always)]
    fn store<L: Lanes>(v: L::I32, out: &mut [u8]) {
        L::store_u8(v, out);
    }
    #[inline(always)]
    fn store_byte<L: Lanes>(table: &L::ByteTable, out: &mut [u8]) {
        table.store_byte(out);
    }
    #[inline(always)]
    fn interleave<L: Lanes>(channels: &[L::Array<u8>], out: &mut [u8]) {
        L::interleave_u8(channels, out);
    }
    #[inline(always)]
    fn store_pixels<L: Lanes>(channels: &[L::I32], out: &mut [u8]) {
        if !L::store_pixels_u8(channels, out) {
            store_columns::<u8, u8, L>(channels, out);
        }
    }
}

impl<F: Format> Channel for Packed<F> {
    type Sampled = u8;
    eight_bit_arithmetic!(|p: Self| i32::from(p.luma()));

    #[inline(always)]
    fn block<L: Lanes, K: Kernel, O: Output<Self>>(
        window: &Window<'_, Self>,
        at: &Positions<L>,
        kernel: &K,
        out: &mut [O],
    ) {
        block::block_bytes(window, at, kernel, out);
    }
}

macro_rules! luma_outputs {
    ($($t:ty),*) => {$(
        impl<F: Format> Output<Packed<F>> for $t {
            const BITS: u32 = <$t as Output<u8>>::BITS;
            #[inline(always)]
            fn from_rounded(v: i32) -> $t {
                <$t as Output<u8>>::from_rounded(v)
            }
            #[inline(always)]
            fn from_channel(v: Packed<F>) -> $t {
                <$t as Output<u8>>::from_channel(v.luma())
            }
            #[inline(always)]
            fn store<L: Lanes>(v: L::I32, out: &mut [$t]) {
                <$t as Output<u8>>::store::<L>(v, out);
            }
        }
    )*};
}
luma_outputs!(u8, Q6, i32);

/// The arithmetic of 16-bit channels: numbers in an `i32` with some fraction bits.
macro_rules! sixteen_bit_arithmetic {
    ($number:expr, $fraction_bits:expr) => {
        integer_arithmetic!(Q24, 24);
        type Sum = i64;

        #[inline(always)]
        fn horizontal<T: Array<Self>, W: Array<Q24>>(taps: &T, weights: &W) -> i32 {
            round_shift_i64(dot!(i64, taps, weights, $number), 16 + $fraction_bits) as i32
        }
        #[inline(always)]
        fn vertical<T: Array<i32>, W: Array<Q24>>(rows: &T, weights: &W) -> i64 {
            dot!(i64, rows, weights, i64::from)
        }
        #[inline(always)]
        fn finish<O: Output<Self>>(sum: i64) -> O {
            O::from_rounded(round_shift_i64(sum, 32 - O::BITS) as i32)
        }
        #[inline(always)]
        fn finish_derivative(sum: i64) -> i32 {
            round_shift_i64(sum, 18).clamp(i32::MIN.into(), i32::MAX.into()) as i32
        }
        #[inline(always)]
        fn scatter(to: &mut i64, cotangent: i32, wx: Q24, wy: Q24) {
            let w = round_shift_i64(i64::from(wx.to_bits()) * i64::from(wy.to_bits()), 20);
            *to = to.saturating_add(i64::from(cotangent).wrapping_mul(w));
        }
        #[inline(always)]
        fn scatter_q14(to: &mut i32, cotangent: i32, wx: Q24, wy: Q24) {
            let w = round_shift_i64(i64::from(wx.to_bits()) * i64::from(wy.to_bits()), 34);
            *to = plus_product(*to, cotangent, w as i32);
        }
    };
}

macro_rules! sixteen_bit {
    ($($t:ty),*) => {$(
        impl Channel for $t {
            type Sampled = Self;
            sixteen_bit_arithmetic!(i64::from, 0);

            #[inline(always)]
            fn reduce_column(column: [Self; 4]) -> i32 {
                binomial(column.map(i32::from))
            }
            #[inline(always)]
            fn reduce_row(columns: [i32; 4]) -> Self {
                round_shift(binomial(columns), 6) as Self
            }
            #[inline(always)]
            fn block<L: Lanes, K: Kernel, O: Output<Self>>(
                window: &Window<'_, Self>,
                at: &Positions<L>,
                kernel: &K,
                out: &mut [O],
            ) {
                block::block_16::<{ <$t>::MIN != 0 }, _, _, _, _>(window, at, Reach::Inside, kernel, out);
            }
            #[inline(always)]
            fn block_across<L: Lanes, K: Kernel, O: Output<Self>>(
                window: &Window<'_, Self>,
                at: &Positions<L>,
                outside: Self,
                kernel: &K,
                out: &mut [O],
            ) -> bool {
                block::block_16::<{ <$t>::MIN != 0 }, _, _, _, _>(window, at, Reach::Across(outside), kernel, out)
            }
            #[inline(always)]
            fn line<L: Lanes, K: Kernel, O: Output<Self>>(
                line: &Line<'_, Self>,
                fraction: [L::I32; 2],
                kernel: &K,
                out: &mut [O],
            ) -> bool {
                block::line_16::<{ <$t>::MIN != 0 }, L, _, K, O>(line, fraction, kernel, out)
            }
        }

        impl Output<$t> for $t {
            const BITS: u32 = 0;
            #[inline(always)]
            fn from_rounded(v: i32) -> $t {
                v.clamp(<$t>::MIN.into(), <$t>::MAX.into()) as $t
            }
            #[inline(always)]
            fn from_channel(v: $t) -> $t {
                v
            }
            #[inline(always)]
            fn copy(from: &[$t], out: &mut [$t]) -> bool {
                copy(from, out)
            }
        }
    )*};
}
sixteen_bit!(u16, i16);

/// Sampled values and their mean.
pub trait Unrounded<C>: Copy + Default {
    /// Some of them.
    type Sum: Copy + Default;
    /// The sum of one.
    fn first(self) -> Self::Sum;
    /// Adds one more.
    fn add(self, sum: &mut Self::Sum);
    /// The mean of `n`, rounded once, and clamped to the channel.
    fn mean(sum: Self::Sum, n: u16) -> C;
}

impl<C: Output<C> + Channel<Rounded = i32>> Unrounded<C> for Q6 {
    type Sum = i64;
    #[inline(always)]
    fn first(self) -> i64 {
        self.0.into()
    }
    #[inline(always)]
    fn add(self, sum: &mut i64) {
        *sum += i64::from(self.0);
    }
    #[inline(always)]
    fn mean(sum: i64, n: u16) -> C {
        let half = 32 * i64::from(n);
        C::from_rounded(floor_div(sum + half, 2 * half) as i32)
    }
}

impl Unrounded<f32> for f32 {
    /// The first, and the differences of the others to it.
    type Sum = [f32; 2];
    #[inline(always)]
    fn first(self) -> [f32; 2] {
        [self, 0.0]
    }
    #[inline(always)]
    fn add(self, [first, rest]: &mut [f32; 2]) {
        *rest += self - *first;
    }
    #[inline(always)]
    fn mean([first, rest]: [f32; 2], n: u16) -> f32 {
        first + rest / f32::from(n)
    }
}

macro_rules! coefficient {
    ($($t:ty),*) => {$(
        impl Channel for Coefficient<$t> {
            type Sampled = $t;
            sixteen_bit_arithmetic!(|c: Self| i64::from(c.to_bits()), Self::BITS);

            #[inline(always)]
            fn reduce_column([a, b, c, d]: [Self; 4]) -> i32 {
                let [a, b, c, d] = [a, b, c, d].map(|c| i64::from(c.to_bits()));
                round_shift_i64(a + d + 3 * (b + c), 3) as i32
            }
            #[inline(always)]
            fn reduce_row(columns: [i32; 4]) -> $t {
                let reduced = Self::from_bits(Self::reduce_column(columns.map(Self::from_bits)));
                Output::<Self>::from_channel(reduced)
            }
            // The intermediate has 8 bits of the fraction.
            #[inline(always)]
            fn is_kept(self) -> bool {
                self.to_bits() % (1 << (Self::BITS - 8)) == 0
            }
        }

        impl Output<Coefficient<$t>> for $t {
            const BITS: u32 = 0;
            #[inline(always)]
            fn from_rounded(v: i32) -> $t {
                v.clamp(<$t>::MIN.into(), <$t>::MAX.into()) as $t
            }
            #[inline(always)]
            fn from_channel(v: Coefficient<$t>) -> $t {
                Output::<Coefficient<$t>>::from_rounded(round_shift(v.to_bits(), <Coefficient<$t>>::BITS))
            }
        }

        impl Output<Coefficient<$t>> for Q6 {
            const BITS: u32 = 6;
            #[inline(always)]
            fn from_rounded(v: i32) -> Q6 {
                Q6(v)
            }
            #[inline(always)]
            fn from_channel(v: Coefficient<$t>) -> Q6 {
                Q6(round_shift(v.to_bits(), <Coefficient<$t>>::BITS - 6))
            }
        }

        // A value in the format of derivatives.
        impl Output<Coefficient<$t>> for i32 {
            const BITS: u32 = 14;
            #[inline(always)]
            fn from_rounded(v: i32) -> i32 {
                v
            }
            #[inline(always)]
            fn from_channel(v: Coefficient<$t>) -> i32 {
                v.to_bits() << (14 - <Coefficient<$t>>::BITS)
            }
        }
    )*};
}
coefficient!(u8, u16, i16);

macro_rules! fraction_outputs {
    ($($t:ty),*) => {$(
        // A value in the format of derivatives.
        impl Output<$t> for i32 {
            const BITS: u32 = 14;
            #[inline(always)]
            fn from_rounded(v: i32) -> i32 {
                v
            }
            #[inline(always)]
            fn from_channel(v: $t) -> i32 {
                i32::from(v) << 14
            }
        }
        impl Output<$t> for Q6 {
            const BITS: u32 = 6;
            #[inline(always)]
            fn from_rounded(v: i32) -> Q6 {
                Q6(v)
            }
            #[inline(always)]
            fn from_channel(v: $t) -> Q6 {
                Q6(i32::from(v) << 6)
            }
        }
    )*};
}
fraction_outputs!(u8, u16, i16);

/// `start + sum w_i (p_i - p_c)`, without the terms of weight zero.
#[inline(always)]
fn f32_sum(taps: &[f32], weights: &[f32], start: impl Fn(f32) -> f32) -> f32 {
    let centre = (taps.len() - 1) / 2;
    let Some(&c) = taps.get(centre) else { return 0.0 };
    let mut sum = start(c);
    for (i, (&p, &w)) in taps.iter().zip(weights).enumerate() {
        if i != centre && w != 0.0 {
            sum += w * (p - c);
        }
    }
    sum
}

impl Channel for f32 {
    const BLOCK_PARTIALS: bool = true;
    const BLOCK_SCATTER: bool = true;
    type Weight = f32;
    type Mid = f32;
    type Sum = f32;
    type Rounded = f32;
    type Derivative = f32;
    type Adjoint = f32;
    type Cotangent = f32;
    type Product = f64;
    type Sampled = Self;
    type Unrounded = f32;
    const FRACTION_BITS: u32 = 24;

    #[inline(always)]
    fn fraction(f: u32) -> f32 {
        // Exact: 24 bits.
        f as f32 * (1.0 / 16_777_216.0)
    }
    #[inline(always)]
    fn horizontal<T: Array<Self>, W: Array<f32>>(taps: &T, weights: &W) -> f32 {
        f32_sum(taps.as_ref(), weights.as_ref(), |c| c)
    }
    #[inline(always)]
    fn horizontal_slope<T: Array<Self>, W: Array<f32>>(taps: &T, slopes: &W) -> f32 {
        f32_sum(taps.as_ref(), slopes.as_ref(), |_| 0.0)
    }
    #[inline(always)]
    fn vertical<T: Array<f32>, W: Array<f32>>(rows: &T, weights: &W) -> f32 {
        Self::horizontal(rows, weights)
    }
    #[inline(always)]
    fn vertical_slope<T: Array<f32>, W: Array<f32>>(rows: &T, slopes: &W) -> f32 {
        Self::horizontal_slope(rows, slopes)
    }
    #[inline(always)]
    fn finish<O: Output<Self>>(sum: f32) -> O {
        O::from_rounded(sum)
    }
    #[inline(always)]
    fn finish_derivative(sum: f32) -> f32 {
        sum
    }
    #[inline(always)]
    fn scatter(to: &mut f32, cotangent: f32, wx: f32, wy: f32) {
        // Taps of weight zero are left out, whatever the cotangent.
        if wx != 0.0 && wy != 0.0 {
            *to += cotangent * (wx * wy);
        }
    }
    #[inline(always)]
    fn scatter_q14(to: &mut f32, cotangent: f32, wx: f32, wy: f32) {
        Self::scatter(to, cotangent, wx, wy);
    }
    #[inline(always)]
    fn residual(a: f32, b: f32) -> f32 {
        a - b
    }
    #[inline(always)]
    fn square(residual: f32) -> f64 {
        f64::from(residual) * f64::from(residual)
    }
    #[inline(always)]
    fn chain(derivative: f32, cotangent: f32) -> f64 {
        f64::from(derivative) * f64::from(cotangent)
    }
    #[inline(always)]
    fn reduce_column([a, b, c, d]: [f32; 4]) -> f32 {
        (a + d) + 3.0 * (b + c)
    }
    #[inline(always)]
    fn reduce_row(columns: [f32; 4]) -> f32 {
        Self::reduce_column(columns) * (1.0 / 64.0)
    }
    // Not infinities, NaN and -0.
    #[inline(always)]
    fn is_kept(self) -> bool {
        self.is_finite() && self.to_bits() != (-0.0_f32).to_bits()
    }
    #[inline(always)]
    fn block<L: Lanes, K: Kernel, O: Output<Self>>(
        window: &Window<'_, Self>,
        at: &Positions<L>,
        kernel: &K,
        out: &mut [O],
    ) {
        block::block_f32(window, at, Reach::Inside, kernel, out);
    }
    #[inline(always)]
    fn block_across<L: Lanes, K: Kernel, O: Output<Self>>(
        window: &Window<'_, Self>,
        at: &Positions<L>,
        outside: f32,
        kernel: &K,
        out: &mut [O],
    ) -> bool {
        block::block_f32(window, at, Reach::Across(outside), kernel, out);
        true
    }
    #[inline(always)]
    fn line<L: Lanes, K: Kernel, O: Output<Self>>(
        line: &Line<'_, Self>,
        fraction: [L::I32; 2],
        kernel: &K,
        out: &mut [O],
    ) -> bool {
        block::line_f32::<L, K, O>(line, fraction, kernel, out)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
    #[inline(always)]
    fn block_partials<L: Lanes, K: Kernel, O: Output<Self>>(
        window: &Window<'_, Self>,
        at: &Positions<L>,
        reach: Reach<Self>,
        kernel: &K,
        values: &mut [O],
        dx: &mut [f32],
        dy: &mut [f32],
    ) -> bool {
        partials::partials_f32(window, at, reach, kernel, values, dx, dy);
        true
    }
    #[inline(always)]
    fn block_scatter<L: Lanes, K: Kernel>(
        sums: &mut Sums<'_, f32>,
        at: &Positions<L>,
        kernel: &K,
        cotangents: &[f32],
    ) {
        scatter::scatter_f32(sums, at, kernel, cotangents);
    }
}

impl Output<f32> for f32 {
    const BITS: u32 = 0;
    #[inline(always)]
    fn from_rounded(v: f32) -> f32 {
        v
    }
    #[inline(always)]
    fn from_channel(v: f32) -> f32 {
        v
    }
    #[inline(always)]
    fn store<L: Lanes>(v: L::F32, out: &mut [f32]) {
        // (A length that is known makes it no call.)
        if let Some(out) = out.get_mut(..L::LEN) {
            out.copy_from_slice(L::f32_array(v).as_ref());
        }
    }
    #[inline(always)]
    fn copy(from: &[f32], out: &mut [f32]) -> bool {
        copy(from, out)
    }
}
