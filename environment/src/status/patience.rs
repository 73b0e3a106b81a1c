//! Work that may never end, such as a question to a process that is stuck: it is given up after a while.
//!
//! Its thread goes on, for nothing can end it; it is gone with the command that asked.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

/// What comes of some work, if that is known in time.
///
/// # Errors
/// It is not; why.
pub(crate) fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (tell, told) = channel();
    let thread = Builder::new().spawn(move || {
        // Nobody may be left to hear it.
        let _ = tell.send(work());
    });
    thread.map_err(|error| format!("cannot start a thread: {error}"))?;
    told.recv_timeout(patience).map_err(|error| match error {
        RecvTimeoutError::Timeout => format!("no answer within {} s", patience.as_secs()),
        RecvTimeoutError::Disconnected => "the check itself broke".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::within;

    #[test]
    fn what_never_ends_is_given_up() {
        let long = Duration::from_secs(30);
        assert_eq!(within(long, || 7), Ok(7));
        let (end, wait) = channel::<()>();
        let never = within(Duration::ZERO, move || wait.recv().is_ok());
        assert_eq!(never, Err("no answer within 0 s".to_owned()));
        drop(end);
        let broken: Result<(), String> = within(long, || panic!("on purpose"));
        assert_eq!(broken, Err("the check itself broke".to_owned()));
    }
}
