//! Curves over steps, on a logarithmic scale.

use super::letters;
use super::picture::{BACKGROUND, Canvas, Colour, TEXT};

const RULE: Colour = [52, 54, 60];
const COLOURS: [Colour; 6] =
    [[255, 176, 32], [90, 180, 255], [120, 220, 120], [240, 100, 140], [190, 140, 255], [200, 200, 200]];

/// The frame of a chart in a picture.
struct Frame {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    /// Steps, and decades from the bottom to the top.
    steps: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn at(&self, step: f64, value: f64) -> (f64, f64) {
        let up = (value.max(1e-300).log10() - self.low) / (self.high - self.low);
        let along = step / self.steps * self.width as f64;
        (self.left as f64 + along, self.top as f64 + (1.0 - up.clamp(0.0, 1.0)) * self.height as f64)
    }
}

/// Named curves of positive values, one for each step from 0 on.
pub fn logarithmic(title: &str, curves: &[(String, Vec<f64>)]) -> Canvas {
    let values = || curves.iter().flat_map(|(_, v)| v).copied().filter(|v| v.is_finite() && *v > 0.0);
    let steps = curves.iter().map(|(_, v)| v.len()).max().unwrap_or(0).max(2) - 1;
    let low = values().fold(f64::INFINITY, f64::min).log10().floor().max(-16.0);
    let high = values().fold(0.0, f64::max).log10().ceil().max(low + 1.0);
    let frame = Frame { left: 90, top: 60, width: 640, height: 380, steps: steps as f64, low, high };
    let mut canvas = Canvas::new(1000, 500, BACKGROUND);
    canvas.write(20, 20, 2, TEXT, title);

    for decade in low as i32..=high as i32 {
        let (x, y) = frame.at(0.0, 10_f64.powi(decade));
        (0..frame.width).for_each(|i| canvas.put(x as usize + i, y as usize, RULE));
        let label = format!("1e{decade}");
        canvas.write(frame.left - 10 - letters::width(&label) * 2, y as usize - 7, 2, TEXT, &label);
    }
    let tick = (0..6).flat_map(|d| [1, 2, 5].map(|m| m * 10_usize.pow(d))).find(|t| t * 8 >= steps);
    for step in (0..=steps).step_by(tick.unwrap_or(steps)) {
        let (x, _) = frame.at(step as f64, 1.0);
        (0..frame.height).for_each(|i| canvas.put(x as usize, frame.top + i, RULE));
        let label = step.to_string();
        canvas.write(x as usize - letters::width(&label), frame.top + frame.height + 10, 2, TEXT, &label);
    }
    for (i, ((name, values), colour)) in curves.iter().zip(COLOURS.iter().cycle()).enumerate() {
        canvas.write(frame.left + frame.width + 24, frame.top + 26 * i, 2, *colour, name);
        for (step, pair) in values.windows(2).enumerate() {
            let (from, to) = (frame.at(step as f64, pair[0]), frame.at(step as f64 + 1.0, pair[1]));
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
