//! The commands of `docs/how-to/nest.md`, in its order.

use warren_tests_conformance::garden::Server;
use warren_tests_harness::page;

use crate::tower::Tower;

#[test]
fn the_page_is_true() {
    let all = page::blocks("docs/how-to/nest.md");
    let marked = all.iter().filter_map(|block| {
        let level = block.kind.strip_prefix("sh L")?;
        Some((level.parse().unwrap(), format!("set -e\n{}", block.text)))
    });
    let blocks: Vec<(usize, String)> = marked.collect();
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
