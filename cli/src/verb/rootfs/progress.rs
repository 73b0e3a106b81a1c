//! How far a pull is, in words.

use warren_container_rootfs::progress::Progress;

/// What is said of a pull.
pub fn words(uri: &str, progress: &Progress) -> String {
    let Progress { layers, done, .. } = progress;
    let read = mebibytes(progress.bytes);
    // Without a layer to read there is one to copy, or another process is at it.
    if *layers == 0 {
        return format!("Pulling {uri}");
    }
    match progress.of {
        Some(of) => {
            let of = mebibytes(of);
            format!("Pulling {uri}: {done} of {layers} layers, {read} of {of} MiB")
        }
        None => format!("Pulling {uri}: {done} of {layers} layers, {read} MiB"),
    }
}

/// With one digit after the point.
fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::{Progress, words};

    #[test]
    fn a_pull_in_words() {
        let mut progress = Progress {
            layers: 3,
            done: 1,
            bytes: 12 << 20,
            of: None,
        };
        assert_eq!(words("x", &progress), "Pulling x: 1 of 3 layers, 12.0 MiB");
        progress.of = Some((12 << 20) + (1 << 19));
        let both = "Pulling x: 1 of 3 layers, 12.0 of 12.5 MiB";
        assert_eq!(words("x", &progress), both);
        assert_eq!(words("x", &Progress::default()), "Pulling x");
    }
}
