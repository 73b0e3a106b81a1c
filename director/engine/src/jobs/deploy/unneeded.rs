//! Instances that the manifest does not want any more.

use warren_director_plan::Draft;
use warren_director_store::instances;

use crate::event_log::Stage;
use crate::jobs::delete_instance::{self, Deletion};
use crate::jobs::planning::{DeployTask, Known};
use crate::{Error, dns, many};

impl DeployTask<'_> {
    /// Deletes instances of groups that are gone.
    pub(super) async fn delete_obsolete(&self, known: &Known, draft: &Draft) -> Result<(), Error> {
        let gone: Vec<instances::Instance> = known
            .rows
            .instances
            .iter()
            .filter(|row| draft.obsolete.contains(&row.id))
            .cloned()
            .collect();
        let stage = Stage::new(self.task, "Deleting unneeded instances", gone.len(), &[]);
        self.delete_instances(stage, gone, self.engine.config.max_threads)
            .await
    }

    pub(super) async fn delete_instances(
        &self,
        stage: Stage,
        gone: Vec<instances::Instance>,
        at_once: usize,
    ) -> Result<(), Error> {
        if gone.is_empty() {
            return Ok(());
        }
        many::each(gone, at_once, |row| {
            let stage = stage.clone();
            async move {
                let title = format!("{} ({})", row.name(), row.index_number);
                stage
                    .run(&title, |_| {
                        let how = Deletion {
                            force: false,
                            skip_drain: self.skips_drain(&row.job),
                            of_deployment: false,
                        };
                        let (engine, task, row) = (self.engine, self.task, &row);
                        async move { delete_instance::run(engine, task, row, how).await }
                    })
                    .await
            }
        })
        .await?;
        dns::broadcast(self.engine, self.task).await
    }
}
