//! From the bytes of the sampling loop to frames, one for each sample.

use std::collections::VecDeque;

/// Longer lines come from no file that is read; /proc/net/dev's are some 130 bytes.
const LONGEST_LINE: usize = 4096;

/// Some 1,500 containers. More than this is no sample, and must not fill the laptop's memory.
const LARGEST_FRAME: usize = 1 << 20;

/// One answer of the loop: what its first line says, and the lines up to its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    /// The number with which the sample was asked for.
    pub sequence: u64,
    /// Seconds since the host's start.
    pub uptime: f64,
    /// The host's clock, Unix seconds.
    pub clock: f64,
    /// Number of processors.
    pub processors: u32,
    /// `file:line` for each line read.
    pub lines: Vec<String>,
}

/// Why bytes did not become a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a sample was cut off")]
    CutOff,
    #[error("a sample was larger than 1 MiB")]
    TooLarge,
    #[error("a sample began with a line that cannot be understood")]
    Header,
}

/// Cuts a stream of bytes into frames. What stands outside of frames (a login message, say) is passed over.
/// Memory is bounded whatever comes in.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    line: Vec<u8>,
    line_overflows: bool,
    frame: Option<Frame>,
    size: usize,
    finished: VecDeque<Result<Frame, FrameError>>,
}

impl FrameReader {
    /// Takes bytes in and gives out the frames that they complete, and the breaks that they show.
    pub fn push(&mut self, bytes: &[u8]) -> impl Iterator<Item = Result<Frame, FrameError>> + '_ {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            if self.line.len() + text.len() > LONGEST_LINE {
                self.line_overflows = true;
                self.line.clear();
            } else if !self.line_overflows {
                self.line.extend_from_slice(text);
            }
            if ends {
                if !std::mem::take(&mut self.line_overflows) {
                    let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                    self.take_line(line);
                }
                self.line.clear();
            }
        }
        self.finished.drain(..)
    }

    fn take_line(&mut self, line: String) {
        if let Some(header) = line.strip_prefix("drover-begin ") {
            if self.frame.take().is_some() {
                self.finish(Err(FrameError::CutOff));
            }
            self.size = 0;
            match parse_header(header) {
                Some(frame) => self.frame = Some(frame),
                None => self.finish(Err(FrameError::Header)),
            }
        } else if let Some(sequence) = line.strip_prefix("drover-end ") {
            if let Some(frame) = self.frame.take() {
                let whole = sequence.trim().parse() == Ok(frame.sequence);
                self.finish(if whole { Ok(frame) } else { Err(FrameError::CutOff) });
            }
        } else if let Some(frame) = &mut self.frame {
            self.size += line.len() + size_of::<String>();
            if self.size > LARGEST_FRAME {
                self.frame = None;
                self.finish(Err(FrameError::TooLarge));
            } else {
                frame.lines.push(line);
            }
        }
    }

    /// Keeps the last few results of one push: a host is asked for one sample at a time, so more than that is
    /// a flood.
    fn finish(&mut self, result: Result<Frame, FrameError>) {
        if self.finished.len() == 4 {
            self.finished.pop_front();
        }
        self.finished.push_back(result);
    }
}

/// Sequence, uptime, clock, uptime at which the clock was read, processors.
fn parse_header(header: &str) -> Option<Frame> {
    let fields: Vec<&str> = header.split_whitespace().collect();
    let [sequence, uptime, clock, clock_uptime, processors] = fields[..] else { return None };
    let seconds = |text: &str| text.parse::<f64>().ok().filter(|value| (0.0..1e12).contains(value));
    let uptime = seconds(uptime)?;
    // Where date knows no nanoseconds it leaves “%N” standing: half a second is the best guess then.
    let clock = match clock.split_once('.') {
        Some((whole, fraction))
            if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || fraction.is_empty() =>
        {
            seconds(whole)? + 0.5
        }
        _ => seconds(clock)?,
    };
    Some(Frame {
        sequence: sequence.parse().ok()?,
        uptime,
        clock: clock + (uptime - seconds(clock_uptime)?).max(0.0),
        processors: processors.parse().ok()?,
        lines: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Vec<Result<Frame, FrameError>> {
        FrameReader::default().push(text).collect()
    }

    #[test]
    fn a_frame_arrives_whole_however_it_is_cut() {
        let text = b"Welcome!\ndrover-begin 7 100.50 1700000000.25 40.50 2\na:1\nb:2\ndrover-end 7\n";
        let expected = Frame {
            sequence: 7,
            uptime: 100.5,
            clock: 1_700_000_060.25,
            processors: 2,
            lines: vec!["a:1".into(), "b:2".into()],
        };
        assert_eq!(read(text), [Ok(expected.clone())]);
        let mut reader = FrameReader::default();
        let bytewise: Vec<_> =
            text.iter().flat_map(|byte| reader.push(&[*byte]).collect::<Vec<_>>()).collect();
        assert_eq!(bytewise, [Ok(expected)]);
    }

    #[test]
    fn breaks_are_seen() {
        let begin = "drover-begin 1 1 1 1 1\n";
        assert_eq!(read(format!("{begin}{begin}").as_bytes()), [Err(FrameError::CutOff)]);
        assert_eq!(read(format!("{begin}drover-end 2\n").as_bytes()), [Err(FrameError::CutOff)]);
        assert_eq!(read(b"drover-begin x\n"), [Err(FrameError::Header)]);
        assert_eq!(read(b"drover-begin 1 nan 1 1 1\n"), [Err(FrameError::Header)]);
        assert_eq!(read(b"drover-end 1\n"), []);
    }

    #[test]
    fn a_clock_without_fractions_is_taken() {
        let [Ok(frame)] = &read(b"drover-begin 1 5.0 1700000000.%N 5.0 1\ndrover-end 1\n")[..] else {
            panic!()
        };
        assert_eq!(frame.clock, 1_700_000_000.5);
    }

    #[test]
    fn a_flood_neither_fills_memory_nor_hides_the_next_sample() {
        let mut reader = FrameReader::default();
        assert_eq!(reader.push(b"drover-begin 1 1 1 1 1\n").count(), 0);
        let flood = "x".repeat(1000) + "\n";
        let errors: Vec<_> =
            (0..5000).flat_map(|_| reader.push(flood.as_bytes()).collect::<Vec<_>>()).collect();
        assert_eq!(errors, [Err(FrameError::TooLarge)]);
        for _ in 0..1000 {
            assert_eq!(reader.push(&[b'y'; 10_000]).count(), 0);
            assert!(reader.line.capacity() <= 2 * LONGEST_LINE);
        }
        let after: Vec<_> = reader.push(b"\ndrover-begin 2 1 1 1 1\ndrover-end 2\n").collect();
        assert!(matches!(&after[..], [Ok(Frame { sequence: 2, .. })]), "{after:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(
            parts in proptest::collection::vec(prop_oneof![
                any::<Vec<u8>>(),
                Just(b"drover-begin 1 2 3 4 5\n".to_vec()),
                Just(b"drover-begin 18446744073709551615 1e300 -1 NaN 4294967295\n".to_vec()),
                Just(b"drover-end 1\n".to_vec()),
                Just(b"\n".to_vec()),
            ], 0..20)
        ) {
            let mut reader = FrameReader::default();
            for part in parts {
                for frame in reader.push(&part).flatten() {
                    prop_assert!(frame.clock.is_finite() && frame.uptime.is_finite());
                }
                prop_assert!(reader.size <= LARGEST_FRAME && reader.line.len() <= LONGEST_LINE);
            }
        }
    }
}
