//! `warren rootfs`, run as root, mounts in namespaces of their own.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

#[path = "rootfs/plugin.rs"]
mod plugin;
#[path = "support/registry.rs"]
mod registry;
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use serde_json::Value;
use support::{Ran, WARREN, shell, warren};

/// Mounts end with the command.
const APART: [&str; 4] = ["unshare", "--mount", "--propagation", "private"];

struct Scene {
    top: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let script =
            "mkdir -p tree/etc; echo base >tree/etc/motd; head -c 200000 /dev/zero >tree/zero
            tar -C tree -cf base.tar .";
        let made = Command::new("sh")
            .args(["-ec", script])
            .current_dir(&top)
            .status();
        assert!(made.unwrap().success());
        Self { top }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    /// A shell line in which `$TOP` is the scene's directory and `$P` the plugin with its store.
    fn run(&self, line: &str) -> Ran {
        let top = self.top.path().display();
        let line =
            format!("export TOP={top}; P=\"$WARREN rootfs plugin --store {top}/plugin\"; {line}");
        shell(&APART, &line)
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_probe_tells_what_is_taken_and_why() {
    let scene = Scene::new();
    let store = scene.path("store");
    let store = store.to_str().unwrap();
    let ran = warren(&["rootfs", "probe", "--store", store, "--json"]);
    let probe = ran.json();
    let rungs = probe["report"]["rungs"].as_array().unwrap();
    let taken = &probe["report"]["chosen"];
    let tried = rungs.iter().find(|one| one["rung"] == *taken).unwrap();
    assert!(tried["outcome"]["works"].is_object(), "{ran:?}");
    assert!(
        rungs.iter().all(|one| one["outcome"] != "not-tried"),
        "{ran:?}"
    );
    let layered = !matches!(taken.as_str(), Some("copy" | "reflink"));
    assert_eq!(ran.code, i32::from(!layered));
    let ran = warren(&["rootfs", "probe", "--store", store]);
    assert!(ran.out.contains("Taken"), "{ran:?}");
}

#[test]
fn a_life() {
    let scene = Scene::new();
    let ran = scene.run(
        "S=\"--store $TOP/store\"; W=\"$WARREN rootfs\"
        $W create $S $TOP/base.tar web --quota 5000000
        cat $TOP/store/images/web/rootfs/etc/motd
        echo more >$TOP/store/images/web/rootfs/new
        $W list $S; $W stats $S web; $W clean $S; $W delete $S web; $W delete $S web; $W clean $S
        $W create $S $TOP/base.tar cut; truncate -s 9 $TOP/store/images/cut/image.json
        $W list $S; $W clean $S; $W delete $S cut",
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    for text in [
        "base\n",
        "web",
        "5000000 bytes",
        "0 removed, 1 in use",
        "Deleted web",
        "There was no web",
        "1 removed",
        "cut is damaged and can only be deleted: ",
        "1 that may be unused are kept: cut does not tell which it has, delete it (",
        "Deleted cut",
    ] {
        assert!(ran.out.contains(text), "{text}: {ran:?}");
    }
    let ran = scene.run("$WARREN rootfs stats --store $TOP/store web");
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (1, "Error: there is no image \"web\"\n")
    );
}

#[test]
fn a_preloaded_store_has_the_layers() {
    let scene = Scene::new();
    let ran = scene.run(
        "mkdir $TOP/root; $WARREN rootfs preload --into $TOP/root $TOP/base.tar >/dev/null
        S=$TOP/root/var/lib/warren/garden/store; C=\"$WARREN rootfs clean --store $S\"
        $C; for name in $(ls $S/pins); do $C --unpin $name; done; ! $C --unpin $name",
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let (kept, gone) = ran.out.split_once('\n').unwrap();
    assert_eq!(kept, "0 removed, 1 in use, 0 about to be used");
    assert!(gone.contains("1 removed, 0 in use"), "{gone}");
    assert!(
        ran.err.contains("nothing is kept under the name"),
        "{ran:?}"
    );
}

/// The conversation of a stock guardian with its plugin.
#[test]
fn the_plugin_speaks_as_grootfs_does() {
    let scene = Scene::new();
    let said = |line: &str, code: i32, out: &str| {
        let ran = scene.run(line);
        assert_eq!(
            (ran.code, ran.out.as_str(), ran.err.as_str()),
            (code, out, ""),
            "{line}"
        );
    };
    // Before there is a store.
    said(
        "$P create $TOP/base.tar web",
        1,
        "Store path is not initialized. Please run init-store.\n",
    );
    said(
        "$P delete web",
        0,
        "Image `web` not found. Skipping delete.\n",
    );
    let top = scene.top.path().display();
    said("$P clean", 0, &format!("no store found at {top}/plugin\n"));
    said("$P delete-store", 0, "");
    said("$P init-store --store-size-bytes 1000000", 0, "");
    said("$P init-store", 0, "");
    said("$P list", 0, "Store empty\n");
    said(
        "$P init-store --uid-mapping 0:5000:1 --gid-mapping 0:5000:1",
        1,
        "provided UID mappings do not match those already configured in the store\n",
    );

    let ran = scene.run(
        "$P create --disk-limit-size-bytes 1000000 $TOP/base.tar web
        cat $TOP/plugin/images/web/rootfs/etc/motd
        $P stats web; $P stats $TOP/plugin/images/web; $P list; $P capacity",
    );
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let lines: Vec<_> = ran.out.lines().collect();
    let created = json(lines[0]);
    assert_eq!(
        created["root"]["path"],
        format!("{top}/plugin/images/web/rootfs")
    );
    assert!(created.get("mounts").is_none());
    assert!(created["process"].get("env").is_none());
    assert_eq!(lines[1], "base");
    for line in &lines[2..4] {
        let stats = json(line);
        let usage = stats["disk_usage"].as_object().unwrap();
        assert_eq!(stats.as_object().unwrap().len(), 1);
        assert!(usage.values().all(Value::is_u64), "{line}");
        assert!(usage["total_bytes_used"].as_u64().unwrap() >= 200_000);
        assert!(usage["quota_size_bytes"].as_u64().unwrap() < 1_000_000);
    }
    assert_eq!(lines[4], format!("{top}/plugin/images/web"));
    assert!(json(lines[5])["capacity"].as_u64().unwrap() > 0);

    let refused = [
        (
            "create $TOP/base.tar web",
            "image for id `web` already exists",
        ),
        (
            "create $TOP/base.tar a/b",
            "id `a/b` contains invalid characters: `/`",
        ),
        ("create $TOP/none.tar x", "Image source doesn't exist"),
        (
            "create --disk-limit-size-bytes -1 $TOP/base.tar x",
            "invalid argument: disk limit cannot be negative",
        ),
        (
            "create --with-clean --without-clean $TOP/base.tar x",
            "with-clean and without-clean cannot be used together",
        ),
        (
            "create --disk-limit-size-bytes 1000 $TOP/base.tar x",
            "layers exceed disk quota ",
        ),
        ("stats x", "Image `x` not found."),
        ("create onlyone", "required arguments were not provided"),
        ("nonsense", "unrecognized subcommand"),
    ];
    for (words, text) in refused {
        let ran = scene.run(&format!("$P {words}"));
        assert!(ran.code == 1 && ran.out.contains(text), "{words}: {ran:?}");
        assert_eq!(ran.err, "", "{words}");
    }
    said("$P delete web", 0, "Image web deleted\n");
    said(
        "$P delete web",
        0,
        "Image `web` not found. Skipping delete.\n",
    );
    let outside = scene.run("$P delete /somewhere/web");
    assert!(
        outside.code == 0 && outside.out.contains("outside"),
        "{outside:?}"
    );
    said(
        "$P clean --threshold-bytes 100000000",
        0,
        "threshold not reached: skipping clean\n",
    );
    said("$P clean", 0, "clean completed\n");
    said("$P delete-store", 0, "");
    assert!(!scene.path("plugin").exists());
}

#[test]
fn the_plugin_takes_its_settings_from_a_file() {
    let scene = Scene::new();
    let top = scene.top.path().display();
    let config = format!(
        "store: {top}/other\nlog_level: debug\nlog_timestamp_format: rfc3339\ncreate:\n  \
         without_mount: true\n  insecure_registries: []\n  exclude_image_from_quota: true\n\
         clean:\n  ignore_images: []\ninit:\n  store_size_bytes: 12345\n"
    );
    std::fs::write(scene.path("config.yml"), config).unwrap();
    let ran = scene.run(
        "ln -s $WARREN $TOP/grootfs; P=\"$TOP/grootfs --config $TOP/config.yml\"
        $P init-store; $P create --disk-limit-size-bytes 1000 $TOP/base.tar a; $P capacity
        ls $TOP/other/images/a/rootfs; $P delete $TOP/other/images/a",
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<_> = ran.out.lines().collect();
    let created = json(lines[0]);
    let mount = &created["mounts"][0];
    assert_eq!(created["mounts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&mount["destination"], &mount["type"], &mount["source"]),
        (&"/".into(), &"overlay".into(), &"overlay".into())
    );
    let options = mount["options"].as_array().unwrap();
    assert_eq!(options.len(), 1);
    let option = options[0].as_str().unwrap();
    assert!(
        option.starts_with(&format!("lowerdir={top}/other/layers/")),
        "{option}"
    );
    assert_eq!(json(lines[1])["capacity"], 12345);
    assert_eq!(&lines[2..], ["Image a deleted"]);
    // Failures are logged too.
    let ran = scene.run("$WARREN rootfs plugin --config $TOP/config.yml stats none || true");
    assert_eq!(json(&ran.err)["message"], "grootfs.stats.failed");
}

#[test]
fn the_answer_without_a_mount_can_be_mounted() {
    let scene = Scene::new();
    let ran = scene.run(
        "$P init-store; $P create --without-mount $TOP/base.tar a >$TOP/answer
        python3 - $TOP/answer >$TOP/options <<'END'\nimport json,sys\nprint(json.load(open(sys.argv[1]))['mounts'][0]['options'][0])\nEND\n\
        mkdir $TOP/m; mount -t overlay overlay -o $(cat $TOP/options) $TOP/m
        cat $TOP/m/etc/motd; echo x >$TOP/m/new; umount $TOP/m; $P delete a",
    );
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "base\nImage a deleted\n"),
        "{ran:?}"
    );
}

#[test]
fn cleaning_after_an_image_is_not_waited_for() {
    let scene = Scene::new();
    let ran = scene.run(
        "$P init-store; $P create $TOP/base.tar a >/dev/null; $P delete a >/dev/null
        echo more >>$TOP/tree/etc/motd; tar -C $TOP/tree -cf $TOP/base.tar .
        ls $TOP/plugin/layers | wc -l
        $P create --with-clean --threshold-bytes 900000000 $TOP/base.tar b >/dev/null
        ls $TOP/plugin/layers | wc -l
        $P create --with-clean $TOP/base.tar c >/dev/null
        for i in $(seq 300); do [ $(ls $TOP/plugin/layers | wc -l) = 1 ] && break; sleep 0.1; done
        ls $TOP/plugin/layers | wc -l; $P delete b; $P delete c",
    );
    let expected = "1\n2\n1\nImage b deleted\nImage c deleted\n";
    assert_eq!((ran.code, ran.out.as_str()), (0, expected), "{ran:?}");
}

/// As for unprivileged containers: root is another, and the rest are shifted.
#[test]
fn owners_are_mapped() {
    let scene = Scene::new();
    let ran = scene.run(
        "chown 1000:1000 $TOP/tree/etc/motd; tar -C $TOP/tree -cf $TOP/base.tar .
        M='0:4294967294:1 1:65536:10000'; for m in $M; do A=\"$A --uid-mapping $m --gid-mapping $m\"; done
        $P init-store $A; $P create $TOP/base.tar a >/dev/null; cd $TOP/plugin/images/a/rootfs
        stat -c '%u %g' . zero etc/motd; $P delete a",
    );
    let root = "4294967294 4294967294\n";
    let expected = format!("{root}{root}66535 66535\nImage a deleted\n");
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, expected.as_str()),
        "{ran:?}"
    );
}

/// A registry's answers for one image; the layer stops half-way and stays so, once told.
fn stalling_registry(layer: Vec<u8>, stalled: Sender<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        use warren_container_rootfs::layer::Digest;
        let digest = Digest::of(&layer);
        let config = format!(r#"{{"rootfs":{{"type":"layers","diff_ids":["{digest}"]}}}}"#);
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"{}"}},"layers":[{{"digest":"{digest}","size":{}}}]}}"#,
            Digest::of(config.as_bytes()),
            layer.len()
        );
        let mut is_first = true;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let _ = reader.read_line(&mut line);
            let mut body: &[u8] = b"{}";
            if line.contains("/manifests/") {
                body = manifest.as_bytes();
            } else if line.contains(&digest.to_string()) {
                body = &layer;
            } else if line.contains("/blobs/") {
                body = config.as_bytes();
            } else if !line.starts_with("GET") {
                continue;
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            if is_first && body.len() == layer.len() {
                is_first = false;
                stream.write_all(&body[..body.len() / 2]).unwrap();
                stalled.send(()).unwrap();
                // Until the other side is gone.
                let mut rest = Vec::new();
                let _ = reader.read_to_end(&mut rest);
            } else {
                let _ = stream.write_all(body);
            }
        }
    });
    address
}

fn entries(path: &Path) -> usize {
    std::fs::read_dir(path).map_or(0, Iterator::count)
}

#[test]
fn a_pull_that_was_killed_leaves_a_store_that_goes_on() {
    let scene = Scene::new();
    let layer = std::fs::read(scene.path("base.tar")).unwrap();
    let (stalled, is_stalled) = channel();
    let address = stalling_registry(layer, stalled);
    let store = scene.path("store");
    let mut command = Command::new(WARREN);
    command.args(["rootfs", "pull", "--insecure-registry", &address, "--store"]);
    command.arg(&store).arg(format!("docker://{address}/a"));
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    is_stalled.recv_timeout(Duration::from_secs(30)).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while entries(&store.join("tmp")) == 0 {
        assert!(
            std::time::Instant::now() < deadline,
            "nothing is being made"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        (entries(&store.join("tmp")), entries(&store.join("layers"))),
        (1, 0)
    );

    let output = command.stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        (entries(&store.join("tmp")), entries(&store.join("layers"))),
        (0, 1)
    );
}

#[test]
fn passwords_come_from_the_environment_and_are_told_to_nobody() {
    let scene = Scene::new();
    let ran = scene.run("$WARREN rootfs pull --store $TOP/s --username me docker:///a");
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("WARREN_REGISTRY_PASSWORD is not set"),
        "{ran:?}"
    );
    let line = "WARREN_REGISTRY_PASSWORD=s3cret $WARREN rootfs pull --store $TOP/s --username me \
        --docker-registry 127.0.0.1:1 docker:///a";
    let ran = scene.run(line);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("127.0.0.1:1"), "{ran:?}");
    assert!(!format!("{ran:?}").contains("s3cret"), "{ran:?}");
}

/// In a user namespace of its own no mount can show other owners, and overlayfs takes only
/// attributes in `user.`.
#[test]
fn a_store_inside_a_user_namespace() {
    let scene = Scene::new();
    let inside = "P='./warren rootfs plugin --store store/s'; mkdir store
        ./warren rootfs probe --store store/p --json >probe.json
        $P init-store --uid-mapping 0:1000:1 --uid-mapping 1:2000:9000 --gid-mapping 0:1000:1 \
            --gid-mapping 1:2000:9000
        $P create $PWD/base.tar mapped >/dev/null
        $P create $PWD/base.tar again >/dev/null
        for i in mapped again; do stat -c '%u %g' store/s/images/$i/rootfs/zero \
            store/s/images/$i/rootfs/etc/motd; done
        $P delete mapped; $P delete again; $P clean; rm -r store";
    std::fs::write(scene.path("inside.sh"), inside).unwrap();
    let ran = scene.run(
        "cd $TOP; chown 7:7 tree/etc/motd; tar -C tree -cf base.tar .; cp $WARREN warren
        chown -R 100000:100000 .; unshare --user sleep 60 & pid=$!
        while [ $(readlink /proc/$pid/ns/user) = $(readlink /proc/self/ns/user) ]; do sleep 0.02; done
        echo 0 100000 65536 >/proc/$pid/uid_map; echo 0 100000 65536 >/proc/$pid/gid_map
        nsenter --target $pid --user unshare --mount sh -e inside.sh || code=$?
        kill $pid; wait $pid || exit ${code-0}",
    );
    let owners = "1000 1000\n2006 2006\n".repeat(2);
    let expected = format!("{owners}Image mapped deleted\nImage again deleted\nclean completed\n");
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, expected.as_str()),
        "{ran:?}"
    );
    let probe = json(&std::fs::read_to_string(scene.path("probe.json")).unwrap());
    let report = &probe["report"];
    assert_eq!(report["userxattr"], true, "{report}");
    assert_eq!(report["chosen"], "overlay", "{report}");
    assert!(report["mapped_ids"]["fails"].is_object(), "{report}");
}
