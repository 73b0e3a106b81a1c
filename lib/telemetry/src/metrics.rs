//! Counters and durations of this process, and Prometheus' text of them.
//!
//! A metric is a constant where it is used; it is there from its first use on. Several processes that
//! are one service give their [`Snapshot`]s to the one that is asked, which merges them:
//!
//! ```text
//! {"families":{"NAME":{"help":"...","kind":"counter","series":{"method=\"GET\"":{"Number":3.0}}}}}
//! ```
//!
//! Labels must be of few values: names of methods, routes, states. A family takes [`MOST_SERIES`]
//! series at most, and counts what comes after them under `overflow="true"`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many series a family has at most.
pub const MOST_SERIES: usize = 1000;

/// Upper bounds of the classes of durations, in milliseconds.
const BOUNDS: [u32; 12] = [
    5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000, 120_000, 600_000,
];

/// Labels of a series: names and values.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

static ALL: Mutex<Snapshot> = Mutex::new(Snapshot {
    families: BTreeMap::new(),
});

/// Something that is counted.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    name: &'static str,
    help: &'static str,
}

impl Counter {
    /// By the name that Prometheus sees, which ends in `_total`.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help }
    }

    /// Counts one.
    pub fn count(&self, labels: Labels<'_>) {
        with(self.name, self.help, Kind::Counter, labels, |series| {
            if let Series::Number(number) = series {
                *number += 1.0;
            }
        });
    }
}

/// Something that takes time.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    name: &'static str,
    help: &'static str,
}

impl Timing {
    /// By the name that Prometheus sees, which ends in `_seconds`.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help }
    }

    /// Counts one that took so long.
    pub fn observe(&self, labels: Labels<'_>, time: Duration) {
        with(self.name, self.help, Kind::Histogram, labels, |series| {
            if let Series::Durations {
                count,
                seconds,
                classes,
            } = series
            {
                *count += 1;
                *seconds += time.as_secs_f64();
                for (class, bound) in classes.iter_mut().zip(BOUNDS) {
                    *class += u64::from(time <= Duration::from_millis(bound.into()));
                }
            }
        });
    }
}

fn with(
    name: &'static str,
    help: &str,
    kind: Kind,
    labels: Labels<'_>,
    change: impl FnOnce(&mut Series),
) {
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    change(all.series(name, help, kind, labels));
}

/// All metrics of this process, now.
#[must_use]
pub fn snapshot() -> Snapshot {
    ALL.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Grows and shrinks.
    Gauge,
    /// Durations in classes.
    Histogram,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Series {
    Number(f64),
    Durations {
        count: u64,
        seconds: f64,
        classes: Vec<u64>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Family {
    help: String,
    kind: Kind,
    /// By their labels, as Prometheus writes them.
    series: BTreeMap<String, Series>,
}

/// Metrics at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    families: BTreeMap<String, Family>,
}

impl Snapshot {
    /// Sets a gauge.
    pub fn set(&mut self, name: &str, help: &str, labels: Labels<'_>, value: f64) {
        *self.series(name, help, Kind::Gauge, labels) = Series::Number(value);
    }

    fn series(&mut self, name: &str, help: &str, kind: Kind, labels: Labels<'_>) -> &mut Series {
        let family = self
            .families
            .entry(name.to_owned())
            .or_insert_with(|| Family {
                help: help.to_owned(),
                kind,
                series: BTreeMap::new(),
            });
        let mut labels = written(labels);
        if family.series.len() >= MOST_SERIES && !family.series.contains_key(&labels) {
            labels = written(&[("overflow", "true")]);
        }
        family.series.entry(labels).or_insert_with(|| match kind {
            Kind::Counter | Kind::Gauge => Series::Number(0.0),
            Kind::Histogram => Series::Durations {
                count: 0,
                seconds: 0.0,
                classes: vec![0; BOUNDS.len()],
            },
        })
    }

    /// Keeps the families whose name the test likes.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.families.retain(|name, _| keep(name));
    }

    /// Adds a label to all series: which process they are of.
    #[must_use]
    pub fn labelled(mut self, name: &'static str, value: &str) -> Self {
        let label = written(&[(name, value)]);
        for family in self.families.values_mut() {
            let series = std::mem::take(&mut family.series);
            family.series = series
                .into_iter()
                .map(|(labels, series)| match labels.is_empty() {
                    true => (label.clone(), series),
                    false => (format!("{labels},{label}"), series),
                })
                .collect();
        }
        self
    }

    /// Adds another process' metrics; equal series become their sum.
    pub fn merge(&mut self, other: Snapshot) {
        for (name, family) in other.families {
            let Some(mine) = self.families.get_mut(&name) else {
                self.families.insert(name, family);
                continue;
            };
            for (labels, series) in family.series {
                match (mine.series.get_mut(&labels), series) {
                    (None, series) => {
                        mine.series.insert(labels, series);
                    }
                    (Some(Series::Number(sum)), Series::Number(number)) => *sum += number,
                    (
                        Some(Series::Durations {
                            count,
                            seconds,
                            classes,
                        }),
                        Series::Durations {
                            count: more,
                            seconds: longer,
                            classes: others,
                        },
                    ) => {
                        *count += more;
                        *seconds += longer;
                        for (class, other) in classes.iter_mut().zip(others) {
                            *class += other;
                        }
                    }
                    // Of another version, in which it was something else.
                    (Some(_), _) => {}
                }
            }
        }
    }

    /// Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (name, family) in &self.families {
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
            for (labels, series) in &family.series {
                match series {
                    Series::Number(number) => {
                        let _ = writeln!(out, "{name}{} {number}", braced(labels));
                    }
                    Series::Durations {
                        count,
                        seconds,
                        classes,
                    } => {
                        let comma = if labels.is_empty() { "" } else { "," };
                        for (class, bound) in classes.iter().zip(BOUNDS) {
                            let bound = f64::from(bound) / 1000.0;
                            let _ = writeln!(
                                out,
                                "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {class}"
                            );
                        }
                        let _ =
                            writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}");
                        let labels = braced(labels);
                        let _ = writeln!(out, "{name}_sum{labels} {seconds}");
                        let _ = writeln!(out, "{name}_count{labels} {count}");
                    }
                }
            }
        }
        out
    }
}

fn written(labels: Labels<'_>) -> String {
    let all: Vec<String> = labels
        .iter()
        .map(|(name, value)| {
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        })
        .collect();
    all.join(",")
}

fn braced(labels: &str) -> String {
    if labels.is_empty() {
        String::new()
    } else {
        format!("{{{labels}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_prometheus() {
        static CALLS: Timing = Timing::new("test_calls_seconds", "Calls.");
        static ERRORS: Counter = Counter::new("test_errors_total", "Errors.");
        CALLS.observe(&[("method", "a\"b")], Duration::from_millis(20));
        CALLS.observe(&[("method", "a\"b")], Duration::from_secs(2));
        ERRORS.count(&[]);
        let mut all = snapshot();
        all.set("test_gauge", "A gauge.", &[("name", "x")], 7.0);
        let text = all.text();
        for line in [
            "# HELP test_calls_seconds Calls.",
            "# TYPE test_calls_seconds histogram",
            "test_calls_seconds_bucket{method=\"a\\\"b\",le=\"0.01\"} 0",
            "test_calls_seconds_bucket{method=\"a\\\"b\",le=\"0.025\"} 1",
            "test_calls_seconds_bucket{method=\"a\\\"b\",le=\"5\"} 2",
            "test_calls_seconds_bucket{method=\"a\\\"b\",le=\"+Inf\"} 2",
            "test_calls_seconds_sum{method=\"a\\\"b\"} 2.02",
            "test_calls_seconds_count{method=\"a\\\"b\"} 2",
            "test_errors_total 1",
            "# TYPE test_gauge gauge",
            "test_gauge{name=\"x\"} 7",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }

    #[test]
    fn processes_are_told_apart_or_added() {
        let of = |value| {
            let mut one = Snapshot::default();
            one.set("tasks", "Tasks.", &[("state", "done")], value);
            one
        };
        let mut all = of(1.0).labelled("process", "api");
        all.merge(of(2.0).labelled("process", "worker"));
        all.merge(of(3.0).labelled("process", "worker"));
        let text = all.text();
        assert!(
            text.contains("tasks{state=\"done\",process=\"api\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("tasks{state=\"done\",process=\"worker\"} 5\n"),
            "{text}"
        );
        assert_eq!(text.matches("# TYPE").count(), 1);
        let carried: Snapshot =
            serde_json::from_str(&serde_json::to_string(&all).unwrap()).unwrap();
        assert_eq!(carried, all);
    }

    #[test]
    fn a_family_does_not_grow_for_ever() {
        let mut all = Snapshot::default();
        for number in 0..MOST_SERIES + 50 {
            all.set("many", "Many.", &[("n", &number.to_string())], 1.0);
        }
        assert_eq!(all.families["many"].series.len(), MOST_SERIES + 1);
        assert!(all.text().contains("many{overflow=\"true\"} 1"));
    }
}
