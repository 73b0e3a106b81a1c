//! Starting what a machine consists of: its agent, by way of the image's own starter of services.
//!
//! ```text
//! run the script ─► "ready": the starter is being executed, nobody waits for it
//!               └─► its end without a word: there is none, or no shell; its words are the error
//! ```

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use warren_garden_client::{Client, Streams};
use warren_wire_garden::process::ProcessSpec;

use crate::Error;

/// How long the script may take; it unmounts three files.
const PATIENCE: Duration = Duration::from_secs(60);
/// What it says when all is well.
const READY: &[u8] = b"ready\n";
/// The most of its words that is kept.
const MOST: usize = 4096;

/// Files that Garden mounts over the image's, and that agents replace.
const UNMOUNT: &str = "for file in /etc/resolv.conf /etc/hosts /etc/hostname; do
  umount $file 2>/dev/null
done
";

/// Starts the services. The kernel's time is everybody's: the image's time daemon must not set it.
const SERVICES: &str = "starter=/usr/sbin/runsvdir-start
if [ ! -x $starter ]; then
  echo \"the stemcell has no $starter\" >&2
  exit 127
fi
rm -rf /var/vcap/data/sys
mkdir -p /var/vcap/data/sys
if [ -f /var/vcap/bosh/bin/sync-time ]; then
  sed -i 's/^\\([^#].*chronyc\\)/# \\1/' /var/vcap/bosh/bin/sync-time
fi
echo ready
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin $starter \
  </dev/null >/dev/null 2>&1
";

/// Where the image's own init has begun already.
const INIT: &str = "umount /etc/hosts 2>/dev/null
echo ready
";

/// Starts a machine's services.
pub(crate) fn services(garden: &Client, cid: &str, by_own_init: bool) -> Result<(), Error> {
    let script = match by_own_init {
        true => INIT.to_owned(),
        false => format!("{UNMOUNT}{SERVICES}"),
    };
    run(garden, cid, "start the agent", script)
}

/// Runs a script as root until it says that it is ready, or ends well.
pub(crate) fn run(
    garden: &Client,
    cid: &str,
    step: &'static str,
    script: String,
) -> Result<(), Error> {
    let spec = ProcessSpec {
        path: "/bin/sh".to_owned(),
        args: vec!["-c".to_owned(), script],
        user: "root".to_owned(),
        dir: "/".to_owned(),
        ..ProcessSpec::default()
    };
    let (sender, said) = channel();
    let errors = Words::default();
    let streams = Streams {
        stdin: None,
        stdout: Some(Box::new(Wait {
            seen: Vec::new(),
            sender,
        })),
        stderr: Some(Box::new(errors.clone())),
    };
    let process = garden
        .run(cid, &spec, streams)
        .map_err(Error::garden(step, cid))?;
    let failed = |reason| Error::Program {
        program: step,
        path: cid.into(),
        said: reason,
    };
    match said.recv_timeout(PATIENCE) {
        Ok(()) => return Ok(()),
        Err(RecvTimeoutError::Timeout) => return Err(failed("it takes too long".to_owned())),
        // The output has ended without the word, and so has the script.
        Err(RecvTimeoutError::Disconnected) => {}
    }
    match process.wait().map_err(Error::garden(step, cid))? {
        0 => Ok(()),
        status => Err(failed(format!("exit status {status}: {}", errors.text()))),
    }
}

/// Waits for the word.
struct Wait {
    seen: Vec<u8>,
    sender: Sender<()>,
}

impl Write for Wait {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.seen.len() < READY.len() {
            let room = READY.len() - self.seen.len();
            self.seen
                .extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
            if self.seen == READY {
                // Nobody listens any more when the time is up.
                let _ = self.sender.send(());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps the first words.
#[derive(Clone, Default)]
struct Words(Arc<Mutex<Vec<u8>>>);

impl Words {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

impl Write for Words {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST.saturating_sub(all.len()).min(bytes.len());
        all.extend_from_slice(bytes.get(..room).unwrap_or_default());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
