//! A deployment from nothing to nothing.

use warren_tests_harness::Leaks;

use crate::release::manifest;
use crate::scene::Scene;

/// `everywhere` shows a token that every deployment gets.
const EVERYWHERE: &[(&str, &str)] = &[
    ("config/final.yml", "---\nname: everywhere\n"),
    ("config/blobs.yml", "--- {}\n"),
    (
        "jobs/everywhere/spec",
        "---\nname: everywhere\ntemplates: {token: token, large: large}\npackages: []\n\
         properties: {token: {}}\n",
    ),
    ("jobs/everywhere/monit", ""),
    (
        "jobs/everywhere/templates/token",
        "<%= p('token') %> <%= spec.deployment %>\n",
    ),
    // More than buses carry that nobody has told to carry more.
    (
        "jobs/everywhere/templates/large",
        "<%= Random.new(1).bytes(800_000).unpack1('H*') %>",
    ),
];

/// What comes into every deployment: a job for groups of these, a variable, tags.
fn runtime(version: &str) -> String {
    format!(
        "releases: [{{name: everywhere, version: \"{version}\"}}]
tags: {{owner: ops}}
variables: [{{name: /everywhere, type: password, options: {{length: 33}}}}]
addons:
- name: everywhere
  jobs: [{{name: everywhere, release: everywhere, properties: {{token: ((/everywhere))}}}}]
  include: {{stemcell: [{{os: tiny}}], lifecycle: service}}
  exclude: {{deployments: [other]}}
"
    )
}

#[test]
fn a_deployment_lives_changes_and_goes() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new();
    scene.upload_release("everywhere", EVERYWHERE);
    let releases = scene.rows(&["releases"]);
    let mut releases = releases.iter();
    let everywhere = releases.find(|row| row["name"] == "everywhere").unwrap();
    let version = everywhere["version"].as_str().unwrap();
    let version = version.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let config = scene.file("runtime.yml", &runtime(version));
    scene.bosh(&["update-runtime-config", config.to_str().unwrap()]);

    let said = scene.deploy(&manifest(2, "hello", false));
    assert!(said.contains("Compiling packages: tool/"), "{said}");
    assert!(said.contains("Creating missing vms: web/"), "{said}");
    assert!(said.contains("(canary)"), "{said}");
    let machines = scene.machines();
    assert_eq!(machines.len(), 2);
    let config = scene.inside(&machines[0], "cat /var/vcap/jobs/web/config/config");
    assert!(config.starts_with("hello from web/"), "{config}");
    assert_eq!(
        config
            .lines()
            .filter(|line| line.starts_with("10.250.0."))
            .count(),
        2
    );
    assert!(!config.contains("(("), "{config}");
    let tokens = [0, 1].map(|at| {
        let token = "cat /var/vcap/jobs/everywhere/token";
        scene.inside(&machines[at], token)
    });
    assert_eq!(tokens[0], tokens[1]);
    assert!(
        tokens[0].len() == 40 && tokens[0].ends_with(" small\n"),
        "{tokens:?}"
    );
    let large = scene.inside(&machines[0], "wc -c </var/vcap/jobs/everywhere/large");
    assert_eq!(large.trim(), "1600000");
    let blobs = scene.shell(&format!(
        "find {}/blobs -size +700k",
        scene.at("home").display()
    ));
    assert_eq!(blobs, "", "templates went by the blobstore");
    // Packages, jobs and names came by signed URLs: machines have no password, and without there is nothing.
    for cid in &machines {
        let kept = scene.kept(cid);
        assert!(kept.contains(":25250"), "{kept}");
        for secret in [
            scene.secret("blobstore_agent_password"),
            "/signed/".to_owned(),
        ] {
            assert!(!kept.contains(&secret), "{secret}: {kept}");
        }
    }
    assert_eq!(scene.without_password(), "401 401 403 403");
    let running = scene.bosh(&["instances", "--ps"]);
    assert_eq!(running.matches("running").count(), 4, "{running}");

    // Nothing changed: nothing is done.
    let again = scene.deploy(&manifest(2, "hello", false));
    assert!(!again.contains("Updating instance"), "{again}");
    assert_eq!(scene.machines(), machines);

    // A property: the jobs are restarted where they are.
    let changed = scene.deploy(&manifest(2, "good-day", false));
    assert_eq!(
        changed.matches("Updating instance web: web/").count(),
        2,
        "{changed}"
    );
    assert_eq!(scene.machines(), machines);
    let config = scene.inside(&machines[0], "cat /var/vcap/jobs/web/config/config");
    assert!(config.starts_with("good-day"), "{config}");
    let started = scene.inside(&machines[0], "wc -l </var/vcap/store/started");
    assert_eq!(started.trim(), "2");

    // An errand asks all of them.
    let checked = scene.bosh(&["run-errand", "check"]);
    assert!(checked.contains("good-day 10.250.0."), "{checked}");

    // A machine anew keeps its disk.
    scene.bosh(&["recreate", "web/0"]);
    let others = scene.machines();
    assert_eq!(
        others.iter().filter(|cid| machines.contains(cid)).count(),
        1
    );
    for cid in &others {
        let started = scene.inside(cid, "wc -l </var/vcap/store/started");
        assert!(started.trim().parse::<u32>().unwrap() >= 2, "{started}");
    }

    // Its logs come without a password, and nobody can read in the director's own what they came by.
    let logs = scene.at("logs");
    std::fs::create_dir(&logs).unwrap();
    scene.bosh(&["logs", "web", "--dir", logs.to_str().unwrap()]);
    assert_eq!(std::fs::read_dir(&logs).unwrap().count(), 1);
    let told =
        "grep -rl 'st=[A-Za-z0-9_-]\\{43\\}' home/tasks home/director.db* daemons.log || true";
    let told = scene.shell(&format!("cd {} && {told}", scene.at("").display()));
    assert_eq!(told, "");

    // More and fewer.
    scene.deploy(&manifest(3, "good-day", false));
    assert_eq!(scene.machines().len(), 3);
    scene.deploy(&manifest(1, "good-day", false));
    assert_eq!(scene.machines().len(), 1);

    scene.bosh(&["delete-deployment"]);
    assert!(
        scene
            .bosh(&["deployments"])
            .lines()
            .all(|line| !line.contains("small"))
    );
    drop(scene);
    leaks.assert_same();
}
