//! Netlink transport and attribute codec shared by the crates that talk to the kernel.
