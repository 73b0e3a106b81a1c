//! Plans for the v1 controller against a model of it.

use proptest::prelude::*;

use super::*;
use crate::defaults::Defaults;
use crate::policy::tests::{any_rules, every_request};

fn steps(current: &str, rules: &[&str]) -> Vec<String> {
    let rules: Vec<DeviceRule> = rules
        .iter()
        .map(|text| DeviceRule::parse_v1(true, text).unwrap())
        .collect();
    let plan = plan(
        &List::parse(current).unwrap(),
        &Policy::from_rules(&rules).unwrap(),
    )
    .unwrap();
    plan.iter().map(|step| step.rule.to_string()).collect()
}

#[test]
fn a_fresh_group_is_closed_and_then_opened() {
    assert_eq!(
        steps("a *:* rwm\n", &["c 1:3 rw", "b *:* m"]),
        ["deny a *:* rwm", "allow b *:* m", "allow c 1:3 rw"]
    );
}

#[test]
fn a_change_writes_only_differences_and_opens_first() {
    assert_eq!(
        steps(
            "c 1:3 rwm\nc 1:5 rwm\nc 1:7 r\n",
            &["c 1:3 r", "c 1:7 rw", "c 1:8 r"]
        ),
        [
            "allow c 1:7 w",
            "allow c 1:8 r",
            "deny c 1:3 wm",
            "deny c 1:5 rwm"
        ]
    );
}

#[test]
fn holes_are_refused() {
    let rules = [
        DeviceRule::parse_v1(true, "c 1:* rwm").unwrap(),
        DeviceRule::parse_v1(false, "c 1:3 w").unwrap(),
    ];
    let policy = Policy::from_rules(&rules).unwrap();
    assert!(matches!(
        plan(&List::default(), &policy),
        Err(V1Error::Hole)
    ));
}

#[test]
fn only_what_is_built_in_counts_as_not_requested() {
    let user = [DeviceRule::parse_v1(true, "c 5:1 rw").unwrap()];
    let policy = Policy::for_container(&user, &Defaults::default()).unwrap();
    let plan = plan(&List::default(), &policy).unwrap();
    let console = plan
        .iter()
        .find(|step| step.rule.minor() == Some(1))
        .unwrap();
    assert_eq!(
        (console.rule.access(), console.requested),
        (Access::ALL, Access::READ_WRITE)
    );
    assert_eq!(
        plan.iter()
            .filter(|step| !step.requested.is_empty())
            .count(),
        1
    );
}

/// The controller itself, as in `security/device_cgroup.c`, without parents.
#[derive(Default)]
struct Model {
    default_allow: bool,
    exceptions: Vec<(Pattern, Access)>,
}

impl Model {
    fn write(&mut self, rule: DeviceRule) {
        let Some(pattern) = pattern_of(&rule) else {
            self.default_allow = rule.allow();
            self.exceptions.clear();
            return;
        };
        let at = self
            .exceptions
            .iter()
            .position(|(other, _)| *other == pattern);
        if rule.allow() != self.default_allow {
            match at {
                Some(at) => self.exceptions[at].1 |= rule.access(),
                None => self.exceptions.push((pattern, rule.access())),
            }
        } else if let Some(at) = at {
            self.exceptions[at].1 = self.exceptions[at].1 & !rule.access();
            self.exceptions.retain(|(_, access)| !access.is_empty());
        }
    }

    fn allows(&self, request: Request) -> bool {
        let mut matching = self
            .exceptions
            .iter()
            .filter(|(pattern, _)| pattern.matches(request.device))
            .map(|(_, access)| *access);
        if self.default_allow {
            matching.all(|access| (access & request.access).is_empty())
        } else {
            matching.any(|access| access.contains(request.access))
        }
    }

    fn list(&self) -> List {
        let rule = |(pattern, access): &(Pattern, Access)| {
            let kind = Kind::Only(pattern.kind);
            DeviceRule::new(true, kind, pattern.major, pattern.minor, *access).unwrap()
        };
        let allowed = if self.default_allow {
            vec![]
        } else {
            self.exceptions.iter().map(rule).collect()
        };
        List {
            default_allow: self.default_allow,
            allowed,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn writing_the_plan_gives_the_policy(before in any_rules(), rules in any_rules()) {
        let policy = Policy::from_rules(&rules).unwrap();
        prop_assume!(policy.is_monotone());
        let mut group = Model { default_allow: true, exceptions: vec![] };
        before.into_iter().for_each(|rule| group.write(rule));
        for step in plan(&group.list(), &policy).unwrap() {
            group.write(step.rule);
        }
        for request in every_request().filter(|request| !request.access.is_empty()) {
            prop_assert_eq!(group.allows(request), policy.allows(request), "{}", request);
        }
    }

    #[test]
    fn lists_of_junk_never_panic(text: String) {
        let _ = List::parse(&text);
    }
}
