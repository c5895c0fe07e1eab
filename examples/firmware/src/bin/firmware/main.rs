//! nonius on a microcontroller: warps, differentiates and aligns what a camera saw, at once and by the
//! tick of a timer, checks every result against what is known of it, and shows that bad input does no
//! harm.
//!
//! Every line that is printed is the same on every board and, by `cargo desktop`, on a desktop: so
//! what a device did can be replayed there. The exit status is 0 if every check held.
#![cfg_attr(target_os = "none", no_std, no_main)]

mod bad_input;
mod equality;
mod interrupts;
mod memory;
mod sampling;
#[cfg(not(feature = "small"))]
mod tracking;

use firmware::report::Checks;
use firmware::{board, say};
use memory::MEMORY;

#[cfg(target_os = "none")]
#[board::entry]
fn start() -> ! {
    main()
}

fn main() -> ! {
    say!("nonius on {}", board::NAME);
    let Some(memory) = MEMORY.try_take() else { board::exit(false) };
    let mut checks = Checks::default();
    let end = demonstrate(memory, &mut checks);
    checks.that(end.is_ok(), "no constructor refuses good input");
    board::exit(checks.end())
}

fn demonstrate(memory: &mut memory::Memory, checks: &mut Checks) -> Result<(), nonius::Error> {
    sampling::run(memory, checks)?;
    interrupts::run(memory, checks)?;
    equality::run(memory, checks)?;
    bad_input::run(memory, checks)?;
    #[cfg(not(feature = "small"))]
    {
        tracking::flow(memory, checks)?;
        tracking::flow_in_whole_numbers(memory, checks)?;
        tracking::view(memory, checks)?;
    }
    Ok(())
}
