//! Init, as a process: children come back, orphans are reaped, and its end is theirs.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::until;

const LOGS: &str = "WARREN_TEST_INIT_LOGS";
/// What the agent is, if not one that stays.
const AGENT: &str = "WARREN_TEST_INIT_AGENT";
/// What runs it, if not bash.
const PROGRAM: &str = "WARREN_TEST_INIT_PROGRAM";

/// Not a test but init's process, where the variable says so.
#[test]
fn init_process() {
    let Ok(logs) = std::env::var(LOGS) else {
        return;
    };
    let logs = std::path::PathBuf::from(logs);
    let script = |name: &str, text: &str| warren_agent::init::Service {
        name: name.to_owned(),
        program: "/bin/bash".into(),
        arguments: vec!["-c".into(), text.into()],
        log: format!("{name}.log"),
    };
    let stays = "trap 'echo agent ends; exit' TERM; echo agent $$ $WARREN_INIT $PPID; \
                 while :; do sleep 0.05; done";
    let agent = std::env::var(AGENT).unwrap_or_else(|_| stays.to_owned());
    let mut agent = script("agent", &agent);
    if let Some(program) = std::env::var_os(PROGRAM) {
        agent.program = program.into();
    }
    let services = vec![
        agent,
        script(
            "orphans",
            "(setsid sleep 0.1 &) ; echo orphans $$; exec sleep 600",
        ),
    ];
    warren_agent::init::run(services, &logs, None).unwrap();
}

struct Init {
    child: Child,
    logs: tempfile::TempDir,
}

impl Init {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(variables: &[(&str, &str)]) -> Self {
        let logs = tempfile::tempdir().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "init::init_process", "--nocapture"])
            .env(LOGS, logs.path())
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, logs }
    }

    fn log(&self, name: &str) -> String {
        let log = self.logs.path().join(format!("{name}.log"));
        std::fs::read_to_string(log).unwrap_or_default()
    }

    /// Words of the lines that begin with a service's name.
    fn starts(&self, name: &str) -> Vec<Vec<String>> {
        let log = self.log(name);
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        log.lines()
            .map(words)
            .filter(|words| words.len() > 1 && words[0] == name && words[1].parse::<i32>().is_ok())
            .collect()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        let _ = kill_process(self.pid(), Signal::TERM);
        let _ = self.child.wait();
    }
}

#[test]
fn killed_children_come_back_and_go_with_it() {
    let mut init = Init::start();
    until("both services", || {
        init.starts("agent").len() == 1 && init.starts("orphans").len() == 1
    });
    let first = &init.starts("agent")[0];
    assert_eq!(first[2], first[3], "it knows whose child it is");
    for round in 2..4 {
        let last = init.starts("agent").pop().unwrap();
        let pid = Pid::from_raw(last[1].parse().unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        until("it is started again", || {
            init.starts("agent").len() == round
        });
    }
    // Children of children that were left behind are taken, too: none stays a zombie.
    let own = init.child.id().to_string();
    until("no zombies", || {
        let children =
            std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        children.split_ascii_whitespace().all(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.contains(") Z")
        })
    });
    let orphans = init.starts("orphans")[0][1].clone();
    kill_process(init.pid(), Signal::TERM).unwrap();
    let status = init.child.wait().unwrap();
    assert!(status.success());
    assert!(!std::path::Path::new(&format!("/proc/{orphans}")).exists());
    let log = init.log("agent");
    assert!(log.ends_with("agent ends\n"), "{log}");
}

/// Whoever waits for it reads that in its log, and not what init says to nobody.
#[test]
fn an_agent_that_never_stays_up_is_said_to_be_no_good() {
    let init = Init::with(&[(AGENT, "echo agent $$; echo no settings >&2; exit 3")]);
    let other = Init::with(&[(PROGRAM, "/nowhere/agent")]);
    until("it is given up", || init.log("agent").contains("FATAL"));
    let log = init.log("agent");
    let line = log.lines().find(|line| line.contains("FATAL")).unwrap();
    assert!(
        line.ends_with(
            "[init] FATAL: agent ended 5 times soon after its start, last with status 3"
        ),
        "{line}"
    );
    // Not before: what is in its way may go.
    let (before, _) = log.split_once("FATAL").unwrap();
    assert_eq!(before.matches("no settings\n").count(), 5, "{log}");
    assert_eq!(init.log("orphans").matches("FATAL").count(), 0);
    until("the other is given up", || {
        other.log("agent").contains(
            "FATAL: agent ended 5 times soon after its start, last not started at all: No such file",
        )
    });
}
