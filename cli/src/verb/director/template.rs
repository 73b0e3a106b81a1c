//! Operations and variables of verbs that take a manifest or a config.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use warren_director_variables::Store;
use warren_wire_manifest::interpolate::{
    Chain, Options, StaticVariables, evaluate, parse_env, parse_file_flag, parse_flag,
    parse_vars_file, render,
};
use warren_wire_manifest::ops::parse_file;
use warren_wire_manifest::yaml::{Dialect, Value, parse};

use super::problem::Problem;
use super::vars_store;

#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Template")]
pub struct Template {
    /// Set a variable
    #[arg(short, long, value_name = "NAME=VALUE")]
    var: Vec<String>,

    /// Set a variable to what is in a file
    #[arg(long, value_name = "NAME=FILE")]
    var_file: Vec<String>,

    /// Set variables from a file
    #[arg(short = 'l', long, value_name = "FILE")]
    vars_file: Vec<String>,

    /// Set variables from the environment: those that begin with PREFIX_
    #[arg(long, value_name = "PREFIX")]
    vars_env: Vec<String>,

    /// Take variables that nothing else gives from a file, and make and keep there those that it does
    /// not have but the document defines
    #[arg(long, value_name = "FILE")]
    vars_store: Option<PathBuf>,

    /// Apply operations from a file
    #[arg(short, long, value_name = "FILE")]
    ops_file: Vec<String>,
}

/// A file's text; `-` is standard input.
pub fn read_text(path: &str) -> Result<String, Problem> {
    let read = match path {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        path => fs::read_to_string(Path::new(path)),
    };
    read.map_err(|error| Problem::text(error.to_string()).step(format!("Reading file '{path}'")))
}

impl Template {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.var.is_empty()
            && self.var_file.is_empty()
            && self.vars_file.is_empty()
            && self.vars_env.is_empty()
            && self.vars_store.is_none()
            && self.ops_file.is_empty()
    }

    /// The document that comes of a file's text.
    pub fn value(&self, text: &str, path: &str, options: &Options) -> Result<Value, Problem> {
        let document = parse(text, Dialect::Go)
            .map_err(|error| Problem::from(error).step(format!("Deserializing file '{path}'")))?;
        self.evaluate(document, options)
    }

    /// What becomes of a document.
    pub fn evaluate(&self, document: Value, options: &Options) -> Result<Value, Problem> {
        let mut variables = StaticVariables::new();
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        for prefix in &self.vars_env {
            let all = environment
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()));
            variables.extend(parse_env(prefix, all)?);
        }
        for path in &self.vars_file {
            variables.extend(parse_vars_file(&read_text(path)?, path)?);
        }
        for flag in &self.var_file {
            let (name, path) = parse_file_flag(flag)?;
            variables.set(&name, Value::from(read_text(&path)?));
        }
        for flag in &self.var {
            let (name, value) = parse_flag(flag)?;
            variables.set(&name, value);
        }
        let mut ops = Vec::new();
        for path in &self.ops_file {
            ops.extend(parse_file(&read_text(path)?, path)?);
        }
        let failed = |error| Problem::from(error).step("Evaluating manifest");
        let Some(path) = &self.vars_store else {
            return evaluate(document, &ops, &mut variables, options).map_err(failed);
        };
        let values = vars_store::read(path)?;
        let mut kernel = vars_store::Kernel;
        let mut store = Store::new(values, &mut kernel, vars_store::now());
        let mut chain = Chain(vec![&mut variables, &mut store]);
        let result = evaluate(document, &ops, &mut chain, options).map_err(failed);
        // What was made is kept, so that the next try finds it.
        vars_store::write(path, &store)?;
        result
    }

    /// The same as text.
    pub fn text(&self, path: &str, options: &Options) -> Result<String, Problem> {
        Ok(render(
            &self.value(&read_text(path)?, path, options)?,
            options,
        ))
    }
}
