//! Robust weights: how much a pixel counts whose residual is large.
//!
//! In: residuals in Q4. Out: weights (Q7), losses (Q14), and a robust scale.
//!
//! **Definition.** With a cut k in Q4 (at least 1) and `r = floor(2^32 / k)`, the relative residual
//! is `u = |e| r >> 18` in Q14. Shifts round down.
//!
//! | loss | weight, Q7 | loss, Q14 | k / sigma |
//! |---|---|---|---|
//! | Huber (1964) | `2^21 / max(u, 2^14)` | `u^2 >> 15` up to one, `u - 2^13` beyond | 1.345 |
//! | Tukey (Beaton and Tukey 1974) | `q^2 >> 21` | `2^14 - (q^2 >> 14) q >> 14` | 4.685 |
//!
//! where `q = 2^14 - (u^2 >> 14)`, at least 0. With these k an estimate from normal residuals has 95 %
//! of the efficiency of least squares. Sigma is 1.4826 times the median of |e| (the normal
//! distribution's), read from a histogram with eight bins per octave.
#![forbid(unsafe_code)]

/// What residuals that are large beside the others do. See [`super::Options::robust`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Robust {
    /// They count as all others: least squares.
    #[default]
    None,
    /// They count less: their pull is bounded (Huber 1964). For images that differ everywhere
    /// a little more than noise would have it.
    Huber,
    /// They count less and less, and from 4.685 sigma on not at all (Beaton and Tukey 1974).
    /// For parts of the scene that move differently, or are covered in one of the images.
    Tukey,
}

/// The largest residual there is.
const LARGEST: f64 = 4_194_304.0;

/// A loss at a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Least squares, all weights one.
    Squares,
    /// The reciprocal of the cut.
    Huber(i64),
    /// The reciprocal of the cut.
    Tukey(i64),
}

impl Loss {
    /// The loss of a kind for residuals of standard deviation `sigma`, in grey levels.
    pub(super) fn new(robust: Robust, sigma: f64) -> Self {
        let reciprocal = |factor: f64| {
            let cut = libm::round(factor * sigma * 16.0).clamp(1.0, LARGEST);
            libm::floor(4_294_967_296.0 / cut) as i64
        };
        match robust {
            Robust::None => Loss::Squares,
            Robust::Huber => Loss::Huber(reciprocal(1.345)),
            Robust::Tukey => Loss::Tukey(reciprocal(4.685)),
        }
    }

    /// The weight that stands for one, as a power of two.
    pub(super) const fn unit(&self) -> u32 {
        match self {
            Loss::Squares => 0,
            Loss::Huber(_) | Loss::Tukey(_) => 7,
        }
    }

    /// Weight and loss of a residual within 2^22.
    #[cfg_attr(thumb, inline(never))]
    #[cfg_attr(not(thumb), inline(always))]
    pub(super) fn at(&self, e: i32) -> (i32, i64) {
        const ONE: i64 = 1 << 14;
        let relative = |r: i64| (i64::from(e.unsigned_abs()) * r) >> 18;
        match *self {
            Loss::Squares => (1, 0),
            Loss::Huber(r) => {
                let u = relative(r);
                let weight = (1_i64 << 21).checked_div(u.max(ONE)).unwrap_or(0);
                (weight as i32, if u <= ONE { (u * u) >> 15 } else { u - ONE / 2 })
            }
            Loss::Tukey(r) => {
                let u = relative(r).min(ONE);
                let q = ONE - ((u * u) >> 14);
                let square = q * q;
                ((square >> 21) as i32, ONE - (((square >> 14) * q) >> 14))
            }
        }
    }
}

/// Bins per octave, as a power of two.
const FINE: u32 = 3;
/// Residuals below 2^4 have a bin each, and 2^22 is the largest.
const BINS: usize = ((22 - FINE) << FINE) as usize + 1 + (1 << FINE);

/// What gathers residuals for a robust scale.
pub trait Gather: Copy + core::fmt::Debug + Send + Sync {
    /// No residual.
    const EMPTY: Self;
    /// One more.
    fn add(&mut self, e: i32);
    /// Those of other pixels.
    fn join(&mut self, other: &Self);
    /// 1.4826 times the median magnitude, in grey levels: the standard deviation of normal residuals.
    /// At least half a grey level, which is what rounding the pixels leaves of a perfect match.
    fn sigma(&self) -> f64;
}

/// Where no robust scale is asked for.
impl Gather for () {
    const EMPTY: Self = ();
    #[inline(always)]
    fn add(&mut self, _: i32) {}
    #[inline(always)]
    fn join(&mut self, (): &Self) {}
    #[inline(always)]
    fn sigma(&self) -> f64 {
        0.0
    }
}

/// How many residuals have which magnitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Histogram([u32; BINS]);

impl Histogram {
    /// The bin of a magnitude: itself below 2^4, then 8 bins for each power of two.
    #[inline(always)]
    fn bin(magnitude: u32) -> usize {
        let octave = (31 - (magnitude | 1).leading_zeros()).saturating_sub(FINE);
        ((octave << FINE) + (magnitude >> octave)) as usize
    }

    /// The least magnitude of a bin.
    fn least(bin: usize) -> u32 {
        let bin = bin as u32;
        let octave = (bin >> FINE).saturating_sub(1);
        (bin - (octave << FINE)) << octave
    }
}

impl Gather for Histogram {
    const EMPTY: Self = Self([0; BINS]);

    #[inline(always)]
    fn add(&mut self, e: i32) {
        if let Some(count) = self.0.get_mut(Self::bin(e.unsigned_abs())) {
            *count += 1;
        }
    }

    fn join(&mut self, other: &Self) {
        for (count, n) in self.0.iter_mut().zip(other.0) {
            *count += n;
        }
    }

    fn sigma(&self) -> f64 {
        let total = self.0.iter().map(|&n| u64::from(n)).sum::<u64>();
        let half = total as f64 / 2.0;
        let mut below = 0.0;
        let mut median = 0.0;
        for (bin, &count) in self.0.iter().enumerate() {
            let count = f64::from(count);
            if count > 0.0 && below + count >= half {
                let (from, to) = (f64::from(Self::least(bin)), f64::from(Self::least(bin + 1)));
                // Spread evenly over the bin, a whole number standing for what it is rounded from.
                median = (from - 0.5 + (to - from) * (half - below) / count).max(0.0);
                break;
            }
            below += count;
        }
        (1.4826 * median / 16.0).max(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_follow_on_one_another() {
        for bin in 0..BINS {
            let least = Histogram::least(bin);
            assert_eq!(Histogram::bin(least), bin);
            assert!(bin == 0 || Histogram::bin(least - 1) == bin - 1);
        }
        assert_eq!(Histogram::bin(1 << 22), BINS - 1);
    }

    /// Magnitudes spread evenly up to a have the median a / 2.
    #[test]
    fn scale() {
        for a in [100, 3000, 100_000] {
            let mut histogram = Histogram::EMPTY;
            for e in -a..=a {
                histogram.add(e);
            }
            let sigma = 1.4826 * f64::from(a) / 2.0 / 16.0;
            assert!((histogram.sigma() / sigma - 1.0).abs() < 0.01, "{a}: {}", histogram.sigma());
        }
        assert_eq!(Histogram::EMPTY.sigma(), 0.5);
    }

    /// Against the formulas in real numbers.
    #[test]
    fn weights_and_losses() {
        for sigma in [0.5_f64, 1.0, 7.3, 900.0, 1e9] {
            for e in (0..1 << 22).step_by(1979).chain([0, 1, 2, 31, 32, 33, 1 << 22]) {
                for (robust, factor) in [(Robust::Huber, 1.345), (Robust::Tukey, 4.685)] {
                    let cut = (factor * sigma * 16.0).round().min(LARGEST);
                    let u = f64::from(e) / cut;
                    let (weight, loss) = match robust {
                        Robust::Huber if u > 1.0 => (1.0 / u, u - 0.5),
                        Robust::Huber => (1.0, u * u / 2.0),
                        _ => {
                            let q = (1.0 - u * u).max(0.0);
                            (q * q, 1.0 - q * q * q)
                        }
                    };
                    let (w, l) = Loss::new(robust, sigma).at(e);
                    let (w2, l2) = Loss::new(robust, sigma).at(-e);
                    assert_eq!((w, l), (w2, l2));
                    assert!((f64::from(w) / 128.0 - weight).abs() < 1.01 / 128.0, "{robust:?} {sigma} {e}");
                    assert!(
                        (l as f64 / 16384.0 - loss).abs() < 1e-3 * loss.max(1.0),
                        "{robust:?} {sigma} {e}"
                    );
                }
            }
        }
    }
}
