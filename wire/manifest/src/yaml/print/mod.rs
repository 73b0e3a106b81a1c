//! Values into text: which style a scalar gets by dialect, and the block layout that both share.

mod analyze;
mod emit;
mod number;
mod order;
mod style;

pub(crate) use number::go_float;

use super::{Dialect, Value};

/// The document, ending in one line break.
pub(super) fn print(value: &Value, dialect: Dialect) -> String {
    let mut emitter = emit::Emitter::new(dialect);
    emitter.document(value);
    emitter.finish()
}
