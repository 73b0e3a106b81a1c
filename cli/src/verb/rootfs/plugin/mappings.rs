//! Owners of a plugin's store, `INSIDE:OUTSIDE:COUNT`, kept in its `plugin.json`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use warren_container_rootfs::image::Ids;
use warren_sys_process::mapped_namespace::mapped;
use warren_sys_process::user_namespace::{self, Map};

/// One range of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Mapping {
    inside: u32,
    outside: u32,
    count: u32,
}

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u32>, _> = text.split(':').map(str::parse).collect();
        match numbers.as_deref() {
            Ok([inside, outside, count]) if *count > 0 => Ok(Self {
                inside: *inside,
                outside: *outside,
                count: *count,
            }),
            _ => Err(format!("{text:?} is not INSIDE:OUTSIDE:COUNT")),
        }
    }
}

impl TryFrom<String> for Mapping {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Mapping> for String {
    fn from(mapping: Mapping) -> Self {
        format!("{}:{}:{}", mapping.inside, mapping.outside, mapping.count)
    }
}

/// The mappings of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mappings {
    pub uid_mappings: Vec<Mapping>,
    pub gid_mappings: Vec<Mapping>,
}

impl Mappings {
    /// In an order of their own, so that they can be compared.
    pub fn new(mut uid_mappings: Vec<Mapping>, mut gid_mappings: Vec<Mapping>) -> Self {
        uid_mappings.sort();
        gid_mappings.sort();
        Self {
            uid_mappings,
            gid_mappings,
        }
    }

    /// What images are made with; `None` where owners stay as they are.
    pub fn ids(&self) -> Result<Option<Ids>, user_namespace::Error> {
        let map = |mapping: &Mapping| Map {
            inside: mapping.inside,
            outside: mapping.outside,
            count: mapping.count,
        };
        let maps: Vec<Map> = self.uid_mappings.iter().map(map).collect();
        if maps.is_empty() || maps.iter().all(|map| map.inside == map.outside) {
            return Ok(None);
        }
        let root = maps.iter().find(|map| map.inside == 0);
        let root = root.map_or(0, |map| map.outside);
        let namespace = mapped(&maps)?;
        let ids = Ids::new(namespace.into(), (root, root));
        Ok(Some(ids.with_maps(maps)))
    }
}
