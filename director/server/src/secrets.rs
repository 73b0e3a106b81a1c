//! Passwords and secrets, made once.

use serde::{Deserialize, Serialize};

/// Passwords and secrets of a director.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// The director's id; not a secret, but made once as well.
    pub uuid: String,
    /// Of `admin`.
    pub admin_password: String,
    /// Of `hm`, the health monitor.
    pub hm_password: String,
    /// Of the director at the blobstore.
    pub blobstore_director_password: String,
    /// Of agents at the blobstore.
    pub blobstore_agent_password: String,
    /// For signed URLs.
    pub blobstore_secret: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(hidden)")
    }
}

impl Secrets {
    /// New ones.
    #[must_use]
    pub fn generate() -> Self {
        Self {
            uuid: warren_director_store::uuid::new(),
            admin_password: password(),
            hm_password: password(),
            blobstore_director_password: password(),
            blobstore_agent_password: password(),
            blobstore_secret: password(),
        }
    }
}

/// Some 120 bits, as letters that need no quoting anywhere.
fn password() -> String {
    warren_director_store::uuid::new()
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(char::from)
        .collect()
}
