//! A verb of a director that failed: each cause below the step that it is the cause of.
//!
//! ```text
//! Fetching manifest:
//!   Finding deployment 'nope':
//!     Director responded with non-successful status code '404' response '...'
//! ```

use std::error::Error;
use std::fmt;

use crate::failure::Failure;

/// Steps, the outermost first, and the cause.
#[derive(Debug)]
pub struct Problem(Vec<String>);

impl Problem {
    /// From a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![text.into()])
    }

    /// Of a verb that is none of a director's.
    pub fn of(failure: Failure) -> Self {
        let remedy = failure.remedy.map(|text| format!("\nRemedy: {text}"));
        Self::text(failure.message + &remedy.unwrap_or_default())
    }

    /// Says what was being done.
    #[must_use]
    pub fn step(mut self, step: impl Into<String>) -> Self {
        self.0.insert(0, step.into());
        self
    }

    /// Whether the director failed, as its status says, and not the request.
    pub fn is_of_director(&self) -> bool {
        let is_of_director = |step: &String| step.contains("non-successful status code '5");
        self.0.iter().any(is_of_director)
    }
}

impl<E: Error> From<E> for Problem {
    fn from(error: E) -> Self {
        let mut steps = vec![error.to_string()];
        let mut source = error.source();
        while let Some(error) = source {
            let text = error.to_string();
            // Some errors of others repeat their sources.
            if steps.last() != Some(&text) {
                steps.push(text);
            }
            source = error.source();
        }
        let was_asked = steps.iter().any(|step| step.starts_with(ASKING));
        if let Some(cause) = steps.last_mut()
            && let Some(remedy) = remedy(cause, was_asked)
        {
            cause.push('\n');
            cause.push_str(remedy);
        }
        Self(steps)
    }
}

/// How a request begins that got no answer.
const ASKING: &str = "Performing request ";

/// What to do about a cause; of refusals with a code people see what the stock command line says, and no more.
fn remedy(cause: &str, was_asked: bool) -> Option<&'static str> {
    let is = |text: &str| cause.contains(text);
    let is_nobody = [
        "Connection refused",
        "No route to host",
        "unreachable",
        "timeout",
    ];
    Some(match cause {
        _ if is("certificate: UnknownIssuer") => {
            "Nobody here trusts who signed it: give the authority with --ca-cert, WARREN_CA_CERT or BOSH_CA_CERT"
        }
        // Who is known and may not is told which scopes it takes.
        _ if is("status code '401'") && !is("Require one of the scopes") => {
            "The director does not know this user with this password: give both with --client and --client-secret, \
             WARREN_CLIENT and WARREN_CLIENT_SECRET or BOSH_CLIENT and BOSH_CLIENT_SECRET, or log in"
        }
        _ if was_asked && is_nobody.iter().any(|text| is(text)) => {
            "Nobody answers there: is it the director's address, and does the director run? 'warren status' tells of \
             this machine's own"
        }
        _ => return None,
    })
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (level, step) in self.0.iter().enumerate() {
            let indent = "  ".repeat(level);
            let text = step.replace('\n', &format!("\n{indent}"));
            let end = if level + 1 == self.0.len() { "" } else { ":\n" };
            write!(f, "{indent}{text}{end}")?;
        }
        Ok(())
    }
}
