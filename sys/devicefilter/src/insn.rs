//! One eBPF instruction, and the few that device programs are made of.
//!
//! Layout (8 bytes, native order; `Documentation/bpf/standardization/instruction-set.rst`):
//! `code: u8`, `dst: 4 bits low, src: 4 bits high`, `off: i16`, `imm: i32`.

use std::fmt;

/// Register holding the answer.
pub const R0: u8 = 0;
/// Register holding the context on entry; scratch after the prologue.
pub const R1: u8 = 1;
/// Device type, after the prologue.
pub const R2: u8 = 2;
/// Requested access, after the prologue.
pub const R3: u8 = 3;
/// Major number, after the prologue.
pub const R4: u8 = 4;
/// Minor number, after the prologue.
pub const R5: u8 = 5;

/// One instruction as the kernel reads it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Insn {
    /// Operation.
    pub code: u8,
    /// Destination register in the low half, source register in the high half.
    pub regs: u8,
    /// Jump distance (from the next instruction) or memory offset.
    pub off: i16,
    /// Constant operand.
    pub imm: i32,
}

impl Insn {
    const fn new(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Self {
        Self {
            code,
            regs: (dst & 0xf) | (src << 4),
            off,
            imm,
        }
    }

    /// `dst = *(u32 *)(src + off)`.
    #[must_use]
    pub const fn load_word(dst: u8, src: u8, off: i16) -> Self {
        Self::new(0x61, dst, src, off, 0)
    }

    /// `(u32) dst &= imm`.
    #[must_use]
    pub const fn and32(dst: u8, imm: i32) -> Self {
        Self::new(0x54, dst, 0, 0, imm)
    }

    /// `(u32) dst >>= imm`.
    #[must_use]
    pub const fn shift_right32(dst: u8, imm: i32) -> Self {
        Self::new(0x74, dst, 0, 0, imm)
    }

    /// `(u32) dst = src`.
    #[must_use]
    pub const fn move_reg32(dst: u8, src: u8) -> Self {
        Self::new(0xbc, dst, src, 0, 0)
    }

    /// `(u32) dst = imm`.
    #[must_use]
    pub const fn move32(dst: u8, imm: i32) -> Self {
        Self::new(0xb4, dst, 0, 0, imm)
    }

    /// `if dst != imm goto +off`.
    #[must_use]
    pub const fn jump_ne(dst: u8, imm: i32, off: i16) -> Self {
        Self::new(0x55, dst, 0, off, imm)
    }

    /// `if dst == imm goto +off`.
    #[must_use]
    pub const fn jump_eq(dst: u8, imm: i32, off: i16) -> Self {
        Self::new(0x15, dst, 0, off, imm)
    }

    /// `if dst != src goto +off`.
    #[must_use]
    pub const fn jump_ne_reg(dst: u8, src: u8, off: i16) -> Self {
        Self::new(0x5d, dst, src, off, 0)
    }

    /// `if dst == src goto +off`.
    #[must_use]
    pub const fn jump_eq_reg(dst: u8, src: u8, off: i16) -> Self {
        Self::new(0x1d, dst, src, off, 0)
    }

    /// `goto +off`.
    #[must_use]
    pub const fn jump(off: i16) -> Self {
        Self::new(0x05, 0, 0, off, 0)
    }

    /// `return r0`.
    #[must_use]
    pub const fn exit() -> Self {
        Self::new(0x95, 0, 0, 0, 0)
    }

    /// Destination register.
    #[must_use]
    pub const fn dst(self) -> u8 {
        self.regs & 0xf
    }

    /// Source register.
    #[must_use]
    pub const fn src(self) -> u8 {
        self.regs >> 4
    }

    /// From the kernel's bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        let [code, regs, o0, o1, i0, i1, i2, i3] = bytes;
        Self {
            code,
            regs,
            off: i16::from_ne_bytes([o0, o1]),
            imm: i32::from_ne_bytes([i0, i1, i2, i3]),
        }
    }
}

impl fmt::Debug for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dst, src, off, imm) = (self.dst(), self.src(), self.off, self.imm);
        match self.code {
            0x61 => write!(f, "r{dst} = *(u32 *)(r{src} {off:+})"),
            0x54 => write!(f, "w{dst} &= {imm:#x}"),
            0x74 => write!(f, "w{dst} >>= {imm}"),
            0xbc => write!(f, "w{dst} = w{src}"),
            0xb4 => write!(f, "w{dst} = {imm}"),
            0x55 => write!(f, "if r{dst} != {imm} goto {off:+}"),
            0x15 => write!(f, "if r{dst} == {imm} goto {off:+}"),
            0x5d => write!(f, "if r{dst} != r{src} goto {off:+}"),
            0x1d => write!(f, "if r{dst} == r{src} goto {off:+}"),
            0x05 => write!(f, "goto {off:+}"),
            0x95 => f.write_str("exit"),
            code => write!(f, "code {code:#04x} r{dst} r{src} {off:+} {imm:#x}"),
        }
    }
}
