//! A host that instances are reached through, as a `ProxyCommand` of `ssh`.

use super::super::common::{is_on, set};
use super::super::problem::Problem;

// Flags of verbs that use SSH. No doc comment: it would become the text of every such verb.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Gateway")]
pub struct Gateway {
    /// Go through no host [default: whether $WARREN_GW_DISABLE or $BOSH_GW_DISABLE is set]
    #[arg(long)]
    gw_disable: bool,

    /// Go through this host [default: $WARREN_GW_HOST, $BOSH_GW_HOST or what the director says]
    #[arg(long, value_name = "HOST")]
    gw_host: Option<String>,

    /// As this user [default: $WARREN_GW_USER, $BOSH_GW_USER or what the director says]
    #[arg(long, value_name = "USER")]
    gw_user: Option<String>,

    /// With this key [default: $WARREN_GW_PRIVATE_KEY or $BOSH_GW_PRIVATE_KEY]
    #[arg(long, value_name = "FILE")]
    gw_private_key: Option<String>,

    /// Go through this proxy instead: socks5://HOST:PORT, or
    /// ssh+socks5://USER@HOST:PORT?private-key=FILE [default: $WARREN_ALL_PROXY or $BOSH_ALL_PROXY]
    #[arg(long, value_name = "URL")]
    gw_socks5: Option<String>,
}

/// What is in force, of flags, environment and the director's answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hop {
    pub host: Option<String>,
    pub user: Option<String>,
    pub key: Option<String>,
    pub port: Option<u16>,
    pub socks: Option<String>,
}

/// Whether somebody's word may be a host or a user in a line for `ssh`.
pub fn is_host(text: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || ".:-_".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_good)
}

impl Gateway {
    /// By flags, then the environment, then what the director says: host and user.
    pub fn hop(&self, said: (Option<&str>, Option<&str>)) -> Result<Hop, Problem> {
        let one = |flag: &Option<String>, name| flag.clone().or_else(|| set(name));
        if let Some(url) = one(&self.gw_socks5, "ALL_PROXY") {
            return parse(&url).ok_or_else(|| {
                Problem::text(format!("Expected proxy '{url}' to be socks5://HOST:PORT or ssh+socks5://USER@HOST:PORT?private-key=FILE"))
            });
        }
        if self.gw_disable || is_on("GW_DISABLE") {
            return Ok(Hop::default());
        }
        let hop = Hop {
            host: one(&self.gw_host, "GW_HOST").or_else(|| said.0.map(str::to_owned)),
            user: one(&self.gw_user, "GW_USER").or_else(|| said.1.map(str::to_owned)),
            key: one(&self.gw_private_key, "GW_PRIVATE_KEY"),
            ..Hop::default()
        };
        if let Some(name) = hop.host.iter().chain(&hop.user).find(|name| !is_host(name)) {
            return Err(Problem::text(format!(
                "'{name}' is no gateway's host or user"
            )));
        }
        Ok(hop)
    }
}

/// A proxy's address.
fn parse(url: &str) -> Option<Hop> {
    if let Some(address) = url.strip_prefix("socks5://") {
        let socks = Some(address.trim_end_matches('/').to_owned());
        return is_host(socks.as_deref()?).then_some(Hop {
            socks,
            ..Hop::default()
        });
    }
    let rest = url.strip_prefix("ssh+socks5://")?;
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, address) = match address.trim_end_matches('/').split_once('@') {
        Some((user, address)) => (Some(user.to_owned()), address),
        None => (None, address.trim_end_matches('/')),
    };
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (address, None),
    };
    let key = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("private-key="));
    let is_good = is_host(host) && user.as_deref().is_none_or(is_host);
    is_good.then(|| Hop {
        host: Some(host.to_owned()),
        user,
        key: key.map(str::to_owned),
        port,
        socks: None,
    })
}

impl Hop {
    /// The option for `ssh` to an address, if there is anything to go through.
    ///
    /// The gateway's own key is not checked: nothing but TCP goes through it, no agent is forwarded,
    /// and the key of the instance behind it is checked.
    pub fn option(&self, ip: &str) -> Result<Option<String>, Problem> {
        if let Some(address) = &self.socks {
            return Ok(Some(format!("ProxyCommand=nc -x {address} %h %p")));
        }
        let Some(host) = &self.host else {
            return Ok(None);
        };
        let user = self.user.as_deref().unwrap_or("vcap");
        let target = if ip.contains(':') { "[%h]:%p" } else { "%h:%p" };
        let port = self
            .port
            .map(|port| format!(" -p {port}"))
            .unwrap_or_default();
        let key = match &self.key {
            Some(path) => {
                let path = shlex::try_quote(path)?;
                format!(
                    " -o PasswordAuthentication=no -o IdentitiesOnly=yes -o IdentityFile={path}"
                )
            }
            None => String::new(),
        };
        Ok(Some(format!(
            "ProxyCommand=ssh -tt -W {target} -l {user}{port} {host} -o ServerAliveInterval=30 \
             -o ForwardAgent=no -o ClearAllForwardings=yes -o StrictHostKeyChecking=no \
             -o UserKnownHostsFile=/dev/null{key}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_before_the_directors_word() {
        let gateway = Gateway {
            gw_user: Some("me".into()),
            ..Gateway::default()
        };
        let hop = gateway.hop((Some("gw.example"), Some("vcap"))).unwrap();
        let option = hop.option("10.0.0.2").unwrap().unwrap();
        assert!(
            option.starts_with("ProxyCommand=ssh -tt -W %h:%p -l me gw.example -o "),
            "{option}"
        );
        assert!(!option.contains("IdentityFile"), "{option}");
        assert!(
            hop.option("fd00::2")
                .unwrap()
                .unwrap()
                .contains("-W [%h]:%p ")
        );
        let disabled = Gateway {
            gw_disable: true,
            ..Gateway::default()
        };
        let hop = disabled.hop((Some("gw.example"), None)).unwrap();
        assert_eq!(hop.option("10.0.0.2").unwrap(), None);
    }

    #[test]
    fn what_would_be_an_option_or_a_command_is_no_host() {
        for wrong in ["", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a\nb"] {
            let said = Gateway::default().hop((Some(wrong), None));
            assert!(wrong.is_empty() || said.is_err(), "{wrong}");
            assert!(!is_host(wrong), "{wrong}");
        }
        for wrong in [
            "http://h:1",
            "socks5://",
            "socks5://h;x:1",
            "ssh+socks5://u@h:port",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn proxies_are_read() {
        let socks = parse("socks5://127.0.0.1:1080").unwrap();
        let option = socks.option("10.0.0.2").unwrap().unwrap();
        assert_eq!(option, "ProxyCommand=nc -x 127.0.0.1:1080 %h %p");
        let jump = parse("ssh+socks5://jump@h.example:2222?private-key=/k e").unwrap();
        let option = jump.option("10.0.0.2").unwrap().unwrap();
        assert!(option.contains(" -l jump -p 2222 h.example "), "{option}");
        assert!(option.ends_with("-o IdentityFile='/k e'"), "{option}");
    }
}
