//! The flags of the stock Garden server, as the wire's table has them.

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use warren_wire_garden::config::{FLAGS, Flag, Kind, OWN, Settings};

/// What was given.
#[derive(Debug)]
pub(super) struct StockFlags(pub Settings);

impl Args for StockFlags {
    fn augment_args(command: Command) -> Command {
        stock().fold(command, |command, flag| {
            let arg = Arg::new(flag.name)
                .long(flag.name)
                .help_heading(flag.group)
                .action(ArgAction::Append);
            let arg = match flag.kind {
                Kind::Switch => arg
                    .value_name("BOOL")
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true"),
                kind => arg.value_name(value_name(kind)),
            };
            command.arg(match (flag.default, flag.repeats) {
                (Some(default), _) => arg.help(format!("[stock default: {default}]")),
                (None, true) => arg.help("May be repeated"),
                (None, false) => arg,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StockFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut settings = Settings::default();
        for flag in stock() {
            for value in matches.get_many::<String>(flag.name).into_iter().flatten() {
                settings.set(flag.name, value).map_err(|error| {
                    let why = std::error::Error::source(&error);
                    let why = why.map_or_else(|| error.to_string(), ToString::to_string);
                    let text = format!("--{} {value:?}: {why}\n", flag.name);
                    Error::raw(ErrorKind::ValueValidation, text)
                })?;
            }
        }
        Ok(Self(settings))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Without our own, which have a place and words of their own.
fn stock() -> impl Iterator<Item = &'static Flag> {
    FLAGS.iter().filter(|flag| !OWN.contains(&flag.name))
}

fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "TEXT",
        Kind::OneOf(_) => "WORD",
        Kind::Switch => "BOOL",
        Kind::Unsigned(_) | Kind::Signed => "NUMBER",
        Kind::Fraction => "FRACTION",
        Kind::Duration => "DURATION",
        Kind::Ip => "ADDRESS",
        Kind::Cidr => "NETWORK",
        Kind::File => "FILE",
    }
}
