//! No value of a setting comes out of any program: each setting is given marked secrets, and everything that comes out is
//! searched for the mark.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod program;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::Mutex;

use program::{PROGRAMS, Program, takes_file};

/// As it lies in the settings. It is searched for in any case, for a URL's host is turned into small letters.
const MARK: &str = "S3CR3TMARK";
/// The same in base64, as it is sent for a URL's user.
const ENCODED: &str = "UzNDUjNUTUFSS";

/// What somebody may have given to a setting by mistake, or rightly.
fn forms() -> Vec<OsString> {
    let mut forms: Vec<OsString> = [
        "M",
        "M=",
        "a=M",
        "Authorization: Basic M==",
        "authorization=Bearer M,M",
        "a=%ffM",
        "https://user:M@127.0.0.1:1/M?key=M#M",
        "https://user:%4d%20M@127.0.0.1:1/{trace_id}",
        "https://user:M@otlp.example.com:99999",
        "https://user:1/M@otlp.example.com",
        "user:M@127.0.0.1:4317",
        "M://127.0.0.1",
        "-----BEGIN PRIVATE KEY-----M-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nM\n",
        "\u{1b}[31mM\nM",
        "{\"token\":\"M\"}",
    ]
    .map(|form| form.replace('M', MARK).into())
    .into();
    forms.push(OsString::from_vec([MARK.as_bytes(), b"\xff"].concat()));
    forms
}

fn assert_hidden(output: &str, context: &dyn std::fmt::Debug) {
    let found = output.to_ascii_uppercase().contains(MARK) || output.contains(ENCODED);
    // As a list of bytes, which is how the errors of the PEM library quote a file.
    let bytes = format!("{:?}", MARK.as_bytes());
    let found = found || output.contains(bytes.trim_matches(['[', ']']));
    assert!(!found, "{context:?}: {output}");
}

#[test]
fn help_shows_no_value_of_any_variable() {
    for program in PROGRAMS {
        let variables = program.variables();
        assert!(variables.len() > program.least_variables, "{program:?}: {variables:?}");
        let mut command = program.command();
        command.args(["--help"]).envs(variables.iter().map(|name| (name, MARK)));
        let output = command.output().unwrap();
        assert!(output.status.success() && output.stdout.len() > 100, "{program:?}");
        assert_hidden(&format!("{output:?}"), program);
    }
}

#[test]
fn a_secret_given_to_any_setting_is_in_no_message_log_or_metric() {
    let forms = forms();
    // Each setting gets every fifth form, others than its neighbour.
    let mut runs: Vec<(&Program, String, &OsStr)> = Vec::new();
    for program in PROGRAMS {
        for (index, variable) in program.variables().into_iter().enumerate() {
            runs.extend(
                forms.iter().skip(index % 5).step_by(5).map(|form| (program, variable.clone(), form.as_os_str())),
            );
        }
    }
    let runs = Mutex::new(runs.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(run) = runs.lock().unwrap().next() else { return };
                    let (program, variable, form) = &run;
                    assert_hidden(&program.run(&[(variable, form)], &[]), &run);
                }
            });
        }
    });
}

#[test]
fn a_mistyped_argument_with_a_secret_is_not_repeated() {
    for program in PROGRAMS {
        for argument in ["M", "--header=M", "--headers-fileM", "--Authorization=M", "-M", "--log-level=M=M", "--M"] {
            let argument = argument.replace('M', MARK);
            assert_hidden(&program.run(&[], &[&argument]), &(program, &argument));
        }
    }
}

#[test]
fn a_file_with_a_secret_in_the_wrong_place_is_not_quoted() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("file");
    for program in PROGRAMS {
        let variables = program.variables().into_iter().filter(|name| takes_file(name));
        for (index, variable) in variables.enumerate() {
            for form in forms().iter().skip(index % 5).step_by(5) {
                fs::write(&file, form.as_bytes()).unwrap();
                assert_hidden(&program.run(&[(&variable, file.as_os_str())], &[]), &(program, &variable, form));
            }
        }
    }
}

#[test]
fn an_exporter_with_secrets_in_all_that_it_is_set_to_logs_none_while_it_fails() {
    let headers = format!("authorization=Bearer {MARK},x-{MARK}={MARK}");
    let exporter = &PROGRAMS[0];
    for (protocol, own_traces) in [("http/protobuf", "false"), ("grpc", "false"), ("grpc", "true")] {
        for format in ["text", "json"] {
            let endpoint = format!("http://{MARK}:{MARK}@127.0.0.1:9/{MARK}?api_key={MARK}");
            let output = exporter.deliver(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", OsStr::new(&endpoint)),
                ("OTEL_EXPORTER_OTLP_HEADERS", OsStr::new(&headers)),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", OsStr::new(protocol)),
                ("TRACESTAMP_OWN_TRACES", OsStr::new(own_traces)),
                ("TRACESTAMP_LOG_FORMAT", OsStr::new(format)),
            ]);
            assert!(output.contains("A delivery failed."), "{protocol}: {output}");
            assert!(output.contains("http://127.0.0.1:9"), "{protocol}: {output}");
            assert_hidden(&output, &(protocol, format));
        }
    }
}
