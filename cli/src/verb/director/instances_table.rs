//! Instances and VMs as tables.

use warren_director_client::clock;
use warren_director_client::instances::{Disk, Figure, Instance, Memory, Process, Vitals};

use crate::output::Listing;

/// Which columns there are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns {
    pub processes: bool,
    pub details: bool,
    pub vitals: bool,
    /// Only what is not running.
    pub failing: bool,
}

const VITALS: [&str; 12] = [
    "VM Created At",
    "Uptime",
    "Load\n(1m, 5m, 15m)",
    "CPU\nTotal",
    "CPU\nUser",
    "CPU\nSys",
    "CPU\nWait",
    "Memory\nUsage",
    "Swap\nUsage",
    "System\nDisk Usage",
    "Ephemeral\nDisk Usage",
    "Persistent\nDisk Usage",
];

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

fn percent(value: &Option<Figure>) -> String {
    value
        .as_ref()
        .map(|value| format!("{value}%"))
        .unwrap_or_default()
}

/// `7% (1.8 GB)`.
fn memory(value: &Memory) -> String {
    match (&value.percent, value.kb.as_ref().and_then(Figure::value)) {
        (Some(percent), Some(kb)) => format!("{percent}% ({})", decimal(kb * 1000.0)),
        _ => String::new(),
    }
}

/// Bytes in powers of a thousand, with one digit below ten.
fn decimal(bytes: f64) -> String {
    let mut bytes = bytes.max(0.0);
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if bytes < 1000.0 || unit == "TB" {
            return match bytes < 10.0 && unit != "B" {
                true => format!("{bytes:.1} {unit}"),
                false => format!("{bytes:.0} {unit}"),
            };
        }
        bytes /= 1000.0;
    }
    String::new()
}

fn disk(value: &Disk) -> String {
    match (&value.percent, &value.inode_percent) {
        (Some(bytes), Some(inodes)) => format!("{bytes}% ({inodes}i%)"),
        _ => String::new(),
    }
}

fn uptime(secs: Option<u64>) -> String {
    secs.map(clock::uptime).unwrap_or_default()
}

fn vitals(created: &Option<String>, vitals: &Vitals) -> Vec<String> {
    let load: Vec<String> = vitals.load.iter().map(ToString::to_string).collect();
    vec![
        created.as_deref().map(clock::shown).unwrap_or_default(),
        uptime(vitals.uptime.secs),
        load.join(", "),
        percent(&vitals.cpu.total),
        percent(&vitals.cpu.user),
        percent(&vitals.cpu.sys),
        percent(&vitals.cpu.wait),
        memory(&vitals.mem),
        memory(&vitals.swap),
        disk(&vitals.disk.system),
        disk(&vitals.disk.ephemeral),
        disk(&vitals.disk.persistent),
    ]
}

fn process_vitals(process: &Process) -> Vec<String> {
    let cells = [
        String::new(),
        uptime(process.uptime.secs),
        String::new(),
        percent(&process.cpu.total),
        String::new(),
        String::new(),
        String::new(),
        memory(&process.mem),
    ];
    cells
        .into_iter()
        .chain((0..4).map(|_| String::new()))
        .collect()
}

/// `instances`.
pub fn instances(deployment: &str, mut all: Vec<Instance>, columns: Columns) -> Listing {
    all.sort_by_key(Instance::name);
    let mut header = vec!["Instance"];
    if columns.processes {
        header.push("Process");
    }
    header.extend(["Process State", "AZ", "IPs", "Deployment"]);
    if columns.details {
        header.extend([
            "State",
            "VM CID",
            "VM Type",
            "Disk CIDs",
            "Agent ID",
            "Index",
            "Bootstrap",
            "Ignore",
        ]);
    }
    if columns.vitals {
        header.extend(VITALS);
    }
    let mut listing = Listing::new("instances", &header);
    listing.title = format!("Deployment '{deployment}'");
    listing.is_continued = true;
    let mut count = 0;
    for instance in &all {
        let is_errand = instance.state.is_some() && instance.vm_cid.is_none();
        let is_good = instance.job_state.as_deref() == Some("running") || is_errand;
        let are_good = instance
            .processes
            .iter()
            .all(|process| process.state == "running");
        if columns.failing && is_good && are_good {
            continue;
        }
        count += 1;
        let mut row = vec![instance.name()];
        if columns.processes {
            row.push(String::new());
        }
        let ips = instance.ips.join("\n");
        row.extend([
            text(&instance.job_state),
            text(&instance.az),
            ips,
            deployment.to_owned(),
        ]);
        if columns.details {
            row.extend([
                text(&instance.state),
                text(&instance.vm_cid),
                text(&instance.vm_type),
                instance.disk_cids.join("\n"),
                text(&instance.agent_id),
                instance
                    .index
                    .map(|index| index.to_string())
                    .unwrap_or_default(),
                instance.bootstrap.to_string(),
                instance.ignore.to_string(),
            ]);
        }
        if columns.vitals {
            let found = instance.vitals.clone().unwrap_or_default();
            row.extend(vitals(&instance.vm_created_at, &found));
        }
        listing.rows.push(row);
        if !columns.processes {
            continue;
        }
        for process in &instance.processes {
            if columns.failing && process.state == "running" {
                continue;
            }
            let mut row = vec![String::new(), process.name.clone(), process.state.clone()];
            row.extend((0..3).map(|_| String::new()));
            if columns.details {
                row.extend((0..8).map(|_| String::new()));
            }
            if columns.vitals {
                row.extend(process_vitals(process));
            }
            listing.rows.push(row);
        }
    }
    listing.count = Some(count);
    listing
}

/// `vms`.
pub fn vms(
    deployment: &str,
    mut all: Vec<Instance>,
    (has_vitals, has_properties): (bool, bool),
) -> Listing {
    all.sort_by_key(Instance::name);
    let mut header = vec![
        "Instance",
        "Process State",
        "AZ",
        "IPs",
        "VM CID",
        "VM Type",
        "Active",
        "Stemcell",
    ];
    if has_vitals {
        header.extend(VITALS);
    }
    if has_properties {
        header.push("Cloud Properties");
    }
    let mut listing = Listing::new("vms", &header);
    listing.title = format!("Deployment '{deployment}'");
    for vm in &all {
        let stemcell = vm.stemcell.as_ref();
        let stemcell = stemcell.filter(|stemcell| !stemcell.name.is_empty());
        let mut row = vec![
            vm.name(),
            text(&vm.job_state),
            text(&vm.az),
            vm.ips.join("\n"),
            text(&vm.vm_cid),
            text(&vm.vm_type),
            vm.active
                .map(|active| active.to_string())
                .unwrap_or_default(),
            stemcell
                .map(|one| format!("{}/{}", one.name, one.version))
                .unwrap_or_default(),
        ];
        if has_vitals {
            row.extend(vitals(
                &vm.vm_created_at,
                &vm.vitals.clone().unwrap_or_default(),
            ));
        }
        if has_properties {
            let properties = vm.cloud_properties.as_ref().map(super::yaml_text::of);
            row.push(properties.unwrap_or_default());
        }
        listing.rows.push(row);
    }
    listing
}

#[cfg(test)]
mod tests {
    use warren_director_client::instances::parse_lines;

    use super::*;

    /// A recorded result of `instances?format=full`, shortened.
    const RESULT: &[u8] = include_bytes!("fixtures/instances.jsonl");

    fn lines(columns: Columns) -> String {
        instances("zookeeper", parse_lines(RESULT, "test").unwrap(), columns).human()
    }

    #[test]
    fn instances_have_the_recorded_bytes() {
        let recorded = include_str!("fixtures/instances.txt");
        assert_eq!(lines(Columns::default()), recorded);
    }

    #[test]
    fn processes_have_the_recorded_bytes() {
        let recorded = include_str!("fixtures/instances-ps.txt");
        let columns = Columns {
            processes: true,
            ..Columns::default()
        };
        assert_eq!(lines(columns), recorded);
    }

    #[test]
    fn details_have_the_recorded_bytes() {
        let recorded = include_str!("fixtures/instances-details.txt");
        let columns = Columns {
            details: true,
            ..Columns::default()
        };
        assert_eq!(lines(columns), recorded);
    }

    #[test]
    fn vms_have_the_recorded_bytes() {
        let mut all: Vec<Instance> = parse_lines(RESULT, "test").unwrap();
        all.retain(|one| one.vm_cid.is_some());
        assert_eq!(
            vms("zookeeper", all, (false, false)).human(),
            include_str!("fixtures/vms.txt")
        );
    }

    #[test]
    fn vitals_are_told() {
        let all: Vec<Instance> = parse_lines(RESULT, "test").unwrap();
        let json = vms("zookeeper", all, (true, true)).json();
        let row = &json["Rows"][1];
        assert_eq!(row["cloud_properties"], "{}");
        assert_eq!(row["cpu_user"], "15.6%");
        assert_eq!(row["memory_usage"], "7% (1.8 GB)");
        assert_eq!(row["uptime"], "0d 2h 31m 14s");
        assert_eq!(row["system_disk_usage"], "11% (4i%)");
        assert_eq!(row["load_1m_5m_15m"], "0.92, 0.91, 0.82");
    }
}
