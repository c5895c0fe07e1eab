//! Ticks of a RISC-V: the machine timer, and its interrupt. The addresses are those of QEMU's `virt`.

pub use riscv::asm::wfi as sleep;
use riscv::interrupt::{self, Interrupt};
use riscv::register::mie;
use riscv_rt::core_interrupt;

/// Of its 10 MHz: 1 ms.
const PERIOD: u64 = 10_000;
const MTIME: *const u64 = 0x0200_bff8 as *const u64;
const MTIMECMP: *mut u64 = 0x0200_4000 as *mut u64;

/// The next interrupt comes a period from now.
fn set() {
    // SAFETY: registers that nothing else here touches, one word after the other: first the high word of
    // the comparand so high that no interrupt comes in between. (A read across a carry, once in seven
    // minutes, gives one late tick.)
    unsafe {
        let next = MTIME.read_volatile().wrapping_add(PERIOD);
        let [low, high] = [MTIMECMP.cast::<u32>(), MTIMECMP.cast::<u32>().add(1)];
        high.write_volatile(u32::MAX);
        low.write_volatile(next as u32);
        high.write_volatile((next >> 32) as u32);
    }
}

#[core_interrupt(Interrupt::MachineTimer)]
fn tick() {
    super::tick();
    set();
}

/// The timer, while it ticks.
pub struct Timer;

impl Timer {
    /// Ticks begin: always, nobody else has the timer.
    pub fn start() -> Option<Self> {
        set();
        // SAFETY: the handler is there, and no critical section is broken: none is open here.
        unsafe {
            mie::set_mtimer();
            interrupt::enable();
        }
        Some(Self)
    }

    /// Ticks end.
    pub fn stop(self) {
        // SAFETY: turns off what was turned on.
        unsafe { mie::clear_mtimer() };
    }
}
