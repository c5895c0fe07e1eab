//! Names the targets that have the portable vector backend. The manifest lists the same ones as
//! those that depend on `wide`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(wide)");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if ["x86_64", "x86", "aarch64", "wasm32"].contains(&arch.as_str()) {
        println!("cargo:rustc-cfg=wide");
    }
}
