//! Verbs that ask no director: stock names of what is done here, completions, manual pages.

use crate::server::{Server, WARREN};

const MADE: &str = "
    mkdir demo && cd demo && $WARREN release init >/dev/null
    $WARREN release generate-job web >/dev/null; $WARREN release generate-package app >/dev/null
    printf 'name: web\\ntemplates: {}\\npackages: [app]\\n' >jobs/web/spec
    printf 'name: app\\nfiles: [app/*]\\n' >packages/app/spec; mkdir -p src/app; echo x >src/app/x
    $WARREN release create --force --tarball ../demo.tgz >/dev/null
    cd ..; mkdir root; printf 'name: tiny\\nversion: \"1.1\"\\nsha1: 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12\\noperating_system: os\\ncloud_properties: {infrastructure: warden}\\n' >stemcell.MF
    printf '' | gzip >image; sed -i \"s/sha1: .*/sha1: $(sha1sum image | cut -d' ' -f1)/\" stemcell.MF
    tar czf stemcell.tgz stemcell.MF image";

fn made() -> Server {
    let server = Server::new();
    let mut shell = std::process::Command::new("sh");
    let home = server.at(".");
    shell
        .args(["-ec", MADE])
        .env("WARREN", WARREN)
        .env("HOME", &home)
        .current_dir(&home);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    server
}

#[test]
fn tarballs_are_shown_in_the_stock_tables() {
    let server = made();
    let ran = server.run(&["--tty", "inspect-local-release", "demo.tgz"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let words: Vec<&str> = ran.out.split_whitespace().collect();
    let text = words.join(" ");
    assert!(
        text.starts_with("Name demo Version 0+dev.1 Commit Hash "),
        "{text}"
    );
    for expected in [
        "Archive demo.tgz Job Digest Packages web/",
        " app 1 jobs Package Digest Dependencies app/",
        " - 1 packages Succeeded",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let ran = server.run(&["--tty", "inspect-local-stemcell", "stemcell.tgz"]);
    assert_eq!(
        ran.out,
        "\nName  OS  Version  Infrastructure  Hypervisor  \ntiny  os  1.1      warden          -  \n\
        \n1 stemcell-metadata\n\nSucceeded\n"
    );
    let words = [
        "repack-stemcell",
        "stemcell.tgz",
        "other.tgz",
        "--version=2",
        "--name=other",
    ];
    let ran = server.run(&words);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = server.run(&["inspect-local-stemcell", "other.tgz"]);
    assert_eq!(ran.out, "other\tos\t2\twarden\t-\t\n");
    for verb in ["inspect-local-release", "inspect-local-stemcell"] {
        let ran = server.run(&[verb, "nothing.tgz"]);
        assert_eq!(ran.code, 1);
        assert!(
            ran.err
                .contains("Opening file 'nothing.tgz':\n  No such file"),
            "{ran:?}"
        );
    }
}

#[test]
fn aliases_come_and_go() {
    let server = Server::new();
    let ran = server.run(&["alias-env", "lab"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(server.run(&["envs"]).out.contains("\tlab\t"));
    assert_eq!(server.run(&["unalias-env", "lab"]).code, 0);
    let ran = server.run(&["unalias-env", "lab"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("Expected to find an environment with alias 'lab'"),
        "{ran:?}"
    );
}

#[test]
fn shells_learn_every_verb() {
    let server = Server::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = server.run(&["completions", shell]);
        assert_eq!(ran.code, 0, "{shell}");
        for word in [
            "export-release",
            "vars-store",
            "gw-private-key",
            "completions",
        ] {
            assert!(ran.out.contains(word), "{shell}: {word}");
        }
    }
    let script = server.run(&["completions", "bash"]).out;
    let path = server.file("warren.bash", &script);
    // As a user's shell does it: what may follow `warren export-re`.
    let line = format!(
        ". {path}; COMP_WORDS=(warren export-re); COMP_CWORD=1; \
        _warren warren export-re warren; echo \"${{COMPREPLY[@]}}\""
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &line])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "export-release\n"
    );
    let ran = server.run(&["completions", "zsh", "--json"]);
    assert_eq!(ran.json()["shell"], "zsh");
    assert_eq!(server.run(&["completions", "csh"]).code, 2);
}

#[test]
fn a_line_may_be_the_stock_command_lines_and_a_misspelt_one_is_told_what_is_like_it() {
    let server = Server::new();
    let ran = server.run(&["-v"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.starts_with("warren "), "{ran:?}");
    assert_eq!(server.run(&["completion", "bash"]).code, 0);
    let ran = server.run(&["cr", "-n"]);
    assert!(ran.err.contains("is no release directory"), "{ran:?}");
    let ran = server.run(&["deplyo"]);
    assert_eq!(ran.code, 2);
    let told = "similar subcommands exist: 'deploy', 'deployment', 'deployments'\n";
    assert!(ran.err.contains(told), "{ran:?}");
}

#[test]
fn a_reader_that_left_is_told_nothing_and_a_full_disk_is_named() {
    let server = Server::new();
    let run = |line: &str| {
        let mut shell = std::process::Command::new("bash");
        shell.args(["-c", line]).env("WARREN", WARREN);
        shell.env("HOME", server.at(".")).output().unwrap()
    };
    // More than a pipe holds.
    let output = run("$WARREN completions zsh | true; exit ${PIPESTATUS[0]}");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(output.stderr, b"", "{output:?}");
    for (line, step) in [
        ("$WARREN envs --tty", "Writing to standard output: "),
        ("$WARREN completions zsh", "Error: "),
    ] {
        let output = run(&format!("{line} >/dev/full"));
        assert_eq!(output.status.code(), Some(1), "{line}: {output:?}");
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            err,
            format!("{step}No space left on device (os error 28)\n")
        );
    }
}

#[test]
fn every_verb_has_a_manual_page() {
    let server = Server::new();
    let ran = server.run(&["man-pages", "--output", "man", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let pages = std::fs::read_dir(server.at("man")).unwrap().count();
    assert_eq!(ran.json()["pages"], pages);
    let page = std::fs::read_to_string(server.at("man/warren-export-release.1")).unwrap();
    for expected in [
        ".TH WARREN-EXPORT-RELEASE 1",
        "\\-\\-job",
        "Example: warren export\\-release",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(
        server.at("man/warren.1").exists() && server.at("man/warren-release-create.1").exists()
    );
    assert!(!server.at("man/warren-help.1").exists());
}
