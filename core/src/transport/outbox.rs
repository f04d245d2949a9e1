//! Bytes on their way out: small messages are gathered, large ones are written from where they are.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::protocol::{Run, Spliced};

/// Runs shorter than this are copied together; longer ones keep their memory and cost no copy.
const COPY_BELOW: usize = 8 * 1024;
/// Most slices given to one write.
const N_SLICES: usize = 16;
/// A gathering buffer that grew over this does not stay so large.
const KEEP_CAPACITY: usize = 64 * 1024;

/// Lines to be written. Unbounded itself: its owner looks at [`Outbox::len`] before it takes more in.
#[derive(Debug, Default)]
pub struct Outbox {
    done: VecDeque<Bytes>,
    /// What comes after that; the first `n_written` bytes are written.
    open: Vec<u8>,
    n_written: usize,
    /// Bytes not written yet.
    len: usize,
}

impl Outbox {
    /// Bytes not written yet.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether everything is written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a message as one line.
    pub fn push(&mut self, message: &Spliced) {
        message.for_each_run(
            #[inline(always)]
            |run| self.put_run(&run),
        );
        self.put(b"\n");
    }

    /// Adds a line made of these parts.
    pub fn push_parts(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.put(part);
        }
        self.put(b"\n");
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    #[inline(always)]
    fn put_run(&mut self, run: &Run<'_>) {
        let bytes = run.bytes();
        if bytes.len() < COPY_BELOW { self.put(bytes) } else { self.put_large(run.to_bytes()) }
    }

    fn put_large(&mut self, run: Bytes) {
        let n_written = std::mem::take(&mut self.n_written);
        if self.open.len() > n_written {
            self.done.push_back(Bytes::from(std::mem::take(&mut self.open)).slice(n_written..));
        }
        self.len += run.len();
        self.done.push_back(run);
    }

    /// Writes once, as much as the peer takes.
    ///
    /// # Errors
    /// As the writer; a writer that takes nothing is an error.
    ///
    /// # Cancel safety
    /// Cancel safe: what was written is gone from the outbox, the rest is still there.
    pub async fn write<W: AsyncWrite + Unpin + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        let n = if self.done.is_empty() {
            writer.write(&self.open[self.n_written..]).await?
        } else {
            let mut slices = [IoSlice::new(&[]); N_SLICES];
            let parts = self.done.iter().map(|b| &b[..]).chain(std::iter::once(&self.open[self.n_written..]));
            let mut n_slices = 0;
            for (slice, part) in slices.iter_mut().zip(parts) {
                *slice = IoSlice::new(part);
                n_slices += 1;
            }
            writer.write_vectored(&slices[..n_slices]).await?
        };
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.forget(n);
        Ok(())
    }

    fn forget(&mut self, mut n: usize) {
        self.len -= n;
        while let Some(first) = self.done.front_mut() {
            if n < first.len() {
                return first.advance(n);
            }
            n -= first.len();
            self.done.pop_front();
        }
        self.n_written += n;
        if self.n_written == self.open.len() {
            // Start at the beginning of the memory, or give it back when it grew large.
            self.n_written = 0;
            self.open.clear();
            self.open.shrink_to(KEEP_CAPACITY);
        } else if self.n_written > self.open.len() / 2 {
            // Each byte is moved once for one that was written.
            self.open.drain(..self.n_written);
            self.n_written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_pushed_comes_out_in_order_whatever_a_write_takes() {
        let big = Bytes::from(vec![b'b'; 3 * COPY_BELOW]);
        let mut outbox = Outbox::default();
        let mut expected = Vec::new();
        for i in 0..50 {
            let text = format!("small {i}");
            outbox.push_parts(&[b"small ", i.to_string().as_bytes()]);
            expected.extend_from_slice(text.as_bytes());
            expected.push(b'\n');
            if i % 7 == 0 {
                outbox.push(&Spliced::new(big.clone()));
                expected.extend_from_slice(&big);
                expected.push(b'\n');
            }
        }
        assert_eq!(outbox.len(), expected.len());
        // A pipe that takes 1000 bytes at a time.
        let (mut here, mut there) = tokio::io::duplex(1000);
        let reading = async move {
            let mut all = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut there, &mut all).await.expect("memory");
            all
        };
        let writing = async move {
            while !outbox.is_empty() {
                outbox.write(&mut here).await.expect("memory");
            }
        };
        let (all, ()) = tokio::join!(reading, writing);
        assert_eq!(all, expected);
    }
}
