//! One program of classic BPF that answers by a call's number and, where that is asked, its arguments.
//!
//! ```text
//! load architecture ── own? ──yes──► load number ─► tree
//!                        └──no──► second, if there is one? ──yes──► load number ─► tree
//!                                                          └──no──► killed
//! tree:  number ≥ middle? ──no──► tree of the lower half
//!                         └─yes─► tree of the upper half      one range left: its answer
//! ```
//!
//! Each process of a container puts the filter on anew. The kernel then checks and translates every
//! instruction, and asks the program about each number that there is, to keep a map of those that are
//! always allowed. So neighbours with the same answer are one range, and a range is found by halving:
//! a list that is gone through from its head takes ten times as long.
//!
//! Source: `Documentation/userspace-api/seccomp_filter.rst`, `linux/filter.h`.

use std::collections::BTreeMap;

use warren_sys_process::seccomp::Instruction;

/// What a filter says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Allow,
    Errno(u16),
}

/// A comparison of an argument, all 64 bits of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    /// Which, from 0; at most 5.
    pub index: u8,
    pub comparison: Comparison,
    pub value: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    /// Only these bits are compared, of both.
    Masked(u64),
}

/// An answer if all conditions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub conditions: Vec<Condition>,
    pub answer: Answer,
}

/// By the number of the call; the first clause that holds answers, and if none does, the rest's answer.
pub(super) type Calls = BTreeMap<u32, Vec<Clause>>;

/// An architecture as `struct seccomp_data` names it, and its calls.
pub(super) struct Part {
    pub architecture: u32,
    pub calls: Calls,
}

/// `BPF_LD | BPF_W | BPF_ABS`, `BPF_ALU | BPF_AND | BPF_K`, `BPF_RET | BPF_K`.
pub(super) const LOAD: u16 = 0x20;
pub(super) const AND: u16 = 0x54;
pub(super) const RETURN: u16 = 0x06;
/// `BPF_JMP` with `BPF_JA`, `BPF_JEQ | BPF_K`, `BPF_JGE | BPF_K`.
pub(super) const JUMP: u16 = 0x05;
pub(super) const IF_EQUAL: u16 = 0x15;
pub(super) const IF_NOT_LESS: u16 = 0x35;

/// Where `struct seccomp_data` has what is loaded.
const AT_NUMBER: u32 = 0;
const AT_ARCHITECTURE: u32 = 4;
const AT_ARGUMENTS: u32 = 16;

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
/// `SECCOMP_RET_KILL_PROCESS`.
const KILL: u32 = 0x8000_0000;

/// The program; calls of other architectures kill their process.
pub(super) fn program(own: &Part, second: Option<&Part>, rest: Answer) -> Vec<Instruction> {
    let mut program = vec![plain(LOAD, AT_ARCHITECTURE)];
    for part in [Some(own), second].into_iter().flatten() {
        let body = body(&part.calls, rest);
        program.push(branch(IF_EQUAL, part.architecture, 1, 0));
        program.push(plain(JUMP, offset(body.len())));
        program.extend(body);
    }
    program.push(plain(RETURN, KILL));
    program
}

fn body(calls: &Calls, rest: Answer) -> Vec<Instruction> {
    let mut program = vec![plain(LOAD, AT_NUMBER)];
    program.extend(tree(&ranges(calls), rest));
    program
}

/// Where each range of numbers begins that has the same clauses, from 0 on and without gaps.
fn ranges(calls: &Calls) -> Vec<(u32, &[Clause])> {
    let mut ranges: Vec<(u32, &[Clause])> = vec![(0, &[])];
    let mut put = |start: u32, clauses| match ranges.last_mut() {
        Some((_, last)) if *last == clauses => {}
        Some((first, last)) if *first == start => *last = clauses,
        _ => ranges.push((start, clauses)),
    };
    let mut after = 0;
    for (&number, clauses) in calls {
        if number != after {
            put(after, &[]);
        }
        put(number, decisive(clauses));
        after = number.saturating_add(1);
    }
    put(after, &[]);
    ranges
}

/// Those that can be come to.
fn decisive(clauses: &[Clause]) -> &[Clause] {
    let last = clauses
        .iter()
        .position(|clause| clause.conditions.is_empty());
    last.and_then(|last| clauses.get(..=last))
        .unwrap_or(clauses)
}

/// The accumulator has the number.
fn tree(ranges: &[(u32, &[Clause])], rest: Answer) -> Vec<Instruction> {
    let (below, above) = ranges.split_at(ranges.len() / 2);
    let Some(&(middle, clauses)) = above.first() else {
        return leaf(&[], rest);
    };
    if below.is_empty() {
        return leaf(clauses, rest);
    }
    let (lower, upper) = (tree(below, rest), tree(above, rest));
    let mut program = match u8::try_from(lower.len()) {
        Ok(length) => vec![branch(IF_NOT_LESS, middle, length, 0)],
        Err(_) => vec![
            branch(IF_NOT_LESS, middle, 0, 1),
            plain(JUMP, offset(lower.len())),
        ],
    };
    program.extend(lower);
    program.extend(upper);
    program
}

/// Clause after clause.
fn leaf(clauses: &[Clause], rest: Answer) -> Vec<Instruction> {
    let mut program = Vec::new();
    for clause in clauses {
        program.extend(conditions(&clause.conditions));
        program.push(answer(clause.answer));
    }
    let is_open = clauses
        .last()
        .is_none_or(|last| !last.conditions.is_empty());
    if is_open {
        program.push(answer(rest));
    }
    program
}

/// Falls through if all hold, and else goes on behind the answer that follows.
fn conditions(all: &[Condition]) -> Vec<Instruction> {
    let mut program = Vec::new();
    // From behind, so that it is known how far it is to the end; of at most six, each six long.
    for condition in all.iter().rev() {
        let past = u8::try_from(program.len() + 1).unwrap_or(u8::MAX);
        let mut own = compared(*condition, past);
        own.extend(program);
        program = own;
    }
    program
}

/// Falls through if it holds, and else goes `past` what comes behind it.
fn compared(condition: Condition, past: u8) -> Vec<Instruction> {
    let at = AT_ARGUMENTS + 8 * u32::from(condition.index);
    let (low, high) = match cfg!(target_endian = "little") {
        true => (at, at + 4),
        false => (at + 4, at),
    };
    let halves = |value: u64| {
        #[expect(clippy::cast_possible_truncation, reason = "the half that is meant")]
        let halves = (value as u32, (value >> 32) as u32);
        halves
    };
    let value = halves(condition.value);
    match condition.comparison {
        Comparison::Equal => vec![
            plain(LOAD, high),
            branch(IF_EQUAL, value.1, 0, past + 2),
            plain(LOAD, low),
            branch(IF_EQUAL, value.0, 0, past),
        ],
        Comparison::NotEqual => vec![
            plain(LOAD, high),
            branch(IF_EQUAL, value.1, 0, 2),
            plain(LOAD, low),
            branch(IF_EQUAL, value.0, past, 0),
        ],
        Comparison::Masked(mask) => {
            let mask = halves(mask);
            vec![
                plain(LOAD, high),
                plain(AND, mask.1),
                branch(IF_EQUAL, value.1 & mask.1, 0, past + 3),
                plain(LOAD, low),
                plain(AND, mask.0),
                branch(IF_EQUAL, value.0 & mask.0, 0, past),
            ]
        }
    }
}

fn answer(answer: Answer) -> Instruction {
    let value = match answer {
        Answer::Allow => ALLOW,
        Answer::Errno(errno) => ERRNO | u32::from(errno),
    };
    plain(RETURN, value)
}

fn plain(code: u16, operand: u32) -> Instruction {
    branch(code, operand, 0, 0)
}

fn branch(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction {
        code,
        jump_true,
        jump_false,
        operand,
    }
}

/// A program that is too long is refused by the kernel before this is.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
