//! What an environment will have, before anything of it can be seen.
//!
//! Minutes may pass between the look at what is free and the first link that has an address: an image is made
//! meanwhile. So networks and letters are claimed first, and looked at again then. A claim is a table of nftables with
//! nothing in it, which belongs to its maker: the kernel has one of a name in each network namespace, which is where
//! addresses and names of links have to differ, lets nobody make one who may not make links either, and removes it
//! when its maker ends, however that is.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use warren_sys_nft::{Batch, Family, Nft, Table};

use crate::Error;

/// Claims, as many as are taken, until it is dropped.
pub(crate) trait Claims {
    /// Claims something; whether it is ours now. Who has it may take so long to let go of it.
    fn take(&mut self, what: &str, patience: Duration) -> Result<bool, Error>;
}

/// Those that others see; see the module.
pub(crate) struct Tables {
    nft: Nft,
    held: Vec<String>,
}

const FAMILY: Family = Family::Inet;
const POLL: Duration = Duration::from_millis(10);
/// How often a refusal is looked into that has no reason by the time of the look.
const ATTEMPTS: u32 = 3;

impl Tables {
    /// None yet.
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            nft: Nft::open().map_err(Error::claim("anything"))?,
            held: Vec::new(),
        })
    }

    fn try_take(&mut self, what: &str) -> Result<bool, Error> {
        let name = name(what);
        let table = Table::new(FAMILY, &name)
            .owned()
            .with_comment("claimed by warren up until the environment is there");
        let mut batch = Batch::new();
        batch.create_table(&table);
        let mut attempt = 1;
        loop {
            let Err(error) = self.nft.commit(&batch) else {
                return Ok(true);
            };
            // One that belongs to another is refused like one that nobody may make.
            match error.errno() {
                Some(Errno::EXIST) => return Ok(false),
                Some(Errno::PERM) if self.is_there(&name)? => return Ok(false),
                Some(Errno::PERM) if attempt < ATTEMPTS => attempt += 1,
                _ => return Err(Error::claim(what)(error)),
            }
        }
    }

    fn is_there(&mut self, name: &str) -> Result<bool, Error> {
        let tables = self.nft.list_tables().map_err(Error::claim(name))?;
        let mut tables = tables.iter().map(|listed| &listed.table);
        Ok(tables.any(|table| table.family == FAMILY && table.name == name))
    }
}

impl Claims for Tables {
    fn take(&mut self, what: &str, patience: Duration) -> Result<bool, Error> {
        if self.held.iter().any(|held| held == what) {
            return Ok(true);
        }
        let end = Instant::now() + patience;
        while !self.try_take(what)? {
            if Instant::now() >= end {
                return Ok(false);
            }
            sleep(POLL);
        }
        self.held.push(what.to_owned());
        Ok(true)
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let mut batch = Batch::new();
        for what in &self.held {
            batch.destroy_table((FAMILY, name(what).as_str()));
        }
        // The kernel does so too, but a moment later, when who comes next may be looking already.
        let _ = self.nft.commit(&batch);
    }
}

fn name(what: &str) -> String {
    format!("warren_up_{what}")
}

/// Claims among the homes of one test.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Pretended {
    all: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
    own: Vec<String>,
}

#[cfg(test)]
impl Pretended {
    /// Those of another home.
    pub(crate) fn beside(&self) -> Self {
        Self {
            all: self.all.clone(),
            own: Vec::new(),
        }
    }
}

#[cfg(test)]
impl Claims for Pretended {
    fn take(&mut self, what: &str, _: Duration) -> Result<bool, Error> {
        let what = what.to_owned();
        if self.own.contains(&what) {
            return Ok(true);
        }
        let mut all = self.all.lock().unwrap();
        let is_free = !all.contains(&what);
        if is_free {
            all.push(what.clone());
            self.own.push(what);
        }
        Ok(is_free)
    }
}

#[cfg(test)]
impl Drop for Pretended {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap();
        all.retain(|what| !self.own.contains(what));
    }
}
