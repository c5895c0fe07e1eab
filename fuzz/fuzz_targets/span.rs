//! Rows as wide as an image can be: where edge and interior meet is decided in closed form, and is where
//! the reference, pixel by pixel, has it. Every tap read is inside (the address sanitizer sees others).
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use nonius::reference::{Coordinates, Reference, Shape};
use nonius::{Kernel, Level, MAX_SIDE, Sampler, Warp};
use nonius_fuzz::{Check, Input, Run, Tested, assert_same, check, image_mut, span};

struct Spans;

impl Check for Spans {
    const LARGEST: (usize, usize) = (256, 2);

    fn warp<K: Kernel + Shape, P: Tested, W: Warp>(
        run: &mut Run<'_, K, P>,
        warp: &W,
        coordinates: &Coordinates<'_>,
    ) {
        // A map has the width that its planes have.
        let (width, height, stride) = run.destination;
        let wide = (width * 7919 % MAX_SIDE + 1, height, width * 7919 % MAX_SIDE + 1);
        let map = matches!(coordinates, Coordinates::Map(..) | Coordinates::Displacements(..));
        let size = if map || width % 4 != 0 { (width, height, stride) } else { wide };
        let before: Vec<P> = run.elements(span(size));
        let mut expected = before.clone();
        let mut to = image_mut(&mut expected, size);
        Reference::new(run.kernel, run.boundary).warp(run.source, &mut to, coordinates);
        for level in Level::available() {
            let mut out = before.clone();
            let sampler = Sampler::new(run.kernel, run.boundary).with_level(level);
            sampler.warp(run.source, &mut image_mut(&mut out, size), warp).unwrap();
            assert_same(&out, &expected, level.name());
        }
    }
}

fuzz_target!(|input: Input| check::<Spans>(&input));
