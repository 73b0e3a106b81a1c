//! The order of keys in a mapping that Go prints.
//!
//! Numbers and booleans by value, then null, then texts with runs of digits taken as numbers. The rule
//! is the library's and is no order in the mathematical sense, so the sort here is one that cannot trip
//! over contradictions: a stable merge.

use std::cmp::Ordering;

use super::super::{Mapping, Value};

pub(super) fn sorted(map: &Mapping) -> Vec<(&Value, &Value)> {
    let mut runs: Vec<Vec<(&Value, &Value)>> = map.iter().map(|pair| vec![pair]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut runs_left = runs.into_iter();
        while let Some(first) = runs_left.next() {
            merged.push(match runs_left.next() {
                Some(second) => merge(first, second),
                None => first,
            });
        }
        runs = merged;
    }
    runs.pop().unwrap_or_default()
}

fn merge<'a>(
    first: Vec<(&'a Value, &'a Value)>,
    second: Vec<(&'a Value, &'a Value)>,
) -> Vec<(&'a Value, &'a Value)> {
    let mut out = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter().peekable(), second.into_iter().peekable());
    while let (Some(a), Some(b)) = (first.peek(), second.peek()) {
        let next = if less(b.0, a.0) {
            second.next()
        } else {
            first.next()
        };
        out.extend(next);
    }
    out.extend(first);
    out.extend(second);
    out
}

/// What kind of value comes first; numbers and booleans are one kind.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
        Value::Null => 1,
        Value::Seq(_) => 2,
        Value::Map(_) => 3,
        Value::String(_) | Value::Bytes(_) => 4,
    }
}

fn number(value: &Value) -> Option<(f64, u8)> {
    match value {
        Value::Bool(value) => Some((f64::from(u8::from(*value)), 0)),
        Value::Int(value) => Some((*value as f64, 1)),
        Value::Float(value) => Some((*value, 2)),
        _ => None,
    }
}

fn less(a: &Value, b: &Value) -> bool {
    if let (Some((a_value, a_kind)), Some((b_value, b_kind))) = (number(a), number(b)) {
        return match a_value.total_cmp(&b_value).then(a_kind.cmp(&b_kind)) {
            Ordering::Equal => matches!((a, b), (Value::Int(a), Value::Int(b)) if a < b),
            other => other == Ordering::Less,
        };
    }
    match (a, b) {
        (Value::String(a), Value::String(b)) => natural(a, b),
        _ => rank(a) < rank(b),
    }
}

fn natural(a: &str, b: &str) -> bool {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut digits = false;
    for (at, (x, y)) in a.iter().zip(&b).enumerate() {
        if x == y {
            digits = x.is_numeric();
            continue;
        }
        match (x.is_alphabetic(), y.is_alphabetic()) {
            (true, true) => return x < y,
            (false, false) => {}
            (x_letter, y_letter) => return if digits { x_letter } else { y_letter },
        }
        let mut start = 0u64;
        if *x == '0' || *y == '0' {
            // Zeros inside a number count, leading ones do not.
            let significant = a[..at]
                .iter()
                .rev()
                .take_while(|digit| digit.is_numeric())
                .any(|digit| *digit != '0');
            start = u64::from(significant);
        }
        let (x_number, x_end) = run(&a, at, start);
        let (y_number, y_end) = run(&b, at, start);
        if x_number != y_number {
            return x_number < y_number;
        }
        if x_end != y_end {
            return x_end < y_end;
        }
        return x < y;
    }
    a.len() < b.len()
}

/// The number that starts here, and where it ends. Longer ones wrap round, as in Go.
fn run(text: &[char], at: usize, start: u64) -> (i64, usize) {
    let mut value = start as i64;
    let mut end = at;
    while let Some(digit) = text.get(end).filter(|digit| digit.is_numeric()) {
        let digit = i64::from(u32::from(*digit)) - i64::from(u32::from('0'));
        value = value.wrapping_mul(10).wrapping_add(digit);
        end += 1;
    }
    (value, end)
}
