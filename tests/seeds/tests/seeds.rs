//! Every fuzz target compiles, and holds on the inputs that it starts from and on some more that everybody
//! tries first: nothing, one byte, zeros, and the first half of each input.
//!
//! The list here is that of `fuzz/fuzz_targets`, of `fuzz/Cargo.toml` and of `docs/fuzzing.md`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

// By the names that targets have for them.
extern crate warren_tests_seeds as libfuzzer_sys;
extern crate warren_tests_seeds as warren_fuzz;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        #[path = "../../../fuzz/fuzz_targets"]
        #[expect(clippy::expect_used, reason = "a target fails by panicking")]
        #[expect(unused_attributes, reason = "each is a program of its own to a fuzzer")]
        mod target {
            $(pub mod $name;)*
        }

        /// Their names, and what they do with an input.
        const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), target::$name::run)),*];
    };
}

targets![
    agent_digest,
    agent_full_settings,
    agent_https,
    agent_request,
    agent_settings,
    apply_spec,
    bpf_interpret,
    bpm_yml,
    certificate_expiry,
    cpi_request,
    cpu_list,
    dbus_message,
    device_program,
    device_rule,
    devices_list,
    director_api,
    director_client,
    dns_answer,
    dns_message,
    dns_records,
    dns_zone,
    flat_keyed,
    garden_answer,
    garden_config,
    garden_json,
    garden_route,
    hijack,
    hosts_file,
    http_chunked,
    http_head,
    image_json,
    image_name,
    interpolate,
    job_mf,
    job_name,
    layer_unpack,
    manifest,
    mbus_url,
    monit_http,
    monit_status,
    monitrc,
    mountinfo,
    nats_stream,
    netlink_message,
    network_record,
    nflog_packet,
    nft_change,
    nft_elements,
    nft_rule,
    oci_bundle,
    ops_file,
    ops_path,
    pressure,
    proc_cgroup,
    proc_stat,
    registry_auth,
    release_mf,
    release_pattern,
    release_tarball,
    resolv_conf,
    rtnetlink,
    runtime_log,
    shim_frames,
    shim_json,
    socket_answer,
    stemcell_mf,
    stream_extract,
    tar_read,
    tar_write,
    users,
    version_order,
    yaml,
];

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
}

#[test]
fn all_hold_on_what_they_start_from() {
    for (name, run) in TARGETS {
        let mut inputs = vec![Vec::new(), vec![b'0'], vec![0; 512]];
        if let Ok(seeds) = fs::read_dir(workspace().join("fuzz/seeds").join(name)) {
            for seed in seeds {
                let bytes = fs::read(seed.unwrap().path()).unwrap();
                inputs.push(bytes[..bytes.len() / 2].to_vec());
                inputs.push(bytes);
            }
        }
        for input in inputs {
            println!("{name}: {}", input.escape_ascii());
            run(&input);
        }
    }
    // Some keep a place of their own as long as they may be asked again.
    let ours = format!("warren-fuzz-{}", std::process::id());
    for place in fs::read_dir("/dev/shm").unwrap() {
        let path = place.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if name != ours && !name.starts_with(&format!("{ours}-")) {
            continue;
        }
        match path.is_dir() {
            true => fs::remove_dir_all(&path).unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
    }
}

#[test]
fn the_lists_are_the_same() {
    let read = |path: &str| fs::read_to_string(workspace().join(path)).unwrap();
    let ours: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let files = fs::read_dir(workspace().join("fuzz/fuzz_targets")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let files: BTreeSet<String> = files
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(files, ours);
    let manifest = read("fuzz/Cargo.toml");
    let (_, bins) = manifest.split_once("[[bin]]").unwrap();
    let bins = bins
        .lines()
        .filter_map(|line| line.strip_prefix("name = \""));
    let bins: BTreeSet<String> = bins
        .map(|name| name.trim_end_matches('"').to_owned())
        .collect();
    assert_eq!(bins, ours);
    let documentation = read("docs/fuzzing.md");
    let rows = documentation
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let rows: BTreeSet<String> = rows
        .filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect();
    assert_eq!(rows, ours);
}
