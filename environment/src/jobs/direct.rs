//! Processes that run as they are, as root, in the director's own container.

use super::{File, Job, file, service};

pub(super) fn files(job: &Job) -> Vec<File> {
    let name = job.name;
    let ctl = format!("/var/vcap/jobs/{name}/bin/ctl");
    let pidfile = format!("/var/vcap/sys/run/{name}/{name}.pid");
    // What may hold secrets is for root alone.
    let mode = if job.variables.is_empty() {
        0o755
    } else {
        0o700
    };
    vec![
        service(
            name,
            &pidfile,
            &format!("{ctl} start"),
            &format!("{ctl} stop"),
        ),
        file(&ctl, mode, script(job)),
    ]
}

/// The pid is the program's own: it is written by the shell that becomes it.
fn script(job: &Job) -> String {
    let command: Vec<String> = job.command.iter().map(|word| quoted(word)).collect();
    let variables = job.variables.iter();
    let variables: String = variables
        .map(|(name, value)| format!("    export {name}={}\n", quoted(value)))
        .collect();
    let wait = job.waits_for.map_or_else(String::new, |socket| {
        format!("    until [ -S {socket} ]; do sleep 0.1; done\n")
    });
    SCRIPT
        .replace("FIRST\n", &format!("{variables}{wait}"))
        .replace("NAME", job.name)
        .replace("SIGNAL", job.stop_signal)
        .replace("COMMAND", &command.join(" "))
}

const SCRIPT: &str = r#"#!/bin/sh
# Starts and stops NAME.
run=/var/vcap/sys/run/NAME
log=/var/vcap/sys/log/NAME
mkdir -p $run $log
case $1 in
start)
FIRST
    setsid sh -c 'echo $$ >"$0" && exec "$@"' $run/NAME.pid COMMAND \
        >>$log/NAME.log 2>&1 </dev/null &
    ;;
stop)
    pid=$(cat $run/NAME.pid) || exit 0
    kill -SIGNAL $pid 2>/dev/null
    tries=200
    while [ $tries -gt 0 ] && kill -0 $pid 2>/dev/null; do
        tries=$((tries - 1))
        sleep 0.1
    done
    kill -KILL $pid 2>/dev/null
    rm -f $run/NAME.pid
    ;;
*)
    echo "usage: $0 start|stop" >&2
    exit 2
    ;;
esac
"#;

/// A word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
