//! Hands the linker the memory map of the board, memory/BOARD.x, where BOARD is the feature.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=memory");
    if env::var("CARGO_CFG_TARGET_OS").unwrap() != "none" {
        return;
    }
    let maps = fs::read_dir("memory").unwrap().map(|file| file.unwrap().path());
    let name = |map: &Path| map.file_stem().unwrap().to_str().unwrap().to_owned();
    let chosen = |board: &String| env::var_os(format!("CARGO_FEATURE_{}", board.to_uppercase())).is_some();
    let boards: Vec<_> = maps.map(|map| name(&map)).filter(chosen).collect();
    let [board] = &boards[..] else {
        panic!("choose one board with --no-default-features --features BOARD; chosen: {boards:?}");
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    fs::copy(format!("memory/{board}.x"), out.join("memory.x")).unwrap();
    println!("cargo:rustc-env=BOARD={board}");
    println!("cargo:rustc-link-search={}", out.display());
    if env::var("CARGO_CFG_TARGET_ARCH").unwrap() == "riscv32" {
        println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    }
    for argument in ["--nmagic", "-Tlink.x", "-Tdefmt.x"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
