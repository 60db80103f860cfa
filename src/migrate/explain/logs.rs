//! Finds CRIU's logs in whatever was given: a text, a packed text, or an archive of a checkpoint.

use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use serde::Serialize;

use super::{Explanation, explain_read};

/// A packed archive in a packed file; what is packed oftener is taken as it is.
const LAYERS: usize = 2;

/// A tar archive has its mark in its first block.
const BLOCK: usize = 512;

/// What one log says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// Its path in the archive or directory; none for a text that was given as it is.
    pub name: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// Whether a file of this name is a log of CRIU's.
pub fn is_log(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| name.ends_with("dump.log") || name.ends_with("restore.log"))
}

/// Explains what a reader gives. An archive without a log has none.
pub fn logs(reader: impl Read) -> io::Result<Vec<Log>> {
    unpack(Box::new(reader), LAYERS)
}

fn unpack<'a>(mut reader: Box<dyn Read + 'a>, layers: usize) -> io::Result<Vec<Log>> {
    let mut first = Vec::with_capacity(BLOCK);
    reader.by_ref().take(BLOCK as u64).read_to_end(&mut first)?;
    let (gzip, zstd) = (first.starts_with(&[0x1f, 0x8b]), first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    let tar = first.get(257..262) == Some(b"ustar");
    let whole = Cursor::new(first).chain(reader);
    if layers > 0 && gzip {
        return unpack(Box::new(flate2::read::MultiGzDecoder::new(whole)), layers - 1);
    }
    if layers > 0 && zstd {
        return unpack(Box::new(zstd::stream::read::Decoder::new(whole)?), layers - 1);
    }
    if tar {
        return members(whole);
    }
    Ok(vec![Log { name: None, explanation: explain_read(&mut BufReader::new(whole))? }])
}

fn members(reader: impl Read) -> io::Result<Vec<Log>> {
    let mut found = Vec::new();
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries()? {
        let mut entry = match entry {
            Ok(entry) => entry,
            // An archive that was cut off may have its log before that.
            Err(error) if found.is_empty() => return Err(error),
            Err(_) => break,
        };
        let path = entry.path()?.into_owned();
        if entry.header().entry_type().is_file() && is_log(&path) {
            let explanation = explain_read(&mut BufReader::new(&mut entry))?;
            found.push(Log { name: Some(path.to_string_lossy().into_owned()), explanation });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &str = "(00.1) Error (criu/sk-inet.c:200): inet: Connected TCP socket, consider using --tcp-established option.\n";

    fn archive() -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, text) in [("checkpoint/inventory.img", "x"), ("dump.log", TEXT), ("restore.log", "")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            header.set_cksum();
            archive.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[track_caller]
    fn finds(bytes: &[u8], names: &[Option<&str>]) {
        let found = logs(bytes).unwrap();
        assert_eq!(found.iter().map(|log| log.name.as_deref()).collect::<Vec<_>>(), names);
        assert_eq!(found[0].explanation.failure().map(|failure| failure.id.as_str()), Some("F29"));
    }

    #[test]
    fn logs_are_found_in_archives_and_packed_files() {
        let both = [Some("dump.log"), Some("restore.log")];
        finds(&archive(), &both);
        finds(&gzip(&archive()), &both);
        finds(&zstd::stream::encode_all(&archive()[..], 1).unwrap(), &both);
        finds(TEXT.as_bytes(), &[None]);
        finds(&gzip(TEXT.as_bytes()), &[None]);
    }

    #[test]
    fn an_archive_without_logs_or_a_damaged_one_is_no_text() {
        let mut empty = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_cksum();
        empty.append_data(&mut header, "spec.dump", &b""[..]).unwrap();
        assert_eq!(logs(&empty.into_inner().unwrap()[..]).unwrap(), []);
        assert!(logs(&gzip(&archive())[..60]).is_err());
        // The log comes before the cut.
        finds(&archive()[..2048 + 256], &[Some("dump.log")]);
    }
}
