//! `/debug/vars`: numbers about the server itself, on a socket of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::json;

use crate::gardener::Gardener;
use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::connection::Handler;
use crate::http::head::Head;

/// Answers about the server.
pub struct Debug {
    gardener: Arc<Gardener>,
}

impl Debug {
    /// Answers about the server in front of this gardener.
    #[must_use]
    pub fn new(gardener: Arc<Gardener>) -> Self {
        Self { gardener }
    }

    fn vars(&self) -> Answer {
        let config = self.gardener.config();
        let count = |path: &std::path::Path| {
            std::fs::read_dir(path).map_or(0, |entries| entries.flatten().count())
        };
        // What is being made or removed has a name that begins with a dot, as no container's has.
        let containers = |path: &std::path::Path| {
            let names = std::fs::read_dir(path).into_iter().flatten().flatten();
            let names = names.map(|entry| entry.file_name());
            names
                .filter(|name| !name.as_encoded_bytes().starts_with(b"."))
                .count()
        };
        let memory = resident();
        let body = json!({
            "memstats": { "Alloc": memory, "Sys": memory },
            "numCPUS": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            "numGoRoutines": count("/proc/self/task".as_ref()),
            "loopDevices": loop_devices("/sys/block".as_ref()),
            "backingStores": count(&config.store.join("images")),
            "depotDirs": containers(&config.depot),
            "containers": self.gardener.list([("garden.state".to_owned(), "all".to_owned())].into()).len(),
            "imageStore": self.gardener.driver(),
        });
        Answer::json(format!("{body}\n").into_bytes())
    }
}

/// Bytes of memory of this process; never 0, which would mean that nothing runs.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    let size = rustix::param::page_size() as u64;
    pages.map_or(size, |pages: u64| pages.saturating_mul(size).max(size))
}

/// How many loop devices of the machine have a file behind them.
fn loop_devices(block: &std::path::Path) -> usize {
    let devices = std::fs::read_dir(block).into_iter().flatten().flatten();
    let is_used = |device: &std::fs::DirEntry| device.path().join("loop/backing_file").exists();
    devices.filter(is_used).count()
}

impl Handler for Debug {
    fn answer<'a>(
        &'a self,
        head: &'a Head,
        _body: &'a mut Body<'_>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        let (path, _) = warren_wire_garden::route::split_target(&head.target);
        let answer = match (head.method.as_str(), path) {
            ("GET" | "HEAD", "/debug/vars") => self.vars(),
            (_, "/debug/vars") => {
                Answer::text(405, "Method Not Allowed").with_header("Allow", "GET, HEAD".to_owned())
            }
            _ => Answer::text(404, "404 page not found"),
        };
        Box::pin(std::future::ready(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loop_devices_count_if_there_is_something_behind_them() {
        let block = tempfile::tempdir().unwrap();
        for (name, file) in [("loop0", "loop"), ("loop1", "queue"), ("vda", "queue")] {
            std::fs::create_dir_all(block.path().join(name).join(file)).unwrap();
        }
        std::fs::write(block.path().join("loop0/loop/backing_file"), "/x").unwrap();
        assert_eq!(loop_devices(block.path()), 1);
        assert_eq!(loop_devices(&block.path().join("none")), 0);
    }
}
