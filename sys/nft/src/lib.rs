//! nftables over netlink: typed rules, atomic transactions, listing and change events.
