//! Certificates for a test, made by openssl(1).
//!
//! ```text
//! DIRECTORY/ca.pem, ca.key         an authority
//! DIRECTORY/other.pem, other.key   another one
//! DIRECTORY/NAME.pem, NAME.key     what they have signed; for the address 127.0.0.1
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A directory of certificates; it goes with the value.
pub struct Certificates(TempDir);

impl Certificates {
    /// Two authorities, `ca` and `other`.
    ///
    /// # Panics
    /// Without openssl.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        let made = match tempfile::tempdir() {
            Ok(directory) => Self(directory),
            Err(error) => panic!("cannot make a directory: {error}"),
        };
        for name in ["ca", "other"] {
            made.openssl(&format!(
                "req -x509 {KEY} -days 2 -keyout {name}.key -out {name}.pem -subj /CN={name}"
            ));
        }
        made
    }

    /// A certificate for `name` that the authority `by` has signed.
    ///
    /// # Panics
    /// If openssl fails.
    #[track_caller]
    pub fn sign(&self, name: &str, by: &str) {
        self.openssl(&format!(
            "req -x509 {KEY} -days 2 -CA {by}.pem -CAkey {by}.key -keyout {name}.key \
             -out {name}.pem -subj /CN={name} -addext subjectAltName=IP:127.0.0.1 \
             -addext basicConstraints=critical,CA:FALSE"
        ));
    }

    /// One whose time is over.
    ///
    /// # Panics
    /// If openssl fails.
    #[track_caller]
    pub fn sign_expired(&self, name: &str, by: &str) {
        let config = "[ca]\ndefault_ca=a\n[a]\nnew_certs_dir=.\ndatabase=index\nserial=serial\n\
                      default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n\
                      [e]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";
        for (file, text) in [("config", config), ("index", ""), ("serial", "01\n")] {
            if let Err(error) = std::fs::write(self.at(file), text) {
                panic!("cannot write {file}: {error}");
            }
        }
        self.openssl(&format!(
            "req -new {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        self.openssl(&format!(
            "ca -batch -config config -cert {by}.pem -keyfile {by}.key -in {name}.csr \
             -out {name}.pem -notext -startdate 20200101000000Z -enddate 20200201000000Z"
        ));
    }

    /// One of its files.
    #[must_use]
    pub fn at(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.0.path()
    }

    #[track_caller]
    fn openssl(&self, arguments: &str) {
        // Nobody is to take it for what a server left.
        let _gate = warren_tests_harness::shared();
        let run = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output();
        match run {
            Ok(done) if done.status.success() => {}
            Ok(done) => panic!(
                "openssl {arguments}: {}",
                String::from_utf8_lossy(&done.stderr)
            ),
            Err(error) => panic!("this needs apt-get install openssl: {error}"),
        }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
