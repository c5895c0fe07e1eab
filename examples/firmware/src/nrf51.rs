//! Ticks of an nRF51, whose Cortex-M0 has no SysTick: its TIMER0, and that one's interrupt.

pub use cortex_m::asm::wfi as sleep;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;

/// Of the 1 MHz that the prescaler leaves of 16 MHz: 1 ms.
const PERIOD: u32 = 1000;

// Registers, from the chip's reference manual.
const TASKS_START: usize = 0x4000_8000;
const TASKS_STOP: usize = 0x4000_8004;
const EVENTS_COMPARE_0: usize = 0x4000_8140;
const SHORTS: usize = 0x4000_8200;
const INTENSET: usize = 0x4000_8304;
const PRESCALER: usize = 0x4000_8510;
const CC_0: usize = 0x4000_8540;

/// Its interrupt.
#[derive(Clone, Copy)]
struct Timer0;

// SAFETY: the number is that of TIMER0 on every nRF51.
unsafe impl InterruptNumber for Timer0 {
    fn number(self) -> u16 {
        8
    }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of TIMER0, which nothing else here touches.
    unsafe { (register as *mut u32).write_volatile(value) }
}

/// Of all interrupts: without a crate for the chip they have no names. Only that of TIMER0 is ever on.
#[exception]
unsafe fn DefaultHandler(_: i16) {
    write(EVENTS_COMPARE_0, 0);
    super::tick();
}

/// The timer, while it ticks.
pub struct Timer;

impl Timer {
    /// Ticks begin: always, nobody else has the timer.
    pub fn start() -> Option<Self> {
        write(PRESCALER, 4);
        write(CC_0, PERIOD);
        // At that count it starts again, and interrupts.
        write(SHORTS, 1);
        write(INTENSET, 1 << 16);
        write(TASKS_START, 1);
        // SAFETY: the handler is there, and no critical section is broken: none is open here.
        unsafe { NVIC::unmask(Timer0) };
        Some(Self)
    }

    /// Ticks end.
    pub fn stop(self) {
        NVIC::mask(Timer0);
        write(TASKS_STOP, 1);
    }
}
