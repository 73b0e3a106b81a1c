//! Where the executables are that tests run, built if need be.
//!
//! Cargo builds a crate's own executables for its tests, but not those of the
//! crates it depends on. So each is built on first use, into the target directory
//! and profile of the running test, which costs a fraction of a second when
//! nothing changed. Whoever looks for leaks waits for that: cargo has processes and
//! files.
//!
//! Packages are never chosen: libraries are built with the features that all chosen
//! packages together want, so that choosing one builds half of them anew.
//!
//! Where there is no cargo, such as in a virtual machine, [`DIRECTORY`] says where
//! they are: `warren`, `warren-test-actor`, and `PACKAGE-NAME` for a test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use rustix::fs::Mode;
use rustix::process::umask;

use crate::gate::shared;

/// The environment variable that names a directory with all of them; nothing is
/// built then.
pub const DIRECTORY: &str = "WARREN_TEST_PROGRAMS";

/// The executable of an actor.
///
/// # Panics
/// If it cannot be built.
pub fn actor() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    // Taken before: whoever is alone behind the gate may want the same.
    let _gate = BUILT.get().is_none().then(shared);
    BUILT.get_or_init(|| build("warren-test-actor"))
}

/// The `warren` executable.
///
/// # Panics
/// If it cannot be built.
pub fn warren() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let _gate = BUILT.get().is_none().then(shared);
    BUILT.get_or_init(|| build("warren"))
}

/// The `warren` executable without what only a debugger reads, which is most of it: for whoever
/// copies it, archives it or starts it in a container.
///
/// # Panics
/// If it cannot be built, or without `strip`.
pub fn small_warren() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let _gate = MADE.get().is_none().then(shared);
    MADE.get_or_init(|| {
        if let Some(built) = already_built("warren") {
            return built;
        }
        let small = warren().with_file_name("warren-small");
        // Other tests may do the same at the same time.
        let new = small.with_extension(std::process::id().to_string());
        let mut strip = Command::new("strip");
        let done = strip.arg("-o").args([new.as_path(), warren()]).output();
        let done = done.and_then(|output| match output.status.success() {
            true => std::fs::rename(&new, &small),
            false => Err(std::io::Error::other(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            )),
        });
        match done {
            Ok(()) => small,
            Err(error) => panic!("cannot strip {} (binutils): {error}", warren().display()),
        }
    })
}

/// The executable of another crate's test `name`, to run it somewhere else.
///
/// # Panics
/// If it cannot be built.
pub fn test(package: &str, name: &str) -> PathBuf {
    if let Some(built) = already_built(&format!("{package}-{name}")) {
        return built;
    }
    let _gate = shared();
    let arguments = [
        "test",
        "--workspace",
        "--no-run",
        "--message-format",
        "json",
    ];
    let output = cargo(&[&arguments[..], &["--test", name]].concat(), name);
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut lines = messages.lines();
    match lines.find_map(|line| executable_of(line, package, name)) {
        Some(path) => path,
        None => panic!("cargo built no executable of test {name} of {package}:\n{messages}"),
    }
}

/// The executable that one of cargo's messages tells of, if it is that of test `name` of `package`,
/// whose folder's path is its name with dashes.
fn executable_of(message: &str, package: &str, name: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    let folder = folder.strip_prefix(workspace()).ok()?.to_str()?;
    let is_it = package == format!("warren-{}", folder.replace('/', "-"))
        && message["target"]["name"] == name
        && message["profile"]["test"] == true;
    message["executable"]
        .as_str()
        .filter(|_| is_it)
        .map(PathBuf::from)
}

/// The workspace this crate was built in.
pub fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// The target directory that the running test was built into.
///
/// # Panics
/// If the test does not run from one.
pub fn target() -> PathBuf {
    layout(&this_test()).target
}

/// The file of the running test.
fn this_test() -> PathBuf {
    match std::env::current_exe() {
        Ok(path) => path,
        Err(error) => panic!("cannot tell which file this test runs from: {error}"),
    }
}

/// What the path `TARGET/TRIPLE/PROFILE/deps/TEST`, or without `deps` for an executable that is
/// no test, says.
struct Layout {
    target: PathBuf,
    executables: PathBuf,
    profile: String,
}

fn layout(running: &Path) -> Layout {
    let found = (|| {
        let directory = running.parent()?;
        let is_test = directory.file_name()? == "deps";
        let executables = if is_test {
            directory.parent()?
        } else {
            directory
        };
        let profile = match executables.file_name()?.to_str()? {
            "debug" => "dev",
            "release" => "release",
            _ => return None,
        };
        Some(Layout {
            target: executables.ancestors().nth(2)?.to_owned(),
            executables: executables.to_owned(),
            profile: profile.to_owned(),
        })
    })();
    match found {
        Some(layout) => layout,
        None => panic!("{} is not where cargo puts executables", running.display()),
    }
}

/// Files that tests make have the usual rights from now on: users of containers read them, whatever whoever runs
/// the tests keeps from others of files of his own.
pub(crate) fn usual_umask() {
    umask(Mode::from_raw_mode(0o022));
}

fn already_built(name: &str) -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(|directory| Path::new(&directory).join(name))
}

fn build(name: &str) -> PathBuf {
    if let Some(built) = already_built(name) {
        return built;
    }
    cargo(&["build", "--workspace", "--bin", name], name);
    layout(&this_test()).executables.join(name)
}

/// Runs cargo with the target directory and profile of the running test.
fn cargo(arguments: &[&str], name: &str) -> Output {
    let layout = layout(&this_test());
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What cargo tells the running test about its package; some build scripts look at it, and
    // would be built anew for each package that asks.
    for (name, _) in std::env::vars_os() {
        let name_is = |start: &str| name.to_string_lossy().starts_with(start);
        if name_is("CARGO_PKG_") || name_is("CARGO_MANIFEST_") || name_is("CARGO_CRATE_NAME") {
            command.env_remove(&name);
        }
    }
    let output = command
        .args(arguments)
        .args(["--quiet", "--profile", &layout.profile, "--target-dir"])
        .arg(&layout.target)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => output,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            panic!("cannot build {name}:\n{said}")
        }
        Err(error) => panic!("cannot run cargo to build {name}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_test_says_where_everything_is() {
        let layout = layout(Path::new(
            "/t/x86_64-unknown-linux-gnu/debug/deps/unit-0123",
        ));
        assert_eq!(layout.target, Path::new("/t"));
        assert_eq!(
            layout.executables,
            Path::new("/t/x86_64-unknown-linux-gnu/debug")
        );
        assert_eq!(layout.profile, "dev");
        let bench = super::layout(Path::new("/t/x86_64-unknown-linux-gnu/release/bench"));
        assert_eq!(bench.target, Path::new("/t"));
        assert_eq!(bench.profile, "release");
    }

    #[test]
    fn cargos_message_names_the_executable() {
        let line = |folder: &str, name: &str, test: bool| {
            let message = serde_json::json!({
                "manifest_path": workspace().join(folder).join("Cargo.toml"),
                "profile": { "test": test },
                "target": { "name": name },
                "executable": "/t/x",
            });
            message.to_string()
        };
        let found = |line: &str| executable_of(line, "warren-a-b", "x");
        assert_eq!(found(&line("a/b", "x", true)), Some("/t/x".into()));
        assert_eq!(found(&line("a/b", "x", false)), None);
        assert_eq!(found(&line("a/b", "y", true)), None);
        assert_eq!(found(&line("a/c", "x", true)), None);
        assert_eq!(found("{\"reason\":\"build-finished\"}"), None);
    }

    #[test]
    fn the_workspace_is_found() {
        assert!(workspace().join("Cargo.lock").is_file());
    }
}
