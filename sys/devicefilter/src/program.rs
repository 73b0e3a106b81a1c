//! Normal form → instructions. Pure.
//!
//! The context is `struct bpf_cgroup_dev_ctx` (`include/uapi/linux/bpf.h`): `u32 access_type`
//! (low half the type, high half the access), `u32 major`, `u32 minor`. A six-instruction
//! prologue takes it apart: r2 type, r3 access, r4 major, r5 minor. Answer 0 is EPERM.
//!
//! Two styles, same answers:
//!
//! - [`Style::Shared`]: one block per entry in the shape systemd, runc, crun and youki share, so
//!   that tools and people who know theirs can read ours. For a plain policy it is, instruction
//!   for instruction, what runc makes. A block compares type, access, major, minor, skipping to
//!   the next on any difference, then answers. The requested access must be a **subset** of the
//!   entry's.
//!   - Monotone policy with default deny: allowing blocks in the policy's order.
//!   - Otherwise: most specific block first, and each block decides for its devices.
//! - [`Style::Compact`]: grouped by type and major, with shared tails. About half the size.

use crate::device::{Access, DeviceKind};
use crate::insn::{Insn, R0, R1, R2, R3, R4, R5};
use crate::policy::{Entry, Policy};

/// How to lay out the instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// The shape other engines use.
    #[default]
    Shared,
    /// Fewer instructions.
    Compact,
}

/// A device program, not yet loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    insns: Vec<Insn>,
}

impl Program {
    /// The program of a policy.
    #[must_use]
    pub fn new(policy: &Policy, style: Style) -> Self {
        let insns = match style {
            Style::Shared => shared(policy),
            // Only jumps longer than 32767 can fail; MAX_ENTRIES keeps far below that.
            Style::Compact => compact::generate(policy).unwrap_or_else(|| shared(policy)),
        };
        Self { insns }
    }

    /// The instructions.
    #[must_use]
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }
}

fn prologue() -> Vec<Insn> {
    vec![
        Insn::load_word(R2, R1, 0),
        Insn::and32(R2, 0xffff),
        Insn::load_word(R3, R1, 0),
        Insn::shift_right32(R3, 16),
        Insn::load_word(R4, R1, 4),
        Insn::load_word(R5, R1, 8),
    ]
}

/// Types, accesses and device numbers all fit (a `dev_t` number has at most 20 bits).
const fn imm(value: u32) -> i32 {
    value.cast_signed()
}

fn shared(policy: &Policy) -> Vec<Insn> {
    let mut insns = prologue();
    if !policy.default_allow() && policy.is_monotone() {
        for entry in policy.entries() {
            let answer = [Insn::move32(R0, 1), Insn::exit()];
            block(&mut insns, entry, true, &answer);
        }
    } else {
        let mut entries: Vec<&Entry> = policy.entries().iter().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.pattern.specificity()));
        for entry in entries {
            if entry.access == Access::ALL || entry.access.is_empty() {
                let answer = i32::from(!entry.access.is_empty());
                block(
                    &mut insns,
                    entry,
                    false,
                    &[Insn::move32(R0, answer), Insn::exit()],
                );
            } else {
                let answer = [
                    Insn::move_reg32(R1, R3),
                    Insn::and32(R1, i32::from(entry.access.bits())),
                    Insn::move32(R0, 1),
                    Insn::jump_eq_reg(R1, R3, 1),
                    Insn::move32(R0, 0),
                    Insn::exit(),
                ];
                block(&mut insns, entry, false, &answer);
            }
        }
    }
    insns.push(Insn::move32(R0, i32::from(policy.default_allow())));
    insns.push(Insn::exit());
    insns
}

/// Conditions of one entry, then `answer`. A condition that fails jumps behind the answer.
fn block(insns: &mut Vec<Insn>, entry: &Entry, access_too: bool, answer: &[Insn]) {
    let mut conditions = vec![Insn::jump_ne(R2, imm(entry.pattern.kind.bpf()), 0)];
    if access_too && entry.access != Access::ALL {
        conditions.extend([
            Insn::move_reg32(R1, R3),
            Insn::and32(R1, i32::from(entry.access.bits())),
            Insn::jump_ne_reg(R1, R3, 0),
        ]);
    }
    conditions.extend(
        entry
            .pattern
            .major
            .map(|major| Insn::jump_ne(R4, imm(major), 0)),
    );
    conditions.extend(
        entry
            .pattern
            .minor
            .map(|minor| Insn::jump_ne(R5, imm(minor), 0)),
    );
    let mut distance = (conditions.len() + answer.len()) as i16; // at most 12
    for mut insn in conditions {
        distance -= 1;
        if matches!(insn.code, 0x55 | 0x5d) {
            insn.off = distance;
        }
        insns.push(insn);
    }
    insns.extend_from_slice(answer);
}

mod compact {
    //! ```text
    //! prologue
    //! if type != b goto after_b
    //!   if major != M goto after_M      one section per major
    //!     if minor == m goto tail(bits) one per minor
    //!     goto tail(bits)               only if M:* is an entry
    //!   after_M: if minor == m goto tail(bits)   for *:m
    //!   goto tail(bits of *:*)
    //! after_b: ... the same for c ...
    //! tail(bits): if access within bits goto allow; goto deny
    //! deny: r0 = 0; exit
    //! allow: r0 = 1; exit
    //! ```
    //! Within a type the first hit decides. `M:*` may come before `*:m`: where both match, either
    //! `M:m` is an entry of its own or the two agree.

    use super::*;

    struct Builder {
        insns: Vec<Insn>,
        /// Jumps to a tail, to be filled in: where, and which bits the tail allows.
        pending: Vec<(usize, Access)>,
    }

    impl Builder {
        fn tail_jump(&mut self, insn: Insn, access: Access) {
            self.pending.push((self.insns.len(), access));
            self.insns.push(insn);
        }

        /// Lets the jump at `from` go to `to`.
        fn land(&mut self, from: usize, to: usize) -> Option<()> {
            let distance = i16::try_from(to.checked_sub(from + 1)?).ok()?;
            self.insns[from].off = distance;
            Some(())
        }

        fn open(&mut self, insn: Insn) -> usize {
            self.insns.push(insn);
            self.insns.len() - 1
        }

        fn close(&mut self, opened: usize) -> Option<()> {
            self.land(opened, self.insns.len())
        }
    }

    pub(super) fn generate(policy: &Policy) -> Option<Vec<Insn>> {
        let base = if policy.default_allow() {
            Access::ALL
        } else {
            Access::NONE
        };
        let mut code = Builder {
            insns: prologue(),
            pending: Vec::new(),
        };
        for kind in DeviceKind::BOTH {
            let entries: Vec<&Entry> = policy
                .entries()
                .iter()
                .filter(|entry| entry.pattern.kind == kind)
                .collect();
            if entries.is_empty() {
                continue;
            }
            let type_section = code.open(Insn::jump_ne(R2, imm(kind.bpf()), 0));
            kind_section(&mut code, &entries, base)?;
            code.close(type_section)?;
        }
        code.tail_jump(Insn::jump(0), base);
        tails(&mut code)?;
        Some(code.insns)
    }

    fn kind_section(code: &mut Builder, entries: &[&Entry], base: Access) -> Option<()> {
        let majors = entries.iter().filter(|entry| entry.pattern.major.is_some());
        let majors: Vec<&Entry> = majors.copied().collect();
        for group in majors.chunk_by(|a, b| a.pattern.major == b.pattern.major) {
            let major = group.first()?.pattern.major?;
            let section = code.open(Insn::jump_ne(R4, imm(major), 0));
            minors(code, group);
            if let Some(any) = group.iter().find(|entry| entry.pattern.minor.is_none()) {
                code.tail_jump(Insn::jump(0), any.access);
            }
            code.close(section)?;
        }
        let rest = entries.iter().filter(|entry| entry.pattern.major.is_none());
        let rest: Vec<&Entry> = rest.copied().collect();
        minors(code, &rest);
        let top = rest.iter().find(|entry| entry.pattern.minor.is_none());
        code.tail_jump(Insn::jump(0), top.map_or(base, |entry| entry.access));
        Some(())
    }

    fn minors(code: &mut Builder, entries: &[&Entry]) {
        for entry in entries {
            if let Some(minor) = entry.pattern.minor {
                code.tail_jump(Insn::jump_eq(R5, imm(minor), 0), entry.access);
            }
        }
    }

    fn tails(code: &mut Builder) -> Option<()> {
        let jumps = std::mem::take(&mut code.pending);
        let mut tails: Vec<Access> = jumps.iter().map(|(_, access)| *access).collect();
        tails.sort();
        tails.dedup();
        let partial = tails
            .iter()
            .copied()
            .filter(|a| !a.is_empty() && *a != Access::ALL);
        let partial: Vec<Access> = partial.collect();

        let used = |access| !partial.is_empty() || tails.contains(&access);
        // All jumps go forward, so the partial tails come first; four instructions each.
        let first = code.insns.len();
        let (deny, allow) = {
            let after = first + partial.len() * 4;
            (after, if used(Access::NONE) { after + 2 } else { after })
        };
        for (at, access) in partial.iter().enumerate() {
            let start = first + at * 4;
            code.insns.extend([
                Insn::move_reg32(R1, R3),
                Insn::and32(R1, i32::from(access.bits())),
                Insn::jump_eq_reg(R1, R3, 0),
                Insn::jump(0),
            ]);
            code.land(start + 2, allow)?;
            code.land(start + 3, deny)?;
        }
        if used(Access::NONE) {
            code.insns.extend([Insn::move32(R0, 0), Insn::exit()]);
        }
        if used(Access::ALL) {
            code.insns.extend([Insn::move32(R0, 1), Insn::exit()]);
        }
        for (from, access) in jumps {
            let to = match access {
                Access::NONE => deny,
                Access::ALL => allow,
                access => first + partial.iter().position(|tail| *tail == access)? * 4,
            };
            code.land(from, to)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
