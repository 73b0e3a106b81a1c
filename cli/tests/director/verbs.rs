//! Verbs one by one: what they ask a director for, and what people see. Files `recorded-*` are whole texts
//! of the stock command line; the rest follows its rules.

use serde_json::{Value, json as value};

use crate::server::{INFO, Ran, Server, json, started, status};

/// A run on a terminal, as people see it.
pub fn tty(server: &Server, words: &[&str]) -> Ran {
    server.run(&[&["--tty"], words].concat())
}

/// What it is asked for by one run, but for the questions that begin every run.
fn asked(server: &Server, words: &[&str]) -> Vec<String> {
    let before = server.lines().len();
    let ran = tty(server, words);
    assert_eq!(ran.code, 0, "{words:?}: {ran:#?}");
    server.lines().split_off(before)
}

/// An event log: seconds since 01:48:00, stage, tag, task, state, and the status of one in progress.
pub fn log(lines: &[(i64, &str, &str, &str, &str, &str)]) -> String {
    let line = |(second, stage, tag, task, state, said): &(i64, &str, &str, &str, &str, &str)| {
        let tags: Vec<&str> = Some(*tag)
            .into_iter()
            .filter(|tag| !tag.is_empty())
            .collect();
        let mut event = value!({"time": 1_795_312_080 + second, "stage": stage, "tags": tags,
            "total": 1, "task": task, "index": 1, "state": state, "progress": 0});
        if !said.is_empty() {
            event["data"] = value!({ "status": said });
        }
        format!("{event}\n")
    };
    lines.iter().map(line).collect()
}

#[test]
fn env_has_the_recorded_bytes() {
    let server = Server::new();
    server.forgets("GET /info");
    let mut info: Value = serde_json::from_str(INFO).unwrap();
    info["user"] = value!("admin");
    server.says("GET /info", json(&info.to_string()));
    assert_eq!(
        tty(&server, &["env"]).shown(),
        include_str!("fixtures/recorded-env.txt")
    );
}

#[test]
fn lists_have_the_recorded_bytes() {
    let server = Server::new();
    let done =
        |id: u64, begun: i64, ended: i64, deployment: Option<&str>, what: &str, result: &str| {
            value!({"id": id, "state": "done", "description": what, "timestamp": ended,
            "started_at": begun, "result": result, "user": "admin", "deployment": deployment,
            "context_id": ""})
        };
    let (zk, deploy, path) = (
        Some("zookeeper"),
        "create deployment",
        "/deployments/zookeeper",
    );
    let at = |minute: i64, second: i64| 1_795_311_720 + (minute - 42) * 60 + second;
    let made = "Created release 'zookeeper/0.0.10+lab.1'";
    let recent = value!([
        done(88, at(48, 28), at(48, 28), zk, deploy, path),
        done(87, at(48, 26), at(48, 27), zk, deploy, path),
        done(86, at(44, 18), at(48, 25), zk, deploy, path),
        done(85, at(44, 16), at(44, 17), None, "create release", made),
        done(
            84,
            at(43, 12),
            at(43, 12),
            None,
            "delete release: zookeeper",
            "/release/zookeeper"
        ),
        done(
            83,
            at(42, 57),
            at(43, 11),
            zk,
            "delete deployment zookeeper",
            path
        ),
        done(
            81,
            at(42, 55),
            at(42, 56),
            zk,
            "create deployment (dry run)",
            path
        ),
        done(79, at(42, 44), at(42, 54), zk, deploy, path),
    ]);
    let content = include_str!("fixtures/recorded-cloud-config.txt").trim_start();
    let config = value!([{"content": content, "id": "1", "type": "cloud", "name": "default",
        "team": null, "created_at": "2026-11-22 00:00:03 UTC", "current": true}]);
    let cloud = value!([{"properties": content, "created_at": "2026-11-22 00:00:03 UTC"}]);
    let current = "GET /tasks?state=processing%2Ccancelling%2Cqueued&verbose=2";
    server
        .says("GET /deployments/zookeeper/variables", json("[]"))
        .says(current, json("[]"))
        .says("GET /tasks?verbose=1&limit=10", json(&recent.to_string()))
        .says(
            "GET /configs?latest=true&limit=1",
            json(&config.to_string()),
        )
        .says("GET /cloud_configs?limit=1&name=", json(&cloud.to_string()));
    for (words, text) in [
        (
            &["variables", "-d", "zookeeper"][..],
            include_str!("fixtures/recorded-variables.txt"),
        ),
        (&["tasks"], include_str!("fixtures/recorded-tasks.txt")),
        (
            &["tasks", "--recent=10"],
            include_str!("fixtures/recorded-tasks-recent.txt"),
        ),
        (&["configs"], include_str!("fixtures/recorded-configs.txt")),
        (
            &["cloud-config"],
            include_str!("fixtures/recorded-cloud-config.txt"),
        ),
    ] {
        assert_eq!(tty(&server, words).shown(), text, "{words:?}");
    }
    server.says(
        "GET /deployments/d/variables",
        json(r#"[{"id":"2","name":"/dir/d/b"},{"id":"1","name":"/dir/d/a"}]"#),
    );
    assert_eq!(
        tty(&server, &["variables", "-d", "d"]).shown(),
        "\nUsing deployment 'd'\n\nID  Name  \n1   /dir/d/a  \n2   /dir/d/b  \n\n2 variables\n"
    );
}

/// The instances of the recorded deployment, as lines.
fn recorded_instances(with_errand: bool) -> String {
    let one =
        |number: usize, id: &str, cid: &str, disk: &str, agent: &str, sys: &str, user: &str| {
            let created = format!("2026-11-22T01:46:1{}Z", usize::from(number == 0));
            value!({"vm_cid": cid, "active": true, "vm_created_at": created, "cloud_properties": {},
            "disk_cid": disk, "disk_cids": [disk], "ips": [format!("10.244.0.{}", number + 2)],
            "agent_id": agent, "job_name": "zookeeper", "index": number, "job_state": "running",
            "state": "started", "vm_type": "default",
            "vitals": {"cpu": {"sys": sys, "user": user, "wait": "0.4"},
                "disk": {"ephemeral": {"inode_percent": "4", "percent": "11"},
                    "persistent": {"inode_percent": "0", "percent": "0"},
                    "system": {"inode_percent": "4", "percent": "11"}},
                "load": ["0.73", "0.61", "0.67"], "mem": {"kb": "1744808", "percent": "7"},
                "swap": {"kb": "0", "percent": "0"}, "uptime": {"secs": 9541}},
            "processes": [{"name": "zookeeper", "state": "running", "uptime": {"secs": 1},
                "mem": {"kb": 75920, "percent": 0.3}, "cpu": {"total": 0}}],
            "az": format!("z{}", number + 1), "id": id, "bootstrap": number == 0, "ignore": false,
            "stemcell": {"name": "bosh-warden-boshlite-debian-bookworm", "version": "1.1",
                "api_version": 3}})
        };
    let errand = value!({"vm_cid": null, "active": null, "vm_created_at": null,
        "cloud_properties": {}, "disk_cid": null, "disk_cids": [], "ips": [], "agent_id": null,
        "job_name": "smoke-tests", "index": 0, "job_state": null, "state": "started",
        "vm_type": null, "vitals": null, "processes": [], "az": "z1",
        "id": "a37816a1-09e6-4c7c-8945-df7e2d8c16b8", "bootstrap": true, "ignore": false,
        "stemcell": {"name": null, "version": null, "api_version": null}});
    let mut all = vec![
        one(
            2,
            "c89822e6-a3f6-45d5-99a1-998fe2ad65d9",
            "321727df-2b21-41c3-52bb-2c9f999fa0f7",
            "6d314f06-d00c-4e50-6981-a1168afe762b",
            "2ff866cf-ff64-47e1-8287-89a8960258cd",
            "7.0",
            "12.2",
        ),
        one(
            0,
            "9e53905a-4b45-4b55-9d58-3e6e9bb92794",
            "28241c38-402c-4677-40e6-883b4bb0261c",
            "0fd16578-bb5b-4ab3-4251-4bd9f293e74b",
            "c5e4accb-16ad-4635-8b28-1d8c385adf9e",
            "7.0",
            "12.2",
        ),
        one(
            1,
            "63fc6ae8-87be-4a0c-b9a9-fc0da561d074",
            "c4941301-f865-4417-52f8-baec9d60ad2f",
            "4eeb9544-387a-4a37-6385-39455eafa158",
            "8e4d4e29-6391-4a09-aef2-a2fb5df0478e",
            "7.4",
            "13.3",
        ),
    ];
    if with_errand {
        all.push(errand);
    }
    all.iter().map(|one| format!("{one}\n")).collect()
}

#[test]
fn machines_have_the_recorded_bytes() {
    let server = Server::new();
    let (vms, all) = (recorded_instances(false), recorded_instances(true));
    let path = |what: &str| format!("GET /deployments/zookeeper/{what}?format=full");
    for (verb, what, task, result, flag, text) in [
        (
            "vms",
            "vms",
            89,
            &vms,
            "",
            include_str!("fixtures/recorded-vms.txt"),
        ),
        (
            "instances",
            "instances",
            90,
            &all,
            "",
            include_str!("fixtures/recorded-instances.txt"),
        ),
        (
            "instances",
            "instances",
            91,
            &all,
            "--ps",
            include_str!("fixtures/recorded-instances-ps.txt"),
        ),
        (
            "instances",
            "instances",
            92,
            &all,
            "--details",
            include_str!("fixtures/recorded-instances-details.txt"),
        ),
    ] {
        server.forgets(&path(what));
        server
            .says(&path(what), started(task))
            .has_task(task, "done", "", result);
        let words = [verb, "-d", "zookeeper", flag];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        assert_eq!(tty(&server, &words).shown(), text, "{words:?}");
    }
    server.forgets(&path("vms"));
    server
        .says(&path("vms"), started(93))
        .has_task(93, "done", "", &vms);
    let shown = tty(&server, &["vms", "-d", "zookeeper", "--vitals"]);
    let rows: Vec<&str> = shown.shown().lines().collect();
    // Of this table the recording has the first columns of each row.
    assert_eq!(rows[1..4], ["Task 93. Done", "", "Deployment 'zookeeper'"]);
    let row = rows
        .iter()
        .find(|row| row.starts_with("zookeeper/63fc"))
        .unwrap();
    assert!(
        row.starts_with(
            "zookeeper/63fc6ae8-87be-4a0c-b9a9-fc0da561d074  running        z2  10.244.0.3  \
             c4941301-f865-4417-52f8-baec9d60ad2f  default  true    \
             bosh-warden-boshlite-debian-bookworm/1.1  Sun Nov 22 01:46:10 UTC 2026  0d 2h 39m 1s  \
             0.73, 0.61, 0.67  -      13.3%  7.4%  0."
        ),
        "{row}"
    );
    assert_eq!(
        (
            rows[5]
                .split("Uptime")
                .nth(1)
                .unwrap()
                .trim_start()
                .starts_with("Load"),
            rows.len()
        ),
        (true, 12),
        "{rows:#?}"
    );
}

#[test]
fn a_stemcell_that_is_there_is_told_in_the_recorded_words() {
    let server = Server::new();
    server.says("POST /stemcell_uploads", json(r#"{"needed":false}"#));
    let named = [
        "upload-stemcell",
        "https://x/s.tgz",
        "--version=1.1",
        "--name=bosh-warden-boshlite-debian-bookworm",
    ];
    assert_eq!(
        tty(&server, &named).shown(),
        "\nStemcell 'bosh-warden-boshlite-debian-bookworm/1.1' already exists.\n"
    );
    // With --fix nobody asks.
    server
        .says("POST /stemcells?fix=true", started(3))
        .has_task(3, "done", "", "");
    let lines = asked(&server, &[&named[..], &["--fix", "--sha1=abc"]].concat());
    assert!(
        lines.contains(&"POST /stemcells?fix=true".to_owned()),
        "{lines:?}"
    );
    let sent = server.asked();
    let sent = sent
        .iter()
        .find(|one| one.line.starts_with("POST /stemcells?"))
        .unwrap();
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body, value!({"location": "https://x/s.tgz", "sha1": "abc"}));
    server
        .says("DELETE /stemcells/s/1.1?force=true", started(4))
        .has_task(4, "done", "", "");
    let lines = asked(&server, &["-n", "delete-stemcell", "s/1.1", "--force"]);
    assert!(
        lines.contains(&"DELETE /stemcells/s/1.1?force=true".to_owned()),
        "{lines:?}"
    );
    let ran = tty(&server, &["-n", "delete-stemcell", "s"]);
    assert!(
        ran.err.contains("to be in format 'name/version'"),
        "{ran:?}"
    );
}

#[test]
fn a_restart_has_the_recorded_bytes() {
    let server = Server::new();
    let (ready, preparing) = ("Preparing deployment", "Preparing package compilation");
    let one = "zookeeper/9e53905a-4b45-4b55-9d58-3e6e9bb92794 (0) (canary)";
    let update = "Updating instance";
    let step = |second, said| (second, update, "zookeeper", one, "in_progress", said);
    let events = log(&[
        (40, ready, "", ready, "started", ""),
        (40, ready, "", ready, "finished", ""),
        (40, ready, "", "Rendering templates", "started", ""),
        (40, ready, "", "Rendering templates", "finished", ""),
        (
            40,
            preparing,
            "",
            "Finding packages to compile",
            "started",
            "",
        ),
        (
            40,
            preparing,
            "",
            "Finding packages to compile",
            "finished",
            "",
        ),
        (40, update, "zookeeper", one, "started", ""),
        step(41, "executing pre-stop"),
        step(41, "executing drain"),
        step(42, "stopping jobs"),
        step(44, "executing post-stop"),
        step(47, "installing packages"),
        step(49, "configuring jobs"),
        step(49, "executing pre-start"),
        step(50, "starting jobs"),
        step(52, "executing post-start"),
        (52, update, "zookeeper", one, "finished", ""),
    ]);
    let path = "PUT /deployments/zookeeper/jobs/zookeeper/0?state=restart";
    server
        .says(path, started(98))
        .has_task(98, "done", &events, "");
    let words = ["-n", "restart", "-d", "zookeeper", "zookeeper/0"];
    assert_eq!(
        tty(&server, &words).shown(),
        include_str!("fixtures/recorded-restart.txt")
    );
}

#[test]
fn states_are_asked_for_as_stock_asks() {
    let server = Server::new();
    server.has_task(7, "done", "", "");
    let jobs = "/deployments/zk/jobs";
    let actions = "/deployments/zk/instance_groups/web/0/actions";
    for (words, line) in [
        (&["start"][..], format!("PUT {jobs}/*?state=started")),
        (&["start", "web"], format!("PUT {jobs}/web?state=started")),
        (
            &["start", "web/0", "--no-converge"],
            format!("POST {actions}/start"),
        ),
        // A yes, not a list of groups, which a stock director would not hear.
        (
            &["stop", "--skip-drain"],
            format!("PUT {jobs}/*?state=stopped&skip_drain=true"),
        ),
        (
            &["stop", "web/0", "--hard"],
            format!("PUT {jobs}/web/0?state=detached"),
        ),
        (
            &["restart", "web", "--skip-drain"],
            format!("PUT {jobs}/web?state=restart&skip_drain=true"),
        ),
        (
            &["restart", "web/0", "--no-converge", "--skip-drain"],
            format!("POST {actions}/restart?skip_drain=true"),
        ),
        (
            &["recreate", "web", "--skip-drain", "--fix"],
            format!("PUT {jobs}/web?state=recreate&skip_drain=true&fix=true"),
        ),
    ] {
        server.says(&line, started(7));
        let lines = asked(&server, &[&["-n", "-d", "zk"], words].concat());
        assert!(lines.contains(&line), "{words:?}: {lines:?}");
    }
}

#[test]
fn events_show_their_context_as_yaml() {
    let server = Server::new();
    let used = value!({"releases": ["zk/1"], "stemcells": ["s/1.1"]});
    let event = value!({"id": "1198", "parent_id": "1197", "timestamp": 1_795_312_108,
        "user": "admin", "action": "update", "object_type": "deployment", "object_name": "zk",
        "task": "88", "deployment": "zk", "context": {"before": used, "after": used}});
    let lock = value!({"id": "1193", "timestamp": 1_795_312_108, "user": "admin",
        "action": "acquire", "object_type": "lock", "object_name": "lock:deployment:zk",
        "task": "88", "deployment": "zk", "context": {}, "error": "lost"});
    let path = "GET /events?before_id=2000&deployment=zk&task=88&action=update&object_type=lock";
    server
        .says(path, json(&value!([event, lock]).to_string()))
        .says("GET /events/1198", json(&event.to_string()));
    let words = [
        "events",
        "-d",
        "zk",
        "--before-id=2000",
        "--task=88",
        "--action=update",
        "--object-type=lock",
    ];
    let text = tty(&server, &words);
    let lines: Vec<&str> = text.shown().lines().map(str::trim_end).collect();
    // Ten lines, as in the recorded list: the row, and what does not fit beside it.
    assert_eq!(
        lines[1..13]
            .iter()
            .map(|line| line.split("  ").last().unwrap().trim())
            .collect::<Vec<_>>(),
        [
            "Error",
            "-",
            "releases:",
            "- zk/1",
            "stemcells:",
            "- s/1.1",
            "before:",
            "releases:",
            "- zk/1",
            "stemcells:",
            "- s/1.1",
            "lost"
        ]
    );
    assert!(lines[2].starts_with("1198 <- 1197  Sun Nov 22 01:48:28 UTC 2026  admin  update   "));
    assert!(
        lines[2].ends_with(" zk          -         after:        -"),
        "{:?}",
        lines[2]
    );
    assert_eq!(lines.last(), Some(&"2 events"));
    let shown = tty(&server, &["event", "1198"]);
    let one = shown.shown();
    for fact in [
        "ID           1198 <- 1197  \n",
        "Object Name  zk  \n",
        "Context      after:  \n",
    ] {
        assert!(one.contains(fact), "{one}");
    }
}

#[test]
fn tasks_are_followed_and_cancelled() {
    let server = Server::new();
    let (ready, templates) = ("Preparing deployment", "Rendering templates");
    let events = log(&[
        (27, ready, "", ready, "started", ""),
        (27, ready, "", ready, "finished", ""),
        (27, ready, "", templates, "started", ""),
        (27, ready, "", templates, "finished", ""),
    ]);
    server.has_task(87, "done", &events, "result\n");
    server.says("GET /tasks/87/output?type=debug", json("D, a line\n"));
    let text = "\nTask 87\n\nTask 87 | 01:48:27 | Preparing deployment: Preparing deployment (00:00:00)\n\
        Task 87 | 01:48:27 | Preparing deployment: Rendering templates (00:00:00)\n\n\
        Task 87 Started  Sun Nov 22 01:48:27 UTC 2026\nTask 87 Finished Sun Nov 22 01:48:27 UTC 2026\n\
        Task 87 Duration 00:00:00\nTask 87 done\n";
    assert_eq!(tty(&server, &["task", "87"]).shown(), text);
    // The newest that goes on, unless one is named.
    let current = "GET /tasks?state=processing%2Ccancelling%2Cqueued&verbose=1";
    let row = r#"[{"id":87,"state":"processing","description":"x"}]"#;
    server.says(current, json(row)).says(current, json("[]"));
    assert_eq!(tty(&server, &["task"]).shown(), text);
    assert_eq!(tty(&server, &["task"]).shown(), "\nNo task found\n");
    let debug = tty(&server, &["task", "87", "--debug"]);
    assert!(debug.shown().contains("D, a line\n"), "{debug:?}");
    server.says("DELETE /task/87", status(204, ""));
    assert!(asked(&server, &["cancel-task", "87"]).contains(&"DELETE /task/87".to_owned()));
    server.forgets("DELETE /task/87");
    let refused = "Cannot cancel task 87: invalid state (done)";
    server.says("DELETE /task/87", status(400, refused));
    let ran = tty(&server, &["cancel-task", "87"]);
    assert!(ran.code == 1 && ran.err.contains(refused), "{ran:?}");
}

#[test]
fn configs_are_shown_and_updated() {
    let server = Server::new();
    let config = value!({"content": "a: 1\n", "id": "12", "type": "x", "name": "n", "team": null,
        "created_at": "2026-11-22 00:00:03 UTC", "current": true});
    let facts = "\nID          12  \nType        x  \nName        n  \n\
        Created At  2026-11-22 00:00:03 UTC  \nContent     a: 1  \n\n1 config\n";
    server
        .says("GET /configs/12", json(&config.to_string()))
        .says(
            "GET /configs?latest=true&limit=1&name=n&type=x",
            json(&value!([config]).to_string()),
        )
        .says("GET /configs?latest=false&limit=5&type=x", json("[]"));
    let by_number = tty(&server, &["config", "12"]);
    assert_eq!(by_number.shown(), facts);
    let by_name = tty(&server, &["config", "--type=x", "--name=n"]);
    assert_eq!(by_name.shown(), by_number.shown());
    let lines = asked(&server, &["configs", "--type=x", "--recent=5"]);
    assert!(lines.contains(&"GET /configs?latest=false&limit=5&type=x".to_owned()));
    let file = server.file("config.yml", "a: 2\n");
    let diff = r#"{"diff":[["a: 1","removed"],["a: 2","added"]],"from":{"id":"12"}}"#;
    let cloud = r#"{"diff":[["azs:",null],["- name: z1","added"]]}"#;
    server
        .says("POST /configs/diff", json(diff))
        .says("POST /configs", status(201, &config.to_string()))
        .says("POST /cloud_configs/diff?name=", json(cloud))
        .says("POST /cloud_configs?name=", status(201, ""))
        .says(
            "POST /runtime_configs/diff?name=dns",
            json(r#"{"diff":[]}"#),
        )
        .says("POST /runtime_configs?name=dns", status(201, ""))
        .says("GET /runtime_configs?limit=1&name=", json("[]"));
    assert_eq!(
        tty(
            &server,
            &["-n", "update-config", "--type=x", "--name=n", &file]
        )
        .shown(),
        "\n- a: 1\n+ a: 2\n"
    );
    let sent = server.asked();
    let sent = sent
        .iter()
        .rfind(|one| one.line == "POST /configs")
        .unwrap();
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(
        body,
        value!({"type": "x", "name": "n", "content": "a: 2\n", "expected_latest_id": "12"})
    );
    assert_eq!(
        tty(&server, &["-n", "update-cloud-config", &file]).shown(),
        "\n  azs:\n+ - name: z1\n"
    );
    let lines = asked(
        &server,
        &["-n", "update-runtime-config", "--name=dns", &file],
    );
    assert!(
        lines.ends_with(&["POST /runtime_configs?name=dns".to_owned()]),
        "{lines:?}"
    );
    let ran = tty(&server, &["runtime-config"]);
    assert!(
        ran.code == 1 && ran.err.contains("No runtime config"),
        "{ran:?}"
    );
    // Somebody else was faster.
    server.forgets("POST /configs");
    let stale = r#"{"latest_id":"13","expected_latest_id":"12","description":"Latest Id: '13' does not match expected latest id"}"#;
    server.says("POST /configs", status(412, stale));
    let ran = tty(
        &server,
        &["-n", "update-config", "--type=x", "--name=n", &file],
    );
    assert!(
        ran.code == 1 && ran.err.contains("does not match expected latest id"),
        "{ran:?}"
    );
}
