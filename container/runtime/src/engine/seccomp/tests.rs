//! The program beside that of a library (`seccompiler`), which makes lists: the same answers to every number
//! that there is, under arguments around all those that are compared.

use std::collections::{BTreeMap, BTreeSet};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::program::{AND, IF_EQUAL, IF_NOT_LESS, JUMP, LOAD, RETURN};
use super::*;
use crate::bundle::seccomp::{clones, filter};
use crate::groups::Place;
use crate::spec::ContainerSpec;

fn usual() -> Seccomp {
    let spec = ContainerSpec::new("h", "/r".into(), "/i".into(), Place::default());
    filter(&spec).unwrap()
}

/// `struct seccomp_data`.
fn call(number: u32, architecture: u32, arguments: [u64; 6]) -> Vec<u8> {
    let mut data = [number, architecture].map(u32::to_ne_bytes).concat();
    data.extend(0_u64.to_ne_bytes());
    data.extend(arguments.map(u64::to_ne_bytes).concat());
    data
}

/// What the kernel does with a program.
fn ask(program: &[Instruction], data: &[u8]) -> u32 {
    let mut accumulator = 0;
    let mut at = 0;
    loop {
        let Instruction {
            code,
            jump_true,
            jump_false,
            operand,
        } = program[at];
        at += 1;
        let jump = |holds: bool| usize::from(if holds { jump_true } else { jump_false });
        match code {
            LOAD => {
                let at = operand as usize;
                accumulator = u32::from_ne_bytes(data[at..at + 4].try_into().unwrap());
            }
            AND => accumulator &= operand,
            JUMP => at += operand as usize,
            IF_EQUAL => at += jump(accumulator == operand),
            IF_NOT_LESS => at += jump(accumulator >= operand),
            RETURN => return operand,
            other => panic!("instruction {other:#x}"),
        }
    }
}

/// The library's programs, in the order in which they would be put on.
fn listed(wanted: &Seccomp, number: fn(&str) -> Option<i64>) -> Vec<Vec<Instruction>> {
    let action = |name: &str, errno: Option<u32>| match name {
        "SCMP_ACT_ALLOW" => SeccompAction::Allow,
        _ => SeccompAction::Errno(errno.unwrap_or(1)),
    };
    let mut groups: Vec<(SeccompAction, BTreeMap<i64, Vec<SeccompRule>>)> =
        vec![(SeccompAction::Allow, BTreeMap::new())];
    for syscall in &wanted.syscalls {
        let action = action(&syscall.action, syscall.errno_ret);
        let at = groups.iter().position(|(known, _)| *known == action);
        let at = at.unwrap_or_else(|| {
            groups.push((action, BTreeMap::new()));
            groups.len() - 1
        });
        for number in syscall.names.iter().filter_map(|name| number(name)) {
            let rules = &mut groups[at].1;
            if syscall.args.is_empty() {
                rules.insert(number, Vec::new());
                continue;
            }
            let conditions = syscall.args.iter().map(|argument| {
                let (operator, value) = match argument.op.as_str() {
                    "SCMP_CMP_MASKED_EQ" => {
                        (SeccompCmpOp::MaskedEq(argument.value), argument.value_two)
                    }
                    "SCMP_CMP_EQ" => (SeccompCmpOp::Eq, argument.value),
                    _ => (SeccompCmpOp::Ne, argument.value),
                };
                SeccompCondition::new(argument.index, SeccompCmpArgLen::Qword, operator, value)
                    .unwrap()
            });
            let rule = SeccompRule::new(conditions.collect()).unwrap();
            match rules.get_mut(&number) {
                Some(known) if known.is_empty() => {}
                Some(known) => known.push(rule),
                None => {
                    rules.insert(number, vec![rule]);
                }
            }
        }
    }
    let rest = action(&wanted.default_action, wanted.default_errno_ret);
    let programs = groups.into_iter().enumerate().map(|(at, (answer, rules))| {
        let rest = match at {
            0 => rest.clone(),
            _ => SeccompAction::Allow,
        };
        let target = std::env::consts::ARCH.try_into().unwrap();
        let filter = SeccompFilter::new(rules, rest, answer, target).unwrap();
        let program: BpfProgram = filter.try_into().unwrap();
        let instruction = |each: &seccompiler::sock_filter| Instruction {
            code: each.code,
            jump_true: each.jt,
            jump_false: each.jf,
            operand: each.k,
        };
        program.iter().map(instruction).collect()
    });
    programs.collect()
}

/// The strictest of the answers, and of two errors the later.
fn strictest(programs: &[Vec<Instruction>], data: &[u8]) -> u32 {
    let answers = programs.iter().map(|program| ask(program, data));
    let strict = |answer: &u32| *answer & 0xffff_0000 == 0x0005_0000;
    let all: Vec<u32> = answers.collect();
    all.iter().rev().copied().find(strict).unwrap_or(all[0])
}

/// Values around those that are compared with.
fn values(wanted: &Seccomp) -> BTreeSet<u64> {
    let arguments = wanted.syscalls.iter().flat_map(|syscall| &syscall.args);
    let mut values = BTreeSet::from([0, 1, u64::MAX]);
    for argument in arguments {
        for value in [argument.value, argument.value_two] {
            let near = [value, !value, value ^ 1, value << 32, value | 1 << 63];
            values.extend(near);
            values.extend((0..64).map(|bit| value ^ 1 << bit));
            values.extend((0..64).map(|bit| value & 1 << bit));
        }
    }
    values
}

fn same(wanted: &Seccomp) {
    let own = own_architecture().unwrap();
    let filter = Filter::compile(Some(wanted)).unwrap().0.unwrap();
    let lists = listed(wanted, syscalls::number);
    let lists32 = listed(wanted, syscalls32::number);
    let is_compared = |number: u32, numbers: fn(&str) -> Option<i64>| {
        let mut compared = wanted.syscalls.iter().filter(|call| !call.args.is_empty());
        compared.any(|call| {
            let mut names = call.names.iter().filter_map(|name| numbers(name));
            names.any(|each| each == i64::from(number))
        })
    };
    let edges = [0x3fff_ffff, 0x4000_0000, 0x4000_0001, 0x7fff_ffff, u32::MAX];
    let values = values(wanted);
    for number in (0..1024).chain(edges) {
        for (architecture, lists, numbers) in [
            (own, &lists, syscalls::number as fn(&str) -> Option<i64>),
            (I386.number, &lists32, syscalls32::number),
        ] {
            if architecture != own && wanted.architectures.len() < 2 {
                continue;
            }
            let check = |arguments: [u64; 6]| {
                // Both lists were compiled for our own architecture.
                let expected = strictest(lists, &call(number, own, arguments));
                let found = ask(&filter, &call(number, architecture, arguments));
                assert_eq!(
                    found, expected,
                    "call {number} of {architecture:#x} with {arguments:x?}"
                );
            };
            check([0; 6]);
            if is_compared(number, numbers) {
                for &value in &values {
                    check([value; 6]);
                    for index in 0..6 {
                        let mut arguments = [0; 6];
                        arguments[index] = value;
                        check(arguments);
                    }
                }
            }
        }
    }
}

#[test]
fn the_usual_filter_answers_as_the_librarys() {
    let wanted = usual();
    same(&wanted);
    let filter = Filter::compile(Some(&wanted)).unwrap().0.unwrap();
    let lists = listed(&wanted, syscalls::number);
    let length: usize = lists.iter().map(Vec::len).sum();
    assert!(filter.len() < length, "{} beside {length}", filter.len());
    assert!(Filter::compile(None).unwrap().0.is_none());
}

#[test]
fn so_do_filters_with_more_comparisons_answers_and_orders() {
    let argument = |index, op: &str, value, value_two| SyscallArgument {
        index,
        value,
        value_two,
        op: op.to_owned(),
    };
    let syscall = |name: &str, errno: Option<u32>, args: &[SyscallArgument]| Syscall {
        names: vec![name.to_owned()],
        action: match errno {
            None => "SCMP_ACT_ALLOW".to_owned(),
            Some(_) => "SCMP_ACT_ERRNO".to_owned(),
        },
        errno_ret: errno,
        args: args.to_vec(),
    };
    let both = [
        argument(0, "SCMP_CMP_EQ", 0x1_0000_0002, 0),
        argument(1, "SCMP_CMP_NE", 0x3_0000_0000, 0),
        argument(2, "SCMP_CMP_MASKED_EQ", 0xff_0000_00f0, 0x12_0000_0030),
    ];
    let mut wanted = usual();
    wanted.syscalls.extend([
        syscall("socket", Some(97), &both[..1]),
        syscall("socket", Some(38), &both[1..2]),
        syscall("ioctl", Some(97), &both),
        syscall("ptrace", None, &both[2..]),
        syscall("ptrace", None, &both[..2]),
        syscall("read", Some(5), &[]),
        syscall("read", None, &[]),
    ]);
    wanted.syscalls.extend(clones(0x10, 0x10));
    same(&wanted);
    wanted.default_errno_ret = Some(99);
    same(&wanted);
}

#[test]
fn other_architectures_are_killed() {
    let mut wanted = usual();
    let filter = Filter::compile(Some(&wanted)).unwrap().0.unwrap();
    assert_eq!(ask(&filter, &call(0, 0x1234, [0; 6])), 0x8000_0000);
    wanted.architectures.truncate(1);
    let filter = Filter::compile(Some(&wanted)).unwrap().0.unwrap();
    assert_eq!(ask(&filter, &call(0, I386.number, [0; 6])), 0x8000_0000);
}

#[test]
fn what_is_not_understood_is_refused() {
    let refused = |change: fn(&mut Syscall)| {
        let mut wanted = usual();
        let compared = wanted
            .syscalls
            .iter_mut()
            .find(|call| !call.args.is_empty());
        change(compared.unwrap());
        Filter::compile(Some(&wanted)).unwrap_err()
    };
    let mut open = usual();
    open.default_action = "SCMP_ACT_ALLOW".to_owned();
    let why = Filter::compile(Some(&open)).unwrap_err();
    assert!(
        why.contains("SCMP_ACT_ALLOW for what is not named"),
        "{why}"
    );
    assert!(refused(|call| call.action = "SCMP_ACT_NOTIFY".to_owned()).contains("NOTIFY"));
    assert!(refused(|call| call.args[0].op = "SCMP_CMP_GT".to_owned()).contains("GT"));
    assert!(refused(|call| call.args[0].index = 6).contains("argument 6"));
    assert!(refused(|call| call.args = vec![call.args[0].clone(); 7]).contains("7 comparisons"));
    let errno = |call: &mut Syscall| {
        call.action = "SCMP_ACT_ERRNO".to_owned();
        call.errno_ret = Some(0x1_0000);
    };
    assert!(refused(errno).contains("65536"));
}
