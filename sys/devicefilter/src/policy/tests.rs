//! Policies against the reference semantics of their rules.

use proptest::prelude::*;

use super::*;

/// Few numbers, so that rules meet.
pub(crate) fn any_rule() -> impl Strategy<Value = DeviceRule> {
    let number = || prop_oneof![Just(None), (0_u32..3).prop_map(Some)];
    let narrow = (any::<bool>(), any::<bool>(), number(), number(), 1_u32..8).prop_map(
        |(allow, char, major, minor, bits)| {
            let kind = if char { Kind::CHAR } else { Kind::BLOCK };
            DeviceRule::new(allow, kind, major, minor, Access::from_bits(bits)).unwrap()
        },
    );
    prop_oneof![1 => any::<bool>().prop_map(DeviceRule::all), 12 => narrow]
}

pub(crate) fn any_rules() -> impl Strategy<Value = Vec<DeviceRule>> {
    prop::collection::vec(any_rule(), 0..12)
}

pub(crate) fn every_request() -> impl Iterator<Item = Request> {
    DeviceKind::BOTH.into_iter().flat_map(|kind| {
        (0..4 * 4 * 8).map(move |n| Request {
            device: Device {
                kind,
                major: n & 3,
                minor: n >> 2 & 3,
            },
            access: Access::from_bits(n >> 4),
        })
    })
}

/// The meaning as the module's head words it, bit by bit, with no cleverness.
pub(crate) fn reference(rules: &[DeviceRule], request: Request) -> bool {
    let bit_allowed = |bit: Access| {
        rules
            .iter()
            .rev()
            .find(|rule| rule.matches(request.device) && rule.access().contains(bit))
            .is_some_and(DeviceRule::allow)
    };
    let bits = [Access::READ, Access::WRITE, Access::MKNOD];
    if request.access.is_empty() {
        bits.into_iter().any(bit_allowed)
    } else {
        bits.into_iter()
            .filter(|bit| request.access.contains(*bit))
            .all(bit_allowed)
    }
}

fn rules(texts: &[&str]) -> Vec<DeviceRule> {
    let rule = |text: &&str| {
        let (allow, rest) = text.split_at(1);
        DeviceRule::parse_v1(allow == "+", rest).unwrap()
    };
    texts.iter().map(rule).collect()
}

fn form(policy: &Policy) -> Vec<String> {
    let text = |entry: &Entry| {
        entry.rule(true, entry.access).map_or_else(
            || format!("nothing for {:?}", entry.pattern),
            |rule| rule.v1_text(),
        )
    };
    policy.entries().iter().map(text).collect()
}

#[test]
fn holes_are_cut() {
    let policy = Policy::from_rules(&rules(&["+c 1:* rwm", "-c 1:3 w"])).unwrap();
    assert_eq!(form(&policy), ["c 1:* rwm", "c 1:3 rm"]);
    assert!(!policy.is_monotone());
    let plain = Policy::from_rules(&rules(&["+c 1:* r", "+c 1:3 w"])).unwrap();
    assert_eq!(form(&plain), ["c 1:* r", "c 1:3 rw"]);
    assert!(plain.is_monotone());
}

#[test]
fn crossing_wildcards_meet() {
    let policy = Policy::from_rules(&rules(&["+c 1:* r", "+c *:3 w"])).unwrap();
    assert_eq!(form(&policy), ["c *:3 w", "c 1:* r", "c 1:3 rw"]);
}

#[test]
fn a_resets() {
    let policy = Policy::from_rules(&rules(&["+c 1:3 rwm", "-a"])).unwrap();
    assert_eq!(policy, Policy::from_rules(&[]).unwrap());
    let open = Policy::from_rules(&rules(&["-c 1:3 rwm", "+a"])).unwrap();
    assert!(open.is_allow_all());
}

#[test]
fn repeated_rules_merge() {
    let policy = Policy::from_rules(&rules(&["+c 1:3 r", "+c 1:3 w", "+c 1:3 rw"])).unwrap();
    assert_eq!(form(&policy), ["c 1:3 rw"]);
}

#[test]
fn builtins_survive_deny_all_and_yield_to_a_specific_deny() {
    let user = rules(&["+c 10:229 rwm", "-a", "-c 5:0 rw", "+b 7:* rw", "+c 1:3 r"]);
    let policy = Policy::for_container(&user, &Defaults::default()).unwrap();
    assert_eq!(policy.access_of(Device::char(1, 3)), Access::ALL);
    assert_eq!(policy.access_of(Device::char(5, 0)), Access::MKNOD);
    assert_eq!(policy.access_of(Device::char(10, 229)), Access::MKNOD);
    let loops = policy
        .entries()
        .iter()
        .find(|entry| entry.pattern.major == Some(7))
        .unwrap();
    assert_eq!(
        (loops.access, loops.requested),
        (Access::ALL, Access::READ_WRITE)
    );
    let null = policy
        .entries()
        .iter()
        .find(|entry| entry.pattern.minor == Some(3))
        .unwrap();
    assert_eq!((null.access, null.requested), (Access::ALL, Access::READ));
}

#[test]
fn too_many_is_refused() {
    let mut many = Vec::new();
    for n in 0..100 {
        many.push(DeviceRule::new(true, Kind::CHAR, Some(n), None, Access::READ).unwrap());
        many.push(DeviceRule::new(true, Kind::CHAR, None, Some(n), Access::WRITE).unwrap());
    }
    assert!(matches!(
        Policy::from_rules(&many),
        Err(PolicyError::TooMany { count: 10_201 })
    ));
    let long = vec![DeviceRule::all(true); MAX_ENTRIES + 1];
    assert!(Policy::from_rules(&long).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn policy_means_what_the_rules_mean(rules in any_rules()) {
        let policy = Policy::from_rules(&rules).unwrap();
        for request in every_request() {
            prop_assert_eq!(policy.allows(request), reference(&rules, request), "{}", request);
        }
    }

    #[test]
    fn monotone_policies_need_no_order(rules in any_rules()) {
        let policy = Policy::from_rules(&rules).unwrap();
        prop_assume!(policy.is_monotone());
        for request in every_request().filter(|request| !request.access.is_empty()) {
            let mut matching =
                policy.entries().iter().filter(|entry| entry.pattern.matches(request.device));
            let unordered = if policy.default_allow() {
                matching.all(|entry| entry.access.contains(request.access))
            } else {
                matching.any(|entry| entry.access.contains(request.access))
            };
            prop_assert_eq!(unordered, policy.allows(request), "{}", request);
        }
    }

    #[test]
    fn form_is_a_fixed_point(rules in any_rules()) {
        let policy = Policy::from_rules(&rules).unwrap();
        let mut again = vec![DeviceRule::all(policy.default_allow())];
        let mut entries = policy.entries().to_vec();
        entries.sort_by_key(|entry| entry.pattern.specificity());
        for entry in entries {
            again.extend(entry.rule(false, Access::ALL));
            again.extend(entry.rule(true, entry.access));
        }
        let again = Policy::from_rules(&again).unwrap();
        prop_assert_eq!(again.default_allow(), policy.default_allow());
        for request in every_request() {
            prop_assert_eq!(again.allows(request), policy.allows(request), "{}", request);
        }
    }
}
