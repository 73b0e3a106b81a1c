//! Calls that a stock director made of the stock CPI, made again in the order of a machine's life,
//! with this CPI's ids. Answers are the recorded ones, but for ids and the host's name servers.

use serde_json::{Value, json};

use crate::scene::Scene;

const RECORDED: &str = include_str!("../../../../wire/cpi/tests/fixtures/calls.jsonl");

/// The first recorded call of a method, and its answer.
fn recorded(method: &str) -> (Value, Value) {
    let pairs = RECORDED
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut found = pairs.filter(|pair| pair["request"]["method"] == method);
    let pair = found.next().unwrap();
    (pair["request"].clone(), pair["response"].clone())
}

#[test]
fn a_stock_directors_calls_get_the_stock_answers() {
    let scene = Scene::new("auto");
    let same = |method: &str, change: &[(usize, &Value)]| {
        let (mut request, mut expected) = recorded(method);
        for (place, value) in change {
            request["arguments"][*place] = (*value).clone();
        }
        let mut answer = scene.raw(&request);
        // What is told to the log is for people.
        answer["log"] = json!("");
        expected["log"] = json!("");
        (answer, expected)
    };
    let (answer, expected) = same("info", &[]);
    assert_eq!(answer, expected);
    let image = json!(scene.image(true));
    let (answer, _) = same("create_stemcell", &[(0, &image)]);
    let stemcell = answer["result"].clone();
    let (answer, _) = same("create_disk", &[(0, &json!(16))]);
    let disk = answer["result"].clone();
    let (answer, mut expected) = same("create_vm", &[(1, &stemcell), (4, &json!([disk]))]);
    let vm = answer["result"][0].clone();
    expected["result"][0] = vm.clone();
    expected["result"][1]["default"]["dns"] = answer["result"][1]["default"]["dns"].clone();
    assert_eq!(answer, expected);
    for (method, change) in [
        ("set_vm_metadata", vec![(0, &vm)]),
        ("has_disk", vec![(0, &disk)]),
        ("attach_disk", vec![(0, &vm), (1, &disk)]),
        ("set_disk_metadata", vec![(0, &disk)]),
        ("detach_disk", vec![(0, &vm), (1, &disk)]),
        ("delete_vm", vec![(0, &vm)]),
        ("delete_disk", vec![(0, &disk)]),
        ("delete_stemcell", vec![(0, &stemcell)]),
    ] {
        let (answer, mut expected) = same(method, &change);
        if method == "attach_disk" {
            expected["result"] = json!(format!("/warden-cpi-dev/{}", disk.as_str().unwrap()));
        }
        assert_eq!(answer, expected, "{method}");
    }
    scene.assert_no_machines();
}
