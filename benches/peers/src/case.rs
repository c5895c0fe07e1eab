//! What is asked for, its inputs, and what can be timed.

use std::fs;
use std::path::Path;

/// One row of the table of cases.
pub struct Case<'a> {
    /// `affine`, `homography`, `map`; `forward`, `grid`, `both`, `theta` of the spatial transformer.
    pub operation: &'a str,
    pub kernel: &'a str,
    /// `u8`, `u8x3`, `u16`, `i16` or `f32`.
    pub pixel: &'a str,
    /// Items, channels (one where they are interleaved), height and width, of input and output.
    pub shape: [usize; 4],
    pub directory: &'a Path,
}

impl Case<'_> {
    /// An input. That it is not there is a mistake of the script's, and ends the program.
    pub fn read<T: Raw>(&self, name: &str) -> Vec<T> {
        let path = self.directory.join(name);
        T::from_bytes(&fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    /// The matrix from destination to source, row by row.
    pub fn matrix(&self) -> [f64; 9] {
        self.read("matrix").try_into().expect("nine numbers")
    }

    /// Width and height.
    pub fn size(&self) -> (usize, usize) {
        (self.shape[3], self.shape[2])
    }

    /// Elements of the input, and of the output.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A pixel, or a number, and its bytes.
pub trait Raw: Copy + 'static {
    const ZERO: Self;
    fn from_bytes(bytes: &[u8]) -> Vec<Self>;
    fn to_bytes(values: &[Self]) -> Vec<u8>;
}

macro_rules! raw {
    ($($t:ty),*) => {$(
        impl Raw for $t {
            const ZERO: $t = 0 as $t;
            fn from_bytes(bytes: &[u8]) -> Vec<$t> {
                bytes.as_chunks().0.iter().map(|b| <$t>::from_ne_bytes(*b)).collect()
            }
            fn to_bytes(values: &[$t]) -> Vec<u8> {
                values.iter().flat_map(|v| v.to_ne_bytes()).collect()
            }
        }
    )*};
}
raw!(u8, u16, i16, f32, f64);

impl<T: Raw, const C: usize> Raw for [T; C] {
    const ZERO: [T; C] = [T::ZERO; C];
    fn from_bytes(bytes: &[u8]) -> Vec<[T; C]> {
        T::from_bytes(bytes).as_chunks().0.to_vec()
    }
    fn to_bytes(values: &[[T; C]]) -> Vec<u8> {
        T::to_bytes(values.as_flattened())
    }
}

/// Something that can be timed, with all its inputs.
pub trait Contestant {
    fn run(&mut self);
    /// What the last run gave.
    fn output(&self) -> Vec<u8>;
}

/// A contestant made of its output, a call that fills it, and how to read it.
pub struct Timed<O, F, B> {
    pub output: O,
    pub call: F,
    pub bytes: B,
}

impl<O, F: FnMut(&mut O), B: Fn(&O) -> Vec<u8>> Contestant for Timed<O, F, B> {
    fn run(&mut self) {
        (self.call)(&mut self.output);
    }
    fn output(&self) -> Vec<u8> {
        (self.bytes)(&self.output)
    }
}

/// A contestant that fills a slice of `len` pixels.
pub fn filling<T: Raw>(len: usize, mut call: impl FnMut(&mut [T]) + 'static) -> Option<Box<dyn Contestant>> {
    Some(Box::new(Timed {
        output: vec![T::ZERO; len],
        call: move |output: &mut Vec<T>| call(output),
        bytes: |output: &Vec<T>| T::to_bytes(output),
    }))
}
