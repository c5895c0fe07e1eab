//! The replay of a record (see `firmware::record`), on a desktop: `cargo replay LOG`, or a log from standard
//! input.
//!
//! Frames are put together from a device's log and aligned again, by the fastest level that this computer has,
//! and every result has to be the device's to the last bit. The exit status is 0 if all are, 1 if one is
//! not, and 2 if the log cannot be read: a line that was changed or cut, a row or the end that is missing.
//! Lines that do not begin with `@` are not of the record.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::ExitCode;
use std::{env, fs, io};

use firmware::alignment::align;
use firmware::record::{BASE64, Frames, Line, check};
use nonius::align::{Aligner, Lean, Pair, Shift, shift};
use nonius::{
    Affine, Array, Error, Euclidean, Homography, Image, Level, MAX_SIDE, Similarity, Transform, Translation,
};

/// What is wrong with a log.
type Wrong = String;

fn main() -> ExitCode {
    let log = match env::args().nth(1) {
        Some(path) => fs::read(&path).map_err(|error| format!("{path}: {error}")),
        None => {
            let mut log = Vec::new();
            io::stdin().read_to_end(&mut log).map(|_| log).map_err(|error| error.to_string())
        }
    };
    // (What is no text is no line of the record either, or its check says so.)
    match log.and_then(|log| Log::read(&String::from_utf8_lossy(&log))?.replay()) {
        Ok(others) => {
            others.iter().for_each(|[there, here]| println!("logged: {there}\nhere:   {here}"));
            ExitCode::from(if others.is_empty() { 0 } else { 1 })
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::from(2)
        }
    }
}

/// A frame of a film, of which rows have come.
struct Frame {
    width: usize,
    rows: Vec<Option<Vec<u8>>>,
}

/// A frame of which all rows have come.
struct Whole {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
}

impl Whole {
    fn image(&self) -> Result<Image<'_, u8>, Wrong> {
        Image::new(&self.pixels, self.width, self.height).map_err(refused)
    }
}

/// What a log holds.
#[derive(Default)]
struct Log {
    /// By film and number.
    frames: BTreeMap<(String, usize), Frame>,
    /// What was found: the number of the line, and the line without its check.
    found: Vec<(usize, String)>,
}

impl Log {
    /// Reads a whole log.
    fn read(text: &str) -> Result<Self, Wrong> {
        let mut log = Self::default();
        let mut count = 0;
        let mut ended = false;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| line.starts_with('@')) {
            let at = |wrong: &str| format!("line {number}: {wrong}: {line:.60}");
            let (text, last) = line.trim_end().rsplit_once(' ').unwrap_or((line, ""));
            if last != format!("{:08x}", check(text)) {
                return Err(at("was changed or cut"));
            }
            if ended {
                return Err(at("comes after the end"));
            }
            match text.split(' ').next() {
                Some("@row") => {
                    log.row(text).ok_or_else(|| at("no row of a frame, or one that was there"))?
                }
                Some("@shift" | "@align") => log.found.push((number, text.to_owned())),
                Some("@end") if text == Line::end(count).text() => ended = true,
                Some("@end") => return Err(at(&format!("lines are missing: there are {count}"))),
                _ => return Err(at("of an unknown kind")),
            }
            count += 1;
        }
        match (count, ended, log.found.len()) {
            (0, ..) => Err("no record in the log: is the firmware built with `--features record`?".into()),
            (_, false, _) => Err("the record has no end: the log was cut".into()),
            (_, _, 0) => Err("the record has no result to compare".into()),
            _ => Ok(log),
        }
    }

    /// Puts a row into its frame.
    fn row(&mut self, text: &str) -> Option<()> {
        let [_, film, number, width, height, y, pixels] =
            text.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let ([number, width, height, y], pixels) = (numbers([number, width, height, y])?, decode(pixels)?);
        if height > MAX_SIDE {
            return None;
        }
        let new = || Frame { width, rows: vec![None; height] };
        let frame = self.frames.entry((film.to_owned(), number)).or_insert_with(new);
        let fits = (frame.width, frame.rows.len(), pixels.len()) == (width, height, width);
        let row = frame.rows.get_mut(y).filter(|row| fits && row.is_none())?;
        *row = Some(pixels);
        Some(())
    }

    /// A frame that is whole.
    fn frame(&self, film: &str, number: usize) -> Result<Whole, Wrong> {
        let name = format!("frame {number} of film {film}");
        let frame = self.frames.get(&(film.to_owned(), number)).ok_or(format!("{name} is missing"))?;
        let mut pixels = Vec::new();
        for (y, row) in frame.rows.iter().enumerate() {
            pixels.extend(row.as_ref().ok_or(format!("row {y} of {name} is missing"))?);
        }
        Ok(Whole { pixels, width: frame.width, height: frame.rows.len() })
    }

    /// Finds everything again: the lines that differ, as they were logged and as they are here.
    fn replay(&self) -> Result<Vec<[String; 2]>, Wrong> {
        let mut others = Vec::new();
        for (number, there) in &self.found {
            let here = self.again(there).map_err(|wrong| format!("line {number}: {wrong}: {there:.60}"))?;
            if here.text() != there {
                others.push([there.clone(), here.text().to_owned()]);
            }
        }
        let (frames, found, level) = (self.frames.len(), self.found.len(), Level::best().name());
        println!("{frames} frames, {found} alignments at level {level}, {} other than logged", others.len());
        Ok(others)
    }

    /// What is found here where `there` was found.
    fn again(&self, there: &str) -> Result<Line, Wrong> {
        let words: Vec<_> = there.split(' ').take_while(|&word| word != "=").collect();
        let no = || Wrong::from("not a result that is known here");
        let [kind, film, fixed, moving, input @ ..] = &words[..] else { return Err(no()) };
        let numbers = numbers([*fixed, *moving]).ok_or_else(no)?;
        let frames = (*film, numbers);
        let [fixed, moving] = [self.frame(film, numbers[0])?, self.frame(film, numbers[1])?];
        let (fixed, moving) = (fixed.image()?, moving.image()?);
        match (*kind, input) {
            ("@shift", [search]) => {
                let mut workspace = vec![0; Shift::workspace(fixed.width(), fixed.height())];
                let search = search.parse().map_err(|_| no())?;
                let found = shift(fixed, moving, search, &mut workspace).map_err(refused)?;
                Ok(Line::shift(frames, search, &found))
            }
            ("@align", _) => {
                let parameters = input.iter().map(|word| u64::from_str_radix(word, 16).map(f64::from_bits));
                let parameters: Vec<_> = parameters.collect::<Result<_, _>>().map_err(|_| no())?;
                let pair = Pair::new(fixed, moving);
                match parameters.len() {
                    2 => aligned::<Translation>(frames, pair, &parameters),
                    3 => aligned::<Euclidean>(frames, pair, &parameters),
                    4 => aligned::<Similarity>(frames, pair, &parameters),
                    6 => aligned::<Affine>(frames, pair, &parameters),
                    8 => aligned::<Homography>(frames, pair, &parameters),
                    _ => Err(no()),
                }
            }
            _ => Err(no()),
        }
    }
}

/// An alignment as on the device.
fn aligned<T: Transform>(frames: Frames<'_>, pair: Pair<'_, u8>, parameters: &[f64]) -> Result<Line, Wrong> {
    let parameters = Array::from_slice(parameters).ok_or("another number of parameters")?;
    let initial = T::from_parameters(parameters).map_err(refused)?;
    let size = Aligner::<u8, T, Lean>::workspace(&pair, &Lean::default()).map_err(refused)?;
    let found = align(pair, initial, &mut vec![0; size.pixels]).map_err(refused)?;
    Ok(Line::align(frames, &initial, &found))
}

/// What the library refuses.
fn refused(error: Error) -> Wrong {
    error.to_string()
}

/// Decimal numbers.
fn numbers<const N: usize>(words: [&str; N]) -> Option<[usize; N]> {
    let numbers: Vec<_> = words.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

/// The bytes of a Base64 text.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for four in text.as_bytes().chunks(4) {
        let digits = four.iter().take_while(|&&digit| digit != b'=').count();
        let mut word = 0_u32;
        for digit in four.iter().take(digits) {
            word = word << 6 | BASE64.iter().position(|known| known == digit)? as u32;
        }
        word <<= 6 * (4 - digits);
        bytes.extend(word.to_be_bytes().iter().skip(1).take(digits.checked_sub(1)?));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two frames of a film, so wide, and what is found in them from `initial` on.
    fn recorded<T: Transform>(initial: T, width: usize) -> Vec<String> {
        let scene = |x: f64, y: f64| 100.0 + 50.0 * (0.3 * x).sin() * (0.2 * y).cos() + 0.01 * x * y;
        let frame = |k: usize| -> Vec<u8> {
            let place = |i: usize| ((i % width) as f64 + 0.6 * k as f64, (i / width) as f64);
            (0..width * 24).map(place).map(|(x, y)| scene(x, y) as u8).collect()
        };
        let frames = [frame(0), frame(1)];
        let [fixed, moving] = frames.each_ref().map(|pixels| Image::new(pixels, width, 24).unwrap());
        let mut lines = Vec::new();
        for (k, frame) in [fixed, moving].into_iter().enumerate() {
            lines.extend((0..24).map(|y| Line::row("film", k, frame, y)));
        }
        let mut workspace = vec![0; 128 * width];
        lines.push(Line::shift(("film", [0, 1]), 4, &shift(fixed, moving, 4, &mut workspace).unwrap()));
        let found = align(Pair::new(fixed, moving), initial, &mut workspace).unwrap();
        lines.push(Line::align(("film", [0, 1]), &initial, &found));
        lines.push(Line::end(lines.len()));
        lines.into_iter().map(|line| line.checked().unwrap().to_string()).collect()
    }

    fn lines() -> Vec<String> {
        recorded(Affine::IDENTITY, 32)
    }

    fn replay(lines: &[String]) -> Result<Vec<[String; 2]>, Wrong> {
        Log::read(&lines.join("\r\n"))?.replay()
    }

    /// A line that says something else, with the check that it would have.
    fn rewritten(line: &str, from: &str, to: &str) -> String {
        let (text, _) = line.rsplit_once(' ').unwrap();
        assert!(text.contains(from));
        let text = text.replacen(from, to, 1);
        format!("{text} {:08x}", check(&text))
    }

    #[test]
    fn a_record_is_replayed() {
        let mut lines = lines();
        assert_eq!(lines.len(), 2 * 24 + 3);
        lines.insert(7, "  a line that is not of the record".into());
        assert_eq!(replay(&lines), Ok(vec![]));
    }

    /// A result of a model, which is known by its number of parameters; the second one's last bit is told.
    fn model<T: Transform>(parameters: usize) {
        let mut lines = recorded(T::IDENTITY, 32);
        let words = lines[49].split(' ').filter(|word| word.len() == 16).count();
        assert_eq!(words, 2 * parameters);
        assert_eq!(replay(&lines), Ok(vec![]));
        let found: Vec<_> = lines[49].split(' ').collect();
        let last = found[found.len() - 2];
        let other = format!("{:016x}", u64::from_str_radix(last, 16).unwrap() ^ 1);
        lines[49] = rewritten(&lines[49], last, &other);
        assert_eq!(replay(&lines).map(|others| others.len()), Ok(1));
    }

    #[test]
    fn every_model_is_replayed() {
        model::<Translation>(2);
        model::<Euclidean>(3);
        model::<Similarity>(4);
        model::<Affine>(6);
        model::<Homography>(8);
    }

    #[test]
    fn a_row_of_320_pixels_is_replayed() {
        assert_eq!(replay(&recorded(Affine::IDENTITY, 320)), Ok(vec![]));
    }

    #[test]
    fn other_bits_are_told() {
        let good = lines();
        for (line, from, to) in [(48, "Converged", "Stalled"), (49, "= Converged 3", "= Converged 4")] {
            let mut lines = good.clone();
            lines[line] = rewritten(&lines[line], from, to);
            assert_eq!(replay(&lines).map(|others| others.len()), Ok(1), "{to}");
        }
        // Another frame.
        let mut lines = good.clone();
        let [black, pixels] = ["A".repeat(43) + "=", good[12].split(' ').nth(6).unwrap().to_owned()];
        lines[12] = rewritten(&good[12], &pixels, &black);
        assert_eq!(replay(&lines).map(|others| others.len()), Ok(2));
    }

    #[test]
    fn a_log_that_cannot_be_read_is_refused() {
        let good = lines();
        let wrong = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = good.clone();
            change(&mut lines);
            replay(&lines).unwrap_err()
        };
        let says = |change: &dyn Fn(&mut Vec<String>), words: &str| {
            let wrong = wrong(change);
            assert!(wrong.contains(words), "{wrong}");
        };
        says(&|lines| lines[5] = lines[5].replace("24 5", "24 6"), "line 6: was changed or cut");
        says(&|lines| lines[5].truncate(40), "line 6: was changed or cut");
        says(&|lines| lines[5].truncate(1), "line 6: was changed or cut");
        says(&|lines| lines.truncate(49), "has no end");
        says(&|lines| *lines = vec![Line::end(0).checked().unwrap().to_string()], "no result to compare");
        says(&|lines| lines.clear(), "no record");
        says(&|lines| drop(lines.remove(5)), "lines are missing: there are 49");
        says(&|lines| lines.push(lines[50].clone()), "after the end");
        says(&|lines| lines[5] = lines[6].clone(), "one that was there");
        says(&|lines| lines[5] = rewritten(&lines[5], "@row", "@pixels"), "unknown kind");
        says(&|lines| lines[5] = rewritten(&lines[5], " 32 ", " 31 "), "no row");
        says(&|lines| lines[0] = rewritten(&lines[0], " 24 0 ", " 4000000000 0 "), "no row");
        says(
            &|lines| lines[5] = rewritten(&lines[5], "film 0", "film 2"),
            "row 5 of frame 0 of film film is missing",
        );
        says(
            &|lines| lines[49] = rewritten(&lines[49], "film 0 1", "film 0 9"),
            "frame 9 of film film is missing",
        );
        says(&|lines| lines[49] = rewritten(&lines[49], " 3ff0000000000000", ""), "not a result");
        says(
            &|lines| lines[49] = rewritten(&lines[49], " 3ff0000000000000", " 7ff0000000000000"),
            "NaN or infinite",
        );
        says(&|lines| lines[48] = rewritten(&lines[48], "1 4 =", "1 four ="), "not a result");
    }
}
