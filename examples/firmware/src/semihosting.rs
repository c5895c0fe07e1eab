//! `defmt` frames through semihosting.
//!
//! As the crate `defmt-semihosting`, less its panics (what is called out of turn does nothing, and a frame that
//! is begun within another, by a `Format` that logs, is left out), and with a buffer: the host is called once
//! a line, not once a byte.

use core::cell::RefCell;

use critical_section::RestoreState;
use heapless::Vec;
use semihosting::fd::{BorrowedFd, RawFd};
use semihosting::sys::arm_compat::{OpenMode, sys_open};
use semihosting::sys::write;

#[defmt::global_logger]
struct Logger;

/// A frame in the making.
struct Frame {
    encoder: defmt::Encoder,
    buffer: Vec<u8, 64>,
    /// Standard output of the host, once it is open.
    out: RawFd,
    /// What `release` restores; `None` while no frame is made.
    restore: Option<RestoreState>,
    /// Frames begun within this one, and not yet ended.
    inner: usize,
}

/// No file.
const CLOSED: RawFd = -1;

/// Only changed within the critical section that `acquire` enters and `release` leaves.
struct Shared(RefCell<Frame>);

// SAFETY: one core; interrupts are off while a frame is made, and out of turn nothing is changed.
unsafe impl Sync for Shared {}

static FRAME: Shared = Shared(RefCell::new(Frame {
    encoder: defmt::Encoder::new(),
    buffer: Vec::new(),
    out: CLOSED,
    restore: None,
    inner: 0,
}));

impl Frame {
    /// Lets the encoder fill the buffer.
    fn encode(&mut self, work: impl FnOnce(&mut defmt::Encoder, &mut dyn FnMut(&[u8]))) {
        let Self { encoder, buffer, out, .. } = self;
        work(encoder, &mut |bytes| {
            for &byte in bytes {
                if buffer.push(byte).is_err() {
                    send(buffer, *out);
                    let _ = buffer.push(byte);
                }
            }
        });
    }
}

/// Empties the buffer. What the host does not take is lost.
fn send(buffer: &mut Vec<u8, 64>, out: RawFd) {
    if out != CLOSED {
        // SAFETY: it is open, and stays so.
        let _ = write(unsafe { BorrowedFd::borrow_raw(out) }, buffer);
    }
    buffer.clear();
}

// SAFETY: `acquire` and `release` enclose every frame in a critical section.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        // SAFETY: left in `release`, which follows, or at the end.
        let restore = unsafe { critical_section::acquire() };
        if let Ok(mut frame) = FRAME.0.try_borrow_mut() {
            if frame.restore.is_none() {
                frame.restore = Some(restore);
                if frame.out == CLOSED {
                    frame.out =
                        sys_open(c":tt", OpenMode::WRONLY_TRUNC).map_or(CLOSED, |fd| fd.into_raw_fd());
                }
                frame.encode(|encoder, write| encoder.start_frame(write));
                return;
            }
            frame.inner = frame.inner.wrapping_add(1);
        }
        // SAFETY: entered above; that of the frame around this one stays.
        unsafe { critical_section::release(restore) };
    }

    unsafe fn flush() {
        // `release` has sent every byte.
    }

    unsafe fn release() {
        let Ok(mut frame) = FRAME.0.try_borrow_mut() else { return };
        if let Some(inner) = frame.inner.checked_sub(1) {
            frame.inner = inner;
            return;
        }
        let Some(restore) = frame.restore.take() else { return };
        frame.encode(|encoder, write| encoder.end_frame(write));
        let Frame { buffer, out, .. } = &mut *frame;
        send(buffer, *out);
        drop(frame);
        // SAFETY: entered in `acquire`, which came before.
        unsafe { critical_section::release(restore) };
    }

    unsafe fn write(bytes: &[u8]) {
        if let Ok(mut frame) = FRAME.0.try_borrow_mut()
            && frame.restore.is_some()
            && frame.inner == 0
        {
            frame.encode(|encoder, write| encoder.write(bytes, write));
        }
    }
}
