//! The methods of an agent: names, arguments, and which of them become tasks.
//!
//! One [`Call`] is all that a message can ask for. Arguments go by position; those that are missing
//! are an error, those too many are ignored.

pub mod arguments;
#[cfg(test)]
mod tests;
pub mod values;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use warren_lib_gojson::{JsonError, from_value};

use crate::settings::UpdateSettings;
use crate::spec::ApplySpec;
use arguments::{
    ArpEntries, BlobSource, Compile, CompileSigned, LogsRequest, ScriptOptions, SignedUrl,
    SshParameters, SyncDns, SyncDnsSigned, UploadBlob,
};

/// A request that names no method, or not with its arguments.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No method of this name.
    #[error("unknown message {0}")]
    Unknown(String),
    /// An argument is missing.
    #[error("Not enough arguments, expected {expected}, got {given}")]
    Missing {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        given: usize,
    },
    /// An argument is of another shape.
    #[error("argument {position} of {method} cannot be read")]
    Argument {
        /// The method.
        method: String,
        /// Which one, from 1.
        position: usize,
        /// Why not.
        source: JsonError,
    },
}

/// Whether `drain` is for an update or an end.
#[derive(Debug, Clone, PartialEq)]
pub enum Drain {
    /// Before the instance is changed to this.
    Update(Box<ApplySpec>),
    /// Before the instance ends, or becomes this.
    Shutdown(Option<Box<ApplySpec>>),
    /// Of old directors; an error.
    Status,
    /// Anything else; an error.
    Other(String),
}

/// What a message asks for.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "each is the method of that name, told in the contract's table"
)]
pub enum Call {
    Ping,
    Info,
    GetState {
        full: bool,
    },
    Prepare(Box<ApplySpec>),
    Apply(Box<ApplySpec>),
    Start,
    Stop,
    Drain(Drain),
    RunScript {
        name: String,
        options: ScriptOptions,
    },
    RunErrand {
        job: Option<String>,
    },
    CompilePackage(Box<Compile>),
    FetchLogs(LogsRequest),
    FetchLogsSigned(LogsRequest),
    BundleLogs(LogsRequest),
    RemoveFile {
        path: String,
    },
    UploadBlob(UploadBlob),
    Ssh {
        command: String,
        parameters: SshParameters,
    },
    ListDisk,
    MountDisk {
        cid: String,
    },
    UnmountDisk {
        cid: String,
    },
    MigrateDisk,
    AddPersistentDisk {
        cid: String,
        hint: Value,
    },
    RemovePersistentDisk {
        cid: String,
    },
    AddDynamicDisk {
        cid: String,
        hint: Value,
    },
    RemoveDynamicDisk {
        cid: String,
    },
    UpdateSettings(Box<UpdateSettings>),
    SyncDns(SyncDns),
    DeleteArpEntries(ArpEntries),
    Shutdown,
    GetTask {
        id: String,
    },
    CancelTask {
        id: String,
    },
}

/// How a method is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// With its value.
    Value,
    /// With a task's id; the value is fetched with `get_task`.
    Task,
}

impl Call {
    /// Reads method and arguments of a request.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub fn parse(method: &str, arguments: &[Value]) -> Result<Self, CallError> {
        let given = Arguments { method, arguments };
        Ok(match method {
            "ping" => Self::Ping,
            "info" => Self::Info,
            "get_state" => Self::GetState {
                full: given.optional::<String>(0)?.as_deref() == Some("full"),
            },
            "prepare" => Self::Prepare(given.required(0, 1)?),
            "apply" => Self::Apply(given.required(0, 1)?),
            "start" => Self::Start,
            "stop" => Self::Stop,
            "drain" => Self::Drain(given.drain()?),
            "run_script" => Self::RunScript {
                name: given.required(0, 2)?,
                options: given.required(1, 2)?,
            },
            "run_errand" => Self::RunErrand {
                job: given.optional(0)?,
            },
            "compile_package" => Self::CompilePackage(Box::new(given.compile()?)),
            "compile_package_with_signed_url" => {
                Self::CompilePackage(Box::new(signed(given.required(0, 1)?)))
            }
            "fetch_logs" => Self::FetchLogs(LogsRequest {
                log_type: given.required(0, 2)?,
                filters: given.required(1, 2)?,
                ..LogsRequest::default()
            }),
            "fetch_logs_with_signed_url" => Self::FetchLogsSigned(given.required(0, 1)?),
            "bundle_logs" => Self::BundleLogs(given.required(0, 1)?),
            "remove_file" => Self::RemoveFile {
                path: given.required(0, 1)?,
            },
            "upload_blob" => Self::UploadBlob(given.required(0, 1)?),
            "ssh" => Self::Ssh {
                command: given.required(0, 2)?,
                parameters: given.required(1, 2)?,
            },
            "list_disk" => Self::ListDisk,
            "mount_disk" => Self::MountDisk {
                cid: given.required(0, 1)?,
            },
            "unmount_disk" => Self::UnmountDisk {
                cid: given.required(0, 1)?,
            },
            "migrate_disk" => Self::MigrateDisk,
            "add_persistent_disk" => Self::AddPersistentDisk {
                cid: given.required(0, 2)?,
                hint: given.required(1, 2)?,
            },
            "remove_persistent_disk" => Self::RemovePersistentDisk {
                cid: given.required(0, 1)?,
            },
            "add_dynamic_disk" => Self::AddDynamicDisk {
                cid: given.required(0, 2)?,
                hint: given.required(1, 2)?,
            },
            "remove_dynamic_disk" => Self::RemoveDynamicDisk {
                cid: given.required(0, 1)?,
            },
            "update_settings" => Self::UpdateSettings(given.required(0, 1)?),
            "sync_dns" => Self::SyncDns(SyncDns {
                source: BlobSource::Blobstore(given.required(0, 3)?),
                digest: given.required(1, 3)?,
                version: given.required(2, 3)?,
            }),
            "sync_dns_with_signed_url" => {
                let SyncDnsSigned {
                    signed_url: url,
                    multi_digest: digest,
                    version,
                    blobstore_headers: headers,
                } = given.required(0, 1)?;
                let source = BlobSource::Signed(SignedUrl { url, headers });
                Self::SyncDns(SyncDns {
                    source,
                    digest,
                    version,
                })
            }
            "delete_arp_entries" => Self::DeleteArpEntries(given.required(0, 1)?),
            "shutdown" => Self::Shutdown,
            "get_task" => Self::GetTask {
                id: given.required(0, 1)?,
            },
            "cancel_task" => Self::CancelTask {
                id: given.required(0, 1)?,
            },
            other => return Err(CallError::Unknown(other.to_owned())),
        })
    }

    /// How it is answered to a director of this protocol.
    #[must_use]
    pub fn answer(&self, protocol: i64) -> Answer {
        match self {
            Self::ListDisk if protocol < 3 => Answer::Value,
            Self::Ping
            | Self::Info
            | Self::GetState { .. }
            | Self::Start
            | Self::BundleLogs(_)
            | Self::RemoveFile { .. }
            | Self::Ssh { .. }
            | Self::RemoveDynamicDisk { .. }
            | Self::SyncDns(_)
            | Self::DeleteArpEntries(_)
            | Self::Shutdown
            | Self::GetTask { .. }
            | Self::CancelTask { .. } => Answer::Value,
            _ => Answer::Task,
        }
    }
}

fn signed(given: CompileSigned) -> Compile {
    let headers = given.blobstore_headers;
    Compile {
        source: BlobSource::Signed(SignedUrl {
            url: given.package_get_signed_url,
            headers: headers.clone(),
        }),
        digest: given.digest,
        name: given.name,
        version: given.version,
        dependencies: given.deps,
        upload: Some(SignedUrl {
            url: given.upload_signed_url,
            headers,
        }),
    }
}

struct Arguments<'a> {
    method: &'a str,
    arguments: &'a [Value],
}

impl Arguments<'_> {
    fn required<T: DeserializeOwned>(&self, at: usize, expected: usize) -> Result<T, CallError> {
        let given = self.arguments.len();
        let value = self.arguments.get(at);
        // They are counted before any is looked at, as by stock agents.
        let value = value.filter(|_| given >= expected);
        let value = value.ok_or(CallError::Missing { expected, given })?;
        self.read(at, value)
    }

    fn optional<T: DeserializeOwned>(&self, at: usize) -> Result<Option<T>, CallError> {
        let given = self.arguments.get(at).filter(|value| !value.is_null());
        given.map(|value| self.read(at, value)).transpose()
    }

    fn read<T: DeserializeOwned>(&self, at: usize, value: &Value) -> Result<T, CallError> {
        from_value(value.clone()).map_err(|source| CallError::Argument {
            method: self.method.to_owned(),
            position: at + 1,
            source,
        })
    }

    fn drain(&self) -> Result<Drain, CallError> {
        let kind: String = self.required(0, 1)?;
        Ok(match &*kind {
            "update" => Drain::Update(self.required(1, 2)?),
            "shutdown" => Drain::Shutdown(self.optional(1)?),
            "status" => Drain::Status,
            _ => Drain::Other(kind),
        })
    }

    fn compile(&self) -> Result<Compile, CallError> {
        Ok(Compile {
            source: BlobSource::Blobstore(self.required(0, 5)?),
            digest: self.required(1, 5)?,
            name: self.required(2, 5)?,
            version: self.required(3, 5)?,
            dependencies: self.required::<BTreeMap<_, _>>(4, 5)?,
            upload: None,
        })
    }
}
