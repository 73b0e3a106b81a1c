//! Pages for browsers and for the stock command line, which reads error texts out of them.

use super::xml::{VERSION, text};
use crate::view::Snapshot;

/// A page with a message between the tags where the stock command line looks for it.
pub(super) fn message(title: &str, message: &str) -> String {
    let (title, message) = (text(title), text(message));
    format!(
        "<html><head><title>{title}</title></head><body bgcolor=#FFFFFF><h2>{title}</h2>{message}\
         <p><hr><font size=-1>monit {VERSION}</font></body></html>"
    )
}

/// All services.
pub(super) fn overview(snapshot: &Snapshot) -> String {
    let summary = super::text::summary(snapshot, |_| true);
    body(&summary)
}

/// A text as it is.
pub(super) fn body(plain: &str) -> String {
    let lines: Vec<String> = plain.lines().map(text).collect();
    let lines = lines.join("\n");
    format!("<html><head><title>Monit</title></head><body><pre>{lines}</pre></body></html>")
}
