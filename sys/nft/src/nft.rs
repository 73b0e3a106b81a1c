//! The connection to nftables: commits.

use std::time::Duration;

use rustix::io::Errno;
use warren_sys_netlink as netlink;
use warren_sys_netlink::{KernelError, Protocol, Socket};

use crate::batch::{Encoded, Existing, encode, wanted, without_destroy};
use crate::error::hint;
use crate::{Batch, ChainId, Error, Refusal, SetId, Step};

/// How often a commit is repeated when others change the ruleset at the same time.
const ATTEMPTS: u32 = 10;
/// `ERESTART`: the transaction was made for another generation.
const RESTART: Errno = Errno::from_raw_os_error(85);
/// A table that is destroyed to learn whether the kernel knows destroy messages.
const PROBE_TABLE: &str = "warren-destroy-probe";

/// A connection to the nftables of the network namespace in which it was opened.
///
/// Tables created with [`Table::owned`](crate::Table::owned) live as long as the value does.
#[derive(Debug)]
pub struct Nft {
    pub(crate) socket: Socket,
    /// Whether the kernel knows destroy messages; `None` before it was asked.
    has_destroy: Option<bool>,
}

impl Nft {
    /// Connects to nftables in the calling thread's network namespace. Listing and
    /// committing need `CAP_NET_ADMIN` in the user namespace that owns it.
    pub fn open() -> Result<Self, Error> {
        let socket = Socket::open(Protocol::Netfilter).map_err(Error::Open)?;
        Ok(Self {
            socket,
            has_destroy: None,
        })
    }

    /// Netlink port of the connection: it marks the changes it makes and the tables it owns.
    #[must_use]
    pub fn port_id(&self) -> u32 {
        self.socket.port_id()
    }

    /// Makes the connection act as on a kernel without destroy messages.
    #[cfg(test)]
    pub(crate) fn pretend_no_destroy(&mut self) {
        self.has_destroy = Some(false);
    }

    /// Applies the steps of a batch in order, all or none.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), Error> {
        if batch.steps.iter().any(Step::is_destroy) && !self.has_destroy()? {
            return self.commit_without_destroy(batch);
        }
        self.send(&batch.steps, None)
    }

    /// As [`Nft::commit`], but only if the ruleset still is that of `generation` (as of
    /// [`Nft::generation`]); else [`Error::Stale`], and it is for the caller to read again.
    pub fn commit_if(&mut self, batch: &Batch, generation: u32) -> Result<(), Error> {
        if batch.steps.iter().any(Step::is_destroy) && !self.has_destroy()? {
            return self.commit_plain(batch, generation);
        }
        self.send(&batch.steps, Some(generation))
    }

    /// Whether the kernel knows destroy messages (Linux 6.3). An older one refuses the
    /// message; a newer one finds nothing to destroy and changes nothing.
    fn has_destroy(&mut self) -> Result<bool, Error> {
        if let Some(known) = self.has_destroy {
            return Ok(known);
        }
        let mut probe = Batch::new();
        probe.destroy_table((crate::Family::Inet, PROBE_TABLE));
        let known = match self.send(&probe.steps, None) {
            Ok(()) => true,
            Err(error) if matches!(error.errno(), Some(Errno::INVAL | Errno::OPNOTSUPP)) => false,
            Err(error) => return Err(error),
        };
        self.has_destroy = Some(known);
        Ok(known)
    }

    fn commit_without_destroy(&mut self, batch: &Batch) -> Result<(), Error> {
        let mut attempt = 1;
        loop {
            let generation = self.generation()?.id;
            match self.commit_plain(batch, generation) {
                Err(Error::Stale { .. }) if attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// Reads what the batch's destroy steps are about and commits delete steps in their place.
    fn commit_plain(&mut self, batch: &Batch, generation: u32) -> Result<(), Error> {
        let existing = self.existing(&batch.steps)?;
        let (origins, steps): (Vec<usize>, Vec<Step>) =
            without_destroy(&batch.steps, existing).into_iter().unzip();
        let outcome = self.send(&steps, Some(generation));
        outcome.map_err(|error| restore_steps(error, &origins, &batch.steps))
    }

    fn existing(&mut self, steps: &[Step]) -> Result<Existing, Error> {
        let wanted = wanted(steps);
        let mut existing = Existing::default();
        for table in &wanted.tables {
            for listed in self.list_sets(table)? {
                let id = SetId::from(&listed.set);
                if wanted.sets.contains(&id) {
                    let elements = self.list_elements(&listed.set)?;
                    existing
                        .elements
                        .extend(elements.into_iter().map(|e| (id.clone(), e.key)));
                }
                existing.sets.insert(id);
            }
        }
        for chain in &wanted.chains {
            let rules = self.list_rules(chain)?;
            existing
                .rules
                .extend(rules.iter().map(|rule| (ChainId::from(rule), rule.handle)));
        }
        Ok(existing)
    }

    /// Sends a transaction, again if the kernel asks for that.
    fn send(&mut self, steps: &[Step], generation: Option<u32>) -> Result<(), Error> {
        let mut attempt = 1;
        loop {
            let socket = &mut self.socket;
            let encoded = encode(steps, generation, || socket.next_sequence())?;
            if !encoded.has_messages() {
                return Ok(());
            }
            let failed = |source| Error::Commit {
                steps: steps.len(),
                source,
            };
            // An earlier exchange that failed half-way may have left answers.
            drain(socket).map_err(failed)?;
            socket.send(&encoded.bytes).map_err(failed)?;
            let refused = collect(socket, &encoded).map_err(failed)?;
            let Some((_, first)) = refused.first() else {
                return Ok(());
            };
            match (first.errno, generation) {
                (RESTART, Some(expected)) => return Err(Error::Stale { expected }),
                (Errno::AGAIN | Errno::INTR | RESTART, _) if attempt < ATTEMPTS => attempt += 1,
                _ => return Err(Error::Refused(Box::new(refusal(steps, &encoded, &refused)))),
            }
        }
    }
}

/// Throws away queued messages.
fn drain(socket: &mut Socket) -> Result<(), netlink::Error> {
    loop {
        match socket.recv(Some(Duration::ZERO)) {
            Ok(_) | Err(netlink::Error::Overrun) => {}
            Err(netlink::Error::TimedOut) => return Ok(()),
            Err(other) => return Err(other),
        }
    }
}

/// The refusals of a transaction with their messages' numbers, in the order of its steps. The kernel has queued its answers by
/// the time sending returns; the last step's says that they are complete.
fn collect(
    socket: &mut Socket,
    encoded: &Encoded,
) -> Result<Vec<(u32, KernelError)>, netlink::Error> {
    let mut refused: Vec<(u32, KernelError)> = Vec::new();
    let mut is_answered = false;
    loop {
        let messages = match socket.recv(Some(Duration::ZERO)) {
            Ok(messages) => messages,
            Err(netlink::Error::TimedOut) if is_answered => break,
            // Nothing at all, or too many refusals to hold: the outcome must not be guessed.
            Err(error) => return Err(error),
        };
        for message in messages
            .iter()
            .filter(|m| m.is_ack() && encoded.contains(m.seq))
        {
            match message.status()? {
                Some(error) => {
                    is_answered = true;
                    refused.push((message.seq, error));
                }
                None => is_answered |= encoded.is_last(message.seq),
            }
        }
    }
    // A refusal of the whole comes first: it explains the others.
    refused.sort_by_key(|(sequence, _)| encoded.step(*sequence));
    Ok(refused)
}

/// `refused` is not empty, and in the order of [`collect`].
fn refusal(steps: &[Step], encoded: &Encoded, refused: &[(u32, KernelError)]) -> Refusal {
    let unknown = KernelError {
        errno: Errno::IO,
        message: None,
        offset: None,
    };
    let (sequence, error) = refused.first().cloned().unwrap_or((0, unknown));
    let step = encoded.step(sequence);
    let at = step.and_then(|step| steps.get(step));
    let text = at.map(ToString::to_string).unwrap_or_default();
    let expression = match at {
        Some(Step::PutRule { .. }) => error
            .offset
            .and_then(|offset| encoded.expression_at(sequence, offset)),
        _ => None,
    };
    let is_rule = matches!(at, Some(Step::PutRule { .. }));
    let hint = hint(error.errno, expression.as_deref().or(is_rule.then_some("")));
    let others = refused.iter().skip(1);
    let others = others
        .filter_map(|(seq, e)| Some((encoded.step(*seq)?, e.clone())))
        .collect();
    Refusal {
        step,
        text,
        error,
        expression,
        hint,
        others,
    }
}

/// Rewrites an error about derived steps into one about the steps they came from.
fn restore_steps(error: Error, origins: &[usize], steps: &[Step]) -> Error {
    let origin = |step: usize| origins.get(step).copied().unwrap_or(step);
    match error {
        Error::Refused(mut refusal) => {
            refusal.step = refusal.step.map(origin);
            if let Some(step) = refusal.step.and_then(|step| steps.get(step)) {
                refusal.text = step.to_string();
            }
            for (step, _) in &mut refusal.others {
                *step = origin(*step);
            }
            Error::Refused(refusal)
        }
        Error::Invalid { step, text, reason } => Error::Invalid {
            step: origin(step),
            text,
            reason,
        },
        Error::TooLong { step, text, source } => Error::TooLong {
            step: origin(step),
            text,
            source,
        },
        other => other,
    }
}
