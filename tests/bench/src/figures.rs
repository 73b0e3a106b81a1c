//! Samples to medians and ratios, and a table of them.

use std::time::{Duration, Instant};

/// Samples of one quantity, in one unit.
#[derive(Debug, Clone, Default)]
pub struct Samples(pub Vec<f64>);

impl Samples {
    /// Reads numbers that a process printed, one a line.
    pub fn read(text: &str) -> Samples {
        Samples(
            text.lines()
                .filter_map(|line| line.trim().parse().ok())
                .collect(),
        )
    }

    /// Times something, in milliseconds.
    pub fn time(&mut self, work: impl FnOnce()) {
        let started = Instant::now();
        work();
        self.0.push(milliseconds(started.elapsed()));
    }

    /// The value below which this part of the samples lies.
    ///
    /// # Panics
    /// Without samples.
    pub fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(!sorted.is_empty(), "nothing was measured");
        let index = (part * (sorted.len() - 1) as f64).round() as usize;
        sorted[index]
    }

    /// Median ratio to samples taken in turns with these, or ratio of the medians.
    pub fn ratio_to(&self, base: &Samples) -> f64 {
        if self.0.len() != base.0.len() {
            return self.median() / base.median();
        }
        let turns = self.0.iter().zip(&base.0);
        Samples(turns.map(|(one, other)| one / other).collect()).median()
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// A duration as milliseconds.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Prints a Markdown table of rows. The ratio to the base row is the median of the ratios turn
/// by turn, where both were measured in turns: the machine's mood cancels out.
pub fn table(title: &str, unit: &str, rows: &[(&str, &Samples)], base: usize) {
    println!("\n### {title}\n");
    println!("| | median {unit} | p10 | p90 | ratio | runs |\n|---|---|---|---|---|---|");
    let reference = rows[base].1;
    for (name, samples) in rows {
        println!(
            "| {name} | {:.3} | {:.3} | {:.3} | {:.3} | {} |",
            samples.median(),
            samples.quantile(0.1),
            samples.quantile(0.9),
            samples.ratio_to(reference),
            samples.0.len()
        );
    }
}

/// This executable, for starting it elsewhere.
///
/// # Panics
/// If it is gone.
pub fn myself() -> String {
    match std::env::current_exe() {
        Ok(path) => path.display().to_string(),
        Err(error) => panic!("cannot find this executable: {error}"),
    }
}
