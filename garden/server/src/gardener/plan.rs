//! What to keep and what to remove after a start. Pure.
//!
//! A container is kept if its record says that it was complete and its other parts are there. One
//! whose init or shim has died meanwhile is kept too, stopped: clients still know it and will
//! destroy it.

use std::collections::BTreeSet;

use super::state::Phase;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Records: handle, phase, and whether it has an image.
    pub records: Vec<(String, Phase, bool)>,
    /// Handles in the depot.
    pub depot: BTreeSet<String>,
    /// Handles with a complete network.
    pub networks: BTreeSet<String>,
    /// Handles of images, as far as records know them, and names of others.
    pub images: BTreeSet<String>,
    /// Names of images of processes that records know.
    pub process_images: BTreeSet<String>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is whole.
    Keep(String),
    /// Remove all parts of it, for this reason.
    Remove(String, &'static str),
    /// Remove an image that belongs to nothing.
    RemoveImage(String),
}

/// The actions for what was found; `name` gives the image's name of a handle. With `remove_all`
/// nothing is kept.
#[must_use]
pub fn plan(found: &Found, name: impl Fn(&str) -> String, remove_all: bool) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut known = BTreeSet::new();
    let mut images = found.process_images.clone();
    for (handle, phase, has_image) in &found.records {
        let image = name(handle);
        let why_not = match phase {
            _ if remove_all => Some("all containers are to be destroyed"),
            Phase::Creating => Some("it was being made"),
            Phase::Ready if !found.depot.contains(handle) => Some("the depot has lost it"),
            Phase::Ready if !found.networks.contains(handle) => Some("it has lost its network"),
            Phase::Ready if *has_image && !found.images.contains(&image) => {
                Some("it has lost its image")
            }
            Phase::Ready => None,
        };
        actions.push(match why_not {
            None => Action::Keep(handle.clone()),
            Some(reason) => Action::Remove(handle.clone(), reason),
        });
        known.insert(handle.clone());
        images.insert(image);
    }
    for handle in found.depot.union(&found.networks) {
        if known.insert(handle.clone()) {
            images.insert(name(handle));
            actions.push(Action::Remove(handle.clone(), "nobody knows it"));
        }
    }
    let orphans = found.images.difference(&images);
    actions.extend(orphans.cloned().map(Action::RemoveImage));
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(handles: &[&str]) -> BTreeSet<String> {
        handles.iter().map(|handle| (*handle).to_owned()).collect()
    }

    fn found() -> Found {
        let record = |handle: &str, phase| (handle.to_owned(), phase, handle != "raw");
        Found {
            records: vec![
                record("whole", Phase::Ready),
                record("raw", Phase::Ready),
                record("half", Phase::Creating),
                record("no-shim", Phase::Ready),
                record("no-net", Phase::Ready),
                record("no-image", Phase::Ready),
            ],
            depot: set(&["whole", "raw", "half", "no-net", "no-image", "stray-shim"]),
            networks: set(&["whole", "raw", "no-shim", "no-image", "stray-net"]),
            images: set(&[
                "i-whole",
                "i-half",
                "i-no-shim",
                "i-no-net",
                "i-stray",
                "i-stray-net",
                "i-whole~p",
                "i-whole~stray",
            ]),
            process_images: set(&["i-whole~p"]),
        }
    }

    #[test]
    fn whole_ones_stay_and_everything_else_goes() {
        let actions = plan(&found(), |handle| format!("i-{handle}"), false);
        let kept: Vec<_> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Keep(handle) => Some(handle.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(kept, ["whole", "raw"]);
        let removed: BTreeSet<String> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Remove(handle, _) => Some(handle.clone()),
                _ => None,
            })
            .collect();
        let expected = [
            "half",
            "no-shim",
            "no-net",
            "no-image",
            "stray-shim",
            "stray-net",
        ];
        assert_eq!(removed, set(&expected));
        let images: Vec<_> = actions
            .iter()
            .filter(|action| matches!(action, Action::RemoveImage(_)))
            .collect();
        let strays = ["i-stray", "i-whole~stray"];
        let strays = strays.map(|image| Action::RemoveImage(image.to_owned()));
        assert_eq!(images, strays.iter().collect::<Vec<_>>());
    }

    #[test]
    fn destroying_all_keeps_nothing() {
        let actions = plan(&found(), |handle| format!("i-{handle}"), true);
        assert!(
            !actions
                .iter()
                .any(|action| matches!(action, Action::Keep(_)))
        );
    }
}
