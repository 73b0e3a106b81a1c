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
            Verb::Init(arguments) => arguments.run(format),
            Verb::GenerateJob(arguments) => arguments.run(format),
            Verb::GeneratePackage(arguments) => arguments.run(format),
            Verb::Create(arguments) => arguments.run(format),
            Verb::Finalize(arguments) => arguments.run(format),
            Verb::Sha1ify(arguments) => arguments.run(format),
            Verb::Sha2ify(arguments) => arguments.run(format),
            Verb::Fingerprint(arguments) => arguments.run(format),
            Verb::Inspect(arguments) => arguments.run(format),
            Verb::Blobs(arguments) => arguments.run(format),
            Verb::AddBlob(arguments) => arguments.run(format),
            Verb::RemoveBlob(arguments) => arguments.run(format),
            Verb::SyncBlobs(arguments) => arguments.run(format),
            Verb::UploadBlobs(arguments) => arguments.run(format),
            Verb::VendorPackage(arguments) => arguments.run(format),
            Verb::Reset(arguments) => arguments.run(format),
        }
    }
}
