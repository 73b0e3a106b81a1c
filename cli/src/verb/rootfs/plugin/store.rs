//! The plugin's store: an ordinary store with a file of its own, `plugin.json`, that says how owners
//! are mapped. Without that file it has not been initialised.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use warren_container_rootfs::layer::Limits;
use warren_container_rootfs::store::{Options, Store};

use super::commands::CleanAfter;
use super::config::Config;
use super::mappings::Mappings;
use super::texts::Failed;

/// What all commands are given.
#[derive(Debug)]
pub struct Context {
    pub root: PathBuf,
    pub config: Config,
    pub config_path: Option<PathBuf>,
}

impl Context {
    fn settings_path(&self) -> PathBuf {
        self.root.join("plugin.json")
    }

    /// Whether `init-store` was here.
    pub fn is_initialised(&self) -> bool {
        self.settings_path().exists()
    }

    /// Opens the store; layers may have at most `limit` bytes.
    pub fn open(&self, limit: Option<u64>) -> Result<(Store, Mappings), Failed> {
        let path = self.settings_path();
        let Ok(bytes) = std::fs::read(&path) else {
            let text = "Store path is not initialized. Please run init-store.";
            return Err(Failed::Text(text.to_owned()));
        };
        let mappings = serde_json::from_slice(&bytes)
            .map_err(|error| Failed::Text(format!("reading {}: {error}", path.display())))?;
        Ok((self.open_anyhow(limit)?, mappings))
    }

    fn open_anyhow(&self, limit: Option<u64>) -> Result<Store, Failed> {
        let mut limits = Limits::default();
        limits.bytes = limit.unwrap_or(limits.bytes);
        let options = Options {
            limits,
            ..Options::default()
        };
        Ok(Store::open(&self.root, &options)?)
    }

    /// Makes the store, or sees that it is the one that is wanted.
    pub fn initialise(&self, wanted: &Mappings) -> Result<(), Failed> {
        if !rustix::process::geteuid().is_root() {
            let root = self.root.display();
            let text = format!("store {root} can only be initialized by Root user");
            return Err(Failed::Text(text));
        }
        if wanted.uid_mappings != wanted.gid_mappings {
            let text = "UID and GID mappings that differ are not supported";
            return Err(Failed::Text(text.to_owned()));
        }
        if self.is_initialised() {
            let (_, found) = self.open(None)?;
            if found.uid_mappings != wanted.uid_mappings {
                let text =
                    "provided UID mappings do not match those already configured in the store";
                return Err(Failed::Text(text.to_owned()));
            }
            return Ok(());
        }
        self.open_anyhow(None)?;
        let path = self.settings_path();
        let json = serde_json::to_vec(wanted).unwrap_or_default();
        // Whole or not at all.
        let beside = self
            .root
            .join(format!("plugin.json.{}", std::process::id()));
        std::fs::write(&beside, json)
            .and_then(|()| std::fs::rename(&beside, &path))
            .map_err(|error| Failed::Text(format!("writing {}: {error}", path.display())))
    }

    /// Removes every image and the store.
    pub fn delete(&self) -> Result<(), Failed> {
        if !self.root.join("version").exists() {
            return Ok(());
        }
        let store = self.open_anyhow(None)?;
        for id in store.list_all()? {
            store.destroy(&id)?;
        }
        drop(store);
        std::fs::remove_dir_all(&self.root)
            .map_err(|error| Failed::Text(format!("removing {}: {error}", self.root.display())))
    }

    /// The id in what may be an id or the path of an image; `None` for a path outside the store.
    pub fn id<'a>(&self, id_or_path: &'a str) -> Option<&'a str> {
        if !id_or_path.starts_with('/') {
            return Some(id_or_path);
        }
        let images = [Some(self.root.clone()), self.root.canonicalize().ok()];
        let below = images.into_iter().flatten().find_map(|root| {
            let rest = Path::new(id_or_path).strip_prefix(root.join("images")).ok();
            rest.and_then(|rest| rest.iter().next()?.to_str())
        });
        below.filter(|id| !id.is_empty())
    }

    /// Starts `clean` and does not wait: whoever waits for an image does not wait for that.
    pub fn clean_in_background(&self, wanted: &CleanAfter) {
        let Ok(program) = std::env::current_exe() else {
            return;
        };
        let mut command = Command::new(program);
        command
            .args(["rootfs", "plugin", "--store"])
            .arg(&self.root);
        if let Some(path) = &self.config_path {
            command.arg("--config").arg(path);
        }
        if let Some(path) = &wanted.log_file {
            command.arg("--log-file").arg(path);
        }
        command.arg("clean").process_group(0);
        if let Some(bytes) = wanted.threshold {
            command.arg(format!("--threshold-bytes={bytes}"));
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // What is not cleaned now is cleaned after the next image.
        let _ = command.spawn();
    }
}
