//! Counts instructions with SysTick under QEMU's `-icount shift=8`, and finds how deep a stack went.
//!
//! There every instruction takes 256 ns of virtual time. SysTick's clock differs from board to board,
//! so the ticks per instruction are measured first, on a loop whose length is known. They are more
//! than 4 on every board used here, so counts are exact. The counter has 24 bits; its wraps are
//! counted by its interrupt, whose own instructions, about ten in 2^24 ticks, are counted with the rest.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

const PERIOD: u32 = 1 << 24;
/// How often the counter has wrapped since a count began. Written by its interrupt, and where a count begins.
static WRAPS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    WRAPS.store(WRAPS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

pub struct Meter {
    /// For 10,000 instructions.
    ticks: u64,
    /// Of an empty region.
    empty: u64,
}

/// `2 n` instructions, and a fixed few around them.
#[inline(never)]
fn spin(n: u32) {
    // SAFETY: only the register that it names, and the flags.
    unsafe { asm!("2:", "subs {0}, {0}, #1", "bne 2b", inout(reg) n => _, options(nomem, nostack)) }
}

#[inline(never)]
fn ticks(f: &mut dyn FnMut()) -> u64 {
    WRAPS.store(0, Ordering::Relaxed);
    // Writing the counter clears it; it reloads at the next tick.
    // SAFETY: SysTick belongs to the meter.
    unsafe { (*SYST::PTR).cvr.write(0) };
    spin(10);
    compiler_fence(Ordering::SeqCst);
    let begin = SYST::get_current();
    f();
    let end = SYST::get_current();
    compiler_fence(Ordering::SeqCst);
    spin(2);
    let wraps = WRAPS.load(Ordering::Relaxed);
    u64::from(wraps) * u64::from(PERIOD) + u64::from(begin) - u64::from(end)
}

impl Meter {
    pub fn new(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(PERIOD - 1);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
        let (short, long) = (ticks(&mut || spin(1_000)), ticks(&mut || spin(6_000)));
        Self { ticks: long - short, empty: ticks(&mut || ()) }
    }

    /// The instructions that `f` executes.
    pub fn count(&self, f: &mut dyn FnMut()) -> u64 {
        let ticks = ticks(f) - self.empty;
        (ticks * 10_000 + self.ticks / 2) / self.ticks
    }
}

/// A word that nothing else writes, with luck.
const PAINT: u32 = 0x5ee5_a11e;

/// The most bytes of stack that `f` has in use at a time, of the `limit` below this call.
#[inline(never)]
pub fn stack(limit: usize, f: &mut dyn FnMut()) -> usize {
    let top: usize;
    // SAFETY: reads the stack pointer.
    unsafe { asm!("mov {}, sp", out(reg) top, options(nomem, nostack, preserves_flags)) };
    // Some room for what this function itself calls.
    let top = (top - 64) as *mut u32;
    let words = limit / 4;
    for i in 0..words {
        // SAFETY: below the stack pointer nothing is alive, and `limit` bytes of RAM are there. (An
        // interrupt may write there meanwhile, but keeps nothing.)
        unsafe { top.sub(i).write_volatile(PAINT) };
    }
    f();
    for i in (0..words).rev() {
        // SAFETY: as above.
        if unsafe { top.sub(i).read_volatile() } != PAINT {
            return 64 + 4 * i;
        }
    }
    0
}
