//! The programs, run with settings that cannot be used, or can.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tracestamp_core::span::encode;
use tracestamp_spool::{Limits, Writer};

/// One way to run one program.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    arguments: &'static [&'static str],
    pub(crate) least_variables: usize,
}

const fn program(name: &'static str, arguments: &'static [&'static str], least_variables: usize) -> Program {
    Program { name, arguments, least_variables }
}

pub(crate) const PROGRAMS: &[Program] = &[
    program("tracestamp-exporter", &[], 28),
    program("tracestamp-webhook", &[], 35),
    program("tracestamp", &["backfill"], 30),
    program("tracestamp", &["doctor"], 0),
    program("tracestamp", &["spool", "ls"], 0),
];

impl Program {
    pub(crate) fn command(&self) -> Command {
        build();
        let mut command = Command::new(beside(self.name));
        command.env_clear().args(self.arguments).stdin(Stdio::null());
        command
    }

    /// The variables that it reads, of its help.
    pub(crate) fn variables(&self) -> Vec<String> {
        let help = self.command().arg("--help").output().unwrap().stdout;
        let help = String::from_utf8(help).unwrap();
        let names = help.split("[env: ").skip(1).map(|rest| rest.split([']', '=']).next().unwrap().to_owned());
        names.collect()
    }

    /// Everything that comes out until the program ends, or is at work and told its metrics.
    pub(crate) fn run(&self, variables: &[(&str, &OsStr)], arguments: &[&str]) -> String {
        self.run_until(variables, arguments, |output| output.contains("Serving the admin port."))
    }

    /// The same, with a span to deliver, until that has failed.
    pub(crate) fn deliver(&self, variables: &[(&str, &OsStr)]) -> String {
        self.run_until(variables, &[], |output| output.matches("A delivery failed.").count() > 1)
    }

    fn run_until(&self, variables: &[(&str, &OsStr)], arguments: &[&str], done: impl Fn(&str) -> bool) -> String {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name);
        let spool = path("spool");
        let limits = Limits { max_bytes: 1 << 20, segment_bytes: 1 << 20 };
        Writer::open(&spool, limits).unwrap().append(&[encode(&span(), Vec::new()).unwrap()]).unwrap();
        let (certificate, key) = certificate();
        std::fs::write(path("tls.crt"), certificate).unwrap();
        std::fs::write(path("tls.key"), key).unwrap();
        let (out, err) = (path("out"), path("err"));
        let mut command = self.command();
        command
            // What is relative and made lies here.
            .current_dir(directory.path())
            .envs([("TRACESTAMP_LOG_LEVEL", "trace"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")])
            .envs(["TRACESTAMP_ADDRESS", "TRACESTAMP_ADMIN_ADDRESS"].map(|name| (name, "127.0.0.1:0")))
            .env("TRACESTAMP_SPOOL_DIR", &spool)
            .env("TRACESTAMP_TLS_CERTIFICATE", path("tls.crt"))
            .env("TRACESTAMP_TLS_KEY", path("tls.key"))
            .env("KUBECONFIG", path("kubeconfig"))
            .envs(variables.iter().copied())
            .args(arguments)
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap());
        let mut child = command.spawn().unwrap();
        let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut told = String::new();
        // Where nothing is logged it can only be left alone for a while.
        let quiet = Instant::now() + Duration::from_secs(2);
        while child.try_wait().unwrap().is_none() {
            let log = read(&err);
            if done(&log) {
                if let Some(port) = port(&log) {
                    told = get(port, "/metrics") + &get(port, "/ready");
                }
                break;
            }
            if log.is_empty() && Instant::now() > quiet {
                break;
            }
            assert!(Instant::now() < deadline, "{self:?} {variables:?}: {log}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        child.wait().unwrap();
        let all = read(&out) + &read(&err) + &told;
        let may_be_silent = variables.iter().any(|(name, _)| *name == "TRACESTAMP_LOG_LEVEL");
        assert!(may_be_silent || !all.is_empty(), "{self:?} {variables:?} said nothing");
        all
    }
}

/// Whether a variable names a file that is read, or a directory.
pub(crate) fn takes_file(variable: &str) -> bool {
    ["_FILE", "_CERTIFICATE", "_KEY", "_CA", "_DIR", "KUBECONFIG"].iter().any(|end| variable.ends_with(end))
}

fn port(log: &str) -> Option<u16> {
    let line = log.lines().find(|line| line.contains("Serving the admin port."))?;
    let digits = line.rsplit_once("127.0.0.1:")?.1;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn get(port: u16, path: &str) -> String {
    let mut text = String::new();
    let mut ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        stream.read_to_string(&mut text)
    };
    // It may have ended meanwhile.
    let _ = ask();
    text
}

fn certificate() -> (&'static str, &'static str) {
    static PAIR: OnceLock<(String, String)> = OnceLock::new();
    let (certificate, key) = PAIR.get_or_init(|| {
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (issued.cert.pem(), issued.signing_key.serialize_pem())
    });
    (certificate, key)
}

fn span() -> tracestamp_core::span::SpanRecord<'static> {
    use tracestamp_core::Timestamp;
    use tracestamp_core::context::Traceparent;
    use tracestamp_core::span::{SpanRecord, SpanType, Status};
    SpanRecord {
        span_type: SpanType::Step.name().into(),
        kind: SpanType::Step.kind(),
        context: Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap(),
        parent: None,
        parent_is_remote: false,
        tracestate: "".into(),
        name: "build".into(),
        start: Timestamp::from_nanos(1),
        end: Timestamp::from_nanos(2),
        status: Status::Unset,
        resource: vec![],
        attributes: vec![],
        events: vec![],
        dropped_events: 0,
        links: vec![],
    }
}

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_tracestamp")).with_file_name(name)
}

/// Cargo builds only the binaries of the crate under test.
fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = beside("").parent().unwrap().to_owned();
        let status = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--package=tracestamp-webhook", "--package=tracestamp-exporter"])
            .arg("--target-dir")
            .arg(target)
            .status();
        assert!(status.unwrap().success());
    });
}
