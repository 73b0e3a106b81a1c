//! From a bundle's filter of system calls to programs, and putting them on.
//!
//! A compiled filter knows one answer for what is listed and one for the rest, so there is a
//! program for what is allowed, and one more for each other answer. The kernel takes the strictest
//! of all programs' answers, and of two errors that of the program put on last: the ones with the
//! special answers.
//!
//! A program for an x86-64 kernel has a part for 32-bit programs too, if the bundle lists their
//! architecture; else they are killed:
//!
//! ```text
//! load architecture ── x86-64? ──yes──► part of 64 bits
//!                         └──no──► part of 32 bits: i386? ──no──► killed
//! ```
//! The numbers of x32 are in no list, so they get the answer for the rest.

use std::collections::BTreeMap;

use rustix::io::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use warren_sys_process::seccomp::{Instruction, install};

use crate::bundle::{syscalls, syscalls32};
use crate::oci::{Seccomp, Syscall, SyscallArgument};

/// Compiled programs, in the order in which they are put on.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter(Vec<Vec<Instruction>>);

/// By the number of the call; an empty list of rules matches always.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

impl Filter {
    /// Compiles a bundle's filter.
    ///
    /// # Errors
    /// What of it cannot be had, in words.
    pub(super) fn compile(wanted: Option<&Seccomp>) -> Result<Self, String> {
        let Some(wanted) = wanted else {
            return Ok(Self::default());
        };
        let own = parts(wanted, syscalls::number)?;
        if !cfg!(target_arch = "x86_64")
            || !wanted.architectures.iter().any(|name| name == I386.name)
        {
            return Ok(Self(own));
        }
        let of_32_bits = parts(wanted, syscalls32::number)?;
        let both = own.into_iter().zip(of_32_bits);
        let programs = both.map(|(own, other)| with_32_bits(own, other));
        Ok(Self(programs.collect::<Result<_, _>>()?))
    }

    /// Puts the filter on the calling thread, for good.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn install(&self) -> Result<(), Errno> {
        self.0.iter().try_for_each(|program| install(program))
    }
}

/// A filter is not in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfineError {
    /// It says something that no program can be made of.
    #[error("the filter of system calls cannot be compiled: {0}")]
    Compile(String),
    /// The kernel's; see [`install`].
    #[error("cannot put the filter of system calls on")]
    Install(#[source] Errno),
}

/// Puts a bundle's filter on the calling thread, for good, as every process of a container gets it.
/// Answers the number of its instructions.
///
/// # Errors
/// [`ConfineError`].
pub fn confine(wanted: &Seccomp) -> Result<usize, ConfineError> {
    let filter = Filter::compile(Some(wanted)).map_err(ConfineError::Compile)?;
    filter.install().map_err(ConfineError::Install)?;
    Ok(filter.0.iter().map(Vec::len).sum())
}

/// 32-bit x86 as bundles and the kernel name it (`AUDIT_ARCH_I386`).
const I386: Architecture = Architecture {
    name: "SCMP_ARCH_X86",
    number: 0x4000_0003,
};
/// `AUDIT_ARCH_X86_64`.
const X86_64: u32 = 0xc000_003e;

/// An architecture.
struct Architecture {
    name: &'static str,
    number: u32,
}

/// `BPF_LD | BPF_W | BPF_ABS`, `BPF_JMP | BPF_JEQ | BPF_K` and `BPF_JMP | BPF_JA`.
const LOAD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const JUMP: u16 = 0x05;
/// Where `struct seccomp_data` has the architecture.
const AT_ARCHITECTURE: u32 = 4;

/// One program out of those of both architectures.
fn with_32_bits(
    own: Vec<Instruction>,
    mut other: Vec<Instruction>,
) -> Result<Vec<Instruction>, String> {
    // It was compiled as if its numbers were those of 64 bits.
    match other.get_mut(1) {
        Some(check) if check.code == IF_EQUAL && check.operand == X86_64 => {
            check.operand = I386.number;
        }
        _ => return Err("a compiled filter does not begin with its architecture".to_owned()),
    }
    let instruction = |code, jump_true, jump_false, operand| Instruction {
        code,
        jump_true,
        jump_false,
        operand,
    };
    let length = u32::try_from(other.len()).map_err(|error| error.to_string())?;
    let mut program = vec![
        instruction(LOAD, 0, 0, AT_ARCHITECTURE),
        instruction(IF_EQUAL, 0, 1, X86_64),
        instruction(JUMP, 0, 0, length),
    ];
    program.extend(other);
    program.extend(own);
    Ok(program)
}

/// The programs for the numbers of one architecture: for what is allowed, and for each other answer.
fn parts(
    wanted: &Seccomp,
    number: fn(&str) -> Option<i64>,
) -> Result<Vec<Vec<Instruction>>, String> {
    let otherwise = action(&wanted.default_action, wanted.default_errno_ret)?;
    let mut by_action: Vec<(SeccompAction, Rules)> = vec![(SeccompAction::Allow, Rules::new())];
    for syscall in &wanted.syscalls {
        let action = action(&syscall.action, syscall.errno_ret)?;
        let found = by_action.iter().position(|(known, _)| *known == action);
        let at = found.unwrap_or_else(|| {
            by_action.push((action, Rules::new()));
            by_action.len() - 1
        });
        if let Some((_, rules)) = by_action.get_mut(at) {
            add(rules, syscall, number)?;
        }
    }
    let mut programs = Vec::new();
    for (at, (answer, rules)) in by_action.into_iter().enumerate() {
        let rest = if at == 0 {
            otherwise.clone()
        } else {
            SeccompAction::Allow
        };
        programs.push(program(rules, rest, answer)?);
    }
    Ok(programs)
}

fn program(
    rules: Rules,
    rest: SeccompAction,
    answer: SeccompAction,
) -> Result<Vec<Instruction>, String> {
    let words = |error: &dyn std::error::Error| error.to_string();
    let target: TargetArch = std::env::consts::ARCH
        .try_into()
        .map_err(|error: seccompiler::BackendError| words(&error))?;
    let filter = SeccompFilter::new(rules, rest, answer, target).map_err(|e| words(&e))?;
    let program: BpfProgram = filter
        .try_into()
        .map_err(|error: seccompiler::BackendError| words(&error))?;
    let instruction = |each: &seccompiler::sock_filter| Instruction {
        code: each.code,
        jump_true: each.jt,
        jump_false: each.jf,
        operand: each.k,
    };
    Ok(program.iter().map(instruction).collect())
}

fn add(
    rules: &mut Rules,
    syscall: &Syscall,
    number: fn(&str) -> Option<i64>,
) -> Result<(), String> {
    for name in &syscall.names {
        // A call that the architecture lacks cannot be made, so the default is right.
        let Some(number) = number(name) else {
            continue;
        };
        if syscall.args.is_empty() {
            rules.insert(number, Vec::new());
            continue;
        }
        let conditions = syscall.args.iter().map(condition);
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
        let rule = SeccompRule::new(conditions).map_err(|error| error.to_string())?;
        match rules.get_mut(&number) {
            // Allowed whatever the arguments.
            Some(known) if known.is_empty() => {}
            Some(known) => known.push(rule),
            None => {
                rules.insert(number, vec![rule]);
            }
        }
    }
    Ok(())
}

fn condition(argument: &SyscallArgument) -> Result<SeccompCondition, String> {
    let (operator, value) = match argument.op.as_str() {
        "SCMP_CMP_MASKED_EQ" => (SeccompCmpOp::MaskedEq(argument.value), argument.value_two),
        "SCMP_CMP_EQ" => (SeccompCmpOp::Eq, argument.value),
        "SCMP_CMP_NE" => (SeccompCmpOp::Ne, argument.value),
        other => return Err(format!("comparison {other} of system call arguments")),
    };
    SeccompCondition::new(argument.index, SeccompCmpArgLen::Qword, operator, value)
        .map_err(|error| error.to_string())
}

fn action(name: &str, errno: Option<u32>) -> Result<SeccompAction, String> {
    match name {
        "SCMP_ACT_ALLOW" => Ok(SeccompAction::Allow),
        "SCMP_ACT_ERRNO" => Ok(SeccompAction::Errno(errno.unwrap_or(1))),
        other => Err(format!("system call action {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::seccomp::filter;
    use crate::groups::Place;
    use crate::spec::ContainerSpec;

    #[test]
    fn the_usual_filter_compiles_into_two_programs_that_fit() {
        let spec = ContainerSpec::new("h", "/r".into(), "/i".into(), Place::default());
        let wanted = filter(&spec).unwrap();
        let compiled = Filter::compile(Some(&wanted)).unwrap();
        assert_eq!(compiled.0.len(), 2);
        assert!(compiled.0.iter().all(|program| program.len() < 4096));
        assert!(Filter::compile(None).unwrap().0.is_empty());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let spec = ContainerSpec::new("h", "/r".into(), "/i".into(), Place::default());
        let mut wanted = filter(&spec).unwrap();
        wanted.syscalls[0].action = "SCMP_ACT_NOTIFY".to_owned();
        assert!(
            Filter::compile(Some(&wanted))
                .unwrap_err()
                .contains("NOTIFY")
        );
    }
}
