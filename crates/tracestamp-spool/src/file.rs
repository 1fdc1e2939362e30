//! Files of a directory that others may write to.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a regular file for reading, and nothing else: follows no link, and waits for no writer of a FIFO and no lease.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
        // Of a link, and of a socket.
        Err(error) if [Errno::LOOP, Errno::NXIO].map(Errno::raw_os_error).map(Some).contains(&error.raw_os_error()) => {
            return Err(not_regular());
        }
        file => file?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// Makes a file that was not there before. What another process or a stranger left under its name is removed, not
/// written to.
pub(crate) fn create_anew(path: &Path) -> io::Result<File> {
    let create = || File::options().write(true).create_new(true).open(path);
    match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            make_way(path)?;
            create()
        }
        file => file,
    }
}

/// Gives a file another name, replacing what has that name.
pub(crate) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            make_way(to)?;
            fs::rename(from, to)
        }
        renamed => renamed,
    }
}

/// Removes a file or a link; a directory, which may hold something, is set aside.
fn make_way(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => set_aside(path),
        removed => removed,
    }
}

/// Renames a file so that neither process looks at it again, for people to look at.
pub(crate) fn set_aside(path: &Path) -> io::Result<()> {
    let mut aside = OsString::from(path);
    aside.push(".quarantined");
    fs::rename(path, aside)
}
