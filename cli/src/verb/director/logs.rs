//! `warren logs`: as a file, or followed as they grow.

use std::path::{Path, PathBuf};

use super::change::slug;
use super::download::{Wanted, download, has_directory};
use super::problem::Problem;
use super::remote::{Gateway, Way, run, with_hosts};
use super::session::Session;
use crate::verb::nested;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// GROUP or GROUP/ID; all unless given
    #[arg(value_name = "INSTANCE", default_value = "")]
    slug: String,

    /// Where to put them [default: .]
    #[arg(long, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,

    /// Show them as they grow, over SSH, instead of fetching them
    #[arg(short, long)]
    follow: bool,

    /// Show so many lines of the end, over SSH, instead of fetching them
    #[arg(long, value_name = "LINES", default_value_t = 0, hide_default_value = true)]
    num: u64,

    /// Without the names of files between the lines that are shown
    #[arg(short, long)]
    quiet: bool,

    /// The agent's logs
    #[arg(long)]
    agent: bool,

    /// The system's logs
    #[arg(long)]
    system: bool,

    /// Logs of all kinds
    #[arg(long)]
    all_logs: bool,

    /// Only logs of this job; may be given more than once
    #[arg(long, value_name = "JOB")]
    job: Vec<String>,

    /// Only these files: patterns, with commas between them
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    only: Vec<String>,

    #[command(flatten)]
    gateway: Gateway,
}

/// Where jobs write.
const JOBS: &str = "/var/vcap/sys/log";
/// The newest log of the agent.
const AGENT: &str = "/var/vcap/bosh/log/current";
/// Logs of the system that are text and not from earlier days.
const SYSTEM: &str = "$(find /var/log -type f -not -name \\*.gz -and -not -name \\*.xz \
    -and -not -name \\*.\\[1-9] -and -not -path /var/log/sysstat/\\* \
    -and -not -wholename /var/log/wtmp -and -not -wholename /var/log/lastlog)";

/// Whether a word may stand in a line for a shell: a name or a pattern, nothing that does something.
fn is_pattern(text: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "._-+=@,/*?[]{}".contains(c);
    !text.is_empty() && text.chars().all(is_good)
}

impl Arguments {
    /// Whether names of jobs and patterns are no more than that.
    fn check(&self) -> Result<(), Problem> {
        match self.job.iter().chain(&self.only).find(|word| !is_pattern(word)) {
            Some(wrong) => {
                Err(Problem::text(format!("'{wrong}' is no name of a job or pattern of files")))
            }
            None => Ok(()),
        }
    }

    /// The files of this machine's environment that are meant, as words for a shell; none if nothing is said.
    fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = self.job.iter().map(|job| format!("{job}/*.log")).collect();
        files.extend(self.only.iter().cloned());
        if self.agent || self.all_logs {
            files.push(AGENT.to_owned());
        }
        if self.system || self.all_logs {
            files.push(SYSTEM.to_owned());
        }
        if self.all_logs && self.job.is_empty() && self.only.is_empty() {
            files.push("*/*.log".to_owned());
        }
        files
    }

    /// Shows logs of anything at any level.
    fn of_environment(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        self.check()?;
        if self.dir.is_some() {
            return Err(Problem::text(
                "--dir is for logs that are fetched from a deployment: name it with --deployment; \
                 those of the environment are shown",
            ));
        }
        let files = self.files();
        let asked = nested::AskedLogs {
            follow: self.follow,
            lines: self.num,
            quiet: self.quiet,
            files: &files,
        };
        session.environment_verb(|home, _| nested::show_logs(home, &self.slug, &asked))
    }

    /// The line for the instances.
    fn tail(&self) -> Result<Vec<String>, Problem> {
        let mut words = vec!["exec tail".to_owned()];
        if self.follow {
            // By name, so that it goes on when a file is renamed.
            words.push("-F".to_owned());
        }
        if self.num > 0 {
            words.push(format!("-n {}", self.num));
        }
        if self.quiet {
            words.push("-q".to_owned());
        }
        self.check()?;
        if (self.system && !self.agent) || self.all_logs {
            words.push(SYSTEM.to_owned());
        }
        if (self.agent && !self.system) || self.all_logs {
            words.push(AGENT.to_owned());
        }
        if !self.job.is_empty() {
            words.extend(self.job.iter().map(|job| format!("{JOBS}/{job}/*.log")));
        } else if !self.only.is_empty() {
            words.extend(self.only.iter().map(|pattern| format!("{JOBS}/{pattern}")));
        } else if (!self.agent && !self.system) || self.all_logs {
            words.push(format!("{JOBS}/**/*.log"));
            words.push(format!("$(if [ -f {JOBS}/*.log ]; then echo {JOBS}/*.log ; fi)"));
        }
        if self.agent && self.system && !self.all_logs {
            words.extend([SYSTEM.to_owned(), AGENT.to_owned()]);
        }
        let line = format!("'{}'", words.join(" "));
        Ok(["sudo", "bash", "-c", &line].map(str::to_owned).to_vec())
    }

    fn show(&self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let words = self.tail()?;
        let way = Way {
            slug: &self.slug,
            private_key: None,
            username: "",
            gateway: &self.gateway,
        };
        with_hosts(session, &way, |session, visit| {
            let mut ways = Vec::new();
            for host in &visit.hosts {
                let mut command = visit.ssh(host, true, &[])?;
                command.args(&words);
                ways.push((host.name.clone(), command));
            }
            run::streamed(session, ways)
                .map_err(|problem| problem.step("Running follow over non-interactive SSH"))
        })
    }

    fn fetch(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let slug = slug(&self.slug)?;
        let directory = self.dir.as_deref().unwrap_or(Path::new("."));
        has_directory(directory)?;
        let director = session.director()?;
        let deployment = session.deployment()?;
        let kinds: &[&str] = match (self.all_logs, self.agent, self.system) {
            (true, ..) => &["agent", "job", "system"],
            (_, true, true) => &["agent", "system"],
            (_, true, false) => &["agent"],
            (_, false, true) => &["system"],
            _ => &["job"],
        };
        let mut filters: Vec<String> = self.job.iter().map(|job| format!("{job}/**/*")).collect();
        filters.extend(self.only);
        let id = director.fetch_logs(&deployment, &slug, kinds, &filters)?;
        session.wait(&director, id)?;
        let blob = director.task(id)?.result.unwrap_or_default();
        if blob.is_empty() {
            return Err(Problem::text("The director fetched no logs"));
        }
        let mut name = deployment;
        for part in [&slug.group, &slug.id].into_iter().flatten() {
            name.push('.');
            name.push_str(part);
        }
        let wanted = Wanted {
            blob: &blob,
            digest: None,
            directory,
            name: &name,
        };
        download(session, &director, &wanted)
            .map_err(|problem| problem.step("Downloading logs"))?;
        Ok(0)
    }

    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        if !self.slug.is_empty() && session.deployment_name().is_none() && session.has_own() {
            return self.of_environment(session);
        }
        match self.follow || self.num > 0 {
            true => self.show(session),
            false => self.fetch(session),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn tail(flags: &str) -> Result<String, Problem> {
        let words = ["logs"].into_iter().chain(flags.split_whitespace());
        let line = Line::try_parse_from(words).unwrap();
        Ok(line.arguments.tail()?.join(" "))
    }

    #[test]
    fn files_of_an_environment_are_what_was_asked_for() {
        let files = |flags: &str| {
            let words = ["logs"].into_iter().chain(flags.split_whitespace());
            Line::try_parse_from(words).unwrap().arguments.files().join(" ")
        };
        for (flags, expected) in [
            ("web/0", ""),
            ("web/0 --job a --job b", "a/*.log b/*.log"),
            ("web/0 --only x/*.log,y", "x/*.log y"),
            ("web/0 --agent", AGENT),
            ("web/0 --system", SYSTEM),
        ] {
            assert_eq!(files(flags), expected, "{flags}");
        }
        assert_eq!(files("web/0 --all-logs"), format!("{AGENT} {SYSTEM} */*.log"));
    }

    #[test]
    fn a_line_for_instances_has_what_was_asked_for() {
        let all = "/var/vcap/sys/log/**/*.log $(if [ -f /var/vcap/sys/log/*.log ]; \
            then echo /var/vcap/sys/log/*.log ; fi)'";
        assert_eq!(tail("-f").unwrap(), format!("sudo bash -c 'exec tail -F {all}"));
        let some = tail("--num 10 -q").unwrap();
        assert_eq!(some, format!("sudo bash -c 'exec tail -n 10 -q {all}"));
        let job = tail("-f --job web --job db").unwrap();
        assert!(job.ends_with("-F /var/vcap/sys/log/web/*.log /var/vcap/sys/log/db/*.log'"));
        assert!(tail("-f --only a/*.log,b.log").unwrap().contains("log/a/*.log /var/vcap/sys/log/b.log"));
        assert!(tail("-f --agent").unwrap().ends_with("-F /var/vcap/bosh/log/current'"));
        for wrong in ["$(x)", "a'b", "a;b", "`x`", "a\\b"] {
            assert!(tail(&format!("-f --job {wrong}")).is_err(), "{wrong}");
        }
    }
}
