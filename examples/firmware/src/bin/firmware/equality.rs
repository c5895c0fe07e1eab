//! Warps of random sizes, places and transforms, in which every pixel has to be the sample at its
//! coordinate: so that every loop a processor has of its own is held against the definition, on the
//! processor, at all its ends.

use firmware::film::FLOW;
use firmware::report::{Checks, Hash};
use firmware::say;
use nonius::{
    Affine, Bilinear, Boundary, Coord, Error, Image, ImageMut, Interpolator, Nearest, Pixel, Sampler,
    Transform,
};

use crate::memory::Memory;

/// Warps of each kind.
const CASES: usize = if cfg!(feature = "small") { 150 } else { 400 };
/// Pixels of a 16-bit source, and of its destination.
const WIDE: usize = 400;

#[inline(never)]
pub fn run(memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    say!("warps, pixel by pixel");
    // Only the pixels matter, not how they lie: any window of any width will do.
    let pixels = FLOW.file.get(64..).unwrap_or(&[]);
    let mut random = Random(1);
    let hash = Hash::default();
    let (nearest, hash) = equal(Nearest, pixels, &mut memory.warped, &mut random, hash, |v: u8| [v, 0])?;
    checks.that(nearest, "nearest, 8 bits");
    let (bilinear, hash) = equal(Bilinear, pixels, &mut memory.warped, &mut random, hash, |v: u8| [v, 0])?;
    checks.that(bilinear, "bilinear, 8 bits");
    let (mut source, mut out) = ([0_u16; WIDE], [0_u16; WIDE]);
    for (v, bytes) in source.iter_mut().zip(pixels.chunks_exact(2)) {
        // (Some at both ends.)
        *v = bytes.iter().fold(0, |v, &byte| v << 8 | u16::from(byte.saturating_sub(100).saturating_mul(3)));
    }
    let (bilinear, hash) = equal(Bilinear, &source, &mut out, &mut random, hash, u16::to_le_bytes)?;
    checks.that(bilinear, "bilinear, 16 bits");
    let (nearest, hash) = equal(Nearest, &source, &mut out, &mut random, hash, u16::to_le_bytes)?;
    checks.that(nearest, "nearest, 16 bits");
    let (source, mut out) = (source.map(|v| v as i16), [0_i16; WIDE]);
    let (bilinear, hash) = equal(Bilinear, &source, &mut out, &mut random, hash, i16::to_le_bytes)?;
    checks.that(bilinear, "bilinear, 16 bits and a sign");
    say!("  all of them: {:016x}", hash.value());
    Ok(())
}

/// Whether all warps of one kind are what they should be; and the hash with their pixels.
fn equal<K: Interpolator, P: Pixel<Sampled = P> + PartialEq>(
    kernel: K,
    pixels: &[P],
    out: &mut [P],
    random: &mut Random,
    mut hash: Hash,
    bytes: impl Fn(P) -> [u8; 2],
) -> Result<(bool, Hash), Error> {
    let Some([zero, mark, other]) = pixels.first_chunk().copied() else { return Err(Error::Empty) };
    let mut holds = true;
    for _ in 0..CASES {
        let (width, height) = random.size(pixels.len());
        let stride = width + random.below(4);
        let first = random.below(pixels.len() - (stride * (height - 1) + width) + 1);
        let from = pixels.get(first..).unwrap_or(&[]);
        let source = Image::with_stride(from, width, height, stride)?;

        let (w, h) = random.size(out.len());
        let gap = random.below(4);
        // The bytes between rows, before the first and after the last have to stay.
        let first = random.below(out.len() - ((w + gap) * (h - 1) + w) + 1);
        out.fill(mark);
        let rows = out.get_mut(first..).unwrap_or(&mut []);

        let boundary = match random.below(6) {
            0 | 1 => Boundary::Constant(other),
            2 => Boundary::Constant(zero),
            3 => Boundary::Replicate,
            4 => Boundary::Reflect,
            _ => Boundary::Transparent,
        };
        let m = random.transform([width, height], [w, h]);
        let real = m.map(|v| v as f64 / f64::from(1 << 24));
        let Ok(warp) = Affine::from_parameters(real) else { continue };
        let sampler = Sampler::new(kernel, boundary);
        sampler.warp(source, &mut ImageMut::with_stride(rows, w, h, w + gap)?, &warp)?;

        for (i, &pixel) in out.iter().enumerate() {
            let wanted = i.checked_sub(first).map(|i| (i % (w + gap), i / (w + gap))).and_then(|(x, y)| {
                // Exact: whole numbers of 2^-32 pixels.
                let along = |a: i64, b: i64, c: i64| Coord::from_bits((a * x as i64 + b * y as i64 + c) << 8);
                let at = (along(m[0], m[1], m[2]), along(m[3], m[4], m[5]));
                if x < w && y < h { sampler.sample(source, at.0, at.1) } else { None }
            });
            holds &= pixel == wanted.unwrap_or(mark);
            hash = hash.bytes(&bytes(pixel));
        }
    }
    Ok((holds, hash))
}

/// Numbers that are the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (((self.0 >> 32) * limit as u64) >> 32) as usize
    }

    /// A size of at most so many pixels, rows four elements longer: small ones, and long rows.
    fn size(&mut self, pixels: usize) -> (usize, usize) {
        let width = match self.below(8) {
            0 => 1 + self.below(5),
            1 => 120 + self.below(160),
            _ => 5 + self.below(25),
        };
        let most = pixels / (width + 4);
        (width, 1 + self.below(most.clamp(1, 14)))
    }

    /// The coefficients of an affine transform in 2^-24.
    fn transform(&mut self, source: [usize; 2], destination: [usize; 2]) -> [i64; 6] {
        const ONE: i64 = 1 << 24;
        let mut within = |limit: i64| self.below(2 * limit as usize + 1) as i64 - limit;
        let kind = within(9);
        let small = ONE >> 5;
        let [a, b, d, e] = match kind {
            // Shifts, which may be by whole pixels; small turns; any; mirrored, or along one axis.
            -9..=-3 => [ONE, 0, 0, ONE],
            -2..=1 => [ONE + within(small), within(small), within(small), ONE + within(small)],
            2..=5 => [within(2 * ONE), within(2 * ONE), within(2 * ONE), within(2 * ONE)],
            6 => [-ONE, 0, 0, ONE],
            7 => [0, ONE, -ONE, 0],
            8 => [within(2 * ONE), 0, 0, within(2 * ONE)],
            _ => [ONE + within(small), 0, 0, ONE],
        };
        // From centre to centre, and beside it.
        let middle = |side: usize| (side as i64 - 1) * (ONE / 2);
        let to = destination.map(|side| side as i64 - 1);
        let beside = if kind % 2 == 0 { 4 * ONE } else { ONE / 2 };
        let [mut c, mut f] = [
            middle(source[0]) - (a * to[0] + b * to[1]) / 2 + within(beside),
            middle(source[1]) - (d * to[0] + e * to[1]) / 2 + within(beside),
        ];
        if kind % 3 == 0 {
            c &= -ONE;
        }
        if kind % 4 == 1 || kind == -6 {
            f &= -ONE;
        }
        [a, b, c, d, e, f]
    }
}
