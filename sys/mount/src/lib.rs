//! What is mounted where, and detached mounts.
