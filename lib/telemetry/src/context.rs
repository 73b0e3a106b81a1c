//! Which request something is done for.
//!
//! The id comes in with a request, or is made there; it goes with the task that the request makes, and
//! with what that task asks of others.

use std::future::Future;
use std::sync::Arc;

/// The longest request id that is taken from a client.
pub const LONGEST: usize = 64;

/// What is being done something for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The id of the request that began it; empty if none did.
    pub request: Arc<str>,
    /// The task's number.
    pub task: Option<i64>,
    /// Who hears what is told of it besides.
    pub listener: Listener,
}

/// Who hears each line that is told of something, with details that are in no other log.
#[derive(Clone, Default)]
pub struct Listener(Option<Arc<Hear>>);

type Hear = dyn Fn(&str) + Send + Sync;

impl Listener {
    /// One that is called with the event and its fields, without the time.
    #[must_use]
    pub fn new(hear: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    pub(crate) fn hear(&self, text: impl FnOnce() -> String) {
        if let Some(hear) = &self.0 {
            hear(&text());
        }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Listener").field(&self.0.is_some()).finish()
    }
}

impl PartialEq for Listener {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        }
    }
}

impl Eq for Listener {}

tokio::task_local! {
    static CURRENT: Context;
}

/// Does some work for a request. What the work spawns is not in it, unless it is spawned within [`current`].
pub async fn within<F: Future>(context: Context, work: F) -> F::Output {
    CURRENT.scope(context, work).await
}

/// What is being done something for here; nothing outside of [`within`].
#[must_use]
pub fn current() -> Context {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// A client's request id if it may be passed on: short, and of letters that are nothing special in a
/// header, a log or a subject of a bus.
#[must_use]
pub fn acceptable(text: &str) -> Option<&str> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((1..=LONGEST).contains(&text.len()) && text.bytes().all(fine)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_harmless_everywhere() {
        assert_eq!(acceptable("a-B_9"), Some("a-B_9"));
        assert_eq!(acceptable(&"x".repeat(64)).map(str::len), Some(64));
        for bad in ["", "a.b", "a b", "a\nb", "*", ">", "é", &"x".repeat(65)] {
            assert_eq!(acceptable(bad), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn it_is_known_below_and_nowhere_else() {
        let context = Context {
            request: "one".into(),
            task: Some(7),
            ..Context::default()
        };
        let seen = within(context.clone(), async { current() }).await;
        assert_eq!(seen, context);
        assert_eq!(current(), Context::default());
        // What is spawned is told so.
        let spawned = async { tokio::spawn(within(current(), async { current() })).await };
        let seen = within(context.clone(), spawned).await.unwrap();
        assert_eq!(seen, context);
    }
}
