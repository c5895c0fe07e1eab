//! Prints the list of hashes of `tests/golden`, of the level that is named or of every one there is.

use nonius::Level;

#[path = "../../golden/cases.rs"]
mod cases;

fn main() {
    let named = std::env::args().nth(1);
    for level in Level::available().filter(|level| named.as_deref().is_none_or(|name| name == level.name())) {
        eprintln!("level {}", level.name());
        cases::all(level, &mut |name, hash| println!("{hash:016x} {name}"));
    }
}
