//! Translations of whole frames of any size, stride and pixels: an error, or numbers in range, whatever is in the
//! workspace.
#![no_main]
#![forbid(unsafe_code)]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nonius::align::{Shift, Status, shift};
use nonius_fuzz::{Side, image, span};

#[derive(Arbitrary, Debug)]
struct Input {
    fixed: Side,
    moving: Side,
    one_size: bool,
    search: u8,
    /// The moving frame is the fixed one from this pixel on, or has bytes of its own.
    from: Option<u8>,
    missing: u8,
    bytes: Vec<u8>,
}

fuzz_target!(|input: Input| {
    let fixed_size = input.fixed.size(150, 90);
    let moving_size = if input.one_size { fixed_size } else { input.moving.size(150, 90) };
    let n = input.bytes.len().max(1);
    let pixel = |i: usize| input.bytes.get(i % n).copied().unwrap_or(0);
    let fixed: Vec<u8> = (0..span(fixed_size)).map(pixel).collect();
    let from = input.from.map_or(n / 2, usize::from);
    let moving: Vec<u8> = (0..span(moving_size)).map(|i| pixel(i + from)).collect();

    let needed = Shift::workspace(fixed_size.0, fixed_size.1);
    let found = [0, 0xff].map(|byte| {
        let mut workspace = vec![byte; needed.saturating_sub(input.missing.into())];
        let (fixed, moving) = (image(&fixed, fixed_size), image(&moving, moving_size));
        shift(fixed, moving, input.search.into(), &mut workspace)
    });
    assert_eq!(found[0], found[1]);
    let same = (fixed_size.0, fixed_size.1) == (moving_size.0, moving_size.1);
    assert_eq!(found[0].is_ok(), same && (input.missing == 0 || needed == 0));
    if let Ok(found) = found[0] {
        let [x, y] = found.translation.map(|v| f64::from(v.0) / 65_536.0);
        assert!(x.abs() <= fixed_size.0 as f64 && y.abs() <= fixed_size.1 as f64, "{found:?}");
        assert!(found.correlation.to_bits().abs() <= 1 << 14, "{found:?}");
        assert!(found.support as usize <= fixed_size.0 * fixed_size.1, "{found:?}");
        assert!(found.status != Status::Converged || found.support > 0, "{found:?}");
    }
});
