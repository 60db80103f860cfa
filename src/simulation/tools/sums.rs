//! sha256sum(1)

use sha2::{Digest, Sha256};

use super::call::{Call, Failure, Grammar, Outcome, base, fail, input};
use super::lines::{PIECE, read_whole};
use crate::simulation::hex;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::process::Process;

/// sha256sum(1)
pub(super) async fn sum(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "bctz",
            long: &[
                ("binary", 'b'),
                ("check", 'c'),
                ("text", 't'),
                ("zero", 'z'),
                ("quiet", 'q'),
                ("status", 's'),
                ("tag", 'T'),
            ],
            wrong: 1,
        },
    )?;
    let name = base(words);
    let mut code = 0;
    for path in call.inputs() {
        if call.has('c') {
            code |= check(process, &call, name, &path).await?;
            continue;
        }
        match hash(process, &path).await {
            Ok(sum) => {
                let mark = if call.has('b') { '*' } else { ' ' };
                // Without -z a name with a line end in it is escaped and marked.
                let escaped = path.replace('\\', "\\\\").replace('\n', "\\n");
                let line = match (call.has('z'), call.has('T')) {
                    (_, true) => format!("SHA256 ({path}) = {sum}\n"),
                    (true, _) => format!("{sum} {mark}{path}\0"),
                    (false, _) if escaped != path => format!("\\{sum} {mark}{escaped}\n"),
                    (false, _) => format!("{sum} {mark}{path}\n"),
                };
                process.out(line).await?;
            }
            Err(error) => {
                process.complain(format!("{name}: {path}: {error}")).await;
                code = 1;
            }
        }
    }
    Ok(code)
}

async fn hash(process: &Process, path: &str) -> Result<String, Errno> {
    let file = input(process, path).await?;
    let mut hasher = Sha256::new();
    loop {
        let bytes = file.read(PIECE).await?;
        if bytes.is_empty() {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&bytes);
    }
}

async fn check(process: &Process, call: &Call, name: &str, list: &str) -> Result<u8, Failure> {
    let read = match input(process, list).await {
        Ok(file) => read_whole(&file).await,
        Err(error) => Err(error),
    };
    let text = match read {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return fail(format!("{list}: {error}")),
    };
    let (mut wrong, mut unreadable) = (0, 0);
    for line in text.lines() {
        let Some((sum, path)) =
            line.split_once([' ']).map(|(sum, path)| (sum, path.get(1..).unwrap_or_default()))
        else {
            continue;
        };
        let verdict = match hash(process, path).await {
            Ok(found) if found.eq_ignore_ascii_case(sum) => "OK",
            Ok(_) => {
                wrong += 1;
                "FAILED"
            }
            Err(error) => {
                process.complain(format!("{name}: {path}: {error}")).await;
                unreadable += 1;
                "FAILED open or read"
            }
        };
        let quiet = call.has('s') || call.has('q') && verdict == "OK";
        if !quiet {
            process.out(format!("{path}: {verdict}\n")).await?;
        }
    }
    let plural = |count: u32, one: &str, more: &str| {
        if count == 1 { format!("1 {one}") } else { format!("{count} {more}") }
    };
    if unreadable > 0 && !call.has('s') {
        let text = plural(unreadable, "listed file could not be read", "listed files could not be read");
        process.complain(format!("{name}: WARNING: {text}")).await;
    }
    if wrong > 0 && !call.has('s') {
        let text = plural(wrong, "computed checksum did NOT match", "computed checksums did NOT match");
        process.complain(format!("{name}: WARNING: {text}")).await;
    }
    Ok(u8::from(wrong + unreadable > 0))
}
