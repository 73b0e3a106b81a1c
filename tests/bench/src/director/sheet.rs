//! The table: what was measured, beside the stock system's figure.

use crate::figures::Samples;

/// Rows, in the order in which they were measured.
#[derive(Debug, Default)]
pub struct Sheet {
    rows: Vec<[String; 4]>,
}

impl Sheet {
    /// One figure or several, in seconds.
    pub fn seconds(&mut self, what: &str, samples: &Samples, stock: &str) {
        let each = samples.0.len();
        let ours = match samples.median() {
            median if median < 0.1 => format!("{median:.3} s"),
            median => format!("{median:.2} s"),
        };
        self.row(what, &ours, each, stock);
    }

    /// Median and 95th percentile, in milliseconds.
    pub fn milliseconds(&mut self, what: &str, samples: &Samples, stock: &str) {
        let ours = format!("{:.1} / {:.1} ms", samples.median(), samples.quantile(0.95));
        self.row(what, &ours, samples.0.len(), stock);
    }

    /// Anything else.
    pub fn row(&mut self, what: &str, ours: &str, runs: usize, stock: &str) {
        super::tell(format_args!("{what}: {ours}"));
        let runs = runs.to_string();
        self.rows
            .push([what, ours, &runs, stock].map(str::to_owned));
    }

    /// Prints all of it as Markdown.
    pub fn print(&self, depth: usize, database: &str) {
        println!("\n### A director at level {depth}, its rows in {database}\n");
        println!("| | Warren | runs | stock, another machine of this size |\n|---|---|---|---|");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}
