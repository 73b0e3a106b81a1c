//! The CPI where stemcells start systemd: machines as the stock one makes them then, with the host's
//! groups bound in.

use serde_json::{Value, json};
use warren_tests_harness::Output;

/// Of the machine's root in `$F/root`, what systemd needs, as the image of a stemcell; and in it a
/// stand-in for an agent, which may begin before there are settings.
const STEMCELL: &str = r#"mkdir -p $F/stemcell $F/agent/usr/local/bin $F/agent/etc/systemd/system/multi-user.target.wants
cat >$F/agent/usr/local/bin/agent <<'END'
#!/bin/sh
settings=/var/vcap/bosh/warden-cpi-agent-env.json
until [ -s $settings ]; do sleep 0.2; done
cat $settings >/var/vcap/data/seen
echo 127.0.0.1 localhost agent >/etc/hosts
exec sleep 1000000
END
chmod 755 $F/agent/usr/local/bin/agent
printf '[Service]\nExecStart=/usr/local/bin/agent\n' >$F/agent/etc/systemd/system/agent.service
ln -s ../agent.service $F/agent/etc/systemd/system/multi-user.target.wants/
cd $F/root && set -f
without='./boot ./dev/* ./usr/lib/modules ./usr/share/[!d]* ./usr/share/d[!b]* ./var/*/* ./usr/lib/cni
    ./usr/lib/py* ./usr/lib/gcc ./usr/lib/udev/hwdb* ./usr/*/libicu* ./usr/*perl* ./usr/*/*/gconv
    ./usr/bin/*py* ./usr/*docker* ./etc/*docker* ./usr/*bin/skopeo ./usr/*bin/crun ./usr/*bin/runc'
tar --one-file-system $(printf ' --exclude=%s' $without) \
    -cf $F/stemcell/image . -C $F/agent ./usr ./etc 2>$F/stemcell/said
# Directories of a new overlay change when they are looked at.
[ $? -le 1 ] || { cat $F/stemcell/said; exit 2; }"#;

/// See the module; scripts run on the machine with `$F`, where there is a server at `$F/sock`.
pub(crate) struct Cpi<'a> {
    shell: &'a dyn Fn(&str) -> Output,
}

impl<'a> Cpi<'a> {
    /// With its configuration.
    #[track_caller]
    pub(crate) fn new(shell: &'a dyn Fn(&str) -> Output, folder: &str) -> Self {
        let at = |name: &str| format!("{folder}/{name}");
        let config = json!({
            "Warden": {"ConnectNetwork": "unix", "ConnectAddress": at("sock")},
            "Actions": {
                "StemcellsDir": at("stemcells"),
                "DisksDir": at("disks"),
                "HostEphemeralBindMountsDir": at("ephemeral"),
                "HostPersistentBindMountsDir": at("persistent"),
                "ExpandStemcellTarball": false,
                "BindHostCgroup": true,
                "Agent": {"Mbus": "nats://10.254.50.4:4222", "NTP": [], "Blobstore": {}},
            },
            "start_containers_with_systemd": true,
        });
        shell(&format!("printf %s '{config}' >$F/cpi.json")).success();
        Self { shell }
    }

    #[track_caller]
    fn answer(&self, method: &str, arguments: &Value) -> Value {
        let request = json!({"method": method, "arguments": arguments, "api_version": 2,
            "context": {"director_uuid": "d", "request_id": "cpi-1"}});
        let call = format!("printf %s '{request}' | /warren cpi --config $F/cpi.json");
        let said = (self.shell)(&call).success();
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
    }

    /// Makes a call that must succeed; its result.
    #[track_caller]
    fn call(&self, method: &str, arguments: &Value) -> Value {
        let mut answer = self.answer(method, arguments);
        let log = || (self.shell)("cat $F/log").stdout;
        assert_eq!(
            answer["error"],
            Value::Null,
            "{method}: {answer}\n{}",
            log()
        );
        answer["result"].take()
    }

    /// Makes a machine of the machine's own root; its id.
    #[track_caller]
    pub(crate) fn create(&self, folder: &str) -> String {
        (self.shell)(STEMCELL).success();
        let image = format!("{folder}/stemcell/image");
        let stemcell = self.call("create_stemcell", &json!([image, {}]));
        (self.shell)("rm -r $F/stemcell").success();
        let network = json!({"type": "manual", "ip": "10.244.0.5", "netmask": "255.255.255.0",
            "cloud_properties": {}, "default": ["dns", "gateway"], "dns": ["192.0.2.2"],
            "gateway": "10.244.0.1"});
        let made = self.call(
            "create_vm",
            &json!(["agent-1", stemcell, {}, {"default": network}, [], {}]),
        );
        made[0].as_str().unwrap().to_owned()
    }

    /// The machine is complete, a disk is seen in it while it is attached, and nothing of it is left.
    #[track_caller]
    pub(crate) fn assert_whole(&self, cid: &str, folder: &str, run: &dyn Fn(&str) -> Output) {
        let seen = format!("until [ -s {folder}/ephemeral/{cid}/seen ]; do sleep 0.1; done");
        (self.shell)(&format!("{seen}; cat {folder}/ephemeral/{cid}/seen")).success();
        let settings = run("cat /var/vcap/data/seen").success().stdout;
        let settings: Value = serde_json::from_str(&settings).unwrap();
        assert_eq!(settings["agent_id"], "agent-1");
        assert_eq!(settings["vm"]["id"], cid);
        assert_eq!(run("systemctl is-active agent").stdout, "active\n");
        // Systemd has the others replaced if it wants to; this file is the agent's.
        let mounts = run("cat /proc/mounts").stdout;
        assert!(!mounts.contains(" /etc/hosts "), "{mounts}");
        let reboot = self.answer("reboot_vm", &json!([cid]));
        assert_eq!(reboot["error"]["type"], "Bosh::Clouds::NotSupported");

        let disk = self.call("create_disk", &json!([16, {}, cid]));
        let hint = self.call("attach_disk", &json!([cid, disk]));
        let path = hint.as_str().or_else(|| hint["path"].as_str()).unwrap();
        let is_there = || run(&format!("mountpoint -q {path}")).code == 0;
        assert!(is_there(), "{path}: {}", run("cat /proc/mounts").stdout);
        self.call("detach_disk", &json!([cid, disk]));
        assert!(!is_there(), "{path}: {}", run("cat /proc/mounts").stdout);
        self.call("delete_disk", &json!([disk]));
        self.call("delete_vm", &json!([cid]));
        assert_eq!(self.call("has_vm", &json!([cid])), false);
        let left =
            format!("grep {folder}/[ep] /proc/self/mountinfo; ls $F/ephemeral $F/persistent");
        let left = (self.shell)(&left).stdout;
        assert!(!left.contains(cid), "{left}");
    }
}
