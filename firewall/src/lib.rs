//! Who may talk to monit and NATS: identity, level probe, ruleset and proof.
