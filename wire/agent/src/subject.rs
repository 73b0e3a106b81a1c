//! Subjects on the bus, and the permissions that go with them.
//!
//! | subject | who publishes | payload |
//! |---|---|---|
//! | `agent.<agent>` | director | request |
//! | `director.<process>.<agent>.<request>` | agent | response |
//! | `hm.agent.{heartbeat,alert,shutdown}.<agent>` | agent | see [`crate::heartbeat`] |
//! | `hm.director.alert` | director | alert |
//!
//! There are no reply subjects of NATS: the address is the field `reply_to` of the request.

/// Where an agent takes its requests.
#[must_use]
pub fn requests(agent: &str) -> String {
    format!("agent.{agent}")
}

/// Where an agent's heartbeats go.
#[must_use]
pub fn heartbeat(agent: &str) -> String {
    format!("hm.agent.heartbeat.{agent}")
}

/// Where an agent's alerts go.
#[must_use]
pub fn alert(agent: &str) -> String {
    format!("hm.agent.alert.{agent}")
}

/// Where an agent says that it is being shut down; the payload is the JSON literal `null`.
#[must_use]
pub fn shutdown(agent: &str) -> String {
    format!("hm.agent.shutdown.{agent}")
}

/// What an agent's user may publish.
#[must_use]
pub fn agent_publishes(agent: &str) -> [String; 4] {
    [
        heartbeat(agent),
        alert(agent),
        shutdown(agent),
        format!("director.*.{agent}.*"),
    ]
}

/// What an agent's user may subscribe to.
#[must_use]
pub fn agent_subscribes(agent: &str) -> [String; 1] {
    [requests(agent)]
}

/// Common name of an agent's certificate; the bootstrap one is the first, until it is replaced.
#[must_use]
pub fn common_name(agent: &str, bootstrap: bool) -> String {
    let middle = if bootstrap { ".bootstrap" } else { "" };
    format!("{agent}{middle}.agent.bosh-internal")
}

/// Whether a NATS server's certificate may have this common name:
/// `^[a-zA-Z0-9*\-]*.nats.bosh-internal$`, where the first dot stands for any character as in the
/// stock agent.
#[must_use]
pub fn is_server_common_name(name: &str) -> bool {
    let Some(first) = name.strip_suffix("nats.bosh-internal") else {
        return false;
    };
    let mut characters = first.chars();
    characters.next_back().is_some()
        && characters.all(|one| one.is_ascii_alphanumeric() || one == '*' || one == '-')
}

#[cfg(test)]
mod tests {
    use super::is_server_common_name;

    #[test]
    fn names_of_servers() {
        for good in [
            "default.nats.bosh-internal",
            "*.nats.bosh-internal",
            "a-1.nats.bosh-internal",
        ] {
            assert!(is_server_common_name(good), "{good}");
        }
        for bad in [
            "nats.bosh-internal",
            "a.b.nats.bosh-internal",
            "default.hm.bosh-internal",
            "",
        ] {
            assert!(!is_server_common_name(bad), "{bad}");
        }
    }
}
