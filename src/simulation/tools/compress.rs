//! gzip(1) and zstd(1), in the world's time.

use std::time::Duration;

use bytes::Bytes;

use super::call::{Call, Failure, Grammar, Outcome, base, fail, input};
use super::codec::{Codec, Direction, Kind, ROOM};
use super::lines::PIECE;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::Node;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::open::{Access, OpenFile};
use crate::simulation::machine::process::Process;

/// Bytes that a core compresses in a second, and those that it makes again: `zstd -1` and `gzip -1` on the servers
/// of this decade, as their own `-b` says.
#[derive(Clone, Copy, Debug)]
struct Speed {
    compress: f64,
    decompress: f64,
}

const ZSTD: Speed = Speed { compress: 400e6, decompress: 800e6 };

const GZIP: Speed = Speed { compress: 90e6, decompress: 350e6 };

/// Work that has been done and whose time has not passed yet.
struct Work<'a> {
    process: &'a Process,
    rate: f64,
    owed: f64,
}

/// Less than this is not waited for alone, seconds: the clock's own steps of a millisecond must not add up.
const TICK: f64 = 0.02;

impl Work<'_> {
    async fn did(&mut self, bytes: usize) {
        self.owed += bytes as f64 / self.rate;
        if self.owed >= TICK {
            self.process.machine.spend(Duration::from_secs_f64(std::mem::take(&mut self.owed))).await;
        }
    }

    async fn finish(self) {
        if self.owed > 0.0 {
            self.process.machine.spend(Duration::from_secs_f64(self.owed)).await;
        }
    }
}

/// Why a conversion ended early.
enum Broken {
    /// The input cannot be read, or is not what it should be.
    Input(String),
    /// The output cannot be written.
    Output(Errno),
}

/// Passes a file through a codec, piece by piece.
async fn convert(
    process: &Process,
    codec: &mut Codec,
    rate: f64,
    from: &OpenFile,
    to: &OpenFile,
) -> Result<(), Broken> {
    let decompresses = matches!(codec, Codec::GzipOut { .. } | Codec::ZstdOut { .. });
    let mut work = Work { process, rate, owed: 0.0 };
    loop {
        let bytes = from.read(PIECE).await.map_err(|error| Broken::Input(error.to_string()))?;
        let ended = bytes.is_empty();
        // In steps, so that one piece of a well compressed file does not become a gigabyte at once.
        let steps: Vec<&[u8]> = if ended { vec![&[]] } else { bytes.chunks(ROOM).collect() };
        for step in steps {
            let result = if ended { codec.finish() } else { codec.feed(step) }.map_err(Broken::Input)?;
            work.did(if decompresses { result.len() } else { step.len() }).await;
            to.write(Bytes::from(result)).await.map_err(Broken::Output)?;
        }
        if ended {
            work.finish().await;
            return Ok(());
        }
    }
}

/// What the two programs have in common.
struct Format {
    name: &'static str,
    suffix: &'static str,
    /// How standard input is called in messages.
    standard_input: &'static str,
    speed: Speed,
    /// Whether the source is removed when a file has been made of it.
    removes: bool,
}

/// gzip(1), gunzip(1), zcat(1)
pub(super) async fn gzip(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "123456789cdfhklnNqrtv",
            long: &[
                ("stdout", 'c'),
                ("to-stdout", 'c'),
                ("decompress", 'd'),
                ("uncompress", 'd'),
                ("force", 'f'),
                ("keep", 'k'),
                ("quiet", 'q'),
                ("test", 't'),
                ("verbose", 'v'),
                ("fast", '1'),
                ("best", '9'),
                ("no-name", 'n'),
            ],
            wrong: 1,
        },
    )?;
    let format =
        Format { name: "gzip", suffix: ".gz", standard_input: "stdin", speed: GZIP, removes: !call.has('k') };
    let decompress = call.has('d') || call.has('t') || matches!(base(words), "gunzip" | "zcat");
    let out = call.has('c') || base(words) == "zcat";
    let level = call.last_of("123456789").and_then(|key| key.to_digit(10));
    let direction = if decompress { Direction::Out } else { Direction::In };
    let codec = || Codec::new(Kind::Gzip, direction, level);
    run(process, &call, &format, (decompress, out), codec).await
}

/// zstd(1), unzstd(1), zstdcat(1)
pub(super) async fn zstd(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "123456789cdfkqtvzo:T:",
            long: &[
                ("stdout", 'c'),
                ("decompress", 'd'),
                ("force", 'f'),
                ("keep", 'k'),
                ("rm", 'R'),
                ("quiet", 'q'),
                ("test", 't'),
                ("verbose", 'v'),
                ("threads=", 'T'),
                ("fast?", '1'),
                ("long?", 'L'),
                ("no-progress", 'q'),
            ],
            wrong: 1,
        },
    )?;
    let format = Format {
        name: "zstd",
        suffix: ".zst",
        standard_input: "/*stdin*\\",
        speed: ZSTD,
        removes: call.has('R'),
    };
    let decompress = call.has('d') || call.has('t') || matches!(base(words), "unzstd" | "zstdcat");
    let out = call.has('c') || base(words) == "zstdcat";
    let level: String = call.options.iter().map(|(key, _)| key).filter(|key| key.is_ascii_digit()).collect();
    let level = level.parse().ok();
    let direction = if decompress { Direction::Out } else { Direction::In };
    let codec = || Codec::new(Kind::Zstd, direction, level);
    run(process, &call, &format, (decompress, out), codec).await
}

async fn run(
    process: &Process,
    call: &Call,
    format: &Format,
    (decompress, to_standard_output): (bool, bool),
    codec: impl Fn() -> std::io::Result<Codec>,
) -> Outcome {
    let rate = if decompress { format.speed.decompress } else { format.speed.compress };
    let mut code = 0;
    for path in call.inputs() {
        let shown = if path == "-" { format.standard_input } else { &path };
        let target = if path == "-" || to_standard_output {
            None
        } else if let Some(target) = call.value('o') {
            Some(target.to_owned())
        } else if !decompress {
            Some(format!("{path}{}", format.suffix))
        } else {
            match path.strip_suffix(format.suffix) {
                Some(target) => Some(target.to_owned()),
                None if call.has('t') => None,
                None => {
                    process.complain(format!("{}: {path}: unknown suffix -- ignored", format.name)).await;
                    code = 2;
                    continue;
                }
            }
        };
        let opened = match input(process, &path).await {
            Ok(file) if file.node().is_some_and(|node| node.is_directory()) => Err(Errno::IsADirectory),
            opened => opened,
        };
        let from = match opened {
            Ok(file) => file,
            Err(error) => {
                let text = match (format.name, error) {
                    ("zstd", Errno::NotFound) => format!("zstd: can't stat {path} : {error} -- ignored "),
                    ("gzip", Errno::IsADirectory) => format!("gzip: {path} is a directory -- ignored"),
                    (name, error) => format!("{name}: {path}: {error}"),
                };
                process.complain(text).await;
                code = 1;
                continue;
            }
        };
        let to = match &target {
            _ if call.has('t') => process.null()?,
            None => process.files.get(&1).cloned().ok_or(Errno::BadDescriptor)?,
            Some(target) => {
                let access = if call.has('f') { Access::Write } else { Access::New };
                match process.open(target, access).await {
                    Ok(file) => file,
                    Err(Errno::Exists) => {
                        let text = match format.name {
                            "zstd" => format!("zstd: {target} already exists; not overwritten  "),
                            _ => format!("gzip: {target} already exists;\tnot overwritten"),
                        };
                        process.complain(text).await;
                        code = if format.name == "zstd" { 1 } else { 2 };
                        continue;
                    }
                    Err(error) => return fail(format!("{target}: {error}")),
                }
            }
        };
        let mut codec = match codec() {
            Ok(codec) => codec,
            Err(error) => return fail(error.to_string()),
        };
        match convert(process, &mut codec, rate, &from, &to).await {
            Ok(()) => {
                if let (Some(target), Some(node)) = (&target, from.node()) {
                    keep_age(process, node, target);
                    if format.removes {
                        let _ = process.remove(&path);
                    }
                }
            }
            Err(broken) => {
                if let Some(target) = &target {
                    let _ = process.remove(target);
                }
                let text = match broken {
                    Broken::Output(error) if target.is_none() => return Err(Failure::Output(error)),
                    Broken::Output(error) => error.to_string(),
                    Broken::Input(text) => text,
                };
                let blank = if format.name == "gzip" && path == "-" { "\n" } else { "" };
                // zstd tells an archive that breaks off in another way than one that is none.
                process
                    .complain(match text.contains("error (") {
                        true => format!("{shown} : {text} "),
                        false => format!("{blank}{}: {shown}: {text}", format.name),
                    })
                    .await;
                code = 1;
            }
        }
    }
    Ok(code)
}

/// What was made of a file has its owner, permissions and age.
fn keep_age(process: &Process, source: &Node, target: &str) {
    if let Ok(place) = process.find(target, LastLink::Follow) {
        let metadata = source.metadata();
        place.node.change(|changed| *changed = metadata);
    }
}
