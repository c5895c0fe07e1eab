//! The record of a run: the frames as they were received and what was found in them, among the lines
//! that a device logs. `cargo replay` reads it, aligns the frames again and compares every bit.
//!
//! A line of it is words with a blank between, and stands for itself:
//!
//! | first word | the words that follow |
//! |---|---|
//! | `@row` | film, frame, width, height, y; the pixels of row y, a byte each, in Base64 |
//! | `@shift` | film, fixed frame, moving frame, range of the search; `=`; status, x and y in Q16, gain in Q14, offset in Q6, correlation in Q14 |
//! | `@align` | film, fixed frame, moving frame, the parameters to start from; `=`; status, the parameters found |
//! | `@end` | how many lines there were before it |
//!
//! The last word of each is a check: the low half of the [`struct@Hash`] of what stands before
//! it (its blank not included), in hexadecimal. Results and parameters are their bits in hexadecimal, 8 digits for a
//! fixed-point number and 16 for an `f64`; the number of parameters says the model. All other numbers are
//! decimal.

use heapless::String;
use nonius::align::{Report, Shift};
use nonius::{Image, Transform};

use crate::report::Hash;
use crate::say;

/// The longest line: that of a homography, or a row of 320 pixels (QVGA).
const LONGEST: usize = 512;

/// What the frames of a pair are: their film, and the numbers of the fixed and the moving one.
pub type Frames<'a> = (&'a str, [usize; 2]);

/// One line, without its check.
#[derive(Debug, Default, PartialEq)]
pub struct Line {
    text: String<LONGEST>,
    /// Something had no room.
    cut: bool,
}

impl Line {
    /// Row `y` of a frame.
    pub fn row(film: &str, number: usize, frame: Image<'_, u8>, y: usize) -> Self {
        let mut line = Self::default();
        line.word("@row").word(film).counts(&[number, frame.width(), frame.height(), y]);
        line.base64(frame.row(y));
        line
    }

    /// What [`shift`](nonius::align::shift) has found in two frames.
    pub fn shift((film, frames): Frames<'_>, search: usize, found: &Shift) -> Self {
        let mut line = Self::default();
        line.word("@shift").word(film).counts(&frames).counts(&[search]).word("=").word(found.status.name());
        let [x, y] = found.translation;
        for v in [x.0, y.0, found.gain.to_bits(), found.offset.0, found.correlation.to_bits()] {
            line.bits(u64::from(v as u32), 8);
        }
        line
    }

    /// What an alignment has found in two frames.
    pub fn align<T: Transform>((film, frames): Frames<'_>, initial: &T, found: &Report<T>) -> Self {
        let mut line = Self::default();
        line.word("@align").word(film).counts(&frames).parameters(initial);
        line.word("=").word(found.status.name()).parameters(&found.transform);
        line
    }

    /// The end, after so many lines.
    pub fn end(lines: usize) -> Self {
        let mut line = Self::default();
        line.word("@end").counts(&[lines]);
        line
    }

    /// What is logged, without the check.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// With the check, as it is logged; `None` if it is too long for that.
    pub fn checked(mut self) -> Option<String<LONGEST>> {
        let check = check(&self.text);
        self.bits(u64::from(check), 8);
        (!self.cut).then_some(self.text)
    }

    fn push(&mut self, digit: char) {
        self.cut |= self.text.push(digit).is_err();
    }

    fn word(&mut self, word: &str) -> &mut Self {
        if !self.text.is_empty() {
            self.push(' ');
        }
        self.cut |= self.text.push_str(word).is_err();
        self
    }

    fn counts(&mut self, numbers: &[usize]) -> &mut Self {
        for &number in numbers {
            self.push(' ');
            self.decimal(number);
        }
        self
    }

    fn decimal(&mut self, number: usize) {
        if number >= 10 {
            self.decimal(number / 10);
        }
        self.push(digit((number % 10) as u32));
    }

    fn bits(&mut self, value: u64, digits: u32) {
        self.push(' ');
        (0..digits).rev().for_each(|i| self.push(digit((value >> (4 * i)) as u32 & 15)));
    }

    fn parameters<T: Transform>(&mut self, transform: &T) -> &mut Self {
        transform.parameters().as_ref().iter().for_each(|v| self.bits(v.to_bits(), 16));
        self
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.push(' ');
        for three in bytes.chunks(3) {
            let byte = |i: usize| three.get(i).map_or(0, |&byte| u32::from(byte));
            let word = byte(0) << 16 | byte(1) << 8 | byte(2);
            for i in 0..4 {
                let digit = BASE64[(word >> (18 - 6 * i)) as usize & 63];
                self.push(char::from(if i <= three.len() { digit } else { b'=' }));
            }
        }
    }
}

/// The digits of Base64 (RFC 4648).
pub const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The last word of a line whose others are `text`.
pub fn check(text: &str) -> u32 {
    Hash::default().bytes(text.as_bytes()).value() as u32
}

fn digit(value: u32) -> char {
    char::from_digit(value, 16).unwrap_or('?')
}

/// Logs lines of the record, with feature `record`; without it, nothing.
#[derive(Debug, Default)]
pub struct Record {
    lines: usize,
}

impl Record {
    /// Logs a frame as it was received.
    pub fn frame(&mut self, film: &str, number: usize, frame: Image<'_, u8>) {
        for y in 0..frame.height() {
            self.line(|| Line::row(film, number, frame, y));
        }
    }

    /// Logs a line. One that is too long is left out, and missed at the end.
    pub fn line(&mut self, line: impl FnOnce() -> Line) {
        if cfg!(feature = "record") {
            self.lines += 1;
            if let Some(text) = line().checked() {
                say!("{}", text.as_str());
            }
        }
    }

    /// Logs that the record is whole.
    pub fn end(mut self) {
        let lines = self.lines;
        self.line(|| Line::end(lines));
    }
}
