//! Pools whose workers are in a sandbox: of root, of nobody, and where the kernel refuses namespaces.

use std::time::Duration;

use serde_json::{Value, json};
use warren_director_templates::{Error, Options, Pool};
use warren_tests_harness::programs;

use crate::scene::one;

/// Becoming a user that is nobody.
const AS_NOBODY: &[&str] = &[
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

/// A user namespace whose limits allow no namespaces, seen by a `/proc` of its own.
const REFUSED: &[&str] = &[
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-ec",
    "for kind in user mnt pid net ipc; do echo 0 > /proc/sys/user/max_${kind}_namespaces; done; exec \"$@\"",
    "sh",
];

/// Each way that a worker may be started, with its name.
pub fn ways() -> [(&'static str, &'static [&'static str]); 3] {
    [("root", &[]), ("nobody", AS_NOBODY), ("bare", REFUSED)]
}

/// One worker, started by `before`.
pub fn pool_by(before: &[&str], patience: Duration) -> Pool {
    pool_with(&[], before, patience)
}

/// The same with options of the sandbox.
pub fn pool_with(options: &[&str], before: &[&str], patience: Duration) -> Pool {
    let warren = programs::warren().to_str().unwrap();
    let sandbox = [warren, "sandbox", "--memory", "512M"];
    let words = [before, &sandbox, options, &["--", "ruby"]].concat();
    Pool::new(Options {
        command: words.into_iter().map(str::to_owned).collect(),
        workers: 1,
        patience,
    })
}

/// One worker of root's.
pub fn pool() -> Pool {
    pool_by(&[], Duration::from_secs(60))
}

/// What a template says, or what is said of it.
pub async fn said(pool: &Pool, template: &str) -> String {
    match one(pool, template, context()).await {
        Ok(text) => text,
        Err(Error::Templates { job, errors }) => {
            assert_eq!((job.as_str(), errors[0].name.as_str()), ("web", "f.erb"));
            errors[0].message.clone()
        }
        Err(error) => format!("{error}"),
    }
}

/// Properties with a secret.
pub fn context() -> Value {
    json!({"properties": {"secret": "swordfish", "n": 1}})
}
