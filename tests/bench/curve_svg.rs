//! The cost by the number of servers, drawn: one panel a quantity, both axes logarithmic.

use std::fmt::Write;

use crate::rows::Unit;
use crate::table::scale;

/// One panel.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) unit: Unit,
    pub(crate) points: Vec<Point>,
}

/// What both sides cost at one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) servers: f64,
    pub(crate) ours: f64,
    pub(crate) peer: f64,
}

const WIDTH: f64 = 350.0;
const HEIGHT: f64 = 260.0;
/// Room for the labels of an axis, and on the other sides.
const LEFT: f64 = 70.0;
const BELOW: f64 = 40.0;
const ABOVE: f64 = 34.0;
const RIGHT: f64 = 26.0;
const LEGEND: f64 = 30.0;
const OURS: &str = "#0b5fa5";
const PEER: &str = "#c2410c";

/// The whole drawing.
pub(crate) fn draw(panels: &[Panel]) -> String {
    let (width, height) = (WIDTH * panels.len() as f64, HEIGHT + LEGEND);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (at, panel) in panels.iter().enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate({},0)\">", WIDTH * at as f64);
        svg += &panel.draw();
        svg += "</g>\n";
    }
    for (x, color, name) in [
        (LEFT, OURS, "governess"),
        (LEFT + 110.0, PEER, "keepalived"),
    ] {
        let y = HEIGHT + LEGEND / 2.0;
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{color}\" \
             stroke-width=\"2\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            x + 20.0,
            x + 26.0,
            y + 4.0
        );
    }
    svg + "</svg>\n"
}

/// Powers of ten that enclose the values.
fn decades(values: impl Iterator<Item = f64> + Clone) -> (i32, i32) {
    let positive = values.filter(|value| *value > 0.0);
    let least = positive.clone().fold(f64::INFINITY, f64::min);
    let most = positive.fold(0.0, f64::max);
    if !least.is_finite() {
        return (0, 1);
    }
    let (low, high) = (least.log10().floor() as i32, most.log10().ceil() as i32);
    (low, high.max(low + 1))
}

/// A logarithmic axis from one power of ten to another.
struct Axis {
    decades: (i32, i32),
    /// Where its ends are drawn.
    ends: (f64, f64),
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let (low, high) = (f64::from(self.decades.0), f64::from(self.decades.1));
        let part = (value.max(f64::MIN_POSITIVE).log10() - low) / (high - low);
        self.ends.0 + part.clamp(0.0, 1.0) * (self.ends.1 - self.ends.0)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.decades.0..=self.decades.1).map(|power| 10_f64.powi(power))
    }
}

impl Panel {
    fn draw(&self) -> String {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BELOW);
        // Memory has round numbers in its own units.
        let base = if self.unit == Unit::Bytes {
            1_048_576.0
        } else {
            1.0
        };
        let across = Axis {
            decades: decades(self.points.iter().map(|point| point.servers)),
            ends: (LEFT, right),
        };
        let costs = self
            .points
            .iter()
            .flat_map(|point| [point.ours, point.peer]);
        let up = Axis {
            decades: decades(costs.map(|cost| cost / base)),
            ends: (bottom, ABOVE),
        };
        let mut svg = format!(
            "<text x=\"{LEFT}\" y=\"18\" font-size=\"13\" font-weight=\"bold\">{}</text>\n",
            self.title
        );
        for tick in up.ticks() {
            let y = up.place(tick);
            let (size, name) = scale(tick * base, self.unit);
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{} {name}</text>",
                LEFT - 6.0,
                y + 4.0,
                (tick * base / size).round()
            );
        }
        for tick in across.ticks() {
            let x = across.place(tick);
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" y1=\"{ABOVE}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>",
                bottom + 15.0
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">servers</text>",
            (LEFT + right) / 2.0,
            bottom + 32.0
        );
        for (color, cost) in [
            (PEER, (|point| point.peer) as fn(&Point) -> f64),
            (OURS, |point| point.ours),
        ] {
            let places: Vec<(f64, f64)> = self
                .points
                .iter()
                .map(|point| (across.place(point.servers), up.place(cost(point) / base)))
                .collect();
            let line: Vec<String> = places
                .iter()
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
                line.join(" ")
            );
            for (x, y) in places {
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>"
                );
            }
        }
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_enclose_all_values() {
        assert_eq!(decades([0.02, 3.0].into_iter()), (-2, 1));
        assert_eq!(decades([100.0, 10_000.0].into_iter()), (2, 4));
        assert_eq!(decades([5.0].into_iter()), (0, 1));
        assert_eq!(decades([0.0].into_iter()), (0, 1));
    }

    #[test]
    fn every_point_of_both_sides_is_drawn_within_its_panel() {
        let points = [
            (100.0, 0.01, 0.02),
            (1000.0, 0.1, 0.5),
            (10_000.0, 1.5, 90.0),
        ];
        let panel = Panel {
            title: "reload".to_owned(),
            unit: Unit::Seconds,
            points: points
                .map(|(servers, ours, peer)| Point {
                    servers,
                    ours,
                    peer,
                })
                .into(),
        };
        let svg = draw(&[panel.clone(), panel]);
        assert_eq!(svg.matches("<circle").count(), 12);
        assert_eq!(svg.matches("<polyline").count(), 4);
        for circle in svg.split("<circle cx=\"").skip(1) {
            let x: f64 = circle.split('"').next().unwrap().parse().unwrap();
            assert!((LEFT..=WIDTH - RIGHT).contains(&x), "{x}");
        }
        assert!(svg.contains(">10000<") && svg.contains("10 ms<"), "{svg}");
    }
}
