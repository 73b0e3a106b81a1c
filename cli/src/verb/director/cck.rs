//! `warren cloud-check`.

use std::collections::BTreeMap;

use warren_director_client::rest::Problem as Found;

use super::problem::Problem;
use super::session::Session;
use crate::output::Listing;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only tell
    #[arg(short, long)]
    report: bool,

    /// Do what the director thinks best
    #[arg(short, long)]
    auto: bool,

    /// Do this wherever it can be done
    #[arg(long, value_name = "NAME")]
    resolution: Vec<String>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let deployment = session.deployment()?;
        let problems = session.scan(&director, &deployment)?;
        let mut table = Listing::new("problems", &["#", "Type", "Description"]);
        for one in &problems {
            let cells = [one.id.to_string(), one.kind.clone(), one.description.clone()];
            table.rows.push(cells.to_vec());
        }
        session.console.table(&table);
        if problems.is_empty() {
            return Ok(0);
        }
        if self.report {
            return Err(Problem::text(format!("{} problem(s) found", problems.len())));
        }
        let mut chosen = BTreeMap::new();
        for problem in &problems {
            let by_flag = problem.resolutions.iter().filter_map(|one| one.name.clone());
            let mut by_flag = by_flag.filter(|name| self.resolution.contains(name));
            let choice = match (self.auto, by_flag.next()) {
                (_, Some(name)) => Some(name),
                (true, None) => None,
                (false, None) if session.common.is_asked() => ask(session, problem)?,
                (false, None) => Some("ignore".to_owned()),
            };
            chosen.insert(problem.id, choice);
        }
        session.console.confirms(session.common.is_asked())?;
        let id = director.resolve(&deployment, &chosen, &BTreeMap::new())?;
        session.wait(&director, id)?;
        Ok(0)
    }
}

/// Which resolution the user wants.
fn ask(session: &mut Session<'_>, problem: &Found) -> Result<Option<String>, Problem> {
    let texts: Vec<&str> = problem.resolutions.iter().map(|one| one.plan.as_str()).collect();
    let title = format!("\n{}", problem.description);
    let at = session.console.choose_of(&title, &texts, "Resolution", None)?;
    let chosen = problem.resolutions.get(at);
    Ok(chosen.and_then(|one| one.name.clone()))
}
