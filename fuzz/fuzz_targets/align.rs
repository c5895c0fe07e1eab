//! Alignments of any two small images, under any options: an error or a report whose numbers are
//! in range, the same at every level, stepwise or at once.
#![no_main]
#![forbid(unsafe_code)]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nonius::align::{Aligner, Grey, Interpolation, Method, Options, Pair, Report, Robust, Step};
use nonius::{Affine, Array, Euclidean, Homography, Image, Level, Similarity, Transform, Translation};
use nonius_fuzz::{Element, Number, Side, Size, image, span};

#[derive(Arbitrary, Debug)]
struct Input {
    model: u8,
    wide: bool,
    fixed: Side,
    moving: Side,
    masks: (bool, bool),
    initial: Option<[Number; 8]>,
    levels: Option<u8>,
    max_iterations: u8,
    parts: [Number; 5],
    gain_and_offset: bool,
    monotone: bool,
    method: u8,
    robust: u8,
    bilinear: bool,
    /// The images: noise, or something that can be aligned.
    smooth: bool,
    bytes: Vec<u8>,
}

fn pixels<P: Element>(input: &Input, size: Size, shift: usize) -> Vec<P> {
    let (n, stride) = (input.bytes.len().max(1), size.2);
    let byte = |i: usize| {
        let (x, y) = (i % stride + shift, i / stride + shift);
        let noise = input.bytes.get(i % n).copied().unwrap_or(0);
        let waves = (x * x + 3 * x * y + 2 * y * y) / 8 % 256;
        if input.smooth { (waves as u8).wrapping_add(noise / 32) } else { noise }
    };
    (0..span(size)).map(|i| P::read(&mut [byte(i), byte(i) / 3].into_iter())).collect()
}

fn align<P: Grey + Element, T: Transform>(input: &Input) {
    let (fixed_size, moving_size) = (input.fixed.size(48, 40), input.moving.size(48, 40));
    let (fixed, moving) = (pixels::<P>(input, fixed_size, 0), pixels::<P>(input, moving_size, 1));
    let mut pair = Pair::new(image(&fixed, fixed_size), image(&moving, moving_size));
    let masks = [fixed_size, moving_size].map(|size| pixels::<u8>(input, size, 2));
    let mask = |i: usize, size: Size| -> Image<'_, u8> { image(&masks[i], size) };
    if input.masks.0 {
        pair = pair.with_fixed_mask(mask(0, fixed_size)).unwrap();
    }
    if input.masks.1 {
        pair = pair.with_moving_mask(mask(1, moving_size)).unwrap();
    }
    let initial = input.initial.map_or(Ok(T::IDENTITY), |numbers| {
        let number = |i: usize| numbers.get(i).map_or(0.0, |n| n.real());
        T::from_parameters(T::Parameters::from_fn(number))
    });
    let Ok(initial) = initial else { return };
    let part = |i: usize| input.parts[i].real();
    let options = |level| Options {
        levels: input.levels.map(usize::from),
        max_iterations: input.max_iterations.into(),
        epsilon: part(0),
        min_support: part(1),
        search: part(2),
        rotation: part(3),
        selection: part(4),
        method: [Method::Mixed, Method::InverseCompositional, Method::SecondOrder]
            [usize::from(input.method % 3)],
        gain_and_offset: input.gain_and_offset,
        monotone: input.monotone,
        finish: if input.bilinear { Interpolation::Bilinear } else { Interpolation::Lagrange },
        robust: [Robust::None, Robust::Huber, Robust::Tukey][usize::from(input.robust % 3)],
        level,
        ..Options::default()
    };
    let reports = Level::available().map(|level| {
        let options = options(level);
        let size = Aligner::<P, T>::workspace(&pair, &options)?;
        let (mut pixels, mut masks) = (vec![P::zero(); size.pixels], vec![0; size.masks]);
        let mut aligner = Aligner::new(pair, initial, options, &mut pixels, &mut masks)?;
        if level == Level::SCALAR {
            // Every step is bounded, and so is their number.
            for _ in 0..100_000 {
                if let Step::Done(report) = aligner.step() {
                    return Ok(report);
                }
            }
            panic!("the alignment does not end");
        }
        Ok::<_, nonius::Error>(aligner.run())
    });
    let reports: Vec<Result<Report<T>, _>> = reports.collect();
    for report in &reports {
        // NaN where there is none are equal so.
        assert_eq!(format!("{report:?}"), format!("{:?}", reports[0]));
    }
    if let Ok(report) = &reports[0] {
        assert!((0.0..=1.0).contains(&report.support), "{report:?}");
        assert!(report.correlation.abs() <= 1.0 + 1e-9, "{report:?}");
        assert!(report.rms_residual >= 0.0 && report.rms_residual.is_finite(), "{report:?}");
        assert!(report.transform.matrix().iter().all(|v| v.is_finite()), "{report:?}");
    }
}

fn with_model<P: Grey + Element>(input: &Input) {
    match input.model % 5 {
        0 => align::<P, Translation>(input),
        1 => align::<P, Euclidean>(input),
        2 => align::<P, Similarity>(input),
        3 => align::<P, Affine>(input),
        _ => align::<P, Homography>(input),
    }
}

fuzz_target!(|input: Input| {
    if input.wide { with_model::<u16>(&input) } else { with_model::<u8>(&input) }
});
