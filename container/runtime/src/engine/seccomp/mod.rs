//! From a bundle's filter of system calls to a program, and putting it on.
//!
//! What OCI runtimes build with a library is a program for what is allowed and one more for each other
//! answer, of which the kernel takes the strictest, and of two errors that of the one put on last. It is
//! one program here, asked in that order: the special answers, the last first, then what is allowed,
//! then the rest.
//!
//! A program for an x86-64 kernel has a part for 32-bit programs too, if the bundle lists their
//! architecture; else they are killed. The numbers of x32 are in no list, so they get the answer for
//! the rest.

mod program;
#[cfg(test)]
mod tests;

use rustix::io::Errno;
use warren_sys_process::seccomp::{Instruction, install};

use self::program::{Answer, Calls, Clause, Comparison, Condition, Part, program};
use crate::bundle::{syscalls, syscalls32};
use crate::oci::{Seccomp, Syscall, SyscallArgument};

/// A compiled program, if there is anything to filter.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter(Option<Vec<Instruction>>);

impl Filter {
    /// Compiles a bundle's filter.
    ///
    /// # Errors
    /// What of it cannot be had, in words.
    pub(super) fn compile(wanted: Option<&Seccomp>) -> Result<Self, String> {
        let Some(wanted) = wanted else {
            return Ok(Self::default());
        };
        let rest = answer(&wanted.default_action, wanted.default_errno_ret)?;
        if rest == Answer::Allow {
            // The numbers of x32 would lead past every clause, and calls that this does not know.
            return Err(format!("{} for what is not named", wanted.default_action));
        }
        let own = Part {
            architecture: own_architecture()?,
            calls: calls(wanted, syscalls::number)?,
        };
        let has_second = cfg!(target_arch = "x86_64")
            && wanted.architectures.iter().any(|name| name == I386.name);
        let second = match has_second {
            true => Some(Part {
                architecture: I386.number,
                calls: calls(wanted, syscalls32::number)?,
            }),
            false => None,
        };
        Ok(Self(Some(program(&own, second.as_ref(), rest))))
    }

    /// Puts the filter on the calling thread, for good.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn install(&self) -> Result<(), Errno> {
        self.0.as_deref().map_or(Ok(()), install)
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
    Ok(filter.0.map_or(0, |program| program.len()))
}

/// 32-bit x86 as bundles and the kernel name it (`AUDIT_ARCH_I386`).
const I386: Architecture = Architecture {
    name: "SCMP_ARCH_X86",
    number: 0x4000_0003,
};

/// An architecture.
struct Architecture {
    name: &'static str,
    number: u32,
}

/// How the kernel names the architecture that this is compiled for (`linux/audit.h`).
fn own_architecture() -> Result<u32, String> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(0xc000_003e),
        "aarch64" => Ok(0xc000_00b7),
        "riscv64" => Ok(0xc000_00f3),
        other => Err(format!("filters of system calls on {other}")),
    }
}

/// What is said to each call, by the numbers of one architecture.
fn calls(wanted: &Seccomp, number: fn(&str) -> Option<i64>) -> Result<Calls, String> {
    let mut answers = vec![Answer::Allow];
    let mut clauses: Vec<(usize, u32, Clause)> = Vec::new();
    for syscall in &wanted.syscalls {
        let answer = answer(&syscall.action, syscall.errno_ret)?;
        let rank = answers.iter().position(|known| *known == answer);
        let rank = rank.unwrap_or_else(|| {
            answers.push(answer);
            answers.len() - 1
        });
        let conditions = conditions(syscall)?;
        // A call that the architecture lacks cannot be made, so the default is right.
        let numbers = syscall.names.iter().filter_map(|name| number(name));
        for number in numbers {
            let number = u32::try_from(number).map_err(|error| error.to_string())?;
            let conditions = conditions.clone();
            clauses.push((rank, number, Clause { conditions, answer }));
        }
    }
    clauses.sort_by_key(|(rank, ..)| std::cmp::Reverse(*rank));
    let mut calls = Calls::new();
    for (_, number, clause) in clauses {
        calls.entry(number).or_default().push(clause);
    }
    Ok(calls)
}

fn conditions(syscall: &Syscall) -> Result<Vec<Condition>, String> {
    if syscall.args.len() > MOST_CONDITIONS {
        let (name, count) = (syscall.names.join(", "), syscall.args.len());
        return Err(format!("{count} comparisons of the arguments of {name}"));
    }
    syscall.args.iter().map(condition).collect()
}

/// As many as a call has arguments.
const MOST_CONDITIONS: usize = 6;

fn condition(argument: &SyscallArgument) -> Result<Condition, String> {
    let (comparison, value) = match argument.op.as_str() {
        "SCMP_CMP_MASKED_EQ" => (Comparison::Masked(argument.value), argument.value_two),
        "SCMP_CMP_EQ" => (Comparison::Equal, argument.value),
        "SCMP_CMP_NE" => (Comparison::NotEqual, argument.value),
        other => return Err(format!("comparison {other} of system call arguments")),
    };
    if usize::from(argument.index) >= MOST_CONDITIONS {
        return Err(format!("argument {} of a system call", argument.index));
    }
    Ok(Condition {
        index: argument.index,
        comparison,
        value,
    })
}

fn answer(name: &str, errno: Option<u32>) -> Result<Answer, String> {
    match name {
        "SCMP_ACT_ALLOW" => Ok(Answer::Allow),
        "SCMP_ACT_ERRNO" => match u16::try_from(errno.unwrap_or(1)) {
            Ok(errno) => Ok(Answer::Errno(errno)),
            Err(_) => Err(format!("the error number {errno:?}")),
        },
        other => Err(format!("system call action {other}")),
    }
}
