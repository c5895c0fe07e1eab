//! Ticks of a Cortex-M: SysTick, and its interrupt. (Not every Cortex-M0 has one: see `nrf51.rs`.)

pub use cortex_m::asm::wfi as sleep;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{Peripherals, SYST};
use cortex_m_rt::exception;

/// Cycles of the core from tick to tick: 1 ms at 25 MHz, 0.39 ms at the 64 MHz of an nRF52840.
const PERIOD: u32 = 25_000;

#[exception]
fn SysTick() {
    super::tick();
}

/// The timer, while it ticks.
pub struct Timer(SYST);

impl Timer {
    /// Ticks begin; `None` if somebody else has the timer.
    pub fn start() -> Option<Self> {
        let mut timer = Peripherals::take()?.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(PERIOD - 1);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
        Some(Self(timer))
    }

    /// Ticks end.
    pub fn stop(mut self) {
        self.0.disable_counter();
        self.0.disable_interrupt();
    }
}
