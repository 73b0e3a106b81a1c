//! Why an environment could not be made, or looked at.

use std::io;
use std::path::{Path, PathBuf};

use crate::neighbours::Holder;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory.
    #[error("cannot {step} {}", path.display())]
    File {
        /// What was to be done.
        step: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The record of an environment cannot be read or written.
    #[error("{}: no record of an environment", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// There is no environment.
    #[error("there is no environment in {}: warren up makes one", .0.display())]
    NotUp(PathBuf),
    /// There is one, and nothing of it runs.
    #[error("the environment in {} is stopped: warren start brings it back", .0.display())]
    Rests(PathBuf),
    /// It was begun, and never had a director.
    #[error("the environment in {} is half made, and nothing of it runs: warren up goes on with it", .0.display())]
    HalfMade(PathBuf),
    /// Something else changes it.
    #[error("another command changes the environment in {}; wait until it is done", .0.display())]
    Busy(PathBuf),
    /// What cannot be changed in an environment that is there.
    #[error("the environment in {} has {what} {have}, not {wanted}: warren down removes it", home.display())]
    Other {
        /// Which.
        home: PathBuf,
        /// What differs.
        what: &'static str,
        /// What there is.
        have: String,
        /// What was asked for.
        wanted: String,
    },
    /// Containers that run have one image, and another is asked for.
    #[error(
        "the environment in {} runs with the image {have}, and what is asked for makes {wanted} \
         (another executable makes another image, too): give warren stop, this command again, and \
         warren start for the deployments",
        home.display()
    )]
    OtherImage {
        /// Where it is.
        home: PathBuf,
        /// What there is.
        have: String,
        /// What was asked for.
        wanted: String,
    },
    /// Machines that should run do not.
    #[error("{deployment} does not run {seconds} s after its machines were looked at: {}", machines.join(", "))]
    Waiting {
        /// The deployment.
        deployment: String,
        /// For how long they were waited for.
        seconds: u64,
        /// Which, each with what it says.
        machines: Vec<String>,
    },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Wrong(String),
    /// The image.
    #[error("cannot {step}")]
    Image {
        /// What was to be done.
        step: &'static str,
        /// Why.
        source: warren_release::stemcell::Error,
    },
    /// The image's layers.
    #[error("cannot unpack the image {} and keep its layers:\n{said}", image.display())]
    Layers {
        /// The image's file.
        image: PathBuf,
        /// What was said about it.
        said: String,
    },
    /// A Garden server does not answer.
    #[error("the Garden server of level {level} does not answer; the end of {}:\n{tail}", log.display())]
    Garden {
        /// Which.
        level: usize,
        /// Its log.
        log: PathBuf,
        /// The end of it.
        tail: String,
        /// What it was last asked.
        source: Box<warren_garden_client::Error>,
    },
    /// A Garden server refused something.
    #[error("cannot {step} at level {level}")]
    Container {
        /// What was to be done.
        step: String,
        /// Where.
        level: usize,
        /// Why.
        source: warren_garden_client::Error,
    },
    /// A program inside failed.
    #[error("{program} failed at level {level} with {code}:\n{output}")]
    Program {
        /// Which.
        program: String,
        /// Where.
        level: usize,
        /// Its exit code.
        code: i64,
        /// What it said.
        output: String,
    },
    /// The director does not answer.
    #[error("the director does not answer at {address}; {why}")]
    Silent {
        /// Where.
        address: String,
        /// What its processes say.
        why: String,
    },
    /// Some of the director's processes do not run.
    #[error("these processes of the director do not run: {}{tails}", names.join(", "))]
    Processes {
        /// Which.
        names: Vec<&'static str>,
        /// The ends of their logs, each after its path.
        tails: String,
    },
    /// A task of the director's is not done in time.
    #[error(
        "after {seconds} s the director has not told of the machines of {deployment}: its task is {state}"
    )]
    Late {
        /// Whose machines.
        deployment: String,
        /// How long it was waited for.
        seconds: u64,
        /// What became of the task until then.
        state: String,
    },
    /// The director refused something.
    #[error("cannot {step}")]
    Director {
        /// What was to be done.
        step: &'static str,
        /// Why.
        source: warren_director_client::Error,
    },
    /// Nothing has this name.
    #[error(
        "nothing is called {name}; there are {}{}", known.join(", "),
        silent.as_ref().map_or_else(String::new, |why| format!(" (the director tells nothing: {why})"))
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// Why the director could not be asked for more, if that is so.
        silent: Option<String>,
    },
    /// A process has ended.
    #[error(
        "{process} does not run in {container}: warren logs {container}:{process} shows what it said, \
         warren shell {container} goes there all the same"
    )]
    Ended {
        /// Which.
        process: String,
        /// Where it should be.
        container: String,
    },
    /// More than one has this name.
    #[error("{name} may be {}", names.join(" or "))]
    Several {
        /// What was asked for.
        name: String,
        /// Their full names.
        names: Vec<String>,
    },
    /// Problems that are still there after they were to be mended.
    #[error("problems of the deployment {deployment} are left: {}; warren cloud-check shows them", problems.join(", "))]
    Left {
        /// Whose.
        deployment: String,
        /// Which.
        problems: Vec<String>,
    },
    /// What is mounted where.
    #[error("cannot look at what is mounted")]
    Mounts(#[source] warren_sys_mount::ReadError),
    /// A container that only its server can end, and that cannot be started.
    #[error(
        "the container {handle} may still run, and {} is gone, which ends it: warren up puts it back, \
         then give this command again",
        executable.display()
    )]
    NoExecutable {
        /// What is gone.
        executable: PathBuf,
        /// What may still run.
        handle: String,
    },
    /// Whether this machine forwards packets.
    #[error("cannot look at or change whether packets are forwarded")]
    Forwarding(#[source] warren_container_network::sysctl::Error),
    /// A route on this machine.
    #[error("cannot {step}")]
    Network {
        /// What was to be done.
        step: String,
        /// Why.
        source: warren_container_network::link::Error,
    },
    /// Somebody has addresses that an environment needs.
    #[error("{}.{}.0.0/16, which the environment in {} needs, is in use by {holder}", network[0], network[1], home.display())]
    Taken {
        /// Whose.
        home: PathBuf,
        /// The first two bytes of the addresses.
        network: [u8; 2],
        /// Who has them.
        holder: Holder,
    },
    /// What it will have cannot be shown to others.
    #[error("cannot claim {what} for an environment that is being started, by a table of nftables")]
    Claim {
        /// A network or a letter.
        what: String,
        /// Why.
        source: warren_sys_nft::Error,
    },
    /// All letters for names of links are taken.
    #[error(
        "36 environments run on this machine, and names of links have no letter for one more: warren stop ends one"
    )]
    NoTag,
    /// No addresses are free.
    #[error(
        "no network is free: machines need one of 10.244.0.0/16 to 10.253.0.0/16, levels one of 10.255.0.0/16 and 10.240.0.0/16 to 10.243.0.0/16"
    )]
    NoNetwork,
}

impl Error {
    pub(crate) fn file(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { step, path, source }
    }

    pub(crate) fn taken(home: &Path, network: [u8; 2], holder: Holder) -> Self {
        Self::Taken {
            home: home.to_owned(),
            network,
            holder,
        }
    }

    pub(crate) fn claim(what: &str) -> impl FnOnce(warren_sys_nft::Error) -> Self {
        let what = what.to_owned();
        move |source| Self::Claim { what, source }
    }

    pub(crate) fn image(
        step: &'static str,
    ) -> impl FnOnce(warren_release::stemcell::Error) -> Self {
        move |source| Self::Image { step, source }
    }

    pub(crate) fn container(
        step: impl Into<String>,
        level: usize,
    ) -> impl FnOnce(warren_garden_client::Error) -> Self {
        let step = step.into();
        move |source| Self::Container {
            step,
            level,
            source,
        }
    }

    pub(crate) fn director(
        step: &'static str,
    ) -> impl FnOnce(warren_director_client::Error) -> Self {
        move |source| Self::Director { step, source }
    }
}
