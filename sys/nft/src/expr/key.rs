//! What expressions load and how they compare: the kernel's numbers with names.

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A key this crate has no name for.
            Other(u32),
        }

        impl $name {
            /// Number on the wire.
            #[must_use]
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Other(number) => number,
                }
            }

            /// The key with this number.
            #[must_use]
            pub const fn from_number(number: u32) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    other => Self::Other(other),
                }
            }
        }
    };
}

numbered! {
    /// Facts about a packet that are not in its bytes (`NFT_META_*`).
    MetaKey {
        /// Ethernet type, network order.
        Protocol = 1,
        /// Mark, 32 bits in host order.
        Mark = 3,
        /// Index of the incoming interface.
        Iif = 4,
        /// Index of the outgoing interface.
        Oif = 5,
        /// Name of the incoming interface, 16 bytes.
        IifName = 6,
        /// Name of the outgoing interface, 16 bytes.
        OifName = 7,
        /// User that opened the socket, host order.
        SkUid = 10,
        /// Group that opened the socket, host order.
        SkGid = 11,
        /// Address family, 8 bits.
        NfProto = 15,
        /// Transport protocol, 8 bits.
        L4Proto = 16,
        /// Class id of the socket's version 1 control group, host order.
        Cgroup = 23,
    }
}

numbered! {
    /// Facts about a packet's socket (`NFT_SOCKET_*`).
    SocketKey {
        /// The socket takes packets for any address.
        Transparent = 0,
        /// The socket's mark.
        Mark = 1,
        /// The socket is bound to no address.
        Wildcard = 2,
        /// Id of the ancestor at some level of the version 2 control group in which
        /// the socket was created: 64 bits in host order.
        CgroupV2 = 3,
    }
}

numbered! {
    /// Facts about a packet's connection (`NFT_CT_*`).
    CtKey {
        /// State bits, 32 bits in host order; see [`CtState`](crate::CtState).
        State = 0,
        /// Direction, 8 bits.
        Direction = 1,
        /// Status bits.
        Status = 2,
        /// Mark, host order.
        Mark = 3,
    }
}

numbered! {
    /// Where the offset of a payload load counts from (`NFT_PAYLOAD_*`).
    PayloadBase {
        /// Link-layer header.
        Link = 0,
        /// Network header.
        Network = 1,
        /// Transport header.
        Transport = 2,
        /// What the transport carries.
        Inner = 3,
    }
}

numbered! {
    /// How two values compare (`NFT_CMP_*`). Order is that of the bytes in the register.
    CmpOp {
        /// Equal.
        Eq = 0,
        /// Not equal.
        Ne = 1,
        /// Less.
        Lt = 2,
        /// Less or equal.
        Le = 3,
        /// Greater.
        Gt = 4,
        /// Greater or equal.
        Ge = 5,
    }
}
