//! A verb of a director that failed: each cause below the step that it is the cause of.
//!
//! ```text
//! Fetching manifest:
//!   Finding deployment 'nope':
//!     Director responded with non-successful status code '404' response '...'
//! ```

use std::error::Error;
use std::fmt;

/// Steps, the outermost first, and the cause.
#[derive(Debug)]
pub struct Problem(Vec<String>);

impl Problem {
    /// From a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![text.into()])
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
        if let Some(cause) = steps.last_mut()
            && cause.contains("certificate: UnknownIssuer")
        {
            cause.push_str(
                "\nNobody here trusts who signed it: give the authority with --ca-cert, WARREN_CA_CERT or BOSH_CA_CERT",
            );
        }
        Self(steps)
    }
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
