//! What has to hold of containers, whichever level they are on.

use crate::tower::{PORT, Tower};

/// Asks everything of the innermost container, and of an unprivileged one beside it that is made
/// with these flags.
#[track_caller]
pub fn everything(tower: &Tower, image: &str) {
    devices_open(tower);
    groups_are_its_own(tower);
    firewall_holds(tower);
    the_outside_is_reached(tower);
    a_port_is_mapped(tower);
    unprivileged(tower, image);
}

/// Device nodes that are there can be used.
#[track_caller]
fn devices_open(tower: &Tower) {
    let script = "for node in null zero full random urandom fuse net/tun; do
            [ -e /dev/$node ] || { echo no $node; continue; }
            { : <>/dev/$node; } 2>&1 || echo $node does not open
        done
        : >/dev/null && head -c 4 /dev/zero | wc -c";
    let said = tower.says(tower.depth(), script);
    // The machine need not have the last two; what it has must be usable here.
    let expected = ["fuse", "net/tun"].map(|name| {
        let is_there = std::fs::File::open(format!("/dev/{name}")).is_ok();
        if is_there {
            String::new()
        } else {
            format!("no {name}\n")
        }
    });
    assert_eq!(said, format!("{}4", expected.concat()));
}

/// Its groups are mounted writable, and begin at its own.
#[track_caller]
fn groups_are_its_own(tower: &Tower) {
    let script = format!(
        "{GROUPS}
        mkdir $C/below
        sh -c \"echo \\$\\$ >$C/below/cgroup.procs; cat /proc/self/cgroup\" | grep '^0::'
        rmdir $C/below"
    );
    let said = tower.says(tower.depth(), &script);
    assert!(said.ends_with("/below"), "{said}");
}

/// `$C` is the process's own group in cgroup v2: where the mount begins, unless the machine's own
/// is bound in.
pub const GROUPS: &str = "C=/sys/fs/cgroup; if [ -d $C/unified ]; then C=$C/unified; fi
        C=$C$(grep '^0::' /proc/self/cgroup | cut -c4-)
        [ $(stat -f -c %t $C) = 63677270 ] || exit 70";

/// The agent's firewall: the agent gets to monit, its sibling does not.
#[track_caller]
fn firewall_holds(tower: &Tower) {
    let script = format!(
        "set -e; {GROUPS}
        mkdir $C/agent $C/sibling
        nc -ll -p 2822 -e /bin/echo monit >/dev/null 2>&1 </dev/null &
        listener=$!
        as() {{ group=$1; shift; sh -c 'echo $$ >'$C/$group'/cgroup.procs; exec \"$@\"' as \"$@\"; }}
        ask() {{ as $1 nc -w 5 127.0.0.1 2822 </dev/null 2>/dev/null || echo refused; }}
        until [ \"$(ask sibling)\" = monit ]; do sleep 0.05; done
        as agent warren firewall setup >/dev/null
        echo $(ask agent) $(ask sibling)
        as agent warren firewall verify >/dev/null
        as agent warren firewall teardown >/dev/null
        ask sibling
        kill $listener
        rmdir $C/agent $C/sibling"
    );
    let said = tower.says(tower.depth(), &script);
    assert_eq!(said, "monit refused\nmonit", "L{}", tower.depth());
}

/// A connection to the machine's neighbour, through all levels.
#[track_caller]
fn the_outside_is_reached(tower: &Tower) {
    let said = tower.says(tower.depth(), "nc -w 30 192.0.2.2 7000 </dev/null");
    assert_eq!(said, "neighbour");
}

/// A connection from the machine's neighbour, through all levels.
#[track_caller]
fn a_port_is_mapped(tower: &Tower) {
    let level = tower.depth();
    let listen =
        format!("nc -ll -p {PORT} -e /bin/echo level {level} >/dev/null 2>&1 </dev/null &");
    tower.says(level, &listen);
    let ask = ["busybox", "nc", "-w", "5", "192.0.2.1", &PORT.to_string()];
    let deadline = std::time::Instant::now() + crate::tower::PATIENCE;
    loop {
        let answer = tower.server.neighbour().run(&ask).stdout;
        if answer.trim() == format!("level {level}") {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "L{level}: {answer}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// What was streamed into the innermost container is there for a process that is started after the
/// answer, every time.
#[track_caller]
pub fn streams_are_seen(tower: &Tower) {
    const ROUNDS: u32 = 200;
    let script = format!(
        "set -e; mkdir /tmp/in; i=0
        while [ $i -lt {ROUNDS} ]; do
            echo $i >/tmp/in/file
            tar -c -C /tmp/in file | warren container stream-in l{depth} --destination /seen
            said=$(warren container run l{depth} --attach -- cat /seen/file)
            [ \"$said\" = $i ] || {{ echo \"round $i: $said\"; exit 1; }}
            i=$((i+1))
        done
        rm -r /tmp/in; warren container run l{depth} --attach -- rm -r /seen
        echo $i",
        depth = tower.depth()
    );
    assert_eq!(tower.says(tower.depth() - 1, &script), ROUNDS.to_string());
}

/// The innermost server's containers reach of what is closed to them what rules open, one and several at
/// once, by both protocols; a rule that says so has a line in that server's log.
#[track_caller]
pub fn rules_open_what_is_closed(tower: &Tower, image: &str) {
    let level = tower.depth();
    let script = format!(
        "set -e
        warren container create -n u {image} >/dev/null
        run() {{ warren container run u --attach -- \"$@\" </dev/null 2>/dev/null; }}
        tcp() {{ run nc -w 30 192.0.2.2 7000 || echo refused; }}
        ping() {{ run ping -c 1 -W $2 $1 >/dev/null && echo answer || echo none; }}
        all() {{ echo $(tcp) $(ping 192.0.2.2 $1) $(ping 2001:db8::2 $1); }}
        all 3
        warren container net-out u --protocol tcp --ip-start 192.0.2.2 --port-start 7000 --log >/dev/null
        all 3
        wget -q -O /dev/null --header 'Content-Type: application/json' --post-data '[
            {{\"protocol\":3,\"networks\":[{{\"start\":\"192.0.2.2\"}}]}},
            {{\"protocol\":4,\"networks\":[{{\"start\":\"2001:db8::2\"}}]}}
            ]' http://127.0.0.1:7777/containers/u/net/out/bulk
        all 20"
    );
    let expected = "refused none none\nneighbour none none\nneighbour answer answer".to_owned();
    assert_eq!(tower.says(level, &script), expected, "in L{level}");
    let line = "^garden: connection handle=\"u\" protocol=\"tcp\" from=\"10[.0-9]*:[0-9]*\" \
                to=\"192.0.2.2:7000\" in=\"wbrdg-[0-9a-f]*\" out=\"w[a-z2-7]*-1\"$";
    // One of each connection.
    tower.until(
        level,
        &format!("[ $(grep -c '{line}' /var/garden.log) = 2 ]"),
    );
    tower.says(level, "warren container destroy u");
}

/// Memory, processor time and disk of a container of the innermost server: limits are in force, read
/// back, and what goes beyond them is refused. The server gives quotas by shares, and its store is in
/// memory.
#[track_caller]
pub fn limits_hold(tower: &Tower, image: &str) {
    let script = format!(
        "set -e
        warren container create -n limited {image} --limit-memory 134217728 --limit-cpu 1000 \
            --limit-disk 33554432 >/dev/null
        run() {{ warren container run limited --attach -- \"$@\"; }}
        G=/sys/fs/cgroup
        run sh -c \"cat $G/memory.max $G/memory/memory.limit_in_bytes\" 2>/dev/null || true
        run sh -c \"cat $G/cpu.max $G/cpu/cpu.cfs_quota_us\" 2>/dev/null | cut -d ' ' -f 1
        run sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'
        run sh -c \"cat $G/cpu.stat $G/cpu/cpu.stat\" 2>/dev/null | grep -q 'nr_throttled [1-9]' && echo throttled
        run dd if=/dev/zero of=/a bs=1M count=16 2>/dev/null && echo 16 MiB fit
        run dd if=/dev/zero of=/b bs=1M count=32 2>&1 | grep -o 'No space left on device'
        run rm /a /b
        run dd if=/dev/zero of=/dev/shm/x bs=1M count=160 2>/dev/null || echo killed: $?
        warren container info limited --json | grep -o '\"oom\"' | head -n 1
        warren container destroy limited"
    );
    let expected =
        "134217728\n20000\nthrottled\n16 MiB fit\nNo space left on device\nkilled: 137\n\"oom\"";
    assert_eq!(tower.says(tower.depth(), &script), expected);
}

/// Limits, exit codes, streams, users.
#[track_caller]
fn unprivileged(tower: &Tower, image: &str) {
    let at = tower.depth() - 1;
    let script = format!(
        "set -e
        warren container create -n u {image} --limit-memory 67108864 --limit-pids 20 >/dev/null
        run() {{ warren container run u --attach \"$@\"; }}
        run -- sh -c 'exit 17' || echo exit $?
        run --user alice -- id -u
        run -- dd if=/dev/zero of=/dev/shm/x bs=1M count=40 2>/dev/null && echo 40 MiB fit
        run -- rm /dev/shm/x
        run -- dd if=/dev/zero of=/dev/shm/x bs=1M count=80 2>/dev/null || echo 80 MiB do not
        run -- rm -f /dev/shm/x
        run -- sh -c 'for i in $(seq 40); do sleep 1 & done; wait' 2>&1 | grep -o -m 1 fork
        warren container properties u | grep memory
        echo streamed >/tmp/file
        tar -c -C /tmp file | warren container stream-in u --user alice --destination /home/alice/in
        run -- stat -c '%U %n' /home/alice/in/file
        warren container stream-out u --source /home/alice/in/file | tar -x -O
        run -- nc -w 30 192.0.2.2 7000 </dev/null
        run -- mount -t tmpfs x /mnt 2>/dev/null || echo no mount
        warren container destroy u"
    );
    let expected = "exit 17\n1001\n40 MiB fit\n80 MiB do not\nfork\nmemory.limit\t67108864 bytes\n\
                    alice /home/alice/in/file\nstreamed\nneighbour\nno mount";
    assert_eq!(tower.says(at, &script), expected, "in L{at}");
}
