//! `warren tasks`.

use warren_director_client::clock;
use warren_director_client::tasks::Filter;

use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Those that ended too: so many, the newest
    #[arg(short, long, value_name = "NUMBER", num_args = 0..=1, require_equals = true, default_missing_value = "30")]
    recent: Option<u64>,

    /// Those too that are only for reading
    #[arg(short, long)]
    all: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let filter = Filter {
            is_current: self.recent.is_none(),
            // The stock command line shows all that go on.
            is_all: self.all || self.recent.is_none(),
            deployment: session.deployment_name(),
            limit: self.recent,
        };
        let mut all = director.tasks(&filter)?;
        all.sort_by_key(|task| std::cmp::Reverse(task.id));
        let mut table = Listing::new(
            "tasks",
            &[
                "ID", "State", "Started At", "Finished At", "User", "Deployment", "Description",
                "Result",
            ],
        );
        let date = |at: Option<i64>| at.map(clock::unix_date).unwrap_or_default();
        for task in all {
            table.rows.push(vec![
                task.id.to_string(),
                task.state,
                date(task.started_at),
                date(task.timestamp),
                task.user.unwrap_or_default(),
                task.deployment.unwrap_or_default(),
                task.description.unwrap_or_default(),
                task.result.unwrap_or_default(),
            ]);
        }
        session.console.table(&table);
        Ok(0)
    }
}
