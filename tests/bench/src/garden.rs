//! Containers through Garden, beside runtimes that are given a bare bundle.
//!
//! Ours is asked over its unix socket by one client, as a CPI would: a container with a network, a
//! root file system and an init; a process in it; its end. The peers' containers have neither
//! network nor an init of their own.

mod alive;
mod cycle;
mod engines;
mod peers;
mod streams;

/// All of it, or one part.
pub fn bench(part: Option<&str>) {
    let parts: [(&str, fn()); 4] = [
        ("cycle", cycle::bench),
        ("engines", engines::bench),
        ("alive", alive::bench),
        ("streams", streams::bench),
    ];
    for (name, bench) in parts {
        if part.is_none_or(|part| part == name) {
            bench();
        }
    }
}
