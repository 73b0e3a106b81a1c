//! Signals of one conversation, on their way to the shim.
//!
//! Each is a call of its own, which takes its time and must not hold the conversation up; the next
//! begins when it has been answered, so that a process gets them as its client sent them.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// Sends a signal past all that waits in the session.
pub type Signaller = Arc<dyn Fn(i32) + Send + Sync>;

/// Has `send` called for each signal, in order. What was taken is sent even if the value is dropped.
pub fn in_order(send: impl Fn(i32) + Send + Sync + 'static) -> Signaller {
    let send = Arc::new(send);
    let (queue, mut waiting) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(number) = waiting.recv().await {
            let send = Arc::clone(&send);
            // One that panics has said so; others are sent all the same.
            let _panicked = spawn_blocking(move || send(number)).await;
        }
    });
    Arc::new(move |number| {
        // Fails only when the runtime is ending, and the server with it.
        let _ending = queue.send(number);
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    /// However long one takes, those behind it do not overtake it.
    #[test]
    fn the_next_is_sent_when_the_one_before_was() {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let _inside = runtime.enter();
        let (begun, sent) = channel();
        let (go, wait) = channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let signal = in_order(move |number| {
            begun.send(number).unwrap();
            if number == 0 {
                wait.lock().unwrap().recv().unwrap();
            }
        });
        (0..100).for_each(|number| signal(number));
        drop(signal);
        assert_eq!(sent.recv().unwrap(), 0);
        let early = sent.recv_timeout(Duration::from_millis(200));
        assert!(early.is_err(), "{early:?} began before the first was sent");
        go.send(()).unwrap();
        let rest: Vec<i32> = sent.iter().collect();
        assert_eq!(rest, (1..100).collect::<Vec<_>>());
    }
}
