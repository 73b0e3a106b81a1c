//! `warren pcap`: packets that instances see, by their own `tcpdump` over SSH, in one file.
//!
//! Each `tcpdump` ends with the standard input of its session, so that none is left behind whatever
//! becomes of us. The packets of our own sessions are not captured: they would never end.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use warren_director_client::capture::{Reader, header};

use super::problem::Problem;
use super::remote::{Gateway, Way, run, with_hosts};
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// GROUP or GROUP/ID; all unless given
    #[arg(value_name = "INSTANCE")]
    slugs: Vec<String>,

    /// The network interface there
    #[arg(short, long, value_name = "NAME", default_value = "eth0")]
    interface: String,

    /// Only packets that this is true of, see pcap-filter(7)
    #[arg(short, long, value_name = "EXPRESSION")]
    filter: Option<String>,

    /// So many bytes of each packet
    #[arg(short, long, value_name = "BYTES", default_value_t = 65_535)]
    snaplen: u32,

    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// How long the instances have to send the rest after an interrupt: 500ms, 5s, 1m
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    stop_timeout: Duration,

    #[command(flatten)]
    gateway: Gateway,
}

/// A time with its unit.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let number: u64 = digits.parse().map_err(|_| "expected a number and ms, s or m".to_owned())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err("expected a number and ms, s or m".to_owned()),
    }
}

impl Arguments {
    /// The line for an instance's shell.
    fn line(&self) -> Result<String, Problem> {
        let interface = shlex::try_quote(&self.interface)?;
        // The client's address is the first word of what the shell there knows of the session.
        let ours = "\"not (tcp port 22 and host ${SSH_CLIENT%% *})\"";
        let filter = match &self.filter {
            Some(filter) => format!("{ours}\" and \"{}", shlex::try_quote(&format!("({filter})"))?),
            None => ours.to_owned(),
        };
        let length = self.snaplen;
        Ok(format!(
            "exec 3<&0; sudo tcpdump -U -w - -i {interface} -s {length} {filter} </dev/null & p=$!; \
             (cat <&3; sudo kill $p) >/dev/null 2>&1 & wait $p"
        ))
    }

    /// Opens the sessions of one name after the other; with all of them, captures.
    fn visit(
        &self,
        session: &mut Session<'_>,
        slugs: &[String],
        mut ways: Vec<(String, Command)>,
    ) -> Result<u8, Problem> {
        let Some((slug, rest)) = slugs.split_first() else {
            return self.capture(session, ways);
        };
        let way = Way { slug, private_key: None, username: "", gateway: &self.gateway };
        with_hosts(session, &way, |session, visit| {
            for host in &visit.hosts {
                let mut command = visit.ssh(host, false, &[])?;
                command.arg(self.line()?);
                ways.push((host.name.clone(), command));
            }
            self.visit(session, rest, ways)
        })
    }

    fn capture(&self, session: &mut Session<'_>, ways: Vec<(String, Command)>) -> Result<u8, Problem> {
        let writing = |error: std::io::Error| {
            let step = format!("Writing file '{}'", self.output.display());
            Problem::text(error.to_string()).step(step)
        };
        let mut file = BufWriter::new(File::create(&self.output).map_err(writing)?);
        let mut readers: Vec<Reader> = ways.iter().map(|_| Reader::default()).collect();
        let mut link = None;
        let mut count = 0u64;
        let names: Vec<String> = ways.iter().map(|(name, _)| name.clone()).collect();
        let text = format!("Capturing on {} instance(s), until interrupted...", names.len());
        session.console.line(&text);
        let result = run::captured(session, ways, self.stop_timeout, &mut |at, bytes| {
            let Some(reader) = readers.get_mut(at) else {
                return Ok(());
            };
            let mut records = Vec::new();
            reader.push(bytes, &mut |packet| {
                records.extend(packet.record());
                count += 1;
            })?;
            match (link, reader.link()) {
                (None, Some(its)) => {
                    link = Some(its);
                    file.write_all(&header(its)).map_err(writing)?;
                }
                (Some(link), Some(its)) if link != its => {
                    let name = names.get(at).cloned().unwrap_or_default();
                    let text = format!("'{name}' has another kind of link ({its}) than the first ({link})");
                    return Err(Problem::text(text));
                }
                _ => {}
            }
            // Who looks at the file sees what there is.
            file.write_all(&records).and_then(|()| file.flush()).map_err(writing)
        });
        file.flush().map_err(writing)?;
        session.console.line(&format!("Captured {count} packet(s)"));
        result.map_err(|problem| problem.step("Capturing packets"))
    }

    /// Runs the verb.
    pub fn run(mut self, session: &mut Session<'_>) -> Result<u8, Problem> {
        if self.slugs.is_empty() {
            self.slugs.push(String::new());
        }
        self.visit(session, &self.slugs, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "5", "s", "-1s", "1h", "1.5s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
