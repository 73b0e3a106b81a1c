//! Between connections, processes and archives: who gets what, and what is waited for next.

use std::time::Instant;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;

use super::Shim;
use super::connection::{Connection, PIECE, Role};
use super::engine::Engine;
use super::process::{Process, STREAMS};
use super::resume::forget_ended;
use crate::frame::Frame;
use crate::wire::{Failure, FailureKind};

impl<E: Engine> Shim<E> {
    /// Moves everything on as far as it goes without waiting, and tells the poller the rest.
    pub(super) fn settle(&mut self) -> Result<(), Errno> {
        self.conclude_jobs();
        let keys: Vec<u32> = self.connections.keys().copied().collect();
        for key in keys {
            let Some(mut connection) = self.connections.remove(&key) else {
                continue;
            };
            self.take_frames(key, &mut connection);
            connection.flush();
            // Nothing is flushed behind it: if the reader took the rest by then, nobody would tell that there is
            // room for more.
            self.give_output(key, &mut connection);
            if self.is_over(&connection) {
                self.leave(key, connection);
                continue;
            }
            let reads = self.wants_frames(&connection);
            connection.watch(&self.poller, reads)?;
            self.connections.insert(key, connection);
        }
        self.settle_processes()?;
        self.settle_jobs()?;
        let accepting = self.paused.is_none().then_some(EventFlags::IN);
        self.poller.set(&mut self.listener, accepting)
    }

    fn settle_processes(&mut self) -> Result<(), Errno> {
        for process in self.processes.values_mut() {
            let was_full = !process.takes_input();
            process.write_input(&self.poller);
            // Its session is not read, and an empty queue waits for nothing.
            self.unsettled |= was_full && process.takes_input();
            process.watch(&self.poller)?;
        }
        forget_ended(&mut self.processes, &self.poller);
        Ok(())
    }

    /// Answers for archives that are through.
    fn conclude_jobs(&mut self) {
        let mut over = Vec::new();
        for (key, job) in &self.jobs {
            let abandoned = job.connection == 0 && job.is_reaped();
            if abandoned || (job.connection != 0 && job.outcome().is_some()) {
                over.push(*key);
            }
        }
        for key in over {
            let Some(job) = self.jobs.remove(&key) else {
                continue;
            };
            if let (Some(outcome), Some(connection)) =
                (job.outcome(), self.connections.get_mut(&job.connection))
            {
                match (outcome, connection.role) {
                    (Err(failure), _) => connection.refuse(&failure),
                    (Ok(()), Role::Unpacking { .. }) => connection.answer(&()),
                    (Ok(()), _) => connection.send(&Frame::End),
                }
                connection.role = Role::Leaving;
            }
            job.close(&self.poller);
        }
    }

    fn settle_jobs(&mut self) -> Result<(), Errno> {
        for job in self.jobs.values_mut() {
            let wanted = self
                .connections
                .get(&job.connection)
                .is_some_and(|connection| !connection.is_sending());
            job.watch(&self.poller, wanted)?;
        }
        Ok(())
    }

    /// Whether a connection is read now.
    fn wants_frames(&self, connection: &Connection) -> bool {
        match connection.role {
            Role::Fresh => true,
            Role::Session { process, .. } => {
                let process = self.processes.get(&process);
                process.is_some_and(Process::takes_input)
            }
            // What it sends is read by the child that unpacks.
            Role::Unpacking { .. } => false,
            Role::Packing { .. } | Role::Waiting | Role::Leaving => false,
        }
    }

    /// Acts on the frames that have come, as long as they are wanted.
    fn take_frames(&mut self, key: u32, connection: &mut Connection) {
        while self.wants_frames(connection) {
            match connection.next_frame() {
                Ok(Some(frame)) => self.take_frame(key, connection, frame),
                Ok(None) => break,
                Err(error) => {
                    self.depart(key, connection);
                    connection.refuse(&Failure::new(FailureKind::Invalid, error.to_string()));
                    return;
                }
            }
        }
        if !connection.input_ended || !self.wants_frames(connection) {
            return;
        }
        // All has been taken that ever comes.
        connection.input_done = true;
        match connection.role {
            Role::Session {
                process,
                first: true,
                resumes: false,
            } => {
                if let Some(process) = self.processes.get_mut(&process) {
                    process.hang_up_input();
                }
            }
            Role::Fresh => connection.role = Role::Leaving,
            _ => {}
        }
    }

    fn take_frame(&mut self, key: u32, connection: &mut Connection, frame: Frame) {
        match (connection.role, frame) {
            (Role::Fresh, Frame::Request(json)) => self.request(key, connection, &json),
            (Role::Session { process, .. }, frame) => {
                let Some(process) = self.processes.get_mut(&process) else {
                    return;
                };
                match frame {
                    Frame::Stdin(bytes) => {
                        process.put(&bytes);
                        process.write_input(&self.poller);
                    }
                    Frame::StdinEnd => process.end_input(),
                    Frame::Window { columns, rows } => process.resize(columns, rows),
                    // A number that is no signal's has nobody to be told to.
                    Frame::Signal(number) => drop(process.signal(number)),
                    Frame::Delivered { stream, bytes } => process.delivered(key, stream, bytes),
                    Frame::Detach => {
                        process.detach(key);
                        connection.role = Role::Leaving;
                        connection.gone = true;
                    }
                    _ => self.confused(key, connection),
                }
            }
            _ => self.confused(key, connection),
        }
    }

    fn confused(&mut self, key: u32, connection: &mut Connection) {
        self.depart(key, connection);
        let text = "this frame has no meaning at this point";
        connection.refuse(&Failure::new(FailureKind::Invalid, text));
    }

    /// Puts output into frames as long as the socket takes them; the end after the last byte.
    fn give_output(&mut self, key: u32, connection: &mut Connection) {
        let Role::Session {
            process, resumes, ..
        } = connection.role
        else {
            return;
        };
        let Some(process) = self.processes.get_mut(&process) else {
            return;
        };
        let now = Instant::now();
        loop {
            connection.flush();
            if connection.gone {
                // Its input may still be on the way, but nobody waits for it.
                match resumes {
                    true => process.cut_off(key),
                    false => process.leave(key),
                }
                return;
            }
            if connection.is_sending() {
                return;
            }
            let mut any = false;
            for (part, stream) in STREAMS {
                let Some(ring) = process.rings.get_mut(part) else {
                    continue;
                };
                let bytes = ring.take_lost(key, now);
                if bytes > 0 {
                    connection.send(&Frame::Lost { stream, bytes });
                    any = true;
                }
                let piece = ring.peek(key, 4 * PIECE).to_vec();
                if !piece.is_empty() {
                    ring.take(key, piece.len(), now);
                    connection.send(&Frame::Output(stream, piece));
                    any = true;
                }
            }
            if !any {
                break;
            }
        }
        if let (true, Some(exit)) = (process.is_through(), process.exit)
            && !connection.is_told
        {
            connection.send(&Frame::Exit(exit));
            connection.is_told = true;
            connection.flush();
            // One that can be resumed may have to be given the last bytes once more.
            if !resumes {
                connection.role = Role::Leaving;
                process.leave(key);
            }
        }
    }

    /// Whether a connection has nothing left to do.
    fn is_over(&self, connection: &Connection) -> bool {
        match connection.role {
            Role::Leaving => connection.gone || !connection.is_sending(),
            // What it had sent may still have to go to the process, as room comes.
            Role::Session { process, .. } => {
                let waits = !connection.input_done && self.processes.contains_key(&process);
                connection.gone && !waits
            }
            Role::Unpacking { .. } => false,
            Role::Fresh | Role::Packing { .. } | Role::Waiting => connection.gone,
        }
    }

    /// Takes a connection out of whatever it was in.
    fn depart(&mut self, key: u32, connection: &Connection) {
        match connection.role {
            Role::Session {
                process,
                first,
                resumes,
            } => {
                if let Some(process) = self.processes.get_mut(&process) {
                    if resumes && connection.gone {
                        process.cut_off(key);
                        return;
                    }
                    process.leave(key);
                    if first {
                        process.hang_up_input();
                    }
                }
            }
            Role::Unpacking { job } | Role::Packing { job } => {
                if let Some(job) = self.jobs.get_mut(&job) {
                    job.abandon(&self.poller);
                }
            }
            _ => {}
        }
    }

    fn leave(&mut self, key: u32, connection: Connection) {
        self.depart(key, &connection);
        self.stoppers.retain(|each| *each != key);
        self.killers.retain(|each| *each != key);
        connection.close(&self.poller);
    }
}
