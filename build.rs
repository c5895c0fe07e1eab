//! Names the targets that have the portable vector backend (the manifest lists the same ones as those
//! that depend on `wide`), the builds that can find or have AVX2 and AVX-512, the microcontrollers with a
//! Cortex-M, and those of them that have an FPU, the DSP extension or Helium, which stable Rust does not say.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(wide, avx2, avx512, thumb, dsp, fpu, helium, armv8m)");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let arch = variable("CARGO_CFG_TARGET_ARCH");
    if ["x86_64", "x86", "aarch64", "wasm32"].contains(&arch.as_str()) {
        println!("cargo:rustc-cfg=wide");
    }
    // Asked of the processor at run time under `std`, else known now. `NONIUS_WITHOUT_AVX512` leaves one out, for
    // builds that need not be as fast as can be but are to compile in less time.
    println!("cargo:rerun-if-env-changed=NONIUS_WITHOUT_AVX512");
    let features = variable("CARGO_CFG_TARGET_FEATURE");
    let known = |names: &[&str]| names.iter().all(|name| features.split(',').any(|has| has == *name));
    let std = !variable("CARGO_FEATURE_STD").is_empty();
    if arch == "x86_64" && (std || known(&["avx2", "fma"])) {
        println!("cargo:rustc-cfg=avx2");
        let all = known(&["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi", "avx512vnni"]);
        if all || std && variable("NONIUS_WITHOUT_AVX512").is_empty() {
            println!("cargo:rustc-cfg=avx512");
        }
    }
    let target = variable("TARGET");
    if ["thumbv6m-", "thumbv7m-", "thumbv7em-", "thumbv8m."].iter().any(|name| target.starts_with(name)) {
        println!("cargo:rustc-cfg=thumb");
        if target.ends_with("-eabihf") {
            println!("cargo:rustc-cfg=fpu");
        }
    }
    // Every ARMv7E-M has it, and of ARMv8-M these.
    let processors = ["cortex-m33", "cortex-m35p", "cortex-m55", "cortex-m85"];
    let flags = variable("CARGO_ENCODED_RUSTFLAGS");
    // (The last one counts.)
    let cpu = flags.split('\u{1f}').filter_map(|flag| flag.split_once("target-cpu=")).next_back();
    let cpu = cpu.map_or("", |(_, cpu)| cpu);
    let armv8m = target.starts_with("thumbv8m.main-");
    if target.starts_with("thumbv7em-") || (armv8m && processors.contains(&cpu)) {
        println!("cargo:rustc-cfg=dsp");
    }
    // (By the other ABI, cortex-m-rt leaves off the coprocessor that has the vectors.)
    if armv8m && target.ends_with("-eabihf") && ["cortex-m55", "cortex-m85"].contains(&cpu) {
        println!("cargo:rustc-cfg=helium");
    }
    if armv8m {
        println!("cargo:rustc-cfg=armv8m");
    }
}
