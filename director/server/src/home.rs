//! The director's directory: what is missing is made, what is there is kept.
//!
//! Processes of several roles may start at once on an empty home: one makes things while it has
//! `HOME/.lock`, and the others find them.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use warren_director_bus::Users;
use warren_director_variables::{Identity, Purpose, identity};

use crate::{Error, Secrets};

/// Where a director and what belongs to it can be reached.
#[derive(Debug, Clone)]
pub struct Place {
    /// The address that agents and clients use.
    pub address: IpAddr,
    /// The port of the bus there.
    pub nats_port: u16,
}

/// A director's directory with all that is made once.
#[derive(Clone)]
pub struct Home {
    directory: PathBuf,
    /// Passwords.
    pub secrets: Secrets,
    /// The authority of servers.
    pub ca: Identity,
    /// The director's own server certificate.
    pub server: Identity,
    /// The authority of the bus.
    pub nats_ca: Identity,
    /// The bus's own server certificate.
    pub nats_server: Identity,
    /// The director at the bus.
    pub nats_director: Identity,
}

impl Home {
    /// Opens a directory and makes what is missing.
    ///
    /// # Errors
    /// [`Error`].
    pub fn prepare(directory: &Path, place: &Place) -> Result<Self, Error> {
        make(directory)?;
        let _locked = lock(&directory.join(".lock"))?;
        for name in [
            "certs", "nats", "blobs", "tasks", "uploads", "work", "metrics",
        ] {
            make(&directory.join(name))?;
        }
        let certs = directory.join("certs");
        let ca = pair(&certs, "ca", || {
            issue("warren-ca", &Purpose::Authority, None)
        })?;
        let mut addresses = vec![place.address, IpAddr::V4(Ipv4Addr::LOCALHOST)];
        addresses.dedup();
        let servers = Purpose::Server(addresses);
        // The name has the address in it, so that a director that moves gets a new one.
        let of_address = |name: &str| format!("{name}-{}", place.address).replace(':', "_");
        let server = pair(&certs, &of_address("director"), || {
            issue("director", &servers, Some(&ca))
        })?;
        let nats_ca = pair(&certs, "nats-ca", || {
            issue("default.nats-ca.bosh-internal", &Purpose::Authority, None)
        })?;
        let nats_server = pair(&certs, &of_address("nats"), || {
            issue("default.nats.bosh-internal", &servers, Some(&nats_ca))
        })?;
        let nats_director = pair(&certs, "nats-director", || {
            issue(
                "default.director.bosh-internal",
                &Purpose::Client,
                Some(&nats_ca),
            )
        })?;
        let home = Self {
            directory: directory.to_owned(),
            secrets: secrets(&directory.join("secrets.json"))?,
            ca,
            server,
            nats_ca,
            nats_server,
            nats_director,
        };
        home.write_nats(place, &of_address("nats"))?;
        Ok(home)
    }

    /// A path of the home.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Who may use the bus.
    #[must_use]
    pub fn users(&self) -> Users {
        Users::new(
            &self.path("nats/auth.json"),
            &self.path("nats/nats-server.pid"),
        )
    }

    fn write_nats(&self, place: &Place, certificate: &str) -> Result<(), Error> {
        let certs = self.path("certs");
        let text = format!(
            "listen: \"{}\"\n\
             pid_file: \"{}\"\n\
             max_payload: {MAX_PAYLOAD}\n\
             ping_interval: \"5s\"\n\
             ping_max: 2\n\
             write_deadline: \"20s\"\n\
             tls {{\n  cert_file: \"{}\"\n  key_file: \"{}\"\n  ca_file: \"{}\"\n  \
             verify_and_map: true\n  timeout: 10\n}}\n\
             include auth.json\n",
            SocketAddr::new(any(place.address), place.nats_port),
            self.path("nats/nats-server.pid").display(),
            certs.join(format!("{certificate}.crt")).display(),
            certs.join(format!("{certificate}.key")).display(),
            certs.join("nats-ca.crt").display(),
        );
        write(&self.path("nats/nats.cfg"), text.as_bytes(), 0o640)?;
        // A server needs the file to start; the director fills it.
        if !self.path("nats/auth.json").exists() {
            let nobody = self.users().document(&std::collections::BTreeMap::new());
            write(
                &self.path("nats/auth.json"),
                format!("{nobody:#}\n").as_bytes(),
                0o640,
            )?;
        }
        Ok(())
    }
}

/// What the bus carries in one message: as much as its server takes without a warning, so that rendered
/// templates go by it. Stock has 1 MiB.
const MAX_PAYLOAD: &str = "8MB";

/// How long certificates are good, in days.
const DAYS: i64 = 3650;

fn issue(name: &str, purpose: &Purpose, authority: Option<&Identity>) -> Result<Identity, Error> {
    identity(name, purpose, authority, warren_director_store::now(), DAYS).map_err(|source| {
        Error::Certificate {
            name: name.to_owned(),
            source,
        }
    })
}

fn any(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    }
}

fn secrets(path: &Path) -> Result<Secrets, Error> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|source| Error::Document {
            path: path.to_owned(),
            source,
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secrets = Secrets::generate();
            let text = serde_json::to_vec_pretty(&secrets).map_err(|source| Error::Document {
                path: path.to_owned(),
                source,
            })?;
            write(path, &text, 0o600)?;
            Ok(secrets)
        }
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// A certificate and its key from two files, made if one is missing.
fn pair(
    directory: &Path,
    name: &str,
    make: impl FnOnce() -> Result<Identity, Error>,
) -> Result<Identity, Error> {
    let certificate = directory.join(format!("{name}.crt"));
    let key = directory.join(format!("{name}.key"));
    if certificate.exists() && key.exists() {
        return Ok(Identity {
            certificate: fs::read_to_string(&certificate).map_err(failed("read", &certificate))?,
            key: fs::read_to_string(&key).map_err(failed("read", &key))?,
        });
    }
    let made = make()?;
    // The key first: a certificate without key is made anew, and so is one without the other.
    write(&key, made.key.as_bytes(), 0o600)?;
    write(&certificate, made.certificate.as_bytes(), 0o644)?;
    Ok(made)
}

/// Waits for a file's lock; given back when the file is closed.
fn lock(path: &Path) -> Result<fs::File, Error> {
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed("make", path))?;
    file.lock().map_err(failed("lock", path))?;
    Ok(file)
}

pub(crate) fn make(directory: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(directory)
        .map_err(failed("make", directory))
}

/// Writes a file as a whole. The name that it has meanwhile is its own: what a process that was killed left of another
/// file has that one's mode, which a key must not get.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(failed("remove", &new)(error));
        }
        _ => {}
    }
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&new, path))
        .map_err(failed("write", path))
}

pub(crate) fn failed(step: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { step, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_key_is_its_owners_alone_whatever_was_left() {
        let home = tempfile::tempdir().unwrap();
        let certs = home.path().join("certs");
        make(&certs).unwrap();
        // A certificate whose writer was killed, under both names that it may have had.
        for left in ["ca.new", "ca.crt.new", "ca.key.new"] {
            let path = certs.join(left);
            fs::write(&path, "x").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        }
        let place = Place {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            nats_port: 4222,
        };
        let made = Home::prepare(home.path(), &place).unwrap();
        let key = certs.join("ca.key");
        assert_eq!(fs::read_to_string(&key).unwrap(), made.ca.key);
        assert_eq!(key.metadata().unwrap().mode() & 0o777, 0o600);
    }
}
