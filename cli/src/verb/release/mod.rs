//! `warren release`: release directories, and releases made of them.

mod blobs;
mod create;
mod finalize;
mod fingerprint;
mod generate;
mod init;
mod inspect;
mod place;
mod stock;
mod tables;
mod vendor;

use crate::failure::Failure;
use crate::output::Format;

pub use stock::{Stock, without_common_flags};

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    Init(init::Init),
    GenerateJob(generate::Job),
    GeneratePackage(generate::Package),
    Create(create::Arguments),
    Finalize(finalize::Arguments),
    Sha1ify(finalize::Sha1),
    Sha2ify(finalize::Sha2),
    Fingerprint(fingerprint::Arguments),
    Inspect(inspect::Arguments),
    Blobs(blobs::List),
    AddBlob(blobs::Add),
    RemoveBlob(blobs::Remove),
    SyncBlobs(blobs::Sync),
    UploadBlobs(blobs::Upload),
    VendorPackage(vendor::Arguments),
    Reset(init::Reset),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        match self {
            Verb::Init(arguments) => place::run(arguments, format),
            Verb::GenerateJob(arguments) => place::run(arguments, format),
            Verb::GeneratePackage(arguments) => place::run(arguments, format),
            Verb::Create(arguments) => place::run(arguments, format),
            Verb::Finalize(arguments) => place::run(arguments, format),
            Verb::Sha1ify(arguments) => place::run(arguments, format),
            Verb::Sha2ify(arguments) => place::run(arguments, format),
            Verb::Fingerprint(arguments) => arguments.run(format),
            Verb::Inspect(arguments) => arguments.run(format),
            Verb::Blobs(arguments) => place::run(arguments, format),
            Verb::AddBlob(arguments) => place::run(arguments, format),
            Verb::RemoveBlob(arguments) => place::run(arguments, format),
            Verb::SyncBlobs(arguments) => place::run(arguments, format),
            Verb::UploadBlobs(arguments) => place::run(arguments, format),
            Verb::VendorPackage(arguments) => place::run(arguments, format),
            Verb::Reset(arguments) => place::run(arguments, format),
        }
    }
}
