//! Curves over steps.

use super::letters;
use super::picture::{BACKGROUND, Canvas, Colour, TEXT};

const RULE: Colour = [52, 54, 60];
const COLOURS: [Colour; 6] =
    [[255, 176, 32], [90, 180, 255], [120, 220, 120], [240, 100, 140], [190, 140, 255], [200, 200, 200]];

/// Height of a letter, twice as large as it is designed.
const LINE: usize = 2 * letters::HEIGHT;

/// Named curves of positive values, one for each step from 0 on, on a logarithmic scale.
pub fn logarithmic(title: &str, curves: &[(String, Vec<f64>)]) -> Canvas {
    let logarithm = |v: f64| v.max(1e-300).log10();
    let values = || curves.iter().flat_map(|(_, v)| v).copied().filter(|v| v.is_finite() && *v > 0.0);
    let low = values().fold(f64::INFINITY, f64::min).log10().floor().max(-16.0);
    let high = values().fold(0.0, f64::max).log10().ceil().max(low + 1.0);
    let decades = (low as i32..=high as i32).map(|d| (f64::from(d), format!("1e{d}"))).collect();
    let curves: Vec<_> =
        curves.iter().map(|(name, v)| (name.clone(), v.iter().map(|&v| logarithm(v)).collect())).collect();
    draw(title, &curves, (low, high), decades)
}

/// Named curves of any values, one for each step from 0 on.
pub fn linear(title: &str, curves: &[(String, Vec<f64>)]) -> Canvas {
    let values = || curves.iter().flat_map(|(_, v)| v).copied().filter(|v| v.is_finite());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let (low, high) = if low < high { (low, high) } else { (low.min(0.0) - 1.0, low.max(0.0) + 1.0) };
    // At most eight rules, at 1, 2 or 5 times a power of ten.
    let power = 10_f64.powf(((high - low) / 8.0).log10().floor());
    let unit = [1.0, 2.0, 5.0, 10.0].map(|m| m * power);
    let unit = unit.into_iter().find(|u| (high - low) / u <= 8.0).unwrap_or(10.0 * power);
    let (from, to) = ((low / unit).floor() as i64, (high / unit).ceil() as i64);
    let decimals = (-unit.log10().floor()).max(0.0) as usize;
    let rules = (from..=to).map(|i| (i as f64 * unit, format!("{:.decimals$}", i as f64 * unit))).collect();
    draw(title, curves, (from as f64 * unit, to as f64 * unit), rules)
}

/// Curves between two heights, and horizontal rules with their names.
fn draw(title: &str, curves: &[(String, Vec<f64>)], range: (f64, f64), rules: Vec<(f64, String)>) -> Canvas {
    let (left, top, width, height) = (90, 60, 640, 380);
    let steps = curves.iter().map(|(_, v)| v.len()).max().unwrap_or(0).max(2) - 1;
    let at = |step: f64, value: f64| {
        let up = ((value - range.0) / (range.1 - range.0)).clamp(0.0, 1.0);
        (left as f64 + step / steps as f64 * width as f64, top as f64 + (1.0 - up) * height as f64)
    };
    let mut canvas = Canvas::new(1000, 500, BACKGROUND);
    canvas.write(20, 20, 2, TEXT, title);

    for (value, label) in rules {
        let (x, y) = at(0.0, value);
        (0..width).for_each(|i| canvas.put(x as usize + i, y as usize, RULE));
        canvas.write(left - 10 - letters::width(&label) * 2, y as usize - LINE / 2, 2, TEXT, &label);
    }
    let tick = (0..6).flat_map(|d| [1, 2, 5].map(|m| m * 10_usize.pow(d))).find(|t| t * 8 >= steps);
    for step in (0..=steps).step_by(tick.unwrap_or(steps)) {
        let (x, _) = at(step as f64, range.0);
        (0..height).for_each(|i| canvas.put(x as usize, top + i, RULE));
        let label = step.to_string();
        canvas.write(x as usize - letters::width(&label), top + height + 10, 2, TEXT, &label);
    }
    for (i, ((name, values), colour)) in curves.iter().zip(COLOURS.iter().cycle()).enumerate() {
        canvas.write(left + width + 24, top + 26 * i, 2, *colour, name);
        for (step, pair) in values.windows(2).enumerate() {
            let (from, to) = (at(step as f64, pair[0]), at(step as f64 + 1.0, pair[1]));
            let n = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0);
            for k in 0..=n as usize {
                let part = k as f64 / n;
                let (x, y) = (from.0 + part * (to.0 - from.0), from.1 + part * (to.1 - from.1));
                for dot in 0..4 {
                    canvas.put(x as usize + dot % 2, y as usize + dot / 2, *colour);
                }
            }
        }
    }
    canvas
}
