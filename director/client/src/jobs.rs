//! What is done to instances: starting, stopping, errands, SSH users, logs.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::deployments::text;
use crate::error::Stepped;
use crate::http::{self, Body, Method};
use crate::{Director, Error, Query, path_segment};

/// Which instances: all, those of a group, or one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slug {
    /// The group; none is all.
    pub group: Option<String>,
    /// Id or index in it; none is all.
    pub id: Option<String>,
}

impl Slug {
    /// From nothing, `GROUP` or `GROUP/ID`.
    pub fn parse(text: &str) -> Option<Self> {
        let given = |part: &str| (!part.is_empty()).then(|| part.to_owned());
        match text.split_once('/') {
            None => Some(Self {
                group: given(text),
                id: None,
            }),
            Some((group, id)) if !id.contains('/') => Some(Self {
                group: Some(given(group)?),
                id: Some(given(id)?),
            }),
            Some(_) => None,
        }
    }
}

/// How a state is changed.
#[derive(Debug, Clone, Default)]
pub struct ChangeOptions {
    /// Without draining.
    pub skip_drain: bool,
    /// VMs whose agents do not answer anew.
    pub fix: bool,
    /// Plan only.
    pub dry_run: bool,
    /// A number, or `N%`.
    pub canaries: Option<String>,
    /// A number, or `N%`.
    pub max_in_flight: Option<String>,
    /// Only VMs that are older, RFC 3339.
    pub vms_created_before: Option<String>,
}

/// How to run an errand.
#[derive(Debug, Clone, Default)]
pub struct ErrandOptions {
    /// Leaves its VM.
    pub keep_alive: bool,
    /// Not if nothing changed since it ran last.
    pub when_changed: bool,
    /// Only on these.
    pub instances: Vec<Slug>,
}

/// What came out of an errand on one instance.
#[derive(Debug, Clone, Deserialize)]
pub struct ErrandResult {
    /// Where it ran.
    #[serde(default)]
    pub instance: Option<ErrandInstance>,
    /// How it ended.
    pub exit_code: i64,
    /// What it wrote.
    #[serde(default)]
    pub stdout: String,
    /// What it wrote.
    #[serde(default)]
    pub stderr: String,
    /// Its logs.
    #[serde(default)]
    pub logs: Option<Blob>,
}

/// Where an errand ran.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ErrandInstance {
    /// The group.
    #[serde(default)]
    pub group: String,
    /// Its id.
    #[serde(default)]
    pub id: String,
}

/// A file that a director keeps.
#[derive(Debug, Clone, Deserialize)]
pub struct Blob {
    /// Its name.
    #[serde(default)]
    pub blobstore_id: Option<String>,
    /// Its digest, of one algorithm or several.
    #[serde(default)]
    pub sha1: Option<String>,
}

/// Where a user for SSH was made.
#[derive(Debug, Clone, Deserialize)]
pub struct SshHost {
    /// `success` or not.
    #[serde(default)]
    pub status: Option<String>,
    /// The address.
    #[serde(default)]
    pub ip: Option<String>,
    /// The host's key, `TYPE KEY`.
    #[serde(default)]
    pub host_public_key: Option<String>,
    /// Instance.
    #[serde(default)]
    pub id: Option<String>,
    /// Instance.
    #[serde(default)]
    pub index: Option<i64>,
    /// Group.
    #[serde(default)]
    pub job: Option<String>,
    /// Where to go through.
    #[serde(default)]
    pub gateway_host: Option<String>,
    /// As whom.
    #[serde(default)]
    pub gateway_user: Option<String>,
}

impl Director {
    /// Changes the state of instances (`started`, `stopped`, `detached`, `restart`, `recreate`) by a
    /// deploy; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn change_state(
        &self,
        deployment: &str,
        slug: &Slug,
        state: &str,
        options: &ChangeOptions,
    ) -> Result<u64, Error> {
        let group = path_segment(slug.group.as_deref().unwrap_or("*"));
        let id = slug
            .id
            .as_deref()
            .map(|id| format!("/{}", path_segment(id)));
        let is_one = id.is_some();
        let query = Query::new()
            .with("state", state)
            .flag("skip_drain", options.skip_drain)
            .flag("fix", options.fix)
            .flag("dry_run", options.dry_run)
            .some("canaries", options.canaries.as_deref().filter(|_| !is_one))
            .some(
                "max_in_flight",
                options.max_in_flight.as_deref().filter(|_| !is_one),
            )
            .some(
                "recreate_vms_created_before",
                options.vms_created_before.as_deref().filter(|_| !is_one),
            );
        let path = format!(
            "/deployments/{}/jobs/{group}{}{}",
            path_segment(deployment),
            id.unwrap_or_default(),
            query.as_str()
        );
        self.start(Method::Put, &path, text(""))
            .step(|| "Changing state".to_owned())
    }

    /// Changes one instance without a deploy (`start`, `stop`, `restart`, `recreate`); the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn act(
        &self,
        deployment: &str,
        (group, id): (&str, &str),
        action: &str,
        (skip_drain, hard, fix): (bool, bool, bool),
    ) -> Result<u64, Error> {
        let query = Query::new()
            .flag("skip_drain", skip_drain)
            .flag("hard", hard)
            .flag("ignore_unresponsive_agent", fix);
        let path = format!(
            "/deployments/{}/instance_groups/{}/{}/actions/{action}{}",
            path_segment(deployment),
            path_segment(group),
            path_segment(id),
            query.as_str()
        );
        self.start(Method::Post, &path, Body::None)
            .step(|| format!("Performing '{action}' on '{group}/{id}'"))
    }

    /// Has deploys leave an instance as it is, or not any more.
    ///
    /// # Errors
    /// [`Error`].
    pub fn ignore(
        &self,
        deployment: &str,
        (group, id): (&str, &str),
        is_ignored: bool,
    ) -> Result<(), Error> {
        let path = format!(
            "/deployments/{}/instance_groups/{}/{}/ignore",
            path_segment(deployment),
            path_segment(group),
            path_segment(id),
        );
        let body = json!({"ignore": is_ignored}).to_string().into_bytes();
        self.send(Method::Put, &path, Body::Text("application/json", body))
            .map(drop)
            .step(|| {
                let what = if is_ignored { "ignore" } else { "unignore" };
                format!(
                    "Changing ignore state of '{group}/{id}' in deployment '{deployment}' to {what}"
                )
            })
    }

    /// Names of errands.
    ///
    /// # Errors
    /// [`Error`].
    pub fn errands(&self, deployment: &str) -> Result<Vec<String>, Error> {
        let path = format!("/deployments/{}/errands", path_segment(deployment));
        let all: Vec<crate::stemcells::Named> =
            self.get(&path).step(|| "Finding errands".to_owned())?;
        Ok(all.into_iter().map(|errand| errand.name).collect())
    }

    /// Starts an errand; the task, whose result is a list of [`ErrandResult`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn run_errand(
        &self,
        deployment: &str,
        errand: &str,
        options: &ErrandOptions,
    ) -> Result<u64, Error> {
        let instances = options.instances.iter().map(|slug| match &slug.id {
            Some(id) => json!({"group": slug.group, "id": id}),
            None => json!({"group": slug.group}),
        });
        let body = json!({
            "keep-alive": options.keep_alive,
            "when-changed": options.when_changed,
            "instances": instances.collect::<Vec<Value>>(),
        });
        let path = format!(
            "/deployments/{}/errands/{}/runs",
            path_segment(deployment),
            path_segment(errand)
        );
        let body = Body::Text("application/json", body.to_string().into_bytes());
        self.start(Method::Post, &path, body)
            .step(|| format!("Running errand '{errand}'"))
    }

    /// Has logs packed; the task, whose `result` is the name of a file for
    /// [`download`](Self::download). `kinds`: `job`, `agent`, `system`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn fetch_logs(
        &self,
        deployment: &str,
        slug: &Slug,
        kinds: &[&str],
        filters: &[String],
    ) -> Result<u64, Error> {
        let query = Query::new()
            .with("type", &kinds.join(","))
            .some("filters", Some(&filters.join(",")));
        let path = format!(
            "/deployments/{}/jobs/{}/{}/logs{}",
            path_segment(deployment),
            path_segment(slug.group.as_deref().unwrap_or("*")),
            path_segment(slug.id.as_deref().unwrap_or("*")),
            query.as_str()
        );
        self.start(Method::Get, &path, Body::None)
            .step(|| "Fetching logs".to_owned())
    }

    /// Writes a file that the director keeps; its length.
    ///
    /// # Errors
    /// [`Error`].
    pub fn download(&self, id: &str, to: &mut dyn std::io::Write) -> Result<u64, Error> {
        let path = format!("/resources/{}", path_segment(id));
        let step = || format!("Downloading resource '{id}'");
        let answer = self.ask(&path, &[]).and_then(http::good).step(step)?;
        let mut body = answer.into_body().into_reader();
        std::io::copy(&mut body, to)
            .map_err(|source| Error::Read { path, source })
            .step(step)
    }

    /// Makes a user for SSH; the task, whose result is a list of [`SshHost`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn set_up_ssh(
        &self,
        deployment: &str,
        slug: &Slug,
        user: &str,
        public_key: &str,
    ) -> Result<u64, Error> {
        let params = json!({"user": user, "public_key": public_key});
        self.ssh(deployment, slug, "setup", &params)
            .step(|| "Setting up SSH".to_owned())
    }

    /// Removes a user for SSH; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn clean_up_ssh(&self, deployment: &str, slug: &Slug, user: &str) -> Result<u64, Error> {
        let params = json!({"user_regex": format!("^{user}")});
        self.ssh(deployment, slug, "cleanup", &params)
            .step(|| "Cleaning up SSH".to_owned())
    }

    fn ssh(
        &self,
        deployment: &str,
        slug: &Slug,
        command: &str,
        params: &Value,
    ) -> Result<u64, Error> {
        let ids: Vec<&String> = slug.id.iter().collect();
        let mut target = json!({"indexes": ids, "ids": ids});
        if let (Some(group), Some(fields)) = (&slug.group, target.as_object_mut()) {
            fields.insert("job".to_owned(), group.clone().into());
        }
        let body = json!({
            "deployment_name": deployment,
            "command": command,
            "target": target,
            "params": params,
        });
        let body = Body::Text("application/json", body.to_string().into_bytes());
        let path = format!("/deployments/{}/ssh", path_segment(deployment));
        self.start(Method::Post, &path, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_named_by_group_and_id() {
        let slug = |group: &str, id: Option<&str>| Slug {
            group: Some(group.to_owned()),
            id: id.map(str::to_owned),
        };
        assert_eq!(Slug::parse(""), Some(Slug::default()));
        assert_eq!(Slug::parse("web"), Some(slug("web", None)));
        assert_eq!(Slug::parse("web/0"), Some(slug("web", Some("0"))));
        for wrong in ["web/", "/0", "a/b/c"] {
            assert_eq!(Slug::parse(wrong), None, "{wrong}");
        }
    }
}
