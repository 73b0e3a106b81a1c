//! Actions of disks and of tasks with arguments that cannot be: what is said, over the wire, and that
//! nothing on disk is another afterwards.
//!
//! | argument | what comes of it |
//! |---|---|
//! | one too few, of whatever types the others are | they are counted first, as by stock agents |
//! | `null` for a text | the empty text, as Go reads it |
//! | a disk that there is not, a hint without a path | the action's own words |
//! | an id that would lead to another directory | refused |
//! | more than there are | ignored |

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use warren_wire_agent::envelope::Response;

use crate::support::vm::Vm;

const HINTS: &str = "var/vcap/bosh/persistent_disk_hints.json";
const DYNAMIC: &str = "var/vcap/data/dynamic_disks";

/// What became of a request, whether it has a task or not.
#[track_caller]
fn outcome(vm: &Vm, method: &str, arguments: &Value) -> Response {
    match vm.director.ask(method, arguments.clone()) {
        Response::Value(value) => match value["agent_task_id"].as_str() {
            Some(task) => vm.director.finish(task),
            None => Response::Value(value),
        },
        exception => exception,
    }
}

/// Names below a directory, links with what they hold.
fn links(directory: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return BTreeMap::new();
    };
    let about = |entry: std::fs::DirEntry| {
        let held = std::fs::read_link(entry.path());
        let held = held.map_or_else(|_| String::new(), |path| path.display().to_string());
        (entry.file_name().into_string().unwrap(), held)
    };
    entries.map(|entry| about(entry.unwrap())).collect()
}

/// A VM with a hint of each kind and a dynamic disk.
fn with_disks() -> (Vm, warren_agent::serve::Running) {
    let (vm, running) = Vm::started();
    vm.write("disks/one/who", "one");
    vm.write("disks/two/who", "two");
    for (cid, hint) in [("one", json!("/disks/one")), ("lun", json!({"lun": "1"}))] {
        let added = vm.director.run("add_persistent_disk", json!([cid, hint]));
        assert_eq!(added, json!({}));
    }
    let arguments = json!(["dynamic", "/disks/two"]);
    assert_eq!(vm.director.run("add_dynamic_disk", arguments), json!({}));
    (vm, running)
}

#[test]
fn what_cannot_be_changes_nothing() {
    let (vm, running) = with_disks();
    vm.write(&format!("{DYNAMIC}/taken/of"), "somebody");
    vm.write("keep", "x");
    let (hints, dynamic) = (vm.read(HINTS), links(&vm.path(DYNAMIC)));
    assert_eq!(dynamic.len(), 2, "{dynamic:?}");
    let missing = |expected: usize, given: usize| {
        format!("Not enough arguments, expected {expected}, got {given}")
    };
    let unreadable = |method: &str, at: usize| format!("argument {at} of {method} cannot be read");
    let no_disk = |cid: &str| format!("Persistent disk with volume id '{cid}' could not be found");
    let no_path = |cid: &str| format!("the hint of disk {cid} names no path");
    let no_name = |cid: &str| format!("disk {cid:?} is no name of a file");
    let taken = vm.path(&format!("{DYNAMIC}/taken")).display().to_string();
    let gone = vm.path("disks/gone").display().to_string();
    let (unmount, remove) = ("unmount_disk", "remove_persistent_disk");
    let (add_dynamic, remove_dynamic) = ("add_dynamic_disk", "remove_dynamic_disk");
    for (method, arguments, text) in [
        (unmount, json!([{}]), unreadable(unmount, 1)),
        (unmount, json!([7]), unreadable(unmount, 1)),
        (unmount, json!(["gone"]), no_disk("gone")),
        (unmount, json!([null]), no_disk("")),
        (unmount, json!(["lun"]), no_path("lun")),
        (remove, json!([["one"]]), unreadable(remove, 1)),
        (remove, json!([false]), unreadable(remove, 1)),
        (add_dynamic, json!(["d"]), missing(2, 1)),
        (add_dynamic, json!([{}]), missing(2, 1)),
        (
            add_dynamic,
            json!([7, "/disks/two"]),
            unreadable(add_dynamic, 1),
        ),
        (add_dynamic, json!(["d", {}]), no_path("d")),
        (add_dynamic, json!(["d", {"path": 7}]), no_path("d")),
        (add_dynamic, json!(["d", null]), no_path("d")),
        (add_dynamic, json!(["d", "disks/two"]), no_path("d")),
        (add_dynamic, json!(["d", "/disks/../keep"]), no_path("d")),
        (
            add_dynamic,
            json!(["d", "/disks/gone"]),
            format!("cannot find the disk at {gone}"),
        ),
        (add_dynamic, json!(["../d", "/disks/two"]), no_name("../d")),
        (add_dynamic, json!([null, "/disks/two"]), no_name("")),
        (
            add_dynamic,
            json!(["taken", "/disks/two"]),
            format!("{taken} is no link"),
        ),
        (remove_dynamic, json!([{}]), unreadable(remove_dynamic, 1)),
        (remove_dynamic, json!([7]), unreadable(remove_dynamic, 1)),
        (
            remove_dynamic,
            json!(["../../../../keep"]),
            no_name("../../../../keep"),
        ),
        (remove_dynamic, json!([".."]), no_name("..")),
        (remove_dynamic, json!([null]), no_name("")),
        // What is in it is somebody's.
        (
            remove_dynamic,
            json!(["taken"]),
            format!("{taken} is no link"),
        ),
    ] {
        let Response::Exception(said) = outcome(&vm, method, &arguments) else {
            panic!("{method} {arguments} is taken");
        };
        let frame = format!("Action Failed {method}: ");
        assert!(
            said.contains(&frame) && said.contains(&text),
            "{method} {arguments}: {said}, not {text}"
        );
    }
    assert_eq!(vm.read(HINTS), hints);
    assert_eq!(links(&vm.path(DYNAMIC)), dynamic);
    assert_eq!(vm.read(&format!("{DYNAMIC}/taken/of")), "somebody");
    assert_eq!(vm.read("keep"), "x");
    vm.director.ping();
    running.stop();
}

#[test]
fn what_is_gone_already_is_good() {
    let (vm, running) = with_disks();
    let director = &vm.director;
    for (method, arguments, value) in [
        (
            "unmount_disk",
            json!(["one", "more"]),
            json!({"message": "Partition of one is not mounted"}),
        ),
        ("remove_persistent_disk", json!(["gone"]), json!({})),
        ("remove_persistent_disk", json!([null]), json!({})),
        ("remove_persistent_disk", json!(["lun", {}, 7]), json!({})),
        ("remove_dynamic_disk", json!(["gone"]), json!({})),
        ("remove_dynamic_disk", json!(["dynamic", {}]), json!({})),
    ] {
        assert_eq!(
            outcome(&vm, method, &arguments),
            Response::Value(value),
            "{method} {arguments}"
        );
    }
    let hints: Value = serde_json::from_str(&vm.read(HINTS)).unwrap();
    assert_eq!(hints, json!({"one": "/disks/one"}));
    assert!(links(&vm.path(DYNAMIC)).is_empty());
    // A hint that leads to another place now.
    let arguments = json!(["dynamic", {"PATH": "/disks/one"}]);
    assert_eq!(director.run("add_dynamic_disk", arguments), json!({}));
    let link = vm.path(&format!("{DYNAMIC}/dynamic"));
    assert_eq!(std::fs::read_link(link).unwrap(), vm.path("disks/one"));
    // Notes that are no notes are as good as none.
    for junk in ["", "[]", "{\"one\"", "\0"] {
        vm.write(HINTS, junk);
        let removed = director.run("remove_persistent_disk", json!(["one"]));
        assert_eq!(removed, json!({}), "{junk:?}");
        let said = director.fail("unmount_disk", json!(["one"]));
        assert!(said.contains("'one' could not be found"), "{said}");
    }
    running.stop();
}

#[test]
fn tasks_that_cannot_be_cancelled() {
    let (vm, running) = Vm::started();
    let director = &vm.director;
    for arguments in [
        json!([{}]),
        json!([7]),
        json!([["id"]]),
        json!([true, "id"]),
    ] {
        let said = director.exception("cancel_task", arguments.clone());
        let text = "Action Failed cancel_task: argument 1 of cancel_task cannot be read";
        assert!(said.starts_with(text), "{arguments}: {said}");
    }
    for (arguments, id) in [
        (json!([null]), ""),
        (json!([""]), ""),
        (json!(["../id"]), "../id"),
        (json!(["id", {}]), "id"),
    ] {
        assert_eq!(
            director.exception("cancel_task", arguments),
            format!("Action Failed cancel_task: Task with id {id} could not be found")
        );
    }
    // One that has ended is not another one for that: what cannot be cancelled cannot be now, and what
    // could be is told so, with its end as it was.
    let task = director.start("stop", json!([]));
    let ended = director.finish(&task);
    assert_eq!(ended, Response::Value("stopped".into()));
    assert_eq!(
        director.exception("cancel_task", json!([task])),
        "Action Failed cancel_task: not supported"
    );
    assert_eq!(director.finish(&task), ended);
    let task = director.start("drain", json!(["shutdown"]));
    let ended = director.finish(&task);
    assert_eq!(ended, Response::Value(0.into()));
    assert_eq!(director.value("cancel_task", json!([task])), "canceled");
    assert_eq!(director.finish(&task), ended);
    running.stop();
}
