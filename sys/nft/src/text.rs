//! Objects in nft's language, for people to read.
//!
//! Exact for what this crate's methods build: the nft command prints the same.
//! Expressions without a type show as `[name N bytes]`.

mod compare;
mod decompile;
mod rule;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use table::element;
