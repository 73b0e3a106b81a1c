//! A PostgreSQL beside the director: its role and database are made by the director's processes, as
//! its superuser, before anything connects.
//!
//! Whoever reaches the socket is who he says he is, so only its owner and root may; by TCP, on the
//! loopback address, a password is asked for.

use super::{File, Job, file};
use crate::Record;

pub(crate) const NAME: &str = "postgres";
pub(super) const SOCKET: &str = "/var/vcap/sys/run/postgres/.s.PGSQL.5432";
/// The director's role and database.
const ROLE: &str = "warren";
const SCRIPT: &str = "/var/vcap/jobs/postgres/bin/run";

pub(super) fn job() -> Job {
    Job {
        name: NAME,
        command: vec![SCRIPT.to_owned()],
        variables: Vec::new(),
        waits_for: None,
        stop_signal: "INT",
        // It becomes another user by itself, and keeps its files from all others.
        may_be_in_bpm: false,
    }
}

/// Where the director finds it; in its environment, for others may read command lines.
pub(super) fn variables(record: &Record) -> Vec<(&'static str, String)> {
    let password = &record.database_password;
    vec![
        (
            "WARREN_DATABASE",
            format!("postgres://{ROLE}:{password}@127.0.0.1/{ROLE}"),
        ),
        (
            "WARREN_DATABASE_ADMIN",
            "postgres://postgres@%2Fvar%2Fvcap%2Fsys%2Frun%2Fpostgres/postgres".to_owned(),
        ),
    ]
}

/// Makes the cluster the first time, and becomes the server.
pub(super) fn script() -> File {
    file(SCRIPT, 0o755, TEXT.to_owned())
}

const TEXT: &str = r#"#!/bin/sh
set -e
data=/var/vcap/store/postgres
run=/var/vcap/sys/run/postgres
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
as="setpriv --reuid=postgres --regid=postgres --init-groups"
mkdir -p $run
chown postgres: $run
if [ ! -e $data/PG_VERSION ]; then
    rm -rf $data.new
    mkdir -m 700 $data.new
    chown postgres: $data.new
    $as $bin/initdb -D $data.new --encoding=UTF8 --locale=C --auth-local=trust --auth-host=scram-sha-256 >&2
    rm -rf $data
    mv $data.new $data
fi
# What an earlier container's server left.
rm -f $data/postmaster.pid
exec $as $bin/postgres -D $data -k $run -c unix_socket_permissions=0700 -c listen_addresses=127.0.0.1
"#;
