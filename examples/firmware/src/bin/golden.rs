//! The hashes of every kernel, boundary, gradient and alignment, as the library's tests have them, on a
//! device: `cargo golden` prints `tests/golden/golden.txt`.
#![no_std]
#![no_main]

use firmware::{board, say};
use nonius::Level;

#[path = "../../../../tests/golden/cases.rs"]
mod cases;

#[board::entry]
fn main() -> ! {
    cases::all(Level::best(), &mut |name, hash| say!("{:016x} {}", hash, defmt::Display2Format(&name)));
    board::exit(true)
}
