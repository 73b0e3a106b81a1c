//! Aligned columns in the bosh CLI's style: two spaces after each cell, `-` for nothing.

use std::io::{self, Write};

/// A header and rows of equal length.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
    has_header: bool,
}

impl Table {
    /// A table with these column titles.
    pub fn new(titles: &[&str]) -> Self {
        Table {
            rows: vec![titles.iter().map(ToString::to_string).collect()],
            has_header: true,
        }
    }

    /// A table of names and values, without titles.
    pub fn facts() -> Self {
        Table::default()
    }

    /// Adds a row; an empty cell is shown as `-`, lines within a cell below each other.
    pub fn row<I: IntoIterator<Item = String>>(&mut self, cells: I) {
        let shown = |cell: String| {
            if cell.is_empty() {
                "-".to_owned()
            } else {
                cell
            }
        };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// Whether there is any row but the titles.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == usize::from(self.has_header)
    }

    /// Writes the rows, each cell padded to its column.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let lines = self
                .rows
                .iter()
                .filter_map(|row| row.get(column))
                .flat_map(|c| c.lines());
            lines.map(|line| line.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let height = row
                .iter()
                .map(|cell| cell.lines().count())
                .max()
                .unwrap_or(0);
            for line in 0..height {
                for (cell, width) in row.iter().zip(&widths) {
                    let text = cell.lines().nth(line).unwrap_or_default();
                    write!(to, "{text:width$}  ")?;
                }
                writeln!(to)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_padded_and_cells_may_have_lines() {
        let mut table = Table::new(&["Name", "Value"]);
        table.row(["a".to_owned(), String::new()]);
        table.row(["long name".to_owned(), "one\ntwo".to_owned()]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let expected =
            "Name       Value  \na          -      \nlong name  one    \n           two    \n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
