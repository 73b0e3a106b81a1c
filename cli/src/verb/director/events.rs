//! `warren events`.

use serde_json::Value;
use warren_director_client::rest::HistoryEvent;
use warren_director_client::{Query, clock};

use crate::output::Listing;

/// Its columns.
pub const HEADER: [&str; 11] = [
    "ID", "Time", "User", "Action", "Object Type", "Object Name", "Task ID", "Deployment",
    "Instance", "Context", "Error",
];

/// An event as cells.
pub fn row(event: HistoryEvent) -> Vec<String> {
    let id = match &event.parent_id {
        Some(parent) => format!("{} <- {parent}", event.id),
        None => event.id.clone(),
    };
    let context = match event.context.is_empty() {
        true => String::new(),
        false => yaml_text::of(&Value::Object(event.context.into_iter().collect())),
    };
    vec![
        id,
        clock::unix_date(event.timestamp),
        event.user.unwrap_or_default(),
        event.action.unwrap_or_default(),
        event.object_type.unwrap_or_default(),
        event.object_name.unwrap_or_default(),
        event.task.unwrap_or_default(),
        event.deployment.unwrap_or_default(),
        event.instance.unwrap_or_default(),
        context,
        event.error.unwrap_or_default(),
    ]
}

use super::problem::Problem;
use super::session::Session;
use super::yaml_text;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only older than the event of this number
    #[arg(long, value_name = "ID")]
    before_id: Option<String>,

    /// Only before this time
    #[arg(long, value_name = "TIME")]
    before: Option<String>,

    /// Only after this time
    #[arg(long, value_name = "TIME")]
    after: Option<String>,

    /// Only of this task
    #[arg(long, value_name = "ID")]
    task: Option<String>,

    /// Only of this instance
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<String>,

    /// Only by this user
    #[arg(long, value_name = "USER")]
    event_user: Option<String>,

    /// Only of this action
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,

    /// Only to this kind of thing
    #[arg(long, value_name = "TYPE")]
    object_type: Option<String>,

    /// Only to this thing
    #[arg(long, value_name = "NAME")]
    object_name: Option<String>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let deployment = session.deployment_name();
        let filter = Query::new()
            .some("before_id", self.before_id.as_deref())
            .some("before_time", self.before.as_deref())
            .some("after_time", self.after.as_deref())
            .some("deployment", deployment.as_deref())
            .some("task", self.task.as_deref())
            .some("instance", self.instance.as_deref())
            .some("user", self.event_user.as_deref())
            .some("action", self.action.as_deref())
            .some("object_type", self.object_type.as_deref())
            .some("object_name", self.object_name.as_deref());
        let mut table = Listing::new("events", &HEADER);
        table.rows.extend(director.events(&filter)?.into_iter().map(row));
        session.console.table(&table);
        Ok(0)
    }
}
