//! A table with all that the bosh CLI puts around it: title, notes and count; or, for programs, as
//! bare rows or JSON.
//!
//! ```text
//!                                an empty line
//! Deployment 'zookeeper'         the title and an empty line, if there is one
//!
//! Instance  Process State  AZ    two spaces behind each cell, the last column not padded
//! zk/1      running        -     `-` for nothing, `~` for nothing in a continued first column
//!
//! (*) Currently deployed         notes and an empty line, if there are any
//!
//! 3 instances                    how many of what
//! ```

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// What it lists, in the plural; without it there is no count.
    pub content: Cow<'static, str>,
    /// Above it.
    pub title: String,
    /// Titles of the columns; lines below each other.
    pub header: Vec<&'static str>,
    /// The rows; lines below each other.
    pub rows: Vec<Vec<String>>,
    /// Below it.
    pub notes: Vec<String>,
    /// How many, if not one a row.
    pub count: Option<usize>,
    /// Whether an empty first cell continues the row above.
    pub is_continued: bool,
    /// Whether each row is shown as names and values.
    pub is_facts: bool,
}

impl Listing {
    /// Without rows.
    pub fn new(content: impl Into<Cow<'static, str>>, header: &[&'static str]) -> Self {
        Self {
            content: content.into(),
            header: header.to_vec(),
            ..Self::default()
        }
    }

    /// With these columns alone, named by titles or by keys; an error names the first that there is
    /// not, and those that there are.
    pub fn only(&self, columns: &[String]) -> Result<Self, String> {
        let keys: Vec<String> = self.header.iter().map(|title| key(title)).collect();
        let mut kept = Vec::new();
        for column in columns {
            let at = keys.iter().position(|one| *one == key(column));
            kept.push(at.ok_or_else(|| {
                format!("There is no column '{column}', but: {}", keys.join(", "))
            })?);
        }
        // In the table's own order.
        kept.sort_unstable();
        kept.dedup();
        let mut only = self.clone();
        only.header = kept
            .iter()
            .filter_map(|at| self.header.get(*at).copied())
            .collect();
        let rows = self.rows.iter();
        only.rows = rows
            .map(|row| kept.iter().filter_map(|at| row.get(*at).cloned()).collect())
            .collect();
        only.is_continued &= kept.first() == Some(&0);
        Ok(only)
    }

    /// For people.
    pub fn human(&self) -> String {
        let mut out = String::from("\n");
        if !self.title.is_empty() {
            out.push_str(&format!("{}\n\n", self.title));
        }
        out.push_str(&self.columns("  ", !self.is_facts));
        if !self.notes.is_empty() {
            out.push_str(&format!("\n{}\n", self.notes.join("\n")));
        }
        if !self.content.is_empty() {
            let count = self.count.unwrap_or(self.rows.len());
            out.push_str(&format!("\n{count} {}\n", self.content));
        }
        out
    }

    /// For `grep` and `cut`: rows only, a tabulator behind each cell.
    pub fn bare(&self) -> String {
        self.columns("\t", false)
    }

    /// As the bosh CLI's `--json` has it.
    pub fn json(&self) -> Value {
        let keys: Vec<String> = self.header.iter().map(|title| key(title)).collect();
        let header = keys.iter().zip(&self.header);
        let header: Map<String, Value> = header
            .map(|(key, title)| (key.clone(), json!(title)))
            .collect();
        let rows = self.rows.iter().map(|row| {
            let cells = keys.iter().zip(row);
            let row: Map<String, Value> = cells
                .map(|(key, cell)| (key.clone(), json!(cell)))
                .collect();
            Value::Object(row)
        });
        let rows: Vec<Value> = rows.collect();
        let notes = (!self.notes.is_empty()).then_some(&self.notes);
        json!({"Content": self.content, "Header": header, "Rows": rows, "Notes": notes})
    }

    fn columns(&self, border: &str, has_header: bool) -> String {
        let shown = |at: usize, cell: &str| match cell {
            "" if at == 0 && self.is_continued => "~".to_owned(),
            "" => "-".to_owned(),
            cell => cell.to_owned(),
        };
        let mut rows: Vec<Vec<String>> = Vec::new();
        if self.is_facts {
            for (at, row) in self.rows.iter().enumerate() {
                if at > 0 {
                    rows.push(vec![" ".to_owned(), String::new()]);
                }
                let pairs = self.header.iter().zip(row);
                rows.extend(pairs.map(|(name, value)| vec![(*name).to_owned(), shown(1, value)]));
            }
        } else {
            if has_header {
                rows.push(self.header.iter().map(ToString::to_string).collect());
            }
            for row in &self.rows {
                rows.push(
                    row.iter()
                        .enumerate()
                        .map(|(at, cell)| shown(at, cell))
                        .collect(),
                );
            }
        }
        aligned(&rows, border)
    }
}

fn aligned(rows: &[Vec<String>], border: &str) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let lines = cells.flat_map(|cell| cell.lines());
        lines.map(|line| line.chars().count()).max().unwrap_or(0)
    };
    // The last column is as wide as what is in it.
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            if column + 1 == columns {
                0
            } else {
                width(column)
            }
        })
        .collect();
    let mut out = String::new();
    for row in rows {
        let height = row
            .iter()
            .map(|cell| cell.lines().count())
            .max()
            .unwrap_or(0);
        for line in 0..height {
            for (cell, width) in row.iter().zip(&widths) {
                let text = cell.lines().nth(line).unwrap_or_default();
                out.push_str(&format!("{text:width$}{border}"));
            }
            out.push('\n');
        }
    }
    out
}

/// `load_1m_5m_15m` of `Load\n(1m, 5m, 15m)`.
fn key(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    match words.is_empty() {
        true => title.to_owned(),
        false => words.join("_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stemcells() -> Listing {
        let mut listing = Listing::new("stemcells", &["Name", "Version", "OS", "CPI", "CID"]);
        listing.rows.push(
            [
                "bosh-warden-boshlite-debian-bookworm",
                "1.1*",
                "debian-bookworm",
                "",
                "5c550ba2-6895-4f00-4ab4-b76b885da8a1",
            ]
            .map(str::to_owned)
            .to_vec(),
        );
        listing.notes.push("(*) Currently deployed".to_owned());
        listing
    }

    #[test]
    fn a_table_has_the_recorded_bytes() {
        let recorded = "\nName                                  Version  OS               CPI  CID  \n\
            bosh-warden-boshlite-debian-bookworm  1.1*     debian-bookworm  -    5c550ba2-6895-4f00-4ab4-b76b885da8a1  \n\
            \n(*) Currently deployed\n\n1 stemcells\n";
        assert_eq!(stemcells().human(), recorded);
    }

    #[test]
    fn facts_have_the_recorded_bytes() {
        let mut listing = Listing::new("", &["Name", "Director Stemcell", "Features"]);
        listing.is_facts = true;
        let features = "config_server: disabled\nlocal_dns: enabled".to_owned();
        listing
            .rows
            .push(vec!["stock".to_owned(), "-/-".to_owned(), features]);
        let recorded = "\nName               stock  \nDirector Stemcell  -/-  \n\
            Features           config_server: disabled  \n                   local_dns: enabled  \n";
        assert_eq!(listing.human(), recorded);
    }

    #[test]
    fn columns_are_chosen_by_title_or_key() {
        let wanted = ["CID".to_owned(), "name".to_owned()];
        let only = stemcells().only(&wanted).unwrap();
        assert_eq!(only.header, ["Name", "CID"]);
        assert_eq!(only.rows[0][1], "5c550ba2-6895-4f00-4ab4-b76b885da8a1");
        let wrong = stemcells().only(&["x".to_owned()]).unwrap_err();
        assert_eq!(
            wrong,
            "There is no column 'x', but: name, version, os, cpi, cid"
        );
    }

    #[test]
    fn facts_of_many_are_set_apart_and_counted() {
        let mut listing = Listing::new("errand(s)", &["Instance", "Exit Code"]);
        listing.is_facts = true;
        for (name, code) in [("a/1", "0"), ("a/2", "1")] {
            listing.rows.push(vec![name.to_owned(), code.to_owned()]);
        }
        let expected = "\nInstance   a/1  \nExit Code  0  \n             \n\
            Instance   a/2  \nExit Code  1  \n\n2 errand(s)\n";
        assert_eq!(listing.human(), expected);
    }

    #[test]
    fn continued_rows_and_headers_of_two_lines_have_the_recorded_bytes() {
        let mut listing = Listing::new(
            "instances",
            &["Instance", "Process", "Load\n(1m, 5m, 15m)", "IPs"],
        );
        listing.title = "Deployment 'zookeeper'".to_owned();
        listing.is_continued = true;
        listing.count = Some(1);
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        listing.rows.push(row([
            "zookeeper/63fc6ae8",
            "",
            "0.73, 0.61, 0.67",
            "10.244.0.3",
        ]));
        listing.rows.push(row(["", "zookeeper", "", ""]));
        let recorded = "\nDeployment 'zookeeper'\n\n\
            Instance            Process    Load              IPs  \n\
            \u{20}                              (1m, 5m, 15m)       \n\
            zookeeper/63fc6ae8  -          0.73, 0.61, 0.67  10.244.0.3  \n\
            ~                   zookeeper  -                 -  \n\n1 instances\n";
        assert_eq!(listing.human(), recorded);
    }

    #[test]
    fn programs_get_keys_and_bare_rows() {
        assert_eq!(key("Load\n(1m, 5m, 15m)"), "load_1m_5m_15m");
        assert_eq!(key("Release(s)"), "release_s");
        assert_eq!(key("#"), "#");
        let json = stemcells().json();
        assert_eq!(json["Rows"][0]["cpi"], "");
        assert_eq!(json["Header"]["os"], "OS");
        assert_eq!(json["Notes"][0], "(*) Currently deployed");
        let bare = stemcells().bare();
        assert!(
            bare.starts_with("bosh-warden-boshlite-debian-bookworm\t1.1*\tdebian-bookworm\t-\t")
        );
    }
}
