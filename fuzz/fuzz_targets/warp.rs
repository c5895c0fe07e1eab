//! Any image, any warp, rows as wide as an image can be: every level gives the values of the reference, reads no tap
//! outside (the address sanitizer would see it), writes nothing beside its destination and does not panic. So do
//! means over a pixel's area.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use nonius::reference::{Coordinates, Exact, Reference, Shape};
use nonius::{Kernel, Level, MAX_SIDE, Sampler, Samples, Warp};
use nonius_fuzz::{Check, Input, Run, Tested, assert_same, check, image_mut, span};

struct Values;

impl Check for Values {
    fn warp<K: Kernel + Shape, P: Tested, W: Warp>(
        run: &mut Run<'_, K, P>,
        warp: &W,
        coordinates: &Coordinates<'_>,
    ) {
        // A map has the width that its planes have.
        let (width, height, stride) = run.destination;
        let map = matches!(coordinates, Coordinates::Map(..) | Coordinates::Displacements(..));
        let wide = width * 7919 % MAX_SIDE + 1;
        let size = if map || width % 8 != 0 { (width, height, stride) } else { (wide, height.min(2), wide) };
        let before: Vec<P> = run.elements(span(size));
        let mut expected = before.clone();
        Reference::new(run.kernel, run.boundary).warp(
            run.source,
            &mut image_mut(&mut expected, size),
            coordinates,
        );
        for level in Level::available() {
            let sampler = Sampler::new(run.kernel, run.boundary).with_level(level);
            let mut out = before.clone();
            sampler.warp(run.source, &mut image_mut(&mut out, size), warp).unwrap();
            assert_same(&out, &expected, level.name());
        }
    }

    fn transform<K: Kernel + Shape, P: Tested, T: Exact>(run: &mut Run<'_, K, P>, t: &T) {
        let (sampler, reference) =
            (Sampler::new(run.kernel, run.boundary), Reference::new(run.kernel, run.boundary));
        let (x, y) = t.apply(1.0, 2.0);
        match (sampler.sample(run.source, x, y), reference.sample(run.source, x, y)) {
            (Some(v), Some(e)) => assert!(v.same(&e), "sample: {v:?}, the reference has {e:?}"),
            (v, e) => assert_eq!(v.is_some(), e.is_some(), "sample: left or not"),
        }
        let size = run.destination;
        let (width, height, _) = size;
        let covering = Samples::covering(t, width, height);
        let samples = Samples::new(covering.x().min(3), covering.y().min(3)).unwrap();
        let before: Vec<P> = run.elements(span(size));
        let (mut out, mut expected) = (before.clone(), before);
        sampler.warp_antialiased(run.source, &mut image_mut(&mut out, size), t, samples);
        let count = [samples.x() as i128, samples.y() as i128];
        let mut to = image_mut(&mut expected, size);
        reference.warp_antialiased(run.source, &mut to, &t.coordinates(), count);
        assert_same(&out, &expected, "antialiased");
    }
}

fuzz_target!(|input: Input| check::<Values>(&input));
