//! All endpoints, a file for each group that shares its rows.

mod certificates;
mod cleanup;
mod config_content;
mod config_diffs;
mod configs;
mod deploy;
mod deployed_variables;
mod deployment_diff;
mod deployments;
mod disks;
mod dynamic_disks;
mod errands;
mod events;
mod external_links;
mod info;
mod instance_actions;
mod instances;
mod job_state;
mod jobs;
mod links;
mod locks;
mod logs;
mod networks;
mod old_configs;
mod packages;
mod problems;
mod releases;
mod resources;
mod resurrection;
mod snapshots;
mod ssh;
mod stemcells;
mod task_output;
mod tasks;
mod uploads;
mod variables;
mod vms;

use axum::http::Method;

use crate::route::Route;

/// An endpoint, for whoever wants to try them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its method.
    pub method: Method,
    /// Its path; parts of `:name` stand for anything.
    pub pattern: &'static str,
    /// The content type that its requests must have; `None` if any will do.
    pub content_type: Option<&'static str>,
}

/// Every endpoint behind the door, as requests are compared with them.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    let routes = all().into_iter();
    let endpoints = routes.map(|route| Endpoint {
        method: route.method,
        pattern: route.pattern,
        content_type: route.takes.content_type(),
    });
    endpoints.collect()
}

/// Every route; of several that fit, the first counts.
pub(crate) fn all() -> Vec<Route> {
    [
        certificates::routes(),
        cleanup::routes(),
        config_diffs::routes(),
        configs::routes(),
        deploy::routes(),
        deployed_variables::routes(),
        deployment_diff::routes(),
        deployments::routes(),
        disks::routes(),
        dynamic_disks::routes(),
        errands::routes(),
        events::routes(),
        external_links::routes(),
        info::routes(),
        instance_actions::routes(),
        instances::routes(),
        job_state::routes(),
        jobs::routes(),
        links::routes(),
        locks::routes(),
        logs::routes(),
        networks::routes(),
        old_configs::routes(),
        packages::routes(),
        problems::routes(),
        releases::routes(),
        resources::routes(),
        resurrection::routes(),
        snapshots::routes(),
        ssh::routes(),
        stemcells::routes(),
        task_output::routes(),
        tasks::routes(),
        uploads::routes(),
        variables::routes(),
        vms::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
