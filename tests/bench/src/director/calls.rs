//! Verbs that look, and the requests below them.

use super::scene::{DEPLOYMENT, Scene};
use super::sheet::Sheet;
use crate::figures::Samples;

const VERBS: usize = 7;
const REQUESTS: usize = 60;

/// Whole commands, from the process's start to its end.
pub fn verbs(scene: &Scene, sheet: &mut Sheet) {
    let one = format!("{DEPLOYMENT}/0");
    let directory = scene.at("logs").display().to_string();
    scene.shell(&format!("mkdir {directory}"));
    let verbs: [(&str, &[&str], &str); 5] = [
        ("`vms`, the whole command", &["vms"], "0.55 s"),
        ("`instances`", &["instances"], ""),
        ("`instances --ps`", &["instances", "--ps"], "0.56 s"),
        ("`ssh -c true`", &["ssh", &one, "-c", "true"], "0.86 s"),
        ("`logs`", &["logs", &one, "--dir", &directory], "2.1 s"),
    ];
    for (what, arguments, stock) in verbs {
        sheet.seconds(what, &scene.times(VERBS, arguments), stock);
    }
}

/// Requests with a new TLS connection each, without the time that curl takes to start.
pub fn requests(scene: &Scene, sheet: &mut Sheet) {
    let requests = [
        ("/info", "5.1 / 5.9 ms"),
        ("/deployments", "8.1 / 10.1 ms"),
        ("/tasks", "7.4 / 9.6 ms"),
        ("/deployments/zookeeper/vms", "10.0 / 13.8 ms"),
    ];
    let authority = scene.at("ca.pem").display().to_string();
    scene.shell(&scene.to_director(&format!("printf %s \"$BOSH_CA_CERT\" >{authority}")));
    for (path, stock) in requests {
        // The password goes by a file: what is in a command line, everybody may read.
        let script = format!(
            "printf 'user = \"%s:%s\"\\n' $BOSH_CLIENT $BOSH_CLIENT_SECRET >{config}; \
             chmod 600 {config}; for i in $(seq {REQUESTS}); do curl -sSf -K {config} --cacert {authority} \
             -o /dev/null -w '%{{time_total}}\\n' $BOSH_ENVIRONMENT{path} || exit 1; done",
            config = scene.at("curl.config").display(),
        );
        let seconds = Samples::read(&scene.shell(&scene.to_director(&script)));
        let samples = Samples(seconds.0.iter().map(|one| one * 1e3).collect());
        let what = format!("GET {path}, a new TLS connection each, p50 / p95");
        sheet.milliseconds(&what, &samples, stock);
    }
}
