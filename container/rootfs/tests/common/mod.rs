//! Archives built byte by byte, stores and file systems made for tests, and mount namespaces.
#![expect(dead_code, reason = "each test program uses some of it")]

pub mod disk;
pub mod layers;
pub mod life;

use std::path::Path;

use rustix::mount::{MountPropagationFlags, mount_change};
use warren_container_rootfs::image::Ids;
use warren_sys_process::namespaces::{Kind, in_new};
use warren_sys_process::user_namespace::{Map, scratch};

/// Writes a number into a header field.
pub fn octal(field: &mut [u8], value: u64) {
    let width = field.len() - 1;
    field[..width].copy_from_slice(format!("{value:0width$o}").as_bytes());
}

/// A tar archive in the making.
#[derive(Default, Clone)]
pub struct Archive(pub Vec<u8>);

impl Archive {
    pub fn new() -> Self {
        Self::default()
    }

    /// Any entry: name, type, link, mode, data.
    pub fn raw(self, name: &[u8], flag: u8, link: &[u8], mode: u64, data: &[u8]) -> Self {
        self.edited(name, flag, link, mode, data, |_| {})
    }

    pub fn edited(
        mut self,
        name: &[u8],
        flag: u8,
        link: &[u8],
        mode: u64,
        data: &[u8],
        edit: impl FnOnce(&mut [u8; 512]),
    ) -> Self {
        let mut block = [0u8; 512];
        block[..name.len()].copy_from_slice(name);
        octal(&mut block[100..108], mode);
        octal(&mut block[108..116], 0);
        octal(&mut block[116..124], 0);
        octal(&mut block[124..136], data.len() as u64);
        octal(&mut block[136..148], 1_000_000_000);
        block[156] = flag;
        block[157..157 + link.len()].copy_from_slice(link);
        block[257..265].copy_from_slice(b"ustar\x0000");
        edit(&mut block);
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        octal(&mut block[148..155], sum);
        self.0.extend_from_slice(&block);
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(self, name: &str, data: &[u8]) -> Self {
        self.raw(name.as_bytes(), b'0', b"", 0o644, data)
    }

    pub fn dir(self, name: &str) -> Self {
        self.raw(name.as_bytes(), b'5', b"", 0o755, b"")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.raw(name.as_bytes(), b'2', target.as_bytes(), 0o777, b"")
    }

    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.raw(name.as_bytes(), b'1', target.as_bytes(), 0o644, b"")
    }

    /// Pax records for the next entry.
    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut data = Vec::new();
        for (key, value) in records {
            let rest = 3 + key.len() + value.len();
            let mut length = rest + 1;
            while length.to_string().len() + rest != length {
                length = length.to_string().len() + rest;
            }
            data.extend_from_slice(format!("{length} {key}=").as_bytes());
            data.extend_from_slice(value);
            data.push(b'\n');
        }
        self.raw(b"pax", b'x', b"", 0o644, &data)
    }

    pub fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

/// Runs where mounts are nobody else's.
pub fn in_private_mounts<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let inside = in_new(&[Kind::Mount], || {
        let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", flags).unwrap();
        work()
    });
    inside.expect("these tests need root: run them as root")
}

/// Mounts by mount(8)'s words.
pub fn mount(kind: &str, target: &Path, options: &str) {
    let options = std::ffi::CString::new(options).unwrap();
    rustix::mount::mount(
        kind,
        target,
        kind,
        rustix::mount::MountFlags::empty(),
        Some(options.as_c_str()),
    )
    .unwrap();
}

/// Owners of an unprivileged container: root inside is 200 000 outside.
pub fn mapped() -> Ids {
    let map = Map {
        inside: 0,
        outside: 200_000,
        count: 65_536,
    };
    let namespace = scratch(map).unwrap().namespace;
    Ids::new(namespace.into(), (200_000, 200_000))
}
