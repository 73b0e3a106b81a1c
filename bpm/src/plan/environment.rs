//! A process's environment: its own variables, and four more that it has not set itself.

use std::collections::BTreeMap;

use super::{Wanted, on_host};
use crate::settings::Isolation;

/// The variables.
pub(super) fn of(wanted: &Wanted<'_>) -> BTreeMap<String, String> {
    let job = wanted.name.job();
    let place = |inside: String| match wanted.isolation {
        Isolation::Container => inside,
        Isolation::Direct => on_host(wanted, &inside),
    };
    // The stock tool's is always the first, which is not there without the disk.
    let home = match wanted.process.ephemeral_disk {
        true => format!("/var/vcap/data/{job}"),
        false => format!("/var/vcap/data/{job}/tmp"),
    };
    let path = [
        place(format!("/var/vcap/jobs/{job}/bin")).as_str(),
        "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin:.",
    ]
    .join(":");
    let mut all = BTreeMap::from([
        (
            "TMPDIR".to_owned(),
            place(format!("/var/vcap/data/{job}/tmp")),
        ),
        ("LANG".to_owned(), "en_US.UTF-8".to_owned()),
        ("PATH".to_owned(), path),
        ("HOME".to_owned(), place(home)),
    ]);
    all.extend(wanted.process.env.clone());
    all
}
