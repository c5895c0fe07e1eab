//! In place of a board: a desktop, for replay.

/// What stands for the board's name.
pub const NAME: &str = "desktop";

/// Logs a line.
#[macro_export]
macro_rules! say {
    ($($t:tt)*) => { println!($($t)*) };
}

/// Calls `work` until it says that all is done: here time is not waited for, and a tick is never missed.
pub fn each_tick(mut work: impl FnMut(u32) -> bool) {
    while !work(1) {}
}

/// Ends the program: status 0 if all was well, 1 if not.
pub fn exit(ok: bool) -> ! {
    std::process::exit(if ok { 0 } else { 1 })
}
