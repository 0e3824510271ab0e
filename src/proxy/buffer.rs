//! The memory that a direction reads into. What it read may be held by the judge for a while, and thousands of connections may have nothing to read.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;

use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The first buffer of a direction; it grows while reads fill it.
const SMALL_READ: usize = 8 << 10;
/// The largest.
const LARGE_READ: usize = 256 << 10;
/// So many buffers that the judge may still need are looked at before there is a new one. What may wait for the judge fills fewer.
const USED_BUFFERS: usize = 8;

/// What a direction reads into: as large as its reads are.
pub(super) struct ReadBuffer {
    /// What was read last. The judge may still hold what was split off before.
    pub(super) bytes: BytesMut,
    /// So much is asked for at once.
    size: usize,
    /// Used up before: the judge may have let go of them. Kept only while reads follow without a pause.
    used: Vec<BytesMut>,
}

impl ReadBuffer {
    pub(super) fn new() -> Self {
        Self { bytes: BytesMut::new(), size: SMALL_READ, used: Vec::new() }
    }

    /// Reads behind what is there. Returns how much that was, with 0 for the end.
    pub(super) async fn read<R: AsyncRead + Unpin>(&mut self, reader: &mut R) -> io::Result<usize> {
        self.make_room();
        let room = self.room().min(self.size);
        let Self { bytes, used, size } = self;
        let mut spare = bytes.limit(room);
        let mut reading = pin!(reader.read_buf(&mut spare));
        let count = poll_fn(|context| {
            let polled = reading.as_mut().poll(context);
            if polled.is_pending() {
                used.clear();
            }
            polled
        })
        .await?;
        if count == *size && *size < LARGE_READ {
            *size *= 2;
        } else if count < *size / 8 && *size > SMALL_READ {
            *size /= 2;
        }
        Ok(count)
    }

    /// The judge keeps the memory of a read for as long as the read waits, and what waits is counted by its bytes: so a buffer is used to three
    /// quarters at least before there is another, however little a read brings.
    fn make_room(&mut self) {
        if self.room() >= self.size / 4 || self.bytes.try_reclaim(self.size) {
            return;
        }
        let size = self.size;
        let free = self.used.iter_mut().position(|used| used.try_reclaim(size));
        let next = free.map_or_else(|| BytesMut::with_capacity(size), |free| self.used.swap_remove(free));
        let last = std::mem::replace(&mut self.bytes, next);
        if self.used.len() < USED_BUFFERS {
            self.used.push(last);
        }
    }

    fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// What was read, as the judge holds it; `count` reads that bring `each` bytes.
    async fn reads(buffer: &mut ReadBuffer, count: usize, each: usize) -> Vec<Bytes> {
        let data = vec![7; each];
        let mut held = Vec::new();
        for _ in 0..count {
            let mut left = &data[..];
            while !left.is_empty() {
                buffer.read(&mut left).await.expect("memory can be read");
                held.push(buffer.bytes.split().freeze());
            }
        }
        held
    }

    /// So many buffers lie behind these.
    fn buffers(held: &[Bytes]) -> usize {
        1 + held.windows(2).filter(|pair| pair[0].as_ptr().wrapping_add(pair[0].len()) != pair[1].as_ptr()).count()
    }

    #[tokio::test]
    async fn what_waits_for_the_judge_takes_little_more_memory_than_its_bytes() {
        let mut buffer = ReadBuffer { size: LARGE_READ, ..ReadBuffer::new() };
        let held = reads(&mut buffer, 100, LARGE_READ / 8 + 1).await;
        let bytes: usize = held.iter().map(Bytes::len).sum();
        assert!(buffers(&held) * LARGE_READ <= bytes * 4 / 3 + 2 * LARGE_READ, "{} buffers for {bytes} bytes", buffers(&held));
    }

    #[tokio::test]
    async fn a_buffer_that_the_judge_let_go_of_is_used_again() {
        let mut buffer = ReadBuffer { size: LARGE_READ, ..ReadBuffer::new() };
        let held = reads(&mut buffer, 3, LARGE_READ).await;
        let places: Vec<_> = held.iter().map(|bytes| bytes.as_ptr()).collect();
        drop(held);
        let again = reads(&mut buffer, 3, LARGE_READ).await;
        assert!(again.iter().all(|bytes| places.contains(&bytes.as_ptr())));
    }

    #[tokio::test]
    async fn a_pause_gives_memory_back() {
        let mut buffer = ReadBuffer { size: LARGE_READ, ..ReadBuffer::new() };
        let _held = reads(&mut buffer, 3, LARGE_READ).await;
        assert!(!buffer.used.is_empty());
        let (_open, mut silent) = tokio::io::duplex(1);
        tokio::time::timeout(std::time::Duration::from_millis(1), buffer.read(&mut silent)).await.expect_err("nothing comes");
        assert!(buffer.used.is_empty());
    }

    #[tokio::test]
    async fn short_reads_make_a_small_buffer_of_a_large_one() {
        let mut buffer = ReadBuffer { size: LARGE_READ, ..ReadBuffer::new() };
        reads(&mut buffer, 10, 1000).await;
        assert_eq!(buffer.size, SMALL_READ);
    }
}
