//! Gain and offset between two images.
//!
//! In: estimates in real numbers. Out: residuals in whole ones, by gain and offset as they are rounded once.
#![forbid(unsafe_code)]

use super::word::Word;
use crate::fixed::{power_of_two, q32, round_shift};

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
    pub(super) fn half_of_gain(&self) -> i32 {
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
