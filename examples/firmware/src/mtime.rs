//! Ticks of a RISC-V: the machine timer, and its interrupt. The addresses are those of QEMU's `virt`.

use core::sync::atomic::{AtomicU32, Ordering};

use riscv::asm::wfi;
use riscv::interrupt::{self, Interrupt};
use riscv::register::mie;
use riscv_rt::core_interrupt;

/// Of its 10 MHz: 1 ms.
const PERIOD: u64 = 10_000;
const MTIME: *const u64 = 0x0200_bff8 as *const u64;
const MTIMECMP: *mut u64 = 0x0200_4000 as *mut u64;

/// Ticks so far. Written by the handler alone.
static TICKS: AtomicU32 = AtomicU32::new(0);

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
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    set();
}

/// Calls `work` after each tick until it says that all is done, and sleeps in between. Ticks that pass
/// while it works are not made up for.
pub fn each_tick(mut work: impl FnMut() -> bool) {
    set();
    // SAFETY: the handler is there, and no critical section is broken: none is open here.
    unsafe {
        mie::set_mtimer();
        interrupt::enable();
    }
    loop {
        let seen = TICKS.load(Ordering::Relaxed);
        while TICKS.load(Ordering::Relaxed) == seen {
            // As with a Cortex-M: held back, interrupts end the sleep all the same.
            interrupt::free(|| {
                if TICKS.load(Ordering::Relaxed) == seen {
                    wfi();
                }
            });
        }
        if work() {
            break;
        }
    }
    // SAFETY: turns off what was turned on.
    unsafe { mie::clear_mtimer() };
}
