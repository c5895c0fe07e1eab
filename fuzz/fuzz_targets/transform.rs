//! Transforms from any numbers: what a constructor accepts is finite, keeps its parameters, walks along
//! the coordinates of the reference anywhere, and can be composed, inverted, updated or refused.
#![no_main]
#![forbid(unsafe_code)]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nonius::reference::{Exact, To};
use nonius::walk::{Plan as _, Walk};
use nonius::{Affine, Array, Error, Euclidean, Grid, Homography, Rounding, Samples, Similarity, Translation};
use nonius_fuzz::Number;

#[derive(Arbitrary, Debug)]
struct Input {
    model: u8,
    numbers: [Number; 9],
    others: [Number; 9],
    places: [(u16, u16); 4],
    bits: u8,
}

/// Along with whatever comes of it.
fn any<T: Exact>(input: &Input) {
    let number = |i: usize| input.numbers.get(i).map_or(0.0, |n| n.real());
    let other = |i: usize| input.others.get(i).map_or(0.0, |n| n.real());
    let a = T::from_parameters(T::Parameters::from_fn(number));
    let b = T::from_parameters(T::Parameters::from_fn(other));
    valid(&a, input);
    valid(&T::from_matrix(std::array::from_fn(number)), input);
    valid(&T::near_identity(T::Parameters::from_fn(other)), input);
    if let Ok(a) = a {
        assert!(T::from_parameters(a.parameters()).is_ok(), "{a:?}");
        valid(&a.invert(), input);
        valid(&a.update(T::Parameters::from_fn(other)), input);
        if let Ok(b) = b {
            valid(&a.compose(&b), input);
        }
    }
}

fn valid<T: Exact>(t: &Result<T, Error>, input: &Input) {
    let Ok(t) = t else { return };
    let matrix = t.matrix();
    assert!(matrix.iter().all(|v| v.is_finite()) && matrix[8] == 1.0, "{t:?}");
    assert!(t.parameters().as_ref().iter().all(|v| v.is_finite()), "{t:?}");
    let (coordinates, plan) = (t.coordinates(), t.plan());
    let bits = u32::from(input.bits % 25);
    for (x, y) in input.places {
        // Up to the largest side.
        let (x, y) = (usize::from(x) % 32_767, usize::from(y) % 32_767);
        for (to, reference) in
            [(Rounding::half_up(bits), To::HalfUp(bits)), (Rounding::HALF_EVEN, To::HalfEven)]
        {
            let at = plan.run(x, y, 32_767 - x).0.position(to);
            let bits = if reference == To::HalfEven { 0 } else { bits };
            let at = at.map(|p| (i64::from(p.cell) << bits) + i64::from(p.fraction));
            assert_eq!(at, coordinates.at(x, y, reference), "{t:?} at ({x}, {y})");
        }
        let _ = (t.apply(x as f64, y as f64), t.jacobian(x as f64, y as f64));
        let samples = Samples::covering(t, x, y);
        assert!((1..=Samples::MAX).contains(&samples.x()) && (1..=Samples::MAX).contains(&samples.y()));
    }
}

fuzz_target!(|input: Input| {
    match input.model % 5 {
        0 => any::<Translation>(&input),
        1 => any::<Euclidean>(&input),
        2 => any::<Similarity>(&input),
        3 => any::<Affine>(&input),
        _ => any::<Homography>(&input),
    }
    let sizes = input.places.map(|(x, y)| (usize::from(x), usize::from(y)));
    let matrix = input.numbers.map(Number::real);
    for grid in [Grid::HalfPixel, Grid::Normalised { align_corners: input.bits & 1 == 0 }] {
        let _ = grid.to_centres(matrix, sizes[0], sizes[1]);
        let _ = grid.from_centres(matrix, sizes[2], sizes[3]);
    }
});
