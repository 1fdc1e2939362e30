//! The command line of every program: as clap reads it, but without a value in any message. What is wrong may be a
//! secret, mistyped or given to the wrong setting.

use std::fmt::Display;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Command, Parser};

use crate::shown;

const HIDDEN: &str = "(not shown)";
/// The longest unknown flag or subcommand that is shown.
const WORD_LIMIT: usize = 40;

/// Reads the command line and the environment. Help and mistakes end the process, with 0 and 2 as by clap itself.
pub fn parse<P: Parser>() -> P {
    let command = without_values(P::command());
    let matches = command.clone().try_get_matches();
    match matches.and_then(|mut matches| P::from_arg_matches_mut(&mut matches)) {
        Ok(parsed) => parsed,
        Err(error) => without_value(error, command).exit(),
    }
}

/// Ends the process as a mistake on the command line does, for what is found out later.
pub fn refuse<P: Parser>(problem: &dyn Display) -> ! {
    P::command().error(ErrorKind::ValueValidation, shown::plain(&problem.to_string())).exit()
}

/// Help that names the variables and not what they hold.
fn without_values(command: Command) -> Command {
    command.mut_args(|argument| argument.hide_env_values(true)).mut_subcommands(without_values)
}

/// The message still says which flag, and the reason is that of a parser, none of which quotes what it read.
fn without_value(mut error: Error, mut command: Command) -> Error {
    let hide = |error: &mut Error, kind, may_be_shown: fn(&str) -> bool| match error.get(kind) {
        Some(ContextValue::String(text)) if !may_be_shown(text) => {
            error.insert(kind, ContextValue::String(HIDDEN.to_owned()));
            // Advice repeats it.
            error.remove(ContextKind::Suggested);
        }
        _ => {}
    };
    match error.kind() {
        ErrorKind::UnknownArgument => hide(&mut error, ContextKind::InvalidArg, is_flag),
        ErrorKind::InvalidSubcommand => hide(&mut error, ContextKind::InvalidSubcommand, is_word),
        // clap does not say where.
        ErrorKind::InvalidUtf8 => {
            let unreadable = unreadable(&command).join(", ");
            if !unreadable.is_empty() {
                return command.error(ErrorKind::InvalidUtf8, format!("invalid UTF-8 in {unreadable}"));
            }
        }
        // Empty: none was given, which the message then says.
        _ => hide(&mut error, ContextKind::InvalidValue, str::is_empty),
    }
    error
}

/// The variables that hold something else than UTF-8.
fn unreadable(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(clap::Arg::get_env);
    let own = own.filter(|name| std::env::var_os(name).is_some_and(|value| value.to_str().is_none()));
    let own = own.map(|name| name.to_string_lossy().into_owned());
    own.chain(command.get_subcommands().flat_map(unreadable)).collect()
}

fn is_flag(text: &str) -> bool {
    text.strip_prefix("--").is_some_and(is_word)
}

fn is_word(text: &str) -> bool {
    text.len() <= WORD_LIMIT && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[derive(Parser, Debug)]
    #[command(name = "test")]
    struct Args {
        /// A flag with a parser.
        #[arg(long, env = "TRACESTAMP_TEST_VALUE", value_parser = crate::parse_duration)]
        value: Option<std::time::Duration>,
        /// One of a set.
        #[arg(long, value_enum)]
        format: Option<crate::log::LogFormat>,
        /// A switch.
        #[arg(long)]
        switch: bool,
        #[command(subcommand)]
        command: Option<Sub>,
    }

    #[derive(clap::Subcommand, Debug)]
    enum Sub {
        /// Another.
        Other {
            /// A flag below.
            #[arg(long, env = "TRACESTAMP_TEST_BELOW")]
            below: Option<u8>,
        },
    }

    fn message(arguments: &[&str]) -> String {
        let command = without_values(Args::command());
        let error = command.clone().try_get_matches_from(["test"].iter().chain(arguments)).unwrap_err();
        without_value(error, command).to_string()
    }

    #[test]
    fn a_mistake_is_named_by_its_flag_and_never_by_its_value() {
        for (arguments, named) in [
            (&["--value", "SECRET"][..], "--value"),
            (&["--value=SECRET"], "no duration"),
            (&["--value=-1s.SECRET"], "--value"),
            (&["--format", "SECRET"], "possible values: text, json"),
            (&["--switch=SECRET"], "--switch"),
            (&["other", "--below", "SECRET"], "--below"),
            (&["other", "SECRET"], "unexpected argument"),
            (&["--valeu=SECRET"], "'--valeu'"),
            (&["--valeu=SECRET"], "'--value'"),
            (&["--SECRET"], "unexpected argument"),
            (&["-SECRET"], "unexpected argument"),
            (&["--value", "--SECRET"], ""),
            (&["SECRET"], "unrecognized subcommand"),
            (&["othr"], "'other'"),
            (&["--value"], "a value is required"),
        ] {
            let message = message(arguments);
            assert!(!message.contains("SECRET"), "{arguments:?}: {message}");
            assert!(message.contains(named), "{arguments:?}: {message}");
        }
    }

    #[test]
    fn help_names_every_variable_without_its_value() {
        let hidden = |command: &Command| command.get_arguments().all(clap::Arg::is_hide_env_values_set);
        let command = without_values(Args::command());
        assert!(hidden(&command) && command.get_subcommands().all(hidden));
        assert!(message(&["--help"]).contains("TRACESTAMP_TEST_VALUE"));
    }
}
