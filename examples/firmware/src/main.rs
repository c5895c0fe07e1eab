//! nonius on a microcontroller.
#![cfg_attr(target_os = "none", no_std, no_main)]

use firmware::{board, say};

#[cfg(target_os = "none")]
#[board::entry]
fn start() -> ! {
    main()
}

fn main() -> ! {
    say!("nonius on {}", board::NAME);
    board::exit(true)
}
