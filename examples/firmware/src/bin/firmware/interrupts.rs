//! Work by the tick: a timer's interrupt paces a loop that does a bounded piece of work at a time.
//!
//! At each tick a line of the camera has come (here copied from flash, on hardware written by DMA) and
//! the rows that it completes are warped out, while an alignment of two earlier frames goes on by one
//! step. The interrupt handler only counts (see `board::each_tick`); nothing here waits for anything
//! else, and all state is in this function and in `Memory`.
//!
//! **A camera does not wait.** A row of 64 pixels is some 3,000 instructions on a Cortex-M4F, but a step at full
//! size looks at all 64 x 64 pixels: 164,000 (the README's table), which at 25 MHz is more than six ticks of
//! 1 ms. The lines of those ticks would be lost, were they not copied from flash: their number is printed,
//! and it is for the reader to mind. With a camera: steps between two frames (vertical blanking) only; or DMA into
//! two lines in turn, whose interrupt moves a line into the stream, of higher priority than the loop that steps; or
//! `align::shift`, whole, once a frame.

#[cfg(not(feature = "small"))]
use firmware::alignment::align;
use firmware::film::FLOW;
use firmware::report::{Checks, Hash};
use firmware::{board, say};
#[cfg(not(feature = "small"))]
use nonius::align::{Aligner, Lean, Pair, Step, Tracker};
use nonius::format::{Packed, Yuyv};
use nonius::stream::Stream;
use nonius::{Bilinear, Boundary, Error, ImageMut, Sampler, Similarity};
#[cfg(not(feature = "small"))]
use nonius::{Transform, Translation};

use crate::memory::{Memory, WARPED};

/// Far more ticks than there is work for: the loop ends even if something is wrong.
const PATIENCE: u32 = 1000;

// The states can be moved to where an interrupt handler, or another core, goes on with them.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Stream<'static, Bilinear, Packed<Yuyv>, Similarity>>();
    #[cfg(not(feature = "small"))]
    is_send::<Aligner<'static, u8, Translation>>();
    #[cfg(not(feature = "small"))]
    is_send::<Tracker<'static, u8, Translation>>();
};

#[inline(never)]
pub fn run(memory: &mut Memory, checks: &mut Checks) -> Result<(), Error> {
    let [width, height] = WARPED;
    let step = if cfg!(feature = "small") { "" } else { " and one step of an alignment" };
    say!("by the tick: a YUYV line of {} pixels{}", width, step);
    let frame = FLOW.frame(1)?.view(0, 0, width, height)?;
    let turn = Similarity::new(1.0, 0.05, 1.0, -2.0)?;
    let sampler = Sampler::new(Bilinear, Boundary::Replicate);
    let rows = Stream::window_height(&sampler, &turn, (width, height), (width, height))?;
    let mut stream = Stream::new(sampler, &turn, (width, height), (width, height), &mut memory.window)?;
    let mut out = ImageMut::new(&mut memory.warped, width, height)?;
    let mut camera = frame.rows();

    #[cfg(not(feature = "small"))]
    let pair = Pair::new(FLOW.frame(0)?, FLOW.frame(1)?);
    #[cfg(not(feature = "small"))]
    let mut aligner =
        Aligner::new(pair, Translation::IDENTITY, Lean::default(), &mut memory.pyramids, &mut [])?;
    #[cfg(not(feature = "small"))]
    let (mut steps, mut found) = (0_u32, None);

    let (mut ticks, mut missed, mut made, mut most) = (0, 0, 0, 0);
    board::each_tick(|passed| {
        ticks += 1;
        missed += passed - 1;
        if let Some(to) = stream.incoming()
            && let Some(line) = camera.next()
        {
            expose(line, Packed::bytes_mut(to));
            stream.arrived();
        }
        let before = made;
        while made < height && matches!(stream.warp_row(out.row_mut(made)), Ok(Some(_))) {
            made += 1;
        }
        most = most.max(made - before);
        let done = made == height;

        #[cfg(not(feature = "small"))]
        if found.is_none() {
            steps += 1;
            if let Step::Done(report) = aligner.step() {
                found = Some(report);
            }
        }
        #[cfg(not(feature = "small"))]
        let done = done && found.is_some();

        done || ticks == PATIENCE
    });

    if missed > 0 {
        say!("# {} ticks came during work: a camera's lines of them would be lost", missed);
    }
    say!("  {} rows, at most {} a tick, from a window of {}", made, most, rows);
    let streamed = Hash::default().bytes(&memory.warped).value();
    say!("  streamed:   {:016x}", streamed);
    let mut out = ImageMut::new(&mut memory.warped, width, height)?;
    Sampler::new(Bilinear, Boundary::Replicate).warp(frame, &mut out, &turn)?;
    let whole = Hash::default().bytes(&memory.warped).value();
    checks.that(made == height && streamed == whole, "a stream of YUYV has the bits of a whole grey frame");

    #[cfg(not(feature = "small"))]
    if let Some(found) = found {
        say!("  aligned:    {:016x}, {} steps, {}", hash(&found), steps, found.status.name());
        let at_once = align(pair, Translation::IDENTITY, &mut memory.pyramids)?;
        checks.that(hash(&at_once) == hash(&found), "an alignment by the tick is the one at once");
    } else {
        checks.that(false, "an alignment by the tick ends");
    }
    Ok(())
}

/// What a camera sends for a line of grey: luma, and no colour.
fn expose(line: &[u8], to: &mut [u8]) {
    for (to, &luma) in to.as_chunks_mut().0.iter_mut().zip(line) {
        *to = [luma, 128];
    }
}

#[cfg(not(feature = "small"))]
fn hash(report: &nonius::align::Report<Translation>) -> u64 {
    Hash::default().transform(&report.transform).value()
}
