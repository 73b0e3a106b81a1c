//! `--vars-store`: a YAML file of values, in which those are made and kept that nothing else gives.
//!
//! The file is written anew, readable by its owner alone, as soon as a value was made; not at all
//! if none was. Keys that it has stay as they are.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use warren_director_variables::Store;
use warren_wire_manifest::yaml::{Dialect, Mapping, Value, parse, to_go};

use super::problem::Problem;

/// The kernel's randomness.
pub struct Kernel;

impl rand_core::TryRng for Kernel {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let flags = rustix::rand::GetRandomFlags::empty();
            match rustix::rand::getrandom(&mut *rest, flags) {
                Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
                // It waits until there is randomness; nothing else can go wrong with it.
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(10)),
            }
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Kernel {}

/// The values of a file; none if there is no file.
pub fn read(path: &Path) -> Result<Mapping, Problem> {
    let failed = |text: String| {
        Problem::text(text).step(format!("Reading variables store '{}'", path.display()))
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error.to_string())),
    };
    if text.trim().is_empty() {
        return Ok(Mapping::new());
    }
    match parse(&text, Dialect::Go).map_err(|error| failed(error.to_string()))? {
        Value::Map(values) => Ok(values),
        Value::Null => Ok(Mapping::new()),
        _ => Err(failed("Expected a map of variables".to_owned())),
    }
}

/// Writes values that were made, whatever becomes of the rest.
pub fn write(path: &Path, store: &Store<'_>) -> Result<(), Problem> {
    if !store.is_changed() {
        return Ok(());
    }
    let failed = |error: std::io::Error| {
        let step = format!("Writing variables store '{}'", path.display());
        Problem::text(error.to_string()).step(step)
    };
    // A link stays one: the file that it is of is replaced.
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let parent = real.parent().filter(|parent| *parent != Path::new(""));
    let mut builder = tempfile::Builder::new();
    let permissions = std::fs::Permissions::from_mode(0o600);
    let made = builder.prefix(".new-").permissions(permissions);
    let made = made.tempfile_in(parent.unwrap_or(Path::new(".")));
    let mut file = made.map_err(failed)?;
    let text = to_go(&Value::Map(store.values().clone()));
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&real).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}
