//! Growth as a picture (SVG): a small chart for each thing, all with the same axes, one above the
//! other day's. Both axes are logarithmic: what grows with the number of VMs is a slope, what does
//! not is level.

use std::fmt::Write;

use super::{Growth, Series, table::with_commas};
use crate::report::Unit;

const COLUMNS: usize = 3;
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 190.0;
/// Of a chart's lines, within its place: left, top, right, bottom.
const PLOT: [f64; 4] = [52.0, 30.0, 274.0, 158.0];
const HEADING: f64 = 34.0;

/// Its colours follow the reader's, light or dark.
const STYLE: &str = "<style>
svg { color-scheme: light dark; font: 12px system-ui, sans-serif }
.paper { fill: #ffffff } .grid { stroke: #d8dee4 } text { fill: #24292f } .small { fill: #57606a; font-size: 10px }
.line { fill: none; stroke-width: 2 } .old { stroke: #b35900; stroke-dasharray: 5 3 } .new { stroke: #0b63ce }
.old-dot { fill: #b35900 } .new-dot { fill: #0b63ce }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } .grid { stroke: #30363d } text { fill: #e6edf3 } .small { fill: #9da7b3 }
.old { stroke: #f0a35e } .new { stroke: #6cb0ff } .old-dot { fill: #f0a35e } .new-dot { fill: #6cb0ff }
}
</style>
";

/// The axes that all charts share: the powers of ten between which all points lie.
struct Axes {
    sizes: (f64, f64),
    times: (f64, f64),
    /// Something was measured with none at all: that is the left end, whatever its power.
    from_none: bool,
}

/// A picture of `new`, with the same things as they were in `old`, if that is known.
pub fn draw(new: &Growth, old: Option<&Growth>) -> String {
    let rows = new.series.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, HEADING + HEIGHT * rows as f64);
    let axes = Axes::around(new.series.iter().chain(old.into_iter().flat_map(|it| &it.series)));
    let of = &new.of;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"Milliseconds each, by {of}\">\n{STYLE}\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n\
         <text x=\"12\" y=\"22\">Milliseconds each, by {of}</text>\n\
         <path class=\"line new\" d=\"M{0} 18h26\"/><text x=\"{1}\" y=\"22\">now</text>\n",
        width - 190.0,
        width - 158.0
    );
    if old.is_some() {
        let _infallible = writeln!(
            svg,
            "<path class=\"line old\" d=\"M{0} 18h26\"/><text x=\"{1}\" y=\"22\">before</text>",
            width - 110.0,
            width - 78.0
        );
    }
    for (nr, series) in new.series.iter().enumerate() {
        let x = WIDTH * (nr % COLUMNS) as f64;
        let y = HEADING + HEIGHT * (nr / COLUMNS) as f64;
        let before = old.and_then(|old| old.series.iter().find(|it| it.what == series.what));
        let _infallible = writeln!(svg, "<g transform=\"translate({x} {y})\">");
        axes.draw(&mut svg, &series.what);
        if let Some(before) = before {
            axes.line(&mut svg, before, "old");
        }
        axes.line(&mut svg, series, "new");
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}

/// Milliseconds each.
fn time(unit: Unit, value: f64) -> f64 {
    if unit == Unit::PerSecond { 1000.0 / value } else { value }
}

impl Axes {
    fn around<'a>(all: impl Iterator<Item = &'a Series>) -> Self {
        let (mut sizes, mut times) = ((f64::MAX, f64::MIN), (f64::MAX, f64::MIN));
        let mut from_none = false;
        let widen = |range: &mut (f64, f64), value: f64| {
            *range = (range.0.min(value.log10()), range.1.max(value.log10()));
        };
        for series in all {
            for (size, value) in &series.points {
                widen(&mut times, time(series.unit, *value));
                match size {
                    0 => from_none = true,
                    size => widen(&mut sizes, f64::from(*size)),
                }
            }
        }
        let whole =
            |(least, most): (f64, f64)| (least.floor(), most.ceil().max(least.floor() + 1.0));
        let (mut sizes, times) = (whole(sizes), whole(times));
        if from_none {
            sizes.0 -= 1.0;
        }
        Self { sizes, times, from_none }
    }

    fn x(&self, size: f64) -> f64 {
        let [left, _, right, _] = PLOT;
        let (least, most) = self.sizes;
        left + (size.log10().max(least) - least) / (most - least) * (right - left)
    }

    fn y(&self, time: f64) -> f64 {
        let [_, top, _, bottom] = PLOT;
        let (least, most) = self.times;
        bottom - (time.log10() - least) / (most - least) * (bottom - top)
    }

    fn draw(&self, svg: &mut String, title: &str) {
        let [left, top, right, bottom] = PLOT;
        let _infallible = writeln!(svg, "<text x=\"{left}\" y=\"18\">{}</text>", escaped(title));
        for power in powers(self.times) {
            let (y, number) = (self.y(power), short(power));
            let _infallible = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>\
                 <text class=\"small\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{number}</text>",
                left - 5.0,
                y + 3.5
            );
        }
        for power in powers(self.sizes) {
            let is_none = self.from_none && power.log10() <= self.sizes.0;
            let (x, number) = (self.x(power), with_commas(if is_none { 0 } else { power as u32 }));
            let _infallible = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} {top}V{bottom}\"/>\
                 <text class=\"small\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{number}</text>",
                bottom + 14.0
            );
        }
    }

    fn line(&self, svg: &mut String, series: &Series, class: &str) {
        let points = series
            .points
            .iter()
            .map(|(size, value)| (self.x(f64::from(*size)), self.y(time(series.unit, *value))));
        let points: Vec<(f64, f64)> = points.collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let _infallible = writeln!(svg, "<path class=\"line {class}\" d=\"M{}\"/>", path.join("L"));
        for (x, y) in points {
            let _infallible = writeln!(
                svg,
                "<circle class=\"{class}-dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
            );
        }
    }
}

fn powers((least, most): (f64, f64)) -> impl Iterator<Item = f64> {
    (least as i32..=most as i32).map(|power| 10_f64.powi(power))
}

fn short(number: f64) -> String {
    if number < 1.0 { format!("{number}") } else { with_commas(number as u32) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(points: [(u32, f64); 2]) -> Growth {
        let mut series = Series::new("a < b", Unit::PerSecond);
        series.points = points.to_vec();
        Growth { of: "VMs".to_owned(), series: vec![series] }
    }

    #[test]
    fn what_costs_the_same_is_level_and_what_grows_is_not() {
        let (new, old) =
            (growth([(100, 1000.0), (1000, 1000.0)]), growth([(100, 1000.0), (1000, 100.0)]));
        let svg = draw(&new, Some(&old));
        assert!(svg.contains("<path class=\"line new\" d=\"M52.0 158.0L274.0 158.0\"/>"), "{svg}");
        assert!(svg.contains("<path class=\"line old\" d=\"M52.0 158.0L274.0 30.0\"/>"), "{svg}");
        assert!(svg.contains(">a &lt; b</text>") && svg.contains(">before</text>"), "{svg}");
        assert!(!draw(&new, None).contains("\"line old\""));
    }
}
