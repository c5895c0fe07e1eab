//! Turns a map of labels: nearest keeps them, every other kernel makes up new ones. Prints how many
//! pixels have each label before and after, and writes `target/label_map/labels.png`.
//!
//! ```text
//! cargo run --release --example label_map
//! ```
#![forbid(unsafe_code)]

#[path = "support/mod.rs"]
mod support;

use nonius::kernel::weighted::Smoothstep;
use nonius::{
    Bilinear, Boundary, Cubic, Error, Euclidean, Image, ImageMut, Interpolator, Nearest, Sampler, Transform,
    WeightedNearest,
};
use std::collections::BTreeMap;
use support::picture::{Canvas, Colour};
use support::sheet;

const SIDE: usize = 96;

/// Numbers of tissues, say: how large they are means nothing.
const LABELS: [(u8, Colour); 4] =
    [(0, [30, 31, 36]), (17, [90, 180, 255]), (60, [120, 220, 120]), (200, [255, 176, 32])];
/// What is no label.
const WRONG: Colour = [255, 0, 80];

/// Rings around two centres.
fn scene(x: usize, y: usize) -> u8 {
    let distance = |cx: f64, cy: f64| (x as f64 - cx).hypot(y as f64 - cy);
    match (distance(40.0, 44.0), distance(64.0, 60.0)) {
        (_, b) if b < 11.0 => 200,
        (a, _) if a < 15.0 => 60,
        (a, b) if a < 30.0 || b < 20.0 => 17,
        _ => 0,
    }
}

fn picture(labels: &[u8]) -> Canvas {
    let colour = |v: u8| LABELS.iter().find(|(label, _)| *label == v).map_or(WRONG, |(_, colour)| *colour);
    sheet::coloured(labels, SIDE, 3, colour)
}

/// How often each label is there, and what is none.
fn counts(name: &str, labels: &[u8]) {
    let mut counts = BTreeMap::new();
    for &v in labels {
        *counts.entry(v).or_insert(0) += 1;
    }
    let of = |label: &u8| counts.get(label).copied().unwrap_or(0);
    let known: usize = LABELS.iter().map(|(label, _)| of(label)).sum();
    let known_counts: String = LABELS.iter().map(|(label, _)| format!("{:>8}", of(label))).collect();
    println!("{name:<12}{known_counts}{:>12}{:>14}", labels.len() - known, counts.len());
}

fn turned<K: Interpolator>(kernel: K, labels: &[u8]) -> Result<Vec<u8>, Error> {
    let middle = (SIDE as f64 - 1.0) / 2.0;
    let turn = Euclidean::new(0.4, 0.0, 0.0)?;
    let (x, y) = turn.apply(middle, middle);
    let about_the_middle = Euclidean::new(0.4, middle - x, middle - y)?;
    let mut out = vec![0; SIDE * SIDE];
    Sampler::new(kernel, Boundary::Constant(0)).warp(
        Image::new(labels, SIDE, SIDE)?,
        &mut ImageMut::new(&mut out, SIDE, SIDE)?,
        &about_the_middle,
    )?;
    Ok(out)
}

fn main() -> Result<(), String> {
    let labels: Vec<u8> = (0..SIDE * SIDE).map(|i| scene(i % SIDE, i / SIDE)).collect();
    let nearest = turned(Nearest, &labels).map_err(|e| e.to_string())?;
    let bilinear = turned(Bilinear, &labels).map_err(|e| e.to_string())?;
    let names: String = LABELS.iter().map(|(label, _)| format!("{label:>8}")).collect();
    println!("{:<12}{names}{:>12}{:>14}", "label", "no label", "values");
    let cubic = turned(Cubic::<-50>, &labels).map_err(|e| e.to_string())?;
    let smoothstep = turned(WeightedNearest::new(Smoothstep), &labels).map_err(|e| e.to_string())?;
    let all = [
        ("before", labels),
        ("nearest", nearest),
        ("smoothstep", smoothstep),
        ("bilinear", bilinear),
        ("cubic", cubic),
    ];
    for (name, labels) in &all {
        counts(name, labels);
    }
    let cells = all.map(|(name, labels)| (name.to_owned(), picture(&labels)));
    let sheet = sheet::sheet(&cells, 5);
    sheet::save("label_map", "labels.png", &sheet)
}
