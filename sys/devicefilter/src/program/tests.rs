//! Programs against the policies they were made from.

use proptest::prelude::*;

use super::*;
use crate::defaults::Defaults;
use crate::device::{Device, Request};
use crate::interpret;
use crate::policy::tests::{any_rules, every_request, reference};

fn container() -> Policy {
    Policy::for_container(&[], &Defaults::default()).unwrap()
}

/// A container spec without device rules, as BPM writes it, gives runc's 64 instructions.
#[test]
fn no_rules_give_the_common_program() {
    let program = Program::new(&container(), Style::Shared);
    let text: Vec<String> = program
        .insns()
        .iter()
        .map(|insn| format!("{insn:?}"))
        .collect();
    let mut expected: Vec<String> = [
        "r2 = *(u32 *)(r1 +0)",
        "w2 &= 0xffff",
        "r3 = *(u32 *)(r1 +0)",
        "w3 >>= 16",
        "r4 = *(u32 *)(r1 +4)",
        "r5 = *(u32 *)(r1 +8)",
    ]
    .map(str::to_owned)
    .to_vec();
    for kind in [1, 2] {
        expected.push(format!("if r2 != {kind} goto +5"));
        expected.push("w1 = w3".into());
        expected.push("w1 &= 0x1".into());
        expected.push("if r1 != r3 goto +2".into());
        expected.extend(["w0 = 1".into(), "exit".into()]);
    }
    for (major, minor) in [
        (1, 3),
        (1, 5),
        (1, 7),
        (1, 8),
        (1, 9),
        (5, 0),
        (5, 2),
        (10, 200),
    ] {
        expected.push("if r2 != 2 goto +4".into());
        expected.push(format!("if r4 != {major} goto +3"));
        expected.push(format!("if r5 != {minor} goto +2"));
        expected.extend(["w0 = 1".into(), "exit".into()]);
    }
    expected.push("if r2 != 2 goto +3".into());
    expected.push("if r4 != 136 goto +2".into());
    expected.extend(["w0 = 1".into(), "exit".into()]);
    expected.extend(["w0 = 0".into(), "exit".into()]);
    assert_eq!(text, expected);
    assert_eq!(program.insns().len(), 64);
}

#[test]
fn compact_is_smaller() {
    let compact = Program::new(&container(), Style::Compact).insns().len();
    assert!(compact <= 36, "{compact} instructions");
}

#[test]
fn a_request_must_be_a_subset() {
    let rule = DeviceRule::parse_v1(true, "c 1:3 r").unwrap();
    let policy = Policy::from_rules(&[rule]).unwrap();
    for style in [Style::Shared, Style::Compact] {
        let program = Program::new(&policy, style);
        let ask = |access| {
            let request = Request {
                device: Device::char(1, 3),
                access,
            };
            interpret::allows(program.insns(), request).unwrap()
        };
        assert!(ask(Access::READ) && ask(Access::NONE));
        assert!(!ask(Access::READ_WRITE) && !ask(Access::WRITE) && !ask(Access::ALL));
    }
}

#[test]
fn the_largest_policy_has_short_jumps() {
    let rule = |n: u32| {
        let kind = crate::rule::Kind::CHAR;
        DeviceRule::new(
            true,
            kind,
            Some(n / 64),
            Some(n % 64),
            Access::from_bits(n % 7 + 1),
        )
    };
    let rules: Vec<DeviceRule> = (0..4000).map(|n| rule(n).unwrap()).collect();
    let policy = Policy::from_rules(&rules).unwrap();
    assert!(compact::generate(&policy).is_some());
}

use crate::rule::DeviceRule;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn programs_mean_what_the_rules_mean(rules in any_rules()) {
        let policy = Policy::from_rules(&rules).unwrap();
        for style in [Style::Shared, Style::Compact] {
            let program = Program::new(&policy, style);
            for request in every_request() {
                prop_assert_eq!(
                    interpret::allows(program.insns(), request),
                    Ok(reference(&rules, request)),
                    "{:?} {} {:?}", style, request, program
                );
            }
        }
    }
}
