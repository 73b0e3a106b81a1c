//! Whether a machine's firewall holds: the rules that its agent has set up are compared with those in force,
//! and packets are sent, from the agent's control group and from another (`warren firewall verify`). Nobody
//! has to listen for that, and no rule's name counts.

use serde::Deserialize;

use crate::Error;
use crate::status::said;

/// Has the rules verified for the agent of this pid namespace; says so if there is none.
const SCRIPT: &str = r#"space=$(readlink /proc/self/ns/pid)
for at in $(grep -lszxE -e 'agent|(.*/)?bosh-agent' /proc/[0-9]*/cmdline); do
    at=${at%/cmdline}
    [ "$(readlink $at/ns/pid)" = "$space" ] || continue
    grep -qszxE -e 'serve|(.*/)?bosh-agent' $at/cmdline || continue
    WARREN firewall verify --json --on-unresolved uid --agent-pid ${at#/proc/}
    exit 0
done
if nft list table inet bosh_agent >/dev/null 2>&1; then echo silent; else echo none; fi"#;

/// What is asked there; the executable is called so.
pub(super) fn question(executable: &str) -> String {
    SCRIPT.replace("WARREN", executable)
}

#[derive(Deserialize)]
struct Verified {
    changes: Vec<serde_json::Value>,
    proof: Proof,
}

#[derive(Deserialize)]
struct Proof {
    checks: Vec<Check>,
    no_outsider: Option<String>,
    failure: Option<String>,
}

#[derive(Deserialize)]
struct Check {
    destination: String,
    sender: String,
    due: bool,
    seen: String,
}

impl Check {
    fn is_wrong(&self) -> bool {
        matches!(
            (self.seen.as_str(), self.due),
            ("let-through", false) | ("refused", true)
        )
    }

    fn told(&self) -> String {
        let (sender, place) = (&self.sender, &self.destination);
        match self.due {
            true => format!("the {sender} does not reach {place}"),
            false => format!("an {sender} reaches {place}"),
        }
    }
}

/// The answer in a few words.
pub(super) fn verdict(answer: Result<String, Error>) -> String {
    let text = match &answer {
        Ok(text) => text.trim(),
        Err(error) => return format!("firewall unknown: {}", said(error)),
    };
    match text {
        "none" => return "no firewall".to_owned(),
        "silent" => return "firewall not proved: no agent runs".to_owned(),
        _ => {}
    }
    let Ok(Verified { changes, proof }) = serde_json::from_str(text) else {
        return format!("firewall unknown: {}", text.replace('\n', "; "));
    };
    if let Some(why) = &proof.failure {
        return format!("firewall not proved: {why}");
    }
    if let Some(wrong) = proof.checks.iter().find(|check| check.is_wrong()) {
        return format!("firewall DOES NOT HOLD: {}", wrong.told());
    }
    if !changes.is_empty() {
        return "firewall DOES NOT HOLD: its rules are not those that the agent asked for"
            .to_owned();
    }
    let is_refused = |check: &Check| !check.due && check.seen == "refused";
    match (proof.no_outsider, proof.checks.iter().any(is_refused)) {
        (Some(why), _) => format!("firewall not proved: {why}"),
        (None, true) => "firewall holds".to_owned(),
        (None, false) => "firewall not proved: no packet was refused".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packets_prove_it() {
        let table = |changes: &str, checks: &str, more: &str| {
            format!(
                r#"{{"agent": {{}}, "nats": [], "changes": [{changes}],
                    "proof": {{"checks": [{checks}], {more}}}}}"#
            )
        };
        let check = |sender: &str, due: bool, seen: &str| {
            format!(
                r#"{{"destination": "127.0.0.1:2822", "sender": "{sender}", "due": {due}, "seen": "{seen}"}}"#
            )
        };
        let passes = check("agent", true, "let-through");
        let refused = check("outsider", false, "refused");
        let unsent = check("outsider", false, "not-sent");
        let open = check("outsider", false, "let-through");
        let shut = check("agent", true, "refused");
        let good = r#""no_outsider": null, "failure": null"#;
        let lonely = r#""no_outsider": "no cgroup", "failure": null"#;
        let failed = r#""no_outsider": null, "failure": "no table""#;
        for (text, expected) in [
            (
                table("", &format!("{passes},{refused}"), good),
                "firewall holds",
            ),
            (
                table("", &format!("{passes},{open}"), good),
                "firewall DOES NOT HOLD: an outsider reaches 127.0.0.1:2822",
            ),
            (
                table("", &format!("{shut},{refused}"), good),
                "firewall DOES NOT HOLD: the agent does not reach 127.0.0.1:2822",
            ),
            (
                table(
                    r#"{"change": "table-added"}"#,
                    &format!("{passes},{refused}"),
                    good,
                ),
                "firewall DOES NOT HOLD: its rules are not those that the agent asked for",
            ),
            (
                table("", &format!("{passes},{unsent}"), good),
                "firewall not proved: no packet was refused",
            ),
            (table("", &passes, lonely), "firewall not proved: no cgroup"),
            (table("", "", failed), "firewall not proved: no table"),
            ("none\n".to_owned(), "no firewall"),
            ("silent\n".to_owned(), "firewall not proved: no agent runs"),
            (
                "sh: no\nsuch thing\n".to_owned(),
                "firewall unknown: sh: no; such thing",
            ),
            (String::new(), "firewall unknown: "),
        ] {
            assert_eq!(verdict(Ok(text.clone())), expected, "{text}");
        }
    }
}
