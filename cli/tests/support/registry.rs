//! Debian's docker-registry on loopback.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

/// A registry; ends when dropped.
pub struct Registry {
    process: Child,
    /// `host:port`.
    pub address: String,
    log: Option<JoinHandle<()>>,
}

impl Registry {
    /// Starts one with its images in `top`; `more` are further lines of its settings, from those of
    /// `http` on.
    pub fn start(top: &Path, more: &str) -> Self {
        let config = top.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}, level: info}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http:\n  addr: 127.0.0.1:0\n  secret: x\n{more}",
            top.join("registry").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command
            .arg("serve")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let spawned = command.stderr(Stdio::piped()).spawn();
        let mut process = spawned.unwrap_or_else(|error| {
            panic!("this test needs apt-get install docker-registry: {error}")
        });
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {seen}"));
            let line = line.unwrap();
            if let Some((_, rest)) = line.split_once("listening on ") {
                let is_address = |c: char| c == '.' || c == ':' || c.is_ascii_digit();
                break rest.chars().take_while(|c| is_address(*c)).collect();
            }
            seen += &line;
        };
        // Or it would stop at a full pipe.
        let log = Some(std::thread::spawn(move || for _ in lines {}));
        Self {
            process,
            address,
            log,
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        if let Some(log) = self.log.take() {
            log.join().unwrap();
        }
    }
}
