//! `warren release`, from an empty directory to a tarball.

mod support;

use support::{Ran, shell, warren};

/// Runs a shell line in a directory of its own, with a cache of its own.
fn run(top: &tempfile::TempDir, line: &str) -> Ran {
    let top = top.path().display();
    shell(
        &[],
        &format!(
            "cd {top}; export HOME={top} GIT_CONFIG_GLOBAL=/dev/null; R=\"$WARREN release\"; {line}"
        ),
    )
}

const MADE: &str = "
    mkdir demo-release; cd demo-release
    $R init --git --local-blobstore ../store
    $R generate-job web; $R generate-package app
    printf 'name: web\\ntemplates: {ctl: bin/ctl}\\npackages: [app]\\n' >jobs/web/spec
    echo ctl >jobs/web/templates/ctl
    printf 'name: app\\nfiles: [app/*, big]\\n' >packages/app/spec
    mkdir src/app; echo x >src/app/x; echo big >../big; echo more >../big2
    $R add-blob ../big big
    git add -A; git -c user.name=x -c user.email=x@x commit -qm x";

#[test]
fn a_life() {
    let top = tempfile::tempdir().unwrap();
    let ran = run(&top, MADE);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.contains("Made the release directory of 'demo'"),
        "{ran:?}"
    );
    assert!(
        ran.out.contains("big   4 B   (local)       sha256:"),
        "{ran:?}"
    );

    let ran = run(&top, "cd demo-release; $R create --tarball ../demo.tgz");
    assert_eq!(ran.code, 0, "{ran:?}");
    let words: Vec<&str> = ran.out.split_whitespace().collect();
    let text = words.join(" ");
    for expected in [
        "Adding job 'web/",
        "Added package 'app/",
        "Added dev release 'demo/0+dev.1'",
        "Name demo Version 0+dev.1 Commit Hash",
        "Archive ../demo.tgz Job Digest Packages web/",
        "1 jobs Package Digest Dependencies app/",
        "1 packages",
    ] {
        assert!(text.contains(expected), "{expected}: {}", ran.out);
    }

    let ran = run(&top, "$R inspect demo.tgz --json");
    let shown = ran.json();
    assert_eq!(shown["version"], "0+dev.1");
    assert_eq!(shown["jobs"][0]["packages"][0], "app");
    let fingerprint = shown["packages"][0]["fingerprint"].clone();
    let ran = run(&top, "$R fingerprint --dir demo-release --json");
    assert_eq!(ran.json()["parts"][1]["fingerprint"], fingerprint);

    let ran = run(&top, "cd demo-release; echo y >src/app/x; $R create");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(
        ran.err.contains("local modifications") && ran.err.contains("M src/app/x"),
        "{ran:?}"
    );

    let ran = run(
        &top,
        "cd demo-release; $R upload-blobs; $R blobs; $R create --force --final --json >../made.json
        $R create --tarball ../again.tgz releases/demo/demo-1.yml >/dev/null; $R inspect ../again.tgz",
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("Blob upload 'big' (id: "), "{ran:?}");
    let words: Vec<&str> = ran.out.split_whitespace().collect();
    assert!(
        words.join(" ").contains("Name demo Version 1 Commit Hash"),
        "{ran:?}"
    );
    let made = std::fs::read_to_string(top.path().join("made.json")).unwrap();
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert_eq!(
        (
            made["version"].as_str(),
            made["uncommitted_changes"].as_bool()
        ),
        (Some("1"), Some(true))
    );
}

#[test]
fn the_stock_names() {
    let top = tempfile::tempdir().unwrap();
    let ran = run(&top, MADE);
    assert_eq!(ran.code, 0, "{ran:?}");
    // The same flags that the stock command line has for all verbs, wherever they stand.
    let ran = run(
        &top,
        "cd demo-release; W=$WARREN; $W -n upload-blobs; $W -e lab create-release --force -n --tty --tarball ../demo.tgz
        cd ..; $W sha1ify-release demo.tgz sha1.tgz; $W sha2ify-release sha1.tgz sha2.tgz >/dev/null
        cmp demo.tgz sha2.tgz || true; cd demo-release
        $W -n finalize-release --tty --force ../sha1.tgz
        $W finalize-release --force --version 7 --name other ../demo.tgz >/dev/null
        $W create-release --json --tarball ../again.tgz releases/demo/demo-1.yml >../made.json
        $W blobs --json >../blobs.json; $W blobs >../blobs; $W add-blob --tty ../big2 big2; $W reset-release",
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let words: Vec<&str> = ran.out.split_whitespace().collect();
    let text = words.join(" ");
    for expected in [
        "Added dev release 'demo/0+dev.1'",
        "Added final release 'demo/1' Name demo Version 1 Commit Hash",
        "1 packages Succeeded",
        "Added blob 'big2' Succeeded",
    ] {
        assert!(text.contains(expected), "{expected}: {}", ran.out);
    }
    // For programs, as the stock command line has it.
    let read = |name: &str| std::fs::read_to_string(top.path().join(name)).unwrap();
    let json = |name: &str| -> serde_json::Value { serde_json::from_str(&read(name)).unwrap() };
    let made = json("made.json");
    let fact = &made["Tables"][0]["Rows"][0];
    assert_eq!(
        (&fact["version"], &fact["archive"]),
        (&"1".into(), &"../again.tgz".into())
    );
    assert_eq!(made["Tables"][1]["Content"], "jobs");
    assert_eq!(
        made["Lines"].as_array().unwrap().last().unwrap(),
        "Succeeded"
    );
    assert_eq!(json("blobs.json")["Tables"][0]["Rows"][0]["path"], "big");
    assert!(read("blobs").starts_with("big\t4 B\t"), "{}", read("blobs"));
    let manifest = |line: &str| run(&top, line).json();
    let (first, sha1, sha2) = (
        manifest("$R inspect demo.tgz --json"),
        manifest("$R inspect sha1.tgz --json"),
        manifest("$R inspect sha2.tgz --json"),
    );
    assert_eq!(first["jobs"], sha2["jobs"]);
    assert_eq!(first["packages"], sha2["packages"]);
    assert_eq!(sha1["jobs"][0]["digest"].as_str().unwrap().len(), 40);
    // What a tarball was made of is final, and found by who has nothing but the directory.
    let again = manifest("$R inspect again.tgz --json");
    assert_eq!(again["version"], "1");
    assert_eq!(again["packages"], sha1["packages"]);
    let other = std::fs::read_to_string(top.path().join("demo-release/releases/other/other-7.yml"));
    assert!(other.unwrap().contains("version: \"7\""), "a version");
    let ran = run(
        &top,
        "cd demo-release; $WARREN finalize-release --force --version 1 ../demo.tgz",
    );
    assert!(ran.code == 1 && ran.err.contains("demo/1"), "{ran:?}");
    let help = warren(&["--help"]);
    assert!(!help.out.contains("finalize-release"), "{help:?}");
}

#[test]
fn what_is_refused() {
    let top = tempfile::tempdir().unwrap();
    for (line, expected) in [
        ("$R create", "Error: . is no release directory"),
        ("$R blobs", "Error: . is no release directory"),
        (
            "$R add-blob /etc/hosts x",
            "Error: . is no release directory",
        ),
        ("$R remove-blob x", "Error: . is no release directory"),
        ("$WARREN -n upload-blobs", ". is no release directory"),
        ("$R generate-job x", "Error: . is no release directory"),
        // Files of somebody else are not taken for what is left over.
        (
            "mkdir blobs; touch blobs/own; $WARREN sync-blobs || { test -e blobs/own && exit 1; }",
            ". is no release directory",
        ),
        (
            "echo x >x; $R inspect x",
            "Error: cannot read the release tarball",
        ),
        ("$R inspect none", "Error: opening none: No such file"),
        ("unset HOME; $R blobs", "Remedy: give --cache DIR"),
    ] {
        let ran = run(&top, line);
        assert!(
            ran.code == 1 && ran.err.contains(expected),
            "{line}: {ran:?}"
        );
    }
    let ran = warren(&["release", "create", "--version", "1..2"]);
    assert!(
        ran.code == 2 && ran.err.contains("is not a version"),
        "{ran:?}"
    );
}
