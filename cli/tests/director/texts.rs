//! What people see. `// recorded`: whole texts of the stock command line; the others are put together
//! by its rules, of columns and texts that are known of it.

use crate::server::{Server, json, started, status};

/// A run on a terminal, as people see it.
fn tty(server: &Server, words: &[&str]) -> crate::server::Ran {
    server.run(&[&["--tty"], words].concat())
}

#[test]
fn lists_have_the_recorded_bytes() {
    let server = Server::new();
    server
        .says("GET /stemcells", json(r#"[{"name":"bosh-warden-boshlite-debian-bookworm","operating_system":"debian-bookworm","version":"1.1","cid":"5c550ba2-6895-4f00-4ab4-b76b885da8a1","cpi":"","deployments":[{"name":"zookeeper"}],"api_version":3,"id":5}]"#))
        .says("GET /locks", json("[]"))
        .says("GET /deployments?exclude_configs=true", json(r#"[{"name":"zookeeper","teams":[],"stemcells":[{"name":"bosh-warden-boshlite-debian-bookworm","version":"1.1"}],"releases":[{"name":"zookeeper","version":"0.0.10+lab.1"}],"locked":false}]"#))
        .says("GET /deployments/zookeeper/errands", json(r#"[{"name":"smoke-tests"},{"name":"status"}]"#))
        .says("GET /disks", json(r#"[{"disk_cid":"62e04361-d93f-418c-7d60-6606aaeca923","size":1024,"az":"z2","deployment_name":"zookeeper","instance_name":"zookeeper/37f56c5c-6420-4a66-aadf-3c930b50590f","cloud_properties":{},"orphaned_at":"2026-11-22 01:43:01 UTC"}]"#));
    // recorded
    assert_eq!(
        tty(&server, &["stemcells"]).shown(),
        "\nName                                  Version  OS               CPI  CID  \n\
        bosh-warden-boshlite-debian-bookworm  1.1*     debian-bookworm  -    5c550ba2-6895-4f00-4ab4-b76b885da8a1  \n\
        \n(*) Currently deployed\n\n1 stemcells\n"
    );
    assert_eq!(
        tty(&server, &["locks"]).shown(),
        "\nType  Resource  Task ID  Expires at  \n\n0 locks\n"
    );
    assert_eq!(
        tty(&server, &["deployments"]).shown(),
        "\nName       Release(s)              Stemcell(s)                               Team(s)  \n\
        zookeeper  zookeeper/0.0.10+lab.1  bosh-warden-boshlite-debian-bookworm/1.1  -  \n\n1 deployments\n"
    );
    assert_eq!(
        tty(&server, &["errands", "-d", "zookeeper"]).shown(),
        "\nUsing deployment 'zookeeper'\n\nName  \nsmoke-tests  \nstatus  \n\n2 errands\n"
    );
    assert_eq!(
        tty(&server, &["disks", "-o"]).shown(),
        "\nDisk CID                              Size     Deployment  Instance                                        AZ  Orphaned At  \n\
        62e04361-d93f-418c-7d60-6606aaeca923  1.0 GiB  zookeeper   zookeeper/37f56c5c-6420-4a66-aadf-3c930b50590f  z2  Sun Nov 22 01:43:01 UTC 2026  \n\
        \n1 disks\n"
    );
}

#[test]
fn an_error_has_the_recorded_bytes() {
    let server = Server::new();
    let body = r#"{"code":70000,"description":"Deployment 'nope' doesn't exist"}"#;
    server.says("GET /deployments/nope", status(404, body));
    let ran = tty(&server, &["manifest", "-d", "nope"]);
    // recorded
    assert_eq!(
        ran.out,
        "Using environment 'DIRECTOR' as client 'admin'\n\nUsing deployment 'nope'\n"
    );
    assert_eq!(
        ran.err,
        format!(
            "\nFetching manifest:\n  Finding deployment 'nope':\n    Director responded with \
        non-successful status code '404' response '{body}'\n\nExit code 1\n"
        )
    );
    assert_eq!(ran.code, 1);
}

#[test]
fn a_text_that_is_no_yaml_is_told_by_file_and_line() {
    let server = Server::new();
    std::fs::write(server.at("bad.yml"), "a: [1\n").unwrap();
    let ran = tty(&server, &["update-cloud-config", "bad.yml"]);
    let said = "yaml: line 1: did not find expected ',' or ']'";
    assert!(
        ran.err
            .contains(&format!("Deserializing file 'bad.yml':\n  {said}")),
        "{ran:?}"
    );
    // recorded
    let ran = tty(&server, &["interpolate", "bad.yml"]);
    assert_eq!(ran.err, format!("\n{said}\n\nExit code 1\n"));
}

#[test]
fn a_deletion_has_the_recorded_bytes() {
    let server = Server::new();
    server
        .says("DELETE /deployments/zookeeper", started(99))
        .has_task(
            99,
            "done",
            include_str!("fixtures/delete-deployment.jsonl"),
            "",
        );
    // recorded
    assert_eq!(
        tty(&server, &["delete-deployment", "-d", "zookeeper"]).shown(),
        include_str!("fixtures/delete-deployment.txt")
    );
}

#[test]
fn what_is_not_there_is_deleted() {
    let server = Server::new();
    let gone = r#"{"code":70000,"description":"gone"}"#;
    server
        .says("GET /releases", json("[]"))
        .says("DELETE /deployments/zookeeper", status(404, gone))
        .says("GET /deployments?exclude_configs=true", json("[]"))
        .says("DELETE /disks/d1", status(400, gone))
        .says("GET /disks", json("[]"))
        .says("DELETE /vms/v1", started(7))
        .has_task(7, "error", "", "");
    assert_eq!(
        tty(&server, &["delete-release", "x/1"]).shown(),
        "\nRelease 'x/1' does not exist.\n"
    );
    let shown = "\nUsing deployment 'zookeeper'\n";
    assert_eq!(
        tty(&server, &["delete-deployment", "-d", "zookeeper"]).shown(),
        shown
    );
    assert_eq!(tty(&server, &["delete-disk", "d1"]).shown(), "");
    // There is no list of VMs to look into.
    let ran = tty(&server, &["delete-vm", "v1"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err
            .contains("Expected task '7' to succeed but state is 'error'"),
        "{ran:?}"
    );
    // A disk that is still not where it should be was not orphaned.
    server.says("DELETE /disks/d2?orphan=true", status(400, gone));
    assert_eq!(tty(&server, &["orphan-disk", "d2"]).code, 1);
}

#[test]
fn a_failed_task_names_its_error_below_its_line() {
    let server = Server::new();
    let events = include_str!("fixtures/failed.jsonl");
    for (id, indent) in [(65, 19), (702, 20), (3504, 21)] {
        server
            .says(&format!("DELETE /vms/v{id}"), started(id))
            .has_task(id, "error", events, "");
        let ran = tty(&server, &["delete-vm", &format!("v{id}")]);
        let expected = format!(
            "\nTask {id}\n\nTask {id} | 01:36:31 | Deleting vm: vm (00:00:02)\n{:indent$}L Error: no such vm\n\n\
            Task {id} | 01:36:33 | Error: no such vm\n\nTask {id} Started  Sun Nov 22 01:36:31 UTC 2026\n\
            Task {id} Finished Sun Nov 22 01:36:33 UTC 2026\nTask {id} Duration 00:00:02\nTask {id} error\n",
            ""
        );
        let shown = ran
            .out
            .strip_prefix("Using environment 'DIRECTOR' as client 'admin'\n")
            .unwrap();
        assert_eq!(shown, expected);
    }
}

#[test]
fn errands_are_told_one_by_one() {
    let server = Server::new();
    let result = include_str!("fixtures/errand.jsonl");
    server
        .says(
            "POST /deployments/zookeeper/errands/smoke-tests/runs",
            started(74),
        )
        .has_task(74, "done", "", result);
    let ran = tty(&server, &["run-errand", "-d", "zookeeper", "smoke-tests"]);
    assert_eq!(
        ran.out,
        "Using environment 'DIRECTOR' as client 'admin'\n\nUsing deployment 'zookeeper'\n\nTask 74. Done\n\n\
        Instance   smoke-tests/b6c4fa99-e9a5-4184-a044-99d63d1cde21  \n\
        Exit Code  0  \n\
        Stdout     -----> simple test  \n\
        \x20          Successfully created value  \n\
        Stderr     -  \n\
        \x20            \n\
        Instance   status/0540a9d8-f455-4019-9bc5-f611f3f14aeb  \n\
        Exit Code  143  \n\
        Stdout     -  \n\
        Stderr     terminated  \n\
        \n2 errand(s)\n"
    );
    assert_eq!(
        ran.err,
        "\nErrand 'smoke-tests' was canceled (exit code 143)\n\nExit code 1\n"
    );
    assert_eq!(ran.code, 1);
}

#[test]
fn a_clean_up_can_be_looked_at_first() {
    let server = Server::new();
    server.says(
        "GET /cleanup/dryrun?remove_all=true&keep_orphaned_disks=false",
        json(r#"{"releases":[{"name":"zk","versions":["1","2"]}],"stemcells":[{"name":"s","version":"1.1","operating_system":"os","deployments":[]}],
            "compiled_packages":[{"package_name":"java","stemcell_os":"os","stemcell_version":"1.1"}],
            "orphaned_disks":[{"disk_cid":"d1","size":1024,"az":"z1","deployment_name":"zk","instance_name":"zk/0","orphaned_at":"2026-11-22 01:43:01 UTC"}],
            "orphaned_vms":[],"exported_releases":["b1"],"dns_blobs":[]}"#),
    );
    assert_eq!(
        tty(&server, &["clean-up", "--all", "--dry-run"]).shown(),
        "\nUnused Releases\n\nName  Version  \nzk    1  \nzk    2  \n\
        \nUnused Stemcells\n\nName  Version  \ns     1.1  \n\
        \nUnused Compiled Packages\n\nName  Stemcell OS  Stemcell Version  \njava  os           1.1  \n\
        \nExported Releases\n\nBlob ID  \nb1  \n\
        \nStale DNS Record Blobs\n\nBlob ID  \n\
        \nOrphaned Disks\n\nDisk CID  Deployment  Instance  Size (mb)  \nd1        zk          zk/0      1024  \n\
        \nOrphaned VMs\n\nVM CID  Deployment  Instance  \n"
    );
}

#[test]
fn a_release_is_inspected_with_its_links_and_compiled_packages() {
    let server = Server::new();
    server.says(
        "GET /releases/zk?version=1",
        json(r#"{"jobs":[{"name":"zk","blobstore_id":"b1","sha1":"s1","fingerprint":"f1","consumes":[{"name":"peers","type":"zk","optional":true}],"provides":null}],
            "packages":[{"name":"java","blobstore_id":"b2","sha1":"s2","fingerprint":"f2","compiled_packages":[{"stemcell":"os/1.1","sha1":"s3","blobstore_id":"b3"}]}]}"#),
    );
    assert_eq!(
        tty(&server, &["inspect-release", "zk/1"]).shown(),
        "\nJob    Blobstore ID  Digest  Links Consumed    Links Provided  \n\
        zk/f1  b1            s1      - name: peers     -  \n\
        \x20                              type: zk          \n\
        \x20                              optional: true    \n\
        \n1 jobs\n\n\
        Package  Compiled for  Blobstore ID  Digest  \n\
        java/f2  (source)      b2            s2  \n\
        ~        os/1.1        b3            s3  \n\
        \n1 packages\n"
    );
}

#[test]
fn smaller_tables_have_the_stock_columns() {
    let server = Server::new();
    server
        .says("GET /deployments/zk/snapshots", json(r#"[{"job":"zk","index":0,"uuid":"u","snapshot_cid":"snap-1","created_at":"2026-11-22 01:43:01 +0000","clean":false},{"job":"other","index":1,"uuid":"v","snapshot_cid":"snap-2","created_at":"2026-11-22 01:43:01 +0000","clean":true}]"#))
        .says("GET /orphaned_vms", json(r#"[{"az":"z1","cid":"v1","deployment_name":"zk","instance_name":"zk/u","ip_addresses":["10.0.0.2","10.0.0.3"],"orphaned_at":"2026-11-22 01:43:01 UTC"}]"#))
        .says("GET /networks?orphaned=true", json("[]"))
        .says("GET /director/certificate_expiry", json(r#"[{"certificate_path":"director.ssl.cert","expiry":"2027-11-22T01:43:01Z","days_left":365}]"#))
        .says("POST /configs/diff", json(r#"{"diff":[["azs:",null],["- name: z1","removed"],["- name: z2","added"]]}"#));
    assert_eq!(
        tty(&server, &["snapshots", "-d", "zk", "zk/0"]).shown(),
        "\nUsing deployment 'zk'\n\nInstance  CID     Created At                    Clean  \n\
        zk/0      snap-1  Sun Nov 22 01:43:01 UTC 2026  false  \n\n1 snapshots\n"
    );
    assert_eq!(
        tty(&server, &["orphaned-vms"]).shown(),
        "\nVM CID  Deployment  Instance  AZ  IPs       Orphaned At  \n\
        v1      zk          zk/u      z1  10.0.0.2  Sun Nov 22 01:43:01 UTC 2026  \n\
        \x20                                 10.0.0.3    \n\n1 orphaned_vms\n"
    );
    assert_eq!(
        tty(&server, &["networks", "--orphaned"]).shown(),
        "\nName  Type  Created At  Orphaned At  \n\n0 networks\n"
    );
    let ran = tty(&server, &["env", "--details"]);
    let details = ran
        .shown()
        .rsplit_once("CERTIFICATE EXPIRY DATE INFORMATION\n")
        .unwrap()
        .1;
    assert_eq!(
        details,
        "\nCertificate        Expiry Date (UTC)     Days Left  \ndirector.ssl.cert  2027-11-22T01:43:01Z  365  \n"
    );
    assert_eq!(
        tty(&server, &["diff-config", "--from-id=1", "--to-id=2"]).shown(),
        "\nFrom ID  1  \nTo ID    2  \nDiff       azs:  \n         - - name: z1  \n         + - name: z2  \n"
    );
}

#[test]
fn programs_get_json_and_bare_rows() {
    let server = Server::new();
    server.says("GET /orphaned_vms", json(r#"[{"az":"z1","cid":"v1","deployment_name":"zk","instance_name":"zk/u","ip_addresses":[],"orphaned_at":null}]"#));
    let ran = server.run(&["orphaned-vms", "--json"]);
    let document = ran.json();
    assert_eq!(document["Tables"][0]["Content"], "orphaned_vms");
    assert_eq!(document["Tables"][0]["Rows"][0]["vm_cid"], "v1");
    assert_eq!(document["Lines"][1], "Succeeded");
    assert_eq!(
        server.run(&["orphaned-vms"]).out,
        "v1\tzk\tzk/u\tz1\t-\t-\t\n"
    );
    let ran = server.run(&["--column=VM CID", "--column", "az", "orphaned-vms"]);
    assert_eq!(ran.out, "v1\tz1\t\n");
    let ran = server.run(&["orphaned-vms", "--column=nope"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(
        ran.err.contains("There is no column 'nope', but: vm_cid, "),
        "{ran:?}"
    );
    let ran = server.run(&["cpi-config", "--json"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.json()["Lines"]
            .to_string()
            .contains("Endpoint 'GET /cpi_configs"),
        "{ran:?}"
    );
}
