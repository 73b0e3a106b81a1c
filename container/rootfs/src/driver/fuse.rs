//! fuse-overlayfs, where it is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::Errno;
use warren_sys_process::descriptor_limit::as_before;

use super::{Error, Overlay, Step};

/// Mounts with fuse-overlayfs, which stays as a process until it is unmounted.
pub(crate) fn mount(overlay: &Overlay, target: &Path) -> Result<(), Error> {
    let program = find().ok_or_else(|| {
        Error::at(Step::Find)(Errno::NOENT).with("no fuse-overlayfs in PATH; install it")
    })?;
    let lower: Vec<_> = overlay.lower.iter().map(|path| escaped(path)).collect();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.join(":"),
        escaped(&overlay.upper),
        escaped(&overlay.work)
    );
    let mut command = Command::new(program);
    let output = as_before(&mut command)
        .arg("-o")
        .arg(options)
        .arg(target)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(Error::io(Step::Mount))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::at(Step::Mount)(Errno::IO).with(format!("fuse-overlayfs: {words}")))
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join("fuse-overlayfs"));
    candidates.find(|candidate| candidate.is_file())
}

fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for character in path.to_string_lossy().chars() {
        if matches!(character, ',' | ':' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}
