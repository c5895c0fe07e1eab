//! Ticks of a RISC-V: the machine timer, and its interrupt. The addresses are those of QEMU's `virt`.

pub use riscv::asm::wfi as sleep;
use riscv::interrupt::{self, Interrupt};
use riscv::register::mie;
use riscv_rt::core_interrupt;

/// Of its 10 MHz: 1 ms.
const PERIOD: u64 = 10_000;
// (Low word, high word.)
const MTIME: [*const u32; 2] = [0x0200_bff8 as *const u32, 0x0200_bffc as *const u32];
const MTIMECMP: [*mut u32; 2] = [0x0200_4000 as *mut u32, 0x0200_4004 as *mut u32];

/// The time; read again if a carry came between its words.
fn now() -> u64 {
    let [low, high] = MTIME;
    loop {
        // SAFETY: registers of the timer, which are only read.
        let [before, low, after] =
            unsafe { [high.read_volatile(), low.read_volatile(), high.read_volatile()] };
        if before == after {
            return u64::from(after) << 32 | u64::from(low);
        }
    }
}

/// The next interrupt comes a period from now.
fn set() {
    let next = now().wrapping_add(PERIOD);
    let [low, high] = MTIMECMP;
    // SAFETY: registers that nothing else here touches, one word after the other: first the high word so high
    // that no interrupt comes in between.
    unsafe {
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
