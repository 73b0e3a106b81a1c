//! Calls of a CPI, as a director makes them: one process for each, a JSON document in, one out.
//!
//! What the CPI can is asked once and remembered; stock asks before each call, which doubles the
//! processes. Of a request its method is logged, its id and the ids that it is about, and nothing else: it carries keys.

mod calls;
mod cpi;
mod error;
mod methods;
mod process;

pub use cpi::{Cpi, Log, Settings};
pub use error::Error;
pub use methods::{Info, NewVm};
pub use warren_wire_cpi::{Call, ErrorKind, Network, Networks};
