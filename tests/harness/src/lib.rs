//! Namespaces, actors and leak checks for the tests that need a kernel.
