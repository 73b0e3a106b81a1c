//! Processes: capabilities, namespaces, pidfds, and packets sent from inside a given cgroup.
