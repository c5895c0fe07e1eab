//! The adjoint in each format, added to sums of any kind: the bits of the reference, at the ends of the
//! accumulators' range too.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use nonius::reference::{Coordinates, Exact, Reference, Shape};
use nonius::{Kernel, Sampler, Samples, Warp};
use nonius_fuzz::{Check, Input, Run, Size, Tested, assert_same, check, image, image_mut, span};

struct Adjoints;

fn of_source<K, P>(run: &Run<'_, K, P>) -> Size {
    (run.source.width(), run.source.height(), run.source.width() + 1)
}

impl Check for Adjoints {
    fn warp<K: Kernel + Shape, P: Tested, W: Warp>(
        run: &mut Run<'_, K, P>,
        warp: &W,
        coordinates: &Coordinates<'_>,
    ) {
        let (size, of_source) = (run.destination, of_source(run));
        let (sampler, reference) =
            (Sampler::new(run.kernel, run.boundary), Reference::new(run.kernel, run.boundary));
        let cotangent: Vec<P::Cotangent> = run.elements(span(size));
        let cotangent = image(&cotangent, size);
        let before: Vec<P::Adjoint> = run.elements(span(of_source));
        let (mut sums, mut expected) = (before.clone(), before);
        sampler.adjoint(cotangent, &mut image_mut(&mut sums, of_source), warp).unwrap();
        reference.adjoint(cotangent, &mut image_mut(&mut expected, of_source), coordinates);
        assert_same(&sums, &expected, "adjoint");

        let before: Vec<P::Derivative> = run.elements(span(of_source));
        let (mut sums, mut expected) = (before.clone(), before);
        sampler.adjoint_q14(cotangent, &mut image_mut(&mut sums, of_source), warp).unwrap();
        reference.adjoint_q14(cotangent, &mut image_mut(&mut expected, of_source), coordinates);
        assert_same(&sums, &expected, "adjoint in Q14");
    }

    fn transform<K: Kernel + Shape, P: Tested, T: Exact>(run: &mut Run<'_, K, P>, t: &T) {
        let (size, of_source) = (run.destination, of_source(run));
        let cotangent: Vec<P::Cotangent> = run.elements(span(size));
        let cotangent = image(&cotangent, size);
        let before: Vec<P::Adjoint> = run.elements(span(of_source));
        let (mut sums, mut expected) = (before.clone(), before);
        let samples = Samples::new(2, 3).unwrap();
        let mut to = image_mut(&mut sums, of_source);
        Sampler::new(run.kernel, run.boundary).adjoint_antialiased(cotangent, &mut to, t, samples);
        let mut to = image_mut(&mut expected, of_source);
        let reference = Reference::new(run.kernel, run.boundary);
        reference.adjoint_antialiased(cotangent, &mut to, &t.coordinates(), [2, 3]);
        assert_same(&sums, &expected, "antialiased adjoint");
    }
}

fuzz_target!(|input: Input| check::<Adjoints>(&input));
