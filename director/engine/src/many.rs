//! Several things at once that share what they borrow.

use std::sync::Arc;

use crate::Error;

/// Waits for all futures, which share what they borrow.
pub async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.into_iter().map(|one| Some(Box::pin(one))).collect();
    let mut outputs: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        let mut waits = false;
        for (slot, output) in pinned.iter_mut().zip(&mut outputs) {
            if let Some(future) = slot {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => {
                        *output = Some(value);
                        *slot = None;
                    }
                    std::task::Poll::Pending => waits = true,
                }
            }
        }
        if waits {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(outputs.iter_mut().filter_map(Option::take).collect())
    })
    .await
}

/// Work of its own for each item, at most so many at once; the first error is given back when all that
/// was begun has ended.
pub async fn each<T, F>(items: Vec<T>, at_once: usize, work: impl Fn(T) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let turns = Arc::new(tokio::sync::Semaphore::new(at_once.max(1)));
    let failed = std::sync::atomic::AtomicBool::new(false);
    let failed = &failed;
    let work = &work;
    let all = items
        .into_iter()
        .map(|item| {
            let turns = Arc::clone(&turns);
            async move {
                let _turn = turns.acquire().await;
                // After a failure nothing new is begun.
                if failed.load(std::sync::atomic::Ordering::Relaxed) {
                    return Ok(());
                }
                let done = work(item).await;
                if done.is_err() {
                    failed.store(true, std::sync::atomic::Ordering::Relaxed);
                }
                done
            }
        })
        .collect();
    join_all(all).await.into_iter().collect()
}
