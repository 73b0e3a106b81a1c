//! The verbs of release directories under the names that the stock command line has for them:
//! `create-release` is `release create`. They are in no help: who knows them calls them.

use std::ffi::OsString;

use super::{blobs, create, finalize, generate, init, vendor};
use crate::failure::Failure;
use crate::output::Format;
use crate::verb::director::is_common_flag;

macro_rules! stock {
    ($($variant:ident $arguments:ty, $name:literal [$($alias:literal)?])*) => {
        /// What to do.
        #[derive(clap::Subcommand)]
        pub enum Stock {
            $(
                #[command(name = $name, hide = true $(, alias = $alias)?)]
                $variant($arguments),
            )*
        }

        const NAMES: &[&str] = &[$($name, $($alias,)?)*];

        impl Stock {
            /// Runs the verb.
            pub fn run(self, format: Format) -> Result<u8, Failure> {
                match self {
                    $(Stock::$variant(arguments) => arguments.run(format),)*
                }
            }
        }
    };
}

stock! {
    InitRelease init::Init, "init-release" []
    ResetRelease init::Reset, "reset-release" []
    GenerateJob generate::Job, "generate-job" []
    GeneratePackage generate::Package, "generate-package" []
    CreateRelease create::Arguments, "create-release" ["cr"]
    FinalizeRelease finalize::Arguments, "finalize-release" []
    Sha1ifyRelease finalize::Sha1, "sha1ify-release" []
    Sha2ifyRelease finalize::Sha2, "sha2ify-release" []
    Blobs blobs::List, "blobs" []
    AddBlob blobs::Add, "add-blob" []
    RemoveBlob blobs::Remove, "remove-blob" []
    SyncBlobs blobs::Sync, "sync-blobs" []
    UploadBlobs blobs::Upload, "upload-blobs" []
    VendorPackage vendor::Arguments, "vendor-package" []
}

/// Leaves out the flags that the stock command line has for all verbs, before and behind one of these:
/// no director is asked. Any other line stays as it is.
pub fn without_common_flags(line: Vec<OsString>) -> Vec<OsString> {
    let is_stock = |word: &OsString| word.to_str().is_some_and(|word| NAMES.contains(&word));
    let mut kept = Vec::new();
    let mut words = line.iter().cloned();
    kept.extend(words.next());
    let mut verb = None;
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        match is_common_flag(&text) {
            Some(has_value) if text != "--json" => {
                if has_value {
                    words.next();
                }
            }
            _ => {
                if !text.starts_with('-') {
                    verb.get_or_insert_with(|| word.clone());
                }
                kept.push(word);
            }
        }
    }
    match verb.as_ref().is_some_and(is_stock) {
        true => kept,
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_directors_mean_nothing_here() {
        let without = |line: &str| {
            let words = without_common_flags(line.split(' ').map(OsString::from).collect());
            let words = words.into_iter().map(|word| word.into_string().unwrap());
            words.collect::<Vec<_>>().join(" ")
        };
        for (line, kept) in [
            (
                "warren -e lab --tty create-release --force -n --dir d",
                "warren create-release --force --dir d",
            ),
            (
                "warren --json sync-blobs --parallel=5 --parallel 5",
                "warren --json sync-blobs",
            ),
            ("warren -n deploy m.yml", "warren -n deploy m.yml"),
            ("warren -e blobs vms", "warren -e blobs vms"),
            ("warren", "warren"),
        ] {
            assert_eq!(without(line), kept);
        }
    }
}
