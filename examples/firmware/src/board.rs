//! The board: where a program begins, how it logs and how it ends.
//!
//! Log by [`say!`](crate::say), end by [`exit`]. Logging and ending go through semihosting, which QEMU
//! and probe-rs both understand; with feature `rtt` logging goes through RTT. Time is a timer's
//! interrupt: see [`each_tick`].

use core::sync::atomic::{AtomicU32, Ordering};

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

#[cfg(not(feature = "rtt"))]
#[path = "semihosting.rs"]
mod log;
#[cfg(feature = "rtt")]
use defmt_rtt as _;

#[cfg_attr(all(target_arch = "arm", not(feature = "microbit")), path = "systick.rs")]
#[cfg_attr(all(target_arch = "arm", feature = "microbit"), path = "nrf51.rs")]
#[cfg_attr(target_arch = "riscv32", path = "mtime.rs")]
mod timer;
use timer::{Timer, sleep};

/// Ticks so far. Written by the timer's handler alone.
static TICKS: AtomicU32 = AtomicU32::new(0);

/// What the timer's handler does.
fn tick() {
    // (A Cortex-M0 has no atomic addition.)
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Calls `work` after each tick until it says that all is done, and sleeps in between. It is told how many ticks
/// have passed since the last call: more than one if it took that long, and what should have been done at the
/// others is its own affair. Does nothing if somebody else has the timer.
pub fn each_tick(mut work: impl FnMut(u32) -> bool) {
    let Some(timer) = Timer::start() else { return };
    let mut seen = TICKS.load(Ordering::Relaxed);
    loop {
        let mut passed = 0;
        while passed == 0 {
            // Interrupts are held back, so that none comes between the look and the sleep; a pending
            // one ends the sleep all the same.
            critical_section::with(|_| {
                passed = TICKS.load(Ordering::Relaxed).wrapping_sub(seen);
                if passed == 0 {
                    sleep();
                }
            });
        }
        seen = seen.wrapping_add(passed);
        if work(passed) {
            break;
        }
    }
    timer.stop();
}

/// The board's name: the feature that chose it.
pub const NAME: &str = env!("BOARD");

/// Logs a line. As `println!`, but formatted by the host.
#[macro_export]
macro_rules! say {
    ($($t:tt)*) => { defmt::println!($($t)*) };
}

/// Ends the program: status 0 if all was well, 1 if not.
pub fn exit(ok: bool) -> ! {
    semihosting::process::exit(if ok { 0 } else { 1 })
}

/// Nothing here panics, and `.ci/firmware` looks that the linker agrees; with feature `rtt` one crate can:
/// `defmt-rtt`, where a frame is begun within a frame, or ended outside one. A handler must be all the same.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    semihosting::process::exit(101)
}
