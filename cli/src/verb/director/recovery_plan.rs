//! Recovery plans: what is done about each kind of problem, group by group; the file that
//! `create-recovery-plan` writes and `recover` reads, in the bosh CLI's format.
//!
//! ```yaml
//! instance_groups_plan:
//! - name: web
//!   max_in_flight_override: 50%          # a number or a percentage; may be missing
//!   planned_resolutions:
//!     missing_vm: recreate_vm            # kind of problem: name of a resolution
//! ```
//!
//! Keys that are not known are skipped, as by the bosh CLI. A kind that is not named stays as it is.

use std::collections::BTreeMap;

use warren_director_client::rest::Problem as Found;
use warren_wire_manifest::yaml::{Dialect, Mapping, Value, parse, to_go};

/// What leaves a problem alone, where it is offered.
const IGNORE: &str = "ignore";

/// Problems of each group.
pub type ByGroup = BTreeMap<String, Vec<Found>>;

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan(pub Vec<Group>);

/// What is done in a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How many machines at once, if not as many as the manifest says.
    pub max_in_flight: Option<String>,
    /// Names of resolutions, by kind of problem.
    pub resolutions: BTreeMap<String, String>,
}

/// Problems by group, by their numbers; an error if the director does not say of which group they are.
pub fn by_group(problems: Vec<Found>) -> Result<ByGroup, String> {
    let mut groups = ByGroup::new();
    for problem in problems {
        if problem.instance_group.is_empty() {
            return Err(format!(
                "The director does not say of which instance group problem {} is; use \
                 'cloud-check' instead",
                problem.id
            ));
        }
        let group = problem.instance_group.clone();
        groups.entry(group).or_default().push(problem);
    }
    for problems in groups.values_mut() {
        problems.sort_by_key(|problem| problem.id);
    }
    Ok(groups)
}

/// A number or a percentage of machines, as it stands in manifests.
pub fn count(text: &str) -> Result<String, String> {
    let digits = text.strip_suffix('%').unwrap_or(text);
    match !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err(format!("Expected a number or a percentage, not '{text}'")),
    }
}

impl Plan {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document = parse(text, Dialect::Go).map_err(|error| error.to_string())?;
        let groups = document.get("instance_groups_plan");
        let groups = groups.and_then(Value::as_seq).ok_or_else(|| {
            "Expected 'instance_groups_plan' to be a list of instance groups".to_owned()
        })?;
        groups
            .iter()
            .enumerate()
            .map(|(at, group)| {
                Group::parse(group).map_err(|error| format!("Instance group {}: {error}", at + 1))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// A file's text.
    pub fn text(&self) -> String {
        let mut text = "instance_groups_plan:\n".to_owned();
        for group in &self.0 {
            text.push_str(&group.text());
        }
        text
    }

    /// What is done in a group; nothing if the plan does not name it.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.0.iter().find(|group| group.name == name)
    }

    /// Asserts that each resolution that is planned is one for the problems that there are.
    pub fn check(&self, problems: &ByGroup) -> Result<(), String> {
        let all = problems.values().flatten();
        for (problem, planned) in all.filter_map(|one| Some((one, self.planned(one)?))) {
            let offered: Vec<&str> = names(problem).collect();
            if !offered.contains(&planned) {
                return Err(format!(
                    "Instance group '{}': '{planned}' is no resolution of {}, but: {}",
                    problem.instance_group,
                    problem.kind,
                    offered.join(", ")
                ));
            }
        }
        Ok(())
    }

    fn planned(&self, problem: &Found) -> Option<&str> {
        let group = self.group(&problem.instance_group)?;
        group.resolutions.get(&problem.kind).map(String::as_str)
    }

    /// What is done about a problem, for people.
    pub fn shown<'a>(&self, problem: &'a Found) -> &'a str {
        let planned = self.planned(problem);
        let mut offered = problem.resolutions.iter();
        let found = offered.find(|one| planned.is_some() && one.name.as_deref() == planned);
        found.map_or("No resolution planned", |one| &one.plan)
    }

    /// What is asked of the director, by number of the problem: directors may want to hear of each, so
    /// one without a plan is told to be left alone, where that is offered.
    pub fn answers(&self, problems: &ByGroup) -> BTreeMap<u64, Option<String>> {
        let answer = |problem: &Found| {
            let left_alone = || names(problem).find(|name| *name == IGNORE);
            let name = self.planned(problem).or_else(left_alone)?;
            Some((problem.id, Some(name.to_owned())))
        };
        problems.values().flatten().filter_map(answer).collect()
    }

    /// How many machines at once, by group, where the plan says so.
    pub fn overrides(&self) -> BTreeMap<String, String> {
        let of = |group: &Group| Some((group.name.clone(), group.max_in_flight.clone()?));
        self.0.iter().filter_map(of).collect()
    }
}

fn names(problem: &Found) -> impl Iterator<Item = &str> {
    problem
        .resolutions
        .iter()
        .filter_map(|one| one.name.as_deref())
}

/// A scalar as text; the bosh CLI takes numbers for texts as well.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Group {
    fn parse(value: &Value) -> Result<Self, String> {
        let name = value.get("name").and_then(scalar);
        let name = name.ok_or("Expected a 'name'")?;
        let at = |error: String| format!("'{name}': {error}");
        let max_in_flight = match value.get("max_in_flight_override") {
            None | Some(Value::Null) => None,
            Some(value) => Some(scalar(value).ok_or_else(|| {
                at("Expected 'max_in_flight_override' to be a number or a percentage".to_owned())
            })?),
        };
        let max_in_flight = max_in_flight.filter(|text| !text.is_empty());
        let max_in_flight = max_in_flight.map(|text| count(&text)).transpose();
        let max_in_flight = max_in_flight.map_err(at)?;
        let mut resolutions = BTreeMap::new();
        match value.get("planned_resolutions") {
            None | Some(Value::Null) => {}
            Some(Value::Map(planned)) => {
                for (kind, resolution) in planned.iter() {
                    let pair = scalar(kind).zip(scalar(resolution));
                    let (kind, resolution) = pair.ok_or_else(|| {
                        at("Expected each of 'planned_resolutions' to be 'TYPE: NAME'".to_owned())
                    })?;
                    resolutions.insert(kind, resolution);
                }
            }
            Some(_) => return Err(at("Expected 'planned_resolutions' to be a map".to_owned())),
        }
        Ok(Self {
            name,
            max_in_flight,
            resolutions,
        })
    }

    /// An element of the list, its keys in the bosh CLI's order.
    fn text(&self) -> String {
        let resolutions = self.resolutions.iter();
        let mut planned = Mapping::new();
        for (kind, name) in resolutions {
            planned.insert(kind.clone(), name.clone());
        }
        let fields = [
            Some(("name", Value::String(self.name.clone()))),
            self.max_in_flight
                .clone()
                .map(|text| ("max_in_flight_override", Value::String(text))),
            Some(("planned_resolutions", Value::Map(planned))),
        ];
        let mut text = String::new();
        for (key, value) in fields.into_iter().flatten() {
            let mut field = Mapping::new();
            field.insert(key.to_owned(), value);
            text.push_str(&to_go(&Value::Map(field)));
        }
        let lines = text.lines().enumerate().map(|(at, line)| match at {
            0 => format!("- {line}\n"),
            _ => format!("  {line}\n"),
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The plan of the documentation of the bosh CLI.
    const PLAN: &str = "instance_groups_plan:
- name: cloud_controller_ng
  planned_resolutions:
    missing_vm: recreate_vm_without_wait
    unresponsive_agent: reboot_vm
- name: diego_cell
  max_in_flight_override: \"3\"
  planned_resolutions:
    missing_vm: recreate_vm_without_wait
    mount_info_mismatch: reattach_disk_and_reboot
- name: router
  max_in_flight_override: 100%
  planned_resolutions:
    missing_vm: recreate_vm_without_wait
    unresponsive_agent: reboot_vm
";

    #[test]
    fn the_documented_plan_is_read_and_written() {
        let plan = Plan::parse(PLAN).unwrap();
        assert_eq!(plan.text(), PLAN);
        let overrides: Vec<_> = plan.overrides().into_iter().collect();
        let pair = |group: &str, count: &str| (group.to_owned(), count.to_owned());
        assert_eq!(overrides, [pair("diego_cell", "3"), pair("router", "100%")]);
        assert_eq!(plan.group("router").unwrap().resolutions.len(), 2);
        assert_eq!(plan.group("web"), None);
    }

    #[test]
    fn what_is_left_out_is_nothing() {
        for text in [
            "instance_groups_plan: [{name: web}]",
            "instance_groups_plan: [{name: web, more: [1], max_in_flight_override: null}]",
            "instance_groups_plan: [{name: web, max_in_flight_override: '', planned_resolutions: ~}]",
        ] {
            let plan = Plan::parse(text).unwrap();
            let group = Group {
                name: "web".to_owned(),
                ..Group::default()
            };
            assert_eq!(plan, Plan(vec![group]), "{text}");
        }
        let plan = Plan::parse("instance_groups_plan: [{name: 7, max_in_flight_override: 3}]");
        let plan = plan.unwrap();
        assert_eq!(plan.0[0].max_in_flight.as_deref(), Some("3"));
        assert_eq!(plan.0[0].name, "7");
        assert_eq!(Plan::parse("instance_groups_plan: []"), Ok(Plan::default()));
    }

    #[test]
    fn what_is_no_plan_is_told_where() {
        for (text, error) in [
            ("", "'instance_groups_plan' to be a list"),
            ("[]", "'instance_groups_plan' to be a list"),
            (
                "instance_groups_plan: {web: {}}",
                "'instance_groups_plan' to be a list",
            ),
            (
                "instance_groups_plan: [web]",
                "Instance group 1: Expected a 'name'",
            ),
            (
                "instance_groups_plan: [{name: a}, {name: [a]}]",
                "Instance group 2: Expected a 'name'",
            ),
            (
                "instance_groups_plan: [{name: web, max_in_flight_override: most}]",
                "Instance group 1: 'web': Expected a number or a percentage, not 'most'",
            ),
            (
                "instance_groups_plan: [{name: web, max_in_flight_override: [1]}]",
                "'web': Expected 'max_in_flight_override' to be a number or a percentage",
            ),
            (
                "instance_groups_plan: [{name: web, planned_resolutions: [missing_vm]}]",
                "'web': Expected 'planned_resolutions' to be a map",
            ),
            (
                "instance_groups_plan: [{name: web, planned_resolutions: {missing_vm: {}}}]",
                "'web': Expected each of 'planned_resolutions' to be 'TYPE: NAME'",
            ),
            ("instance_groups_plan: [", ""),
        ] {
            let said = Plan::parse(text).unwrap_err();
            assert!(said.contains(error), "{text}: {said}");
        }
    }

    #[test]
    fn a_count_is_a_number_or_a_percentage() {
        for good in ["1", "12", "50%", "100%"] {
            assert_eq!(count(good).unwrap(), good);
        }
        for bad in ["", "%", "-1", "1.5", "5 %", "50%%", "many", "１"] {
            assert!(count(bad).is_err(), "{bad}");
        }
    }

    /// Without Unicode's separators of lines, of which the CLI's YAML library itself loses count.
    const NAME: &str = r"[^\pC\p{Zl}\p{Zp}]{1,12}";

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(
            groups in prop::collection::vec(
                (NAME, prop::option::of("[0-9]{1,4}%?"),
                 prop::collection::btree_map(NAME, NAME, 0..4)),
                1..4,
            ),
        ) {
            let group = |(name, max_in_flight, resolutions)| Group { name, max_in_flight, resolutions };
            let plan = Plan(groups.into_iter().map(group).collect());
            prop_assert_eq!(Plan::parse(&plan.text()), Ok(plan));
        }

        #[test]
        fn junk_gives_an_answer(text in "\\PC{0,200}") {
            let _ = Plan::parse(&text);
            let _ = Plan::parse(&format!("instance_groups_plan:\n- {text}"));
        }
    }
}
