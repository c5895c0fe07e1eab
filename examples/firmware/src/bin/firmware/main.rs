//! nonius on a microcontroller: warps, differentiates and aligns frames, at once and by the tick of a timer,
//! draws them, checks every result against what is known of it, and shows that bad input does no harm.
//!
//! Every line that is printed, but the first and those that begin with `#`, is the same on every board and,
//! by `cargo desktop`, on a desktop; a board with little memory (feature `small`) does less, and prints what
//! a desktop prints with that feature. The exit status is 0 if every check held.
#![cfg_attr(target_os = "none", no_std, no_main)]

mod bad_input;
mod display;
mod equality;
mod interrupts;
mod memory;
mod sampling;
mod tracking;

use firmware::record::Record;
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
    if cfg!(feature = "fail") {
        checks.that(false, "a check that never holds");
    }
    board::exit(checks.end())
}

fn demonstrate(memory: &mut memory::Memory, checks: &mut Checks) -> Result<(), nonius::Error> {
    sampling::run(memory, checks)?;
    interrupts::run(memory, checks)?;
    equality::run(memory, checks)?;
    bad_input::run(memory, checks)?;
    display::run(memory, checks)?;
    let mut record = Record::default();
    tracking::flow_in_whole_numbers(memory, &mut record, checks)?;
    #[cfg(not(feature = "small"))]
    {
        tracking::flow(memory, &mut record, checks)?;
        tracking::view(memory, &mut record, checks)?;
    }
    record.end();
    Ok(())
}
