use std::io::Read;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// What comes out of `into` and through `from` again, in vectored writes.
async fn check_pair(from: OwnedFd, into: OwnedFd) {
    let mut reader = open_reader(from).unwrap();
    let mut writer = open_writer(into).unwrap();
    assert!(writer.is_write_vectored());
    // More than any pipe takes at once: both sides have to wait for each other.
    let (head, body) = (vec![b'h'; 100], vec![b'b'; 1 << 20]);
    let expected = [&head[..], &body[..]].concat();
    let write = async move {
        let mut left = vec![head, body];
        while !left.is_empty() {
            let slices: Vec<_> = left.iter().map(|bytes| IoSlice::new(bytes)).collect();
            let mut n = writer.write_vectored(&slices).await.unwrap();
            assert!(n > 0);
            while n > 0 {
                let some = n.min(left[0].len());
                left[0].drain(..some);
                n -= some;
                if left[0].is_empty() {
                    left.remove(0);
                }
            }
        }
        writer.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let (read, ()) = tokio::join!(reader.read_to_end(&mut got), write);
    assert_eq!(read.unwrap(), expected.len());
    assert!(got == expected);
}

fn is_nonblocking(fd: &OwnedFd) -> bool {
    fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
}

#[tokio::test]
async fn pipes_carry_everything_and_keep_their_mode() {
    let (from, into) = io::pipe().unwrap();
    let (from, into) = (OwnedFd::from(from), OwnedFd::from(into));
    let theirs = from.try_clone().unwrap();
    check_pair(from, into).await;
    // Only where a pipe can be opened anew.
    if reopen(theirs.as_fd()).is_ok() {
        assert!(!is_nonblocking(&theirs));
    }
}

#[tokio::test]
async fn a_pipe_that_cannot_be_opened_anew_works_too() {
    let (from, into) = io::pipe().unwrap();
    let mut reader = pipe::Receiver::from_owned_fd_unchecked(nonblocking(from.into()).unwrap()).unwrap();
    drop(into);
    assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn sockets_carry_everything() {
    let (a, b) = StdUnixStream::pair().unwrap();
    check_pair(a.into(), b.into()).await;
}

#[tokio::test]
async fn a_file_is_read_to_its_end_and_written() {
    let mut from = tempfile::tempfile().unwrap();
    let into = tempfile::NamedTempFile::new().unwrap();
    let text = vec![b'x'; 300_000];
    from.write_all(&text).unwrap();
    io::Seek::rewind(&mut from).unwrap();
    let mut reader = open_reader(from.into()).unwrap();
    let mut writer = open_writer(into.reopen().unwrap().into()).unwrap();
    assert!(writer.is_write_vectored());
    assert_eq!(tokio::io::copy(&mut reader, &mut writer).await.unwrap(), 300_000);
    let mut got = Vec::new();
    File::open(into.path()).unwrap().read_to_end(&mut got).unwrap();
    assert!(got == text);
}

#[tokio::test]
async fn dev_null_ends_at_once() {
    let null = || File::options().read(true).write(true).open("/dev/null").unwrap().into();
    assert_eq!(open_reader(null()).unwrap().read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(open_writer(null()).unwrap().write(b"gone").await.unwrap(), 4);
}

#[tokio::test]
async fn a_reader_that_left_is_an_error_not_a_wait() {
    let (from, into) = io::pipe().unwrap();
    drop(from);
    let error = open_writer(into.into()).unwrap().write(b"x").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_terminal_keeps_its_mode() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal: OwnedFd = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let theirs = terminal.try_clone().unwrap();
    let mut reader = open_reader(terminal).unwrap();
    rustix::io::write(&master, b"typed\n").unwrap();
    let mut got = [0; 6];
    reader.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"typed\n");
    assert!(!is_nonblocking(&theirs));
}

#[tokio::test]
#[ignore = "not a test: the process of the test below"]
async fn role_echo() {
    if std::env::var_os("ROLE").is_none() {
        return;
    }
    let mut link = own_stdio().unwrap();
    println!("a stray print");
    tokio::io::copy(&mut link.reader, &mut link.writer).await.unwrap();
}

#[tokio::test]
async fn nothing_but_messages_gets_to_stdout() {
    use crate::transport::{Child, ChildSpec, Ended, ExitReason, Grace, Guardian};
    let role = ["--ignored", "--nocapture", "--exact", "transport::stdio::tests::role_echo"];
    let spec = ChildSpec {
        program: std::env::current_exe().unwrap(),
        args: role.map(Into::into).to_vec(),
        cwd: None,
        env: vec![("ROLE".into(), "1".into())],
        is_batch: false,
    };
    let mut child = Child::spawn(&spec, &Guardian::none()).unwrap();
    child.stdin.take().unwrap().write_all(b"{\"a\":1}\n{\"b\":2}\n").await.unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    let (stdout, stderr) = (child.stdout.as_mut().unwrap(), child.stderr.as_mut().unwrap());
    let (a, b) = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
    assert!(a.is_ok() && b.is_ok());
    // The test program itself says something before and after: only what comes after `own_stdio` counts.
    let (_, after) = out.split_once("{\"a\":1}").expect("the first message");
    assert_eq!(after, "\n{\"b\":2}\n");
    assert!(err.contains("a stray print"), "{err}");
    let grace = Grace { eof: std::time::Duration::from_secs(30), ..Grace::default() };
    assert_eq!(child.end(grace).await, Ended::Eof(ExitReason::Code(0)));
}
