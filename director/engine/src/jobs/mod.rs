//! Kinds of tasks, one file each.

mod clean_up;
mod cloud_check;
mod delete_deployment;
mod delete_release;
mod delete_stemcell;
mod delete_vm;
mod deploy;
mod disk;
mod fetch_logs;
mod planning;
mod resolve;
mod run_errand;
mod ssh;
mod targets;
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
    match work {
        Work::UpdateDeployment(wanted) => deploy::run(engine, task, &wanted).await,
        Work::DeleteDeployment { deployment, force } => {
            delete_deployment::run(engine, task, &deployment, force).await
        }
        Work::UpdateRelease(wanted) => update_release::run(engine, task, &wanted).await,
        Work::DeleteRelease {
            name,
            version,
            force,
        } => delete_release::run(engine, task, &name, version.as_deref(), force).await,
        Work::UpdateStemcell(wanted) => update_stemcell::run(engine, task, &wanted).await,
        Work::DeleteStemcell {
            name,
            version,
            force,
        } => delete_stemcell::run(engine, task, &name, &version, force).await,
        Work::VmState {
            deployment,
            instances,
        } => vm_state::run(engine, task, &deployment, instances).await,
        Work::FetchLogs(wanted) => fetch_logs::run(engine, task, &wanted).await,
        Work::Ssh(wanted) => ssh::run(engine, task, &wanted).await,
        Work::RunErrand(wanted) => run_errand::run(engine, task, &wanted).await,
        Work::UpdateInstance(wanted) => update_instance::run(engine, task, &wanted).await,
        Work::DeleteVm { cid } => delete_vm::run(engine, task, &cid).await,
        Work::DeleteDisk { cid, orphan: true } => disk::orphan(engine, task, &cid).await,
        Work::DeleteDisk { cid, orphan: false } => disk::delete(engine, task, &cid).await,
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
            disk::attach(engine, task, &wanted).await
        }
        Work::CleanUp {
            remove_all,
            keep_orphaned_disks,
        } => clean_up::run(engine, task, remove_all, keep_orphaned_disks).await,
        Work::ScanCloud { deployment } => cloud_check::scan(engine, task, &deployment).await,
        Work::ApplyResolutions {
            deployment,
            resolutions,
            // One after the other is less than any bound.
            max_in_flight: _,
        } => cloud_check::apply(engine, task, &deployment, &resolutions).await,
        Work::ScanAndFix { deployment, jobs } => {
            cloud_check::scan_and_fix(engine, task, &deployment, &jobs).await
        }
        other => Err(Error::refused(
            100,
            format!("This director cannot do '{}' yet", other.kind()),
        )),
    }
}
