//! The verbs of release directories under the names that the stock command line has for them:
//! `create-release` is `release create`. They are in no help: who knows them calls them, and gets what the stock
//! command line shows.

use std::ffi::OsString;

use super::place::{Made, Work, words};
use super::{blobs, create, finalize, generate, init, vendor};
use crate::failure::exit;
use crate::output::Format;
use crate::verb::director::{Console, Problem, is_common_flag, is_on};

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
            pub fn run(self, format: Format) -> u8 {
                match self {
                    $(Stock::$variant(arguments) => shown(arguments, format),)*
                }
            }
        }
    };
}

/// Does a verb, with the stock command line's lines and tables, and its last words.
fn shown(verb: impl Work, format: Format) -> u8 {
    // They have been left out of the line.
    let has = |flag: &str| std::env::args_os().any(|word| word == flag);
    let is_tty = has("--tty") || is_on("TTY");
    let mut console = Console::new(format == Format::Json, is_tty, has("--no-color"));
    let mut is_first = true;
    let made = verb.work(&mut |event| match std::mem::take(&mut is_first) {
        true => console.first_line(&words(&event)),
        false => console.line(&words(&event)),
    });
    let made = made.map(|made| {
        for table in made.tables() {
            console.table(&table);
        }
        for line in made.lines() {
            console.line(&line);
        }
        exit::GOOD
    });
    console.finish(made.map_err(Problem::of))
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
