//! Runs a process and stops it at each of its system calls (ptrace(2)).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A system call that is about to be made and that others could notice.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// The file, or `socket:[…]`.
    pub(crate) target: PathBuf,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Go,
    /// The process is killed before the call is made.
    Kill,
    /// The call is not made and gives this error.
    Fail(Errno),
    /// The call is made after this long.
    Delay(Duration),
}

/// A process at work.
pub(crate) struct Traced {
    pid: Pid,
    /// Its exit code; `None` when it was killed.
    thread: JoinHandle<Option<i32>>,
}

impl Traced {
    /// Starts the command; `act` is asked before each call.
    pub(crate) fn start(command: &Command, log: &Path, act: impl FnMut(&Call) -> Act + Send + 'static) -> Self {
        let mut shell = Command::new("sh");
        // It waits until it is traced.
        shell.args(["-c", "read -r _; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            shell.env(name, value.unwrap_or(OsStr::new("")));
        }
        let log = File::options().create(true).append(true).open(log).unwrap();
        shell.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let (tell, told) = channel();
        // All requests have to come from the thread that traces.
        let thread = thread::spawn(move || {
            let child = shell.spawn().unwrap();
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            tell.send(pid).unwrap();
            Tracer { child, pid, act, failing: BTreeMap::new(), delayed: Vec::new() }.run()
        });
        Self { pid: pid(&told), thread }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    pub(crate) fn terminate(&self) {
        // It may be gone.
        let _ = kill(self.pid, Signal::SIGTERM);
    }

    pub(crate) fn kill(&self) {
        let _ = kill(self.pid, Signal::SIGKILL);
    }

    /// Its exit code once it is gone; `None` when it was killed.
    pub(crate) fn end(self) -> Option<i32> {
        self.thread.join().unwrap()
    }
}

fn pid(told: &Receiver<Pid>) -> Pid {
    told.recv().unwrap()
}

struct Tracer<A> {
    child: Child,
    pid: Pid,
    act: A,
    /// Threads whose call is not made, and what it gives.
    failing: BTreeMap<Pid, Errno>,
    delayed: Vec<(Instant, Pid)>,
}

impl<A: FnMut(&Call) -> Act> Tracer<A> {
    fn run(mut self) -> Option<i32> {
        let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
        ptrace::seize(self.pid, options).expect("children may be traced (see kernel.yama.ptrace_scope, below 3)");
        ptrace::interrupt(self.pid).unwrap();
        loop {
            // Of this thread's children alone: others have processes of their own.
            let mut flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
            flags.set(WaitPidFlag::WNOHANG, !self.delayed.is_empty());
            match waitpid(None, Some(flags)) {
                Ok(WaitStatus::PtraceSyscall(thread)) => self.call(thread),
                Ok(WaitStatus::PtraceEvent(thread, ..)) => {
                    if let Some(mut stdin) = self.child.stdin.take() {
                        stdin.write_all(b"go\n").unwrap();
                    }
                    go_on(thread, None);
                }
                Ok(WaitStatus::Stopped(thread, signal)) => go_on(thread, Some(signal)),
                Ok(WaitStatus::Exited(process, code)) if process == self.pid => return Some(code),
                Ok(WaitStatus::Signaled(process, ..)) if process == self.pid => return None,
                Ok(WaitStatus::StillAlive) => thread::sleep(Duration::from_millis(1)),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return None,
                Err(error) => panic!("waitpid: {error}"),
            }
            self.delayed.retain(|&(until, thread)| {
                let waits = Instant::now() < until;
                if !waits {
                    go_on(thread, None);
                }
                waits
            });
        }
    }

    fn call(&mut self, thread: Pid) {
        // Killed meanwhile.
        let (Ok(info), Ok(mut registers)) = (ptrace::syscall_info(thread), ptrace::getregs(thread)) else { return };
        if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            if let Some(errno) = self.failing.remove(&thread) {
                registers.rax = (-i64::from(errno as i32)).cast_unsigned();
                let _ = ptrace::setregs(thread, registers);
            }
            return go_on(thread, None);
        }
        let Some(call) = decode(self.pid, &registers) else { return go_on(thread, None) };
        match (self.act)(&call) {
            Act::Go => go_on(thread, None),
            Act::Kill => kill(self.pid, Signal::SIGKILL).unwrap(),
            Act::Fail(errno) => {
                // No call has this number.
                registers.orig_rax = u64::MAX;
                let _ = ptrace::setregs(thread, registers);
                self.failing.insert(thread, errno);
                go_on(thread, None);
            }
            Act::Delay(wait) => self.delayed.push((Instant::now() + wait, thread)),
        }
    }
}

/// Fails when the process was killed meanwhile, which `waitpid` tells.
fn go_on(thread: Pid, signal: Option<Signal>) {
    let _ = ptrace::syscall(thread, signal);
}

fn decode(process: Pid, registers: &libc::user_regs_struct) -> Option<Call> {
    let of_path = |name, address| Some(Call { name, target: path(process, address)? });
    let of_file = |name| {
        let target = fs::read_link(format!("/proc/{process}/fd/{}", registers.rdi)).ok()?;
        Some(Call { name, target })
    };
    let creates = registers.rdx & libc::O_CREAT as u64 != 0;
    match i64::try_from(registers.orig_rax).ok()? {
        libc::SYS_openat if creates => of_path("create", registers.rsi),
        libc::SYS_rename => of_path("rename", registers.rdi),
        libc::SYS_renameat | libc::SYS_renameat2 => of_path("rename", registers.rsi),
        libc::SYS_unlink => of_path("unlink", registers.rdi),
        libc::SYS_unlinkat => of_path("unlink", registers.rsi),
        libc::SYS_flock => of_file("lock"),
        libc::SYS_fsync | libc::SYS_fdatasync => of_file("sync"),
        libc::SYS_read | libc::SYS_recvfrom | libc::SYS_readv => of_file("read"),
        libc::SYS_write | libc::SYS_writev | libc::SYS_sendto | libc::SYS_sendmsg => of_file("write"),
        _ => None,
    }
}

/// A path in the process' memory.
fn path(process: Pid, mut address: u64) -> Option<PathBuf> {
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let (mut path, mut byte) = (Vec::new(), [0]);
    loop {
        match memory.read_at(&mut byte, address) {
            Ok(1) if byte[0] != 0 => path.push(byte[0]),
            Ok(1) => return Some(PathBuf::from(OsString::from_vec(path))),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            _ => return None,
        }
        address += 1;
    }
}
