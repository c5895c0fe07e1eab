//! The bits of the crate, as one list of hashes: every level here, and every other target that runs
//! the same cases, has to come to the same ones.
//!
//! A change of a definition changes hashes: the failing test writes the new list to a file, to take the
//! place of `golden/golden.txt` together with the change.
#![forbid(unsafe_code)]

use std::fmt::Write;

use nonius::Level;

#[path = "golden/cases.rs"]
mod cases;

const GOLDEN: &str = include_str!("golden/golden.txt");

#[test]
fn bits_are_golden() {
    for level in Level::available() {
        let mut list = String::new();
        cases::all(level, &mut |name, hash| writeln!(list, "{hash:016x} {name}").unwrap());
        let same = list.lines().zip(GOLDEN.lines()).filter(|(new, golden)| new == golden).count();
        if list != GOLDEN {
            let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden.txt");
            std::fs::write(&file, &list).unwrap();
            for (new, golden) in list.lines().zip(GOLDEN.lines()).filter(|(new, golden)| new != golden) {
                eprintln!("{new}\n{golden} was it");
            }
            panic!("level {}: {same} lines are the same; the new list is {}", level.name(), file.display());
        }
    }
}
