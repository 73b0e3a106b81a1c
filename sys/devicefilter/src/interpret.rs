//! What instructions answer to a request, without running them in the kernel.
//!
//! Covers all of the base instruction set that a device program needs: arithmetic, jumps, loads
//! from the context, the stack. Programs with helper calls or maps are beyond it and give
//! [`Unknown`]. The kernel does not rewrite the context accesses of device programs (their
//! verifier operations have no `convert_ctx_access`, `kernel/bpf/cgroup.c`), so the translated
//! instructions it gives back can be run here as they are.
//!
//! Total: any instructions, in at most [`MAX_STEPS`] steps.

use crate::device::Request;
use crate::insn::Insn;

/// Steps after which a program counts as endless.
pub const MAX_STEPS: usize = 1_000_000;

/// Why the answer cannot be told from the instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// An instruction outside of what is covered (a helper call, a map, an atomic).
    #[error("instruction {at} (code {code:#04x}) is beyond the interpreter")]
    Instruction {
        /// Its index.
        at: usize,
        /// Its operation.
        code: u8,
    },
    /// Memory other than the context and the stack.
    #[error("instruction {at} reaches memory outside of context and stack")]
    Memory {
        /// Its index.
        at: usize,
    },
    /// A jump out of the program.
    #[error("the program runs off its end at {at}")]
    End {
        /// Index reached.
        at: usize,
    },
    /// More than [`MAX_STEPS`].
    #[error("the program does not end within {MAX_STEPS} steps")]
    Endless,
}

const CONTEXT: u64 = 0x1000_0000;
const STACK: u64 = 0x2000_0000;
const STACK_SIZE: usize = 512;

struct Machine {
    regs: [u64; 16],
    context: [u8; 12],
    stack: [u8; STACK_SIZE],
}

/// Whether the program allows the request.
///
/// # Errors
/// [`Unknown`].
pub fn allows(insns: &[Insn], request: Request) -> Result<bool, Unknown> {
    let mut context = [0; 12];
    let access_type = request.device.kind.bpf() | u32::from(request.access.bits()) << 16;
    let words = [access_type, request.device.major, request.device.minor];
    for (slot, word) in context.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&word.to_ne_bytes());
    }
    let mut machine = Machine {
        regs: [0; 16],
        context,
        stack: [0; STACK_SIZE],
    };
    machine.regs[1] = CONTEXT;
    machine.regs[10] = STACK + STACK_SIZE as u64;
    Ok(machine.run(insns)? != 0)
}

impl Machine {
    fn run(&mut self, insns: &[Insn]) -> Result<u64, Unknown> {
        let mut at = 0_usize;
        for _ in 0..MAX_STEPS {
            let insn = *insns.get(at).ok_or(Unknown::End { at })?;
            let beyond = Unknown::Instruction {
                at,
                code: insn.code,
            };
            let dst = usize::from(insn.dst());
            let mut next = at + 1;
            match insn.code & 7 {
                // LD: only the two-slot constant without a relocation.
                0 => {
                    let high = insns.get(at + 1).ok_or(Unknown::End { at: at + 1 })?;
                    if insn.code != 0x18 || insn.src() != 0 {
                        return Err(beyond);
                    }
                    let low = u64::from(insn.imm.cast_unsigned());
                    self.regs[dst] = low | u64::from(high.imm.cast_unsigned()) << 32;
                    next = at + 2;
                }
                1 => {
                    let base = self.regs[usize::from(insn.src())];
                    let size = memory_size(insn.code).ok_or(beyond)?;
                    self.regs[dst] = self
                        .load(base, insn.off, size)
                        .ok_or(Unknown::Memory { at })?;
                }
                class @ (2 | 3) => {
                    let value = if class == 2 {
                        sign(insn.imm)
                    } else {
                        self.regs[usize::from(insn.src())]
                    };
                    let size = memory_size(insn.code).ok_or(beyond)?;
                    self.store(self.regs[dst], insn.off, size, value)
                        .ok_or(Unknown::Memory { at })?;
                }
                class @ (4 | 7) => {
                    let operand = self.operand(insn);
                    let wide = class == 7;
                    self.regs[dst] =
                        arithmetic(insn, self.regs[dst], operand, wide).ok_or(beyond)?;
                }
                class => {
                    if insn.code == 0x95 {
                        return Ok(self.regs[0] & 0xffff_ffff);
                    }
                    let jump = if insn.code == 0x06 {
                        Some(i64::from(insn.imm))
                    } else {
                        let wide = class == 5;
                        compare(insn.code, self.regs[dst], self.operand(insn), wide)
                            .ok_or(beyond)?
                            .then_some(i64::from(insn.off))
                    };
                    if let Some(distance) = jump {
                        let target = i64::try_from(next)
                            .ok()
                            .and_then(|n| n.checked_add(distance));
                        next = target
                            .and_then(|target| usize::try_from(target).ok())
                            .ok_or(Unknown::End { at })?;
                    }
                }
            }
            at = next;
        }
        Err(Unknown::Endless)
    }

    fn operand(&self, insn: Insn) -> u64 {
        if insn.code & 8 != 0 {
            self.regs[usize::from(insn.src())]
        } else {
            sign(insn.imm)
        }
    }

    fn load(&self, base: u64, off: i16, size: usize) -> Option<u64> {
        let address = base.checked_add_signed(i64::from(off))?;
        let (memory, start): (&[u8], u64) = if address >= STACK {
            (&self.stack, STACK)
        } else {
            (&self.context, CONTEXT)
        };
        let from = usize::try_from(address.checked_sub(start)?).ok()?;
        let bytes = memory.get(from..from.checked_add(size)?)?;
        let mut value = [0; 8];
        value[..size].copy_from_slice(bytes);
        // The value's low bytes come first only on little-endian machines.
        let value = u64::from_le_bytes(value);
        Some(if cfg!(target_endian = "big") {
            value.swap_bytes() >> (64 - 8 * size)
        } else {
            value
        })
    }

    fn store(&mut self, base: u64, off: i16, size: usize, value: u64) -> Option<()> {
        let address = base.checked_add_signed(i64::from(off))?;
        let from = usize::try_from(address.checked_sub(STACK)?).ok()?;
        let target = self.stack.get_mut(from..from.checked_add(size)?)?;
        let bytes = if cfg!(target_endian = "big") {
            (value << (64 - 8 * size)).to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        target.copy_from_slice(&bytes[..size]);
        Some(())
    }
}

/// Constants are sign-extended to 64 bits.
fn sign(imm: i32) -> u64 {
    i64::from(imm).cast_unsigned()
}

fn memory_size(code: u8) -> Option<usize> {
    // Mode must be plain memory (0x60); sign-extending and atomic ones are not covered.
    (code & 0xe0 == 0x60).then_some(match code & 0x18 {
        0x00 => 4,
        0x08 => 2,
        0x10 => 1,
        _ => 8,
    })
}

fn arithmetic(insn: Insn, dst: u64, operand: u64, wide: bool) -> Option<u64> {
    // A non-zero offset selects the signed variants of mov, div and mod.
    if insn.off != 0 {
        return None;
    }
    let narrow = |value: u64| if wide { value } else { value & 0xffff_ffff };
    let (a, b) = (narrow(dst), narrow(operand));
    let shift = (b & if wide { 63 } else { 31 }) as u32;
    let value = match insn.code & 0xf0 {
        0x00 => a.wrapping_add(b),
        0x10 => a.wrapping_sub(b),
        0x20 => a.wrapping_mul(b),
        0x30 => a.checked_div(b).unwrap_or(0),
        0x40 => a | b,
        0x50 => a & b,
        0x60 => a << shift,
        0x70 => a >> shift,
        0x80 => a.wrapping_neg(),
        0x90 => a.checked_rem(b).unwrap_or(a),
        0xa0 => a ^ b,
        0xb0 => b,
        0xc0 if wide => (a.cast_signed() >> shift).cast_unsigned(),
        0xc0 => u64::from(((a as u32).cast_signed() >> shift).cast_unsigned()),
        _ => return None,
    };
    Some(narrow(value))
}

fn compare(code: u8, dst: u64, operand: u64, wide: bool) -> Option<bool> {
    let signed = |value: u64| {
        if wide {
            value.cast_signed()
        } else {
            i64::from((value as u32).cast_signed())
        }
    };
    let narrow = |value: u64| if wide { value } else { value & 0xffff_ffff };
    let (a, b) = (narrow(dst), narrow(operand));
    let (sa, sb) = (signed(dst), signed(operand));
    Some(match code & 0xf0 {
        0x00 if wide => true,
        0x10 => a == b,
        0x20 => a > b,
        0x30 => a >= b,
        0x40 => a & b != 0,
        0x50 => a != b,
        0x60 => sa > sb,
        0x70 => sa >= sb,
        0xa0 => a < b,
        0xb0 => a <= b,
        0xc0 => sa < sb,
        0xd0 => sa <= sb,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Access, Device};
    use proptest::prelude::*;

    const ASK: Request = Request {
        device: Device::char(1, 3),
        access: Access::READ,
    };

    #[test]
    fn helper_calls_and_maps_are_unknown() {
        let call = Insn {
            code: 0x85,
            regs: 0,
            off: 0,
            imm: 14,
        };
        assert_eq!(
            allows(&[call], ASK),
            Err(Unknown::Instruction { at: 0, code: 0x85 })
        );
        let map = Insn {
            code: 0x18,
            regs: 0x11,
            off: 0,
            imm: 3,
        };
        assert!(matches!(
            allows(&[map, map], ASK),
            Err(Unknown::Instruction { .. })
        ));
    }

    #[test]
    fn narrow_context_loads_read_the_right_half() {
        // Half-word at 0 is the type, at 2 the access: the shape other loaders may use.
        let half = |off| Insn {
            code: 0x69,
            regs: 0x10,
            off,
            imm: 0,
        };
        let type_is_char = [
            half(0),
            Insn::jump_eq(0, 2, 1),
            Insn::move32(0, 0),
            Insn::exit(),
        ];
        assert_eq!(allows(&type_is_char, ASK), Ok(true));
        let access_is_read = [
            half(2),
            Insn::jump_eq(0, 2, 1),
            Insn::move32(0, 0),
            Insn::exit(),
        ];
        assert_eq!(allows(&access_is_read, ASK), Ok(true));
    }

    #[test]
    fn loops_end() {
        assert_eq!(allows(&[Insn::jump(-1)], ASK), Err(Unknown::Endless));
        assert_eq!(allows(&[], ASK), Err(Unknown::End { at: 0 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_bytes_give_an_answer_or_unknown(bytes: Vec<[u8; 8]>) {
            let insns: Vec<Insn> = bytes.into_iter().map(Insn::from_bytes).collect();
            let _ = allows(&insns, ASK);
        }
    }
}
