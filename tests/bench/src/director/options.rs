//! Flags of `director`.

use std::path::PathBuf;

/// What is measured with what.
#[derive(Debug, Clone)]
pub struct Options {
    /// At which level the director is.
    pub depth: usize,
    /// What keeps its rows: the word for `warren up --database`.
    pub database: String,
    /// The root file system of all containers; one of Debian packages is made if none is given.
    pub directory: Option<PathBuf>,
    /// The ZooKeeper release; made as the quickstart does if none is given.
    pub release: Option<PathBuf>,
    /// How many small machines there are to be at once.
    pub small: usize,
}

impl Options {
    /// Reads the words after `director`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(words: &[&str]) -> Result<Self, String> {
        let mut options = Self {
            depth: 1,
            database: "sqlite".to_owned(),
            directory: None,
            release: None,
            small: 50,
        };
        let mut words = words.iter();
        while let Some(flag) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| format!("{flag} needs a value"))?;
            let number = || {
                let number = value.parse().ok().filter(|number| *number > 0);
                number.ok_or_else(|| format!("{flag} needs a number, not {value:?}"))
            };
            match *flag {
                "--depth" => options.depth = number()?,
                "--database" if matches!(*value, "sqlite" | "postgres") => {
                    options.database = (*value).to_owned();
                }
                "--small" => options.small = number()?,
                "--directory" => options.directory = Some(absolute(value)?),
                "--release" => options.release = Some(absolute(value)?),
                other => return Err(format!("what is {other} {value}?")),
            }
        }
        Ok(options)
    }
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    std::fs::canonicalize(path).map_err(|error| format!("{path}: {error}"))
}
