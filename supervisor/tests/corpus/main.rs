//! Monit files of the shapes that public releases have, and what each says, one line for each service.
//!
//! ```text
//! KIND NAME OBJECT [start COMMAND user:group timeout] [stop ...] [groups] [depends] [every N] [mode] [RULE -> ACTION]...
//! ```

mod cases;
mod words;

use std::path::Path;

use warren_supervisor::monitrc::parse;

#[test]
fn every_file_says_what_it_says() {
    let mut wrong = Vec::new();
    for (text, expected) in cases::CASES {
        let said = match parse(Path::new("job.monit"), text) {
            Ok(file) => file.services.iter().map(words::service).collect(),
            Err(error) => vec![error.to_string()],
        };
        let said = said.join("\n");
        if said != *expected {
            wrong.push(format!("{text}\nsaid     {said}\nexpected {expected}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases::CASES.len() >= 40, "{}", cases::CASES.len());
}

#[test]
fn what_is_no_monit_file_is_told_with_its_line() {
    for (text, line) in cases::WRONG {
        let error = parse(Path::new("job.monit"), text).unwrap_err();
        assert_eq!(error.line, *line, "{error}:\n{text}");
    }
}
