//! Backends: the interior of every row, where all taps are known to lie inside.
//!
//! In: a source image, a walk and a stretch of pixels. Out: the values of that stretch, a block of
//! neighbouring pixels at a time; a block that is not inside is left to the caller. This is the only
//! module with `unsafe`: fetching a tap without testing its index. [`blocks`] tests the cells of a
//! whole block at once, and is safe to call with anything.
//!
//! # How to add a backend
//!
//! 1. Implement [`Lanes`] for a new unit type in a file of its own: some integer and float
//!    operations on N lanes. [`Never`](lanes::Never) stands for the registers of bytes and the exact
//!    quotients of a backend without; the fetches, where it has faster ones than tap by tap, say
//!    whether they reach. Mark every function `#[inline(always)]`, none `#[target_feature]`, and
//!    write loops, not closures, around operations: a closure is not inlined with the features. Look
//!    at the calls in the assembly: `map()` of an array, `skip()` and `step_by()` are some now and then.
//! 2. Add a variant to `Kind`, if need be under a `cfg` from `build.rs`, list it in [`Level::ALL`], say in
//!    [`Level::is_available`] what it needs and call it in [`Level::run`]. A backend that needs detection is entered there, through one
//!    `#[target_feature]` function around [`Operation::run`]; everything below is inlined into it, so
//!    a whole call to the crate crosses that boundary once.
//! 3. Nothing else: the matrix test, the benches and the fuzz targets go through
//!    [`Level::available`] and hold every level against the reference, bit by bit.
//!
//! The scalar backend is `Lanes` with one lane. It is also what runs rests of rows.

#[cfg(thumb)]
mod arm;
#[cfg(all(thumb, not(dsp)))]
mod arm_base;
#[cfg(dsp)]
mod arm_dsp;
#[cfg(fpu)]
mod arm_fpu;
// (For an M55 the compiler makes Helium of the plain loops: sums up to the first power take an eighth less than by these,
// those of homographies an eighth more.)
#[cfg(all(dsp, not(helium)))]
pub(crate) mod arm_moments;
#[cfg(dsp)]
mod arm_sums;
#[cfg(avx2)]
mod avx2;
#[cfg(avx512)]
mod avx512;
pub(crate) mod block;
pub(crate) mod cast;
#[cfg(helium)]
mod helium;
mod lanes;
pub(crate) mod partials;
mod places;
mod scalar;
pub(crate) mod scatter;
#[cfg(avx2)]
mod spread;
mod steps;
pub(crate) mod sums;
#[cfg(wide)]
mod wide;

#[cfg(thumb)]
pub(crate) use arm::frame;
#[cfg(dsp)]
pub(crate) use arm_dsp::shifted;
/// The square root, rounded to nearest.
#[cfg(fpu)]
pub(crate) use arm_fpu::sqrt;
pub(crate) use block::{blocks, partials as partials_at};
pub(crate) use lanes::{Lanes, Register, hermite_q14, interleave};
#[cfg(not(fpu))]
pub(crate) use libm::sqrtf as sqrt;
pub(crate) use partials::{one_by_one as partials_each, run_partials};
pub(crate) use places::{KnownSteps, PLACES, Places};
pub(crate) use scalar::One;
pub(crate) use scatter::run_scatter;
pub(crate) use steps::{LinearSteps, MapSteps, NearPositions, Positions, QuotientSteps, Steps};

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
    #[cfg(avx2)]
    Avx2,
    #[cfg(avx512)]
    Avx512,
}

/// Whether a feature of the processor is there: asked of it under feature `std`, known at compile
/// time without.
#[cfg(avx2)]
macro_rules! detected {
    ($($feature:tt),*) => {{
        #[cfg(feature = "std")]
        { true $(&& std::arch::is_x86_feature_detected!($feature))* }
        #[cfg(not(feature = "std"))]
        { true $(&& cfg!(target_feature = $feature))* }
    }};
}

impl Level {
    /// Plain integer code.
    pub const SCALAR: Level = Level(Kind::Scalar);

    /// Every level that this build knows, the fastest last.
    const ALL: &'static [Level] = &[
        Level::SCALAR,
        #[cfg(wide)]
        Level(Kind::Wide),
        #[cfg(avx2)]
        Level(Kind::Avx2),
        #[cfg(avx512)]
        Level(Kind::Avx512),
    ];

    /// What can be used here, the fastest last.
    pub fn available() -> impl DoubleEndedIterator<Item = Level> {
        Self::ALL.iter().copied().filter(|level| level.is_available())
    }

    /// The fastest level. With feature `std`, the environment variable `NONIUS_LEVEL` names another
    /// one, for debugging; it is read once.
    pub fn best() -> Level {
        #[cfg(feature = "std")]
        {
            static BEST: std::sync::OnceLock<Level> = std::sync::OnceLock::new();
            *BEST.get_or_init(|| {
                let named = std::env::var("NONIUS_LEVEL").ok().and_then(|name| Self::by_name(&name));
                named.unwrap_or_else(|| Self::available().next_back().unwrap_or(Self::SCALAR))
            })
        }
        #[cfg(not(feature = "std"))]
        Self::available().next_back().unwrap_or(Self::SCALAR)
    }

    /// The level of this [`name`](Self::name), if it is available.
    pub fn by_name(name: &str) -> Option<Level> {
        Self::available().find(|level| level.name() == name)
    }

    fn is_available(self) -> bool {
        match self.0 {
            Kind::Scalar => true,
            #[cfg(wide)]
            Kind::Wide => true,
            #[cfg(avx2)]
            Kind::Avx2 => detected!("avx2", "fma"),
            #[cfg(avx512)]
            Kind::Avx512 => {
                detected!(
                    "avx2",
                    "fma",
                    "avx512f",
                    "avx512bw",
                    "avx512dq",
                    "avx512vl",
                    "avx512vbmi",
                    "avx512vnni"
                )
            }
        }
    }

    /// `scalar`, `wide`, `avx2` or `avx512`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(wide)]
            Kind::Wide => "wide",
            #[cfg(avx2)]
            Kind::Avx2 => "avx2",
            #[cfg(avx512)]
            Kind::Avx512 => "avx512",
        }
    }

    /// This level, or that of eight lanes where sixteen are further apart than their registers reach: for the
    /// taps of so many channels of so many bytes, along a line with these steps in Q32.32. (Also where the level was
    /// asked for by name: then sixteen lanes draw the less steep lines, and homographies and maps of any kind.)
    #[cfg_attr(not(avx512), allow(unused_variables))]
    pub(crate) fn along(self, steps: Option<[i64; 2]>, taps: usize, channels: usize, bytes: usize) -> Level {
        #[cfg(avx512)]
        if let (Kind::Avx512, Some(steps)) = (self.0, steps) {
            // (A step is at most 2^14 px.)
            let apart = steps.map(|step| ((15 * step.unsigned_abs()) >> 32) as usize + 1);
            if !avx512::reaches(apart, taps, channels, bytes) {
                return Level(Kind::Avx2);
            }
        }
        self
    }

    /// Enters the level.
    #[inline]
    pub(crate) fn run<O: Operation>(self, operation: O) -> O::Output {
        match self.0 {
            Kind::Scalar => operation.run::<One>(),
            #[cfg(wide)]
            Kind::Wide => operation.run::<wide::Four>(),
            #[cfg(avx2)]
            // SAFETY: a level is only given out once its features have been detected.
            Kind::Avx2 => unsafe { enter_avx2(operation) },
            #[cfg(avx512)]
            // SAFETY: as above.
            Kind::Avx512 => unsafe { enter_avx512(operation) },
        }
    }
}

#[cfg(avx2)]
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
fn enter_avx2<O: Operation>(operation: O) -> O::Output {
    operation.run::<avx2::Eight>()
}

#[cfg(avx512)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
#[inline(never)]
fn enter_avx512<O: Operation>(operation: O) -> O::Output {
    operation.run::<avx512::Sixteen>()
}

/// A band of work that runs at one level. (A trait, since a closure would not carry the level's
/// target features into its body.)
pub trait Operation {
    /// What it gives back.
    type Output;
    /// Does it.
    fn run<L: Lanes>(self) -> Self::Output;
}
