//! What a rule does when all its matches hold.

use std::net::IpAddr;

use super::{Field, Rule};
use crate::expr::{Limit, Log, LogTarget, Nat, NatKind};
use crate::{Expr, Key, MetaKey, Register, Reject, Verdict};

/// Packets above the rate that nft lets pass at once if nothing is said.
const DEFAULT_BURST: u32 = 5;

/// `NFT_REJECT_ICMPX_*`.
const ICMPX_PORT_UNREACHABLE: u8 = 1;
const ICMPX_ADMIN_PROHIBITED: u8 = 3;

impl Rule {
    /// Counts the packets that come here.
    #[must_use]
    pub fn counter(self) -> Self {
        self.expr(Expr::Counter {
            packets: 0,
            bytes: 0,
        })
    }

    /// Writes a line to the kernel's log, `prefix` first (up to 127 bytes; may be empty).
    /// Outside the first network namespace the kernel writes it only with
    /// sysctl `net.netfilter.nf_log_all_netns`.
    #[must_use]
    pub fn log(self, prefix: &str) -> Self {
        let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        self.expr(Expr::Log(Log {
            prefix,
            target: LogTarget::default(),
        }))
    }

    /// Goes on for at most `packets` packets per `unit` seconds (1, 60, 3600, 86400
    /// or 604800), and 5 at once above that.
    #[must_use]
    pub fn limit_rate(self, packets: u64, unit: u64) -> Self {
        self.expr(Expr::Limit(Limit {
            rate: packets,
            unit,
            burst: DEFAULT_BURST,
            is_bytes: false,
            is_over: false,
        }))
    }

    /// Ends the rule with a verdict.
    #[must_use]
    pub fn verdict(self, verdict: Verdict) -> Self {
        self.expr(Expr::Verdict(verdict))
    }

    /// Lets the packet go on to the next base chain; chains of later priority may still drop it.
    #[must_use]
    pub fn accept(self) -> Self {
        self.verdict(Verdict::Accept)
    }

    /// Drops the packet.
    #[must_use]
    pub fn drop(self) -> Self {
        self.verdict(Verdict::Drop)
    }

    /// Goes back to the calling chain.
    #[must_use]
    pub fn return_(self) -> Self {
        self.verdict(Verdict::Return)
    }

    /// Goes through `chain` of the same table, and back.
    #[must_use]
    pub fn jump(self, chain: impl Into<String>) -> Self {
        self.verdict(Verdict::Jump(chain.into()))
    }

    /// Goes through `chain` of the same table, and not back.
    #[must_use]
    pub fn goto(self, chain: impl Into<String>) -> Self {
        self.verdict(Verdict::Goto(chain.into()))
    }

    /// Refuses a TCP packet with a reset, so that the caller fails at once.
    #[must_use]
    pub fn reject_tcp_reset(self) -> Self {
        self.tcp().expr(Expr::Reject(Reject::TcpReset))
    }

    /// Refuses with an ICMP or ICMPv6 message of a code that both have.
    #[must_use]
    pub fn reject_icmpx(self, code: u8) -> Self {
        self.expr(Expr::Reject(Reject::Icmpx(code)))
    }

    /// Refuses with "port unreachable".
    #[must_use]
    pub fn reject_port_unreachable(self) -> Self {
        self.reject_icmpx(ICMPX_PORT_UNREACHABLE)
    }

    /// Refuses with "administratively prohibited".
    #[must_use]
    pub fn reject_admin_prohibited(self) -> Self {
        self.reject_icmpx(ICMPX_ADMIN_PROHIBITED)
    }

    /// Sets `bits` in the packet's mark and leaves the others.
    #[must_use]
    pub fn mark_set_bits(self, bits: u32) -> Self {
        self.change_mark(!bits, bits)
    }

    /// Clears `bits` in the packet's mark and leaves the others.
    #[must_use]
    pub fn mark_clear_bits(self, bits: u32) -> Self {
        self.change_mark(!bits, 0)
    }

    /// Sets the packet's mark.
    #[must_use]
    pub fn mark_set(self, mark: u32) -> Self {
        let register = Register::R1;
        self.expr(Expr::Immediate {
            register,
            value: Key::host_u32(mark).0,
        })
        .expr(Expr::MetaSet {
            key: MetaKey::Mark,
            register,
        })
    }

    fn change_mark(self, mask: u32, xor: u32) -> Self {
        let register = Register::R1;
        self.expr(Field::Mark.load(register))
            .expr(Expr::Bitwise {
                source: register,
                register,
                len: 4,
                mask: Key::host_u32(mask).0,
                xor: Key::host_u32(xor).0,
            })
            .expr(Expr::MetaSet {
                key: MetaKey::Mark,
                register,
            })
    }

    /// Changes the destination address, and with `port` the destination port; the
    /// rule must have matched a transport protocol for that. For chains of type nat
    /// at prerouting or output.
    #[must_use]
    pub fn dnat_to(self, address: IpAddr, port: Option<u16>) -> Self {
        self.translate(NatKind::Destination, address, port)
    }

    /// Changes the source address, and with `port` the source port. For chains of
    /// type nat at postrouting or input.
    #[must_use]
    pub fn snat_to(self, address: IpAddr, port: Option<u16>) -> Self {
        self.translate(NatKind::Source, address, port)
    }

    fn translate(self, kind: NatKind, address: IpAddr, port: Option<u16>) -> Self {
        let family = if address.is_ipv4() {
            super::field::IPV4
        } else {
            super::field::IPV6
        };
        // No check of the packet's family: the kernel passes over those of the other.
        let mut rule = self.expr(Expr::Immediate {
            register: Register::R1,
            value: Key::from(address).0,
        });
        if let Some(port) = port {
            rule = rule.expr(Expr::Immediate {
                register: Register::R2,
                value: Key::port(port).0,
            });
        }
        rule.expr(Expr::Nat(Nat {
            kind,
            family: u32::from(family),
            address: Some((Register::R1, Register::R1)),
            port: port.map(|_| (Register::R2, Register::R2)),
            flags: 0,
        }))
    }

    /// Changes the source address to that of the outgoing interface. For chains of
    /// type nat at postrouting.
    #[must_use]
    pub fn masquerade(self) -> Self {
        self.expr(Expr::Masquerade {
            port: None,
            flags: 0,
        })
    }

    /// Changes the destination to `port` on this host; the rule must have matched a
    /// transport protocol. For chains of type nat at prerouting or output.
    #[must_use]
    pub fn redirect(self, port: u16) -> Self {
        let register = Register::R1;
        self.expr(Expr::Immediate {
            register,
            value: Key::port(port).0,
        })
        .expr(Expr::Redirect {
            port: Some((register, register)),
            flags: 0,
        })
    }
}
