//! Tables to attributes and back.

use warren_sys_netlink::{AttributeBuilder, Attributes, ParseError};

use super::{be32, be64, comment, string};
use crate::wire::table as wire;
use crate::{Family, ListedTable, Table, userdata};

pub(crate) fn encode_table(table: &Table, a: &mut AttributeBuilder) {
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    let flags = flag(table.is_dormant, wire::F_DORMANT)
        | flag(table.is_owned, wire::F_OWNER)
        | flag(table.is_persistent, wire::F_PERSIST);
    a.put_str(wire::NAME, &table.name)
        .put_be32(wire::FLAGS, flags);
    if table.comment.is_some() {
        a.put_bytes(
            wire::USERDATA,
            &userdata::with_comment(table.comment.as_deref()),
        );
    }
}

pub(crate) fn decode_table(family: Family, a: &Attributes<'_>) -> Result<ListedTable, ParseError> {
    let flags = be32(a, wire::FLAGS)?.unwrap_or(0);
    Ok(ListedTable {
        table: Table {
            family,
            name: string(a, wire::NAME)?,
            is_dormant: flags & wire::F_DORMANT != 0,
            is_owned: flags & wire::F_OWNER != 0,
            is_persistent: flags & wire::F_PERSIST != 0,
            comment: comment(a, wire::USERDATA, userdata::COMMENT)?,
        },
        handle: be64(a, wire::HANDLE)?.unwrap_or(0),
        owner_port: be32(a, wire::OWNER)?,
        use_count: be32(a, wire::USE)?.unwrap_or(0),
    })
}
