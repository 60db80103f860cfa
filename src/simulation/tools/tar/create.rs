//! Making archives and adding to them.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::call::{Call, Failure, Outcome};
use super::super::path::inside;
use super::super::show::known_name;
use super::super::stat::device_numbers;
use super::archive::{BLOCK, Sink, Source};
use super::extract::long_line;
use super::member::{Extensions, Member, What};
use super::names::{Name, Names, Recursion};
use super::{Format, Said, fatal};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Kind, Node};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::open::{Access, OpenFile};
use crate::simulation::machine::process::Process;

struct Making<'a> {
    process: &'a mut Process,
    call: &'a Call,
    names: Names,
    format: Format,
    sink: Sink,
    said: Said,
    /// Files with several names are put in once.
    seen: HashMap<usize, String>,
    /// The mount that `--one-file-system` stays in.
    mount: Option<String>,
}

/// Makes an archive.
pub(super) async fn create(
    process: &mut Process,
    call: &Call,
    names: Names,
    format: Format,
    sink: Sink,
) -> Outcome {
    let mut making = Making {
        process,
        call,
        names,
        format,
        sink,
        said: Said::default(),
        seen: HashMap::new(),
        mount: None,
    };
    making.all().await?;
    let Making { process, sink, said, .. } = making;
    written(sink.finish().await, call)?;
    said.end(process).await
}

/// Adds to an archive that is there.
pub(super) async fn append(
    process: &mut Process,
    call: &Call,
    names: Names,
    format: Format,
    file: Arc<OpenFile>,
) -> Outcome {
    let Some(node) = file.node().cloned() else {
        return fatal("Cannot seek: Illegal seek");
    };
    let end = match end_of(&node).await {
        Ok(end) => end,
        Err(text) => {
            process.complain(format!("tar: {text}")).await;
            return fatal("Exiting with failure status due to previous errors");
        }
    };
    if let Err(error) = node.write(|content| content.resize(end)) {
        return fatal(format!("-: Cannot write: {error}"));
    }
    create(process, call, names, format, Sink::after(file, end)).await
}

/// Where the blocks begin that end an archive.
async fn end_of(node: &Node) -> Result<u64, String> {
    let file = OpenFile::open(node.clone(), Access::Read).await.map_err(|error| error.to_string())?;
    let mut source = Source::new(file, None).await?;
    let mut end = 0;
    let mut globals = Extensions::default();
    while let Some((member, blocks)) = Member::read(&mut source, &mut globals).await? {
        let padded = member.size.next_multiple_of(BLOCK as u64);
        end += blocks * BLOCK as u64 + padded;
        if !source.skip(padded).await? {
            return Err("Unexpected EOF in archive".into());
        }
    }
    Ok(end)
}

/// An archive that cannot be written is the end of all.
fn written(result: Result<(), Errno>, call: &Call) -> Result<(), Failure> {
    match (result, call.value('f').unwrap_or("-")) {
        (Err(error), "-") if error == Errno::BrokenPipe => Err(error.into()),
        (Err(error), path) => fatal(format!("{path}: Cannot write: {error}")),
        (Ok(()), _) => Ok(()),
    }
}

/// A path still to be put in: as it is shown, and where it is.
struct Step {
    shown: String,
    place: String,
    recursion: Recursion,
}

impl Making<'_> {
    async fn all(&mut self) -> Result<(), Failure> {
        while let Some(name) = self.names.list.pop_front() {
            let (path, recursion) = match name {
                Name::Directory(path) => {
                    super::extract::enter(self.process, &path)?;
                    continue;
                }
                Name::Path(path, recursion) => (path, recursion),
            };
            self.mount = match self.process.find(&path, LastLink::Keep) {
                Ok(place) if self.call.has('F') => {
                    self.process.namespace.mount_of(&place.path).map(|mount| mount.at)
                }
                _ => None,
            };
            let place = inside(&self.process.directory, &path);
            let place = if path.starts_with('/') { path.clone() } else { place };
            let mut steps = vec![Step { shown: path, place, recursion }];
            while let Some(step) = steps.pop() {
                let inner = self.one(&step).await?;
                steps.extend(inner.into_iter().rev());
            }
        }
        Ok(())
    }

    /// Puts one thing in and says what is in it.
    async fn one(&mut self, step: &Step) -> Result<Vec<Step>, Failure> {
        if self.names.excludes(&step.shown) {
            return Ok(Vec::new());
        }
        let last = if self.call.has('h') { LastLink::Follow } else { LastLink::Keep };
        let trimmed = match step.place.trim_end_matches('/') {
            "" => "/",
            trimmed => trimmed,
        };
        let place = match self.process.find(trimmed, last) {
            Ok(place) => place,
            Err(error) => {
                let text = format!("{}: Cannot stat: {error}", step.shown);
                if self.call.has('G') {
                    self.process.complain(format!("tar: {text}")).await;
                } else {
                    self.said.error(self.process, text).await;
                }
                return Ok(Vec::new());
            }
        };
        let node = place.node;
        if self.sink.file().node().is_some_and(|archive| Arc::ptr_eq(archive, &node)) {
            self.process
                .complain(format!("tar: {}: archive cannot contain itself; not dumped", step.shown))
                .await;
            return Ok(Vec::new());
        }
        let mut name = self.said.member_name(self.process, &step.shown, self.call.has('P')).await;
        let (mut target, mut size) = (String::new(), 0);
        let what = match &node.kind {
            Kind::Socket(_) => {
                self.process.complain(format!("tar: {}: socket ignored", step.shown)).await;
                return Ok(Vec::new());
            }
            Kind::Directory(_) | Kind::Living(_) | Kind::Overlay(_) => {
                if !name.ends_with('/') {
                    name.push('/');
                }
                What::Directory
            }
            Kind::Link(to) => {
                target = to.clone();
                What::SymbolicLink
            }
            Kind::Fifo(_) => What::Fifo,
            Kind::Device(device) => {
                let (major, minor) = device_numbers(*device);
                What::Device(major, minor)
            }
            Kind::File(_) | Kind::Figure(_) => match self.seen.get(&(Arc::as_ptr(&node) as usize)) {
                Some(first) => {
                    target = first.clone();
                    What::HardLink
                }
                None => {
                    self.seen.insert(Arc::as_ptr(&node) as usize, name.clone());
                    What::File
                }
            },
        };
        let content = match what {
            What::File => node.content().unwrap_or_default(),
            _ => Default::default(),
        };
        if what == What::File {
            size = content.length();
        }
        let metadata = node.metadata();
        let owner = |file: &str, id| match self.call.has('N') {
            true => String::new(),
            false => known_name(self.process, file, id).unwrap_or_default(),
        };
        let member = Member {
            name,
            what,
            metadata,
            size,
            target,
            user: owner("/etc/passwd", metadata.user),
            group: owner("/etc/group", metadata.group),
        };
        self.tell(&member).await?;
        written(self.sink.put(member.headers(self.format)).await, self.call)?;
        for piece in content.pieces() {
            written(self.sink.put(piece.clone()).await, self.call)?;
        }
        written(self.sink.pad().await, self.call)?;
        let elsewhere = || self.process.namespace.mount_of(&place.path).map(|mount| mount.at) != self.mount;
        if what != What::Directory || step.recursion == Recursion::Off || self.mount.is_some() && elsewhere()
        {
            return Ok(Vec::new());
        }
        let names = match node.names() {
            Ok(names) => names,
            Err(error) => {
                let text = format!("{}: Cannot open: {error}", step.shown);
                self.said.error(self.process, text).await;
                return Ok(Vec::new());
            }
        };
        let step = |name: String| Step {
            shown: inside(&step.shown, &name),
            place: inside(&place.path, &name),
            recursion: step.recursion,
        };
        Ok(names.into_iter().map(step).collect())
    }

    /// Says what is put in, where that is wanted: not into the archive itself.
    async fn tell(&self, member: &Member) -> Result<(), Failure> {
        let wanted = self.call.options.iter().filter(|(key, _)| *key == 'v').count();
        let line = match wanted {
            0 => return Ok(()),
            1 => member.name.clone(),
            _ => long_line(member, &mut 19),
        };
        if self.call.value('f').unwrap_or("-") == "-" {
            self.process.complain(line).await;
        } else {
            self.process.out(line + "\n").await?;
        }
        Ok(())
    }
}
