//! The list of hashes of `tests/golden` where there is nothing to print with: `print` comes from
//! outside, which is `run.mjs`.
#![cfg(target_arch = "wasm32")]
#![no_std]

use core::fmt::{self, Write};

use nonius::Level;

#[path = "../../golden/cases.rs"]
mod cases;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    safe fn print(text: *const u8, len: usize);
    safe fn fail() -> !;
}

struct Outside;

impl Write for Outside {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        print(text.as_ptr(), text.len());
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Outside, "{info}");
    fail()
}

/// All levels, one after the other.
#[unsafe(no_mangle)]
pub extern "C" fn run() {
    for level in Level::available() {
        cases::all(level, &mut |name, hash| {
            let _ = writeln!(Outside, "{hash:016x} {name}");
        });
    }
}
