//! The commands: their flags, what they do, what they answer.

use std::path::PathBuf;

use serde_json::json;
use warren_container_rootfs::image::{Damaged, Request, Unmounted};
use warren_container_rootfs::store::{self, Lease};
use warren_registry::{Credentials, Settings, source_in};

use super::mappings::{Mapping, Mappings};
use super::store::Context;
use super::texts::Failed;

/// The least that may be written to an image, however large its layers are.
const LEAST_QUOTA: u64 = 256 * 1024;

/// A command.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make the store
    InitStore(InitStore),
    /// Remove all images and the store
    DeleteStore,
    /// Do nothing: sizes are always known
    #[command(hide = true)]
    GenerateVolumeSizeMetadata,
    /// Make a root file system
    Create(Create),
    /// Remove a root file system; none of that id is fine
    Delete {
        /// An id, or the path of an image
        id: String,
    },
    /// Tell how much a root file system takes
    Stats {
        /// An id, or the path of an image
        id: String,
    },
    /// Remove unused layers
    Clean {
        /// Do nothing while less than this is promised and kept
        #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
        threshold_bytes: Option<i64>,
    },
    /// List the images
    List,
    /// Tell how much the store may hold
    Capacity,
}

/// Make the store.
#[derive(clap::Args, Debug)]
pub struct InitStore {
    /// Owners inside, outside, and how many
    #[arg(long, value_name = "INSIDE:OUTSIDE:COUNT")]
    uid_mapping: Vec<Mapping>,
    /// Groups, the same as owners
    #[arg(long, value_name = "INSIDE:OUTSIDE:COUNT")]
    gid_mapping: Vec<Mapping>,
    /// Not needed: there is no file behind the store
    #[arg(long, value_name = "BYTES", hide = true)]
    store_size_bytes: Option<i64>,
    /// Not needed
    #[arg(long, hide = true)]
    with_direct_io: bool,
}

/// Make a root file system.
#[derive(clap::Args, Debug)]
pub struct Create {
    /// Most bytes to be written to it; with those of its layers, unless they are excluded
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    disk_limit_size_bytes: Option<i64>,
    /// The layers do not count
    #[arg(long)]
    exclude_image_from_quota: bool,
    /// A registry that may be insecure
    #[arg(long, value_name = "HOST[:PORT]")]
    insecure_registry: Vec<String>,
    /// Do not check the layers of layouts
    #[arg(long)]
    skip_layer_validation: bool,
    /// Clean afterwards
    #[arg(long)]
    with_clean: bool,
    /// Do not
    #[arg(long)]
    without_clean: bool,
    /// For the cleaning
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    threshold_bytes: Option<i64>,
    /// Mount it
    #[arg(long)]
    with_mount: bool,
    /// Answer what is to be mounted instead
    #[arg(long)]
    without_mount: bool,
    /// For the registry
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// For the registry
    #[arg(long, value_name = "PASSWORD")]
    password: Option<Password>,
    /// Where the cleaning writes its log lines
    #[arg(long, value_name = "FILE")]
    clean_log_file: Option<PathBuf>,
    /// docker://NAME, oci:///DIR or oci:///DIR:TAG, a tar file or a directory
    image: String,
    /// Its id
    id: String,
}

/// Not to be seen.
#[derive(Clone, Default)]
struct Password(String);

impl std::str::FromStr for Password {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(hidden)")
    }
}

/// What goes to standard output.
#[derive(Debug, Default)]
pub struct Answer {
    pub text: String,
    /// Clean afterwards.
    pub clean_after: Option<CleanAfter>,
}

/// A cleaning that is not waited for.
#[derive(Debug)]
pub struct CleanAfter {
    /// If it is not that of the settings.
    pub threshold: Option<i64>,
    pub log_file: Option<PathBuf>,
}

impl From<String> for Answer {
    fn from(text: String) -> Self {
        Self {
            text,
            clean_after: None,
        }
    }
}

impl Command {
    /// As in log lines.
    pub fn name(&self) -> &'static str {
        match self {
            Command::InitStore(_) => "init-store",
            Command::DeleteStore => "delete-store",
            Command::GenerateVolumeSizeMetadata => "generate-volume-size-metadata",
            Command::Create(_) => "create",
            Command::Delete { .. } => "delete",
            Command::Stats { .. } => "stats",
            Command::Clean { .. } => "clean",
            Command::List => "list",
            Command::Capacity => "capacity",
        }
    }

    /// Does it.
    pub fn run(self, context: &Context) -> Result<Answer, Failed> {
        match self {
            Command::InitStore(init) => {
                context.initialise(&Mappings::new(init.uid_mapping, init.gid_mapping))?;
                Ok(Answer::default())
            }
            Command::DeleteStore => context.delete().map(|()| Answer::default()),
            Command::GenerateVolumeSizeMetadata => Ok(Answer::default()),
            Command::Create(create) => create.run(context),
            Command::Delete { id } => delete(context, &id),
            Command::Stats { id } => stats(context, &id),
            Command::Clean { threshold_bytes } => clean(context, threshold_bytes),
            Command::List => list(context),
            Command::Capacity => capacity(context),
        }
    }
}

impl Create {
    fn run(self, context: &Context) -> Result<Answer, Failed> {
        let defaults = &context.config.create;
        if self.with_clean && self.without_clean {
            return failed("with-clean and without-clean cannot be used together");
        }
        if self.with_mount && self.without_mount {
            return failed("with-mount and without-mount cannot be used together");
        }
        let limit = self.disk_limit_size_bytes;
        let limit = match limit.unwrap_or(defaults.disk_limit_size_bytes) {
            limit if limit < 0 => {
                return failed("invalid argument: disk limit cannot be negative");
            }
            0 => None,
            limit => Some(limit.unsigned_abs()),
        };
        if self.threshold_bytes.is_some_and(|bytes| bytes < 0) {
            return failed("invalid argument: clean threshold cannot be negative");
        }
        if self.id.contains('/') {
            return failed(&format!(
                "id `{}` contains invalid characters: `/`",
                self.id
            ));
        }
        let counts_layers = !self.exclude_image_from_quota && !defaults.exclude_image_from_quota;
        let bound = limit.filter(|_| counts_layers);
        let (store, mappings) = context.open(bound)?;
        if store.image(&self.id).is_ok() {
            let id = self.id;
            return Err(store::Error::AlreadyExists { id }.into());
        }
        let mut settings = Settings {
            insecure: defaults.insecure_registries.clone(),
            skip_layer_validation: self.skip_layer_validation || defaults.skip_layer_validation,
            ..Settings::default()
        };
        settings.insecure.extend(self.insecure_registry);
        if let Some(path) = &defaults.remote_layer_client_certificates_path {
            settings.layer_certificates.clone_from(path);
        }
        let credentials = self.username.map(|username| {
            let password = self.password.unwrap_or_default();
            Credentials::new(username, password.0)
        });
        let reference = self.image.parse();
        let reference = reference.map_err(warren_registry::Error::Reference)?;
        let source = source_in(&store, &reference, credentials.as_ref(), &settings)?.image;
        let sizes = (0..source.layers().len()).filter_map(|index| source.expected(index).blob_size);
        within(bound, sizes.sum())?;
        let leases = store.fetch(&*source)?;
        let base = base_bytes(&leases)?;
        within(bound, base)?;
        let quota = match bound {
            Some(bound) => Some(bound.saturating_sub(base).max(LEAST_QUOTA)),
            None => limit,
        };
        let ids = mappings.ids()?;
        let request = Request {
            id: &self.id,
            layers: &leases,
            quota,
            ids: ids.as_ref(),
        };
        let is_mounted = self.with_mount || !(self.without_mount || defaults.without_mount);
        let (image, unmounted) = match is_mounted {
            true => (store.create(request)?, None),
            false => store.create_unmounted(request)?,
        };
        let cleans = self.with_clean || (defaults.with_clean && !self.without_clean);
        let document = document(&image.rootfs, source.environment(), unmounted.as_ref());
        Ok(Answer {
            text: document.to_string(),
            clean_after: cleans.then(|| CleanAfter {
                threshold: self.threshold_bytes,
                log_file: self.clean_log_file.or(defaults.clean_log_file.clone()),
            }),
        })
    }
}

fn base_bytes(leases: &[Lease]) -> Result<u64, store::Error> {
    let mut bytes = 0u64;
    for lease in leases {
        bytes = bytes.saturating_add(lease.info()?.bytes);
    }
    Ok(bytes)
}

fn within(bound: Option<u64>, bytes: u64) -> Result<(), Failed> {
    match bound {
        Some(bound) if bytes > bound => {
            let text = format!("layers exceed disk quota {bytes}/{bound} bytes");
            Err(Failed::Text(text))
        }
        _ => Ok(()),
    }
}

/// The part of an OCI runtime specification that guardian reads.
fn document(
    rootfs: &std::path::Path,
    environment: &[String],
    unmounted: Option<&Unmounted>,
) -> serde_json::Value {
    let mut process = json!({"user": {"uid": 0, "gid": 0}, "cwd": ""});
    if !environment.is_empty() {
        process["env"] = json!(environment);
    }
    let mut document = json!({
        "ociVersion": "",
        "process": process,
        "root": {"path": rootfs},
    });
    if let Some(overlay) = unmounted {
        let lower: Vec<_> = overlay
            .lower
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let mut options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            overlay.upper.display(),
            overlay.work.display()
        );
        if overlay.userxattr {
            options += ",userxattr";
        }
        document["mounts"] = json!([{
            "destination": "/",
            "type": "overlay",
            "source": "overlay",
            "options": [options],
        }]);
    }
    document
}

fn delete(context: &Context, id_or_path: &str) -> Result<Answer, Failed> {
    let not_found = || format!("Image `{id_or_path}` not found. Skipping delete.").into();
    let Some(id) = context.id(id_or_path) else {
        let root = context.root.display();
        return Ok(format!("path is outside store path: {id_or_path} (store {root})").into());
    };
    // Guardian asks both of its stores; one may never have been made.
    if !context.is_initialised() {
        return Ok(not_found());
    }
    let (store, _) = context.open(None)?;
    match store.destroy(id) {
        Ok(true) => Ok(format!("Image {id} deleted").into()),
        Ok(false) | Err(store::Error::InvalidId { .. }) => Ok(not_found()),
        Err(error) => Err(error.into()),
    }
}

fn stats(context: &Context, id_or_path: &str) -> Result<Answer, Failed> {
    let not_found = || Failed::Text(format!("Image `{id_or_path}` not found."));
    let id = context.id(id_or_path).ok_or_else(not_found)?;
    let (store, _) = context.open(None)?;
    let stats = match store.stats(id) {
        Err(store::Error::NotFound { .. } | store::Error::InvalidId { .. }) => {
            return Err(not_found());
        }
        stats => stats?,
    };
    let document = json!({"disk_usage": {
        "total_bytes_used": stats.total,
        "exclusive_bytes_used": stats.exclusive,
        "quota_size_bytes": stats.quota.bytes().unwrap_or(0),
        "committed_space_bytes": store.usage()?.quotas,
    }});
    Ok(document.to_string().into())
}

fn clean(context: &Context, threshold: Option<i64>) -> Result<Answer, Failed> {
    let threshold = threshold.unwrap_or(context.config.clean.threshold_bytes);
    let Ok(threshold) = u64::try_from(threshold) else {
        return failed("invalid argument: clean threshold cannot be negative");
    };
    if !context.is_initialised() {
        return Ok(format!("no store found at {}", context.root.display()).into());
    }
    let (store, _) = context.open(None)?;
    let usage = store.usage()?;
    if usage.layers.saturating_add(usage.quotas) < threshold {
        return Ok("threshold not reached: skipping clean".to_owned().into());
    }
    if let Some(Damaged { id, why }) = store.collect()?.damaged.first() {
        return failed(&format!(
            "image `{id}` does not tell which layers it has, delete it: {why}"
        ));
    }
    Ok("clean completed".to_owned().into())
}

fn list(context: &Context) -> Result<Answer, Failed> {
    let (store, _) = context.open(None)?;
    let path = |id: String| store.root().join("images").join(id).display().to_string();
    let paths: Vec<_> = store.list()?.into_iter().map(path).collect();
    Ok(match paths.is_empty() {
        true => "Store empty".to_owned().into(),
        false => paths.join("\n").into(),
    })
}

/// What was promised, or else the room of the file system: zero would be refused by who asks.
fn capacity(context: &Context) -> Result<Answer, Failed> {
    let promised = u64::try_from(context.config.init.store_size_bytes).unwrap_or(0);
    let capacity = match promised {
        0 => context.open(None)?.0.capacity()?.total,
        promised => promised,
    };
    Ok(json!({"capacity": capacity}).to_string().into())
}

fn failed<T>(text: &str) -> Result<T, Failed> {
    Err(Failed::Text(text.to_owned()))
}
