//! Looks at the kernel and does the steps of `plan`. Thin.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use warren_sys_nft::Nft;

use crate::link::{self, Address, Change, LinkInfo, Rtnetlink};
use crate::plan::{Names, Observed, Place, Seen, Step};

/// How long a link may take to get ready; a stalled kernel thread took most of a minute once.
const PATIENCE: Duration = Duration::from_secs(60);
const SHORTEST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// The group of links about to be deleted. Other servers on this host may use the same: what is
/// in it is to go anyway.
const LEAVING: u32 = 0x7761_7272;
/// The group of bridges that nobody is on, see [`Step::SetAside`].
const ASIDE: u32 = 0x7761_7261;

/// A look or a step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Links, addresses or routes.
    #[error("links cannot be read or changed")]
    Link(#[from] link::Error),
    /// Rules.
    #[error("firewall rules cannot be changed")]
    Rules(#[from] warren_sys_nft::Error),
    /// A link is up and does not get ready.
    #[error("no packet passes through link {link} {}s after it was set up: has it a carrier?", PATIENCE.as_secs())]
    NotReady {
        /// Which.
        link: String,
    },
    /// A step inside the container, which was not given.
    #[error("the container's network namespace is needed")]
    NoContainer,
}

/// A step of a plan failed; those before it were done.
#[derive(Debug, thiserror::Error)]
#[error("step {} of {steps} failed: {text}", .index + 1)]
pub struct StepError {
    /// Which, from 0.
    pub index: usize,
    /// How many there are.
    pub steps: usize,
    /// The step in words.
    pub text: String,
    /// Why.
    #[source]
    pub source: Error,
}

/// What plans need of the kernel; a test's may fail at will.
pub trait Execute: Send {
    /// Looks at the links of these names; at those in the container if its network namespace is
    /// given, which steps there then refer to.
    ///
    /// # Errors
    /// [`Error`].
    fn observe(
        &mut self,
        names: &Names,
        container: Option<BorrowedFd<'_>>,
    ) -> Result<Observed, Error>;

    /// Does one step.
    ///
    /// # Errors
    /// [`Error`]; the step was not done.
    fn execute(&mut self, step: &Step, container: Option<BorrowedFd<'_>>) -> Result<(), Error>;

    /// The host's link of that name.
    ///
    /// # Errors
    /// [`Error`].
    fn link(&mut self, name: &str) -> Result<Option<LinkInfo>, Error>;

    /// Names of the host's bridges that were set aside, by whatever server.
    ///
    /// # Errors
    /// [`Error`].
    fn aside(&mut self) -> Result<Vec<String>, Error>;
}

/// Does the steps in order, up to the first that fails.
///
/// # Errors
/// [`StepError`].
pub fn apply(
    executor: &mut dyn Execute,
    steps: &[Step],
    container: Option<BorrowedFd<'_>>,
) -> Result<(), StepError> {
    for (index, step) in steps.iter().enumerate() {
        executor
            .execute(step, container)
            .map_err(|source| StepError {
                index,
                steps: steps.len(),
                text: step.to_string(),
                source,
            })?;
    }
    Ok(())
}

/// The kernel, seen from the network namespace in which the value was made.
#[derive(Debug)]
pub struct Kernel {
    host: Rtnetlink,
    nft: Nft,
    /// Connection into the container that was last looked at.
    container: Option<Rtnetlink>,
}

impl Kernel {
    /// Connects in the calling thread's network namespace.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open() -> Result<Self, Error> {
        Ok(Self {
            host: Rtnetlink::open()?,
            nft: Nft::open()?,
            container: None,
        })
    }

    fn at(&mut self, place: Place) -> Result<&mut Rtnetlink, Error> {
        match place {
            Place::Host => Ok(&mut self.host),
            Place::Container => self.container.as_mut().ok_or(Error::NoContainer),
        }
    }
}

impl Kernel {
    fn delete_all(&mut self, links: &[String]) -> Result<(), Error> {
        for link in links {
            self.put(link, LEAVING)?;
        }
        _ = self.host.delete_group(LEAVING)?;
        Ok(())
    }

    /// Puts a link into a group, if it is there: the end of a veth pair goes with its other end's
    /// network namespace.
    fn put(&mut self, link: &str, group: u32) -> Result<(), Error> {
        match self.host.set(link, &Change::Group(group)) {
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(()),
            done => Ok(done?),
        }
    }

    /// The kernel's work in the background takes a fraction of a millisecond where nothing else
    /// keeps it busy, so asking again is cheaper than listening for the news.
    fn wait_ready(&mut self, place: Place, name: &str) -> Result<(), Error> {
        let end = Instant::now() + PATIENCE;
        let mut pause = SHORTEST_PAUSE;
        loop {
            let link = self.at(place)?.link(name)?;
            let link = link.ok_or_else(|| link::Error::NoLink(name.to_owned()))?;
            if link.is_ready {
                return Ok(());
            }
            if Instant::now() >= end {
                let link = name.to_owned();
                return Err(Error::NotReady { link });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Execute for Kernel {
    fn observe(
        &mut self,
        names: &Names,
        container: Option<BorrowedFd<'_>>,
    ) -> Result<Observed, Error> {
        let bridge = self.host.link(&names.bridge)?;
        // A listing of all addresses is needed only if there is a link to find in it.
        let addresses = match bridge {
            Some(_) => self.host.addresses()?,
            None => Vec::new(),
        };
        let mut observed = Observed {
            bridge: bridge.map(|link| seen(link, &addresses)),
            host_end: self.host.link(&names.host_end)?.map(|link| seen(link, &[])),
            ..Observed::default()
        };
        self.container = None;
        if let Some(netns) = container {
            let mut inside = Rtnetlink::open_in(netns)?;
            let addresses = inside.addresses()?;
            observed.is_loopback_up = inside.link("lo")?.is_some_and(|lo| lo.is_up);
            let end = inside.link(&names.container_end)?;
            observed.container_end = end.map(|link| seen(link, &addresses));
            let routes = inside.routes()?;
            let default = routes.iter().filter(|route| route.to.is_none());
            observed.gateways = default.filter_map(|route| route.gateway).collect();
            self.container = Some(inside);
        }
        Ok(observed)
    }

    fn execute(&mut self, step: &Step, container: Option<BorrowedFd<'_>>) -> Result<(), Error> {
        match step {
            Step::Rules(batch) => self.nft.commit(batch)?,
            Step::AddBridge(bridge) => self.host.add_bridge(bridge)?,
            Step::AddVeth(veth) => {
                let netns = container.ok_or(Error::NoContainer)?;
                self.host.add_veth(veth, Some(netns))?;
            }
            Step::Delete(link) => _ = self.host.delete(link)?,
            Step::DeleteAll(links) => self.delete_all(links)?,
            Step::SetAside(bridge) => self.put(bridge, ASIDE)?,
            Step::Attach { link, bridge } => {
                self.host.set(link, &Change::Master(bridge.clone()))?;
            }
            Step::Hairpin(link) => self.host.set(link, &Change::Hairpin)?,
            Step::ReversePath(link) => self.host.set(link, &Change::ReversePath)?,
            Step::Mtu { place, link, mtu } => self.at(*place)?.set(link, &Change::Mtu(*mtu))?,
            Step::Address {
                place,
                link,
                address,
                bits,
            } => self.at(*place)?.add_address(link, *address, *bits)?,
            Step::Up { place, link } => self.at(*place)?.set(link, &Change::Up)?,
            Step::Await { place, link } => self.wait_ready(*place, link)?,
            Step::DefaultRoute { link, gateway } => {
                self.at(Place::Container)?.default_route(link, *gateway)?;
            }
        }
        Ok(())
    }

    fn link(&mut self, name: &str) -> Result<Option<LinkInfo>, Error> {
        Ok(self.host.link(name)?)
    }

    fn aside(&mut self) -> Result<Vec<String>, Error> {
        let links = self.host.links()?.into_iter();
        let aside = links.filter(|l| l.group == ASIDE && l.kind.as_deref() == Some("bridge"));
        Ok(aside.map(|link| link.name).collect())
    }
}

fn seen(link: LinkInfo, addresses: &[Address]) -> Seen {
    let own = addresses
        .iter()
        .filter(|address| address.link == link.index);
    let addresses = own.map(|each| (each.address, each.bits)).collect();
    Seen { link, addresses }
}
