//! `warren container shell`.

use warren_garden_client::{Client, Streams};
use warren_wire_garden::process::{ProcessSpec, TtySpec};

use super::target::{Garden, failed};
use super::terminal::{Raw, follow_size, size, standard_input, standard_output, status};
use crate::failure::Failure;

/// Open a shell in a container and end with its exit code
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container shell web --user vcap")]
pub(super) struct Arguments {
    /// Which container
    handle: String,

    /// User, by name or number [default: root]
    #[arg(
        short,
        long,
        value_name = "USER",
        default_value = "",
        hide_default_value = true
    )]
    user: String,

    /// The shell
    #[arg(long, value_name = "PATH", default_value = "/bin/sh")]
    program: String,
}

impl Arguments {
    pub fn run(self, garden: &Garden) -> Result<u8, Failure> {
        let login = vec![self.program, "-l".to_owned()];
        open(&garden.client, &self.handle, self.user, login)
    }
}

/// Runs a program on our terminal, with its arguments; its exit code.
pub(super) fn open(
    client: &Client,
    container: &str,
    user: String,
    words: Vec<String>,
) -> Result<u8, Failure> {
    let step = format!("open a shell in container {container}");
    let mut words = words.into_iter();
    let window_size = size();
    let process = ProcessSpec {
        path: words.next().unwrap_or_default(),
        args: words.collect(),
        env: vec![format!(
            "TERM={}",
            std::env::var("TERM").unwrap_or_default()
        )],
        user,
        tty: Some(TtySpec { window_size }),
        ..ProcessSpec::default()
    };
    let streams = Streams {
        stdin: Some(Box::new(standard_input()?)),
        stdout: Some(Box::new(standard_output()?)),
        stderr: None,
    };
    // Before the shell starts, so that nothing it prints meets a terminal in the wrong mode.
    let raw = Raw::set()?;
    let process = client.run(container, &process, streams);
    let process = process.map_err(failed(&step))?;
    let handle = process.handle();
    follow_size(move |size| {
        // It may have ended; whoever waits for it will tell.
        let _ = handle.resize(size);
    })?;
    let ended = process.wait();
    // Before anything is said about it.
    drop(raw);
    Ok(status(ended.map_err(failed(step))?))
}
