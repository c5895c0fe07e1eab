//! Ticks of a Cortex-M: SysTick, and its interrupt. (The nRF51 of a real micro:bit has none, but QEMU's
//! has; there, take one of its TIMERs.)

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::asm::wfi;
use cortex_m::interrupt;
use cortex_m::peripheral::Peripherals;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

/// Cycles of the core from tick to tick: 1 ms at 25 MHz.
const PERIOD: u32 = 25_000;

/// Ticks so far. Written by the handler alone.
static TICKS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    // (A Cortex-M0 has no atomic addition.)
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Calls `work` after each tick until it says that all is done, and sleeps in between. Ticks that pass
/// while it works are not made up for. Does nothing if somebody else has the timer.
pub fn each_tick(mut work: impl FnMut() -> bool) {
    let Some(peripherals) = Peripherals::take() else { return };
    let mut timer = peripherals.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(PERIOD - 1);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
    loop {
        let seen = TICKS.load(Ordering::Relaxed);
        while TICKS.load(Ordering::Relaxed) == seen {
            // Interrupts are held back, so that none comes between the look and the sleep; a pending
            // one ends the sleep all the same.
            interrupt::free(|_| {
                if TICKS.load(Ordering::Relaxed) == seen {
                    wfi();
                }
            });
        }
        if work() {
            break;
        }
    }
    timer.disable_counter();
    timer.disable_interrupt();
}
