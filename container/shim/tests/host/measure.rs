//! What an idle container costs, and what making one takes. The figures that hold are those of a
//! release build: `cargo test --release -p warren-container-shim --test host measure -- --nocapture`

use std::time::Instant;

use warren_container_shim::spec::ProcessSpec;

use crate::world::{World, shim_of};

/// Proportional set size, and what of it is no file's, in KiB.
fn memory(pid: i32) -> (u64, u64) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let number = |name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (number("Pss:"), number("Pss_Anon:"))
}

#[test]
fn measure_memory_of_idle_containers() {
    let world = World::new();
    let of_one = |handle: &str, what: &str| {
        let shim = memory(shim_of(&world.depot, handle));
        let init = memory(world.depot.state(handle).unwrap().init);
        println!(
            "{what}: shim {} KiB ({} of it its own), init {} KiB ({})",
            shim.0, shim.1, init.0, init.1
        );
        (shim.0 + init.0, shim.1 + init.1)
    };
    let container = world.container("h0");
    let (_, fresh) = of_one("h0", "alone");
    for _ in 0..20 {
        container.shell("head -c 3000000 /dev/zero").wait().unwrap();
    }
    let slow = container.shell("head -c 8000000 /dev/zero; echo");
    std::thread::sleep(std::time::Duration::from_millis(200));
    slow.wait().unwrap();
    container.depot.processes("h0").unwrap();
    let (_, used) = of_one("h0", "alone, after use");
    // What has gone through it does not stay.
    assert!(used < fresh + 512, "{fresh} KiB, then {used} KiB");
    let handles = ["h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8", "h9"];
    for handle in handles {
        world.container(handle);
    }
    let (whole, own) = of_one("h9", "one of ten");
    assert!(
        whole < 4 << 10 && own < 1 << 10,
        "{whole} KiB, {own} KiB of it its own"
    );
}

#[test]
fn measure_the_life_of_a_container() {
    let world = World::new();
    let mut times = Vec::new();
    for _ in 0..if cfg!(debug_assertions) { 5 } else { 50 } {
        let begun = Instant::now();
        let mut laps = Vec::new();
        let mut lap = || laps.push(begun.elapsed().as_secs_f64() * 1000.0);
        world.depot.create(&world.spec("h", false), &[]).unwrap();
        lap();
        world.depot.start("h").unwrap();
        lap();
        let spec = ProcessSpec {
            path: "/bin/true".into(),
            ..ProcessSpec::default()
        };
        let outcome = world.depot.run("h", &spec).unwrap().wait().unwrap();
        assert_eq!(outcome.exit.code(), 0);
        lap();
        assert!(world.depot.destroy("h").unwrap());
        lap();
        times.push(laps);
    }
    for (lap, name) in ["created", "started", "/bin/true run", "destroyed"]
        .iter()
        .enumerate()
    {
        let mut all: Vec<f64> = times.iter().map(|laps| laps[lap]).collect();
        all.sort_by(f64::total_cmp);
        println!(
            "{name} after {:.1} ms (median; fastest {:.1})",
            all[all.len() / 2],
            all[0]
        );
    }
    let begun = Instant::now();
    warren_container_runtime::host::Host::discover().unwrap();
    println!(
        "of which looking at the host {:.1} ms",
        begun.elapsed().as_secs_f64() * 1000.0
    );
}
