//! OpenSSL and OpenSSH look at what was made.
#![expect(
    clippy::unwrap_used,
    reason = "a tool that is missing or a key that is unsound fails the test"
)]

use std::path::Path;
use std::process::Command;

use rand::SeedableRng;
use rand::rngs::StdRng;
use warren_director_variables::{Context, generate};
use warren_wire_manifest::yaml::{Dialect, Value, parse};

/// Runs a tool; it must be installed (`apt-get install openssl openssh-client`) and succeed.
fn run(folder: &Path, line: &str) -> String {
    let mut words = line.split(' ');
    let tool = words.next().unwrap();
    let output = Command::new(tool).args(words).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{tool} is needed: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{line}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

struct Maker {
    rng: StdRng,
    now: i64,
    made: Vec<(String, Value)>,
    folder: tempfile::TempDir,
}

impl Maker {
    fn new() -> Maker {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        Maker {
            rng: StdRng::seed_from_u64(3),
            now: now.as_secs() as i64,
            made: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Makes a value and writes its parts to `NAME.PART`.
    fn make(&mut self, name: &str, kind: &str, options: &str) {
        let made = &self.made;
        let mut context = Context {
            rng: &mut self.rng,
            now: self.now,
            lookup: &mut |name| {
                made.iter()
                    .find(|(known, _)| known == name)
                    .map(|(_, value)| value.clone())
            },
        };
        let value = generate(kind, &parse(options, Dialect::Go).unwrap(), &mut context).unwrap();
        for (part, text) in value.as_map().unwrap().iter() {
            let file = format!("{name}.{}", part.as_str().unwrap());
            std::fs::write(self.folder.path().join(file), text.as_str().unwrap()).unwrap();
        }
        self.made.push((name.to_owned(), value));
    }

    fn run(&self, line: &str) -> String {
        run(self.folder.path(), line)
    }
}

#[test]
fn a_chain_of_certificates_verifies() {
    let mut maker = Maker::new();
    maker.make("root", "certificate", "{is_ca: true, common_name: root}");
    maker.make(
        "middle",
        "certificate",
        "{is_ca: true, ca: root, common_name: middle, key_length: 2048, organization: Ünï}",
    );
    maker.make(
        "leaf",
        "certificate",
        "{ca: middle, common_name: leaf, alternative_names: [a.example, '*.b', 10.0.0.1, 'fd00::1'], extended_key_usage: [client_auth, server_auth], duration: 10, key_length: 2048}",
    );
    maker.run("openssl verify -x509_strict -CAfile root.certificate -untrusted middle.certificate leaf.certificate");
    maker.run("openssl verify -x509_strict -purpose sslserver -verify_hostname a.example -CAfile root.certificate -untrusted middle.certificate leaf.certificate");
    maker.run("openssl verify -purpose sslclient -verify_ip 10.0.0.1 -CAfile root.certificate -untrusted middle.certificate leaf.certificate");
    let text = maker.run("openssl x509 -in leaf.certificate -noout -text");
    for line in [
        "Subject: C = US, O = Cloud Foundry, CN = leaf",
        "CA:FALSE",
        "Digital Signature, Key Encipherment",
        "TLS Web Client Authentication, TLS Web Server Authentication",
        "DNS:a.example, DNS:*.b, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1",
        "sha256WithRSAEncryption",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    let root = maker.run("openssl x509 -in root.certificate -noout -text");
    assert!(
        root.contains("Certificate Sign, CRL Sign")
            && root.contains("CA:TRUE")
            && root.contains("(3072 bit)"),
        "{root}"
    );
    for name in ["root", "middle", "leaf"] {
        let of_key = maker.run(&format!(
            "openssl rsa -in {name}.private_key -noout -modulus -check"
        ));
        let of_certificate = maker.run(&format!(
            "openssl x509 -in {name}.certificate -noout -modulus"
        ));
        assert!(
            of_key.contains(of_certificate.trim()) && of_key.contains("RSA key ok"),
            "{of_key}"
        );
    }
    assert_eq!(
        maker.made[2].1.get("ca"),
        maker.made[1].1.get("certificate")
    );
}

#[test]
fn rsa_and_ssh_keys_are_sound() {
    let mut maker = Maker::new();
    maker.make("rsa", "rsa", "");
    assert!(
        maker
            .run("openssl rsa -in rsa.private_key -noout -check")
            .contains("RSA key ok")
    );
    let public = std::fs::read_to_string(maker.folder.path().join("rsa.public_key")).unwrap();
    assert_eq!(maker.run("openssl rsa -in rsa.private_key -pubout"), public);
    maker.make("ssh", "ssh", "");
    let value = &maker.made[1].1;
    let shown = maker.run("ssh-keygen -l -E md5 -f ssh.public_key");
    let fingerprint = value
        .get("public_key_fingerprint")
        .and_then(Value::as_str)
        .unwrap();
    assert!(
        shown.contains(&format!("2048 MD5:{fingerprint} ")),
        "{shown}"
    );
    let public = value.get("public_key").and_then(Value::as_str).unwrap();
    assert!(public.starts_with("ssh-rsa AAAAB3NzaC1yc2E") && public.ends_with('\n'));
    let key = maker.folder.path().join("ssh.private_key");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(
        maker.run("ssh-keygen -y -f ssh.private_key").trim(),
        public.trim()
    );
}
