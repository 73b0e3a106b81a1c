//! `get_vm_log`, Warren's own: the end of what a machine's agent and its supervisor wrote.

use std::collections::VecDeque;

use serde_json::{Value, json};
use warren_garden_client::Body;
use warren_lib_tar::{Kind, Reader};

use crate::name::is_id;
use crate::{Cpi, Error};

/// Where they write.
const LOGS: &str = "/var/vcap/bosh/log/";
/// The most of each file.
const MOST: usize = 32 * 1024;
/// The most files.
const FILES: usize = 16;

impl Cpi {
    pub(super) fn get_vm_log(&self, cid: &str) -> Result<Value, Error> {
        if !is_id(cid) {
            return Err(Error::VmNotFound(cid.to_owned()));
        }
        let archive = self
            .garden
            .stream_out(cid, "root", LOGS)
            .map_err(Error::garden("Reading the agent's log", cid))?;
        ends(archive)
            .map(|text| json!(text))
            .map_err(|error| Error::host("read the archive of", LOGS)(std::io::Error::other(error)))
    }
}

/// The end of each file of an archive, under its name.
fn ends(archive: Body) -> Result<String, warren_lib_tar::Error> {
    let mut reader = Reader::new(archive);
    let mut text = String::new();
    let mut files = 0;
    let mut piece = [0; 16 * 1024];
    while let Some(entry) = reader.next_entry()? {
        if entry.kind != Kind::File || entry.stored == 0 {
            continue;
        }
        files += 1;
        if files > FILES {
            break;
        }
        let mut end = VecDeque::with_capacity(MOST);
        loop {
            let count = reader.read_data(&mut piece)?;
            if count == 0 {
                break;
            }
            end.extend(piece.iter().take(count));
            end.drain(..end.len().saturating_sub(MOST));
        }
        let name = String::from_utf8_lossy(&entry.path)
            .trim_start_matches("./")
            .to_owned();
        let bytes: Vec<u8> = end.into();
        let said = String::from_utf8_lossy(&bytes);
        text.push_str(&format!("==> {LOGS}{name} <==\n{}\n", said.trim_end()));
    }
    Ok(text)
}
