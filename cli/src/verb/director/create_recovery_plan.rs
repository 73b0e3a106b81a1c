//! `warren create-recovery-plan`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use warren_director_client::rest::Problem as Found;
use warren_wire_manifest::yaml::{Dialect, Value, parse};

use super::problem::Problem;
use super::recovery_plan::{Group, Plan, by_group, count};
use super::session::Session;
use crate::output::Listing;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Where to write the plan; 'recover' reads it. With --non-interactive it has what is offered
    /// first for each kind of problem, which leaves it alone, and is there to be edited
    #[arg(value_name = "FILE")]
    plan: PathBuf,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let deployment = session.deployment()?;
        let problems = session.scan(&director, &deployment)?;
        if problems.is_empty() {
            session.console.line("No problems found\n");
            return Ok(0);
        }
        let groups = by_group(problems).map_err(Problem::text)?;
        let manifest = director.manifest(&deployment)?.unwrap_or_default();
        let max_in_flight = max_in_flight(&manifest)?;
        let mut plan = Plan::default();
        for (name, problems) in &groups {
            session.console.line(&format!("Instance Group '{name}'\n"));
            let now = max_in_flight.get(name).map_or("", String::as_str);
            plan.0.push(Group {
                name: name.clone(),
                resolutions: resolutions(session, problems)?,
                max_in_flight: other_count(session, name, now)?,
            });
        }
        std::fs::write(&self.plan, plan.text()).map_err(|error| {
            let step = format!("Writing recovery plan '{}'", self.plan.display());
            Problem::from(error).step(step)
        })?;
        Ok(0)
    }
}

/// What is to be done about each kind of problem.
fn resolutions(
    session: &mut Session<'_>,
    problems: &[Found],
) -> Result<BTreeMap<String, String>, Problem> {
    let mut by_kind: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for problem in problems {
        by_kind.entry(&problem.kind).or_default().push(problem);
    }
    let mut chosen = BTreeMap::new();
    for (kind, problems) in by_kind {
        let mut table = Listing::new(format!("{kind} problems"), &["#", "Description"]);
        table.title = format!("Problem type: {kind}");
        for one in &problems {
            let cells = [one.id.to_string(), one.description.clone()];
            table.rows.push(cells.to_vec());
        }
        session.console.table(&table);
        let first = problems.first().map(|one| one.resolutions.as_slice());
        let offered = first.unwrap_or_default();
        let texts: Vec<&str> = offered.iter().map(|one| one.plan.as_str()).collect();
        let at = match session.common.is_asked() {
            true => session.console.choose_of("", &texts, kind, Some(0))?,
            false => 0,
        };
        // A resolution without a name is what the director does by itself.
        let name = offered.get(at).and_then(|one| one.name.clone());
        let name = name.ok_or_else(|| {
            Problem::text(format!("The director offers no resolution of {kind} by name"))
        })?;
        chosen.insert(kind.to_owned(), name);
    }
    Ok(chosen)
}

/// How many at once, if not as many as now.
fn other_count(
    session: &mut Session<'_>,
    group: &str,
    now: &str,
) -> Result<Option<String>, Problem> {
    if !session.common.is_asked() {
        return Ok(None);
    }
    let question = format!("\nOverride current max_in_flight value of '{now}'? [yN]: ");
    if !session.console.agrees(&question)? {
        return Ok(None);
    }
    let question = format!("\nmax_in_flight override for '{group}' ({now}): ");
    let answer = session.console.ask(&question)?;
    match (answer.as_str(), now) {
        ("", "") => Ok(None),
        ("", now) => Ok(Some(now.to_owned())),
        (answer, _) => count(answer).map(Some).map_err(Problem::text),
    }
}

/// How many machines of each group a manifest lets change at once.
fn max_in_flight(manifest: &str) -> Result<BTreeMap<String, String>, Problem> {
    let document = parse(manifest, Dialect::Go)
        .map_err(|error| Problem::from(error).step("Reading the deployment's manifest"))?;
    let of = |value: &Value| match value.get("update")?.get("max_in_flight")? {
        Value::String(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    };
    let all = of(&document);
    let groups = document.get("instance_groups").and_then(Value::as_seq);
    let one = |group: &Value| {
        let name = group.get("name")?.as_str()?.to_owned();
        Some((name, of(group).or_else(|| all.clone())?))
    };
    Ok(groups.unwrap_or_default().iter().filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::max_in_flight;

    #[test]
    fn a_group_says_it_itself_or_the_manifest_does() {
        let manifest = "update: {max_in_flight: 1}\n\
            instance_groups: [{name: a, update: {max_in_flight: 50%}}, {name: b}, \
            {name: c, update: {serial: true}}, {more: 1}]";
        let found = max_in_flight(manifest).unwrap();
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(found, [("a", "50%"), ("b", "1"), ("c", "1")]);
        assert!(max_in_flight("").unwrap().is_empty());
        assert!(max_in_flight("instance_groups: {a: 1}").unwrap().is_empty());
        assert!(max_in_flight("a: [").is_err());
    }
}
