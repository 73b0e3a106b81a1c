//! Flags of the stock server that are taken and change nothing.

use warren_wire_garden::config::Settings;

/// A flag of the stock server that this one takes and that changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithoutEffect {
    /// Its name.
    pub flag: &'static str,
    /// Why not.
    pub because: &'static str,
}

const fn without(flag: &'static str, because: &'static str) -> WithoutEffect {
    WithoutEffect { flag, because }
}

const IDS: &str = "root of unprivileged containers is always the greatest id there is";
const NO_PLUGINS: &str = "images and networks are made by this program itself";

/// All flags that somebody may count on and that change nothing.
const WITHOUT_EFFECT: &[WithoutEffect] = &[
    without("console-sockets-path", "terminals need no sockets here"),
    without(
        "docker-registry",
        "this server fetches no images from registries",
    ),
    without("gid-map-length", IDS),
    without("gid-map-start", IDS),
    without("image-plugin", NO_PLUGINS),
    without("network-plugin", NO_PLUGINS),
    without("privileged-image-plugin", NO_PLUGINS),
    without(
        "runtime-plugin",
        "every stock configuration has it; --runtime names another engine",
    ),
    without("uid-map-length", IDS),
    without("uid-map-start", IDS),
];

/// Those of them that were given.
pub(crate) fn given(settings: &Settings) -> Vec<WithoutEffect> {
    let all = WITHOUT_EFFECT.iter().copied();
    all.filter(|each| settings.is_given(each.flag)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_without_effect_is_known_and_told_of() {
        for each in WITHOUT_EFFECT {
            let flag = warren_wire_garden::config::flag(each.flag).unwrap();
            let value = match flag.kind {
                warren_wire_garden::config::Kind::Unsigned(_) => "1",
                _ => "/x",
            };
            let mut settings = Settings::default();
            settings.set(each.flag, value).unwrap();
            assert_eq!(given(&settings), [*each]);
            assert!(!each.because.is_empty());
        }
    }
}
