//! Requests to actions.
//!
//! | how | which | why |
//! |---|---|---|
//! | here, at once | `ping`, `info`, `get_task`, `cancel_task` | they never wait |
//! | in its turn | `start` | what a director sends later, or the next one, does not come before its end |
//! | a thread of its own | all others that are answered with a value | so that none of them delays a ping |
//! | a task in the queue | what changes the instance | one after the other |
//! | a task beside it | logs and errands | they change nothing that others do |
//!
//! A director may be killed at any time, and the next one begins while the agent is still at what the former
//! wanted. So whatever ends or replaces jobs waits for an errand that nobody may be asking for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;

use serde_json::Value;
use warren_wire_agent::base64;
use warren_wire_agent::envelope::{Request, Response, TaskState};
use warren_wire_agent::method::{Answer, Call, CallError};

use crate::action;
use crate::agent::Agent;
use crate::process::Cancel;
use crate::tasks::{Kept, Lane, State};
use crate::{full, log, say};

/// How many threads answer requests at most; what is more is answered here, one by one.
const THREADS: usize = 64;

/// Takes an answer.
pub type Respond = Box<dyn FnOnce(Response) + Send>;

/// Gives requests to actions.
#[derive(Clone)]
pub struct Dispatcher {
    agent: Arc<Agent>,
    threads: Arc<AtomicUsize>,
}

impl Dispatcher {
    /// For an agent.
    #[must_use]
    pub fn new(agent: Arc<Agent>) -> Self {
        Self {
            agent,
            threads: Arc::default(),
        }
    }

    /// Answers a request, now or later. `payload` is the request as it came.
    pub fn dispatch(&self, request: Request, payload: &[u8], respond: Respond) {
        let method = request.method.clone();
        let _about = log::about(done_for(&request.reply_to));
        let call = match Call::parse(&request.method, &request.arguments) {
            Ok(call) => call,
            Err(CallError::Unknown(_)) => {
                say!("dispatch", "unknown method {method:?}");
                return respond(Response::unknown(&method));
            }
            Err(error) => {
                let why = warren_lib_errchain::chain(&error);
                say!("dispatch", "{method}: {why}");
                return respond(Response::failed(&method, &why));
            }
        };
        match &call {
            // They are asked each second and would fill the log.
            Call::GetTask { id } => return respond(self.task(id)),
            Call::Ping | Call::Info | Call::CancelTask { .. } => {
                return respond(self.perform(&method, call, request.protocol, &Cancel::default()));
            }
            Call::GetState { .. } => {}
            _ => say!("dispatch", "{method}, for {}", request.reply_to),
        }
        match call.answer(request.protocol) {
            Answer::Value if matches!(call, Call::Start) => {
                self.in_turn(method, call, request.protocol, respond);
            }
            Answer::Value => self.in_thread(method, call, request.protocol, respond),
            Answer::Task => {
                respond(self.start(&crate::id::uuid(), &method, call, payload, request.protocol))
            }
        }
    }

    /// Goes on with what an earlier life did not finish, when it is told to: not before there is the bus,
    /// which an update of settings is about.
    pub fn resume(&self, when: Receiver<()>) {
        let kept = match self.agent.tasks.kept() {
            Ok(kept) => kept,
            Err(error) => {
                say!(
                    "dispatch",
                    "cannot resume tasks: {}",
                    warren_lib_errchain::chain(&error)
                );
                return;
            }
        };
        if kept.is_empty() {
            return;
        }
        let wait = move |_: &Cancel| {
            // Nobody tells: the agent could not begin, and ends.
            while when.recv().is_err() {
                std::thread::park();
            }
            Ok(Value::Null)
        };
        if !self.agent.tasks.in_turn(Box::new(wait)) {
            say!("dispatch", "there is no thread for what is to be resumed");
        }
        for task in kept {
            let payload = base64::decode(&task.payload).unwrap_or_default();
            let request = Request::decode(&payload).unwrap_or_default();
            let _about = log::about(done_for(&request.reply_to));
            match Call::parse(&request.method, &request.arguments) {
                Ok(call) => {
                    say!(
                        "dispatch",
                        "resuming {} as task {}",
                        request.method,
                        task.task_id
                    );
                    self.start(
                        &task.task_id,
                        &request.method,
                        call,
                        &payload,
                        request.protocol,
                    );
                }
                Err(_) => {
                    say!(
                        "dispatch",
                        "cannot resume task {}: its request cannot be read",
                        task.task_id
                    );
                    if let Err(error) = self.agent.tasks.forget(&task.task_id) {
                        say!("dispatch", "{}", warren_lib_errchain::chain(&error));
                    }
                }
            }
        }
    }

    fn task(&self, id: &str) -> Response {
        match self.agent.tasks.get(id) {
            None => Response::failed("get_task", &format!("Task with id {id} could not be found")),
            Some(State::Running) => running(id),
            Some(State::Done(Ok(value))) => Response::Value(value),
            Some(State::Done(Err(why))) => {
                Response::failed("get_task", &format!("Task {id} result: {why}"))
            }
        }
    }

    fn perform(&self, method: &str, call: Call, protocol: i64, cancel: &Cancel) -> Response {
        match action::perform(&self.agent, call, protocol, cancel) {
            Ok(value) => Response::Value(value),
            Err(error) => {
                let why = full::told(&*error);
                say!("dispatch", "{method} failed: {why}");
                Response::failed(method, &why)
            }
        }
    }

    fn in_turn(&self, method: String, call: Call, protocol: i64, respond: Respond) {
        let me = self.clone();
        let request = log::request();
        let work = move |cancel: &Cancel| {
            let _about = log::about(&request);
            respond(me.perform(&method, call, protocol, cancel));
            Ok(Value::Null)
        };
        if !self.agent.tasks.in_turn(Box::new(work)) {
            // The request is gone with it; the director asks again.
            say!("dispatch", "there is no thread for what has its turn");
        }
    }

    fn in_thread(&self, method: String, call: Call, protocol: i64, respond: Respond) {
        let me = self.clone();
        let request = log::request();
        let work = move || {
            let _about = log::about(&request);
            let response = me.perform(&method, call, protocol, &Cancel::default());
            me.threads.fetch_sub(1, Ordering::SeqCst);
            respond(response);
        };
        if self.threads.fetch_add(1, Ordering::SeqCst) >= THREADS {
            return work();
        }
        let started = std::thread::Builder::new()
            .name("request".to_owned())
            .spawn(work);
        if let Err(error) = started {
            // The request is gone with its thread; the director asks again.
            self.threads.fetch_sub(1, Ordering::SeqCst);
            say!("dispatch", "cannot start a thread: {error}");
        }
    }

    fn start(&self, id: &str, method: &str, call: Call, payload: &[u8], protocol: i64) -> Response {
        // Programs of jobs, which may take for ever. All else ends by itself, and is not left half done.
        let can_cancel = matches!(
            call,
            Call::Drain(_)
                | Call::RunErrand { .. }
                | Call::RunScript { .. }
                | Call::CompilePackage(_)
        );
        let lane = match call {
            Call::FetchLogs(_) | Call::FetchLogsSigned(_) => Lane::Beside,
            _ => Lane::Queue,
        };
        let errand = match &call {
            Call::RunErrand { job } => Some(job.clone().unwrap_or_default()),
            _ => None,
        };
        let waits_for_errands = matches!(
            call,
            Call::RunScript { .. } | Call::Drain(_) | Call::Stop | Call::Apply(_)
        );
        let survives = matches!(call, Call::UpdateSettings(_));
        if survives {
            let task = Kept {
                task_id: id.to_owned(),
                method: method.to_owned(),
                payload: base64::encode(payload),
                ..Kept::default()
            };
            if let Err(error) = self.agent.tasks.keep(task) {
                return Response::failed(method, &warren_lib_errchain::chain(&error));
            }
        }
        let (agent, id_too, method) = (Arc::clone(&self.agent), id.to_owned(), method.to_owned());
        let request = log::request();
        let work = move |cancel: &Cancel| {
            let _about = log::about(&request);
            if waits_for_errands && !agent.tasks.wait_for_errands(cancel) {
                say!(
                    "dispatch",
                    "{method} cancelled before its turn, task {id_too}"
                );
                return Err(format!(
                    "Action Failed {method}: cancelled while an errand was waited for"
                ));
            }
            let begun = std::time::Instant::now();
            let outcome = action::perform(&agent, call, protocol, cancel);
            let took = begun.elapsed().as_millis();
            if survives && let Err(error) = agent.tasks.forget(&id_too) {
                say!("dispatch", "{}", warren_lib_errchain::chain(&error));
            }
            match outcome {
                Ok(value) => {
                    say!("dispatch", "{method} done in {took} ms, task {id_too}");
                    Ok(value)
                }
                Err(error) => {
                    let why = full::told(&*error);
                    say!(
                        "dispatch",
                        "{method} failed after {took} ms, task {id_too}: {why}"
                    );
                    Err(format!("Action Failed {method}: {why}"))
                }
            }
        };
        let tasks = &self.agent.tasks;
        match errand {
            Some(errand) => running(&tasks.add_errand(id, &errand, Box::new(work))),
            None => {
                tasks.add(id, lane, can_cancel, Box::new(work));
                running(id)
            }
        }
    }
}

fn running(id: &str) -> Response {
    Response::Value(serde_json::to_value(TaskState::running(id)).unwrap_or(Value::Null))
}

/// The id of the request that something is done for: a director ends the place of the answer in it and in
/// the number of its question, eight hexadecimal digits. Of other directors it is what stands there.
fn done_for(reply_to: &str) -> &str {
    let last = reply_to.rsplit('.').next().unwrap_or_default();
    let is_number =
        |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match last.rsplit_once('-') {
        Some((id, number)) if is_number(number) && !is_number(id) && !id.is_empty() => id,
        _ => last,
    }
}

#[cfg(test)]
mod tests {
    use super::done_for;

    #[test]
    fn the_request_is_named_as_the_director_names_it() {
        for (reply_to, id) in [
            ("director.p.agent.4b1d-0000000a", "4b1d"),
            (
                "director.p.agent.0f3b57a2-11aa-4c3d-8a10-5b1c2d3e4f50-0000000a",
                "0f3b57a2-11aa-4c3d-8a10-5b1c2d3e4f50",
            ),
            // Nobody asked for it.
            ("director.p.agent.00001234-0000000a", "00001234-0000000a"),
            (
                "director.p.agent.0f3b57a2-11aa-4c3d-8a10-5b1c2d3e4f50",
                "0f3b57a2-11aa-4c3d-8a10-5b1c2d3e4f50",
            ),
            ("", ""),
        ] {
            assert_eq!(done_for(reply_to), id, "{reply_to}");
        }
    }
}
