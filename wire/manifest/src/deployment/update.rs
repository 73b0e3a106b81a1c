//! How instances are updated.

use crate::check::{Fields, Invalid, refuse};

/// The `update` block, of the deployment or, over it, of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// How many instances go first.
    pub canaries: Count,
    /// How many go at once after them.
    pub max_in_flight: Count,
    /// How long a first one is watched.
    pub canary_watch_time: WatchTime,
    /// How long any other is watched.
    pub update_watch_time: WatchTime,
    /// Whether the group waits for the one before it.
    pub serial: bool,
    /// Whether the new VM comes before the old one goes.
    pub vm_strategy: VmStrategy,
    /// Whether a first deploy does all availability zones at once.
    pub azs_in_parallel_at_first: bool,
}

/// What a deploy's parameters and the director's configuration say about it.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// In place of every `canaries`.
    pub canaries: Option<String>,
    /// In place of every `max_in_flight`.
    pub max_in_flight: Option<String>,
    /// Where no `vm_strategy` is named.
    pub default_vm_strategy: Option<VmStrategy>,
}

/// A number of instances, or a part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count(String);

impl Count {
    /// Out of `N` or `N%`; any other text is kept and says nothing.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The number out of so many, rounded down; `None` if the text is neither `N` nor `N%`.
    pub fn of(&self, size: usize) -> Option<i64> {
        let text = self.0.as_str();
        if let Some(percent) = text.strip_suffix('%')
            && !percent.is_empty()
            && percent.bytes().all(|byte| byte.is_ascii_digit())
        {
            let percent = percent.parse::<u64>().unwrap_or(u64::MAX);
            let count = percent.saturating_mul(size as u64) / 100;
            return i64::try_from(count.min(size as u64)).ok();
        }
        text.parse().ok()
    }

    /// The text in the manifest.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// How long is waited for an instance to run, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchTime {
    /// At least.
    pub min: u64,
    /// At most.
    pub max: u64,
}

/// In which order a VM is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VmStrategy {
    /// The old one goes first.
    DeleteCreate,
    /// The new one comes first.
    CreateSwapDelete,
}

impl Update {
    pub(super) fn parse(
        fields: Fields<'_>,
        over: Option<&Update>,
        options: &UpdateOptions,
    ) -> Result<Update, Invalid> {
        let count = |key: &str, given: &Option<String>, over: Option<&Count>| match (given, over) {
            (Some(given), _) => Ok(Count(given.clone())),
            (None, None) => fields.required(key).map(Count),
            (None, Some(over)) => Ok(fields.optional(key)?.map_or_else(|| over.clone(), Count)),
        };
        let canaries = count(
            "canaries",
            &options.canaries,
            over.map(|over| &over.canaries),
        )?;
        let max_in_flight = count(
            "max_in_flight",
            &options.max_in_flight,
            over.map(|over| &over.max_in_flight),
        )?;
        let watch = |key: &str, over: Option<WatchTime>| match over {
            None => WatchTime::parse(&fields.required::<String>(key)?),
            Some(over) => match fields.optional::<String>(key)? {
                None => Ok(over),
                Some(text) => WatchTime::parse(&text),
            },
        };
        let canary_watch_time =
            watch("canary_watch_time", over.map(|over| over.canary_watch_time))?;
        let update_watch_time =
            watch("update_watch_time", over.map(|over| over.update_watch_time))?;
        let vm_strategy = match fields.optional::<String>("vm_strategy")?.as_deref() {
            Some("delete-create") => VmStrategy::DeleteCreate,
            Some("create-swap-delete") => VmStrategy::CreateSwapDelete,
            Some(other) => refuse!(
                ValidationInvalidValue,
                "Invalid vm_strategy '{other}', valid strategies are: create-swap-delete, delete-create"
            ),
            None => over.map_or_else(
                || {
                    options
                        .default_vm_strategy
                        .unwrap_or(VmStrategy::DeleteCreate)
                },
                |over| over.vm_strategy,
            ),
        };
        let serial = fields
            .optional("serial")?
            .unwrap_or_else(|| over.is_none_or(|over| over.serial));
        let first = fields.optional::<String>("initial_deploy_az_update_strategy")?;
        let azs_in_parallel_at_first = match first.as_deref() {
            Some("parallel") => true,
            Some("serial") => false,
            Some(other) => refuse!(
                ValidationInvalidValue,
                "Invalid initial_deploy_az_update_strategy '{other}', valid strategies are: 'parallel, serial'"
            ),
            None => over.is_some_and(|over| over.azs_in_parallel_at_first),
        };
        Ok(Update {
            canaries,
            max_in_flight,
            canary_watch_time,
            update_watch_time,
            serial,
            vm_strategy,
            azs_in_parallel_at_first,
        })
    }
}

impl WatchTime {
    fn parse(text: &str) -> Result<WatchTime, Invalid> {
        let number = |text: &str| {
            let text = text.trim();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let both = match text.split_once('-') {
            None => number(text).map(|both| (both, both)),
            Some((min, max)) => number(min).zip(number(max)),
        };
        let Some((min, max)) = both else {
            refuse!(
                UpdateConfigInvalidWatchTime,
                "Watch time should be an integer or a range of two integers"
            );
        };
        if min > max {
            refuse!(
                UpdateConfigInvalidWatchTime,
                "Min watch time cannot be greater than max watch time"
            );
        }
        Ok(WatchTime { min, max })
    }
}
