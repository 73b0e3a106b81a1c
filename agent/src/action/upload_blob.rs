//! `upload_blob`: a blob in a message; rendered templates come so.

use warren_wire_agent::base64;
use warren_wire_agent::digest::MultiDigest;
use warren_wire_agent::method::arguments::UploadBlob;

use super::Outcome;
use crate::agent::Agent;
use crate::digest;
use crate::files;
use crate::owner::Owner;

pub(super) fn run(agent: &Agent, blob: &UploadBlob) -> Outcome {
    let id = files::checked_name("blob", &blob.blob_id)?;
    let content = base64::decode(&blob.payload.0)?;
    let expected = MultiDigest::parse(&blob.checksum)?;
    let strongest = expected.strongest();
    let found = digest::of_bytes(strongest.algorithm, &content);
    if !found.hex.eq_ignore_ascii_case(&strongest.hex) {
        return Err(format!(
            "Payload corrupted. Checksum mismatch. Expected '{strongest}' but received '{found}'"
        )
        .into());
    }
    files::directory(&agent.paths.sensitive_blobs(), 0o700, agent.vcap())?;
    files::write(
        &agent.paths.sensitive_blobs().join(id),
        &content,
        0o600,
        Owner::ROOT,
    )?;
    Ok(id.into())
}
