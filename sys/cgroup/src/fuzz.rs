//! Doors to parsers that nothing else outside needs: for the fuzz targets alone, and no part of what
//! this crate promises.

use crate::identity::sock_diag;
use crate::limits::plan::parse_list;

/// The kernel's list notation, as sorted ranges that do not touch.
pub fn cpu_list(text: &str) -> Option<Vec<(u32, u32)>> {
    parse_list(text)
}

/// An answer of socket diagnosis: the socket's inode and its control group.
pub fn socket_answer(payload: &[u8]) -> Option<(u32, Option<u64>)> {
    let answer = sock_diag::parse(payload).ok()??;
    Some((answer.inode, answer.cgroup.map(|id| id.0)))
}
