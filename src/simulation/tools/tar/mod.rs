//! tar(1) as GNU has it: what is called for is read here; [`create`] and [`extract`] do it over [`archive`]'s streams.

mod archive;
mod create;
mod extract;
mod member;
mod names;

use std::sync::Arc;

use self::archive::{Sink, Source};
use self::names::Names;
use super::call::{Call, Failure, Grammar, Outcome};
use super::codec::Kind as Compression;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::open::{Access, OpenFile};
use crate::simulation::machine::process::Process;

const GRAMMAR: Grammar = Grammar {
    short: "cxtrf:C:vzpOkhPST:X:I:ajJlmoUwWb:g:H:",
    long: &[
        ("create", 'c'),
        ("extract", 'x'),
        ("get", 'x'),
        ("list", 't'),
        ("append", 'r'),
        ("file=", 'f'),
        ("directory=", 'C'),
        ("verbose", 'v'),
        ("gzip", 'z'),
        ("gunzip", 'z'),
        ("zstd", '1'),
        ("auto-compress", 'a'),
        ("preserve-permissions", 'p'),
        ("same-permissions", 'p'),
        ("no-same-permissions", '8'),
        ("same-owner", '2'),
        ("no-same-owner", '3'),
        ("to-stdout", 'O'),
        ("dereference", 'h'),
        ("absolute-names", 'P'),
        ("files-from=", 'T'),
        ("null", '0'),
        ("no-null", '4'),
        ("recursion", '5'),
        ("no-recursion", '6'),
        ("strip-components=", '7'),
        ("exclude=", 'E'),
        ("exclude-from=", 'X'),
        ("format=", 'H'),
        ("numeric-owner", 'N'),
        ("wildcards", 'w'),
        ("one-file-system", 'F'),
        ("ignore-failed-read", 'G'),
        ("keep-old-files", 'k'),
        ("skip-old-files", 'K'),
        ("totals", '9'),
        ("xattrs", '9'),
        ("no-xattrs", '9'),
        ("xattrs-include=", '9'),
        ("xattrs-exclude=", '9'),
        ("acls", '9'),
        ("selinux", '9'),
        ("no-acls", '9'),
        ("no-selinux", '9'),
        ("sparse", 'S'),
        ("overwrite", '9'),
        ("warning=", '9'),
        ("sort=", '9'),
        ("touch", 'm'),
        ("unlink-first", 'U'),
        ("force-local", '9'),
    ],
    wrong: 64,
};

/// How headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// GNU's own, with whole seconds.
    Gnu,
    /// POSIX.1-2001, with records for what does not fit.
    Posix,
}

/// What has been said on the way, as GNU tar counts it.
#[derive(Default)]
struct Said {
    /// Something is missing from the result.
    failed: bool,
    /// That leading slashes are taken away.
    slashes: bool,
}

impl Said {
    async fn error(&mut self, process: &Process, text: String) {
        self.failed = true;
        process.complain(format!("tar: {text}")).await;
    }

    /// A path as a member's name.
    async fn member_name(&mut self, process: &Process, path: &str, keep: bool) -> String {
        let name = path.trim_start_matches('/');
        if keep || name.len() == path.len() {
            return path.to_owned();
        }
        if !std::mem::replace(&mut self.slashes, true) {
            process.complain("tar: Removing leading `/' from member names").await;
        }
        if name.is_empty() { "./".to_owned() } else { name.to_owned() }
    }

    async fn end(self, process: &Process) -> Outcome {
        if self.failed {
            process.complain("tar: Exiting with failure status due to previous errors").await;
            return Ok(2);
        }
        Ok(0)
    }
}

/// Ends it all at once.
fn fatal<T>(text: impl std::fmt::Display) -> Result<T, Failure> {
    Err(Failure::Said(2, format!("{text}\ntar: Error is not recoverable: exiting now")))
}

/// A call of the old kind, `tar xzf archive`, in the new one.
fn modern(words: &[String]) -> Vec<String> {
    let Some(bundle) = words.get(1).filter(|word| !word.starts_with('-') && !word.is_empty()) else {
        return words.to_vec();
    };
    let mut modern = vec![words[0].clone()];
    let mut rest = words[2..].iter();
    for letter in bundle.chars() {
        modern.push(format!("-{letter}"));
        let takes = GRAMMAR.short.find(letter).is_some_and(|at| GRAMMAR.short[at + 1..].starts_with(':'));
        if takes {
            modern.extend(rest.next().cloned());
        }
    }
    modern.extend(rest.cloned());
    modern
}

/// tar(1)
pub(super) async fn tar(process: &mut Process, words: &[String]) -> Outcome {
    let words = modern(words);
    let mut call = Call::parse(&words, &GRAMMAR)?;
    // `--xattrs-include` and its like take a value, which means nothing here.
    call.options.retain(|(key, _)| *key != '9');
    let usage = "Try 'tar --help' or 'tar --usage' for more information.";
    let operations: Vec<char> =
        call.options.iter().map(|(key, _)| *key).filter(|key| "cxtr".contains(*key)).collect();
    let Some(operation) = operations.first().copied() else {
        let text = "You must specify one of the '-Acdtrux', '--delete' or '--test-label' options";
        return Err(Failure::Said(2, format!("{text}\n{usage}")));
    };
    if operations.iter().any(|other| *other != operation) {
        let text = "You may not specify more than one '-Acdtrux', '--delete' or  '--test-label' option";
        return Err(Failure::Said(2, format!("{text}\n{usage}")));
    }
    let format = match call.value('H') {
        None | Some("gnu" | "oldgnu") => Format::Gnu,
        Some("posix" | "pax" | "ustar") => Format::Posix,
        Some(other) => {
            return Err(Failure::Said(2, format!("{other}: Invalid archive format\n{usage}")));
        }
    };
    let archive = call.value('f').unwrap_or("-").to_owned();
    let names = Names::read(process, &call).await?;
    if matches!(operation, 'c' | 'r') && names.is_nothing() && operation == 'c' {
        return Err(Failure::Said(2, format!("Cowardly refusing to create an empty archive\n{usage}")));
    }
    match operation {
        'c' => {
            let file = open(process, &archive, Access::Write, 1).await?;
            let sink = Sink::new(file, compression(&call, &archive))
                .map_err(|error| Failure::Said(2, error.to_string()))?;
            create::create(process, &call, names, format, sink).await
        }
        'r' => {
            let file = open(process, &archive, Access::Append, 1).await?;
            create::append(process, &call, names, format, file).await
        }
        _ => {
            let file = open(process, &archive, Access::Read, 0).await?;
            let source = match Source::new(file, compression(&call, "")).await {
                Ok(source) => source,
                Err(text) => return fatal(text),
            };
            extract::extract(process, &call, names, source).await
        }
    }
}

fn compression(call: &Call, archive: &str) -> Option<Compression> {
    let named = |program: &str| match program.split_whitespace().next() {
        Some("gzip" | "pigz") => Some(Compression::Gzip),
        Some("zstd" | "zstdmt") => Some(Compression::Zstd),
        _ => None,
    };
    match call.last_of("z1aI") {
        Some('z') => Some(Compression::Gzip),
        Some('1') => Some(Compression::Zstd),
        Some('I') => call.value('I').and_then(named),
        Some(_) if archive.ends_with(".gz") || archive.ends_with(".tgz") => Some(Compression::Gzip),
        Some(_) if archive.ends_with(".zst") => Some(Compression::Zstd),
        _ => None,
    }
}

async fn open(process: &Process, path: &str, access: Access, own: u32) -> Result<Arc<OpenFile>, Failure> {
    let opened = match path {
        "-" => process.files.get(&own).cloned().ok_or(Errno::BadDescriptor),
        path => process.open(path, access).await,
    };
    match opened {
        Ok(file) => Ok(file),
        Err(error) => fatal(format!("{path}: Cannot open: {error}")),
    }
}
