//! The report: as a table for people, as one JSON document for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::Outcome;
use crate::curve_svg::{Panel, Point};
use crate::origin::Origin;
use crate::rows::{Measured, Quantity, Target, Unit};
use crate::statistics::{Comparison, Spread};

/// All rows with where they come from.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema: u32,
    #[serde(flatten)]
    origin: Origin,
    subjects: Vec<SubjectReport>,
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct SubjectReport {
    subject: String,
    ours: String,
    peer: String,
    remarks: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    row: String,
    unit: Unit,
    rounds: usize,
    #[serde(flatten)]
    comparison: Comparison,
    target: Target,
    met: bool,
}

/// A subject that could not be measured.
#[derive(Debug, Serialize)]
struct Failure {
    subject: String,
    why: String,
}

impl Report {
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            schema: 1,
            origin,
            subjects: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Adds the rows of a subject.
    pub(crate) fn add(&mut self, subject: &str, measured: &Measured) -> Outcome {
        let rows = measured.quantities.iter().map(row);
        self.subjects.push(SubjectReport {
            subject: subject.to_owned(),
            ours: measured.ours.clone(),
            peer: measured.peer.clone(),
            remarks: measured.remarks.clone(),
            rows: rows.collect::<Outcome<_>>()?,
        });
        Ok(())
    }

    /// Notes that a subject has no figures.
    pub(crate) fn fail(&mut self, subject: &str, why: &str) {
        self.failures.push(Failure {
            subject: subject.to_owned(),
            why: why.to_owned(),
        });
    }

    /// What was missed or could not be measured, a line each.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let missed = self.rows().filter(|(_, row)| !row.met);
        let missed = missed.map(|(subject, row)| {
            let Comparison { ours, ratio, .. } = row.comparison;
            let found = match row.target {
                Target::OursAtMost(_) => amount(ours.median, row.unit),
                _ => format!("ratio {}", significant(ratio)),
            };
            format!(
                "target missed: {} {}: {found}, target {}",
                subject.subject,
                row.row,
                asked(row)
            )
        });
        let failed = self.failures.iter();
        let failed = failed.map(|failure| format!("{}: {}", failure.subject, failure.why));
        missed.chain(failed).collect()
    }

    /// One JSON document.
    pub(crate) fn json(&self) -> Outcome<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// The table, and below it what its rows mean.
    pub(crate) fn text(&self) -> Outcome<String> {
        let origin = &self.origin;
        let modified = if origin.modified { ", modified" } else { "" };
        let mut text = format!(
            "governess, commit {}{modified}; {}; Linux {}; {}, {} cores\n\
             medians (10th to 90th percentile); the ratio is ours over the peer's\n\n",
            origin.commit, origin.compiler, origin.kernel, origin.processor, origin.cores
        );
        let lines: Vec<_> = self
            .rows()
            .map(|(subject, row)| cells(subject, row))
            .collect();
        text += &columns(&lines);
        for subject in &self.subjects {
            write!(
                text,
                "\n{}\n  ours: {}\n  peer: {}\n",
                subject.subject, subject.ours, subject.peer
            )?;
            for remark in &subject.remarks {
                writeln!(text, "  {remark}")?;
            }
        }
        for failure in &self.failures {
            write!(
                text,
                "\n{}\n  NOT MEASURED: {}\n",
                failure.subject, failure.why
            )?;
        }
        text.truncate(text.trim_end().len());
        Ok(text)
    }

    /// The rows of the subjects `curve/SIZE`, as panels of a drawing; none if none was measured.
    pub(crate) fn curve(&self) -> Vec<Panel> {
        let mut panels: Vec<Panel> = Vec::new();
        for (subject, row) in self.rows() {
            let size = subject.subject.strip_prefix("curve/");
            let Some(servers) = size.and_then(|size| size.parse().ok()) else {
                continue;
            };
            let point = Point {
                servers,
                ours: row.comparison.ours.median,
                peer: row.comparison.peer.median,
            };
            match panels.iter_mut().find(|panel| panel.title == row.row) {
                Some(panel) => panel.points.push(point),
                None => panels.push(Panel {
                    title: row.row.clone(),
                    unit: row.unit,
                    points: vec![point],
                }),
            }
        }
        panels
    }

    fn rows(&self) -> impl Iterator<Item = (&SubjectReport, &Row)> {
        let subjects = self.subjects.iter();
        subjects.flat_map(|subject| subject.rows.iter().map(move |row| (subject, row)))
    }
}

fn row(quantity: &Quantity) -> Outcome<Row> {
    let comparison = Comparison::of(&quantity.rounds)
        .ok_or_else(|| format!("{} was measured without a usable figure", quantity.name))?;
    Ok(Row {
        row: quantity.name.clone(),
        unit: quantity.unit,
        rounds: quantity.rounds.len(),
        comparison,
        target: quantity.target,
        met: match quantity.target {
            Target::RatioAtMost(most) => comparison.ratio <= most,
            Target::OursAtMost(most) => comparison.ours.median <= most,
            Target::None => true,
        },
    })
}

const HEAD: [&str; 8] = [
    "subject", "row", "rounds", "ours", "peer", "ratio", "target", "met",
];

type Cells = [String; HEAD.len()];

fn cells(subject: &SubjectReport, row: &Row) -> Cells {
    let Comparison { ours, peer, ratio } = row.comparison;
    [
        subject.subject.clone(),
        row.row.clone(),
        row.rounds.to_string(),
        scattered(ours, row.unit),
        scattered(peer, row.unit),
        significant(ratio),
        asked(row),
        match (row.target, row.met) {
            (Target::None, _) => "-",
            (_, true) => "yes",
            (_, false) => "NO",
        }
        .to_owned(),
    ]
}

/// The target in words.
fn asked(row: &Row) -> String {
    match row.target {
        Target::RatioAtMost(most) => format!("<= {most}"),
        Target::OursAtMost(most) => format!("ours <= {}", amount(most, row.unit)),
        Target::None => "-".to_owned(),
    }
}

fn amount(value: f64, unit: Unit) -> String {
    let (size, name) = scale(value, unit);
    format!("{} {name}", significant(value / size))
}

fn columns(lines: &[Cells]) -> String {
    let head = HEAD.map(str::to_owned);
    let all = || std::iter::once(&head).chain(lines);
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|at| {
            all()
                .filter_map(|line| line.get(at))
                .map(String::len)
                .max()
                .unwrap_or(0)
        })
        .collect();
    let render = |line: &Cells| {
        let cells = line.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    all().map(render).collect()
}

fn scattered(spread: Spread, unit: Unit) -> String {
    let (size, name) = scale(spread.median, unit);
    let number = |value: f64| significant(value / size);
    format!(
        "{} {name} ({} to {})",
        number(spread.median),
        number(spread.p10),
        number(spread.p90)
    )
}

/// The unit in which a value is a number that people can read.
pub(crate) fn scale(value: f64, unit: Unit) -> (f64, &'static str) {
    let units: &[(f64, &str)] = match unit {
        Unit::Seconds => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "us")],
        Unit::Bytes => &[(1_048_576.0, "MiB"), (1024.0, "KiB"), (1.0, "B")],
        Unit::Times => &[(1.0, "x")],
    };
    let fits = units.iter().find(|(size, _)| value >= *size);
    fits.or(units.last()).copied().unwrap_or((1.0, ""))
}

/// Three significant digits, without an exponent.
fn significant(value: f64) -> String {
    let magnitude = if value > 0.0 {
        value.log10().floor()
    } else {
        0.0
    };
    let decimals = (2.0 - magnitude).clamp(0.0, 9.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Round;

    fn report(ours: f64, peer: f64, at_most: f64) -> Report {
        let mut report = Report::new(Origin {
            commit: "abc".to_owned(),
            modified: true,
            compiler: "rustc 1".to_owned(),
            kernel: "6.1".to_owned(),
            processor: "a processor".to_owned(),
            cores: 2,
        });
        let measured = Measured {
            ours: "one run".to_owned(),
            peer: "another 1.0".to_owned(),
            remarks: vec!["It does less.".to_owned()],
            quantities: vec![Quantity {
                name: "CPU time".to_owned(),
                unit: Unit::Seconds,
                target: Target::RatioAtMost(at_most),
                rounds: vec![Round { ours, peer }; 3],
            }],
        };
        report.add("thing", &measured).unwrap();
        report
    }

    #[test]
    fn three_digits_are_kept_whatever_the_size() {
        let shown = [0.4567, 1.234, 12.34, 123.4, 1234.0, 0.001_234, 0.0].map(significant);
        assert_eq!(
            shown,
            ["0.457", "1.23", "12.3", "123", "1234", "0.00123", "0.00"]
        );
    }

    #[test]
    fn a_spread_is_shown_in_the_unit_of_its_median() {
        let spread = Spread {
            median: 0.00125,
            p10: 0.0008,
            p90: 0.02,
        };
        assert_eq!(scattered(spread, Unit::Seconds), "1.25 ms (0.800 to 20.0)");
        let spread = Spread {
            median: 2_621_440.0,
            p10: 2_097_152.0,
            p90: 2_621_440.0,
        };
        assert_eq!(scattered(spread, Unit::Bytes), "2.50 MiB (2.00 to 2.50)");
    }

    #[test]
    fn a_ratio_at_the_target_meets_it() {
        let report = report(0.001, 0.002, 0.5);
        assert_eq!(report.wrong(), Vec::<String>::new());
        let text = report.text().unwrap();
        assert!(text.contains("abc, modified"), "{text}");
        assert!(text.contains("1.00 ms (1.00 to 1.00)  2.00 ms"), "{text}");
        assert!(text.contains("0.500  <= 0.5  yes"), "{text}");
        assert!(text.contains("peer: another 1.0"), "{text}");
        assert!(text.contains("It does less."), "{text}");
    }

    #[test]
    fn a_missed_target_is_named_with_both_figures() {
        let report = report(0.003, 0.002, 0.6);
        assert_eq!(
            report.wrong(),
            ["target missed: thing CPU time: ratio 1.50, target <= 0.6"]
        );
        assert!(report.text().unwrap().contains("NO"));
    }

    #[test]
    fn a_subject_without_figures_is_wrong_and_shown() {
        let mut report = report(1.0, 2.0, 0.5);
        report.fail("other", "no kernel");
        assert_eq!(report.wrong(), ["other: no kernel"]);
        assert!(report.text().unwrap().contains("NOT MEASURED: no kernel"));
    }

    #[test]
    fn the_document_says_the_same_as_the_table() {
        let document = report(0.001, 0.002, 0.4).json().unwrap();
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["commit"], "abc");
        assert_eq!(document["modified"], true);
        let subject = &document["subjects"][0];
        assert_eq!(subject["peer"], "another 1.0");
        let row = &subject["rows"][0];
        assert_eq!(row["ours"]["median"], 0.001);
        assert_eq!(row["ratio"], 0.5);
        assert_eq!(row["target"]["ratio_at_most"], 0.4);
        assert_eq!(row["met"], false);
    }
}
