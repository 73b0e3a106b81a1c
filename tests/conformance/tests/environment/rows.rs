//! Rows of `warren status`, as programs and as people get them.
//!
//! They are asked for until they are as expected: on a busy machine a part may take longer to answer
//! than `status` waits for it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use warren_tests_conformance::environment::{PATIENCE, command, text};

use crate::scene::Scene;

/// What is not built yet: there is nothing to look at, and nowhere.
const NOT_BUILT: [&str; 2] = ["UAA", "Health monitor"];

/// Whether rows are as expected; if not, why.
pub type Checked = Result<(), String>;

/// All rows that there are now.
pub struct Rows {
    rows: Vec<Value>,
    human: Option<String>,
}

impl Scene {
    /// Asks for rows until they are as expected.
    #[track_caller]
    pub fn until_rows(&self, expected: impl Fn(&Rows) -> Checked) {
        self.until_checked(false, expected);
    }

    /// The same with both outputs.
    #[track_caller]
    pub fn until_rows_both_ways(&self, expected: impl Fn(&Rows) -> Checked) {
        self.until_checked(true, expected);
    }

    #[track_caller]
    fn until_checked(&self, is_both: bool, expected: impl Fn(&Rows) -> Checked) {
        let end = Instant::now() + PATIENCE;
        while let Err(wrong) = expected(&self.rows_now(is_both)) {
            assert!(Instant::now() < end, "{wrong}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn rows_now(&self, is_both: bool) -> Rows {
        let done = self.try_shell(&command(&["status", "--json"]));
        let rows: Vec<Value> = serde_json::from_str(&done.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", done.stdout, done.stderr));
        let fails = rows.iter().any(|row| row["state"] == "failing");
        assert_eq!(done.code, i32::from(fails), "{}", done.stdout);
        let human = is_both.then(|| self.try_shell(&command(&["status"])).stdout);
        Rows { rows, human }
    }
}

/// An error unless something holds.
fn holds(is_so: bool, what: &str, about: &impl std::fmt::Debug) -> Checked {
    match is_so {
        true => Ok(()),
        false => Err(format!("not so: {what}: {about:?}")),
    }
}

/// A latency as people see it: milliseconds with a digit behind the point.
fn is_latency(text: &str) -> bool {
    let number = text
        .strip_suffix(" ms")
        .and_then(|text| text.split_once('.'));
    number.is_some_and(|(whole, rest)| {
        !whole.is_empty() && rest.len() == 1 && [whole, rest].concat().parse::<u64>().is_ok()
    })
}

fn has_latency(row: &Value) -> bool {
    row["milliseconds"].as_f64().is_some_and(|ms| ms > 0.0)
}

impl Rows {
    fn row(&self, component: &str, level: Option<usize>) -> Result<&Value, String> {
        let is_it = |row: &&Value| {
            row["component"] == component && level.is_none_or(|level| row["level"] == level)
        };
        let found = self.rows.iter().find(is_it);
        found.ok_or_else(|| format!("no {component} at {level:?}: {:?}", self.rows))
    }

    /// The cells of a line, if lines were asked for.
    fn cells(&self, component: &str, level: &str) -> Result<Option<Vec<String>>, String> {
        let Some(human) = self.human.as_deref() else {
            return Ok(None);
        };
        let cells = |line: &str| {
            let cells = line.split("  ").map(str::trim);
            let cells = cells.filter(|cell| !cell.is_empty());
            cells.map(str::to_owned).collect::<Vec<String>>()
        };
        let mut lines = human.lines().map(cells).filter(|cells| cells.len() >= 5);
        let found = lines.find(|cells| cells[0] == component && cells[1] == level);
        let missing = || format!("no {component} at {level}: {human}");
        Ok(Some(found.ok_or_else(missing)?))
    }

    /// Whether a part fails at a level, with this in its cause, and its log is one that is there and has
    /// this name's end; or it has none.
    pub fn fails(&self, component: &str, level: usize, cause: &str, log: Option<&str>) -> Checked {
        let row = self.row(component, Some(level))?;
        holds(row["state"] == "failing", "it fails", row)?;
        holds(has_latency(row), "it has a latency", row)?;
        holds(text(row, "note").contains(cause), cause, row)?;
        let path = row["log"].as_str();
        let is_named = match (log, path) {
            (Some(log), Some(path)) => path.ends_with(log) && Path::new(path).exists(),
            (log, path) => log.is_none() && path.is_none(),
        };
        holds(is_named, &format!("its log is {log:?}"), row)?;
        let Some(cells) = self.cells(component, &level.to_string())? else {
            return Ok(());
        };
        let notes = cells[4..].join("  ");
        let is_told = cells[2] == "FAILING" && is_latency(&cells[3]) && notes.contains(cause);
        holds(is_told, "people are told as well", &cells)?;
        let has_log = match path {
            Some(path) => notes.ends_with(&format!("; see {path}")),
            None => !notes.contains("; see /"),
        };
        holds(has_log, "people are told of its log", &cells)
    }

    /// Whether a part works, with this in what was found.
    pub fn works(&self, component: &str, found: &str) -> Checked {
        let row = self.row(component, None)?;
        holds(row["state"] == "working", "it works", row)?;
        holds(text(row, "note").contains(found), found, row)
    }

    /// Whether each part that is built works or is not used, and says at which level, how long it took to
    /// see that, and no log.
    pub fn all_good(&self, depth: u64) -> Checked {
        for row in &self.rows {
            self.good(row, depth)?;
        }
        let gardens = self.rows.iter().filter(|row| row["component"] == "Garden");
        let has_all = u64::try_from(gardens.count()) == Ok(depth);
        holds(has_all, "each level has a Garden", &self.rows)
    }

    fn good(&self, row: &Value, depth: u64) -> Checked {
        let component = text(row, "component");
        holds(row["log"].is_null(), "no log is named", row)?;
        if NOT_BUILT.contains(&&*component) {
            let is_nothing = row["level"].is_null() && row["milliseconds"].is_null();
            let is_so = row["state"] == "not-built" && is_nothing;
            holds(is_so, "it is not built", row)?;
            let cells = self.cells(&component, "-")?;
            let is_told = cells.is_none_or(|cells| cells[2..4] == ["not built", "-"]);
            return holds(is_told, "people are told that it is not", row);
        }
        let state = row["state"].as_str().unwrap_or_default();
        let is_good = matches!(state, "working" | "unused") && !text(row, "note").is_empty();
        holds(is_good && has_latency(row), "it is good", row)?;
        // A Garden server is at each level but the innermost, all else there.
        let level = row["level"].as_u64().ok_or_else(|| row.to_string())?;
        let is_there = match component.as_str() {
            "Garden" => level < depth,
            "Executable" => level == 0,
            _ => level == depth,
        };
        holds(is_there, "it is where it should be", row)?;
        let cells = self.cells(&component, &level.to_string())?;
        let is_told = cells.is_none_or(|cells| cells[2] == state && is_latency(&cells[3]));
        holds(is_told, "people are told as well", row)
    }
}
