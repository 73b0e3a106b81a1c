//! A sandbox for the tests: `warren-test-sandbox [--check] [--read PATH]... [--] PROGRAM ...`.

use std::process::ExitCode;

use warren_container_sandbox::{Options, check, run};

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let mut options = Options::new("true");
    let mut only_check = false;
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--check") => only_check = true,
            Some("--read") => options.readable.extend(words.next().map(Into::into)),
            Some("--") => {}
            _ => {
                options.program = word.into();
                break;
            }
        }
    }
    options.arguments = words.collect();
    options.environment = std::env::vars_os()
        .filter(|(name, _)| name == "PATH" || name == "LANG")
        .collect();
    let outcome = if only_check {
        check(&options).map(|report| {
            println!("{}", report.line());
            0
        })
    } else {
        run(&options, |report| {
            if report.is_weaker() {
                eprintln!("sandbox: {}", report.line());
            }
        })
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(125)
        }
    }
}
