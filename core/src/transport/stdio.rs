//! [`own_stdio`]: our own stdin and stdout as a [`Link`].
//!
//! Both are read and written on the task's own thread, without handing each message to another one. Which way depends on
//! what they are:
//! - a pipe or terminal is opened anew through `/proc/self/fd`, so that its non-blocking mode is ours alone and neither a
//!   shell nor stderr on the same pipe ever meets it;
//! - a pipe that cannot be opened anew (macOS) and a socket (what Node gives its children) are made non-blocking as they
//!   are: stderr on the very same one may lose lines then;
//! - anything else, files and `/dev/null` above all, is written directly, and read by a thread into a pipe.
//!
//! After that descriptor 0 is `/dev/null` and descriptor 1 is stderr: a stray print can never get between the messages.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, open};
use rustix::stdio::{dup2_stdin, dup2_stdout};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

use super::Link;

/// Takes our stdin and stdout, once: afterwards nothing is left there to take. Needs a tokio runtime.
///
/// Dropping the writer closes stdout: the client sees the end.
///
/// # Errors
/// When one of them is closed, or the system gives no descriptors.
pub fn own_stdio() -> io::Result<Link> {
    let reader = open_reader(io::stdin().as_fd().try_clone_to_owned()?)?;
    let writer = open_writer(io::stdout().as_fd().try_clone_to_owned()?)?;
    dup2_stdin(File::open("/dev/null")?)?;
    dup2_stdout(io::stderr())?;
    Ok(Link { reader, writer })
}

fn open_reader(fd: OwnedFd) -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
    match kind(&fd)? {
        Kind::Socket => Ok(Box::new(socket(fd)?)),
        Kind::Own(fd) => Ok(Box::new(pipe::Receiver::from_owned_fd_unchecked(fd)?)),
        Kind::Pipe => Ok(Box::new(pipe::Receiver::from_owned_fd_unchecked(nonblocking(fd)?)?)),
        Kind::Other => Ok(Box::new(pumped(fd)?)),
    }
}

fn open_writer(fd: OwnedFd) -> io::Result<Box<dyn AsyncWrite + Send + Unpin>> {
    match kind(&fd)? {
        Kind::Socket => Ok(Box::new(socket(fd)?)),
        Kind::Own(fd) => Ok(Box::new(pipe::Sender::from_owned_fd_unchecked(fd)?)),
        Kind::Pipe => Ok(Box::new(pipe::Sender::from_owned_fd_unchecked(nonblocking(fd)?)?)),
        Kind::Other => Ok(Box::new(Direct(fd.into()))),
    }
}

enum Kind {
    Socket,
    /// A pipe or terminal opened anew, non-blocking.
    Own(OwnedFd),
    /// A pipe that could not be opened anew.
    Pipe,
    Other,
}

fn kind(fd: &OwnedFd) -> io::Result<Kind> {
    let file_type = FileType::from_raw_mode(fstat(fd)?.st_mode);
    Ok(match file_type {
        FileType::Socket => Kind::Socket,
        FileType::Fifo => reopen(fd.as_fd()).map_or(Kind::Pipe, Kind::Own),
        FileType::CharacterDevice if rustix::termios::isatty(fd) => reopen(fd.as_fd()).map_or(Kind::Other, Kind::Own),
        _ => Kind::Other,
    })
}

/// Opens what `fd` stands for once more, non-blocking, with the same access. Fails without `/proc`, on a terminal of
/// somebody else, and on a pipe that nobody reads any more.
fn reopen(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let access = fcntl_getfl(fd)? & OFlags::RWMODE;
    let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(open(format!("/proc/self/fd/{}", fd.as_raw_fd()), flags, Mode::empty())?)
}

fn nonblocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    fcntl_setfl(&fd, fcntl_getfl(&fd)? | OFlags::NONBLOCK)?;
    Ok(fd)
}

fn socket(fd: OwnedFd) -> io::Result<UnixStream> {
    // Only read, write and shutdown are used, which are the same for every kind of stream socket.
    let socket = StdUnixStream::from(fd);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

/// Reads on a thread of its own, into a pipe: what is read ahead is bounded by the pipe. The thread ends with the input,
/// with the reader at the latest after the next input, or with the process.
fn pumped(fd: OwnedFd) -> io::Result<pipe::Receiver> {
    let (reader, mut writer) = io::pipe()?;
    let reader = pipe::Receiver::from_owned_fd_unchecked(nonblocking(reader.into())?)?;
    let mut input = File::from(fd);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // An input that cannot be read is one that has ended.
        let _ = io::copy(&mut input, &mut writer);
    })?;
    Ok(reader)
}

/// A file whose writes end soon, or hold up nobody but a person who stopped the terminal.
struct Direct(File);

impl AsyncWrite for Direct {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write_vectored(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
#[path = "stdio_tests.rs"]
mod tests;
