//! `warren recover`.

use std::path::PathBuf;

use super::problem::Problem;
use super::recovery_plan::{ByGroup, Plan, by_group};
use super::session::Session;
use crate::output::Listing;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// A plan that 'create-recovery-plan' wrote. Problems that it does not name are left alone
    #[arg(value_name = "FILE")]
    plan: PathBuf,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let deployment = session.deployment()?;
        let plan = self.read()?;
        let problems = session.scan(&director, &deployment)?;
        if problems.is_empty() {
            session.console.line("No problems found\n");
            return Ok(0);
        }
        let groups = by_group(problems).map_err(Problem::text)?;
        plan.check(&groups).map_err(|error| self.wrong(error))?;
        summary(session, &plan, &groups);
        session.console.confirms(session.common.is_asked())?;
        let id = director.resolve(&deployment, &plan.answers(&groups), &plan.overrides())?;
        session.wait(&director, id)?;
        Ok(0)
    }

    fn read(&self) -> Result<Plan, Problem> {
        let text = std::fs::read_to_string(&self.plan);
        let text = text.map_err(|error| self.wrong(error.to_string()))?;
        Plan::parse(&text).map_err(|error| self.wrong(error))
    }

    fn wrong(&self, error: String) -> Problem {
        Problem::text(error).step(format!("Reading recovery plan '{}'", self.plan.display()))
    }
}

/// What will be done.
fn summary(session: &mut Session<'_>, plan: &Plan, groups: &ByGroup) {
    for (name, problems) in groups {
        let mut table = Listing::new("", &["#", "Planned resolution", "Description"]);
        table.title = format!("Instance Group '{name}' plan summary");
        let count = plan.group(name).and_then(|one| one.max_in_flight.as_ref());
        if let Some(count) = count {
            let text = format!(" (max_in_flight override: {count})");
            table.title.push_str(&text);
        }
        for one in problems {
            let planned = plan.shown(one).to_owned();
            let cells = [one.id.to_string(), planned, one.description.clone()];
            table.rows.push(cells.to_vec());
        }
        session.console.table(&table);
    }
}
