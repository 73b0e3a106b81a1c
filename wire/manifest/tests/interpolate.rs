//! Every recorded run of the stock `bosh int`, replayed: `fixtures/interpolate.md`.
#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be read fails the test"
)]

use warren_wire_manifest::interpolate::{
    Options, StaticVariables, evaluate, parse_env, parse_flag, parse_vars_file, render,
};
use warren_wire_manifest::ops::parse_file;
use warren_wire_manifest::yaml::{Dialect, parse};

/// One `## name` section.
#[derive(Default)]
struct Case {
    name: String,
    manifest: Option<String>,
    operations: Option<String>,
    files: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    exit: u32,
    output: String,
}

/// The lines of the fenced block that starts here.
fn block<'a>(lines: &mut impl Iterator<Item = &'a str>) -> String {
    let body: Vec<&str> = lines.take_while(|line| *line != "```").collect();
    body.iter().map(|line| format!("{line}\n")).collect()
}

/// Words of a command line, single quotes removed.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

fn cases() -> (String, Vec<Case>) {
    let text = include_str!("fixtures/interpolate.md");
    let mut lines = text.lines();
    let mut base = String::new();
    let mut cases: Vec<Case> = Vec::new();
    let mut label = String::new();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("## ") {
            cases.push(Case {
                name: name.to_owned(),
                ..Case::default()
            });
            label.clear();
            continue;
        }
        let Some(case) = cases.last_mut() else {
            if line == "```yaml" {
                base = block(&mut lines);
            }
            continue;
        };
        if line == "```yaml" {
            let body = block(&mut lines);
            match std::mem::take(&mut label).as_str() {
                "" => case.manifest = Some(body),
                "operations" => case.operations = Some(body),
                file => case.files.push((file.to_owned(), body)),
            }
        } else if line == "```" {
            case.output = block(&mut lines);
        } else if let Some(arguments) = line.strip_prefix("arguments: `") {
            case.arguments = words(arguments.strip_suffix('`').unwrap());
        } else if let Some(environment) = line.strip_prefix("environment `") {
            for pair in words(environment.strip_suffix('`').unwrap()) {
                let (key, value) = pair.split_once('=').unwrap();
                case.environment.push((key.to_owned(), value.to_owned()));
            }
        } else if let Some(code) = line.strip_prefix("exit ") {
            case.exit = code.parse().unwrap();
        } else {
            label = line.to_owned();
        }
    }
    (base, cases)
}

/// What the command prints: standard output, or the error's text.
fn run(base: &str, case: &Case) -> Result<String, String> {
    let file = |name: &str| &case.files.iter().find(|(file, _)| file == name).unwrap().1;
    let mut options = Options::default();
    let (mut from_env, mut from_files, mut from_flags) = (Vec::new(), Vec::new(), Vec::new());
    let mut store = Vec::new();
    let mut arguments = case.arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            "-v" => from_flags.push(parse_flag(arguments.next().unwrap()).unwrap()),
            "-l" => {
                let name = arguments.next().unwrap();
                from_files.extend(parse_vars_file(file(name), name).unwrap());
            }
            "--vars-store" => {
                let name = arguments.next().unwrap();
                store.extend(parse_vars_file(file(name), name).unwrap());
            }
            "--path" => options.path = Some(arguments.next().unwrap().parse().unwrap()),
            "--var-errs" => options.expect_all = true,
            "--var-errs-unused" => options.expect_used = true,
            other => {
                let prefix = other.strip_prefix("--vars-env=").unwrap();
                let environment = case
                    .environment
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str()));
                from_env.extend(parse_env(prefix, environment).unwrap());
            }
        }
    }
    let mut values = StaticVariables::new();
    for source in [store, from_env, from_files, from_flags] {
        values.extend(source);
    }
    let ops = match &case.operations {
        // The flag's parser says which flag it was.
        Some(text) => parse_file(text, "ops.yml").map_err(|error| {
            format!(
                "invalid argument for flag `-o, --ops-file' (expected []opts.OpsFileArg): {error}"
            )
        })?,
        None => Vec::new(),
    };
    let text = case.manifest.as_deref().unwrap_or(base);
    let document = parse(text, Dialect::Go).map_err(|error| error.to_string())?;
    let result =
        evaluate(document, &ops, &mut values, &options).map_err(|error| error.to_string())?;
    Ok(render(&result, &options))
}

#[test]
fn every_recorded_run_gives_the_same() {
    let (base, cases) = cases();
    assert_eq!(cases.len(), 48, "the fixture has lost or won cases");
    let mut wrong = Vec::new();
    for case in &cases {
        let (exit, output) = match run(&base, case) {
            Ok(output) => (0, output),
            Err(error) => (1, format!("\n{error}\nExit code 1\n")),
        };
        if (exit, &output) != (case.exit, &case.output) {
            wrong.push(format!(
                "## {}\nrecorded {}:\n{}here {exit}:\n{output}",
                case.name, case.exit, case.output
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
