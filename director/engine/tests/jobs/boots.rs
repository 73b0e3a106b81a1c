//! Machines between their making and their agent's first word.

use std::time::Duration;

use serde_json::json;

use crate::archives::a_job;
use crate::director::{Director, manifest};
use crate::scene::Ended;

/// A director that looks after an agent soon, and waits for it for longer than a test may take.
async fn director() -> Director {
    let it = Director::with(|config| {
        config.silent_after = Duration::from_millis(300);
        config.agent_patience = Duration::from_secs(600);
    })
    .await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it
}

/// What the CPI finds in a machine from now on.
fn writes(it: &Director, log: &str) {
    let path = it.scene.directory.path().join("vm-log");
    std::fs::write(path, json!(log).to_string()).unwrap();
}

/// The last error, which must be that of an agent that does not answer; its machine is gone again.
fn unanswered(it: &Director, ended: &Ended) -> String {
    assert_eq!((ended.state.as_str(), ended.code()), ("error", 450_002));
    let made = it.calls("create_vm").len();
    assert_eq!(it.calls("delete_vm").len(), made, "{ended:?}");
    let error = &ended.events.last().unwrap()["error"]["message"];
    error.as_str().unwrap().to_owned()
}

/// What clients are warned of.
fn warnings(ended: &Ended) -> Vec<&str> {
    let warnings = ended
        .events
        .iter()
        .filter(|event| event["type"] == "warning");
    warnings
        .map(|event| event["message"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_known_to_the_bus_before_its_machine_is_made() {
    let it = director().await;
    it.deploy(&manifest(2, "")).await.done();
    let made: Vec<String> = it
        .calls("create_vm")
        .iter()
        .map(|call| call["arguments"][0].as_str().unwrap().to_owned())
        .collect();
    let known = std::fs::read_to_string(it.scene.directory.path().join("known")).unwrap();
    let known: Vec<&str> = known.lines().collect();
    assert_eq!(made.len(), 2, "{made:?}");
    for agent in &made {
        assert!(known.contains(&agent.as_str()), "{agent}: {known:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_agent_cannot_start_fails_at_once_with_its_own_words() {
    let it = director().await;
    it.stick("ping");
    writes(
        &it,
        "==> /var/vcap/bosh/log/current <==\nfirst words\n[init] FATAL: agent ended 5 times\n\
         [bus] connected to it\nlast words\n\
         ==> /var/vcap/bosh/log/supervisor <==\nof another\n",
    );
    let ended = it.deploy(&manifest(1, "")).await;
    let told = unanswered(&it, &ended);
    for text in [
        "cannot start: [init] FATAL: agent ended 5 times",
        "The machine's own log ends with:",
        "first words",
        "last words",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
    // Other files come after the agent's.
    assert!(!told.contains("of another"), "{told}");
    let warned = warnings(&ended);
    let told = " has not answered for 0 s, and its log ends with: last words";
    assert!(warned[0].ends_with(told), "{warned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_ends_is_not_waited_for() {
    let it = director().await;
    it.stick("ping");
    std::fs::write(it.scene.directory.path().join("gone"), "").unwrap();
    let ended = it.deploy(&manifest(1, "")).await;
    let told = unanswered(&it, &ended);
    assert!(told.contains("ended before its agent answered"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_cannot_be_looked_at_for_a_while_is_waited_for() {
    let it = director().await;
    it.stick("ping");
    it.fail("has_vm", Some("Bosh::Clouds::CloudError"));
    let text = manifest(1, "");
    let (ended, ()) = tokio::join!(it.deploy(&text), async {
        let end = tokio::time::Instant::now() + Duration::from_secs(30);
        while it.calls("has_vm").len() < 2 {
            assert!(tokio::time::Instant::now() < end, "has_vm is not asked for");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        it.fail("has_vm", None);
        it.go_on("ping");
    });
    let ended = ended.done();
    let warned = warnings(&ended);
    let told = "and the machine cannot be looked at: ";
    assert!(warned[0].contains(told), "{warned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_says_nothing_wrong_is_waited_for_as_long_as_is_set() {
    let it = Director::with(|config| {
        config.silent_after = Duration::from_millis(300);
        config.agent_patience = Duration::from_secs(1);
    })
    .await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.stick("ping");
    // What an agent said before it got on counts no more.
    writes(
        &it,
        "[settings] FATAL: no settings\n[bus] connected to it\nwaits for its settings\n",
    );
    let ended = it.deploy(&manifest(1, "")).await;
    let told = unanswered(&it, &ended);
    assert!(told.contains("waits for its settings"), "{told}");
    let warned = warnings(&ended);
    assert!(
        warned.len() > 1 && warned[0].ends_with("its log ends with: waits for its settings"),
        "{warned:?}"
    );
    // The next one is made anew, and goes on as if nothing had been.
    it.go_on("ping");
    it.deploy(&manifest(1, "")).await.done();
}
