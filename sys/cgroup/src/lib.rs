//! Control groups: which hierarchies exist, which group a process is in, and how to limit it.
