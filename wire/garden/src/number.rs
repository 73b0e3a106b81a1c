//! Numbers that stand for something: durations and open enumerations.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time as the wire has it: whole nanoseconds, possibly negative.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Nanoseconds(pub i64);

impl Nanoseconds {
    /// The duration, where anything below zero counts as zero.
    #[must_use]
    pub fn to_duration(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

/// Rounds down to the largest number the wire can carry (292 years).
impl From<Duration> for Nanoseconds {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

/// Declares an enumeration that travels as a number and keeps numbers it has no
/// name for, so that the reader, not the codec, decides what they are worth.
macro_rules! open_number {
    ($(#[$outer:meta])* $name:ident($inner:ty) { $($(#[$about:meta])* $item:ident = $value:expr,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            $($(#[$about])* pub const $item: Self = Self($value);)+

            /// Whether the number is one of those named here.
            #[must_use]
            pub fn is_known(self) -> bool {
                [$(Self::$item),+].contains(&self)
            }
        }
    };
}
pub(crate) use open_number;

/// Whether a value is its type's zero, which Go's `omitempty` leaves out.
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
