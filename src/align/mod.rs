//! Alignment of two images by their grey levels.
//!
//! In: a [`Pair`] (fixed and moving image, masks if there are any), an initial transform, and a
//! workspace for the pyramids. Out: a [`Report`] with the transform that maps fixed to moving
//! pixels, how the search ended, and how far to trust it.
//!
//! **Method.** Compositional Gauss-Newton with Levenberg-Marquardt damping, coarse to fine; but for the first
//! level to be refined the inverse compositional one (Baker and Matthews 2004, sections 3.2 and 4). At each
//! iteration the moving image is sampled at `T x` (in Q6), and the model `moving(T x) = a fixed(x) + b + a
//! grad fixed(x) J(x) d` is solved for the increment d together with gain a and offset b, over the fixed
//! pixels whose taps in the moving image are all inside, and whose taps in both images the masks let pass;
//! then `T := T o W(d)^-1`. Gain and offset drop out, as in the enhanced correlation coefficient (Evangelidis
//! and Psarakis 2008). The Hessian is summed anew with the support.
//!
//! At the first level, or as [`Options::method`] says, the gradient is the mean of that of the fixed image
//! and of that of the moving image as sampled over the gain (efficient second-order minimisation): `grad
//! fixed(x) + grad e(x) / (2 a)`, where e are the residuals. That half is a central difference of residuals
//! (zero where one of the two is outside the support, and where a is below 1/16), rounded half up to half
//! grey levels.
//!
//! **Interpolation** is bilinear as long as it only has to show the way. At full size, once steps are
//! shorter than a quarter of a pixel, it is that of [`Options::finish`], and the support what the
//! taps of that leave: bilinear samples are those of a pattern that is shifted by as much as 0.03 px and
//! smoothed, by amounts that depend on the fraction.
//!
//! Where patterns are as short as a few pixels, central differences are less than derivatives, and increments
//! overshoot by the same factor each time. So where an increment takes back some of the last one, only
//! the part of it is made that, had it been made of that one, would have left nothing to take back: at
//! least a half.
//!
//! **The end.** Increments shrink by a factor from step to step. A level ends with the step after which
//! the next are expected to be below [`Options::epsilon`]: the step times that factor, taken as the
//! ratio of the last two steps (within 1/8 to 1). This last step is taken without another pass.
//! With [`Options::monotone`], or robust losses, each step is looked at, and the one to end with is
//! itself below it. (Where it is short only because longer ones leave too little support, the end is
//! [`Status::LeftImage`].)
//!
//! **Steps.** A step that moves a corner by a pixel of the level or more is taken if the merit
//! (the correlation of the two images over their support, or less the mean square, or less the mean loss) does not fall, and
//! otherwise shortened by damping. A shorter one is taken as it is: between neighbouring pixels
//! interpolation smooths the noise, so that the correlation of noisy images grows towards half-pixel
//! positions, while the equations above, whose gradients are those of the fixed image, do not see that. With
//! [`Options::monotone`] all steps are judged, and the end is a maximum of the correlation of the
//! images as sampled: right for images that differ by more than noise, where the two ends differ.
//!
//! **Robust losses.** With [`Options::robust`] every sum is weighted by what the loss makes of the
//! residual (Huber 1964, Tukey). A level begins with the residuals' scale at its first transform;
//! when steps are shorter than 1/32 px and the scale of what is left is less by 5 % the scale follows,
//! so that weights become strict only as the images come together.
//!
//! **Coarse search.** Where [`Options::search`] is not zero, the smallest level (of a side of at least
//! 12 pixels) is first compared at whole-pixel shifts of the initial transform, by correlation; the levels
//! up to the first to be refined follow, with the shifts by one pixel around the best. With
//! [`Options::rotation`] all that is done at turns, too, by which the corners move two pixels each.
//! Of images that are turned or distorted the best of all shifts may be a wrong one. So where the search
//! has left the initial transform, and the first level that is refined does not end at a correlation of
//! 0.98, it is refined from the initial transform, too, and the higher correlation counts. Both share the
//! level's iterations.
//! What the smaller levels have found is given up at a larger one where the correlation of the
//! initial transform is higher by 0.1: their images may have nothing left of a pattern of a few pixels.
//!
//! **Sums** are exact integers: the result is the same on every target. With
//! central differences g of the fixed image in half grey levels (zero across its border), residuals e in Q4, and u, v the
//! pixel's offset from the centre of the fixed image, they are the moments of `g g`, `g e`, `g t`
//! and `g` with the monomials of u and v that the model's generators call for. Systems of at most
//! 10 unknowns, scaled to a unit diagonal, are solved in `f32`; twice, the second time for what the first one leaves, if
//! less than 1e-3 is left of an entry of the diagonal after elimination.
//!
//! **Selection.** With [`Options::selection`] passes look at a part of the pixels only: those with the largest
//! gradients, since an alignment is as exact as the sum of the squares of gradients is large. They are taken from all over
//! the image, so that no region decides alone. Less time is saved than pixels: choosing them looks at all of them, and passes
//! treat runs of 64 pixels together, most of which keep some. On a desktop half of the pixels take 0.75 to 0.9
//! times as long as all of 160x120, and 1.0 to 1.2 times as long as all of 640x480.
//!
//! **Memory.** The workspace is what [`Aligner::workspace`] says: a third of the pixels of both
//! images, and of the masks in use, eight for each row of the fixed image, and for a selection 1/192 of its pixels. The aligner itself is a few kilobytes, wherever the caller puts
//! it; nothing else is stored.
//!
//! **Scope.** What an aligner can do is the type of its options. With [`Options`] all of the above is linked, whether it is
//! asked for or not; with [`Lean`] what microcontrollers need: inverse compositional, bilinear, least squares with gain and
//! offset, and the search for shifts. On Cortex-M that takes 0.5 to 0.7 of the flash and 0.6 to 0.8 of the stack, and
//! gives the same bits.
//!
//! **Sequences** are followed by a [`Tracker`], batches of pairs are aligned by [`run_all`]. The translation of whole
//! frames alone is found by [`shift()`], in whole numbers and much sooner on a microcontroller.
#![forbid(unsafe_code)]

mod aligner;
mod direct;
mod moments;
mod noise;
mod normal;
mod photometry;
mod pixels;
mod robust;
mod scope;
mod search;
mod select;
mod shift;
mod shifted;
mod solve;
mod support;
mod tracker;
mod word;

pub use aligner::{Aligner, Progress, Step, WorkspaceSize, run_all};
pub use robust::Robust;
pub use scope::{Lean, Scope};
pub use shift::{Shift, shift};
pub use tracker::{Found, Keys, Track, Tracked, Tracker, Tracking};

use crate::Error;
use crate::fixed::Q6;
use crate::image::{Image, Pixel};
use crate::kernel::{Channel, Output};
use crate::parallel::Threads;
use crate::pyramid::{MAX_LEVELS, level_size};
use crate::simd::Level;
use crate::transform::Transform;
use crate::walk::RUN;
#[doc(hidden)]
pub use moments::{Total, Zero};
use word::Word;

/// A pixel that can be aligned: `u8`, `u16` or `i16`.
pub trait Grey: Pixel<Channel = Self> + Channel + Output<Self> + Into<i32> + From<u8> {
    /// A value before its last rounding.
    #[doc(hidden)]
    type Fine: Output<Self> + Into<i32> + From<i32>;
    /// Holds differences of pixels times offsets in a block, and residuals.
    #[doc(hidden)]
    type Word: Word;
    /// Samples, as what they are.
    #[doc(hidden)]
    fn samples(samples: &mut [Self::Fine]) -> &mut [Q6];
    /// Pixels that are bytes, as such.
    #[doc(hidden)]
    fn bytes(_: [&[Self]; 2]) -> Option<[&[u8]; 2]> {
        None
    }
}
macro_rules! grey {
    ($($t:ty: $word:ty $(, $bytes:item)?;)*) => {$(
        impl Grey for $t {
            type Fine = Q6;
            type Word = $word;
            fn samples(samples: &mut [Q6]) -> &mut [Q6] {
                samples
            }
            $($bytes)?
        }
    )*};
}
grey! {
    u8: i16, fn bytes(pixels: [&[u8]; 2]) -> Option<[&[u8]; 2]> { Some(pixels) };
    u16: i32;
    i16: i32;
}

/// As bits, in 1/64 grey level.
impl From<Q6> for i32 {
    #[inline(always)]
    fn from(v: Q6) -> i32 {
        v.0
    }
}

/// Of bits, in 1/64 grey level.
impl From<i32> for Q6 {
    #[inline(always)]
    fn from(v: i32) -> Self {
        Q6(v)
    }
}

/// The two images, and which of their pixels count. Their sizes may differ.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a, P> {
    fixed: Image<'a, P>,
    moving: Image<'a, P>,
    fixed_mask: Option<Image<'a, u8>>,
    moving_mask: Option<Image<'a, u8>>,
}

impl<'a, P> Pair<'a, P> {
    /// Two images without masks.
    pub const fn new(fixed: Image<'a, P>, moving: Image<'a, P>) -> Self {
        Self { fixed, moving, fixed_mask: None, moving_mask: None }
    }

    /// Only fixed pixels where `mask` is not zero count, and of those the ones whose gradient does
    /// not touch others.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`].
    pub fn with_fixed_mask(self, mask: Image<'a, u8>) -> Result<Self, Error> {
        same_size(&self.fixed, &mask)?;
        Ok(Self { fixed_mask: Some(mask), ..self })
    }

    /// Only positions count of which all taps are moving pixels where `mask` is not zero.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`].
    pub fn with_moving_mask(self, mask: Image<'a, u8>) -> Result<Self, Error> {
        same_size(&self.moving, &mask)?;
        Ok(Self { moving_mask: Some(mask), ..self })
    }
}

fn same_size<P>(image: &Image<'_, P>, mask: &Image<'_, u8>) -> Result<(), Error> {
    if (image.width(), image.height()) == (mask.width(), mask.height()) {
        Ok(())
    } else {
        Err(Error::SizeMismatch)
    }
}

/// How the moving image is interpolated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// Between 2x2 pixels. Patterns of a few pixels seem shifted, by up to 0.03 px where all pixels
    /// have the same fraction, and smoothed.
    #[default]
    Bilinear,
    /// By the [quintic](crate::Lagrange) through 6x6 pixels: a tenth of that error and less for images that are samples
    /// of one scene. A whole alignment takes 1.2 to 2.3 times as long. Where the fixed image is a bilinear warp of the
    /// moving one, bilinear samples are the exact ones, and these are not.
    Lagrange,
}

/// Whose gradients lead from the residuals to an increment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// [`SecondOrder`](Self::SecondOrder) at the first level to be refined, where images are farthest apart and a pass
    /// looks at few pixels, unless that is the full size; [`InverseCompositional`](Self::InverseCompositional) at the
    /// others, where short steps are left.
    #[default]
    Mixed,
    /// The fixed image's: inverse compositional (Baker and Matthews 2004). What it sums to changes with the
    /// support only.
    InverseCompositional,
    /// The mean of those of the fixed image and of the moving image as sampled: efficient second-order
    /// minimisation (Malis 2004; Benhimane and Malis 2007). Steps are exact to the second order, so that fewer do
    /// where images are some pixels apart; but all is summed anew in each, so that a whole alignment takes two to
    /// four times as long, and more where parts do not match.
    SecondOrder,
}

impl Method {
    /// Whether the gradients of both images are used at a level, of which 0 is the full size and `top` the first to be
    /// refined.
    fn is_second_order(self, level: usize, top: usize) -> bool {
        match self {
            Method::Mixed => level > 0 && level == top,
            Method::InverseCompositional => false,
            Method::SecondOrder => true,
        }
    }
}

/// How to align.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Levels of the pyramid, 1 to 15. `None`: as many as leave the smallest side 12 pixels
    /// (translation), 20 (Euclidean, similarity, affine) or 28 (homography); for the search 12.
    pub levels: Option<usize>,
    /// Iterations per level, at least 1. Default 50.
    pub max_iterations: u16,
    /// Converged when no corner of the fixed image is expected to move by more than this many pixels; above
    /// 0. Smaller levels stop at 1/32 of their pixels. Default 1/1024.
    pub epsilon: f64,
    /// The smallest part of the fixed image (of what [`Self::selection`] leaves), 0 to 1, that may be left as
    /// support. Default 0.1.
    pub min_support: f64,
    /// How far to search at the smallest level for a shift to start from: the part of the fixed
    /// image's sides, 0 (no search) to 1. Where that is too much to compare (16 million pixels), the
    /// range is halved until it is not. Shifts are compared by which at least half of the fixed pixels that count meet
    /// the moving image, or half of what can meet where one image is smaller; others are not found. Default 0.25.
    pub search: f64,
    /// How far to search for a rotation about the centre of the fixed image to start from, to either side: 0
    /// (none) to pi radians. Not for translations. Default 0.
    pub rotation: f64,
    /// Whose gradients are used. Default the fixed image's, but at the first of several levels those of both.
    pub method: Method,
    /// Whether the contrast and brightness of the two images may differ: gain and offset are estimated
    /// with the transform. Default true. Contrast is not reversed: of a negative something else is found, and
    /// [`Report::correlation`] tells. Where they are known to be the same (1 and 0), false leaves more to
    /// the transform: what is minimised then are the mean squares, as in TurboReg.
    pub gain_and_offset: bool,
    /// Whether every step has to raise the correlation (or lower the robust loss). Default false: steps
    /// below a pixel are not judged by it, see the [module](self).
    pub monotone: bool,
    /// How the moving image is interpolated at full size, once steps are shorter than a quarter of a
    /// pixel; before that, at smaller levels, and where a side is below 12 pixels, it is bilinear. Default bilinear
    /// throughout; [`Lagrange`](Interpolation::Lagrange) where hundredths of a pixel matter, noise is low, and neither
    /// image was made of the other by bilinear interpolation.
    pub finish: Interpolation,
    /// The part of the fixed image's pixels to look at, above 0 and at most 1, rounded up to eighths: of each
    /// block of 32 x 8 pixels the rows with the largest gradients, which say most of where the image is.
    /// All where that would leave less than 1024 of a level. Default 1.
    pub selection: f64,
    /// What parts of the images do that do not match. Default none: least squares. The others take 3 to 10 times as
    /// long.
    pub robust: Robust,
    /// The instruction set. Default the best; the results are the same for all.
    pub level: Level,
    /// How many threads to use. Default one; the results are the same for all.
    pub threads: Threads,
}

impl Default for Options {
    // (So that it is known what a `Lean` leaves at this.)
    #[inline(always)]
    fn default() -> Self {
        Self {
            levels: None,
            max_iterations: 50,
            epsilon: 1.0 / 1024.0,
            min_support: 0.1,
            search: 0.25,
            rotation: 0.0,
            method: Method::Mixed,
            gain_and_offset: true,
            monotone: false,
            finish: Interpolation::Bilinear,
            selection: 1.0,
            robust: Robust::None,
            level: Level::best(),
            threads: Threads::ONE,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        let part = |v: f64| (0.0..=1.0).contains(&v);
        let valid = self.max_iterations > 0
            && self.epsilon > 0.0
            && self.epsilon.is_finite()
            && part(self.min_support)
            && part(self.search)
            && part(self.selection)
            && self.selection > 0.0
            && (0.0..=core::f64::consts::PI).contains(&self.rotation);
        if valid { Ok(()) } else { Err(Error::InvalidOption) }
    }

    /// The levels to refine, and those of the pyramid: the search has smaller ones where it can.
    fn levels<T: Transform>(
        &self,
        fixed: (usize, usize),
        moving: (usize, usize),
    ) -> Result<(usize, usize), Error> {
        let side = |level: usize| {
            let ((a, b), (c, d)) =
                (level_size(fixed.0, fixed.1, level), level_size(moving.0, moving.1, level));
            a.min(b).min(c).min(d)
        };
        let down_to = |least: usize| (1..MAX_LEVELS).take_while(|&level| side(level) >= least).count() + 1;
        match self.levels {
            Some(levels) if (1..=MAX_LEVELS).contains(&levels) && side(levels - 1) > 0 => {
                Ok((levels, levels))
            }
            Some(_) => Err(Error::InvalidOption),
            None => {
                let refined = down_to(LEAST_SIDE + 8 * T::DEGREE);
                let levels =
                    if self.search > 0.0 || self.rotation > 0.0 { down_to(LEAST_SIDE) } else { refined };
                Ok((refined, levels))
            }
        }
    }
}

/// Neighbouring pixels of a row that passes treat together: aligned, and within one run of any warp.
const CHUNK: usize = 64;
const _: () = assert!((RUN / 2).is_multiple_of(CHUNK));

/// The smallest side of an image that still says where it is.
const LEAST_SIDE: usize = 12;

/// How an alignment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Status {
    /// What increments may still come is below [`Options::epsilon`].
    Converged,
    /// The iterations ran out at full size.
    MaxIterations,
    /// The image does not determine the parameters: constant, or varying along one axis only. (What varies along
    /// another direction only is not told from a pattern: pixels make stairs of an edge, whose steps look alike from one
    /// to the next. That ends as [`Converged`](Self::Converged), right across the edge and anywhere along it; only with
    /// noise does [`Aligner::covariance`] show it.)
    Singular,
    /// Less than [`Options::min_support`] of the fixed image falls inside the moving image and the
    /// masks, or would where every next step leads.
    LeftImage,
    /// No step leads to a transform that fixed-point coordinates can hold, at this level or the next, or, with
    /// [`Options::monotone`], none raises the correlation.
    Stalled,
}

impl Status {
    /// The variant's name.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Converged => "Converged",
            Status::MaxIterations => "MaxIterations",
            Status::Singular => "Singular",
            Status::LeftImage => "LeftImage",
            Status::Stalled => "Stalled",
        }
    }
}

impl core::fmt::Display for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Status::Converged => "converged",
            Status::MaxIterations => "the iterations ran out",
            Status::Singular => "the image does not determine the parameters",
            Status::LeftImage => "the images do not overlap enough",
            Status::Stalled => "no step leads any further",
        })
    }
}

/// What an alignment has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<T: Transform> {
    /// Fixed to moving pixels: `moving(T x) ~ gain fixed(x) + offset`. The best found, however the
    /// search ended.
    pub transform: T,
    /// How it ended.
    pub status: Status,
    /// Iterations per level, coarse to fine: each is one pass over the level.
    pub iterations: heapless::Vec<u16, MAX_LEVELS>,
    /// Root mean square of `moving(T x) - gain fixed(x) - offset` over the support, in grey levels
    /// of the moving image. This, and all that follows, is of the last pass: up to one step, of a few
    /// [`Options::epsilon`], before the transform.
    pub rms_residual: f64,
    /// Correlation coefficient of the two images over the support, -1 to 1.
    pub correlation: f64,
    /// Contrast of the moving image relative to the fixed one; 1 without [`Options::gain_and_offset`].
    pub gain: f64,
    /// Brightness of the moving image where the fixed one is zero, in grey levels; 0 without
    /// [`Options::gain_and_offset`].
    pub offset: f64,
    /// The part of the fixed image's pixels (of what [`Options::selection`] leaves) that the result rests
    /// on, 0 to 1.
    pub support: f64,
}
