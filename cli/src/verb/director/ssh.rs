//! `warren ssh`: a user with a key of its own for as long as it takes, over the system's `ssh`.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use warren_director_client::jobs::SshHost;

use super::change::slug;
use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// GROUP or GROUP/ID; all unless given
    #[arg(value_name = "INSTANCE", default_value = "")]
    slug: String,

    /// Run this on each, instead of a shell on one
    #[arg(short, long, value_name = "COMMAND")]
    command: Option<String>,

    /// Give `ssh` these as well
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    opts: Vec<String>,

    /// Go through this host
    #[arg(long, value_name = "HOST")]
    gw_host: Option<String>,

    /// As this user
    #[arg(long, value_name = "USER")]
    gw_user: Option<String>,

    /// With this key
    #[arg(long, value_name = "FILE")]
    gw_private_key: Option<String>,

    /// Go through no host
    #[arg(long)]
    gw_disable: bool,
}

/// Whether a director's word may be an argument of `ssh`.
fn is_host(text: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || ".:-_".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_good)
}

/// A user's name that no other has.
fn user() -> Result<String, Problem> {
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("bosh_{}", hex.get(..15).unwrap_or_default()))
}

/// Lines of one output, told as they come.
fn tell(from: impl Read + Send + 'static, name: String, to: Sender<String>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if to.send(format!("{name} | {text}\n")).is_err() {
                return;
            }
            line.clear();
        }
    })
}

impl Arguments {
    fn proxy(&self, first: &SshHost) -> Option<String> {
        if self.gw_disable {
            return None;
        }
        let host = self.gw_host.clone().or_else(|| first.gateway_host.clone());
        let host = host.filter(|host| is_host(host))?;
        let user = self.gw_user.clone().or_else(|| first.gateway_user.clone());
        let user = user.filter(|user| is_host(user)).unwrap_or_else(|| "vcap".to_owned());
        let key = self.gw_private_key.as_ref();
        let key = key.and_then(|path| shlex::try_quote(path).ok().map(|path| format!(" -i {path}")));
        Some(format!(
            "ProxyCommand=ssh -tt -W %h:%p -l {user}{} {host}",
            key.unwrap_or_default()
        ))
    }

    fn ssh(&self, directory: &Path, user: &str, first: &SshHost, ip: &str) -> Command {
        let mut command = Command::new("ssh");
        let file = |name: &str| directory.join(name).display().to_string();
        let options = [
            "ServerAliveInterval=30".to_owned(),
            "ForwardAgent=no".to_owned(),
            "PasswordAuthentication=no".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            format!("IdentityFile={}", file("key")),
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile={}", file("known_hosts")),
        ];
        command.arg("-tt");
        for option in options.iter().chain(self.proxy(first).iter()) {
            command.arg("-o").arg(option);
        }
        for options in &self.opts {
            command.args(shlex::split(options).unwrap_or_else(|| vec![options.clone()]));
        }
        command.args(["-l", user, ip]);
        command
    }

    fn all(&self, session: &mut Session<'_>, ways: Vec<(String, Command)>) -> Result<u8, Problem> {
        let (to, lines) = channel();
        let mut running = Vec::new();
        for (name, mut command) in ways {
            command.arg(self.command.as_deref().unwrap_or_default());
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().map_err(starting)?;
            let out = child.stdout.take().map(|out| tell(out, format!("{name}: stdout"), to.clone()));
            let err = child.stderr.take().map(|err| tell(err, format!("{name}: stderr"), to.clone()));
            running.push((name, child, [out, err]));
        }
        drop(to);
        for line in lines {
            session.console.raw(line.as_bytes());
        }
        let mut bad = Vec::new();
        for (name, mut child, tellers) in running {
            for teller in tellers.into_iter().flatten() {
                // It only reads and sends.
                let _ = teller.join();
            }
            let status = child.wait()?;
            if !status.success() {
                bad.push(format!("Running SSH on '{name}': {status}"));
            }
        }
        match bad.is_empty() {
            true => Ok(0),
            false => Err(Problem::text(bad.join("\n"))),
        }
    }

    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let slug = slug(&self.slug)?;
        let director = session.director()?;
        let deployment = session.deployment()?;
        let directory = tempfile::tempdir()?;
        let key = directory.path().join("key");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "", "-f"])
            .arg(&key)
            .stdin(Stdio::null())
            .output()
            .map_err(starting)?;
        if !made.status.success() {
            let text = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            return Err(Problem::text(text).step("Making a key with ssh-keygen"));
        }
        let public = fs::read_to_string(key.with_extension("pub"))?;
        let user = user()?;
        let id = director.set_up_ssh(&deployment, &slug, &user, public.trim())?;
        session.wait(&director, id)?;
        let hosts: Vec<SshHost> = serde_json::from_slice(&director.task_result(id)?)?;
        let result = self.visit(session, directory.path(), &user, &hosts);
        let cleaned = director.clean_up_ssh(&deployment, &slug, &user).map_err(Problem::from);
        // What went wrong first is told.
        let code = result?;
        cleaned?;
        Ok(code)
    }

    fn visit(
        &self,
        session: &mut Session<'_>,
        directory: &Path,
        user: &str,
        hosts: &[SshHost],
    ) -> Result<u8, Problem> {
        let mut known = String::new();
        let mut ways = Vec::new();
        let first = hosts.first();
        let first = first.ok_or_else(|| Problem::text("The director found no instance for SSH"))?;
        for host in hosts {
            let group = host.job.as_deref().unwrap_or("?");
            let name = format!("{group}/{}", host.id.as_deref().unwrap_or("?"));
            let ip = host.ip.as_deref().unwrap_or_default();
            if host.status.as_deref() != Some("success") || !is_host(ip) {
                return Err(Problem::text(format!("The director could not set up SSH on '{name}'")));
            }
            let public = host.host_public_key.as_deref().unwrap_or_default();
            let public = public.lines().next().unwrap_or_default().trim();
            known.push_str(&format!("{ip} {public}\n"));
            ways.push((name, self.ssh(directory, user, first, ip)));
        }
        fs::write(directory.join("known_hosts"), known)?;
        if self.command.is_some() {
            return self.all(session, ways);
        }
        match (ways.pop(), ways.is_empty()) {
            (Some((_, mut command)), true) => match command.status().map_err(starting)?.code() {
                Some(0) => Ok(0),
                code => Err(Problem::text(format!(
                    "Running SSH: exit code {}",
                    code.map_or_else(|| "none".to_owned(), |code| code.to_string())
                ))),
            },
            _ => Err(Problem::text(
                "Interactive SSH only works for a single host at a time: name one, GROUP/ID",
            )),
        }
    }
}

fn starting(error: std::io::Error) -> Problem {
    Problem::text(error.to_string()).step("Starting ssh; the package openssh-client has it")
}
