//! What several tests need: pseudo-random numbers, and data that are not part of the repository.

// The benches have a copy, of which they use a part.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

/// A small generator of pseudo-random numbers (xorshift64*); not zero.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.bits() >> 32) as usize) % n
    }
    /// A real number in `from..to`.
    pub fn real(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The folder `group`/`name` of the data that `NONIUS_DATA` names. Without it a line is printed, and
/// the test is to pass.
pub fn data(group: &str, name: &str) -> Option<PathBuf> {
    let Some(data) = std::env::var_os("NONIUS_DATA") else {
        eprintln!("skipped: NONIUS_DATA is not set, {group}/{name} is not there");
        return None;
    };
    let path = Path::new(&data).join(group).join(name);
    if !path.is_dir() {
        eprintln!("skipped: {group}/{name} is not in NONIUS_DATA");
        return None;
    }
    Some(path)
}
