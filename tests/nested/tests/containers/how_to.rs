//! The commands of `docs/how-to/nest.md`, in its order.

use warren_tests_conformance::garden::Server;
use warren_tests_harness::programs;

use crate::tower::Tower;

/// The blocks marked `sh L<level>`.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut is_in = false;
    for line in text.lines() {
        if let Some(level) = line.strip_prefix("```sh L") {
            found.push((level.parse().unwrap(), "set -e\n".to_owned()));
            is_in = true;
        } else if line == "```" {
            is_in = false;
        } else if let Some((_, block)) = found.last_mut().filter(|_| is_in) {
            *block += line;
            *block += "\n";
        }
    }
    found
}

#[test]
fn the_page_is_true() {
    let page = programs::workspace().join("docs/how-to/nest.md");
    let blocks = blocks(&std::fs::read_to_string(page).unwrap());
    assert!(blocks.len() >= 6, "{blocks:?}");
    let mut tower = Tower::on(Server::new());
    let image = tower.files().join("rootfs.tar");
    for (level, block) in blocks {
        let said = tower.says(level, &format!("IMAGE={}\n{block}", image.display()));
        for handle in ["l1", "l2"] {
            if block.contains(&format!("--handle {handle}")) {
                tower.adopt(handle);
            }
        }
        println!("{said}");
    }
    assert_eq!(tower.depth(), 2);
}
