//! The command `cluster`.

mod record;

use std::process::{Command, ExitCode, ExitStatus};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::CommandExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::binaries::Group;
use crate::cluster::{Cluster, take_down};
use crate::component::{RUN_VARIABLE, interrupt, interrupted, left_behind};
use crate::examples::{self, ExamplesArgs};
use crate::machine;
use crate::shared::{CLUSTER_VARIABLE, Shared};
use record::RecordArgs;

/// Runs a real Kubernetes cluster with Tekton and Jaeger on this machine.
#[derive(Parser)]
#[command(name = "cluster")]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Installs the packages and builds the programs that a cluster needs.
    Build,
    /// Starts a cluster, keeps it until Ctrl-C and takes it down.
    Up,
    /// Takes away what a killed harness left.
    Down,
    /// Starts a cluster, runs a command (by default the tests) with `TRACESTAMP_E2E` set, and takes it down.
    Run {
        /// The command and its arguments.
        #[arg(trailing_var_arg = true)]
        command: Vec<String>,
    },
    /// Plays Tekton's own examples without and with tracestamp and compares.
    Examples(ExamplesArgs),
    Record(Box<RecordArgs>),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    match Arguments::parse().command.carry_out() {
        Ok(_) if left_behind() => ExitCode::FAILURE,
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Action {
    fn carry_out(self) -> Result<ExitCode> {
        let obstacles = match &self {
            Self::Record(arguments) if arguments.is_foreign() => Vec::new(),
            _ => machine::obstacles(),
        };
        if !obstacles.is_empty() {
            eprintln!("SKIPPED: no cluster can run on this machine:\n  {}", obstacles.join("\n  "));
            let demanded = std::env::var("CI").is_ok_and(|ci| ci == "true");
            return Ok(if demanded { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let _entered = runtime.enter();
        watch_signals()?;
        match self {
            Self::Build => build(),
            Self::Up => up(),
            Self::Down => take_down().map(|()| ExitCode::SUCCESS),
            Self::Run { command } => run(&command),
            Self::Examples(arguments) => play_examples(&arguments),
            Self::Record(arguments) => arguments.record(),
        }
    }
}

/// Ctrl-C and TERM only say so: whoever waits gives up, and the cluster is taken down as its value is dropped.
fn watch_signals() -> Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut signals = signal(kind)?;
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                interrupt();
            }
        });
    }
    Ok(())
}

fn build() -> Result<ExitCode> {
    machine::install_packages()?;
    for group in Group::all() {
        println!("{}", group.build()?.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn up() -> Result<ExitCode> {
    let mut cluster = Cluster::start()?;
    let shared = cluster.shared();
    println!("export {CLUSTER_VARIABLE}={}", shared.file().display());
    println!("export KUBECONFIG={}", shared.kubectl.kubeconfig().display());
    println!("Jaeger: {}; Ctrl-C takes it down", shared.jaeger_query);
    while !interrupted() {
        if let Some(message) = cluster.ended() {
            bail!("{message}");
        }
        thread::sleep(Duration::from_millis(200));
    }
    cluster.succeeded();
    Ok(ExitCode::SUCCESS)
}

fn run(command: &[String]) -> Result<ExitCode> {
    let commands = if command.is_empty() { tests() } else { vec![command.to_vec()] };
    build_tracestamp()?;
    let mut cluster = Cluster::start()?;
    let mut failed = Vec::new();
    for command in commands {
        let status = run_on(&mut cluster, &command)?;
        if !status.success() {
            failed.push(format!("`{}`: {status}", command.join(" ")));
        }
    }
    if failed.is_empty() {
        cluster.succeeded();
        return Ok(ExitCode::SUCCESS);
    }
    bail!("{}", failed.join("\n"))
}

/// All tests. Behaviours mostly wait for a container: more of them than cores can be proven at once, but for those that
/// change the cluster for everybody, in files called `alone_…`.
fn tests() -> Vec<Vec<String>> {
    let together = ["--", "--test-threads=6", "--skip=alone_"].as_slice();
    let alone = ["--test=behaviour", "--", "--test-threads=1", "alone_"].as_slice();
    let cargo = ["cargo", "test", "--package=tracestamp-tests"].as_slice();
    [together, alone].map(|more| [cargo, more].concat().into_iter().map(str::to_owned).collect()).to_vec()
}

fn run_on(cluster: &mut Cluster, command: &[String]) -> Result<ExitStatus> {
    let (program, arguments) = command.split_first().context("no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env(CLUSTER_VARIABLE, cluster.shared().file())
        .env(RUN_VARIABLE, &cluster.shared().directory)
        .process_group(0)
        .spawn()
        .with_context(|| program.clone())?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let end = |signal| group.is_some_and(|group| kill_process_group(group, signal).is_ok());
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupted() {
            end(Signal::INT);
            child.wait()?;
            bail!("interrupted");
        }
        if let Some(message) = cluster.ended() {
            end(Signal::KILL);
            bail!("{message}");
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Tests run the programs as they are built now.
fn build_tracestamp() -> Result<()> {
    let packages = ["--package", "tracestamp-webhook", "--package", "tracestamp-exporter", "--package", "tracestamp"];
    let status = Command::new("cargo").arg("build").args(packages).current_dir(machine::project()).status()?;
    if !status.success() {
        bail!("tracestamp does not build");
    }
    Ok(())
}

fn play_examples(arguments: &ExamplesArgs) -> Result<ExitCode> {
    build_tracestamp()?;
    on_a_cluster(|shared| examples::run(shared, arguments))?;
    Ok(ExitCode::SUCCESS)
}

/// On the cluster that is running, else on one for this alone.
fn on_a_cluster<T>(what: impl FnOnce(&Shared) -> Result<T>) -> Result<T> {
    if let Some(shared) = Shared::find()? {
        return what(&shared);
    }
    let mut cluster = Cluster::start()?;
    let result = what(cluster.shared())?;
    cluster.succeeded();
    Ok(result)
}
