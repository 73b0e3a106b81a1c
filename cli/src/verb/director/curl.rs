//! `warren curl`.

use warren_director_client::Method;

use super::template::read_text;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Path and query, such as /info
    #[arg(value_name = "PATH")]
    path: String,

    /// GET, POST, PUT or DELETE
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    method: String,

    /// Add a header
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    header: Vec<String>,

    /// Send what is in a file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    body: Option<String>,

    /// Show the answer's headers too
    #[arg(short = 'i', long)]
    show_headers: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let method = match self.method.to_ascii_uppercase().as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            other => return Err(Problem::text(format!("Unknown method '{other}'"))),
        };
        if !self.path.starts_with('/') {
            return Err(Problem::text(format!("Expected path '{}' to begin with '/'", self.path)));
        }
        let mut headers = Vec::new();
        for header in &self.header {
            let (name, value) = header.split_once(':').ok_or_else(|| {
                Problem::text(format!("Expected header '{header}' to be in format 'name: value'"))
            })?;
            headers.push((name.trim(), value.trim()));
        }
        let body = self.body.as_deref().map(read_text).transpose()?.unwrap_or_default();
        let director = session.director()?;
        let answer = director.raw(method, &self.path, &headers, body.into_bytes())?;
        if self.show_headers {
            let mut text = format!("HTTP/1.1 {}\n", answer.status);
            for (name, value) in answer.headers {
                text.push_str(&format!("{name}: {value}\n"));
            }
            session.console.block(&format!("{text}\n"));
        }
        session.console.raw(&answer.body);
        match answer.status {
            200..=399 => Ok(0),
            status => Err(Problem::text(format!(
                "Director responded with non-successful status code '{status}'"
            ))),
        }
    }
}
