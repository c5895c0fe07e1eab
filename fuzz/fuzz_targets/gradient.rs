//! Partials, parameter gradients and residuals, for images, cotangents and coordinates of any kind: the
//! bits of the reference.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use nonius::reference::{Coordinates, Exact, Reference, Shape};
use nonius::{Kernel, Level, Sampler, Warp};
use nonius_fuzz::{Check, Element, Input, Run, Tested, assert_same, check, image, image_mut, span};

struct Gradients;

impl Check for Gradients {
    fn warp<K: Kernel + Shape, P: Tested, W: Warp>(
        run: &mut Run<'_, K, P>,
        warp: &W,
        coordinates: &Coordinates<'_>,
    ) {
        let size = run.destination;
        let before: Vec<P::Derivative> = run.elements(span(size));
        let [mut ex, mut ey] = [0; 2].map(|_| before.clone());
        let (mut to_x, mut to_y) = (image_mut(&mut ex, size), image_mut(&mut ey, size));
        let reference = Reference::new(run.kernel, run.boundary);
        reference.warp_partials(run.source, &mut to_x, &mut to_y, coordinates);
        for level in Level::available() {
            let [mut dx, mut dy] = [0; 2].map(|_| before.clone());
            let (mut to_x, mut to_y) = (image_mut(&mut dx, size), image_mut(&mut dy, size));
            let sampler = Sampler::new(run.kernel, run.boundary).with_level(level);
            sampler.warp_partials(run.source, &mut to_x, &mut to_y, warp).unwrap();
            assert_same(&dx, &ex, "dx");
            assert_same(&dy, &ey, "dy");
        }
    }

    fn transform<K: Kernel + Shape, P: Tested, T: Exact>(run: &mut Run<'_, K, P>, t: &T) {
        let size = run.destination;
        let (sampler, reference) =
            (Sampler::new(run.kernel, run.boundary), Reference::new(run.kernel, run.boundary));
        let (x, y) = t.apply(3.0, 1.0);
        let ((dx, dy), (ex, ey)) = (sampler.partials(run.source, x, y), reference.partials(run.source, x, y));
        assert!(dx.same(&ex) && dy.same(&ey), "partials: {dx:?} {dy:?}, the reference has {ex:?} {ey:?}");

        let cotangent: Vec<P::Cotangent> = run.elements(span(size));
        let cotangent = image(&cotangent, size);
        let expected = reference.parameter_gradient(run.source, cotangent, t);
        for level in Level::available() {
            let gradient = sampler.with_level(level).parameter_gradient(run.source, cotangent, t);
            assert_same(gradient.as_ref(), &expected, "parameter gradient");
        }

        let target: Vec<P> = run.elements(span(size));
        let before: Vec<P> = run.elements(span(size));
        let mut expected = before.clone();
        sampler.warp(run.source, &mut image_mut(&mut expected, size), t).unwrap();
        let (_, gradient, count) = reference.residual(run.source, image(&target, size), t);
        for level in Level::available() {
            let (mut warped, sampler) = (before.clone(), sampler.with_level(level));
            let mut to = image_mut(&mut warped, size);
            let found = sampler.residual(run.source, image(&target, size), Some(&mut to), t).unwrap();
            assert_same(&warped, &expected, "warped");
            assert_same(found.gradient.as_ref(), &gradient, "residual gradient");
            assert_eq!(found.count, count);
        }
    }
}

fuzz_target!(|input: Input| check::<Gradients>(&input));
