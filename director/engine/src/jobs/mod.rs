//! Kinds of tasks, one file each.

mod clean_up;
mod cloud_check;
mod delete_deployment;
mod delete_instance;
mod delete_release;
mod delete_stemcell;
mod delete_vm;
mod deploy;
mod deploy_events;
mod disk;
mod dynamic_disks;
mod export_release;
mod fetch_logs;
mod planning;
mod resolve;
mod run_errand;
pub(crate) mod snapshots;
mod ssh;
pub(crate) mod targets;
mod update_instance;
mod update_release;
mod update_stemcell;
mod upload;
mod vm_state;

use warren_director_store::work::Work;

use crate::{Engine, Error, Task};

/// Does the work of a task; the answer is its result for people.
///
/// # Errors
/// Whatever ends the task.
pub async fn run(engine: &Engine, task: &Task, work: Work) -> Result<String, Error> {
    // Each is large while it goes on: on the heap it does not weigh on who waits for it.
    match work {
        Work::UpdateDeployment(wanted) => Box::pin(deploy::run(engine, task, &wanted)).await,
        Work::DeleteDeployment { deployment, force } => {
            Box::pin(delete_deployment::run(engine, task, &deployment, force)).await
        }
        Work::UpdateRelease(wanted) => Box::pin(update_release::run(engine, task, &wanted)).await,
        Work::DeleteRelease {
            name,
            version,
            force,
        } => {
            Box::pin(delete_release::run(
                engine,
                task,
                &name,
                version.as_deref(),
                force,
            ))
            .await
        }
        Work::ExportRelease(wanted) => Box::pin(export_release::run(engine, task, &wanted)).await,
        Work::UpdateStemcell(wanted) => Box::pin(update_stemcell::run(engine, task, &wanted)).await,
        Work::DeleteStemcell {
            name,
            version,
            force,
        } => Box::pin(delete_stemcell::run(engine, task, &name, &version, force)).await,
        Work::VmState {
            deployment,
            instances,
        } => Box::pin(vm_state::run(engine, task, &deployment, instances)).await,
        Work::FetchLogs(wanted) => Box::pin(fetch_logs::run(engine, task, &wanted)).await,
        Work::Ssh(wanted) => Box::pin(ssh::run(engine, task, &wanted)).await,
        Work::RunErrand(wanted) => Box::pin(run_errand::run(engine, task, &wanted)).await,
        Work::UpdateInstance(wanted) => Box::pin(update_instance::run(engine, task, &wanted)).await,
        Work::DeleteVm { cid } => Box::pin(delete_vm::run(engine, task, &cid)).await,
        Work::DeleteDisk { cid, orphan: true } => Box::pin(disk::orphan(engine, task, &cid)).await,
        Work::DeleteDisk { cid, orphan: false } => Box::pin(disk::delete(engine, task, &cid)).await,
        Work::AttachDisk {
            cid,
            deployment,
            job,
            instance_id,
            copy_properties,
        } => {
            let wanted = disk::Attach {
                cid: &cid,
                deployment: &deployment,
                job: &job,
                instance_id: &instance_id,
                copy_properties,
            };
            Box::pin(disk::attach(engine, task, &wanted)).await
        }
        Work::SnapshotDeployment { deployment } => {
            Box::pin(snapshots::of_deployment(engine, task, &deployment)).await
        }
        Work::CreateSnapshot {
            deployment,
            job,
            id,
        } => Box::pin(snapshots::of_instance(engine, task, &deployment, &job, &id)).await,
        Work::DeleteSnapshot { deployment, cid } => {
            Box::pin(snapshots::delete(engine, task, &deployment, &cid)).await
        }
        Work::DeleteSnapshots { deployment } => {
            Box::pin(snapshots::delete_all(engine, task, &deployment)).await
        }
        Work::DynamicDisk(wanted) => Box::pin(dynamic_disks::run(engine, task, &wanted)).await,
        Work::CleanUp {
            remove_all,
            keep_orphaned_disks,
        } => Box::pin(clean_up::run(engine, task, remove_all, keep_orphaned_disks)).await,
        Work::ScanCloud { deployment } => {
            Box::pin(cloud_check::scan(engine, task, &deployment)).await
        }
        Work::ApplyResolutions {
            deployment,
            resolutions,
            max_in_flight,
        } => {
            let apply = cloud_check::apply(engine, task, &deployment, &resolutions, &max_in_flight);
            Box::pin(apply).await
        }
        Work::ScanAndFix { deployment, jobs } => {
            Box::pin(cloud_check::scan_and_fix(engine, task, &deployment, &jobs)).await
        }
        Work::Scheduled(wanted) => Box::pin(crate::scheduled::run(engine, task, wanted)).await,
    }
}
