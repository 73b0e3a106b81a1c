//! How a director's job templates are rendered: by which Ruby, in which sandbox.

use std::path::PathBuf;
use std::process::Command;

use warren_lib_telemetry::log;

use crate::failure::Failure;

/// This executable, also if it has been replaced since.
const OURSELVES: &str = "/proc/self/exe";

/// What renders job templates.
#[derive(clap::Args, Debug)]
pub struct Templates {
    /// Ruby, by which job templates are rendered; with arguments if need be
    #[arg(long, value_name = "PROGRAM", num_args = 1.., default_values = ["ruby"])]
    ruby: Vec<String>,

    /// Files that Ruby reads, besides the system's and those it is installed with; may be given again
    #[arg(long, value_name = "PATH")]
    ruby_files: Vec<PathBuf>,

    /// Render templates without a sandbox: they can read, write and reach all that this director can
    #[arg(long)]
    unsandboxed_templates: bool,
}

impl Templates {
    /// What a worker is started with.
    pub fn command(&self) -> Vec<String> {
        if self.unsandboxed_templates {
            return self.ruby.clone();
        }
        let mut command = self.sandbox();
        command.push("--".to_owned());
        command.extend(self.ruby.iter().cloned());
        command
    }

    /// Logs by which means templates are kept from this director's secrets, having tried it.
    ///
    /// # Errors
    /// No sandbox can be had.
    pub fn check(&self) -> Result<(), Failure> {
        if self.unsandboxed_templates {
            let what = "templates can read, write and reach all that this director can";
            log::line(log::Level::Warn, "no sandbox", &[("what", what.into())]);
            return Ok(());
        }
        // In a process of its own: a sandbox is made around the one that makes it.
        let mut words = self.sandbox().into_iter();
        let output = Command::new(words.next().unwrap_or_default())
            .args(words)
            .output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            let means = text(&output.stdout);
            log::line(log::Level::Info, "templates", &[("sandbox", means.into())]);
            return Ok(());
        }
        let said = text(&output.stderr);
        let said = said.strip_prefix("Error: ").unwrap_or(&said);
        Err(Failure::text(format!(
            "job templates cannot be kept from this director's secrets: {said}"
        ))
        .remedy("if all releases and their authors are trusted: --unsandboxed-templates"))
    }

    fn sandbox(&self) -> Vec<String> {
        let mut command = vec![OURSELVES.to_owned(), "sandbox".to_owned()];
        for path in &self.ruby_files {
            command.push("--read".to_owned());
            command.push(path.display().to_string());
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ruby_is_in_a_sandbox_unless_asked() {
        let mut templates = Templates {
            ruby: vec!["ruby".to_owned(), "-W0".to_owned()],
            ruby_files: vec!["/srv/gems".into()],
            unsandboxed_templates: false,
        };
        assert_eq!(
            templates.command().join(" "),
            "/proc/self/exe sandbox --read /srv/gems -- ruby -W0"
        );
        templates.unsandboxed_templates = true;
        assert_eq!(templates.command().join(" "), "ruby -W0");
    }
}
