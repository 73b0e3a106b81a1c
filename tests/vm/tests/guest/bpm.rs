//! A job's process in a unit that systemd has been asked for: what systemd and the kernel say of it,
//! and that the unit goes with the process, however bpm ends.

use warren_tests_harness::protocol::Program;
use warren_tests_vm::Turn;

/// Programs here take a while: all of it is emulated.
const LIMIT_MS: u64 = 600_000;

/// One job in a `/var/vcap` and with a user of the test's own, from its start to its end.
const LIFE: &str = r#"
set -eu
F=/var/tmp/warren-test-bpm; V=$F/v
mkdir -p $V/jobs/web/config $V/packages $V/data/packages $V/sys/run $V/sys/log
cp /etc/passwd $F/passwd; echo vcap:x:1000:1000::/:/bin/sh >>$F/passwd
mount --bind $F/passwd /etc/passwd
cat >$V/jobs/web/config/bpm.yml <<YML
processes:
- name: web
  executable: /bin/sh
  args: [-c, 'trap "echo bye; exit" TERM; echo ready; while :; do sleep 0.1; done']
  limits: {memory: 64M, processes: 50}
YML
export BPM_BOSH_ROOT=$V WARREN_BPM_CGROUP_DRIVER=systemd
log=$V/sys/log/web/web.stdout.log
ready() { until grep -qs ready $log; do sleep 0.1; done; }
units() { systemctl list-units --all --plain --no-legend 'warren-*-bpm-bpm-*' | cut -d' ' -f1; }
# One that systemd is about to forget is none: it does so in its own time.
gone() { end=$(($(date +%s)+120)); until [ -z "$(units)" ]; do
    [ $(date +%s) -lt $end ] || { echo "left: $(units)"; return; }; sleep 0.1; done; echo gone; }

/warren bpm start web; ready
unit=$(units); group=/sys/fs/cgroup/system.slice/$unit/bpm-web
echo $unit | sed 's/warren-[0-9a-f]*-/warren-TAG-/'
for each in ActiveState Transient Delegate DevicePolicy; do systemctl show -p $each $unit; done
pid=$(/warren bpm pid web)
[ "0::${group#/sys/fs/cgroup}/init" = "$(cat /proc/$pid/cgroup)" ] && echo placed
[ -z "$(cat ${group%/*}/init/cgroup.procs)" ] && echo alone
cat $group/memory.max $group/memory.swap.max $group/pids.max
systemctl daemon-reload
cat $group/memory.max $group/pids.max
# A verb that is not told of the driver finds the unit in the record.
WARREN_BPM_CGROUP_DRIVER= /warren bpm stop web
tail -n 1 $log; gone; [ ! -e ${group%/*} ] || echo a group is left

rm $log; /warren bpm start web & bpm=$!
until [ -n "$(units)" ] || ! kill -0 $bpm; do :; done
kill -9 $bpm; wait $bpm || [ $? = 137 ] && echo killed
/warren bpm start web; ready; units | wc -l
kill -9 $(/warren bpm pid web); gone
/warren bpm list | tail -n 1 | tr -s ' '
/warren bpm stop web; /warren bpm list | tail -n 1 | tr -s ' '
umount /etc/passwd; rm -r $F
"#;

const EXPECTED: &str = "\
warren-TAG-bpm-bpm-web.scope
ActiveState=active
Transient=yes
Delegate=yes
DevicePolicy=auto
placed
alone
67108864
0
50
67108864
50
bye
gone
killed
1
gone
web - failed
web - stopped
";

#[test]
fn a_process_is_in_a_unit_that_goes_with_it() {
    let turn = Turn::take();
    let vm = turn.vm();
    let output = vm.actor().run_program(Program {
        argv: ["unshare", "--mount", "sh", "-c", LIFE]
            .map(str::to_owned)
            .to_vec(),
        env: Vec::new(),
        stdin: String::new(),
        timeout_ms: LIMIT_MS,
    });
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (0, EXPECTED),
        "{}",
        output.stderr
    );
}
