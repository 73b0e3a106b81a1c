//! The manager's calls that concern units.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::bus::Bus;
use crate::error::Error;
use crate::message::{Message, Writer};

const MANAGER: &str = "/org/freedesktop/systemd1";
const MANAGER_INTERFACE: &str = "org.freedesktop.systemd1.Manager";
const UNIT_INTERFACE: &str = "org.freedesktop.systemd1.Unit";
const SCOPE_INTERFACE: &str = "org.freedesktop.systemd1.Scope";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// How long a unit's start or end may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often its state is asked for meanwhile.
const PAUSE: Duration = Duration::from_millis(10);

/// A property of a unit that is to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Property<'a> {
    /// As in `org.freedesktop.systemd1(5)`.
    pub name: &'a str,
    /// Its value.
    pub value: Value<'a>,
}

/// A property's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// `s`.
    Text(&'a str),
    /// `b`.
    Is(bool),
    /// `t`.
    Number(u64),
    /// `au` with one number.
    Process(u32),
}

/// A scope as systemd sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// `active`, `activating`, `inactive`, `failed`...
    pub state: String,
    /// Its control group, as `/proc/PID/cgroup` shows it to systemd; empty if it has none.
    pub group: String,
    /// Whether what is below its group is somebody else's.
    pub delegate: bool,
    /// Whether it was started over this wire, not from a file.
    pub transient: bool,
}

/// A connection to the manager.
#[derive(Debug)]
pub struct Manager {
    bus: Bus,
}

impl Manager {
    /// Connects to the manager that listens at `socket`: [`SOCKET`](crate::SOCKET).
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Refused`].
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        Bus::connect(socket).map(|bus| Self { bus })
    }

    /// How a scope is; `None` if systemd knows none of that name, or only of it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn scope(&mut self, name: &str) -> Result<Option<Unit>, Error> {
        let path = match self.manager("GetUnit", &[name]) {
            Err(error) if error.is_no_such_unit() => return Ok(None),
            found => text("GetUnit", &found?)?,
        };
        match self.scope_at(&path) {
            // It has gone since.
            Err(error) if error.is_no_such_object() => Ok(None),
            found => found.map(Some),
        }
    }

    fn scope_at(&mut self, path: &str) -> Result<Unit, Error> {
        Ok(Unit {
            state: self.text_of(path, UNIT_INTERFACE, "ActiveState")?,
            group: self.text_of(path, SCOPE_INTERFACE, "ControlGroup")?,
            delegate: self.truth_of(path, SCOPE_INTERFACE, "Delegate")?,
            transient: self.truth_of(path, UNIT_INTERFACE, "Transient")?,
        })
    }

    /// Starts a unit that has no file, and waits until it is active.
    ///
    /// # Errors
    /// [`Error`]; [`Error::State`] if it is not active in the end.
    pub fn start(&mut self, name: &str, properties: &[Property<'_>]) -> Result<(), Error> {
        let mut body = Writer::default();
        body.text(name);
        body.text("fail");
        body.array(8, |all| {
            for property in properties {
                all.structure();
                all.text(property.name);
                property.value.write(all);
            }
        });
        // Auxiliary units: none.
        body.array(8, |_| {});
        let method = (MANAGER_INTERFACE, "StartTransientUnit");
        self.bus
            .call(MANAGER, method, ("ssa(sv)a(sa(sv))", &body))?;
        self.wait(name, "active", |unit| {
            unit.is_some_and(|unit| unit.state == "active")
        })
    }

    /// Stops a unit, which ends all that is in its group, and waits until it is gone. None of that
    /// name is fine.
    ///
    /// # Errors
    /// [`Error`].
    pub fn stop(&mut self, name: &str) -> Result<(), Error> {
        match self.manager("StopUnit", &[name, "replace"]) {
            Err(error) if error.is_no_such_unit() => return Ok(()),
            stopped => drop(stopped?),
        }
        self.wait(name, "inactive", |unit| {
            unit.is_none_or(|unit| unit.state == "inactive")
        })
    }

    fn wait(
        &mut self,
        name: &str,
        wanted: &'static str,
        is_done: impl Fn(Option<&Unit>) -> bool,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let unit = self.scope(name)?;
            if is_done(unit.as_ref()) {
                return Ok(());
            }
            let state = unit.map_or_else(|| "gone".to_owned(), |unit| unit.state);
            if state == "failed" || Instant::now() > deadline {
                return Err(Error::State {
                    unit: name.to_owned(),
                    state,
                    wanted,
                });
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn manager(&mut self, member: &'static str, texts: &[&str]) -> Result<Message, Error> {
        let mut body = Writer::default();
        texts.iter().for_each(|text| body.text(text));
        let signature = "s".repeat(texts.len());
        let method = (MANAGER_INTERFACE, member);
        self.bus.call(MANAGER, method, (&signature, &body))
    }

    fn property(
        &mut self,
        path: &str,
        interface: &str,
        name: &'static str,
    ) -> Result<Message, Error> {
        let mut body = Writer::default();
        body.text(interface);
        body.text(name);
        self.bus.call(path, (PROPERTIES, "Get"), ("ss", &body))
    }

    fn text_of(
        &mut self,
        path: &str,
        interface: &str,
        name: &'static str,
    ) -> Result<String, Error> {
        let message = self.property(path, interface, name)?;
        text(name, &message)
    }

    fn truth_of(&mut self, path: &str, interface: &str, name: &'static str) -> Result<bool, Error> {
        let message = self.property(path, interface, name)?;
        message
            .boolean()
            .map_err(|source| Error::Malformed { call: name, source })
    }
}

fn text(call: &'static str, message: &Message) -> Result<String, Error> {
    let text = message.text().map(str::to_owned);
    text.map_err(|source| Error::Malformed { call, source })
}

impl Value<'_> {
    fn write(self, to: &mut Writer) {
        match self {
            Self::Text(text) => {
                to.signature("s");
                to.text(text);
            }
            Self::Is(value) => {
                to.signature("b");
                to.boolean(value);
            }
            Self::Number(value) => {
                to.signature("t");
                to.long(value);
            }
            Self::Process(pid) => {
                to.signature("au");
                to.array(4, |pids| pids.number(pid));
            }
        }
    }
}
