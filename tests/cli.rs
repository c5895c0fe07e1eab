//! The examples `align`, `stabilize` and `stack` as a user runs them: results, exit statuses, and what they do
//! with bad input.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What no run here may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An example, which `cargo test` builds beside the tests (unless it is told which test to run).
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let program = folder.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "{} is not built: run all tests, or `cargo test --examples`",
        program.display()
    );
    program
}

/// A folder of its own for every test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nonius-cli-{}-{n}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Names of the files in the folder for pictures.
    fn pictures(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.0.join("out")) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs the example `align` here.
    fn run(&self, arguments: &[&str]) -> Output {
        self.run_example("align", arguments)
    }

    fn run_example(&self, name: &str, arguments: &[&str]) -> Output {
        // Into files, not pipes: a pipe that is full would stop the example.
        let (out, err) = (self.0.join("stdout"), self.0.join("stderr"));
        let mut child = Command::new(example(name))
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&out).unwrap())
            .stderr(fs::File::create(&err).unwrap())
            .spawn()
            .unwrap();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > TIMEOUT {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{arguments:?} did not end");
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let text = |path| String::from_utf8(fs::read(path).unwrap()).unwrap();
        Output { code: status.code(), stdout: text(&out), stderr: text(&err) }
    }

    /// Runs the example with JSON and pictures.
    fn json(&self, arguments: &[&str]) -> Output {
        let out = self.path("out");
        self.run(&[arguments, &["--json", "--out", out.as_str()]].concat())
    }

    /// Runs the example `align` on what it has to refuse; gives the line that says why.
    fn refused(&self, arguments: &[&str]) -> String {
        self.refusal(arguments, self.json(arguments))
    }

    /// The line that says why an example has refused its arguments.
    fn refusal(&self, arguments: &[&str], output: Output) -> String {
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        assert_eq!(output.stdout, "", "{arguments:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.starts_with("error: "), "{arguments:?}: {}", output.stderr);
        assert_eq!(self.pictures(), [""; 0], "{arguments:?}");
        output.stderr
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug)]
struct Output {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Output {
    /// The JSON object, which has to be all of stdout and to agree with the exit status.
    fn value(&self) -> Value {
        assert_eq!(self.stderr, "");
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        let value: Value = serde_json::from_str(&self.stdout).unwrap();
        let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "correlation",
                "covariance",
                "fixed_to_moving",
                "gain",
                "iterations",
                "milliseconds",
                "model",
                "offset",
                "rms_residual",
                "status",
                "support"
            ]
        );
        assert_eq!(numbers(&value, "fixed_to_moving").len(), 9);
        let parameters = match value["model"].as_str().unwrap() {
            "translation" => 2,
            "euclidean" => 3,
            "similarity" => 4,
            "affine" => 6,
            "homography" => 8,
            other => panic!("{other}"),
        };
        assert_eq!(value["covariance"].as_array().unwrap().len(), parameters * parameters);
        let iterations = value["iterations"].as_array().unwrap();
        assert!(iterations.len() <= 15 && iterations.iter().all(Value::is_u64));
        assert!((0.0..=1.0).contains(&value["support"].as_f64().unwrap()));
        assert!((-1.0..=1.0).contains(&value["correlation"].as_f64().unwrap()));
        assert!(value["gain"].is_f64() && value["offset"].is_f64());
        assert!(value["milliseconds"].as_f64().unwrap() >= 0.0);
        let status = value["status"].as_str().unwrap();
        assert!(["Converged", "MaxIterations", "Singular", "LeftImage", "Stalled"].contains(&status));
        assert_eq!(self.code, Some(if status == "Converged" { 0 } else { 3 }), "{self:?}");
        value
    }

    /// An honest end: a result, or a line that says why there is none.
    fn honest(&self) {
        match self.code {
            Some(0 | 3) => drop(self.value()),
            Some(2) => {
                assert_eq!(self.stdout, "");
                assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
                assert!(self.stderr.starts_with("error: "), "{self:?}");
            }
            _ => panic!("{self:?}"),
        }
    }
}

fn numbers(value: &Value, key: &str) -> Vec<f64> {
    value[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/images").join(name);
    path.to_str().unwrap().to_owned()
}

/// A smooth pattern that nowhere repeats: random values every 7 pixels, blended.
fn scene(x: f64, y: f64) -> f64 {
    let (x, y) = (x / 7.0, y / 7.0);
    let knot =
        |i: f64, j: f64| (mix((i as i64 as u64) << 32 ^ j as i64 as u64) >> 40) as f64 / (1 << 24) as f64;
    let smooth = |t: f64| t * t * (3.0 - 2.0 * t);
    let (i, j) = (x.floor(), y.floor());
    let (u, v) = (smooth(x - i), smooth(y - j));
    let row = |j: f64| knot(i, j) * (1.0 - u) + knot(i + 1.0, j) * u;
    20.0 + 210.0 * (row(j) * (1.0 - v) + row(j + 1.0) * v)
}

/// The mixing function of SplitMix64.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn pixels(width: usize, height: usize, at: (f64, f64)) -> Vec<u8> {
    let value = |i: usize| scene((i % width) as f64 + at.0, (i / width) as f64 + at.1);
    (0..width * height).map(|i| value(i).round() as u8).collect()
}

fn pgm(width: usize, height: usize, largest: usize, data: &[u8]) -> Vec<u8> {
    [format!("P5\n# a comment\n{width} {height}\n{largest}\n").as_bytes(), data].concat()
}

fn wave_pgm(width: usize, height: usize, at: (f64, f64)) -> Vec<u8> {
    pgm(width, height, 255, &pixels(width, height, at))
}

fn png(width: usize, height: usize, color: png::ColorType, depth: png::BitDepth, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == png::ColorType::Indexed {
        encoder.set_palette((0..=255u8).flat_map(|v| [v, v, v]).collect::<Vec<u8>>());
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}

fn grey_png(width: usize, height: usize, data: &[u8]) -> Vec<u8> {
    png(width, height, png::ColorType::Grayscale, png::BitDepth::Eight, data)
}

/// The size and the bytes of a PNG file.
fn decoded(bytes: &[u8]) -> ((u32, u32), Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut data).unwrap();
    ((reader.info().width, reader.info().height), data)
}

#[test]
fn no_arguments() {
    let folder = Folder::new();
    let output = folder.run(&[]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    let line = |name: &str| {
        let line = output.stdout.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name}: {}", output.stdout)).to_owned()
    };
    // "error  0.0123 px (root mean square), 0.0234 px (largest) at ..."
    let errors: Vec<f64> = line("error").split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(errors.len(), 2, "{}", line("error"));
    assert!(0.0 <= errors[0] && errors[0] <= errors[1] && errors[1] < 0.1, "{errors:?}");
    assert!(line("status").to_lowercase().contains("converged"));

    let folder_of_pictures = folder.0.join("target/align");
    let names: Vec<String> = fs::read_dir(&folder_of_pictures)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 8, "{names:?}");
    for name in names {
        assert!(output.stdout.contains(&name), "{name} is not named");
        let bytes = fs::read(folder_of_pictures.join(&name)).unwrap();
        let (size, data) = decoded(&bytes);
        assert!(data.iter().any(|&v| v != data[0]), "{name} is blank");
        if name != "sheet.png" {
            assert_eq!(size, (280, 280), "{name}");
        }
    }
}

#[test]
fn shipped_pair_from_files() {
    let folder = Folder::new();
    let value = folder.json(&[&shipped("fixed.png"), &shipped("moving.png")]).value();
    assert_eq!(value["model"], "affine");
    assert_eq!(value["status"], "Converged");
    let truth: Value = serde_json::from_str(&fs::read_to_string(shipped("truth.json")).unwrap()).unwrap();
    let (found, truth) = (numbers(&value, "fixed_to_moving"), numbers(&truth, "fixed_to_moving"));
    for (x, y) in [(0.0, 0.0), (279.0, 0.0), (0.0, 279.0), (279.0, 279.0)] {
        let form = |m: &[f64], i: usize| m[i] * x + m[i + 1] * y + m[i + 2];
        let error = (form(&found, 0) - form(&truth, 0)).hypot(form(&found, 3) - form(&truth, 3));
        assert!(error < 0.1, "{error} px at ({x}, {y})");
    }
    assert_eq!(folder.pictures().len(), 8);
    // JSON alone writes nothing.
    fs::remove_dir_all(folder.0.join("out")).unwrap();
    let alone = folder.run(&[&shipped("fixed.png"), &shipped("moving.png"), "--json"]);
    alone.value();
    assert!(!folder.0.join("target").exists() && !folder.0.join("out").exists());
}

/// The shipped pair is what its generator makes.
#[test]
fn shipped_pair_is_made() {
    let folder = Folder::new();
    let status = Command::new(example("make_demo_pair"))
        .args([shipped("retina_green_470x470.png"), folder.path("made")])
        .status()
        .unwrap();
    assert!(status.success());
    for name in ["fixed.png", "moving.png", "truth.json"] {
        let made = fs::read(folder.0.join("made").join(name)).unwrap();
        let kept = fs::read(shipped(name)).unwrap();
        if name.ends_with(".png") {
            // Pixels: another version of the encoder may pack them differently.
            assert!(decoded(&made) == decoded(&kept), "{name}");
        } else {
            let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
            assert_eq!(value(&made), value(&kept));
        }
    }
}

#[test]
fn every_model() {
    let folder = Folder::new();
    let fixed = folder.file("fixed.pgm", &wave_pgm(96, 80, (0.0, 0.0)));
    let moving = folder.file("moving.pgm", &wave_pgm(96, 80, (2.25, -1.5)));
    for model in ["translation", "euclidean", "similarity", "affine", "homography"] {
        let value = folder.json(&[&fixed, &moving, "--model", model]).value();
        assert_eq!((&value["model"], &value["status"]), (&model.into(), &"Converged".into()));
        let m = numbers(&value, "fixed_to_moving");
        let at = |i: usize| m[i] * 48.0 + m[i + 1] * 40.0 + m[i + 2];
        let (u, v) = (at(0) / at(6), at(3) / at(6));
        // moving(x) is the scene at x + (2.25, -1.5).
        assert!((u - 45.75).abs() < 0.05 && (v - 41.5).abs() < 0.05, "{model}: {u} {v}");
        assert_eq!(m[8], 1.0);
    }
}

#[test]
fn options() {
    let folder = Folder::new();
    let fixed = folder.file("fixed.pgm", &wave_pgm(96, 80, (0.0, 0.0)));
    let moving = folder.file("moving.pgm", &wave_pgm(96, 80, (2.25, -1.5)));
    let pair = [fixed.as_str(), moving.as_str()];
    let with = |more: &[&str]| folder.json(&[&pair, more].concat());

    let levels = |n: &str| with(&["--levels", n]).value()["iterations"].as_array().unwrap().len();
    assert_eq!((levels("1"), levels("2")), (1, 2));
    let few = with(&["--max-iterations", "1", "--init", "1 0 -12 0 1 9"]).value();
    assert_eq!(few["status"], "MaxIterations");
    assert!(few["iterations"].as_array().unwrap().iter().all(|n| n.as_u64().unwrap() <= 1));

    let near = with(&["--init", "1, 0, -2, 0, 1, 1.25, 0, 0, 1", "--levels", "1"]).value();
    assert!((numbers(&near, "fixed_to_moving")[2] + 2.25).abs() < 0.05);
    let turned = with(&["--model", "euclidean", "--init", "1 -0.001 -2 0.001 1 1", "--levels", "1"]).value();
    assert_eq!(turned["status"], "Converged");
    // A start elsewhere is not an error, but it is told.
    let away = with(&["--init", "1 0 5000 0 1 0"]).value();
    assert_ne!(away["status"], "Converged");

    // Each way leads to the same place, by other steps.
    let here = |more: &[&str]| {
        let value = with(more).value();
        assert_eq!(value["status"], "Converged", "{more:?}");
        let m = numbers(&value, "fixed_to_moving");
        assert!((m[2] + 2.25).abs() < 0.1 && (m[5] - 1.5).abs() < 0.1, "{more:?}: {m:?}");
        m
    };
    let shift = |more: &[&str]| here(&[&["--model", "translation"], more].concat());
    let plain = shift(&[]);
    for usual in [
        &["--method", "mixed"][..],
        &["--finish", "bilinear"],
        &["--robust", "none"],
        &["--selection", "1"],
        &["--search", "0.25"],
        &["--rotation", "0"],
        &["--max-iterations", "50"],
    ] {
        assert_eq!(shift(usual), plain, "{usual:?} is the default");
    }
    for other in [
        &["--method", "second-order"][..],
        &["--method", "inverse-compositional"],
        &["--finish", "lagrange"],
        &["--robust", "huber"],
        &["--robust", "tukey"],
        &["--selection", "0.5"],
        &["--same-exposure"],
        &["--monotone"],
    ] {
        assert_ne!(shift(other), plain, "{other:?} changes nothing");
    }
    // Shifts of 22 pixels and a quarter of a turn are found by the search for them, and not without.
    let far = folder.file("far.pgm", &wave_pgm(96, 80, (-22.0, 15.0)));
    let shifted = |search: &str| {
        let value = folder.json(&[&fixed, &far, "--model", "translation", "--search", search]).value();
        (numbers(&value, "fixed_to_moving")[2] - 22.0).abs() < 0.1
    };
    assert!(shifted("0.25") && !shifted("0"));
    let upright = pixels(96, 96, (0.0, 0.0));
    let turned: Vec<u8> = (0..96 * 96).map(|i| upright[(95 - i % 96) * 96 + i / 96]).collect();
    let [upright, turned] = [("upright.pgm", upright), ("turned.pgm", turned)]
        .map(|(name, pixels)| folder.file(name, &pgm(96, 96, 255, &pixels)));
    let quarter = |rotation: &str| {
        let value = folder.json(&[&upright, &turned, "--model", "euclidean", "--rotation", rotation]).value();
        numbers(&value, "fixed_to_moving")[3].abs() > 0.999
    };
    assert!(quarter("100") && quarter("180") && !quarter("0"));

    // Half of moving is spoilt; its mask, or that of fixed, leaves the other half.
    let mut spoilt = pixels(96, 80, (2.25, -1.5));
    let mut mask = vec![9; 96 * 80];
    for i in 0..spoilt.len() {
        if i % 96 > 50 {
            spoilt[i] = (i * 7919 % 251) as u8;
            mask[i] = 0;
        }
    }
    let spoilt = folder.file("spoilt.png", &grey_png(96, 80, &spoilt));
    let mask = folder.file("mask.pgm", &pgm(96, 80, 255, &mask));
    for option in ["--moving-mask", "--fixed-mask"] {
        let value = folder.json(&[&fixed, &spoilt, option, &mask, "--model", "translation"]).value();
        let m = numbers(&value, "fixed_to_moving");
        assert!((m[2] + 2.25).abs() < 0.1 && (m[5] - 1.5).abs() < 0.1, "{option}: {m:?}");
        let support = value["support"].as_f64().unwrap();
        assert!((0.3..0.6).contains(&support), "{option}: {support}");
    }
}

#[test]
fn formats_agree() {
    let folder = Folder::new();
    let (width, height) = (64, 48);
    let (a, b) = (pixels(width, height, (0.0, 0.0)), pixels(width, height, (1.5, 0.75)));
    let moving = folder.file("moving.pgm", &pgm(width, height, 255, &b));
    let wide: Vec<u8> = a.iter().flat_map(|&v| [0, v]).collect();
    let rgb: Vec<u8> = a.iter().flat_map(|&v| [v, v, v]).collect();
    let rgba: Vec<u8> = a.iter().flat_map(|&v| [v, v, v, 77]).collect();
    let grey_alpha: Vec<u8> = a.iter().flat_map(|&v| [v, 77]).collect();
    use png::{BitDepth::*, ColorType::*};
    let eight = [
        pgm(width, height, 255, &a),
        pgm(width, height, 254, &a),
        png(width, height, Grayscale, Eight, &a),
        png(width, height, Rgb, Eight, &rgb),
        png(width, height, Rgba, Eight, &rgba),
        png(width, height, GrayscaleAlpha, Eight, &grey_alpha),
        png(width, height, Indexed, Eight, &a),
    ];
    let sixteen = [pgm(width, height, 256, &wide), png(width, height, Grayscale, Sixteen, &wide)];
    let result = |bytes: &[u8]| {
        let fixed = folder.file("fixed", bytes);
        let mut value = folder.json(&[&fixed, &moving, "--model", "translation"]).value();
        value["milliseconds"] = Value::Null;
        value
    };
    let first = result(&eight[0]);
    assert_eq!(first["status"], "Converged");
    for bytes in &eight[1..] {
        assert_eq!(result(bytes), first);
    }
    // One image of 16 bits makes both so.
    let first = result(&sixteen[0]);
    assert_eq!(result(&sixteen[1]), first);
    let m = numbers(&first, "fixed_to_moving");
    assert!((m[2] + 1.5).abs() < 0.05 && (m[5] + 0.75).abs() < 0.05, "{m:?}");
    let warped = fs::read(folder.0.join("out/warped.png")).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(warped)).read_info().unwrap();
    assert_eq!(reader.info().bit_depth, Sixteen);

    // One, two and four bits are expanded.
    for (depth, per_byte) in [(One, 8), (Two, 4), (Four, 2)] {
        let data: Vec<u8> = (0..width / per_byte * height).map(|i| (i * 151 % 256) as u8).collect();
        let bytes = png(width, height, Grayscale, depth, &data);
        let same = folder.file("same.png", &bytes);
        let value = folder.json(&[&same, &same]).value();
        assert_eq!(value["rms_residual"], 0.0, "{depth:?}");
    }
}

#[test]
fn help_and_version() {
    let folder = Folder::new();
    let help = folder.run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for word in [
        "FIXED",
        "MOVING",
        "--model",
        "translation",
        "euclidean",
        "similarity",
        "affine",
        "homography",
        "--init",
        "--fixed-mask",
        "--moving-mask",
        "--levels",
        "--max-iterations",
        "--search",
        "--rotation",
        "--method",
        "second-order",
        "--finish",
        "lagrange",
        "--robust",
        "huber",
        "tukey",
        "--selection",
        "--same-exposure",
        "--monotone",
        "--out",
        "--json",
        "--help",
        "fixed_to_moving",
        "covariance",
        "Exit status",
        "PGM",
        "PNG",
    ] {
        assert!(help.stdout.contains(word), "{word}");
    }
    let version = folder.run(&["--version"]);
    assert_eq!(version.stdout.trim(), format!("align {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn bad_arguments() {
    let folder = Folder::new();
    let image = folder.file("image.pgm", &wave_pgm(64, 48, (0.0, 0.0)));
    let small = folder.file("small.pgm", &wave_pgm(63, 48, (0.0, 0.0)));
    let pair = [image.as_str(), image.as_str()];
    let with = |more: &[&str]| folder.refused(&[&pair, more].concat());
    assert!(folder.refused(&[&image]).contains("MOVING"));
    with(&[&image]);
    with(&["--bogus"]);
    assert!(with(&["--model", "elastic"]).contains("elastic"));
    for levels in ["0", "7", "16", "99999999999999999999", "-1", "two", ""] {
        assert!(with(&["--levels", levels]).contains("--levels"), "{levels}");
    }
    for (option, values) in [
        ("--max-iterations", ["0", "65536", "-3"]),
        ("--search", ["1.01", "-0.1", "NaN"]),
        ("--rotation", ["180.5", "-1", "inf"]),
        ("--selection", ["0", "1.5", "half"]),
        ("--method", ["esm", "Mixed", ""]),
        ("--finish", ["cubic", "6", ""]),
        ("--robust", ["l1", "yes", ""]),
    ] {
        for value in values {
            assert!(with(&[option, value]).contains(option), "{option} {value}");
        }
    }
    for init in ["", "1 0 0 0 1", "1 0 0 0 1 x", "1 0 0 0 1 NaN", "1 0 0 0 1 inf", "1 0 0 0 1 0 0"] {
        assert!(with(&["--init", init]).contains("--init"), "{init}");
    }
    // Degenerate, or not of the model.
    for init in ["0 0 0 0 0 0", "1 2 0 2 4 0", "1 0 0 0 1 0 0 0 0", "1e300 0 0 0 1 0"] {
        assert!(with(&["--init", init]).contains("--init"), "{init}");
    }
    for (model, init) in [
        ("translation", "0.9 -0.1 0 0.1 0.9 0"),
        ("euclidean", "0.9 -0.1 0 0.1 0.9 0"),
        ("similarity", "1 0.1 0 0 1 0"),
        ("affine", "1 0 0 0 1 0 0.0001 0 1"),
    ] {
        let line = with(&["--model", model, "--init", init]);
        assert!(line.contains("--init") && line.contains(model), "{line}");
    }
    for option in ["--fixed-mask", "--moving-mask"] {
        let line = with(&[option, &small]);
        assert!(line.contains("small.pgm") && line.contains("63 x 48"), "{line}");
        assert!(with(&[option, &folder.path("absent.pgm")]).contains("absent.pgm"));
    }
    // A file is in the way of the folder.
    let output = folder.run(&[&image, &image, "--out", &image]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
    assert!(output.stderr.contains("image.pgm") && output.stderr.lines().count() == 1, "{output:?}");
}

#[test]
fn bad_files() {
    let folder = Folder::new();
    let good = folder.file("good.pgm", &wave_pgm(64, 48, (0.0, 0.0)));
    let whole_pgm = wave_pgm(16, 12, (0.0, 0.0));
    let whole_png = grey_png(16, 12, &pixels(16, 12, (0.0, 0.0)));
    let refused = |bytes: &[u8]| {
        let bad = folder.file("bad", bytes);
        let line = folder.refused(&[&good, &bad]);
        assert!(line.contains("bad: "), "{line}");
        assert_eq!(folder.refused(&[&bad, &good]), line);
        line
    };
    for end in [0, 1, 2, 3, 8, 16, 20, 30, 40, whole_pgm.len() - 1] {
        refused(&whole_pgm[..end]);
    }
    assert!(refused(&whole_pgm[..whole_pgm.len() - 1]).contains("cut short"));
    for end in [4, 8, 20, 33, 40, 60, whole_png.len() - 13, whole_png.len() - 5] {
        refused(&whole_png[..end]);
    }
    refused(b"P2\n1 1\n255\n7\n");
    refused(b"GIF89a and so on");
    refused(&pgm(0, 5, 255, &[]));
    refused(&pgm(2, 1, 0, &[0, 0]));
    refused(&pgm(2, 1, 65_536, &[0; 8]));
    assert!(refused(&pgm(2, 1, 100, &[100, 101])).contains("101"));
    assert!(refused(&pgm(2, 1, 300, &[1, 44, 1, 45])).contains("301"));
    refused(b"P5 99999999999999999999999 1 255\n0");
    refused(b"P5 -4 4 255\n0123456789abcdef");
    refused(b"P5 4 4 255");
    refused(b"P54 4 255\n0123456789abcdef");
    // Larger than the crate takes, or than the file can hold.
    assert!(refused(&wave_pgm(32_768, 1, (0.0, 0.0))).contains("too large"));
    assert!(refused(&grey_png(32_768, 1, &[3; 32_768])).contains("too large"));
    assert!(refused(&pgm(32_767, 32_767, 255, b"few")).contains("cut short"));
    let mut huge = whole_png.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0x7f, 0xff, 0, 0, 0x7f, 0xff]);
    repair(&mut huge);
    assert!(refused(&huge).contains("too short"));
    // Not files.
    assert!(folder.refused(&[&good, &folder.path("absent.pgm")]).contains("absent.pgm"));
    assert!(folder.refused(&[folder.0.to_str().unwrap(), &good]).contains("not a file"));
}

/// Writes the right check sum behind every chunk of a PNG file, as far as there are whole ones.
fn repair(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(head.try_into().unwrap()) as usize;
        let end = at + 8 + length;
        let Some(chunk) = bytes.get(at + 4..end) else { return };
        let crc = chunk.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        });
        let Some(sum) = bytes.get_mut(end..end + 4) else { return };
        sum.copy_from_slice(&(!crc).to_be_bytes());
        at = end + 4;
    }
}

#[test]
fn mutated_files() {
    let folder = Folder::new();
    let (a, b) = (pixels(24, 20, (0.0, 0.0)), pixels(24, 20, (0.5, 0.25)));
    let good = folder.file("good.pgm", &pgm(24, 20, 255, &a));
    let png = grey_png(24, 20, &b);
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mix(state) % below as u64) as usize
    };
    let mut codes = [0; 3];
    for round in 0..400 {
        let (mut bytes, is_png) =
            if round % 2 == 0 { (pgm(24, 20, 255, &b), false) } else { (png.clone(), true) };
        // In the header half of the time: there is more to break.
        let reach = if random(2) == 0 { 40 } else { bytes.len() };
        for _ in 0..1 + random(3) {
            match random(4) {
                0 => bytes.truncate(bytes.len() - random(bytes.len().min(30))),
                1 => {
                    let at = random(reach.min(bytes.len()));
                    bytes.insert(at, random(256) as u8);
                }
                _ => {
                    let at = random(reach.min(bytes.len()));
                    bytes[at] = random(256) as u8;
                }
            }
        }
        if is_png && random(4) != 0 {
            repair(&mut bytes);
        }
        let bad = folder.file("bad", &bytes);
        let output = folder.json(&[&good, &bad]);
        output.honest();
        if output.code == Some(2) {
            assert_eq!(folder.pictures(), [""; 0], "round {round}");
        } else {
            assert_eq!(folder.pictures().len(), 8, "round {round}");
            fs::remove_dir_all(folder.0.join("out")).unwrap();
        }
        match output.code {
            Some(0) => codes[0] += 1,
            Some(2) => codes[1] += 1,
            _ => codes[2] += 1,
        }
    }
    // The mutations reach beyond the reader, and the reader.
    assert!(codes[0] > 20 && codes[1] > 100, "{codes:?}");
}

#[test]
fn without_information() {
    let folder = Folder::new();
    let one = folder.file("one.pgm", &pgm(1, 1, 255, &[7]));
    let output = folder.json(&[&one, &one]);
    output.honest();
    assert_ne!(output.code, Some(0), "{output:?}");

    let black = folder.file("black.pgm", &pgm(64, 48, 255, &[0; 64 * 48]));
    let good = folder.file("good.pgm", &wave_pgm(64, 48, (0.0, 0.0)));
    for pair in [[&black, &black], [&black, &good], [&good, &black]] {
        let output = folder.json(&pair.map(String::as_str));
        assert_eq!(output.code, Some(3), "{output:?}");
        output.value();
        assert_eq!(folder.pictures().len(), 8);
    }
    // A mask that leaves nothing.
    for option in ["--fixed-mask", "--moving-mask"] {
        let output = folder.json(&[&good, &good, option, &black]);
        assert_eq!(output.code, Some(3), "{output:?}");
        output.value();
    }
}

#[test]
fn sizes() {
    let folder = Folder::new();
    let fixed = folder.file("fixed.pgm", &wave_pgm(96, 80, (0.0, 0.0)));
    let moving = folder.file("moving.png", &grey_png(121, 67, &pixels(121, 67, (-3.0, 1.5))));
    let value = folder.json(&[&fixed, &moving, "--model", "translation"]).value();
    assert_eq!(value["status"], "Converged");
    let m = numbers(&value, "fixed_to_moving");
    assert!((m[2] - 3.0).abs() < 0.05 && (m[5] + 1.5).abs() < 0.05, "{m:?}");

    // As wide, and as high, as an image can be.
    for (width, height) in [(32_767, 1), (1, 32_767), (32_767, 40)] {
        let a = folder.file("a.pgm", &wave_pgm(width, height, (0.0, 0.0)));
        let b = folder.file("b.pgm", &wave_pgm(width, height, (1.25, 0.5)));
        for model in ["translation", "affine", "homography"] {
            let output = folder.json(&[&a, &b, "--model", model]);
            output.honest();
            if height == 40 && model == "translation" {
                assert_eq!(output.code, Some(0), "{output:?}");
                let m = numbers(&output.value(), "fixed_to_moving");
                assert!((m[2] + 1.25).abs() < 0.05 && (m[5] + 0.5).abs() < 0.05, "{m:?}");
            }
            if output.code == Some(2) {
                assert_eq!(folder.pictures(), [""; 0]);
            } else {
                assert_eq!(folder.pictures().len(), 8);
                fs::remove_dir_all(folder.0.join("out")).unwrap();
            }
        }
    }
}

/// Stabilizes with the results in `out`.
fn stabilize(folder: &Folder, arguments: &[&str]) -> Output {
    let out = folder.path("out");
    folder.run_example("stabilize", &[arguments, &["--out", out.as_str()]].concat())
}

/// The number that a line of this name begins with.
fn stated(output: &Output, name: &str) -> f64 {
    let line = output.stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let number: String = line.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    number.parse().unwrap_or_else(|_| panic!("{name}: {line}"))
}

#[test]
fn a_shaken_film() {
    for path in ["smooth", "fixed"] {
        let folder = Folder::new();
        let output = stabilize(&folder, &["--path", path]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
        assert_eq!((stated(&output, "frames"), stated(&output, "found  ")), (90.0, 90.0));
        assert!(stated(&output, "found within") < 0.02, "{output:?}");
        // Of two pixels and more: the errors of three frames, and what the smooth path has of its own.
        assert!(stated(&output, "jitter") < 0.1, "{output:?}");
        let pictures = folder.pictures();
        assert_eq!(pictures.len(), 92);
        assert!(pictures.contains(&"trajectory.png".into()) && pictures.contains(&"slices.png".into()));
        let frame = fs::read(folder.path("out/frame_0089.png")).unwrap();
        assert_eq!(decoded(&frame).0, (320, 240));
    }
}

/// A shake too wide to be hidden is said to be.
#[test]
fn borders_that_show() {
    let folder = Folder::new();
    let frames = folder.0.join("frames");
    fs::create_dir(&frames).unwrap();
    let enlarged = |by: f64| {
        for i in 0..4 {
            let at = (20.0 + by * f64::from(i % 2), 30.0);
            fs::write(frames.join(format!("{i}.pgm")), wave_pgm(64, 48, at)).unwrap();
        }
        let frames = frames.to_str().unwrap();
        let output = stabilize(&folder, &[frames, "--model", "translation", "--path", "fixed"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        (stated(&output, "enlarged"), output.stdout.contains("borders"))
    };
    let (little, shows) = enlarged(3.0);
    assert!((1.05..1.2).contains(&little) && !shows, "{little} {shows}");
    assert_eq!(enlarged(12.0), (1.25, true));
}

#[test]
fn a_burst_of_frames() {
    let folder = Folder::new();
    let output = folder.run_example("stack", &[]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    // Of 16 frames: a quarter of the noise, and what interpolation smooths of it and of the scene.
    let (one, mean) = (stated(&output, "one frame"), stated(&output, "mean, aligned"));
    assert!(one > 15.0 && mean < one / 3.0, "{output:?}");
    assert!(stated(&output, "mean, as they are") > one / 2.0, "{output:?}");
    let sheet = fs::read(folder.path("target/stack/stack.png")).unwrap();
    assert!(decoded(&sheet).0.0 > 720);
}

#[test]
fn frames_of_a_folder() {
    let folder = Folder::new();
    let frames = folder.0.join("frames");
    fs::create_dir(&frames).unwrap();
    fs::write(frames.join("notes.txt"), "not a frame").unwrap();
    let at = [(20.0, 30.0), (21.5, 29.0), (19.0, 31.5), (22.0, 30.5)];
    for (i, at) in at.into_iter().enumerate() {
        // The first of 16 bits, so that all are read as such.
        let bytes = if i == 0 {
            let deep: Vec<u8> =
                pixels(64, 48, at).into_iter().flat_map(|v| u16::from(v).to_be_bytes()).collect();
            pgm(64, 48, 65_535, &deep)
        } else {
            wave_pgm(64, 48, at)
        };
        fs::write(frames.join(format!("{i}.pgm")), bytes).unwrap();
    }
    let frames = frames.to_str().unwrap();
    let output = stabilize(&folder, &[frames, "--model", "translation", "--path", "fixed"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    assert_eq!(stated(&output, "found"), 4.0);
    assert!(!output.stdout.contains("jitter"), "there is no truth: {output:?}");
    let names = ["0000", "0001", "0002", "0003"].map(|n| format!("frame_{n}.png"));
    assert!(names.iter().all(|name| folder.pictures().contains(name)));

    // A frame of something else is lost, and the others are not.
    fs::write(folder.0.join("frames/1a.pgm"), wave_pgm(64, 48, (900.0, 700.0))).unwrap();
    let output = stabilize(&folder, &[frames, "--model", "translation"]);
    assert_eq!((output.code, stated(&output, "found")), (Some(3), 4.0), "{output:?}");
}

#[test]
fn bad_sequences() {
    let folder = Folder::new();
    let refused = |arguments: &[&str]| folder.refusal(arguments, stabilize(&folder, arguments));
    assert!(refused(&["no/such/folder"]).contains("no/such/folder"));
    assert!(refused(&[&folder.file("a", b"")]).contains("not a directory"));
    fs::create_dir(folder.0.join("frames")).unwrap();
    let frames = folder.path("frames");
    assert!(refused(&[&frames]).contains("no frames"));
    folder.file("frames/a.pgm", &wave_pgm(20, 30, (0.0, 0.0)));
    folder.file("frames/b.PGM", &wave_pgm(30, 20, (0.0, 0.0)));
    assert!(refused(&[&frames]).contains("b.PGM: 30 x 20 pixels"));
    folder.file("frames/b.PGM", b"P5 20");
    assert!(refused(&[&frames]).contains("b.PGM"));
    for arguments in [
        &["--model", "spline"][..],
        &["--path", "bumpy"],
        &["--window", "0"],
        &["--window", "nan"],
        &["--window", "many"],
        &["--robust", "much"],
        &["--levels", "9"],
        &["a", "b"],
        &["--no-such-option"],
    ] {
        refused(arguments);
    }
    let help = folder.run_example("stabilize", &["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(
        ["--model", "--path", "--window", "--robust", "--out", "Exit status"]
            .iter()
            .all(|w| help.stdout.contains(w))
    );
}
