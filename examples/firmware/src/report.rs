//! What a program says of itself: checks that decide the exit status, hashes of results, and numbers.
//!
//! Every number is printed from integers, so that a device and a desktop print the same.

use nonius::Transform;

use crate::say;

/// Counts what was checked.
#[derive(Debug, Default)]
pub struct Checks {
    passed: u16,
    failed: u16,
}

impl Checks {
    /// Notes whether something holds, and says what does not.
    pub fn that(&mut self, holds: bool, what: &'static str) {
        if holds {
            self.passed += 1;
        } else {
            self.failed += 1;
            say!("  FAILED: {}", what);
        }
    }

    /// Says how many held; true if all did.
    pub fn end(&self) -> bool {
        say!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

/// FNV-1a, 64 bits, of the bytes of a result, low byte first.
#[derive(Debug)]
pub struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Hash(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    /// Adds bytes.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }

    /// Adds numbers.
    pub fn words(self, words: &[i32]) -> Self {
        words.iter().fold(self, |hash, word| hash.bytes(&word.to_le_bytes()))
    }

    /// Adds every bit of a transform.
    pub fn transform<T: Transform>(self, transform: &T) -> Self {
        transform.matrix().iter().fold(self, |hash, v| hash.bytes(&v.to_bits().to_le_bytes()))
    }

    /// The hash of all that was added.
    pub const fn value(&self) -> u64 {
        self.0
    }
}

/// A number to be printed with three decimals.
#[derive(Clone, Copy, Debug)]
pub struct Milli {
    thousandths: i32,
    /// What stands before a number that is not negative.
    plus: &'static str,
}

/// To the nearest thousandth.
pub fn milli(v: f64) -> Milli {
    Milli { thousandths: libm::round(v * 1000.0) as i32, plus: "" }
}

/// To the nearest thousandth, and with a plus.
pub fn signed(v: f64) -> Milli {
    Milli { plus: "+", ..milli(v) }
}

impl Milli {
    /// Sign, whole part, thousandths.
    fn parts(self) -> (&'static str, u32, u32) {
        let v = self.thousandths.unsigned_abs();
        (if self.thousandths < 0 { "-" } else { self.plus }, v / 1000, v % 1000)
    }
}

#[cfg(target_os = "none")]
impl defmt::Format for Milli {
    fn format(&self, f: defmt::Formatter) {
        let (sign, whole, part) = self.parts();
        defmt::write!(f, "{=str}{=u32}.{=u32:03}", sign, whole, part)
    }
}

#[cfg(not(target_os = "none"))]
impl std::fmt::Display for Milli {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, whole, part) = self.parts();
        write!(f, "{sign}{whole}.{part:03}")
    }
}
