//! The board: where a program begins, how it logs and how it ends.
//!
//! Log by [`say!`](crate::say), end by [`exit`]. Logging and ending go through semihosting, which QEMU
//! and probe-rs both understand; with feature `rtt` logging goes through RTT. Time is a timer's
//! interrupt: see [`each_tick`].

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

#[cfg(not(feature = "rtt"))]
#[path = "semihosting.rs"]
mod log;
#[cfg(feature = "rtt")]
use defmt_rtt as _;

#[cfg_attr(target_arch = "arm", path = "systick.rs")]
#[cfg_attr(target_arch = "riscv32", path = "mtime.rs")]
mod timer;
pub use timer::each_tick;

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

/// Nothing here panics, and `.ci/firmware` looks that the linker agrees. A handler must be all the same.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    semihosting::process::exit(101)
}
